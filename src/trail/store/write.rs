//! Writes groups as rows of `usage`, each joined with what the store holds of its calls.

use std::collections::BTreeSet;
use std::sync::Arc;

use rusqlite::{CachedStatement, OptionalExtension as _, Transaction, params};
use rustc_hash::FxHashMap;

use super::columns::Columns;
use super::row::{CallRow, SessionRow};
use super::{StoreError, load};
use crate::trail::attribute::Session;
use crate::trail::fold::GroupKey;
use crate::trail::group::Group;
use crate::trail::groups::Groups;

/// How many groups are made ready at once; few in tests, which have few.
const CHUNK: usize = if cfg!(test) { 3 } else { 256 };

/// Writes groups, and tells how many rows have changed. Where there are threads, one makes rows ready while this one writes.
pub(super) fn groups(transaction: &Transaction<'_>, groups: Groups) -> Result<usize, StoreError> {
    let ids = session_ids(transaction, &groups)?;
    // In the order of the index of rows, so that rows of the same pages come together.
    let mut groups = groups.into_iter();
    let mut chunk = || -> Result<Vec<Ready>, StoreError> {
        let ready = |(key, group): (GroupKey, Group)| {
            let id = ids.get(&key.session).ok_or_else(|| load::strange("session"))?;
            Ok(Ready::of(&key, group, *id))
        };
        groups.by_ref().take(CHUNK).map(ready).collect()
    };
    let mut writer = Writer {
        transaction,
        write: transaction.prepare_cached(WRITE_CELL)?,
        written: 0,
    };
    let mut ready = chunk()?;
    while !ready.is_empty() {
        let write = || ready.into_iter().try_for_each(|ready| writer.group(ready));
        if rayon::current_num_threads() == 1 {
            write()?;
            ready = chunk()?;
        } else {
            let mut next = Ok(Vec::new());
            rayon::in_place_scope(|scope| {
                scope.spawn(|_| next = chunk());
                write()
            })?;
            ready = next?;
        }
    }
    Ok(writer.written)
}

/// The ids of the sessions of groups.
fn session_ids(
    transaction: &Transaction<'_>,
    groups: &Groups,
) -> Result<FxHashMap<Arc<Session>, SessionId>, StoreError> {
    let id = |session: Arc<Session>| {
        let id = session_id(transaction, &SessionRow::of(&session))?;
        Ok((session, id))
    };
    groups.sessions().into_iter().map(id).collect()
}

/// The id of a session in the store.
#[derive(Clone, Copy)]
enum SessionId {
    /// The store had none; there are no rows of it.
    New(i64),
    Known(i64),
}

/// A group on its way into rows.
enum Ready {
    /// The rows of a session of which there are none yet.
    New(i64, CallRow, Vec<Columns>),
    /// A group that may have rows already.
    Known(i64, CallRow, Group),
}

impl Ready {
    fn of(key: &GroupKey, group: Group, session: SessionId) -> Self {
        let call = CallRow::of(key);
        match session {
            SessionId::New(session) => {
                let cells = group.iter();
                let rows = cells.iter().map(|(apart_by, cell)| Columns::of(*apart_by, cell));
                Self::New(session, call, rows.collect())
            }
            SessionId::Known(session) => Self::Known(session, call, group),
        }
    }
}

const WRITE_CELL: &str = "INSERT INTO usage (session, class, via, denied, denied_action, denied_policy, denied_explicitly, event_source, \
     event_name, operation, region, data_event, apart_by, count, first, last, succeeded, days, errors, versions, resources, \
     denied_resources, inputs, samples, marks) \
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) \
     ON CONFLICT DO UPDATE SET count = excluded.count, first = excluded.first, last = excluded.last, \
     succeeded = excluded.succeeded, days = excluded.days, errors = excluded.errors, versions = excluded.versions, \
     resources = excluded.resources, denied_resources = excluded.denied_resources, inputs = excluded.inputs, \
     samples = excluded.samples, marks = excluded.marks";

fn session_id(transaction: &Transaction<'_>, row: &SessionRow) -> Result<SessionId, StoreError> {
    let function = row.function.as_deref().unwrap_or_default();
    let values = params![
        row.account,
        row.role,
        row.role_id,
        function,
        row.session,
        row.access_key
    ];
    let mut find = transaction.prepare_cached(
        "SELECT id FROM session WHERE account = ? AND role = ? AND role_id = ? AND function = ? AND session = ? AND \
         access_key = ?",
    )?;
    if let Some(id) = find.query_row(values, |row| row.get(0)).optional()? {
        return Ok(SessionId::Known(id));
    }
    let mut add = transaction.prepare_cached(
        "INSERT INTO session (account, role, role_id, function, session, access_key) VALUES (?, ?, ?, ?, ?, ?)",
    )?;
    Ok(SessionId::New(add.insert(values)?))
}

struct Writer<'t> {
    transaction: &'t Transaction<'t>,
    /// The statement [`WRITE_CELL`].
    write: CachedStatement<'t>,
    written: usize,
}

impl Writer<'_> {
    fn group(&mut self, ready: Ready) -> Result<(), StoreError> {
        match ready {
            Ready::New(session, call, rows) => {
                rows.iter().try_for_each(|row| self.write(session, &call, row))
            }
            Ready::Known(session, call, group) => self.join(session, &call, group),
        }
    }

    /// Joins a group with its rows, and writes those that have changed.
    fn join(&mut self, session: i64, call: &CallRow, group: Group) -> Result<(), StoreError> {
        let stored = load::cells(self.transaction, session, call)?;
        let mut whole = Group::default();
        for columns in stored.values() {
            let row = columns.clone().row()?;
            let cell = row.cell().ok_or_else(|| load::strange("usage"))?;
            whole.add(row.apart_by, Box::new(cell));
        }
        whole.merge(group);
        let mut kept = BTreeSet::new();
        for (apart_by, cell) in whole.iter() {
            let columns = Columns::of(apart_by, cell);
            if stored.get(&columns.apart_by) != Some(&columns) {
                self.write(session, call, &columns)?;
            }
            kept.insert(columns.apart_by);
        }
        for name in stored.keys().filter(|name| !kept.contains(*name)) {
            load::of_call(
                self.transaction,
                "DELETE FROM usage",
                "AND apart_by = ?12",
                session,
                call,
                Some(name),
                |statement, values| Ok(statement.execute(values)?),
            )?;
        }
        Ok(())
    }

    fn write(&mut self, session: i64, call: &CallRow, columns: &Columns) -> Result<(), StoreError> {
        self.written += 1;
        self.write.execute(params![
            session,
            call.class,
            call.via,
            call.denied,
            call.denied_action,
            call.denied_policy,
            call.denied_explicitly,
            call.event_source,
            call.event_name,
            call.operation,
            call.region,
            call.data_event,
            columns.apart_by,
            columns.count,
            columns.first,
            columns.last,
            columns.succeeded,
            columns.days,
            columns.errors,
            columns.versions,
            columns.resources,
            columns.denied_resources,
            columns.inputs,
            columns.samples,
            columns.marks,
        ])?;
        Ok(())
    }
}
