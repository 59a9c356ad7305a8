//! How many sessions of a role are told apart: enough for every function, few enough for very long trails.
//!
//! Lambda names a role's session after the function, so a function's role has few session names and very many access keys;
//! a role of people or machines can have very many names. Both are told apart up to a limit and taken together beyond it.
//! What is together depends on the set of sessions alone, so it is the same whatever was read first.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::attribute::{RoleKey, Session, Who};
use super::fold::{Fold, GroupKey};

/// How many session names of a role are told apart.
const MAX_NAMES: usize = 1_000;
/// How many access keys of a session name are told apart.
const MAX_KEYS: usize = 8;
/// How many access keys are remembered of a function.
pub(super) const MAX_LEARNED: usize = 1_024;

/// Stands for all names, or all keys, of a set that is taken together.
pub(super) const ANY: &str = "*";

/// The sessions that were seen, as far as they matter for the limits.
#[derive(Clone, Debug, Default)]
pub(super) struct Sessions {
    roles: FxHashMap<RoleKey, BTreeMap<String, BTreeSet<String>>>,
}

impl Sessions {
    /// Takes note of a session.
    pub(super) fn add(&mut self, session: &Session) {
        let Who::Session { name, access_key } = &session.who else {
            return;
        };
        if !self.roles.contains_key(&session.role) {
            self.roles.insert(session.role.clone(), BTreeMap::new());
        }
        let Some(names) = self.roles.get_mut(&session.role) else {
            return;
        };
        if is_over(names.keys(), MAX_NAMES) {
            return;
        }
        if !names.contains_key(name) {
            names.insert(name.clone(), BTreeSet::new());
        }
        if let Some(keys) = names.get_mut(name)
            && !is_over(keys.iter(), MAX_KEYS)
            && !keys.contains(access_key)
        {
            keys.insert(access_key.clone());
        }
    }

    /// The session that stands for `session` when that one is not told apart.
    pub(super) fn together(&self, session: &Session) -> Option<Session> {
        let Who::Session { name, access_key } = &session.who else {
            return None;
        };
        let names = self.roles.get(&session.role)?;
        let (new_name, new_key) = if is_over(names.keys(), MAX_NAMES) {
            (ANY, ANY)
        } else if is_over(names.get(name)?.iter(), MAX_KEYS) {
            (name.as_str(), ANY)
        } else {
            return None;
        };
        (new_name != name || new_key != access_key).then(|| Session {
            role: session.role.clone(),
            who: Who::Session {
                name: new_name.to_owned(),
                access_key: new_key.to_owned(),
            },
        })
    }
}

fn is_over<'t>(set: impl ExactSizeIterator<Item = &'t String>, limit: usize) -> bool {
    set.len() > limit || set.take(1).any(|first| first == ANY)
}

impl Fold {
    /// Takes sessions together that are too many, after `sessions` has seen them all.
    pub(super) fn settle(&mut self, sessions: &Sessions) {
        self.groups.rename(|key, _| {
            let session = Arc::new(sessions.together(&key.session)?);
            Some(GroupKey {
                session,
                ..key.clone()
            })
        });
    }

    /// The same for a fold that is a whole trail.
    pub(super) fn settle_alone(&mut self) {
        let mut sessions = Sessions::default();
        self.groups
            .sessions()
            .iter()
            .for_each(|session| sessions.add(session));
        self.settle(&sessions);
        self.learned.limit(MAX_LEARNED);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(name: &str, key: &str) -> Session {
        Session {
            role: RoleKey {
                account: "1".to_owned(),
                name: "r".to_owned(),
                id: "AROA".to_owned(),
            },
            who: Who::Session {
                name: name.to_owned(),
                access_key: key.to_owned(),
            },
        }
    }

    fn told(sessions: &Sessions, name: &str, key: &str) -> Option<Session> {
        sessions.together(&session(name, key))
    }

    #[test]
    fn many_keys_of_a_session_are_one() {
        let mut sessions = Sessions::default();
        for n in 0..=MAX_KEYS {
            assert_eq!(told(&sessions, "fn", &n.to_string()), None);
            sessions.add(&session("fn", &n.to_string()));
        }
        sessions.add(&session("other", "k"));
        assert_eq!(told(&sessions, "fn", "3"), Some(session("fn", ANY)));
        assert_eq!(told(&sessions, "fn", ANY), None);
        assert_eq!(told(&sessions, "other", "k"), None);
        // What was taken together before stays so.
        let mut later = Sessions::default();
        later.add(&session("fn", ANY));
        later.add(&session("fn", "1"));
        assert_eq!(told(&later, "fn", "1"), Some(session("fn", ANY)));
    }

    #[test]
    fn many_names_of_a_role_are_one() {
        let mut sessions = Sessions::default();
        for n in 0..=MAX_NAMES {
            sessions.add(&session(&format!("i-{n}"), "k"));
        }
        assert_eq!(told(&sessions, "i-0", "k"), Some(session(ANY, ANY)));
        assert_eq!(told(&sessions, "i-99999", "k"), Some(session(ANY, ANY)));
    }
}
