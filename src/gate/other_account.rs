//! Needs that the function's own role cannot meet alone: resources of another account, which that account must open.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic-cross-account.html>

use std::collections::{BTreeMap, BTreeSet};

use super::missing::quoted;
use super::rules;
use super::{Finding, Owner, Place};
use crate::diff::{Diff, Row};
use crate::iam::arn::ArnPattern;
use crate::usage::Because;
use crate::workspace::model::Function;

/// Services whose resources carry a policy of their own, and what that is called.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_aws-services-that-work-with-iam.html>
const OWN_POLICY: &[(&str, &str)] = &[
    ("backup", "the vault's access policy"),
    ("codeartifact", "the repository's policy"),
    ("dynamodb", "the table's resource policy"),
    ("ecr", "the repository's policy"),
    ("elasticfilesystem", "the file system's policy"),
    ("es", "the domain's access policy"),
    ("events", "the event bus's policy"),
    ("execute-api", "the API's resource policy"),
    ("glue", "the catalogue's resource policy"),
    ("kinesis", "the stream's resource policy"),
    ("kms", "the key policy"),
    ("lambda", "the function's resource policy"),
    ("s3", "the bucket policy"),
    (
        "secretsmanager",
        "the secret's resource policy, and its customer key's",
    ),
    ("sns", "the topic's policy"),
    ("sqs", "the queue's policy"),
];

/// What a resource of SSM needs instead.
/// <https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-shared-parameters.html>
const SHARED: &[(&str, &str)] = &[("ssm", "share the parameter through AWS RAM")];

/// One finding for each resource of another account that the function needs. `own` is the account of the stack, where
/// that is known; otherwise any account that is written out may be another. A bucket's ARN has no account: its owner is
/// known only as far as the calls or `rolefit.toml` say.
pub fn findings(function: &Function, diff: &Diff, own: Option<&str>, owners: &[Owner]) -> Vec<Finding> {
    let mut groups: BTreeMap<(&ArnPattern, String), Vec<&Row>> = BTreeMap::new();
    for row in diff.rows.iter().filter(|row| !row.because.is_empty()) {
        let accounts = match account(&row.resource) {
            Some(account) => BTreeSet::from([account]),
            None => row
                .because
                .iter()
                .flat_map(|because| owner(row, because, owners))
                .collect(),
        };
        for account in accounts {
            if Some(account) != own && account != "${AWS::AccountId}" {
                groups
                    .entry((&row.resource, account.to_owned()))
                    .or_default()
                    .push(row);
            }
        }
    }
    groups
        .into_iter()
        .filter_map(|((resource, account), rows)| finding(function, resource, &account, &rows, own))
        .collect()
}

/// The account that an ARN writes out.
fn account(resource: &ArnPattern) -> Option<&str> {
    let [_, _, _, _, account, _] = resource.fields()?;
    let is_id = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    is_id.then_some(account)
}

/// The owners of a bucket that one reason of a need tells. What a copy reads is the source's.
fn owner<'a>(
    row: &Row,
    because: &'a Because,
    owners: &'a [Owner],
) -> impl Iterator<Item = &'a str> + use<'a> {
    let of_bucket = row.resource.service() == Some("s3");
    let reads = row.action.as_str().starts_with("s3:Get");
    owners
        .iter()
        .filter(move |owner| {
            let copies = matches!(owner.operation.name.as_str(), "CopyObject" | "UploadPartCopy");
            of_bucket
                && Some(&owner.location) == because.location.as_ref()
                && Some(&owner.operation) == because.operation.as_ref()
                && (!copies || owner.of_source == reads)
        })
        .map(|owner| owner.account.as_str())
}

fn finding(
    function: &Function,
    resource: &ArnPattern,
    account: &str,
    rows: &[&Row],
    own: Option<&str>,
) -> Option<Finding> {
    let service = resource.service()?;
    let actions: BTreeSet<String> = rows.iter().map(|row| row.action.to_string()).collect();
    let named: Vec<&str> = actions.iter().map(String::as_str).collect();
    let unless = if own.is_some() {
        ""
    } else {
        " if that is not the stack's own"
    };
    let message = format!(
        "`{}` needs {} on `{}` of account {account}, which must allow it too{unless}",
        function.name,
        quoted(&named),
        resource.short()
    );
    let mut finding = Finding::new(&rules::OTHER_ACCOUNT, Some(&function.name), message);
    let of = |table: &[(&str, &'static str)]| {
        table
            .iter()
            .find(|(name, _)| *name == service)
            .map(|(_, what)| *what)
    };
    finding.help = Some(match (of(OWN_POLICY), of(SHARED)) {
        (Some(policy), _) => format!(
            "in account {account}, add to {policy}: {}",
            statement(&named, resource)
        ),
        (None, Some(how)) => format!("in account {account}, {how}"),
        (None, None) => format!(
            "no policy of the resource can allow it: let the function assume a role of account {account} (`sts:AssumeRole`)"
        ),
    });
    finding.resources.insert(resource.to_string());
    let mut places = rows.iter().flat_map(|row| &row.because);
    finding.places.extend(
        places
            .find_map(|because| because.location.clone())
            .map(|location| Place {
                location,
                label: "needed here".to_owned(),
            }),
    );
    finding.actions = actions;
    Some(finding)
}

/// What the other account has to allow, with the role's ARN to be filled in.
fn statement(actions: &[&str], resource: &ArnPattern) -> String {
    let action = match actions {
        [one] => serde_json::json!(one),
        several => serde_json::json!(several),
    };
    serde_json::json!({
        "Effect": "Allow",
        "Principal": { "AWS": "<ARN of the function's role>" },
        "Action": action,
        "Resource": resource.as_str(),
    })
    .to_string()
}
