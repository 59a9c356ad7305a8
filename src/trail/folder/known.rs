//! Records by the pieces of their text: what was made of a like piece before is looked up, and only what is new is parsed.

use super::{Called, Folder, NOT_ASKED, Seen};
use crate::trail::classify::{KMS, no_api_call, role};
use crate::trail::denial::is_unauthenticated;
use crate::trail::distinct::hash_id;
use crate::trail::group_table::CellNumber;
use crate::trail::identity::MannerNumber;
use crate::trail::memo::{Fingerprint, KnownCall, KnownIdentity};
use crate::trail::record::{self, Record};
use crate::trail::samples::EventId;
use crate::trail::selectors;
use crate::trail::slices::{Field, Slices, unquoted};
use crate::trail::time::Time;

impl<'k> Folder<'k> {
    /// Folds a record by what is known of its pieces; `None` when one of them must be parsed in another way.
    pub(super) fn fold_slices(&mut self, slices: &Slices<'_>) -> Option<()> {
        let text = unquoted(slices.json(Field::EventId))?;
        // Neither a UUID nor a time holds escapes.
        let (id, hash) = (EventId::uuid(text)?, hash_id(text));
        let time = Some(Time::parse(unquoted(slices.json(Field::EventTime))?)?);
        let call = match self.memo.call(slices) {
            (piece, Some(call)) => (piece, call),
            (piece, None) => (piece, self.learn_call(piece, slices)?),
        };
        let (piece, known) = call;
        self.found.records = true;
        self.fold.events.insert(hash);
        if let Some(stream) = known.stream {
            self.fold.span.widen(time);
            self.streams.see(stream, time);
        }
        if let Some(what) = known.skip {
            self.count_skipped(what, hash);
            return Some(());
        }
        let identity = match self.memo.identity(slices) {
            (_, Some(identity)) => identity,
            (piece, None) => self.learn_identity(piece, slices)?,
        };
        let manner = match identity {
            Ok(manner) => manner,
            Err(what) => {
                self.count_skipped(what, hash);
                return Some(());
            }
        };
        let whole = self.memo.record(slices, piece, manner);
        if let Some((_, Some(cell))) = whole
            && let Some(cell) = self.groups.cell_mut(cell)
        {
            cell.see_event(hash, time, id);
            return Some(());
        }
        let cell = self.fold_read(slices, call, manner, Seen { hash, time, id })?;
        if let Some((whole, _)) = whole {
            self.memo.learn_record(whole, cell);
        }
        Some(())
    }

    /// Folds a record of which not everything is known; the inputs may be, when the parameters differ in nothing that counts.
    fn fold_read(
        &mut self,
        slices: &Slices<'_>,
        (piece, call): (Fingerprint, KnownCall),
        manner: MannerNumber,
        seen: Seen,
    ) -> Option<CellNumber> {
        let parameters = match slices.json(Field::RequestParameters) {
            "" => "null",
            json => json,
        };
        let called = self.read_call_of(call.event, parameters, true);
        if call.is_of_kms {
            return self.fold_new(slices, called, seen, manner);
        }
        let nth = called.chosen.map_or(0, |chosen| chosen.nth);
        let reply = self.memo.reply(slices, piece, manner, nth);
        let (inputs, paths) = (&self.inputs, &self.plans.paths);
        let (whole, cell) = self.memo.inputs(slices, reply, inputs.iter(paths));
        if let Some(number) = cell
            && let Some(cell) = self.groups.cell_mut(number)
        {
            cell.see_event(seen.hash, seen.time, seen.id);
            return Some(number);
        }
        let (named, cell) = self.memo.named(reply, inputs.anchors(paths));
        let number = match cell.and_then(|number| Some((number, self.groups.cell_mut(number)?))) {
            Some((number, cell)) => {
                let resources = record::resources(slices)?;
                cell.see_event(seen.hash, seen.time, seen.id);
                cell.see_resources(resources.as_deref().unwrap_or_default());
                for (path, value) in inputs.others(paths) {
                    cell.see_input(path, &value);
                }
                number
            }
            None => {
                let number = self.fold_new(slices, called, seen, manner)?;
                self.memo.learn_named(named, number);
                number
            }
        };
        self.memo.learn_record(whole, number);
        Some(number)
    }

    /// Folds a record of a known call, made in a known manner and just read, like which none was before.
    fn fold_new(
        &mut self,
        slices: &Slices<'_>,
        called: Called<'k>,
        seen: Seen,
        manner: MannerNumber,
    ) -> Option<CellNumber> {
        let mut record = Record::of_known(slices)?;
        record.resources = record::resources(slices)?;
        self.fold(&record, called, seen, manner)
    }

    fn learn_call(&mut self, piece: Fingerprint, slices: &Slices<'_>) -> Option<KnownCall> {
        let record = Record::of(slices)?;
        // Old records tell the account in the identity alone; nothing is to be learned from identities that AWS refused; and what
        // trails are told to record stands in parameters.
        let is_plain = record.names_account()
            && !is_unauthenticated(record.error_code.as_str())
            && !selectors::is_told_by(record.event_name.as_str());
        if !is_plain {
            return None;
        }
        let region = self.texts.number(record.aws_region.as_str());
        let stream = (!record.is_beside()).then(|| self.streams.number(&record, region, &mut self.texts));
        let call = KnownCall {
            skip: no_api_call(&record),
            stream,
            event: self
                .names
                .number(record.event_source.as_str(), record.event_name.as_str()),
            is_of_kms: record.event_source.as_str() == KMS,
        };
        self.memo.learn_call(piece, call);
        Some(call)
    }

    pub(super) fn learn_identity(
        &mut self,
        piece: Fingerprint,
        slices: &Slices<'_>,
    ) -> Option<KnownIdentity> {
        let identity = record::identity(slices)?;
        let identities = &mut self.identities;
        let mut identity = role(identity.as_ref());
        if let Some(roles) = &self.roles {
            identity = identity.and_then(|identity| roles.has(identity).then_some(identity).ok_or(NOT_ASKED));
            identity = identity.map_err(|_| NOT_ASKED);
        }
        let known = identity.map(|identity| identities.manner(identity, &mut self.fold.learned));
        self.memo.learn_identity(piece, known);
        Some(known)
    }
}
