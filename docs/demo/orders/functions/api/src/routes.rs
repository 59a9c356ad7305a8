//! One fn a route.

use std::time::Duration;

use aws_sdk_s3::presigning::PresigningConfig;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Redirect;
use lambda_http::tracing::error;
use store::{Order, Status, StoreError, invoice_key};

use crate::state::AppState;

const INVOICE_LINK_LASTS: Duration = Duration::from_secs(300);

pub async fn order(State(app): State<AppState>, Path(id): Path<String>) -> Result<Json<Order>, StatusCode> {
    let found = app.store.get(&id).await.map_err(refuse)?;
    found.map(Json).ok_or(StatusCode::NOT_FOUND)
}

pub async fn orders_of_customer(
    State(app): State<AppState>,
    Path(customer): Path<String>,
) -> Result<Json<Vec<Order>>, StatusCode> {
    let orders = app.store.of_customer(&customer).await.map_err(refuse)?;
    Ok(Json(orders))
}

pub async fn cancel(State(app): State<AppState>, Path(id): Path<String>) -> Result<Json<Order>, StatusCode> {
    let cancelled = app
        .store
        .advance(&id, Status::Placed, Status::Cancelled)
        .await
        .map_err(refuse)?;
    Ok(Json(cancelled))
}

/// Sends the customer to a link that works for five minutes.
pub async fn invoice(State(app): State<AppState>, Path(id): Path<String>) -> Result<Redirect, StatusCode> {
    let lasts = PresigningConfig::expires_in(INVOICE_LINK_LASTS).map_err(broken)?;
    let link = app
        .s3
        .get_object()
        .bucket(&*app.documents)
        .key(invoice_key(&id))
        .presigned(lasts)
        .await
        .map_err(broken)?;
    Ok(Redirect::temporary(link.uri()))
}

fn refuse(reason: StoreError) -> StatusCode {
    match reason {
        StoreError::WrongStatus { .. } | StoreError::AlreadyExists(_) => StatusCode::CONFLICT,
        StoreError::Malformed(_) | StoreError::Unavailable(_) => broken(reason),
    }
}

fn broken(reason: impl std::fmt::Display) -> StatusCode {
    error!("{reason}");
    StatusCode::INTERNAL_SERVER_ERROR
}
