//! A small set of indices as a bit vector.

/// A set of indices below a fixed bound.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Bits(Vec<u64>);

impl Bits {
    /// The empty set of indices below `bound`.
    pub(super) fn new(bound: usize) -> Self {
        Self(vec![0; bound.div_ceil(64)])
    }

    /// The set of these indices below `bound`.
    pub(super) fn of(bound: usize, indices: impl IntoIterator<Item = usize>) -> Self {
        let mut bits = Self::new(bound);
        indices.into_iter().for_each(|index| bits.insert(index));
        bits
    }

    pub(super) fn insert(&mut self, index: usize) {
        if let Some(word) = self.0.get_mut(index / 64) {
            *word |= 1 << (index % 64);
        }
    }

    pub(super) fn remove(&mut self, index: usize) {
        if let Some(word) = self.0.get_mut(index / 64) {
            *word &= !(1 << (index % 64));
        }
    }

    pub(super) fn contains(&self, index: usize) -> bool {
        self.0
            .get(index / 64)
            .is_some_and(|word| word >> (index % 64) & 1 == 1)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    pub(super) fn len(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    pub(super) fn is_subset(&self, other: &Self) -> bool {
        self.0
            .iter()
            .zip(&other.0)
            .all(|(mine, theirs)| mine & !theirs == 0)
    }

    pub(super) fn intersects(&self, other: &Self) -> bool {
        self.0
            .iter()
            .zip(&other.0)
            .any(|(mine, theirs)| mine & theirs != 0)
    }

    pub(super) fn and(&self, other: &Self) -> Self {
        Self(
            self.0
                .iter()
                .zip(&other.0)
                .map(|(mine, theirs)| mine & theirs)
                .collect(),
        )
    }

    pub(super) fn or(&self, other: &Self) -> Self {
        Self(
            self.0
                .iter()
                .zip(&other.0)
                .map(|(mine, theirs)| mine | theirs)
                .collect(),
        )
    }

    /// What is in `self` and not in `other`.
    pub(super) fn minus(&self, other: &Self) -> Self {
        Self(
            self.0
                .iter()
                .zip(&other.0)
                .map(|(mine, theirs)| mine & !theirs)
                .collect(),
        )
    }

    /// The indices in ascending order.
    pub(super) fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.iter().enumerate().flat_map(|(position, word)| {
            let mut rest = *word;
            std::iter::from_fn(move || {
                (rest != 0).then(|| {
                    let low = rest.trailing_zeros() as usize;
                    rest &= rest - 1;
                    position * 64 + low
                })
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    const BOUND: usize = 130;

    fn sets() -> Vec<BTreeSet<usize>> {
        let edges = [0, 1, 62, 63, 64, 65, 127, 128, 129];
        (0_usize..1 << edges.len())
            .step_by(7)
            .map(|chosen| {
                let chosen = edges.iter().enumerate().filter(|(bit, _)| chosen >> bit & 1 == 1);
                chosen.map(|(_, index)| *index).collect()
            })
            .collect()
    }

    #[test]
    fn bits_do_what_sets_do() {
        let same = |bits: &Bits, set: &BTreeSet<usize>| {
            assert_eq!(bits.iter().collect::<BTreeSet<_>>(), *set);
            assert_eq!((bits.len(), bits.is_empty()), (set.len(), set.is_empty()));
            assert!((0..BOUND + 70).all(|index| bits.contains(index) == set.contains(&index)));
        };
        for one in sets() {
            let mine = Bits::of(BOUND, one.iter().copied());
            same(&mine, &one);
            for index in [0, 63, 64, 129] {
                let (mut more, mut less) = (mine.clone(), mine.clone());
                more.insert(index);
                less.remove(index);
                same(&more, &one.iter().copied().chain([index]).collect());
                same(
                    &less,
                    &one.iter().copied().filter(|kept| *kept != index).collect(),
                );
            }
            for other in sets().iter().step_by(5) {
                let theirs = Bits::of(BOUND, other.iter().copied());
                same(&mine.and(&theirs), &(&one & other));
                same(&mine.or(&theirs), &(&one | other));
                same(&mine.minus(&theirs), &(&one - other));
                assert_eq!(mine.is_subset(&theirs), one.is_subset(other));
                assert_eq!(mine.intersects(&theirs), !one.is_disjoint(other));
            }
        }
    }

    #[test]
    fn an_index_beyond_the_bound_is_in_no_set() {
        let mut bits = Bits::new(3);
        bits.insert(64);
        bits.remove(64);
        assert!(bits.is_empty() && !bits.contains(64));
    }
}
