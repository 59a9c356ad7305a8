//! Inference of paths, calls and method calls: what is called, what comes back, and whether it is an SDK operation.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::facts::Callee;
use super::infer::Infer;
use super::infer_path::Value;
use super::ir::{ExprId, ExprKind, Name, Path, Span};
use super::known_names::pass_through;
use super::outside_types::{OTHER_SENDER, other_sender};
use super::types::Ty;
use super::world::{AdtId, FnId, Owner, ParamId};

impl Infer<'_, '_> {
    /// A call.
    pub(super) fn call(&mut self, id: ExprId, callee: ExprId, args: &[ExprId], span: Span) -> Ty {
        self.note_passed(id, args);
        let body = self.body;
        let peeled = body.peel(callee);
        let ExprKind::Path(path) = &body.expr(peeled).kind else {
            let called = self.expr(callee);
            self.arguments(args, &[], None);
            return self.result_of(&called);
        };
        match self.resolve_value(path) {
            Value::Local(index) => {
                self.facts.local_of.insert(peeled, index);
                let ty = self.read_local(index);
                let inputs = match &ty {
                    Ty::Param(param) => self.world.params[*param]
                        .call
                        .clone()
                        .map(|(inputs, _)| inputs)
                        .unwrap_or_default(),
                    _ => Vec::new(),
                };
                self.arguments(args, &inputs, None);
                let result = self.result_of(&ty);
                if let Ty::FnItem(found) = ty {
                    self.note_unfixed(id, found, &result);
                }
                result
            }
            Value::Fn(found, map) => {
                self.edge(id, span, Callee::Fn(found));
                let ty = self.call_fn(found, args, map, None);
                self.note_unfixed(id, found, &ty);
                ty
            }
            Value::Virtual(owner, name, signature, on) => {
                self.edge_on(id, span, Callee::Virtual(owner, name), on);
                let mut ty = self.call_fn(signature, args, BTreeMap::new(), None);
                // `T::new()` gives a `T`.
                if let (Some(param), Ty::Dyn(traits)) = (on, &self.world.fns[signature].ret)
                    && traits.as_ref() == [owner]
                {
                    ty = Ty::Param(param);
                }
                self.note_unfixed(id, signature, &ty);
                ty
            }
            Value::Constructor(adt, variant, ty) => self.construct(id, adt, variant, ty, args, span),
            Value::Sdk(ty, name) => {
                self.edge(id, span, Callee::Sdk(ty.clone(), name.clone()));
                self.sdk_call(id, &ty, &name, args, span)
            }
            Value::External(found) => {
                self.edge(id, span, Callee::External(found.clone()));
                self.external_call(id, &found, path, args, span)
            }
            Value::Derived(ty, name) => {
                self.arguments(args, &[], None);
                if let Ty::Adt(adt, given) = &ty {
                    self.facts.constructed.insert(*adt);
                    self.note_type_args(*adt, given);
                }
                let _ = name;
                ty
            }
            Value::Unknown => {
                let types = self.arguments(args, &[], None);
                pass_through(path.last_name(), &types)
            }
        }
    }

    pub(super) fn construct(
        &mut self,
        id: ExprId,
        adt: AdtId,
        variant: u32,
        ty: Ty,
        args: &[ExprId],
        span: Span,
    ) -> Ty {
        self.facts.constructed.insert(adt);
        self.facts.literals.push((adt, variant, id));
        self.edge(id, span, Callee::Constructor(adt, variant));
        let data = &self.world.adts[adt];
        let declared = data
            .variants
            .get(variant as usize)
            .map(|variant| variant.types.clone())
            .unwrap_or_default();
        let types = self.arguments(args, &declared, None);
        let mut map = BTreeMap::new();
        for (declared, ty) in declared.iter().zip(&types) {
            self.world.unify(declared, ty, &mut map, 0);
        }
        match ty {
            Ty::Adt(id, given) => {
                let args: Arc<[Ty]> = data
                    .params
                    .iter()
                    .enumerate()
                    .map(|(index, param)| match given.get(index) {
                        Some(given) if given.is_interesting() => given.clone(),
                        _ => map.get(param).cloned().unwrap_or_default(),
                    })
                    .collect();
                self.note_type_args(id, &args);
                Ty::Adt(id, args)
            }
            other => other,
        }
    }

    /// Infers arguments; closures get the parameter types that the callee's bounds give them, else `element`.
    pub(super) fn arguments(&mut self, args: &[ExprId], declared: &[Ty], element: Option<&Ty>) -> Vec<Ty> {
        let body = self.body;
        args.iter()
            .enumerate()
            .map(|(index, arg)| {
                let peeled = body.peel(*arg);
                if let ExprKind::Closure {
                    params,
                    ret,
                    body: closure_body,
                } = &body.expr(peeled).kind
                {
                    let given: Vec<Ty> = match declared.get(index) {
                        Some(Ty::Param(param)) => self.world.params[*param]
                            .call
                            .clone()
                            .map(|(inputs, _)| inputs)
                            .unwrap_or_default(),
                        _ => element
                            .map(|element| vec![element.clone(); params.len()])
                            .unwrap_or_default(),
                    };
                    let given: Vec<Ty> = given
                        .iter()
                        .map(|ty| self.world.close(ty, self.scope, 0))
                        .collect();
                    return self.closure(peeled, params, ret.as_deref(), *closure_body, &given);
                }
                self.expr(*arg)
            })
            .collect()
    }

    /// What calling a value gives.
    pub(super) fn result_of(&self, called: &Ty) -> Ty {
        match called {
            Ty::Closure(ret) => (**ret).clone(),
            Ty::FnItem(id) => {
                let ret = self.world.fns[*id].ret.clone();
                self.world.close(&ret, self.scope, 0)
            }
            Ty::SdkFn(sdk, op) => Ty::Fluent(*sdk, op.clone()),
            Ty::Param(id) => match &self.world.params[*id].call {
                Some((_, output)) => output.clone(),
                None => Ty::Unknown,
            },
            _ => Ty::Unknown,
        }
    }

    /// Calls one of our fns; `receiver` is the type of `self` for method calls.
    pub(super) fn call_fn(
        &mut self,
        id: FnId,
        args: &[ExprId],
        map: BTreeMap<ParamId, Ty>,
        receiver: Option<&Ty>,
    ) -> Ty {
        let world = self.world;
        let data = &world.fns[id];
        let skip = usize::from(receiver.is_some() && data.item.has_self);
        let declared: Vec<Ty> = data.params.iter().skip(skip).cloned().collect();
        let mut map = map;
        if let (Some(receiver), Some(own)) = (receiver, data.params.first()) {
            world.unify(own, receiver, &mut map, 0);
        }
        // Plain arguments first, so that closures see what they fix.
        let body = self.body;
        for (declared, arg) in declared.iter().zip(args) {
            let peeled = body.peel(*arg);
            if !matches!(body.expr(peeled).kind, ExprKind::Closure { .. }) {
                let ty = self.expr(*arg);
                world.unify(declared, &ty, &mut map, 0);
            }
        }
        let mut rest: Vec<(ExprId, Ty)> = Vec::new();
        for (index, arg) in args.iter().enumerate() {
            let peeled = body.peel(*arg);
            if let ExprKind::Closure {
                params,
                ret,
                body: closure_body,
            } = &body.expr(peeled).kind
            {
                let inputs: Vec<Ty> = match declared.get(index) {
                    Some(Ty::Param(param)) => world.params[*param]
                        .call
                        .clone()
                        .map(|(inputs, _)| inputs)
                        .unwrap_or_default(),
                    _ => Vec::new(),
                };
                let given: Vec<Ty> = inputs
                    .iter()
                    .map(|ty| {
                        let ty = world.substitute(ty, &map, 0);
                        world.close(&ty, self.scope, 0)
                    })
                    .collect();
                let ty = self.closure(peeled, params, ret.as_deref(), *closure_body, &given);
                rest.push((*arg, ty.clone()));
                if let Some(declared) = declared.get(index) {
                    world.unify(declared, &ty, &mut map, 0);
                }
            } else if index >= declared.len() {
                self.expr(*arg);
            }
        }
        for (arg, ty) in rest {
            if let Some(slot) = self.facts.types.get_mut(arg.0 as usize) {
                *slot = ty;
            }
        }
        for (_, param) in &world.fns[id].scope.params {
            let actual = map.get(param).cloned().unwrap_or_default();
            self.facts.actuals.push((*param, actual));
        }
        let mut ret = world.fns[id].ret.clone();
        // A method that returns `Self` through its trait keeps the receiver's own type.
        if let (Ty::Dyn(traits), Some(receiver)) = (&ret, receiver)
            && let Owner::Trait(owner) = world.fns[id].owner
            && traits.as_ref() == [owner]
            && matches!(receiver, Ty::Adt(..))
        {
            ret = receiver.clone();
        }
        let ret = match (&ret, receiver) {
            (Ty::Proj(base, name), Some(receiver)) if matches!(**base, Ty::Dyn(_)) => {
                let found = world.project(receiver, name, 0);
                if found.is_unknown() { ret } else { found }
            }
            _ => ret,
        };
        let ret = world.substitute(&ret, &map, 0);
        world.close(&ret, self.scope, 0)
    }

    /// A call of something outside the scanned code.
    pub(super) fn external_call(
        &mut self,
        id: ExprId,
        found: &[Name],
        path: &Path,
        args: &[ExprId],
        span: Span,
    ) -> Ty {
        let names: Vec<&str> = found.iter().map(|name| &**name).collect();
        let own = || Ty::External(Some(Arc::from(format!("{OTHER_SENDER}std"))));
        let scope = matches!(names.as_slice(), ["std", "thread", "scope"]).then(own);
        let types = self.arguments(args, &[], scope.as_ref());
        if matches!(names.as_slice(), ["std", "io", "stdin" | "stdout" | "stderr"]) {
            return own();
        }
        if let Some(ty) = self.wrapped_call(id, found, args, span) {
            return ty;
        }
        self.note_escape(found, &types, span);
        let written = path
            .segments
            .iter()
            .flat_map(|segment| &segment.args)
            .map(|arg| self.resolve(arg))
            .find(Ty::is_interesting);
        if let Some(ty) = written {
            self.mention(&ty);
            if !matches!(ty, Ty::Closure(_)) {
                return ty;
            }
        }
        let name = found.last().map_or("", |last| last);
        let ty = pass_through(name, &types);
        match found.first().and_then(|first| other_sender(first)) {
            Some(other) if ty.is_unknown() => other,
            _ => ty,
        }
    }
}
