//! The HTTP API that customers and the help desk use: look up orders, cancel them, fetch invoices.

mod routes;
mod state;

use axum::Router;
use axum::routing::{get, post};
use lambda_http::{Error, run, tracing};

use crate::state::AppState;

#[tokio::main]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let app = Router::new()
        .route("/orders/{id}", get(routes::order))
        .route("/orders/{id}/cancel", post(routes::cancel))
        .route("/orders/{id}/invoice", get(routes::invoice))
        .route("/customers/{customer}/orders", get(routes::orders_of_customer))
        .with_state(AppState::load().await?);
    run(app).await
}
