//! Reads CloudTrail records and tells what each function was seen to do.
//!
//! 1. [`files`] lists the files; [`inflate`] unpacks them, [`container`] finds the records in whatever holds them.
//! 2. [`classify`] says what a record counts as, [`attribute`] which function it belongs to.
//! 3. [`operation`] and [`inputs`] bring the recorder's names to the catalogue's.
//! 4. [`fold`] folds records into groups ([`group`]), with [`sketch`] in place of long lists of resources.
//! 5. [`evidence`] puts observations into the words of all readers; [`coverage`] says what silence is worth.
//!
//! The result does not depend on the order of files or records, on duplicates, or on the number of threads.

mod json;
mod record;
mod inflate;
mod files;
mod container;
mod pattern;
pub mod moment;
pub mod keys;
pub mod selectors;
pub mod denial;
mod classify;
mod sketch;
mod operation;
mod inputs;
mod attribute;
mod group;
mod fold;
mod observation;
mod coverage;
mod evidence;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use rayon::prelude::*;

use crate::catalog::Catalog;
use crate::usage::{Gap, Location};

pub use attribute::{KnownFunction, Rung};
pub use classify::{Class, Platform};
pub use coverage::Silence;
pub use denial::Denial;
pub use observation::Observation;
pub use pattern::NamePattern;

use attribute::Functions;
use files::{Object, ObjectError};
use fold::{Counted, Fold, Folder};
use inflate::InflateError;

/// What a trail tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trail {
    /// What functions were seen to do, sorted.
    pub observations: Vec<Observation>,
    /// How many files held records or were recognised.
    pub objects: usize,
    /// How many different events were read.
    pub events: u64,
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
    /// What could not be read.
    pub gaps: Vec<Gap>,
}

/// Reads the file `path`, or every file under the folder `path`, on `threads` threads (0: one for each processor).
///
/// Calls count that are made with the role of one of `functions`, or that the record itself attributes to a Lambda function.
/// Files that cannot be read are gaps, and cost themselves alone.
pub fn read(path: &Path, catalog: &Catalog, functions: &[KnownFunction], threads: usize) -> Trail {
    let (objects, failures) = files::list(path);
    let counted = Counted::new();
    let functions = Functions::new(functions);
    let reader = || Reader {
        folder: Folder::new(catalog, functions.clone(), &counted),
        part: Part::default(),
    };
    let read_all = || {
        objects
            .par_iter()
            .fold(reader, Reader::read)
            .map(Reader::done)
            .reduce(Part::default, Part::merge)
    };
    let whole = match rayon::ThreadPoolBuilder::new().num_threads(threads).build() {
        Ok(pool) => pool.install(read_all),
        // The system gives no threads: the ones that there are do.
        Err(_) => read_all(),
    };
    let mut trail = observation::finish(whole.fold, functions.clone());
    trail.objects = whole.objects;
    trail.gaps = whole.gaps;
    trail.gaps.extend(failures.into_iter().map(|(shown, error)| {
        Gap::new(
            "trail-path-unreadable",
            format!("`{shown}` cannot be read: {error}"),
        )
        .hint("give a file or folder of CloudTrail objects that this user may read")
    }));
    trail.gaps.sort();
    trail
}

/// What some files gave.
#[derive(Default)]
struct Part {
    fold: Fold,
    objects: usize,
    gaps: Vec<Gap>,
}

impl Part {
    fn merge(mut self, other: Self) -> Self {
        self.fold.merge(other.fold);
        self.objects += other.objects;
        self.gaps.extend(other.gaps);
        self
    }
}

/// Reads one file after the other, on one thread.
struct Reader<'k> {
    folder: Folder<'k>,
    part: Part,
}

impl Reader<'_> {
    fn read(mut self, object: &Object) -> Self {
        let place = |line| Location::new(object.shown.clone(), line, 1);
        let text = match files::text(&object.path) {
            Ok(text) => text,
            Err(error) => {
                self.part.gaps.push(damaged(object, &error).at(place(1)));
                return self;
            }
        };
        container::read(&text, &mut self.folder);
        let found = self.folder.next_object();
        let foreign = found.foreign && !found.records;
        self.part.objects += usize::from(!foreign);
        self.part.gaps.extend(unreadable(found.unreadable, place));
        if foreign && files::looks_like_trail(&object.shown) {
            let message = "the file is named like a CloudTrail object and holds nothing like it";
            let gap = Gap::new("trail-object-unknown", message);
            let hint = "leave the file out, or fetch it again";
            self.part.gaps.push(gap.at(place(1)).hint(hint));
        }
        self
    }

    fn done(mut self) -> Part {
        self.part.fold = self.folder.fold;
        self.part
    }
}

/// The gaps of a file's damaged records: the first ones each, the rest together.
fn unreadable(records: Vec<(u32, String)>, place: impl Fn(u32) -> Location) -> Vec<Gap> {
    const SHOWN: usize = 10;
    let more = records.len().saturating_sub(SHOWN);
    let gap = |(at, (line, why)): (usize, (u32, String))| {
        let rest = match more {
            1.. if at + 1 == SHOWN => format!("; like {more} more in this file"),
            _ => String::new(),
        };
        let message = format!("a record cannot be read: {why}{rest}");
        Gap::new("trail-record-unreadable", message)
            .at(place(line))
            .hint("fetch the object again; the other records of the file are read")
    };
    records.into_iter().take(SHOWN).enumerate().map(gap).collect()
}

fn damaged(object: &Object, error: &ObjectError) -> Gap {
    let code = match error {
        ObjectError::Io(_) => "trail-path-unreadable",
        ObjectError::Inflate(InflateError::TooLarge) | ObjectError::TooLarge => "trail-object-too-large",
        ObjectError::Inflate(InflateError::Damaged) => "trail-object-damaged",
    };
    Gap::new(code, format!("`{}` {error}", object.shown))
        .hint("fetch the object again; all other objects are read")
}
