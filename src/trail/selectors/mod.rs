//! What trails were told to record, as CloudTrail's API and the AWS CLI tell it, and whether that covers a call.
//!
//! [`parse`] reads what `aws cloudtrail describe-trails`, `get-trail-status` and `get-event-selectors` print; `aws` makes the
//! same of the live account. [`TrailSettings::recorded`] and [`recorded`] judge a [`Call`]. Facts:
//! <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_AdvancedFieldSelector.html>,
//! <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/filtering-data-events.html>.

mod event;
mod judge;
mod matching;

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::de::{Deserializer, IgnoredAny};
use serde::{Deserialize, Serialize};

pub use event::{EVENTS, Event, is_told_by, told};
pub use judge::{Call, Recorded, recorded};

/// A trail and what it was told to record. Members are called as in CloudTrail's API.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", default)]
pub struct TrailSettings {
    /// ARN of the trail; it tells the account too.
    #[serde(rename = "TrailARN")]
    pub arn: String,
    /// The trail's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The region the trail was made in; without `IsMultiRegionTrail` the only one that it records.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub home_region: Option<String>,
    /// Whether it records every region.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_multi_region_trail: Option<bool>,
    /// Whether it records global services such as IAM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub include_global_service_events: Option<bool>,
    /// Whether it records every account of the organization.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_organization_trail: Option<bool>,
    /// The bucket that holds what it recorded.
    #[serde(skip_serializing_if = "Option::is_none", rename = "S3BucketName")]
    pub bucket: Option<String>,
    /// What stands before `AWSLogs/` in the keys there.
    #[serde(skip_serializing_if = "Option::is_none", rename = "S3KeyPrefix")]
    pub key_prefix: Option<String>,
    /// The key that encrypts the objects.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kms_key_id: Option<String>,
    /// Whether digests are written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_file_validation_enabled: Option<bool>,
    /// Whether there are event selectors beside the default, which records all management events.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub has_custom_event_selectors: Option<bool>,
    /// Whether it records now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_logging: Option<bool>,
    /// When it was last started.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "time")]
    pub start_logging_time: Option<String>,
    /// When it was last stopped.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "time")]
    pub stop_logging_time: Option<String>,
    /// When it was last told something that may have changed what it records, such as its regions, as an event tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changed_time: Option<String>,
    /// Why the last delivery to the bucket failed.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "said")]
    pub latest_delivery_error: Option<String>,
    /// Event selectors of the basic kind.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "listed")]
    pub event_selectors: Vec<BasicSelector>,
    /// Event selectors of the advanced kind; a trail has either.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "listed")]
    pub advanced_event_selectors: Vec<AdvancedSelector>,
}

/// A basic event selector: an event is recorded if one selector of the trail takes it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", default)]
pub struct BasicSelector {
    /// `All`, `ReadOnly` or `WriteOnly`.
    pub read_write_type: String,
    /// Whether management events are taken.
    pub include_management_events: bool,
    /// Which data events are taken.
    #[serde(deserialize_with = "listed")]
    pub data_resources: Vec<DataResource>,
    /// Event sources of management events that are left out: `kms.amazonaws.com`, `rdsdata.amazonaws.com`.
    #[serde(deserialize_with = "listed")]
    pub exclude_management_event_sources: Vec<String>,
}

impl Default for BasicSelector {
    /// What a trail does that nobody told otherwise.
    fn default() -> Self {
        Self {
            read_write_type: "All".to_owned(),
            include_management_events: true,
            data_resources: Vec::new(),
            exclude_management_event_sources: Vec::new(),
        }
    }
}

/// Resources whose data events a basic selector takes.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", default)]
pub struct DataResource {
    /// `AWS::S3::Object`, `AWS::Lambda::Function` or `AWS::DynamoDB::Table`.
    pub r#type: String,
    /// ARNs; for objects of S3 beginnings of ARNs, and `arn:aws:lambda` for every function.
    #[serde(deserialize_with = "listed")]
    pub values: Vec<String>,
}

/// An advanced event selector: takes an event that fits every field.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", default)]
pub struct AdvancedSelector {
    /// What people call it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The conditions, all of which must hold.
    #[serde(deserialize_with = "listed")]
    pub field_selectors: Vec<FieldSelector>,
}

/// A condition on one field: none of the `Not…` values fits, and one of the others does, if there are any.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", default)]
pub struct FieldSelector {
    /// The field of the record, such as `resources.ARN`.
    pub field: String,
    /// Values that the field is.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "listed")]
    pub equals: Vec<String>,
    /// Values that the field begins with.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "listed")]
    pub starts_with: Vec<String>,
    /// Values that the field ends with.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "listed")]
    pub ends_with: Vec<String>,
    /// Values that the field is not.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "listed")]
    pub not_equals: Vec<String>,
    /// Values that the field does not begin with.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "listed")]
    pub not_starts_with: Vec<String>,
    /// Values that the field does not end with.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "listed")]
    pub not_ends_with: Vec<String>,
}

/// The settings of a trail at some time.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct KnownTrail {
    /// When the account was asked; empty for what was read from a file.
    pub asked: String,
    /// What it said.
    #[serde(flatten)]
    pub settings: TrailSettings,
}

/// What is known of trails, with the newest settings of each; and whether other ones are known, too.
///
/// Answers about one trail of the same time become one.
pub fn newest(known: &BTreeSet<KnownTrail>) -> Vec<(TrailSettings, bool)> {
    let mut trails: BTreeMap<&str, BTreeMap<&str, TrailSettings>> = BTreeMap::new();
    for trail in known {
        let of_time = trails.entry(&trail.settings.arn).or_default();
        of_time
            .entry(&trail.asked)
            .or_default()
            .merge(trail.settings.clone());
    }
    trails
        .into_values()
        .filter_map(|mut times| {
            let (_, mut newest) = times.pop_last()?;
            // An event tells the selectors alone, or whether the trail records: of the rest the newest answer counts that says it.
            for older in times.values().rev() {
                let mut older = older.clone();
                if newest.tells_selectors() {
                    older.event_selectors.clear();
                    older.advanced_event_selectors.clear();
                }
                newest.merge(older);
            }
            let changed = times
                .values()
                .filter(|older| older.tells_selectors())
                .any(|older| {
                    older.event_selectors != newest.event_selectors
                        || older.advanced_event_selectors != newest.advanced_event_selectors
                });
            Some((newest, changed))
        })
        .collect()
}

/// Since when the settings that a trail has now are known to be as they are, without a break: the first of the times at which
/// they were told, and none of another told after it. `None` when no time is known.
pub fn unchanged_since<'k>(known: &'k BTreeSet<KnownTrail>, arn: &str) -> Option<&'k str> {
    let of_trail = known.iter().filter(|known| known.settings.arn == arn);
    // A state alone, or an answer without selectors, says nothing of them.
    let told = of_trail.filter(|known| known.settings.tells_selectors());
    let mut told: Vec<&KnownTrail> = told.collect();
    told.sort_by(|a, b| a.asked.cmp(&b.asked));
    let last = told.last()?;
    let same = |other: &&&KnownTrail| {
        other.settings.event_selectors == last.settings.event_selectors
            && other.settings.advanced_event_selectors == last.settings.advanced_event_selectors
    };
    // What has no time may be as old or as new as it likes.
    if told.iter().any(|known| known.asked.is_empty() && !same(&known)) {
        return None;
    }
    let first = told.iter().rev().take_while(same).last()?;
    let timed = told
        .iter()
        .filter(|known| !known.asked.is_empty() && known.asked >= first.asked);
    timed.map(|known| known.asked.as_str()).next()
}

/// The last time at which a trail was started, or told something else that may have changed what it records, as far as
/// that is known: silence before it is another matter.
pub fn last_start<'k>(known: &'k BTreeSet<KnownTrail>, arn: &str) -> Option<&'k str> {
    let changed = last(known, arn, |settings| settings.changed_time.as_deref());
    last(known, arn, |settings| settings.start_logging_time.as_deref()).max(changed)
}

/// Since when a trail is stopped, if it is.
pub fn stopped_since<'k>(known: &'k BTreeSet<KnownTrail>, arn: &str) -> Option<&'k str> {
    let started = last(known, arn, |settings| settings.start_logging_time.as_deref());
    let stopped = last(known, arn, |settings| settings.stop_logging_time.as_deref());
    stopped.filter(|stopped| started < Some(*stopped))
}

/// The last of the times that are told of a trail.
fn last<'k>(
    known: &'k BTreeSet<KnownTrail>,
    arn: &str,
    time: impl Fn(&'k TrailSettings) -> Option<&'k str>,
) -> Option<&'k str> {
    let of_trail = known.iter().filter(|known| known.settings.arn == arn);
    of_trail.filter_map(|known| time(&known.settings)).max()
}

impl TrailSettings {
    /// Whether it says which events are recorded: a state alone does not.
    fn tells_selectors(&self) -> bool {
        !self.event_selectors.is_empty()
            || !self.advanced_event_selectors.is_empty()
            || self.has_custom_event_selectors == Some(false)
    }

    /// The account of the trail.
    pub fn account(&self) -> Option<&str> {
        self.arn.split(':').nth(4).filter(|account| !account.is_empty())
    }

    /// What a reader calls the trail.
    pub fn shown(&self) -> &str {
        let named = self.name.as_deref().or_else(|| self.arn.rsplit('/').next());
        named.filter(|name| !name.is_empty()).unwrap_or("trail")
    }

    /// From when to when it records, as far as its state tells: `None` at the end while it goes on. Nothing, when it is
    /// stopped and was never started, or its state is not known.
    pub fn interval(&self) -> Option<(&str, Option<&str>)> {
        let from = self.start_logging_time.as_deref()?;
        match self.is_logging {
            Some(false) => {
                let to = self.stop_logging_time.as_deref()?;
                (from <= to).then_some((from, Some(to)))
            }
            _ => Some((from, None)),
        }
    }

    /// Adds what another answer says of the same trail.
    pub fn merge(&mut self, other: Self) {
        let Self {
            arn,
            name,
            home_region,
            is_multi_region_trail,
            include_global_service_events,
            is_organization_trail,
            bucket,
            key_prefix,
            kms_key_id,
            log_file_validation_enabled,
            has_custom_event_selectors,
            is_logging,
            start_logging_time,
            stop_logging_time,
            changed_time,
            latest_delivery_error,
            event_selectors,
            advanced_event_selectors,
        } = other;
        if self.arn.is_empty() {
            self.arn = arn;
        }
        fill(&mut self.name, name);
        fill(&mut self.home_region, home_region);
        fill(&mut self.is_multi_region_trail, is_multi_region_trail);
        fill(
            &mut self.include_global_service_events,
            include_global_service_events,
        );
        fill(&mut self.is_organization_trail, is_organization_trail);
        fill(&mut self.bucket, bucket);
        fill(&mut self.key_prefix, key_prefix);
        fill(&mut self.kms_key_id, kms_key_id);
        fill(&mut self.log_file_validation_enabled, log_file_validation_enabled);
        fill(&mut self.has_custom_event_selectors, has_custom_event_selectors);
        fill(&mut self.is_logging, is_logging);
        fill(&mut self.start_logging_time, start_logging_time);
        fill(&mut self.stop_logging_time, stop_logging_time);
        fill(&mut self.changed_time, changed_time);
        fill(&mut self.latest_delivery_error, latest_delivery_error);
        if self.event_selectors.is_empty() {
            self.event_selectors = event_selectors;
        }
        if self.advanced_event_selectors.is_empty() {
            self.advanced_event_selectors = advanced_event_selectors;
        }
    }
}

fn fill<T>(known: &mut Option<T>, other: Option<T>) {
    if known.is_none() {
        *known = other;
    }
}

/// What the AWS CLI prints about trails.
#[derive(Debug, Deserialize)]
struct Printed {
    #[serde(default, rename = "trailList")]
    described: Option<Vec<TrailSettings>>,
    #[serde(default, rename = "Trail")]
    one: Option<TrailSettings>,
    #[serde(default, rename = "TrailARN")]
    arn: Option<IgnoredAny>,
    #[serde(default, rename = "IsLogging")]
    logging: Option<IgnoredAny>,
}

/// Reads what `aws cloudtrail describe-trails`, `get-trail`, `get-event-selectors` and `get-trail-status` print: one answer,
/// several one behind another, or a list of them. `None` when there is nothing of the kind.
///
/// Answers about one trail become one. A status names no trail: it counts for the only trail that is there, or for the
/// answer before it.
pub fn parse(text: &str) -> Option<Vec<TrailSettings>> {
    let mut trails: Vec<TrailSettings> = Vec::new();
    let mut known = false;
    for value in serde_json::Deserializer::from_str(text).into_iter::<serde_json::Value>() {
        let values = match value.ok()? {
            serde_json::Value::Array(values) => values,
            value => vec![value],
        };
        for value in values {
            known |= take(&mut trails, value)?;
        }
    }
    trails.sort();
    known.then_some(trails)
}

/// Takes one answer; whether it tells of trails.
fn take(trails: &mut Vec<TrailSettings>, value: serde_json::Value) -> Option<bool> {
    let printed = Printed::deserialize(&value).ok()?;
    let whole = printed.arn.is_some() || printed.logging.is_some();
    let mut found: Vec<TrailSettings> = printed.described.into_iter().flatten().collect();
    found.extend(printed.one);
    if whole {
        found.push(TrailSettings::deserialize(&value).ok()?);
    }
    let any = !found.is_empty();
    for settings in found {
        let same = match settings.arn.as_str() {
            "" => trails.len().checked_sub(1),
            arn => trails
                .iter()
                .position(|trail| trail.arn == arn || trail.arn.is_empty()),
        };
        match same.and_then(|at| trails.get_mut(at)) {
            Some(trail) => trail.merge(settings),
            None => trails.push(settings),
        }
    }
    Some(any)
}

/// A list, with `null` for an empty one.
fn listed<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Vec<T>, D::Error> {
    Ok(Option::<Vec<T>>::deserialize(from)?.unwrap_or_default())
}

/// A text; an empty one says nothing.
fn said<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    Ok(Option::<String>::deserialize(from)?.filter(|text| !text.is_empty()))
}

/// A time as the AWS CLI prints it: with the offset of where it ran, or seconds since 1970.
fn time<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Seconds(f64),
        Text(String),
    }
    Ok(match Option::<Written>::deserialize(from)? {
        #[allow(clippy::cast_possible_truncation, reason = "whole seconds are meant")]
        Some(Written::Seconds(seconds)) => Some(super::moment::of_seconds(seconds as i64)),
        Some(Written::Text(text)) => Some(super::moment::utc(&text).unwrap_or(text)),
        None => None,
    })
}

#[cfg(test)]
mod tests;
