//! The functions of a template: environment, triggers, settings that make Lambda use the role, and which role it is.

use std::collections::BTreeMap;

use super::branches::{and, branches};
use super::globals::merged_properties;
use super::names::key_arn;
use super::node::{Entry, Node, Value};
use super::reading::Reading;
use super::roles::Roles;
use super::template::Resource;
use crate::usage::{Confidence, Gap, Location};
use crate::workspace::cargo::join;
use crate::workspace::model::{CodeClue, EnvValue, Function, Role, RuntimeSettings, Trigger};

/// Types of resources that are functions.
pub(crate) const FUNCTION_TYPES: &[&str] = &[
    "AWS::Lambda::Function",
    "AWS::Lambda::WebFunction",
    "AWS::Serverless::Function",
    "AWS::Serverless::WebFunction",
];

/// A function with the properties that count, `Globals` included.
pub(crate) struct Declared<'a> {
    pub(crate) resource: &'a Resource,
    pub(crate) properties: Node,
}

impl Declared<'_> {
    pub(crate) fn is_sam(&self) -> bool {
        self.resource.type_name.starts_with("AWS::Serverless::")
    }

    /// The property that names the execution role.
    pub(crate) fn role(&self) -> Option<&Node> {
        let name = match self.resource.type_name.as_str() {
            "AWS::Serverless::WebFunction" | "AWS::Lambda::WebFunction" => "ExecutionRoleArn",
            _ => "Role",
        };
        self.properties.get(name).filter(|node| !node.is_no_value())
    }
}

impl<'a> Reading<'a> {
    /// The functions that the template declares, in its order.
    pub(crate) fn declared(&self) -> Vec<Declared<'a>> {
        let template = self.template;
        template
            .resources
            .iter()
            .filter(|resource| FUNCTION_TYPES.contains(&resource.type_name.as_str()))
            .map(|resource| Declared {
                resource,
                properties: match resource.type_name.as_str() {
                    "AWS::Lambda::WebFunction" => self.with_revision(resource),
                    _ => merged_properties(template, resource),
                },
            })
            .collect()
    }

    /// A web function's settings and role stand in its revisions; the last one in the template counts.
    fn with_revision(&self, function: &Resource) -> Node {
        let mut entries = function.properties.entries().to_vec();
        let template = self.template;
        let revision = template
            .of_type("AWS::Lambda::WebFunctionRevision")
            .filter(|revision| {
                let text = revision
                    .properties
                    .get("FunctionName")
                    .and_then(|node| self.text(node));
                text.and_then(|text| self.stack.resource_named(&text))
                    .is_some_and(|resource| resource.id == function.id)
            })
            .last();
        let parts = revision.into_iter().flat_map(|revision| {
            let properties = &revision.properties;
            let nested = [&["ServiceConfig"][..], &["BuildConfig", "RuntimeConfig"]];
            let nested = nested.into_iter().filter_map(|path| properties.path(path));
            nested.chain([properties]).flat_map(Node::entries)
        });
        for entry in parts {
            if !entries.iter().any(|known| known.key == entry.key) {
                entries.push(entry.clone());
            }
        }
        Node::new(Value::Map(entries), function.properties.at)
    }

    /// The function, without the roles' `shared_with`.
    pub(crate) fn function(
        &mut self,
        declared: &Declared<'_>,
        triggers: &BTreeMap<String, Vec<Trigger>>,
        roles: &Roles,
    ) -> Function {
        let Declared { resource, properties } = declared;
        let deployed_name = properties
            .get("FunctionName")
            .and_then(|node| self.text(node))
            .unwrap_or_else(|| format!("${{{}}}", resource.id));
        let mut own_triggers = if declared.is_sam() {
            self.sam_triggers(&resource.id, properties)
        } else {
            Vec::new()
        };
        own_triggers.extend(triggers.get(&resource.id).cloned().unwrap_or_default());
        let runtime = self.runtime(properties);
        let template_name = self.template.names.get(&resource.id).cloned();
        Function {
            full_name: self.template.full_names.get(&resource.id).cloned(),
            name: template_name.unwrap_or_else(|| resource.id.clone()),
            binary: None,
            linked_by: None,
            link_confidence: Confidence::Low,
            stack: None,
            location: self.location(resource.at),
            may_be_rust: self.may_be_rust(declared, runtime.as_deref()),
            runtime,
            env: self.environment(declared),
            triggers: own_triggers,
            runtime_settings: self.runtime_settings(declared, &deployed_name),
            role: self.current_role(declared, roles),
            code: self.code(declared),
            deployed_name,
        }
    }

    /// The runtime; a parameter's default where a parameter gives it.
    fn runtime(&self, properties: &Node) -> Option<String> {
        let text = self.text(properties.get("Runtime")?)?;
        Some(self.stack.with_defaults(&text))
    }

    /// Custom runtimes and container images can be Rust, unless SAM builds them as something else; so can what cannot
    /// be told.
    fn may_be_rust(&self, declared: &Declared<'_>, runtime: Option<&str>) -> bool {
        let properties = &declared.properties;
        if properties.get("InlineCode").is_some() || properties.path(&["Code", "ZipFile"]).is_some() {
            return false;
        }
        let method = declared.resource.node.path(&["Metadata", "BuildMethod"]);
        let method = method.and_then(Node::as_text).unwrap_or("makefile");
        let built_as_rust = matches!(
            method,
            "makefile" | "rust-cargolambda" | "serverless-rust" | "handler" | "cdk"
        );
        built_as_rust
            && runtime.is_none_or(|runtime| runtime.starts_with("provided") || runtime.contains("${"))
    }

    fn environment(&self, declared: &Declared<'_>) -> BTreeMap<String, EnvValue> {
        let properties = &declared.properties;
        let variables = properties
            .path(&["Environment", "Variables"])
            .or_else(|| properties.get("EnvironmentVariables"));
        let entries = variables.map(Node::entries).unwrap_or(&[]);
        entries
            .iter()
            .filter_map(|entry| {
                let text = match &entry.value.value {
                    // What `jsonencode` makes of a value is a text; the value is kept.
                    Value::List(_) | Value::Map(_) => super::text::json(self.template, &entry.value),
                    _ => self.text(&entry.value)?,
                };
                let value = EnvValue {
                    text: super::secrets::shown(&entry.key, text),
                    location: self.location(entry.key_at),
                };
                Some((entry.key.clone(), value))
            })
            .collect()
    }

    fn runtime_settings(&self, declared: &Declared<'_>, deployed_name: &str) -> RuntimeSettings {
        let properties = &declared.properties;
        let here = |entry: &Entry| self.location(entry.key_at);
        let named =
            |entry: Option<&Entry>, node: Option<&Node>| Some((self.arn_of_named(node?)?, here(entry?)));
        let dead_letter = if declared.is_sam() {
            properties.entry("DeadLetterQueue")
        } else {
            properties.entry("DeadLetterConfig")
        };
        let log_group = properties
            .path(&["LoggingConfig", "LogGroup"])
            .and_then(|node| Some((self.text(node)?, self.location(node.at))));
        let log_group_in_stack =
            self.log_group_in_stack(&declared.resource.id, deployed_name, log_group.as_ref());
        RuntimeSettings {
            tracing: self.tracing(declared),
            vpc: properties
                .entry("VpcConfig")
                .filter(|entry| !entry.value.entries().is_empty() || entry.value.is_function())
                .map(here),
            networks: self.networks(properties.get("VpcConfig")),
            dead_letter: named(
                dead_letter,
                dead_letter.and_then(|entry| entry.value.get("TargetArn")),
            ),
            destinations: self.destinations(declared),
            file_systems: self.each_arn(properties.get("FileSystemConfigs"), Some("Arn")),
            kms_key: properties.entry("KmsKeyArn").and_then(|entry| {
                let key = key_arn(self.template, self.stack, &entry.value)?;
                Some((key, here(entry)))
            }),
            layers: self.each_arn(properties.get("Layers"), None),
            log_group,
            log_group_in_stack,
            durable: properties.entry("DurableConfig").map(here),
        }
    }

    /// Active tracing; a value that cannot be told counts as active.
    fn tracing(&self, declared: &Declared<'_>) -> Option<Location> {
        let entry = if declared.is_sam() {
            declared.properties.entry("Tracing")?
        } else {
            declared.properties.get("TracingConfig")?.entry("Mode")?
        };
        let active = entry.value.is_function() || entry.value.as_text() == Some("Active");
        active.then(|| self.location(entry.key_at))
    }

    fn each_arn(&self, list: Option<&Node>, key: Option<&str>) -> Vec<(String, Location)> {
        let items = list.map(super::branches::items).unwrap_or_default();
        items
            .iter()
            .filter_map(|item| {
                let node = match key {
                    Some(key) => item.node.get(key)?,
                    None => item.node,
                };
                Some((self.arn_of_named(node)?, self.location(item.node.at)))
            })
            .collect()
    }

    /// Destinations of asynchronous invocations, of the function itself or of `AWS::Lambda::EventInvokeConfig`.
    fn destinations(&self, declared: &Declared<'_>) -> Vec<(String, Location)> {
        let own = declared
            .properties
            .path(&["EventInvokeConfig", "DestinationConfig"]);
        let template = self.template;
        let others = template
            .of_type("AWS::Lambda::EventInvokeConfig")
            .filter(|config| {
                config
                    .properties
                    .get("FunctionName")
                    .and_then(|node| self.function_named(node))
                    .is_some_and(|id| id == declared.resource.id)
            })
            .filter_map(|config| config.properties.get("DestinationConfig"));
        let mut found = Vec::new();
        for config in own.into_iter().chain(others) {
            for entry in config.entries() {
                if let Some(target) = entry.value.get("Destination") {
                    for branch in branches(target) {
                        let arn = self.arn_of_named(branch.node);
                        found.extend(arn.map(|arn| (arn, self.location(entry.key_at))));
                    }
                } else if let Some(arn) = super::sam::generated_destination(
                    entry
                        .value
                        .get("Type")
                        .and_then(Node::as_text)
                        .unwrap_or_default(),
                    &format!("{}EventInvokeConfig{}", declared.resource.id, entry.key),
                ) {
                    found.push((arn, self.location(entry.key_at)));
                }
            }
        }
        found
    }

    /// The log group of the same template that the function writes to.
    fn log_group_in_stack(
        &self,
        id: &str,
        deployed_name: &str,
        named: Option<&(String, Location)>,
    ) -> Option<String> {
        let names = match named {
            Some((name, _)) => vec![name.clone()],
            None => vec![
                format!("/aws/lambda/{deployed_name}"),
                format!("/aws/lambda/${{{id}}}"),
            ],
        };
        names
            .iter()
            .filter_map(|name| self.stack.resource_named(name))
            .find(|resource| resource.type_name == "AWS::Logs::LogGroup")
            .map(|resource| resource.id.clone())
    }

    fn code(&self, declared: &Declared<'_>) -> CodeClue {
        let uri = declared
            .properties
            .get("CodeUri")
            .or_else(|| declared.properties.get("Code"))
            .and_then(|node| self.text(node));
        let metadata = declared.resource.node.get("Metadata");
        let of = |path: &[&str]| metadata?.path(path).and_then(|node| self.text(node));
        let manifest = of(&["BuildProperties", "Manifest"]);
        let manifest = manifest.and_then(|path| self.manifest_dir(&path));
        CodeClue {
            package_dir: manifest,
            built_binary: None,
            path: uri.and_then(|uri| relative_path(&self.template.file, &uri)),
            binary: of(&["BuildProperties", "Binary"]),
            build_method: of(&["BuildMethod"]),
            handler: declared
                .properties
                .get("Handler")
                .and_then(|node| self.text(node)),
            ..CodeClue::default()
        }
    }

    /// The folder of a manifest that a CDK app names; paths of an app are relative to its own folder.
    fn manifest_dir(&self, path: &str) -> Option<String> {
        let (app, _) = self.template.file.split_once("cdk.out/")?;
        let path = join(app, path);
        let dir = path.strip_suffix("Cargo.toml").unwrap_or(&path);
        Some(dir.trim_end_matches('/').to_owned()).filter(|dir| !dir.starts_with(".."))
    }

    /// The role of a function: the one that its property names, or the one that SAM makes. Where a condition decides, the
    /// statements of every role it can be, each with its condition.
    fn current_role(&mut self, declared: &Declared<'_>, roles: &Roles) -> Option<Role> {
        let generated = format!("{}Role", declared.resource.id);
        let Some(named) = declared.role() else {
            return roles.get(&generated).cloned();
        };
        let mut found: Option<Role> = None;
        let mut add = |role: &Role, condition: Option<String>| {
            let mut role = role.clone();
            for statement in &mut role.statements {
                let origin = &mut statement.origin;
                origin.condition = and(condition.as_deref(), origin.condition.as_deref());
            }
            match &mut found {
                Some(known) => known.statements.extend(role.statements),
                None => found = Some(role),
            }
        };
        let may_be_generated = declared.is_sam() && named.is_function() && !branches_cover(named);
        for branch in branches(named) {
            match self.role_id(branch.node).and_then(|id| roles.get(&id)) {
                Some(role) => add(role, branch.condition),
                None => self.unknown_role(branch.node),
            }
        }
        if may_be_generated && let Some(role) = roles.get(&generated) {
            add(role, Some("Role is not set".to_owned()));
        }
        found
    }

    fn unknown_role(&mut self, node: &Node) {
        let name = self.text(node).unwrap_or_default();
        self.gap(
            Gap::new(
                "role-not-in-stack",
                format!("the role `{name}` is not defined in this template"),
            )
            .hint(
                "give its policies as a dump of the account, or compare with the live role (`--current aws`)",
            ),
            node.at,
        );
    }
}

/// Whether a conditional value has a value in every branch.
pub(crate) fn branches_cover(node: &Node) -> bool {
    match &node.value {
        Value::If(_, then, otherwise) => branches_cover(then) && branches_cover(otherwise),
        Value::Null => false,
        _ => !node.is_no_value(),
    }
}

/// A path of a template, which is relative to the template's folder, as one relative to the scanned root. `None` for
/// addresses and for paths that leave the root.
fn relative_path(template: &str, uri: &str) -> Option<String> {
    if uri.contains("://") || uri.contains("${") || uri.starts_with('/') {
        return None;
    }
    let mut parts: Vec<&str> = template.split('/').collect();
    parts.pop();
    for part in uri.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}
