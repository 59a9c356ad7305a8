//! Makes trails of any size that look like real ones, the same bytes for the same seed.
//!
//! What is copied from real trails: the fields and their lengths, the share of duplicates (21 %), calls of services and
//! people between those of functions, data events with keys that never come again, refusals, forward access sessions,
//! what Lambda does by itself, large requests, digests.

mod calls;
mod random;

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;

use libdeflater::{CompressionLvl, Compressor};

use random::Random;

/// How many records of an account and region can come again.
const RECENT: usize = 700;

/// What to make.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// How many objects with records.
    pub objects: usize,
    /// How many records each.
    pub records: usize,
    /// How many functions; some share their role with a neighbour.
    pub functions: usize,
    /// Another seed makes another trail.
    pub seed: u64,
}

/// What was made.
#[derive(Clone, Copy, Debug, Default)]
pub struct Made {
    /// Bytes of JSON.
    pub raw: u64,
    /// Bytes on the disk.
    pub packed: u64,
}

/// The name of function `n`, deployed under the same name.
pub fn function_name(n: usize) -> String {
    const AREAS: [&str; 10] = [
        "orders", "billing", "search", "media", "ingest", "notify", "reports", "users", "stock", "audit",
    ];
    const WORK: [&str; 10] = [
        "api", "worker", "stream", "nightly", "export", "webhook", "resize", "sync", "cleanup", "index",
    ];
    let (area, work) = (AREAS[n % 10], WORK[n / 10 % 10]);
    match n / 100 {
        0 => format!("{area}-{work}"),
        more => format!("{area}-{work}-{more}"),
    }
}

/// The role of function `n`: every sixth function uses that of the function before it.
pub fn role_name(n: usize) -> String {
    let owner = if n % 6 == 5 { n - 1 } else { n };
    format!("{}-role-{:04x}", function_name(owner), owner * 7919 % 65_536)
}

/// Writes a trail below `folder`, which is made when it is not there.
pub fn write(folder: &Path, size: Size) -> io::Result<Made> {
    let mut random = Random::new(size.seed);
    let mut compressor = Compressor::new(CompressionLvl::default());
    let mut made = Made::default();
    // An object holds records of its own account and region alone, and so what was delivered before.
    let mut recent: HashMap<(&str, &str), Vec<String>> = HashMap::new();
    for n in 0..size.objects {
        let place = calls::Place::of_object(n, size.objects);
        let recent = recent.entry((place.account, place.region)).or_default();
        let mut text = String::from("{\"Records\":[");
        for k in 0..size.records {
            if k > 0 {
                text.push(',');
            }
            if random.below(100) < 21 && !recent.is_empty() {
                let at = random.below(recent.len());
                text.push_str(&recent[at]);
                continue;
            }
            let record = calls::record(&mut random, &place, size.functions);
            text.push_str(&record);
            if recent.len() < RECENT {
                recent.push(record);
            } else {
                let at = random.below(recent.len());
                recent[at] = record;
            }
        }
        text.push_str("]}");
        let name = place.key("CloudTrail", &random.letters(16));
        save(folder, &name, &text, &mut compressor, &mut made)?;
        if n % 24 == 23 {
            let digest = digest(&place, &name, &mut random);
            let name = place.key("CloudTrail-Digest", &random.letters(16));
            save(folder, &name, &digest, &mut compressor, &mut made)?;
        }
    }
    Ok(made)
}

fn save(
    folder: &Path,
    name: &str,
    text: &str,
    compressor: &mut Compressor,
    made: &mut Made,
) -> io::Result<()> {
    let mut packed = vec![0; compressor.gzip_compress_bound(text.len())];
    let length = compressor
        .gzip_compress(text.as_bytes(), &mut packed)
        .map_err(io::Error::other)?;
    packed.truncate(length);
    let path = folder.join(name);
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    made.raw += text.len() as u64;
    made.packed += length as u64;
    fs::write(path, packed)
}

fn digest(place: &calls::Place, object: &str, random: &mut Random) -> String {
    let mut text = String::new();
    let _ = write!(
        text,
        r#"{{"awsAccountId":"{}","digestStartTime":"{}","digestEndTime":"{}","digestS3Bucket":"example-trail","digestS3Object":"x","digestSignatureAlgorithm":"SHA256withRSA","logFiles":[{{"s3Bucket":"example-trail","s3Object":"{object}","hashValue":"{}","hashAlgorithm":"SHA-256","newestEventTime":"{}","oldestEventTime":"{}"}}]}}"#,
        place.account,
        place.time(0),
        place.time(3_599),
        random.hex(64),
        place.time(3_000),
        place.time(1),
    );
    text
}
