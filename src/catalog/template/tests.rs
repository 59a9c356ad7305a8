//! Tests of the built-in templates and of the format.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::collections::BTreeSet;
use std::path::Path;

use super::*;

#[test]
fn every_built_in_template_is_valid() {
    let mut ids = BTreeSet::new();
    for (file, text) in builtin::FILES {
        match parse(file, text) {
            Ok(template) => assert!(ids.insert(template.id.clone()), "{} twice", template.id),
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(ids.len(), templates().len());
}

#[test]
fn every_file_of_the_folder_is_built_in() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("policy-templates");
    let mut found = BTreeSet::new();
    for folder in ["event-sources", "runtime", "sam"] {
        for entry in std::fs::read_dir(root.join(folder)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if name != "connectors.toml" {
                found.insert(format!("{folder}/{name}"));
            }
        }
    }
    let listed = builtin::FILES.iter().map(|(file, _)| (*file).to_owned());
    assert_eq!(listed.collect::<BTreeSet<_>>(), found);
}

#[test]
fn there_are_all_81_policy_templates_of_sam() {
    let sam = templates()
        .iter()
        .filter(|template| template.id.starts_with("sam/"));
    assert_eq!(sam.count(), 81);
}

const SMALL: &str = r#"
schema = 1
id = "x/y"
kind = "runtime"
title = "T"
[params.queue]
[params.key]
optional = true
[[statement]]
actions = "sqs:ReceiveMessage"
resources = "${queue}"
[[statement]]
if = "key"
actions = ["kms:Decrypt"]
resources = ["${key}"]
"#;

fn arguments(pairs: &[(&str, &[&str])]) -> Arguments {
    pairs
        .iter()
        .map(|(name, values)| {
            let values = values.iter().map(|value| (*value).to_owned()).collect();
            ((*name).to_owned(), values)
        })
        .collect()
}

#[test]
fn values_take_the_place_of_parameters() {
    let template = parse("t", SMALL).unwrap();
    let one = template.instantiate(&arguments(&[("queue", &["a"])])).unwrap();
    assert_eq!(one.len(), 1);
    let two = template
        .instantiate(&arguments(&[("queue", &["a", "b"]), ("key", &["k"])]))
        .unwrap();
    let resources: Vec<_> = two.iter().map(|statement| plain(statement).1).collect();
    assert_eq!(resources, [vec!["a", "b"], vec!["k"]]);
    assert_eq!(
        template.instantiate(&Arguments::new()).unwrap_err().to_string(),
        "policy template `x/y` needs a value for `queue`"
    );
}

#[test]
fn a_slip_is_an_error_with_its_place() {
    for (change, expected) in [
        (
            SMALL.replace("optional", "optonal"),
            "t:8:1: unknown key `optonal`; did you mean `optional`?",
        ),
        (
            SMALL.replace("${queue}", "${que}"),
            "t:1:1: `${que}` is not among its params",
        ),
        (
            SMALL.replace("if = \"key\"", "if = \"kee\""),
            "t:1:1: `if = \"kee\"` is not among its params",
        ),
        (
            SMALL.replace("\"runtime\"", "\"baseline\""),
            "t:1:1: a statement of kind `baseline` needs a `reason`",
        ),
        (
            SMALL.replace("schema = 1", "schema = 2"),
            "t:1:1: schema 2 is not known, only 1 is",
        ),
    ] {
        assert_eq!(parse("t", &change).unwrap_err().to_string(), expected);
    }
}

#[test]
fn the_schema_of_the_format_is_up_to_date() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("policy-templates/schema.json");
    let mut made = serde_json::to_string_pretty(&schemars::schema_for!(Template)).unwrap();
    made.push('\n');
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(&file, &made).unwrap();
    }
    let kept = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        kept == made,
        "run the test with UPDATE_SCHEMA=1 to write {}",
        file.display()
    );
}

#[test]
fn every_built_in_template_fits_the_schema() {
    let schema = serde_json::to_value(schemars::schema_for!(Template)).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for (file, text) in builtin::FILES {
        let value: serde_json::Value = toml::from_str(text).unwrap();
        assert!(validator.is_valid(&value), "{file}");
    }
}
