//! Sets of texts that stay small: exact up to a limit, then cut at slashes, then the common beginning.
//!
//! The result depends on the set alone, never on the order of insertion: a level is the depth at which texts are cut, and
//! a sketch stands at the highest level that keeps it within the limit.

use std::collections::BTreeSet;

/// How many texts are kept.
const LIMIT: usize = 64;
/// The level at which nothing is cut.
const EXACT: u8 = 9;

/// A bounded set of texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sketch {
    level: u8,
    entries: BTreeSet<Entry>,
}

/// A text, or the beginning of some texts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Entry {
    pub(super) text: String,
    /// Whether more follows in some of the texts that it stands for.
    pub(super) open: bool,
}

impl Entry {
    /// The text, with `*` for what is cut.
    pub(super) fn pattern(&self) -> String {
        if self.open {
            format!("{}*", self.text)
        } else {
            self.text.clone()
        }
    }

    /// The same, cut behind its slash number `level`.
    fn cut(&self, level: u8) -> Self {
        let end = self
            .text
            .match_indices('/')
            .nth(usize::from(level).saturating_sub(1))
            .map(|(at, _)| at + 1);
        match end.and_then(|end| self.text.get(..end)) {
            Some(head) if head.len() < self.text.len() => Self {
                text: head.to_owned(),
                open: true,
            },
            _ => self.clone(),
        }
    }
}

impl Default for Sketch {
    fn default() -> Self {
        Self {
            level: EXACT,
            entries: BTreeSet::new(),
        }
    }
}

impl Sketch {
    /// Adds a text; `open` says that it is a beginning only.
    pub(super) fn insert(&mut self, text: &str, open: bool) {
        let entry = Entry {
            text: text.to_owned(),
            open,
        };
        self.add(entry);
        self.settle();
    }

    /// Takes in another sketch.
    pub(super) fn merge(&mut self, other: Self) {
        if other.level < self.level {
            self.cut_to(other.level);
        }
        for entry in other.entries {
            self.add(entry);
        }
        self.settle();
    }

    /// What is in it.
    pub(super) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }

    /// Adds an entry as it is at the present level.
    fn add(&mut self, entry: Entry) {
        match self.level {
            EXACT => {
                self.entries.insert(entry);
            }
            0 => {
                self.entries.insert(entry);
                self.cut_to(0);
            }
            level => {
                self.entries.insert(entry.cut(level));
            }
        }
    }

    /// Goes down until the entries are few enough.
    fn settle(&mut self) {
        while self.entries.len() > LIMIT && self.level > 0 {
            self.cut_to(self.level - 1);
        }
    }

    fn cut_to(&mut self, level: u8) {
        self.level = level;
        let entries = std::mem::take(&mut self.entries);
        self.entries = if level == 0 {
            common_beginning(&entries).into_iter().collect()
        } else {
            entries.iter().map(|entry| entry.cut(level)).collect()
        };
    }
}

/// The beginning that all entries share.
fn common_beginning(entries: &BTreeSet<Entry>) -> Option<Entry> {
    let (first, last) = (entries.first()?, entries.last()?);
    if entries.len() == 1 {
        return Some(Entry {
            text: first.text.clone(),
            open: true,
        });
    }
    let shared = first
        .text
        .chars()
        .zip(last.text.chars())
        .take_while(|(a, b)| a == b);
    Some(Entry {
        text: shared.map(|(c, _)| c).collect(),
        open: true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sketch<'a>(texts: impl IntoIterator<Item = &'a String>) -> Sketch {
        let mut sketch = Sketch::default();
        for text in texts {
            sketch.insert(text, false);
        }
        sketch
    }

    fn patterns(sketch: &Sketch) -> Vec<String> {
        sketch.entries().map(Entry::pattern).collect()
    }

    #[test]
    fn few_texts_stay_exact() {
        let texts: Vec<String> = (0..64).map(|n| format!("t{n:02}")).collect();
        assert_eq!(patterns(&sketch(&texts)), texts);
    }

    #[test]
    fn many_keys_become_folders() {
        let keys =
            |folder: &'static str| (0..50).map(move |n| format!("arn:aws:s3:::b/{folder}/2026/{n}.pdf"));
        let texts: Vec<String> = keys("labels").chain(keys("invoices")).collect();
        assert_eq!(
            patterns(&sketch(&texts)),
            ["arn:aws:s3:::b/invoices/2026/*", "arn:aws:s3:::b/labels/2026/*"]
        );
    }

    #[test]
    fn many_names_become_their_beginning() {
        let texts: Vec<String> = (0..100)
            .map(|n| format!("arn:aws:dynamodb:eu-west-1:1:table/t{n}"))
            .collect();
        assert_eq!(
            patterns(&sketch(&texts)),
            ["arn:aws:dynamodb:eu-west-1:1:table/*"]
        );
    }

    proptest! {
        #[test]
        fn order_and_grouping_do_not_matter(
            texts in proptest::collection::vec("[ab](/[a-c]{0,2}){0,3}|[a-z]{1,3}", 0..200),
            at in 0_usize..200,
        ) {
            let whole = sketch(&texts);
            let mut reversed: Vec<String> = texts.clone();
            reversed.reverse();
            prop_assert_eq!(&whole, &sketch(&reversed));
            let (left, right) = texts.split_at(at.min(texts.len()));
            let mut merged = sketch(right);
            merged.merge(sketch(left));
            prop_assert_eq!(&whole, &merged);
            let mut twice = whole.clone();
            twice.merge(whole.clone());
            prop_assert_eq!(&whole, &twice);
        }

        #[test]
        fn every_text_is_covered(texts in proptest::collection::vec("[ab](/[a-c]{0,2}){0,3}", 0..200)) {
            let whole = sketch(&texts);
            for text in &texts {
                let covered = whole.entries().any(|entry| {
                    entry.text == *text || (entry.open && text.starts_with(&entry.text))
                });
                prop_assert!(covered, "{} in {:?}", text, whole);
            }
        }
    }
}
