//! Writes a trail of any size for measurements: `cargo run --release --no-default-features --example make_trail -- FOLDER
//! [OBJECTS [RECORDS [FUNCTIONS]]]`; the defaults make 640,000 events of 100 functions, about a gigabyte unpacked.
#![allow(
    clippy::indexing_slicing,
    clippy::print_stderr,
    missing_docs,
    reason = "a tool for measurements, which stops at what it did not expect"
)]

#[path = "../benches/trail_maker/mod.rs"]
mod trail_maker;

use std::path::Path;

use trail_maker::{Size, write};

fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments
        .next()
        .unwrap_or_else(|| "target/bench-trail".to_owned());
    let mut number = |default: usize| -> usize {
        let argument = arguments.next();
        argument.and_then(|text| text.parse().ok()).unwrap_or(default)
    };
    let size = Size {
        objects: number(1_000),
        records: number(640),
        functions: number(100),
        seed: 7,
    };
    let made = write(Path::new(&folder), size)?;
    eprintln!(
        "{} events in {} objects: {} MB, {} MB packed",
        size.objects * size.records,
        size.objects,
        made.raw / 1_000_000,
        made.packed / 1_000_000
    );
    Ok(())
}
