//! Managed policies that a role names: AWS's by name or ARN, the stack's own by `Ref`.

use super::branches::and;
use super::node::Node;
use super::reading::Reading;
use super::statements::{INJECTED_BY, Source};
use super::text::only_symbol;
use crate::iam::policy::Policy;
use crate::usage::Gap;
use crate::workspace::model::RoleStatement;

impl Reading<'_> {
    /// The statements of the managed policy a value names: an ARN, a bare name (as SAM takes it), or a `Ref` of one.
    pub(crate) fn managed_policy(&mut self, node: &Node, condition: Option<String>) -> Vec<RoleStatement> {
        if let (Some(name), Some(because)) = (
            node.get("ManagedPolicy").and_then(Node::as_text),
            node.get(INJECTED_BY).and_then(Node::as_text),
        ) {
            let source = Source::inline(name, condition).injected(because);
            return self.aws_managed_policy(name, &source, node.at);
        }
        let Some(reference) = self.text(node) else {
            self.unresolved_policy(node, "it is neither a name nor an ARN");
            return Vec::new();
        };
        if let Some(symbol) = only_symbol(&reference) {
            let named = self.stack.resource_named(&reference);
            let id = match named {
                Some(resource) => resource.id.clone(),
                None if self.template.parameters.contains_key(symbol) => symbol.to_owned(),
                None => symbol.split_once('.').map_or(symbol, |(id, _)| id).to_owned(),
            };
            return self.own_managed_policy(node, &id, condition);
        }
        if let Some(resource) = self.stack.resource_named(&reference)
            && resource.type_name == "AWS::IAM::ManagedPolicy"
        {
            let id = resource.id.clone();
            return self.own_managed_policy(node, &id, condition);
        }
        let Some(name) = aws_policy_name(&reference) else {
            self.unresolved_policy(node, "it is not defined in this template");
            return Vec::new();
        };
        let source = Source {
            kind: "managed-policy",
            name: name.to_owned(),
            injected_by: None,
            condition,
        };
        self.aws_managed_policy(name, &source, node.at)
    }

    /// The statements of a managed policy of AWS, or a gap.
    pub(crate) fn aws_managed_policy(
        &mut self,
        name: &str,
        source: &Source,
        at: super::node::Mark,
    ) -> Vec<RoleStatement> {
        let Some(document) = (self.managed)(name) else {
            self.gap(
                Gap::new(
                    "unknown-managed-policy",
                    format!("the managed policy `{name}` is not known, so what it grants is not counted"),
                )
                .hint("check the name, or give newer data with `--managed-policies FILE`"),
                at,
            );
            return Vec::new();
        };
        match Policy::from_json(&document) {
            Ok(policy) => policy
                .statements
                .into_iter()
                .map(|statement| RoleStatement {
                    statement,
                    origin: self.origin(source, at),
                })
                .collect(),
            Err(error) => {
                self.gap(
                    Gap::new(
                        "unreadable-policy",
                        format!("the managed policy `{name}` cannot be read: {error}"),
                    ),
                    at,
                );
                Vec::new()
            }
        }
    }

    /// A managed policy of the same template. The line to edit is in its own document.
    fn own_managed_policy(&mut self, node: &Node, id: &str, condition: Option<String>) -> Vec<RoleStatement> {
        let template = self.template;
        let policy = template
            .resource(id)
            .filter(|resource| resource.type_name == "AWS::IAM::ManagedPolicy");
        let Some(policy) = policy else {
            let why = match template.parameters.get(id) {
                Some(Some(default)) => {
                    format!("it is the parameter `{id}` (default `{default}`)")
                }
                Some(None) => format!("it is the parameter `{id}`"),
                None if self.template.kind == "terraform" => {
                    let text = self.text(node).unwrap_or_default();
                    format!("`{text}` cannot be told from the files")
                }
                None => format!("`{id}` is no managed policy of this template"),
            };
            self.unresolved_policy(node, &why);
            return Vec::new();
        };
        let condition = and(condition.as_deref(), policy.condition());
        let Some(document) = policy.properties.get("PolicyDocument") else {
            self.unresolved_policy(node, &format!("`{id}` has no `PolicyDocument`"));
            return Vec::new();
        };
        let source = Source {
            kind: "managed-policy",
            name: id.to_owned(),
            injected_by: None,
            condition,
        };
        self.document(document, &source)
    }

    fn unresolved_policy(&mut self, node: &Node, why: &str) {
        self.gap(
            Gap::new(
                "unresolved-policy",
                format!("what this policy grants is not known: {why}"),
            )
            .hint("the role may grant more than is counted here; compare with the live role (`--current aws`) to be sure"),
            node.at,
        );
    }
}

/// The name of a managed policy of AWS: from its ARN, or the bare name itself. `None` for a customer's policy.
fn aws_policy_name(reference: &str) -> Option<&str> {
    if !reference.starts_with("arn:") {
        return (!reference.contains(['$', ':'])).then_some(reference);
    }
    let (_, path) = reference.split_once(":iam::aws:policy/")?;
    path.rsplit('/').next()
}
