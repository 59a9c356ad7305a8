//! `cargo +nightly fuzz run evaluate`, starting from `fuzz/corpus/evaluate`.

#![no_main]

#[path = "../src/evaluate.rs"]
mod target;

libfuzzer_sys::fuzz_target!(|data: &[u8]| target::run(data));
