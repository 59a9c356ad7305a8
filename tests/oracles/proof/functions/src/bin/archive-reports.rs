//! S3: moves every draft into the archive bucket and keeps a list of what it moved.

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde_json::{Value, json};
use warehouse::{aws_config, require_env};

async fn handle(s3: &Client, _event: LambdaEvent<Value>) -> Result<Value, Error> {
    let drafts = require_env("DRAFTS_BUCKET")?;
    let archive = require_env("ARCHIVE_BUCKET")?;
    let listed = s3
        .list_objects_v2()
        .bucket(&drafts)
        .prefix("drafts/")
        .send()
        .await?;
    let mut moved = Vec::new();
    for object in listed.contents() {
        let key = object.key().unwrap_or_default();
        s3.copy_object()
            .copy_source(format!("{drafts}/{key}"))
            .bucket(&archive)
            .key(format!("reports/{key}"))
            .send()
            .await?;
        s3.delete_object().bucket(&drafts).key(key).send().await?;
        moved.push(key.to_owned());
    }
    let list = ByteStream::from(moved.join("\n").into_bytes());
    s3.put_object()
        .bucket(&archive)
        .key("lists/latest.txt")
        .body(list)
        .send()
        .await?;
    let kept = s3
        .get_object()
        .bucket(&archive)
        .key("lists/latest.txt")
        .send()
        .await?;
    Ok(json!({ "moved": moved.len(), "bytes": kept.content_length() }))
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let s3 = Client::new(&aws_config().await);
    run(service_fn(|event| handle(&s3, event))).await
}
