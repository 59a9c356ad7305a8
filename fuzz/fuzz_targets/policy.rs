//! `cargo +nightly fuzz run policy`, starting from `fuzz/corpus/policy`.

#![no_main]

#[path = "../src/policy.rs"]
mod target;

libfuzzer_sys::fuzz_target!(|data: &[u8]| target::run(data));
