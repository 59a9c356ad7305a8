//! Operation and values → exact ARNs, from `tests/fixtures/arns/`, written from AWS's documentation.
//!
//! An expected line is an action and the resource that it is granted on. The opening `arn:${AWS::Partition}:` is left
//! out of a resource, and so are `${AWS::Region}:${AWS::AccountId}:`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Deserialize;

use super::Surroundings;
use super::expand::expand;
use crate::catalog::Catalog;
use crate::usage::{Because, BecauseKind, Confidence, Inputs, Location, OperationId, ResourceHint, Usage};
use crate::workspace::model::{CodeClue, Function, RuntimeSettings};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    case: Vec<Case>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    operation: String,
    /// The page of AWS's documentation that says so.
    docs: String,
    /// Inputs and the values that they take in the code.
    values: BTreeMap<String, Vec<String>>,
    arns: BTreeSet<String>,
}

#[test]
fn values_name_exactly_the_resources_that_the_documentation_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/arns");
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    let mut cases = Vec::new();
    for path in paths {
        let text = std::fs::read_to_string(&path).unwrap();
        let file: File = toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        cases.extend(file.case);
    }
    let wrong: Vec<String> = cases.iter().filter_map(check).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(cases.len() >= 60, "only {} cases", cases.len());
}

fn check(case: &Case) -> Option<String> {
    if !case.docs.starts_with("https://docs.aws.amazon.com/") {
        return Some(format!("{} has no link to AWS's documentation", case.operation));
    }
    let inputs: Inputs = case
        .values
        .iter()
        .map(|(path, values)| (path.clone(), values.iter().map(ResourceHint::literal).collect()))
        .collect();
    let usage = Usage {
        operation: OperationId::parse(&case.operation).unwrap(),
        inputs,
        arns: Vec::new(),
        via_service: None,
        confidence: Confidence::High,
        because: Because {
            kind: BecauseKind::Code,
            operation: None,
            location: None,
            note: String::new(),
        },
    };
    let function = function();
    let around = Surroundings {
        function: &function,
        stack: None,
        templates: crate::catalog::template::templates(),
    };
    let (grants, _) = expand(Catalog::embedded(), around, &usage);
    let found: BTreeSet<String> = grants
        .iter()
        .map(|grant| format!("{} {}", grant.action, short(grant.resource.as_str())))
        .collect();
    (found != case.arns).then(|| {
        let lines = |ours: &BTreeSet<String>, other: &BTreeSet<String>, mark: &str| -> String {
            let odd = ours.difference(other);
            odd.map(|line| format!("\n  {mark} {line}")).collect()
        };
        format!(
            "{} with {:?}{}{}",
            case.operation,
            case.values,
            lines(&case.arns, &found, "missing"),
            lines(&found, &case.arns, "too many")
        )
    })
}

fn short(arn: &str) -> String {
    arn.replace("arn:${AWS::Partition}:", "")
        .replace("${AWS::Region}:${AWS::AccountId}:", "")
}

/// A function of which nothing is known.
fn function() -> Function {
    Function {
        name: "f".to_owned(),
        full_name: None,
        deployed_name: "f".to_owned(),
        binary: None,
        linked_by: None,
        link_confidence: Confidence::High,
        stack: None,
        location: Location::new("src/main.rs", 1, 1),
        runtime: None,
        may_be_rust: true,
        env: BTreeMap::new(),
        triggers: Vec::new(),
        runtime_settings: RuntimeSettings::default(),
        role: None,
        code: CodeClue::default(),
    }
}
