//! Inputs of a call: which members the code sets on the builder, and to what.
//!
//! Every setter is traced back to the builders it can be called on; the members of a site are those of all setters that
//! can reach its builder, in whatever fn they stand.

use std::collections::{BTreeMap, BTreeSet};

use crate::catalog::{Member, MemberKind, Service, Shape};
use crate::usage::{Inputs, ResourceHint};

use super::facts::{Callee, Facts, Site, Source};
use super::ir::{ExprId, ExprKind};
use super::types::Ty;
use super::value::{Evaluator, Frame, Value};
use super::world::{FnId, SdkId};

/// Nesting of structures in inputs.
const MAX_NESTING: usize = 6;

/// Where a builder is made.
type Origin = (FnId, ExprId);

/// Setters by the builders they can be called on.
#[derive(Debug, Default)]
pub struct Setters {
    by_origin: BTreeMap<Origin, Vec<Origin>>,
    /// Setters whose builder could not be traced, by SDK crate and operation or structure.
    untraced: BTreeMap<(SdkId, String), Vec<Origin>>,
}

/// Walks from a builder expression back to where builders are made.
struct Trace<'e, 'x, 'a> {
    evaluator: &'e Evaluator<'x, 'a>,
    visited: BTreeSet<Origin>,
    found: BTreeSet<Origin>,
    complete: bool,
}

impl Trace<'_, '_, '_> {
    fn facts(&self, id: FnId) -> Option<&Facts> {
        self.evaluator.facts(id)
    }

    fn walk(&mut self, id: FnId, expr: ExprId) {
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

impl<'x, 'a> Evaluator<'x, 'a> {
    /// Traces every reached setter to its builders.
    pub fn setters(&self) -> Setters {
        let mut setters = Setters::default();
        for id in self.reach.fns.keys() {
            let Some(facts) = self.facts(*id) else {
                continue;
            };
            let Some(body) = facts.body.as_deref() else {
                continue;
            };
            for setter in &facts.setters {
                let ExprKind::Method { receiver, .. } = &body.expr(*setter).kind else {
                    continue;
                };
                let mut trace = Trace {
                    evaluator: self,
                    visited: BTreeSet::new(),
                    found: BTreeSet::new(),
                    complete: true,
                };
                trace.walk(*id, *receiver);
                let complete = trace.complete && !trace.found.is_empty();
                for origin in trace.found {
                    let list = setters.by_origin.entry(origin).or_default();
                    if !list.contains(&(*id, *setter)) {
                        list.push((*id, *setter));
                    }
                }
                if !complete {
                    if let Some(key) = builder_key(facts.ty(*receiver)) {
                        setters.untraced.entry(key).or_default().push((*id, *setter));
                    }
                }
            }
        }
        setters
    }

    /// The inputs of a site.
    pub fn inputs(&mut self, id: FnId, site: &Site, setters: &Setters) -> Inputs {
        let mut inputs = Inputs::new();
        let Some(service) = self.scanned.world.sdks[site.sdk].service else {
            return inputs;
        };
        let Some(operation) = service.operation_of_method(&site.operation) else {
            return inputs;
        };
        for (member, expr) in &site.given {
            self.reset();
            let values = self.eval(&Frame::any_caller(id), *expr);
            let hints = self.hints(&values);
            add(&mut inputs, (*member).to_owned(), hints);
        }
        let Some(shape) = operation.input() else {
            return inputs;
        };
        let key = (site.sdk, site.operation.to_string());
        let origins = self.input_origins(id, site);
        let mut calls: Vec<Origin> = Vec::new();
        for origin in origins {
            calls.extend(setters.by_origin.get(&origin).into_iter().flatten());
        }
        calls.extend(setters.untraced.get(&key).into_iter().flatten());
        calls.sort();
        calls.dedup();
        self.members(service, shape, &calls, "", &mut inputs, setters, 0);
        inputs
    }

    /// The builders whose setters count for a site: its own, and for `input.send_with(client)` the input's.
    fn input_origins(&self, id: FnId, site: &Site) -> Vec<Origin> {
        let mut origins = vec![(id, site.expr)];
        let Some(facts) = self.facts(id) else {
            return origins;
        };
        let Some(body) = facts.body.as_deref() else {
            return origins;
        };
        if let ExprKind::Method { receiver, .. } = &body.expr(site.expr).kind {
            if matches!(facts.ty(*receiver), Ty::Input(..)) {
                let mut trace = Trace {
                    evaluator: self,
                    visited: BTreeSet::new(),
                    found: BTreeSet::new(),
                    complete: true,
                };
                trace.walk(id, *receiver);
                origins.extend(trace.found);
            }
        }
        origins
    }

    #[allow(
        clippy::too_many_arguments,
        reason = "one recursive walk with its whole state"
    )]
    fn members(
        &mut self,
        service: Service<'a>,
        shape: Shape<'a>,
        calls: &[Origin],
        prefix: &str,
        inputs: &mut Inputs,
        setters: &Setters,
        depth: usize,
    ) {
        for (id, setter) in calls {
            let Some(body) = self.facts(*id).and_then(|facts| facts.body.as_deref()) else {
                continue;
            };
            let ExprKind::Method { method, args, .. } = &body.expr(*setter).kind else {
                continue;
            };
            let Some(member) = shape.member_of_setter(method) else {
                continue;
            };
            let path = format!("{prefix}{}", member.name());
            self.reset();
            self.member(service, member, *id, method, args, path, inputs, setters, depth);
        }
    }

    #[allow(
        clippy::too_many_arguments,
        reason = "one recursive walk with its whole state"
    )]
    fn member(
        &mut self,
        service: Service<'a>,
        member: Member<'a>,
        id: FnId,
        method: &str,
        args: &[ExprId],
        path: String,
        inputs: &mut Inputs,
        setters: &Setters,
        depth: usize,
    ) {
        let frame = Frame::any_caller(id);
        let Some(first) = args.first() else {
            return;
        };
        let whole = method.starts_with("set_") && member.setter() != method;
        match member.kind() {
            MemberKind::Map => {
                let (keys, values) = match (args, whole) {
                    ([key, value], _) => (self.eval(&frame, *key), self.eval(&frame, *value)),
                    _ => {
                        let map = self.eval(&frame, *first);
                        let keys = self.project(map.clone(), &[super::facts::Proj::Tuple(0)], &Ty::Unknown);
                        let values = self.project(map, &[super::facts::Proj::Tuple(1)], &Ty::Unknown);
                        (keys, values)
                    }
                };
                let keys: Vec<Value> = keys
                    .into_iter()
                    .map(|key| match key {
                        Value::Object(..) | Value::Event(_) => {
                            Value::Unknown("its keys are not followed".to_owned())
                        }
                        key => key,
                    })
                    .collect();
                let hints = self.hints(&keys);
                let path = format!("{path}{{}}");
                add(inputs, path.clone(), hints);
                if let Some(shape) = member.structure() {
                    self.structure(
                        service,
                        shape,
                        &values,
                        &format!("{path}."),
                        None,
                        inputs,
                        setters,
                        depth,
                    );
                }
            }
            MemberKind::List | MemberKind::Structure => {
                let path = match member.kind() {
                    MemberKind::List => format!("{path}[]"),
                    _ => path,
                };
                let values = self.eval(&frame, *first);
                match member.structure() {
                    Some(shape) => {
                        let prefix = format!("{path}.");
                        self.structure(
                            service,
                            shape,
                            &values,
                            &prefix,
                            Some(path),
                            inputs,
                            setters,
                            depth,
                        );
                    }
                    None => {
                        let values = enumerated(member, values);
                        let hints = self.hints(&values);
                        add(inputs, path, hints);
                    }
                }
            }
            MemberKind::Scalar => {
                let values = self.eval(&frame, *first);
                let is_none = self.facts(id).is_some_and(|facts| is_none_literal(facts, *first));
                if values.is_empty() && whole && is_none {
                    // `set_x(None)` sets nothing.
                    return;
                }
                let values = enumerated(member, values);
                let hints = self.hints(&values);
                add(inputs, path, hints);
            }
        }
    }

    /// Members of nested structures.
    #[allow(
        clippy::too_many_arguments,
        reason = "one recursive walk with its whole state"
    )]
    fn structure(
        &mut self,
        service: Service<'a>,
        shape: Shape<'a>,
        values: &[Value],
        prefix: &str,
        itself: Option<String>,
        inputs: &mut Inputs,
        setters: &Setters,
        depth: usize,
    ) {
        let mut unknown_parts = Vec::new();
        for value in values {
            let Value::Built(id, expr) = value else {
                unknown_parts.push(value.clone());
                continue;
            };
            if depth >= MAX_NESTING {
                continue;
            }
            let calls = setters.by_origin.get(&(*id, *expr)).cloned().unwrap_or_default();
            self.members(service, shape, &calls, prefix, inputs, setters, depth + 1);
        }
        if let Some(path) = itself {
            if !unknown_parts.is_empty() || values.is_empty() {
                let hints = self.hints(&unknown_parts);
                add(inputs, path, hints);
            }
        }
    }
}

/// Whether an expression is `None`.
fn is_none_literal(facts: &Facts, expr: ExprId) -> bool {
    facts.targets(expr).iter().any(|target| match target {
        Callee::External(path) => path.last().is_some_and(|last| &**last == "None"),
        _ => false,
    })
}

/// Variants of SDK enums in the API's spelling.
fn enumerated(member: Member<'_>, values: Vec<Value>) -> Vec<Value> {
    values
        .into_iter()
        .map(|value| match value {
            Value::Variant(name) => match member.enum_value_of_variant(&name) {
                Some(text) => {
                    let piece = crate::usage::Piece::Literal(text.to_owned());
                    Value::Text(vec![piece], None)
                }
                None => Value::Unknown(format!("it is the SDK's `{name}`")),
            },
            other => other,
        })
        .collect()
}

fn add(inputs: &mut Inputs, path: String, hints: Vec<ResourceHint>) {
    let list = inputs.entry(path).or_default();
    list.extend(hints);
    list.sort();
    list.dedup();
}

fn builder_key(ty: &Ty) -> Option<(SdkId, String)> {
    match ty {
        Ty::Fluent(sdk, op) | Ty::Input(sdk, op) => Some((*sdk, op.to_string())),
        Ty::SdkType(sdk, name) => Some((*sdk, name.to_string())),
        _ => None,
    }
}
