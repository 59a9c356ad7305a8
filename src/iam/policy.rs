//! Policy documents: what a statement says, read from JSON and printed in one canonical form.

mod check;
mod error;
mod json;
pub mod limits;
mod lint;
mod parse;
mod print;
mod statement;
mod typed;

use std::collections::BTreeMap;

use super::action::ActionPattern;
use super::arn::ArnPattern;

pub use error::{PolicyError, Position, Problem};
pub use lint::Lint;
pub use parse::Document;

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

/// Who a statement of a resource policy or trust policy speaks of: type (`AWS`, `Service`, `Federated`, `CanonicalUser`)
/// → names. `"Principal": "*"` is the type `*` with the name `*`, which includes anonymous callers as `{"AWS": "*"}` does.
pub type PrincipalSet = BTreeMap<String, Vec<String>>;

/// The principals of a statement.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Principals {
    /// `Principal`.
    Only(PrincipalSet),
    /// `NotPrincipal`.
    AllExcept(PrincipalSet),
}

/// Operator → condition key → values.
pub type Conditions = BTreeMap<String, BTreeMap<String, Vec<String>>>;

/// A statement. Its texts are those of version 2012-10-17, whatever the document's: see [`Document::read`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Statement {
    /// `Sid`.
    pub sid: Option<String>,
    /// `Effect`.
    pub effect: Effect,
    /// `Principal` or `NotPrincipal`; `None` in an identity-based policy.
    pub principals: Option<Principals>,
    /// `Action` or `NotAction`.
    pub actions: Actions,
    /// `Resource` or `NotResource`.
    pub resources: Resources,
    /// `Condition`.
    pub conditions: Conditions,
}

/// What a policy document is attached to, which decides its grammar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PolicyKind {
    /// A user, group or role; permissions boundaries, session and service control policies have the same grammar.
    #[default]
    Identity,
    /// A resource: statements name principals.
    Resource,
    /// A role, to say who may assume it: statements name principals and no resource.
    Trust,
}

/// The version of the policy language that a document declares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// `2008-10-17`, or no `Version`: `${…}` is plain text.
    V2008,
    /// `2012-10-17`: `${…}` is a policy variable.
    #[default]
    V2012,
}

impl Version {
    /// The text of `Version`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V2008 => "2008-10-17",
            Self::V2012 => "2012-10-17",
        }
    }
}

/// A policy document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// What it is attached to.
    pub kind: PolicyKind,
    /// The declared version.
    pub version: Version,
    /// Statements in the order of the document.
    pub statements: Vec<Statement>,
}

impl Policy {
    /// An identity-based policy of these statements.
    pub fn of(statements: Vec<Statement>) -> Self {
        Self {
            statements,
            ..Self::default()
        }
    }
}
