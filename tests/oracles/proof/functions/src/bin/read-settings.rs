//! SSM: several parameters by name in one call.

use aws_sdk_ssm::Client;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde_json::{Value, json};
use warehouse::{aws_config, require_env};

async fn handle(ssm: &Client, _event: LambdaEvent<Value>) -> Result<Value, Error> {
    let rotated = require_env("ROTATED_PARAMETER")?;
    let both = ssm
        .get_parameters()
        .names(rotated)
        .names("/warehouse/token-length")
        .send()
        .await?;
    Ok(json!({ "both": both.parameters().len() }))
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let ssm = Client::new(&aws_config().await);
    run(service_fn(|event| handle(&ssm, event))).await
}
