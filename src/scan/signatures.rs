//! Types of fields, impls, bounds and signatures, once names resolve.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rayon::prelude::*;
use rustc_hash::FxHashMap;
use thin_vec::ThinVec;

use super::bounds::BoundsMeaning;
use super::ir::{Name, TypeRef};
use super::types::Ty;
use super::world::{AdtId, Def, FnId, ImplId, Owner, ParamData, ParamId, Scope, TraitId, Variant, World};

/// Second half: once names resolve, types of fields, impls and signatures.
pub fn resolve_signatures(world: &mut World<'_>) {
    resolve_impl_heads(world);
    resolve_params(world);
    resolve_traits(world);
    link_impls(world);
    resolve_fields(world);
    resolve_fns(world);
    // Associated types may need each other's results: the bounds are read again with everything in place.
    if resolve_params(world) {
        resolve_fns(world);
    }
    name_impl_arguments(world);
    collect_methods(world);
}

/// Makes `impl Trait` in the place of a parameter's type a generic parameter of its own, as the language does: each call
/// puts its own type there.
fn name_impl_arguments(world: &mut World<'_>) {
    let shared: &World<'_> = world;
    let ids: Vec<FnId> = shared.fns.ids().collect();
    let found: Vec<(FnId, Vec<(usize, BoundsMeaning)>)> = ids
        .into_par_iter()
        .map(|id| (id, impl_arguments(shared, id)))
        .filter(|(_, found)| !found.is_empty())
        .collect();
    for (id, found) in found {
        let mut scope = (*world.fns[id].scope).clone();
        let anonymous = found.len();
        for (index, meaning) in found {
            // No code can name it.
            let name: Name = Arc::from("impl Trait");
            let param = world.params.push(ParamData {
                name: name.clone(),
                bounds: ThinVec::new(),
                traits: meaning.traits,
                given: meaning.given,
                erased: meaning.erased,
                call: None,
            });
            scope.params.push((name, param));
            if let Some(slot) = world.fns[id].params.get_mut(index) {
                *slot = Ty::Param(param);
            }
        }
        let data = &mut world.fns[id];
        data.scope = Arc::new(scope);
        data.anonymous = anonymous;
    }
}

/// The parameters of a fn that are written as `impl Trait` of our traits, by index.
fn impl_arguments(world: &World<'_>, id: FnId) -> Vec<(usize, BoundsMeaning)> {
    let data = &world.fns[id];
    let written = data.item.param_types.iter().enumerate();
    written
        .filter_map(|(index, mut written)| {
            while let TypeRef::Inner(inner) = written {
                written = inner;
            }
            let TypeRef::Impl(bounds) = written else {
                return None;
            };
            let meaning = world.bounds_meaning(&data.scope, bounds, 0);
            (meaning.call.is_none() && !meaning.traits.is_empty()).then_some((index, meaning))
        })
        .collect()
}

/// What an impl implements, and for which type.
struct ImplHead {
    scope: Scope,
    self_ty: Ty,
    of_trait: Option<TraitId>,
    external_trait: Option<Name>,
    trait_args: Vec<Ty>,
}

fn resolve_impl_heads(world: &mut World<'_>) {
    let shared: &World<'_> = world;
    let ids: Vec<ImplId> = shared.impls.ids().collect();
    let heads: Vec<ImplHead> = ids.par_iter().map(|id| impl_head(shared, *id)).collect();
    for (id, head) in ids.into_iter().zip(heads) {
        let data = &mut world.impls[id];
        data.scope = Arc::new(head.scope);
        data.self_ty = head.self_ty;
        data.of_trait = head.of_trait;
        data.external_trait = head.external_trait;
        data.trait_args = head.trait_args;
    }
}

fn impl_head(world: &World<'_>, id: ImplId) -> ImplHead {
    let data = &world.impls[id];
    let self_ty = world.resolve_type(&data.scope, &data.item.self_ty, 0);
    let mut head = ImplHead {
        scope: (*data.scope).clone(),
        self_ty: self_ty.clone(),
        of_trait: None,
        external_trait: None,
        trait_args: Vec::new(),
    };
    head.scope.self_ty = Some(self_ty);
    if let Some(path) = &data.item.of_trait {
        match world.resolve_path(head.scope.module, path, true) {
            Some(Def::Trait(found)) => head.of_trait = Some(found),
            _ => head.external_trait = Some(Arc::from(path.last_name())),
        }
        let args = path.segments.last().into_iter().flat_map(|last| &last.args);
        head.trait_args = args.map(|arg| world.resolve_type(&head.scope, arg, 0)).collect();
    }
    head
}

/// Reads what bounds mean; whether that changed anything.
fn resolve_params(world: &mut World<'_>) -> bool {
    let mut scopes: Vec<Arc<Scope>> = Vec::new();
    scopes.extend(world.adts.iter().map(|(_, adt)| adt.scope.clone()));
    scopes.extend(world.aliases.iter().map(|(_, alias)| alias.scope.clone()));
    scopes.extend(world.traits.iter().map(|(_, data)| data.scope.clone()));
    scopes.extend(world.impls.iter().map(|(_, data)| data.scope.clone()));
    scopes.extend(world.fns.iter().map(|(_, data)| data.scope.clone()));
    let shared: &World<'_> = world;
    let meanings: Vec<(ParamId, BoundsMeaning)> = scopes
        .par_iter()
        .flat_map_iter(|scope| {
            let bounded = scope
                .params
                .iter()
                .filter(|(_, id)| !shared.params[*id].bounds.is_empty());
            bounded.map(|(_, id)| (*id, shared.bounds_meaning(scope, &shared.params[*id].bounds, 0)))
        })
        .collect();
    let mut changed = false;
    for (id, meaning) in meanings {
        let data = &mut world.params[id];
        changed |= data.traits != meaning.traits
            || data.given != meaning.given
            || data.erased != meaning.erased
            || data.call != meaning.call;
        data.traits = meaning.traits;
        data.given = meaning.given;
        data.erased = meaning.erased;
        data.call = meaning.call;
    }
    changed
}

fn resolve_traits(world: &mut World<'_>) {
    for id in world.traits.ids().collect::<Vec<_>>() {
        let data = &world.traits[id];
        let mut scope = (*data.scope).clone();
        scope.self_ty = Some(Ty::Dyn([id].into()));
        scope.of_trait = Some(id);
        let supertraits = data.item.supertraits.clone();
        let meaning = world.bounds_meaning(&scope, &supertraits, 0);
        let data = &mut world.traits[id];
        data.scope = Arc::new(scope);
        data.supertraits = meaning.traits;
    }
}

/// Rounds of associated types that are made of those of other impls.
const TYPE_ROUNDS: usize = 4;

fn link_impls(world: &mut World<'_>) {
    for id in world.impls.ids().collect::<Vec<ImplId>>() {
        let (self_ty, of_trait) = (world.impls[id].self_ty.clone(), world.impls[id].of_trait);
        match &self_ty {
            Ty::Adt(adt, _) => world.adts[*adt].impls.push(id),
            _ => world.foreign_impls.push(id),
        }
        if let Some(found) = of_trait {
            world.traits[found].impls.push(id);
        }
    }
    let with_types: Vec<ImplId> = world
        .impls
        .iter()
        .filter(|(_, data)| !data.item.types.is_empty())
        .map(|(id, _)| id)
        .collect();
    // `Self::Item` in associated types of the same impl, and those of others.
    for _ in 0..TYPE_ROUNDS {
        let shared: &World<'_> = world;
        let resolved: Vec<BTreeMap<Name, Ty>> = with_types
            .par_iter()
            .map(|id| associated_types(shared, *id))
            .collect();
        let mut changed = false;
        for (id, types) in with_types.iter().zip(resolved) {
            let data = &mut world.impls[*id];
            changed |= data.types != types;
            data.types = types;
        }
        if !changed {
            break;
        }
    }
}

fn associated_types(world: &World<'_>, id: ImplId) -> BTreeMap<Name, Ty> {
    let data = &world.impls[id];
    let types = data.item.types.iter();
    types
        .map(|(name, ty)| (name.clone(), world.resolve_type(&data.scope, ty, 0)))
        .collect()
}

fn resolve_fields(world: &mut World<'_>) {
    let shared: &World<'_> = world;
    let ids: Vec<AdtId> = shared.adts.ids().collect();
    let resolved: Vec<(Scope, Vec<Vec<Ty>>)> = ids.par_iter().map(|id| field_types(shared, *id)).collect();
    for (id, (scope, types)) in ids.into_iter().zip(resolved) {
        let adt = &mut world.adts[id];
        adt.scope = Arc::new(scope);
        for (variant, types) in adt.variants.iter_mut().zip(types) {
            variant.types = types;
        }
    }
}

/// What names mean in a type, and the types of its fields by variant.
fn field_types(world: &World<'_>, id: AdtId) -> (Scope, Vec<Vec<Ty>>) {
    let adt = &world.adts[id];
    let mut scope = (*adt.scope).clone();
    let args: Vec<Ty> = adt.params.iter().map(|param| Ty::Param(*param)).collect();
    scope.self_ty = Some(Ty::Adt(id, args.into()));
    let types_of = |variant: &Variant| {
        let fields = variant.fields.iter();
        fields
            .map(|field| world.resolve_type(&scope, &field.ty, 0))
            .collect()
    };
    let types = adt.variants.iter().map(types_of).collect();
    (scope, types)
}

fn resolve_fns(world: &mut World<'_>) {
    let shared: &World<'_> = world;
    let ids: Vec<FnId> = shared.fns.ids().collect();
    let resolved: Vec<Signature> = ids.par_iter().map(|id| signature(shared, *id)).collect();
    for (id, (scope, params, ret)) in ids.into_iter().zip(resolved) {
        let data = &mut world.fns[id];
        data.scope = scope;
        data.params = params;
        data.ret = ret;
    }
}

/// What names mean in a fn, the types of its parameters, what it returns.
type Signature = (Arc<Scope>, Vec<Ty>, Ty);

fn signature(world: &World<'_>, id: FnId) -> Signature {
    let data = &world.fns[id];
    let scope = match data.owner {
        Owner::Impl(owner) => Arc::new(Scope {
            self_ty: Some(world.impls[owner].self_ty.clone()),
            ..(*data.scope).clone()
        }),
        Owner::Trait(owner) => Arc::new(Scope {
            self_ty: Some(Ty::Dyn([owner].into())),
            of_trait: Some(owner),
            ..(*data.scope).clone()
        }),
        Owner::Free => data.scope.clone(),
    };
    let types = data.item.param_types.iter();
    let params = types.map(|ty| world.resolve_type(&scope, ty, 0)).collect();
    let ret = match &data.item.ret {
        Some(ty) => world.resolve_type(&scope, ty, 0),
        None => Ty::EXTERNAL,
    };
    (scope, params, ret)
}

fn collect_methods(world: &mut World<'_>) {
    let mut methods: FxHashMap<Name, Vec<FnId>> = FxHashMap::default();
    for (id, data) in world.fns.iter() {
        if data.owner != Owner::Free && data.item.has_self {
            methods.entry(data.item.name.clone()).or_default().push(id);
        }
    }
    let mut trait_fns: FxHashMap<Name, Vec<TraitId>> = FxHashMap::default();
    for (id, data) in world.traits.iter() {
        for name in data.fns.keys() {
            trait_fns.entry(name.clone()).or_default().push(id);
        }
    }
    let mut foreign_fns: FxHashMap<Name, Vec<ImplId>> = FxHashMap::default();
    for id in &world.foreign_impls {
        let data = &world.impls[*id];
        let given = data.of_trait.map(|id| &world.traits[id].fns);
        let names: BTreeSet<&Name> = data
            .fns
            .keys()
            .chain(given.into_iter().flat_map(BTreeMap::keys))
            .collect();
        for name in names {
            foreign_fns.entry(name.clone()).or_default().push(*id);
        }
    }
    world.foreign_fns = foreign_fns;
    world.methods = methods;
    world.trait_fns = trait_fns;
}
