//! `rolefit check`: the gate.

use super::args::{Check, Format};
use super::{Outcome, assess, say, show, show_json};
use crate::gate;
use crate::report::{json, text};

/// Judges every function's role and says whether the build may go on.
pub fn run(args: &Check) -> anyhow::Result<Outcome> {
    let inputs = assess::read(&args.project)?;
    let mut report = assess::assess(&inputs);
    if !args.fail_on.is_empty() {
        report.fails = gate::fails(&report.findings, &args.fail_on);
    }
    if report.functions.is_empty() && args.format == Format::Text {
        say("no functions found: neither a stack template nor a binary");
        return Ok(Outcome::NothingToCheck);
    }
    match args.format {
        Format::Text => {
            let styled = !matches!(
                anstream::AutoStream::choice(&std::io::stdout()),
                anstream::ColorChoice::Never
            );
            show(&text::check(
                &report,
                &|file| inputs.source(file),
                args.verbose,
                styled,
            ))?;
        }
        Format::Json => show_json(&json::report(&report, inputs.catalog()))?,
    }
    if report.functions.is_empty() {
        return Ok(Outcome::NothingToCheck);
    }
    if inputs.lacks_a_template() {
        say("error: a stack template could not be read, so the report is not complete");
        return Ok(Outcome::Unusable);
    }
    let incomplete = (args.strict || inputs.config.strict) && report.counts().gaps > 0;
    Ok(match (report.fails && !args.exit_zero, incomplete) {
        (true, _) => Outcome::Findings,
        (false, true) => Outcome::Incomplete,
        (false, false) => Outcome::Passed,
    })
}
