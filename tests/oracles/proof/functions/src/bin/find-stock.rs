//! DynamoDB: an index queried, another one scanned, the table itself read and written.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde_json::{Value, json};
use warehouse::{aws_config, require_env};

async fn handle(dynamodb: &Client, event: LambdaEvent<Value>) -> Result<Value, Error> {
    let table = require_env("STOCK_TABLE")?;
    let article = event.payload["article"].as_str().unwrap_or_default();
    let by_shelf = dynamodb
        .query()
        .table_name(&table)
        .index_name("by-shelf")
        .key_condition_expression("shelf = :shelf")
        .expression_attribute_values(":shelf", AttributeValue::S("A1".to_owned()))
        .send()
        .await?;
    let scarce = dynamodb
        .scan()
        .table_name(&table)
        .index_name("by-count")
        .send()
        .await?;
    let one = dynamodb
        .get_item()
        .table_name(&table)
        .key("article", AttributeValue::S(article.to_owned()))
        .send()
        .await?;
    dynamodb
        .delete_item()
        .table_name(&table)
        .key("article", AttributeValue::S(format!("{article}-old")))
        .send()
        .await?;
    Ok(json!({ "on_shelf": by_shelf.count(), "scarce": scarce.count(), "found": one.item().is_some() }))
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let dynamodb = Client::new(&aws_config().await);
    run(service_fn(|event| handle(&dynamodb, event))).await
}
