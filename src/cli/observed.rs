//! What the trail saw of each row of a comparison, and what its silence would mean.

use super::assess::Inputs;
use crate::diff::{Diff, Row};
use crate::synth::{Surroundings, expand};
use crate::trail::{Observation, Trail};
use crate::usage::{Coverage, Grant, Observed, Usage};

/// One entry per row of `diff`; all `None` without a trail.
pub fn of_rows(
    inputs: &Inputs,
    around: Surroundings<'_>,
    diff: &Diff,
    observations: &[&Observation],
) -> Vec<Option<Observed>> {
    let Some(trail) = &inputs.trail else {
        return diff.rows.iter().map(|_| None).collect();
    };
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
                grants(observation.usage()),
                grants(observation.attempt()),
            )
        })
        .collect();
    diff.rows
        .iter()
        .map(|row| Some(of_row(inputs, trail, row, &seen)))
        .collect()
}

fn of_row(
    inputs: &Inputs,
    trail: &Trail,
    row: &Row,
    seen: &[(&Observation, Vec<Grant>, Vec<Grant>)],
) -> Observed {
    let mut of_row = Observed {
        count: 0,
        first: None,
        last: None,
        refused: 0,
        coverage: coverage(inputs, trail, row),
    };
    let about = |grants: &[Grant]| {
        grants
            .iter()
            .any(|grant| row.action.matches(&grant.action) && row.resource.intersects(&grant.resource))
    };
    for (observation, used, attempted) in seen {
        if about(used) {
            of_row.count += observation.count;
            of_row.first = of_row.first.into_iter().chain([observation.first.clone()]).min();
            of_row.last = of_row.last.into_iter().chain([observation.last.clone()]).max();
        }
        if about(attempted) {
            of_row.refused += observation.count;
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
        .map(|operation| trail.coverage(operation).level)
        .min()
        .unwrap_or(Coverage::None)
}
