//! An equivalent policy that is smaller.
//!
//! Each step is tried and kept only if [`contain`] proves both directions, so that nothing is ever widened or lost:
//! statements that differ only in their actions (or only in their resources) become one; statements, actions and
//! resources that the rest covers go.

use std::collections::BTreeSet;

use super::action::ActionPattern;
use super::arn::ArnPattern;
use super::contain::{Options, Verdict, contain};
use super::policy::{Actions, Policy, Resources, Statement};

/// The smallest equivalent policy that these steps reach. Statements keep their order; those that become one keep the
/// place and the `Sid` of the first. A policy whose equivalence cannot be proved comes back as it is.
pub fn minimise(policy: &Policy) -> Policy {
    let mut smaller = tidied(policy);
    if !equivalent(&smaller, policy) {
        return policy.clone();
    }
    loop {
        let before = smaller.size_without_whitespace();
        smaller = merged(smaller);
        smaller = without_statements(smaller);
        smaller = without_entries(smaller);
        if smaller.size_without_whitespace() >= before {
            return smaller;
        }
    }
}

/// Whether each of the policies allows all that the other does, as far as that is proved.
pub fn equivalent(one: &Policy, other: &Policy) -> bool {
    let within = |new: &Policy, old: &Policy| {
        contain(
            std::slice::from_ref(new),
            std::slice::from_ref(old),
            &Options::default(),
        ) == Verdict::NoNewAccess
    };
    within(one, other) && within(other, one)
}

/// Lists without repetitions; actions that differ only in case are one.
fn tidied(policy: &Policy) -> Policy {
    let mut policy = policy.clone();
    for statement in &mut policy.statements {
        let (Actions::Only(actions) | Actions::AllExcept(actions)) = &mut statement.actions;
        let mut met = BTreeSet::new();
        actions.retain(|action| met.insert(action.as_str().to_ascii_lowercase()));
        let (Resources::Only(resources) | Resources::AllExcept(resources)) = &mut statement.resources;
        let mut met = BTreeSet::new();
        resources.retain(|resource| met.insert(resource.clone()));
        for values in statement
            .conditions
            .values_mut()
            .flat_map(|keys| keys.values_mut())
        {
            let mut met = BTreeSet::new();
            values.retain(|value| met.insert(value.clone()));
        }
    }
    policy
}

/// Brings statements together that differ in one list only; what they say stays the same by construction, and is proved.
fn merged(policy: Policy) -> Policy {
    let mut smaller = policy;
    let mut first = 0;
    while first < smaller.statements.len() {
        let mut second = first + 1;
        while second < smaller.statements.len() {
            match joined(&smaller, first, second) {
                Some(joined)
                    if joined.size_without_whitespace() < smaller.size_without_whitespace()
                        && equivalent(&joined, &smaller) =>
                {
                    smaller = joined;
                }
                _ => second += 1,
            }
        }
        first += 1;
    }
    smaller
}

/// The policy with the second statement taken into the first, where they differ in one list only.
fn joined(policy: &Policy, first: usize, second: usize) -> Option<Policy> {
    let (one, other) = (policy.statements.get(first)?, policy.statements.get(second)?);
    if one.effect != other.effect || one.principals != other.principals || one.conditions != other.conditions
    {
        return None;
    }
    let joined = if same_resources(one, other) {
        let (Actions::Only(mine), Actions::Only(theirs)) = (&one.actions, &other.actions) else {
            return None;
        };
        Statement {
            actions: Actions::Only(both(mine, theirs)),
            ..one.clone()
        }
    } else if same_actions(one, other) {
        let (Resources::Only(mine), Resources::Only(theirs)) = (&one.resources, &other.resources) else {
            return None;
        };
        Statement {
            resources: Resources::Only(both(mine, theirs)),
            ..one.clone()
        }
    } else {
        return None;
    };
    let mut policy = policy.clone();
    policy.statements.remove(second);
    *policy.statements.get_mut(first)? = joined;
    Some(policy)
}

fn both<T: Ord + Clone>(mine: &[T], theirs: &[T]) -> Vec<T> {
    let mut met = BTreeSet::new();
    mine.iter()
        .chain(theirs)
        .filter(|item| met.insert((*item).clone()))
        .cloned()
        .collect()
}

fn same_resources(one: &Statement, other: &Statement) -> bool {
    let set = |list: &[ArnPattern]| list.iter().cloned().collect::<BTreeSet<_>>();
    match (&one.resources, &other.resources) {
        (Resources::Only(mine), Resources::Only(theirs)) => set(mine) == set(theirs),
        (Resources::AllExcept(mine), Resources::AllExcept(theirs)) => set(mine) == set(theirs),
        _ => false,
    }
}

fn same_actions(one: &Statement, other: &Statement) -> bool {
    let set = |list: &[ActionPattern]| -> BTreeSet<String> {
        list.iter()
            .map(|action| action.as_str().to_ascii_lowercase())
            .collect()
    };
    match (&one.actions, &other.actions) {
        (Actions::Only(mine), Actions::Only(theirs)) => set(mine) == set(theirs),
        _ => false,
    }
}

/// Drops statements that the others cover, later ones first.
fn without_statements(policy: Policy) -> Policy {
    let mut smaller = policy;
    for index in (0..smaller.statements.len()).rev() {
        if smaller.statements.len() == 1 {
            break;
        }
        let mut tried = smaller.clone();
        tried.statements.remove(index);
        if equivalent(&tried, &smaller) {
            smaller = tried;
        }
    }
    smaller
}

/// Drops actions and resources that the rest of the policy covers, later ones first.
fn without_entries(policy: Policy) -> Policy {
    let mut smaller = policy;
    for index in 0..smaller.statements.len() {
        smaller = without_some(smaller, index, action_count, remove_action);
        smaller = without_some(smaller, index, resource_count, remove_resource);
    }
    smaller
}

fn without_some(
    policy: Policy,
    statement: usize,
    count: fn(&Statement) -> usize,
    remove: fn(&mut Statement, usize),
) -> Policy {
    let mut smaller = policy;
    let entries = smaller.statements.get(statement).map_or(0, count);
    for entry in (0..entries).rev() {
        let mut tried = smaller.clone();
        let Some(changed) = tried.statements.get_mut(statement) else {
            break;
        };
        if count(changed) <= 1 || !worth_trying(changed) {
            break;
        }
        remove(changed, entry);
        if equivalent(&tried, &smaller) {
            smaller = tried;
        }
    }
    smaller
}

/// Only where there is a wildcard can one entry of a list make another superfluous.
fn worth_trying(statement: &Statement) -> bool {
    let (Actions::Only(actions) | Actions::AllExcept(actions)) = &statement.actions;
    let (Resources::Only(resources) | Resources::AllExcept(resources)) = &statement.resources;
    actions.iter().any(ActionPattern::has_wildcard)
        || resources
            .iter()
            .any(|resource| resource.as_str().contains(['*', '?']))
}

fn action_count(statement: &Statement) -> usize {
    let (Actions::Only(list) | Actions::AllExcept(list)) = &statement.actions;
    list.len()
}

fn resource_count(statement: &Statement) -> usize {
    let (Resources::Only(list) | Resources::AllExcept(list)) = &statement.resources;
    list.len()
}

fn remove_action(statement: &mut Statement, entry: usize) {
    let (Actions::Only(list) | Actions::AllExcept(list)) = &mut statement.actions;
    list.remove(entry);
}

fn remove_resource(statement: &mut Statement, entry: usize) {
    let (Resources::Only(list) | Resources::AllExcept(list)) = &mut statement.resources;
    list.remove(entry);
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn smaller(text: &str) -> String {
        let policy = Policy::from_json(text).unwrap();
        let smaller = minimise(&policy);
        assert!(equivalent(&smaller, &policy));
        smaller.to_json_compact()
    }

    #[test]
    fn statements_on_the_same_resource_become_one() {
        assert_eq!(
            smaller(
                r#"{"Version":"2012-10-17","Statement":[
                {"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"},
                {"Effect":"Allow","Action":"s3:PutObject","Resource":"arn:aws:s3:::b/*"},
                {"Effect":"Allow","Action":["s3:PutObject","s3:GetObject"],"Resource":"arn:aws:s3:::c/*"}]}"#
            ),
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:GetObject","s3:PutObject"],"Resource":["arn:aws:s3:::b/*","arn:aws:s3:::c/*"]}]}"#
        );
    }

    #[test]
    fn what_the_rest_covers_goes() {
        assert_eq!(
            smaller(
                r#"{"Version":"2012-10-17","Statement":[
                {"Effect":"Allow","Action":["s3:GetObject","s3:Get*"],"Resource":["arn:aws:s3:::b/x","arn:aws:s3:::b/*"]},
                {"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/y",
                 "Condition":{"Bool":{"aws:SecureTransport":"true"}}}]}"#
            ),
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:Get*","Resource":"arn:aws:s3:::b/*"}]}"#
        );
    }

    #[test]
    fn actions_and_resources_that_do_not_go_together_stay_apart() {
        let apart = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"},{"Effect":"Allow","Action":"s3:PutObject","Resource":"arn:aws:s3:::c/*"}]}"#;
        assert_eq!(smaller(apart), apart);
    }

    #[test]
    fn a_deny_is_kept() {
        let denied = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"},{"Effect":"Deny","Action":"s3:DeleteObject","Resource":"*"}]}"#;
        assert_eq!(smaller(denied), denied);
    }
}
