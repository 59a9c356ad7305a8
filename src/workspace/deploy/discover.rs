//! Finds stack templates: YAML and JSON files under a root whose text looks like one.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::unread;
use crate::usage::{Gap, Location};
use crate::workspace::bounds;

/// Larger files are not stack templates: CloudFormation takes up to 1 MB, generated ones with comments may be more.
const MAX_BYTES: u64 = 8 * 1024 * 1024;

/// What of a larger file tells whether it is one all the same.
const START_BYTES: u64 = 1024 * 1024;

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
    let (mut walk, left_out) = bounds::walk(root, |entry| {
        let name = entry.file_name().to_string_lossy();
        let skipped =
            SKIPPED_FOLDERS.contains(&name.as_ref()) || (name.starts_with('.') && entry.depth() > 0);
        !(skipped && entry.file_type().is_some_and(|kind| kind.is_dir()))
    });
    for entry in walk.hidden(false).build() {
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
    found.gaps.extend(left_out.gaps(root));
    found.gaps.extend(unread::deployments(root, &paths));
    for folder in folders {
        cdk_templates(&folder.join(CDK_OUTPUT), &mut paths);
    }
    for path in &paths {
        match candidate(root, path) {
            Some(Ok(candidate)) => found.candidates.push(candidate),
            Some(Err(gap)) => found.gaps.push(gap),
            None => {}
        }
    }
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

/// The file as a candidate; `None` if it is no stack template, a gap if it is one that cannot be read.
fn candidate(root: &Path, path: &Path) -> Option<Result<Candidate, Gap>> {
    let extension = path.extension()?.to_str()?;
    if !matches!(extension, "yaml" | "yml" | "json" | "template") {
        return None;
    }
    let file = relative(root, path);
    let unread = |why: String, line: usize| {
        let at = Location::new(file.clone(), u32::try_from(line).unwrap_or(u32::MAX), 1);
        Gap::new(
            "unreadable-stack-template",
            format!("this looks like a stack template but cannot be read: {why}"),
        )
        .at(at)
        .hint("mend it, or leave the file out with a line in `.ignore`")
    };
    let size = std::fs::metadata(path).ok()?.len();
    if size > MAX_BYTES {
        let start = start_of(path).ok()?;
        let why = format!("it has {size} bytes, more than {MAX_BYTES}");
        return looks_like_template(&start).then(|| Err(unread(why, 1)));
    }
    match decoded(&std::fs::read(path).ok()?) {
        Ok(text) => looks_like_template(&text).then_some(Ok(Candidate { file, text })),
        Err(NotText { near, line }) => {
            looks_like_template(&near).then(|| Err(unread("it is not UTF-8".to_owned(), line)))
        }
    }
}

/// The first part of a large file.
fn start_of(path: &Path) -> std::io::Result<String> {
    let mut start = Vec::new();
    std::fs::File::open(path)?
        .take(START_BYTES)
        .read_to_end(&mut start)?;
    Ok(String::from_utf8_lossy(&start).into_owned())
}

/// Bytes that are no text.
#[derive(Debug)]
pub(super) struct NotText {
    /// The text with replacement characters.
    near: String,
    /// The first line that is none.
    pub(super) line: usize,
}

/// The text of a file: UTF-8, or the UTF-16 in which PowerShell writes what programs print.
pub(super) fn decoded(bytes: &[u8]) -> Result<String, NotText> {
    let unit = |pair: &[u8], big: bool| {
        let fold = |unit: u16, byte: &u8| unit << 8 | u16::from(*byte);
        if big {
            pair.iter().fold(0, fold)
        } else {
            pair.iter().rev().fold(0, fold)
        }
    };
    for (mark, big) in [([0xff, 0xfe], false), ([0xfe, 0xff], true)] {
        if let Some(rest) = bytes.strip_prefix(&mark) {
            let units: Vec<u16> = rest.chunks_exact(2).map(|pair| unit(pair, big)).collect();
            return Ok(String::from_utf16_lossy(&units));
        }
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.to_owned()),
        Err(error) => {
            let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
            Err(NotText {
                near: String::from_utf8_lossy(bytes).into_owned(),
                line: before.iter().filter(|&&byte| byte == b'\n').count() + 1,
            })
        }
    }
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
