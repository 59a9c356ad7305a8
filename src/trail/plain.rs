//! Reads plain JSON: the pieces of records that [`super::slices`] told apart, without escapes in texts, which nearly all are.
//!
//! A parser that keeps no places and unescapes nothing costs a quarter of a general one. Whatever it does not understand it
//! refuses, and a general parser reads it instead; what it accepts, that one would accept with the same outcome.

use std::fmt;

use memchr::memchr2;
use serde::de::value::BorrowedStrDeserializer;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::slices::past_blanks;

/// How deep values may lie in each other.
const MAX_DEPTH: u8 = 64;

/// It is not plain: a general parser tells.
#[derive(Debug)]
pub(super) struct NotPlain;

impl fmt::Display for NotPlain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the JSON is not plain")
    }
}

impl std::error::Error for NotPlain {}

impl serde::de::Error for NotPlain {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

/// Reads a whole text.
///
/// The text must come from a trail object of which [`super::marks`] says that it holds no control characters in texts.
pub(super) fn read<'t, S: DeserializeSeed<'t>>(text: &'t str, seed: S) -> Result<S::Value, NotPlain> {
    let mut plain = Plain {
        text,
        at: 0,
        depth: 0,
    };
    let value = seed.deserialize(&mut plain)?;
    match plain.at == text.len() {
        true => Ok(value),
        false => Err(NotPlain),
    }
}

/// A text, and how far it was read.
struct Plain<'t> {
    text: &'t str,
    at: usize,
    depth: u8,
}

impl<'t> Plain<'t> {
    #[inline]
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    #[inline]
    fn blanks(&mut self) {
        self.at = past_blanks(self.text, self.at);
    }

    /// The next byte behind blanks.
    #[inline]
    fn next(&mut self) -> Result<u8, NotPlain> {
        self.blanks();
        let byte = self.peek().ok_or(NotPlain)?;
        self.at += 1;
        Ok(byte)
    }

    /// The text whose opening quote was read.
    #[inline]
    fn quoted(&mut self) -> Result<&'t str, NotPlain> {
        let rest = self.text.get(self.at..).ok_or(NotPlain)?;
        let end = memchr2(b'"', b'\\', rest.as_bytes()).ok_or(NotPlain)?;
        if rest.as_bytes().get(end) != Some(&b'"') {
            return Err(NotPlain);
        }
        self.at += end + 1;
        rest.get(..end).ok_or(NotPlain)
    }

    /// The rest of a word.
    #[inline]
    fn word(&mut self, rest: &str) -> Result<(), NotPlain> {
        let found = self
            .text
            .get(self.at..)
            .is_some_and(|text| text.starts_with(rest));
        self.at += rest.len();
        found.then_some(()).ok_or(NotPlain)
    }

    /// A whole number whose first digit was read; of others the general parser takes care.
    fn number(&mut self, first: u8) -> Result<u64, NotPlain> {
        let mut number = u64::from(first - b'0');
        let mut digits = 1;
        while let Some(byte @ b'0'..=b'9') = self.peek() {
            number = number * 10 + u64::from(byte - b'0');
            digits += 1;
            self.at += 1;
            if digits > 18 {
                return Err(NotPlain);
            }
        }
        let goes_on = matches!(self.peek(), Some(b'.' | b'e' | b'E'));
        let is_odd = first == b'0' && digits > 1;
        (!goes_on && !is_odd).then_some(number).ok_or(NotPlain)
    }

    fn go_in(&mut self) -> Result<(), NotPlain> {
        self.depth += 1;
        (self.depth <= MAX_DEPTH).then_some(()).ok_or(NotPlain)
    }
}

impl<'de> Deserializer<'de> for &mut Plain<'de> {
    type Error = NotPlain;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NotPlain> {
        match self.next()? {
            b'"' => visitor.visit_borrowed_str(self.quoted()?),
            b'{' => {
                self.go_in()?;
                let mut members = Members {
                    plain: self,
                    is_first: true,
                    is_over: false,
                };
                let value = visitor.visit_map(&mut members)?;
                members.is_over.then_some(()).ok_or(NotPlain)?;
                self.depth -= 1;
                Ok(value)
            }
            b'[' => {
                self.go_in()?;
                let mut items = Items {
                    plain: self,
                    is_first: true,
                    is_over: false,
                };
                let value = visitor.visit_seq(&mut items)?;
                items.is_over.then_some(()).ok_or(NotPlain)?;
                self.depth -= 1;
                Ok(value)
            }
            b'n' => {
                self.word("ull")?;
                visitor.visit_unit()
            }
            b't' => {
                self.word("rue")?;
                visitor.visit_bool(true)
            }
            b'f' => {
                self.word("alse")?;
                visitor.visit_bool(false)
            }
            digit @ b'0'..=b'9' => visitor.visit_u64(self.number(digit)?),
            _ => Err(NotPlain),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NotPlain> {
        self.blanks();
        match self.peek() {
            Some(b'n') => {
                self.word("null")?;
                visitor.visit_none()
            }
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, NotPlain> {
        visitor.visit_newtype_struct(self)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct enum identifier ignored_any
    }
}

/// The members of an object.
struct Members<'p, 't> {
    plain: &'p mut Plain<'t>,
    is_first: bool,
    is_over: bool,
}

impl<'t> MapAccess<'t> for &mut Members<'_, 't> {
    type Error = NotPlain;

    fn next_key_seed<K: DeserializeSeed<'t>>(&mut self, seed: K) -> Result<Option<K::Value>, NotPlain> {
        if self.is_over {
            return Ok(None);
        }
        let is_first = std::mem::replace(&mut self.is_first, false);
        let name = match (self.plain.next()?, is_first) {
            (b'}', _) => {
                self.is_over = true;
                return Ok(None);
            }
            (b'"', true) => self.plain.quoted()?,
            (b',', false) if self.plain.next()? == b'"' => self.plain.quoted()?,
            _ => return Err(NotPlain),
        };
        seed.deserialize(BorrowedStrDeserializer::new(name)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'t>>(&mut self, seed: V) -> Result<V::Value, NotPlain> {
        match self.plain.next()? {
            b':' => seed.deserialize(&mut *self.plain),
            _ => Err(NotPlain),
        }
    }
}

/// The items of a list.
struct Items<'p, 't> {
    plain: &'p mut Plain<'t>,
    is_first: bool,
    is_over: bool,
}

impl<'t> SeqAccess<'t> for &mut Items<'_, 't> {
    type Error = NotPlain;

    fn next_element_seed<S: DeserializeSeed<'t>>(&mut self, seed: S) -> Result<Option<S::Value>, NotPlain> {
        if self.is_over {
            return Ok(None);
        }
        self.plain.blanks();
        let is_first = std::mem::replace(&mut self.is_first, false);
        match (self.plain.peek(), is_first) {
            (Some(b']'), _) => {
                self.plain.at += 1;
                self.is_over = true;
                return Ok(None);
            }
            (Some(b','), false) => self.plain.at += 1,
            (_, true) => {}
            _ => return Err(NotPlain),
        }
        seed.deserialize(&mut *self.plain).map(Some)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::marker::PhantomData;

    use proptest::prelude::*;

    use super::*;
    use crate::trail::json::{Keys, Node, Parser, Reference, Text};
    use crate::trail::record::{Identity, Resource};

    fn node(text: &str) -> Option<Node<'_>> {
        read(text, PhantomData).ok()
    }

    #[test]
    fn what_is_not_plain_is_refused() {
        for text in [
            "",
            "{",
            "[1",
            r#"{"a"}"#,
            r#"{"a":}"#,
            r#"{"a":1,}"#,
            r#"{,"a":1}"#,
            r#"{"a":1 "b":2}"#,
            "[,1]",
            "[1,]",
            "[1 2]",
            r#""a\n""#,
            r#""a"#,
            "01",
            "1.5",
            "1e3",
            "-1",
            "nul",
            "truer",
            "{} {}",
            r#"{"a":1}x"#,
            "12345678901234567890",
            "[1}",
            r#"{"a":1]"#,
        ] {
            assert_eq!(node(text), None, "{text}");
        }
        let deep = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(node(&deep(64)).is_some());
        assert_eq!(node(&deep(65)), None);
        assert_eq!(node(&deep(100_000)), None);
    }

    fn json() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![
            Just("null".to_owned()),
            Just("true".to_owned()),
            Just("false".to_owned()),
            (0_u64..2_000_000_000_000_000_000).prop_map(|number| number.to_string()),
            r#""[a-z:/\\é"]{0,9}""#,
            Just("-1.5e3".to_owned()),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            let blank = prop_oneof![Just(""), Just(" "), Just("\n\t")];
            prop_oneof![
                (proptest::collection::vec(inner.clone(), 0..4), blank.clone()).prop_map(
                    |(items, blank)| format!("[{blank}{}{blank}]", items.join(&format!("{blank},")))
                ),
                (
                    proptest::collection::vec((r#""(arn|ARN|type|accountId|[a-c])""#, inner), 0..4),
                    blank
                )
                    .prop_map(|(members, blank)| {
                        let members: Vec<String> = members
                            .into_iter()
                            .map(|(name, value)| format!("{blank}{name}{blank}:{value}"))
                            .collect();
                        format!("{{{}{blank}}}", members.join(","))
                    }),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_read_is_what_a_general_parser_reads(text in json()) {
            fn same<'t, T: serde::Deserialize<'t> + std::fmt::Debug>(text: &'t str) -> Result<(), TestCaseError> {
                if let Ok(plain) = read::<PhantomData<T>>(text, PhantomData) {
                    let general = Reference::parse::<T>(text);
                    prop_assert_eq!(format!("{plain:?}"), format!("{:?}", general.unwrap()));
                }
                Ok(())
            }
            same::<Node<'_>>(&text)?;
            same::<Keys<'_>>(&text)?;
            same::<Text<'_>>(&text)?;
            same::<Option<Identity<'_>>>(&text)?;
            same::<Option<Vec<Resource<'_>>>>(&text)?;
        }
    }
}
