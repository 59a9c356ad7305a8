//! What every function of this workspace does before its first event.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};

/// A function was deployed without a setting that it cannot work without.
#[derive(Debug, thiserror::Error)]
#[error("environment variable `{0}` is not set")]
pub struct MissingVariable(pub String);

/// The value of environment variable `name`. A function without it must not start.
pub fn require_env(name: &str) -> Result<String, MissingVariable> {
    std::env::var(name).map_err(|_| MissingVariable(name.to_owned()))
}

/// Region and credentials from the environment, with the retries and time limits all our functions share.
pub async fn aws_config() -> SdkConfig {
    aws_config::defaults(BehaviorVersion::latest())
        .retry_config(RetryConfig::standard().with_max_attempts(5))
        .timeout_config(
            TimeoutConfig::builder()
                .operation_timeout(Duration::from_secs(8))
                .build(),
        )
        .load()
        .await
}
