//! Sources of `rolefit observe` that are queried where they lie: Athena over a bucket, and CloudTrail Lake. Both are paid for
//! by what they scan, so that nothing is asked that may cost more than somebody agreed to.

use std::cell::RefCell;
use std::ops::ControlFlow;

use super::interrupt::Stop;
use super::observe_live::{LiveArgs, Taken, failed, go_on, told};
use super::{now, progress, say};
use crate::aws::{
    Account, Athena, AthenaDone, AthenaListener, Bill, Bucket, FromAthena, FromLake, LakeDone, Running,
    Wanted,
};
use crate::catalog::Catalog;
use crate::catalog::price::{AS_OF, Price};
use crate::trail::Store;
use crate::trail::athena::Shape;
use crate::trail::keys::Place;
use crate::trail::moment;

fn now() -> i64 {
    i64::try_from(now::seconds()).unwrap_or(i64::MAX)
}

/// Reads a bucket through Athena.
pub fn athena(
    args: &LiveArgs,
    place: &Place,
    store: &mut Store,
    catalog: &'static Catalog,
    stop: &Stop,
) -> anyhow::Result<Taken> {
    let regions = args.region.as_slice();
    if let Some(output) = &args.output {
        anyhow::ensure!(
            Place::parse(output).is_some(),
            "`{output}` is no folder of a bucket\nhint: write `--output s3://bucket/folder/`"
        );
    }
    progress::phase(format!("looking into {place}"));
    let account = Account::connect()?;
    let bucket = Bucket::open(&account, place, args.requester_pays).map_err(told)?;
    // Athena reads buckets of any region, but is nearest, and asks nothing for the way, in the bucket's own.
    let near = Account::connect_to(Some(bucket.region()))?;
    let athena = Athena::new(&near, &args.workgroup, args.output.as_deref());
    let run = FromAthena {
        bucket: &bucket,
        athena: &athena,
        wanted: Wanted {
            accounts: args.account.iter().cloned().collect(),
            regions: regions.iter().cloned().collect(),
            from: args.since,
            to: args.until,
            ..Wanted::default()
        },
        roles: args.roles.clone(),
        table: args.table.clone(),
        shape: Shape::Sums,
        catalog,
        now: now(),
    };
    let mut teller = Teller {
        max_cost: args.max_cost,
        stop,
        refused: None,
    };
    let done = run.run(store, &mut teller).map_err(failed)?;
    if let Some(refused) = teller.refused {
        anyhow::bail!(refused);
    }
    if done.read > 0 {
        say(&format!(
            "{place}: {} of {} queries, {} scanned{}, {} of answers",
            done.read,
            done.queries,
            size(done.scanned),
            cost("athena-scan", done.scanned, " for "),
            size(done.answers)
        ));
    }
    Ok(Taken {
        new: done.read,
        known: 0,
        stopped: done.stopped,
    })
}

/// Tells what a reading through Athena is at, and ends one that would cost too much.
struct Teller<'a> {
    max_cost: f64,
    stop: &'a Stop,
    refused: Option<String>,
}

impl AthenaListener for Teller<'_> {
    fn listed(&mut self, objects: u64) -> ControlFlow<()> {
        progress::phase(format!("adding up the sizes of {objects} objects"));
        go_on(self.stop)
    }

    fn billed(&mut self, bill: &Bill) -> ControlFlow<()> {
        let Some((first, last)) = bill.days.filter(|_| bill.queries > 0) else {
            say("Athena has nothing new to read");
            return go_on(self.stop);
        };
        let words = format!(
            "Athena scans {} of {first} to {last} in {} {}{}",
            size(bill.bytes),
            bill.queries,
            if bill.queries == 1 { "query" } else { "queries" },
            cost("athena-scan", bill.bytes, ": ")
        );
        let usd = Price::of("athena-scan").map_or(0.0, |price| price.cost(bill.bytes as f64));
        if usd > self.max_cost {
            self.refused = Some(format!(
                "{words}, and no more than {:.2} USD is agreed to: nothing was asked\nhint: agree with `--max-cost {:.0}`, or ask \
                 for less: `--since`, `--until`, `--account`, `--region` (`--role` makes answers smaller, not the bill)",
                self.max_cost,
                usd.ceil()
            ));
            return ControlFlow::Break(());
        }
        say(&words);
        go_on(self.stop)
    }

    fn told(&mut self, words: &str) {
        say(words);
    }

    fn running(&mut self, done: &AthenaDone, now: Option<Running>) -> ControlFlow<()> {
        let at = (done.read + 1).min(done.queries.max(1));
        let state = match now {
            Some(Running { queued: true, .. }) => "waits for its turn".to_owned(),
            Some(running) => format!("{} scanned", size(running.scanned)),
            None => format!("about {} events read", done.events),
        };
        progress::phase(format!("Athena: query {at} of {}, {state}", done.queries));
        go_on(self.stop)
    }
}

/// Reads an event data store of CloudTrail Lake.
pub fn lake(
    args: &LiveArgs,
    event_data_store: &str,
    store: &mut Store,
    catalog: &'static Catalog,
    stop: &Stop,
) -> anyhow::Result<Taken> {
    const NINETY_DAYS: i64 = 90 * 86_400;
    let now = now();
    // An ARN names the region.
    let named = event_data_store
        .split(':')
        .nth(3)
        .or_else(|| args.region.first().map(String::as_str));
    let account = Account::connect_to(named)?;
    let midnight = |seconds: i64| seconds.div_euclid(86_400) * 86_400;
    let run = FromLake {
        account: &account,
        event_data_store: event_data_store.to_owned(),
        from: args
            .since
            .and_then(|day| moment::seconds(&day.to_string()))
            .unwrap_or(midnight(now - NINETY_DAYS)),
        to: args
            .until
            .and_then(|day| moment::seconds(&day.plus(1).to_string()))
            .unwrap_or(now)
            .min(now),
        roles: args.roles.clone(),
        catalog,
        now,
    };
    let refused: RefCell<Option<String>> = RefCell::new(None);
    let done = run
        .run(store, &mut |done: &LakeDone| {
            progress::phase(format!(
                "CloudTrail Lake: day {} of {}, {} events, {} scanned",
                (done.read + 1).min(done.days),
                done.days,
                done.rows,
                size(done.scanned)
            ));
            // What a day costs, the days before it tell: nothing says so beforehand.
            let ahead = match done.read {
                0 => done.scanned,
                read => (done.scanned as f64 / read as f64 * done.days as f64) as u64,
            };
            let usd = Price::of("cloudtrail-lake-scan").map_or(0.0, |price| price.cost(ahead as f64));
            if usd > args.max_cost {
                *refused.borrow_mut() = Some(format!(
                    "CloudTrail Lake scans about {} in {} days{}, and no more than {:.2} USD is agreed to; {} days were read\nhint: \
                     agree with `--max-cost {:.0}`, or ask for fewer days with `--since` and `--until`",
                    size(ahead),
                    done.days,
                    cost("cloudtrail-lake-scan", ahead, ": "),
                    args.max_cost,
                    done.read,
                    usd.ceil()
                ));
                return ControlFlow::Break(());
            }
            go_on(stop)
        })
        .map_err(failed)?;
    if let Some(refused) = refused.into_inner() {
        anyhow::bail!(refused);
    }
    if done.no_scope {
        say(
            "the event data store does not tell functions (`inScopeOf`): they are told by the names of sessions",
        );
    }
    say(&format!(
        "CloudTrail Lake: {} events of {} days, {} scanned{}",
        done.rows,
        done.read,
        size(done.scanned),
        cost("cloudtrail-lake-scan", done.scanned, " for ")
    ));
    Ok(Taken {
        new: done.read,
        known: 0,
        stopped: done.stopped,
    })
}

/// `about 0.16 USD (5.00 USD a TB, 2026-11-21, https://…)`, behind some words.
fn cost(id: &str, bytes: u64, before: &str) -> String {
    Price::of(id).map_or_else(String::new, |price| {
        format!(
            "{before}about {:.2} USD ({:.2} USD a TB, {AS_OF}, {})",
            price.cost(bytes as f64),
            price.cost(1e12),
            price.docs
        )
    })
}

fn size(bytes: u64) -> String {
    match bytes as f64 {
        bytes if bytes < 1e9 => format!("{:.1} MB", bytes / 1e6),
        bytes => format!("{:.1} GB", bytes / 1e9),
    }
}
