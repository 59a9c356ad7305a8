//! How far a project reaches, and which files of it are safe to open: a repository may come from a stranger.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::usage::Gap;

/// The files in which the folder walk looks for what to leave out.
const IGNORE_FILES: [&str; 3] = [".gitignore", ".ignore", ".rgignore"];

/// The folder that a project's own files lie in: its git repository, or else `root` itself; with links resolved.
///
/// What lies outside may be read where Cargo would read it too, but its text is never shown.
pub fn boundary(root: &Path) -> PathBuf {
    let whole = root.canonicalize().unwrap_or_else(|_| root.to_path_buf());
    whole
        .ancestors()
        .find(|folder| folder.join(".git").exists())
        .map_or_else(|| whole.clone(), Path::to_path_buf)
}

/// Whether a file, with links resolved, is a regular one below a boundary.
pub fn is_inside(boundary: &Path, file: &Path) -> bool {
    file.is_file() && file.canonicalize().is_ok_and(|whole| whole.starts_with(boundary))
}

/// Walks the folders below `root` without what `.gitignore` and `.ignore` leave out, and without entries that `keep` refuses.
///
/// The second list has the folders that were left out since their list of ignored files is none: a link to a device or a
/// pipe, which would never end. It is complete when the walk is over.
pub(crate) fn walk(
    root: &Path,
    keep: impl Fn(&ignore::DirEntry) -> bool + Send + Sync + 'static,
) -> (ignore::WalkBuilder, LeftOut) {
    let left_out = LeftOut::default();
    let noted = left_out.clone();
    let mut walk = ignore::WalkBuilder::new(root);
    walk.require_git(false);
    if !has_plain_lists(root) {
        walk.standard_filters(false);
    }
    walk.filter_entry(move |entry| {
        let is_folder = entry.file_type().is_some_and(|kind| kind.is_dir());
        if is_folder && entry.depth() > 0 && !has_plain_lists(entry.path()) {
            noted
                .0
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(entry.path().to_path_buf());
            return false;
        }
        keep(entry)
    });
    (walk, left_out)
}

/// Folders that a walk left out.
#[derive(Clone, Debug, Default)]
pub(crate) struct LeftOut(Arc<Mutex<Vec<PathBuf>>>);

impl LeftOut {
    /// A gap for each.
    pub(crate) fn gaps(&self, root: &Path) -> Vec<Gap> {
        let folders = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let gap = |folder: &PathBuf| {
            let shown = folder.strip_prefix(root).unwrap_or(folder).display();
            Gap::new(
                "unreadable-folder",
                format!("`{shown}` is not read: its list of ignored files is no file"),
            )
            .hint("put a plain file in place of its `.gitignore` or `.ignore`")
        };
        folders.iter().map(gap).collect()
    }
}

fn has_plain_lists(folder: &Path) -> bool {
    IGNORE_FILES.iter().all(|name| {
        let data = std::fs::metadata(folder.join(name));
        data.map_or(true, |data| data.is_file() || data.is_dir())
    })
}

#[cfg(test)]
#[cfg(unix)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_project_ends_at_its_repository() {
        let folder = tempfile::tempdir().unwrap();
        let whole = folder.path().canonicalize().unwrap();
        let service = whole.join("services/orders");
        std::fs::create_dir_all(&service).unwrap();
        assert_eq!(boundary(&service), service);
        std::fs::create_dir(whole.join(".git")).unwrap();
        assert_eq!(boundary(&service), whole);
        std::fs::write(whole.join("shared.rs"), "").unwrap();
        assert!(is_inside(&whole, &service.join("../../shared.rs")));
        symlink("/dev/zero", whole.join("endless.rs")).unwrap();
        symlink("/etc/passwd", whole.join("link.rs")).unwrap();
        for outside in [
            "endless.rs",
            "link.rs",
            "../../../../../../etc/passwd",
            "missing.rs",
        ] {
            assert!(!is_inside(&whole, &whole.join(outside)), "{outside}");
        }
    }
}
