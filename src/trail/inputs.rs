//! Request parameters to inputs: the recorder's member names to the API's, redacted values to unknown ones.
//!
//! The recorder writes `tableName` for `TableName`, `dBInstanceIdentifier` for `DBInstanceIdentifier`, the HTTP names of S3
//! (`bucketName`, `x-amz-acl`), and EC2's sets (`instancesSet.items[].instanceId` for `InstanceIds[]`).

use std::borrow::Cow;
use std::collections::HashMap;

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

/// How many names of one structure are remembered.
const MAX_REMEMBERED: usize = 1_000;

/// Whether a value is one that CloudTrail hid.
pub(super) fn is_redacted(text: &str) -> bool {
    let hidden = |(at, _)| text.get(at..).is_some_and(|rest| rest.starts_with(REDACTED));
    text.match_indices('H').any(hidden) || text == "***" || text == "****"
}

/// Finds the members that the recorder's names stand for, and remembers them.
#[derive(Default)]
pub(super) struct Members<'c> {
    /// Service and structure → recorder's name → member.
    found: HashMap<(&'c str, &'c str), HashMap<String, Option<Member<'c>>>>,
}

impl<'c> Members<'c> {
    /// The inputs of a call.
    pub(super) fn inputs<'n>(
        &mut self,
        operation: Operation<'c>,
        parameters: &'n Node<'_>,
    ) -> Vec<Input<'n>> {
        let mut found = Vec::new();
        if let Some(shape) = operation.input() {
            let service = operation.service().suffix();
            let mut walk = Walk {
                members: self,
                service,
                found: &mut found,
            };
            walk.structure(shape, "", parameters);
        }
        found
    }

    /// The member that the recorder calls `key`.
    fn member(&mut self, service: &'c str, shape: Shape<'c>, key: &str) -> Option<Member<'c>> {
        let known = self.found.entry((service, shape.name())).or_default();
        if let Some(member) = known.get(key) {
            return *member;
        }
        let member = member(shape, key);
        if known.len() < MAX_REMEMBERED {
            known.insert(key.to_owned(), member);
        }
        member
    }
}

/// The parameters of a call without a known operation, as recorded: a newer catalogue may name them.
pub(super) fn as_recorded<'n>(parameters: &'n Node<'_>) -> Vec<Input<'n>> {
    const MOST: usize = 16;
    let Node::Map(entries) = parameters else {
        return Vec::new();
    };
    let scalar = |(key, value): &'n (Cow<'_, str>, Node<'_>)| match value {
        Node::Scalar(text) if !text.is_empty() => {
            let hidden = is_redacted(text) || text.len() > MAX_VALUE;
            let value = if hidden { Value::Hidden } else { Value::Text(text) };
            Some((format!("{RECORDED}{key}"), value))
        }
        _ => None,
    };
    entries.iter().take(MOST).filter_map(scalar).collect()
}

/// The recorder's name in a path that [`as_recorded`] made.
pub(super) fn recorded(path: &str) -> Option<&str> {
    path.strip_prefix(RECORDED)
}

/// What the path of a parameter begins with that is named as recorded.
const RECORDED: char = '=';

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
    !path.contains(['.', '[', '{', RECORDED])
        && ENDINGS.iter().any(|ending| path.ends_with(ending))
        && !WITHIN.contains(&path)
}

/// A walk through the parameters of one call.
struct Walk<'w, 'c, 'n> {
    members: &'w mut Members<'c>,
    service: &'c str,
    found: &'w mut Vec<Input<'n>>,
}

impl<'c, 'n> Walk<'_, 'c, 'n> {
    fn structure(&mut self, shape: Shape<'c>, prefix: &str, node: &'n Node<'_>) {
        let Node::Map(entries) = node else {
            return;
        };
        for (key, value) in entries {
            if let Some(member) = self.members.member(self.service, shape, key) {
                self.member(member, &format!("{prefix}{}", member.name()), value);
            } else if let Some(items) = value.get("items") {
                self.set(shape, prefix, items);
            } else if key.ends_with("Request") {
                self.structure(shape, prefix, value);
            }
        }
    }

    fn member(&mut self, member: Member<'c>, path: &str, node: &'n Node<'_>) {
        match (member.kind(), node) {
            (_, Node::Scalar(text)) => self.scalar(member, path, text),
            (MemberKind::List, Node::List(items)) => {
                let path = format!("{path}[]");
                for item in items {
                    match (item, member.structure()) {
                        (Node::Scalar(text), _) => self.scalar(member, &path, text),
                        (_, Some(shape)) => self.structure(shape, &format!("{path}."), item),
                        _ => {}
                    }
                }
            }
            (MemberKind::Map, Node::Map(entries)) => {
                for (key, _) in entries {
                    self.push(format!("{path}{{}}"), key);
                }
            }
            (MemberKind::Structure, Node::Map(_)) => {
                if let Some(shape) = member.structure() {
                    self.structure(shape, &format!("{path}."), node);
                }
            }
            _ => {}
        }
    }

    /// EC2's sets: the name of the list is that of its items in the plural.
    fn set(&mut self, shape: Shape<'c>, prefix: &str, items: &'n Node<'_>) {
        let Node::List(items) = items else {
            return;
        };
        for item in items {
            let Node::Map(entries) = item else {
                continue;
            };
            for (key, value) in entries {
                let plural = self.members.member(self.service, shape, &format!("{key}s"));
                if let (Some(member), Node::Scalar(text)) = (plural, value) {
                    self.scalar(member, &format!("{prefix}{}[]", member.name()), text);
                }
            }
        }
    }

    /// A scalar counts when it can name or choose something: numbers of members that are no texts do not.
    fn scalar(&mut self, member: Member<'_>, path: &str, text: &'n str) {
        let numeric = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'-');
        if member.is_text() || text.is_empty() || !text.bytes().all(numeric) {
            self.push(path.to_owned(), text);
        }
    }

    fn push(&mut self, path: String, text: &'n str) {
        if self.found.len() >= MAX_INPUTS || text.is_empty() {
            return;
        }
        let hidden = is_redacted(text) || text.len() > MAX_VALUE;
        self.found
            .push((path, if hidden { Value::Hidden } else { Value::Text(text) }));
    }
}

/// The member that the recorder calls `key`.
pub(super) fn member<'c>(shape: Shape<'c>, key: &str) -> Option<Member<'c>> {
    shape.member_of_setter(key).or_else(|| match key {
        "bucketName" => shape.member("Bucket"),
        "x-amz-server-side-encryption-aws-kms-key-id" => shape.member("SSEKMSKeyId"),
        _ => shape.member_of_setter(key.strip_prefix("x-amz-")?),
    })
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
        let found: Vec<(String, String)> = Members::default()
            .inputs(operation, &node)
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
