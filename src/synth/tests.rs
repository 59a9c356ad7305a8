//! What functions of stack templates need, from evidence to grants.

use std::collections::BTreeSet;
use std::path::Path;

use super::*;
use crate::catalog::template::templates;
use crate::usage::{Because, Confidence, Inputs, OperationId, Piece, ResourceHint};
use crate::workspace::deploy::{self, Deployments};

const TEMPLATE: &str = "\
Transform: AWS::Serverless-2016-10-31
Parameters:
  Stage: { Type: String }
Resources:
  Orders: { Type: AWS::DynamoDB::Table, Properties: { TableName: !Sub 'orders-${Stage}' } }
  Files: { Type: AWS::S3::Bucket, Properties: { BucketName: !Sub 'files-${Stage}' } }
  Key: { Type: AWS::KMS::Key }
  Inbox: { Type: AWS::SQS::Queue, Properties: { KmsMasterKeyId: !Ref Key } }
  Api:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: provided.al2023
      Handler: bootstrap
      Environment: { Variables: { TABLE: !Ref Orders, CONFIG: '{\"queue\": {\"name\": \"inbox\"}, \"odd\": [1]}' } }
      Events:
        Upload: { Type: S3, Properties: { Bucket: !Ref Files, Events: 's3:ObjectCreated:*' } }
";

fn deployments() -> Deployments {
    deploy::read_text("template.yaml", TEMPLATE, &|_| None)
}

fn usage(kind: BecauseKind, operation: &str, inputs: &[(&str, &str)], arns: &[&str]) -> Usage {
    let inputs: Inputs = inputs
        .iter()
        .map(|(path, value)| ((*path).to_owned(), vec![ResourceHint::literal(*value)]))
        .collect();
    Usage {
        operation: OperationId::parse(operation).unwrap(),
        inputs,
        arns: arns.iter().map(|arn| (*arn).to_owned()).collect(),
        via_service: None,
        confidence: Confidence::High,
        because: Because {
            kind,
            operation: None,
            location: None,
            note: String::new(),
        },
    }
}

/// Grants beyond those for logs: action, resource, number of reasons.
fn needs(usages: &[Usage]) -> Vec<String> {
    let read = deployments();
    let around = Surroundings {
        function: read.functions.first().unwrap(),
        stack: read.stacks.first(),
        templates: templates(),
    };
    let synthesis = synthesise(Catalog::embedded(), around, usages, &[]);
    synthesis
        .grants
        .iter()
        .filter(|grant| grant.action.prefix() != "logs")
        .map(|grant| {
            let resource = short(grant.resource.as_str());
            format!("{} on {resource} ({})", grant.action, grant.because().len())
        })
        .collect()
}

fn short(resource: &str) -> String {
    resource
        .replace("arn:${AWS::Partition}:", "")
        .replace("${AWS::Region}:${AWS::AccountId}:", "")
}

#[test]
fn a_recorded_name_is_the_resource_of_the_stack_that_it_fits() {
    let recorded = |name: &str| {
        usage(
            BecauseKind::Trail,
            "dynamodb.GetItem",
            &[("TableName", name)],
            &[],
        )
    };
    assert_eq!(
        needs(&[recorded("orders-prod")]),
        ["dynamodb:GetItem on dynamodb:table/${Orders} (1)"]
    );
    assert_eq!(
        needs(&[recorded("invoices")]),
        ["dynamodb:GetItem on dynamodb:table/invoices (1)"]
    );
}

#[test]
fn what_the_code_explains_the_trail_only_confirms() {
    let code = usage(
        BecauseKind::Code,
        "dynamodb.GetItem",
        &[("TableName", "${Orders}")],
        &[],
    );
    let recorded = usage(
        BecauseKind::Trail,
        "dynamodb.GetItem",
        &[("TableName", "orders-prod")],
        &[],
    );
    assert_eq!(
        needs(&[code, recorded]),
        ["dynamodb:GetItem on dynamodb:table/${Orders} (2)"]
    );
}

#[test]
fn recorded_arns_say_what_recorded_inputs_leave_open() {
    let arn = "arn:aws:dynamodb:eu-west-1:111122223333:table/orders-prod";
    let recorded = |inputs: &[(&str, &str)]| usage(BecauseKind::Trail, "dynamodb.GetItem", inputs, &[arn]);
    assert_eq!(
        needs(&[recorded(&[])]),
        ["dynamodb:GetItem on dynamodb:table/${Orders} (1)"]
    );
    // An input that is recorded says more than the ARN.
    assert_eq!(
        needs(&[recorded(&[("TableName", "invoices")])]),
        ["dynamodb:GetItem on dynamodb:table/invoices (1)"]
    );
    // Of the code, the ARN that somebody stated counts.
    let stated = usage(
        BecauseKind::Config,
        "dynamodb.GetItem",
        &[("TableName", "invoices")],
        &[arn],
    );
    assert_eq!(
        needs(&[stated]),
        ["dynamodb:GetItem on dynamodb:table/${Orders} (1)"]
    );
}

#[test]
fn recorded_keys_stand_for_their_folder_and_other_names_for_themselves() {
    let object = usage(
        BecauseKind::Trail,
        "s3.GetObject",
        &[("Bucket", "files-prod"), ("Key", "in/2026/a.jpg")],
        &[],
    );
    let table = usage(
        BecauseKind::Trail,
        "dynamodb.GetItem",
        &[("TableName", "a-b")],
        &[],
    );
    assert_eq!(
        needs(&[object, table]),
        [
            "dynamodb:GetItem on dynamodb:table/a-b (1)",
            "s3:GetObject on s3:::${Files}/in/2026/* (1)",
        ]
    );
}

#[test]
fn a_recorded_key_may_be_the_key_of_the_stack() {
    let key = |kind, text| usage(kind, "kms.Decrypt", &[("KeyId", text)], &[]);
    let recorded = "arn:aws:kms:eu-west-1:111122223333:key/0a1b";
    assert_eq!(
        needs(&[
            key(BecauseKind::Code, "${Key.Arn}"),
            key(BecauseKind::Trail, recorded)
        ]),
        ["kms:Decrypt on kms:key/${Key} (2)"]
    );
    let other = usage(
        BecauseKind::Trail,
        "dynamodb.GetItem",
        &[],
        &["arn:aws:dynamodb:eu-west-1:111122223333:table/0a1b"],
    );
    assert_eq!(
        needs(&[key(BecauseKind::Code, "${Key.Arn}"), other]),
        [
            "dynamodb:GetItem on dynamodb:eu-west-1:111122223333:table/0a1b (1)",
            "kms:Decrypt on kms:key/${Key} (1)",
        ]
    );
}

#[test]
fn a_stack_that_tells_its_account_spells_grants_as_the_account_does() {
    let mut read = deployments();
    let stack = read.stacks.first_mut().unwrap();
    stack.place = Some(crate::workspace::model::Place {
        partition: "aws".to_owned(),
        region: "eu-west-1".to_owned(),
        account: "111122223333".to_owned(),
    });
    let around = Surroundings {
        function: read.functions.first().unwrap(),
        stack: read.stacks.first(),
        templates: templates(),
    };
    let mut usage = usage(
        BecauseKind::Code,
        "sqs.SendMessage",
        &[("QueueUrl", "inbox")],
        &[],
    );
    usage.via_service = Some("sqs.${AWS::Region}.amazonaws.com".to_owned());
    let synthesis = synthesise(Catalog::embedded(), around, &[usage], &[]);
    let grant = synthesis
        .grants
        .iter()
        .find(|grant| grant.action.prefix() == "sqs")
        .unwrap();
    assert_eq!(
        grant.resource.as_str(),
        "arn:aws:sqs:eu-west-1:111122223333:inbox"
    );
    assert_eq!(
        grant.conditions["StringEquals"]["kms:ViaService"],
        ["sqs.eu-west-1.amazonaws.com"]
    );
}

#[test]
fn an_operation_newer_than_the_catalogue_is_granted_unverified() {
    let read = deployments();
    let around = Surroundings {
        function: read.functions.first().unwrap(),
        stack: None,
        templates: templates(),
    };
    for (operation, action) in [
        ("dynamodb.TeleportTable", "dynamodb:TeleportTable"),
        ("cloudwatchlogs.TeleportLogs", "logs:TeleportLogs"),
        ("teleport.Beam", "teleport:Beam"),
    ] {
        let usage = usage(BecauseKind::Code, operation, &[("TableName", "a")], &[]);
        let synthesis = synthesise(Catalog::embedded(), around, &[usage], &[]);
        let found = synthesis
            .grants
            .iter()
            .find(|grant| grant.action.to_string() == action);
        let grant = found.unwrap_or_else(|| panic!("{action}: {:?}", synthesis.grants));
        assert_eq!(
            (grant.resource.as_str(), grant.confidence),
            ("*", Confidence::Low)
        );
        assert!(!grant.exact);
        assert_eq!(
            synthesis.gaps.first().map(|gap| gap.code),
            Some("unknown-operation")
        );
    }
}

#[test]
fn a_field_of_the_payload_is_what_triggers_the_function() {
    let reads = |path: &str| {
        let mut read = usage(BecauseKind::Code, "s3.GetObject", &[("Key", "a.jpg")], &[]);
        let pieces = vec![Piece::Event {
            path: path.to_owned(),
        }];
        let hint = ResourceHint { pieces, origin: None };
        read.inputs.insert("Bucket".to_owned(), vec![hint]);
        needs(&[read])
    };
    assert_eq!(
        reads("records.s3.bucket.name"),
        ["s3:GetObject on s3:::${Files}/a.jpg (1)"]
    );
    // No queue triggers it, and a body tells nothing.
    for other in ["records.event_source_arn", "body"] {
        assert_eq!(reads(other), ["s3:GetObject on s3:::*/a.jpg (1)"], "{other}");
    }
}

#[test]
fn the_name_that_cloudformation_makes_may_be_cut() {
    for (id, expected) in [
        ("Api", "${AWS::StackName}-Api-*"),
        (
            "ApiOfTwentyFourLettersAB",
            "${AWS::StackName}-ApiOfTwentyFourLettersAB-*",
        ),
        ("ApiOfTwentyFiveLettersABC", "*ApiOfTwentyFiveLette*"),
    ] {
        let template = TEMPLATE.replace("  Api:\n", &format!("  {id}:\n"));
        let read = deploy::read_text("template.yaml", &template, &|_| None);
        let around = |stack| Surroundings {
            function: read.functions.first().unwrap(),
            stack,
            templates: templates(),
        };
        assert_eq!(runtime::deployed_name(around(read.stacks.first())), expected);
        assert_eq!(runtime::deployed_name(around(None)), format!("${{{id}}}"));
    }
}

/// What is known of a value: its text, or why it is not known.
fn spelled(piece: Piece, in_stack: bool) -> String {
    let read = deployments();
    let around = Surroundings {
        function: read.functions.first().unwrap(),
        stack: read.stacks.first().filter(|_| in_stack),
        templates: templates(),
    };
    let hint = ResourceHint {
        pieces: vec![ResourceHint::literal("a-").pieces.remove(0), piece],
        origin: None,
    };
    let (text, _, reasons) = bind::spell(&hint, around);
    match reasons.first() {
        Some(reason) => format!("{text}: {reason}"),
        None => text,
    }
}

#[test]
fn variables_have_the_values_of_the_template_or_those_of_the_code() {
    let env = |variable: &str, default: Option<&str>| Piece::Env {
        variable: variable.to_owned(),
        default: default.map(str::to_owned),
    };
    for (variable, default, in_stack, expected) in [
        ("TABLE", None, true, "a-${Orders}"),
        ("TABLE", Some("other"), true, "a-${Orders}"),
        ("OTHER", Some("other"), true, "a-other"),
        (
            "OTHER",
            None,
            true,
            "a-*: environment variable OTHER is not set in the stack template",
        ),
        ("OTHER", Some("other"), false, "a-${OTHER}"),
        ("OTHER", None, false, "a-${OTHER}"),
        ("AWS_REGION", None, true, "a-${AWS::Region}"),
        ("AWS_DEFAULT_REGION", None, false, "a-${AWS::Region}"),
        (
            "AWS_LAMBDA_FUNCTION_NAME",
            None,
            true,
            "a-${AWS::StackName}-Api-*",
        ),
    ] {
        assert_eq!(
            spelled(env(variable, default), in_stack),
            expected,
            "{variable} {default:?}"
        );
    }
}

#[test]
fn members_of_variables_are_told_where_they_can_be() {
    let member =
        |variable: &str, path: &[&str], default: Option<&str>, absent: Option<&str>| Piece::EnvMember {
            variable: variable.to_owned(),
            path: path.iter().map(|step| (*step).to_owned()).collect(),
            default: default.map(str::to_owned),
            absent: absent.map(str::to_owned),
        };
    for (piece, in_stack, expected) in [
        (member("CONFIG", &["queue", "name"], None, None), true, "a-inbox"),
        (member("CONFIG", &["topic"], None, Some("news")), true, "a-news"),
        (member("OTHER", &["topic"], Some("news"), None), true, "a-news"),
        (
            member("OTHER", &["to", "pic"], Some("news"), None),
            false,
            "a-${OTHER_to_pic}",
        ),
    ] {
        assert_eq!(spelled(piece, in_stack), expected);
    }
    for (piece, reason) in [
        (
            member("CONFIG", &["topic"], None, None),
            "a-*: the JSON in environment variable CONFIG has no member topic",
        ),
        (
            member("CONFIG", &["odd"], None, Some("news")),
            "a-*: CONFIG.odd cannot be told: environment variable CONFIG has a list or an object there",
        ),
        (
            member("OTHER", &["topic"], None, None),
            "a-*: environment variable OTHER is not set in the stack template",
        ),
        (
            Piece::Event {
                path: "body.name".to_owned(),
            },
            "a-*: it comes from the event payload, `body.name`",
        ),
        (Piece::Hole("nobody knows".to_owned()), "a-*: nobody knows"),
    ] {
        let found = spelled(piece, true);
        assert!(found.starts_with(reason), "{found}");
    }
}

#[test]
fn each_grant_says_how_it_came_about() {
    let read = deployments();
    let around = Surroundings {
        function: read.functions.first().unwrap(),
        stack: read.stacks.first(),
        templates: templates(),
    };
    let noted = |operation: &str, input: (&str, &str)| -> Vec<String> {
        let mut usage = usage(BecauseKind::Code, operation, &[input], &[]);
        usage.because.note = "called".to_owned();
        let synthesis = synthesise(Catalog::embedded(), around, &[usage], &[]);
        let own = synthesis
            .grants
            .iter()
            .filter(|grant| grant.action.prefix() != "logs");
        own.flat_map(|grant| {
            grant
                .because()
                .iter()
                .map(|because| format!("{}: {}", grant.action, because.note))
        })
        .collect()
    };
    assert_eq!(
        noted("dynamodb.GetItem", ("TableName", "a-b")),
        ["dynamodb:GetItem: called; TableName = `a-b`"]
    );
    assert_eq!(
        noted("sqs.SendMessage", ("QueueUrl", "${Inbox}")),
        [
            "kms:Decrypt: Inbox is encrypted with a customer key of the stack",
            "kms:GenerateDataKey: Inbox is encrypted with a customer key of the stack",
            "sqs:SendMessage: called; QueueUrl = `${Inbox}`",
        ]
    );
}

/// The fixture that `tests/it/runtime.rs` asks the program about.
#[test]
fn every_kind_of_runtime_need_is_exact() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/deploy/runtime");
    let read = deploy::read(&folder, &|_| None);
    let mut text = String::new();
    for function in &read.functions {
        let around = Surroundings {
            function,
            stack: function.stack.and_then(|index| read.stacks.get(index)),
            templates: templates(),
        };
        let synthesis = synthesise(Catalog::embedded(), around, &[], &[]);
        text += &format!("{}\n", function.name);
        let mut lines = BTreeSet::new();
        for statement in synthesis.policy.to_json()["Statement"].as_array().unwrap() {
            let listed = |key: &str| match &statement[key] {
                serde_json::Value::String(one) => vec![one.clone()],
                many => many
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|one| one.as_str().unwrap().to_owned())
                    .collect(),
            };
            let condition = match &statement["Condition"] {
                serde_json::Value::Null => String::new(),
                condition => format!(" if {condition}"),
            };
            for resource in listed("Resource") {
                lines.insert(format!(
                    "  {} on {}{condition}\n",
                    listed("Action").join(" "),
                    short(&resource)
                ));
            }
        }
        text.extend(lines);
        for gap in &synthesis.gaps {
            text += &format!("  gap {}: {}\n", gap.code, gap.message);
        }
    }
    let expected = std::fs::read_to_string(folder.join("expected.txt")).unwrap();
    let wrong: Vec<(&str, &str)> = text
        .lines()
        .zip(expected.lines())
        .filter(|(found, expected)| found != expected)
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(text.lines().count(), expected.lines().count());
}
