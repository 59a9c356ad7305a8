//! Finds stack templates: YAML and JSON files under a root whose text looks like one.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use ignore::WalkBuilder;

use super::unread;
use crate::usage::Gap;

/// Larger files are not stack templates: CloudFormation takes up to 1 MB, generated ones with comments may be more.
const MAX_BYTES: u64 = 8 * 1024 * 1024;

/// Folders that hold no sources of their own.
const SKIPPED_FOLDERS: &[&str] = &["target", "node_modules", ".git"];

/// The output folder of CDK, which is read although version control usually ignores it.
pub(super) const CDK_OUTPUT: &str = "cdk.out";

/// A file that may be a stack template.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Candidate {
    /// Path relative to the root, with `/`.
    pub(crate) file: String,
    pub(crate) text: String,
}

/// The files under a root, as far as they matter here.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Files that look like stack templates, sorted by path.
    pub(crate) candidates: Vec<Candidate>,
    /// Every file that was seen.
    pub(crate) paths: BTreeSet<PathBuf>,
    /// Deployments in a form that is not read, and folders that cannot be read.
    pub(crate) gaps: Vec<Gap>,
}

/// Looks through the folders under `root`.
pub(crate) fn find(root: &Path) -> Found {
    let mut paths = BTreeSet::new();
    let mut folders = vec![root.to_path_buf()];
    let mut found = Found::default();
    let walk = WalkBuilder::new(root)
        .hidden(false)
        .require_git(false)
        .filter_entry(|entry| {
            let name = entry.file_name().to_string_lossy();
            let skipped =
                SKIPPED_FOLDERS.contains(&name.as_ref()) || (name.starts_with('.') && entry.depth() > 0);
            !(skipped && entry.file_type().is_some_and(|kind| kind.is_dir()))
        })
        .build();
    for entry in walk {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                let message = format!("a folder cannot be read: {error}");
                found.gaps.push(Gap::new("unreadable-folder", message));
                continue;
            }
        };
        match entry.file_type() {
            Some(kind) if kind.is_dir() => folders.push(entry.into_path()),
            Some(kind) if kind.is_file() => {
                paths.insert(entry.into_path());
            }
            _ => {}
        }
    }
    found.gaps.extend(unread::deployments(root, &paths));
    for folder in folders {
        cdk_templates(&folder.join(CDK_OUTPUT), &mut paths);
    }
    found.candidates = paths.iter().filter_map(|path| candidate(root, path)).collect();
    found.paths = paths;
    found
}

/// The templates of a CDK output folder and of the nested assemblies in it.
pub(super) fn cdk_templates(output: &Path, paths: &mut BTreeSet<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(output) else {
        return;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.ends_with(".template.json") {
            paths.insert(path);
        } else if name.starts_with("assembly-") && path.is_dir() {
            cdk_templates(&path, paths);
        }
    }
}

fn candidate(root: &Path, path: &Path) -> Option<Candidate> {
    let extension = path.extension()?.to_str()?;
    if !matches!(extension, "yaml" | "yml" | "json" | "template") {
        return None;
    }
    if std::fs::metadata(path).ok()?.len() > MAX_BYTES {
        return None;
    }
    let text = String::from_utf8(std::fs::read(path).ok()?).ok()?;
    looks_like_template(&text).then(|| Candidate {
        file: relative(root, path),
        text,
    })
}

/// Whether a text has what every stack template has.
fn looks_like_template(text: &str) -> bool {
    text.contains("Resources") && text.contains("Type") && text.contains("AWS::")
}

/// A path relative to the root, with `/`.
pub(super) fn relative(root: &Path, path: &Path) -> String {
    let path = path.strip_prefix(root).unwrap_or(path);
    let parts: Vec<_> = path
        .components()
        .map(|part| part.as_os_str().to_string_lossy())
        .collect();
    parts.join("/")
}
