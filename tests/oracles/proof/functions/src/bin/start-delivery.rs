//! Step Functions and Lambda: starts a state machine, looks how far it is, and calls another function.

use aws_sdk_lambda::primitives::Blob;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde_json::{Value, json};
use warehouse::{aws_config, require_env};

struct Deliveries {
    sfn: aws_sdk_sfn::Client,
    lambda: aws_sdk_lambda::Client,
}

impl Deliveries {
    async fn handle(&self, event: LambdaEvent<Value>) -> Result<Value, Error> {
        let started = self
            .sfn
            .start_execution()
            .state_machine_arn(require_env("DELIVERY_FLOW")?)
            .input(event.payload.to_string())
            .send()
            .await?;
        let looked = self
            .sfn
            .describe_execution()
            .execution_arn(started.execution_arn())
            .send()
            .await?;
        let sealed = self
            .lambda
            .invoke()
            .function_name(require_env("SEAL_FUNCTION")?)
            .payload(Blob::new(event.payload.to_string().into_bytes()))
            .send()
            .await?;
        Ok(
            json!({ "status": looked.status().as_str(), "sealed": sealed.status_code(), "error": sealed.function_error() }),
        )
    }
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let config = aws_config().await;
    let deliveries = Deliveries {
        sfn: aws_sdk_sfn::Client::new(&config),
        lambda: aws_sdk_lambda::Client::new(&config),
    };
    run(service_fn(|event| deliveries.handle(event))).await
}
