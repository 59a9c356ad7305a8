//! Which stack resource a recorded ARN is: deployed names carry stages and random endings that the template leaves out.

use crate::iam::arn::ArnPattern;
use crate::workspace::model::{RefValue, Stack, StackResource};

/// The ARN with the stack's symbol in place of the deployed name, when exactly one resource of the stack can be meant;
/// what follows the resource (`/index/…`, `/key`) is kept.
pub fn recognise(arn: &str, stack: &Stack) -> Option<String> {
    let mut found = stack
        .resources
        .values()
        .filter_map(|resource| suffix_after(arn, resource).map(|rest| (resource, rest)));
    let (resource, rest) = found.next()?;
    if found.next().is_some() {
        return None;
    }
    Some(format!("{}{rest}", resource.arn.as_deref()?))
}

/// Whether a recorded resource may be a resource of the stack whose identifier only AWS knows (a KMS key).
pub fn may_be(named: &ArnPattern, recorded: &ArnPattern, stack: Option<&Stack>) -> bool {
    let has_own_id = |resource: &&StackResource| {
        resource.ref_returns == RefValue::Id && resource.arn.as_deref() == Some(named.as_str())
    };
    let Some(resource) = stack.and_then(|stack| stack.resources.values().find(has_own_id)) else {
        return false;
    };
    let kind = |arn: &ArnPattern| {
        arn.resource_part()
            .split(['/', ':'])
            .next()
            .unwrap_or_default()
            .to_owned()
    };
    named.service() == recorded.service() && kind(named) == kind(recorded) && resource.physical_name.is_none()
}

/// What follows the resource's own ARN in `arn`, if `arn` can be the resource or something in it.
fn suffix_after<'a>(arn: &'a str, resource: &StackResource) -> Option<&'a str> {
    let symbolic = ArnPattern::new(resource.arn.as_deref()?);
    let [_, _, service, .., own] = symbolic.fields()?;
    let pattern = ArnPattern::new(arn);
    let [_, _, recorded_service, .., recorded] = pattern.fields()?;
    if service != recorded_service {
        return None;
    }
    let symbol = format!("${{{}}}", resource.id);
    let (head, tail) = own.split_once(symbol.as_str())?;
    if !tail.is_empty() {
        return None;
    }
    let rest = recorded.strip_prefix(head)?;
    let end = rest.find(['/', ':']).unwrap_or(rest.len());
    let (name, _) = rest.split_at_checked(end)?;
    if !deployed_name_fits(name, resource) {
        return None;
    }
    let offset = arn.len() - rest.len() + end;
    arn.get(offset..)
}

/// Whether the deployed name can be the resource's: its physical name with the symbols filled in, or the name that
/// CloudFormation makes of stack, logical id and a random ending.
pub fn deployed_name_fits(name: &str, resource: &StackResource) -> bool {
    match &resource.physical_name {
        Some(physical) => physical_fits(physical, name),
        None => {
            let (name, id) = (name.to_ascii_lowercase(), resource.id.to_ascii_lowercase());
            name == id
                || name.find(&id).is_some_and(|at| {
                    (at == 0 || name.as_bytes().get(at - 1) == Some(&b'-')) && {
                        let after = name.as_bytes().get(at + id.len());
                        after.is_none() || after == Some(&b'-')
                    }
                })
        }
    }
}

/// `orders-${Stage}` fits `orders-prod`; every symbol stands for at least one character.
fn physical_fits(physical: &str, name: &str) -> bool {
    let mut pattern = String::new();
    let mut rest = physical;
    while let Some((literal, after)) = rest.split_once("${") {
        pattern.push_str(literal);
        pattern.push_str("?*");
        rest = after.split_once('}').map_or("", |(_, after)| after);
    }
    pattern.push_str(rest);
    ArnPattern::new(pattern).covers(&ArnPattern::new(name))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::usage::Location;

    fn stack(resources: &[(&str, &str, Option<&str>)]) -> Stack {
        let resources = resources
            .iter()
            .map(|(id, arn, physical)| {
                let resource = StackResource {
                    id: (*id).to_owned(),
                    type_name: String::new(),
                    location: Location::new("t", 1, 1),
                    arn: Some((*arn).to_owned()),
                    physical_name: physical.map(str::to_owned),
                    ref_returns: RefValue::Name,
                    kms_key: None,
                };
                ((*id).to_owned(), resource)
            })
            .collect();
        Stack {
            resources,
            ..Stack::default()
        }
    }

    #[test]
    fn deployed_names_find_their_resource() {
        let stack = stack(&[
            (
                "Orders",
                "arn:p:dynamodb:r:a:table/${Orders}",
                Some("orders-${Stage}"),
            ),
            ("Inbox", "arn:p:sqs:r:a:${Inbox}", None),
            ("Webhook", "arn:p:secretsmanager:r:a:secret:${Webhook}", None),
        ]);
        let index = "arn:aws:dynamodb:eu-west-1:111122223333:table/orders-prod/index/by-customer";
        assert_eq!(
            recognise(index, &stack).unwrap(),
            "arn:p:dynamodb:r:a:table/${Orders}/index/by-customer"
        );
        let queue = "arn:aws:sqs:eu-west-1:111122223333:shop-Inbox-1X2Y3Z";
        assert_eq!(recognise(queue, &stack).unwrap(), "arn:p:sqs:r:a:${Inbox}");
        assert_eq!(
            recognise("arn:aws:sqs:eu-west-1:111122223333:shop-InboxDlq-1", &stack),
            None
        );
        assert_eq!(
            recognise("arn:aws:dynamodb:eu-west-1:1:table/invoices", &stack),
            None
        );
    }
}
