//! Whatever an object of a trail says, packed or plain, reading it ends without panic, and reading it twice gives the same.

use rolefit::catalog::Catalog;
use rolefit::trail;

use super::folder::Folder;

/// One run.
pub fn run(data: &[u8]) {
    let folder = Folder::new();
    folder.write("a.json", data);
    let once = trail::read(folder.path(), Catalog::embedded(), &[], 1);
    folder.write("b.json", data);
    let twice = trail::read(folder.path(), Catalog::embedded(), &[], 1);
    assert_eq!(once.observations, twice.observations);
    assert_eq!(once.events, twice.events);
}
