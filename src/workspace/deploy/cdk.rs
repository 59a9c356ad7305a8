//! CDK: what its output says beside the templates: names, places in the app's source, the code of functions.
//!
//! `cdk synth` writes, for each stack, a manifest and metadata by construct path: logical ids and, since 2.1116 or so, the
//! frames of the app that created each construct. Templates carry the paths themselves when the command line made them.
//! A construct without a frame has that of the nearest one around it.
//! <https://docs.aws.amazon.com/cdk/v2/guide/configure-synth.html>

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value as Json;

use super::node::{Entry, Mark, Node, Value};
use super::relocate::shift;
use super::template::{Resource, Template};
use crate::workspace::cargo::join;

/// Larger files are no output of CDK.
const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// Lines below the place of a construct in which its arguments are looked for.
const ARGUMENT_LINES: usize = 40;

/// What an assembly says of the constructs of its stacks.
#[derive(Debug, Default)]
struct Constructs {
    /// Logical id → construct path, by template.
    paths: BTreeMap<String, BTreeMap<String, String>>,
    /// Construct path → the frame that created it.
    frames: BTreeMap<String, Frame>,
    /// Construct paths of stacks, by template.
    stacks: BTreeMap<String, String>,
}

/// A place in the source of the app.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Frame {
    file: String,
    line: u32,
    column: u32,
}

/// Tells a template of a cloud assembly with the places and names of its app; any other template stays as it is.
pub(super) fn place(root: &Path, template: &mut Template) {
    if template.kind == "sam" {
        return;
    }
    let (folder, name) = template.file.rsplit_once('/').unwrap_or(("", &template.file));
    let (folder, name) = (folder.to_owned(), name.to_owned());
    let Some(manifest) = json(&root.join(&folder).join("manifest.json")) else {
        return;
    };
    if manifest.get("artifacts").is_none() {
        return;
    }
    template.kind = "cdk";
    let constructs = Constructs::read(root, &folder, &manifest);
    let stack = constructs.stacks.get(&name).cloned();
    let mut files = vec![template.file.clone()];
    for resource in &mut template.resources {
        let path = constructs.path_of(&name, resource);
        asset(root, &folder, resource);
        let Some(path) = path else { continue };
        if super::function::FUNCTION_TYPES.contains(&resource.type_name.as_str()) {
            let construct = path.trim_end_matches("/Resource");
            let own = stack
                .as_deref()
                .and_then(|stack| construct.strip_prefix(stack)?.strip_prefix('/'));
            template
                .names
                .insert(resource.id.clone(), own.unwrap_or(construct).to_owned());
            template
                .full_names
                .insert(resource.id.clone(), construct.to_owned());
        }
        if let Some(frame) = constructs.frame_of(&path) {
            put(frame, root, resource, &mut files);
        }
    }
    template.set_files(files.into());
}

impl Constructs {
    fn read(root: &Path, folder: &str, manifest: &Json) -> Self {
        let mut constructs = Self::default();
        let app = app_folder(folder);
        let artifacts = manifest.get("artifacts").and_then(Json::as_object);
        for artifact in artifacts.into_iter().flatten().map(|(_, artifact)| artifact) {
            if artifact.get("type").and_then(Json::as_str) != Some("aws:cloudformation:stack") {
                continue;
            }
            let Some(template) = artifact
                .pointer("/properties/templateFile")
                .and_then(Json::as_str)
            else {
                continue;
            };
            let display = artifact.get("displayName").and_then(Json::as_str);
            if let Some(path) = display.and_then(|name| name.split(' ').next()) {
                constructs.stacks.insert(template.to_owned(), path.to_owned());
            }
            let inline = artifact.get("metadata").cloned();
            let beside = artifact
                .get("additionalMetadataFile")
                .and_then(Json::as_str)
                .and_then(|file| json(&root.join(join(folder, file))));
            for metadata in inline.into_iter().chain(beside) {
                constructs.take(root, &app, template, &metadata);
            }
        }
        constructs
    }

    fn take(&mut self, root: &Path, app: &str, template: &str, metadata: &Json) {
        for (path, entries) in metadata.as_object().into_iter().flatten() {
            let path = path.trim_start_matches('/');
            for entry in entries.as_array().into_iter().flatten() {
                let data = entry.get("data");
                match (entry.get("type").and_then(Json::as_str), data) {
                    (Some("aws:cdk:logicalId"), Some(Json::String(id))) => {
                        let known = self.paths.entry(template.to_owned()).or_default();
                        known.insert(id.clone(), path.to_owned());
                    }
                    (Some("aws:cdk:templateFile"), Some(Json::String(file))) => {
                        self.stacks.insert(file.clone(), path.to_owned());
                    }
                    (Some("aws:cdk:creationStack"), Some(Json::Array(frames))) => {
                        let frames = frames.iter().filter_map(Json::as_str);
                        if let Some(frame) = user_frame(root, app, frames) {
                            self.frames.insert(path.to_owned(), frame);
                        }
                    }
                    _ => {}
                }
                // Older versions put the frames beside the logical id.
                let trace = entry.get("trace").and_then(Json::as_array);
                let frames = trace.into_iter().flatten().filter_map(Json::as_str);
                if let Some(frame) = user_frame(root, app, frames) {
                    self.frames.entry(path.to_owned()).or_insert(frame);
                }
            }
        }
    }

    /// The construct path of a resource: its own word, or the metadata's by logical id.
    fn path_of(&self, template: &str, resource: &Resource) -> Option<String> {
        let own = resource
            .node
            .path(&["Metadata", "aws:cdk:path"])
            .and_then(Node::as_text);
        let known = || self.paths.get(template)?.get(&resource.id).cloned();
        own.map(str::to_owned).or_else(known)
    }

    fn frame_of(&self, path: &str) -> Option<&Frame> {
        let mut path = path;
        loop {
            let found = self
                .frames
                .get(path)
                .or_else(|| self.frames.get(&format!("{path}/Resource")));
            if found.is_some() {
                return found;
            }
            // A whole stack is no place for what is in it.
            (path, _) = path.rsplit_once('/')?;
            if self.stacks.values().any(|stack| stack == path) {
                return None;
            }
        }
    }
}

/// The folder of the app: what lies around the outermost `cdk.out`.
fn app_folder(folder: &str) -> String {
    let parts: Vec<&str> = folder
        .split('/')
        .take_while(|part| *part != super::discover::CDK_OUTPUT)
        .collect();
    parts.join("/")
}

/// The first frame that lies in the app: `new Orders (/repo/app.js:7:9)`.
fn user_frame<'f>(root: &Path, app: &str, frames: impl Iterator<Item = &'f str>) -> Option<Frame> {
    frames
        .filter(|frame| !frame.contains("node_modules") && !frame.contains("node:internal"))
        .find_map(|frame| {
            let place = match frame.rsplit_once('(') {
                Some((_, place)) => place.trim_end_matches(')'),
                None => frame.trim().trim_start_matches("at "),
            };
            let (rest, column) = place.rsplit_once(':')?;
            let (file, line) = rest.rsplit_once(':')?;
            Some(Frame {
                file: below_root(root, app, file.trim_start_matches("file://"))?,
                line: line.parse().ok()?,
                column: column.parse().ok()?,
            })
        })
}

/// Frames have paths of the machine that synthesised; the longest end of one that is a file of the app, or of the root,
/// is it.
fn below_root(root: &Path, app: &str, file: &str) -> Option<String> {
    let file = file.replace('\\', "/");
    let parts: Vec<&str> = file
        .split('/')
        .filter(|part| !part.is_empty() && *part != "..")
        .collect();
    (0..parts.len()).find_map(|from| {
        let tail = parts.get(from..)?.join("/");
        let candidates = [join(app, &tail), tail];
        candidates
            .into_iter()
            .find(|candidate| root.join(candidate).is_file())
    })
}

/// Gives a resource the place of its construct; functions get what the source says of their binary, too.
fn put(frame: &Frame, root: &Path, resource: &mut Resource, files: &mut Vec<String>) {
    let index = match files.iter().position(|file| *file == frame.file) {
        Some(index) => index,
        None => {
            files.push(frame.file.clone());
            files.len() - 1
        }
    };
    let at = Mark {
        line: frame.line,
        column: frame.column,
        file: u16::try_from(index).unwrap_or(u16::MAX),
    };
    resource.at = at;
    shift(&mut resource.node, at);
    shift(&mut resource.properties, at);
    if resource.type_name == "AWS::Lambda::Function" {
        stated_binary(frame, root, resource);
    }
}

/// `binaryName` and `manifestPath` in the arguments of the construct.
fn stated_binary(frame: &Frame, root: &Path, function: &mut Resource) {
    let path = root.join(&frame.file);
    let small = std::fs::metadata(&path).is_ok_and(|data| data.len() <= MAX_BYTES);
    let Some(text) = small.then(|| std::fs::read_to_string(path).ok()).flatten() else {
        return;
    };
    let skipped = usize::try_from(frame.line.saturating_sub(1)).unwrap_or(usize::MAX);
    let arguments: Vec<&str> = text
        .lines()
        .skip(skipped)
        .take(ARGUMENT_LINES)
        .enumerate()
        .take_while(|(index, line)| *index == 0 || !line.contains("RustFunction"))
        .map(|(_, line)| line)
        .collect();
    let arguments = arguments.join("\n");
    let at = function.at;
    let mut entries = Vec::new();
    for (key, names) in [
        ("Binary", ["binaryName", "binary_name", "BinaryName"]),
        ("Manifest", ["manifestPath", "manifest_path", "ManifestPath"]),
    ] {
        let value = names.iter().find_map(|name| argument(&arguments, name));
        if let Some(value) = value {
            entries.push(entry(key, Value::Text(value), at));
        }
    }
    if entries.is_empty() {
        return;
    }
    let properties = entry("BuildProperties", Value::Map(entries), at);
    let method = entry("BuildMethod", Value::Text("cdk".to_owned()), at);
    add_metadata(function, vec![method, properties]);
}

/// The quoted text after `name:` or `name=`.
fn argument(text: &str, name: &str) -> Option<String> {
    let (_, after) = text.split_once(name)?;
    // The name itself may be quoted.
    let unquoted = after.strip_prefix(['"', '\'']);
    let after = unquoted
        .filter(|rest| rest.trim_start().starts_with(':'))
        .unwrap_or(after)
        .trim_start_matches([' ', '\t', ':', '=', '(']);
    let quote = after.chars().next().filter(|c| matches!(c, '\'' | '"' | '`'))?;
    let (value, _) = after.get(1..)?.split_once(quote)?;
    (!value.is_empty() && !value.contains(['$', '\n'])).then(|| value.to_owned())
}

/// The code of a function: the asset that its metadata names, or the one whose hash is in the key.
fn asset(root: &Path, folder: &str, function: &mut Resource) {
    if function.type_name != "AWS::Lambda::Function" {
        return;
    }
    let stated = function
        .node
        .path(&["Metadata", "aws:asset:path"])
        .and_then(Node::as_text)
        .map(str::to_owned);
    let by_hash = || {
        let key = function.properties.path(&["Code", "S3Key"])?.as_text()?;
        let hash = key.rsplit('/').next()?.trim_end_matches(".zip");
        let names = [format!("asset.{hash}"), format!("../asset.{hash}")];
        names
            .into_iter()
            .find(|name| root.join(join(folder, name)).exists())
    };
    let Some(path) = stated.or_else(by_hash) else {
        return;
    };
    if let Value::Map(entries) = &mut function.properties.value {
        for entry in entries.iter_mut().filter(|entry| entry.key == "Code") {
            entry.value = Node::new(Value::Text(path.clone()), entry.value.at);
        }
    }
}

fn entry(key: &str, value: Value, at: Mark) -> Entry {
    Entry {
        key: key.to_owned(),
        key_at: at,
        value: Node::new(value, at),
    }
}

fn add_metadata(function: &mut Resource, more: Vec<Entry>) {
    let at = function.at;
    let Value::Map(entries) = &mut function.node.value else {
        return;
    };
    match entries.iter_mut().find(|entry| entry.key == "Metadata") {
        Some(Entry {
            value: Node {
                value: Value::Map(known),
                ..
            },
            ..
        }) => known.extend(more),
        _ => entries.push(entry("Metadata", Value::Map(more), at)),
    }
}

fn json(path: &Path) -> Option<Json> {
    (std::fs::metadata(path).ok()?.len() <= MAX_BYTES).then_some(())?;
    serde_json::from_slice(&std::fs::read(path).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_read_in_the_languages_of_cdk() {
        for (text, expected) in [
            ("binaryName: 'put-order',", Some("put-order")),
            ("binary_name=\"put-order\")", Some("put-order")),
            ("BinaryName = \"put-order\"", Some("put-order")),
            (".binaryName(\"put-order\")", Some("put-order")),
            ("binaryName: name,", None),
            ("binaryName: `put-${stage}`", None),
            ("other: 'x'", None),
        ] {
            let names = ["binaryName", "binary_name", "BinaryName"];
            let found = names.iter().find_map(|name| argument(text, name));
            assert_eq!(found.as_deref(), expected, "{text}");
        }
    }
}
