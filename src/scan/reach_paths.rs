//! Over what was reached: shortest paths, callers, and what calls on receivers that nobody knows could reach besides.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use rustc_hash::FxHashMap;

use super::facts::Callee;
use super::ir::{ExprId, Span};
use super::reach::{Walk, WeakCall, facts_of};
use super::world::FnId;

/// Shortest paths, and who calls whom, as in [`Reach`].
#[derive(Default)]
pub(super) struct Paths {
    pub(super) fns: BTreeMap<FnId, Option<(FnId, Span)>>,
    pub(super) callers: FxHashMap<FnId, Vec<(FnId, ExprId)>>,
    pub(super) run_by_makers: FxHashMap<FnId, Vec<(FnId, Span)>>,
}

/// Shortest paths over the final graph, and who calls whom.
pub(super) fn shortest(walk: &Walk<'_, '_>, roots: &[FnId], reached: &BTreeSet<FnId>) -> Paths {
    let mut result = Paths::default();
    let paths = &mut result.fns;
    let mut queue: VecDeque<FnId> = VecDeque::new();
    for root in roots {
        if paths.insert(*root, None).is_none() {
            queue.push_back(*root);
        }
    }
    let mut rest = reached.iter();
    loop {
        let Some(id) = queue.pop_front() else {
            // What no step explains (outside traits on outside types) starts paths of its own.
            match rest.find(|id| !paths.contains_key(*id)) {
                Some(id) => {
                    paths.insert(*id, None);
                    queue.push_back(*id);
                    continue;
                }
                None => break,
            }
        };
        for (target, span, expr) in walk.steps(id) {
            if !reached.contains(&target) {
                continue;
            }
            match expr {
                Some(expr) => {
                    let list = result.callers.entry(target).or_default();
                    if !list.contains(&(id, expr)) {
                        list.push((id, expr));
                    }
                }
                None => result.run_by_makers.entry(target).or_default().push((id, span)),
            }
            if let std::collections::btree_map::Entry::Vacant(entry) = paths.entry(target) {
                entry.insert(Some((id, span)));
                queue.push_back(target);
            }
        }
    }
    result
}

/// What calls of a mere name could reach besides, and all that such calls may mean.
pub(super) fn weak(
    walk: &Walk<'_, '_>,
    strong: &BTreeSet<FnId>,
) -> (BTreeMap<FnId, WeakCall>, BTreeSet<FnId>) {
    let mut targets_of_weak = BTreeSet::new();
    let mut found: BTreeMap<FnId, WeakCall> = BTreeMap::new();
    let mut todo: VecDeque<FnId> = strong.iter().copied().collect();
    let mut expanded: BTreeSet<FnId> = BTreeSet::new();
    while let Some(id) = todo.pop_front() {
        if !expanded.insert(id) {
            continue;
        }
        let Some(facts) = facts_of(walk.facts, id) else {
            continue;
        };
        // What is reached through a call that may mean something else depends on that call.
        let before = found.get(&id).copied();
        let mut targets: Vec<(FnId, WeakCall)> = Vec::new();
        for edge in &facts.edges {
            if let Callee::Weak(name, args) = &edge.callee {
                for target in walk.world.methods.get(name).into_iter().flatten() {
                    let data = &walk.world.fns[*target];
                    if data.item.param_types.len() == args + 1 && walk.world.sees(walk.krate, data.krate) {
                        let call = WeakCall {
                            caller: id,
                            span: edge.span,
                            target: *target,
                        };
                        targets.push((*target, before.unwrap_or(call)));
                        targets_of_weak.insert(*target);
                    }
                }
            }
        }
        if let Some(before) = before {
            let steps = walk.steps(id).into_iter();
            targets.extend(steps.map(|(target, ..)| (target, before)));
        }
        for (target, call) in targets {
            if !strong.contains(&target) && !found.contains_key(&target) {
                found.insert(target, call);
                todo.push_back(target);
            }
        }
    }
    (found, targets_of_weak)
}
