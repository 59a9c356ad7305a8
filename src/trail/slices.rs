//! The records of a trail object as slices of its text: which member stands where, before anything is parsed.
//!
//! Nearly all that records hold was held by records before, byte for byte. Whoever looks slices up in what is known
//! ([`super::memo`]) need not parse them. Whatever is unusual is left to the parsers: another form of object, damage,
//! escapes in names, a member twice.

use super::marks::Marks;

/// The members that count, by what they are called in a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    EventId,
    RequestId,
    EventTime,
    EventSource,
    EventName,
    AwsRegion,
    RecipientAccountId,
    EventType,
    EventCategory,
    ManagementEvent,
    ErrorCode,
    ErrorMessage,
    UserAgent,
    UserIdentity,
    Resources,
    RequestParameters,
}

impl Field {
    /// The name of a member.
    const fn name(self) -> &'static str {
        match self {
            Self::EventId => "eventID",
            Self::RequestId => "requestID",
            Self::EventTime => "eventTime",
            Self::EventSource => "eventSource",
            Self::EventName => "eventName",
            Self::AwsRegion => "awsRegion",
            Self::RecipientAccountId => "recipientAccountId",
            Self::EventType => "eventType",
            Self::EventCategory => "eventCategory",
            Self::ManagementEvent => "managementEvent",
            Self::ErrorCode => "errorCode",
            Self::ErrorMessage => "errorMessage",
            Self::UserAgent => "userAgent",
            Self::UserIdentity => "userIdentity",
            Self::Resources => "resources",
            Self::RequestParameters => "requestParameters",
        }
    }
}

const FIELDS: usize = Field::RequestParameters as usize + 1;

/// A record: its members as they are written.
#[derive(Debug)]
pub(super) struct Slices<'t> {
    whole: &'t str,
    values: [&'t str; FIELDS],
}

/// What a member's name says.
enum Named {
    Field(Field),
    /// A member that does not count.
    Other,
    /// The name is written in a way that only parsers understand.
    Unclear,
}

fn named(name: &str) -> Named {
    let field = match name.len() {
        7 => match name {
            "eventID" | "eventId" => Field::EventId,
            _ => return other(name),
        },
        9 => match name {
            "eventTime" => Field::EventTime,
            "eventName" => Field::EventName,
            "awsRegion" => Field::AwsRegion,
            "userAgent" => Field::UserAgent,
            "requestID" => Field::RequestId,
            "resources" => Field::Resources,
            "eventType" => Field::EventType,
            "errorCode" => Field::ErrorCode,
            _ => return other(name),
        },
        11 if name == "eventSource" => Field::EventSource,
        12 => match name {
            "userIdentity" => Field::UserIdentity,
            "eventVersion" => return Named::Other,
            "errorMessage" => Field::ErrorMessage,
            _ => return other(name),
        },
        13 if name == "eventCategory" => Field::EventCategory,
        15 if name == "managementEvent" => Field::ManagementEvent,
        17 if name == "requestParameters" => Field::RequestParameters,
        18 if name == "recipientAccountId" => Field::RecipientAccountId,
        _ => return other(name),
    };
    Named::Field(field)
}

fn other(name: &str) -> Named {
    match name.contains('\\') {
        true => Named::Unclear,
        false => Named::Other,
    }
}

impl<'t> Slices<'t> {
    /// The JSON of the record.
    pub(super) fn whole(&self) -> &'t str {
        self.whole
    }

    /// The JSON of a member; empty if the record has none.
    pub(super) fn json(&self, field: Field) -> &'t str {
        self.values.get(field as usize).copied().unwrap_or_default()
    }

    /// The JSON of members that stand one behind the other in this order, as CloudTrail writes them, with the names between them;
    /// `None` if they do not, or if there is as much as a blank between them.
    #[inline]
    pub(super) fn row(&self, first: Field, others: &[Field]) -> Option<&'t str> {
        let place = |json: &str| (json.as_ptr() as usize).wrapping_sub(self.whole.as_ptr() as usize);
        let first = self.json(first);
        let start = place(first);
        let mut end = start.wrapping_add(first.len());
        for field in others {
            let json = self.json(*field);
            // Between them: `,"name":`.
            if place(json) != end.wrapping_add(field.name().len() + 4) {
                return None;
            }
            end = place(json).wrapping_add(json.len());
        }
        self.whole.get(start..end)
    }

    /// The text of a member; `None` if it is none, or holds escapes.
    #[cfg(test)]
    pub(super) fn text(&self, field: Field) -> Option<&'t str> {
        plain_text(self.json(field))
    }
}

/// Where the blanks at `at` end.
#[inline]
pub(super) fn past_blanks(text: &str, mut at: usize) -> usize {
    while let Some(b' ' | b'\n' | b'\r' | b'\t') = text.as_bytes().get(at) {
        at += 1;
    }
    at
}

/// What stands between the quotes, if there are any.
#[inline]
pub(super) fn unquoted(json: &str) -> Option<&str> {
    match json.as_bytes() {
        [b'"', .., b'"'] => json.get(1..json.len() - 1),
        _ => None,
    }
}

/// The text that some JSON is, when it is written without escapes.
pub(super) fn plain_text(json: &str) -> Option<&str> {
    unquoted(json).filter(|text| memchr::memchr(b'\\', text.as_bytes()).is_none())
}

/// Tells each record of the trail object `text`, whose list of records begins at `start`, as long as `tell` proceeds.
/// `None` when that or anything in the text is unusual: then all of it is to be read by a parser.
pub(super) fn each<'t>(
    text: &'t str,
    start: usize,
    mut tell: impl FnMut(&Slices<'t>) -> Option<()>,
) -> Option<()> {
    list(text, start, Walk::record, |record| tell(&record))
}

/// The same with the text of each record, whose members nobody has looked at.
pub(super) fn each_text<'t>(
    text: &'t str,
    start: usize,
    tell: impl FnMut(&'t str) -> Option<()>,
) -> Option<()> {
    list(text, start, Walk::object, tell)
}

/// A record by itself, as [`each_text`] tells it.
pub(super) fn one(text: &str) -> Option<Slices<'_>> {
    let mut walk = Walk {
        text,
        marks: Marks::new(text),
        at: 0,
    };
    let record = walk.record()?;
    (walk.at == text.len() && !walk.marks.is_spoilt()).then_some(record)
}

/// Reads what stands in a list by `read`.
#[inline]
fn list<'t, R>(
    text: &'t str,
    start: usize,
    read: impl Fn(&mut Walk<'t>) -> Option<R>,
    mut tell: impl FnMut(R) -> Option<()>,
) -> Option<()> {
    let mut walk = Walk {
        text,
        marks: Marks::new(text),
        at: start,
    };
    walk.blanks();
    if walk.peek()? == b']' {
        return walk.end();
    }
    loop {
        let record = read(&mut walk)?;
        if walk.marks.is_spoilt() {
            return None;
        }
        walk.blanks();
        let byte = walk.peek()?;
        if !matches!(byte, b',' | b']') {
            return None;
        }
        tell(record)?;
        if byte == b']' {
            return walk.end();
        }
        walk.at += 1;
        walk.blanks();
    }
}

struct Walk<'t> {
    text: &'t str,
    marks: Marks<'t>,
    at: usize,
}

impl<'t> Walk<'t> {
    #[inline]
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    #[inline]
    fn blanks(&mut self) {
        self.at = past_blanks(self.text, self.at);
    }

    /// Goes past `byte` and the blanks around it.
    #[inline]
    fn pass(&mut self, byte: u8) -> Option<()> {
        self.blanks();
        if self.peek()? != byte {
            return None;
        }
        self.at += 1;
        self.blanks();
        Some(())
    }

    /// The end of the object behind its list.
    fn end(&mut self) -> Option<()> {
        self.pass(b']')?;
        self.pass(b'}')?;
        (self.at == self.text.len()).then_some(())
    }

    /// An object, whatever is in it.
    fn object(&mut self) -> Option<&'t str> {
        let start = self.at;
        if self.peek()? != b'{' {
            return None;
        }
        self.at = self.marks.close(start)? + 1;
        self.text.get(start..self.at)
    }

    fn record(&mut self) -> Option<Slices<'t>> {
        let start = self.at;
        let mut values = [""; FIELDS];
        self.pass(b'{')?;
        loop {
            let name = self.name()?;
            self.pass(b':')?;
            let value = self.value()?;
            match named(name) {
                Named::Other => {}
                Named::Unclear => return None,
                Named::Field(field) => {
                    let place = values.get_mut(field as usize)?;
                    if !place.is_empty() {
                        return None;
                    }
                    *place = value;
                }
            }
            self.blanks();
            let byte = self.peek()?;
            self.at += 1;
            match byte {
                b',' => self.blanks(),
                b'}' => break,
                _ => return None,
            }
        }
        let whole = self.text.get(start..self.at)?;
        Some(Slices { whole, values })
    }

    /// The name of a member.
    #[inline]
    fn name(&mut self) -> Option<&'t str> {
        if self.peek()? != b'"' {
            return None;
        }
        let start = self.at + 1;
        let end = self.marks.quote(start)?;
        self.at = end + 1;
        self.text.get(start..end)
    }

    #[inline]
    fn value(&mut self) -> Option<&'t str> {
        let start = self.at;
        self.at = match self.peek()? {
            b'"' => self.marks.quote(start + 1)? + 1,
            b'{' | b'[' => self.marks.close(start)? + 1,
            _ => start + word(self.text.get(start..)?)?,
        };
        self.text.get(start..self.at)
    }
}

/// How long the word is that a text begins with: those that records hold, and whole numbers.
fn word(text: &str) -> Option<usize> {
    let known = ["null", "false", "true"]
        .into_iter()
        .find(|word| text.starts_with(word));
    let length = match known {
        Some(word) => word.len(),
        None => text.bytes().take_while(u8::is_ascii_digit).count(),
    };
    (length > 0).then_some(length)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::trail::container::opening_of_list;

    fn names(text: &str) -> (Option<()>, Vec<String>) {
        let mut names = Vec::new();
        let start = opening_of_list(text).unwrap();
        let whole = each(text, start, |record| {
            names.push(record.text(Field::EventName)?.to_owned());
            Some(())
        });
        (whole, names)
    }

    #[test]
    fn records_are_told_whatever_stands_between_them() {
        let record = |name: &str| {
            format!(r#"{{"a":{{"eventName":"x","b":["]\"}}"]}},"n":null,"eventName":"{name}","c":12}}"#)
        };
        let (a, b) = (record("A"), record("B"));
        for text in [
            format!(r#"{{"Records":[{a},{b}]}}"#),
            format!("{{ \"Records\" : [\n {a} ,\r\n\t{b} ]\n}}\n"),
        ] {
            let (whole, names) = names(&text);
            assert_eq!(
                (whole, names),
                (Some(()), vec!["A".to_owned(), "B".to_owned()]),
                "{text}"
            );
        }
        assert_eq!(names(r#"{"Records":[]}"#), (Some(()), Vec::new()));
    }

    #[test]
    fn rows_of_members_are_told_where_nothing_else_is_between() {
        use Field::{AwsRegion, EventName, EventSource};
        let row = |text: &str| {
            let record = one(text).unwrap();
            record
                .row(EventSource, &[EventName, AwsRegion])
                .map(str::to_owned)
        };
        let expected = r#""s","eventName":"n","awsRegion":"r""#;
        let whole = format!(r#"{{"a":1,"eventSource":{expected},"b":{{}}}}"#);
        assert_eq!(row(&whole).as_deref(), Some(expected));
        for other in [
            r#"{"eventSource":"s", "eventName":"n","awsRegion":"r"}"#,
            r#"{"eventSource":"s","eventName":"n","b":1,"awsRegion":"r"}"#,
            r#"{"eventSource":"s","awsRegion":"r","eventName":"n"}"#,
            r#"{"awsRegion":"r","eventName":"n","eventSource":"s"}"#,
            r#"{"eventName":"n","eventSource":"s","eventNamX":"n","awsRegion":"r"}"#,
            r#"{"eventSource":"s","eventName":"n"}"#,
            r#"{"eventName":"n","awsRegion":"r"}"#,
        ] {
            assert_eq!(row(other), None, "{other}");
        }
    }

    #[test]
    fn records_are_told_as_texts() {
        let records = [r#"{"a":"]}","b":[{}]}"#, r#"{"eventName":"B"}"#, "{}"];
        let text = format!("{{\"Records\": [{} ]}}", records.join(" ,\n"));
        let mut told = Vec::new();
        let whole = each_text(&text, opening_of_list(&text).unwrap(), |record| {
            told.push(record);
            Some(())
        });
        assert_eq!((whole, told.as_slice()), (Some(()), records.as_slice()));
        let names = records.map(|record| one(record).map(|record| record.text(Field::EventName)));
        assert_eq!(names, [Some(None), Some(Some("B")), None]);
        for wrong in [r#"{"a":1} "#, r#"{"a":1}}"#, r#"{"a":"#, "{\"a\":\"\n\"}", ""] {
            assert!(one(wrong).is_none(), "{wrong}");
        }
        for wrong in [r#"{"Records":[1]}"#, r#"{"Records":[{}{}]}"#, r#"{"Records":[{}"#] {
            assert_eq!(
                each_text(wrong, opening_of_list(wrong).unwrap(), |_| Some(())),
                None
            );
        }
    }

    #[test]
    fn the_unusual_is_left_to_parsers() {
        for text in [
            r#"{"Records":[{"eventName":"A"}],"more":1}"#,
            r#"{"Records":[{"eventName":"A"}"#,
            r#"{"Records":[{"eventName":"A","eventName":"B"}]}"#,
            r#"{"Records":[{"event\u004eame":"A"}]}"#,
            r#"{"Records":[{"eventName":"A" "b":1}]}"#,
            r#"{"Records":[{"eventName":"A","b":tru}]}"#,
            r#"{"Records":[{"eventName":"A","b":1.5}]}"#,
            r#"{"Records":[{}]}"#,
            r#"{"Records":[null]}"#,
            "{\"Records\":[{\"eventName\":\"A\",\"b\":\"\n\"}]}",
        ] {
            assert_eq!(names(text).0, None, "{text}");
        }
    }

    #[test]
    fn deep_nesting_is_left_to_parsers() {
        let deep = |depth: usize| {
            let (open, close) = ("[".repeat(depth), "]".repeat(depth));
            format!(r#"{{"Records":[{{"eventName":"A","b":{open}{close}}}]}}"#)
        };
        assert_eq!(names(&deep(60)).0, Some(()));
        assert_eq!(names(&deep(70)).0, None);
        assert_eq!(names(&deep(100_000)).0, None);
    }
}
