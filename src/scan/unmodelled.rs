//! Dependencies that call AWS by themselves and are not read: what is told of them.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;

use crate::catalog::wrapper::{Wrapper, wrappers};
use crate::usage::{Gap, Location};
use crate::workspace::cargo::{CargoDependency, CargoTree, DependencyKind};
use crate::workspace::cargo_lock::CargoLock;
use crate::workspace::registry::{RegistrySources, SourcePaths};

use super::cfg::CfgContext;
use super::features::{asked_of, is_on};
use super::world::{Extern, World};

/// A crate that calls AWS without an SDK crate in sight, or that wraps one.
struct Unmodelled {
    name: &'static str,
    /// What is known of it.
    what: &'static str,
    /// Features of which one must be on; none if it calls AWS in any case.
    features: &'static [&'static str],
    /// The first version (major, minor) in which they are no default features any more.
    default_until: (u64, u64),
}

const fn always(name: &'static str, what: &'static str) -> Unmodelled {
    Unmodelled {
        name,
        what,
        features: &[],
        default_until: (0, 0),
    }
}

/// Crates that call AWS without an SDK crate in sight, or that wrap one, and what is known of them.
const UNMODELLED: &[Unmodelled] = &[
    always(
        "aws-sdk-s3-transfer-manager",
        "it reads, writes and lists S3 objects",
    ),
    always(
        "aws_secretsmanager_caching",
        "it calls GetSecretValue and DescribeSecret",
    ),
    always(
        "aws-secretsmanager-caching",
        "it calls GetSecretValue and DescribeSecret",
    ),
    always("modyne", "it calls DynamoDB for the application"),
    always("dynamodb_lock", "it calls DynamoDB for the application"),
    Unmodelled {
        name: "object_store",
        what: "its `aws` feature reads and writes S3 by plain HTTP",
        features: &["aws"],
        default_until: (0, 0),
    },
    always(
        "deltalake",
        "it reads and writes S3, and may lock through DynamoDB",
    ),
    // <https://docs.rs/crate/opendal/0.44.2/features>, <https://lib.rs/crates/opendal/features>
    Unmodelled {
        name: "opendal",
        what: "its S3 service calls S3 by plain HTTP",
        features: &["services-s3"],
        default_until: (0, 50),
    },
    always("rust-s3", "it calls S3 by plain HTTP"),
    always("raiden", "it calls DynamoDB by plain HTTP"),
    always("dynomite", "it calls DynamoDB by plain HTTP"),
    always("s3", "it may call S3 by plain HTTP"),
];

/// Whether a package is in the table of crates that call AWS by themselves.
pub fn is_in_table(package: &str) -> bool {
    UNMODELLED.iter().any(|row| row.name == package)
}

impl Unmodelled {
    /// Whether the crate can call AWS as it is built: `asked` are the features asked of it, if they can be told.
    fn calls(&self, dependency: &CargoDependency, asked: Option<&BTreeSet<String>>) -> bool {
        let Some(asked) = asked.filter(|_| !self.features.is_empty()) else {
            return true;
        };
        let by_default = dependency.default_features
            && dependency
                .version
                .as_deref()
                .is_none_or(|version| numbers(version) < self.default_until);
        by_default || self.features.iter().any(|feature| asked.contains(*feature))
    }
}

/// Gaps for dependencies that call AWS in ways nobody models here.
pub fn gaps(
    root: &std::path::Path,
    world: &World<'_>,
    cargo: &CargoTree,
    locks: &Locks,
    cfgs: &[CfgContext],
    index: usize,
) -> Vec<Gap> {
    let mut gaps = Vec::new();
    let closure = world.packages.get(index).map(|data| &data.closure);
    for at in closure.into_iter().flatten() {
        let (Some(package), Some(cfg)) = (cargo.packages.get(*at), cfgs.get(*at)) else {
            continue;
        };
        for dependency in &package.dependencies {
            if dependency.kind != DependencyKind::Normal || !is_on(cfg, dependency) {
                continue;
            }
            let asked = asked_of(package, cfg, dependency);
            let known = UNMODELLED
                .iter()
                .find(|row| row.name == dependency.package && row.calls(dependency, asked.as_ref()))
                .map(|row| row.what)
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
    gaps.extend(locked(root, world, cargo, (locks, cfgs), index, &gaps));
    gaps.sort();
    gaps.dedup();
    gaps
}

/// Whether a wrapper was checked with a version of its crate: `>=1, <3` against a requirement such as `2.1`.
fn was_checked(wrapper: &Wrapper, version: Option<&str>) -> bool {
    let Some(version) = version.filter(|version| version.contains(|c: char| c.is_ascii_digit())) else {
        return true;
    };
    let version = numbers(version);
    wrapper.versions.split(',').all(|bound| match bound.trim() {
        bound if bound.starts_with(">=") => version >= numbers(bound),
        bound if bound.starts_with('<') => version < numbers(bound),
        _ => true,
    })
}

/// Major and minor version in a requirement or bound; what is missing counts as 0.
fn numbers(text: &str) -> (u64, u64) {
    let mut parts = text
        .trim_start_matches(|c: char| !c.is_ascii_digit())
        .split('.')
        .map(|part| part.chars().take_while(char::is_ascii_digit).collect::<String>())
        .map(|part| part.parse().unwrap_or(0));
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0))
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
    (locks, cfgs): (&Locks, &[CfgContext]),
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
        let (Some(package), Some(cfg)) = (cargo.packages.get(*at), cfgs.get(*at)) else {
            continue;
        };
        let direct = package
            .dependencies
            .iter()
            .filter(|dependency| dependency.kind == DependencyKind::Normal && is_on(cfg, dependency));
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
    if lock.is_from_git(name) && !lock.users_of_sdk(name).is_empty() {
        return format!(
            "it comes from a Git repository: `cargo vendor` beside `{file}` and `--registry-sources` have its source read, \
             or {declare}"
        );
    }
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
