//! One stack deployed several times: once for each set of parameters, with the conditions that those settle.
//!
//! A template with one set keeps its name. With several there is one stack for each, called `template.yaml#prod`, and its
//! functions are told apart as `prod/PutOrder`.

use std::collections::BTreeMap;

use super::node::{Entry, Node, Value};
use super::template::{Resource, Template};
use super::text::{TextPiece, pieces, text};

/// A set of parameters for the stacks at a path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stage {
    /// File of a stack template (or service, or module), or a folder with some, relative to the scanned root.
    pub path: String,
    /// What tells it apart from others of the same stack.
    pub name: String,
    /// Values by the names that the stack gives its parameters: variables of Terraform without `var.`; of the Serverless
    /// Framework `stage`, or `opt:…`, `env:…`, `param:…`.
    pub parameters: BTreeMap<String, String>,
}

impl Stage {
    /// Whether it is one of the stacks of a file.
    pub(super) fn is_of(&self, file: &str) -> bool {
        let below = file
            .strip_prefix(self.path.as_str())
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        self.path.is_empty() || below
    }
}

/// The stages of a file.
pub(super) fn of<'s>(stages: &'s [Stage], file: &str) -> Vec<&'s Stage> {
    stages.iter().filter(|stage| stage.is_of(file)).collect()
}

/// The templates, once for each of their stages.
pub(super) fn expand(templates: Vec<Template>, stages: &[Stage]) -> Vec<Template> {
    templates
        .into_iter()
        .flat_map(|template| {
            // Services of the Serverless Framework were read with their parameters.
            if template.kind == "serverless" {
                return vec![template];
            }
            match of(stages, &template.file).as_slice() {
                [] => vec![template],
                [only] => vec![settled(&template, only)],
                several => several
                    .iter()
                    .map(|stage| {
                        let mut made = settled(&template, stage);
                        name(&mut made, &stage.name);
                        made
                    })
                    .collect(),
            }
        })
        .collect()
}

/// Tells the stack and its functions apart from those of other stages.
pub(super) fn name(template: &mut Template, stage: &str) {
    // Places stay those of the file.
    template.set_files(template.all_files().into());
    template.file = format!("{}#{stage}", template.file);
    tell_apart(template, stage);
}

/// Tells the functions of a stack apart from those of other stages.
pub(super) fn tell_apart(template: &mut Template, stage: &str) {
    for resource in &template.resources {
        let known = template.full_names.get(&resource.id);
        let known = known.or_else(|| template.names.get(&resource.id));
        let short = known.unwrap_or(&resource.id);
        let full = format!("{stage}/{short}");
        template.names.insert(resource.id.clone(), full.clone());
        template.full_names.insert(resource.id.clone(), full);
    }
}

/// The template with values in the place of parameters.
fn settled(template: &Template, stage: &Stage) -> Template {
    let mut values = BTreeMap::new();
    for (name, value) in &stage.parameters {
        let name = if template.kind == "terraform" {
            format!("var.{name}")
        } else {
            name.clone()
        };
        values.insert(name, value.clone());
    }
    let mut made = template.clone();
    let settle = Settle {
        conditions: conditions(template, &values),
        values,
        in_plain_texts: template.kind == "terraform",
    };
    for (name, default) in &mut made.parameters {
        if let Some(value) = settle.values.get(name) {
            *default = Some(value.clone());
        }
    }
    made.resources.retain(|resource| settle.stands(resource));
    for resource in &mut made.resources {
        settle.node(&mut resource.properties);
        settle.node(&mut resource.node);
    }
    for output in &mut made.outputs {
        settle.node(&mut output.value);
    }
    made
}

/// The conditions whose truth the values settle.
fn conditions(template: &Template, values: &BTreeMap<String, String>) -> BTreeMap<String, bool> {
    let mut known: BTreeMap<String, bool> = BTreeMap::new();
    // Each round settles at least one of those that rest on others.
    for _ in 0..template.conditions.len() {
        let before = known.len();
        for entry in &template.conditions {
            if !known.contains_key(&entry.key)
                && let Some(holds) = holds(template, &entry.value, values, &known, 0)
            {
                known.insert(entry.key.clone(), holds);
            }
        }
        if known.len() == before {
            break;
        }
    }
    known
}

fn holds(
    template: &Template,
    node: &Node,
    values: &BTreeMap<String, String>,
    known: &BTreeMap<String, bool>,
    depth: usize,
) -> Option<bool> {
    if depth > 32 {
        return None;
    }
    let inner = |node: &Node| holds(template, node, values, known, depth + 1);
    match &node.value {
        Value::Call(name, argument) => match (name.as_str(), argument.items()) {
            ("Equals", [one, other]) => {
                let plain = |node: &Node| {
                    let settle = Settle {
                        values: values.clone(),
                        conditions: BTreeMap::new(),
                        in_plain_texts: false,
                    };
                    let mut node = node.clone();
                    settle.node(&mut node);
                    text(template, &node).filter(|text| !text.contains("${"))
                };
                Some(plain(one)? == plain(other)?)
            }
            ("Not", [only]) => inner(only).map(|holds| !holds),
            ("And", all) => {
                let parts: Vec<_> = all.iter().map(inner).collect();
                if parts.contains(&Some(false)) {
                    Some(false)
                } else {
                    parts.iter().all(|part| *part == Some(true)).then_some(true)
                }
            }
            ("Or", all) => {
                let parts: Vec<_> = all.iter().map(inner).collect();
                if parts.contains(&Some(true)) {
                    Some(true)
                } else {
                    parts.iter().all(|part| *part == Some(false)).then_some(false)
                }
            }
            ("Condition", _) => known.get(argument.as_text()?).copied(),
            _ => None,
        },
        Value::Map(entries) => match entries.as_slice() {
            [only] if only.key == "Condition" => known.get(only.value.as_text()?).copied(),
            _ => None,
        },
        _ => None,
    }
}

struct Settle {
    values: BTreeMap<String, String>,
    conditions: BTreeMap<String, bool>,
    /// Whether symbols stand in plain texts, too.
    in_plain_texts: bool,
}

impl Settle {
    fn stands(&self, resource: &Resource) -> bool {
        let condition = resource.condition();
        condition.and_then(|name| self.conditions.get(name)) != Some(&false)
    }

    fn node(&self, node: &mut Node) {
        match &node.value {
            Value::Ref(name) => {
                if let Some(value) = self.values.get(name) {
                    node.value = Value::Text(value.clone());
                }
            }
            Value::If(name, then, otherwise) => match self.conditions.get(name) {
                Some(holds) => {
                    node.value = if *holds { then } else { otherwise }.value.clone();
                    self.node(node);
                }
                None => self.nested(node),
            },
            _ => self.nested(node),
        }
    }

    fn nested(&self, node: &mut Node) {
        match &mut node.value {
            Value::List(items) => items.iter_mut().for_each(|item| self.node(item)),
            Value::Map(entries) => self.entries(entries),
            Value::Sub(text, variables) => {
                self.entries(variables);
                let own: Vec<&str> = variables.iter().map(|entry| entry.key.as_str()).collect();
                *text = self.text(text, &own);
            }
            Value::Text(text) if self.in_plain_texts => *text = self.text(text, &[]),
            Value::Join(_, inner) | Value::Call(_, inner) => self.node(inner),
            Value::If(_, then, otherwise) => {
                self.node(then);
                self.node(otherwise);
            }
            Value::Null | Value::Text(_) | Value::Ref(_) | Value::GetAtt(..) => {}
        }
    }

    fn entries(&self, entries: &mut [Entry]) {
        entries.iter_mut().for_each(|entry| self.node(&mut entry.value));
    }

    fn text(&self, text: &str, own: &[&str]) -> String {
        pieces(text)
            .into_iter()
            .map(|piece| match piece {
                TextPiece::Plain(plain) => plain.to_owned(),
                TextPiece::Symbol(symbol) => match self.values.get(symbol.trim()) {
                    Some(value) if !own.contains(&symbol.trim()) => value.clone(),
                    _ => format!("${{{symbol}}}"),
                },
            })
            .collect()
    }
}
