//! Principals of resource and trust policies: finitely many callers that tell all named principals apart.

use std::collections::BTreeSet;

use crate::iam::arn;
use crate::iam::policy::{PrincipalSet, Principals};

/// Who calls, as far as a policy can tell.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Caller {
    /// A user, role, session or federated user, by ARN.
    Aws(String),
    Service(String),
    Federated(String),
    Canonical(String),
    Anonymous,
}

impl Caller {
    /// As a request names it.
    pub(super) fn name(&self) -> Option<String> {
        match self {
            Self::Aws(name) | Self::Service(name) | Self::Federated(name) | Self::Canonical(name) => {
                Some(name.clone())
            }
            Self::Anonymous => None,
        }
    }
}

/// The caller of an identity-based policy, which does not say whose it is.
pub(super) const SOMEONE: &str = "arn:aws:sts::111122223333:assumed-role/example/session";

/// Callers that between them stand for all, for policies that name these principals.
pub(super) fn callers<'a>(named: impl IntoIterator<Item = &'a Principals>) -> Vec<Caller> {
    let mut names: [BTreeSet<String>; 4] = Default::default();
    for principals in named {
        let (Principals::Only(set) | Principals::AllExcept(set)) = principals;
        for (kind, listed) in set {
            let slot = match kind.as_str() {
                "AWS" => 0,
                "Service" => 1,
                "Federated" => 2,
                "CanonicalUser" => 3,
                _ => continue,
            };
            if let Some(slot) = names.get_mut(slot) {
                slot.extend(listed.iter().filter(|name| *name != "*").cloned());
            }
        }
    }
    let [aws, services, federated, canonical] = names;
    let mut callers: Vec<Caller> = Vec::new();
    let accounts: BTreeSet<String> = aws
        .iter()
        .filter_map(|name| account(name))
        .map(str::to_owned)
        .collect();
    for name in &aws {
        if is_account(name).is_none() && is_somebody(name) {
            callers.push(Caller::Aws(name.clone()));
        }
        callers.extend(session_of(name).map(Caller::Aws));
    }
    for account in &accounts {
        callers.push(Caller::Aws(format!("arn:aws:iam::{account}:user/someone")));
    }
    let stranger = ["999988887777", "999988886666", "999988885555"]
        .into_iter()
        .find(|id| !accounts.contains(*id));
    callers.extend(stranger.map(|id| Caller::Aws(format!("arn:aws:iam::{id}:user/stranger"))));
    callers.extend(services.into_iter().map(Caller::Service));
    callers.push(Caller::Service("another.amazonaws.com".to_owned()));
    callers.extend(federated.into_iter().map(Caller::Federated));
    callers.push(Caller::Federated("another.example.com".to_owned()));
    callers.extend(canonical.into_iter().map(Caller::Canonical));
    callers.push(Caller::Canonical(
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef".to_owned(),
    ));
    callers.push(Caller::Anonymous);
    callers
}

/// Whether a statement for these principals speaks of the caller; `None` when the documents leave it open.
///
/// `NotPrincipal` has to list an account beside its principal, and a role beside its session, to except them; what a
/// shorter list excepts is not settled.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notprincipal.html>
pub(super) fn speaks_of(principals: &Principals, caller: &Caller) -> Option<bool> {
    match principals {
        Principals::Only(set) => Some(names(set, caller)),
        Principals::AllExcept(set) if !names(set, caller) => Some(true),
        Principals::AllExcept(set) => surely_excepts(set, caller).then_some(false),
    }
}

fn surely_excepts(set: &PrincipalSet, caller: &Caller) -> bool {
    let listed =
        |wanted: &dyn Fn(&str) -> bool| set.get("AWS").into_iter().flatten().any(|name| wanted(name));
    let Caller::Aws(arn) = caller else {
        return true;
    };
    if set.contains_key("*") || listed(&|name| name == "*") {
        return true;
    }
    let with_account = listed(&|name| is_account(name).is_some_and(|id| account(arn) == Some(id)));
    let with_role = session(arn).is_none_or(|own| listed(&|name| role(name) == Some(own)));
    listed(&|name| name == arn) && with_account && with_role
}

/// Whether a name holds a wildcard beyond `*` alone, which the policy language does not settle.
pub(super) fn has_wildcard(principals: &Principals) -> bool {
    let (Principals::Only(set) | Principals::AllExcept(set)) = principals;
    set.values()
        .flatten()
        .any(|name| name != "*" && name.contains(['*', '?']))
}

/// Whether a name is put together from symbols so that even its form depends on the deployment.
pub(super) fn is_open_form(principals: &Principals) -> bool {
    let (Principals::Only(set) | Principals::AllExcept(set)) = principals;
    let is_open = |name: &String| arn::has_symbol(name) && !is_somebody(name) && is_account(name).is_none();
    set.get("AWS").into_iter().flatten().any(is_open)
}

/// Whether a name depends on the deployment.
pub(super) fn has_symbol(principals: &Principals) -> bool {
    let (Principals::Only(set) | Principals::AllExcept(set)) = principals;
    set.values().flatten().any(|name| name.contains("${"))
}

fn names(set: &PrincipalSet, caller: &Caller) -> bool {
    set.iter().any(|(kind, listed)| {
        listed.iter().any(|name| match (kind.as_str(), caller) {
            ("*" | "AWS", _) if name == "*" => true,
            ("AWS", Caller::Aws(arn)) => names_arn(name, arn),
            ("Service", Caller::Service(own)) => name == own,
            ("Federated", Caller::Federated(own)) => name == own || name == "*",
            ("CanonicalUser", Caller::Canonical(own)) => name == own,
            _ => false,
        })
    })
}

fn names_arn(name: &str, arn: &str) -> bool {
    name == arn
        || is_account(name).is_some_and(|id| account(arn) == Some(id))
        || role(name).is_some_and(|role| session(arn) == Some(role))
}

/// Whether somebody can call under this name: a user, a role, a session, or whoever a symbol stands for. The id of a
/// deleted principal, or an ARN of another shape, is nobody's.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html>
fn is_somebody(name: &str) -> bool {
    match arn::fields(name) {
        Some(["arn", _, "iam", "", _, own]) => own.starts_with("user/") || own.starts_with("role/"),
        Some(["arn", _, "sts", "", _, own]) => {
            own.starts_with("assumed-role/") || own.starts_with("federated-user/")
        }
        _ => {
            let symbol = name.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
            symbol.is_some_and(|symbol| !symbol.contains(['{', '}']))
        }
    }
}

/// The account that a principal names as a whole: twelve digits, or the ARN of its root.
fn is_account(name: &str) -> Option<&str> {
    if name.len() == 12 && name.bytes().all(|b| b.is_ascii_digit()) {
        return Some(name);
    }
    name.ends_with(":root").then(|| account(name)).flatten()
}

/// The account of a principal.
fn account(name: &str) -> Option<&str> {
    if name.len() == 12 && name.bytes().all(|b| b.is_ascii_digit()) {
        return Some(name);
    }
    own(name).map(|(account, _)| account)
}

/// The account of an ARN of IAM or STS, and what it names there.
fn own(arn: &str) -> Option<(&str, &str)> {
    match arn::fields(arn)? {
        ["arn", _, "iam" | "sts", "", account, own] => Some((account, own)),
        _ => None,
    }
}

/// Account and name of a role.
fn role(arn: &str) -> Option<(&str, &str)> {
    let (account, own) = own(arn)?;
    Some((account, own.strip_prefix("role/")?.rsplit('/').next()?))
}

/// Account and role name of a session.
fn session(arn: &str) -> Option<(&str, &str)> {
    let (account, own) = own(arn)?;
    Some((account, own.strip_prefix("assumed-role/")?.split('/').next()?))
}

/// A session of the named role, or another session of the role whose session is named.
fn session_of(name: &str) -> Option<String> {
    let (account, role) = role(name).or_else(|| session(name))?;
    Some(format!("arn:aws:sts::{account}:assumed-role/{role}/another"))
}
