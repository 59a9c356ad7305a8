//! The operation behind a record's event source and event name.
//!
//! In order: a name that the table knows; an operation of the services whose endpoint prefix or crate name is the event
//! source; one of the services that share its IAM prefix (`dynamodb.amazonaws.com` records DynamoDB's streams, and
//! `bedrock.amazonaws.com` the calls of `bedrockruntime`). Where two services have an operation of the name, the request
//! parameters decide: the service counts whose input knows most of them.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde::Deserialize;

use crate::catalog::{Catalog, Operation, Service};
use crate::usage::OperationId;

use super::inputs;
use super::json::Node;

/// The table of names that the rules do not find.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Exceptions {
    sources: BTreeMap<String, Vec<String>>,
    name: Vec<ExceptionalName>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExceptionalName {
    source: String,
    event: String,
    when: Option<String>,
    operation: String,
}

impl Exceptions {
    /// The table that rolefit carries; a test reads it, so that it always can be read.
    fn embedded() -> &'static Self {
        static EXCEPTIONS: OnceLock<Exceptions> = OnceLock::new();
        EXCEPTIONS.get_or_init(|| toml::from_str(include_str!("event-names.toml")).unwrap_or_default())
    }
}

/// Finds operations by CloudTrail's names.
pub(super) struct EventNames<'c> {
    catalog: &'c Catalog,
    services: Vec<Service<'c>>,
    exceptions: &'static Exceptions,
}

impl<'c> EventNames<'c> {
    pub(super) fn new(catalog: &'c Catalog) -> Self {
        Self {
            catalog,
            services: catalog.services().collect(),
            exceptions: Exceptions::embedded(),
        }
    }

    /// The operation that a record names, such as `dynamodb.PutItem` for `dynamodb.amazonaws.com` `PutItem`.
    pub(super) fn operation(&self, source: &str, name: &str, parameters: &Node<'_>) -> Option<Operation<'c>> {
        let source = source.strip_suffix(".amazonaws.com").unwrap_or(source);
        self.exceptional(source, name, parameters).or_else(|| {
            let services = self.services_of(source);
            best(&services, name, parameters).or_else(|| {
                let relatives = self.relatives_of(source, &services);
                best(&relatives, name, parameters)
            })
        })
    }

    fn exceptional(&self, source: &str, name: &str, parameters: &Node<'_>) -> Option<Operation<'c>> {
        let fits = |row: &&ExceptionalName| {
            row.source == source
                && row.event == name
                && row.when.as_ref().is_none_or(|key| parameters.get(key).is_some())
        };
        let row = self.exceptions.name.iter().find(fits)?;
        let id = OperationId::parse(&row.operation)?;
        self.catalog.service(&id.service)?.operation(&id.name)
    }

    /// The services whose own name an event source is.
    fn services_of(&self, source: &str) -> Vec<Service<'c>> {
        if let Some(names) = self.exceptions.sources.get(source) {
            return names
                .iter()
                .filter_map(|name| self.catalog.service(name))
                .collect();
        }
        let named =
            |service: &&Service<'_>| service.endpoint_prefix() == source || service.suffix() == source;
        self.services.iter().filter(named).copied().collect()
    }

    /// The services that share the IAM prefix.
    fn relatives_of(&self, source: &str, services: &[Service<'c>]) -> Vec<Service<'c>> {
        let related = |service: &&Service<'_>| {
            let prefix = service.iam_prefix();
            prefix == source || services.iter().any(|own| own.iam_prefix() == prefix)
        };
        self.services.iter().filter(related).copied().collect()
    }
}

/// The operation of the name whose input knows most of the parameters; of equals the first.
fn best<'c>(services: &[Service<'c>], name: &str, parameters: &Node<'_>) -> Option<Operation<'c>> {
    let plain = without_version(name);
    let mut found = services.iter().filter_map(|service| {
        service
            .operation_of_method(name)
            .or_else(|| service.operation_of_method(plain))
    });
    let first = found.next()?;
    let fit = |operation: &Operation<'_>| inputs::known_parameters(*operation, parameters);
    Some(found.fold(
        first,
        |best, next| if fit(&next) > fit(&best) { next } else { best },
    ))
}

/// Drops the date of an API version, and a revision behind it: `GetFunction20150331v2`, `CreateDistribution2020_05_31`.
///
/// Nothing shorter: `DescribeClusterV2` is an operation.
fn without_version(name: &str) -> &str {
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let unrevised = name
        .rsplit_once('v')
        .filter(|(_, revision)| !revision.is_empty() && digits(revision))
        .map_or(name, |(before, _)| before);
    let dated = |text: &str| -> Option<usize> {
        let at = text.len().checked_sub(8)?;
        let date = text.get(at..)?;
        (digits(date) && date.starts_with("20")).then_some(at)
    };
    if let Some(at) = dated(unrevised) {
        return name.get(..at).unwrap_or(name);
    }
    let underscored = |text: &str| -> Option<usize> {
        let at = text.len().checked_sub(10)?;
        let mut parts = text.get(at..)?.split('_');
        let lengths = [4, 2, 2];
        let fits = lengths.iter().all(|&length| {
            parts
                .next()
                .is_some_and(|part| part.len() == length && digits(part))
        });
        (fits && parts.next().is_none()).then_some(at)
    };
    match underscored(name) {
        Some(at) => name.get(..at).unwrap_or(name).trim_end_matches('_'),
        None => name,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::trail::json::{Parser, Sonic};

    #[test]
    fn the_table_names_services_and_operations_that_exist() {
        let exceptions: Exceptions = toml::from_str(include_str!("event-names.toml")).unwrap();
        let catalog = Catalog::embedded();
        for name in exceptions.sources.values().flatten() {
            assert!(catalog.service(name).is_some(), "{name}");
        }
        for row in &exceptions.name {
            let id = OperationId::parse(&row.operation).unwrap();
            let operation = catalog.service(&id.service).unwrap().operation(&id.name);
            assert!(operation.is_some(), "{}", row.operation);
        }
    }

    #[test]
    fn versions_are_dropped_and_names_kept() {
        for (name, plain) in [
            ("ListFunctions20150331", "ListFunctions"),
            ("GetFunction20150331v2", "GetFunction"),
            ("CreateDistribution2020_05_31", "CreateDistribution"),
            ("DescribeClusterV2", "DescribeClusterV2"),
            ("ListObjectsV2", "ListObjectsV2"),
            ("Invoke", "Invoke"),
            ("Resolv", "Resolv"),
            ("é20150331", "é"),
        ] {
            assert_eq!(without_version(name), plain);
        }
    }

    #[test]
    fn sources_and_names_lead_to_operations() {
        let names = EventNames::new(Catalog::embedded());
        for (source, name, parameters, expected) in [
            ("monitoring", "PutMetricData", "{}", "cloudwatch.PutMetricData"),
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
            ("ses", "SendRawEmail", "{}", "ses.SendRawEmail"),
            (
                "tagging",
                "GetResources",
                "{}",
                "resourcegroupstagging.GetResources",
            ),
            ("events", "PutEvents", "{}", "eventbridge.PutEvents"),
            ("states", "StartExecution", "{}", "sfn.StartExecution"),
            ("logs", "CreateLogStream", "{}", "cloudwatchlogs.CreateLogStream"),
            (
                "streams.dynamodb",
                "GetRecords",
                "{}",
                "dynamodbstreams.GetRecords",
            ),
            ("dynamodb", "GetRecords", "{}", "dynamodbstreams.GetRecords"),
            ("dynamodb", "ListStreams", "{}", "dynamodbstreams.ListStreams"),
            (
                "appconfigdata",
                "GetLatestConfiguration",
                "{}",
                "appconfigdata.GetLatestConfiguration",
            ),
            (
                "appconfig",
                "StartConfigurationSession",
                "{}",
                "appconfigdata.StartConfigurationSession",
            ),
            ("bedrock", "InvokeModel", "{}", "bedrockruntime.InvokeModel"),
            (
                "bedrock-runtime",
                "InvokeModel",
                "{}",
                "bedrockruntime.InvokeModel",
            ),
            (
                "runtime.sagemaker",
                "InvokeEndpoint",
                "{}",
                "sagemakerruntime.InvokeEndpoint",
            ),
            (
                "sagemaker",
                "InvokeEndpoint",
                "{}",
                "sagemakerruntime.InvokeEndpoint",
            ),
            (
                "cognito-idp",
                "AdminGetUser",
                "{}",
                "cognitoidentityprovider.AdminGetUser",
            ),
            ("s3", "GetBucketCors", "{}", "s3.GetBucketCors"),
            ("s3", "ListObjects", "{}", "s3.ListObjects"),
            ("s3", "ListObjects", r#"{"list-type":"2"}"#, "s3.ListObjectsV2"),
            (
                "s3",
                "DeleteAccountPublicAccessBlock",
                "{}",
                "s3control.DeletePublicAccessBlock",
            ),
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
            ("es", "DescribeDomain", "{}", "opensearch.DescribeDomain"),
            (
                "secretsmanager",
                "GetSecretValue",
                "{}",
                "secretsmanager.GetSecretValue",
            ),
        ] {
            let node: Node<'_> = Sonic::parse(parameters).unwrap();
            let operation = names.operation(&format!("{source}.amazonaws.com"), name, &node);
            let id = operation.map(|operation| operation.id().to_string());
            assert_eq!(id.as_deref(), Some(expected), "{source} {name}");
        }
    }
}
