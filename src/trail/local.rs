//! Files and folders of this machine as a source of objects.

use std::fs;
use std::path::Path;
use std::time::UNIX_EPOCH;

use rayon::prelude::*;

use crate::catalog::Catalog;
use crate::usage::Gap;

use super::batch::{Batch, ObjectId, Reader};
use super::files::{self, Object};

/// A file or folder, and the files in it.
#[derive(Debug)]
pub struct Local {
    /// The name of the source: the path from the root.
    pub source: String,
    /// The files, sorted by name.
    pub objects: Vec<LocalObject>,
    failures: Vec<(String, std::io::Error)>,
}

/// A file that may hold records.
#[derive(Debug)]
pub struct LocalObject {
    /// Its name, and what changes with its content: size and time of the last change.
    pub id: ObjectId,
    object: Object,
}

impl Local {
    /// Finds the files; the file itself, or every file below the folder.
    pub fn list(path: &Path) -> Self {
        let whole = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let source = whole.to_string_lossy().replace('\\', "/");
        let (objects, failures) = files::list(path);
        let objects = objects.into_iter().map(|object| {
            let id = ObjectId {
                source: source.clone(),
                key: object.shown.clone(),
                ..stamp(&object.path)
            };
            LocalObject { id, object }
        });
        Self {
            objects: objects.collect(),
            source,
            failures,
        }
    }

    /// Reads some of the files on `threads` threads (0: one for each processor). `proceed` is told the size of each file
    /// before it is read; when it says no, the file is left out.
    pub fn read(
        &self,
        wanted: &[&LocalObject],
        catalog: &Catalog,
        threads: usize,
        proceed: &(dyn Fn(u64) -> bool + Sync),
    ) -> Batch {
        let read_all = || {
            wanted
                .par_iter()
                .fold(
                    || Reader::new(catalog),
                    |reader, object| read_one(reader, object, proceed),
                )
                .map(|mut reader| reader.batch())
                .reduce(Batch::default, Batch::merge)
        };
        match rayon::ThreadPoolBuilder::new().num_threads(threads).build() {
            Ok(pool) => pool.install(read_all),
            // The system gives no threads: the ones that there are do.
            Err(_) => read_all(),
        }
    }

    /// What could not even be listed.
    pub fn failures(&self) -> Batch {
        let mut batch = Batch::default();
        for (shown, error) in &self.failures {
            let message = format!("`{shown}` cannot be read: {error}");
            let gap = Gap::new("trail-path-unreadable", message)
                .hint("give a file or folder of CloudTrail objects that this user may read");
            batch.missed(&self.source, shown, gap);
        }
        batch
    }

    /// Whether the source has something at `key`, read or not.
    pub fn has(&self, key: &str) -> bool {
        let object = self
            .objects
            .binary_search_by(|object| object.id.key.as_str().cmp(key));
        object.is_ok() || self.failures.iter().any(|(shown, _)| shown == key)
    }
}

fn read_one<'k>(
    mut reader: Reader<'k>,
    object: &LocalObject,
    proceed: &(dyn Fn(u64) -> bool + Sync),
) -> Reader<'k> {
    if proceed(object.id.bytes) {
        match files::bytes(&object.object.path) {
            Ok(bytes) => reader.object(object.id.clone(), bytes),
            Err(error) => reader.failed(object.id.clone(), &error),
        }
    }
    reader
}

fn stamp(path: &Path) -> ObjectId {
    let found = fs::metadata(path).ok();
    let bytes = found.as_ref().map_or(0, fs::Metadata::len);
    let changed = found
        .and_then(|found| found.modified().ok())
        .and_then(|time| time.duration_since(UNIX_EPOCH).ok())
        .map_or(0, |since| since.as_nanos());
    ObjectId {
        stamp: format!("{bytes}:{changed}"),
        bytes,
        ..ObjectId::default()
    }
}
