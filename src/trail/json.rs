//! JSON as trail records need it: texts that bear any type, trees of request parameters, two parsers behind one trait.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// A piece of JSON that is checked but not read.
pub(super) trait Raw {
    /// The JSON text.
    fn json(&self) -> &str;
}

impl Raw for sonic_rs::LazyValue<'_> {
    fn json(&self) -> &str {
        self.as_raw_str()
    }
}

impl Raw for &serde_json::value::RawValue {
    fn json(&self) -> &str {
        self.get()
    }
}

/// A JSON parser. There are two, so that each checks the other in tests.
pub(super) trait Parser {
    /// How it holds unread JSON.
    type Raw<'a>: Raw + Deserialize<'a>;

    /// Parses one document; the error is in the parser's words.
    fn parse<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, String> {
        Self::parse_seed(text, PhantomData)
    }

    /// The same with something that is at hand.
    fn parse_seed<'a, S: DeserializeSeed<'a>>(text: &'a str, seed: S) -> Result<S::Value, String>;
}

/// The fast parser.
pub(super) struct Sonic;

impl Parser for Sonic {
    type Raw<'a> = sonic_rs::LazyValue<'a>;

    fn parse_seed<'a, S: DeserializeSeed<'a>>(text: &'a str, seed: S) -> Result<S::Value, String> {
        if !is_shallow(text) {
            return Err("too many levels of nesting".to_owned());
        }
        let mut parser = sonic_rs::Deserializer::from_str(text);
        let parsed = seed.deserialize(&mut parser);
        let parsed = parsed.and_then(|value| parser.end().map(|()| value));
        parsed.map_err(|error| first_line(&error.to_string()))
    }
}

/// The reference parser, for what the fast one refuses: it is slower, and safe at any depth.
pub(super) struct Reference;

impl Parser for Reference {
    type Raw<'a> = &'a serde_json::value::RawValue;

    fn parse_seed<'a, S: DeserializeSeed<'a>>(text: &'a str, seed: S) -> Result<S::Value, String> {
        let mut parser = serde_json::Deserializer::from_str(text);
        let parsed = seed.deserialize(&mut parser);
        let parsed = parsed.and_then(|value| parser.end().map(|()| value));
        parsed.map_err(|error| first_line(&error.to_string()))
    }
}

/// The nesting that the fast parser is trusted with: it skips values by recursion without a limit of its own.
const MAX_DEPTH: usize = 1_000;

/// Whether brackets nest at most [`MAX_DEPTH`] deep. Looks at blocks of bytes, which is fast, and counts brackets within
/// texts too, so a shallow document can be taken for a deep one but not the reverse.
fn is_shallow(text: &str) -> bool {
    let mut depth = 0_usize;
    for block in text.as_bytes().chunks(256) {
        // `[` and `{` differ in one bit, and so do `]` and `}`.
        let count = |bracket| {
            block
                .iter()
                .map(|&byte| usize::from(byte | 0x20 == bracket))
                .sum::<usize>()
        };
        let opened = count(b'{');
        if depth + opened > MAX_DEPTH {
            return false;
        }
        depth = (depth + opened).saturating_sub(count(b'}'));
    }
    true
}

/// Parsers add a drawing of the place below their message.
fn first_line(message: &str) -> String {
    message.lines().next().unwrap_or_default().to_owned()
}

/// A text field of a record. Missing, `null` or a structure is the empty text; numbers and booleans are their text:
/// re-exported records hold `"True"` where CloudTrail writes `true`, and the reverse.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Text<'a>(pub(super) Cow<'a, str>);

impl Text<'_> {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor).map(Text)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(if value { "true" } else { "false" }))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Cow::Owned(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Cow::Owned(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Cow::Owned(value.to_string()))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(""))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Cow::Borrowed(""))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Cow::Borrowed(""))
    }
}

/// The keys of a map; none of anything else.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Keys<'a>(pub(super) Vec<Cow<'a, str>>);

impl<'de: 'a, 'a> Deserialize<'de> for Keys<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(KeysVisitor).map(Keys)
    }
}

struct KeysVisitor;

impl<'de> Visitor<'de> for KeysVisitor {
    type Value = Vec<Cow<'de, str>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_str<E>(self, _text: &str) -> Result<Self::Value, E> {
        Ok(Vec::new())
    }

    fn visit_bool<E>(self, _value: bool) -> Result<Self::Value, E> {
        Ok(Vec::new())
    }

    fn visit_i64<E>(self, _value: i64) -> Result<Self::Value, E> {
        Ok(Vec::new())
    }

    fn visit_u64<E>(self, _value: u64) -> Result<Self::Value, E> {
        Ok(Vec::new())
    }

    fn visit_f64<E>(self, _value: f64) -> Result<Self::Value, E> {
        Ok(Vec::new())
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Vec::new())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Vec::new())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut keys = Vec::new();
        while let Some((Text(key), IgnoredAny)) = map.next_entry()? {
            keys.push(key);
        }
        Ok(keys)
    }
}

/// A JSON value of the request parameters. Numbers and booleans are kept as their text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Node<'a> {
    Null,
    Scalar(Cow<'a, str>),
    List(Vec<Node<'a>>),
    Map(Vec<(Cow<'a, str>, Node<'a>)>),
}

impl<'de: 'a, 'a> Deserialize<'de> for Node<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Node::Scalar(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Node::Scalar(Cow::Owned(text.to_owned())))
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<Self::Value, E> {
        TextVisitor.visit_bool(value).map(Node::Scalar)
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Self::Value, E> {
        TextVisitor.visit_i64(value).map(Node::Scalar)
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Self::Value, E> {
        TextVisitor.visit_u64(value).map(Node::Scalar)
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Self::Value, E> {
        TextVisitor.visit_f64(value).map(Node::Scalar)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Node::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(Node::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        while let Some((Text(key), value)) = map.next_entry()? {
            entries.push((key, value));
        }
        Ok(Node::Map(entries))
    }
}
