//! Reads the event history of functions into a store: what was not read before, newest first, with an estimate of the time
//! it takes.

use std::ops::ControlFlow;

use super::lookup::{Asked, Estimate, EventPage, estimate, horizon, settled, shown, unread};
use super::{Account, SourceError};
use crate::catalog::Catalog;
use crate::trail::ledger::Window;
use crate::trail::moment;
use crate::trail::{Batch, ObjectId, Reader, Store};
use crate::usage::Gap;

/// The name of the source in a store.
const SOURCE: &str = "lookup";
/// Pages after which what was read is committed: ten seconds.
const COMMIT: u32 = 20;

/// A reading of the history of one account and region.
#[derive(Debug)]
pub struct FromHistory<'a> {
    /// The account, in its region.
    pub account: &'a Account,
    /// The account's number.
    pub number: String,
    /// The region.
    pub region: String,
    /// The user names to ask for: for functions their names.
    pub users: Vec<String>,
    /// From this second on, since 1970; the history holds 90 days.
    pub from: Option<i64>,
    /// To this second.
    pub to: Option<i64>,
    /// Now, likewise.
    pub now: i64,
    /// Names the operations.
    pub catalog: &'a Catalog,
}

/// What a reading did so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HistoryDone {
    /// Pages that were asked for.
    pub pages: u64,
    /// Events on them; some may be there twice.
    pub events: u64,
    /// Spans of functions that were read before.
    pub known: u64,
    /// Whether it ended early because it was told to.
    pub stopped: bool,
}

/// What hears of a reading, and may end it.
pub trait Listener {
    /// Before the long part begins.
    fn estimated(&mut self, estimate: &Estimate) -> ControlFlow<()>;
    /// After each page.
    fn read(&mut self, done: &HistoryDone) -> ControlFlow<()>;
}

/// A span of one user's events that is to be read.
struct Job {
    user: String,
    from: i64,
    /// What is left lies before this second, or in it.
    to: i64,
    /// What was read reaches up to here …
    end: i64,
    /// … and down to here.
    down_to: i64,
}

struct Work<'r, 's> {
    run: &'r FromHistory<'r>,
    store: &'s mut Store,
    pending: Batch,
    since_commit: u32,
    done: HistoryDone,
}

impl FromHistory<'_> {
    /// Reads what the store does not have, and commits it as it goes.
    ///
    /// # Errors
    /// When a call fails or the store does. What was committed before is kept: the next run goes on.
    pub fn run(&self, store: &mut Store, listener: &mut dyn Listener) -> Result<HistoryDone, SourceError> {
        let mut work = Work {
            run: self,
            store,
            pending: Batch::default(),
            since_commit: 0,
            done: HistoryDone::default(),
        };
        let outcome = work.read_all(listener);
        let kept = work.commit();
        outcome?;
        kept?;
        Ok(work.done)
    }

    /// The span that is asked for.
    fn span(&self) -> (i64, i64) {
        let from = self.from.unwrap_or(i64::MIN).max(horizon(self.now));
        (from, self.to.unwrap_or(self.now).min(self.now))
    }
}

impl Work<'_, '_> {
    fn read_all(&mut self, listener: &mut dyn Listener) -> Result<(), SourceError> {
        let mut jobs = self.jobs()?;
        // The first page of each tells how much there is; it is read anyway.
        let mut firsts = Vec::new();
        for job in &mut jobs {
            let first = self.first_page(job)?;
            firsts.push(first);
            if listener.read(&self.done).is_break() {
                self.done.stopped = true;
                return Ok(());
            }
        }
        let (from, to) = self.run.span();
        if listener.estimated(&estimate(&firsts, from, to)).is_break() {
            self.done.stopped = true;
            return Ok(());
        }
        for (job, first) in jobs.iter_mut().zip(&firsts) {
            if first.more && !self.done.stopped {
                self.finish(job, listener)?;
            }
        }
        Ok(())
    }

    /// The spans that are not in the store yet, by user.
    fn jobs(&mut self) -> Result<Vec<Job>, SourceError> {
        let (from, to) = self.run.span();
        let windows = self.store.windows(SOURCE)?;
        let mut jobs = Vec::new();
        for user in &self.run.users {
            let read: Vec<(i64, i64)> = windows
                .iter()
                .filter(|window| window.principal == *user)
                .filter(|window| window.region == self.run.region && window.account == self.run.number)
                .filter_map(|window| Some((moment::seconds(&window.from)?, moment::seconds(&window.to)?)))
                .collect();
            let left = unread(from, to, &read);
            self.done.known += u64::from(left.is_empty() || left.as_slice() != [(from, to)]);
            jobs.extend(left.into_iter().rev().map(|(from, to)| Job {
                user: user.clone(),
                from,
                to,
                end: to,
                down_to: to,
            }));
        }
        Ok(jobs)
    }

    fn first_page(&mut self, job: &mut Job) -> Result<EventPage, SourceError> {
        let mut first = EventPage::default();
        let asked = asked(job);
        self.run.account.look_up(&asked, |page| {
            first = page;
            ControlFlow::Break(())
        })?;
        self.take(job, &first);
        self.note(job);
        Ok(first)
    }

    fn finish(&mut self, job: &mut Job, listener: &mut dyn Listener) -> Result<(), SourceError> {
        let mut failure = None;
        let account = self.run.account;
        let asked = asked(job);
        let outcome = account.look_up(&asked, |page| {
            self.take(job, &page);
            if self.since_commit >= COMMIT {
                self.note(job);
                if let Err(error) = self.commit() {
                    failure = Some(error);
                    return ControlFlow::Break(());
                }
            }
            let go_on = listener.read(&self.done);
            self.done.stopped |= go_on.is_break();
            go_on
        });
        self.note(job);
        match failure {
            Some(failure) => Err(failure),
            None => Ok(outcome?),
        }
    }

    /// Takes in a page, and notes down to where the user's events are read.
    fn take(&mut self, job: &mut Job, page: &EventPage) {
        self.done.pages += 1;
        self.since_commit += 1;
        self.done.events += (page.records.len() + page.without_record) as u64;
        job.down_to = match page.oldest {
            // Of the oldest second, more events may be on the next page.
            Some(oldest) if page.more => oldest + 1,
            _ => job.from,
        };
        let id = ObjectId {
            source: SOURCE.to_owned(),
            key: format!(
                "{}/{}/{}..{}",
                self.run.region,
                job.user,
                shown(job.down_to),
                shown(job.to)
            ),
            stamp: shown(self.run.now),
            bytes: page.records.iter().map(|record| record.len() as u64).sum(),
        };
        if page.without_record > 0 {
            let message = format!(
                "{} events of `{}` came without their record",
                page.without_record, job.user
            );
            let gap = Gap::new("trail-object-unavailable", message)
                .hint("look them up in the console: no other source in this run has them");
            self.pending.missed(SOURCE, &id.key, gap);
        }
        if !page.records.is_empty() {
            let mut reader = Reader::new(self.run.catalog);
            reader.text(id, &page.records.join("\n"));
            self.pending = std::mem::take(&mut self.pending).merge(reader.batch());
        }
        job.to = page.oldest.filter(|_| page.more).unwrap_or(job.from);
    }

    /// Notes what was read of a user's events. Those of the last minutes may not be there yet: they are asked for again.
    fn note(&mut self, job: &Job) {
        let end = job.end.min(settled(self.run.now));
        if job.down_to < end {
            self.pending.window(Window {
                source: SOURCE.to_owned(),
                account: self.run.number.clone(),
                region: self.run.region.clone(),
                category: "management".to_owned(),
                principal: job.user.clone(),
                from: shown(job.down_to),
                to: shown(end),
            });
        }
    }

    fn commit(&mut self) -> Result<(), SourceError> {
        self.since_commit = 0;
        let batch = std::mem::take(&mut self.pending);
        self.store.commit(batch, self.run.catalog.date())?;
        Ok(())
    }
}

fn asked(job: &Job) -> Asked {
    Asked {
        user_name: Some(job.user.clone()),
        from: Some(job.from),
        to: Some(job.to),
    }
}
