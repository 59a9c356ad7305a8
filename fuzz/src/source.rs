//! Whatever Rust source says, scanning it ends without panic. The input is `src/main.rs` of a package.

use rolefit::catalog::Catalog;
use rolefit::scan::{ScanOptions, scan};
use rolefit::workspace::cargo;

use super::folder::Folder;

const MANIFEST: &str = "[package]\nname = \"put\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[dependencies]\naws-config = \"1\"\n\
                        aws-sdk-dynamodb = \"1\"\naws-sdk-s3 = \"1\"\nlambda_runtime = \"1\"\nserde = \"1\"\n";

/// One run.
pub fn run(data: &[u8]) {
    let folder = Folder::new();
    folder.write("Cargo.toml", MANIFEST.as_bytes());
    folder.write("src/main.rs", data);
    let options = ScanOptions {
        threads: Some(1),
        ..ScanOptions::default()
    };
    scan(
        folder.path(),
        &cargo::read(folder.path()),
        Catalog::embedded(),
        &options,
    );
}
