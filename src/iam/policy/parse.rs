//! Reads a policy document: lenient where IAM is (string or list), strict where IAM refuses or a slip would change the meaning.

use std::collections::BTreeSet;

use super::check;
use super::error::{EFFECT, EMPTY_LIST, PolicyError, Position, Problem};
use super::json::{Json, JsonValue, Lines, Member};
use super::lint::{self, Lint};
use super::{
    ActionPattern, Actions, ArnPattern, Conditions, Effect, Policy, PolicyKind, PrincipalSet, Principals,
    Resources, Statement, Version,
};
use crate::iam::operator::{Comparison, Operator};

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

fn error(path: &str, at: Position, problem: Problem) -> PolicyError {
    PolicyError {
        path: path.to_owned(),
        at,
        problem,
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

struct StatementReader {
    declared: Version,
    kind: PolicyKind,
    sids: BTreeSet<String>,
    lints: Vec<Lint>,
}

/// The elements of a statement, as far as they are read.
#[derive(Default)]
struct Elements {
    sid: Option<String>,
    effect: Option<Effect>,
    principals: Option<Principals>,
    actions: Option<Actions>,
    resources: Option<Resources>,
    conditions: Conditions,
}

impl StatementReader {
    fn statement(&mut self, json: Json, path: &str) -> Result<Statement, PolicyError> {
        let at = json.at;
        let mut elements = Elements::default();
        for member in object(json, path, "a statement")? {
            self.element(member, path, &mut elements)?;
        }
        let missing = |what: &'static str| error(path, at, Problem::Missing(what));
        let effect = elements.effect.ok_or_else(|| missing("`Effect`"))?;
        let principals = match self.kind {
            PolicyKind::Identity => None,
            _ => Some(
                elements
                    .principals
                    .ok_or_else(|| missing("`Principal` or `NotPrincipal`"))?,
            ),
        };
        if let (Effect::Allow, Some(Principals::AllExcept(_))) = (effect, &principals) {
            let message = "`NotPrincipal` with `Allow` lets in everyone else, and AWS no longer supports it";
            self.lint("allow-not-principal", path, at, message.to_owned());
        }
        let actions = elements
            .actions
            .ok_or_else(|| missing("`Action` or `NotAction`"))?;
        let resources = match (self.kind, elements.resources) {
            (_, Some(resources)) => resources,
            (PolicyKind::Identity, None) => return Err(missing("`Resource` or `NotResource`")),
            (PolicyKind::Trust | PolicyKind::Resource, None) => Resources::Only(vec![ArnPattern::any()]),
        };
        Ok(Statement {
            sid: elements.sid,
            effect,
            principals,
            actions,
            resources,
            conditions: elements.conditions,
        })
    }

    fn element(&mut self, member: Member, path: &str, into: &mut Elements) -> Result<(), PolicyError> {
        let at = format!("{path}.{}", member.key);
        let (key, key_at) = (member.key.as_str(), member.key_at);
        match key {
            "Sid" => into.sid = Some(self.sid(member.value, &at)?),
            "Effect" => into.effect = Some(read_effect(member.value, &at)?),
            "NotPrincipal" if self.kind == PolicyKind::Trust => {
                return Err(error(&at, key_at, check::prohibited("NotPrincipal")));
            }
            "Principal" | "NotPrincipal" if self.kind != PolicyKind::Identity => {
                let set = self.principals(member.value, &at)?;
                let read = match key {
                    "Principal" => Principals::Only(set),
                    _ => Principals::AllExcept(set),
                };
                once(
                    &mut into.principals,
                    read,
                    path,
                    key_at,
                    "both `Principal` and `NotPrincipal`",
                )?;
            }
            "Action" | "NotAction" => {
                let patterns = self.actions(member.value, &at)?;
                let read = match key {
                    "Action" => Actions::Only(patterns),
                    _ => Actions::AllExcept(patterns),
                };
                once(
                    &mut into.actions,
                    read,
                    path,
                    key_at,
                    "both `Action` and `NotAction`",
                )?;
            }
            "Resource" | "NotResource" if self.kind == PolicyKind::Trust => {
                return Err(error(&at, key_at, check::prohibited("Resource")));
            }
            "Resource" | "NotResource" => {
                let patterns = self.resources(member.value, &at)?;
                let read = match key {
                    "Resource" => Resources::Only(patterns),
                    _ => Resources::AllExcept(patterns),
                };
                once(
                    &mut into.resources,
                    read,
                    path,
                    key_at,
                    "both `Resource` and `NotResource`",
                )?;
            }
            "Condition" => into.conditions = self.conditions(member.value, &at)?,
            _ => return Err(unknown_key(path, member, self.kind)),
        }
        Ok(())
    }

    fn sid(&mut self, json: Json, path: &str) -> Result<String, PolicyError> {
        let at = json.at;
        let sid = text(json, path)?;
        let is_new = sid.is_empty() || self.sids.insert(sid.clone());
        match self.kind {
            // Services with policies of their own take more, such as spaces.
            PolicyKind::Resource if !is_new => {
                self.lint(
                    "repeated-sid",
                    path,
                    at,
                    format!("the statement id `{sid}` stands twice"),
                );
            }
            PolicyKind::Resource => {}
            PolicyKind::Identity | PolicyKind::Trust => {
                check::sid(&sid).map_err(|problem| error(path, at, problem))?;
                if !is_new {
                    return Err(error(path, at, check::repeated_sid(&sid)));
                }
            }
        }
        Ok(sid)
    }

    fn actions(&mut self, json: Json, path: &str) -> Result<Vec<ActionPattern>, PolicyError> {
        let list = non_empty(texts(json, path)?, path)?;
        let mut patterns = Vec::with_capacity(list.len());
        for (path, at, text) in list {
            check::action(&text).map_err(|problem| error(&path, at, problem))?;
            if self.kind == PolicyKind::Trust {
                check::trust_action(&text).map_err(|problem| error(&path, at, problem))?;
            }
            if let Some((code, message)) = lint::action(&text) {
                self.lint(code, &path, at, message);
            }
            patterns.push(ActionPattern::new(text));
        }
        Ok(patterns)
    }

    fn resources(&mut self, json: Json, path: &str) -> Result<Vec<ArnPattern>, PolicyError> {
        let list = non_empty(texts(json, path)?, path)?;
        let mut patterns = Vec::with_capacity(list.len());
        for (path, at, text) in list {
            check::resource(&text).map_err(|problem| error(&path, at, problem))?;
            if let Some((code, message)) = lint::resource(&text) {
                self.lint(code, &path, at, message);
            }
            patterns.push(ArnPattern::new(self.text(text)));
        }
        Ok(patterns)
    }

    fn principals(&mut self, json: Json, path: &str) -> Result<PrincipalSet, PolicyError> {
        const EXPECTED: &str = "`*` or an object of principal types";
        let at = json.at;
        if let JsonValue::String(everyone) = &json.value {
            return match everyone.as_str() {
                "*" => Ok(PrincipalSet::from([("*".to_owned(), vec!["*".to_owned()])])),
                other => Err(error(
                    path,
                    at,
                    Problem::Value {
                        value: other.to_owned(),
                        expected: EXPECTED,
                    },
                )),
            };
        }
        let mut set = PrincipalSet::new();
        for member in object(json, path, EXPECTED)? {
            let inner = format!("{path}.{}", member.key);
            if !matches!(
                member.key.as_str(),
                "AWS" | "Service" | "Federated" | "CanonicalUser"
            ) {
                let expected = "`AWS`, `Service`, `Federated` or `CanonicalUser`";
                return Err(error(
                    path,
                    member.key_at,
                    Problem::Value {
                        value: member.key,
                        expected,
                    },
                ));
            }
            let mut names = Vec::new();
            for (path, at, name) in non_empty(texts(member.value, &inner)?, &inner)? {
                if let Some((code, message)) = lint::principal(&member.key, &name) {
                    self.lint(code, &path, at, message);
                }
                names.push(self.text(name));
            }
            set.insert(member.key, names);
        }
        match set.is_empty() {
            true => Err(error(path, at, Problem::Invalid("no principal is named"))),
            false => Ok(set),
        }
    }

    fn conditions(&mut self, json: Json, path: &str) -> Result<Conditions, PolicyError> {
        let mut conditions = Conditions::new();
        for member in object(json, path, "an object of operators")? {
            let (inner, at) = (format!("{path}.{}", member.key), member.key_at);
            let keys = object(member.value, &inner, "an object of condition keys")?;
            let operator = Operator::parse(&member.key);
            if operator.is_none() && !keys.is_empty() {
                return Err(error(&inner, at, check::unknown_operator(&member.key)));
            }
            let mut entry = std::collections::BTreeMap::new();
            for key in keys {
                let values = self.values(key.value, &format!("{inner}.{}", key.key), operator)?;
                if !key.key.contains(':') {
                    let message = format!("the condition key `{}` has no service prefix", key.key);
                    self.lint("condition-key", &inner, key.key_at, message);
                }
                entry.insert(key.key, values);
            }
            conditions.insert(member.key, entry);
        }
        Ok(conditions)
    }

    fn values(
        &mut self,
        json: Json,
        path: &str,
        operator: Option<Operator>,
    ) -> Result<Vec<String>, PolicyError> {
        let at = json.at;
        let list = strings(json, path)?;
        if list.is_empty() {
            self.lint(
                "no-values",
                path,
                at,
                "a condition without values holds for nothing".to_owned(),
            );
        }
        let is_date = operator.is_some_and(|operator| is_date(operator.comparison));
        let mut values = Vec::with_capacity(list.len());
        for (path, at, text) in list {
            if is_date {
                check::date(&text).map_err(|problem| error(&path, at, problem))?;
            }
            values.push(self.text(text));
        }
        Ok(values)
    }

    fn lint(&mut self, code: &'static str, path: &str, at: Position, message: String) {
        self.lints.push(Lint {
            code,
            path: path.to_owned(),
            at,
            message,
        });
    }

    fn text(&self, text: String) -> String {
        match self.declared {
            Version::V2012 => text,
            Version::V2008 => text.replace("${", "${$}{"),
        }
    }
}

fn is_date(comparison: Comparison) -> bool {
    matches!(
        comparison,
        Comparison::DateEquals
            | Comparison::DateNotEquals
            | Comparison::DateLessThan
            | Comparison::DateLessThanEquals
            | Comparison::DateGreaterThan
            | Comparison::DateGreaterThanEquals
    )
}

fn read_effect(value: Json, path: &str) -> Result<Effect, PolicyError> {
    let at = value.at;
    match text(value, path)?.as_str() {
        "Allow" => Ok(Effect::Allow),
        "Deny" => Ok(Effect::Deny),
        other => Err(error(
            path,
            at,
            Problem::Value {
                value: other.to_owned(),
                expected: EFFECT,
            },
        )),
    }
}

fn once<T>(
    slot: &mut Option<T>,
    value: T,
    path: &str,
    at: Position,
    what: &'static str,
) -> Result<(), PolicyError> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(error(path, at, Problem::Invalid(what))),
    }
}

/// An item of a list: its path, where it stands, and its text.
type Item = (String, Position, String);

fn non_empty((list, at): (Vec<Item>, Position), path: &str) -> Result<Vec<Item>, PolicyError> {
    match list.is_empty() {
        true => Err(error(path, at, Problem::Invalid(EMPTY_LIST))),
        false => Ok(list),
    }
}

fn unknown_key(path: &str, member: Member, kind: PolicyKind) -> PolicyError {
    let hint = match member.key.as_str() {
        "Principal" | "NotPrincipal" if kind == PolicyKind::Identity => {
            "an identity-based policy has no principal, it is the role that carries it"
        }
        _ => "keys are spelled exactly as IAM documents them",
    };
    error(
        path,
        member.key_at,
        Problem::UnknownKey {
            key: member.key,
            hint,
        },
    )
}

fn object(json: Json, path: &str, expected: &'static str) -> Result<Vec<Member>, PolicyError> {
    let JsonValue::Object(members) = json.value else {
        return Err(wrong_type(&json, path, expected));
    };
    let mut seen = BTreeSet::new();
    match members.iter().find(|member| !seen.insert(member.key.as_str())) {
        Some(member) => Err(error(
            path,
            member.key_at,
            Problem::DuplicateKey(member.key.clone()),
        )),
        None => Ok(members),
    }
}

/// A string, or a list of them.
fn texts(json: Json, path: &str) -> Result<(Vec<Item>, Position), PolicyError> {
    let at = json.at;
    Ok((list_of(json, path, text)?, at))
}

/// A string, or a list of them; numbers and booleans count as their spelling, as IAM does in conditions.
fn strings(json: Json, path: &str) -> Result<Vec<Item>, PolicyError> {
    list_of(json, path, string)
}

fn list_of(
    json: Json,
    path: &str,
    read: fn(Json, &str) -> Result<String, PolicyError>,
) -> Result<Vec<Item>, PolicyError> {
    match json {
        Json {
            value: JsonValue::Array(items),
            ..
        } => items
            .into_iter()
            .enumerate()
            .map(|(index, item)| {
                let (path, at) = (format!("{path}[{index}]"), item.at);
                let text = read(item, &path)?;
                Ok((path, at, text))
            })
            .collect(),
        one => {
            let at = one.at;
            Ok(vec![(path.to_owned(), at, read(one, path)?)])
        }
    }
}

fn text(json: Json, path: &str) -> Result<String, PolicyError> {
    match json.value {
        JsonValue::String(text) => Ok(text),
        _ => Err(wrong_type(&json, path, "a string")),
    }
}

fn string(json: Json, path: &str) -> Result<String, PolicyError> {
    match json.value {
        JsonValue::Number(text) => Ok(text),
        JsonValue::Bool(value) => Ok(value.to_string()),
        _ => text(json, path),
    }
}

fn wrong_type(found: &Json, path: &str, expected: &'static str) -> PolicyError {
    error(
        path,
        found.at,
        Problem::Type {
            expected,
            found: found.kind(),
        },
    )
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
