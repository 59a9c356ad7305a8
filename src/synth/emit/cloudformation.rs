//! A role as a resource of a CloudFormation or SAM template, symbols as intrinsics.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{Deployable, LAMBDA, capital, is_policy_variable, words};
use crate::iam::action::ActionPattern;
use crate::iam::arn::ArnPattern;
use crate::iam::policy::{Actions, Conditions, Policy, Resources};
use crate::synth::size::Attachment;
use crate::workspace::deploy::text::{TextPiece, pieces};
use crate::workspace::model::{Function, RefValue, Stack, StackResource};

/// A role of its own for a function, as a resource of a CloudFormation or SAM template, each statement with the place
/// that asks for it as a comment. Policies too large for the role stand beside it.
pub fn role(deployable: &Deployable<'_>) -> String {
    role_named(deployable, &role_id(deployable))
}

/// The same under a logical id.
pub(super) fn role_named(deployable: &Deployable<'_>, id: &str) -> String {
    let mut out = format!("# {}\n", deployable.heading);
    for (symbol, name) in foreign_symbols(deployable) {
        let _ = writeln!(
            out,
            "# `${{{name}}}` stands for Terraform's `{symbol}`: make it a parameter."
        );
    }
    let _ = write!(
        out,
        "{id}:\n  Type: AWS::IAM::Role\n  Properties:\n    AssumeRolePolicyDocument:\n      Version: '2012-10-17'\n      \
         Statement:\n        - Effect: Allow\n          Action: sts:AssumeRole\n          Principal:\n            \
         Service: {LAMBDA}\n"
    );
    for line in attached(deployable, id).lines() {
        let _ = writeln!(out, "    {line}");
    }
    out.push_str(&beside(deployable, id));
    out
}

/// The property of a role that holds its policies.
pub(super) fn attached(deployable: &Deployable<'_>, id: &str) -> String {
    let mut out = String::new();
    match &deployable.attachment {
        Attachment::Inline(policy) => {
            let name = deployable.camel_name();
            let _ = write!(
                out,
                "Policies:\n  - PolicyName: {name}\n    PolicyDocument:\n      Version: '2012-10-17'\n"
            );
            statements(&mut out, policy, deployable, "      ");
        }
        Attachment::Managed(policies) => {
            out.push_str("ManagedPolicyArns:\n");
            for number in 1..=policies.len() {
                let _ = writeln!(out, "  - !Ref {id}Policy{number}");
            }
        }
    }
    out
}

/// The resources that stand beside a role: its managed policies.
pub(super) fn beside(deployable: &Deployable<'_>, id: &str) -> String {
    let mut out = String::new();
    if let Attachment::Managed(policies) = &deployable.attachment {
        for (number, policy) in (1..).zip(policies) {
            let _ = write!(
                out,
                "{id}Policy{number}:\n  Type: AWS::IAM::ManagedPolicy\n  Properties:\n    PolicyDocument:\n      \
                 Version: '2012-10-17'\n"
            );
            statements(&mut out, policy, deployable, "      ");
        }
    }
    out
}

/// Logical id of the role that is made for a function.
pub fn role_id(deployable: &Deployable<'_>) -> String {
    format!("{}Role", deployable.camel_name())
}

/// The key `Statement` with its list, at an indentation.
fn statements(out: &mut String, policy: &Policy, deployable: &Deployable<'_>, indent: &str) {
    if policy.statements.is_empty() {
        let _ = writeln!(out, "{indent}Statement: []");
        return;
    }
    let _ = writeln!(out, "{indent}Statement:");
    for statement in &policy.statements {
        let reason = deployable.reason(statement);
        let comment = if reason.is_empty() {
            String::new()
        } else {
            format!("  # {reason}")
        };
        let sid = statement.sid.as_deref().unwrap_or("Statement");
        let _ = writeln!(out, "{indent}  - Sid: {sid}{comment}");
        let _ = writeln!(out, "{indent}    Effect: Allow");
        if let Actions::Only(actions) = &statement.actions {
            let names = actions.iter().map(ActionPattern::as_str).map(str::to_owned);
            list(out, indent, "Action", names);
        }
        if let Resources::Only(resources) = &statement.resources {
            let texts = resources.iter().map(|resource| intrinsic(resource, deployable));
            list(out, indent, "Resource", texts);
        }
        if !statement.conditions.is_empty() {
            let _ = writeln!(out, "{indent}    Condition:");
            conditions(out, indent, &statement.conditions);
        }
    }
}

/// Symbols of Terraform that the policy names, with a name that CloudFormation takes.
fn foreign_symbols(deployable: &Deployable<'_>) -> BTreeMap<String, String> {
    if !deployable.is_terraform() {
        return BTreeMap::new();
    }
    let resources = deployable
        .attachment
        .policies()
        .flat_map(|policy| &policy.statements)
        .filter_map(|statement| match &statement.resources {
            Resources::Only(resources) => Some(resources),
            Resources::AllExcept(_) => None,
        });
    let mut symbols = BTreeMap::new();
    for resource in resources.flatten() {
        for piece in pieces(resource.as_str()) {
            if let TextPiece::Symbol(symbol) = piece
                && !symbol.starts_with(['!'])
                && !symbol.starts_with("AWS::")
            {
                symbols.insert(symbol.to_owned(), words(symbol).map(capital).collect());
            }
        }
    }
    symbols
}

fn list(out: &mut String, indent: &str, key: &str, values: impl ExactSizeIterator<Item = String>) {
    let one = values.len() == 1;
    for (index, value) in values.enumerate() {
        let _ = match (one, index) {
            (true, _) => writeln!(out, "{indent}    {key}: {value}"),
            (false, 0) => writeln!(out, "{indent}    {key}:\n{indent}      - {value}"),
            (false, _) => writeln!(out, "{indent}      - {value}"),
        };
    }
}

fn conditions(out: &mut String, indent: &str, conditions: &Conditions) {
    for (operator, keys) in conditions {
        let _ = writeln!(out, "{indent}      {operator}:");
        for (key, values) in keys {
            let values: Vec<String> = values.iter().map(|value| scalar(value)).collect();
            let _ = match values.as_slice() {
                [value] => writeln!(out, "{indent}        {key}: {value}"),
                values => writeln!(out, "{indent}        {key}: [{}]", values.join(", ")),
            };
        }
    }
}

/// A resource with its symbols as `!GetAtt`, `!Ref` or `!Sub`.
fn intrinsic(resource: &ArnPattern, deployable: &Deployable<'_>) -> String {
    let text = resource.as_str();
    let Some(stack) = deployable.stack.filter(|_| text.contains("${")) else {
        return scalar(text);
    };
    if deployable.is_terraform() {
        let named = |piece| match piece {
            TextPiece::Plain(plain) => plain.to_owned(),
            TextPiece::Symbol(symbol) if symbol.starts_with('!') || symbol.starts_with("AWS::") => {
                format!("${{{symbol}}}")
            }
            TextPiece::Symbol(symbol) => format!("${{{}}}", words(symbol).map(capital).collect::<String>()),
        };
        return scalar(&pieces(text).into_iter().map(named).collect::<String>());
    }
    match deployable.resource_in(text) {
        // What starts the function waits for it; a role that named it would make all three wait for each other.
        Some((named, _)) if starts(named, deployable.function) && named.physical_name.is_some() => {
            scalar(&stack.physical_arn(text))
        }
        Some((named, rest)) => by_name(named, rest, text),
        None => scalar(&with_names(text, stack)),
    }
}

/// Resources of the stack by name inside the ARN of something else, such as an execution of a state machine: where `Ref`
/// is not the name, the attribute that is.
fn with_names(text: &str, stack: &Stack) -> String {
    let named = |piece| match piece {
        TextPiece::Plain(plain) => plain.to_owned(),
        TextPiece::Symbol(symbol) => {
            let resource = stack
                .resources
                .get(symbol)
                .filter(|resource| resource.ref_returns != RefValue::Name);
            match resource.and_then(StackResource::name_attribute) {
                Some(attribute) => format!("${{{symbol}.{attribute}}}"),
                None => format!("${{{symbol}}}"),
            }
        }
    };
    pieces(text).into_iter().map(named).collect()
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
    let plain = with_policy_variables(&plain);
    match (variables.is_empty(), plain.contains("${")) {
        (true, false) => quote(&plain),
        (true, true) => format!("!Sub {}", quote(&plain)),
        (false, _) => format!("!Sub [{}, {{{}}}]", quote(&plain), variables.join(", ")),
    }
}

/// Variables of IAM, such as `${aws:username}` and `${*}`, as `!Sub` leaves them alone.
fn with_policy_variables(text: &str) -> String {
    let kept = |piece: TextPiece<'_>| match piece {
        TextPiece::Plain(plain) => plain.to_owned(),
        TextPiece::Symbol(symbol) if is_policy_variable(symbol) => format!("${{!{symbol}}}"),
        TextPiece::Symbol(symbol) => format!("${{{symbol}}}"),
    };
    pieces(text).into_iter().map(kept).collect()
}

/// An import by its intrinsic; anything else as a text that says what has to stand there.
fn opaque(symbol: &str, quote: impl Fn(&str) -> String) -> String {
    match symbol.split_once(' ') {
        Some(("ImportValue", name)) => format!("!ImportValue {}", quote(name)),
        _ => quote(&format!("FILL IN: {symbol}")),
    }
}
