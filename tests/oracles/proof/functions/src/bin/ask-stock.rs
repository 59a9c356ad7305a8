//! DynamoDB: a statement of PartiQL.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde_json::{Value, json};
use warehouse::{aws_config, require_env};

async fn handle(dynamodb: &Client, _event: LambdaEvent<Value>) -> Result<Value, Error> {
    let table = require_env("STOCK_TABLE")?;
    let found = dynamodb
        .execute_statement()
        .statement(format!("SELECT * FROM \"{table}\" WHERE article = ?"))
        .parameters(AttributeValue::S("nails".to_owned()))
        .send()
        .await?;
    Ok(json!({ "found": found.items().len() }))
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let dynamodb = Client::new(&aws_config().await);
    run(service_fn(|event| handle(&dynamodb, event))).await
}
