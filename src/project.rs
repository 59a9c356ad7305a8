//! The library: what the functions of a project need, for use in its own tests.
//!
//! ```
//! use rolefit::project::Project;
//!
//! let project = Project::read("docs/demo/orders")?;
//! let place_order = project.function("PlaceOrderFunction")?;
//!
//! // What its code calls, no more and no less.
//! assert_eq!(place_order.actions_of_code(), ["dynamodb:PutItem", "events:PutEvents"]);
//! assert!(place_order.resources_of("dynamodb:PutItem")[0].ends_with(":table/${OrdersTable}"));
//! // Nothing about it is unknown, and its role lacks nothing.
//! assert_eq!(place_order.gaps(), [""; 0]);
//! assert_eq!(place_order.missing(), []);
//! # Ok::<(), rolefit::project::ProjectError>(())
//! ```
//!
//! This module and [`crate::iam`] are the crate's interface: what they offer changes only with a new version. The other
//! modules are public for the program, its tests and its benches, and may change at any time.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;

use crate::cli::args;
use crate::cli::{assess, inputs};
use crate::diff::{Diff, Verdict};
use crate::iam::contain::{self, Options};
use crate::iam::policy::Policy;
use crate::usage::{BecauseKind, Gap, Grant};

/// A project that cannot be read, or a function that it has not.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ProjectError(String);

/// A project: its functions, what each needs, and what its role grants.
#[derive(Debug)]
pub struct Project {
    functions: Vec<FunctionNeed>,
}

impl Project {
    /// Reads a package, a workspace, or a folder with many of each, as `rolefit diff FOLDER` does: with the stack
    /// templates found there, and the `rolefit.toml` that holds for it. Nothing outside of it is read, and no network.
    ///
    /// # Errors
    /// When the folder or its `rolefit.toml` cannot be read. Code and templates that cannot be read are gaps of the
    /// functions that they concern.
    pub fn read(folder: impl AsRef<Path>) -> Result<Self, ProjectError> {
        let project = args::Project {
            path: folder.as_ref().to_path_buf(),
            ..args::Project::default()
        };
        let inputs = inputs::read(&project).map_err(|error| ProjectError(format!("{error:#}")))?;
        let report = assess::assess(&inputs);
        let functions = report.functions.into_iter().map(|assessed| FunctionNeed {
            name: assessed.function.name.clone(),
            binary: assessed
                .function
                .binary
                .as_ref()
                .map(|binary| binary.binary.clone()),
            has_role: assessed.function.role.is_some(),
            grants: assessed.grants,
            policy: assessed.policy,
            diff: assessed.diff,
            gaps: assessed.gaps.iter().map(told).collect(),
        });
        Ok(Self {
            functions: functions.collect(),
        })
    }

    /// All functions, in the order of their stacks.
    pub fn functions(&self) -> &[FunctionNeed] {
        &self.functions
    }

    /// The function of a name: the logical id in its stack, or the binary that it runs.
    ///
    /// # Errors
    /// When none, or more than one, has that name.
    pub fn function(&self, name: &str) -> Result<&FunctionNeed, ProjectError> {
        let named =
            |function: &&FunctionNeed| function.name == name || function.binary.as_deref() == Some(name);
        let found: Vec<&FunctionNeed> = self.functions.iter().filter(named).collect();
        match found.as_slice() {
            [function] => Ok(function),
            [] => {
                let known: Vec<&str> = self.functions.iter().map(FunctionNeed::name).collect();
                Err(ProjectError(format!(
                    "no function `{name}`; found: {}",
                    known.join(", ")
                )))
            }
            _ => Err(ProjectError(format!(
                "`{name}` is the name of {} functions",
                found.len()
            ))),
        }
    }
}

/// A gap with its place.
fn told(gap: &Gap) -> String {
    match &gap.location {
        Some(location) => format!("{}: {} ({location})", gap.code, gap.message),
        None => format!("{}: {}", gap.code, gap.message),
    }
}

/// One function: what it needs, and what its role grants.
#[derive(Debug)]
pub struct FunctionNeed {
    name: String,
    binary: Option<String>,
    has_role: bool,
    grants: Vec<Grant>,
    policy: Policy,
    diff: Diff,
    gaps: Vec<String>,
}

impl FunctionNeed {
    /// Its logical id in the stack, or the name of its binary.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The smallest policy that allows what it needs.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Every action that it needs, those included that Lambda itself uses (logs, tracing, event sources); sorted.
    pub fn actions(&self) -> Vec<String> {
        self.actions_where(|_| true)
    }

    /// The actions that its code calls for; sorted.
    pub fn actions_of_code(&self) -> Vec<String> {
        self.actions_where(|grant| {
            grant
                .because()
                .iter()
                .any(|because| because.kind == BecauseKind::Code)
        })
    }

    fn actions_where(&self, counts: impl Fn(&Grant) -> bool) -> Vec<String> {
        let actions: BTreeSet<String> = self
            .grants
            .iter()
            .filter(|grant| counts(grant))
            .map(|grant| grant.action.to_string())
            .collect();
        actions.into_iter().collect()
    }

    /// Whether it needs an action, on any resource.
    pub fn needs(&self, action: &str) -> bool {
        !self.resources_of(action).is_empty()
    }

    /// The resources that it needs an action on, as symbolic ARNs: `${OrdersTable}` is what the stack calls `OrdersTable`.
    /// Sorted.
    pub fn resources_of(&self, action: &str) -> Vec<String> {
        let of_action = |grant: &&Grant| grant.action.to_string().eq_ignore_ascii_case(action);
        let resources: BTreeSet<String> = self
            .grants
            .iter()
            .filter(of_action)
            .map(|grant| grant.resource.to_string())
            .collect();
        resources.into_iter().collect()
    }

    /// What is not known of its need, each with its code and place.
    pub fn gaps(&self) -> &[String] {
        &self.gaps
    }

    /// What it needs and its role does not grant; nothing for a function whose role is not known.
    pub fn missing(&self) -> Vec<Access> {
        self.rows(&[Verdict::Add])
    }

    /// What its role grants and it does not need, wildcards as they are written.
    pub fn excess(&self) -> Vec<Access> {
        self.rows(&[Verdict::Remove, Verdict::Narrow])
    }

    fn rows(&self, verdicts: &[Verdict]) -> Vec<Access> {
        let counts = |verdict: &Verdict| self.has_role && verdicts.contains(verdict);
        let rows = self.diff.rows.iter().filter(|row| counts(&row.verdict));
        rows.map(|row| Access {
            action: row.action.to_string(),
            resource: row.resource.to_string(),
        })
        .collect()
    }

    /// Proves that a policy allows all that the function needs.
    ///
    /// # Errors
    /// A request that it needs and the policy does not allow; or that nothing could be proved.
    pub fn is_covered_by(&self, policy: &Policy) -> Result<(), NotCovered> {
        match contain::contain(
            std::slice::from_ref(&self.policy),
            std::slice::from_ref(policy),
            &Options::default(),
        ) {
            contain::Verdict::NoNewAccess => Ok(()),
            contain::Verdict::NewAccess(witness) => Err(NotCovered(format!(
                "{} needs {} on {}, which the policy does not allow",
                self.name, witness.request.action, witness.request.resource
            ))),
            contain::Verdict::Unproven { .. } => Err(NotCovered(format!(
                "it could not be proved that the policy allows all that {} needs",
                self.name
            ))),
        }
    }
}

/// Something that a function needs and a policy does not allow.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotCovered(String);

/// An action on a resource.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Access {
    /// Such as `dynamodb:PutItem`, or a pattern such as `s3:*`.
    pub action: String,
    /// A symbolic ARN, or `*`.
    pub resource: String,
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {}", self.action, self.resource)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_function_is_known_by_its_id_and_its_binary() {
        let project = Project::read("docs/demo/orders").unwrap();
        assert_eq!(project.function("api").unwrap().name(), "ApiFunction");
        let error = project.function("apis").unwrap_err().to_string();
        assert!(error.starts_with("no function `apis`; found: "), "{error}");
        assert!(Project::read("docs/nowhere").is_err());
    }

    #[test]
    fn what_a_role_lacks_and_has_beyond_the_need_is_told() {
        let project = Project::read("docs/demo/orders").unwrap();
        let api = project.function("ApiFunction").unwrap();
        let missing: Vec<String> = api.missing().iter().map(Access::to_string).collect();
        assert_eq!(missing.len(), 1, "{missing:?}");
        assert!(missing[0].starts_with("dynamodb:Query on ") && missing[0].ends_with("/index/by-customer"));
        let excess: Vec<String> = api.excess().into_iter().map(|access| access.action).collect();
        assert!(excess.contains(&"s3:ListBucket".to_owned()), "{excess:?}");
    }

    #[test]
    fn a_policy_covers_a_need_or_a_request_tells_why_not() {
        let project = Project::read("docs/demo/orders").unwrap();
        let place = project.function("place-order").unwrap();
        assert_eq!(place.is_covered_by(place.policy()), Ok(()));
        let less = Policy::from_json(
            r#"{"Statement": {"Effect": "Allow", "NotAction": "events:*", "Resource": "*"}}"#,
        );
        let error = place.is_covered_by(&less.unwrap()).unwrap_err().to_string();
        assert!(
            error.starts_with("PlaceOrderFunction needs events:PutEvents on "),
            "{error}"
        );
    }
}
