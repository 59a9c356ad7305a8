//! What `PutEventSelectors` events say: since when a trail was told to record what it records. They are management events, so
//! that a trail tells of its own changes.
//!
//! <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_PutEventSelectors.html>

use serde::Deserialize as _;
use serde_json::{Map, Value};

use super::{KnownTrail, TrailSettings};

/// The name of the events.
pub const EVENT: &str = "PutEventSelectors";

/// Where and when such an event happened.
#[derive(Clone, Copy, Debug)]
pub struct Event<'e> {
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

/// What a trail was told to record by an event; `None` for an event that does not say.
pub fn told(event: &Event<'_>) -> Option<KnownTrail> {
    let parameters: Map<String, Value> = serde_json::from_str(event.parameters).ok()?;
    let name = parameters.get("trailName")?.as_str()?;
    let arn = if name.starts_with("arn:") {
        name.to_owned()
    } else {
        let partition = event
            .caller
            .split(':')
            .nth(1)
            .filter(|partition| !partition.is_empty());
        let partition = partition.unwrap_or("aws");
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
    };
    let mut settings = TrailSettings::deserialize(as_in_api(Value::Object(parameters))).ok()?;
    if settings.event_selectors.is_empty() && settings.advanced_event_selectors.is_empty() {
        return None;
    }
    settings.name = arn.rsplit('/').next().map(str::to_owned);
    settings.arn = arn;
    Some(KnownTrail {
        asked: event.time.to_owned(),
        settings,
    })
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
    use super::*;

    fn of(parameters: &str) -> Option<KnownTrail> {
        told(&Event {
            time: "2026-11-10T08:00:00Z",
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
}
