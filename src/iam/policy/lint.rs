//! What IAM takes although it hardly means what its author thinks.

use super::error::Position;

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
    if text == "*" || !text.contains(':') {
        return None;
    }
    let fields: Vec<&str> = text.splitn(6, ':').collect();
    if fields.len() < 6 && !text.contains("${") {
        let message = format!(
            "`{text}` has fewer than six fields; what is missing is read as `*`, which may not be what is meant"
        );
        return Some(("short-arn", message));
    }
    let early = fields.get(..5).unwrap_or(&fields).join(":");
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
