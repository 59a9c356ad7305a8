//! A role as a construct of the AWS CDK in TypeScript; what the stack knows by other names are its properties.
//!
//! <https://docs.aws.amazon.com/cdk/api/v2/docs/aws-cdk-lib.aws_iam.Role.html>

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{Deployable, LAMBDA, capital, is_policy_variable, one_line, words};
use crate::iam::policy::{Actions, Policy, Resources, Statement};
use crate::synth::size::Attachment;
use crate::workspace::deploy::text::{TextPiece, pieces};

/// The imports that every file with roles begins with.
pub const IMPORTS: &str =
    "import { Aws, aws_iam as iam } from 'aws-cdk-lib';\nimport { Construct } from 'constructs';\n";

/// Pseudo parameters and what the CDK calls them.
const PSEUDO: [(&str, &str); 7] = [
    ("AWS::AccountId", "ACCOUNT_ID"),
    ("AWS::NotificationARNs", "NOTIFICATION_ARNS"),
    ("AWS::Partition", "PARTITION"),
    ("AWS::Region", "REGION"),
    ("AWS::StackId", "STACK_ID"),
    ("AWS::StackName", "STACK_NAME"),
    ("AWS::URLSuffix", "URL_SUFFIX"),
];

/// Properties of the construct: name → what to pass.
type Properties = BTreeMap<String, String>;

/// The role of a function as a class.
pub fn construct(deployable: &Deployable<'_>) -> String {
    let class = format!("{}Role", deployable.camel_name());
    let mut properties = Properties::new();
    let attached = match &deployable.attachment {
        Attachment::Inline(policy) => {
            let document = document(policy, deployable, &mut properties, "      ");
            format!("      inlinePolicies: {{\n        rolefit: {document},\n      }},\n")
        }
        Attachment::Managed(_) => String::new(),
    };
    let managed: Vec<String> = match &deployable.attachment {
        Attachment::Inline(_) => Vec::new(),
        Attachment::Managed(policies) => (1..)
            .zip(policies)
            .map(|(number, policy)| {
                let document = document(policy, deployable, &mut properties, "  ");
                format!(
                    "    this.addManagedPolicy(new iam.ManagedPolicy(this, 'Policy{number}', {{ document: {document} }}));\n"
                )
            })
            .collect(),
    };
    let mut out = format!("// {}\n", one_line(&deployable.heading));
    if !properties.is_empty() {
        let _ = writeln!(out, "export interface {class}Props {{");
        for (name, description) in &properties {
            let _ = writeln!(out, "  /** {description} */\n  readonly {name}: string;");
        }
        out.push_str("}\n\n");
    }
    let parameter = if properties.is_empty() {
        String::new()
    } else {
        format!(", props: {class}Props")
    };
    let _ = write!(
        out,
        "export class {class} extends iam.Role {{\n  constructor(scope: Construct, id: string{parameter}) {{\n    \
         super(scope, id, {{\n      assumedBy: new iam.ServicePrincipal('{LAMBDA}'),\n{attached}    }});\n{}  }}\n}}\n",
        managed.concat()
    );
    out
}

fn document(
    policy: &Policy,
    deployable: &Deployable<'_>,
    properties: &mut Properties,
    indent: &str,
) -> String {
    let statements: Vec<String> = policy
        .statements
        .iter()
        .map(|one| statement(one, deployable, properties, &format!("{indent}      ")))
        .collect();
    format!(
        "new iam.PolicyDocument({{\n{indent}    statements: [\n{}{indent}    ],\n{indent}  }})",
        statements.concat()
    )
}

fn statement(
    statement: &Statement,
    deployable: &Deployable<'_>,
    properties: &mut Properties,
    indent: &str,
) -> String {
    let mut out = String::new();
    let reason = deployable.reason(statement);
    if !reason.is_empty() {
        let _ = writeln!(out, "{indent}// {reason}");
    }
    let _ = writeln!(out, "{indent}new iam.PolicyStatement({{");
    if let Some(sid) = &statement.sid {
        let _ = writeln!(out, "{indent}  sid: '{sid}',");
    }
    if let Actions::Only(actions) = &statement.actions {
        let actions = actions.iter().map(|action| quoted(action.as_str()));
        list(&mut out, indent, "actions", actions.collect());
    }
    if let Resources::Only(resources) = &statement.resources {
        let resources = resources
            .iter()
            .map(|resource| expression(resource.as_str(), deployable, properties));
        list(&mut out, indent, "resources", resources.collect());
    }
    if !statement.conditions.is_empty() {
        let _ = writeln!(out, "{indent}  conditions: {{");
        for (operator, keys) in &statement.conditions {
            let _ = writeln!(out, "{indent}    {}: {{", quoted(operator));
            for (key, values) in keys {
                let values: Vec<String> = values
                    .iter()
                    .map(|value| expression(value, deployable, properties))
                    .collect();
                let _ = match values.as_slice() {
                    [value] => writeln!(out, "{indent}      {}: {value},", quoted(key)),
                    values => writeln!(out, "{indent}      {}: [{}],", quoted(key), values.join(", ")),
                };
            }
            let _ = writeln!(out, "{indent}    }},");
        }
        let _ = writeln!(out, "{indent}  }},");
    }
    let _ = writeln!(out, "{indent}}}),");
    out
}

fn list(out: &mut String, indent: &str, name: &str, items: Vec<String>) {
    let _ = match items.as_slice() {
        [item] => writeln!(out, "{indent}  {name}: [{item}],"),
        items => {
            let lines: Vec<String> = items
                .iter()
                .map(|item| format!("{indent}    {item},\n"))
                .collect();
            writeln!(out, "{indent}  {name}: [\n{}{indent}  ],", lines.concat())
        }
    };
}

/// A text as a string or template literal; a resource of the stack is a property that takes its ARN, any other symbol
/// one that takes its value.
fn expression(text: &str, deployable: &Deployable<'_>, properties: &mut Properties) -> String {
    if let Some((named, rest)) = deployable.resource_in(text) {
        let name = property(&named.id, "Arn");
        properties.insert(
            name.clone(),
            comment(&format!(
                "ARN of {} ({}), {}",
                named.id, named.type_name, named.location
            )),
        );
        return match rest {
            "" => format!("props.{name}"),
            rest => format!("`${{props.{name}}}{}`", template(rest, deployable, properties)),
        };
    }
    if text.contains("${") {
        format!("`{}`", template(text, deployable, properties))
    } else {
        quoted(text)
    }
}

fn template(text: &str, deployable: &Deployable<'_>, properties: &mut Properties) -> String {
    let mut out = String::new();
    for piece in pieces(text) {
        match piece {
            TextPiece::Plain(plain) => {
                for c in plain.chars() {
                    match c {
                        '`' | '\\' => out.extend(['\\', c]),
                        '$' => out.push_str("\\$"),
                        c if c.is_control() => {
                            let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
                        }
                        c => out.push(c),
                    }
                }
            }
            TextPiece::Symbol(symbol) => {
                let pseudo = PSEUDO.iter().find(|(name, _)| *name == symbol);
                if let Some((_, constant)) = pseudo {
                    let _ = write!(out, "${{Aws.{constant}}}");
                } else if is_policy_variable(symbol) {
                    // A variable of IAM.
                    let _ = write!(out, "\\${{{symbol}}}");
                } else {
                    let name = property(symbol.trim_start_matches('!'), "");
                    let described = match deployable.stack.and_then(|stack| stack.resources.get(symbol)) {
                        Some(named) => {
                            format!("Name of {} ({}), {}", named.id, named.type_name, named.location)
                        }
                        None => format!("What stands for {symbol}"),
                    };
                    properties.insert(name.clone(), comment(&described));
                    let _ = write!(out, "${{props.{name}}}");
                }
            }
        }
    }
    out
}

/// `ordersTableArn` for `OrdersTable`, `awsSqsQueueInboxArn` for `aws_sqs_queue.inbox`.
fn property(symbol: &str, suffix: &str) -> String {
    let name: String = words(symbol).map(capital).collect();
    let mut chars = name.chars();
    let name = chars
        .next()
        .map(|first| first.to_ascii_lowercase().to_string() + chars.as_str())
        .unwrap_or_else(|| "value".to_owned());
    let name = if name.starts_with(|c: char| c.is_ascii_digit()) {
        format!("value{name}")
    } else {
        name
    };
    name + suffix
}

/// Text that cannot end a documentation comment.
fn comment(text: &str) -> String {
    one_line(text).replace("*/", "* /")
}

fn quoted(text: &str) -> String {
    let mut out = String::from("'");
    for c in text.chars() {
        match c {
            '\'' | '\\' => out.extend(['\\', c]),
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') => {
                let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('\'');
    out
}
