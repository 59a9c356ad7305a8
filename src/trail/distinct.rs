//! Counts of different events that can be merged: the smallest hashes of a set, from which its size follows.
//!
//! A set keeps the `limit` smallest hashes of what was put into it. While it holds fewer, its size is known; beyond that
//! the largest hash kept tells how densely the hashes lie, and so how many there are (Bar-Yossef et al., *Counting
//! Distinct Elements in a Data Stream*, 2002; the standard error is 1 / √(limit − 2)). What is kept depends on the set
//! alone: not on order, repetition, threads, or how it was put together.

use std::borrow::Cow;

/// Up to this many events a resource's count is exact; beyond, its standard error is 6 %.
pub(super) const OF_A_CELL: usize = 256;
/// Up to this many events the count of a whole trail is exact; beyond, its standard error is 0.8 %.
pub(super) const OF_A_TRAIL: usize = 16_384;

/// Up to this many hashes are kept as they come.
const UNSORTED: usize = 32;

/// The size of a set, and whether it is an estimate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Count {
    /// How many; an estimate is rounded to three digits.
    pub(super) number: u64,
    /// Whether it is an estimate.
    pub(super) about: bool,
}

impl Count {
    /// The size of two sets that share nothing.
    pub(super) fn plus(self, other: Self) -> Self {
        Self {
            number: self.number + other.number,
            about: self.about || other.about,
        }
    }
}

/// A set of which the smallest hashes are kept.
#[derive(Clone, Debug)]
pub(super) struct Distinct {
    limit: usize,
    /// The hashes that are kept, in order and each once; behind them what came since.
    hashes: Vec<u64>,
    /// How many are in order.
    settled: usize,
    /// A hash above this one is not kept.
    highest: u64,
}

impl PartialEq for Distinct {
    fn eq(&self, other: &Self) -> bool {
        self.limit == other.limit && self.kept() == other.kept()
    }
}

impl Eq for Distinct {}

impl Distinct {
    /// An empty set that keeps `limit` hashes, at least three.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit: limit.max(3),
            hashes: Vec::new(),
            settled: 0,
            highest: u64::MAX,
        }
    }

    /// A set of its parts, as [`limit`](Self::limit) and [`hashes`](Self::hashes) gave them.
    pub(super) fn of(limit: usize, hashes: impl IntoIterator<Item = u64>) -> Self {
        let mut set = Self::new(limit);
        for hash in hashes {
            set.insert(hash);
        }
        set
    }

    /// How many hashes it keeps.
    #[allow(dead_code, reason = "the form in which stores keep it")]
    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// Adds an element by its hash ([`hash_id`], [`hash_parts`]).
    ///
    /// It is put behind the others; they are brought into order when the room is full, so that an element costs little.
    pub(super) fn insert(&mut self, hash: u64) {
        if hash > self.highest {
            return;
        }
        let room = self.hashes.capacity();
        if self.hashes.len() == room {
            match room {
                0 => self.hashes.reserve_exact(2),
                // So few are not worth being brought into order.
                1..UNSORTED => self.hashes.reserve_exact(room),
                _ => self.make_room(),
            }
        }
        self.hashes.push(hash);
    }

    /// Takes in another set. Of two limits the lower one holds, since the other set has forgotten what is above it.
    pub(super) fn merge(&mut self, other: Self) {
        if self.hashes.is_empty() && other.limit <= self.limit {
            *self = other;
            return;
        }
        if other.limit < self.limit {
            let mine = std::mem::replace(self, Self::new(other.limit));
            self.take(&mine);
        }
        self.take(&other);
    }

    fn take(&mut self, other: &Self) {
        for &hash in other.kept().iter() {
            // They come in order: no later one is kept either.
            if hash > self.highest {
                break;
            }
            self.insert(hash);
        }
    }

    /// Brings all into order, and makes room for more when that leaves little.
    fn make_room(&mut self) {
        self.put_in_order();
        let room = self.hashes.capacity();
        if self.hashes.len() >= room - room / 4 {
            // A set that is full needs room for some that come to be forgotten.
            let more = room.clamp(2, self.limit.div_ceil(4).max(64));
            self.hashes.reserve_exact(room - self.hashes.len() + more);
        }
    }

    /// Brings what came since into order, for who asks more than once.
    pub(super) fn put_in_order(&mut self) {
        if self.settled < self.hashes.len() {
            bring_into_order(&mut self.hashes, self.limit);
            self.settled = self.hashes.len();
            if self.hashes.len() == self.limit {
                self.highest = self.hashes.last().copied().unwrap_or(u64::MAX);
            }
        }
    }

    /// The same, brought into order: for who asks more than once.
    pub(super) fn in_order(&self) -> Cow<'_, Self> {
        match self.kept() {
            Cow::Borrowed(_) => Cow::Borrowed(self),
            Cow::Owned(hashes) => Cow::Owned(Self {
                limit: self.limit,
                settled: hashes.len(),
                hashes,
                highest: self.highest,
            }),
        }
    }

    /// The hashes that are kept, the smallest first.
    pub(super) fn kept(&self) -> Cow<'_, [u64]> {
        if self.settled == self.hashes.len() {
            return Cow::Borrowed(&self.hashes);
        }
        let mut hashes = self.hashes.clone();
        bring_into_order(&mut hashes, self.limit);
        Cow::Owned(hashes)
    }

    /// How many elements the set has.
    pub(super) fn count(&self) -> Count {
        let hashes = self.kept();
        let highest = match hashes.last() {
            Some(highest) if hashes.len() == self.limit => *highest,
            _ => {
                return Count {
                    number: hashes.len() as u64,
                    about: false,
                };
            }
        };
        // (limit − 1) hashes lie below the highest one, evenly: as many as fit into that part of all hashes.
        let below = self.limit as u128 - 1;
        let estimate = (below << 64) / (u128::from(highest) + 1);
        Count {
            number: rounded(u64::try_from(estimate).unwrap_or(u64::MAX)),
            about: true,
        }
    }
}

/// Sorts hashes and leaves the `limit` smallest of them, each once.
fn bring_into_order(hashes: &mut Vec<u64>, limit: usize) {
    hashes.sort();
    hashes.dedup();
    hashes.truncate(limit);
}

/// To three digits: an estimate is no better than that.
fn rounded(number: u64) -> u64 {
    let unit = 10_u64.pow(number.max(1).ilog10().saturating_sub(2));
    (number / unit + u64::from(number % unit >= unit.div_ceil(2))) * unit
}

/// The hash of an event id. It is kept in files, so it must never change. Upper and lower case are one.
pub(super) fn hash_id(id: &str) -> u64 {
    finish(absorb(START, id.as_bytes(), LOWER_CASE))
}

/// The hash of some texts in a row, told apart from all other texts in a row. It must never change.
pub(super) fn hash_parts<'t>(parts: impl IntoIterator<Item = &'t str>) -> u64 {
    finish(
        parts
            .into_iter()
            .fold(START, |state, part| absorb(state, part.as_bytes(), 0)),
    )
}

const START: u64 = 0x243f_6a88_85a3_08d3;
/// The bit that makes letters small; digits and `-` have it.
const LOWER_CASE: u64 = 0x2020_2020_2020_2020;

/// Takes in some bytes, eight at a time, and how many they were.
fn absorb(mut state: u64, bytes: &[u8], set: u64) -> u64 {
    let mut take = |word: u64| {
        state = (state ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        state ^= state >> 32;
    };
    let (words, rest) = bytes.as_chunks::<8>();
    for word in words {
        take(u64::from_le_bytes(*word) | set);
    }
    let mut last = [0; 8];
    for (to, from) in last.iter_mut().zip(rest) {
        *to = *from;
    }
    take(u64::from_le_bytes(last) | set);
    take(bytes.len() as u64);
    state
}

/// Spreads every bit over all (the last step of MurmurHash3, in the public domain).
fn finish(mut state: u64) -> u64 {
    state ^= state >> 33;
    state = state.wrapping_mul(0xff51_afd7_ed55_8ccd);
    state ^= state >> 33;
    state = state.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    state ^ (state >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn set(limit: usize, ids: impl IntoIterator<Item = u64>) -> Distinct {
        let ids = ids.into_iter().map(|id| hash_id(&format!("{id:032x}")));
        Distinct::of(limit, ids)
    }

    #[test]
    fn few_are_counted_and_many_estimated() {
        let count = |number, about| Count { number, about };
        assert_eq!(set(256, []).count(), count(0, false));
        assert_eq!(set(256, [1, 2, 2, 1]).count(), count(2, false));
        assert_eq!(set(256, 0..255).count(), count(255, false));
        for (limit, size, percent) in [
            (256, 1_000, 20),
            (256, 100_000, 20),
            (OF_A_TRAIL, 20_000, 3),
            (OF_A_TRAIL, 200_000, 3),
        ] {
            let told = set(limit, 0..size).count();
            assert!(told.about);
            assert!(
                told.number.abs_diff(size) <= size * percent / 100,
                "{told:?} for {size}"
            );
        }
    }

    #[test]
    fn estimates_have_three_digits() {
        for (number, shown) in [
            (0, 0),
            (7, 7),
            (999, 999),
            (1_004, 1_000),
            (1_005, 1_010),
            (12_349, 12_300),
            (99_950, 100_000),
        ] {
            assert_eq!(rounded(number), shown, "{number}");
        }
    }

    #[test]
    fn hashes_stay_what_they_are() {
        // They are in stores: a change here makes old stores count twice.
        assert_eq!(
            hash_id("0b7c3f4e-52d1-4a86-9a3d-6d1f5e2a9c10"),
            0x9fc3_e692_95cb_5621
        );
        assert_eq!(
            hash_id("0B7C3F4E-52D1-4A86-9A3D-6D1F5E2A9C10"),
            0x9fc3_e692_95cb_5621
        );
        assert_eq!(hash_parts(["a", "b"]), 0xab82_59f3_374c_c0cf);
        assert_ne!(hash_parts(["a", "b"]), hash_parts(["ab", ""]));
    }

    proptest! {
        #[test]
        fn only_the_set_matters(
            ids in proptest::collection::vec(0_u64..100, 0..200),
            at in 0_usize..200,
            limit in 3_usize..60,
        ) {
            let whole = set(limit, ids.iter().copied());
            prop_assert_eq!(&whole, &set(limit, ids.iter().rev().copied()));
            let (left, right) = ids.split_at(at.min(ids.len()));
            let mut merged = set(limit, right.iter().copied());
            merged.merge(set(limit, left.iter().copied()));
            prop_assert_eq!(&whole, &merged);
            merged.merge(whole.clone());
            prop_assert_eq!(&whole, &merged);
            prop_assert_eq!(&whole, &Distinct::of(whole.limit(), whole.kept().iter().copied()));
            // A set that has forgotten more makes the other forget too.
            let mut wide = set(100, ids.iter().copied());
            wide.merge(set(limit, ids.iter().copied()));
            prop_assert_eq!(&whole, &wide);
        }
    }
}
