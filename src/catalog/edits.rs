//! One text as changes to another: how older versions of managed policies are stored.
//!
//! The unit is a piece that ends in a comma, so that in a policy document on one line an added action is one change.

use serde::{Deserialize, Serialize};

/// A step from the start of the one text to its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Edit {
    /// So many pieces stay.
    Keep(u32),
    /// So many pieces go.
    Drop(u32),
    /// This comes.
    Add(String),
}

/// The steps that make `new` of `old`.
pub(crate) fn between(old: &str, new: &str) -> Vec<Edit> {
    let (old, new): (Vec<&str>, Vec<&str>) = (pieces(old).collect(), pieces(new).collect());
    let mut edits = Vec::new();
    for step in similar::capture_diff_slices(similar::Algorithm::Myers, &old, &new) {
        let (tag, from, to) = step.as_tag_tuple();
        let count = u32::try_from(from.len()).unwrap_or(u32::MAX);
        if tag == similar::DiffTag::Equal {
            edits.push(Edit::Keep(count));
            continue;
        }
        if count > 0 {
            edits.push(Edit::Drop(count));
        }
        let added: String = new.get(to).unwrap_or_default().concat();
        if !added.is_empty() {
            edits.push(Edit::Add(added));
        }
    }
    edits
}

/// What the steps make of `old`; `None` when they are not for it.
pub(crate) fn apply(old: &str, edits: &[Edit]) -> Option<String> {
    let mut rest = pieces(old);
    let mut new = String::with_capacity(old.len());
    for edit in edits {
        match edit {
            Edit::Keep(count) => {
                for _ in 0..*count {
                    new.push_str(rest.next()?);
                }
            }
            Edit::Drop(count) => {
                for _ in 0..*count {
                    rest.next()?;
                }
            }
            Edit::Add(text) => new.push_str(text),
        }
    }
    rest.next().is_none().then_some(new)
}

fn pieces(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive(',')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_added_action_is_one_step() {
        let old = r#"{"Action":["a:B","a:C","a:E"],"Effect":"Allow"}"#;
        let new = r#"{"Action":["a:B","a:C","a:D","a:E"],"Effect":"Allow"}"#;
        let edits = between(old, new);
        assert_eq!(
            edits,
            [Edit::Keep(2), Edit::Add("\"a:D\",".to_owned()), Edit::Keep(2)]
        );
        assert_eq!(apply(old, &edits).as_deref(), Some(new));
        assert_eq!(apply("a", &edits), None);
    }

    proptest! {
        #[test]
        fn the_steps_between_two_texts_make_the_other_of_the_one(old in "[ab,]{0,40}", new in "[ab,]{0,40}") {
            prop_assert_eq!(apply(&old, &between(&old, &new)), Some(new));
        }
    }
}
