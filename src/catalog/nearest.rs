//! The known name that is nearest to a mistyped one.

/// Up to `most` of `known` that `word` may have been meant for, nearest first; equal ones in the order of their names.
///
/// A name counts when it takes at most one change for three letters to come to it, whatever the case; so does one that
/// holds the whole word.
pub(crate) fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>, most: usize) -> Vec<&'k str> {
    let word = word.to_ascii_lowercase();
    let mut close: Vec<(usize, &str)> = known
        .into_iter()
        .filter_map(|name| Some((distance(&word, &name.to_ascii_lowercase())?, name)))
        .collect();
    close.sort_unstable();
    close.dedup();
    close.into_iter().map(|(_, name)| name).take(most).collect()
}

/// How many changes lead from one word to the other; `None` when they are too many for a slip.
fn distance(word: &str, name: &str) -> Option<usize> {
    let (shorter, longer) = (word.len().min(name.len()), word.len().max(name.len()));
    let limit = shorter.div_ceil(3);
    let within = word.len() >= 4 && name.contains(word);
    let changes = if longer - shorter <= limit {
        edit_distance(word, name)
    } else if within {
        longer - shorter
    } else {
        return None;
    };
    (changes <= limit || within).then_some(changes)
}

/// Levenshtein's distance, by rows.
fn edit_distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (index, a) in one.chars().enumerate() {
        let mut left = index + 1;
        let mut corner = index;
        if let Some(first) = row.first_mut() {
            *first = left;
        }
        for (cell, b) in row.iter_mut().skip(1).zip(&other) {
            let above = *cell;
            left = (above + 1).min(left + 1).min(corner + usize::from(a != *b));
            corner = above;
            *cell = left;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_count_changes() {
        for (one, other, expected) in [
            ("", "", 0),
            ("a", "", 1),
            ("", "abc", 3),
            ("kitten", "sitting", 3),
            ("optonal", "optional", 1),
            ("flaw", "lawn", 2),
        ] {
            assert_eq!(edit_distance(one, other), expected, "{one} {other}");
        }
    }

    #[test]
    fn slips_are_recognised_and_nonsense_is_not() {
        let known = ["PutItem", "GetItem", "PutObject", "BatchWriteItem"];
        assert_eq!(nearest("PutItm", known, 1), ["PutItem"]);
        assert_eq!(nearest("putitem", known, 1), ["PutItem"]);
        assert_eq!(nearest("WriteItem", known, 1), ["BatchWriteItem"]);
        assert!(nearest("Frobnicate", known, 3).is_empty());
    }
}
