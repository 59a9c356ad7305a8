//! Whether a text that may have holes fits the values of a selector: yes, no, or it depends on the holes.

use super::FieldSelector;

/// An answer where something may be unknown; a conjunction is the least of its parts, a disjunction the greatest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Truth {
    No,
    Maybe,
    Yes,
}

impl Truth {
    pub(super) fn not(self) -> Self {
        match self {
            Self::No => Self::Yes,
            Self::Maybe => Self::Maybe,
            Self::Yes => Self::No,
        }
    }
}

impl From<bool> for Truth {
    fn from(yes: bool) -> Self {
        if yes { Self::Yes } else { Self::No }
    }
}

impl FieldSelector {
    /// Whether a field with this text fits; each `*` in the text stands for something that is not known.
    pub(super) fn fits(&self, text: &str) -> Truth {
        let any = |values: &[String], test: fn(&str, &str) -> Truth| {
            values
                .iter()
                .map(|value| test(text, value))
                .max()
                .unwrap_or(Truth::No)
        };
        let taken = any(&self.equals, is)
            .max(any(&self.starts_with, starts))
            .max(any(&self.ends_with, ends));
        let taken = if self.equals.is_empty() && self.starts_with.is_empty() && self.ends_with.is_empty() {
            Truth::Yes
        } else {
            taken
        };
        let left_out = any(&self.not_equals, is)
            .max(any(&self.not_starts_with, starts))
            .max(any(&self.not_ends_with, ends));
        taken.min(left_out.not())
    }
}

/// Whether the text is the value.
pub(super) fn is(text: &str, value: &str) -> Truth {
    if !text.contains('*') {
        return Truth::from(text == value);
    }
    if can_be(text, value) {
        Truth::Maybe
    } else {
        Truth::No
    }
}

/// Whether the text begins with the value.
pub(super) fn starts(text: &str, value: &str) -> Truth {
    let known = text.split('*').next().unwrap_or_default();
    if known.starts_with(value) {
        Truth::Yes
    } else if text.contains('*') && value.starts_with(known) {
        Truth::Maybe
    } else {
        Truth::No
    }
}

/// Whether the text ends with the value.
fn ends(text: &str, value: &str) -> Truth {
    let known = text.rsplit('*').next().unwrap_or_default();
    if known.ends_with(value) {
        Truth::Yes
    } else if text.contains('*') && value.ends_with(known) {
        Truth::Maybe
    } else {
        Truth::No
    }
}

/// Whether the text can become the value, where `*` becomes anything: beginning, end, and what stands between in order.
fn can_be(text: &str, value: &str) -> bool {
    let mut pieces = text.split('*');
    let Some(rest) = value.strip_prefix(pieces.next().unwrap_or_default()) else {
        return false;
    };
    let last = pieces.next_back().unwrap_or_default();
    let Some(mut rest) = rest.strip_suffix(last) else {
        return false;
    };
    for piece in pieces {
        match rest.split_once(piece) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    true
}
