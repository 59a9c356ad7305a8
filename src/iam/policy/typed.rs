//! JSON values in the forms that IAM takes: objects whose keys stand once, a string or a list of them.

use std::collections::BTreeSet;

use super::error::{EMPTY_LIST, PolicyError, Position, Problem};
use super::json::{Json, JsonValue, Member};

/// An item of a list: its path, where it stands, and its text.
pub(super) type Item = (String, Position, String);

pub(super) fn non_empty((list, at): (Vec<Item>, Position), path: &str) -> Result<Vec<Item>, PolicyError> {
    match list.is_empty() {
        true => Err(error(path, at, Problem::Invalid(EMPTY_LIST))),
        false => Ok(list),
    }
}

pub(super) fn error(path: &str, at: Position, problem: Problem) -> PolicyError {
    PolicyError {
        path: path.to_owned(),
        at,
        problem,
    }
}

pub(super) fn object(json: Json, path: &str, expected: &'static str) -> Result<Vec<Member>, PolicyError> {
    let JsonValue::Object(members) = json.value else {
        return Err(wrong_type(&json, path, expected));
    };
    let mut seen = BTreeSet::new();
    match members.iter().find(|member| !seen.insert(member.key.as_str())) {
        Some(member) => Err(error(
            path,
            member.key_at,
            Problem::DuplicateKey(member.key.clone()),
        )),
        None => Ok(members),
    }
}

/// A string, or a list of them.
pub(super) fn texts(json: Json, path: &str) -> Result<(Vec<Item>, Position), PolicyError> {
    let at = json.at;
    Ok((list_of(json, path, text)?, at))
}

/// A string, or a list of them; numbers and booleans count as their spelling, as IAM does in conditions.
pub(super) fn strings(json: Json, path: &str) -> Result<Vec<Item>, PolicyError> {
    list_of(json, path, string)
}

fn list_of(
    json: Json,
    path: &str,
    read: fn(Json, &str) -> Result<String, PolicyError>,
) -> Result<Vec<Item>, PolicyError> {
    match json {
        Json {
            value: JsonValue::Array(items),
            ..
        } => items
            .into_iter()
            .enumerate()
            .map(|(index, item)| {
                let (path, at) = (format!("{path}[{index}]"), item.at);
                let text = read(item, &path)?;
                Ok((path, at, text))
            })
            .collect(),
        one => {
            let at = one.at;
            Ok(vec![(path.to_owned(), at, read(one, path)?)])
        }
    }
}

pub(super) fn text(json: Json, path: &str) -> Result<String, PolicyError> {
    match json.value {
        JsonValue::String(text) => Ok(text),
        _ => Err(wrong_type(&json, path, "a string")),
    }
}

fn string(json: Json, path: &str) -> Result<String, PolicyError> {
    match json.value {
        JsonValue::Number(text) => Ok(text),
        JsonValue::Bool(value) => Ok(value.to_string()),
        _ => text(json, path),
    }
}

pub(super) fn wrong_type(found: &Json, path: &str, expected: &'static str) -> PolicyError {
    error(
        path,
        found.at,
        Problem::Type {
            expected,
            found: found.kind(),
        },
    )
}
