//! `POST /payments`: the payment provider tells us that an order is paid.

mod invoice;
mod signature;

use lambda_http::http::StatusCode;
use lambda_http::{Error, Request, run, service_fn, tracing};
use serde::Deserialize;
use serde_json::json;
use setup::{aws_config, require_env};
use store::{DynamoStore, MoveOrder, Status};

use crate::invoice::Invoices;
use crate::signature::Signature;

const INVOICE_SENDER: &str = "INVOICE_SENDER_PARAMETER";

#[derive(Deserialize)]
struct Payment {
    order_id: String,
}

struct Payments<S> {
    store: S,
    signature: Signature,
    invoices: Invoices,
    sqs: aws_sdk_sqs::Client,
    ship_queue: String,
}

impl<S: MoveOrder> Payments<S> {
    async fn receive(&self, request: Request) -> Result<(StatusCode, &'static str), Error> {
        let signed = request.headers().get("x-signature").map(|value| value.as_bytes());
        if !self.signature.fits(request.body(), signed) {
            return Ok((StatusCode::UNAUTHORIZED, "not signed by the provider"));
        }
        let payment: Payment = serde_json::from_slice(request.body())?;
        let order = self
            .store
            .advance(&payment.order_id, Status::Placed, Status::Paid)
            .await?;
        self.invoices.write(&order).await?;
        self.sqs
            .send_message()
            .queue_url(&self.ship_queue)
            .message_body(json!({ "order_id": order.id }).to_string())
            .send()
            .await?;
        Ok((StatusCode::OK, "paid"))
    }
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let config = aws_config().await;

    let ssm = aws_sdk_ssm::Client::new(&config);
    let sender = ssm
        .get_parameter()
        .name(require_env(INVOICE_SENDER)?)
        .send()
        .await?;

    let payments = Payments {
        store: DynamoStore::new(
            aws_sdk_dynamodb::Client::new(&config),
            require_env("ORDERS_TABLE")?,
        ),
        signature: Signature::load(&config).await?,
        invoices: Invoices {
            s3: aws_sdk_s3::Client::new(&config),
            bucket: require_env("DOCUMENTS_BUCKET")?,
            sender: sender
                .parameter
                .and_then(|parameter| parameter.value)
                .unwrap_or_default(),
        },
        sqs: aws_sdk_sqs::Client::new(&config),
        ship_queue: require_env("SHIP_QUEUE_URL")?,
    };
    run(service_fn(|request| payments.receive(request))).await
}
