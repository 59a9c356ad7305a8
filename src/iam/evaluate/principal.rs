//! Who makes a request, and whether `Principal` or `NotPrincipal` speaks of them.

use crate::iam::arn;
use crate::iam::policy::{PrincipalSet, Principals};

/// The caller of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Caller {
    /// Nobody signed the request.
    Anonymous,
    /// Some principal of the resource's account that no policy names.
    Unnamed,
    /// A principal of an account.
    Aws(AwsCaller),
    /// A service, an identity provider or a canonical user, known by its name.
    Outside(String),
    /// A principal that has identity policies, though its name does not tell what it is.
    Odd(String),
}

/// A principal of an AWS account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AwsCaller {
    /// Its ARN.
    arn: String,
    partition: String,
    /// Twelve digits.
    pub(super) account: String,
    /// What kind of principal it is.
    pub(super) kind: AwsKind,
}

/// The kinds of AWS principals that policies treat differently.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum AwsKind {
    /// The root user.
    Root,
    /// A user.
    User,
    /// A session that a user made with `GetFederationToken`.
    FederatedUser,
    /// A role, or a session of it; the name is without the path.
    Role {
        /// The role's name.
        name: String,
        /// Whether a service owns it.
        service_linked: bool,
    },
}

/// How directly a resource policy speaks of a caller, least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Directness {
    /// By its account, which leaves the decision to the account's own policies.
    Account,
    /// By the role that the caller's session belongs to.
    Role,
    /// Itself, or everyone.
    Itself,
}

impl Caller {
    /// Reads `Request::principal`. Without one the caller is anonymous, unless identity policies say that there is one.
    pub(super) fn of(principal: Option<&str>, has_identity: bool) -> Self {
        match principal {
            None | Some("*" | "") if has_identity => Self::Unnamed,
            None | Some("*" | "" | "anonymous") => Self::Anonymous,
            Some(account) if is_account(account) => Self::Aws(AwsCaller {
                arn: format!("arn:aws:iam::{account}:root"),
                partition: "aws".to_owned(),
                account: account.to_owned(),
                kind: AwsKind::Root,
            }),
            Some(text) => match AwsCaller::of(text) {
                Some(caller) => Self::Aws(caller),
                None if has_identity => Self::Odd(text.to_owned()),
                None => Self::Outside(text.to_owned()),
            },
        }
    }

    /// The account, if the caller has one that is known.
    pub(super) fn account(&self) -> Option<&str> {
        match self {
            Self::Aws(caller) => Some(&caller.account),
            _ => None,
        }
    }

    /// Whether a service owns the caller's role: organisation policies leave such roles alone.
    /// <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps.html>
    pub(super) fn is_service_linked(&self) -> bool {
        matches!(
            self,
            Self::Aws(AwsCaller {
                kind: AwsKind::Role {
                    service_linked: true,
                    ..
                },
                ..
            })
        )
    }

    /// Whether the caller has identity policies of its own.
    pub(super) fn has_identity(&self) -> bool {
        matches!(self, Self::Aws(_) | Self::Unnamed | Self::Odd(_))
    }

    /// Whether the caller may only do what a session policy allows as well: `GetFederationToken` without one gives a
    /// session that only resource policies can allow something.
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_temp_control-access_getfederationtoken.html>
    pub(super) fn needs_session_policy(&self) -> bool {
        matches!(
            self,
            Self::Aws(AwsCaller {
                kind: AwsKind::FederatedUser,
                ..
            })
        )
    }

    /// Whether the caller is an account's root user, which no identity policy limits.
    pub(super) fn is_root(&self) -> bool {
        matches!(
            self,
            Self::Aws(AwsCaller {
                kind: AwsKind::Root,
                ..
            })
        )
    }
}

impl AwsCaller {
    fn of(text: &str) -> Option<Self> {
        let ["arn", partition, service, "", account, resource] = arn::fields(text)? else {
            return None;
        };
        let (kind, name) = resource.split_once('/').unwrap_or((resource, ""));
        let kind = match (service, kind) {
            ("iam", "root") if name.is_empty() => AwsKind::Root,
            ("iam", "user") => AwsKind::User,
            ("sts", "federated-user") => AwsKind::FederatedUser,
            ("iam", "role") => AwsKind::Role {
                name: last(name).to_owned(),
                service_linked: name.starts_with("aws-service-role/"),
            },
            ("sts", "assumed-role") => {
                let role = name.split('/').next().unwrap_or_default();
                AwsKind::Role {
                    name: role.to_owned(),
                    service_linked: role.starts_with("AWSServiceRoleFor"),
                }
            }
            _ => return None,
        };
        Some(Self {
            arn: text.to_owned(),
            partition: partition.to_owned(),
            account: account.to_owned(),
            kind,
        })
    }

    /// How a name under `AWS` speaks of the caller.
    fn named_by(&self, name: &str) -> Option<Directness> {
        if is_account(name) {
            return (name == self.account).then_some(Directness::Account);
        }
        if name == self.arn {
            return Some(match self.kind {
                AwsKind::Root => Directness::Account,
                AwsKind::Role { .. } if name.contains(":role/") => Directness::Role,
                _ => Directness::Itself,
            });
        }
        let other = Self::of(name)?;
        if (&other.account, &other.partition) != (&self.account, &self.partition) {
            return None;
        }
        match (&other.kind, &self.kind) {
            (AwsKind::Root, _) => Some(Directness::Account),
            // A session's ARN tells its role's name, but not the path.
            (AwsKind::Role { name: named, .. }, AwsKind::Role { name: own, .. })
                if other.arn.contains(":role/") && self.arn.contains(":assumed-role/") && named == own =>
            {
                Some(Directness::Role)
            }
            _ => None,
        }
    }
}

/// How the principals of a statement speak of the caller; `None` when they do not. A `NotPrincipal` that denies spares no
/// caller with a permissions boundary (`bounded`).
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html>
pub(super) fn directness(
    principals: &Principals,
    caller: &Caller,
    denies: bool,
    bounded: bool,
) -> Option<Directness> {
    match principals {
        Principals::Only(set) => named_in(set, caller).last().copied(),
        Principals::AllExcept(set) => {
            let excepted = match denies {
                true => !bounded && spared(set, caller),
                false => !named_in(set, caller).is_empty(),
            };
            (!excepted).then_some(Directness::Itself)
        }
    }
}

/// Every way in which a set names the caller, least direct first.
fn named_in(set: &PrincipalSet, caller: &Caller) -> Vec<Directness> {
    let mut ways: Vec<Directness> = set
        .iter()
        .flat_map(|(kind, names)| names.iter().map(move |name| (kind.as_str(), name.as_str())))
        .filter_map(|(kind, name)| match (kind, name, caller) {
            ("*", ..) | ("AWS", "*", _) => Some(Directness::Itself),
            ("AWS", name, Caller::Aws(caller)) => caller.named_by(name),
            ("AWS", ..) => None,
            (_, "*", Caller::Outside(_)) => Some(Directness::Itself),
            (_, name, Caller::Outside(own) | Caller::Odd(own)) => (name == own).then_some(Directness::Itself),
            _ => None,
        })
        .collect();
    ways.sort_unstable();
    ways
}

/// Whether `NotPrincipal` of a `Deny` spares the caller. AWS looks at the account first, then at the user or role: both
/// must be named.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notprincipal.html>
fn spared(set: &PrincipalSet, caller: &Caller) -> bool {
    let names = set
        .iter()
        .flat_map(|(kind, names)| names.iter().map(move |name| (kind.as_str(), name.as_str())));
    let everyone = names
        .into_iter()
        .any(|(kind, name)| kind == "*" || (kind, name) == ("AWS", "*"));
    let ways = named_in(set, caller);
    let own = match caller {
        Caller::Aws(AwsCaller {
            kind: AwsKind::Root, ..
        }) => Directness::Account,
        Caller::Aws(AwsCaller {
            kind: AwsKind::Role { .. },
            ..
        }) => Directness::Role,
        _ => Directness::Itself,
    };
    let by_account = caller.account().is_none() || ways.contains(&Directness::Account);
    everyone || (by_account && ways.contains(&own))
}

/// Twelve digits.
pub(super) fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn last(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}
