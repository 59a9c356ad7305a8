//! Cargo features: which are on in each package, and which dependencies and parts of them that leaves.

use std::collections::{BTreeMap, BTreeSet};

use crate::workspace::cargo::{CargoDependency, CargoPackage, CargoTree, DependencyKind};

use super::ScanOptions;
use super::cfg::CfgContext;

/// The conditions each package is read with: default features, those that other packages ask for (in their dependency
/// tables and by `package/feature`), those that targets require, and those of `options`.
pub fn cfgs(cargo: &CargoTree, options: &ScanOptions) -> Vec<CfgContext> {
    let mut asked: Vec<BTreeSet<String>> = vec![options.features.clone(); cargo.packages.len()];
    // A crate of a registry is never built for itself: only those that use it tell its features.
    let mut defaults: Vec<bool> = cargo
        .packages
        .iter()
        .map(|package| !options.no_default_features && !package.outside)
        .collect();
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
                *default |= dependency.default_features;
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
            ..CfgContext::default()
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

/// Whether a dependency is built at all: not optional, or a feature that is on brings it in.
pub fn is_on(cfg: &CfgContext, dependency: &CargoDependency) -> bool {
    let on = |feature: &String| feature.replace('-', "_") == dependency.code_name;
    !dependency.optional
        || cfg
            .features
            .as_ref()
            .is_none_or(|features| features.iter().any(on))
}

/// Tells each package which of its dependencies that are off would bring in calls of AWS: those on packages of the tree
/// for which `calls_aws` holds, by index.
pub fn note_off_crates(cfgs: &mut [CfgContext], cargo: &CargoTree, calls_aws: &dyn Fn(usize) -> bool) {
    let by_dir: BTreeMap<&str, usize> = (cargo.packages.iter().enumerate())
        .map(|(index, package)| (package.dir.as_str(), index))
        .collect();
    for (package, cfg) in cargo.packages.iter().zip(cfgs) {
        let off = package.dependencies.iter().filter(|dependency| {
            let target = dependency.path.as_deref().and_then(|dir| by_dir.get(dir));
            dependency.kind == DependencyKind::Normal
                && !is_on(cfg, dependency)
                && target.is_some_and(|target| calls_aws(*target))
        });
        cfg.off_crates = off.map(|dependency| dependency.code_name.clone()).collect();
    }
}

/// The features that a package asks of a dependency, in its table and by `dependency/feature`. `None` if that cannot be
/// told.
pub fn asked_of(
    package: &CargoPackage,
    cfg: &CfgContext,
    dependency: &CargoDependency,
) -> Option<BTreeSet<String>> {
    let on = cfg.features.as_ref()?;
    let by_feature = features_of_dependencies(package, on);
    let by_feature = by_feature
        .into_iter()
        .filter(|(name, _)| *name == dependency.code_name)
        .map(|(_, feature)| feature);
    Some(dependency.features.iter().cloned().chain(by_feature).collect())
}
