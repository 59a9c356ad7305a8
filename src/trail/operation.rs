//! The operation behind a record's event source and event name.

use std::collections::HashMap;

use crate::catalog::{Catalog, Operation};

use super::inputs;
use super::json::Node;

/// Finds operations by CloudTrail's names, and remembers them.
pub(super) struct EventNames<'c> {
    catalog: &'c Catalog,
    found: HashMap<(String, String), Vec<Operation<'c>>>,
}

impl<'c> EventNames<'c> {
    pub(super) fn new(catalog: &'c Catalog) -> Self {
        Self {
            catalog,
            found: HashMap::new(),
        }
    }

    /// The operation that a record names, such as `dynamodb.PutItem` for `dynamodb.amazonaws.com` `PutItem`.
    ///
    /// Where several services have an operation of the name (`ses` and `sesv2` have `SendEmail`), the request parameters
    /// decide: the operation counts whose input knows most of them.
    pub(super) fn operation(
        &mut self,
        source: &str,
        name: &str,
        parameters: &Node<'_>,
    ) -> Option<Operation<'c>> {
        let catalog = self.catalog;
        let found = self
            .found
            .entry((source.to_owned(), name.to_owned()))
            .or_insert_with_key(|(source, name)| catalog.operations_of_event(source, name));
        let (first, others) = found.split_first()?;
        if others.is_empty() {
            return Some(newest_list(*first, parameters));
        }
        let fit = |operation: &Operation<'_>| inputs::known_parameters(*operation, parameters);
        let better =
            |best: Operation<'c>, next: &Operation<'c>| if fit(next) > fit(&best) { *next } else { best };
        Some(others.iter().fold(*first, better))
    }
}

/// S3 records `ListObjectsV2` as `ListObjects`; a parameter of the request tells.
fn newest_list<'c>(operation: Operation<'c>, parameters: &Node<'_>) -> Operation<'c> {
    let is_v2 = operation.name() == "ListObjects" && parameters.get("list-type").is_some();
    let newest = is_v2.then(|| operation.service().operation("ListObjectsV2"));
    newest.flatten().unwrap_or(operation)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::trail::json::{Parser, Sonic};

    #[test]
    fn parameters_tell_services_apart() {
        let mut names = EventNames::new(Catalog::embedded());
        for (source, name, parameters, expected) in [
            (
                "email",
                "SendEmail",
                r#"{"source":"a","destination":{}}"#,
                "ses.SendEmail",
            ),
            (
                "email",
                "SendEmail",
                r#"{"fromEmailAddress":"a","content":{}}"#,
                "sesv2.SendEmail",
            ),
            ("s3", "ListObjects", r#"{"bucketName":"b"}"#, "s3.ListObjects"),
            ("s3", "ListObjects", r#"{"list-type":"2"}"#, "s3.ListObjectsV2"),
            (
                "elasticloadbalancing",
                "DescribeLoadBalancers",
                r#"{"loadBalancerNames":["a"]}"#,
                "elasticloadbalancing.DescribeLoadBalancers",
            ),
            (
                "elasticloadbalancing",
                "DescribeLoadBalancers",
                r#"{"loadBalancerArns":["a"]}"#,
                "elasticloadbalancingv2.DescribeLoadBalancers",
            ),
            (
                "sagemaker",
                "InvokeEndpoint",
                "{}",
                "sagemakerruntime.InvokeEndpoint",
            ),
            ("bedrock", "Converse", "{}", "bedrockruntime.Converse"),
            (
                "appconfig",
                "GetLatestConfiguration",
                "{}",
                "appconfigdata.GetLatestConfiguration",
            ),
        ] {
            let node: Node<'_> = Sonic::parse(parameters).unwrap();
            let operation = names.operation(&format!("{source}.amazonaws.com"), name, &node);
            let id = operation.map(|operation| operation.id().to_string());
            assert_eq!(id.as_deref(), Some(expected), "{source} {name}");
        }
    }
}
