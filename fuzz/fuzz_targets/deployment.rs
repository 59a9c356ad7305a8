//! `cargo +nightly fuzz run deployment`, starting from `fuzz/corpus/deployment`.

#![no_main]

#[path = "../src/folder.rs"]
mod folder;
#[path = "../src/deployment.rs"]
mod target;

libfuzzer_sys::fuzz_target!(|data: &[u8]| target::run(data));
