//! The permissions that rolefit needs itself to read an account: those of the document are those of its own source.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        other => other.as_array().into_iter().flatten().flat_map(texts).collect(),
    }
}

#[test]
fn the_documents_policy_is_what_the_source_needs() {
    let output = Command::new(env!("CARGO_BIN_EXE_rolefit"))
        .args(["diff", ".", "--function", "rolefit", "--format", "json"])
        .output()
        .unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let of_aws = |because: &Value| {
        because["file"]
            .as_str()
            .is_some_and(|file| file.starts_with("src/aws/"))
    };
    let needed: BTreeSet<(String, String)> = report["functions"][0]["grants"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|grant| grant["because"].as_array().unwrap().iter().any(of_aws))
        .map(|grant| {
            (
                grant["action"].as_str().unwrap().to_owned(),
                grant["resource"].as_str().unwrap().to_owned(),
            )
        })
        .collect();
    // What each document is about stands in it: roles and functions, `apply`, CloudTrail.
    let mut stated = BTreeSet::new();
    for file in ["docs/account.md", "docs/apply.md", "docs/trail-sources.md"] {
        let document = std::fs::read_to_string(file).unwrap();
        let policy = document.split("```json\n").nth(1).unwrap();
        let policy: Value = serde_json::from_str(policy.split("```").next().unwrap()).unwrap();
        for statement in policy["Statement"].as_array().unwrap() {
            for action in texts(&statement["Action"]) {
                for resource in texts(&statement["Resource"]) {
                    stated.insert((action.clone(), resource));
                }
            }
        }
    }
    assert!(needed.len() > 8, "{needed:#?}");
    assert_eq!(stated, needed);
}
