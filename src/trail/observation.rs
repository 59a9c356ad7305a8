//! Observations: the groups of a trail, attributed and named.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::usage::{Inputs, OperationId, Piece, ResourceHint};

use super::Trail;
use super::attribute::{Functions, Rung, Session, Who};
use super::classify::Class;
use super::distinct::Count;
use super::fold::{Fold, GroupKey};
use super::group::{Cell, Group, Seen};
use super::inputs;
use super::time::Time;

/// What one function was seen to do to one resource, or to resources that are too many to tell apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Observation {
    /// The deployed name of the function; `None` when only the role is known.
    pub function: Option<String>,
    /// The name of the known function that this is, as given to the reader.
    pub known: Option<String>,
    /// The account of the role.
    pub account: String,
    /// The role's name, without its path.
    pub role_name: String,
    /// The role's unique id (`AROA…`): a role made anew under an old name has another one.
    pub role_id: String,
    /// The operation; `None` when the catalogue knows none.
    pub operation: Option<OperationId>,
    /// As recorded, such as `dynamodb.amazonaws.com`.
    pub event_source: String,
    /// As recorded, such as `UpdateFunctionCode20150331v2`.
    pub event_name: String,
    /// What the calls count as.
    pub class: Class,
    /// The inputs that were seen, by the API's member names.
    pub inputs: Inputs,
    /// The ARNs that the records name; `*` stands for what was cut because there were more than 64.
    pub arns: BTreeSet<String>,
    /// The resources that AWS names in refusals, in the same manner.
    pub denied_resources: BTreeSet<String>,
    /// The region of the calls.
    pub region: String,
    /// The best way in which the calls were attributed to the function.
    pub rung: Rung,
    /// Versions of the function that called, as far as recorded.
    pub versions: BTreeSet<String>,
    /// How many different events; beyond 255 an estimate, rounded to three digits.
    pub count: u64,
    /// Whether `count` is an estimate.
    pub estimated: bool,
    /// On how many days there were events.
    pub days: u32,
    /// Time of the first one; empty when no event tells.
    pub first: String,
    /// Time of the last one.
    pub last: String,
    /// Whether no call succeeded.
    pub error_only: bool,
    /// The error codes seen.
    pub errors: BTreeSet<String>,
    /// Ids of the newest events, newest first, at most 8.
    pub samples: Vec<String>,
    /// Whether these are data events, which a trail records only when told to.
    pub data_event: bool,
}

/// Attributes and names all groups.
pub(super) fn finish(mut fold: Fold, mut functions: Functions<'_>) -> Trail {
    let sessions = fold.groups.sessions();
    functions.teach(sessions.iter().map(|session| &**session), &mut fold.learned);
    let skipped: BTreeMap<String, Count> = fold
        .skipped
        .into_iter()
        .map(|(what, events)| (what, events.count()))
        .collect();
    let events = fold.events.count();
    let mut other_role = Count::default();
    let mut trail = Trail {
        events: events.number,
        estimated: events.about || skipped.values().any(|count| count.about),
        skipped: skipped
            .into_iter()
            .map(|(what, count)| (what, count.number))
            .collect(),
        first: fold.span.first.map(|time| time.to_string()),
        last: fold.span.last.map(|time| time.to_string()),
        data_event_sources: fold
            .streams
            .into_keys()
            .filter_map(|stream| stream.data)
            .collect(),
        ..Trail::default()
    };
    // Function and group, with the session of no more interest: groups of several sessions become one.
    let mut attributed: FxHashMap<(Option<String>, GroupKey), (Rung, Group)> = FxHashMap::default();
    for (mut key, group) in fold.groups {
        let Some((function, rung)) = functions.attribute(&key.session, &fold.learned) else {
            // Different cells hold different events.
            let cells = group.cells();
            other_role = cells
                .iter()
                .fold(other_role, |sum, cell| sum.plus(cell.events.count()));
            continue;
        };
        key.session = Arc::new(Session {
            role: key.session.role.clone(),
            who: Who::Function(String::new()),
        });
        let (best, all) = attributed
            .entry((function, key))
            .or_insert_with(|| (rung, Group::default()));
        *best = rung.min(*best);
        all.merge(group);
    }
    if other_role.number > 0 {
        trail.skipped.insert("other-role".to_owned(), other_role.number);
        trail.estimated |= other_role.about;
    }
    for ((function, key), (rung, group)) in attributed {
        for cell in group.cells() {
            if key.operation.is_none() {
                let name = (key.event_source.to_string(), key.event_name.to_string());
                let events = cell.events.count();
                *trail.unmapped.entry(name).or_default() += events.number;
                trail.estimated |= events.about;
            }
            let known = function
                .as_ref()
                .and_then(|function| functions.known_name(function, &key.session.role.name));
            trail
                .observations
                .push(observation(function.clone(), known, key.clone(), rung, cell));
        }
    }
    trail.observations.sort();
    trail
}

fn observation(
    function: Option<String>,
    known: Option<String>,
    key: GroupKey,
    rung: Rung,
    cell: Cell,
) -> Observation {
    let role = &key.session.role;
    let events = cell.events.count();
    let time = |time: Option<Time>| time.map_or_else(String::new, |time| time.to_string());
    Observation {
        function,
        known,
        account: role.account.clone(),
        role_name: role.name.clone(),
        role_id: role.id.clone(),
        operation: key.operation.as_deref().cloned(),
        event_source: key.event_source.to_string(),
        event_name: key.event_name.to_string(),
        class: key.class,
        inputs: cell
            .inputs
            .into_iter()
            .filter(|(path, _)| inputs::recorded(path).is_none())
            .map(|(path, seen)| (path, hints(&seen)))
            .collect(),
        arns: cell
            .arns
            .values()
            .flat_map(|sketch| sketch.entries().map(|entry| entry.pattern()))
            .collect(),
        denied_resources: cell.denied.entries().map(|entry| entry.pattern()).collect(),
        region: key.region.to_string(),
        rung,
        versions: cell.versions.into_iter().collect(),
        count: events.number,
        estimated: events.about,
        days: cell.days.count(),
        first: time(cell.span.first),
        last: time(cell.span.last),
        error_only: !cell.succeeded,
        errors: cell.errors,
        samples: cell
            .samples
            .newest()
            .iter()
            .rev()
            .map(|(_, id)| id.text())
            .filter(|id| !id.is_empty())
            .collect(),
        data_event: key.data_event,
    }
}

/// The values of a member as hints: literals, and a beginning with a hole where values were cut.
fn hints(seen: &Seen) -> Vec<ResourceHint> {
    let mut hints: Vec<ResourceHint> = seen
        .values
        .entries()
        .map(|entry| {
            if !entry.open {
                return ResourceHint::literal(entry.text);
            }
            let hole = Piece::Hole("the trail shows more than 64 values".to_owned());
            let literal = |text: &str| (!text.is_empty()).then(|| Piece::Literal(text.to_owned()));
            let pieces = literal(entry.text).into_iter().chain([hole]);
            ResourceHint {
                pieces: pieces.chain(literal(entry.tail)).collect(),
                origin: None,
            }
        })
        .collect();
    if seen.hidden {
        hints.push(ResourceHint::unknown("the trail does not show the value"));
    }
    hints
}
