//! Look-ups from the other end: which inputs name a call's resources, which operations an action is for.

use std::collections::BTreeSet;

use super::{Catalog, Source};
use crate::iam::action::{Action, ActionPattern};
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
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::usage::ResourceHint;

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
