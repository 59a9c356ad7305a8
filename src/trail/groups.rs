//! The groups of a fold: what each reader holds in order, joined call by call when they are taken out.
//!
//! Several threads hold groups of the same calls. Joining them is most of what is left to do when all is read, so it is put
//! off until groups are written: then one thread joins while another one writes.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::sync::Arc;
use std::vec;

use super::attribute::Session;
use super::fold::GroupKey;
use super::group::Group;

/// With more runs they are joined at once, so that what is read in many small steps takes little memory.
const MOST_RUNS: usize = 16;

/// Groups by what their calls are.
#[derive(Clone, Debug, Default)]
pub(super) struct Groups {
    /// Each in the order of its keys, all different. The same key can be in several.
    runs: Vec<Vec<(GroupKey, Group)>>,
}

impl Groups {
    /// Adds groups, in any order; several may be of the same call.
    pub(super) fn add(&mut self, groups: impl IntoIterator<Item = (GroupKey, Group)>) {
        let mut run: Vec<(GroupKey, Group)> = groups.into_iter().collect();
        run.sort_by(|(a, _), (b, _)| a.cmp(b));
        run.dedup_by(|(later, group), (key, first)| {
            let is_same = later == key;
            if is_same {
                first.merge(std::mem::take(group));
            }
            is_same
        });
        self.add_run(run);
    }

    /// Takes in other groups.
    pub(super) fn merge(&mut self, other: Self) {
        other.runs.into_iter().for_each(|run| self.add_run(run));
    }

    fn add_run(&mut self, run: Vec<(GroupKey, Group)>) {
        if !run.is_empty() {
            self.runs.push(run);
        }
        if self.runs.len() > MOST_RUNS {
            let all = std::mem::take(self);
            self.runs.push(all.into_iter().collect());
        }
    }

    /// What calls there are; the same one can come several times.
    pub(super) fn keys(&self) -> impl Iterator<Item = &GroupKey> {
        self.runs.iter().flatten().map(|(key, _)| key)
    }

    /// Whose calls there are, in order.
    pub(super) fn sessions(&self) -> Vec<Arc<Session>> {
        let mut sessions: Vec<Arc<Session>> = Vec::new();
        for key in self.keys() {
            if sessions.last() != Some(&key.session) {
                sessions.push(Arc::clone(&key.session));
            }
        }
        sessions.sort_unstable();
        sessions.dedup();
        sessions
    }

    /// Gives other keys to some groups; asks for each group, in the order of [`keys`](Self::keys).
    pub(super) fn rename(&mut self, mut new: impl FnMut(&GroupKey, &mut Group) -> Option<GroupKey>) {
        let mut renamed = Vec::new();
        for run in &mut self.runs {
            renamed.extend(run.extract_if(.., |(key, group)| match new(key, group) {
                Some(other) => {
                    *key = other;
                    true
                }
                None => false,
            }));
        }
        self.add(renamed);
    }
}

impl IntoIterator for Groups {
    type Item = (GroupKey, Group);
    type IntoIter = Joined;

    /// Each call once, in the order of the keys.
    fn into_iter(self) -> Joined {
        let heads = self.runs.into_iter().filter_map(|run| Head::of(run.into_iter()));
        Joined(heads.collect())
    }
}

/// Groups of several runs, joined.
pub(super) struct Joined(BinaryHeap<Head>);

impl Iterator for Joined {
    type Item = (GroupKey, Group);

    fn next(&mut self) -> Option<Self::Item> {
        let (key, mut group) = self.pop()?;
        while self.0.peek().is_some_and(|head| head.key == key) {
            let (_, other) = self.pop()?;
            group.merge(other);
        }
        Some((key, group))
    }
}

impl Joined {
    fn pop(&mut self) -> Option<(GroupKey, Group)> {
        let mut first = self.0.peek_mut()?;
        let Some((key, group)) = first.rest.next() else {
            let last = PeekMut::pop(first);
            return Some((last.key, last.group));
        };
        Some((
            std::mem::replace(&mut first.key, key),
            std::mem::replace(&mut first.group, group),
        ))
    }
}

/// The first group of a run, and those behind it. The one with the least key is the greatest.
struct Head {
    key: GroupKey,
    group: Group,
    rest: vec::IntoIter<(GroupKey, Group)>,
}

impl Head {
    fn of(mut run: vec::IntoIter<(GroupKey, Group)>) -> Option<Self> {
        let (key, group) = run.next()?;
        Some(Self {
            key,
            group,
            rest: run,
        })
    }
}

impl Ord for Head {
    fn cmp(&self, other: &Self) -> Ordering {
        other.key.cmp(&self.key)
    }
}

impl PartialOrd for Head {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Head {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for Head {}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::trail::attribute::{RoleKey, Who};
    use crate::trail::classify::Class;
    use crate::trail::samples::EventId;
    use proptest::prelude::*;

    /// The call `name` of the function `name / 4`; each time in texts of its own, as by another thread.
    fn key(name: u8) -> GroupKey {
        let role = RoleKey {
            account: "1".to_owned(),
            name: "r".to_owned(),
            id: "AROA".to_owned(),
        };
        GroupKey {
            session: Arc::new(Session {
                role,
                who: Who::Function((name / 4).to_string()),
            }),
            class: Class::Call,
            event_source: "s3.amazonaws.com".into(),
            event_name: name.to_string().into(),
            operation: None,
            region: "eu-west-1".into(),
            data_event: false,
        }
    }

    fn group(event: u64) -> Group {
        let mut group = Group::default();
        let mut cell = Box::new(crate::trail::group::Cell::default());
        cell.see_event(event, None, EventId::of("e"));
        group.add(Some(Vec::new()), cell);
        group
    }

    fn events(groups: Groups) -> Vec<(GroupKey, BTreeSet<u64>)> {
        let events = |group: Group| {
            group
                .cells()
                .into_iter()
                .flat_map(|cell| cell.events.kept().into_owned())
                .collect()
        };
        groups
            .into_iter()
            .map(|(key, group)| (key, events(group)))
            .collect()
    }

    proptest! {
        #[test]
        fn each_call_comes_once_in_order_with_all_that_was_added(
            runs in proptest::collection::vec(proptest::collection::vec((0_u8..12, 0_u64..9), 0..6), 0..40),
        ) {
            let (mut groups, mut expected) = (Groups::default(), BTreeMap::<GroupKey, BTreeSet<u64>>::new());
            for run in runs {
                for (name, event) in &run {
                    expected.entry(key(*name)).or_default().insert(*event);
                }
                let mut others = Groups::default();
                others.add(run.into_iter().map(|(name, event)| (key(name), group(event))));
                groups.merge(others);
            }
            let sessions: BTreeSet<Arc<Session>> = expected.keys().map(|key| Arc::clone(&key.session)).collect();
            prop_assert_eq!(groups.sessions(), sessions.into_iter().collect::<Vec<_>>());
            let mut renamed = groups.clone();
            prop_assert_eq!(events(groups), expected.clone().into_iter().collect::<Vec<_>>());

            // Every second call is taken for the one before it.
            let before = |name: &str| name.parse().ok().filter(|name: &u8| name % 2 == 1).map(|name| key(name - 1));
            renamed.rename(|key, _| before(&key.event_name));
            let mut paired = BTreeMap::<GroupKey, BTreeSet<u64>>::new();
            for (key, events) in expected {
                paired.entry(before(&key.event_name).unwrap_or(key)).or_default().extend(events);
            }
            prop_assert_eq!(events(renamed), paired.into_iter().collect::<Vec<_>>());
        }
    }
}
