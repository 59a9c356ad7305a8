//! Small sorted sets and maps, each in one piece of memory: cells are kept by the ten thousand and mostly hold one or two of
//! everything, for which a tree would take ten times the room.

use std::borrow::Borrow;
use std::cmp::Ordering;

/// A set, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SortedSet<T>(Vec<T>);

/// A map, in the order of its keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SortedMap<K, V>(Vec<(K, V)>);

/// Puts something into a list. The first ones get room for themselves alone: most lists never have more.
fn put<T>(list: &mut Vec<T>, at: usize, item: T) {
    if list.len() < 4 {
        list.reserve_exact(1);
    }
    list.insert(at.min(list.len()), item);
}

impl<T> Default for SortedSet<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Ord> SortedSet<T> {
    /// Adds what `own` makes of `item`, if it is not there.
    pub(super) fn add<Q: Ord + ?Sized>(&mut self, item: &Q, own: impl FnOnce() -> T)
    where
        T: Borrow<Q>,
    {
        self.add_by(|mine| mine.borrow().cmp(item), own);
    }

    /// Adds what `own` makes, if none is there that `compare` finds equal to it; `compare` must follow the order of the set.
    pub(super) fn add_by(&mut self, compare: impl FnMut(&T) -> Ordering, own: impl FnOnce() -> T) {
        if let Err(at) = self.0.binary_search_by(compare) {
            put(&mut self.0, at, own());
        }
    }

    pub(super) fn insert(&mut self, item: T) {
        if let Err(at) = self.0.binary_search(&item) {
            put(&mut self.0, at, item);
        }
    }

    /// Takes in another set.
    pub(super) fn merge(&mut self, other: Self) {
        if self.0.is_empty() {
            *self = other;
        } else {
            other.0.into_iter().for_each(|item| self.insert(item));
        }
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn iter(&self) -> std::slice::Iter<'_, T> {
        self.0.iter()
    }
}

impl<T: Ord> FromIterator<T> for SortedSet<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        let mut items: Vec<T> = items.into_iter().collect();
        items.sort_unstable();
        items.dedup();
        Self(items)
    }
}

impl<T> IntoIterator for SortedSet<T> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<K, V> Default for SortedMap<K, V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K: Ord, V> SortedMap<K, V> {
    /// A map of keys all of which are different.
    pub(super) fn of_different(mut items: Vec<(K, V)>) -> Self {
        items.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        Self(items)
    }

    fn search<Q: Ord + ?Sized>(&self, key: &Q) -> Result<usize, usize>
    where
        K: Borrow<Q>,
    {
        self.0.binary_search_by(|(mine, _)| mine.borrow().cmp(key))
    }

    pub(super) fn contains_key<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.search(key).is_ok()
    }

    /// Changes the value of `key` by `change`, or puts in what `make` makes.
    pub(super) fn update<Q: Ord + ?Sized>(
        &mut self,
        key: &Q,
        change: impl FnOnce(&mut V),
        make: impl FnOnce() -> (K, V),
    ) where
        K: Borrow<Q>,
    {
        match self.search(key) {
            Ok(at) => {
                if let Some((_, value)) = self.0.get_mut(at) {
                    change(value);
                }
            }
            Err(at) => put(&mut self.0, at, make()),
        }
    }

    /// Puts in a value, or merges it into the one that is there.
    pub(super) fn merge_one(&mut self, key: K, value: V, merge: impl FnOnce(&mut V, V)) {
        match self.search(&key) {
            Ok(at) => {
                if let Some((_, mine)) = self.0.get_mut(at) {
                    merge(mine, value);
                }
            }
            Err(at) => put(&mut self.0, at, (key, value)),
        }
    }

    /// Takes in another map; `merge` joins two values of a key.
    pub(super) fn merge(&mut self, other: Self, mut merge: impl FnMut(&mut V, V)) {
        if self.0.is_empty() {
            *self = other;
            return;
        }
        for (key, value) in other.0 {
            self.merge_one(key, value, &mut merge);
        }
    }

    /// Puts in a value in place of the one that is there.
    pub(super) fn insert(&mut self, key: K, value: V) {
        self.merge_one(key, value, |mine, value| *mine = value);
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = (&K, &V)> {
        self.0.iter().map(|(key, value)| (key, value))
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &V> {
        self.0.iter().map(|(_, value)| value)
    }

    pub(super) fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.0.iter_mut().map(|(_, value)| value)
    }
}

impl<K: Ord, V> FromIterator<(K, V)> for SortedMap<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(items: I) -> Self {
        let mut map = Self::default();
        for (key, value) in items {
            map.insert(key, value);
        }
        map
    }
}

impl<K, V> IntoIterator for SortedMap<K, V> {
    type Item = (K, V);
    type IntoIter = std::vec::IntoIter<(K, V)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::{BTreeMap, BTreeSet};

    proptest! {
        #[test]
        fn they_do_what_trees_do(items in proptest::collection::vec((0_u8..30, 0_u8..9), 0..60), at in 0_usize..60) {
            let (left, right) = items.split_at(at.min(items.len()));
            let set = |items: &[(u8, u8)]| items.iter().copied().collect::<SortedSet<_>>();
            let mut merged = set(left);
            merged.merge(set(right));
            let tree: BTreeSet<(u8, u8)> = items.iter().copied().collect();
            prop_assert!(merged.iter().eq(tree.iter()));

            let mut map = left.iter().copied().collect::<SortedMap<_, _>>();
            map.merge(right.iter().copied().collect(), |mine, other| *mine = other);
            let tree: BTreeMap<u8, u8> = items.iter().copied().collect();
            prop_assert!(map.iter().eq(tree.iter()));
        }
    }
}
