//! Values whose type is a parameter that nothing fixes: their methods are told of, whatever they are called.

use super::facts::{Callee, Edge, Source};
use super::infer::Infer;
use super::ir::{ExprId, ExprKind, Name, Span};
use super::types::Ty;
use super::world::FnId;

/// How many values are looked through.
const MAX_STEPS: usize = 12;

impl Infer<'_, '_> {
    /// Notes a call whose type should have followed from what the fn is given.
    pub(super) fn note_unfixed(&mut self, id: ExprId, called: FnId, found: &Ty) {
        if names_param(&self.world.fns[called].ret) && has_unknown(found) {
            self.unfixed.insert(id);
        }
    }

    /// Notes a field whose type is a parameter of a struct that nothing fixes.
    pub(super) fn note_unfixed_field(&mut self, id: ExprId, base: &Ty, found: &Ty) {
        if let Ty::Adt(_, args) = base
            && args.iter().any(Ty::is_unknown)
            && found.is_unknown()
        {
            self.unfixed.insert(id);
        }
    }

    /// Whether the type of a value is a parameter that nothing fixes.
    pub(super) fn is_unfixed(&self, id: ExprId, depth: usize) -> bool {
        if depth > MAX_STEPS {
            return false;
        }
        let id = self.body.peel(id);
        if self.unfixed.contains(&id) {
            return true;
        }
        if let Some(local) = self.facts.local(id) {
            // The first value decides the type.
            return local.sources.iter().take(1).any(|source| match source {
                Source::Expr(value, _) => self.is_unfixed(*value, depth + 1),
                _ => false,
            });
        }
        match &self.body.expr(id).kind {
            ExprKind::Match { arms, .. } => arms
                .iter()
                .any(|(_, _, value)| self.is_unfixed(*value, depth + 1)),
            ExprKind::If { then, els, .. } => {
                self.is_unfixed(*then, depth + 1) || els.is_some_and(|els| self.is_unfixed(els, depth + 1))
            }
            ExprKind::Block { tail: Some(tail), .. } => self.is_unfixed(*tail, depth + 1),
            _ => false,
        }
    }

    /// A method of such a value: any of that name may run, and what it gives is such a value, too. The edge is no
    /// target, since values pass through `unwrap` and `clone` as ever.
    pub(super) fn on_unfixed(&mut self, id: ExprId, method: &Name, args: &[ExprId], span: Span) {
        self.unfixed.insert(id);
        self.facts.edges.push(Edge {
            on: None,
            callee: Callee::Weak(method.clone(), args.len()),
            span,
            expr: id,
        });
    }
}

/// Whether a type is a parameter, or a tuple or closure of one.
fn names_param(ty: &Ty) -> bool {
    match ty {
        Ty::Param(_) | Ty::Proj(..) => true,
        Ty::Tuple(parts) => parts.iter().any(names_param),
        Ty::Closure(ret) => names_param(ret),
        _ => false,
    }
}

/// Whether a part of a type is not known.
fn has_unknown(ty: &Ty) -> bool {
    match ty {
        Ty::Unknown => true,
        Ty::Tuple(parts) => parts.iter().any(has_unknown),
        Ty::Closure(ret) => has_unknown(ret),
        _ => false,
    }
}
