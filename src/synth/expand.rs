//! One use of an operation → the grants it needs.

use super::bind::{self, Bound, Surroundings};
use super::recognise::recognise;
use crate::catalog::Catalog;
use crate::catalog::NeededAction;
use crate::iam::action::Action;
use crate::iam::arn::ArnPattern;
use crate::usage::{Because, BecauseKind, Confidence, Gap, Grant, Usage};

/// The grants that a use needs, and what could not be settled.
pub fn expand(catalog: &Catalog, around: Surroundings<'_>, usage: &Usage) -> (Vec<Grant>, Vec<Gap>) {
    let Some(need) = catalog.need(&usage.operation, &usage.inputs) else {
        return unknown_operation(catalog, usage);
    };
    let (mut grants, mut gaps) = (Vec::new(), Vec::new());
    for action in &need.actions {
        let (bound, unsettled) = resources(catalog, around, usage, action);
        gaps.extend(unsettled);
        gaps.extend(
            action
                .unverified
                .as_ref()
                .map(|why| unverified(usage, action, why)),
        );
        for resource in bound {
            grants.extend(forwarded(catalog, around, usage, &resource));
            grants.push(grant(usage, action, resource));
        }
    }
    (grants, gaps)
}

/// An operation newer than the catalogue: its action is most likely of the same name; never dropped.
fn unknown_operation(catalog: &Catalog, usage: &Usage) -> (Vec<Grant>, Vec<Gap>) {
    let prefix = catalog.service(&usage.operation.service).map_or_else(
        || usage.operation.service.clone(),
        |service| service.iam_prefix().to_owned(),
    );
    let action = Action::new(&prefix, &usage.operation.name);
    let gap = Gap::new(
        "unknown-operation",
        format!(
            "`{}` is not in the catalogue of {}; `{action}` is granted unverified",
            usage.operation,
            catalog.date()
        ),
    )
    .hint("check the action's name in the Service Authorization Reference, or use a newer catalogue");
    let gap = match &usage.because.location {
        Some(location) => gap.at(location.clone()),
        None => gap,
    };
    let mut grant = Grant::new(action, ArnPattern::any(), Confidence::Low, usage.because.clone());
    grant.exact = false;
    (vec![grant], vec![gap])
}

/// An action that the catalogue is not sure of; it is granted all the same.
fn unverified(usage: &Usage, needed: &NeededAction, why: &str) -> Gap {
    let gap = Gap::new(
        "unverified-action",
        format!(
            "`{}` needs `{}`, unverified: {why}",
            usage.operation, needed.action
        ),
    )
    .hint("check the action's name in the Service Authorization Reference");
    match &usage.because.location {
        Some(location) => gap.at(location.clone()),
        None => gap,
    }
}

/// The resources of one needed action.
fn resources(
    catalog: &Catalog,
    around: Surroundings<'_>,
    usage: &Usage,
    needed: &NeededAction,
) -> (Vec<Bound>, Vec<Gap>) {
    if needed.resources.is_empty() {
        return on_everything(catalog, usage, needed);
    }
    let (mut bound, mut gaps) = (Vec::new(), Vec::new());
    for resource in &needed.resources {
        let (more, unsettled) = bind::bind(resource, &usage.inputs, around, usage.because.location.as_ref());
        bound.extend(more);
        gaps.extend(unsettled);
    }
    if usage.because.kind == BecauseKind::Trail {
        bound = bound.into_iter().map(|bound| recognised(bound, around)).collect();
    }
    // Recorded inputs say more than recorded ARNs (a query of an index is recorded with the table), if they say all.
    if gaps.is_empty() && usage.because.kind == BecauseKind::Trail {
        return (bound, gaps);
    }
    let named: Vec<Bound> = usage
        .arns
        .iter()
        .filter_map(|arn| named(catalog, around, needed, arn))
        .collect();
    if named.is_empty() {
        (bound, gaps)
    } else {
        (named, Vec::new())
    }
}

/// `*` for an action without a resource: exact if the reference says that it takes none, or the catalogue that this
/// operation names none; a gap if the action is not in the reference.
fn on_everything(catalog: &Catalog, usage: &Usage, needed: &NeededAction) -> (Vec<Bound>, Vec<Gap>) {
    let (note, gap) = match catalog.action(&needed.action) {
        Some(entry) if entry.wildcard_only() => ("takes no resource".to_owned(), None),
        Some(_) => (
            format!("`{}` is checked on no resource of its own", usage.operation),
            None,
        ),
        None => {
            let reason = format!(
                "which resources `{}` takes is not known; granted on `*`",
                needed.action
            );
            let gap = Gap::new("unknown-resource", reason)
                .hint("check the action in the Service Authorization Reference, or use a newer catalogue");
            let gap = match &usage.because.location {
                Some(location) => gap.at(location.clone()),
                None => gap,
            };
            (String::new(), Some(gap))
        }
    };
    let bound = Bound {
        resource: ArnPattern::any(),
        exact: gap.is_none(),
        note,
        stack_resource: None,
    };
    (vec![bound], gap.into_iter().collect())
}

/// The same resource by the stack's name for it, where the deployed name tells.
fn recognised(bound: Bound, around: Surroundings<'_>) -> Bound {
    match around
        .stack
        .and_then(|stack| recognise(bound.resource.as_str(), stack))
    {
        Some(symbolic) => Bound {
            resource: ArnPattern::new(symbolic),
            ..bound
        },
        None => bound,
    }
}

/// A resource that the evidence names by ARN, if the action takes resources of its type.
fn named(catalog: &Catalog, around: Surroundings<'_>, needed: &NeededAction, arn: &str) -> Option<Bound> {
    let symbolic = around.stack.and_then(|stack| {
        recognise(arn, stack)
            .or_else(|| Some(stack.normalise_arn(arn)).filter(|normalised| normalised != arn))
    });
    let resource = ArnPattern::new(symbolic.unwrap_or_else(|| arn.to_owned()));
    let takes = catalog
        .action(&needed.action)
        .is_none_or(|entry| entry.takes(&resource));
    takes.then(|| Bound {
        resource,
        exact: true,
        note: String::new(),
        stack_resource: None,
    })
}

fn grant(usage: &Usage, needed: &NeededAction, bound: Bound) -> Grant {
    let mut notes = vec![usage.because.note.clone()];
    notes.extend(needed.when.as_ref().map(|when| {
        format!(
            "needed {} {}",
            if when.uncertain { "in case" } else { "as" },
            when.words
        )
    }));
    notes.push(bound.note);
    notes.retain(|note| !note.is_empty());
    let because = Because {
        note: notes.join("; "),
        ..usage.because.clone()
    };
    let mut grant = Grant::new(needed.action.clone(), bound.resource, usage.confidence, because);
    grant.exact = bound.exact;
    grant.conditions = needed.conditions.clone();
    if !bound.exact {
        grant.confidence = grant.confidence.min(Confidence::Medium);
    }
    if let Some(service) = &usage.via_service {
        let via = grant.conditions.entry("StringEquals".to_owned()).or_default();
        via.insert("kms:ViaService".to_owned(), vec![service.clone()]);
    }
    grant
}

/// A grant that rests on recorded object keys, on the folder of the keys: which keys come is chance.
pub fn generalised(grant: Grant) -> Grant {
    let text = grant.resource.as_str().to_owned();
    let object = grant.resource.service() == Some("s3");
    match text
        .rsplit_once('/')
        .filter(|(_, key)| object && !key.contains('*'))
    {
        Some((folder, _)) => grant.on(ArnPattern::new(format!("{folder}/*"))),
        None => grant,
    }
}

/// What the service does with the caller's credentials when the stack encrypts the resource with a customer key.
fn forwarded(catalog: &Catalog, around: Surroundings<'_>, usage: &Usage, bound: &Bound) -> Vec<Grant> {
    let key = around
        .stack
        .zip(bound.stack_resource.as_ref())
        .and_then(|(stack, id)| stack.resources.get(id))
        .and_then(|resource| resource.kms_key.clone().map(|key| (resource.id.clone(), key)));
    let (Some((id, key)), BecauseKind::Code) = (key, usage.because.kind) else {
        return Vec::new();
    };
    let mut grants = Vec::new();
    for access in catalog.forwarded_access(&usage.operation, &usage.inputs) {
        let via = access.via_service.replace("${Region}", "${AWS::Region}");
        for action in access.actions {
            let note = format!("{id} is encrypted with a customer key of the stack");
            let because = Because {
                note,
                ..usage.because.clone()
            };
            let mut grant = Grant::new(action, ArnPattern::new(key.clone()), usage.confidence, because);
            let condition = grant.conditions.entry("StringEquals".to_owned()).or_default();
            condition.insert("kms:ViaService".to_owned(), vec![via.clone()]);
            grants.push(grant);
        }
    }
    grants
}
