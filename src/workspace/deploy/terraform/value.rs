//! Values of Terraform expressions, as far as they can be told: texts carry `${Symbol}` for what only a run fills in.

use std::rc::Rc;

use jsonc_parser::ast::Value as Json;
use jsonc_parser::common::Ranged;

use super::super::node::{Entry, Mark, Node, Value};
use super::super::parse::{LineStarts, ParseError, json_ast};

/// Longer texts are not built.
pub(super) const MOST_TEXT: usize = 256 * 1024;

/// Larger values are not put into one tree.
const MOST_NODES: usize = 200_000;

/// A value and where it is written.
#[derive(Clone, Debug)]
pub(super) struct Val {
    pub(super) kind: Kind,
    pub(super) at: Mark,
}

/// What a value is.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    Null,
    Bool(bool),
    Number(f64),
    /// A text with symbols in it.
    Text(Rc<str>),
    List(Rc<Vec<Val>>),
    Map(Rc<Vec<Pair>>),
    /// What `jsonencode` or a policy document makes: a text that is known as a value.
    Json(Rc<Val>),
    /// A resource, data source or module call, by number; see [`super::scope`].
    Thing(Rc<Thing>),
    /// What stands there if a condition holds, and if not; nobody knows which.
    Choice(Rc<Choice>),
    /// Not known; the text is a symbol without `${` and `}`.
    Unknown(Rc<str>),
}

/// An entry of a map.
#[derive(Clone, Debug)]
pub(super) struct Pair {
    pub(super) key: String,
    pub(super) key_at: Mark,
    pub(super) value: Val,
}

/// Two values of which one counts.
#[derive(Debug)]
pub(super) struct Choice {
    pub(super) condition: String,
    pub(super) then: Val,
    pub(super) otherwise: Val,
}

/// Something with an address: its attributes are looked up when they are asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Thing {
    /// Address of the instance, such as `module.api.aws_sqs_queue.inbox[0]`.
    pub(super) address: String,
    /// Number of its instance.
    pub(super) instance: usize,
}

impl Val {
    pub(super) fn new(kind: Kind, at: Mark) -> Self {
        Self { kind, at }
    }

    pub(super) fn null(at: Mark) -> Self {
        Self::new(Kind::Null, at)
    }

    /// A text.
    pub(super) fn text(text: impl Into<Rc<str>>, at: Mark) -> Self {
        Self::new(Kind::Text(text.into()), at)
    }

    /// A value that is not known, named by what it would be read from.
    pub(super) fn unknown(name: impl Into<Rc<str>>, at: Mark) -> Self {
        Self::new(Kind::Unknown(name.into()), at)
    }

    /// A value that no reader can tell; `what` is put into words behind a `!`.
    pub(super) fn opaque(what: &str, at: Mark) -> Self {
        let plain: String = what
            .chars()
            .map(|c| match c {
                '{' | '}' => '|',
                c if c.is_control() => ' ',
                c => c,
            })
            .collect();
        Self::unknown(format!("!{plain}"), at)
    }

    pub(super) fn list(items: Vec<Val>, at: Mark) -> Self {
        Self::new(Kind::List(Rc::new(items)), at)
    }

    pub(super) fn map(pairs: Vec<Pair>, at: Mark) -> Self {
        Self::new(Kind::Map(Rc::new(pairs)), at)
    }

    pub(super) fn is_null(&self) -> bool {
        matches!(self.kind, Kind::Null)
    }

    /// The value with one place for all that is in it.
    pub(super) fn placed(&self, at: Mark) -> Self {
        let kind = match &self.kind {
            Kind::List(items) => Kind::List(Rc::new(items.iter().map(|item| item.placed(at)).collect())),
            Kind::Map(pairs) => Kind::Map(Rc::new(
                pairs
                    .iter()
                    .map(|pair| Pair {
                        key: pair.key.clone(),
                        key_at: at,
                        value: pair.value.placed(at),
                    })
                    .collect(),
            )),
            other => other.clone(),
        };
        Self::new(kind, at)
    }

    /// Whether what it is cannot be told.
    pub(super) fn is_unknown(&self) -> bool {
        matches!(self.kind, Kind::Unknown(_) | Kind::Choice(_))
    }

    /// Entries of a map; none for anything else.
    pub(super) fn pairs(&self) -> &[Pair] {
        match &self.kind {
            Kind::Map(pairs) => pairs,
            _ => &[],
        }
    }

    /// The value of a map's key; null counts as absent.
    pub(super) fn get(&self, key: &str) -> Option<&Val> {
        self.pairs()
            .iter()
            .find(|pair| pair.key == key)
            .map(|pair| &pair.value)
            .filter(|value| !value.is_null())
    }

    /// The entry of a map's key, unless it is null.
    pub(super) fn pair(&self, key: &str) -> Option<&Pair> {
        self.pairs()
            .iter()
            .find(|pair| pair.key == key && !pair.value.is_null())
    }

    /// The items of a list; of a block that may be written once, the one; none for null.
    pub(super) fn items(&self) -> &[Val] {
        match &self.kind {
            Kind::List(items) => items,
            Kind::Null => &[],
            _ => std::slice::from_ref(self),
        }
    }

    /// The first item of a list of blocks, or the block itself.
    pub(super) fn first(&self) -> Option<&Val> {
        self.items().first()
    }

    /// The first block of a name.
    pub(super) fn block(&self, name: &str) -> Option<&Val> {
        self.get(name)?.first()
    }

    /// The text of a text, number or boolean, or the symbol of what is not known.
    pub(super) fn as_text(&self) -> Option<String> {
        match &self.kind {
            Kind::Text(text) => Some(text.to_string()),
            Kind::Bool(value) => Some(value.to_string()),
            Kind::Number(value) => Some(number(*value)),
            Kind::Unknown(name) => Some(format!("${{{name}}}")),
            Kind::Thing(thing) => Some(format!("${{{}}}", thing.address)),
            Kind::Choice(choice) => Some(format!("${{!{} ? …}}", plain(&choice.condition))),
            Kind::Json(value) => self::json(value),
            Kind::Null | Kind::List(_) | Kind::Map(_) => None,
        }
    }

    /// A boolean, also one that is written as a text.
    pub(super) fn as_bool(&self) -> Option<bool> {
        match &self.kind {
            Kind::Bool(value) => Some(*value),
            Kind::Text(text) => match text.as_ref() {
                "true" => Some(true),
                "false" => Some(false),
                _ => None,
            },
            _ => None,
        }
    }

    /// A number, also one that is written as a text.
    pub(super) fn as_number(&self) -> Option<f64> {
        match &self.kind {
            Kind::Number(value) => Some(*value),
            Kind::Text(text) => text.parse().ok(),
            _ => None,
        }
    }

    /// Whether it equals another value, where that can be told.
    pub(super) fn equals(&self, other: &Val) -> Option<bool> {
        match (&self.kind, &other.kind) {
            (Kind::Null, Kind::Null) => Some(true),
            (Kind::Unknown(one), Kind::Unknown(other)) if one == other => Some(true),
            (Kind::Unknown(_) | Kind::Choice(_), _) | (_, Kind::Unknown(_) | Kind::Choice(_)) => None,
            (Kind::Null, _) | (_, Kind::Null) => Some(false),
            (Kind::List(one), Kind::List(other)) => {
                if one.len() != other.len() {
                    return Some(false);
                }
                one.iter()
                    .zip(other.iter())
                    .try_fold(true, |same, (one, other)| Some(same && one.equals(other)?))
            }
            (Kind::Map(one), Kind::Map(other)) => {
                if one.len() != other.len() {
                    return Some(false);
                }
                one.iter().try_fold(true, |same, pair| {
                    match other.iter().find(|found| found.key == pair.key) {
                        Some(found) => Some(same && pair.value.equals(&found.value)?),
                        None => Some(false),
                    }
                })
            }
            _ => {
                let (one, other) = (self.as_text(), other.as_text());
                match (one, other) {
                    (Some(one), Some(other)) if one == other => Some(true),
                    (Some(one), Some(other)) if one.contains("${") || other.contains("${") => None,
                    _ => Some(false),
                }
            }
        }
    }

    /// The value as a node of a stack template.
    pub(super) fn node(&self) -> Node {
        let mut left = MOST_NODES;
        self.node_within(&mut left)
    }

    fn node_within(&self, left: &mut usize) -> Node {
        *left = left.saturating_sub(1);
        let value = match &self.kind {
            _ if *left == 0 => Value::Sub("${!!too large to be told}".to_owned(), Vec::new()),
            Kind::Null => Value::Null,
            Kind::List(items) => Value::List(items.iter().map(|item| item.node_within(left)).collect()),
            Kind::Map(pairs) => Value::Map(
                pairs
                    .iter()
                    .map(|pair| Entry {
                        key: pair.key.clone(),
                        key_at: pair.key_at,
                        value: pair.value.node_within(left),
                    })
                    .collect(),
            ),
            Kind::Json(inner) => return inner.node_within(left),
            Kind::Choice(choice) => Value::If(
                choice.condition.clone(),
                Box::new(choice.then.node_within(left)),
                Box::new(choice.otherwise.node_within(left)),
            ),
            _ => return text_node(&self.as_text().unwrap_or_default(), self.at),
        };
        Node::new(value, self.at)
    }
}

/// A stack text as a node: its symbols stay what they are.
pub(super) fn text_node(text: &str, at: Mark) -> Node {
    let value = if text.contains("${") {
        Value::Sub(text.replace("${!", "${!!"), Vec::new())
    } else {
        Value::Text(text.to_owned())
    };
    Node::new(value, at)
}

/// A number as Terraform writes it.
pub(super) fn number(value: f64) -> String {
    value.to_string()
}

fn plain(text: &str) -> String {
    text.replace(['{', '}'], "|")
}

/// The JSON text of a value; `None` where it holds something that has none.
pub(super) fn json(value: &Val) -> Option<String> {
    let mut text = String::new();
    write_json(value, &mut text).then_some(text)
}

fn write_json(value: &Val, text: &mut String) -> bool {
    if text.len() > MOST_TEXT {
        return false;
    }
    match &value.kind {
        Kind::Null => text.push_str("null"),
        Kind::Bool(value) => text.push_str(&value.to_string()),
        Kind::Number(value) => text.push_str(&number(*value)),
        Kind::List(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                if !write_json(item, text) {
                    return false;
                }
            }
            text.push(']');
        }
        Kind::Map(pairs) => {
            text.push('{');
            for (index, pair) in pairs.iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                text.push_str(&serde_json::Value::from(pair.key.as_str()).to_string());
                text.push(':');
                if !write_json(&pair.value, text) {
                    return false;
                }
            }
            text.push('}');
        }
        Kind::Text(_) | Kind::Json(_) | Kind::Thing(_) | Kind::Unknown(_) | Kind::Choice(_) => {
            let inner = value.as_text().unwrap_or_default();
            text.push_str(&serde_json::Value::from(inner).to_string());
        }
    }
    true
}

/// Reads a JSON text whose first line stands at `at`.
pub(super) fn from_json(text: &str, at: Mark) -> Result<Val, ParseError> {
    let lines = LineStarts::new(text);
    let shifted = |mark: Mark| Mark {
        line: mark.line.saturating_add(at.line).saturating_sub(1),
        column: if mark.line == 1 { at.column } else { mark.column },
        file: at.file,
    };
    let parsed = json_ast(text).map_err(|error| ParseError {
        at: shifted(error.at),
        ..error
    })?;
    Ok(match parsed {
        Some(json) => from_ast(&json, &|offset| shifted(lines.mark(offset))),
        None => Val::null(at),
    })
}

fn from_ast(json: &Json<'_>, mark: &dyn Fn(usize) -> Mark) -> Val {
    let kind = match json {
        Json::StringLit(text) => Kind::Text(text.value.as_ref().into()),
        Json::NumberLit(number) => Kind::Number(number.value.parse().unwrap_or_default()),
        Json::BooleanLit(boolean) => Kind::Bool(boolean.value),
        Json::NullKeyword(_) => Kind::Null,
        Json::Array(list) => Kind::List(Rc::new(
            list.elements.iter().map(|item| from_ast(item, mark)).collect(),
        )),
        Json::Object(object) => Kind::Map(Rc::new(
            object
                .properties
                .iter()
                .map(|property| Pair {
                    key: property.name.as_str().to_owned(),
                    key_at: mark(property.range.start),
                    value: from_ast(&property.value, mark),
                })
                .collect(),
        )),
    };
    Val::new(kind, mark(json.range().start))
}
