//! Parses a stack template's text: YAML with its tags through saphyr, JSON through jsonc-parser, into one tree.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::rc::Rc;

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

/// What a file holds.
#[derive(Debug, Default)]
pub(crate) struct Parsed {
    /// One tree for JSON, one a document for YAML.
    pub(crate) documents: Vec<Node>,
    /// The first key that stands twice in a map, if any; the later value counts, as CloudFormation reads it.
    pub(crate) duplicate: Option<ParseError>,
}

/// Parses JSON (by the file's ending; a `.template` by its first brace) or YAML.
pub(crate) fn parse(file: &str, text: &str) -> Result<Parsed, ParseError> {
    // A byte order mark is not part of the first key.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let starts_like_json = || text.trim_start().starts_with('{');
    if file.ends_with(".json") || (file.ends_with(".template") && starts_like_json()) {
        json(text).map(|node| Parsed {
            documents: vec![node],
            duplicate: None,
        })
    } else {
        yaml(text)
    }
}

/// Characters that may be read again and again while lines are moved to the right.
const MAX_REREAD: usize = 20_000_000;

/// How far a line is moved.
const PADDING: u32 = 256;

/// Parses YAML. Brackets and quoted texts that go on left of where the standard wants them are accepted, as the parsers of
/// CloudFormation and SAM do: the line is moved to the right, which changes nothing inside brackets and quotes.
fn yaml(text: &str) -> Result<Parsed, ParseError> {
    let mut lines: Vec<Cow<'_, str>> = text.split('\n').map(Cow::Borrowed).collect();
    let mut padded = BTreeSet::new();
    let mut budget = MAX_REREAD;
    let mut duplicate = None;
    loop {
        let whole = lines.join("\n");
        let error = match yaml_strict(&whole, duplicate.is_some(), &padded) {
            Ok(documents) => {
                return Ok(Parsed { documents, duplicate });
            }
            Err(error) => error,
        };
        budget = budget.saturating_sub(whole.len());
        if error.message.starts_with("duplicated key") && duplicate.is_none() {
            duplicate = Some(error);
            continue;
        }
        let first = error.at.line;
        let last = match error.message.as_str() {
            "invalid indentation in quoted scalar" => {
                end_of_quoted(&lines, padded.contains(&first), error.at)
            }
            message if message.starts_with("invalid indentation") => first,
            _ => return Err(error),
        };
        let mut moved = false;
        for line in first.max(last.min(first + 1))..=last {
            moved |= padded.insert(line) && move_right(&mut lines, line);
        }
        if !moved || budget == 0 {
            return Err(error);
        }
    }
}

fn move_right(lines: &mut [Cow<'_, str>], line: u32) -> bool {
    let text = usize::try_from(line)
        .ok()
        .and_then(|line| lines.get_mut(line.checked_sub(1)?));
    match text {
        Some(text) => {
            text.to_mut().insert_str(0, &" ".repeat(PADDING as usize));
            true
        }
        None => false,
    }
}

/// The line in which the quoted text that starts at a place ends; the line of the place itself if it has no end.
fn end_of_quoted(lines: &[Cow<'_, str>], moved: bool, start: Mark) -> u32 {
    let skipped = usize::try_from(start.line.saturating_sub(1)).unwrap_or(usize::MAX);
    let column = start.column.saturating_sub(1) + if moved { PADDING } else { 0 };
    let column = usize::try_from(column).unwrap_or(usize::MAX);
    let mut quote = None;
    for (line, text) in (start.line..).zip(lines.iter().skip(skipped)) {
        let offset = if line == start.line { column } else { 0 };
        let mut chars = text.chars().skip(offset).peekable();
        while let Some(c) = chars.next() {
            match quote {
                None if c == '\'' || c == '"' => quote = Some(c),
                Some('"') if c == '\\' => {
                    chars.next();
                }
                Some('\'') if c == '\'' && chars.peek() == Some(&'\'') => {
                    chars.next();
                }
                Some(open) if c == open => return line,
                _ => {}
            }
        }
    }
    start.line
}

fn yaml_strict(text: &str, duplicates: bool, padded: &BTreeSet<u32>) -> Result<Vec<Node>, ParseError> {
    let mut loader = YamlLoader::<MarkedYaml<'_>>::default();
    // Scalars stay as written: `012345678901` is an account, not a number.
    loader.early_parse(false);
    loader.allow_duplicate_keys(duplicates);
    let mut parser = Parser::new(BufferedInput::new(text.chars()));
    parser
        .load(&mut loader, true)
        .map_err(|error| scan_error(&error, padded))?;
    if let Some(error) = loader.error() {
        return Err(scan_error(error, padded));
    }
    let reader = YamlReader { padded };
    Ok(loader
        .into_documents()
        .iter()
        .map(|document| reader.node(document))
        .collect())
}

fn scan_error(error: &saphyr::ScanError, padded: &BTreeSet<u32>) -> ParseError {
    ParseError {
        message: error.info().to_owned(),
        at: YamlReader { padded }.mark(error.marker()),
    }
}

/// Turns saphyr's tree into ours.
struct YamlReader<'a> {
    /// Lines that were moved by [`PADDING`].
    padded: &'a BTreeSet<u32>,
}

impl YamlReader<'_> {
    fn mark(&self, marker: &saphyr::Marker) -> Mark {
        let line = u32::try_from(marker.line()).unwrap_or(u32::MAX);
        let column = u32::try_from(marker.col()).unwrap_or(u32::MAX).saturating_add(1);
        let padding = if self.padded.contains(&line) { PADDING } else { 0 };
        Mark {
            line,
            column: column.saturating_sub(padding),
            file: 0,
        }
    }

    fn node(&self, yaml: &MarkedYaml<'_>) -> Node {
        let at = self.mark(&yaml.span.start);
        let value = match &yaml.data {
            YamlData::Tagged(tag, inner) => {
                // The span of a tagged node's inside is not set; its own is.
                let mut argument = self.node(inner);
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
            YamlData::Sequence(items) => Value::List(items.iter().map(|item| self.node(item)).collect()),
            YamlData::Mapping(members) => {
                let entries = members
                    .iter()
                    .map(|(key, value)| Entry {
                        key: yaml_key(key),
                        key_at: self.mark(&key.span.start),
                        value: self.node(value),
                    })
                    .collect();
                fold_long_form(Value::Map(merged(entries)))
            }
            YamlData::Value(_) | YamlData::Alias(_) | YamlData::BadValue => Value::Null,
        };
        Node::new(value, at)
    }
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
    let lines = LineStarts::new(text);
    Ok(match json_ast(text)? {
        Some(value) => json_node(&value, &lines, true),
        None => Node::new(
            Value::Null,
            Mark {
                line: 1,
                column: 1,
                file: 0,
            },
        ),
    })
}

/// The values of a JSON text that may hold several behind one another, as pages of a listing do; nothing in them is taken
/// for an intrinsic function. `file` is the number that places carry.
pub(crate) fn json_values(text: &str, file: u16) -> Result<Vec<Node>, ParseError> {
    let lines = LineStarts {
        file,
        ..LineStarts::new(text)
    };
    let mut values = Vec::new();
    let mut stream = serde_json::Deserializer::from_str(text).into_iter::<serde::de::IgnoredAny>();
    let mut start = stream.byte_offset();
    while let Some(value) = stream.next() {
        let number = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
        value.map_err(|error| ParseError {
            message: error.to_string(),
            at: Mark {
                line: number(error.line()).max(1),
                column: number(error.column()).max(1),
                file,
            },
        })?;
        let end = stream.byte_offset();
        let own = text.get(start..end).unwrap_or_default();
        if let Some(value) = json_ast(own)? {
            values.push(json_node(&value, &lines.from(start), false));
        }
        start = end;
    }
    Ok(values)
}

/// The tree of a JSON text; comments and trailing commas are let pass.
pub(crate) fn json_ast(text: &str) -> Result<Option<jsonc_parser::ast::Value<'_>>, ParseError> {
    let options = jsonc_parser::ParseOptions {
        allow_loose_object_property_names: false,
        allow_single_quoted_strings: false,
        allow_missing_commas: false,
        ..jsonc_parser::ParseOptions::default()
    };
    let parsed = jsonc_parser::parse_to_ast(text, &jsonc_parser::CollectOptions::default(), &options)
        .map_err(|error| ParseError {
            message: error.kind().to_string(),
            at: LineStarts::new(text).mark(error.range().start),
        })?;
    Ok(parsed.value)
}

fn json_node(json: &jsonc_parser::ast::Value<'_>, lines: &LineStarts<'_>, fold: bool) -> Node {
    use jsonc_parser::ast::Value as Json;
    use jsonc_parser::common::Ranged;
    let value = match json {
        Json::StringLit(text) => Value::Text(text.value.to_string()),
        Json::NumberLit(number) => Value::Text(number.value.to_owned()),
        Json::BooleanLit(boolean) => Value::Text(boolean.value.to_string()),
        Json::NullKeyword(_) => Value::Null,
        Json::Array(list) => Value::List(
            list.elements
                .iter()
                .map(|item| json_node(item, lines, fold))
                .collect(),
        ),
        Json::Object(object) => {
            let entries = object
                .properties
                .iter()
                .map(|property| Entry {
                    key: property.name.as_str().to_owned(),
                    key_at: lines.mark(property.range.start),
                    value: json_node(&property.value, lines, fold),
                })
                .collect();
            if fold {
                fold_long_form(Value::Map(entries))
            } else {
                Value::Map(entries)
            }
        }
    };
    Node::new(value, lines.mark(json.range().start))
}

/// Byte offsets at which lines start, for byte offset → line and column.
#[derive(Clone)]
pub(crate) struct LineStarts<'a> {
    text: &'a str,
    starts: Rc<[usize]>,
    /// Where in the text offsets begin.
    base: usize,
    file: u16,
}

impl<'a> LineStarts<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        let after_newlines = text.match_indices('\n').map(|(index, _)| index + 1);
        Self {
            text,
            starts: std::iter::once(0).chain(after_newlines).collect(),
            base: 0,
            file: 0,
        }
    }

    /// The same lines for offsets that begin at a place of the text.
    fn from(&self, base: usize) -> Self {
        Self { base, ..self.clone() }
    }

    pub(crate) fn mark(&self, offset: usize) -> Mark {
        let offset = self.base + offset;
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
            file: self.file,
        }
    }
}
