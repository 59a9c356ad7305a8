//! Inputs of a call: which members the code sets on the builder, and to what.
//!
//! Every setter is traced back to the builders it can be called on; the members of a site are those of all setters that
//! can reach its builder, in whatever fn they stand. A member that no setter surely sets may also be unset.

use std::collections::{BTreeMap, BTreeSet};

use crate::catalog::{Member, MemberKind, Service, Shape};
use crate::usage::{Inputs, ResourceHint};

use super::facts::Site;
use super::ir::{ExprId, ExprKind};
use super::presence::{Presence, presence};
use super::trace::Trace;
use super::types::Ty;
use super::value::{Evaluator, Frame, Value};
use super::world::{FnId, SdkId};

/// Nesting of structures in inputs.
const MAX_NESTING: usize = 6;

/// Where a builder is made.
pub(super) type Origin = (FnId, ExprId);

/// Setters, and whether each is called on some paths only.
type Calls = BTreeMap<Origin, bool>;

/// Members that are set, while they are collected.
#[derive(Debug, Default)]
struct Collected {
    inputs: Inputs,
    /// Members that are set on every path.
    surely: BTreeSet<String>,
    /// Members that some setter or some structure may leave unset.
    sometimes: BTreeSet<String>,
}

impl Collected {
    fn add(&mut self, path: String, hints: Vec<ResourceHint>, sometimes: bool) {
        match sometimes {
            true => self.sometimes.insert(path.clone()),
            false => self.surely.insert(path.clone()),
        };
        let list = self.inputs.entry(path).or_default();
        list.extend(hints);
        list.sort();
        list.dedup();
    }

    /// Takes over the members of structures. Of several that stand for one member, each must set what is surely set;
    /// elements of lists are counted together.
    fn merge(&mut self, structures: Vec<Self>, is_list: bool, complete: bool) {
        let in_all = |path: &str| {
            is_list || (complete && structures.iter().all(|structure| structure.surely.contains(path)))
        };
        let mut all = Vec::new();
        for structure in &structures {
            for (path, hints) in &structure.inputs {
                let sometimes = !structure.surely.contains(path) || !in_all(path);
                all.push((path.clone(), hints.clone(), sometimes));
            }
            self.sometimes.extend(structure.sometimes.iter().cloned());
        }
        for (path, hints, sometimes) in all {
            self.add(path, hints, sometimes);
        }
    }

    fn finish(mut self) -> Inputs {
        for path in &self.sometimes {
            // What one element of a list surely has, another may lack.
            let in_element = path.contains("[].") || path.contains("{}.");
            if (in_element || !self.surely.contains(path))
                && let Some(hints) = self.inputs.get_mut(path)
            {
                hints.insert(0, ResourceHint::unset());
            }
        }
        self.inputs
    }
}

/// Setters by the builders they can be called on.
#[derive(Debug, Default)]
pub struct Setters {
    by_origin: BTreeMap<Origin, Calls>,
    /// Setters whose builder could not be traced, by SDK crate and operation or structure.
    untraced: BTreeMap<(SdkId, String), BTreeSet<Origin>>,
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
                let trace = Trace::of(self, *id, *setter, *receiver);
                let complete = trace.complete && !trace.found.is_empty();
                for (origin, sometimes) in trace.found {
                    let calls = setters.by_origin.entry(origin).or_default();
                    calls.insert((*id, *setter), sometimes);
                }
                if !complete && let Some(key) = builder_key(facts.ty(*receiver)) {
                    setters.untraced.entry(key).or_default().insert((*id, *setter));
                }
            }
        }
        setters
    }

    /// The inputs of a site.
    pub fn inputs(&mut self, id: FnId, site: &Site, setters: &Setters) -> Inputs {
        let mut out = Collected::default();
        let Some(service) = self.scanned.world.sdks[site.sdk].service else {
            return Inputs::new();
        };
        let Some(operation) = service.operation_of_method(&site.operation) else {
            return Inputs::new();
        };
        for (member, expr) in &site.given {
            self.reset();
            let values = self.eval(&Frame::any_caller(id), *expr);
            let hints = self.hints(&values);
            out.add((*member).to_owned(), hints, false);
        }
        let Some(shape) = operation.input() else {
            return out.finish();
        };
        let key = (site.sdk, site.operation.to_string());
        let origins = self.input_origins(id, site);
        let mut calls = Calls::new();
        for origin in origins {
            for (setter, sometimes) in setters.by_origin.get(&origin).into_iter().flatten() {
                let known = calls.entry(*setter).or_insert(*sometimes);
                *known &= *sometimes;
            }
        }
        for setter in setters.untraced.get(&key).into_iter().flatten() {
            calls.entry(*setter).or_insert(true);
        }
        self.members(service, shape, &calls, "", &mut out, setters, 0, false);
        out.finish()
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
            let trace = Trace::of(self, id, site.expr, *receiver);
            origins.extend(trace.found.into_keys());
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
        calls: &Calls,
        prefix: &str,
        out: &mut Collected,
        setters: &Setters,
        depth: usize,
        around: bool,
    ) {
        for ((id, setter), sometimes) in calls {
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
            let sometimes = around || *sometimes;
            self.member(
                service, member, *id, method, args, path, out, setters, depth, sometimes,
            );
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
        out: &mut Collected,
        setters: &Setters,
        depth: usize,
        sometimes: bool,
    ) {
        let frame = Frame::any_caller(id);
        let Some(first) = args.first() else {
            return;
        };
        let whole = method.starts_with("set_") && member.setter() != method;
        let given = match self.facts(id) {
            Some(facts) if whole => facts
                .body
                .as_deref()
                .map_or(Presence::Maybe, |body| presence(facts, body, *first)),
            _ => Presence::Set,
        };
        if given == Presence::Unset {
            // `set_x(None)` sets nothing.
            return;
        }
        let sometimes = sometimes || given == Presence::Maybe;
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
                out.add(path.clone(), hints, sometimes);
                if let Some(shape) = member.structure() {
                    self.structure(
                        service,
                        shape,
                        &values,
                        &format!("{path}."),
                        None,
                        out,
                        setters,
                        depth,
                        sometimes,
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
                            out,
                            setters,
                            depth,
                            sometimes,
                        );
                    }
                    None => {
                        let values = enumerated(member, values);
                        let hints = self.hints(&values);
                        out.add(path, hints, sometimes);
                    }
                }
            }
            MemberKind::Scalar => {
                let values = self.eval(&frame, *first);
                let values = enumerated(member, values);
                let hints = self.hints(&values);
                out.add(path, hints, sometimes);
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
        out: &mut Collected,
        setters: &Setters,
        depth: usize,
        sometimes: bool,
    ) {
        let mut structures = Vec::new();
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
            let mut structure = Collected::default();
            self.members(
                service,
                shape,
                &calls,
                prefix,
                &mut structure,
                setters,
                depth + 1,
                sometimes,
            );
            structures.push(structure);
        }
        let is_list = prefix.ends_with("[].") || prefix.ends_with("{}.");
        out.merge(structures, is_list, unknown_parts.is_empty());
        if let Some(path) = itself
            && (!unknown_parts.is_empty() || values.is_empty())
        {
            let hints = self.hints(&unknown_parts);
            out.add(path, hints, sometimes);
        }
    }
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

fn builder_key(ty: &Ty) -> Option<(SdkId, String)> {
    match ty {
        Ty::Fluent(sdk, op) | Ty::Input(sdk, op) => Some((*sdk, op.to_string())),
        Ty::SdkType(sdk, name) => Some((*sdk, name.to_string())),
        _ => None,
    }
}
