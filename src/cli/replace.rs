//! Writes a file of the project: whole or not at all, and never through a link that lies in its place.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// Replaces a file in one step, so that a crash leaves the old one or the new one; it keeps its permissions.
pub fn replace(path: &Path, text: &str) -> anyhow::Result<()> {
    in_one_step(path, text).with_context(|| format!("cannot write `{}`", path.display()))
}

fn in_one_step(path: &Path, text: &str) -> std::io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(".rolefit-new");
    let beside = PathBuf::from(name);
    match std::fs::remove_file(&beside) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&beside)
        .and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            match std::fs::metadata(path) {
                Ok(data) if data.is_file() => file.set_permissions(data.permissions()),
                _ => Ok(()),
            }
        })
        .and_then(|()| std::fs::rename(&beside, path));
    if written.is_err() {
        // What is left of it would only be in the way.
        let _ = std::fs::remove_file(&beside);
    }
    written
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_written_whole() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("rolefit.lock");
        for text in ["one", "two"] {
            replace(&file, text).unwrap();
            assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        assert!(replace(&folder.path().join("none/rolefit.lock"), "").is_err());
    }

    #[cfg(unix)]
    #[test]
    fn nothing_is_written_through_links() {
        use std::os::unix::fs::symlink;
        let folder = tempfile::tempdir().unwrap();
        let victim = folder.path().join("victim");
        std::fs::write(&victim, "kept").unwrap();
        let file = folder.path().join("rolefit.lock");
        symlink(&victim, &file).unwrap();
        symlink(&victim, folder.path().join("rolefit.lock.rolefit-new")).unwrap();
        replace(&file, "new").unwrap();
        assert_eq!(std::fs::read_to_string(&victim).unwrap(), "kept");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "new");
    }
}
