//! Reads a statement, element by element.

use std::collections::{BTreeMap, BTreeSet};

use super::check;
use super::error::{EFFECT, PolicyError, Position, Problem};
use super::json::{Json, JsonValue, Member};
use super::lint::{self, Lint};
use super::typed::{error, non_empty, object, strings, text, texts};
use super::{
    ActionPattern, Actions, ArnPattern, Conditions, Effect, PolicyKind, PrincipalSet, Principals, Resources,
    Statement, Version,
};
use crate::iam::operator::{Comparison, Operator};

/// Reads the statements of one policy; statement ids and lints are the whole policy's.
pub(super) struct StatementReader {
    pub(super) declared: Version,
    pub(super) kind: PolicyKind,
    pub(super) sids: BTreeSet<String>,
    pub(super) lints: Vec<Lint>,
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
    pub(super) fn statement(&mut self, json: Json, path: &str) -> Result<Statement, PolicyError> {
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
            let mut entry = BTreeMap::new();
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

    pub(super) fn lint(&mut self, code: &'static str, path: &str, at: Position, message: String) {
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

pub(super) fn unknown_key(path: &str, member: Member, kind: PolicyKind) -> PolicyError {
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
