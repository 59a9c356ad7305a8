//! Keeps every change of the orders table for the auditors, in an encrypted bucket.

use aws_lambda_events::dynamodb::{Event, EventRecord};
use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use lambda_runtime::{Error, LambdaEvent, run, service_fn, tracing};
use setup::{aws_config, require_env};

const FOLDER: &str = "changes";

async fn handle(s3: &Client, bucket: &str, event: LambdaEvent<Event>) -> Result<(), Error> {
    for record in &event.payload.records {
        keep(s3, bucket, record).await?;
    }
    Ok(())
}

async fn keep(s3: &Client, bucket: &str, record: &EventRecord) -> Result<(), Error> {
    let day = record.change.approximate_creation_date_time.format("%Y/%m/%d");
    s3.put_object()
        .bucket(bucket)
        .key(format!("{FOLDER}/{day}/{}.json", record.event_id))
        .body(ByteStream::from(serde_json::to_vec(record)?))
        .send()
        .await?;
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let s3 = Client::new(&aws_config().await);
    let bucket = require_env("AUDIT_BUCKET")?;
    run(service_fn(|event| handle(&s3, &bucket, event))).await
}
