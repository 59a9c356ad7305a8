//! What is printed, read back as a deployment, allows exactly what was to be allowed.

use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Value, json};

use super::*;
use crate::iam::action::Action;
use crate::iam::arn::ArnPattern;
use crate::iam::contain::{Options, Verdict, contain};
use crate::synth::merge;
use crate::usage::{Confidence, Location, OperationId};
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

const SERVERLESS: &str = "\
service: shop
provider: { name: aws, runtime: provided.al2023 }
functions:
  put-order:
    handler: bootstrap
    role: shared
resources:
  Resources:
    Orders: { Type: AWS::DynamoDB::Table, Properties: { TableName: 'orders-${sls:stage}' } }
    Inbox: { Type: AWS::SQS::Queue }
    News: { Type: AWS::SNS::Topic }
    Files: { Type: AWS::S3::Bucket }
    Secret: { Type: AWS::SecretsManager::Secret }
    Key: { Type: AWS::KMS::Key }
    Sender: { Type: AWS::SSM::Parameter, Properties: { Name: /app/sender } }
    Logs: { Type: AWS::Logs::LogGroup }
    Bus: { Type: AWS::Events::EventBus, Properties: { Name: bus } }
";

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

fn serverless_resources() -> Vec<String> {
    let unknown = ["${Plain}", "${Stage}"];
    let resources = sam_resources().into_iter();
    let known = resources.filter(|text| unknown.iter().all(|symbol| !text.contains(symbol)));
    let staged = "arn:${AWS::Partition}:s3:::other-${sls:stage}/it's #{x}".to_owned();
    known.chain([staged]).collect()
}

/// The service with the printed function's role and resources merged into it.
fn merged(service: &str, printed: &str) -> String {
    let (functions, resources) = printed.split_once("resources:\n  Resources:\n").unwrap();
    let role = functions
        .lines()
        .find(|line| line.starts_with("    role: "))
        .unwrap();
    service.replace("    role: shared", role) + resources
}

const ACTIONS: [&str; 6] = [
    "s3:GetObject",
    "s3:PutObject",
    "sqs:SendMessage",
    "kms:Decrypt",
    "ssm:GetParameter",
    "dynamodb:Query",
];

/// How a template in JSON may be written: indentation, line ending, what stands after a key, what ends the file.
#[derive(Clone, Copy, Debug)]
struct Written {
    unit: &'static str,
    ending: &'static str,
    colon: &'static str,
    last: &'static str,
}

const WRITTEN: [Written; 5] = [
    Written {
        unit: "  ",
        ending: "\n",
        colon: ": ",
        last: "\n",
    },
    Written {
        unit: "    ",
        ending: "\r\n",
        colon: ": ",
        last: "",
    },
    Written {
        unit: "\t",
        ending: "\n",
        colon: " : ",
        last: "\n\n",
    },
    Written {
        unit: "",
        ending: "\n",
        colon: ":",
        last: "\n",
    },
    // All on one line.
    Written {
        unit: "",
        ending: "",
        colon: ":",
        last: "",
    },
];

impl Written {
    fn text(&self, value: &Value, depth: usize) -> String {
        let lead = |depth: usize| format!("{}{}", self.ending, self.unit.repeat(depth));
        let (open, items, close) = match value {
            Value::Object(members) => {
                let written = |(key, value): (&String, &Value)| {
                    format!(
                        "{}\"{key}\"{}{}",
                        lead(depth + 1),
                        self.colon,
                        self.text(value, depth + 1)
                    )
                };
                ('{', members.iter().map(written).collect::<Vec<_>>(), '}')
            }
            Value::Array(items) => {
                let written = |value| format!("{}{}", lead(depth + 1), self.text(value, depth + 1));
                ('[', items.iter().map(written).collect(), ']')
            }
            value => return value.to_string(),
        };
        format!("{open}{}{}{close}", items.join(","), lead(depth))
    }

    fn template(&self, template: &Value) -> String {
        format!("{}{}", self.text(template, 0), self.last)
    }
}

/// The SAM template in JSON; `own` gives its function a role of its own.
fn in_json(own: bool) -> Value {
    let mut template = deploy::yaml_as_json(SAM).unwrap();
    if own {
        let resources = template["Resources"].as_object_mut().unwrap();
        let function = resources["PutOrder"]["Properties"].as_object_mut().unwrap();
        function.remove("Policies");
        function.insert("Role".to_owned(), json!({ "Fn::GetAtt": ["Own", "Arn"] }));
        let attached = json!(["arn:aws:iam::aws:policy/AmazonS3FullAccess"]);
        let role = json!({ "Type": "AWS::IAM::Role", "Properties": { "ManagedPolicyArns": attached, "Path": "/own/" } });
        resources.insert("Own".to_owned(), role);
    }
    template
}

/// The template without what may change.
fn without_roles(mut template: Value) -> Value {
    let resources = template["Resources"].as_object_mut().unwrap();
    resources.retain(|id, _| !id.starts_with("PutOrderRole"));
    for (id, keys) in [
        ("PutOrder", &["Role", "Policies"][..]),
        ("Own", &["Policies", "ManagedPolicyArns"]),
    ] {
        if let Some(resource) = resources.get_mut(id).and_then(Value::as_object_mut) {
            resource.shift_remove("Metadata");
            let properties = resource["Properties"].as_object_mut().unwrap();
            for key in keys {
                properties.shift_remove(*key);
            }
        }
    }
    template
}

fn because(note: &str) -> Because {
    Because {
        kind: BecauseKind::Code,
        operation: None,
        location: Some(Location::new("src/a */ b.rs", 3, 1)),
        note: note.to_owned(),
    }
}

/// Grants on some of the resources, some of them under conditions; `stage` is a symbol of the language.
fn grants(resources: Vec<String>, stage: &'static str) -> impl Strategy<Value = Vec<Grant>> {
    let one = (
        select(ACTIONS.to_vec()),
        subsequence(resources, 1..4),
        0_usize..4,
        select(vec!["plain", "two\nlines", "`${hostile}` */ # */"]),
    );
    proptest::collection::vec(one, 1..6).prop_map(move |many| {
        let mut grants = Vec::new();
        for (action, resources, condition, note) in many {
            for resource in resources {
                let action = Action::parse(action).unwrap();
                let mut grant =
                    Grant::new(action, ArnPattern::new(resource), Confidence::High, because(note));
                let (operator, key, values) = match condition {
                    0 => (
                        "StringEquals",
                        "kms:ViaService",
                        vec!["s3.${AWS::Region}.amazonaws.com".to_owned(), "b".to_owned()],
                    ),
                    1 => (
                        "StringLike",
                        "s3:prefix",
                        vec![format!("area/{stage}/*"), "in's \"quoted\"/".to_owned()],
                    ),
                    _ => {
                        grants.push(grant);
                        continue;
                    }
                };
                grant.conditions = [(operator.to_owned(), [(key.to_owned(), values)].into())].into();
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

/// Grants on so many tables that no inline policy holds them.
fn many(word: &str) -> Vec<Grant> {
    let resource = |number| {
        format!(
            "arn:${{AWS::Partition}}:dynamodb:eu-west-1:111122223333:table/a-long-name-of-{word}-{number}"
        )
    };
    let action = Action::parse("dynamodb:Query").unwrap();
    let grants = (0..200).map(|number| {
        let resource = ArnPattern::new(resource(number));
        Grant::new(action.clone(), resource, Confidence::High, because("many"))
    });
    merge::normalise(grants.collect())
}

/// Managed policies that a first run made are made anew by the next, not a second time.
#[test]
fn managed_policies_are_written_over() {
    let own = in_json(true);
    let yaml = SAM.replace(
        "      Policies: AmazonS3FullAccess\n",
        "      Role: !GetAtt Own.Arn\n",
    ) + "  Own:\n    Type: AWS::IAM::Role\n    Properties:\n      Path: /own/\n";
    for (file, first) in [("t.json", WRITTEN[0].template(&own)), ("t.yaml", yaml)] {
        let mut text = first;
        for word in ["orders", "parcels"] {
            let read = deploy::read_text(file, &text, &no_managed);
            let (policy, changed) = with(&read, &many(word), |deployable| {
                assert!(matches!(deployable.attachment, Attachment::Managed(_)));
                in_place::edit(&text, deployable, &no_managed)
            });
            text = changed.unwrap();
            let again = deploy::read_text(file, &text, &no_managed);
            assert_eq!(again.gaps, [], "{text}");
            assert_eq!(same(&again.functions[0], &policy), Ok(()), "{text}");
        }
        assert!(!text.contains("of-orders"), "{text}");
        assert_eq!(
            text.matches("OwnPolicy1\":").count() + text.matches("OwnPolicy1:").count(),
            1,
            "{text}"
        );
    }
}

/// One grant on each resource, by a service's own action, each with reasons; the last one under a condition.
fn one_on_each(resources: Vec<String>) -> Vec<Grant> {
    let grants = resources.into_iter().map(|resource| {
        let resource = ArnPattern::new(resource);
        let action = match resource.service() {
            Some("dynamodb") => "dynamodb:Query",
            Some("sns") => "sns:Publish",
            Some("s3") => "s3:GetObject",
            Some("secretsmanager") => "secretsmanager:GetSecretValue",
            Some("kms") => "kms:Decrypt",
            Some("ssm") => "ssm:GetParameter",
            Some("logs") => "logs:PutLogEvents",
            Some("events") => "events:PutEvents",
            Some("states") => "states:StartExecution",
            Some("sqs") => "sqs:SendMessage",
            _ => "ec2:DescribeInstances",
        };
        let reason = Because {
            location: Some(Location::new("src/main.rs", 3, 9)),
            operation: OperationId::parse("shop.Call"),
            ..because("as called")
        };
        let mut grant = Grant::new(Action::parse(action).unwrap(), resource, Confidence::High, reason);
        let elsewhere = Because {
            location: Some(Location::new("src/other.rs", 7, 1)),
            ..because("twice over")
        };
        grant.also(&[
            elsewhere,
            Because {
                kind: BecauseKind::Config,
                ..because("as stated")
            },
        ]);
        grant
    });
    let mut grants: Vec<Grant> = grants.collect();
    if let Some(last) = grants.last_mut() {
        let region = "ec2.${AWS::Region}.amazonaws.com".to_owned();
        let keys = [("aws:CalledVia".to_owned(), vec![region, "it's".to_owned()])].into();
        last.conditions = [("ForAnyValue:StringEquals".to_owned(), keys)].into();
    }
    merge::normalise(grants)
}

/// What is printed for each language stands in `tests/fixtures/emitted`; `UPDATE_EXPECTED=1` writes it anew, to be read.
#[test]
fn each_language_is_printed_as_people_have_read_it() {
    let answers = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/emitted");
    let check = |file: &str, printed: &str| {
        let file = answers.join(file);
        if std::env::var_os("UPDATE_EXPECTED").is_some() {
            std::fs::write(&file, printed).unwrap();
        }
        assert_eq!(
            printed,
            std::fs::read_to_string(&file).unwrap_or_default(),
            "{}",
            file.display()
        );
    };
    let sam = deploy::read_text("t.yaml", SAM, &no_managed);
    let grants = one_on_each(sam_resources());
    let (_, printed) = with(&sam, &grants, cloudformation::role);
    check("role.yaml", &printed);
    let (_, printed) = with(&sam, &grants, cdk::construct);
    check("role.ts", &printed);
    let (_, printed) = with(&sam, &grants, |deployable| {
        let mut shared = terraform::Shared::default();
        terraform::hcl(deployable, &mut shared) + &shared.hcl()
    });
    check("role-of-sam.tf", &printed);
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("main.tf"), TERRAFORM).unwrap();
    let read = deploy::read(folder.path(), &no_managed);
    let (_, printed) = with(&read, &one_on_each(terraform_resources()), |deployable| {
        let mut shared = terraform::Shared::default();
        let role = terraform::hcl(deployable, &mut shared);
        format!("{}\n{role}", shared.hcl())
    });
    check("role.tf", &printed);
    let (_, printed) = with(&read, &one_on_each(terraform_resources()), cloudformation::role);
    check("role-of-terraform.yaml", &printed);
    let folder = tempfile::tempdir().unwrap();
    let service = SERVERLESS.replace("    role: shared\n", "");
    std::fs::write(folder.path().join("serverless.yml"), service).unwrap();
    let read = deploy::read(folder.path(), &no_managed);
    let grants = one_on_each(serverless_resources());
    let (_, printed) = with(&read, &grants, |deployable| {
        serverless::configuration([deployable])
    });
    check("serverless.yml", &printed);
}

#[test]
fn what_is_too_large_for_an_inline_policy_becomes_managed_policies_in_cdk() {
    let read = deploy::read_text("t.yaml", SAM, &no_managed);
    let (_, printed) = with(&read, &many("orders"), cdk::construct);
    assert_eq!(
        printed
            .matches("this.addManagedPolicy(new iam.ManagedPolicy(")
            .count(),
        4,
        "{printed}"
    );
    assert!(
        printed.contains("'Policy1'") && printed.contains("'Policy4'"),
        "{printed}"
    );
    assert_eq!(printed.matches("-name-of-orders-").count(), 200, "{printed}");
}

#[test]
fn what_is_too_large_for_an_inline_policy_reads_back_from_terraform() {
    for in_json in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("main.tf"), TERRAFORM).unwrap();
        let read = deploy::read(folder.path(), &no_managed);
        let (policy, text) = with(&read, &many("orders"), |deployable| {
            let mut shared = terraform::Shared::default();
            match in_json {
                false => terraform::hcl(deployable, &mut shared) + &shared.hcl(),
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
        assert_eq!(again.gaps, [], "{text}");
        assert_eq!(same(&again.functions[0], &policy), Ok(()), "{text}");
    }
}

/// A template of SAM with one function, whose properties these are.
fn template(properties: &str) -> String {
    format!(
        "Transform: AWS::Serverless-2016-10-31\nResources:\n  Api:\n    Type: AWS::Serverless::Function\n{properties}  Inbox: {{ Type: \
         AWS::SQS::Queue }}\n"
    )
}

fn edited(text: &str) -> Result<String, in_place::NotEdited> {
    let read = deploy::read_text("t.yaml", text, &no_managed);
    let action = Action::parse("sqs:SendMessage").unwrap();
    let resource = ArnPattern::new("arn:${AWS::Partition}:sqs:${AWS::Region}:${AWS::AccountId}:${Inbox}");
    let grants = [Grant::new(action, resource, Confidence::High, because("sent"))];
    with(&read, &grants, |deployable| {
        in_place::edit(text, deployable, &no_managed)
    })
    .1
}

#[test]
fn a_reference_to_the_role_stands_among_the_properties() {
    let reference = "      Role: !GetAtt ApiRole.Arn\n";
    for (before, after) in [
        (
            "    Properties:\n      Runtime: provided.al2023\n",
            ["    Properties:\n", reference, "      Runtime: provided.al2023\n"].concat(),
        ),
        (
            "    Properties:\n      Runtime: provided.al2023\n      Policies:\n      - AmazonS3FullAccess\n\n      - AmazonSQSFullAccess\n      \
             Timeout: 3\n",
            [
                "    Properties:\n      Runtime: provided.al2023\n",
                reference,
                "      Timeout: 3\n",
            ]
            .concat(),
        ),
    ] {
        let text = edited(&template(before)).unwrap();
        assert!(
            text.starts_with(template(&after).split("  Inbox").next().unwrap()),
            "{text}"
        );
        assert!(text.contains("  Inbox: { Type: AWS::SQS::Queue }\n"), "{text}");
        assert_eq!(
            text.matches("  ApiRole:\n    Type: AWS::IAM::Role\n").count(),
            1,
            "{text}"
        );
    }
}

#[test]
fn what_sam_would_have_passed_on_stands_in_the_role() {
    let boundary = "      PermissionsBoundary: arn:aws:iam::111122223333:policy/limits\n";
    let text = template(&format!(
        "    Properties:\n      Runtime: provided.al2023\n{boundary}"
    ));
    let text = edited(&text).unwrap();
    let role = text.split("  ApiRole:\n").nth(1).unwrap();
    assert!(role.contains(boundary), "{text}");
    assert_eq!(text.matches("PermissionsBoundary").count(), 1, "{text}");
}

#[test]
fn a_trust_policy_of_its_own_is_left_to_its_author() {
    let trust = "      AssumeRolePolicyDocument: { Version: '2012-10-17', Statement: [] }\n";
    let text = template(&format!(
        "    Properties:\n      Runtime: provided.al2023\n{trust}"
    ));
    let line = text.lines().position(|line| line.contains("AssumeRole")).unwrap() + 1;
    assert!(
        matches!(edited(&text), Err(in_place::NotEdited::OwnTrust { line: at }) if at == line),
        "{line}"
    );
    let json = deploy::yaml_as_json(&text).unwrap();
    let json = WRITTEN[0].template(&json);
    let line = json.lines().position(|line| line.contains("AssumeRole")).unwrap() + 1;
    assert!(
        matches!(edited(&json), Err(in_place::NotEdited::OwnTrust { line: at }) if at == line),
        "{line}"
    );
}

#[test]
fn a_log_group_itself_is_named_by_its_arn() {
    let read = deploy::read_text("t.yaml", SAM, &no_managed);
    let resource = ArnPattern::new(format!("arn:${{AWS::Partition}}:logs:{OWN}:log-group:${{Logs}}"));
    let action = Action::parse("logs:DescribeLogStreams").unwrap();
    let grants = [Grant::new(action, resource, Confidence::High, because("listed"))];
    let (_, printed) = with(&read, &grants, cloudformation::role);
    // The attribute ends in `:*`.
    assert!(printed.contains(":log-group:${Logs}'"), "{printed}");
    assert!(!printed.contains("!GetAtt Logs.Arn"), "{printed}");
}

/// Role, bucket and function would wait for each other.
#[test]
fn a_bucket_that_starts_the_function_is_named_in_plain_text() {
    let template = |bucket: &str| {
        format!(
            "Transform: AWS::Serverless-2016-10-31\nResources:\n  Photos: {{ Type: AWS::S3::Bucket{bucket} }}\n  Other: {{ Type: \
             AWS::S3::Bucket, Properties: {{ BucketName: other }} }}\n  Resize:\n    Type: AWS::Serverless::Function\n    \
             Properties:\n      Runtime: provided.al2023\n      Handler: bootstrap\n      Events:\n        New: {{ Type: S3, \
             Properties: {{ Bucket: !Ref Photos, Events: 's3:ObjectCreated:*' }} }}\n"
        )
    };
    let read = deploy::read_text(
        "t.yaml",
        &template(", Properties: { BucketName: photos }"),
        &no_managed,
    );
    let grants = ["Photos", "Other"].map(|bucket| {
        let resource = ArnPattern::new(format!("arn:${{AWS::Partition}}:s3:::${{{bucket}}}/*"));
        Grant::new(
            Action::parse("s3:GetObject").unwrap(),
            resource,
            Confidence::High,
            because("read"),
        )
    });
    let (_, printed) = with(&read, &grants, cloudformation::role);
    assert!(
        printed.contains("!Sub 'arn:${AWS::Partition}:s3:::photos/*'"),
        "{printed}"
    );
    assert!(
        printed.contains("!Sub '${Other.Arn}/*'") || printed.contains(":s3:::${Other}/*'"),
        "{printed}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_stack_template_reads_back_as_the_same_role(grants in grants(sam_resources(), "${Stage}")) {
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
    fn a_template_in_json_reads_back_as_the_same_role(
        grants in grants(sam_resources(), "${Stage}"),
        written in select(WRITTEN.to_vec()),
        own in any::<bool>(),
    ) {
        let before = in_json(own);
        let text = written.template(&before);
        let read = deploy::read_text("t.json", &text, &no_managed);
        let (policy, changed) = with(&read, &grants, |deployable| in_place::edit(&text, deployable, &no_managed));
        let changed = changed.unwrap();
        let again = deploy::read_text("t.json", &changed, &no_managed);
        prop_assert!(again.gaps.is_empty(), "{:?}\n{}", again.gaps, changed);
        prop_assert_eq!(same(&again.functions[0], &policy), Ok(()), "{}", changed);
        // Order and all else are as they were, and what is new is written as the rest.
        let after: Value = serde_json::from_str(&changed).unwrap();
        prop_assert_eq!(without_roles(after.clone()).to_string(), without_roles(before).to_string());
        if !written.ending.is_empty() {
            prop_assert_eq!(changed.matches('\n').count(), changed.matches(written.ending).count());
            let plain = |line: &str| line.trim_end_matches(',').to_owned();
            let lines: Vec<String> = changed.split(written.ending).map(plain).collect();
            let of_roles = ["Policies", "ManagedPolicyArns", "arn:aws:iam::aws:policy"];
            for line in text.split(written.ending).filter(|line| !of_roles.iter().any(|word| line.contains(word))) {
                prop_assert!(lines.contains(&plain(line)), "{:?} is not in\n{}", line, changed);
            }
        }
        let end = ["}", written.last].concat();
        prop_assert!(changed.ends_with(&end));
        // A second time, nothing changes.
        let (_, twice) = with(&again, &grants, |deployable| in_place::edit(&changed, deployable, &no_managed));
        prop_assert_eq!(twice.unwrap(), changed);
    }

    #[test]
    fn a_service_of_serverless_reads_back_as_the_same_role(grants in grants(serverless_resources(), "${sls:stage}")) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("serverless.yml");
        std::fs::write(&file, SERVERLESS.replace("    role: shared\n", "")).unwrap();
        let read = deploy::read(folder.path(), &no_managed);
        let (policy, printed) = with(&read, &grants, |deployable| serverless::configuration([deployable]));
        let text = merged(SERVERLESS, &printed);
        std::fs::write(&file, &text).unwrap();
        let again = deploy::read(folder.path(), &no_managed);
        prop_assert!(again.gaps.is_empty(), "{:?}\n{}", again.gaps, text);
        prop_assert_eq!(same(&again.functions[0], &policy), Ok(()), "{}", text);
    }

    #[test]
    fn terraform_files_read_back_as_the_same_role(grants in grants(terraform_resources(), "${var.stage}"), in_json in any::<bool>()) {
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
