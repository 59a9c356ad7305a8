//! What a store holds, in a few numbers: for `rolefit observe`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};
use schemars::JsonSchema;
use serde::Serialize;

use super::load::{self, Calls};
use super::{Store, StoreError};
use crate::catalog::Catalog;
use crate::trail::attribute::{Session, Who};
use crate::trail::classify::Class;
use crate::trail::day;
use crate::trail::fold::GroupKey;
use crate::trail::roles::RoleName;
use crate::trail::whole::{self, Whole};
use crate::usage::Gap;

/// What a store holds.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Objects that hold records, or something else that trails hold.
    pub objects: usize,
    /// Different events, whoever made them.
    pub events: u64,
    /// Whether `events` is an estimate.
    pub estimated: bool,
    /// Time of the first one.
    pub first: Option<String>,
    /// Time of the last one.
    pub last: Option<String>,
    /// Functions that records name, by account and name.
    pub functions: BTreeSet<(String, String)>,
    /// Roles that called, by account and name.
    pub roles: BTreeSet<(String, String)>,
    /// Kinds of calls that were not refused.
    pub usages: usize,
    /// Kinds of calls that were refused.
    pub denied: usize,
    /// Events that do not count, by the reason.
    pub skipped: BTreeMap<String, u64>,
    /// Calls without a known operation, by event source and name.
    pub unmapped: BTreeMap<(String, String), u64>,
    /// What was read of each account and region.
    pub coverage: Vec<Covered>,
    /// Set when of something only the calls of some roles were read: those for which all of it was.
    pub only_roles: Option<BTreeSet<RoleName>>,
    /// What could not be read.
    pub gaps: Vec<Gap>,
}

/// What was read of an account and region.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct Covered {
    /// The account.
    pub account: String,
    /// The region.
    pub region: String,
    /// The first day with an event; null without any.
    pub first: Option<String>,
    /// The last one.
    pub last: Option<String>,
    /// How many days have management events.
    pub management_days: usize,
    /// How many days have data events, by event source.
    pub data_days: BTreeMap<String, usize>,
    /// Spans of days between them without any event.
    pub silent: Vec<(String, String)>,
    /// Spans of time of which digests prove that every object was read.
    pub complete: Vec<(String, String)>,
    /// How many objects digests name that were not read.
    pub missing: u64,
}

impl Store {
    /// What the store holds, with operations named by `catalog`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn summary(&self, catalog: &Catalog) -> Result<Summary, StoreError> {
        let Calls { calls, made } = self.calls()?;
        // Whoever called: what was called is named first.
        let anyone = Arc::new(Session::default());
        let keys: Option<Vec<GroupKey>> = calls.iter().map(|call| call.key(Arc::clone(&anyone))).collect();
        let mut keys = keys.ok_or_else(|| load::strange("usage").at(self.path()))?;
        let better = whole::better_operations(catalog, keys.iter());
        for (key, operation) in keys.iter_mut().zip(better) {
            key.operation = operation.or(key.operation.take());
        }
        Ok(summary(self.without_calls()?, &keys, &made))
    }
}

fn summary(whole: Whole, calls: &[GroupKey], made: &[(Arc<Session>, usize, u64)]) -> Summary {
    let coverage = coverage(&whole);
    let only_roles = whole.ledger.only_roles.clone();
    let fold = whole.fold;
    let events = fold.events.count();
    let mut summary = Summary {
        objects: whole.objects,
        events: events.number,
        estimated: events.about,
        first: fold.span.first.map(|time| time.to_string()),
        last: fold.span.last.map(|time| time.to_string()),
        skipped: fold
            .skipped
            .iter()
            .map(|(what, events)| (what.clone(), events.count().number))
            .collect(),
        coverage,
        only_roles,
        gaps: whole.gaps,
        ..Summary::default()
    };
    summary.gaps.sort();
    // Two calls can be the same one by now, and sessions differ in nothing that a reader wants to see counted.
    let mut kinds: FxHashMap<&GroupKey, usize> = FxHashMap::default();
    let calls: Vec<(usize, &GroupKey)> = calls
        .iter()
        .map(|key| {
            let next = kinds.len();
            (*kinds.entry(key).or_insert(next), key)
        })
        .collect();
    let mut roles: FxHashMap<(&str, &str), usize> = FxHashMap::default();
    let mut functions: FxHashMap<(&str, &str), usize> = FxHashMap::default();
    let mut used: FxHashSet<(usize, Option<usize>, usize)> = FxHashSet::default();
    let mut refused = used.clone();
    for (session, call, count) in made {
        let Some((kind, key)) = calls.get(*call) else {
            continue;
        };
        let next = roles.len();
        let role = (session.role.account.as_str(), session.role.name.as_str());
        let role = *roles.entry(role).or_insert(next);
        let function = match &session.who {
            Who::Function(name) => {
                let next = functions.len();
                let function = (session.role.account.as_str(), name.as_str());
                Some(*functions.entry(function).or_insert(next))
            }
            Who::Session { .. } => None,
        };
        if key.operation.is_none() {
            let name = (key.event_source.to_string(), key.event_name.to_string());
            *summary.unmapped.entry(name).or_default() += count;
        }
        match key.class {
            Class::Denied { .. } => refused.insert((role, function, *kind)),
            _ => used.insert((role, function, *kind)),
        };
    }
    let owned = |(account, name): (&str, &str)| (account.to_owned(), name.to_owned());
    summary.roles = roles.into_keys().map(owned).collect();
    summary.functions = functions.into_keys().map(owned).collect();
    summary.denied = refused.len();
    summary.usages = used.len();
    summary
}

fn coverage(whole: &Whole) -> Vec<Covered> {
    let mut places: BTreeMap<(String, String), (Covered, BTreeSet<i64>)> = BTreeMap::new();
    for (stream, days) in &whole.fold.streams {
        let place = (stream.account.clone(), stream.region.clone());
        let (covered, seen) = places.entry(place).or_default();
        let days = days.numbers();
        match &stream.data {
            None => covered.management_days = days.len(),
            Some(source) => {
                covered.data_days.insert(source.clone(), days.len());
            }
        }
        seen.extend(days);
    }
    for (place, proof) in &whole.ledger.proofs {
        let (covered, _) = places.entry(place.clone()).or_default();
        covered.complete.clone_from(&proof.complete);
        covered.missing = proof.missing;
    }
    let told = |((account, region), (covered, days)): ((String, String), (Covered, BTreeSet<i64>))| {
        let span = days.first().copied().zip(days.last().copied());
        // Where not all was read, days on which nothing was seen can be days of others.
        let span_read = span.filter(|_| whole.ledger.only_roles.is_none());
        let silent = span_read.into_iter().flat_map(|(first, last)| first..=last);
        let silent = day::spans(silent.filter(|day| !days.contains(day)));
        Covered {
            account,
            region,
            first: span.map(|(first, _)| day::text(first)),
            last: span.map(|(_, last)| day::text(last)),
            silent: silent
                .into_iter()
                .map(|(first, last)| (day::text(first), day::text(last)))
                .collect(),
            ..covered
        }
    };
    places.into_iter().map(told).collect()
}
