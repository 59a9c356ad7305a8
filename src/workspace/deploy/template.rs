//! A stack template as read: its kind, parameters and resources, before anything is expanded.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::node::{Entry, Mark, Node, Value};
use super::relocate::placed;
use crate::usage::Location;

/// A stack template.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    /// Path relative to the scanned root.
    pub(crate) file: String,
    /// What wrote it: `sam`, `cloudformation`, `cdk`, `serverless`, `terraform`, or `account` where nothing did.
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
    /// Names that users know functions by, where those are not their logical ids.
    pub(crate) names: BTreeMap<String, String>,
    /// The same, told apart from functions of other stacks; where there is a longer name.
    pub(crate) full_names: BTreeMap<String, String>,
    /// Resources of other stacks that this one mentions.
    pub(crate) outside: Vec<Resource>,
    /// Outputs of the stack, as they are written.
    pub(crate) outputs: Vec<Entry>,
    /// `Conditions`, as they are written.
    pub(crate) conditions: Vec<Entry>,
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
        for (name, at) in macros(root) {
            unexpanded.push((name, at));
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
            names: BTreeMap::new(),
            full_names: BTreeMap::new(),
            outside: Vec::new(),
            outputs: root.get("Outputs").map(Node::entries).unwrap_or(&[]).to_vec(),
            conditions: root.get("Conditions").map(Node::entries).unwrap_or(&[]).to_vec(),
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
        let known: Vec<String> = parameters.keys().cloned().collect();
        let mut template = Self::written("terraform", file, files, parameters, resources);
        template.symbols.extend(known);
        template
    }

    /// A template of resources that something else than CloudFormation declares; the numbers of places are those of
    /// `files`. Parameters are filled in wherever they stand.
    pub(crate) fn written(
        kind: &'static str,
        file: String,
        files: Arc<[String]>,
        parameters: BTreeMap<String, Option<String>>,
        resources: Vec<Resource>,
    ) -> Self {
        Self {
            file,
            kind,
            files,
            symbols: resources.iter().map(|resource| resource.id.clone()).collect(),
            parameters,
            globals: None,
            resources,
            unexpanded: Vec::new(),
            names: BTreeMap::new(),
            full_names: BTreeMap::new(),
            outside: Vec::new(),
            outputs: Vec::new(),
            conditions: Vec::new(),
        }
    }

    /// Its resources, and those of other stacks that it mentions.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Resource> {
        self.resources.iter().chain(&self.outside)
    }

    /// Takes in a resource of another stack, whose places are in those files.
    pub(crate) fn know(&mut self, resource: Resource, files: &[String]) {
        if self.all().any(|known| known.id == resource.id) {
            return;
        }
        let mut all = self.all_files();
        let base = u16::try_from(all.len()).unwrap_or(u16::MAX);
        all.extend_from_slice(files);
        self.set_files(all.into());
        let moved = |at: Mark| Mark {
            file: at.file.saturating_add(base),
            ..at
        };
        self.symbols.insert(resource.id.clone());
        self.outside.push(Resource {
            at: moved(resource.at),
            node: placed(resource.node, &moved),
            properties: placed(resource.properties, &moved),
            ..resource
        });
    }

    /// The files that places are in, by number.
    pub(crate) fn all_files(&self) -> Vec<String> {
        if self.files.is_empty() {
            vec![self.file.clone()]
        } else {
            self.files.to_vec()
        }
    }

    pub(crate) fn set_files(&mut self, files: Arc<[String]>) {
        self.files = files;
    }

    /// Names of the files by number.
    pub(crate) fn files(&self) -> &[String] {
        &self.files
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
        self.all().find(|resource| resource.id == id)
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

/// The resource that an entry of `Resources` writes out.
pub(crate) fn resource(entry: &Entry) -> Option<Resource> {
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

/// Transforms of the whole template that are not AWS's own; what they make of it cannot be told.
fn macros(root: &Node) -> Vec<(String, Mark)> {
    let listed = root.get("Transform").map(Node::items).unwrap_or_default();
    let name = |item: &Node| {
        item.as_text()
            .or_else(|| item.get("Name")?.as_text())
            .map(str::to_owned)
    };
    listed
        .iter()
        .filter_map(|item| Some((name(item)?, item.at)))
        .filter(|(name, _)| !KNOWN_TRANSFORMS.iter().any(|known| name.starts_with(known)))
        .collect()
}

/// Transforms that add nothing that functions or roles have, or that are read.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/transform-reference.html>
const KNOWN_TRANSFORMS: &[&str] = &[
    "AWS::CodeDeployBlueGreen",
    "AWS::LanguageExtensions",
    "AWS::SecretsManager-",
    "AWS::Serverless-",
    "AWS::ServiceCatalog",
];

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
