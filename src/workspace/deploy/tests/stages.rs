//! One stack deployed several times, and stacks that know each other.

use super::*;

const TEMPLATE: &str = "\
Parameters:
  Stage: {Type: String, Default: dev}
Conditions:
  IsProd: !Equals [!Ref Stage, prod]
  Not: !Not [{Condition: IsProd}]
  Open: !Equals [!Ref AWS::Region, eu-west-1]
Resources:
  F:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: !Sub 'f-${Stage}'
      Runtime: provided.al2023
      Environment: {Variables: {TABLE: !If [IsProd, gold, !Ref Stage]}}
      Policies:
        - Statement:
            - !If [IsProd, {Effect: Allow, Action: 'a:prod', Resource: '*'}, !Ref AWS::NoValue]
            - !If [Open, {Effect: Allow, Action: 'a:open', Resource: '*'}, !Ref AWS::NoValue]
  G:
    Type: AWS::Serverless::Function
    Condition: Not
    Properties: {Runtime: provided.al2023}
";

fn stage(path: &str, name: &str, parameters: &[(&str, &str)]) -> Stage {
    Stage {
        path: path.to_owned(),
        name: name.to_owned(),
        parameters: parameters
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
    }
}

/// Each function with what it is deployed as, its environment and what its role allows.
fn told(files: &[(&str, &str)], stages: &[Stage]) -> Vec<String> {
    let root = tempfile::tempdir().unwrap();
    for (file, text) in files {
        let path = root.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let deployments = read_stages(root.path(), &managed, stages);
    assert_eq!(gaps(&deployments), Vec::<String>::new());
    deployments
        .functions
        .iter()
        .map(|function| {
            let env: Vec<&str> = function.env.values().map(|value| value.text.as_str()).collect();
            let role = function.role.as_ref().unwrap();
            let allowed: Vec<String> = role
                .statements
                .iter()
                .filter(|statement| statement.origin.kind == "inline")
                .map(|statement| {
                    let json = statement.statement.to_json();
                    let condition = statement.origin.condition.as_deref().unwrap_or("always");
                    format!(
                        "{} on {} {condition}",
                        json["Action"].as_str().unwrap(),
                        json["Resource"].as_str().unwrap()
                    )
                })
                .collect();
            format!(
                "{} {} {env:?} {} {allowed:?} {}",
                function.name, function.deployed_name, role.origin, function.location
            )
        })
        .collect()
}

#[test]
fn each_set_of_parameters_is_a_stack_of_its_own() {
    let stages = [
        stage("template.yaml", "beta", &[("Stage", "beta")]),
        stage("template.yaml", "prod", &[("Stage", "prod")]),
    ];
    assert_eq!(
        told(&[("template.yaml", TEMPLATE)], &stages),
        [
            r#"beta/F f-beta ["beta"] template.yaml#beta ["a:open on * Open"] template.yaml:8"#,
            r#"beta/G ${G} [] template.yaml#beta [] template.yaml:18"#,
            r#"prod/F f-prod ["gold"] template.yaml#prod ["a:prod on * always", "a:open on * Open"] template.yaml:8"#,
        ]
    );
    let one = stages.get(1..).unwrap();
    assert_eq!(
        told(&[("template.yaml", TEMPLATE)], one),
        [r#"F f-prod ["gold"] template.yaml ["a:prod on * always", "a:open on * Open"] template.yaml:8"#]
    );
}

#[test]
fn services_and_modules_have_stages_too() {
    let service = "service: s\nprovider: {name: aws, runtime: provided.al2023, iam: {role: {mode: perFunction}}}\n\
                   custom: {dev: {table: d}, prod: {table: p}}\nfunctions:\n  f:\n    handler: bootstrap\n    \
                   environment: {TABLE: '${self:custom.${sls:stage}.table}'}\n";
    let module = "variable \"stage\" { default = \"dev\" }\nresource \"aws_lambda_function\" \"f\" {\n  \
                  function_name = \"f-${var.stage}\"\n  runtime = \"provided.al2023\"\n  role = aws_iam_role.r.arn\n  \
                  environment {\n    variables = { TABLE = var.stage }\n  }\n}\nresource \"aws_iam_role\" \"r\" {}\n";
    let stages = [
        stage("serverless.yml", "prod", &[("stage", "prod")]),
        stage("serverless.yml", "dev", &[("stage", "dev")]),
        stage("tf", "one", &[("stage", "one")]),
        stage("tf", "two", &[("stage", "two")]),
    ];
    assert_eq!(
        told(&[("serverless.yml", service), ("tf/main.tf", module)], &stages),
        [
            r#"prod/f s-prod-f ["p"] serverless.yml#prod [] serverless.yml:5"#,
            r#"dev/f s-dev-f ["d"] serverless.yml#dev [] serverless.yml:5"#,
            r#"one/aws_lambda_function.f f-one ["one"] tf/main.tf#one [] tf/main.tf:2"#,
            r#"two/aws_lambda_function.f f-two ["two"] tf/main.tf#two [] tf/main.tf:2"#,
        ]
    );
}

const CHILD: &str = "\
Parameters: {Table: {Type: String}, RoleArn: {Type: String}}
Resources:
  F:
    Type: AWS::Lambda::Function
    Properties:
      Role: !Ref RoleArn
      Runtime: provided.al2023
      Environment: {Variables: {TABLE: !Ref Table, ARN: !Sub 'arn:aws:dynamodb:*:*:table/${Table}/x'}}
Outputs:
  Name: {Value: !Ref F}
";

const PARENT: &str = "\
Resources:
  Orders: {Type: AWS::DynamoDB::Table}
  R:
    Type: AWS::IAM::Role
  P:
    Type: AWS::IAM::Policy
    Properties:
      PolicyName: p
      Roles: [!Ref R]
      PolicyDocument: {Statement: [{Effect: Allow, Action: 'dynamodb:GetItem', Resource: !GetAtt Orders.Arn}]}
  Child:
    Type: AWS::CloudFormation::Stack
    Properties:
      TemplateURL: ./nested/child.yaml
      Parameters: {Table: !Ref Orders, RoleArn: !GetAtt R.Arn}
  G:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: provided.al2023
      Environment: {Variables: {TARGET: !GetAtt Child.Outputs.Name, QUEUE: !ImportValue shared-queue, OTHER: !ImportValue nowhere}}
      Policies: [{Statement: [{Effect: Allow, Action: 'sqs:SendMessage', Resource: !ImportValue shared-queue-arn}]}]
";

const SHARED: &str = "\
Resources:
  Mail: {Type: AWS::SQS::Queue}
Outputs:
  Queue: {Value: !Ref Mail, Export: {Name: shared-queue}}
  Arn: {Value: !GetAtt Mail.Arn, Export: {Name: shared-queue-arn}}
";

#[test]
fn nested_stacks_and_exports_are_joined() {
    let table = "arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/${Orders}";
    let queue = "arn:${AWS::Partition}:sqs:${AWS::Region}:${AWS::AccountId}:${Mail}";
    assert_eq!(
        told(
            &[
                ("nested/child.yaml", CHILD),
                ("parent.yaml", PARENT),
                ("shared.yaml", SHARED),
            ],
            &[],
        ),
        [
            format!(
                r#"F ${{F}} ["arn:aws:dynamodb:*:*:table/${{Orders}}/x", "${{Orders}}"] nested/child.yaml ["dynamodb:GetItem on {table} always"] nested/child.yaml:3"#
            ),
            format!(
                r#"G ${{G}} ["${{!ImportValue nowhere}}", "${{Mail}}", "${{F}}"] parent.yaml ["sqs:SendMessage on {queue} always"] parent.yaml:16"#
            ),
        ]
    );
}

#[test]
fn what_means_something_else_in_another_stack_stays_open() {
    let child = CHILD.replace("Resources:\n", "Resources:\n  Orders: {Type: AWS::SQS::Queue}\n");
    let found = told(&[("nested/child.yaml", &child), ("parent.yaml", PARENT)], &[]);
    assert!(
        found[0].starts_with(r#"F ${F} ["arn:aws:dynamodb:*:*:table/${Table}/x", "${Table}"]"#),
        "{found:#?}"
    );
}

#[test]
fn macros_are_gaps() {
    let template = format!("Transform: [AWS::Serverless-2016-10-31, Team::Macro]\n{TEMPLATE}");
    assert_eq!(gaps(&read_yaml(&template)), ["unexpanded-template 1"]);
}
