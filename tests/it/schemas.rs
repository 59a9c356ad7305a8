//! The JSON outputs are what their schemas say, and the schemas in the repository are the ones the program prints.

use std::process::Command;

use serde_json::Value;

fn rolefit(arguments: &[&str]) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_rolefit"))
        .args(arguments)
        .output()
        .unwrap();
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!(
            "{arguments:?}: {error}: {}",
            String::from_utf8_lossy(&output.stderr)
        )
    })
}

fn check(kind: &str, arguments: &[&str]) {
    let schema = rolefit(&["schema", kind]);
    let committed: Value = serde_json::from_str(
        &std::fs::read_to_string(format!("docs/schemas/rolefit-{kind}-v1.json")).unwrap(),
    )
    .unwrap();
    assert_eq!(
        schema, committed,
        "run `rolefit schema {kind} > docs/schemas/rolefit-{kind}-v1.json`"
    );
    let output = rolefit(arguments);
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> = validator
        .iter_errors(&output)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{errors:#?}");
}

#[test]
fn the_scan_fits_its_schema() {
    check("scan", &["scan", "docs/demo/orders", "--format", "json"]);
}

#[test]
fn the_report_fits_its_schema() {
    check("report", &["diff", "docs/demo/orders", "--format", "json"]);
}

#[test]
fn the_replay_fits_its_schema() {
    check(
        "replay",
        &[
            "replay",
            "docs/demo/orders",
            "--against",
            "current",
            "--format",
            "json",
        ],
    );
}

#[test]
fn the_plan_fits_its_schema() {
    check(
        "plan",
        &["observe", "plan", "docs/demo/orders", "--format", "json"],
    );
}

#[test]
fn the_catalogue_fits_its_schemas() {
    check("catalog", &["catalog", "info", "--format", "json"]);
    check("service", &["catalog", "service", "dynamodb", "--format", "json"]);
    for operation in [
        "s3.CopyObject",
        "dynamodb.Query",
        "sts.GetCallerIdentity",
        "ec2.GetImageFindings",
    ] {
        check(
            "operation",
            &["catalog", "operation", operation, "--format", "json"],
        );
    }
    for action in ["dynamodb:PutItem", "iam:PassRole", "s3:ListAllMyBuckets"] {
        let arguments = [
            "catalog",
            "action",
            action,
            "--format",
            "json",
            "--managed-policies",
        ];
        check("action", &arguments);
    }
}

#[test]
fn the_list_of_templates_fits_its_schema() {
    check("templates", &["templates", "list", "--format", "json"]);
}

#[test]
fn the_rules_fit_their_schema() {
    check("rules", &["rule", "--format", "json"]);
}

#[test]
fn the_comparison_fits_its_schema() {
    let (old, new) = ("docs/demo/compare/old.json", "docs/demo/compare/new.json");
    check("compare", &["compare", old, new, "--format", "json"]);
}

#[test]
fn the_usage_store_fits_its_schemas() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("usage.db");
    let store = store.to_str().unwrap();
    let from = "docs/demo/orders/trail";
    check(
        "observe",
        &["observe", "--from", from, "--store", store, "--format", "json"],
    );
    check("usage", &["observe", "export", "--store", store]);
}
