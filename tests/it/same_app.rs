//! One application deployed in several ways: the same functions, needs and verdicts whatever describes them.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::folder::copy;

const FIXTURE: &str = "tests/fixtures/deploy/same-app";

/// The report on the application as one folder of the fixture deploys it, with addresses of Terraform as logical ids.
fn report(form: &str) -> Value {
    let folder = tempfile::tempdir().unwrap();
    copy(&Path::new(FIXTURE).join("app"), folder.path());
    copy(&Path::new(FIXTURE).join(form), folder.path());
    let output = Command::new(env!("CARGO_BIN_EXE_rolefit"))
        .args(["diff", "--format", "json"])
        .arg(folder.path())
        .output()
        .unwrap();
    let mut text = String::from_utf8(output.stdout).unwrap();
    // What the account has is called by its own names.
    let literal = std::fs::read_to_string(folder.path().join("names.txt")).unwrap_or_default();
    for line in literal.lines() {
        let (name, symbol) = line.split_once(' ').unwrap();
        text = text.replace(name, symbol);
    }
    let names = std::fs::read_to_string(Path::new(FIXTURE).join("names.txt")).unwrap();
    for line in names.lines() {
        let (address, id) = line.split_once(' ').unwrap();
        text = text.replace(&format!("${{{address}}}"), &format!("${{{id}}}"));
    }
    serde_json::from_str(&text)
        .unwrap_or_else(|error| panic!("{form}: {error}: {}", String::from_utf8_lossy(&output.stderr)))
}

/// What a report says, one line a grant, without places and names of functions.
fn lines(report: &Value) -> BTreeSet<String> {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let mut lines = BTreeSet::new();
    for function in report["functions"].as_array().unwrap() {
        let bin = text(&function["bin"]);
        lines.insert(format!("{bin} linked {}", text(&function["link_confidence"])));
        // Names of statements come from names of resources.
        let mut policy = function["policy"].clone();
        for statement in policy["Statement"].as_array_mut().unwrap() {
            statement.as_object_mut().unwrap().remove("Sid");
        }
        lines.insert(format!("{bin} policy {policy}"));
        for gap in function["gaps"].as_array().unwrap() {
            lines.insert(format!("{bin} gap {}", text(&gap["code"])));
        }
        for grant in function["grants"].as_array().unwrap() {
            lines.insert(format!(
                "{bin} {} {} on {} ({})",
                text(&grant["verdict"]),
                text(&grant["action"]),
                text(&grant["resource"]),
                text(&grant["confidence"]),
            ));
        }
    }
    lines
}

#[test]
fn every_form_gives_the_same_functions_needs_and_verdicts() {
    let sam = lines(&report("sam"));
    assert!(sam.len() > 12, "{sam:#?}");
    for form in ["cloudformation", "terraform", "cdk", "serverless", "account"] {
        let other = lines(&report(form));
        let missing: Vec<_> = sam.difference(&other).collect();
        let unexpected: Vec<_> = other.difference(&sam).collect();
        assert!(
            missing.is_empty() && unexpected.is_empty(),
            "{form}: missing {missing:#?}\nunexpected {unexpected:#?}"
        );
    }
}
