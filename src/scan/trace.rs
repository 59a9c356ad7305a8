//! Tracing a builder back to the expressions that make it: through chains, variables, parameters, fields and returns.

use std::collections::{BTreeMap, BTreeSet};

use super::facts::{Callee, Facts, Proj, Source};
use super::inputs::Origin;
use super::ir::{ExprId, ExprKind};
use super::types::Ty;
use super::value::Evaluator;
use super::world::{AdtId, FnId};

/// Walks from a setter back to where the builders that it is called on are made.
pub(super) struct Trace<'e, 'x, 'a> {
    evaluator: &'e Evaluator<'x, 'a>,
    visited: BTreeSet<(FnId, ExprId, Option<ExprId>, bool)>,
    /// The builders, and whether the setter is called on each on some paths only.
    pub(super) found: BTreeMap<Origin, bool>,
    /// Whether every builder is found.
    pub(super) complete: bool,
    /// The setter, or the call that leads to it, in the body being walked.
    anchor: Option<ExprId>,
    /// Whether what lies between here and the setter happens on some paths only.
    sometimes: bool,
}

impl<'e, 'x, 'a> Trace<'e, 'x, 'a> {
    /// Walks back from `builder`, which `setter` of the same fn is called on.
    pub(super) fn of(evaluator: &'e Evaluator<'x, 'a>, id: FnId, setter: ExprId, builder: ExprId) -> Self {
        let mut trace = Self {
            evaluator,
            visited: BTreeSet::new(),
            found: BTreeMap::new(),
            complete: true,
            anchor: Some(setter),
            sometimes: false,
        };
        trace.walk(id, builder);
        trace
    }
}

impl Trace<'_, '_, '_> {
    /// Notes that a builder is made by `expr`.
    fn made(&mut self, id: FnId, expr: ExprId) {
        let sometimes = self.sometimes || self.leaves_region(id, Some(expr));
        self.found
            .entry((id, expr))
            .and_modify(|known| *known &= sometimes)
            .or_insert(sometimes);
    }

    /// Whether the anchor stands in a conditional region that `other` (or the caller, for none) does not stand in.
    fn leaves_region(&self, id: FnId, other: Option<ExprId>) -> bool {
        let Some(anchor) = self.anchor else {
            return false;
        };
        let regions = self.evaluator.regions(id);
        regions
            .innermost(anchor)
            .is_some_and(|region| other.is_none_or(|other| !regions.is_in(other, region)))
    }

    /// Walks with another anchor, and perhaps on some paths only.
    fn elsewhere(&mut self, anchor: Option<ExprId>, sometimes: bool, walk: impl FnOnce(&mut Self)) {
        let before = (self.anchor, self.sometimes);
        self.anchor = anchor;
        self.sometimes |= sometimes;
        walk(self);
        (self.anchor, self.sometimes) = before;
    }

    fn facts(&self, id: FnId) -> Option<&Facts> {
        self.evaluator.facts(id)
    }

    fn walk(&mut self, id: FnId, expr: ExprId) {
        let surely = (id, expr, self.anchor, false);
        if self.visited.contains(&surely) || !self.visited.insert((id, expr, self.anchor, self.sometimes)) {
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
            self.made(id, expr);
            return;
        }
        match &body.expr(expr).kind {
            ExprKind::Same(inner) | ExprKind::Cast(inner, _) | ExprKind::Index(inner, _) => {
                self.walk(id, *inner);
            }
            ExprKind::Method {
                receiver,
                method,
                args,
                ..
            } => {
                let targets = facts.targets(expr).to_vec();
                let ours = self.callees(&targets);
                if ours.is_empty() {
                    let on_builder = matches!(
                        facts.ty(*receiver),
                        Ty::Fluent(..) | Ty::Input(..) | Ty::SdkType(..)
                    );
                    // Of a copy, the other copies know nothing.
                    let copied = on_builder && &**method == "clone";
                    self.elsewhere(self.anchor, copied, |trace| trace.walk(id, *receiver));
                    if !on_builder {
                        // `opt.map(|v| builder.x(v))`, `iter.fold(builder, |b, x| …)`.
                        for arg in args {
                            self.argument(id, *arg);
                        }
                    }
                } else {
                    for callee in ours {
                        self.returns(id, expr, callee);
                    }
                }
            }
            ExprKind::Call { callee, args } => {
                let targets = facts.targets(expr).to_vec();
                if targets
                    .iter()
                    .any(|target| matches!(target, Callee::Sdk(Ty::SdkType(..) | Ty::Input(..), _)))
                {
                    self.made(id, expr);
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
                        self.returns(id, expr, callee);
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
                let Ty::Adt(adt, _) = facts.ty(*base) else {
                    self.complete = false;
                    return;
                };
                let (adt, name) = (*adt, name.clone());
                self.kept(adt, &name);
            }
            _ => self.complete = false,
        }
    }

    /// A builder kept in a field of a type: all reachable literals tell.
    fn kept(&mut self, adt: AdtId, name: &str) {
        let literals = self.evaluator.literals.get(&adt).cloned().unwrap_or_default();
        if literals.is_empty() {
            self.complete = false;
        }
        // Whoever has the struct may send its builder without the setter.
        let before = (self.anchor.take(), std::mem::replace(&mut self.sometimes, true));
        for (home, literal) in literals {
            let Some(body) = self.facts(home).and_then(|facts| facts.body.clone()) else {
                continue;
            };
            match &body.expr(literal).kind {
                ExprKind::Struct { fields, .. } => {
                    for (field, value) in fields {
                        if &**field == name {
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
        let assigned = self.evaluator.assigns.get(&(adt, name.into())).cloned();
        for (home, value) in assigned.unwrap_or_default() {
            self.walk(home, value);
        }
        (self.anchor, self.sometimes) = before;
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

    /// What a call of our fn gives.
    fn returns(&mut self, caller: FnId, call: ExprId, id: FnId) {
        // Other callers get the builder without the setter.
        let shared = self
            .evaluator
            .reach
            .callers
            .get(&id)
            .is_some_and(|callers| callers.len() > 1);
        let sometimes = shared || self.leaves_region(caller, Some(call));
        self.elsewhere(None, sometimes, |trace| trace.returned(id));
    }

    fn returned(&mut self, id: FnId) {
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
                Source::Expr(value, projs) => match (projs.as_slice(), facts.ty(*value)) {
                    ([.., Proj::Variant(adt, _, name)], _) | ([Proj::Field(name)], Ty::Adt(adt, _)) => {
                        self.kept(*adt, name);
                    }
                    _ => self.walk(id, *value),
                },
                Source::Element(parts) => {
                    for part in parts {
                        self.argument(id, *part);
                    }
                }
                Source::Entry(_) | Source::Appended(..) | Source::Filled => {}
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
        let here = self.leaves_region(id, None);
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
            // One of several impls, or a fn handed to `map`: it need not be called.
            let targets = self.facts(caller).map_or(&[][..], |facts| facts.targets(call));
            let one_of = self.callees(targets).len() > 1 || matches!(body.expr(call).kind, ExprKind::Path(_));
            match arg {
                Some(arg) => {
                    self.elsewhere(Some(call), here || one_of, |trace| trace.walk(caller, arg));
                }
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
