//! Reads a policy document: lenient where IAM is (string or list), strict where a slip would change the meaning.

use std::collections::BTreeSet;

use super::json::Json;
use super::{
    ActionPattern, Actions, ArnPattern, Conditions, Effect, Policy, PolicyKind, PrincipalSet, Principals,
    Resources, Statement, Version,
};

/// Why a text is not an identity-based policy document. Every variant but the first names the path of the element.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// Not JSON at all.
    #[error("not JSON: {0}")]
    Json(String),
    /// An element has the wrong type.
    #[error("{path}: expected {expected}, found {found}")]
    Type {
        /// Where, such as `Statement[0].Action`.
        path: String,
        /// What belongs there.
        expected: &'static str,
        /// What stands there.
        found: &'static str,
    },
    /// An element has a value that the policy language does not know.
    #[error("{path}: `{value}` is not {expected}")]
    Value {
        /// Where.
        path: String,
        /// What stands there.
        value: String,
        /// What belongs there.
        expected: &'static str,
    },
    /// A key that an identity-based policy does not have.
    #[error("{path}: unknown key `{key}`; {hint}")]
    UnknownKey {
        /// The object that holds it; empty for the document.
        path: String,
        /// The key.
        key: String,
        /// What to do about it.
        hint: &'static str,
    },
    /// A key that stands twice in one object; JSON readers disagree about which one counts.
    #[error("{path}: key `{key}` stands twice")]
    DuplicateKey {
        /// The object that holds it.
        path: String,
        /// The key.
        key: String,
    },
    /// A required element is not there.
    #[error("{path}: {what} is missing")]
    Missing {
        /// Where.
        path: String,
        /// What is missing.
        what: &'static str,
    },
    /// Two elements that exclude each other, or an empty list.
    #[error("{path}: {what}")]
    Invalid {
        /// Where.
        path: String,
        /// What is wrong.
        what: &'static str,
    },
}

impl Policy {
    /// Reads an identity-based policy document: [`Policy::read`] with [`PolicyKind::Identity`].
    ///
    /// # Errors
    /// Says which element is wrong, with its path.
    pub fn from_json(text: &str) -> Result<Self, PolicyError> {
        Self::read(text, PolicyKind::Identity)
    }

    /// Reads a policy document.
    ///
    /// `Version` may be `2012-10-17`, `2008-10-17` or absent (which means the latter); in the older language `${…}` is
    /// plain text, and is kept so by writing its dollar sign as the `${$}` of the newer one. `Id` has no effect and is
    /// left out. A trust policy without `Resource` speaks of every resource, `*`.
    /// Grammar: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html>.
    ///
    /// # Errors
    /// Says which element is wrong, with its path.
    pub fn read(text: &str, kind: PolicyKind) -> Result<Self, PolicyError> {
        let json: Json = serde_json::from_str(text).map_err(|error| PolicyError::Json(error.to_string()))?;
        document(json, kind)
    }
}

fn document(json: Json, kind: PolicyKind) -> Result<Policy, PolicyError> {
    let mut statements = None;
    let mut declared = Version::V2008;
    for (key, value) in object(json, "the document", "a policy document")? {
        match key.as_str() {
            "Version" => declared = version(value)?,
            "Id" => {
                string(value, "Id")?;
            }
            "Statement" => statements = Some(value),
            _ => return Err(unknown_key("the document", key, kind)),
        }
    }
    let items = match statements {
        Some(Json::Array(items)) => items
            .into_iter()
            .enumerate()
            .map(|(index, item)| (format!("Statement[{index}]"), item))
            .collect(),
        Some(one) => vec![("Statement".to_owned(), one)],
        None => {
            return Err(PolicyError::Missing {
                path: "the document".to_owned(),
                what: "`Statement`",
            });
        }
    };
    let reader = StatementReader { declared, kind };
    let statements = items
        .into_iter()
        .map(|(path, item)| reader.statement(item, &path))
        .collect::<Result<_, _>>()?;
    Ok(Policy {
        kind,
        version: declared,
        statements,
    })
}

fn version(value: Json) -> Result<Version, PolicyError> {
    match string(value, "Version")?.as_str() {
        "2012-10-17" => Ok(Version::V2012),
        "2008-10-17" => Ok(Version::V2008),
        other => Err(PolicyError::Value {
            path: "Version".to_owned(),
            value: other.to_owned(),
            expected: "`2012-10-17` or `2008-10-17`",
        }),
    }
}

struct StatementReader {
    declared: Version,
    kind: PolicyKind,
}

impl StatementReader {
    fn statement(&self, json: Json, path: &str) -> Result<Statement, PolicyError> {
        let (mut sid, mut effect, mut principals, mut actions, mut resources) =
            (None, None, None, None, None);
        let mut conditions = Conditions::new();
        for (key, value) in object(json, path, "a statement")? {
            let at = format!("{path}.{key}");
            match key.as_str() {
                "Sid" => sid = Some(string(value, &at)?),
                "Effect" => effect = Some(read_effect(value, &at)?),
                "Principal" | "NotPrincipal" if self.kind != PolicyKind::Identity => {
                    let set = self.principals(value, &at)?;
                    let read = match key.as_str() {
                        "Principal" => Principals::Only(set),
                        _ => Principals::AllExcept(set),
                    };
                    once(&mut principals, read, path, "both `Principal` and `NotPrincipal`")?;
                }
                "Action" | "NotAction" => {
                    let list = non_empty(strings(value, &at)?, &at)?;
                    let patterns = list.into_iter().map(ActionPattern::new).collect();
                    let read = match key.as_str() {
                        "Action" => Actions::Only(patterns),
                        _ => Actions::AllExcept(patterns),
                    };
                    once(&mut actions, read, path, "both `Action` and `NotAction`")?;
                }
                "Resource" | "NotResource" => {
                    let list = non_empty(strings(value, &at)?, &at)?;
                    let patterns = list
                        .into_iter()
                        .map(|text| ArnPattern::new(self.text(text)))
                        .collect();
                    let read = match key.as_str() {
                        "Resource" => Resources::Only(patterns),
                        _ => Resources::AllExcept(patterns),
                    };
                    once(&mut resources, read, path, "both `Resource` and `NotResource`")?;
                }
                "Condition" => conditions = self.conditions(value, &at)?,
                _ => return Err(unknown_key(path, key, self.kind)),
            }
        }
        Ok(Statement {
            sid,
            effect: required(effect, path, "`Effect`")?,
            principals: match self.kind {
                PolicyKind::Identity => None,
                _ => Some(required(principals, path, "`Principal` or `NotPrincipal`")?),
            },
            actions: required(actions, path, "`Action` or `NotAction`")?,
            resources: match (self.kind, resources) {
                (PolicyKind::Trust, None) => Resources::Only(vec![ArnPattern::any()]),
                (_, resources) => required(resources, path, "`Resource` or `NotResource`")?,
            },
            conditions,
        })
    }

    fn principals(&self, json: Json, path: &str) -> Result<PrincipalSet, PolicyError> {
        if let Json::String(everyone) = &json {
            return match everyone.as_str() {
                "*" => Ok(PrincipalSet::from([("*".to_owned(), vec!["*".to_owned()])])),
                other => Err(PolicyError::Value {
                    path: path.to_owned(),
                    value: other.to_owned(),
                    expected: "`*` or an object of principal types",
                }),
            };
        }
        let mut set = PrincipalSet::new();
        for (kind, names) in object(json, path, "`*` or an object of principal types")? {
            let at = format!("{path}.{kind}");
            if !matches!(kind.as_str(), "AWS" | "Service" | "Federated" | "CanonicalUser") {
                return Err(PolicyError::Value {
                    path: path.to_owned(),
                    value: kind,
                    expected: "`AWS`, `Service`, `Federated` or `CanonicalUser`",
                });
            }
            let names = non_empty(strings(names, &at)?, &at)?;
            set.insert(kind, names.into_iter().map(|name| self.text(name)).collect());
        }
        Ok(set)
    }

    fn conditions(&self, json: Json, path: &str) -> Result<Conditions, PolicyError> {
        let mut conditions = Conditions::new();
        for (operator, keys) in object(json, path, "an object of operators")? {
            let at = format!("{path}.{operator}");
            let entry = conditions.entry(operator).or_default();
            for (key, values) in object(keys, &at, "an object of condition keys")? {
                let values = strings(values, &format!("{at}.{key}"))?;
                entry.insert(key, values.into_iter().map(|text| self.text(text)).collect());
            }
        }
        Ok(conditions)
    }

    fn text(&self, text: String) -> String {
        match self.declared {
            Version::V2012 => text,
            Version::V2008 => text.replace("${", "${$}{"),
        }
    }
}

fn read_effect(value: Json, path: &str) -> Result<Effect, PolicyError> {
    match string(value, path)?.as_str() {
        "Allow" => Ok(Effect::Allow),
        "Deny" => Ok(Effect::Deny),
        other => Err(PolicyError::Value {
            path: path.to_owned(),
            value: other.to_owned(),
            expected: "`Allow` or `Deny`",
        }),
    }
}

fn once<T>(slot: &mut Option<T>, value: T, path: &str, what: &'static str) -> Result<(), PolicyError> {
    if slot.replace(value).is_some() {
        return Err(PolicyError::Invalid {
            path: path.to_owned(),
            what,
        });
    }
    Ok(())
}

fn required<T>(value: Option<T>, path: &str, what: &'static str) -> Result<T, PolicyError> {
    value.ok_or_else(|| PolicyError::Missing {
        path: path.to_owned(),
        what,
    })
}

fn non_empty(list: Vec<String>, path: &str) -> Result<Vec<String>, PolicyError> {
    if list.is_empty() {
        return Err(PolicyError::Invalid {
            path: path.to_owned(),
            what: "the list is empty",
        });
    }
    Ok(list)
}

fn unknown_key(path: &str, key: String, kind: PolicyKind) -> PolicyError {
    let hint = match key.as_str() {
        "Principal" | "NotPrincipal" if kind == PolicyKind::Identity => {
            "an identity-based policy has no principal, it is the role that carries it"
        }
        _ => "keys are spelled exactly as IAM documents them",
    };
    PolicyError::UnknownKey {
        path: path.to_owned(),
        key,
        hint,
    }
}

fn object(json: Json, path: &str, expected: &'static str) -> Result<Vec<(String, Json)>, PolicyError> {
    let Json::Object(members) = json else {
        return Err(wrong_type(&json, path, expected));
    };
    let mut seen = BTreeSet::new();
    if let Some((key, _)) = members.iter().find(|(key, _)| !seen.insert(key.as_str())) {
        return Err(PolicyError::DuplicateKey {
            path: path.to_owned(),
            key: key.clone(),
        });
    }
    Ok(members)
}

/// A string, or a list of them; numbers and booleans count as their spelling, as IAM does in conditions.
fn strings(json: Json, path: &str) -> Result<Vec<String>, PolicyError> {
    match json {
        Json::Array(items) => items
            .into_iter()
            .enumerate()
            .map(|(index, item)| string(item, &format!("{path}[{index}]")))
            .collect(),
        one => Ok(vec![string(one, path)?]),
    }
}

fn string(json: Json, path: &str) -> Result<String, PolicyError> {
    match json {
        Json::String(text) => Ok(text),
        Json::Number(text) => Ok(text),
        Json::Bool(value) => Ok(value.to_string()),
        other => Err(wrong_type(&other, path, "a string")),
    }
}

fn wrong_type(found: &Json, path: &str, expected: &'static str) -> PolicyError {
    PolicyError::Type {
        path: path.to_owned(),
        expected,
        found: found.kind(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

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
