//! What a finding's place covers in its file: from its column to the end of what stands there.

use std::ops::Range;

use crate::gate::{Finding, Place};
use crate::report::Report;
use crate::usage::Location;

/// Lines and columns of a place, 1-based; the end column is the one after the last character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Region {
    pub(super) line: u32,
    pub(super) column: u32,
    pub(super) end_column: u32,
}

/// The bytes of `text` that the place covers: the rest of the line without the comment, or in Rust the word.
pub(super) fn span(text: &str, place: &Place) -> Range<usize> {
    let line = (place.location.line as usize).saturating_sub(1);
    let start: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
    let content = text
        .get(start..)
        .and_then(|rest| rest.lines().next())
        .unwrap_or_default();
    let column = (place.location.column as usize).saturating_sub(1);
    let offset = content
        .char_indices()
        .nth(column)
        .map_or(content.len(), |(at, _)| at);
    let rest = content.get(offset..).unwrap_or_default();
    let length = if place.location.file.ends_with(".rs") {
        rest.find(|c: char| !(c.is_alphanumeric() || c == '_'))
            .unwrap_or(rest.len())
    } else {
        rest.find(" #").unwrap_or(rest.len()).min(rest.trim_end().len())
    };
    let begin = (start + offset).min(text.len());
    let end = (begin + length.max(1)).min(text.len());
    begin..end.max(begin)
}

/// The place in lines and columns; one character wide where the file cannot be read.
pub(super) fn region(place: &Place, source: &dyn Fn(&str) -> Option<String>) -> Region {
    let (line, column) = (place.location.line.max(1), place.location.column.max(1));
    let width = source(&place.location.file)
        .and_then(|text| {
            text.get(span(&text, place))
                .map(|covered| covered.chars().count())
        })
        .and_then(|width| u32::try_from(width).ok());
    Region {
        line,
        column,
        end_column: column + width.unwrap_or(1).max(1),
    }
}

/// Where formats that need a place put a finding that has none: at its function, else at the first stack template.
pub(super) fn anchor(finding: &Finding, report: &Report<'_>) -> Place {
    let function = report
        .functions
        .iter()
        .find(|assessed| Some(&assessed.function.name) == finding.function.as_ref());
    let location = match function {
        Some(assessed) => assessed.function.location.clone(),
        None => {
            let first = report.workspace.stacks.first().map(|stack| stack.file.clone());
            Location::new(first.unwrap_or_else(|| "Cargo.toml".to_owned()), 1, 1)
        }
    };
    finding.places.first().cloned().unwrap_or_else(|| Place {
        location,
        label: String::new(),
    })
}
