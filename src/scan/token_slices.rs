//! Questions about the tokens of a macro: where they split, which text or which calls they hold.

use super::ir::{Name, Tok};

/// Whether the tokens can hold a call or a mention of a fn at all.
pub(super) fn worth_reading(tokens: &[Tok]) -> bool {
    tokens
        .iter()
        .any(|tok| matches!(tok, Tok::Ident(..) | Tok::Group(..)))
}

/// Splits at the given characters; `=` stands for `=` and `=>` but not for `==`, `<=`, `>=`, `!=`.
pub(super) fn split<'t>(tokens: &'t [Tok], at: &[char]) -> Vec<&'t [Tok]> {
    let mut slices = Vec::new();
    let mut start = 0;
    let mut index = 0;
    while let Some(tok) = tokens.get(index) {
        let mut width = 0;
        if let Tok::Punct(char, joint, _) = tok
            && at.contains(char)
        {
            width = match (char, joint, tokens.get(index + 1)) {
                ('=', true, Some(Tok::Punct('>', ..))) => 2,
                ('=', true, _) | (':', true, Some(Tok::Punct(':', ..))) => 0,
                _ => 1,
            };
            let before = index.checked_sub(1).and_then(|i| tokens.get(i));
            if matches!(
                before,
                Some(Tok::Punct('=' | '<' | '>' | '!' | '+' | '-' | '*' | ':', true, _))
            ) {
                width = 0;
            }
        }
        if width > 0 {
            slices.push(tokens.get(start..index).unwrap_or_default());
            index += width;
            start = index;
        } else {
            index += 1;
        }
    }
    slices.push(tokens.get(start..).unwrap_or_default());
    slices.retain(|slice| !slice.is_empty());
    slices
}

/// The text of a string literal, of `concat!` of such, and of `stringify!`; `None` if anything else is in it.
pub(super) fn written_text(tokens: &[Tok], depth: usize) -> Option<String> {
    if depth > 8 {
        return None;
    }
    match tokens {
        [Tok::Literal(text, _)] => syn::parse_str::<syn::LitStr>(text).ok().map(|text| text.value()),
        [Tok::Group(' ', inner, _)] => written_text(inner, depth + 1),
        [Tok::Ident(name, _), Tok::Punct('!', ..), Tok::Group(_, inner, _)] => match &**name {
            "concat" => inner
                .split(|tok| matches!(tok, Tok::Punct(',', ..)))
                .filter(|part| !part.is_empty())
                .map(|part| written_text(part, depth + 1))
                .collect(),
            "stringify" => match inner.as_slice() {
                [Tok::Ident(name, _)] => Some(name.to_string()),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    }
}

pub(super) fn called_names(tokens: &[Tok], names: &mut Vec<Name>) {
    for (index, tok) in tokens.iter().enumerate() {
        match (tok, tokens.get(index + 1)) {
            (Tok::Ident(name, _), Some(Tok::Group('(', inner, _))) if inner.is_empty() => {
                names.push(name.clone());
            }
            (Tok::Group(_, inner, _), _) => called_names(inner, names),
            _ => {}
        }
    }
}
