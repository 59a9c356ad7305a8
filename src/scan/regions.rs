//! Conditional regions of a body: branches, loop bodies, closures handed to methods. What stands in one need not happen.

use std::collections::BTreeSet;

use super::ir::{Body, ExprId, ExprKind, FormatPiece, Stmt};

/// The expressions of a body by the regions they stand in.
#[derive(Debug, Default)]
pub struct Regions {
    /// The expression that each expression is part of.
    parents: Vec<Option<ExprId>>,
    /// Roots of the regions.
    roots: BTreeSet<ExprId>,
}

impl Regions {
    /// The regions of `body`.
    pub fn of(body: &Body) -> Self {
        let mut regions = Self {
            parents: vec![None; body.exprs.len()],
            roots: BTreeSet::new(),
        };
        for (index, expr) in body.exprs.iter().enumerate() {
            let id = ExprId(u32::try_from(index).unwrap_or(u32::MAX));
            for (part, conditional) in parts(body, &expr.kind) {
                if let Some(parent) = regions.parents.get_mut(part.0 as usize) {
                    *parent = Some(id);
                }
                if conditional {
                    regions.roots.insert(part);
                }
            }
        }
        regions
    }

    /// The root of the smallest region around `expr`.
    pub fn innermost(&self, expr: ExprId) -> Option<ExprId> {
        self.around(expr).find(|at| self.roots.contains(at))
    }

    /// Whether `expr` stands in the region with this root.
    pub fn is_in(&self, expr: ExprId, root: ExprId) -> bool {
        self.around(expr).any(|at| at == root)
    }

    /// `expr` and everything it is part of.
    fn around(&self, expr: ExprId) -> impl Iterator<Item = ExprId> + '_ {
        let parent = |at: &ExprId| self.parents.get(at.0 as usize).copied().flatten();
        std::iter::successors(Some(expr), parent).take(self.parents.len() + 1)
    }
}

/// The parts of an expression, and whether each is evaluated on some paths only.
fn parts(body: &Body, kind: &ExprKind) -> Vec<(ExprId, bool)> {
    let mut out = Vec::new();
    let always = |parts: &[ExprId], out: &mut Vec<(ExprId, bool)>| {
        out.extend(parts.iter().map(|part| (*part, false)));
    };
    match kind {
        ExprKind::Call { callee, args } => {
            out.push((*callee, false));
            always(args, &mut out);
        }
        ExprKind::Method { receiver, args, .. } => {
            out.push((*receiver, false));
            for arg in args {
                let is_closure = matches!(body.expr(body.peel(*arg)).kind, ExprKind::Closure { .. });
                out.push((*arg, is_closure));
            }
        }
        ExprKind::Struct { fields, base, .. } => {
            out.extend(fields.iter().map(|(_, value)| (*value, false)));
            out.extend(base.iter().map(|base| (*base, false)));
        }
        ExprKind::Tuple(parts)
        | ExprKind::Array(parts)
        | ExprKind::Opaque(parts)
        | ExprKind::Never(parts) => {
            always(parts, &mut out);
        }
        ExprKind::AnyOf(parts) => {
            let several = parts.len() > 1;
            out.extend(parts.iter().map(|part| (*part, several)));
        }
        ExprKind::Block { stmts, tail, .. } => {
            for stmt in stmts {
                match stmt {
                    Stmt::Let { init, els, .. } => {
                        out.extend(init.iter().map(|init| (*init, false)));
                        out.extend(els.iter().map(|els| (*els, true)));
                    }
                    Stmt::Expr(expr) => out.push((*expr, false)),
                }
            }
            out.extend(tail.iter().map(|tail| (*tail, false)));
        }
        ExprKind::If { cond, then, els } => {
            out.push((*cond, false));
            out.push((*then, true));
            out.extend(els.iter().map(|els| (*els, true)));
        }
        ExprKind::Match { scrutinee, arms } => {
            out.push((*scrutinee, false));
            let several = arms.len() > 1;
            for (_, guard, value) in arms {
                out.extend(guard.iter().map(|guard| (*guard, false)));
                out.push((*value, several));
            }
        }
        ExprKind::Loop { cond, body } => {
            out.extend(cond.iter().map(|cond| (*cond, false)));
            out.push((*body, true));
        }
        ExprKind::For { iter, body, .. } => {
            out.push((*iter, false));
            out.push((*body, true));
        }
        ExprKind::Assign { left, right, .. }
        | ExprKind::Add(left, right)
        | ExprKind::Equal(left, right, _)
        | ExprKind::Index(left, right) => {
            always(&[*left, *right], &mut out);
        }
        ExprKind::Return(value) | ExprKind::Break(value) => {
            out.extend(value.iter().map(|value| (*value, false)));
        }
        ExprKind::Format(pieces) => {
            for piece in pieces {
                if let FormatPiece::Value(value) | FormatPiece::Shown(value) = piece {
                    out.push((*value, false));
                }
            }
        }
        ExprKind::Closure { body: inner, .. }
        | ExprKind::Field { base: inner, .. }
        | ExprKind::Let { expr: inner, .. }
        | ExprKind::Same(inner)
        | ExprKind::Cast(inner, _) => out.push((*inner, false)),
        ExprKind::Str(_)
        | ExprKind::Lit(_)
        | ExprKind::Path(_)
        | ExprKind::CompileEnv(_)
        | ExprKind::Macro(_)
        | ExprKind::Missing => {}
    }
    out
}
