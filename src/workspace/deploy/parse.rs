//! Parses a stack template's text: YAML with its tags through saphyr, JSON through jsonc-parser, into one tree.

use saphyr::{MarkedYaml, ScalarStyle, YamlData, YamlLoader};
use saphyr_parser::{BufferedInput, Parser};

use super::node::{Entry, Mark, Node, Value, fold_long_form, function};

/// Why a file cannot be read, and where.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct ParseError {
    pub(crate) message: String,
    pub(crate) at: Mark,
}

/// Parses JSON (by the file's ending; a `.template` by its first brace) or YAML. A YAML file of several documents gives
/// several trees.
pub(crate) fn parse(file: &str, text: &str) -> Result<Vec<Node>, ParseError> {
    let starts_like_json = || text.trim_start().starts_with('{');
    if file.ends_with(".json") || (file.ends_with(".template") && starts_like_json()) {
        json(text).map(|node| vec![node])
    } else {
        yaml(text)
    }
}

fn yaml(text: &str) -> Result<Vec<Node>, ParseError> {
    // A byte order mark is not part of the first key.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut loader = YamlLoader::<MarkedYaml<'_>>::default();
    // Scalars stay as written: `012345678901` is an account, not a number.
    loader.early_parse(false);
    let mut parser = Parser::new(BufferedInput::new(text.chars()));
    parser
        .load(&mut loader, true)
        .map_err(|error| scan_error(&error))?;
    if let Some(error) = loader.error() {
        return Err(scan_error(error));
    }
    Ok(loader.into_documents().iter().map(yaml_node).collect())
}

fn scan_error(error: &saphyr::ScanError) -> ParseError {
    ParseError {
        message: error.info().to_owned(),
        at: mark(error.marker()),
    }
}

fn mark(marker: &saphyr::Marker) -> Mark {
    Mark {
        line: u32::try_from(marker.line()).unwrap_or(u32::MAX),
        column: u32::try_from(marker.col()).unwrap_or(u32::MAX).saturating_add(1),
    }
}

fn yaml_node(yaml: &MarkedYaml<'_>) -> Node {
    let at = mark(&yaml.span.start);
    let value = match &yaml.data {
        YamlData::Tagged(tag, inner) => {
            // The span of a tagged node's inside is not set; its own is.
            let mut argument = yaml_node(inner);
            argument.at = at;
            return Node::new(function(&tag.suffix, argument), at);
        }
        YamlData::Representation(text, style, tag) => {
            let plain = *style == ScalarStyle::Plain;
            let value = match text.as_ref() {
                "" | "~" | "null" | "Null" | "NULL" if plain && tag.is_none() => Value::Null,
                text => Value::Text(text.to_owned()),
            };
            match tag {
                Some(tag) if !tag.is_yaml_core_schema() => function(&tag.suffix, Node::new(value, at)),
                _ => value,
            }
        }
        YamlData::Sequence(items) => Value::List(items.iter().map(yaml_node).collect()),
        YamlData::Mapping(members) => {
            let entries = members
                .iter()
                .map(|(key, value)| Entry {
                    key: yaml_key(key),
                    key_at: mark(&key.span.start),
                    value: yaml_node(value),
                })
                .collect();
            fold_long_form(Value::Map(merged(entries)))
        }
        YamlData::Value(_) | YamlData::Alias(_) | YamlData::BadValue => Value::Null,
    };
    Node::new(value, at)
}

fn yaml_key(key: &MarkedYaml<'_>) -> String {
    match &key.data {
        YamlData::Representation(text, ..) => text.to_string(),
        // Complex keys have no meaning in a stack template.
        _ => String::new(),
    }
}

/// Expands YAML's `<<`: keys of the map (or maps) it names, unless the map has them itself.
fn merged(entries: Vec<Entry>) -> Vec<Entry> {
    if !entries.iter().any(|entry| entry.key == "<<") {
        return entries;
    }
    let (bases, mut own): (Vec<_>, Vec<_>) = entries.into_iter().partition(|entry| entry.key == "<<");
    for base in bases.iter().flat_map(|entry| entry.value.items()) {
        for entry in base.entries() {
            if own.iter().all(|present| present.key != entry.key) {
                own.push(entry.clone());
            }
        }
    }
    own
}

fn json(text: &str) -> Result<Node, ParseError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let lines = LineStarts::new(text);
    let options = jsonc_parser::ParseOptions {
        allow_loose_object_property_names: false,
        allow_single_quoted_strings: false,
        allow_missing_commas: false,
        ..jsonc_parser::ParseOptions::default()
    };
    let parsed = jsonc_parser::parse_to_ast(text, &jsonc_parser::CollectOptions::default(), &options)
        .map_err(|error| ParseError {
            message: error.kind().to_string(),
            at: lines.mark(error.range().start),
        })?;
    match parsed.value {
        Some(value) => Ok(json_node(&value, &lines)),
        None => Ok(Node::new(Value::Null, Mark { line: 1, column: 1 })),
    }
}

fn json_node(json: &jsonc_parser::ast::Value<'_>, lines: &LineStarts<'_>) -> Node {
    use jsonc_parser::ast::Value as Json;
    use jsonc_parser::common::Ranged;
    let value = match json {
        Json::StringLit(text) => Value::Text(text.value.to_string()),
        Json::NumberLit(number) => Value::Text(number.value.to_owned()),
        Json::BooleanLit(boolean) => Value::Text(boolean.value.to_string()),
        Json::NullKeyword(_) => Value::Null,
        Json::Array(list) => Value::List(list.elements.iter().map(|item| json_node(item, lines)).collect()),
        Json::Object(object) => {
            let entries = object
                .properties
                .iter()
                .map(|property| Entry {
                    key: property.name.as_str().to_owned(),
                    key_at: lines.mark(property.range.start),
                    value: json_node(&property.value, lines),
                })
                .collect();
            fold_long_form(Value::Map(entries))
        }
    };
    Node::new(value, lines.mark(json.range().start))
}

/// Byte offsets at which lines start, for byte offset → line and column.
struct LineStarts<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> LineStarts<'a> {
    fn new(text: &'a str) -> Self {
        let after_newlines = text.match_indices('\n').map(|(index, _)| index + 1);
        Self {
            text,
            starts: std::iter::once(0).chain(after_newlines).collect(),
        }
    }

    fn mark(&self, offset: usize) -> Mark {
        let line = self.starts.partition_point(|start| *start <= offset);
        let start = line
            .checked_sub(1)
            .and_then(|index| self.starts.get(index))
            .copied()
            .unwrap_or(0);
        let before = self.text.get(start..offset).unwrap_or("");
        Mark {
            line: u32::try_from(line).unwrap_or(u32::MAX),
            column: u32::try_from(before.chars().count())
                .unwrap_or(u32::MAX)
                .saturating_add(1),
        }
    }
}
