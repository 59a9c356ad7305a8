//! What the bounds of a generic parameter mean.

use super::ir::{Name, Path};
use super::types::{MAX_DEPTH, Ty};
use super::world::{Def, Scope, TraitId, World};

/// What is written behind a trait in a bound: `Load<T, Out = U>`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Given {
    /// Arguments.
    pub args: Vec<Ty>,
    /// Associated types.
    pub types: Vec<(Name, Ty)>,
}

/// What bounds mean together.
#[derive(Debug, Default)]
pub struct BoundsMeaning {
    /// Our traits.
    pub traits: Vec<TraitId>,
    /// What is written behind each of them.
    pub given: Vec<Given>,
    /// What it erases to.
    pub erased: Option<Ty>,
    /// Inputs and output of `Fn`.
    pub call: Option<(Vec<Ty>, Ty)>,
}

impl World<'_> {
    /// What bounds say: our traits, what it erases to, how it is called.
    pub fn bounds_meaning(&self, scope: &Scope, bounds: &[Path], depth: usize) -> BoundsMeaning {
        let mut meaning = BoundsMeaning::default();
        if depth > MAX_DEPTH {
            return meaning;
        }
        for bound in bounds {
            let Some(last) = bound.segments.last() else {
                continue;
            };
            let binding = |name: &str| {
                last.bindings
                    .iter()
                    .find(|(bound, _)| &**bound == name)
                    .map(|(_, ty)| self.resolve_type(scope, ty, depth + 1))
            };
            let def = self.resolve_path(scope.module, bound, true);
            if let Some(Def::Trait(id)) = def {
                meaning.traits.push(id);
                meaning.given.push(Given {
                    args: last
                        .args
                        .iter()
                        .map(|arg| self.resolve_type(scope, arg, depth + 1))
                        .collect(),
                    types: last
                        .bindings
                        .iter()
                        .map(|(name, ty)| (name.clone(), self.resolve_type(scope, ty, depth + 1)))
                        .collect(),
                });
                continue;
            }
            if let Some(Def::External(path)) = &def
                && self.is_wrapper_type(path)
            {
                meaning.erased = path.first().cloned().map(Ty::Wrapper);
                continue;
            }
            match &*last.name {
                "Fn" | "FnMut" | "FnOnce" | "AsyncFn" | "AsyncFnMut" | "AsyncFnOnce" => {
                    let inputs = last
                        .args
                        .iter()
                        .map(|arg| self.resolve_type(scope, arg, depth + 1))
                        .collect();
                    meaning.call = Some((inputs, binding("Output").unwrap_or(Ty::EXTERNAL)));
                }
                "Future"
                | "Stream"
                | "Iterator"
                | "IntoIterator"
                | "DoubleEndedIterator"
                | "ExactSizeIterator"
                | "Deref"
                | "DerefMut"
                | "IntoFuture"
                | "TryStream"
                | "Service" => {
                    let item = ["Output", "Item", "Target", "Ok"]
                        .iter()
                        .find_map(|name| binding(name));
                    if meaning.erased.is_none() {
                        meaning.erased = item;
                    }
                }
                "Into" | "AsRef" | "Borrow" | "AsMut" | "TryInto" | "BorrowMut" => {
                    let arg = last
                        .args
                        .first()
                        .map(|arg| self.resolve_type(scope, arg, depth + 1));
                    if meaning.erased.as_ref().is_none_or(|ty| !ty.is_interesting()) {
                        meaning.erased = arg;
                    }
                }
                _ => {}
            }
        }
        meaning
    }
}
