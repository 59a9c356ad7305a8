//! Cargo packages under a folder, read from their manifests alone: targets, dependencies, features, Lambda metadata.
//!
//! Nothing is built and `cargo` is not run: its metadata command fails for reasons that are not ours (a pinned
//! toolchain that is not there, a registry that cannot be reached).

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use crate::usage::{Gap, Location};

use super::bounds;
use super::registry::RegistrySources;

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

struct Reader<'a> {
    root: &'a Path,
    manifests: BTreeMap<String, Option<Table>>,
    gaps: Vec<Gap>,
    /// Whether no workspace counts that may lie around a package.
    alone: bool,
}

impl Reader<'_> {
    /// The parsed manifest of a folder; read once.
    fn manifest(&mut self, dir: &str) -> Option<Table> {
        if let Some(known) = self.manifests.get(dir) {
            return known.clone();
        }
        let file = join(dir, "Cargo.toml");
        let parsed = self.parse(&file);
        self.manifests.insert(dir.to_owned(), parsed.clone());
        parsed
    }

    fn parse(&mut self, file: &str) -> Option<Table> {
        let path = self.root.join(file);
        if !path.is_file() {
            return None;
        }
        let text = match std::fs::read(&path) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) => {
                let gap = Gap::new("bad-manifest", format!("cannot read the manifest: {error}"));
                self.gaps.push(gap.at(Location::new(file, 1, 1)));
                return None;
            }
        };
        match text.parse::<Table>() {
            Ok(table) => Some(table),
            Err(error) => {
                let start = error.span().map_or(0, |span| span.start);
                let before = text.get(..start).unwrap_or_default();
                let line = before.matches('\n').count() + 1;
                let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
                let place = Location::new(
                    file,
                    u32::try_from(line).unwrap_or(1),
                    u32::try_from(column).unwrap_or(1),
                );
                self.gaps.push(
                    Gap::new(
                        "bad-manifest",
                        format!("the manifest is not valid TOML: {}", error.message()),
                    )
                    .at(place)
                    .hint("its package is left out until it parses"),
                );
                None
            }
        }
    }

    fn package(&mut self, dir: &str) -> Option<CargoPackage> {
        let manifest = self.manifest(dir)?;
        let package = manifest.get("package").or_else(|| manifest.get("project"))?;
        let workspace = self.workspace_of(dir, package);
        let name = package.get("name").and_then(Value::as_str);
        let Some(name) = name else {
            self.gaps.push(
                Gap::new("bad-manifest", "the package has no name")
                    .at(Location::new(join(dir, "Cargo.toml"), 1, 1))
                    .hint("its package is left out"),
            );
            return None;
        };
        let edition = inherited(package, "edition", workspace.as_ref())
            .and_then(|value| value.as_str().map(str::to_owned))
            .unwrap_or_else(|| "2015".to_owned());
        Some(CargoPackage {
            name: name.to_owned(),
            dir: dir.to_owned(),
            outside: false,
            edition,
            targets: self.targets(dir, name, &manifest, package),
            dependencies: dependencies(dir, &manifest, workspace.as_ref()),
            features: features(&manifest),
            lambda: lambda_metadata(package),
        })
    }

    /// The folder and table of the workspace that a package belongs to.
    fn workspace_of(&mut self, dir: &str, package: &Value) -> Option<(String, Value)> {
        if self.alone {
            return None;
        }
        if let Some(path) = package.get("workspace").and_then(Value::as_str) {
            let root = join(dir, path);
            let table = self.manifest(&root)?.get("workspace")?.clone();
            return Some((root, table));
        }
        let mut at = dir.to_owned();
        for _ in 0..32 {
            if let Some(table) = self
                .manifest(&at)
                .and_then(|manifest| manifest.get("workspace").cloned())
            {
                return Some((at, table));
            }
            // Above the scanned root the search goes on as long as there are folders with a manifest.
            let above = join(&at, "..");
            if above == at {
                break;
            }
            if above.starts_with("..") && !self.root.join(&above).is_dir() {
                break;
            }
            if above.matches("..").count() > 4 {
                break;
            }
            at = above;
        }
        None
    }

    fn targets(&self, dir: &str, name: &str, manifest: &Table, package: &Value) -> Vec<CargoTarget> {
        let mut targets = Vec::new();
        let lib = manifest.get("lib");
        let lib_path = lib
            .and_then(|lib| lib.get("path"))
            .and_then(Value::as_str)
            .unwrap_or("src/lib.rs");
        if self.is_file(&join(dir, lib_path)) {
            let lib_name = lib
                .and_then(|lib| lib.get("name"))
                .and_then(Value::as_str)
                .unwrap_or(name);
            targets.push(CargoTarget {
                kind: TargetKind::Lib,
                name: lib_name.replace('-', "_"),
                path: join(dir, lib_path),
                required_features: Vec::new(),
            });
        }
        let mut bins = self.declared(dir, manifest, "bin", "src/bin", TargetKind::Bin);
        for bin in &mut bins {
            if bin.path.is_empty() && bin.name == name {
                bin.path = join(dir, "src/main.rs");
            }
        }
        if package.get("autobins").and_then(Value::as_bool) != Some(false) {
            let main = join(dir, "src/main.rs");
            if self.is_file(&main) {
                add(&mut bins, TargetKind::Bin, name.to_owned(), main);
            }
            self.discovered(dir, "src/bin", TargetKind::Bin, &mut bins);
        }
        let mut examples = self.declared(dir, manifest, "example", "examples", TargetKind::Example);
        if package.get("autoexamples").and_then(Value::as_bool) != Some(false) {
            self.discovered(dir, "examples", TargetKind::Example, &mut examples);
        }
        targets.extend(bins);
        targets.extend(examples);
        targets.retain(|target| !target.path.is_empty());
        targets.sort_by(|a, b| (a.kind, &a.name, &a.path).cmp(&(b.kind, &b.name, &b.path)));
        targets
    }

    /// Targets of `[[bin]]` or `[[example]]`.
    fn declared(
        &self,
        dir: &str,
        manifest: &Table,
        key: &str,
        folder: &str,
        kind: TargetKind,
    ) -> Vec<CargoTarget> {
        let mut targets = Vec::new();
        let entries = manifest.get(key).and_then(Value::as_array);
        for entry in entries.into_iter().flatten() {
            let Some(name) = entry.get("name").and_then(Value::as_str) else {
                continue;
            };
            let path = match entry.get("path").and_then(Value::as_str) {
                Some(path) => join(dir, path),
                None => [format!("{folder}/{name}.rs"), format!("{folder}/{name}/main.rs")]
                    .iter()
                    .map(|path| join(dir, path))
                    .find(|path| self.is_file(path))
                    .unwrap_or_default(),
            };
            targets.push(CargoTarget {
                kind,
                name: name.to_owned(),
                path,
                required_features: strings(entry.get("required-features")),
            });
        }
        targets
    }

    /// Targets found by their place.
    fn discovered(&self, dir: &str, folder: &str, kind: TargetKind, out: &mut Vec<CargoTarget>) {
        let base = join(dir, folder);
        let Ok(entries) = std::fs::read_dir(self.root.join(&base)) else {
            return;
        };
        let mut names: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        names.sort();
        for path in names {
            let stem = path
                .file_stem()
                .map(|stem| stem.to_string_lossy().into_owned())
                .unwrap_or_default();
            if path.is_file() && path.extension().is_some_and(|extension| extension == "rs") {
                add(out, kind, stem.clone(), join(&base, &format!("{stem}.rs")));
            } else if path.is_dir() && path.join("main.rs").is_file() {
                let folder = path
                    .file_name()
                    .map(|name| name.to_string_lossy().into_owned())
                    .unwrap_or_default();
                add(
                    out,
                    kind,
                    folder.clone(),
                    join(&base, &format!("{folder}/main.rs")),
                );
            }
        }
    }

    fn is_file(&self, path: &str) -> bool {
        self.root.join(path).is_file()
    }
}

/// Adds a target unless its file or its name is taken.
fn add(targets: &mut Vec<CargoTarget>, kind: TargetKind, name: String, path: String) {
    if targets
        .iter()
        .all(|target| target.path != path && target.name != name)
    {
        targets.push(CargoTarget {
            kind,
            name,
            path,
            required_features: Vec::new(),
        });
    }
}

/// A value of `[package]`, taken from the workspace where it says `workspace = true`.
fn inherited<'v>(package: &'v Value, key: &str, workspace: Option<&'v (String, Value)>) -> Option<&'v Value> {
    let value = package.get(key)?;
    if value.get("workspace").and_then(Value::as_bool) == Some(true) {
        return workspace?.1.get("package")?.get(key);
    }
    Some(value)
}

fn strings(value: Option<&Value>) -> Vec<String> {
    value
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|value| value.as_str().map(str::to_owned))
        .collect()
}

fn features(manifest: &Table) -> BTreeMap<String, Vec<String>> {
    manifest
        .get("features")
        .and_then(Value::as_table)
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.clone(), strings(Some(value))))
        .collect()
}

/// Dependencies of the package, those of `[target.…]` included.
fn dependencies(dir: &str, manifest: &Table, workspace: Option<&(String, Value)>) -> Vec<CargoDependency> {
    let mut found = Vec::new();
    let mut tables: Vec<&Table> = vec![manifest];
    if let Some(targets) = manifest.get("target").and_then(Value::as_table) {
        tables.extend(targets.values().filter_map(Value::as_table));
    }
    for table in tables {
        for (key, kind) in [
            ("dependencies", DependencyKind::Normal),
            ("dev-dependencies", DependencyKind::Dev),
            ("dev_dependencies", DependencyKind::Dev),
            ("build-dependencies", DependencyKind::Build),
            ("build_dependencies", DependencyKind::Build),
        ] {
            let entries = table.get(key).and_then(Value::as_table);
            for (name, value) in entries.into_iter().flatten() {
                found.extend(dependency(dir, name, value, kind, workspace));
            }
        }
    }
    found.sort_by(|a, b| (&a.code_name, a.kind, &a.package).cmp(&(&b.code_name, b.kind, &b.package)));
    found
}

/// A dependency that code can use; `None` for one that is only a built binary (`artifact` without `lib`).
fn dependency(
    dir: &str,
    name: &str,
    value: &Value,
    kind: DependencyKind,
    workspace: Option<&(String, Value)>,
) -> Option<CargoDependency> {
    let mut base = dir;
    let mut spec = value;
    if value.get("workspace").and_then(Value::as_bool) == Some(true)
        && let Some((root, table)) = workspace
        && let Some(shared) = table.get("dependencies").and_then(|deps| deps.get(name))
    {
        base = root;
        spec = shared;
    }
    let told = |key: &str| value.get(key).or_else(|| spec.get(key));
    if told("artifact").is_some() && told("lib").and_then(Value::as_bool) != Some(true) {
        return None;
    }
    let mut features = strings(spec.get("features"));
    features.extend(strings(value.get("features")));
    features.sort();
    features.dedup();
    Some(CargoDependency {
        code_name: name.replace('-', "_"),
        package: spec
            .get("package")
            .and_then(Value::as_str)
            .unwrap_or(name)
            .to_owned(),
        path: spec
            .get("path")
            .and_then(Value::as_str)
            .map(|path| join(base, path)),
        version: spec
            .as_str()
            .or_else(|| spec.get("version").and_then(Value::as_str))
            .map(str::to_owned),
        features,
        // What the workspace asks for, a member cannot take back.
        default_features: [spec, value].iter().any(|table| asks_for_defaults(table, spec)),
        optional: [value, spec]
            .iter()
            .any(|table| table.get("optional").and_then(Value::as_bool) == Some(true)),
        kind,
    })
}

/// Whether a table asks for default features; only the dependency's own specification does so by silence.
fn asks_for_defaults(table: &Value, spec: &Value) -> bool {
    let told = ["default-features", "default_features"]
        .iter()
        .find_map(|key| table.get(key).and_then(Value::as_bool));
    told.unwrap_or(std::ptr::eq(table, spec))
}

fn lambda_metadata(package: &Value) -> LambdaMetadata {
    let texts = |value: Option<&Value>| -> BTreeMap<String, String> {
        value
            .and_then(Value::as_table)
            .into_iter()
            .flatten()
            .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
            .collect()
    };
    let Some(lambda) = package
        .get("metadata")
        .and_then(|metadata| metadata.get("lambda"))
    else {
        return LambdaMetadata::default();
    };
    let mut env = texts(lambda.get("env"));
    env.extend(texts(lambda.get("deploy").and_then(|deploy| deploy.get("env"))));
    let bins = lambda.get("bin").and_then(Value::as_table);
    LambdaMetadata {
        env,
        bin_env: bins
            .into_iter()
            .flatten()
            .map(|(name, bin)| {
                let mut env = texts(bin.get("env"));
                env.extend(texts(bin.get("deploy").and_then(|deploy| deploy.get("env"))));
                (name.clone(), env)
            })
            .filter(|(_, env)| !env.is_empty())
            .collect(),
    }
}
