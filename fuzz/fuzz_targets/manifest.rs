//! `cargo +nightly fuzz run manifest`, starting from `fuzz/corpus/manifest`.

#![no_main]

#[path = "../src/folder.rs"]
mod folder;
#[path = "../src/manifest.rs"]
mod target;

libfuzzer_sys::fuzz_target!(|data: &[u8]| target::run(data));
