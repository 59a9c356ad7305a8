//! Fits a pattern with symbols to a recorded text, and tells what the symbols stand for.

use std::collections::BTreeMap;

use crate::iam::arn::ArnPattern;

/// Symbol → text.
pub(super) type Symbols = BTreeMap<String, String>;

/// What comes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fit {
    /// It does not fit, whatever the symbols stand for.
    No,
    /// It fits when the symbols stand for this; the shortest texts count.
    If(Symbols),
    /// Too many ways to try.
    TooHard,
}

/// Steps after which a pattern counts as too hard.
const MOST_STEPS: usize = 200_000;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Char(char),
    Any,
    One,
    Symbol(String),
}

/// Fits an ARN pattern, field by field; a lone symbol can be a whole ARN.
pub(super) fn fit_arn(pattern: &str, arn: &str) -> Fit {
    let (own, other) = (ArnPattern::new(pattern), ArnPattern::new(arn));
    let (Some(own), Some(other)) = (own.fields(), other.fields()) else {
        return match tokens(pattern).as_slice() {
            [Token::Any] | [Token::Symbol(_)] => fit(pattern, arn),
            _ => Fit::No,
        };
    };
    let mut all = Symbols::new();
    for (pattern, text) in own.iter().zip(other) {
        // Region and account can be empty on both sides.
        let found = match fit(pattern, text) {
            Fit::If(found) => found,
            other => return other,
        };
        for (symbol, value) in found {
            if all.get(&symbol).is_some_and(|present| *present != value) {
                return Fit::No;
            }
            all.insert(symbol, value);
        }
    }
    Fit::If(all)
}

/// Fits a pattern to a text. A symbol stands for at least one character, and for the same text everywhere.
pub(super) fn fit(pattern: &str, text: &str) -> Fit {
    let tokens = tokens(pattern);
    let text: Vec<char> = text.chars().collect();
    let mut walk = Walk {
        steps: 0,
        symbols: Symbols::new(),
    };
    match walk.from(&tokens, &text) {
        _ if walk.steps > MOST_STEPS => Fit::TooHard,
        true => Fit::If(walk.symbols),
        false => Fit::No,
    }
}

struct Walk {
    steps: usize,
    symbols: Symbols,
}

impl Walk {
    fn from(&mut self, tokens: &[Token], text: &[char]) -> bool {
        self.steps += 1;
        if self.steps > MOST_STEPS {
            return false;
        }
        let Some((first, rest)) = tokens.split_first() else {
            return text.is_empty();
        };
        match first {
            Token::Char(c) => text
                .split_first()
                .is_some_and(|(t, after)| t == c && self.from(rest, after)),
            Token::One => text
                .split_first()
                .is_some_and(|(_, after)| self.from(rest, after)),
            Token::Any => {
                (0..=text.len()).any(|length| self.from(rest, text.get(length..).unwrap_or_default()))
            }
            Token::Symbol(name) => match self.symbols.get(name).cloned() {
                Some(value) => {
                    let value: Vec<char> = value.chars().collect();
                    text.strip_prefix(value.as_slice())
                        .is_some_and(|after| self.from(rest, after))
                }
                None => self.symbol(name, rest, text),
            },
        }
    }

    fn symbol(&mut self, name: &str, rest: &[Token], text: &[char]) -> bool {
        for length in 1..=text.len() {
            let (value, after) = text.split_at_checked(length).unwrap_or((text, &[]));
            self.symbols.insert(name.to_owned(), value.iter().collect());
            if self.from(rest, after) {
                return true;
            }
        }
        self.symbols.remove(name);
        false
    }
}

fn tokens(pattern: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = pattern;
    while let Some(c) = rest.chars().next() {
        let symbol = rest
            .strip_prefix("${")
            .and_then(|inner| inner.split_once('}'))
            .filter(|(name, _)| !name.is_empty());
        rest = match symbol {
            Some((wildcard @ ("*" | "?" | "$"), after)) => {
                tokens.extend(wildcard.chars().map(Token::Char));
                after
            }
            Some((name, after)) => {
                tokens.push(Token::Symbol(name.to_owned()));
                after
            }
            None => {
                tokens.push(match c {
                    '*' => Token::Any,
                    '?' => Token::One,
                    c => Token::Char(c),
                });
                rest.get(c.len_utf8()..).unwrap_or_default()
            }
        };
    }
    tokens
}

/// The pattern with `*` for every symbol.
pub(super) fn loosened(pattern: &str) -> String {
    tokens(pattern)
        .into_iter()
        .map(|token| match token {
            Token::Char(c) => c,
            Token::One => '?',
            Token::Any | Token::Symbol(_) => '*',
        })
        .collect()
}

/// The symbols of a text.
pub(super) fn symbols(pattern: &str) -> Vec<String> {
    tokens(pattern)
        .into_iter()
        .filter_map(|token| match token {
            Token::Symbol(name) => Some(name),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
#[allow(clippy::panic, reason = "tests")]
mod tests {
    use super::*;

    fn check(pattern: &str, text: &str, expected: Option<&[(&str, &str)]>) {
        let found = match fit_arn(pattern, text) {
            Fit::No => None,
            Fit::If(symbols) => Some(symbols),
            Fit::TooHard => panic!("{pattern} is too hard"),
        };
        let expected = expected.map(|pairs| {
            let owned = pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned()));
            owned.collect::<Symbols>()
        });
        assert_eq!(found, expected, "{pattern} {text}");
    }

    #[test]
    fn symbols_stand_for_what_is_left() {
        let table = "arn:aws:dynamodb:eu-west-1:1:table/orders-prod/index/by-day";
        check(
            "arn:aws:dynamodb:eu-west-1:1:table/orders-${Stage}/index/*",
            table,
            Some(&[("Stage", "prod")]),
        );
        check(
            "arn:aws:dynamodb:eu-west-1:1:table/orders-${Stage}",
            table,
            Some(&[("Stage", "prod/index/by-day")]),
        );
        check("arn:aws:dynamodb:eu-west-2:1:table/${Table}/*", table, None);
        check(
            "arn:aws:s3:::${Bucket}/*",
            "arn:aws:s3:::b/a/c",
            Some(&[("Bucket", "b")]),
        );
        check("arn:aws:s3:::${A}-${A}", "arn:aws:s3:::x-x", Some(&[("A", "x")]));
        check("arn:aws:s3:::${A}-${A}", "arn:aws:s3:::x-y", None);
        check(
            "${QueueArn}",
            "arn:aws:sqs:r:1:q",
            Some(&[("QueueArn", "arn:aws:sqs:r:1:q")]),
        );
        check("*", "arn:aws:sqs:r:1:q", Some(&[]));
    }
}
