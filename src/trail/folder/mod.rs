//! Folds one record after the other, on one thread.
//!
//! Records name the same few sources, regions, identities and members again and again. Each is looked at once and goes by
//! a number afterwards, so that a record whose like was seen before costs no text of its own: [`known`] folds most records, this
//! file those that a parser must read.

mod known;
mod streams;

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::catalog::Catalog;
use crate::trail::classify::{classify, counted, role};
use crate::trail::container::{self, Sink};
use crate::trail::distinct::{Distinct, OF_A_TRAIL, hash_id, hash_parts};
use crate::trail::fold::{Fold, GroupKey};
use crate::trail::group_table::{CellNumber, OpenGroups, OpenKey};
use crate::trail::identity::{Identities, MannerNumber};
use crate::trail::inputs::{self, Inputs, Plans};
use crate::trail::json::{Node, Parser, Raw, Reference, Sonic};
use crate::trail::memo::Memo;
use crate::trail::operation::{Chosen, EventName, EventNames};
use crate::trail::record::Record;
use crate::trail::roles::Roles;
use crate::trail::samples::EventId;
use crate::trail::selectors::{self, KnownTrail};
use crate::trail::slices::{self, Field, Slices, plain_text};
use crate::trail::time::Time;
use crate::trail::walk;

use streams::{Streams, Texts};

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
    /// Whether records were left out, since they are of other roles than those that are asked for.
    pub(super) left_out: bool,
    /// Whether the first of its records was looked at.
    is_begun: bool,
}

/// Whether a record is of the roles that are asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    Yes,
    No,
    /// Parsing tells.
    Unclear,
}

/// What is known of an identity whose calls nobody asked for.
const NOT_ASKED: &str = "not-asked-for";

/// The name of a call, and the operation that it stands for.
struct Called<'k> {
    event: EventName,
    chosen: Option<Chosen<'k>>,
}

/// What is always new of a record.
struct Seen {
    /// The hash of the event's id.
    hash: u64,
    /// `None` when it is not told in a known form.
    time: Option<Time>,
    id: EventId,
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
    /// Events that do not count, by the reason.
    skipped: Vec<(&'static str, Distinct)>,
    memo: Memo,
    /// The roles whose calls alone are folded.
    roles: Option<Arc<Roles>>,
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
            skipped: Vec::new(),
            memo: Memo::default(),
            roles: None,
        }
    }

    /// Folds calls of these roles alone, if any are given.
    pub(super) fn for_roles(self, roles: Option<Arc<Roles>>) -> Self {
        Self { roles, ..self }
    }

    /// Takes note of a trail object that holds nothing of the roles that are asked for, given its beginning; `None` when it is
    /// unusual, and must be read.
    pub(super) fn pass_over(&mut self, beginning: &str) -> Option<()> {
        let first = container::first_record(beginning)?;
        let record = Sonic::parse::<Record<'_, <Sonic as Parser>::Raw<'_>>>(first).ok()?;
        self.record(&record);
        self.found.left_out = true;
        Some(())
    }

    fn count_skipped(&mut self, what: &'static str, hash: u64) {
        let is_it = |other: &str| std::ptr::eq(other, what) || other == what;
        match self.skipped.iter_mut().find(|(other, _)| is_it(other)) {
            Some((_, skipped)) => skipped.insert(hash),
            None => self.skipped.push((what, Distinct::of(OF_A_TRAIL, [hash]))),
        }
    }

    /// Ends an object and tells what is known of it.
    pub(super) fn next_object(&mut self) -> Found {
        std::mem::take(&mut self.found)
    }

    /// What was folded since the last time.
    pub(super) fn take(&mut self) -> Fold {
        let mut fold = std::mem::take(&mut self.fold);
        // What is remembered makes room before the groups are told.
        self.memo = Memo::default();
        self.identities = Identities::default();
        self.texts = Texts::default();
        fold.groups.add(std::mem::take(&mut self.groups).close());
        for (stream, days, _) in std::mem::take(&mut self.streams).days {
            fold.streams.entry(stream).or_default().merge(days);
        }
        for (what, set) in std::mem::take(&mut self.skipped) {
            fold.skipped.insert(what.to_owned(), set);
        }
        fold
    }

    /// Reads the parameters into inputs; what no parser can read has none.
    fn read_inputs(&mut self, chosen: Option<&Chosen<'k>>, parameters: &str, may_be_plain: bool) {
        self.inputs.clear();
        let Some(chosen) = chosen else {
            let node = Sonic::parse(parameters).or_else(|_| Reference::parse(parameters));
            let node = node.unwrap_or(Node::Null);
            return inputs::as_recorded(&node, &mut self.plans.paths, &mut self.inputs);
        };
        let Some(place) = self.plans.input(chosen.operation) else {
            return;
        };
        if may_be_plain {
            if walk::plain_parameters(parameters, &mut self.plans, place, &mut self.inputs).is_ok() {
                return;
            }
            self.inputs.clear();
        }
        if walk::parameters::<Sonic>(parameters, &mut self.plans, place, &mut self.inputs).is_ok() {
            return;
        }
        self.inputs.clear();
        if walk::parameters::<Reference>(parameters, &mut self.plans, place, &mut self.inputs).is_err() {
            self.inputs.clear();
        }
    }
}

impl<'k> Folder<'k> {
    /// Reads the operation and the inputs of a call.
    fn read_call<R: Raw>(&mut self, record: &Record<'_, R>) -> Called<'k> {
        let parameters = record.request_parameters.as_ref().map_or("null", Raw::json);
        let (source, name) = (record.event_source.as_str(), record.event_name.as_str());
        let event = self.names.number(source, name);
        self.read_call_of(event, parameters, false)
    }

    /// The same of a call that is known; `may_be_plain` where [`plain`](super::plain) may read the parameters.
    fn read_call_of(&mut self, event: EventName, parameters: &str, may_be_plain: bool) -> Called<'k> {
        let chosen = self.names.operation(event, parameters);
        self.read_inputs(chosen.as_ref(), parameters, may_be_plain);
        Called { event, chosen }
    }

    /// Folds a record that counts, made in a known manner and just [read](Self::read_call); tells the cell that it went into.
    fn fold<R: Raw>(
        &mut self,
        record: &Record<'_, R>,
        Called { event, chosen }: Called<'k>,
        Seen { hash, time, id }: Seen,
        manner: MannerNumber,
    ) -> Option<CellNumber> {
        let region = self.texts.number(record.aws_region.as_str());
        let known = self.identities.known(manner)?;
        let (class, denied) = classify(record, known.manner);

        let key = OpenKey {
            session: known.session,
            class: self.groups.class(&class),
            event,
            choice: chosen.map_or(0, |chosen| chosen.nth),
            region,
            data_event: record.is_data_event(),
        };
        let (names, texts) = (&mut self.names, &self.texts);
        let owned = || {
            let operation = chosen.map(|chosen| names.id(event, chosen));
            let named = names.named(event)?;
            Some(GroupKey {
                session: Arc::clone(known.of),
                class,
                event_source: Arc::clone(&named.source),
                event_name: Arc::clone(&named.name),
                operation,
                region: texts.text(region)?,
                data_event: key.data_event,
            })
        };
        let mut anchors: Vec<(&str, &str)> = self.inputs.anchors(&self.plans.paths).collect();
        anchors.sort_unstable();
        let number = self.groups.cell(key, owned, &anchors)?;
        let cell = self.groups.cell_mut(number)?;
        cell.see_event(hash, time, id);
        cell.see_record(record, denied.as_deref());
        cell.see_version(known.version);
        for (path, value) in self.inputs.iter(&self.plans.paths) {
            cell.see_input(path, &value);
        }
        Some(number)
    }

    /// Whether a record is of the roles that are asked for, or tells of trails, which the parsers read.
    fn is_asked_for(&mut self, slices: &Slices<'_>) -> Asked {
        let Some(roles) = &self.roles else {
            return Asked::Yes;
        };
        let name = slices.json(Field::EventName);
        if name.contains('\\') || plain_text(name).is_some_and(selectors::is_told_by) {
            return Asked::Unclear;
        }
        if !roles.may_be_of(slices.json(Field::UserIdentity)) {
            return Asked::No;
        }
        let known = match self.memo.identity(slices) {
            (_, Some(known)) => Some(known),
            (piece, None) => self.learn_identity(piece, slices),
        };
        match known {
            Some(Err(NOT_ASKED)) => Asked::No,
            Some(_) => Asked::Yes,
            None => Asked::Unclear,
        }
    }

    /// The same for a record that is parsed.
    fn is_of_asked<R>(&self, record: &Record<'_, R>) -> bool {
        let of =
            |roles: &Roles| role(record.user_identity.as_ref()).is_ok_and(|identity| roles.has(identity));
        self.roles.as_deref().is_none_or(of)
    }

    /// A record was on some day in some stream; those that tell nothing of streams are left out.
    fn note<R>(&mut self, record: &Record<'_, R>, time: Option<Time>) {
        if !record.is_beside() {
            self.fold.span.widen(time);
            let region = self.texts.number(record.aws_region.as_str());
            let stream = self.streams.number(record, region, &mut self.texts);
            self.streams.see(stream, time);
        }
    }

    fn parse(&mut self, slices: &Slices<'_>) -> Option<()> {
        let record = Sonic::parse::<Record<'_, <Sonic as Parser>::Raw<'_>>>(slices.whole()).ok()?;
        self.record(&record);
        Some(())
    }
}

impl Sink for Folder<'_> {
    fn record<R: Raw>(&mut self, record: &Record<'_, R>) {
        self.found.records = true;
        let is_first = !std::mem::replace(&mut self.found.is_begun, true);
        let time = record.time();
        if selectors::is_told_by(record.event_name.as_str()) {
            self.found.trails.extend(told_by(record, time));
        }
        if !self.is_of_asked(record) {
            self.found.left_out = true;
            // One record of each object is looked at, whoever's it is: where there were events is known then.
            if is_first {
                self.note(record, time);
            }
            return;
        }
        let hash = hash_of(record);
        self.fold.events.insert(hash);
        self.note(record, time);
        match counted(record) {
            Err(what) => self.count_skipped(what, hash),
            Ok(identity) => {
                let manner = self.identities.find(identity, &mut self.fold.learned);
                let called = self.read_call(record);
                let id = EventId::of(record.event_id.as_str());
                self.fold(record, called, Seen { hash, time, id }, manner);
            }
        }
    }

    fn slices(&mut self, slices: &Slices<'_>) -> Option<()> {
        match self.is_asked_for(slices) {
            Asked::Yes => {}
            Asked::No if self.found.is_begun => {
                self.found.left_out = true;
                return Some(());
            }
            Asked::No | Asked::Unclear => return self.parse(slices),
        }
        self.found.is_begun = true;
        match self.fold_slices(slices) {
            Some(()) => Some(()),
            None => self.parse(slices),
        }
    }

    fn is_choosy(&self) -> bool {
        self.roles.is_some()
    }

    fn text(&mut self, record: &str) -> Option<()> {
        let may_be_asked_for = |roles: &Roles| roles.may_be_in(record.as_bytes());
        if self.found.is_begun && !self.roles.as_deref().is_none_or(may_be_asked_for) {
            self.found.left_out = true;
            return Some(());
        }
        self.slices(&slices::one(record)?)
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
        name: record.event_name.as_str(),
        time: &time?.to_string(),
        region: record.aws_region.as_str(),
        account: record.account(),
        caller: identity.map_or("", |identity| identity.arn.as_str()),
        parameters: record.request_parameters.as_ref().map_or("null", Raw::json),
    })
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
