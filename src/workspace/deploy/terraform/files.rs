//! The files that one reading of Terraform takes in: numbered for places, read once, limited in size.

use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;

use super::super::discover::relative;
use super::super::node::Mark;
use super::super::parse::ParseError;
use super::module::Module;
use super::{hcl, json_syntax};
use crate::usage::{Gap, Location};
use crate::workspace::cargo::join;

/// Larger files are data.
const MAX_BYTES: u64 = 1024 * 1024;

/// Files, modules and what went wrong with them.
pub(super) struct Files<'a> {
    root: &'a Path,
    /// Names, relative to the root, by number.
    pub(super) names: Vec<String>,
    /// The configuration files of each folder.
    pub(super) folders: BTreeMap<String, Vec<String>>,
    modules: BTreeMap<String, Option<Rc<Module>>>,
    pub(super) gaps: Vec<Gap>,
}

/// Whether a file is Terraform configuration.
pub(super) fn is_configuration(name: &str) -> bool {
    [".tf", ".tofu", ".tf.json", ".tofu.json"]
        .iter()
        .any(|ending| name.ends_with(ending))
}

fn is_variables(name: &str) -> bool {
    let auto = |ending| name.ends_with(&format!(".auto.{ending}")) || name == format!("terraform.{ending}");
    auto("tfvars") || auto("tfvars.json")
}

fn is_override(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default();
    stem == "override" || stem.ends_with("_override")
}

impl<'a> Files<'a> {
    /// The configuration among `paths`, by folder.
    pub(super) fn new<'p>(root: &'a Path, paths: impl Iterator<Item = &'p Path>) -> Self {
        let mut folders: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for path in paths {
            let file = relative(root, path);
            let (dir, name) = file.rsplit_once('/').unwrap_or(("", &file));
            if is_configuration(name) {
                folders.entry(dir.to_owned()).or_default().push(file);
            }
        }
        Self {
            root,
            names: Vec::new(),
            folders,
            modules: BTreeMap::new(),
            gaps: Vec::new(),
        }
    }

    /// A place with the name of its file.
    pub(super) fn location(&self, at: Mark) -> Location {
        let name = self.names.get(usize::from(at.file));
        Location::new(name.cloned().unwrap_or_default(), at.line, at.column)
    }

    /// Notes a gap, once.
    pub(super) fn gap(&mut self, gap: Gap, at: Mark) {
        let gap = gap.at(self.location(at));
        if !self.gaps.contains(&gap) {
            self.gaps.push(gap);
        }
    }

    /// The text of a file, and its number.
    pub(super) fn text(&mut self, file: &str) -> Result<(String, u16), String> {
        let path = self.root.join(file);
        let size = std::fs::metadata(&path).map_err(|error| error.to_string())?.len();
        if size > MAX_BYTES {
            return Err(format!("it has {size} bytes, more than {MAX_BYTES}"));
        }
        let bytes = std::fs::read(&path).map_err(|error| error.to_string())?;
        let text = String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())?;
        Ok((text, self.number(file)))
    }

    /// Whether a file is there.
    pub(super) fn exists(&self, file: &str) -> bool {
        !file.starts_with("..") && self.root.join(file).is_file()
    }

    /// The number of a file.
    pub(super) fn number(&mut self, file: &str) -> u16 {
        let index = self.names.iter().position(|name| name == file);
        let index = index.unwrap_or_else(|| {
            self.names.push(file.to_owned());
            self.names.len() - 1
        });
        u16::try_from(index).unwrap_or(u16::MAX)
    }

    /// Notes a module that no folder holds.
    pub(super) fn know(&mut self, dir: &str, module: Rc<Module>) {
        self.modules.insert(dir.to_owned(), Some(module));
    }

    /// The module in a folder; `None` if it has no configuration.
    pub(super) fn module(&mut self, dir: &str) -> Option<Rc<Module>> {
        if let Some(known) = self.modules.get(dir) {
            return known.clone();
        }
        let listed = self.folders.get(dir).cloned();
        let files = listed.unwrap_or_else(|| self.list(dir));
        let module = (!files.is_empty()).then(|| Rc::new(self.read_module(dir, files)));
        self.modules.insert(dir.to_owned(), module.clone());
        module
    }

    /// The configuration of a folder that the walk left out, such as `.terraform/modules/…`.
    fn list(&self, dir: &str) -> Vec<String> {
        if dir.starts_with("..") {
            return Vec::new();
        }
        self.names_in(dir)
            .into_iter()
            .filter(|name| is_configuration(name))
            .map(|name| join(dir, &name))
            .collect()
    }

    fn names_in(&self, dir: &str) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(self.root.join(dir)) else {
            return Vec::new();
        };
        let mut names: Vec<String> = entries
            .flatten()
            .filter(|entry| entry.path().is_file())
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    fn read_module(&mut self, dir: &str, mut files: Vec<String>) -> Module {
        let mut module = Module {
            dir: dir.to_owned(),
            ..Module::default()
        };
        files.sort();
        // OpenTofu reads `x.tofu` in the place of `x.tf`.
        let shadowed = |file: &String| {
            let other = file
                .strip_suffix(".tf")
                .map(|stem| format!("{stem}.tofu"))
                .or_else(|| {
                    file.strip_suffix(".tf.json")
                        .map(|stem| format!("{stem}.tofu.json"))
                });
            other.is_some_and(|other| files.contains(&other))
        };
        let (over, plain): (Vec<&String>, Vec<&String>) = files
            .iter()
            .filter(|file| !shadowed(file))
            .partition(|file| is_override(file.rsplit('/').next().unwrap_or(file)));
        for file in plain {
            if let Some(body) = self.parse(file, false) {
                module.add(body);
            }
        }
        for file in over {
            if let Some(body) = self.parse(file, false) {
                module.merge(body);
            }
        }
        let mut variables: Vec<String> = self.names_in(dir);
        variables.retain(|name| is_variables(name));
        // `terraform.tfvars` first, then the others by name.
        variables.sort_by_key(|name| (!name.starts_with("terraform."), name.clone()));
        for name in variables {
            if let Some(body) = self.parse(&join(dir, &name), true) {
                module.set(body);
            }
        }
        module
    }

    fn parse(&mut self, file: &str, vars: bool) -> Option<super::syntax::Body> {
        let read = self.text(file).map_err(|message| ParseError {
            message,
            at: Mark {
                line: 1,
                column: 1,
                file: self.number(file),
            },
        });
        let parsed = read.and_then(|(text, number)| {
            if file.ends_with(".json") {
                json_syntax::parse(&text, number, vars)
            } else {
                hcl::parse(&text, number)
            }
        });
        match parsed {
            Ok(body) => Some(body),
            Err(error) => {
                self.gap(
                    Gap::new(
                        "unreadable-stack-template",
                        format!("this Terraform file cannot be read: {error}"),
                    )
                    .hint("mend it, or leave the file out with a line in `.ignore`"),
                    error.at,
                );
                None
            }
        }
    }
}
