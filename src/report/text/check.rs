//! `rolefit check`: findings as code frames in the manner of the Rust compiler, then one line with the verdict.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use annotate_snippets::{AnnotationKind, Element, Group, Level as Kind, Renderer, Snippet};

use super::counted;
use crate::gate::{Finding, Level, Place};
use crate::report::Report;
use crate::report::place::span;

/// Which findings are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Show {
    /// Errors only.
    Failing,
    /// Errors and warnings.
    Warnings,
    /// Notes too.
    Everything,
}

/// How the text looks where it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// With ANSI styles.
    pub styled: bool,
    /// With links from the ids of rules to their pages, by OSC 8.
    pub linked: bool,
    /// Width in characters; the renderer's own choice when `None`.
    pub width: Option<usize>,
}

/// The findings, each with the lines it points at. `source` gives the text of a file of the scanned root.
pub fn check(report: &Report<'_>, source: &dyn Fn(&str) -> Option<String>, show: Show, look: Look) -> String {
    let renderer = if look.styled {
        Renderer::styled()
    } else {
        Renderer::plain()
    };
    let renderer = match look.width {
        Some(width) => renderer.term_width(width),
        None => renderer,
    };
    let least = match show {
        Show::Failing => Level::Error,
        Show::Warnings => Level::Warning,
        Show::Everything => Level::Note,
    };
    let seen = |finding: &&Finding| finding.waived.is_none() && finding.level >= least;
    let mut out = String::new();
    for finding in report.findings.iter().filter(seen) {
        let page = look.linked.then(|| finding.rule.page());
        let _ = writeln!(out, "{}\n", frame(finding, source, &renderer, page));
    }
    let _ = writeln!(out, "{}", verdict(report));
    if show == Show::Failing {
        return out;
    }
    if show == Show::Warnings && report.findings.iter().any(|finding| finding.level == Level::Note) {
        let _ = writeln!(out, "notes are left out; `--verbose` shows them");
    }
    if report.approved.is_none() && report.functions.iter().any(|one| one.function.role.is_some()) {
        let _ = writeln!(
            out,
            "neither rolefit.lock nor a base: creep was not judged; `rolefit lock` approves the grants of today"
        );
    }
    out
}

fn verdict(report: &Report<'_>) -> String {
    let count = |level: Level| {
        report
            .findings
            .iter()
            .filter(|f| f.waived.is_none() && f.level == level)
            .count()
    };
    let waived = report
        .findings
        .iter()
        .filter(|finding| finding.waived.is_some())
        .count();
    let mut parts = vec![
        counted(count(Level::Error), "error"),
        counted(count(Level::Warning), "warning"),
        counted(count(Level::Note), "note"),
    ];
    if waived > 0 {
        parts.push(format!("{waived} waived"));
    }
    let word = if report.fails {
        "check failed"
    } else {
        "check passed"
    };
    format!(
        "{word}: {} in {}",
        parts.join(", "),
        counted(report.functions.len(), "function")
    )
}

fn frame(
    finding: &Finding,
    source: &dyn Fn(&str) -> Option<String>,
    renderer: &Renderer,
    page: Option<String>,
) -> String {
    let kind = match finding.level {
        Level::Error => Kind::ERROR,
        Level::Warning => Kind::WARNING,
        Level::Note => Kind::NOTE,
    };
    let mut files: Vec<(&str, Vec<(usize, &Place)>)> = Vec::new();
    for (index, place) in finding.places.iter().enumerate() {
        match files.iter_mut().find(|(file, _)| *file == place.location.file) {
            Some((_, places)) => places.push((index, place)),
            None => files.push((&place.location.file, vec![(index, place)])),
        }
    }
    let title = kind.primary_title(finding.message.clone()).id(finding.rule.id);
    let mut group = Group::with_title(match page {
        Some(page) => title.id_url(page),
        None => title,
    });
    for (file, places) in files {
        group = group.element(snippet(file, &places, source));
    }
    for note in &finding.notes {
        group = group.element(Kind::NOTE.message(note.clone()));
    }
    if let Some(help) = &finding.help {
        group = group.element(Kind::HELP.message(help.clone()));
    }
    renderer.render(&[group])
}

fn snippet<'a>(
    file: &'a str,
    places: &[(usize, &'a Place)],
    source: &dyn Fn(&str) -> Option<String>,
) -> Element<'a> {
    let Some(text) = source(file) else {
        let line = places
            .first()
            .map_or(1, |(_, place)| place.location.line as usize);
        return annotate_snippets::Origin::path(file).line(line).into();
    };
    let mut labels: BTreeMap<(usize, usize), (bool, Vec<&str>)> = BTreeMap::new();
    for (index, place) in places {
        let span = span(&text, place);
        let entry = labels.entry((span.start, span.end)).or_default();
        entry.0 |= *index == 0;
        if !entry.1.contains(&place.label.as_str()) {
            entry.1.push(&place.label);
        }
    }
    let annotations: Vec<_> = labels
        .into_iter()
        .map(|((start, end), (primary, labels))| {
            let kind = if primary {
                AnnotationKind::Primary
            } else {
                AnnotationKind::Context
            };
            kind.span(start..end).label(labels.join("; "))
        })
        .collect();
    Snippet::source(text).path(file).annotations(annotations).into()
}
