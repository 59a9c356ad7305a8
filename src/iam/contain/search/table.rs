//! Resources: which lists of patterns name one, and which of the open patterns may.

use std::collections::{BTreeMap, BTreeSet};

use super::super::bits::Bits;
use super::super::budget::OverBudget;
use super::super::joint::{Patterns, Wanted};
use super::{MAX_OPEN, Search};

/// Which lists of resources name a resource.
#[derive(Debug, Default)]
pub(super) struct ListTruth {
    /// Lists that surely do.
    pub(super) sure: BTreeSet<usize>,
    /// Patterns that may, of lists that do not surely.
    pub(super) open: Vec<usize>,
}

/// The patterns of the lists in use, in groups: one for the sure part of each list, one for each open pattern.
pub(super) struct Table {
    pub(super) patterns: Patterns,
    pub(super) groups: usize,
    pub(super) wanted: Wanted,
    /// Group → list.
    lists: Vec<usize>,
    /// Group (from `lists.len()` on) → pattern and the lists that have it.
    open: Vec<(usize, BTreeSet<usize>)>,
    pub(super) star: ListTruth,
}

impl Table {
    pub(super) fn new(search: &Search<'_>, used: &BTreeSet<usize>, allows: &Bits) -> Self {
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

    pub(super) fn truth(&self, matched: &Bits) -> ListTruth {
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

impl Search<'_> {
    /// Every way in which the open patterns can match, as far as one covering another leaves it open.
    pub(super) fn choices(&self, open: &[usize]) -> Result<Vec<BTreeSet<usize>>, OverBudget> {
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
}
