//! SNS: several messages in one call, which needs what one message needs.

use aws_sdk_sns::Client;
use aws_sdk_sns::types::PublishBatchRequestEntry;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde_json::{Value, json};
use warehouse::{aws_config, require_env};

async fn handle(sns: &Client, _event: LambdaEvent<Value>) -> Result<Value, Error> {
    let mut batch = sns.publish_batch().topic_arn(require_env("TOPIC_ARN")?);
    for id in ["one", "two"] {
        let entry = PublishBatchRequestEntry::builder().id(id).message(id).build()?;
        batch = batch.publish_batch_request_entries(entry);
    }
    let sent = batch.send().await?;
    Ok(json!({ "sent": sent.successful().len() }))
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let sns = Client::new(&aws_config().await);
    run(service_fn(|event| handle(&sns, event))).await
}
