//! `[synthesis] conditions`: listing is limited by `s3:prefix` where every call meets that, and nowhere else.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

const TEMPLATE: &str = "Transform: AWS::Serverless-2016-10-31
Parameters:
  Stage: { Type: String }
Resources:
  Inbox: { Type: AWS::S3::Bucket }
  Worker:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: provided.al2023
      Handler: bootstrap
      CodeUri: target/lambda/worker
      Environment: { Variables: { INBOX: !Ref Inbox, AREA: !Sub 'area/${Stage}/' } }
      Policies:
        - Statement:
            - { Effect: Allow, Action: [s3:ListBucket, s3:GetObject], Resource: ROLE }
";

/// What the role grants, on the bucket alone or under a condition, too.
const BUCKET: &str = "!GetAtt Inbox.Arn";

/// A project whose only function does `calls` with `client` on `bucket`; `key` is known at run time only.
struct Project(tempfile::TempDir);

impl Project {
    fn new(calls: &str, role: &str) -> Self {
        let project = Self(tempfile::tempdir().unwrap());
        project.write("template.yaml", &TEMPLATE.replace("ROLE", role));
        project.write(
            "Cargo.toml",
            "[package]\nname = \"worker\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[dependencies]\naws-sdk-s3 = \"1\"\n",
        );
        project.write(
            "src/main.rs",
            &format!(
                "async fn work(client: aws_sdk_s3::Client, key: String) {{\n    let bucket = \
                 std::env::var(\"INBOX\").unwrap();\n{calls}\n}}\nfn main() {{ work(todo!(), todo!()); }}\n"
            ),
        );
        project.write(
            "rolefit.toml",
            "version = 1\n[synthesis]\nconditions = [\"s3:prefix\"]\n",
        );
        project
    }

    fn write(&self, file: &str, text: &str) {
        let path = self.0.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_rolefit"))
            .args(arguments)
            .current_dir(self.0.path())
            .env("NO_COLOR", "1")
            .env_remove("ROLEFIT_CONFIG")
            .output()
            .unwrap()
    }

    fn said(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    }

    fn report(&self, arguments: &[&str]) -> Value {
        let output = self.run(&[&["check", "--format", "json"], arguments].concat());
        serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)))
    }
}

/// The needed grants of the action on the bucket: condition, verdict.
fn listing(report: &Value, action: &str) -> Vec<(Value, String)> {
    let grants = report["functions"][0]["grants"].as_array().unwrap();
    let needed = grants
        .iter()
        .filter(|grant| grant["action"] == action && !grant["because"].as_array().unwrap().is_empty());
    needed
        .map(|grant| {
            (
                grant["conditions"].clone(),
                grant["verdict"].as_str().unwrap().to_owned(),
            )
        })
        .collect()
}

/// Places and reasons of the findings about conditions that were left out.
fn left_out(report: &Value) -> Vec<String> {
    let findings = report["findings"].as_array().unwrap().iter();
    let of_rule = findings.filter(|finding| finding["rule"] == "RF044");
    of_rule
        .flat_map(|finding| {
            assert_eq!(finding["level"], "note");
            let places = finding["locations"].as_array().unwrap().iter();
            let told = places.map(|place| {
                let (file, label) = (place["file"].as_str().unwrap(), place["label"].as_str().unwrap());
                format!("{file}:{} {label}", place["line"])
            });
            told.collect::<Vec<_>>()
        })
        .collect()
}

fn like(values: &[&str]) -> Value {
    json!({ "StringLike": { "s3:prefix": values } })
}

const LIST: &str = "client.list_objects_v2().bucket(&bucket)";

#[test]
fn known_prefixes_are_conditions() {
    for (calls, action, expected) in [
        (
            format!("{LIST}.prefix(\"in/\").send().await;"),
            "s3:ListBucket",
            &["in/"][..],
        ),
        (
            format!(
                "{LIST}.prefix(\"in/\").send().await;\nclient.list_objects().bucket(&bucket).prefix(\"a/b\").send().await;"
            ),
            "s3:ListBucket",
            &["a/b", "in/"],
        ),
        (
            format!("{LIST}.prefix(\"in/\").into_paginator().send();"),
            "s3:ListBucket",
            &["in/"],
        ),
        (
            format!("{LIST}.prefix(format!(\"in/{{key}}/{{key}}\")).send().await;"),
            "s3:ListBucket",
            &["in/*/*"],
        ),
        (
            format!(
                "let area = std::env::var(\"AREA\").unwrap();\n{LIST}.prefix(format!(\"{{area}}{{key}}\")).send().await;"
            ),
            "s3:ListBucket",
            &["area/${Stage}/*"],
        ),
        (
            "client.list_object_versions().bucket(&bucket).prefix(\"in/\").send().await;".to_owned(),
            "s3:ListBucketVersions",
            &["in/"],
        ),
    ] {
        let report = Project::new(&calls, BUCKET).report(&[]);
        let found: Vec<Value> = listing(&report, action)
            .into_iter()
            .map(|(conditions, _)| conditions)
            .collect();
        assert_eq!(found, [like(expected)], "{calls}");
        assert_eq!(left_out(&report), [""; 0], "{calls}");
    }
}

#[test]
fn a_condition_that_a_call_may_not_meet_is_left_out_with_the_reason() {
    for (calls, reason) in [
        (
            format!("{LIST}.send().await;"),
            "src/main.rs:3 s3.ListObjectsV2 does not set Prefix",
        ),
        (
            format!(
                "{LIST}.prefix(\"in/\").send().await;\nclient.head_bucket().bucket(&bucket).send().await;"
            ),
            "src/main.rs:4 s3.HeadBucket does not set Prefix",
        ),
        (
            format!(
                "let mut call = {LIST};\nif key.is_empty() {{ call = call.prefix(\"in/\"); }}\ncall.send().await;"
            ),
            "src/main.rs:3 s3.ListObjectsV2 does not always set Prefix",
        ),
        (
            format!("{LIST}.prefix(&key).send().await;"),
            "src/main.rs:3 the value of Prefix is not known (",
        ),
        (
            format!("{LIST}.prefix(\"\").send().await;"),
            "src/main.rs:3 the value of Prefix is not known (it starts as an empty text",
        ),
        (
            format!("{LIST}.prefix(\"what?\").send().await;"),
            "src/main.rs:3 Prefix holds a sign that conditions read otherwise: `what?`",
        ),
    ] {
        let report = Project::new(&calls, BUCKET).report(&[]);
        assert_eq!(
            listing(&report, "s3:ListBucket"),
            [(json!({}), "keep".to_owned())],
            "{calls}"
        );
        let said = left_out(&report);
        assert!(
            said.len() == 1 && said[0].starts_with(reason),
            "{calls}: {said:?}"
        );
    }
}

/// What lists beside the code's own calls sets no prefix that is known.
#[test]
fn needs_beside_the_code_leave_the_condition_out() {
    let calls = format!(
        "{LIST}.prefix(\"in/\").send().await;\nclient.get_object().bucket(&bucket).key(\"in/a\").send().await;"
    );
    let project = Project::new(&calls, BUCKET);
    assert_eq!(left_out(&project.report(&[])), [""; 0]);
    let asked = "version = 1\n[synthesis]\nconditions = [\"s3:prefix\"]\n";
    project.write(
        "rolefit.toml",
        &format!("{asked}allow_list_bucket_for_404 = true\n"),
    );
    let said = left_out(&project.report(&[]));
    assert!(
        said.len() == 1 && said[0].contains("allow_list_bucket_for_404"),
        "{said:?}"
    );
    let need = "[[need]]\nfunction = \"Worker\"\noperation = \"s3.ListObjectsV2\"\nresource = \"${Inbox}\"\nreason = \"the layer\"\n";
    project.write("rolefit.toml", &format!("{asked}{need}"));
    let said = left_out(&project.report(&[]));
    assert!(said.len() == 1 && said[0].contains("the layer"), "{said:?}");
}

/// A role without the condition is wider, which is reported like any other excess and fails nothing by itself.
#[test]
fn a_role_without_the_condition_is_wider_and_one_with_it_fits() {
    let calls = format!(
        "{LIST}.prefix(\"in/\").send().await;\nclient.get_object().bucket(&bucket).key(\"in/a\").send().await;"
    );
    let role = "[!GetAtt Inbox.Arn, !Sub '${Inbox.Arn}/in/a']";
    let project = Project::new(&calls, role);
    let check = project.run(&["check"]);
    let told = String::from_utf8(check.stdout).unwrap();
    assert!(check.status.success(), "{told}");
    assert!(
        told.contains("RF003") && told.contains("needed on `s3:Inbox` with s3:prefix `in/` (src/main.rs:3)"),
        "{told}"
    );
    assert_eq!(
        listing(&project.report(&[]), "s3:ListBucket"),
        [(like(&["in/"]), "narrow".to_owned())]
    );

    let why = project.said(&["explain", "Worker", "s3:ListBucket"]);
    for part in [
        "StringLike s3:prefix in/",
        "`synthesis.conditions`",
        "`in/` at src/main.rs:3",
        "rolefit.toml:3",
    ] {
        assert!(why.contains(part), "{part}: {why}");
    }
    assert!(
        project
            .said(&["generate", "--write"])
            .contains("s3:prefix: 'in/'")
    );
    assert_eq!(
        listing(&project.report(&[]), "s3:ListBucket"),
        [(like(&["in/"]), "keep".to_owned())]
    );
    project.said(&["generate", "--write", "--check"]);
    // A role that is limited to something else refuses the call.
    let template = std::fs::read_to_string(project.0.path().join("template.yaml")).unwrap();
    project.write(
        "template.yaml",
        &template.replace("s3:prefix: 'in/'", "s3:prefix: 'out/'"),
    );
    assert_eq!(project.run(&["check"]).status.code(), Some(1));
}

#[test]
fn every_language_writes_the_condition() {
    let calls = format!(
        "let area = std::env::var(\"AREA\").unwrap();\n{LIST}.prefix(format!(\"{{area}}{{key}}\")).send().await;"
    );
    let project = Project::new(&calls, BUCKET);
    for (format, written) in [
        ("json", "\"s3:prefix\": \"area/${Stage}/*\""),
        ("sam", "s3:prefix: !Sub 'area/${Stage}/*'"),
        ("cdk", "'s3:prefix': `area/${props.stage}/*`"),
        ("terraform", "values   = [\"area/${var.stage}/*\"]"),
        ("serverless", "s3:prefix: !Sub 'area/${Stage}/*'"),
    ] {
        let said = project.said(&["generate", "--format", format]);
        assert!(said.contains(written), "{format}: {said}");
    }
}

/// What the trail saw of the same calls fits them; anything else leaves the condition out.
#[test]
fn the_trail_may_know_of_other_prefixes() {
    let project = Project::new(&format!("{LIST}.prefix(\"in/\").send().await;"), BUCKET);
    let record = |name: &str, parameters: &str| {
        let record = format!(
            "{{\"Records\": [{{\"eventVersion\": \"1.10\", \"eventTime\": \"2026-11-03T08:00:00Z\", \"eventSource\": \
             \"s3.amazonaws.com\", \"eventName\": \"{name}\", \"awsRegion\": \"eu-west-1\", \"eventID\": \
             \"7c9e6679-7425-40de-944b-e07fc1f90ae7\", \"eventType\": \"AwsApiCall\", \"managementEvent\": false, \
             \"eventCategory\": \"Data\", \"recipientAccountId\": \"111122223333\", \"userIdentity\": {{\"type\": \
             \"AssumedRole\", \"principalId\": \"AROAEXAMPLE:shop-Worker-1ABC\", \"arn\": \
             \"arn:aws:sts::111122223333:assumed-role/shop-WorkerRole-1ABC/shop-Worker-1ABC\", \"accountId\": \
             \"111122223333\", \"sessionContext\": {{\"sessionIssuer\": {{\"type\": \"Role\", \"principalId\": \
             \"AROAEXAMPLE\", \"arn\": \"arn:aws:iam::111122223333:role/shop-WorkerRole-1ABC\", \"accountId\": \
             \"111122223333\", \"userName\": \"shop-WorkerRole-1ABC\"}}}}}}, \"userAgent\": \"aws-sdk-rust/1.3 \
             exec-env/AWS_Lambda_provided.al2023\", \"requestParameters\": {{\"bucketName\": \"shop-inbox-1x2y\", \
             \"Host\": \"shop-inbox-1x2y.s3.eu-west-1.amazonaws.com\"{parameters}}}, \"resources\": [{{\"type\": \
             \"AWS::S3::Bucket\", \"ARN\": \"arn:aws:s3:::shop-inbox-1x2y\", \"accountId\": \"111122223333\"}}]}}]}}"
        );
        project.write("trail/events.json", &record);
        let report = project.report(&["--usage", "trail"]);
        (listing(&report, "s3:ListBucket"), left_out(&report))
    };
    let limited = (like(&["in/"]), "narrow".to_owned());
    assert_eq!(
        record("ListObjects", ", \"list-type\": \"2\", \"prefix\": \"in/\""),
        (vec![limited], vec![])
    );
    let (found, said) = record("ListObjects", ", \"list-type\": \"2\", \"prefix\": \"out/\"");
    assert_eq!(found, [(json!({}), "keep".to_owned())]);
    assert_eq!(
        said,
        ["template.yaml:6 the trail saw s3.ListObjectsV2 with Prefix `out/`"]
    );
    let (_, said) = record("HeadBucket", "");
    assert_eq!(
        said,
        ["template.yaml:6 the trail saw s3.HeadBucket, which no code explains"]
    );
}

#[test]
fn keys_of_tables_are_no_condition_that_can_be_made() {
    let project = Project::new("", BUCKET);
    project.write(
        "rolefit.toml",
        "version = 1\n[synthesis]\nconditions = [\"dynamodb:LeadingKeys\", \"s3:perfix\"]\n",
    );
    let output = project.run(&["check"]);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    for part in [
        "`dynamodb:LeadingKeys` is no condition that can be made",
        "ForAllValues",
        "did you mean `s3:prefix`?",
    ] {
        assert!(said.contains(part), "{said}");
    }
}

/// The demo has a listing nowhere: nothing changes there but that it is asked for.
#[test]
fn a_project_that_lists_nothing_is_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    super::folder::copy(Path::new("docs/demo/orders"), folder.path());
    let generate = || {
        let output = Command::new(env!("CARGO_BIN_EXE_rolefit"))
            .args(["generate", "."])
            .current_dir(folder.path())
            .output();
        output.unwrap().stdout
    };
    let before = generate();
    let file = folder.path().join("rolefit.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text + "\n[synthesis]\nconditions = [\"s3:prefix\"]\n").unwrap();
    assert_eq!(before, generate());
}
