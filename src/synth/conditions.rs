//! Conditions that a team asks for, put on a need where every call meets them.
//!
//! Listing a bucket is on the bucket, whatever is listed; `s3:prefix` limits it to the beginnings of keys that the calls
//! ask for. A call without `Prefix` would then be refused, so one whose prefix is not known leaves the need as it is.
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/amazon-s3-policy-keys.html>

use std::collections::{BTreeMap, BTreeSet};

use super::Surroundings;
use super::bind::spell;
use super::merge;
use crate::catalog::Catalog;
use crate::usage::{Because, BecauseKind, CallSite, Grant, Location, Piece, ResourceHint, Usage};
use crate::workspace::deploy::text::{TextPiece, pieces};

/// The condition key, and the input that it holds: `Prefix` of ListObjectsV2, ListObjects and ListObjectVersions.
const KEY: &str = "s3:prefix";
const INPUT: &str = "Prefix";

/// What is known of the calls behind a function's needs.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// The function.
    pub around: Surroundings<'a>,
    /// Every call that its code can reach.
    pub calls: &'a [CallSite],
    /// What the trail saw of it.
    pub recorded: &'a [Usage],
    /// Whether calls may be hidden in code that could not be read.
    pub blind: bool,
}

/// A need on which the condition would refuse something, or may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// The need, as it is.
    pub grant: Grant,
    /// Why, and where.
    pub reasons: BTreeSet<(String, Option<Location>)>,
}

/// A value that every call of one place sets, with its place.
type Values = BTreeMap<String, Location>;

/// Limits listing by `s3:prefix` where every call sets a prefix that is known, in whole or in part. `because` is the
/// reason: the line that asks for it.
pub fn on_prefixes(
    catalog: &Catalog,
    grants: Vec<Grant>,
    evidence: Evidence<'_>,
    because: &Because,
) -> (Vec<Grant>, Vec<LeftOut>) {
    let mut left_out = Vec::new();
    let limited = grants.into_iter().map(|mut grant| {
        let takes = catalog
            .action(&grant.action)
            .is_some_and(|action| action.condition_keys().any(|key| key == KEY));
        if !takes {
            return grant;
        }
        match prefixes(&grant, evidence) {
            Ok(values) => limit(&mut grant, &values, because),
            Err(reasons) => left_out.push(LeftOut {
                grant: grant.clone(),
                reasons,
            }),
        }
        grant
    });
    let limited = merge::normalise(limited.collect());
    (limited, left_out)
}

fn limit(grant: &mut Grant, values: &Values, because: &Because) {
    let told: Vec<String> = values
        .iter()
        .map(|(value, at)| format!("`{value}` at {at}"))
        .collect();
    let condition = grant.conditions.entry("StringLike".to_owned()).or_default();
    condition.insert(KEY.to_owned(), values.keys().cloned().collect());
    grant.also(&[Because {
        note: format!("{}; every call sets {INPUT}: {}", because.note, told.join(", ")),
        ..because.clone()
    }]);
}

/// The prefixes that the calls behind a need set, or why they cannot be told.
fn prefixes(grant: &Grant, evidence: Evidence<'_>) -> Result<Values, BTreeSet<(String, Option<Location>)>> {
    let mut values = Values::new();
    let mut reasons = BTreeSet::new();
    if evidence.blind {
        reasons.insert((
            "code that could not be read may list without one".to_owned(),
            None,
        ));
    }
    for because in of_kind(grant, |kind| kind == BecauseKind::Code) {
        match of_code(because, evidence) {
            Ok(more) => more.into_iter().for_each(|(value, at)| {
                values.entry(value).or_insert(at);
            }),
            Err(reason) => {
                reasons.insert((reason, because.location.clone()));
            }
        }
    }
    for because in of_kind(grant, |kind| kind == BecauseKind::Trail) {
        reasons.extend(of_trail(because, grant, &values, evidence).map(|reason| (reason, None)));
    }
    for because in of_kind(grant, |kind| {
        !matches!(kind, BecauseKind::Code | BecauseKind::Trail)
    }) {
        let reason = format!(
            "what is needed beside the code's calls has none: {}",
            because.note
        );
        reasons.insert((reason, because.location.clone()));
    }
    match reasons.is_empty() && !values.is_empty() {
        true => Ok(values),
        false => Err(reasons),
    }
}

fn of_kind(grant: &Grant, wanted: impl Fn(BecauseKind) -> bool) -> impl Iterator<Item = &Because> {
    grant.because().iter().filter(move |because| wanted(because.kind))
}

/// The prefixes of the calls at the place of a reason.
fn of_code(because: &Because, evidence: Evidence<'_>) -> Result<Values, String> {
    let operation = because.operation.as_ref();
    let here = |call: &&CallSite| {
        Some(&call.location) == because.location.as_ref() && Some(&call.operation) == operation
    };
    let mut values = Values::new();
    for call in evidence.calls.iter().filter(here) {
        let hints = call.inputs.get(INPUT).map(Vec::as_slice).unwrap_or_default();
        if hints.is_empty() || hints.iter().any(ResourceHint::is_unset) {
            let never = if hints.is_empty() {
                "does not set"
            } else {
                "does not always set"
            };
            return Err(format!("{} {never} {INPUT}", call.operation));
        }
        for hint in hints {
            let value = pattern(hint, evidence.around)?;
            values.insert(value, call.location.clone());
        }
    }
    match values.is_empty() {
        true => Err("the call is not found again".to_owned()),
        false => Ok(values),
    }
}

/// A prefix as a pattern of `StringLike`; symbols of the stack stay.
fn pattern(hint: &ResourceHint, around: Surroundings<'_>) -> Result<String, String> {
    let mut text = String::new();
    let mut unknown = None;
    for piece in &hint.pieces {
        let alone = ResourceHint {
            pieces: vec![piece.clone()],
            origin: None,
        };
        let (spelled, _, reasons) = spell(&alone, around);
        match reasons.into_iter().next() {
            Some(reason) => {
                unknown = unknown.or(Some(reason));
                // Two unknown parts in a row are one.
                text.push_str(if text.ends_with('*') { "" } else { "*" });
            }
            None if spelled.contains(['*', '?']) || (literal(piece) && spelled.contains('$')) => {
                return Err(format!(
                    "{INPUT} holds a sign that conditions read otherwise: `{spelled}`"
                ));
            }
            None => text.push_str(&spelled),
        }
    }
    match (text.as_str(), unknown) {
        ("" | "*", Some(reason)) => Err(format!("the value of {INPUT} is not known ({reason})")),
        ("", None) => Err(format!("{INPUT} is empty, which lists everything")),
        _ => Ok(text),
    }
}

fn literal(piece: &Piece) -> bool {
    matches!(piece, Piece::Literal(_))
}

/// Why what the trail saw may not be the code's own calls, which all set a prefix.
fn of_trail(because: &Because, grant: &Grant, values: &Values, evidence: Evidence<'_>) -> Option<String> {
    let operation = because.operation.as_ref()?;
    let called = of_kind(grant, |kind| kind == BecauseKind::Code)
        .any(|because| because.operation.as_ref() == Some(operation));
    if !called {
        return Some(format!("the trail saw {operation}, which no code explains"));
    }
    let seen = evidence
        .recorded
        .iter()
        .filter(|usage| usage.operation == *operation);
    for hint in seen.flat_map(|usage| usage.inputs.get(INPUT)).flatten() {
        let recorded: String = hint
            .pieces
            .iter()
            .map(|piece| match piece {
                Piece::Literal(text) => text.as_str(),
                _ => "*",
            })
            .collect();
        if !values.keys().any(|value| covers(value, &recorded)) {
            return Some(format!("the trail saw {operation} with {INPUT} `{recorded}`"));
        }
    }
    None
}

/// Whether a pattern with symbols covers a recorded value, of which `*` may stand for what was not kept.
fn covers(value: &str, recorded: &str) -> bool {
    let wide: String = pieces(value)
        .into_iter()
        .map(|piece| match piece {
            TextPiece::Plain(plain) => plain,
            TextPiece::Symbol(_) => "*",
        })
        .collect();
    crate::iam::arn::ArnPattern::new(wide).covers(&crate::iam::arn::ArnPattern::new(recorded))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests;
