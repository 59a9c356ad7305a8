//! Erased types: only what decides which operation a call means. References, smart pointers and collections are their
//! content; whatever is not a client, a builder or one of the scanned types is external.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::ir::{Name, Path, TypeRef};
use super::outside_types::{erase, other_sender};
use super::world::{AdtId, Def, FnId, ParamId, Scope, SdkId, TraitId, World};

/// Nesting of types beyond which nothing is looked at any more.
pub const MAX_DEPTH: usize = 30;

/// An erased type.
#[derive(Clone, Debug, PartialEq, Default)]
pub enum Ty {
    /// No idea.
    #[default]
    Unknown,
    /// Known to be neither ours nor a client; the last name of its path.
    External(Option<Name>),
    /// A client of an SDK crate.
    Client(SdkId),
    /// The builder of an operation (its method name), its paginator or its waiter.
    Fluent(SdkId, Name),
    /// An operation's input, or its builder.
    Input(SdkId, Name),
    /// The response of an operation, or a part of it.
    Response(SdkId, Name),
    /// A structure of an SDK crate, or its builder.
    SdkType(SdkId, Name),
    /// A value of a crate that calls AWS for the application: the crate's name in paths.
    Wrapper(Name),
    /// One of the scanned types.
    Adt(AdtId, Arc<[Ty]>),
    /// `dyn` or `impl` of our traits.
    Dyn(Arc<[TraitId]>),
    /// A generic parameter.
    Param(ParamId),
    /// An associated type.
    Proj(Arc<Ty>, Name),
    /// A tuple.
    Tuple(Arc<[Ty]>),
    /// A fn as a value.
    FnItem(FnId),
    /// A method of a client as a value.
    SdkFn(SdkId, Name),
    /// A closure or fn pointer, with what calling it gives.
    Closure(Arc<Ty>),
}

impl Ty {
    /// An external type without a name.
    pub const EXTERNAL: Self = Self::External(None);

    /// Whether the type says something that an erased wrapper should pass on.
    pub fn is_interesting(&self) -> bool {
        match self {
            Self::Unknown | Self::External(_) => false,
            Self::Tuple(parts) => parts.iter().any(Self::is_interesting),
            Self::Closure(ret) => ret.is_interesting(),
            _ => true,
        }
    }

    /// Whether nothing is known.
    pub fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown)
    }
}

impl World<'_> {
    /// The erased type of a written type.
    pub fn resolve_type(&self, scope: &Scope, ty: &TypeRef, depth: usize) -> Ty {
        if depth > MAX_DEPTH {
            return Ty::Unknown;
        }
        match ty {
            TypeRef::Path(path) => self.resolve_path_type(scope, path, depth + 1),
            TypeRef::Inner(inner) => self.resolve_type(scope, inner, depth + 1),
            TypeRef::Tuple(parts) if parts.is_empty() => Ty::EXTERNAL,
            TypeRef::Tuple(parts) => Ty::Tuple(
                parts
                    .iter()
                    .map(|part| self.resolve_type(scope, part, depth + 1))
                    .collect(),
            ),
            TypeRef::Fn(ret) => Ty::Closure(Arc::new(self.resolve_type(scope, ret, depth + 1))),
            TypeRef::Dyn(bounds) | TypeRef::Impl(bounds) => {
                let meaning = self.bounds_meaning(scope, bounds, depth + 1);
                if let Some((_, ret)) = meaning.call {
                    Ty::Closure(Arc::new(ret))
                } else if !meaning.traits.is_empty() {
                    Ty::Dyn(meaning.traits.into())
                } else {
                    meaning.erased.unwrap_or(Ty::EXTERNAL)
                }
            }
            TypeRef::Unknown => Ty::Unknown,
        }
    }

    fn resolve_path_type(&self, scope: &Scope, path: &Path, depth: usize) -> Ty {
        if let Some((qself, _)) = &path.qself {
            let base = self.resolve_type(scope, qself, depth + 1);
            let name = path.segments.last().map(|last| last.name.clone());
            return name.map_or(Ty::Unknown, |name| self.project(&base, &name, depth + 1));
        }
        let Some(first) = path.segments.first() else {
            return Ty::Unknown;
        };
        let head = if &*first.name == "Self" {
            scope.self_ty.clone()
        } else if path.global {
            None
        } else {
            scope
                .params
                .iter()
                .rev()
                .find(|(name, _)| *name == first.name)
                .map(|(_, id)| Ty::Param(*id))
        };
        if let Some(mut ty) = head {
            for segment in path.segments.iter().skip(1) {
                ty = self.project(&ty, &segment.name, depth + 1);
            }
            return ty;
        }
        let args: Vec<Ty> = path
            .segments
            .last()
            .map(|last| {
                last.args
                    .iter()
                    .map(|arg| self.resolve_type(scope, arg, depth + 1))
                    .collect()
            })
            .unwrap_or_default();
        match self.resolve_path(scope.module, path, true) {
            Some(def) => self.type_of_def(&def, args, depth + 1),
            None => {
                // A crate that no manifest declares.
                let other = match path.segments.len() {
                    1 => None,
                    _ => other_sender(&first.name),
                };
                other.unwrap_or_else(|| erase(path.segments.last().map(|last| &last.name), &args))
            }
        }
    }

    /// The type that a definition with arguments stands for.
    pub fn type_of_def(&self, def: &Def, args: Vec<Ty>, depth: usize) -> Ty {
        if depth > MAX_DEPTH {
            return Ty::Unknown;
        }
        match def {
            Def::Adt(id) | Def::Variant(id, _) => {
                let mut args = args;
                args.resize(self.adts[*id].params.len(), Ty::Unknown);
                Ty::Adt(*id, args.into())
            }
            Def::Trait(id) => Ty::Dyn([*id].into()),
            Def::Alias(id) => {
                let alias = &self.aliases[*id];
                let target = self.resolve_type(&alias.scope, &alias.target, depth + 1);
                let mut map = BTreeMap::new();
                for (index, param) in alias.params.iter().enumerate() {
                    // A parameter without an argument must not leak into the caller's parameters.
                    let arg = args.get(index).cloned().unwrap_or(Ty::Unknown);
                    map.insert(*param, arg);
                }
                self.substitute(&target, &map, depth + 1)
            }
            Def::Sdk(sdk, path) => self.sdk_type(*sdk, path),
            Def::External(path) if self.is_wrapper_type(path) => {
                path.first().cloned().map_or(Ty::Unknown, Ty::Wrapper)
            }
            Def::External(path) => {
                let ty = erase(path.last(), &args);
                match (ty, path.first().and_then(|first| other_sender(first))) {
                    (Ty::External(_), Some(other)) => other,
                    (ty, _) => ty,
                }
            }
            Def::Module(_) | Def::Fn(_) => Ty::Unknown,
        }
    }

    /// Whether a path names a type of a crate that calls AWS for the application.
    pub(super) fn is_wrapper_type(&self, path: &[Name]) -> bool {
        let (Some(krate), Some(name)) = (path.first(), path.last()) else {
            return false;
        };
        self.wrapper(krate)
            .is_some_and(|wrapper| path.len() > 1 && wrapper.types.contains(&**name))
    }

    /// The type that a path inside an SDK crate names, in the present and the old (0.x) layout.
    pub fn sdk_type(&self, sdk: SdkId, path: &[Name]) -> Ty {
        let Some(last) = path.last() else {
            return Ty::EXTERNAL;
        };
        let second_last = path
            .len()
            .checked_sub(2)
            .and_then(|index| path.get(index))
            .map_or("", |name| &**name);
        let operation = |name: &str| -> Option<Name> {
            // `operation::put_item::…` carries the method; the old layout only the type's name.
            let module = path
                .iter()
                .position(|part| &**part == "operation")
                .and_then(|at| path.get(at + 1))
                .filter(|module| path.last() != Some(module));
            match module {
                Some(module) => Some(module.clone()),
                None => Some(Arc::from(crate::catalog::snake_case(name))),
            }
        };
        if &**last == "Client" {
            return Ty::Client(sdk);
        }
        let krate = self.sdks[sdk].package.replace('-', "_");
        if let Some(wrapper) = self.wrapper(&krate)
            && wrapper.types.contains(&**last)
        {
            return Ty::Wrapper(Arc::from(krate));
        }
        if second_last == "fluent_builders" {
            return operation(last).map_or(Ty::Unknown, |op| Ty::Fluent(sdk, op));
        }
        for suffix in ["FluentBuilder", "Paginator", "PaginatorItems"] {
            if let Some(name) = last.strip_suffix(suffix) {
                return operation(name).map_or(Ty::Unknown, |op| Ty::Fluent(sdk, op));
            }
        }
        for suffix in ["InputBuilder", "Input"] {
            if let Some(name) = last.strip_suffix(suffix) {
                let op = operation(name);
                let known = op.as_ref().is_some_and(|op| {
                    self.sdks[sdk]
                        .service
                        .is_none_or(|service| service.operation_of_method(op).is_some())
                });
                if known && second_last != "types" && second_last != "model" {
                    return op.map_or(Ty::Unknown, |op| Ty::Input(sdk, op));
                }
            }
        }
        if let Some(name) = last.strip_suffix("Output")
            && let Some(op) = operation(name)
        {
            let known = self.sdks[sdk]
                .service
                .is_some_and(|service| service.operation_of_method(&op).is_some());
            if known {
                return Ty::Response(sdk, op);
            }
        }
        if matches!(second_last, "types" | "model") || second_last.is_empty() || second_last == "builders" {
            let name = if second_last == "builders" || path.iter().any(|part| &**part == "builder") {
                last.strip_suffix("Builder").unwrap_or(last)
            } else {
                last
            };
            if last.chars().next().is_some_and(char::is_uppercase)
                && !matches!(
                    &**last,
                    "Config" | "Error" | "Region" | "Credentials" | "SdkError"
                )
            {
                return Ty::SdkType(sdk, Arc::from(name));
            }
        }
        Ty::External(Some(last.clone()))
    }

    /// `<base as _>::name`, looked up in the impls of the type.
    pub fn project(&self, base: &Ty, name: &Name, depth: usize) -> Ty {
        if depth > MAX_DEPTH {
            return Ty::Unknown;
        }
        match base {
            Ty::Adt(id, args) => {
                for impl_id in &self.adts[*id].impls {
                    let data = &self.impls[*impl_id];
                    if let Some(ty) = data.types.get(name) {
                        let mut map = BTreeMap::new();
                        if self.unify(&data.self_ty, base, &mut map, depth + 1) {
                            return self.substitute(ty, &map, depth + 1);
                        }
                    }
                }
                let _ = args;
                Ty::Unknown
            }
            Ty::Client(_) | Ty::External(_) | Ty::SdkType(..) => self
                .foreign_impls
                .iter()
                .filter(|id| self.impls[**id].self_ty == *base)
                .find_map(|id| self.impls[*id].types.get(name))
                .cloned()
                .unwrap_or(Ty::Unknown),
            Ty::Param(id) => {
                if self.params[*id].traits.is_empty() {
                    // `F::Output`, `I::Item`: what the parameter erases to.
                    if let Some(erased) = &self.params[*id].erased {
                        return erased.clone();
                    }
                }
                Ty::Proj(Arc::new(base.clone()), name.clone())
            }
            Ty::Dyn(_) | Ty::Proj(..) => Ty::Proj(Arc::new(base.clone()), name.clone()),
            Ty::Closure(ret) if &**name == "Output" => (**ret).clone(),
            _ => Ty::Unknown,
        }
    }
}
