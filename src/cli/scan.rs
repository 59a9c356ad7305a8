//! `rolefit scan`: the operations each function can reach.

use super::args::{Format, Project};
use super::{Outcome, inputs, show, show_json};
use crate::report::{scan, text};
use crate::usage::CallSite;

#[derive(Debug, clap::Args)]
pub struct Scan {
    #[command(flatten)]
    pub project: Project,
    /// Output format.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// Also list the calls that no entry reaches, and examples as entries.
    #[arg(long)]
    pub all: bool,
}

/// Shows the calls of every function.
pub fn run(args: &Scan) -> anyhow::Result<Outcome> {
    let inputs = inputs::read_code(&args.project, args.all)?;
    let scanned = inputs.scanned();
    let members = |call: &CallSite| inputs.catalog().resource_members(&call.operation, &call.inputs);
    let unreached = if args.all { inputs.unreached() } else { Vec::new() };
    let gaps = inputs.common_gaps();
    match args.format {
        Format::Text => show(&text::scan(&scanned, &unreached, &gaps, &members))?,
        Format::Json => show_json(&scan::scan(&scanned, &unreached, &gaps, &members))?,
    }
    Ok(if scanned.is_empty() {
        Outcome::NothingToCheck
    } else {
        Outcome::Passed
    })
}
