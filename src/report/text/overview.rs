//! `rolefit` alone: what was found, how it hangs together, what to run next.

use std::fmt::Write as _;

use super::{BOLD, DIM, GREEN, RED, YELLOW, counted, pad, paint};
use crate::report::{Assessed, Report};

const HEADINGS: [&str; 7] = [
    "FUNCTION",
    "BIN",
    "LINKED BY",
    "ROLE",
    "EXCESS",
    "MISSING",
    "GAPS",
];

/// The overview.
pub fn overview(report: &Report<'_>) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "{} {}", paint(BOLD, "found"), found(report).join("  "));
    let rows: Vec<[String; 7]> = report
        .functions
        .iter()
        .map(|assessed| row(assessed, report))
        .collect();
    let widths: Vec<usize> = (0..HEADINGS.len())
        .map(|column| {
            let cells = rows
                .iter()
                .filter_map(|row| row.get(column))
                .map(|cell| cell.chars().count());
            cells
                .chain(HEADINGS.get(column).map(|heading| heading.len()))
                .max()
                .unwrap_or(0)
        })
        .collect();
    let _ = writeln!(
        out,
        "  {}",
        paint(DIM, &line(&HEADINGS.map(str::to_owned), &widths))
    );
    for (assessed, row) in report.functions.iter().zip(&rows) {
        let counts = assessed.counts();
        let style = match (counts.missing, counts.excess + counts.narrowed) {
            (0, 0) if counts.gaps == 0 => GREEN,
            (0, _) => YELLOW,
            _ => RED,
        };
        let _ = writeln!(out, "  {}", paint(style, &line(row, &widths)));
    }
    let counts = report.counts();
    let _ = writeln!(
        out,
        "{}: {} granted today, {} needed; {} excess, {} missing, {}",
        counted(report.functions.len(), "function"),
        counts.granted,
        counts.needed,
        counts.excess,
        counts.missing,
        counted(counts.gaps, "gap"),
    );
    if let Some(assessed) = report
        .functions
        .iter()
        .find(|a| a.counts().missing + a.counts().excess > 0)
        .or(report.functions.first())
    {
        let name = &assessed.function.name;
        let explain = assessed
            .grants
            .first()
            .map(|grant| format!("    rolefit explain {name} {}", grant.action));
        let _ = writeln!(
            out,
            "{} rolefit diff --function {name}{}    rolefit check    rolefit generate",
            paint(BOLD, "try:"),
            explain.unwrap_or_default(),
        );
    }
    out
}

fn found(report: &Report<'_>) -> Vec<String> {
    let mut found: Vec<String> = report
        .workspace
        .stacks
        .iter()
        .enumerate()
        // The functions of an account are a stack each.
        .filter(|(_, stack)| stack.kind != "account")
        .map(|(index, stack)| {
            let functions = report
                .functions
                .iter()
                .filter(|a| a.function.stack == Some(index))
                .count();
            let kind = match stack.kind {
                "sam" => "AWS SAM",
                "cdk" => "CDK",
                "serverless" => "Serverless Framework",
                "terraform" => "Terraform",
                _ => "CloudFormation",
            };
            format!("{} ({kind}, {})", stack.file, counted(functions, "function"))
        })
        .collect();
    let of_account = |assessed: &&Assessed<'_>| {
        let stack = assessed
            .function
            .stack
            .and_then(|index| report.workspace.stacks.get(index));
        stack.is_some_and(|stack| stack.kind == "account")
    };
    let deployed = report.functions.iter().filter(of_account).count();
    if deployed > 0 {
        found.push(format!("the account ({})", counted(deployed, "function")));
    }
    let binaries: usize = report
        .workspace
        .packages
        .iter()
        .map(|package| package.binaries.len())
        .sum();
    found.push(format!(
        "{}, {}",
        counted(report.workspace.packages.len(), "Cargo package"),
        counted_binaries(binaries)
    ));
    found.push(
        report
            .trail
            .clone()
            .unwrap_or_else(|| "no CloudTrail usage".to_owned()),
    );
    found
}

fn counted_binaries(count: usize) -> String {
    if count == 1 {
        "1 binary".to_owned()
    } else {
        format!("{count} binaries")
    }
}

fn row(assessed: &Assessed<'_>, report: &Report<'_>) -> [String; 7] {
    let (function, counts) = (assessed.function, assessed.counts());
    let of_role = |count: usize| {
        if function.role.is_some() {
            count.to_string()
        } else {
            "-".to_owned()
        }
    };
    [
        name(assessed, report),
        function
            .binary
            .as_ref()
            .map_or_else(|| "?".to_owned(), |binary| binary.binary.clone()),
        function.linked_by.clone().unwrap_or_else(|| "-".to_owned()),
        function
            .role
            .as_ref()
            .map_or_else(|| "-".to_owned(), |role| role.id.clone()),
        of_role(counts.excess),
        of_role(counts.missing),
        counts.gaps.to_string(),
    ]
}

fn line(cells: &[String; 7], widths: &[usize]) -> String {
    let mut out = String::new();
    for (index, (cell, width)) in cells.iter().zip(widths).enumerate() {
        if index >= 4 {
            let _ = write!(
                out,
                "{}{cell}  ",
                " ".repeat(width.saturating_sub(cell.chars().count()))
            );
        } else {
            let _ = write!(out, "{}  ", pad(cell, *width));
        }
    }
    out.trim_end().to_owned()
}

/// The function's name, with its folder where another one has the same name.
fn name(assessed: &Assessed<'_>, report: &Report<'_>) -> String {
    let function = assessed.function;
    let namesakes = report
        .functions
        .iter()
        .filter(|other| other.function.name == function.name)
        .count();
    match function.location.file.rsplit_once('/') {
        Some((folder, _)) if namesakes > 1 => format!("{} ({folder})", function.name),
        _ => function.name.clone(),
    }
}
