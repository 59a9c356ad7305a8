//! `rolefit diff`: need against role.

use super::args::Project;
use super::render::{self, Output};
use super::{Outcome, assess, inputs};
use crate::report::text;

#[derive(Debug, clap::Args)]
pub struct Diff {
    #[command(flatten)]
    pub project: Project,
    #[command(flatten)]
    pub output: Output,
    /// Exit with 1 when there are differences.
    #[arg(long)]
    pub exit_code: bool,
}

/// Shows the comparison.
pub fn run(args: &Diff) -> anyhow::Result<Outcome> {
    let inputs = inputs::read(&args.project)?;
    let report = assess::assess(&inputs);
    render::write(&args.output, &inputs, &report, &|_| {
        text::diff(&report, inputs.catalog())
    })?;
    let counts = report.counts();
    let differs = counts.missing + counts.excess + counts.narrowed > 0;
    Ok(match report.functions.is_empty() {
        true => Outcome::NothingToCheck,
        false if args.exit_code && differs => Outcome::Findings,
        false => Outcome::Passed,
    })
}
