//! Records folded into groups, so that a terabyte of records becomes a few thousand observations.
//!
//! Folding is a union: taking in a record twice changes nothing but its count, and counts are of distinct event ids.
//! Folds of different objects are merged in any order with the same result.

use std::collections::hash_map::{DefaultHasher, HashMap};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::hash::{Hash, Hasher};
use std::sync::{Mutex, PoisonError};

use crate::catalog::Catalog;
use crate::usage::OperationId;

use super::attribute::{Functions, Learned, Session, scope_version};
use super::classify::{Class, Outcome, classify};
use super::container::Sink;
use super::group::{Group, widen};
use super::inputs::{self, Members, Value};
use super::json::{Node, Parser, Raw, Reference, Sonic};
use super::operation::EventNames;
use super::record::Record;

/// What a call is, apart from its resource.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct GroupKey {
    pub(super) session: Session,
    pub(super) class: Class,
    pub(super) event_source: String,
    pub(super) event_name: String,
    pub(super) operation: Option<OperationId>,
    pub(super) region: String,
    pub(super) data_event: bool,
}

/// What some objects of a trail hold.
#[derive(Clone, Debug, Default)]
pub(super) struct Fold {
    pub(super) groups: HashMap<GroupKey, Group>,
    pub(super) learned: Learned,
    pub(super) skipped: BTreeMap<&'static str, u64>,
    pub(super) events: u64,
    pub(super) first: Option<String>,
    pub(super) last: Option<String>,
    pub(super) data_event_sources: BTreeSet<String>,
}

/// What is known of one object beyond its records.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Whether it holds records, or something else that trails hold.
    pub(super) records: bool,
    /// Whether it holds something that has nothing to do with trails.
    pub(super) foreign: bool,
    /// Lines that cannot be read, and why.
    pub(super) unreadable: Vec<(u32, String)>,
}

/// The event ids counted so far, over all threads.
pub(super) struct Counted(Vec<Mutex<HashSet<u128>>>);

impl Counted {
    pub(super) fn new() -> Self {
        Self((0..64).map(|_| Mutex::default()).collect())
    }

    /// Whether `mark` is counted now for the first time.
    fn first_time(&self, mark: u128) -> bool {
        let shard = usize::try_from(mark % 64).unwrap_or_default();
        self.0
            .get(shard)
            .is_none_or(|shard| shard.lock().unwrap_or_else(PoisonError::into_inner).insert(mark))
    }
}

/// Folds the records of one object after the other.
pub(super) struct Folder<'k> {
    pub(super) fold: Fold,
    found: Found,
    names: EventNames<'k>,
    members: Members<'k>,
    functions: Functions<'k>,
    counted: &'k Counted,
}

impl<'k> Folder<'k> {
    pub(super) fn new(catalog: &'k Catalog, functions: Functions<'k>, counted: &'k Counted) -> Self {
        Self {
            fold: Fold::default(),
            found: Found::default(),
            names: EventNames::new(catalog),
            members: Members::default(),
            functions,
            counted,
        }
    }

    fn skip_record(&mut self, id: u128, what: &'static str) {
        if self.counted.first_time(mark(id, &what)) {
            self.fold.events += 1;
            *self.fold.skipped.entry(what).or_default() += 1;
        }
    }

    /// Ends an object and tells what is known of it.
    pub(super) fn next_object(&mut self) -> Found {
        std::mem::take(&mut self.found)
    }
}

impl Sink for Folder<'_> {
    fn record<R: Raw>(&mut self, record: &Record<'_, R>) {
        self.found.records = true;
        let id = identity_of(record);
        let time = record.time();
        widen(&mut self.fold.first, &mut self.fold.last, time.as_ref());
        if record.is_data_event() {
            let source = record.event_source.as_str();
            if !self.fold.data_event_sources.contains(source) {
                self.fold.data_event_sources.insert(source.to_owned());
            }
        }
        let (class, denied) = match classify(record) {
            Outcome::Skip(what) => return self.skip_record(id, what),
            Outcome::Counts(class, denied) => (class, denied),
        };
        let Some(identity) = record.user_identity.as_ref() else {
            return;
        };
        let raw = record.request_parameters.as_ref().map(Raw::json);
        let parameters = raw.as_deref().map_or(Node::Null, parameters);
        let (source, name) = (record.event_source.as_str(), record.event_name.as_str());
        let operation = self.names.operation(source, name, &parameters);
        let key = GroupKey {
            session: self.functions.session(identity, &mut self.fold.learned),
            class,
            event_source: source.to_owned(),
            event_name: name.to_owned(),
            operation: operation.map(|operation| operation.id()),
            region: record.aws_region.as_str().to_owned(),
            data_event: record.is_data_event(),
        };
        let inputs = operation.map_or_else(Vec::new, |operation| self.members.inputs(operation, &parameters));
        let anchors = anchors(&inputs);

        let new = self.counted.first_time(mark(id, &(&key, &anchors)));
        self.fold.events += u64::from(new);
        let cell = self.fold.groups.entry(key).or_default().cell(anchors);
        cell.count += u64::from(new);
        cell.see_record(record, time, denied.as_deref());
        cell.versions.extend(scope_version(identity));
        for (path, value) in inputs {
            cell.see_input(path, &value);
        }
    }

    fn skip(&mut self, what: &'static str) {
        *self.fold.skipped.entry(what).or_default() += 1;
        self.found.foreign |= what == "not-a-trail-object";
        self.found.records |= what != "not-a-trail-object";
    }

    fn unreadable(&mut self, line: u32, why: &str) {
        self.found.unreadable.push((line, why.to_owned()));
    }
}

impl Fold {
    /// Takes in what other objects hold.
    pub(super) fn merge(&mut self, other: Self) {
        for (key, group) in other.groups {
            match self.groups.entry(key) {
                std::collections::hash_map::Entry::Occupied(mut entry) => entry.get_mut().merge(group),
                std::collections::hash_map::Entry::Vacant(entry) => {
                    entry.insert(group);
                }
            }
        }
        self.learned.merge(other.learned);
        for (what, count) in other.skipped {
            *self.skipped.entry(what).or_default() += count;
        }
        self.events += other.events;
        widen(&mut self.first, &mut self.last, other.first.as_ref());
        widen(&mut self.first, &mut self.last, other.last.as_ref());
        self.data_event_sources.extend(other.data_event_sources);
    }
}

/// The values that name the resource as a whole.
fn anchors(inputs: &[inputs::Input<'_>]) -> Vec<(String, String)> {
    let mut anchors: Vec<(String, String)> = inputs
        .iter()
        .filter(|(path, _)| inputs::is_anchor(path))
        .filter_map(|(path, value)| match value {
            Value::Text(text) => Some((path.clone(), (*text).to_owned())),
            Value::Hidden => None,
        })
        .collect();
    anchors.sort();
    anchors
}

/// The request parameters as a tree; what no parser can read counts as none.
fn parameters(json: &str) -> Node<'_> {
    Sonic::parse(json)
        .or_else(|_| Reference::parse(json))
        .unwrap_or(Node::Null)
}

/// A number for the event: its id, or a hash of what it says when it has none.
fn identity_of<R: Raw>(record: &Record<'_, R>) -> u128 {
    let id = record.event_id.as_str();
    if !id.is_empty() {
        return u128::from_str_radix(&id.replace('-', ""), 16).unwrap_or_else(|_| wide_hash(&id));
    }
    let identity = record.user_identity.as_ref();
    wide_hash(&(
        record.request_id.as_str(),
        record.event_time.as_str(),
        record.event_source.as_str(),
        record.event_name.as_str(),
        identity.map_or("", |identity| identity.arn.as_str()),
        record.request_parameters.as_ref().map(Raw::json),
    ))
}

/// A number for an event within a group, so that each group counts its own distinct events.
fn mark(id: u128, group: &impl Hash) -> u128 {
    let mut hasher = DefaultHasher::new();
    group.hash(&mut hasher);
    id ^ (u128::from(hasher.finish()) << 32)
}

fn wide_hash(value: &impl Hash) -> u128 {
    let half = |seed: u8| {
        let mut hasher = DefaultHasher::new();
        seed.hash(&mut hasher);
        value.hash(&mut hasher);
        u128::from(hasher.finish())
    };
    half(0) << 64 | half(1)
}
