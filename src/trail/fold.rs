//! Records folded into groups, so that a terabyte of records becomes a few thousand observations.
//!
//! Folding is a union: taking in a record twice changes nothing, since what is counted are different event ids
//! ([`Distinct`]). Folds of different objects are merged in any order with the same result.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::collections::hash_map::HashMap;
use std::sync::Arc;

use crate::usage::OperationId;

use super::attribute::{Learned, Session};
use super::classify::Class;
use super::distinct::{Distinct, OF_A_TRAIL};
use super::groups::Groups;
use super::ledger::Stream;
use super::time::{Days, Span};

/// What a call is, apart from its resource. Groups are many, and share what they say.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct GroupKey {
    pub(super) session: Arc<Session>,
    pub(super) class: Class,
    pub(super) event_source: Arc<str>,
    pub(super) event_name: Arc<str>,
    pub(super) operation: Option<Arc<OperationId>>,
    pub(super) region: Arc<str>,
    pub(super) data_event: bool,
}

impl Ord for GroupKey {
    /// In the order of the index of a store's rows. Neighbours mostly share the session, and need not compare what it says.
    fn cmp(&self, other: &Self) -> Ordering {
        let sessions = match Arc::ptr_eq(&self.session, &other.session) {
            true => Ordering::Equal,
            false => self.session.cmp(&other.session),
        };
        sessions
            .then_with(|| self.event_source.cmp(&other.event_source))
            .then_with(|| self.event_name.cmp(&other.event_name))
            .then_with(|| self.region.cmp(&other.region))
            .then_with(|| self.class.cmp(&other.class))
            .then_with(|| self.operation.cmp(&other.operation))
            .then_with(|| self.data_event.cmp(&other.data_event))
    }
}

impl PartialOrd for GroupKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// What some objects of a trail hold.
#[derive(Clone, Debug)]
pub(super) struct Fold {
    pub(super) groups: Groups,
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
            groups: Groups::default(),
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
    pub(super) fn merge(&mut self, other: Self) {
        self.groups.merge(other.groups);
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
