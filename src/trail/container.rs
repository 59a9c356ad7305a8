//! What a file can hold: trail objects, dumps of the event history, events on a bus, log exports, loose records.
//!
//! Files are told apart by content, never by name.

use serde::Deserialize;

use super::athena;
use super::json::{Parser, Raw, Reference, Sonic, Text};
use super::record::Record;

/// Takes what is found in a file.
pub(super) trait Sink {
    /// A record.
    fn record<R: Raw>(&mut self, record: &Record<'_, R>);
    /// Something that is recognised and holds no records, such as a digest, and its text.
    fn skip(&mut self, what: &'static str, text: &str);
    /// Something that cannot be read, at a 1-based line.
    fn unreadable(&mut self, line: u32, why: &str);
}

/// Reads every record of a file's text into `sink`.
pub(super) fn read(text: &str, sink: &mut impl Sink) {
    let text = text.trim_start_matches('\u{feff}');
    if athena::is_answer(text) {
        read_answer(text, sink);
    } else if !may_hold_records(text) {
        sink.skip("not-a-trail-object", text);
    } else if read_document::<Sonic>(text, sink).is_err() {
        read_pieces(text, sink);
    }
}

/// Reads what Athena answered.
fn read_answer(text: &str, sink: &mut impl Sink) {
    for (line, record) in athena::records(text) {
        match record {
            Ok(record) => read_inner::<Sonic>(&record, sink),
            Err(why) => sink.unreadable(line, &why),
        }
    }
}

/// Whether a text begins like JSON, or like the export of a log group, whose lines are a time and an event.
fn may_hold_records(text: &str) -> bool {
    let line = text.trim_start().lines().next().unwrap_or_default();
    line.starts_with(['{', '[']) || (line.starts_with("20") && line.contains("Z {"))
}

/// The same, with the reference parser first; for tests.
#[cfg(test)]
pub(super) fn read_with_reference(text: &str, sink: &mut impl Sink) {
    if !may_hold_records(text) {
        sink.skip("not-a-trail-object", text);
    } else if read_document::<Reference>(text, sink).is_err() {
        read_pieces(text, sink);
    }
}

/// Everything that a JSON object of a known kind can have at its top.
#[derive(Deserialize)]
#[serde(bound(deserialize = "R: Deserialize<'de>, 'de: 'a"))]
struct Top<'a, R> {
    #[serde(default, rename = "Records")]
    records: Option<Vec<Record<'a, R>>>,
    /// A page of `LookupEvents`.
    #[serde(default, rename = "Events")]
    history: Option<Vec<HistoryEvent<'a>>>,
    /// One event of such a page.
    #[serde(default, rename = "CloudTrailEvent")]
    history_event: Text<'a>,
    /// An event on a bus.
    #[serde(default)]
    detail: Option<Record<'a, R>>,
    /// A subscription of CloudWatch Logs, and a page of `FilterLogEvents` or `GetLogEvents`.
    #[serde(default, rename = "logEvents", alias = "events")]
    log_events: Option<Vec<LogEvent<'a>>>,
    /// One line of such an export.
    #[serde(default, alias = "@message")]
    message: Text<'a>,
    #[serde(default, rename = "digestStartTime")]
    digest_start: Text<'a>,
    #[serde(default, rename = "eventName")]
    event_name: Text<'a>,
    #[serde(default, rename = "eventType")]
    event_type: Text<'a>,
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
struct HistoryEvent<'a> {
    #[serde(default, rename = "CloudTrailEvent")]
    record: Text<'a>,
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
struct LogEvent<'a> {
    #[serde(default, alias = "@message")]
    message: Text<'a>,
}

/// Reads a text that is one JSON object.
fn read_document<P: Parser>(text: &str, sink: &mut impl Sink) -> Result<(), String> {
    let top: Top<'_, P::Raw<'_>> = P::parse(text)?;
    let mut known = false;
    for record in top.records.iter().flatten().chain(&top.detail) {
        known = true;
        sink.record(record);
    }
    for event in top.history.iter().flatten() {
        known = true;
        read_inner::<P>(event.record.as_str(), sink);
    }
    for event in top.log_events.iter().flatten() {
        known = true;
        read_inner::<P>(event.message.as_str(), sink);
    }
    for inner in [&top.history_event, &top.message] {
        if !inner.as_str().is_empty() {
            known = true;
            read_inner::<P>(inner.as_str(), sink);
        }
    }
    known |= top.records.is_some() || top.history.is_some() || top.log_events.is_some();
    if !top.digest_start.as_str().is_empty() {
        sink.skip("digest", text);
    } else if !known && (!top.event_name.as_str().is_empty() || !top.event_type.as_str().is_empty()) {
        let record: Record<'_, P::Raw<'_>> = P::parse(text)?;
        sink.record(&record);
    } else if !known {
        sink.skip("not-a-trail-object", text);
    }
    Ok(())
}

/// Reads a record that is written as a text within JSON.
fn read_inner<P: Parser>(text: &str, sink: &mut impl Sink) {
    if !text.trim_start().starts_with('{') {
        return sink.skip("not-a-trail-object", text);
    }
    match P::parse::<Record<'_, P::Raw<'_>>>(text) {
        Ok(record) => sink.record(&record),
        Err(why) => sink.unreadable(1, &why),
    }
}

/// Reads a text piece by piece: lists, one object a line, objects one after the other, and trail objects of which a record
/// is damaged or the end is missing. What is damaged costs itself alone: no object reaches past a line that begins with
/// another, because a cut line would swallow the next one.
fn read_pieces(text: &str, sink: &mut impl Sink) {
    let bytes = text.as_bytes();
    let (mut at, mut limit) = (opening_of_records(text).unwrap_or(0), 0);
    let (mut line, mut counted) = (1, 0);
    while let Some(start) = next_object(bytes, at) {
        if limit <= start {
            limit = next_line_with_object(bytes, start);
        }
        let piece = end_of_object(bytes, start, limit).and_then(|end| text.get(start..end));
        let outcome = match piece {
            Some(piece) => {
                read_document::<Sonic>(piece, sink).or_else(|_| read_document::<Reference>(piece, sink))
            }
            None => Err("the JSON ends too early".to_owned()),
        };
        if let Err(why) = outcome {
            line += line_breaks(bytes.get(counted..start).unwrap_or_default());
            counted = start;
            sink.unreadable(line, &why);
        }
        at = piece.map_or(limit, |piece| start + piece.len());
    }
}

/// The place after `{"Records":[`, when the text begins so.
fn opening_of_records(text: &str) -> Option<usize> {
    let rest = text.trim_start().strip_prefix('{')?.trim_start();
    let rest = rest.strip_prefix("\"Records\"")?.trim_start().strip_prefix(':')?;
    let rest = rest.trim_start().strip_prefix('[')?;
    Some(text.len() - rest.len())
}

/// Where the next object opens; between objects stand blanks, commas and brackets.
fn next_object(bytes: &[u8], from: usize) -> Option<usize> {
    let rest = bytes.get(from..)?;
    rest.iter()
        .position(|&byte| byte == b'{')
        .map(|offset| from + offset)
}

/// Where the next line begins that opens an object, or the end of the text.
fn next_line_with_object(bytes: &[u8], start: usize) -> usize {
    bytes
        .get(start..)
        .unwrap_or_default()
        .windows(2)
        .position(|pair| pair == b"\n{")
        .map_or(bytes.len(), |offset| start + offset + 1)
}

/// Where the object that opens at `start` has ended, before `limit`.
fn end_of_object(bytes: &[u8], start: usize, limit: usize) -> Option<usize> {
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    for (offset, &byte) in bytes.get(start..limit)?.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ if quoted => {}
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return Some(start + offset + 1);
                }
            }
            _ => {}
        }
    }
    None
}

fn line_breaks(bytes: &[u8]) -> u32 {
    let breaks = bytes.iter().filter(|&&byte| byte == b'\n').count();
    u32::try_from(breaks).unwrap_or(u32::MAX)
}
