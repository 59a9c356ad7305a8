//! `rolefit observe`: reads CloudTrail into a usage store, exports it, joins stores.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use anyhow::Context as _;
use schemars::JsonSchema;
use serde::Serialize;

use super::args::Format;
use super::interrupt::Stop;
use super::observe_live::{self, LiveArgs, Source};
use super::observe_queue::Queue;
use super::{Outcome, inputs, progress, say, show, show_json};
use crate::catalog::Catalog;
use crate::trail::store::{Covered, Summary};
use crate::trail::{Batch, Local, LocalObject, RoleName, Roles, Store, export, store};

/// Where the store lies when nobody says otherwise.
const STORE: &str = ".rolefit/usage.db";

/// The arguments of `observe`.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Observe {
    #[command(subcommand)]
    pub command: Option<ObserveCommand>,
    /// What to read: a folder of trail objects (all folders below it), or one file; `s3://bucket/prefix`; or `lookup`, the
    /// event history of the last 90 days, which needs no trail; or `trails`, what the account's trails were told to record,
    /// which says what silence means; `athena:s3://bucket/prefix`, a bucket too large to fetch; `lake:ID`, an event data store
    /// of CloudTrail Lake. May be repeated.
    #[arg(long, value_name = "PATH", required = true)]
    pub from: Vec<PathBuf>,
    /// The store; it is made if there is none.
    #[arg(long, value_name = "FILE", default_value = STORE)]
    pub store: PathBuf,
    /// Output format.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// Exit with 4 when something could not be read.
    #[arg(long)]
    pub strict: bool,
    /// A newer catalogue file, made by `rolefit catalog build`.
    #[arg(long, value_name = "FILE")]
    pub catalog: Option<PathBuf>,
    #[command(flatten)]
    pub live: LiveArgs,
}

#[derive(Debug, clap::Subcommand)]
pub enum ObserveCommand {
    /// Write the content of a store as `usage.json`: text that can be committed, compared and given to `--usage`.
    Export {
        /// The store.
        #[arg(long, value_name = "FILE", default_value = STORE)]
        store: PathBuf,
        /// Write to this file instead of standard output.
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Join other stores, or `usage.json` files, with a store.
    Merge {
        /// The store that takes the others in; it is made if there is none.
        #[arg(long, value_name = "FILE", default_value = STORE)]
        store: PathBuf,
        /// The others; they stay as they are.
        #[arg(value_name = "OTHER", required = true)]
        others: Vec<PathBuf>,
    },
    /// Statements that let Amazon Athena read a trail where it lies.
    Athena(Box<super::athena::Athena>),
    /// What to record to see more: event selectors for the calls that no trail shows, and their cost.
    Plan(Box<super::plan::Plan>),
}

/// What `rolefit observe --format json` prints.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ObserveV1 {
    /// `rolefit-observe-v1`.
    schema: &'static str,
    /// How many objects the store has read that hold something of CloudTrail.
    objects: usize,
    /// How many of them in this run.
    new_objects: usize,
    /// How many different events, whoever made them.
    events: u64,
    /// Whether `events` is an estimate.
    events_estimated: bool,
    /// Time of the first one; null without events.
    first: Option<String>,
    /// Time of the last one.
    last: Option<String>,
    /// How many functions records name.
    functions: usize,
    /// How many roles called.
    roles: usize,
    /// How many kinds of calls were made.
    usages: usize,
    /// How many kinds of calls were refused.
    denied: usize,
    /// Events, and the contents of files, that do not count, by the reason.
    skipped: BTreeMap<String, u64>,
    /// Calls that the catalogue knows no operation for.
    unmapped: Vec<UnmappedV1>,
    /// What was read of each account and region.
    coverage: Vec<Covered>,
    /// The roles for which alone all was read, `NAME` or `ACCOUNT/NAME`; null when everything was read.
    only_roles: Option<Vec<String>>,
    /// What could not be read.
    gaps: Vec<crate::report::json::GapV1>,
    /// Whether the run was stopped before its end.
    stopped: bool,
    /// How long it took.
    seconds: f64,
}

/// A call that the catalogue knows no operation for.
#[derive(Debug, Serialize, JsonSchema)]
struct UnmappedV1 {
    event_source: String,
    event_name: String,
    count: u64,
}

/// Runs `observe` and what stands below it.
pub fn run(args: &Observe) -> anyhow::Result<Outcome> {
    // Before any file is written: a limit of its size shall be an error, not the end.
    let stop = Stop::listen();
    match &args.command {
        None => read(args, stop),
        Some(ObserveCommand::Export { store, output }) => export(store, output.as_deref()),
        Some(ObserveCommand::Merge { store, others }) => merge(store, others),
        Some(ObserveCommand::Athena(args)) => super::athena::run(args),
        Some(ObserveCommand::Plan(args)) => super::plan::run(args),
    }
}

fn read(args: &Observe, stop: Stop) -> anyhow::Result<Outcome> {
    let begun = Instant::now();
    let sources: Vec<Source<'_>> = args
        .from
        .iter()
        .map(|path| Source::of(path))
        .collect::<Result<_, _>>()?;
    let roles = observe_live::roles(&args.live, &sources)?;
    let catalog = inputs::catalog(args.catalog.as_deref())?;
    let mut store = open(&args.store)?;
    let mut reading = Reading {
        store: &mut store,
        catalog,
        stop,
        begun,
        new_objects: 0,
        known_objects: 0,
        left: 0,
        stopped: false,
    };
    for source in &sources {
        match source {
            Source::Local(path) => reading.local(path, roles.clone())?,
            live => reading.live(&args.live, live, roles.as_ref())?,
        }
    }
    let (new, known, left) = (reading.new_objects, reading.known_objects, reading.left);
    let stopped = left > 0 || reading.stopped;
    let summary = store.summary(catalog)?;
    store.close()?;
    match args.format {
        Format::Text => show(&text(&summary, &args.store, new, known))?,
        Format::Json => show_json(&json(&summary, new, stopped, begun))?,
    }
    if stopped {
        let left = if left > 0 {
            format!(" {left} objects are left;")
        } else {
            String::new()
        };
        say(&format!("stopped:{left} the same command goes on there"));
        return Ok(Outcome::Incomplete);
    }
    Ok(match summary {
        Summary { objects: 0, .. } if !sources.iter().any(|source| matches!(source, Source::Trails)) => {
            Outcome::NothingToCheck
        }
        Summary { gaps, .. } if args.strict && !gaps.is_empty() => Outcome::Incomplete,
        _ => Outcome::Passed,
    })
}

/// Opens or makes a store, and its folder.
fn open(path: &Path) -> anyhow::Result<Store> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make `{}`", folder.display()))?;
    }
    Ok(Store::open(path)?)
}

/// A run that reads into a store.
struct Reading<'r> {
    store: &'r mut Store,
    catalog: &'static Catalog,
    stop: Stop,
    begun: Instant,
    new_objects: usize,
    known_objects: usize,
    /// Objects that were not read because somebody asked to stop.
    left: usize,
    /// Whether a live source was stopped.
    stopped: bool,
}

impl Reading<'_> {
    /// Reads what is new of a live source.
    fn live(&mut self, args: &LiveArgs, source: &Source<'_>, roles: Option<&Roles>) -> anyhow::Result<()> {
        if self.stop.is_asked() {
            self.stopped = true;
            return Ok(());
        }
        let taken = observe_live::read(args, source, roles, self.store, self.catalog, &self.stop)?;
        self.new_objects += taken.new;
        self.known_objects += taken.known;
        self.stopped |= taken.stopped;
        Ok(())
    }

    /// Reads a file or folder, batch by batch: while one batch is written, the next one is read.
    fn local(&mut self, path: &Path, roles: Option<Roles>) -> anyhow::Result<()> {
        progress::phase("looking for trail objects");
        let local = Local::list(path).for_roles(roles.clone());
        let objects = || local.objects.iter();
        let is_wanted = self
            .store
            .wanted(objects().map(|object| &object.id), roles.as_ref())?;
        let wanted = objects().zip(is_wanted).filter(|(_, is_wanted)| *is_wanted);
        let wanted: Vec<&LocalObject> = wanted.map(|(object, _)| object).collect();
        self.known_objects += local.objects.len() - wanted.len();
        let total: u64 = wanted.iter().map(|object| object.id.bytes).sum();
        let done = Done::new(total, self.begun);
        let stop = self.stop.clone();
        let threads = rayon::current_num_threads();
        let mut waiting: Option<Batch> = Some(local.failures());
        let mut queue = Queue::new(wanted.iter().copied());
        while let Some(batch) = queue.next_batch() {
            let proceed = |object: &LocalObject| {
                let is_read = !stop.is_asked() && batch.is_in_time(object);
                if is_read {
                    done.add(object.id.bytes);
                }
                is_read
            };
            let (store, catalog) = (&mut *self.store, self.catalog);
            let (written, read) = rayon::join(
                || waiting.take().map(|batch| store.commit(batch, catalog.date())),
                || local.read(&batch.objects, catalog, threads, &proceed),
            );
            written.transpose()?;
            self.new_objects += read.objects();
            done.count(read.bytes(), read.events());
            waiting = Some(read);
            queue.put_back(batch);
        }
        if let Some(batch) = waiting {
            self.store.commit(batch, self.catalog.date())?;
        }
        if self.stop.is_asked() {
            let unread = |object: &&&LocalObject| {
                let wants = self.store.wants_for(&object.id, roles.as_ref());
                wants.unwrap_or(true)
            };
            self.left += wanted.iter().filter(unread).count();
        }
        Ok(self.store.forget_gaps(&local.source, |key| local.has(key))?)
    }
}

/// How far a run has come, for the line of progress.
struct Done {
    total: u64,
    bytes: AtomicU64,
    /// Bytes of the batches that are read, and the events in them.
    counted: AtomicU64,
    events: AtomicU64,
    begun: Instant,
}

impl Done {
    fn new(total: u64, begun: Instant) -> Self {
        Self {
            total,
            bytes: AtomicU64::new(0),
            counted: AtomicU64::new(0),
            events: AtomicU64::new(0),
            begun,
        }
    }

    fn add(&self, bytes: u64) {
        let bytes = self.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        let (counted, events) = (&self.counted, &self.events);
        let per_byte = events.load(Ordering::Relaxed) as f64 / counted.load(Ordering::Relaxed).max(1) as f64;
        let seconds = self.begun.elapsed().as_secs_f64();
        progress::phase(words(bytes, self.total, per_byte, seconds));
    }

    /// Takes note of how many events a batch held.
    fn count(&self, bytes: u64, events: u64) {
        self.counted.fetch_add(bytes, Ordering::Relaxed);
        self.events.fetch_add(events, Ordering::Relaxed);
    }
}

/// `reading CloudTrail: 12 of 80 MB, 41 MB/s, 350000 events/s, 2 s left`; events are told once a batch has been read.
fn words(bytes: u64, total: u64, events_per_byte: f64, seconds: f64) -> String {
    let mega = |bytes: f64| bytes / 1e6;
    let speed = bytes as f64 / seconds.max(0.001);
    let left = total.saturating_sub(bytes) as f64 / speed.max(1.0);
    format!(
        "reading CloudTrail: {:.1} of {:.1} MB, {:.1} MB/s{}, {left:.0} s left",
        mega(bytes as f64),
        mega(total as f64),
        mega(speed),
        events_in_second(speed * events_per_byte)
    )
}

/// `, 350000 events/s`, if there are any.
pub(super) fn events_in_second(events: f64) -> String {
    match events >= 1.0 {
        true => format!(", {events:.0} events/s"),
        false => String::new(),
    }
}

fn export(path: &Path, output: Option<&Path>) -> anyhow::Result<Outcome> {
    let text = Store::open_to_read(path)?.export()?;
    match output {
        Some(output) => {
            std::fs::write(output, text).with_context(|| format!("cannot write `{}`", output.display()))?;
        }
        None => show(&text)?,
    }
    Ok(Outcome::Passed)
}

fn merge(path: &Path, others: &[PathBuf]) -> anyhow::Result<Outcome> {
    let mut store = open(path)?;
    for other in others {
        anyhow::ensure!(
            path.canonicalize().ok() != other.canonicalize().ok(),
            "`{}` is the store itself",
            other.display()
        );
        progress::phase("joining stores");
        if export::is_export(other) && !store::is_store(other) {
            let (batch, catalog) = export::batch(other)?;
            store.commit(batch, &catalog)?;
        } else {
            store.absorb(&Store::open_to_read(other)?)?;
        }
    }
    let summary = store.summary(Catalog::embedded())?;
    store.close()?;
    show(&text(&summary, path, 0, 0))?;
    Ok(Outcome::Passed)
}

fn json(summary: &Summary, new: usize, stopped: bool, begun: Instant) -> ObserveV1 {
    ObserveV1 {
        schema: "rolefit-observe-v1",
        objects: summary.objects,
        new_objects: new,
        events: summary.events,
        events_estimated: summary.estimated,
        first: summary.first.clone(),
        last: summary.last.clone(),
        functions: summary.functions.len(),
        roles: summary.roles.len(),
        usages: summary.usages,
        denied: summary.denied,
        skipped: summary.skipped.clone(),
        unmapped: summary
            .unmapped
            .iter()
            .map(|((event_source, event_name), count)| UnmappedV1 {
                event_source: event_source.clone(),
                event_name: event_name.clone(),
                count: *count,
            })
            .collect(),
        coverage: summary.coverage.clone(),
        only_roles: summary
            .only_roles
            .as_ref()
            .map(|roles| roles.iter().map(ToString::to_string).collect()),
        gaps: summary.gaps.iter().map(crate::report::json::gap).collect(),
        stopped,
        seconds: (begun.elapsed().as_secs_f64() * 1000.0).round() / 1000.0,
    }
}

/// The summary for people.
fn text(summary: &Summary, path: &Path, new: usize, known: usize) -> String {
    let mut out = String::new();
    if new + known > 0 {
        let before = match known {
            0 => String::new(),
            known => format!(", {known} known from before"),
        };
        let _ = writeln!(out, "read {}{before}", counted(new, "new file", "new files"));
    }
    let about = if summary.estimated { "about " } else { "" };
    let _ = writeln!(
        out,
        "{}: {about}{} in {}{}",
        path.display(),
        counted(summary.events, "event", "events"),
        counted(summary.objects, "object", "objects"),
        match (&summary.first, &summary.last) {
            (Some(first), Some(last)) => format!(", {first} to {last}"),
            _ => String::new(),
        }
    );
    let _ = writeln!(
        out,
        "  {}, {}, {} ({} refused)",
        counted(summary.roles.len(), "role", "roles"),
        counted(
            summary.functions.len(),
            "function named by records",
            "functions named by records"
        ),
        counted(summary.usages + summary.denied, "kind of call", "kinds of calls"),
        summary.denied
    );
    if let Some(roles) = &summary.only_roles {
        let _ = writeln!(out, "  {}", only_roles(roles));
    }
    for covered in &summary.coverage {
        let _ = writeln!(out, "  {}", covered_line(covered));
    }
    for ((source, name), count) in summary.unmapped.iter().take(10) {
        let _ = writeln!(
            out,
            "  no operation is known for {source} {name} ({})",
            counted(*count, "event", "events")
        );
    }
    if !summary.gaps.is_empty() {
        let _ = writeln!(out, "could not be read:");
        for gap in summary.gaps.iter().take(10) {
            let place = gap.location.as_ref().map_or_else(String::new, |location| {
                format!("{}:{}: ", location.file, location.line)
            });
            let _ = writeln!(out, "  {place}{} [{}]", gap.message, gap.code);
        }
        if summary.gaps.len() > 10 {
            let _ = writeln!(out, "  and {} more", summary.gaps.len() - 10);
        }
        let hints: BTreeSet<&str> = summary
            .gaps
            .iter()
            .filter_map(|gap| gap.hint.as_deref())
            .collect();
        for hint in hints.iter().take(5) {
            let _ = writeln!(out, "  hint: {hint}");
        }
    }
    out
}

/// Of which roles alone all was read.
fn only_roles(roles: &BTreeSet<RoleName>) -> String {
    let names: Vec<String> = roles.iter().map(|role| format!("`{role}`")).collect();
    match names.is_empty() {
        true => "of every role some calls were not read: what is not seen says nothing".to_owned(),
        false => format!(
            "only the calls of {} were read: what is not seen says nothing of other roles",
            names.join(", ")
        ),
    }
}

fn covered_line(covered: &Covered) -> String {
    let mut line = format!(
        "{} {}: management events on {}",
        covered.account,
        covered.region,
        counted(covered.management_days, "day", "days")
    );
    for (source, days) in &covered.data_days {
        let source = source.trim_end_matches(".amazonaws.com");
        let _ = write!(
            line,
            ", data events of {source} on {}",
            counted(*days, "day", "days")
        );
    }
    if !covered.silent.is_empty() {
        let spans: Vec<String> = covered
            .silent
            .iter()
            .take(3)
            .map(|(first, last)| match first == last {
                true => first.clone(),
                false => format!("{first} to {last}"),
            })
            .collect();
        let _ = write!(line, "; nothing on {}", spans.join(", "));
    }
    if covered.missing > 0 {
        let _ = write!(
            line,
            "; {} named by digests not read",
            counted(covered.missing, "object", "objects")
        );
    }
    line
}

/// `1 event`, `2 events`.
fn counted(count: impl TryInto<u64>, one: &str, many: &str) -> String {
    let count = count.try_into().unwrap_or(u64::MAX);
    format!("{count} {}", if count == 1 { one } else { many })
}
