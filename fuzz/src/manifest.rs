//! Whatever a `Cargo.toml` says, reading it ends without panic.

use rolefit::workspace::cargo;

use super::folder::Folder;

/// One run.
pub fn run(data: &[u8]) {
    let folder = Folder::new();
    folder.write("Cargo.toml", data);
    folder.write("src/main.rs", b"fn main() {}");
    cargo::read(folder.path());
}
