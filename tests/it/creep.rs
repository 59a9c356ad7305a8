//! Creep: what a change of the stack template does to the gate, against the lock, a git revision and an earlier report.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

const BEFORE: &str = r#"AWSTemplateFormatVersion: '2010-09-09'
Resources:
  Worker:
    Type: AWS::Lambda::Function
    Properties:
      Runtime: python3.12
      Handler: a.b
      Role: !GetAtt WorkerRole.Arn
  WorkerRole:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Version: '2012-10-17'
        Statement:
          - Effect: Allow
            Principal: {Service: lambda.amazonaws.com, AWS: 'arn:aws:iam::111122223333:role/support'}
            Action: sts:AssumeRole
      ManagedPolicyArns:
        - arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole
      Policies:
        - PolicyName: own
          PolicyDocument:
            Version: '2012-10-17'
            Statement:
              - Effect: Allow
                Action: [s3:GetObject, s3:PutObject]
                Resource: arn:aws:s3:::in/orders/*
              - Effect: Allow
                Action: sqs:SendMessage
                Resource: arn:aws:sqs:eu-west-1:111122223333:queue
                Condition: {Bool: {'aws:SecureTransport': 'true'}}
              - Effect: Deny
                Action: s3:PutObject
                Resource: arn:aws:s3:::in/orders/closed/*
"#;

/// Rule → message of the findings about creep, after the template has become `after`.
fn creep(args: &[&str], folder: &Path) -> Vec<(String, String)> {
    let output = Command::new(env!("CARGO_BIN_EXE_rolefit"))
        .args(["check", folder.to_str().unwrap(), "--format", "json"])
        .args(args)
        .output()
        .unwrap();
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    let findings = report["findings"].as_array().unwrap();
    let text = |finding: &Value, key: &str| finding[key].as_str().unwrap().to_owned();
    findings
        .iter()
        .map(|finding| (text(finding, "rule"), text(finding, "message")))
        .filter(|(rule, _)| rule.starts_with("RF02"))
        .collect()
}

fn rolefit(args: &[&str]) -> std::process::Output {
    Command::new(env!("CARGO_BIN_EXE_rolefit"))
        .args(args)
        .output()
        .unwrap()
}

fn git(folder: &Path, args: &[&str]) {
    let done = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(["-c", "user.name=t", "-c", "user.email=t@example.com"])
        .args(args)
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

/// The same change, judged against the lock, the revision before it, and the report before it.
fn judged(after: &str, expected: &[(&str, &str)]) {
    let folder = tempfile::tempdir().unwrap();
    let template = folder.path().join("template.yaml");
    std::fs::write(&template, BEFORE).unwrap();
    git(folder.path(), &["init", "-q"]);
    git(folder.path(), &["add", "."]);
    git(folder.path(), &["commit", "-qm", "before"]);
    let path = folder.path().to_str().unwrap();
    let report = folder.path().join("base.json");
    std::fs::write(&report, rolefit(&["check", path, "--format", "json"]).stdout).unwrap();
    assert_eq!(rolefit(&["lock", "--path", path]).status.code(), Some(0));
    assert_eq!(creep(&[], folder.path()), []);
    std::fs::write(&template, after).unwrap();
    for (args, is_lock) in [
        (vec![], true),
        (vec!["--base", "HEAD"], false),
        (vec!["--base-report", report.to_str().unwrap()], false),
    ] {
        let found = creep(&args, folder.path());
        answered(&args, folder.path(), &found);
        let wanted: Vec<&(&str, &str)> = expected
            .iter()
            .filter(|(rule, _)| is_lock || *rule != "RF025")
            .collect();
        assert_eq!(found.len(), wanted.len(), "{args:?}: {found:#?}");
        for ((rule, message), (expected_rule, part)) in found.iter().zip(wanted) {
            assert_eq!(rule, expected_rule, "{args:?}: {message}");
            assert!(message.contains(part), "{args:?}: {message}");
        }
    }
}

/// The comment alone answers, for each finding about growth: what is new, how risky, which line grants it and which asks
/// for it, whether it was used, what could not be seen, and how to approve it.
fn answered(args: &[&str], folder: &Path, found: &[(String, String)]) {
    let output = Command::new(env!("CARGO_BIN_EXE_rolefit"))
        .args(["check", folder.to_str().unwrap(), "--format", "markdown"])
        .args(args)
        .output()
        .unwrap();
    let comment = String::from_utf8(output.stdout).unwrap();
    let growth: Vec<_> = found.iter().filter(|(rule, _)| rule != "RF025").collect();
    let rows: Vec<Vec<&str>> = comment
        .split("**New: not in")
        .nth(1)
        .and_then(|rest| rest.split("\n\n").nth(1))
        .into_iter()
        .flat_map(|table| table.lines().skip(2))
        .map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect())
        .collect();
    assert_eq!(rows.len(), growth.len(), "{comment}");
    for ((rule, message), row) in growth.iter().zip(rows) {
        let [_, function, new, risk, lines, used] = row.as_slice() else {
            panic!("{row:?}: {comment}")
        };
        let words = |text: &str| text.replace(['`', '\\', '*'], "");
        assert!(function.starts_with('`'), "whose: {row:?}");
        assert!(new.contains(&format!("**{rule}**")), "which rule: {row:?}");
        assert!(words(new).contains(&words(message)), "what is new: {row:?}");
        assert!(
            risk.starts_with("**") || *risk == "no known way to abuse it",
            "how risky: {row:?}"
        );
        assert!(lines.contains("`template.yaml:"), "which line grants it: {row:?}");
        assert!(
            ["asked for by `", "no code asks", "not known whether code asks"]
                .iter()
                .any(|part| lines.contains(part)),
            "which line asks for it: {row:?}"
        );
        assert_eq!(*used, "no trail", "whether it was used: {row:?}");
    }
    assert!(
        comment.contains("**Not seen:**") && comment.contains("**Use:**"),
        "{comment}"
    );
    let approve = comment.contains("**Approve:** `rolefit lock Worker")
        || comment.contains("**Approve:** `rolefit lock Second");
    let base = comment.contains("**Approve:** whoever approves this change");
    match (growth.is_empty(), args.is_empty()) {
        (true, _) => assert!(
            comment.contains("No role grew beyond") && !approve && !base,
            "{comment}"
        ),
        (false, true) => assert!(approve, "how to approve: {comment}"),
        (false, false) => assert!(base, "how to approve: {comment}"),
    }
}

#[test]
fn the_comment_says_when_a_new_grant_was_used_and_which_line_asks_for_it() {
    let folder = copy_of_the_demo();
    let path = folder.path().to_str().unwrap();
    rolefit(&["lock", "--path", path]);
    let lock = folder.path().join("rolefit.lock");
    let text = std::fs::read_to_string(&lock).unwrap();
    let (head, tail) = text.split_at(text.find("name = \"PlaceOrderFunction\"").unwrap());
    let line = tail
        .lines()
        .find(|line| line.contains("dynamodb:PutItem"))
        .unwrap();
    std::fs::write(
        &lock,
        format!("{head}{}", tail.replacen(&format!("{line}\n"), "", 1)),
    )
    .unwrap();
    let comment = String::from_utf8(rolefit(&["check", path, "--format", "markdown"]).stdout).unwrap();
    let row = comment
        .lines()
        .find(|line| line.contains("**RF02") && line.contains("PutItem"))
        .unwrap();
    for part in [
        "`PlaceOrderFunction`",
        "asked for by `crates/store/src/dynamo.rs:46`",
        "44 calls, last 2026-11-17",
    ] {
        assert!(row.contains(part), "{part}: {row}");
    }
    let seen = comment
        .lines()
        .find(|line| line.starts_with("**Not seen:**"))
        .unwrap();
    assert!(seen.contains("1109 events"), "{seen}");
}

#[test]
fn the_comment_says_what_code_has_stopped_using() {
    let folder = copy_of_the_demo();
    let path = folder.path().to_str().unwrap();
    rolefit(&["lock", "--path", path]);
    let file = folder.path().join("functions/payments/src/main.rs");
    let code = std::fs::read_to_string(&file).unwrap();
    let (head, tail) = code.split_once("        self.sqs\n").unwrap();
    let (_, tail) = tail.split_once(".await?;\n").unwrap();
    std::fs::write(&file, format!("{head}{tail}")).unwrap();
    let comment = String::from_utf8(
        rolefit(&[
            "check",
            path,
            "--format",
            "markdown",
            "--function",
            "PaymentsFunction",
        ])
        .stdout,
    )
    .unwrap();
    assert!(
        comment.contains("No role grew beyond `rolefit.lock`"),
        "{comment}"
    );
    let stopped = |line: &&str| line.contains("`sqs:SendMessage`") && line.contains("RF001");
    assert!(
        comment
            .lines()
            .any(|line| stopped(&line) && line.contains("`template.yaml:")),
        "{comment}"
    );
}

fn copy_of_the_demo() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    super::folder::copy(Path::new("docs/demo/orders"), folder.path());
    folder
}

#[test]
fn an_added_permission() {
    judged(
        &BEFORE.replace(
            "[s3:GetObject, s3:PutObject]",
            "[s3:GetObject, s3:PutObject, s3:DeleteObject]",
        ),
        &[("RF020", "`Worker` gained `s3:DeleteObject` on `s3:in/orders/*`")],
    );
}

#[test]
fn a_pattern_widened_by_one_character() {
    judged(
        &BEFORE.replace(
            "in/orders/*\n              - Effect: Allow",
            "in/orders*\n              - Effect: Allow",
        ),
        &[(
            "RF021",
            "is granted more of `s3:GetObject`, `s3:PutObject` on `s3:in/orders*`",
        )],
    );
}

#[test]
fn a_dropped_condition() {
    judged(
        &BEFORE.replace(
            "                Condition: {Bool: {'aws:SecureTransport': 'true'}}\n",
            "",
        ),
        &[("RF021", "is granted more of `sqs:SendMessage`")],
    );
}

#[test]
fn a_dropped_deny() {
    let at = BEFORE.find("              - Effect: Deny").unwrap();
    judged(&BEFORE[..at], &[("RF021", "is granted more of `s3:PutObject`")]);
}

#[test]
fn a_permission_taken_away() {
    judged(
        &BEFORE.replace("[s3:GetObject, s3:PutObject]", "[s3:GetObject]"),
        &[("RF025", "approves `s3:PutObject` for `Worker`")],
    );
}

#[test]
fn somebody_else_may_be_the_role() {
    let other = |principal: &str| {
        let approved = "            Action: sts:AssumeRole\n";
        let more = format!(
            "          - {{Effect: Allow, Principal: {{AWS: {principal}}}, Action: sts:AssumeRole}}\n"
        );
        BEFORE.replace(approved, &format!("{approved}{more}"))
    };
    judged(
        &other("'210987654321'"),
        &[("RF024", "`210987654321` of another account may be the role")],
    );
    judged(
        &other("'arn:aws:iam::210987654321:root'"),
        &[(
            "RF024",
            "`arn:aws:iam::210987654321:root` of another account may be the role",
        )],
    );
    judged(
        &other("!Sub 'arn:aws:iam::${AWS::AccountId}:role/ci'"),
        &[(
            "RF024",
            "`arn:aws:iam::${AWS::AccountId}:role/ci` of the role's own account",
        )],
    );
}

#[test]
fn the_same_meaning_in_other_words() {
    let rewritten = BEFORE.replace(
        "              - Effect: Allow
                Action: [s3:GetObject, s3:PutObject]
                Resource: arn:aws:s3:::in/orders/*
",
        "              - Effect: Allow
                Action: S3:GetObject
                Resource: [arn:aws:s3:::in/orders/*, arn:aws:s3:::in/orders/open/*]
              - Effect: Allow
                Action: s3:PutObject
                Resource: arn:aws:s3:::in/orders/**
",
    );
    assert_ne!(rewritten, BEFORE);
    judged(&rewritten, &[]);
}

#[test]
fn a_new_function() {
    let more = format!(
        "{BEFORE}  Second:\n    Type: AWS::Lambda::Function\n    Properties:\n      Runtime: python3.12\n      \
         Handler: a.c\n      Role: !GetAtt WorkerRole.Arn\n"
    );
    judged(
        &more,
        &[("RF020", "`Second` is new: no grant of its role `WorkerRole`")],
    );
}

#[test]
fn a_managed_policy_that_aws_changed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    let attached = BEFORE.replace(
        "service-role/AWSLambdaBasicExecutionRole",
        "service-role/AWSLambdaRole\n        - arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess",
    );
    std::fs::write(folder.path().join("template.yaml"), attached).unwrap();
    rolefit(&["lock", "--path", path]);
    let lock = folder.path().join("rolefit.lock");
    let text = std::fs::read_to_string(&lock).unwrap();
    let line = text
        .lines()
        .find(|line| line.contains("AmazonS3ReadOnlyAccess"))
        .unwrap();
    let printed = rolefit(&["catalog", "policy", "AmazonS3ReadOnlyAccess", "--version", "v1"]);
    assert!(printed.status.success(), "an older version is known");
    let older = rolefit::gate::lock::LockedPolicy::at(
        rolefit::catalog::Catalog::embedded(),
        "AmazonS3ReadOnlyAccess",
        "v1",
    )
    .unwrap();
    let before = format!("  \"{} {} {}\",", older.name, older.version, older.digest);
    std::fs::write(&lock, text.replace(line, &before)).unwrap();
    let mut found = creep(&[], folder.path());
    found.retain(|(rule, _)| rule == "RF023");
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].1.contains("from v1 to v"), "{}", found[0].1);
    assert!(found[0].1.ends_with("which grants more"), "{}", found[0].1);
}

#[test]
fn a_base_that_is_not_there_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("template.yaml"), BEFORE).unwrap();
    git(folder.path(), &["init", "-q"]);
    let output = rolefit(&["check", folder.path().to_str().unwrap(), "--base", "origin/main"]);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("the base `origin/main` is not there"), "{said}");
}

#[test]
fn growth_is_rated_on_the_whole_role() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    let passing = BEFORE.replace(
        "[s3:GetObject, s3:PutObject]\n                Resource: arn:aws:s3:::in/orders/*",
        "[iam:PassRole, lambda:CreateFunction]\n                Resource: '*'",
    );
    std::fs::write(folder.path().join("template.yaml"), &passing).unwrap();
    rolefit(&["lock", "--path", path]);
    let after = passing.replace(
        "lambda:CreateFunction]",
        "lambda:CreateFunction, lambda:InvokeFunction]",
    );
    std::fs::write(folder.path().join("template.yaml"), after).unwrap();
    let output = rolefit(&["check", path, "--format", "json"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let finding = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["rule"] == "RF020")
        .unwrap();
    assert_eq!(finding["severity"], "high", "{finding}");
    let comment = String::from_utf8(rolefit(&["check", path, "--format", "markdown"]).stdout).unwrap();
    assert!(
        comment.contains("| **high**<br>") && comment.contains("lambda-001"),
        "{comment}"
    );
}

#[test]
fn another_principal_takes_the_place_of_an_approved_one() {
    let after = BEFORE.replace("111122223333:role/support", "210987654321:role/support");
    judged(
        &after,
        &[(
            "RF024",
            "`arn:aws:iam::210987654321:role/support` of another account",
        )],
    );
}
