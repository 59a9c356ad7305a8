//! A role for Terraform and OpenTofu: policy documents as data sources, in HCL or JSON, resources by their addresses.
//!
//! Data sources and arguments: <https://registry.terraform.io/providers/hashicorp/aws/latest/docs>
//! (`aws_iam_policy_document`, `aws_iam_role`, `aws_iam_role_policy`, `aws_iam_policy`).

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::{Deployable, LAMBDA, is_policy_variable, own_name, snake};
use crate::iam::arn::ArnPattern;
use crate::iam::policy::{Actions, Policy, Resources, Statement};
use crate::synth::size::Attachment;
use crate::workspace::deploy::terraform::{Asked, attribute};
use crate::workspace::deploy::text::{TextPiece, pieces};
use crate::workspace::model::StackResource;

/// The data sources of pseudo parameters: what they stand for, data source, attribute.
const PSEUDO: [(&str, &str, &str); 4] = [
    ("AWS::AccountId", "aws_caller_identity", "account_id"),
    ("AWS::Partition", "aws_partition", "partition"),
    ("AWS::Region", "aws_region", "region"),
    ("AWS::URLSuffix", "aws_partition", "dns_suffix"),
];

/// What several roles use together: data sources and variables.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shared {
    sources: BTreeMap<&'static str, ()>,
    variables: BTreeMap<String, String>,
}

/// One block of a Terraform file.
struct Block {
    /// `data` or `resource`.
    kind: &'static str,
    type_name: &'static str,
    name: String,
    body: Vec<Argument>,
}

/// Part of a block.
enum Argument {
    /// `name = expression`, with a comment behind it.
    Value(&'static str, Expression, String),
    /// A nested block.
    Nested(&'static str, Vec<Argument>),
}

/// The expressions that roles need.
#[derive(Clone)]
enum Expression {
    /// A string with interpolations, as HCL writes it between quotes.
    Template(String),
    /// A reference.
    Reference(String),
    List(Vec<Expression>),
}

/// The role of a function in HCL.
pub fn hcl(deployable: &Deployable<'_>, shared: &mut Shared) -> String {
    let mut out = format!("# {}\n", deployable.heading);
    for block in blocks(deployable, shared) {
        let _ = writeln!(
            out,
            "{} \"{}\" \"{}\" {{",
            block.kind, block.type_name, block.name
        );
        arguments(&mut out, &block.body, 1);
        out.push_str("}\n\n");
    }
    out.truncate(out.trim_end().len());
    out.push('\n');
    out
}

/// The role of a function in Terraform's JSON syntax: <https://developer.hashicorp.com/terraform/language/syntax/json>.
pub fn json(deployable: &Deployable<'_>, shared: &mut Shared) -> Value {
    let mut root = Map::new();
    root.insert("//".to_owned(), json!(deployable.heading));
    for block in blocks(deployable, shared) {
        put(
            &mut root,
            &[block.kind, block.type_name, &block.name],
            json_body(&block.body),
        );
    }
    Value::Object(root)
}

impl Shared {
    /// The data sources and variables in HCL; empty when there are none.
    pub fn hcl(&self) -> String {
        let mut parts = Vec::new();
        for source in self.sources.keys() {
            let remark = match *source {
                "aws_region" => {
                    "# `region` is an attribute since version 6 of the provider; earlier ones call it `name`.\n"
                }
                _ => "",
            };
            parts.push(format!("{remark}data \"{source}\" \"current\" {{}}\n"));
        }
        for (name, description) in &self.variables {
            parts.push(format!(
                "variable \"{name}\" {{\n  type        = string\n  description = {}\n}}\n",
                quoted(description)
            ));
        }
        parts.join("\n")
    }

    /// The same in JSON syntax.
    pub fn json(&self) -> Value {
        let mut root = Map::new();
        for source in self.sources.keys() {
            put(&mut root, &["data", source, "current"], json!({}));
        }
        for (name, description) in &self.variables {
            let variable = json!({ "type": "string", "description": literal(description) });
            put(&mut root, &["variable", name], variable);
        }
        Value::Object(root)
    }
}

/// Sets a member of nested objects.
fn put(object: &mut Map<String, Value>, path: &[&str], value: Value) {
    match path {
        [] => {}
        [name] => {
            object.insert((*name).to_owned(), value);
        }
        [name, rest @ ..] => {
            let inner = object.entry(*name).or_insert_with(|| json!({}));
            if let Value::Object(inner) = inner {
                put(inner, rest, value);
            }
        }
    }
}

fn blocks(deployable: &Deployable<'_>, shared: &mut Shared) -> Vec<Block> {
    let name = deployable.snake_name();
    let trust = format!("{name}_trust");
    let assumes = vec![
        value(
            "actions",
            Expression::List(vec![Expression::Template("sts:AssumeRole".to_owned())]),
        ),
        Argument::Nested(
            "principals",
            vec![
                value("type", Expression::Template("Service".to_owned())),
                value(
                    "identifiers",
                    Expression::List(vec![Expression::Template(LAMBDA.to_owned())]),
                ),
            ],
        ),
    ];
    let mut blocks = vec![
        Block {
            kind: "data",
            type_name: "aws_iam_policy_document",
            name: trust.clone(),
            body: vec![Argument::Nested("statement", assumes)],
        },
        Block {
            kind: "resource",
            type_name: "aws_iam_role",
            name: name.clone(),
            body: vec![value("assume_role_policy", document(&trust))],
        },
    ];
    let role = |attribute| Expression::Reference(format!("aws_iam_role.{name}.{attribute}"));
    match &deployable.attachment {
        Attachment::Inline(policy) => {
            blocks.push(policy_document(&name, policy, deployable, shared));
            blocks.push(Block {
                kind: "resource",
                type_name: "aws_iam_role_policy",
                name: name.clone(),
                body: vec![value("role", role("id")), value("policy", document(&name))],
            });
        }
        Attachment::Managed(policies) => {
            for (number, policy) in (1..).zip(policies) {
                let part = format!("{name}_{number}");
                blocks.push(policy_document(&part, policy, deployable, shared));
                blocks.push(Block {
                    kind: "resource",
                    type_name: "aws_iam_policy",
                    name: part.clone(),
                    body: vec![value("policy", document(&part))],
                });
                let arn = Expression::Reference(format!("aws_iam_policy.{part}.arn"));
                blocks.push(Block {
                    kind: "resource",
                    type_name: "aws_iam_role_policy_attachment",
                    name: part,
                    body: vec![value("role", role("name")), value("policy_arn", arn)],
                });
            }
        }
    }
    blocks
}

fn value(name: &'static str, expression: Expression) -> Argument {
    Argument::Value(name, expression, String::new())
}

fn document(name: &str) -> Expression {
    Expression::Reference(format!("data.aws_iam_policy_document.{name}.json"))
}

fn policy_document(name: &str, policy: &Policy, deployable: &Deployable<'_>, shared: &mut Shared) -> Block {
    let statements = policy.statements.iter();
    Block {
        kind: "data",
        type_name: "aws_iam_policy_document",
        name: name.to_owned(),
        body: statements
            .map(|one| Argument::Nested("statement", statement(one, deployable, shared)))
            .collect(),
    }
}

fn statement(statement: &Statement, deployable: &Deployable<'_>, shared: &mut Shared) -> Vec<Argument> {
    let mut body = Vec::new();
    if let Some(sid) = &statement.sid {
        let sid = Expression::Template(literal(sid));
        body.push(Argument::Value("sid", sid, deployable.reason(statement)));
    }
    if let Actions::Only(actions) = &statement.actions {
        let actions = actions
            .iter()
            .map(|action| Expression::Template(literal(action.as_str())));
        body.push(value("actions", Expression::List(actions.collect())));
    }
    if let Resources::Only(resources) = &statement.resources {
        let resources = resources
            .iter()
            .map(|resource| expression(resource, deployable, shared));
        body.push(value("resources", Expression::List(resources.collect())));
    }
    for (operator, keys) in &statement.conditions {
        for (key, values) in keys {
            let values = values
                .iter()
                .map(|value| Expression::Template(interpolated(value, deployable, shared)));
            body.push(Argument::Nested(
                "condition",
                vec![
                    value("test", Expression::Template(literal(operator))),
                    value("variable", Expression::Template(literal(key))),
                    value("values", Expression::List(values.collect())),
                ],
            ));
        }
    }
    body
}

/// A resource: the attribute that is the ARN of something declared, else a text with interpolations.
fn expression(resource: &ArnPattern, deployable: &Deployable<'_>, shared: &mut Shared) -> Expression {
    let text = resource.as_str();
    let found = deployable
        .is_terraform()
        .then(|| deployable.resource_in(text))
        .flatten();
    if let Some((named, rest)) = found
        && let Some(arn) = asked(named, Asked::Arn, deployable)
    {
        // Provider versions before 3 ended the ARN of a log group in `:*`.
        return match rest {
            "" => Expression::Reference(arn),
            rest => Expression::Template(format!("${{{arn}}}{}", interpolated(rest, deployable, shared))),
        };
    }
    Expression::Template(interpolated(text, deployable, shared))
}

/// An attribute of a declared resource, if the function's module can name it.
fn asked(named: &StackResource, asked: Asked, deployable: &Deployable<'_>) -> Option<String> {
    let (module, own) = split_module(&named.id);
    let (functions, _) = split_module(&deployable.function.name);
    if module != functions {
        return None;
    }
    let kind = own.trim_start_matches("data.").split('.').next()?;
    Some(format!("{own}.{}", attribute(kind, asked)?))
}

/// An address as its module path and the rest.
fn split_module(address: &str) -> (&str, &str) {
    let mut at = 0;
    while let Some(rest) = address.get(at..).and_then(|rest| rest.strip_prefix("module.")) {
        let mut depth = 0_usize;
        let end = rest.char_indices().find(|(_, c)| {
            match c {
                '[' => depth += 1,
                ']' => depth = depth.saturating_sub(1),
                _ => {}
            }
            *c == '.' && depth == 0
        });
        let Some((end, _)) = end else { break };
        at += "module.".len() + end + 1;
    }
    address.split_at_checked(at).unwrap_or(("", address))
}

/// A text as HCL writes it between quotes, with symbols as interpolations.
fn interpolated(text: &str, deployable: &Deployable<'_>, shared: &mut Shared) -> String {
    pieces(text)
        .into_iter()
        .map(|piece| match piece {
            TextPiece::Plain(plain) => literal(plain),
            TextPiece::Symbol(symbol) => self::symbol(symbol, deployable, shared),
        })
        .collect()
}

fn symbol(symbol: &str, deployable: &Deployable<'_>, shared: &mut Shared) -> String {
    if let Some((_, source, attribute)) = PSEUDO.iter().find(|(name, ..)| *name == symbol) {
        shared.sources.insert(source, ());
        return format!("${{data.{source}.current.{attribute}}}");
    }
    // Variables of IAM: the data source turns `&{` into `${`, which Terraform would take for its own.
    if is_policy_variable(symbol) {
        return format!("&{{{symbol}}}");
    }
    if deployable.is_terraform() {
        if let Some(expression) = symbol.strip_prefix('!') {
            if !expression.starts_with("error:") && !expression.contains(['\n', '…', '|']) {
                return format!("${{{expression}}}");
            }
            return variable(expression, &format!("FILL IN: {expression}"), shared);
        }
        let resources = deployable.stack.map(|stack| &stack.resources);
        let named = |id: &str| resources.and_then(|resources| resources.get(id));
        let whole = named(symbol).map(|named| (named, Asked::Reference));
        let part = symbol.rsplit_once('.').and_then(|(id, attribute)| {
            let asked = match attribute {
                "arn" => Asked::Arn,
                _ => Asked::Name,
            };
            Some((named(id)?, asked))
        });
        // Inside an ARN a resource stands by its name, which is not what refers to every type.
        let by_name = whole.and_then(|(named, _)| asked(named, Asked::Name, deployable));
        if let Some(expression) = by_name {
            return format!("${{{expression}}}");
        }
        return match whole.or(part) {
            Some((named, what)) => match asked(named, what, deployable) {
                Some(expression) => format!("${{{expression}}}"),
                None => variable(&named.id, &format!("Name of {}", named.id), shared),
            },
            None => format!("${{{symbol}}}"),
        };
    }
    let description = match deployable.stack.and_then(|stack| stack.resources.get(symbol)) {
        Some(named) => format!("Name of {symbol} ({}), {}", named.type_name, named.location),
        None => symbol.trim_start_matches('!').to_owned(),
    };
    variable(symbol, &description, shared)
}

/// A variable that stands for a symbol of another language, or of another module.
fn variable(symbol: &str, description: &str, shared: &mut Shared) -> String {
    let name = snake(own_name(symbol.trim_start_matches("AWS::")));
    let description = description.to_owned();
    shared.variables.insert(name.clone(), description);
    format!("${{var.{name}}}")
}

/// Plain text between HCL's quotes.
fn literal(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.replace("${", "$${").replace("%{", "%%{")
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", literal(text))
}

fn arguments(out: &mut String, body: &[Argument], depth: usize) {
    let indent = "  ".repeat(depth);
    let mut from = 0;
    while let Some(argument) = body.get(from) {
        match argument {
            Argument::Nested(name, inner) => {
                if from > 0 {
                    out.push('\n');
                }
                let _ = writeln!(out, "{indent}{name} {{");
                arguments(out, inner, depth + 1);
                let _ = writeln!(out, "{indent}}}");
                from += 1;
            }
            Argument::Value(..) => {
                let run = body.get(from..).unwrap_or_default();
                let values: Vec<_> = run
                    .iter()
                    .map_while(|argument| match argument {
                        Argument::Value(name, expression, comment) => Some((name, expression, comment)),
                        Argument::Nested(..) => None,
                    })
                    .collect();
                aligned(out, &values, &indent);
                from += values.len();
            }
        }
    }
}

/// Arguments with their `=` in one column, as `terraform fmt` sets those on neighbouring lines.
fn aligned(out: &mut String, values: &[(&&'static str, &Expression, &String)], indent: &str) {
    let single = |expression: &Expression| !matches!(expression, Expression::List(items) if items.len() > 1);
    let mut at = 0;
    while let Some(rest) = values.get(at..).filter(|rest| !rest.is_empty()) {
        let singles = rest
            .iter()
            .take_while(|(_, expression, _)| single(expression))
            .count();
        let group = rest.get(..singles.max(1)).unwrap_or(rest);
        let width = group.iter().map(|(name, ..)| name.len()).max().unwrap_or(0);
        for (name, expression, comment) in group {
            let comment = match comment.as_str() {
                "" => String::new(),
                comment => format!(" # {comment}"),
            };
            let _ = match expression {
                Expression::List(items) if items.len() > 1 => {
                    let items: Vec<String> = items
                        .iter()
                        .map(|item| format!("{indent}  {},\n", shown(item)))
                        .collect();
                    writeln!(out, "{indent}{name} = [\n{}{indent}]{comment}", items.concat())
                }
                expression => writeln!(out, "{indent}{name:width$} = {}{comment}", shown(expression)),
            };
        }
        at += group.len();
    }
}

fn shown(expression: &Expression) -> String {
    match expression {
        Expression::Template(text) => format!("\"{text}\""),
        Expression::Reference(reference) => reference.clone(),
        Expression::List(items) => format!("[{}]", items.iter().map(shown).collect::<Vec<_>>().join(", ")),
    }
}

fn json_body(body: &[Argument]) -> Value {
    let mut object = Map::new();
    for argument in body {
        match argument {
            Argument::Value(name, expression, comment) => {
                if !comment.is_empty() {
                    object.insert("//".to_owned(), Value::from(comment.replace("${", "$${")));
                }
                object.insert((*name).to_owned(), json_expression(expression));
            }
            Argument::Nested(name, inner) => {
                let list = object.entry(*name).or_insert_with(|| json!([]));
                if let Value::Array(list) = list {
                    list.push(json_body(inner));
                }
            }
        }
    }
    Value::Object(object)
}

/// In JSON syntax a string is a template, whose quotes and backslashes JSON itself escapes.
fn json_expression(expression: &Expression) -> Value {
    match expression {
        Expression::Template(text) => {
            let unescaped: Option<String> = serde_json::from_str(&format!("\"{text}\"")).ok();
            Value::from(unescaped.unwrap_or_else(|| text.clone()))
        }
        Expression::Reference(reference) => Value::from(format!("${{{reference}}}")),
        Expression::List(items) => items.iter().map(json_expression).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_path_of_modules_and_a_rest() {
        for (address, path, own) in [
            ("aws_sqs_queue.inbox", "", "aws_sqs_queue.inbox"),
            (
                "module.api.aws_sqs_queue.inbox[0]",
                "module.api.",
                "aws_sqs_queue.inbox[0]",
            ),
            (
                "module.shops[\"a.b[c].d\"].module.api.aws_sqs_queue.inbox",
                "module.shops[\"a.b[c].d\"].module.api.",
                "aws_sqs_queue.inbox",
            ),
            ("module.api", "", "module.api"),
        ] {
            assert_eq!(split_module(address), (path, own), "{address}");
        }
    }
}
