//! `POST /orders`: keeps a new order and tells the company about it.

use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use chrono::Utc;
use lambda_http::http::StatusCode;
use lambda_http::{Error, Request, RequestPayloadExt, run, service_fn, tracing};
use serde::Deserialize;
use serde_json::{Value, json};
use setup::{aws_config, require_env};
use store::{DynamoStore, Line, Order, PutOrder, Status};
use uuid::Uuid;

const SOURCE: &str = "shop.orders";

#[derive(Deserialize)]
struct Basket {
    customer: String,
    lines: Vec<Line>,
}

struct Announcer {
    client: aws_sdk_eventbridge::Client,
    bus: String,
}

impl Announcer {
    async fn order_placed(&self, order: &Order) -> Result<(), Error> {
        let entry = PutEventsRequestEntry::builder()
            .event_bus_name(&self.bus)
            .source(SOURCE)
            .detail_type("OrderPlaced")
            .detail(json!({ "id": order.id, "totalCents": order.total_cents() }).to_string())
            .build();
        let answer = self.client.put_events().entries(entry).send().await?;
        match answer.failed_entry_count() {
            0 => Ok(()),
            _ => Err(format!("order {} was not announced", order.id).into()),
        }
    }
}

async fn place(
    store: &impl PutOrder,
    announcer: &Announcer,
    request: Request,
) -> Result<(StatusCode, Value), Error> {
    let Some(basket) = request.payload::<Basket>()? else {
        return Ok((StatusCode::BAD_REQUEST, json!({ "error": "the basket is empty" })));
    };
    let order = Order {
        id: Uuid::new_v4().to_string(),
        customer: basket.customer,
        status: Status::Placed,
        placed_at: Utc::now(),
        lines: basket.lines,
    };
    store.put(&order).await?;
    announcer.order_placed(&order).await?;
    Ok((StatusCode::CREATED, json!({ "id": order.id })))
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let config = aws_config().await;
    let store = DynamoStore::new(
        aws_sdk_dynamodb::Client::new(&config),
        require_env("ORDERS_TABLE")?,
    );
    let announcer = Announcer {
        client: aws_sdk_eventbridge::Client::new(&config),
        bus: require_env("EVENT_BUS_NAME")?,
    };
    run(service_fn(|request| place(&store, &announcer, request))).await
}
