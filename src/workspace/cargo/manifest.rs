//! One manifest: what a package says of itself, and what it takes from the workspace around it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::{CargoDependency, CargoPackage, CargoTarget, DependencyKind, LambdaMetadata, TargetKind, join};
use crate::usage::{Gap, Location};

/// Reads manifests, each once.
pub(super) struct Reader<'a> {
    pub(super) root: &'a Path,
    pub(super) manifests: BTreeMap<String, Option<Table>>,
    pub(super) gaps: Vec<Gap>,
    /// Whether no workspace counts that may lie around a package.
    pub(super) alone: bool,
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

    pub(super) fn package(&mut self, dir: &str) -> Option<CargoPackage> {
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
