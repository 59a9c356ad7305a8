//! `cargo +nightly fuzz run settings`, starting from `fuzz/corpus/settings`.

#![no_main]

#[path = "../src/settings.rs"]
mod target;

libfuzzer_sys::fuzz_target!(|data: &[u8]| target::run(data));
