//! S3: a multipart upload, one that is given up, and a deletion of several objects at once.

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart, Delete, ObjectIdentifier};
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde_json::{Value, json};
use warehouse::{aws_config, require_env};

struct Scans {
    s3: Client,
    bucket: String,
}

impl Scans {
    async fn handle(&self, event: LambdaEvent<Value>) -> Result<Value, Error> {
        let page = event.payload["page"].as_str().unwrap_or_default().to_owned();
        let size = self.upload(&page).await?;
        self.give_up().await?;
        self.clear(&event.payload["old"]).await?;
        Ok(json!({ "size": size }))
    }

    async fn upload(&self, page: &str) -> Result<Option<i64>, Error> {
        let key = format!("scans/{}.tiff", page.len());
        let begun = self
            .s3
            .create_multipart_upload()
            .bucket(&self.bucket)
            .key(&key)
            .send()
            .await?;
        let upload = begun.upload_id().unwrap_or_default();
        let part = self
            .s3
            .upload_part()
            .bucket(&self.bucket)
            .key(&key)
            .upload_id(upload)
            .part_number(1)
            .body(ByteStream::from(page.as_bytes().to_vec()))
            .send()
            .await?;
        let part = CompletedPart::builder()
            .part_number(1)
            .set_e_tag(part.e_tag)
            .build();
        self.s3
            .complete_multipart_upload()
            .bucket(&self.bucket)
            .key(&key)
            .upload_id(upload)
            .multipart_upload(CompletedMultipartUpload::builder().parts(part).build())
            .send()
            .await?;
        Ok(self
            .s3
            .head_object()
            .bucket(&self.bucket)
            .key(&key)
            .send()
            .await?
            .content_length())
    }

    async fn give_up(&self) -> Result<(), Error> {
        let begun = self
            .s3
            .create_multipart_upload()
            .bucket(&self.bucket)
            .key("scans/unfinished")
            .send()
            .await?;
        self.s3
            .abort_multipart_upload()
            .bucket(&self.bucket)
            .key("scans/unfinished")
            .upload_id(begun.upload_id().unwrap_or_default())
            .send()
            .await?;
        Ok(())
    }

    async fn clear(&self, old: &Value) -> Result<(), Error> {
        let mut delete = Delete::builder();
        for name in old.as_array().into_iter().flatten().filter_map(Value::as_str) {
            delete = delete.objects(ObjectIdentifier::builder().key(format!("old/{name}")).build()?);
        }
        let gone = self
            .s3
            .delete_objects()
            .bucket(&self.bucket)
            .delete(delete.build()?)
            .send()
            .await?;
        match gone.errors().first() {
            Some(error) => Err(format!(
                "{}: {}",
                error.code().unwrap_or_default(),
                error.message().unwrap_or_default()
            )
            .into()),
            None => Ok(()),
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let scans = Scans {
        s3: Client::new(&aws_config().await),
        bucket: require_env("SCANS_BUCKET")?,
    };
    run(service_fn(|event| scans.handle(event))).await
}
