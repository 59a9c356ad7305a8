//! Secrets Manager and SSM: replaces a token, and notes when in a parameter beside others.

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde_json::{Value, json};
use warehouse::{aws_config, require_env};

struct Tokens {
    secrets: aws_sdk_secretsmanager::Client,
    ssm: aws_sdk_ssm::Client,
}

impl Tokens {
    async fn handle(&self, event: LambdaEvent<Value>) -> Result<Value, Error> {
        let secret = require_env("TOKEN_SECRET")?;
        let noted = require_env("ROTATED_PARAMETER")?;
        let length = self
            .ssm
            .get_parameter()
            .name("/warehouse/token-length")
            .send()
            .await?;
        let old = self.secrets.get_secret_value().secret_id(&secret).send().await?;
        self.secrets
            .put_secret_value()
            .secret_id(&secret)
            .secret_string(event.payload.to_string())
            .send()
            .await?;
        self.ssm
            .put_parameter()
            .name(&noted)
            .value("today")
            .overwrite(true)
            .send()
            .await?;
        Ok(json!({
            "length": length.parameter().and_then(|parameter| parameter.value()),
            "old": old.secret_string(),
        }))
    }
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let config = aws_config().await;
    let tokens = Tokens {
        secrets: aws_sdk_secretsmanager::Client::new(&config),
        ssm: aws_sdk_ssm::Client::new(&config),
    };
    run(service_fn(|event| tokens.handle(event))).await
}
