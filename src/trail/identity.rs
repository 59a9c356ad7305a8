//! Identities of records, each looked at once.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::attribute::{Learned, Session, scope_version, session};
use super::classify::Manner;
use super::record::Identity;
use super::sessions::Sessions;

/// How many identities are remembered, so that trails of very many do not fill the memory.
const MAX_REMEMBERED: usize = 8_192;

/// The number of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct SessionNumber(u32);

/// The number of a manner in which identities call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct MannerNumber(pub(super) u32);

/// Everything of an identity that counts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Row {
    session: SessionNumber,
    /// The version of the function, if it is told.
    version: Option<String>,
    invoked_by: String,
    is_role_check: bool,
    is_scoped: bool,
}

/// What an identity stands for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known<'i> {
    pub(super) session: SessionNumber,
    pub(super) of: &'i Arc<Session>,
    /// The version of the function, if it is told.
    pub(super) version: Option<&'i str>,
    pub(super) manner: Manner<'i>,
}

/// Sessions by the identities that name them.
#[derive(Debug, Default)]
pub(super) struct Identities {
    /// Everything that an identity says, in a row → the manner in which it calls.
    rows: FxHashMap<Box<str>, MannerNumber>,
    manners: Vec<Row>,
    manner_numbers: FxHashMap<Row, MannerNumber>,
    numbers: FxHashMap<Arc<Session>, SessionNumber>,
    sessions: Vec<Arc<Session>>,
    limits: Sessions,
    /// Room to write in.
    row: String,
}

impl Identities {
    /// The manner in which an identity calls; when it is new, what it teaches goes to `learned`.
    pub(super) fn find(&mut self, identity: &Identity<'_>, learned: &mut Learned) -> MannerNumber {
        self.row.clear();
        for part in identity.parts() {
            self.row.push_str(part);
            self.row.push('\0');
        }
        if let Some(number) = self.rows.get(self.row.as_str()) {
            return *number;
        }
        if self.rows.len() >= MAX_REMEMBERED {
            self.rows.clear();
        }
        let number = self.manner(identity, learned);
        self.rows.insert(self.row.as_str().into(), number);
        number
    }

    /// What stands behind a number.
    pub(super) fn known(&self, number: MannerNumber) -> Option<Known<'_>> {
        let row = self.manners.get(number.0 as usize)?;
        Some(Known {
            session: row.session,
            of: self.sessions.get(row.session.0 as usize)?,
            version: row.version.as_deref(),
            manner: Manner {
                invoked_by: &row.invoked_by,
                is_role_check: row.is_role_check,
                is_scoped: row.is_scoped,
            },
        })
    }

    /// The same for those who remember identities themselves.
    pub(super) fn manner(&mut self, identity: &Identity<'_>, learned: &mut Learned) -> MannerNumber {
        let mut session = session(identity, learned);
        self.limits.add(&session);
        if let Some(together) = self.limits.together(&session) {
            session = together;
        }
        let manner = Manner::of(identity);
        let row = Row {
            session: self.number(session),
            version: scope_version(identity),
            invoked_by: manner.invoked_by.to_owned(),
            is_role_check: manner.is_role_check,
            is_scoped: manner.is_scoped,
        };
        let next = MannerNumber(u32::try_from(self.manners.len()).unwrap_or(u32::MAX));
        let manners = &mut self.manners;
        *self.manner_numbers.entry(row).or_insert_with_key(|row| {
            manners.push(row.clone());
            next
        })
    }

    fn number(&mut self, session: Session) -> SessionNumber {
        let next = SessionNumber(u32::try_from(self.sessions.len()).unwrap_or(u32::MAX));
        let sessions = &mut self.sessions;
        *self
            .numbers
            .entry(Arc::new(session))
            .or_insert_with_key(|session| {
                sessions.push(Arc::clone(session));
                next
            })
    }
}
