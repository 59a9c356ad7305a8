//! The operation behind a record's event source and event name.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::catalog::{Catalog, Operation};
use crate::usage::OperationId;

use super::inputs;
use super::json::{Keys, Parser, Reference, Sonic};

/// The number of an event source and event name, for those who keep things by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct EventName(u32);

/// An operation, and which one of its name it is.
#[derive(Clone, Copy)]
pub(super) struct Chosen<'c> {
    pub(super) operation: Operation<'c>,
    /// From 1 on.
    pub(super) nth: u8,
}

/// An event source and event name.
pub(super) struct Named<'c> {
    pub(super) source: Arc<str>,
    pub(super) name: Arc<str>,
    /// The operations that the name can stand for, the likeliest first.
    operations: Vec<Operation<'c>>,
}

/// Finds operations by CloudTrail's names, and remembers them.
pub(super) struct EventNames<'c> {
    catalog: &'c Catalog,
    /// Event source → event name → number.
    numbers: FxHashMap<Box<str>, FxHashMap<Box<str>, EventName>>,
    /// By number.
    names: Vec<Named<'c>>,
    /// The ids of operations that were chosen.
    ids: FxHashMap<(EventName, u8), Arc<OperationId>>,
}

impl<'c> EventNames<'c> {
    pub(super) fn new(catalog: &'c Catalog) -> Self {
        Self {
            catalog,
            numbers: FxHashMap::default(),
            names: Vec::new(),
            ids: FxHashMap::default(),
        }
    }

    /// The number of a source and a name.
    pub(super) fn number(&mut self, source: &str, name: &str) -> EventName {
        if let Some(number) = self.numbers.get(source).and_then(|names| names.get(name)) {
            return *number;
        }
        let number = EventName(u32::try_from(self.names.len()).unwrap_or(u32::MAX));
        self.names.push(Named {
            source: source.into(),
            name: name.into(),
            operations: self.catalog.operations_of_event(source, name),
        });
        let names = self.numbers.entry(source.into()).or_default();
        names.insert(name.into(), number);
        number
    }

    /// What stands behind a number.
    pub(super) fn named(&self, name: EventName) -> Option<&Named<'c>> {
        self.names.get(name.0 as usize)
    }

    /// The id of an operation that was chosen for a name.
    pub(super) fn id(&mut self, name: EventName, chosen: Chosen<'c>) -> Arc<OperationId> {
        let id = self.ids.entry((name, chosen.nth));
        Arc::clone(id.or_insert_with(|| Arc::new(chosen.operation.id())))
    }

    /// The operation that a record names, such as `dynamodb.PutItem` for `dynamodb.amazonaws.com` `PutItem`.
    ///
    /// Where several services have an operation of the name (`ses` and `sesv2` have `SendEmail`), the request parameters
    /// decide: the operation counts whose input knows most of them.
    pub(super) fn operation(&self, name: EventName, parameters: &str) -> Option<Chosen<'c>> {
        let operations = &self.names.get(name.0 as usize)?.operations;
        let operation = *operations.first()?;
        if operations.len() == 1 {
            return Some(newest_list(operation, parameters));
        }
        let Keys(keys) = keys(parameters);
        let mut best = (0, Chosen { operation, nth: 1 });
        for (operation, nth) in operations.iter().zip(1..) {
            let fit = inputs::known_parameters(*operation, &keys);
            if fit > best.0 {
                let operation = *operation;
                best = (fit, Chosen { operation, nth });
            }
        }
        Some(best.1)
    }
}

/// S3 records `ListObjectsV2` as `ListObjects`; a parameter of the request tells.
fn newest_list<'c>(operation: Operation<'c>, parameters: &str) -> Chosen<'c> {
    let is_v2 = || keys(parameters).0.iter().any(|key| key == "list-type");
    if operation.name() == "ListObjects"
        && is_v2()
        && let Some(operation) = operation.service().operation("ListObjectsV2")
    {
        return Chosen { operation, nth: 2 };
    }
    Chosen { operation, nth: 1 }
}

/// The names of the parameters; what no parser can read has none.
fn keys(parameters: &str) -> Keys<'_> {
    Sonic::parse(parameters)
        .or_else(|_| Reference::parse(parameters))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

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
            let number = names.number(&format!("{source}.amazonaws.com"), name);
            let operation = names.operation(number, parameters);
            let id = operation.map(|chosen| chosen.operation.id().to_string());
            assert_eq!(id.as_deref(), Some(expected), "{source} {name}");
        }
    }
}
