//! What is printed, read back as a deployment, allows exactly what was to be allowed.

use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::*;
use crate::iam::action::Action;
use crate::iam::arn::ArnPattern;
use crate::iam::contain::{Options, Verdict, contain};
use crate::synth::merge;
use crate::usage::{BecauseKind, Confidence, Location};
use crate::workspace::deploy::{self, Deployments};

const SAM: &str = "\
Transform: AWS::Serverless-2016-10-31
Parameters:
  Stage: { Type: String }
Resources:
  Orders: { Type: AWS::DynamoDB::Table, Properties: { TableName: !Sub 'orders-${Stage}' } }
  Inbox: { Type: AWS::SQS::Queue }
  News: { Type: AWS::SNS::Topic }
  Files: { Type: AWS::S3::Bucket }
  Secret: { Type: AWS::SecretsManager::Secret }
  Key: { Type: AWS::KMS::Key }
  Sender: { Type: AWS::SSM::Parameter, Properties: { Name: /app/sender } }
  Plain: { Type: AWS::SSM::Parameter }
  Logs: { Type: AWS::Logs::LogGroup }
  Bus: { Type: AWS::Events::EventBus, Properties: { Name: bus } }
  Flow: { Type: AWS::StepFunctions::StateMachine }
  PutOrder: # before
    Type: AWS::Serverless::Function
    Properties:
      Runtime: provided.al2023
      Policies: AmazonS3FullAccess
      Environment: { Variables: { A: b } }
";

const TERRAFORM: &str = r#"
variable "stage" { type = string }
resource "aws_dynamodb_table" "orders" { name = "orders-${var.stage}" }
resource "aws_sqs_queue" "inbox" {}
resource "aws_sns_topic" "news" {}
resource "aws_s3_bucket" "files" {}
resource "aws_secretsmanager_secret" "secret" {}
resource "aws_kms_key" "key" {}
resource "aws_ssm_parameter" "sender" { name = "/app/sender" }
resource "aws_cloudwatch_log_group" "logs" {}
resource "aws_sfn_state_machine" "flow" {}
resource "aws_lambda_function" "put_order" {
  function_name = "put-order-${var.stage}"
  runtime       = "provided.al2023"
  handler       = "bootstrap"
  role          = aws_iam_role.put_order.arn
}
"#;

const OWN: &str = "${AWS::Region}:${AWS::AccountId}";

fn sam_resources() -> Vec<String> {
    let arn = |rest: &str| format!("arn:${{AWS::Partition}}:{}", rest.replace('~', OWN));
    [
        "dynamodb:~:table/${Orders}",
        "dynamodb:~:table/${Orders}/index/*",
        "sqs:~:${Inbox}",
        "sns:~:${News}",
        "s3:::${Files}",
        "s3:::${Files}/in/*.txt",
        "secretsmanager:~:secret:${Secret}",
        "kms:~:key/${Key}",
        "ssm:~:parameter/${Sender}",
        "ssm:~:parameter/${Plain}",
        "logs:~:log-group:${Logs}:*",
        "events:~:event-bus/${Bus}",
        "states:~:stateMachine:${Flow}",
        "states:~:execution:${Flow}:*",
        "s3:::other-${Stage}/it's \"quoted\" \\ #{x}",
        "s3:::literal${*}",
        "sqs:eu-west-1:111122223333:elsewhere",
    ]
    .map(arn)
    .into_iter()
    .chain(["*".to_owned()])
    .collect()
}

fn terraform_resources() -> Vec<String> {
    let arn = |rest: &str| format!("arn:${{AWS::Partition}}:{}", rest.replace('~', OWN));
    [
        "dynamodb:~:table/${aws_dynamodb_table.orders}",
        "dynamodb:~:table/${aws_dynamodb_table.orders}/index/*",
        "sqs:~:${aws_sqs_queue.inbox}",
        "sns:~:${aws_sns_topic.news}",
        "s3:::${aws_s3_bucket.files}",
        "s3:::${aws_s3_bucket.files}/in/*.txt",
        "secretsmanager:~:secret:${aws_secretsmanager_secret.secret}",
        "kms:~:key/${aws_kms_key.key}",
        "ssm:~:parameter/${aws_ssm_parameter.sender}",
        "logs:~:log-group:${aws_cloudwatch_log_group.logs}:*",
        "states:~:stateMachine:${aws_sfn_state_machine.flow}",
        "states:~:execution:${aws_sfn_state_machine.flow}:*",
        "s3:::other-${var.stage}/it's \"quoted\" \\ %{x}",
        "sqs:eu-west-1:111122223333:elsewhere",
    ]
    .map(arn)
    .into_iter()
    .chain(["*".to_owned()])
    .collect()
}

const ACTIONS: [&str; 6] = [
    "s3:GetObject",
    "s3:PutObject",
    "sqs:SendMessage",
    "kms:Decrypt",
    "ssm:GetParameter",
    "dynamodb:Query",
];

fn because(note: &str) -> Because {
    Because {
        kind: BecauseKind::Code,
        operation: None,
        location: Some(Location::new("src/a */ b.rs", 3, 1)),
        note: note.to_owned(),
    }
}

fn grants(resources: Vec<String>) -> impl Strategy<Value = Vec<Grant>> {
    let one = (
        select(ACTIONS.to_vec()),
        subsequence(resources, 1..4),
        any::<bool>(),
        select(vec!["plain", "two\nlines", "`${hostile}` */ # */"]),
    );
    proptest::collection::vec(one, 1..6).prop_map(|many| {
        let mut grants = Vec::new();
        for (action, resources, conditional, note) in many {
            for resource in resources {
                let action = Action::parse(action).unwrap();
                let mut grant =
                    Grant::new(action, ArnPattern::new(resource), Confidence::High, because(note));
                if conditional {
                    let values = vec!["s3.${AWS::Region}.amazonaws.com".to_owned(), "b".to_owned()];
                    let keys = [("kms:ViaService".to_owned(), values)];
                    grant.conditions = [("StringEquals".to_owned(), keys.into())].into();
                }
                grants.push(grant);
            }
        }
        merge::normalise(grants)
    })
}

fn same(role: &Function, policy: &Policy) -> Result<(), String> {
    let role = role.role.as_ref().ok_or("no role")?;
    let is = [Policy::of(
        role.statements.iter().map(|one| one.statement.clone()).collect(),
    )];
    let wanted = std::slice::from_ref(policy);
    for (new, old) in [(is.as_slice(), wanted), (wanted, is.as_slice())] {
        match contain(new, old, &Options::default()) {
            Verdict::NoNewAccess => {}
            other => return Err(format!("{other:?}\n{}", is[0].to_json_pretty())),
        }
    }
    Ok(())
}

fn no_managed(_: &str) -> Option<String> {
    None
}

fn with<T>(read: &Deployments, grants: &[Grant], print: impl Fn(&Deployable<'_>) -> T) -> (Policy, T) {
    let policy = merge::policy(grants);
    let deployable =
        Deployable::new(&read.functions[0], read.stacks.first(), &policy, grants, "test").unwrap();
    let printed = print(&deployable);
    (policy, printed)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_stack_template_reads_back_as_the_same_role(grants in grants(sam_resources())) {
        let read = deploy::read_text("t.yaml", SAM, &no_managed);
        let (policy, changed) = with(&read, &grants, |deployable| in_place::edit(SAM, deployable, &no_managed));
        let changed = changed.unwrap();
        let again = deploy::read_text("t.yaml", &changed, &no_managed);
        prop_assert!(again.gaps.is_empty(), "{:?}\n{}", again.gaps, changed);
        prop_assert_eq!(same(&again.functions[0], &policy), Ok(()), "{}", changed);
        // Nothing else has changed.
        let kept = changed.lines().filter(|line| SAM.lines().any(|one| one == *line)).count();
        prop_assert!(kept >= SAM.lines().count() - 1);
    }

    #[test]
    fn terraform_files_read_back_as_the_same_role(grants in grants(terraform_resources()), in_json in any::<bool>()) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("main.tf"), TERRAFORM).unwrap();
        let read = deploy::read(folder.path(), &no_managed);
        let (policy, text) = with(&read, &grants, |deployable| {
            let mut shared = terraform::Shared::default();
            match in_json {
                false => {
                    let role = terraform::hcl(deployable, &mut shared);
                    format!("{}\n{role}", shared.hcl())
                }
                true => {
                    let role = terraform::json(deployable, &mut shared).to_string();
                    std::fs::write(folder.path().join("shared.tf.json"), shared.json().to_string()).unwrap();
                    role
                }
            }
        });
        let name = if in_json { "role.tf.json" } else { "role.tf" };
        std::fs::write(folder.path().join(name), &text).unwrap();
        let again = deploy::read(folder.path(), &no_managed);
        prop_assert!(again.gaps.is_empty(), "{:?}\n{}", again.gaps, text);
        prop_assert_eq!(same(&again.functions[0], &policy), Ok(()), "{}", text);
    }
}
