//! What the code's authors tell by `// rolefit: …` comments: operations that no reader sees, and places where nothing
//! calls AWS.
//!
//! `// rolefit: operation dynamodb.GetItem TableName=$ORDERS` counts for the fn it stands in, or above. Members may be
//! left out; a value is a text, `$NAME` for an environment variable, `*` for a part that nobody knows.
//! `// rolefit: nothing` says that the line behind it (or its own) calls nothing. Both settle the gaps of that line.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::catalog::{Catalog, Operation};
use crate::usage::{Gap, Location, OperationId, Piece, ResourceHint};

use super::facts::{Site, SiteKind};
use super::files::Files;
use super::ir::{ExprId, Name, Span};
use super::world::{FnId, Sdk, SdkId, World};

/// Lines of a call below a comment.
const MAX_CHAIN: usize = 40;
/// Lines between a comment and the fn below it.
const MAX_ABOVE: u32 = 20;

/// A comment as written.
#[derive(Clone, Debug)]
pub struct Comment {
    /// 1-based line.
    line: u32,
    /// 1-based column.
    column: u32,
    /// What stands behind `rolefit:`.
    text: String,
    /// The lines whose gaps it settles beside its own: the call below with the rest of its chain, if it stands alone.
    below: Option<(u32, u32)>,
}

/// What the comments of all files say.
#[derive(Debug, Default)]
pub struct Told {
    /// Calls by fn.
    pub sites: BTreeMap<FnId, Vec<Site>>,
    /// File and line of settled gaps.
    pub settled: BTreeSet<(String, u32)>,
    /// File and line of what calls nothing, say `// rolefit: nothing` comments.
    pub nothing: BTreeSet<(String, u32)>,
    /// Comments that say nothing that is understood.
    pub gaps: Vec<Gap>,
}

/// The comments in a text.
pub fn comments_in(text: &str) -> Vec<Comment> {
    if !text.contains("rolefit:") {
        return Vec::new();
    }
    let lines: Vec<&str> = text.lines().collect();
    let number = |index: usize| u32::try_from(index + 1).unwrap_or(u32::MAX);
    let mut found = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let Some((before, behind)) = line.split_once("//") else {
            continue;
        };
        let Some(text) = behind.trim_start().strip_prefix("rolefit:") else {
            continue;
        };
        // Inside a text.
        if before.matches('"').count() % 2 == 1 {
            continue;
        }
        let text = text.split_once(" //").map_or(text, |(text, _)| text);
        // Waivers are the gate's.
        if text.trim_start().starts_with("ignore") {
            continue;
        }
        let alone = before.trim().is_empty();
        let below = lines
            .iter()
            .enumerate()
            .skip(index + 1)
            .find(|(_, line)| !line.trim().is_empty() && !line.trim_start().starts_with("//"))
            .map(|(index, _)| (number(index), number(end_of_chain(&lines, index))));
        found.push(Comment {
            line: number(index),
            column: u32::try_from(before.chars().count() + 1).unwrap_or(1),
            text: text.trim().to_owned(),
            below: below.filter(|_| alone),
        });
    }
    found
}

/// The last line of the call that begins on the line at `index`: brackets closed, and the links of its chain behind it.
fn end_of_chain(lines: &[&str], index: usize) -> usize {
    let mut open = 0_i32;
    let mut end = index;
    for (at, line) in lines.iter().enumerate().skip(index).take(MAX_CHAIN) {
        let code = line.split_once("//").map_or(*line, |(code, _)| code).trim();
        let goes_on = open > 0 || code.starts_with(['.', '?']) || at == index || code.is_empty();
        if !goes_on {
            break;
        }
        end = at;
        for char in code.chars() {
            open += match char {
                '(' | '[' => 1,
                ')' | ']' => -1,
                _ => 0,
            };
        }
        // A statement's end, and the beginning of a block.
        if code.ends_with([';', '{']) || open < 0 {
            break;
        }
    }
    end
}

/// Reads every comment, finds its fn, and adds the SDK crates of the operations that are named.
pub fn read<'a>(world: &mut World<'a>, files: &Files, catalog: &'a Catalog) -> Told {
    let mut told = Told::default();
    for (index, file) in files.files.iter().enumerate() {
        let number = u32::try_from(index).unwrap_or(u32::MAX);
        for comment in &file.comments {
            let place = Location::new(&file.path, comment.line, comment.column);
            let wrong = |message: String| {
                Gap::new("bad-comment", message).at(place.clone()).hint(
                    "write `// rolefit: operation service.Operation Member=value` or `// rolefit: nothing`",
                )
            };
            let span = Span {
                file: number,
                line: comment.line,
                column: comment.column,
            };
            match site(world, catalog, comment, span) {
                Ok(None) => {}
                Ok(Some(site)) => {
                    let homes = homes(world, number, comment.line);
                    if homes.is_empty() {
                        told.gaps.push(wrong(
                            "the comment stands neither in a fn nor above one".to_owned(),
                        ));
                        continue;
                    }
                    for home in homes {
                        told.sites.entry(home).or_default().push(site.clone());
                    }
                }
                Err(message) => {
                    told.gaps.push(wrong(message));
                    continue;
                }
            }
            let below = comment.below.map(|(from, to)| from..=to);
            let lines = std::iter::once(comment.line).chain(below.into_iter().flatten());
            let lines: Vec<(String, u32)> = lines.map(|line| (file.path.clone(), line)).collect();
            if comment.text.starts_with("nothing") {
                told.nothing.extend(lines.iter().cloned());
            }
            told.settled.extend(lines);
        }
    }
    told
}

/// The call that a comment declares; none for `nothing`.
fn site<'a>(
    world: &mut World<'a>,
    catalog: &'a Catalog,
    comment: &Comment,
    span: Span,
) -> Result<Option<Site>, String> {
    let mut words = comment.text.split_whitespace();
    match words.next() {
        Some("nothing") => return Ok(None),
        Some("operation") => {}
        Some(other) => return Err(format!("`rolefit: {other}` is not known")),
        None => return Err("`rolefit:` says nothing".to_owned()),
    }
    let named = words.next().ok_or("`rolefit: operation` names no operation")?;
    let id = OperationId::parse(named).ok_or_else(|| format!("`{named}` is not `service.Operation`"))?;
    let package = format!("aws-sdk-{}", id.service);
    let operation = catalog
        .service_of_crate(&package)
        .and_then(|service| service.operation(&id.name))
        .ok_or_else(|| format!("`{named}` is not an operation in the catalogue"))?;
    let members = words
        .map(|word| member(&operation, word))
        .collect::<Result<_, String>>()?;
    let method: Name = Arc::from(operation.method());
    Ok(Some(Site {
        expr: ExprId(u32::MAX),
        span,
        sdk: sdk(world, catalog, package),
        operation: method.clone(),
        method,
        kind: SiteKind::Declared(members),
        library: None,
        given: Vec::new(),
    }))
}

/// `Member=value`.
fn member(operation: &Operation<'_>, word: &str) -> Result<(Name, ResourceHint), String> {
    let (name, value) = word
        .split_once('=')
        .ok_or_else(|| format!("`{word}` is not `Member=value`"))?;
    let top = name.split(['.', '[', '{']).next().unwrap_or(name);
    if operation.input().and_then(|input| input.member(top)).is_none() {
        return Err(format!("`{}` has no member `{top}`", operation.id()));
    }
    let hint = match value.strip_prefix('$') {
        Some(variable) => ResourceHint::env(variable),
        None => {
            let mut pieces = Vec::new();
            for (index, text) in value.split('*').enumerate() {
                if index > 0 {
                    pieces.push(Piece::Hole("the comment leaves it open".to_owned()));
                }
                if !text.is_empty() {
                    pieces.push(Piece::Literal(text.to_owned()));
                }
            }
            ResourceHint { pieces, origin: None }
        }
    };
    if hint.pieces.is_empty() {
        return Err(format!("`{name}` is given no value"));
    }
    Ok((Name::from(name), hint))
}

fn sdk<'a>(world: &mut World<'a>, catalog: &'a Catalog, package: String) -> SdkId {
    let known = world.sdks.iter().find(|(_, sdk)| sdk.package == package);
    match known.map(|(id, _)| id) {
        Some(id) => id,
        None => {
            let service = catalog.service_of_crate(&package);
            world.sdks.push(Sdk { package, service })
        }
    }
}

/// The fns that a line belongs to: the innermost around it, else the next one below. A file that several crates share
/// has several.
fn homes(world: &World<'_>, file: u32, line: u32) -> Vec<FnId> {
    let here = || {
        world
            .fns
            .iter()
            .filter(move |(_, data)| data.item.span.file == file && data.item.end_line > 0)
    };
    let around = here()
        .map(|(_, data)| (data.item.span.line, data.item.end_line))
        .filter(|(start, end)| *start <= line && line <= *end)
        .max();
    let below = || {
        here()
            .map(|(_, data)| (data.item.span.line, data.item.end_line))
            .filter(|(start, _)| *start > line && *start - line <= MAX_ABOVE)
            .min()
    };
    let Some(lines) = around.or_else(below) else {
        return Vec::new();
    };
    here()
        .filter(|(_, data)| (data.item.span.line, data.item.end_line) == lines)
        .map(|(id, _)| id)
        .collect()
}
