//! Method look-up: which fns `receiver.name(…)` can mean.

use std::collections::{BTreeMap, BTreeSet};

use super::facts::Callee;
use super::types::Ty;
use super::world::{CrateId, FnId, ImplId, ParamId, TraitId, World};

/// Depth of supertraits and deref chains.
const MAX_CHAIN: usize = 12;

/// What a method name on a type means.
#[derive(Clone, Debug)]
pub struct Found {
    /// The fn, or the trait's method.
    pub callee: Callee,
    /// The fn whose signature counts.
    pub signature: FnId,
    /// Parameters of the impl that the receiver fixes.
    pub map: BTreeMap<ParamId, Ty>,
}

impl World<'_> {
    /// Every fn that `name` can mean on `ty`, seen from `krate`. Inherent methods hide those of traits.
    pub fn find_method(&self, ty: &Ty, name: &str, krate: CrateId, depth: usize) -> Vec<Found> {
        if depth > MAX_CHAIN {
            return Vec::new();
        }
        match ty {
            Ty::Adt(id, _) => {
                let mut found = self.in_impls(&self.adts[*id].impls, ty, name, true);
                if found.is_empty() {
                    found = self.in_impls(&self.adts[*id].impls, ty, name, false);
                }
                if found.is_empty() {
                    found = self.default_methods(&self.adts[*id].impls, ty, name);
                }
                if found.is_empty() {
                    found = self.blanket_methods(name, krate);
                }
                if found.is_empty()
                    && let Some(target) = self.deref_target(ty)
                {
                    found = self.find_method(&target, name, krate, depth + 1);
                }
                if found.is_empty() && self.adts[*id].attrs.unknown_macro {
                    found = self.macro_methods(name, krate);
                }
                found
            }
            Ty::Dyn(traits) => traits
                .iter()
                .find_map(|id| self.in_trait(*id, name, 0))
                .into_iter()
                .collect(),
            Ty::Param(id) => {
                let data = &self.params[*id];
                let found = data.traits.iter().enumerate().find_map(|(index, id)| {
                    let mut found = self.in_trait(*id, name, 0)?;
                    if let Some(given) = data.given.get(index) {
                        found.map.extend(self.params_of_trait(*id, &given.args));
                    }
                    Some(found)
                });
                if let Some(found) = found {
                    return vec![found];
                }
                match &self.params[*id].erased {
                    Some(erased) if erased != ty => self.find_method(&erased.clone(), name, krate, depth + 1),
                    _ => self.blanket_methods(name, krate),
                }
            }
            Ty::Proj(base, assoc) => self.on_projection(base, assoc, name),
            Ty::Unknown => Vec::new(),
            _ => self.foreign_methods(ty, name, krate),
        }
    }

    fn in_impls(&self, impls: &[ImplId], ty: &Ty, name: &str, inherent: bool) -> Vec<Found> {
        let mut found = Vec::new();
        for id in impls {
            let data = &self.impls[*id];
            let is_inherent = data.item.of_trait.is_none();
            if is_inherent != inherent {
                continue;
            }
            let Some(method) = data.fns.get(name) else {
                continue;
            };
            let mut map = BTreeMap::new();
            if self.unify(&data.self_ty, ty, &mut map, 0) {
                found.push(Found {
                    callee: Callee::Fn(*method),
                    signature: *method,
                    map,
                });
            }
        }
        found
    }

    /// A method that the type's traits give by default.
    fn default_methods(&self, impls: &[ImplId], ty: &Ty, name: &str) -> Vec<Found> {
        for id in impls {
            let data = &self.impls[*id];
            let Some(of_trait) = data.of_trait else {
                continue;
            };
            if let Some(method) = self.traits[of_trait].fns.get(name) {
                let mut map = BTreeMap::new();
                if self.unify(&data.self_ty, ty, &mut map, 0) {
                    return vec![Found {
                        callee: Callee::Fn(*method),
                        signature: *method,
                        map,
                    }];
                }
            }
        }
        Vec::new()
    }

    /// Methods of `impl<T> Trait for T` and of traits implemented for all sorts of outside types.
    fn blanket_methods(&self, name: &str, krate: CrateId) -> Vec<Found> {
        self.foreign_fns
            .get(name)
            .into_iter()
            .flatten()
            .filter(|id| {
                let data = &self.impls[**id];
                matches!(data.self_ty, Ty::Param(_)) && self.sees(krate, data.krate)
            })
            .filter_map(|id| self.impl_or_default(*id, name))
            .collect()
    }

    /// Methods that an attribute macro such as `#[enum_dispatch]` may give a type: those of every trait in sight.
    fn macro_methods(&self, name: &str, krate: CrateId) -> Vec<Found> {
        // Methods of the containers that a type may stand in, which its own type hides.
        if super::known_names::is_common(name) {
            return Vec::new();
        }
        self.trait_fns
            .get(name)
            .into_iter()
            .flatten()
            .filter(|id| {
                let home = self.modules[self.traits[**id].scope.module].krate;
                self.sees(krate, home)
            })
            .filter_map(|id| self.in_trait(*id, name, 0))
            .collect()
    }

    fn impl_or_default(&self, id: ImplId, name: &str) -> Option<Found> {
        let data = &self.impls[id];
        let method = data.fns.get(name).copied().or_else(|| {
            data.of_trait
                .and_then(|id| self.traits[id].fns.get(name).copied())
        })?;
        Some(Found {
            callee: Callee::Fn(method),
            signature: method,
            map: BTreeMap::new(),
        })
    }

    /// Methods of our traits on clients and other outside types.
    fn foreign_methods(&self, ty: &Ty, name: &str, krate: CrateId) -> Vec<Found> {
        let mut exact = Vec::new();
        let mut blanket = Vec::new();
        for id in self.foreign_fns.get(name).into_iter().flatten() {
            let data = &self.impls[*id];
            if !self.sees(krate, data.krate) {
                continue;
            }
            let fits = match (&data.self_ty, ty) {
                (Ty::Param(_), _) => false,
                // Outside types are not told apart by their arguments: the method's name decides.
                (Ty::External(_), Ty::External(_)) => true,
                (a, b) => a == b,
            };
            if fits {
                exact.extend(self.impl_or_default(*id, name));
            } else if matches!(data.self_ty, Ty::Param(_)) {
                blanket.extend(self.impl_or_default(*id, name));
            }
        }
        if exact.is_empty() { blanket } else { exact }
    }

    /// `name` in a trait or its supertraits.
    pub fn in_trait(&self, id: TraitId, name: &str, depth: usize) -> Option<Found> {
        if depth > MAX_CHAIN {
            return None;
        }
        let data = &self.traits[id];
        if let Some(method) = data.fns.get(name) {
            return Some(Found {
                callee: Callee::Virtual(id, self.fns[*method].item.name.clone()),
                signature: *method,
                map: BTreeMap::new(),
            });
        }
        data.supertraits
            .iter()
            .find_map(|id| self.in_trait(*id, name, depth + 1))
    }

    /// A method on `<T as Trait>::Assoc`: by the bounds of the associated type, else by the types all impls give it.
    fn on_projection(&self, base: &Ty, assoc: &str, name: &str) -> Vec<Found> {
        let traits: Vec<TraitId> = match base {
            Ty::Param(id) => self.params[*id].traits.clone(),
            Ty::Dyn(traits) => traits.to_vec(),
            _ => return Vec::new(),
        };
        for id in traits {
            let data = &self.traits[id];
            let bounds = data.item.types.iter().find(|(found, _)| &**found == assoc);
            if let Some((_, bounds)) = bounds {
                let meaning = self.bounds_meaning(&data.scope, bounds, 0);
                let found: Vec<Found> = meaning
                    .traits
                    .iter()
                    .find_map(|id| self.in_trait(*id, name, 0))
                    .into_iter()
                    .collect();
                if !found.is_empty() {
                    return found;
                }
            }
        }
        Vec::new()
    }

    /// The types that impls give to an associated type of a parameter or trait object.
    pub fn projection_candidates(&self, base: &Ty, assoc: &str) -> Vec<Ty> {
        let traits: Vec<TraitId> = match base {
            Ty::Param(id) => self.params[*id].traits.clone(),
            Ty::Dyn(traits) => traits.to_vec(),
            _ => return Vec::new(),
        };
        let mut found = Vec::new();
        for id in traits {
            for impl_id in &self.traits[id].impls {
                if let Some(ty) = self.impls[*impl_id].types.get(assoc)
                    && !found.contains(ty)
                {
                    found.push(ty.clone());
                }
            }
        }
        found
    }

    /// `Target` of a type's `Deref`, written or derived.
    pub fn deref_target(&self, ty: &Ty) -> Option<Ty> {
        self.associated(ty, &["Deref"], "Target")
            .or_else(|| self.derived_target(ty))
    }

    /// What a type of ours gives one by one: `Item` of its iterator or stream.
    pub fn items_of(&self, ty: &Ty) -> Option<Ty> {
        self.associated(
            ty,
            &["Iterator", "IntoIterator", "Stream", "AsyncIterator"],
            "Item",
        )
    }

    /// An associated type of the impl of one of these outside traits for a type of ours.
    fn associated(&self, ty: &Ty, traits: &[&str], name: &str) -> Option<Ty> {
        let Ty::Adt(id, _) = ty else { return None };
        self.adts[*id].impls.iter().find_map(|id| {
            let data = &self.impls[*id];
            if !data
                .external_trait
                .as_deref()
                .is_some_and(|of| traits.contains(&of))
            {
                return None;
            }
            let target = data.types.get(name)?;
            let mut map = BTreeMap::new();
            self.unify(&data.self_ty, ty, &mut map, 0);
            Some(self.substitute(target, &map, 0))
        })
    }

    /// The field that `#[derive(Deref)]` of derive_more gives: the one with `#[deref]`, or the only one.
    fn derived_target(&self, ty: &Ty) -> Option<Ty> {
        let Ty::Adt(id, args) = ty else { return None };
        let data = &self.adts[*id];
        let derives = data
            .attrs
            .derives
            .iter()
            .any(|derive| matches!(&**derive, "Deref" | "Shrinkwrap"));
        let [fields] = data.variants.as_slice() else {
            return None;
        };
        if !derives || data.is_enum {
            return None;
        }
        let marked = fields.fields.iter().position(|field| field.attrs.derefs);
        let index = marked.or_else(|| (fields.types.len() == 1).then_some(0))?;
        let map = data.params.iter().copied().zip(args.iter().cloned()).collect();
        Some(self.substitute(fields.types.get(index)?, &map, 0))
    }

    /// The impls of a method of `of_trait` for the given constructed types: the fns to run. An attribute macro that is
    /// not known (`#[typetag::serde]`) may register its impl by itself, so that nothing need construct the type.
    pub fn implementations(
        &self,
        of_trait: TraitId,
        name: &str,
        constructed: &dyn Fn(&Ty) -> bool,
    ) -> BTreeSet<FnId> {
        let mut fns = BTreeSet::new();
        for id in &self.traits[of_trait].impls {
            let data = &self.impls[*id];
            if !data.unknown_macro && !constructed(&data.self_ty) {
                continue;
            }
            match data.fns.get(name) {
                Some(method) => {
                    fns.insert(*method);
                }
                None => {
                    if let Some(default) = self.traits[of_trait].fns.get(name) {
                        fns.insert(*default);
                    }
                }
            }
        }
        fns
    }

    /// Parameters that belong to a fn or its owner, so that they must not leak to callers.
    pub fn close(&self, ty: &Ty, scope: &super::world::Scope, depth: usize) -> Ty {
        if depth > super::types::MAX_DEPTH {
            return Ty::Unknown;
        }
        match ty {
            Ty::Param(id) if scope.params.iter().any(|(_, own)| own == id) => ty.clone(),
            Ty::Param(id) => {
                let data = &self.params[*id];
                if !data.traits.is_empty() {
                    Ty::Dyn(data.traits.clone().into())
                } else if let Some(erased) = data.erased.clone() {
                    self.close(&erased, scope, depth + 1)
                } else {
                    Ty::Unknown
                }
            }
            Ty::Adt(id, args) => Ty::Adt(
                *id,
                args.iter().map(|arg| self.close(arg, scope, depth + 1)).collect(),
            ),
            Ty::Tuple(parts) => Ty::Tuple(
                parts
                    .iter()
                    .map(|part| self.close(part, scope, depth + 1))
                    .collect(),
            ),
            Ty::Closure(ret) => Ty::Closure(std::sync::Arc::new(self.close(ret, scope, depth + 1))),
            Ty::Proj(base, name) => match &**base {
                Ty::Param(id) if scope.params.iter().any(|(_, own)| own == id) => ty.clone(),
                base => {
                    let candidates = self.projection_candidates(base, name);
                    match candidates.as_slice() {
                        [only] => self.close(only, scope, depth + 1),
                        _ => Ty::Unknown,
                    }
                }
            },
            _ => ty.clone(),
        }
    }
}
