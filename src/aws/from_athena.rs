//! Reads a trail where it lies, by queries of Amazon Athena: finds out how much there is, asks whether that may cost what it
//! costs, makes the table, and reads the answers span by span.

use std::collections::{BTreeMap, BTreeSet};
use std::io::BufReader;
use std::ops::ControlFlow;

use sha2::{Digest as _, Sha256};

use super::athena::{Athena, Ran, Running, Workgroup};
use super::listing::{Listing, Wanted};
use super::windows::{Query, Sizes, Span, joined};
use super::{AwsError, Bucket, SourceError};
use crate::catalog::Catalog;
use crate::trail::athena::{self, Asked, Objects, Shape};
use crate::trail::keys::{Kind, ObjectKey};
use crate::trail::ledger::Window;
use crate::trail::moment::{self, Day};
use crate::trail::{Batch, ObjectId, Reader, Store};

/// Athena counts no query for less.
const LEAST_BYTES: u64 = 10_000_000;
/// Objects are delivered within some ten minutes; twice that is waited before a time counts as read.
const DELIVERY: i64 = 20 * 60;

/// A reading of a trail through Athena.
#[derive(Debug)]
pub struct FromAthena<'a> {
    /// The bucket of the trail.
    pub bucket: &'a Bucket<'a>,
    /// Where to query.
    pub athena: &'a Athena<'a>,
    /// Accounts and regions, and the days of the events.
    pub wanted: Wanted,
    /// The roles whose calls are asked for (ARNs); empty for all.
    pub roles: Vec<String>,
    /// The table, `DATABASE.TABLE`; one for each place, if nobody names one.
    pub table: Option<String>,
    /// Whether to ask for a row for each call from the beginning.
    pub shape: Shape,
    /// Names the operations.
    pub catalog: &'a Catalog,
    /// Now, in seconds since 1970.
    pub now: i64,
}

/// What lies ahead.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bill {
    /// Objects of the span.
    pub objects: u64,
    /// Queries to run.
    pub queries: usize,
    /// What they scan, as Athena counts it.
    pub bytes: u64,
    /// First and last day of the objects.
    pub days: Option<(Day, Day)>,
}

/// What a reading did so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AthenaDone {
    /// Objects that were listed.
    pub listed: u64,
    /// Queries to run.
    pub queries: usize,
    /// Queries whose answers were read.
    pub read: usize,
    /// Different events of the answers; beyond some 16,000 of an answer an estimate.
    pub events: u64,
    /// What the queries scanned.
    pub scanned: u64,
    /// The bytes of the answers.
    pub answers: u64,
    /// Whether it ended early because it was told to.
    pub stopped: bool,
}

/// What hears of a reading, and may end it.
pub trait AthenaListener {
    /// While objects are listed.
    fn listed(&mut self, objects: u64) -> ControlFlow<()>;
    /// Before anything that costs; whoever ends it here says why.
    fn billed(&mut self, bill: &Bill) -> ControlFlow<()>;
    /// Something that a reader should know.
    fn told(&mut self, words: &str);
    /// While a query runs, and after each answer.
    fn running(&mut self, done: &AthenaDone, now: Option<Running>) -> ControlFlow<()>;
}

/// What is stored below one place, up to the accounts.
struct Located {
    location: String,
    sizes: Sizes,
}

struct Work<'r, 's, 'l> {
    run: &'r FromAthena<'r>,
    store: &'s mut Store,
    listener: &'l mut dyn AthenaListener,
    done: AthenaDone,
}

impl FromAthena<'_> {
    /// Reads what the store does not have, and commits it query by query.
    ///
    /// # Errors
    /// When a call or a query fails or the store does. What was committed before is kept: the next run goes on.
    pub fn run(
        &self,
        store: &mut Store,
        listener: &mut dyn AthenaListener,
    ) -> Result<AthenaDone, SourceError> {
        let mut work = Work {
            run: self,
            store,
            listener,
            done: AthenaDone::default(),
        };
        work.read_all()?;
        Ok(work.done)
    }
}

impl Work<'_, '_, '_> {
    fn read_all(&mut self) -> Result<(), SourceError> {
        let group = self.run.athena.workgroup()?;
        check_workgroup(&group, self.run.athena.has_output())?;
        let located = self.list()?;
        if self.done.stopped {
            return Ok(());
        }
        let mut bill = Bill {
            objects: self.done.listed,
            ..Bill::default()
        };
        let mut plans = Vec::new();
        for located in located {
            let Some(span) = self.span(&located.sizes) else {
                continue;
            };
            let source = source(&located.location);
            let read = joined(self.store.windows(&source)?);
            let queries = span
                .queries(&located.sizes, &read, group.cutoff)
                .map_err(|(day, (account, region), bytes)| too_much(day, &account, &region, bytes, &group))?;
            for query in &queries {
                bill.queries += usize::from(query.bytes > 0);
                bill.bytes += if query.bytes > 0 {
                    query.bytes.max(LEAST_BYTES)
                } else {
                    0
                };
                if let Some((first, last)) = query.days {
                    let (begin, end) = bill.days.unwrap_or((first, last));
                    bill.days = Some((begin.min(first), end.max(last)));
                }
            }
            plans.push((located.location, span, queries, read));
        }
        self.done.queries = bill.queries;
        if self.listener.billed(&bill).is_break() {
            self.done.stopped = true;
            return Ok(());
        }
        for (location, span, queries, mut read) in plans {
            let table = self.run.table.clone();
            let table = table.unwrap_or_else(|| athena::default_table(&location));
            let any = queries.iter().any(|query| query.bytes > 0);
            if any && !self.prepare(&table, &location)? {
                return Ok(());
            }
            for query in queries {
                if !self.read(&table, &location, &span, &query, &mut read)? {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// How much is stored, by place and day.
    fn list(&mut self) -> Result<Vec<Located>, SourceError> {
        let wanted = Wanted {
            logs_only: true,
            ..self.run.wanted.clone()
        };
        let mut listing = Listing::new(self.run.bucket, wanted);
        let mut places: BTreeMap<String, Sizes> = BTreeMap::new();
        while let Some(chunk) = listing.next_chunk()? {
            for object in chunk.objects {
                let Some(key) = ObjectKey::parse(&object.key).filter(|key| key.kind == Kind::Log) else {
                    continue;
                };
                let mark = format!("{}/CloudTrail/", key.account);
                let Some(at) = object.key.rfind(&mark) else {
                    continue;
                };
                self.done.listed += 1;
                let above = object.key.get(..at).unwrap_or_default();
                let location = format!("s3://{}/{above}", self.run.bucket.name());
                let of_day = places.entry(location).or_default().entry(key.day).or_default();
                let stream = (key.account.to_owned(), key.region.to_owned());
                *of_day.entry(stream).or_default() += object.bytes;
            }
            if self.listener.listed(self.done.listed).is_break() {
                self.done.stopped = true;
                break;
            }
        }
        let located = places
            .into_iter()
            .map(|(location, sizes)| Located { location, sizes });
        Ok(located.collect())
    }

    /// The days to read: those that are wanted, else all that are there.
    fn span(&self, sizes: &Sizes) -> Option<Span> {
        let today = Day::of_seconds(self.run.now);
        let (first, last) = (*sizes.keys().next()?, *sizes.keys().next_back()?);
        let from = self.run.wanted.from.unwrap_or(first);
        let to = self
            .run
            .wanted
            .to
            .unwrap_or_else(|| last.max(today))
            .min(today.max(last));
        (from <= to).then(|| Span {
            from,
            to,
            today: today.max(last),
            roles: self.run.roles.clone(),
        })
    }

    /// Makes the table where there is none; `false` when somebody asked to stop.
    fn prepare(&mut self, table: &str, location: &str) -> Result<bool, SourceError> {
        let athena = self.run.athena;
        if let Some(found) = athena.table(table)? {
            return match athena::unfit(&found.columns, &found.properties, location) {
                None => Ok(true),
                Some(why) => Err(AwsError::Setup(format!(
                    "the table {table} will not do: {why}\nhint: name another one with `--table`, which rolefit then makes, or \
                     drop this one if nobody else needs it"
                ))
                .into()),
            };
        }
        let (database, _) = table.split_once('.').unwrap_or((table, ""));
        let objects = Objects {
            location: location.to_owned(),
            ..Objects::default()
        };
        let make = athena::table(table, &objects).map_err(|error| AwsError::Setup(error.to_string()))?;
        self.listener.told(&format!("making the table {table}"));
        for statement in [format!("CREATE DATABASE IF NOT EXISTS {database}"), make] {
            // Somebody may have dropped what was made before: no answer of then counts.
            if self.wait(&statement, &unique())?.is_none() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Runs a statement; `None` when somebody asked to stop.
    fn wait(&mut self, statement: &str, salt: &str) -> Result<Option<Ran>, SourceError> {
        let (listener, done) = (&mut *self.listener, self.done);
        let ran = self.run.athena.run(statement, salt, &mut |running| {
            listener.running(&done, Some(running))
        })?;
        self.done.stopped |= ran.is_none();
        Ok(ran)
    }

    /// Reads the answer to one query and commits it; `false` when somebody asked to stop.
    fn read(
        &mut self,
        table: &str,
        location: &str,
        span: &Span,
        query: &Query,
        read: &mut BTreeSet<Window>,
    ) -> Result<bool, SourceError> {
        let settled = moment::of_seconds(self.run.now - DELIVERY);
        let source = source(location);
        let mut batch = Batch::default();
        if query.bytes > 0 {
            match self.answer(table, location, span, query)? {
                Some(answer) => batch = answer,
                None => return Ok(false),
            }
            self.done.read += 1;
            self.done.events += batch.events();
        }
        let windows = span.windows(query, read, &source, &settled);
        for window in &windows {
            batch.window(window.clone());
        }
        self.store.commit(batch, self.run.catalog.date())?;
        read.extend(windows);
        *read = joined(std::mem::take(read));
        if self.listener.running(&self.done, None).is_break() {
            self.done.stopped = true;
        }
        Ok(!self.done.stopped)
    }

    /// What a query answers; `None` when somebody asked to stop.
    fn answer(
        &mut self,
        table: &str,
        location: &str,
        span: &Span,
        query: &Query,
    ) -> Result<Option<Batch>, SourceError> {
        let objects = Objects {
            location: location.to_owned(),
            accounts: query.accounts(),
            regions: query.regions(),
        };
        let Some((first, last)) = query.days else {
            return Ok(Some(Batch::default()));
        };
        let mut asked = Asked {
            since: span.from.to_string(),
            until: span.to.to_string(),
            roles: self.run.roles.clone(),
            delivered: Some((first.to_string(), last.to_string())),
            shape: self.run.shape,
        };
        // The answer of days that still change must be a new one.
        let open = last.plus(3) > span.today;
        let mut salt = if open { unique() } else { String::new() };
        let mut anew = true;
        loop {
            let statement =
                athena::query(table, &objects, &asked).map_err(|error| AwsError::Setup(error.to_string()))?;
            let outcome = match self.wait(&statement, &salt) {
                Ok(None) => return Ok(None),
                Ok(Some(ran)) => self.take(&ran, location, &statement),
                Err(error) => Err(error),
            };
            match outcome {
                Err(SourceError::Aws(AwsError::Query { reason, .. }))
                    if asked.shape == Shape::Sums && is_too_large(&reason) =>
                {
                    self.listener.told(&format!(
                        "Athena could not sum up {first} to {last} ({reason}): asking for a row for each call"
                    ));
                    asked.shape = Shape::Events;
                    salt = unique();
                }
                // An answer of an earlier run may have failed, or be gone from its bucket.
                Err(SourceError::Aws(AwsError::Query { .. } | AwsError::NotFound { .. }))
                    if anew && !open =>
                {
                    anew = false;
                    salt = unique();
                }
                Err(SourceError::Aws(AwsError::Query { id, reason })) => {
                    return Err(AwsError::Query {
                        id,
                        reason: with_hint(&reason, first, last, location),
                    }
                    .into());
                }
                other => return other,
            }
        }
    }

    /// Reads an answer out of its bucket.
    fn take(&mut self, ran: &Ran, location: &str, statement: &str) -> Result<Option<Batch>, SourceError> {
        self.done.scanned += ran.scanned;
        let (listener, done) = (std::cell::RefCell::new(&mut *self.listener), self.done);
        let go_on = || listener.borrow_mut().running(&done, None).is_continue();
        let mut answer = self.run.athena.answer(ran, &go_on)?;
        let size = answer.size();
        let hash = Sha256::digest(statement.as_bytes());
        let id = ObjectId {
            source: source(location),
            key: hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect(),
            stamp: ran.id.clone(),
            bytes: size,
        };
        let mut reader = Reader::new(self.run.catalog);
        reader.large(id, BufReader::with_capacity(1 << 20, &mut answer), size);
        if !answer.outcome()? {
            self.done.stopped = true;
            return Ok(None);
        }
        self.done.answers += size;
        Ok(Some(reader.batch()))
    }
}

/// The name of the source in a store.
fn source(location: &str) -> String {
    format!("athena:{location}")
}

/// Something that was never there before.
fn unique() -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = now.map(|since| since.as_nanos()).unwrap_or_default();
    format!("{now} {}", std::process::id())
}

fn check_workgroup(group: &Workgroup, has_output: bool) -> Result<(), AwsError> {
    let problem = if group.disabled {
        "it is switched off"
    } else if group.keeps_answers {
        "it keeps answers in a place of Athena's own, from which they come a thousand rows at a time"
    } else if group.output.is_none() && !has_output {
        return Err(AwsError::Setup(
            "the workgroup does not say where answers go\nhint: give `--output s3://BUCKET/FOLDER/`, or name another one with \
             `--workgroup`"
                .to_owned(),
        ));
    } else {
        return Ok(());
    };
    Err(AwsError::Setup(format!(
        "the workgroup will not do: {problem}\nhint: name another one with `--workgroup`"
    )))
}

fn too_much(day: Day, account: &str, region: &str, bytes: u64, group: &Workgroup) -> AwsError {
    AwsError::Setup(format!(
        "the objects of {account} {region} of {day} alone have {:.1} GB, and the workgroup lets a query scan {:.1} GB\nhint: \
         raise the workgroup's limit, or leave it out with `--account` and `--region`",
        bytes as f64 / 1e9,
        group.cutoff.unwrap_or_default() as f64 / 1e9
    ))
}

/// Whether Athena says that a row or a sum got too large, or that it ran out of memory over it.
fn is_too_large(reason: &str) -> bool {
    let reason = reason.to_ascii_lowercase();
    [
        "exhausted resources",
        "exceeded_",
        "too large",
        "32 mb",
        "32mb",
        "33554432",
        "exceeds the limit",
        "memory",
    ]
    .iter()
    .any(|words| reason.contains(words))
}

/// A reason with what helps.
fn with_hint(reason: &str, first: Day, last: Day, location: &str) -> String {
    let lower = reason.to_ascii_lowercase();
    let hint = if lower.contains("bad_data") || lower.contains("malformed") {
        format!(
            "an object of {first} to {last} is damaged: read those days from the bucket, where it costs itself alone \
             (`--from {location} --since {first} --until {last}`), and the others with `--since` and `--until`"
        )
    } else if lower.contains("bytes scanned limit") {
        "raise the workgroup's limit, or ask for fewer days with `--since` and `--until`".to_owned()
    } else {
        "what was read before is kept: the same command goes on there".to_owned()
    };
    format!("{reason}\nhint: {hint}")
}
