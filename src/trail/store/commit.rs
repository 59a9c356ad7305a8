//! Joins a batch with what a store holds, in one transaction.

use std::collections::BTreeMap;
use std::sync::Arc;

use rusqlite::{OptionalExtension as _, Transaction, TransactionBehavior, params};
use rustc_hash::FxHashMap;

use super::load;
use super::row::{marks, of_marks};
use super::{Store, StoreError, write};
use crate::trail::attribute::Session;
use crate::trail::batch::{Batch, ObjectKind, Partly};
use crate::trail::day;
use crate::trail::distinct::{Distinct, OF_A_TRAIL};
use crate::trail::fold::Fold;
use crate::trail::ledger::file_name;
use crate::trail::sessions::{MAX_LEARNED, Sessions};
use crate::trail::time::Span;
use crate::usage::Gap;

/// The name of the tally of all events.
pub(super) const EVENTS: &str = "events";

/// What a commit changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Committed {
    /// How many objects were added.
    pub objects: usize,
    /// How many rows of `usage` were written.
    pub rows: usize,
}

impl Store {
    /// Joins a batch with the store: all of it, with the objects that it came from, or nothing.
    ///
    /// `catalog` is the date of the catalogue that named the operations.
    ///
    /// # Errors
    /// When the store cannot be written; then it is as before.
    pub fn commit(&mut self, batch: Batch, catalog: &str) -> Result<Committed, StoreError> {
        let path = self.path.clone();
        self.join(batch, catalog).map_err(|error| error.at(&path))
    }

    /// Joins another store with this one; the other one stays as it is.
    ///
    /// # Errors
    /// When one cannot be read or the other not be written; then both are as before.
    pub fn absorb(&mut self, other: &Self) -> Result<Committed, StoreError> {
        let mut batch = other.everything()?;
        let catalog = other.catalog_date()?.unwrap_or_default();
        // Where both stores have read of a source, only what both have passed is surely read: the rest is read again.
        for (source, mark) in &mut batch.watermarks {
            if let Some(mine) = self.watermark(source)? {
                *mark = std::mem::take(mark).min(mine);
            }
        }
        let lowered = batch.watermarks.clone();
        let committed = self.commit(batch, &catalog)?;
        for (source, mark) in lowered {
            let set = "UPDATE source SET watermark = ? WHERE name = ?";
            let done = self.db.execute(set, params![mark, source]);
            done.map_err(|error| StoreError::from(error).at(&self.path))?;
        }
        Ok(committed)
    }

    /// Forgets gaps of a source at keys that it no longer has.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn forget_gaps(&mut self, source: &str, is_there: impl Fn(&str) -> bool) -> Result<(), StoreError> {
        let forget = || -> Result<(), StoreError> {
            let mut query = self.db.prepare(
                "SELECT DISTINCT gap.source, key FROM gap JOIN source ON source.id = gap.source WHERE source.name = ?",
            )?;
            let keys: Vec<(i64, String)> = query
                .query_map([source], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect::<Result<_, _>>()?;
            for (source, key) in keys.into_iter().filter(|(_, key)| !is_there(key)) {
                self.db.execute(
                    "DELETE FROM gap WHERE source = ? AND key = ?",
                    params![source, key],
                )?;
            }
            Ok(())
        };
        forget().map_err(|error| error.at(&self.path))
    }

    fn join(&mut self, mut batch: Batch, catalog: &str) -> Result<Committed, StoreError> {
        self.begin_log()?;
        let mut sessions = match self.sessions.take() {
            Some(sessions) => sessions,
            None => self.read_sessions()?,
        };
        let of_batch = batch.fold.groups.sessions();
        of_batch.iter().for_each(|session| sessions.add(session));
        batch.fold.settle(&sessions);
        let transaction = self
            .db
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        let known = take_back(&transaction, &mut batch.fold, &sessions)?;
        let committed = Committed {
            objects: batch.objects(),
            rows: write::groups(&transaction, std::mem::take(&mut batch.fold.groups), &known)?,
        };
        write_rest(&transaction, &batch, catalog)?;
        transaction.commit()?;
        self.sessions = Some(sessions);
        Ok(committed)
    }

    fn read_sessions(&self) -> Result<Sessions, StoreError> {
        let mut sessions = Sessions::default();
        for (_, session) in load::sessions(&self.db)? {
            sessions.add(&session);
        }
        Ok(sessions)
    }
}

/// Moves what the store holds of sessions that are no longer told apart into `fold`, under the session that stands for them;
/// tells the ids of the others.
fn take_back(
    transaction: &Transaction<'_>,
    fold: &mut Fold,
    sessions: &Sessions,
) -> Result<FxHashMap<Arc<Session>, i64>, StoreError> {
    let mut others = FxHashMap::default();
    for (id, session) in load::sessions(transaction)? {
        let Some(together) = sessions.together(&session) else {
            others.insert(session, id);
            continue;
        };
        fold.groups
            .add(load::groups_of(transaction, id, &Arc::new(together))?);
        transaction.execute("DELETE FROM usage WHERE session = ?", [id])?;
        transaction.execute("DELETE FROM session WHERE id = ?", [id])?;
    }
    Ok(others)
}

fn json(value: &impl serde::Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|_| load::strange("usage"))
}

/// Writes everything but the groups.
fn write_rest(transaction: &Transaction<'_>, batch: &Batch, catalog: &str) -> Result<(), StoreError> {
    let mut tallies: BTreeMap<&str, &Distinct> = BTreeMap::from([(EVENTS, &batch.fold.events)]);
    tallies.extend(batch.fold.skipped.iter().map(|(what, set)| (what.as_str(), set)));
    for (what, set) in tallies {
        write_tally(transaction, what, set)?;
    }
    write_span(transaction, batch.fold.span)?;
    set_meta(transaction, "catalog", catalog, |old, new| old < new)?;
    set_meta(transaction, "rolefit", env!("CARGO_PKG_VERSION"), |old, new| {
        old != new
    })?;
    write_learned(transaction, &batch.fold)?;
    write_ledger(transaction, batch)?;
    write_objects(transaction, batch)
}

fn write_tally(transaction: &Transaction<'_>, what: &str, set: &Distinct) -> Result<(), StoreError> {
    let find = "SELECT marks FROM tally WHERE what = ?";
    let old: Option<String> = transaction.query_row(find, [what], |row| row.get(0)).optional()?;
    let mut whole = match &old {
        Some(marks) => of_marks(OF_A_TRAIL, marks).ok_or_else(|| load::strange("tally"))?,
        None => Distinct::new(OF_A_TRAIL),
    };
    whole.merge(set.clone());
    let new = marks(&whole);
    if old.as_ref() != Some(&new) {
        let write = "INSERT OR REPLACE INTO tally (what, count, marks) VALUES (?, ?, ?)";
        transaction.execute(write, params![what, whole.count().number, new])?;
    }
    Ok(())
}

fn write_span(transaction: &Transaction<'_>, span: Span) -> Result<(), StoreError> {
    if let Some(first) = span.first {
        set_meta(transaction, "first", &first.to_string(), |old, new| old > new)?;
    }
    if let Some(last) = span.last {
        set_meta(transaction, "last", &last.to_string(), |old, new| old < new)?;
    }
    Ok(())
}

/// Sets a text that the store holds once, when it is new or `replaces` the old one.
fn set_meta(
    transaction: &Transaction<'_>,
    name: &str,
    value: &str,
    replaces: impl Fn(&str, &str) -> bool,
) -> Result<(), StoreError> {
    let old = load::meta(transaction, name)?;
    if !value.is_empty() && old.is_none_or(|old| replaces(&old, value)) {
        let write = "INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)";
        transaction.execute(write, [name, value])?;
    }
    Ok(())
}

fn write_learned(transaction: &Transaction<'_>, fold: &Fold) -> Result<(), StoreError> {
    let mut add =
        transaction.prepare_cached("INSERT OR IGNORE INTO learned (access_key, function) VALUES (?, ?)")?;
    let mut added = 0;
    for pair in fold.learned.keys() {
        added += add.execute(pair)?;
    }
    if added > 0 {
        transaction.execute(
            "DELETE FROM learned WHERE (access_key, function) IN (SELECT access_key, function FROM (SELECT access_key, \
             function, row_number() OVER (PARTITION BY function ORDER BY access_key) AS place FROM learned) WHERE place > ?)",
            [i64::try_from(MAX_LEARNED).unwrap_or(i64::MAX)],
        )?;
    }
    Ok(())
}

fn write_ledger(transaction: &Transaction<'_>, batch: &Batch) -> Result<(), StoreError> {
    let mut add = transaction
        .prepare_cached("INSERT OR IGNORE INTO day (account, region, data, day) VALUES (?, ?, ?, ?)")?;
    for (stream, days) in &batch.fold.streams {
        let data = stream.data.as_deref().unwrap_or_default();
        let mut days: Vec<String> = days.numbers().into_iter().map(day::text).collect();
        if days.is_empty() {
            days.push(String::new());
        }
        for day in days {
            add.execute(params![stream.account, stream.region, data, day])?;
        }
    }
    let mut add = transaction.prepare_cached(
        "INSERT OR IGNORE INTO window (source, account, region, category, principal, from_time, to_time) \
         VALUES (?, ?, ?, ?, ?, ?, ?)",
    )?;
    for window in &batch.windows {
        add.execute(params![
            window.source,
            window.account,
            window.region,
            window.category,
            window.principal,
            window.from,
            window.to
        ])?;
    }
    let mut add =
        transaction.prepare_cached("INSERT OR IGNORE INTO trail (asked, settings) VALUES (?, ?)")?;
    for trail in &batch.trails {
        add.execute(params![trail.asked, json(&trail.settings)?])?;
    }
    let mut add = transaction.prepare_cached(
        "INSERT OR REPLACE INTO digest (name, account, region, from_time, to_time) VALUES (?, ?, ?, ?, ?)",
    )?;
    let mut list = transaction
        .prepare_cached("INSERT OR REPLACE INTO listed (digest, name, sha256) VALUES (?, ?, ?)")?;
    for (name, digest) in &batch.digests {
        add.execute([name, &digest.account, &digest.region, &digest.from, &digest.to])?;
        for (listed, hash) in &digest.listed {
            list.execute([name, listed, hash])?;
        }
    }
    Ok(())
}

fn write_objects(transaction: &Transaction<'_>, batch: &Batch) -> Result<(), StoreError> {
    let mut sources: BTreeMap<&str, i64> = BTreeMap::new();
    let named = batch.objects.iter().map(|(object, _)| object.source.as_str());
    let named = named.chain(batch.partly.iter().map(|partly| partly.object.source.as_str()));
    let named = named.chain(batch.gaps.iter().map(|(source, _, _)| source.as_str()));
    for source in named.chain(batch.watermarks.keys().map(String::as_str)) {
        if !sources.contains_key(source) {
            transaction.execute("INSERT OR IGNORE INTO source (name) VALUES (?)", [source])?;
            let find = "SELECT id FROM source WHERE name = ?";
            sources.insert(source, transaction.query_row(find, [source], |row| row.get(0))?);
        }
    }
    let id = |source: &str| sources.get(source).copied().unwrap_or_default();
    for (source, mark) in &batch.watermarks {
        let set = "UPDATE source SET watermark = max(coalesce(watermark, ''), ?) WHERE id = ?";
        transaction.execute(set, params![mark, id(source)])?;
    }
    let mut forget = transaction.prepare_cached("DELETE FROM gap WHERE source = ? AND key = ?")?;
    let mut add = transaction.prepare_cached(
        "INSERT OR REPLACE INTO object (source, key, name, stamp, bytes, kind) VALUES (?, ?, ?, ?, ?, ?)",
    )?;
    for (object, kind) in &batch.objects {
        forget.execute(params![id(&object.source), object.key])?;
        add.execute(params![
            id(&object.source),
            object.key,
            file_name(&object.key),
            object.stamp,
            i64::try_from(object.bytes).unwrap_or(i64::MAX),
            kind_word(*kind)
        ])?;
    }
    write_partly(transaction, batch, id)?;
    for (source, key, _) in &batch.gaps {
        forget.execute(params![id(source), key])?;
    }
    for (source, key, gap) in &batch.gaps {
        write_gap(transaction, id(source), key, gap)?;
    }
    Ok(())
}

/// Writes the objects of which only the calls of some roles were read.
fn write_partly(
    transaction: &Transaction<'_>,
    batch: &Batch,
    id: impl Fn(&str) -> i64,
) -> Result<(), StoreError> {
    // Whoever read it for another role may have found damage in records of that one, which is still there.
    let mut forget = transaction.prepare_cached(
        "DELETE FROM gap WHERE source = ? AND key = ? AND code != 'trail-record-unreadable'",
    )?;
    let mut add = transaction.prepare_cached(
        "INSERT OR REPLACE INTO role_object (source, key, role, name, stamp, bytes, kind) VALUES (?, ?, ?, ?, ?, ?, ?)",
    )?;
    for Partly { object, kind, roles } in &batch.partly {
        forget.execute(params![id(&object.source), object.key])?;
        for role in roles.iter() {
            add.execute(params![
                id(&object.source),
                object.key,
                role.to_string(),
                file_name(&object.key),
                object.stamp,
                i64::try_from(object.bytes).unwrap_or(i64::MAX),
                kind_word(*kind)
            ])?;
        }
    }
    let mut add = transaction.prepare_cached("INSERT OR IGNORE INTO only_roles (roles) VALUES (?)")?;
    for roles in &batch.only {
        let names: Vec<String> = roles.iter().map(ToString::to_string).collect();
        add.execute([json(&names)?])?;
    }
    Ok(())
}

fn write_gap(transaction: &Transaction<'_>, source: i64, key: &str, gap: &Gap) -> Result<(), StoreError> {
    let line = gap.location.as_ref().map_or(0, |location| location.line);
    let hint = gap.hint.as_deref().unwrap_or_default();
    let mut add = transaction.prepare_cached(
        "INSERT OR REPLACE INTO gap (source, key, line, code, message, hint) VALUES (?, ?, ?, ?, ?, ?)",
    )?;
    add.execute(params![source, key, line, gap.code, gap.message, hint])?;
    Ok(())
}

pub(super) fn kind_word(kind: ObjectKind) -> &'static str {
    match kind {
        ObjectKind::Trail => "trail",
        ObjectKind::Foreign => "foreign",
        ObjectKind::Damaged => "damaged",
    }
}
