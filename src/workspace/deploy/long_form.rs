//! A tree as JSON, short forms of intrinsic functions (`!GetAtt`) as their long ones.

use serde_json::{Map, Value as Json, json};

use super::node::{Entry, Node, Value};

/// The value as a template in JSON has it. Numbers and booleans are texts, as CloudFormation takes them.
pub(super) fn json(node: &Node) -> Json {
    match &node.value {
        Value::Null => Json::Null,
        Value::Text(text) => json!(text),
        Value::List(items) => items.iter().map(json).collect(),
        Value::Map(entries) => Json::Object(members(entries)),
        Value::Ref(name) => json!({ "Ref": name }),
        Value::GetAtt(id, attribute) => json!({ "Fn::GetAtt": [id, attribute] }),
        Value::Sub(text, variables) if variables.is_empty() => json!({ "Fn::Sub": text }),
        Value::Sub(text, variables) => json!({ "Fn::Sub": [text, members(variables)] }),
        Value::Join(separator, items) => json!({ "Fn::Join": [separator, json(items)] }),
        Value::If(condition, then, otherwise) => {
            json!({ "Fn::If": [condition, json(then), json(otherwise)] })
        }
        Value::Call(name, argument) => {
            Json::Object([(format!("Fn::{name}"), json(argument))].into_iter().collect())
        }
    }
}

fn members(entries: &[Entry]) -> Map<String, Json> {
    entries
        .iter()
        .map(|entry| (entry.key.clone(), json(&entry.value)))
        .collect()
}
