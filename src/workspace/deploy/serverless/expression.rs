//! The variables of the Serverless Framework as they are written: `${source:address, fallback}`, nested.

use std::collections::BTreeMap;

/// A piece of a text with variables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Plain(String),
    /// What stands between `${` and `}`, and is a variable of the framework.
    Variable(String),
}

/// One of the places where a variable looks for its value, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// A text, number or boolean that stands there itself.
    Literal(String),
    /// `${…}`.
    Nested(String),
    /// `kind(arguments):address`.
    Source {
        kind: String,
        arguments: String,
        address: String,
    },
}

/// Splits a text into plain pieces and variables. `${AWS::Region}` and `${Resource.Arn}` are CloudFormation's and plain.
pub(super) fn pieces(text: &str) -> Vec<Piece> {
    let closed = closed_braces(text);
    let mut found = Vec::new();
    let mut plain = String::new();
    let mut from = 0;
    while let Some(length) = text.get(from..).and_then(|rest| rest.find("${")) {
        let open = from + length;
        plain.push_str(text.get(from..open).unwrap_or_default());
        let end = closed.get(&(open + 1)).copied();
        let Some((inner, end)) = end.and_then(|end| Some((text.get(open + 2..end)?, end))) else {
            plain.push_str("${");
            from = open + 2;
            continue;
        };
        if is_variable(inner) {
            if !plain.is_empty() {
                found.push(Piece::Plain(std::mem::take(&mut plain)));
            }
            found.push(Piece::Variable(inner.to_owned()));
        } else {
            plain.push_str(text.get(open..=end).unwrap_or_default());
        }
        from = end + 1;
    }
    plain.push_str(text.get(from..).unwrap_or_default());
    if !plain.is_empty() {
        found.push(Piece::Plain(plain));
    }
    found
}

/// Where each opening brace is closed.
fn closed_braces(text: &str) -> BTreeMap<usize, usize> {
    let mut open = Vec::new();
    let mut closed = BTreeMap::new();
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'{' => open.push(at),
            b'}' => closed.extend(open.pop().map(|start| (start, at))),
            _ => {}
        }
    }
    closed
}

/// The text up to the bracket that closes what is open before it, and what follows that bracket.
fn until_closed(text: &str, [open, close]: [char; 2]) -> Option<(&str, &str)> {
    let mut depth = 1_u32;
    for (at, c) in text.char_indices() {
        if c == open {
            depth += 1;
        } else if c == close {
            depth -= 1;
        }
        if depth == 0 {
            return Some((text.get(..at)?, text.get(at + 1..)?));
        }
    }
    None
}

/// Whether it is `name:…` or `name(…)…`, the way the framework tells its variables from those of CloudFormation.
fn is_variable(inner: &str) -> bool {
    let inner = inner.trim_start();
    if !inner.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return false;
    }
    let rest = inner.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    match rest.strip_prefix(':') {
        Some(after) => !after.starts_with(':'),
        None => rest.starts_with('('),
    }
}

/// The places that a variable names, in order.
pub(super) fn places(inner: &str) -> Vec<Place> {
    split_at_commas(inner).into_iter().map(place).collect()
}

fn place(text: &str) -> Place {
    let text = text.trim();
    let quoted = |quote: char| text.strip_prefix(quote)?.strip_suffix(quote);
    if let Some(literal) = quoted('\'').or_else(|| quoted('"')) {
        return Place::Literal(literal.to_owned());
    }
    if let Some((inner, "")) = text
        .strip_prefix("${")
        .and_then(|rest| until_closed(rest, ['{', '}']))
    {
        return Place::Nested(inner.to_owned());
    }
    if !is_variable(text) {
        return Place::Literal(text.to_owned());
    }
    let end = text
        .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_')))
        .unwrap_or(text.len());
    let (kind, rest) = text.split_at(end);
    let (arguments, rest) = match rest
        .strip_prefix('(')
        .and_then(|rest| until_closed(rest, ['(', ')']))
    {
        Some(found) => found,
        None => ("", rest),
    };
    Place::Source {
        kind: kind.to_owned(),
        arguments: arguments.trim().to_owned(),
        address: rest.strip_prefix(':').unwrap_or(rest).trim().to_owned(),
    }
}

/// Splits at commas that stand outside quotes, brackets and braces.
fn split_at_commas(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut depth) = (0, 0_i32);
    let mut quote = None;
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(c),
            (None, '(' | '{') => depth += 1,
            (None, ')' | '}') => depth -= 1,
            (None, ',') if depth == 0 => {
                parts.extend(text.get(start..at));
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.extend(text.get(start..));
    parts
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn only_variables_of_the_framework_are_taken_out() {
        let plain = |text: &str| Piece::Plain(text.to_owned());
        let variable = |text: &str| Piece::Variable(text.to_owned());
        for (text, expected) in [
            (
                "arn:${AWS::Partition}:x:${Table.Arn}",
                vec![plain("arn:${AWS::Partition}:x:${Table.Arn}")],
            ),
            (
                "${self:service}-x-${sls:stage}",
                vec![variable("self:service"), plain("-x-"), variable("sls:stage")],
            ),
            (
                "${file(./c.${opt:stage, 'dev'}.yml):a.b}",
                vec![variable("file(./c.${opt:stage, 'dev'}.yml):a.b")],
            ),
            ("${open", vec![plain("${open")]),
            ("${!self:x} ${", vec![plain("${!self:x} ${")]),
        ] {
            assert_eq!(pieces(text), expected, "{text}");
        }
    }

    #[test]
    fn variables_that_are_never_closed_are_looked_at_once() {
        // Each is the beginning of everything behind it: looked for one by one, their ends take hours.
        let text = "${".repeat(500_000);
        assert_eq!(pieces(&text), [Piece::Plain(text.clone())]);
    }

    #[test]
    fn places_are_tried_in_order() {
        let source = |kind: &str, arguments: &str, address: &str| Place::Source {
            kind: kind.to_owned(),
            arguments: arguments.to_owned(),
            address: address.to_owned(),
        };
        assert_eq!(
            places("opt:stage, self:provider.stage, 'de,v'"),
            [
                source("opt", "", "stage"),
                source("self", "", "provider.stage"),
                Place::Literal("de,v".to_owned()),
            ]
        );
        assert_eq!(
            places("file(./${sls:stage}.yml):table, ${env:TABLE, 3}"),
            [
                source("file", "./${sls:stage}.yml", "table"),
                Place::Nested("env:TABLE, 3".to_owned()),
            ]
        );
        assert_eq!(
            places("cf(eu-west-1):net.Vpc"),
            [source("cf", "eu-west-1", "net.Vpc")]
        );
    }
}
