//! Records folded into groups, so that a terabyte of records becomes a few thousand observations.
//!
//! Folding is a union: taking in a record twice changes nothing, since what is counted are different event ids
//! ([`Distinct`]). Folds of different objects are merged in any order with the same result.

use std::collections::BTreeMap;
use std::collections::hash_map::HashMap;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::usage::OperationId;

use super::attribute::{Learned, Session};
use super::classify::Class;
use super::distinct::{Distinct, OF_A_TRAIL};
use super::group::Group;
use super::ledger::Stream;
use super::time::{Days, Span};

/// What a call is, apart from its resource. Groups are many, and share what they say.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct GroupKey {
    pub(super) session: Arc<Session>,
    pub(super) class: Class,
    pub(super) event_source: Arc<str>,
    pub(super) event_name: Arc<str>,
    pub(super) operation: Option<Arc<OperationId>>,
    pub(super) region: Arc<str>,
    pub(super) data_event: bool,
}

/// What some objects of a trail hold.
#[derive(Clone, Debug)]
pub(super) struct Fold {
    pub(super) groups: FxHashMap<GroupKey, Group>,
    pub(super) learned: Learned,
    /// Events, and the contents of files, that do not count, by the reason.
    pub(super) skipped: BTreeMap<String, Distinct>,
    /// The different events.
    pub(super) events: Distinct,
    pub(super) span: Span,
    /// The days on which there were events, by whomever.
    pub(super) streams: HashMap<Stream, Days>,
}

impl Default for Fold {
    fn default() -> Self {
        Self {
            groups: FxHashMap::default(),
            learned: Learned::default(),
            skipped: BTreeMap::new(),
            events: Distinct::new(OF_A_TRAIL),
            span: Span::default(),
            streams: HashMap::new(),
        }
    }
}

impl Fold {
    /// Takes in what other objects hold.
    pub(super) fn merge(&mut self, mut other: Self) {
        if self.groups.is_empty() {
            self.groups = std::mem::take(&mut other.groups);
        }
        for (key, group) in other.groups {
            match self.groups.entry(key) {
                std::collections::hash_map::Entry::Occupied(mut entry) => entry.get_mut().merge(group),
                std::collections::hash_map::Entry::Vacant(entry) => {
                    entry.insert(group);
                }
            }
        }
        self.learned.merge(other.learned);
        for (what, skipped) in other.skipped {
            match self.skipped.get_mut(&what) {
                Some(mine) => mine.merge(skipped),
                None => {
                    self.skipped.insert(what, skipped);
                }
            }
        }
        self.events.merge(other.events);
        self.span.merge(other.span);
        for (stream, days) in other.streams {
            self.streams.entry(stream).or_default().merge(days);
        }
    }
}
