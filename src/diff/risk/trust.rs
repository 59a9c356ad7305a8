//! Who may be the role that could not before: principals, actions, and the conditions that kept others out.

use std::collections::{BTreeMap, BTreeSet};

use super::atoms;
use super::search::combinations;
use super::{Risk, RiskKind, Severity, WholeRole};
use crate::catalog::Catalog;
use crate::iam::action::ActionPattern;
use crate::iam::arn;
use crate::iam::evaluate::{Layer, Voice, concerns, layer};
use crate::iam::policy::{Effect, Policy, PrincipalSet, Principals, Statement};
use crate::iam::request::Request;

/// Services that run code of the account's own, and so give the role to it.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_aws-services-that-work-with-iam.html>
const COMPUTE: [&str; 5] = [
    "ec2.amazonaws.com",
    "ecs-tasks.amazonaws.com",
    "eks.amazonaws.com",
    "lambda.amazonaws.com",
    "pods.eks.amazonaws.com",
];

/// A role of an account that nobody has.
const STRANGER: &str = "arn:aws:iam::000000000000:role/rolefit";

/// Roles of the same account, one for each symbol that stands for a principal as a whole.
const UNTOLD: &str = "arn:aws:iam::000000000000:role/";

/// What stands for the role's account where that is not known; nobody has it either.
const HOME: &str = "000000000001";

/// A principal that a trust policy names, and someone who is it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Named {
    kind: String,
    name: String,
    caller: String,
}

/// Who may be the new role and could not be the old one.
pub(super) fn risks(catalog: &Catalog, old: &WholeRole, new: &WholeRole) -> Vec<Risk> {
    let Some(now) = &new.trust else { return Vec::new() };
    let home = new.account().unwrap_or(HOME);
    let now = &settled(now, home);
    let nobody = Policy {
        kind: now.kind,
        ..Policy::default()
    };
    let before = &settled(old.trust.as_ref().unwrap_or(&nobody), home);
    let mut found: BTreeMap<(Named, String), Risk> = BTreeMap::new();
    for statement in now
        .statements
        .iter()
        .filter(|statement| statement.effect == Effect::Allow)
    {
        for named in named(statement) {
            for action in actions(catalog, statement) {
                if let Some(risk) = widened(before, now, &named, &action, new) {
                    let place = (named.clone(), risk.message.clone());
                    let kept = found.entry(place).or_insert(risk);
                    kept.actions.insert(action);
                }
            }
        }
    }
    found.into_values().collect()
}

/// The policy with principals of whom IAM can be asked: the pseudo parameters have values, the same ones everywhere.
fn settled(policy: &Policy, home: &str) -> Policy {
    let set = |set: &PrincipalSet| -> PrincipalSet {
        let names =
            |kind: &str, names: &[String]| names.iter().map(|name| settled_name(kind, name, home)).collect();
        set.iter()
            .map(|(kind, all)| (kind.clone(), names(kind, all)))
            .collect()
    };
    let mut policy = policy.clone();
    for statement in &mut policy.statements {
        statement.principals = statement.principals.as_ref().map(|principals| match principals {
            Principals::Only(only) => Principals::Only(set(only)),
            Principals::AllExcept(others) => Principals::AllExcept(set(others)),
        });
    }
    policy
}

fn settled_name(kind: &str, name: &str, home: &str) -> String {
    let name = name
        .replace("${AWS::Partition}", "aws")
        .replace("${AWS::AccountId}", home)
        .replace("${AWS::URLSuffix}", "amazonaws.com");
    // `${Account}` and `${Role.Arn}` stand for a principal as a whole.
    match kind == "AWS" && arn::has_symbol(&name) && !name.starts_with("arn:") {
        true => format!("{UNTOLD}{name}"),
        false => name,
    }
}

/// The name as the template has it, as far as it was settled.
fn shown(name: &str) -> String {
    match name.strip_prefix(UNTOLD).filter(|rest| rest.starts_with("${")) {
        Some(symbol) => symbol.to_owned(),
        None => name.replace(HOME, "${AWS::AccountId}"),
    }
}

/// The actions of STS that a statement speaks of.
fn actions(catalog: &Catalog, statement: &Statement) -> Vec<String> {
    let every = ActionPattern::new("sts:*");
    let all: BTreeSet<String> = catalog
        .matching(&every)
        .map(|entry| entry.action().to_string())
        .collect();
    all.into_iter()
        .filter(|action| concerns(statement, action))
        .collect()
}

fn named(statement: &Statement) -> BTreeSet<Named> {
    let of = |kind: &str, name: &str| {
        let account = name.len() == 12 && name.bytes().all(|byte| byte.is_ascii_digit());
        let caller = match (kind, name) {
            (_, "*") => STRANGER.to_owned(),
            ("AWS", name) if account => format!("arn:aws:iam::{name}:role/rolefit"),
            ("AWS", name) => match name.strip_suffix(":root") {
                Some(front) => format!("{front}:role/rolefit"),
                None => name.to_owned(),
            },
            _ => name.to_owned(),
        };
        Named {
            kind: kind.to_owned(),
            name: name.to_owned(),
            caller,
        }
    };
    match &statement.principals {
        Some(Principals::Only(set)) => set
            .iter()
            .flat_map(|(kind, names)| names.iter().map(move |name| of(kind, name)))
            .collect(),
        Some(Principals::AllExcept(_)) | None => BTreeSet::from([of("*", "*")]),
    }
}

fn allows(policy: &Policy, request: &Request) -> bool {
    matches!(
        layer(request, Layer::Resource, std::slice::from_ref(policy)),
        Voice::Allows(_)
    )
}

/// How a principal may be the new role with an action, when it could not be the old one likewise.
fn widened(before: &Policy, now: &Policy, named: &Named, action: &str, new: &WholeRole) -> Option<Risk> {
    let speaks = |statement: &&Statement| concerns(statement, action);
    let keys = atoms::of(before.statements.iter().chain(&now.statements).filter(speaks));
    let request = |context| Request {
        principal: Some(named.caller.clone()),
        action: action.to_owned(),
        resource: new.arn.clone().unwrap_or_else(|| "*".to_owned()),
        resource_account: None,
        context,
    };
    let (mut witness, mut could) = (None, false);
    combinations(&keys, |context| {
        let request = request(context);
        let (then, today) = (allows(before, &request), allows(now, &request));
        could |= then;
        if today && !then && witness.is_none() {
            witness = Some(request);
        }
        could && witness.is_some()
    });
    let witness = witness?;
    let (severity, message) = match could {
        true => loosened(before, action, named, &witness),
        false => admitted(before, now, named, action, new),
    };
    let fix = "keep the trust policy to those who need the role, with the conditions of before".to_owned();
    let mut risk = Risk::new(severity, RiskKind::WidenedTrust, message, fix);
    risk.witness = Some(witness);
    Some(risk)
}

/// The old trust policy let the principal in under conditions that the witness does not fulfil.
fn loosened(before: &Policy, action: &str, named: &Named, witness: &Request) -> (Severity, String) {
    let statements = before
        .statements
        .iter()
        .filter(|statement| concerns(statement, action));
    let keys: BTreeSet<&str> = statements
        .flat_map(|statement| statement.conditions.values().flat_map(BTreeMap::keys))
        .map(String::as_str)
        .collect();
    // A key counts when a request that lacks it, or has another value, is let in now.
    let unmet: Vec<&str> = keys
        .into_iter()
        .filter(|key| is_unmet(before, witness, key))
        .collect();
    let has = |test: fn(&str) -> bool| unmet.iter().any(|key| test(&key.to_ascii_lowercase()));
    let who = shown(&named.name);
    if has(|key| key == "sts:externalid") {
        return (
            Severity::Critical,
            format!("`{who}` no longer needs the external id"),
        );
    }
    if has(|key| key.ends_with(":sub")) {
        return (
            Severity::Critical,
            format!("more subjects of `{who}` may be the role"),
        );
    }
    if has(|key| key.ends_with(":aud")) {
        return (
            Severity::Critical,
            format!("more audiences of `{who}` may be the role"),
        );
    }
    let of = match unmet.is_empty() {
        true => String::new(),
        false => format!(" (`{}`)", unmet.join("`, `")),
    };
    (
        Severity::High,
        format!("`{who}` may be the role under fewer conditions{of}"),
    )
}

/// Whether a key's conditions are among those that keep the witness out of the old role: without them it is nearer.
fn is_unmet(before: &Policy, witness: &Request, key: &str) -> bool {
    before.statements.iter().any(|statement| {
        let only = |keep: bool| Statement {
            conditions: statement
                .conditions
                .iter()
                .map(|(operator, keys)| {
                    let kept = keys.iter().filter(|(own, _)| (own.as_str() == key) == keep);
                    (
                        operator.clone(),
                        kept.map(|(own, values)| (own.clone(), values.clone())).collect(),
                    )
                })
                .collect(),
            ..statement.clone()
        };
        let policy = Policy {
            statements: vec![only(true)],
            ..before.clone()
        };
        statement.effect == Effect::Allow && !allows(&policy, witness)
    })
}

/// The old trust policy never let the principal in with this action.
fn admitted(
    before: &Policy,
    now: &Policy,
    named: &Named,
    action: &str,
    new: &WholeRole,
) -> (Severity, String) {
    let known = before
        .statements
        .iter()
        .any(|statement| self::named(statement).contains(named));
    let who = shown(&named.name);
    if known {
        return (
            Severity::Medium,
            format!("`{who}` may use `{action}` on the role now"),
        );
    }
    let own = arn::fields(&named.caller).map(|[_, _, _, _, account, _]| account);
    let limited = now
        .statements
        .iter()
        .any(|statement| self::named(statement).contains(named) && !statement.conditions.is_empty());
    match (named.kind.as_str(), who.as_str()) {
        (_, "*") if limited => (
            Severity::High,
            "everyone who fulfils the conditions may be the role".to_owned(),
        ),
        (_, "*") => (Severity::Critical, "everyone may be the role".to_owned()),
        ("AWS", _) if own.is_some_and(|own| own == new.account().unwrap_or(HOME)) => (
            Severity::Medium,
            format!("`{who}` of the role's own account may be the role"),
        ),
        ("AWS", _) if who.starts_with("${") || own.is_some_and(|own| own.starts_with("${")) => (
            Severity::High,
            format!("`{who}`, of an account that is not told, may be the role"),
        ),
        ("AWS", _) => (
            Severity::Critical,
            format!("`{who}` of another account may be the role"),
        ),
        ("Service", service) if COMPUTE.contains(&service) => (
            Severity::Low,
            format!("code that runs in `{service}` may be the role"),
        ),
        ("Service", service) => (
            Severity::Medium,
            format!("the service `{service}` may be the role"),
        ),
        ("Federated", _) if limited => (Severity::High, format!("identities of `{who}` may be the role")),
        _ => (
            Severity::Critical,
            format!("every identity of `{who}` may be the role"),
        ),
    }
}
