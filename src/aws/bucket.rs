//! A bucket that holds a trail: fetches objects, many at a time and with bounded memory, while others unpack them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

use aws_sdk_s3::config::{Region, StalledStreamProtectionConfig};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::types::RequestPayer;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;

use super::error::{causes, explain};
use super::{Account, AwsError};
use crate::trail::keys::Place;

/// Requests at a time: objects of a trail are small, so that the time is in the waiting.
const IN_FLIGHT: usize = 128;
/// Bytes that are asked for or wait to be unpacked, in KiB.
const BUDGET_KIB: u32 = 64 << 10;
/// Attempts at an object whose body breaks off; the SDK makes failed requests again, but not broken bodies.
const BODIES: u32 = 4;
/// The header by which S3 tells where a bucket is.
const REGION: &str = "x-amz-bucket-region";

/// A bucket, connected in its region.
#[derive(Debug)]
pub struct Bucket<'a> {
    pub(super) account: &'a Account,
    pub(super) client: aws_sdk_s3::Client,
    pub(super) place: Place,
    pub(super) payer: Option<RequestPayer>,
    region: String,
}

/// An object as a listing tells it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stored {
    /// Its key.
    pub key: String,
    /// Its entity tag, without quotes: another content has another one.
    pub etag: String,
    /// Its size in bytes, packed.
    pub bytes: u64,
}

/// An object with its content, or why there is none.
#[derive(Debug)]
pub struct Fetched {
    /// The object.
    pub object: Stored,
    /// Its bytes, as stored.
    pub content: Result<Vec<u8>, AwsError>,
    room: Room,
}

/// A place in memory, free once this is dropped.
#[derive(Debug)]
pub struct Room(#[allow(dead_code, reason = "dropping it is its use")] OwnedSemaphorePermit);

impl Fetched {
    /// The content, and the place in memory that it takes until that is dropped.
    pub fn into_parts(self) -> (Result<Vec<u8>, AwsError>, Room) {
        (self.content, self.room)
    }
}

impl<'a> Bucket<'a> {
    /// Connects to a bucket, in whatever region it is; `requester_pays` agrees to pay for the requests.
    ///
    /// # Errors
    /// When there is no such bucket or it may not be listed.
    pub fn open(account: &'a Account, place: &Place, requester_pays: bool) -> Result<Self, AwsError> {
        let own = account.region().unwrap_or("us-east-1").to_owned();
        let mut bucket = Self {
            account,
            client: client(account, &own),
            place: place.clone(),
            payer: requester_pays.then_some(RequestPayer::Requester),
            region: own,
        };
        let Err((error, elsewhere)) = bucket.probe() else {
            return Ok(bucket);
        };
        match elsewhere.filter(|region| *region != bucket.region) {
            Some(region) => {
                bucket.client = client(account, &region);
                bucket.region = region;
                bucket.probe().map_err(|(error, _)| error)?;
                Ok(bucket)
            }
            None => Err(error),
        }
    }

    /// The bucket's name.
    pub fn name(&self) -> &str {
        &self.place.bucket
    }

    /// The region of the bucket.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// ARN of the bucket, which is what listing asks for.
    pub(super) fn arn(&self) -> String {
        format!("arn:aws:s3:::{}", self.place.bucket)
    }

    /// One small request, which tells whether the bucket can be listed here; else where it is, if S3 says.
    fn probe(&self) -> Result<(), (AwsError, Option<String>)> {
        let request = self
            .client
            .list_objects_v2()
            .bucket(&self.place.bucket)
            .prefix(&self.place.prefix)
            .set_request_payer(self.payer.clone())
            .max_keys(1);
        match self.account.runtime.block_on(request.send()) {
            Ok(_) => Ok(()),
            Err(error) => {
                let elsewhere = region_of(&error);
                let told = explain("s3.ListObjectsV2", &self.arn())(error);
                Err((self.with_hints(told), elsewhere))
            }
        }
    }

    /// Adds what helps where S3 says little.
    pub(super) fn with_hints(&self, error: AwsError) -> AwsError {
        match error {
            AwsError::Denied(mut denied) if self.payer.is_none() && denied.message == "Access Denied" => {
                denied.message.push_str(
                    " (S3 does not say why: the policy of the bucket or of whoever runs this, another account's ownership, \
                     or a bucket whose readers pay, which `--requester-pays` agrees to)",
                );
                AwsError::Denied(denied)
            }
            error => error,
        }
    }

    /// Fetches objects on a thread of its own and gives each to `take` on this one, in the order in which they come. Objects
    /// that cannot be had come with the reason. Stops early when `take` says so.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn fetch(
        &self,
        objects: Vec<Stored>,
        mut take: impl FnMut(Fetched) -> std::ops::ControlFlow<()>,
    ) -> Result<(), AwsError> {
        let (sender, receiver): (Sender<Fetched>, Receiver<Fetched>) = mpsc::channel();
        // The connections that are open belong to this runtime: another one could not use them.
        let runtime = &self.account.runtime;
        let fetcher = Fetcher {
            client: self.client.clone(),
            bucket: self.place.bucket.clone(),
            payer: self.payer.clone(),
        };
        let stopped = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let flag = &stopped;
            scope.spawn(move || runtime.block_on(fetch_all(&fetcher, objects, &sender, flag)));
            for mut fetched in &receiver {
                fetched.content = fetched.content.map_err(|error| self.with_hints(error));
                if take(fetched).is_break() {
                    stopped.store(true, Ordering::Relaxed);
                    break;
                }
            }
            drop(receiver);
        });
        Ok(())
    }
}

pub(super) fn client(account: &Account, region: &str) -> aws_sdk_s3::Client {
    let config = aws_sdk_s3::config::Builder::from(&account.config)
        .region(Region::new(region.to_owned()))
        // Addresses of one's own seldom have a name for each bucket.
        .force_path_style(account.config.endpoint_url().is_some())
        .stalled_stream_protection(
            StalledStreamProtectionConfig::enabled()
                .grace_period(Duration::from_secs(20))
                .build(),
        );
    aws_sdk_s3::Client::from_conf(config.build())
}

fn region_of<E>(error: &SdkError<E>) -> Option<String> {
    let response = error.raw_response()?;
    response.headers().get(REGION).map(str::to_owned)
}

/// What the thread of the network needs.
#[derive(Clone)]
struct Fetcher {
    client: aws_sdk_s3::Client,
    bucket: String,
    payer: Option<RequestPayer>,
}

async fn fetch_all(fetcher: &Fetcher, objects: Vec<Stored>, sender: &Sender<Fetched>, stopped: &AtomicBool) {
    let memory = Arc::new(Semaphore::new(BUDGET_KIB as usize));
    let mut under_way = JoinSet::new();
    for object in objects {
        while under_way.len() >= IN_FLIGHT {
            let _ = under_way.join_next().await;
        }
        // Half of the room at most: whoever unpacks waits for some more objects before it gives room back.
        let kib = u32::try_from(object.bytes >> 10)
            .unwrap_or(u32::MAX)
            .clamp(1, BUDGET_KIB / 2);
        let Ok(place) = Arc::clone(&memory).acquire_many_owned(kib).await else {
            return;
        };
        if stopped.load(Ordering::Relaxed) {
            // Requests on their way are of no more use.
            return under_way.abort_all();
        }
        let (fetcher, sender) = (fetcher.clone(), sender.clone());
        under_way.spawn(async move {
            let content = fetcher.get(&object).await;
            // Nobody listens any more: the run is stopping.
            let _ = sender.send(Fetched {
                object,
                content,
                room: Room(place),
            });
        });
    }
    while under_way.join_next().await.is_some() {}
}

impl Fetcher {
    async fn get(&self, object: &Stored) -> Result<Vec<u8>, AwsError> {
        let arn = format!("arn:aws:s3:::{}/{}", self.bucket, object.key);
        let mut wait = Duration::from_millis(200);
        for attempt in 1.. {
            let request = self
                .client
                .get_object()
                .bucket(&self.bucket)
                .key(&object.key)
                .set_request_payer(self.payer.clone());
            let answer = request.send().await.map_err(|error| {
                let frozen = error.code() == Some("InvalidObjectState");
                let told = explain("s3.GetObject", &arn)(error);
                if frozen { frozen_object(told) } else { told }
            })?;
            match answer.body.collect().await {
                Ok(body) => return Ok(body.to_vec()),
                Err(_) if attempt < BODIES => {
                    tokio::time::sleep(wait).await;
                    wait *= 2;
                }
                Err(error) => {
                    return Err(AwsError::Call {
                        operation: "s3.GetObject",
                        message: format!("the body breaks off, {BODIES} times: {}", causes(&error)),
                    });
                }
            }
        }
        Err(AwsError::Call {
            operation: "s3.GetObject",
            message: "no answer".to_owned(),
        })
    }
}

/// An object in an archive must be brought back first.
fn frozen_object(error: AwsError) -> AwsError {
    match error {
        AwsError::Call { operation, message } => AwsError::Call {
            operation,
            message: format!(
                "{message}\nhint: the object is in an archive tier; bring it back with `aws s3api restore-object`, then run again"
            ),
        },
        error => error,
    }
}
