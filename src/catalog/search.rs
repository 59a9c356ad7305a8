//! What a person may mean by a name: an operation, a service or an action, however it is written.
//!
//! People copy names from code (`put_item`, `aws_sdk_dynamodb`), from policies (`dynamodb:PutItem`), from other SDKs
//! (`DynamoDB.putItem`) and from memory. What can be meant is found; for the rest the nearest names are offered.

use std::collections::BTreeSet;

use crate::iam::action::{Action, ActionPattern};

use super::nearest::nearest;
use super::service::Operation;
use super::stored::ServiceEntry;
use super::{Catalog, Service, naming};

/// How many names are offered for one that is not known.
const OFFERS: usize = 3;

impl Catalog {
    /// Every operation that `text` can mean, most likely first: `dynamodb.PutItem`, `dynamodb:PutItem`,
    /// `aws_sdk_dynamodb::Client::put_item`, `DynamoDB.putItem` (the crate of that name goes before all others), a bare `put_item`, a waiter (`wait_until_…`), or an
    /// action that has no operation of its name (`lambda:InvokeFunction`).
    pub fn find_operations(&self, text: &str) -> Vec<Operation<'_>> {
        let (service, name) = split(text);
        let services = match service {
            Some(service) => self.find_services(service),
            None => self.services().collect(),
        };
        let found: Vec<Operation<'_>> = services
            .iter()
            .filter_map(|service| {
                service
                    .operation_of_method(name)
                    .or_else(|| service.operation_of_waiter(name))
            })
            .collect();
        let exact = found
            .first()
            .filter(|first| Some(first.service().suffix()) == service);
        if let Some(exact) = exact {
            return vec![*exact];
        }
        if !found.is_empty() || service.is_none() {
            return found;
        }
        let prefixes: BTreeSet<&str> = services.iter().map(Service::iam_prefix).collect();
        let action = prefixes
            .into_iter()
            .filter_map(|prefix| self.action(&Action::new(prefix, name)))
            .next();
        let Some(action) = action else {
            return Vec::new();
        };
        self.operations_of_action(&ActionPattern::new(action.action().as_str()))
            .into_iter()
            .filter_map(|id| self.service(&id.service)?.operation(&id.name))
            .collect()
    }

    /// The operations, written `service.Name`, that an unknown name is near to.
    pub fn similar_operations(&self, text: &str) -> Vec<String> {
        let (service, name) = split(text);
        let Some(service) = service else {
            let everything: Vec<Operation<'_>> = self.services().flat_map(|s| s.operations()).collect();
            let folded = naming::snake_case(name).replace('_', "");
            let close = nearest(&folded, everything.iter().map(Operation::name), OFFERS);
            return close
                .into_iter()
                .filter_map(|name| everything.iter().find(|operation| operation.name() == name))
                .map(|operation| operation.id().to_string())
                .collect();
        };
        let mut services = self.find_services(service);
        if services.is_empty() {
            let close = self.similar_services(service);
            services = close.iter().filter_map(|suffix| self.service(suffix)).collect();
        }
        let folded = name.replace('_', "");
        let exact = services.iter().filter_map(|s| s.operation_of_method(name));
        let exact: Vec<String> = exact.map(|operation| operation.id().to_string()).collect();
        if !exact.is_empty() {
            return exact;
        }
        services
            .iter()
            .flat_map(|service| {
                let names = service.operations().map(|operation| operation.name());
                let close = nearest(&folded, names, OFFERS);
                close
                    .into_iter()
                    .map(|name| format!("{}.{name}", service.suffix()))
            })
            .take(OFFERS)
            .collect()
    }

    /// Every service that `text` can mean, most likely first: a crate (`aws-sdk-sfn`, `aws_sdk_sfn`, `sfn`), an IAM
    /// prefix (`states`), a name that other SDKs use (`stepfunctions`, `StepFunctions`), or a part of the full name.
    pub fn find_services(&self, text: &str) -> Vec<Service<'_>> {
        let lower = text.trim().to_ascii_lowercase();
        let bare = ["aws-sdk-", "aws_sdk_"]
            .iter()
            .find_map(|start| lower.strip_prefix(start))
            .unwrap_or(&lower);
        // Only the services that are found are decoded.
        let entries = &self.file.index.services;
        let mut ranked: Vec<(usize, usize)> = entries
            .iter()
            .enumerate()
            .filter_map(|(position, entry)| Some((rank(entry, bare)?, position)))
            .collect();
        ranked.sort_unstable();
        ranked
            .into_iter()
            .filter_map(|(_, position)| self.service_at(position))
            .collect()
    }

    /// The suffixes of the crates that an unknown service is near to.
    pub fn similar_services(&self, text: &str) -> Vec<&str> {
        let bare = text.trim_start_matches("aws-sdk-").trim_start_matches("aws_sdk_");
        let suffixes = self.file.index.services.iter().map(|entry| entry.suffix.as_str());
        nearest(bare, suffixes, OFFERS)
    }

    /// The names of the managed policies that an unknown one is near to.
    pub fn similar_policies(&self, text: &str) -> Vec<String> {
        let name = text.rsplit('/').next().unwrap_or(text);
        let close = nearest(name, self.managed_policy_names(), OFFERS);
        close.into_iter().map(str::to_owned).collect()
    }

    /// The actions that an unknown one is near to; for a known action in the wrong service, the right one.
    pub fn similar_actions(&self, text: &str) -> Vec<Action> {
        let (prefix, name) = text.split_once([':', '.']).unwrap_or(("", text));
        let name = name.replace('_', "");
        let prefix = prefix.to_ascii_lowercase();
        let own: Vec<&str> = self
            .actions_of_prefix(&prefix)
            .map(|entry| entry.name())
            .collect();
        let close = nearest(&name, own, OFFERS);
        if !close.is_empty() {
            return close.into_iter().map(|name| Action::new(&prefix, name)).collect();
        }
        let others = self
            .prefixes()
            .filter_map(|prefix| self.action(&Action::new(prefix, &name)))
            .map(|entry| entry.action());
        let prefixes = nearest(&prefix, self.prefixes(), self.prefixes().count());
        let mut others: Vec<Action> = others.collect();
        // The prefix that is nearest to what was typed first.
        others.sort_by_key(|action| {
            prefixes
                .iter()
                .position(|known| *known == action.prefix())
                .unwrap_or(usize::MAX)
        });
        others.truncate(OFFERS);
        others
    }
}

/// How near a service is to the name, best first; `None` when the name is not one of its own.
fn rank(entry: &ServiceEntry, name: &str) -> Option<usize> {
    let title = entry.title.as_str();
    let short = title.trim_start_matches("Amazon ").trim_start_matches("AWS ");
    [&entry.suffix, &entry.iam_prefix, &entry.directory, title, short]
        .iter()
        .position(|known| !known.is_empty() && naming::same_folded(known, name))
}

/// Service and operation of a text; the service is missing from a bare name.
fn split(text: &str) -> (Option<&str>, &str) {
    let text = text.trim().trim_end_matches("()");
    if let Some((path, name)) = text.rsplit_once("::") {
        let service = path.split("::").next().unwrap_or(path);
        return (Some(service), name);
    }
    match text.split_once(['.', ':']) {
        Some((service, name)) => (Some(service), name),
        None => (None, text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operations(text: &str) -> Vec<String> {
        let found = Catalog::embedded().find_operations(text);
        found.iter().map(|operation| operation.id().to_string()).collect()
    }

    #[test]
    fn operations_are_found_however_they_are_written() {
        for (text, expected) in [
            ("dynamodb.PutItem", "dynamodb.PutItem"),
            ("dynamodb:PutItem", "dynamodb.PutItem"),
            ("DynamoDB.putItem", "dynamodb.PutItem"),
            ("put_item", "dynamodb.PutItem"),
            ("aws_sdk_dynamodb::Client::put_item", "dynamodb.PutItem"),
            ("aws-sdk-dynamodb.put_item()", "dynamodb.PutItem"),
            ("dynamodb:GetRecords", "dynamodbstreams.GetRecords"),
            ("stepfunctions.StartExecution", "sfn.StartExecution"),
            ("states:StartExecution", "sfn.StartExecution"),
            ("Lambda.Invoke", "lambda.Invoke"),
            ("s3.wait_until_bucket_exists", "s3.HeadBucket"),
            ("s3:DeleteObjectVersion", "s3.DeleteObject"),
        ] {
            let found = operations(text);
            assert_eq!(
                found.first().map(String::as_str),
                Some(expected),
                "{text}: {found:?}"
            );
        }
        assert!(operations("lambda:InvokeFunction").contains(&"lambda.Invoke".to_owned()));
        assert!(operations("nonsense.PutItem").is_empty());
        assert!(operations("").is_empty());
    }

    #[test]
    fn unknown_names_have_neighbours() {
        let catalog = Catalog::embedded();
        for (text, expected) in [
            ("dynamodb.PutItm", "dynamodb.PutItem"),
            ("dynamdb.PutItem", "dynamodb.PutItem"),
            ("s3.CopyObjct", "s3.CopyObject"),
            ("put_itm", "dynamodb.PutItem"),
        ] {
            let found = catalog.similar_operations(text);
            assert_eq!(
                found.first().map(String::as_str),
                Some(expected),
                "{text}: {found:?}"
            );
        }
        assert_eq!(catalog.similar_services("dynamdb").first(), Some(&"dynamodb"));
        let actions = catalog.similar_actions("dynamodb:PutItm");
        assert_eq!(actions.first(), Some(&Action::new("dynamodb", "PutItem")));
        let moved = catalog.similar_actions("dynamo:PutItem");
        assert_eq!(moved.first(), Some(&Action::new("dynamodb", "PutItem")));
    }
}
