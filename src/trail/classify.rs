//! What a record counts as: a call of the function's code, of Lambda itself, of a service for the function, or nothing.
//!
//! The tests stand in this order because the later ones would take in what the earlier ones mean:
//! not an API call, a service's own call, someone else's call, Lambda's work with the role (environment, logs, check of the
//! role), pollers, forward access; and for each of them whether it was refused.

use std::borrow::Cow;

use serde::Deserialize;

use super::denial::{self, Denial};
use super::json::{Keys, Parser, Raw, Sonic};
use super::record::{Identity, Record};

/// What a recorded call is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// The function's code called.
    Call,
    /// A service called with the function's credentials, because the function had called it (forward access session). The
    /// role needs the right.
    ForwardAccess {
        /// The service that called, such as `s3.amazonaws.com`; `AWS Internal` where the record does not tell.
        via: String,
    },
    /// Lambda did its own work with the role.
    Platform(Platform),
    /// Lambda polled an event source with the role, or set up its network.
    Poller,
    /// An endpoint of a network saw the call (a network-activity event). Which resource it was about is not told, and where the
    /// trail also has the call itself, this is the same call once more.
    Network,
    /// The call was refused. It is no proof of a need that was met, and never grants by itself.
    Denied {
        /// Who called: a class that is not this one.
        caller: Box<Class>,
        /// What AWS says of the refusal.
        denial: Denial,
    },
}

/// The work that Lambda does with a function's role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Platform {
    /// Decrypts the environment variables.
    Environment,
    /// Opens log groups and log streams.
    Logs,
    /// Tries the role out when a function is made or changed.
    RoleCheck,
}

/// The event source of KMS.
pub(super) const KMS: &str = "kms.amazonaws.com";

/// What of an identity decides what its calls count as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Manner<'i> {
    /// The service that called for it; empty for none.
    pub(super) invoked_by: &'i str,
    /// Whether Lambda's control plane tries the role.
    pub(super) is_role_check: bool,
    /// Whether the record names the function.
    pub(super) is_scoped: bool,
}

impl<'i> Manner<'i> {
    pub(super) fn of(identity: &'i Identity<'_>) -> Self {
        let session = identity.arn.as_str().rsplit('/').next();
        Self {
            invoked_by: identity.invoked_by.as_str(),
            is_role_check: session.is_some_and(is_role_check),
            is_scoped: identity.in_scope_of.is_some(),
        }
    }
}

/// Whose call a record tells, when it counts; else why it does not.
pub(super) fn counted<'r, 'a, R>(record: &'r Record<'a, R>) -> Result<&'r Identity<'a>, &'static str> {
    if let Some(reason) = no_api_call(record) {
        return Err(reason);
    }
    let identity = role(record.user_identity.as_ref())?;
    match denial::is_unauthenticated(record.error_code.as_str()) {
        true => Err("not-authenticated"),
        false => Ok(identity),
    }
}

/// What a record counts as that counts; for a refusal, also the resource.
pub(super) fn classify<R: Raw>(record: &Record<'_, R>, manner: Manner<'_>) -> (Class, Option<String>) {
    let class = match caller(record, manner) {
        Class::Call | Class::ForwardAccess { .. } if record.is_of_network() => Class::Network,
        class => class,
    };
    if denial::is_denied(record.error_code.as_str()) {
        let (denial, resource) = denial::parse(record.error_message.as_str());
        let caller = Box::new(class);
        return (Class::Denied { caller, denial }, resource);
    }
    (class, None)
}

/// The identity, when it is a role's; else why nothing counts that it does.
pub(super) fn role<'i, 'a>(identity: Option<&'i Identity<'a>>) -> Result<&'i Identity<'a>, &'static str> {
    let identity = identity.ok_or("other-principal")?;
    match identity.kind.as_str() {
        "AssumedRole" => Ok(identity),
        "AWSService" => Err("service-principal"),
        _ => Err("other-principal"),
    }
}

/// Why a record is none of an API call, if it is not. Records of before 2014 have no `eventType`.
pub(super) fn no_api_call<R>(record: &Record<'_, R>) -> Option<&'static str> {
    match (record.event_type.as_str(), record.event_category.as_str()) {
        ("AwsAggregatedEvent", _) | (_, "Aggregated") => Some("aggregated"),
        ("AwsCloudTrailInsight", _) | (_, "Insight") => Some("insight"),
        ("AwsApiCall" | "AwsVpceEvent" | "", _) => {
            let named = !record.event_name.as_str().is_empty() && !record.event_source.as_str().is_empty();
            (!named).then_some("not-an-api-call")
        }
        _ => Some("not-an-api-call"),
    }
}

/// Who called with the role.
fn caller<R: Raw>(record: &Record<'_, R>, manner: Manner<'_>) -> Class {
    let invoked_by = manner.invoked_by;
    let Keys(context) = encryption_context(record);
    if is_environment(record, invoked_by, &context) {
        return Class::Platform(Platform::Environment);
    }
    if is_logs(record, invoked_by) {
        return Class::Platform(Platform::Logs);
    }
    if manner.is_role_check {
        return Class::Platform(Platform::RoleCheck);
    }
    if !manner.is_scoped && is_poller(record) {
        return Class::Poller;
    }
    if !invoked_by.is_empty() {
        let via = forwarding_service(invoked_by, &context);
        return Class::ForwardAccess { via };
    }
    Class::Call
}

/// Lambda decrypts the environment of a function: it names the function in the encryption context.
fn is_environment<R>(record: &Record<'_, R>, invoked_by: &str, context: &[Cow<'_, str>]) -> bool {
    let kms = record.event_source.as_str() == KMS;
    kms && (invoked_by == "lambda.amazonaws.com" || context.iter().any(|key| key == "aws:lambda:FunctionArn"))
}

/// Lambda's worker opens log streams without saying `invokedBy`.
fn is_logs<R>(record: &Record<'_, R>, invoked_by: &str) -> bool {
    record.event_source.as_str() == "logs.amazonaws.com"
        && matches!(record.event_name.as_str(), "CreateLogGroup" | "CreateLogStream")
        && invoked_by.is_empty()
        && record.user_agent.as_str().starts_with("awslambda-worker/")
}

/// Session names by which Lambda's control plane tries a role: `awslambda_` number `_` time stamp.
fn is_role_check(session: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    session
        .strip_prefix("awslambda_")
        .and_then(|rest| rest.split_once('_'))
        .is_some_and(|(number, stamp)| digits(number) && digits(stamp))
}

/// Whether Lambda calls from outside the function, when the call is not in the function's scope: no SDK of the function signs
/// such calls.
fn is_poller<R>(record: &Record<'_, R>) -> bool {
    let agent = record.user_agent.as_str();
    let by_code = agent.contains("aws-sdk-rust/") || agent.contains("exec-env/AWS_Lambda");
    !by_code && is_polling_call(record.event_source.as_str(), record.event_name.as_str())
}

/// The calls of event source mappings and of functions in a VPC. Lists of what Lambda's managed policies allow:
/// <https://docs.aws.amazon.com/lambda/latest/dg/lambda-intro-execution-role.html>.
fn is_polling_call(source: &str, name: &str) -> bool {
    match source {
        "sqs.amazonaws.com" => matches!(
            name,
            "ReceiveMessage"
                | "DeleteMessage"
                | "DeleteMessageBatch"
                | "ChangeMessageVisibility"
                | "ChangeMessageVisibilityBatch"
                | "GetQueueAttributes"
        ),
        "dynamodb.amazonaws.com" | "streams.dynamodb.amazonaws.com" => {
            matches!(
                name,
                "DescribeStream" | "GetRecords" | "GetShardIterator" | "ListStreams"
            )
        }
        "kinesis.amazonaws.com" => matches!(
            name,
            "DescribeStream"
                | "DescribeStreamSummary"
                | "GetRecords"
                | "GetShardIterator"
                | "ListShards"
                | "ListStreams"
                | "SubscribeToShard"
        ),
        "kafka.amazonaws.com" => matches!(
            name,
            "DescribeCluster" | "DescribeClusterV2" | "GetBootstrapBrokers" | "DescribeVpcConnection"
        ),
        "mq.amazonaws.com" | "amazonmq.amazonaws.com" => name == "DescribeBroker",
        "ec2.amazonaws.com" => matches!(
            name,
            "CreateNetworkInterface"
                | "DeleteNetworkInterface"
                | "DescribeNetworkInterfaces"
                | "DescribeSecurityGroups"
                | "DescribeSubnets"
                | "DescribeVpcs"
                | "AssignPrivateIpAddresses"
                | "UnassignPrivateIpAddresses"
        ),
        _ => false,
    }
}

/// The keys of a KMS call's encryption context; empty for other calls.
fn encryption_context<'r, R: Raw>(record: &'r Record<'_, R>) -> Keys<'r> {
    #[derive(Deserialize)]
    #[serde(bound(deserialize = "'de: 'a"))]
    struct Parameters<'a> {
        #[serde(default, rename = "encryptionContext")]
        context: Keys<'a>,
    }
    if record.event_source.as_str() != KMS {
        return Keys::default();
    }
    let Some(raw) = record.request_parameters.as_ref() else {
        return Keys::default();
    };
    Sonic::parse::<Parameters<'_>>(raw.json())
        .map_or_else(|_| Keys::default(), |parameters| parameters.context)
}

/// The service that called for the function. S3 and others are recorded as `AWS Internal`; the encryption context that each
/// service sets tells them apart.
fn forwarding_service(invoked_by: &str, context: &[Cow<'_, str>]) -> String {
    const MARKS: [(&str, &str); 9] = [
        ("aws:s3:arn", "s3.amazonaws.com"),
        ("SecretARN", "secretsmanager.amazonaws.com"),
        ("PARAMETER_ARN", "ssm.amazonaws.com"),
        ("aws:sqs:arn", "sqs.amazonaws.com"),
        ("aws:sns:topicArn", "sns.amazonaws.com"),
        ("aws:dynamodb:tableName", "dynamodb.amazonaws.com"),
        ("aws:kinesis:arn", "kinesis.amazonaws.com"),
        ("aws:events:event-bus:arn", "events.amazonaws.com"),
        ("aws:logs:arn", "logs.amazonaws.com"),
    ];
    if invoked_by.ends_with(".amazonaws.com") {
        return invoked_by.to_owned();
    }
    MARKS
        .into_iter()
        .find(|(mark, _)| context.iter().any(|key| key == mark))
        .map_or(invoked_by, |(_, service)| service)
        .to_owned()
}
