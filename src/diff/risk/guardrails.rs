//! Guardrails that no longer hold: Deny statements and permissions boundaries of the old role.

use std::collections::BTreeSet;

use super::atoms;
use super::search::{View, combinations};
use super::{Risk, RiskKind, Severity, WholeRole};
use crate::catalog::Catalog;
use crate::iam::action::{Action, ActionPattern};
use crate::iam::policy::{Actions, Effect, Resources, Statement};
use crate::iam::request::Request;

/// Prefixes whose guardrails keep the rest in place.
const KEYS_TO_ALL: [&str; 4] = ["cloudtrail", "iam", "kms", "organizations"];
/// The most actions of a Deny that are looked at.
const MOST_ACTIONS: usize = 400;

/// The guardrails of the old role that the new one does not have.
pub(super) fn risks(catalog: &Catalog, old: &WholeRole, new: &WholeRole) -> Vec<Risk> {
    let mut found = Vec::new();
    if old.boundary.is_some() && new.boundary.is_none() {
        found.push(Risk::new(
            Severity::Critical,
            RiskKind::DroppedGuardrail,
            "the role has no permissions boundary any more".to_owned(),
            "keep the permissions boundary".to_owned(),
        ));
    }
    for (position, own) in old.statements.iter().enumerate() {
        if own.statement.effect == Effect::Allow
            || new.statements.iter().any(|now| now.statement == own.statement)
        {
            continue;
        }
        let freed = freed(catalog, old, new, &own.statement);
        let Some((_, witness)) = freed.first() else {
            continue;
        };
        let prefixes: BTreeSet<&str> = freed.iter().map(|(action, _)| action.prefix()).collect();
        let severe: Vec<&str> = prefixes
            .iter()
            .copied()
            .filter(|prefix| KEYS_TO_ALL.contains(prefix))
            .collect();
        let (severity, of) = match severe.as_slice() {
            [] => (
                Severity::Medium,
                prefixes.into_iter().take(4).collect::<Vec<_>>().join("`, `"),
            ),
            severe => (Severity::Critical, severe.join("`, `")),
        };
        let name = own
            .statement
            .sid
            .as_ref()
            .map(|sid| format!(" `{sid}`"))
            .unwrap_or_default();
        let mut risk = Risk::new(
            severity,
            RiskKind::DroppedGuardrail,
            format!("the Deny{name} on actions of `{of}` is gone or denies less"),
            "keep the Deny statement".to_owned(),
        );
        risk.witness = Some(witness.clone());
        risk.actions = freed.iter().map(|(action, _)| action.to_string()).collect();
        risk.statements.insert(position, own.origin.clone());
        found.push(risk);
    }
    found
}

/// Actions that the Deny refuses and the new role does not, with a request each.
fn freed(catalog: &Catalog, old: &WholeRole, new: &WholeRole, deny: &Statement) -> Vec<(Action, Request)> {
    let mut found = Vec::new();
    for action in denied(catalog, deny) {
        let (before, now) = (View::of(old, action.as_str()), View::of(new, action.as_str()));
        let keys = atoms::of([deny].into_iter().chain(now.statements()));
        for resource in resources(catalog, &action, deny) {
            let mut witness = None;
            combinations(&keys, |context| {
                let request = Request {
                    action: action.to_string(),
                    resource: resource.clone(),
                    context,
                    ..Request::default()
                };
                let is_freed = before.denies(&request) && !now.denies(&request);
                witness = is_freed.then_some(request);
                is_freed
            });
            if let Some(request) = witness {
                found.push((action.clone(), request));
                break;
            }
        }
    }
    found
}

/// Actions that a Deny speaks of, those of the severe prefixes first.
fn denied(catalog: &Catalog, deny: &Statement) -> Vec<Action> {
    let severe = KEYS_TO_ALL
        .iter()
        .flat_map(|prefix| catalog.actions_of_prefix(prefix))
        .map(|entry| entry.action());
    let mut all: Vec<Action> = severe.collect();
    match &deny.actions {
        Actions::Only(list) => {
            for pattern in list.iter().filter(|pattern| pattern.as_str() != "*") {
                all.extend(
                    catalog
                        .matching(pattern)
                        .take(MOST_ACTIONS)
                        .map(|entry| entry.action()),
                );
                all.extend(Action::parse(pattern.as_str()));
            }
        }
        Actions::AllExcept(_) => {
            let every = ActionPattern::new("s3:*");
            all.extend(catalog.matching(&every).map(|entry| entry.action()));
        }
    }
    let mut seen = BTreeSet::new();
    all.retain(|action| crate::iam::evaluate::concerns(deny, action.as_str()) && seen.insert(action.clone()));
    all.truncate(MOST_ACTIONS);
    all
}

/// Resources that a Deny names, for an action.
fn resources(catalog: &Catalog, action: &Action, deny: &Statement) -> Vec<String> {
    let types = || -> Vec<String> {
        let entry = catalog.action(action);
        let own = entry.iter().flat_map(|entry| entry.resource_types());
        let all: Vec<String> = own.map(|own| atoms::plain(own.pattern().as_str())).collect();
        match all.is_empty() {
            true => vec!["*".to_owned()],
            false => all,
        }
    };
    match &deny.resources {
        Resources::AllExcept(_) => types(),
        Resources::Only(list) => list
            .iter()
            .flat_map(|arn| match arn.is_any() {
                true => types(),
                false => vec![atoms::plain(arn.as_str())],
            })
            .collect(),
    }
}
