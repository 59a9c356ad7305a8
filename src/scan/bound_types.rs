//! Types that only a bound names: in `fn load<T, L: Load<T>>(l: L) -> T`, the impl of `Load` for the `L` at hand tells
//! what `T` is.

use std::collections::BTreeMap;

use super::bounds::Given;
use super::types::{MAX_DEPTH, Ty};
use super::world::{ImplId, ParamId, TraitId, World};

/// What one step counts as: impls that lean on bounds of their own branch, so only few steps may be taken.
const STEP: usize = MAX_DEPTH / 3;

impl World<'_> {
    /// Fills `map` with what follows from the bounds of `param` when it is `actual`. Where several impls fit, nothing
    /// does.
    pub(super) fn fix_by_bounds(
        &self,
        param: ParamId,
        actual: &Ty,
        map: &mut BTreeMap<ParamId, Ty>,
        depth: usize,
    ) {
        let data = &self.params[param];
        for (of_trait, given) in data.traits.iter().zip(&data.given) {
            if given.args.is_empty() && given.types.is_empty() {
                continue;
            }
            let fitting: Vec<BTreeMap<ParamId, Ty>> = match actual {
                Ty::Unknown => Vec::new(),
                Ty::Param(outer) => self.fit_outer(*outer, *of_trait, given, map, depth),
                _ => self.fit_impls(actual, *of_trait, given, map, depth),
            };
            if let [only] = fitting.as_slice() {
                map.clone_from(only);
            }
        }
    }

    /// By the same bound on a parameter of the fn around.
    fn fit_outer(
        &self,
        outer: ParamId,
        of_trait: TraitId,
        given: &Given,
        map: &BTreeMap<ParamId, Ty>,
        depth: usize,
    ) -> Vec<BTreeMap<ParamId, Ty>> {
        let data = &self.params[outer];
        data.traits
            .iter()
            .zip(&data.given)
            .filter(|(found, _)| **found == of_trait)
            .filter_map(|(_, known)| self.fit_given(given, known, map, depth))
            .collect()
    }

    /// By the impls of the trait for the type; those for any type count only where there is none of its own.
    fn fit_impls(
        &self,
        actual: &Ty,
        of_trait: TraitId,
        given: &Given,
        map: &BTreeMap<ParamId, Ty>,
        depth: usize,
    ) -> Vec<BTreeMap<ParamId, Ty>> {
        let impls = &self.traits[of_trait].impls;
        let fit = |id: &ImplId| {
            let data = &self.impls[*id];
            let mut own = BTreeMap::new();
            if !self.unify(&data.self_ty, actual, &mut own, depth + STEP) {
                return None;
            }
            let put = |ty: &Ty| self.substitute(ty, &own, depth + 1);
            let known = Given {
                args: data.trait_args.iter().map(put).collect(),
                types: data
                    .types
                    .iter()
                    .map(|(name, ty)| (name.clone(), put(ty)))
                    .collect(),
            };
            self.fit_given(given, &known, map, depth)
        };
        let is_blanket = |id: &&ImplId| matches!(self.impls[**id].self_ty, Ty::Param(_));
        let is_own = |id: &&ImplId| match (&self.impls[**id].self_ty, actual) {
            (Ty::Param(_), _) => false,
            (Ty::Adt(..), Ty::Adt(..)) | (_, Ty::Dyn(_)) => true,
            (own, actual) => own == actual,
        };
        let exact: Vec<_> = impls.iter().filter(is_own).filter_map(fit).collect();
        match exact.is_empty() {
            true => impls.iter().filter(is_blanket).filter_map(fit).collect(),
            false => exact,
        }
    }

    /// `map` with what a bound's arguments are known to be; nothing if they cannot be that.
    fn fit_given(
        &self,
        given: &Given,
        known: &Given,
        map: &BTreeMap<ParamId, Ty>,
        depth: usize,
    ) -> Option<BTreeMap<ParamId, Ty>> {
        let mut map = map.clone();
        let mut pairs: Vec<(&Ty, &Ty)> = given.args.iter().zip(&known.args).collect();
        for (name, ty) in &given.types {
            let other = known.types.iter().find(|(other, _)| other == name);
            pairs.extend(other.map(|(_, other)| (ty, other)));
        }
        for (wanted, known) in pairs {
            let fixed = self.substitute(wanted, &map, depth + 1);
            if !self.unify(&fixed, known, &mut map, depth + STEP) {
                return None;
            }
        }
        Some(map)
    }

    /// The parameters of a trait with the arguments that a bound gives them.
    pub(super) fn params_of_trait(&self, of_trait: TraitId, args: &[Ty]) -> BTreeMap<ParamId, Ty> {
        let data = &self.traits[of_trait];
        let all = &data.scope.params;
        all.iter()
            .skip(all.len().saturating_sub(data.item.generics.len()))
            .map(|(_, id)| *id)
            .zip(args.iter().cloned())
            .collect()
    }
}
