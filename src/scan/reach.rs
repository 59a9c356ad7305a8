//! What one binary can reach: rapid type analysis over methods, from `main`, with the shortest call paths.
//!
//! A trait's method reaches only the impls of types that reachable code constructs, so that a generic store with many
//! methods gives each function only those it calls.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use rayon::prelude::*;
use rustc_hash::FxHashMap;

use super::actuals::Actuals;
use super::facts::{Callee, Facts};
use super::ir::{Name, Span};
use super::may_call::may_call;
use super::reach_paths::{shortest, weak};
use super::types::{MAX_DEPTH, Ty};
use super::world::{AdtId, CrateId, Def, FnId, Owner, ParamId, TraitId, World};

/// Everything inferred, by fn.
pub type AllFacts = Vec<Arc<Facts>>;

/// What is reached, and from where.
#[derive(Debug, Default)]
pub struct Reach {
    /// Reached fns and the call that reaches each on a shortest path; roots have none.
    pub fns: BTreeMap<FnId, Option<(FnId, Span)>>,
    /// Fns that are only reached through calls on receivers nobody knows, and the first such call on the way.
    pub weak: BTreeMap<FnId, WeakCall>,
    /// Fns, reached or not, that calls on receivers nobody knows may mean.
    pub weak_targets: BTreeSet<FnId>,
    /// Types that reachable code constructs.
    pub constructed: BTreeSet<AdtId>,
    /// Types that reachable code names.
    pub named: BTreeSet<AdtId>,
    /// Calls of each reached fn: the caller, the expression.
    pub callers: FxHashMap<FnId, Vec<(FnId, super::ir::ExprId)>>,
    /// The first fn that is seen to make each type.
    pub made_in: BTreeMap<AdtId, FnId>,
    /// Methods that other crates call, by the fns that make their types, each with a place.
    pub run_by_makers: FxHashMap<FnId, Vec<(FnId, Span)>>,
    /// Whether there is no `main` and everything in the crate was taken for reachable.
    pub no_main: bool,
    /// Traits whose method is called although no reachable type implements it.
    pub without_impl: Vec<(TraitId, Name, FnId, Span)>,
}

/// A call on a receiver that nobody knows.
#[derive(Clone, Copy, Debug)]
pub struct WeakCall {
    /// The fn it stands in.
    pub caller: FnId,
    /// Where.
    pub span: Span,
    /// A method of its name.
    pub target: FnId,
}

/// Methods of traits that are called, each with a call.
type Called = BTreeMap<(TraitId, Name), (FnId, Span)>;

pub(super) struct Walk<'x, 'a> {
    pub(super) world: &'x World<'a>,
    pub(super) facts: &'x AllFacts,
    pub(super) krate: CrateId,
    queue: VecDeque<FnId>,
    seen: BTreeSet<FnId>,
    called: Called,
    /// Methods of traits that are called on values whose type is a generic parameter.
    called_on: BTreeMap<ParamId, Called>,
    actuals: Actuals,
    constructed: BTreeMap<AdtId, FnId>,
    /// Types that reachable code names: associated fns need no instance.
    named: BTreeSet<AdtId>,
}

pub(super) fn facts_of(facts: &AllFacts, id: FnId) -> Option<&Facts> {
    facts.get(id.0 as usize).map(|facts| &**facts)
}

/// Reaches from the `main` of a crate.
pub fn reach(world: &World<'_>, facts: &AllFacts, krate: CrateId, under_macros: &[FnId]) -> Reach {
    let mut result = Reach::default();
    let root_module = world.crates[krate].root;
    let main = world.modules[root_module]
        .names
        .get("main")
        .and_then(|names| match names.val {
            Some(Def::Fn(id)) => Some(id),
            _ => None,
        });
    let mut roots: Vec<FnId> = Vec::new();
    match main {
        Some(id) => roots.push(id),
        None => {
            result.no_main = true;
            roots.extend(
                world
                    .fns
                    .iter()
                    .filter(|(_, data)| data.krate == krate)
                    .map(|(id, _)| id),
            );
        }
    }
    roots.extend(
        under_macros
            .iter()
            .filter(|id| world.sees(krate, world.fns[**id].krate)),
    );
    let mut walk = Walk {
        world,
        facts,
        krate,
        queue: VecDeque::new(),
        seen: BTreeSet::new(),
        called: BTreeMap::new(),
        called_on: BTreeMap::new(),
        actuals: Actuals::default(),
        constructed: BTreeMap::new(),
        named: BTreeSet::new(),
    };
    let main = roots.first().copied();
    for root in &roots {
        walk.add_open(*root);
    }
    if let Some(main) = main {
        walk.foreign_impls(main);
    }
    walk.run();
    let strong = walk.seen.clone();
    result.constructed = walk.constructed.keys().copied().collect();
    result.named = walk.named.clone();
    result.made_in = walk.constructed.clone();
    // Each needs the walk alone.
    let (walk_paths, (weak_calls, weak_targets)) =
        rayon::join(|| shortest(&walk, &roots, &strong), || weak(&walk, &strong));
    result.fns = walk_paths.fns;
    result.callers = walk_paths.callers;
    result.run_by_makers = walk_paths.run_by_makers;
    result.weak = weak_calls;
    result.weak_targets = weak_targets;
    let mut called = walk.called.clone();
    for (method, by) in walk.called_on.values().flatten() {
        called.entry(method.clone()).or_insert(*by);
    }
    for ((of_trait, name), (caller, span)) in &called {
        let item = world.traits[*of_trait].fns.get(name);
        if item.is_some_and(|id| world.fns[*id].is_const) {
            continue;
        }
        let found = walk.runnable(*of_trait, name);
        if found.is_empty() && may_call(world, facts, *of_trait, name) {
            result
                .without_impl
                .push((*of_trait, name.clone(), *caller, *span));
        }
    }
    result
}

/// Fns under attribute macros that nobody mentions: the macro's own code may call them.
pub fn under_macros(world: &World<'_>, facts: &AllFacts) -> Vec<FnId> {
    let mentioned = mentioned_anywhere(facts);
    world
        .fns
        .iter()
        .filter(|(id, data)| {
            data.item.attrs.unknown_macro && data.owner == Owner::Free && !mentioned.contains(id)
        })
        .map(|(id, _)| id)
        .collect()
}

impl Walk<'_, '_> {
    /// A fn that a call names.
    fn add(&mut self, id: FnId) {
        if self.seen.insert(id) {
            self.queue.push_back(id);
        }
    }

    /// A fn that is run otherwise than by a call that names it.
    fn add_open(&mut self, id: FnId) {
        self.actuals.open_fn(self.world, id);
        self.add(id);
    }

    fn run(&mut self) {
        loop {
            while let Some(id) = self.queue.pop_front() {
                self.visit(id);
            }
            if let Some(param) = self.actuals.next_changed() {
                self.dispatch_on(param);
                continue;
            }
            // Code that runs has something in the place of its parameters: if nothing was seen, it may be anything.
            let called: Vec<ParamId> = self.called_on.keys().copied().collect();
            let mut opened = false;
            for param in called {
                opened |= self.actuals.open_if_empty(param);
            }
            if !opened {
                break;
            }
        }
    }

    fn visit(&mut self, id: FnId) {
        if let Some(adt) = self.registered(id) {
            self.actuals.open_type(self.world, adt);
            self.construct(adt, id);
        }
        let Some(facts) = facts_of(self.facts, id) else {
            return;
        };
        for (param, ty) in &facts.actuals {
            self.actuals.put(*param, ty);
        }
        for id in &facts.fn_values {
            self.add_open(*id);
        }
        for edge in &facts.edges {
            match &edge.callee {
                Callee::Fn(target) => self.add(*target),
                Callee::Virtual(of_trait, name) => match edge.on {
                    Some(param) => self.call_on(param, *of_trait, name, id, edge.span),
                    None => self.call_virtual(*of_trait, name, id, edge.span),
                },
                Callee::Constructor(adt, _) => self.construct(*adt, id),
                Callee::External(_) | Callee::Sdk(..) | Callee::Weak(..) => {}
            }
        }
        for adt in &facts.constructed {
            self.construct(*adt, id);
        }
        for adt in &facts.mentioned {
            self.mention(*adt, id);
        }
    }

    /// A method of a trait on a value whose type is a parameter.
    fn call_on(&mut self, param: ParamId, of_trait: TraitId, name: &Name, caller: FnId, span: Span) {
        let called = self.called_on.entry(param).or_default();
        if called.insert((of_trait, name.clone()), (caller, span)).is_none() {
            self.dispatch_on(param);
        }
    }

    /// Runs what calls on a parameter mean, as far as it is known what stands for it.
    fn dispatch_on(&mut self, param: ParamId) {
        let Some(called) = self.called_on.get(&param).cloned() else {
            return;
        };
        for ((of_trait, name), (caller, span)) in called {
            self.actuals.open_if_contradicted(self.world, param, of_trait);
            if self.actuals.is_any(param) || self.world.traits[of_trait].impls.is_empty() {
                self.call_virtual(of_trait, &name, caller, span);
                continue;
            }
            for id in self.runnable_on(param, of_trait, &name) {
                self.add_open(id);
            }
        }
    }

    /// Impls of a trait's fn that a call on a parameter can run.
    fn runnable_on(&self, param: ParamId, of_trait: TraitId, name: &Name) -> BTreeSet<FnId> {
        if self.actuals.is_any(param) {
            return self.runnable(of_trait, name);
        }
        let is_static = self.is_static(of_trait, name);
        let made = |ty: &Ty| match ty {
            Ty::Adt(id, _) if is_static && self.named.contains(id) => true,
            ty => self.is_constructed(ty),
        };
        let fits = |ty: &Ty| self.actuals.fits(param, ty) && made(ty);
        self.world.implementations(of_trait, name, &fits)
    }

    /// Reachable code names a type: a macro may make it, and with it everything that it holds.
    fn mention(&mut self, adt: AdtId, by: FnId) {
        let mut todo = vec![adt];
        while let Some(adt) = todo.pop() {
            self.name(adt);
            if !self.made_by_derive(adt) && !self.made_by_framework(adt) {
                continue;
            }
            self.actuals.open_type(self.world, adt);
            if self.constructed.contains_key(&adt) {
                continue;
            }
            self.construct(adt, by);
            for variant in &self.world.adts[adt].variants {
                for ty in &variant.types {
                    adts_in(ty, &mut todo, 0);
                }
            }
        }
    }

    /// The type whose instance runs this method, if an attribute macro may have made it.
    fn registered(&self, id: FnId) -> Option<AdtId> {
        let Owner::Impl(owner) = self.world.fns[id].owner else {
            return None;
        };
        let data = &self.world.impls[owner];
        match &data.self_ty {
            Ty::Adt(adt, _) if data.unknown_macro && self.world.fns[id].item.has_self => Some(*adt),
            _ => None,
        }
    }

    /// Whether a trait's fn takes no `self`.
    fn is_static(&self, of_trait: TraitId, name: &Name) -> bool {
        self.world.traits[of_trait]
            .fns
            .get(name)
            .is_some_and(|id| !self.world.fns[*id].item.has_self)
    }

    /// Impls of a trait's fn that can run: of constructed types, for associated fns of named ones too.
    fn runnable(&self, of_trait: TraitId, name: &Name) -> BTreeSet<FnId> {
        let is_static = self.is_static(of_trait, name);
        let fits = |ty: &Ty| match ty {
            Ty::Adt(id, _) if is_static && self.named.contains(id) => true,
            ty => self.is_constructed(ty),
        };
        self.world.implementations(of_trait, name, &fits)
    }

    /// Reachable code names a type.
    fn name(&mut self, adt: AdtId) {
        if !self.named.insert(adt) {
            return;
        }
        for impl_id in self.world.adts[adt].impls.clone() {
            let Some(of_trait) = self.world.impls[impl_id].of_trait else {
                continue;
            };
            let called: Vec<Name> = self.called_of(of_trait);
            for name in called {
                if self.is_static(of_trait, &name) {
                    for id in self.runnable(of_trait, &name) {
                        self.add_open(id);
                    }
                }
            }
        }
        self.dispatch_on_params_of(adt);
    }

    /// Methods of a trait that are called.
    fn called_of(&self, of_trait: TraitId) -> Vec<Name> {
        self.called
            .range((of_trait, Name::from(""))..)
            .take_while(|((id, _), _)| *id == of_trait)
            .map(|((_, name), _)| name.clone())
            .collect()
    }

    /// Whether a macro can construct the type: serde, `Default`, clap, database rows, attribute macros that are not known.
    fn made_by_derive(&self, adt: AdtId) -> bool {
        let attrs = &self.world.adts[adt].attrs;
        attrs.unknown_macro
            || attrs.derives.iter().any(|derive| {
                !matches!(
                    &**derive,
                    "Debug"
                        | "Clone"
                        | "Copy"
                        | "PartialEq"
                        | "Eq"
                        | "Hash"
                        | "PartialOrd"
                        | "Ord"
                        | "Serialize"
                        | "Error"
                        | "Display"
                )
            })
    }

    /// Whether code outside can make a value of the type by itself: extractors of web frameworks, `Deserialize`. What the
    /// standard library makes values with is called by code that is seen.
    fn made_by_framework(&self, adt: AdtId) -> bool {
        self.world.adts[adt].impls.iter().any(|id| {
            let data = &self.world.impls[*id];
            let outside = data.external_trait.as_deref().is_some_and(|name| {
                !matches!(
                    name,
                    "Default" | "From" | "TryFrom" | "FromStr" | "FromIterator" | "Sum" | "Product"
                )
            });
            outside && data.fns.values().any(|id| !self.world.fns[*id].item.has_self)
        })
    }

    fn is_constructed(&self, ty: &Ty) -> bool {
        match ty {
            Ty::Adt(id, _) => self.constructed.contains_key(id),
            _ => true,
        }
    }

    fn call_virtual(&mut self, of_trait: TraitId, name: &Name, caller: FnId, span: Span) {
        let key = (of_trait, name.clone());
        if self.called.contains_key(&key) {
            return;
        }
        self.called.insert(key, (caller, span));
        for id in self.runnable(of_trait, name) {
            self.add_open(id);
        }
        // A default body runs for types that do not override it; also for impls by macros we cannot see.
        if self.world.traits[of_trait].impls.is_empty()
            && let Some(default) = self.world.traits[of_trait].fns.get(name)
        {
            self.add_open(*default);
        }
    }

    fn construct(&mut self, adt: AdtId, by: FnId) {
        if self.constructed.contains_key(&adt) {
            return;
        }
        self.constructed.insert(adt, by);
        for impl_id in self.world.adts[adt].impls.clone() {
            let data = &self.world.impls[impl_id];
            if data.is_called_outside() {
                for id in data.fns.values() {
                    self.add_open(*id);
                }
            }
            if let Some(of_trait) = data.of_trait {
                for name in self.called_of(of_trait) {
                    match data.fns.get(&name) {
                        Some(id) => self.add_open(*id),
                        None => {
                            if let Some(id) = self.world.traits[of_trait].fns.get(&name) {
                                self.add_open(*id);
                            }
                        }
                    }
                }
            }
        }
        self.dispatch_on_params_of(adt);
    }

    /// Calls on parameters that a type stands for, once the type is made.
    fn dispatch_on_params_of(&mut self, adt: AdtId) {
        for param in self.actuals.params_of(adt) {
            self.dispatch_on(param);
        }
    }

    /// Outside traits on outside types: anybody may call them.
    fn foreign_impls(&mut self, _main: FnId) {
        for id in &self.world.foreign_impls {
            let data = &self.world.impls[*id];
            if data.external_trait.is_some() && self.world.sees(self.krate, data.krate) {
                for id in data.fns.values() {
                    self.add_open(*id);
                }
            }
        }
    }

    /// Every fn that an edge of `id` leads to, in order, with the place and expression of the call.
    pub(super) fn steps(&self, id: FnId) -> Vec<(FnId, Span, Option<super::ir::ExprId>)> {
        let mut steps = Vec::new();
        let Some(facts) = facts_of(self.facts, id) else {
            return steps;
        };
        for edge in &facts.edges {
            match &edge.callee {
                Callee::Fn(target) => steps.push((*target, edge.span, Some(edge.expr))),
                Callee::Virtual(of_trait, name) => {
                    let found = match edge.on {
                        Some(param) => self.runnable_on(param, *of_trait, name),
                        None => self.runnable(*of_trait, name),
                    };
                    steps.extend(
                        found
                            .into_iter()
                            .map(|target| (target, edge.span, Some(edge.expr))),
                    );
                    if self.world.traits[*of_trait].impls.is_empty()
                        && let Some(default) = self.world.traits[*of_trait].fns.get(name)
                    {
                        steps.push((*default, edge.span, Some(edge.expr)));
                    }
                }
                _ => {}
            }
        }
        let body_span = facts
            .body
            .as_ref()
            .map_or_else(|| self.world.span(id), |body| body.expr(body.root).span);
        for adt in facts.constructed.iter().chain(&facts.mentioned) {
            if self.constructed.get(adt) != Some(&id) {
                continue;
            }
            let span = facts
                .literals
                .iter()
                .find(|(found, ..)| found == adt)
                .and_then(|(_, _, expr)| Some(facts.body.as_ref()?.expr(*expr).span))
                .unwrap_or(body_span);
            for impl_id in &self.world.adts[*adt].impls {
                let data = &self.world.impls[*impl_id];
                if data.is_called_outside() {
                    steps.extend(data.fns.values().map(|target| (*target, span, None)));
                }
            }
        }
        steps
    }
}

/// Every type of ours in a type.
fn adts_in(ty: &Ty, out: &mut Vec<AdtId>, depth: usize) {
    if depth > MAX_DEPTH {
        return;
    }
    match ty {
        Ty::Adt(id, parts) => {
            out.push(*id);
            parts.iter().for_each(|part| adts_in(part, out, depth + 1));
        }
        Ty::Tuple(parts) => parts.iter().for_each(|part| adts_in(part, out, depth + 1)),
        _ => {}
    }
}

/// Every fn that some fn mentions.
fn mentioned_anywhere(facts: &AllFacts) -> BTreeSet<FnId> {
    facts
        .par_iter()
        .flat_map_iter(|facts| &facts.edges)
        .filter_map(|edge| match edge.callee {
            Callee::Fn(id) => Some(id),
            _ => None,
        })
        .collect()
}
