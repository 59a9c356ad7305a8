//! Records folded into groups, so that a terabyte of records becomes a few thousand observations.
//!
//! Folding is a union: taking in a record twice changes nothing, since what is counted are different event ids
//! ([`Distinct`]). Folds of different objects are merged in any order with the same result.

use std::collections::BTreeMap;
use std::collections::hash_map::HashMap;

use crate::catalog::Catalog;
use crate::usage::OperationId;

use super::attribute::{Learned, Session, scope_version, session};
use super::classify::{Class, Outcome, classify};
use super::container::Sink;
use super::distinct::{Distinct, OF_A_TRAIL, hash_id, hash_parts};
use super::group::Group;
use super::inputs::{self, Members, Value};
use super::json::{Node, Parser, Raw, Reference, Sonic};
use super::ledger::Stream;
use super::operation::EventNames;
use super::record::Record;
use super::time::{Days, Span};

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
#[derive(Clone, Debug)]
pub(super) struct Fold {
    pub(super) groups: HashMap<GroupKey, Group>,
    pub(super) learned: Learned,
    /// Events, and the contents of files, that do not count, by the reason.
    pub(super) skipped: BTreeMap<String, Distinct>,
    /// The different events.
    pub(super) events: Distinct,
    pub(super) span: Span,
    /// The days on which there were events, by whomever.
    pub(super) streams: HashMap<Stream, Days>,
}

impl Default for Fold {
    fn default() -> Self {
        Self {
            groups: HashMap::new(),
            learned: Learned::default(),
            skipped: BTreeMap::new(),
            events: Distinct::new(OF_A_TRAIL),
            span: Span::default(),
            streams: HashMap::new(),
        }
    }
}

/// What is known of one object beyond its records.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Whether it holds records, or something else that trails hold.
    pub(super) records: bool,
    /// Whether it holds something that has nothing to do with trails.
    pub(super) foreign: bool,
    /// Whether it is a digest.
    pub(super) digest: bool,
    /// Lines that cannot be read, and why.
    pub(super) unreadable: Vec<(u32, String)>,
}

/// Folds the records of one object after the other.
pub(super) struct Folder<'k> {
    pub(super) fold: Fold,
    found: Found,
    names: EventNames<'k>,
    members: Members<'k>,
}

impl<'k> Folder<'k> {
    pub(super) fn new(catalog: &'k Catalog) -> Self {
        Self {
            fold: Fold::default(),
            found: Found::default(),
            names: EventNames::new(catalog),
            members: Members::default(),
        }
    }

    fn count_skipped(&mut self, what: &str, hash: u64) {
        match self.fold.skipped.get_mut(what) {
            Some(skipped) => skipped.insert(hash),
            None => {
                let skipped = Distinct::of(OF_A_TRAIL, [hash]);
                self.fold.skipped.insert(what.to_owned(), skipped);
            }
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
        self.fold.events.insert(id);
        let time = record.time();
        self.fold.span.widen(time);
        self.fold.see_day(record);
        let (class, denied) = match classify(record) {
            Outcome::Skip(what) => return self.count_skipped(what, id),
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
            session: session(identity, &mut self.fold.learned),
            class,
            event_source: source.to_owned(),
            event_name: name.to_owned(),
            operation: operation.map(|operation| operation.id()),
            region: record.aws_region.as_str().to_owned(),
            data_event: record.is_data_event(),
        };
        let inputs = match operation {
            Some(operation) => self.members.inputs(operation, &parameters),
            None => inputs::as_recorded(&parameters),
        };
        let anchors = anchors(&inputs);

        let cell = self.fold.groups.entry(key).or_default().cell(anchors);
        cell.events.insert(id);
        cell.see_record(record, time, denied.as_deref());
        cell.versions.extend(scope_version(identity));
        for (path, value) in inputs {
            cell.see_input(path, &value);
        }
    }

    fn skip(&mut self, what: &'static str, text: &str) {
        self.count_skipped(what, hash_parts([text]));
        self.found.digest |= what == "digest";
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
        for (what, skipped) in other.skipped {
            match self.skipped.get_mut(&what) {
                Some(mine) => mine.merge(skipped),
                None => {
                    self.skipped.insert(what, skipped);
                }
            }
        }
        self.events.merge(other.events);
        self.span.merge(other.span);
        for (stream, days) in other.streams {
            self.streams.entry(stream).or_default().merge(days);
        }
    }

    /// Notes the day of an event, by whomever.
    fn see_day<R>(&mut self, record: &Record<'_, R>) {
        let stream = Stream {
            account: record.account().to_owned(),
            region: record.aws_region.as_str().to_owned(),
            data: record
                .is_data_event()
                .then(|| record.event_source.as_str().to_owned()),
        };
        let days = self.streams.entry(stream).or_default();
        if let Some(time) = record.time() {
            days.insert(time);
        }
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

/// The hash of the event's id, or of what it says when it has none.
fn identity_of<R: Raw>(record: &Record<'_, R>) -> u64 {
    let id = record.event_id.as_str();
    if !id.is_empty() {
        return hash_id(id);
    }
    let identity = record.user_identity.as_ref();
    let parameters = record.request_parameters.as_ref().map(Raw::json);
    hash_parts([
        record.request_id.as_str(),
        record.event_time.as_str(),
        record.event_source.as_str(),
        record.event_name.as_str(),
        identity.map_or("", |identity| identity.arn.as_str()),
        parameters.as_deref().unwrap_or_default(),
    ])
}
