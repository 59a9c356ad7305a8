//! What IAM refuses although its form is right: actions, resources, statement ids and dates that it cannot take.
//!
//! The rules are those of IAM's own answers, as <https://github.com/getmoto/moto> records them, and of the pages named.

use super::error::Problem;
use crate::iam::arn;

/// A stack symbol or a policy variable may stand for anything.
fn is_open(text: &str) -> bool {
    text.contains("${")
}

fn refused(message: String, iam: impl Into<String>, remedy: &'static str) -> Problem {
    Problem::Refused {
        message,
        iam: iam.into(),
        remedy,
    }
}

/// `*`, or a service prefix, one colon and a name. IAM does not check that the action exists.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_action.html>
pub(super) fn action(text: &str) -> Result<(), Problem> {
    if text == "*" || arn::has_symbol(text) {
        return Ok(());
    }
    let mut parts = text.split(':');
    let prefix = parts.next().unwrap_or_default();
    match parts.count() {
        0 => Err(refused(
            format!("`{text}` has no service prefix"),
            "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.",
            "write `service:Action`, such as `s3:GetObject`",
        )),
        1 => {
            let known = |c: char| c.is_ascii_alphanumeric() || "-_.*?".contains(c);
            match !prefix.is_empty() && prefix.chars().all(known) {
                true => Ok(()),
                false => Err(refused(
                    format!("`{prefix}` is no service prefix"),
                    format!("Vendor {prefix} is not valid"),
                    "a service prefix has letters, digits, `-`, `_` and `.`",
                )),
            }
        }
        _ => Err(refused(
            format!("`{text}` has more than one colon"),
            "Actions/Condition can contain only one colon.",
            "write `service:Action`; resources belong into `Resource`",
        )),
    }
}

/// Partitions of AWS: <https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html>.
const PARTITIONS: [&str; 8] = [
    "aws",
    "aws-cn",
    "aws-us-gov",
    "aws-iso",
    "aws-iso-b",
    "aws-iso-e",
    "aws-iso-f",
    "aws-eusc",
];

/// The types of IAM's own resources:
/// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html>.
const IAM_TYPES: [&str; 17] = [
    "user/",
    "federated-user/",
    "role/",
    "role-template/",
    "group/",
    "instance-profile/",
    "mfa/",
    "server-certificate/",
    "policy/",
    "sms-mfa/",
    "saml-provider/",
    "oidc-provider/",
    "report/",
    "access-report/",
    "assumed-role/",
    "delegation-request/",
    "root",
];

/// `*`, or an ARN with a known partition and a service.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html>
pub(super) fn resource(text: &str) -> Result<(), Problem> {
    if text == "*" || text.starts_with("${") {
        return Ok(());
    }
    let Some((_, rest)) = text.split_once(':') else {
        let message = format!("`{text}` is neither `*` nor an ARN");
        let iam = format!("Resource {text} must be in ARN format or \"*\".");
        return Err(refused(
            message,
            iam,
            "write an ARN, such as `arn:aws:s3:::bucket/*`",
        ));
    };
    let fields: Vec<&str> = rest.splitn(5, ':').collect();
    let field = |index: usize| fields.get(index).copied();
    let partition = field(0).unwrap_or_default();
    if partition != "*" && !is_open(partition) && !PARTITIONS.contains(&partition) {
        let shown: Vec<&str> = (0..5)
            .map(|index| {
                field(index)
                    .filter(|field| index != 1 || !field.is_empty())
                    .unwrap_or("*")
            })
            .collect();
        let iam = format!(
            "Partition \"{partition}\" is not valid for resource \"arn:{}\".",
            shown.join(":")
        );
        let message = format!("`{partition}` is no partition of AWS");
        return Err(refused(
            message,
            iam,
            "the second field of an ARN is `aws`, `aws-cn`, `aws-us-gov` or `*`",
        ));
    }
    if rest.starts_with("${") && !rest.starts_with("${AWS::Partition}") {
        return Ok(());
    }
    let fields: Vec<&str> = match rest.strip_prefix("${AWS::Partition}:") {
        Some(after) => std::iter::once("aws").chain(after.splitn(4, ':')).collect(),
        None => fields,
    };
    let field = |index: usize| fields.get(index).copied();
    let Some(vendor) = field(1).filter(|vendor| !vendor.contains(['*', '?'])) else {
        return Err(refused(
            format!("`{text}` does not name one service"),
            "Resource vendor must be fully qualified and cannot contain regexes.",
            "the third field of an ARN is a service, without wildcards",
        ));
    };
    if vendor.is_empty() {
        let message = format!("`{text}` names no service");
        return Err(refused(
            message,
            "The policy failed legacy parsing",
            "the third field of an ARN is a service",
        ));
    }
    if is_open(&fields.get(..4).unwrap_or(&fields).join(":")) {
        return Ok(());
    }
    own_rules(text, vendor, field(2), field(3), field(4))
}

/// The rules of IAM and S3 for their own resources.
fn own_rules(
    text: &str,
    vendor: &str,
    region: Option<&str>,
    account: Option<&str>,
    own: Option<&str>,
) -> Result<(), Problem> {
    let region = region.filter(|region| !matches!(*region, "" | "*"));
    match (vendor, region) {
        ("iam", Some(_)) => {
            let iam = format!("IAM resource {text} cannot contain region information.");
            return Err(refused(
                format!("`{text}` names a region, but IAM has none"),
                iam,
                "leave the fourth field empty",
            ));
        }
        ("s3", Some(_)) if account.is_none_or(str::is_empty) => {
            let iam = format!("Resource {text} can not contain region information.");
            return Err(refused(
                format!("`{text}` names a region, but buckets have none"),
                iam,
                "leave the fourth field empty",
            ));
        }
        _ => {}
    }
    let Some(own) = own.filter(|_| vendor == "iam") else {
        return Ok(());
    };
    let literal = own.split(['*', '?', '$']).next().unwrap_or_default();
    let starts = |kind: &&str| match literal.len() == own.len() {
        true => own.starts_with(*kind),
        false => literal.starts_with(*kind) || kind.starts_with(literal),
    };
    if IAM_TYPES.iter().any(starts) {
        return Ok(());
    }
    let iam = format!(
        "IAM resource path must either be \"*\" or start with {}.",
        IAM_TYPES.join(", ")
    );
    Err(refused(
        format!("`{own}` is no resource of IAM"),
        iam,
        "begin with the type, such as `role/` or `user/`",
    ))
}

/// Letters and digits. <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_sid.html>
pub(super) fn sid(text: &str) -> Result<(), Problem> {
    match text.bytes().all(|byte| byte.is_ascii_alphanumeric()) || is_open(text) {
        true => Ok(()),
        false => Err(refused(
            format!("`{text}` is no statement id of IAM"),
            "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*",
            "keep letters and digits only",
        )),
    }
}

/// The same id twice.
pub(super) fn repeated_sid(text: &str) -> Problem {
    refused(
        format!("the statement id `{text}` stands twice"),
        "Statement IDs (SID) in a single policy must be unique.",
        "give each statement its own `Sid`, or none",
    )
}

/// A date of ISO 8601 or seconds since 1970. IAM's reader takes more than the forms it documents.
pub(super) fn date(text: &str) -> Result<(), Problem> {
    if is_open(text) || date_like(&text.to_ascii_lowercase()).is_some() {
        return Ok(());
    }
    Err(refused(
        format!("`{text}` is no date"),
        "The policy failed legacy parsing",
        "write a date such as `2026-11-22T00:00:00Z`, or seconds since 1970",
    ))
}

fn date_like(text: &str) -> Option<()> {
    if !text.contains(['t', '-']) {
        return text
            .parse::<i64>()
            .ok()
            .filter(|seconds| *seconds >= 0)
            .map(|_| ());
    }
    let (date, time) = text.split_once('t').unwrap_or((text, ""));
    let within = |text: &str, low: i64, high: i64| {
        let number: i64 = text.parse().ok()?;
        (low..=high).contains(&number).then_some(())
    };
    let mut parts = date.strip_prefix('-').unwrap_or(date).split('-');
    within(parts.next()?, 0, 292_278_993)?;
    parts.next().map_or(Some(()), |month| within(month, 1, 12))?;
    parts.next().map_or(Some(()), |day| within(day, 1, 31))?;
    if parts.next().is_some() {
        return None;
    }
    let clock = time.split(['z', '+']).next().unwrap_or_default();
    let clock = clock.split_once('-').map_or(clock, |(clock, _)| clock);
    if clock.is_empty() {
        return Some(());
    }
    let mut parts = clock.split(':');
    within(parts.next()?, 0, 23)?;
    parts.next().map_or(Some(()), |minutes| within(minutes, 0, 59))?;
    parts.next().map_or(Some(()), |seconds| {
        let (whole, fraction) = seconds.split_once('.').unwrap_or((seconds, "0"));
        within(whole, 0, 59)?;
        within(fraction, 0, 999_999_999)
    })?;
    parts.next().is_none().then_some(())
}

/// An operator that AWS does not know.
pub(super) fn unknown_operator(name: &str) -> Problem {
    refused(
        format!("`{name}` is no condition operator"),
        "Syntax errors in policy.",
        "write an operator that AWS documents, such as `StringEquals`",
    )
}

/// What stands in a trust policy but must not.
pub(super) fn prohibited(field: &'static str) -> Problem {
    refused(
        format!("a trust policy has no `{field}`"),
        format!("Has prohibited field {field}."),
        "remove it: a trust policy speaks of its own role",
    )
}

/// The actions of a trust policy are those of STS.
pub(super) fn trust_action(text: &str) -> Result<(), Problem> {
    let of_sts = text
        .split_once(':')
        .is_some_and(|(prefix, _)| prefix.eq_ignore_ascii_case("sts"));
    match of_sts || is_open(text) {
        true => Ok(()),
        false => Err(refused(
            format!("`{text}` is no action of STS"),
            "AssumeRole policy may only specify STS AssumeRole actions.",
            "a trust policy allows actions such as `sts:AssumeRole`",
        )),
    }
}

/// The characters that IAM takes in a document: U+0009, U+000A, U+000D and U+0020 to U+00FF.
pub(super) fn is_taken(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{ff}')
}

/// A character that is none of them.
pub(super) fn character(c: char) -> Problem {
    refused(
        format!("IAM takes no character U+{:04X}", u32::from(c)),
        "The specified value for policyDocument is invalid. It must contain only printable ASCII characters.",
        "write it as a JSON escape, such as `\\u2014`, or leave it out",
    )
}
