//! The events of functions, as the resources that the framework makes of them.
//! <https://www.serverless.com/framework/docs/providers/aws/guide/events>

use super::super::node::{Entry, Mark, Node, Value};
use super::super::template::Resource;
use super::build::{Map, arn_of, list, text};
use super::names::{alphanumeric, normalized, upper_first};

/// Events that only a resource policy of the function lets in, and the principal there.
const PUSHED: &[(&str, &str)] = &[
    ("alb", "elasticloadbalancing.amazonaws.com"),
    ("alexaSkill", "alexa-appkit.amazon.com"),
    ("cloudwatchEvent", "events.amazonaws.com"),
    ("cloudwatchLog", "logs.amazonaws.com"),
    ("cognitoUserPool", "cognito-idp.amazonaws.com"),
    ("eventBridge", "events.amazonaws.com"),
    ("http", "apigateway.amazonaws.com"),
    ("httpApi", "apigateway.amazonaws.com"),
    ("iot", "iot.amazonaws.com"),
    ("s3", "s3.amazonaws.com"),
    ("sns", "sns.amazonaws.com"),
    ("websocket", "apigateway.amazonaws.com"),
];

/// How Kafka's ways to log in are called in the service file and in CloudFormation.
pub(super) const KAFKA_ACCESSES: &[(&str, &str, &str)] = &[
    ("vpcSubnet", "VPC_SUBNET", "subnet:"),
    ("vpcSecurityGroup", "VPC_SECURITY_GROUP", "security_group:"),
    ("saslPlainAuth", "BASIC_AUTH", ""),
    ("saslScram256Auth", "SASL_SCRAM_256_AUTH", ""),
    ("saslScram512Auth", "SASL_SCRAM_512_AUTH", ""),
    ("clientCertificateTlsAuth", "CLIENT_CERTIFICATE_TLS_AUTH", ""),
    ("serverRootCaCertificate", "SERVER_ROOT_CA_CERTIFICATE", ""),
];

/// One event of a function.
#[derive(Clone, Debug)]
pub(super) struct Event {
    /// `sqs`, `httpApi`, …
    pub(super) kind: String,
    pub(super) at: Mark,
    pub(super) value: Node,
}

impl Event {
    /// Where a polled source is named: `arn`, or the value itself.
    pub(super) fn source(&self) -> Option<&Node> {
        match &self.value.value {
            Value::Map(_) => self.value.get("arn"),
            Value::Null => None,
            _ => Some(&self.value),
        }
    }

    /// `dynamodb` or `kinesis`.
    pub(super) fn stream_type(&self) -> &str {
        let stated = self.value.get("type").and_then(Node::as_text);
        let Some(source) = self.source() else {
            return stated.unwrap_or_default();
        };
        let told = match &source.value {
            Value::Text(arn) | Value::Sub(arn, _) => arn.split(":dynamodb:").nth(1).map(|_| "dynamodb"),
            Value::GetAtt(_, attribute) if attribute == "StreamArn" => Some("dynamodb"),
            _ => None,
        };
        stated.or(told).unwrap_or("kinesis")
    }

    /// The consumer of a stream, where the stream is not read directly.
    pub(super) fn consumer(&self) -> Option<&Node> {
        self.value
            .get("consumer")
            .filter(|node| node.as_text() != Some("false"))
            .filter(|_| self.stream_type() == "kinesis")
    }

    /// Where failed batches go, and whether that is a topic.
    pub(super) fn on_failure(&self) -> Option<(&Node, bool)> {
        let target = self.value.path(&["destinations", "onFailure"])?;
        let arn = target.get("arn").unwrap_or(target);
        let stated = target.get("type").and_then(Node::as_text);
        let topic = match stated {
            Some(kind) => kind == "sns",
            None => arn.as_text().is_some_and(|arn| arn.contains(":sns:")),
        };
        Some((arn, topic))
    }

    /// Secrets that a Kafka cluster is logged in with, and whether it lies in a VPC.
    pub(super) fn kafka_secrets(&self) -> (Vec<Node>, bool) {
        let mut secrets = Vec::new();
        let mut in_vpc = false;
        for entry in self
            .value
            .get("accessConfigurations")
            .map_or(&[][..], Node::entries)
        {
            if entry.key.starts_with("vpc") {
                in_vpc = true;
            } else {
                secrets.extend(entry.value.items().iter().cloned());
            }
        }
        (secrets, in_vpc)
    }
}

/// The events of a function.
pub(super) fn events(function: &Node) -> Vec<Event> {
    let listed = function.get("events").map(Node::items).unwrap_or_default();
    listed
        .iter()
        .flat_map(|item| match &item.value {
            Value::Map(entries) => entries.iter().map(event).collect(),
            Value::Text(kind) => vec![Event {
                kind: kind.clone(),
                at: item.at,
                value: Node::new(Value::Null, item.at),
            }],
            _ => Vec::new(),
        })
        .collect()
}

fn event(entry: &Entry) -> Event {
    Event {
        kind: entry.key.clone(),
        at: entry.key_at,
        value: entry.value.clone(),
    }
}

/// Makes the resources of a function's events.
pub(super) struct EventResources<'a> {
    /// The function's name in the service file.
    pub(super) function: &'a str,
    /// Settles names: parameters by their defaults.
    pub(super) settle: &'a dyn Fn(&str) -> String,
    pub(super) made: Vec<Resource>,
}

impl EventResources<'_> {
    pub(super) fn add(&mut self, event: &Event, index: usize) {
        match event.kind.as_str() {
            "sqs" => self.queue(event),
            "stream" => self.stream(event),
            "msk" | "kafka" | "activemq" | "rabbitmq" => self.broker(event),
            "schedule" => self.schedule(event, index),
            "s3" => self.bucket(event),
            "sns" => self.topic(event),
            kind => {
                if let Some((_, principal)) = PUSHED.iter().find(|(known, _)| *known == kind) {
                    let label = upper_first(kind);
                    self.permission(&format!("{label}{index}"), principal, None, event.at);
                }
            }
        }
    }

    fn push(&mut self, id: String, type_name: &str, at: Mark, properties: Map) {
        if self.made.iter().all(|known| known.id != id) {
            self.made
                .push(resource(id, type_name, at, properties.node(at), None));
        }
    }

    fn mapping(&mut self, name: String, event: &Event, mut properties: Map) {
        let function = super::names::function(self.function);
        properties.put("FunctionName", event.at, arn_of(&function, event.at));
        let id = format!("{}EventSourceMapping{name}", normalized(self.function));
        self.push(id, "AWS::Lambda::EventSourceMapping", event.at, properties);
    }

    fn queue(&mut self, event: &Event) {
        let Some(source) = event.source() else { return };
        let name = alphanumeric(&last_name(source, ':', self.settle));
        let mut properties = Map::default();
        properties.put("EventSourceArn", source.at, source.clone());
        self.mapping(format!("SQS{name}"), event, properties);
    }

    fn stream(&mut self, event: &Event) {
        let Some(source) = event.source() else { return };
        let kind = event.stream_type();
        let stream = last_name(source, '/', self.settle);
        let mut properties = Map::default();
        match event.consumer() {
            Some(own) if own.as_text() == Some("true") => {
                let id = consumer_id(self.function, source, self.settle);
                let mut consumer = Map::default();
                consumer.put("StreamARN", source.at, source.clone());
                self.push(id.clone(), "AWS::Kinesis::StreamConsumer", event.at, consumer);
                properties.put("EventSourceArn", source.at, Node::new(Value::Ref(id), source.at));
            }
            Some(consumer) => {
                properties.put("EventSourceArn", consumer.at, consumer.clone());
            }
            None => {
                properties.put("EventSourceArn", source.at, source.clone());
            }
        }
        if let Some((target, _)) = event.on_failure() {
            on_failure(target, &mut properties);
        }
        let name = format!("{}{}", upper_first(kind), alphanumeric(&stream));
        self.mapping(name, event, properties);
    }

    fn broker(&mut self, event: &Event) {
        let value = &event.value;
        let at = event.at;
        let mut properties = Map::default();
        properties.take(value, "arn", "EventSourceArn");
        let word = |key: &str| value.get(key).and_then(Node::as_text).unwrap_or_default();
        let mut accesses = Vec::new();
        let mut access = |kind: &str, uri: Node| {
            let at = uri.at;
            let mut entry = Map::default();
            entry.put("Type", at, text(kind, at)).put("URI", at, uri);
            accesses.push(entry.node(at));
        };
        if let Some(secret) = value.get("basicAuthArn") {
            access("BASIC_AUTH", secret.clone());
        }
        if let Some(secret) = value.get("saslScram512") {
            access("SASL_SCRAM_512_AUTH", secret.clone());
        }
        for (key, kind, prefix) in KAFKA_ACCESSES {
            let all = value.path(&["accessConfigurations", key]);
            for item in all.map(Node::items).unwrap_or_default() {
                let uri = match item.as_text() {
                    Some(plain) => text(format!("{prefix}{plain}"), item.at),
                    None => item.clone(),
                };
                access(kind, uri);
            }
        }
        if !accesses.is_empty() {
            properties.put("SourceAccessConfigurations", at, list(accesses, at));
        }
        if let Some(topic) = value.get("topic") {
            properties.put("Topics", topic.at, list(vec![topic.clone()], topic.at));
        }
        if let Some(target) = value.get("onFailureDestination") {
            on_failure(target, &mut properties);
        }
        if let Some(group) = value.get("consumerGroupId") {
            let mut config = Map::default();
            config.put("ConsumerGroupId", group.at, group.clone());
            properties.put(
                "AmazonManagedKafkaEventSourceConfig",
                group.at,
                config.node(group.at),
            );
        }
        let name = match event.kind.as_str() {
            "msk" => {
                let cluster = value
                    .get("arn")
                    .map(|arn| last_name(arn, '/', self.settle))
                    .unwrap_or_default();
                format!("MSK{}{}", alphanumeric(&cluster), alphanumeric(word("topic")))
            }
            "kafka" => {
                let mut own = Map::default();
                own.put("Endpoints", at, Node::new(Value::Map(Vec::new()), at));
                properties.put("SelfManagedEventSource", at, own.node(at));
                format!("Kafka{}", alphanumeric(word("topic")))
            }
            "activemq" => format!("ActiveMQ{}", alphanumeric(word("queue"))),
            _ => format!("RabbitMQ{}", alphanumeric(word("queue"))),
        };
        self.mapping(name, event, properties);
    }

    fn schedule(&mut self, event: &Event, index: usize) {
        let at = event.at;
        let function = super::names::function(self.function);
        if event.value.get("method").and_then(Node::as_text) == Some("scheduler") {
            let mut target = Map::default();
            target.put("Arn", at, arn_of(&function, at));
            let mut properties = Map::default();
            properties.put("Target", at, target.node(at));
            let id = format!("{}EventsScheduleRule{index}", normalized(self.function));
            self.push(id, "AWS::Scheduler::Schedule", at, properties);
            return;
        }
        let rule = format!("{}EventsRuleSchedule{index}", normalized(self.function));
        let mut properties = Map::default();
        properties.put("ScheduleExpression", at, text("scheduled", at));
        self.push(rule.clone(), "AWS::Events::Rule", at, properties);
        self.permission(
            &format!("EventsRuleSchedule{index}"),
            "events.amazonaws.com",
            Some(arn_of(&rule, at)),
            at,
        );
    }

    fn bucket(&mut self, event: &Event) {
        let Some(named) = event.value.get("bucket").or(match &event.value.value {
            Value::Map(_) | Value::Null => None,
            _ => Some(&event.value),
        }) else {
            return;
        };
        let at = event.at;
        let existing = event.value.get("existing").and_then(Node::as_text) == Some("true");
        let Some(name) = named.as_text().filter(|_| !existing) else {
            let arn = match &named.value {
                Value::Ref(id) => arn_of(id, at),
                _ => {
                    let start = text("arn:aws:s3:::", at);
                    Node::new(
                        Value::Join(String::new(), Box::new(list(vec![start, named.clone()], at))),
                        at,
                    )
                }
            };
            self.permission("ExistingS3", "s3.amazonaws.com", Some(arn), at);
            return;
        };
        let short = alphanumeric(&(self.settle)(name));
        let id = format!("S3Bucket{short}");
        let mut properties = Map::default();
        properties.put("BucketName", named.at, named.clone());
        self.push(id.clone(), "AWS::S3::Bucket", at, properties);
        self.permission(
            &format!("{short}S3"),
            "s3.amazonaws.com",
            Some(arn_of(&id, at)),
            at,
        );
    }

    fn topic(&mut self, event: &Event) {
        let at = event.at;
        let arn = event.value.get("arn").or(match &event.value.value {
            Value::Map(_) | Value::Null => None,
            _ => Some(&event.value),
        });
        let is_name = |node: &&Node| node.as_text().is_some_and(|text| !text.starts_with("arn:"));
        let named = event.value.get("topicName").or(arn.filter(is_name));
        let given = arn.filter(|node| !is_name(node));
        let short = named
            .and_then(Node::as_text)
            .map(|name| alphanumeric(&(self.settle)(name)))
            .unwrap_or_default();
        let source = match (given, named) {
            (Some(arn), _) => arn.clone(),
            (None, Some(name)) => {
                let id = format!("SNSTopic{short}");
                let mut properties = Map::default();
                properties.put("TopicName", name.at, name.clone());
                self.push(id.clone(), "AWS::SNS::Topic", at, properties);
                Node::new(Value::Ref(id), at)
            }
            (None, None) => return,
        };
        let label = if short.is_empty() {
            let name = last_name(&source, ':', self.settle);
            alphanumeric(&name)
        } else {
            short
        };
        self.permission(&format!("{label}SNS"), "sns.amazonaws.com", Some(source), at);
    }

    fn permission(&mut self, name: &str, principal: &str, source: Option<Node>, at: Mark) {
        let function = super::names::function(self.function);
        let mut properties = Map::default();
        properties
            .put("FunctionName", at, arn_of(&function, at))
            .put("Principal", at, text(principal, at));
        if let Some(source) = source {
            properties.put("SourceArn", at, source);
        }
        let id = format!("{}LambdaPermission{name}", normalized(self.function));
        self.push(id, "AWS::Lambda::Permission", at, properties);
    }
}

/// The name that a logical id is made of: a resource's, an import's, or the last part of an ARN.
fn last_name(node: &Node, separator: char, settle: &dyn Fn(&str) -> String) -> String {
    match &node.value {
        Value::GetAtt(id, _) | Value::Ref(id) => id.clone(),
        Value::Join(_, items) => items
            .items()
            .last()
            .and_then(Node::as_text)
            .map(|last| last.rsplit('/').next().unwrap_or(last).to_owned())
            .unwrap_or_default(),
        Value::Call(_, argument) => argument.as_text().unwrap_or_default().to_owned(),
        Value::Text(arn) | Value::Sub(arn, _) => {
            let arn = settle(arn);
            let mut parts = arn.split(separator);
            let last = if separator == '/' {
                parts.nth(1)
            } else {
                parts.next_back()
            };
            last.unwrap_or_default().to_owned()
        }
        _ => String::new(),
    }
}

/// The logical id of the consumer that the framework makes for a stream.
pub(super) fn consumer_id(function: &str, source: &Node, settle: &dyn Fn(&str) -> String) -> String {
    let stream = last_name(source, '/', settle);
    format!(
        "{}StreamConsumer",
        normalized(&format!("{function}{stream}Consumer"))
    )
}

fn on_failure(target: &Node, properties: &mut Map) {
    let mut destination = Map::default();
    destination.put("Destination", target.at, target.clone());
    let mut config = Map::default();
    config.put("OnFailure", target.at, destination.node(target.at));
    properties.put("DestinationConfig", target.at, config.node(target.at));
}

/// A resource.
pub(super) fn resource(
    id: String,
    type_name: &str,
    at: Mark,
    properties: Node,
    condition: Option<&Node>,
) -> Resource {
    let mut whole = Map::default();
    whole.put("Type", at, text(type_name, at));
    if let Some(condition) = condition {
        whole.put("Condition", condition.at, condition.clone());
    }
    Resource {
        id,
        type_name: type_name.to_owned(),
        at,
        node: whole.node(at),
        properties,
    }
}
