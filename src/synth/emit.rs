//! A policy in the language it is deployed with: CloudFormation (and SAM) role resources, symbols as intrinsics.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::iam::action::ActionPattern;
use crate::iam::arn::ArnPattern;
use crate::iam::policy::{Actions, Policy, Resources, Statement};
use crate::usage::{Because, Grant};
use crate::workspace::model::{Function, RefValue, Stack, StackResource};

/// A role of its own for a function, as a resource of a CloudFormation or SAM template, each statement with the place
/// that asks for it as a comment.
pub fn cloudformation_role(
    function: &Function,
    stack: Option<&Stack>,
    policy: &Policy,
    grants: &[Grant],
) -> String {
    let id: String = function
        .name
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .collect();
    let mut out = String::new();
    let _ = write!(
        out,
        "{id}Role:\n  Type: AWS::IAM::Role\n  Properties:\n    AssumeRolePolicyDocument:\n      Version: '2012-10-17'\n      \
         Statement:\n        - Effect: Allow\n          Action: sts:AssumeRole\n          Principal:\n            \
         Service: lambda.amazonaws.com\n    Policies:\n      - PolicyName: {id}\n        PolicyDocument:\n          \
         Version: '2012-10-17'\n          Statement:\n"
    );
    for each in &policy.statements {
        statement(&mut out, each, function, stack, grants);
    }
    out
}

fn statement(
    out: &mut String,
    statement: &Statement,
    function: &Function,
    stack: Option<&Stack>,
    grants: &[Grant],
) {
    let comment = comment(statement, grants);
    let sid = statement.sid.as_deref().unwrap_or("Statement");
    let _ = writeln!(out, "            - Sid: {sid}{comment}");
    let _ = writeln!(out, "              Effect: Allow");
    if let Actions::Only(actions) = &statement.actions {
        list(
            out,
            "Action",
            actions.iter().map(ActionPattern::as_str).map(str::to_owned),
        );
    }
    if let Resources::Only(resources) = &statement.resources {
        list(
            out,
            "Resource",
            resources
                .iter()
                .map(|resource| intrinsic(resource, function, stack)),
        );
    }
    if !statement.conditions.is_empty() {
        let _ = writeln!(out, "              Condition:");
        conditions(out, &statement.conditions);
    }
}

fn list(out: &mut String, key: &str, values: impl ExactSizeIterator<Item = String>) {
    let one = values.len() == 1;
    for (index, value) in values.enumerate() {
        let _ = match (one, index) {
            (true, _) => writeln!(out, "              {key}: {value}"),
            (false, 0) => writeln!(out, "              {key}:\n                - {value}"),
            (false, _) => writeln!(out, "                - {value}"),
        };
    }
}

fn conditions(out: &mut String, conditions: &BTreeMap<String, BTreeMap<String, Vec<String>>>) {
    for (operator, keys) in conditions {
        let _ = writeln!(out, "                {operator}:");
        for (key, values) in keys {
            let values: Vec<String> = values.iter().map(|value| scalar(value)).collect();
            let _ = match values.as_slice() {
                [value] => writeln!(out, "                  {key}: {value}"),
                values => writeln!(out, "                  {key}: [{}]", values.join(", ")),
            };
        }
    }
}

/// The first place that asks for an action of the statement.
fn comment(statement: &Statement, grants: &[Grant]) -> String {
    let allowed = |grant: &&Grant| match (&statement.actions, &statement.resources) {
        (Actions::Only(actions), Resources::Only(resources)) => {
            actions.iter().any(|action| action.matches(&grant.action))
                && resources.contains(&grant.resource)
                && statement.conditions == grant.conditions
        }
        _ => false,
    };
    let because = grants
        .iter()
        .filter(allowed)
        .flat_map(Grant::because)
        .min_by_key(|because| because.kind);
    let text = because.map(reason).unwrap_or_default().replace(['\n', '\r'], " ");
    if text.is_empty() {
        String::new()
    } else {
        format!("  # {text}")
    }
}

fn reason(because: &Because) -> String {
    match (&because.location, &because.operation) {
        (Some(location), Some(operation)) => format!("{location} {operation}"),
        (Some(location), None) => format!("{location} {}", because.note),
        (None, _) => because.note.clone(),
    }
}

/// A resource with its symbols as `!GetAtt`, `!Ref` or `!Sub`.
fn intrinsic(resource: &ArnPattern, function: &Function, stack: Option<&Stack>) -> String {
    let text = resource.as_str();
    let Some(stack) = stack.filter(|_| text.contains("${")) else {
        return scalar(text);
    };
    let named = stack.resources.values().find_map(|named| {
        let rest = text.strip_prefix(named.arn.as_deref()?)?;
        (rest.is_empty() || rest.starts_with(['/', ':'])).then_some((named, rest))
    });
    match named {
        // What starts the function waits for it; a role that named it would make all three wait for each other.
        Some((named, _)) if starts(named, function) && named.physical_name.is_some() => {
            scalar(&stack.physical_arn(text))
        }
        Some((named, rest)) => by_name(named, rest, text),
        None => scalar(text),
    }
}

/// Whether the resource notifies the function, as a bucket does.
fn starts(named: &StackResource, function: &Function) -> bool {
    let source = named.arn.as_deref();
    function
        .triggers
        .iter()
        .any(|trigger| !trigger.polled && trigger.source.as_deref() == source)
}

/// A resource of the stack: by attribute where it has one that is the ARN, else by its name in the ARN's place.
fn by_name(named: &StackResource, rest: &str, text: &str) -> String {
    let id = &named.id;
    let starts_with_slash = named
        .physical_name
        .as_ref()
        .is_some_and(|name| name.starts_with('/'));
    match (named.ref_returns, named.arn_attribute(), rest) {
        (RefValue::Arn, _, "") => format!("!Ref {id}"),
        (RefValue::Arn, _, rest) => scalar(&format!("${{{id}}}{rest}")),
        // The attribute of a log group ends in `:*` already.
        (_, Some(attribute), "") if named.type_name != "AWS::Logs::LogGroup" => {
            format!("!GetAtt {id}.{attribute}")
        }
        (RefValue::Url | RefValue::Id, Some(attribute), rest) => {
            scalar(&format!("${{{id}.{attribute}}}{rest}"))
        }
        // The ARN of an SSM parameter has one slash where its name begins with one.
        _ if starts_with_slash => scalar(&text.replace(&format!("/${{{id}}}"), &format!("${{{id}}}"))),
        _ => scalar(text),
    }
}

/// A YAML scalar, quoted, with `!Sub` where it holds symbols. A symbol that only another stack or an intrinsic can fill
/// (`${!ImportValue Name}`) becomes a variable of the `!Sub`.
fn scalar(text: &str) -> String {
    let quote = |text: &str| format!("'{}'", text.replace('\'', "''"));
    let mut plain = String::new();
    let mut variables = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${!") {
        let (symbol, tail) = after.split_once('}').unwrap_or((after, ""));
        variables.push(format!("Value{}: {}", variables.len() + 1, opaque(symbol, quote)));
        plain.push_str(before);
        plain.push_str(&format!("${{Value{}}}", variables.len()));
        rest = tail;
    }
    plain.push_str(rest);
    match (variables.is_empty(), plain.contains("${")) {
        (true, false) => quote(&plain),
        (true, true) => format!("!Sub {}", quote(&plain)),
        (false, _) => format!("!Sub [{}, {{{}}}]", quote(&plain), variables.join(", ")),
    }
}

/// An import by its intrinsic; anything else as a text that says what has to stand there.
fn opaque(symbol: &str, quote: impl Fn(&str) -> String) -> String {
    match symbol.split_once(' ') {
        Some(("ImportValue", name)) => format!("!ImportValue {}", quote(name)),
        _ => quote(&format!("FILL IN: {symbol}")),
    }
}
