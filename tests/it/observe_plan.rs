//! `rolefit observe plan`: from the code, the trail and the settings of trails to event selectors.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

fn plan(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rolefit"))
        .args(["observe", "plan", "docs/demo/orders"])
        .args(args)
        .output()
        .unwrap()
}

fn answer(args: &[&str]) -> Value {
    let output = plan(&[args, &["--format", "json"]].concat());
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

fn field<'a>(selector: &'a Value, name: &str) -> &'a Value {
    let fields = selector["FieldSelectors"].as_array().unwrap();
    fields.iter().find(|field| field["Field"] == name).unwrap()
}

/// Operations of which one thing is said, each once.
fn said(answer: &Value, seen: &str) -> Vec<String> {
    let all = answer["operations"].as_array().unwrap().iter();
    let mut found: Vec<String> = all
        .filter(|one| one["seen"] == seen)
        .map(|one| one["operation"].as_str().unwrap().to_owned())
        .collect();
    found.sort();
    found.dedup();
    found
}

#[test]
fn a_trail_with_data_events_leaves_nothing_to_do() {
    let answer = answer(&[]);
    assert_eq!(said(&answer, "no"), Vec::<String>::new());
    assert_eq!(said(&answer, "never"), ["eventbridge.PutEvents"]);
    assert_eq!(answer["selectors"], json!([]));
    assert!(String::from_utf8_lossy(&plan(&[]).stdout).contains("nothing to do"));
}

#[test]
fn without_a_trail_the_selectors_name_roles_and_operations() {
    let answer = answer(&[
        "--no-config",
        "--account",
        "111122223333",
        "--stack-name",
        "orders-prod",
        "--runs",
        "1000",
    ]);
    let types: Vec<&Value> = answer["selectors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|selector| &field(selector, "resources.type")["Equals"][0])
        .collect();
    assert_eq!(
        types,
        ["AWS::DynamoDB::Table", "AWS::S3::Object", "AWS::SQS::Queue"]
    );
    let table = &answer["selectors"][0];
    assert_eq!(
        field(table, "eventName")["Equals"],
        json!(["GetItem", "PutItem", "Query", "UpdateItem"])
    );
    let callers = field(table, "userIdentity.arn")["StartsWith"].as_array().unwrap();
    assert!(
        callers.contains(&json!(
            "arn:aws:sts::111122223333:assumed-role/orders-prod-ApiFunctionRole-"
        )),
        "{callers:?}"
    );
    let audit = "arn:aws:sts::111122223333:assumed-role/orders-prod-StreamAuditFunctionRole-";
    assert!(!callers.contains(&json!(audit)), "it calls no table");
    assert_eq!(answer["fill_in"], json!([]));
    assert_eq!(answer["notes"], json!([]));
    assert_eq!(answer["cost"]["usd_per_100k"], 0.1);
    assert!(answer["cost"]["events"].as_f64().unwrap() > 10_000.0);
    assert!(said(&answer, "yes").contains(&"ssm.GetParameter".to_owned()));
}

#[test]
fn what_is_not_known_is_to_be_filled_in() {
    let answer = answer(&["--no-config", "--function", "ApiFunction"]);
    assert_eq!(
        answer["fill_in"],
        json!(["${AWS::AccountId}", "${AWS::StackName}"])
    );
    assert_eq!(answer["cost"]["usd"], Value::Null);
    assert!(answer["cost"]["unknown"].as_u64().unwrap() > 0);
}

#[test]
fn a_plan_that_was_followed_is_done() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).display().to_string();
    let known = [
        "--no-config",
        "--account",
        "111122223333",
        "--stack-name",
        "orders-prod",
    ];
    let first = answer(&[&known[..], &["-o", &file("selectors.json")]].concat());
    let selectors: Value =
        serde_json::from_str(&std::fs::read_to_string(folder.path().join("selectors.json")).unwrap())
            .unwrap();
    assert_eq!(selectors, first["selectors"]);
    write(
        &folder.path().join("settings.json"),
        &json!({"TrailARN": "arn:aws:cloudtrail:eu-west-1:111122223333:trail/calls", "AdvancedEventSelectors": selectors}),
    );
    let settings = file("settings.json");
    let then = answer(&[&known[..], &["--trail-settings", &settings]].concat());
    let missing = said(&then, "no");
    // Management events are not among the selectors: another trail has them.
    assert!(
        missing.iter().all(|operation| !["dynamodb", "s3", "sqs"]
            .iter()
            .any(|own| operation.starts_with(own))),
        "{missing:?}"
    );

    let extended = answer(&[&known[..], &["--trail-settings", &settings, "--extend", "calls"]].concat());
    assert_eq!(extended["kept"], 3);
    assert_eq!(extended["selectors"].as_array().unwrap().len(), 4);
    assert_eq!(
        extended["selectors"][3]["FieldSelectors"][0]["Equals"],
        json!(["Management"])
    );
    let refused = plan(&[&known[..], &["--trail-settings", &settings, "--extend", "other"]].concat());
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("found: calls"));
}

fn write(path: &Path, value: &Value) {
    std::fs::write(path, value.to_string()).unwrap();
}
