//! A repository from a stranger: what it links to outside is not shown, and nothing in it holds the reader up.
#![cfg(unix)]

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Output};

const TEMPLATE: &str = "Transform: AWS::Serverless-2016-10-31
Resources:
  Put:
    Type: AWS::Serverless::Function
    Metadata: {BuildMethod: makefile}
    Properties: {CodeUri: ., Handler: bootstrap, Runtime: provided.al2023}
  Nested:
    Type: AWS::CloudFormation::Stack
    Properties: {TemplateURL: nested.yaml}
";

/// A package whose modules lead outside, with a stack.
fn project(folder: &Path) {
    let secret = folder.join("secret.rs");
    std::fs::write(&secret, "const KEY: &str = \"hunter2\"; !! hunter2\n").unwrap();
    let project = folder.join("project");
    std::fs::create_dir_all(project.join("src")).unwrap();
    let manifest = "[package]\nname = \"put\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\
                    [dependencies]\naws-sdk-s3 = \"1\"\nlambda_runtime = \"1\"\n";
    std::fs::write(project.join("Cargo.toml"), manifest).unwrap();
    let main = "#[path = \"../../secret.rs\"]\nmod secret;\nmod link;\nmod endless;\nasync fn main() {}\n";
    std::fs::write(project.join("src/main.rs"), main).unwrap();
    symlink(&secret, project.join("src/link.rs")).unwrap();
    symlink("/dev/zero", project.join("src/endless.rs")).unwrap();
    std::fs::write(project.join("template.yaml"), TEMPLATE).unwrap();
}

/// Runs rolefit with at most 2 GB of memory and ten seconds of processor time.
fn rolefit(project: &Path, args: &[&str]) -> Output {
    Command::new("sh")
        .args(["-c", "ulimit -v 2000000; ulimit -t 10; exec \"$0\" \"$@\""])
        .arg(env!("CARGO_BIN_EXE_rolefit"))
        .args(args)
        .current_dir(project)
        .output()
        .unwrap()
}

#[test]
fn text_from_outside_is_not_shown() {
    let folder = tempfile::tempdir().unwrap();
    project(folder.path());
    let project = folder.path().join("project");
    for args in [
        &["check", "--verbose"][..],
        &["check", "--format", "json"],
        &["check", "--format", "sarif"],
        &["check", "--format", "html"],
        &["check", "--format", "markdown"],
        &["check", "--format", "github"],
        &["scan", "--format", "json"],
    ] {
        let output = rolefit(&project, args);
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.code().is_some_and(|code| code < 2),
            "{args:?}: {output:?}"
        );
        assert!(
            said.contains("link.rs"),
            "{args:?} has to tell of the file: {said}"
        );
        assert!(!said.contains("hunter2"), "{args:?}: {said}");
    }
}

#[test]
fn endless_files_hold_nothing_up() {
    for name in [
        "Cargo.lock",
        ".gitignore",
        ".ignore",
        "Makefile",
        "nested.yaml",
        "other.yaml",
        "main.tf",
        "terraform.tfvars",
        "plan.json",
        "terraform.tfstate",
        "serverless.yml",
        "cdk.json",
        "cdk.out/manifest.json",
        "samconfig.toml",
        "rolefit.toml",
        "rolefit.lock",
        ".rolefit/dump.json",
        "trail/a.json.gz",
        "target/lambda/put/bootstrap.zip",
    ] {
        let folder = tempfile::tempdir().unwrap();
        project(folder.path());
        let file = folder.path().join("project").join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        symlink("/dev/zero", &file).unwrap();
        let output = rolefit(&folder.path().join("project"), &["check", "--usage", "."]);
        assert!(
            output.status.code().is_some_and(|code| code <= 4),
            "{name}: {output:?}"
        );
    }
}

#[test]
fn a_lock_is_not_written_through_a_link() {
    let folder = tempfile::tempdir().unwrap();
    project(folder.path());
    let victim = folder.path().join("victim");
    symlink(&victim, folder.path().join("project/rolefit.lock")).unwrap();
    let output = rolefit(&folder.path().join("project"), &["lock"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(!victim.exists());
}

#[test]
fn variables_that_ask_for_each_other_end_with_a_gap() {
    let folder = tempfile::tempdir().unwrap();
    let keys: Vec<String> = (0..300).map(|number| format!("k{number}")).collect();
    let all: String = keys
        .iter()
        .map(|key| format!("${{self:custom.{key}, opt:{key}}}"))
        .collect();
    let custom: String = keys.iter().map(|key| format!("  {key}: '{all}'\n")).collect();
    let service = format!(
        "service: s\nprovider: {{ name: aws, runtime: rust }}\ncustom:\n{custom}functions:\n  f: {{ handler: '${{self:custom.k0}}' }}\n"
    );
    std::fs::write(folder.path().join("serverless.yml"), service).unwrap();
    let output = rolefit(folder.path(), &["check", "."]);
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("the variables go too deep"), "{said}");
    assert!(said.contains("serverless.yml:"), "{said}");
}
