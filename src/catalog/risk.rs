//! What an action can be abused for, and the chains of actions that lead to more privileges.
//!
//! The data is in `data/risk/`: classes of actions (cloudsplaining, iam-dataset) and escalation paths
//! (pathfinding.cloud, cloudsplaining); `docs/data-sources.md` has versions and licences.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde::Deserialize;

use crate::iam::action::Action;

use super::Catalog;

const CLASSES: &str = include_str!("data/risk/action-classes.tsv");
const PATHS: &str = include_str!("data/risk/escalation-paths.json");

/// How bad it is, least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Hardly.
    Low,
    /// Worth a look.
    Medium,
    /// Bad.
    High,
    /// Gives everything away.
    Critical,
}

/// What an action can be abused for, least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RiskClass {
    /// Reads the data of the account.
    DataAccess,
    /// Reads data in bulk, the way it is stolen.
    DataExfiltration,
    /// Opens resources to other accounts or to everyone.
    ResourceExposure,
    /// Returns credentials.
    CredentialExposure,
    /// Leads to more privileges by itself.
    PrivilegeEscalation,
}

/// A chain of actions by which a principal gains privileges.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct EscalationPath {
    /// Its id, such as `lambda-001`.
    pub id: String,
    /// Its name, such as `iam:PassRole + lambda:CreateFunction + lambda:InvokeFunction`.
    pub name: String,
    /// `self-escalation`, `principal-access`, `new-passrole` or `existing-passrole`.
    pub category: String,
    /// How bad it is.
    pub severity: Severity,
    /// The actions that must all be allowed.
    pub required: Vec<EscalationStep>,
}

/// One action of an escalation path.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct EscalationStep {
    /// The action, `prefix:Name`.
    pub action: String,
    /// What it must be allowed on.
    pub on: EscalationTarget,
    /// The service that the role is passed to, where the source states it.
    pub passed_to: Option<String>,
}

/// What a step of an escalation path must be allowed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EscalationTarget {
    /// Any resource.
    Any,
    /// The existing resource that is abused.
    Target,
    /// The principal itself, or a policy attached to it.
    Own,
    /// A group that the principal is in.
    OwnGroup,
    /// A privileged role, with `iam:PassRole`.
    Role,
    /// A role whose trust policy admits the principal.
    AssumableRole,
    /// A look-up only, which prior knowledge can replace.
    Discovery,
}

/// The file of escalation paths.
#[derive(Debug, Default, Deserialize)]
struct PathsFile {
    paths: Vec<EscalationPath>,
}

impl RiskClass {
    /// The word of the machine interfaces, such as `credential-exposure`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DataAccess => "data-access",
            Self::DataExfiltration => "data-exfiltration",
            Self::ResourceExposure => "resource-exposure",
            Self::CredentialExposure => "credential-exposure",
            Self::PrivilegeEscalation => "privilege-escalation",
        }
    }

    /// How bad an action of this class is.
    pub fn severity(self) -> Severity {
        match self {
            Self::DataAccess | Self::DataExfiltration => Severity::Medium,
            Self::ResourceExposure | Self::CredentialExposure | Self::PrivilegeEscalation => Severity::High,
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [
            Self::DataAccess,
            Self::DataExfiltration,
            Self::ResourceExposure,
            Self::CredentialExposure,
            Self::PrivilegeEscalation,
        ]
        .into_iter()
        .find(|class| class.as_str() == text)
    }
}

impl Severity {
    /// `low`, `medium`, `high` or `critical`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

impl Catalog {
    /// What an action can be abused for, the worst class it is in; `None` when no source lists it.
    pub fn risk(&self, action: &Action) -> Option<RiskClass> {
        self.risks(action).last().copied()
    }

    /// Every class that an action is in, least first.
    pub fn risks(&self, action: &Action) -> &'static [RiskClass] {
        static RISKS: OnceLock<BTreeMap<String, Vec<RiskClass>>> = OnceLock::new();
        RISKS
            .get_or_init(read_classes)
            .get(&action.as_str().to_ascii_lowercase())
            .map_or(&[], Vec::as_slice)
    }

    /// Every known escalation path, sorted by id.
    pub fn escalation_paths(&self) -> &'static [EscalationPath] {
        static FILE: OnceLock<PathsFile> = OnceLock::new();
        &FILE
            .get_or_init(|| serde_json::from_str(PATHS).unwrap_or_default())
            .paths
    }
}

/// Classes by lower-case action.
fn read_classes() -> BTreeMap<String, Vec<RiskClass>> {
    let mut classes: BTreeMap<String, Vec<RiskClass>> = BTreeMap::new();
    for line in CLASSES.lines().skip(1) {
        let mut fields = line.split('\t');
        if let (Some(class), Some(action)) = (fields.next().and_then(RiskClass::parse), fields.next()) {
            classes
                .entry(action.to_ascii_lowercase())
                .or_default()
                .push(class);
        }
    }
    for of_action in classes.values_mut() {
        of_action.sort();
    }
    classes
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn every_line_names_a_class_and_a_known_action() {
        let catalog = Catalog::embedded();
        for line in CLASSES.lines().skip(1) {
            let mut fields = line.split('\t');
            let class = RiskClass::parse(fields.next().unwrap());
            let action = Action::parse(fields.next().unwrap()).unwrap();
            assert_eq!(
                class.map(|class| class.severity().as_str()),
                fields.next(),
                "{line}"
            );
            assert!(catalog.action(&action).is_some(), "{line}");
            assert!(catalog.risks(&action).contains(&class.unwrap()));
        }
    }

    #[test]
    fn the_worst_class_counts() {
        let risk = |text: &str| Catalog::embedded().risk(&Action::parse(text).unwrap());
        assert_eq!(risk("sts:AssumeRole"), Some(RiskClass::CredentialExposure));
        assert_eq!(risk("s3:PutBucketPolicy"), Some(RiskClass::ResourceExposure));
        assert_eq!(
            risk("s3:getobject").map(RiskClass::severity),
            Some(Severity::Medium)
        );
        assert_eq!(risk("dynamodb:DescribeTable"), None);
    }

    #[test]
    fn escalation_paths_can_be_read() {
        let file: PathsFile = serde_json::from_str(PATHS).unwrap();
        assert_eq!(file.paths.len(), 69);
        for path in &file.paths {
            assert!(!path.required.is_empty(), "{}", path.id);
            for step in &path.required {
                assert!(Action::parse(&step.action).is_some(), "{}", path.id);
            }
        }
        assert_eq!(Catalog::embedded().escalation_paths(), file.paths);
    }
}
