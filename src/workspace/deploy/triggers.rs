//! Triggers that plain CloudFormation resources make: event source mappings, permissions, schedules, function URLs.

use std::collections::BTreeMap;

use super::branches::branches;
use super::function::FUNCTION_TYPES;
use super::node::Node;
use super::reading::Reading;
use super::template::Resource;
use super::text::only_symbol;
use crate::usage::Gap;
use crate::workspace::model::Trigger;

/// What polling a source needs beside the source itself; see [`Trigger::details`].
pub(crate) type PollDetails = BTreeMap<String, Vec<String>>;

/// Ways to log in to a broker with a secret. <https://docs.aws.amazon.com/lambda/latest/api/API_SourceAccessConfiguration.html>
const AUTH_SECRETS: &[&str] = &[
    "BASIC_AUTH",
    "CLIENT_CERTIFICATE_TLS_AUTH",
    "OAUTHBEARER_AUTH",
    "SASL_SCRAM_256_AUTH",
    "SASL_SCRAM_512_AUTH",
];

/// Principals of `AWS::Lambda::Permission` and the kind of trigger each is.
const PRINCIPALS: &[(&str, &str)] = &[
    ("alexa-appkit.amazon.com", "alexa-skill"),
    ("apigateway.amazonaws.com", "http"),
    ("cognito-idp.amazonaws.com", "cognito"),
    ("elasticloadbalancing.amazonaws.com", "http"),
    ("events.amazonaws.com", "eventbridge"),
    ("iot.amazonaws.com", "iot"),
    ("logs.amazonaws.com", "cloudwatch-logs"),
    ("s3.amazonaws.com", "s3"),
    ("scheduler.amazonaws.com", "schedule"),
    ("secretsmanager.amazonaws.com", "secret-rotation"),
    ("ses.amazonaws.com", "ses"),
    ("sns.amazonaws.com", "sns"),
];

/// How a topic of the same cluster is named as the destination of failed records.
/// <https://docs.aws.amazon.com/lambda/latest/dg/kafka-on-failure-destination.html>
pub(crate) const TOPIC_PREFIX: &str = "kafka://";

/// Kind of an event source by the service in its ARN.
const POLLED_SERVICES: &[(&str, &str)] = &[
    ("dynamodb", "dynamodb-stream"),
    ("kafka", "msk"),
    ("kinesis", "kinesis"),
    ("mq", "mq"),
    ("rds", "documentdb"),
    ("sqs", "sqs"),
];

/// Kind of an event source by what follows `EventSourceMapping` in the logical id that the Serverless Framework makes.
const SERVERLESS_MAPPINGS: &[(&str, &str)] = &[
    ("ActiveMQ", "mq"),
    ("Dynamodb", "dynamodb-stream"),
    ("Kinesis", "kinesis"),
    ("MSK", "msk"),
    ("RabbitMQ", "mq"),
    ("SQS", "sqs"),
];

/// The name in the ARN of a Glue schema registry.
pub(super) fn glue_registry_name(arn: &str) -> Option<&str> {
    let parts = super::text::split_outside_symbols(arn, ':', 6);
    let ["arn", _, "glue", _, _, rest] = parts.as_slice() else {
        return None;
    };
    rest.strip_prefix("registry/")
}

impl Trigger {
    /// What of a Kafka cluster on MSK is read, as ARNs; only where both name and random ending of the cluster are told,
    /// since they are part of theirs.
    pub(super) fn name_topics(&mut self, topics: &[String], group: Option<&str>) {
        let Some((start, cluster)) = self.source.as_deref().and_then(|arn| arn.split_once(":cluster/"))
        else {
            return;
        };
        if cluster.matches('/').count() != 1 {
            return;
        }
        let topics: Vec<String> = topics
            .iter()
            .map(|topic| format!("{start}:topic/{cluster}/{topic}"))
            .collect();
        if !topics.is_empty() {
            self.details.insert("TopicArn".to_owned(), topics);
        }
        let group = format!("{start}:group/{cluster}/{}", group.unwrap_or("*"));
        self.details.insert("GroupArn".to_owned(), vec![group]);
        let failed = self
            .on_failure
            .as_deref()
            .and_then(|to| to.strip_prefix(TOPIC_PREFIX));
        if let Some(topic) = failed {
            let topic = format!("{start}:topic/{cluster}/{topic}");
            self.details.insert("FailureTopicArn".to_owned(), vec![topic]);
        }
    }

    /// A Kinesis consumer is read by enhanced fan-out.
    pub(super) fn settle_kind(&mut self) {
        let consumer = self
            .source
            .as_deref()
            .is_some_and(|source| source.contains("/consumer/"));
        if self.kind == "kinesis" && consumer {
            "kinesis-efo".clone_into(&mut self.kind);
        }
    }
}

impl Reading<'_> {
    /// Triggers by the logical id of the function they start.
    pub(crate) fn resource_triggers(&mut self) -> BTreeMap<String, Vec<Trigger>> {
        let template = self.template;
        let mut found: BTreeMap<String, Vec<Trigger>> = BTreeMap::new();
        for resource in &template.resources {
            let (function, trigger) = match resource.type_name.as_str() {
                "AWS::Lambda::EventSourceMapping" => (
                    resource.properties.get("FunctionName"),
                    Some(self.mapping(resource)),
                ),
                "AWS::Lambda::Permission" => {
                    (resource.properties.get("FunctionName"), self.permission(resource))
                }
                "AWS::Lambda::Url" => (
                    resource.properties.get("TargetFunctionArn"),
                    Some(self.pushed(resource, "http", None)),
                ),
                "AWS::Scheduler::Schedule" => (
                    resource.properties.path(&["Target", "Arn"]),
                    Some(self.pushed(resource, "schedule", None)),
                ),
                _ => continue,
            };
            let (Some(function), Some(trigger)) = (function, trigger) else {
                continue;
            };
            for branch in branches(function) {
                if let Some(id) = self.function_named(branch.node) {
                    found.entry(id).or_default().push(trigger.clone());
                }
            }
        }
        found
    }

    fn mapping(&mut self, resource: &Resource) -> Trigger {
        let properties = &resource.properties;
        let source = properties
            .get("EventSourceArn")
            .and_then(|node| self.arn_of_named(node));
        let arn = source.as_deref().unwrap_or_default();
        let kind = if properties.get("SelfManagedEventSource").is_some() {
            "kafka"
        } else {
            POLLED_SERVICES
                .iter()
                .find(|(name, _)| service_of(arn) == *name)
                .map_or("unknown", |(_, kind)| *kind)
        };
        let kind = match kind {
            "unknown" => self.kind_by_id(&resource.id).unwrap_or(kind),
            kind => kind,
        };
        if kind == "unknown" {
            self.gap(
                Gap::new(
                    "unknown-event-source",
                    format!(
                        "`{}` polls a source that cannot be told from this template, so what it needs is not counted",
                        resource.id
                    ),
                )
                .hint("name the source by `!GetAtt`, or add its permissions as `[[need]]` in rolefit.toml"),
                resource.at,
            );
        }
        let mut trigger = Trigger {
            kind: kind.to_owned(),
            source,
            name: resource.id.clone(),
            polled: true,
            on_failure: properties
                .path(&["DestinationConfig", "OnFailure", "Destination"])
                .and_then(|node| self.arn(node)),
            details: self.poll_details(properties),
            location: self.location(resource.at),
        };
        trigger.settle_kind();
        self.name_topics(&mut trigger, properties);
        trigger
    }

    /// The Serverless Framework puts the kind of a source into the logical id of its mapping.
    fn kind_by_id(&self, id: &str) -> Option<&'static str> {
        if self.template.kind != "serverless" {
            return None;
        }
        let (_, named) = id.split_once("EventSourceMapping")?;
        SERVERLESS_MAPPINGS
            .iter()
            .find(|(label, _)| named.starts_with(label))
            .map(|(_, kind)| *kind)
    }

    /// Adds the topics that a mapping of an MSK cluster reads.
    pub(super) fn name_topics(&self, trigger: &mut Trigger, properties: &Node) {
        if trigger.kind != "msk" {
            return;
        }
        let topics: Vec<String> = properties
            .get("Topics")
            .map(Node::items)
            .unwrap_or(&[])
            .iter()
            .filter_map(|topic| self.text(topic))
            .collect();
        let group = properties
            .get("ConsumerGroupId")
            .or_else(|| properties.path(&["AmazonManagedKafkaEventSourceConfig", "ConsumerGroupId"]))
            .and_then(|group| self.text(group));
        trigger.name_topics(&topics, group.as_deref());
    }

    fn permission(&mut self, resource: &Resource) -> Option<Trigger> {
        let principal = self.text(resource.properties.get("Principal")?)?;
        let principal = principal.replace("${AWS::URLSuffix}", "amazonaws.com");
        let (_, kind) = PRINCIPALS.iter().find(|(name, _)| *name == principal)?;
        let source = resource
            .properties
            .get("SourceArn")
            .and_then(|node| self.arn(node));
        let scheduled = source
            .as_deref()
            .and_then(|arn| self.stack.resource_named(arn))
            .and_then(|rule| self.template.resource(&rule.id))
            .is_some_and(|rule| rule.properties.get("ScheduleExpression").is_some());
        let kind = if scheduled { "schedule" } else { kind };
        Some(self.pushed(resource, kind, source))
    }

    fn pushed(&self, resource: &Resource, kind: &str, source: Option<String>) -> Trigger {
        Trigger {
            kind: kind.to_owned(),
            source,
            name: resource.id.clone(),
            polled: false,
            on_failure: None,
            details: PollDetails::new(),
            location: self.location(resource.at),
        }
    }

    /// What the properties of an event source (of SAM or CloudFormation) say beside the source: secrets by the type of
    /// access, the registry of schemas, the key of the secrets.
    pub(super) fn poll_details(&self, properties: &Node) -> PollDetails {
        let mut details = PollDetails::new();
        let mut add = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                details.entry(name.to_owned()).or_default().push(value);
            }
        };
        let accesses = properties.get("SourceAccessConfigurations");
        for access in accesses.map(Node::items).unwrap_or(&[]) {
            let uri = access.get("URI").and_then(|node| self.arn(node));
            if let Some(kind) = access.get("Type").and_then(Node::as_text) {
                if AUTH_SECRETS.contains(&kind) {
                    add("AUTH", uri.clone());
                }
                add(kind, uri);
            }
        }
        let registry = properties.get("SchemaRegistryConfig").or_else(|| {
            [
                "AmazonManagedKafkaEventSourceConfig",
                "SelfManagedKafkaEventSourceConfig",
            ]
            .iter()
            .find_map(|config| properties.path(&[config, "SchemaRegistryConfig"]))
        });
        if let Some(registry) = registry {
            let uri = registry.get("SchemaRegistryURI").and_then(|node| self.arn(node));
            if let Some(name) = uri.as_deref().and_then(glue_registry_name) {
                add("GlueRegistryArn", uri.clone());
                add("GlueRegistryName", Some(name.to_owned()));
            }
            add("SchemaRegistryConfig", uri);
            for access in registry.get("AccessConfigs").map(Node::items).unwrap_or(&[]) {
                let secret = access.get("URI").and_then(|node| self.arn(node));
                add("SCHEMA_REGISTRY_AUTH", secret);
            }
        }
        for name in ["KmsKeyArn", "SecretsManagerKmsKeyId"] {
            add(name, properties.get(name).and_then(|node| self.arn(node)));
        }
        details
    }

    /// The logical id of the function that a value names: by name, ARN, alias or version.
    pub(crate) fn function_named(&self, node: &Node) -> Option<String> {
        let text = self.text(node)?;
        self.function_of_text(&text, 0)
    }

    fn function_of_text(&self, text: &str, depth: usize) -> Option<String> {
        // A role may have the name of its function.
        let named = self.stack.resources_named(text);
        let mut functions = named.into_iter().filter(|resource| {
            resource.type_name.contains("::Lambda::") || resource.type_name.contains("::Serverless::")
        });
        let resource = match (functions.next(), functions.next()) {
            (Some(resource), None) => resource,
            _ => {
                // `${Function.Alias}` of SAM, or an ARN with a version or alias behind it.
                let symbol = only_symbol(text).and_then(|symbol| symbol.split_once('.'));
                match symbol {
                    Some((id, "Alias" | "Version")) => self.stack.resources.get(id)?,
                    _ => {
                        let arn = self.stack.normalise_arn(text);
                        let (base, _) = arn.rsplit_once(':')?;
                        self.stack.resource_named(base)?
                    }
                }
            }
        };
        match resource.type_name.as_str() {
            name if FUNCTION_TYPES.contains(&name) => Some(resource.id.clone()),
            "AWS::Lambda::Alias" | "AWS::Lambda::Version" if depth < 3 => {
                let target = self.template.resource(&resource.id)?;
                let name = self.text(target.properties.get("FunctionName")?)?;
                self.function_of_text(&name, depth + 1)
            }
            _ => None,
        }
    }
}

/// The service of an ARN, symbols in it or not.
fn service_of(arn: &str) -> &str {
    super::text::split_outside_symbols(arn, ':', 4)
        .get(2)
        .copied()
        .unwrap_or_default()
}
