//! The roles of a template: `AWS::IAM::Role` and what other resources attach to it.

use std::collections::BTreeMap;

use super::branches::{and, items};
use super::node::{Mark, Node};
use super::reading::Reading;
use super::statements::Source;
use super::template::Resource;
use crate::usage::Gap;
use crate::workspace::model::{Role, RoleStatement};

/// Roles by logical id.
pub(crate) type Roles = BTreeMap<String, Role>;

impl Reading<'_> {
    /// Every role that the template writes out, without what is attached to it from outside.
    pub(crate) fn written_roles(&mut self) -> Roles {
        let template = self.template;
        template
            .of_type("AWS::IAM::Role")
            .map(|resource| (resource.id.clone(), self.written_role(resource)))
            .collect()
    }

    fn written_role(&mut self, resource: &Resource) -> Role {
        let properties = &resource.properties;
        let mut role = self.empty_role(&resource.id, resource.at);
        role.boundary = properties
            .get("PermissionsBoundary")
            .and_then(|node| self.arn(node));
        for item in properties.get("Policies").map(items).unwrap_or_default() {
            let name = item
                .node
                .get("PolicyName")
                .and_then(|name| self.text(name))
                .unwrap_or_else(|| resource.id.clone());
            let source = Source::inline(name, item.condition);
            role.statements.extend(self.inline_document(item.node, &source));
        }
        let managed = properties.get("ManagedPolicyArns");
        for item in managed.map(items).unwrap_or_default() {
            role.statements
                .extend(self.managed_policy(item.node, item.condition));
        }
        role
    }

    /// A role without statements.
    pub(crate) fn empty_role(&self, id: &str, at: Mark) -> Role {
        Role {
            id: id.to_owned(),
            origin: self.template.file.clone(),
            location: self.location(at),
            shared_with: Vec::new(),
            statements: Vec::new(),
            boundary: None,
        }
    }

    /// The statements of the `PolicyDocument` in a policy.
    fn inline_document(&mut self, policy: &Node, source: &Source) -> Vec<RoleStatement> {
        match policy.get("PolicyDocument") {
            Some(document) => self.document(document, source),
            None => {
                self.gap(
                    Gap::new(
                        "unreadable-policy",
                        "this policy has no `PolicyDocument` that can be read",
                    ),
                    policy.at,
                );
                Vec::new()
            }
        }
    }

    /// Adds the policies that other resources attach: `AWS::IAM::Policy`, `::ManagedPolicy` and `::RolePolicy`.
    pub(crate) fn attach_policies(&mut self, roles: &mut Roles) {
        let template = self.template;
        for resource in &template.resources {
            let (kind, targets) = match resource.type_name.as_str() {
                "AWS::IAM::Policy" => ("inline", resource.properties.get("Roles")),
                "AWS::IAM::ManagedPolicy" => ("managed-policy", resource.properties.get("Roles")),
                "AWS::IAM::RolePolicy" => ("inline", resource.properties.get("RoleName")),
                _ => continue,
            };
            let Some(targets) = targets else { continue };
            let name = resource
                .properties
                .get("PolicyName")
                .and_then(|name| self.text(name))
                .unwrap_or_else(|| resource.id.clone());
            for target in items(targets) {
                let Some(role) = self.role_named(target.node) else {
                    continue;
                };
                let own_condition = self.role_condition(&role);
                let Some(role) = roles.get_mut(&role) else {
                    continue;
                };
                // What always comes with the role is not conditional for it.
                let condition = resource.condition().filter(|name| Some(*name) != own_condition);
                let condition = and(condition, target.condition.as_deref());
                let source = Source {
                    kind,
                    name: name.clone(),
                    injected_by: None,
                    condition,
                };
                role.statements
                    .extend(self.inline_document(&resource.properties, &source));
            }
        }
    }

    /// The condition of a role, or of the function that SAM makes it for.
    fn role_condition(&self, role: &str) -> Option<&str> {
        let template = self.template;
        let owner = template
            .resource(role)
            .or_else(|| template.resource(role.strip_suffix("Role")?))?;
        owner.condition()
    }

    /// The logical id of the role that a value names or whose ARN it is; a gap when it cannot be told.
    pub(crate) fn role_named(&mut self, node: &Node) -> Option<String> {
        let text = self.text(node)?;
        if let Some(resource) = self.stack.resource_named(&text)
            && resource.type_name == "AWS::IAM::Role"
        {
            return Some(resource.id.clone());
        }
        if text.contains("${") {
            self.gap(
                Gap::new(
                    "role-not-in-stack",
                    format!("the role `{text}` is not defined in this template"),
                )
                .hint("give its policies as a dump of the account, or compare with the live role (`--current aws`)"),
                node.at,
            );
        }
        None
    }
}
