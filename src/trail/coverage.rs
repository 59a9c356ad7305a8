//! What silence is worth: whether a trail would have shown an operation.

use crate::catalog::Recording;
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
        let window = format!("{} to {}", day(first), day(last));
        match Recording::of(operation) {
            Recording::Never => none(format!("CloudTrail does not record {operation}")),
            Recording::Data { event_sources } if event_sources.is_disjoint(&self.data_event_sources) => none(
                format!("{operation} is a data event, and the trail holds no data events of its service"),
            ),
            Recording::Data { .. } => Silence {
                level: Coverage::Partial,
                reason: format!(
                    "the trail holds data events of the service from {window}, though perhaps not of every resource"
                ),
            },
            Recording::Management => Silence {
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
    use std::collections::BTreeSet;

    use super::*;

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
