//! Stack texts: what a template's value says, with `${Symbol}` for what only a deployment fills in.

use std::collections::BTreeMap;

use super::node::{Entry, Node, Value};
use super::template::Template;

/// A piece of a stack text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TextPiece<'a> {
    /// Plain characters.
    Plain(&'a str),
    /// What stands between `${` and `}`.
    Symbol(&'a str),
}

/// Splits a stack text into plain pieces and symbols; an unclosed `${` is plain.
pub(crate) fn pieces(text: &str) -> Vec<TextPiece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let Some((symbol, tail)) = after.split_once('}') else {
            break;
        };
        if !before.is_empty() {
            pieces.push(TextPiece::Plain(before));
        }
        pieces.push(TextPiece::Symbol(symbol));
        rest = tail;
    }
    if !rest.is_empty() {
        pieces.push(TextPiece::Plain(rest));
    }
    pieces
}

/// A text with the defaults of the parameters that have one.
pub(crate) fn with_defaults(text: &str, parameters: &BTreeMap<String, Option<String>>) -> String {
    pieces(text)
        .into_iter()
        .map(|piece| match piece {
            TextPiece::Plain(plain) => plain.to_owned(),
            TextPiece::Symbol(symbol) => match parameters.get(symbol) {
                Some(Some(default)) => default.clone(),
                _ => format!("${{{symbol}}}"),
            },
        })
        .collect()
}

/// The symbol a text consists of, if it is one symbol and nothing else.
pub(crate) fn only_symbol(text: &str) -> Option<&str> {
    let inner = text.strip_prefix("${")?.strip_suffix('}')?;
    (!inner.contains(['{', '}'])).then_some(inner)
}

/// Splits at a separator outside symbols, into at most `limit` parts.
pub(crate) fn split_outside_symbols(text: &str, separator: char, limit: usize) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut inside) = (0, false);
    let mut previous = ' ';
    for (index, c) in text.char_indices() {
        match c {
            '{' if previous == '$' => inside = true,
            '}' => inside = false,
            _ if c == separator && !inside && parts.len() + 1 < limit => {
                parts.extend(text.get(start..index));
                start = index + c.len_utf8();
            }
            _ => {}
        }
        previous = c;
    }
    parts.extend(text.get(start..));
    parts
}

/// The stack text of a value; `None` for `AWS::NoValue`, null, lists and maps.
pub(crate) fn text(template: &Template, node: &Node) -> Option<String> {
    match &node.value {
        Value::Null | Value::List(_) | Value::Map(_) => None,
        Value::Ref(_) if node.is_no_value() => None,
        Value::Text(text) => Some(literal(template, text)),
        Value::Ref(name) => Some(format!("${{{name}}}")),
        Value::GetAtt(id, attribute) => Some(format!("${{{id}.{attribute}}}")),
        Value::Sub(text, variables) => Some(substitute(template, text, variables)),
        Value::Join(separator, items) => Some(join(template, separator, items)),
        Value::If(condition, then, otherwise) => {
            let (then, otherwise) = (text(template, then), text(template, otherwise));
            Some(if then == otherwise {
                then.unwrap_or_default()
            } else {
                format!("${{!If {}}}", outline_text(condition))
            })
        }
        Value::Call(name, argument) if name == "ToJsonString" => Some(json(template, argument)),
        Value::Call(name, argument) => {
            Some(select(template, name, argument).unwrap_or_else(|| opaque(name, argument)))
        }
    }
}

/// A text without a function. Dynamic references cannot be told offline, and a symbol that nobody substitutes is not
/// the thing it names.
fn literal(template: &Template, text: &str) -> String {
    let text = if text.contains("{{resolve:") {
        text.replace("{{resolve:", "${!resolve ").replace("}}", "}")
    } else {
        text.to_owned()
    };
    if !text.contains("${") {
        return text;
    }
    pieces(&text)
        .into_iter()
        .map(|piece| match piece {
            TextPiece::Plain(plain) => plain.to_owned(),
            TextPiece::Symbol(symbol) if template.knows(symbol) => {
                format!("${{!not-substituted {symbol}}}")
            }
            TextPiece::Symbol(symbol) => format!("${{{symbol}}}"),
        })
        .collect()
}

/// The value as JSON, with the symbols of its texts: what `Fn::ToJsonString` and Terraform's `jsonencode` give.
pub(crate) fn json(template: &Template, node: &Node) -> String {
    match &node.value {
        Value::Null => "null".to_owned(),
        Value::List(items) => {
            let items: Vec<String> = items
                .iter()
                .filter(|item| !item.is_no_value())
                .map(|item| json(template, item))
                .collect();
            format!("[{}]", items.join(","))
        }
        Value::Map(entries) => {
            let members: Vec<String> = entries
                .iter()
                .filter(|entry| !entry.value.is_no_value())
                .map(|entry| format!("{}:{}", quoted(&entry.key), json(template, &entry.value)))
                .collect();
            format!("{{{}}}", members.join(","))
        }
        _ => quoted(&text(template, node).unwrap_or_else(|| opaque("ToJsonString", node))),
    }
}

/// A stack text as a JSON string; symbols stay as they are.
fn quoted(text: &str) -> String {
    let escaped: String = pieces(text)
        .into_iter()
        .map(|piece| match piece {
            TextPiece::Plain(plain) => {
                let string = serde_json::Value::from(plain).to_string();
                let inner = string.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
                inner.unwrap_or_default().to_owned()
            }
            TextPiece::Symbol(symbol) => format!("${{{symbol}}}"),
        })
        .collect();
    format!("\"{escaped}\"")
}

fn substitute(template: &Template, text: &str, variables: &[Entry]) -> String {
    let own = |name: &str| variables.iter().find(|entry| entry.key == name);
    pieces(text)
        .into_iter()
        .map(|piece| match piece {
            TextPiece::Plain(plain) => literal(template, plain),
            TextPiece::Symbol(symbol) => match symbol.strip_prefix('!') {
                // `${!name}` is how `Fn::Sub` writes a literal `${name}`, an IAM policy variable.
                Some(variable) => format!("${{{variable}}}"),
                None => match own(symbol.trim()) {
                    Some(entry) => {
                        self::text(template, &entry.value).unwrap_or_else(|| opaque("Sub", &entry.value))
                    }
                    None => format!("${{{}}}", symbol.trim()),
                },
            },
        })
        .collect()
}

fn join(template: &Template, separator: &str, items: &Node) -> String {
    let Value::List(list) = &items.value else {
        return opaque("Join", items);
    };
    let parts: Vec<String> = list
        .iter()
        .filter(|item| !item.is_no_value())
        .map(|item| text(template, item).unwrap_or_else(|| opaque("Join", item)))
        .collect();
    parts.join(separator)
}

/// `Fn::Select` with a literal index from a literal list, or from a split literal.
fn select(template: &Template, name: &str, argument: &Node) -> Option<String> {
    if name != "Select" {
        return None;
    }
    let [index, from] = argument.items() else {
        return None;
    };
    let index: usize = index.as_text()?.parse().ok()?;
    match &from.value {
        Value::List(items) => text(template, items.get(index)?),
        Value::Call(split, argument) if split == "Split" => {
            let [separator, whole] = argument.items() else {
                return None;
            };
            let whole = text(template, whole)?;
            if whole.contains("${") {
                return None;
            }
            whole.split(separator.as_text()?).nth(index).map(str::to_owned)
        }
        _ => None,
    }
}

/// A symbol for a value that cannot be told offline; it equals only itself.
fn opaque(name: &str, argument: &Node) -> String {
    format!("${{!{name} {}}}", outline(argument))
}

/// A value in one line without braces, to tell opaque symbols apart and for messages.
fn outline(node: &Node) -> String {
    match &node.value {
        Value::Null => "null".to_owned(),
        Value::Text(text) => outline_text(text),
        Value::Ref(name) => outline_text(name),
        Value::GetAtt(id, attribute) => format!("{id}.{attribute}"),
        Value::Sub(text, _) => outline_text(text),
        Value::List(items) => items.iter().map(outline).collect::<Vec<_>>().join(" "),
        Value::Map(entries) => entries
            .iter()
            .map(|entry| format!("{}={}", outline_text(&entry.key), outline(&entry.value)))
            .collect::<Vec<_>>()
            .join(" "),
        Value::Join(separator, items) => format!("Join({separator:?} {})", outline(items)),
        Value::If(condition, ..) => format!("If({})", outline_text(condition)),
        Value::Call(name, argument) => format!("{name}({})", outline(argument)),
    }
}

fn outline_text(text: &str) -> String {
    text.replace("${", "<").replace(['{', '}'], ">")
}
