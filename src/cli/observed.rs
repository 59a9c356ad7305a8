//! What the trail saw of each row of a comparison, and what its silence would mean.

use super::inputs::Inputs;
use crate::diff::{Diff, Row};
use crate::iam::action::Action;
use crate::synth::{Surroundings, expand, recognise};
use crate::trail::{Observation, Trail};
use crate::usage::{Coverage, Grant, Observed, Usage};
use crate::workspace::model::Role;

/// One entry per row of `diff`, which is that of a function with this role; all `None` without a trail.
pub fn of_rows(
    inputs: &Inputs,
    role: Option<&Role>,
    around: Surroundings<'_>,
    diff: &Diff,
    observations: &[&Observation],
) -> Vec<Option<Observed>> {
    let Some(trail) = &inputs.trail else {
        return diff.rows.iter().map(|_| None).collect();
    };
    let is_read = is_read_for(trail, role);
    let grants = |usage: Option<Usage>| -> Vec<Grant> {
        usage
            .map(|usage| expand::expand(inputs.catalog(), around, &usage).0)
            .unwrap_or_default()
    };
    let seen: Vec<(&Observation, Vec<Grant>, Vec<Grant>)> = observations
        .iter()
        .map(|observation| {
            (
                *observation,
                grants(
                    observation
                        .usage()
                        .or_else(|| seen_at_endpoint(observation, observations)),
                ),
                grants(observation.attempt()),
            )
        })
        .collect();
    // A wildcard that is excess stands for its other actions, not for the needed ones.
    let needed = |action: &Action| {
        diff.rows
            .iter()
            .any(|row| !row.because.is_empty() && row.action.matches(action))
    };
    let is_of = |row: &Row, grant: &Grant| {
        let same = row.resource.intersects(&grant.resource)
            || recognise::may_be(&row.resource, &grant.resource, around.stack);
        let left_over = row.action.has_wildcard() && needed(&grant.action);
        row.action.matches(&grant.action) && same && !left_over
    };
    diff.rows
        .iter()
        .map(|row| {
            Some(of_row(
                if is_read {
                    coverage(inputs, trail, row)
                } else {
                    Coverage::None
                },
                row,
                &seen,
                &is_of,
            ))
        })
        .collect()
}

/// Whether all that the trail holds of a role was read, so that its silence can say something.
pub fn is_read_for(trail: &Trail, role: Option<&Role>) -> bool {
    let not_read = trail.ledger.not_read_for(role.map(|role| role.id.as_str()));
    not_read.is_none()
}

/// What an endpoint of a network saw, unless the trail has the calls themselves: then it is those once more.
fn seen_at_endpoint(observation: &Observation, observations: &[&Observation]) -> Option<Usage> {
    let recorded = observations
        .iter()
        .any(|other| other.operation == observation.operation && other.usage().is_some());
    observation.at_endpoint().filter(|_| !recorded)
}

fn of_row(
    coverage: Coverage,
    row: &Row,
    seen: &[(&Observation, Vec<Grant>, Vec<Grant>)],
    is_of: &dyn Fn(&Row, &Grant) -> bool,
) -> Observed {
    let mut of_row = Observed {
        count: 0,
        estimated: false,
        first: None,
        last: None,
        refused: 0,
        coverage,
    };
    let about = |grants: &[Grant]| grants.iter().any(|grant| is_of(row, grant));
    for (observation, used, attempted) in seen {
        if about(used) {
            of_row.count += observation.count;
            of_row.estimated |= observation.estimated;
            of_row.first = of_row.first.into_iter().chain([observation.first.clone()]).min();
            of_row.last = of_row.last.into_iter().chain([observation.last.clone()]).max();
        }
        if about(attempted) {
            of_row.refused += observation.count;
            of_row.estimated |= observation.estimated;
        }
    }
    of_row
}

/// What the trail's silence about a row would mean: by the operations that ask for it, else by all that could.
fn coverage(inputs: &Inputs, trail: &Trail, row: &Row) -> Coverage {
    let mut operations: Vec<_> = row
        .because
        .iter()
        .filter_map(|because| because.operation.clone())
        .collect();
    if operations.is_empty() {
        operations = inputs.catalog().operations_of_action(&row.action);
    }
    operations
        .iter()
        .map(|operation| {
            trail
                .coverage_where_read(operation, Some(row.resource.as_str()), None)
                .level
        })
        .min()
        .unwrap_or(Coverage::None)
}
