//! When a role last used each service and action, as IAM remembers it: attempts over some 400 days, denied ones too.
//!
//! Weak evidence: it names no function and no resource, and not every action is tracked.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_last-accessed.html>

use std::time::Duration;

use aws_sdk_iam::operation::get_service_last_accessed_details::GetServiceLastAccessedDetailsOutput;
use aws_sdk_iam::primitives::DateTime;
use aws_sdk_iam::types::{AccessAdvisorUsageGranularityType, JobStatusType};

use super::error::explain;
use super::{Account, AwsError};
use crate::trail::moment;

/// Between two looks at whether the answer is ready.
const PAUSE: Duration = Duration::from_millis(500);
/// How often it is looked.
const LOOKS: u32 = 120;

/// What a role last used.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Accessed {
    /// The prefix of the service's actions, such as `dynamodb`.
    pub service: String,
    /// The action's name; `None` for the service as a whole.
    pub action: Option<String>,
    /// When it was last tried; `None` for not within the tracking period.
    pub last: Option<String>,
    /// The region of that.
    pub region: Option<String>,
}

impl Account {
    /// What the role with this ARN last used, sorted by service and action: every service that its policies allow, and the
    /// actions that IAM tracks.
    ///
    /// # Errors
    /// When a call fails or the answer is not ready in a minute.
    pub fn last_accessed(&self, role: &str) -> Result<Vec<Accessed>, AwsError> {
        let request = self
            .iam
            .generate_service_last_accessed_details()
            .arn(role)
            .granularity(AccessAdvisorUsageGranularityType::ActionLevel);
        let job = self
            .runtime
            .block_on(request.send())
            .map_err(explain("iam.GenerateServiceLastAccessedDetails", role))?;
        let job = job.job_id().unwrap_or_default().to_owned();
        let (mut accessed, mut marker, mut looks) = (Vec::new(), None, 0);
        loop {
            let answer = self.accessed_page(&job, role, marker.clone())?;
            match answer.job_status() {
                JobStatusType::InProgress if looks < LOOKS => {
                    looks += 1;
                    self.runtime.block_on(async { tokio::time::sleep(PAUSE).await });
                    continue;
                }
                JobStatusType::Completed => {}
                other => {
                    let why = answer.error().map_or(other.as_str(), |error| error.message());
                    return Err(AwsError::Call {
                        operation: "iam.GetServiceLastAccessedDetails",
                        message: format!("the answer for `{role}` is not ready: {why}"),
                    });
                }
            }
            accessed.extend(rows(&answer));
            marker = answer
                .marker()
                .filter(|_| answer.is_truncated())
                .map(str::to_owned);
            if marker.is_none() {
                accessed.sort();
                return Ok(accessed);
            }
        }
    }

    fn accessed_page(
        &self,
        job: &str,
        role: &str,
        marker: Option<String>,
    ) -> Result<GetServiceLastAccessedDetailsOutput, AwsError> {
        let request = self
            .iam
            .get_service_last_accessed_details()
            .job_id(job)
            .set_marker(marker);
        self.runtime
            .block_on(request.send())
            .map_err(explain("iam.GetServiceLastAccessedDetails", role))
    }
}

fn rows(answer: &GetServiceLastAccessedDetailsOutput) -> Vec<Accessed> {
    let time = |at: &DateTime| moment::of_seconds(at.secs());
    let mut rows = Vec::new();
    for service in answer.services_last_accessed() {
        let prefix = service.service_namespace().to_owned();
        rows.push(Accessed {
            service: prefix.clone(),
            action: None,
            last: service.last_authenticated().map(time),
            region: service.last_authenticated_region().map(str::to_owned),
        });
        for action in service.tracked_actions_last_accessed() {
            let Some(name) = action.action_name() else {
                continue;
            };
            rows.push(Accessed {
                service: prefix.clone(),
                action: Some(name.to_owned()),
                last: action.last_accessed_time().map(time),
                region: action.last_accessed_region().map(str::to_owned),
            });
        }
    }
    rows
}
