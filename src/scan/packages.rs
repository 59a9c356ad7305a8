//! Which packages matter to a scan: their SDK crates, their dependencies, the names of crates in their code.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rayon::prelude::*;

use crate::catalog::Catalog;
use crate::catalog::wrapper::{Wrapper, wrappers};
use crate::usage::{Gap, Location};
use crate::workspace::cargo::{CargoPackage, CargoTree, DependencyKind, TargetKind};
use crate::workspace::cargo_lock::CargoLock;
use crate::workspace::registry::{RegistrySources, SourcePaths};

use super::ScanOptions;
use super::cfg::CfgContext;
use super::world::{Extern, PackageData, Sdk, SdkId, World};

/// Crates that call AWS without an SDK crate in sight, or that wrap one, and what is known of them.
const UNMODELLED: &[(&str, &str)] = &[
    (
        "aws-sdk-s3-transfer-manager",
        "it reads, writes and lists S3 objects",
    ),
    (
        "aws_secretsmanager_caching",
        "it calls GetSecretValue and DescribeSecret",
    ),
    (
        "aws-secretsmanager-caching",
        "it calls GetSecretValue and DescribeSecret",
    ),
    ("modyne", "it calls DynamoDB for the application"),
    ("coldsnap", "it calls the EBS direct APIs"),
    (
        "object_store",
        "its `aws` feature reads and writes S3 by plain HTTP",
    ),
    (
        "deltalake",
        "it reads and writes S3, and may lock through DynamoDB",
    ),
    ("opendal", "its S3 service calls S3 by plain HTTP"),
    ("rust-s3", "it calls S3 by plain HTTP"),
    ("raiden", "it calls DynamoDB by plain HTTP"),
    ("dynomite", "it calls DynamoDB by plain HTTP"),
    ("s3", "it may call S3 by plain HTTP"),
];

/// Packages and SDK crates of a tree.
pub struct Packages<'a> {
    /// SDK crates by package name.
    pub sdks: BTreeMap<String, SdkId>,
    catalog: &'a Catalog,
}

impl<'a> Packages<'a> {
    /// Fills `world.packages` and `world.sdks`.
    pub fn fill(world: &mut World<'a>, cargo: &CargoTree, catalog: &'a Catalog) {
        let mut packages = Self {
            sdks: BTreeMap::new(),
            catalog,
        };
        packages.wrappers(world, cargo);
        for package in super::extension::packages() {
            packages.sdk(world, package);
        }
        let by_dir: BTreeMap<&str, usize> = cargo
            .packages
            .iter()
            .enumerate()
            .map(|(index, package)| (package.dir.as_str(), index))
            .collect();
        for package in &cargo.packages {
            let mut data = PackageData::default();
            for dependency in &package.dependencies {
                if data.externs.contains_key(&dependency.code_name)
                    && dependency.kind != DependencyKind::Normal
                {
                    continue;
                }
                let meaning = if is_sdk(catalog, &dependency.package) {
                    let sdk = packages.sdk(world, &dependency.package);
                    data.sdks.insert(sdk);
                    Extern::Sdk(sdk)
                } else {
                    match dependency.path.as_deref().and_then(|dir| by_dir.get(dir)) {
                        Some(index) => Extern::Package(*index),
                        None => Extern::Other(Arc::from(dependency.package.replace('-', "_"))),
                    }
                };
                data.externs.insert(dependency.code_name.clone(), meaning);
            }
            world.packages.push(data);
        }
        for (index, package) in cargo.packages.iter().enumerate() {
            if let Some(lib) = package.lib()
                && let Some(data) = world.packages.get_mut(index)
            {
                data.externs.insert(lib.name.clone(), Extern::Package(index));
            }
        }
        close(world);
    }

    /// The crates in use that call AWS for the application, and the SDK crates of what they call: the packages need
    /// not depend on those.
    fn wrappers(&mut self, world: &mut World<'a>, cargo: &CargoTree) {
        let dependencies = cargo.packages.iter().flat_map(|package| &package.dependencies);
        for dependency in dependencies {
            let name = dependency.package.replace('-', "_");
            let Some(wrapper) = wrappers().get(&name) else {
                continue;
            };
            let on = wrapper
                .feature
                .as_ref()
                .is_none_or(|feature| dependency.features.contains(feature));
            if on && world.wrapped.insert(name) {
                for operation in wrapper.operations() {
                    self.sdk_of_operation(world, operation);
                }
            }
        }
    }

    fn sdk_of_operation(&mut self, world: &mut World<'a>, operation: &str) {
        if let Some((service, _)) = operation.split_once('.') {
            self.sdk(world, &format!("aws-sdk-{service}"));
        }
    }

    fn sdk(&mut self, world: &mut World<'a>, package: &str) -> SdkId {
        if let Some(id) = self.sdks.get(package) {
            return *id;
        }
        let id = world.sdks.push(Sdk {
            package: package.to_owned(),
            service: self.catalog.service_of_crate(package),
        });
        self.sdks.insert(package.to_owned(), id);
        id
    }
}

/// Whether a package is an SDK crate of a service.
fn is_sdk(catalog: &Catalog, package: &str) -> bool {
    package.starts_with("aws-sdk-")
        && (catalog.service_of_crate(package).is_some()
            || !UNMODELLED.iter().any(|(name, _)| *name == package))
}

/// Adds to each package what its dependencies have.
fn close(world: &mut World<'_>) {
    let count = world.packages.len();
    let direct: Vec<BTreeSet<usize>> = world
        .packages
        .iter()
        .map(|package| {
            package
                .externs
                .values()
                .filter_map(|meaning| match meaning {
                    Extern::Package(index) => Some(*index),
                    _ => None,
                })
                .collect()
        })
        .collect();
    let own_sdks: Vec<BTreeSet<SdkId>> = world
        .packages
        .iter()
        .map(|package| package.sdks.clone())
        .collect();
    for index in 0..count {
        let mut closure = BTreeSet::from([index]);
        let mut todo = vec![index];
        while let Some(at) = todo.pop() {
            for next in direct.get(at).into_iter().flatten() {
                if closure.insert(*next) {
                    todo.push(*next);
                }
            }
        }
        let sdks = closure
            .iter()
            .filter_map(|at| own_sdks.get(*at))
            .flatten()
            .copied()
            .collect();
        if let Some(package) = world.packages.get_mut(index) {
            package.closure = closure;
            package.sdks = sdks;
        }
    }
}

/// The conditions each package is read with: default features, those that other packages ask for (in their dependency
/// tables and by `package/feature`), those that targets require, and those of `options`.
pub fn cfgs(cargo: &CargoTree, options: &ScanOptions) -> Vec<CfgContext> {
    let mut asked: Vec<BTreeSet<String>> = vec![options.features.clone(); cargo.packages.len()];
    let mut defaults = vec![!options.no_default_features; cargo.packages.len()];
    let by_dir: BTreeMap<&str, usize> = cargo
        .packages
        .iter()
        .enumerate()
        .map(|(index, package)| (package.dir.as_str(), index))
        .collect();
    for (index, package) in cargo.packages.iter().enumerate() {
        if let Some(asked) = asked.get_mut(index) {
            let required = package
                .targets
                .iter()
                .flat_map(|target| &target.required_features);
            asked.extend(required.cloned());
        }
        for dependency in &package.dependencies {
            let Some(target) = dependency.path.as_deref().and_then(|dir| by_dir.get(dir)) else {
                continue;
            };
            if let Some(asked) = asked.get_mut(*target) {
                asked.extend(dependency.features.iter().cloned());
            }
            if let Some(default) = defaults.get_mut(*target) {
                *default = true;
            }
        }
    }
    let mut enabled: Vec<BTreeSet<String>> = vec![BTreeSet::new(); cargo.packages.len()];
    let mut todo: BTreeSet<usize> = (0..cargo.packages.len()).collect();
    while let Some(index) = todo.pop_first() {
        let (Some(package), Some(asked_here)) = (cargo.packages.get(index), asked.get(index)) else {
            continue;
        };
        let on = package.enabled_features(asked_here, defaults.get(index).copied().unwrap_or(true));
        for (dependency, feature) in features_of_dependencies(package, &on) {
            let target = package
                .dependencies
                .iter()
                .filter(|found| found.code_name == dependency)
                .find_map(|found| by_dir.get(found.path.as_deref()?));
            if let Some(target) = target
                && let Some(asked) = asked.get_mut(*target)
                && asked.insert(feature)
            {
                todo.insert(*target);
            }
        }
        if let Some(slot) = enabled.get_mut(index) {
            *slot = on;
        }
    }
    enabled
        .into_iter()
        .map(|on| CfgContext {
            features: (!options.all_features).then_some(on),
            every_feature: false,
        })
        .collect()
}

/// What the features that are on ask of dependencies: `dependency/feature` and `dependency?/feature`, by code name.
fn features_of_dependencies(package: &CargoPackage, on: &BTreeSet<String>) -> Vec<(String, String)> {
    on.iter()
        .filter_map(|feature| package.features.get(feature))
        .flatten()
        .filter_map(|entry| {
            let (dependency, feature) = entry.split_once('/')?;
            let name = dependency.trim_end_matches('?').replace('-', "_");
            Some((name, feature.to_owned()))
        })
        .collect()
}

/// Whether a package can call AWS at all: an SDK crate, or a crate that calls AWS, in its closure; or a function that can
/// ask the Parameters and Secrets extension.
pub fn matters(world: &World<'_>, cargo: &CargoTree, index: usize) -> bool {
    let Some(data) = world.packages.get(index) else {
        return false;
    };
    let uses = |fits: &dyn Fn(&str) -> bool| {
        data.closure.iter().any(|at| {
            cargo.packages.get(*at).is_some_and(|package| {
                package
                    .dependencies
                    .iter()
                    .any(|dependency| fits(&dependency.package))
            })
        })
    };
    !data.sdks.is_empty()
        || uses(&|package| package == "aws-config" || world.wrapped.contains(&package.replace('-', "_")))
        || (uses(&|package| package.starts_with("lambda"))
            && uses(&|package| super::extension::HTTP_CLIENTS.contains(&package)))
}

/// Gaps for dependencies that call AWS in ways nobody models here.
pub fn unmodelled(
    root: &std::path::Path,
    world: &World<'_>,
    cargo: &CargoTree,
    locks: &Locks,
    index: usize,
) -> Vec<Gap> {
    let mut gaps = Vec::new();
    let closure = world.packages.get(index).map(|data| &data.closure);
    for at in closure.into_iter().flatten() {
        let Some(package) = cargo.packages.get(*at) else {
            continue;
        };
        for dependency in &package.dependencies {
            if dependency.kind != DependencyKind::Normal {
                continue;
            }
            let known = UNMODELLED
                .iter()
                .find(|(name, _)| *name == dependency.package)
                .map(|(_, what)| *what)
                .or_else(|| {
                    dependency
                        .package
                        .starts_with("rusoto_")
                        .then_some("it calls AWS for the application")
                });
            let Some(what) = known else { continue };
            let modelled = wrappers().get(&dependency.package.replace('-', "_"));
            if modelled.is_some_and(|wrapper| was_checked(wrapper, dependency.version.as_deref())) {
                continue;
            }
            if matches!(
                world
                    .packages
                    .get(*at)
                    .and_then(|p| p.externs.get(&dependency.code_name)),
                Some(Extern::Package(_))
            ) {
                // Its source is scanned like the rest.
                continue;
            }
            let manifest = crate::workspace::cargo::join(&package.dir, "Cargo.toml");
            let line = line_of(root, cargo, &manifest, &dependency.package);
            let lock = CargoLock::file(root, &package.dir).and_then(|file| locks.get_key_value(&file));
            gaps.push(
                Gap::new(
                    "unmodelled-dependency",
                    format!("`{}` is not read: {what}", dependency.package),
                )
                .at(Location::new(manifest, line, 1))
                .hint(remedy(cargo, lock, &dependency.package)),
            );
        }
    }
    gaps.extend(locked(root, world, cargo, locks, index, &gaps));
    gaps.sort();
    gaps.dedup();
    gaps
}

/// Whether a wrapper was checked with a version of its crate: `>=1, <3` against a requirement such as `2.1`.
fn was_checked(wrapper: &Wrapper, version: Option<&str>) -> bool {
    let Some(version) = version.filter(|version| version.contains(|c: char| c.is_ascii_digit())) else {
        return true;
    };
    let numbers = |text: &str| -> (u64, u64) {
        let mut parts = text
            .trim_start_matches(|c: char| !c.is_ascii_digit())
            .split('.')
            .map(|part| part.chars().take_while(char::is_ascii_digit).collect::<String>())
            .map(|part| part.parse().unwrap_or(0));
        (parts.next().unwrap_or(0), parts.next().unwrap_or(0))
    };
    let version = numbers(version);
    wrapper.versions.split(',').all(|bound| match bound.trim() {
        bound if bound.starts_with(">=") => version >= numbers(bound),
        bound if bound.starts_with('<') => version < numbers(bound),
        _ => true,
    })
}

/// Lock files in which crates outside the workspace use SDK crates, by path.
pub type Locks = BTreeMap<String, CargoLock>;

/// Reads the lock files that count for these packages.
pub fn locks(root: &std::path::Path, cargo: &CargoTree, packages: &BTreeSet<usize>) -> Locks {
    let files: BTreeSet<String> = packages
        .iter()
        .filter_map(|index| CargoLock::file(root, &cargo.packages.get(*index)?.dir))
        .collect();
    let read = files.into_par_iter().filter_map(|file| {
        let lock = CargoLock::read(root, &file)?;
        lock.has_users_of_sdk().then_some((file, lock))
    });
    read.collect()
}

/// Gaps for dependencies that, says the lock file, use SDK crates by themselves.
fn locked(
    root: &std::path::Path,
    world: &World<'_>,
    cargo: &CargoTree,
    locks: &Locks,
    index: usize,
    known: &[Gap],
) -> Vec<Gap> {
    let mut gaps = Vec::new();
    let Some((file, lock)) = cargo
        .packages
        .get(index)
        .and_then(|package| CargoLock::file(root, &package.dir))
        .and_then(|file| locks.get_key_value(&file))
    else {
        return gaps;
    };
    let closure = world.packages.get(index).map(|data| &data.closure);
    for at in closure.into_iter().flatten() {
        let Some(package) = cargo.packages.get(*at) else {
            continue;
        };
        let direct = package
            .dependencies
            .iter()
            .filter(|dependency| dependency.kind == DependencyKind::Normal);
        for dependency in direct {
            let users = lock.users_of_sdk(&dependency.package);
            let told: BTreeMap<String, String> = match &cargo.registry {
                Some(registry) => lock
                    .behind(&dependency.package)
                    .into_iter()
                    .filter_map(|name| {
                        let why = registry.unread.get(file)?.get(&name)?.clone();
                        Some((name, why))
                    })
                    .collect(),
                None => users
                    .into_iter()
                    .filter(|(user, _)| !lock.all_versions(user, &is_known_without_source))
                    .map(|(user, sdks)| {
                        let sdks: Vec<String> = sdks.into_iter().collect();
                        (
                            user,
                            format!(
                                "it uses {} by itself (`--registry-sources` reads it)",
                                sdks.join(", ")
                            ),
                        )
                    })
                    .collect(),
            };
            for (name, what) in told {
                let told = format!("`{name}` is not read");
                if known.iter().any(|gap| gap.message.starts_with(&told)) {
                    continue;
                }
                let line = line_of(root, cargo, file, &format!("name = \"{name}\""));
                gaps.push(
                    Gap::new("unmodelled-dependency", format!("{told}: {what}"))
                        .at(Location::new(file.clone(), line, 1))
                        .hint(remedy(cargo, Some((file, lock)), &name)),
                );
            }
        }
    }
    gaps
}

/// What to do about a crate that is not read.
fn remedy(cargo: &CargoTree, lock: Option<(&String, &CargoLock)>, name: &str) -> String {
    let declare = "declare what it needs in `rolefit.toml`";
    let Some((file, lock)) = lock else {
        return declare.to_owned();
    };
    let unread = |registry: &RegistrySources| {
        registry
            .unread
            .get(file)
            .is_some_and(|unread| unread.contains_key(name))
    };
    match &cargo.registry {
        None if !lock.users_of_sdk(name).is_empty() => {
            format!("have its source read (`--registry-sources`), or {declare}")
        }
        Some(registry) if unread(registry) => format!("run `cargo fetch`, or {declare}"),
        _ => declare.to_owned(),
    }
}

/// Whether a crate that uses an SDK crate can be judged without its source: a policy template tells what it calls, or it
/// only uses types.
pub fn is_known_without_source(name: &str, version: &str) -> bool {
    let wrapper = wrappers().get(&name.replace('-', "_"));
    TYPES_ONLY.contains(&name) || wrapper.is_some_and(|wrapper| was_checked(wrapper, Some(version)))
}

fn line_of(root: &std::path::Path, cargo: &CargoTree, manifest: &str, name: &str) -> u32 {
    let path = SourcePaths::new(root, cargo).of(manifest);
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let line = text.lines().position(|line| line.contains(name));
    line.and_then(|line| u32::try_from(line + 1).ok()).unwrap_or(1)
}

/// Whether an entry of another package depends on this one.
pub fn serves_an_entry(world: &World<'_>, cargo: &CargoTree, index: usize, options: &ScanOptions) -> bool {
    cargo.packages.iter().enumerate().any(|(other, package)| {
        has_entry(package, options)
            && world
                .packages
                .get(other)
                .is_some_and(|data| data.closure.contains(&index))
    })
}

/// Crates that use an SDK crate's types but never call AWS.
const TYPES_ONLY: &[&str] = &[
    "serde_dynamo",
    "serde_dynamodb",
    "aws-smithy-mocks",
    "aws-smithy-mocks-experimental",
    "aws_lambda_events",
    "dynamodb-expression",
    "aws-sdk-dynamodb-attribute-value-conversion",
];

/// Whether a package has a target that is an entry under the options.
pub fn has_entry(package: &CargoPackage, options: &ScanOptions) -> bool {
    package.targets.iter().any(|target| {
        target.kind == TargetKind::Bin || (options.examples && target.kind == TargetKind::Example)
    })
}
