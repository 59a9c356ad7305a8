//! Evaluation of expressions: literals, variables, calls, fields, branches.

use std::rc::Rc;

use crate::usage::Piece;

use super::eval_field::element;
use super::eval_json::json_members;
use super::eval_response::is_branch;
use super::facts::{Callee, Facts, Source};
use super::ir::{Body, ExprId, ExprKind, FormatPiece, Name, Span};
use super::types::Ty;
use super::value::{Evaluator, Frame, Value, Values, add, concat, limit, literal, unknown};
use super::world::FnId;

impl<'x> Evaluator<'x, '_> {
    pub(super) fn eval_kind(&mut self, frame: &Rc<Frame>, id: ExprId) -> Values {
        let Some(facts) = self.facts(frame.id) else {
            return unknown("its code is not read");
        };
        let Some(body) = facts.body.as_deref() else {
            return unknown("its code is not read");
        };
        let expr = body.expr(id);
        if let Ty::Response(sdk, op) = facts.ty(id)
            && !is_branch(&expr.kind)
        {
            return self.response(frame, facts, id, *sdk, op);
        }
        match &expr.kind {
            ExprKind::Str(text) => literal(text, expr.span),
            ExprKind::Lit(text) => match text.parse::<i128>() {
                Ok(number) => vec![Value::Number(number, expr.span)],
                Err(_) if text.contains(['.', 'e']) && text.starts_with(|c: char| c.is_ascii_digit()) => {
                    unknown("it is a fraction")
                }
                Err(_) => literal(text, expr.span),
            },
            ExprKind::CompileEnv(name) => unknown(format!("it is set at compile time (`env!(\"{name}\")`)")),
            ExprKind::Same(inner) | ExprKind::Cast(inner, _) => self.eval(frame, *inner),
            ExprKind::Format(pieces) => self.format(frame, pieces, expr.span),
            ExprKind::Add(left, right) => {
                self.sums += 1;
                let left = self.eval(frame, *left);
                let right = self.eval(frame, *right);
                self.sums -= 1;
                add(left, right, expr.span)
            }
            ExprKind::Path(_) => self.path(frame, facts, id),
            ExprKind::Call { callee, args } => self.call(frame, facts, body, id, *callee, args),
            ExprKind::Method { .. } => self.method(frame, facts, body, id),
            ExprKind::Field { base, name } => {
                let values = self.eval(frame, *base);
                self.field(values, facts.ty(*base), name)
            }
            ExprKind::Struct { .. } | ExprKind::Tuple(_) => {
                vec![Value::Object(frame.clone(), id)]
            }
            ExprKind::Array(parts) => self.union(frame, parts),
            ExprKind::Closure { .. } => vec![Value::Closure(frame.clone(), id)],
            ExprKind::Block { tail, .. } => {
                let mut values = match tail {
                    Some(tail) => self.eval(frame, *tail),
                    None => Vec::new(),
                };
                for early in facts.inner_returns.get(&id).into_iter().flatten() {
                    values.extend(self.eval(frame, *early));
                }
                values
            }
            ExprKind::If { cond, then, els } => {
                if let Some(values) = self.variable_or_else(frame, body, *cond, *then, *els) {
                    return values;
                }
                let mut values = self.eval(frame, *then);
                if let Some(els) = els {
                    values.extend(self.eval(frame, *els));
                }
                values
            }
            ExprKind::Match { scrutinee, arms } => {
                if let Some(values) = self.variable_or_other_arm(frame, body, *scrutinee, arms) {
                    return values;
                }
                let values: Vec<ExprId> = arms.iter().map(|arm| arm.2).collect();
                self.union(frame, &values)
            }
            ExprKind::Index(base, index) => {
                let values = self.eval(frame, *base);
                if values.contains(&Value::Environment) {
                    let names = self.eval(frame, *index);
                    return super::eval_config::env_values(&names, expr.span);
                }
                if values.iter().any(|value| matches!(value, Value::Json(_))) {
                    let keys = self.eval(frame, *index);
                    return json_members(values, &keys, false);
                }
                values
                    .into_iter()
                    .map(|value| match value {
                        Value::Event(path) => Value::Event(element(&path)),
                        other => other,
                    })
                    .collect()
            }
            ExprKind::AnyOf(parts) => match parts.as_slice() {
                [only] => self.eval(frame, *only),
                _ => unknown("it is made by a macro that is not known"),
            },
            ExprKind::Return(_) | ExprKind::Break(_) | ExprKind::Never(_) => Vec::new(),
            ExprKind::Loop { .. } => unknown("it is the result of a loop"),
            ExprKind::Opaque(_)
            | ExprKind::Equal(..)
            | ExprKind::Missing
            | ExprKind::Macro(_)
            | ExprKind::Let { .. }
            | ExprKind::For { .. }
            | ExprKind::Assign { .. } => unknown("it is computed in a way that is not followed"),
        }
    }

    pub(super) fn union(&mut self, frame: &Rc<Frame>, parts: &[ExprId]) -> Values {
        let mut values = Vec::new();
        for part in parts {
            values.extend(self.eval(frame, *part));
        }
        values
    }

    pub(super) fn format(&mut self, frame: &Rc<Frame>, pieces: &[FormatPiece], span: Span) -> Values {
        let parts: Vec<Values> = pieces
            .iter()
            .map(|piece| match piece {
                FormatPiece::Text(text) => literal(text, span),
                FormatPiece::Value(id) => {
                    let facts = self.facts(frame.id);
                    match facts.and_then(|facts| self.shown(frame, facts, *id)) {
                        Some(values) => values,
                        None => self.eval(frame, *id),
                    }
                }
                FormatPiece::Shown(_) => unknown("it is formatted in a way that is not followed"),
            })
            .collect();
        concat(&parts, span)
    }

    pub(super) fn path(&mut self, frame: &Rc<Frame>, facts: &'x Facts, id: ExprId) -> Values {
        if let Some(index) = facts.local_of.get(&id) {
            return self.local(frame, facts, *index);
        }
        let mut values = Vec::new();
        for target in facts.targets(id) {
            match target {
                Callee::Fn(found) if self.scanned.world.fns[*found].is_const => {
                    if let Some(inner) = self.enter(frame, id, *found) {
                        values.extend(self.returned(&inner));
                    }
                    for (home, put) in self.statics.get(found).cloned().unwrap_or_default() {
                        let home = Frame::any_caller(home);
                        let given = self.eval(&home, put);
                        if given.iter().any(|value| matches!(value, Value::Closure(..))) {
                            values.extend(self.apply(&home, put, &[], &given));
                        } else {
                            values.extend(given);
                        }
                    }
                }
                Callee::Fn(found) => values.push(Value::FnItem(*found)),
                Callee::Constructor(..) => values.push(Value::Object(frame.clone(), id)),
                Callee::Sdk(Ty::SdkType(..), name) => values.push(Value::Variant(name.clone())),
                Callee::Virtual(of_trait, name) => {
                    for found in self.implementations(*of_trait, name) {
                        if self.scanned.world.fns[found].is_const {
                            if let Some(inner) = self.enter(frame, id, found) {
                                values.extend(self.returned(&inner));
                            }
                        } else {
                            values.push(Value::FnItem(found));
                        }
                    }
                }
                Callee::External(path) if path.last().is_some_and(|last| &**last == "None") => {}
                _ => values.extend(unknown("it comes from code that is not read")),
            }
        }
        if facts.targets(id).is_empty() {
            return unknown("it names something that is not known");
        }
        values
    }

    /// Reached implementations of a trait's method.
    pub(super) fn implementations(&self, of_trait: super::world::TraitId, name: &Name) -> Vec<FnId> {
        let is_static = self.scanned.world.traits[of_trait]
            .fns
            .get(name)
            .is_some_and(|id| !self.scanned.world.fns[*id].item.has_self);
        let constructed = |ty: &Ty| match ty {
            Ty::Adt(id, _) => {
                self.reach.constructed.contains(id) || (is_static && self.reach.named.contains(id))
            }
            _ => true,
        };
        self.scanned
            .world
            .implementations(of_trait, name, &constructed)
            .into_iter()
            .collect()
    }

    /// Everything a fn returns.
    pub(super) fn returned(&mut self, frame: &Rc<Frame>) -> Values {
        let Some(facts) = self.facts(frame.id) else {
            return unknown("its code is not read");
        };
        let Some(body) = facts.body.as_deref() else {
            return unknown("it comes from a method without a body");
        };
        let mut values = self.eval(frame, body.root);
        for early in &facts.returns {
            values.extend(self.eval(frame, *early));
        }
        // `Err(…)` and `None` were dropped on the way; what is left is what the caller unwraps.
        values
    }

    pub(super) fn call(
        &mut self,
        frame: &Rc<Frame>,
        facts: &'x Facts,
        body: &'x Body,
        id: ExprId,
        callee: ExprId,
        args: &[ExprId],
    ) -> Values {
        let targets = facts.targets(id);
        if targets.is_empty() {
            let called = self.eval(frame, callee);
            if called
                .iter()
                .any(|value| matches!(value, Value::Closure(..) | Value::FnItem(_)))
            {
                return self.apply(frame, id, args, &called);
            }
            if let Ty::Adt(adt, _) = facts.ty(id) {
                return vec![Value::Instance(*adt)];
            }
            if let ExprKind::Path(path) = &body.expr(body.peel(callee)).kind {
                return self.outside(frame, facts, id, path.last_name(), &[], args);
            }
            return unknown("it comes from a call that is not followed");
        }
        let mut values = Vec::new();
        for target in targets {
            match target {
                Callee::Fn(found) => values.extend(self.call_fn(frame, id, *found)),
                Callee::Virtual(of_trait, name) => {
                    for found in self.implementations(*of_trait, name) {
                        values.extend(self.call_fn(frame, id, found));
                    }
                }
                Callee::Constructor(..) => values.push(Value::Object(frame.clone(), id)),
                Callee::External(path) => {
                    let last = path.last().map_or("", |last| last);
                    values.extend(self.outside(frame, facts, id, last, path, args));
                }
                Callee::Sdk(ty, name) => values.extend(self.sdk_value(frame, id, ty, name, args)),
                Callee::Weak(..) => values.extend(unknown("it comes from a call that is not known")),
            }
        }
        values
    }

    pub(super) fn call_fn(&mut self, frame: &Rc<Frame>, call: ExprId, found: FnId) -> Values {
        match self.enter(frame, call, found) {
            Some(inner) => self.returned(&inner),
            None => unknown("it is passed through too many calls"),
        }
    }

    pub(super) fn sdk_value(
        &mut self,
        frame: &Rc<Frame>,
        id: ExprId,
        ty: &Ty,
        name: &Name,
        args: &[ExprId],
    ) -> Values {
        match (ty, &**name, args) {
            (Ty::SdkType(..) | Ty::Input(..), "builder" | "default", []) => {
                vec![Value::Built(frame.id, id)]
            }
            (Ty::SdkType(..), "from", [arg]) => self.eval(frame, *arg),
            _ => unknown("it comes from the SDK"),
        }
    }

    /// Calls closures and fns as values.
    pub(super) fn apply(
        &mut self,
        frame: &Rc<Frame>,
        call: ExprId,
        args: &[ExprId],
        called: &Values,
    ) -> Values {
        let mut values = Vec::new();
        for value in called {
            match value {
                Value::Closure(home, closure) => {
                    values.extend(self.closure_result(home, *closure, frame, args));
                }
                Value::FnItem(found) => values.extend(self.call_fn(frame, call, *found)),
                _ => {}
            }
        }
        values
    }

    /// What a closure gives for arguments that stand in `frame`.
    pub(super) fn closure_result(
        &mut self,
        home: &Rc<Frame>,
        closure: ExprId,
        frame: &Rc<Frame>,
        args: &[ExprId],
    ) -> Values {
        let Some(facts) = self.facts(home.id) else {
            return Vec::new();
        };
        let Some(body) = facts.body.as_deref() else {
            return Vec::new();
        };
        let ExprKind::Closure { body: inner, .. } = &body.expr(closure).kind else {
            return Vec::new();
        };
        let entered = Rc::new(Frame {
            id: home.id,
            call: home.call.clone(),
            closure: Some((closure, frame.clone(), args.to_vec())),
            depth: home.depth,
        });
        let mut values = self.eval(&entered, *inner);
        for early in facts.inner_returns.get(&closure).into_iter().flatten() {
            values.extend(self.eval(&entered, *early));
        }
        values
    }

    /// A variable.
    pub(super) fn local(&mut self, frame: &Rc<Frame>, facts: &'x Facts, index: u32) -> Values {
        let Some(local) = facts.locals.get(index as usize) else {
            return unknown("it is not known");
        };
        let mut values = Vec::new();
        let mut appended: Vec<Values> = Vec::new();
        for (number, source) in local.sources.iter().enumerate() {
            // `req = req.limit(1)`: the variable's other values count, not this one again.
            let key = (frame.id, index, number);
            let active = self.active_locals.iter().find(|(active, _)| *active == key);
            if let Some((_, depth)) = active {
                self.cut_by(*depth);
                // `n = n + 1`: how often is not known.
                if self.sums > 0 {
                    values.extend(unknown("it is computed from its own value"));
                }
                continue;
            }
            self.active_locals.push((key, self.depth));
            match source {
                Source::Expr(expr, projs) => {
                    let found = self.eval(frame, *expr);
                    values.extend(self.project(found, projs, facts.ty(*expr)));
                }
                Source::Param(position, projs) => {
                    let found = self.param(frame, *position);
                    let ty = self.scanned.world.fns[frame.id].params.get(*position);
                    let ty = ty.cloned().unwrap_or_default();
                    values.extend(self.project(found, projs, &ty));
                }
                Source::ClosureParam(closure, position, projs) => {
                    let found = self.closure_param(frame, facts, *closure, *position);
                    values.extend(self.project(found, projs, &local.ty));
                }
                Source::Element(parts) => {
                    if let ([key, _], true) = (parts.as_slice(), self.asks_keys) {
                        self.asks_keys = false;
                        values.extend(self.eval(frame, *key));
                        self.asks_keys = true;
                    } else if let Some(last) = parts.last() {
                        values.extend(self.eval(frame, *last));
                    }
                }
                Source::Entry(key) => {
                    if self.asks_keys {
                        self.asks_keys = false;
                        values.extend(self.eval(frame, *key));
                        self.asks_keys = true;
                    }
                }
                Source::Filled => values.extend(unknown("other code writes into it")),
                Source::Appended(expr, true) => appended.push(self.eval(frame, *expr)),
                Source::Appended(_, false) => {
                    appended.push(unknown("text is added to it under conditions"));
                }
            }
            self.active_locals.pop();
        }
        if !appended.is_empty() {
            let span = Span::default();
            values = appended
                .into_iter()
                .fold(limit(values), |sum, part| add(sum, part, span))
                .into_iter()
                .map(|value| match value {
                    Value::Text(pieces, Some(origin)) if origin == span => Value::Text(pieces, None),
                    other => other,
                })
                .collect();
        }
        limit(values)
    }
}

/// An environment variable as a value.
pub(super) fn env(variable: &str, default: Option<String>, span: Span) -> Value {
    Value::Text(
        vec![Piece::Env {
            variable: variable.to_owned(),
            default,
        }],
        Some(span),
    )
}
