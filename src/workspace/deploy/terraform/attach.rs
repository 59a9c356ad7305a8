//! What Terraform attaches to roles in its own way, and statements that rest on what cannot be told.

use super::super::branches::{and, items};
use super::super::node::Node;
use super::super::reading::Reading;
use super::super::roles::{NamedRoles, Roles};
use super::lower::{ATTACHMENT, EXCLUSIVE};
use crate::iam::arn::ArnPattern;
use crate::iam::policy::Resources;
use crate::usage::Gap;
use crate::workspace::model::{Function, Role, RoleStatement};

impl Reading<'_> {
    /// Adds attached policies to the roles, takes away what exclusive lists take away, and notes what is not known.
    pub(in super::super) fn attach_terraform(&mut self, named: &NamedRoles, roles: &mut Roles) {
        if self.template.kind != "terraform" {
            return;
        }
        let template = self.template;
        for resource in template.of_type(ATTACHMENT) {
            let of = |key: &str| resource.properties.get(key).map(items).unwrap_or_default();
            for target in of("Roles") {
                let Some(id) = self.role_id(target.node) else {
                    if named.elsewhere {
                        self.unresolved_attachment(target.node);
                    }
                    continue;
                };
                if !roles.contains_key(&id) {
                    continue;
                }
                let mut statements = Vec::new();
                for policy in of("PolicyArns") {
                    let condition = and(resource.condition(), target.condition.as_deref());
                    let condition = and(condition.as_deref(), policy.condition.as_deref());
                    statements.extend(self.managed_policy(policy.node, condition));
                }
                if let Some(role) = roles.get_mut(&id) {
                    role.statements.extend(statements);
                }
            }
        }
        for resource in template.of_type(EXCLUSIVE) {
            let of = |key: &str| resource.properties.get(key).map(items).unwrap_or_default();
            let texts: Option<Vec<String>> = of("PolicyNames")
                .iter()
                .map(|item| self.text(item.node))
                .collect();
            let Some(names) = texts else { continue };
            // A list that is not known takes nothing away.
            if names.iter().any(|name| name.contains("${!")) {
                continue;
            }
            for target in of("Roles") {
                let role = self.role_id(target.node).and_then(|id| roles.get_mut(&id));
                if let Some(role) = role {
                    role.statements
                        .retain(|kept| kept.origin.kind != "inline" || names.contains(&kept.origin.name));
                }
            }
        }
        for role in roles.values_mut() {
            once_each(role);
            self.note_unknown(role);
        }
    }

    fn unresolved_attachment(&mut self, node: &Node) {
        let name = self.text(node).unwrap_or_default();
        let message =
            format!("this policy is attached to the role `{name}`, which is not defined in this module");
        let gap = Gap::new("unresolved-policy", message)
            .hint("if a function has that role, the policy is not counted for it");
        self.gap(gap, node.at);
    }

    /// A gap for each statement that names something no reader can tell.
    fn note_unknown(&mut self, role: &Role) {
        for statement in &role.statements {
            let text = statement.statement.to_json().to_string();
            let Some((_, rest)) = text.split_once("${!") else {
                continue;
            };
            let what = rest.split('}').next().unwrap_or_default();
            let message = format!(
                "a statement of `{}` depends on `{what}`, which cannot be told from the files",
                role.id
            );
            let gap = Gap::new("opaque-expression", message)
                .hint("what it grants is only compared with the same expression; a plan (`terraform show -json`) tells it")
                .at(statement.origin.location.clone());
            if !self.gaps.contains(&gap) {
                self.gaps.push(gap);
            }
        }
    }
}

/// Spells the log group of a function by its name in the function's role: Lambda writes to the group of that name, so that
/// is how the need for it is spelled, too.
pub(in super::super) fn name_log_groups(functions: &mut [Function]) {
    for function in functions {
        let settings = &function.runtime_settings;
        let (Some(group), Some(role)) = (&settings.log_group_in_stack, &mut function.role) else {
            continue;
        };
        let name = match &settings.log_group {
            Some((name, _)) => name.clone(),
            None => format!("/aws/lambda/{}", function.deployed_name),
        };
        let symbol = format!(":log-group:${{{group}}}");
        let named = format!(":log-group:{name}");
        for statement in &mut role.statements {
            let (Resources::Only(resources) | Resources::AllExcept(resources)) =
                &mut statement.statement.resources;
            for resource in resources {
                if resource.as_str().contains(&symbol) {
                    *resource = ArnPattern::new(resource.as_str().replace(&symbol, &named));
                }
            }
        }
    }
}

/// States list an attached policy twice: at the role and by itself.
fn once_each(role: &mut Role) {
    let mut seen: Vec<RoleStatement> = Vec::new();
    for statement in role.statements.drain(..) {
        let same = |known: &RoleStatement| {
            known.statement == statement.statement
                && known.origin.kind == statement.origin.kind
                && known.origin.name == statement.origin.name
        };
        if !seen.iter().any(same) {
            seen.push(statement);
        }
    }
    role.statements = seen;
}
