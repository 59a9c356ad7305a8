//! Which function a call belongs to.
//!
//! The ladder, best rung first:
//! 1. the record says for which function the credentials were made (`inScopeOf`, recorded since about 2025);
//! 2. the session is named like a function whose role this is: Lambda has always named sessions so;
//! 3. the access key was seen in a record of the first two rungs;
//! 4. the role alone, which several functions may share.
//!
//! A person can name a session like a function, so a session's name counts under that function's role only. The assumed
//! role's ARN drops the role's path; roles are compared by account and name.

use std::collections::BTreeSet;

use rustc_hash::FxHashMap;

use super::distinct::hash_parts;
use super::pattern::NamePattern;
use super::record::Identity;

/// How a call was attributed to a function; the first is the best.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rung {
    /// The record names the function.
    Scope,
    /// The session is named like a function of this role.
    Session,
    /// The access key is one that the function used in other records.
    AccessKey,
    /// Only the role is known.
    Role,
}

/// A function that the reader is told of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct KnownFunction {
    /// The name users know, such as the logical id; it comes back in the observations.
    pub name: String,
    /// The deployed name.
    pub deployed: NamePattern,
    /// The name of its role; `None` when nothing tells. Then the roles that the function is recorded with count.
    pub role: Option<NamePattern>,
}

/// The role session behind a record, as far as it matters.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Session {
    pub(super) role: RoleKey,
    pub(super) who: Who,
}

/// A role. A role that is deleted and made again has the same name but another id.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct RoleKey {
    pub(super) account: String,
    pub(super) name: String,
    pub(super) id: String,
}

/// What the record tells of the function.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Who {
    /// Rung 1: the function's name.
    Function(String),
    /// The session's name and access key; both empty where they cannot matter, so that groups stay few.
    Session { name: String, access_key: String },
}

impl Default for Who {
    fn default() -> Self {
        Self::Session {
            name: String::new(),
            access_key: String::new(),
        }
    }
}

/// Functions and the roles they run with. Patterns are tried once for each name.
#[derive(Clone, Debug)]
pub(super) struct Functions<'k> {
    known: &'k [KnownFunction],
    /// Role name → positions of the functions whose role it is.
    of_role: FxHashMap<String, Vec<usize>>,
    /// Deployed name → positions of the functions that can bear it.
    named: FxHashMap<String, Vec<usize>>,
}

/// How many names are remembered; trails hold very many sessions that are no function's.
const MAX_REMEMBERED: usize = 100_000;

/// What attribution needs from the whole trail.
#[derive(Clone, Debug, Default)]
pub(super) struct Learned {
    /// Access key → functions that used it.
    keys: FxHashMap<String, BTreeSet<String>>,
    /// Account → role's name → functions recorded with it.
    roles: FxHashMap<String, FxHashMap<String, BTreeSet<String>>>,
}

impl Learned {
    pub(super) fn merge(&mut self, other: Self) {
        for (key, functions) in other.keys {
            self.keys.entry(key).or_default().extend(functions);
        }
        for (account, roles) in other.roles {
            let mine = self.roles.entry(account).or_default();
            for (role, functions) in roles {
                mine.entry(role).or_default().extend(functions);
            }
        }
    }

    /// Access keys with the functions that used them.
    pub(super) fn keys(&self) -> impl Iterator<Item = [&str; 2]> {
        self.keys.iter().flat_map(|(key, functions)| {
            functions
                .iter()
                .map(move |function| [key.as_str(), function.as_str()])
        })
    }

    /// A function used an access key.
    pub(super) fn learn_key(&mut self, access_key: &str, function: &str) {
        with(&mut self.keys, access_key, |functions| add(functions, function));
    }

    /// Keeps the first `limit` keys of each function.
    pub(super) fn limit(&mut self, limit: usize) {
        let mut sorted: Vec<[String; 2]> = self.keys().map(|pair| pair.map(str::to_owned)).collect();
        sorted.sort();
        self.keys.clear();
        let mut kept: FxHashMap<String, usize> = FxHashMap::default();
        for [key, function] in sorted {
            let count = kept.entry(function.clone()).or_default();
            *count += 1;
            if *count <= limit {
                self.learn_key(&key, &function);
            }
        }
    }

    /// A function was recorded with a role and an access key.
    pub(super) fn learn(&mut self, role: &RoleKey, access_key: &str, function: &str) {
        if !access_key.is_empty() {
            with(&mut self.keys, access_key, |functions| add(functions, function));
        }
        with(&mut self.roles, &role.account, |roles| {
            with(roles, &role.name, |functions| add(functions, function));
        });
    }

    /// The functions that were recorded with a role.
    fn functions_of(&self, role: &RoleKey) -> Option<&BTreeSet<String>> {
        self.roles.get(&role.account)?.get(&role.name)
    }
}

/// Changes the value of a key, which is made when it is not there; the key is copied only then.
fn with<V: Default>(map: &mut FxHashMap<String, V>, key: &str, change: impl FnOnce(&mut V)) {
    match map.get_mut(key) {
        Some(value) => change(value),
        None => change(map.entry(key.to_owned()).or_default()),
    }
}

fn add(set: &mut BTreeSet<String>, text: &str) {
    if !set.contains(text) {
        set.insert(text.to_owned());
    }
}

/// The session of a record, and what it teaches.
pub(super) fn session(identity: &Identity<'_>, learned: &mut Learned) -> Session {
    let (role, name) = role_and_session(identity);
    let access_key = key_mark(&role, identity.access_key_id.as_str());
    let who = match scope_function(identity) {
        Some(function) => {
            learned.learn(&role, &access_key, &function);
            Who::Function(function)
        }
        None if may_be_function(&name) => Who::Session { name, access_key },
        None => Who::default(),
    };
    Session { role, who }
}

/// A hash of an access key and its role: keys are compared, and need not lie in files. A key is that of one role session.
fn key_mark(role: &RoleKey, access_key: &str) -> String {
    match access_key {
        "" => String::new(),
        key => format!("{:016x}", hash_parts([role.account.as_str(), &role.name, key])),
    }
}

/// Whether a session can be named after a function. <https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html>
fn may_be_function(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=64).contains(&name.len()) && name.bytes().all(fits)
}

impl<'k> Functions<'k> {
    pub(super) fn new(known: &'k [KnownFunction]) -> Self {
        Self {
            known,
            of_role: FxHashMap::default(),
            named: FxHashMap::default(),
        }
    }

    /// What sessions that are named like a function of their role teach of access keys.
    pub(super) fn teach<'s>(&mut self, sessions: impl Iterator<Item = &'s Session>, learned: &mut Learned) {
        for session in sessions {
            if let Who::Session { name, access_key } = &session.who
                && self.is_session_of_its_function(&session.role.name, name)
            {
                learned.learn(&session.role, access_key, name);
            }
        }
    }

    /// The function of a session and how that is known; `None` for a role that is no function's.
    pub(super) fn attribute(
        &mut self,
        session: &Session,
        learned: &Learned,
    ) -> Option<(Option<String>, Rung)> {
        let role = &session.role;
        let (name, access_key) = match &session.who {
            Who::Function(function) => return Some((Some(function.clone()), Rung::Scope)),
            Who::Session { name, access_key } => (name, access_key),
        };
        let recorded = learned.functions_of(role);
        if self.is_session_of_its_function(&role.name, name) || recorded.is_some_and(|all| all.contains(name))
        {
            return Some((Some(name.clone()), Rung::Session));
        }
        if let Some(functions) = learned.keys.get(access_key)
            && let (1, Some(function)) = (functions.len(), functions.first())
        {
            return Some((Some(function.clone()), Rung::AccessKey));
        }
        let mut recorded_functions = recorded.into_iter().flatten();
        let of_function = !self.of_role(&role.name).is_empty()
            || recorded_functions.any(|function| !self.named(function).is_empty());
        of_function.then_some((None, Rung::Role))
    }

    /// The user's name of a deployed function; the pattern of which most is known decides.
    pub(super) fn known_name(&mut self, deployed: &str, role: &str) -> Option<String> {
        let of_role = self.of_role(role).to_vec();
        let known = self.known;
        self.named(deployed)
            .iter()
            .filter_map(|&at| Some((at, known.get(at)?)))
            .filter(|(at, function)| function.role.is_none() || of_role.contains(at))
            .max_by_key(|(_, function)| (function.deployed.weight(), std::cmp::Reverse(&function.name)))
            .map(|(_, function)| function.name.clone())
    }

    /// Whether the session bears the name of a function whose role this is.
    fn is_session_of_its_function(&mut self, role: &str, session: &str) -> bool {
        let of_role = self.of_role(role).to_vec();
        self.named(session).iter().any(|at| of_role.contains(at))
    }

    fn of_role(&mut self, role: &str) -> &[usize] {
        remembered(&mut self.of_role, role, self.known, |function| {
            function
                .role
                .as_ref()
                .is_some_and(|pattern| pattern.matches(role))
        })
    }

    fn named(&mut self, deployed: &str) -> &[usize] {
        remembered(&mut self.named, deployed, self.known, |function| {
            function.deployed.matches(deployed)
        })
    }
}

/// The positions of the functions that fit `name`, looked for once.
fn remembered<'m>(
    memory: &'m mut FxHashMap<String, Vec<usize>>,
    name: &str,
    known: &[KnownFunction],
    fits: impl Fn(&KnownFunction) -> bool,
) -> &'m [usize] {
    if memory.len() >= MAX_REMEMBERED {
        memory.clear();
    }
    if !memory.contains_key(name) {
        let positions = known.iter().enumerate().filter(|(_, function)| fits(function));
        memory.insert(name.to_owned(), positions.map(|(at, _)| at).collect());
    }
    memory.get(name).map_or(&[], Vec::as_slice)
}

/// The role of an identity.
pub(super) fn role_of(identity: &Identity<'_>) -> RoleKey {
    role_and_session(identity).0
}

/// The role and the session's name: the issuer tells the role best, the session's ARN tells both.
fn role_and_session(identity: &Identity<'_>) -> (RoleKey, String) {
    let arn = identity.arn.as_str();
    let session = arn.rsplit('/').next().unwrap_or_default().to_owned();
    let from_arn = arn.split('/').nth(1).unwrap_or_default();
    let issuer = identity
        .session_context
        .as_ref()
        .and_then(|context| context.session_issuer.as_ref());
    let issuer_arn = issuer.map_or("", |issuer| issuer.arn.as_str());
    let name = issuer_arn
        .rsplit('/')
        .next()
        .filter(|name| !name.is_empty())
        .unwrap_or(from_arn);
    let account = [
        issuer.map_or("", |issuer| issuer.account_id.as_str()),
        issuer_arn.split(':').nth(4).unwrap_or_default(),
        arn.split(':').nth(4).unwrap_or_default(),
        identity.account_id.as_str(),
    ]
    .into_iter()
    .find(|account| !account.is_empty());
    let id = [
        issuer.map_or("", |issuer| issuer.principal_id.as_str()),
        identity
            .principal_id
            .as_str()
            .split(':')
            .next()
            .unwrap_or_default(),
    ]
    .into_iter()
    .find(|id| !id.is_empty());
    let role = RoleKey {
        account: account.unwrap_or_default().to_owned(),
        name: name.to_owned(),
        id: id.unwrap_or_default().to_owned(),
    };
    (role, session)
}

/// The function that the record names.
fn scope_function(identity: &Identity<'_>) -> Option<String> {
    let scope = identity.in_scope_of.as_ref()?;
    if scope.issuer_type.as_str() != "AWS::Lambda::Function" {
        return None;
    }
    [&scope.credentials_issued_to, &scope.credentials_issued_to_version]
        .into_iter()
        .find_map(|arn| function_name(arn.as_str()))
}

/// The name in `arn:aws:lambda:eu-west-1:111122223333:function:NAME[:version]`.
fn function_name(arn: &str) -> Option<String> {
    let mut parts = arn.split(':').skip(5);
    (parts.next()? == "function").then_some(())?;
    parts.next().filter(|name| !name.is_empty()).map(str::to_owned)
}

/// The version in the same.
pub(super) fn scope_version(identity: &Identity<'_>) -> Option<String> {
    let scope = identity.in_scope_of.as_ref()?;
    let version = scope.credentials_issued_to_version.as_str().split(':').nth(7)?;
    (!version.is_empty()).then(|| version.to_owned())
}
