//! Speed of the stages on the demo, and of look-ups in the catalogue.
//!
//! `cargo bench --no-default-features`; figures are in `docs/performance.md`.

#[allow(
    dead_code,
    missing_docs,
    clippy::indexing_slicing,
    reason = "a tool that stops at what it did not expect"
)]
mod trail_maker;

use std::collections::BTreeMap;
use std::path::Path;

use divan::{Bencher, black_box};
use rolefit::catalog::Catalog;
use rolefit::iam::action::{Action, ActionPattern};
use rolefit::scan::{ScanOptions, scan};
use rolefit::trail;
use rolefit::usage::{Inputs, OperationId};
use rolefit::workspace::{cargo, deploy};

/// As in the program.
#[global_allocator]
static MEMORY: mimalloc::MiMalloc = mimalloc::MiMalloc;

const DEMO: &str = "docs/demo/orders";

fn main() {
    divan::main();
}

#[divan::bench]
fn read_packages() {
    black_box(cargo::read(Path::new(DEMO)));
}

#[divan::bench]
fn read_stacks() {
    let catalog = Catalog::embedded();
    black_box(deploy::read(Path::new(DEMO), &|name| {
        catalog.managed_policy(name).map(|policy| policy.document_json)
    }));
}

#[divan::bench]
fn scan_demo(bencher: Bencher<'_, '_>) {
    let tree = cargo::read(Path::new(DEMO));
    bencher.bench(|| {
        scan(
            Path::new(DEMO),
            &tree,
            Catalog::embedded(),
            &ScanOptions::default(),
        )
    });
}

#[divan::bench]
fn read_trail(bencher: Bencher<'_, '_>) {
    let folder = Path::new(DEMO).join("trail");
    bencher.bench(|| trail::read(&folder, Catalog::embedded(), &[], 0));
}

/// A made trail of 16 objects and 10,240 records, some 15 MB unpacked; on one thread.
#[divan::bench(sample_count = 20)]
fn read_a_made_trail(bencher: Bencher<'_, '_>) {
    const SIZE: trail_maker::Size = trail_maker::Size {
        objects: 16,
        records: 640,
        functions: 100,
        seed: 7,
    };
    let folder = Path::new("target/bench-small-trail");
    let made = trail_maker::write(folder, SIZE).map_or(0, |made| made.raw);
    bencher
        .counter(divan::counter::BytesCount::new(made))
        .bench(|| trail::read(folder, Catalog::embedded(), &[], 1));
}

#[divan::bench(args = ["dynamodb.PutItem", "s3.CopyObject", "lambda.CreateFunction"])]
fn need(bencher: Bencher<'_, '_>, operation: &str) {
    let id = OperationId::parse(operation);
    let inputs: Inputs = BTreeMap::new();
    bencher.bench(|| id.as_ref().and_then(|id| Catalog::embedded().need(id, &inputs)));
}

#[divan::bench]
fn look_up_an_action(bencher: Bencher<'_, '_>) {
    let action = Action::new("dynamodb", "PutItem");
    bencher.bench(|| {
        Catalog::embedded()
            .action(black_box(&action))
            .map(|entry| entry.access_level())
    });
}

#[divan::bench(args = ["s3:Get*", "s3:*", "*"])]
fn count_a_pattern(bencher: Bencher<'_, '_>, pattern: &str) {
    let pattern = ActionPattern::new(pattern);
    bencher.bench(|| Catalog::embedded().count(black_box(&pattern)));
}

#[divan::bench(args = ["dynamodb.PutItem", "DynamoDB.putItem", "put_item"])]
fn find_an_operation(bencher: Bencher<'_, '_>, text: &str) {
    bencher.bench(|| Catalog::embedded().find_operations(black_box(text)).len());
}

#[divan::bench(args = ["s3.GetObject", "lambda.CreateFunction"])]
fn everything_an_operation_can_need(bencher: Bencher<'_, '_>, operation: &str) {
    let id = OperationId::parse(operation);
    bencher.bench(|| id.as_ref().and_then(|id| Catalog::embedded().every_need(id)));
}

#[divan::bench]
fn managed_policy_in_force(bencher: Bencher<'_, '_>) {
    bencher.bench(|| Catalog::embedded().managed_policy(black_box("AWSLambdaBasicExecutionRole")));
}

#[divan::bench(args = ["v189", "v100", "v1"])]
fn managed_policy_of_151_versions(bencher: Bencher<'_, '_>, version: &str) {
    bencher.bench(|| Catalog::embedded().managed_policy_version("ReadOnlyAccess", black_box(version)));
}

/// Checksum and every chunk: what a file named with `--catalog` goes through.
#[divan::bench]
fn verify_a_catalogue_file(bencher: Bencher<'_, '_>) {
    let bytes = std::fs::read("src/catalog/data/catalog.bin").unwrap_or_default();
    bencher.bench(|| Catalog::from_bytes(bytes.clone()).is_ok());
}
