//! Sets of texts that stay small: exact up to a limit, then folders, then the common beginning.
//!
//! The result depends on the set alone, never on the order of insertion: a level is the depth at which texts are cut, and
//! a sketch stands at the highest level that keeps it within the limit. A folder whose name is a date, a number or an id is
//! cut away at once: the next one will have another name. What all texts of a folder end with is kept.

use std::hash::BuildHasher as _;

use rustc_hash::FxBuildHasher;

use super::sorted::{SortedMap, SortedSet};

/// How many texts are kept.
const LIMIT: usize = 64;
/// The level at which nothing is cut.
const EXACT: u8 = 9;

/// A bounded set of texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sketch {
    level: u8,
    /// Texts that are whole.
    whole: SortedSet<Whole>,
    /// Beginnings, each with what all texts that begin so end with.
    begun: SortedMap<Box<str>, Box<str>>,
}

/// A text, ordered by its hash: texts of a set are mostly alike for long, and lie apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Whole {
    hash: u64,
    text: Box<str>,
}

impl Whole {
    fn hash(text: &str) -> u64 {
        FxBuildHasher.hash_one(text)
    }
}

/// A text, or the beginning and end of some texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry<'s> {
    pub(super) text: &'s str,
    /// Whether more follows in some of the texts that it stands for.
    pub(super) open: bool,
    /// What they all end with.
    pub(super) tail: &'s str,
}

impl Entry<'_> {
    /// The text, with `*` for what is cut.
    pub(super) fn pattern(&self) -> String {
        if self.open {
            format!("{}*{}", self.text, self.tail)
        } else {
            self.text.to_owned()
        }
    }
}

impl Default for Sketch {
    fn default() -> Self {
        Self {
            level: EXACT,
            whole: SortedSet::default(),
            begun: SortedMap::default(),
        }
    }
}

impl Sketch {
    /// Adds a text; `open` says that it is a beginning only.
    pub(super) fn insert(&mut self, text: &str, open: bool) {
        self.add(text, open, "");
        self.settle();
    }

    /// A sketch of one text.
    pub(super) fn of(text: &str, open: bool) -> Self {
        let mut sketch = Self::default();
        sketch.insert(text, open);
        sketch
    }

    /// Takes in another sketch.
    pub(super) fn merge(&mut self, other: Self) {
        if other.level < self.level {
            self.cut_to(other.level);
        }
        if self.is_empty() && self.level >= other.level {
            *self = other;
            return;
        }
        for whole in other.whole {
            self.add(&whole.text, false, "");
        }
        for (text, tail) in other.begun {
            self.add(&text, true, &tail);
        }
        self.settle();
    }

    /// What is in it, in the order of the texts.
    pub(super) fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        let whole = self.whole.iter().map(|whole| Entry {
            text: &whole.text,
            open: false,
            tail: "",
        });
        let begun = self.begun.iter().map(|(text, tail)| Entry {
            text,
            open: true,
            tail,
        });
        let mut entries: Vec<Entry<'_>> = whole.chain(begun).collect();
        entries.sort_by_key(|entry| (entry.text, entry.open));
        entries.into_iter()
    }

    /// The level at which nothing is cut.
    pub(super) fn exact() -> u8 {
        EXACT
    }

    /// The texts in their order, when it holds nothing but whole ones.
    pub(super) fn all_whole(&self) -> Option<impl Iterator<Item = &str>> {
        let is_exact = self.level == EXACT && self.begun.len() == 0;
        is_exact.then(|| {
            let mut texts: Vec<&str> = self.whole.iter().map(|whole| &*whole.text).collect();
            texts.sort_unstable();
            texts.into_iter()
        })
    }

    /// The level, and what is in it.
    pub(super) fn parts(&self) -> (u8, impl Iterator<Item = Entry<'_>>) {
        (self.level, self.entries())
    }

    /// A sketch of its parts: text, whether more follows, and how all of them end.
    pub(super) fn of_parts(level: u8, entries: impl IntoIterator<Item = (String, bool, String)>) -> Self {
        let mut sketch = Self {
            level: level.min(EXACT),
            ..Self::default()
        };
        for (text, open, tail) in entries {
            if open {
                sketch.begun.insert(text.into(), tail.into());
            } else {
                let hash = Whole::hash(&text);
                let text = text.into();
                sketch.whole.insert(Whole { hash, text });
            }
        }
        sketch
    }

    fn is_empty(&self) -> bool {
        self.whole.len() + self.begun.len() == 0
    }

    /// Adds a text as it is at the present level. `tail` is that of a beginning.
    fn add(&mut self, text: &str, open: bool, tail: &str) {
        if self.level == 0 {
            self.shorten(text);
            return;
        }
        let (text, open, tail) = match self.level {
            EXACT => (text, open, tail),
            level => cut(text, open, tail, level),
        };
        if !open {
            let hash = Whole::hash(text);
            let compare = |mine: &Whole| mine.hash.cmp(&hash).then_with(|| (*mine.text).cmp(text));
            let own = || Whole {
                hash,
                text: text.into(),
            };
            return self.whole.add_by(compare, own);
        }
        // What both end with.
        let shorten = |present: &mut Box<str>| {
            let shared = common_end(present, tail);
            if shared < present.len() {
                *present = present.get(present.len() - shared..).unwrap_or_default().into();
            }
        };
        self.begun.update(text, shorten, || (text.into(), tail.into()));
    }

    /// At level 0: shortens the only beginning until the text begins so too.
    fn shorten(&mut self, text: &str) {
        let Some((present, _)) = self.begun.iter().next() else {
            self.begun.insert(text.into(), Box::default());
            return;
        };
        if !text.starts_with(&**present) {
            let shared = common_beginning(present, text).to_owned();
            self.begun = SortedMap::from_iter([(shared.into(), Box::default())]);
        }
    }

    /// Goes down until the entries are few enough.
    fn settle(&mut self) {
        while self.whole.len() + self.begun.len() > LIMIT && self.level > 0 {
            self.cut_to(self.level - 1);
        }
    }

    fn cut_to(&mut self, level: u8) {
        if level == self.level {
            return;
        }
        let cut = std::mem::replace(
            self,
            Self {
                level,
                ..Self::default()
            },
        );
        for whole in cut.whole.iter() {
            self.add(&whole.text, false, "");
        }
        for (text, tail) in cut.begun.iter() {
            self.add(text, true, tail);
        }
    }
}

/// The text at a level: cut behind slash number `level`, or before the first folder whose name will not come again.
fn cut<'t>(text: &'t str, open: bool, tail: &'t str, level: u8) -> (&'t str, bool, &'t str) {
    let end = folder_ends(text).take(usize::from(level)).last();
    match end.and_then(|end| text.split_at_checked(end)) {
        Some((head, rest)) if !rest.is_empty() => (head, true, if open { tail } else { last_part(text) }),
        _ => (text, open, tail),
    }
}

/// Where the folders of a text end, up to the first one of a passing name.
fn folder_ends(text: &str) -> impl Iterator<Item = usize> + '_ {
    let mut start = 0;
    text.match_indices('/')
        .map(|(at, _)| at + 1)
        .take_while(move |&end| {
            let folder = text.get(start..end - 1).unwrap_or_default();
            start = end;
            !is_passing(folder)
        })
}

/// Whether a folder's name is a date, a number or an id, alone or as a value (`day=04`).
fn is_passing(folder: &str) -> bool {
    let name = folder.rsplit('=').next().unwrap_or(folder);
    let digits = name.bytes().filter(u8::is_ascii_digit).count();
    let is_id =
        |byte: u8| byte.is_ascii_hexdigit() || matches!(byte, b'-' | b':' | b'.' | b'T' | b'Z' | b'_');
    digits > 0 && name.bytes().all(is_id) && (digits == name.len() || digits >= 4)
}

/// What follows the last folder; the same at whatever level a text is cut, so that the order of cuts does not matter.
fn last_part(text: &str) -> &str {
    let inner = text.strip_suffix('/').unwrap_or(text);
    let at = inner.rfind('/').map_or(0, |at| at + 1);
    text.get(at..).unwrap_or_default()
}

/// How many bytes two texts have in common at their ends.
fn common_end(a: &str, b: &str) -> usize {
    let pairs = a.chars().rev().zip(b.chars().rev());
    pairs.take_while(|(a, b)| a == b).map(|(c, _)| c.len_utf8()).sum()
}

/// What two texts begin with.
fn common_beginning<'t>(a: &'t str, b: &str) -> &'t str {
    let pairs = a.chars().zip(b.chars()).take_while(|(a, b)| a == b);
    let length = pairs.map(|(c, _)| c.len_utf8()).sum();
    a.get(..length).unwrap_or_default()
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
        sketch.entries().map(|entry| entry.pattern()).collect()
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
            ["arn:aws:s3:::b/invoices/*.pdf", "arn:aws:s3:::b/labels/*.pdf"]
        );
    }

    #[test]
    fn folders_of_passing_names_are_cut_away() {
        for (name, passing) in [
            ("2026", true),
            ("04", true),
            ("2026-11-04", true),
            ("day=04", true),
            ("dt=2026-11-04T10:00Z", true),
            ("0b7c3f4e-52d1-4a86-9a3d-6d1f5e2a9c10", true),
            ("labels", false),
            ("v2", false),
            ("b2b", false),
            ("added", false),
            ("arn:aws:s3:::b", false),
            ("", false),
        ] {
            assert_eq!(is_passing(name), passing, "{name}");
        }
    }

    #[test]
    fn few_days_of_many_keys_are_no_list_of_days() {
        let texts: Vec<String> = (0..100)
            .map(|n| format!("arn:aws:s3:::b/changes/2026/11/{:02}/{n}.json", n % 14))
            .collect();
        assert_eq!(patterns(&sketch(&texts)), ["arn:aws:s3:::b/changes/*.json"]);
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
            texts in proptest::collection::vec("[ab](/[a-c1]{0,2}){0,3}|[a-z]{1,3}", 0..200),
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
        fn every_text_is_covered(texts in proptest::collection::vec("[ab](/[a-c1]{0,2}){0,3}", 0..200)) {
            let whole = sketch(&texts);
            for text in &texts {
                let covered = whole.entries().any(|entry| {
                    let room = entry.text.len() + entry.tail.len() <= text.len();
                    entry.text == text
                        || (entry.open && room && text.starts_with(entry.text) && text.ends_with(entry.tail))
                });
                prop_assert!(covered, "{} in {:?}", text, whole);
            }
        }
    }
}
