//! Policies beside the role that refuse what a function needs: what is certain is told (RF013), and nothing else.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

const MAIN: &str = "async fn work(tables: aws_sdk_dynamodb::Client, files: aws_sdk_s3::Client) {
    tables.query().table_name(std::env::var(\"TABLE\").unwrap()).index_name(\"by-day\").send().await;
    files.put_object().bucket(std::env::var(\"FILES\").unwrap()).key(\"in/a.txt\").send().await;
}
fn main() { work(todo!(), todo!()); }
";

const TEMPLATE: &str = "AWSTemplateFormatVersion: '2010-09-09'
Transform: AWS::Serverless-2016-10-31
Parameters:
  Stage: { Type: String }
  Elsewhere: { Type: String }
Resources:
  Worker:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: provided.al2023
      Handler: bootstrap
      CodeUri: target/lambda/worker
      Environment: { Variables: { TABLE: !Ref Orders, FILES: !Ref Files } }
      Policies:
        - Statement:
            - { Effect: Allow, Action: dynamodb:Query, Resource: !Sub '${Orders.Arn}/index/by-day' }
            - { Effect: Allow, Action: [s3:PutObject, s3:GetObject], Resource: !Sub '${Files.Arn}/in/a.txt' }
            - { Effect: Allow, Action: 'kms:GenerateDataKey', Resource: !GetAtt Key.Arn }
PROPERTIES
  Orders: { Type: AWS::DynamoDB::Table, Properties: { TableName: !Sub 'orders-${Stage}' } }
  Key: { Type: AWS::KMS::Key, Properties: { KeyPolicy: KEY } }
  Files:
    Type: AWS::S3::Bucket
    Properties:
      BucketEncryption:
        ServerSideEncryptionConfiguration:
          - ServerSideEncryptionByDefault: { SSEAlgorithm: aws:kms, KMSMasterKeyID: !GetAtt Key.Arn }
  Vpc: { Type: AWS::EC2::VPC, Properties: { CidrBlock: 10.0.0.0/16 } }
  Other: { Type: AWS::EC2::VPC, Properties: { CidrBlock: 10.1.0.0/16 } }
  Subnet: { Type: AWS::EC2::Subnet, Properties: { VpcId: !Ref Vpc } }
";

/// A key policy as the console makes it.
const KEY: &str = "{ Statement: [{ Effect: Allow, Principal: { AWS: !Sub 'arn:${AWS::Partition}:iam::${AWS::AccountId}:root' }, \
                   Action: 'kms:*', Resource: '*' }] }";

const IN_VPC: &str = "      VpcConfig: { SubnetIds: [!Ref Subnet], SecurityGroupIds: [sg-1] }\n";

/// What RF013 says of the function with these properties, key policy and resources, and beside these files.
fn refused(properties: &str, key: &str, resources: &str, files: &[(&str, &str)]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let write = |file: &str, text: &str| {
        let path = folder.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    let template = TEMPLATE.replace("PROPERTIES\n", properties).replace("KEY", key);
    write("template.yaml", &format!("{template}{resources}"));
    write("src/main.rs", MAIN);
    write(
        "Cargo.toml",
        "[package]\nname = \"worker\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[dependencies]\naws-sdk-dynamodb = \"1\"\n\
         aws-sdk-s3 = \"1\"\n",
    );
    for (file, text) in files {
        write(file, text);
    }
    let report = report(folder.path());
    let findings = report["findings"].as_array().unwrap().iter();
    findings
        .filter(|finding| finding["rule"] == "RF013")
        .map(|finding| {
            assert_eq!(finding["level"], "error");
            let message = finding["message"].as_str().unwrap();
            format!("{} ({})", message, finding["confidence"].as_str().unwrap())
        })
        .collect()
}

fn report(folder: &Path) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_rolefit"))
        .args(["check", ".", "--format", "json"])
        .current_dir(folder)
        .env_remove("ROLEFIT_CONFIG")
        .output()
        .unwrap();
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)))
}

fn bucket_policy(statement: &str) -> String {
    format!(
        "  FilesPolicy:\n    Type: AWS::S3::BucketPolicy\n    Properties:\n      Bucket: !Ref Files\n      PolicyDocument:\n        \
         Statement:\n          - {statement}\n"
    )
}

fn endpoint(vpc: &str, service: &str, statement: &str) -> String {
    format!(
        "  Endpoint:\n    Type: AWS::EC2::VPCEndpoint\n    Properties:\n      VpcId: {vpc}\n      ServiceName: !Sub \
         'com.amazonaws.${{AWS::Region}}.{service}'\n      PolicyDocument:\n        Version: '2012-10-17'\n        Statement:\n          \
         - {statement}\n"
    )
}

#[test]
fn what_a_bucket_policy_denies_is_refused_unless_it_may_spare_the_function() {
    let told = "`Worker` needs `s3:PutObject` on `s3:Files/in/a.txt`, which the bucket policy `FilesPolicy` denies (high)";
    let all = "Principal: '*', Resource: !Sub '${Files.Arn}/*'";
    for (statement, expected) in [
        (format!("{{ Effect: Deny, Action: 's3:Put*', {all} }}"), &[told][..]),
        (format!("{{ Effect: Deny, NotAction: s3:GetObject, {all} }}"), &[told]),
        ("{ Effect: Deny, Action: 's3:*', Principal: { AWS: !Ref AWS::AccountId }, Resource: !Sub 'arn:aws:s3:::${Files}/in/*' }".to_owned(), &[told]),
        ("{ Effect: Deny, Action: 's3:*', Principal: { AWS: !GetAtt WorkerRole.Arn }, NotResource: !Sub '${Files.Arn}/out/*' }".to_owned(), &[told]),
        // The function is in no VPC, so that no endpoint carries its calls.
        (format!("{{ Effect: Deny, Action: 's3:*', {all}, Condition: {{ StringNotEquals: {{ 'aws:SourceVpce': vpce-1 }} }} }}"), &[told]),
        // By TLS alone, as the SDK calls.
        (format!("{{ Effect: Deny, Action: 's3:*', {all}, Condition: {{ Bool: {{ 'aws:SecureTransport': 'false' }} }} }}"), &[]),
        // Who is spared cannot be told.
        (format!("{{ Effect: Deny, Action: 's3:*', {all}, Condition: {{ ArnNotLike: {{ 'aws:PrincipalArn': '*worker*' }} }} }}"), &[]),
        (format!("{{ Effect: Deny, Action: s3:DeleteObject, {all} }}"), &[]),
        ("{ Effect: Deny, Action: 's3:*', Principal: '*', Resource: !Sub '${Files.Arn}/out/*' }".to_owned(), &[]),
        ("{ Effect: Deny, Action: 's3:*', Principal: { Service: delivery.logs.amazonaws.com }, Resource: '*' }".to_owned(), &[]),
        ("{ Effect: Deny, Action: 's3:*', Principal: { AWS: !Ref Elsewhere }, Resource: '*' }".to_owned(), &[]),
        // In one account, what the role allows is enough.
        (format!("{{ Effect: Allow, Action: s3:GetObject, {all} }}"), &[]),
    ] {
        assert_eq!(refused("", KEY, &bucket_policy(&statement), &[]), expected, "{statement}");
    }
}

#[test]
fn a_deny_that_depends_on_the_stage_says_so() {
    let statement = "{ Effect: Deny, Action: 's3:*', Principal: '*', Resource: !Sub '${Files.Arn}/*' }";
    let conditional = bucket_policy(statement).replace(
        "    Properties:\n      Bucket",
        "    Condition: InProd\n    Properties:\n      Bucket",
    );
    let told = refused("", KEY, &conditional, &[]);
    assert!(
        told.len() == 1 && told[0].ends_with("denies (medium)"),
        "{told:?}"
    );
}

#[test]
fn a_key_policy_must_allow() {
    let told =
        "`Worker` needs `kms:GenerateDataKey` on `key/Key`, which the key policy `Key` does not allow (high)";
    let one = |statement: &str| refused("", &format!("{{ Statement: [{statement}] }}"), "", &[]);
    let admin = "{ Effect: Allow, Principal: { AWS: !Sub 'arn:aws:iam::${AWS::AccountId}:role/admin' }, Action: 'kms:*', Resource: '*' }";
    let role = "{ Effect: Allow, Principal: { AWS: !GetAtt WorkerRole.Arn }, Action: [kms:GenerateDataKey], Resource: '*' }";
    let via = "{ Effect: Allow, Principal: { AWS: '*' }, Action: 'kms:*', Resource: '*', Condition: { StringEquals: { 'kms:ViaService': s3.eu-west-1.amazonaws.com } } }";
    let service =
        "{ Effect: Allow, Principal: { Service: s3.amazonaws.com }, Action: 'kms:*', Resource: '*' }";
    assert_eq!(one(role), [""; 0]);
    assert_eq!(one(via), [""; 0]);
    assert_eq!(one(service), [told]);
    // A role whose name is not the function's for sure may be it.
    assert_eq!(one(admin), [""; 0]);
    assert_eq!(
        one(&service.replace(
            "Service: s3.amazonaws.com",
            "AWS: 'arn:aws:iam::111122223333:role/admin'"
        )),
        [""; 0]
    );
}

#[test]
fn the_policy_of_a_vpc_endpoint_must_allow_what_goes_through_it() {
    let told = "`Worker` needs `dynamodb:Query` on `table/Orders/index/by-day`, which the policy of the VPC endpoint `Endpoint` does not allow";
    let table = "{ Effect: Allow, Principal: '*', Action: 'dynamodb:*', Resource: !GetAtt Orders.Arn }";
    let index =
        "{ Effect: Allow, Principal: '*', Action: 'dynamodb:*', Resource: !Sub '${Orders.Arn}/index/*' }";
    let by_name = "{ Effect: Allow, Principal: '*', Action: 'dynamodb:*', Resource: 'arn:aws:dynamodb:*:*:table/orders-*' }";
    let through = |properties: &str, resources: &str| refused(properties, KEY, resources, &[]);
    assert_eq!(
        through(IN_VPC, &endpoint("!Ref Vpc", "dynamodb", table)),
        [format!("{told} (high)")]
    );
    assert_eq!(through(IN_VPC, &endpoint("!Ref Vpc", "dynamodb", index)), [""; 0]);
    assert_eq!(
        through(IN_VPC, &endpoint("!Ref Vpc", "dynamodb", by_name)),
        [""; 0]
    );
    // Another service, another VPC, no VPC at all.
    assert_eq!(through(IN_VPC, &endpoint("!Ref Vpc", "sqs", table)), [""; 0]);
    assert_eq!(
        through(IN_VPC, &endpoint("!Ref Other", "dynamodb", table)),
        [""; 0]
    );
    assert_eq!(through("", &endpoint("!Ref Vpc", "dynamodb", table)), [""; 0]);
    // Subnets of which nothing is known.
    let unknown = IN_VPC.replace("!Ref Subnet", "subnet-1");
    assert_eq!(
        through(&unknown, &endpoint("!Ref Vpc", "dynamodb", table)),
        [format!("{told} (medium)")]
    );
    // What S3 calls with the function's credentials does not go through its network.
    assert_eq!(through(IN_VPC, &endpoint("!Ref Vpc", "kms", table)), [""; 0]);
}

#[test]
fn a_boundary_must_allow() {
    let boundary = |actions: &str| {
        format!(
            "  Limit:\n    Type: AWS::IAM::ManagedPolicy\n    Properties:\n      PolicyDocument:\n        Version: '2012-10-17'\n        \
             Statement: [{{ Effect: Allow, Action: [{actions}], Resource: '*' }}]\n"
        )
    };
    let with = "      PermissionsBoundary: !Ref Limit\n";
    let all = "'dynamodb:*', 's3:*', 'kms:*', 'logs:*'";
    assert_eq!(refused(with, KEY, &boundary(all), &[]), [""; 0]);
    let told = refused(with, KEY, &boundary(&all.replace("'dynamodb:*', ", "")), &[]);
    assert_eq!(
        told,
        [
            "`Worker` needs `dynamodb:Query` on `table/Orders/index/by-day`, which the permissions boundary `Limit` does not allow (high)"
        ]
    );
    // One that AWS manages.
    let managed = "      PermissionsBoundary: arn:aws:iam::aws:policy/AmazonS3FullAccess\n";
    let told = refused(managed, KEY, "", &[]);
    assert!(
        told.iter().any(|told| told.contains("`dynamodb:Query`")),
        "{told:?}"
    );
    assert!(
        !told.iter().any(|told| told.contains("`s3:PutObject`")),
        "{told:?}"
    );
}

#[test]
fn policies_of_the_organisation_are_stated() {
    let config = "version = 1\n[[guard]]\npath = \"org\"\nkind = \"scp\"\n";
    let scp = |statements: &str| format!("{{\"Version\": \"2012-10-17\", \"Statement\": [{statements}]}}");
    let deny = scp(r#"{"Effect": "Deny", "Action": "dynamodb:*", "Resource": "*"}"#);
    let told = "`Worker` needs `dynamodb:Query` on `table/Orders/index/by-day`, which the service control policy `org` denies (high)";
    assert_eq!(
        refused("", KEY, "", &[("rolefit.toml", config), ("org/deny.json", &deny)]),
        [told]
    );
    // As `aws organizations describe-policy` prints it.
    let printed =
        serde_json::json!({ "Policy": { "PolicySummary": { "Name": "x" }, "Content": deny } }).to_string();
    assert_eq!(
        refused(
            "",
            KEY,
            "",
            &[("rolefit.toml", config), ("org/deny.json", &printed)]
        ),
        [told]
    );
    let others = config.replace("kind", "function = \"Other*\"\nkind");
    assert_eq!(
        refused(
            "",
            KEY,
            "",
            &[("rolefit.toml", &others), ("org/deny.json", &deny)]
        ),
        [""; 0]
    );
    // A list of what is allowed, in two files of one level.
    let files = [
        ("rolefit.toml", config),
        (
            "org/one.json",
            &scp(r#"{"Effect": "Allow", "Action": ["s3:*", "logs:*"], "Resource": "*"}"#),
        ),
        (
            "org/two.json",
            &scp(r#"{"Effect": "Allow", "Action": ["kms:*"], "Resource": "*"}"#),
        ),
    ];
    assert_eq!(
        refused("", KEY, "", &files),
        [told.replace("denies", "does not allow")]
    );
}

#[test]
fn a_guard_that_cannot_be_read_is_an_error_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let check = |text: &str| {
        std::fs::write(folder.path().join("rolefit.toml"), text).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_rolefit"))
            .args(["check", "."])
            .current_dir(folder.path())
            .output()
            .unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, said) = check("version = 1\n[[guard]]\npath = \"nowhere.json\"\nkind = \"scp\"\n");
    assert!(
        code == Some(2) && said.contains("rolefit.toml:2") && said.contains("nowhere.json"),
        "{said}"
    );
    std::fs::write(folder.path().join("scp.json"), "{\"Statement\": 3}").unwrap();
    let (code, said) = check("version = 1\n[[guard]]\npath = \"scp.json\"\nkind = \"scp\"\n");
    assert!(
        code == Some(2) && said.contains("scp.json` is no such policy"),
        "{said}"
    );
    let (code, said) = check("version = 1\n[[guard]]\npath = \"scp.json\"\nkind = \"sco\"\n");
    assert!(code == Some(2) && said.contains("did you mean `scp`?"), "{said}");
}

const TERRAFORM: &str = r#"
data "aws_caller_identity" "current" {}
resource "aws_iam_role" "worker" {
  assume_role_policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "lambda.amazonaws.com" } }] })
}
resource "aws_lambda_function" "worker" {
  function_name = "worker"
  role          = aws_iam_role.worker.arn
  runtime       = "provided.al2023"
  handler       = "bootstrap"
  filename      = "target/lambda/worker/bootstrap.zip"
  environment { variables = { TABLE = aws_dynamodb_table.orders.name, FILES = aws_s3_bucket.files.id } }
  VPC
}
resource "aws_dynamodb_table" "orders" { name = "orders" }
resource "aws_s3_bucket" "files" { bucket = "files" }
data "aws_iam_policy_document" "files" {
  statement {
    effect    = "EFFECT"
    actions   = ["s3:Put*"]
    resources = ["${aws_s3_bucket.files.arn}/*"]
    principals {
      type        = "AWS"
      identifiers = ["arn:aws:iam::${data.aws_caller_identity.current.account_id}:root"]
    }
  }
}
resource "aws_s3_bucket_policy" "files" {
  bucket = aws_s3_bucket.files.id
  policy = data.aws_iam_policy_document.files.json
}
resource "aws_vpc_endpoint" "tables" {
  vpc_id       = "vpc-1"
  service_name = "com.amazonaws.eu-west-1.dynamodb"
  policy       = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Principal = "*", Action = "dynamodb:GetItem", Resource = "*" }] })
}
"#;

#[test]
fn terraforms_policies_refuse_as_well() {
    let judged = |effect: &str, vpc: &str| {
        let folder = tempfile::tempdir().unwrap();
        let terraform = TERRAFORM.replace("EFFECT", effect).replace("VPC", vpc);
        std::fs::write(folder.path().join("main.tf"), terraform).unwrap();
        std::fs::create_dir(folder.path().join("src")).unwrap();
        std::fs::write(folder.path().join("src/main.rs"), MAIN).unwrap();
        let manifest = "[package]\nname = \"worker\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[dependencies]\naws-sdk-dynamodb = \"1\"\naws-sdk-s3 = \"1\"\n";
        std::fs::write(folder.path().join("Cargo.toml"), manifest).unwrap();
        let report = report(folder.path());
        let findings = report["findings"].as_array().unwrap().clone();
        let refused = findings.into_iter().filter(|finding| finding["rule"] == "RF013");
        refused
            .map(|finding| finding["message"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(judged("Allow", ""), [""; 0]);
    let bucket = judged("Deny", "");
    assert!(
        bucket.len() == 1 && bucket[0].contains("`s3:PutObject`") && bucket[0].contains("bucket policy"),
        "{bucket:?}"
    );
    let endpoint = judged(
        "Allow",
        "vpc_config {\n subnet_ids = [\"subnet-1\"]\n security_group_ids = [\"sg-1\"]\n }",
    );
    assert!(
        endpoint.len() == 1 && endpoint[0].contains("`dynamodb:Query`"),
        "{endpoint:?}"
    );
}
