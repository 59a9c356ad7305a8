//! Writes groups as rows of `usage`, each joined with what the store holds of its calls.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{CachedStatement, Transaction, params};
use rustc_hash::FxHashMap;

use super::columns::{Columns, Text};
use super::row::{CallRow, SessionRow};
use super::{StoreError, load};
use crate::trail::attribute::Session;
use crate::trail::fold::GroupKey;
use crate::trail::group::Group;
use crate::trail::groups::{Groups, Joined};

/// How many groups are made ready at once; few in tests, which have few.
const CHUNK: usize = if cfg!(test) { 3 } else { 32 };
/// How many times as many wait to be written, at most.
const WAITING: usize = 32;

/// Writes groups, and tells how many rows have changed. `known` are the ids of the sessions in the store.
///
/// One thread can write. Where there are more they make rows ready, and it helps them when there is nothing to write.
pub(super) fn groups(
    transaction: &Transaction<'_>,
    groups: Groups,
    known: &FxHashMap<Arc<Session>, i64>,
) -> Result<usize, StoreError> {
    let line = Line {
        groups: Mutex::new((0, groups.into_iter())),
        known,
    };
    let mut writer = Writer::of(transaction)?;
    let (send, receive) = sync_channel(WAITING);
    rayon::in_place_scope(|scope| {
        // Whoever sends is told when this thread ends, for whatever reason.
        let receive = receive;
        for _ in 1..rayon::current_num_threads().min(3) {
            let (send, line) = (send.clone(), &line);
            scope.spawn(move |_| while line.next().is_some_and(|chunk| send.send(chunk).is_ok()) {});
        }
        drop(send);
        let (mut ready, mut turn) = (BTreeMap::new(), 0);
        loop {
            ready.extend(receive.try_iter());
            if let Some(chunk) = ready.remove(&turn) {
                chunk.into_iter().try_for_each(|group| writer.group(group))?;
                turn += 1;
            } else if let Some((number, chunk)) = line.next() {
                ready.insert(number, chunk);
            } else if turn < line.taken()
                && let Ok((number, chunk)) = receive.recv()
            {
                ready.insert(number, chunk);
            } else {
                return Ok(writer.written);
            }
        }
    })
}

/// Groups that wait to be made ready, in the order of the index of rows, so that rows of the same pages come together.
struct Line<'l> {
    /// How many chunks were taken, and what is left.
    groups: Mutex<(usize, Joined)>,
    known: &'l FxHashMap<Arc<Session>, i64>,
}

impl Line<'_> {
    /// The next groups, with their number; `None` when there are no more.
    fn next(&self) -> Option<(usize, Vec<Ready>)> {
        let (number, chunk) = {
            let mut line = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
            let (taken, groups) = &mut *line;
            let chunk: Vec<(GroupKey, Group)> = groups.take(CHUNK).collect();
            if chunk.is_empty() {
                return None;
            }
            *taken += 1;
            (*taken - 1, chunk)
        };
        let ready = |(key, group): (GroupKey, Group)| {
            let session = self.known.get(&key.session);
            Ready::of(key, group, session.copied())
        };
        Some((number, chunk.into_iter().map(ready).collect()))
    }

    /// How many chunks were taken, by whomever.
    fn taken(&self) -> usize {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner).0
    }
}

/// A group on its way into rows.
enum Ready {
    /// The rows of a session of which there are none yet.
    New(Arc<Session>, CallRow, Vec<Columns>),
    /// A group that may have rows already, and the id of its session.
    Known(i64, CallRow, Group),
}

impl Ready {
    fn of(key: GroupKey, mut group: Group, session: Option<i64>) -> Self {
        let call = CallRow::of(&key);
        match session {
            None => {
                group
                    .cells_mut()
                    .into_iter()
                    .for_each(|cell| cell.events.put_in_order());
                let cells = group.iter();
                let rows = cells.iter().map(|(apart_by, cell)| Columns::of(*apart_by, cell));
                Self::New(key.session, call, rows.collect())
            }
            Some(session) => Self::Known(session, call, group),
        }
    }
}

const WRITE_CELL: &str = "INSERT INTO usage (session, class, via, denied, denied_action, denied_policy, denied_explicitly, event_source, \
     event_name, operation, region, data_event, count, succeeded, apart_by, first, last, days, errors, versions, resources, \
     denied_resources, inputs, samples, marks) \
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) \
     ON CONFLICT DO UPDATE SET count = excluded.count, first = excluded.first, last = excluded.last, \
     succeeded = excluded.succeeded, days = excluded.days, errors = excluded.errors, versions = excluded.versions, \
     resources = excluded.resources, denied_resources = excluded.denied_resources, inputs = excluded.inputs, \
     samples = excluded.samples, marks = excluded.marks";

struct Writer<'t> {
    transaction: &'t Transaction<'t>,
    /// The statement [`WRITE_CELL`], and what its values say of the call.
    write: CachedStatement<'t>,
    bound: Option<(i64, CallRow)>,
    /// The session that was added last.
    session: Option<(Arc<Session>, i64)>,
    written: usize,
}

impl<'t> Writer<'t> {
    fn of(transaction: &'t Transaction<'t>) -> Result<Self, StoreError> {
        Ok(Self {
            transaction,
            write: transaction.prepare_cached(WRITE_CELL)?,
            bound: None,
            session: None,
            written: 0,
        })
    }

    fn group(&mut self, ready: Ready) -> Result<(), StoreError> {
        match ready {
            Ready::New(session, call, rows) => {
                let session = self.add(session)?;
                self.bind(session, call)?;
                rows.iter().try_for_each(|row| self.write(row))
            }
            Ready::Known(session, call, group) => self.join(session, call, group),
        }
    }

    /// The id of a session that the store did not have.
    fn add(&mut self, session: Arc<Session>) -> Result<i64, StoreError> {
        if let Some((last, id)) = &self.session
            && *last == session
        {
            return Ok(*id);
        }
        let mut add = self.transaction.prepare_cached(
            "INSERT INTO session (account, role, role_id, function, session, access_key) VALUES (?, ?, ?, ?, ?, ?)",
        )?;
        let row = SessionRow::of(&session);
        let function = row.function.as_deref().unwrap_or_default();
        let id = add.insert(params![
            row.account,
            row.role,
            row.role_id,
            function,
            row.session,
            row.access_key
        ])?;
        self.session = Some((session, id));
        Ok(id)
    }

    /// Joins a group with its rows, and writes those that have changed.
    fn join(&mut self, session: i64, call: CallRow, group: Group) -> Result<(), StoreError> {
        let stored = load::cells(self.transaction, session, &call)?;
        let mut whole = Group::default();
        for columns in stored.values() {
            let row = columns.row()?;
            let cell = row.cell().ok_or_else(|| load::strange("usage"))?;
            whole.add(row.apart_by, Box::new(cell));
        }
        whole.merge(group);
        let rows: Vec<Columns> = whole
            .iter()
            .into_iter()
            .map(|(apart_by, cell)| Columns::of(apart_by, cell))
            .collect();
        let kept: BTreeSet<&str> = rows.iter().map(|row| row.text(Text::ApartBy)).collect();
        for name in stored.keys().filter(|name| !kept.contains(name.as_str())) {
            load::of_call(
                self.transaction,
                "DELETE FROM usage",
                "AND apart_by = ?12",
                session,
                &call,
                Some(name),
                |statement, values| Ok(statement.execute(values)?),
            )?;
        }
        self.bind(session, call)?;
        let changed = |row: &&Columns| stored.get(row.text(Text::ApartBy)) != Some(*row);
        rows.iter().filter(changed).try_for_each(|row| self.write(row))
    }

    /// Says of which call the next rows are. Most of what rows say of it they share with those before.
    fn bind(&mut self, session: i64, call: CallRow) -> Result<(), StoreError> {
        let old = self.bound.as_ref();
        let is_new = |same: fn(&CallRow, &CallRow) -> bool| old.is_none_or(|(_, old)| !same(old, &call));
        let write = &mut self.write;
        if old.is_none_or(|(old, _)| *old != session) {
            write.raw_bind_parameter(1, session)?;
        }
        if is_new(|old, new| old.class == new.class && old.via == new.via) {
            write.raw_bind_parameter(2, &call.class)?;
            write.raw_bind_parameter(3, &call.via)?;
        }
        if is_new(|old, new| {
            (old.denied, old.denied_explicitly) == (new.denied, new.denied_explicitly)
                && (&old.denied_action, &old.denied_policy) == (&new.denied_action, &new.denied_policy)
        }) {
            write.raw_bind_parameter(4, call.denied)?;
            write.raw_bind_parameter(5, &call.denied_action)?;
            write.raw_bind_parameter(6, &call.denied_policy)?;
            write.raw_bind_parameter(7, call.denied_explicitly)?;
        }
        if is_new(|old, new| old.event_source == new.event_source) {
            write.raw_bind_parameter(8, &call.event_source)?;
        }
        if is_new(|old, new| old.event_name == new.event_name) {
            write.raw_bind_parameter(9, &call.event_name)?;
        }
        if is_new(|old, new| old.operation == new.operation) {
            write.raw_bind_parameter(10, &call.operation)?;
        }
        if is_new(|old, new| old.region == new.region && old.data_event == new.data_event) {
            write.raw_bind_parameter(11, &call.region)?;
            write.raw_bind_parameter(12, call.data_event)?;
        }
        self.bound = Some((session, call));
        Ok(())
    }

    /// Writes a row of the call that was [bound](Self::bind).
    fn write(&mut self, row: &Columns) -> Result<(), StoreError> {
        self.written += 1;
        self.write.raw_bind_parameter(13, row.count)?;
        self.write.raw_bind_parameter(14, row.succeeded)?;
        for (at, text) in Text::ALL.into_iter().enumerate() {
            self.write.raw_bind_parameter(15 + at, row.value(text))?;
        }
        self.write.raw_execute()?;
        Ok(())
    }
}
