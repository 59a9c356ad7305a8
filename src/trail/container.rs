//! What a file can hold: trail objects, dumps of the event history, events on a bus, log exports, loose records.
//!
//! Files are told apart by content, never by name.

use std::fmt;
use std::io;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::athena;
use super::json::{Parser, Raw, Reference, Sonic, Text};
use super::record::Record;
use super::slices::{self, Slices};

/// Why a record cannot be read that has no end.
pub(super) const ENDS_EARLY: &str = "the JSON ends too early";

/// Takes what is found in a file.
pub(super) trait Sink {
    /// A record.
    fn record<R: Raw>(&mut self, record: &Record<'_, R>);
    /// A record that is not parsed; `None` when it cannot be read so, and the parsers are to try.
    fn slices(&mut self, record: &Slices<'_>) -> Option<()> {
        let record = Sonic::parse::<Record<'_, <Sonic as Parser>::Raw<'_>>>(record.whole()).ok()?;
        self.record(&record);
        Some(())
    }
    /// Whether few records count, so that [`text`](Self::text) is to be asked first.
    fn is_choosy(&self) -> bool {
        false
    }
    /// A record of which nothing was looked at; `None` as of [`slices`](Self::slices).
    fn text(&mut self, record: &str) -> Option<()> {
        self.slices(&slices::one(record)?)
    }
    /// Something that is recognised and holds no records, such as a digest, and its text.
    fn skip(&mut self, what: &'static str, text: &str);
    /// Something that cannot be read, at a 1-based line.
    fn unreadable(&mut self, line: u32, why: &str);
}

/// Reads every record of a file's text into `sink`.
pub(super) fn read(text: &str, sink: &mut impl Sink) {
    let text = text.trim_start_matches('\u{feff}');
    if read_slices(text, sink).is_some() {
        return;
    }
    if athena::is_answer(text) {
        read_answer(text, sink);
    } else if !may_hold_records(text) {
        sink.skip("not-a-trail-object", text);
    } else if read_document::<Sonic>(text, sink).is_err() {
        read_pieces(text, sink);
    }
}

/// Reads a trail object that is as CloudTrail writes it. Of one that is not, some records may have been told: whoever reads it
/// again tells them twice, which changes nothing.
fn read_slices(text: &str, sink: &mut impl Sink) -> Option<()> {
    let start = opening_of(text, &["\"Records\""])?;
    match sink.is_choosy() {
        true => slices::each_text(text, start, |record| sink.text(record)),
        false => slices::each(text, start, |record| sink.slices(record)),
    }
}

/// The first record of a trail object that is as CloudTrail writes it, of which only the beginning may be given.
pub(super) fn first_record(text: &str) -> Option<&str> {
    let start = opening_of(text, &["\"Records\""])?;
    let mut first = None;
    slices::each_text(text, start, |record| {
        first = Some(record);
        None
    });
    first
}

/// Reads what Athena answered.
fn read_answer(text: &str, sink: &mut impl Sink) {
    athena::read(text, &mut |line, record| take_row(line, record, sink));
}

/// Whether a text begins like an answer of Athena's.
pub(super) fn is_answer(text: &str) -> bool {
    athena::is_answer(text)
}

/// The same for an answer of any size, of which `begun` was read already.
pub(super) fn read_answer_stream(
    source: &mut dyn io::Read,
    begun: &[u8],
    sink: &mut impl Sink,
) -> io::Result<()> {
    athena::read_stream(source, begun, &mut |line, record| take_row(line, record, sink))
}

fn take_row(line: u32, record: Result<&str, &str>, sink: &mut impl Sink) {
    match record {
        Ok(record) => read_inner::<Sonic>(record, sink),
        Err(why) => sink.unreadable(line, why),
    }
}

/// Whether a text begins like JSON, or like the export of a log group, whose lines are a time and an event.
pub(super) fn may_hold_records(text: &str) -> bool {
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

/// Reads a text that is one JSON object.
///
/// Records go to the sink while the text is read. When it turns out to be damaged, some have been told already: whoever
/// reads it again piece by piece tells them twice, which changes nothing.
fn read_document<P: Parser>(text: &str, sink: &mut impl Sink) -> Result<(), String> {
    let top = P::parse_seed(
        text,
        Object {
            sink,
            parser: PhantomData::<P>,
        },
    )?;
    for inner in &top.inner {
        read_inner::<P>(inner.as_str(), sink);
    }
    if top.is_digest {
        sink.skip("digest", text);
    } else if !top.is_known && top.is_record {
        let record: Record<'_, P::Raw<'_>> = P::parse(text)?;
        sink.record(&record);
    } else if !top.is_known {
        sink.skip("not-a-trail-object", text);
    }
    Ok(())
}

/// What an object turned out to be.
#[derive(Default)]
struct Top<'a> {
    /// Records that are written as texts.
    inner: Vec<Text<'a>>,
    /// Whether it holds records, or could.
    is_known: bool,
    is_digest: bool,
    /// Whether it looks like a record itself.
    is_record: bool,
}

/// A JSON object of any kind; its records go to the sink.
struct Object<'s, S, P> {
    sink: &'s mut S,
    parser: PhantomData<P>,
}

impl<'de, S: Sink, P: Parser> DeserializeSeed<'de> for Object<'_, S, P> {
    type Value = Top<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Top<'de>, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, S: Sink, P: Parser> Visitor<'de> for Object<'_, S, P> {
    type Value = Top<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Top<'de>, A::Error> {
        let mut top = Top::default();
        let says_something = |text: &Text<'_>| !text.as_str().is_empty();
        while let Some(Text(key)) = map.next_key()? {
            match &*key {
                "Records" => {
                    let (sink, parser) = (&mut *self.sink, PhantomData::<P>);
                    top.is_known |= map.next_value_seed(Records { sink, parser })?;
                }
                // An event on a bus.
                "detail" => {
                    if let Some(record) = map.next_value::<Option<Record<'de, P::Raw<'de>>>>()? {
                        top.is_known = true;
                        self.sink.record(&record);
                    }
                }
                // A page of `LookupEvents`.
                "Events" => {
                    let events: Option<Vec<HistoryEvent<'de>>> = map.next_value()?;
                    top.is_known |= events.is_some();
                    let records = events.into_iter().flatten().map(|event| event.record);
                    top.inner.extend(records);
                }
                // A subscription of CloudWatch Logs, and a page of `FilterLogEvents` or `GetLogEvents`.
                "logEvents" | "events" => {
                    let events: Option<Vec<LogEvent<'de>>> = map.next_value()?;
                    top.is_known |= events.is_some();
                    let messages = events.into_iter().flatten().map(|event| event.message);
                    top.inner.extend(messages);
                }
                // One event of such a page, or one line of such an export.
                "CloudTrailEvent" | "message" | "@message" => {
                    let text: Text<'de> = map.next_value()?;
                    if says_something(&text) {
                        top.is_known = true;
                        top.inner.push(text);
                    }
                }
                "digestStartTime" => top.is_digest |= says_something(&map.next_value()?),
                "eventName" | "eventType" => top.is_record |= says_something(&map.next_value()?),
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(top)
    }
}

/// The list of a trail object, or nothing; each record goes to the sink as it is read.
struct Records<'s, S, P> {
    sink: &'s mut S,
    parser: PhantomData<P>,
}

impl<'de, S: Sink, P: Parser> DeserializeSeed<'de> for Records<'_, S, P> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, S: Sink, P: Parser> Visitor<'de> for Records<'_, S, P> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of records")
    }

    fn visit_unit<E>(self) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<bool, A::Error> {
        while let Some(record) = list.next_element::<Record<'de, P::Raw<'de>>>()? {
            self.sink.record(&record);
        }
        Ok(true)
    }
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
    let (mut at, mut limit) = (opening_of_list(text).unwrap_or(0), 0);
    let (mut line, mut counted) = (1, 0);
    while let Some(start) = next_object(bytes, at) {
        if limit <= start {
            limit = next_line_with_object(bytes, start);
        }
        let piece = end_of_object(bytes, start, limit).and_then(|end| text.get(start..end));
        let outcome = match piece {
            Some(piece) => read_piece(piece, sink),
            None => Err(ENDS_EARLY.to_owned()),
        };
        if let Err(why) = outcome {
            line += line_breaks(bytes.get(counted..start).unwrap_or_default());
            counted = start;
            sink.unreadable(line, &why);
        }
        at = piece.map_or(limit, |piece| start + piece.len());
    }
}

/// The place after `{"Records":[`, or the same with another list of records, when the text begins so.
pub(super) fn opening_of_list(text: &str) -> Option<usize> {
    opening_of(
        text,
        &["\"Records\"", "\"Events\"", "\"logEvents\"", "\"events\""],
    )
}

/// The place where the list begins that the first member holds, when it has one of these names.
fn opening_of(text: &str, names: &[&str]) -> Option<usize> {
    let rest = text.trim_start().strip_prefix('{')?.trim_start();
    let rest = names.iter().find_map(|name| rest.strip_prefix(name))?;
    let rest = rest.trim_start().strip_prefix(':')?;
    let rest = rest.trim_start().strip_prefix('[')?;
    Some(text.len() - rest.len())
}

/// Reads one object of several.
pub(super) fn read_piece(piece: &str, sink: &mut impl Sink) -> Result<(), String> {
    read_document::<Sonic>(piece, sink).or_else(|_| read_document::<Reference>(piece, sink))
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
