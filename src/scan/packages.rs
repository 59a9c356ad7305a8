//! Which packages matter to a scan: their SDK crates, their dependencies, the names of crates in their code.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::catalog::Catalog;
use crate::catalog::wrapper::wrappers;
use crate::workspace::cargo::{CargoPackage, CargoTree, DependencyKind, TargetKind};

use super::ScanOptions;
use super::cfg::CfgContext;
use super::features::{asked_of, is_on};
use super::world::{Extern, PackageData, Sdk, SdkId, World};

/// Packages and SDK crates of a tree.
pub struct Packages<'a> {
    /// SDK crates by package name.
    pub sdks: BTreeMap<String, SdkId>,
    catalog: &'a Catalog,
}

impl<'a> Packages<'a> {
    /// Fills `world.packages` and `world.sdks`.
    pub fn fill(world: &mut World<'a>, cargo: &CargoTree, catalog: &'a Catalog, cfgs: &[CfgContext]) {
        let mut packages = Self {
            sdks: BTreeMap::new(),
            catalog,
        };
        packages.wrappers(world, cargo, cfgs);
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
    fn wrappers(&mut self, world: &mut World<'a>, cargo: &CargoTree, cfgs: &[CfgContext]) {
        let dependencies = cargo.packages.iter().zip(cfgs).flat_map(|(package, cfg)| {
            let own = package.dependencies.iter();
            own.map(move |dependency| (package, cfg, dependency))
        });
        for (package, cfg, dependency) in dependencies {
            let name = dependency.package.replace('-', "_");
            let Some(wrapper) = wrappers().get(&name) else {
                continue;
            };
            let asked = || asked_of(package, cfg, dependency);
            let on = is_on(cfg, dependency)
                && wrapper
                    .feature
                    .as_ref()
                    .is_none_or(|feature| asked().is_none_or(|asked| asked.contains(feature)));
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
        && (catalog.service_of_crate(package).is_some() || !super::unmodelled::is_in_table(package))
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

/// Whether a package has a target that is an entry under the options.
pub fn has_entry(package: &CargoPackage, options: &ScanOptions) -> bool {
    package.targets.iter().any(|target| {
        target.kind == TargetKind::Bin || (options.examples && target.kind == TargetKind::Example)
    })
}
