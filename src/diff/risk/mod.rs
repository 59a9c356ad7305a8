//! How bad a change of a role is: what the new role lets happen that the old one did not, worst first.
//!
//! A role is judged as a whole: all its identity policies together, within its permissions boundary and the
//! organisation's policies. Every claim rests on a request that [`crate::iam::evaluate`] decides: the new role allows it,
//! the old one does not. Phases: the dropped guardrails ([`guardrails`]) → the completed chains ([`chains`]) → what the
//! added statements grant ([`grants`]) → the trust policy ([`trust`]) → managed policies of AWS that changed.
//! Severities are those of `docs/semantics.md`.

mod atoms;
mod chains;
mod grants;
mod guardrails;
mod search;
mod trust;

use std::collections::{BTreeMap, BTreeSet};

use crate::catalog::{self, Catalog};
use crate::iam::policy::{Policy, PolicyKind};
use crate::iam::request::Request;
use crate::workspace::model::{GrantOrigin, Role, RoleStatement};

/// A role with everything that decides what it may do and who may be it.
#[derive(Clone, Debug, Default)]
pub struct WholeRole {
    /// Its ARN, as far as it is known; symbols allowed.
    pub arn: Option<String>,
    /// The statements of all its identity policies, with their origins.
    pub statements: Vec<RoleStatement>,
    /// Its permissions boundary.
    pub boundary: Option<Policy>,
    /// Service control policies, a list for each level; none when empty.
    pub scps: Vec<Vec<Policy>>,
    /// Its trust policy.
    pub trust: Option<Policy>,
    /// AWS managed policies that it carries: ARN → version.
    pub managed: BTreeMap<String, String>,
}

impl WholeRole {
    /// The role of a deployment, with managed policies of AWS resolved. A boundary that is not one of them is not
    /// known here and is left out; the caller can fill it in.
    pub fn of(catalog: &Catalog, role: &Role) -> Self {
        let managed = |name: &str| catalog.managed_policy(name);
        let boundary = role.boundary.as_deref().and_then(managed);
        let carried = role
            .statements
            .iter()
            .filter(|own| own.origin.kind == "managed-policy");
        Self {
            arn: Some(format!(
                "arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:role/${{{}}}",
                role.id
            )),
            statements: role.statements.clone(),
            boundary: boundary
                .and_then(|boundary| Policy::read(&boundary.document_json, PolicyKind::Identity).ok()),
            scps: Vec::new(),
            trust: role.trust.as_ref().map(|trust| trust.policy.clone()),
            managed: carried
                .filter_map(|own| managed(&own.origin.name))
                .map(|policy| (policy.arn, policy.version))
                .collect(),
        }
    }

    /// The account, if the ARN tells it.
    fn account(&self) -> Option<&str> {
        self.arn
            .as_deref()?
            .split(':')
            .nth(4)
            .filter(|account| account.len() == 12)
    }
}

/// How bad it is, least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Good to know.
    Info,
    /// Hardly bad.
    Low,
    /// Worth a look.
    Medium,
    /// Bad.
    High,
    /// Gives everything away.
    Critical,
}

impl Severity {
    /// The severity of a word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Info, Self::Low, Self::Medium, Self::High, Self::Critical]
            .into_iter()
            .find(|severity| severity.as_str() == word)
    }

    /// `info`, `low`, `medium`, `high` or `critical`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

impl From<catalog::Severity> for Severity {
    fn from(severity: catalog::Severity) -> Self {
        match severity {
            catalog::Severity::Low => Self::Low,
            catalog::Severity::Medium => Self::Medium,
            catalog::Severity::High => Self::High,
            catalog::Severity::Critical => Self::Critical,
        }
    }
}

/// What kind of change it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RiskKind {
    /// Every action, or every action of IAM, on everything.
    Administrator,
    /// A way to more privileges is complete.
    Escalation,
    /// A Deny, or the boundary, no longer holds.
    DroppedGuardrail,
    /// Someone else may be the role, or may be it more easily.
    WidenedTrust,
    /// `iam:PassRole` on more roles, or to more services.
    PassRole,
    /// More roles can be assumed.
    AssumeRole,
    /// An action that returns credentials.
    Credentials,
    /// An action that opens a resource to others, or manages permissions.
    Exposure,
    /// An action by which data leaves.
    Exfiltration,
    /// An action that reads data.
    DataAccess,
    /// Every action of a service.
    ServiceWildcard,
    /// A condition no longer limits a grant.
    ConditionRemoved,
    /// A grant is on every resource now.
    ResourceWidened,
    /// An action that changes something.
    Write,
    /// An action that changes tags.
    Tagging,
    /// An action that lists or reads metadata.
    Read,
    /// AWS changed a managed policy.
    ManagedVersion,
}

impl RiskKind {
    /// The word of the machine interfaces, such as `dropped-guardrail`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Administrator => "administrator",
            Self::Escalation => "escalation",
            Self::DroppedGuardrail => "dropped-guardrail",
            Self::WidenedTrust => "widened-trust",
            Self::PassRole => "pass-role",
            Self::AssumeRole => "assume-role",
            Self::Credentials => "credentials",
            Self::Exposure => "exposure",
            Self::Exfiltration => "exfiltration",
            Self::DataAccess => "data-access",
            Self::ServiceWildcard => "service-wildcard",
            Self::ConditionRemoved => "condition-removed",
            Self::ResourceWidened => "resource-widened",
            Self::Write => "write",
            Self::Tagging => "tagging",
            Self::Read => "read",
            Self::ManagedVersion => "managed-version",
        }
    }
}

/// One thing that the new role lets happen and the old one did not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Risk {
    /// How bad it is.
    pub severity: Severity,
    /// What kind of change it is.
    pub kind: RiskKind,
    /// One sentence.
    pub message: String,
    /// The actions it is about, sorted.
    pub actions: BTreeSet<String>,
    /// Id and name of the escalation path.
    pub path: Option<(&'static str, &'static str)>,
    /// The statements that bring it about: by their position in the new role (or, for a dropped guardrail, the old one)
    /// with their origins; empty for trust policies.
    pub statements: BTreeMap<usize, GrantOrigin>,
    /// A request that the new role allows and the old one does not.
    pub witness: Option<Request>,
    /// The smallest change that undoes it.
    pub fix: String,
}

impl Risk {
    fn new(severity: Severity, kind: RiskKind, message: String, fix: String) -> Self {
        Self {
            severity,
            kind,
            message,
            actions: BTreeSet::new(),
            path: None,
            statements: BTreeMap::new(),
            witness: None,
            fix,
        }
    }
}

/// What the new role lets happen that the old one did not, worst first. Without an old role everything is new.
pub fn risks(catalog: &Catalog, old: Option<&WholeRole>, new: &WholeRole) -> Vec<Risk> {
    let nothing = WholeRole {
        arn: new.arn.clone(),
        ..WholeRole::default()
    };
    let before = old.unwrap_or(&nothing);
    let mut found = Vec::new();
    if old.is_some() {
        found.extend(guardrails::risks(catalog, before, new));
    }
    found.extend(grants::risks(catalog, before, new));
    let is_administrator = found.iter().any(|risk| risk.kind == RiskKind::Administrator);
    // Whoever may do everything needs no chain to get there.
    if !is_administrator {
        found.extend(chains::risks(catalog, before, new));
    }
    found.extend(trust::risks(catalog, before, new));
    found.extend(managed(before, new));
    found.sort_by(|a, b| {
        (std::cmp::Reverse(a.severity), a.kind, a.path, &a.message).cmp(&(
            std::cmp::Reverse(b.severity),
            b.kind,
            b.path,
            &b.message,
        ))
    });
    found
}

/// The ways to more privileges that a role completes as it is, each with a request for every step that needs one.
pub fn escalations(catalog: &Catalog, role: &WholeRole) -> Vec<Risk> {
    let nothing = WholeRole {
        arn: role.arn.clone(),
        ..WholeRole::default()
    };
    chains::risks(catalog, &nothing, role)
}

/// Managed policies of AWS whose version changed; what that grants is told apart, like any other change.
fn managed(old: &WholeRole, new: &WholeRole) -> Vec<Risk> {
    let changed = new.managed.iter().filter_map(|(arn, version)| {
        let before = old.managed.get(arn).filter(|before| *before != version)?;
        Some(Risk::new(
            Severity::Info,
            RiskKind::ManagedVersion,
            format!("AWS changed the managed policy `{arn}` from {before} to {version}"),
            "nobody of yours changed it: compare the two versions, and replace it by a policy of your own if it grants too much"
                .to_owned(),
        ))
    });
    changed.collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
mod tests;
