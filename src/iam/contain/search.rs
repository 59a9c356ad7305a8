//! The search for a request that the new side allows and the old side does not.
//!
//! Callers × classes of actions give the units that concern a request; each such set is searched once. Classes of
//! resources then say which of these units apply; each combination is searched once for a context. What is left is a
//! cover: per key one class of values, so that every clause of the chosen new Allow (and old Deny) holds and each unit
//! that must not apply has a clause that does not.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::ControlFlow;
use std::rc::Rc;

use super::action::{ActionClass, ActionLists, KnownActions, Universe};
use super::bits::Bits;
use super::budget::{Budget, OverBudget};
use super::clause::Clause;
use super::joint::{Domain, Patterns, Wanted, explore};
use super::key::{KeyAtom, KeyValue, atoms, settled};
use super::principal::{Caller, SOMEONE, callers, speaks_of};
use super::resource::ResourcePattern;
use super::unit::{Side, Unit};
use crate::iam::policy::{Effect, PolicyKind, Principals};

/// A new Allow and the values of the condition keys under which it is a violation.
type Context = (usize, BTreeMap<String, KeyValue>);

/// More open patterns than this at one resource are not enumerated.
const MAX_OPEN: usize = 8;

/// A request that the new side should allow and the old side not, in the engine's terms.
#[derive(Clone, Debug)]
pub(super) struct Candidate<'a> {
    pub(super) caller: Option<String>,
    pub(super) action: String,
    pub(super) resource: String,
    /// Keys that matter; those without entry do not.
    pub(super) context: BTreeMap<String, KeyValue>,
    /// The unit that allows it.
    pub(super) allowed_by: &'a Unit,
    /// Whether every pattern involved says the same whatever fills its holes.
    pub(super) sure: bool,
}

/// What becomes of a candidate.
pub(super) type Judge<'j, 'a, B> = dyn FnMut(&Candidate<'a>) -> ControlFlow<B> + 'j;

/// Units, prepared for the search.
pub(super) struct Search<'a> {
    units: &'a [Unit],
    universe: Universe<'a>,
    actions: ActionLists,
    /// Per unit, its list of actions.
    action_list: Vec<usize>,
    patterns: Vec<ResourcePattern>,
    /// Lists of positions in `patterns`.
    lists: Vec<Vec<usize>>,
    /// Per unit, its list of resources.
    resource_list: Vec<usize>,
    clauses: Vec<Clause>,
    /// Per unit, its clauses.
    unit_clauses: Vec<Vec<usize>>,
    /// Units with a condition of which it is open what it says.
    open_conditions: Bits,
    callers: Vec<Option<Caller>>,
    new_allow: Bits,
    new_deny: Bits,
    old_allow: Bits,
    old_deny: Bits,
    domains: HashMap<Vec<usize>, Rc<Vec<KeyAtom>>>,
}

/// Gives every distinct item a number.
struct Numbered<T>(BTreeMap<T, usize>);

impl<T: Ord + Clone> Numbered<T> {
    fn new() -> Self {
        Self(BTreeMap::new())
    }

    fn number(&mut self, item: &T) -> usize {
        if let Some(number) = self.0.get(item) {
            return *number;
        }
        let next = self.0.len();
        self.0.insert(item.clone(), next);
        next
    }

    fn items(self) -> Vec<T> {
        let mut items: Vec<(T, usize)> = self.0.into_iter().collect();
        items.sort_by_key(|(_, number)| *number);
        items.into_iter().map(|(item, _)| item).collect()
    }
}

impl<'a> Search<'a> {
    pub(super) fn new(units: &'a [Unit], kind: PolicyKind, universe: Universe<'a>) -> Self {
        let mut actions = ActionLists::default();
        let mut action_lists: BTreeMap<&BTreeSet<String>, usize> = BTreeMap::new();
        let mut texts = Numbered::new();
        let mut lists = Numbered::new();
        let mut clauses = Numbered::new();
        let (mut action_list, mut resource_list, mut unit_clauses) = (Vec::new(), Vec::new(), Vec::new());
        for unit in units {
            let list = match action_lists.get(&unit.actions) {
                Some(list) => *list,
                None => {
                    let list = actions.add(unit.actions.iter().map(String::as_str));
                    action_lists.insert(&unit.actions, list);
                    list
                }
            };
            action_list.push(list);
            let list: Vec<usize> = unit
                .frame
                .resources
                .iter()
                .map(|text| texts.number(text))
                .collect();
            resource_list.push(lists.number(&list));
            unit_clauses.push(
                unit.frame
                    .clauses
                    .iter()
                    .map(|clause| clauses.number(clause))
                    .collect(),
            );
        }
        let of = |side: Side, effect: Effect| {
            let hits = units.iter().enumerate();
            let hits = hits.filter(|(_, unit)| unit.frame.side == side && unit.frame.effect == effect);
            Bits::of(units.len(), hits.map(|(index, _)| index))
        };
        let clauses = clauses.items();
        let open_conditions = open_conditions(&clauses, &unit_clauses);
        Self {
            units,
            universe,
            actions,
            action_list,
            patterns: texts
                .items()
                .iter()
                .map(|text| ResourcePattern::read(text, kind))
                .collect(),
            lists: lists.items(),
            resource_list,
            clauses,
            unit_clauses,
            open_conditions,
            callers: match kind {
                PolicyKind::Identity => vec![None],
                _ => callers(units.iter().filter_map(|unit| unit.frame.principals.as_ref()))
                    .into_iter()
                    .map(Some)
                    .collect(),
            },
            new_allow: of(Side::New, Effect::Allow),
            new_deny: of(Side::New, Effect::Deny),
            old_allow: of(Side::Old, Effect::Allow),
            old_deny: of(Side::Old, Effect::Deny),
            domains: HashMap::new(),
        }
    }

    /// Hands every candidate to `judge` until it breaks; `None` when there is no (further) candidate.
    pub(super) fn run<B>(
        &mut self,
        budget: &mut Budget,
        judge: &mut Judge<'_, 'a, B>,
    ) -> Result<Option<B>, OverBudget> {
        let mut spoken_to: BTreeSet<Bits> = BTreeSet::new();
        let mut searched: HashSet<Bits> = HashSet::new();
        let mut callers: Vec<(Option<Caller>, Vec<Bits>)> = Vec::new();
        for caller in std::mem::take(&mut self.callers) {
            let (surely, open) = self.concerned(caller.as_ref());
            callers.push((caller, open.readings(&surely)?));
        }
        // Callers of whom nothing is open make the better witnesses.
        callers.sort_by_key(|(_, readings)| readings.len());
        for (caller, readings) in &callers {
            for concerned in readings {
                if !concerned.intersects(&self.new_allow) || !spoken_to.insert(concerned.clone()) {
                    continue;
                }
                let frame = Frame {
                    caller: match caller {
                        Some(caller) => caller.name(),
                        None => Some(SOMEONE.to_owned()),
                    },
                    action: String::new(),
                    sure: readings.len() == 1,
                };
                if let Some(found) = self.actions(concerned, frame, &mut searched, budget, judge)? {
                    return Ok(Some(found));
                }
            }
        }
        Ok(None)
    }

    /// Searches all classes of actions for a caller.
    fn actions<B>(
        &mut self,
        concerned: &Bits,
        mut frame: Frame,
        searched: &mut HashSet<Bits>,
        budget: &mut Budget,
        judge: &mut Judge<'_, 'a, B>,
    ) -> Result<Option<B>, OverBudget> {
        let wanted = self.wanted_actions(concerned);
        // The lists are lent out, so that each class is searched as soon as it is met.
        let lists = std::mem::take(&mut self.actions);
        let found = lists.classes(self.universe, wanted.as_ref(), budget, &mut |budget, class| {
            let relevant = self.relevant(concerned, &class);
            if !searched.insert(relevant.clone()) {
                return ControlFlow::Continue(());
            }
            frame.action = class.action;
            let step = budget.spend(self.units.len() + 20);
            match step.and_then(|()| self.resources(&relevant, &frame, budget, judge)) {
                Ok(None) => ControlFlow::Continue(()),
                other => ControlFlow::Break(other),
            }
        });
        self.actions = lists;
        found?.unwrap_or(Ok(None))
    }

    /// A known action of which every list says the same as of this one.
    pub(super) fn known_like(&self, action: &str, known: &KnownActions) -> Option<String> {
        self.actions.known_like(action, known)
    }

    /// The units that surely speak of the caller, and those of which it is open.
    fn concerned(&self, caller: Option<&Caller>) -> (Bits, Open<'a>) {
        let mut surely = Bits::new(self.units.len());
        let mut open = Open::default();
        for (index, unit) in self.units.iter().enumerate() {
            let speaks = match (caller, &unit.frame.principals) {
                (Some(caller), Some(principals)) => speaks_of(principals, caller),
                _ => Some(true),
            };
            match (speaks, &unit.frame.principals) {
                (Some(true), _) => surely.insert(index),
                (None, Some(principals)) => open.0.entry(principals).or_default().push(index),
                _ => {}
            }
        }
        (surely, open)
    }

    /// The action lists of which an action must match one; `None` when a new Allow has `NotAction`.
    fn wanted_actions(&self, concerned: &Bits) -> Option<Bits> {
        let mut wanted = Bits::new(self.actions.len());
        for index in self.new_allow.and(concerned).iter() {
            let (unit, list) = (self.units.get(index)?, self.action_list.get(index)?);
            if unit.other_actions {
                return None;
            }
            wanted.insert(*list);
        }
        Some(wanted)
    }

    fn relevant(&self, concerned: &Bits, class: &ActionClass) -> Bits {
        let hits = concerned.iter().filter(|index| {
            let named = self
                .action_list
                .get(*index)
                .is_some_and(|list| class.lists.contains(*list));
            named != self.units.get(*index).is_some_and(|unit| unit.other_actions)
        });
        Bits::of(self.units.len(), hits)
    }

    fn unit(&self, index: usize) -> Option<&'a Unit> {
        self.units.get(index)
    }

    fn clauses_of(&self, index: usize) -> &[usize] {
        self.unit_clauses.get(index).map_or(&[], Vec::as_slice)
    }

    fn list_of(&self, index: usize) -> usize {
        self.resource_list.get(index).copied().unwrap_or_default()
    }

    fn list(&self, list: usize) -> &[usize] {
        self.lists.get(list).map_or(&[], Vec::as_slice)
    }

    fn unlimited(&self, index: usize) -> bool {
        let any = |list: usize| {
            self.list(list)
                .iter()
                .any(|at| self.patterns.get(*at).is_some_and(|p| p.any))
        };
        self.unit(index).is_some_and(|unit| !unit.frame.other_resources) && any(self.list_of(index))
    }

    /// Whether the old Allow `o` surely holds wherever the new Allow `n` does.
    fn absorbs(&self, o: usize, n: usize) -> bool {
        let clauses = self
            .clauses_of(o)
            .iter()
            .all(|clause| self.clauses_of(n).contains(clause));
        if !clauses {
            return false;
        }
        if self.unlimited(o) {
            return true;
        }
        let (Some(old), Some(new)) = (self.unit(o), self.unit(n)) else {
            return false;
        };
        if self.list_of(o) == self.list_of(n) && old.frame.other_resources == new.frame.other_resources {
            return true;
        }
        let (wide, narrow) = (self.list(self.list_of(o)), self.list(self.list_of(n)));
        !old.frame.other_resources
            && !new.frame.other_resources
            && wide.len() * narrow.len() <= 64
            && narrow.iter().all(|n| wide.iter().any(|w| self.covers(*w, *n)))
    }

    fn covers(&self, wide: usize, narrow: usize) -> bool {
        match (self.patterns.get(wide), self.patterns.get(narrow)) {
            (Some(wide), Some(narrow)) => wide.covers(narrow),
            _ => false,
        }
    }

    /// Searches all resources for a set of units that concern caller and action.
    fn resources<B>(
        &mut self,
        relevant: &Bits,
        frame: &Frame,
        budget: &mut Budget,
        judge: &mut Judge<'_, 'a, B>,
    ) -> Result<Option<B>, OverBudget> {
        let mut relevant = relevant.clone();
        if !relevant.intersects(&self.old_deny) {
            let old: Vec<usize> = relevant.and(&self.old_allow).iter().collect();
            for n in relevant.and(&self.new_allow).iter() {
                budget.spend(old.len() * 4)?;
                if old.iter().any(|o| self.absorbs(*o, n)) {
                    relevant.remove(n);
                }
            }
        }
        let allows = relevant.and(&self.new_allow);
        if allows.is_empty() {
            return Ok(None);
        }
        let used: BTreeSet<usize> = relevant.iter().map(|index| self.list_of(index)).collect();
        let table = Table::new(self, &used, &allows);
        let mut failed: HashSet<Bits> = HashSet::new();
        let mut result: Result<Option<B>, OverBudget> = Ok(None);
        let mut at_resource = |budget: &mut Budget, truth: &ListTruth, resource: String| {
            let step = self.at_resource(&relevant, truth, &resource, frame, &mut failed, budget, judge);
            match step {
                Ok(None) => ControlFlow::Continue(()),
                other => {
                    result = other;
                    ControlFlow::Break(())
                }
            }
        };
        let stopped = explore(
            &table.patterns,
            table.groups,
            &table.wanted,
            Domain::AfterArn,
            budget,
            |budget, matched, text| at_resource(budget, &table.truth(matched), format!("arn:{text}")),
        )?;
        if stopped.is_none() {
            let _ = at_resource(budget, &table.star, "*".to_owned());
        }
        result
    }

    #[allow(
        clippy::too_many_arguments,
        reason = "the state of one search, taken apart for the borrow checker"
    )]
    fn at_resource<B>(
        &mut self,
        relevant: &Bits,
        truth: &ListTruth,
        resource: &str,
        frame: &Frame,
        failed: &mut HashSet<Bits>,
        budget: &mut Budget,
        judge: &mut Judge<'_, 'a, B>,
    ) -> Result<Option<B>, OverBudget> {
        for chosen in self.choices(&truth.open)? {
            let active = relevant.iter().filter(|index| {
                let list = self.list_of(*index);
                let named = truth.sure.contains(&list)
                    || self.list(list).iter().any(|pattern| chosen.contains(pattern));
                named != self.unit(*index).is_some_and(|unit| unit.frame.other_resources)
            });
            let active = Bits::of(self.units.len(), active);
            budget.spend(self.units.len() + 20)?;
            if failed.contains(&active) {
                continue;
            }
            let settled = truth.open.is_empty() && !active.intersects(&self.open_conditions);
            let sure = frame.sure && settled;
            let mut doubted = false;
            for (n, context) in self.contexts(&active, budget)? {
                let Some(allowed_by) = self.unit(n) else { continue };
                let candidate = Candidate {
                    caller: frame.caller.clone(),
                    action: frame.action.clone(),
                    resource: resource.to_owned(),
                    context,
                    allowed_by,
                    sure,
                };
                if let ControlFlow::Break(found) = judge(&candidate) {
                    return Ok(Some(found));
                }
                doubted = true;
            }
            if !doubted {
                failed.insert(active);
            }
        }
        Ok(None)
    }

    /// Every way in which the open patterns can match, as far as one covering another leaves it open.
    fn choices(&self, open: &[usize]) -> Result<Vec<BTreeSet<usize>>, OverBudget> {
        if open.len() > MAX_OPEN {
            return Err(OverBudget);
        }
        let mut out = Vec::new();
        for chosen in 0_u32..1 << open.len() {
            let set: BTreeSet<usize> = open
                .iter()
                .enumerate()
                .filter(|(index, _)| chosen >> index & 1 == 1)
                .map(|(_, pattern)| *pattern)
                .collect();
            let consistent = set.iter().all(|narrow| {
                open.iter()
                    .all(|wide| set.contains(wide) || !self.covers(*wide, *narrow))
            });
            if consistent {
                out.push(set);
            }
        }
        Ok(out)
    }

    /// Contexts in which the active units come to a violation, at most one for each new Allow.
    fn contexts(&mut self, active: &Bits, budget: &mut Budget) -> Result<Vec<Context>, OverBudget> {
        let denies: Vec<usize> = active.and(&self.new_deny).iter().collect();
        let old: Vec<usize> = active.and(&self.old_allow).iter().collect();
        let old_denies: Vec<usize> = active.and(&self.old_deny).iter().collect();
        let mut found = Vec::new();
        'allows: for n in active.and(&self.new_allow).iter() {
            let without_old: Vec<usize> = denies.iter().chain(&old).copied().collect();
            if let Some(context) = self.context(&[n], &without_old, budget)? {
                found.push((n, context));
                continue;
            }
            for d in &old_denies {
                if let Some(context) = self.context(&[n, *d], &denies, budget)? {
                    found.push((n, context));
                    continue 'allows;
                }
            }
        }
        Ok(found)
    }

    /// Values for the keys so that every clause of the units `hold` holds and none of the units `fail` does.
    fn context(
        &mut self,
        hold: &[usize],
        fail: &[usize],
        budget: &mut Budget,
    ) -> Result<Option<BTreeMap<String, KeyValue>>, OverBudget> {
        if fail.iter().any(|index| self.clauses_of(*index).is_empty()) {
            return Ok(None);
        }
        let must: BTreeSet<usize> = hold
            .iter()
            .flat_map(|index| self.clauses_of(*index))
            .copied()
            .collect();
        let mut by_key: BTreeMap<&str, BTreeSet<usize>> = BTreeMap::new();
        let asked = fail.iter().flat_map(|index| self.clauses_of(*index));
        let all: Vec<usize> = must.iter().chain(asked).copied().collect();
        for clause in all {
            if let Some(written) = self.clauses.get(clause) {
                by_key.entry(written.key.as_str()).or_default().insert(clause);
            }
        }
        let by_key: Vec<(String, Vec<usize>)> = by_key
            .into_iter()
            .map(|(key, clauses)| (key.to_owned(), clauses.into_iter().collect()))
            .collect();
        let mut cover = Cover {
            keys: Vec::new(),
            dead: HashSet::new(),
        };
        for (key, clauses) in by_key {
            let domain = self.domain(&clauses, budget)?;
            let required = Bits::of(
                clauses.len(),
                clauses
                    .iter()
                    .enumerate()
                    .filter(|(_, clause)| must.contains(clause))
                    .map(|(at, _)| at),
            );
            let mut options: Vec<(Bits, KeyValue)> = Vec::new();
            for atom in domain.iter().filter(|atom| required.is_subset(&atom.truth)) {
                let fails = fail.iter().enumerate().filter(|(_, unit)| {
                    let own = self.clauses_of(**unit);
                    clauses
                        .iter()
                        .enumerate()
                        .any(|(at, clause)| !atom.truth.contains(at) && own.contains(clause))
                });
                let fails = Bits::of(fail.len(), fails.map(|(at, _)| at));
                budget.spend(fail.len() * clauses.len() + options.len() + 8)?;
                if options.iter().any(|(other, _)| fails.is_subset(other)) {
                    continue;
                }
                options.retain(|(other, _)| !other.is_subset(&fails));
                options.push((fails, atom.value.clone()));
            }
            if options.is_empty() {
                return Ok(None);
            }
            cover.keys.push((key, options));
        }
        let everything = Bits::of(fail.len(), 0..fail.len());
        let mut chosen = Vec::new();
        let covered = cover.search(0, everything, &mut chosen, budget)?;
        Ok(covered.then(|| chosen.into_iter().collect()))
    }

    fn domain(&mut self, clauses: &[usize], budget: &mut Budget) -> Result<Rc<Vec<KeyAtom>>, OverBudget> {
        if let Some(domain) = self.domains.get(clauses) {
            return Ok(Rc::clone(domain));
        }
        let asked: Vec<&Clause> = clauses
            .iter()
            .filter_map(|clause| self.clauses.get(*clause))
            .collect();
        let domain = Rc::new(atoms(&asked, budget)?);
        self.domains.insert(clauses.to_vec(), Rc::clone(&domain));
        Ok(domain)
    }
}

/// The units that ask for a key of which it is open what the clauses on it say.
fn open_conditions(clauses: &[Clause], unit_clauses: &[Vec<usize>]) -> Bits {
    let mut by_key: BTreeMap<&str, Vec<&Clause>> = BTreeMap::new();
    for clause in clauses {
        by_key.entry(&clause.key).or_default().push(clause);
    }
    by_key.retain(|_, clauses| !settled(clauses));
    let asks = |clause: &usize| {
        clauses
            .get(*clause)
            .is_some_and(|clause| by_key.contains_key(clause.key.as_str()))
    };
    let hits = unit_clauses
        .iter()
        .enumerate()
        .filter(|(_, own)| own.iter().any(asks));
    Bits::of(unit_clauses.len(), hits.map(|(unit, _)| unit))
}

/// Caller and action of a search.
struct Frame {
    caller: Option<String>,
    action: String,
    /// Whether it is settled which units speak of the caller.
    sure: bool,
}

/// Units of which it is open whether they speak of a caller, by their principals: the same ones agree.
#[derive(Default)]
struct Open<'a>(BTreeMap<&'a Principals, Vec<usize>>);

impl Open<'_> {
    /// Every reading: the units that speak of the caller.
    fn readings(&self, surely: &Bits) -> Result<Vec<Bits>, OverBudget> {
        if self.0.len() > MAX_OPEN {
            return Err(OverBudget);
        }
        let mut readings = vec![surely.clone()];
        for units in self.0.values() {
            let more: Vec<Bits> = readings
                .iter()
                .map(|reading| {
                    let mut reading = reading.clone();
                    units.iter().for_each(|unit| reading.insert(*unit));
                    reading
                })
                .collect();
            readings.extend(more);
        }
        Ok(readings)
    }
}

/// Which lists of resources name a resource.
#[derive(Debug, Default)]
struct ListTruth {
    /// Lists that surely do.
    sure: BTreeSet<usize>,
    /// Patterns that may, of lists that do not surely.
    open: Vec<usize>,
}

/// The patterns of the lists in use, in groups: one for the sure part of each list, one for each open pattern.
struct Table {
    patterns: Patterns,
    groups: usize,
    wanted: Wanted,
    /// Group → list.
    lists: Vec<usize>,
    /// Group (from `lists.len()` on) → pattern and the lists that have it.
    open: Vec<(usize, BTreeSet<usize>)>,
    star: ListTruth,
}

impl Table {
    fn new(search: &Search<'_>, used: &BTreeSet<usize>, allows: &Bits) -> Self {
        let lists: Vec<usize> = used.iter().copied().collect();
        let mut patterns = Patterns::default();
        let mut open: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
        let mut star_sure = BTreeSet::new();
        for (group, list) in lists.iter().enumerate() {
            for at in search.list(*list) {
                let Some(pattern) = search.patterns.get(*at) else {
                    continue;
                };
                pattern
                    .sure
                    .iter()
                    .for_each(|form| patterns.add(form.clone(), group, false));
                if pattern.any {
                    star_sure.insert(*list);
                }
                if pattern.maybe.is_some() {
                    open.entry(*at).or_default().insert(*list);
                }
            }
        }
        let open: Vec<(usize, BTreeSet<usize>)> = open.into_iter().collect();
        for (index, (at, _)) in open.iter().enumerate() {
            let forms = search
                .patterns
                .get(*at)
                .and_then(|pattern| pattern.maybe.as_ref());
            for form in forms.into_iter().flatten() {
                patterns.add(form.clone(), lists.len() + index, false);
            }
        }
        let groups = lists.len() + open.len();
        let star_open = open.iter().filter(|(at, owners)| {
            search.patterns.get(*at).is_some_and(|pattern| pattern.maybe_any)
                && owners.iter().any(|list| !star_sure.contains(list))
        });
        let star = ListTruth {
            open: star_open.map(|(at, _)| *at).collect(),
            sure: star_sure,
        };
        let complement = |n: usize| search.unit(n).is_some_and(|unit| unit.frame.other_resources);
        let wanted = match allows.iter().any(complement) {
            true => Wanted::All,
            false => {
                let allowed: BTreeSet<usize> = allows.iter().map(|n| search.list_of(n)).collect();
                let sure = lists
                    .iter()
                    .enumerate()
                    .filter(|(_, list)| allowed.contains(list));
                let maybe = open
                    .iter()
                    .enumerate()
                    .filter(|(_, (_, owners))| !owners.is_disjoint(&allowed));
                Wanted::AnyOf(Bits::of(
                    groups,
                    sure.map(|(group, _)| group)
                        .chain(maybe.map(|(index, _)| lists.len() + index)),
                ))
            }
        };
        Self {
            patterns,
            groups,
            wanted,
            lists,
            open,
            star,
        }
    }

    fn truth(&self, matched: &Bits) -> ListTruth {
        let sure: BTreeSet<usize> = self
            .lists
            .iter()
            .enumerate()
            .filter(|(group, _)| matched.contains(*group))
            .map(|(_, list)| *list)
            .collect();
        let open = self.open.iter().enumerate().filter(|(index, (_, owners))| {
            matched.contains(self.lists.len() + index) && owners.iter().any(|list| !sure.contains(list))
        });
        ListTruth {
            open: open.map(|(_, (at, _))| *at).collect(),
            sure,
        }
    }
}

/// Chooses one option per key so that the options between them make every unit fail.
struct Cover {
    keys: Vec<(String, Vec<(Bits, KeyValue)>)>,
    dead: HashSet<(usize, Bits)>,
}

impl Cover {
    fn search(
        &mut self,
        at: usize,
        left: Bits,
        chosen: &mut Vec<(String, KeyValue)>,
        budget: &mut Budget,
    ) -> Result<bool, OverBudget> {
        let Some((key, options)) = self.keys.get(at) else {
            return Ok(left.is_empty());
        };
        budget.spend(options.len() * 4 + 4)?;
        if self.dead.contains(&(at, left.clone())) {
            return Ok(false);
        }
        let (key, options) = (key.clone(), options.clone());
        let mut tried: BTreeSet<Bits> = BTreeSet::new();
        for (fails, value) in options {
            let rest = left.minus(&fails);
            if !tried.insert(rest.clone()) {
                continue;
            }
            chosen.push((key.clone(), value));
            if self.search(at + 1, rest, chosen, budget)? {
                return Ok(true);
            }
            chosen.pop();
        }
        self.dead.insert((at, left));
        Ok(false)
    }
}
