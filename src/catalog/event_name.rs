//! From CloudTrail's event source and event name to the operation that was called.
//!
//! The event source is mostly the service's endpoint prefix, else its IAM prefix, else it stands in the file of
//! exceptions. The event name is the operation's, for two services with the date of the API behind it.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde::Deserialize;

use super::Catalog;
use super::service::Operation;

/// Names that the rules do not give.
const EXCEPTIONS: &str = include_str!("../../policy-templates/operations/_event_names.toml");

/// The file of exceptions.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Exceptions {
    source: Vec<SourceRow>,
    event: Vec<EventRow>,
}

/// An event source whose service has neither its endpoint prefix nor its IAM prefix as a name.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SourceRow {
    /// Event source without `.amazonaws.com`.
    name: String,
    /// Services, by the suffixes of their crates.
    services: Vec<String>,
    /// Whether it is the name that records of these services usually have.
    #[serde(default = "yes")]
    usual: bool,
}

/// An event name that is no operation's.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct EventRow {
    /// Event source without `.amazonaws.com`.
    source: String,
    name: String,
    service: String,
    operation: String,
}

fn yes() -> bool {
    true
}

fn exceptions() -> &'static Exceptions {
    static EXCEPTIONS_READ: OnceLock<Exceptions> = OnceLock::new();
    EXCEPTIONS_READ.get_or_init(|| toml::from_str(EXCEPTIONS).unwrap_or_default())
}

impl Catalog {
    /// The operation that a CloudTrail record names, such as `s3.ListBuckets` for `s3.amazonaws.com` `ListBuckets`.
    ///
    /// Records do not tell some services apart (`ses` and `sesv2`, `rds` and `docdb`); of these, the one whose crate
    /// has the source's name is taken, else the last. Their actions are the same.
    pub fn operation_of_event(&self, event_source: &str, event_name: &str) -> Option<Operation<'_>> {
        self.operations_of_event(event_source, event_name)
            .into_iter()
            .next()
    }

    /// Every operation that a CloudTrail record can name, most likely first: one for most names, several where services
    /// share an event source and have operations of the same name.
    pub fn operations_of_event(&self, event_source: &str, event_name: &str) -> Vec<Operation<'_>> {
        let source = event_source.strip_suffix(".cn").unwrap_or(event_source);
        let Some(source) = source.strip_suffix(".amazonaws.com") else {
            return Vec::new();
        };
        let row = exceptions()
            .event
            .iter()
            .find(|row| row.source == source && row.name == event_name);
        if let Some(row) = row {
            let service = self.service(&row.service);
            let operation = service.and_then(|service| service.operation(&row.operation));
            return operation.into_iter().collect();
        }
        let find = |name: &str| -> Vec<Operation<'_>> {
            self.services_of_source(source)
                .into_iter()
                .filter_map(|position| self.service_at(position)?.operation_of_method(name))
                .collect()
        };
        let found = find(event_name);
        match without_date(event_name) {
            Some(name) if found.is_empty() => find(name),
            _ => found,
        }
    }

    /// Event source and event name that records of an operation have, such as `s3.amazonaws.com` and `ListBuckets`.
    ///
    /// Lambda and CloudFront put the date of the API behind most names (`CreateFunction20150331`), which is left out.
    pub fn event_of(&self, operation: Operation<'_>) -> (String, String) {
        let service = operation.service();
        let exceptions = exceptions();
        let event = exceptions
            .event
            .iter()
            .find(|row| row.service == service.suffix() && row.operation == operation.name());
        let source = event.map(|row| row.source.as_str()).or_else(|| {
            let usual =
                |row: &&SourceRow| row.usual && row.services.iter().any(|name| name == service.suffix());
            exceptions.source.iter().find(usual).map(|row| row.name.as_str())
        });
        let source = source.unwrap_or(service.endpoint_prefix());
        let name = event.map_or(operation.name(), |row| row.name.as_str());
        (format!("{source}.amazonaws.com"), name.to_owned())
    }

    /// Positions of the services that an event source stands for, most likely first.
    fn services_of_source(&self, source: &str) -> Vec<usize> {
        let services = self
            .event_sources
            .get_or_init(|| self.index_event_sources())
            .get(source);
        services.cloned().unwrap_or_default()
    }

    fn index_event_sources(&self) -> BTreeMap<String, Vec<usize>> {
        let entries = &self.file.index.services;
        let mut index: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for row in &exceptions().source {
            let positions = row
                .services
                .iter()
                .filter_map(|suffix| entries.binary_search_by(|entry| entry.suffix.cmp(suffix)).ok());
            index.entry(row.name.clone()).or_default().extend(positions);
        }
        // Later services stand first: `sesv2` before `ses`. Two crates that share a directory are one service.
        for (position, entry) in entries.iter().enumerate().rev() {
            let is_alias = entries
                .iter()
                .skip(position + 1)
                .any(|other| !entry.directory.is_empty() && other.directory == entry.directory);
            if is_alias {
                continue;
            }
            for name in [&entry.endpoint_prefix, &entry.iam_prefix] {
                let positions = index.entry(name.clone()).or_default();
                if !positions.contains(&position) {
                    positions.push(position);
                }
            }
        }
        for (source, positions) in &mut index {
            // The crate of that name first, then those with that endpoint.
            positions.sort_by_key(|&position| {
                let entry = entries.get(position);
                entry.map(|entry| (entry.suffix != *source, entry.endpoint_prefix != *source))
            });
        }
        index
    }
}

/// An event name without the date of the API: `CreateFunction20150331v2`, `CreateDistribution2020_05_31`.
fn without_date(event_name: &str) -> Option<&str> {
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let digits_at_end = |text: &str| text.bytes().rev().take_while(u8::is_ascii_digit).count();
    let version = digits_at_end(event_name);
    let unversioned = event_name
        .get(..event_name.len() - version)
        .and_then(|text| text.strip_suffix('v'))
        .filter(|_| version > 0);
    let name = unversioned.unwrap_or(event_name);
    let (operation, date) = name.split_at_checked(name.len().checked_sub(8)?)?;
    if is_digits(date) && date.starts_with("20") {
        return Some(operation);
    }
    let (operation, date) = event_name.split_at_checked(event_name.len().checked_sub(10)?)?;
    let parts: Vec<&str> = date.split('_').collect();
    let is_date = matches!(parts.as_slice(), [year, month, day]
        if year.len() == 4 && month.len() == 2 && day.len() == 2)
        && parts.into_iter().all(is_digits);
    is_date.then_some(operation)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn the_file_of_exceptions_speaks_of_what_exists() {
        let exceptions: Exceptions = toml::from_str(EXCEPTIONS).unwrap();
        let catalog = Catalog::embedded();
        for suffix in exceptions.source.iter().flat_map(|row| &row.services) {
            assert!(catalog.service(suffix).is_some(), "{suffix}");
        }
        for row in &exceptions.event {
            let service = catalog.service(&row.service).unwrap();
            assert!(service.operation(&row.operation).is_some(), "{}", row.name);
        }
    }

    #[test]
    fn the_event_of_an_operation_leads_back_to_it() {
        let catalog = Catalog::embedded();
        let mut lost = Vec::new();
        for operation in catalog.services().flat_map(|service| service.operations()) {
            // The legacy name of EventBridge, and S3's retired twins, have the events of other operations.
            let retired = operation.service().suffix() == "s3" && operation.is_deprecated();
            if retired || operation.service().suffix() == "cloudwatchevents" {
                continue;
            }
            let (source, name) = catalog.event_of(operation);
            let found = catalog.operations_of_event(&source, &name);
            if !found.iter().any(|found| found.id() == operation.id()) {
                lost.push(format!("{} as {source} {name}", operation.id()));
            }
        }
        assert!(lost.is_empty(), "{}: {lost:#?}", lost.len());
    }

    #[test]
    fn operations_lead_to_events() {
        for (service, operation, source, event) in [
            ("s3", "GetObject", "s3", "GetObject"),
            ("s3", "GetPublicAccessBlock", "s3", "GetBucketPublicAccessBlock"),
            ("s3control", "ListJobs", "s3", "ListJobs"),
            ("dynamodbstreams", "GetRecords", "dynamodb", "GetRecords"),
            ("cloudwatch", "PutMetricData", "monitoring", "PutMetricData"),
            ("sfn", "StartExecution", "states", "StartExecution"),
            ("sesv2", "SendEmail", "ses", "SendEmail"),
            ("opensearch", "DescribeDomain", "es", "DescribeDomain"),
            ("bedrockruntime", "Converse", "bedrock", "Converse"),
            (
                "sagemakerruntime",
                "InvokeEndpoint",
                "sagemaker",
                "InvokeEndpoint",
            ),
        ] {
            let service = Catalog::embedded().service(service).unwrap();
            let found = Catalog::embedded().event_of(service.operation(operation).unwrap());
            assert_eq!(found, (format!("{source}.amazonaws.com"), event.to_owned()));
        }
    }

    #[test]
    fn events_lead_to_operations() {
        for (source, event, expected) in [
            ("dynamodb", "PutItem", "dynamodb.PutItem"),
            ("dynamodb", "GetRecords", "dynamodbstreams.GetRecords"),
            ("streams.dynamodb", "GetRecords", "dynamodbstreams.GetRecords"),
            ("lambda", "Invoke", "lambda.Invoke"),
            ("lambda", "ListFunctions20150331", "lambda.ListFunctions"),
            (
                "lambda",
                "UpdateFunctionCode20150331v2",
                "lambda.UpdateFunctionCode",
            ),
            (
                "cloudfront",
                "CreateDistribution2020_05_31",
                "cloudfront.CreateDistribution",
            ),
            ("securityhub", "GetFindingsV2", "securityhub.GetFindingsV2"),
            ("monitoring", "PutMetricData", "cloudwatch.PutMetricData"),
            ("events", "PutEvents", "eventbridge.PutEvents"),
            ("states", "StartExecution", "sfn.StartExecution"),
            ("logs", "CreateLogGroup", "cloudwatchlogs.CreateLogGroup"),
            ("rdsdata", "ExecuteStatement", "rdsdata.ExecuteStatement"),
            ("rds", "DescribeDBInstances", "rds.DescribeDBInstances"),
            ("email", "SendEmail", "sesv2.SendEmail"),
            ("ses", "SendRawEmail", "ses.SendRawEmail"),
            ("s3", "GetBucketCors", "s3.GetBucketCors"),
            ("s3", "PutBucketLifecycle", "s3.PutBucketLifecycleConfiguration"),
            ("s3", "GetBucketPublicAccessBlock", "s3.GetPublicAccessBlock"),
            (
                "s3",
                "DeleteAccountPublicAccessBlock",
                "s3control.DeletePublicAccessBlock",
            ),
            ("apigateway", "GetRestApis", "apigateway.GetRestApis"),
            ("es", "DescribeDomain", "opensearch.DescribeDomain"),
            ("bedrock", "InvokeModel", "bedrockruntime.InvokeModel"),
            ("sts", "AssumeRole", "sts.AssumeRole"),
            (
                "secretsmanager",
                "GetSecretValue",
                "secretsmanager.GetSecretValue",
            ),
        ] {
            let source = format!("{source}.amazonaws.com");
            let found = Catalog::embedded().operation_of_event(&source, event);
            let found = found.map(|operation| operation.id().to_string());
            assert_eq!(found.as_deref(), Some(expected), "{source} {event}");
        }
        for (source, event) in [
            ("signin.amazonaws.com", "ConsoleLogin"),
            ("s3.amazonaws.com", "Nonsense"),
            ("s3", "GetObject"),
            ("", ""),
        ] {
            let found = Catalog::embedded().operation_of_event(source, event);
            assert!(found.is_none(), "{source} {event}");
        }
    }
}
