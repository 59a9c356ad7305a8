//! DynamoDB: transactions, which need what their items need.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeValue, ConditionCheck, Delete, Get, Put, TransactGetItem, TransactWriteItem, Update,
};
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde_json::{Value, json};
use warehouse::{aws_config, require_env};

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

async fn handle(dynamodb: &Client, _event: LambdaEvent<Value>) -> Result<Value, Error> {
    let stock = require_env("STOCK_TABLE")?;
    let moves = require_env("MOVES_TABLE")?;
    let counted = Update::builder()
        .table_name(&stock)
        .key("article", text("nails"))
        .update_expression("SET shelf = :shelf")
        .expression_attribute_values(":shelf", text("B2"))
        .build()?;
    let known = ConditionCheck::builder()
        .table_name(&stock)
        .key("article", text("screws"))
        .condition_expression("attribute_exists(article)")
        .build()?;
    let noted = Put::builder()
        .table_name(&moves)
        .item("id", text("move-1"))
        .item("to", text("B2"))
        .build()?;
    let undone = Delete::builder()
        .table_name(&moves)
        .key("id", text("move-0"))
        .build()?;
    dynamodb
        .transact_write_items()
        .transact_items(TransactWriteItem::builder().update(counted).build())
        .transact_items(TransactWriteItem::builder().condition_check(known).build())
        .transact_items(TransactWriteItem::builder().put(noted).build())
        .transact_items(TransactWriteItem::builder().delete(undone).build())
        .send()
        .await?;
    let get = Get::builder()
        .table_name(&moves)
        .key("id", text("move-1"))
        .build()?;
    let read = dynamodb
        .transact_get_items()
        .transact_items(TransactGetItem::builder().get(get).build())
        .send()
        .await?;
    Ok(json!({ "read": read.responses().len() }))
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let dynamodb = Client::new(&aws_config().await);
    run(service_fn(|event| handle(&dynamodb, event))).await
}
