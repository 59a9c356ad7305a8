//! Finds roles that an operation hands to a service: `iam:PassRole` is needed when the code sets one.
//!
//! No list of dependent actions is complete here, so the rule reads the input structures: a text member whose name or
//! pattern says that it holds a role's ARN, at most five structures deep, in an operation that creates, changes or
//! starts something.

use std::sync::OnceLock;

use serde::Deserialize;

use crate::catalog::service::{Member, MemberKind, Operation, Shape};
use crate::iam::action::Action;
use crate::iam::policy::Conditions;

use super::condition::{Condition, Given, Truth};
use super::{Form, Need, NeededAction, NeededResource, Note, Source, When};

/// Verbs of operations that hand roles over.
const VERBS: [&str; 27] = [
    "Activate",
    "Add",
    "Associate",
    "BatchCreate",
    "BatchPut",
    "Continue",
    "Create",
    "Discover",
    "Enable",
    "Export",
    "Import",
    "Modify",
    "Put",
    "Register",
    "Render",
    "Replace",
    "Restore",
    "Rollback",
    "Rotate",
    "Run",
    "Schedule",
    "Send",
    "Set",
    "Start",
    "Sync",
    "Test",
    "Update",
];
/// Services that speak of roles without handing them over.
const EXCLUDED_PREFIXES: [&str; 2] = ["iam", "sts"];
/// Endings of names of members that hold the ARN of a role, lower case.
const ENDINGS: [&str; 5] = ["rolearn", "executionrole", "servicerole", "taskrole", "iamrole"];
const DEEPEST: usize = 5;
const ROLE_FORMAT: &str = "arn:${Partition}:iam::${Account}:role/${RoleNameWithPath}";
const DOCS: &str = "https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html";

/// The services that roles are handed to.
const SERVICES: &str = include_str!("../../../policy-templates/operations/_pass_role.toml");

/// The file of services.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct PassedTo {
    service: Vec<PassedToRow>,
    #[serde(default)]
    member: Vec<MemberRow>,
}

/// A member of a service's inputs that holds a role although its name does not end like one.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct MemberRow {
    of: Vec<String>,
    name: String,
}

/// The principal that the roles of some operations are handed to.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PassedToRow {
    /// Service, or service and operation.
    of: Vec<String>,
    principal: String,
}

/// Adds `iam:PassRole` for every role that is handed over, or a note where that cannot be seen.
pub(super) fn add(need: &mut Need, operation: Operation<'_>, given: Given<'_>) {
    let service = operation.service();
    let hands_over = VERBS.iter().any(|verb| operation.name().starts_with(verb))
        && !EXCLUDED_PREFIXES.contains(&service.iam_prefix());
    let (Some(input), true) = (operation.input(), hands_over) else {
        return;
    };
    let pass_role = Action::new("iam", "PassRole");
    if need.actions.iter().any(|needed| needed.action == pass_role) {
        return; // written by hand
    }
    for role in roles(service.suffix(), input) {
        let path = role.path;
        let truth = given.is_set(&path);
        let is_open = truth == Truth::Maybe && matches!(given, Given::Inputs { .. });
        if truth == Truth::No {
            continue;
        }
        if is_open && !role.required {
            need.notes.push(Note::MayPassRole(path));
            continue;
        }
        need.actions.push(NeededAction {
            action: pass_role.clone(),
            when: Condition::parse(&path).map(|condition| When::new(&condition, truth)),
            resources: vec![NeededResource {
                resource_type: "iam:role".to_owned(),
                format: ROLE_FORMAT.to_owned(),
                variables: vec![(
                    "RoleNameWithPath".to_owned(),
                    Source::Input {
                        path,
                        form: Form::Role,
                    },
                )],
            }],
            conditions: passed_to(service.suffix(), operation.name()),
            dependent: true,
            unverified: None,
            docs: Some(DOCS.to_owned()),
        });
    }
}

/// A member that holds a role.
struct RoleMember {
    path: String,
    /// The API demands it, and all that holds it.
    required: bool,
}

/// Every role in an input, in the order of the model.
fn roles(service: &str, input: Shape<'_>) -> Vec<RoleMember> {
    let mut search = Search {
        named: passed_to_file()
            .member
            .iter()
            .filter(|row| row.of.iter().any(|of| of == service))
            .map(|row| row.name.as_str())
            .collect(),
        found: Vec::new(),
    };
    search.collect(input, "", true, DEEPEST);
    search.found
}

/// The roles found so far.
struct Search<'a> {
    /// Members that hold one though their names do not say so.
    named: Vec<&'a str>,
    found: Vec<RoleMember>,
}

impl Search<'_> {
    fn collect(&mut self, shape: Shape<'_>, path: &str, required: bool, depth: usize) {
        for member in shape.members() {
            let suffix = match member.kind() {
                MemberKind::List => "[]",
                MemberKind::Map => "{}",
                MemberKind::Scalar | MemberKind::Structure => "",
            };
            let dot = if path.is_empty() { "" } else { "." };
            let path = format!("{path}{dot}{}{suffix}", member.name());
            let required = required && member.required();
            if self.named.contains(&member.name()) && member.is_text() || holds_role(member) {
                self.found.push(RoleMember { path, required });
            } else if let (Some(inner), Some(depth)) = (member.structure(), depth.checked_sub(1)) {
                self.collect(inner, &path, required, depth);
            }
        }
    }
}

fn holds_role(member: Member<'_>) -> bool {
    let name = member.name().to_ascii_lowercase();
    member.is_text()
        && member.enum_values().next().is_none()
        && (member.takes_role_arn() || ENDINGS.iter().any(|ending| name.ends_with(ending)))
}

/// The condition on the service that the role is handed to; none when that is not known.
fn passed_to(service: &str, operation: &str) -> Conditions {
    let of = |wanted: &str| {
        passed_to_file()
            .service
            .iter()
            .find(|row| row.of.iter().any(|of| of == wanted))
    };
    of(&format!("{service}.{operation}"))
        .or_else(|| of(service))
        .map(|row| {
            let key = [("iam:PassedToService".to_owned(), vec![row.principal.clone()])];
            [("StringEquals".to_owned(), key.into())].into()
        })
        .unwrap_or_default()
}

/// The file, read once; tests read it too, so that it can be.
fn passed_to_file() -> &'static PassedTo {
    static FILE: OnceLock<PassedTo> = OnceLock::new();
    FILE.get_or_init(|| toml::from_str(SERVICES).unwrap_or_default())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn the_file_of_services_can_be_read() {
        let rows: PassedTo = toml::from_str(SERVICES).unwrap();
        let catalog = crate::catalog::Catalog::embedded();
        for of in rows.service.iter().flat_map(|row| &row.of) {
            let known = match of.split_once('.') {
                Some((service, operation)) => catalog
                    .service(service)
                    .and_then(|service| service.operation(operation))
                    .is_some(),
                None => catalog.service(of).is_some(),
            };
            assert!(known, "{of}");
        }
        for of in rows.member.iter().flat_map(|row| &row.of) {
            assert!(catalog.service(of).is_some(), "{of}");
        }
    }
}
