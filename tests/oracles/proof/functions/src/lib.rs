//! What every function of the warehouse does before its first event.

use aws_config::{BehaviorVersion, SdkConfig};
use lambda_runtime::Error;

/// Region, credentials and endpoint from the environment.
pub async fn aws_config() -> SdkConfig {
    aws_config::load_defaults(BehaviorVersion::latest()).await
}

/// The value of environment variable `name`.
pub fn require_env(name: &str) -> Result<String, Error> {
    std::env::var(name).map_err(|_| format!("environment variable `{name}` is not set").into())
}
