//! Conditions: values of the keys under which chosen units hold and others fail, as a cover.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::rc::Rc;

use super::super::bits::Bits;
use super::super::budget::{Budget, OverBudget};
use super::super::clause::Clause;
use super::super::key::{KeyAtom, KeyValue, atoms};
use super::{Context, Search};

impl Search<'_> {
    /// Contexts in which the active units come to a violation, at most one for each new Allow.
    pub(super) fn contexts(
        &mut self,
        active: &Bits,
        budget: &mut Budget,
    ) -> Result<Vec<Context>, OverBudget> {
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
