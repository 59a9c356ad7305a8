//! Bad deployment descriptions: a located message where something cannot be read, never a panic, soon done, and whatever
//! lies beside is read all the same.

use std::path::Path;
use std::time::{Duration, Instant};

use rolefit::usage::Gap;
use rolefit::workspace::deploy::account;
use rolefit::workspace::{cargo, deploy};

/// What is never touched, and must be found beside anything.
const GOOD: &str = "
Resources:
  Good:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: target/lambda/good/, Runtime: provided.al2023, Policies: [{Statement: [{Effect: Allow, Action: 's3:GetObject', Resource: '*'}]}]}
";

const YAML: &str = "AWSTemplateFormatVersion: '2010-09-09'
Transform: AWS::Serverless-2016-10-31
Parameters:
  Stage: {Type: String, Default: dev}
Globals:
  Function: {Runtime: provided.al2023, Tracing: Active, Environment: {Variables: {A: !Ref Stage}}}
Resources:
  Table:
    Type: AWS::DynamoDB::Table
    Properties: {TableName: !Sub 'orders-${Stage}'}
  Bad:
    Type: AWS::Serverless::Function
    Metadata: {BuildProperties: {Binary: bad}}
    Properties:
      CodeUri: .
      Policies:
        - DynamoDBCrudPolicy: {TableName: !Ref Table}
        - !If [Prod, AmazonSSMReadOnlyAccess, !Ref 'AWS::NoValue']
        - Statement: [{Effect: Allow, Action: [sqs:SendMessage], Resource: !GetAtt Queue.Arn, Condition: {Bool: {'aws:SecureTransport': true}}}]
      Events: {Q: {Type: SQS, Properties: {Queue: !GetAtt Queue.Arn}}}
    Connectors: {C: {Properties: {Destination: {Id: Queue}, Permissions: [Write]}}}
  Queue: {Type: AWS::SQS::Queue}
";

const JSON: &str = r#"{"Parameters": {"Stage": {"Type": "String"}}, "Resources": {
  "Role": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": {}, "ManagedPolicyArns": ["arn:aws:iam::aws:policy/AmazonSSMReadOnlyAccess"],
    "Policies": [{"PolicyName": "p", "PolicyDocument": {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": {"Fn::Sub": "arn:aws:s3:::b-${Stage}/*"}}]}}]}},
  "Bad": {"Type": "AWS::Lambda::Function", "Properties": {"Role": {"Fn::GetAtt": ["Role", "Arn"]}, "Environment": {"Variables": {"A": {"Fn::Join": ["-", ["a", {"Ref": "Stage"}]]}}}}},
  "Map": {"Type": "AWS::Lambda::EventSourceMapping", "Properties": {"FunctionName": {"Ref": "Bad"}, "EventSourceArn": "arn:aws:sqs:eu-west-1:111122223333:q"}}
}}"#;

const TF: &str = r#"variable "stage" { default = "dev" }
locals {
  name = "orders-${var.stage}"
  arns = [for n in ["a", "b"] : "arn:aws:s3:::${n}/*"]
}
resource "aws_iam_role" "bad" {
  name               = local.name
  assume_role_policy = jsonencode({ Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "lambda.amazonaws.com" } }] })
}
resource "aws_iam_role_policy" "bad" {
  role   = aws_iam_role.bad.id
  policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = ["s3:GetObject"], Resource = local.arns }] })
}
resource "aws_lambda_function" "bad" {
  function_name = "${local.name}-fn"
  role          = aws_iam_role.bad.arn
  runtime       = "provided.al2023"
  environment {
    variables = { A = var.stage == "prod" ? "x" : lookup({ dev = "y" }, var.stage, "z") }
  }
}
"#;

const PLAN: &str = r#"{"format_version": "1.2", "terraform_version": "1.9.0", "variables": {"stage": {"value": "dev"}},
 "planned_values": {"root_module": {"resources": [
  {"address": "aws_lambda_function.bad", "mode": "managed", "type": "aws_lambda_function", "name": "bad", "values": {"function_name": "bad", "runtime": "provided.al2023", "role": "arn:aws:iam::111122223333:role/bad", "environment": [{"variables": {"A": "b"}}]}},
  {"address": "aws_iam_role.bad", "mode": "managed", "type": "aws_iam_role", "name": "bad", "values": {"name": "bad", "inline_policy": [{"name": "p", "policy": "{\"Statement\":[]}"}]}}]}},
 "configuration": {"root_module": {"resources": []}}}"#;

const CARGO: &str = "[package]\nname = \"app\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[[bin]]\nname = \"bad\"\npath = \"src/bad.rs\"\n\n[package.metadata.lambda.deploy]\nname = \"bad\"\nlayers = [\"arn:aws:lambda:eu-west-1:1:layer:x:1\"]\nenv = { A = \"b\" }\n\n[dependencies]\naws-sdk-s3 = \"1\"\n";

const DUMP: &str = r#"{"RoleDetailList": [{"RoleName": "bad", "Arn": "arn:aws:iam::111122223333:role/bad", "RolePolicyList": [{"PolicyName": "p", "PolicyDocument": "%7B%22Statement%22%3A%5B%5D%7D"}],
  "AttachedManagedPolicies": [{"PolicyName": "m", "PolicyArn": "arn:aws:iam::111122223333:policy/m"}]}],
 "Policies": [{"PolicyName": "m", "Arn": "arn:aws:iam::111122223333:policy/m", "PolicyVersionList": [{"IsDefaultVersion": true, "Document": {"Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}}]}],
 "Functions": [{"FunctionName": "bad", "FunctionArn": "arn:aws:lambda:eu-west-1:111122223333:function:bad", "Role": "arn:aws:iam::111122223333:role/bad", "Runtime": "provided.al2023", "Environment": {"Variables": {"A": "b"}}, "VpcConfig": {"SubnetIds": ["s"]}}],
 "EventSourceMappings": [{"UUID": "u", "FunctionArn": "arn:aws:lambda:eu-west-1:111122223333:function:bad", "EventSourceArn": "arn:aws:sqs:eu-west-1:111122223333:q"}]}"#;

const KINDS: [(&str, &str); 7] = [
    ("bad/template.yaml", YAML),
    ("bad/template.json", JSON),
    ("bad/main.tf", TF),
    ("bad/plan.json", PLAN),
    ("bad/Cargo.toml", CARGO),
    (
        "bad/CargoLambda.toml",
        "[deploy]\ntracing = \"active\"\nenv = { A = \"1\" }\n",
    ),
    (".rolefit/account.json", DUMP),
];

/// Numbers that are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % most.max(1)
    }
}

/// Things that have no business where they are put.
const ODD: [&str; 22] = [
    "\0",
    "\u{feff}",
    "\t",
    "\r\n",
    "{",
    "}",
    "[",
    "]",
    "\"",
    "'",
    "null",
    "1e999",
    "!!binary x",
    "&a *a",
    "<<: *a",
    "\\ud800",
    "${",
    "%{",
    "!Sub",
    "{Ref: [}",
    "{\"Fn::If\": [1]}",
    ": : :",
];

/// The text with one thing broken.
fn broken(text: &str, dice: &mut Dice) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    let at = dice.below(bytes.len());
    match dice.below(7) {
        0 => bytes.truncate(at),
        1 => {
            let end = (at + 1 + dice.below(40)).min(bytes.len());
            bytes.drain(at..end);
        }
        2 => {
            let odd = ODD[dice.below(ODD.len())];
            bytes.splice(at..at, odd.bytes());
        }
        3 => {
            let mut lines: Vec<&str> = text.lines().collect();
            let (one, other) = (dice.below(lines.len()), dice.below(lines.len()));
            lines.swap(one, other);
            bytes = lines.join("\n").into_bytes();
        }
        4 => {
            // A value of another type.
            let values = [
                "[]",
                "{}",
                "null",
                "true",
                "-1",
                "\"\"",
                "[[[]]]",
                "{a: {b: {c: d}}}",
            ];
            let value = values[dice.below(values.len())];
            let colon = text
                .match_indices([':', '='])
                .nth(dice.below(text.matches([':', '=']).count()))
                .unwrap()
                .0;
            let end = text[colon..]
                .find(['\n', ',', '}'])
                .map_or(text.len(), |end| colon + end);
            bytes = format!("{} {value}{}", &text[..=colon], &text[end.max(colon + 1)..]).into_bytes();
        }
        5 => bytes.insert(at, 0xff),
        _ => {
            // A line twice.
            let mut lines: Vec<&str> = text.lines().collect();
            let line = dice.below(lines.len());
            lines.insert(line, lines[line]);
            bytes = lines.join("\n").into_bytes();
        }
    }
    bytes
}

/// Reads a folder with one bad file in it; gives the gaps of that file.
fn read(file: &str, bytes: &[u8]) -> Vec<Gap> {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let write = |file: &str, bytes: &[u8]| {
        let path = root.join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    };
    write("good/template.yaml", GOOD.as_bytes());
    write("good/Cargo.toml", b"[package]\nname = \"good\"\n");
    write("good/src/main.rs", b"fn main() {}");
    write("bad/src/bad.rs", b"fn main() {}");
    write(file, bytes);
    let started = Instant::now();
    let managed =
        |_: &str| Some(r#"{"Statement": {"Effect": "Allow", "Action": "x:y", "Resource": "*"}}"#.to_owned());
    let tree = cargo::read(root);
    let deployments = deploy::read(root, &managed);
    let dumps = account::read(root, &[]).unwrap();
    let of_account = dumps.functions(&managed);
    let spent = started.elapsed();
    let shown = || String::from_utf8_lossy(&bytes[..bytes.len().min(4000)]).into_owned();
    assert!(
        spent < Duration::from_secs(20),
        "{file} took {spent:?}:\n{}",
        shown()
    );
    let good = deployments
        .functions
        .iter()
        .find(|function| function.name == "Good");
    let good = good.unwrap_or_else(|| panic!("the good template is lost beside {file}:\n{}", shown()));
    assert_eq!(good.role.as_ref().unwrap().statements.len(), 2, "{}", shown());
    assert!(
        tree.packages.iter().any(|package| package.dir == "good"),
        "{}",
        shown()
    );
    let of_functions = of_account.iter().flat_map(|each| each.gaps.iter());
    let gaps = deployments
        .gaps
        .iter()
        .chain(dumps.gaps())
        .chain(of_functions)
        .chain(&tree.gaps);
    let lines = bytes.iter().filter(|&&byte| byte == b'\n').count() + 1;
    let gaps: Vec<Gap> = gaps.cloned().collect();
    for gap in &gaps {
        let at = gap
            .location
            .as_ref()
            .unwrap_or_else(|| panic!("{gap:?} has no place:\n{}", shown()));
        if at.file == file {
            let line = usize::try_from(at.line).unwrap();
            assert!(
                (1..=lines + 1).contains(&line),
                "{gap:?} is outside:\n{}",
                shown()
            );
        }
    }
    gaps.into_iter()
        .filter(|gap| gap.location.as_ref().is_some_and(|at| at.file.as_str() == file))
        .collect()
}

#[test]
fn whatever_is_broken_the_rest_is_read() {
    let mut dice = Dice(20_261_122);
    let (mut count, mut told) = (0, 0);
    for (file, text) in KINDS {
        assert!(Path::new(file).is_relative());
        for _ in 0..30 {
            let bytes = broken(text, &mut dice);
            told += usize::from(!read(file, &bytes).is_empty());
            count += 1;
        }
    }
    assert_eq!(count, 210);
    // What is broken is mostly noticed; the rest is still a description.
    assert!(told > 70, "only {told} of {count} were noticed");
}

/// The first code that is told of a bad file.
fn code(file: &str, text: &str) -> String {
    read(file, text.as_bytes())
        .first()
        .map_or_else(|| "-".to_owned(), |gap| gap.code.to_owned())
}

const UNREADABLE: &str = "unreadable-stack-template";

#[test]
fn nesting_without_end_is_refused() {
    let many = 60_000;
    let head = "Resources: {A: {Type: AWS::SQS::Queue, Properties: ";
    for (file, text) in [
        (
            "bad/flow.yaml",
            format!("{head}{}{}}}}}", "[".repeat(many), "]".repeat(many)),
        ),
        (
            "bad/maps.yaml",
            format!("{head}{}1{}}}}}", "{a: ".repeat(many), "}".repeat(many)),
        ),
        (
            "bad/deep.json",
            format!(
                "{{\"Resources\": {{\"A\": {{\"Type\": \"AWS::SQS::Queue\", \"Properties\": {}{}}}}}}}",
                "[".repeat(many),
                "]".repeat(many)
            ),
        ),
        (
            "bad/main.tf",
            format!("locals {{\n a = {}{}\n}}", "[".repeat(many), "]".repeat(many)),
        ),
        (
            "bad/calls.tf",
            format!(
                "locals {{\n a = {}1{}\n}}",
                "upper(".repeat(many),
                ")".repeat(many)
            ),
        ),
    ] {
        assert_eq!(code(file, &text), UNREADABLE, "{file}");
    }
    let plan = PLAN.replace(
        "[{\"variables\": {\"A\": \"b\"}}]",
        &format!("{}{}", "[".repeat(many), "]".repeat(many)),
    );
    assert_eq!(code("bad/plan.json", &plan), UNREADABLE);
    assert_eq!(
        code(
            ".rolefit/a.json",
            &format!("{{\"FunctionArn\": {}{}}}", "[".repeat(many), "]".repeat(many))
        ),
        "unreadable-dump"
    );
    let manifest = format!(
        "{CARGO}\n[package.metadata.x]\na = {}{}\n",
        "[".repeat(many),
        "]".repeat(many)
    );
    assert_eq!(code("bad/Cargo.toml", &manifest), "bad-manifest");
}

#[test]
fn bombs_of_aliases_and_huge_texts_end_soon() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let before = level - 1;
        let list = vec![format!("*a{before}"); 9].join(", ");
        bomb.push_str(&format!("a{level}: &a{level} [{list}]\n"));
    }
    bomb.push_str("Resources: {A: {Type: AWS::SQS::Queue}}\n");
    assert_eq!(code("bad/bomb.yaml", &bomb), UNREADABLE);
    let huge = "x".repeat(10 << 20);
    let template = format!("Resources: {{A: {{Type: AWS::SQS::Queue}}}}\nDescription: {huge}\n");
    assert_eq!(code("bad/huge.yaml", &template), UNREADABLE);
    let smaller = "x".repeat(4 << 20);
    let template = format!("Resources: {{A: {{Type: AWS::SQS::Queue}}}}\nDescription: {smaller}\n");
    assert_eq!(code("bad/large.yaml", &template), "-");
    let dump = DUMP.replace("\"A\": \"b\"", &format!("\"A\": \"{huge}\""));
    assert_eq!(read(".rolefit/a.json", dump.as_bytes()).len(), 0);
    assert_eq!(
        code("bad/main.tf", &TF.replace("\"dev\"", &format!("\"{smaller}\""))),
        UNREADABLE
    );
}

#[test]
fn odd_bytes_are_told_or_read() {
    let with = |text: &str, from: &str, to: &[u8]| {
        let (before, after) = text.split_once(from).unwrap();
        [before.as_bytes(), to, after.as_bytes()].concat()
    };
    // Not UTF-8.
    for (file, text) in [
        ("bad/template.yaml", YAML),
        ("bad/template.json", JSON),
        ("bad/main.tf", TF),
        ("bad/plan.json", PLAN),
    ] {
        let from = if file.ends_with(".tf") { "orders-" } else { "Bad" };
        let bytes = with(
            text,
            if file == "bad/plan.json" { "\"dev\"" } else { from },
            b"\"\xe9\"",
        );
        let gaps = read(file, &bytes);
        assert!(gaps.iter().any(|gap| gap.code == UNREADABLE), "{file}: {gaps:?}");
    }
    // A byte order mark, lines of Windows, and UTF-16 as PowerShell writes it.
    for text in [format!("\u{feff}{YAML}"), YAML.replace('\n', "\r\n")] {
        assert_eq!(
            code(
                "bad/template.yaml",
                &text.replace(
                    "!If [Prod, AmazonSSMReadOnlyAccess, !Ref 'AWS::NoValue']",
                    "AmazonSSMReadOnlyAccess"
                )
            ),
            "-"
        );
    }
    let units: Vec<u8> = JSON.encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(
        read("bad/template.json", &[&[0xff, 0xfe], units.as_slice()].concat()).len(),
        0
    );
    assert_eq!(
        code("bad/main.tf", &format!("\u{feff}{}", TF.replace('\n', "\r\n"))),
        "-"
    );
    // Tabs indent nothing in YAML.
    assert_eq!(
        code(
            "bad/template.yaml",
            &YAML.replace("    Properties:\n", "\tProperties:\n")
        ),
        UNREADABLE
    );
    // Half of a pair of surrogates, and a zero.
    for odd in ["\\ud800", "\\u0000", "\\ud83d\\ude00"] {
        let gaps = read(
            "bad/template.json",
            JSON.replace("\"b\"", &format!("\"{odd}\"")).as_bytes(),
        );
        assert!(gaps.len() < 2, "{odd}: {gaps:?}");
        let gaps = read(
            ".rolefit/a.json",
            DUMP.replace("\"A\": \"b\"", &format!("\"A\": \"{odd}\""))
                .as_bytes(),
        );
        assert!(gaps.len() < 2, "{odd}: {gaps:?}");
    }
    // A key twice.
    assert_eq!(
        code(
            "bad/template.yaml",
            &YAML.replace("      CodeUri: .\n", "      CodeUri: .\n      CodeUri: ..\n")
        ),
        "duplicate-key"
    );
    // Cut off.
    assert_eq!(code("bad/template.json", &JSON[..JSON.len() - 3]), UNREADABLE);
    assert_eq!(code("bad/plan.json", &PLAN[..PLAN.len() - 3]), UNREADABLE);
    assert_eq!(code("bad/main.tf", &TF[..TF.len() - 3]), UNREADABLE);
    assert_eq!(
        code(".rolefit/a.json", &DUMP[..DUMP.len() - 3]),
        "unreadable-dump"
    );
}

#[test]
fn circles_end() {
    let circle = "
Resources:
  A: {Type: AWS::SQS::Queue, DependsOn: B, Properties: {QueueName: !Ref B}}
  B: {Type: AWS::SQS::Queue, DependsOn: A, Properties: {QueueName: !Ref A}}
  F: {Type: AWS::Lambda::Function, DependsOn: F, Properties: {FunctionName: !Ref F, Role: !GetAtt R.Arn}}
  R: {Type: AWS::IAM::Role, Properties: {RoleName: !GetAtt R.Arn, ManagedPolicyArns: [!Ref M]}}
  M: {Type: AWS::IAM::ManagedPolicy, Properties: {Roles: [!Ref R], ManagedPolicyName: !Ref M, PolicyDocument: !Ref M}}
  V: {Type: AWS::Lambda::Alias, Properties: {FunctionName: !Ref V}}
  E: {Type: AWS::Lambda::EventSourceMapping, Properties: {FunctionName: !Ref V, EventSourceArn: !Ref V}}
  K: {Type: AWS::KMS::Alias, Properties: {TargetKeyId: !Ref L}}
  L: {Type: AWS::KMS::Alias, Properties: {TargetKeyId: !Ref K}}
  Q: {Type: AWS::SQS::Queue, Properties: {KmsMasterKeyId: !Ref K}}
  Own: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: ./circle.yaml}}
";
    read("bad/circle.yaml", circle.as_bytes());
    let locals = "locals {\n  a = local.b\n  b = local.a\n}\nmodule \"m\" { source = \"./\" }\nresource \"aws_lambda_function\" \"f\" {\n  function_name = local.a\n  role = aws_lambda_function.f.arn\n}\n";
    let gaps = read("bad/main.tf", locals.as_bytes());
    assert!(gaps.iter().any(|gap| gap.code == "cyclic-reference"), "{gaps:?}");
}
