//! `rolefit replay`: recorded requests, the policies they are put to, and what is said of them.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::folder::copy;

const MAIN: &str = r#"
use aws_sdk_dynamodb::Client;

#[tokio::main]
async fn main() {
    let client = Client::new(&aws_config::load_from_env().await);
    client.get_item().table_name(std::env::var("TABLE").unwrap()).send().await;
}
"#;

const MANIFEST: &str = r#"[package]
name = "reader"
version = "0.1.0"
edition = "2024"

[dependencies]
aws-config = "1"
aws-sdk-dynamodb = "1"
tokio = { version = "1", features = ["full"] }
"#;

const TEMPLATE: &str = r#"AWSTemplateFormatVersion: '2010-09-09'
Parameters:
  Stage: {Type: String}
Resources:
  Orders:
    Type: AWS::DynamoDB::Table
    Properties: {TableName: !Sub 'orders-${Stage}'}
  Inbox:
    Type: AWS::SQS::Queue
  Reader:
    Type: AWS::Lambda::Function
    Properties:
      FunctionName: !Sub 'reader-${Stage}'
      Runtime: provided.al2023
      Handler: bootstrap
      Code: target/lambda/reader
      Role: !GetAtt ReaderRole.Arn
      Environment: {Variables: {TABLE: !Ref Orders}}
  ReaderRole:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Version: '2012-10-17'
        Statement:
          - {Effect: Allow, Principal: {Service: lambda.amazonaws.com}, Action: sts:AssumeRole}
      Policies:
        - PolicyName: own
          PolicyDocument:
            Version: '2012-10-17'
            Statement:
              - Sid: Table
                Effect: Allow
                Action: dynamodb:GetItem
                Resource: !GetAtt Orders.Arn
              - Sid: Queue
                Effect: Allow
                Action: sqs:SendMessage
                Resource: !GetAtt Inbox.Arn
"#;

const ROLE: &str = "shop-ReaderRole-1A2B3C";

/// A project with one function, and a trail beside it.
struct Project(tempfile::TempDir);

impl Project {
    fn new() -> Self {
        let project = Self(tempfile::tempdir().unwrap());
        std::fs::create_dir_all(project.0.path().join("src")).unwrap();
        project.write("Cargo.toml", MANIFEST);
        project.write("src/main.rs", MAIN);
        project.write("template.yaml", TEMPLATE);
        project
    }

    fn write(&self, file: &str, text: &str) {
        std::fs::write(self.0.path().join(file), text).unwrap();
    }

    fn trail(&self, records: &[Value]) {
        self.write("trail.json", &json!({ "Records": records }).to_string());
    }

    fn replay(&self, args: &[&str]) -> (Value, i32) {
        let output = run(
            self.0.path(),
            &[&["--usage", "trail.json", "--format", "json"], args].concat(),
        );
        let text = String::from_utf8_lossy(&output.stdout);
        let answer = serde_json::from_str(&text)
            .unwrap_or_else(|_| panic!("{text}{}", String::from_utf8_lossy(&output.stderr)));
        (answer, output.status.code().unwrap())
    }
}

fn run(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rolefit"))
        .arg("replay")
        .args(args)
        .current_dir(folder)
        .output()
        .unwrap()
}

/// A call of the function, made on a day of November 2026.
fn record(day: u32, service: &str, name: &str, parameters: Value, more: Value) -> Value {
    let arn = "arn:aws:lambda:eu-west-1:111122223333:function:reader-prod";
    let mut record = json!({
        "eventVersion": "1.11",
        "userIdentity": {
            "type": "AssumedRole",
            "principalId": "AROAQAAAAAAAAAAAREADR:reader-prod",
            "arn": format!("arn:aws:sts::111122223333:assumed-role/{ROLE}/reader-prod"),
            "accountId": "111122223333",
            "sessionContext": {"sessionIssuer": {
                "type": "Role", "principalId": "AROAQAAAAAAAAAAAREADR", "accountId": "111122223333",
                "arn": format!("arn:aws:iam::111122223333:role/{ROLE}"), "userName": ROLE,
            }},
            "inScopeOf": {
                "issuerType": "AWS::Lambda::Function",
                "credentialsIssuedTo": arn,
                "credentialsIssuedToVersion": format!("{arn}:$LATEST"),
            },
        },
        "eventTime": format!("2026-11-{day:02}T10:00:00Z"),
        "eventSource": format!("{service}.amazonaws.com"),
        "eventName": name,
        "awsRegion": "eu-west-1",
        "userAgent": "aws-sdk-rust/1.3.0 os/linux lang/rust/1.95.0",
        "requestParameters": parameters,
        "eventID": format!("{service}-{name}-{day}"),
        "eventType": "AwsApiCall",
        "eventCategory": "Data",
        "managementEvent": false,
        "recipientAccountId": "111122223333",
    });
    let fields = record.as_object_mut().unwrap();
    for (key, value) in more.as_object().unwrap() {
        fields.insert(key.clone(), value.clone());
    }
    record
}

fn get_item(day: u32, table: &str) -> Value {
    let arn = format!("arn:aws:dynamodb:eu-west-1:111122223333:table/{table}");
    let resources = json!([{"accountId": "111122223333", "type": "AWS::DynamoDB::Table", "ARN": arn}]);
    record(
        day,
        "dynamodb",
        "GetItem",
        json!({"tableName": table, "key": {"id": "HIDDEN_DUE_TO_SECURITY_REASONS"}}),
        json!({"resources": resources, "eventID": format!("{table}-{day}")}),
    )
}

fn send_message(day: u32, queue: &str) -> Value {
    let url = format!("https://sqs.eu-west-1.amazonaws.com/111122223333/{queue}");
    record(
        day,
        "sqs",
        "SendMessage",
        json!({"queueUrl": url}),
        json!({"eventID": format!("{queue}-{day}")}),
    )
}

/// `action resource verdict`, one a request, in the order of the answer.
fn said(answer: &Value) -> Vec<String> {
    let requests = answer["functions"].as_array().unwrap().iter();
    requests
        .flat_map(|function| function["requests"].as_array().unwrap())
        .map(|one| {
            let resources: Vec<&str> = one["resources"]
                .as_array()
                .unwrap()
                .iter()
                .map(|resource| resource.as_str().unwrap().rsplit(':').next().unwrap())
                .collect();
            format!(
                "{} {} {} {}",
                one["recorded"].as_str().unwrap(),
                one["action"].as_str().unwrap_or("?"),
                resources.join("+"),
                one["verdict"].as_str().unwrap()
            )
        })
        .collect()
}

#[test]
fn the_demo_passes_what_was_recorded() {
    let folder = tempfile::tempdir().unwrap();
    copy(Path::new("docs/demo/orders"), folder.path());
    let json = |args: &[&str]| {
        let output = run(folder.path(), &[&["--format", "json"], args].concat());
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        (answer, output.status.code().unwrap())
    };
    let (answer, code) = json(&[]);
    assert_eq!((answer["summary"]["refused"].as_u64(), code), (Some(0), 0));
    assert_eq!(
        answer["summary"]["pass_now"], 1,
        "the refused query passes with the new policy"
    );

    // The code alone does not explain the tags that were read.
    let (answer, code) = json(&["--against", "code"]);
    let refused: Vec<String> = said(&answer)
        .into_iter()
        .filter(|line| line.ends_with(" refused"))
        .collect();
    assert_eq!(code, 1);
    assert_eq!(refused.len(), 1, "{refused:?}");
    assert!(refused[0].contains("s3:GetObjectTagging"), "{refused:?}");

    // Today one query is refused, and the log agrees.
    let (answer, code) = json(&["--against", "current"]);
    assert_eq!(code, 1);
    let api = &answer["functions"][0];
    let query = api["requests"].as_array().unwrap().last().unwrap();
    assert_eq!(query["verdict"], "refused");
    assert_eq!(query["log"]["policy"], "identity-based policy");
    assert_eq!(query["log"]["expected"], true);
    assert_eq!(query["calls"], 3);
    assert_eq!(query["nearest"][0]["line"], 137);
    assert_eq!(answer["summary"]["refused"], 0);
}

#[test]
fn symbols_are_settled_by_recorded_names() {
    let project = Project::new();
    project.trail(&[
        get_item(4, "orders-prod"),
        get_item(5, "orders-staging"),
        send_message(4, "shop-Inbox-XYZ"),
        send_message(4, "other-Inbox-XYZ"),
    ]);
    let (answer, code) = project.replay(&["--against", "current"]);
    assert_eq!(
        said(&answer),
        [
            "went-through dynamodb:GetItem table/orders-staging refused",
            "went-through sqs:SendMessage other-Inbox-XYZ refused",
            "went-through dynamodb:GetItem table/orders-prod allowed",
            "went-through sqs:SendMessage shop-Inbox-XYZ allowed",
        ],
        "the function's own name tells the stage, its role's the stack"
    );
    assert_eq!(code, 1);
    assert_eq!(answer["functions"][0]["requests"][2]["assuming"], json!([]));
}

#[test]
fn a_window_leaves_out_what_lies_outside() {
    let project = Project::new();
    project.trail(&[get_item(4, "orders-prod"), get_item(9, "invoices")]);
    let replay = |args: &[&str]| project.replay(&[&["--against", "current"], args].concat());
    assert_eq!(replay(&[]).1, 1);
    let (answer, code) = replay(&["--until", "2026-11-08"]);
    assert_eq!((answer["summary"]["requests"].as_u64(), code), (Some(1), 0));
    assert_eq!(answer["trail"]["until"], "2026-11-08T23:59:59Z");
    let (answer, code) = replay(&["--since", "2026-11-09T10:00:00Z"]);
    assert_eq!((answer["summary"]["refused"].as_u64(), code), (Some(1), 1));
    assert_eq!(replay(&["--since", "2026-11-10"]).1, 3, "nothing is left");
    let output = run(
        project.0.path(),
        &["--usage", "trail.json", "--since", "yesterday"],
    );
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("`yesterday` is neither a day"));
}

#[test]
fn a_policy_file_is_named_with_its_lines() {
    let project = Project::new();
    project.trail(&[get_item(4, "orders-prod"), send_message(4, "jobs")]);
    project.write(
        "new.json",
        r#"{"Version": "2012-10-17", "Statement": [
  {"Effect": "Allow", "Action": "*", "Resource": "*"},
  {"Sid": "NoQueues", "Effect": "Deny", "Action": "sqs:*", "Resource": "*"}
]}"#,
    );
    let (answer, code) = project.replay(&["--policy", "new.json"]);
    assert_eq!(code, 1);
    let refused = &answer["functions"][0]["requests"][0];
    assert_eq!(refused["action"], "sqs:SendMessage");
    assert_eq!(
        refused["by"],
        json!({"policy": "new.json", "statement": 1, "sid": "NoQueues", "file": "new.json", "line": 3})
    );
    assert_eq!(refused["events"], json!(["jobs-4"]));
    let text = run(
        project.0.path(),
        &["--usage", "trail.json", "--policy", "new.json"],
    );
    let text = String::from_utf8_lossy(&text.stdout).into_owned();
    assert!(
        text.contains("a statement denies it: new.json:3 `NoQueues`"),
        "{text}"
    );
    project.write("broken.json", "{}");
    let output = run(
        project.0.path(),
        &["--usage", "trail.json", "--policy", "broken.json"],
    );
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn what_cannot_be_told_is_neither_passed_nor_refused() {
    let project = Project::new();
    let many = (0..70).map(|n| {
        let arn = format!("arn:aws:s3:::files/in/{n}/x.txt");
        record(
            4,
            "s3",
            "GetObject",
            json!({"bucketName": "files", "key": format!("in/{n}/x.txt")}),
            json!({"resources": [{"type": "AWS::S3::Object", "ARN": arn}], "eventID": format!("s3-{n}")}),
        )
    });
    let mut records: Vec<Value> = many.collect();
    records.push(record(4, "nimbus", "FloatCloud", json!({}), json!({})));
    project.trail(&records);
    let allow = |resource: &str| {
        format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":"s3:GetObject","Resource":"{resource}"}}]}}"#
        )
    };
    project.write("wide.json", &allow("arn:aws:s3:::files/in/*"));
    project.write("narrow.json", &allow("arn:aws:s3:::files/in/*/y.txt"));
    project.write("partly.json", &allow("arn:aws:s3:::files/in/*/*/*/x.txt"));
    let verdict = |policy: &str| {
        let (answer, code) = project.replay(&["--policy", policy]);
        let lines = said(&answer);
        let unknown = lines
            .iter()
            .any(|line| line.starts_with("went-through ?") && line.ends_with("cannot-tell"));
        assert!(
            unknown,
            "an operation that the catalogue does not know: {lines:?}"
        );
        let object = lines
            .into_iter()
            .find(|line| line.contains("s3:GetObject"))
            .unwrap();
        (object.rsplit(' ').next().unwrap().to_owned(), code)
    };
    assert_eq!(verdict("wide.json"), ("allowed".to_owned(), 0));
    assert_eq!(verdict("narrow.json"), ("refused".to_owned(), 1));
    assert_eq!(verdict("partly.json"), ("cannot-tell".to_owned(), 0));
    assert_eq!(project.replay(&["--policy", "partly.json", "--strict"]).1, 4);
}

#[test]
fn refusals_are_held_against_the_log() {
    let project = Project::new();
    let refused = |table: &str, action: &str, reason: &str| {
        let mut record = get_item(6, table);
        let message = format!(
            "User: arn:aws:sts::111122223333:assumed-role/{ROLE}/reader-prod is not authorized to perform: {action} on \
             resource: arn:aws:dynamodb:eu-west-1:111122223333:table/{table} {reason}"
        );
        record["errorCode"] = "AccessDeniedException".into();
        record["errorMessage"] = message.into();
        record
    };
    project.trail(&[
        refused(
            "invoices",
            "dynamodb:GetItem",
            "because no identity-based policy allows the dynamodb:GetItem action",
        ),
        refused(
            "orders-prod",
            "dynamodb:GetItem",
            "with an explicit deny in a service control policy",
        ),
        refused(
            "odd",
            "dynamodb:PartiQLSelect",
            "because no identity-based policy allows it",
        ),
    ]);
    let (answer, code) = project.replay(&["--against", "current"]);
    assert_eq!(
        said(&answer),
        [
            "refused dynamodb:GetItem table/invoices refused",
            "refused dynamodb:PartiQLSelect table/odd refused",
            "refused dynamodb:GetItem table/orders-prod allowed",
        ]
    );
    assert_eq!(code, 1, "some requests are refused today");
    let requests = &answer["functions"][0]["requests"];
    assert_eq!(
        requests[1]["log"]["expected"], false,
        "the log names another action than the catalogue"
    );
    assert_eq!(requests[2]["log"]["policy"], "service control policy");
    assert_eq!(answer["summary"]["refused_then"], 3);
    // A refused attempt is no need: the generated policies need not allow it.
    assert_eq!(project.replay(&["--against", "code"]).1, 0);
    let text = run(
        project.0.path(),
        &["--usage", "trail.json", "--against", "current"],
    );
    let text = String::from_utf8_lossy(&text.stdout).into_owned();
    assert!(text.contains("not up to the role's policies alone"), "{text}");
}

#[test]
fn calls_of_a_shared_role_need_the_same_of_all() {
    let project = Project::new();
    let writer = TEMPLATE
        .split("  ReaderRole:")
        .next()
        .unwrap()
        .split("  Reader:")
        .nth(1)
        .unwrap();
    let template = TEMPLATE.replace(
        "  ReaderRole:",
        &format!(
            "  Writer:{}  ReaderRole:",
            writer
                .replace("reader-", "writer-")
                .replace("lambda/reader", "lambda/writer")
        ),
    );
    project.write("template.yaml", &template);
    let mut nameless = get_item(4, "orders-prod");
    let identity = nameless["userIdentity"].as_object_mut().unwrap();
    identity.remove("inScopeOf");
    let session = format!("arn:aws:sts::111122223333:assumed-role/{ROLE}/somebody");
    identity.insert("arn".to_owned(), session.into());
    project.trail(&[nameless]);
    let (answer, code) = project.replay(&["--against", "current"]);
    let shared = answer["functions"].as_array().unwrap().last().unwrap();
    assert_eq!(shared["name"], format!("role {ROLE}"));
    assert_eq!(shared["requests"][0]["verdict"], "allowed", "{shared}");
    assert_eq!(code, 0);
    let (answer, _) = project.replay(&["--against", "code"]);
    let shared = answer["functions"].as_array().unwrap().last().unwrap();
    assert_eq!(
        shared["requests"][0]["verdict"], "cannot-tell",
        "one of them has no code that reads: {shared}"
    );
}

#[test]
fn without_a_trail_it_says_what_to_do() {
    let project = Project::new();
    let output = run(project.0.path(), &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("give `--usage`"));
}
