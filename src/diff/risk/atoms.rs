//! Values that a condition key can have in a request, chosen so that each of its comparisons can hold and fail.

use std::collections::BTreeMap;

use crate::iam::operator::{Comparison, Operator};
use crate::iam::policy::{Actions, Resources, Statement};
use crate::iam::request::ContextValue;

/// A text that no policy is likely to name.
pub(super) const FRESH: &str = "rolefit";

/// The most values of a key that are tried.
const MOST_VALUES: usize = 48;

/// What each key may hold; `None` where the request lacks it.
pub(super) type Atoms = BTreeMap<String, Vec<Option<ContextValue>>>;

/// The keys of some statements, in lower case, with values on both sides of every comparison.
pub(super) fn of<'a>(statements: impl IntoIterator<Item = &'a Statement>) -> Atoms {
    let mut atoms = Atoms::new();
    for statement in statements {
        for (name, keys) in &statement.conditions {
            let Some(operator) = Operator::parse(name) else {
                continue;
            };
            for (key, entries) in keys {
                let values = atoms.entry(key.to_lowercase()).or_insert_with(|| vec![None]);
                for value in values_for(operator, entries) {
                    if values.len() < MOST_VALUES && !values.contains(&Some(value.clone())) {
                        values.push(Some(value));
                    }
                }
            }
        }
        for key in variables(statement) {
            let values = atoms.entry(key).or_insert_with(|| vec![None]);
            let fresh = Some(ContextValue::One(FRESH.to_owned()));
            if !values.contains(&fresh) {
                values.push(fresh);
            }
        }
    }
    atoms
}

fn values_for(operator: Operator, entries: &[String]) -> Vec<ContextValue> {
    let mut texts: Vec<String> = Vec::new();
    for entry in entries {
        texts.extend(around(operator.comparison, entry));
    }
    texts.extend(other(operator.comparison).iter().map(|text| (*text).to_owned()));
    let mut values: Vec<ContextValue> = match operator.quantifier {
        None => texts.iter().cloned().map(ContextValue::One).collect(),
        Some(_) => texts
            .iter()
            .map(|text| ContextValue::Many(vec![text.clone()]))
            .collect(),
    };
    if operator.quantifier.is_some() && entries.len() > 1 {
        let all = entries.iter().map(|entry| plain(entry)).collect();
        values.push(ContextValue::Many(all));
    }
    values
}

/// Values at and beside an entry.
fn around(comparison: Comparison, entry: &str) -> Vec<String> {
    use Comparison as C;
    match comparison {
        C::NumericEquals
        | C::NumericNotEquals
        | C::NumericLessThan
        | C::NumericLessThanEquals
        | C::NumericGreaterThan
        | C::NumericGreaterThanEquals => {
            let whole: i128 = entry
                .split('.')
                .next()
                .and_then(|whole| whole.parse().ok())
                .unwrap_or(0);
            vec![
                entry.to_owned(),
                whole.saturating_sub(1).to_string(),
                whole.saturating_add(1).to_string(),
            ]
        }
        C::IpAddress | C::NotIpAddress => {
            vec![entry.split('/').next().unwrap_or(entry).to_owned()]
        }
        _ => vec![plain(entry)],
    }
}

/// Values that no entry is likely to name.
fn other(comparison: Comparison) -> &'static [&'static str] {
    use Comparison as C;
    match comparison {
        C::DateEquals
        | C::DateNotEquals
        | C::DateLessThan
        | C::DateLessThanEquals
        | C::DateGreaterThan
        | C::DateGreaterThanEquals => &["1970-01-02T00:00:00Z", "2999-01-01T00:00:00Z"],
        C::Bool => &["true", "false"],
        C::IpAddress | C::NotIpAddress => &["198.51.100.77", "2001:db8::77"],
        C::ArnEquals | C::ArnNotEquals | C::ArnLike | C::ArnNotLike => {
            &["arn:aws:iam::000000000000:role/rolefit"]
        }
        _ => &[FRESH],
    }
}

/// A text of a policy with its wildcards and variables replaced by something.
pub(super) fn plain(text: &str) -> String {
    with(text, FRESH, "7")
}

/// A text of a policy with `star` for `*`, `one` for `?`, and [`FRESH`] for policy variables without default.
pub(super) fn with(text: &str, star: &str, one: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if let Some((inner, after)) = rest.strip_prefix("${").and_then(|inner| inner.split_once('}')) {
            match inner {
                "*" | "?" | "$" => out.push_str(inner),
                _ if variable(inner).is_some() => {
                    let default = inner
                        .split_once('\'')
                        .and_then(|(_, quoted)| quoted.split('\'').next());
                    out.push_str(default.unwrap_or(FRESH));
                }
                symbol => {
                    out.push_str("${");
                    out.push_str(symbol);
                    out.push('}');
                }
            }
            rest = after;
            continue;
        }
        match c {
            '*' => out.push_str(star),
            '?' => out.push_str(one),
            c => out.push(c),
        }
        rest = rest.get(c.len_utf8()..).unwrap_or_default();
    }
    out
}

/// The key of a policy variable, `prefix:key` with one colon.
fn variable(inner: &str) -> Option<&str> {
    let key = inner.split(',').next()?.trim();
    let (prefix, name) = key.split_once(':')?;
    (!prefix.is_empty() && !name.is_empty() && !name.contains(':')).then_some(key)
}

/// The keys of the policy variables without default in a statement, in lower case.
fn variables(statement: &Statement) -> Vec<String> {
    let (Resources::Only(resources) | Resources::AllExcept(resources)) = &statement.resources;
    let (Actions::Only(_) | Actions::AllExcept(_)) = &statement.actions;
    let values = statement.conditions.values().flat_map(BTreeMap::values).flatten();
    let texts = resources
        .iter()
        .map(|arn| arn.as_str())
        .chain(values.map(String::as_str));
    texts
        .flat_map(|text| text.split("${").skip(1))
        .filter_map(|rest| rest.split('}').next())
        .filter(|inner| !inner.contains(','))
        .filter_map(variable)
        .map(str::to_lowercase)
        .collect()
}
