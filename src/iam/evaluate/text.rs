//! Texts of a policy: wildcards, policy variables and stack symbols, matched against the texts of a request.
//!
//! `${prefix:key}` is a policy variable, `${*}`, `${?}` and `${$}` are the characters themselves, and any other `${…}` is
//! a stack symbol: one unknown text that only equals itself.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html>

use crate::iam::request::{ContextValue, Request};

/// One unit of a text that wildcards are counted in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Letter {
    /// A character.
    Char(char),
    /// A stack symbol, such as `${OrdersTable}`.
    Symbol(String),
}

/// One unit of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// Only this letter.
    Letter(Letter),
    /// `*`: any run of letters, none included.
    Any,
    /// `?`: exactly one character.
    One,
}

/// One unit of a policy's text as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Lexeme<'a> {
    /// A character that stands for itself unless it is a wildcard.
    Char(char),
    /// `${*}`, `${?}` or `${$}`.
    Escaped(char),
    /// `${prefix:key}`, perhaps with a default.
    Variable {
        text: &'a str,
        key: &'a str,
        default: Option<&'a str>,
    },
    /// Any other `${…}`.
    Symbol(&'a str),
}

/// Which characters of a text are wildcards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wildcards {
    /// `*` and `?`.
    Yes,
    /// None: the text is literal.
    No,
}

/// Takes a policy's text apart.
pub(super) fn lex(text: &str) -> Vec<Lexeme<'_>> {
    let mut lexemes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let (lexeme, length) = placeholder(rest).unwrap_or((Lexeme::Char(c), c.len_utf8()));
        lexemes.push(lexeme);
        rest = rest.get(length..).unwrap_or_default();
    }
    lexemes
}

/// The `${…}` that a text begins with, and its length in bytes.
fn placeholder(text: &str) -> Option<(Lexeme<'_>, usize)> {
    let inner = text.strip_prefix("${")?;
    if let Some((key, default, length)) = variable(inner) {
        let length = length + 2;
        let text = text.get(..length)?;
        return Some((Lexeme::Variable { text, key, default }, length));
    }
    let end = inner.find('}')?;
    let length = end + 3;
    let lexeme = match inner.get(..end)? {
        "*" => Lexeme::Escaped('*'),
        "?" => Lexeme::Escaped('?'),
        "$" => Lexeme::Escaped('$'),
        _ => Lexeme::Symbol(text.get(..length)?),
    };
    Some((lexeme, length))
}

/// `prefix:key}` or `prefix:key, 'default'}`, and how many bytes it takes.
fn variable(inner: &str) -> Option<(&str, Option<&str>, usize)> {
    let stop = inner.find(['}', ','])?;
    let key = inner.get(..stop)?.trim();
    let (prefix, name) = key.split_once(':')?;
    if prefix.is_empty() || name.is_empty() || name.contains(':') || key.contains("${") {
        return None;
    }
    let after = inner.get(stop..)?;
    if after.starts_with('}') {
        return Some((key, None, stop + 1));
    }
    let quoted = after.get(1..)?.trim_start();
    let text = quoted.strip_prefix('\'')?;
    let (default, closing) = text.split_once('\'')?;
    let closed = closing.trim_start().strip_prefix('}')?;
    Some((key, Some(default), inner.len() - closed.len()))
}

/// Splits at the first five colons that stand outside `${…}`.
pub(super) fn fields<T: Clone>(units: &[T], is_colon: impl Fn(&T) -> bool) -> Vec<Vec<T>> {
    let mut found = vec![Vec::new()];
    for unit in units {
        if found.len() < 6 && is_colon(unit) {
            found.push(Vec::new());
        } else if let Some(last) = found.last_mut() {
            last.push(unit.clone());
        }
    }
    found
}

/// A pattern ready to match, with every variable replaced by its value in the request, which is literal whatever it
/// holds. `None` when a variable has neither value nor default: such a text matches nothing.
pub(super) fn filled(lexemes: &[Lexeme<'_>], wildcards: Wildcards, request: &Request) -> Option<Vec<Piece>> {
    let mut pieces = Vec::with_capacity(lexemes.len());
    for lexeme in lexemes {
        match lexeme {
            Lexeme::Variable { key, default, .. } => {
                let value = single(request, key).or(*default)?;
                pieces.extend(value.chars().map(char_piece));
            }
            other => plain_piece(other, wildcards, &mut pieces),
        }
    }
    Some(with_symbols(pieces))
}

/// A pattern where variables have no meaning: they stand for their own characters.
pub(super) fn unfilled(lexemes: &[Lexeme<'_>], wildcards: Wildcards) -> Vec<Piece> {
    let mut pieces = Vec::with_capacity(lexemes.len());
    for lexeme in lexemes {
        plain_piece(lexeme, wildcards, &mut pieces);
    }
    with_symbols(pieces)
}

fn plain_piece(lexeme: &Lexeme<'_>, wildcards: Wildcards, pieces: &mut Vec<Piece>) {
    match lexeme {
        Lexeme::Char('*') if wildcards == Wildcards::Yes => pieces.push(Piece::Any),
        Lexeme::Char('?') if wildcards == Wildcards::Yes => pieces.push(Piece::One),
        Lexeme::Char(c) | Lexeme::Escaped(c) => pieces.push(char_piece(*c)),
        Lexeme::Variable { text, .. } => pieces.extend(text.chars().map(char_piece)),
        Lexeme::Symbol(text) => pieces.push(Piece::Letter(Letter::Symbol((*text).to_owned()))),
    }
}

fn char_piece(c: char) -> Piece {
    Piece::Letter(Letter::Char(c))
}

/// The value of a condition key that has exactly one.
fn single<'a>(request: &'a Request, key: &str) -> Option<&'a str> {
    match lookup(request, key) {
        Some(ContextValue::One(value)) => Some(value),
        _ => None,
    }
}

/// What a request holds under a condition key, whose name is read without regard to case.
pub(super) fn lookup<'a>(request: &'a Request, key: &str) -> Option<&'a ContextValue> {
    request.context.get(key).or_else(|| {
        let key = key.to_lowercase();
        request
            .context
            .iter()
            .find(|(name, _)| name.to_lowercase() == key)
            .map(|(_, value)| value)
    })
}

/// The letters of a request's text.
pub(super) fn letters(text: &str) -> Vec<Letter> {
    let pieces = with_symbols(text.chars().map(char_piece).collect());
    pieces
        .into_iter()
        .filter_map(|piece| match piece {
            Piece::Letter(letter) => Some(letter),
            Piece::Any | Piece::One => None,
        })
        .collect()
}

/// Joins the characters of every `${…}` that is a stack symbol into one letter, however it came to be there.
fn with_symbols(pieces: Vec<Piece>) -> Vec<Piece> {
    let mut joined: Vec<Piece> = Vec::with_capacity(pieces.len());
    let mut open = None;
    for piece in pieces {
        match piece {
            Piece::Letter(Letter::Char('{')) if joined.last() == Some(&char_piece('$')) => {
                open = Some(joined.len() - 1);
                joined.push(piece);
            }
            Piece::Letter(Letter::Char('}')) => {
                joined.push(piece);
                if let Some(text) = open.take().and_then(|start| symbol_text(&joined, start)) {
                    joined.truncate(text.1);
                    joined.push(Piece::Letter(Letter::Symbol(text.0)));
                }
            }
            Piece::Any | Piece::One => {
                open = None;
                joined.push(piece);
            }
            Piece::Letter(_) => joined.push(piece),
        }
    }
    joined
}

/// The text of the symbol that begins at `start`, which is given back.
fn symbol_text(pieces: &[Piece], start: usize) -> Option<(String, usize)> {
    let text: Option<String> = pieces
        .get(start..)?
        .iter()
        .map(|piece| match piece {
            Piece::Letter(Letter::Char(c)) => Some(*c),
            _ => None,
        })
        .collect();
    let text = text?;
    match placeholder(&text)? {
        (Lexeme::Symbol(whole), _) if whole == text => Some((text, start)),
        _ => None,
    }
}

/// Whether a pattern matches a text as a whole.
pub(super) fn matches(pattern: &[Piece], text: &[Letter]) -> bool {
    if whole(pattern, text) {
        return true;
    }
    // A dollar sign of its own in the pattern takes `${…}` of the text for plain characters.
    let has_symbol = text.iter().any(|letter| matches!(letter, Letter::Symbol(_)));
    has_symbol && pattern.contains(&char_piece('$')) && whole(pattern, &characters(text))
}

fn characters(text: &[Letter]) -> Vec<Letter> {
    let plain = |letter: &Letter| match letter {
        Letter::Char(c) => vec![Letter::Char(*c)],
        Letter::Symbol(symbol) => symbol.chars().map(Letter::Char).collect(),
    };
    text.iter().flat_map(plain).collect()
}

fn whole(pattern: &[Piece], text: &[Letter]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while let Some(letter) = text.get(t) {
        let fits = match pattern.get(p) {
            Some(Piece::Any) => {
                p += 1;
                retry = Some((p, t));
                continue;
            }
            Some(Piece::One) => matches!(letter, Letter::Char(_)),
            Some(Piece::Letter(own)) => own == letter,
            None => false,
        };
        if fits {
            p += 1;
            t += 1;
        } else if let Some((after_star, from)) = retry {
            p = after_star;
            t = from + 1;
            retry = Some((p, t));
        } else {
            return false;
        }
    }
    pattern.iter().skip(p).all(|piece| *piece == Piece::Any)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn like(pattern: &str, text: &str, context: &[(&str, &str)]) -> bool {
        let request = Request {
            context: context
                .iter()
                .map(|(key, value)| ((*key).to_owned(), ContextValue::One((*value).to_owned())))
                .collect(),
            ..Request::default()
        };
        filled(&lex(pattern), Wildcards::Yes, &request).is_some_and(|pieces| matches(&pieces, &letters(text)))
    }

    #[test]
    fn wildcards_variables_and_symbols() {
        for (pattern, text, expected) in [
            ("a*c", "abbc", true),
            ("a?c", "ac", false),
            ("a${*}c", "a*c", true),
            ("a${*}c", "abc", false),
            ("${$}{aws:username}", "${aws:username}", true),
            ("home/${aws:username}/*", "home/bob*/x", true),
            ("home/${aws:username}/*", "home/bobby/x", false),
            ("home/${AWS:UserName}", "home/bob*", true),
            ("home/${aws:none}", "home/", false),
            ("home/${aws:none, 'all, of us'}", "home/all, of us", true),
            ("${Table}", "${Table}", true),
            ("${Table}", "${Other}", false),
            ("????????", "${Table}", false),
            ("*", "${Table}", true),
            ("${AWS::Region}-?", "${AWS::Region}-1", true),
            ("${$}{Table}", "${Table}", true),
            ("${open", "${open", true),
            ("${$}{*}", "${Table}", true),
        ] {
            assert_eq!(
                like(pattern, text, &[("aws:username", "bob*")]),
                expected,
                "{pattern} against {text}"
            );
        }
    }
}
