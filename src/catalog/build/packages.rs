//! Finds the pinned packages in a folder and reads files out of them.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use serde_json::Value;
use zip::ZipArchive;

use super::BuildError;

/// A pinned package. `src/catalog/pins.tsv` has the hashes; the fetch script checks them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Pin {
    pub(super) name: &'static str,
    pub(super) version: &'static str,
    pub(super) file: &'static str,
}

/// API models of every service.
pub(super) const BOTOCORE: Pin = Pin {
    name: "botocore",
    version: "1.44.5",
    file: "botocore-1.44.5-py3-none-any.whl",
};

/// Every package the build reads.
const PINS: [Pin; 1] = [BOTOCORE];

/// The packages, opened.
pub(super) struct Packages {
    wheels: BTreeMap<Pin, Wheel>,
}

/// An opened zip archive.
struct Wheel {
    path: PathBuf,
    archive: RefCell<ZipArchive<BufReader<File>>>,
}

impl Packages {
    /// Opens every package found in `from` or its direct subfolders.
    pub(super) fn find(from: &Path) -> Result<Self, BuildError> {
        let mut wheels = BTreeMap::new();
        for pin in PINS {
            let path = locate(from, pin.file).ok_or_else(|| BuildError::MissingPackage {
                file: pin.file,
                from: from.to_owned(),
            })?;
            let unreadable = |reason: String| BuildError::Unreadable {
                path: path.clone(),
                reason,
            };
            let file = File::open(&path).map_err(|error| unreadable(error.to_string()))?;
            let archive =
                ZipArchive::new(BufReader::new(file)).map_err(|error| unreadable(error.to_string()))?;
            let archive = RefCell::new(archive);
            wheels.insert(pin, Wheel { path, archive });
        }
        Ok(Self { wheels })
    }

    /// `name version` of each package.
    pub(super) fn names(&self) -> Vec<String> {
        self.wheels
            .keys()
            .map(|pin| format!("{} {}", pin.name, pin.version))
            .collect()
    }

    /// The names of the files in a package, sorted.
    pub(super) fn files(&self, pin: Pin) -> Vec<String> {
        let mut names: Vec<String> = self.wheels.get(&pin).map_or_else(Vec::new, |wheel| {
            wheel
                .archive
                .borrow()
                .file_names()
                .flatten()
                .map(Cow::into_owned)
                .collect()
        });
        names.sort();
        names
    }

    /// The text of a file in a package; names that end in `.gz` are decompressed.
    pub(super) fn text(&self, pin: Pin, name: &str) -> Result<String, BuildError> {
        let wheel = self
            .wheels
            .get(&pin)
            .ok_or_else(|| pin.unexpected(name, "the package is not open"))?;
        let mut bytes = Vec::new();
        wheel
            .archive
            .borrow_mut()
            .by_name(name)
            .map_err(|error| pin.unexpected(name, error))?
            .read_to_end(&mut bytes)
            .map_err(|error| BuildError::Unreadable {
                path: wheel.path.clone(),
                reason: error.to_string(),
            })?;
        if name.ends_with(".gz") {
            let mut plain = Vec::new();
            flate2::read::GzDecoder::new(bytes.as_slice())
                .read_to_end(&mut plain)
                .map_err(|error| pin.unexpected(name, error))?;
            bytes = plain;
        }
        String::from_utf8(bytes).map_err(|error| pin.unexpected(name, error))
    }

    /// A JSON file in a package.
    pub(super) fn json(&self, pin: Pin, name: &str) -> Result<Value, BuildError> {
        serde_json::from_str(&self.text(pin, name)?).map_err(|error| pin.unexpected(name, error))
    }
}

impl Pin {
    /// The error that a file of this package is not what was expected.
    pub(super) fn unexpected(self, file: &str, reason: impl ToString) -> BuildError {
        BuildError::Unexpected {
            package: self.file,
            file: file.to_owned(),
            reason: reason.to_string(),
        }
    }
}

/// The path of `file` in `from` or in one of its direct subfolders.
fn locate(from: &Path, file: &str) -> Option<PathBuf> {
    let direct = from.join(file);
    if direct.is_file() {
        return Some(direct);
    }
    let mut folders: Vec<PathBuf> = std::fs::read_dir(from)
        .ok()?
        .flatten()
        .map(|entry| entry.path())
        .collect();
    folders.sort();
    folders
        .into_iter()
        .map(|folder| folder.join(file))
        .find(|path| path.is_file())
}
