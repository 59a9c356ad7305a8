//! Statements in one normal form, and the cancelling of what both sides say alike.

use std::collections::{BTreeMap, BTreeSet};

use super::clause::Clause;
use crate::iam::policy::{Actions, Effect, Policy, Principals, Resources, Statement};

/// Which side of the comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Side {
    New,
    Old,
}

/// A statement by its position: which policy of its side, which statement in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StatementRef {
    /// Position of the policy.
    pub policy: usize,
    /// Position of the statement in the policy.
    pub statement: usize,
}

/// Everything of a unit but its actions.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Frame {
    pub(super) side: Side,
    pub(super) effect: Effect,
    pub(super) principals: Option<Principals>,
    /// `NotResource`.
    pub(super) other_resources: bool,
    pub(super) resources: BTreeSet<String>,
    pub(super) clauses: BTreeSet<Clause>,
}

/// One or more statements of a side that differ at most in their actions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unit {
    pub(super) frame: Frame,
    /// `NotAction`.
    pub(super) other_actions: bool,
    /// Patterns in lower case.
    pub(super) actions: BTreeSet<String>,
    /// The statements it stands for.
    pub(super) origin: Vec<StatementRef>,
}

impl Unit {
    fn of(side: Side, statement: &Statement, origin: StatementRef) -> Self {
        let (other_actions, actions) = match &statement.actions {
            Actions::Only(list) => (false, list),
            Actions::AllExcept(list) => (true, list),
        };
        let (other_resources, resources) = match &statement.resources {
            Resources::Only(list) => (false, list),
            Resources::AllExcept(list) => (true, list),
        };
        Self {
            frame: Frame {
                side,
                effect: statement.effect,
                principals: statement.principals.as_ref().map(sorted),
                other_resources,
                resources: resources.iter().map(|one| one.as_str().to_owned()).collect(),
                clauses: Clause::of(&statement.conditions).into_iter().collect(),
            },
            other_actions,
            actions: actions
                .iter()
                .map(|one| one.as_str().to_ascii_lowercase())
                .collect(),
            origin: vec![origin],
        }
    }

    fn is(&self, side: Side, effect: Effect) -> bool {
        self.frame.side == side && self.frame.effect == effect
    }
}

fn sorted(principals: &Principals) -> Principals {
    let tidy = |set: &BTreeMap<String, Vec<String>>| {
        set.iter()
            .map(|(kind, names)| {
                let names: BTreeSet<&String> = names.iter().collect();
                (kind.clone(), names.into_iter().cloned().collect())
            })
            .collect()
    };
    match principals {
        Principals::Only(set) => Principals::Only(tidy(set)),
        Principals::AllExcept(set) => Principals::AllExcept(tidy(set)),
    }
}

/// The units of both sides. Statements that differ only in their actions become one; with `cancel`, what both sides say
/// alike is left out where that cannot change the answer.
pub(super) fn units(new: &[Policy], old: &[Policy], cancel: bool) -> Vec<Unit> {
    let mut units = side(Side::New, new);
    units.extend(side(Side::Old, old));
    if cancel {
        cancel_denies(&mut units);
        if !units.iter().any(|unit| unit.is(Side::Old, Effect::Deny)) {
            cancel_allows(&mut units);
        }
    }
    units
}

fn side(side: Side, policies: &[Policy]) -> Vec<Unit> {
    let mut merged: BTreeMap<Frame, Unit> = BTreeMap::new();
    let mut complements: Vec<Unit> = Vec::new();
    for (policy, document) in policies.iter().enumerate() {
        for (statement, written) in document.statements.iter().enumerate() {
            let unit = Unit::of(side, written, StatementRef { policy, statement });
            if unit.other_actions {
                let same = complements
                    .iter_mut()
                    .find(|one| one.frame == unit.frame && one.actions == unit.actions);
                match same {
                    Some(same) => same.origin.extend(unit.origin),
                    None => complements.push(unit),
                }
                continue;
            }
            match merged.get_mut(&unit.frame) {
                Some(same) => {
                    same.actions.extend(unit.actions);
                    same.origin.extend(unit.origin);
                }
                None => {
                    merged.insert(unit.frame.clone(), unit);
                }
            }
        }
    }
    merged.into_values().chain(complements).collect()
}

/// A Deny of the old side that the new side has too takes nothing away on the way from old to new.
fn cancel_denies(units: &mut Vec<Unit>) {
    cancel(units, (Side::Old, Effect::Deny), (Side::New, Effect::Deny));
}

/// Where the old side denies nothing more, an Allow of the new side that the old side has too adds nothing.
fn cancel_allows(units: &mut Vec<Unit>) {
    cancel(units, (Side::New, Effect::Allow), (Side::Old, Effect::Allow));
}

/// Removes from the units `what` those actions that a unit of `by` names too, on at least the same requests.
fn cancel(units: &mut Vec<Unit>, what: (Side, Effect), by: (Side, Effect)) {
    let (wide, rest): (Vec<Unit>, Vec<Unit>) = std::mem::take(units)
        .into_iter()
        .partition(|unit| unit.is(by.0, by.1));
    for mut unit in rest {
        if unit.is(what.0, what.1) {
            for wide in wide.iter().filter(|wide| surrounds(&wide.frame, &unit.frame)) {
                match (wide.other_actions, unit.other_actions) {
                    (false, false) if wide.actions.contains("*") => unit.actions.clear(),
                    (false, false) => unit.actions.retain(|action| !wide.actions.contains(action)),
                    (true, true) if wide.actions.is_subset(&unit.actions) => {
                        unit.other_actions = false;
                        unit.actions.clear();
                    }
                    (false, true) if wide.actions.contains("*") => {
                        unit.other_actions = false;
                        unit.actions.clear();
                    }
                    _ => {}
                }
            }
            if unit.actions.is_empty() && !unit.other_actions {
                continue;
            }
        }
        units.push(unit);
    }
    units.extend(wide);
    units.sort_by(|a, b| (&a.frame, &a.actions).cmp(&(&b.frame, &b.actions)));
}

/// Whether `wide` holds for every request that `narrow` holds for, actions aside; told by the texts alone.
fn surrounds(wide: &Frame, narrow: &Frame) -> bool {
    let resources = match (wide.other_resources, narrow.other_resources) {
        (false, false) => wide.resources.contains("*") || narrow.resources.is_subset(&wide.resources),
        (true, true) => wide.resources.is_subset(&narrow.resources),
        (false, true) => wide.resources.contains("*"),
        (true, false) => false,
    };
    resources && wide.principals == narrow.principals && wide.clauses.is_subset(&narrow.clauses)
}
