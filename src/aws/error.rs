//! Why the account could not be read, and what to do about it.

use aws_sdk_iam::error::ProvideErrorMetadata;

use crate::trail::{StoreError, denial};

/// Codes by which services say that the caller may not do it.
const DENIED: [&str; 4] = [
    "AccessDenied",
    "AccessDeniedException",
    "NotAuthorized",
    "UnauthorizedOperation",
];

/// Codes by which services say that credentials are too old.
const EXPIRED: [&str; 4] = [
    "ExpiredToken",
    "ExpiredTokenException",
    "RequestExpired",
    "TokenRefreshRequired",
];

/// Codes by which services say that there is no such thing.
const NOT_FOUND: [&str; 5] = [
    "NoSuchBucket",
    "NoSuchEntity",
    "NoSuchKey",
    "ResourceNotFoundException",
    "TrailNotFoundException",
];

/// Why the account could not be read.
#[derive(Debug, thiserror::Error)]
pub enum AwsError {
    /// The runtime for the calls cannot be started.
    #[error("cannot start: {0}")]
    Start(#[from] std::io::Error),
    /// AWS refused for lack of permission.
    #[error("{0}")]
    Denied(Denied),
    /// The credentials are too old.
    #[error(
        "{operation} failed: the credentials have expired\nhint: log in again (`aws sso login`), or renew them where they come from"
    )]
    Expired {
        /// The operation, such as `iam.GetRole`.
        operation: &'static str,
    },
    /// There is no such role, function or policy.
    #[error("{operation}: {message}")]
    NotFound {
        /// The operation.
        operation: &'static str,
        /// What AWS said.
        message: String,
    },
    /// AWS refused otherwise or did not answer.
    #[error("{operation} failed: {message}")]
    Call {
        /// The operation.
        operation: &'static str,
        /// What AWS or the network said.
        message: String,
    },
    /// A query of a trail where it lies failed.
    #[error("the query {id} failed: {reason}")]
    Query {
        /// Its number, by which the console finds it.
        id: String,
        /// What AWS said.
        reason: String,
    },
    /// Something that is there will not do, with what helps.
    #[error("{0}")]
    Setup(String),
    /// No role, or several, can be the one that is meant.
    #[error("{0}")]
    Role(String),
}

/// Why a source could not be read into a store.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The account did not give it.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// The store did not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A call for which a permission is missing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[error("the credentials may not call {operation} on `{resource}`: {message}")]
pub struct Denied {
    /// The operation.
    pub operation: &'static str,
    /// ARN of what was asked for, or `*`.
    pub resource: String,
    /// What AWS said.
    pub message: String,
}

impl Denied {
    /// The action to allow: the one that AWS names, which for encrypted objects is `kms:Decrypt`; else the operation's own.
    pub fn action(&self) -> String {
        let (said, _) = denial::parse(&self.message);
        match said.action {
            Some(action) => action.to_string(),
            None => match self.operation {
                "s3.ListObjectsV2" => "s3:ListBucket".to_owned(),
                operation => operation.replacen('.', ":", 1),
            },
        }
    }

    /// What to allow it on: what AWS names, else what was asked for.
    fn of(&self) -> String {
        let (_, said) = denial::parse(&self.message);
        said.filter(|resource| {
            resource != "*" && self.operation.starts_with("s3.") || self.operation.starts_with("athena.")
        })
        .unwrap_or_else(|| self.resource.clone())
    }

    /// The statement to add to the policy of whoever runs this.
    pub fn statement(&self) -> String {
        format!(
            r#"{{"Effect": "Allow", "Action": "{}", "Resource": "{}"}}"#,
            self.action(),
            self.of()
        )
    }
}

/// Tells what an error means; `resource` is the ARN of what was asked for, or `*`.
pub(super) fn explain<E>(operation: &'static str, resource: &str) -> impl FnOnce(E) -> AwsError
where
    E: std::error::Error + ProvideErrorMetadata + 'static,
{
    move |error| {
        let said = error.message().unwrap_or("no reason is given").to_owned();
        match error.code() {
            Some(code) if DENIED.contains(&code) => AwsError::Denied(Denied {
                operation,
                resource: resource.to_owned(),
                message: said,
            }),
            Some(code) if EXPIRED.contains(&code) => AwsError::Expired { operation },
            Some(code) if NOT_FOUND.contains(&code) => AwsError::NotFound {
                operation,
                message: said,
            },
            Some(code) => AwsError::Call {
                operation,
                message: format!("{code}: {said}"),
            },
            None => AwsError::Call {
                operation,
                message: causes(&error),
            },
        }
    }
}

/// An error with those behind it, each once.
pub(super) fn causes(error: &dyn std::error::Error) -> String {
    let mut message = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let said = inner.to_string();
        if !message.ends_with(&said) {
            message = format!("{message}: {said}");
        }
        source = inner.source();
    }
    message
}
