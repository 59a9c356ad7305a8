//! What functions of stack templates need, from evidence to grants.

use std::collections::BTreeSet;
use std::path::Path;

use super::*;
use crate::catalog::template::templates;
use crate::usage::{Because, Confidence, Inputs, OperationId, ResourceHint};
use crate::workspace::deploy::{self, Deployments};

const TEMPLATE: &str = "\
Transform: AWS::Serverless-2016-10-31
Parameters:
  Stage: { Type: String }
Resources:
  Orders: { Type: AWS::DynamoDB::Table, Properties: { TableName: !Sub 'orders-${Stage}' } }
  Files: { Type: AWS::S3::Bucket, Properties: { BucketName: !Sub 'files-${Stage}' } }
  Key: { Type: AWS::KMS::Key }
  Api: { Type: AWS::Serverless::Function, Properties: { Runtime: provided.al2023, Handler: bootstrap } }
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
