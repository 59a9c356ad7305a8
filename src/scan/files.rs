//! Reading and parsing source files in parallel: each file is lowered to plain data in the thread that parses it.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};

use rayon::prelude::*;

use crate::usage::{Gap, Location};
use crate::workspace::cargo::join;
use crate::workspace::registry::SourcePaths;

use super::cfg::CfgContext;
use super::comments::{Comment, comments_in};
use super::ir::{Item, ItemKind, Name};
use super::lower::{Lowerer, Off};

/// Larger files are not parsed.
const MAX_FILE: u64 = 4 * 1024 * 1024;
/// Deeper nesting of brackets is not parsed.
const MAX_NESTING: usize = 256;
/// Longer runs of tokens without a separator are not parsed: they may nest as deep as they are long.
const MAX_RUN: usize = 20_000;

/// A source file as read for one package.
#[derive(Debug)]
pub struct SourceFile {
    /// Path relative to the scanned root.
    pub path: String,
    /// Package that it belongs to.
    pub package: usize,
    /// Its items; none if it could not be parsed.
    pub items: Vec<Item>,
    /// Folder in which its `mod x;` are looked for.
    pub base: String,
    /// Names of the plain macros that were read at once.
    plain_macros: BTreeSet<Name>,
    /// What its authors tell.
    pub comments: Vec<Comment>,
    /// The thread of the pool that parsed it.
    parsed_by: usize,
}

/// Every file read so far.
#[derive(Debug, Default)]
pub struct Files {
    /// The files; their indices are those of [`super::ir::Span`].
    pub files: Vec<SourceFile>,
    index: BTreeMap<(usize, String), u32>,
    /// What could not be read or parsed.
    pub gaps: Vec<Gap>,
}

/// A file to read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wanted {
    /// Package.
    pub package: usize,
    /// Path relative to the scanned root.
    pub path: String,
    /// Folder in which its `mod x;` are looked for.
    pub base: String,
}

impl Files {
    /// The file `path` of `package`, if it was read.
    pub fn find(&self, package: usize, path: &str) -> Option<u32> {
        self.index.get(&(package, path.to_owned())).copied()
    }

    /// Reads `wanted` and all the module files below them.
    pub fn load(&mut self, root: SourcePaths<'_>, mut wanted: BTreeSet<Wanted>, cfgs: &[CfgContext]) {
        while !wanted.is_empty() {
            let batch: Vec<Wanted> = wanted
                .into_iter()
                .filter(|want| self.find(want.package, &want.path).is_none())
                .collect();
            let start = self.files.len();
            let default = CfgContext::default();
            let parsed: Vec<_> = batch
                .par_iter()
                .enumerate()
                .map(|(index, want)| {
                    let file = u32::try_from(start + index).unwrap_or(u32::MAX);
                    let cfg = cfgs.get(want.package).unwrap_or(&default);
                    read(root, want, file, cfg, &BTreeSet::new())
                })
                .collect();
            for (
                want,
                Parsed {
                    items,
                    gap,
                    off,
                    plain_macros,
                    comments,
                    parsed_by,
                },
            ) in batch.into_iter().zip(parsed)
            {
                let file = u32::try_from(self.files.len()).unwrap_or(u32::MAX);
                self.index.insert((want.package, want.path.clone()), file);
                self.gaps.extend(gap);
                let cfg = cfgs.get(want.package).unwrap_or(&default);
                let calls = off
                    .into_iter()
                    .filter(|off| off.calls_aws(root, &want, &cfg.off_crates));
                self.gaps.extend(calls.map(|off| {
                    Gap::new(
                        "feature-off",
                        "a feature that is off keeps out code that seems to call AWS",
                    )
                    .at(Location::new(&want.path, off.span.line, off.span.column))
                    .hint("switch the feature on (`--features`, or `features` in `rolefit.toml`) if the function is built with it")
                }));
                self.files.push(SourceFile {
                    path: want.path,
                    package: want.package,
                    items,
                    base: want.base,
                    plain_macros,
                    comments,
                    parsed_by,
                });
            }
            wanted = self.missing_modules(root, start);
        }
    }

    /// Every file with its index, those first that this thread parsed, then those of the next thread: work that is split
    /// in this order leaves most files to the thread that parsed them. An allocator gives memory back to the thread it came
    /// from, and two that do so for each other wait for each other.
    pub fn by_thread(&mut self) -> Vec<(usize, &mut SourceFile)> {
        let threads = rayon::current_num_threads().max(1);
        let own = rayon::current_thread_index().unwrap_or_default();
        let mut files: Vec<(usize, &mut SourceFile)> = self.files.iter_mut().enumerate().collect();
        files.sort_by_key(|(index, file)| ((file.parsed_by + threads - own) % threads, *index));
        files
    }

    /// Reads those files again that took a macro for a plain one which `defines` says their package defines itself.
    pub fn reread(
        &mut self,
        root: SourcePaths<'_>,
        cfgs: &[CfgContext],
        defines: &(dyn Fn(usize, &str) -> bool + Sync),
    ) {
        let default = CfgContext::default();
        self.files.par_iter_mut().enumerate().for_each(|(index, file)| {
            let defined: BTreeSet<Name> = file
                .plain_macros
                .iter()
                .filter(|name| defines(file.package, name))
                .cloned()
                .collect();
            if defined.is_empty() {
                return;
            }
            let want = Wanted {
                package: file.package,
                path: file.path.clone(),
                base: file.base.clone(),
            };
            let cfg = cfgs.get(file.package).unwrap_or(&default);
            let number = u32::try_from(index).unwrap_or(u32::MAX);
            let parsed = read(root, &want, number, cfg, &defined);
            file.items = parsed.items;
            file.plain_macros = parsed.plain_macros;
        });
    }

    /// Module files that files from `start` on declare and that are not read yet.
    pub fn missing_modules(&mut self, root: SourcePaths<'_>, start: usize) -> BTreeSet<Wanted> {
        let mut wanted = BTreeSet::new();
        let mut gaps = Vec::new();
        for file in self.files.iter().skip(start) {
            let mut declared = Vec::new();
            declared_modules(&file.items, &file.base, &file.path, 0, &mut declared);
            for module in declared {
                let found = module
                    .candidates
                    .iter()
                    .find(|path| self.find(file.package, path).is_some() || root.of(path).is_file());
                match found {
                    Some(path) => {
                        if self.find(file.package, path).is_none() {
                            wanted.insert(Wanted {
                                package: file.package,
                                path: path.clone(),
                                base: match module.included {
                                    true => folder(path).to_owned(),
                                    false => module_base(path),
                                },
                            });
                        }
                    }
                    None => {
                        let gap = match module.included {
                            true => {
                                Gap::new("generated-code", format!("no file `{}` to include", module.name))
                            }
                            false => {
                                Gap::new("missing-module", format!("no file for `mod {};`", module.name))
                            }
                        };
                        gaps.push(
                            gap.at(Location::new(&file.path, module.line, module.column))
                                .hint("calls in it cannot be seen; is it generated?"),
                        );
                    }
                }
            }
        }
        for gap in gaps {
            if !self.gaps.contains(&gap) {
                self.gaps.push(gap);
            }
        }
        wanted
    }
}

/// Where the children of a module file lie.
pub fn module_base(path: &str) -> String {
    let (dir, name) = path.rsplit_once('/').unwrap_or(("", path));
    if name == "mod.rs" {
        return dir.to_owned();
    }
    join(dir, name.strip_suffix(".rs").unwrap_or(name))
}

/// The folder of a file.
pub fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(dir, _)| dir)
}

/// Whether a text has what a call needs: a client, or the end of a request. Code about errors and types alone has not.
pub(super) fn may_send(text: &str) -> bool {
    let words = text.split(|c: char| !(c.is_alphanumeric() || c == '_'));
    let mut words = words.filter(|word| !word.is_empty());
    words.any(|word| {
        matches!(
            word,
            "Client"
                | "client"
                | "send"
                | "send_with"
                | "into_paginator"
                | "presigned"
                | "customize"
                | "wait"
        ) || word.starts_with("aws_config")
            || word.starts_with("wait_until_")
            || word.ends_with("FluentBuilder")
            || word.ends_with("Client")
    })
}

/// Whether a text has a path into one of these crates.
pub(super) fn names_one_of(text: &str, crates: &BTreeSet<String>) -> bool {
    let is_path = |rest: &str| rest.trim_start().starts_with("::");
    let is_end = |c: char| !(c.is_alphanumeric() || c == '_');
    crates.iter().any(|name| {
        text.match_indices(name.as_str()).any(|(at, found)| {
            let (before, behind) = (text.get(..at), text.get(at + found.len()..));
            before.is_some_and(|before| before.is_empty() || before.ends_with(is_end))
                && behind.is_some_and(is_path)
        })
    })
}

impl Off {
    /// Whether what the feature keeps out seems to call AWS: for a module its files are searched.
    fn calls_aws(&self, root: SourcePaths<'_>, file: &Wanted, crates: &BTreeSet<String>) -> bool {
        let Some((name, path)) = &self.module else {
            return true;
        };
        let files = module_files(&file.base, &file.path, name, path.as_deref());
        let Some(found) = files.iter().find(|path| root.of(path).is_file()) else {
            return false;
        };
        let below = ignore::WalkBuilder::new(root.of(&module_base(found)))
            .standard_filters(false)
            .build()
            .flatten()
            .map(ignore::DirEntry::into_path)
            .filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
        std::iter::once(root.of(found)).chain(below).any(|path| {
            std::fs::read(path).is_ok_and(|bytes| {
                let text = String::from_utf8_lossy(&bytes);
                let sdk = text.contains("aws_sdk_") || text.contains("aws_config");
                (sdk && may_send(&text)) || names_one_of(&text, crates)
            })
        })
    }
}

struct DeclaredModule {
    name: String,
    /// Whether it is not a module, but a file whose items are put in.
    included: bool,
    candidates: Vec<String>,
    line: u32,
    column: u32,
}

/// Paths that the file of `mod name;` may have.
pub fn candidates(item: &Item, base: &str, file: &str) -> Vec<String> {
    module_files(base, file, &item.name, item.attrs.path.as_deref())
}

fn module_files(base: &str, file: &str, name: &str, path: Option<&str>) -> Vec<String> {
    match path {
        Some(path) => vec![join(folder(file), path), join(base, path)],
        None => vec![
            join(base, &format!("{name}.rs")),
            join(base, &format!("{name}/mod.rs")),
        ],
    }
}

fn declared_modules(items: &[Item], base: &str, file: &str, depth: usize, out: &mut Vec<DeclaredModule>) {
    if depth > 60 {
        return;
    }
    for item in items {
        match &item.kind {
            ItemKind::Mod(None) => out.push(DeclaredModule {
                name: item.name.to_string(),
                included: false,
                candidates: candidates(item, base, file),
                line: item.span.line,
                column: item.span.column,
            }),
            ItemKind::Include(path) => out.push(DeclaredModule {
                name: path.to_string(),
                included: true,
                candidates: vec![join(folder(file), path)],
                line: item.span.line,
                column: item.span.column,
            }),
            ItemKind::Mod(Some(inner)) => {
                let base = match &item.attrs.path {
                    Some(path) => join(base, path),
                    None => join(base, &item.name),
                };
                declared_modules(inner, &base, file, depth + 1, out);
            }
            _ => {}
        }
    }
}

/// What one file gives.
#[derive(Default)]
struct Parsed {
    items: Vec<Item>,
    gap: Option<Gap>,
    off: Vec<Off>,
    plain_macros: BTreeSet<Name>,
    comments: Vec<Comment>,
    parsed_by: usize,
}

/// Reads, checks, parses and lowers one file. Macros named in `defined` are the package's own.
fn read(
    root: SourcePaths<'_>,
    want: &Wanted,
    file: u32,
    cfg: &CfgContext,
    defined: &BTreeSet<Name>,
) -> Parsed {
    let gap = |code: &'static str, message: String, line: usize, column: usize| {
        let place = Location::new(
            &want.path,
            u32::try_from(line).unwrap_or(1),
            u32::try_from(column).unwrap_or(1),
        );
        Parsed {
            gap: Some(
                Gap::new(code, message)
                    .at(place)
                    .hint("calls in this file are not seen"),
            ),
            ..Parsed::default()
        }
    };
    let path = root.of(&want.path);
    if std::fs::metadata(&path).is_ok_and(|meta| meta.len() > MAX_FILE) {
        let message = format!("the file is larger than {} MiB", MAX_FILE / 1024 / 1024);
        return gap("file-too-large", message, 1, 1);
    }
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) => {
            let message = format!("cannot read the file: {error}");
            return gap("unreadable-file", message, 1, 1);
        }
    };
    let text = String::from_utf8_lossy(&bytes);
    if let Err(line) = check_depth(&text) {
        let message = "expressions nest too deeply to be parsed".to_owned();
        return gap("nesting-too-deep", message, line, 1);
    }
    let parsed = catch_unwind(AssertUnwindSafe(|| {
        // What surrounds a test may be odd enough to be cut wrongly: then the whole text counts.
        let result = syn::parse_file(&super::skim::code_of(&text)).or_else(|_| syn::parse_file(&text));
        let result = result.map(|parsed| {
            let mut lowerer = Lowerer::new(file, None, cfg);
            lowerer.defined = defined;
            let items = if cfg.keeps(&parsed.attrs) {
                lowerer.items(&parsed.items)
            } else {
                Vec::new()
            };
            Parsed {
                items,
                gap: None,
                off: lowerer.off,
                plain_macros: lowerer.plain_macros,
                parsed_by: rayon::current_thread_index().unwrap_or_default(),
                // What other projects write settles nothing here.
                comments: match root.is_foreign(&want.path) {
                    true => Vec::new(),
                    false => comments_in(&text),
                },
            }
        });
        result.map_err(|error| {
            let start = error.span().start();
            (error.to_string(), start.line, start.column + 1)
        })
    }));
    super::tokens::forget_all_texts();
    match parsed {
        Ok(Ok(parsed)) => parsed,
        Ok(Err((message, line, column))) => {
            let message = format!("the file does not parse: {message}");
            gap("unparsable-file", message, line, column)
        }
        Err(_) => {
            let message = "the parser gave up on this file".to_owned();
            gap("unparsable-file", message, 1, 1)
        }
    }
}

/// Rejects text whose brackets, operators or `else if` chains nest so deeply that a recursive parser would run out of
/// stack. Strings and comments are skipped roughly: at worst an odd file is refused, with a gap.
fn check_depth(text: &str) -> Result<(), usize> {
    let mut depth = 0_usize;
    let mut run = 0_usize;
    let mut line = 1;
    let mut else_ifs = 0_usize;
    let mut in_word = false;
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(byte) = bytes.get(at).copied() {
        at += 1;
        match byte {
            b'\n' => line += 1,
            b'/' if bytes.get(at) == Some(&b'/') => {
                while bytes.get(at).is_some_and(|byte| *byte != b'\n') {
                    at += 1;
                }
                continue;
            }
            b'"' => {
                while let Some(byte) = bytes.get(at).copied() {
                    at += 1;
                    match byte {
                        b'\\' => at += 1,
                        b'"' => break,
                        b'\n' => line += 1,
                        _ => {}
                    }
                }
                run += 1;
                continue;
            }
            b'(' | b'[' | b'{' => {
                depth += 1;
                run = 0;
            }
            b')' | b']' | b'}' => {
                depth = depth.saturating_sub(1);
                run = 0;
            }
            b',' | b';' => run = 0,
            _ => {}
        }
        if byte.is_ascii_alphanumeric() || byte == b'_' {
            if !in_word {
                run += 1;
                if bytes.get(at - 1..at + 6) == Some(b"else if") {
                    else_ifs += 1;
                }
            }
            in_word = true;
        } else {
            in_word = false;
            if byte.is_ascii_punctuation() {
                run += 1;
            }
            if byte == b';' {
                else_ifs = 0;
            }
        }
        if depth > MAX_NESTING || run > MAX_RUN || else_ifs > 2_000 {
            return Err(line);
        }
    }
    Ok(())
}
