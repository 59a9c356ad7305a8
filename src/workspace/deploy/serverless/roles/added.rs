//! What the framework puts into a role by itself: statements for events, destinations, tracing, networks and files.

use super::super::super::node::{Mark, Node, Value};
use super::super::super::statements::INJECTED_BY;
use super::super::build::{Map, list, sub, text, texts};
use super::super::events::{Event, consumer_id, events};
use super::{Member, Mode, Roles, tracing};

const NETWORK: &[&str] = &[
    "ec2:CreateNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeVpcs",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeSubnets",
    "ec2:DescribeSecurityGroups",
];

/// A statement that the framework adds by itself.
pub(super) struct Added {
    pub(super) because: &'static str,
    pub(super) at: Mark,
    pub(super) effect: &'static str,
    pub(super) actions: Vec<&'static str>,
    pub(super) resources: Vec<Node>,
}

impl Roles<'_> {
    /// What a function's settings and events bring into a role made that way.
    pub(super) fn added(&self, member: &Member<'_>, mode: Mode) -> Vec<Added> {
        let function = member.node;
        let mut added = Vec::new();
        let mut add = |because, at, actions: &[&'static str], resources| {
            added.push(Added {
                because,
                at,
                effect: "Allow",
                actions: actions.to_vec(),
                resources,
            });
        };
        let is_text = |node: &Node| node.as_text().is_some();
        if let Some(entry) = function.entry("onError") {
            // The shared role knows topics by their ARN only; a reference adds nothing there.
            if mode != Mode::Shared || is_text(&entry.value) {
                add(
                    "onError",
                    entry.key_at,
                    &["sns:Publish"],
                    vec![entry.value.clone()],
                );
            }
        }
        if mode != Mode::Plugin {
            let stated = |key: &str| function.entry(key).or_else(|| self.provider.entry(key));
            if let Some(entry) = stated("kmsKeyArn").filter(|entry| is_text(&entry.value)) {
                add(
                    "kmsKeyArn",
                    entry.key_at,
                    &["kms:Decrypt"],
                    vec![entry.value.clone()],
                );
            }
            if let Some((at, _)) = tracing(function, self.provider) {
                let actions = ["xray:PutTraceSegments", "xray:PutTelemetryRecords"];
                add("tracing", at, &actions, vec![text("*", at)]);
            }
            if let Some(entry) = function.entry("fileSystemConfig")
                && let Some(arn) = entry.value.get("arn")
            {
                let s3 = arn.as_text().is_some_and(|arn| arn.contains(":s3files:"));
                let actions = if s3 {
                    ["s3files:ClientMount", "s3files:ClientWrite"]
                } else {
                    ["elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite"]
                };
                add("fileSystemConfig", entry.key_at, &actions, vec![arn.clone()]);
            }
            for key in ["onSuccess", "onFailure"] {
                let target = function.get("destinations").and_then(|all| all.entry(key));
                if let Some(target) = target
                    && let Some((action, arn)) = self.destination(&target.value)
                {
                    add("destinations", target.key_at, &[action], vec![arn]);
                }
            }
        }
        if mode == Mode::Shared
            && let Some(entry) = function.entry("durableConfig")
        {
            let arn = format!(
                "arn:${{AWS::Partition}}:lambda:${{AWS::Region}}:${{AWS::AccountId}}:function:{}:*/durable-execution/*/*",
                member.deployed
            );
            let actions = [
                "lambda:CheckpointDurableExecution",
                "lambda:GetDurableExecutionState",
            ];
            add(
                "durableConfig",
                entry.key_at,
                &actions,
                vec![sub(arn, entry.key_at)],
            );
        }
        for event in events(function) {
            self.of_event(&event, member, mode, &mut added);
        }
        added
    }

    fn destination(&self, target: &Node) -> Option<(&'static str, Node)> {
        let arn = target.get("arn").unwrap_or(target);
        let stated = target.get("type").and_then(Node::as_text);
        let action = match (stated, arn.as_text()) {
            (Some("function"), _) => "lambda:InvokeFunction",
            (Some("sqs"), _) => "sqs:SendMessage",
            (Some("sns"), _) => "sns:Publish",
            (Some("eventBus"), _) => "events:PutEvents",
            (_, Some(text)) if !text.starts_with("arn:") => {
                let name = (self.deployed)(text)?;
                let function = format!(
                    "arn:${{AWS::Partition}}:lambda:${{AWS::Region}}:${{AWS::AccountId}}:function:{name}"
                );
                return Some(("lambda:InvokeFunction", sub(function, arn.at)));
            }
            (_, Some(text)) if text.contains(":function:") => "lambda:InvokeFunction",
            (_, Some(text)) if text.contains(":sqs:") => "sqs:SendMessage",
            (_, Some(text)) if text.contains(":sns:") => "sns:Publish",
            (_, Some(text)) if text.contains(":event-bus/") => "events:PutEvents",
            _ => return None,
        };
        Some((action, arn.clone()))
    }

    /// What polling an event, or a push that needs the role, brings.
    fn of_event(&self, event: &Event, member: &Member<'_>, mode: Mode, added: &mut Vec<Added>) {
        let deployed = member.deployed;
        let at = event.at;
        let mut add = |because, actions: &[&'static str], resources: Vec<Node>| {
            if !resources.is_empty() {
                added.push(Added {
                    because,
                    at,
                    effect: "Allow",
                    actions: actions.to_vec(),
                    resources,
                });
            }
        };
        let source = || event.source().cloned().into_iter().collect::<Vec<_>>();
        let field = |key: &str| event.value.get(key).cloned().into_iter().collect::<Vec<_>>();
        let anything = || vec![text("*", at)];
        match event.kind.as_str() {
            "sqs" => add(
                "events.sqs",
                &[
                    "sqs:ReceiveMessage",
                    "sqs:DeleteMessage",
                    "sqs:GetQueueAttributes",
                ],
                source(),
            ),
            "stream" => {
                let consumer = event
                    .source()
                    .map(|source| consumer_id(member.name, source, self.settle));
                stream(event, mode, &mut add, source(), consumer);
            }
            "websocket" if mode != Mode::Plugin => {
                let arn = "arn:${AWS::Partition}:execute-api:*:*:*/@connections/*";
                add(
                    "events.websocket",
                    &["execute-api:ManageConnections"],
                    vec![sub(arn, at)],
                );
            }
            "activemq" | "rabbitmq" if mode != Mode::Plugin => {
                add(
                    "events.mq",
                    &["secretsmanager:GetSecretValue"],
                    field("basicAuthArn"),
                );
                add("events.mq", &["mq:DescribeBroker"], source());
                add("events.mq", NETWORK, anything());
            }
            "kafka" if mode != Mode::Plugin => {
                let (secrets, in_vpc) = event.kafka_secrets();
                add("events.kafka", &["secretsmanager:GetSecretValue"], secrets);
                if in_vpc {
                    add("events.kafka", NETWORK, anything());
                }
            }
            "msk" if mode != Mode::Plugin => {
                add(
                    "events.msk",
                    &["kafka:DescribeCluster", "kafka:GetBootstrapBrokers"],
                    source(),
                );
                add("events.msk", NETWORK, anything());
            }
            "cloudFront" if mode != Mode::Plugin => add(
                "events.cloudFront",
                &[
                    "logs:CreateLogGroup",
                    "logs:CreateLogStream",
                    "logs:PutLogEvents",
                    "logs:TagResource",
                ],
                vec![sub("arn:${AWS::Partition}:logs:*:*:*", at)],
            ),
            "schedule"
                if mode != Mode::Plugin
                    && event.value.get("method").and_then(Node::as_text) == Some("scheduler") =>
            {
                let arn = format!(
                    "arn:${{AWS::Partition}}:lambda:${{AWS::Region}}:${{AWS::AccountId}}:function:{deployed}"
                );
                let both = vec![sub(arn.clone(), at), sub(format!("{arn}:*"), at)];
                add("events.schedule", &["lambda:InvokeFunction"], both);
            }
            _ => {}
        }
    }
}

fn stream(
    event: &Event,
    mode: Mode,
    add: &mut impl FnMut(&'static str, &[&'static str], Vec<Node>),
    source: Vec<Node>,
    made: Option<String>,
) {
    let because = "events.stream";
    if event.stream_type() == "dynamodb" {
        let actions = [
            "dynamodb:GetRecords",
            "dynamodb:GetShardIterator",
            "dynamodb:DescribeStream",
            "dynamodb:ListStreams",
        ];
        add(because, &actions, source);
    } else if let Some(consumer) = event.consumer().filter(|_| mode != Mode::Plugin) {
        let actions = [
            "kinesis:GetRecords",
            "kinesis:GetShardIterator",
            "kinesis:DescribeStreamSummary",
            "kinesis:ListShards",
        ];
        let consumer = if consumer.as_text() == Some("true") {
            let reference = |id| Node::new(Value::Ref(id), event.at);
            made.map(reference).into_iter().collect()
        } else {
            vec![consumer.clone()]
        };
        add(because, &actions, source);
        add(because, &["kinesis:SubscribeToShard"], consumer);
    } else {
        let actions = [
            "kinesis:GetRecords",
            "kinesis:GetShardIterator",
            "kinesis:DescribeStream",
            "kinesis:ListStreams",
        ];
        add(because, &actions, source);
    }
    if mode == Mode::Plugin {
        return;
    }
    if let Some((target, topic)) = event.on_failure() {
        let actions: &[&'static str] = if topic {
            &["sns:Publish"]
        } else {
            &["sqs:ListQueues", "sqs:SendMessage"]
        };
        add(because, actions, vec![target.clone()]);
    }
}

impl Added {
    pub(super) fn node(self) -> Node {
        let at = self.at;
        let mut statement = Map::default();
        statement
            .put("Effect", at, text(self.effect, at))
            .put("Action", at, texts(&self.actions, at))
            .put("Resource", at, list(self.resources, at))
            .put(INJECTED_BY, at, text(self.because, at));
        statement.node(at)
    }
}
