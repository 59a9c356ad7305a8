//! Types with parameters: putting types in their place, and finding which types stand there.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::types::{MAX_DEPTH, Ty};
use super::world::{ParamId, World};

impl World<'_> {
    /// Puts types in the place of parameters.
    pub fn substitute(&self, ty: &Ty, map: &BTreeMap<ParamId, Ty>, depth: usize) -> Ty {
        if depth > MAX_DEPTH {
            return Ty::Unknown;
        }
        match ty {
            Ty::Param(id) => map.get(id).cloned().unwrap_or_else(|| ty.clone()),
            Ty::Adt(id, args) if !args.is_empty() => Ty::Adt(
                *id,
                args.iter()
                    .map(|arg| self.substitute(arg, map, depth + 1))
                    .collect(),
            ),
            Ty::Tuple(parts) => Ty::Tuple(
                parts
                    .iter()
                    .map(|part| self.substitute(part, map, depth + 1))
                    .collect(),
            ),
            Ty::Closure(ret) => Ty::Closure(Arc::new(self.substitute(ret, map, depth + 1))),
            Ty::Proj(base, name) => {
                let base = self.substitute(base, map, depth + 1);
                self.project(&base, name, depth + 1)
            }
            _ => ty.clone(),
        }
    }

    /// Fits `pattern` (with parameters) to `actual`; fills `map`. `false` if they cannot be the same type.
    pub fn unify(&self, pattern: &Ty, actual: &Ty, map: &mut BTreeMap<ParamId, Ty>, depth: usize) -> bool {
        if depth > MAX_DEPTH {
            return true;
        }
        match (pattern, actual) {
            (Ty::Unknown, _) | (_, Ty::Unknown) => true,
            (Ty::Param(id), actual) => {
                if matches!(actual, Ty::Param(other) if other == id) {
                    map.entry(*id).or_insert_with(|| actual.clone());
                    return true;
                }
                let known = map.get(id).is_some_and(|ty| !ty.is_unknown());
                if !known {
                    map.insert(*id, actual.clone());
                }
                let data = &self.params[*id];
                if let Some((_, output)) = &data.call {
                    let ret = match actual {
                        Ty::Closure(ret) => Some((**ret).clone()),
                        Ty::FnItem(id) => Some(self.fns[*id].ret.clone()),
                        Ty::SdkFn(sdk, op) => Some(Ty::Fluent(*sdk, op.clone())),
                        _ => None,
                    };
                    if let Some(ret) = ret {
                        self.unify(output, &ret, map, depth + 1);
                    }
                } else if let Some(erased) = &data.erased {
                    self.unify(erased, actual, map, depth + 1);
                }
                self.fix_by_bounds(*id, actual, map, depth);
                true
            }
            (Ty::Adt(a, args), Ty::Adt(b, actual_args)) => {
                a == b
                    && args
                        .iter()
                        .zip(actual_args.iter())
                        .all(|(arg, actual)| self.unify(arg, actual, map, depth + 1))
            }
            (Ty::Tuple(parts), Ty::Tuple(actual_parts)) => {
                parts.len() == actual_parts.len()
                    && parts
                        .iter()
                        .zip(actual_parts.iter())
                        .all(|(part, actual)| self.unify(part, actual, map, depth + 1))
            }
            (Ty::Closure(ret), Ty::Closure(actual)) => self.unify(ret, actual, map, depth + 1),
            (Ty::Closure(ret), Ty::FnItem(id)) => {
                let actual = self.fns[*id].ret.clone();
                self.unify(ret, &actual, map, depth + 1)
            }
            (Ty::Proj(..) | Ty::Dyn(_), _) | (_, Ty::Proj(..) | Ty::Param(_) | Ty::Dyn(_)) => true,
            (a, b) => a == b || !(a.is_interesting() && b.is_interesting()),
        }
    }
}
