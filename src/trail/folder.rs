//! Folds one record after the other, on one thread.
//!
//! Records name the same few sources, regions, identities and members again and again. Each is looked at once and goes by
//! a number afterwards, so that a record whose like was seen before costs no text of its own.

use std::collections::BTreeSet;
use std::collections::hash_map::Entry;
use std::hash::BuildHasher;

use rustc_hash::{FxBuildHasher, FxHashMap};

use crate::catalog::Catalog;

use super::classify::{Class, Outcome, classify};
use super::container::Sink;
use super::distinct::{Distinct, OF_A_TRAIL, hash_id, hash_parts};
use super::fold::{Fold, GroupKey};
use super::group::{Cell, Group, MAX_CELLS};
use super::identity::{Identities, SessionNumber};
use super::inputs::{self, Inputs, Plans};
use super::json::{Node, Parser, Raw, Reference, Sonic};
use super::ledger::Stream;
use super::operation::{Chosen, EventName, EventNames};
use super::record::Record;
use super::selectors::{self, KnownTrail};
use super::time::{Days, Time};
use super::walk;

/// What is known of one object beyond its records.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Whether it holds records, or something else that trails hold.
    pub(super) records: bool,
    /// Whether it holds something that has nothing to do with trails.
    pub(super) foreign: bool,
    /// Whether it is a digest.
    pub(super) digest: bool,
    /// What its records say that trails were told to record.
    pub(super) trails: BTreeSet<KnownTrail>,
    /// Lines that cannot be read, and why.
    pub(super) unreadable: Vec<(u32, String)>,
}

/// Folds records.
pub(super) struct Folder<'k> {
    /// What needs no numbers.
    fold: Fold,
    found: Found,
    names: EventNames<'k>,
    plans: Plans<'k>,
    inputs: Inputs,
    identities: Identities,
    texts: Texts,
    streams: Streams,
    groups: OpenGroups,
}

impl<'k> Folder<'k> {
    pub(super) fn new(catalog: &'k Catalog) -> Self {
        Self {
            fold: Fold::default(),
            found: Found::default(),
            names: EventNames::new(catalog),
            plans: Plans::default(),
            inputs: Inputs::default(),
            identities: Identities::default(),
            texts: Texts::default(),
            streams: Streams::default(),
            groups: OpenGroups::default(),
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

    /// What was folded since the last time.
    pub(super) fn take(&mut self) -> Fold {
        let mut fold = std::mem::take(&mut self.fold);
        for (key, group) in std::mem::take(&mut self.groups).close() {
            match fold.groups.entry(key) {
                Entry::Occupied(mut entry) => entry.get_mut().merge(group),
                Entry::Vacant(entry) => {
                    entry.insert(group);
                }
            }
        }
        for (stream, days) in std::mem::take(&mut self.streams).days.into_values() {
            fold.streams.entry(stream).or_default().merge(days);
        }
        self.identities = Identities::default();
        self.texts = Texts::default();
        fold
    }

    /// Reads the parameters into inputs; what no parser can read has none.
    fn read_inputs(&mut self, chosen: Option<&Chosen<'k>>, parameters: &str) {
        self.inputs.clear();
        let Some(chosen) = chosen else {
            let node = Sonic::parse(parameters).or_else(|_| Reference::parse(parameters));
            let node = node.unwrap_or(Node::Null);
            return inputs::as_recorded(&node, &mut self.plans.paths, &mut self.inputs);
        };
        let Some(place) = self.plans.input(chosen.operation) else {
            return;
        };
        if walk::parameters::<Sonic>(parameters, &mut self.plans, place, &mut self.inputs).is_ok() {
            return;
        }
        self.inputs.clear();
        if walk::parameters::<Reference>(parameters, &mut self.plans, place, &mut self.inputs).is_err() {
            self.inputs.clear();
        }
    }
}

impl Sink for Folder<'_> {
    fn record<R: Raw>(&mut self, record: &Record<'_, R>) {
        self.found.records = true;
        let id = hash_of(record);
        self.fold.events.insert(id);
        let time = record.time();
        let region = self.texts.number(record.aws_region.as_str());
        if !record.is_beside() {
            self.fold.span.widen(time);
            self.streams.see(record, region, time, &mut self.texts);
        }
        if record.event_name.as_str() == selectors::EVENT {
            self.found.trails.extend(told_by(record, time));
        }
        let (class, denied) = match classify(record) {
            Outcome::Skip(what) => return self.count_skipped(what, id),
            Outcome::Counts(class, denied) => (class, denied),
        };
        let parameters = record.request_parameters.as_ref().map_or("null", Raw::json);
        let (source, name) = (record.event_source.as_str(), record.event_name.as_str());
        let event = self.names.number(source, name);
        let chosen = self.names.operation(event, parameters);
        self.read_inputs(chosen.as_ref(), parameters);
        let identity = record.user_identity.as_ref();
        let known = identity.and_then(|identity| self.identities.find(identity, &mut self.fold.learned));
        let Some(known) = known else {
            return;
        };

        let key = OpenKey {
            session: known.session,
            class: self.groups.class(&class),
            event,
            choice: chosen.map_or(0, |chosen| chosen.nth),
            region,
            data_event: record.is_data_event(),
        };
        let group = self.groups.open(key, || GroupKey {
            session: known.of.clone(),
            class,
            event_source: source.to_owned(),
            event_name: name.to_owned(),
            operation: chosen.map(|chosen| chosen.operation.id()),
            region: record.aws_region.as_str().to_owned(),
            data_event: key.data_event,
        });
        let cell = group.cell(&self.inputs.anchors(&self.plans.paths));
        cell.events.insert(id);
        cell.see_record(record, time, denied.as_deref());
        cell.see_version(known.version);
        for (path, value) in self.inputs.iter(&self.plans.paths) {
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

/// What a trail was told to record by this event, whoever did it.
fn told_by<R: Raw>(record: &Record<'_, R>, time: Option<Time>) -> Option<KnownTrail> {
    let happened = record.error_code.as_str().is_empty() && !record.is_beside();
    if record.event_source.as_str() != "cloudtrail.amazonaws.com" || !happened {
        return None;
    }
    let identity = record.user_identity.as_ref();
    selectors::told(&selectors::Event {
        time: &time?.to_string(),
        region: record.aws_region.as_str(),
        account: record.account(),
        caller: identity.map_or("", |identity| identity.arn.as_str()),
        parameters: record.request_parameters.as_ref().map_or("null", Raw::json),
    })
}

/// Numbers for texts.
#[derive(Debug, Default)]
struct Texts(FxHashMap<Box<str>, u32>);

impl Texts {
    fn number(&mut self, text: &str) -> u32 {
        if let Some(number) = self.0.get(text) {
            return *number;
        }
        let number = u32::try_from(self.0.len()).unwrap_or(u32::MAX);
        self.0.insert(text.into(), number);
        number
    }
}

/// The days on which there were events, by whomever.
#[derive(Debug, Default)]
struct Streams {
    /// Account, region and, for data events, source → the same in words, and the days.
    days: FxHashMap<(u32, u32, Option<u32>), (Stream, Days)>,
}

impl Streams {
    fn see<R>(&mut self, record: &Record<'_, R>, region: u32, time: Option<Time>, texts: &mut Texts) {
        let source = record.is_data_event().then(|| record.event_source.as_str());
        let account = texts.number(record.account());
        let number = source.map(|source| texts.number(source));
        let (_, days) = self.days.entry((account, region, number)).or_insert_with(|| {
            let stream = Stream {
                account: record.account().to_owned(),
                region: record.aws_region.as_str().to_owned(),
                data: source.map(str::to_owned),
            };
            (stream, Days::default())
        });
        if let Some(time) = time {
            days.insert(time);
        }
    }
}

/// What a [`GroupKey`] says, in numbers.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct OpenKey {
    session: SessionNumber,
    class: u32,
    event: EventName,
    /// Which of the operations of that name.
    choice: u8,
    region: u32,
    data_event: bool,
}

/// Groups that are being folded into.
#[derive(Default)]
struct OpenGroups {
    groups: FxHashMap<OpenKey, OpenGroup>,
    /// Classes that say more than their kind.
    classes: FxHashMap<Class, u32>,
}

/// A group and its cells, with what they are kept apart by.
struct OpenGroup {
    key: GroupKey,
    /// A hash of what each cell is kept apart by.
    marks: Vec<u64>,
    cells: Vec<(Vec<(String, String)>, Cell)>,
    /// All cells beyond [`MAX_CELLS`].
    rest: Option<Box<Cell>>,
}

impl OpenGroups {
    fn class(&mut self, class: &Class) -> u32 {
        if *class == Class::Call {
            return 0;
        }
        if let Some(number) = self.classes.get(class) {
            return *number;
        }
        let number = u32::try_from(self.classes.len() + 1).unwrap_or(u32::MAX);
        self.classes.insert(class.clone(), number);
        number
    }

    fn open(&mut self, number: OpenKey, key: impl FnOnce() -> GroupKey) -> &mut OpenGroup {
        self.groups.entry(number).or_insert_with(|| OpenGroup {
            key: key(),
            marks: Vec::new(),
            cells: Vec::with_capacity(1),
            rest: None,
        })
    }

    fn close(self) -> impl Iterator<Item = (GroupKey, Group)> {
        self.groups.into_values().map(|open| {
            let mut group = Group::default();
            for (apart_by, cell) in open.cells {
                group.add(Some(apart_by), cell);
            }
            if let Some(rest) = open.rest {
                group.add(None, *rest);
            }
            (open.key, group)
        })
    }
}

impl OpenGroup {
    /// The cell of calls that name these resources.
    fn cell(&mut self, anchors: &[(&str, &str)]) -> &mut Cell {
        let mark = FxBuildHasher.hash_one(anchors);
        let is_it = |(at, marked): (usize, &u64)| {
            let (apart_by, _) = self.cells.get(at).filter(|_| *marked == mark)?;
            let pairs = apart_by
                .iter()
                .map(|(path, value)| (path.as_str(), value.as_str()));
            pairs.eq(anchors.iter().copied()).then_some(at)
        };
        let position = match self.marks.iter().enumerate().find_map(is_it) {
            Some(position) => position,
            None if self.cells.len() >= MAX_CELLS => return self.rest.get_or_insert_default(),
            None => {
                let owned = anchors
                    .iter()
                    .map(|(path, value)| ((*path).to_owned(), (*value).to_owned()));
                self.cells.push((owned.collect(), Cell::default()));
                self.marks.push(mark);
                self.cells.len() - 1
            }
        };
        match self.cells.get_mut(position) {
            Some((_, cell)) => cell,
            None => self.rest.get_or_insert_default(),
        }
    }
}

/// The hash of the event's id, or of what it says when it has none.
fn hash_of<R: Raw>(record: &Record<'_, R>) -> u64 {
    let id = record.event_id.as_str();
    if !id.is_empty() {
        return hash_id(id);
    }
    let identity = record.user_identity.as_ref();
    hash_parts([
        record.request_id.as_str(),
        record.event_time.as_str(),
        record.event_source.as_str(),
        record.event_name.as_str(),
        identity.map_or("", |identity| identity.arn.as_str()),
        record.request_parameters.as_ref().map_or("", Raw::json),
    ])
}
