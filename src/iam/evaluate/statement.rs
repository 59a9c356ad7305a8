//! Whether a statement speaks of a request.

use std::str::Chars;

use super::Layer;
use super::condition;
use super::principal::{Caller, Directness, directness};
use super::resource::{ShortArn, names};
use crate::iam::action::ActionPattern;
use crate::iam::arn::ArnPattern;
use crate::iam::policy::{Actions, Effect, Resources, Statement};
use crate::iam::request::Request;

/// A request and who makes it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a> {
    pub(super) request: &'a Request,
    pub(super) caller: &'a Caller,
    /// Whether the caller has a permissions boundary.
    pub(super) bounded: bool,
}

impl Reader<'_> {
    /// How a statement that applies speaks of the caller; `None` when it does not apply.
    pub(super) fn applies(&self, statement: &Statement, layer: Layer) -> Option<Directness> {
        let directness = match &statement.principals {
            Some(principals) => directness(
                principals,
                self.caller,
                statement.effect == Effect::Deny,
                self.bounded,
            )?,
            None => Directness::Itself,
        };
        let applies = acts(&statement.actions, &self.request.action)
            && self.names(&statement.resources, layer)
            && condition::hold(&statement.conditions, statement.effect, self.request);
        applies.then_some(directness)
    }

    fn names(&self, resources: &Resources, layer: Layer) -> bool {
        // What an ARN with too few fields means was found out by others for each place of attachment.
        let short = match layer {
            Layer::Identity | Layer::Boundary | Layer::Session => ShortArn::Filled,
            Layer::Resource => ShortArn::FilledIfWildcard,
            Layer::Scp => ShortArn::FilledIfOpen,
            Layer::Rcp => ShortArn::Nothing,
        };
        let any = |entries: &[ArnPattern]| {
            entries
                .iter()
                .any(|entry| names(entry.as_str(), self.request, short))
        };
        match resources {
            Resources::Only(entries) => any(entries),
            Resources::AllExcept(entries) => !any(entries),
        }
    }
}

/// Whether `Action` or `NotAction` speaks of an action.
pub(super) fn acts(actions: &Actions, action: &str) -> bool {
    let any = |patterns: &[ActionPattern]| {
        patterns
            .iter()
            .any(|pattern| action_matches(pattern.as_str(), action))
    };
    match actions {
        Actions::Only(patterns) => any(patterns),
        Actions::AllExcept(patterns) => !any(patterns),
    }
}

/// Whether an action pattern matches an action, prefix and name each by itself, ignoring case.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_action.html>
fn action_matches(pattern: &str, action: &str) -> bool {
    if pattern == "*" {
        return true;
    }
    let (Some((own_prefix, own_name)), Some((prefix, name))) =
        (pattern.split_once(':'), action.split_once(':'))
    else {
        return false;
    };
    part_matches(own_prefix, prefix) && part_matches(own_name, name)
}

/// A glob over ASCII-folded characters. Statements list thousands of actions, so nothing is copied.
fn part_matches(pattern: &str, text: &str) -> bool {
    let (mut own, mut theirs) = (pattern.chars(), text.chars());
    let mut retry: Option<(Chars<'_>, Chars<'_>)> = None;
    loop {
        let (before, mut next) = (theirs.clone(), own.clone());
        let Some(c) = theirs.next() else {
            return own.all(|rest| rest == '*');
        };
        match next.next() {
            Some('*') => {
                theirs = before.clone();
                retry = Some((next.clone(), before));
                own = next;
            }
            Some(p) if p == '?' || p.eq_ignore_ascii_case(&c) => own = next,
            _ => {
                let Some((after_star, mut from)) = retry.take() else {
                    return false;
                };
                from.next();
                own = after_star.clone();
                theirs = from.clone();
                retry = Some((after_star, from));
            }
        }
    }
}
