//! Every form of the report: well-formed, with the same exit code, and inert whatever names it holds.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

const FORMATS: [&str; 8] = [
    "text", "json", "sarif", "github", "gitlab", "junit", "markdown", "html",
];

fn rolefit(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rolefit"))
        .args(args)
        .env_remove("GITHUB_ACTIONS")
        .env("NO_COLOR", "1")
        .output()
        .unwrap()
}

fn stdout(args: &[&str]) -> String {
    String::from_utf8(rolefit(args).stdout).unwrap()
}

/// A stack whose names try to break out of every format.
fn hostile(folder: &Path) {
    let name = "x::y|<img src=q onerror=alert(1)>`%\"'";
    let template = format!(
        "AWSTemplateFormatVersion: '2010-09-09'\nTransform: AWS::Serverless-2016-10-31\nResources:\n  Orders:\n    \
         Type: AWS::Serverless::Function\n    Properties:\n      Runtime: python3.12\n      Handler: a.b\n      \
         CodeUri: src\n      FunctionName: {name:?}\n      Policies:\n        - Statement:\n            - Sid: A\n              \
         Effect: Allow\n              Action: ['s3:*', {name:?}]\n              Resource: {resource:?}\n",
        resource = format!("arn:aws:s3:::{name}")
    );
    std::fs::write(folder.join("a,b:c%<x>.template.yaml"), &template).unwrap();
    std::fs::write(folder.join("template.yaml"), template).unwrap();
}

/// A function whose role lacks what Lambda itself needs, and whose code is not known: a finding that fails, and a gap.
const LACKING: &str = "Resources:
  Worker:
    Type: AWS::Lambda::Function
    Properties: {Runtime: provided.al2023, Handler: bootstrap, Role: !GetAtt WorkerRole.Arn}
  WorkerRole:
    Type: AWS::IAM::Role
    Properties: {AssumeRolePolicyDocument: {Version: '2012-10-17', Statement: []}}
";

#[test]
fn the_exit_code_is_the_same_for_every_format() {
    let folder = |template: Option<&str>| {
        let folder = tempfile::tempdir().unwrap();
        if let Some(template) = template {
            std::fs::write(folder.path().join("template.yaml"), template).unwrap();
        }
        folder
    };
    let (lacking, empty) = (folder(Some(LACKING)), folder(None));
    let broken = folder(Some(LACKING));
    std::fs::write(
        broken.path().join("other.template.yaml"),
        "Resources:\n  A: {Type: AWS::SNS::Topic, Properties: [\n",
    )
    .unwrap();
    let broken_config = folder(Some(LACKING));
    std::fs::write(broken_config.path().join("rolefit.toml"), "version = [\n").unwrap();
    let path = |folder: &tempfile::TempDir| folder.path().to_str().unwrap().to_owned();
    let (lacking, empty) = (path(&lacking), path(&empty));
    let (broken, broken_config) = (path(&broken), path(&broken_config));
    for format in FORMATS {
        for (args, expected) in [
            (vec!["check", &lacking, "--fail-on", "RF09*"], 0),
            (vec!["check", &lacking, "--fail-on", "warning"], 2),
            (vec!["check", &lacking, "--exit-zero"], 0),
            (vec!["check", &lacking], 1),
            (vec!["check", &lacking, "--strict"], 1),
            (vec!["check", "no-such-folder"], 2),
            (vec!["check", &broken], 2),
            (vec!["check", &broken, "--exit-zero"], 2),
            (vec!["check", &broken_config, "--exit-zero"], 2),
            (vec!["check", &lacking, "--base", "no-such-revision"], 2),
            (vec!["check", &empty], 3),
            (vec!["check", &empty, "--exit-zero"], 3),
            (vec!["check", &lacking, "--fail-on", "RF09*", "--strict"], 4),
            (vec!["check", &lacking, "--exit-zero", "--strict"], 4),
            (vec!["diff", &lacking], 0),
            (vec!["diff", &lacking, "--exit-code"], 1),
            (vec!["diff", "no-such-folder"], 2),
            (vec!["diff", &empty], 3),
        ] {
            let args: Vec<&str> = args.into_iter().chain(["--format", format]).collect();
            let output = rolefit(&args);
            assert_eq!(output.status.code(), Some(expected), "{args:?}");
        }
    }
}

#[test]
fn several_forms_are_written_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let targets: Vec<String> = FORMATS
        .iter()
        .map(|format| format!("{format}={}", folder.path().join(format).display()))
        .collect();
    let mut args = vec!["check", "docs/demo/orders"];
    for target in &targets {
        args.extend(["-o", target]);
    }
    rolefit(&args);
    for format in FORMATS {
        let written = std::fs::read_to_string(folder.path().join(format)).unwrap();
        assert_eq!(
            written,
            stdout(&["check", "docs/demo/orders", "--format", format]),
            "{format}"
        );
    }
}

#[test]
fn sarif_has_what_code_scanning_asks_for() {
    let log: Value =
        serde_json::from_str(&stdout(&["check", "docs/demo/orders", "--format", "sarif"])).unwrap();
    let run = &log["runs"][0];
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    for rule in rules {
        for text in ["shortDescription", "fullDescription", "help"] {
            let text = rule[text]["text"].as_str().unwrap();
            assert!(!text.is_empty() && text.len() <= 1024, "{rule}");
        }
    }
    let results = run["results"].as_array().unwrap();
    assert!(results.len() > 10);
    for result in results {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(rules[index]["id"], result["ruleId"]);
        let place = &result["locations"][0]["physicalLocation"];
        assert!(!place["artifactLocation"]["uri"].as_str().unwrap().is_empty());
        assert!(place["region"]["endColumn"].as_u64() > place["region"]["startColumn"].as_u64());
        assert!(result["partialFingerprints"]["primaryLocationLineHash"].is_string());
    }
}

#[test]
fn hostile_names_stay_inert() {
    let folder = tempfile::tempdir().unwrap();
    hostile(folder.path());
    let path = folder.path().to_str().unwrap();
    for command in ["check", "diff"] {
        let html = stdout(&[command, path, "--format", "html"]);
        assert!(html.contains("onerror"), "the names are shown");
        assert!(!html.contains("<img"), "and are no elements");
    }
    for line in stdout(&["check", path, "--format", "github"]).lines() {
        let (head, _) = line.strip_prefix("::").unwrap().split_once("::").unwrap();
        let properties = head.split_once(' ').unwrap().1;
        assert_eq!(properties.split(',').count(), 4, "{line}");
    }
    let markdown = stdout(&["check", path, "--format", "markdown"]);
    for line in markdown.lines().filter(|line| line.starts_with("| ")) {
        let cells = line.replace("\\|", "").matches('|').count();
        assert!(cells == 6 || cells == 7, "{line}");
        for (index, part) in line.split('`').enumerate() {
            assert!(index % 2 == 1 || !part.contains("<img"), "{line}");
        }
    }
    for format in ["json", "sarif", "gitlab"] {
        let _: Value = serde_json::from_str(&stdout(&["check", path, "--format", format])).unwrap();
    }
    assert!(!stdout(&["check", path, "--format", "junit"]).contains("<img"));
}

#[test]
fn the_page_loads_nothing_and_is_the_same_every_time() {
    let page = || stdout(&["check", "docs/demo/orders", "--format", "html"]);
    let html = page();
    assert_eq!(html, page());
    assert!(html.contains("default-src 'none'"));
    for outside in ["href=\"h", "src=", "url(", "@import", " style=", " onclick="] {
        assert!(!html.contains(outside), "{outside}");
    }
}
