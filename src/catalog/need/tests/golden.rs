//! Operation and inputs → exact grants, from `tests/fixtures/needs/`, written from AWS's documentation.
//!
//! A resource is written as its ARN format with each variable's source in its place: `{TableName}` for an input,
//! `{=default}` for a default, `{?}` for one that no input names. Conditions follow after `if`, reduced to their keys;
//! `(unverified)` stands last.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Deserialize;

use crate::catalog::{Catalog, NeededAction, NeededResource, Source};
use crate::usage::{Inputs, OperationId, ResourceHint};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// The page of AWS's documentation that says so of every case without a page of its own.
    docs: Option<String>,
    case: Vec<Case>,
}

/// One case: `set` names inputs whose value does not matter, `values` those whose value does.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    operation: String,
    /// The page of AWS's documentation that says so.
    docs: Option<String>,
    #[serde(default)]
    set: Vec<String>,
    #[serde(default)]
    values: BTreeMap<String, String>,
    /// `action` alone for `*`, else `action on resource`.
    grants: BTreeSet<String>,
}

#[test]
fn operations_need_exactly_what_the_documentation_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/needs");
    let mut wrong = Vec::new();
    let mut cases = 0;
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    for path in paths {
        let text = std::fs::read_to_string(&path).unwrap();
        let file: File = toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        cases += file.case.len();
        let undocumented = |case: &&Case| !is_documented(case, file.docs.as_deref());
        wrong.extend(file.case.iter().filter(undocumented).map(|case| {
            let name = path.file_name().unwrap_or_default();
            format!(
                "{}: {} has no link to AWS's documentation",
                name.display(),
                case.operation
            )
        }));
        wrong.extend(file.case.iter().filter_map(check));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(cases >= 500, "only {cases} cases");
}

fn is_documented(case: &Case, of_file: Option<&str>) -> bool {
    case.docs
        .as_deref()
        .or(of_file)
        .is_some_and(|docs| docs.starts_with("https://docs.aws.amazon.com/"))
}

fn check(case: &Case) -> Option<String> {
    let operation = OperationId::parse(&case.operation).unwrap();
    let set = case
        .set
        .iter()
        .map(|path| (path.clone(), vec![ResourceHint::unknown("not told here")]));
    let values = case
        .values
        .iter()
        .map(|(path, value)| (path.clone(), vec![ResourceHint::literal(value)]));
    let inputs: Inputs = set.chain(values).collect();
    let Some(need) = Catalog::embedded().need(&operation, &inputs) else {
        return Some(format!("{operation} is not known"));
    };
    let grants: BTreeSet<String> = need.actions.iter().flat_map(grants).collect();
    (grants != case.grants).then(|| {
        let lines = |grants: &BTreeSet<String>, other: &BTreeSet<String>, mark: &str| -> String {
            grants
                .difference(other)
                .map(|grant| format!("\n  {mark} {grant}"))
                .collect()
        };
        format!(
            "{operation} with {:?}{:?}{}{}",
            case.set,
            case.values,
            lines(&case.grants, &grants, "missing"),
            lines(&grants, &case.grants, "too many")
        )
    })
}

fn grants(needed: &NeededAction) -> Vec<String> {
    let keys: Vec<&str> = needed
        .conditions
        .values()
        .flat_map(|keys| keys.keys())
        .map(String::as_str)
        .collect();
    let mut condition = match keys.as_slice() {
        [] => String::new(),
        keys => format!(" if {}", keys.join(" and ")),
    };
    if needed.unverified.is_some() {
        condition.push_str(" (unverified)");
    }
    if needed.resources.is_empty() {
        return vec![format!("{}{condition}", needed.action)];
    }
    needed
        .resources
        .iter()
        .map(|resource| format!("{} on {}{condition}", needed.action, written(resource)))
        .collect()
}

/// The ARN without its fixed opening, with sources in place of variables.
pub(super) fn written(resource: &NeededResource) -> String {
    let mut text = resource.format.replace("arn:${Partition}:", "");
    text = text.replace("${Region}:${Account}:", "");
    for (name, source) in &resource.variables {
        let source = match source {
            Source::Input { path, .. } => format!("{{{path}}}"),
            Source::Default(default) => format!("{{={default}}}"),
            Source::Unknown => "{?}".to_owned(),
        };
        text = text.replace(&format!("${{{name}}}"), &source);
    }
    text
}
