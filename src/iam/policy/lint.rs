//! What IAM takes although it hardly means what its author thinks.

use super::error::Position;
use crate::iam::arn::ArnPattern;

/// A remark on a document that is read all the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lint {
    /// A stable name.
    pub code: &'static str,
    /// The element, such as `Statement[0].Action`.
    pub path: String,
    /// Where it stands.
    pub at: Position,
    /// What is odd.
    pub message: String,
}

/// Oddities of an action.
pub(super) fn action(text: &str) -> Option<(&'static str, String)> {
    let (prefix, name) = text.split_once(':')?;
    if prefix.contains(['*', '?']) {
        let message = format!("`{text}` has a wildcard in its service prefix, which AWS does not document");
        return Some(("wildcard-service", message));
    }
    if name.is_empty() || text.contains(char::is_whitespace) {
        return Some(("no-action", format!("`{text}` matches no action")));
    }
    None
}

/// Oddities of a resource.
pub(super) fn resource(text: &str) -> Option<(&'static str, String)> {
    if !text.contains(':') {
        return None;
    }
    let arn = ArnPattern::new(text);
    let early = match arn.fields() {
        Some([early @ .., _]) => early.join(":"),
        None if text.contains("${") => text.to_owned(),
        None => {
            let message = format!(
                "`{text}` has fewer than six fields; what is missing is read as `*`, which may not be what is meant"
            );
            return Some(("short-arn", message));
        }
    };
    let variable = early.split("${").skip(1).any(|rest| {
        let name = rest.split('}').next().unwrap_or_default();
        name.matches(':').count() == 1
    });
    variable.then(|| {
        let message = format!(
            "`{text}` has a policy variable before the fifth colon, where it stands for its own characters"
        );
        ("early-variable", message)
    })
}

/// Oddities of a principal under a type.
pub(super) fn principal(kind: &str, name: &str) -> Option<(&'static str, String)> {
    let partial = name != "*" && name.contains(['*', '?']);
    partial.then(|| {
        (
            "partial-principal",
            format!("`{kind}` takes no wildcard within a name: `{name}` names nobody"),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(found: Option<(&'static str, String)>) -> Option<&'static str> {
        found.map(|(code, _)| code)
    }

    #[test]
    fn odd_actions() {
        for (text, expected) in [
            ("*", None),
            ("s3:Get*", None),
            ("s*:GetObject", Some("wildcard-service")),
            ("s?:GetObject", Some("wildcard-service")),
            ("s3:", Some("no-action")),
            ("s3:Get Object", Some("no-action")),
        ] {
            assert_eq!(code(action(text)), expected, "{text}");
        }
    }

    #[test]
    fn odd_resources() {
        for (text, expected) in [
            ("*", None),
            ("${Bucket}", None),
            ("arn:aws:s3:::bucket/*", None),
            ("arn:aws:s3:::bucket", None),
            ("arn:aws:s3::bucket", Some("short-arn")),
            ("arn:aws:sqs:*", Some("short-arn")),
            ("arn:aws:sqs:${Rest}", None),
            ("arn:aws:s3:::home/${aws:username}/*", None),
            ("arn:aws:s3::${aws:PrincipalAccount}:b", Some("early-variable")),
            // A stack fills these in before IAM sees them.
            ("arn:${AWS::Partition}:s3:${AWS::Region}:${Account}:b", None),
        ] {
            assert_eq!(code(resource(text)), expected, "{text}");
        }
    }

    #[test]
    fn odd_principals() {
        for (name, expected) in [
            ("*", None),
            ("111122223333", None),
            ("arn:aws:iam::111122223333:role/app-*", Some("partial-principal")),
            ("arn:aws:iam::111122223333:user/An?", Some("partial-principal")),
        ] {
            assert_eq!(code(principal("AWS", name)), expected, "{name}");
        }
    }
}
