//! JSON inside an environment variable: from the template to the ARN that the code's member of it names.

use std::process::Command;

const CODE: &str = r#"
#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Config {
    table: String,
    queue_url: String,
}
#[tokio::main]
async fn main() {
    let shared = aws_config::load_from_env().await;
    let config: Config = serde_json::from_str(&std::env::var("CONFIG").unwrap()).unwrap();
    aws_sdk_dynamodb::Client::new(&shared).put_item().table_name(&config.table).send().await.unwrap();
    aws_sdk_sqs::Client::new(&shared).send_message().queue_url(config.queue_url).send().await.unwrap();
}
"#;

/// A SAM template whose function has that value of `CONFIG`.
fn sam(config: &str) -> (&'static str, String) {
    let template = "Transform: [AWS::LanguageExtensions, AWS::Serverless-2016-10-31]
Parameters:
  Limit: {Type: Number}
Resources:
  OrdersTable: {Type: AWS::DynamoDB::Table}
  Inbox: {Type: AWS::SQS::Queue}
  Orders:
    Type: AWS::Serverless::Function
    Metadata: {BuildMethod: rust-cargolambda}
    Properties:
      Runtime: provided.al2023
      Handler: bootstrap
      CodeUri: .
      FunctionName: orders
";
    let variables = match config {
        "" => String::new(),
        config => format!("      Environment:\n        Variables:\n          CONFIG: {config}\n"),
    };
    ("template.yaml", format!("{template}{variables}"))
}

/// What the two actions are allowed on, in the policy for the deployment; and what is told beside it.
fn resources((file, text): (&str, String)) -> (String, String, String) {
    let folder = tempfile::tempdir().unwrap();
    let function = if file == "main.tf" { "orders" } else { "Orders" };
    let write = |file: &str, text: &str| std::fs::write(folder.path().join(file), text).unwrap();
    write(
        "Cargo.toml",
        "[package]\nname = \"orders\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[dependencies]\naws-config = \"1\"\naws-sdk-dynamodb = \"1\"\naws-sdk-sqs = \"1\"\nserde = \"1\"\nserde_json = \"1\"\n",
    );
    write(file, &text);
    std::fs::create_dir(folder.path().join("src")).unwrap();
    write("src/main.rs", CODE);
    let output = Command::new(env!("CARGO_BIN_EXE_rolefit"))
        .args([
            "generate",
            folder.path().to_str().unwrap(),
            "--function",
            function,
        ])
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    let policy: serde_json::Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {} {told}", String::from_utf8_lossy(&output.stdout)));
    let statements = policy["Statement"].as_array().unwrap();
    let on = |action: &str| {
        let one = statements.iter().find(|one| one["Action"] == action).unwrap();
        one["Resource"].as_str().unwrap().to_owned()
    };
    (on("dynamodb:PutItem"), on("sqs:SendMessage"), told)
}

#[test]
fn members_name_resources_of_the_stack() {
    for config in [
        r#"!Sub '{"table": "${OrdersTable}", "queueUrl": "${Inbox}", "limit": ${Limit}}'"#,
        r#"{"Fn::ToJsonString": {table: !Ref OrdersTable, queueUrl: !Ref Inbox}}"#,
        r#"!Join ["", ['{"table":"', !Ref OrdersTable, '","queueUrl":"', !GetAtt Inbox.QueueUrl, '"}']]"#,
    ] {
        let (table, queue, told) = resources(sam(config));
        assert!(
            table.ends_with(":table/${OrdersTable}"),
            "{config}: {table} {told}"
        );
        assert!(queue.contains("Inbox"), "{config}: {queue} {told}");
    }
    let url = "https://sqs.eu-west-1.amazonaws.com/111122223333/inbox";
    let (table, queue, _) = resources(sam(&format!(r#"'{{"table": "orders", "queueUrl": "{url}"}}'"#)));
    assert!(table.ends_with(":table/orders"), "{table}");
    assert!(queue.ends_with(":sqs:eu-west-1:111122223333:inbox"), "{queue}");
}

#[test]
fn members_name_resources_of_terraform() {
    let (table, queue, told) = resources((
        "main.tf",
        r#"
resource "aws_dynamodb_table" "orders" {}
resource "aws_sqs_queue" "inbox" {}
resource "aws_lambda_function" "orders" {
  function_name = "orders"
  runtime       = "provided.al2023"
  handler       = "bootstrap"
  role          = "arn:aws:iam::111122223333:role/orders"
  environment {
    variables = {
      CONFIG = jsonencode({ table = aws_dynamodb_table.orders.name, queueUrl = aws_sqs_queue.inbox.url })
    }
  }
}
"#
        .to_owned(),
    ));
    assert!(table.contains("aws_dynamodb_table.orders"), "{table} {told}");
    assert!(queue.contains("aws_sqs_queue.inbox"), "{queue} {told}");
}

#[test]
fn what_the_template_does_not_tell_is_a_gap_and_never_dropped() {
    for (config, reason) in [
        ("", "is not set in the stack template"),
        ("orders", "is no JSON"),
        ("!ImportValue config", "only the deployment fills in"),
        (r#"'{"tables": "orders"}'"#, "has no member table"),
        (r#"'{"table": ["orders"]}'"#, "has a list"),
    ] {
        let (table, _, told) = resources(sam(config));
        assert!(table.ends_with(":table/*"), "{config}: {table}");
        let told = told.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(told.contains(reason), "{config}: {told}");
    }
}
