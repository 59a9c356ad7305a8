//! Reads a policy document: lenient where IAM is (string or list), strict where IAM refuses or a slip would change the meaning.

use std::collections::BTreeSet;

use super::check;
use super::error::{EMPTY_LIST, PolicyError, Position, Problem};
use super::json::{Json, JsonValue, Lines};
use super::lint::Lint;
use super::statement::{StatementReader, unknown_key};
use super::typed::{error, object, text};
use super::{Policy, PolicyKind, Version};

/// A policy and what is known of its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// What it says.
    pub policy: Policy,
    /// Where each of its statements begins.
    pub statements: Vec<Position>,
    /// What IAM takes although it hardly means what its author thinks.
    pub lints: Vec<Lint>,
}

impl Policy {
    /// Reads an identity-based policy document: [`Policy::read`] with [`PolicyKind::Identity`].
    ///
    /// # Errors
    /// Says which element is wrong, with its path and position.
    pub fn from_json(text: &str) -> Result<Self, PolicyError> {
        Self::read(text, PolicyKind::Identity)
    }

    /// Reads a policy document; [`Document::read`] also tells where its statements are.
    ///
    /// # Errors
    /// Says which element is wrong, with its path and position.
    pub fn read(text: &str, kind: PolicyKind) -> Result<Self, PolicyError> {
        Document::read(text, kind).map(|document| document.policy)
    }
}

impl Document {
    /// Reads a policy document as IAM reads it.
    ///
    /// `Version` may be `2012-10-17`, `2008-10-17` or absent (which means the latter); in the older language `${…}` is
    /// plain text, and is kept so by writing its dollar sign as the `${$}` of the newer one. `Id` has no effect and is
    /// left out. A trust policy has no `Resource`, and a resource's own policy may leave it out: such statements speak of
    /// what the policy is attached to, `*`.
    /// Grammar: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html>.
    ///
    /// # Errors
    /// Says which element is wrong, with its path and position.
    pub fn read(text: &str, kind: PolicyKind) -> Result<Self, PolicyError> {
        let json = Json::parse(text).map_err(|(message, at)| PolicyError {
            path: String::new(),
            at,
            problem: Problem::Json(message),
        })?;
        if kind != PolicyKind::Resource
            && let Some((offset, c)) = text.char_indices().find(|(_, c)| !check::is_taken(*c))
        {
            return Err(error(
                "the document",
                Lines::new(text).position(offset),
                check::character(c),
            ));
        }
        document(json, kind)
    }
}

fn document(json: Json, kind: PolicyKind) -> Result<Document, PolicyError> {
    const WHOLE: &str = "the document";
    let at = json.at;
    let (mut statements, mut id) = (None, None);
    let mut declared = Version::V2008;
    for member in object(json, WHOLE, "a policy document")? {
        match member.key.as_str() {
            "Version" => declared = version(member.value)?,
            "Id" => {
                id = Some(member.key_at);
                text(member.value, "Id")?;
            }
            "Statement" => statements = Some(member.value),
            _ => return Err(unknown_key(WHOLE, member, kind)),
        }
    }
    let Some(statements) = statements else {
        return Err(error(WHOLE, at, Problem::Missing("`Statement`")));
    };
    let items = match statements {
        Json {
            value: JsonValue::Array(items),
            at,
        } if items.is_empty() => {
            return Err(error("Statement", at, Problem::Invalid(EMPTY_LIST)));
        }
        Json {
            value: JsonValue::Array(items),
            ..
        } => items
            .into_iter()
            .enumerate()
            .map(|(index, item)| (format!("Statement[{index}]"), item))
            .collect(),
        one => vec![("Statement".to_owned(), one)],
    };
    let mut reader = StatementReader {
        declared,
        kind,
        sids: BTreeSet::new(),
        lints: Vec::new(),
    };
    if let (Some(at), PolicyKind::Identity) = (id, kind) {
        reader.lint(
            "id",
            "Id",
            at,
            "`Id` has no meaning in an identity-based policy".to_owned(),
        );
    }
    let positions = items.iter().map(|(_, item)| item.at).collect();
    let statements = items
        .into_iter()
        .map(|(path, item)| reader.statement(item, &path))
        .collect::<Result<_, _>>()?;
    Ok(Document {
        policy: Policy {
            kind,
            version: declared,
            statements,
        },
        statements: positions,
        lints: reader.lints,
    })
}

fn version(value: Json) -> Result<Version, PolicyError> {
    let at = value.at;
    match text(value, "Version")?.as_str() {
        "2012-10-17" => Ok(Version::V2012),
        "2008-10-17" => Ok(Version::V2008),
        other => Err(error(
            "Version",
            at,
            Problem::Value {
                value: other.to_owned(),
                expected: "`2012-10-17` or `2008-10-17`",
            },
        )),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::iam::policy::Resources;

    fn error(text: &str) -> String {
        Policy::from_json(text).unwrap_err().to_string()
    }

    #[test]
    fn a_string_counts_as_a_list_of_one() {
        let short = r#"{"Statement": {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*",
            "Condition": {"Bool": {"aws:SecureTransport": true}, "NumericLessThan": {"s3:max-keys": 10}}}}"#;
        let long = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": ["*"],
            "Condition": {"Bool": {"aws:SecureTransport": ["true"]}, "NumericLessThan": {"s3:max-keys": ["10"]}}}]}"#;
        assert_eq!(
            Policy::from_json(short).unwrap().statements,
            Policy::from_json(long).unwrap().statements
        );
    }

    #[test]
    fn the_older_language_has_no_variables() {
        let text = |version: &str| {
            format!(
                r#"{{{version}"Statement": {{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/${{aws:username}}"}}}}"#
            )
        };
        let resource = |version: &str| {
            let policy = Policy::from_json(&text(version)).unwrap();
            match policy.statements.first().map(|first| &first.resources) {
                Some(Resources::Only(list)) => list.first().unwrap().as_str().to_owned(),
                _ => String::new(),
            }
        };
        assert_eq!(
            resource(r#""Version": "2012-10-17", "#),
            "arn:aws:s3:::b/${aws:username}"
        );
        for older in ["", r#""Version": "2008-10-17", "#] {
            assert_eq!(resource(older), "arn:aws:s3:::b/${$}{aws:username}");
        }
    }

    #[test]
    fn resource_and_trust_policies_read_back_as_printed() {
        for (kind, text) in [
            (
                PolicyKind::Resource,
                r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","NotPrincipal":{"AWS":["111122223333","arn:aws:iam::1:root"]},"Action":"s3:*","Resource":"*"}]}"#,
            ),
            (
                PolicyKind::Trust,
                r#"{"Version":"2008-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole","Condition":{"StringLike":{"sts:ExternalId":"${a}${$}{b}"}}}]}"#,
            ),
            (
                PolicyKind::Trust,
                r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole"}]}"#,
            ),
        ] {
            let policy = Policy::read(text, kind).unwrap();
            assert_eq!(policy.to_json_compact(), text);
            assert_eq!(Policy::read(&policy.to_json_compact(), kind).unwrap(), policy);
        }
    }

    #[test]
    fn messages_name_the_path() {
        for (text, expected) in [
            ("[]", "the document: expected a policy document, found a list"),
            (
                r#"{"Version": "2012-10-17"}"#,
                "the document: `Statement` is missing",
            ),
            (
                r#"{"Version": "2015-10-17", "Statement": []}"#,
                "Version: `2015-10-17` is not `2012-10-17` or `2008-10-17`",
            ),
            (
                r#"{"Statement": [], "statement": []}"#,
                "the document: unknown key `statement`; keys are spelled exactly as IAM documents them",
            ),
            (
                r#"{"Statement": [], "Statement": []}"#,
                "the document: key `Statement` stands twice",
            ),
            (
                r#"{"Statement": [{"Effect": "Allow", "Action": [{"a": 1}], "Resource": "*"}]}"#,
                "Statement[0].Action[0]: expected a string, found an object",
            ),
            (
                r#"{"Statement": [{"Effect": "allow", "Action": "a:b", "Resource": "*"}]}"#,
                "Statement[0].Effect: `allow` is not `Allow` or `Deny`",
            ),
            (
                r#"{"Statement": [{"Effect": "Allow", "Action": "a:b", "NotAction": "a:c", "Resource": "*"}]}"#,
                "Statement[0]: both `Action` and `NotAction`",
            ),
            (
                r#"{"Statement": {"Effect": "Allow", "Action": "a:b"}}"#,
                "Statement: `Resource` or `NotResource` is missing",
            ),
            (
                r#"{"Statement": [{"Effect": "Allow", "Action": "a:b", "Resource": []}]}"#,
                "Statement[0].Resource: the list is empty",
            ),
            (
                r#"{"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "a:b", "Resource": "*"}]}"#,
                "Statement[0]: unknown key `Principal`; an identity-based policy has no principal, it is the role that carries it",
            ),
            (
                r#"{"Statement": [{"Effect": "Deny", "Action": "a:b", "Resource": "*", "Condition": {"Bool": {"k": "1", "k": "2"}}}]}"#,
                "Statement[0].Condition.Bool: key `k` stands twice",
            ),
        ] {
            assert_eq!(error(text), expected, "{text}");
        }
        assert!(error("{").starts_with("not JSON: "));
    }
}
