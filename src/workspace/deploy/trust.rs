//! Who may assume a role: `AssumeRolePolicyDocument` → a trust policy.

use serde_json::{Map, Value as Json, json};

use super::branches::variants;
use super::node::{Mark, Node, Value};
use super::reading::Reading;
use crate::iam::policy::{Policy, PolicyKind};
use crate::usage::Gap;
use crate::workspace::model::RoleTrust;

impl Reading<'_> {
    /// The trust policy of a role. Where parts of it depend on conditions, everything counts that any of them lets in.
    pub(crate) fn trust(&mut self, role: &str, document: &Node) -> Option<RoleTrust> {
        let empty = matches!(&document.value, Value::Map(entries) if entries.is_empty());
        if empty || self.text(document).is_some_and(|text| text.trim() == "{}") {
            return None;
        }
        let Some(variants) = variants(document) else {
            self.bad_trust(role, "it has too many conditions", document.at);
            return None;
        };
        let mut whole: Option<Policy> = None;
        for (_, variant) in &variants {
            match Policy::read(&self.trust_text(variant), PolicyKind::Trust) {
                Ok(policy) => match &mut whole {
                    Some(whole) => whole.statements.extend(policy.statements),
                    None => whole = Some(policy),
                },
                Err(error) => {
                    self.bad_trust(role, &error.to_string(), document.at);
                    return None;
                }
            }
        }
        let mut policy = whole?;
        policy.statements.sort();
        policy.statements.dedup();
        Some(RoleTrust {
            policy,
            location: self.location(document.at),
        })
    }

    fn bad_trust(&mut self, role: &str, why: &str, at: Mark) {
        let message = format!("who may assume `{role}` cannot be told: {why}");
        self.gap(
            Gap::new("unreadable-trust-policy", message)
                .hint("write `AssumeRolePolicyDocument` out as a policy document"),
            at,
        );
    }

    /// The document as JSON. The suffix of AWS's own domain is that of the commercial regions, as it names the same
    /// services in every partition.
    fn trust_text(&self, document: &Node) -> String {
        let written = match self.text(document) {
            Some(text) => text,
            None => self.json(document).to_string(),
        };
        written.replace("${AWS::URLSuffix}", "amazonaws.com")
    }

    /// A document as JSON, every mention of a resource as its symbolic ARN.
    pub(super) fn json(&self, node: &Node) -> Json {
        match &node.value {
            Value::Map(entries) => Json::Object(
                entries
                    .iter()
                    .map(|entry| (entry.key.clone(), self.json(&entry.value)))
                    .collect::<Map<_, _>>(),
            ),
            Value::List(items) => items.iter().map(|item| self.json(item)).collect(),
            _ => match self.text(node) {
                Some(text) => Json::String(self.stack.normalise_arn(&text)),
                None => json!(null),
            },
        }
    }
}
