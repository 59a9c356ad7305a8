//! A function of the account, its role and what surrounds it, as the CloudFormation resources they are.

use std::sync::Arc;

use super::super::node::{Entry, Mark, Node, Value};
use super::super::parse::json_values;
use super::super::template::{Resource, Template};
use super::{Dumps, percent_decoded};
use crate::usage::Gap;

/// What roles are called beside functions, which may have the same name.
const ROLE: &str = "role/";

/// What policies are called beside both.
const POLICY: &str = "policy/";

/// What a key may encrypt: how its dump tells, and what CloudFormation calls it.
struct Encrypted {
    type_name: &'static str,
    /// Member with the ARN.
    arn: &'static str,
    /// Members down to the key.
    key_in: &'static [&'static str],
    /// Property of the name.
    name: &'static str,
    /// Property of the key, and one within it.
    key: (&'static str, Option<&'static str>),
}

const ENCRYPTED: &[Encrypted] = &[
    Encrypted {
        type_name: "AWS::DynamoDB::Table",
        arn: "TableArn",
        key_in: &["SSEDescription", "KMSMasterKeyArn"],
        name: "TableName",
        key: ("SSESpecification", Some("KMSMasterKeyId")),
    },
    Encrypted {
        type_name: "AWS::SQS::Queue",
        arn: "QueueArn",
        key_in: &["KmsMasterKeyId"],
        name: "QueueName",
        key: ("KmsMasterKeyId", None),
    },
    Encrypted {
        type_name: "AWS::SNS::Topic",
        arn: "TopicArn",
        key_in: &["KmsMasterKeyId"],
        name: "TopicName",
        key: ("KmsMasterKeyId", None),
    },
    Encrypted {
        type_name: "AWS::Kinesis::Stream",
        arn: "StreamARN",
        key_in: &["KeyId"],
        name: "Name",
        key: ("StreamEncryption", Some("KeyId")),
    },
    Encrypted {
        type_name: "AWS::SecretsManager::Secret",
        arn: "ARN",
        key_in: &["KmsKeyId"],
        name: "Name",
        key: ("KmsKeyId", None),
    },
];

/// A function written as a template.
pub(super) struct Lowered {
    pub(super) template: Template,
    pub(super) gaps: Vec<Gap>,
}

/// The name that the account has for what a template calls `role/name`.
pub(super) fn plain_name(id: &str) -> &str {
    id.strip_prefix(ROLE)
        .or_else(|| id.strip_prefix(POLICY))
        .unwrap_or(id)
}

/// Writes a function of the dumps as a template of its own. `None` if it has no name.
pub(super) fn function(dumps: &Dumps, node: &Node) -> Option<Lowered> {
    let name = node.get("FunctionName")?.as_text()?;
    let arn = node.get("FunctionArn")?.as_text()?;
    let mut writer = Writer {
        dumps,
        resources: Vec::new(),
        gaps: Vec::new(),
    };
    writer.function(name, node);
    if let Some(role) = node.get("Role") {
        writer.role(role);
    }
    let own = |item: &&Node| {
        let named = item.get("FunctionArn").and_then(Node::as_text);
        named.is_some_and(|named| unqualified(named) == unqualified(arn))
    };
    for item in dumps.mappings.iter().filter(own) {
        writer.mapping(item);
    }
    for item in dumps.invoke_configs.iter().filter(own) {
        let id = format!("event-invoke-config/{}", writer.resources.len());
        let kept = [
            ("DestinationConfig", "DestinationConfig"),
            ("FunctionArn", "FunctionName"),
        ];
        writer.put(&id, "AWS::Lambda::EventInvokeConfig", item, taken(item, &kept));
    }
    for item in dumps.urls.iter().filter(own) {
        let kept = [("FunctionArn", "TargetFunctionArn")];
        writer.put("FunctionUrl", "AWS::Lambda::Url", item, taken(item, &kept));
    }
    writer.log_group(name, node);
    for item in &dumps.encrypted {
        writer.encrypted(item);
    }
    writer.note_unknown_keys(name);
    let file = dumps.place(node.at).file;
    Some(Lowered {
        template: Template::of_account(file, Arc::from(dumps.files.as_slice()), writer.resources),
        gaps: writer.gaps,
    })
}

/// Writes a role of the dumps as a template, with a function that has it.
pub(super) fn role(dumps: &Dumps, arn: &str) -> Option<Lowered> {
    let node = dumps.roles.get(arn)?;
    let mut writer = Writer {
        dumps,
        resources: Vec::new(),
        gaps: Vec::new(),
    };
    let named = text(arn, node.at);
    writer.role(&named);
    let id = format!("{ROLE}{}", last(arn));
    let of_function = entry("Role", Node::new(Value::GetAtt(id, "Arn".to_owned()), node.at));
    writer.put("function", "AWS::Lambda::Function", node, vec![of_function]);
    let file = dumps.place(node.at).file;
    Some(Lowered {
        template: Template::of_account(file, Arc::from(dumps.files.as_slice()), writer.resources),
        gaps: writer.gaps,
    })
}

/// An ARN of a function without version or alias.
fn unqualified(arn: &str) -> &str {
    arn.match_indices(':')
        .nth(6)
        .and_then(|(end, _)| arn.get(..end))
        .unwrap_or(arn)
}

struct Writer<'a> {
    dumps: &'a Dumps,
    resources: Vec<Resource>,
    gaps: Vec<Gap>,
}

impl Writer<'_> {
    fn put(&mut self, id: &str, type_name: &str, item: &Node, properties: Vec<Entry>) {
        let kind = entry("Type", text(type_name, item.at));
        self.resources.push(Resource {
            id: id.to_owned(),
            type_name: type_name.to_owned(),
            at: item.at,
            node: Node::new(Value::Map(vec![kind]), item.at),
            properties: Node::new(Value::Map(properties), item.at),
        });
    }

    fn gap(&mut self, gap: Gap, at: Mark) {
        self.gaps.push(gap.at(self.dumps.place(at)));
    }

    fn function(&mut self, name: &str, node: &Node) {
        let mut properties = taken(
            node,
            &[
                ("FunctionName", "FunctionName"),
                ("Runtime", "Runtime"),
                ("Environment", "Environment"),
                ("TracingConfig", "TracingConfig"),
                ("DeadLetterConfig", "DeadLetterConfig"),
                ("FileSystemConfigs", "FileSystemConfigs"),
                ("KMSKeyArn", "KmsKeyArn"),
                ("LoggingConfig", "LoggingConfig"),
                ("DurableConfig", "DurableConfig"),
            ],
        );
        if let Some(error) = node.path(&["Environment", "Error"]) {
            let why = error
                .get("Message")
                .and_then(Node::as_text)
                .unwrap_or("no reason is given");
            self.gap(
                Gap::new(
                    "unreadable-environment",
                    format!("the environment of `{name}` is not in the dump: {why}"),
                )
                .hint("list the functions as someone who may decrypt with the key of the environment"),
                error.at,
            );
        }
        // A function that left its network keeps lists without items.
        let attached = node
            .path(&["VpcConfig", "SubnetIds"])
            .is_some_and(|subnets| !subnets.items().is_empty());
        if let Some(vpc) = node.entry("VpcConfig").filter(|_| attached) {
            properties.push(vpc.clone());
        }
        if let Some(role) = node.get("Role").and_then(Node::as_text) {
            let known = self.dumps.roles.contains_key(role);
            let value = match known {
                true => Value::GetAtt(format!("{ROLE}{}", last(role)), "Arn".to_owned()),
                false => Value::Text(role.to_owned()),
            };
            let at = node.get("Role").map_or(node.at, |role| role.at);
            properties.push(entry("Role", Node::new(value, at)));
        }
        if let Some(layers) = node.get("Layers") {
            let arns = layers
                .items()
                .iter()
                .filter_map(|layer| layer.get("Arn").cloned());
            let list = Node::new(Value::List(arns.collect()), layers.at);
            properties.push(entry("Layers", list));
        }
        self.put(name, "AWS::Lambda::Function", node, properties);
    }

    fn role(&mut self, named: &Node) {
        let role = named.as_text().and_then(|arn| self.dumps.roles.get(arn));
        let Some(role) = role else { return };
        let name = role
            .get("RoleName")
            .and_then(Node::as_text)
            .unwrap_or_default()
            .to_owned();
        let mut properties = taken(role, &[("RoleName", "RoleName")]);
        if let Some(trust) = role.get("AssumeRolePolicyDocument") {
            properties.push(entry("AssumeRolePolicyDocument", decoded(trust)));
        }
        if let Some(boundary) = role.path(&["PermissionsBoundary", "PermissionsBoundaryArn"]) {
            properties.push(entry("PermissionsBoundary", boundary.clone()));
        }
        let inline = role.get("RolePolicyList").map(Node::items).unwrap_or_default();
        let policies = inline.iter().map(|policy| {
            let mut entries = taken(policy, &[("PolicyName", "PolicyName")]);
            let document = policy.get("PolicyDocument").map(decoded);
            entries.extend(document.map(|document| entry("PolicyDocument", document)));
            Node::new(Value::Map(entries), policy.at)
        });
        properties.push(entry(
            "Policies",
            Node::new(Value::List(policies.collect()), role.at),
        ));
        let mut attached = Vec::new();
        for item in role
            .get("AttachedManagedPolicies")
            .map(Node::items)
            .unwrap_or_default()
        {
            attached.extend(self.attached(&name, item));
        }
        let list = Node::new(Value::List(attached), role.at);
        properties.push(entry("ManagedPolicyArns", list));
        let id = format!("{ROLE}{}", named.as_text().map_or(name.as_str(), last));
        self.put(&id, "AWS::IAM::Role", role, properties);
    }

    /// A managed policy that a role has: the document of the dump, else AWS's by its ARN.
    fn attached(&mut self, role: &str, item: &Node) -> Option<Node> {
        let arn = item.get("PolicyArn")?.as_text()?.to_owned();
        let Some(policy) = self.dumps.policies.get(&arn) else {
            if arn.contains(":iam::aws:policy/") {
                return Some(text(&arn, item.at));
            }
            let message =
                format!("the role `{role}` has the policy `{arn}`, whose document is not in the dump");
            let gap = Gap::new("unresolved-policy", message).hint(
                "write the dump with `--filter Role LocalManagedPolicy AWSManagedPolicy`; what the policy grants is not counted",
            );
            self.gap(gap, item.at);
            return None;
        };
        let id = format!("{POLICY}{}", last(&arn));
        let mut properties = taken(policy, &[("PolicyName", "ManagedPolicyName")]);
        let version = policy.get("DefaultVersionId").and_then(Node::as_text);
        let in_force = |candidate: &&Node| {
            let of = |key: &str| candidate.get(key).and_then(Node::as_text);
            match version {
                Some(version) => of("VersionId") == Some(version),
                None => of("IsDefaultVersion") == Some("true"),
            }
        };
        let versions = policy
            .get("PolicyVersionList")
            .map(Node::items)
            .unwrap_or_default();
        let document = versions
            .iter()
            .find(in_force)
            .and_then(|version| version.get("Document"));
        properties.extend(document.map(|document| entry("PolicyDocument", decoded(document))));
        let known = self.resources.iter().any(|known| known.id == id);
        if !known {
            self.put(&id, "AWS::IAM::ManagedPolicy", policy, properties);
        }
        Some(Node::new(Value::Ref(id), item.at))
    }

    fn mapping(&mut self, item: &Node) {
        let of = |key: &str| item.get(key).and_then(Node::as_text);
        if of("State") == Some("Deleting") {
            return;
        }
        let mut id = of("EventSourceArn").map_or("kafka", last).to_owned();
        if self.resources.iter().any(|known| known.id == id) {
            id = format!("{id} {}", of("UUID").unwrap_or_default());
        }
        let mut properties = taken(
            item,
            &[
                ("FunctionArn", "FunctionName"),
                ("EventSourceArn", "EventSourceArn"),
                ("DestinationConfig", "DestinationConfig"),
                ("SourceAccessConfigurations", "SourceAccessConfigurations"),
                ("SelfManagedEventSource", "SelfManagedEventSource"),
                ("Topics", "Topics"),
                (
                    "AmazonManagedKafkaEventSourceConfig",
                    "AmazonManagedKafkaEventSourceConfig",
                ),
                (
                    "SelfManagedKafkaEventSourceConfig",
                    "SelfManagedKafkaEventSourceConfig",
                ),
                ("KMSKeyArn", "KmsKeyArn"),
            ],
        );
        // A destination without target is none.
        properties.retain(|entry| {
            entry.key != "DestinationConfig" || entry.value.path(&["OnFailure", "Destination"]).is_some()
        });
        self.put(&id, "AWS::Lambda::EventSourceMapping", item, properties);
    }

    /// Something that a key may encrypt, under the name that its ARN ends in.
    fn encrypted(&mut self, item: &Node) {
        let known = ENCRYPTED.iter().find_map(|known| {
            let arn = item.get(known.arn)?.as_text()?;
            Some((known, arn))
        });
        let Some((known, arn)) = known else { return };
        let Some(key) = item.path(known.key_in) else {
            return;
        };
        let name = match item.get("Name").and_then(Node::as_text) {
            // The ARN of a secret ends in six characters more.
            Some(name) => name,
            None => last(arn),
        };
        let (outer, inner) = known.key;
        let key = match inner {
            Some(inner) => Node::new(Value::Map(vec![entry(inner, key.clone())]), key.at),
            None => key.clone(),
        };
        let properties = vec![entry(known.name, text(name, item.at)), entry(outer, key)];
        let id = format!("{}/{name}", known.arn);
        self.put(&id, known.type_name, item, properties);
    }

    /// A role that may use keys, while nothing tells what they encrypt.
    fn note_unknown_keys(&mut self, function: &str) {
        if !self.dumps.encrypted.is_empty() {
            return;
        }
        let policies = self
            .resources
            .iter()
            .filter(|known| known.type_name.starts_with("AWS::IAM::"));
        let uses_keys = |known: &Resource| mentions(&known.properties, "kms:");
        if let Some(at) = policies
            .into_iter()
            .find(|known| uses_keys(known))
            .map(|known| known.at)
        {
            let message = format!(
                "the role of `{function}` may use keys, and no dump tells which tables, queues, topics, streams or secrets they encrypt"
            );
            let gap = Gap::new("unknown-key", message).hint(
                "add `aws dynamodb describe-table`, `aws sqs get-queue-attributes --attribute-names All`, `aws sns get-topic-attributes`, \
                 `aws kinesis describe-stream-summary` or `aws secretsmanager list-secrets` of what it uses",
            );
            self.gap(gap, at);
        }
    }

    /// The log group of the function, if the dumps have it.
    fn log_group(&mut self, name: &str, node: &Node) {
        let usual = format!("/aws/lambda/{name}");
        let group = node.path(&["LoggingConfig", "LogGroup"]).and_then(Node::as_text);
        let wanted = group.unwrap_or(&usual);
        let found = self
            .dumps
            .log_groups
            .iter()
            .find(|known| known.get("logGroupName").and_then(Node::as_text) == Some(wanted));
        if let Some(found) = found {
            let kept = [("logGroupName", "LogGroupName"), ("kmsKeyId", "KmsKeyId")];
            self.put("log-group", "AWS::Logs::LogGroup", found, taken(found, &kept));
        }
    }
}

/// Entries of an item, under the names that CloudFormation has for them; texts without characters are none.
fn taken(item: &Node, keys: &[(&str, &str)]) -> Vec<Entry> {
    keys.iter()
        .filter_map(|(theirs, ours)| {
            let entry = item.entry(theirs)?;
            let empty = matches!(&entry.value.value, Value::Null) || entry.value.as_text() == Some("");
            (!empty).then(|| Entry {
                key: (*ours).to_owned(),
                ..entry.clone()
            })
        })
        .collect()
}

fn entry(key: &str, value: Node) -> Entry {
    Entry {
        key: key.to_owned(),
        key_at: value.at,
        value,
    }
}

fn text(text: &str, at: Mark) -> Node {
    Node::new(Value::Text(text.to_owned()), at)
}

/// The last part of an ARN.
fn last(arn: &str) -> &str {
    arn.rsplit(['/', ':']).next().unwrap_or(arn)
}

/// Whether a text somewhere in a tree starts with a prefix.
fn mentions(node: &Node, prefix: &str) -> bool {
    match &node.value {
        Value::Text(text) => text.to_ascii_lowercase().starts_with(prefix),
        Value::List(items) => items.iter().any(|item| mentions(item, prefix)),
        Value::Map(entries) => entries.iter().any(|entry| mentions(&entry.value, prefix)),
        _ => false,
    }
}

/// A policy document, written out or percent-encoded in a text.
fn decoded(document: &Node) -> Node {
    let Some(encoded) = document.as_text() else {
        return document.clone();
    };
    let json = percent_decoded(encoded);
    match json_values(&json, document.at.file).as_deref() {
        Ok([one]) => moved(one, document.at),
        _ => text(&json, document.at),
    }
}

/// A tree whose parts all stand where the whole stands.
fn moved(node: &Node, at: Mark) -> Node {
    let value = match &node.value {
        Value::List(items) => Value::List(items.iter().map(|item| moved(item, at)).collect()),
        Value::Map(entries) => Value::Map(
            entries
                .iter()
                .map(|entry| Entry {
                    key: entry.key.clone(),
                    key_at: at,
                    value: moved(&entry.value, at),
                })
                .collect(),
        ),
        other => other.clone(),
    };
    Node::new(value, at)
}
