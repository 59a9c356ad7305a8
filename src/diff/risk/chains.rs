//! Ways to more privileges that the new role completes: every step is allowed, after Deny and conditions, on a target
//! that the path needs.

use std::collections::{BTreeMap, BTreeSet};

use super::search::{Answer, View, Wanted, find};
use super::{Risk, RiskKind, Severity, WholeRole};
use crate::catalog::{Catalog, EscalationPath, EscalationStep, EscalationTarget};
use crate::iam::request::{ContextValue, Request};

/// Services that take a role under another name than their prefix, by IAM prefix.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_aws-services-that-work-with-iam.html>
const PASSED_TO: [(&str, &str); 3] = [
    ("ecs", "ecs-tasks.amazonaws.com"),
    ("apprunner", "tasks.apprunner.amazonaws.com"),
    ("sagemaker", "sagemaker.amazonaws.com"),
];

/// The steps of a completed path: the request of each and the position of the statement that allows it.
type Completed = BTreeMap<String, Option<(Request, usize)>>;

/// The paths that the new role completes and the old one did not.
pub(super) fn risks(catalog: &Catalog, old: &WholeRole, new: &WholeRole) -> Vec<Risk> {
    let paths = catalog.escalation_paths();
    let complete: Vec<(&'static EscalationPath, Completed)> = paths
        .iter()
        .filter_map(|path| Some((path, completed(catalog, path, new)?)))
        .collect();
    let shortest = complete.iter().filter(|(path, _)| {
        let own = actions(path);
        !complete.iter().any(|(other, _)| {
            let theirs = actions(other);
            theirs.len() < own.len() && theirs.is_subset(&own) && other.severity >= path.severity
        })
    });
    shortest
        .filter(|(path, _)| completed(catalog, path, old).is_none())
        .map(|(path, steps)| risk(catalog, path, steps, old, new))
        .collect()
}

/// The actions that a path cannot do without.
fn needed(path: &EscalationPath) -> impl Iterator<Item = &EscalationStep> {
    path.required
        .iter()
        .filter(|step| step.on != EscalationTarget::Discovery)
}

fn actions(path: &EscalationPath) -> BTreeSet<&str> {
    needed(path).map(|step| step.action.as_str()).collect()
}

fn completed(catalog: &Catalog, path: &EscalationPath, role: &WholeRole) -> Option<Completed> {
    let mut steps = Completed::new();
    for step in needed(path) {
        match allowed(catalog, path, step, role) {
            Answer::No => return None,
            Answer::Possible => steps.insert(step.action.clone(), None),
            Answer::Found(request, position) => steps.insert(step.action.clone(), Some((request, position))),
        };
    }
    Some(steps)
}

/// Whether a role may take a step.
fn allowed(catalog: &Catalog, path: &EscalationPath, step: &EscalationStep, role: &WholeRole) -> Answer {
    let view = View::of(role, &step.action);
    let mut context = Vec::new();
    if step.on == EscalationTarget::Role {
        let service = ContextValue::One(service(path, step));
        context.push(("iam:PassedToService".to_owned(), service));
    }
    let own = role.arn.as_deref();
    let is_own = |resource: &str| own == Some(resource);
    let concrete = own.filter(|arn| !arn.contains("${"));
    let resource = |resource: &str| match step.on {
        // A role that may change this very role, or some role that may be this one.
        EscalationTarget::Own if resource.contains(":role/") && concrete.is_some() => is_own(resource),
        // Passing, or assuming, itself gains nothing.
        EscalationTarget::Role | EscalationTarget::AssumableRole => !is_own(resource),
        _ => true,
    };
    let accepts = |_: &Request| true;
    if let (EscalationTarget::Own, Some(arn)) = (step.on, concrete)
        && step.action.contains("Role")
    {
        return on(catalog, &view, step, arn);
    }
    find(
        catalog,
        &view,
        [],
        &Wanted {
            action: &step.action,
            context,
            resource: &resource,
            request: &accepts,
        },
    )
}

/// Whether a step may be taken on one resource.
fn on(_catalog: &Catalog, view: &View, step: &EscalationStep, resource: &str) -> Answer {
    let keys = super::atoms::of(view.statements());
    let mut found = None;
    let complete = super::search::combinations(&keys, |context| {
        let request = Request {
            action: step.action.clone(),
            resource: resource.to_owned(),
            context,
            ..Request::default()
        };
        found = view.allows(&request).map(|position| (request, position));
        found.is_some()
    });
    match (found, complete) {
        (Some((request, position)), _) => Answer::Found(request, position),
        (None, true) => Answer::No,
        (None, false) => Answer::Possible,
    }
}

/// The service that the role is passed to.
fn service(path: &EscalationPath, step: &EscalationStep) -> String {
    if let Some(service) = &step.passed_to {
        return service.clone();
    }
    let other = needed(path).find(|other| other.action != step.action);
    let prefix = other
        .and_then(|other| other.action.split(':').next())
        .unwrap_or("iam");
    let known = PASSED_TO.iter().find(|(own, _)| *own == prefix);
    known.map_or_else(
        || format!("{prefix}.amazonaws.com"),
        |(_, service)| (*service).to_owned(),
    )
}

fn risk(
    catalog: &Catalog,
    path: &'static EscalationPath,
    steps: &Completed,
    old: &WholeRole,
    new: &WholeRole,
) -> Risk {
    let is_new = |action: &str| {
        let step = needed(path).find(|step| step.action == action);
        step.is_none_or(|step| allowed(catalog, path, step, old).is_no())
    };
    let added: Vec<&str> = steps
        .keys()
        .map(String::as_str)
        .filter(|action| is_new(action))
        .collect();
    let mut risk = Risk::new(
        severity(path, steps),
        RiskKind::Escalation,
        format!(
            "`{}` completes the escalation path {} ({})",
            added.join("`, `"),
            path.id,
            path.name
        ),
        format!(
            "do not allow `{}`, or deny it on the roles that may do more",
            added.join("` or `")
        ),
    );
    risk.actions = steps.keys().cloned().collect();
    risk.path = Some((&path.id, &path.name));
    for action in &added {
        if let Some(Some((request, position))) = steps.get(*action) {
            if let Some(own) = new.statements.get(*position) {
                risk.statements.insert(*position, own.origin.clone());
            }
            risk.witness.get_or_insert_with(|| request.clone());
        }
    }
    risk
}

/// The path's own severity, but a role that may only assume roles it names is as bad as its statement, not critical.
fn severity(path: &EscalationPath, steps: &Completed) -> Severity {
    let named = |step: &Option<(Request, usize)>| {
        let filled =
            |request: &Request| request.resource == "*" || request.resource.contains(super::atoms::FRESH);
        step.as_ref().is_some_and(|(request, _)| !filled(request))
    };
    let only_assumes = needed(path).all(|step| step.on == EscalationTarget::AssumableRole);
    match only_assumes && steps.values().all(named) {
        true => Severity::High,
        false => path.severity.into(),
    }
}
