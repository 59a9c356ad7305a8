//! Links by bytes: the artefact of a function and the file that the build left for a binary are the same.
//!
//! `cargo lambda` copies what `cargo` built, and CDK, SAM and the Serverless Framework copy or zip that. So equal bytes are
//! proof, whatever the names are. Where nothing is built here any more, an artefact may still tell the source file that its
//! panics name (`src/bin/put_order.rs`), which is a strong hint.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::deploy::Deployments;
use super::model::{BinaryId, Function, Package};

/// The rule of a link by equal bytes.
pub const SAME_BYTES: &str = "same bytes as the built binary";

/// The rule of a link by a source file that the artefact names.
pub const NAMES_SOURCE: &str = "source file named in the artefact";

/// Larger files are no functions: Lambda takes 250 MB.
const MAX_BYTES: u64 = 260 * 1024 * 1024;

/// The file that custom runtimes start.
const BOOTSTRAP: &str = "bootstrap";

/// Notes for each function which binary its artefact is, where that can be told from bytes.
pub fn compare(root: &Path, deployments: &mut Deployments, packages: &[Package]) {
    let mut built: Option<BTreeMap<[u8; 32], BTreeSet<BinaryId>>> = None;
    for function in deployments
        .functions
        .iter_mut()
        .filter(|function| function.may_be_rust)
    {
        if is_told(function) {
            continue;
        }
        let stack = function
            .stack
            .and_then(|stack| deployments.stacks.get(stack))
            .map(|stack| stack.file.as_str());
        let Some(bytes) = artefact(root, stack, function) else {
            continue;
        };
        let built = built.get_or_insert_with(|| built_binaries(root, packages));
        let same = built.get(&digest(&bytes)).and_then(only);
        function.code.built_binary = match same {
            Some(binary) => Some((binary.clone(), SAME_BYTES)),
            None => named_source(&bytes, packages).map(|binary| (binary, NAMES_SOURCE)),
        };
    }
}

/// Whether the deployment itself tells the binary, so that nothing needs to be read.
fn is_told(function: &Function) -> bool {
    let code = &function.code;
    let by_path = code
        .path
        .as_deref()
        .is_some_and(|path| path.contains("target/lambda/"));
    by_path || (code.binary.is_some() && code.build_method.as_deref() != Some("cdk"))
}

/// The executable in a function's artefact: that of its code, or what SAM and the Serverless Framework built of it.
fn artefact(root: &Path, stack: Option<&str>, function: &Function) -> Option<Vec<u8>> {
    let folder = stack.map_or("", |file| file.rsplit_once('/').map_or("", |(folder, _)| folder));
    let folder = root.join(folder);
    let name = function.name.as_str();
    let candidates = [
        function.code.path.as_ref().map(|path| root.join(path)),
        Some(folder.join(".aws-sam/build").join(name)),
        Some(folder.join(".serverless").join(format!("{name}.zip"))),
    ];
    candidates
        .into_iter()
        .flatten()
        .find_map(|path| executable(&path))
}

/// The bytes of the executable at a path: the file itself, the one in a zip, or `bootstrap` in a folder.
fn executable(path: &Path) -> Option<Vec<u8>> {
    let path = if path.is_dir() {
        path.join(BOOTSTRAP)
    } else {
        path.to_path_buf()
    };
    let data = std::fs::metadata(&path).ok()?;
    if !data.is_file() || data.len() > MAX_BYTES {
        return None;
    }
    if path.extension().is_none_or(|ending| ending != "zip") {
        return std::fs::read(&path).ok();
    }
    let mut archive = zip::ZipArchive::new(std::fs::File::open(&path).ok()?).ok()?;
    let member = archive.by_name(BOOTSTRAP).ok()?;
    let mut bytes = Vec::new();
    member.take(MAX_BYTES).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// What the build left for each binary, by its digest.
fn built_binaries(root: &Path, packages: &[Package]) -> BTreeMap<[u8; 32], BTreeSet<BinaryId>> {
    let mut found: BTreeMap<[u8; 32], BTreeSet<BinaryId>> = BTreeMap::new();
    for package in packages {
        for target in target_folders(root, &package.dir) {
            let profiles = profiles(&target);
            for binary in &package.binaries {
                let lambda = target.join("lambda").join(&binary.name).join(BOOTSTRAP);
                let plain = profiles.iter().map(|profile| profile.join(&binary.name));
                for path in std::iter::once(lambda).chain(plain) {
                    if let Some(bytes) = executable(&path) {
                        let id = BinaryId {
                            package: package.name.clone(),
                            package_dir: package.dir.clone(),
                            binary: binary.name.clone(),
                            entry: binary.entry.clone(),
                        };
                        found.entry(digest(&bytes)).or_default().insert(id);
                    }
                }
            }
        }
    }
    found
}

/// The `target` folders of a package and of the folders around it, up to the root.
fn target_folders(root: &Path, dir: &str) -> Vec<PathBuf> {
    let mut folders = Vec::new();
    let mut dir = Some(dir);
    while let Some(folder) = dir {
        let target = root.join(folder).join("target");
        if target.is_dir() {
            folders.push(target);
        }
        dir = match folder.rsplit_once('/') {
            Some((outer, _)) => Some(outer),
            None if folder.is_empty() => None,
            None => Some(""),
        };
    }
    folders
}

/// `release` and `debug` of a target folder, and of the platforms in it.
fn profiles(target: &Path) -> Vec<PathBuf> {
    let mut folders = vec![target.to_path_buf()];
    if let Ok(entries) = std::fs::read_dir(target) {
        let platforms = entries
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| path.is_dir());
        folders.extend(platforms);
    }
    folders.sort();
    let both = |folder: PathBuf| [folder.join("release"), folder.join("debug")];
    folders
        .into_iter()
        .flat_map(both)
        .filter(|path| path.is_dir())
        .collect()
}

/// The binary whose source file, other than the usual `src/main.rs`, is the only one that the bytes name.
fn named_source(bytes: &[u8], packages: &[Package]) -> Option<BinaryId> {
    let mut sources: BTreeMap<Vec<u8>, BTreeSet<BinaryId>> = BTreeMap::new();
    for package in packages {
        for binary in &package.binaries {
            let inside = binary.entry.strip_prefix(&package.dir);
            let path = inside.unwrap_or(&binary.entry).trim_start_matches('/');
            if path == "src/main.rs" {
                continue;
            }
            let id = BinaryId {
                package: package.name.clone(),
                package_dir: package.dir.clone(),
                binary: binary.name.clone(),
                entry: binary.entry.clone(),
            };
            sources.entry(path.as_bytes().to_vec()).or_default().insert(id);
        }
    }
    let mut found: BTreeSet<&BinaryId> = BTreeSet::new();
    for (at, _) in bytes.iter().enumerate().filter(|(_, byte)| **byte == b's') {
        let rest = bytes.get(at..).unwrap_or_default();
        if !rest.starts_with(b"src/") {
            continue;
        }
        for (path, binaries) in &sources {
            if rest.starts_with(path) {
                found.extend(binaries);
            }
        }
    }
    let mut found = found.into_iter();
    let first = found.next()?;
    found.next().is_none().then(|| first.clone())
}

fn only(binaries: &BTreeSet<BinaryId>) -> Option<&BinaryId> {
    let mut binaries = binaries.iter();
    let first = binaries.next()?;
    binaries.next().is_none().then_some(first)
}

fn digest(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::io::Write as _;

    use super::*;
    use crate::usage::Confidence;
    use crate::workspace::deploy;
    use crate::workspace::link::{Statements, link};
    use crate::workspace::model::Binary;

    fn put(root: &Path, path: &str, bytes: &[u8]) {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    fn zipped(bytes: &[u8]) -> Vec<u8> {
        let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        archive
            .start_file(BOOTSTRAP, zip::write::SimpleFileOptions::default())
            .unwrap();
        archive.write_all(bytes).unwrap();
        archive.finish().unwrap().into_inner()
    }

    fn packages() -> Vec<Package> {
        let binary = |name: &str| Binary {
            name: name.to_owned(),
            entry: format!("app/src/bin/{name}.rs"),
        };
        vec![Package {
            name: "app".to_owned(),
            dir: "app".to_owned(),
            binaries: vec![binary("alpha"), binary("beta"), binary("gamma")],
        }]
    }

    #[test]
    fn artefacts_are_linked_by_their_bytes() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        put(
            root,
            "template.yaml",
            b"Resources:\n  One:\n    Type: AWS::Serverless::Function\n    Properties: {Runtime: provided.al2023, CodeUri: dist/one.zip}\n  \
              Two:\n    Type: AWS::Serverless::Function\n    Properties: {Runtime: provided.al2023, CodeUri: dist/two}\n  \
              Three:\n    Type: AWS::Serverless::Function\n    Properties: {Runtime: provided.al2023, CodeUri: dist/three}\n  \
              Four:\n    Type: AWS::Serverless::Function\n    Properties: {Runtime: provided.al2023, CodeUri: dist/four}\n",
        );
        put(root, "app/target/lambda/alpha/bootstrap", b"ELF alpha");
        put(
            root,
            "target/aarch64-unknown-linux-musl/release/beta",
            b"ELF beta",
        );
        put(root, "dist/one.zip", &zipped(b"ELF alpha"));
        put(root, "dist/two/bootstrap", b"ELF beta");
        put(
            root,
            "dist/three/bootstrap",
            b"ELF ...src/bin/gamma.rs:7...src/main.rs",
        );
        put(root, "dist/four/bootstrap", b"src/bin/alpha.rs src/bin/beta.rs");
        let mut deployments = deploy::read(root, &|_| None);
        compare(root, &mut deployments, &packages());
        let linked = link(deployments, &packages(), &Statements::default());
        let found: Vec<String> = linked
            .functions
            .iter()
            .map(|function| {
                format!(
                    "{} {} {}",
                    function.name,
                    function
                        .binary
                        .as_ref()
                        .map_or("-", |binary| binary.binary.as_str()),
                    function.linked_by.as_deref().unwrap_or("-")
                )
            })
            .collect();
        assert_eq!(
            found,
            [
                "One alpha same bytes as the built binary",
                "Two beta same bytes as the built binary",
                "Three gamma source file named in the artefact",
                "Four - -",
            ]
        );
        let three = linked.functions.get(2).unwrap();
        assert_eq!(three.link_confidence, Confidence::Medium);
    }
}
