//! Request parameters to inputs: the recorder's member names to the API's, redacted values to unknown ones.
//!
//! The recorder writes `tableName` for `TableName`, `dBInstanceIdentifier` for `DBInstanceIdentifier`, the HTTP names of S3
//! (`bucketName`, `x-amz-acl`), and EC2's sets (`instancesSet.items[].instanceId` for `InstanceIds[]`).

use crate::catalog::{Member, MemberKind, Operation, Shape};

use super::json::Node;

/// What a member was seen set to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value<'n> {
    /// A text, or the text of a number or boolean.
    Text(&'n str),
    /// It was set, but the record does not show to what.
    Hidden,
}

/// A member path, as in [`crate::usage::Inputs`], and a value.
pub(super) type Input<'n> = (String, Value<'n>);

/// What CloudTrail writes in place of secrets.
const REDACTED: &str = "HIDDEN_DUE_TO_SECURITY_REASONS";
/// Values longer than this name no resource.
const MAX_VALUE: usize = 1024;
/// How many values of one record are looked at.
const MAX_INPUTS: usize = 256;

/// Whether a value is one that CloudTrail hid.
pub(super) fn is_redacted(text: &str) -> bool {
    text.contains(REDACTED) || text == "***" || text == "****"
}

/// The inputs of a call.
pub(super) fn inputs<'n>(operation: Operation<'_>, parameters: &'n Node<'_>) -> Vec<Input<'n>> {
    let mut found = Vec::new();
    if let Some(shape) = operation.input() {
        structure(shape, "", parameters, &mut found);
    }
    found
}

/// How many of the recorded parameters the operation's input knows.
pub(super) fn known_parameters(operation: Operation<'_>, parameters: &Node<'_>) -> usize {
    let (Some(shape), Node::Map(entries)) = (operation.input(), parameters) else {
        return 0;
    };
    entries
        .iter()
        .filter(|(key, _)| member(shape, key).is_some())
        .count()
}

/// Whether a path names the resource of a call as a whole, so that calls with different values are kept apart. What lies
/// within a resource (keys, streams of a log group, versions, uploads) does not count: there can be very many.
pub(super) fn is_anchor(path: &str) -> bool {
    const ENDINGS: [&str; 8] = ["Name", "Arn", "ARN", "Id", "Url", "Identifier", "Bucket", "Uri"];
    const WITHIN: [&str; 5] = [
        "LogStreamName",
        "VersionId",
        "UploadId",
        "MessageGroupId",
        "MessageDeduplicationId",
    ];
    !path.contains(['.', '[', '{'])
        && ENDINGS.iter().any(|ending| path.ends_with(ending))
        && !WITHIN.contains(&path)
}

fn structure<'n>(shape: Shape<'_>, prefix: &str, node: &'n Node<'_>, found: &mut Vec<Input<'n>>) {
    let Node::Map(entries) = node else {
        return;
    };
    for (key, value) in entries {
        if let Some(member) = member(shape, key) {
            read_member(member, &format!("{prefix}{}", member.name()), value, found);
        } else if let Some(items) = value.get("items") {
            set(shape, prefix, items, found);
        } else if key.ends_with("Request") {
            structure(shape, prefix, value, found);
        }
    }
}

/// The member that the recorder calls `key`.
fn member<'c>(shape: Shape<'c>, key: &str) -> Option<Member<'c>> {
    shape.member_of_setter(key).or_else(|| match key {
        "bucketName" => shape.member("Bucket"),
        "x-amz-server-side-encryption-aws-kms-key-id" => shape.member("SSEKMSKeyId"),
        _ => shape.member_of_setter(key.strip_prefix("x-amz-")?),
    })
}

fn read_member<'n>(member: Member<'_>, path: &str, node: &'n Node<'_>, found: &mut Vec<Input<'n>>) {
    match (member.kind(), node) {
        (_, Node::Scalar(text)) => scalar(member, path, text, found),
        (MemberKind::List, Node::List(items)) => {
            let path = format!("{path}[]");
            for item in items {
                match (item, member.structure()) {
                    (Node::Scalar(text), _) => scalar(member, &path, text, found),
                    (_, Some(shape)) => structure(shape, &format!("{path}."), item, found),
                    _ => {}
                }
            }
        }
        (MemberKind::Map, Node::Map(entries)) => {
            for (key, _) in entries {
                push(format!("{path}{{}}"), key, found);
            }
        }
        (MemberKind::Structure, Node::Map(_)) => {
            if let Some(shape) = member.structure() {
                structure(shape, &format!("{path}."), node, found);
            }
        }
        _ => {}
    }
}

/// EC2's sets: the name of the list is that of its items in the plural.
fn set<'n>(shape: Shape<'_>, prefix: &str, items: &'n Node<'_>, found: &mut Vec<Input<'n>>) {
    let Node::List(items) = items else {
        return;
    };
    for item in items {
        let Node::Map(entries) = item else {
            continue;
        };
        for (key, value) in entries {
            let plural = shape.member_of_setter(&format!("{key}s"));
            if let (Some(member), Node::Scalar(text)) = (plural, value) {
                scalar(member, &format!("{prefix}{}[]", member.name()), text, found);
            }
        }
    }
}

/// A scalar counts when it can name or choose something: numbers of members that are no texts do not.
fn scalar<'n>(member: Member<'_>, path: &str, text: &'n str, found: &mut Vec<Input<'n>>) {
    let number = !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-'));
    if member.is_text() || !number {
        push(path.to_owned(), text, found);
    }
}

fn push<'n>(path: String, text: &'n str, found: &mut Vec<Input<'n>>) {
    if found.len() >= MAX_INPUTS || text.is_empty() {
        return;
    }
    let hidden = is_redacted(text) || text.len() > MAX_VALUE;
    found.push((path, if hidden { Value::Hidden } else { Value::Text(text) }));
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::catalog::Catalog;
    use crate::trail::json::{Parser, Sonic};

    fn check(service: &str, name: &str, parameters: &str, expected: &[(&str, &str)]) {
        let operation = Catalog::embedded()
            .service(service)
            .unwrap()
            .operation(name)
            .unwrap();
        let node: Node<'_> = Sonic::parse(parameters).unwrap();
        let found: Vec<(String, String)> = inputs(operation, &node)
            .into_iter()
            .map(|(path, value)| match value {
                Value::Text(text) => (path, text.to_owned()),
                Value::Hidden => (path, "?".to_owned()),
            })
            .collect();
        let found: Vec<(&str, &str)> = found
            .iter()
            .map(|(path, text)| (path.as_str(), text.as_str()))
            .collect();
        assert_eq!(found, expected, "{service}.{name}");
    }

    #[test]
    fn recorded_names_become_api_names() {
        check(
            "dynamodb",
            "Query",
            r#"{"tableName":"orders","indexName":"by-status","limit":25,"scanIndexForward":false}"#,
            &[
                ("TableName", "orders"),
                ("IndexName", "by-status"),
                ("ScanIndexForward", "false"),
            ],
        );
        check(
            "s3",
            "PutObject",
            r#"{"bucketName":"b","Host":"b.s3.amazonaws.com","key":"a/b.pdf","x-amz-acl":"public-read","x-amz-server-side-encryption-aws-kms-key-id":"k"}"#,
            &[
                ("Bucket", "b"),
                ("Key", "a/b.pdf"),
                ("ACL", "public-read"),
                ("SSEKMSKeyId", "k"),
            ],
        );
        check(
            "eventbridge",
            "PutEvents",
            r#"{"entries":[{"eventBusName":"bus","detail":"HIDDEN_DUE_TO_SECURITY_REASONS"},{"eventBusName":"bus2"}]}"#,
            &[
                ("Entries[].EventBusName", "bus"),
                ("Entries[].Detail", "?"),
                ("Entries[].EventBusName", "bus2"),
            ],
        );
        check(
            "ec2",
            "DescribeInstances",
            r#"{"instancesSet":{"items":[{"instanceId":"i-1"},{"instanceId":"i-2"}]},"filterSet":{}}"#,
            &[("InstanceIds[]", "i-1"), ("InstanceIds[]", "i-2")],
        );
        check(
            "rds",
            "DescribeDBInstances",
            r#"{"dBInstanceIdentifier":"db"}"#,
            &[("DBInstanceIdentifier", "db")],
        );
        check(
            "ec2",
            "DescribeNatGateways",
            r#"{"DescribeNatGatewaysRequest":{"NatGatewayIds":["nat-1"]}}"#,
            &[("NatGatewayIds[]", "nat-1")],
        );
        check(
            "dynamodb",
            "TransactWriteItems",
            r#"{"transactItems":[{"put":{"tableName":"a","item":{"id":"HIDDEN_DUE_TO_SECURITY_REASONS"}}}]}"#,
            &[
                ("TransactItems[].Put.TableName", "a"),
                ("TransactItems[].Put.Item{}", "id"),
            ],
        );
    }
}
