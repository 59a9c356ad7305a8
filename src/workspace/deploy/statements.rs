//! Policy documents inside stack templates → statements with symbolic ARNs, each with the line to edit.

use super::branches::{Branch, and, branches, items, never, variants};
use super::node::{Entry, Mark, Node, Value};
use super::reading::Reading;
use super::text::text;
use crate::iam::action::ActionPattern;
use crate::iam::arn::ArnPattern;
use crate::iam::policy::{Actions, Conditions, Effect, Policy, Resources, Statement};
use crate::usage::Gap;
use crate::workspace::model::{GrantOrigin, RoleStatement};

/// Where statements come from, but for the line, which each statement has itself.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub(crate) kind: &'static str,
    pub(crate) name: String,
    pub(crate) injected_by: Option<String>,
    pub(crate) condition: Option<String>,
}

impl Source {
    /// A policy that the template writes out.
    pub(crate) fn inline(name: impl Into<String>, condition: Option<String>) -> Self {
        Self {
            kind: "inline",
            name: name.into(),
            injected_by: None,
            condition,
        }
    }
}

/// Key in a statement, or a managed policy, that the Serverless Framework adds by itself: what makes it do so.
pub(super) const INJECTED_BY: &str = "rolefit: injected by";

impl Source {
    /// The same for what is added because of a property.
    pub(crate) fn injected(self, because: &str) -> Self {
        Self {
            kind: "serverless-injected",
            injected_by: Some(because.to_owned()),
            ..self
        }
    }
}

impl Reading<'_> {
    /// The statements of a policy document.
    pub(crate) fn document(&mut self, document: &Node, source: &Source) -> Vec<RoleStatement> {
        let mut statements = Vec::new();
        for branch in branches(document) {
            let Some(list) = branch.node.get("Statement") else {
                let source = Source {
                    condition: and(source.condition.as_deref(), branch.condition.as_deref()),
                    ..source.clone()
                };
                statements.extend(self.document_as_text(branch.node, &source));
                continue;
            };
            for item in items(list) {
                let condition = and(branch.condition.as_deref(), item.condition.as_deref());
                let source = Source {
                    condition: and(source.condition.as_deref(), condition.as_deref()),
                    ..source.clone()
                };
                statements.extend(self.statement(item.node, &source));
            }
        }
        statements
    }

    /// A document that is written as JSON in a text.
    fn document_as_text(&mut self, node: &Node, source: &Source) -> Vec<RoleStatement> {
        let Some(json) = self.text(node).filter(|text| text.trim_start().starts_with('{')) else {
            self.bad_document(node, "it has no `Statement`");
            return Vec::new();
        };
        match Policy::from_json(&json) {
            Ok(policy) => policy
                .statements
                .into_iter()
                .map(|statement| RoleStatement {
                    statement: self.normalised(statement),
                    origin: self.origin(source, node.at),
                })
                .collect(),
            Err(error) => {
                self.bad_document(node, &error.to_string());
                Vec::new()
            }
        }
    }

    fn bad_document(&mut self, node: &Node, why: &str) {
        self.gap(
            Gap::new(
                "unreadable-policy",
                format!("this policy document cannot be read: {why}"),
            )
            .hint("what it grants is not counted; write it as a policy document"),
            node.at,
        );
    }

    /// A statement; several where parts of it depend on conditions.
    fn statement(&mut self, node: &Node, source: &Source) -> Vec<RoleStatement> {
        if !matches!(node.value, Value::Map(_)) {
            self.bad_document(node, "a statement is not a map");
            return Vec::new();
        }
        // Conditions on actions and resources only split those lists; anywhere else they change the whole statement.
        let frame: Vec<_> = node
            .entries()
            .iter()
            .filter(|entry| !matches!(entry.key.as_str(), "Action" | "Resource"))
            .cloned()
            .collect();
        let frame = Node::new(Value::Map(frame), node.at);
        let Some(frames) = variants(&frame) else {
            self.bad_document(node, "too many conditions in one statement");
            return Vec::new();
        };
        let mut found = Vec::new();
        for (condition, frame) in frames {
            let mut source = Source {
                condition: and(source.condition.as_deref(), condition.as_deref()),
                ..source.clone()
            };
            if let Some(because) = frame.get(INJECTED_BY).and_then(Node::as_text) {
                source = source.injected(because);
            }
            found.extend(self.framed_statement(node, &frame, &source));
        }
        found
    }

    /// A statement of whose elements only `Action` and `Resource` may still depend on conditions.
    fn framed_statement(&mut self, node: &Node, frame: &Node, source: &Source) -> Vec<RoleStatement> {
        let Some(effect) = self.effect(frame) else {
            return Vec::new();
        };
        let sid = frame.get("Sid").and_then(|sid| text(self.template, sid));
        let conditions = self.conditions(frame.get("Condition"));
        let Some(actions) = self.one_of(node, frame, "Action", "NotAction") else {
            return Vec::new();
        };
        let Some(resources) = self.one_of(node, frame, "Resource", "NotResource") else {
            return Vec::new();
        };
        let mut found = Vec::new();
        for (action_condition, action) in &actions.groups {
            for (resource_condition, resource) in &resources.groups {
                let condition = and(action_condition.as_deref(), resource_condition.as_deref());
                let condition = and(source.condition.as_deref(), condition.as_deref());
                if never(condition.as_deref()) {
                    continue;
                }
                let patterns = action.iter().map(ActionPattern::new).collect();
                let arns = resource
                    .iter()
                    .map(|arn| ArnPattern::new(self.stack.normalise_arn(arn)))
                    .collect();
                found.push(RoleStatement {
                    statement: Statement {
                        sid: sid.clone(),
                        effect,
                        principals: None,
                        actions: if actions.negated {
                            Actions::AllExcept(patterns)
                        } else {
                            Actions::Only(patterns)
                        },
                        resources: if resources.negated {
                            Resources::AllExcept(arns)
                        } else {
                            Resources::Only(arns)
                        },
                        conditions: conditions.clone(),
                    },
                    origin: self.origin(
                        &Source {
                            condition,
                            ..source.clone()
                        },
                        node.at,
                    ),
                });
            }
        }
        found
    }

    fn effect(&mut self, frame: &Node) -> Option<Effect> {
        match frame.get("Effect").and_then(Node::as_text) {
            Some("Allow") => Some(Effect::Allow),
            Some("Deny") => Some(Effect::Deny),
            _ => {
                self.bad_document(frame, "a statement's `Effect` is not `Allow` or `Deny`");
                None
            }
        }
    }

    /// The values of one of two keys that exclude each other, grouped by condition.
    fn one_of(&mut self, node: &Node, frame: &Node, plain: &str, negated: &str) -> Option<Listed> {
        let (values, is_negated) = match (node.get(plain), frame.get(negated)) {
            (Some(values), None) => (values, false),
            (None, Some(values)) => (values, true),
            _ => {
                self.bad_document(
                    node,
                    &format!("a statement has exactly one of `{plain}` and `{negated}`"),
                );
                return None;
            }
        };
        let mut groups: Vec<(Option<String>, Vec<String>)> = Vec::new();
        for Branch { condition, node } in items(values) {
            let Some(value) = text(self.template, node) else {
                self.bad_document(node, "a list holds something that is not a text");
                continue;
            };
            match groups.iter_mut().find(|(known, _)| *known == condition) {
                Some((_, list)) => list.push(value),
                None => groups.push((condition, vec![value])),
            }
        }
        Some(Listed {
            negated: is_negated,
            groups,
        })
    }

    /// The conditions of a statement. What cannot be read is a gap: without it the statement seems to say more.
    fn conditions(&mut self, node: Option<&Node>) -> Conditions {
        let mut conditions = Conditions::new();
        for operator in node.map(|node| self.map_of(node)).unwrap_or(&[]) {
            let keys = conditions.entry(operator.key.clone()).or_default();
            for key in self.map_of(&operator.value) {
                let mut values = Vec::new();
                for value in key.value.items() {
                    match self.text(value) {
                        Some(text) => values.push(self.stack.normalise_arn(&text)),
                        None => self.bad_document(value, "the value of a condition is not a text"),
                    }
                }
                keys.insert(key.key.clone(), values);
            }
        }
        conditions
    }

    /// The entries of a map; a gap for anything else.
    fn map_of<'n>(&mut self, node: &'n Node) -> &'n [Entry] {
        if !matches!(node.value, Value::Map(_)) {
            self.bad_document(node, "a condition is not written out as a map");
        }
        node.entries()
    }

    /// The origin of a statement at a line.
    pub(crate) fn origin(&self, source: &Source, at: Mark) -> GrantOrigin {
        GrantOrigin {
            kind: source.kind,
            name: source.name.clone(),
            location: self.template.location(at),
            injected_by: source.injected_by.clone(),
            condition: source.condition.clone(),
        }
    }
}

/// The values of `Action` or `Resource`, grouped by the condition under which they stand.
struct Listed {
    negated: bool,
    groups: Vec<(Option<String>, Vec<String>)>,
}
