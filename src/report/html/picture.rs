//! The picture of functions and what they may touch: a grid in SVG, without styles of its own.
//!
//! Few functions: one row per resource, one column per function. Many: one row per function, one column per service.
//! Every cell tells how many actions are kept (`=`), narrowed (`~`), in excess (`−`), missing (`+`) or of unknown use
//! (`?`): the same signs as everywhere else, so that colour is never all there is.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::grid::{Cell, Grid, Head};
use crate::diff::Verdict;
use crate::iam::arn::ArnPattern;
use crate::report::Assessed;

/// Most functions and resources that are drawn resource by resource.
const MOST: (usize, usize) = (14, 70);

/// What a sign says, the most important last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Needed,
    Wide,
    Unobserved,
    Excess,
    Missing,
}

impl Kind {
    fn of(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Keep => Self::Needed,
            Verdict::Narrow => Self::Wide,
            Verdict::Remove => Self::Excess,
            Verdict::Unobserved => Self::Unobserved,
            Verdict::Add => Self::Missing,
        }
    }

    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Needed => "needed",
            Self::Wide => "narrow",
            Self::Excess => "excess",
            Self::Unobserved => "unobserved",
            Self::Missing => "missing",
        }
    }

    pub(super) fn sign(self) -> char {
        match self {
            Self::Needed => '=',
            Self::Wide => '~',
            Self::Excess => '−',
            Self::Unobserved => '?',
            Self::Missing => '+',
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Needed => "needed and granted",
            Self::Wide => "needed, on less than is granted",
            Self::Excess => "granted, not needed",
            Self::Unobserved => "granted, use unknown",
            Self::Missing => "needed, not granted",
        }
    }
}

/// The actions of one kind in one cell, and how many they stand for.
#[derive(Debug, Default)]
struct Tally {
    actions: BTreeSet<String>,
    count: usize,
}

/// Function, row or column of the grid → kind → actions.
type Cells = BTreeMap<(usize, Place), BTreeMap<Kind, Tally>>;

/// A service, and the resource in it; no resource where services are drawn as a whole.
type Place = (String, String);

/// The picture of all functions.
pub(super) fn picture(functions: &[Assessed<'_>]) -> String {
    let cells = cells(functions, &|service, row, kind| {
        (service.to_owned(), resource(service, row, kind))
    });
    let places: BTreeSet<&Place> = cells.keys().map(|(_, place)| place).collect();
    if functions.len() <= MOST.0 && places.len() <= MOST.1 {
        by_resource(functions, &cells)
    } else {
        by_service(functions)
    }
}

fn cells(functions: &[Assessed<'_>], place: &dyn Fn(&str, &ArnPattern, Kind) -> Place) -> Cells {
    let mut cells = Cells::new();
    for (index, assessed) in functions.iter().enumerate() {
        for row in &assessed.diff.rows {
            let kind = match (&assessed.function.role, Kind::of(row.verdict)) {
                (None, Kind::Missing) => Kind::Needed,
                (_, kind) => kind,
            };
            let service = service(row.action.as_str());
            let cell = cells
                .entry((index, place(&service, &row.resource, kind)))
                .or_default();
            let tally = cell.entry(kind).or_default();
            tally.count += row.actions;
            tally.actions.insert(row.action.to_string());
        }
    }
    cells
}

fn service(action: &str) -> String {
    action.split(':').next().unwrap_or_default().to_ascii_lowercase()
}

/// What the resource is called in the picture. Every function has a log group of its own: one word for all of them.
fn resource(service: &str, resource: &ArnPattern, kind: Kind) -> String {
    let short = resource.short();
    if resource.is_any() && matches!(kind, Kind::Needed | Kind::Missing) {
        "(takes no resource)".to_owned()
    } else if resource.is_any() {
        "everything (*)".to_owned()
    } else if service == "logs" && short.contains("log-group:") {
        "log groups".to_owned()
    } else {
        match short.strip_prefix(&format!("{service}:")) {
            Some(name) => name.to_owned(),
            None => short,
        }
    }
}

/// One row per resource.
fn by_resource(functions: &[Assessed<'_>], cells: &Cells) -> String {
    let places: BTreeSet<&Place> = cells.keys().map(|(_, place)| place).collect();
    let heads: Vec<Head> = functions
        .iter()
        .enumerate()
        .map(|(index, assessed)| Head::linked(&assessed.function.name, index))
        .collect();
    let mut grid = Grid::new("Resources and the functions that may touch them", heads);
    let mut before = "";
    for (service, resource) in places {
        if service != before {
            grid.group(service);
        }
        before = service;
        let row: Vec<Cell> = (0..functions.len())
            .map(|index| {
                let of = cells.get(&(index, (service.clone(), resource.clone())));
                let name = functions
                    .get(index)
                    .map_or("", |assessed| assessed.function.name.as_str());
                cell(of, &format!("{name} on {resource}"), Some(index))
            })
            .collect();
        grid.row(Head::plain(resource), row);
    }
    grid.draw()
}

/// One row per function, and one for all of them.
fn by_service(functions: &[Assessed<'_>]) -> String {
    let cells = cells(functions, &|service, _, _| (service.to_owned(), String::new()));
    let services: BTreeSet<&Place> = cells.keys().map(|(_, place)| place).collect();
    let heads = services.iter().map(|(service, _)| Head::plain(service)).collect();
    let mut grid = Grid::new("Functions and the services that they may use", heads);
    let worst = |of: Option<&BTreeMap<Kind, Tally>>, name: &str, index: Option<usize>| {
        let mut cell = cell(of, name, index);
        cell.keep_worst();
        cell
    };
    let all: Vec<Cell> = services
        .iter()
        .map(|place| {
            let mut sum: BTreeMap<Kind, Tally> = BTreeMap::new();
            for (_, kinds) in cells.iter().filter(|((_, at), _)| at == *place) {
                for (kind, tally) in kinds {
                    sum.entry(*kind).or_default().count += tally.count;
                }
            }
            worst(Some(&sum), &format!("all functions, {}", place.0), None)
        })
        .collect();
    grid.row(Head::plain(&format!("all {} functions", functions.len())), all);
    for (index, assessed) in functions.iter().enumerate() {
        let name = &assessed.function.name;
        let row = services
            .iter()
            .map(|place| {
                let of = cells.get(&(index, (*place).clone()));
                worst(of, &format!("{name}, {}", place.0), Some(index))
            })
            .collect();
        grid.row(Head::linked(name, index), row);
    }
    grid.draw()
}

fn cell(of: Option<&BTreeMap<Kind, Tally>>, name: &str, function: Option<usize>) -> Cell {
    let mut words = name.to_owned();
    let kinds = of.into_iter().flatten();
    let counts = kinds
        .map(|(kind, tally)| {
            let _ = write!(words, "\n{} {}: {}", kind.sign(), kind.words(), told(tally));
            (*kind, tally.count)
        })
        .collect();
    Cell {
        counts,
        words,
        function,
    }
}

/// The actions by name where they are few.
fn told(tally: &Tally) -> String {
    let names: Vec<&str> = tally.actions.iter().map(String::as_str).take(8).collect();
    match tally.count.saturating_sub(names.len()) {
        _ if names.is_empty() => format!("{} actions", tally.count),
        0 => names.join(", "),
        more => format!("{} and {more} more", names.join(", ")),
    }
}

/// Text as HTML shows it.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
