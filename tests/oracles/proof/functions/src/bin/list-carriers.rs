//! SSM: all parameters below a path.

use aws_sdk_ssm::Client;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde_json::{Value, json};
use warehouse::aws_config;

async fn handle(ssm: &Client, _event: LambdaEvent<Value>) -> Result<Value, Error> {
    let found = ssm
        .get_parameters_by_path()
        .path("/warehouse/carriers")
        .recursive(true)
        .send()
        .await?;
    Ok(json!({ "carriers": found.parameters().len() }))
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let ssm = Client::new(&aws_config().await);
    run(service_fn(|event| handle(&ssm, event))).await
}
