//! One name for each resource of a stack: every way to mention it becomes the same symbolic ARN.
//!
//! `!GetAtt OrdersTable.Arn`, `!Sub arn:${AWS::Partition}:…:table/${OrdersTable}` and a literal ARN that ends in the
//! table's `TableName` all become `arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/${OrdersTable}`.
//! A parameter's default is never put in the place of its symbol; it only serves to see that two names are the same.

use std::collections::BTreeMap;

use super::globals::merged_properties;
use super::node::Node;
use super::resource_types::{ResourceType, resource_type};
use super::template::{Resource, Template};
use super::text::{TextPiece, only_symbol, pieces, split_outside_symbols, text};
use crate::workspace::model::{RefValue, Stack, StackResource};

/// What Terraform's attributes that are the ARN of a resource are called here, whatever the provider calls them.
const TERRAFORM_ARN: &str = "arn";

/// The same for the name, where `Ref` is something else.
const TERRAFORM_NAME: &str = "name";

/// The stack of a template: its parameters and named resources.
pub(crate) fn stack(template: &Template) -> Stack {
    let mut resources: BTreeMap<String, StackResource> = template
        .all()
        .map(|resource| (resource.id.clone(), stack_resource(template, resource)))
        .collect();
    generated_resources(template, &mut resources);
    let mut stack = Stack {
        file: template.file.clone(),
        kind: template.kind,
        place: None,
        parameters: template.parameters.clone(),
        resources,
        guards: Vec::new(),
    };
    let keys: Vec<(String, String)> = template
        .all()
        .filter_map(|resource| Some((resource.id.clone(), kms_key(template, &stack, resource)?)))
        .collect();
    for (id, key) in keys {
        if let Some(resource) = stack.resources.get_mut(&id) {
            resource.kms_key = Some(key);
        }
    }
    stack
}

/// Roles, queues and topics that SAM makes, so that `!GetAtt PutOrderFunctionRole.Arn` is known.
fn generated_resources(template: &Template, resources: &mut BTreeMap<String, StackResource>) {
    let functions = template.resources.iter().filter(|resource| {
        matches!(
            resource.type_name.as_str(),
            "AWS::Serverless::Function" | "AWS::Serverless::WebFunction"
        )
    });
    for function in functions {
        let mut add = |id: String, type_name: &str| {
            let Some(known) = resource_type(type_name) else {
                return;
            };
            resources.entry(id.clone()).or_insert_with(|| StackResource {
                arn: Some(symbolic_arn(known.arn, &id, |_| None)),
                id,
                type_name: type_name.to_owned(),
                location: template.location(function.at),
                physical_name: None,
                ref_returns: known.ref_returns,
                kms_key: None,
            });
        };
        add(format!("{}Role", function.id), "AWS::IAM::Role");
        let properties = merged_properties(template, function);
        for event in properties.get("Events").map(Node::entries).unwrap_or(&[]) {
            let subscription = event.value.path(&["Properties", "SqsSubscription"]);
            if subscription.and_then(Node::as_text) == Some("true") {
                add(format!("{}{}Queue", function.id, event.key), "AWS::SQS::Queue");
            }
        }
        let destinations = properties.path(&["EventInvokeConfig", "DestinationConfig"]);
        for entry in destinations.map(Node::entries).unwrap_or(&[]) {
            let id = format!("{}EventInvokeConfig{}", function.id, entry.key);
            match entry.value.get("Type").and_then(Node::as_text) {
                Some("SQS") => add(format!("{id}Queue"), "AWS::SQS::Queue"),
                Some("SNS") => add(format!("{id}Topic"), "AWS::SNS::Topic"),
                _ => {}
            }
        }
    }
}

fn stack_resource(template: &Template, resource: &Resource) -> StackResource {
    let known = resource_type(&resource.type_name);
    let property = |path: &str| {
        let keys: Vec<&str> = path.split('.').collect();
        text(template, resource.properties.path(&keys)?)
    };
    StackResource {
        id: resource.id.clone(),
        type_name: resource.type_name.clone(),
        location: template.location(resource.at),
        arn: known.map(|known| symbolic_arn(known.arn, &resource.id, property)),
        physical_name: known.and_then(|known| known.name_property).and_then(property),
        ref_returns: known.map_or(RefValue::Id, |known| known.ref_returns),
        kms_key: None,
    }
}

/// Fills the table's short ARN format for the resource `id`.
fn symbolic_arn(format: &str, id: &str, property: impl Fn(&str) -> Option<String>) -> String {
    let mut parts = format.splitn(4, ':');
    let service = parts.next().unwrap_or_default();
    let region = parts
        .next()
        .map_or("", |part| if part == "r" { "${AWS::Region}" } else { part });
    let account = parts
        .next()
        .map_or("", |part| if part == "a" { "${AWS::AccountId}" } else { part });
    let mut rest = String::new();
    let mut format = parts.next().unwrap_or_default();
    while let Some((before, after)) = format.split_once('{') {
        let (inner, tail) = after.split_once('}').unwrap_or((after, ""));
        rest.push_str(before);
        match inner.split_once('|') {
            None => rest.push_str(&format!("${{{id}}}")),
            Some((name, default)) => {
                rest.push_str(&property(name).unwrap_or_else(|| default.to_owned()));
            }
        }
        format = tail;
    }
    rest.push_str(format);
    format!("arn:${{AWS::Partition}}:{service}:{region}:{account}:{rest}")
}

/// Buckets name their key three levels down, everything else where the table says.
fn kms_key(template: &Template, stack: &Stack, resource: &Resource) -> Option<String> {
    let node = if resource.type_name == "AWS::S3::Bucket" {
        let rules = resource
            .properties
            .path(&["BucketEncryption", "ServerSideEncryptionConfiguration"])?;
        rules
            .items()
            .iter()
            .find_map(|rule| rule.path(&["ServerSideEncryptionByDefault", "KMSMasterKeyID"]))?
    } else {
        let path = resource_type(&resource.type_name)?.kms_property?;
        let keys: Vec<&str> = path.split('.').collect();
        resource.properties.path(&keys)?
    };
    key_arn(template, stack, node)
}

/// An alias names a key, no other alias; templates that say so all the same may go round in a circle.
const MOST_ALIASES: usize = 3;

/// The symbolic ARN of a customer key that a property names by ARN, id or alias; `None` for keys that AWS manages.
pub(crate) fn key_arn(template: &Template, stack: &Stack, node: &Node) -> Option<String> {
    key_behind(template, stack, node, MOST_ALIASES)
}

fn key_behind(template: &Template, stack: &Stack, node: &Node, aliases: usize) -> Option<String> {
    let name = text(template, node)?;
    let alias = name
        .rsplit_once(":alias/")
        .map_or(name.as_str(), |(_, alias)| alias);
    if alias.trim_start_matches("alias/").starts_with("aws/") {
        return None;
    }
    if let Some(resource) = stack.resource_named(&name) {
        if resource.type_name == "AWS::KMS::Alias" {
            let target = template.resource(&resource.id)?;
            let target = target.properties.get("TargetKeyId")?;
            return key_behind(template, stack, target, aliases.checked_sub(1)?);
        }
        return resource.arn.clone();
    }
    if name.starts_with("arn:") {
        return Some(stack.normalise_arn(&name));
    }
    let key = if name.starts_with("alias/") {
        name
    } else {
        format!("key/{name}")
    };
    Some(format!(
        "arn:${{AWS::Partition}}:kms:${{AWS::Region}}:${{AWS::AccountId}}:{key}"
    ))
}

impl StackResource {
    /// The attribute of `Fn::GetAtt` that is its ARN, such as `Arn` or `TopicArn`; `None` where the type has none.
    pub fn arn_attribute(&self) -> Option<&'static str> {
        resource_type(&self.type_name)?.arn_attributes.first().copied()
    }

    /// The attribute of `Fn::GetAtt` that is its name, such as `QueueName`; `None` where the type has none.
    pub fn name_attribute(&self) -> Option<&'static str> {
        resource_type(&self.type_name)?.name_attributes.first().copied()
    }
}

impl Stack {
    /// The resource that a text names, if the text is exactly a `Ref`, a `GetAtt` (name, ARN or URL), the physical name
    /// or the ARN of it. A physical name that several resources have names none of them.
    pub fn resource_named(&self, text: &str) -> Option<&StackResource> {
        match self.resources_named(text).as_slice() {
            [only] => Some(only),
            _ => None,
        }
    }

    /// Every resource that a text names; more than one only for a physical name that several have.
    pub fn resources_named(&self, text: &str) -> Vec<&StackResource> {
        if let Some(symbol) = only_symbol(text)
            && let Some(resource) = self.resource_of_symbol(symbol)
        {
            return vec![resource];
        }
        if text.starts_with("arn:") {
            let arn = self.normalise_arn(text);
            return self
                .resources
                .values()
                .filter(|resource| resource.arn.as_deref() == Some(arn.as_str()))
                .collect();
        }
        let name = queue_name(text).unwrap_or(text);
        self.resources
            .values()
            .filter(|resource| self.is_name_of(resource, name))
            .filter(|resource| name == text || resource.ref_returns == RefValue::Url)
            .collect()
    }

    /// Brings every mention of a resource in an ARN (or another text) to its symbolic ARN; what follows the resource's
    /// own part (`/index/*`, `/*`, `:*`) stays. Texts that name no ARN come back as they are.
    pub fn normalise_arn(&self, text: &str) -> String {
        self.settle_literal_name(self.with_parameter_slash(self.fill_attributes(text)))
    }

    /// `parameter${Sender}` names the parameter that `parameter/${Sender}` is here: a name that begins with a slash
    /// brings the one between.
    fn with_parameter_slash(&self, text: String) -> String {
        let Some((before, after)) = text.split_once(":parameter${") else {
            return text;
        };
        let slashed = after
            .split_once('}')
            .and_then(|(symbol, _)| self.resources.get(symbol))
            .filter(|resource| resource.type_name == "AWS::SSM::Parameter")
            .and_then(|resource| resource.physical_name.as_deref())
            .is_some_and(|name| name.starts_with('/'));
        match slashed {
            true => format!("{before}:parameter/${{{after}"),
            false => text,
        }
    }

    /// The ARN with the names that the template gives in place of logical ids, such as `table/orders-${Stage}` for
    /// `table/${OrdersTable}`; resources without a name of their own keep the logical id.
    pub fn physical_arn(&self, arn: &str) -> String {
        pieces(arn)
            .into_iter()
            .map(|piece| match piece {
                TextPiece::Plain(plain) => plain.to_owned(),
                TextPiece::Symbol(symbol) => self
                    .resources
                    .get(symbol)
                    .and_then(|resource| resource.physical_name.clone())
                    .unwrap_or_else(|| format!("${{{symbol}}}")),
            })
            .collect()
    }

    /// The ARN as it is in the account, where the stack tells the account: names in place of logical ids, partition,
    /// region and account spelled out.
    pub fn settled(&self, arn: &str) -> String {
        let Some(place) = &self.place else {
            return arn.to_owned();
        };
        self.physical_arn(arn)
            .replace("${AWS::Partition}", &place.partition)
            .replace("${AWS::Region}", &place.region)
            .replace("${AWS::AccountId}", &place.account)
    }

    /// A text with the defaults of the parameters that have one; for comparing names, never for output.
    pub fn with_defaults(&self, text: &str) -> String {
        super::text::with_defaults(text, &self.parameters)
    }

    /// The name and the attribute that a symbol is made of. Addresses of Terraform have dots themselves.
    fn split_symbol<'s>(&self, symbol: &'s str) -> (&'s str, Option<&'s str>) {
        if self.resources.contains_key(symbol) {
            return (symbol, None);
        }
        let of_resource = symbol
            .rmatch_indices('.')
            .filter_map(|(at, _)| Some((symbol.get(..at)?, symbol.get(at + 1..)?)))
            .find(|(id, _)| self.resources.contains_key(*id));
        match of_resource.or_else(|| symbol.split_once('.')) {
            Some((id, attribute)) => (id, Some(attribute)),
            None => (symbol, None),
        }
    }

    fn resource_of_symbol(&self, symbol: &str) -> Option<&StackResource> {
        let (id, Some(attribute)) = self.split_symbol(symbol) else {
            return self.resources.get(symbol);
        };
        let resource = self.resources.get(id)?;
        let known = resource_type(&resource.type_name)?;
        let names_it = known.arn_attributes.contains(&attribute)
            || known.name_attributes.contains(&attribute)
            || matches!(attribute, TERRAFORM_ARN | TERRAFORM_NAME)
            || (resource.ref_returns == RefValue::Url && attribute == "QueueUrl");
        names_it.then_some(resource)
    }

    fn is_name_of(&self, resource: &StackResource, name: &str) -> bool {
        let Some(physical) = &resource.physical_name else {
            return false;
        };
        if name.is_empty() || physical.is_empty() {
            return false;
        }
        physical == name || self.with_defaults(physical) == self.with_defaults(name)
    }

    /// Puts ARNs and names in the place of symbols that stand for them.
    fn fill_attributes(&self, text: &str) -> String {
        let mut filled = String::new();
        for piece in pieces(text) {
            match piece {
                TextPiece::Plain(plain) => filled.push_str(plain),
                TextPiece::Symbol(symbol) => {
                    let value = self.value_of(symbol, filled.is_empty());
                    filled.push_str(&value.unwrap_or_else(|| format!("${{{symbol}}}")));
                }
            }
        }
        filled
    }

    fn value_of(&self, symbol: &str, at_start: bool) -> Option<String> {
        let (id, Some(attribute)) = self.split_symbol(symbol) else {
            let resource = self.resources.get(symbol)?;
            let is_arn = resource.ref_returns == RefValue::Arn && at_start;
            return if is_arn { resource.arn.clone() } else { None };
        };
        let resource = self.resources.get(id)?;
        let known: &ResourceType = resource_type(&resource.type_name)?;
        if known.arn_attributes.contains(&attribute) || attribute == TERRAFORM_ARN {
            return resource.arn.clone();
        }
        if known.name_attributes.contains(&attribute) || attribute == TERRAFORM_NAME {
            return Some(format!("${{{id}}}"));
        }
        match (resource.type_name.as_str(), attribute) {
            ("AWS::DynamoDB::Table" | "AWS::DynamoDB::GlobalTable", "StreamArn" | "stream_arn") => {
                Some(format!("{}/stream/*", resource.arn.as_deref()?))
            }
            _ => None,
        }
    }

    /// Finds the resource whose physical name an ARN ends in, and puts its logical id there.
    fn settle_literal_name(&self, text: String) -> String {
        let parts = split_outside_symbols(&text, ':', 6);
        let ["arn", partition, service, region, account, rest] = parts.as_slice() else {
            return text;
        };
        let partition = if partition.starts_with("aws") {
            "${AWS::Partition}"
        } else {
            partition
        };
        let best = self
            .resources
            .values()
            .filter_map(|resource| self.rest_with_symbol(resource, service, rest))
            .max_by_key(|found| found.matched);
        let Some(found) = best else {
            return format!("arn:{partition}:{service}:{region}:{account}:{rest}");
        };
        let own = |given: &str, own: &str| match given {
            "*" => "*".to_owned(),
            _ => own.to_owned(),
        };
        let region = own(region, found.region);
        let account = own(account, found.account);
        format!("arn:{partition}:{service}:{region}:{account}:{}", found.rest)
    }

    fn rest_with_symbol<'a>(
        &self,
        resource: &'a StackResource,
        service: &str,
        rest: &str,
    ) -> Option<Found<'a>> {
        let parts = split_outside_symbols(resource.arn.as_deref()?, ':', 6);
        let ["arn", _, own_service, region, account, own_rest] = parts.as_slice() else {
            return None;
        };
        let symbol = format!("${{{}}}", resource.id);
        let prefix = own_rest.strip_suffix(symbol.as_str())?;
        if *own_service != service {
            return None;
        }
        let tail = rest.strip_prefix(prefix)?;
        let physical = resource.physical_name.clone().unwrap_or_default();
        // An SSM parameter's name may start with the slash that the ARN has anyway.
        let physical = physical.trim_start_matches('/').to_owned();
        let names = [symbol.clone(), self.with_defaults(&physical), physical];
        let (matched, after) = names.iter().filter(|name| !name.is_empty()).find_map(|name| {
            let after = tail.strip_prefix(name.as_str()).map(str::to_owned).or_else(|| {
                self.with_defaults(tail)
                    .strip_prefix(name.as_str())
                    .map(str::to_owned)
            })?;
            let after = strip_secret_suffix(resource, after);
            (after.is_empty() || after.starts_with(['/', ':'])).then_some((name.len(), after))
        })?;
        Some(Found {
            matched: prefix.len() + matched,
            rest: format!("{prefix}{symbol}{after}"),
            region,
            account,
        })
    }
}

/// A resource's part of an ARN, with its logical id put in.
struct Found<'a> {
    matched: usize,
    rest: String,
    region: &'a str,
    account: &'a str,
}

/// Secrets have `-` and six random characters after their name; `-??????` stands for exactly those.
fn strip_secret_suffix(resource: &StackResource, after: String) -> String {
    if resource.type_name == "AWS::SecretsManager::Secret" {
        match after.strip_prefix("-??????") {
            Some(rest) => rest.to_owned(),
            None => after,
        }
    } else {
        after
    }
}

/// The queue's name in a queue URL, `https://sqs.<region>.amazonaws.com/<account>/<name>`.
fn queue_name(url: &str) -> Option<&str> {
    let rest = url.strip_prefix("https://")?;
    let (host, path) = rest.split_once('/')?;
    host.contains("sqs")
        .then(|| path.rsplit_once('/'))?
        .map(|(_, name)| name)
}
