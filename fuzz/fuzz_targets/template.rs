//! `cargo +nightly fuzz run template`, starting from `fuzz/corpus/template`.

#![no_main]

#[path = "../src/template.rs"]
mod target;

libfuzzer_sys::fuzz_target!(|data: &[u8]| target::run(data));
