//! What `serverless package` wrote: the template that is deployed, told with the places of the service file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::super::discover::relative;
use super::super::node::{Entry, Node, Value};
use super::super::parse::parse;
use super::super::relocate::{in_file, relocate};
use super::super::template::{Resource, Template};
use super::build::text;
use super::names;
use crate::usage::{Gap, Location};

/// The folder that the framework writes to.
const OUTPUT: &str = ".serverless";

/// The template in it, and what the framework knew when it wrote it.
const TEMPLATE: &str = "cloudformation-template-update-stack.json";
const STATE: &str = "serverless-state.json";

/// Larger files are no output of the framework.
const MAX_BYTES: u64 = 32 * 1024 * 1024;

/// The output for one service.
#[derive(Debug)]
pub(super) struct Output {
    /// Path of the compiled template, relative to the root.
    file: String,
    template: Template,
    /// The stage that it was compiled for.
    pub(super) stage: Option<String>,
    /// The file that is deployed, by function.
    artifacts: BTreeMap<String, String>,
}

/// Reads the output beside a service file, if it is there.
pub(super) fn read(service: &Path, root: &Path) -> Option<Output> {
    let folder = service.parent()?.join(OUTPUT);
    let path = folder.join(TEMPLATE);
    let file = relative(root, &path);
    let parsed = parse(&file, &small_text(&path)?).ok()?;
    let mut template = Template::from_node(&file, parsed.documents.first()?)?;
    template.kind = "serverless";
    let state: serde_json::Value = small_text(&folder.join(STATE))
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default();
    let stage = state
        .pointer("/service/provider/stage")
        .and_then(serde_json::Value::as_str);
    let functions = state
        .pointer("/service/functions")
        .and_then(serde_json::Value::as_object);
    let mut artifacts = BTreeMap::new();
    for (name, function) in functions.into_iter().flatten() {
        template.names.insert(names::function(name), name.clone());
        let artifact = function
            .pointer("/package/artifact")
            .and_then(serde_json::Value::as_str);
        if let Some(artifact) = artifact {
            artifacts.insert(name.clone(), artifact.to_owned());
        }
    }
    Some(Output {
        file,
        template,
        stage: stage.map(str::to_owned),
        artifacts,
    })
}

fn small_text(path: &Path) -> Option<String> {
    (std::fs::metadata(path).ok()?.len() <= MAX_BYTES).then_some(())?;
    std::fs::read_to_string(path).ok()
}

/// The output of a service that is a program: places are those of the output.
pub(super) fn alone(output: Output) -> Option<Template> {
    let mut template = output.template;
    // Paths of the state are relative to the service, whose folder is the one above.
    for resource in &mut template.resources {
        let name = template.names.get(&resource.id);
        if let Some(artifact) = name.and_then(|name| output.artifacts.get(name)) {
            set_code(resource, &format!("../{artifact}"));
        }
    }
    Some(template)
}

/// The output with the places, names and artefacts of the service file.
pub(super) fn married(output: Output, written: &Template, gaps: &mut Vec<Gap>) -> Option<Template> {
    let Output {
        file,
        template: compiled,
        artifacts,
        ..
    } = output;
    let functions = |template: &Template| -> BTreeSet<String> {
        template
            .of_type("AWS::Lambda::Function")
            .map(|function| function.id.clone())
            .filter(|id| written.names.contains_key(id) || compiled.names.contains_key(id))
            .collect()
    };
    let (now, then) = (functions(written), functions(&compiled));
    if now != then {
        let differing: Vec<&str> = now.symmetric_difference(&then).map(String::as_str).collect();
        gaps.push(
            Gap::new(
                "stale-deployment-output",
                format!(
                    "`{file}` is older than the service file: they differ in {}",
                    differing.join(", ")
                ),
            )
            .at(Location::new(written.file.clone(), 1, 1))
            .hint("run `serverless package` again, or remove its output"),
        );
    }
    let mut files: Vec<String> = written.files().to_vec();
    let number = u16::try_from(files.len()).unwrap_or(u16::MAX);
    files.push(file);
    let resources = compiled
        .resources
        .into_iter()
        .map(|resource| placed(resource, written, number, &artifacts))
        .collect();
    let mut parameters = written.parameters.clone();
    parameters.extend(compiled.parameters);
    let mut template = Template::written(
        "serverless",
        written.file.clone(),
        files.into(),
        parameters,
        resources,
    );
    template.names = compiled.names;
    template.names.extend(written.names.clone());
    template.outputs = compiled
        .outputs
        .into_iter()
        .map(|entry| Entry {
            value: in_file(entry.value, number),
            ..entry
        })
        .collect();
    Some(template)
}

/// A compiled resource with the places of the one in the service file.
fn placed(
    resource: Resource,
    written: &Template,
    number: u16,
    artifacts: &BTreeMap<String, String>,
) -> Resource {
    let mut placed = Resource {
        node: in_file(resource.node, number),
        properties: in_file(resource.properties, number),
        at: super::super::node::Mark {
            file: number,
            ..resource.at
        },
        ..resource
    };
    let Some(known) = written.resource(&placed.id) else {
        return placed;
    };
    placed.at = known.at;
    relocate(&mut placed.properties, &known.properties);
    if placed.type_name == "AWS::IAM::Role" {
        mark_policies(&mut placed.properties, &known.properties);
    }
    if placed.type_name == "AWS::Lambda::Function" {
        let code = known.properties.get("Code").and_then(Node::as_text);
        let name = written.names.get(&placed.id);
        let artifact = name.and_then(|name| artifacts.get(name)).map(String::as_str);
        if let Some(artifact) = code.or(artifact) {
            set_code(&mut placed, artifact);
        }
        if let (Value::Map(entries), Some(metadata)) = (&mut placed.node.value, known.node.entry("Metadata"))
        {
            entries.push(metadata.clone());
        }
    }
    placed
}

/// The artefact in the place of the bucket that it is uploaded to.
fn set_code(function: &mut Resource, artifact: &str) {
    if let Value::Map(entries) = &mut function.properties.value {
        for entry in entries.iter_mut().filter(|entry| entry.key == "Code") {
            entry.value = text(artifact, entry.value.at);
        }
    }
}

/// Managed policies that the framework attaches by itself are told as such.
fn mark_policies(compiled: &mut Node, written: &Node) {
    let marked = written
        .get("ManagedPolicyArns")
        .map(Node::items)
        .unwrap_or_default();
    let Value::Map(entries) = &mut compiled.value else {
        return;
    };
    let list = entries.iter_mut().find(|entry| entry.key == "ManagedPolicyArns");
    let Some(Value::List(items)) = list.map(|entry| &mut entry.value.value) else {
        return;
    };
    for item in items {
        let Value::Join(_, parts) = &item.value else {
            continue;
        };
        let Some(last) = parts.items().last().and_then(Node::as_text) else {
            continue;
        };
        let same = marked.iter().find(|known| {
            let name = known.get("ManagedPolicy").and_then(Node::as_text);
            name.is_some_and(|name| last.ends_with(name))
        });
        if let Some(known) = same {
            *item = known.clone();
        }
    }
}
