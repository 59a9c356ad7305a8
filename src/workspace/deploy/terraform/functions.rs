//! Terraform's functions, as far as their result can be told from what is written.
//!
//! <https://developer.hashicorp.com/terraform/language/functions>

use std::rc::Rc;

use super::super::node::Mark;
use super::value::{Kind, MOST_TEXT, Pair, Val, from_json};

/// Longer lists are not built.
const MOST_ITEMS: usize = 10_000;

/// The value of a call; `None` where it cannot be told.
pub(super) fn call(name: &str, values: &[Val], at: Mark) -> Option<Val> {
    let first = values.first();
    match name {
        "jsonencode" => Some(Val::new(Kind::Json(Rc::new(first?.clone())), first?.at)),
        "jsondecode" => match &first?.kind {
            Kind::Json(value) => Some(value.as_ref().clone()),
            Kind::Text(text) => from_json(text, first?.at).ok(),
            _ => None,
        },
        "sensitive" | "nonsensitive" | "tolist" | "toset" | "tomap" | "tonumber" | "tobool"
        | "ephemeralasnull" => first.cloned(),
        "tostring" => match &first?.kind {
            Kind::Number(_) | Kind::Bool(_) => Some(Val::text(first?.as_text()?, at)),
            _ => first.cloned(),
        },
        "format" => Some(Val::text(format(values)?, at)),
        "formatlist" => formatlist(values, at),
        "join" => join(values, at),
        "concat" | "setunion" => concat(values, at),
        "flatten" => {
            let mut items = Vec::new();
            flatten(first?, &mut items)?;
            Some(Val::list(items, at))
        }
        "compact" => {
            let kept = known_items(first?)?
                .iter()
                .filter(|item| !item.is_null() && item.as_text().as_deref() != Some(""))
                .cloned();
            Some(Val::list(kept.collect(), at))
        }
        "distinct" => Some(Val::list(distinct(known_items(first?)?), at)),
        "coalesce" => coalesce(values),
        "coalescelist" => values
            .iter()
            .find(|value| value.is_unknown() || !value.items().is_empty())
            .cloned(),
        "one" => match known_items(first?)? {
            [] => Some(Val::null(at)),
            [only] => Some(only.clone()),
            _ => None,
        },
        "element" => {
            let items = known_items(first?)?;
            let index = place(values.get(1)?)?;
            items.get(index.checked_rem(items.len())?).cloned()
        }
        "slice" => {
            let items = known_items(first?)?;
            let slice = items.get(place(values.get(1)?)?..place(values.get(2)?)?)?;
            Some(Val::list(slice.to_vec(), at))
        }
        "reverse" => Some(Val::list(
            known_items(first?)?.iter().rev().cloned().collect(),
            at,
        )),
        "sort" => {
            let mut items = known_items(first?)?.to_vec();
            items.sort_by_key(Val::as_text);
            Some(Val::list(items, at))
        }
        "range" => range(values, at),
        "length" => length(first?).map(|length| number(length, at)),
        "contains" => {
            let wanted = values.get(1)?;
            let found = known_items(first?)?
                .iter()
                .try_fold(false, |found, item| item.equals(wanted).map(|same| found || same));
            Some(Val::new(Kind::Bool(found?), at))
        }
        "merge" => merge(values, at),
        "keys" => {
            let keys = known_pairs(first?)?;
            let keys = keys.iter().map(|pair| Val::text(pair.key.as_str(), pair.key_at));
            Some(Val::list(keys.collect(), at))
        }
        "values" => {
            let values = known_pairs(first?)?.iter().map(|pair| pair.value.clone());
            Some(Val::list(values.collect(), at))
        }
        "lookup" => lookup(values),
        "zipmap" => {
            let keys = known_items(first?)?.iter();
            let pairs = keys.zip(known_items(values.get(1)?)?).filter_map(|(key, value)| {
                Some(Pair {
                    key: key.as_text()?,
                    key_at: key.at,
                    value: value.clone(),
                })
            });
            Some(Val::map(pairs.collect(), at))
        }
        "setproduct" => product(values, at),
        "split" => {
            let text = plain(values.get(1)?)?;
            let separator = plain(first?)?;
            let parts = text.split(separator.as_str()).map(|part| Val::text(part, at));
            Some(Val::list(parts.collect(), at))
        }
        "min" | "max" => {
            let numbers: Option<Vec<f64>> = values.iter().map(Val::as_number).collect();
            let best = numbers?.into_iter().reduce(|one, other| {
                if name == "min" {
                    one.min(other)
                } else {
                    one.max(other)
                }
            });
            best.map(|best| Val::new(Kind::Number(best), at))
        }
        "startswith" => Some(Val::new(
            Kind::Bool(plain(first?)?.starts_with(&plain(values.get(1)?)?)),
            at,
        )),
        "endswith" => Some(Val::new(
            Kind::Bool(plain(first?)?.ends_with(&plain(values.get(1)?)?)),
            at,
        )),
        "strcontains" => Some(Val::new(
            Kind::Bool(plain(first?)?.contains(&plain(values.get(1)?)?)),
            at,
        )),
        _ => Some(Val::text(text_function(name, values)?, at)),
    }
}

/// Functions of texts. Those that keep the parts of a text as they are take symbols too.
fn text_function(name: &str, values: &[Val]) -> Option<String> {
    let first = values.first()?;
    Some(match name {
        "lower" => plain(first)?.to_lowercase(),
        "upper" => plain(first)?.to_uppercase(),
        "title" => title(&plain(first)?),
        "trimspace" => first.as_text()?.trim().to_owned(),
        "chomp" => first.as_text()?.trim_end_matches(['\n', '\r']).to_owned(),
        "abspath" | "pathexpand" => first.as_text()?,
        "basename" => {
            let text = first.as_text()?;
            let text = text.trim_end_matches('/');
            text.rsplit('/').next().unwrap_or(text).to_owned()
        }
        "dirname" => {
            let text = first.as_text()?;
            text.rsplit_once('/').map_or(".", |(dir, _)| dir).to_owned()
        }
        "trimprefix" => {
            let (text, prefix) = (first.as_text()?, plain(values.get(1)?)?);
            match text.strip_prefix(prefix.as_str()) {
                Some(rest) => rest.to_owned(),
                None if text.starts_with("${") => return None,
                None => text,
            }
        }
        "trimsuffix" => {
            let (text, suffix) = (first.as_text()?, plain(values.get(1)?)?);
            match text.strip_suffix(suffix.as_str()) {
                Some(rest) => rest.to_owned(),
                None if text.ends_with('}') => return None,
                None => text,
            }
        }
        "trim" => {
            let cut: Vec<char> = plain(values.get(1)?)?.chars().collect();
            plain(first)?.trim_matches(cut.as_slice()).to_owned()
        }
        "replace" => {
            let (text, from, to) = (plain(first)?, plain(values.get(1)?)?, values.get(2)?.as_text()?);
            // Slashes around it make it a regular expression.
            if from.is_empty() || (from.len() > 1 && from.starts_with('/') && from.ends_with('/')) {
                return None;
            }
            text.replace(&from, &to)
        }
        "substr" => {
            let text = plain(first)?;
            let start = place(values.get(1)?)?;
            let length = values.get(2)?.as_number()?;
            let rest = text.chars().skip(start);
            #[allow(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a length of a text"
            )]
            if length < 0.0 {
                rest.collect()
            } else {
                rest.take(length as usize).collect()
            }
        }
        _ => return None,
    })
}

fn title(text: &str) -> String {
    let mut start = true;
    text.chars()
        .map(|c| {
            let made = if start { c.to_ascii_uppercase() } else { c };
            start = !c.is_alphanumeric();
            made
        })
        .collect()
}

/// A text without symbols.
fn plain(value: &Val) -> Option<String> {
    if value.is_unknown() {
        return None;
    }
    value.as_text().filter(|text| !text.contains("${"))
}

fn known_items(value: &Val) -> Option<&[Val]> {
    match &value.kind {
        Kind::List(items) => Some(items),
        Kind::Null => Some(&[]),
        _ => None,
    }
}

fn known_pairs(value: &Val) -> Option<&[Pair]> {
    match &value.kind {
        Kind::Map(pairs) => Some(pairs),
        Kind::Null => Some(&[]),
        _ => None,
    }
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a place in a list"
)]
fn place(value: &Val) -> Option<usize> {
    value
        .as_number()
        .filter(|number| *number >= 0.0)
        .map(|number| number as usize)
}

#[allow(clippy::cast_precision_loss, reason = "no list is that long")]
fn number(value: usize, at: Mark) -> Val {
    Val::new(Kind::Number(value as f64), at)
}

/// `format` with the verbs that policies and names use.
fn format(values: &[Val]) -> Option<String> {
    let (pattern, mut rest) = values.split_first()?;
    let pattern = pattern.as_text()?;
    let mut made = String::new();
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '%' {
            made.push(c);
            continue;
        }
        match chars.next()? {
            '%' => made.push('%'),
            's' | 'v' | 'd' => {
                let (value, after) = rest.split_first()?;
                rest = after;
                made.push_str(&value.as_text()?);
            }
            _ => return None,
        }
        if made.len() > MOST_TEXT {
            return None;
        }
    }
    Some(made)
}

fn formatlist(values: &[Val], at: Mark) -> Option<Val> {
    let lists = values.iter().filter_map(|value| match &value.kind {
        Kind::List(items) => Some(items.len()),
        _ => None,
    });
    let length = lists.max().unwrap_or(1);
    let items = (0..length).map(|index| {
        let row: Option<Vec<Val>> = values
            .iter()
            .map(|value| match &value.kind {
                Kind::List(items) => items.get(index).cloned(),
                _ => Some(value.clone()),
            })
            .collect();
        Some(Val::text(format(&row?)?, at))
    });
    let items: Option<Vec<Val>> = items.collect();
    Some(Val::list(items?, at))
}

fn join(values: &[Val], at: Mark) -> Option<Val> {
    let (separator, lists) = values.split_first()?;
    let separator = separator.as_text()?;
    let mut parts = Vec::new();
    let mut length = 0;
    for list in lists {
        for item in known_items(list)? {
            let part = item.as_text()?;
            length += part.len();
            parts.push(part);
        }
    }
    (length <= MOST_TEXT).then(|| Val::text(parts.join(&separator), at))
}

/// Lists behind each other. Of a list that a condition decides, each item is there under the condition.
fn concat(values: &[Val], at: Mark) -> Option<Val> {
    let mut items = Vec::new();
    for value in values {
        match &value.kind {
            Kind::Choice(choice) => {
                let none = Val::null(at);
                let one = |then: &Val, otherwise: &Val| {
                    let made = super::value::Choice {
                        condition: choice.condition.clone(),
                        then: then.clone(),
                        otherwise: otherwise.clone(),
                    };
                    Val::new(Kind::Choice(Rc::new(made)), value.at)
                };
                items.extend(known_items(&choice.then)?.iter().map(|item| one(item, &none)));
                items.extend(
                    known_items(&choice.otherwise)?
                        .iter()
                        .map(|item| one(&none, item)),
                );
            }
            _ => items.extend(known_items(value)?.iter().cloned()),
        }
    }
    (items.len() <= MOST_ITEMS).then(|| Val::list(items, at))
}

fn flatten(value: &Val, items: &mut Vec<Val>) -> Option<()> {
    match &value.kind {
        Kind::List(list) => {
            for item in list.iter() {
                flatten(item, items)?;
            }
        }
        Kind::Unknown(_) => return None,
        Kind::Choice(_) => {
            let concatenated = concat(std::slice::from_ref(value), value.at);
            match concatenated {
                Some(list) => items.extend(list.items().iter().cloned()),
                None => items.push(value.clone()),
            }
        }
        _ => items.push(value.clone()),
    }
    (items.len() <= MOST_ITEMS).then_some(())
}

fn distinct(items: &[Val]) -> Vec<Val> {
    let mut found: Vec<Val> = Vec::new();
    for item in items.iter().take(MOST_ITEMS) {
        if found.iter().all(|known| known.equals(item) != Some(true)) {
            found.push(item.clone());
        }
    }
    found
}

/// The first value that is neither null nor an empty text.
fn coalesce(values: &[Val]) -> Option<Val> {
    values
        .iter()
        .find(|value| !value.is_null() && value.as_text().as_deref() != Some(""))
        .cloned()
}

fn length(value: &Val) -> Option<usize> {
    match &value.kind {
        Kind::List(items) => Some(items.len()),
        Kind::Map(pairs) => Some(pairs.len()),
        Kind::Text(_) => Some(plain(value)?.chars().count()),
        _ => None,
    }
}

fn merge(values: &[Val], at: Mark) -> Option<Val> {
    let mut pairs: Vec<Pair> = Vec::new();
    for value in values {
        let (added, condition) = match &value.kind {
            Kind::Choice(choice) => {
                let then = known_pairs(&choice.then)?;
                let otherwise = known_pairs(&choice.otherwise)?;
                let both: Vec<Pair> = then.iter().chain(otherwise).cloned().collect();
                (both, true)
            }
            _ => (known_pairs(value)?.to_vec(), false),
        };
        for pair in added {
            // What may be there does not take away what is there.
            if condition && pairs.iter().any(|known| known.key == pair.key) {
                continue;
            }
            pairs.retain(|known| known.key != pair.key);
            pairs.push(pair);
        }
    }
    (pairs.len() <= MOST_ITEMS).then(|| Val::map(pairs, at))
}

fn lookup(values: &[Val]) -> Option<Val> {
    let pairs = known_pairs(values.first()?)?;
    let key = values.get(1)?.as_text()?;
    let found = pairs.iter().find(|pair| pair.key == key);
    match found {
        Some(pair) => Some(pair.value.clone()),
        None if key.contains("${") => None,
        None => values.get(2).cloned(),
    }
}

fn range(values: &[Val], at: Mark) -> Option<Val> {
    let (start, end) = match values {
        [end] => (0, place(end)?),
        [start, end] => (place(start)?, place(end)?),
        _ => return None,
    };
    (end.saturating_sub(start) <= MOST_ITEMS)
        .then(|| Val::list((start..end).map(|value| number(value, at)).collect(), at))
}

fn product(values: &[Val], at: Mark) -> Option<Val> {
    let mut rows: Vec<Vec<Val>> = vec![Vec::new()];
    for value in values {
        let items = known_items(value)?;
        if rows.len().saturating_mul(items.len()) > MOST_ITEMS {
            return None;
        }
        rows = rows
            .iter()
            .flat_map(|row| {
                items.iter().map(move |item| {
                    let mut row = row.clone();
                    row.push(item.clone());
                    row
                })
            })
            .collect();
    }
    let rows = rows.into_iter().map(|row| Val::list(row, at));
    Some(Val::list(rows.collect(), at))
}
