//! Sources of crates outside the workspace, as Cargo keeps them on this machine: which of them wrap AWS, and where.
//!
//! The lock file names them by version. A source lies in `$CARGO_HOME/registry/src/INDEX/NAME-VERSION`
//! (<https://doc.rust-lang.org/cargo/guide/cargo-home.html>) or, vendored, in `vendor/NAME` beside the lock file
//! (<https://doc.rust-lang.org/cargo/commands/cargo-vendor.html>).

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use crate::usage::{Gap, Location};

use super::cargo::{CargoPackage, CargoTree, DependencyKind, TargetKind, join, read_alone};
use super::cargo_lock::{CargoLock, is_supporting};

/// What was read of crates outside the workspace, for a tree for which that was asked.
#[derive(Clone, Debug, Default)]
pub struct RegistrySources {
    /// Where the packages lie that are not below the root, by the name under which the tree has their folder.
    folders: BTreeMap<String, PathBuf>,
    /// Why a crate that wraps AWS, or leads to one that does, could not be read: by lock file and name.
    pub unread: BTreeMap<String, BTreeMap<String, String>>,
}

/// Where the files of a tree lie.
#[derive(Clone, Copy, Debug)]
pub struct SourcePaths<'a> {
    root: &'a Path,
    registry: Option<&'a RegistrySources>,
}

impl<'a> SourcePaths<'a> {
    /// The files of `tree`, read at `root`.
    pub fn new(root: &'a Path, tree: &'a CargoTree) -> Self {
        Self {
            root,
            registry: tree.registry.as_ref(),
        }
    }

    /// Where the file or folder lies that the tree calls `path`.
    pub fn of(&self, path: &str) -> PathBuf {
        let (first, rest) = path.split_once('/').unwrap_or((path, ""));
        match self.registry.and_then(|registry| registry.folders.get(first)) {
            Some(folder) => folder.join(rest),
            None => self.root.join(path),
        }
    }

    /// Whether the tree has the file from a registry: nobody of the project wrote it.
    pub fn is_foreign(&self, path: &str) -> bool {
        let first = path.split_once('/').map_or(path, |(first, _)| first);
        self.registry
            .is_some_and(|registry| registry.folders.contains_key(first))
    }
}

/// Adds to `tree` the crates outside the workspace that use an SDK crate, or lead to one that does, and makes the
/// dependencies on them lead there. `known(name, version)` says which need not be read.
pub fn add(root: &Path, tree: &mut CargoTree, cargo_home: Option<&Path>, known: &dyn Fn(&str, &str) -> bool) {
    let mut members: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (index, package) in tree.packages.iter().enumerate() {
        match CargoLock::file(root, &package.dir) {
            Some(file) => members.entry(file).or_default().push(index),
            None if uses_registry(package) => tree.gaps.push(no_lock(
                "there is no `Cargo.lock`",
                &join(&package.dir, "Cargo.toml"),
            )),
            None => {}
        }
    }
    let mut registry = RegistrySources::default();
    let mut added: BTreeMap<String, CargoPackage> = BTreeMap::new();
    for (file, members) in members {
        let Some(lock) = Lock::read(root, &file, known) else {
            tree.gaps.push(no_lock("the lock file cannot be read", &file));
            continue;
        };
        let shelf = Shelf {
            root,
            beside: file.rsplit_once('/').map_or("", |(dir, _)| dir),
            cargo_home,
        };
        let mut sources = Sources {
            shelf,
            registry: &mut registry,
            lock_file: &file,
            dirs: BTreeMap::new(),
            todo: Vec::new(),
        };
        for index in members {
            let Some(package) = tree.packages.get_mut(index) else {
                continue;
            };
            let own = lock.member(&package.name);
            sources.connect(package, own, &lock, false);
        }
        while let Some((at, dir)) = sources.todo.pop() {
            let vendored = tree.packages.iter_mut().find(|package| package.dir == dir);
            if let Some(package) = vendored {
                package.outside = true;
                package.targets.retain(|target| target.kind == TargetKind::Lib);
                sources.connect(package, Some(at), &lock, true);
                continue;
            }
            if added.contains_key(&dir) {
                continue;
            }
            let place = sources.folder(&dir);
            let (package, gaps) = read_alone(&place, &dir);
            tree.gaps.extend(gaps);
            if let Some(mut package) = package {
                sources.connect(&mut package, Some(at), &lock, true);
                added.insert(dir, package);
            }
        }
    }
    tree.packages.extend(added.into_values());
    tree.packages.sort_by(|a, b| a.dir.cmp(&b.dir));
    tree.registry = Some(registry);
}

/// Whether a package depends on crates outside the workspace.
fn uses_registry(package: &CargoPackage) -> bool {
    let mut dependencies = package.dependencies.iter();
    !package.outside
        && dependencies
            .any(|dependency| dependency.kind == DependencyKind::Normal && dependency.path.is_none())
}

fn no_lock(what: &str, file: &str) -> Gap {
    Gap::new(
        "unmodelled-dependency",
        format!("{what}: which crates wrap AWS, and in which version, is not known"),
    )
    .at(Location::new(file, 1, 1))
    .hint("run `cargo generate-lockfile`")
}

/// The crates of one lock file on their way into a tree.
struct Sources<'a> {
    shelf: Shelf<'a>,
    registry: &'a mut RegistrySources,
    lock_file: &'a str,
    /// Folder of each locked crate that was looked for, as the tree calls it.
    dirs: BTreeMap<usize, Option<String>>,
    /// Locked crates to read, and their folders.
    todo: Vec<(usize, String)>,
}

impl Sources<'_> {
    /// Makes the dependencies of `package`, which is `own` in the lock file, lead to the crates that are read.
    fn connect(&mut self, package: &mut CargoPackage, own: Option<usize>, lock: &Lock, foreign: bool) {
        if foreign {
            package
                .dependencies
                .retain(|dependency| dependency.kind == DependencyKind::Normal);
        }
        for dependency in &mut package.dependencies {
            if dependency.kind != DependencyKind::Normal || (!foreign && dependency.path.is_some()) {
                continue;
            }
            let wanted = own
                .and_then(|own| lock.dependency(own, &dependency.package))
                .filter(|at| lock.wraps.contains(at));
            dependency.path = wanted.and_then(|at| self.dir(at, lock));
        }
    }

    /// The folder of a locked crate, as the tree calls it.
    fn dir(&mut self, at: usize, lock: &Lock) -> Option<String> {
        if let Some(known) = self.dirs.get(&at) {
            return known.clone();
        }
        let locked = lock.crates.get(at)?;
        let dir = match self.shelf.find(locked) {
            Ok(Found::Below(dir)) => Some(dir),
            Ok(Found::Registry(folder)) => {
                let mut label = format!("{}-{}", locked.name, locked.version);
                if self.shelf.root.join(&label).exists() {
                    label.push_str(".crate");
                }
                self.registry.folders.insert(label.clone(), folder);
                Some(label)
            }
            Err(why) => {
                let unread = self.registry.unread.entry(self.lock_file.to_owned());
                unread.or_default().insert(locked.name.clone(), why);
                None
            }
        };
        self.dirs.insert(at, dir.clone());
        self.todo.extend(dir.clone().map(|dir| (at, dir)));
        dir
    }

    /// Where a folder of the tree lies.
    fn folder(&self, dir: &str) -> PathBuf {
        let found = self.registry.folders.get(dir);
        found.cloned().unwrap_or_else(|| self.shelf.root.join(dir))
    }
}

/// A package of a lock file.
struct LockedCrate {
    name: String,
    version: String,
    /// Where it comes from; `None` for those of the workspace.
    source: Option<String>,
    /// Names of its dependencies, each with the version where several are locked.
    dependencies: Vec<(String, Option<String>)>,
}

/// A lock file with its versions.
struct Lock {
    crates: Vec<LockedCrate>,
    /// Crates outside the workspace that use an SDK crate, or lead to one that does.
    wraps: BTreeSet<usize>,
}

impl Lock {
    fn read(root: &Path, file: &str, known: &dyn Fn(&str, &str) -> bool) -> Option<Self> {
        let text = std::fs::read_to_string(root.join(file)).ok()?;
        let table = text.parse::<Table>().ok()?;
        let packages = table.get("package").and_then(Value::as_array);
        let crates: Vec<LockedCrate> = packages.into_iter().flatten().filter_map(locked).collect();
        let mut lock = Self {
            crates,
            wraps: BTreeSet::new(),
        };
        lock.wraps = lock.wrapping(known);
        Some(lock)
    }

    fn wrapping(&self, known: &dyn Fn(&str, &str) -> bool) -> BTreeSet<usize> {
        let mut users: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        let mut wraps = BTreeSet::new();
        let mut todo = Vec::new();
        for (at, locked) in self.crates.iter().enumerate() {
            if locked.source.is_none() || is_supporting(&locked.name) || known(&locked.name, &locked.version)
            {
                continue;
            }
            if locked
                .dependencies
                .iter()
                .any(|(name, _)| name.starts_with("aws-sdk-"))
            {
                wraps.insert(at);
                todo.push(at);
            }
            for (name, _) in &locked.dependencies {
                if let Some(used) = self.dependency(at, name) {
                    users.entry(used).or_default().push(at);
                }
            }
        }
        while let Some(at) = todo.pop() {
            for user in users.get(&at).into_iter().flatten() {
                if wraps.insert(*user) {
                    todo.push(*user);
                }
            }
        }
        wraps
    }

    /// The package of the workspace with this name.
    fn member(&self, name: &str) -> Option<usize> {
        self.crates
            .iter()
            .position(|locked| locked.source.is_none() && locked.name == name)
    }

    /// What the package `of` means by its dependency `name`.
    fn dependency(&self, of: usize, name: &str) -> Option<usize> {
        let (_, version) = self
            .crates
            .get(of)?
            .dependencies
            .iter()
            .find(|(dependency, _)| dependency == name)?;
        self.crates.iter().position(|locked| {
            locked.name == name && version.as_ref().is_none_or(|version| *version == locked.version)
        })
    }
}

fn locked(package: &Value) -> Option<LockedCrate> {
    let text = |key: &str| package.get(key).and_then(Value::as_str).map(str::to_owned);
    let dependencies = package.get("dependencies").and_then(Value::as_array);
    Some(LockedCrate {
        name: text("name")?,
        version: text("version")?,
        source: text("source"),
        dependencies: dependencies
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .filter_map(|dependency| {
                let mut words = dependency.split_whitespace();
                Some((words.next()?.to_owned(), words.next().map(str::to_owned)))
            })
            .collect(),
    })
}

/// Where sources are looked for.
struct Shelf<'a> {
    root: &'a Path,
    /// Folder of the lock file, relative to the root.
    beside: &'a str,
    cargo_home: Option<&'a Path>,
}

/// Where a source lies.
enum Found {
    /// Below the root, in this folder.
    Below(String),
    /// In Cargo's home.
    Registry(PathBuf),
}

impl Shelf<'_> {
    /// The source of a crate, or why there is none.
    fn find(&self, locked: &LockedCrate) -> Result<Found, String> {
        // Both become parts of a path.
        let plain = |text: &str| {
            !text.starts_with('.')
                && text
                    .chars()
                    .all(|letter| letter.is_ascii_alphanumeric() || "-_.+".contains(letter))
        };
        if !plain(&locked.name) || !plain(&locked.version) {
            return Err("its name or version is no name of a folder".to_owned());
        }
        let with_version = format!("{}-{}", locked.name, locked.version);
        for folder in [&locked.name, &with_version] {
            let dir = join(self.beside, &format!("vendor/{folder}"));
            if version_in(&self.root.join(&dir)).as_ref() == Some(&locked.version) {
                return Ok(Found::Below(dir));
            }
        }
        let source = locked.source.as_deref().unwrap_or_default();
        if source.starts_with("git+") {
            return Err("it comes from a git repository, and is not in `vendor`".to_owned());
        }
        let Some(home) = self.cargo_home else {
            return Err("Cargo's home folder is not known (`CARGO_HOME`)".to_owned());
        };
        let indices = std::fs::read_dir(home.join("registry/src"));
        let mut folders: Vec<PathBuf> = indices
            .into_iter()
            .flatten()
            .flatten()
            .map(|index| index.path().join(&with_version))
            .filter(|folder| folder.join("Cargo.toml").is_file())
            .collect();
        // The registry that the lock file names goes first; a mirror in its place has a name of its own.
        folders.sort_by_key(|folder| (!is_of_index(folder, source), folder.clone()));
        let missing = || {
            format!(
                "the source of version {} is not on this machine (`cargo fetch` brings it)",
                locked.version
            )
        };
        folders
            .into_iter()
            .next()
            .map(Found::Registry)
            .ok_or_else(missing)
    }
}

/// Whether a folder `INDEX/NAME-VERSION` belongs to the registry with this address: `INDEX` begins with its host.
fn is_of_index(folder: &Path, source: &str) -> bool {
    let host = source.split("://").nth(1).and_then(|rest| rest.split('/').next());
    let index = folder.parent().and_then(Path::file_name);
    let Some((host, index)) = host.zip(index.map(|index| index.to_string_lossy())) else {
        return false;
    };
    // The same registry by its older and its newer protocol.
    let is_main = |host: &str| host.starts_with("github.com") || host.starts_with("index.crates.io");
    index.starts_with(host) || (is_main(host) && is_main(&index))
}

/// The version in the manifest of a folder.
fn version_in(folder: &Path) -> Option<String> {
    let text = std::fs::read_to_string(folder.join("Cargo.toml")).ok()?;
    let table = text.parse::<Table>().ok()?;
    let version = table.get("package")?.get("version")?;
    version.as_str().map(str::to_owned)
}
