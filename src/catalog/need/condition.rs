//! Conditions on an operation's inputs: `ACL | Grant*`, `!VersionId`, `ServerSideEncryption = aws:kms`.
//!
//! `|` is or, `&` is and (and binds closer). A term is a member's path, alone for "is set", after `!` for "is not set",
//! or compared: `=` equals, `!=` does not, `^=` starts with (ignoring case), `*=` contains; `!` before a comparison
//! denies it. A `*` at the end of a path stands for any ending. A truth has three values, because inputs are not always known.

use crate::usage::{Inputs, Piece, ResourceHint};

/// An input path that stands for "there may be more inputs than these".
const UNKNOWN_INPUTS: &str = "*";

/// Comparisons; longer ones stand before the one they end in.
const OPERATORS: [&str; 4] = ["!=", "^=", "*=", "="];

/// Whether something holds of inputs that may be known in part only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Truth {
    No,
    Maybe,
    Yes,
}

impl Truth {
    fn not(self) -> Self {
        match self {
            Self::No => Self::Yes,
            Self::Maybe => Self::Maybe,
            Self::Yes => Self::No,
        }
    }
}

impl From<bool> for Truth {
    fn from(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }
}

/// The inputs that needs are asked for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Given<'a> {
    /// Any: every condition may hold.
    Anything,
    /// These. `required` are the input members that the API demands: when one is not there, the reader could not see
    /// all inputs, and what lies in it may be set.
    Inputs {
        inputs: &'a Inputs,
        required: &'a [&'a str],
    },
}

/// A condition, parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Condition {
    /// The text it was parsed from.
    pub(super) text: String,
    any: Vec<Vec<Term>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Term {
    path: String,
    test: Test,
    negated: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Test {
    Set,
    Equals(String),
    StartsWith(String),
    Contains(String),
}

impl Condition {
    /// Reads a condition; `None` when it is not one.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let any = text
            .split('|')
            .map(|all| all.split('&').map(Term::parse).collect())
            .collect::<Option<_>>()?;
        Some(Self {
            text: text.to_owned(),
            any,
        })
    }

    /// Whether it holds.
    pub(super) fn holds(&self, given: Given<'_>) -> Truth {
        let all = |terms: &Vec<Term>| terms.iter().map(|term| term.holds(given)).min();
        self.any.iter().filter_map(all).max().unwrap_or(Truth::Yes)
    }

    /// The condition in words.
    pub(super) fn words(&self) -> String {
        let all = |terms: &Vec<Term>| {
            let terms: Vec<String> = terms.iter().map(Term::words).collect();
            terms.join(" and ")
        };
        let any: Vec<String> = self.any.iter().map(all).collect();
        any.join(", or ")
    }

    /// The paths it asks about.
    #[cfg(test)]
    pub(super) fn paths(&self) -> impl Iterator<Item = &str> {
        self.any.iter().flatten().map(|term| term.path.as_str())
    }
}

impl Term {
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (denied, text) = match text.strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let operator = OPERATORS
            .iter()
            .find_map(|operator| Some((*operator, text.split_once(operator)?)));
        let (path, test, unequal) = match operator {
            None => (text, Test::Set, false),
            Some((operator, (path, value))) => {
                let value = value.trim().to_owned();
                match operator {
                    "^=" => (path, Test::StartsWith(value), false),
                    "*=" => (path, Test::Contains(value), false),
                    _ => (path, Test::Equals(value), operator == "!="),
                }
            }
        };
        let path = path.trim();
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-[]{}*".contains(c);
        (!path.is_empty() && path.chars().all(plain)).then(|| Self {
            path: path.to_owned(),
            test,
            negated: denied != unequal,
        })
    }

    fn holds(&self, given: Given<'_>) -> Truth {
        let truth = match &self.test {
            Test::Set => given.is_set(&self.path),
            Test::Equals(value) => given.some_value(&self.path, |hint| equals(hint, value)),
            Test::StartsWith(value) => given.some_value(&self.path, |hint| starts(hint, value)),
            Test::Contains(value) => given.some_value(&self.path, |hint| contains(hint, value)),
        };
        if self.negated { truth.not() } else { truth }
    }

    fn words(&self) -> String {
        let path = &self.path;
        match (&self.test, self.negated) {
            (Test::Set, false) => format!("{path} is set"),
            (Test::Set, true) => format!("{path} is not set"),
            (Test::Equals(value), false) => format!("{path} is {value}"),
            (Test::Equals(value), true) => format!("{path} is not {value}"),
            (Test::StartsWith(value), false) => format!("{path} starts with {value}"),
            (Test::StartsWith(value), true) => format!("{path} does not start with {value}"),
            (Test::Contains(value), false) => format!("{path} contains {value}"),
            (Test::Contains(value), true) => format!("{path} does not contain {value}"),
        }
    }
}

impl<'a> Given<'a> {
    /// Whether the member at `path`, or something in it, is set.
    pub(super) fn is_set(self, path: &str) -> Truth {
        let Self::Inputs { inputs, required } = self else {
            return Truth::Maybe;
        };
        let set = inputs
            .iter()
            .filter(|(set, _)| is_at_or_in(set, path))
            .map(|(_, hints)| always_set(hints))
            .max();
        if let Some(set) = set {
            return set;
        }
        // What holds it is set to something that could not be looked into, or was not seen although it must be there.
        let in_the_dark = containers(path).any(|container| {
            inputs.contains_key(container)
                || required.contains(&container) && !inputs.keys().any(|set| is_at_or_in(set, container))
        });
        if in_the_dark || inputs.contains_key(UNKNOWN_INPUTS) {
            Truth::Maybe
        } else {
            Truth::No
        }
    }

    /// Whether a value of the member at `path` passes `test`.
    fn some_value(self, path: &str, test: impl Fn(&ResourceHint) -> Truth) -> Truth {
        match (self, self.is_set(path)) {
            (Self::Inputs { inputs, .. }, Truth::Yes) => inputs
                .get(path)
                .and_then(|hints| hints.iter().map(test).max())
                .unwrap_or(Truth::Maybe),
            (_, set) => set,
        }
    }
}

/// Whether a member with these values is set: not if every hint says that it may not be, perhaps if some do.
fn always_set(hints: &[ResourceHint]) -> Truth {
    match hints.iter().filter(|hint| hint.is_unset()).count() {
        0 => Truth::Yes,
        unset if unset == hints.len() => Truth::No,
        _ => Truth::Maybe,
    }
}

/// Whether the path `set` is `path` itself or lies in it; `path` may end in `*`.
fn is_at_or_in(set: &str, path: &str) -> bool {
    if let Some(opening) = path.strip_suffix('*') {
        return set.starts_with(opening);
    }
    set.strip_prefix(path)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[', '{']))
}

/// The paths of the members that hold the one at `path`: `A`, `A[]`, `A[].B` for `A[].B.C`.
fn containers(path: &str) -> impl Iterator<Item = &str> {
    path.char_indices()
        .filter(|(_, c)| matches!(c, '.' | '[' | '{'))
        .filter_map(|(end, _)| path.get(..end))
}

fn equals(hint: &ResourceHint, value: &str) -> Truth {
    match hint.pieces.as_slice() {
        [Piece::Literal(text)] => (text == value).into(),
        _ => Truth::Maybe,
    }
}

fn starts(hint: &ResourceHint, value: &str) -> Truth {
    let (Some(Piece::Literal(text)), whole) = (hint.pieces.first(), hint.pieces.len() == 1) else {
        return Truth::Maybe;
    };
    let text = text.trim_start();
    match text.get(..value.len()) {
        Some(opening) => opening.eq_ignore_ascii_case(value).into(),
        None if whole => Truth::No,
        None => Truth::Maybe,
    }
}

/// A value contains a text only if a literal piece does: what is not written in the code hardly brings syntax with it.
fn contains(hint: &ResourceHint, value: &str) -> Truth {
    hint.pieces
        .iter()
        .any(|piece| matches!(piece, Piece::Literal(text) if text.contains(value)))
        .into()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn inputs(pairs: &[(&str, ResourceHint)]) -> Inputs {
        pairs
            .iter()
            .map(|(path, hint)| ((*path).to_owned(), vec![hint.clone()]))
            .collect()
    }

    fn check(inputs: &Inputs, required: &[&str], cases: &[(&str, Truth)]) {
        for (text, expected) in cases {
            let condition = Condition::parse(text).unwrap();
            let truth = condition.holds(Given::Inputs { inputs, required });
            assert_eq!(truth, *expected, "{text}");
            assert_eq!(condition.holds(Given::Anything), Truth::Maybe, "{text}");
        }
    }

    #[test]
    fn members_are_set_or_not() {
        let inputs = inputs(&[
            ("Bucket", ResourceHint::env("B")),
            ("GrantRead", ResourceHint::literal("x")),
            ("TransactItems[].Put.TableName", ResourceHint::literal("t")),
        ]);
        check(
            &inputs,
            &[],
            &[
                ("Bucket", Truth::Yes),
                ("!Bucket", Truth::No),
                ("VersionId", Truth::No),
                ("!VersionId", Truth::Yes),
                ("Grant*", Truth::Yes),
                ("VersionId | Bucket & Grant*", Truth::Yes),
                ("VersionId & Bucket", Truth::No),
                ("TransactItems[].Put", Truth::Yes),
                ("TransactItems[].Update", Truth::No),
                ("Buck", Truth::No),
            ],
        );
    }

    #[test]
    fn a_member_may_be_set_on_some_paths_only() {
        let mut sometimes = inputs(&[("VersionId", ResourceHint::unknown("an argument"))]);
        sometimes
            .entry("VersionId".to_owned())
            .or_default()
            .push(ResourceHint::unset());
        check(
            &sometimes,
            &[],
            &[("VersionId", Truth::Maybe), ("!VersionId", Truth::Maybe)],
        );
    }

    #[test]
    fn what_cannot_be_looked_into_may_be_set() {
        let opaque = inputs(&[("TransactItems", ResourceHint::unknown("a function's result"))]);
        check(
            &opaque,
            &["TransactItems"],
            &[
                ("TransactItems[].Put", Truth::Maybe),
                ("!TransactItems[].Put", Truth::Maybe),
                ("Other.Put", Truth::No),
            ],
        );
        check(
            &Inputs::new(),
            &["TransactItems"],
            &[("TransactItems[].Put", Truth::Maybe), ("Other", Truth::No)],
        );
        let more = inputs(&[("*", ResourceHint::unknown("built elsewhere"))]);
        check(&more, &[], &[("ACL", Truth::Maybe), ("!ACL", Truth::Maybe)]);
    }

    #[test]
    fn values_are_compared() {
        let inputs = inputs(&[
            ("Encryption", ResourceHint::literal("aws:kms")),
            ("Statement", ResourceHint::literal("  select * from t")),
            ("Acl", ResourceHint::unknown("a parameter")),
            ("Source", ResourceHint::literal("b/k?versionId=1")),
        ]);
        check(
            &inputs,
            &[],
            &[
                ("Encryption = aws:kms", Truth::Yes),
                ("Encryption = AES256", Truth::No),
                ("Encryption != AES256", Truth::Yes),
                ("Missing != AES256", Truth::Yes),
                ("Missing = AES256", Truth::No),
                ("Statement ^= SELECT", Truth::Yes),
                ("Statement ^= UPDATE", Truth::No),
                ("Acl = private", Truth::Maybe),
                ("Acl ^= private", Truth::Maybe),
                ("Source *= versionId=", Truth::Yes),
                ("Acl *= versionId=", Truth::No),
                ("!Source *= versionId=", Truth::No),
                ("!Acl *= versionId=", Truth::Yes),
            ],
        );
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", "A |", "A & & B", "a b", "!"] {
            assert_eq!(Condition::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn conditions_can_be_told() {
        let condition = Condition::parse("ACL | Grant* & !VersionId | S = x").unwrap();
        assert_eq!(
            condition.words(),
            "ACL is set, or Grant* is set and VersionId is not set, or S is x"
        );
    }
}
