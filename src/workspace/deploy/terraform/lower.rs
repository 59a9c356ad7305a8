//! Terraform's resources as the CloudFormation resources they are, for one reader to read both.

use super::super::node::{Entry, Mark, Node, Value};
use super::super::template::Resource;
use super::types::known;
use super::value::{Kind, Val, from_json, text_node};

/// What stands for a policy that is attached to roles; CloudFormation writes it the other way round.
pub(crate) const ATTACHMENT: &str = "Terraform::IAM::PolicyAttachment";

/// What names the only inline policies that a role keeps.
pub(crate) const EXCLUSIVE: &str = "Terraform::IAM::RolePoliciesExclusive";

/// A resource whose values are known as far as they can be.
pub(super) struct Made<'a> {
    pub(super) address: &'a str,
    pub(super) kind: &'a str,
    pub(super) at: Mark,
    /// Why it may not be there.
    pub(super) condition: Option<&'a str>,
    /// Its arguments; blocks are lists of maps.
    pub(super) values: &'a Val,
}

/// Properties of a CloudFormation resource in the making.
#[derive(Default)]
pub(super) struct Properties {
    entries: Vec<Entry>,
}

impl Properties {
    pub(super) fn put(&mut self, key: &str, key_at: Mark, value: Node) {
        if matches!(value.value, Value::Null) {
            return;
        }
        self.entries.push(Entry {
            key: key.to_owned(),
            key_at,
            value,
        });
    }

    /// Takes an argument over under another name. An empty text is as good as none.
    pub(super) fn take(&mut self, values: &Val, argument: &str, key: &str) {
        if let Some(pair) = values.pair(argument)
            && pair.value.as_text().as_deref() != Some("")
        {
            self.put(key, pair.key_at, pair.value.node());
        }
    }

    pub(super) fn node(self, at: Mark) -> Node {
        Node::new(Value::Map(self.entries), at)
    }

    /// A map with one entry, as the value of a key.
    pub(super) fn nest(&mut self, key: &str, key_at: Mark, inner: Properties) {
        if !inner.entries.is_empty() {
            self.put(key, key_at, inner.node(key_at));
        }
    }
}

/// The CloudFormation resource of that type.
pub(super) fn resource(made: &Made<'_>, type_name: &str, properties: Properties) -> Resource {
    let mut entries = vec![Entry {
        key: "Type".to_owned(),
        key_at: made.at,
        value: Node::new(Value::Text(type_name.to_owned()), made.at),
    }];
    if let Some(condition) = made.condition {
        entries.push(Entry {
            key: "Condition".to_owned(),
            key_at: made.at,
            value: Node::new(Value::Text(condition.to_owned()), made.at),
        });
    }
    Resource {
        id: made.address.to_owned(),
        type_name: type_name.to_owned(),
        at: made.at,
        node: Node::new(Value::Map(entries), made.at),
        properties: properties.node(made.at),
    }
}

/// The resource as CloudFormation has it; `None` for types that say nothing of functions, roles or what they use.
pub(super) fn lower(made: &Made<'_>) -> Option<Resource> {
    let values = made.values;
    let mut properties = Properties::default();
    let type_name = match made.kind {
        "aws_lambda_function" => {
            function(values, &mut properties);
            "AWS::Lambda::Function"
        }
        "aws_lambda_event_source_mapping" => {
            mapping(values, &mut properties);
            "AWS::Lambda::EventSourceMapping"
        }
        "aws_lambda_permission" => {
            properties.take(values, "function_name", "FunctionName");
            properties.take(values, "principal", "Principal");
            properties.take(values, "source_arn", "SourceArn");
            "AWS::Lambda::Permission"
        }
        "aws_lambda_function_event_invoke_config" => {
            properties.take(values, "function_name", "FunctionName");
            destinations(values, &mut properties);
            "AWS::Lambda::EventInvokeConfig"
        }
        "aws_lambda_function_url" => {
            properties.take(values, "function_name", "TargetFunctionArn");
            "AWS::Lambda::Url"
        }
        "aws_lambda_alias" => {
            properties.take(values, "function_name", "FunctionName");
            properties.take(values, "name", "Name");
            "AWS::Lambda::Alias"
        }
        "aws_scheduler_schedule" => {
            if let Some(target) = values.block("target") {
                let mut inner = Properties::default();
                inner.take(target, "arn", "Arn");
                properties.nest("Target", target.at, inner);
            }
            properties.take(values, "group_name", "GroupName");
            properties.take(values, "name", "Name");
            "AWS::Scheduler::Schedule"
        }
        "aws_cloudwatch_event_rule" => {
            properties.take(values, "schedule_expression", "ScheduleExpression");
            properties.take(values, "name", "Name");
            "AWS::Events::Rule"
        }
        "aws_iam_role" => {
            role(values, &mut properties);
            "AWS::IAM::Role"
        }
        "aws_iam_role_policy" => {
            properties.take(values, "name", "PolicyName");
            properties.take(values, "role", "RoleName");
            policy(values, &mut properties);
            "AWS::IAM::RolePolicy"
        }
        "aws_iam_policy" => {
            properties.take(values, "name", "ManagedPolicyName");
            policy(values, &mut properties);
            "AWS::IAM::ManagedPolicy"
        }
        "aws_s3_bucket_policy" => attached(
            values,
            ("bucket", "Bucket"),
            &mut properties,
            "AWS::S3::BucketPolicy",
        ),
        "aws_sns_topic_policy" => attached(
            values,
            ("arn", "Topics"),
            &mut properties,
            "AWS::SNS::TopicPolicy",
        ),
        "aws_sqs_queue_policy" => attached(
            values,
            ("queue_url", "Queues"),
            &mut properties,
            "AWS::SQS::QueuePolicy",
        ),
        "aws_vpc_endpoint" => {
            properties.take(values, "service_name", "ServiceName");
            properties.take(values, "vpc_endpoint_type", "VpcEndpointType");
            properties.take(values, "private_dns_enabled", "PrivateDnsEnabled");
            attached(
                values,
                ("vpc_id", "VpcId"),
                &mut properties,
                "AWS::EC2::VPCEndpoint",
            )
        }
        "aws_iam_role_policy_attachment" => {
            properties.take(values, "role", "Roles");
            properties.take(values, "policy_arn", "PolicyArns");
            ATTACHMENT
        }
        "aws_iam_policy_attachment" => {
            properties.take(values, "roles", "Roles");
            properties.take(values, "policy_arn", "PolicyArns");
            ATTACHMENT
        }
        "aws_iam_role_policy_attachments_exclusive" => {
            properties.take(values, "role_name", "Roles");
            properties.take(values, "policy_arns", "PolicyArns");
            ATTACHMENT
        }
        "aws_iam_role_policies_exclusive" => {
            properties.take(values, "role_name", "Roles");
            properties.take(values, "policy_names", "PolicyNames");
            EXCLUSIVE
        }
        kind => {
            let known = known(kind)?;
            let same = super::super::resource_types::resource_type(known.same)?;
            if let (Some(argument), Some(property)) = (known.named, same.name_property) {
                put_at(values, argument, property, &mut properties);
            }
            if let (Some(argument), Some(property)) = (known.kms, same.kms_property) {
                put_at(values, argument, property, &mut properties);
            }
            if let Some(pair) = values.pair("policy").filter(|_| kind == "aws_kms_key") {
                properties.put("KeyPolicy", pair.key_at, document(&pair.value));
            }
            known.same
        }
    };
    Some(resource(made, type_name, properties))
}

/// Takes an argument inside blocks (`server_side_encryption.kms_key_arn`) over as a property inside properties.
fn put_at(values: &Val, argument: &str, property: &str, properties: &mut Properties) {
    let mut value = Some(values);
    let names: Vec<&str> = argument.split('.').collect();
    let Some((last, outer)) = names.split_last() else {
        return;
    };
    for name in outer {
        value = value.and_then(|value| value.block(name));
    }
    let Some(pair) = value.and_then(|value| value.pair(last)) else {
        return;
    };
    let mut keys: Vec<&str> = property.split('.').collect();
    let Some(innermost) = keys.pop() else { return };
    let mut made = Properties::default();
    made.put(innermost, pair.key_at, pair.value.node());
    for key in keys.into_iter().rev() {
        let mut around = Properties::default();
        around.nest(key, pair.key_at, made);
        made = around;
    }
    properties.entries.extend(made.entries);
}

fn function(values: &Val, properties: &mut Properties) {
    for (argument, key) in [
        ("function_name", "FunctionName"),
        ("role", "Role"),
        ("runtime", "Runtime"),
        ("handler", "Handler"),
        ("kms_key_arn", "KmsKeyArn"),
        ("layers", "Layers"),
        ("code", "Code"),
    ] {
        properties.take(values, argument, key);
    }
    if let Some(variables) = values
        .block("environment")
        .and_then(|block| block.pair("variables"))
    {
        let mut inner = Properties::default();
        inner.put("Variables", variables.key_at, variables.value.node());
        properties.nest("Environment", variables.key_at, inner);
    }
    for (block, key, arguments) in [
        ("tracing_config", "TracingConfig", &[("mode", "Mode")][..]),
        (
            "dead_letter_config",
            "DeadLetterConfig",
            &[("target_arn", "TargetArn")],
        ),
        ("logging_config", "LoggingConfig", &[("log_group", "LogGroup")]),
        (
            "durable_config",
            "DurableConfig",
            &[("execution_timeout", "ExecutionTimeout")],
        ),
        (
            "vpc_config",
            "VpcConfig",
            &[
                ("subnet_ids", "SubnetIds"),
                ("security_group_ids", "SecurityGroupIds"),
            ],
        ),
    ] {
        let Some(block) = values.block(block) else {
            continue;
        };
        let mut inner = Properties::default();
        for (argument, key) in arguments {
            let empty = block
                .get(argument)
                .is_some_and(|value| matches!(&value.kind, Kind::List(items) if items.is_empty()));
            if !empty {
                inner.take(block, argument, key);
            }
        }
        properties.nest(key, block.at, inner);
    }
    let systems: Vec<Node> = values
        .get("file_system_config")
        .map(Val::items)
        .unwrap_or_default()
        .iter()
        .map(|block| {
            let mut inner = Properties::default();
            inner.take(block, "arn", "Arn");
            inner.node(block.at)
        })
        .collect();
    if let Some(first) = systems.first() {
        let at = first.at;
        properties.put("FileSystemConfigs", at, Node::new(Value::List(systems), at));
    }
}

fn mapping(values: &Val, properties: &mut Properties) {
    for (argument, key) in [
        ("function_name", "FunctionName"),
        ("event_source_arn", "EventSourceArn"),
        ("topics", "Topics"),
        ("queues", "Queues"),
        ("kms_key_arn", "KmsKeyArn"),
    ] {
        properties.take(values, argument, key);
    }
    if let Some(block) = values.block("self_managed_event_source") {
        let mut inner = Properties::default();
        inner.take(block, "endpoints", "Endpoints");
        properties.nest("SelfManagedEventSource", block.at, inner);
    }
    destinations(values, properties);
    accesses(
        values,
        "source_access_configuration",
        "SourceAccessConfigurations",
        properties,
    );
    for (argument, key) in [
        (
            "amazon_managed_kafka_event_source_config",
            "AmazonManagedKafkaEventSourceConfig",
        ),
        (
            "self_managed_kafka_event_source_config",
            "SelfManagedKafkaEventSourceConfig",
        ),
    ] {
        let Some(block) = values.block(argument) else {
            continue;
        };
        let mut inner = Properties::default();
        inner.take(block, "consumer_group_id", "ConsumerGroupId");
        if let Some(registry) = block.block("schema_registry_config") {
            let mut config = Properties::default();
            config.take(registry, "schema_registry_uri", "SchemaRegistryURI");
            accesses(registry, "access_config", "AccessConfigs", &mut config);
            inner.nest("SchemaRegistryConfig", registry.at, config);
        }
        properties.nest(key, block.at, inner);
    }
}

fn accesses(values: &Val, argument: &str, key: &str, properties: &mut Properties) {
    let Some(blocks) = values.get(argument) else {
        return;
    };
    let nodes = blocks
        .items()
        .iter()
        .map(|block| {
            let mut inner = Properties::default();
            inner.take(block, "type", "Type");
            inner.take(block, "uri", "URI");
            inner.node(block.at)
        })
        .collect();
    properties.put(key, blocks.at, Node::new(Value::List(nodes), blocks.at));
}

fn destinations(values: &Val, properties: &mut Properties) {
    let Some(config) = values.block("destination_config") else {
        return;
    };
    let mut inner = Properties::default();
    for (argument, key) in [("on_failure", "OnFailure"), ("on_success", "OnSuccess")] {
        let Some(block) = config.block(argument) else {
            continue;
        };
        let mut target = Properties::default();
        target.take(block, "destination", "Destination");
        target.take(block, "destination_arn", "Destination");
        inner.nest(key, block.at, target);
    }
    properties.nest("DestinationConfig", config.at, inner);
}

fn role(values: &Val, properties: &mut Properties) {
    properties.take(values, "name", "RoleName");
    properties.take(values, "permissions_boundary", "PermissionsBoundary");
    properties.take(values, "managed_policy_arns", "ManagedPolicyArns");
    if let Some(pair) = values.pair("assume_role_policy") {
        properties.put("AssumeRolePolicyDocument", pair.key_at, document(&pair.value));
    }
    let blocks = values.get("inline_policy");
    let policies: Vec<Node> = blocks
        .map(Val::items)
        .unwrap_or_default()
        .iter()
        // An empty block is how Terraform says that there shall be none.
        .filter(|block| block.get("policy").is_some())
        .map(|block| {
            let mut inner = Properties::default();
            inner.take(block, "name", "PolicyName");
            policy(block, &mut inner);
            inner.node(block.at)
        })
        .collect();
    if let Some(blocks) = blocks {
        properties.put("Policies", blocks.at, Node::new(Value::List(policies), blocks.at));
    }
}

/// The argument `policy` as a `PolicyDocument`.
fn policy(values: &Val, properties: &mut Properties) {
    if let Some(pair) = values.pair("policy") {
        properties.put("PolicyDocument", pair.key_at, document(&pair.value));
    }
}

/// Types that are, or hold, policies beside the roles.
pub(super) const GUARDS: [&str; 4] = [
    "aws_s3_bucket_policy",
    "aws_sns_topic_policy",
    "aws_sqs_queue_policy",
    "aws_vpc_endpoint",
];

/// A policy and what it is attached to, by the argument that names that and the property that it is.
fn attached(
    values: &Val,
    (argument, property): (&str, &str),
    properties: &mut Properties,
    type_name: &'static str,
) -> &'static str {
    properties.take(values, argument, property);
    policy(values, properties);
    type_name
}

/// A policy document that is a value or the JSON text of one.
pub(super) fn document(value: &Val) -> Node {
    match &value.kind {
        Kind::Text(text) => match from_json(text, value.at) {
            Ok(parsed) => parsed.node(),
            Err(_) => text_node(text, value.at),
        },
        Kind::Choice(choice) => Node::new(
            Value::If(
                choice.condition.clone(),
                Box::new(document(&choice.then)),
                Box::new(document(&choice.otherwise)),
            ),
            value.at,
        ),
        _ => value.node(),
    }
}
