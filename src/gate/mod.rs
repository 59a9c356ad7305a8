//! Diff → verdict: which rules a function's role breaks, what a team has waived, and whether that fails the build.

pub mod condition;
pub mod creep;
pub mod rules;
pub mod day;
pub mod deployment;
mod escalation;
mod excess;
mod guard;
pub mod inline;
pub mod lock;
mod missing;
mod other_account;
pub mod trail;
pub mod trust;
mod waivers;

use std::collections::BTreeSet;

use crate::catalog::Catalog;
use crate::diff::Diff;
use crate::diff::risk::Severity;
use crate::usage::{Confidence, Gap, Location, OperationId};
use crate::workspace::model::{Function, Guard, Stack};

pub use rules::{Level, Rule};
pub use waivers::{WaivedBy, Waiver, waive};

/// What fails the gate when nothing is configured: missing permissions, creep, escalation, ignored policies, broken
/// waivers. Other excess is reported and does not fail.
pub const FAIL_ON: [&str; 5] = ["RF004", "RF01*", "RF02*", "RF032", "RF09*"];

/// When findings fail the gate.
#[derive(Clone, Debug)]
pub struct Threshold {
    /// Rules (globs, `!` excludes).
    pub fail_on: Vec<String>,
    /// How bad a finding must be.
    pub min_severity: Severity,
    /// How sure it must be.
    pub min_confidence: Confidence,
}

/// What the gate looks at, for one function.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// The function and its current role.
    pub function: &'a Function,
    /// The comparison; `None` when the function has no known role.
    pub diff: Option<&'a Diff>,
    /// What could not be settled about it.
    pub gaps: &'a [Gap],
    /// The account of its stack, where that is known.
    pub account: Option<&'a str>,
    /// Its stack.
    pub stack: Option<&'a Stack>,
    /// Which account owns what it calls for, as far as that is said.
    pub owners: &'a [Owner],
    /// Policies beside its role that may have a say.
    pub guards: &'a [&'a Guard],
    /// Who may be its role, as far as that was approved.
    pub trust: trust::ApprovedTrust<'a>,
}

/// The account that owns the resource of a call, as the call or `rolefit.toml` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The call, or the line that states the need.
    pub location: Location,
    /// The operation.
    pub operation: OperationId,
    /// Whether it is about the source of a copy.
    pub of_source: bool,
    /// Twelve digits, or a symbol of the stack.
    pub account: String,
}

/// A place that a finding points at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Where.
    pub location: Location,
    /// What is there, in a few words.
    pub label: String,
}

/// A broken rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The rule.
    pub rule: &'static Rule,
    /// How it is reported.
    pub level: Level,
    /// How bad it is that a role grew, judged on the whole role; `None` for findings that are not about growth.
    pub severity: Option<Severity>,
    /// How bad it is, for thresholds: as bad as the growth, else as the rule says.
    pub weight: Severity,
    /// How sure it is.
    pub confidence: Confidence,
    /// The function, if it concerns one.
    pub function: Option<String>,
    /// What is wrong, one sentence.
    pub message: String,
    /// The actions it is about, sorted.
    pub actions: BTreeSet<String>,
    /// The resources it is about, sorted.
    pub resources: BTreeSet<String>,
    /// Where; the first is the line to edit.
    pub places: Vec<Place>,
    /// Further facts.
    pub notes: Vec<String>,
    /// What to do here.
    pub help: Option<String>,
    /// Why it is accepted, if a waiver holds.
    pub waived: Option<String>,
    /// The waiver that accepts it.
    pub waived_by: Option<WaivedBy>,
}

impl Finding {
    /// A finding of a rule at its usual level.
    fn new(rule: &'static Rule, function: Option<&str>, message: String) -> Self {
        Self {
            rule,
            level: rule.level,
            severity: None,
            weight: rule.severity,
            confidence: Confidence::High,
            function: function.map(str::to_owned),
            message,
            actions: BTreeSet::new(),
            resources: BTreeSet::new(),
            places: Vec::new(),
            notes: Vec::new(),
            help: None,
            waived: None,
            waived_by: None,
        }
    }

    /// An identity that survives moved lines: rule, function, actions and the names in the message, hashed.
    pub fn fingerprint(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        for part in [
            self.rule.id,
            self.function.as_deref().unwrap_or_default(),
            &self.message,
        ] {
            hasher.update(part.as_bytes());
            hasher.update(b"\0");
        }
        for action in &self.actions {
            hasher.update(action.as_bytes());
            hasher.update(b"\0");
        }
        hasher.finalize().to_hex().chars().take(16).collect()
    }
}

/// Everything that is wrong with one function's role, most serious first.
pub fn judge(catalog: &Catalog, case: Case<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(diff) = case.diff {
        findings.extend(missing::findings(case.function, diff));
        findings.extend(excess::findings(catalog, case.function, diff));
        findings.extend(other_account::findings(
            case.function,
            diff,
            case.account,
            case.owners,
        ));
        findings.extend(guard::findings(case, diff));
        findings.extend(shared_role(case.function));
    }
    if let Some(role) = &case.function.role {
        findings.extend(trust::findings(catalog, case.function, role, case.trust));
    }
    findings.extend(
        case.gaps
            .iter()
            .map(|gap| unsettled(gap, Some(&case.function.name))),
    );
    sort(&mut findings);
    findings
}

/// Most serious first, then by place and rule.
pub fn sort(findings: &mut [Finding]) {
    findings.sort_by(|a, b| {
        (
            std::cmp::Reverse(a.level),
            a.rule.id,
            &a.places,
            &a.function,
            &a.message,
        )
            .cmp(&(
                std::cmp::Reverse(b.level),
                b.rule.id,
                &b.places,
                &b.function,
                &b.message,
            ))
    });
}

/// A gap as a finding.
pub fn unsettled(gap: &Gap, function: Option<&str>) -> Finding {
    let rule = match gap.code {
        "unlinked-function" => &rules::UNLINKED_FUNCTION,
        "role-voids-policies" => &rules::IGNORED_POLICIES,
        _ => &rules::UNRESOLVED_CALL,
    };
    let mut finding = Finding::new(rule, function, gap.message.clone());
    finding.places.extend(gap.location.clone().map(|location| Place {
        location,
        label: gap.code.to_owned(),
    }));
    finding.help.clone_from(&gap.hint);
    finding
}

fn shared_role(function: &Function) -> Option<Finding> {
    let role = function
        .role
        .as_ref()
        .filter(|role| !role.shared_with.is_empty())?;
    let message = format!(
        "`{}` shares its role `{}` with {}",
        function.name,
        role.id,
        role.shared_with.join(", ")
    );
    let mut finding = Finding::new(&rules::SHARED_ROLE, Some(&function.name), message);
    finding.places.push(Place {
        location: role.location.clone(),
        label: format!("role `{}`", role.id),
    });
    finding.places.push(Place {
        location: function.location.clone(),
        label: format!("function `{}`", function.name),
    });
    Some(finding)
}

/// Reports the findings of some rules, by id, at other levels than their own.
pub fn relevel(findings: &mut [Finding], levels: &std::collections::BTreeMap<String, Level>) {
    for finding in findings {
        if let Some(level) = levels.get(finding.rule.id) {
            finding.level = *level;
        }
    }
}

/// Whether any finding that is not waived fails the build: one of the rules, bad and sure enough, and no mere note.
pub fn fails<'a>(findings: impl IntoIterator<Item = &'a Finding>, threshold: &Threshold) -> bool {
    findings.into_iter().any(|finding| {
        finding.waived.is_none()
            && finding.level > Level::Note
            && finding.weight >= threshold.min_severity
            && finding.confidence >= threshold.min_confidence
            && rules::chosen(finding.rule, &threshold.fail_on)
    })
}
