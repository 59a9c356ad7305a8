//! Inputs of a call: which members the code sets on the builder, and to what.
//!
//! Every setter is traced back to the builders it can be called on; the members of a site are those of all setters that
//! can reach its builder, in whatever fn they stand.

use std::collections::{BTreeMap, BTreeSet};

use crate::catalog::{Member, MemberKind, Service, Shape};
use crate::usage::{Inputs, ResourceHint};

use super::facts::{Callee, Facts, Site};
use super::ir::{ExprId, ExprKind};
use super::regions::Regions;
use super::trace::Trace;
use super::types::Ty;
use super::value::{Evaluator, Frame, Value};
use super::world::{FnId, SdkId};

/// Nesting of structures in inputs.
const MAX_NESTING: usize = 6;

/// Where a builder is made.
pub(super) type Origin = (FnId, ExprId);

/// Structures given to one shape's members: by prefix the structure's shape, its own path, its values.
type Nested<'a> = BTreeMap<String, (Shape<'a>, Option<String>, Vec<Value>)>;

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
        for origin in &origins {
            calls.extend(setters.by_origin.get(origin).into_iter().flatten());
        }
        calls.extend(setters.untraced.get(&key).into_iter().flatten());
        calls.sort();
        calls.dedup();
        let set = self.members(service, shape, &calls, &origins, "", &mut inputs, setters, 0);
        for (path, surely) in set {
            if !surely {
                add(&mut inputs, path, vec![ResourceHint::unset()]);
            }
        }
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
        origins: &[Origin],
        prefix: &str,
        inputs: &mut Inputs,
        setters: &Setters,
        depth: usize,
    ) -> BTreeMap<String, bool> {
        let mut set = BTreeMap::new();
        let mut nested = Nested::new();
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
            let is_none = is_whole(member, method)
                && self
                    .facts(*id)
                    .zip(args.first())
                    .is_some_and(|(facts, arg)| is_none_literal(facts, *arg));
            if is_none {
                continue;
            }
            let path = format!("{prefix}{}", member.name());
            self.reset();
            if member.structure().is_none() {
                let key = match member.kind() {
                    MemberKind::List => format!("{path}[]"),
                    MemberKind::Map => format!("{path}{{}}"),
                    _ => path.clone(),
                };
                let some = !is_whole(member, method)
                    || args.first().is_some_and(|arg| self.is_some_literal(*id, *arg));
                let surely = member.required()
                    || (some && origins.iter().any(|origin| self.surely(*origin, (*id, *setter))));
                *set.entry(key).or_insert(false) |= surely;
            }
            self.member(member, *id, method, args, path, inputs, &mut nested);
        }
        for (prefix, (shape, itself, values)) in nested {
            self.structure(service, shape, &values, &prefix, itself, inputs, setters, depth);
        }
        set
    }

    /// Whether a setter runs whenever its builder is made.
    fn surely(&mut self, origin: Origin, setter: Origin) -> bool {
        if origin.0 != setter.0 {
            return false;
        }
        let Some(body) = self.facts(origin.0).and_then(|facts| facts.body.as_deref()) else {
            return false;
        };
        self.regions
            .entry(origin.0)
            .or_insert_with(|| Regions::new(body))
            .follows(origin.1, setter.1)
    }

    /// Whether an expression is `Some(…)`.
    fn is_some_literal(&self, id: FnId, expr: ExprId) -> bool {
        self.facts(id).is_some_and(|facts| {
            facts.targets(expr).iter().any(|target| match target {
                Callee::External(path) => path.last().is_some_and(|last| &**last == "Some"),
                _ => false,
            })
        })
    }

    #[allow(
        clippy::too_many_arguments,
        reason = "one recursive walk with its whole state"
    )]
    fn member(
        &mut self,
        member: Member<'a>,
        id: FnId,
        method: &str,
        args: &[ExprId],
        path: String,
        inputs: &mut Inputs,
        nested: &mut Nested<'a>,
    ) {
        let frame = Frame::any_caller(id);
        let Some(first) = args.first() else {
            return;
        };
        let whole = is_whole(member, method);
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
                    let entry = nested
                        .entry(format!("{path}."))
                        .or_insert((shape, None, Vec::new()));
                    entry.2.extend(values);
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
                        let entry =
                            nested
                                .entry(format!("{path}."))
                                .or_insert((shape, Some(path), Vec::new()));
                        if values.is_empty() {
                            let reason = "nothing is known of its value".to_owned();
                            entry.2.push(Value::Unknown(reason));
                        }
                        entry.2.extend(values);
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
        let mut set: BTreeMap<String, usize> = BTreeMap::new();
        let mut built = 0;
        for value in values {
            let Value::Built(id, expr) = value else {
                unknown_parts.push(value.clone());
                continue;
            };
            if depth >= MAX_NESTING {
                continue;
            }
            let calls = setters.by_origin.get(&(*id, *expr)).cloned().unwrap_or_default();
            let origins = [(*id, *expr)];
            let found = self.members(
                service,
                shape,
                &calls,
                &origins,
                prefix,
                inputs,
                setters,
                depth + 1,
            );
            built += 1;
            for (path, surely) in found {
                *set.entry(path).or_default() += usize::from(surely);
            }
        }
        for (path, times) in set {
            if times < built {
                add(inputs, path, vec![ResourceHint::unset()]);
            }
        }
        if let Some(path) = itself
            && (!unknown_parts.is_empty() || values.is_empty())
        {
            let hints = self.hints(&unknown_parts);
            add(inputs, path, hints);
        }
    }
}

/// Whether a setter takes the whole member as an `Option`.
fn is_whole(member: Member<'_>, method: &str) -> bool {
    method.starts_with("set_") && member.setter() != method
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
