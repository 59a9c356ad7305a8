//! Inputs of a call: which members the code sets on the builder, and to what.
//!
//! Every setter is traced back to the builders it can be called on; the members of a site are those of all setters that
//! can reach its builder, in whatever fn they stand.

use std::collections::{BTreeMap, BTreeSet};

use crate::catalog::{Member, MemberKind, Service, Shape};
use crate::usage::{Inputs, ResourceHint};

use super::facts::{Callee, Facts, Site};
use super::ir::{ExprId, ExprKind};
use super::trace::Trace;
use super::types::Ty;
use super::value::{Evaluator, Frame, Value};
use super::world::{FnId, SdkId};

/// Nesting of structures in inputs.
const MAX_NESTING: usize = 6;

/// Where a builder is made.
pub(super) type Origin = (FnId, ExprId);

/// Setters by the builders they can be called on.
#[derive(Debug, Default)]
pub struct Setters {
    by_origin: BTreeMap<Origin, Vec<Origin>>,
    /// Setters whose builder could not be traced, by SDK crate and operation or structure.
    untraced: BTreeMap<(SdkId, String), Vec<Origin>>,
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
                if !complete && let Some(key) = builder_key(facts.ty(*receiver)) {
                    setters.untraced.entry(key).or_default().push((*id, *setter));
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
        if let ExprKind::Method { receiver, .. } = &body.expr(site.expr).kind
            && matches!(facts.ty(*receiver), Ty::Input(..))
        {
            let mut trace = Trace {
                evaluator: self,
                visited: BTreeSet::new(),
                found: BTreeSet::new(),
                complete: true,
            };
            trace.walk(id, *receiver);
            origins.extend(trace.found);
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
        if let Some(path) = itself
            && (!unknown_parts.is_empty() || values.is_empty())
        {
            let hints = self.hints(&unknown_parts);
            add(inputs, path, hints);
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
