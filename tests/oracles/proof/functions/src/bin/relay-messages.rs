//! SQS: takes messages off one queue by hand and puts them onto another, found by name.

use aws_sdk_sqs::Client;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde_json::{Value, json};
use warehouse::{aws_config, require_env};

async fn handle(sqs: &Client, _event: LambdaEvent<Value>) -> Result<Value, Error> {
    let inbox = require_env("INBOX_URL")?;
    let outbox = sqs
        .get_queue_url()
        .queue_name(require_env("OUTBOX_NAME")?)
        .send()
        .await?;
    let received = sqs
        .receive_message()
        .queue_url(&inbox)
        .max_number_of_messages(10)
        .send()
        .await?;
    let mut relayed = 0;
    for message in received.messages() {
        let receipt = message.receipt_handle().unwrap_or_default();
        sqs.change_message_visibility()
            .queue_url(&inbox)
            .receipt_handle(receipt)
            .visibility_timeout(60)
            .send()
            .await?;
        sqs.send_message()
            .queue_url(outbox.queue_url().unwrap_or_default())
            .message_body(message.body().unwrap_or_default())
            .send()
            .await?;
        sqs.delete_message()
            .queue_url(&inbox)
            .receipt_handle(receipt)
            .send()
            .await?;
        relayed += 1;
    }
    Ok(json!({ "relayed": relayed }))
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let sqs = Client::new(&aws_config().await);
    run(service_fn(|event| handle(&sqs, event))).await
}
