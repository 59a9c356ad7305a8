//! Files and folders of this machine as a source of objects.

use std::fs::{self, File};
use std::io::{BufReader, Read as _};
use std::path::Path;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use crate::catalog::Catalog;
use crate::usage::Gap;

use super::batch::{Batch, ObjectId, Reader};
use super::files::{self, Object, ObjectError};
use super::roles::Roles;
use super::shares::Shares;

/// Files of more bytes than this are read in pieces, not as a whole.
const LARGE: u64 = 64 << 20;

/// How much room is kept from file to file.
const KEPT_ROOM: usize = 8 << 20;

/// A file or folder, and the files in it.
#[derive(Debug)]
pub struct Local {
    /// The name of the source: the path from the root.
    pub source: String,
    /// The files, sorted by name.
    pub objects: Vec<LocalObject>,
    failures: Vec<(String, std::io::Error)>,
    roles: Option<Arc<Roles>>,
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
            roles: None,
        }
    }

    /// Of the files only the calls of some roles are read, if any are named.
    #[must_use]
    pub fn for_roles(self, roles: Option<Roles>) -> Self {
        Self {
            roles: roles.map(Arc::new),
            ..self
        }
    }

    /// Reads some of the files on `threads` threads (0: one for each processor). `proceed` is asked before each
    /// file; when it says no, the file is left out.
    pub fn read(
        &self,
        wanted: &[&LocalObject],
        catalog: &Catalog,
        threads: usize,
        proceed: &(dyn Fn(&LocalObject) -> bool + Sync),
    ) -> Batch {
        // The system may give no threads: then the ones that there are do.
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().ok();
        let threads = pool
            .as_ref()
            .map_or_else(rayon::current_num_threads, rayon::ThreadPool::current_num_threads);
        let sizes: Vec<u64> = wanted.iter().map(|object| object.id.bytes).collect();
        let shares = Shares::of(&sizes, threads);
        // Each thread reads into a fold of its own: what it knows of names is used for all that it reads.
        let read_some = |thread: rayon::BroadcastContext<'_>| {
            let mut reader = Reader::new(catalog).for_roles(self.roles.clone());
            let mut room = Vec::new();
            while let Some(object) = shares.next(thread.index()).and_then(|at| wanted.get(at)) {
                if proceed(object) {
                    read_one(&mut reader, object, &mut room);
                }
            }
            reader.batch()
        };
        let batches = match &pool {
            Some(pool) => pool.broadcast(read_some),
            None => rayon::broadcast(read_some),
        };
        batches.into_iter().fold(Batch::default(), Batch::merge)
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

/// Reads a file; `room` is for its bytes, from file to file.
fn read_one(reader: &mut Reader<'_>, object: &LocalObject, room: &mut Vec<u8>) {
    let opened = File::open(&object.object.path);
    let outcome = opened.and_then(|mut file| match object.id.bytes {
        0..=LARGE => {
            room.clear();
            room.reserve(usize::try_from(object.id.bytes + 1).unwrap_or_default());
            file.read_to_end(room)?;
            reader.object(object.id.clone(), room.as_slice());
            Ok(())
        }
        size => {
            reader.large(object.id.clone(), BufReader::new(file), size);
            Ok(())
        }
    });
    room.shrink_to(KEPT_ROOM);
    if let Err(error) = outcome {
        reader.failed(object.id.clone(), &ObjectError::Io(error));
    }
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
