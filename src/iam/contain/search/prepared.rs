//! Units prepared for the search: what they share is numbered, and which of them speak of a caller or an action is told.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::super::action::{ActionClass, ActionLists, Universe};
use super::super::bits::Bits;
use super::super::budget::OverBudget;
use super::super::clause::Clause;
use super::super::key::settled;
use super::super::principal::{Caller, callers, speaks_of};
use super::super::resource::ResourcePattern;
use super::super::unit::{Side, Unit};
use super::{MAX_OPEN, Search};
use crate::iam::policy::{Effect, PolicyKind, Principals};

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
    pub(in super::super) fn new(units: &'a [Unit], kind: PolicyKind, universe: Universe<'a>) -> Self {
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

    /// The units that surely speak of the caller, and those of which it is open.
    pub(super) fn concerned(&self, caller: Option<&Caller>) -> (Bits, Open<'a>) {
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
    pub(super) fn wanted_actions(&self, concerned: &Bits) -> Option<Bits> {
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

    pub(super) fn relevant(&self, concerned: &Bits, class: &ActionClass) -> Bits {
        let hits = concerned.iter().filter(|index| {
            let named = self
                .action_list
                .get(*index)
                .is_some_and(|list| class.lists.contains(*list));
            named != self.units.get(*index).is_some_and(|unit| unit.other_actions)
        });
        Bits::of(self.units.len(), hits)
    }

    pub(super) fn unit(&self, index: usize) -> Option<&'a Unit> {
        self.units.get(index)
    }

    pub(super) fn clauses_of(&self, index: usize) -> &[usize] {
        self.unit_clauses.get(index).map_or(&[], Vec::as_slice)
    }

    pub(super) fn list_of(&self, index: usize) -> usize {
        self.resource_list.get(index).copied().unwrap_or_default()
    }

    pub(super) fn list(&self, list: usize) -> &[usize] {
        self.lists.get(list).map_or(&[], Vec::as_slice)
    }

    pub(super) fn unlimited(&self, index: usize) -> bool {
        let any = |list: usize| {
            self.list(list)
                .iter()
                .any(|at| self.patterns.get(*at).is_some_and(|p| p.any))
        };
        self.unit(index).is_some_and(|unit| !unit.frame.other_resources) && any(self.list_of(index))
    }

    /// Whether the old Allow `o` surely holds wherever the new Allow `n` does.
    pub(super) fn absorbs(&self, o: usize, n: usize) -> bool {
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

    pub(super) fn covers(&self, wide: usize, narrow: usize) -> bool {
        match (self.patterns.get(wide), self.patterns.get(narrow)) {
            (Some(wide), Some(narrow)) => wide.covers(narrow),
            _ => false,
        }
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

/// Units of which it is open whether they speak of a caller, by their principals: the same ones agree.
#[derive(Default)]
pub(super) struct Open<'a>(BTreeMap<&'a Principals, Vec<usize>>);

impl Open<'_> {
    /// Every reading: the units that speak of the caller.
    pub(super) fn readings(&self, surely: &Bits) -> Result<Vec<Bits>, OverBudget> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_open_principals_are_read_either_way_and_no_more() {
        let names: Vec<Principals> = (0..=MAX_OPEN)
            .map(|index| Principals::Only([("AWS".to_owned(), vec![index.to_string()])].into()))
            .collect();
        let none = Bits::new(names.len());
        let open = |count: usize| {
            let units = names.iter().enumerate().take(count);
            Open(units.map(|(unit, name)| (name, vec![unit])).collect())
        };
        assert!(open(MAX_OPEN + 1).readings(&none).is_err());
        let readings = open(MAX_OPEN).readings(&none).unwrap_or_default();
        let different: std::collections::BTreeSet<Bits> = readings.into_iter().collect();
        assert_eq!(different.len(), 1 << MAX_OPEN);
    }
}
