//! Inputs of a call: which members the code sets on the builder, and to what.
//!
//! Every setter is traced back to the builders it can be called on; the members of a site are those of all setters that
//! can reach its builder, in whatever fn they stand.

use std::collections::{BTreeMap, BTreeSet};

use crate::catalog::{Member, MemberKind, Service, Shape};
use crate::usage::{Inputs, ResourceHint};

use super::facts::{Site, SiteKind};
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

/// Structures given to one shape's members, by prefix.
type Nested<'a> = BTreeMap<String, Given<'a>>;

/// Structures given to one member.
struct Given<'a> {
    shape: Shape<'a>,
    /// The member's own path, if it is told where a structure is not followed.
    itself: Option<String>,
    values: Vec<Value>,
    /// Whether the member is set on every path.
    surely: bool,
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
        let mut inputs = Inputs::new();
        let Some(service) = self.scanned.world.sdks[site.sdk].service else {
            return inputs;
        };
        let Some(operation) = service.operation_of_method(&site.operation) else {
            return inputs;
        };
        if let SiteKind::Declared(members) = &site.kind {
            for (member, hint) in members {
                add(&mut inputs, member.to_string(), vec![hint.clone()]);
            }
            return inputs;
        }
        for (member, expr) in &site.given {
            let facts = self.facts(id);
            let body = facts.and_then(|facts| Some((facts, facts.body.as_deref()?)));
            if body.is_some_and(|(facts, body)| presence(facts, body, *expr) == Presence::Unset) {
                // `None` sets nothing.
                continue;
            }
            self.reset();
            let values = self.eval(&Frame::any_caller(id), *expr);
            let hints = self.hints(&values);
            if site.kind == SiteKind::Extension {
                inputs.extend(super::extension::inputs(member, &hints));
            } else {
                add(&mut inputs, member.to_string(), hints);
            }
        }
        if site.kind == SiteKind::Extension {
            return inputs;
        }
        let library = site.library.as_ref().map(|name| name.replace('-', "_"));
        let sets = library
            .and_then(|name| self.wrapper_sets.get(name.as_str()))
            .cloned();
        for (member, home, expr) in sets.into_iter().flatten() {
            self.reset();
            let values = self.eval(&Frame::any_caller(home), expr);
            let hints = self.hints(&values);
            add(&mut inputs, member.to_string(), hints);
        }
        let Some(shape) = operation.input() else {
            return inputs;
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
        let set = self.members(service, shape, &calls, "", &mut inputs, setters, 0);
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
        inputs: &mut Inputs,
        setters: &Setters,
        depth: usize,
    ) -> BTreeMap<String, bool> {
        let mut set = BTreeMap::new();
        let mut nested = Nested::new();
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
            let given = match args.first() {
                Some(arg) if is_whole(member, method) => self
                    .facts(*id)
                    .map_or(Presence::Maybe, |facts| presence(facts, body, *arg)),
                _ => Presence::Set,
            };
            if given == Presence::Unset {
                // `set_x(None)` sets nothing.
                continue;
            }
            let path = format!("{prefix}{}", member.name());
            let surely = member.required() || (given == Presence::Set && !*sometimes);
            self.reset();
            if member.structure().is_none() {
                let key = match member.kind() {
                    MemberKind::List => format!("{path}[]"),
                    MemberKind::Map => format!("{path}{{}}"),
                    _ => path.clone(),
                };
                *set.entry(key).or_insert(false) |= surely;
            }
            self.member(member, *id, method, args, path, inputs, &mut nested, surely);
        }
        for (prefix, given) in nested {
            self.structure(service, &given, &prefix, inputs, setters, depth);
        }
        set
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
        surely: bool,
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
                        let keys = self.keys(&frame, *first);
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
                    let entry = nested.entry(format!("{path}.")).or_insert(Given {
                        shape,
                        itself: None,
                        values: Vec::new(),
                        surely: false,
                    });
                    entry.values.extend(values);
                    entry.surely |= surely;
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
                        let entry = nested.entry(format!("{path}.")).or_insert(Given {
                            shape,
                            itself: Some(path),
                            values: Vec::new(),
                            surely: false,
                        });
                        if values.is_empty() {
                            let reason = "nothing is known of its value".to_owned();
                            entry.values.push(Value::Unknown(reason));
                        }
                        entry.values.extend(values);
                        entry.surely |= surely;
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
    fn structure(
        &mut self,
        service: Service<'a>,
        given: &Given<'a>,
        prefix: &str,
        inputs: &mut Inputs,
        setters: &Setters,
        depth: usize,
    ) {
        let mut unknown_parts = Vec::new();
        let mut set: BTreeMap<String, usize> = BTreeMap::new();
        let mut built = 0;
        for value in &given.values {
            let Value::Built(id, expr) = value else {
                unknown_parts.push(value.clone());
                continue;
            };
            if depth >= MAX_NESTING {
                continue;
            }
            let calls = setters.by_origin.get(&(*id, *expr)).cloned().unwrap_or_default();
            let found = self.members(service, given.shape, &calls, prefix, inputs, setters, depth + 1);
            built += 1;
            for (path, surely) in found {
                *set.entry(path).or_default() += usize::from(surely);
            }
        }
        for (path, times) in set {
            if times < built || !given.surely {
                add(inputs, path, vec![ResourceHint::unset()]);
            }
        }
        if let Some(path) = given.itself.clone()
            && (!unknown_parts.is_empty() || given.values.is_empty())
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
