//! The edits of a template in YAML: lines of block style taken out and put in.

use std::collections::BTreeMap;

use super::super::{Deployable, cloudformation};
use super::{KEPT, NotEdited, free_id, is_of_sam, made_before, own_role};
use crate::workspace::model::Role;

/// The template with the generated role for the function.
pub(super) fn edit(text: &str, deployable: &Deployable<'_>) -> Result<String, NotEdited> {
    let lines = Lines::new(text);
    let edits = match own_role(deployable.function) {
        Some(role) => in_its_role(&lines, role, deployable)?,
        None => with_a_new_role(&lines, deployable)?,
    };
    Ok(lines.with(edits))
}

/// A resource of the template, its properties, and how deep these stand.
struct Place {
    resource: Block,
    properties: Block,
    indent: usize,
}

/// Lines to put in the place of others.
struct Edit {
    /// First line that goes, counted from 0.
    from: usize,
    /// The line after the last that goes.
    to: usize,
    with: String,
}

fn in_its_role(lines: &Lines<'_>, role: &Role, deployable: &Deployable<'_>) -> Result<Vec<Edit>, NotEdited> {
    let Place {
        resource,
        properties,
        indent,
    } = lines.place(role.location.line, &role.id)?;
    let mut edits = lines.without(&properties, &["Policies", "ManagedPolicyArns"])?;
    let place = edits.first().map(|edit| edit.from);
    let attached = cloudformation::attached(deployable, &role.id);
    edits.push(insert(
        place.unwrap_or(properties.to),
        &indented(&attached, indent),
    ));
    let beside = cloudformation::beside(deployable, &role.id);
    if !beside.is_empty() {
        edits.push(insert(resource.to, &indented(&beside, resource.indent)));
    }
    for (id, line) in made_before(deployable, &role.id) {
        let Block { from, to, .. } = lines.at(line, &id)?;
        let with = String::new();
        edits.push(Edit { from, to, with });
    }
    Ok(edits)
}

fn with_a_new_role(lines: &Lines<'_>, deployable: &Deployable<'_>) -> Result<Vec<Edit>, NotEdited> {
    let function = deployable.function;
    let resource = lines.at(function.location.line, &function.name)?;
    // A function can have them all from `Globals`.
    let properties = lines.child(&resource, "Properties")?;
    let id = free_id(deployable);
    // What SAM would have passed on to the role that it made, the function's own before what `Globals` say.
    let passed_on = lines.role_properties(properties.as_ref(), is_of_sam(deployable))?;
    if let Some(trust) = passed_on.get("AssumeRolePolicyDocument") {
        return Err(NotEdited::OwnTrust { line: trust.from + 1 });
    }
    let mut edits = match &properties {
        Some(properties) => with_a_reference(lines, properties, &id)?,
        None => {
            let indent = " ".repeat(resource.indent + 2);
            let with = format!("{indent}Properties:\n{indent}  Role: !GetAtt {id}.Arn\n");
            vec![insert(resource.to, &with)]
        }
    };
    let mut role = indented(&cloudformation::role_named(deployable, &id), resource.indent);
    for (key, name) in KEPT {
        if let Some(block) = passed_on.get(key) {
            let kept = lines.text(block).replacen(key, name, 1);
            let marker = format!("{}Properties:\n", " ".repeat(resource.indent + 2));
            let shift = indented(&dedented(&kept, block.indent), resource.indent + 4);
            role = role.replacen(&marker, &format!("{marker}{shift}"), 1);
        }
    }
    edits.push(insert(resource.to, &format!("\n{role}")));
    Ok(edits)
}

/// The edits by which a function's properties name its role in place of its policies.
fn with_a_reference(lines: &Lines<'_>, properties: &Block, id: &str) -> Result<Vec<Edit>, NotEdited> {
    let indent = lines
        .child_indent(properties)
        .ok_or_else(|| flow(properties, "Properties"))?;
    let replaced = ["Role", "Policies", "PermissionsBoundary", "RolePath"];
    let mut edits = lines.without(properties, &replaced)?;
    let place = edits.first().map(|edit| edit.from);
    let reference = format!("{}Role: !GetAtt {id}.Arn\n", " ".repeat(indent));
    edits.push(insert(place.unwrap_or(properties.from + 1), &reference));
    Ok(edits)
}

fn insert(at: usize, with: &str) -> Edit {
    Edit {
        from: at,
        to: at,
        with: with.to_owned(),
    }
}

fn flow(block: &Block, key: &str) -> NotEdited {
    NotEdited::FlowStyle {
        line: block.from + 1,
        key: key.to_owned(),
    }
}

fn indented(text: &str, by: usize) -> String {
    let indent = " ".repeat(by);
    text.lines()
        .map(|line| {
            if line.is_empty() {
                "\n".to_owned()
            } else {
                format!("{indent}{line}\n")
            }
        })
        .collect()
}

fn dedented(text: &str, by: usize) -> String {
    text.lines()
        .map(|line| format!("{}\n", line.get(by..).unwrap_or(line.trim_start())))
        .collect()
}

/// The lines of a YAML file.
struct Lines<'t> {
    lines: Vec<&'t str>,
}

/// The lines of one key with its value.
#[derive(Clone, Copy, Debug)]
struct Block {
    from: usize,
    to: usize,
    indent: usize,
}

impl<'t> Lines<'t> {
    fn new(text: &'t str) -> Self {
        Self {
            lines: text.split_inclusive('\n').collect(),
        }
    }

    /// The block of a key at a 1-based line.
    fn at(&self, line: u32, key: &str) -> Result<Block, NotEdited> {
        let from = (line as usize).saturating_sub(1);
        let found = self.lines.get(from).is_some_and(|line| is_key(line, key));
        if !found {
            return Err(NotEdited::NotFound(key.to_owned()));
        }
        Ok(self.block(from))
    }

    /// The resource of a logical id at a 1-based line.
    fn place(&self, line: u32, id: &str) -> Result<Place, NotEdited> {
        let resource = self.at(line, id)?;
        let properties = self
            .child(&resource, "Properties")?
            .ok_or_else(|| flow(&resource, "Properties"))?;
        let indent = self
            .child_indent(&properties)
            .ok_or_else(|| flow(&properties, "Properties"))?;
        Ok(Place {
            resource,
            properties,
            indent,
        })
    }

    /// The properties of a SAM function that shape the role made for it, its own before those of `Globals`.
    fn role_properties(
        &self,
        properties: Option<&Block>,
        of_sam: bool,
    ) -> Result<BTreeMap<&'static str, Block>, NotEdited> {
        let mut found = BTreeMap::new();
        for (key, _) in KEPT {
            let own = properties
                .map(|properties| self.child(properties, key))
                .transpose()?;
            let block = match own.flatten() {
                Some(own) => Some(own),
                None if of_sam => self.in_globals(key)?,
                None => None,
            };
            found.extend(block.map(|block| (key, block)));
        }
        Ok(found)
    }

    /// The block of a key of the `Function` section in `Globals`.
    fn in_globals(&self, key: &str) -> Result<Option<Block>, NotEdited> {
        let top = self
            .lines
            .iter()
            .position(|line| depth(line) == 0 && is_key(line, "Globals"));
        let Some(globals) = top.map(|from| self.block(from)) else {
            return Ok(None);
        };
        // A section in flow style matters only when it has the key.
        if !self.text(&globals).contains(key) {
            return Ok(None);
        }
        match self.child(&globals, "Function")? {
            Some(function) if self.child_indent(&function).is_some() => self.child(&function, key),
            Some(function) if self.text(&function).contains(key) => Err(flow(&function, key)),
            _ => Ok(None),
        }
    }

    /// The edits that take keys out of a block, those that it has.
    fn without(&self, block: &Block, keys: &[&str]) -> Result<Vec<Edit>, NotEdited> {
        let mut edits = Vec::new();
        for key in keys {
            if let Some(Block { from, to, .. }) = self.child(block, key)? {
                let with = String::new();
                edits.push(Edit { from, to, with });
            }
        }
        Ok(edits)
    }

    /// The block that begins at a line: what is indented deeper, and the list that may stand as deep as its key.
    fn block(&self, from: usize) -> Block {
        let indent = self.lines.get(from).map_or(0, |line| depth(line));
        let mut to = from + 1;
        for (index, line) in self.lines.iter().enumerate().skip(from + 1) {
            if is_blank(line) {
                continue;
            }
            let deeper =
                depth(line) > indent || (depth(line) == indent && line.trim_start().starts_with("- "));
            if !deeper {
                break;
            }
            to = index + 1;
        }
        Block { from, to, indent }
    }

    /// How deep the keys in a block stand; `None` when it has none on lines of their own.
    fn child_indent(&self, block: &Block) -> Option<usize> {
        let inner = self.lines.get(block.from + 1..block.to)?;
        inner.iter().find(|line| !is_blank(line)).map(|line| depth(line))
    }

    /// The block of a key in a block.
    fn child(&self, block: &Block, key: &str) -> Result<Option<Block>, NotEdited> {
        let Some(indent) = self.child_indent(block) else {
            return Err(flow(block, key));
        };
        let mut found = (block.from + 1..block.to).filter(|index| {
            self.lines
                .get(*index)
                .is_some_and(|line| depth(line) == indent && is_key(line, key))
        });
        Ok(found.next().map(|from| self.block(from)))
    }

    fn text(&self, block: &Block) -> String {
        self.lines.get(block.from..block.to).unwrap_or_default().concat()
    }

    /// The file with the edits; they may not overlap.
    fn with(&self, mut edits: Vec<Edit>) -> String {
        edits.sort_by_key(|edit| edit.from);
        let mut out = String::new();
        let mut at = 0;
        let ending = if self.lines.first().is_some_and(|line| line.ends_with("\r\n")) {
            "\r\n"
        } else {
            "\n"
        };
        for edit in edits {
            out.push_str(&self.lines.get(at..edit.from).unwrap_or_default().concat());
            if !edit.with.is_empty() && !out.is_empty() && !out.ends_with('\n') {
                out.push_str(ending);
            }
            out.push_str(&edit.with.replace('\n', ending));
            at = at.max(edit.to);
        }
        out.push_str(&self.lines.get(at..).unwrap_or_default().concat());
        out
    }
}

fn depth(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

fn is_blank(line: &str) -> bool {
    let text = line.trim();
    text.is_empty() || text.starts_with('#')
}

/// Whether a line is a key of this name, plain or quoted.
fn is_key(line: &str, key: &str) -> bool {
    let text = line.trim_start();
    let unquoted = ['"', '\'']
        .iter()
        .find_map(|quote| text.strip_prefix(*quote)?.strip_prefix(key)?.strip_prefix(*quote));
    unquoted
        .or_else(|| text.strip_prefix(key))
        .and_then(|rest| rest.trim_start().strip_prefix(':'))
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(char::is_whitespace))
}
