//! CloudTrail's event history: the management events of one function in the last 90 days, without any trail.

use std::time::Duration;

use aws_sdk_cloudtrail::types::{LookupAttribute, LookupAttributeKey};

use super::error::{causes, explain};
use super::{Account, AwsError};

/// LookupEvents allows two requests a second per account and region.
const PAUSE: Duration = Duration::from_millis(500);

impl Account {
    /// The records of every management event of a user name; for a Lambda function that is the function's name.
    /// Newest first, each the JSON text of one CloudTrail record.
    ///
    /// # Errors
    /// When a call fails; the SDK's own retries come first.
    pub fn events_of(&self, user_name: &str) -> Result<Vec<String>, AwsError> {
        let attribute = LookupAttribute::builder()
            .attribute_key(LookupAttributeKey::Username)
            .attribute_value(user_name)
            .build()
            .map_err(|error| AwsError::Call {
                operation: "cloudtrail.LookupEvents",
                message: causes(&error),
            })?;
        let (mut records, mut token) = (Vec::new(), None);
        loop {
            let request = self
                .cloudtrail
                .lookup_events()
                .lookup_attributes(attribute.clone())
                .set_next_token(token);
            let page = self
                .runtime
                .block_on(request.send())
                .map_err(explain("cloudtrail.LookupEvents", "*"))?;
            records.extend(
                page.events()
                    .iter()
                    .filter_map(|event| event.cloud_trail_event().map(str::to_owned)),
            );
            token = page.next_token().map(str::to_owned);
            if token.is_none() {
                return Ok(records);
            }
            self.runtime.block_on(async { tokio::time::sleep(PAUSE).await });
        }
    }
}
