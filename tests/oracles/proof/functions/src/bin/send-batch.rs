//! SQS: several messages in one call, which needs what one message needs.

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde_json::{Value, json};
use warehouse::{aws_config, require_env};

async fn handle(sqs: &Client, _event: LambdaEvent<Value>) -> Result<Value, Error> {
    let inbox = require_env("INBOX_URL")?;
    let mut batch = sqs.send_message_batch().queue_url(&inbox);
    for id in ["one", "two"] {
        batch = batch.entries(
            SendMessageBatchRequestEntry::builder()
                .id(id)
                .message_body(id)
                .build()?,
        );
    }
    let sent = batch.send().await?;
    Ok(json!({ "sent": sent.successful().len() }))
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let sqs = Client::new(&aws_config().await);
    run(service_fn(|event| handle(&sqs, event))).await
}
