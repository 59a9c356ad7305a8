//! What a side of a comparison can be: a policy, the roles of an account dump, or the roles of a stack template.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, bail};
use serde_json::Value;

use crate::catalog::Catalog;
use crate::iam::contain::StatementRef;
use crate::iam::policy::{Effect, Policy, PolicyKind, Statement};
use crate::report::compare::{Names, StatementV1};
use crate::workspace::deploy;
use crate::workspace::deploy::account::percent_decoded;
use crate::workspace::model::RoleStatement;

/// Policies with the names by which a reader knows them.
#[derive(Clone, Debug, Default)]
pub(super) struct Policies {
    pub(super) named: Vec<NamedPolicy>,
}

/// A policy, and what decides whether a statement is there.
#[derive(Clone, Debug)]
pub(super) struct NamedPolicy {
    pub(super) name: String,
    pub(super) policy: Policy,
    /// Per statement, the condition of the stack that puts it there.
    pub(super) conditions: Vec<Option<String>>,
}

/// A side as read.
#[derive(Clone, Debug)]
pub(super) enum Input {
    Policy(Policies),
    /// By role; the names of the functions that have it are aliases.
    Roles(BTreeMap<String, RoleSide>),
}

/// A role.
#[derive(Clone, Debug, Default)]
pub(super) struct RoleSide {
    pub(super) policies: Policies,
    pub(super) functions: BTreeSet<String>,
}

impl Names for Policies {
    fn statement(&self, place: StatementRef) -> StatementV1 {
        let policy = self.named.get(place.policy);
        let statement = policy.and_then(|policy| policy.policy.statements.get(place.statement));
        StatementV1 {
            policy: policy.map(|policy| policy.name.clone()).unwrap_or_default(),
            statement: place.statement,
            sid: statement.and_then(|statement| statement.sid.clone()),
        }
    }
}

impl Policies {
    pub(super) fn one(name: String, policy: Policy) -> Self {
        let conditions = vec![None; policy.statements.len()];
        Self {
            named: vec![NamedPolicy {
                name,
                policy,
                conditions,
            }],
        }
    }

    /// The conditions of the stack that statements depend on.
    pub(super) fn stack_conditions(&self) -> BTreeSet<&str> {
        self.named
            .iter()
            .flat_map(|one| one.conditions.iter().flatten().map(String::as_str))
            .collect()
    }

    /// The policies when exactly these conditions hold. A statement that is not there is put out of force, so that
    /// positions stay.
    pub(super) fn when(&self, holding: &BTreeSet<&str>) -> Vec<Policy> {
        self.named
            .iter()
            .map(|one| {
                let mut policy = one.policy.clone();
                for (statement, condition) in policy.statements.iter_mut().zip(&one.conditions) {
                    if condition.as_deref().is_some_and(|name| !holding.contains(name)) {
                        put_out_of_force(statement);
                    }
                }
                policy
            })
            .collect()
    }

    fn push_statements(&mut self, statements: &[RoleStatement]) {
        for one in statements {
            let name = format!(
                "{} ({}:{})",
                one.origin.name, one.origin.location.file, one.origin.location.line
            );
            let entry = match self.named.iter_mut().position(|policy| policy.name == name) {
                Some(position) => position,
                None => {
                    self.named.push(NamedPolicy {
                        name,
                        policy: Policy::default(),
                        conditions: Vec::new(),
                    });
                    self.named.len() - 1
                }
            };
            if let Some(entry) = self.named.get_mut(entry) {
                entry.policy.statements.push(one.statement.clone());
                entry.conditions.push(one.origin.condition.clone());
            }
        }
    }
}

/// A statement that never applies: no action has two colons.
fn put_out_of_force(statement: &mut Statement) {
    statement.effect = Effect::Deny;
    statement.actions =
        crate::iam::policy::Actions::Only(vec![crate::iam::action::ActionPattern::new("none:none:none")]);
}

/// How to read a side.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    pub(super) kind: PolicyKind,
    pub(super) catalog: &'a Catalog,
}

impl Reader<'_> {
    /// Reads a file, or standard input for `-`.
    pub(super) fn read(&self, path: &Path) -> anyhow::Result<Input> {
        let name = path.display().to_string();
        let text = read_text(path)?;
        let json: Option<Value> = serde_json::from_str(&text).ok();
        match json {
            Some(Value::Object(members)) if members.contains_key("RoleDetailList") => self
                .dump(&Value::Object(members))
                .with_context(|| format!("`{name}`")),
            Some(Value::Object(members)) if members.contains_key("Statement") => self.policy(&name, &text),
            Some(Value::Object(members)) if !members.contains_key("Resources") => self.policy(&name, &text),
            _ => self.template(&name, &text),
        }
    }

    fn policy(&self, name: &str, text: &str) -> anyhow::Result<Input> {
        let policy =
            Policy::read(text, self.kind).with_context(|| format!("`{name}` is no policy of this kind"))?;
        Ok(Input::Policy(Policies::one(name.to_owned(), policy)))
    }

    fn template(&self, name: &str, text: &str) -> anyhow::Result<Input> {
        if self.kind != PolicyKind::Identity {
            bail!(
                "`{name}` is a stack template: only identity policies are read from it\nhint: give the trust or resource policy as a file of its own"
            );
        }
        let read = deploy::read_text(name, text, &|policy| {
            self.catalog
                .managed_policy(policy)
                .map(|policy| policy.document_json)
        });
        let mut roles: BTreeMap<String, RoleSide> = BTreeMap::new();
        for function in &read.functions {
            if let Some(role) = &function.role {
                let side = roles.entry(role.id.clone()).or_default();
                if side.functions.is_empty() {
                    side.policies.push_statements(&role.statements);
                }
                side.functions.insert(function.name.clone());
            }
        }
        if let Some(gap) = read.gaps.first() {
            bail!(
                "`{name}` cannot be compared, since not all of it could be read: {}",
                gap.message
            );
        }
        if roles.is_empty() {
            bail!("`{name}` is neither a policy, nor a dump of roles, nor a stack template with roles");
        }
        Ok(Input::Roles(roles))
    }

    /// What `aws iam get-account-authorization-details` prints.
    fn dump(&self, dump: &Value) -> anyhow::Result<Input> {
        let mut roles = BTreeMap::new();
        for role in items(dump, "RoleDetailList") {
            let name = text(role, "RoleName").context("a role without `RoleName`")?;
            let mut side = RoleSide::default();
            if self.kind == PolicyKind::Identity {
                for inline in items(role, "RolePolicyList") {
                    let policy = text(inline, "PolicyName").unwrap_or("inline policy");
                    self.add(&mut side, name, policy, inline.get("PolicyDocument"))?;
                }
                for attached in items(role, "AttachedManagedPolicies") {
                    let arn =
                        text(attached, "PolicyArn").context("an attached policy without `PolicyArn`")?;
                    let document = self.managed(dump, arn).with_context(|| {
                        format!("role `{name}`: the document of `{arn}` is neither in the dump nor in the catalogue")
                    })?;
                    self.add(&mut side, name, arn, Some(&document))?;
                }
            } else {
                self.add(
                    &mut side,
                    name,
                    "trust policy",
                    role.get("AssumeRolePolicyDocument"),
                )?;
            }
            roles.insert(name.to_owned(), side);
        }
        Ok(Input::Roles(roles))
    }

    fn add(
        &self,
        side: &mut RoleSide,
        role: &str,
        name: &str,
        document: Option<&Value>,
    ) -> anyhow::Result<()> {
        let document = match document {
            Some(Value::String(text)) => percent_decoded(text),
            Some(document) => document.to_string(),
            None => bail!("role `{role}`: `{name}` has no document"),
        };
        let policy =
            Policy::read(&document, self.kind).with_context(|| format!("role `{role}`, policy `{name}`"))?;
        side.policies
            .named
            .extend(Policies::one(name.to_owned(), policy).named);
        Ok(())
    }

    fn managed(&self, dump: &Value, arn: &str) -> Option<Value> {
        let own = items(dump, "Policies").find(|policy| text(policy, "Arn") == Some(arn));
        if let Some(own) = own {
            let default = |version: &&Value| version.get("IsDefaultVersion") == Some(&Value::Bool(true));
            return items(own, "PolicyVersionList")
                .find(default)?
                .get("Document")
                .cloned();
        }
        let known = self.catalog.managed_policy(arn)?;
        serde_json::from_str(&known.document_json).ok()
    }
}

fn items<'v>(value: &'v Value, key: &str) -> impl Iterator<Item = &'v Value> {
    value.get(key).and_then(Value::as_array).into_iter().flatten()
}

fn text<'v>(value: &'v Value, key: &str) -> Option<&'v str> {
    value.get(key).and_then(Value::as_str)
}

/// The text of a file, or standard input for `-`.
pub(super) fn read_text(path: &Path) -> anyhow::Result<String> {
    if path == Path::new("-") {
        let mut text = String::new();
        std::io::stdin()
            .read_to_string(&mut text)
            .context("cannot read standard input")?;
        return Ok(text);
    }
    std::fs::read_to_string(path).with_context(|| format!("cannot read `{}`", path.display()))
}
