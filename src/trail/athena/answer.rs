//! Answers to the queries: CSV as Athena writes it to a bucket, and single rows. Each row gives back the records that it
//! stands for.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, Read};

use serde_json::{Map, Value};

use super::{COLUMNS, EVENTS, HOUR, PARAMETERS, RESOURCES, Shape, common};

/// How much is read at a time.
const CHUNK: u64 = 1 << 20;
/// The longest row that is read; Athena writes at most 32 MB.
const MAX_ROW: usize = 64 << 20;

/// Takes the records of an answer: the line of each row, and a record as JSON or what is wrong with the row.
pub(in crate::trail) type Tell<'t> = dyn FnMut(u32, Result<&str, &str>) + 't;

/// Whether a text begins like an answer.
pub(in crate::trail) fn is_answer(text: &str) -> bool {
    shape(text).is_some()
}

/// What the header says that rows are.
fn shape(text: &str) -> Option<Shape> {
    if !text.starts_with("\"event") {
        return None;
    }
    let end = row_end(text.as_bytes(), 0, &mut false).unwrap_or(text.len());
    let header = fields(text.get(..end).unwrap_or_default());
    [Shape::Sums, Shape::Events]
        .into_iter()
        .find(|shape| header == expected_header(*shape))
}

pub(super) fn expected_header(shape: Shape) -> Vec<Option<String>> {
    let columns: Vec<&str> = match shape {
        Shape::Events => COLUMNS.iter().map(|(column, ..)| *column).collect(),
        Shape::Sums => [EVENTS, HOUR, "requestid"]
            .into_iter()
            .chain(common().map(|(column, ..)| *column))
            .collect(),
    };
    columns
        .into_iter()
        .chain([RESOURCES, PARAMETERS])
        .map(|column| Some(column.to_owned()))
        .collect()
}

/// Reads a whole answer.
pub(in crate::trail) fn read(text: &str, tell: &mut Tell<'_>) {
    let mut rows = Rows::default();
    rows.take(text.as_bytes(), tell);
    rows.end(tell);
}

/// Reads an answer of any size in little memory; `begun` is what was read of it already.
pub(in crate::trail) fn read_stream(
    source: &mut dyn Read,
    begun: &[u8],
    tell: &mut Tell<'_>,
) -> io::Result<()> {
    let mut rows = Rows::default();
    rows.take(begun, tell);
    let mut chunk = Vec::new();
    loop {
        chunk.clear();
        let outcome = Read::take(&mut *source, CHUNK).read_to_end(&mut chunk);
        rows.take(&chunk, tell);
        if outcome? == 0 {
            rows.end(tell);
            return Ok(());
        }
    }
}

/// Rows, cut out of bytes as they come.
#[derive(Default)]
struct Rows {
    shape: Option<Shape>,
    /// The row that has not ended.
    begun: Vec<u8>,
    quoted: bool,
    /// Line breaks before the row.
    breaks: u32,
    /// Whether the row is too long to be kept.
    is_dropped: bool,
}

impl Rows {
    fn take(&mut self, bytes: &[u8], tell: &mut Tell<'_>) {
        let mut at = 0;
        while let Some(end) = row_end(bytes, at, &mut self.quoted) {
            let rest = bytes.get(at..end).unwrap_or_default();
            if self.begun.is_empty() {
                self.row(rest, tell);
            } else {
                let mut row = std::mem::take(&mut self.begun);
                row.extend_from_slice(rest);
                self.row(&row, tell);
            }
            at = end;
        }
        let rest = bytes.get(at..).unwrap_or_default();
        self.is_dropped |= self.begun.len() + rest.len() > MAX_ROW;
        if self.is_dropped {
            // The breaks of what is dropped still count.
            self.breaks = self
                .breaks
                .saturating_add(breaks(&self.begun))
                .saturating_add(breaks(rest));
            self.begun.clear();
        } else {
            self.begun.extend_from_slice(rest);
        }
    }

    fn end(&mut self, tell: &mut Tell<'_>) {
        let row = std::mem::take(&mut self.begun);
        if !row.is_empty() || self.is_dropped {
            self.row(&row, tell);
        }
    }

    /// Reads a row with its line break.
    fn row(&mut self, row: &[u8], tell: &mut Tell<'_>) {
        let line = self.breaks.saturating_add(1);
        self.breaks = self.breaks.saturating_add(breaks(row));
        if std::mem::take(&mut self.is_dropped) {
            return tell(line, Err("the row is longer than 64 MiB"));
        }
        let text = String::from_utf8_lossy(row);
        match self.shape {
            None => self.shape = Some(shape(&text).unwrap_or_default()),
            Some(shape) => records(fields(&text), shape, line, tell),
        }
    }
}

fn breaks(bytes: &[u8]) -> u32 {
    u32::try_from(memchr::memchr_iter(b'\n', bytes).count()).unwrap_or(u32::MAX)
}

/// The place behind the next line break that is not quoted.
fn row_end(bytes: &[u8], from: usize, quoted: &mut bool) -> Option<usize> {
    for found in memchr::memchr2_iter(b'"', b'\n', bytes.get(from..)?) {
        match bytes.get(from + found) {
            Some(b'"') => *quoted = !*quoted,
            _ if !*quoted => return Some(from + found + 1),
            _ => {}
        }
    }
    None
}

/// Tells the records that a row stands for.
fn records(row: Vec<Option<String>>, shape: Shape, line: u32, tell: &mut Tell<'_>) {
    let outcome = match shape {
        Shape::Events => record(row).map(|record| tell(line, Ok(&record))),
        Shape::Sums => sum(row, &mut |record| tell(line, Ok(record))),
    };
    if let Err(why) = outcome {
        tell(line, Err(&why));
    }
}

fn check(row: &[Option<String>], wanted: usize) -> Result<(), String> {
    match row.len() == wanted {
        true => Ok(()),
        false => Err(format!("the row has {} columns, not {wanted}", row.len())),
    }
}

/// A row as the record that it was.
fn record(row: Vec<Option<String>>) -> Result<String, String> {
    check(&row, COLUMNS.len() + 2)?;
    let mut fields = row.into_iter();
    let mut record = Map::new();
    fill(&mut record, COLUMNS.iter().map(|(.., path)| *path), &mut fields);
    add_json(&mut record, &mut fields, false)?;
    Ok(Value::Object(record).to_string())
}

/// A row of CloudTrail Lake, by the names of its columns, as the record that it was. Lake keeps nested parameters as texts of
/// JSON.
///
/// # Errors
/// What is wrong with the row.
pub fn lake_record(row: &BTreeMap<String, String>) -> Result<String, String> {
    let value = |column: &str| row.get(column).filter(|text| *text != "null").cloned();
    if value("eventname").is_none() {
        return Err("it names no event".to_owned());
    }
    let columns = COLUMNS.iter().map(|(column, ..)| *column);
    let mut fields = columns.chain([RESOURCES, PARAMETERS]).map(value);
    let mut record = Map::new();
    fill(&mut record, COLUMNS.iter().map(|(.., path)| *path), &mut fields);
    add_json(&mut record, &mut fields, true)?;
    Ok(Value::Object(record).to_string())
}

/// Tells the records of a row that stands for several calls.
fn sum(row: Vec<Option<String>>, tell: &mut dyn FnMut(&str)) -> Result<(), String> {
    check(&row, common().count() + 5)?;
    let mut fields = row.into_iter();
    let mut next = || fields.next().flatten();
    let (events, hour, request) = (next().unwrap_or_default(), next().unwrap_or_default(), next());
    let mut record = Map::new();
    fill(&mut record, common().map(|(.., path)| *path), &mut fields);
    if let Some(request) = request {
        record.insert("requestID".to_owned(), Value::String(request));
    }
    add_json(&mut record, &mut fields, false)?;
    let shared = Value::Object(record).to_string();
    let shared = shared.trim_start_matches('{');
    // A list of one call without time and id is no list at all.
    for event in events.split(' ') {
        let (time, id) = event
            .split_once('/')
            .ok_or_else(|| format!("`{event}` is no time and id"))?;
        let (time, id) = (Value::from(format!("{hour}{time}")), Value::from(id));
        tell(&format!("{{\"eventTime\":{time},\"eventID\":{id},{shared}"));
    }
    Ok(())
}

/// Puts columns at their places.
fn fill(
    record: &mut Map<String, Value>,
    paths: impl Iterator<Item = &'static str>,
    fields: &mut dyn Iterator<Item = Option<String>>,
) {
    for path in paths {
        if let Some(text) = fields.next().flatten() {
            set(record, path, Value::String(text));
        }
    }
}

/// Adds the last two columns.
fn add_json(
    record: &mut Map<String, Value>,
    fields: &mut dyn Iterator<Item = Option<String>>,
    nested: bool,
) -> Result<(), String> {
    let (resources, parameters) = (fields.next().flatten(), fields.next().flatten());
    let json = |text: Option<String>, what: &str| match text.filter(|text| !text.is_empty()) {
        None => Ok(Value::Null),
        Some(text) => serde_json::from_str(&text).map_err(|error| format!("{what}: {error}")),
    };
    let resources = match json(resources, "resources")? {
        Value::Array(all) => Value::Array(all.into_iter().map(resource).collect()),
        _ => Value::Null,
    };
    record.insert("resources".to_owned(), resources);
    let mut parameters = json(parameters, "requestParameters")?;
    if let (true, Value::Object(fields)) = (nested, &mut parameters) {
        for (_, value) in fields.iter_mut() {
            unfold(value);
        }
    }
    record.insert("requestParameters".to_owned(), parameters);
    Ok(())
}

/// A text of JSON that is a list or an object becomes that.
fn unfold(value: &mut Value) {
    let text = value.as_str().unwrap_or_default();
    if text.starts_with(['{', '['])
        && let Ok(inner) = serde_json::from_str(text)
    {
        *value = inner;
    }
}

/// Puts a value at a dotted path.
fn set(record: &mut Map<String, Value>, path: &str, value: Value) {
    match path.split_once('.') {
        None => {
            record.insert(path.to_owned(), value);
        }
        Some((first, rest)) => {
            let inner = record
                .entry(first.to_owned())
                .or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(inner) = inner {
                set(inner, rest, value);
            }
        }
    }
}

/// A resource by the names of records; what is null was not there.
fn resource(value: Value) -> Value {
    let Value::Object(fields) = value else {
        return value;
    };
    let named = |name: String| match name.as_str() {
        "arnprefix" => "ARNPrefix".to_owned(),
        "arn" => "ARN".to_owned(),
        _ => name,
    };
    let present = fields.into_iter().filter(|(_, value)| !value.is_null());
    Value::Object(present.map(|(name, value)| (named(name), value)).collect())
}

/// The fields of a row; an empty field without quotes is `NULL`.
fn fields(row: &str) -> Vec<Option<String>> {
    let mut rest = row.trim_end_matches(['\r', '\n']);
    let mut fields = Vec::new();
    loop {
        let (text, after) = field(rest);
        fields.push(text.map(Cow::into_owned));
        match after.strip_prefix(',') {
            Some(after) => rest = after,
            None => return fields,
        }
    }
}

/// The first field of a row, and what follows it. A quoted field that does not end reaches to the end of the row.
fn field(row: &str) -> (Option<Cow<'_, str>>, &str) {
    let Some(quoted) = row.strip_prefix('"') else {
        let end = row.find(',').unwrap_or(row.len());
        let (field, after) = row.split_at_checked(end).unwrap_or((row, ""));
        return ((!field.is_empty()).then_some(Cow::Borrowed(field)), after);
    };
    let mut field = String::new();
    let mut rest = quoted;
    while let Some((before, after)) = rest.split_once('"') {
        field.push_str(before);
        match after.strip_prefix('"') {
            Some(more) => {
                field.push('"');
                rest = more;
            }
            None => {
                // What stands between the quote and the comma belongs to no field.
                let end = after.find(',').unwrap_or(after.len());
                return (Some(Cow::Owned(field)), after.get(end..).unwrap_or_default());
            }
        }
    }
    field.push_str(rest);
    (Some(Cow::Owned(field)), "")
}
