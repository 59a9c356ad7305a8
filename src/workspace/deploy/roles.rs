//! The roles of a template: `AWS::IAM::Role` and what other resources attach to it.

use std::collections::{BTreeMap, BTreeSet};

use super::branches::{and, branches, items};
use super::function::Declared;
use super::node::{Mark, Node};
use super::reading::Reading;
use super::statements::Source;
use super::template::Resource;
use crate::usage::Gap;
use crate::workspace::model::{Role, RoleStatement};

/// The roles that functions name.
#[derive(Debug, Default)]
pub(crate) struct NamedRoles {
    /// Logical ids.
    pub(crate) ids: BTreeSet<String>,
    /// Whether a function names a role that is not in the template.
    pub(crate) elsewhere: bool,
}

/// Roles by logical id.
pub(crate) type Roles = BTreeMap<String, Role>;

impl Reading<'_> {
    /// The roles that functions name; a role of anything else is none of our business, nor are its gaps.
    pub(crate) fn named_roles(&self, functions: &[Declared<'_>]) -> NamedRoles {
        let mut named = NamedRoles::default();
        for branch in functions.iter().filter_map(Declared::role).flat_map(branches) {
            match self.role_id(branch.node) {
                Some(id) => {
                    named.ids.insert(id);
                }
                None => named.elsewhere = true,
            }
        }
        named
    }

    /// Every role that the template writes out and a function names, without what is attached to it from outside.
    pub(crate) fn written_roles(&mut self, named: &NamedRoles) -> Roles {
        let template = self.template;
        template
            .all()
            .filter(|resource| resource.type_name == "AWS::IAM::Role")
            .filter(|resource| named.ids.contains(&resource.id))
            .map(|resource| (resource.id.clone(), self.written_role(resource)))
            .collect()
    }

    fn written_role(&mut self, resource: &Resource) -> Role {
        let properties = &resource.properties;
        let mut role = self.empty_role(&resource.id, resource.at);
        role.boundary = properties
            .get("PermissionsBoundary")
            .and_then(|node| self.arn(node));
        role.trust = properties
            .get("AssumeRolePolicyDocument")
            .and_then(|document| self.trust(&resource.id, document));
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
            trust: None,
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
    pub(crate) fn attach_policies(&mut self, named: &NamedRoles, roles: &mut Roles) {
        let template = self.template;
        for resource in template.all() {
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
                let Some(role) = self.role_id(target.node) else {
                    if named.elsewhere {
                        self.unresolved_target(target.node);
                    }
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

    /// A policy for a role that may be the one a function of this template names from elsewhere.
    fn unresolved_target(&mut self, node: &Node) {
        let name = self.text(node).unwrap_or_default();
        self.gap(
            Gap::new(
                "unresolved-policy",
                format!("this policy goes to the role `{name}`, which is not defined in this template"),
            )
            .hint("if a function has that role, the policy is not counted for it"),
            node.at,
        );
    }

    /// The logical id of the role that a value names or whose ARN it is.
    pub(crate) fn role_id(&self, node: &Node) -> Option<String> {
        let text = self.text(node)?;
        // A function may have the name of its role.
        let named = self.stack.resources_named(&text);
        let mut roles = named
            .into_iter()
            .filter(|resource| resource.type_name == "AWS::IAM::Role");
        let role = roles.next()?;
        roles.next().is_none().then(|| role.id.clone())
    }
}
