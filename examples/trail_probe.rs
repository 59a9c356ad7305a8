//! What the machine allows: `cargo run --release --no-default-features --example trail_probe -- FOLDER` unpacks each trail
//! object below a folder, lets sonic-rs parse the fields that any reader needs, and counts calls by role, source and name.
//! It attributes, names and keeps nothing; `rolefit observe` over the same folder is to be held against it.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    missing_docs,
    reason = "a tool for measurements, which stops at what it did not expect"
)]

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Object<'a> {
    #[serde(borrow, default)]
    records: Vec<Record<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record<'a> {
    #[serde(borrow, rename = "eventID")]
    event_id: Cow<'a, str>,
    #[serde(borrow)]
    event_time: Cow<'a, str>,
    #[serde(borrow)]
    event_source: Cow<'a, str>,
    #[serde(borrow)]
    event_name: Cow<'a, str>,
    #[serde(borrow, default)]
    error_code: Cow<'a, str>,
    #[serde(borrow)]
    user_identity: Identity<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Identity<'a> {
    #[serde(borrow, default)]
    session_context: Option<Context<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Context<'a> {
    #[serde(borrow, default)]
    session_issuer: Option<Issuer<'a>>,
}

#[derive(Deserialize)]
struct Issuer<'a> {
    #[serde(borrow, default)]
    arn: Cow<'a, str>,
}

/// Role → event source → event name → how many calls.
type Counts = HashMap<String, HashMap<String, HashMap<String, u64>>>;

fn main() {
    let folder = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "target/bench-trail".to_owned());
    let mut inflater = libdeflater::Decompressor::new();
    let (mut room, mut bytes, mut records, mut length) = (Vec::new(), 0, 0_u64, 0);
    let mut counts = Counts::new();
    for path in files(Path::new(&folder)) {
        let packed = std::fs::read(path).unwrap();
        let size = u32::from_le_bytes(*packed.last_chunk().unwrap()) as usize;
        room.resize(size.max(room.len()), 0);
        let text = room.get_mut(..size).unwrap();
        inflater.gzip_decompress(&packed, text).unwrap();
        bytes += size;
        let object: Object<'_> = sonic_rs::from_slice(text).unwrap();
        for record in object.records {
            records += 1;
            length += record.event_id.len() + record.event_time.len() + record.error_code.len();
            let issuer = record
                .user_identity
                .session_context
                .and_then(|context| context.session_issuer);
            let role = issuer.map_or(Cow::Borrowed(""), |issuer| issuer.arn);
            *count(&mut counts, &role, &record.event_source, &record.event_name) += 1;
        }
    }
    let kinds: usize = counts.values().flat_map(HashMap::values).map(HashMap::len).sum();
    let cpu = cpu_seconds();
    let (megabytes, thousands) = (bytes as f64 / 1e6, records as f64 / 1e3);
    println!(
        "{records} records, {megabytes:.0} MB unpacked, {kinds} kinds of calls, {length} bytes of ids: {cpu:.2} s CPU, \
         {:.0} thousand records and {:.0} MB per CPU second",
        thousands / cpu,
        megabytes / cpu
    );
}

fn count<'c>(counts: &'c mut Counts, role: &str, source: &str, name: &str) -> &'c mut u64 {
    if !counts.contains_key(role) {
        counts.insert(role.to_owned(), HashMap::new());
    }
    let sources = counts.get_mut(role).unwrap();
    if !sources.contains_key(source) {
        sources.insert(source.to_owned(), HashMap::new());
    }
    let names = sources.get_mut(source).unwrap();
    if !names.contains_key(name) {
        names.insert(name.to_owned(), 0);
    }
    names.get_mut(name).unwrap()
}

/// User and system time of this process, as Linux tells it in hundredths of a second.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let (_, rest) = stat.rsplit_once(')').unwrap();
    let fields = rest.split_whitespace().skip(11).take(2);
    fields.map(|ticks| ticks.parse::<f64>().unwrap()).sum::<f64>() / 100.0
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|extension| extension == "gz") {
            found.push(path);
        }
    }
    found.sort();
    found
}
