//! Stacks that know each other: nested stacks with a template in the repository, and exports that others import.
//!
//! A nested stack's parameters become the values that its parent gives them; outputs and imports become the values behind
//! them. Resources that such a value names are known to the stack that mentions them, under their own logical ids. What
//! leads out of the repository stays an opaque symbol.

use std::collections::{BTreeMap, BTreeSet};

use super::node::{Entry, Mark, Node, Value};
use super::template::{Resource, Template};
use super::text::{TextPiece, pieces};
use crate::workspace::cargo::join;

/// Types of resources that stand for another stack.
const NESTED: &[(&str, &str)] = &[
    ("AWS::CloudFormation::Stack", "TemplateURL"),
    ("AWS::Serverless::Application", "Location"),
];

/// What is attached to a role from outside comes with it.
const ATTACHED: &[&str] = &[
    "AWS::IAM::ManagedPolicy",
    "AWS::IAM::Policy",
    "AWS::IAM::RolePolicy",
];

/// Nesting beyond this is a ring.
const MAX_DEPTH: usize = 16;

/// A value and the template that it is written in.
type Known = (usize, Node);

/// Puts values of other stacks in the place of what names them: parameters from the outside in, then outputs from the
/// inside out, then exports.
pub(super) fn join_stacks(templates: &mut [Template]) {
    let children = children(templates);
    let inwards = parents_first(templates.len(), &children);
    for index in &inwards {
        let known = parameters(*index, templates, &children);
        put(*index, templates, &known);
    }
    for index in inwards.iter().rev() {
        let known = outputs(*index, templates, &children);
        put(*index, templates, &known);
    }
    let exports = exports(templates);
    for index in inwards {
        let of_others = exports.iter().filter(|(_, (owner, _))| *owner != index);
        let known = of_others.map(|(name, value)| (format!("import {name}"), value.clone()));
        let known = known.collect();
        put(index, templates, &known);
    }
}

fn put(index: usize, templates: &mut [Template], known: &BTreeMap<String, Known>) {
    let Some(template) = templates.get_mut(index).filter(|_| !known.is_empty()) else {
        return;
    };
    let mut joint = Joint {
        known,
        own: template.all().map(|resource| resource.id.clone()).collect(),
        mentioned: BTreeSet::new(),
    };
    for resource in &mut template.resources {
        joint.replace(&mut resource.properties);
    }
    for output in &mut template.outputs {
        joint.replace(&mut output.value);
    }
    let mentioned = joint.mentioned;
    bring_in(index, &mentioned, templates);
}

/// What nested stacks are given, by `param Name`.
fn parameters(
    index: usize,
    templates: &[Template],
    children: &[(usize, String, usize)],
) -> BTreeMap<String, Known> {
    // A template that several stacks use has no one value for its parameters.
    let parents: Vec<_> = children.iter().filter(|(_, _, child)| *child == index).collect();
    let [(parent, id, _)] = parents.as_slice() else {
        return BTreeMap::new();
    };
    let given = templates
        .get(*parent)
        .and_then(|template| template.resource(id))
        .and_then(|stack| stack.properties.get("Parameters"));
    let given = given.map(Node::entries).unwrap_or_default();
    given
        .iter()
        .map(|entry| (format!("param {}", entry.key), (*parent, entry.value.clone())))
        .collect()
}

/// What the stacks in a stack give back, by `output Child.Name`.
fn outputs(
    index: usize,
    templates: &[Template],
    children: &[(usize, String, usize)],
) -> BTreeMap<String, Known> {
    let mut known = BTreeMap::new();
    for (_, id, child) in children.iter().filter(|(parent, _, _)| *parent == index) {
        let outputs = templates.get(*child).map(|template| template.outputs.as_slice());
        for output in outputs.unwrap_or_default() {
            if let Some(value) = output.value.get("Value") {
                known.insert(format!("output {id}.{}", output.key), (*child, value.clone()));
            }
        }
    }
    known
}

/// The templates in an order in which each stands behind those it is nested in.
fn parents_first(count: usize, children: &[(usize, String, usize)]) -> Vec<usize> {
    let mut depths = vec![0_usize; count];
    for _ in 0..count.min(MAX_DEPTH) {
        for (parent, _, child) in children {
            let above = depths.get(*parent).copied().unwrap_or_default();
            if let Some(depth) = depths.get_mut(*child) {
                *depth = (*depth).max(above + 1);
            }
        }
    }
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by_key(|index| depths.get(*index).copied());
    order
}

/// The exports of every stack by name, where only one stack has that name.
fn exports(templates: &[Template]) -> BTreeMap<String, Known> {
    let mut found: BTreeMap<String, Known> = BTreeMap::new();
    let mut twice = BTreeSet::new();
    for (index, template) in templates.iter().enumerate() {
        for output in &template.outputs {
            let name = output.value.path(&["Export", "Name"]);
            let name = name.and_then(|name| super::text::text(template, name));
            if let (Some(name), Some(value)) = (name, output.value.get("Value"))
                && found.insert(name.clone(), (index, value.clone())).is_some()
            {
                twice.insert(name);
            }
        }
    }
    found.retain(|name, _| !twice.contains(name));
    found
}

/// Parent, logical id of the nested stack in it, and child.
fn children(templates: &[Template]) -> Vec<(usize, String, usize)> {
    let mut found = Vec::new();
    for (parent, template) in templates.iter().enumerate() {
        let folder = template.file.rsplit_once('/').map_or("", |(folder, _)| folder);
        for resource in &template.resources {
            let Some((_, property)) = NESTED.iter().find(|(name, _)| *name == resource.type_name) else {
                continue;
            };
            let asset = resource.node.path(&["Metadata", "aws:asset:path"]);
            let location = asset.or_else(|| resource.properties.get(property));
            let Some(path) = location.and_then(Node::as_text) else {
                continue;
            };
            let file = join(folder, path);
            let child = templates
                .iter()
                .position(|other| other.file == file)
                .filter(|child| *child != parent);
            found.extend(child.map(|child| (parent, resource.id.clone(), child)));
        }
    }
    found
}

/// Values of other stacks on their way into one.
struct Joint<'a> {
    known: &'a BTreeMap<String, Known>,
    /// Resources of the template itself.
    own: BTreeSet<String>,
    /// What the values that were put in name: owner and logical id.
    mentioned: BTreeSet<(usize, String)>,
}

impl Joint<'_> {
    /// The value behind a name, unless what it mentions is something else here.
    fn value(&mut self, key: &str) -> Option<Node> {
        let (owner, value) = self.known.get(key)?;
        let mut mentioned = BTreeSet::new();
        mention(*owner, value, &mut mentioned);
        let clashes = mentioned
            .iter()
            .any(|name| self.own.contains(&name.1) && !self.mentioned.contains(name));
        if clashes {
            return None;
        }
        self.mentioned.append(&mut mentioned);
        Some(value.clone())
    }

    /// Puts known values in the place of what names them.
    fn replace(&mut self, node: &mut Node) {
        let key = match &node.value {
            Value::Ref(name) => Some(format!("param {name}")),
            Value::GetAtt(id, attribute) => attribute
                .strip_prefix("Outputs.")
                .map(|output| format!("output {id}.{output}")),
            Value::Call(name, argument) if name == "ImportValue" => match &argument.value {
                Value::Text(name) | Value::Sub(name, _) => Some(format!("import {name}")),
                _ => None,
            },
            _ => None,
        };
        if let Some(value) = key.and_then(|key| self.value(&key)) {
            node.value = value.value;
            return;
        }
        match &mut node.value {
            Value::List(items) => items.iter_mut().for_each(|item| self.replace(item)),
            Value::Map(entries) => entries
                .iter_mut()
                .for_each(|entry| self.replace(&mut entry.value)),
            Value::Join(_, inner) | Value::Call(_, inner) => self.replace(inner),
            Value::If(_, then, otherwise) => {
                self.replace(then);
                self.replace(otherwise);
            }
            Value::Sub(text, variables) => {
                variables
                    .iter_mut()
                    .for_each(|entry| self.replace(&mut entry.value));
                let text = text.clone();
                self.substitute(&text, variables, node.at);
            }
            Value::Null | Value::Text(_) | Value::Ref(_) | Value::GetAtt(..) => {}
        }
    }

    /// Parameters and outputs in a text become variables of it.
    fn substitute(&mut self, text: &str, variables: &mut Vec<Entry>, at: Mark) {
        for piece in pieces(text) {
            let TextPiece::Symbol(symbol) = piece else {
                continue;
            };
            let symbol = symbol.trim();
            if variables.iter().any(|entry| entry.key == symbol) {
                continue;
            }
            let key = match symbol.split_once(".Outputs.") {
                Some((id, output)) => format!("output {id}.{output}"),
                None => format!("param {symbol}"),
            };
            if let Some(value) = self.value(&key) {
                variables.push(Entry {
                    key: symbol.to_owned(),
                    key_at: at,
                    value,
                });
            }
        }
    }
}

/// Notes what a value of another stack names there.
fn mention(owner: usize, value: &Node, mentioned: &mut BTreeSet<(usize, String)>) {
    match &value.value {
        Value::Ref(name) | Value::GetAtt(name, _) => {
            mentioned.insert((owner, name.clone()));
        }
        Value::Sub(text, variables) => {
            for piece in pieces(text) {
                if let TextPiece::Symbol(symbol) = piece {
                    let name = symbol.split_once('.').map_or(symbol, |(name, _)| name);
                    mentioned.insert((owner, name.to_owned()));
                }
            }
            for entry in variables {
                mention(owner, &entry.value, mentioned);
            }
        }
        Value::List(items) => items.iter().for_each(|item| mention(owner, item, mentioned)),
        Value::Map(entries) => entries
            .iter()
            .for_each(|entry| mention(owner, &entry.value, mentioned)),
        Value::Join(_, inner) | Value::Call(_, inner) => mention(owner, inner, mentioned),
        Value::If(_, then, otherwise) => {
            mention(owner, then, mentioned);
            mention(owner, otherwise, mentioned);
        }
        Value::Null | Value::Text(_) => {}
    }
}

/// Makes resources of other stacks known to a template, unless it has something of that name itself.
fn bring_in(index: usize, mentioned: &BTreeSet<(usize, String)>, templates: &mut [Template]) {
    let mut found: Vec<(Resource, Vec<String>)> = Vec::new();
    let mut parameters = Vec::new();
    for (owner, name) in mentioned {
        let Some(template) = templates.get(*owner) else {
            continue;
        };
        if let Some(resource) = template.resource(name) {
            let files = template.all_files();
            found.push((resource.clone(), files.clone()));
            if resource.type_name == "AWS::IAM::Role" {
                let policies = template
                    .all()
                    .filter(|other| ATTACHED.contains(&other.type_name.as_str()));
                found.extend(policies.map(|policy| (policy.clone(), files.clone())));
            }
        } else if let Some(default) = template.parameters.get(name) {
            parameters.push((name.clone(), default.clone()));
        }
    }
    if let Some(template) = templates.get_mut(index) {
        for (resource, files) in found {
            template.know(resource, &files);
        }
        for (name, default) in parameters {
            template.parameters.entry(name).or_insert(default);
        }
    }
}
