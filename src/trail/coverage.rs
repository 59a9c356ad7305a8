//! What silence is worth: whether a trail would have shown an operation.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use serde::Deserialize;

use crate::usage::{Coverage, OperationId};

use super::Trail;

/// The worth of silence about one operation, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Silence {
    /// How much it says.
    pub level: Coverage,
    /// Why, in words for the reader.
    pub reason: String,
}

/// Which operations are data events, or never recorded. The file names its sources.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Recording {
    service: Vec<ServiceRecording>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ServiceRecording {
    /// The SDK crate's name without `aws-sdk-`.
    name: String,
    /// Event sources of its data events.
    event_sources: BTreeSet<String>,
    /// Operations that are data events; `*` for all.
    #[serde(default)]
    data: BTreeSet<String>,
    /// Operations that no trail records.
    #[serde(default)]
    never: BTreeSet<String>,
    /// Where AWS says so.
    #[allow(dead_code, reason = "for the reader of the file")]
    docs: String,
}

impl Recording {
    /// The table that rolefit carries; a test reads it, so that it always can be read.
    fn embedded() -> &'static Self {
        static RECORDING: OnceLock<Recording> = OnceLock::new();
        RECORDING.get_or_init(|| {
            toml::from_str(include_str!("recording.toml")).unwrap_or(Self { service: Vec::new() })
        })
    }
}

impl Trail {
    /// What it says that `operation` was not seen.
    ///
    /// Never `full`: that would take a longer window than a trail alone proves, and a second witness.
    pub fn coverage(&self, operation: &OperationId) -> Silence {
        let none = |reason: String| Silence {
            level: Coverage::None,
            reason,
        };
        let (Some(first), Some(last)) = (&self.first, &self.last) else {
            return none("the trail holds no events".to_owned());
        };
        let service = Recording::embedded()
            .service
            .iter()
            .find(|service| service.name == operation.service);
        let listed = |names: &BTreeSet<String>| names.contains("*") || names.contains(&operation.name);
        if service.is_some_and(|service| listed(&service.never)) {
            return none(format!("CloudTrail does not record {operation}"));
        }
        let window = format!("{} to {}", day(first), day(last));
        match service.filter(|service| listed(&service.data)) {
            Some(service) if service.event_sources.is_disjoint(&self.data_event_sources) => none(format!(
                "{operation} is a data event, and the trail holds no data events of its service"
            )),
            Some(_) => Silence {
                level: Coverage::Partial,
                reason: format!(
                    "the trail holds data events of the service from {window}, though perhaps not of every resource"
                ),
            },
            None => Silence {
                level: Coverage::Partial,
                reason: format!("the trail holds management events from {window}"),
            },
        }
    }
}

/// The day of a time stamp.
fn day(time: &str) -> &str {
    time.get(..10).unwrap_or(time)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::catalog::Catalog;

    #[test]
    fn the_table_names_operations_that_exist() {
        let recording: Recording = toml::from_str(include_str!("recording.toml")).unwrap();
        assert!(recording.service.len() > 10);
        for listed in &recording.service {
            let service = Catalog::embedded().service(&listed.name);
            assert!(service.is_some(), "no service {}", listed.name);
            for name in listed.data.union(&listed.never).filter(|name| *name != "*") {
                let operation = service.and_then(|service| service.operation(name));
                assert!(operation.is_some(), "no operation {}.{name}", listed.name);
            }
        }
    }

    #[test]
    fn silence_is_worth_what_the_trail_records() {
        let trail = Trail {
            first: Some("2026-11-04T00:00:00Z".to_owned()),
            last: Some("2026-11-17T00:00:00Z".to_owned()),
            data_event_sources: BTreeSet::from(["dynamodb.amazonaws.com".to_owned()]),
            ..Trail::default()
        };
        let check = |operation: &str, level: Coverage, reason: &str| {
            let coverage = trail.coverage(&OperationId::parse(operation).unwrap());
            assert_eq!(coverage.level, level, "{operation}");
            assert!(
                coverage.reason.contains(reason),
                "{operation}: {}",
                coverage.reason
            );
        };
        check("dynamodb.PutItem", Coverage::Partial, "2026-11-04 to 2026-11-17");
        check("dynamodb.CreateTable", Coverage::Partial, "management events");
        check("s3.GetObject", Coverage::None, "no data events");
        check("cloudwatchlogs.PutLogEvents", Coverage::None, "does not record");
        let silent = Trail::default().coverage(&OperationId::new("s3", "CreateBucket"));
        assert_eq!(silent.level, Coverage::None);
    }
}
