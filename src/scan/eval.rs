//! Evaluation of expressions: literals, variables, calls, fields, branches.

use std::rc::Rc;

use crate::usage::Piece;

use super::facts::{Callee, Facts, Proj, Source};
use super::ir::{Body, ExprId, ExprKind, FormatPiece, Name, Span};
use super::types::Ty;
use super::value::{Evaluator, Frame, Value, Values, concat, limit, literal, unknown};
use super::world::{AdtId, FnId};

impl<'x> Evaluator<'x, '_> {
    pub(super) fn eval_kind(&mut self, frame: &Rc<Frame>, id: ExprId) -> Values {
        let Some(facts) = self.facts(frame.id) else {
            return unknown("its code is not read");
        };
        let Some(body) = facts.body.as_deref() else {
            return unknown("its code is not read");
        };
        let expr = body.expr(id);
        if let Ty::Response(sdk, op) = facts.ty(id) {
            return self.response(*sdk, op);
        }
        match &expr.kind {
            ExprKind::Str(text) | ExprKind::Lit(text) => literal(text, expr.span),
            ExprKind::CompileEnv(name) => unknown(format!("it is set at compile time (`env!(\"{name}\")`)")),
            ExprKind::Same(inner) | ExprKind::Cast(inner, _) => self.eval(frame, *inner),
            ExprKind::Format(pieces) => self.format(frame, pieces, expr.span),
            ExprKind::Add(left, right) => {
                let left = self.eval(frame, *left);
                let right = self.eval(frame, *right);
                concat(&[left, right], expr.span)
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
            ExprKind::If { then, els, .. } => {
                let mut values = self.eval(frame, *then);
                if let Some(els) = els {
                    values.extend(self.eval(frame, *els));
                }
                values
            }
            ExprKind::Match { arms, .. } => {
                let values: Vec<ExprId> = arms.iter().map(|arm| arm.2).collect();
                self.union(frame, &values)
            }
            ExprKind::Index(base, _) => {
                let values = self.eval(frame, *base);
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

    fn format(&mut self, frame: &Rc<Frame>, pieces: &[FormatPiece], span: Span) -> Values {
        let parts: Vec<Values> = pieces
            .iter()
            .map(|piece| match piece {
                FormatPiece::Text(text) => literal(text, span),
                FormatPiece::Value(id) => self.eval(frame, *id),
                FormatPiece::Shown(_) => unknown("it is formatted in a way that is not followed"),
            })
            .collect();
        concat(&parts, span)
    }

    fn path(&mut self, frame: &Rc<Frame>, facts: &'x Facts, id: ExprId) -> Values {
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

    fn call(
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

    fn sdk_value(&mut self, frame: &Rc<Frame>, id: ExprId, ty: &Ty, name: &Name, args: &[ExprId]) -> Values {
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
    fn local(&mut self, frame: &Rc<Frame>, facts: &'x Facts, index: u32) -> Values {
        let Some(local) = facts.locals.get(index as usize) else {
            return unknown("it is not known");
        };
        let mut values = Vec::new();
        let mut appended: Vec<Values> = Vec::new();
        for (number, source) in local.sources.iter().enumerate() {
            // `req = req.limit(1)`: the variable's other values count, not this one again.
            let key = (frame.id, index, number);
            if self.active_locals.contains(&key) {
                continue;
            }
            self.active_locals.push(key);
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
                    if let Some(last) = parts.last() {
                        values.extend(self.eval(frame, *last));
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
            let mut parts = vec![limit(values)];
            parts.extend(appended);
            let span = Span::default();
            values = concat(&parts, span)
                .into_iter()
                .map(|value| match value {
                    Value::Text(pieces, Some(origin)) if origin == span => Value::Text(pieces, None),
                    other => other,
                })
                .collect();
        }
        limit(values)
    }

    /// Parts of values, step by step.
    pub(super) fn project(&mut self, values: Values, projs: &[Proj], ty: &Ty) -> Values {
        let mut values = values;
        let mut ty = ty.clone();
        for proj in projs {
            values = match proj {
                Proj::Field(name) => self.field(values, &ty, name),
                Proj::Tuple(index) => self.tuple_part(values, *index),
                Proj::Variant(adt, variant, name) => self.variant_part(values, *adt, *variant, name),
            };
            ty = Ty::Unknown;
        }
        values
    }

    fn tuple_part(&mut self, values: Values, index: usize) -> Values {
        let mut out = Vec::new();
        for value in values {
            match value {
                Value::Object(frame, expr) => {
                    let part = self.facts(frame.id).and_then(|facts| {
                        let body = facts.body.as_deref()?;
                        match &body.expr(expr).kind {
                            ExprKind::Tuple(parts) => parts.get(index).copied(),
                            ExprKind::Call { args, .. } => args.get(index).copied(),
                            _ => None,
                        }
                    });
                    match part {
                        Some(part) => out.extend(self.eval(&frame, part)),
                        None => out.extend(unknown("it is part of a value that is not known")),
                    }
                }
                // `event.into_parts()`: payload and context.
                Value::Event(path) if index == 0 || !path.is_empty() => out.push(Value::Event(path)),
                // `enumerate()`, pairs of maps: the second part is the element.
                Value::Text(..) if index == 1 => out.push(value),
                Value::Unknown(reason) => out.push(Value::Unknown(reason)),
                _ => out.extend(unknown("it is part of a value that is not known")),
            }
        }
        out
    }

    fn variant_part(&mut self, values: Values, adt: AdtId, variant: u32, name: &str) -> Values {
        let mut out = Vec::new();
        for value in values {
            match value {
                Value::Object(frame, expr) => {
                    // Only literals of this variant can match the pattern.
                    let same = self.facts(frame.id).is_some_and(|facts| {
                        facts
                            .literals
                            .iter()
                            .any(|(a, v, e)| *a == adt && *v == variant && *e == expr)
                    });
                    if same {
                        out.extend(self.object_field(&frame, expr, adt, name));
                    }
                }
                Value::Event(path) => out.push(Value::Event(self.event_field(&path, adt, name))),
                _ => out.extend(self.field_of_type(adt, Some(variant), name)),
            }
        }
        out
    }

    /// `base.name` for the values of `base`.
    pub(super) fn field(&mut self, values: Values, ty: &Ty, name: &str) -> Values {
        let mut out = Vec::new();
        let adt = match ty {
            Ty::Adt(id, _) => Some(*id),
            _ => None,
        };
        let nothing = values.is_empty();
        for value in values {
            match value {
                Value::Object(frame, expr) => {
                    let own = self.literal_type(&frame, expr);
                    match own.or(adt) {
                        Some(own) => out.extend(self.object_field(&frame, expr, own, name)),
                        None => match name.parse::<usize>() {
                            Ok(index) => {
                                out.extend(self.tuple_part(vec![Value::Object(frame, expr)], index));
                            }
                            Err(_) => out.extend(unknown("it is a field that is not known")),
                        },
                    }
                }
                Value::Event(path) => match adt {
                    Some(adt) => out.push(Value::Event(self.event_field(&path, adt, name))),
                    None => out.push(Value::Event(outside_event_field(&path, name))),
                },
                Value::Instance(own) => out.extend(self.field_of_type(own, None, name)),
                Value::Unknown(reason) => match adt {
                    Some(adt) => out.extend(self.field_of_type(adt, None, name)),
                    None => out.push(Value::Unknown(reason)),
                },
                other => match adt {
                    Some(adt) => out.extend(self.field_of_type(adt, None, name)),
                    // `.0` of an erased newtype.
                    None if name == "0" => out.push(other),
                    None => out.extend(unknown("it is a field of a value that is not known")),
                },
            }
        }
        if nothing && let Some(adt) = adt {
            return self.field_of_type(adt, None, name);
        }
        out
    }

    fn literal_type(&self, frame: &Frame, expr: ExprId) -> Option<AdtId> {
        self.facts(frame.id)?
            .literals
            .iter()
            .find(|(_, _, found)| *found == expr)
            .map(|(adt, ..)| *adt)
    }

    /// A field of a literal, and what is assigned to that field anywhere.
    fn object_field(&mut self, frame: &Rc<Frame>, expr: ExprId, adt: AdtId, name: &str) -> Values {
        let mut values = self.assigned(adt, name);
        let Some(body) = self.facts(frame.id).and_then(|facts| facts.body.as_deref()) else {
            return values;
        };
        match &body.expr(expr).kind {
            ExprKind::Struct { fields, base, .. } => {
                let given = fields.iter().find(|(field, _)| &**field == name);
                match (given, base) {
                    (Some((_, value)), _) => values.extend(self.eval(frame, *value)),
                    (None, Some(base)) => {
                        let base = self.eval(frame, *base);
                        values.extend(self.field(base, &Ty::Adt(adt, [].into()), name));
                    }
                    (None, None) => {
                        // A newtype around it, or a field behind `Deref`.
                        values.extend(self.behind_deref(frame, adt, expr, name));
                    }
                }
            }
            ExprKind::Call { args, .. } => {
                let part = name.parse::<usize>().ok().and_then(|index| args.get(index));
                match part {
                    Some(part) => values.extend(self.eval(frame, *part)),
                    None => values.extend(self.behind_deref(frame, adt, expr, name)),
                }
            }
            _ => {}
        }
        values
    }

    /// `wrapper.name` where the field is in the target of the wrapper's `Deref`.
    fn behind_deref(&mut self, frame: &Rc<Frame>, adt: AdtId, expr: ExprId, name: &str) -> Values {
        let ty = Ty::Adt(adt, [].into());
        let Some(target) = self.scanned.world.deref_target(&ty) else {
            return unknown("it is a field that is not set here");
        };
        let Some(body) = self.facts(frame.id).and_then(|facts| facts.body.as_deref()) else {
            return unknown("it is a field that is not set here");
        };
        let inner: Vec<ExprId> = match &body.expr(expr).kind {
            ExprKind::Struct { fields, .. } => fields.iter().map(|(_, value)| *value).collect(),
            ExprKind::Call { args, .. } => args.clone(),
            _ => Vec::new(),
        };
        let values = self.union(frame, &inner);
        self.field(values, &target, name)
    }

    fn assigned(&mut self, adt: AdtId, name: &str) -> Values {
        let key: (AdtId, Name) = (adt, Name::from(name));
        let mut values = Vec::new();
        if self.filled.contains(&key) {
            values.extend(unknown("other code writes into it"));
        }
        let typed = self.assigns.get(&key).cloned().unwrap_or_default();
        let loose = self.loose_assigns.get(&key.1).cloned().unwrap_or_default();
        for (id, expr) in typed.into_iter().chain(loose) {
            values.extend(self.eval(&Frame::any_caller(id), expr));
        }
        values
    }

    /// A field of some instance of a type: every reachable literal, and what is known of how it is filled.
    pub(super) fn field_of_type(&mut self, adt: AdtId, variant: Option<u32>, name: &str) -> Values {
        if let Some(values) = self.configured(adt, name) {
            return values;
        }
        let found = self.literals.get(&adt).cloned().unwrap_or_default();
        if found.len() > 24 {
            return unknown("its type is constructed in too many places");
        }
        let key = (adt, variant, name.to_owned());
        if !self.active_fields.insert(key.clone()) {
            // `Self { x, ..self }`: the other literals tell.
            return Vec::new();
        }
        let mut values = self.assigned(adt, name);
        for (id, expr) in found {
            let fits = variant.is_none_or(|variant| {
                self.facts(id).is_some_and(|facts| {
                    facts
                        .literals
                        .iter()
                        .any(|(a, v, e)| *a == adt && *v == variant && *e == expr)
                })
            });
            if fits {
                values.extend(self.object_field(&Frame::any_caller(id), expr, adt, name));
            }
        }
        self.active_fields.remove(&key);
        let from_outside = self.scanned.world.adts[adt]
            .attrs
            .derives
            .iter()
            .any(|derive| matches!(&**derive, "Deserialize" | "FromRow" | "FromArgs"));
        if values.is_empty() || from_outside {
            let ty = self.scanned.world.adts[adt].name.clone();
            values.extend(unknown(format!(
                "it is the field `{name}` of `{ty}`, which is filled at run time"
            )));
        }
        values
    }

    fn event_field(&self, path: &str, adt: AdtId, name: &str) -> String {
        let data = &self.scanned.world.adts[adt];
        let field = data
            .variants
            .iter()
            .find_map(|variant| variant.fields.get(variant.field(name)?));
        let renamed = field.and_then(|field| field.attrs.serde_rename.clone());
        let text = match (renamed, data.attrs.serde_rename_all.as_deref()) {
            (Some(renamed), _) => renamed.to_string(),
            (None, Some("camelCase")) => super::eval_config::camel(name),
            (None, Some("PascalCase")) => super::eval_config::pascal(name),
            (None, Some("SCREAMING_SNAKE_CASE")) => name.to_uppercase(),
            (None, Some("kebab-case")) => name.replace('_', "-"),
            _ => name.to_owned(),
        };
        join_event(path, &text)
    }
}

/// `path.name` of an event.
pub(super) fn join_event(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

/// One element of an event's list.
pub(super) fn element(path: &str) -> String {
    if path.ends_with("[]") || path.is_empty() {
        path.to_owned()
    } else {
        format!("{path}[]")
    }
}

/// A field of an event type of another crate, in the payload's spelling.
fn outside_event_field(path: &str, name: &str) -> String {
    match name {
        // `LambdaEvent { payload, context }`, newtypes.
        "payload" | "0" => path.to_owned(),
        "records" => join_event(path, "Records[]"),
        name => join_event(path, &super::eval_config::camel(name)),
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
