//! The search for a request that the new side allows and the old side does not.
//!
//! Callers × classes of actions give the units that concern a request; each such set is searched once. Classes of
//! resources then say which of these units apply; each combination is searched once for a context. What is left is a
//! cover: per key one class of values, so that every clause of the chosen new Allow (and old Deny) holds and each unit
//! that must not apply has a clause that does not.
//!
//! [`prepared`] says what concerns whom, [`table`] what names a resource, [`context`] which conditions leave room.

mod context;
mod prepared;
mod table;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::ControlFlow;
use std::rc::Rc;

use super::action::{ActionLists, KnownActions, Universe};
use super::bits::Bits;
use super::budget::{Budget, OverBudget};
use super::clause::Clause;
use super::joint::{Domain, explore};
use super::key::{KeyAtom, KeyValue};
use super::principal::{Caller, SOMEONE};
use super::resource::ResourcePattern;
use super::unit::Unit;
use table::{ListTruth, Table};

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

/// Caller and action of a search.
struct Frame {
    caller: Option<String>,
    action: String,
    /// Whether it is settled which units speak of the caller.
    sure: bool,
}

impl<'a> Search<'a> {
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
}
