//! Which thread reads which of the objects.
//!
//! Names of trail objects begin with account, region and day, so neighbours hold calls of the same sessions. Each thread
//! takes neighbours: then few sessions are met by two threads, which would learn them twice and join what they know.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

/// What each thread has still to read: places in the list of objects.
pub(super) struct Shares(Vec<Mutex<Range<usize>>>);

impl Shares {
    /// Divides objects of these sizes, in the order of their names, into about equal shares for so many threads.
    pub(super) fn of(sizes: &[u64], threads: usize) -> Self {
        let total: u128 = sizes.iter().copied().map(u128::from).sum();
        let parts = threads.max(1) as u128;
        let (mut end, mut taken) = (0, 0_u128);
        let share = |part: u128| {
            let begin = end;
            while let Some(size) = sizes
                .get(end)
                .filter(|_| part == parts || taken * parts < total * part)
            {
                taken += u128::from(*size);
                end += 1;
            }
            Mutex::new(begin..end)
        };
        Self((1..=parts).map(share).collect())
    }

    /// The object that this thread reads next: of its own share, then from the end of the largest one of others; `None` when
    /// all are taken.
    pub(super) fn next(&self, thread: usize) -> Option<usize> {
        let own = self.0.get(thread)?;
        let of_own = own.lock().unwrap_or_else(PoisonError::into_inner).next();
        of_own.or_else(|| self.of_others())
    }

    fn of_others(&self) -> Option<usize> {
        loop {
            let left =
                |share: &&Mutex<Range<usize>>| share.lock().unwrap_or_else(PoisonError::into_inner).len();
            let largest = self.0.iter().max_by_key(left)?;
            let taken = largest.lock().unwrap_or_else(PoisonError::into_inner).next_back();
            // Others take from it too.
            if taken.is_some() || self.0.iter().map(|share| left(&share)).sum::<usize>() == 0 {
                return taken;
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ranges(shares: &Shares) -> Vec<Range<usize>> {
        let range = |share: &Mutex<Range<usize>>| share.lock().unwrap().clone();
        shares.0.iter().map(range).collect()
    }

    #[test]
    fn shares_are_neighbours_of_about_the_same_size() {
        assert_eq!(ranges(&Shares::of(&[1, 1, 1, 1], 2)), [0..2, 2..4]);
        assert_eq!(ranges(&Shares::of(&[9, 1, 1, 1], 2)), [0..1, 1..4]);
        assert_eq!(ranges(&Shares::of(&[1, 1, 1, 9], 2)), [0..4, 4..4]);
        assert_eq!(ranges(&Shares::of(&[0, 0], 2)), [0..0, 0..2]);
        assert_eq!(ranges(&Shares::of(&[5], 3)), [0..1, 1..1, 1..1]);
        assert_eq!(ranges(&Shares::of(&[], 1)), [0..0; 1]);
    }

    #[test]
    fn whoever_is_done_takes_the_last_of_others() {
        let shares = Shares::of(&[1; 6], 2);
        let taken: Vec<Option<usize>> = (0..5).map(|_| shares.next(0)).collect();
        assert_eq!(taken, [Some(0), Some(1), Some(2), Some(5), Some(4)]);
        assert_eq!(shares.next(1), Some(3));
        assert_eq!((shares.next(0), shares.next(1)), (None, None));
    }

    proptest! {
        #[test]
        fn each_object_is_taken_once(
            sizes in proptest::collection::vec(0_u64..100, 0..40),
            turns in proptest::collection::vec(0_usize..3, 200),
        ) {
            let shares = Shares::of(&sizes, 3);
            let mut taken: Vec<usize> = turns.into_iter().filter_map(|thread| shares.next(thread)).collect();
            taken.sort_unstable();
            prop_assert_eq!(taken, (0..sizes.len()).collect::<Vec<_>>());
        }
    }
}
