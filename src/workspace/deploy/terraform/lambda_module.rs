//! `terraform-aws-modules/lambda`: what its arguments make, without reading the module.
//!
//! <https://github.com/terraform-aws-modules/terraform-aws-lambda>, `main.tf`, `iam.tf` and `outputs.tf`.

use std::rc::Rc;

use super::super::node::{Mark, Node, Value};
use super::super::template::Resource;
use super::lower::{Made, Properties, document, lower, resource};
use super::policy_document::module_statement;
use super::scope::Evaluator;
use super::value::{Kind, Pair, Val, text_node};

/// Where the function, the role and the log group stand in the module.
const FUNCTION: &str = "aws_lambda_function.this[0]";
const ROLE: &str = "aws_iam_role.lambda[0]";
const LOG_GROUP: &str = "aws_cloudwatch_log_group.lambda[0]";

/// The symbol of an output.
pub(super) fn output(address: &str, name: &str) -> Option<String> {
    let (inner, attribute) = match name {
        "lambda_function_arn" | "lambda_function_arn_static" => (FUNCTION, ".arn"),
        "lambda_function_name" => (FUNCTION, ""),
        "lambda_role_arn" => (ROLE, ".arn"),
        "lambda_role_name" => (ROLE, ""),
        "lambda_cloudwatch_log_group_arn" => (LOG_GROUP, ".arn"),
        "lambda_cloudwatch_log_group_name" => (LOG_GROUP, ""),
        _ => return None,
    };
    Some(format!("{address}.{inner}{attribute}"))
}

/// A call of the module.
struct Call<'a> {
    address: &'a str,
    at: Mark,
    condition: Option<&'a str>,
    config: &'a Val,
}

/// The resources that a call makes.
pub(super) fn resources(evaluator: &mut Evaluator<'_, '_>, instance: usize) -> Vec<Resource> {
    let Some((module, index)) = evaluator.declared(instance) else {
        return Vec::new();
    };
    let Some(declaration) = module.declarations.get(index) else {
        return Vec::new();
    };
    let Some(config) = evaluator.configuration(instance) else {
        return Vec::new();
    };
    let Some(made) = evaluator.instances.get(instance) else {
        return Vec::new();
    };
    let call = Call {
        address: &made.address,
        at: declaration.at,
        condition: made.condition.as_deref(),
        config: &config,
    };
    call.resources()
}

impl Call<'_> {
    fn resources(&self) -> Vec<Resource> {
        if !self.flag("create", true)
            || !self.flag("create_function", true)
            || self.flag("create_layer", false)
        {
            return Vec::new();
        }
        let mut made = vec![self.function()];
        if self.flag("create_role", true) {
            made.push(self.role());
        }
        if !self.flag("use_existing_cloudwatch_log_group", false) {
            made.push(self.log_group());
        }
        made.extend(self.mappings());
        made.extend(self.permissions());
        made.extend(self.destinations());
        if self.flag("create_lambda_function_url", false) {
            let mut properties = Properties::default();
            properties.put("TargetFunctionArn", self.at, self.symbol(FUNCTION));
            made.push(self.resource("aws_lambda_function_url.this[0]", "AWS::Lambda::Url", properties));
        }
        made
    }

    fn flag(&self, name: &str, default: bool) -> bool {
        // What cannot be told counts as on: more may be granted then, never less.
        match self.config.get(name) {
            Some(value) => value.as_bool().unwrap_or(true),
            None => default,
        }
    }

    fn text(&self, name: &str) -> Option<String> {
        self.config
            .get(name)
            .and_then(Val::as_text)
            .filter(|text| !text.is_empty())
    }

    fn at_of(&self, name: &str) -> Mark {
        self.config.pair(name).map_or(self.at, |pair| pair.key_at)
    }

    fn symbol(&self, inner: &str) -> Node {
        text_node(&format!("${{{}.{inner}}}", self.address), self.at)
    }

    fn resource(&self, inner: &str, type_name: &str, properties: Properties) -> Resource {
        let address = format!("{}.{inner}", self.address);
        let made = Made {
            address: &address,
            kind: "",
            at: self.at,
            condition: self.condition,
            values: self.config,
        };
        resource(&made, type_name, properties)
    }

    fn function(&self) -> Resource {
        let mut pairs: Vec<Pair> = Vec::new();
        let mut add = |key: &str, from: &str, wrap: &dyn Fn(Val) -> Val| {
            if let Some(pair) = self.config.pair(from) {
                pairs.push(Pair {
                    key: key.to_owned(),
                    key_at: pair.key_at,
                    value: wrap(pair.value.clone()),
                });
            }
        };
        let same = |value| value;
        for name in ["function_name", "handler", "kms_key_arn", "layers"] {
            add(name, name, &same);
        }
        if self.text("package_type").as_deref() != Some("Image") {
            add("runtime", "runtime", &same);
        }
        let block = |key: &'static str| {
            move |value: Val| {
                let at = value.at;
                let pair = Pair {
                    key: key.to_owned(),
                    key_at: at,
                    value,
                };
                Val::map(vec![pair], at)
            }
        };
        add("environment", "environment_variables", &block("variables"));
        add("tracing_config", "tracing_mode", &block("mode"));
        add(
            "dead_letter_config",
            "dead_letter_target_arn",
            &block("target_arn"),
        );
        add("vpc_config", "vpc_subnet_ids", &block("subnet_ids"));
        add("file_system_config", "file_system_arn", &block("arn"));
        add("logging_config", "logging_log_group", &block("log_group"));
        add(
            "durable_config",
            "durable_config_execution_timeout",
            &block("execution_timeout"),
        );
        let role = if self.flag("create_role", true) {
            Some(Val::unknown(format!("{}.{ROLE}.arn", self.address), self.at))
        } else {
            self.config.get("lambda_role").cloned()
        };
        let code = self.code().map(|path| Val::text(path, self.at_of("source_path")));
        for (key, value) in [("role", role), ("code", code)] {
            pairs.extend(value.map(|value| Pair {
                key: key.to_owned(),
                key_at: value.at,
                value,
            }));
        }
        let address = format!("{}.{FUNCTION}", self.address);
        let values = Val::map(pairs, self.at);
        let made = Made {
            address: &address,
            kind: "aws_lambda_function",
            at: self.at,
            condition: self.condition,
            values: &values,
        };
        lower(&made).unwrap_or_else(|| resource(&made, "AWS::Lambda::Function", Properties::default()))
    }

    /// Where the code lies: a finished archive, the folder that a build command goes to, or the folder of the source.
    fn code(&self) -> Option<String> {
        if let Some(path) = self.text("local_existing_package") {
            return Some(path);
        }
        let source = self.config.get("source_path")?;
        let mut folder = None;
        for item in source.items() {
            let Some(path) = item.as_text().or_else(|| item.get("path")?.as_text()) else {
                continue;
            };
            for command in item.get("commands").map(Val::items).unwrap_or_default() {
                let command = command.as_text().unwrap_or_default();
                if let Some(binary) = binary_of(&command) {
                    return Some(format!("{path}/target/lambda/{binary}"));
                }
            }
            folder = folder.or(Some(path));
        }
        folder
    }

    fn role(&self) -> Resource {
        let mut properties = Properties::default();
        let name = self.text("role_name").or_else(|| self.text("function_name"));
        if let Some(name) = name {
            properties.put("RoleName", self.at, text_node(&name, self.at));
        }
        properties.take(self.config, "role_permissions_boundary", "PermissionsBoundary");
        let policies = self.policies();
        let nodes = policies
            .into_iter()
            .map(|(suffix, at, policy)| {
                let name = self.text("policy_name").or_else(|| self.text("function_name"));
                let name = format!("{}{suffix}", name.unwrap_or_default());
                let mut inner = Properties::default();
                inner.put("PolicyName", at, text_node(&name, at));
                inner.put("PolicyDocument", at, policy);
                inner.node(at)
            })
            .collect();
        properties.put("Policies", self.at, Node::new(Value::List(nodes), self.at));
        let managed = self.managed_policies();
        properties.put(
            "ManagedPolicyArns",
            self.at,
            Node::new(Value::List(managed), self.at),
        );
        self.resource(ROLE, "AWS::IAM::Role", properties)
    }

    /// The documents that flags and arguments make: ending of the name, line, document.
    fn policies(&self) -> Vec<(&'static str, Mark, Node)> {
        let mut made = Vec::new();
        if self.flag("attach_cloudwatch_logs_policy", true) {
            let at = self.at_of("attach_cloudwatch_logs_policy");
            made.push(("-logs", at, self.logs_policy(at)));
        }
        let target = self.config.get("dead_letter_target_arn").cloned();
        if self.flag("attach_dead_letter_policy", false) {
            let at = self.at_of("attach_dead_letter_policy");
            let targets = target.into_iter().collect();
            made.push((
                "-dl",
                at,
                policy(&["sns:Publish", "sqs:SendMessage"], targets, at),
            ));
        }
        if self.flag("attach_async_event_policy", false) {
            let at = self.at_of("attach_async_event_policy");
            let targets = ["destination_on_failure", "destination_on_success"]
                .iter()
                .filter_map(|name| self.config.get(name).cloned())
                .collect();
            let actions = [
                "sns:Publish",
                "sqs:SendMessage",
                "events:PutEvents",
                "lambda:InvokeFunction",
            ];
            made.push(("-async", at, policy(&actions, targets, at)));
        }
        if self.flag("attach_policy_json", false)
            && let Some(value) = self.config.get("policy_json")
        {
            made.push(("", self.at_of("policy_json"), document(value)));
        }
        if self.flag("attach_policy_jsons", false) {
            for value in self
                .config
                .get("policy_jsons")
                .map(Val::items)
                .unwrap_or_default()
            {
                made.push(("", value.at, document(value)));
            }
        }
        if self.flag("attach_policy_statements", false)
            && let Some(statements) = self.config.pair("policy_statements")
        {
            made.push(("-inline", statements.key_at, statements_policy(&statements.value)));
        }
        made
    }

    /// Rights on the function's log group, as the module grants them.
    fn logs_policy(&self, at: Mark) -> Node {
        let group = format!("${{{}.{LOG_GROUP}.arn}}", self.address);
        let resources = ["", ":*"]
            .iter()
            .map(|rest| Val::text(format!("{group}:*{rest}"), at))
            .collect();
        let create = !self.flag("use_existing_cloudwatch_log_group", false)
            && self.flag("attach_create_log_group_permission", true);
        let mut actions = vec!["logs:CreateLogStream", "logs:PutLogEvents"];
        if create {
            actions.insert(0, "logs:CreateLogGroup");
        }
        policy(&actions, resources, at)
    }

    /// Managed policies: those of Lambda that flags attach, and those that arguments name.
    fn managed_policies(&self) -> Vec<Node> {
        let mut made = Vec::new();
        for (flag, name) in [
            ("attach_network_policy", "AWSLambdaENIManagementAccess"),
            ("attach_tracing_policy", "AWSXRayDaemonWriteAccess"),
        ] {
            if self.flag(flag, false) {
                made.push(Node::new(Value::Text(name.to_owned()), self.at_of(flag)));
            }
        }
        for (flag, argument) in [("attach_policy", "policy"), ("attach_policies", "policies")] {
            if !self.flag(flag, false) {
                continue;
            }
            let values = self.config.get(argument).map(Val::items).unwrap_or_default();
            made.extend(values.iter().map(Val::node));
        }
        made
    }

    fn log_group(&self) -> Resource {
        let mut properties = Properties::default();
        let own = self.text("logging_log_group");
        let name = self
            .text("function_name")
            .map(|name| format!("/aws/lambda/{name}"));
        if let Some(name) = own.or(name) {
            properties.put("LogGroupName", self.at, text_node(&name, self.at));
        }
        properties.take(self.config, "cloudwatch_logs_kms_key_id", "KmsKeyId");
        self.resource(LOG_GROUP, "AWS::Logs::LogGroup", properties)
    }

    fn mappings(&self) -> Vec<Resource> {
        let entries = self
            .config
            .get("event_source_mapping")
            .map(Val::pairs)
            .unwrap_or_default();
        entries
            .iter()
            .filter_map(|entry| {
                let address = format!(
                    "{}.aws_lambda_event_source_mapping.this[\"{}\"]",
                    self.address, entry.key
                );
                let mut pairs = entry.value.pairs().to_vec();
                let function = Val::unknown(format!("{}.{FUNCTION}.arn", self.address), entry.key_at);
                pairs.push(Pair {
                    key: "function_name".to_owned(),
                    key_at: entry.key_at,
                    value: function,
                });
                if let Some(target) = entry.value.get("destination_arn_on_failure") {
                    pairs.push(on_failure(target));
                }
                let values = Val::map(pairs, entry.value.at);
                lower(&Made {
                    address: &address,
                    kind: "aws_lambda_event_source_mapping",
                    at: entry.key_at,
                    condition: self.condition,
                    values: &values,
                })
            })
            .collect()
    }

    fn permissions(&self) -> Vec<Resource> {
        let entries = self
            .config
            .get("allowed_triggers")
            .map(Val::pairs)
            .unwrap_or_default();
        entries
            .iter()
            .map(|entry| {
                let text = |name: &str| entry.value.get(name).and_then(Val::as_text);
                let service = text("service").map(|service| format!("{service}.amazonaws.com"));
                let mut properties = Properties::default();
                properties.put("FunctionName", entry.key_at, self.symbol(FUNCTION));
                if let Some(principal) = text("principal").or(service) {
                    properties.put("Principal", entry.key_at, text_node(&principal, entry.key_at));
                }
                properties.take(&entry.value, "source_arn", "SourceArn");
                let inner = format!(
                    "aws_lambda_permission.current_version_triggers[\"{}\"]",
                    entry.key
                );
                let mut made = self.resource(&inner, "AWS::Lambda::Permission", properties);
                made.at = entry.key_at;
                made
            })
            .collect()
    }

    fn destinations(&self) -> Option<Resource> {
        if !self.flag("create_async_event_config", false) {
            return None;
        }
        let mut inner = Properties::default();
        for (argument, key) in [
            ("destination_on_failure", "OnFailure"),
            ("destination_on_success", "OnSuccess"),
        ] {
            let mut target = Properties::default();
            target.take(self.config, argument, "Destination");
            inner.nest(key, self.at_of(argument), target);
        }
        let mut properties = Properties::default();
        properties.put("FunctionName", self.at, self.symbol(FUNCTION));
        properties.nest("DestinationConfig", self.at, inner);
        let inner = "aws_lambda_function_event_invoke_config.this[\"current_version\"]";
        Some(self.resource(inner, "AWS::Lambda::EventInvokeConfig", properties))
    }
}

fn on_failure(target: &Val) -> Pair {
    let at = target.at;
    let around = |key: &str, value: Val| Pair {
        key: key.to_owned(),
        key_at: at,
        value,
    };
    let inner = Val::map(vec![around("destination_arn", target.clone())], at);
    let outer = Val::map(vec![around("on_failure", inner)], at);
    around("destination_config", outer)
}

/// A document with one statement.
fn policy(actions: &[&str], resources: Vec<Val>, at: Mark) -> Node {
    let pair = |key: &str, value: Val| Pair {
        key: key.to_owned(),
        key_at: at,
        value,
    };
    let actions = actions.iter().map(|action| Val::text(*action, at)).collect();
    let statement = Val::map(
        vec![
            pair("Effect", Val::text("Allow", at)),
            pair("Action", Val::list(actions, at)),
            pair("Resource", Val::list(resources, at)),
        ],
        at,
    );
    let statements = Val::list(vec![statement], at);
    Val::map(vec![pair("Statement", statements)], at).node()
}

/// The document of `policy_statements`, a map or list of statements.
fn statements_policy(value: &Val) -> Node {
    let at = value.at;
    let statements = match &value.kind {
        Kind::Map(pairs) => pairs
            .iter()
            .map(|pair| {
                let made = module_statement(&pair.key, &pair.value);
                Val::new(made.kind, pair.key_at)
            })
            .collect(),
        Kind::List(items) => items.iter().map(|item| module_statement("", item)).collect(),
        _ => vec![value.clone()],
    };
    let pair = Pair {
        key: "Statement".to_owned(),
        key_at: at,
        value: Val::list(statements, at),
    };
    Val::new(Kind::Json(Rc::new(Val::map(vec![pair], at))), at).node()
}

/// The binary that a build command builds or goes to.
fn binary_of(command: &str) -> Option<&str> {
    if let Some((_, rest)) = command.split_once("target/lambda/") {
        let name = rest.split([' ', '/', ';', '&']).next()?;
        return (!name.is_empty()).then_some(name);
    }
    let mut words = command.split_whitespace();
    while let Some(word) = words.next() {
        if word == "--bin" {
            return words.next();
        }
        if let Some(name) = word.strip_prefix("--bin=") {
            return Some(name);
        }
    }
    None
}
