//! Whether an entry of `Resource` or `NotResource` names the resource of a request.

use super::text::{Letter, Lexeme, Piece, Wildcards, fields, filled, letters, lex, matches, unfilled};
use crate::iam::request::Request;

/// Fields of an ARN: `arn`, partition, service, region, account, resource. The last takes every further colon.
const FIELDS: usize = 6;

/// What an ARN with too few fields means; it depends on where the policy is attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ShortArn {
    /// Missing fields are `*`.
    Filled,
    /// Missing fields are `*` if a wildcard stands anywhere.
    FilledIfWildcard,
    /// Missing fields are `*` if the last one ends in `*`.
    FilledIfOpen,
    /// It names nothing.
    Nothing,
}

/// Whether the entry names the request's resource. Fields are matched one by one, so that a wildcard in one of the
/// first five never crosses a colon; policy variables count in the sixth only.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html>
pub(super) fn names(entry: &str, request: &Request, short: ShortArn) -> bool {
    if entry == "*" {
        return true;
    }
    if request.resource == "*" {
        return false;
    }
    let lexemes = lex(entry);
    let pattern = fields(&lexemes, |lexeme| *lexeme == Lexeme::Char(':'));
    let resource = fields(&letters(&request.resource), |letter| *letter == Letter::Char(':'));
    if resource.len() < FIELDS || pattern.len() == 1 {
        return entry == request.resource;
    }
    if pattern.len() < FIELDS && !may_be_filled(&lexemes, short) {
        return false;
    }
    resource.iter().enumerate().all(|(index, text)| {
        let pieces = match pattern.get(index) {
            None => Some(vec![Piece::Any]),
            Some(own) if index + 1 == FIELDS => filled(own, Wildcards::Yes, request),
            Some(own) => Some(unfilled(own, Wildcards::Yes)),
        };
        pieces.is_some_and(|pieces| matches(&pieces, text))
    })
}

fn may_be_filled(lexemes: &[Lexeme<'_>], short: ShortArn) -> bool {
    match short {
        ShortArn::Filled => true,
        ShortArn::FilledIfWildcard => lexemes
            .iter()
            .any(|lexeme| matches!(lexeme, Lexeme::Char('*' | '?'))),
        ShortArn::FilledIfOpen => lexemes.last() == Some(&Lexeme::Char('*')),
        ShortArn::Nothing => false,
    }
}
