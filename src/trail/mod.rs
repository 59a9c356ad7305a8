//! Reads CloudTrail records and tells what each function was seen to do.
//!
//! 1. [`files`] lists the files; [`inflate`] unpacks them, [`container`] finds the records in whatever holds them.
//! 2. [`classify`] says what a record counts as, [`attribute`] which function it belongs to.
//! 3. [`operation`] and [`inputs`] bring the recorder's names to the catalogue's.
//! 4. [`fold`] folds records into groups, with [`sketch`] in place of long lists of resources.
//! 5. [`evidence`] puts observations into the words of all readers; [`coverage`] says what silence is worth.
//!
//! The result does not depend on the order of files or records, on duplicates, or on the number of threads.

mod json;
mod record;
mod inflate;
mod files;
mod container;
mod pattern;
mod denial;
mod classify;
mod sketch;
mod operation;
mod inputs;
mod attribute;
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
    let read_all = || {
        objects
            .par_iter()
            .map(|object| read_object(object, catalog, &functions, &counted))
            .reduce(Partial::default, Partial::merge)
    };
    let whole = match rayon::ThreadPoolBuilder::new().num_threads(threads).build() {
        Ok(pool) => pool.install(read_all),
        // The system gives no threads: the ones that there are do.
        Err(_) => read_all(),
    };
    let mut trail = observation::finish(whole.fold, &functions);
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
struct Partial {
    fold: Fold,
    objects: usize,
    gaps: Vec<Gap>,
}

impl Partial {
    fn merge(mut self, other: Self) -> Self {
        self.fold.merge(other.fold);
        self.objects += other.objects;
        self.gaps.extend(other.gaps);
        self
    }
}

fn read_object(object: &Object, catalog: &Catalog, functions: &Functions<'_>, counted: &Counted) -> Partial {
    let place = |line| Location::new(object.shown.clone(), line, 1);
    let text = match files::text(&object.path) {
        Ok(text) => text,
        Err(error) => {
            let gaps = vec![damaged(object, &error).at(place(1))];
            return Partial {
                gaps,
                ..Partial::default()
            };
        }
    };
    let mut folder = Folder::new(catalog, functions.clone(), counted);
    container::read(&text, &mut folder);
    let mut fold = folder.fold;
    let mut gaps = unreadable(std::mem::take(&mut fold.unreadable), place);
    let foreign = fold.events == 0 && fold.skipped.contains_key("not-a-trail-object");
    if foreign && files::looks_like_trail(&object.shown) {
        gaps.push(
            Gap::new(
                "trail-object-unknown",
                "the file is named like a CloudTrail object and holds nothing like it",
            )
            .at(place(1))
            .hint("leave the file out, or fetch it again"),
        );
    }
    Partial {
        fold,
        objects: usize::from(!foreign),
        gaps,
    }
}

/// The gaps of a file's damaged records: the first ones each, the rest together.
fn unreadable(records: Vec<(u32, String)>, place: impl Fn(u32) -> Location) -> Vec<Gap> {
    const SHOWN: usize = 10;
    let more = records.len().saturating_sub(SHOWN);
    let why_more = format!("like {more} more in this file");
    let gap = |(at, (line, why)): (usize, (u32, String))| {
        let more = if more > 0 && at + 1 == SHOWN {
            why_more.as_str()
        } else {
            ""
        };
        let message = format!("a record cannot be read: {why}");
        Gap::new(
            "trail-record-unreadable",
            if more.is_empty() {
                message
            } else {
                format!("{message}; {more}")
            },
        )
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
