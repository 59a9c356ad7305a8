//! The Parameters and Secrets extension: a Lambda layer that answers local HTTP requests with the function's role, so
//! that a URL is a call (<https://docs.aws.amazon.com/secretsmanager/latest/userguide/retrieving-secrets_lambda.html>,
//! <https://docs.aws.amazon.com/systems-manager/latest/userguide/ps-integration-lambda-extensions.html>).

use std::sync::Arc;

use crate::usage::{Inputs, Piece, ResourceHint};

use super::facts::{Site, SiteKind};
use super::infer::Infer;
use super::ir::{ExprId, FormatPiece, Name, Span};

/// One kind of request: path, SDK crate, method, the member that the query parameter gives, the parameter.
struct Request {
    path: &'static str,
    package: &'static str,
    method: &'static str,
    member: &'static str,
    parameter: &'static str,
}

const REQUESTS: &[Request] = &[
    Request {
        path: "secretsmanager/get",
        package: "aws-sdk-secretsmanager",
        method: "get_secret_value",
        member: "SecretId",
        parameter: "secretId=",
    },
    Request {
        path: "systemsmanager/parameters/get",
        package: "aws-sdk-ssm",
        method: "get_parameter",
        member: "Name",
        parameter: "name=",
    },
];

/// SDK crates of the operations that the extension calls.
pub(super) fn packages() -> impl Iterator<Item = &'static str> {
    REQUESTS.iter().map(|request| request.package)
}

/// HTTP clients that a function without any AWS crate may ask the extension with.
pub(super) const HTTP_CLIENTS: &[&str] = &[
    "attohttpc",
    "awc",
    "curl",
    "hyper",
    "hyper-util",
    "isahc",
    "minreq",
    "reqwest",
    "surf",
    "ureq",
];

/// Stands for a hole in a formatted text.
const HOLE: char = '\u{fffc}';

/// What a text asks the extension for.
fn request_in(text: &str) -> Option<&'static Request> {
    REQUESTS.iter().find(|request| {
        text.match_indices(request.path).any(|(at, path)| {
            let behind = text.get(at + path.len()..).unwrap_or_default();
            let query = behind.strip_prefix('/').unwrap_or(behind);
            let before = text.get(..at).unwrap_or_default();
            let starts = before.is_empty() || before.ends_with(['/', HOLE]);
            starts && (query.is_empty() || query.starts_with('?'))
        })
    })
}

impl Infer<'_, '_> {
    /// Notes a literal that asks the extension.
    pub(super) fn extension_text(&mut self, id: ExprId, text: &str, span: Span) {
        let Some(request) = request_in(text) else { return };
        let sdk = self
            .world
            .sdks
            .iter()
            .find(|(_, sdk)| sdk.package == request.package);
        let Some((sdk, _)) = sdk else { return };
        let method: Name = Arc::from(request.method);
        let known = self.facts.sites.iter().any(|site| site.expr == id);
        if !known {
            self.facts.sites.push(Site {
                expr: id,
                span,
                sdk,
                operation: method.clone(),
                method,
                kind: SiteKind::Extension,
                library: None,
                given: vec![(Name::from(request.member), id)],
            });
        }
    }

    /// Notes a `format!` that asks the extension.
    pub(super) fn extension_format(&mut self, id: ExprId, pieces: &[FormatPiece], span: Span) {
        let text: String = pieces
            .iter()
            .map(|piece| match piece {
                FormatPiece::Text(text) => text.to_string(),
                FormatPiece::Value(_) | FormatPiece::Shown(_) => HOLE.to_string(),
            })
            .collect();
        self.extension_text(id, &text, span);
    }
}

/// The inputs of a request, from the texts that its URL can be.
pub(super) fn inputs(member: &str, urls: &[ResourceHint]) -> Inputs {
    let parameter = REQUESTS
        .iter()
        .find(|request| request.member == member)
        .map_or("", |request| request.parameter);
    let mut inputs = Inputs::new();
    for url in urls {
        let named = match parameter_of(&url.pieces, parameter) {
            pieces if pieces.is_empty() => ResourceHint::unknown("the request does not tell it in its URL"),
            pieces => ResourceHint {
                pieces,
                origin: url.origin.clone(),
            },
        };
        inputs.entry(member.to_owned()).or_default().push(named);
        let decrypts = url
            .pieces
            .iter()
            .any(|piece| matches!(piece, Piece::Literal(text) if text.contains("withDecryption=true")));
        if decrypts {
            let entry = inputs.entry("WithDecryption".to_owned()).or_default();
            entry.push(ResourceHint::literal("true"));
        }
    }
    for hints in inputs.values_mut() {
        hints.sort();
        hints.dedup();
    }
    inputs
}

/// The value of a query parameter.
fn parameter_of(url: &[Piece], parameter: &str) -> Vec<Piece> {
    let mut value = Vec::new();
    let mut inside = false;
    for piece in url {
        let mut text = match piece {
            Piece::Literal(text) => text.as_str(),
            other => {
                if inside {
                    value.push(other.clone());
                }
                continue;
            }
        };
        if !inside {
            let found = [format!("?{parameter}"), format!("&{parameter}")]
                .iter()
                .find_map(|start| text.split_once(start.as_str()));
            let Some((_, behind)) = found else { continue };
            inside = true;
            text = behind;
        }
        let (told, more) = text
            .split_once('&')
            .map_or((text, false), |(told, _)| (told, true));
        if !told.is_empty() {
            value.push(Piece::Literal(told.to_owned()));
        }
        if more {
            break;
        }
    }
    value
}
