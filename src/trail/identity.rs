//! Identities of records, each looked at once.

use rustc_hash::FxHashMap;

use super::attribute::{Learned, Session, scope_version, session};
use super::record::Identity;
use super::sessions::Sessions;

/// How many identities are remembered, so that trails of very many do not fill the memory.
const MAX_REMEMBERED: usize = 8_192;

/// The number of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct SessionNumber(u32);

/// What an identity stands for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known<'i> {
    pub(super) session: SessionNumber,
    pub(super) of: &'i Session,
    /// The version of the function, if it is told.
    pub(super) version: Option<&'i str>,
}

/// Sessions by the identities that name them.
#[derive(Debug, Default)]
pub(super) struct Identities {
    /// Everything that an identity says, in a row → its position among the remembered.
    rows: FxHashMap<Box<str>, usize>,
    remembered: Vec<(SessionNumber, Option<String>)>,
    numbers: FxHashMap<Session, SessionNumber>,
    sessions: Vec<Session>,
    limits: Sessions,
    /// Room to write in.
    row: String,
}

impl Identities {
    /// What an identity stands for; when it is new, what it teaches goes to `learned`.
    pub(super) fn find(&mut self, identity: &Identity<'_>, learned: &mut Learned) -> Option<Known<'_>> {
        self.row.clear();
        for part in identity.parts() {
            self.row.push_str(part);
            self.row.push('\0');
        }
        let position = match self.rows.get(self.row.as_str()) {
            Some(position) => *position,
            None => self.remember(identity, learned),
        };
        let (number, version) = self.remembered.get(position)?;
        Some(Known {
            session: *number,
            of: self.sessions.get(number.0 as usize)?,
            version: version.as_deref(),
        })
    }

    fn remember(&mut self, identity: &Identity<'_>, learned: &mut Learned) -> usize {
        if self.remembered.len() >= MAX_REMEMBERED {
            self.rows.clear();
            self.remembered.clear();
        }
        let mut session = session(identity, learned);
        self.limits.add(&session);
        if let Some(together) = self.limits.together(&session) {
            session = together;
        }
        let number = self.number(session);
        let position = self.remembered.len();
        self.remembered.push((number, scope_version(identity)));
        self.rows.insert(self.row.as_str().into(), position);
        position
    }

    fn number(&mut self, session: Session) -> SessionNumber {
        let next = SessionNumber(u32::try_from(self.sessions.len()).unwrap_or(u32::MAX));
        let sessions = &mut self.sessions;
        *self.numbers.entry(session).or_insert_with_key(|session| {
            sessions.push(session.clone());
            next
        })
    }
}
