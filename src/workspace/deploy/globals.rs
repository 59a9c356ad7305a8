//! SAM's `Globals`: maps merge with the resource's own values winning, lists are joined, anything else is replaced.
//!
//! <https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-specification-template-anatomy-globals.html>

use super::node::{Node, Value};
use super::template::{Resource, Template};

/// A function's properties with those of `Globals.Function`.
pub(crate) fn merged_properties(template: &Template, resource: &Resource) -> Node {
    let global = template
        .globals
        .as_ref()
        .filter(|_| resource.type_name == "AWS::Serverless::Function")
        .and_then(|globals| globals.get("Function"));
    match global {
        Some(global) => merge(global, &resource.properties, ""),
        None => resource.properties.clone(),
    }
}

fn merge(global: &Node, own: &Node, path: &str) -> Node {
    match (&global.value, &own.value) {
        (Value::Map(_), Value::Map(_)) => merge_maps(global, own, path),
        // Architectures are the one list that is replaced.
        (Value::List(global), Value::List(items)) if path != "Architectures" => {
            Node::new(Value::List(global.iter().chain(items).cloned().collect()), own.at)
        }
        _ => own.clone(),
    }
}

fn merge_maps(global: &Node, own: &Node, path: &str) -> Node {
    let mut entries = global.entries().to_vec();
    for entry in own.entries() {
        let path = if path.is_empty() {
            entry.key.clone()
        } else {
            format!("{path}.{}", entry.key)
        };
        match entries.iter_mut().find(|known| known.key == entry.key) {
            Some(known) => {
                known.value = merge(&known.value, &entry.value, &path);
                known.key_at = entry.key_at;
            }
            None => entries.push(entry.clone()),
        }
    }
    Node::new(Value::Map(entries), own.at)
}
