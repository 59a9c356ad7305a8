//! Reads the trail of a bucket into a store: what is new in it alone, digests first, so that objects can be held against
//! them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use rayon::prelude::*;

use super::bucket::{Bucket, Fetched, Room, Stored};
use super::listing::{Listing, Wanted};
use super::{AwsError, SourceError};
use crate::catalog::Catalog;
use crate::trail::keys::ObjectKey;
use crate::trail::ledger::Window;
use crate::trail::moment::{self, Day};
use crate::trail::{Batch, ObjectId, Reader, Roles, Store};
use crate::usage::{Gap, Location};

/// Objects that are unpacked together, on all threads.
const GROUP: usize = 512;
/// The same in bytes, packed.
const GROUP_BYTES: u64 = 8 << 20;
/// Objects after which what was read is committed.
const COMMIT: usize = 4_096;
/// The same in bytes, packed.
const COMMIT_BYTES: u64 = 64 << 20;
/// So many refusals without one object read mean that none may be read.
const REFUSALS: usize = 16;
/// Objects are delivered within some ten minutes; twice that is waited before a time counts as read.
const DELIVERY: i64 = 20 * 60;
/// Days before the end of what was read that are looked through again: an object can be late.
const OPEN_DAYS: i64 = 2;

/// A reading of a bucket.
#[derive(Debug)]
pub struct FromBucket<'a> {
    /// The bucket.
    pub bucket: &'a Bucket<'a>,
    /// What is wanted of it.
    pub wanted: Wanted,
    /// The roles whose calls alone are read; `None` for everything.
    pub roles: Option<Arc<Roles>>,
    /// Names the operations.
    pub catalog: &'a Catalog,
    /// Threads that unpack; 0 for one for each processor.
    pub threads: usize,
    /// Now, in seconds since 1970.
    pub now: i64,
}

/// What a reading did so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BucketDone {
    /// Objects of the listing that are wanted.
    pub listed: u64,
    /// Objects among them that the store had.
    pub known: u64,
    /// Objects that were read.
    pub read: u64,
    /// Their bytes, as stored.
    pub bytes: u64,
    /// Events of them; beyond some 16,000 at a time an estimate.
    pub events: u64,
    /// Objects that could not be had.
    pub failed: u64,
    /// Objects of which a digest told the hash.
    pub checked: u64,
    /// Requests for lists.
    pub requests: u64,
    /// Whether it ended early because it was told to.
    pub stopped: bool,
}

/// The stream of one account and region, as far as it was listed.
#[derive(Debug)]
struct Stream {
    first: Day,
    failed: bool,
}

/// What is at work.
struct Work<'r, 's> {
    run: &'r FromBucket<'r>,
    pool: rayon::ThreadPool,
    store: &'s mut Store,
    source: String,
    /// SHA-256 by the name of an object, as digests tell.
    hashes: Arc<BTreeMap<String, String>>,
    /// Days that were read completely before, by account and region.
    closed: BTreeMap<(String, String), (Day, Day)>,
    streams: BTreeMap<(String, String), Stream>,
    pending: Batch,
    done: BucketDone,
    refused: usize,
}

impl FromBucket<'_> {
    /// Reads what the store does not have, and commits it as it goes. `tell` hears what was done so far, and may end it.
    ///
    /// # Errors
    /// When the bucket cannot be listed, none of its objects may be read, the credentials expire, or the store fails. What
    /// was committed before is kept: the next run goes on.
    pub fn run(
        &self,
        store: &mut Store,
        tell: &mut dyn FnMut(&BucketDone) -> ControlFlow<()>,
    ) -> Result<BucketDone, SourceError> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(self.threads)
            .build()
            .map_err(|error| AwsError::Start(std::io::Error::other(error)))?;
        let hashes = Arc::new(store.delivered()?);
        let source = format!("s3://{}", self.bucket.name());
        let closed = closed_days(store.windows(&source)?);
        let mut work = Work {
            run: self,
            pool,
            store,
            source,
            hashes,
            closed,
            streams: BTreeMap::new(),
            pending: Batch::default(),
            done: BucketDone::default(),
            refused: 0,
        };
        let outcome = work.read_all(tell);
        // What was read before something went wrong is kept.
        let kept = work.commit();
        outcome?;
        kept?;
        Ok(work.done)
    }
}

impl Work<'_, '_> {
    fn read_all(&mut self, tell: &mut dyn FnMut(&BucketDone) -> ControlFlow<()>) -> Result<(), SourceError> {
        let wanted = Wanted {
            read: self.closed.clone(),
            ..self.run.wanted.clone()
        };
        let mut listing = Listing::new(self.run.bucket, wanted);
        while let Some(chunk) = listing.next_chunk()? {
            self.done.requests = listing.requests();
            self.read(chunk.digests, tell)?;
            self.read(chunk.objects, tell)?;
            if self.done.stopped {
                return Ok(());
            }
        }
        self.note_windows();
        Ok(())
    }

    /// Reads those of some objects that the store does not have.
    fn read(
        &mut self,
        objects: Vec<Stored>,
        tell: &mut dyn FnMut(&BucketDone) -> ControlFlow<()>,
    ) -> Result<(), SourceError> {
        let mut new = Vec::new();
        for object in objects {
            self.done.listed += 1;
            if let Some(key) = ObjectKey::parse(&object.key) {
                let place = (key.account.to_owned(), key.region.to_owned());
                let stream = self.streams.entry(place).or_insert(Stream {
                    first: key.day,
                    failed: false,
                });
                stream.first = stream.first.min(key.day);
            }
            if self
                .store
                .wants_for(&self.id(&object), self.run.roles.as_deref())?
            {
                new.push(object);
            } else {
                self.done.known += 1;
            }
        }
        if tell(&self.done).is_break() {
            self.done.stopped = true;
        }
        if new.is_empty() || self.done.stopped {
            return Ok(());
        }
        let (mut group, mut bytes, mut failure) = (Vec::new(), 0, None);
        let bucket = self.run.bucket;
        bucket.fetch(new, |fetched| {
            bytes += fetched.object.bytes;
            group.push(fetched);
            if group.len() < GROUP && bytes < GROUP_BYTES {
                return ControlFlow::Continue(());
            }
            bytes = 0;
            match self.take(std::mem::take(&mut group)) {
                Ok(()) if tell(&self.done).is_break() => {
                    self.done.stopped = true;
                    ControlFlow::Break(())
                }
                Ok(()) => ControlFlow::Continue(()),
                Err(error) => {
                    failure = Some(error);
                    ControlFlow::Break(())
                }
            }
        })?;
        if let Some(failure) = failure {
            return Err(failure);
        }
        self.take(group)?;
        if tell(&self.done).is_break() {
            self.done.stopped = true;
        }
        Ok(())
    }

    /// Unpacks some objects and joins what they gave.
    fn take(&mut self, group: Vec<Fetched>) -> Result<(), SourceError> {
        let mut contents = Vec::new();
        for fetched in group {
            let id = self.id(&fetched.object);
            let (content, room) = fetched.into_parts();
            match content {
                Ok(bytes) => {
                    self.done.read += 1;
                    self.done.bytes += id.bytes;
                    contents.push((id, bytes, room));
                }
                Err(error) => self.miss(&id, error)?,
            }
        }
        let (catalog, hashes) = (self.run.catalog, &self.hashes);
        let roles = &self.run.roles;
        let reader = || {
            Reader::new(catalog)
                .with_hashes(Arc::clone(hashes))
                .for_roles(roles.clone())
        };
        let batch = self.pool.install(|| {
            contents
                .into_par_iter()
                .fold(reader, unpack)
                .map(|mut reader| reader.batch())
                .reduce(Batch::default, Batch::merge)
        });
        self.done.checked += batch.checked();
        self.done.events += batch.events();
        let told: Vec<(String, String)> = batch
            .delivered()
            .map(|(name, hash)| (name.to_owned(), hash.to_owned()))
            .collect();
        if !told.is_empty() {
            Arc::make_mut(&mut self.hashes).extend(told);
        }
        self.pending = std::mem::take(&mut self.pending).merge(batch);
        if self.pending.objects() >= COMMIT || self.pending.bytes() >= COMMIT_BYTES {
            self.commit()?;
        }
        Ok(())
    }

    /// An object that cannot be had is a gap, and tried again next time; errors that all objects will have end it.
    fn miss(&mut self, id: &ObjectId, error: AwsError) -> Result<(), SourceError> {
        if matches!(error, AwsError::Expired { .. } | AwsError::Start(_)) {
            return Err(error.into());
        }
        self.done.failed += 1;
        if let Some(key) = ObjectKey::parse(&id.key)
            && let Some(stream) = self
                .streams
                .get_mut(&(key.account.to_owned(), key.region.to_owned()))
        {
            stream.failed = true;
        }
        let hint = match &error {
            AwsError::Denied(denied) => {
                self.refused += 1;
                if self.done.read == 0 && self.refused >= REFUSALS {
                    return Err(error.into());
                }
                format!("add to the policy of whoever runs this: {}", denied.statement())
            }
            AwsError::NotFound { .. } => {
                "it was there when the bucket was listed; does a lifecycle rule expire it?".to_owned()
            }
            _ => "run the same command again: objects that were read are not read again".to_owned(),
        };
        let text = error.to_string();
        let said = text.split("\nhint: ").next().unwrap_or_default();
        let gap = Gap::new(
            "trail-object-unavailable",
            format!("`{}` could not be fetched: {said}", id.key),
        );
        let gap = gap.at(Location::new(id.key.clone(), 1, 1)).hint(hint);
        self.pending.missed(&self.source, &id.key, gap);
        Ok(())
    }

    /// Whatever was listed and had to the last object is complete, as far as the trail records; but not when only some roles were
    /// asked for.
    fn note_windows(&mut self) {
        if self.run.roles.is_some() {
            return;
        }
        let settled = moment::of_seconds(self.run.now - DELIVERY);
        for ((account, region), stream) in &self.streams {
            let from = self.run.wanted.from.unwrap_or(stream.first);
            let end = self.run.wanted.to.map(|day| format!("{}T00:00:00Z", day.plus(1)));
            let to = end.into_iter().chain([settled.clone()]).min().unwrap_or_default();
            let from = format!("{from}T00:00:00Z");
            if stream.failed || from >= to {
                continue;
            }
            self.pending.window(Window {
                source: self.source.clone(),
                account: account.clone(),
                region: region.clone(),
                from,
                to,
                ..Window::default()
            });
        }
    }

    fn commit(&mut self) -> Result<(), SourceError> {
        let batch = std::mem::take(&mut self.pending);
        self.store.commit(batch, self.run.catalog.date())?;
        Ok(())
    }

    fn id(&self, object: &Stored) -> ObjectId {
        ObjectId {
            source: self.source.clone(),
            key: object.key.clone(),
            stamp: object.etag.clone(),
            bytes: object.bytes,
        }
    }
}

/// The days in the first span without a break of each account and region, but for the last ones.
fn closed_days(windows: BTreeSet<Window>) -> BTreeMap<(String, String), (Day, Day)> {
    let mut spans: BTreeMap<(String, String), (Day, Day)> = BTreeMap::new();
    // Windows are sorted by account, region and begin.
    for window in windows {
        let (Some(from), Some(to)) = (Day::parse(&window.from), Day::parse(&window.to)) else {
            continue;
        };
        let span = spans.entry((window.account, window.region)).or_insert((from, to));
        if from <= span.1 {
            span.1 = span.1.max(to);
        }
    }
    spans.retain(|_, (from, to)| {
        *to = to.plus(-OPEN_DAYS - 1);
        from <= to
    });
    spans
}

/// Unpacks an object; its place in memory is free then.
fn unpack<'k>(mut reader: Reader<'k>, (id, bytes, room): (ObjectId, Vec<u8>, Room)) -> Reader<'k> {
    reader.object(id, bytes);
    drop(room);
    reader
}
