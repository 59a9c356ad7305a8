//! The only sockets: what the live account says, read behind an explicit flag.

mod lookup;
mod roles;

use aws_config::BehaviorVersion;

/// Why the account could not be read.
#[derive(Debug, thiserror::Error)]
pub enum AwsError {
    /// The runtime for the calls cannot be started.
    #[error("cannot start: {0}")]
    Start(#[from] std::io::Error),
    /// AWS refused or did not answer.
    #[error("{operation} failed: {message}")]
    Call {
        /// The operation, such as `iam.GetRole`.
        operation: &'static str,
        /// What AWS or the network said.
        message: String,
    },
    /// No role, or several, can be the one that is meant.
    #[error("{0}")]
    Role(String),
    /// A policy of the account cannot be read.
    #[error("policy `{name}`: {message}")]
    Policy {
        /// The policy.
        name: String,
        /// What is wrong.
        message: String,
    },
}

impl AwsError {
    fn call<E: std::error::Error + 'static>(operation: &'static str) -> impl FnOnce(E) -> Self {
        move |error| {
            let mut message = error.to_string();
            let mut source = error.source();
            while let Some(inner) = source {
                message = format!("{message}: {inner}");
                source = inner.source();
            }
            Self::Call { operation, message }
        }
    }
}

/// A connection to the account that the environment's credentials belong to.
#[derive(Debug)]
pub struct Account {
    runtime: tokio::runtime::Runtime,
    iam: aws_sdk_iam::Client,
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
        let config = runtime.block_on(aws_config::load_defaults(BehaviorVersion::latest()));
        Ok(Self {
            iam: aws_sdk_iam::Client::new(&config),
            cloudtrail: aws_sdk_cloudtrail::Client::new(&config),
            runtime,
        })
    }
}
