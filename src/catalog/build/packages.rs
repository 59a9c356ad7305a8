//! Finds the pinned packages in a folder, compares their hashes with the pins, and reads files out of them.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};

use serde_json::Value;
use sha2::{Digest as _, Sha256};
use zip::ZipArchive;

use super::pins::{Pin, Role, pins};
use super::{BuildError, tar};
use crate::catalog::stored::SourceData;

/// The packages, opened.
pub(super) struct Packages {
    archives: BTreeMap<Role, Archive>,
}

/// An opened package.
struct Archive {
    pin: Pin,
    path: PathBuf,
    /// Of the file, in hexadecimal digits.
    sha256: String,
    /// Names of the files in it, sorted.
    names: Vec<String>,
    content: Content,
}

/// How a package holds its files.
enum Content {
    Zip(RefCell<ZipArchive<Cursor<Vec<u8>>>>),
    /// A gzipped tar, read whole; the one there is has few files.
    Tar(BTreeMap<String, Vec<u8>>),
}

impl Packages {
    /// Opens every package found in `from` or its direct subfolders; with `unpinned`, the newest release of each, with
    /// whatever hash.
    pub(super) fn find(from: &Path, unpinned: bool) -> Result<Self, BuildError> {
        let folders = folders(from);
        let archives = pins()
            .map(|pin| {
                let role = pin.role;
                let path = locate(&pin, &folders, unpinned).ok_or_else(|| BuildError::MissingPackage {
                    file: pin.file,
                    from: from.to_owned(),
                })?;
                let archive = Archive::open(pin, &path, unpinned)?;
                Ok((role, archive))
            })
            .collect::<Result<_, BuildError>>()?;
        Ok(Self { archives })
    }

    /// What the catalogue says of its sources, sorted.
    pub(super) fn sources(&self) -> Vec<SourceData> {
        let mut sources: Vec<SourceData> = self.archives.values().map(Archive::source).collect();
        sources.sort();
        sources
    }

    /// The day a package was made, `YYYY-MM-DD`, where it tells.
    pub(super) fn date(&self, role: Role) -> Option<String> {
        self.archives.get(&role)?.date()
    }

    /// The names of the files in a package, sorted.
    pub(super) fn files(&self, role: Role) -> &[String] {
        self.archives
            .get(&role)
            .map_or(&[], |archive| archive.names.as_slice())
    }

    /// The text of a file in a package; names that end in `.gz` are decompressed.
    pub(super) fn text(&self, role: Role, name: &str) -> Result<String, BuildError> {
        let archive = self
            .archives
            .get(&role)
            .ok_or_else(|| self.unexpected(role, name, "the package is not open"))?;
        let mut bytes = archive
            .file(name)
            .map_err(|reason| unreadable(&archive.path, format!("`{name}`: {reason}")))?;
        if name.ends_with(".gz") {
            bytes = gunzip(bytes.as_slice()).map_err(|error| self.unexpected(role, name, error))?;
        }
        String::from_utf8(bytes).map_err(|error| self.unexpected(role, name, error))
    }

    /// A JSON file in a package.
    pub(super) fn json(&self, role: Role, name: &str) -> Result<Value, BuildError> {
        serde_json::from_str(&self.text(role, name)?).map_err(|error| self.unexpected(role, name, error))
    }

    /// The error that a file of a package is not what was expected.
    pub(super) fn unexpected(&self, role: Role, file: &str, reason: impl ToString) -> BuildError {
        let path = self.archives.get(&role).map(|archive| archive.path.as_path());
        BuildError::Unexpected {
            package: path.map(Path::to_owned).unwrap_or_default(),
            file: file.to_owned(),
            reason: reason.to_string(),
        }
    }
}

impl Archive {
    fn open(pin: Pin, path: &Path, unpinned: bool) -> Result<Self, BuildError> {
        let bytes = std::fs::read(path).map_err(|reason| unreadable(path, reason))?;
        let sha256: String = Sha256::digest(&bytes)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        if !unpinned && sha256 != pin.sha256 {
            return Err(BuildError::WrongHash {
                path: path.to_owned(),
                expected: pin.sha256,
                found: sha256,
            });
        }
        let (content, mut names) = contents(path, bytes).map_err(|reason| unreadable(path, reason))?;
        names.sort();
        Ok(Self {
            pin,
            path: path.to_owned(),
            sha256,
            names,
            content,
        })
    }

    fn source(&self) -> SourceData {
        let file = self.path.file_name().and_then(|name| name.to_str());
        SourceData {
            name: self.pin.name.to_owned(),
            version: self.pin.version_of(&self.path),
            date: self.date().unwrap_or_default(),
            file: file.unwrap_or_default().to_owned(),
            sha256: self.sha256.clone(),
            licence: self.pin.licence.to_owned(),
        }
    }

    /// The date in the version (`0.1.202610271`), else the newest date of its files. A tarball's files have none, nor
    /// have those of packages that are built to be the same each time: they are all of one day in the past.
    fn date(&self) -> Option<String> {
        if let Some(date) = date_in(&self.pin.version_of(&self.path)) {
            return Some(date);
        }
        let Content::Zip(archive) = &self.content else {
            return None;
        };
        let mut archive = archive.borrow_mut();
        let dates = (0..archive.len()).filter_map(|index| archive.by_index_raw(index).ok()?.last_modified());
        dates
            .map(|date| format!("{:04}-{:02}-{:02}", date.year(), date.month(), date.day()))
            .max()
            .filter(|date| date.as_str() > "2021")
    }

    fn file(&self, name: &str) -> io::Result<Vec<u8>> {
        match &self.content {
            Content::Zip(archive) => {
                let mut bytes = Vec::new();
                archive.borrow_mut().by_name(name)?.read_to_end(&mut bytes)?;
                Ok(bytes)
            }
            Content::Tar(files) => files
                .get(name)
                .cloned()
                .ok_or_else(|| io::ErrorKind::NotFound.into()),
        }
    }
}

/// The files of a package, and their names.
fn contents(path: &Path, bytes: Vec<u8>) -> io::Result<(Content, Vec<String>)> {
    if path.extension().is_some_and(|ending| ending == "tgz") {
        let files = tar::files(&gunzip(bytes.as_slice())?)?;
        let names = files.keys().cloned().collect();
        return Ok((Content::Tar(files), names));
    }
    let archive = ZipArchive::new(Cursor::new(bytes))?;
    let names = archive.file_names().flatten().map(Cow::into_owned).collect();
    Ok((Content::Zip(RefCell::new(archive)), names))
}

/// The date that the last number of a version is, with or without a digit behind it.
fn date_in(version: &str) -> Option<String> {
    let number = version.rsplit('.').next()?;
    let (year, month, day) = (number.get(..4)?, number.get(4..6)?, number.get(6..8)?);
    (number.starts_with("20") && number.len() <= 9).then(|| format!("{year}-{month}-{day}"))
}

fn gunzip(compressed: impl Read) -> io::Result<Vec<u8>> {
    let mut plain = Vec::new();
    flate2::read::GzDecoder::new(compressed).read_to_end(&mut plain)?;
    Ok(plain)
}

fn unreadable(path: &Path, reason: impl ToString) -> BuildError {
    BuildError::Unreadable {
        path: path.to_owned(),
        reason: reason.to_string(),
    }
}

/// `from` and its direct subfolders, sorted.
fn folders(from: &Path) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = std::fs::read_dir(from)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    folders.insert(0, from.to_owned());
    folders
}

/// The file of a package in the folders.
fn locate(pin: &Pin, folders: &[PathBuf], unpinned: bool) -> Option<PathBuf> {
    let newest = unpinned.then(|| pin.newest_in(folders)).flatten();
    newest.or_else(|| {
        folders
            .iter()
            .map(|folder| folder.join(pin.file))
            .find(|path| path.is_file())
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_version_can_be_a_date() {
        assert_eq!(date_in("0.1.202610271").as_deref(), Some("2026-10-27"));
        assert_eq!(date_in("1.44.5"), None);
        assert_eq!(date_in("2.0.1693"), None);
    }

    #[test]
    fn a_package_with_another_hash_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        for pin in pins() {
            std::fs::write(folder.path().join(pin.file), "something else").unwrap();
        }
        let refused = Packages::find(folder.path(), false).err().unwrap().to_string();
        assert!(refused.contains("is not the pinned package"), "{refused}");
        let unreadable = Packages::find(folder.path(), true).err().unwrap().to_string();
        assert!(unreadable.starts_with("cannot read"), "{unreadable}");
    }
}
