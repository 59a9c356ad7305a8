//! `rolefit diff`: need against role.

use super::args::{Diff, Format};
use super::{Outcome, assess, show, show_json};
use crate::report::{json, text};

/// Shows the comparison.
pub fn run(args: &Diff) -> anyhow::Result<Outcome> {
    let inputs = assess::read(&args.project)?;
    let report = assess::assess(&inputs);
    match args.format {
        Format::Text => show(&text::diff(&report, inputs.catalog()))?,
        Format::Json => show_json(&json::report(&report, inputs.catalog()))?,
    }
    let counts = report.counts();
    let differs = counts.missing + counts.excess + counts.narrowed > 0;
    Ok(match report.functions.is_empty() {
        true => Outcome::NothingToCheck,
        false if args.exit_code && differs => Outcome::Findings,
        false => Outcome::Passed,
    })
}
