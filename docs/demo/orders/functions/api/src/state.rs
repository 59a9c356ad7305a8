//! What all routes share.

use std::sync::Arc;

use lambda_http::Error;
use setup::{aws_config, require_env};
use store::{DynamoStore, OrderStore};

#[derive(Clone)]
pub struct AppState {
    pub store: Arc<dyn OrderStore>,
    pub s3: aws_sdk_s3::Client,
    pub documents: Arc<str>,
}

impl AppState {
    pub async fn load() -> Result<Self, Error> {
        let config = aws_config().await;
        let dynamodb = aws_sdk_dynamodb::Client::new(&config);
        Ok(Self {
            store: Arc::new(DynamoStore::new(dynamodb, require_env("ORDERS_TABLE")?)),
            s3: aws_sdk_s3::Client::new(&config),
            documents: require_env("DOCUMENTS_BUCKET")?.into(),
        })
    }
}
