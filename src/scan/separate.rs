//! Several functions in one binary: the branches that the environment of a deployed function closes.
//!
//! `match env::var("_HANDLER")` and its like are decided by what the deployment sets. What stands in the branches that
//! cannot run is left out of the facts of their fns, and the rest is reached and evaluated anew.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use thin_vec::ThinVec;

use crate::usage::Piece;
use crate::workspace::model::BinaryId;

use super::call_site::Scanned;
use super::facts::{Callee, Facts};
use super::ir::{Body, Expr, ExprId, ExprKind, Pat, PatId};
use super::reach::{AllFacts, Reach};
use super::regions::Regions;
use super::value::{Evaluator, Frame, Value};
use super::world::FnId;

/// A function that runs a binary, and what the deployment sets in its environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deployed {
    /// What tells it from all others.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// The file of its deployment.
    pub file: String,
    /// What it runs.
    pub binary: BinaryId,
    /// Environment variables whose values are plain texts, `_HANDLER` among them.
    pub variables: BTreeMap<String, String>,
}

/// The facts without the branches that `variables` close; `None` if they close none.
pub fn separate(
    scanned: &Scanned<'_, '_>,
    reach: &Reach,
    variables: &BTreeMap<String, String>,
) -> Option<AllFacts> {
    if variables.is_empty() {
        return None;
    }
    let mut evaluator = Evaluator::new(scanned, reach);
    let mut facts: Option<AllFacts> = None;
    for id in reach.fns.keys() {
        let closed = closed(&mut evaluator, *id, variables);
        let Some(own) = scanned.facts.get(id.0 as usize).filter(|_| !closed.is_empty()) else {
            continue;
        };
        let rest = Arc::new(without(own, &closed));
        let all = facts.get_or_insert_with(|| scanned.facts.clone());
        if let Some(slot) = all.get_mut(id.0 as usize) {
            *slot = rest;
        }
    }
    facts
}

/// Roots of the branches of a fn that cannot run.
fn closed(
    evaluator: &mut Evaluator<'_, '_>,
    id: FnId,
    variables: &BTreeMap<String, String>,
) -> BTreeSet<ExprId> {
    let mut closed = BTreeSet::new();
    let Some(body) = evaluator.facts(id).and_then(|facts| facts.body.as_deref()) else {
        return closed;
    };
    for expr in &body.exprs {
        match &expr.kind {
            ExprKind::Match { scrutinee, arms } if arms.iter().any(|arm| names_text(body, arm.0)) => {
                let Some(text) = text_of(evaluator, id, *scrutinee, variables) else {
                    continue;
                };
                let mut settled = false;
                for (pat, guard, value) in arms {
                    let fits = fits(body, *pat, &text);
                    if settled || fits == Some(false) {
                        closed.insert(*value);
                    }
                    settled |= fits == Some(true) && guard.is_none();
                }
            }
            ExprKind::If { cond, then, els } => match condition(evaluator, id, body, *cond, variables) {
                Some(true) => closed.extend(*els),
                Some(false) => drop(closed.insert(*then)),
                None => {}
            },
            _ => {}
        }
    }
    closed
}

/// Whether a condition holds, if the variables decide it.
fn condition(
    evaluator: &mut Evaluator<'_, '_>,
    id: FnId,
    body: &Body,
    cond: ExprId,
    variables: &BTreeMap<String, String>,
) -> Option<bool> {
    match &body.expr(body.peel(cond)).kind {
        ExprKind::Let { pat, expr } if names_text(body, *pat) => {
            let text = text_of(evaluator, id, *expr, variables)?;
            fits(body, *pat, &text)
        }
        ExprKind::Equal(left, right, equal) => {
            let written = |expr: ExprId| match &body.expr(body.peel(expr)).kind {
                ExprKind::Str(text) => Some(text.clone()),
                _ => None,
            };
            let (text, variable) = match (written(*left), written(*right)) {
                (Some(text), None) => (text, *right),
                (None, Some(text)) => (text, *left),
                _ => return None,
            };
            let value = text_of(evaluator, id, variable, variables)?;
            Some((*value == *text) == *equal)
        }
        _ => None,
    }
}

/// The text that an expression surely is: the value of one environment variable.
fn text_of(
    evaluator: &mut Evaluator<'_, '_>,
    id: FnId,
    expr: ExprId,
    variables: &BTreeMap<String, String>,
) -> Option<String> {
    evaluator.reset();
    let values = evaluator.eval(&Frame::any_caller(id), expr);
    match values.as_slice() {
        [Value::Text(pieces, _)] => match pieces.as_slice() {
            [Piece::Env { variable, .. }] => variables.get(variable).cloned(),
            _ => None,
        },
        _ => None,
    }
}

/// Whether a pattern holds a text.
fn names_text(body: &Body, pat: PatId) -> bool {
    match body.pat(pat) {
        Pat::Text(_) => true,
        Pat::Or(cases) => cases.iter().any(|case| names_text(body, *case)),
        Pat::TupleStruct(_, parts) => parts.iter().any(|(_, part)| names_text(body, *part)),
        Pat::Same(inner, _) | Pat::Bind(_, Some(inner)) => names_text(body, *inner),
        _ => false,
    }
}

/// Whether a text, or `Ok` and `Some` of it, fits a pattern; `None` if that cannot be told.
fn fits(body: &Body, pat: PatId, text: &str) -> Option<bool> {
    match body.pat(pat) {
        Pat::Any => Some(true),
        Pat::Text(found) => Some(**found == *text),
        Pat::Or(cases) => {
            let fits: Vec<_> = cases.iter().map(|case| fits(body, *case, text)).collect();
            match fits.contains(&Some(true)) {
                true => Some(true),
                false if fits.contains(&None) => None,
                false => Some(false),
            }
        }
        Pat::Same(inner, _) | Pat::Bind(_, Some(inner)) => fits(body, *inner, text),
        // A name in capitals is a constant, or `None`.
        Pat::Bind(name, None) => (!name.starts_with(char::is_uppercase)).then_some(true),
        Pat::TupleStruct(path, parts) => match parts.as_slice() {
            [(_, part)] if matches!(path.last_name(), "Ok" | "Some") => fits(body, *part, text),
            _ => None,
        },
        _ => None,
    }
}

/// What is left of a fn without the regions with these roots. Types that it makes are kept: they may be made elsewhere
/// in it.
fn without(facts: &Facts, closed: &BTreeSet<ExprId>) -> Facts {
    let mut rest = facts.clone();
    let Some(body) = facts.body.as_deref() else {
        return rest;
    };
    let regions = Regions::of(body);
    let open = |expr: &ExprId| !closed.iter().any(|root| regions.is_in(*expr, *root));
    rest.edges.retain(|edge| open(&edge.expr));
    let mentioned: BTreeSet<FnId> = rest
        .edges
        .iter()
        .filter_map(|edge| match edge.callee {
            Callee::Fn(id) => Some(id),
            _ => None,
        })
        .collect();
    rest.fn_values.retain(|id| mentioned.contains(id));
    rest.sites.retain(|site| open(&site.expr));
    rest.literals.retain(|(_, _, expr)| open(expr));
    rest.assigns.retain(|(_, _, expr)| open(expr));
    rest.loose_assigns.retain(|(_, expr)| open(expr));
    rest.static_values.retain(|(_, expr)| open(expr));
    rest.wrapper_sets.retain(|(_, _, expr)| open(expr));
    rest.returns.retain(|expr| open(expr));
    rest.setters.retain(|expr| open(expr));
    let lines = |exprs: &mut dyn Iterator<Item = &Expr>| -> BTreeSet<(u32, u32)> {
        exprs.map(|expr| (expr.span.file, expr.span.line)).collect()
    };
    let numbered = || (0..).map(ExprId).zip(&body.exprs);
    let kept = lines(&mut numbered().filter(|(id, _)| open(id)).map(|(_, expr)| expr));
    let gone = lines(&mut numbered().filter(|(id, _)| !open(id)).map(|(_, expr)| expr));
    rest.gaps.retain(|gap| {
        let line = (gap.span.file, gap.span.line);
        kept.contains(&line) || !gone.contains(&line)
    });
    let mut body = body.clone();
    for root in closed {
        if let Some(expr) = body.exprs.get_mut(root.0 as usize) {
            expr.kind = ExprKind::Never(ThinVec::new());
        }
    }
    rest.body = Some(Arc::new(body));
    rest
}
