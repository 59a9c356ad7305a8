//! A reading for some roles alone: which they are, and where records of theirs can stand.
//!
//! Every call of a role is recorded with the ARN of its session, `…:assumed-role/NAME/SESSION`, and nearly always with that of
//! the role, `…:role/PATH/NAME`; whose call it is (see [`super::attribute`]) is told by these two alone. So a trail object
//! without `/NAME` holds nothing of the role, and need not be parsed. Letters of a name are never escaped by CloudTrail
//! (<https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html> tells which there are); an object that somebody
//! wrote anew may hold them as `\u006f`, and is parsed when it has any escape that could hide a letter of the name.
//!
//! What trails are told to record counts for everyone: the events that tell it ([`selectors::EVENTS`]) are looked for, too.

use std::collections::BTreeSet;
use std::fmt;

use aho_corasick::{AhoCorasick, Input, Span, packed};
use memchr::memchr;

use super::attribute::{RoleKey, role_of};
use super::keys::is_account;
use super::record::Identity;
use super::selectors;

/// The beginning of an escape that stands for a letter.
const ESCAPE: &str = "\\u00";

/// A role as somebody names it: by its name in any account, or in one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoleName {
    /// The account; `None` for any.
    pub account: Option<String>,
    /// The name, without its path.
    pub name: String,
}

impl RoleName {
    /// Reads a name, an ARN of the role or of a session of it, or what [`Display`](fmt::Display) writes; `None` for what is
    /// none of them.
    pub fn parse(text: &str) -> Option<Self> {
        let (account, name) = if text.starts_with("arn:") {
            let mut parts = text.splitn(6, ':').skip(2);
            let (service, _region, account, resource) =
                (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
            let name = match service {
                "iam" => resource.strip_prefix("role/")?.rsplit('/').next()?,
                "sts" => resource.strip_prefix("assumed-role/")?.split('/').next()?,
                _ => return None,
            };
            (Some(account), name)
        } else if let Some((account, name)) = text.split_once('/') {
            (Some(account), name)
        } else {
            (None, text)
        };
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte);
        let is_name = (1..=64).contains(&name.len()) && name.bytes().all(fits);
        (is_name && account.is_none_or(is_account)).then(|| Self {
            account: account.map(str::to_owned),
            name: name.to_owned(),
        })
    }

    /// Whether it names this role.
    fn is(&self, role: &RoleKey) -> bool {
        self.name == role.name
            && self
                .account
                .as_ref()
                .is_none_or(|account| *account == role.account)
    }
}

impl fmt::Display for RoleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.account {
            Some(account) => write!(f, "{account}/{}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// The roles that every one of some sets names: silence about others says nothing. `None` when there are no sets.
pub(super) fn in_all<'r>(
    mut sets: impl Iterator<Item = &'r BTreeSet<RoleName>>,
) -> Option<BTreeSet<RoleName>> {
    let first = sets.next()?.clone();
    Some(sets.fold(first, |mut all, set| {
        all.retain(|role| set.contains(role));
        all
    }))
}

/// The roles that a reading is for, and what finds them in texts.
#[derive(Clone, Debug)]
pub struct Roles {
    names: BTreeSet<RoleName>,
    finder: Finder,
    /// Letters that an escape must not hide.
    letters: BTreeSet<u8>,
}

/// Finds the beginning of anything that is looked for.
#[derive(Clone, Debug)]
enum Finder {
    /// All of it at once, 16 or 32 bytes at a time.
    Packed(packed::Searcher),
    /// Where there are too many, or the processor cannot.
    Automaton(AhoCorasick),
    /// Nothing can be built: everything may hold it.
    None,
}

impl Roles {
    /// The roles of these names; `None` when there are none, so that all are meant.
    pub fn new(names: BTreeSet<RoleName>) -> Option<Self> {
        if names.is_empty() {
            return None;
        }
        let mut patterns: Vec<String> = names.iter().map(|role| format!("/{}", role.name)).collect();
        patterns.extend(selectors::EVENTS.map(|name| format!("{name}\"")));
        let letters = patterns.iter().flat_map(|pattern| pattern.bytes()).collect();
        patterns.push(ESCAPE.to_owned());
        let packed = packed::Searcher::new(&patterns).map(Finder::Packed);
        let finder = packed.or_else(|| AhoCorasick::new(&patterns).ok().map(Finder::Automaton));
        Some(Self {
            names,
            finder: finder.unwrap_or(Finder::None),
            letters,
        })
    }

    /// Their names.
    pub fn names(&self) -> &BTreeSet<RoleName> {
        &self.names
    }

    /// Whether an identity is that of one of the roles.
    pub(super) fn has(&self, identity: &Identity<'_>) -> bool {
        let role = role_of(identity);
        self.names.iter().any(|name| name.is(&role))
    }

    /// Whether a text, in which texts are written as in JSON, may hold anything of the roles, or of what trails are told.
    pub(super) fn may_be_in(&self, text: &[u8]) -> bool {
        let mut at = 0;
        while let Some(start) = self.next(text, at) {
            if self.counts(text, start) {
                return true;
            }
            at = start + 1;
        }
        false
    }

    /// Whether the JSON of an identity may be that of one of the roles.
    pub(super) fn may_be_of(&self, identity: &str) -> bool {
        let identity = identity.as_bytes();
        let names = || self.names.iter().any(|role| stands_in(identity, &role.name));
        names() || memchr(b'\\', identity).is_some()
    }

    /// Where the next thing begins that is looked for.
    fn next(&self, text: &[u8], from: usize) -> Option<usize> {
        let span = Span::from(from..text.len());
        match &self.finder {
            Finder::Packed(finder) => finder.find_in(text, span).map(|found| found.start()),
            Finder::Automaton(finder) => finder
                .find(Input::new(text).span(span))
                .map(|found| found.start()),
            Finder::None => Some(from).filter(|from| *from < text.len()),
        }
    }

    /// Whether what begins at a place is one of the names and no longer one, or hides a letter, or is one of the events.
    fn counts(&self, text: &[u8], start: usize) -> bool {
        let rest = text.get(start..).unwrap_or_default();
        if let Some(rest) = rest.strip_prefix(ESCAPE.as_bytes()) {
            let digits = rest.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
            let letter = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
            return letter.is_none_or(|letter| self.letters.contains(&letter));
        }
        match rest.strip_prefix(b"/") {
            Some(rest) => self.names.iter().any(|role| begins_with(rest, &role.name)),
            None => true,
        }
    }
}

/// Whether a text begins with a name that ends there.
fn begins_with(text: &[u8], name: &str) -> bool {
    let rest = text.strip_prefix(name.as_bytes());
    rest.is_some_and(|rest| matches!(rest.first(), Some(b'"' | b'/' | b'\\') | None))
}

/// Whether a name stands anywhere behind a `/`.
fn stands_in(text: &[u8], name: &str) -> bool {
    let mut slashes = memchr::memchr_iter(b'/', text);
    slashes.any(|at| begins_with(text.get(at + 1..).unwrap_or_default(), name))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn roles(names: &[&str]) -> Roles {
        Roles::new(names.iter().map(|name| RoleName::parse(name).unwrap()).collect()).unwrap()
    }

    #[test]
    fn roles_are_named_by_name_and_arn() {
        for (text, shown) in [
            ("orders-role", Some("orders-role")),
            ("a+b=c,d.e@f_g-1", Some("a+b=c,d.e@f_g-1")),
            ("111122223333/orders-role", Some("111122223333/orders-role")),
            (
                "arn:aws:iam::111122223333:role/team/x/orders-role",
                Some("111122223333/orders-role"),
            ),
            (
                "arn:aws-cn:sts::111122223333:assumed-role/orders-role/fn",
                Some("111122223333/orders-role"),
            ),
            ("", None),
            ("a b", None),
            ("team/orders-role", None),
            ("arn:aws:iam::111122223333:user/eve", None),
            ("arn:aws:iam::1:role/x", None),
            ("arn:aws:s3:::role/x", None),
        ] {
            let name = RoleName::parse(text);
            assert_eq!(name.as_ref().map(ToString::to_string).as_deref(), shown, "{text}");
            let again = name.as_ref().map(|name| RoleName::parse(&name.to_string()));
            assert_eq!(again, name.map(Some), "{text}");
        }
    }

    #[test]
    fn names_are_found_where_they_end() {
        let roles = roles(&["orders", "orders-role", "b=c"]);
        for (text, found) in [
            (r#"{"arn":"arn:aws:sts::1:assumed-role/orders-role/fn"}"#, true),
            (r#"{"arn":"arn:aws:iam::1:role/team/orders"}"#, true),
            (r#"{"arn":"arn:aws:iam::1:role\/orders\/fn"}"#, true),
            (r#"{"arn":"arn:aws:iam::1:role/orders-roles"}"#, false),
            (r#"{"arn":"arn:aws:iam::1:role/orders-rol"}"#, false),
            (r#"{"name":"orders-role"}"#, false),
            // `r`, `=` and `&`.
            (r#"{"arn":"arn:aws:iam::1:role/o\u0072ders"}"#, true),
            (r#"{"arn":"arn:aws:iam::1:role/b\u003Dc"}"#, true),
            (r#"{"policy":"a\u0026b"}"#, false),
            (r#"{"policy":"a\u00"#, true),
            (r#"{"eventName":"PutEventSelectors"}"#, true),
            (r#"{"eventName":"GetEventSelectors"}"#, false),
        ] {
            assert_eq!(roles.may_be_in(text.as_bytes()), found, "{text}");
            let padded = format!("{}{text}{}", " ".repeat(77), " ".repeat(77));
            assert_eq!(roles.may_be_in(padded.as_bytes()), found, "{text}");
        }
    }

    #[test]
    fn more_names_than_fit_at_once_are_found_too() {
        let names: Vec<String> = (0..400).map(|n| format!("role-{n}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let roles = roles(&names);
        assert!(roles.may_be_in(br#"{"arn":"arn:aws:sts::1:assumed-role/role-399/fn"}"#));
        assert!(!roles.may_be_in(br#"{"arn":"arn:aws:sts::1:assumed-role/role-400/fn"}"#));
    }

    #[test]
    fn silence_counts_for_roles_that_all_name() {
        let set = |names: &[&str]| -> BTreeSet<RoleName> {
            names.iter().filter_map(|name| RoleName::parse(name)).collect()
        };
        let (a, ab) = (set(&["a"]), set(&["a", "b"]));
        assert_eq!(in_all([].into_iter()), None);
        assert_eq!(in_all([&ab, &a].into_iter()), Some(a.clone()));
        assert_eq!(in_all([&a, &set(&["c"])].into_iter()), Some(BTreeSet::new()));
    }
}
