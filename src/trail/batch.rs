//! What some objects gave, on its way into a trail or a store; and the reader that takes in one object after the other.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::{self, BufRead, Read};
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use crate::catalog::Catalog;
use crate::usage::{Gap, Location};

use super::container;
use super::files::{self, ObjectError};
use super::fold::Fold;
use super::folder::Folder;
use super::inflate::{self, InflateError, Inflater, MAX_WHOLE};
use super::ledger::{Digest, Window, asked_for_alone, file_name};
use super::roles::{self, RoleName, Roles};
use super::selectors::{self, KnownTrail};
use super::stream;

/// An object as its source names it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ObjectId {
    /// Where it lies: a folder, `s3://bucket` …; the same for all objects of a source.
    pub source: String,
    /// Its name there, with `/`: relative to the folder, the key in a bucket.
    pub key: String,
    /// What changes when its content does: an etag, or size and time of the last change.
    pub stamp: String,
    /// Its size, in bytes as stored.
    pub bytes: u64,
}

/// What an object turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ObjectKind {
    /// It holds records, or something else that trails hold.
    Trail,
    /// It has nothing to do with trails.
    Foreign,
    /// It could not be unpacked.
    Damaged,
}

/// An object of which only the calls of some roles were read.
#[derive(Clone, Debug)]
pub(super) struct Partly {
    pub(super) object: ObjectId,
    pub(super) kind: ObjectKind,
    pub(super) roles: Arc<BTreeSet<RoleName>>,
}

/// What some objects gave.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    pub(super) fold: Fold,
    pub(super) objects: Vec<(ObjectId, ObjectKind)>,
    /// Objects of which only the calls of some roles were read.
    pub(super) partly: Vec<Partly>,
    /// Sets of roles for which alone something was read that nothing more is known of.
    pub(super) only: BTreeSet<BTreeSet<RoleName>>,
    /// Gaps with the source and key of their objects; a source can also have gaps with keys that are no objects.
    pub(super) gaps: Vec<(String, String, Gap)>,
    pub(super) digests: BTreeMap<String, Digest>,
    pub(super) windows: BTreeSet<Window>,
    pub(super) watermarks: BTreeMap<String, String>,
    /// What trails were told to record.
    pub(super) trails: BTreeSet<KnownTrail>,
    /// How many objects were held against the hash that a digest tells of them.
    pub(super) checked: u64,
}

impl Batch {
    /// Takes in another batch, in any order.
    pub fn merge(mut self, other: Self) -> Self {
        self.fold.merge(other.fold);
        self.objects.extend(other.objects);
        self.partly.extend(other.partly);
        self.only.extend(other.only);
        self.gaps.extend(other.gaps);
        self.digests.extend(other.digests);
        self.windows.extend(other.windows);
        self.trails.extend(other.trails);
        self.checked += other.checked;
        for (source, mark) in other.watermarks {
            let mine = self.watermarks.entry(source).or_default();
            *mine = std::mem::take(mine).max(mark);
        }
        self
    }

    /// A source has given everything that it records of a span of time.
    pub fn window(&mut self, window: Window) {
        self.windows.insert(window);
    }

    /// What a trail was told to record.
    pub fn trail(&mut self, trail: KnownTrail) {
        self.trails.insert(trail);
    }

    /// Where a source goes on next time, in its own words; of two the greater one (as text) stays.
    pub fn watermark(&mut self, source: &str, mark: String) {
        let mine = self.watermarks.entry(source.to_owned()).or_default();
        *mine = std::mem::take(mine).max(mark);
    }

    /// Something at `key` of a source could not be had this time; it is tried again next time.
    pub fn missed(&mut self, source: &str, key: &str, gap: Gap) {
        self.gaps.push((source.to_owned(), key.to_owned(), gap));
    }

    /// How many objects were held against the hash that a digest tells of them, see [`Reader::with_hashes`].
    pub fn checked(&self) -> u64 {
        self.checked
    }

    /// The objects that the digests in the batch list: name, and SHA-256 of what it unpacks to.
    pub fn delivered(&self) -> impl Iterator<Item = (&str, &str)> {
        let listed = self.digests.values().flat_map(|digest| &digest.listed);
        listed.map(|(name, hash)| (name.as_str(), hash.as_str()))
    }

    /// How many objects were read.
    pub fn objects(&self) -> usize {
        self.objects.len() + self.partly.len()
    }

    /// How many bytes the objects have, as stored.
    pub fn bytes(&self) -> u64 {
        let partly = self.partly.iter().map(|partly| &partly.object);
        let objects = self.objects.iter().map(|(object, _)| object);
        objects.chain(partly).map(|object| object.bytes).sum()
    }

    /// How many different events they hold; beyond some 16,000 an estimate.
    pub fn events(&self) -> u64 {
        self.fold.events.count().number
    }

    /// How many of the objects hold records, or something else that trails hold.
    pub(super) fn trail_objects(&self) -> usize {
        let is_trail = |(_, kind): &&(ObjectId, ObjectKind)| *kind != ObjectKind::Foreign;
        self.objects.iter().filter(is_trail).count() + self.partly.len()
    }

    /// The roles for which alone everything was read that was not read as a whole; `None` when all was.
    pub(super) fn only_roles(&self) -> Option<BTreeSet<RoleName>> {
        let known = |object: &ObjectId| (object.source.clone(), object.key.clone());
        let whole: BTreeSet<(String, String)> = match self.partly.is_empty() {
            true => BTreeSet::new(),
            false => self.objects.iter().map(|(object, _)| known(object)).collect(),
        };
        let partly = self
            .partly
            .iter()
            .filter(|partly| !whole.contains(&known(&partly.object)));
        let asked = asked_for_alone(&self.windows);
        let partly = partly.map(|partly| &*partly.roles);
        roles::in_all(self.only.iter().chain(partly).chain(&asked))
    }
}

/// Takes in one object after the other, on one thread.
pub struct Reader<'k> {
    folder: Folder<'k>,
    inflater: Inflater,
    batch: Batch,
    hashes: Arc<BTreeMap<String, String>>,
    roles: Option<Arc<Roles>>,
    /// Their names.
    names: Arc<BTreeSet<RoleName>>,
}

impl<'k> Reader<'k> {
    /// A reader that names operations by `catalog`.
    pub fn new(catalog: &'k Catalog) -> Self {
        Self {
            folder: Folder::new(catalog),
            inflater: Inflater::default(),
            batch: Batch::default(),
            hashes: Arc::default(),
            roles: None,
            names: Arc::default(),
        }
    }

    /// The reader reads the calls of some roles alone, if any are given: nothing of others is kept, but where there were
    /// events.
    #[must_use]
    pub fn for_roles(self, roles: Option<Arc<Roles>>) -> Self {
        Self {
            names: roles
                .as_ref()
                .map_or_else(Arc::default, |roles| Arc::new(roles.names().clone())),
            folder: self.folder.for_roles(roles.clone()),
            roles,
            ..self
        }
    }

    /// The reader holds objects against the SHA-256 of what they unpack to, by name, as digests tell it.
    #[must_use]
    pub fn with_hashes(self, hashes: Arc<BTreeMap<String, String>>) -> Self {
        Self { hashes, ..self }
    }

    /// Reads an object: the bytes as stored, packed or not.
    pub fn object(&mut self, object: ObjectId, bytes: impl AsRef<[u8]>) {
        let bytes = bytes.as_ref();
        if !inflate::is_gzip(bytes) {
            return match bytes.len() {
                0..=MAX_WHOLE => self.whole(object, bytes, false),
                _ => self.large(object, bytes, bytes.len() as u64),
            };
        }
        let mut inflater = std::mem::take(&mut self.inflater);
        match inflater.inflate(bytes, MAX_WHOLE) {
            Ok(unpacked) => self.whole(object, unpacked.bytes, unpacked.is_cut),
            Err(InflateError::TooLarge) => self.large(object, bytes, bytes.len() as u64),
            Err(error) => self.failed(object, &error.into()),
        }
        self.inflater = inflater;
    }

    fn whole(&mut self, object: ObjectId, bytes: &[u8], is_cut: bool) {
        if self.is_hashed(&object) && !is_cut {
            self.check(&object, &hex(Sha256::digest(bytes).as_slice()));
        }
        if !is_cut && self.pass_over(bytes) {
            return self.finish(object, "", false);
        }
        let text = match simdutf8::basic::from_utf8(bytes) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => String::from_utf8_lossy(bytes),
        };
        container::read(&text, &mut self.folder);
        self.finish(object, &text, is_cut);
    }

    /// Takes note of a trail object that holds nothing of the roles that are asked for, without parsing it; whether it is one.
    fn pass_over(&mut self, bytes: &[u8]) -> bool {
        /// More than the first record takes.
        const BEGINNING: usize = 64 << 10;
        let Some(roles) = &self.roles else {
            return false;
        };
        // An object that is cut ends otherwise.
        let end = bytes
            .trim_ascii_end()
            .strip_suffix(b"}")
            .map(<[u8]>::trim_ascii_end);
        if !end.is_some_and(|end| end.ends_with(b"]")) || roles.may_be_in(bytes) {
            return false;
        }
        let beginning = bytes.get(..BEGINNING).unwrap_or(bytes);
        let beginning = match std::str::from_utf8(beginning) {
            Ok(text) => text,
            Err(error) => {
                let valid = beginning.get(..error.valid_up_to()).unwrap_or_default();
                std::str::from_utf8(valid).unwrap_or_default()
            }
        };
        self.folder.pass_over(beginning).is_some()
    }

    /// Reads an object of `size` bytes in pieces, so that it takes little memory however large it is.
    pub fn large(&mut self, object: ObjectId, mut bytes: impl BufRead, size: u64) {
        let hasher = self.is_hashed(&object).then(Sha256::new);
        let mut raw: Hashing<Box<dyn Read + '_>> = match bytes.fill_buf().map(inflate::is_gzip) {
            Ok(true) => Hashing(Box::new(inflate::unpack_slowly(bytes, size)), hasher),
            Ok(false) => Hashing(Box::new(bytes), hasher),
            Err(error) => return self.failed(object, &ObjectError::Io(error)),
        };
        match stream::read(&mut raw, &mut self.folder) {
            Ok(()) => {
                if let Some(hasher) = raw.1 {
                    self.check(&object, &hex(hasher.finalize().as_slice()));
                }
                self.finish(object, "", false);
            }
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => self.finish(object, "", true),
            Err(error) => {
                let found = self.folder.next_object();
                self.lost(object, &ObjectError::of(error), found.left_out);
            }
        }
    }

    /// Reads what the AWS CLI prints of trails and their event selectors; whether there is anything of it.
    fn settings(&mut self, text: &str) -> bool {
        let may_be = text.contains("\"TrailARN\"");
        let found = may_be
            .then(|| selectors::parse(text))
            .flatten()
            .unwrap_or_default();
        let any = !found.is_empty();
        let named = found.into_iter().filter(|settings| !settings.arn.is_empty());
        self.batch.trails.extend(named.map(|settings| KnownTrail {
            asked: String::new(),
            settings,
        }));
        any
    }

    /// Whether a digest tells the hash of an object.
    fn is_hashed(&self, object: &ObjectId) -> bool {
        self.hashes.contains_key(file_name(&object.key))
    }

    fn check(&mut self, object: &ObjectId, hash: &str) {
        let Some(stated) = self.hashes.get(file_name(&object.key)) else {
            return;
        };
        self.batch.checked += 1;
        if !stated.eq_ignore_ascii_case(hash) {
            let message = format!(
                "`{}` is not what CloudTrail delivered: its digest tells another SHA-256",
                object.key
            );
            let gap = Gap::new("trail-object-altered", message)
                .at(Location::new(object.key.clone(), 1, 1))
                .hint("find out who changed it (`aws cloudtrail validate-logs`); what it holds now was read");
            self.gap(object, gap);
        }
    }

    /// Reads text that holds events in any of the known forms, such as an event or a page of events as JSON.
    pub fn text(&mut self, object: ObjectId, text: &str) {
        container::read(text, &mut self.folder);
        self.finish(object, text, false);
    }

    /// Takes note of an object that was read; of one that is cut, the last record is not whole.
    fn finish(&mut self, object: ObjectId, text: &str, is_cut: bool) {
        let mut found = self.folder.next_object();
        self.batch.trails.append(&mut found.trails);
        let foreign = found.foreign && !found.records && !self.settings(text);
        if is_cut {
            // The last record is not whole: that is the same damage. Others are told.
            found.unreadable.pop_if(|(_, why)| why == container::ENDS_EARLY);
            self.lost(object.clone(), &ObjectError::Cut, found.left_out);
        }
        if found.digest
            && let Some(digest) = Digest::read(&object.key, text)
        {
            self.batch
                .digests
                .insert(file_name(&object.key).to_owned(), digest);
        }
        let place = |line| Location::new(object.key.clone(), line, 1);
        for gap in unreadable(found.unreadable, place) {
            self.gap(&object, gap);
        }
        if foreign && files::looks_like_trail(&object.key) {
            let message = "the file is named like a CloudTrail object and holds nothing like it";
            let hint = "leave the file out, or fetch it again";
            let gap = Gap::new("trail-object-unknown", message).at(place(1)).hint(hint);
            self.gap(&object, gap);
        }
        let kind = match foreign {
            true => ObjectKind::Foreign,
            false => ObjectKind::Trail,
        };
        if !is_cut {
            self.was_read(object, kind, found.left_out);
        }
    }

    fn was_read(&mut self, object: ObjectId, kind: ObjectKind, left_out: bool) {
        match left_out {
            false => self.batch.objects.push((object, kind)),
            true => {
                let roles = Arc::clone(&self.names);
                self.batch.partly.push(Partly { object, kind, roles });
            }
        }
    }

    /// An object could not be read. One that is damaged stays so until its stamp changes; others are tried again.
    pub(super) fn failed(&mut self, object: ObjectId, error: &ObjectError) {
        self.lost(object, error, false);
    }

    /// The same for an object of which something was read, and perhaps left out.
    fn lost(&mut self, object: ObjectId, error: &ObjectError, left_out: bool) {
        let gap = damaged(&object.key, error).at(Location::new(object.key.clone(), 1, 1));
        self.gap(&object, gap);
        if !matches!(error, ObjectError::Io(_)) {
            self.was_read(object, ObjectKind::Damaged, left_out);
        }
    }

    fn gap(&mut self, object: &ObjectId, gap: Gap) {
        self.batch
            .gaps
            .push((object.source.clone(), object.key.clone(), gap));
    }

    /// What was read since the last time.
    pub fn batch(&mut self) -> Batch {
        let mut batch = std::mem::take(&mut self.batch);
        batch.fold = self.folder.take();
        batch
    }
}

/// Hashes what is read through it, if there is anything to hold it against.
struct Hashing<R>(R, Option<Sha256>);

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let read = self.0.read(room)?;
        if let Some(hasher) = &mut self.1 {
            hasher.update(room.get(..read).unwrap_or_default());
        }
        Ok(read)
    }
}

/// A hash in hexadecimal digits.
fn hex(hash: &[u8]) -> String {
    hash.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
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

fn damaged(key: &str, error: &ObjectError) -> Gap {
    let code = match error {
        ObjectError::Io(_) => "trail-path-unreadable",
        ObjectError::Inflate(InflateError::TooLarge | InflateError::Bomb) => "trail-object-too-large",
        ObjectError::Inflate(InflateError::Damaged) | ObjectError::Cut => "trail-object-damaged",
    };
    Gap::new(code, format!("`{key}` {error}")).hint("fetch the object again; all other objects are read")
}
