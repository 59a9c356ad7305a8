//! Links deployed functions to the binaries they run, by ordered evidence; nothing is guessed without saying so.
//!
//! The evidence, first match wins: a line in `rolefit.toml`; SAM's `BuildProperties.Binary`; a `target/lambda/<bin>` in the
//! path of the code, or one binary in the Makefile's rule for the function; a name that Cargo's metadata gives; the bytes of the artefact; `binaryName` in the
//! source of a CDK app; the only binary of the package the code lies in; the name of the
//! function, if it fits exactly one binary (low confidence). A function that may be Rust and that nothing links is a gap
//! with the lines to paste. Binaries that nothing deploys become functions of their own.

use std::collections::{BTreeMap, BTreeSet};

use super::artefacts::SAME_BYTES;
use super::deploy::Deployments;
use super::deploy::text::{TextPiece, pieces};
use super::model::{Binary, BinaryId, CodeClue, Function, Package, RuntimeSettings, Stack, Workspace};
use crate::usage::{Confidence, Gap, Location};

/// Gap code of a function whose binary is not known.
pub const UNLINKED_FUNCTION: &str = "unlinked-function";

/// Where `cargo lambda build` puts binaries: a folder for each.
const CARGO_LAMBDA_OUTPUT: &str = "target/lambda/";

/// What is known beside deployments and packages.
#[derive(Clone, Debug, Default)]
pub struct Statements {
    /// `[[function]]` of `rolefit.toml`: function (logical id or deployed name) → binary, or `package/binary`.
    pub explicit: BTreeMap<String, String>,
    /// Function names that Cargo's metadata gives: function → binary.
    pub cargo_metadata: BTreeMap<String, String>,
}

/// Puts deployments and packages together.
pub fn link(deployments: Deployments, packages: &[Package], statements: &Statements) -> Workspace {
    let Deployments {
        stacks,
        functions,
        gaps,
    } = deployments;
    let linker = Linker {
        binaries: every_binary(packages),
        packages,
        statements,
        stacks: &stacks,
    };
    let mut gaps = gaps;
    let mut linked = Vec::new();
    for mut function in functions {
        match linker.binary_of(&function) {
            Ok(Some(found)) => {
                function.binary = Some(found.binary.clone());
                function.linked_by = Some(found.rule.to_owned());
                function.link_confidence = found.confidence;
                function.may_be_rust = true;
            }
            Ok(None) if function.may_be_rust => gaps.push(linker.unlinked(&function)),
            Ok(None) => {}
            Err(gap) => gaps.push(gap.at(function.location.clone())),
        }
        linked.push(function);
    }
    gaps.extend(linker.stated_for_nothing(&linked));
    let undeployed = linker.undeployed(&linked);
    linked.extend(undeployed);
    Workspace {
        packages: packages.to_vec(),
        stacks,
        functions: linked,
        gaps,
    }
}

fn every_binary(packages: &[Package]) -> Vec<BinaryId> {
    packages
        .iter()
        .flat_map(|package| package.binaries.iter().map(|binary| binary_id(package, binary)))
        .collect()
}

fn binary_id(package: &Package, binary: &Binary) -> BinaryId {
    BinaryId {
        package: package.name.clone(),
        package_dir: package.dir.clone(),
        binary: binary.name.clone(),
        entry: binary.entry.clone(),
    }
}

/// A binary and the rule that found it.
#[derive(Clone, Copy)]
struct Found<'a> {
    binary: &'a BinaryId,
    rule: &'static str,
    confidence: Confidence,
}

struct Linker<'a> {
    packages: &'a [Package],
    binaries: Vec<BinaryId>,
    statements: &'a Statements,
    stacks: &'a [Stack],
}

impl Linker<'_> {
    fn binary_of(&self, function: &Function) -> Result<Option<Found<'_>>, Gap> {
        if let Some(found) = self.explicit(function)? {
            return Ok(Some(found));
        }
        if !function.may_be_rust {
            return Ok(None);
        }
        let code = &function.code;
        let cdk = code.build_method.as_deref() == Some("cdk");
        let by_build = self.by_build_properties(code);
        let by_source = by_build.as_ref().filter(|_| cdk).copied();
        let by_build = by_build.filter(|_| !cdk);
        let by_path = || self.by_output_folder(code);
        let by_makefile = || self.by_makefile(code);
        let by_metadata = || self.by_cargo_metadata(function);
        let by_bytes = || self.by_bytes(code);
        let by_package = || self.only_binary(code);
        let by_name = || self.by_name(function);
        Ok(by_build
            .or_else(by_path)
            .or_else(by_makefile)
            .or_else(by_metadata)
            .or_else(by_bytes)
            .or(by_source)
            .or_else(by_package)
            .or_else(by_name))
    }

    /// Rule 1. A line that names no binary is an error of its own, not a reason to guess.
    fn explicit(&self, function: &Function) -> Result<Option<Found<'_>>, Gap> {
        let stated = self
            .statements
            .explicit
            .get(&function.name)
            .or_else(|| self.statements.explicit.get(&function.deployed_name));
        let Some(stated) = stated else {
            return Ok(None);
        };
        let (package, name) = match stated.split_once('/') {
            Some((package, name)) => (Some(package), name),
            None => (None, stated.as_str()),
        };
        let fitting: Vec<&BinaryId> = self
            .binaries
            .iter()
            .filter(|binary| binary.binary == name)
            .filter(|binary| package.is_none_or(|package| binary.package == package))
            .collect();
        match self.nearest(&fitting, function) {
            Some(binary) => Ok(Some(Found {
                binary,
                rule: "rolefit.toml",
                confidence: Confidence::High,
            })),
            None => Err(Gap::new(
                UNLINKED_FUNCTION,
                format!(
                    "rolefit.toml links `{}` to `{stated}`, which is {}",
                    function.name,
                    if fitting.is_empty() {
                        "no binary of this workspace"
                    } else {
                        "a binary of several packages"
                    }
                ),
            )
            .hint("name the binary as `package/binary`")),
        }
    }

    /// Rule 2: SAM builds exactly this binary.
    fn by_build_properties(&self, code: &CodeClue) -> Option<Found<'_>> {
        let name = code.binary.as_deref()?;
        let folder = code.package_dir.as_deref().or(code.path.as_deref());
        let binary = match code.build_method.as_deref() {
            // `package.binary`, as plugins for Rust write handlers.
            Some("handler") => self.named(name, folder).or_else(|| {
                let (package, name) = name.rsplit_once('.')?;
                let stated = |binary: &&BinaryId| binary.package == package && binary.binary == name;
                only(&self.binaries.iter().filter(stated).collect::<Vec<_>>())
            })?,
            _ => self.named(name, folder)?,
        };
        let (rule, confidence) = match code.build_method.as_deref() {
            Some("serverless-rust") => ("serverless-rust handler", Confidence::High),
            Some("handler") => ("handler", Confidence::Medium),
            Some("cdk") => ("cdk binaryName", Confidence::High),
            _ => ("sam.BuildProperties.Binary", Confidence::High),
        };
        Some(Found {
            binary,
            rule,
            confidence,
        })
    }

    /// Rule 3: the code is what `cargo lambda build` puts out for one binary.
    fn by_output_folder(&self, code: &CodeClue) -> Option<Found<'_>> {
        let path = code.path.as_deref()?;
        let (folder, rest) = match path.strip_prefix(CARGO_LAMBDA_OUTPUT) {
            Some(rest) => ("", rest),
            None => match path.split_once(&format!("/{CARGO_LAMBDA_OUTPUT}")) {
                Some(found) => found,
                None => return self.by_cargo_output(path),
            },
        };
        let mut parts = rest.split('/');
        // The plugin `serverless-rust` puts a folder for the profile between.
        let name = match (parts.next()?, parts.next()) {
            ("release" | "debug", Some(file)) if file.ends_with(".zip") => file,
            (name, _) => name,
        };
        let name = name.strip_suffix(".zip").unwrap_or(name);
        let binary = self.named(name, Some(folder))?;
        let rule = match code.sha256 {
            Some(_) => "CodeSha256 of target/lambda/<bin>",
            None => "CodeUri target/lambda/<bin>",
        };
        Some(Found {
            binary,
            rule,
            confidence: Confidence::High,
        })
    }

    /// Rule 3, too: the code is what `cargo build` puts out, `target/<triple>/release/<bin>`.
    fn by_cargo_output(&self, path: &str) -> Option<Found<'_>> {
        let (folder, rest) = match path.strip_prefix("target/") {
            Some(rest) => ("", rest),
            None => path.split_once("/target/")?,
        };
        let parts: Vec<&str> = rest.split('/').collect();
        let name = match parts.as_slice() {
            ["release" | "debug", name] | [_, "release" | "debug", name] => name,
            _ => return None,
        };
        Some(Found {
            binary: self.named(name, Some(folder))?,
            rule: "code target/<profile>/<bin>",
            confidence: Confidence::High,
        })
    }

    /// Rule 3, too: the Makefile that SAM runs names one binary for the function.
    fn by_makefile(&self, code: &CodeClue) -> Option<Found<'_>> {
        let name = code.makefile_binary.as_deref()?;
        let binary = self.named(name, code.path.as_deref())?;
        Some(Found {
            binary,
            rule: "Makefile build-<function>",
            confidence: Confidence::High,
        })
    }

    /// Rule 4.
    fn by_cargo_metadata(&self, function: &Function) -> Option<Found<'_>> {
        let metadata = &self.statements.cargo_metadata;
        let name = metadata
            .get(&function.deployed_name)
            .or_else(|| metadata.get(&function.name))?;
        Some(Found {
            binary: self.named(name, None)?,
            rule: "cargo-lambda metadata",
            confidence: Confidence::High,
        })
    }

    /// Rule 5: a built binary has the bytes of the artefact.
    fn by_bytes(&self, code: &CodeClue) -> Option<Found<'_>> {
        let (known, rule) = code.built_binary.as_ref()?;
        let binary = self.binaries.iter().find(|binary| *binary == known)?;
        Some(Found {
            binary,
            rule,
            confidence: if *rule == SAME_BYTES {
                Confidence::High
            } else {
                Confidence::Medium
            },
        })
    }

    /// Rule 6: the package at the path of the code has one binary, or no package is there and one binary lies below.
    fn only_binary(&self, code: &CodeClue) -> Option<Found<'_>> {
        let path = code.package_dir.as_deref().or(code.path.as_deref())?;
        let at_path = self.packages.iter().any(|package| package.dir == path);
        let (rule, confidence) = if at_path {
            ("only binary of package", Confidence::High)
        } else {
            ("only binary below CodeUri", Confidence::Medium)
        };
        let fitting: Vec<&BinaryId> = self
            .binaries
            .iter()
            .filter(|binary| {
                if at_path {
                    binary.package_dir == path
                } else {
                    lies_in(&binary.package_dir, path)
                }
            })
            .collect();
        Some(Found {
            binary: only(&fitting)?,
            rule,
            confidence,
        })
    }

    /// Rule 8: one binary alone has the function's name, or what is left of it without a stage or service at either end.
    /// Of several the longest name counts.
    fn by_name(&self, function: &Function) -> Option<Found<'_>> {
        let stack = function.stack.and_then(|stack| self.stacks.get(stack));
        let deployed = match stack {
            // Terraform gives names by variables more often than stages by them.
            Some(stack) if stack.kind == "terraform" => stack.with_defaults(&function.deployed_name),
            _ => function.deployed_name.clone(),
        };
        let names = [
            words(without_hash(&function.name)),
            words(without_hash(&plain_text(&deployed))),
        ];
        let length = |binary: &BinaryId| {
            let name = words(&binary.binary).concat();
            let fits = !name.is_empty() && names.iter().any(|words| is_affix(&name, words));
            if fits { name.len() } else { 0 }
        };
        let longest = self
            .binaries
            .iter()
            .map(length)
            .max()
            .filter(|length| *length > 2)?;
        let fitting: Vec<&BinaryId> = self
            .binaries
            .iter()
            .filter(|binary| length(binary) == longest)
            .collect();
        let binary = self.nearest(&fitting, function)?;
        Some(Found {
            binary,
            rule: "name",
            confidence: Confidence::Low,
        })
    }

    /// The binary of that name, in or below `folder` if one is there, else the only one anywhere. A workspace's output
    /// folder stands above its packages, so packages below the folder count too.
    fn named(&self, name: &str, folder: Option<&str>) -> Option<&BinaryId> {
        let all: Vec<&BinaryId> = self
            .binaries
            .iter()
            .filter(|binary| binary.binary == name)
            .collect();
        let exact = |binary: &&&BinaryId| Some(binary.package_dir.as_str()) == folder;
        if let Some(binary) = all.iter().find(exact) {
            return Some(binary);
        }
        let below: Vec<&BinaryId> = all
            .iter()
            .filter(|binary| folder.is_some_and(|folder| lies_in(&binary.package_dir, folder)))
            .copied()
            .collect();
        only(&below).or_else(|| only(&all))
    }

    /// The only one of several binaries, or the only one whose package lies in the folder of the function's template.
    fn nearest<'b>(&self, fitting: &[&'b BinaryId], function: &Function) -> Option<&'b BinaryId> {
        if let [single] = fitting {
            return Some(single);
        }
        let template = &self.stacks.get(function.stack?)?.file;
        let folder = template.rsplit_once('/').map_or("", |(folder, _)| folder);
        let near: Vec<&BinaryId> = fitting
            .iter()
            .filter(|binary| lies_in(&binary.package_dir, folder))
            .copied()
            .collect();
        only(&near)
    }

    fn unlinked(&self, function: &Function) -> Gap {
        let mut candidates: Vec<&BinaryId> = match function.code.path.as_deref() {
            Some(path) => self
                .binaries
                .iter()
                .filter(|binary| lies_in(&binary.package_dir, path))
                .collect(),
            None => Vec::new(),
        };
        if candidates.is_empty() {
            candidates = self.binaries.iter().collect();
        }
        let name = &function.name;
        let example = candidates.first().map_or("BINARY", |binary| &binary.binary);
        let choice = match candidates.as_slice() {
            [] => "no binary was found here".to_owned(),
            some => {
                let names: Vec<&str> = some.iter().map(|binary| binary.binary.as_str()).collect();
                format!("one of {}", shortened(&names))
            }
        };
        Gap::new(
            UNLINKED_FUNCTION,
            format!("`{name}` is not linked to a binary, so its code is not scanned"),
        )
        .at(function.location.clone())
        .hint(format!(
            "add to rolefit.toml ({choice}):\n[[function]]\nname = {}\nbin = \"{example}\"",
            toml_text(name)
        ))
    }

    /// Lines of rolefit.toml whose function is not deployed here. Without any deployment description the names are those
    /// of an account, which nobody can check here.
    fn stated_for_nothing(&self, functions: &[Function]) -> Vec<Gap> {
        if functions.is_empty() {
            return Vec::new();
        }
        let known = |name: &str| {
            functions
                .iter()
                .any(|function| function.name == name || function.deployed_name == name)
        };
        let unknown = self.statements.explicit.keys().filter(|name| !known(name));
        unknown
            .map(|name| {
                Gap::new(
                    "unknown-stated-function",
                    format!("rolefit.toml links a function `{name}` that no stack here deploys"),
                )
                .hint("use the logical id of the stack template")
            })
            .collect()
    }

    /// A function for each binary that no deployed function runs.
    fn undeployed(&self, linked: &[Function]) -> Vec<Function> {
        let deployed: BTreeSet<&BinaryId> = linked
            .iter()
            .filter_map(|function| function.binary.as_ref())
            .collect();
        self.binaries
            .iter()
            .filter(|binary| !deployed.contains(binary))
            .map(undeployed_function)
            .collect()
    }
}

fn undeployed_function(binary: &BinaryId) -> Function {
    Function {
        full_name: None,
        name: binary.binary.clone(),
        deployed_name: binary.binary.clone(),
        binary: Some(binary.clone()),
        linked_by: None,
        link_confidence: Confidence::High,
        stack: None,
        location: Location::new(binary.entry.clone(), 1, 1),
        runtime: None,
        may_be_rust: true,
        env: BTreeMap::new(),
        triggers: Vec::new(),
        runtime_settings: RuntimeSettings::default(),
        role: None,
        code: CodeClue::default(),
    }
}

/// A text as TOML writes it: between single quotes where it has double ones, as addresses of Terraform do.
fn toml_text(text: &str) -> String {
    if text.contains('"') && !text.contains('\'') {
        format!("'{text}'")
    } else {
        format!("\"{text}\"")
    }
}

/// The first few names.
fn shortened(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().take(8).map(|name| format!("`{name}`")).collect();
    let more = if names.len() > 8 { ", …" } else { "" };
    format!("{}{more}", quoted.join(", "))
}

fn only<'a>(list: &[&'a BinaryId]) -> Option<&'a BinaryId> {
    match list {
        [single] => Some(single),
        _ => None,
    }
}

/// Whether a folder is another or lies in it; everything lies in the root.
fn lies_in(folder: &str, outer: &str) -> bool {
    outer.is_empty()
        || folder
            .strip_prefix(outer)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The plain pieces of a stack text.
fn plain_text(text: &str) -> String {
    let plain = pieces(text).into_iter().map(|piece| match piece {
        TextPiece::Plain(plain) => plain,
        TextPiece::Symbol(_) => "-",
    });
    plain.collect()
}

/// A logical id without the eight hexadecimal digits that CDK puts behind it, a name without the twelve characters that
/// CloudFormation does.
fn without_hash(id: &str) -> &str {
    if let Some((name, ending)) = id.rsplit_once('-')
        && matches!(ending.len(), 12 | 13)
        && ending
            .chars()
            .all(|c| c.is_ascii_digit() || c.is_ascii_uppercase())
    {
        return without_hash(name);
    }
    match id.len().checked_sub(8).and_then(|at| id.split_at_checked(at)) {
        Some((name, hash)) if !name.is_empty() && hash.chars().all(is_hash_digit) => name,
        _ => id,
    }
}

fn is_hash_digit(c: char) -> bool {
    c.is_ascii_digit() || ('A'..='F').contains(&c)
}

/// The words of a name, split at separators and capitals, in lower case, without those that only say it is a function.
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = vec![String::new()];
    let mut previous = ' ';
    for c in name.chars() {
        let plain = c.is_ascii_alphanumeric();
        if !plain || (c.is_ascii_uppercase() && !previous.is_ascii_uppercase()) {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| plain) {
            word.push(c.to_ascii_lowercase());
        }
        previous = c;
    }
    words.retain(|word| !word.is_empty());
    let says_function = |word: &String| matches!(word.as_str(), "function" | "lambda" | "fn");
    while words.len() > 1 && words.last().is_some_and(says_function) {
        words.pop();
    }
    words
}

/// Whether the words begin or end with the name.
fn is_affix(name: &str, words: &[String]) -> bool {
    (0..words.len()).any(|index| {
        let (front, back) = words.split_at(index);
        back.concat() == name || (index > 0 && front.concat() == name)
    })
}

#[cfg(test)]
mod tests;
