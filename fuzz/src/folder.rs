//! A folder for one run, in memory where the system offers that.

use std::path::Path;

/// A folder that is gone afterwards.
pub struct Folder(tempfile::TempDir);

impl Folder {
    /// An empty one.
    pub fn new() -> Self {
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() {
            tempfile::tempdir_in(memory)
        } else {
            tempfile::tempdir()
        };
        Self(folder.expect("a folder can be made"))
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Puts a file into it.
    pub fn write(&self, name: &str, data: &[u8]) {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().expect("it lies in the folder")).expect("a folder can be made");
        std::fs::write(path, data).expect("a file can be written");
    }
}
