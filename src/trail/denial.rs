//! What a refusal tells: which action on which resource was refused, and by what.
//!
//! Message formats: <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html>.

use crate::iam::action::Action;

/// What AWS says of a refused call.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Denial {
    /// The action that was refused; some services do not say.
    pub action: Option<Action>,
    /// The kind of policy that decided, in AWS's words: `identity-based policy`, `service control policy` …
    pub policy: Option<String>,
    /// Whether a statement refused it, rather than none allowing it.
    pub explicit: bool,
}

/// Whether an error code says that the caller had not the right.
pub(super) fn is_denied(code: &str) -> bool {
    if code.is_empty() {
        return false;
    }
    code.contains("AccessDenied")
        || code.contains("UnauthorizedOperation")
        || matches!(
            code,
            "AuthorizationError"
                | "AuthorizationErrorException"
                | "NotAuthorized"
                | "UnauthorizedException"
                | "UnauthorizedAccess"
                | "Unauthorized"
                | "Forbidden"
                | "403"
        )
}

/// Whether an error code says that the call failed before any right was looked at: wrong or old credentials.
pub(super) fn is_unauthenticated(code: &str) -> bool {
    let code = code.strip_suffix("Exception").unwrap_or(code);
    matches!(
        code,
        "ExpiredToken"
            | "InvalidClientTokenId"
            | "InvalidAccessKeyId"
            | "InvalidSignature"
            | "InvalidToken"
            | "IncompleteSignature"
            | "MissingAuthenticationToken"
            | "RequestExpired"
            | "SignatureDoesNotMatch"
            | "TokenRefreshRequired"
            | "UnrecognizedClient"
            | "AuthFailure"
            | "Client.AuthFailure"
    )
}

/// Who was refused, as the message names them: the ARN after `User:`.
pub fn principal(message: &str) -> Option<&str> {
    let (before, _) = message.split_once(" is not authorized to perform: ")?;
    let (_, arn) = before.rsplit_once("User: ")?;
    Some(arn.trim()).filter(|arn| arn.starts_with("arn:"))
}

/// Reads the message of a refusal. The resource comes apart from the denial: it can be one of very many.
pub fn parse(message: &str) -> (Denial, Option<String>) {
    let Some((_, rest)) = message.split_once("not authorized to perform: ") else {
        return (Denial::default(), None);
    };
    let (subject, reason) = split_reason(rest);
    let (action, resource) = match subject.split_once(" on resource: ") {
        Some((action, resource)) => (action, Some(resource)),
        None => (subject.split(" on ").next().unwrap_or(subject), None),
    };
    let plain = |text: &str| {
        text.trim()
            .trim_matches(|c| matches!(c, '"' | '\'' | '`'))
            .to_owned()
    };
    let denial = Denial {
        action: Action::parse(plain(action).trim_end_matches(['.', ','])),
        policy: deciding_policy(reason),
        explicit: reason.contains("explicit deny"),
    };
    let resource = resource
        .map(plain)
        .filter(|resource| resource.starts_with("arn:") || resource == "*");
    (denial, resource)
}

/// Splits what was refused from why; resources can hold blanks, so only the known openings of the reason divide.
fn split_reason(text: &str) -> (&str, &str) {
    [
        " because ",
        " with an explicit deny",
        " Encoded authorization failure",
        " Service:",
        " (Service:",
    ]
    .iter()
    .filter_map(|opening| text.find(opening))
    .min()
    .map_or((text, ""), |at| text.split_at(at))
}

/// The kind of policy that a reason names.
fn deciding_policy(reason: &str) -> Option<String> {
    [
        "identity-based policy",
        "resource-based policy",
        "service control policy",
        "resource control policy",
        "permissions boundary",
        "session policy",
        "VPC endpoint policy",
    ]
    .into_iter()
    .find(|policy| reason.contains(policy))
    .map(str::to_owned)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn check(
        message: &str,
        action: Option<&str>,
        resource: Option<&str>,
        policy: Option<&str>,
        explicit: bool,
    ) {
        let (denial, on) = parse(message);
        assert_eq!(denial.action.as_ref().map(Action::as_str), action, "{message}");
        assert_eq!(on.as_deref(), resource, "{message}");
        assert_eq!(denial.policy.as_deref(), policy, "{message}");
        assert_eq!(denial.explicit, explicit, "{message}");
    }

    #[test]
    fn messages_name_action_resource_and_policy() {
        check(
            "User: arn:aws:sts::1:assumed-role/r/s is not authorized to perform: dynamodb:Query on resource: \
             arn:aws:dynamodb:eu-west-1:1:table/t/index/i because no identity-based policy allows the dynamodb:Query action",
            Some("dynamodb:Query"),
            Some("arn:aws:dynamodb:eu-west-1:1:table/t/index/i"),
            Some("identity-based policy"),
            false,
        );
        check(
            "User: u is not authorized to perform: s3:GetObject on resource: \"arn:aws:s3:::b/my key.pdf\" with an explicit \
             deny in a service control policy",
            Some("s3:GetObject"),
            Some("arn:aws:s3:::b/my key.pdf"),
            Some("service control policy"),
            true,
        );
        check(
            "User: u is not authorized to perform: SNS:Publish on resource: arn:aws:sns:eu-west-1:1:t because no \
             resource-based policy allows the SNS:Publish action",
            Some("sns:Publish"),
            Some("arn:aws:sns:eu-west-1:1:t"),
            Some("resource-based policy"),
            false,
        );
        check(
            "User: u is not authorized to perform: kms:Decrypt on the resource associated with this ciphertext because the \
             resource does not exist in this Region, no resource-based policies allow access, or a resource-based policy \
             explicitly denies access",
            Some("kms:Decrypt"),
            None,
            Some("resource-based policy"),
            false,
        );
        check(
            "You are not authorized to perform: ec2:RunInstances. Encoded authorization failure message: abc",
            Some("ec2:RunInstances"),
            None,
            None,
            false,
        );
        check("Access Denied", None, None, None, false);
    }

    #[test]
    fn codes_are_told_apart() {
        for code in [
            "AccessDenied",
            "AccessDeniedException",
            "Client.UnauthorizedOperation",
            "AuthorizationError",
            "VpceAccessDenied",
        ] {
            assert!(is_denied(code), "{code}");
        }
        for code in [
            "NoSuchKey",
            "ThrottlingException",
            "Client.DryRunOperation",
            "NotAuthorizedException",
            "",
        ] {
            assert!(!is_denied(code) && !is_unauthenticated(code), "{code}");
        }
        for code in ["ExpiredTokenException", "SignatureDoesNotMatch"] {
            assert!(is_unauthenticated(code), "{code}");
        }
    }
}
