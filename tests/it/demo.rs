//! The demo: every function's need is exactly the one worked out by hand, the over-grants and the one under-grant are
//! found at their lines, and the gate opens once the under-grant is mended.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output};

use rolefit::iam::arn::ArnPattern;
use serde_json::Value;

use super::folder::copy;

const DEMO: &str = "docs/demo/orders";

fn rolefit(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rolefit"))
        .args(arguments)
        .output()
        .unwrap()
}

fn report(path: &str, more: &[&str]) -> Value {
    let output = rolefit(&[&["diff", path, "--format", "json"], more].concat());
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)))
}

/// The needed grants of a report, in the words of `needs.txt`.
fn needs(report: &Value) -> BTreeSet<String> {
    let mut needs = BTreeSet::new();
    for function in report["functions"].as_array().unwrap() {
        for grant in function["grants"].as_array().unwrap() {
            if !["keep", "narrow", "add"].contains(&grant["verdict"].as_str().unwrap()) {
                continue;
            }
            let resource = ArnPattern::new(grant["resource"].as_str().unwrap()).short();
            let mut line = format!(
                "{} {} {resource}",
                function["name"].as_str().unwrap(),
                grant["action"].as_str().unwrap()
            );
            for keys in grant["conditions"].as_object().unwrap().values() {
                for (key, values) in keys.as_object().unwrap() {
                    line.push_str(&format!(" {key}={}", values[0].as_str().unwrap()));
                }
            }
            needs.insert(line);
        }
    }
    needs
}

#[test]
fn every_function_needs_what_was_worked_out_by_hand() {
    let expected: BTreeSet<String> = std::fs::read_to_string("tests/fixtures/demo/needs.txt")
        .unwrap()
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(str::to_owned)
        .collect();
    let found = needs(&report(DEMO, &[]));
    let missing: Vec<_> = expected.difference(&found).collect();
    let unexpected: Vec<_> = found.difference(&expected).collect();
    assert!(
        missing.is_empty() && unexpected.is_empty(),
        "missing: {missing:#?}\nunexpected: {unexpected:#?}"
    );
}

#[test]
fn without_the_trail_only_the_call_that_no_code_explains_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    copy(Path::new(DEMO), folder.path());
    std::fs::remove_file(folder.path().join("rolefit.toml")).unwrap();
    let with = needs(&report(DEMO, &[]));
    let without = needs(&report(folder.path().to_str().unwrap(), &[]));
    let gone: Vec<&String> = with.difference(&without).collect();
    assert_eq!(
        gone,
        ["ShipWorkerFunction s3:GetObjectTagging s3:DocumentsBucket/labels/*"]
    );
    assert!(without.is_subset(&with));
}

/// Rule, function and line of the first place of every finding.
fn findings(report: &Value) -> BTreeSet<(String, String, u64)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let all = report["findings"].as_array().unwrap().iter();
    all.map(|finding| {
        (
            text(&finding["rule"]),
            text(&finding["function"]),
            finding["locations"][0]["line"].as_u64().unwrap_or(0),
        )
    })
    .collect()
}

/// The line of the template that holds `text` after the line that holds `after`.
fn line_of(after: &str, text: &str) -> u64 {
    let template = std::fs::read_to_string(format!("{DEMO}/template.yaml")).unwrap();
    let start = template.lines().position(|line| line.contains(after)).unwrap();
    let found = template
        .lines()
        .skip(start)
        .position(|line| line.contains(text))
        .unwrap();
    (start + found + 1) as u64
}

#[test]
fn over_grants_and_the_under_grant_are_found_at_their_lines() {
    let report = report(DEMO, &[]);
    let found = findings(&report);
    for (rule, function, after, text) in [
        ("RF012", "ApiFunction", "  ApiFunction:", "  ApiFunction:"),
        ("RF001", "ApiFunction", "  ApiFunction:", "- S3ReadPolicy"),
        (
            "RF001",
            "PlaceOrderFunction",
            "  PlaceOrderFunction:",
            "- DynamoDBCrudPolicy",
        ),
        (
            "RF002",
            "ShipWorkerFunction",
            "  ShipWorkerFunction:",
            "- Sid: Labels",
        ),
        (
            "RF001",
            "ShipWorkerFunction",
            "  ShipWorkerFunction:",
            "- DynamoDBWritePolicy",
        ),
        (
            "RF005",
            "ShipWorkerFunction",
            "  ShipWorkerFunction:",
            "  ShipWorkerFunction:",
        ),
        (
            "RF001",
            "StreamAuditFunction",
            "  StreamAuditFunction:",
            "- S3CrudPolicy",
        ),
        (
            "RF002",
            "StreamAuditFunction",
            "  StreamAuditFunction:",
            "- Sid: AuditKey",
        ),
        ("RF002", "PaymentsFunction", "  BackofficeRole:", "- Sid: Orders"),
        ("RF003", "PaymentsFunction", "  BackofficeRole:", "- Sid: Secrets"),
        (
            "RF001",
            "NightlyReportFunction",
            "  BackofficeRole:",
            "- Sid: Secrets",
        ),
        (
            "RF001",
            "PaymentsFunction",
            "  BackofficeRole:",
            "- Sid: ReceiptsByMail",
        ),
        (
            "RF030",
            "PaymentsFunction",
            "  BackofficeRole:",
            "  BackofficeRole:",
        ),
        ("RF031", "ShipWorkerFunction", "  ShipWorkerFunction:", "Paid:"),
    ] {
        let expected = (rule.to_owned(), function.to_owned(), line_of(after, text));
        assert!(found.contains(&expected), "{expected:?} is not in {found:#?}");
    }
    let errors: Vec<&Value> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|finding| finding["level"] == "error")
        .collect();
    assert_eq!(errors.len(), 1, "{errors:#?}");
    let places = errors[0]["locations"].as_array().unwrap();
    assert!(
        places
            .iter()
            .any(|place| place["file"] == "crates/store/src/dynamo.rs"),
        "{places:#?}"
    );
}

#[test]
fn the_gate_opens_once_the_under_grant_is_mended() {
    assert_eq!(rolefit(&["check", DEMO]).status.code(), Some(1));
    let folder = tempfile::tempdir().unwrap();
    copy(Path::new(DEMO), folder.path());
    let file = folder.path().join("template.yaml");
    let template = std::fs::read_to_string(&file).unwrap();
    let (before, after) = template
        .split_once("                - dynamodb:UpdateItem\n")
        .unwrap();
    let mended = after.replacen(
        "Resource: !GetAtt OrdersTable.Arn",
        "Resource: [!GetAtt OrdersTable.Arn, !Sub '${OrdersTable.Arn}/index/by-customer']",
        1,
    );
    std::fs::write(
        &file,
        format!("{before}                - dynamodb:UpdateItem\n{mended}"),
    )
    .unwrap();
    let output = rolefit(&["check", folder.path().to_str().unwrap()]);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
}

#[test]
fn the_same_bytes_come_out_of_every_run_and_thread_count() {
    let run = |threads: &str| rolefit(&["diff", DEMO, "--format", "json", "--threads", threads]).stdout;
    let first = run("1");
    assert!(!first.is_empty());
    for threads in ["1", "2", "7"] {
        assert!(run(threads) == first, "differs with {threads} threads");
    }
}

#[test]
fn a_file_that_does_not_parse_is_a_gap_of_every_command() {
    let folder = tempfile::tempdir().unwrap();
    copy(Path::new(DEMO), folder.path());
    std::fs::write(
        folder.path().join("functions/payments/src/signature.rs"),
        "fn broken( {",
    )
    .unwrap();
    let path = folder.path().to_str().unwrap();
    for command in ["scan", "diff"] {
        let output: Value =
            serde_json::from_slice(&rolefit(&[command, path, "--format", "json"]).stdout).unwrap();
        let functions = output["functions"].as_array().unwrap();
        let payments = functions
            .iter()
            .find(|function| function["name"] == "PaymentsFunction")
            .unwrap();
        let gaps = payments["gaps"].as_array().unwrap();
        assert!(
            gaps.iter().any(|gap| gap["code"] == "unparsable-file"),
            "{command}: {gaps:#?}"
        );
    }
}
