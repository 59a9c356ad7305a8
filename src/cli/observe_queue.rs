//! The objects of a folder that are to be read, batch by batch.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::trail::LocalObject;

/// After this time a batch is written, however little was read: it is what is lost when the process is killed. Where reading is
/// fast, [`MOST`] is the limit.
const LONGEST: Duration = Duration::from_secs(10);
/// How many bytes, as stored, and how many objects a batch holds. Small ones would cost much: a commit joins what it brings with
/// all rows that are like it, which soon are most of them.
const MOST: u64 = 256 << 20;
const MOST_OBJECTS: usize = 65_536;

/// What is still to be read.
pub(super) struct Queue<'o>(VecDeque<&'o LocalObject>);

/// What is being read.
pub(super) struct Reading<'o> {
    pub(super) objects: Vec<&'o LocalObject>,
    until: Instant,
    /// The keys of those whose turn did not come in time.
    late: Mutex<BTreeSet<String>>,
}

impl<'o> Queue<'o> {
    pub(super) fn new(objects: impl Iterator<Item = &'o LocalObject>) -> Self {
        Self(objects.collect())
    }

    /// The next batch, of one object at least; `None` when nothing is left.
    pub(super) fn next_batch(&mut self) -> Option<Reading<'o>> {
        self.batch_until(Instant::now() + LONGEST)
    }

    fn batch_until(&mut self, until: Instant) -> Option<Reading<'o>> {
        let mut bytes = 0;
        let fits = |object: &&&LocalObject| {
            bytes += object.id.bytes;
            bytes <= MOST
        };
        let count = self.0.iter().take(MOST_OBJECTS).take_while(fits).count().max(1);
        let objects: Vec<&LocalObject> = self.0.drain(..count.min(self.0.len())).collect();
        (!objects.is_empty()).then(|| Reading {
            objects,
            until,
            late: Mutex::default(),
        })
    }

    /// Takes back what was late.
    pub(super) fn put_back(&mut self, batch: Reading<'o>) {
        let late = batch.late.into_inner().unwrap_or_else(PoisonError::into_inner);
        let late = |object: &&LocalObject| late.contains(&object.id.key);
        for object in batch.objects.into_iter().rev().filter(late) {
            self.0.push_front(object);
        }
    }
}

impl Reading<'_> {
    /// Whether an object's turn came in time; else it is kept for the next batch. The first one always is in time.
    pub(super) fn is_in_time(&self, object: &LocalObject) -> bool {
        let is_first = self.objects.first().is_some_and(|first| first.id == object.id);
        let is_in_time = is_first || Instant::now() <= self.until;
        if !is_in_time {
            let mut late = self.late.lock().unwrap_or_else(PoisonError::into_inner);
            late.insert(object.id.key.clone());
        }
        is_in_time
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::trail::Local;

    #[test]
    fn what_is_late_comes_first_in_the_next_batch() {
        let local = Local::list(&Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/demo/orders/trail"));
        assert!(local.objects.len() > 10);
        let keys = |objects: &[&LocalObject]| {
            objects
                .iter()
                .map(|object| object.id.key.clone())
                .collect::<Vec<_>>()
        };
        let all: Vec<&LocalObject> = local.objects.iter().collect();
        let mut queue = Queue::new(all.iter().copied());

        // Time is over at once: one object is read, by whichever thread, and no object twice.
        let batch = queue
            .batch_until(Instant::now() - Duration::from_secs(1))
            .unwrap();
        assert_eq!(keys(&batch.objects), keys(&all));
        let read: Vec<&LocalObject> = batch
            .objects
            .iter()
            .rev()
            .copied()
            .filter(|object| batch.is_in_time(object))
            .collect();
        assert_eq!(keys(&read), keys(&all[..1]));
        queue.put_back(batch);

        let batch = queue.next_batch().unwrap();
        assert_eq!(keys(&batch.objects), keys(&all[1..]));
        assert!(batch.objects.iter().all(|object| batch.is_in_time(object)));
        queue.put_back(batch);
        assert!(queue.next_batch().is_none());
    }
}
