//! DynamoDB: batches, over one table to write and two to read.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes, PutRequest, WriteRequest};
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde_json::{Value, json};
use warehouse::{aws_config, require_env};

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

async fn handle(dynamodb: &Client, event: LambdaEvent<Value>) -> Result<Value, Error> {
    let stock = require_env("STOCK_TABLE")?;
    let moves = require_env("MOVES_TABLE")?;
    let mut writes = Vec::new();
    for article in event.payload["articles"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
    {
        let put = PutRequest::builder()
            .item("article", text(article))
            .item("shelf", text("C3"))
            .build()?;
        writes.push(WriteRequest::builder().put_request(put).build());
    }
    dynamodb
        .batch_write_item()
        .request_items(&stock, writes)
        .send()
        .await?;
    let articles = KeysAndAttributes::builder()
        .keys([("article".to_owned(), text("bolts"))].into())
        .build()?;
    let ids = KeysAndAttributes::builder()
        .keys([("id".to_owned(), text("move-0"))].into())
        .build()?;
    let read = dynamodb
        .batch_get_item()
        .request_items(&stock, articles)
        .request_items(&moves, ids)
        .send()
        .await?;
    Ok(json!({ "tables": read.responses().map_or(0, |responses| responses.len()) }))
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let dynamodb = Client::new(&aws_config().await);
    run(service_fn(|event| handle(&dynamodb, event))).await
}
