//! The account's trails: what they were told to record, and whether they do.

use aws_sdk_cloudtrail::primitives::DateTime;
use aws_sdk_cloudtrail::types::{AdvancedEventSelector, EventSelector, Trail};

use super::error::explain;
use super::{Account, AwsError};
use crate::trail::moment;
use crate::trail::selectors::{AdvancedSelector, BasicSelector, DataResource, FieldSelector, TrailSettings};

impl Account {
    /// Every trail that records this region, with its state and its event selectors; what cannot be had of a trail comes
    /// with the reason.
    ///
    /// # Errors
    /// When the trails cannot be listed.
    pub fn trails(&self) -> Result<(Vec<TrailSettings>, Vec<AwsError>), AwsError> {
        let request = self.cloudtrail.describe_trails();
        let described = self
            .runtime
            .block_on(request.send())
            .map_err(explain("cloudtrail.DescribeTrails", "*"))?;
        let mut failures = Vec::new();
        let mut trails: Vec<TrailSettings> = described.trail_list().iter().map(settings).collect();
        for trail in &mut trails {
            let asked = self.add_status(trail).and_then(|()| self.add_selectors(trail));
            failures.extend(asked.err());
        }
        trails.sort();
        Ok((trails, failures))
    }

    fn add_status(&self, trail: &mut TrailSettings) -> Result<(), AwsError> {
        let request = self.cloudtrail.get_trail_status().name(&trail.arn);
        let status = self
            .runtime
            .block_on(request.send())
            .map_err(explain("cloudtrail.GetTrailStatus", &trail.arn))?;
        trail.is_logging = status.is_logging();
        trail.start_logging_time = status.start_logging_time().map(time);
        trail.stop_logging_time = status.stop_logging_time().map(time);
        trail.latest_delivery_error = status
            .latest_delivery_error()
            .filter(|said| !said.is_empty())
            .map(str::to_owned);
        Ok(())
    }

    fn add_selectors(&self, trail: &mut TrailSettings) -> Result<(), AwsError> {
        let request = self.cloudtrail.get_event_selectors().trail_name(&trail.arn);
        let answer = self
            .runtime
            .block_on(request.send())
            .map_err(explain("cloudtrail.GetEventSelectors", &trail.arn))?;
        trail.event_selectors = answer.event_selectors().iter().map(basic).collect();
        trail.advanced_event_selectors = answer.advanced_event_selectors().iter().map(advanced).collect();
        Ok(())
    }
}

fn settings(trail: &Trail) -> TrailSettings {
    let text = |text: Option<&str>| text.map(str::to_owned);
    TrailSettings {
        arn: trail.trail_arn().unwrap_or_default().to_owned(),
        name: text(trail.name()),
        home_region: text(trail.home_region()),
        is_multi_region_trail: trail.is_multi_region_trail(),
        include_global_service_events: trail.include_global_service_events(),
        is_organization_trail: trail.is_organization_trail(),
        bucket: text(trail.s3_bucket_name()),
        key_prefix: text(trail.s3_key_prefix()),
        kms_key_id: text(trail.kms_key_id()),
        log_file_validation_enabled: trail.log_file_validation_enabled(),
        has_custom_event_selectors: trail.has_custom_event_selectors(),
        ..TrailSettings::default()
    }
}

fn basic(selector: &EventSelector) -> BasicSelector {
    let usual = BasicSelector::default();
    BasicSelector {
        read_write_type: selector
            .read_write_type()
            .map_or(usual.read_write_type, |kind| kind.as_str().to_owned()),
        include_management_events: selector
            .include_management_events()
            .unwrap_or(usual.include_management_events),
        data_resources: selector
            .data_resources()
            .iter()
            .map(|resource| DataResource {
                r#type: resource.r#type().unwrap_or_default().to_owned(),
                values: resource.values().to_vec(),
            })
            .collect(),
        exclude_management_event_sources: selector.exclude_management_event_sources().to_vec(),
    }
}

fn advanced(selector: &AdvancedEventSelector) -> AdvancedSelector {
    AdvancedSelector {
        name: selector.name().map(str::to_owned),
        field_selectors: selector
            .field_selectors()
            .iter()
            .map(|field| FieldSelector {
                field: field.field().to_owned(),
                equals: field.equals().to_vec(),
                starts_with: field.starts_with().to_vec(),
                ends_with: field.ends_with().to_vec(),
                not_equals: field.not_equals().to_vec(),
                not_starts_with: field.not_starts_with().to_vec(),
                not_ends_with: field.not_ends_with().to_vec(),
            })
            .collect(),
    }
}

fn time(at: &DateTime) -> String {
    moment::of_seconds(at.secs())
}
