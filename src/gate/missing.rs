//! Needed and not granted: the calls that will be refused.

use std::collections::BTreeMap;

use super::rules::{self, Rule};
use super::{Finding, Place};
use crate::diff::{Diff, Lack, Row, Verdict};
use crate::usage::{Because, BecauseKind};
use crate::workspace::model::Function;

/// One finding per rule, resource and reason, with all the actions that lack there.
pub fn findings(function: &Function, diff: &Diff) -> Vec<Finding> {
    let mut groups: BTreeMap<(&Rule, String, Option<&Because>), Vec<&Row>> = BTreeMap::new();
    for row in diff.with(Verdict::Add) {
        let place = row.because.first();
        groups
            .entry((rule(row), row.resource.to_string(), place))
            .or_default()
            .push(row);
    }
    groups
        .into_values()
        .filter_map(|rows| finding(function, &rows))
        .collect()
}

fn rule(row: &Row) -> &'static Rule {
    let runtime = |because: &Because| matches!(because.kind, BecauseKind::Runtime | BecauseKind::Trigger);
    match &row.lack {
        _ if row.because.iter().all(runtime) => &rules::MISSING_RUNTIME_PERMISSION,
        Some(Lack::Resource(_)) => &rules::WRONG_RESOURCE,
        _ => &rules::MISSING_PERMISSION,
    }
}

fn finding(function: &Function, rows: &[&Row]) -> Option<Finding> {
    let first = rows.first()?;
    let actions: Vec<&str> = rows.iter().map(|row| row.action.as_str()).collect();
    let message = format!(
        "`{}` needs {} on `{}`, which its role does not grant",
        function.name,
        quoted(&actions),
        first.resource.short()
    );
    let mut finding = Finding::new(rule(first), Some(&function.name), message);
    finding.confidence = rows
        .iter()
        .map(|row| row.confidence)
        .min()
        .unwrap_or(first.confidence);
    finding.actions = actions.iter().map(|action| (*action).to_owned()).collect();
    finding.resources = rows.iter().map(|row| row.resource.to_string()).collect();
    let role = function.role.as_ref();
    finding.places.extend(role.map(|role| Place {
        location: role.location.clone(),
        label: format!("role `{}` has to grant it", role.id),
    }));
    for because in first.because.iter().take(3) {
        finding
            .places
            .extend(because.location.clone().map(|location| Place {
                location,
                label: reason(because),
            }));
    }
    finding.notes.extend(match &first.lack {
        Some(Lack::Resource(elsewhere)) => {
            let elsewhere: Vec<String> = elsewhere
                .iter()
                .map(|resource| format!("`{}`", resource.short()))
                .collect();
            Some(format!("granted on other resources: {}", elsewhere.join(", ")))
        }
        Some(Lack::Conditions(origin)) => Some(format!(
            "{} ({}) allows it under conditions that this call never meets",
            origin.name, origin.location
        )),
        Some(Lack::Denied(origin)) => Some(format!("denied by {} ({})", origin.name, origin.location)),
        _ => None,
    });
    finding.help = Some(format!(
        "add the statement that `rolefit generate --function {}` prints",
        function.name
    ));
    Some(finding)
}

fn reason(because: &Because) -> String {
    match (&because.operation, because.note.as_str()) {
        (Some(operation), "") => operation.to_string(),
        (Some(operation), note) => format!("{operation}: {note}"),
        (None, note) => note.to_owned(),
    }
}

/// `a`, `b` and `c`, each in backticks.
pub fn quoted(names: &[&str]) -> String {
    names
        .iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}
