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
        statement(&mut out, each, stack, grants);
    }
    out
}

fn statement(out: &mut String, statement: &Statement, stack: Option<&Stack>, grants: &[Grant]) {
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
            resources.iter().map(|resource| intrinsic(resource, stack)),
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
            actions.iter().any(|action| action.matches(&grant.action)) && resources.contains(&grant.resource)
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
fn intrinsic(resource: &ArnPattern, stack: Option<&Stack>) -> String {
    let text = resource.as_str();
    if !text.contains("${") {
        return scalar(text);
    }
    let named = stack.and_then(|stack| {
        stack.resources.values().find_map(|named| {
            let rest = text.strip_prefix(named.arn.as_deref()?)?;
            (rest.is_empty() || rest.starts_with(['/', ':'])).then_some((named, rest))
        })
    });
    match named {
        Some((named, rest)) => by_name(named, rest, text),
        None => scalar(text),
    }
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

/// A YAML scalar, quoted, with `!Sub` where it holds symbols.
fn scalar(text: &str) -> String {
    let quoted = format!("'{}'", text.replace('\'', "''"));
    if text.contains("${") {
        format!("!Sub {quoted}")
    } else {
        quoted
    }
}
