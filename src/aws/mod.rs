//! The only sockets: what the live account says, read behind an explicit flag.

mod apply;
mod error;
mod functions;
mod lookup;
mod roles;

use aws_config::BehaviorVersion;
use aws_config::retry::RetryConfig;

pub use apply::{RoleInline, name_of};
pub use error::{AwsError, Denied};
pub use functions::Listed;

/// Attempts at a call that AWS throttles; waits double between them, 20 seconds at most.
const ATTEMPTS: u32 = 8;

/// A connection to the account that the environment's credentials belong to.
#[derive(Debug)]
pub struct Account {
    runtime: tokio::runtime::Runtime,
    iam: aws_sdk_iam::Client,
    lambda: aws_sdk_lambda::Client,
    cloudtrail: aws_sdk_cloudtrail::Client,
}

impl Account {
    /// Takes credentials, region and endpoints from where the AWS CLI takes them.
    ///
    /// # Errors
    /// When the system cannot start the runtime. Credentials are looked up at the first call.
    pub fn connect() -> Result<Self, AwsError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let loader = aws_config::defaults(BehaviorVersion::latest())
            .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS));
        let config = runtime.block_on(loader.load());
        Ok(Self {
            iam: aws_sdk_iam::Client::new(&config),
            lambda: aws_sdk_lambda::Client::new(&config),
            cloudtrail: aws_sdk_cloudtrail::Client::new(&config),
            runtime,
        })
    }
}
