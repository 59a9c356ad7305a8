//! Policies beside the roles that can refuse what a role allows: of buckets, queues, topics, keys, secrets and tables, of
//! VPC endpoints, and managed policies that are the boundary of a role.

use serde_json::Value as Json;

use super::branches::{items, variants};
use super::node::Node;
use super::reading::Reading;
use super::template::Resource;
use super::text::only_symbol;
use crate::iam::policy::{Effect, Policy, PolicyKind};
use crate::usage::Gap;
use crate::workspace::model::{Guard, GuardKind};

/// Types whose resources are policies: the properties that name what they are attached to and hold the document, and what
/// people call them.
const ATTACHED: [(&str, &str, &str, &str); 5] = [
    (
        "AWS::Kinesis::ResourcePolicy",
        "ResourceArn",
        "ResourcePolicy",
        "stream policy",
    ),
    (
        "AWS::S3::BucketPolicy",
        "Bucket",
        "PolicyDocument",
        "bucket policy",
    ),
    (
        "AWS::SNS::TopicPolicy",
        "Topics",
        "PolicyDocument",
        "topic policy",
    ),
    (
        "AWS::SQS::QueuePolicy",
        "Queues",
        "PolicyDocument",
        "queue policy",
    ),
    (
        "AWS::SecretsManager::ResourcePolicy",
        "SecretId",
        "ResourcePolicy",
        "secret's policy",
    ),
];

impl Reading<'_> {
    /// Every such policy; `boundaries` are the ARNs of those that roles name.
    pub(crate) fn guards(&mut self, boundaries: &[&str]) -> Vec<Guard> {
        let template = self.template;
        let mut guards = Vec::new();
        for resource in template.all() {
            let arn = self
                .stack
                .resources
                .get(&resource.id)
                .and_then(|known| known.arn.clone());
            let properties = &resource.properties;
            if let Some((_, target, document, called)) =
                ATTACHED.iter().find(|(kind, ..)| *kind == resource.type_name)
            {
                let targets = properties.get(target).map(items).unwrap_or_default();
                let of: Vec<String> = targets
                    .iter()
                    .filter_map(|target| self.target(resource, target.node))
                    .collect();
                guards.extend(self.guard(
                    resource,
                    properties.get(document),
                    called,
                    GuardKind::Resource(of),
                ));
                continue;
            }
            let (document, called, kind) = match (resource.type_name.as_str(), arn) {
                ("AWS::KMS::Key", Some(arn)) => ("KeyPolicy", "key policy", GuardKind::Key(arn)),
                ("AWS::DynamoDB::Table", Some(arn)) => {
                    let document = properties.path(&["ResourcePolicy", "PolicyDocument"]);
                    let kind = GuardKind::Resource(vec![arn]);
                    guards.extend(self.guard(resource, document, "table's policy", kind));
                    continue;
                }
                ("AWS::IAM::ManagedPolicy", Some(arn)) if boundaries.contains(&arn.as_str()) => (
                    "PolicyDocument",
                    "permissions boundary",
                    GuardKind::Boundary(Some(arn)),
                ),
                ("AWS::EC2::VPCEndpoint", _) => match self.endpoint(properties) {
                    Some(kind) => ("PolicyDocument", "policy of the VPC endpoint", kind),
                    None => continue,
                },
                _ => continue,
            };
            guards.extend(self.guard(resource, properties.get(document), called, kind));
        }
        guards
    }

    /// What a policy is attached to. A bucket's name alone is its ARN.
    fn target(&self, policy: &Resource, node: &Node) -> Option<String> {
        let named = self.arn_of_named(node)?;
        match named.starts_with("arn:") {
            true => Some(named),
            false if policy.type_name == "AWS::S3::BucketPolicy" => Some(
                self.stack
                    .normalise_arn(&format!("arn:${{AWS::Partition}}:s3:::{named}")),
            ),
            false => None,
        }
    }

    /// The service of an endpoint, and its VPC. One that takes no private names is used by those alone who ask for it by
    /// its own. <https://docs.aws.amazon.com/vpc/latest/privatelink/vpc-endpoints-access.html>
    fn endpoint(&self, properties: &Node) -> Option<GuardKind> {
        let text = |key: &str| properties.get(key).and_then(|node| self.text(node));
        let interface = text("VpcEndpointType").is_some_and(|kind| kind == "Interface");
        if interface && text("PrivateDnsEnabled").is_some_and(|enabled| enabled == "false") {
            return None;
        }
        let name = text("ServiceName")?;
        Some(GuardKind::Endpoint {
            service: name.rsplit('.').next().unwrap_or(&name).to_owned(),
            vpc: text("VpcId"),
        })
    }

    /// The VPCs of a function's subnets; none when a subnet's cannot be told.
    pub(crate) fn networks(&self, vpc_config: Option<&Node>) -> Vec<String> {
        let subnets = vpc_config.and_then(|config| config.get("SubnetIds"));
        let mut found: Vec<String> = Vec::new();
        for subnet in subnets.map(items).unwrap_or_default() {
            let Some(vpc) = self.vpc_of(subnet.node) else {
                return Vec::new();
            };
            found.push(vpc);
        }
        found.sort();
        found.dedup();
        found
    }

    fn vpc_of(&self, subnet: &Node) -> Option<String> {
        let text = self.text(subnet)?;
        let id = only_symbol(&text)?;
        let resource = self.template.all().find(|resource| resource.id == id)?;
        self.text(resource.properties.get("VpcId")?)
    }

    fn guard(
        &mut self,
        resource: &Resource,
        document: Option<&Node>,
        called: &str,
        kind: GuardKind,
    ) -> Option<Guard> {
        let written = |document: &&Node| {
            let text = self.text(document);
            !document.entries().is_empty() || text.is_some_and(|text| text.trim_start().starts_with('{'))
        };
        let document = document.filter(written)?;
        let grammar = match kind {
            GuardKind::Boundary(_) => PolicyKind::Identity,
            _ => PolicyKind::Resource,
        };
        let policy = match self.guard_policy(document, grammar) {
            Ok(policy) => policy,
            Err(why) => {
                let message = format!(
                    "what the {called} `{}` refuses cannot be told: {why}",
                    resource.id
                );
                let gap = Gap::new("unreadable-resource-policy", message)
                    .hint("write it out as a policy document; what it refuses is not counted");
                self.gap(gap, document.at);
                return None;
            }
        };
        Some(Guard {
            name: format!("{called} `{}`", resource.id),
            policy,
            kind,
            location: self.location(resource.at),
            condition: resource.node.get("Condition").and_then(|node| self.text(node)),
        })
    }

    /// A document that was written as text, every mention of a resource as its symbolic ARN.
    fn known(&self, json: Json) -> Json {
        match json {
            Json::String(text) => Json::String(self.stack.normalise_arn(&text)),
            Json::Array(items) => items.into_iter().map(|item| self.known(item)).collect(),
            Json::Object(members) => {
                let members = members.into_iter().map(|(key, value)| (key, self.known(value)));
                Json::Object(members.collect())
            }
            other => other,
        }
    }

    /// The document. Where parts of it depend on conditions, it allows what any of them allows and denies what all do.
    fn guard_policy(&self, document: &Node, grammar: PolicyKind) -> Result<Policy, String> {
        let variants = variants(document).ok_or("it has too many conditions")?;
        let mut read = Vec::new();
        for (_, variant) in &variants {
            let mut json = match self.text(variant) {
                Some(text) => self.known(serde_json::from_str(&text).map_err(|error| error.to_string())?),
                None => self.json(variant),
            };
            // Symbols are filled in before IAM sees the document, whose variables they are not.
            if let Some(document) = json.as_object_mut() {
                document.insert("Version".to_owned(), Json::from("2012-10-17"));
            }
            read.push(Policy::read(&json.to_string(), grammar).map_err(|error| error.to_string())?);
        }
        let mut whole = Policy {
            kind: grammar,
            ..Policy::default()
        };
        for statement in read.iter().flat_map(|policy| &policy.statements) {
            let always = read.iter().all(|policy| policy.statements.contains(statement));
            if (statement.effect == Effect::Allow || always) && !whole.statements.contains(statement) {
                whole.statements.push(statement.clone());
            }
        }
        Ok(whole)
    }
}
