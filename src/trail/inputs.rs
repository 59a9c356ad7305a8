//! Request parameters to inputs: the recorder's member names to the API's, redacted values to unknown ones.
//!
//! The recorder writes `tableName` for `TableName`, `dBInstanceIdentifier` for `DBInstanceIdentifier`, the HTTP names of S3
//! (`bucketName`, `x-amz-acl`), and EC2's sets (`instancesSet.items[].instanceId` for `InstanceIds[]`).
//!
//! Parameters are read in one go ([`walk`](super::walk)): [`Plans`] remembers for each place in an operation's input what
//! the recorder's names mean there, so that a name is looked for in the catalogue once and no path is built twice.

use std::borrow::Cow;

use rustc_hash::FxHashMap;

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
pub(super) type Input<'n> = (&'n str, Value<'n>);

/// What CloudTrail writes in place of secrets.
const REDACTED: &str = "HIDDEN_DUE_TO_SECURITY_REASONS";
/// Values longer than this name no resource.
const MAX_VALUE: usize = 1024;
/// How many values of one record are looked at.
const MAX_INPUTS: usize = 256;

/// How many names of one structure are remembered.
const MAX_REMEMBERED: usize = 1_000;
/// How many places of all inputs are remembered.
const MAX_PLACES: usize = 20_000;
/// How deep structures may lie in each other: nothing that names a resource lies deeper.
const MAX_DEPTH: usize = 32;

/// Whether a value is one that CloudTrail hid.
pub(super) fn is_redacted(text: &str) -> bool {
    let hidden = |(at, _)| text.get(at..).is_some_and(|rest| rest.starts_with(REDACTED));
    text.match_indices('H').any(hidden) || text == "***" || text == "****"
}

/// The inputs of one call; used for one call after the other, so that room is made once.
#[derive(Debug, Default)]
pub(super) struct Inputs {
    /// The texts of all values.
    texts: String,
    found: Vec<Found>,
}

/// A value: the number of its path, and where its text lies; no place where the record hides it.
#[derive(Clone, Copy, Debug)]
struct Found {
    path: u32,
    text: Option<(usize, usize)>,
}

impl Inputs {
    pub(super) fn clear(&mut self) {
        self.texts.clear();
        self.found.clear();
    }

    pub(super) fn push(&mut self, path: u32, text: &str) {
        if self.found.len() >= MAX_INPUTS || text.is_empty() {
            return;
        }
        let hidden = is_redacted(text) || text.len() > MAX_VALUE;
        let start = self.texts.len();
        if !hidden {
            self.texts.push_str(text);
        }
        let text = (!hidden).then_some((start, self.texts.len()));
        self.found.push(Found { path, text });
    }

    /// Paths and values, in the order of the record.
    pub(super) fn iter<'i>(&'i self, paths: &'i Paths) -> impl Iterator<Item = Input<'i>> {
        self.found.iter().filter_map(|found| {
            let path = paths.known.get(found.path as usize)?;
            Some((path.text.as_ref(), self.value(found)))
        })
    }

    /// The values that name the resource as a whole ([`is_anchor`]), in the order of the record.
    pub(super) fn anchors<'i>(&'i self, paths: &'i Paths) -> impl Iterator<Item = (&'i str, &'i str)> {
        self.found.iter().filter_map(|found| {
            let path = paths
                .known
                .get(found.path as usize)
                .filter(|path| path.is_anchor)?;
            match self.value(found) {
                Value::Text(text) => Some((path.text.as_ref(), text)),
                Value::Hidden => None,
            }
        })
    }

    /// The rest: paths and values that calls are not kept apart by.
    pub(super) fn others<'i>(&'i self, paths: &'i Paths) -> impl Iterator<Item = Input<'i>> {
        self.found.iter().filter_map(|found| {
            let path = paths.known.get(found.path as usize)?;
            let value = self.value(found);
            let is_anchor = path.is_anchor && value != Value::Hidden;
            (!is_anchor).then_some((path.text.as_ref(), value))
        })
    }

    fn value(&self, found: &Found) -> Value<'_> {
        match found.text.and_then(|(start, end)| self.texts.get(start..end)) {
            Some(text) => Value::Text(text),
            None => Value::Hidden,
        }
    }
}

/// The paths of members, by number.
#[derive(Debug, Default)]
pub(super) struct Paths {
    known: Vec<Path>,
    numbers: FxHashMap<Box<str>, u32>,
}

#[derive(Debug)]
struct Path {
    text: Box<str>,
    is_anchor: bool,
}

impl Paths {
    pub(super) fn number(&mut self, path: &str) -> u32 {
        if let Some(number) = self.numbers.get(path) {
            return *number;
        }
        let number = u32::try_from(self.known.len()).unwrap_or(u32::MAX);
        self.known.push(Path {
            text: path.into(),
            is_anchor: is_anchor(path),
        });
        self.numbers.insert(path.into(), number);
        number
    }
}

/// A place in an operation's input that holds members: the input itself, or a structure in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Place(u32);

/// What a recorder's name means at a place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Meaning {
    pub(super) kind: MemberKind,
    /// Whether a number is a text there.
    pub(super) is_text: bool,
    /// The path of the member itself, of the items of a list, and of the keys of a map.
    pub(super) own: u32,
    pub(super) item: u32,
    pub(super) key: u32,
    /// Where the members of the structure, or of the list's structures, are.
    pub(super) inner: Option<Place>,
}

/// What recorder's names mean, remembered.
#[derive(Debug, Default)]
pub(super) struct Plans<'c> {
    places: Vec<Members<'c>>,
    inputs: FxHashMap<(&'c str, &'c str), Option<Place>>,
    pub(super) paths: Paths,
}

#[derive(Debug)]
struct Members<'c> {
    shape: Shape<'c>,
    /// The path of what holds the members, with the dot behind it.
    prefix: String,
    depth: usize,
    meanings: FxHashMap<Box<str>, Option<Meaning>>,
}

impl<'c> Plans<'c> {
    /// The place of an operation's whole input; `None` for one without members.
    pub(super) fn input(&mut self, operation: Operation<'c>) -> Option<Place> {
        if self.places.len() > MAX_PLACES {
            *self = Self::default();
        }
        let name = (operation.service().suffix(), operation.name());
        if let Some(place) = self.inputs.get(&name) {
            return *place;
        }
        let place = operation.input().map(|shape| self.place(shape, String::new(), 0));
        self.inputs.insert(name, place);
        place
    }

    fn place(&mut self, shape: Shape<'c>, prefix: String, depth: usize) -> Place {
        let place = Place(u32::try_from(self.places.len()).unwrap_or(u32::MAX));
        self.places.push(Members {
            shape,
            prefix,
            depth,
            meanings: FxHashMap::default(),
        });
        place
    }

    /// What the recorder calls `key` at a place.
    pub(super) fn meaning(&mut self, place: Place, key: &str) -> Option<Meaning> {
        let members = self.places.get(place.0 as usize)?;
        if let Some(meaning) = members.meanings.get(key) {
            return *meaning;
        }
        let (prefix, depth) = (members.prefix.clone(), members.depth);
        let meaning = member(members.shape, key).map(|member| self.meaning_of(member, &prefix, depth));
        if let Some(members) = self.places.get_mut(place.0 as usize)
            && members.meanings.len() < MAX_REMEMBERED
        {
            members.meanings.insert(key.into(), meaning);
        }
        meaning
    }

    fn meaning_of(&mut self, member: Member<'c>, prefix: &str, depth: usize) -> Meaning {
        let path = format!("{prefix}{}", member.name());
        let kind = member.kind();
        let inner = member
            .structure()
            .filter(|_| depth < MAX_DEPTH)
            .and_then(|shape| match kind {
                MemberKind::List => Some(self.place(shape, format!("{path}[]."), depth + 1)),
                MemberKind::Structure => Some(self.place(shape, format!("{path}."), depth + 1)),
                _ => None,
            });
        Meaning {
            kind,
            is_text: member.is_text(),
            own: self.paths.number(&path),
            item: self.paths.number(&format!("{path}[]")),
            key: self.paths.number(&format!("{path}{{}}")),
            inner,
        }
    }
}

/// The parameters of a call without a known operation, as recorded: a newer catalogue may name them.
pub(super) fn as_recorded(parameters: &Node<'_>, paths: &mut Paths, inputs: &mut Inputs) {
    const MOST: usize = 16;
    let Node::Map(entries) = parameters else {
        return;
    };
    for (key, value) in entries.iter().take(MOST) {
        if let Node::Scalar(text) = value
            && !text.is_empty()
        {
            inputs.push(paths.number(&format!("{RECORDED}{key}")), text);
        }
    }
}

/// The recorder's name in a path that [`as_recorded`] made.
pub(super) fn recorded(path: &str) -> Option<&str> {
    path.strip_prefix(RECORDED)
}

/// What the path of a parameter begins with that is named as recorded.
const RECORDED: char = '=';

/// How many of the recorded parameters the operation's input knows.
pub(super) fn known_parameters(operation: Operation<'_>, keys: &[Cow<'_, str>]) -> usize {
    let known = |shape: Shape<'_>| keys.iter().filter(|key| member(shape, key).is_some()).count();
    operation.input().map_or(0, known)
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
    use crate::trail::json::{Reference, Sonic};
    use crate::trail::walk;

    fn check(service: &str, name: &str, parameters: &str, expected: &[(&str, &str)]) {
        let operation = Catalog::embedded()
            .service(service)
            .unwrap()
            .operation(name)
            .unwrap();
        let (mut plans, mut inputs) = (Plans::default(), Inputs::default());
        for parse in [walk::parameters::<Sonic>, walk::parameters::<Reference>] {
            inputs.clear();
            let place = plans.input(operation).unwrap();
            parse(parameters, &mut plans, place, &mut inputs).unwrap();
            let found: Vec<(&str, &str)> = inputs
                .iter(&plans.paths)
                .map(|(path, value)| match value {
                    Value::Text(text) => (path, text),
                    Value::Hidden => (path, "?"),
                })
                .collect();
            assert_eq!(found, expected, "{service}.{name}");
        }
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
