//! The texts of a policy, taken apart: characters, wildcards, and the holes that `${…}` leaves.

/// What a `${…}` stands for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Hole {
    /// A symbol of the stack: one unknown text per deployment.
    Symbol(String),
    /// A policy variable: the value of a context key of the request.
    Variable {
        /// The key in lower case.
        key: String,
        /// What stands in for an absent key.
        default: Option<String>,
    },
}

impl Hole {
    /// Whether the text it stands for can be empty.
    pub(super) fn may_be_empty(&self) -> bool {
        match self {
            Self::Symbol(name) => name.starts_with('!') || name.is_empty(),
            Self::Variable { .. } => true,
        }
    }
}

/// A piece of a text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Part {
    /// This character.
    Char(char),
    /// `?`.
    One,
    /// `*`.
    Star,
    /// `${…}`.
    Hole(Hole),
}

/// Takes a text apart. Without `wildcards`, `*` and `?` are characters like any other.
pub(super) fn parts(text: &str, wildcards: bool) -> Vec<Part> {
    let mut parts = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if let Some((inner, after)) = rest.strip_prefix("${").and_then(|rest| rest.split_once('}')) {
            parts.push(match inner {
                "*" => Part::Char('*'),
                "?" => Part::Char('?'),
                "$" => Part::Char('$'),
                inner => Part::Hole(hole(inner)),
            });
            rest = after;
            continue;
        }
        parts.push(match c {
            '*' if wildcards => Part::Star,
            '?' if wildcards => Part::One,
            c => Part::Char(c),
        });
        rest = rest.get(c.len_utf8()..).unwrap_or_default();
    }
    parts
}

/// `${prefix:key}` with exactly one colon is a policy variable, anything else a symbol of the stack.
fn hole(inner: &str) -> Hole {
    let (name, default) = match inner.split_once(',') {
        Some((name, default)) => (name.trim(), Some(default.trim())),
        None => (inner, None),
    };
    let plain = !name.starts_with('!') && name.matches(':').count() == 1;
    match plain {
        true => Hole::Variable {
            key: name.to_lowercase(),
            default: default.map(|text| text.trim_matches('\'').to_owned()),
        },
        false => Hole::Symbol(inner.to_owned()),
    }
}

/// The holes of a text.
pub(super) fn holes(parts: &[Part]) -> impl Iterator<Item = &Hole> {
    parts.iter().filter_map(|part| match part {
        Part::Hole(hole) => Some(hole),
        _ => None,
    })
}

/// Whether the text has a hole.
pub(super) fn has_hole(parts: &[Part]) -> bool {
    holes(parts).next().is_some()
}

/// Splits at the first `limit - 1` colons; colons inside a `${…}` do not count.
pub(super) fn fields(parts: &[Part], limit: usize) -> Vec<&[Part]> {
    parts.splitn(limit, |part| *part == Part::Char(':')).collect()
}

/// Whether `wide` names everything that `narrow` names, whatever the holes stand for: a hole of `narrow` is covered by
/// the same hole or by a `*`.
pub(super) fn covers(wide: &[Part], narrow: &[Part]) -> bool {
    let (mut w, mut n) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while let Some(letter) = narrow.get(n) {
        let fits = match (wide.get(w), letter) {
            (Some(Part::Star), _) => {
                retry = Some((w + 1, n));
                w += 1;
                continue;
            }
            (Some(Part::One), Part::Char(_) | Part::One) => true,
            (Some(mine), theirs) => mine == theirs,
            (None, _) => false,
        };
        if fits {
            (w, n) = (w + 1, n + 1);
        } else if let Some((after_star, from)) = retry {
            w = after_star;
            n = from + 1;
            retry = Some((after_star, n));
        } else {
            return false;
        }
    }
    wide.iter().skip(w).all(|part| *part == Part::Star)
}

/// Whether the text without holes matches `text`; holes match nothing.
pub(super) fn matches(pattern: &[Part], text: &str, fold: bool) -> bool {
    let text: Vec<char> = text.chars().collect();
    let (mut p, mut t) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while let Some(c) = text.get(t) {
        match pattern.get(p) {
            Some(Part::Star) => {
                retry = Some((p + 1, t));
                p += 1;
            }
            Some(Part::One) => (p, t) = (p + 1, t + 1),
            Some(Part::Char(mine)) if mine == c || (fold && lower(*mine) == lower(*c)) => {
                (p, t) = (p + 1, t + 1);
            }
            _ => match retry {
                Some((after_star, from)) => {
                    p = after_star;
                    t = from + 1;
                    retry = Some((after_star, t));
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(p).all(|part| *part == Part::Star)
}

/// The character in lower case, where that is one character.
pub(super) fn lower(c: char) -> char {
    let mut lowered = c.to_lowercase();
    match (lowered.next(), lowered.next()) {
        (Some(one), None) => one,
        _ => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dollar_braces_are_escapes_variables_or_symbols() {
        let one = |text: &str| parts(text, true);
        assert_eq!(one("${*}"), [Part::Char('*')]);
        assert_eq!(one("${$}{"), [Part::Char('$'), Part::Char('{')]);
        let variable = |key: &str, default: Option<&str>| {
            vec![Part::Hole(Hole::Variable {
                key: key.to_owned(),
                default: default.map(str::to_owned),
            })]
        };
        assert_eq!(one("${aws:UserName}"), variable("aws:username", None));
        assert_eq!(
            one("${aws:PrincipalTag/team, 'all'}"),
            variable("aws:principaltag/team", Some("all"))
        );
        for symbol in ["Table", "AWS::Region", "Queue.Arn", "!opaque a:b"] {
            assert_eq!(
                one(&format!("${{{symbol}}}")),
                [Part::Hole(Hole::Symbol(symbol.to_owned()))]
            );
        }
        assert_eq!(one("${a").len(), 3);
    }

    #[test]
    fn covering_holds_whatever_the_holes_stand_for() {
        for (wide, narrow, expected) in [
            ("table/*", "table/${T}", true),
            ("table/${T}*", "table/${T}/index/*", true),
            ("table/${T}", "table/${U}", false),
            ("table/?", "table/${T}", false),
            ("a*c", "ab*c", true),
            ("a?c", "a*c", false),
            ("${T}", "x", false),
        ] {
            assert_eq!(
                covers(&parts(wide, true), &parts(narrow, true)),
                expected,
                "{wide} over {narrow}"
            );
        }
    }
}
