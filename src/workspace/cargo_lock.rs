//! `Cargo.lock`: which dependencies use AWS SDK crates by themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use toml::{Table, Value};

use super::cargo::join;

/// The locked packages of one workspace.
#[derive(Clone, Debug, Default)]
pub struct CargoLock {
    /// Dependencies by package name; several versions of a package are one.
    dependencies: BTreeMap<String, BTreeSet<String>>,
    /// Packages that come from a registry or a repository, not from the workspace.
    foreign: BTreeSet<String>,
    /// Packages that come from a Git repository.
    git: BTreeSet<String>,
    /// Versions by package name.
    versions: BTreeMap<String, BTreeSet<String>>,
}

impl CargoLock {
    /// The lock file that counts for the package in `dir` (relative to `root`): its own, or that of a folder above.
    pub fn file(root: &Path, dir: &str) -> Option<String> {
        let mut at = dir.to_owned();
        for _ in 0..32 {
            let file = join(&at, "Cargo.lock");
            if root.join(&file).is_file() {
                return Some(file);
            }
            if at.is_empty() {
                return None;
            }
            at = at
                .rsplit_once('/')
                .map_or(String::new(), |(above, _)| above.to_owned());
        }
        None
    }

    /// Reads a lock file. `None` if it cannot be read.
    pub fn read(root: &Path, file: &str) -> Option<Self> {
        let text = std::fs::read_to_string(root.join(file)).ok()?;
        text.parse::<Table>().ok().map(|table| Self::new(&table))
    }

    /// Whether any package outside the workspace, the SDK's own supporting crates apart, uses an SDK crate.
    pub fn has_users_of_sdk(&self) -> bool {
        self.foreign.iter().any(|name| {
            let uses = self.dependencies.get(name);
            !is_supporting(name)
                && uses.is_some_and(|uses| uses.iter().any(|next| next.starts_with("aws-sdk-")))
        })
    }

    fn new(table: &Table) -> Self {
        let mut lock = Self::default();
        let packages = table.get("package").and_then(Value::as_array);
        for package in packages.into_iter().flatten() {
            let Some(name) = package.get("name").and_then(Value::as_str) else {
                continue;
            };
            if let Some(source) = package.get("source") {
                lock.foreign.insert(name.to_owned());
                if source.as_str().is_some_and(|source| source.starts_with("git+")) {
                    lock.git.insert(name.to_owned());
                }
            }
            if let Some(version) = package.get("version").and_then(Value::as_str) {
                let versions = lock.versions.entry(name.to_owned()).or_default();
                versions.insert(version.to_owned());
            }
            let dependencies = package.get("dependencies").and_then(Value::as_array);
            let names = dependencies
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .filter_map(|text| text.split_whitespace().next())
                .map(str::to_owned);
            lock.dependencies
                .entry(name.to_owned())
                .or_default()
                .extend(names);
        }
        lock
    }

    /// Whether a package comes from a Git repository, so that no registry has its source.
    pub fn is_from_git(&self, name: &str) -> bool {
        self.git.contains(name)
    }

    /// Whether `fits(name, version)` holds for every version of a package.
    pub fn all_versions(&self, name: &str, fits: &dyn Fn(&str, &str) -> bool) -> bool {
        let versions = self.versions.get(name);
        versions.is_some_and(|versions| versions.iter().all(|version| fits(name, version)))
    }

    /// The packages behind `dependency`, itself included, that are neither the workspace's nor the SDK's own.
    pub fn behind(&self, dependency: &str) -> BTreeSet<String> {
        let mut seen = BTreeSet::new();
        let mut todo = vec![dependency.to_owned()];
        while let Some(name) = todo.pop() {
            if !is_supporting(&name) && self.foreign.contains(&name) && seen.insert(name.clone()) {
                todo.extend(self.dependencies.get(&name).into_iter().flatten().cloned());
            }
        }
        seen
    }

    /// The packages behind `dependency`, itself included, that use SDK crates, with those crates. What the SDK's own
    /// supporting crates use does not count.
    pub fn users_of_sdk(&self, dependency: &str) -> BTreeMap<String, BTreeSet<String>> {
        let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for name in self.behind(dependency) {
            for next in self.dependencies.get(&name).into_iter().flatten() {
                if next.starts_with("aws-sdk-") {
                    found.entry(name.clone()).or_default().insert(next.clone());
                }
            }
        }
        found
    }
}

/// Whether a package is the SDK's own.
pub(crate) fn is_supporting(name: &str) -> bool {
    name.starts_with("aws-sdk-")
        || name.starts_with("aws-smithy-")
        || matches!(
            name,
            "aws-config" | "aws-types" | "aws-runtime" | "aws-credential-types" | "aws-sigv4"
        )
}
