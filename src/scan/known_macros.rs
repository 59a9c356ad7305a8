//! Macros that everybody uses, and every reading of the tokens of those that nobody knows.

use std::sync::Arc;

use syn::parse::Parser;
use syn::punctuated::Punctuated;
use thin_vec::{ThinVec, thin_vec};

use super::expand::{Expander, MAX_DEPTH, push};
use super::ir::{BlockKind, ExprId, ExprKind, JSON_OBJECT, MacroCall, Path, Tok};
use super::lower::{BodyBuilder, Lowerer};
use super::token_slices::{split, worth_reading};
use super::tokens::Placed;

impl Expander<'_> {
    /// Macros of the standard library and of crates that everybody uses.
    pub(super) fn well_known(&mut self, call: &MacroCall, builder: &mut BodyBuilder) -> Option<ExprKind> {
        let name = call.path.last_name();
        let kind = match name {
            "format" | "format_args" | "formatcp" => {
                let args = self.parse_exprs(&call.tokens, builder)?;
                super::format_macro::lower(&args, builder)
            }
            "concat" | "concatcp" => {
                let args = self.parse_exprs(&call.tokens, builder)?;
                ExprKind::Format(args.into_iter().map(super::ir::FormatPiece::Value).collect())
            }
            "env" | "option_env" => match call.tokens.first() {
                Some(Tok::Literal(text, _)) => ExprKind::CompileEnv(Arc::from(text.trim_matches('"'))),
                _ => ExprKind::Missing,
            },
            "vec" | "smallvec" | "hashset" | "btreeset" => {
                ExprKind::Array(self.parse_list(&call.tokens, builder)?)
            }
            "panic" | "todo" | "unimplemented" | "unreachable" | "bail" | "compile_error" => {
                ExprKind::Never(self.every_reading(&call.tokens, builder, 0))
            }
            "join" | "try_join" => ExprKind::Tuple(self.parse_exprs(&call.tokens, builder)?),
            "dbg" | "pin" | "ready" | "block_on" => {
                let args = self.parse_exprs(&call.tokens, builder)?;
                ExprKind::Same(*args.first()?)
            }
            "write" | "writeln" => {
                let mut args = self.parse_exprs(&call.tokens, builder)?;
                if args.is_empty() {
                    return None;
                }
                let receiver = args.remove(0);
                let span = args
                    .first()
                    .map(|arg| builder_span(builder, *arg))
                    .unwrap_or_default();
                let text = super::format_macro::lower(&args, builder);
                let args = thin_vec![push(builder, text, span)];
                ExprKind::Method {
                    receiver,
                    method: Arc::from("write_fmt"),
                    turbofish: ThinVec::new(),
                    args,
                }
            }
            "include" => {
                self.note_opaque(call);
                ExprKind::Missing
            }
            "stringify" => match written_name(&call.tokens) {
                Some(name) => ExprKind::Str(name),
                None => ExprKind::Missing,
            },
            "include_str" | "include_bytes" | "line" | "file" | "column" | "module_path" => ExprKind::Missing,
            "hashmap" | "btreemap" | "phf_map" => self.map_literal(&call.tokens, builder)?,
            "json" => match call.tokens.as_slice() {
                [Tok::Group('{', inner, _)] => self.json_object(inner, builder)?,
                _ => return None,
            },
            _ => return None,
        };
        Some(kind)
    }

    /// `key => value, …` as an array of pairs.
    pub(super) fn map_literal(&mut self, tokens: &[Tok], builder: &mut BodyBuilder) -> Option<ExprKind> {
        let mut pairs = ThinVec::new();
        for entry in split(tokens, &[',']) {
            let arrow = entry
                .windows(2)
                .position(|pair| matches!(pair, [Tok::Punct('=', true, _), Tok::Punct('>', ..)]))?;
            let mut key = self.parse_exprs(entry.get(..arrow)?, builder)?;
            let value = self.parse_exprs(entry.get(arrow + 2..)?, builder)?;
            key.extend(value);
            let span = entry.first().map(Tok::span).unwrap_or_default();
            pairs.push(push(builder, ExprKind::Tuple(key), span));
        }
        Some(ExprKind::Array(pairs))
    }

    /// `"key": value, …` of `json!` as a literal of [`JSON_OBJECT`]. `None` for keys that are not written out.
    pub(super) fn json_object(&mut self, tokens: &[Tok], builder: &mut BodyBuilder) -> Option<ExprKind> {
        let mut fields = ThinVec::new();
        for entry in split(tokens, &[',']) {
            let [Tok::Literal(key, span), Tok::Punct(':', ..), value @ ..] = entry else {
                return None;
            };
            let key = syn::parse_str::<syn::LitStr>(key).ok()?.value();
            let kind = match value {
                [Tok::Group('{', inner, _)] => self.json_object(inner, builder)?,
                [Tok::Ident(word, _)] if &**word == "null" => ExprKind::Missing,
                value => {
                    let ids = match self.parse_exprs(value, builder) {
                        Some(ids) => ids,
                        None => self.every_reading(value, builder, 0),
                    };
                    match ids.as_slice() {
                        [only] => ExprKind::Same(*only),
                        _ => ExprKind::AnyOf(ids),
                    }
                }
            };
            fields.push((Arc::from(key), push(builder, kind, *span)));
        }
        Some(ExprKind::Struct {
            path: Path::single(&Arc::from(JSON_OBJECT)),
            fields,
            base: None,
        })
    }

    /// `a, b` or `a; n`.
    pub(super) fn parse_list(
        &mut self,
        tokens: &[Tok],
        builder: &mut BodyBuilder,
    ) -> Option<ThinVec<ExprId>> {
        if let Some(semicolon) = tokens.iter().position(|tok| matches!(tok, Tok::Punct(';', ..))) {
            return self.parse_exprs(tokens.get(..semicolon)?, builder);
        }
        self.parse_exprs(tokens, builder)
    }

    /// Comma-separated expressions.
    pub(super) fn parse_exprs(
        &mut self,
        tokens: &[Tok],
        builder: &mut BodyBuilder,
    ) -> Option<ThinVec<ExprId>> {
        let placed = Placed::new(tokens);
        let parsed = Punctuated::<syn::Expr, syn::Token![,]>::parse_terminated
            .parse2(placed.stream)
            .ok()?;
        let mut lowerer = Lowerer::new(self.file, Some(&placed.origins), self.cfg);
        lowerer.body = std::mem::take(builder);
        let ids = parsed.iter().map(|expr| lowerer.expr(expr)).collect();
        *builder = std::mem::take(&mut lowerer.body);
        Some(ids)
    }

    /// Statements, spliced into the place of the macro.
    pub(super) fn parse_stmts(&mut self, tokens: &[Tok], builder: &mut BodyBuilder) -> Option<ExprKind> {
        let placed = Placed::new(tokens);
        let parsed = syn::Block::parse_within.parse2(placed.stream).ok()?;
        let mut lowerer = Lowerer::new(self.file, Some(&placed.origins), self.cfg);
        lowerer.body = std::mem::take(builder);
        let kind = lowerer.stmts(&parsed, BlockKind::Splice);
        *builder = std::mem::take(&mut lowerer.body);
        Some(kind)
    }

    /// Every expression that can be read in the tokens: as a list, as statements, else in slices at every depth.
    pub(super) fn every_reading(
        &mut self,
        tokens: &[Tok],
        builder: &mut BodyBuilder,
        depth: usize,
    ) -> ThinVec<ExprId> {
        if tokens.is_empty() || depth > MAX_DEPTH || !worth_reading(tokens) {
            return ThinVec::new();
        }
        if let Some(ids) = self.parse_exprs(tokens, builder) {
            return ids;
        }
        if let Some(kind) = self.parse_stmts(tokens, builder) {
            let span = tokens.first().map(Tok::span).unwrap_or_default();
            return thin_vec![push(builder, kind, span)];
        }
        let slices = split(tokens, &[',', ';', '=', ':']);
        let whole = slices.len() == 1;
        let mut ids = ThinVec::new();
        for slice in slices {
            // `%value` and `?value` of tracing's macros.
            let slice = match slice {
                [Tok::Punct('%' | '?', ..), rest @ ..] => rest,
                slice => slice,
            };
            if !whole {
                ids.extend(self.every_reading(slice, builder, depth + 1));
                continue;
            }
            self.note_unread(slice);
            for tok in slice {
                if let Tok::Group(_, inner, _) = tok {
                    ids.extend(self.every_reading(inner, builder, depth + 1));
                }
            }
        }
        ids
    }
}

/// The name that `stringify!` is given; `None` for anything longer.
fn written_name(tokens: &[Tok]) -> Option<super::ir::Name> {
    match tokens {
        [Tok::Ident(name, _)] => Some(name.clone()),
        [Tok::Group(' ', inner, _)] => written_name(inner),
        _ => None,
    }
}

fn builder_span(builder: &BodyBuilder, id: ExprId) -> super::ir::Span {
    builder
        .exprs
        .get(id.0 as usize)
        .map(|expr| expr.span)
        .unwrap_or_default()
}
