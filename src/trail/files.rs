//! Which files under a path may hold records, and their text.

use std::borrow::Cow;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::inflate::InflateError;

/// A file that may hold records.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Object {
    pub(super) path: PathBuf,
    /// Relative to what was asked for, with `/`.
    pub(super) shown: String,
}

/// Why a file gave nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum ObjectError {
    #[error("cannot be read: {0}")]
    Io(#[from] std::io::Error),
    #[error("cannot be unpacked: {0}")]
    Inflate(#[from] InflateError),
    #[error("ends too early: its last records are missing")]
    Cut,
}

impl ObjectError {
    /// What an error means that came while an object was unpacked.
    pub(super) fn of(error: io::Error) -> Self {
        let inner = error
            .get_ref()
            .and_then(|inner| inner.downcast_ref::<InflateError>());
        let is_bomb = matches!(inner, Some(InflateError::Bomb));
        match error.kind() {
            io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => InflateError::Damaged.into(),
            _ if is_bomb => InflateError::Bomb.into(),
            _ => Self::Io(error),
        }
    }
}

/// The file itself, or every file under a folder, sorted; folders that cannot be read come with the reason.
pub(super) fn list(path: &Path) -> (Vec<Object>, Vec<(String, std::io::Error)>) {
    let (mut objects, mut failures) = (Vec::new(), Vec::new());
    let root_is_file = path.is_file();
    let mut waiting = vec![path.to_owned()];
    while let Some(next) = waiting.pop() {
        if next.is_dir() {
            match fs::read_dir(&next).and_then(|entries| entries.collect::<Result<Vec<_>, _>>()) {
                Ok(entries) => waiting.extend(
                    entries
                        .into_iter()
                        .filter(|entry| !is_hidden(entry))
                        .map(|entry| entry.path()),
                ),
                Err(error) => failures.push((shown(&next, path), error)),
            }
        } else if root_is_file || next.is_file() {
            objects.push(Object {
                shown: shown(&next, path),
                path: next,
            });
        } else if next == path {
            let error = std::io::Error::from(std::io::ErrorKind::NotFound);
            failures.push((path.display().to_string(), error));
        }
    }
    objects.sort_by(|a, b| a.shown.cmp(&b.shown));
    failures.sort_by(|a, b| a.0.cmp(&b.0));
    (objects, failures)
}

/// Dot files, and links to folders, which could lead in circles.
fn is_hidden(entry: &fs::DirEntry) -> bool {
    let linked_folder = || entry.file_type().is_ok_and(|kind| kind.is_symlink()) && entry.path().is_dir();
    entry.file_name().as_encoded_bytes().starts_with(b".") || linked_folder()
}

fn shown(path: &Path, root: &Path) -> String {
    let relative = path
        .strip_prefix(root)
        .ok()
        .filter(|rest| !rest.as_os_str().is_empty());
    let relative = relative.unwrap_or_else(|| path.file_name().map_or(path, Path::new));
    let parts: Vec<Cow<'_, str>> = relative.iter().map(|part| part.to_string_lossy()).collect();
    parts.join("/")
}

/// Whether a name says that the file is meant to hold records.
pub(super) fn looks_like_trail(shown: &str) -> bool {
    shown.ends_with(".json.gz") || shown.contains("CloudTrail")
}
