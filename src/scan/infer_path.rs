//! Inference of paths as values: variables, fns, constructors, associated fns.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::dispatch::Found;
use super::facts::Callee;
use super::infer::Infer;
use super::ir::{ExprId, Name, Path, Segment, Span, TypeRef};
use super::types::Ty;
use super::world::{AdtId, Def, FnId, ParamId, TraitId};

impl Infer<'_, '_> {
    pub(super) fn resolve_value(&mut self, path: &Path) -> Value {
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

    pub(super) fn constructor_type(&self, id: AdtId, path: &Path) -> Ty {
        let args: Vec<Ty> = path
            .segments
            .iter()
            .flat_map(|segment| &segment.args)
            .map(|arg| self.resolve(arg))
            .collect();
        self.world.type_of_def(&Def::Adt(id), args, 0)
    }

    /// `Type::name`, `Self::name`, `T::name`.
    pub(super) fn type_relative(&mut self, path: &Path) -> Value {
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
            segments: prefix.into(),
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

    pub(super) fn in_trait(&self, id: TraitId, name: &Name) -> Value {
        match self.world.in_trait(id, name, 0) {
            Some(Found {
                callee: Callee::Virtual(owner, name),
                signature,
                ..
            }) => Value::Virtual(owner, name, signature, None),
            _ => Value::Unknown,
        }
    }

    pub(super) fn associated(&self, ty: &Ty, name: &Name) -> Value {
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
                }) => {
                    let on = match ty {
                        Ty::Param(param) => Some(*param),
                        _ => None,
                    };
                    Value::Virtual(id, name, signature, on)
                }
                _ => Value::Derived(ty.clone(), name.clone()),
            },
        }
    }

    /// Parameters of a fn that its path's last segment gives.
    pub(super) fn turbofish(&mut self, id: FnId, segment: Option<&Segment>) -> BTreeMap<ParamId, Ty> {
        let args: Vec<Ty> = segment
            .map(|segment| segment.args.iter().map(|arg| self.resolve(arg)).collect())
            .unwrap_or_default();
        for arg in &args {
            self.mention(arg);
        }
        self.own_params(id).into_iter().zip(args).collect()
    }

    /// Generic parameters of the fn itself, without those of its impl.
    pub(super) fn own_params(&self, id: FnId) -> Vec<ParamId> {
        let data = &self.world.fns[id];
        let count = data.item.generics.len();
        let all = &data.scope.params;
        all.iter()
            .skip(all.len().saturating_sub(count + data.anonymous))
            .take(count)
            .map(|(_, id)| *id)
            .collect()
    }

    /// A path as a value of its own: variable, constant, fn that is handed on.
    pub(super) fn path_expr(&mut self, id: ExprId, path: &Path, span: Span) -> Ty {
        match self.resolve_value(path) {
            Value::Local(index) => {
                self.facts.local_of.insert(id, index);
                self.read_local(index)
            }
            Value::Fn(found, _) => {
                self.edge(id, span, Callee::Fn(found));
                self.facts.fn_values.push(found);
                if self.world.fns[found].is_const {
                    let ret = self.world.fns[found].ret.clone();
                    self.world.close(&ret, self.scope, 0)
                } else {
                    Ty::FnItem(found)
                }
            }
            Value::Virtual(owner, name, signature, on) => {
                self.edge_on(id, span, Callee::Virtual(owner, name), on);
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
                if let Ty::Adt(adt, given) = &ty {
                    self.note_type_args(*adt, given);
                }
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
                if let Ty::Adt(adt, given) = &ty {
                    self.facts.constructed.insert(*adt);
                    self.note_type_args(*adt, given);
                }
                Ty::Closure(Arc::new(ty))
            }
            Value::Unknown => Ty::Unknown,
        }
    }
}

/// What a path means as a value.
pub(super) enum Value {
    Local(u32),
    Fn(FnId, BTreeMap<ParamId, Ty>),
    /// A trait's fn, its signature, and the parameter of `T::name`.
    Virtual(TraitId, Name, FnId, Option<ParamId>),
    Constructor(AdtId, u32, Ty),
    /// An associated fn of an SDK type.
    Sdk(Ty, Name),
    External(Arc<[Name]>),
    /// An associated fn of a type of ours that was not found: derived, or of an outside trait.
    Derived(Ty, Name),
    Unknown,
}
