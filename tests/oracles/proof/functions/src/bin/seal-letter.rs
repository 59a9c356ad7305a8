//! KMS: seals a letter with a data key and opens it again.

use aws_sdk_kms::Client;
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::DataKeySpec;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde_json::{Value, json};
use warehouse::{aws_config, require_env};

async fn handle(kms: &Client, event: LambdaEvent<Value>) -> Result<Value, Error> {
    let key = require_env("SEAL_KEY")?;
    let data = kms
        .generate_data_key()
        .key_id(&key)
        .key_spec(DataKeySpec::Aes256)
        .send()
        .await?;
    let sealed = kms
        .encrypt()
        .key_id(&key)
        .plaintext(Blob::new(event.payload.to_string().into_bytes()))
        .send()
        .await?;
    let opened = kms
        .decrypt()
        .key_id(&key)
        .set_ciphertext_blob(sealed.ciphertext_blob)
        .send()
        .await?;
    Ok(json!({
        "data_key": data.ciphertext_blob().is_some(),
        "same": opened.plaintext().map(|text| text.as_ref() == event.payload.to_string().as_bytes()),
    }))
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let kms = Client::new(&aws_config().await);
    run(service_fn(|event| handle(&kms, event))).await
}
