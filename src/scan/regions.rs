//! Which expressions of a body run whenever another does: branches, loops and closures are regions of their own.

use super::ir::{Body, ExprId, ExprKind, FormatPiece, Stmt};

/// Regions of one body; region 0 is the body itself.
#[derive(Debug, Default)]
pub struct Regions {
    of: Vec<u32>,
    parents: Vec<u32>,
}

impl Regions {
    /// Finds the regions of a body.
    pub fn new(body: &Body) -> Self {
        let mut regions = Self {
            of: vec![0; body.exprs.len()],
            parents: vec![0],
        };
        let mut todo = vec![(body.root, 0)];
        while let Some((id, region)) = todo.pop() {
            if let Some(slot) = regions.of.get_mut(id.0 as usize) {
                *slot = region;
            }
            let (same, own) = parts(&body.expr(id).kind);
            todo.extend(same.into_iter().map(|part| (part, region)));
            for part in own {
                let inner = u32::try_from(regions.parents.len()).unwrap_or(u32::MAX);
                regions.parents.push(region);
                todo.push((part, inner));
            }
        }
        regions
    }

    /// Whether `later` runs whenever `earlier` has run (errors aside).
    pub fn follows(&self, earlier: ExprId, later: ExprId) -> bool {
        let region = |id: ExprId| self.of.get(id.0 as usize).copied().unwrap_or(0);
        let wanted = region(later);
        let mut at = region(earlier);
        while at != wanted {
            if at == 0 {
                return false;
            }
            at = self.parents.get(at as usize).copied().unwrap_or(0);
        }
        true
    }
}

/// Parts that run with the expression, and those that run under conditions.
fn parts(kind: &ExprKind) -> (Vec<ExprId>, Vec<ExprId>) {
    let mut same = Vec::new();
    let mut own = Vec::new();
    match kind {
        ExprKind::Call { callee, args } => {
            same.push(*callee);
            same.extend(args);
        }
        ExprKind::Method { receiver, args, .. } => {
            same.push(*receiver);
            same.extend(args);
        }
        ExprKind::Field { base, .. } => same.push(*base),
        ExprKind::Struct { fields, base, .. } => {
            same.extend(fields.iter().map(|(_, value)| *value));
            same.extend(base);
        }
        ExprKind::Tuple(parts)
        | ExprKind::Array(parts)
        | ExprKind::Opaque(parts)
        | ExprKind::Never(parts)
        | ExprKind::AnyOf(parts) => same.extend(parts),
        ExprKind::Closure { body, .. } => own.push(*body),
        ExprKind::Block { stmts, tail, .. } => {
            for stmt in stmts {
                match stmt {
                    Stmt::Let { init, els, .. } => {
                        same.extend(init);
                        own.extend(els);
                    }
                    Stmt::Expr(id) => same.push(*id),
                }
            }
            same.extend(tail);
        }
        ExprKind::If { cond, then, els } => {
            same.push(*cond);
            own.push(*then);
            own.extend(els);
        }
        ExprKind::Match { scrutinee, arms } => {
            same.push(*scrutinee);
            for (_, guard, value) in arms {
                own.extend(guard);
                own.push(*value);
            }
        }
        ExprKind::Loop { cond, body } => {
            own.extend(cond);
            own.push(*body);
        }
        ExprKind::For { iter, body, .. } => {
            same.push(*iter);
            own.push(*body);
        }
        ExprKind::Let { expr, .. } => same.push(*expr),
        ExprKind::Assign { left, right, .. } => same.extend([*left, *right]),
        ExprKind::Add(left, right) | ExprKind::Index(left, right) => same.extend([*left, *right]),
        ExprKind::Return(value) | ExprKind::Break(value) => same.extend(value),
        ExprKind::Same(inner) | ExprKind::Cast(inner, _) => same.push(*inner),
        ExprKind::Format(pieces) => {
            for piece in pieces {
                if let FormatPiece::Value(id) | FormatPiece::Shown(id) = piece {
                    same.push(*id);
                }
            }
        }
        ExprKind::Str(_)
        | ExprKind::Lit(_)
        | ExprKind::Path(_)
        | ExprKind::CompileEnv(_)
        | ExprKind::Macro(_)
        | ExprKind::Missing => {}
    }
    (same, own)
}
