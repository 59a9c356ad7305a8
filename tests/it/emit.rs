//! `rolefit generate` in the languages of deployment: what is written, deployed, fits.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use super::folder::copy;

const DEMO: &str = "docs/demo/orders";
const SAME_APP: &str = "tests/fixtures/deploy/same-app";

fn rolefit(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rolefit"))
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap()
}

fn summary(folder: &Path) -> Value {
    let output = rolefit(folder, &["diff", ".", "--format", "json"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut summary = report["summary"].clone();
    let narrow = report["functions"].as_array().unwrap().iter();
    let narrow = narrow.flat_map(|function| function["grants"].as_array().unwrap());
    summary["narrow"] = narrow.filter(|grant| grant["verdict"] == "narrow").count().into();
    summary
}

fn fits(folder: &Path) {
    let summary = summary(folder);
    for count in ["excess", "missing", "narrow", "gaps"] {
        assert_eq!(summary[count], 0, "{summary}");
    }
}

#[test]
fn roles_written_into_the_demo_leave_nothing_excess_and_nothing_missing() {
    let folder = tempfile::tempdir().unwrap();
    copy(Path::new(DEMO), folder.path());
    let template = folder.path().join("template.yaml");
    let before = std::fs::read_to_string(&template).unwrap();

    let stale = rolefit(folder.path(), &["generate", "--write", "--check"]);
    assert_eq!(stale.status.code(), Some(1));
    assert_eq!(std::fs::read_to_string(&template).unwrap(), before);

    let written = rolefit(folder.path(), &["generate", "--write"]);
    assert_eq!(
        written.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&written.stderr)
    );
    let stderr = String::from_utf8(written.stderr).unwrap();
    assert!(!stderr.contains("left:"), "{stderr}");
    fits(folder.path());

    // Everything else is as it was: comments, blank lines, flow mappings, other resources.
    let after = std::fs::read_to_string(&template).unwrap();
    let diff = similar::TextDiff::from_lines(&before, &after);
    let gone: Vec<&str> = diff
        .iter_all_changes()
        .filter(|change| change.tag() == similar::ChangeTag::Delete)
        .map(|change| change.value())
        .collect();
    assert!(
        gone.iter()
            .all(|line| !line.trim().is_empty() && !line.contains('#')),
        "{gone:#?}"
    );
    assert!(gone.iter().all(|line| line.starts_with("      ")), "{gone:#?}");

    let again = rolefit(folder.path(), &["generate", "--write", "--check"]);
    assert_eq!(
        again.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&again.stdout)
    );
    assert_eq!(rolefit(folder.path(), &["check"]).status.code(), Some(0));
}

#[test]
fn a_need_that_is_not_known_for_sure_is_not_written() {
    let folder = tempfile::tempdir().unwrap();
    copy(Path::new(DEMO), folder.path());
    let template = folder.path().join("template.yaml");
    let text = std::fs::read_to_string(&template).unwrap();
    let unlinked = text
        .replace("Binary: payments", "Binary: nowhere")
        .replace("PaymentsFunction", "Mystery");
    std::fs::write(&template, unlinked.replace("-payments", "-mystery")).unwrap();
    let output = rolefit(folder.path(), &["generate", "--write", "--function", "Mystery"]);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(
        stderr.contains("left: Mystery: it is not linked to a binary"),
        "{stderr}"
    );
    assert!(output.stdout.is_empty());
}

#[test]
fn a_template_in_json_is_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    copy(&Path::new(SAME_APP).join("app"), folder.path());
    copy(&Path::new(SAME_APP).join("sam"), folder.path());
    let yaml = folder.path().join("template.yaml");
    assert!(yaml.exists());
    let flow = "Resources: {F: {Type: AWS::Serverless::Function, Properties: {Runtime: provided.al2023, \
                CodeUri: target/lambda/put-order, Policies: AmazonS3FullAccess}}}\n\
                Transform: AWS::Serverless-2016-10-31\n";
    std::fs::write(&yaml, flow).unwrap();
    let output = rolefit(folder.path(), &["generate", "--write", "--with-gaps"]);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("left: F: "), "{stderr}");
    assert_eq!(std::fs::read_to_string(&yaml).unwrap(), flow);
}

/// The application in Terraform, with its own roles taken out and the generated ones put in.
fn terraform(format: &str) {
    let folder = tempfile::tempdir().unwrap();
    copy(&Path::new(SAME_APP).join("app"), folder.path());
    copy(&Path::new(SAME_APP).join("terraform"), folder.path());
    let out = tempfile::tempdir().unwrap();
    let arguments = [
        "generate",
        ".",
        "--format",
        format,
        "--out-dir",
        out.path().to_str().unwrap(),
    ];
    let output = rolefit(folder.path(), &arguments);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "tf") {
            let text = std::fs::read_to_string(&path).unwrap();
            std::fs::write(&path, without_roles(&text)).unwrap();
        }
    }
    copy(out.path(), folder.path());
    fits(folder.path());
    let check = [&arguments[..], &["--check"]].concat();
    assert_eq!(rolefit(folder.path(), &check).status.code(), Some(0));
    std::fs::write(out.path().join("rolefit-shared.tf"), "").unwrap();
    std::fs::write(out.path().join("rolefit-shared.tf.json"), "").unwrap();
    assert_eq!(rolefit(folder.path(), &check).status.code(), Some(1));
}

fn without_roles(text: &str) -> String {
    let mut inside = false;
    let mut out = String::new();
    for line in text.split_inclusive('\n') {
        inside |= line.starts_with("resource \"aws_iam_") || line.starts_with("data \"aws_iam_");
        if !inside {
            out.push_str(line);
        }
        if line.starts_with('}') || (inside && line.trim_end().ends_with("{}")) {
            inside = false;
        }
    }
    out
}

#[test]
fn roles_in_terraform_leave_nothing_excess_and_nothing_missing() {
    terraform("terraform");
}

#[test]
fn roles_in_terraforms_json_leave_nothing_excess_and_nothing_missing() {
    terraform("terraform-json");
}
