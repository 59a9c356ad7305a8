//! Copies of folders for tests to change.

use std::path::Path;

/// Copies a folder into another, without what Cargo built in it.
pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if !entry.path().is_dir() {
            std::fs::copy(entry.path(), target).unwrap();
        } else if entry.file_name() != "target" {
            copy(&entry.path(), &target);
        }
    }
}
