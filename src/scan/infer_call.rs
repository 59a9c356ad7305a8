//! Inference of paths, calls and method calls: what is called, what comes back, and whether it is an SDK operation.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::dispatch::Found;
use super::facts::{Callee, Source};
use super::infer::{Infer, first_known};
use super::ir::{ExprId, ExprKind, Name, Path, Segment, Span, TypeRef};
use super::types::{OTHER_SENDER, Ty, other_sender};
use super::world::{AdtId, Def, FnId, Owner, ParamId, TraitId};

/// What a path means as a value.
enum Value {
    Local(u32),
    Fn(FnId, BTreeMap<ParamId, Ty>),
    Virtual(TraitId, Name, FnId),
    Constructor(AdtId, u32, Ty),
    /// An associated fn of an SDK type.
    Sdk(Ty, Name),
    External(Arc<[Name]>),
    /// An associated fn of a type of ours that was not found: derived, or of an outside trait.
    Derived(Ty, Name),
    Unknown,
}

impl Infer<'_, '_> {
    fn resolve_value(&mut self, path: &Path) -> Value {
        if let Some(name) = path.as_name()
            && let Some(local) = self.lookup(name)
        {
            return Value::Local(local);
        }
        if let Some((qself, position)) = &path.qself {
            let ty = self.resolve(qself);
            self.mention(&ty);
            let Some(last) = path.segments.last() else {
                return Value::Unknown;
            };
            if path.segments.len() > *position + 1 {
                // `<T as Trait>::Assoc::method`: too deep, take the method on what is projected.
                let assoc = path.segments.get(*position).map(|s| s.name.clone());
                let base = assoc.map_or(Ty::Unknown, |name| self.world.project(&ty, &name, 0));
                return self.associated(&base, &last.name);
            }
            let found = self.associated(&ty, &last.name);
            if !matches!(found, Value::Unknown | Value::Derived(..)) {
                return found;
            }
            let of_trait = Path {
                global: path.global,
                qself: None,
                segments: path.segments.iter().take(*position).cloned().collect(),
            };
            return match self.world.resolve_path(self.scope.module, &of_trait, true) {
                Some(Def::Trait(id)) => self.in_trait(id, &last.name),
                _ => found,
            };
        }
        let head_is_type = path.segments.first().is_some_and(|first| {
            &*first.name == "Self" || self.scope.params.iter().any(|(name, _)| *name == first.name)
        });
        if head_is_type {
            return self.type_relative(path);
        }
        match self.world.resolve_path(self.scope.module, path, false) {
            Some(Def::Fn(id)) => {
                let map = self.turbofish(id, path.segments.last());
                return Value::Fn(id, map);
            }
            Some(Def::Adt(id)) => return Value::Constructor(id, 0, self.constructor_type(id, path)),
            Some(Def::Variant(id, index)) => {
                return Value::Constructor(id, index, self.constructor_type(id, path));
            }
            Some(Def::Sdk(sdk, inner)) => {
                let Some((last, prefix)) = inner.split_last() else {
                    return Value::Unknown;
                };
                let ty = self.world.sdk_type(sdk, prefix);
                return Value::Sdk(ty, last.clone());
            }
            Some(Def::External(found)) => return Value::External(found),
            _ => {}
        }
        if path.segments.len() > 1 {
            let found = self.type_relative(path);
            let lower = path
                .segments
                .first()
                .is_some_and(|first| first.name.chars().next().is_some_and(char::is_lowercase));
            if matches!(found, Value::Unknown | Value::Derived(Ty::External(_), _)) && lower {
                // A crate that no manifest declares.
                return Value::External(path.segments.iter().map(|s| s.name.clone()).collect());
            }
            return found;
        }
        Value::Unknown
    }

    fn constructor_type(&self, id: AdtId, path: &Path) -> Ty {
        let args: Vec<Ty> = path
            .segments
            .iter()
            .flat_map(|segment| &segment.args)
            .map(|arg| self.resolve(arg))
            .collect();
        self.world.type_of_def(&Def::Adt(id), args, 0)
    }

    /// `Type::name`, `Self::name`, `T::name`.
    fn type_relative(&mut self, path: &Path) -> Value {
        let Some((last, prefix)) = path.segments.split_last() else {
            return Value::Unknown;
        };
        if prefix.is_empty() {
            // `Self(…)` or `Self` as a unit struct.
            return match &self.scope.self_ty {
                Some(Ty::Adt(id, _)) if &*last.name == "Self" => {
                    let id = *id;
                    let ty = self.scope.self_ty.clone().unwrap_or_default();
                    Value::Constructor(id, 0, ty)
                }
                _ => Value::Unknown,
            };
        }
        let prefix_path = Path {
            global: path.global,
            qself: None,
            segments: prefix.to_vec(),
        };
        if let Some(Def::Trait(id)) = self.world.resolve_path(self.scope.module, &prefix_path, true) {
            return self.in_trait(id, &last.name);
        }
        let ty = self.resolve(&TypeRef::Path(prefix_path));
        self.mention(&ty);
        if let Ty::Adt(id, _) = &ty {
            let data = &self.world.adts[*id];
            let variant = data
                .variants
                .iter()
                .position(|variant| data.is_enum && variant.name == last.name);
            if let Some(index) = variant {
                let index = u32::try_from(index).unwrap_or(0);
                return Value::Constructor(*id, index, ty);
            }
        }
        match self.associated(&ty, &last.name) {
            Value::Fn(id, mut map) => {
                map.extend(self.turbofish(id, Some(last)));
                Value::Fn(id, map)
            }
            other => other,
        }
    }

    fn in_trait(&self, id: TraitId, name: &Name) -> Value {
        match self.world.in_trait(id, name, 0) {
            Some(Found {
                callee: Callee::Virtual(owner, name),
                signature,
                ..
            }) => Value::Virtual(owner, name, signature),
            _ => Value::Unknown,
        }
    }

    fn associated(&self, ty: &Ty, name: &Name) -> Value {
        match ty {
            Ty::Client(_) | Ty::Fluent(..) | Ty::Input(..) | Ty::SdkType(..) | Ty::Response(..) => {
                // `impl Ext for Client`.
                let found = self.world.find_method(ty, name, self.krate, 0);
                let known = matches!(ty, Ty::Client(sdk) if self.operation(*sdk, name).is_some());
                match found.into_iter().next() {
                    Some(Found {
                        callee: Callee::Fn(id),
                        map,
                        ..
                    }) if !known => Value::Fn(id, map),
                    _ => Value::Sdk(ty.clone(), name.clone()),
                }
            }
            Ty::Unknown => Value::Unknown,
            _ => match self.world.find_method(ty, name, self.krate, 0).into_iter().next() {
                Some(Found {
                    callee: Callee::Fn(id),
                    map,
                    ..
                }) => Value::Fn(id, map),
                Some(Found {
                    callee: Callee::Virtual(id, name),
                    signature,
                    ..
                }) => Value::Virtual(id, name, signature),
                _ => Value::Derived(ty.clone(), name.clone()),
            },
        }
    }

    /// Parameters of a fn that its path's last segment gives.
    fn turbofish(&mut self, id: FnId, segment: Option<&Segment>) -> BTreeMap<ParamId, Ty> {
        let args: Vec<Ty> = segment
            .map(|segment| segment.args.iter().map(|arg| self.resolve(arg)).collect())
            .unwrap_or_default();
        for arg in &args {
            self.mention(arg);
        }
        self.own_params(id).into_iter().zip(args).collect()
    }

    /// Generic parameters of the fn itself, without those of its impl.
    fn own_params(&self, id: FnId) -> Vec<ParamId> {
        let data = &self.world.fns[id];
        let count = data.item.generics.len();
        let all = &data.scope.params;
        all.iter()
            .skip(all.len().saturating_sub(count))
            .map(|(_, id)| *id)
            .collect()
    }

    /// A path as a value of its own: variable, constant, fn that is handed on.
    pub(super) fn path_expr(&mut self, id: ExprId, path: &Path, span: Span) -> Ty {
        match self.resolve_value(path) {
            Value::Local(index) => {
                self.facts.local_of.insert(id, index);
                self.facts
                    .locals
                    .get(index as usize)
                    .map(|local| local.ty.clone())
                    .unwrap_or_default()
            }
            Value::Fn(found, _) => {
                self.edge(id, span, Callee::Fn(found));
                if self.world.fns[found].is_const {
                    let ret = self.world.fns[found].ret.clone();
                    self.world.close(&ret, &self.scope.clone(), 0)
                } else {
                    Ty::FnItem(found)
                }
            }
            Value::Virtual(owner, name, signature) => {
                self.edge(id, span, Callee::Virtual(owner, name));
                let data = &self.world.fns[signature];
                if data.is_const {
                    Ty::Unknown
                } else {
                    Ty::FnItem(signature)
                }
            }
            Value::Constructor(adt, variant, ty) => {
                self.facts.constructed.insert(adt);
                let is_unit = self.world.adts[adt]
                    .variants
                    .get(variant as usize)
                    .is_none_or(|variant| variant.fields.is_empty());
                if is_unit {
                    self.facts.literals.push((adt, variant, id));
                }
                self.edge(id, span, Callee::Constructor(adt, variant));
                ty
            }
            Value::Sdk(ty, name) => {
                self.edge(id, span, Callee::Sdk(ty.clone(), name.clone()));
                if let Ty::Client(sdk) = &ty
                    && self.operation(*sdk, &name).is_some()
                {
                    self.typed_site(id, span, *sdk, &name);
                    return Ty::SdkFn(*sdk, name);
                }
                match ty {
                    Ty::SdkType(..) => ty,
                    _ => Ty::Unknown,
                }
            }
            Value::External(found) => {
                self.edge(id, span, Callee::External(found));
                Ty::EXTERNAL
            }
            Value::Derived(ty, _) => {
                if let Ty::Adt(adt, _) = &ty {
                    self.facts.constructed.insert(*adt);
                }
                Ty::Closure(Arc::new(ty))
            }
            Value::Unknown => Ty::Unknown,
        }
    }

    /// A call.
    pub(super) fn call(&mut self, id: ExprId, callee: ExprId, args: &[ExprId], span: Span) -> Ty {
        self.note_passed(id, args);
        let body = self.body.clone();
        let peeled = body.peel(callee);
        let ExprKind::Path(path) = &body.expr(peeled).kind else {
            let called = self.expr(callee);
            self.arguments(args, &[], None);
            return self.result_of(&called);
        };
        match self.resolve_value(path) {
            Value::Local(index) => {
                self.facts.local_of.insert(peeled, index);
                let ty = self
                    .facts
                    .locals
                    .get(index as usize)
                    .map(|local| local.ty.clone())
                    .unwrap_or_default();
                let inputs = match &ty {
                    Ty::Param(param) => self.world.params[*param]
                        .call
                        .clone()
                        .map(|(inputs, _)| inputs)
                        .unwrap_or_default(),
                    _ => Vec::new(),
                };
                self.arguments(args, &inputs, None);
                self.result_of(&ty)
            }
            Value::Fn(found, map) => {
                self.edge(id, span, Callee::Fn(found));
                self.call_fn(found, args, map, None)
            }
            Value::Virtual(owner, name, signature) => {
                self.edge(id, span, Callee::Virtual(owner, name));
                self.call_fn(signature, args, BTreeMap::new(), None)
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
                if let Ty::Adt(adt, _) = &ty {
                    self.facts.constructed.insert(*adt);
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

    fn construct(&mut self, id: ExprId, adt: AdtId, variant: u32, ty: Ty, args: &[ExprId], span: Span) -> Ty {
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
                let args = data
                    .params
                    .iter()
                    .enumerate()
                    .map(|(index, param)| match given.get(index) {
                        Some(given) if given.is_interesting() => given.clone(),
                        _ => map.get(param).cloned().unwrap_or_default(),
                    })
                    .collect();
                Ty::Adt(id, args)
            }
            other => other,
        }
    }

    /// Infers arguments; closures get the parameter types that the callee's bounds give them, else `element`.
    fn arguments(&mut self, args: &[ExprId], declared: &[Ty], element: Option<&Ty>) -> Vec<Ty> {
        let body = self.body.clone();
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
                        .map(|ty| self.world.close(ty, &self.scope.clone(), 0))
                        .collect();
                    return self.closure(peeled, params, ret.as_ref(), *closure_body, &given);
                }
                self.expr(*arg)
            })
            .collect()
    }

    /// What calling a value gives.
    fn result_of(&self, called: &Ty) -> Ty {
        match called {
            Ty::Closure(ret) => (**ret).clone(),
            Ty::FnItem(id) => {
                let ret = self.world.fns[*id].ret.clone();
                self.world.close(&ret, &self.scope, 0)
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
        let body = self.body.clone();
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
                        world.close(&ty, &self.scope.clone(), 0)
                    })
                    .collect();
                let ty = self.closure(peeled, params, ret.as_ref(), *closure_body, &given);
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
        world.close(&ret, &self.scope, 0)
    }

    /// A method call.
    pub(super) fn method_call(
        &mut self,
        id: ExprId,
        receiver: ExprId,
        method: &Name,
        turbofish: &[TypeRef],
        args: &[ExprId],
        span: Span,
    ) -> Ty {
        let receiver_ty = self.expr(receiver);
        let receiver_ty = self.erase_param(receiver_ty);
        self.note_passed(id, args);
        if let Some(ty) = self.sdk_method(id, receiver, &receiver_ty, method, args, span) {
            return ty;
        }
        let found = self.world.find_method(&receiver_ty, method, self.krate, 0);
        let hidden = matches!(&receiver_ty, Ty::Adt(..)) || args_fit(self, &found, args);
        if hidden && !found.is_empty() {
            let mut types = Vec::new();
            for one in found {
                self.edge(id, span, one.callee.clone());
                let mut map = one.map;
                let fish: Vec<Ty> = turbofish.iter().map(|ty| self.resolve(ty)).collect();
                for ty in &fish {
                    self.mention(ty);
                }
                map.extend(self.own_params(one.signature).into_iter().zip(fish));
                types.push(self.call_fn(one.signature, args, map, Some(&receiver_ty)));
            }
            return first_known(types);
        }
        let mut target = receiver_ty.clone();
        for _ in 0..8 {
            let Some(next) = self.world.deref_target(&target) else {
                break;
            };
            if let Some(ty) = self.sdk_method(id, receiver, &next, method, args, span) {
                return ty;
            }
            target = next;
        }
        if let Ty::Proj(base, assoc) = &receiver_ty {
            let candidates = self.world.projection_candidates(base, assoc);
            if let Some(ty) = self.on_candidates(id, receiver, &candidates, method, args, span) {
                return ty;
            }
        }
        self.outside_method(id, receiver, &receiver_ty, method, turbofish, args, span)
    }

    /// A parameter without traits of ours is what its bounds say: `C: Borrow<Client>` is a client.
    fn erase_param(&self, ty: Ty) -> Ty {
        let mut ty = ty;
        for _ in 0..8 {
            let Ty::Param(id) = &ty else { break };
            let data = &self.world.params[*id];
            match &data.erased {
                Some(erased) if data.traits.is_empty() && erased.is_interesting() => {
                    ty = erased.clone();
                }
                _ => break,
            }
        }
        ty
    }

    /// A method on an associated type that several impls define: every one counts.
    fn on_candidates(
        &mut self,
        id: ExprId,
        receiver: ExprId,
        candidates: &[Ty],
        method: &Name,
        args: &[ExprId],
        span: Span,
    ) -> Option<Ty> {
        let mut types = Vec::new();
        for candidate in candidates {
            if let Some(ty) = self.sdk_method(id, receiver, candidate, method, args, span) {
                types.push(ty);
                continue;
            }
            for one in self.world.find_method(candidate, method, self.krate, 0) {
                self.edge(id, span, one.callee.clone());
                types.push(self.call_fn(one.signature, args, one.map, Some(candidate)));
            }
        }
        (!types.is_empty()).then(|| first_known(types))
    }

    /// A method of another crate's type, or on a receiver that nobody knows.
    #[allow(clippy::too_many_arguments, reason = "the parts of one call")]
    fn outside_method(
        &mut self,
        id: ExprId,
        receiver: ExprId,
        receiver_ty: &Ty,
        method: &Name,
        turbofish: &[TypeRef],
        args: &[ExprId],
        span: Span,
    ) -> Ty {
        let element = match (&**method, args) {
            ("fold" | "try_fold", [first, _]) => Some(self.expr(*first)),
            _ => None,
        };
        let types = self.arguments(args, &[], Some(element.as_ref().unwrap_or(receiver_ty)));
        self.note_mutation(receiver, receiver_ty, method, args, &types);
        if matches!(receiver_ty, Ty::Unknown | Ty::External(_) | Ty::Closure(_)) {
            if let Some(ty) = self.fingerprint(id, method, args, span) {
                return ty;
            }
            if receiver_ty.is_unknown() {
                self.note_unresolved_send(receiver, method, args, span);
            }
            if receiver_ty.is_unknown() && !is_common(method) {
                self.edge(id, span, Callee::Weak(method.clone(), args.len()));
            }
        }
        // A closure's result decides what mapping methods give.
        let from_closure = types.iter().find_map(|ty| match ty {
            Ty::Closure(ret) => Some((**ret).clone()),
            Ty::FnItem(found) => Some(self.world.fns[*found].ret.clone()),
            Ty::SdkFn(sdk, op) => Some(Ty::Fluent(*sdk, op.clone())),
            _ => None,
        });
        let maps = matches!(
            &**method,
            "map"
                | "and_then"
                | "then"
                | "map_ok"
                | "filter_map"
                | "flat_map"
                | "fold"
                | "try_fold"
                | "get_or_init"
                | "get_or_try_init"
                | "map_or"
                | "map_or_else"
                | "with"
                | "spawn"
                | "then_some"
                | "scan"
                | "try_map"
                | "or_else"
                | "unwrap_or_else"
                | "or_insert_with"
                | "get_or_insert_with"
                | "with_borrow"
                | "call_once"
                | "buffer_unordered"
                | "is_some_and"
        );
        if maps && let Some(ret) = from_closure {
            let ret = self.world.close(&ret, &self.scope.clone(), 0);
            if ret.is_interesting() {
                return ret;
            }
            if matches!(
                &**method,
                "map" | "and_then" | "then" | "map_ok" | "filter_map" | "flat_map" | "map_or" | "map_or_else"
            ) {
                return ret;
            }
        }
        if let Some(written) = turbofish.first() {
            let ty = self.resolve(written);
            if ty.is_interesting() && !matches!(receiver_ty, Ty::Client(_) | Ty::Fluent(..)) {
                self.mention(&ty);
                return ty;
            }
        }
        match receiver_ty {
            Ty::Unknown => {
                // `x.unwrap_or(client)`, `map.entry(k).or_insert(client)`.
                types
                    .into_iter()
                    .find(|ty| matches!(ty, Ty::Client(_) | Ty::Fluent(..)) && is_default_giver(method))
                    .unwrap_or_default()
            }
            Ty::External(Some(name)) if is_plain(name) || name.starts_with(OTHER_SENDER) => {
                receiver_ty.clone()
            }
            Ty::External(_) => {
                if is_default_giver(method) {
                    first_known(types)
                } else {
                    Ty::Unknown
                }
            }
            Ty::Closure(ret) if matches!(&**method, "call" | "await" | "clone") => (**ret).clone(),
            _ if matches!(&**method, "enumerate" | "zip" | "iter" | "into_iter") => receiver_ty.clone(),
            _ => receiver_ty.clone(),
        }
    }

    /// Values that methods put into a variable.
    fn note_mutation(
        &mut self,
        receiver: ExprId,
        receiver_ty: &Ty,
        method: &Name,
        args: &[ExprId],
        types: &[Ty],
    ) {
        let place = self.body.peel(receiver);
        let Some(index) = self.facts.local_of.get(&place).copied() else {
            self.note_place_mutation(place, receiver_ty, method, args);
            return;
        };
        let depth = self.depth();
        let Some(local) = self.facts.locals.get_mut(index as usize) else {
            return;
        };
        match (&**method, args) {
            ("push_str", [arg]) => {
                let surely = local.depth == depth;
                local.sources.push(Source::Appended(*arg, surely));
            }
            ("push", [arg])
                if matches!(&self.body.expr(*arg).kind, ExprKind::Str(text) if text.chars().count() == 1)
                    && !receiver_ty.is_interesting() =>
            {
                let surely = local.depth == depth;
                local.sources.push(Source::Appended(*arg, surely));
            }
            (
                "insert_str"
                | "truncate"
                | "retain"
                | "write_fmt"
                | "write_str"
                | "replace_range"
                | "read_line"
                | "read_to_string"
                | "make_ascii_lowercase"
                | "make_ascii_uppercase"
                | "split_off",
                _,
            ) if !receiver_ty.is_interesting() => local.sources.push(Source::Filled),
            (
                "push" | "insert" | "extend" | "push_back" | "set" | "replace" | "append" | "push_front"
                | "extend_from_slice",
                args,
            ) if !args.is_empty() && !(&**method == "replace" && args.len() > 1) => {
                local.sources.push(Source::Element(args.to_vec()));
                if !receiver_ty.is_interesting()
                    && let Some(ty) = types.iter().rev().find(|ty| ty.is_interesting())
                {
                    local.ty = ty.clone();
                }
            }
            _ => {}
        }
    }

    /// Values that methods put into fields and statics.
    fn note_place_mutation(&mut self, place: ExprId, receiver_ty: &Ty, method: &Name, args: &[ExprId]) {
        let body = self.body.clone();
        // `text.replace(a, b)` gives a new text; only `cell.replace(x)` puts one in.
        let puts = !(&**method == "replace" && args.len() > 1)
            && matches!(
                &**method,
                "push"
                    | "insert"
                    | "extend"
                    | "push_back"
                    | "set"
                    | "replace"
                    | "append"
                    | "push_front"
                    | "extend_from_slice"
                    | "get_or_init"
                    | "get_or_try_init"
                    | "store"
                    | "get_or_insert_with"
                    | "insert_mut"
                    | "init"
                    | "set_default"
            );
        let writes = matches!(
            &**method,
            "push_str" | "insert_str" | "truncate" | "retain" | "write_fmt" | "write_str" | "replace_range"
        );
        match &body.expr(place).kind {
            ExprKind::Field { base, name } if !receiver_ty.is_interesting() => {
                let Ty::Adt(id, _) = self.facts.ty(*base).clone() else {
                    return;
                };
                match args.last() {
                    Some(last) if puts => self.facts.assigns.push((id, name.clone(), *last)),
                    _ if writes => self.facts.filled_fields.push((id, name.clone())),
                    _ => {}
                }
            }
            ExprKind::Path(_) if puts => {
                let target = self.facts.targets(place).iter().find_map(|target| match target {
                    Callee::Fn(id) if self.world.fns[*id].is_const => Some(*id),
                    _ => None,
                });
                if let (Some(id), Some(last)) = (target, args.last()) {
                    self.facts.static_values.push((id, *last));
                }
            }
            _ => {}
        }
    }

    /// A call of something outside the scanned code.
    fn external_call(&mut self, id: ExprId, found: &[Name], path: &Path, args: &[ExprId], span: Span) -> Ty {
        let types = self.arguments(args, &[], None);
        if let Some(ty) = self.library_call(id, found, args, span) {
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

/// Whether methods of traits on outside types can be meant: as many arguments as the method takes.
fn args_fit(infer: &Infer<'_, '_>, found: &[Found], args: &[ExprId]) -> bool {
    found.iter().all(|one| {
        let data = &infer.world.fns[one.signature];
        data.item.param_types.len() == args.len() + usize::from(data.item.has_self)
    })
}

/// What an outside fn gives: the last argument that says something, if it is one of those that hand it on.
fn pass_through(name: &str, types: &[Ty]) -> Ty {
    let hands_on = matches!(
        name,
        "new"
            | "pin"
            | "from"
            | "clone"
            | "Some"
            | "Ok"
            | "spawn"
            | "spawn_local"
            | "spawn_blocking"
            | "block_on"
            | "join_all"
            | "try_join_all"
            | "ready"
            | "into"
            | "try_from"
            | "timeout"
            | "take"
            | "replace"
            | "from_std"
            | "from_fn"
            | "Box"
            | "once"
            | "iter"
            | "repeat"
            | "new_cyclic"
            | "leak"
            | "swap"
            | "default"
            | "retry"
            | "with_value"
            | "select"
            | "State"
            | "Extension"
            | "Data"
            | "Reverse"
            | "Json"
            | "identity"
            | "black_box"
            | "join"
            | "try_join"
            | "try_unwrap"
            | "from_iter"
            | "pending"
            | "from_pointee"
            | "unwrap_or_clone"
            | "const_new"
            | "new_with"
            | "poll_fn"
            | "lazy"
            | "retry_notify"
            | "spawn_notify"
    );
    let interesting = types.iter().rev().find(|ty| ty.is_interesting());
    match interesting {
        Some(Ty::Closure(ret)) if hands_on => {
            if ret.is_interesting() {
                (**ret).clone()
            } else {
                Ty::Closure(ret.clone())
            }
        }
        Some(ty) if hands_on => ty.clone(),
        _ => Ty::Unknown,
    }
}

/// Types whose methods never give a client.
fn is_plain(name: &str) -> bool {
    matches!(
        name,
        "String"
            | "str"
            | "bool"
            | "char"
            | "u8"
            | "u16"
            | "u32"
            | "u64"
            | "u128"
            | "usize"
            | "i8"
            | "i16"
            | "i32"
            | "i64"
            | "i128"
            | "isize"
            | "f32"
            | "f64"
            | "Duration"
            | "Instant"
            | "PathBuf"
            | "Uuid"
            | "DateTime"
            | "SystemTime"
    )
}

/// Methods whose argument may be what comes back.
fn is_default_giver(method: &str) -> bool {
    matches!(
        method,
        "unwrap_or" | "or_insert" | "or" | "get_or_insert" | "insert" | "replace"
    )
}

/// Names of std and iterator methods: a receiver nobody knows says nothing with them.
pub(super) fn is_common(method: &str) -> bool {
    matches!(
        method,
        "clone"
            | "unwrap"
            | "expect"
            | "map"
            | "map_err"
            | "and_then"
            | "ok_or"
            | "ok_or_else"
            | "into"
            | "iter"
            | "into_iter"
            | "collect"
            | "push"
            | "insert"
            | "get"
            | "get_mut"
            | "len"
            | "is_empty"
            | "to_string"
            | "to_owned"
            | "as_str"
            | "as_ref"
            | "as_mut"
            | "as_deref"
            | "unwrap_or"
            | "unwrap_or_else"
            | "unwrap_or_default"
            | "find"
            | "filter"
            | "filter_map"
            | "fold"
            | "eq"
            | "ne"
            | "cmp"
            | "partial_cmp"
            | "hash"
            | "fmt"
            | "next"
            | "poll"
            | "into_inner"
            | "borrow"
            | "borrow_mut"
            | "lock"
            | "read"
            | "write"
            | "load"
            | "store"
            | "take"
            | "replace"
            | "set"
            | "contains"
            | "starts_with"
            | "ends_with"
            | "trim"
            | "split"
            | "join"
            | "parse"
            | "first"
            | "last"
            | "pop"
            | "remove"
            | "clear"
            | "extend"
            | "sort"
            | "sort_by"
            | "sort_by_key"
            | "rev"
            | "enumerate"
            | "zip"
            | "chain"
            | "any"
            | "all"
            | "count"
            | "sum"
            | "min"
            | "max"
            | "skip"
            | "cloned"
            | "copied"
            | "ok"
            | "err"
            | "is_some"
            | "is_none"
            | "is_ok"
            | "is_err"
            | "as_bytes"
            | "as_slice"
            | "drain"
            | "entry"
            | "or_insert"
            | "or_default"
            | "keys"
            | "values"
            | "flatten"
            | "flat_map"
            | "context"
            | "with_context"
            | "from"
            | "try_into"
            | "try_from"
            | "default"
            | "drop"
            | "deref"
            | "build"
            | "send"
            | "await"
            | "method"
            | "headers"
            | "body"
            | "status"
            | "source"
            | "description"
            | "to_vec"
            | "name"
    )
}
