//! `rolefit-compare-v1`: whether one side allows more than the other, for other programs. Frozen.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use crate::iam::contain::{OldSide, ResidualLine, StatementRef, Verdict, Witness};
use crate::iam::policy::Conditions;
use crate::iam::request::ContextValue;

/// The answer.
#[derive(Debug, Serialize, JsonSchema)]
pub struct CompareV1 {
    /// Always `rolefit-compare-v1`.
    pub schema: &'static str,
    /// `no-new-access` (proved), `new-access` (see the witness) or `unproven`.
    pub verdict: &'static str,
    /// A request that NEW allows and OLD does not, decided on both sides.
    pub witness: Option<WitnessV1>,
    /// Why it is not proved either way; null for the other verdicts.
    pub reason: Option<String>,
    /// What NEW allows beyond OLD, in the order of NEW's statements.
    pub added: Vec<AddedV1>,
}

/// One line of a batch.
#[derive(Debug, Serialize, JsonSchema)]
pub struct CompareLineV1 {
    /// The `id` of the question.
    pub id: serde_json::Value,
    /// As in [`CompareV1`].
    pub verdict: &'static str,
    /// As in [`CompareV1`].
    pub witness: Option<WitnessV1>,
    /// Why it is not proved, or why the question cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A request, with what both sides say of it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct WitnessV1 {
    /// The role, where the sides are several roles.
    pub role: Option<String>,
    /// Who calls; null for an anonymous caller.
    pub principal: Option<String>,
    /// The action.
    pub action: String,
    /// The resource.
    pub resource: String,
    /// Context keys that matter: a text, or a list for a multivalued key. Absent keys are left out.
    pub context: BTreeMap<String, ContextV1>,
    /// What the symbols of the stack were taken to be.
    pub symbols: BTreeMap<String, String>,
    /// The statement of NEW that allows it.
    pub allowed_by: StatementV1,
    /// The statement of OLD that denies it; null when no statement of OLD allows it.
    pub denied_by: Option<StatementV1>,
}

/// A value of a context key.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum ContextV1 {
    /// One value.
    One(String),
    /// Several.
    Many(Vec<String>),
}

/// A statement of a side.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct StatementV1 {
    /// The policy: its file, or its name within the role.
    pub policy: String,
    /// Position of the statement in the policy, from 0.
    pub statement: usize,
    /// Its `Sid`.
    pub sid: Option<String>,
}

/// What NEW allows beyond OLD.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct AddedV1 {
    /// The role, where the sides are several roles.
    pub role: Option<String>,
    /// The statement of NEW.
    pub statement: StatementV1,
    /// Action patterns that name exactly the new actions of the catalogue.
    pub actions: Vec<String>,
    /// Actions that are not meant (`NotAction`).
    pub other_than: Vec<String>,
    /// How many actions of the catalogue these are; 0 when only actions are new that do not exist yet.
    pub known: Option<usize>,
    /// Resource patterns.
    pub resources: Vec<ResourceV1>,
    /// The conditions of the statement.
    pub conditions: Conditions,
    /// Conditions under which OLD allows the same.
    pub without: Conditions,
    /// A Deny of OLD that NEW does not have.
    pub lifted: Option<StatementV1>,
    /// Why it is not proved that this is new.
    pub unproven: Option<String>,
}

/// A resource pattern.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ResourceV1 {
    /// The pattern.
    pub pattern: String,
    /// Patterns within it that are not meant, or that OLD allows.
    pub except: Vec<String>,
}

/// How the statements of a side are called.
pub trait Names {
    /// The statement, by name.
    fn statement(&self, place: StatementRef) -> StatementV1;
}

impl WitnessV1 {
    /// The witness, with the statements by the names of both sides.
    pub fn new(witness: &Witness, role: Option<&str>, new: &dyn Names, old: &dyn Names) -> Self {
        let request = &witness.request;
        Self {
            role: role.map(str::to_owned),
            principal: request.principal.clone(),
            action: request.action.clone(),
            resource: request.resource.clone(),
            context: request
                .context
                .iter()
                .map(|(key, value)| {
                    let value = match value {
                        ContextValue::One(value) => ContextV1::One(value.clone()),
                        ContextValue::Many(values) => ContextV1::Many(values.clone()),
                    };
                    (key.clone(), value)
                })
                .collect(),
            symbols: witness.symbols.clone(),
            allowed_by: new.statement(witness.allowed_by),
            denied_by: match witness.old {
                OldSide::Silent => None,
                OldSide::Denies(place) => Some(old.statement(place)),
            },
        }
    }
}

impl AddedV1 {
    /// The line, with the statements by the names of both sides.
    pub fn new(line: &ResidualLine, role: Option<&str>, new: &dyn Names, old: &dyn Names) -> Self {
        Self {
            role: role.map(str::to_owned),
            statement: new.statement(line.statement),
            actions: line.actions.clone(),
            other_than: line.other_than.clone(),
            known: line.known,
            resources: line
                .resources
                .iter()
                .map(|resource| ResourceV1 {
                    pattern: resource.pattern.clone(),
                    except: resource.except.clone(),
                })
                .collect(),
            conditions: line.conditions.clone(),
            without: line.without.clone(),
            lifted: line.lifted.map(|place| old.statement(place)),
            unproven: line.unproven.clone(),
        }
    }
}

/// The reason of an open verdict.
pub fn reason(verdict: &Verdict) -> Option<String> {
    match verdict {
        Verdict::Unproven { reason } => Some(reason.clone()),
        _ => None,
    }
}
