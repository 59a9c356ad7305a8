//! Tracing a builder back to the expressions that make it: through chains, variables, parameters, fields and returns.

use std::collections::BTreeSet;

use super::facts::{Callee, Facts, Source};
use super::inputs::Origin;
use super::ir::{ExprId, ExprKind};
use super::types::Ty;
use super::value::Evaluator;
use super::world::FnId;

/// Walks from a builder expression back to where builders are made.
pub(super) struct Trace<'e, 'x, 'a> {
    pub(super) evaluator: &'e Evaluator<'x, 'a>,
    pub(super) visited: BTreeSet<Origin>,
    pub(super) found: BTreeSet<Origin>,
    pub(super) complete: bool,
}

impl Trace<'_, '_, '_> {
    fn facts(&self, id: FnId) -> Option<&Facts> {
        self.evaluator.facts(id)
    }

    pub(super) fn walk(&mut self, id: FnId, expr: ExprId) {
        if !self.visited.insert((id, expr)) {
            return;
        }
        if self.visited.len() > 2_000 {
            self.complete = false;
            return;
        }
        let evaluator = self.evaluator;
        let Some(facts) = evaluator.facts(id) else {
            self.complete = false;
            return;
        };
        let Some(body) = facts.body.as_deref() else {
            self.complete = false;
            return;
        };
        if facts.sites.iter().any(|site| site.expr == expr) {
            self.found.insert((id, expr));
            return;
        }
        match &body.expr(expr).kind {
            ExprKind::Same(inner) | ExprKind::Cast(inner, _) | ExprKind::Index(inner, _) => {
                self.walk(id, *inner);
            }
            ExprKind::Method { receiver, args, .. } => {
                let targets = facts.targets(expr).to_vec();
                let ours = self.callees(&targets);
                if ours.is_empty() {
                    let on_builder = matches!(
                        facts.ty(*receiver),
                        Ty::Fluent(..) | Ty::Input(..) | Ty::SdkType(..)
                    );
                    self.walk(id, *receiver);
                    if !on_builder {
                        // `opt.map(|v| builder.x(v))`, `iter.fold(builder, |b, x| …)`.
                        for arg in args {
                            self.argument(id, *arg);
                        }
                    }
                } else {
                    for callee in ours {
                        self.returns(callee);
                    }
                }
            }
            ExprKind::Call { callee, args } => {
                let targets = facts.targets(expr).to_vec();
                if targets
                    .iter()
                    .any(|target| matches!(target, Callee::Sdk(Ty::SdkType(..) | Ty::Input(..), _)))
                {
                    self.found.insert((id, expr));
                    return;
                }
                let ours = self.callees(&targets);
                if ours.is_empty() {
                    for arg in args {
                        self.argument(id, *arg);
                    }
                    if targets.is_empty() {
                        self.walk(id, *callee);
                    }
                } else {
                    for callee in ours {
                        self.returns(callee);
                    }
                }
            }
            ExprKind::Path(_) => self.variable(id, facts, expr),
            ExprKind::Block { tail, .. } => {
                if let Some(tail) = tail {
                    self.walk(id, *tail);
                }
                for early in facts.inner_returns.get(&expr).cloned().unwrap_or_default() {
                    self.walk(id, early);
                }
            }
            ExprKind::If { then, els, .. } => {
                self.walk(id, *then);
                if let Some(els) = els {
                    self.walk(id, *els);
                }
            }
            ExprKind::Match { arms, .. } => {
                for (_, _, value) in arms {
                    self.walk(id, *value);
                }
            }
            ExprKind::Array(parts) | ExprKind::Tuple(parts) | ExprKind::AnyOf(parts) => {
                for part in parts {
                    self.walk(id, *part);
                }
            }
            ExprKind::Closure { body: inner, .. } => self.walk(id, *inner),
            ExprKind::Return(_)
            | ExprKind::Break(_)
            | ExprKind::Never(_)
            | ExprKind::Str(_)
            | ExprKind::Lit(_) => {}
            ExprKind::Field { base, name } => {
                // A builder kept in a struct: all reachable literals of the type.
                let Ty::Adt(adt, _) = facts.ty(*base) else {
                    self.complete = false;
                    return;
                };
                let literals = evaluator.literals.get(adt).cloned().unwrap_or_default();
                if literals.is_empty() {
                    self.complete = false;
                }
                for (home, literal) in literals {
                    let Some(body) = self.facts(home).and_then(|facts| facts.body.clone()) else {
                        continue;
                    };
                    match &body.expr(literal).kind {
                        ExprKind::Struct { fields, .. } => {
                            for (field, value) in fields {
                                if field == name {
                                    self.walk(home, *value);
                                }
                            }
                        }
                        ExprKind::Call { args, .. } => {
                            let part = name.parse::<usize>().ok().and_then(|at| args.get(at));
                            if let Some(part) = part {
                                self.walk(home, *part);
                            }
                        }
                        _ => {}
                    }
                }
                let assigned = evaluator.assigns.get(&(*adt, name.clone())).cloned();
                for (home, value) in assigned.unwrap_or_default() {
                    self.walk(home, value);
                }
            }
            _ => self.complete = false,
        }
    }

    /// An argument that may be or hold the builder.
    fn argument(&mut self, id: FnId, arg: ExprId) {
        let Some(facts) = self.evaluator.facts(id) else {
            return;
        };
        let holds = match facts.ty(arg) {
            Ty::Fluent(..) | Ty::Input(..) | Ty::SdkType(..) | Ty::Tuple(_) | Ty::SdkFn(..) => true,
            Ty::Closure(ret) => ret.is_interesting(),
            _ => false,
        };
        if holds {
            self.walk(id, arg);
        }
    }

    fn callees(&self, targets: &[Callee]) -> Vec<FnId> {
        targets
            .iter()
            .flat_map(|target| match target {
                Callee::Fn(id) => vec![*id],
                Callee::Virtual(of_trait, name) => self.evaluator.implementations(*of_trait, name),
                _ => Vec::new(),
            })
            .collect()
    }

    fn returns(&mut self, id: FnId) {
        let evaluator = self.evaluator;
        let Some(facts) = evaluator.facts(id) else {
            self.complete = false;
            return;
        };
        if let Some(body) = facts.body.as_deref() {
            self.walk(id, body.root);
        }
        for early in &facts.returns {
            self.walk(id, *early);
        }
    }

    fn variable(&mut self, id: FnId, facts: &Facts, expr: ExprId) {
        let Some(local) = facts.local(expr) else {
            if facts.targets(expr).is_empty() {
                self.complete = false;
            }
            return;
        };
        for source in &local.sources {
            match source {
                Source::Expr(value, _) => self.walk(id, *value),
                Source::Element(parts) => {
                    for part in parts {
                        self.argument(id, *part);
                    }
                }
                Source::Appended(..) | Source::Filled => {}
                Source::Param(position, _) => self.parameter(id, *position),
                Source::ClosureParam(closure, position, _) => {
                    self.closure_parameter(id, facts, *closure, *position);
                }
            }
        }
    }

    fn parameter(&mut self, id: FnId, position: usize) {
        let evaluator = self.evaluator;
        let callers = evaluator.reach.callers.get(&id).cloned().unwrap_or_default();
        if callers.is_empty() {
            self.complete = false;
        }
        let has_self = evaluator.scanned.world.fns[id].item.has_self;
        for (caller, call) in callers {
            let Some(body) = self.facts(caller).and_then(|facts| facts.body.clone()) else {
                self.complete = false;
                continue;
            };
            let arg = match &body.expr(call).kind {
                ExprKind::Call { args, .. } => args.get(position).copied(),
                ExprKind::Method { receiver, args, .. } if has_self => match position.checked_sub(1) {
                    None => Some(*receiver),
                    Some(position) => args.get(position).copied(),
                },
                ExprKind::Method { args, .. } => args.get(position).copied(),
                _ => {
                    // Handed on as a value: `.map(with_table)`.
                    let passed = self
                        .facts(caller)
                        .and_then(|facts| facts.passed.get(&call).copied());
                    passed.and_then(|passed| match &body.expr(passed.call).kind {
                        ExprKind::Method { receiver, .. } => Some(*receiver),
                        _ => None,
                    })
                }
            };
            match arg {
                Some(arg) => self.walk(caller, arg),
                None => self.complete = false,
            }
        }
    }

    fn closure_parameter(&mut self, id: FnId, facts: &Facts, closure: ExprId, position: usize) {
        let Some(body) = facts.body.clone() else {
            return;
        };
        let Some(passed) = facts.passed.get(&closure) else {
            self.complete = false;
            return;
        };
        match &body.expr(passed.call).kind {
            ExprKind::Method {
                receiver,
                method,
                args,
                ..
            } if self.callees(facts.targets(passed.call)).is_empty() => {
                if matches!(&**method, "fold" | "try_fold") && position == 0 {
                    if let Some(init) = args.first() {
                        self.walk(id, *init);
                    }
                } else {
                    self.walk(id, *receiver);
                }
            }
            _ => self.complete = false,
        }
    }
}
