//! What events say of trails: what they were told to record, and when they were started, changed, stopped and deleted. They are
//! management events, so that a trail tells of its own changes.
//!
//! <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_PutEventSelectors.html>, and likewise `StartLogging`,
//! `StopLogging`, `CreateTrail`, `UpdateTrail` and `DeleteTrail`.

use serde::Deserialize as _;
use serde_json::{Map, Value};

use super::{KnownTrail, TrailSettings};

const SELECTORS: &str = "PutEventSelectors";

/// The names of the events.
pub const EVENTS: [&str; 6] = [
    SELECTORS,
    "StartLogging",
    "StopLogging",
    "CreateTrail",
    "UpdateTrail",
    "DeleteTrail",
];

/// Whether events of this name tell something of trails.
pub fn is_told_by(name: &str) -> bool {
    EVENTS.contains(&name)
}

/// Where and when such an event happened.
#[derive(Clone, Copy, Debug)]
pub struct Event<'e> {
    /// Its name, one of [`EVENTS`].
    pub name: &'e str,
    /// When.
    pub time: &'e str,
    /// The region, which is that of the trail.
    pub region: &'e str,
    /// The account, which is that of the trail.
    pub account: &'e str,
    /// ARN of whoever did it; its partition is that of the trail.
    pub caller: &'e str,
    /// The parameters of the request, as JSON.
    pub parameters: &'e str,
}

/// What an event says of a trail; `None` for an event that says nothing of one.
pub fn told(event: &Event<'_>) -> Option<KnownTrail> {
    let parameters: Map<String, Value> = serde_json::from_str(event.parameters).ok()?;
    let member = if event.name == SELECTORS {
        "trailName"
    } else {
        "name"
    };
    let arn = arn(event, parameters.get(member)?.as_str()?);
    let time = || Some(event.time.to_owned());
    let written = || TrailSettings::deserialize(as_in_api(Value::Object(parameters))).ok();
    let mut settings = match event.name {
        SELECTORS => written().filter(TrailSettings::tells_selectors)?,
        "StartLogging" => TrailSettings {
            is_logging: Some(true),
            start_logging_time: time(),
            ..TrailSettings::default()
        },
        "StopLogging" | "DeleteTrail" => TrailSettings {
            is_logging: Some(false),
            stop_logging_time: time(),
            ..TrailSettings::default()
        },
        // A new trail records when it is started, and all management events then.
        "CreateTrail" => TrailSettings {
            home_region: Some(event.region.to_owned()),
            has_custom_event_selectors: Some(false),
            is_logging: Some(false),
            stop_logging_time: time(),
            ..written()?
        },
        "UpdateTrail" => TrailSettings {
            changed_time: time(),
            ..written()?
        },
        _ => return None,
    };
    settings.name = arn.rsplit('/').next().map(str::to_owned);
    settings.arn = arn;
    Some(KnownTrail {
        asked: event.time.to_owned(),
        settings,
    })
}

/// The ARN of the trail that an event names, by its name or ARN.
fn arn(event: &Event<'_>, name: &str) -> String {
    if name.starts_with("arn:") {
        return name.to_owned();
    }
    let partition = event.caller.split(':').nth(1);
    let partition = partition
        .filter(|partition| !partition.is_empty())
        .unwrap_or("aws");
    let trail = format!("trail/{name}");
    [
        "arn",
        partition,
        "cloudtrail",
        event.region,
        event.account,
        &trail,
    ]
    .join(":")
}

/// Records write the members of the API with a small letter at the beginning.
fn as_in_api(value: Value) -> Value {
    match value {
        Value::Object(members) => members
            .into_iter()
            .map(|(name, value)| {
                let mut letters = name.chars();
                let first = letters.next().map(|letter| letter.to_ascii_uppercase());
                let name: String = first.into_iter().chain(letters).collect();
                (name, as_in_api(value))
            })
            .collect(),
        Value::Array(items) => items.into_iter().map(as_in_api).collect(),
        other => other,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
mod tests {
    use std::collections::BTreeSet;

    use super::super::{last_start, stopped_since};
    use super::*;

    fn of(parameters: &str) -> Option<KnownTrail> {
        of_event(SELECTORS, "2026-11-10T08:00:00Z", parameters)
    }

    fn of_event(name: &str, time: &str, parameters: &str) -> Option<KnownTrail> {
        told(&Event {
            name,
            time,
            region: "eu-west-1",
            account: "111122223333",
            caller: "arn:aws-cn:sts::111122223333:assumed-role/admin/eve",
            parameters,
        })
    }

    #[test]
    fn events_tell_selectors_of_both_kinds() {
        let basic = of(
            r#"{"trailName":"audit","eventSelectors":[{"readWriteType":"WriteOnly","includeManagementEvents":true,
               "dataResources":[{"type":"AWS::S3::Object","values":["arn:aws:s3:::shop/"]}],
               "excludeManagementEventSources":["kms.amazonaws.com"]}]}"#,
        )
        .unwrap();
        assert_eq!(basic.asked, "2026-11-10T08:00:00Z");
        assert_eq!(
            basic.settings.arn,
            "arn:aws-cn:cloudtrail:eu-west-1:111122223333:trail/audit"
        );
        let [selector] = basic.settings.event_selectors.as_slice() else {
            unreachable!("{basic:?}");
        };
        assert_eq!(selector.read_write_type, "WriteOnly");
        assert_eq!(selector.data_resources[0].values, ["arn:aws:s3:::shop/"]);
        assert_eq!(selector.exclude_management_event_sources, ["kms.amazonaws.com"]);
        let arn = "arn:aws:cloudtrail:us-east-1:111122223333:trail/all";
        let advanced = of(&format!(
            r#"{{"trailName":"{arn}","advancedEventSelectors":[{{"name":"x","fieldSelectors":[
                {{"field":"eventCategory","equals":["Data"]}},{{"field":"resources.ARN","startsWith":["arn:aws:s3"]}}]}}]}}"#
        ))
        .unwrap();
        assert_eq!(advanced.settings.arn, arn);
        let fields = &advanced.settings.advanced_event_selectors[0].field_selectors;
        assert_eq!(fields[1].starts_with, ["arn:aws:s3"]);
        assert_eq!(of("null"), None);
        assert_eq!(of(r#"{"trailName":"audit"}"#), None);
    }
    #[test]
    fn events_tell_when_trails_were_started_and_stopped() {
        let name = r#"{"name":"audit"}"#;
        let (noon, later) = ("2026-11-10T12:00:00Z", "2026-11-12T12:00:00Z");
        let known = |events: &[(&str, &str, &str)]| -> BTreeSet<KnownTrail> {
            let told = events
                .iter()
                .filter_map(|(name, time, parameters)| of_event(name, time, parameters));
            told.collect()
        };
        let arn = "arn:aws-cn:cloudtrail:eu-west-1:111122223333:trail/audit";
        let check = |events: &[(&str, &str, &str)], started: Option<&str>, stopped: Option<&str>| {
            let known = known(events);
            assert_eq!(known.len(), events.len());
            assert_eq!(
                (last_start(&known, arn), stopped_since(&known, arn)),
                (started, stopped),
                "{events:?}"
            );
        };
        check(&[("StopLogging", noon, name)], None, Some(noon));
        check(&[("DeleteTrail", noon, name)], None, Some(noon));
        check(&[("StartLogging", noon, name)], Some(noon), None);
        check(
            &[("StopLogging", noon, name), ("StartLogging", later, name)],
            Some(later),
            None,
        );
        check(
            &[("StartLogging", noon, name), ("StopLogging", later, name)],
            Some(noon),
            Some(later),
        );
        check(
            &[(
                "UpdateTrail",
                noon,
                r#"{"name":"audit","isMultiRegionTrail":true}"#,
            )],
            Some(noon),
            None,
        );
        // A change does not start what is stopped.
        check(
            &[("StopLogging", noon, name), ("UpdateTrail", later, name)],
            Some(later),
            Some(noon),
        );
        let created = r#"{"name":"audit","s3BucketName":"logs","isMultiRegionTrail":false,"includeGlobalServiceEvents":true}"#;
        check(
            &[("CreateTrail", noon, created), ("StartLogging", noon, name)],
            Some(noon),
            None,
        );
        let known = known(&[("CreateTrail", noon, created)]);
        let settings = &known.first().unwrap().settings;
        assert_eq!(settings.bucket.as_deref(), Some("logs"));
        assert_eq!(settings.is_multi_region_trail, Some(false));
        assert_eq!(settings.has_custom_event_selectors, Some(false));
        assert_eq!(of_event("StopLogging", noon, "{}"), None);
        assert_eq!(of_event("GetTrail", noon, name), None);
    }
}
