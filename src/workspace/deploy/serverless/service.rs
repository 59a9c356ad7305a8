//! One service: its functions, with their roles and events, as the CloudFormation resources that the framework makes.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::node::{Entry, Mark, Node, Value};
use super::super::template::{Resource, Template};
use super::build::{Map, list, text};
use super::events::{EventResources, events, resource};
use super::names;
use super::roles::{Member, Roles, is_true, tracing};
use super::variables::Variables;

/// The plugin that makes a role for each function.
const ROLES_PLUGIN: &str = "serverless-iam-roles-per-function";

/// Runtime of the plugin `serverless-rust`, whose handlers are `package.binary`.
const RUST_RUNTIME: &str = "rust";

/// The sections of a service, variables filled in.
struct Service {
    name: String,
    provider: Node,
    package: Option<Node>,
    plugins: Vec<String>,
    plugin_settings: Option<Node>,
    resources: Vec<Entry>,
    extensions: Vec<Entry>,
    outputs: Vec<Entry>,
}

/// The template that a service file stands for; `None` where the file is no service on AWS.
pub(super) fn template(variables: &mut Variables<'_>, file: &str) -> Option<Template> {
    let service = sections(variables)?;
    let functions = functions(variables);
    let prefix = format!("{}-{}", service.name, variables.stage());
    let deployed: BTreeMap<String, String> = functions
        .iter()
        .map(|entry| {
            let own = entry.value.get("name").and_then(Node::as_text);
            let name = own.map_or_else(|| format!("{prefix}-{}", entry.key), str::to_owned);
            (entry.key.clone(), name)
        })
        .collect();
    let members: Vec<Member<'_>> = functions
        .iter()
        .map(|entry| Member {
            name: &entry.key,
            at: entry.key_at,
            node: &entry.value,
            deployed: deployed.get(&entry.key).map_or("", String::as_str),
        })
        .collect();
    let settle = |text: &str| variables.with_defaults(text);
    let roles = Roles {
        provider: &service.provider,
        prefix: &prefix,
        plugin: service.plugins.iter().any(|plugin| plugin == ROLES_PLUGIN),
        plugin_settings: service.plugin_settings.as_ref(),
        deployed: &|name| deployed.get(name).cloned(),
        settle: &settle,
    };
    let mut resources = Vec::new();
    for member in &members {
        resources.push(service.function(member, roles.role_of(member)));
        resources.extend(service.log_group(member));
        resources.extend(service.invoke_config(member, &deployed));
        let mut made = EventResources {
            function: member.name,
            settle: &settle,
            made: Vec::new(),
        };
        for (index, event) in events(member.node).iter().enumerate() {
            made.add(event, index + 1);
        }
        resources.append(&mut made.made);
        if let Some(url) = member.node.entry("url") {
            let mut properties = Map::default();
            let function = super::build::arn_of(&names::function(member.name), url.key_at);
            properties.put("TargetFunctionArn", url.key_at, function);
            let id = format!("{}Url", names::function(member.name));
            let node = properties.node(url.key_at);
            resources.push(resource(id, "AWS::Lambda::Url", url.key_at, node, None));
        }
    }
    resources.extend(roles.resources(&members));
    // What the service writes out goes before what the framework would make under the same name.
    let written: Vec<Resource> = service
        .resources
        .iter()
        .filter_map(super::super::template::resource)
        .collect();
    resources.retain(|made| written.iter().all(|known| known.id != made.id));
    resources.extend(written);
    extend(&mut resources, &service.extensions);
    let known_names = members
        .iter()
        .map(|member| (names::function(member.name), member.name.to_owned()))
        .collect();
    let files: Arc<[String]> = variables.files.as_slice().into();
    let mut template = Template::written(
        "serverless",
        file.to_owned(),
        files,
        variables.parameters.clone(),
        resources,
    );
    template.names = known_names;
    template.outputs = service.outputs;
    Some(template)
}

fn sections(variables: &mut Variables<'_>) -> Option<Service> {
    let name = variables.get(&["service"])?;
    let name = name.get("name").unwrap_or(&name).as_text()?.to_owned();
    let provider = variables.get(&["provider"])?;
    let provider = match provider.as_text() {
        // `provider: aws` is the short form.
        Some(_) => {
            let mut map = Map::default();
            let at = provider.at;
            map.put("name", at, provider);
            map.node(at)
        }
        None => provider,
    };
    if provider.get("name").and_then(Node::as_text) != Some("aws") {
        return None;
    }
    let plugins = variables.get(&["plugins"]);
    let plugins = plugins.as_ref().map(|node| node.get("modules").unwrap_or(node));
    let plugins = plugins.map(Node::items).unwrap_or_default();
    let listed = variables.get(&["resources"]);
    let of = |key: &str| -> Vec<Entry> {
        let listed = listed.as_ref().map(Node::items).unwrap_or_default();
        let maps = listed.iter().filter_map(|part| part.get(key));
        maps.flat_map(Node::entries).cloned().collect()
    };
    Some(Service {
        name,
        package: variables.get(&["package"]),
        plugins: plugins
            .iter()
            .filter_map(Node::as_text)
            .map(str::to_owned)
            .collect(),
        plugin_settings: variables.get(&["custom", ROLES_PLUGIN]),
        resources: of("Resources"),
        extensions: of("extensions"),
        outputs: of("Outputs"),
        provider,
    })
}

/// The functions; they may be listed in several maps.
fn functions(variables: &mut Variables<'_>) -> Vec<Entry> {
    let section = variables.get(&["functions"]);
    let parts = section.as_ref().map(Node::items).unwrap_or_default();
    let entries = parts.iter().flat_map(Node::entries);
    entries
        .filter(|entry| matches!(entry.value.value, Value::Map(_)))
        .cloned()
        .collect()
}

impl Service {
    fn function(&self, member: &Member<'_>, role: Node) -> Resource {
        let function = member.node;
        let at = member.at;
        let mut properties = Map::default();
        properties.put("FunctionName", at, text(member.deployed, at));
        properties.put("Role", role.at, role);
        let runtime = function
            .entry("runtime")
            .or_else(|| self.provider.entry("runtime"));
        let rust = runtime.is_some_and(|entry| entry.value.as_text() == Some(RUST_RUNTIME));
        match runtime {
            Some(entry) if rust => {
                properties.put("Runtime", entry.key_at, text("provided", entry.value.at));
            }
            Some(entry) if function.get("image").is_none() => {
                properties.put("Runtime", entry.key_at, entry.value.clone());
            }
            _ => {}
        }
        properties.take(function, "handler", "Handler");
        if let Some((at, artifact)) = self.artifact(function) {
            properties.put("Code", at, artifact);
        }
        self.environment(function, &mut properties);
        if let Some((at, mode)) = tracing(function, &self.provider) {
            let mode = match mode.as_text() {
                Some("true") => text("Active", mode.at),
                _ => mode.clone(),
            };
            let mut config = Map::default();
            config.put("Mode", at, mode);
            properties.put("TracingConfig", at, config.node(at));
        }
        let stated = |key: &str| function.entry(key).or_else(|| self.provider.entry(key));
        if let Some(entry) = function.entry("onError") {
            let mut config = Map::default();
            config.put("TargetArn", entry.value.at, entry.value.clone());
            properties.put("DeadLetterConfig", entry.key_at, config.node(entry.value.at));
        }
        if let Some(entry) = stated("kmsKeyArn") {
            properties.put("KmsKeyArn", entry.key_at, entry.value.clone());
        }
        if let Some(entry) = stated("layers") {
            properties.put("Layers", entry.key_at, entry.value.clone());
        }
        self.vpc(function, &mut properties);
        if let Some(entry) = function.entry("fileSystemConfig")
            && let Some(arn) = entry.value.get("arn")
        {
            let mut config = Map::default();
            config.put("Arn", arn.at, arn.clone());
            let configs = list(vec![config.node(arn.at)], arn.at);
            properties.put("FileSystemConfigs", entry.key_at, configs);
        }
        properties.take(function, "durableConfig", "DurableConfig");
        let group = function
            .path(&["logs", "logGroup"])
            .or_else(|| self.provider.path(&["logs", "lambda", "logGroup"]));
        if let Some(group) = group {
            let mut config = Map::default();
            config.put("LogGroup", group.at, group.clone());
            properties.put("LoggingConfig", group.at, config.node(group.at));
        }
        let mut made = resource(
            names::function(member.name),
            "AWS::Lambda::Function",
            at,
            properties.node(at),
            function.get("condition"),
        );
        if let Some(metadata) = code_clue(function, rust)
            && let Value::Map(entries) = &mut made.node.value
        {
            entries.push(metadata);
        }
        made
    }

    /// The file that is deployed: the function's, or the service's.
    fn artifact(&self, function: &Node) -> Option<(Mark, Node)> {
        let own = function
            .get("package")
            .and_then(|package| package.entry("artifact"));
        let common = self
            .package
            .as_ref()
            .and_then(|package| package.entry("artifact"));
        own.or(common).map(|entry| (entry.key_at, entry.value.clone()))
    }

    fn environment(&self, function: &Node, properties: &mut Map) {
        let common = self.provider.get("environment").map(Node::entries);
        let own = function.get("environment").map(Node::entries);
        let (common, own) = (common.unwrap_or_default(), own.unwrap_or_default());
        let mut variables = Map::default();
        for entry in common {
            if own.iter().all(|known| known.key != entry.key) {
                variables.put(&entry.key, entry.key_at, entry.value.clone());
            }
        }
        for entry in own {
            variables.put(&entry.key, entry.key_at, entry.value.clone());
        }
        if !variables.is_empty() {
            let at = function.at;
            let mut environment = Map::default();
            environment.put("Variables", at, variables.node(at));
            properties.put("Environment", at, environment.node(at));
        }
    }

    /// A network counts only with subnets and security groups, of the function or the provider.
    fn vpc(&self, function: &Node, properties: &mut Map) {
        let own = function.entry("vpc");
        let unset = |entry: &Entry| {
            matches!(entry.value.value, Value::Null) || entry.value.as_text() == Some("false")
        };
        if own.is_some_and(unset) {
            return;
        }
        let common = self.provider.entry("vpc");
        let Some(place) = own.or(common) else { return };
        let of = |key: &str| {
            let own = own.and_then(|entry| entry.value.get(key));
            own.or_else(|| common?.value.get(key))
        };
        let opaque = |entry: &Entry| entry.value.as_text().is_some() || entry.value.is_function();
        let mut config = Map::default();
        match (of("subnetIds"), of("securityGroupIds")) {
            (Some(subnets), Some(groups)) => {
                config.put("SubnetIds", subnets.at, subnets.clone());
                config.put("SecurityGroupIds", groups.at, groups.clone());
            }
            _ if opaque(place) => {
                config.put("SubnetIds", place.value.at, place.value.clone());
            }
            _ => return,
        }
        properties.put("VpcConfig", place.key_at, config.node(place.value.at));
    }

    fn log_group(&self, member: &Member<'_>) -> Option<Resource> {
        let function = member.node;
        let elsewhere = function.path(&["logs", "logGroup"]).is_some()
            || self.provider.path(&["logs", "lambda", "logGroup"]).is_some();
        if is_true(function.get("disableLogs")) || elsewhere {
            return None;
        }
        let mut properties = Map::default();
        let name = format!("/aws/lambda/{}", member.deployed);
        properties.put("LogGroupName", member.at, text(name, member.at));
        Some(resource(
            names::log_group(member.name),
            "AWS::Logs::LogGroup",
            member.at,
            properties.node(member.at),
            function.get("condition"),
        ))
    }

    fn invoke_config(&self, member: &Member<'_>, deployed: &BTreeMap<String, String>) -> Option<Resource> {
        let destinations = member.node.entry("destinations")?;
        let at = destinations.key_at;
        let mut targets = Map::default();
        for (key, name) in [("onSuccess", "OnSuccess"), ("onFailure", "OnFailure")] {
            let Some(entry) = destinations.value.entry(key) else {
                continue;
            };
            let stated = entry.value.get("arn").unwrap_or(&entry.value);
            let target = match stated.as_text() {
                Some(function) if deployed.contains_key(function) => {
                    super::build::arn_of(&names::function(function), stated.at)
                }
                _ => stated.clone(),
            };
            let mut destination = Map::default();
            destination.put("Destination", target.at, target);
            targets.put(name, entry.key_at, destination.node(entry.key_at));
        }
        if targets.is_empty() {
            return None;
        }
        let function = Node::new(Value::Ref(names::function(member.name)), at);
        let mut properties = Map::default();
        properties
            .put("FunctionName", at, function)
            .put("DestinationConfig", at, targets.node(at));
        let id = format!("{}LambdaEvConf", names::normalized(member.name));
        let type_name = "AWS::Lambda::EventInvokeConfig";
        Some(resource(id, type_name, at, properties.node(at), None))
    }
}

/// What the handler says of the binary: `package.binary` for the plugin `serverless-rust`, else a name that is not the
/// file that custom runtimes start.
fn code_clue(function: &Node, rust: bool) -> Option<Entry> {
    let handler = function.get("handler")?;
    let stated = handler.as_text()?;
    let (method, binary) = if rust {
        let binary = stated.split_once('.').map_or(stated, |(_, binary)| binary);
        ("serverless-rust", binary)
    } else if stated == "bootstrap" || stated.contains('/') {
        return None;
    } else {
        ("handler", stated)
    };
    let at = handler.at;
    let mut properties = Map::default();
    properties.put("Binary", at, text(binary, at));
    let mut metadata = Map::default();
    metadata
        .put("BuildMethod", at, text(method, at))
        .put("BuildProperties", at, properties.node(at));
    Some(Entry {
        key: "Metadata".to_owned(),
        key_at: at,
        value: metadata.node(at),
    })
}

/// `resources.extensions`: properties put into what the framework makes.
fn extend(resources: &mut [Resource], extensions: &[Entry]) {
    for extension in extensions {
        let Some(resource) = resources.iter_mut().find(|known| known.id == extension.key) else {
            continue;
        };
        let more = extension.value.get("Properties").map(Node::entries);
        let Value::Map(entries) = &mut resource.properties.value else {
            continue;
        };
        for entry in more.unwrap_or_default() {
            entries.retain(|known| known.key != entry.key);
            entries.push(entry.clone());
        }
    }
}
