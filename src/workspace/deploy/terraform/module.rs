//! The files of one folder as a Terraform module: variables, locals, outputs, resources and calls of other modules.

use std::collections::BTreeMap;

use super::super::node::Mark;
use super::syntax::{Attribute, Block, Body, Expr};

/// A module as it is written.
#[derive(Debug, Default)]
pub(super) struct Module {
    /// Its folder, relative to the scanned root.
    pub(super) dir: String,
    pub(super) variables: BTreeMap<String, Variable>,
    pub(super) locals: BTreeMap<String, Expr>,
    pub(super) outputs: BTreeMap<String, Expr>,
    /// Resources, data sources and calls, in the order of the files.
    pub(super) declarations: Vec<Declaration>,
    /// Variables that `terraform.tfvars` and `*.auto.tfvars` set; they count only where the module is the root.
    pub(super) set: BTreeMap<String, Expr>,
}

/// A variable.
#[derive(Debug)]
pub(super) struct Variable {
    pub(super) at: Mark,
    pub(super) default: Option<Expr>,
    pub(super) type_of: Option<Expr>,
}

/// What a declaration makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Mode {
    Managed,
    Data,
    Call,
}

/// A resource, a data source or a call of a module.
#[derive(Debug)]
pub(super) struct Declaration {
    pub(super) mode: Mode,
    /// Type of a resource; empty for a call.
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) at: Mark,
    pub(super) body: Body,
}

impl Module {
    /// Adds a file.
    pub(super) fn add(&mut self, body: Body) {
        for block in body.blocks {
            self.add_block(block);
        }
    }

    /// Adds what a file of variables sets; later files win.
    pub(super) fn set(&mut self, body: Body) {
        for Attribute { name, value, .. } in body.attributes {
            self.set.insert(name, value);
        }
    }

    /// Puts a file `override.tf` or `*_override.tf` over what is there.
    ///
    /// <https://developer.hashicorp.com/terraform/language/files/override>
    pub(super) fn merge(&mut self, body: Body) {
        for block in body.blocks {
            match (block.kind.as_str(), block.labels.as_slice()) {
                ("variable", [name]) => {
                    let default = block.body.get("default").cloned();
                    match self.variables.get_mut(name) {
                        Some(known) if default.is_some() => known.default = default,
                        Some(_) => {}
                        None => self.add_block(block),
                    }
                }
                ("resource" | "data" | "module", _) => match self.position(&block) {
                    Some(index) => {
                        if let Some(known) = self.declarations.get_mut(index) {
                            override_body(&mut known.body, block.body);
                        }
                    }
                    None => self.add_block(block),
                },
                _ => self.add_block(block),
            }
        }
    }

    fn position(&self, block: &Block) -> Option<usize> {
        let (mode, kind, name) = parts(block)?;
        self.declarations
            .iter()
            .position(|known| known.mode == mode && known.kind == kind && known.name == name)
    }

    fn add_block(&mut self, block: Block) {
        match (block.kind.as_str(), block.labels.as_slice()) {
            ("variable", [name]) => {
                let variable = Variable {
                    at: block.at,
                    default: block.body.get("default").cloned(),
                    type_of: block.body.get("type").cloned(),
                };
                self.variables.insert(name.clone(), variable);
            }
            ("locals", _) => {
                for Attribute { name, value, .. } in block.body.attributes {
                    self.locals.insert(name, value);
                }
            }
            ("output", [name]) => {
                if let Some(value) = block.body.get("value") {
                    self.outputs.insert(name.clone(), value.clone());
                }
            }
            _ => {
                let Some((mode, kind, name)) = parts(&block) else {
                    return;
                };
                let (kind, name) = (kind.to_owned(), name.to_owned());
                self.declarations.push(Declaration {
                    mode,
                    kind,
                    name,
                    at: block.at,
                    body: block.body,
                });
            }
        }
    }

    /// The number of a declaration.
    pub(super) fn find(&self, mode: Mode, kind: &str, name: &str) -> Option<usize> {
        self.declarations
            .iter()
            .position(|known| known.mode == mode && known.kind == kind && known.name == name)
    }
}

fn parts(block: &Block) -> Option<(Mode, &str, &str)> {
    match (block.kind.as_str(), block.labels.as_slice()) {
        ("resource", [kind, name]) => Some((Mode::Managed, kind, name)),
        ("data", [kind, name]) => Some((Mode::Data, kind, name)),
        ("module", [name]) => Some((Mode::Call, "", name)),
        _ => None,
    }
}

fn override_body(known: &mut Body, over: Body) {
    for attribute in over.attributes {
        known.attributes.retain(|old| old.name != attribute.name);
        known.attributes.push(attribute);
    }
    known
        .blocks
        .retain(|old| over.blocks.iter().all(|new| new.kind != old.kind));
    known.blocks.extend(over.blocks);
}

impl Declaration {
    /// Its address within its module, such as `data.aws_region.current`.
    pub(super) fn address(&self) -> String {
        match self.mode {
            Mode::Managed => format!("{}.{}", self.kind, self.name),
            Mode::Data => format!("data.{}.{}", self.kind, self.name),
            Mode::Call => format!("module.{}", self.name),
        }
    }
}
