//! The picture of functions and the resources they may touch, as inline SVG without styles of its own.
//!
//! A few functions are drawn as lines to resources; many as a table of functions and services, which stays readable for
//! hundreds.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::diff::Verdict;
use crate::iam::arn::ArnPattern;
use crate::report::Assessed;

/// Most functions and resources that are drawn with lines.
const MOST_LINES: (usize, usize) = (24, 48);
/// Height of a line of text in the drawing.
const STEP: usize = 26;
/// Where the functions' names end, and where the resources' names begin.
const LEFT: usize = 230;
const RIGHT: usize = 640;

/// What a line says; the order is the order of drawing, the most important on top.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Excess,
    Unobserved,
    Needed,
    Wide,
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

    fn class(self) -> &'static str {
        match self {
            Self::Needed => "needed",
            Self::Wide => "wide",
            Self::Excess => "excess",
            Self::Unobserved => "unobserved",
            Self::Missing => "missing",
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

type Edges = BTreeMap<(usize, String, Kind), BTreeSet<String>>;

/// The picture of all functions.
pub(super) fn picture(functions: &[Assessed<'_>]) -> String {
    let edges = edges(functions);
    let resources: BTreeSet<&str> = edges.keys().map(|(_, resource, _)| resource.as_str()).collect();
    if functions.len() <= MOST_LINES.0 && resources.len() <= MOST_LINES.1 {
        lines(functions, &edges)
    } else {
        table(functions)
    }
}

fn edges(functions: &[Assessed<'_>]) -> Edges {
    let mut edges = Edges::new();
    for (index, assessed) in functions.iter().enumerate() {
        for row in &assessed.diff.rows {
            let kind = match (&assessed.function.role, Kind::of(row.verdict)) {
                (None, Kind::Missing) => Kind::Needed,
                (_, kind) => kind,
            };
            let service = service(row.action.as_str());
            edges
                .entry((index, resource(&service, &row.resource, kind), kind))
                .or_default()
                .insert(row.action.to_string());
        }
    }
    edges
}

fn service(action: &str) -> String {
    action.split(':').next().unwrap_or_default().to_ascii_lowercase()
}

/// What the resource is called in the picture. Every function has a log group of its own: one word for all of them.
fn resource(service: &str, resource: &ArnPattern, kind: Kind) -> String {
    let short = resource.short();
    if resource.is_any() && matches!(kind, Kind::Needed | Kind::Missing) {
        format!("{service}: (takes no resource)")
    } else if resource.is_any() {
        format!("{service}: everything")
    } else if service == "logs" && short.contains("log-group:") {
        "logs: log groups".to_owned()
    } else if short.starts_with(&format!("{service}:")) || short.starts_with("arn:") {
        short
    } else {
        format!("{service}: {short}")
    }
}

fn lines(functions: &[Assessed<'_>], edges: &Edges) -> String {
    let order = order(edges);
    let place: BTreeMap<&str, usize> = order.iter().enumerate().map(|(at, name)| (*name, at)).collect();
    let rows = functions.len().max(order.len()).max(1);
    let spread = |at: usize, of: usize| STEP + (at * 2 + 1) * rows * STEP / (of.max(1) * 2) - STEP / 2;
    let mut svg = String::new();
    let _ = write!(
        svg,
        "<svg viewBox=\"0 0 960 {}\" role=\"img\" aria-label=\"Functions and the resources they may touch\" class=\"lines\">",
        (rows + 1) * STEP
    );
    let mut drawn: Vec<_> = edges.iter().collect();
    drawn.sort_by_key(|((function, resource, kind), _)| (*kind, *function, resource.clone()));
    for ((function, resource, kind), actions) in drawn {
        let from = spread(*function, functions.len());
        let to = spread(place.get(resource.as_str()).copied().unwrap_or(0), order.len());
        let shift = *kind as usize;
        let name = functions
            .get(*function)
            .map_or("", |assessed| assessed.function.name.as_str());
        let actions: Vec<&str> = actions.iter().map(String::as_str).collect();
        let _ = write!(
            svg,
            "<path class=\"{}\" d=\"M{LEFT} {y1}C{} {y1} {} {y2} {RIGHT} {y2}\" data-f=\"f{function}\"><title>{} → {}: {} ({})</title></path>",
            kind.class(),
            LEFT + 180,
            RIGHT - 180,
            escape(name),
            escape(resource),
            escape(&actions.join(", ")),
            kind.words(),
            y1 = from + shift * 2 - 4,
            y2 = to + shift * 2 - 4,
        );
    }
    for (index, assessed) in functions.iter().enumerate() {
        let _ = write!(
            svg,
            "<a href=\"#f{index}\"><text x=\"{}\" y=\"{}\" class=\"fn\">{}</text></a>",
            LEFT - 8,
            spread(index, functions.len()) + 4,
            escape(&cut(&assessed.function.name, 30))
        );
    }
    for (index, name) in order.iter().enumerate() {
        let _ = write!(
            svg,
            "<text x=\"{}\" y=\"{}\" class=\"res\">{}<title>{}</title></text>",
            RIGHT + 8,
            spread(index, order.len()) + 4,
            escape(&cut(name, 40)),
            escape(name)
        );
    }
    svg.push_str("</svg>");
    svg
}

/// Resources by service, and both in the order that crosses few lines: by the middle of the functions that touch them.
fn order(edges: &Edges) -> Vec<&str> {
    let mut touched: BTreeMap<&str, BTreeSet<usize>> = BTreeMap::new();
    let mut services: BTreeMap<&str, BTreeSet<usize>> = BTreeMap::new();
    let service = |resource: &'_ str| resource.find(':').map_or(resource.len(), |at| at);
    for (function, resource, _) in edges.keys() {
        touched.entry(resource).or_default().insert(*function);
        let service = resource.get(..service(resource)).unwrap_or(resource);
        services.entry(service).or_default().insert(*function);
    }
    let middle = |by: &BTreeSet<usize>| by.iter().sum::<usize>() * 1000 / by.len().max(1);
    let mut order: Vec<(usize, &str, usize, &str)> = touched
        .iter()
        .map(|(name, by)| {
            let of = name.get(..service(name)).unwrap_or(name);
            (services.get(of).map_or(0, middle), of, middle(by), *name)
        })
        .collect();
    order.sort_unstable();
    order.into_iter().map(|(.., name)| name).collect()
}

fn table(functions: &[Assessed<'_>]) -> String {
    let mut cells: BTreeMap<(usize, String), BTreeMap<Kind, usize>> = BTreeMap::new();
    for (index, assessed) in functions.iter().enumerate() {
        for row in &assessed.diff.rows {
            let kind = match (&assessed.function.role, Kind::of(row.verdict)) {
                (None, Kind::Missing) => Kind::Needed,
                (_, kind) => kind,
            };
            let cell = cells.entry((index, service(row.action.as_str()))).or_default();
            *cell.entry(kind).or_default() += row.actions;
        }
    }
    let services: BTreeSet<&str> = cells.keys().map(|(_, service)| service.as_str()).collect();
    let services: Vec<&str> = services.into_iter().collect();
    let (width, top) = (LEFT + services.len() * 34 + 90, 110);
    let mut svg = String::new();
    let _ = write!(
        svg,
        "<svg viewBox=\"0 0 {width} {}\" width=\"{width}\" role=\"img\" aria-label=\"Functions and the services they may use\" class=\"matrix\">",
        top + functions.len() * 18 + 10
    );
    for (column, service) in services.iter().enumerate() {
        let x = LEFT + column * 34 + 12;
        let _ = write!(
            svg,
            "<text class=\"res\" transform=\"translate({x} {}) rotate(-45)\">{}</text>",
            top - 14,
            escape(service)
        );
    }
    for (index, assessed) in functions.iter().enumerate() {
        let y = top + index * 18;
        let _ = write!(
            svg,
            "<a href=\"#f{index}\"><text x=\"{}\" y=\"{}\" class=\"fn\">{}</text></a>",
            LEFT - 8,
            y + 4,
            escape(&cut(&assessed.function.name, 30))
        );
        for (column, service) in services.iter().enumerate() {
            if let Some(cell) = cells.get(&(index, (*service).to_owned())) {
                dots(&mut svg, cell, LEFT + column * 34 + 6, y);
            }
        }
    }
    svg.push_str("</svg>");
    svg
}

/// One sign per kind: a full dot for needed, a ring for excess, a cross for missing; more actions, larger sign.
fn dots(svg: &mut String, cell: &BTreeMap<Kind, usize>, x: usize, y: usize) {
    let words: Vec<String> = cell
        .iter()
        .map(|(kind, count)| format!("{count} {}", kind.words()))
        .collect();
    let _ = write!(svg, "<g><title>{}</title>", words.join("; "));
    for (at, (kind, count)) in cell.iter().enumerate() {
        let radius = match count {
            0..=3 => 3,
            4..=20 => 5,
            _ => 7,
        };
        let _ = match kind {
            Kind::Missing => write!(
                svg,
                "<path class=\"missing\" d=\"M{} {y}h8m-4 -4v8\"/>",
                (x + at * 9).saturating_sub(4)
            ),
            kind => write!(
                svg,
                "<circle class=\"{}\" cx=\"{}\" cy=\"{y}\" r=\"{radius}\"/>",
                kind.class(),
                x + at * 9
            ),
        };
    }
    svg.push_str("</g>");
}

fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let head: String = text.chars().take(most - 1).collect();
    format!("{head}…")
}

/// Text as HTML shows it.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
