//! Observations: the groups of a trail, attributed and named.

use std::collections::{BTreeMap, BTreeSet};

use crate::catalog::Catalog;
use crate::usage::{Inputs, OperationId, Piece, ResourceHint};

use super::Trail;
use super::attribute::{Functions, Rung};
use super::classify::Class;
use super::fold::{Cell, Fold, Seen};
use super::operation::operation_of;

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
    /// How many different events.
    pub count: u64,
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

/// What the observations of one function have in common; the rest of a key tells resources apart.
type Key = (
    Option<String>,
    String,
    String,
    String,
    Class,
    String,
    String,
    String,
    bool,
);

/// Attributes and names all groups.
pub(super) fn finish(fold: Fold, functions: &Functions<'_>, catalog: &Catalog) -> Trail {
    let mut trail = Trail {
        events: fold.events,
        skipped: fold.skipped,
        first: fold.first,
        last: fold.last,
        data_event_sources: fold.data_event_sources,
        ..Trail::default()
    };
    let mut attributed: BTreeMap<Key, (Rung, super::fold::Group)> = BTreeMap::new();
    for (key, group) in fold.groups {
        let Some((function, rung)) = functions.attribute(&key.session, &fold.learned) else {
            let count: u64 = group.cells().iter().map(|cell| cell.count).sum();
            *trail.skipped.entry("other-role".to_owned()).or_default() += count;
            continue;
        };
        let role = key.session.role;
        let key = (
            function,
            role.account,
            role.name,
            role.id,
            key.class,
            key.event_source,
            key.event_name,
            key.region,
            key.data_event,
        );
        match attributed.get_mut(&key) {
            Some((best, all)) => {
                *best = rung.min(*best);
                all.merge(group);
            }
            None => {
                attributed.insert(key, (rung, group));
            }
        }
    }
    for (key, (rung, group)) in attributed {
        let operation = operation_of(catalog, &key.5, &key.6).map(|operation| operation.id());
        for cell in group.cells() {
            if operation.is_none() {
                let name = (key.5.clone(), key.6.clone());
                *trail.unmapped.entry(name).or_default() += cell.count;
            }
            trail
                .observations
                .push(observation(&key, rung, operation.clone(), cell, functions));
        }
    }
    trail.observations.sort();
    trail
}

fn observation(
    key: &Key,
    rung: Rung,
    operation: Option<OperationId>,
    cell: Cell,
    functions: &Functions<'_>,
) -> Observation {
    let (function, account, role_name, role_id, class, event_source, event_name, region, data_event) =
        key.clone();
    Observation {
        known: function
            .as_ref()
            .and_then(|function| functions.known_name(function, &role_name)),
        function,
        account,
        role_name,
        role_id,
        operation,
        event_source,
        event_name,
        class,
        inputs: cell
            .inputs
            .into_iter()
            .map(|(path, seen)| (path, hints(&seen)))
            .collect(),
        arns: cell
            .arns
            .values()
            .flat_map(|sketch| sketch.entries().map(super::sketch::Entry::pattern))
            .collect(),
        denied_resources: cell.denied.entries().map(super::sketch::Entry::pattern).collect(),
        region,
        rung,
        versions: cell.versions,
        count: cell.count,
        first: cell.first.unwrap_or_default(),
        last: cell.last.unwrap_or_default(),
        error_only: !cell.succeeded,
        errors: cell.errors,
        samples: cell
            .samples
            .into_iter()
            .rev()
            .map(|(_, id)| id)
            .filter(|id| !id.is_empty())
            .collect(),
        data_event,
    }
}

/// The values of a member as hints: literals, and a beginning with a hole where values were cut.
fn hints(seen: &Seen) -> Vec<ResourceHint> {
    let mut hints: Vec<ResourceHint> = seen
        .values
        .entries()
        .map(|entry| {
            if !entry.open {
                return ResourceHint::literal(&entry.text);
            }
            let hole = Piece::Hole("the trail shows more than 64 values".to_owned());
            let literal = Some(Piece::Literal(entry.text.clone())).filter(|_| !entry.text.is_empty());
            ResourceHint {
                pieces: literal.into_iter().chain([hole]).collect(),
                origin: None,
            }
        })
        .collect();
    if seen.hidden {
        hints.push(ResourceHint::unknown("the trail does not show the value"));
    }
    hints
}
