//! Methods that change a text: what is left of it when parts of it are not known.

use crate::usage::Piece;

use super::ir::Name;
use super::value::{Value, Values, push_piece};

/// The texts after `trim`, a change of case, or `replace(from, to)`.
pub(super) fn changed(values: Values, method: &Name, replaced: Option<(&str, &str)>) -> Values {
    values
        .into_iter()
        .map(|value| match value {
            Value::Text(pieces, origin) => match change(&pieces, method, replaced) {
                Some(pieces) => Value::Text(pieces, origin),
                None => Value::Unknown(format!("it is changed by `{method}`")),
            },
            Value::Event(_) | Value::Json(_) if !method.starts_with("trim") => {
                Value::Unknown(format!("it is changed by `{method}`"))
            }
            other => other,
        })
        .collect()
}

/// Changes what is known and leaves holes for what is not; `None` if nothing is known of the result.
fn change(pieces: &[Piece], method: &str, replaced: Option<(&str, &str)>) -> Option<Vec<Piece>> {
    if let [Piece::Literal(text)] = pieces {
        return Some(vec![Piece::Literal(change_text(text, method, replaced)?)]);
    }
    if method.starts_with("trim") {
        // Spaces around a variable's value do not matter for which variable it is.
        let stays = |piece: &Piece| !matches!(piece, Piece::Literal(text) if text.trim() != text);
        return pieces.iter().all(stays).then(|| pieces.to_vec());
    }
    if replaced.is_some_and(|(from, _)| from.chars().count() != 1) {
        // It may begin in one piece and end in the next.
        return None;
    }
    let mut result = Vec::new();
    for piece in pieces {
        match piece {
            Piece::Literal(text) => {
                push_piece(&mut result, Piece::Literal(change_text(text, method, replaced)?));
            }
            _ => push_piece(&mut result, Piece::Hole(format!("it is changed by `{method}`"))),
        }
    }
    let known = result.iter().any(|piece| matches!(piece, Piece::Literal(_)));
    known.then_some(result)
}

fn change_text(text: &str, method: &str, replaced: Option<(&str, &str)>) -> Option<String> {
    Some(match (method, replaced) {
        ("trim", _) => text.trim().to_owned(),
        ("trim_start", _) => text.trim_start().to_owned(),
        ("trim_end", _) => text.trim_end().to_owned(),
        ("to_lowercase", _) => text.to_lowercase(),
        ("to_uppercase", _) => text.to_uppercase(),
        ("to_ascii_lowercase", _) => text.to_ascii_lowercase(),
        ("to_ascii_uppercase", _) => text.to_ascii_uppercase(),
        ("replace", Some((from, to))) => text.replace(from, to),
        _ => return None,
    })
}
