//! Whether the circumstances of a request fulfil the conditions of a statement.

use super::scalar::{Cidr, Decimal, Instant, bytes};
use super::text::{Letter, Piece, Wildcards, fields, filled, letters, lex, lookup, matches};
use crate::iam::operator::{Comparison, Operator, Quantifier};
use crate::iam::policy::{Conditions, Effect};
use crate::iam::request::{ContextValue, Request};

/// Whether every operator holds for every one of its keys. An operator that AWS does not know (which no reader of
/// documents lets through) holds for a `Deny` and fails an `Allow`.
pub(super) fn hold(conditions: &Conditions, effect: Effect, request: &Request) -> bool {
    conditions.iter().all(|(name, keys)| match Operator::parse(name) {
        Some(operator) => keys
            .iter()
            .all(|(key, values)| holds(operator, lookup(request, key), values, request)),
        None => keys.is_empty() || effect == Effect::Deny,
    })
}

fn holds(operator: Operator, found: Option<&ContextValue>, values: &[String], request: &Request) -> bool {
    let comparison = operator.comparison;
    let found = found.filter(|value| !is_null(value, operator.quantifier.is_some()));
    if comparison == Comparison::Null {
        let wanted = if found.is_none() { "true" } else { "false" };
        return values.iter().any(|value| value.eq_ignore_ascii_case(wanted));
    }
    let Some(found) = found else {
        return operator.if_exists
            || match operator.quantifier {
                Some(Quantifier::All) => true,
                Some(Quantifier::Any) => false,
                None => comparison.is_negated(),
            };
    };
    let one = |value: &str| fits(comparison, value, values, request);
    match (operator.quantifier, found) {
        (_, ContextValue::One(value)) => one(value),
        (Some(Quantifier::All), ContextValue::Many(list)) => list.iter().all(|value| one(value)),
        (Some(Quantifier::Any), ContextValue::Many(list)) => list.iter().any(|value| one(value)),
        // An operator for single-valued keys does not hold for a set, negated or not.
        (None, ContextValue::Many(_)) => false,
    }
}

/// Whether a key that is there holds nothing: no value or, where sets are compared, none but empty ones.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html>
fn is_null(value: &ContextValue, as_set: bool) -> bool {
    match value {
        ContextValue::One(text) => as_set && text.is_empty(),
        ContextValue::Many(list) => list.iter().all(|text| as_set && text.is_empty()),
    }
}

/// Whether one value of the request fits the list: some entry of it, or none for a negated comparison.
fn fits(comparison: Comparison, value: &str, entries: &[String], request: &Request) -> bool {
    let found = entries
        .iter()
        .any(|entry| equals(comparison, value, entry, request));
    found != comparison.is_negated()
}

/// Whether a value fits one entry; negated comparisons are compared as their positive ones.
fn equals(comparison: Comparison, value: &str, entry: &str, request: &Request) -> bool {
    use Comparison as C;
    match comparison {
        C::StringEquals | C::StringNotEquals => text(value, entry, Wildcards::No, request),
        C::StringLike | C::StringNotLike => text(value, entry, Wildcards::Yes, request),
        C::StringEqualsIgnoreCase | C::StringNotEqualsIgnoreCase => text_ignoring_case(value, entry, request),
        C::ArnEquals | C::ArnLike | C::ArnNotEquals | C::ArnNotLike => arn(value, entry, request),
        C::NumericEquals | C::NumericNotEquals => number(value, entry).is_some_and(|order| order.is_eq()),
        C::NumericLessThan => number(value, entry).is_some_and(|order| order.is_lt()),
        C::NumericLessThanEquals => number(value, entry).is_some_and(|order| order.is_le()),
        C::NumericGreaterThan => number(value, entry).is_some_and(|order| order.is_gt()),
        C::NumericGreaterThanEquals => number(value, entry).is_some_and(|order| order.is_ge()),
        C::DateEquals | C::DateNotEquals => date(value, entry).is_some_and(|order| order.is_eq()),
        C::DateLessThan => date(value, entry).is_some_and(|order| order.is_lt()),
        C::DateLessThanEquals => date(value, entry).is_some_and(|order| order.is_le()),
        C::DateGreaterThan => date(value, entry).is_some_and(|order| order.is_gt()),
        C::DateGreaterThanEquals => date(value, entry).is_some_and(|order| order.is_ge()),
        C::Bool => truth(value).is_some_and(|own| truth(entry) == Some(own)),
        C::BinaryEquals => bytes(value).is_some_and(|own| bytes(entry) == Some(own)),
        C::IpAddress | C::NotIpAddress => Cidr::parse(entry)
            .zip(Cidr::parse(value))
            .is_some_and(|(block, address)| block.holds(&address)),
        C::Null => false,
    }
}

fn text(value: &str, entry: &str, wildcards: Wildcards, request: &Request) -> bool {
    filled(&lex(entry), wildcards, request).is_some_and(|pattern| matches(&pattern, &letters(value)))
}

fn text_ignoring_case(value: &str, entry: &str, request: &Request) -> bool {
    let Some(pattern) = filled(&lex(entry), Wildcards::No, request) else {
        return false;
    };
    let lower = |letter: &Letter| match letter {
        Letter::Char(c) => c.to_lowercase().map(Letter::Char).collect(),
        Letter::Symbol(_) => vec![letter.clone()],
    };
    let pattern: Vec<Piece> = pattern
        .iter()
        .flat_map(|piece| match piece {
            Piece::Letter(letter) => lower(letter).into_iter().map(Piece::Letter).collect(),
            other => vec![other.clone()],
        })
        .collect();
    let value: Vec<Letter> = letters(value).iter().flat_map(lower).collect();
    matches(&pattern, &value)
}

/// The six fields are compared one by one. Variables are filled in first, so that one can stand for a whole ARN.
fn arn(value: &str, entry: &str, request: &Request) -> bool {
    let Some(pattern) = filled(&lex(entry), Wildcards::Yes, request) else {
        return false;
    };
    let pattern = fields(&pattern, |piece| *piece == Piece::Letter(Letter::Char(':')));
    let value = fields(&letters(value), |letter| *letter == Letter::Char(':'));
    pattern.len() == 6
        && value.len() == 6
        && pattern
            .iter()
            .zip(&value)
            .all(|(own, theirs)| matches(own, theirs))
}

fn number(value: &str, entry: &str) -> Option<std::cmp::Ordering> {
    Some(Decimal::parse(value)?.cmp(&Decimal::parse(entry)?))
}

fn date(value: &str, entry: &str) -> Option<std::cmp::Ordering> {
    Some(Instant::parse(value)?.cmp(&Instant::parse(entry)?))
}

fn truth(text: &str) -> Option<bool> {
    match text {
        _ if text.eq_ignore_ascii_case("true") => Some(true),
        _ if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}
