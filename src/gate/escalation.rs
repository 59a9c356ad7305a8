//! Which of a role's actions complete a way to more privileges, judged on the whole role.

use std::collections::BTreeSet;

use crate::catalog::{Catalog, EscalationPath, EscalationTarget};
use crate::iam::action::{Action, ActionPattern};
use crate::iam::policy::{Actions, Effect};
use crate::workspace::model::Role;

/// The escalation paths that a role's statements complete: every step of them is allowed on some resource.
pub fn completed<'a>(catalog: &'a Catalog, role: &Role) -> Vec<&'a EscalationPath> {
    catalog
        .escalation_paths()
        .iter()
        .filter(|path| steps(path).all(|action| allows(role, &action)))
        .collect()
}

/// The paths among `completed` that need an action which the pattern allows.
pub fn through<'a>(completed: &[&'a EscalationPath], pattern: &ActionPattern) -> BTreeSet<&'a str> {
    let uses = |path: &&&EscalationPath| steps(path).any(|action| pattern.matches(&action));
    completed
        .iter()
        .filter(uses)
        .map(|path| path.name.as_str())
        .collect()
}

/// The actions that a path cannot do without.
fn steps(path: &EscalationPath) -> impl Iterator<Item = Action> {
    let needed = path
        .required
        .iter()
        .filter(|step| step.on != EscalationTarget::Discovery);
    needed.filter_map(|step| Action::parse(&step.action))
}

fn allows(role: &Role, action: &Action) -> bool {
    role.statements
        .iter()
        .filter(|s| s.statement.effect == Effect::Allow)
        .any(|s| match &s.statement.actions {
            Actions::Only(patterns) => patterns.iter().any(|pattern| pattern.matches(action)),
            Actions::AllExcept(patterns) => !patterns.iter().any(|pattern| pattern.matches(action)),
        })
}
