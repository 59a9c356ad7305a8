//! Looks for a request that one role allows and another does not.
//!
//! Resources come from the statements that speak of the action, context values from the conditions that stand in the
//! way; every combination is put to [`crate::iam::evaluate`]. The search is bounded by a count, so that it always ends
//! the same way. Where it had to stop, the answer is *possible*: a risk is rather told once too often.

use std::collections::BTreeSet;

use super::WholeRole;
use super::atoms::{self, Atoms};
use crate::catalog::Catalog;
use crate::iam::action::{Action, ActionPattern};
use crate::iam::arn::ArnPattern;
use crate::iam::evaluate::{Layer, Voice, concerns, layer};
use crate::iam::policy::{Actions, Effect, Policy, Resources, Statement};
use crate::iam::request::{ContextValue, Request};

/// The most combinations of context values that are tried for one resource.
const MOST_COMBINATIONS: usize = 4_096;
/// The most resources that are tried.
const MOST_RESOURCES: usize = 64;

/// The statements of a role that speak of one action.
#[derive(Debug)]
pub(super) struct View {
    identity: [Policy; 1],
    /// The position in the role of each identity statement.
    positions: Vec<usize>,
    boundary: Option<[Policy; 1]>,
    scps: Vec<Vec<Policy>>,
}

/// What a search comes to.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    /// This request, allowed by the statement at this position.
    Found(Request, usize),
    /// There may be one: the search stopped before it had tried everything.
    Possible,
    /// None.
    No,
}

impl Answer {
    pub(super) fn is_no(&self) -> bool {
        matches!(self, Self::No)
    }
}

impl View {
    /// What of a role speaks of an action.
    pub(super) fn of(role: &WholeRole, action: &str) -> Self {
        let narrowed = |policy: &Policy| Policy {
            kind: policy.kind,
            version: policy.version,
            statements: policy
                .statements
                .iter()
                .filter_map(|own| about(own, action))
                .collect(),
        };
        let numbered = role.statements.iter().enumerate();
        let mine = numbered.filter_map(|(position, own)| Some((position, about(&own.statement, action)?)));
        let (positions, statements) = mine.unzip();
        Self {
            identity: [Policy::of(statements)],
            positions,
            boundary: role.boundary.as_ref().map(|boundary| [narrowed(boundary)]),
            scps: role
                .scps
                .iter()
                .map(|level| level.iter().map(narrowed).collect())
                .collect(),
        }
    }

    /// The position of the identity statement that allows a request, if everything allows it.
    pub(super) fn allows(&self, request: &Request) -> Option<usize> {
        let Voice::Allows(found) = layer(request, Layer::Identity, &self.identity) else {
            return None;
        };
        let within =
            |own: Layer, policies: &[Policy]| matches!(layer(request, own, policies), Voice::Allows(_));
        let bounded = self
            .boundary
            .as_ref()
            .is_none_or(|boundary| within(Layer::Boundary, boundary));
        let organised = self.scps.iter().all(|level| within(Layer::Scp, level));
        (bounded && organised)
            .then(|| self.positions.get(found.statement).copied())
            .flatten()
    }

    /// Whether a statement denies a request.
    pub(super) fn denies(&self, request: &Request) -> bool {
        let says =
            |own: Layer, policies: &[Policy]| matches!(layer(request, own, policies), Voice::Denies(_));
        says(Layer::Identity, &self.identity)
            || self
                .boundary
                .as_ref()
                .is_some_and(|boundary| says(Layer::Boundary, boundary))
            || self.scps.iter().any(|level| says(Layer::Scp, level))
    }

    pub(super) fn statements(&self) -> impl Iterator<Item = &Statement> {
        let policies = self.identity.iter().chain(self.boundary.iter().flatten());
        policies
            .chain(self.scps.iter().flatten())
            .flat_map(|policy| &policy.statements)
    }

    /// Whether any identity statement allows the action at all.
    pub(super) fn may_allow(&self) -> bool {
        self.identity
            .iter()
            .flat_map(|policy| &policy.statements)
            .any(|own| own.effect == Effect::Allow)
    }
}

/// A statement that speaks of an action, as if it spoke of no other: its list of actions may be long.
fn about(statement: &Statement, action: &str) -> Option<Statement> {
    concerns(statement, action).then(|| Statement {
        sid: statement.sid.clone(),
        effect: statement.effect,
        principals: statement.principals.clone(),
        actions: Actions::Only(vec![ActionPattern::new("*")]),
        resources: statement.resources.clone(),
        conditions: statement.conditions.clone(),
    })
}

/// What a request must be like beyond being allowed.
pub(super) struct Wanted<'a> {
    /// The action.
    pub(super) action: &'a str,
    /// Context that is fixed.
    pub(super) context: Vec<(String, ContextValue)>,
    /// Whether a resource will do.
    pub(super) resource: &'a dyn Fn(&str) -> bool,
    /// Whether a request will do.
    pub(super) request: &'a dyn Fn(&Request) -> bool,
}

/// A request that the view allows and that is wanted. `others` are statements whose conditions the search should look at
/// too, such as those of the role it is compared with.
pub(super) fn find<'a>(
    catalog: &Catalog,
    view: &View,
    others: impl IntoIterator<Item = &'a Statement>,
    wanted: &Wanted<'_>,
) -> Answer {
    if !view.may_allow() {
        return Answer::No;
    }
    let others: Vec<&Statement> = others.into_iter().collect();
    let granting = view.identity.iter().flat_map(|policy| &policy.statements);
    let granting = granting.filter(|statement| statement.effect == Effect::Allow);
    let resources = resources(catalog, wanted.action, granting, &others);
    let mut possible = resources.len() > MOST_RESOURCES;
    let mut keys = atoms::of(view.statements().chain(others));
    for (key, value) in &wanted.context {
        keys.insert(key.to_lowercase(), vec![Some(value.clone())]);
    }
    for resource in resources
        .into_iter()
        .take(MOST_RESOURCES)
        .filter(|one| (wanted.resource)(one))
    {
        let request = Request {
            action: wanted.action.to_owned(),
            resource,
            ..Request::default()
        };
        let mut found = None;
        let complete = combinations(&keys, |context| {
            let request = Request {
                context,
                ..request.clone()
            };
            found = view
                .allows(&request)
                .filter(|_| (wanted.request)(&request))
                .map(|position| (request, position));
            found.is_some()
        });
        if let Some((request, position)) = found {
            return Answer::Found(request, position);
        }
        possible |= !complete;
    }
    match possible {
        true => Answer::Possible,
        false => Answer::No,
    }
}

/// Tries contexts until one will do; says whether all were tried.
pub(super) fn combinations(
    keys: &Atoms,
    mut will_do: impl FnMut(std::collections::BTreeMap<String, ContextValue>) -> bool,
) -> bool {
    let mut digits = vec![0_usize; keys.len()];
    for _ in 0..MOST_COMBINATIONS {
        let context = keys
            .iter()
            .zip(&digits)
            .filter_map(|((key, values), digit)| Some((key.clone(), values.get(*digit)?.clone()?)));
        if will_do(context.collect()) {
            return true;
        }
        let mut carry = true;
        for (digit, values) in digits.iter_mut().zip(keys.values()) {
            *digit += 1;
            if *digit < values.len() {
                carry = false;
                break;
            }
            *digit = 0;
        }
        if carry {
            return true;
        }
    }
    false
}

/// Resources that the statements name and that the action takes; those that `others` single out come last.
fn resources<'a>(
    catalog: &Catalog,
    action: &str,
    statements: impl Iterator<Item = &'a Statement>,
    others: &[&Statement],
) -> Vec<String> {
    let entry = Action::parse(action).and_then(|action| catalog.action(&action));
    let types: Vec<String> = match entry {
        Some(entry) if !entry.wildcard_only() => entry
            .resource_types()
            .flat_map(|own| instances(own.pattern().as_str()))
            .collect(),
        _ => vec!["*".to_owned()],
    };
    let takes = |text: &str| {
        text == "*" || entry.is_none_or(|entry| !entry.wildcard_only() && entry.takes(&ArnPattern::new(text)))
    };
    let (mut named, mut any) = (BTreeSet::new(), false);
    for statement in statements {
        match &statement.resources {
            Resources::AllExcept(_) => any = true,
            Resources::Only(list) => {
                for arn in list {
                    any |= arn.is_any();
                    named.extend(instances(arn.as_str()).into_iter().filter(|text| takes(text)));
                }
            }
        }
    }
    named.remove("*");
    let mut all: Vec<String> = if any { types } else { Vec::new() };
    all.extend(named);
    for statement in others {
        let (Resources::Only(list) | Resources::AllExcept(list)) = &statement.resources;
        for text in list
            .iter()
            .filter(|arn| !arn.is_any())
            .flat_map(|arn| instances(arn.as_str()))
        {
            if takes(&text) && !all.contains(&text) {
                all.push(text);
            }
        }
    }
    all
}

/// ARNs that a pattern names, in a few spellings, so that one of them escapes what another policy names.
fn instances(pattern: &str) -> Vec<String> {
    if pattern == "*" {
        return vec!["*".to_owned()];
    }
    let fields: Vec<&str> = pattern.splitn(6, ':').collect();
    let early = |index: usize| match fields.get(index).copied().unwrap_or("*") {
        "*" if index == 1 => "aws".to_owned(),
        "*" if index == 3 => "eu-west-1".to_owned(),
        "*" if index == 4 => "111122223333".to_owned(),
        other => atoms::with(other, "", "1"),
    };
    if pattern.contains("${") && fields.len() < 6 {
        return vec![atoms::plain(pattern)];
    }
    // The colons of symbols do not separate, but then the first five fields hold no wildcard that matters.
    if fields.iter().take(5).any(|field| field.contains("${")) {
        return ["rolefit", "q7", "rolefit/q7"]
            .map(|star| atoms::with(pattern, star, "7"))
            .into();
    }
    let own = fields.get(5).copied().unwrap_or("*");
    let front: Vec<String> = (0..5).map(early).collect();
    let mut found: Vec<String> = ["rolefit", "q7", "rolefit/q7", ""]
        .map(|star| format!("{}:{}", front.join(":"), atoms::with(own, star, "7")))
        .into();
    found.dedup();
    found
}
