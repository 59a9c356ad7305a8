//! `format!` and its kind: the text pieces and the values between them.

use std::sync::Arc;
use thin_vec::ThinVec;

use super::expand::push;
use super::ir::{ExprId, ExprKind, FormatPiece, Name, Path};
use super::lower::BodyBuilder;

/// Lowers the arguments of `format!` to pieces.
pub(super) fn lower(args: &[ExprId], builder: &mut BodyBuilder) -> ExprKind {
    let Some((template, rest)) = args.split_first() else {
        return ExprKind::Format(ThinVec::new());
    };
    let (text, span) = match builder.exprs.get(template.0 as usize) {
        Some(expr) => match &expr.kind {
            ExprKind::Str(text) => (text.clone(), expr.span),
            _ => return ExprKind::Format(args.iter().copied().map(FormatPiece::Shown).collect()),
        },
        None => return ExprKind::Missing,
    };
    let (positional, named) = arguments(rest, builder);
    let mut pieces = ThinVec::new();
    let mut next = 0;
    for piece in parse(&text) {
        let (name, plain) = match piece {
            Template::Text(text) => {
                pieces.push(FormatPiece::Text(Arc::from(text)));
                continue;
            }
            Template::Hole { name, plain } => (name, plain),
        };
        let value = if name.is_empty() {
            next += 1;
            positional.get(next - 1).copied()
        } else if let Ok(index) = name.parse::<usize>() {
            positional.get(index).copied()
        } else {
            let name: Name = Arc::from(name.as_str());
            let given = named.iter().find(|(given, _)| *given == name);
            Some(match given {
                Some((_, id)) => *id,
                None => push(builder, ExprKind::Path(Path::single(&name)), span),
            })
        };
        match value {
            Some(id) if plain => pieces.push(FormatPiece::Value(id)),
            Some(id) => pieces.push(FormatPiece::Shown(id)),
            None => {}
        }
    }
    // Arguments that the template does not show by position (`{:width$}`) are still mentioned.
    ExprKind::Format(pieces)
}

/// Positional and named arguments.
fn arguments(args: &[ExprId], builder: &BodyBuilder) -> (Vec<ExprId>, Vec<(Name, ExprId)>) {
    let mut positional = Vec::new();
    let mut named = Vec::new();
    for id in args {
        let assigned = builder
            .exprs
            .get(id.0 as usize)
            .and_then(|expr| match &expr.kind {
                ExprKind::Assign {
                    left,
                    right,
                    compound: false,
                } => builder
                    .exprs
                    .get(left.0 as usize)
                    .and_then(|left| match &left.kind {
                        ExprKind::Path(path) => path.as_name().cloned(),
                        _ => None,
                    })
                    .map(|name| (name, *right)),
                _ => None,
            });
        match assigned {
            Some((name, value)) => {
                named.push((name, value));
                positional.push(value);
            }
            None => positional.push(*id),
        }
    }
    (positional, named)
}

enum Template {
    Text(String),
    Hole { name: String, plain: bool },
}

fn parse(text: &str) -> Vec<Template> {
    let mut pieces = Vec::new();
    let mut literal = String::new();
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '{' | '}' if chars.peek() == Some(&char) => {
                chars.next();
                literal.push(char);
            }
            '{' => {
                if !literal.is_empty() {
                    pieces.push(Template::Text(std::mem::take(&mut literal)));
                }
                let hole: String = chars.by_ref().take_while(|char| *char != '}').collect();
                let (name, spec) = hole.split_once(':').unwrap_or((&hole, ""));
                pieces.push(Template::Hole {
                    name: name.trim().to_owned(),
                    plain: spec.trim().is_empty(),
                });
            }
            char => literal.push(char),
        }
    }
    if !literal.is_empty() {
        pieces.push(Template::Text(literal));
    }
    pieces
}
