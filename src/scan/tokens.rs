//! Plain tokens: taken from `proc_macro2`, printed again so that every printed line remembers where it comes from.
//!
//! Expanded macros are parsed from printed text with one token a line; the table of lines gives back the place of each
//! token, in the invocation or in the macro's definition, whatever file that is.

use std::fmt::Write as _;
use std::sync::Arc;

use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};

use super::ir::{Name, Span, Tok};

/// Converts a stream; `place` tells where a token stands.
pub fn from_stream(stream: TokenStream, place: &dyn Fn(proc_macro2::Span) -> Span) -> Vec<Tok> {
    stream
        .into_iter()
        .map(|tree| match tree {
            TokenTree::Ident(ident) => {
                let span = place(ident.span());
                Tok::Ident(Arc::from(ident.to_string()), span)
            }
            TokenTree::Punct(punct) => Tok::Punct(
                punct.as_char(),
                punct.spacing() == Spacing::Joint,
                place(punct.span()),
            ),
            TokenTree::Literal(literal) => {
                let span = place(literal.span());
                Tok::Literal(Arc::from(literal.to_string()), span)
            }
            TokenTree::Group(group) => {
                let open = match group.delimiter() {
                    Delimiter::Parenthesis => '(',
                    Delimiter::Bracket => '[',
                    Delimiter::Brace => '{',
                    Delimiter::None => ' ',
                };
                let span = place(group.span_open());
                Tok::Group(open, from_stream(group.stream(), place), span)
            }
        })
        .collect()
}

/// Text of tokens, and where each of its lines comes from.
#[derive(Debug, Default)]
pub struct Printed {
    /// The text, one token (or glued punctuation) a line.
    pub text: String,
    /// Place of each line.
    pub origins: Vec<Span>,
}

impl Printed {
    /// Prints `tokens`.
    pub fn new(tokens: &[Tok]) -> Self {
        let mut printed = Self::default();
        printed.push_all(tokens);
        printed
    }

    fn push_all(&mut self, tokens: &[Tok]) {
        let mut glued = None;
        for tok in tokens {
            // Only punctuation glues to punctuation, and a quote to the name of its lifetime: `.` before `$m` is glued
            // to the dollar sign that is gone now.
            let glue_this = match (glued.take(), tok) {
                (Some(_), Tok::Punct(..)) | (Some('\''), Tok::Ident(..)) => true,
                _ => false,
            };
            match tok {
                Tok::Ident(text, span) | Tok::Literal(text, span) => {
                    self.line(text, *span, glue_this);
                }
                Tok::Punct(char, joint, span) => {
                    let mut text = String::new();
                    let _ = write!(text, "{char}");
                    self.line(&text, *span, glue_this);
                    glued = joint.then_some(*char);
                }
                Tok::Group(open, inner, span) => {
                    let (open, close) = match open {
                        '(' => ("(", ")"),
                        '[' => ("[", "]"),
                        '{' => ("{", "}"),
                        _ => ("", ""),
                    };
                    self.line(open, *span, glue_this);
                    self.push_all(inner);
                    self.line(close, *span, false);
                }
            }
        }
    }

    fn line(&mut self, text: &str, span: Span, glued: bool) {
        if !glued && !self.text.is_empty() {
            self.text.push('\n');
            self.origins.push(span);
        } else if self.origins.is_empty() {
            self.origins.push(span);
        }
        self.text.push_str(text);
        for _ in text.matches('\n') {
            self.origins.push(span);
        }
    }
}

/// An identifier token without `r#`.
pub fn plain(text: &Name) -> &str {
    text.strip_prefix("r#").unwrap_or(text)
}

/// Number of tokens, groups counted with their contents.
pub fn count(tokens: &[Tok]) -> usize {
    tokens
        .iter()
        .map(|tok| match tok {
            Tok::Group(_, inner, _) => 1 + count(inner),
            _ => 1,
        })
        .sum()
}
