//! One stack deployed to several stages: each has its functions, its roles and its verdict.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::folder::copy;

const APP: &str = "tests/fixtures/deploy/same-app";

fn report(root: &Path) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_rolefit"))
        .args(["diff", "--format", "json"])
        .arg(root)
        .output()
        .unwrap();
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)))
}

fn project(configuration: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    copy(&Path::new(APP).join("app"), folder.path());
    copy(&Path::new(APP).join("sam"), folder.path());
    let template = folder.path().join("template.yaml");
    // In production nothing may be read: the function misses what it needs.
    let text = std::fs::read_to_string(&template).unwrap();
    let text = text
        .replace(
            "Resources:\n  OrdersKey",
            "Conditions:\n  IsProd: !Equals [!Ref Stage, prod]\nResources:\n  OrdersKey",
        )
        .replace(
            "Action: [dynamodb:Query, dynamodb:Scan]",
            "Action: !If [IsProd, 'dynamodb:Scan', 'dynamodb:Query']",
        );
    std::fs::write(&template, text).unwrap();
    std::fs::write(
        folder.path().join("samconfig.toml"),
        "version = 0.1\n[prod.deploy.parameters]\nparameter_overrides = \"Stage=\\\"prod\\\"\"\n",
    )
    .unwrap();
    std::fs::write(folder.path().join("rolefit.toml"), configuration).unwrap();
    folder
}

/// `function: verdict action` of what reads the table.
fn verdicts(report: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    for function in report["functions"].as_array().unwrap() {
        for grant in function["grants"].as_array().unwrap() {
            let action = grant["action"].as_str().unwrap();
            if matches!(action, "dynamodb:Query" | "dynamodb:Scan") {
                lines.push(format!(
                    "{} {}: {} {action}",
                    function["name"].as_str().unwrap(),
                    function["role"]["origin"].as_str().unwrap(),
                    grant["verdict"].as_str().unwrap()
                ));
            }
        }
    }
    lines.sort();
    lines
}

#[test]
fn each_stage_has_its_own_verdict() {
    let folder = project(
        "version = 1\n[[source]]\npath = \"template.yaml\"\nparameters = { Stage = \"beta\" }\n\
         [[source]]\npath = \"template.yaml\"\nparameters_from = \"samconfig.toml#prod\"\n",
    );
    let report = report(folder.path());
    assert_eq!(
        verdicts(&report),
        [
            "beta/GetOrderFunction template.yaml#beta: keep dynamodb:Query",
            "prod/GetOrderFunction template.yaml#prod: add dynamodb:Query",
            "prod/GetOrderFunction template.yaml#prod: remove dynamodb:Scan",
        ]
    );
    let findings = report["findings"].as_array().unwrap();
    let missing: Vec<&str> = findings
        .iter()
        .filter(|finding| finding["rule"] == "RF010")
        .filter_map(|finding| finding["function"].as_str())
        .collect();
    assert!(
        missing
            .iter()
            .all(|name| name.starts_with("prod/") || name.starts_with("beta/")),
        "{missing:?}"
    );
}

#[test]
fn one_set_of_parameters_settles_the_stack_that_keeps_its_names() {
    let folder = project(
        "version = 1\n[[source]]\npath = \"template.yaml\"\nparameters_from = \"samconfig.toml#prod\"\n",
    );
    assert_eq!(
        verdicts(&report(folder.path())),
        [
            "GetOrderFunction template.yaml: add dynamodb:Query",
            "GetOrderFunction template.yaml: remove dynamodb:Scan",
        ]
    );
}
