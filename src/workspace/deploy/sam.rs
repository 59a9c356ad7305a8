//! The role that SAM makes for a function without `Role`, as its transform expands it.
//!
//! Order and rules follow the transform's output: managed policies that properties bring, the dead-letter and destination
//! statements, `Policies` in its four forms, what events bring. Each statement keeps the line that brings it.
//! <https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-resource-function.html>

use std::collections::BTreeSet;

use super::branches::{and, branches};
use super::node::{Entry, Mark, Node, Value};
use super::reading::Reading;
use super::statements::Source;
use super::template::Resource;
use super::text::only_symbol;
use crate::catalog::template::{Arguments, Template as PolicyTemplate, template as policy_template};
use crate::iam::action::ActionPattern;
use crate::iam::arn::ArnPattern;
use crate::iam::policy::{Actions, Conditions, Effect, Resources, Statement};
use crate::usage::Gap;
use crate::workspace::model::{RefValue, Role, RoleStatement};

impl Reading<'_> {
    /// The role that SAM generates for a function; `properties` are those merged with `Globals`.
    pub(crate) fn generated_role(&mut self, function: &Resource, properties: &Node) -> Role {
        let id = format!("{}Role", function.id);
        let mut role = self.empty_role(&id, function.at);
        role.boundary = properties
            .get("PermissionsBoundary")
            .and_then(|node| self.arn(node));
        let mut made = GeneratedRole {
            statements: Vec::new(),
            attached: BTreeSet::new(),
        };
        self.settings_policies(function, properties, &mut made);
        if function.type_name == "AWS::Serverless::Function" {
            self.dead_letter_policy(properties, &mut made);
            self.destination_policies(function, properties, &mut made);
            self.written_policies(&id, properties, &mut made);
            self.event_policies(properties, &mut made);
        }
        role.statements = made.statements;
        role
    }

    /// Managed policies that SAM attaches for properties: logs always, tracing, VPC.
    fn settings_policies(&mut self, function: &Resource, properties: &Node, made: &mut GeneratedRole) {
        let web = function.type_name == "AWS::Serverless::WebFunction";
        match properties.entry("DurableConfig").filter(|_| !web) {
            Some(entry) => {
                let name = "AWSLambdaBasicDurableExecutionRolePolicy";
                self.inject(name, "DurableConfig", entry.key_at, None, made);
            }
            None => {
                let name = "AWSLambdaBasicExecutionRole";
                self.inject(name, &function.type_name, function.at, None, made);
            }
        }
        if web {
            return;
        }
        if let Some(entry) = properties.entry("Tracing")
            && entry.value.as_text() != Some("Disabled")
        {
            // The transform looks into parameters, any other function counts as set.
            let condition =
                matches!(entry.value.value, Value::Ref(_)).then(|| "Tracing is not Disabled".to_owned());
            let name = "AWSXrayWriteOnlyAccess";
            self.inject(name, "Tracing", entry.key_at, condition, made);
        }
        if let Some(entry) = properties.entry("VpcConfig")
            && (!entry.value.entries().is_empty() || entry.value.is_function())
        {
            let name = "AWSLambdaVPCAccessExecutionRole";
            self.inject(name, "VpcConfig", entry.key_at, None, made);
        }
    }

    /// Attaches a managed policy that a property brings, once.
    pub(super) fn inject(
        &mut self,
        policy: &str,
        property: &str,
        at: Mark,
        condition: Option<String>,
        made: &mut GeneratedRole,
    ) {
        if !made.attached.insert(policy.to_owned()) {
            return;
        }
        let source = Source {
            kind: "sam-injected",
            name: policy.to_owned(),
            injected_by: Some(property.to_owned()),
            condition,
        };
        let statements = self.aws_managed_policy(policy, &source, at);
        made.statements.extend(statements);
    }

    /// Adds a statement that a property brings, unless the same one is there.
    pub(super) fn inject_statement(
        &mut self,
        property: &str,
        at: Mark,
        actions: &[&str],
        resources: Vec<String>,
        made: &mut GeneratedRole,
    ) {
        let source = Source {
            kind: "sam-injected",
            name: property.to_owned(),
            injected_by: Some(property.to_owned()),
            condition: None,
        };
        let statement = Statement {
            sid: None,
            effect: Effect::Allow,
            principals: None,
            actions: Actions::Only(actions.iter().map(|name| ActionPattern::new(*name)).collect()),
            resources: Resources::Only(resources.into_iter().map(ArnPattern::new).collect()),
            conditions: Conditions::new(),
        };
        let known = made
            .statements
            .iter()
            .any(|known| known.origin.kind == "sam-injected" && known.statement == statement);
        if !known {
            made.statements.push(RoleStatement {
                statement,
                origin: self.origin(&source, at),
            });
        }
    }

    fn dead_letter_policy(&mut self, properties: &Node, made: &mut GeneratedRole) {
        let Some(entry) = properties.entry("DeadLetterQueue") else {
            return;
        };
        let action = match entry.value.get("Type").and_then(Node::as_text) {
            Some("SQS") => "sqs:SendMessage",
            Some("SNS") => "sns:Publish",
            _ => {
                self.gap(
                    Gap::new(
                        "unreadable-policy",
                        "`DeadLetterQueue` needs `Type: SQS` or `Type: SNS` and `TargetArn`",
                    ),
                    entry.key_at,
                );
                return;
            }
        };
        let target = entry.value.get("TargetArn");
        for branch in target.map(branches).unwrap_or_default() {
            if let Some(arn) = self.arn(branch.node) {
                self.inject_statement("DeadLetterQueue", entry.key_at, &[action], vec![arn], made);
            }
        }
    }

    fn destination_policies(&mut self, function: &Resource, properties: &Node, made: &mut GeneratedRole) {
        let Some(config) = properties.path(&["EventInvokeConfig", "DestinationConfig"]) else {
            return;
        };
        for name in ["OnSuccess", "OnFailure"] {
            let Some(entry) = config.entry(name) else {
                continue;
            };
            let generated = format!("{}EventInvokeConfig{name}", function.id);
            self.destination_policy(name, entry, Some(&generated), made);
        }
    }

    /// The statement for a destination, for which SAM needs its `Type`. `generated` is the start of the logical id of the
    /// queue or topic that SAM makes when no destination is named.
    pub(super) fn destination_policy(
        &mut self,
        property: &str,
        entry: &Entry,
        generated: Option<&str>,
        made: &mut GeneratedRole,
    ) {
        let Some(kind) = entry.value.get("Type").and_then(Node::as_text) else {
            return;
        };
        let mut targets = Vec::new();
        let destination = entry.value.get("Destination");
        for branch in destination.map(branches).unwrap_or_default() {
            targets.extend(self.arn(branch.node));
        }
        if let (Some(start), true) = (generated, targets.is_empty()) {
            targets.extend(generated_destination(kind, start));
        }
        for arn in targets {
            let at = entry.key_at;
            match kind {
                "SQS" => self.inject_statement(property, at, &["sqs:SendMessage"], vec![arn], made),
                "SNS" => self.inject_statement(property, at, &["sns:Publish"], vec![arn], made),
                "EventBridge" => {
                    self.inject_statement(property, at, &["events:PutEvents"], vec![arn], made);
                }
                "Lambda" => {
                    self.inject_statement(property, at, &["lambda:InvokeFunction"], vec![arn], made);
                }
                "S3" | "S3Bucket" => {
                    let objects = format!("{arn}/*");
                    self.inject_statement(property, at, &["s3:PutObject"], vec![objects], made);
                    self.inject_statement(property, at, &["s3:ListBucket"], vec![arn], made);
                }
                _ => {}
            }
        }
    }

    /// `Policies`, one item or a list: managed policies, policy templates, documents, or `Fn::If` of those.
    fn written_policies(&mut self, role: &str, properties: &Node, made: &mut GeneratedRole) {
        let lists = properties.get("Policies").map(branches).unwrap_or_default();
        for list in lists {
            for (index, item) in list.node.items().iter().enumerate() {
                for branch in branches(item) {
                    let condition = and(list.condition.as_deref(), branch.condition.as_deref());
                    let name = format!("{role}Policy{index}");
                    self.written_policy(&name, branch.node, condition, made);
                }
            }
        }
    }

    fn written_policy(
        &mut self,
        name: &str,
        node: &Node,
        condition: Option<String>,
        made: &mut GeneratedRole,
    ) {
        let statements = match &node.value {
            Value::Map(entries) => match entries.as_slice() {
                _ if node.get("Statement").is_some() => self.document(node, &Source::inline(name, condition)),
                [only] => self.sam_policy_template(only, condition),
                _ => {
                    self.gap(
                        Gap::new(
                            "unreadable-policy",
                            "this item of `Policies` is neither a document, a policy template nor a managed policy",
                        ),
                        node.at,
                    );
                    Vec::new()
                }
            },
            Value::Text(text) => {
                let policy = text.rsplit('/').next().unwrap_or(text);
                if condition.is_none() && !made.attached.insert(policy.to_owned()) {
                    return;
                }
                self.managed_policy(node, condition)
            }
            _ => self.managed_policy(node, condition),
        };
        made.statements.extend(statements);
    }

    fn sam_policy_template(&mut self, entry: &Entry, condition: Option<String>) -> Vec<RoleStatement> {
        let Some(template) = policy_template(&format!("sam/{}", entry.key)) else {
            self.gap(
                Gap::new(
                    "unknown-policy-template",
                    format!("SAM has no policy template `{}`, so what it grants is not counted", entry.key),
                )
                .hint("check the name at https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/serverless-policy-template-list.html"),
                entry.key_at,
            );
            return Vec::new();
        };
        let arguments = self.template_arguments(template, entry);
        let source = Source {
            kind: "sam-policy-template",
            name: entry.key.clone(),
            injected_by: None,
            condition,
        };
        match template.instantiate(&arguments) {
            Ok(statements) => statements
                .into_iter()
                .map(|statement| RoleStatement {
                    statement: self.normalised(statement),
                    origin: self.origin(&source, entry.key_at),
                })
                .collect(),
            Err(error) => {
                self.gap(Gap::new("unreadable-policy", error.to_string()), entry.key_at);
                Vec::new()
            }
        }
    }

    fn template_arguments(&mut self, template: &PolicyTemplate, entry: &Entry) -> Arguments {
        let mut arguments = Arguments::new();
        for name in template.params.keys() {
            let Some(node) = entry.value.get(name) else {
                continue;
            };
            // A parameter that is a whole resource of the template takes an ARN, any other a name.
            let whole = format!("${{{name}}}");
            let takes_arn = template
                .statements
                .iter()
                .any(|statement| statement.resources.contains(&whole));
            let values = branches(node)
                .into_iter()
                .filter_map(|branch| self.text(branch.node))
                .map(|text| if takes_arn { text } else { self.inside_an_arn(text) })
                .collect();
            arguments.insert(name.clone(), values);
        }
        arguments
    }

    /// A `Ref` that gives an ARN or a URL does not name its resource inside an ARN; it makes a text that matches nothing.
    fn inside_an_arn(&self, text: String) -> String {
        let spoiled = only_symbol(&text)
            .and_then(|symbol| self.stack.resources.get(symbol))
            .is_some_and(|resource| matches!(resource.ref_returns, RefValue::Arn | RefValue::Url));
        if spoiled {
            text.replacen("${", "${!Ref ", 1)
        } else {
            text
        }
    }

    /// The statement with every mention of a resource as its symbolic ARN.
    pub(super) fn normalised(&self, statement: Statement) -> Statement {
        let arns = |list: Vec<ArnPattern>| {
            list.into_iter()
                .map(|arn| ArnPattern::new(self.stack.normalise_arn(arn.as_str())))
                .collect()
        };
        let mut conditions = statement.conditions;
        for value in conditions
            .values_mut()
            .flat_map(|keys| keys.values_mut())
            .flatten()
        {
            *value = self.stack.normalise_arn(value);
        }
        Statement {
            resources: match statement.resources {
                Resources::Only(list) => Resources::Only(arns(list)),
                Resources::AllExcept(list) => Resources::AllExcept(arns(list)),
            },
            conditions,
            ..statement
        }
    }
}

/// A generated role while it is put together.
pub(super) struct GeneratedRole {
    pub(super) statements: Vec<RoleStatement>,
    /// Names of the managed policies of AWS that are attached already.
    attached: BTreeSet<String>,
}

/// The ARN of the queue or topic that SAM makes for a destination of that type.
pub(super) fn generated_destination(kind: &str, start: &str) -> Option<String> {
    let (service, suffix) = match kind {
        "SQS" => ("sqs", "Queue"),
        "SNS" => ("sns", "Topic"),
        _ => return None,
    };
    Some(format!(
        "arn:${{AWS::Partition}}:{service}:${{AWS::Region}}:${{AWS::AccountId}}:${{{start}{suffix}}}"
    ))
}
