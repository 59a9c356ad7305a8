//! What is wrong with a policy document, where, and what to do about it.

use std::fmt;

/// A place in a document; both numbers begin at 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// Why a text is not a policy document that IAM takes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{problem}", in_front(path))]
pub struct PolicyError {
    /// The element, such as `Statement[0].Action`; empty when the text is not JSON.
    pub path: String,
    /// Where the element stands.
    pub at: Position,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What can be wrong with an element.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Not JSON at all.
    #[error("not JSON: {0}")]
    Json(String),
    /// It has the wrong type.
    #[error("expected {expected}, found {found}")]
    Type {
        /// What belongs there.
        expected: &'static str,
        /// What stands there.
        found: &'static str,
    },
    /// It has a value that the policy language does not know.
    #[error("`{value}` is not {expected}")]
    Value {
        /// What stands there.
        value: String,
        /// What belongs there.
        expected: &'static str,
    },
    /// It holds a key that does not belong there.
    #[error("unknown key `{key}`; {hint}")]
    UnknownKey {
        /// The key.
        key: String,
        /// What to do about it.
        hint: &'static str,
    },
    /// It holds a key twice; JSON readers disagree about which one counts.
    #[error("key `{0}` stands twice")]
    DuplicateKey(String),
    /// Something required is not there.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// Two elements exclude each other, or a list is empty.
    #[error("{0}")]
    Invalid(&'static str),
    /// The form is right, but IAM refuses the content.
    #[error("{message}")]
    Refused {
        /// What is wrong.
        message: String,
        /// What IAM says.
        iam: String,
        /// What to do about it.
        remedy: &'static str,
    },
}

impl PolicyError {
    /// What IAM answers to such a document, close to its own words.
    pub fn iam_says(&self) -> &str {
        match &self.problem {
            Problem::Refused { iam, .. } => iam,
            Problem::Missing("`Action` or `NotAction`") => "Policy statement must contain actions.",
            Problem::Missing("`Resource` or `NotResource`") => "Policy statement must contain resources.",
            Problem::Invalid(EMPTY_LIST) if self.path.ends_with("Action") => {
                "Policy statement must contain actions."
            }
            Problem::Invalid(EMPTY_LIST) if self.path.ends_with("Resource") => {
                "Policy statement must contain resources."
            }
            Problem::Value {
                expected: EFFECT,
                value,
            } if value.eq_ignore_ascii_case("allow") || value.eq_ignore_ascii_case("deny") => {
                "The policy failed legacy parsing"
            }
            _ => "Syntax errors in policy.",
        }
    }

    /// What to do about it.
    pub fn remedy(&self) -> &'static str {
        match &self.problem {
            Problem::Json(_) => "write plain JSON, without comments and trailing commas",
            Problem::Type { .. } => "write what the grammar of policies has there",
            Problem::Value { .. } => "spell it exactly as IAM documents it",
            Problem::UnknownKey { .. } => "remove the key, or correct its spelling",
            Problem::DuplicateKey(_) => "keep one of the two, or bring their content together",
            Problem::Missing(_) => "add it",
            Problem::Invalid(EMPTY_LIST) => "name at least one, or remove the statement",
            Problem::Invalid(_) => "keep one of the two",
            Problem::Refused { remedy, .. } => remedy,
        }
    }
}

/// The text of [`Problem::Invalid`] for a list without items.
pub(super) const EMPTY_LIST: &str = "the list is empty";
/// What belongs into `Effect`.
pub(super) const EFFECT: &str = "`Allow` or `Deny`";

fn in_front(path: &str) -> String {
    match path {
        "" => String::new(),
        path => format!("{path}: "),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use crate::iam::policy::Policy;

    #[test]
    fn each_problem_has_what_iam_says_and_what_to_do() {
        let actions = "Policy statement must contain actions.";
        let resources = "Policy statement must contain resources.";
        let syntax = "Syntax errors in policy.";
        let name_one = "name at least one, or remove the statement";
        let spell = "spell it exactly as IAM documents it";
        for (statement, says, remedy) in [
            (r#""Effect": "Allow", "Resource": "*""#, actions, "add it"),
            (
                r#""Effect": "Allow", "Action": [], "Resource": "*""#,
                actions,
                name_one,
            ),
            (
                r#""Effect": "Allow", "NotAction": [], "Resource": "*""#,
                actions,
                name_one,
            ),
            (r#""Effect": "Allow", "Action": "a:b""#, resources, "add it"),
            (
                r#""Effect": "Allow", "Action": "a:b", "Resource": []"#,
                resources,
                name_one,
            ),
            (r#""Action": "a:b", "Resource": "*""#, syntax, "add it"),
            (
                r#""Effect": "allow", "Action": "a:b", "Resource": "*""#,
                "The policy failed legacy parsing",
                spell,
            ),
            (
                r#""Effect": "DENY", "Action": "a:b", "Resource": "*""#,
                "The policy failed legacy parsing",
                spell,
            ),
            (
                r#""Effect": "Permit", "Action": "a:b", "Resource": "*""#,
                syntax,
                spell,
            ),
            (
                r#""Effect": "Allow", "Action": "a:b", "NotAction": "a:c", "Resource": "*""#,
                syntax,
                "keep one of the two",
            ),
            (
                r#""Effect": "Allow", "Action": 1, "Resource": "*""#,
                syntax,
                "write what the grammar of policies has there",
            ),
            (
                r#""Effect": "Allow", "Effect": "Allow", "Action": "a:b", "Resource": "*""#,
                syntax,
                "keep one of the two, or bring their content together",
            ),
            (
                r#""Effect": "Allow", "Actions": "a:b", "Resource": "*""#,
                syntax,
                "remove the key, or correct its spelling",
            ),
        ] {
            let error = Policy::from_json(&format!(r#"{{"Statement": [{{{statement}}}]}}"#)).unwrap_err();
            assert_eq!((error.iam_says(), error.remedy()), (says, remedy), "{statement}");
        }
        let error = Policy::from_json("{").unwrap_err();
        assert_eq!(error.iam_says(), syntax);
        assert_eq!(
            error.remedy(),
            "write plain JSON, without comments and trailing commas"
        );
        assert!(error.path.is_empty());
    }

    #[test]
    fn an_empty_list_elsewhere_is_a_matter_of_syntax() {
        use crate::iam::policy::PolicyKind;
        let text = r#"{"Statement": [{"Effect": "Deny", "Principal": {"AWS": []}, "Action": "a:b", "Resource": "*"}]}"#;
        let error = Policy::read(text, PolicyKind::Resource).unwrap_err();
        assert_eq!(error.to_string(), "Statement[0].Principal.AWS: the list is empty");
        assert_eq!(error.iam_says(), "Syntax errors in policy.");
    }
}
