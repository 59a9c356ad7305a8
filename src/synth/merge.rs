//! Grants → one canonical policy: nothing covered twice, statements by resource, readable Sids, the same bytes always.

use std::collections::{BTreeMap, BTreeSet};

use crate::iam::action::{Action, ActionPattern};
use crate::iam::arn::ArnPattern;
use crate::iam::policy::{Actions, Conditions, Effect, Policy, Resources, Statement};
use crate::usage::Grant;

/// Joins equal grants (with all their reasons) and drops those that a wider grant of the same action covers, whose
/// reasons the wider one takes over.
pub fn normalise(grants: Vec<Grant>) -> Vec<Grant> {
    let mut joined: BTreeMap<(Action, ArnPattern, Conditions), Grant> = BTreeMap::new();
    for grant in grants {
        let key = (
            grant.action.clone(),
            grant.resource.clone(),
            grant.conditions.clone(),
        );
        match joined.get_mut(&key) {
            Some(present) => present.merge(grant),
            None => {
                joined.insert(key, grant);
            }
        }
    }
    let mut kept: Vec<Grant> = joined.into_values().collect();
    let mut index = 0;
    while index < kept.len() {
        match wider(&kept, index) {
            Some(other) => {
                let narrow = kept.remove(index);
                let other = if other > index { other - 1 } else { other };
                if let Some(wide) = kept.get_mut(other) {
                    let exact = wide.exact;
                    wide.merge(narrow);
                    wide.exact = exact;
                }
            }
            None => index += 1,
        }
    }
    kept.sort_by(|a, b| {
        (a.action.prefix(), &a.resource, &a.action, &a.conditions).cmp(&(
            b.action.prefix(),
            &b.resource,
            &b.action,
            &b.conditions,
        ))
    });
    kept
}

/// Another grant that allows all that this one does.
fn wider(grants: &[Grant], index: usize) -> Option<usize> {
    let narrow = grants.get(index)?;
    grants.iter().enumerate().position(|(other, wide)| {
        other != index
            && wide.action == narrow.action
            && (wide.resource != narrow.resource || wide.conditions.is_empty())
            && (wide.conditions.is_empty() || wide.conditions == narrow.conditions)
            && wide.resource.covers(&narrow.resource)
            && !(narrow.conditions == wide.conditions
                && narrow.resource.covers(&wide.resource)
                && other > index)
    })
}

/// The policy that allows exactly the grants.
pub fn policy(grants: &[Grant]) -> Policy {
    let mut resources_of: BTreeMap<(&Action, &Conditions), BTreeSet<&ArnPattern>> = BTreeMap::new();
    for grant in grants {
        resources_of
            .entry((&grant.action, &grant.conditions))
            .or_default()
            .insert(&grant.resource);
    }
    let mut groups: BTreeMap<(&str, BTreeSet<&ArnPattern>, &Conditions), BTreeSet<&Action>> = BTreeMap::new();
    for ((action, conditions), resources) in resources_of {
        groups
            .entry((action.prefix(), resources, conditions))
            .or_default()
            .insert(action);
    }
    let mut names = BTreeSet::new();
    let statements = groups
        .into_iter()
        .map(|((prefix, resources, conditions), actions)| Statement {
            sid: Some(unique(&mut names, &sid(prefix, &resources, &actions), &actions)),
            effect: Effect::Allow,
            principals: None,
            actions: Actions::Only(actions.into_iter().map(ActionPattern::from).collect()),
            resources: Resources::Only(resources.into_iter().cloned().collect()),
            conditions: conditions.clone(),
        })
        .collect();
    Policy::of(statements)
}

/// A name a reader recognises: the stack's name of the resource, or the service and the resource's own name.
fn sid(prefix: &str, resources: &BTreeSet<&ArnPattern>, actions: &BTreeSet<&Action>) -> String {
    match prefix {
        "logs"
            if resources.iter().all(|r| {
                r.resource_part().starts_with("log-group:/aws/lambda/")
                    || r.resource_part().contains("log-group:${")
            }) =>
        {
            return "Logs".to_owned();
        }
        "xray" => return "Tracing".to_owned(),
        "ec2"
            if actions
                .iter()
                .any(|action| action.name().contains("NetworkInterface")) =>
        {
            return "NetworkInterfaces".to_owned();
        }
        _ => {}
    }
    let symbols: BTreeSet<&str> = resources
        .iter()
        .filter_map(|resource| symbol(resource.resource_part()))
        .collect();
    match (symbols.len(), symbols.first()) {
        (1, Some(symbol)) => camel(known_name(symbol)),
        _ => {
            let named = resources
                .first()
                .map(|resource| camel(resource.resource_part()))
                .filter(|named| !named.is_empty());
            let only = actions.first().filter(|_| actions.len() == 1);
            let named = named.or_else(|| only.map(|action| camel(action.name())));
            let named = named.unwrap_or_default();
            format!("{}{named}", camel(prefix)).chars().take(64).collect()
        }
    }
}

/// The first stack symbol of a text, without pseudo parameters.
fn symbol(text: &str) -> Option<&str> {
    text.split("${")
        .skip(1)
        .filter_map(|rest| rest.split_once('}').map(|(name, _)| name))
        .find(|name| !name.starts_with("AWS::"))
}

/// What people call a symbol: a resource of Terraform by its own name and key, one of CDK without the hash behind it, a
/// variable without its source.
fn known_name(symbol: &str) -> &str {
    let terraform = ["aws_", "data.", "module.", "var.", "local."];
    if terraform.iter().any(|start| symbol.starts_with(start)) {
        let end = symbol
            .find('[')
            .filter(|at| symbol.get(*at..).is_some_and(|key| key.ends_with(']')));
        let path = symbol.get(..end.unwrap_or(symbol.len())).unwrap_or(symbol);
        let from = path.rfind('.').map_or(0, |at| at + 1);
        return symbol.get(from..).unwrap_or(symbol);
    }
    if let Some((_, name)) = symbol.split_once(':') {
        return name;
    }
    without_hash(symbol)
}

/// A logical id without the eight hexadecimal digits that CDK puts behind it.
fn without_hash(id: &str) -> &str {
    let digit = |c: char| c.is_ascii_digit() || ('A'..='F').contains(&c);
    match id.len().checked_sub(8).and_then(|at| id.split_at_checked(at)) {
        Some((name, hash))
            if !name.is_empty() && hash.chars().all(digit) && hash.contains(|c: char| c.is_ascii_digit()) =>
        {
            name
        }
        _ => id,
    }
}

/// Letters and digits only, each word with a capital; `QUEUE_URL`, as variables are written, is `QueueUrl`.
fn camel(text: &str) -> String {
    let mut out = String::new();
    let mut start = true;
    let shouted = text.contains('_') && !text.contains(|c: char| c.is_ascii_lowercase());
    for c in text.chars() {
        if c.is_ascii_alphanumeric() {
            out.push(match (start, shouted) {
                (true, _) => c.to_ascii_uppercase(),
                (false, true) => c.to_ascii_lowercase(),
                (false, false) => c,
            });
            start = false;
        } else {
            start = true;
        }
    }
    out
}

fn unique(names: &mut BTreeSet<String>, name: &str, actions: &BTreeSet<&Action>) -> String {
    let base = if name.is_empty() {
        "Statement".to_owned()
    } else {
        name.to_owned()
    };
    let with_action = actions
        .first()
        .map(|action| format!("{base}{}", camel(action.name())))
        .unwrap_or_default();
    let chosen = std::iter::once(base.clone())
        .chain(std::iter::once(with_action))
        .chain((2..).map(|n| format!("{base}{n}")))
        .find(|candidate| !candidate.is_empty() && !names.contains(candidate))
        .unwrap_or(base);
    names.insert(chosen.clone());
    chosen
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::usage::{Because, BecauseKind, Confidence};

    #[test]
    fn statements_are_called_as_people_call_the_resource() {
        for (symbol, name) in [
            ("OrdersTable", "OrdersTable"),
            ("OrdersTable315BB997", "OrdersTable"),
            ("CAFEDADA", "CAFEDADA"),
            ("aws_dynamodb_table.orders", "Orders"),
            ("module.api.aws_sqs_queue.in_box[\"a.b\"]", "InBoxAB"),
            ("aws_sqs_queue.inbox[0]", "Inbox0"),
            ("var.bucket", "Bucket"),
            ("sls:stage", "Stage"),
            ("EVENT_BUS_NAME", "EventBusName"),
            ("DLQ", "DLQ"),
        ] {
            assert_eq!(camel(known_name(symbol)), name, "{symbol}");
        }
    }

    fn grant(action: &str, resource: &str) -> Grant {
        let because = Because {
            kind: BecauseKind::Config,
            operation: None,
            location: None,
            note: resource.to_owned(),
        };
        Grant::new(
            Action::parse(action).unwrap(),
            ArnPattern::new(resource),
            Confidence::High,
            because,
        )
    }

    #[test]
    fn a_wider_resource_takes_over_the_reasons() {
        let grants = normalise(vec![
            grant("s3:GetObject", "arn:aws:s3:::b/in/*"),
            grant("s3:GetObject", "arn:aws:s3:::b/*"),
            grant("s3:PutObject", "arn:aws:s3:::b/in/*"),
        ]);
        let shown: Vec<_> = grants
            .iter()
            .map(|g| format!("{} {} {}", g.action, g.resource, g.because().len()))
            .collect();
        assert_eq!(
            shown,
            [
                "s3:GetObject arn:aws:s3:::b/* 2",
                "s3:PutObject arn:aws:s3:::b/in/* 1"
            ]
        );
    }

    #[test]
    fn of_two_spellings_of_a_resource_the_one_of_the_stack_stays() {
        let grants = normalise(vec![
            grant("sqs:SendMessage", "arn:aws:sqs:eu-west-1:1:q"),
            grant("sqs:SendMessage", "arn:aws:sqs:${AWS::Region}:1:q"),
        ]);
        let shown: Vec<_> = grants
            .iter()
            .map(|g| (g.resource.as_str(), g.because().len()))
            .collect();
        assert_eq!(shown, [("arn:aws:sqs:${AWS::Region}:1:q", 2)]);
    }

    #[test]
    fn statements_without_a_resource_are_called_by_what_they_are_for() {
        for (action, resource, name) in [
            ("ec2:CreateNetworkInterface", "*", "NetworkInterfaces"),
            ("ec2:DescribeInstances", "*", "Ec2DescribeInstances"),
            ("xray:PutTraceSegments", "*", "Tracing"),
            (
                "logs:PutLogEvents",
                "arn:aws:logs:*:*:log-group:/aws/lambda/f:*",
                "Logs",
            ),
            (
                "logs:PutLogEvents",
                "arn:aws:logs:*:*:log-group:/shop:*",
                "LogsLogGroupShop",
            ),
            ("s3:GetObject", "arn:aws:s3:::photos/in/*", "S3PhotosIn"),
        ] {
            let policy = policy(&[grant(action, resource)]);
            let sid = policy.statements.first().and_then(|first| first.sid.clone());
            assert_eq!(sid.as_deref(), Some(name), "{action} on {resource}");
        }
    }

    #[test]
    fn actions_with_the_same_resources_share_a_statement() {
        let table = "arn:aws:dynamodb:${AWS::Region}:1:table/${Orders}";
        let index = "arn:aws:dynamodb:${AWS::Region}:1:table/${Orders}/index/by-customer";
        let policy = policy(&[
            grant("dynamodb:GetItem", table),
            grant("dynamodb:PutItem", table),
            grant("dynamodb:Query", index),
            grant("dynamodb:Query", table),
        ]);
        let sids: Vec<_> = policy.statements.iter().map(|s| s.sid.clone().unwrap()).collect();
        assert_eq!(sids, ["Orders", "OrdersQuery"]);
    }
}
