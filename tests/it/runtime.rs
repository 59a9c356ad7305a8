//! What Lambda itself does with a role: every kind of it, with the exact answer in `tests/fixtures/deploy/runtime`.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

const FIXTURE: &str = "tests/fixtures/deploy/runtime";

#[test]
fn every_kind_of_runtime_need_is_exact() {
    let output = Command::new(env!("CARGO_BIN_EXE_rolefit"))
        .args(["diff", FIXTURE, "--format", "json"])
        .output()
        .unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut text = String::new();
    for function in report["functions"].as_array().unwrap() {
        writeln!(text, "{}", function["name"].as_str().unwrap()).unwrap();
        let mut lines = BTreeSet::new();
        for statement in function["policy"]["Statement"].as_array().unwrap() {
            let listed = |key: &str| match &statement[key] {
                Value::String(one) => vec![one.clone()],
                many => many
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|one| one.as_str().unwrap().to_owned())
                    .collect(),
            };
            let condition = match &statement["Condition"] {
                Value::Null => String::new(),
                condition => format!(" if {condition}"),
            };
            for resource in listed("Resource") {
                let short = resource
                    .replace("arn:${AWS::Partition}:", "")
                    .replace("${AWS::Region}:${AWS::AccountId}:", "");
                lines.insert(format!("{} on {short}{condition}", listed("Action").join(" ")));
            }
        }
        for line in lines {
            writeln!(text, "  {line}").unwrap();
        }
        for gap in function["gaps"].as_array().unwrap() {
            if gap["code"] != "unlinked-function" {
                writeln!(
                    text,
                    "  gap {}: {}",
                    gap["code"].as_str().unwrap(),
                    gap["message"].as_str().unwrap()
                )
                .unwrap();
            }
        }
    }
    let file = Path::new(FIXTURE).join("expected.txt");
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        std::fs::write(&file, &text).unwrap();
    }
    let expected = std::fs::read_to_string(file).unwrap_or_default();
    assert_eq!(text, expected, "run with UPDATE_EXPECTED=1 and read what changed");
}

#[test]
fn every_template_has_its_row_in_the_document() {
    let document = std::fs::read_to_string("docs/runtime.md").unwrap();
    for folder in ["policy-templates/runtime", "policy-templates/event-sources"] {
        for entry in std::fs::read_dir(folder).unwrap() {
            let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
            let template: toml::Table = text.parse().unwrap();
            let (id, docs) = (
                template["id"].as_str().unwrap(),
                template["docs"].as_str().unwrap(),
            );
            let row = document
                .lines()
                .find(|line| line.starts_with(&format!("| `{id}`")));
            let row = row.unwrap_or_else(|| panic!("docs/runtime.md has no row for {id}"));
            assert!(row.contains(docs), "{id}: {docs}");
            let statements = template["statement"].as_array().unwrap();
            let actions = statements
                .iter()
                .flat_map(|statement| statement["actions"].as_array().unwrap());
            for action in actions {
                let name = action.as_str().unwrap().split(':').nth(1).unwrap();
                assert!(row.contains(name), "{id} lacks {name}");
            }
        }
    }
}
