//! `usage.json`: the content of a store as one text file, for CI and for review.
//!
//! The same events give the same bytes, whatever order they were read in. Rows stand on lines of their own, so that the
//! file can be compared by line.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::row::{CallRow, CellRow, SessionRow, marks, of_marks};
use super::{Store, StoreError, load};
use crate::trail::attribute::Who;
use crate::trail::batch::Batch;
use crate::trail::day;
use crate::trail::distinct::{Distinct, OF_A_TRAIL};
use crate::trail::fold::Fold;
use crate::trail::group::Group;
use crate::trail::ledger::{Ledger, Proof, Stream, Window};
use crate::trail::selectors::KnownTrail;
use crate::trail::time::{Days, Span, Time};
use crate::trail::whole::Whole;
use crate::usage::{Gap, Location};

/// The name of the format.
pub const SCHEMA: &str = "rolefit-usage-v1";

/// What functions and others were seen to do, before it is attributed to functions.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct UsageV1 {
    /// `rolefit-usage-v1`.
    pub schema: String,
    /// The date of the newest catalogue that named operations.
    pub catalog: String,
    /// Time of the first event; null without events.
    pub first: Option<String>,
    /// Time of the last event.
    pub last: Option<String>,
    /// Counts of different events: all (`events`), and those that do not count, by the reason.
    pub tallies: BTreeMap<String, TallyV1>,
    /// Days with events, by account, region and kind.
    pub days: Vec<DaysV1>,
    /// Spans that a source has given completely.
    pub windows: BTreeSet<WindowV1>,
    /// What trails were told to record, in the words of CloudTrail's API.
    #[serde(default)]
    pub trails: BTreeSet<KnownTrail>,
    /// What digests of trails prove.
    pub proofs: Vec<ProofV1>,
    /// Set when of something only the calls of some roles were read: those for which all of it was, `NAME` or
    /// `ACCOUNT/NAME`. Silence about other roles says nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only_roles: Option<BTreeSet<String>>,
    /// What could not be read.
    pub gaps: BTreeSet<GapV1>,
    /// Hashes of access keys, with the functions that used them.
    pub learned: BTreeSet<(String, String)>,
    /// The calls.
    pub usage: Vec<UsageRowV1>,
}

/// A count of different events.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct TallyV1 {
    /// How many; beyond some 16,000 an estimate.
    pub count: u64,
    /// The smallest hashes of the events' ids, in base64.
    pub marks: String,
}

/// Days with events.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct DaysV1 {
    /// The account.
    pub account: String,
    /// The region.
    pub region: String,
    /// For data events the event source; null for management events.
    pub data: Option<String>,
    /// First and last days of spans without a hole.
    pub spans: Vec<(String, String)>,
}

/// A span that a source has given completely.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct WindowV1 {
    /// Where from.
    pub source: String,
    /// The account.
    pub account: String,
    /// The region; empty for all.
    pub region: String,
    /// `management`, `data`, or empty for both.
    pub category: String,
    /// Whose events; empty for everyone's.
    pub principal: String,
    /// Begin.
    pub from: String,
    /// End.
    pub to: String,
}

/// What digests prove for an account and region.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ProofV1 {
    /// The account.
    pub account: String,
    /// The region.
    pub region: String,
    /// Spans of which every object was read.
    pub complete: Vec<(String, String)>,
    /// How many objects were not read.
    pub missing: u64,
    /// The first ones of them.
    pub examples: Vec<String>,
}

/// Something that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct GapV1 {
    /// A stable code.
    pub code: String,
    /// What, and why.
    pub message: String,
    /// The object; null where there is none.
    pub file: Option<String>,
    /// The line in it, from 1; 0 without an object.
    pub line: u32,
    /// What to do.
    pub hint: Option<String>,
}

/// Calls that are alike.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct UsageRowV1 {
    /// Who called.
    #[serde(flatten)]
    pub session: SessionRow,
    /// What was called.
    #[serde(flatten)]
    pub call: CallRow,
    /// How often, when, on what.
    #[serde(flatten)]
    pub cell: CellRow,
}

/// Whether a file begins like a `usage.json`, of whatever version.
pub fn is_export(path: &Path) -> bool {
    let mut head = Vec::new();
    let read = fs::File::open(path).and_then(|file| file.take(256).read_to_end(&mut head));
    let text: String = String::from_utf8_lossy(&head).split_whitespace().collect();
    read.is_ok() && text.starts_with("{\"schema\":\"rolefit-usage-")
}

impl Store {
    /// The content of the store as `usage.json`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn export(&self) -> Result<String, StoreError> {
        let catalog = self.catalog_date()?.unwrap_or_default();
        text(&usage(self.whole()?, catalog)).map_err(|error| error.at(&self.path))
    }
}

/// Everything of a trail as plain data.
fn usage(mut whole: Whole, catalog: String) -> UsageV1 {
    whole.fold.settle_alone();
    let mut fold = whole.fold;
    let tally = |set: &Distinct| TallyV1 {
        count: set.count().number,
        marks: marks(set),
    };
    let mut tallies: BTreeMap<String, TallyV1> = fold
        .skipped
        .iter()
        .map(|(what, set)| (what.clone(), tally(set)))
        .collect();
    tallies.insert("events".to_owned(), tally(&fold.events));
    let mut rows: Vec<UsageRowV1> = Vec::new();
    for (key, group) in std::mem::take(&mut fold.groups) {
        rows.extend(group.iter().into_iter().map(|(apart_by, cell)| UsageRowV1 {
            session: SessionRow::of(&key.session),
            call: CallRow::of(&key),
            cell: CellRow::of(apart_by, cell),
        }));
    }
    rows.sort_by(|a, b| {
        let key = |row: &UsageRowV1| (row.session.clone(), row.call.clone(), row.cell.apart_by.clone());
        key(a).cmp(&key(b))
    });
    let days: BTreeMap<&Stream, &Days> = fold.streams.iter().collect();
    UsageV1 {
        schema: SCHEMA.to_owned(),
        catalog,
        first: fold.span.first.map(|time| time.to_string()),
        last: fold.span.last.map(|time| time.to_string()),
        tallies,
        days: days
            .into_iter()
            .map(|(stream, days)| days_row(stream, days))
            .collect(),
        trails: whole.ledger.trails.clone(),
        only_roles: whole
            .ledger
            .only_roles
            .as_ref()
            .map(|roles| roles.iter().map(ToString::to_string).collect()),
        windows: whole
            .ledger
            .joined_windows()
            .into_iter()
            .map(window_row)
            .collect(),
        proofs: whole.ledger.proofs.into_iter().map(proof_row).collect(),
        gaps: whole.gaps.into_iter().map(gap_row).collect(),
        learned: fold
            .learned
            .keys()
            .map(|[key, function]| (key.to_owned(), function.to_owned()))
            .collect(),
        usage: rows,
    }
}

fn days_row(stream: &Stream, days: &Days) -> DaysV1 {
    let spans = day::spans(days.numbers());
    DaysV1 {
        account: stream.account.clone(),
        region: stream.region.clone(),
        data: stream.data.clone(),
        spans: spans
            .into_iter()
            .map(|(first, last)| (day::text(first), day::text(last)))
            .collect(),
    }
}

fn window_row(window: Window) -> WindowV1 {
    WindowV1 {
        source: window.source,
        account: window.account,
        region: window.region,
        category: window.category,
        principal: window.principal,
        from: window.from,
        to: window.to,
    }
}

fn proof_row(((account, region), proof): ((String, String), Proof)) -> ProofV1 {
    ProofV1 {
        account,
        region,
        complete: proof.complete,
        missing: proof.missing,
        examples: proof.examples,
    }
}

fn gap_row(gap: Gap) -> GapV1 {
    GapV1 {
        code: gap.code.to_owned(),
        message: gap.message,
        line: gap.location.as_ref().map_or(0, |location| location.line),
        file: gap.location.map(|location| location.file),
        hint: gap.hint,
    }
}

/// JSON with each element of a list on a line of its own.
fn text(usage: &UsageV1) -> Result<String, StoreError> {
    let strange = |_| load::strange("usage");
    let value = serde_json::to_value(usage).map_err(strange)?;
    let mut lines = Vec::new();
    for (name, value) in value.as_object().into_iter().flatten() {
        let text = match value.as_array() {
            Some(items) if !items.is_empty() => {
                let items: Vec<String> = items.iter().map(|item| format!("\n    {item}")).collect();
                format!("[{}\n  ]", items.join(","))
            }
            _ => value.to_string(),
        };
        lines.push(format!("  \"{name}\": {text}"));
    }
    Ok(format!("{{\n{}\n}}\n", lines.join(",\n")))
}

/// Reads a `usage.json`.
pub(in crate::trail) fn read(path: &Path) -> Result<Whole, StoreError> {
    whole(parsed(path)?).ok_or_else(|| wrong(path, "a value makes no sense".to_owned()))
}

/// Reads a `usage.json` so that a store can take it in. It carries no objects: they are read again where they are found.
///
/// # Errors
/// When the file is no export, or of another version.
pub fn batch(path: &Path) -> Result<(Batch, String), StoreError> {
    let usage = parsed(path)?;
    let catalog = usage.catalog.clone();
    let whole = whole(usage).ok_or_else(|| wrong(path, "a value makes no sense".to_owned()))?;
    let batch = Batch {
        fold: whole.fold,
        windows: whole.ledger.windows,
        trails: whole.ledger.trails,
        only: whole.ledger.only_roles.into_iter().collect(),
        ..Batch::default()
    };
    Ok((batch, catalog))
}

fn parsed(path: &Path) -> Result<UsageV1, StoreError> {
    let text = fs::read_to_string(path).map_err(|error| StoreError::Io {
        path: path.to_owned(),
        error,
    })?;
    let value: serde_json::Value =
        serde_json::from_str(&text).map_err(|error| wrong(path, error.to_string()))?;
    match value.get("schema").and_then(serde_json::Value::as_str) {
        Some(SCHEMA) => serde_json::from_value(value).map_err(|error| wrong(path, error.to_string())),
        Some(other) => Err(wrong(
            path,
            format!("its schema is `{other}`, and this rolefit reads `{SCHEMA}`"),
        )),
        None => Err(wrong(path, "it states no schema".to_owned())),
    }
}

fn wrong(path: &Path, why: String) -> StoreError {
    StoreError::Export {
        path: path.to_owned(),
        why,
    }
}

fn whole(usage: UsageV1) -> Option<Whole> {
    let time = |text: &Option<String>| match text {
        Some(text) => Time::parse(text).map(Some),
        None => Some(None),
    };
    let mut fold = Fold {
        span: Span {
            first: time(&usage.first)?,
            last: time(&usage.last)?,
        },
        ..Fold::default()
    };
    for (what, tally) in &usage.tallies {
        let set = of_marks(OF_A_TRAIL, &tally.marks)?;
        if what == "events" {
            fold.events = set;
        } else {
            fold.skipped.insert(what.clone(), set);
        }
    }
    for (key, function) in &usage.learned {
        fold.learned.learn_key(key, function);
    }
    for row in &usage.days {
        let stream = Stream {
            account: row.account.clone(),
            region: row.region.clone(),
            data: row.data.clone(),
        };
        let days = fold.streams.entry(stream).or_default();
        for (first, last) in &row.spans {
            for day in day::number(first)?..=day::number(last)? {
                days.insert(Time::parse(&format!("{}T00:00:00Z", day::text(day)))?);
            }
        }
    }
    let mut groups = Vec::with_capacity(usage.usage.len());
    for row in &usage.usage {
        let session = Arc::new(row.session.session());
        if let Who::Function(function) = &session.who {
            fold.learned.learn(&session.role, "", function);
        }
        let key = row.call.key(session)?;
        let mut group = Group::default();
        group.add(row.cell.apart_by.clone(), Box::new(row.cell.cell()?));
        groups.push((key, group));
    }
    fold.groups.add(groups);
    let only_roles = match &usage.only_roles {
        Some(names) => Some(load::role_names(names)?),
        None => None,
    };
    let proofs = usage.proofs.into_iter().map(|row| {
        let proof = Proof {
            complete: row.complete,
            missing: row.missing,
            examples: row.examples,
        };
        ((row.account, row.region), proof)
    });
    let windows = usage.windows.into_iter().map(|row| Window {
        source: row.source,
        account: row.account,
        region: row.region,
        category: row.category,
        principal: row.principal,
        from: row.from,
        to: row.to,
    });
    Some(Whole {
        fold,
        objects: 0,
        gaps: usage.gaps.into_iter().map(gap).collect(),
        ledger: Ledger {
            days: BTreeMap::new(),
            windows: windows.collect(),
            proofs: proofs.collect(),
            trails: usage.trails,
            only_roles,
        },
    })
}

fn gap(row: GapV1) -> Gap {
    let gap = Gap::new(load::code(&row.code), row.message);
    let gap = match row.file {
        Some(file) => gap.at(Location::new(file, row.line, 1)),
        None => gap,
    };
    match row.hint {
        Some(hint) => gap.hint(hint),
        None => gap,
    }
}
