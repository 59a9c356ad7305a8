//! Things of different services may have the same name: a call means the one of its own service.

use std::process::Command;

const TEMPLATE: &str = "Transform: AWS::Serverless-2016-10-31
Resources:
  OrdersFunction:
    Type: AWS::Serverless::Function
    Metadata: {BuildMethod: rust-cargolambda}
    Properties: {Runtime: provided.al2023, Handler: bootstrap, CodeUri: ., FunctionName: orders}
";
const TABLE: &str = "  Table:
    Type: AWS::DynamoDB::Table
    Properties: {TableName: orders}
";

fn resource(template: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let write = |file: &str, text: &str| std::fs::write(folder.path().join(file), text).unwrap();
    write(
        "Cargo.toml",
        "[package]\nname = \"orders\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[dependencies]\naws-sdk-dynamodb = \"1\"\n",
    );
    write("template.yaml", template);
    std::fs::create_dir(folder.path().join("src")).unwrap();
    write(
        "src/main.rs",
        "fn main() { aws_sdk_dynamodb::Client::new(&config).put_item().table_name(\"orders\").send(); }\n",
    );
    let output = Command::new(env!("CARGO_BIN_EXE_rolefit"))
        .args([
            "generate",
            folder.path().to_str().unwrap(),
            "--function",
            "OrdersFunction",
        ])
        .output()
        .unwrap();
    let policy: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let statements = policy["Statement"].as_array().unwrap();
    let of_table = statements
        .iter()
        .find(|one| one["Action"] == "dynamodb:PutItem")
        .unwrap();
    of_table["Resource"].as_str().unwrap().to_owned()
}

#[test]
fn a_table_is_not_the_function_of_the_same_name() {
    assert!(
        resource(TEMPLATE).ends_with(":table/orders"),
        "{}",
        resource(TEMPLATE)
    );
    let both = resource(&format!("{TEMPLATE}{TABLE}"));
    assert!(both.ends_with(":table/${Table}"), "{both}");
}
