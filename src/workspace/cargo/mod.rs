//! Cargo packages under a folder, read from their manifests alone: targets, dependencies, features, Lambda metadata.
//!
//! Nothing is built and `cargo` is not run: its metadata command fails for reasons that are not ours (a pinned
//! toolchain that is not there, a registry that cannot be reached).

mod manifest;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::usage::Gap;

use super::bounds;
use super::registry::RegistrySources;
use manifest::Reader;

/// The packages under a root.
#[derive(Clone, Debug, Default)]
pub struct CargoTree {
    /// Packages, sorted by folder. Path dependencies outside the root are there too, marked `outside`.
    pub packages: Vec<CargoPackage>,
    /// Manifests that could not be read.
    pub gaps: Vec<Gap>,
    /// What was read of crates outside the workspace; `None` if nobody asked for them.
    pub registry: Option<RegistrySources>,
}

/// A package.
#[derive(Clone, Debug, Default)]
pub struct CargoPackage {
    /// `package.name`.
    pub name: String,
    /// Folder relative to the root, with `/`; empty for the root itself.
    pub dir: String,
    /// Whether it lies outside the root and is only read because something depends on it.
    pub outside: bool,
    /// `package.edition`, `2015` if missing.
    pub edition: String,
    /// Library, binaries and examples.
    pub targets: Vec<CargoTarget>,
    /// Dependencies of every kind, target-specific ones included.
    pub dependencies: Vec<CargoDependency>,
    /// `[features]`.
    pub features: BTreeMap<String, Vec<String>>,
    /// `[package.metadata.lambda]`.
    pub lambda: LambdaMetadata,
}

/// A target of a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CargoTarget {
    /// What it is.
    pub kind: TargetKind,
    /// Its name.
    pub name: String,
    /// Its root file, relative to the scanned root.
    pub path: String,
    /// `required-features`.
    pub required_features: Vec<String>,
}

/// Kinds of targets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TargetKind {
    /// `[lib]`.
    Lib,
    /// `[[bin]]`.
    Bin,
    /// `[[example]]`.
    Example,
}

/// A dependency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CargoDependency {
    /// The name code uses, with `_`.
    pub code_name: String,
    /// The package's real name, such as `aws-sdk-s3`.
    pub package: String,
    /// Folder of a path dependency, relative to the root.
    pub path: Option<String>,
    /// Version requirement, if any.
    pub version: Option<String>,
    /// Features asked for.
    pub features: Vec<String>,
    /// Whether its default features are asked for.
    pub default_features: bool,
    /// Whether it is behind a feature.
    pub optional: bool,
    /// Which table it stands in.
    pub kind: DependencyKind,
}

/// Kinds of dependencies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DependencyKind {
    /// `[dependencies]`.
    Normal,
    /// `[dev-dependencies]`.
    Dev,
    /// `[build-dependencies]`.
    Build,
}

/// What `[package.metadata.lambda]` says of the environment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LambdaMetadata {
    /// Variables of every binary (`env` and `deploy.env`).
    pub env: BTreeMap<String, String>,
    /// Variables of one binary (`bin.NAME.env`).
    pub bin_env: BTreeMap<String, BTreeMap<String, String>>,
}

impl CargoPackage {
    /// The library target.
    pub fn lib(&self) -> Option<&CargoTarget> {
        self.targets.iter().find(|target| target.kind == TargetKind::Lib)
    }

    /// The package as one outside the root that is called by another folder.
    fn moved(mut self, dir: &str) -> Self {
        dir.clone_into(&mut self.dir);
        self.outside = true;
        self.targets.retain(|target| target.kind == TargetKind::Lib);
        for target in &mut self.targets {
            target.path = join(dir, &target.path);
        }
        self
    }

    /// Targets of one kind.
    pub fn targets_of(&self, kind: TargetKind) -> impl Iterator<Item = &CargoTarget> {
        self.targets.iter().filter(move |target| target.kind == kind)
    }

    /// Features that are on when `asked` are asked for, with or without the default ones.
    pub fn enabled_features(&self, asked: &BTreeSet<String>, default: bool) -> BTreeSet<String> {
        let mut todo: Vec<String> = asked.iter().cloned().collect();
        if default {
            todo.push("default".to_owned());
        }
        let mut on = BTreeSet::new();
        while let Some(feature) = todo.pop() {
            let feature = feature.strip_prefix("dep:").unwrap_or(&feature).to_owned();
            let feature = feature
                .split_once('/')
                .map_or(feature.clone(), |(name, _)| name.trim_end_matches('?').to_owned());
            if on.insert(feature.clone()) {
                todo.extend(self.features.get(&feature).into_iter().flatten().cloned());
            }
        }
        on
    }
}

/// Reads every manifest under `root`; ignored files, hidden folders and `target` are skipped.
pub fn read(root: &Path) -> CargoTree {
    let mut reader = Reader {
        root,
        manifests: BTreeMap::new(),
        gaps: Vec::new(),
        alone: false,
    };
    let mut dirs = BTreeSet::new();
    // What is left out is told once, by the walk for stack templates.
    let (walk, _) = bounds::walk(root, |entry| entry.depth() == 0 || entry.file_name() != "target");
    for entry in walk.build() {
        match entry {
            Ok(entry) if entry.file_name() == "Cargo.toml" && entry.path().is_file() => {
                let dir = entry.path().parent().unwrap_or(root);
                dirs.insert(relative(root, dir));
            }
            Ok(_) => {}
            Err(error) => reader.gaps.push(
                Gap::new("unreadable-path", format!("cannot walk: {error}"))
                    .hint("check the permissions of the folder"),
            ),
        }
    }
    let mut packages = BTreeMap::new();
    let mut todo: Vec<(String, bool)> = dirs.into_iter().map(|dir| (dir, false)).collect();
    while let Some((dir, outside)) = todo.pop() {
        if packages.contains_key(&dir) {
            continue;
        }
        let Some(mut package) = reader.package(&dir) else {
            continue;
        };
        package.outside = outside;
        for dependency in &package.dependencies {
            if let Some(path) = &dependency.path {
                let known = packages.contains_key(path) || todo.iter().any(|(dir, _)| dir == path);
                if !known && dependency.kind == DependencyKind::Normal {
                    todo.push((path.clone(), true));
                }
            }
        }
        packages.insert(dir, package);
    }
    CargoTree {
        packages: packages.into_values().collect(),
        gaps: reader.gaps,
        registry: None,
    }
}

/// The package whose source lies in `place`, called `dir`: its library only, and no workspace around it. Its gaps are
/// given beside it.
pub(crate) fn read_alone(place: &Path, dir: &str) -> (Option<CargoPackage>, Vec<Gap>) {
    let mut reader = Reader {
        root: place,
        manifests: BTreeMap::new(),
        gaps: Vec::new(),
        alone: true,
    };
    let package = reader.package("").map(|package| package.moved(dir));
    let gaps = reader.gaps.into_iter().map(|mut gap| {
        if let Some(location) = &mut gap.location {
            location.file = join(dir, &location.file);
        }
        gap
    });
    (package, gaps.collect())
}

/// `path` relative to `root`, with `/`.
fn relative(root: &Path, path: &Path) -> String {
    let stripped = path.strip_prefix(root).unwrap_or(path);
    let parts: Vec<_> = stripped
        .components()
        .map(|part| part.as_os_str().to_string_lossy())
        .collect();
    parts.join("/")
}

/// `dir` joined with `path`, `.` and `..` resolved by text; leading `..` stay.
pub(crate) fn join(dir: &str, path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in dir.split('/').chain(path.split(['/', '\\'])) {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}
