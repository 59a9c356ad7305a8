//! Every night: which orders have been paid but not shipped?

use aws_lambda_events::eventbridge::EventBridgeEvent;
use aws_sdk_s3::primitives::ByteStream;
use chrono::Utc;
use lambda_runtime::{Error, LambdaEvent, run, service_fn, tracing};
use setup::{aws_config, require_env};
use store::{DynamoStore, FindOrders, Status};

async fn report(
    store: &impl FindOrders,
    s3: &aws_sdk_s3::Client,
    event: LambdaEvent<EventBridgeEvent>,
) -> Result<(), Error> {
    let night = event.payload.time.unwrap_or_else(Utc::now);
    let waiting = store.with_status(Status::Paid).await?;
    let mut table = String::from("order,customer,placed,total\n");
    for order in &waiting {
        table += &format!(
            "{},{},{},{}\n",
            order.id,
            order.customer,
            order.placed_at,
            order.total_cents()
        );
    }
    s3.put_object()
        .bucket(std::env::var("DOCUMENTS_BUCKET")?)
        .key(format!("reports/{}.csv", night.format("%F")))
        .content_type("text/csv")
        .body(ByteStream::from(table.into_bytes()))
        .send()
        .await?;
    tracing::info!(orders = waiting.len(), "report written");
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let config = aws_config().await;
    let store = DynamoStore::new(
        aws_sdk_dynamodb::Client::new(&config),
        require_env("ORDERS_TABLE")?,
    );
    let s3 = aws_sdk_s3::Client::new(&config);
    run(service_fn(|event| report(&store, &s3, event))).await
}
