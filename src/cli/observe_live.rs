//! Sources of `rolefit observe` that are no files: buckets (`s3://…`), the event history (`lookup`), and what trails were
//! told to record. Those that are queried where they lie are in [`super::observe_queries`].

use std::collections::BTreeSet;
use std::path::Path;

use crate::trail::keys::Place;
use crate::trail::moment::Day;
use crate::trail::{RoleName, Roles};

/// What is read of buckets and the event history.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct LiveArgs {
    /// Events from this day on, `2026-08-01`.
    #[arg(long, value_name = "DAY", value_parser = day, help_heading = HEADING)]
    pub since: Option<Day>,
    /// Events to the end of this day.
    #[arg(long, value_name = "DAY", value_parser = day, help_heading = HEADING)]
    pub until: Option<Day>,
    /// Only this account of a bucket; may be repeated.
    #[arg(long, value_name = "NUMBER", help_heading = HEADING)]
    pub account: Vec<String>,
    /// Only this region of a bucket; for the event history the region to ask, instead of the one that is configured. May be
    /// repeated.
    #[arg(long, value_name = "REGION", help_heading = HEADING)]
    pub region: Vec<String>,
    /// Only this function of the event history, by its deployed name; may be repeated (default: all of the region).
    #[arg(long = "function", value_name = "NAME", help_heading = HEADING)]
    pub functions: Vec<String>,
    /// Only calls with this role, by its name or ARN (Athena and Lake take the ARN); may be repeated. Of files and
    /// buckets much faster than reading everything. What is not seen says nothing of other roles then.
    #[arg(long = "role", value_name = "ROLE")]
    pub roles: Vec<String>,
    /// The workgroup of Athena.
    #[arg(long, value_name = "NAME", default_value = "primary", help_heading = QUERIES)]
    pub workgroup: String,
    /// Where Athena puts its answers, if the workgroup does not say so.
    #[arg(long, value_name = "S3_URL", help_heading = QUERIES)]
    pub output: Option<String>,
    /// The table that Athena reads; it is made if there is none (default: one of rolefit's own for each place).
    #[arg(long, value_name = "DATABASE.TABLE", help_heading = QUERIES)]
    pub table: Option<String>,
    /// The most that the queries may cost, in US dollars.
    #[arg(long, value_name = "USD", default_value_t = 5.0, help_heading = QUERIES)]
    pub max_cost: f64,
    /// Agree to pay for the requests, where the owner of a bucket leaves that to readers.
    #[arg(long, help_heading = HEADING)]
    pub requester_pays: bool,
}

const QUERIES: &str = "Trails that are read where they lie (athena:s3://…, lake:…)";
const HEADING: &str = "Buckets (s3://…) and the event history (lookup)";

fn day(text: &str) -> Result<Day, String> {
    Day::parse(text)
        .filter(|_| text.len() == 10)
        .ok_or_else(|| "a day is written `2026-08-01`".to_owned())
}

/// What `--from` names.
#[derive(Debug)]
pub enum Source<'a> {
    /// A file or folder.
    Local(&'a Path),
    /// A bucket.
    Bucket(Place),
    /// The event history of the account.
    History,
    /// What the account's trails were told to record.
    Trails,
    /// A bucket, through Athena.
    Athena(Place),
    /// An event data store of CloudTrail Lake: its ARN or id.
    Lake(String),
}

impl<'a> Source<'a> {
    /// Tells what is meant; files and folders win.
    pub fn of(path: &'a Path) -> anyhow::Result<Self> {
        let text = path.to_string_lossy();
        if path.exists() {
            return Ok(Self::Local(path));
        }
        if let Some(place) = Place::parse(&text) {
            return Ok(Self::Bucket(place));
        }
        if let Some(place) = text.strip_prefix("athena:") {
            return match Place::parse(place) {
                Some(place) => Ok(Self::Athena(place)),
                None => anyhow::bail!(
                    "`{place}` is no place of a trail\nhint: write `athena:s3://bucket/prefix`, the bucket that the trail writes to"
                ),
            };
        }
        if let Some(store) = text.strip_prefix("lake:") {
            return Ok(Self::Lake(store.to_owned()));
        }
        anyhow::ensure!(
            !text.starts_with("s3:"),
            "`{text}` is no place in a bucket\nhint: write `s3://bucket/prefix`"
        );
        match text.as_ref() {
            "lookup" => Ok(Self::History),
            "trails" => Ok(Self::Trails),
            _ => anyhow::bail!(
                "no trail at `{text}`\nhint: give a file, a folder, `s3://bucket/prefix`, `lookup` for the event history, `trails` for \
                 what the account's trails were told to record, `athena:s3://bucket/prefix` or `lake:ID`"
            ),
        }
    }
}

/// The roles whose calls alone are asked for; `None` for all.
///
/// # Errors
/// What is no role, and a source that cannot be asked for some roles.
pub fn roles(args: &LiveArgs, sources: &[Source<'_>]) -> anyhow::Result<Option<Roles>> {
    let mut names = BTreeSet::new();
    for role in &args.roles {
        let Some(name) = RoleName::parse(role) else {
            anyhow::bail!(
                "`{role}` is no role\nhint: give its name, or its ARN: `arn:aws:iam::111122223333:role/NAME`"
            );
        };
        names.insert(name);
        for source in sources {
            match source {
                Source::Local(_) | Source::Bucket(_) | Source::Trails => {}
                Source::Athena(_) | Source::Lake(_) => anyhow::ensure!(
                    role.starts_with("arn:"),
                    "Athena and Lake are asked by ARN, and `{role}` is none\nhint: `--role arn:aws:iam::111122223333:role/{role}`"
                ),
                Source::History => anyhow::bail!(
                    "`--role` does not count for the event history\nhint: it is asked by function: `--function NAME`"
                ),
            }
        }
    }
    Ok(Roles::new(names))
}

/// What was read of a source.
#[derive(Clone, Copy, Debug, Default)]
pub struct Taken {
    /// Objects or pages.
    pub new: usize,
    /// Objects that the store had.
    pub known: usize,
    /// Whether it was stopped before the end.
    pub stopped: bool,
}

#[cfg(not(feature = "live"))]
pub use without::read;

/// A rolefit that asks nobody.
#[cfg(not(feature = "live"))]
mod without {
    use super::{LiveArgs, Source, Taken};
    use crate::catalog::Catalog;
    use crate::cli::interrupt::Stop;
    use crate::trail::{Roles, Store};

    pub fn read(
        _: &LiveArgs,
        source: &Source<'_>,
        _: Option<&Roles>,
        _: &mut Store,
        _: &'static Catalog,
        _: &Stop,
    ) -> anyhow::Result<Taken> {
        let named = match source {
            Source::Local(path) => path.display().to_string(),
            Source::Bucket(place) => place.to_string(),
            Source::History => "lookup".to_owned(),
            Source::Trails => "trails".to_owned(),
            Source::Athena(place) => format!("athena:{place}"),
            Source::Lake(store) => format!("lake:{store}"),
        };
        anyhow::bail!(
            "`{named}` cannot be read: this rolefit was built without the part that asks AWS\nhint: build it with the feature \
             `live`, or fetch the objects (`aws s3 sync`) and give the folder"
        )
    }
}

#[cfg(feature = "live")]
pub use asking::{failed, go_on, read, told};

#[cfg(feature = "live")]
mod asking {
    use std::ops::ControlFlow;
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    use super::{LiveArgs, Source, Taken};
    use crate::aws::{
        Account, AwsError, Bucket, BucketDone, Estimate, FromBucket, FromHistory, HistoryDone, Listener,
        SourceError, Wanted,
    };
    use crate::catalog::Catalog;
    use crate::cli::interrupt::Stop;
    use crate::cli::observe::events_in_second;
    use crate::cli::{now, observe_queries, progress, say};
    use crate::trail::keys::Place;
    use crate::trail::moment;
    use crate::trail::selectors::KnownTrail;
    use crate::trail::{Batch, Roles, Store};

    /// Reads what is new of a source into the store; `roles` are those whose calls alone are asked for, as [`super::roles`]
    /// tells.
    pub fn read(
        args: &LiveArgs,
        source: &Source<'_>,
        roles: Option<&Roles>,
        store: &mut Store,
        catalog: &'static Catalog,
        stop: &Stop,
    ) -> anyhow::Result<Taken> {
        match source {
            Source::Local(_) => Ok(Taken::default()),
            Source::Bucket(place) => bucket(args, place, roles, store, catalog, stop),
            Source::History => history(args, store, catalog, stop),
            Source::Trails => trails(args, store, catalog),
            Source::Athena(place) => observe_queries::athena(args, place, store, catalog, stop),
            Source::Lake(lake) => observe_queries::lake(args, lake, store, catalog, stop),
        }
    }

    /// Notes what the trails of the regions were told to record.
    fn trails(args: &LiveArgs, store: &mut Store, catalog: &Catalog) -> anyhow::Result<Taken> {
        progress::phase("asking for trails");
        let asked = moment::of_seconds(i64::try_from(now::seconds()).unwrap_or(i64::MAX));
        let mut batch = Batch::default();
        let mut seen = 0;
        for region in regions(args) {
            let account = Account::connect_to(region)?;
            let (trails, failures) = account.trails().map_err(told)?;
            for failure in failures {
                say(&format!("{:#}", told(failure)));
            }
            for mut settings in trails {
                let shown = settings.shown().to_owned();
                if settings.is_logging == Some(false) {
                    say(&format!("the trail {shown} is switched off"));
                }
                if let Some(said) = settings.latest_delivery_error.take() {
                    say(&format!("the trail {shown} cannot deliver to its bucket: {said}"));
                }
                seen += 1;
                batch.trail(KnownTrail {
                    asked: asked.clone(),
                    settings,
                });
            }
        }
        if seen == 0 {
            say(
                "no trail records this region: only the event history does, management events of 90 days (`--from lookup`)",
            );
        }
        store.commit(batch, catalog.date())?;
        Ok(Taken::default())
    }

    /// The regions to ask: those that are named, or the one that is configured.
    fn regions(args: &LiveArgs) -> Vec<Option<&str>> {
        match args.region.as_slice() {
            [] => vec![None],
            regions => regions.iter().map(|region| Some(region.as_str())).collect(),
        }
    }

    fn bucket(
        args: &LiveArgs,
        place: &Place,
        roles: Option<&Roles>,
        store: &mut Store,
        catalog: &Catalog,
        stop: &Stop,
    ) -> anyhow::Result<Taken> {
        progress::phase(format!("looking into {place}"));
        let account = Account::connect()?;
        let bucket = Bucket::open(&account, place, args.requester_pays).map_err(told)?;
        let run = FromBucket {
            bucket: &bucket,
            wanted: Wanted {
                accounts: args.account.iter().cloned().collect(),
                regions: args.region.iter().cloned().collect(),
                from: args.since,
                to: args.until,
                ..Wanted::default()
            },
            roles: roles.cloned().map(Arc::new),
            catalog,
            threads: rayon::current_num_threads(),
            now: i64::try_from(now::seconds()).unwrap_or(i64::MAX),
        };
        let begun = Instant::now();
        let done = run
            .run(store, &mut |done| {
                progress::phase(words(place, done, begun.elapsed()));
                go_on(stop)
            })
            .map_err(failed)?;
        if done.checked > 0 {
            say(&format!(
                "{} objects were held against the hashes of digests",
                done.checked
            ));
        }
        Ok(Taken {
            new: usize::try_from(done.read).unwrap_or(usize::MAX),
            known: usize::try_from(done.known).unwrap_or(usize::MAX),
            stopped: done.stopped,
        })
    }

    /// `s3://audit-logs/: 12,000 of 31,000 objects, 84.1 MB, 900 objects/s, 70000 events/s, 21 s left`.
    fn words(place: &Place, done: &BucketDone, time: Duration) -> String {
        let (read, wanted) = (done.read + done.failed, done.listed - done.known);
        let speed = read as f64 / time.as_secs_f64().max(0.001);
        let left = wanted.saturating_sub(read) as f64 / speed.max(0.001);
        let left = if read == 0 {
            String::new()
        } else {
            let events = events_in_second(done.events as f64 / time.as_secs_f64().max(0.001));
            format!(", {speed:.0} objects/s{events}, {left:.0} s left of those listed so far")
        };
        format!(
            "{place}: {read} of {wanted} new objects, {:.1} MB{left}",
            done.bytes as f64 / 1e6
        )
    }

    fn history(args: &LiveArgs, store: &mut Store, catalog: &Catalog, stop: &Stop) -> anyhow::Result<Taken> {
        let mut taken = Taken::default();
        let mut asked = Vec::new();
        for region in regions(args) {
            let account = Account::connect_to(region)?;
            let done = of_region(args, &account, store, catalog, stop)?;
            asked.push(account.region().unwrap_or_default().to_owned());
            taken.new += usize::try_from(done.pages).unwrap_or(usize::MAX);
            taken.stopped |= done.stopped;
            if taken.stopped {
                break;
            }
        }
        if !asked.iter().any(|region| region == "us-east-1") {
            say(
                "calls to global services (IAM, CloudFront, Route 53 …) are recorded in us-east-1: add `--region us-east-1`",
            );
        }
        Ok(taken)
    }

    fn of_region(
        args: &LiveArgs,
        account: &Account,
        store: &mut Store,
        catalog: &Catalog,
        stop: &Stop,
    ) -> anyhow::Result<HistoryDone> {
        let Some(region) = account.region().map(str::to_owned) else {
            anyhow::bail!("no region is configured\nhint: give `--region`, or set AWS_REGION");
        };
        progress::phase(format!("looking up events in {region}"));
        let number = account.number().map_err(told)?;
        let users = match args.functions.as_slice() {
            [] => {
                let listed = account.list_functions().map_err(told)?;
                listed.into_iter().map(|function| function.name).collect()
            }
            named => named.to_vec(),
        };
        anyhow::ensure!(
            !users.is_empty(),
            "there is no function in {region}\nhint: name functions with --function"
        );
        let run = FromHistory {
            account,
            number,
            region: region.clone(),
            users,
            from: args
                .since
                .map(|day| moment::seconds(&day.to_string()).unwrap_or(0)),
            to: args
                .until
                .and_then(|day| moment::seconds(&day.plus(1).to_string())),
            now: i64::try_from(now::seconds()).unwrap_or(i64::MAX),
            catalog,
        };
        let mut teller = Teller {
            region: &region,
            functions: run.users.len(),
            stop,
            events: 0,
        };
        let done = run.run(store, &mut teller).map_err(failed)?;
        say(&format!(
            "{region}: {} pages of the event history, which holds management events alone, for {} functions",
            done.pages,
            run.users.len()
        ));
        Ok(done)
    }

    /// Tells what a reading of the history is at.
    struct Teller<'a> {
        region: &'a str,
        functions: usize,
        stop: &'a Stop,
        /// As estimated.
        events: u64,
    }

    impl Listener for Teller<'_> {
        fn estimated(&mut self, estimate: &Estimate) -> ControlFlow<()> {
            self.events = estimate.events;
            let seconds = estimate.time.as_secs();
            let time = match seconds {
                0..120 => format!("{seconds} seconds"),
                120..7_200 => format!("{} minutes", seconds.div_ceil(60)),
                _ => format!("{:.1} hours", seconds as f64 / 3_600.0),
            };
            say(&format!(
                "{}: about {} events of {} functions, about {time} at two requests a second",
                self.region, estimate.events, self.functions
            ));
            go_on(self.stop)
        }

        fn read(&mut self, done: &HistoryDone) -> ControlFlow<()> {
            let of = match self.events {
                0 => String::new(),
                events => format!(" of about {}", events.max(done.events)),
            };
            progress::phase(format!(
                "looking up events in {}: {}{of}",
                self.region, done.events
            ));
            go_on(self.stop)
        }
    }

    pub fn go_on(stop: &Stop) -> ControlFlow<()> {
        if stop.is_asked() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }

    /// An error with the statement that would mend it.
    pub fn told(error: AwsError) -> anyhow::Error {
        match &error {
            AwsError::Denied(denied) => anyhow::anyhow!(
                "{denied}\nhint: add to the policy of whoever runs this: {}",
                denied.statement()
            ),
            _ => error.into(),
        }
    }

    pub fn failed(error: SourceError) -> anyhow::Error {
        match error {
            SourceError::Aws(error) => told(error),
            SourceError::Store(error) => error.into(),
        }
    }
}
