//! Reads the parameters of a request into inputs, without building a tree of them.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::catalog::MemberKind;

use super::inputs::{Inputs, Meaning, Place, Plans};
use super::json::{Parser, Text};
use super::plain::{self, NotPlain};

/// Reads the plain parameters of a call whose input is at `place`; see [`plain::read`].
pub(super) fn plain_parameters(
    json: &str,
    plans: &mut Plans<'_>,
    place: Place,
    inputs: &mut Inputs,
) -> Result<(), NotPlain> {
    let at = At::Members(place);
    plain::read(json, Walk { plans, inputs, at })
}

/// Reads the parameters of a call whose input is at `place`.
pub(super) fn parameters<P: Parser>(
    json: &str,
    plans: &mut Plans<'_>,
    place: Place,
    inputs: &mut Inputs,
) -> Result<(), String> {
    let at = At::Members(place);
    P::parse_seed(json, Walk { plans, inputs, at })
}

/// What the next value is.
#[derive(Clone, Copy)]
enum At {
    /// Something that may hold members of a place.
    Members(Place),
    /// The value of a member.
    Member(Meaning),
    /// An item of a list.
    Item(Meaning),
    /// Something that no member is called by: EC2's sets, or the request itself under a name of its own.
    Unknown {
        around: Place,
        is_request: bool,
    },
    /// The items of such a set; one of them; and what one says of itself.
    Set(Place),
    SetItem(Place),
    SetValue(Meaning),
}

struct Walk<'w, 'c> {
    plans: &'w mut Plans<'c>,
    inputs: &'w mut Inputs,
    at: At,
}

impl<'c> Walk<'_, 'c> {
    /// The same walk at another value.
    fn to(&mut self, at: At) -> Walk<'_, 'c> {
        Walk {
            plans: self.plans,
            inputs: self.inputs,
            at,
        }
    }

    /// Where a text goes, and whether a number is a text there.
    fn target(&self) -> Option<(u32, bool)> {
        match self.at {
            At::Member(meaning) => Some((meaning.own, meaning.is_text)),
            At::Item(meaning) | At::SetValue(meaning) => Some((meaning.item, meaning.is_text)),
            _ => None,
        }
    }

    /// A text counts when it can name or choose something: numbers of members that are no texts do not.
    fn text(&mut self, text: &str) {
        let numeric = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'-');
        if let Some((path, is_text)) = self.target()
            && (is_text || !text.bytes().all(numeric))
        {
            self.inputs.push(path, text);
        }
    }

    fn number(&mut self, number: &dyn fmt::Display) {
        if let Some((_, true)) = self.target() {
            self.text(&number.to_string());
        }
    }

    /// What the value under `key` is.
    fn entry(&mut self, key: &str) -> Option<At> {
        match self.at {
            At::Members(place) => Some(self.named(place, key)),
            At::Unknown { around, .. } if key == "items" => Some(At::Set(around)),
            At::Unknown { around, is_request } => is_request.then(|| self.named(around, key)),
            At::Member(meaning) if meaning.kind == MemberKind::Map => {
                self.inputs.push(meaning.key, key);
                None
            }
            At::Member(meaning) if meaning.kind != MemberKind::Structure => None,
            At::Member(meaning) | At::Item(meaning) => meaning.inner.map(|place| self.named(place, key)),
            // The name of the list is that of its items in the plural.
            At::SetItem(around) => self.plans.meaning(around, &format!("{key}s")).map(At::SetValue),
            At::Set(_) | At::SetValue(_) => None,
        }
    }

    fn named(&mut self, place: Place, key: &str) -> At {
        match self.plans.meaning(place, key) {
            Some(meaning) => At::Member(meaning),
            None => At::Unknown {
                around: place,
                is_request: key.ends_with("Request"),
            },
        }
    }
}

impl<'de> DeserializeSeed<'de> for Walk<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_str<E>(mut self, text: &str) -> Result<(), E> {
        self.text(text);
        Ok(())
    }

    fn visit_bool<E>(mut self, value: bool) -> Result<(), E> {
        self.text(if value { "true" } else { "false" });
        Ok(())
    }

    fn visit_i64<E>(mut self, value: i64) -> Result<(), E> {
        self.number(&value);
        Ok(())
    }

    fn visit_u64<E>(mut self, value: u64) -> Result<(), E> {
        self.number(&value);
        Ok(())
    }

    fn visit_f64<E>(mut self, value: f64) -> Result<(), E> {
        self.number(&value);
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
        let item = match self.at {
            At::Member(meaning) if meaning.kind == MemberKind::List => At::Item(meaning),
            At::Set(around) => At::SetItem(around),
            _ => {
                while list.next_element::<IgnoredAny>()?.is_some() {}
                return Ok(());
            }
        };
        while list.next_element_seed(self.to(item))?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(Text(key)) = map.next_key()? {
            match self.entry(&key) {
                Some(at) => map.next_value_seed(self.to(at))?,
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}
