//! Whether an `Option` that is given to a `set_…` method holds a value: surely, surely not, or perhaps.

use super::facts::{Callee, Facts, Source};
use super::ir::{Body, ExprId, ExprKind};

/// Steps on the way to a `Some`.
const MAX_STEPS: usize = 24;

/// What is known of an `Option`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// It is `Some`.
    Set,
    /// It is `None`.
    Unset,
    /// It can be either.
    Maybe,
}

/// What is known of the `Option` that `expr` gives.
pub fn presence(facts: &Facts, body: &Body, expr: ExprId) -> Presence {
    follow(facts, body, expr, MAX_STEPS)
}

fn follow(facts: &Facts, body: &Body, expr: ExprId, steps: usize) -> Presence {
    let Some(steps) = steps.checked_sub(1) else {
        return Presence::Maybe;
    };
    match &body.expr(expr).kind {
        ExprKind::Str(_) | ExprKind::Lit(_) | ExprKind::Format(_) => Presence::Set,
        ExprKind::Same(inner) => follow(facts, body, *inner, steps),
        ExprKind::Path(_) => match facts.local(expr) {
            Some(local) => all(local.sources.iter().map(|source| match source {
                Source::Expr(value, steps_into) if steps_into.is_empty() => {
                    follow(facts, body, *value, steps)
                }
                _ => Presence::Maybe,
            })),
            None if is_outside(facts, expr, "None") => Presence::Unset,
            None => Presence::Maybe,
        },
        ExprKind::Call { callee, .. } => {
            let is_some = is_outside(facts, expr, "Some") || is_outside(facts, *callee, "Some");
            if is_some { Presence::Set } else { Presence::Maybe }
        }
        ExprKind::Method {
            receiver,
            method,
            args,
            ..
        } => match (&**method, args.first()) {
            (
                "clone" | "cloned" | "copied" | "as_ref" | "as_deref" | "map" | "inspect" | "into"
                | "to_owned" | "to_string",
                _,
            ) => follow(facts, body, *receiver, steps),
            ("or", Some(other)) => match (
                follow(facts, body, *receiver, steps),
                follow(facts, body, *other, steps),
            ) {
                (Presence::Set, _) | (_, Presence::Set) => Presence::Set,
                (Presence::Unset, Presence::Unset) => Presence::Unset,
                _ => Presence::Maybe,
            },
            _ => Presence::Maybe,
        },
        ExprKind::If {
            then, els: Some(els), ..
        } => all([*then, *els]
            .into_iter()
            .map(|part| follow(facts, body, part, steps))),
        ExprKind::Match { arms, .. } => all(arms
            .iter()
            .map(|(_, _, value)| follow(facts, body, *value, steps))),
        ExprKind::Block { tail: Some(tail), .. } => follow(facts, body, *tail, steps),
        _ => Presence::Maybe,
    }
}

/// What all agree on.
fn all(parts: impl Iterator<Item = Presence>) -> Presence {
    parts
        .reduce(|one, other| if one == other { one } else { Presence::Maybe })
        .unwrap_or(Presence::Maybe)
}

/// Whether a call or path goes to something of this name that is not ours.
fn is_outside(facts: &Facts, expr: ExprId, name: &str) -> bool {
    facts.targets(expr).iter().any(|target| match target {
        Callee::External(path) => path.last().is_some_and(|last| &**last == name),
        _ => false,
    })
}
