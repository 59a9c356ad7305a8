//! Macros of the standard library, and those that log, read at once from the tokens that `syn` gave: they are by far the
//! most frequent ones, and printing and parsing their tokens again would cost as much as the files themselves.
//!
//! Whether a package defines a macro of such a name itself is not known yet; a file that used one which turns out to be
//! defined is read once more without the name (see [`super::files`]).

use proc_macro2::{TokenStream, TokenTree};
use syn::parse::Parser;
use syn::punctuated::Punctuated;
use thin_vec::{ThinVec, thin_vec};

use super::format_macro;
use super::ir::{ExprId, ExprKind};
use super::lower::Lowerer;

/// What is done with the arguments of a macro.
enum Reading {
    /// `format!`.
    Format,
    /// A list of values.
    List,
    /// Arguments that are evaluated and shown or compared.
    Mentioned,
    /// A value, a pattern and perhaps a condition.
    Matched,
    /// The same, and nothing follows.
    Never,
    /// Fields and messages of a log line.
    Log,
}

fn reading(name: &str) -> Option<Reading> {
    let reading = match name {
        "format" | "format_args" => Reading::Format,
        "vec" => Reading::List,
        "println" | "eprintln" | "print" | "eprint" | "assert" | "assert_eq" | "assert_ne"
        | "debug_assert" | "debug_assert_eq" | "debug_assert_ne" => Reading::Mentioned,
        "panic" | "unreachable" | "todo" | "unimplemented" => Reading::Never,
        "matches" => Reading::Matched,
        "trace" | "debug" | "info" | "warn" | "error" => Reading::Log,
        _ => return None,
    };
    Some(reading)
}

impl Lowerer<'_> {
    /// The expression that a plain macro stands for; `None` if it is to be expanded later.
    pub(super) fn plain_macro(&mut self, mac: &syn::Macro) -> Option<ExprKind> {
        if self.is_expansion() {
            return None;
        }
        let ident = &mac.path.segments.last()?.ident;
        let reading = reading(&ident.to_string())?;
        let name = self.name(ident);
        if self.defined.contains(&name) {
            return None;
        }
        let kind = match reading {
            Reading::Format => {
                let args = self.arguments(mac.tokens.clone())?;
                format_macro::lower(&args, &mut self.body)
            }
            Reading::List => {
                if separated(&mac.tokens, ';') {
                    return None;
                }
                ExprKind::Array(self.arguments(mac.tokens.clone())?)
            }
            Reading::Mentioned => ExprKind::AnyOf(self.arguments(mac.tokens.clone())?),
            Reading::Matched => self.matched(mac.tokens.clone())?,
            Reading::Never => ExprKind::Never(self.arguments(mac.tokens.clone())?),
            Reading::Log => ExprKind::AnyOf(self.log_fields(&mac.tokens)?),
        };
        self.plain_macros.insert(name);
        Some(kind)
    }

    /// Comma-separated expressions.
    fn arguments(&mut self, tokens: TokenStream) -> Option<ThinVec<ExprId>> {
        if tokens.is_empty() {
            return Some(ThinVec::new());
        }
        let parsed = Punctuated::<syn::Expr, syn::Token![,]>::parse_terminated
            .parse2(tokens)
            .ok()?;
        Some(parsed.iter().map(|expr| self.expr(expr)).collect())
    }

    /// `matches!(value, pattern if condition)` as a `match` with one arm.
    fn matched(&mut self, tokens: TokenStream) -> Option<ExprKind> {
        let parser = |stream: syn::parse::ParseStream<'_>| {
            let value: syn::Expr = stream.parse()?;
            stream.parse::<syn::Token![,]>()?;
            let pat = syn::Pat::parse_multi_with_leading_vert(stream)?;
            let guard: Option<syn::Expr> = match stream.parse::<Option<syn::Token![if]>>()? {
                Some(_) => Some(stream.parse()?),
                None => None,
            };
            stream.parse::<Option<syn::Token![,]>>()?;
            Ok((value, pat, guard))
        };
        let (value, pat, guard) = parser.parse2(tokens).ok()?;
        let scrutinee = self.expr(&value);
        let pat = self.pat(&pat);
        let guard = guard.map(|guard| self.expr(&guard));
        let span = self.body.exprs.get(scrutinee.0 as usize).map(|expr| expr.span);
        let truth = self.intern("true");
        let held = self.push_expr(ExprKind::Lit(truth), span.unwrap_or_default());
        Some(ExprKind::Match {
            scrutinee,
            arms: thin_vec![(pat, guard, held)],
        })
    }

    /// The values in `target: "x", name = value, %shown, ?debugged, "text {}", value`. Parts without any bracket name
    /// variables at most, and are passed over.
    fn log_fields(&mut self, tokens: &TokenStream) -> Option<ThinVec<ExprId>> {
        let mut ids = ThinVec::new();
        let mut part: Vec<TokenTree> = Vec::new();
        let mut trees = tokens.clone().into_iter().peekable();
        loop {
            let tree = trees.next();
            let ends = match &tree {
                None => true,
                Some(TokenTree::Punct(punct)) => punct.as_char() == ',',
                _ => false,
            };
            if !ends {
                part.extend(tree);
                continue;
            }
            ids.extend(self.log_field(std::mem::take(&mut part))?);
            if tree.is_none() {
                return Some(ids);
            }
        }
    }

    fn log_field(&mut self, mut part: Vec<TokenTree>) -> Option<ThinVec<ExprId>> {
        if !part.iter().any(|tree| matches!(tree, TokenTree::Group(_))) {
            return Some(ThinVec::new());
        }
        // `name = value`: an `=` that belongs to no other operator.
        let assigned = part.iter().position(|tree| is_char(tree, '='));
        if let Some(at) = assigned {
            let named = part.get(..at).is_some_and(|name| {
                name.iter()
                    .all(|tree| matches!(tree, TokenTree::Ident(_)) || is_char(tree, '.'))
            });
            let compared = part.get(at + 1).is_some_and(|tree| is_char(tree, '='));
            if named && !compared {
                part.drain(..=at);
            }
        }
        if part
            .first()
            .is_some_and(|tree| is_char(tree, '%') || is_char(tree, '?'))
        {
            part.remove(0);
        }
        self.arguments(part.into_iter().collect())
    }
}

fn is_char(tree: &TokenTree, char: char) -> bool {
    matches!(tree, TokenTree::Punct(punct) if punct.as_char() == char)
}

/// Whether the separator stands among the tokens, outside of brackets.
fn separated(tokens: &TokenStream, separator: char) -> bool {
    tokens.clone().into_iter().any(|tree| is_char(&tree, separator))
}
