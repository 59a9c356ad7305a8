//! Objects that are too large to be unpacked as a whole: read piece by piece, in little memory.

use std::io::{self, Read};

use super::container::{self, Sink};

/// How much is read at a time.
const CHUNK: u64 = 1 << 20;
/// The longest record that is read. CloudTrail writes at most a megabyte.
const MAX_RECORD: usize = 16 << 20;

/// Reads the records of a very large object into `sink`, as far as the source gives any; then the source's error, if any.
pub(super) fn read(source: &mut dyn Read, sink: &mut impl Sink) -> io::Result<()> {
    let mut pieces = Pieces::default();
    let mut is_first = true;
    loop {
        let (read, error) = fill(source, &mut pieces.bytes);
        if is_first && read > 0 {
            is_first = false;
            if pieces.is_answer() {
                let outcome = container::read_answer_stream(source, &pieces.bytes, sink);
                return error.map_or(outcome, Err);
            }
            if !pieces.open(sink) {
                return Ok(());
            }
        }
        pieces.take(sink);
        match error {
            Some(error) => return Err(error),
            None if read == 0 => break,
            None => {}
        }
    }
    pieces.end(sink);
    Ok(())
}

/// Adds a chunk to the bytes; what was read before an error counts.
fn fill(source: &mut dyn Read, bytes: &mut Vec<u8>) -> (usize, Option<io::Error>) {
    let before = bytes.len();
    let outcome = source.take(CHUNK).read_to_end(bytes);
    (bytes.len() - before, outcome.err())
}

/// Bytes, and how far they have been looked at.
#[derive(Default)]
struct Pieces {
    bytes: Vec<u8>,
    /// How many of the bytes have been looked at.
    seen: usize,
    /// Where the present piece begins.
    start: Option<usize>,
    depth: usize,
    quoted: bool,
    escaped: bool,
    previous: u8,
    /// Whether the present piece is too long to be kept.
    is_dropped: bool,
    /// The line of the place that is looked at, and of the present piece's beginning.
    line: u32,
    start_line: u32,
}

impl Pieces {
    /// Whether the first bytes are those of an answer of Athena's.
    fn is_answer(&self) -> bool {
        let text = String::from_utf8_lossy(self.bytes.get(..4_096).unwrap_or(&self.bytes));
        container::is_answer(&text)
    }

    /// Looks at the first bytes: whether they can belong to records, and where the first one begins.
    fn open(&mut self, sink: &mut impl Sink) -> bool {
        self.line = 1;
        let text = String::from_utf8_lossy(&self.bytes);
        let text = text.trim_start_matches('\u{feff}');
        if !container::may_hold_records(text) {
            sink.skip("not-a-trail-object", text);
            return false;
        }
        // Bytes that are no UTF-8 may have become longer, but not before an opening, which has none.
        self.seen = container::opening_of_list(text).unwrap_or_default();
        true
    }

    /// Tells the pieces that have ended, and keeps the one that has not.
    fn take(&mut self, sink: &mut impl Sink) {
        let bytes = std::mem::take(&mut self.bytes);
        for (at, &byte) in bytes.iter().enumerate().skip(self.seen) {
            // No object reaches past a line that begins with another: a cut line would swallow the next one.
            if byte == b'{' && self.previous == b'\n' && self.start.is_some() {
                self.lost(sink, container::ENDS_EARLY);
            }
            self.previous = byte;
            self.line = self.line.saturating_add(u32::from(byte == b'\n'));
            if self.ends_at(at, byte) {
                let start = self.start.take().unwrap_or(at);
                self.tell(sink, bytes.get(start..=at).unwrap_or_default());
            }
        }
        let start = self.start.unwrap_or(bytes.len());
        self.is_dropped |= bytes.len() - start.min(bytes.len()) > MAX_RECORD;
        if !self.is_dropped {
            self.bytes = bytes.get(start..).unwrap_or_default().to_vec();
        }
        self.start = self.start.map(|_| 0);
        self.seen = self.bytes.len();
    }

    fn tell(&mut self, sink: &mut impl Sink, piece: &[u8]) {
        let outcome = match std::mem::take(&mut self.is_dropped) {
            true => Err("it is longer than 16 MiB".to_owned()),
            false => container::read_piece(&String::from_utf8_lossy(piece), sink),
        };
        if let Err(why) = outcome {
            sink.unreadable(self.start_line, &why);
        }
    }

    /// Whether the piece ends with this byte; begins one with it where none is.
    fn ends_at(&mut self, at: usize, byte: u8) -> bool {
        if self.start.is_none() {
            if byte == b'{' {
                (self.start, self.start_line) = (Some(at), self.line);
                (self.depth, self.quoted, self.escaped) = (1, false, false);
            }
            return false;
        }
        match byte {
            _ if self.escaped => self.escaped = false,
            b'\\' if self.quoted => self.escaped = true,
            b'"' => self.quoted = !self.quoted,
            _ if self.quoted => {}
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        self.depth == 0
    }

    /// The present piece has no end.
    fn lost(&mut self, sink: &mut impl Sink, why: &str) {
        sink.unreadable(self.start_line, why);
        self.start = None;
        self.is_dropped = false;
    }

    fn end(&mut self, sink: &mut impl Sink) {
        if self.start.is_some() {
            self.lost(sink, container::ENDS_EARLY);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
mod tests {
    use super::*;
    use crate::trail::json::Raw;
    use crate::trail::record::Record;

    #[derive(Debug, Default, PartialEq)]
    struct Told(Vec<String>);

    impl Sink for Told {
        fn record<R: Raw>(&mut self, record: &Record<'_, R>) {
            self.0.push(record.event_name.as_str().to_owned());
        }
        fn skip(&mut self, what: &'static str, _text: &str) {
            self.0.push(what.to_owned());
        }
        fn unreadable(&mut self, line: u32, why: &str) {
            self.0.push(format!("line {line}: {why}"));
        }
    }

    /// Gives a few bytes at a time.
    struct Slow<'t>(&'t [u8], usize);

    impl Read for Slow<'_> {
        fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
            let count = self.1.min(room.len()).min(self.0.len());
            room[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    fn told(text: &str) -> Vec<String> {
        let mut told = Told::default();
        read(&mut Slow(text.as_bytes(), 7), &mut told).unwrap();
        told.0
    }

    #[test]
    fn large_objects_are_read_like_small_ones() {
        let record = |name: &str| format!(r#"{{"eventName":"{name}","a":{{"b":"}}\"{{"}}}}"#);
        let (a, b) = (record("A"), record("B"));
        let cut = &a[..20];
        for (text, expected) in [
            (format!("{{\"Records\": [{a},{b}]}}"), vec!["A", "B"]),
            (format!("[{a},\n{b}]"), vec!["A", "B"]),
            (format!("{a}{b}\n{a}"), vec!["A", "B", "A"]),
            (
                format!("{cut}\n{b}"),
                vec!["line 1: the JSON ends too early", "B"],
            ),
            (
                format!("{a}\n{cut}"),
                vec!["A", "line 2: the JSON ends too early"],
            ),
            ("print({})".to_owned(), vec!["not-a-trail-object"]),
            (String::new(), vec![]),
        ] {
            assert_eq!(told(&text), expected, "{text}");
        }
    }

    #[test]
    fn a_gigantic_record_costs_itself_alone() {
        let text = format!(
            "{{\"eventName\":\"A\"}}\n{{\"eventName\":\"{}\"}}\n{{\"eventName\":\"B\"}}",
            "x".repeat(MAX_RECORD + 3_000_000)
        );
        let mut told = Told::default();
        read(&mut text.as_bytes(), &mut told).unwrap();
        assert_eq!(told.0, ["A", "line 2: it is longer than 16 MiB", "B"]);
    }
}
