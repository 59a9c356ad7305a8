//! Interned texts: each text is stored once, and records refer to it by number.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The number of a text in the [`Texts`] of the same chunk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct Text(u32);

/// The texts of one chunk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Texts {
    joined: String,
    lengths: Vec<u16>,
    #[serde(skip)]
    ends: Vec<u32>,
}

impl Texts {
    /// The text with this number; empty when the chunk is damaged.
    pub(crate) fn get(&self, text: Text) -> &str {
        let index = text.0 as usize;
        let end = self.ends.get(index).copied().unwrap_or(0) as usize;
        let start = match index.checked_sub(1) {
            Some(previous) => self.ends.get(previous).copied().unwrap_or(0) as usize,
            None => 0,
        };
        self.joined.get(start..end).unwrap_or("")
    }

    /// Computes where each text ends; called once after decoding.
    pub(crate) fn index(&mut self) {
        let mut end = 0u32;
        self.ends = self
            .lengths
            .iter()
            .map(|&length| {
                end = end.saturating_add(u32::from(length));
                end
            })
            .collect();
    }
}

/// Collects texts while a chunk is built.
#[derive(Debug, Default)]
pub(crate) struct TextsBuilder {
    texts: Texts,
    numbers: BTreeMap<String, Text>,
}

impl From<Texts> for TextsBuilder {
    fn from(texts: Texts) -> Self {
        let numbers = (0..)
            .map(Text)
            .zip(&texts.lengths)
            .map(|(number, _)| (texts.get(number).to_owned(), number))
            .collect();
        Self { texts, numbers }
    }
}

impl TextsBuilder {
    /// The number of `text`, new or known. Texts longer than 65,535 bytes are cut at a character boundary.
    pub(crate) fn add(&mut self, text: &str) -> Text {
        if let Some(&number) = self.numbers.get(text) {
            return number;
        }
        let mut length = text.len().min(usize::from(u16::MAX));
        while !text.is_char_boundary(length) {
            length -= 1;
        }
        let number = Text(u32::try_from(self.texts.lengths.len()).unwrap_or(u32::MAX));
        let end = self.texts.joined.len() + length;
        self.texts.ends.push(u32::try_from(end).unwrap_or(u32::MAX));
        self.texts.joined.push_str(text.get(..length).unwrap_or(""));
        self.texts.lengths.push(u16::try_from(length).unwrap_or(u16::MAX));
        self.numbers.insert(text.to_owned(), number);
        number
    }

    /// The text with this number.
    pub(crate) fn get(&self, text: Text) -> &str {
        self.texts.get(text)
    }

    /// The finished texts.
    pub(crate) fn finish(self) -> Texts {
        self.texts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_texts_share_a_number() {
        let mut builder = TextsBuilder::default();
        let (a, b, c, d) = (
            builder.add("TableName"),
            builder.add(""),
            builder.add("Key"),
            builder.add("TableName"),
        );
        let texts = builder.finish();
        assert_eq!(a, d);
        assert_eq!([a, b, c].map(|text| texts.get(text)), ["TableName", "", "Key"]);
        assert_eq!(texts.get(Text(99)), "");
    }
}
