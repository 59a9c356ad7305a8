//! A stack template as read: its kind, parameters and resources, before anything is expanded.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::node::{Entry, Mark, Node, Value};
use crate::usage::Location;

/// A stack template.
#[derive(Debug)]
pub(crate) struct Template {
    /// Path relative to the scanned root.
    pub(crate) file: String,
    /// What wrote it: `sam`, `cloudformation`, `terraform`, or `account` where nothing did.
    pub(crate) kind: &'static str,
    /// Names of the files by number, where it is written in several; none where `file` is all there is.
    files: Arc<[String]>,
    /// Parameters and their defaults.
    pub(crate) parameters: BTreeMap<String, Option<String>>,
    /// The `Globals` section of SAM.
    pub(crate) globals: Option<Node>,
    /// Resources in the order of the file.
    pub(crate) resources: Vec<Resource>,
    /// Keys of `Resources` that are no resources but loops or includes; what they make cannot be told offline.
    pub(crate) unexpanded: Vec<(String, Mark)>,
    symbols: BTreeSet<String>,
}

/// A resource of a template.
#[derive(Clone, Debug)]
pub(crate) struct Resource {
    /// Logical id.
    pub(crate) id: String,
    /// Type, such as `AWS::Lambda::Function`.
    pub(crate) type_name: String,
    /// Where its logical id stands.
    pub(crate) at: Mark,
    /// The whole resource: `Type`, `Properties`, `Metadata`, `Condition`, `Connectors`.
    pub(crate) node: Node,
    /// Its `Properties`; an empty map where there are none.
    pub(crate) properties: Node,
}

impl Resource {
    /// The condition that decides whether it exists.
    pub(crate) fn condition(&self) -> Option<&str> {
        self.node.get("Condition")?.as_text()
    }
}

impl Template {
    /// Reads the sections of a document; `None` if it is no stack template (its top level has no `Resources` with types
    /// of AWS).
    pub(crate) fn from_node(file: &str, root: &Node) -> Option<Self> {
        let entries = root.get("Resources")?.entries();
        let mut resources = Vec::new();
        let mut unexpanded = Vec::new();
        for entry in entries {
            match resource(entry) {
                Some(resource) => resources.push(resource),
                None if entry.key.starts_with("Fn::") => {
                    unexpanded.push((entry.key.clone(), entry.key_at));
                }
                None => {}
            }
        }
        if let Some(Value::Call(name, _)) = root.get("Resources").map(|node| &node.value) {
            unexpanded.push((format!("Fn::{name}"), root.at));
        }
        if !resources
            .iter()
            .any(|resource| resource.type_name.starts_with("AWS::"))
        {
            return None;
        }
        let parameters = parameters(root);
        let symbols = parameters
            .keys()
            .cloned()
            .chain(resources.iter().map(|resource| resource.id.clone()))
            .collect();
        Some(Self {
            file: file.to_owned(),
            kind: if is_sam(root, &resources) {
                "sam"
            } else {
                "cloudformation"
            },
            files: Arc::default(),
            parameters,
            globals: root.get("Globals").cloned(),
            resources,
            unexpanded,
            symbols,
        })
    }

    /// A template of resources that Terraform declares; the numbers of places are those of `files`.
    pub(crate) fn of_terraform(
        file: String,
        files: Arc<[String]>,
        parameters: BTreeMap<String, Option<String>>,
        resources: Vec<Resource>,
    ) -> Self {
        let names = resources.iter().map(|resource| resource.id.clone());
        Self {
            file,
            kind: "terraform",
            files,
            symbols: parameters.keys().cloned().chain(names).collect(),
            parameters,
            globals: None,
            resources,
            unexpanded: Vec::new(),
        }
    }

    /// A template of what an account has.
    pub(crate) fn of_account(file: String, files: Arc<[String]>, resources: Vec<Resource>) -> Self {
        Self {
            kind: "account",
            ..Self::of_terraform(file, files, BTreeMap::new(), resources)
        }
    }

    /// Whether a symbol (with or without an attribute) is a parameter, pseudo parameter or resource.
    pub(crate) fn knows(&self, symbol: &str) -> bool {
        let name = symbol.split_once('.').map_or(symbol, |(name, _)| name);
        self.symbols.contains(name) || name.starts_with("AWS::")
    }

    /// The resource with that logical id.
    pub(crate) fn resource(&self, id: &str) -> Option<&Resource> {
        self.resources.iter().find(|resource| resource.id == id)
    }

    /// The resources of one type.
    pub(crate) fn of_type<'a>(&'a self, type_name: &'a str) -> impl Iterator<Item = &'a Resource> + 'a {
        self.resources
            .iter()
            .filter(move |resource| resource.type_name == type_name)
    }

    /// A place of this file.
    pub(crate) fn location(&self, at: Mark) -> Location {
        let file = self.files.get(usize::from(at.file)).unwrap_or(&self.file);
        Location::new(file.clone(), at.line, at.column)
    }
}

fn resource(entry: &Entry) -> Option<Resource> {
    let type_name = entry.value.get("Type")?.as_text()?.to_owned();
    let properties = entry
        .value
        .get("Properties")
        .cloned()
        .unwrap_or_else(|| Node::new(Value::Map(Vec::new()), entry.key_at));
    Some(Resource {
        id: entry.key.clone(),
        type_name,
        at: entry.key_at,
        node: entry.value.clone(),
        properties,
    })
}

fn parameters(root: &Node) -> BTreeMap<String, Option<String>> {
    let section = root.get("Parameters").map(Node::entries).unwrap_or(&[]);
    section
        .iter()
        .map(|entry| {
            let default = entry.value.get("Default").and_then(Node::as_text);
            (entry.key.clone(), default.map(str::to_owned))
        })
        .collect()
}

fn is_sam(root: &Node, resources: &[Resource]) -> bool {
    let transformed = root.get("Transform").is_some_and(|node| {
        node.items().iter().any(|item| {
            item.as_text()
                .is_some_and(|name| name.starts_with("AWS::Serverless"))
        })
    });
    transformed
        || resources
            .iter()
            .any(|resource| resource.type_name.starts_with("AWS::Serverless::"))
}
