//! `cargo +nightly fuzz run trail`, starting from `fuzz/corpus/trail`.

#![no_main]

#[path = "../src/folder.rs"]
mod folder;
#[path = "../src/trail.rs"]
mod target;

libfuzzer_sys::fuzz_target!(|data: &[u8]| target::run(data));
