//! Policy documents: what a statement says, read from JSON and printed in one canonical form.

mod json;
mod parse;
mod print;

use std::collections::BTreeMap;

use super::action::ActionPattern;
use super::arn::ArnPattern;

pub use parse::PolicyError;

/// Whether a statement allows or denies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effect {
    /// `Allow`.
    Allow,
    /// `Deny`.
    Deny,
}

impl Effect {
    /// `Allow` or `Deny`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "Allow",
            Self::Deny => "Deny",
        }
    }
}

/// The actions of a statement.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Actions {
    /// `Action`.
    Only(Vec<ActionPattern>),
    /// `NotAction`.
    AllExcept(Vec<ActionPattern>),
}

/// The resources of a statement.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Resources {
    /// `Resource`.
    Only(Vec<ArnPattern>),
    /// `NotResource`.
    AllExcept(Vec<ArnPattern>),
}

/// Operator → condition key → values.
pub type Conditions = BTreeMap<String, BTreeMap<String, Vec<String>>>;

/// A statement of an identity-based policy.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Statement {
    /// `Sid`.
    pub sid: Option<String>,
    /// `Effect`.
    pub effect: Effect,
    /// `Action` or `NotAction`.
    pub actions: Actions,
    /// `Resource` or `NotResource`.
    pub resources: Resources,
    /// `Condition`.
    pub conditions: Conditions,
}

/// An identity-based policy document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Statements in the order of the document.
    pub statements: Vec<Statement>,
}
