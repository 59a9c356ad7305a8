//! Granted and not needed: one finding per statement of the role, not one per action.

use std::collections::{BTreeMap, BTreeSet};

use super::escalation::{self, Way};
use super::missing::quoted;
use super::rules::{self, Level, Rule};
use super::{Finding, Place};
use crate::catalog::{AccessLevel, Catalog};
use crate::diff::risk::Severity;
use crate::diff::{Diff, Row, Verdict};
use crate::iam::action::{Action, ActionPattern};
use crate::iam::arn::ArnPattern;
use crate::usage::BecauseKind;
use crate::workspace::model::{Function, GrantOrigin};

/// The most action names a message spells out.
const MOST_NAMES: usize = 12;

/// Findings about rows that are removed or narrowed, and about calls that only the trail knows.
pub fn findings(catalog: &Catalog, function: &Function, diff: &Diff) -> Vec<Finding> {
    let ways = function
        .role
        .as_ref()
        .map(|role| escalation::completed(catalog, role))
        .unwrap_or_default();
    let mut groups: BTreeMap<(&Rule, &GrantOrigin), Vec<&Row>> = BTreeMap::new();
    for row in &diff.rows {
        for origin in &row.granted_by {
            if let Some(rule) = rule(&ways, row, origin) {
                groups.entry((rule, origin)).or_default().push(row);
            }
        }
    }
    let mut findings: Vec<Finding> = groups
        .iter()
        .filter_map(|((rule, origin), rows)| finding(catalog, function, rule, origin, rows))
        .map(|finding| name_ways(finding, &ways))
        .collect();
    findings.extend(observed_only(function, diff));
    findings
}

fn rule(ways: &[Way], row: &Row, origin: &GrantOrigin) -> Option<&'static Rule> {
    match row.verdict {
        Verdict::Remove if !escalation::through(ways, &row.action).is_empty() => Some(&rules::ESCALATION),
        Verdict::Remove | Verdict::Narrow if origin.injected_by.is_some() => Some(&rules::INJECTED_EXCESS),
        Verdict::Remove if row.action.has_wildcard() => Some(&rules::ACTION_WILDCARD),
        Verdict::Remove => Some(&rules::UNUSED_PERMISSION),
        Verdict::Narrow => Some(&rules::RESOURCE_TOO_BROAD),
        Verdict::Keep | Verdict::Add | Verdict::Unobserved => None,
    }
}

/// Says which ways to more privileges the actions complete.
fn name_ways(mut finding: Finding, ways: &[Way]) -> Finding {
    if finding.rule == &rules::ESCALATION {
        let through = |action: &String| escalation::through(ways, &ActionPattern::new(action));
        let names: BTreeSet<&str> = finding.actions.iter().flat_map(through).collect();
        let shown: Vec<&str> = names.iter().copied().take(3).collect();
        let more = names.len().saturating_sub(shown.len());
        let more = if more > 0 {
            format!(" and {more} more ways")
        } else {
            String::new()
        };
        finding.notes.push(format!("completes {}{more}", quoted(&shown)));
    }
    finding
}

fn finding(
    catalog: &Catalog,
    function: &Function,
    rule: &'static Rule,
    origin: &GrantOrigin,
    rows: &[&Row],
) -> Option<Finding> {
    let actions: BTreeSet<&str> = rows.iter().map(|row| row.action.as_str()).collect();
    let resources: BTreeSet<String> = rows.iter().flat_map(|row| granted_resources(row)).collect();
    let shown: Vec<&str> = actions.iter().copied().take(MOST_NAMES).collect();
    let more = actions.len().saturating_sub(shown.len());
    let names = if more > 0 {
        format!("{} and {more} more", quoted(&shown))
    } else {
        quoted(&shown)
    };
    let wildcard = rows
        .iter()
        .filter(|row| row.action.has_wildcard())
        .map(|row| row.actions)
        .max();
    let message = match (rule.id, rows.first()?.verdict, wildcard) {
        ("RF031", ..) => format!("{} gives `{}` more than it needs", origin.name, function.name),
        (_, Verdict::Narrow, _) => {
            format!(
                "`{}` needs {names} on less than {} grants",
                function.name, origin.name
            )
        }
        (_, _, Some(more)) => {
            format!(
                "`{}` is granted {names}: {more} actions more than it needs",
                function.name
            )
        }
        _ => format!("`{}` is granted {names}, which it never needs", function.name),
    };
    let mut finding = Finding::new(rule, Some(&function.name), message);
    finding.confidence = rows
        .iter()
        .map(|row| row.confidence)
        .min()
        .unwrap_or(finding.confidence);
    finding.actions = actions.iter().map(|action| (*action).to_owned()).collect();
    finding.resources = rows.iter().map(|row| row.resource.to_string()).collect();
    let label = format!("{} grants on {}", origin.name, list(&resources));
    finding.places.push(Place {
        location: origin.location.clone(),
        label,
    });
    let writes = rows.iter().filter(|row| writes(catalog, row)).count();
    if rule == &rules::UNUSED_PERMISSION && writes > 0 {
        finding.weight = Severity::High;
        finding.notes.push(match (writes, rows.len()) {
            (1, 1) => "it can change data or permissions".to_owned(),
            _ => format!("{writes} of them can change data or permissions"),
        });
    }
    finding.notes.extend(narrower(rows));
    let unneeded: Vec<&str> = rows
        .iter()
        .filter(|row| row.verdict == Verdict::Remove)
        .map(|row| row.action.as_str())
        .collect();
    if rule == &rules::INJECTED_EXCESS && !unneeded.is_empty() {
        finding
            .notes
            .push(format!("never needed: {}", unneeded.join(", ")));
    }
    if let Some(injected_by) = &origin.injected_by {
        finding.notes.push(format!(
            "added by {} because of `{injected_by}`",
            framework(origin.kind)
        ));
        finding.level = Level::Note;
    }
    finding.help = Some(match rule.id {
        "RF031" => rule.help.to_owned(),
        _ => format!(
            "`rolefit generate --function {}` prints the exact statements",
            function.name
        ),
    });
    Some(finding)
}

/// Where the narrowed actions are needed, one note per place.
fn narrower(rows: &[&Row]) -> Vec<String> {
    let mut places: BTreeMap<(String, String), Vec<&str>> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.verdict == Verdict::Narrow) {
        let because = row.because.first().and_then(|because| because.location.as_ref());
        let at = because
            .map(|location| format!(" ({location})"))
            .unwrap_or_default();
        let on = format!("`{}`{}", row.resource.short(), under(row));
        places.entry((on, at)).or_default().push(row.action.as_str());
    }
    places
        .iter()
        .map(|((on, at), actions)| format!("needed on {on}{at}: {}", actions.join(", ")))
        .collect()
}

/// The conditions of a need, such as ` with kms:ViaService s3.eu-west-1.amazonaws.com`.
fn under(row: &Row) -> String {
    let keys = row.conditions.values().flatten();
    let told: Vec<String> = keys
        .map(|(key, values)| format!(" with {key} `{}`", values.join("` or `")))
        .collect();
    told.join("")
}

fn granted_resources(row: &Row) -> Vec<String> {
    match row.verdict {
        Verdict::Narrow => row.today.iter().map(ArnPattern::short).collect(),
        _ => vec![row.resource.short()],
    }
}

fn list(resources: &BTreeSet<String>) -> String {
    let shown: Vec<String> = resources
        .iter()
        .take(3)
        .map(|resource| format!("`{resource}`"))
        .collect();
    let more = resources.len().saturating_sub(shown.len());
    if more > 0 {
        format!("{} and {more} more", shown.join(", "))
    } else {
        shown.join(", ")
    }
}

fn writes(catalog: &Catalog, row: &Row) -> bool {
    let level = Action::parse(row.action.as_str())
        .and_then(|action| catalog.action(&action).map(|entry| entry.access_level()));
    level.is_none_or(|level| matches!(level, AccessLevel::Write | AccessLevel::PermissionsManagement))
}

/// Recorded uses that a finding shows.
const SAMPLES: usize = 3;

fn observed_only(function: &Function, diff: &Diff) -> Vec<Finding> {
    diff.rows
        .iter()
        .filter(|row| {
            !row.because.is_empty()
                && row
                    .because
                    .iter()
                    .all(|because| because.kind == BecauseKind::Trail)
        })
        .filter(|_| function.binary.is_some())
        .map(|row| {
            let message = format!(
                "`{}` was seen to use `{}` on `{}`, which no code explains",
                function.name,
                row.action,
                row.resource.short()
            );
            let mut finding = Finding::new(&rules::OBSERVED_ONLY, Some(&function.name), message);
            finding.confidence = row.confidence;
            finding.actions.insert(row.action.to_string());
            finding.resources.insert(row.resource.to_string());
            finding.places.push(Place {
                location: function.location.clone(),
                label: format!("function `{}`", function.name),
            });
            let samples = row.because.iter().map(|because| because.note.clone());
            finding.notes.extend(samples.take(SAMPLES));
            if let Some(more) = row.because.len().checked_sub(SAMPLES).filter(|more| *more > 0) {
                finding
                    .notes
                    .push(format!("{more} more like these; `rolefit explain` has all"));
            }
            finding
        })
        .collect()
}

/// Who puts statements of a kind into roles by itself.
fn framework(kind: &str) -> &'static str {
    match kind {
        "serverless-injected" => "the Serverless Framework",
        _ => "SAM",
    }
}
