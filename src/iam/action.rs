//! IAM actions (`dynamodb:PutItem`) and the patterns that statements match them with.

use std::fmt;

/// One IAM action, such as `dynamodb:PutItem`. The service prefix is lower case; the name keeps AWS's spelling.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Action(String);

impl Action {
    /// Joins a service prefix (`dynamodb`) and an action name (`PutItem`).
    pub fn new(prefix: &str, name: &str) -> Self {
        Self(format!("{}:{name}", prefix.to_ascii_lowercase()))
    }

    /// Reads `prefix:Name`. `None` when there is not exactly one colon or a part is empty or holds a wildcard.
    pub fn parse(text: &str) -> Option<Self> {
        let (prefix, name) = text.split_once(':')?;
        let plain = |part: &str| {
            !part.is_empty()
                && part
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
        };
        (plain(prefix) && plain(name)).then(|| Self::new(prefix, name))
    }

    /// The service prefix, such as `dynamodb`.
    pub fn prefix(&self) -> &str {
        self.0.split_once(':').map_or("", |(prefix, _)| prefix)
    }

    /// The name after the colon, such as `PutItem`.
    pub fn name(&self) -> &str {
        self.0.split_once(':').map_or("", |(_, name)| name)
    }

    /// The whole text, `prefix:Name`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An action as a statement writes it: `s3:Get*`, `*`, `dynamodb:PutItem`. Matching ignores case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ActionPattern(String);

impl ActionPattern {
    /// Wraps the text of a statement's action; any text is accepted, as IAM does not check that an action exists.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it holds `*` or `?`.
    pub fn has_wildcard(&self) -> bool {
        self.0.contains(['*', '?'])
    }

    /// Whether it matches `action`, ignoring case (`*` any run, `?` one character, `*` alone everything).
    pub fn matches(&self, action: &Action) -> bool {
        self.0 == "*" || glob_matches_ignore_case(&self.0, action.as_str())
    }
}

impl From<&Action> for ActionPattern {
    fn from(action: &Action) -> Self {
        Self(action.as_str().to_owned())
    }
}

impl fmt::Display for ActionPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Classic two-pointer glob match over ASCII-folded bytes.
fn glob_matches_ignore_case(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while let Some(&c) = text.get(t) {
        match pattern.get(p) {
            Some(b'*') => {
                retry = Some((p + 1, t));
                p += 1;
            }
            Some(&q) if q == b'?' || q.eq_ignore_ascii_case(&c) => {
                p += 1;
                t += 1;
            }
            _ => match retry {
                Some((after_star, from)) => {
                    p = after_star;
                    t = from + 1;
                    retry = Some((after_star, t));
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(p).all(|&b| b == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::iam::arn::tests::{self as arn, texts};

    #[test]
    fn patterns_match_ignoring_case() {
        let action = Action::new("s3", "GetObject");
        for (pattern, expected) in [
            ("*", true),
            ("s3:*", true),
            ("S3:get*", true),
            ("s3:?etObject", true),
            ("s3:GetObject?", false),
            ("s3:*Acl", false),
        ] {
            assert_eq!(
                ActionPattern::new(pattern).matches(&action),
                expected,
                "{pattern}"
            );
        }
    }

    #[test]
    fn an_action_has_one_colon_and_no_wildcard() {
        for good in ["s3:GetObject", "execute-api:Invoke", "a.b:c_d"] {
            assert_eq!(Action::parse(good), Some(Action(good.to_owned())));
        }
        for bad in ["s3", "s3:", ":x", "s3:Get*", "a:b:c", "s3:Get Object"] {
            assert!(Action::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn an_action_has_a_service_in_lower_case_and_a_name_as_written() {
        let action = Action::new("S3", "GetObject");
        assert_eq!((action.prefix(), action.name()), ("s3", "GetObject"));
        assert_eq!(action.to_string(), "s3:GetObject");
        assert_eq!(ActionPattern::from(&action).to_string(), "s3:GetObject");
    }

    /// Whether the text is one of those that the pattern stands for, as the words say it.
    fn stands_for(pattern: &str, text: &str) -> bool {
        arn::stands_for(&pattern.to_ascii_lowercase(), &text.to_ascii_lowercase())
    }

    #[test]
    fn every_short_pattern_matches_what_it_stands_for() {
        let names = texts("aB", 5);
        for pattern in texts("ab*?", 4) {
            for name in &names {
                let matches = ActionPattern::new(format!("x:{pattern}")).matches(&Action::new("x", name));
                assert_eq!(matches, stands_for(&pattern, name), "{pattern} with {name}");
            }
        }
    }
}
