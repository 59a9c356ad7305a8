//! Evidence from code: from a folder of Cargo packages to the SDK operations that each binary can reach, and the values
//! of their inputs, without compiling anything.
//!
//! Phases: `packages` (which packages can call AWS) → `files` (read and parse in parallel; `lower` and `lower_expr`
//! turn syntax into the plain data of `ir`) → `expand` (macros) → `build` and `paths` (names, imports, types) →
//! `infer` (each fn: types, calls, SDK sites) → `reach` (from each `main`, by method) → `value` and `inputs` (what
//! setters are given) → `call_site`.
//!
//! Names: a *site* is a place where an operation's builder is made; an *entry* is a binary; a *gap* is anything that
//! could not be settled, and nothing is dropped without one.

mod actuals;
mod bound_types;
mod bounds;
mod build;
mod call_site;
mod cfg;
mod comments;
mod dispatch;
mod eval;
mod eval_branches;
mod eval_config;
mod eval_display;
mod eval_response;
mod eval_settings;
mod eval_text;
mod eval_flow;
mod eval_json;
mod expand;
mod extension;
mod features;
mod facts;
mod files;
mod format_macro;
mod generated;
mod infer;
mod infer_call;
mod inputs;
mod ir;
mod eval_field;
mod patterns;
mod known_macros;
mod known_names;
mod infer_method;
mod infer_path;
mod lower;
mod lower_attrs;
mod lower_expr;
mod lower_off;
mod macro_rules;
mod may_call;
mod outside_types;
mod packages;
mod paths;
mod principal;
mod plain_macros;
mod presence;
mod reach;
mod reach_paths;
mod regions;
mod separate;
mod signatures;
mod sites;
mod skim;
mod token_slices;
mod tokens;
mod trace;
mod types;
mod unfixed;
mod unify;
mod unmodelled;
mod value;
mod variables;
mod via;
mod world;
mod wrapped;
mod written;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use rayon::prelude::*;

use crate::catalog::Catalog;
use crate::usage::{CallSite, Gap, Location};
use crate::workspace::cargo::{CargoTree, TargetKind};
use crate::workspace::model::BinaryId;
use crate::workspace::registry::SourcePaths;

use cfg::CfgContext;
use expand::MacroTable;
use files::{Files, SourceFile, Wanted};
use world::{CrateId, FnId, World};

pub use separate::Deployed;
pub use unmodelled::is_known_without_source;

/// Stack of each scanning thread: expressions may nest as deep as a file of the greatest size allows.
const STACK: usize = 256 * 1024 * 1024;
/// Rounds of item macros that define item macros.
const MACRO_ROUNDS: usize = 24;

/// How to scan.
#[derive(Clone, Debug, Default)]
pub struct ScanOptions {
    /// Threads; all processors if not told.
    pub threads: Option<usize>,
    /// Whether examples are entries too.
    pub examples: bool,
    /// Features to switch on beside the default ones.
    pub features: BTreeSet<String>,
    /// Whether code behind any feature is kept.
    pub all_features: bool,
    /// Whether default features are off.
    pub no_default_features: bool,
    /// The functions that run the binaries, as they are deployed.
    pub deployed: Vec<Deployed>,
}

/// What a scan found.
#[derive(Clone, Debug, Default)]
pub struct Scan {
    /// One per binary, sorted by package folder and name.
    pub entries: Vec<EntryScan>,
    /// What functions reach that their environment tells from others in the same binary, by [`Deployed::id`].
    pub separated: BTreeMap<String, EntryScan>,
    /// Every SDK call in the code that was read, whether an entry reaches it or not, sorted by place. Call paths and
    /// inputs are empty.
    pub all_sites: Vec<CallSite>,
    /// Gaps that belong to no entry.
    pub gaps: Vec<Gap>,
    /// Source files that were read, sorted, relative to the scanned root.
    pub files_read: Vec<String>,
}

/// What one binary can reach.
#[derive(Clone, Debug)]
pub struct EntryScan {
    /// The binary.
    pub binary: BinaryId,
    /// Its calls, sorted by file, line and column.
    pub call_sites: Vec<CallSite>,
    /// What could not be settled on the way, sorted by place.
    pub gaps: Vec<Gap>,
    /// Calls that surely act under a role which the function assumes: no needs of its own role. Sorted by place; paths
    /// and inputs are empty.
    pub assumed: Vec<CallSite>,
}

impl EntryScan {
    /// A binary in which nothing was found.
    fn of_nothing(binary: BinaryId) -> Self {
        Self {
            binary,
            call_sites: Vec::new(),
            gaps: Vec::new(),
            assumed: Vec::new(),
        }
    }
}

impl Scan {
    /// Calls that no entry reaches.
    pub fn unreached(&self) -> Vec<&CallSite> {
        let reached: BTreeSet<_> = self
            .entries
            .iter()
            .flat_map(|entry| entry.call_sites.iter().chain(&entry.assumed))
            .map(|site| (&site.location, &site.operation))
            .collect();
        self.all_sites
            .iter()
            .filter(|site| !reached.contains(&(&site.location, &site.operation)))
            .collect()
    }
}

/// Scans the packages of `cargo` under `root`.
pub fn scan(root: &Path, cargo: &CargoTree, catalog: &Catalog, options: &ScanOptions) -> Scan {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(options.threads.unwrap_or(0))
        .stack_size(STACK)
        .build();
    match pool {
        Ok(pool) => pool.install(|| scan_in_pool(root, cargo, catalog, options)),
        Err(error) => Scan {
            gaps: vec![Gap::new(
                "no-threads",
                format!("cannot start scanning threads: {error}"),
            )],
            ..Scan::default()
        },
    }
}

/// A target and its crate.
struct Entry {
    package: usize,
    binary: BinaryId,
    krate: Option<CrateId>,
}

fn scan_in_pool(root: &Path, cargo: &CargoTree, catalog: &Catalog, options: &ScanOptions) -> Scan {
    let mut world = World::default();
    let mut cfgs = features::cfgs(cargo, options);
    packages::Packages::fill(&mut world, cargo, catalog, &cfgs);
    features::note_off_crates(&mut cfgs, cargo, &|index| packages::matters(&world, cargo, index));
    let relevant: BTreeSet<usize> = (0..cargo.packages.len())
        .filter(|index| packages::matters(&world, cargo, *index))
        .flat_map(|index| {
            let closure = world.packages.get(index).map(|data| data.closure.clone());
            closure.unwrap_or_default()
        })
        .collect();
    let mut files = Files::default();
    let sources = SourcePaths::new(root, cargo);
    files.load(sources, wanted(cargo, &relevant, options), &cfgs);
    let opaque = expand_macros(sources, &world, &mut files, &cfgs);
    let (entries, mut gaps) = build_crates(&mut world, &files, cargo, &relevant, options);
    world.resolve_imports();
    signatures::resolve_signatures(&mut world);
    // The items live on in the world; the tables hold only paths from here on.
    let items: Vec<_> = files
        .files
        .iter_mut()
        .map(|file| std::mem::take(&mut file.items))
        .collect();
    rayon::spawn(move || drop(items));
    let told = comments::read(&mut world, &files, catalog);
    gaps.extend(told.gaps);
    let with_code: BTreeSet<usize> = entries
        .iter()
        .filter(|entry| entry.krate.is_some())
        .map(|entry| entry.package)
        .collect();
    let (inferred, (unmodelled, harmless_builds)) = rayon::join(
        || infer_all(&world, &files),
        || {
            (
                unmodelled_of(root, &world, cargo, &cfgs, &with_code),
                harmless_builds(sources, cargo, &files, &opaque),
            )
        },
    );
    let (mut facts, failed) = inferred;
    gaps.extend(failed);
    for (id, sites) in told.sites {
        if let Some(facts) = facts.get_mut(id.0 as usize) {
            facts.sites.extend(sites);
        }
    }
    let facts: reach::AllFacts = facts.into_iter().map(Arc::new).collect();
    let under_macros = reach::under_macros(&world, &facts);
    let scanned = call_site::Scanned {
        world: &world,
        facts: &facts,
        files: &files,
        opaque: &opaque,
        harmless_builds: &harmless_builds,
        settled: &told.settled,
        nothing: &told.nothing,
    };
    let with_unmodelled = |mut result: EntryScan, package: usize| {
        let more = unmodelled.get(&package);
        result.gaps.extend(more.into_iter().flatten().cloned());
        result
            .gaps
            .sort_by(|a, b| (&a.location, a).cmp(&(&b.location, b)));
        result.gaps.dedup();
        result
    };
    let scan_entry = |entry: Entry| -> (EntryScan, BTreeMap<String, EntryScan>) {
        let Some(krate) = entry.krate else {
            return (EntryScan::of_nothing(entry.binary), BTreeMap::new());
        };
        let deployed: Vec<&Deployed> = options
            .deployed
            .iter()
            .filter(|function| function.binary == entry.binary)
            .collect();
        let found = catch_unwind(AssertUnwindSafe(|| {
            let reach = reach::reach(&world, &facts, krate, &under_macros);
            let mut whole = scanned.entry(entry.binary.clone(), krate, &reach);
            let mut separated = BTreeMap::new();
            for function in &deployed {
                if let Some(facts) = separate::separate(&scanned, &reach, &function.variables) {
                    let reach = reach::reach(&world, &facts, krate, &under_macros);
                    let scanned = call_site::Scanned {
                        facts: &facts,
                        ..scanned
                    };
                    let own = scanned.entry(entry.binary.clone(), krate, &reach);
                    separated.insert(function.id.clone(), own);
                }
            }
            whole.gaps.extend(shared(&whole, &deployed, &separated));
            (whole, separated)
        }));
        let (whole, separated) = found.unwrap_or_else(|_| {
            let failed = EntryScan {
                gaps: vec![Gap::new(
                    "scan-failed",
                    "the scan of this binary failed; its operations are not known",
                )],
                ..EntryScan::of_nothing(entry.binary.clone())
            };
            (failed, BTreeMap::new())
        });
        let separated = separated
            .into_iter()
            .map(|(id, own)| (id, with_unmodelled(own, entry.package)))
            .collect();
        (with_unmodelled(whole, entry.package), separated)
    };
    let (entries, separated): (Vec<EntryScan>, Vec<BTreeMap<String, EntryScan>>) =
        entries.into_par_iter().map(scan_entry).unzip();
    let separated: BTreeMap<String, EntryScan> = separated.into_iter().flatten().collect();
    gaps.extend(files.gaps.iter().cloned());
    gaps.sort();
    gaps.dedup();
    let mut files_read: Vec<String> = files.files.iter().map(|file| file.path.clone()).collect();
    files_read.sort();
    files_read.dedup();
    let all_sites = scanned.all_sites();
    // Giving the memory back takes a while, and nobody needs to wait for it: the threads of the pool end when it is done.
    rayon::spawn(move || drop(facts));
    world.discard();
    Scan {
        all_sites,
        entries,
        separated,
        gaps,
        files_read,
    }
}

/// The gap of a binary that several functions of one deployment run, where nothing shows what each of them does.
fn shared(whole: &EntryScan, deployed: &[&Deployed], separated: &BTreeMap<String, EntryScan>) -> Option<Gap> {
    let together: BTreeSet<(&str, &str)> = deployed
        .iter()
        .filter(|function| !separated.contains_key(&function.id))
        .map(|function| (function.file.as_str(), function.name.as_str()))
        .collect();
    let of_one_file = together.iter().find(|(file, name)| {
        together
            .iter()
            .any(|(other_file, other)| other_file == file && other != name)
    });
    let (file, _) = of_one_file.filter(|_| !whole.call_sites.is_empty())?;
    let names: Vec<String> = together
        .iter()
        .filter(|(other, _)| other == file)
        .map(|(_, name)| format!("`{name}`"))
        .collect();
    let gap = Gap::new(
        "shared-binary",
        format!(
            "{} run this binary, and no branch shows which of them does what: its calls count for each",
            names.join(", ")
        ),
    );
    Some(gap.at(Location::new(&whole.binary.entry, 1, 1)).hint(
        "branch on an environment variable that the deployment sets per function, or build a binary for each",
    ))
}

/// Root files of the targets to read.
fn wanted(cargo: &CargoTree, relevant: &BTreeSet<usize>, options: &ScanOptions) -> BTreeSet<Wanted> {
    let mut wanted = BTreeSet::new();
    for index in relevant {
        let Some(package) = cargo.packages.get(*index) else {
            continue;
        };
        for target in &package.targets {
            let is_entry = !package.outside
                && (target.kind == TargetKind::Bin
                    || (options.examples && target.kind == TargetKind::Example));
            if target.kind == TargetKind::Lib || is_entry {
                let base = target
                    .path
                    .rsplit_once('/')
                    .map_or(String::new(), |(dir, _)| dir.to_owned());
                wanted.insert(Wanted {
                    package: *index,
                    path: target.path.clone(),
                    base,
                });
            }
        }
    }
    wanted
}

/// Expands macros in all files; returns the invocations that stay unread, by file.
fn expand_macros(
    root: SourcePaths<'_>,
    world: &World<'_>,
    files: &mut Files,
    cfgs: &[CfgContext],
) -> Vec<expand::OpaqueMacro> {
    let visible: Vec<Vec<usize>> = world
        .packages
        .iter()
        .map(|package| package.closure.iter().copied().collect())
        .collect();
    let ground = expand::Ground {
        visible: &visible,
        cfgs,
        default: CfgContext::default(),
    };
    let mut opaque = Vec::new();
    let mut table = MacroTable::default();
    for _ in 0..MACRO_ROUNDS {
        let older = std::mem::take(&mut table);
        let written: Vec<Vec<expand::Written<'_>>> = files
            .files
            .par_iter()
            .map(|file| expand::written_in(&file.items))
            .collect();
        for (file, written) in files.files.iter().zip(written) {
            table.collect(file.package, written, &older);
        }
        files.reread(root, cfgs, &|package, name| {
            table.defines(name, package, visible.get(package).map_or(&[], Vec::as_slice))
        });
        let results = on_each_file(files, |index, file| {
            let mut expander = ground.expander(index, file.package, &table);
            let changed = expander.item_macros(&mut file.items);
            tokens::forget_texts();
            (changed, expander.opaque)
        });
        let changed = results.iter().any(|(changed, _)| *changed);
        opaque.extend(results.into_iter().flat_map(|(_, opaque)| opaque));
        if !changed {
            break;
        }
        let missing = files.missing_modules(root, 0);
        files.load(root, missing, cfgs);
    }
    let more = on_each_file(files, |index, file| {
        let mut expander = ground.expander(index, file.package, &table);
        expander.bodies(&mut file.items, 0);
        tokens::forget_texts();
        expander.opaque
    });
    opaque.extend(more.into_iter().flatten());
    opaque
}

/// Files that a thread takes at once: what one has begun, no other can help with.
const FILES_AT_ONCE: usize = 4;

/// Runs `work` on every file, on all threads; the results are in the order of the files.
fn on_each_file<T: Send>(files: &mut Files, work: impl Fn(usize, &mut SourceFile) -> T + Sync) -> Vec<T> {
    let mut results: Vec<(usize, T)> = files
        .by_thread()
        .into_par_iter()
        .with_max_len(FILES_AT_ONCE)
        .map(|(index, file)| (index, work(index, file)))
        .collect();
    results.sort_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}

/// Puts every crate into the world and lists the entries.
fn build_crates(
    world: &mut World<'_>,
    files: &Files,
    cargo: &CargoTree,
    relevant: &BTreeSet<usize>,
    options: &ScanOptions,
) -> (Vec<Entry>, Vec<Gap>) {
    let mut entries = Vec::new();
    let mut gaps = Vec::new();
    for (index, package) in cargo.packages.iter().enumerate() {
        let is_relevant = relevant.contains(&index);
        if is_relevant && let Some(file) = package.lib().and_then(|lib| files.find(index, &lib.path)) {
            let krate = build::Builder { world, files }.add_crate(index, file);
            if let Some(data) = world.packages.get_mut(index) {
                data.lib = Some(krate);
            }
        }
        if package.outside {
            continue;
        }
        let own_sdk = packages::matters(world, cargo, index);
        if own_sdk
            && !packages::has_entry(package, options)
            && !packages::serves_an_entry(world, cargo, index, options)
        {
            let manifest = crate::workspace::cargo::join(&package.dir, "Cargo.toml");
            gaps.push(
                Gap::new(
                    "no-entry",
                    format!("package `{}` has no binary of its own", package.name),
                )
                .at(Location::new(manifest, 1, 1))
                .hint("its calls are listed, but no function is made of them"),
            );
        }
        for target in &package.targets {
            let is_entry =
                target.kind == TargetKind::Bin || (options.examples && target.kind == TargetKind::Example);
            if !is_entry {
                continue;
            }
            let krate = files
                .find(index, &target.path)
                .filter(|_| is_relevant)
                .map(|file| build::Builder { world, files }.add_crate(index, file));
            entries.push(Entry {
                package: index,
                binary: BinaryId {
                    package: package.name.clone(),
                    package_dir: package.dir.clone(),
                    binary: target.name.clone(),
                    entry: target.path.clone(),
                },
                krate,
            });
        }
    }
    entries.sort_by(|a, b| {
        let key = |entry: &Entry| {
            (
                entry.binary.package_dir.clone(),
                entry.binary.binary.clone(),
                entry.binary.entry.clone(),
            )
        };
        key(a).cmp(&key(b))
    });
    (entries, gaps)
}

/// The gaps of packages about crates that are not read.
fn unmodelled_of(
    root: &Path,
    world: &World<'_>,
    cargo: &CargoTree,
    cfgs: &[CfgContext],
    packages: &BTreeSet<usize>,
) -> BTreeMap<usize, Vec<Gap>> {
    let locks = unmodelled::locks(root, cargo, packages);
    let gaps_of = |index: &usize| unmodelled::gaps(root, world, cargo, &locks, cfgs, *index);
    packages
        .par_iter()
        .map(|index| (*index, gaps_of(index)))
        .collect()
}

/// Packages that include what their build scripts write, which surely calls nothing.
fn harmless_builds(
    sources: SourcePaths<'_>,
    cargo: &CargoTree,
    files: &Files,
    opaque: &[expand::OpaqueMacro],
) -> BTreeSet<usize> {
    let including: BTreeSet<usize> = opaque
        .iter()
        .filter(|opaque| &*opaque.name == "include")
        .filter_map(|opaque| files.files.get(opaque.span.file as usize))
        .map(|file| file.package)
        .collect();
    let is_harmless = |index: &usize| {
        let package = cargo.packages.get(*index);
        package.is_some_and(|package| generated::calls_nothing(sources, package))
    };
    including.into_iter().filter(is_harmless).collect()
}

/// Infers every fn in parallel; with the gaps of those for which that failed.
fn infer_all(world: &World<'_>, files: &Files) -> (Vec<facts::Facts>, Vec<Gap>) {
    let mut gaps = Vec::new();
    let ids: Vec<FnId> = world.fns.ids().collect();
    let results: Vec<Option<facts::Facts>> = ids
        .par_iter()
        .map(|id| catch_unwind(AssertUnwindSafe(|| infer::infer(world, *id))).ok())
        .collect();
    let mut all = Vec::with_capacity(results.len());
    for (id, result) in ids.iter().zip(results) {
        if result.is_none() {
            gaps.push(
                Gap::new(
                    "scan-failed",
                    format!("fn `{}` could not be analysed", world.display(*id)),
                )
                .at(build::location(files, world.span(*id)))
                .hint("calls in it are not seen"),
            );
        }
        all.push(result.unwrap_or_default());
    }
    (all, gaps)
}
