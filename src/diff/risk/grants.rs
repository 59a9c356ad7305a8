//! What the new role's statements allow that the old role did not, by what the actions can be abused for.

use std::collections::{BTreeMap, BTreeSet};

use super::search::{Answer, View, Wanted, find};
use super::{Risk, RiskKind, Severity, WholeRole};
use crate::catalog::{AccessLevel, Catalog, RiskClass};
use crate::iam::action::{Action, ActionPattern};
use crate::iam::policy::{Actions, Effect, Resources, Statement};
use crate::iam::request::Request;

/// Reads of data that no source lists among the classes, and their like.
const DATA_READS: [&str; 12] = [
    "dynamodb:batchgetitem",
    "dynamodb:getitem",
    "dynamodb:query",
    "dynamodb:scan",
    "ebs:getsnapshotblock",
    "ec2:copysnapshot",
    "kms:decrypt",
    "rds:copydbsnapshot",
    "s3:getobject",
    "secretsmanager:getsecretvalue",
    "ssm:getparameter",
    "ssm:getparameters",
];

/// What a new grant is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Class {
    severity: Severity,
    kind: RiskKind,
}

/// The actions of one statement that are newly allowed, and a request that shows it.
#[derive(Debug, Default)]
struct Group {
    actions: BTreeSet<String>,
    witness: Option<Request>,
    /// Whether the old role allowed any of them on something else.
    widened: bool,
}

/// The risks of every statement that can allow something new.
pub(super) fn risks(catalog: &Catalog, old: &WholeRole, new: &WholeRole) -> Vec<Risk> {
    let mut found = Vec::new();
    // With the same limits, what stands in both roles allows nothing new.
    let same_limits =
        denies(old).is_subset(&denies(new)) && old.boundary == new.boundary && old.scps == new.scps;
    let before: BTreeSet<String> = old.statements.iter().map(|own| key(&own.statement)).collect();
    for (position, own) in new.statements.iter().enumerate() {
        let statement = &own.statement;
        if statement.effect == Effect::Deny || (same_limits && before.contains(&key(statement))) {
            continue;
        }
        if let Some(risk) = administrator(catalog, old, new, position, statement) {
            found.push(risk);
            continue;
        }
        let groups = groups(catalog, old, new, statement);
        found.extend(of_whole(old, new, position, &groups));
        for (class, group) in groups {
            found.push(of_group(new, position, class, group));
        }
    }
    found
}

/// A statement without its id.
fn key(statement: &Statement) -> String {
    Statement {
        sid: None,
        ..statement.clone()
    }
    .to_json()
    .to_string()
}

/// The Deny statements of a role.
fn denies(role: &WholeRole) -> BTreeSet<String> {
    let denying = role
        .statements
        .iter()
        .filter(|own| own.statement.effect == Effect::Deny);
    denying.map(|own| key(&own.statement)).collect()
}

fn with_origin(mut risk: Risk, new: &WholeRole, position: usize) -> Risk {
    if let Some(own) = new.statements.get(position) {
        risk.statements.insert(position, own.origin.clone());
    }
    risk
}

/// Every action, or every action of IAM, on everything.
fn administrator(
    catalog: &Catalog,
    old: &WholeRole,
    new: &WholeRole,
    position: usize,
    statement: &Statement,
) -> Option<Risk> {
    let on_all = match &statement.resources {
        Resources::Only(list) => list.iter().any(|arn| arn.is_any()),
        Resources::AllExcept(_) => true,
    };
    let all = |pattern: &ActionPattern| {
        let text = pattern.as_str();
        matches!(text, "*" | "*:*") || text.eq_ignore_ascii_case("iam:*")
    };
    let every = match &statement.actions {
        Actions::Only(list) => list.iter().any(all),
        Actions::AllExcept(list) => !list
            .iter()
            .any(|pattern| pattern.as_str().to_ascii_lowercase().starts_with("iam:")),
    };
    if !on_all || !every {
        return None;
    }
    const PROOF: &str = "iam:AttachRolePolicy";
    let witness = match newly(catalog, old, new, PROOF) {
        Answer::No => return None,
        Answer::Possible => None,
        Answer::Found(request, _) => Some(request),
    };
    let mut risk = Risk::new(
        Severity::Critical,
        RiskKind::Administrator,
        "the role may do everything, IAM included".to_owned(),
        "name the actions and resources that are needed".to_owned(),
    );
    risk.actions.insert(PROOF.to_owned());
    risk.witness = witness;
    Some(with_origin(risk, new, position))
}

/// A request for an action that the new role allows and the old one does not.
fn newly(catalog: &Catalog, old: &WholeRole, new: &WholeRole, action: &str) -> Answer {
    let (before, now) = (View::of(old, action), View::of(new, action));
    let is_new = |request: &Request| before.allows(request).is_none();
    let wanted = Wanted {
        action,
        context: Vec::new(),
        resource: &|_| true,
        request: &is_new,
    };
    find(catalog, &now, before.statements(), &wanted)
}

/// The newly allowed actions of a statement, by class.
fn groups(
    catalog: &Catalog,
    old: &WholeRole,
    new: &WholeRole,
    statement: &Statement,
) -> BTreeMap<Class, Group> {
    let mut groups: BTreeMap<Class, Group> = BTreeMap::new();
    // Only this statement is looked at, within everything that limits the role.
    let kept = new
        .statements
        .iter()
        .filter(|own| own.statement.effect == Effect::Deny || own.statement == *statement);
    let alone = WholeRole {
        statements: kept.cloned().collect(),
        ..new.clone()
    };
    for action in named(catalog, statement) {
        let witness = match newly(catalog, old, &alone, action.as_str()) {
            Answer::No => continue,
            Answer::Possible => None,
            Answer::Found(request, _) => Some(request),
        };
        let group = groups.entry(class(catalog, new, &action)).or_default();
        group.widened |= View::of(old, action.as_str()).may_allow();
        group.actions.insert(action.to_string());
        group.witness = group.witness.take().or(witness);
    }
    groups
}

/// The actions that a statement speaks of: those of the catalogue, and the plain ones that it does not know.
fn named(catalog: &Catalog, statement: &Statement) -> BTreeSet<Action> {
    match &statement.actions {
        Actions::Only(list) => {
            let mut all = BTreeSet::new();
            for pattern in list {
                let known = catalog.expand(pattern);
                if known.is_empty() {
                    all.extend(Action::parse(pattern.as_str()));
                }
                all.extend(known);
            }
            all
        }
        Actions::AllExcept(list) => {
            let all = ActionPattern::new("*");
            let every = catalog.matching(&all).map(|entry| entry.action());
            every
                .filter(|action| !list.iter().any(|pattern| pattern.matches(action)))
                .collect()
        }
    }
}

fn class(catalog: &Catalog, new: &WholeRole, action: &Action) -> Class {
    let name = action.as_str().to_ascii_lowercase();
    let of = |severity: Severity, kind: RiskKind| Class { severity, kind };
    if name == "iam:passrole" {
        return of(Severity::High, RiskKind::PassRole);
    }
    if name.starts_with("sts:assumerole") {
        return of(Severity::High, RiskKind::AssumeRole);
    }
    let level = catalog.action(action).map(|entry| entry.access_level());
    match (catalog.risk(action), level) {
        (Some(RiskClass::CredentialExposure), _) => of(Severity::High, RiskKind::Credentials),
        (Some(RiskClass::PrivilegeEscalation | RiskClass::ResourceExposure), _)
        | (_, Some(AccessLevel::PermissionsManagement)) => of(Severity::High, RiskKind::Exposure),
        (Some(RiskClass::DataExfiltration), _) => of(Severity::Medium, RiskKind::Exfiltration),
        (Some(RiskClass::DataAccess), _) => of(Severity::Medium, RiskKind::DataAccess),
        _ if DATA_READS.contains(&name.as_str()) => of(Severity::Medium, RiskKind::DataAccess),
        (None, Some(AccessLevel::Tagging)) if decides_by_tags(new) => of(Severity::High, RiskKind::Tagging),
        (None, Some(AccessLevel::Tagging)) => of(Severity::Low, RiskKind::Tagging),
        (None, Some(AccessLevel::List | AccessLevel::Read)) => of(Severity::Info, RiskKind::Read),
        // What the catalogue does not know may change something.
        (None, _) => of(Severity::Low, RiskKind::Write),
    }
}

/// Whether conditions of the role look at tags: then changing a tag changes what is allowed.
fn decides_by_tags(role: &WholeRole) -> bool {
    let keys = role
        .statements
        .iter()
        .flat_map(|own| own.statement.conditions.values().flat_map(BTreeMap::keys));
    let mut keys = keys.map(|key| key.to_ascii_lowercase());
    keys.any(|key| key.contains("resourcetag/") || key.starts_with("aws:principaltag/"))
}

/// What can be said of the statement as a whole.
fn of_whole(old: &WholeRole, new: &WholeRole, position: usize, groups: &BTreeMap<Class, Group>) -> Vec<Risk> {
    let Some(own) = new.statements.get(position).filter(|_| !groups.is_empty()) else {
        return Vec::new();
    };
    let statement = &own.statement;
    let mut found = Vec::new();
    let mut add = |kind: RiskKind, message: String, fix: &str| {
        found.push(with_origin(
            Risk::new(Severity::Medium, kind, message, fix.to_owned()),
            new,
            position,
        ));
    };
    let wildcards: Vec<&str> = match &statement.actions {
        Actions::Only(list) => list
            .iter()
            .map(|pattern| pattern.as_str())
            .filter(|text| text.ends_with(":*") || *text == "*")
            .collect(),
        Actions::AllExcept(_) => vec!["NotAction"],
    };
    if !wildcards.is_empty() {
        let message = format!(
            "`{}` allows every action, future ones included",
            wildcards.join("`, `")
        );
        add(
            RiskKind::ServiceWildcard,
            message,
            "name the actions that are needed",
        );
    }
    let looser = old
        .statements
        .iter()
        .map(|before| &before.statement)
        .find(|before| {
            before.effect == Effect::Allow
                && (&before.actions, &before.resources) == (&statement.actions, &statement.resources)
                && before.conditions != statement.conditions
                && statement.conditions.iter().all(|(operator, keys)| {
                    let held = before.conditions.get(operator);
                    keys.iter()
                        .all(|(key, values)| held.and_then(|held| held.get(key)) == Some(values))
                })
        });
    if let Some(before) = looser {
        let keys: BTreeSet<&String> = before.conditions.values().flat_map(BTreeMap::keys).collect();
        let kept: BTreeSet<&String> = statement.conditions.values().flat_map(BTreeMap::keys).collect();
        let gone: Vec<&str> = keys.difference(&kept).map(|key| key.as_str()).collect();
        let message = match gone.is_empty() {
            true => "a condition no longer limits the statement".to_owned(),
            false => format!(
                "the condition on `{}` no longer limits the statement",
                gone.join("`, `")
            ),
        };
        add(RiskKind::ConditionRemoved, message, "put the condition back");
    }
    let on_all = matches!(&statement.resources, Resources::Only(list) if list.iter().any(|arn| arn.is_any()));
    let widened: Vec<&str> = groups
        .values()
        .filter(|group| group.widened)
        .flat_map(|group| &group.actions)
        .map(String::as_str)
        .collect();
    if on_all && !widened.is_empty() && looser.is_none() {
        let message = format!("{} on every resource now, on some before", shown(&widened));
        add(
            RiskKind::ResourceWidened,
            message,
            "name the resources that are needed",
        );
    }
    found
}

fn of_group(new: &WholeRole, position: usize, class: Class, group: Group) -> Risk {
    let names: Vec<&str> = group.actions.iter().map(String::as_str).collect();
    let names = shown(&names);
    let what = match class.kind {
        RiskKind::PassRole => "roles can be passed that could not",
        RiskKind::AssumeRole => "roles can be assumed that could not",
        RiskKind::Credentials => "returns credentials",
        RiskKind::Exposure => "can give others access or change permissions",
        RiskKind::Exfiltration => "can take data out",
        RiskKind::DataAccess => "reads data",
        RiskKind::Tagging if class.severity == Severity::High => "changes tags that decide what is allowed",
        RiskKind::Tagging => "changes tags",
        RiskKind::Write => "changes something",
        _ => "lists or reads",
    };
    let fix = match group.widened {
        true => "keep it to the resources and conditions of before",
        false => "leave it out unless it is needed",
    };
    let again = if group.widened {
        "on more than before"
    } else {
        "newly allowed"
    };
    let message = format!("{names}: {what}, {again}");
    let mut risk = Risk::new(class.severity, class.kind, message, fix.to_owned());
    risk.actions = group.actions;
    risk.witness = group.witness;
    with_origin(risk, new, position)
}

/// A few names, and how many more.
fn shown(names: &[&str]) -> String {
    let first: Vec<String> = names.iter().take(6).map(|name| format!("`{name}`")).collect();
    match names.len().saturating_sub(first.len()) {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}
