//! What CloudTrail records of an operation: a management event, a data event, or nothing at all.
//!
//! No source tells it in one place; `policy-templates/operations/_recording.toml` gathers it from AWS's pages, service by
//! service.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use serde::Deserialize;

use crate::usage::OperationId;

const FILE: &str = include_str!("../../policy-templates/operations/_recording.toml");

/// How CloudTrail records an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recording {
    /// A management event, which every trail records by default.
    Management,
    /// A data event, which a trail records only when it is told to.
    Data {
        /// Event sources of the service's data events, such as `s3.amazonaws.com`.
        event_sources: &'static BTreeSet<String>,
    },
    /// No trail records it.
    Never,
}

/// The file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RecordingFile {
    service: Vec<ServiceRow>,
}

/// Operations of a service that are not management events.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ServiceRow {
    /// The SDK crate's name without `aws-sdk-`.
    name: String,
    /// Event sources of its data events.
    event_sources: BTreeSet<String>,
    /// Values of `resources.type` by which event selectors take them, first the one that every such event names.
    #[serde(default)]
    resource_types: Vec<String>,
    /// Operations that are data events; `*` for all.
    #[serde(default)]
    data: BTreeSet<String>,
    /// Operations that no trail records; `*` for all.
    #[serde(default)]
    never: BTreeSet<String>,
    /// Where AWS says so.
    docs: String,
}

/// The rows; a test keeps the file readable.
fn rows() -> &'static [ServiceRow] {
    static ROWS: OnceLock<Vec<ServiceRow>> = OnceLock::new();
    ROWS.get_or_init(|| toml::from_str::<RecordingFile>(FILE).unwrap_or_default().service)
}

impl Recording {
    /// How CloudTrail records `operation`. What no page lists is a management event.
    pub fn of(operation: &OperationId) -> Self {
        let listed = |names: &BTreeSet<String>| names.contains("*") || names.contains(&operation.name);
        match row(&operation.service) {
            Some(row) if listed(&row.never) => Self::Never,
            Some(row) if listed(&row.data) => Self::Data {
                event_sources: &row.event_sources,
            },
            _ => Self::Management,
        }
    }

    /// The values of `resources.type` by which event selectors take the data events of an operation, such as
    /// `AWS::S3::Object`; first the one that every such event names, then those that some name.
    pub fn resource_types(operation: &OperationId) -> &'static [String] {
        match Self::of(operation) {
            Self::Data { .. } => row(&operation.service).map_or(&[], |row| &row.resource_types),
            Self::Management | Self::Never => &[],
        }
    }

    /// AWS's page on what CloudTrail records of a service, where one is known.
    pub fn docs(service: &str) -> Option<&'static str> {
        row(service).map(|row| row.docs.as_str())
    }

    /// The word of the machine interfaces: `management-event`, `data-event` or `never`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Management => "management-event",
            Self::Data { .. } => "data-event",
            Self::Never => "never",
        }
    }
}

fn row(service: &str) -> Option<&'static ServiceRow> {
    rows().iter().find(|row| row.name == service)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::catalog::Catalog;

    #[test]
    fn the_file_names_operations_that_exist() {
        let file: RecordingFile = toml::from_str(FILE).unwrap();
        assert!(file.service.len() > 10);
        for listed in &file.service {
            let service = Catalog::embedded().service(&listed.name);
            assert!(service.is_some(), "no service {}", listed.name);
            assert!(
                listed.docs.starts_with("https://docs.aws.amazon.com/"),
                "{}",
                listed.docs
            );
            for name in listed.data.union(&listed.never).filter(|name| *name != "*") {
                let operation = service.and_then(|service| service.operation(name));
                assert!(operation.is_some(), "no operation {}.{name}", listed.name);
            }
        }
    }

    #[test]
    fn what_is_not_listed_is_a_management_event() {
        for (operation, expected) in [
            ("s3.GetObject", "data-event"),
            ("s3.CreateBucket", "management-event"),
            ("kms.Decrypt", "management-event"),
            ("cloudwatchlogs.PutLogEvents", "never"),
            ("apigatewaymanagement.PostToConnection", "never"),
            ("account.GetContactInformation", "management-event"),
        ] {
            let operation = OperationId::parse(operation).unwrap();
            assert_eq!(Recording::of(&operation).as_str(), expected, "{operation}");
        }
    }
}
