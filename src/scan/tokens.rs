//! Plain tokens: taken from `proc_macro2`, and given back to it so that every token remembers where it comes from.
//!
//! Expanded macros are parsed from tokens that stand, one a line, in a text that was never written; the table of lines
//! gives back the place of each, in the invocation or in the macro's definition, whatever file that is.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::str::FromStr as _;
use std::sync::Arc;

use proc_macro2::{Delimiter, Group, Ident, Literal, Punct, Spacing, TokenStream, TokenTree};
use rustc_hash::FxHashSet;

use super::ir::{Name, Span, Tok};

/// Converts a stream; `place` tells where a token stands, `names` keeps each text once.
pub fn from_stream(
    stream: TokenStream,
    place: &dyn Fn(proc_macro2::Span) -> Span,
    names: &mut FxHashSet<Name>,
) -> Vec<Tok> {
    let mut text = String::new();
    let mut toks = Vec::new();
    for tree in stream {
        text.clear();
        toks.push(match tree {
            TokenTree::Ident(ident) => {
                let _ = write!(text, "{ident}");
                Tok::Ident(kept(&text, names), place(ident.span()))
            }
            TokenTree::Punct(punct) => Tok::Punct(
                punct.as_char(),
                punct.spacing() == Spacing::Joint,
                place(punct.span()),
            ),
            TokenTree::Literal(literal) => {
                let _ = write!(text, "{literal}");
                Tok::Literal(kept(&text, names), place(literal.span()))
            }
            TokenTree::Group(group) => {
                let open = match group.delimiter() {
                    Delimiter::Parenthesis => '(',
                    Delimiter::Bracket => '[',
                    Delimiter::Brace => '{',
                    Delimiter::None => ' ',
                };
                let span = place(group.span_open());
                Tok::Group(open, from_stream(group.stream(), place, names), span)
            }
        });
    }
    toks
}

/// The one copy of `text` in `names`.
pub fn kept(text: &str, names: &mut FxHashSet<Name>) -> Name {
    if let Some(name) = names.get(text) {
        return name.clone();
    }
    let name: Name = Arc::from(text);
    names.insert(name.clone());
    name
}

/// Tokens for the parser, and where each of them comes from.
#[derive(Debug, Default)]
pub struct Placed {
    /// The tokens; each stands on a line of its own.
    pub stream: TokenStream,
    /// Place of each line.
    pub origins: Vec<Span>,
}

impl Placed {
    /// Takes `tokens`.
    pub fn new(tokens: &[Tok]) -> Self {
        let mut origins = Vec::with_capacity(count(tokens));
        let stream = LINES.with_borrow_mut(|lines| {
            lines.reach(count(tokens));
            place_all(tokens, lines, &mut origins)
        });
        Self { stream, origins }
    }

    /// One item whose braces hold `tokens`: `impl X { … }`.
    pub fn in_impl(tokens: &[Tok]) -> Self {
        let span = tokens.first().map(Tok::span).unwrap_or_default();
        Self::new(&[
            Tok::Ident(Arc::from("impl"), span),
            Tok::Ident(Arc::from("X"), span),
            Tok::Group('{', tokens.to_vec(), span),
        ])
    }
}

fn place_all(tokens: &[Tok], lines: &Lines, origins: &mut Vec<Span>) -> TokenStream {
    let mut trees: Vec<TokenTree> = Vec::with_capacity(tokens.len());
    for (index, tok) in tokens.iter().enumerate() {
        let line = lines.line(origins.len());
        origins.push(tok.span());
        match tok {
            Tok::Ident(text, _) => match ident(text, line) {
                Some(ident) => trees.push(TokenTree::Ident(ident)),
                None => trees.extend(lexed(text, line)),
            },
            Tok::Literal(text, _) => match Literal::from_str(text) {
                Ok(mut literal) => {
                    literal.set_span(line);
                    trees.push(TokenTree::Literal(literal));
                }
                Err(_) => trees.extend(lexed(text, line)),
            },
            Tok::Punct(char, joint, _) => {
                // Only punctuation glues to punctuation, and a quote to the name of its lifetime: `.` before `$m` is
                // glued to the dollar sign that is gone now.
                let glued = *joint
                    && match tokens.get(index + 1) {
                        Some(Tok::Punct(..)) => true,
                        Some(Tok::Ident(..)) => *char == '\'',
                        _ => false,
                    };
                let spacing = if glued { Spacing::Joint } else { Spacing::Alone };
                let mut punct = Punct::new(*char, spacing);
                punct.set_span(line);
                trees.push(TokenTree::Punct(punct));
            }
            Tok::Group(open, inner, _) => {
                let inner = place_all(inner, lines, origins);
                let delimiter = match open {
                    '(' => Delimiter::Parenthesis,
                    '[' => Delimiter::Bracket,
                    '{' => Delimiter::Brace,
                    // Invisible brackets are gone for the parser, too.
                    _ => {
                        trees.extend(inner);
                        continue;
                    }
                };
                let mut group = Group::new(delimiter, inner);
                group.set_span(line);
                trees.push(TokenTree::Group(group));
            }
        }
    }
    trees.into_iter().collect()
}

/// An identifier; `None` if the text is none.
fn ident(text: &str, line: proc_macro2::Span) -> Option<Ident> {
    let plain = text.strip_prefix("r#");
    let name = plain.unwrap_or(text);
    let mut chars = name.bytes();
    let starts = chars
        .next()
        .is_some_and(|byte| byte == b'_' || byte.is_ascii_alphabetic());
    if !starts || !chars.all(|byte| byte == b'_' || byte.is_ascii_alphanumeric()) {
        return None;
    }
    match plain {
        None => Some(Ident::new(name, line)),
        Some("_" | "self" | "Self" | "super" | "crate") => None,
        Some(name) => Some(Ident::new_raw(name, line)),
    }
}

/// What the lexer makes of a rare text.
fn lexed(text: &str, line: proc_macro2::Span) -> Vec<TokenTree> {
    let trees = TokenStream::from_str(text).unwrap_or_default().into_iter();
    trees
        .map(|mut tree| {
            tree.set_span(line);
            tree
        })
        .collect()
}

thread_local! {
    static LINES: RefCell<Lines> = const { RefCell::new(Lines { spans: Vec::new(), used: 0 }) };
}

/// Spans of a text that has one token a line: made once, they tell of any token which line of an expansion it is.
struct Lines {
    spans: Vec<proc_macro2::Span>,
    /// Tokens placed since the spans were made, about.
    used: usize,
}

impl Lines {
    /// Makes spans for `count` lines.
    fn reach(&mut self, count: usize) {
        self.used += count;
        if self.spans.len() < count {
            let text = "_\n".repeat(count.next_power_of_two().max(1024));
            let stream = TokenStream::from_str(&text).unwrap_or_default();
            self.spans = stream.into_iter().map(|tree| tree.span()).collect();
        }
    }

    fn line(&self, index: usize) -> proc_macro2::Span {
        let span = self.spans.get(index).copied();
        span.unwrap_or_else(proc_macro2::Span::call_site)
    }
}

/// Gives back what the lexer keeps of every text of this thread, if it has become much. No token may be in use.
pub fn forget_texts() {
    LINES.with_borrow_mut(|lines| {
        if lines.used > 100_000 {
            lines.spans = Vec::new();
            lines.used = 0;
            proc_macro2::extra::invalidate_current_thread_spans();
        }
    });
}

/// The same, whatever it is.
pub fn forget_all_texts() {
    LINES.with_borrow_mut(|lines| {
        lines.spans = Vec::new();
        lines.used = 0;
    });
    proc_macro2::extra::invalidate_current_thread_spans();
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
