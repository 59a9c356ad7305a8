//! `cargo +nightly fuzz run source`, starting from `fuzz/corpus/source`.

#![no_main]

#[path = "../src/folder.rs"]
mod folder;
#[path = "../src/source.rs"]
mod target;

libfuzzer_sys::fuzz_target!(|data: &[u8]| target::run(data));
