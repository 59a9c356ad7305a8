//! `cargo +nightly fuzz run contain`, starting from `fuzz/corpus/contain`.

#![no_main]

#[path = "../src/contain.rs"]
mod target;

libfuzzer_sys::fuzz_target!(|data: &[u8]| target::run(data));
