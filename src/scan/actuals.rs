//! Actual types of generic parameters, as far as reached code shows them: what a call on a value of a parameter's type can
//! mean.
//!
//! A parameter collects what calls, constructors and written types put in its place; those of an impl also what values
//! of its type are made with. Whatever cannot be told is `any`: then every type that the binary makes counts, as for
//! trait objects. So does a parameter for which nothing was found.

use std::collections::BTreeSet;

use rustc_hash::{FxHashMap, FxHashSet};

use super::types::{MAX_DEPTH, Ty};
use super::world::{AdtId, FnId, Owner, ParamId, TraitId, World};

/// What stands in the place of one parameter.
#[derive(Clone, Debug, Default)]
struct Actual {
    /// It may be anything.
    any: bool,
    /// Types that are not ours: impls for these may be meant.
    others: bool,
    /// Types of ours.
    adts: BTreeSet<AdtId>,
    /// Parameters that get at least what this one gets.
    flows_to: BTreeSet<ParamId>,
}

/// What stands in the place of the parameters.
#[derive(Debug, Default)]
pub struct Actuals {
    of: FxHashMap<ParamId, Actual>,
    /// Parameters by the types that stand for them.
    by_adt: FxHashMap<AdtId, Vec<ParamId>>,
    /// Parameters that got something since they were last asked for.
    changed: BTreeSet<ParamId>,
    opened: FxHashSet<FnId>,
}

/// What is added to a parameter.
enum Added {
    Any,
    Other,
    Adt(AdtId),
    Param(ParamId),
}

impl Actuals {
    /// Puts a type in the place of a parameter.
    pub fn put(&mut self, param: ParamId, ty: &Ty) {
        let added = match ty {
            Ty::Adt(id, _) => Added::Adt(*id),
            Ty::Param(other) if *other == param => return,
            Ty::Param(other) => Added::Param(*other),
            Ty::Unknown | Ty::External(None) | Ty::Dyn(_) | Ty::Proj(..) => Added::Any,
            _ => Added::Other,
        };
        self.add(param, added);
    }

    /// A fn that is reached otherwise than by calls that name it: as a value, by its trait, by code that is not read.
    pub fn open_fn(&mut self, world: &World<'_>, id: FnId) {
        if !self.opened.insert(id) {
            return;
        }
        let data = &world.fns[id];
        for (_, param) in &data.scope.params {
            let given_in = data.params.iter().skip(usize::from(data.item.has_self));
            let source = match data.owner {
                Owner::Impl(owner) => param_of_self(world, &world.impls[owner].self_ty, *param),
                _ => None,
            };
            match source {
                Some(source) if !given_in.clone().any(|ty| holds(ty, *param, 0)) => {
                    self.add(*param, Added::Param(source));
                }
                _ => self.add(*param, Added::Any),
            }
        }
    }

    /// A type whose values are made in ways that do not show its arguments.
    pub fn open_type(&mut self, world: &World<'_>, id: AdtId) {
        for param in &world.adts[id].params {
            self.add(*param, Added::Any);
        }
    }

    /// Whether a parameter may be anything.
    pub fn is_any(&self, param: ParamId) -> bool {
        self.of.get(&param).is_some_and(|actual| actual.any)
    }

    /// Counts a parameter for which nothing was found as anything; `true` if it is such a one.
    pub fn open_if_empty(&mut self, param: ParamId) -> bool {
        let empty = self
            .of
            .get(&param)
            .is_none_or(|actual| !actual.any && !actual.others && actual.adts.is_empty());
        if empty {
            self.add(param, Added::Any);
        }
        empty
    }

    /// Takes a parameter for anything if something was put in its place that does not implement a trait which it must
    /// implement: then a type was not understood.
    pub fn open_if_contradicted(&mut self, world: &World<'_>, param: ParamId, of_trait: TraitId) {
        let Some(actual) = self.of.get(&param).filter(|actual| !actual.any) else {
            return;
        };
        let selves = || {
            world.traits[of_trait]
                .impls
                .iter()
                .map(|id| &world.impls[*id].self_ty)
        };
        if selves().any(|ty| matches!(ty, Ty::Param(_) | Ty::Unknown)) {
            return;
        }
        let implemented = |adt: &AdtId| selves().any(|ty| matches!(ty, Ty::Adt(id, _) if id == adt));
        let foreign = selves().any(|ty| !matches!(ty, Ty::Adt(..)));
        if !actual.adts.iter().all(implemented) || (actual.others && !foreign) {
            self.add(param, Added::Any);
        }
    }

    /// Whether the `Self` of an impl can stand for a parameter.
    pub fn fits(&self, param: ParamId, self_ty: &Ty) -> bool {
        let Some(actual) = self.of.get(&param) else {
            return false;
        };
        match self_ty {
            Ty::Adt(id, _) => actual.any || actual.adts.contains(id),
            Ty::Param(_) | Ty::Unknown => true,
            _ => actual.any || actual.others,
        }
    }

    /// Parameters that a type stands for.
    pub fn params_of(&self, adt: AdtId) -> Vec<ParamId> {
        self.by_adt.get(&adt).cloned().unwrap_or_default()
    }

    /// A parameter that got something since it was last asked for.
    pub fn next_changed(&mut self) -> Option<ParamId> {
        self.changed.pop_first()
    }

    fn add(&mut self, param: ParamId, added: Added) {
        let mut todo = vec![(param, added)];
        while let Some((param, added)) = todo.pop() {
            let actual = self.of.entry(param).or_default();
            let is_new = match added {
                Added::Any => !std::mem::replace(&mut actual.any, true),
                Added::Other => !std::mem::replace(&mut actual.others, true),
                Added::Adt(id) => actual.adts.insert(id),
                Added::Param(source) => {
                    let from = self.of.entry(source).or_default();
                    if from.flows_to.insert(param) {
                        let from = from.clone();
                        todo.extend(from.any.then_some((param, Added::Any)));
                        todo.extend(from.others.then_some((param, Added::Other)));
                        todo.extend(from.adts.iter().map(|id| (param, Added::Adt(*id))));
                    }
                    continue;
                }
            };
            if !is_new {
                continue;
            }
            if let Added::Adt(id) = added {
                self.by_adt.entry(id).or_default().push(param);
            }
            self.changed.insert(param);
            let targets = self.of.get(&param).map(|actual| actual.flows_to.clone());
            for target in targets.into_iter().flatten() {
                todo.push((
                    target,
                    match added {
                        Added::Any => Added::Any,
                        Added::Adt(id) => Added::Adt(id),
                        Added::Other | Added::Param(_) => Added::Other,
                    },
                ));
            }
        }
    }
}

/// The parameter of a type's definition that an impl's parameter stands for in `impl<C> Trait for Type<C>`.
fn param_of_self(world: &World<'_>, self_ty: &Ty, param: ParamId) -> Option<ParamId> {
    let Ty::Adt(id, args) = self_ty else { return None };
    let at = args
        .iter()
        .position(|arg| matches!(arg, Ty::Param(found) if *found == param))?;
    world.adts[*id].params.get(at).copied()
}

/// Whether a type has a parameter in it.
fn holds(ty: &Ty, param: ParamId, depth: usize) -> bool {
    if depth > MAX_DEPTH {
        return true;
    }
    match ty {
        Ty::Param(found) => *found == param,
        Ty::Adt(_, parts) | Ty::Tuple(parts) => parts.iter().any(|part| holds(part, param, depth + 1)),
        Ty::Closure(inner) | Ty::Proj(inner, _) => holds(inner, param, depth + 1),
        _ => false,
    }
}
