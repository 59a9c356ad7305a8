//! Reads a store: rows to groups, and the rest of it.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

use rusqlite::types::ValueRef;
use rusqlite::{CachedStatement, Connection, OptionalExtension as _, Row};
use rustc_hash::FxHashMap;

use super::columns::{Columns, Text};
use super::commit::EVENTS;
use super::row::{CallRow, SessionRow, of_marks};
use super::{Store, StoreError};
use crate::trail::attribute::Session;
use crate::trail::batch::{Batch, ObjectId, ObjectKind, Partly};
use crate::trail::distinct::OF_A_TRAIL;
use crate::trail::fold::{Fold, GroupKey};
use crate::trail::group::Group;
use crate::trail::ledger::{Digest, Ledger, Stream, Window, asked_for_alone, chain_gaps, proofs};
use crate::trail::roles::{RoleName, in_all};
use crate::trail::selectors::KnownTrail;
use crate::trail::time::{Span, Time};
use crate::trail::whole::Whole;
use crate::usage::{Gap, Location};

const CELL: &str = "count, succeeded, apart_by, first, last, days, errors, versions, resources, denied_resources, inputs, \
                    samples, marks";
const CALL: &str = "class, via, denied, denied_action, denied_policy, denied_explicitly, event_source, event_name, \
                    operation, region, data_event";
/// The rows of one call; its values are those of [`CallRow`], in the order of [`CALL`].
const OF_CALL: &str = "WHERE session = ?11 AND class = ?1 AND via = ?2 AND denied = ?3 AND denied_action = ?4 AND \
                       denied_policy = ?5 AND denied_explicitly = ?6 AND event_source = ?7 AND event_name = ?8 AND \
                       operation = ?9 AND region = ?10";

/// The codes of the gaps that readers of trails report.
const CODES: [&str; 7] = [
    "trail-object-damaged",
    "trail-object-too-large",
    "trail-object-unknown",
    "trail-path-unreadable",
    "trail-record-unreadable",
    "trail-object-unavailable",
    "trail-object-altered",
];

/// The code of a gap that was stored as text.
pub(super) fn code(text: &str) -> &'static str {
    let known = CODES.into_iter().find(|known| *known == text);
    known.unwrap_or("trail-object-unavailable")
}

/// A row that no version of this program has written.
pub(super) fn strange(table: &str) -> StoreError {
    StoreError::Damaged {
        path: PathBuf::new(),
        why: format!("a row of the table `{table}` makes no sense"),
    }
}

/// What was called, and by whom, without what came of it.
#[derive(Debug, Default)]
pub(super) struct Calls {
    /// What was called, each once.
    pub(super) calls: Vec<CallRow>,
    /// For every row the session, the place of what it called, and how many events those are where the store has no operation.
    pub(super) made: Vec<(Arc<Session>, usize, u64)>,
}

impl Store {
    /// Everything that a trail needs.
    pub(in crate::trail) fn whole(&self) -> Result<Whole, StoreError> {
        self.whole_of(fold).map_err(|error| error.at(&self.path))
    }

    fn whole_of(&self, fold: fn(&Connection) -> Result<Fold, StoreError>) -> Result<Whole, StoreError> {
        let digests = digests(&self.db)?;
        let read = match digests.is_empty() {
            true => HashSet::new(),
            false => object_names(&self.db)?,
        };
        let mut gaps: Vec<Gap> = gaps(&self.db)?.into_iter().map(|(_, _, gap)| gap).collect();
        gaps.extend(chain_gaps(&digests));
        let count = "SELECT (SELECT count(*) FROM object WHERE kind != 'foreign') + (SELECT count(*) FROM (SELECT source, key \
                     FROM role_object EXCEPT SELECT source, key FROM object))";
        let objects: i64 = self.db.query_row(count, [], |row| row.get(0))?;
        Ok(Whole {
            fold: fold(&self.db)?,
            objects: usize::try_from(objects).unwrap_or_default(),
            gaps,
            ledger: Ledger {
                days: BTreeMap::new(),
                windows: windows(&self.db)?,
                proofs: proofs(&digests, |name| read.contains(name)),
                trails: trails(&self.db)?,
                only_roles: only_roles(&self.db)?,
            },
        })
    }

    /// The same without the calls.
    pub(super) fn without_calls(&self) -> Result<Whole, StoreError> {
        self.whole_of(frame).map_err(|error| error.at(&self.path))
    }

    /// What was called, and by whom.
    pub(super) fn calls(&self) -> Result<Calls, StoreError> {
        calls(&self.db).map_err(|error| error.at(&self.path))
    }

    /// Everything, as if it had just been read.
    pub(super) fn everything(&self) -> Result<Batch, StoreError> {
        let everything = || -> Result<Batch, StoreError> {
            Ok(Batch {
                fold: fold(&self.db)?,
                objects: objects(&self.db)?,
                partly: partly(&self.db)?,
                only: only(&self.db)?,
                gaps: gaps(&self.db)?,
                digests: digests(&self.db)?,
                windows: windows(&self.db)?,
                watermarks: watermarks(&self.db)?,
                trails: trails(&self.db)?,
                checked: 0,
            })
        };
        everything().map_err(|error| error.at(&self.path))
    }

    /// The spans that a source has given completely, as far as the store knows.
    ///
    /// # Errors
    /// When the database fails.
    pub fn windows(&self, source: &str) -> Result<BTreeSet<Window>, StoreError> {
        let mut windows = windows(&self.db).map_err(|error| error.at(&self.path))?;
        windows.retain(|window| window.source == source);
        Ok(windows)
    }

    /// The objects that digests in the store list: name, and SHA-256 of what it unpacks to.
    ///
    /// # Errors
    /// When the database fails.
    pub fn delivered(&self) -> Result<BTreeMap<String, String>, StoreError> {
        let query = "SELECT name, sha256 FROM listed WHERE sha256 != ''";
        let listed = all(&self.db, query, |row| Ok((row.get(0)?, row.get(1)?)));
        Ok(listed
            .map_err(|error| error.at(&self.path))?
            .into_iter()
            .collect())
    }

    /// The date of the newest catalogue that named operations in the store.
    ///
    /// # Errors
    /// When the database fails.
    pub fn catalog_date(&self) -> Result<Option<String>, StoreError> {
        meta(&self.db, "catalog").map_err(|error| error.at(&self.path))
    }
}

pub(super) fn meta(db: &Connection, name: &str) -> Result<Option<String>, StoreError> {
    let query = "SELECT value FROM meta WHERE name = ?";
    Ok(db.query_row(query, [name], |row| row.get(0)).optional()?)
}

/// All rows of a query.
fn all<T>(
    db: &Connection,
    query: &str,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>, StoreError> {
    let mut statement = db.prepare_cached(query)?;
    let rows = statement.query_map([], read)?.collect::<Result<_, _>>()?;
    Ok(rows)
}

/// The sessions, with their ids.
pub(super) fn sessions(db: &Connection) -> Result<Vec<(i64, Arc<Session>)>, StoreError> {
    let query = "SELECT id, account, role, role_id, function, session, access_key FROM session";
    all(db, query, |row| {
        let function: String = row.get(4)?;
        let session = SessionRow {
            account: row.get(1)?,
            role: row.get(2)?,
            role_id: row.get(3)?,
            function: (!function.is_empty()).then_some(function),
            session: row.get(5)?,
            access_key: row.get(6)?,
        };
        Ok((row.get(0)?, Arc::new(session.session())))
    })
}

/// The groups of a session, under the key of `session`.
pub(super) fn groups_of(
    db: &Connection,
    id: i64,
    session: &Arc<Session>,
) -> Result<BTreeMap<GroupKey, Group>, StoreError> {
    let mut groups: BTreeMap<GroupKey, Group> = BTreeMap::new();
    let mut statement = db.prepare_cached(&format!("SELECT {CELL}, {CALL} FROM usage WHERE session = ?"))?;
    let mut rows = statement.query([id])?;
    while let Some(row) = rows.next()? {
        let (call, stored) = (call_row(row, 13)?, columns(row)?.row()?);
        let (Some(key), Some(cell)) = (call.key(Arc::clone(session)), stored.cell()) else {
            return Err(strange("usage"));
        };
        groups
            .entry(key)
            .or_default()
            .add(stored.apart_by, Box::new(cell));
    }
    Ok(groups)
}

/// The rows of one call, by `apart_by` as written.
pub(super) fn cells(
    db: &Connection,
    session: i64,
    call: &CallRow,
) -> Result<BTreeMap<String, Columns>, StoreError> {
    let query = format!("SELECT {CELL} FROM usage");
    of_call(db, &query, "", session, call, None, |statement, values| {
        let mut cells = BTreeMap::new();
        let mut rows = statement.query(values)?;
        while let Some(row) = rows.next()? {
            let columns = columns(row)?;
            cells.insert(columns.text(Text::ApartBy).to_owned(), columns);
        }
        Ok(cells)
    })
}

/// Runs a statement on the rows of one call.
pub(super) fn of_call<T>(
    db: &Connection,
    statement: &str,
    more: &str,
    session: i64,
    call: &CallRow,
    apart_by: Option<&str>,
    run: impl FnOnce(&mut CachedStatement<'_>, &[&dyn rusqlite::ToSql]) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let sql = format!(
        "{statement} {OF_CALL} AND data_event = {} {more}",
        i32::from(call.data_event)
    );
    let mut statement = db.prepare_cached(&sql)?;
    let (denied, explicitly) = (i64::from(call.denied), i64::from(call.denied_explicitly));
    let mut values: Vec<&dyn rusqlite::ToSql> = vec![
        &call.class,
        &call.via,
        &denied,
        &call.denied_action,
        &call.denied_policy,
        &explicitly,
        &call.event_source,
        &call.event_name,
        &call.operation,
        &call.region,
        &session,
    ];
    if let Some(apart_by) = &apart_by {
        values.push(apart_by);
    }
    run(&mut statement, &values)
}

/// The columns of [`CELL`], which are the first of a row.
fn columns(row: &Row<'_>) -> Result<Columns, StoreError> {
    /// Where the texts begin in [`CELL`].
    const TEXTS: usize = 2;
    let text = |which: Text| {
        let value = row.get_ref(TEXTS + which as usize).ok();
        value.and_then(|value| value.as_str().ok()).unwrap_or_default()
    };
    Ok(Columns::of_texts(row.get(0)?, row.get(1)?, text))
}

/// A call whose columns begin at `at`.
fn call_row(row: &Row<'_>, at: usize) -> Result<CallRow, StoreError> {
    Ok(CallRow {
        class: row.get(at)?,
        via: row.get(at + 1)?,
        denied: row.get(at + 2)?,
        denied_action: row.get(at + 3)?,
        denied_policy: row.get(at + 4)?,
        denied_explicitly: row.get(at + 5)?,
        event_source: row.get(at + 6)?,
        event_name: row.get(at + 7)?,
        operation: row.get(at + 8)?,
        region: row.get(at + 9)?,
        data_event: row.get(at + 10)?,
    })
}

/// What was called, and by whom; see [`Calls`].
fn calls(db: &Connection) -> Result<Calls, StoreError> {
    let sessions: FxHashMap<i64, Arc<Session>> = sessions(db)?.into_iter().collect();
    // The index tells everything but the counts.
    let query = format!(
        "SELECT session, 0, {CALL} FROM usage WHERE operation != '' \
         UNION ALL SELECT session, count, {CALL} FROM usage WHERE id IN (SELECT id FROM usage WHERE operation = '')"
    );
    let mut statement = db.prepare(&query)?;
    let mut rows = statement.query([])?;
    // Rows say the same of calls again and again: it is looked at once.
    let mut known: FxHashMap<String, usize> = FxHashMap::default();
    let mut name = String::new();
    let mut calls = Calls::default();
    while let Some(row) = rows.next()? {
        name.clear();
        for at in 2..13 {
            let text = match row.get_ref(at)? {
                ValueRef::Integer(0) => "0",
                ValueRef::Integer(_) => "1",
                text => text.as_str().unwrap_or_default(),
            };
            // Lengths tell where each ends, whatever stands in it.
            name.extend(u32::try_from(text.len()).ok().and_then(char::from_u32));
            name.push_str(text);
        }
        let call = match known.get(name.as_str()) {
            Some(call) => *call,
            None => {
                calls.calls.push(call_row(row, 2)?);
                known.insert(name.clone(), calls.calls.len() - 1);
                calls.calls.len() - 1
            }
        };
        let session = sessions.get(&row.get(0)?).ok_or_else(|| strange("usage"))?;
        calls.made.push((Arc::clone(session), call, row.get(1)?));
    }
    Ok(calls)
}

/// Everything that records were folded into.
fn fold(db: &Connection) -> Result<Fold, StoreError> {
    let mut fold = frame(db)?;
    let mut groups = Vec::new();
    for (id, session) in sessions(db)? {
        groups.extend(groups_of(db, id, &session)?);
    }
    fold.groups.add(groups);
    Ok(fold)
}

/// The same without the calls.
fn frame(db: &Connection) -> Result<Fold, StoreError> {
    let mut fold = Fold::default();
    for (_, session) in sessions(db)? {
        if let crate::trail::attribute::Who::Function(function) = &session.who {
            fold.learned.learn(&session.role, "", function);
        }
    }
    for (key, function) in all(db, "SELECT access_key, function FROM learned", |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
    })? {
        fold.learned.learn_key(&key, &function);
    }
    for (what, marks) in all(db, "SELECT what, marks FROM tally", |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
    })? {
        let set = of_marks(OF_A_TRAIL, &marks).ok_or_else(|| strange("tally"))?;
        if what == EVENTS {
            fold.events = set;
        } else {
            fold.skipped.insert(what, set);
        }
    }
    let time = |name: &str| -> Result<Option<Time>, StoreError> {
        Ok(meta(db, name)?.and_then(|text| Time::parse(&text)))
    };
    fold.span = Span {
        first: time("first")?,
        last: time("last")?,
    };
    for (stream, day) in all(db, "SELECT account, region, data, day FROM day", |row| {
        let data: String = row.get(2)?;
        let stream = Stream {
            account: row.get(0)?,
            region: row.get(1)?,
            data: (!data.is_empty()).then_some(data),
        };
        Ok((stream, row.get::<_, String>(3)?))
    })? {
        let days = fold.streams.entry(stream).or_default();
        if let Some(time) = Time::parse(&format!("{day}T00:00:00Z")) {
            days.insert(time);
        }
    }
    Ok(fold)
}

fn trails(db: &Connection) -> Result<BTreeSet<KnownTrail>, StoreError> {
    let rows: Vec<(String, String)> = all(db, "SELECT asked, settings FROM trail", |row| {
        Ok((row.get(0)?, row.get(1)?))
    })?;
    let known = rows.into_iter().map(|(asked, settings)| {
        let settings = serde_json::from_str(&settings).map_err(|_| strange("trail"))?;
        Ok(KnownTrail { asked, settings })
    });
    known.collect()
}

fn windows(db: &Connection) -> Result<BTreeSet<Window>, StoreError> {
    let query = "SELECT source, account, region, category, principal, from_time, to_time FROM window";
    let windows = all(db, query, |row| {
        Ok(Window {
            source: row.get(0)?,
            account: row.get(1)?,
            region: row.get(2)?,
            category: row.get(3)?,
            principal: row.get(4)?,
            from: row.get(5)?,
            to: row.get(6)?,
        })
    })?;
    Ok(windows.into_iter().collect())
}

fn digests(db: &Connection) -> Result<BTreeMap<String, Digest>, StoreError> {
    let query = "SELECT name, account, region, from_time, to_time FROM digest";
    let mut digests: BTreeMap<String, Digest> = all(db, query, |row| {
        let digest = Digest {
            account: row.get(1)?,
            region: row.get(2)?,
            from: row.get(3)?,
            to: row.get(4)?,
            listed: BTreeMap::new(),
        };
        Ok((row.get(0)?, digest))
    })?
    .into_iter()
    .collect();
    for (digest, name, hash) in all(db, "SELECT digest, name, sha256 FROM listed", |row| {
        Ok((row.get::<_, String>(0)?, row.get(1)?, row.get(2)?))
    })? {
        if let Some(digest) = digests.get_mut(&digest) {
            digest.listed.insert(name, hash);
        }
    }
    Ok(digests)
}

fn object_names(db: &Connection) -> Result<HashSet<String>, StoreError> {
    let query = "SELECT name FROM object WHERE kind = 'trail' UNION SELECT name FROM role_object WHERE kind = 'trail'";
    let names = all(db, query, |row| row.get(0))?;
    Ok(names.into_iter().collect())
}

fn objects(db: &Connection) -> Result<Vec<(ObjectId, ObjectKind)>, StoreError> {
    let query =
        "SELECT source.name, key, stamp, bytes, kind FROM object JOIN source ON source.id = object.source";
    all(db, query, |row| {
        let bytes: i64 = row.get(3)?;
        let object = ObjectId {
            source: row.get(0)?,
            key: row.get(1)?,
            stamp: row.get(2)?,
            bytes: u64::try_from(bytes).unwrap_or_default(),
        };
        Ok((object, kind(&row.get::<_, String>(4)?)))
    })
}

fn kind(word: &str) -> ObjectKind {
    match word {
        "trail" => ObjectKind::Trail,
        "damaged" => ObjectKind::Damaged,
        _ => ObjectKind::Foreign,
    }
}

/// Objects of which only the calls of some roles were read, one for each role.
fn partly(db: &Connection) -> Result<Vec<Partly>, StoreError> {
    let query = "SELECT source.name, key, stamp, bytes, kind, role FROM role_object JOIN source ON source.id = \
                 role_object.source";
    let rows = all(db, query, |row| {
        let bytes: i64 = row.get(3)?;
        let object = ObjectId {
            source: row.get(0)?,
            key: row.get(1)?,
            stamp: row.get(2)?,
            bytes: u64::try_from(bytes).unwrap_or_default(),
        };
        Ok((object, kind(&row.get::<_, String>(4)?), row.get::<_, String>(5)?))
    })?;
    let partly = rows.into_iter().map(|(object, kind, role)| {
        let role = RoleName::parse(&role).ok_or_else(|| strange("role_object"))?;
        let roles = Arc::new(BTreeSet::from([role]));
        Ok(Partly { object, kind, roles })
    });
    partly.collect()
}

/// What exports of other stores say of roles for which alone something was read.
fn only(db: &Connection) -> Result<BTreeSet<BTreeSet<RoleName>>, StoreError> {
    let rows: Vec<String> = all(db, "SELECT roles FROM only_roles", |row| row.get(0))?;
    let sets = rows.iter().map(|roles| {
        let names: Vec<String> = serde_json::from_str(roles).map_err(|_| strange("only_roles"))?;
        role_names(&names).ok_or_else(|| strange("only_roles"))
    });
    sets.collect()
}

/// The roles for which everything was read that was not read as a whole; `None` when all was.
fn only_roles(db: &Connection) -> Result<Option<BTreeSet<RoleName>>, StoreError> {
    let mut sets = only(db)?;
    // Few sets are different, whatever the number of objects.
    let query = "SELECT DISTINCT roles FROM (SELECT json_group_array(role) AS roles FROM (SELECT source, key, role FROM \
                 role_object WHERE NOT EXISTS (SELECT 1 FROM object WHERE object.source = role_object.source AND object.key \
                 = role_object.key) ORDER BY source, key, role) GROUP BY source, key)";
    let rows: Vec<String> = all(db, query, |row| row.get(0))?;
    for roles in rows {
        let names: Vec<String> = serde_json::from_str(&roles).map_err(|_| strange("role_object"))?;
        sets.insert(role_names(&names).ok_or_else(|| strange("role_object"))?);
    }
    sets.extend(asked_for_alone(&windows(db)?));
    Ok(in_all(sets.iter()))
}

/// Roles by how they are written; `None` if one is no role.
pub(super) fn role_names<'n>(names: impl IntoIterator<Item = &'n String>) -> Option<BTreeSet<RoleName>> {
    names.into_iter().map(|name| RoleName::parse(name)).collect()
}

fn gaps(db: &Connection) -> Result<Vec<(String, String, Gap)>, StoreError> {
    let query =
        "SELECT source.name, key, line, code, message, hint FROM gap JOIN source ON source.id = gap.source";
    all(db, query, |row| {
        let (key, line): (String, u32) = (row.get(1)?, row.get(2)?);
        let code: String = row.get(3)?;
        let mut gap = Gap::new(self::code(&code), row.get::<_, String>(4)?);
        if line > 0 {
            gap = gap.at(Location::new(key.clone(), line, 1));
        }
        let hint: String = row.get(5)?;
        if !hint.is_empty() {
            gap = gap.hint(hint);
        }
        Ok((row.get(0)?, key, gap))
    })
}

fn watermarks(db: &Connection) -> Result<BTreeMap<String, String>, StoreError> {
    let query = "SELECT name, watermark FROM source WHERE watermark IS NOT NULL";
    let marks = all(db, query, |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(marks.into_iter().collect())
}
