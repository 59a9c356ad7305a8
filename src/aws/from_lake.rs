//! Reads an event data store of CloudTrail Lake into a store, day by day.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use super::lake::Row;
use super::lookup::unread;
use super::{Account, AwsError, SourceError};
use crate::catalog::Catalog;
use crate::trail::athena::{LakeAsked, Scope, lake_query, lake_record};
use crate::trail::ledger::Window;
use crate::trail::moment;
use crate::trail::{Batch, ObjectId, Reader, Store};
use crate::usage::Gap;

const DAY: i64 = 86_400;
/// Events reach an event data store within some ten minutes; twice that is waited before a time counts as read.
const DELIVERY: i64 = 20 * 60;

/// A reading of an event data store.
#[derive(Debug)]
pub struct FromLake<'a> {
    /// The account, in the region of the event data store.
    pub account: &'a Account,
    /// The event data store: its ARN or id.
    pub event_data_store: String,
    /// From this second on, since 1970.
    pub from: i64,
    /// To this second.
    pub to: i64,
    /// The roles whose calls are asked for (ARNs); empty for all.
    pub roles: Vec<String>,
    /// Names the operations.
    pub catalog: &'a Catalog,
    /// Now, in seconds since 1970.
    pub now: i64,
}

/// What a reading did so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LakeDone {
    /// Days that are to be read, and those that were.
    pub days: usize,
    /// Days that were read.
    pub read: usize,
    /// Rows of the answers.
    pub rows: u64,
    /// What the queries scanned.
    pub scanned: u64,
    /// Whether the event data store does not tell functions.
    pub no_scope: bool,
    /// Whether it ended early because it was told to.
    pub stopped: bool,
}

impl FromLake<'_> {
    /// Reads what the store does not have, and commits it day by day. `tell` hears what was done so far, and may end it.
    ///
    /// # Errors
    /// When a call or a query fails or the store does. What was committed before is kept: the next run goes on.
    pub fn run(
        &self,
        store: &mut Store,
        tell: &mut dyn FnMut(&LakeDone) -> ControlFlow<()>,
    ) -> Result<LakeDone, SourceError> {
        let mut done = LakeDone::default();
        let spans = self.spans(&store.windows(&self.source())?);
        done.days = spans.len();
        let mut scope = Scope::AsRecorded;
        for (from, to) in spans {
            if tell(&done).is_break() {
                done.stopped = true;
                break;
            }
            let Some(mut batch) = self.read(from, to, &mut scope, &mut done, tell)? else {
                done.stopped = true;
                break;
            };
            for window in self.windows(from, to) {
                batch.window(window);
            }
            store.commit(batch, self.catalog.date())?;
            done.read += 1;
        }
        done.no_scope = scope == Scope::Absent;
        Ok(done)
    }

    fn source(&self) -> String {
        format!("lake:{}", self.event_data_store)
    }

    /// The spans that are not in the store yet, a day each at most.
    fn spans(&self, known: &BTreeSet<Window>) -> Vec<(i64, i64)> {
        let of = |principal: &str| -> Vec<(i64, i64)> {
            known
                .iter()
                .filter(|window| window.principal.is_empty() || window.principal == principal)
                .filter_map(|window| Some((moment::seconds(&window.from)?, moment::seconds(&window.to)?)))
                .collect()
        };
        let mut left: BTreeSet<(i64, i64)> = BTreeSet::new();
        match self.roles.as_slice() {
            [] => left.extend(unread(self.from, self.to, &of(""))),
            roles => {
                for role in roles {
                    left.extend(unread(self.from, self.to, &of(role)));
                }
            }
        }
        let days = left.into_iter().flat_map(|(from, to)| {
            let first = from.div_euclid(DAY);
            (first..=(to - 1).div_euclid(DAY)).map(move |day| (from.max(day * DAY), to.min((day + 1) * DAY)))
        });
        let days: BTreeSet<(i64, i64)> = days.collect();
        days.into_iter().collect()
    }

    /// What was read; of which accounts and regions, an event data store does not say, so that this proves nothing to be
    /// complete.
    fn windows(&self, from: i64, to: i64) -> Vec<Window> {
        let to = to.min(self.now - DELIVERY);
        let principals = match self.roles.as_slice() {
            [] => vec![String::new()],
            roles => roles.to_vec(),
        };
        let window = |principal: String| Window {
            source: self.source(),
            principal,
            from: moment::of_seconds(from),
            to: moment::of_seconds(to),
            ..Window::default()
        };
        match from < to {
            true => principals.into_iter().map(window).collect(),
            false => Vec::new(),
        }
    }

    /// The events of a span; `None` when somebody asked to stop.
    fn read(
        &self,
        from: i64,
        to: i64,
        scope: &mut Scope,
        done: &mut LakeDone,
        tell: &mut dyn FnMut(&LakeDone) -> ControlFlow<()>,
    ) -> Result<Option<Batch>, SourceError> {
        loop {
            let asked = LakeAsked {
                store: self.event_data_store.clone(),
                from: moment::of_seconds(from),
                to: moment::of_seconds(to),
                roles: self.roles.clone(),
                scope: *scope,
            };
            let statement = lake_query(&asked).map_err(|error| AwsError::Setup(error.to_string()))?;
            match self.answer(&statement, &asked, done, tell) {
                Err(error) if is_about_scope(&error) => {
                    *scope = match scope {
                        Scope::AsRecorded => Scope::AsDescribed,
                        Scope::AsDescribed => Scope::Absent,
                        Scope::Absent => return Err(error.into()),
                    };
                }
                other => return Ok(other?),
            }
        }
    }

    fn answer(
        &self,
        statement: &str,
        asked: &LakeAsked,
        done: &mut LakeDone,
        tell: &mut dyn FnMut(&LakeDone) -> ControlFlow<()>,
    ) -> Result<Option<Batch>, AwsError> {
        let mut batch = Batch::default();
        let mut reader = Reader::new(self.catalog);
        let before = *done;
        let mut page = 0;
        let tell = std::cell::RefCell::new(tell);
        let mut take = |rows: Vec<Row>| {
            let count = rows.len() as u64;
            let (id, text) = self.page(asked, page, rows, &mut batch);
            reader.text(id, &text);
            page += 1;
            done.rows += count;
            (tell.borrow_mut())(done)
        };
        let mut wait = || (tell.borrow_mut())(&before);
        let arn = match self.event_data_store.starts_with("arn:") {
            true => self.event_data_store.clone(),
            false => "*".to_owned(),
        };
        let scanned = self.account.query_lake(statement, &arn, &mut wait, &mut take)?;
        let Some(scanned) = scanned else {
            return Ok(None);
        };
        done.scanned += scanned;
        Ok(Some(batch.merge(reader.batch())))
    }

    /// A page of rows as records, one a line; rows that are none are gaps.
    fn page(&self, asked: &LakeAsked, page: usize, rows: Vec<Row>, batch: &mut Batch) -> (ObjectId, String) {
        let key = format!("{}..{}/{page}", asked.from, asked.to);
        let mut records = Vec::new();
        for row in rows {
            match lake_record(&row) {
                Ok(record) => records.push(record),
                Err(why) => {
                    let gap = Gap::new("trail-record-unreadable", format!("a row cannot be read: {why}"));
                    batch.missed(&self.source(), &key, gap.hint("run the same command again"));
                }
            }
        }
        let text = records.join("\n");
        let id = ObjectId {
            source: self.source(),
            key,
            stamp: moment::of_seconds(self.now),
            bytes: text.len() as u64,
        };
        (id, text)
    }
}

/// Whether a query failed because the event data store has no such column.
fn is_about_scope(error: &AwsError) -> bool {
    let message = error.to_string().to_ascii_lowercase();
    matches!(error, AwsError::Query { .. } | AwsError::Call { .. })
        && ["inscopeof", "credentialsissuedto", "credentiaisissuedto"]
            .iter()
            .any(|name| message.contains(name))
}
