//! Look-ups from the other end: which inputs name a call's resources, which operations an action is for, which managed
//! policies allow it, which escalation paths use it.

use std::collections::BTreeSet;

use super::{Catalog, EscalationPath, Source};

/// An operation that needs an action.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Needing {
    /// The operation.
    pub operation: OperationId,
    /// The condition on the inputs, in words; `None` when it always needs the action.
    pub when: Option<String>,
}

/// A managed policy that allows an action.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Allowing {
    /// The policy's name.
    pub policy: String,
    /// Whether a statement allows it on every resource and without conditions.
    pub everywhere: bool,
}
use crate::iam::action::{Action, ActionPattern};
use crate::iam::policy::{Actions, Effect, Policy, Resources};
use crate::usage::{Inputs, OperationId};

impl Catalog {
    /// The input members that name the resources of an operation's actions, such as `TableName`, or `CopySource` and
    /// `Bucket`, roles that are passed on and secrets that are read for it included; the parts of a resource inside
    /// another one (object keys, index names) are left out. Sorted.
    pub fn resource_members(&self, operation: &OperationId, inputs: &Inputs) -> Vec<String> {
        let Some(need) = self.need(operation, inputs) else {
            return Vec::new();
        };
        let resources = need.actions.iter().flat_map(|action| &action.resources);
        let members: BTreeSet<String> = resources
            .filter_map(|resource| {
                // The first member names the resource that all others lie in.
                resource.variables.iter().find_map(|(_, source)| match source {
                    Source::Input { path, .. } => Some(path.clone()),
                    Source::Default(_) | Source::Unknown => None,
                })
            })
            .collect();
        members.into_iter().collect()
    }

    /// The operations that need a plain action: the one of its name, else every one of the service that can need it.
    pub fn operations_of_action(&self, action: &ActionPattern) -> Vec<OperationId> {
        let Some(action) = Action::parse(action.as_str()) else {
            return Vec::new();
        };
        let services = || {
            self.services()
                .filter(|service| service.iam_prefix() == action.prefix())
        };
        let same_name: Vec<OperationId> = services()
            .filter_map(|service| service.operation(action.name()).map(|operation| operation.id()))
            .collect();
        if !same_name.is_empty() {
            return same_name;
        }
        let needs_it = |operation: &OperationId| {
            self.every_need(operation)
                .is_some_and(|need| need.actions.iter().any(|needed| needed.action == action))
        };
        services()
            .flat_map(|service| service.operations().map(|o| o.id()).collect::<Vec<_>>())
            .filter(needs_it)
            .collect()
    }

    /// Every operation that can need an action, sorted; looks through all 19,800, which takes a moment.
    pub fn operations_needing(&self, action: &Action) -> Vec<Needing> {
        let mut found: Vec<Needing> = self
            .services()
            .flat_map(|service| service.operations())
            .filter_map(|operation| self.needing(&operation.id(), action))
            .collect();
        found.sort();
        found
    }

    fn needing(&self, operation: &OperationId, action: &Action) -> Option<Needing> {
        let need = self.every_need(operation)?;
        let mut rows = need
            .actions
            .iter()
            .filter(|needed| needed.action == *action)
            .peekable();
        rows.peek()?;
        let conditions: Option<BTreeSet<&str>> = rows
            .map(|needed| needed.when.as_ref().map(|when| when.words.as_str()))
            .collect();
        Some(Needing {
            operation: operation.clone(),
            when: conditions.map(|words| words.into_iter().collect::<Vec<_>>().join(", or ")),
        })
    }

    /// The AWS managed policies that allow an action, sorted; reads all of them, which takes a moment.
    pub fn managed_policies_allowing(&self, action: &Action) -> Vec<Allowing> {
        let allowing = |name: &str| {
            let document = self.managed_policy(name)?.document_json;
            let policy = Policy::from_json(&document).ok()?;
            let statements = policy.statements.iter().filter(|statement| {
                let allows = match &statement.actions {
                    Actions::Only(patterns) => patterns.iter().any(|pattern| pattern.matches(action)),
                    Actions::AllExcept(patterns) => !patterns.iter().any(|pattern| pattern.matches(action)),
                };
                statement.effect == Effect::Allow && allows
            });
            let everywhere: Vec<bool> = statements
                .map(|statement| {
                    let any = matches!(&statement.resources,
                        Resources::Only(resources) if resources.iter().any(|resource| resource.is_any()));
                    any && statement.conditions.is_empty()
                })
                .collect();
            (!everywhere.is_empty()).then(|| Allowing {
                policy: name.to_owned(),
                everywhere: everywhere.contains(&true),
            })
        };
        self.managed_policy_names().filter_map(allowing).collect()
    }

    /// The escalation paths that an action takes part in.
    pub fn escalation_paths_with(&self, action: &Action) -> Vec<&'static EscalationPath> {
        let is_step = |path: &&EscalationPath| {
            path.required
                .iter()
                .any(|step| step.action.eq_ignore_ascii_case(action.as_str()))
        };
        self.escalation_paths().iter().filter(is_step).collect()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::usage::ResourceHint;

    #[test]
    fn an_action_leads_to_all_that_has_to_do_with_it() {
        let catalog = Catalog::embedded();
        let action = |text: &str| Action::parse(text).unwrap();
        let needing = catalog.operations_needing(&action("s3:PutObjectTagging"));
        let when = |name: &str| {
            let of_name = |needing: &&Needing| needing.operation.to_string() == name;
            needing.iter().find(of_name).unwrap().when.clone()
        };
        assert_eq!(when("s3.PutObject").as_deref(), Some("Tagging is set"));
        assert_eq!(
            when("s3.PutObjectTagging").as_deref(),
            Some("VersionId is not set")
        );

        let allowing = catalog.managed_policies_allowing(&action("dynamodb:PutItem"));
        let named = |name: &str| allowing.iter().find(|allowing| allowing.policy == name);
        assert!(named("AdministratorAccess").unwrap().everywhere);
        assert!(named("AmazonDynamoDBFullAccess").unwrap().everywhere);
        assert_eq!(named("AmazonDynamoDBReadOnlyAccess"), None);

        let paths = catalog.escalation_paths_with(&action("iam:passrole"));
        assert!(paths.len() > 10);
        assert!(
            catalog
                .escalation_paths_with(&action("dynamodb:Query"))
                .is_empty()
        );
    }

    #[test]
    fn every_member_that_names_a_resource_is_told() {
        for (operation, set, members) in [
            ("dynamodb.Query", "TableName IndexName", "TableName"),
            ("s3.CopyObject", "CopySource Bucket Key", "Bucket CopySource"),
            (
                "rdsdata.ExecuteStatement",
                "resourceArn secretArn sql",
                "resourceArn secretArn",
            ),
            ("ec2.StartInstances", "InstanceIds[]", "InstanceIds[]"),
            (
                "sfn.CreateStateMachine",
                "name definition roleArn",
                "name roleArn",
            ),
            (
                "autoscaling.SetDesiredCapacity",
                "AutoScalingGroupName DesiredCapacity",
                "AutoScalingGroupName",
            ),
            (
                "rekognition.DetectLabels",
                "Image.S3Object.Bucket Image.S3Object.Name",
                "Image.S3Object.Bucket",
            ),
        ] {
            let inputs: Inputs = set
                .split(' ')
                .map(|path| (path.to_owned(), vec![ResourceHint::unknown("not told here")]))
                .collect();
            let operation = OperationId::parse(operation).unwrap();
            let found = Catalog::embedded().resource_members(&operation, &inputs);
            assert_eq!(found.join(" "), members, "{operation}");
        }
    }
}
