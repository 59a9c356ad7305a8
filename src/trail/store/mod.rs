//! The usage store: what was read of CloudTrail, kept in one SQLite file that grows from run to run.
//!
//! A store holds what the reader found *before* it is attributed to functions: role sessions, raw event names, resources
//! and inputs. So a newer catalogue or another list of functions needs no second reading. Everything in it is a set, a
//! first or last time, or a count of different events ([`Distinct`](super::distinct::Distinct)): reading an object twice,
//! objects in another order, or two stores joined give the same store.
//!
//! How a source of events uses it:
//!
//! 1. [`Store::open`] makes the file or opens it.
//! 2. For each object, [`Store::wants`] says whether it must be read (an [`ObjectId`] is a key and a stamp of its content,
//!    such as an etag; one that was read with the same stamp is not read again).
//! 3. A [`Reader`](super::Reader) for each thread takes the bytes ([`Reader::object`](super::Reader::object)), or events as
//!    JSON, and gives a [`Batch`](super::Batch); batches are joined with [`Batch::merge`](super::Batch::merge), and can carry
//!    windows (what a source has given completely) and watermarks (where a source goes on).
//! 4. [`Store::commit`] writes a batch in one transaction, together with the objects that it came from. A run that is
//!    killed loses at most what it had not committed, and the next run goes on there.
//!
//! [`schema`] holds the tables, [`row`] and [`columns`] the form of what is kept, [`commit`] joins ([`write`] the rows), [`load`] reads; [`export`] is the same
//! content as one JSON file for CI.

mod schema;
pub mod row;
mod columns;
mod write;
mod commit;
mod load;
pub mod export;
mod summary;
#[cfg(test)]
mod tests;

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension as _, params};

use super::batch::ObjectId;
use super::roles::Roles;
use super::sessions::Sessions;

pub use commit::Committed;
pub use summary::{Covered, Summary};

/// The first bytes of every SQLite file. <https://www.sqlite.org/fileformat.html>
const MAGIC: &[u8] = b"SQLite format 3\0";

/// A usage store that is open.
#[derive(Debug)]
pub struct Store {
    db: Connection,
    path: PathBuf,
    /// The sessions in the store; read when it is first written to.
    sessions: Option<Sessions>,
    /// Whether a write-ahead log is kept.
    is_logged: bool,
}

/// Why a store cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no such file.
    #[error("there is no store at `{0}`")]
    Missing(PathBuf),
    /// The file is something else.
    #[error("`{path}` is not a usage store: {what}; it is left as it is")]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        what: &'static str,
    },
    /// The file was written by a later version of this program.
    #[error(
        "`{path}` has version {found} of the tables, and this rolefit knows up to {known}: use a newer rolefit"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i32,
        /// The newest version that this program knows.
        known: i32,
    },
    /// The file is damaged.
    #[error("`{path}` is damaged ({why}): move it away and read the trail again; it is left as it is")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// Nothing more can be written.
    #[error(
        "`{path}` cannot be written ({why}): is the disk full, or the file's size limited? what was committed before is \
         safe; make room and run the same command again, it goes on from there"
    )]
    Full {
        /// The file.
        path: PathBuf,
        /// What the system says.
        why: String,
    },
    /// A `usage.json` cannot be read.
    #[error("`{path}` is not a usage export that can be read: {why}")]
    Export {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// Another process writes to the store.
    #[error(
        "`{0}` is in use by another process: wait for it, or use a store of your own and merge the two later"
    )]
    Busy(PathBuf),
    /// The folder or file cannot be opened.
    #[error("`{path}` cannot be opened: {why}")]
    Unopenable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        why: String,
    },
    /// Any other failure of the database.
    #[error("the usage store failed: {0}")]
    Database(#[from] rusqlite::Error),
    /// A file of the system could not be read or written.
    #[error("`{path}`: {error}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The failure.
        error: std::io::Error,
    },
}

impl StoreError {
    /// The same error with the file's name, as precise as the database tells.
    fn at(self, path: &Path) -> Self {
        let Self::Database(error) = self else {
            return self;
        };
        let path = path.to_owned();
        let why = error.to_string();
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull | ErrorCode::SystemIoFailure) => Self::Full { path, why },
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Damaged { path, why },
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy(path),
            Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied | ErrorCode::ReadOnly) => {
                Self::Unopenable { path, why }
            }
            _ => Self::Database(error),
        }
    }
}

/// Whether a file is an SQLite file, and so perhaps a store.
pub fn is_store(path: &Path) -> bool {
    let mut head = [0; MAGIC.len()];
    fs::File::open(path)
        .and_then(|mut file| file.read_exact(&mut head))
        .is_ok_and(|()| head == MAGIC)
}

impl Store {
    /// Opens the store at `path` for writing; makes it when there is no file.
    ///
    /// # Errors
    /// A file that is no store, or damaged, or of a later version is left as it is.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let is_new = fs::metadata(path).map_or(true, |found| found.is_file() && found.len() == 0);
        if !is_new && !is_store(path) {
            return Err(StoreError::Foreign {
                path: path.to_owned(),
                what: "it is no SQLite file",
            });
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        let opened = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX);
        let db = opened.map_err(|error| StoreError::from(error).at(path))?;
        let mut store = Self {
            db,
            path: path.to_owned(),
            sessions: None,
            is_logged: false,
        };
        store
            .prepare(is_new)
            .map_err(|error| error.at(path))
            .map(|()| store)
    }

    /// Opens the store at `path` for reading.
    ///
    /// # Errors
    /// As [`open`](Self::open); also when there is no file.
    pub fn open_to_read(path: &Path) -> Result<Self, StoreError> {
        let Some(found) = fs::metadata(path).ok().filter(fs::Metadata::is_file) else {
            return Err(StoreError::Missing(path.to_owned()));
        };
        // A process that was killed before its first commit leaves an empty file: a store without anything.
        if found.len() == 0 {
            return Self::in_memory(path).map_err(|error| error.at(path));
        }
        if !is_store(path) {
            return Err(StoreError::Foreign {
                path: path.to_owned(),
                what: "it is no SQLite file",
            });
        }
        let read = || {
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let db = Connection::open_with_flags(path, flags)?;
            db.busy_timeout(std::time::Duration::from_secs(10))?;
            let store = Self {
                db,
                path: path.to_owned(),
                sessions: None,
                is_logged: false,
            };
            store.check_version()?;
            Ok(store)
        };
        let is_half_written = |error: &StoreError| matches!(error, StoreError::Database(error) if error.sqlite_error_code() == Some(ErrorCode::ReadOnly));
        let store: Result<Self, StoreError> = match read() {
            Err(error) if is_half_written(&error) => Self::recover(path).and_then(|()| read()),
            outcome => outcome,
        };
        let store = store.map_err(|error| error.at(path))?;
        let version = schema::version(&store.db).map_err(|error| error.at(path))?;
        if version.is_none_or(|version| version < schema::VERSION) {
            return Self::copy_up_to_date(&store).map_err(|error| error.at(path));
        }
        Ok(store)
    }

    /// Takes back what a process had begun to write when it was killed: whoever only reads may not do that.
    fn recover(path: &Path) -> Result<(), StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = Connection::open_with_flags(path, flags)?;
        db.busy_timeout(std::time::Duration::from_secs(10))?;
        db.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
        Ok(())
    }

    /// A store without anything.
    fn in_memory(path: &Path) -> Result<Self, StoreError> {
        let mut store = Self {
            db: Connection::open_in_memory()?,
            path: path.to_owned(),
            sessions: None,
            is_logged: false,
        };
        store.migrate()?;
        Ok(store)
    }

    /// An older store is only read, so a copy in memory is brought up to date instead.
    fn copy_up_to_date(old: &Self) -> Result<Self, StoreError> {
        let mut db = Connection::open_in_memory()?;
        let whole = rusqlite::backup::Backup::new(&old.db, &mut db)?;
        whole.run_to_completion(1_000, std::time::Duration::ZERO, None)?;
        drop(whole);
        let mut store = Self {
            db,
            path: old.path.clone(),
            sessions: None,
            is_logged: false,
        };
        store.migrate()?;
        Ok(store)
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn prepare(&mut self, is_new: bool) -> Result<(), StoreError> {
        // Another process may be at work; it commits within seconds.
        self.db.busy_timeout(std::time::Duration::from_secs(10))?;
        if !is_new {
            self.check_version()?;
            let found: String = self.db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
            if found != "ok" {
                return Err(StoreError::Damaged {
                    path: self.path.clone(),
                    why: found,
                });
            }
        }
        if is_new {
            // A row takes about a kilobyte: larger pages are fewer to look up, to divide and to write.
            self.db.pragma_update(None, "page_size", 16_384)?;
        }
        self.db.pragma_update(None, "synchronous", "FULL")?;
        // In KiB: a commit comes back to the same pages again and again.
        self.db.pragma_update(None, "cache_size", -16_384)?;
        self.migrate()
    }

    /// Makes ready to write. Those who read at the same time are not kept waiting by a write-ahead log; a store without any row has
    /// no readers, and the log would be all of it, written once more. With one or the other, a process that is killed leaves the
    /// last committed state behind.
    fn begin_log(&mut self) -> Result<(), StoreError> {
        if !self.is_logged {
            let query = "SELECT EXISTS (SELECT 1 FROM usage)";
            self.is_logged = self.db.query_row(query, [], |row| row.get(0))?;
            if self.is_logged {
                self.db
                    .pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
            }
        }
        Ok(())
    }

    fn check_version(&self) -> Result<(), StoreError> {
        match schema::version(&self.db)? {
            // A process that was killed before its first commit leaves an empty file.
            None if self.is_empty()? => Ok(()),
            None => Err(StoreError::Foreign {
                path: self.path.clone(),
                what: "it is the SQLite file of another program",
            }),
            Some(found) if found > schema::VERSION => Err(StoreError::Newer {
                path: self.path.clone(),
                found,
                known: schema::VERSION,
            }),
            Some(_) => Ok(()),
        }
    }

    fn is_empty(&self) -> Result<bool, StoreError> {
        let query = "SELECT NOT EXISTS (SELECT 1 FROM sqlite_schema)";
        Ok(self.db.query_row(query, [], |row| row.get(0))?)
    }

    /// Makes the tables, or brings them up to date.
    fn migrate(&mut self) -> Result<(), StoreError> {
        let transaction = self
            .db
            .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        match schema::version(&transaction)? {
            None => schema::create(&transaction)?,
            Some(version) if version < schema::VERSION => schema::migrate(&transaction, version)?,
            Some(_) => {}
        }
        Ok(transaction.commit()?)
    }

    /// Whether an object must be read: it is new, or its content has changed.
    ///
    /// # Errors
    /// When the database fails.
    pub fn wants(&self, object: &ObjectId) -> Result<bool, StoreError> {
        let known = || -> Result<Option<String>, StoreError> {
            let mut query = self.db.prepare_cached(
                "SELECT stamp FROM object JOIN source ON source.id = object.source WHERE source.name = ? AND key = ?",
            )?;
            Ok(query
                .query_row(params![object.source, object.key], |row| row.get(0))
                .optional()?)
        };
        let known = known().map_err(|error| error.at(&self.path))?;
        Ok(known.is_none_or(|stamp| stamp != object.stamp))
    }

    /// Whether an object must be read for some roles: it was not read as a whole, and for one of them not at all, or its content
    /// has changed.
    ///
    /// # Errors
    /// When the database fails.
    pub fn wants_for(&self, object: &ObjectId, roles: Option<&Roles>) -> Result<bool, StoreError> {
        let Some(roles) = roles else {
            return self.wants(object);
        };
        if !self.wants(object)? {
            return Ok(false);
        }
        let known = |role: &str| -> Result<bool, StoreError> {
            let mut query = self.db.prepare_cached(
                "SELECT stamp FROM role_object JOIN source ON source.id = role_object.source WHERE source.name = ? AND \
                 key = ? AND role = ?",
            )?;
            let stamp: Option<String> = query
                .query_row(params![object.source, object.key, role], |row| row.get(0))
                .optional()?;
            Ok(stamp.is_some_and(|stamp| stamp == object.stamp))
        };
        for role in roles.names() {
            if !known(&role.to_string()).map_err(|error| error.at(&self.path))? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Which of these objects must be read ([`wants_for`](Self::wants_for)), in their order.
    ///
    /// # Errors
    /// When the database fails.
    pub fn wanted<'o>(
        &self,
        objects: impl IntoIterator<Item = &'o ObjectId>,
        roles: Option<&Roles>,
    ) -> Result<Vec<bool>, StoreError> {
        // Otherwise each question locks the file and looks whether it was changed.
        let all = self.db.unchecked_transaction();
        let all = all.map_err(|error| StoreError::from(error).at(&self.path))?;
        let wanted = objects
            .into_iter()
            .map(|object| self.wants_for(object, roles))
            .collect();
        drop(all);
        wanted
    }

    /// Where a source said that it goes on, see [`Batch::watermark`](super::Batch::watermark).
    ///
    /// # Errors
    /// When the database fails.
    pub fn watermark(&self, source: &str) -> Result<Option<String>, StoreError> {
        let query = "SELECT watermark FROM source WHERE name = ?";
        let found = self.db.query_row(query, [source], |row| row.get(0)).optional();
        let found = found.map_err(|error| StoreError::from(error).at(&self.path))?;
        Ok(found.flatten())
    }

    /// Ends work on the store: one file is left, which can be copied and read anywhere.
    ///
    /// # Errors
    /// When the database fails.
    pub fn close(self) -> Result<(), StoreError> {
        let path = self.path.clone();
        let closed = || -> Result<(), StoreError> {
            self.db
                .pragma_update_and_check(None, "journal_mode", "DELETE", |_| Ok(()))?;
            self.db.close().map_err(|(_, error)| error)?;
            Ok(())
        };
        closed().map_err(|error| error.at(&path))
    }
}
