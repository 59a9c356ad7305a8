//! Which gaps concern a function although they do not lie in what was read of it: files that its binary is made of,
//! the missing link to a binary.

use std::collections::BTreeSet;

use crate::usage::Gap;
use crate::workspace::cargo::{CargoPackage, CargoTree};
use crate::workspace::model::Function;

/// Gaps behind which calls of the function may hide, so that nothing its role grants can be called unneeded.
const BLINDING: [&str; 9] = [
    "file-too-large",
    "nesting-too-deep",
    "scan-failed",
    "unknown-layer",
    "unlinked-function",
    "unparsable-file",
    "unreadable-file",
    "unreadable-path",
    "unstated-extension",
];

/// Whether any of the gaps may hide calls.
pub fn blinds(gaps: &[Gap]) -> bool {
    gaps.iter().any(|gap| BLINDING.contains(&gap.code))
}

/// Whether a gap of the whole project concerns this function.
pub fn concerns(gap: &Gap, function: &Function, tree: &CargoTree) -> bool {
    let Some(location) = &gap.location else {
        return false;
    };
    if gap.code == "unlinked-function" {
        return *location == function.location;
    }
    let Some(binary) = &function.binary else {
        return false;
    };
    // What a policy beside the roles refuses changes no need.
    !matches!(gap.code, "no-entry" | "unreadable-resource-policy")
        && owner(&location.file, tree)
            .is_some_and(|package| closure(&binary.package_dir, tree).contains(package.dir.as_str()))
}

/// The package that a file belongs to: the one with the deepest folder around it.
fn owner<'a>(file: &str, tree: &'a CargoTree) -> Option<&'a CargoPackage> {
    let holds = |package: &&CargoPackage| {
        package.dir.is_empty()
            || file
                .strip_prefix(package.dir.as_str())
                .is_some_and(|rest| rest.starts_with('/'))
    };
    tree.packages
        .iter()
        .filter(holds)
        .max_by_key(|package| package.dir.len())
}

/// Folders of a package and of everything it depends on by path.
fn closure<'a>(dir: &'a str, tree: &'a CargoTree) -> BTreeSet<&'a str> {
    let mut found = BTreeSet::from([dir]);
    let mut todo = vec![dir];
    while let Some(dir) = todo.pop() {
        let packages = tree.packages.iter().filter(|package| package.dir == dir);
        for path in packages
            .flat_map(|package| &package.dependencies)
            .filter_map(|dependency| dependency.path.as_deref())
        {
            if found.insert(path) {
                todo.push(path);
            }
        }
    }
    found
}
