//! SNS and EventBridge: tells a topic and a bus of a delivery.

use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde_json::{Value, json};
use warehouse::{aws_config, require_env};

struct Announcer {
    sns: aws_sdk_sns::Client,
    events: aws_sdk_eventbridge::Client,
    topic: String,
    bus: String,
}

impl Announcer {
    async fn handle(&self, event: LambdaEvent<Value>) -> Result<Value, Error> {
        let text = event.payload.to_string();
        self.sns
            .publish()
            .topic_arn(&self.topic)
            .message(&text)
            .send()
            .await?;
        let entry = PutEventsRequestEntry::builder()
            .event_bus_name(&self.bus)
            .source("warehouse")
            .detail_type("delivered")
            .detail(&text)
            .build();
        let put = self.events.put_events().entries(entry).send().await?;
        Ok(json!({ "failed": put.failed_entry_count() }))
    }
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let config = aws_config().await;
    let announcer = Announcer {
        sns: aws_sdk_sns::Client::new(&config),
        events: aws_sdk_eventbridge::Client::new(&config),
        topic: require_env("TOPIC_ARN")?,
        bus: require_env("BUS_NAME")?,
    };
    run(service_fn(|event| announcer.handle(event))).await
}
