//! The only sockets: what the live account says, read behind an explicit flag.

mod apply;
mod error;
mod functions;
mod roles;
mod trails;
mod accessed;
mod lookup;
mod bucket;
mod listing;
mod from_bucket;
mod from_history;
mod athena;
mod windows;
mod from_athena;
mod lake;
mod from_lake;

use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};

pub use accessed::Accessed;
pub use apply::{RoleInline, name_of};
pub use athena::{Athena, Running, Workgroup};
pub use bucket::{Bucket, Fetched, Room, Stored};
pub use error::{AwsError, Denied, SourceError};
pub use from_athena::{AthenaDone, AthenaListener, Bill, FromAthena};
pub use from_bucket::{BucketDone, FromBucket};
pub use from_history::{FromHistory, HistoryDone, Listener};
pub use from_lake::{FromLake, LakeDone};
pub use functions::Listed;
pub use listing::{Chunk, Listing, Wanted};
pub use lookup::{Asked, Estimate, EventPage, estimate, horizon, settled, shown, unread};

/// Attempts at a call that AWS throttles; waits double between them, 20 seconds at most.
const ATTEMPTS: u32 = 8;

/// A connection to the account that the environment's credentials belong to.
#[derive(Debug)]
pub struct Account {
    runtime: tokio::runtime::Runtime,
    iam: aws_sdk_iam::Client,
    lambda: aws_sdk_lambda::Client,
    cloudtrail: aws_sdk_cloudtrail::Client,
    config: SdkConfig,
}

impl Account {
    /// Takes credentials, region and endpoints from where the AWS CLI takes them.
    ///
    /// # Errors
    /// When the system cannot start the runtime. Credentials are looked up at the first call.
    pub fn connect() -> Result<Self, AwsError> {
        Self::connect_to(None)
    }

    /// The same, in a region of its own.
    ///
    /// # Errors
    /// Those of [`Account::connect`].
    pub fn connect_to(region: Option<&str>) -> Result<Self, AwsError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS));
        if let Some(region) = region {
            loader = loader.region(Region::new(region.to_owned()));
        }
        let config = runtime.block_on(loader.load());
        Ok(Self {
            iam: aws_sdk_iam::Client::new(&config),
            lambda: aws_sdk_lambda::Client::new(&config),
            cloudtrail: aws_sdk_cloudtrail::Client::new(&config),
            runtime,
            config,
        })
    }

    /// The number of the account, which anyone may ask.
    ///
    /// # Errors
    /// When the call fails.
    pub fn number(&self) -> Result<String, AwsError> {
        let client = aws_sdk_sts::Client::new(&self.config);
        let identity = self
            .runtime
            .block_on(client.get_caller_identity().send())
            .map_err(error::explain("sts.GetCallerIdentity", "*"))?;
        Ok(identity.account().unwrap_or_default().to_owned())
    }

    /// The region that is asked, where one is set.
    pub fn region(&self) -> Option<&str> {
        self.config.region().map(Region::as_ref)
    }
}
