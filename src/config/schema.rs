//! The JSON schema of `rolefit.toml`, for editors.

use serde_json::{Map, Value, json};

use super::keys::{Form, Key, LEVELS, SECTIONS, Section};
use crate::gate::rules;

/// The schema: what each key is for, what its values look like, and that nothing else may stand there.
pub fn schema() -> Value {
    let mut properties = Map::new();
    let version = json!({ "const": 1, "description": "The version of this file's format." });
    properties.insert("version".to_owned(), version);
    for section in SECTIONS {
        properties.insert(section.name.to_owned(), section_schema(section));
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "rolefit.toml",
        "description": "What a team states about its functions.",
        "type": "object",
        "properties": properties,
        "required": ["version"],
        "additionalProperties": false,
    })
}

fn section_schema(section: &Section) -> Value {
    let properties: Map<String, Value> = section
        .keys
        .iter()
        .map(|key| (key.name.to_owned(), key_schema(key)))
        .collect();
    let required: Vec<&str> = section
        .keys
        .iter()
        .filter(|key| key.required)
        .map(|key| key.name)
        .collect();
    let table = json!({
        "type": "object",
        "description": section.doc,
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    });
    match section.repeated {
        true => json!({ "type": "array", "description": section.doc, "items": table }),
        false => table,
    }
}

fn key_schema(key: &Key) -> Value {
    let mut schema = match key.form {
        Form::Flag => json!({ "type": "boolean", "default": false }),
        Form::Count => json!({ "type": "integer", "minimum": 0 }),
        Form::Text => json!({ "type": "string", "minLength": 1 }),
        Form::AnyText => json!({ "type": "string" }),
        Form::Texts => json!({ "type": "array", "items": { "type": "string", "minLength": 1 } }),
        Form::TextTable => json!({ "type": "object", "additionalProperties": { "type": "string" } }),
        Form::Days => json!({ "type": "string", "pattern": "^[0-9]+[dw]$" }),
        // Editors take a TOML date for a text.
        Form::Date => json!({ "type": "string", "format": "date" }),
        Form::Choice(words) => json!({ "enum": words }),
        Form::Choices(words) => json!({ "type": "array", "items": { "enum": words } }),
        Form::Rule => json!({ "enum": ids() }),
        Form::RuleGlobs => {
            json!({ "type": "array", "items": { "type": "string", "pattern": "^!?[A-Z0-9]+\\*?$" } })
        }
        Form::RuleLevels => json!({
            "type": "object",
            "propertyNames": { "enum": ids() },
            "additionalProperties": { "enum": LEVELS },
        }),
        Form::Account => json!({ "type": "string", "pattern": "^[0-9]{12}$" }),
        Form::Operation => json!({ "type": "string", "pattern": "^[a-z0-9]+\\.[A-Za-z0-9]+$" }),
    };
    if let Some(members) = schema.as_object_mut() {
        members.insert("description".to_owned(), json!(key.doc));
    }
    schema
}

fn ids() -> Vec<&'static str> {
    rules::RULES.iter().map(|rule| rule.id).collect()
}
