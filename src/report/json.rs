//! `rolefit-report-v1`: the comparison and the findings for other programs. Frozen: a change needs a new version.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::{Assessed, Report};
use crate::catalog::Catalog;
use crate::diff::Row;
use crate::diff::risk::Severity;
use crate::gate::lock::{Lock, LockedFunction};
use crate::gate::{Finding, Place};
use crate::iam::action::Action;
use crate::iam::policy::{Effect, Policy, PolicyError, PolicyKind};
use crate::usage::{Because, Gap, Location, Observed};
use crate::workspace::model::{GrantOrigin, Role};

/// The whole report.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ReportV1 {
    /// Always `rolefit-report-v1`.
    pub schema: &'static str,
    /// Version of rolefit.
    pub rolefit: String,
    /// Date of the catalogue.
    pub catalog: String,
    /// Counts over all functions.
    pub summary: SummaryV1,
    /// Functions in the order of their stacks.
    pub functions: Vec<FunctionV1>,
    /// Everything that is wrong, most serious first.
    pub findings: Vec<FindingV1>,
    /// Gaps that concern no single function.
    pub gaps: Vec<GapV1>,
}

/// Counts over all functions.
#[derive(Debug, Serialize, JsonSchema)]
pub struct SummaryV1 {
    /// How many functions.
    pub functions: usize,
    /// Grants today; a wildcard counts every action it stands for.
    pub granted: usize,
    /// Grants needed.
    pub needed: usize,
    /// Needed and not granted.
    pub missing: usize,
    /// Granted and not needed.
    pub excess: usize,
    /// Not settled.
    pub gaps: usize,
    /// `pass` or `fail`.
    pub result: &'static str,
}

/// One function.
#[derive(Debug, Serialize, JsonSchema)]
pub struct FunctionV1 {
    /// Logical id, or the binary's name.
    pub name: String,
    /// The binary it runs.
    pub bin: Option<String>,
    /// The rule that linked it to the binary.
    pub linked_by: Option<String>,
    /// `high`, `medium` or `low`; null without a link.
    pub link_confidence: Option<&'static str>,
    /// The role it has today.
    pub role: Option<RoleV1>,
    /// The policy that allows exactly what it needs.
    pub policy: serde_json::Value,
    /// Every grant of today and every needed one.
    pub grants: Vec<GrantV1>,
    /// What could not be settled.
    pub gaps: Vec<GapV1>,
}

/// An execution role.
#[derive(Debug, Serialize, JsonSchema)]
pub struct RoleV1 {
    /// Logical id or name.
    pub id: String,
    /// The file that defines it.
    pub origin: String,
    /// Other functions that have it.
    pub shared_with: Vec<String>,
    /// Everything it grants and denies today, as one document; `check --base-report` compares with it.
    pub policy: serde_json::Value,
    /// Its permissions boundary.
    pub boundary: Option<String>,
    /// Who may assume it, where that is written; `check --base-report` compares with it.
    pub trust: Option<serde_json::Value>,
}

/// One grant: needed, granted or both.
#[derive(Debug, Serialize, JsonSchema)]
pub struct GrantV1 {
    /// The action, or a wildcard pattern for excess.
    pub action: String,
    /// How many actions the row stands for: 1, or more for a wildcard.
    pub actions: usize,
    /// The resource.
    pub resource: String,
    /// Conditions: operator → key → values.
    pub conditions: crate::iam::policy::Conditions,
    /// For a narrowed grant, what the role allows today.
    pub today: Vec<String>,
    /// `List`, `Read`, `Write`, `Permissions management` or `Tagging`; null for a wildcard or an unknown action.
    pub access: Option<&'static str>,
    /// `keep`, `narrow`, `remove`, `add` or `unobserved`.
    pub verdict: &'static str,
    /// `high`, `medium` or `low`.
    pub confidence: &'static str,
    /// Why it is needed.
    pub because: Vec<BecauseV1>,
    /// What grants it today.
    pub granted_by: Vec<OriginV1>,
    /// What the trail saw; null without a trail.
    pub observed: Option<ObservedV1>,
}

/// A reason.
#[derive(Debug, Serialize, JsonSchema)]
pub struct BecauseV1 {
    /// `code`, `trail`, `trigger`, `runtime`, `template` or `config`.
    pub kind: &'static str,
    /// The operation.
    pub operation: Option<String>,
    /// File of the evidence.
    pub file: Option<String>,
    /// 1-based line.
    pub line: Option<u32>,
    /// 1-based column.
    pub column: Option<u32>,
    /// How the resource was found, in words.
    pub note: Option<String>,
}

/// Where a grant of today comes from.
#[derive(Debug, Serialize, JsonSchema)]
pub struct OriginV1 {
    /// `inline`, `managed-policy`, `sam-policy-template`, `sam-connector` or `sam-injected`.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// The file to edit.
    pub file: String,
    /// 1-based line.
    pub line: u32,
    /// 1-based column.
    pub column: u32,
}

/// What the trail saw.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ObservedV1 {
    /// How many calls.
    pub count: u64,
    /// Whether `count` or `refused` is an estimate, rounded to three digits.
    pub estimated: bool,
    /// First call, RFC 3339.
    pub first: Option<String>,
    /// Last call, RFC 3339.
    pub last: Option<String>,
    /// How many calls were refused for lack of permission.
    pub refused: u64,
    /// `full`, `partial` or `none`.
    pub coverage: &'static str,
}

/// Something that could not be settled.
#[derive(Debug, Serialize, JsonSchema)]
pub struct GapV1 {
    /// Stable code.
    pub code: &'static str,
    /// What and why.
    pub message: String,
    /// File.
    pub file: Option<String>,
    /// 1-based line.
    pub line: Option<u32>,
}

/// A broken rule.
#[derive(Debug, Serialize, JsonSchema)]
pub struct FindingV1 {
    /// Rule id.
    pub rule: &'static str,
    /// `note`, `warning` or `error`.
    pub level: &'static str,
    /// How bad it is that a role grew: `info`, `low`, `medium`, `high` or `critical`; null for findings that are not
    /// about growth.
    pub severity: Option<&'static str>,
    /// `high`, `medium` or `low`.
    pub confidence: &'static str,
    /// The function.
    pub function: Option<String>,
    /// Identity that survives moved lines.
    pub fingerprint: String,
    /// What is wrong.
    pub message: String,
    /// Where; the first is the line to edit.
    pub locations: Vec<LocationV1>,
    /// The waiver's reason, if one holds.
    pub suppressed: Option<String>,
}

/// A place of a finding.
#[derive(Debug, Serialize, JsonSchema)]
pub struct LocationV1 {
    /// File.
    pub file: String,
    /// 1-based line.
    pub line: u32,
    /// 1-based column.
    pub column: u32,
    /// `primary` or `related`.
    pub role: &'static str,
    /// What is there.
    pub label: String,
}

/// The report as the interface has it.
pub fn report(report: &Report<'_>, catalog: &Catalog) -> ReportV1 {
    let counts = report.counts();
    ReportV1 {
        schema: "rolefit-report-v1",
        rolefit: report.version.to_owned(),
        catalog: report.catalog.clone(),
        summary: SummaryV1 {
            functions: report.functions.len(),
            granted: counts.granted,
            needed: counts.needed,
            missing: counts.missing,
            excess: counts.excess,
            gaps: counts.gaps,
            result: if report.fails { "fail" } else { "pass" },
        },
        functions: report
            .functions
            .iter()
            .map(|assessed| function(assessed, catalog))
            .collect(),
        findings: report.findings.iter().map(finding).collect(),
        gaps: report.gaps.iter().map(gap).collect(),
    }
}

fn function(assessed: &Assessed<'_>, catalog: &Catalog) -> FunctionV1 {
    let function = assessed.function;
    FunctionV1 {
        name: function.name.clone(),
        bin: function.binary.as_ref().map(|binary| binary.binary.clone()),
        linked_by: function.linked_by.clone(),
        link_confidence: function
            .linked_by
            .as_ref()
            .map(|_| function.link_confidence.as_str()),
        role: function.role.as_ref().map(role),
        policy: assessed.policy.to_json(),
        grants: assessed
            .rows()
            .map(|(row, observed)| grant(row, observed, catalog))
            .collect(),
        gaps: assessed.gaps.iter().map(gap).collect(),
    }
}

fn role(role: &Role) -> RoleV1 {
    RoleV1 {
        id: role.id.clone(),
        origin: role.origin.clone(),
        shared_with: role.shared_with.clone(),
        policy: document(role).to_json(),
        boundary: role.boundary.clone(),
        trust: role.trust.as_ref().map(|trust| trust.policy.to_json()),
    }
}

/// The role's statements as one document.
fn document(role: &Role) -> Policy {
    Policy::of(role.statements.iter().map(|one| one.statement.clone()).collect())
}

/// The roles of a report that was printed earlier, as what was approved then.
///
/// # Errors
/// When the text is no report, or one of another version.
pub fn roles(text: &str) -> Result<Lock, BaseError> {
    let written: Value = serde_json::from_str(text)?;
    if written.get("schema").and_then(Value::as_str) != Some("rolefit-report-v1") {
        return Err(BaseError::Schema);
    }
    let mut lock = Lock::default();
    for function in written
        .get("functions")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
        let Some(role) = function.get("role").filter(|role| !role.is_null()) else {
            continue;
        };
        let (Some(name), Some(id), Some(origin), Some(policy)) = (
            text(function, "name"),
            text(role, "id"),
            text(role, "origin"),
            role.get("policy"),
        ) else {
            return Err(BaseError::Schema);
        };
        let read = |policy: &Value, kind| {
            Policy::read(&policy.to_string(), kind).map_err(|source| BaseError::Policy {
                function: name.clone(),
                source: Box::new(source),
            })
        };
        let policy = read(policy, PolicyKind::Identity)?;
        let trust = role.get("trust").filter(|trust| !trust.is_null());
        let trust = trust.map(|trust| read(trust, PolicyKind::Trust)).transpose()?;
        let (grants, denies) = policy
            .statements
            .into_iter()
            .partition(|statement| statement.effect == Effect::Allow);
        let locked = LockedFunction {
            location: Location::new("", 1, 1),
            grants,
            denies,
            managed: Vec::new(),
            boundary: text(role, "boundary"),
            trust,
        };
        lock.functions.insert((name, format!("{origin}#{id}")), locked);
    }
    Ok(lock)
}

/// Why a report cannot stand for what was approved.
#[derive(Debug, thiserror::Error)]
pub enum BaseError {
    /// No JSON.
    #[error("no JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// Another document.
    #[error(
        "no report of `rolefit check --format json` (schema `rolefit-report-v1`, with the role's policy)"
    )]
    Schema,
    /// A role's policy that cannot be read.
    #[error("the policy of `{function}`: {source}")]
    Policy {
        /// The function.
        function: String,
        /// What is wrong.
        source: Box<PolicyError>,
    },
}

fn grant(row: &Row, observed: Option<&Observed>, catalog: &Catalog) -> GrantV1 {
    let entry = Action::parse(row.action.as_str()).and_then(|action| catalog.action(&action));
    GrantV1 {
        action: row.action.to_string(),
        actions: row.actions,
        resource: row.resource.to_string(),
        conditions: row.conditions.clone(),
        today: row.today.iter().map(ToString::to_string).collect(),
        access: entry.map(|entry| entry.access_level().as_str()),
        verdict: row.verdict.as_str(),
        confidence: row.confidence.as_str(),
        because: row.because.iter().map(because).collect(),
        granted_by: row.granted_by.iter().map(origin).collect(),
        observed: observed.map(|observed| ObservedV1 {
            count: observed.count,
            estimated: observed.estimated,
            first: observed.first.clone(),
            last: observed.last.clone(),
            refused: observed.refused,
            coverage: observed.coverage.as_str(),
        }),
    }
}

fn because(because: &Because) -> BecauseV1 {
    let location = because.location.as_ref();
    BecauseV1 {
        kind: because.kind.as_str(),
        operation: because.operation.as_ref().map(ToString::to_string),
        file: location.map(|location| location.file.clone()),
        line: location.map(|location| location.line),
        column: location.map(|location| location.column),
        note: Some(because.note.clone()).filter(|note| !note.is_empty()),
    }
}

fn origin(origin: &GrantOrigin) -> OriginV1 {
    OriginV1 {
        kind: origin.kind,
        name: origin.name.clone(),
        file: origin.location.file.clone(),
        line: origin.location.line,
        column: origin.location.column,
    }
}

/// A gap as the interfaces have it.
pub fn gap(gap: &Gap) -> GapV1 {
    GapV1 {
        code: gap.code,
        message: gap.message.clone(),
        file: gap.location.as_ref().map(|location| location.file.clone()),
        line: gap.location.as_ref().map(|location| location.line),
    }
}

fn finding(finding: &Finding) -> FindingV1 {
    FindingV1 {
        rule: finding.rule.id,
        level: finding.level.as_str(),
        severity: finding.severity.map(Severity::as_str),
        confidence: finding.confidence.as_str(),
        function: finding.function.clone(),
        fingerprint: finding.fingerprint(),
        message: finding.message.clone(),
        locations: finding
            .places
            .iter()
            .enumerate()
            .map(|(index, place)| location(place, index))
            .collect(),
        suppressed: finding.waived.clone(),
    }
}

fn location(place: &Place, index: usize) -> LocationV1 {
    LocationV1 {
        file: place.location.file.clone(),
        line: place.location.line,
        column: place.location.column,
        role: if index == 0 { "primary" } else { "related" },
        label: place.label.clone(),
    }
}
