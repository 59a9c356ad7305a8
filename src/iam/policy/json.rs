//! JSON as policies need it: with positions, with repeated keys, and with numbers as they are written.

use jsonc_parser::ast::Value;
use jsonc_parser::common::Ranged as _;

use super::error::Position;

/// A JSON value and where it begins.
#[derive(Debug, PartialEq)]
pub(super) struct Json {
    pub(super) value: JsonValue,
    pub(super) at: Position,
}

/// A JSON value whose objects keep every member in order, repeated ones too.
#[derive(Debug, PartialEq)]
pub(super) enum JsonValue {
    Null,
    Bool(bool),
    /// The number as it is written.
    Number(String),
    String(String),
    Array(Vec<Json>),
    Object(Vec<Member>),
}

/// A member of an object.
#[derive(Debug, PartialEq)]
pub(super) struct Member {
    pub(super) key: String,
    pub(super) key_at: Position,
    pub(super) value: Json,
}

impl Json {
    /// What it is, for messages.
    pub(super) fn kind(&self) -> &'static str {
        match self.value {
            JsonValue::Null => "null",
            JsonValue::Bool(_) => "a boolean",
            JsonValue::Number(_) => "a number",
            JsonValue::String(_) => "a string",
            JsonValue::Array(_) => "a list",
            JsonValue::Object(_) => "an object",
        }
    }

    /// Reads strict JSON: no comments, no trailing commas.
    pub(super) fn parse(text: &str) -> Result<Self, (String, Position)> {
        let lines = Lines::new(text);
        let options = jsonc_parser::ParseOptions {
            allow_comments: false,
            allow_loose_object_property_names: false,
            allow_trailing_commas: false,
            allow_missing_commas: false,
            allow_single_quoted_strings: false,
            allow_hexadecimal_numbers: false,
            allow_unary_plus_numbers: false,
            allow_bare_decimal_point_numbers: false,
            allow_non_finite_numbers: false,
            allow_extended_string_escapes: false,
        };
        let parsed = jsonc_parser::parse_to_ast(text, &jsonc_parser::CollectOptions::default(), &options)
            .map_err(|error| (error.kind().to_string(), lines.position(error.range().start)))?;
        match parsed.value {
            Some(value) => Ok(convert(value, &lines)),
            None => Err((
                "the document is empty".to_owned(),
                Position { line: 1, column: 1 },
            )),
        }
    }
}

/// Nesting is bounded by the parser, so that this recursion is.
fn convert(value: Value<'_>, lines: &Lines<'_>) -> Json {
    let at = lines.position(value.range().start);
    let value = match value {
        Value::StringLit(text) => JsonValue::String(text.value.into_owned()),
        Value::NumberLit(number) => JsonValue::Number(number.value.to_owned()),
        Value::BooleanLit(boolean) => JsonValue::Bool(boolean.value),
        Value::NullKeyword(_) => JsonValue::Null,
        Value::Array(list) => JsonValue::Array(
            list.elements
                .into_iter()
                .map(|item| convert(item, lines))
                .collect(),
        ),
        Value::Object(object) => JsonValue::Object(
            object
                .properties
                .into_iter()
                .map(|property| Member {
                    key: property.name.as_str().to_owned(),
                    key_at: lines.position(property.range.start),
                    value: convert(property.value, lines),
                })
                .collect(),
        ),
    };
    Json { value, at }
}

/// Byte offsets at which lines start.
pub(super) struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let after_newlines = text.match_indices('\n').map(|(index, _)| index + 1);
        Self {
            text,
            starts: std::iter::once(0).chain(after_newlines).collect(),
        }
    }

    /// Line and column of a byte.
    pub(super) fn position(&self, offset: usize) -> Position {
        let line = self.starts.partition_point(|start| *start <= offset).max(1);
        let start = self.starts.get(line - 1).copied().unwrap_or(0);
        let before = self.text.get(start..offset).unwrap_or("");
        Position {
            line,
            column: before.chars().count() + 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_lines_and_columns_in_characters() {
        let text = "{\n  \"é\": 1,\n\n}";
        let lines = Lines::new(text);
        let place = |sought: &str| {
            let Position { line, column } = lines.position(text.find(sought).unwrap_or(text.len()));
            (line, column)
        };
        for (sought, expected) in [
            ("{", (1, 1)),
            ("\n  ", (1, 2)),
            ("  ", (2, 1)),
            ("\"é", (2, 3)),
            ("1", (2, 8)),
            ("\n}", (3, 1)),
            ("}", (4, 1)),
            ("nowhere", (4, 2)),
        ] {
            assert_eq!(place(sought), expected, "{sought:?}");
        }
    }
}
