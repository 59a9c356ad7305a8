//! What a call's response names: a member of the response spelled out by the inputs of the call.
//!
//! ```toml
//! [[returned]]
//! operations = ["CreateTopic"]
//! member = "TopicArn"                # its own name, wherever in the response it stands
//! is = "arn:${Partition}:sns:${Region}:${Account}:${Name}"
//! docs = "https://…"
//! ```
//! `is` is a text, or a list of such, of which the first counts whose inputs are all set. `${Partition}`, `${Region}`
//! and `${Account}` are the caller's, any other `${…}` is an input of the call, `*` a part that only the service knows.

use serde::Deserialize;

use super::overlay::{OneOrMany, Overlay};
use super::overlay_of;
use crate::catalog::naming;
use crate::catalog::service::Operation;

/// A part of the text that a response's member holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Returned {
    /// Text, in which `${AWS::Partition}`, `${AWS::Region}` and `${AWS::AccountId}` are the caller's.
    Text(String),
    /// The value of this input of the call, by its API name.
    Input(String),
    /// A part that the service makes up.
    Unknown,
}

/// What a member of a response is.
#[derive(Clone, Debug)]
pub(super) struct ReturnedRow {
    pub(super) operations: Vec<String>,
    pub(super) member: String,
    /// The first whose inputs are all set counts.
    pub(super) is: Vec<Vec<Returned>>,
    /// The page of AWS that says so; only tests read it.
    #[cfg_attr(not(test), expect(dead_code, reason = "for readers and tests"))]
    pub(super) docs: String,
}

/// A row as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReturnedText {
    operations: Vec<String>,
    member: String,
    is: OneOrMany,
    docs: String,
}

impl ReturnedText {
    pub(super) fn read(self) -> Result<ReturnedRow, String> {
        let is = self.is.into_vec().into_iter().map(|text| read_parts(&text));
        Ok(ReturnedRow {
            operations: self.operations,
            member: self.member,
            is: is.collect::<Result<_, _>>()?,
            docs: self.docs,
        })
    }
}

impl Operation<'_> {
    /// What the member of its response with this Rust name (`queue_url`) is, by the inputs of the call: texts of which
    /// the first counts whose inputs are all set. None at all if nothing is written of the member.
    pub fn returned(&self, rust_member: &str) -> &'static [Vec<Returned>] {
        Overlay::of(overlay_of(self.service()))
            .returned()
            .iter()
            .find(|row| {
                row.operations.iter().any(|name| name == self.name())
                    && naming::same_folded(&row.member, rust_member)
            })
            .map_or(&[], |row| row.is.as_slice())
    }
}

/// Reads `arn:${Partition}:sns:${Region}:${Account}:${Name}`.
fn read_parts(text: &str) -> Result<Vec<Returned>, String> {
    let mut parts = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['$', '*']) {
        let (before, special) = rest.split_at(at);
        plain.push_str(before);
        if let Some(after) = special.strip_prefix('*') {
            take_text(&mut plain, &mut parts);
            parts.push(Returned::Unknown);
            rest = after;
            continue;
        }
        let named = special.strip_prefix("${").and_then(|named| named.split_once('}'));
        let (name, after) = named.ok_or_else(|| format!("`{text}` has a `$` without `{{…}}`"))?;
        match name {
            "Partition" => plain.push_str("${AWS::Partition}"),
            "Region" => plain.push_str("${AWS::Region}"),
            "Account" => plain.push_str("${AWS::AccountId}"),
            input => {
                take_text(&mut plain, &mut parts);
                parts.push(Returned::Input(input.to_owned()));
            }
        }
        rest = after;
    }
    plain.push_str(rest);
    take_text(&mut plain, &mut parts);
    Ok(parts)
}

fn take_text(plain: &mut String, parts: &mut Vec<Returned>) {
    if !plain.is_empty() {
        parts.push(Returned::Text(std::mem::take(plain)));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::catalog::Catalog;

    #[test]
    fn a_text_is_read_into_its_parts() {
        let parts = read_parts("arn:${Partition}:states:${Region}:x/${name}:*").unwrap();
        assert_eq!(
            parts,
            [
                Returned::Text("arn:${AWS::Partition}:states:${AWS::Region}:x/".to_owned()),
                Returned::Input("name".to_owned()),
                Returned::Text(":".to_owned()),
                Returned::Unknown,
            ]
        );
        assert!(read_parts("a $b").is_err());
    }

    #[test]
    fn a_member_is_found_by_its_rust_name() {
        let sqs = Catalog::embedded().service("sqs").unwrap();
        let operation = sqs.operation("GetQueueUrl").unwrap();
        assert_eq!(operation.returned("queue_url").len(), 2);
        assert!(operation.returned("queue_name").is_empty());
    }
}
