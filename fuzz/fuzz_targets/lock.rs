//! `cargo +nightly fuzz run lock`, starting from `fuzz/corpus/lock`.

#![no_main]

#[path = "../src/lock.rs"]
mod target;

libfuzzer_sys::fuzz_target!(|data: &[u8]| target::run(data));
