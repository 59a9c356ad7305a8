//! Waivers: findings a team accepts, with the reason, for a time.

use super::rules;
use super::{Finding, Place};
use crate::iam::action::{Action, ActionPattern};
use crate::iam::arn::ArnPattern;
use crate::usage::Location;

/// A finding that is accepted.
#[derive(Clone, Debug)]
pub struct Waiver {
    /// Rule id.
    pub rule: String,
    /// Function name or glob.
    pub function: String,
    /// Action pattern.
    pub action: String,
    /// Why.
    pub reason: String,
    /// Last day it holds, `YYYY-MM-DD`.
    pub expires: Option<String>,
    /// Where it is stated.
    pub location: Location,
}

/// Marks the findings that a waiver covers and reports the waivers that are expired, unexplained or unused. `today` is
/// `YYYY-MM-DD`.
pub fn waive(findings: &mut Vec<Finding>, waivers: &[Waiver], today: &str) {
    let mut complaints = Vec::new();
    for waiver in waivers {
        if waiver.reason.trim().is_empty() {
            complaints.push(complaint(&rules::UNEXPLAINED_WAIVER, waiver, "has no reason"));
            continue;
        }
        if waiver.expires.as_deref().is_some_and(|last| last < today) {
            complaints.push(complaint(&rules::EXPIRED_WAIVER, waiver, "has expired"));
            continue;
        }
        let mut used = false;
        for finding in findings.iter_mut().filter(|finding| covers(waiver, finding)) {
            finding.waived = Some(waiver.reason.clone());
            used = true;
        }
        if !used {
            complaints.push(complaint(&rules::UNUSABLE_WAIVER, waiver, "matches no finding"));
        }
    }
    findings.extend(complaints);
}

fn covers(waiver: &Waiver, finding: &Finding) -> bool {
    let function_fits = glob(&waiver.function, finding.function.as_deref().unwrap_or_default());
    let pattern = ActionPattern::new(&waiver.action);
    let action_fits = waiver.action == "*"
        || (!finding.actions.is_empty()
            && finding.actions.iter().all(|action| {
                *action == waiver.action
                    || Action::parse(action).is_some_and(|action| pattern.matches(&action))
            }));
    finding.rule.id.eq_ignore_ascii_case(&waiver.rule) && function_fits && action_fits
}

/// `get-*` in the manner of a shell, for function names.
fn glob(pattern: &str, name: &str) -> bool {
    ArnPattern::new(pattern).covers(&ArnPattern::new(name))
}

fn complaint(rule: &'static rules::Rule, waiver: &Waiver, what: &str) -> Finding {
    let message = format!("the waiver of {} for `{}` {what}", waiver.rule, waiver.function);
    let mut finding = Finding::new(rule, None, message);
    finding.places.push(Place {
        location: waiver.location.clone(),
        label: "stated here".to_owned(),
    });
    finding
}
