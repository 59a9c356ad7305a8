//! Waivers: findings a team accepts, with the reason, for a time; stated in `rolefit.toml` or by a comment at the place.

use super::day::days_until;
use super::rules::{self, Level};
use super::{Finding, Place};
use crate::iam::action::{Action, ActionPattern};
use crate::iam::arn::ArnPattern;
use crate::usage::Location;

/// Days before its end at which a waiver is reported.
const SOON: i64 = 14;

/// A finding that is accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiver {
    /// Rule id.
    pub rule: String,
    /// Function name or glob.
    pub function: String,
    /// Action pattern.
    pub action: String,
    /// Resource or glob.
    pub resource: String,
    /// Why.
    pub reason: String,
    /// Last day it holds, `YYYY-MM-DD`.
    pub expires: Option<String>,
    /// Whom to ask.
    pub owner: Option<String>,
    /// Where it is stated.
    pub location: Location,
    /// For a comment: the only line whose findings it covers, in the file of `location`.
    pub line: Option<u32>,
}

/// The waiver that covers a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaivedBy {
    /// Where it is stated.
    pub location: Location,
    /// Last day it holds, `YYYY-MM-DD`.
    pub expires: Option<String>,
    /// Whether it stands in the code, at the place of the finding.
    pub in_source: bool,
}

/// Marks the findings that a waiver covers and reports the waivers that are expired, unexplained or, if every function
/// was looked at (`complete`), unused. `today` is `YYYY-MM-DD`.
pub fn waive(findings: &mut Vec<Finding>, waivers: &[Waiver], today: &str, complete: bool) {
    let mut complaints = Vec::new();
    for waiver in waivers {
        if waiver.reason.trim().is_empty() {
            complaints.push(complaint(&rules::UNEXPLAINED_WAIVER, waiver, "has no reason"));
            continue;
        }
        if waiver.expires.as_deref().is_some_and(|last| last < today) {
            let mut expired = complaint(&rules::EXPIRED_WAIVER, waiver, "has expired");
            expired.notes.extend(
                waiver
                    .expires
                    .iter()
                    .map(|last| format!("its last day was {last}")),
            );
            complaints.push(expired);
            continue;
        }
        let mut used = false;
        for finding in findings.iter_mut().filter(|finding| covers(waiver, finding)) {
            finding.waived = Some(reason(waiver));
            finding.waived_by = Some(WaivedBy {
                location: waiver.location.clone(),
                expires: waiver.expires.clone(),
                in_source: waiver.line.is_some(),
            });
            used = true;
        }
        if !used && complete {
            complaints.push(complaint(&rules::UNUSED_WAIVER, waiver, "matches no finding"));
        }
        complaints.extend(ends_soon(waiver, today).filter(|_| used));
    }
    findings.extend(complaints);
}

fn reason(waiver: &Waiver) -> String {
    match &waiver.owner {
        Some(owner) => format!("{} ({owner})", waiver.reason),
        None => waiver.reason.clone(),
    }
}

/// A waiver that holds for a few days more.
fn ends_soon(waiver: &Waiver, today: &str) -> Option<Finding> {
    let left = days_until(today, waiver.expires.as_deref()?)?;
    (left <= SOON).then(|| {
        let what = match left {
            0 => "ends today".to_owned(),
            1 => "ends tomorrow".to_owned(),
            left => format!("ends in {left} days"),
        };
        let mut finding = complaint(&rules::EXPIRED_WAIVER, waiver, &what);
        finding.level = Level::Note;
        finding
    })
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
    let resource_fits = waiver.resource == "*"
        || (!finding.resources.is_empty()
            && finding.resources.iter().all(|resource| {
                glob(&waiver.resource, resource) || glob(&waiver.resource, &ArnPattern::new(resource).short())
            }));
    let line_fits = waiver.line.is_none_or(|line| {
        finding
            .places
            .iter()
            .any(|place| place.location.file == waiver.location.file && place.location.line == line)
    });
    let rule_fits = finding.rule.id.eq_ignore_ascii_case(&waiver.rule);
    rule_fits && function_fits && action_fits && resource_fits && line_fits
}

/// `get-*` in the manner of a shell: `*` for any text, every other character for itself.
fn glob(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    let mut last = None;
    for part in parts {
        if let Some(before) = last.replace(part) {
            match rest.split_once(before) {
                Some((_, behind)) => rest = behind,
                None => return false,
            }
        }
    }
    match last {
        Some(end) => rest.ends_with(end),
        None => rest.is_empty(),
    }
}

fn complaint(rule: &'static rules::Rule, waiver: &Waiver, what: &str) -> Finding {
    let of = match waiver.function.as_str() {
        "*" => String::new(),
        function => format!(" for `{function}`"),
    };
    let message = format!("the waiver of {}{of} {what}", waiver.rule);
    let mut finding = Finding::new(rule, None, message);
    finding
        .notes
        .extend(waiver.owner.iter().map(|owner| format!("its owner is {owner}")));
    finding.places.push(Place {
        location: waiver.location.clone(),
        label: "stated here".to_owned(),
    });
    finding
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
mod tests {
    use super::*;

    const TODAY: &str = "2026-11-22";

    fn waiver() -> Waiver {
        Waiver {
            rule: "RF003".to_owned(),
            function: "*".to_owned(),
            action: "*".to_owned(),
            resource: "*".to_owned(),
            reason: "takes no resource".to_owned(),
            expires: None,
            owner: None,
            location: Location::new("rolefit.toml", 3, 1),
            line: None,
        }
    }

    fn finding() -> Finding {
        let mut finding = Finding::new(&rules::RESOURCE_TOO_BROAD, Some("get-order"), "broad".to_owned());
        finding.actions.insert("ssm:GetParameter".to_owned());
        finding
            .resources
            .insert("arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter/a".to_owned());
        finding.places.push(Place {
            location: Location::new("template.yaml", 12, 5),
            label: String::new(),
        });
        finding
    }

    /// Whether the waiver holds, and what is said of it, as `rule level`.
    fn judged(waiver: Waiver) -> (bool, Vec<String>) {
        let mut findings = vec![finding()];
        waive(&mut findings, &[waiver], TODAY, true);
        let said = findings.iter().skip(1);
        (
            findings[0].waived.is_some(),
            said.map(|one| format!("{} {}", one.rule.id, one.level)).collect(),
        )
    }

    #[test]
    fn a_waiver_covers_what_all_its_keys_fit() {
        let holds = |change: &dyn Fn(&mut Waiver)| {
            let mut waiver = waiver();
            change(&mut waiver);
            judged(waiver).0
        };
        assert!(holds(&|_| {}));
        for (fits, change) in [
            (
                true,
                (&|w: &mut Waiver| w.rule = "rf003".to_owned()) as &dyn Fn(&mut Waiver),
            ),
            (false, &|w| w.rule = "RF001".to_owned()),
            (true, &|w| w.function = "get-*".to_owned()),
            (true, &|w| w.function = "*et-o*er".to_owned()),
            (false, &|w| w.function = "get".to_owned()),
            (true, &|w| w.action = "ssm:Get*".to_owned()),
            (false, &|w| w.action = "ssm:Put*".to_owned()),
            (true, &|w| w.resource = "*:parameter/a".to_owned()),
            (false, &|w| w.resource = "*:parameter/b".to_owned()),
        ] {
            assert_eq!(holds(change), fits);
        }
    }

    #[test]
    fn a_comment_covers_its_line_alone() {
        let at = |line| {
            judged(Waiver {
                location: Location::new("template.yaml", 11, 1),
                line: Some(line),
                ..waiver()
            })
        };
        assert_eq!(at(12), (true, vec![]));
        assert_eq!(at(13), (false, vec!["RF090 warning".to_owned()]));
    }

    #[test]
    fn waivers_end() {
        let until = |date: &str| {
            judged(Waiver {
                expires: Some(date.to_owned()),
                ..waiver()
            })
        };
        assert_eq!(until("2026-11-21"), (false, vec!["RF091 error".to_owned()]));
        assert_eq!(until("2026-11-22"), (true, vec!["RF091 note".to_owned()]));
        assert_eq!(until("2026-12-06"), (true, vec!["RF091 note".to_owned()]));
        assert_eq!(until("2026-12-07"), (true, vec![]));
    }

    #[test]
    fn a_waiver_without_a_reason_does_not_hold() {
        let silent = Waiver {
            reason: " ".to_owned(),
            ..waiver()
        };
        assert_eq!(judged(silent), (false, vec!["RF092 error".to_owned()]));
    }

    #[test]
    fn the_owner_is_named() {
        let mut findings = vec![finding()];
        let owned = Waiver {
            owner: Some("@acme/platform".to_owned()),
            ..waiver()
        };
        waive(&mut findings, &[owned], TODAY, true);
        assert_eq!(
            findings[0].waived.as_deref(),
            Some("takes no resource (@acme/platform)")
        );
    }
}
