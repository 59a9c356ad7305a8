//! Reads CloudTrail records and tells what each function was seen to do.
//!
//! 1. [`files`] lists the files; [`inflate`] unpacks them, [`container`] finds the records in whatever holds them.
//!    Each thread reads objects that are neighbours ([`shares`]). Records of trail objects are told apart as slices of text
//!    ([`slices`]), and parsed only where nothing like them was read before ([`memo`]).
//! 2. [`classify`] says what a record counts as, [`attribute`] which function it belongs to.
//! 3. [`operation`] and [`inputs`] bring the recorder's names to the catalogue's.
//! 4. [`folder`] folds records into groups ([`group`]), with [`sketch`] in place of long lists of resources; [`fold`] is what
//!    comes of it, with what several threads hold of the same calls joined late ([`groups`]); [`batch`] carries what some objects
//!    gave.
//!    [`roles`] finds what concerns some roles alone, without parsing the rest.
//! 5. A [`store`] keeps it from run to run; [`whole`] is all of it, from wherever, before it is attributed to functions.
//! 6. [`evidence`] puts observations into the words of all readers; [`coverage`] says what silence is worth.
//!
//! The result does not depend on the order of files or records, on duplicates, or on the number of threads.

mod time;
mod sorted;
mod distinct;
mod json;
mod marks;
mod slices;
mod plain;
mod record;
mod inflate;
mod files;
pub mod athena;
mod container;
mod stream;
mod pattern;
pub mod day;
pub mod moment;
pub mod keys;
pub mod selectors;
pub mod denial;
mod classify;
mod sketch;
mod operation;
mod inputs;
mod walk;
mod attribute;
mod roles;
pub mod ledger;
mod samples;
mod group;
mod groups;
mod fold;
mod sessions;
mod identity;
mod group_table;
mod memo;
mod folder;
mod batch;
mod shares;
mod local;
mod observation;
mod whole;
pub mod store;
mod completeness;
mod coverage;
mod evidence;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod role_tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::catalog::Catalog;
use crate::usage::Gap;

pub use batch::{Batch, ObjectId, Reader};
pub use local::{Local, LocalObject};
pub use store::{Store, StoreError, export};

pub use attribute::{KnownFunction, Rung};
pub use classify::{Class, Platform};
pub use completeness::ENOUGH_DAYS;
pub use coverage::Silence;
pub use denial::Denial;
pub use observation::Observation;
pub use pattern::NamePattern;
pub use roles::{RoleName, Roles};

use ledger::Ledger;
use whole::Whole;

/// What a trail tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trail {
    /// What functions were seen to do, sorted.
    pub observations: Vec<Observation>,
    /// How many files held records or were recognised.
    pub objects: usize,
    /// How many different events were read.
    pub events: u64,
    /// Whether `events`, or a number in `skipped` or `unmapped`, is an estimate: beyond some 16,000 different events they are,
    /// within a percent or so.
    pub estimated: bool,
    /// Events, and whole files, that do not count, by the reason in kebab case: `service-principal`, `digest` …
    pub skipped: BTreeMap<String, u64>,
    /// Calls of functions that the catalogue knows no operation for, by event source and event name.
    pub unmapped: BTreeMap<(String, String), u64>,
    /// Time of the first event, `2026-11-04T08:30:00Z`.
    pub first: Option<String>,
    /// Time of the last event.
    pub last: Option<String>,
    /// Event sources of which data events were seen, by whomever: the trail records them at all.
    pub data_event_sources: BTreeSet<String>,
    /// Which days, accounts and regions were read, and what proves that nothing is missing.
    pub ledger: Ledger,
    /// From how many days on silence can mean something; [`ENOUGH_DAYS`] when nobody says.
    pub enough_days: Option<u32>,
    /// What could not be read.
    pub gaps: Vec<Gap>,
}

/// Reads the file `path`, or every file under the folder `path`, on `threads` threads (0: one for each processor).
///
/// Calls count that are made with the role of one of `functions`, or that the record itself attributes to a Lambda function.
/// Files that cannot be read are gaps, and cost themselves alone.
pub fn read(path: &Path, catalog: &Catalog, functions: &[KnownFunction], threads: usize) -> Trail {
    read_local(&Local::list(path), catalog, functions, threads)
}

/// Reads all of what [`Local`] found, for the roles that it was told.
pub fn read_local(local: &Local, catalog: &Catalog, functions: &[KnownFunction], threads: usize) -> Trail {
    let wanted: Vec<&LocalObject> = local.objects.iter().collect();
    let batch = local.read(&wanted, catalog, threads, &|_| true);
    Whole::of_batch(batch.merge(local.failures())).trail(catalog, functions)
}

/// Reads what `path` is: a store, a `usage.json` that was exported from one, or else a file or folder as [`read`] does.
///
/// # Errors
/// A store or an export that cannot be read.
pub fn open(
    path: &Path,
    catalog: &Catalog,
    functions: &[KnownFunction],
    threads: usize,
) -> Result<Trail, StoreError> {
    let whole = if path.is_file() && store::is_store(path) {
        Store::open_to_read(path)?.whole()?
    } else if path.is_file() && export::is_export(path) {
        export::read(path)?
    } else {
        return Ok(read(path, catalog, functions, threads));
    };
    Ok(whole.trail(catalog, functions))
}
