//! Evaluation across fns: parameters, closures' parameters, the entry's event.

use std::rc::Rc;

use super::eval_field::element;
use super::facts::{Callee, Facts, Source};
use super::ir::{ExprId, ExprKind, Name};
use super::types::Ty;
use super::value::{Evaluator, Frame, Value, Values, unknown};
use super::world::FnId;

/// How the names of crates begin that run handlers on Lambda.
const LAMBDA_RUNTIMES: &[&str] = &["lambda", "netlify_lambda", "vercel_runtime", "vercel_lambda"];
/// Callers of one fn that are all followed.
const MAX_CALLERS: usize = 16;

impl<'x> Evaluator<'x, '_> {
    /// A parameter: the argument of the call that led here, else those of all reachable callers.
    pub(super) fn param(&mut self, frame: &Rc<Frame>, position: usize) -> Values {
        if let Some(values) = self.shown_self(frame, position) {
            return values;
        }
        if let Some((caller, call)) = frame.call.clone() {
            return self.argument(&caller, call, frame.id, position);
        }
        let callers = self.reach.callers.get(&frame.id).cloned().unwrap_or_default();
        if callers.len() > MAX_CALLERS {
            return unknown("its fn is called from too many places");
        }
        let mut values = Vec::new();
        for (caller, call) in &callers {
            let caller = Frame::any_caller(*caller);
            values.extend(self.argument(&caller, *call, frame.id, position));
        }
        if callers.is_empty() || self.called_from_outside(frame.id) {
            values.extend(self.outside_argument(frame.id, position));
        }
        if self.reach.weak_targets.contains(&frame.id) {
            values.extend(unknown("its fn may also be called on a receiver of unknown type"));
        }
        values
    }

    /// Methods of other crates' traits: `into()` and frameworks call them without a call that can be seen.
    fn called_from_outside(&self, id: FnId) -> bool {
        match self.scanned.world.fns[id].owner {
            super::world::Owner::Impl(owner) => self.scanned.world.impls[owner].external_trait.is_some(),
            _ => false,
        }
    }

    /// The argument at `position` of a call of `callee`, or of a mention of it as a value.
    fn argument(&mut self, caller: &Rc<Frame>, call: ExprId, callee: FnId, position: usize) -> Values {
        let Some(facts) = self.facts(caller.id) else {
            return unknown("its caller is not read");
        };
        let Some(body) = facts.body.as_deref() else {
            return unknown("its caller is not read");
        };
        let has_self = self.scanned.world.fns[callee].item.has_self;
        let arg = match &body.expr(call).kind {
            ExprKind::Call { args, .. } => args.get(position).copied(),
            ExprKind::Method { receiver, args, .. } if has_self => match position.checked_sub(1) {
                None => Some(*receiver),
                Some(position) => args.get(position).copied(),
            },
            ExprKind::Method { args, .. } => args.get(position).copied(),
            ExprKind::Path(_) => return self.handed_on(caller, facts, call, callee, position),
            _ => None,
        };
        match arg {
            Some(arg) => {
                let values = self.eval(caller, arg);
                if has_self && position == 0 {
                    return self.only_self(values, callee);
                }
                values
            }
            None => unknown("it is a parameter that is not followed"),
        }
    }

    /// Objects of other types than the method's `Self` do not get into it.
    pub(super) fn only_self(&self, values: Values, callee: FnId) -> Values {
        let super::world::Owner::Impl(owner) = self.scanned.world.fns[callee].owner else {
            return values;
        };
        let Ty::Adt(own, _) = &self.scanned.world.impls[owner].self_ty else {
            return values;
        };
        let kept: Values = values
            .iter()
            .filter(|value| match value {
                Value::Object(frame, expr) => self
                    .facts(frame.id)
                    .and_then(|facts| facts.literals.iter().find(|(_, _, found)| found == expr))
                    .is_none_or(|(adt, ..)| adt == own),
                // Of several types behind one trait.
                Value::Instance(adt) => adt == own,
                _ => true,
            })
            .cloned()
            .collect();
        if kept.is_empty() && !values.is_empty() {
            return vec![Value::Instance(*own)];
        }
        kept
    }

    /// A fn that is handed on as a value: who calls it decides what its parameters get.
    fn handed_on(
        &mut self,
        caller: &Rc<Frame>,
        facts: &'x Facts,
        mention: ExprId,
        callee: FnId,
        position: usize,
    ) -> Values {
        let Some(passed) = facts.passed.get(&mention).copied() else {
            return self.outside_argument(callee, position);
        };
        self.given_by(caller, facts, passed.call, passed.index, position)
            .unwrap_or_else(|| self.outside_argument(callee, position))
    }

    /// What the receiver of a fn value gives as its argument at `position`. `None` if that is not known.
    fn given_by(
        &mut self,
        caller: &Rc<Frame>,
        facts: &'x Facts,
        call: ExprId,
        index: usize,
        position: usize,
    ) -> Option<Values> {
        let body = facts.body.as_deref()?;
        let targets = facts.targets(call).to_vec();
        let ours: Vec<FnId> = targets
            .iter()
            .flat_map(|target| match target {
                Callee::Fn(id) => vec![*id],
                Callee::Virtual(of_trait, name) => self.implementations(*of_trait, name),
                _ => Vec::new(),
            })
            .collect();
        if !ours.is_empty() {
            let mut values = Vec::new();
            for id in ours {
                values.extend(self.called_inside(caller, call, id, index, position));
            }
            return Some(values);
        }
        match &body.expr(call).kind {
            ExprKind::Method {
                receiver,
                method,
                args,
                ..
            } => {
                let folding = matches!(&**method, "fold" | "try_fold");
                match (folding, position) {
                    (true, 0) => args.first().map(|init| self.eval(caller, *init)),
                    (true, 1) | (false, 0) => {
                        let values = self.eval(caller, *receiver);
                        Some(
                            values
                                .into_iter()
                                .map(|value| match value {
                                    Value::Event(path) if iterates(method) => Value::Event(element(&path)),
                                    other => other,
                                })
                                .collect(),
                        )
                    }
                    _ => None,
                }
            }
            ExprKind::Call { .. } => {
                let is_service = targets.iter().any(|target| match target {
                    Callee::External(path) => runs_handlers(path, facts),
                    _ => false,
                });
                (is_service && position == 0).then(|| vec![Value::Event(String::new())])
            }
            _ => None,
        }
    }

    /// Calls of the fn parameter number `index` inside `id`: what they pass at `position`.
    fn called_inside(
        &mut self,
        caller: &Rc<Frame>,
        call: ExprId,
        id: FnId,
        index: usize,
        position: usize,
    ) -> Values {
        let Some(inner) = self.enter(caller, call, id) else {
            return unknown("it is passed through too many calls");
        };
        let Some(facts) = self.facts(id) else {
            return unknown("its code is not read");
        };
        let Some(body) = facts.body.as_deref() else {
            return unknown("its code is not read");
        };
        let offset = usize::from(
            self.scanned.world.fns[id].item.has_self && facts_call_is_method(self.facts(caller.id), call),
        );
        let mut values = Vec::new();
        for (at, expr) in body.exprs.iter().enumerate() {
            let ExprKind::Call { callee, args } = &expr.kind else {
                continue;
            };
            let callee = body.peel(*callee);
            let is_param = facts.local(callee).is_some_and(|local| {
                local.sources.iter().any(
                    |source| matches!(source, Source::Param(p, projs) if *p == index + offset && projs.is_empty()),
                )
            });
            let _ = at;
            if is_param && let Some(arg) = args.get(position) {
                values.extend(self.eval(&inner, *arg));
            }
        }
        if values.is_empty() {
            return unknown("it is given by a fn that is not followed");
        }
        values
    }

    /// A parameter of a closure.
    pub(super) fn closure_param(
        &mut self,
        frame: &Rc<Frame>,
        facts: &'x Facts,
        closure: ExprId,
        position: usize,
    ) -> Values {
        if let Some((entered, home, args)) = frame.closure.clone()
            && entered == closure
        {
            return match args.get(position) {
                Some(arg) => self.eval(&home, *arg),
                None => unknown("it is a parameter that is not followed"),
            };
        }
        let plain = Rc::new(Frame {
            id: frame.id,
            call: frame.call.clone(),
            closure: None,
            depth: frame.depth,
        });
        if let Some(passed) = facts.passed.get(&closure).copied()
            && let Some(values) = self.given_by(&plain, facts, passed.call, passed.index, position)
        {
            return values;
        }
        // Bound to a variable first: where the variable goes.
        let mut values = Vec::new();
        let Some(body) = facts.body.as_deref() else {
            return values;
        };
        let mut uses: Vec<ExprId> = facts
            .local_of
            .iter()
            .filter(|(_, index)| {
                facts.locals.get(**index as usize).is_some_and(|local| {
                    local.sources.iter().any(|source| match source {
                        Source::Expr(expr, projs) => projs.is_empty() && body.peel(*expr) == closure,
                        _ => false,
                    })
                })
            })
            .map(|(expr, _)| *expr)
            .collect();
        uses.sort();
        for used in uses {
            if let Some(passed) = facts.passed.get(&used).copied()
                && let Some(found) = self.given_by(&plain, facts, passed.call, passed.index, position)
            {
                values.extend(found);
            }
            for (at, expr) in body.exprs.iter().enumerate() {
                let ExprKind::Call { callee, args } = &expr.kind else {
                    continue;
                };
                let _ = at;
                if body.peel(*callee) == used
                    && let Some(arg) = args.get(position)
                {
                    values.extend(self.eval(&plain, *arg));
                }
            }
        }
        if values.is_empty() {
            return unknown("it is a parameter of a closure that is called elsewhere");
        }
        values
    }

    /// A parameter that code outside the scan fills.
    fn outside_argument(&self, id: FnId, position: usize) -> Values {
        let data = &self.scanned.world.fns[id];
        match data.params.get(position) {
            Some(Ty::Adt(adt, _)) => vec![Value::Instance(*adt)],
            _ => {
                let name = self.scanned.world.display(id);
                unknown(format!("it is a parameter of `{name}`, which other code calls"))
            }
        }
    }
}

fn facts_call_is_method(facts: Option<&Facts>, call: ExprId) -> bool {
    facts
        .and_then(|facts| facts.body.as_deref())
        .is_some_and(|body| matches!(body.expr(call).kind, ExprKind::Method { .. }))
}

/// Whether a fn of another crate has its argument called with the event that triggers the function. A service of Tower
/// is a handler where the same fn runs it on Lambda; elsewhere the program itself calls it.
fn runs_handlers(path: &[Name], facts: &Facts) -> bool {
    let takes_handler = path.last().is_some_and(|last| {
        matches!(
            &**last,
            "service_fn"
                | "run"
                | "run_concurrent"
                | "handler_fn"
                | "service_fn_ok"
                | "run_with_streaming_response"
        )
    });
    let of_lambda = |path: &[Name]| {
        path.first()
            .is_some_and(|first| LAMBDA_RUNTIMES.iter().any(|name| first.starts_with(name)))
    };
    let in_lambda = || {
        facts.targets.values().flatten().any(|target| match target {
            Callee::External(path) => of_lambda(path),
            _ => false,
        })
    };
    let of_tower = path.first().is_some_and(|first| first.starts_with("tower"));
    takes_handler && (of_lambda(path) || path.len() == 1 || (of_tower && in_lambda()))
}

/// Methods that go over elements.
fn iterates(method: &str) -> bool {
    matches!(
        method,
        "map" | "for_each" | "filter_map" | "flat_map" | "and_then" | "then" | "try_for_each" | "fold"
    ) && method != "and_then"
        && method != "then"
}
