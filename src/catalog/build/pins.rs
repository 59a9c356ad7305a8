//! The pinned packages: `src/catalog/pins.tsv` says which release of each is read, and its hash.

use std::path::{Path, PathBuf};

/// The pins, as the script that fetches the packages reads them too.
const PINS: &str = include_str!("../pins.tsv");

/// What a package is read for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Role {
    /// API models of every service.
    Models,
    /// The Service Authorization Reference: actions, levels, resource types, condition keys.
    Actions,
    /// An older release of the same, the last that has dependent actions and the permission-only mark.
    Dependents,
    /// Documentation links of actions and services.
    Links,
    /// Current managed policies.
    Policies,
    /// Managed policies, every version and retired ones too.
    PolicyHistory,
}

/// A package that the build reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pin {
    pub(super) role: Role,
    pub(super) name: &'static str,
    pub(super) version: &'static str,
    pub(super) file: &'static str,
    pub(super) sha256: &'static str,
    pub(super) licence: &'static str,
}

/// Every pin, in the order of the file. A test keeps a line from being left out.
pub(super) fn pins() -> impl Iterator<Item = Pin> {
    PINS.lines().skip(1).filter_map(Pin::parse)
}

impl Role {
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "models" => Self::Models,
            "actions" => Self::Actions,
            "dependents" => Self::Dependents,
            "links" => Self::Links,
            "policies" => Self::Policies,
            "policy-history" => Self::PolicyHistory,
            _ => return None,
        })
    }
}

impl Pin {
    fn parse(line: &'static str) -> Option<Self> {
        let fields: Vec<&str> = line.split('\t').collect();
        let [role, _registry, name, version, file, sha256, licence] = fields.as_slice() else {
            return None;
        };
        Some(Self {
            role: Role::parse(role)?,
            name,
            version,
            file,
            sha256,
            licence,
        })
    }

    /// The file of the newest release in `folders`. Dependent actions are gone from later releases, so that there the
    /// pinned one stands.
    pub(super) fn newest_in(&self, folders: &[PathBuf]) -> Option<PathBuf> {
        if self.role == Role::Dependents {
            return None;
        }
        let (before, after) = self.file.split_once(self.version)?;
        let files = folders
            .iter()
            .filter_map(|folder| std::fs::read_dir(folder).ok())
            .flatten()
            .flatten()
            .map(|entry| entry.path());
        files
            .filter_map(|path| {
                let version = version_between(path.file_name()?.to_str()?, before, after)?;
                Some((numbers(&version), path))
            })
            .max()
            .map(|(_, path)| path)
    }

    /// The version that a file of this package has in its name.
    pub(super) fn version_of(&self, path: &Path) -> String {
        self.file
            .split_once(self.version)
            .and_then(|(before, after)| version_between(path.file_name()?.to_str()?, before, after))
            .unwrap_or_else(|| self.version.to_owned())
    }
}

fn version_between(name: &str, before: &str, after: &str) -> Option<String> {
    let version = name.strip_prefix(before)?.strip_suffix(after)?;
    let plain = version.chars().all(|c| c.is_ascii_digit() || c == '.');
    (plain && !version.is_empty()).then(|| version.to_owned())
}

/// The numbers of a version, for comparing.
fn numbers(version: &str) -> Vec<u64> {
    version
        .split('.')
        .filter_map(|number| number.parse().ok())
        .collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_a_pin_and_every_role_has_one() {
        assert_eq!(pins().count(), PINS.lines().count() - 1);
        let mut roles: Vec<Role> = pins().map(|pin| pin.role).collect();
        roles.sort();
        roles.dedup();
        assert_eq!(roles.len(), 6);
        for pin in pins() {
            assert!(pin.file.contains(pin.version), "{}", pin.file);
            assert_eq!(pin.sha256.len(), 64, "{}", pin.file);
        }
    }

    #[test]
    fn a_newer_release_is_found_by_its_name() {
        let folder = tempfile::tempdir().unwrap();
        for file in [
            "botocore-1.44.5-py3-none-any.whl",
            "botocore-1.44.12-py3-none-any.whl",
            "botocore-1.9.99-py3-none-any.whl",
            "botocore-1.45.0rc1-py3-none-any.whl",
        ] {
            std::fs::write(folder.path().join(file), "").unwrap();
        }
        let pin = pins().find(|pin| pin.role == Role::Models).unwrap();
        let newest = pin.newest_in(&[folder.path().to_owned()]).unwrap();
        assert_eq!(pin.version_of(&newest), "1.44.12");
        let dependents = pins().find(|pin| pin.role == Role::Dependents).unwrap();
        assert_eq!(dependents.newest_in(&[folder.path().to_owned()]), None);
    }
}
