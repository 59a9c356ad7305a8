//! `Events` of a SAM function: the triggers they are, and the permissions SAM adds to the generated role for them.

use super::node::{Entry, Mark, Node, Value};
use super::reading::Reading;
use super::sam::GeneratedRole;
use super::triggers::{PollDetails, glue_registry_name};
use crate::usage::Gap;
use crate::workspace::model::Trigger;

/// What SAM's event types are: type, our kind, the property that names the source, whether Lambda polls it, the managed
/// policy that SAM attaches.
/// <https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-property-function-eventsource.html>
const EVENT_TYPES: &[(&str, &str, &str, bool, Option<&str>)] = &[
    ("AlexaSkill", "alexa-skill", "", false, None),
    ("Api", "http", "RestApiId", false, None),
    ("CloudWatchEvent", "eventbridge", "EventBusName", false, None),
    ("CloudWatchLogs", "cloudwatch-logs", "LogGroupName", false, None),
    ("Cognito", "cognito", "UserPool", false, None),
    ("DocumentDB", "documentdb", "Cluster", true, None),
    (
        "DynamoDB",
        "dynamodb-stream",
        "Stream",
        true,
        Some("AWSLambdaDynamoDBExecutionRole"),
    ),
    ("EventBridgeRule", "eventbridge", "EventBusName", false, None),
    ("HttpApi", "http", "ApiId", false, None),
    ("IoTRule", "iot", "", false, None),
    (
        "Kinesis",
        "kinesis",
        "Stream",
        true,
        Some("AWSLambdaKinesisExecutionRole"),
    ),
    ("MQ", "mq", "Broker", true, None),
    ("MSK", "msk", "Stream", true, Some("AWSLambdaMSKExecutionRole")),
    ("S3", "s3", "Bucket", false, None),
    ("SNS", "sns", "Topic", false, None),
    (
        "SQS",
        "sqs",
        "Queue",
        true,
        Some("AWSLambdaSQSQueueExecutionRole"),
    ),
    ("Schedule", "schedule", "", false, None),
    ("ScheduleV2", "schedule", "", false, None),
    ("SelfManagedKafka", "kafka", "", true, None),
];

/// EC2 actions with which Lambda reaches a source inside a VPC.
const VPC_ACTIONS: &[&str] = &[
    "ec2:CreateNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeVpcs",
    "ec2:DescribeSubnets",
    "ec2:DescribeSecurityGroups",
];

impl Reading<'_> {
    /// The triggers of a SAM function.
    pub(crate) fn sam_triggers(&mut self, function: &str, properties: &Node) -> Vec<Trigger> {
        let events = properties.get("Events").map(Node::entries).unwrap_or(&[]);
        let mut triggers = Vec::new();
        for entry in events {
            triggers.extend(self.sam_trigger(function, entry));
        }
        if let Some(entry) = properties.entry("FunctionUrlConfig") {
            triggers.push(Trigger {
                kind: "http".to_owned(),
                source: None,
                name: entry.key.clone(),
                polled: false,
                on_failure: None,
                details: PollDetails::new(),
                location: self.location(entry.key_at),
            });
        }
        triggers
    }

    fn sam_trigger(&mut self, function: &str, entry: &Entry) -> Vec<Trigger> {
        let Some(event_type) = entry.value.get("Type").and_then(|node| self.text(node)) else {
            self.unknown_event(entry, "without a `Type`");
            return Vec::new();
        };
        let known = EVENT_TYPES.iter().find(|(name, ..)| *name == event_type);
        let Some((_, kind, property, polled, _)) = known else {
            self.unknown_event(entry, &format!("of type `{event_type}`"));
            return Vec::new();
        };
        let none = Node::new(Value::Map(Vec::new()), entry.key_at);
        let properties = entry.value.get("Properties").unwrap_or(&none);
        let source = properties.get(property).and_then(|node| self.arn_of_named(node));
        let mut trigger = Trigger {
            kind: (*kind).to_owned(),
            source,
            name: entry.key.clone(),
            polled: *polled,
            on_failure: properties
                .path(&["DestinationConfig", "OnFailure", "Destination"])
                .and_then(|node| self.arn(node)),
            details: if *polled {
                self.poll_details(properties)
            } else {
                PollDetails::new()
            },
            location: self.location(entry.key_at),
        };
        trigger.settle_kind();
        self.name_topics(&mut trigger, properties);
        let mut triggers = vec![trigger];
        triggers.extend(self.queue_of_topic(function, entry, properties));
        triggers
    }

    /// An SNS event with `SqsSubscription` goes through a queue that Lambda polls.
    fn queue_of_topic(&mut self, function: &str, entry: &Entry, properties: &Node) -> Option<Trigger> {
        let subscription = properties.get("SqsSubscription")?;
        if subscription.as_text() == Some("false") {
            return None;
        }
        let own = subscription.get("QueueArn").and_then(|node| self.arn(node));
        // SAM makes a queue where none is named.
        let made = || super::sam::generated_destination("SQS", &format!("{function}{}", entry.key));
        let source = own.or_else(made);
        Some(Trigger {
            kind: "sqs".to_owned(),
            source,
            name: format!("{}Queue", entry.key),
            polled: true,
            on_failure: None,
            details: PollDetails::new(),
            location: self.location(entry.key_at),
        })
    }

    fn unknown_event(&mut self, entry: &Entry, what: &str) {
        self.gap(
            Gap::new(
                "unknown-event-type",
                format!(
                    "`{}` is an event {what}, which is not known here, so what it needs is not counted",
                    entry.key
                ),
            )
            .hint("if Lambda polls the source, add its permissions as `[[need]]` in rolefit.toml"),
            entry.key_at,
        );
    }

    /// What SAM adds to the generated role for the events that Lambda polls.
    pub(super) fn event_policies(&mut self, properties: &Node, made: &mut GeneratedRole) {
        let events = properties.get("Events").map(Node::entries).unwrap_or(&[]);
        for entry in events {
            let Some(event_type) = entry.value.get("Type").and_then(Node::as_text) else {
                continue;
            };
            let property = format!("Events.{}", entry.key);
            let none = Node::new(Value::Map(Vec::new()), entry.key_at);
            let event = entry.value.get("Properties").unwrap_or(&none);
            let policy = EVENT_TYPES
                .iter()
                .find(|(name, ..)| *name == event_type)
                .and_then(|(.., policy)| *policy);
            if let Some(policy) = policy {
                self.inject(policy, &property, entry.key_at, None, made);
            }
            self.broker_policies(event_type, &property, entry.key_at, event, made);
            if let Some(failure) = event
                .path(&["DestinationConfig"])
                .and_then(|config| config.entry("OnFailure"))
            {
                self.destination_policy(&property, failure, None, made);
            }
            let through_queue = event
                .get("SqsSubscription")
                .is_some_and(|node| node.as_text() != Some("false"));
            if event_type == "SNS" && through_queue {
                let policy = "AWSLambdaSQSQueueExecutionRole";
                self.inject(policy, &property, entry.key_at, None, made);
            }
        }
    }

    /// The inline statements for brokers and clusters that need credentials.
    fn broker_policies(
        &mut self,
        event_type: &str,
        property: &str,
        at: Mark,
        event: &Node,
        made: &mut GeneratedRole,
    ) {
        const GET_SECRET: &[&str] = &["secretsmanager:GetSecretValue"];
        let details = self.poll_details(event);
        let of = |name: &str| details.get(name).cloned().unwrap_or_default();
        let source = |name: &str| event.get(name).and_then(|node| self.arn(node));
        match event_type {
            "MQ" => {
                let broker = source("Broker");
                self.inject_each(property, at, GET_SECRET, of("BASIC_AUTH"), made);
                self.inject_each(property, at, &["mq:DescribeBroker"], broker, made);
            }
            "DocumentDB" => {
                let cluster = source("Cluster");
                self.inject_each(property, at, GET_SECRET, of("BASIC_AUTH"), made);
                let own = |rest: &str| {
                    vec![format!(
                        "arn:${{AWS::Partition}}:rds:${{AWS::Region}}:${{AWS::AccountId}}:{rest}"
                    )]
                };
                let parameters = own("cluster-pg:*");
                let subnets = own("subgrp:*");
                self.inject_statement(
                    property,
                    at,
                    &["rds:DescribeDBClusterParameters"],
                    parameters,
                    made,
                );
                self.inject_statement(property, at, &["rds:DescribeDBSubnetGroups"], subnets, made);
                self.inject_each(property, at, &["rds:DescribeDBClusters"], cluster, made);
                self.inject_statement(property, at, VPC_ACTIONS, vec!["*".to_owned()], made);
            }
            "SelfManagedKafka" => {
                for secrets in ["AUTH", "SERVER_ROOT_CA_CERTIFICATE"] {
                    self.inject_each(property, at, GET_SECRET, of(secrets), made);
                }
                if !of("VPC_SUBNET").is_empty() && !of("VPC_SECURITY_GROUP").is_empty() {
                    self.inject_statement(property, at, VPC_ACTIONS, vec!["*".to_owned()], made);
                }
                self.schema_registry_policies(property, at, event, made);
            }
            "MSK" => {
                self.schema_registry_policies(property, at, event, made);
                let certificates = of("CLIENT_CERTIFICATE_TLS_AUTH");
                self.inject_each(property, at, GET_SECRET, certificates, made);
            }
            _ => return,
        }
        if event_type != "MSK"
            && let Some(key) = event
                .get("SecretsManagerKmsKeyId")
                .and_then(|node| self.text(node))
        {
            let key = format!("arn:${{AWS::Partition}}:kms:${{AWS::Region}}:${{AWS::AccountId}}:key/{key}");
            self.inject_statement(property, at, &["kms:Decrypt"], vec![key], made);
        }
    }

    fn inject_each(
        &mut self,
        property: &str,
        at: Mark,
        actions: &[&str],
        resources: impl IntoIterator<Item = String>,
        made: &mut GeneratedRole,
    ) {
        for resource in resources {
            self.inject_statement(property, at, actions, vec![resource], made);
        }
    }

    /// `SchemaRegistryConfig`: its secrets, and Glue's registry if it is one.
    fn schema_registry_policies(&mut self, property: &str, at: Mark, event: &Node, made: &mut GeneratedRole) {
        let Some(config) = event.get("SchemaRegistryConfig") else {
            return;
        };
        for access in config.get("AccessConfigs").map(Node::items).unwrap_or(&[]) {
            let secret = access.get("URI").and_then(|node| self.arn(node));
            self.inject_each(property, at, &["secretsmanager:GetSecretValue"], secret, made);
        }
        // The transform looks into plain texts and `Fn::Sub` only.
        let registry = config
            .get("SchemaRegistryURI")
            .filter(|node| matches!(node.value, Value::Text(_) | Value::Sub(..)))
            .and_then(|node| self.text(node));
        let Some(registry) = registry else {
            return;
        };
        let name = glue_registry_name(&registry).map(str::to_owned);
        if let Some(name) = name {
            let registry = self.stack.normalise_arn(&registry);
            self.inject_statement(property, at, &["glue:GetRegistry"], vec![registry], made);
            let schemas =
                format!("arn:${{AWS::Partition}}:glue:${{AWS::Region}}:${{AWS::AccountId}}:schema/{name}/*");
            self.inject_statement(property, at, &["glue:GetSchemaVersion"], vec![schemas], made);
        }
    }
}
