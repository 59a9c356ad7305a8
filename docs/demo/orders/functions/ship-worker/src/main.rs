//! Ships paid orders: takes them from the queue, checks the parcel label, tells the customer.

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent};
use lambda_runtime::{Error, LambdaEvent, run, service_fn, tracing};
use serde::Deserialize;
use serde_json::json;
use setup::{aws_config, require_env};
use store::{DynamoStore, MoveOrder, Status};

#[derive(Deserialize)]
struct ShipOrder {
    order_id: String,
}

struct Worker<S> {
    store: S,
    s3: aws_sdk_s3::Client,
    documents: String,
    sqs: aws_sdk_sqs::Client,
    notify_queue: String,
}

impl<S: MoveOrder> Worker<S> {
    /// Ships what it can and hands the rest back to the queue.
    async fn handle(&self, event: LambdaEvent<SqsEvent>) -> Result<SqsBatchResponse, Error> {
        let mut failures = SqsBatchResponse::default();
        for message in event.payload.records {
            if let Err(error) = self.ship(message.body.as_deref().unwrap_or_default()).await {
                tracing::error!(%error, "not shipped");
                failures
                    .batch_item_failures
                    .push(failure(message.message_id.unwrap_or_default()));
            }
        }
        Ok(failures)
    }

    async fn ship(&self, message: &str) -> Result<(), Error> {
        let ShipOrder { order_id } = serde_json::from_str(message)?;
        let pages = self.label(&order_id).await?;
        self.store
            .advance(&order_id, Status::Paid, Status::Shipped)
            .await?;
        let notice = json!({ "order_id": order_id, "event": "shipped", "label_bytes": pages.len() });
        self.notify(&notice.to_string()).await
    }

    /// The label that the carrier put into our bucket.
    async fn label(&self, order_id: &str) -> Result<Vec<u8>, Error> {
        let key = format!("labels/{order_id}.pdf");
        let label = self
            .s3
            .get_object()
            .bucket(&self.documents)
            .key(key)
            .send()
            .await?;
        Ok(label.body.collect().await?.to_vec())
    }

    async fn notify(&self, notice: &str) -> Result<(), Error> {
        self.sqs
            .send_message()
            .queue_url(&self.notify_queue)
            .message_body(notice)
            .send()
            .await?;
        Ok(())
    }
}

fn failure(message_id: String) -> BatchItemFailure {
    let mut failure = BatchItemFailure::default();
    failure.item_identifier = message_id;
    failure
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let config = aws_config().await;
    let worker = Worker {
        store: DynamoStore::new(
            aws_sdk_dynamodb::Client::new(&config),
            require_env("ORDERS_TABLE")?,
        ),
        s3: aws_sdk_s3::Client::new(&config),
        documents: require_env("DOCUMENTS_BUCKET")?,
        sqs: aws_sdk_sqs::Client::new(&config),
        notify_queue: require_env("NOTIFY_QUEUE_URL")?,
    };
    run(service_fn(|event| worker.handle(event))).await
}
