//! Whether any implementation of a trait's method could call AWS, whatever types exist: where none could, it does not
//! matter that none is seen to be made.

use std::collections::{BTreeSet, VecDeque};

use super::facts::Callee;
use super::reach::{AllFacts, facts_of};
use super::world::{FnId, TraitId, World};

/// Fns beyond which the answer is that it could.
const MAX_FNS: usize = 20_000;

/// Whether an implementation of `name` may call AWS, or does what cannot be told. A trait that nothing implements in the
/// code that is read is no matter here.
pub(super) fn may_call(world: &World<'_>, facts: &AllFacts, of_trait: TraitId, name: &str) -> bool {
    let mut seen: BTreeSet<FnId> = world.implementations(of_trait, name, &|_| true);
    let mut queue: VecDeque<FnId> = seen.iter().copied().collect();
    while let Some(id) = queue.pop_front() {
        let Some(own) = facts_of(facts, id) else { continue };
        if !own.sites.is_empty() || !own.gaps.is_empty() || seen.len() > MAX_FNS {
            return true;
        }
        let mut next: Vec<FnId> = own.fn_values.clone();
        for edge in &own.edges {
            match &edge.callee {
                Callee::Fn(callee) => next.push(*callee),
                Callee::Virtual(of, method) => next.extend(world.implementations(*of, method, &|_| true)),
                Callee::Weak(method, _) => next.extend(world.methods.get(method).into_iter().flatten()),
                Callee::External(_) | Callee::Sdk(..) | Callee::Constructor(..) => {}
            }
        }
        // Methods that run by themselves: `Drop`, `Deref` and what else other crates ask of a type.
        for adt in &own.constructed {
            for data in world.adts[*adt].impls.iter().map(|id| &world.impls[*id]) {
                if data.external_trait.is_some() {
                    next.extend(data.fns.values());
                }
            }
        }
        queue.extend(next.into_iter().filter(|id| seen.insert(*id)));
    }
    false
}
