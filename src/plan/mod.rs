//! What to record to see more: which calls of the code no trail shows, and the cheapest event selectors that would.
//!
//! 1. [`Wanted`]: what a function may call, on what, as which role.
//! 2. [`plan`] asks the trails' settings, or what a trail holds, whether each would be seen.
//! 3. [`selector`] makes advanced event selectors of those that would not, and judges them like those of a trail.
//! 4. [`cost`] tells what they would bring in, and what that costs.

mod cost;
mod selector;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use crate::catalog::{Catalog, Recording};
use crate::trail::Trail;
use crate::trail::selectors::{AdvancedSelector, Call, Recorded, TrailSettings, recorded};
use crate::usage::{Coverage, OperationId};

pub use cost::{Cost, Volume};

/// What a function may call.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wanted {
    /// The function.
    pub function: String,
    /// The operation.
    pub operation: OperationId,
    /// ARNs of what it is called on; symbols stand for what is not known.
    pub resources: BTreeSet<String>,
    /// Beginnings of the ARNs of the sessions that call, `arn:aws:sts::111122223333:assumed-role/put-order-role/`; symbols have
    /// to be filled in. None when the role is not known.
    pub callers: BTreeSet<String>,
    /// Names of the role, for what trails are told already.
    pub role: Option<String>,
    /// How many places of the code call it.
    pub calls: u64,
}

/// Whether a call would be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Seen {
    /// It would.
    Yes,
    /// On some resources, or it cannot be told.
    Partly,
    /// It would not, and a selector can change that.
    No,
    /// It would not, and nothing can change that.
    Never,
}

impl Seen {
    /// `yes`, `partly`, `no` or `never`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::Partly => "partly",
            Self::No => "no",
            Self::Never => "never",
        }
    }
}

/// One operation of one function, and whether it would be seen.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// The call.
    pub wanted: Wanted,
    /// Whether a trail would show it.
    pub seen: Seen,
    /// Why.
    pub reason: String,
    /// Events that the plan would bring in a month, as far as told.
    pub volume: Option<Volume>,
}

/// What is known of recording.
#[derive(Clone, Copy, Debug, Default)]
pub struct Known<'a> {
    /// What trails were told to record.
    pub settings: &'a [TrailSettings],
    /// What a trail holds.
    pub trail: Option<&'a Trail>,
}

/// How the plan shall be.
#[derive(Clone, Debug, Default)]
pub struct Wishes {
    /// Take every data event of the functions on resources of a kind, not only the operations of the code.
    pub all_operations: bool,
    /// Extend the trail of this name (or ARN), in place of a trail of its own.
    pub extend: Option<String>,
    /// How often each function runs in a month, by its name; `*` for all others.
    pub runs: BTreeMap<String, u64>,
}

/// What to record.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Every operation of every function, sorted.
    pub findings: Vec<Finding>,
    /// The selectors; none when nothing is to be done. With a trail to extend, its own stand before.
    pub selectors: Vec<AdvancedSelector>,
    /// How many of them the trail that is extended has already.
    pub kept: usize,
    /// Symbols in the selectors that have to be filled in.
    pub fill_in: BTreeSet<String>,
    /// What they cost.
    pub cost: Cost,
    /// What is to be known of the plan, in words.
    pub notes: Vec<String>,
}

/// Plans what to record.
///
/// # Errors
/// A trail to extend that is not among the settings.
pub fn plan(
    catalog: &Catalog,
    wanted: Vec<Wanted>,
    known: Known<'_>,
    wishes: &Wishes,
) -> Result<Plan, String> {
    let extended = match &wishes.extend {
        Some(name) => Some(
            known
                .settings
                .iter()
                .find(|trail| trail.shown() == name || trail.arn == *name)
                .ok_or_else(|| unknown_trail(name, known.settings))?,
        ),
        None => None,
    };
    let mut findings: Vec<Finding> = wanted
        .into_iter()
        .map(|wanted| {
            let (seen, reason) = seen(catalog, &wanted, known);
            let volume = cost::volume(&wanted, known.trail, &wishes.runs);
            Finding {
                wanted,
                seen,
                reason,
                volume,
            }
        })
        .collect();
    findings.sort_by(|a, b| a.wanted.cmp(&b.wanted));
    let open: Vec<&Finding> = findings.iter().filter(|one| one.seen == Seen::No).collect();
    let made = selector::selectors(catalog, &open, wishes.all_operations);
    let mut notes = made.notes;
    let mut selectors = Vec::new();
    if !made.selectors.is_empty() {
        selectors.extend(extended.map(selector::present).unwrap_or_default());
    }
    let kept = selectors.len();
    selectors.extend(made.selectors);
    notes.extend(unseen_still(catalog, &open, &selectors, extended));
    let fill_in = selector::symbols(&selectors);
    let cost = cost::of(&open, selectors.len() > kept);
    Ok(Plan {
        selectors,
        kept,
        fill_in,
        cost,
        notes,
        findings,
    })
}

fn unknown_trail(name: &str, settings: &[TrailSettings]) -> String {
    let names: Vec<&str> = settings.iter().map(TrailSettings::shown).collect();
    match names.is_empty() {
        true => format!("what the trail `{name}` records is not known: give `--trail-settings`"),
        false => format!("there is no trail `{name}`; found: {}", names.join(", ")),
    }
}

/// Whether a call would be seen, and why.
fn seen(catalog: &Catalog, wanted: &Wanted, known: Known<'_>) -> (Seen, String) {
    let operation = &wanted.operation;
    let recording = Recording::of(operation);
    if recording == Recording::Never {
        return (Seen::Never, "CloudTrail does not record it".to_owned());
    }
    let data = matches!(recording, Recording::Data { .. });
    let selectable = !data || !Recording::resource_types(operation).is_empty();
    let (seen, reason) = if !known.settings.is_empty() {
        by_settings(catalog, wanted, known.settings)
    } else if let Some(trail) = known.trail.filter(|trail| trail.ledger.only_roles.is_none()) {
        let coverage = trail.coverage(operation);
        let seen = match coverage.level {
            Coverage::None => Seen::No,
            Coverage::Partial | Coverage::Full => Seen::Yes,
        };
        (seen, coverage.reason)
    } else if data {
        (
            Seen::No,
            "a data event, which a trail records only when it is told to".to_owned(),
        )
    } else {
        (
            Seen::Yes,
            "a management event, which trails record unless they are told otherwise".to_owned(),
        )
    };
    match (seen, selectable) {
        (Seen::No, false) => (
            Seen::Never,
            "a data event for which no event selector of trails is known".to_owned(),
        ),
        (seen, _) => (seen, reason),
    }
}

/// The worst of all resources.
fn by_settings(catalog: &Catalog, wanted: &Wanted, settings: &[TrailSettings]) -> (Seen, String) {
    let answers = calls(catalog, wanted)
        .into_iter()
        .map(|call| match recorded(settings, &call) {
            Recorded::Yes(trail) => (Seen::Yes, format!("the trail {trail} records it")),
            Recorded::Partly(why) => (Seen::Partly, why),
            Recorded::No(why) => (Seen::No, why),
        });
    answers
        .max_by_key(|(seen, _)| *seen)
        .unwrap_or((Seen::No, "nothing is known of it".to_owned()))
}

fn calls(catalog: &Catalog, wanted: &Wanted) -> Vec<Call> {
    let call = || {
        let call = Call::new(catalog, &wanted.operation);
        match &wanted.role {
            Some(role) => call.by_role(role),
            None => call,
        }
    };
    if wanted.resources.is_empty() {
        return vec![call()];
    }
    wanted.resources.iter().map(|arn| call().on(arn)).collect()
}

/// What the plan itself would leave unseen: it is judged as a trail is.
fn unseen_still(
    catalog: &Catalog,
    open: &[&Finding],
    selectors: &[AdvancedSelector],
    extended: Option<&TrailSettings>,
) -> Vec<String> {
    if selectors.is_empty() {
        return Vec::new();
    }
    let planned = TrailSettings {
        arn: extended.map(|trail| trail.arn.clone()).unwrap_or_default(),
        name: Some("the plan".to_owned()),
        is_multi_region_trail: Some(true),
        is_logging: Some(true),
        advanced_event_selectors: selectors.iter().map(selector::with_holes).collect(),
        ..TrailSettings::default()
    };
    let trails = [planned];
    let mut left: BTreeSet<String> = BTreeSet::new();
    for one in open {
        let answers = calls(catalog, &one.wanted);
        let missed = answers
            .iter()
            .any(|call| matches!(recorded(&trails, call), Recorded::No(_)));
        if missed {
            let Wanted {
                function, operation, ..
            } = &one.wanted;
            left.insert(format!(
                "{operation} of `{function}` would still not be recorded on every resource"
            ));
        }
    }
    left.into_iter().collect()
}
