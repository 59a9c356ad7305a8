//! What endpoints of networks saw of calls: evidence where nothing else shows the operation, and never the same call twice.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

/// A call of the demo's function, `GetItem` on its table.
fn call() -> Value {
    let (account, function) = ("111122223333", "orders-prod-api");
    let role = "orders-prod-ApiFunctionRole-4K2VQ7N1XW0B";
    json!({
        "eventVersion": "1.11", "eventID": "812cdcca-3d69-47a3-b847-300c03b2ca2d", "eventTime": "2026-11-04T12:54:21Z",
        "eventType": "AwsApiCall", "eventCategory": "Data", "managementEvent": false, "awsRegion": "eu-west-1",
        "eventSource": "dynamodb.amazonaws.com", "eventName": "GetItem", "recipientAccountId": account,
        "userIdentity": {"type": "AssumedRole", "principalId": format!("AROAQAAAAAAAAAAAAAAPI:{function}"),
            "arn": format!("arn:aws:sts::{account}:assumed-role/{role}/{function}"), "accountId": account,
            "sessionContext": {"sessionIssuer": {"type": "Role", "principalId": "AROAQAAAAAAAAAAAAAAPI",
                "arn": format!("arn:aws:iam::{account}:role/{role}"), "accountId": account}},
            "inScopeOf": {"issuerType": "AWS::Lambda::Function",
                "credentialsIssuedTo": format!("arn:aws:lambda:eu-west-1:{account}:function:{function}")}},
        "requestParameters": {"tableName": "orders-prod"},
        "resources": [{"type": "AWS::DynamoDB::Table", "ARN": format!("arn:aws:dynamodb:eu-west-1:{account}:table/orders-prod")}],
    })
}

/// The same as an endpoint saw it.
fn seen(source: &str, name: &str) -> Value {
    let mut record = call();
    for (field, value) in [
        ("eventID", json!("00000000-3d69-47a3-b847-300c03b2ca2d")),
        ("sharedEventID", json!("11111111-3d69-47a3-b847-300c03b2ca2d")),
        ("eventType", json!("AwsVpceEvent")),
        ("eventCategory", json!("NetworkActivity")),
        ("eventSource", json!(source)),
        ("eventName", json!(name)),
        ("vpcEndpointId", json!("vpce-1")),
        ("requestParameters", Value::Null),
        ("resources", Value::Null),
        ("managementEvent", Value::Null),
    ] {
        record[field] = value;
    }
    record
}

/// What the demo's functions need by these records: what the report says of the first function.
fn reported(records: &[Value]) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let trail: &Path = folder.path();
    std::fs::write(trail.join("1.json"), json!({"Records": records}).to_string()).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_rolefit"))
        .args([
            "diff",
            "docs/demo/orders",
            "--no-config",
            "--format",
            "json",
            "--usage",
        ])
        .arg(trail)
        .output()
        .unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    report["functions"][0].clone()
}

#[test]
fn what_an_endpoint_saw_is_evidence_where_nothing_else_is() {
    let alone = reported(&[call()]);
    // The table's calls are recorded themselves: the endpoint saw the same call once more.
    assert_eq!(
        reported(&[call(), seen("dynamodb.amazonaws.com", "GetItem")]),
        alone
    );
    // Nothing else shows this one, and which secret it was nobody tells.
    let with = reported(&[call(), seen("secretsmanager.amazonaws.com", "GetSecretValue")]);
    let needed = |function: &Value| {
        let grants = function["grants"].as_array().unwrap();
        grants.iter().any(|grant| {
            grant["action"] == "secretsmanager:GetSecretValue"
                && !grant["because"].as_array().unwrap().is_empty()
        })
    };
    assert!(!needed(&alone), "{alone:#}");
    assert!(needed(&with), "{with:#}");
    assert!(
        with["gaps"].to_string().contains("unknown-resource"),
        "{:#}",
        with["gaps"]
    );
}
