//! Which of a role's actions complete a way to more privileges, judged on the whole role by requests that it allows.

use std::collections::BTreeSet;

use crate::catalog::Catalog;
use crate::diff::risk::{self, WholeRole};
use crate::iam::action::{Action, ActionPattern};
use crate::workspace::model::Role;

/// A way to more privileges that a role completes.
#[derive(Clone, Debug)]
pub struct Way {
    /// Its name.
    pub name: &'static str,
    /// The actions that it cannot do without.
    actions: Vec<Action>,
}

/// The ways that a role completes: each step is allowed, after Deny and conditions, on a target that the way needs.
pub fn completed(catalog: &Catalog, role: &Role) -> Vec<Way> {
    let risks = risk::escalations(catalog, &WholeRole::of(catalog, role));
    risks
        .iter()
        .filter_map(|risk| {
            Some(Way {
                name: risk.path?.1,
                actions: risk
                    .actions
                    .iter()
                    .filter_map(|action| Action::parse(action))
                    .collect(),
            })
        })
        .collect()
}

/// The ways among `completed` that need an action which the pattern allows.
pub fn through(completed: &[Way], pattern: &ActionPattern) -> BTreeSet<&'static str> {
    let uses = |way: &&Way| way.actions.iter().any(|action| pattern.matches(action));
    completed.iter().filter(uses).map(|way| way.name).collect()
}
