//! `rolefit check`: the gate.

use super::args::{Check, ReportFormat};
use super::{Outcome, approved, assess, complain, render, say, terminal};
use crate::gate;
use crate::report::text;

/// Judges every function's role and says whether the build may go on.
pub fn run(args: &Check) -> anyhow::Result<Outcome> {
    let mut inputs = assess::read(&args.project)?;
    match (&args.base, &args.base_report) {
        (Some(revision), _) => {
            inputs.approved = Some(approved::revision(inputs.root(), revision, inputs.catalog())?);
        }
        (None, Some(report)) => inputs.approved = Some(approved::report(report)?),
        (None, None) => {}
    }
    let inputs = inputs;
    let mut report = assess::assess(&inputs);
    if !args.fail_on.is_empty() {
        report.fails = gate::fails(&report.findings, &args.fail_on);
    }
    if report.functions.is_empty()
        && args.output.format == ReportFormat::Text
        && args.output.targets.is_empty()
    {
        say("no functions found: neither a stack template nor a binary");
        return Ok(Outcome::NothingToCheck);
    }
    let source = |file: &str| inputs.source(file);
    render::write(&args.output, &inputs, &report, &|styled| {
        let show = match (terminal::is_quiet(), args.verbose) {
            (true, _) => text::Show::Failing,
            (false, true) => text::Show::Everything,
            (false, false) => text::Show::Warnings,
        };
        let look = text::Look {
            styled,
            linked: styled && terminal::takes_links(),
            width: terminal::width(),
        };
        text::check(&report, &source, show, look)
    })?;
    if report.functions.is_empty() {
        return Ok(Outcome::NothingToCheck);
    }
    if inputs.lacks_a_template() {
        complain("a stack template could not be read, so the report is not complete");
        return Ok(Outcome::Unusable);
    }
    let incomplete = (args.strict || inputs.config.strict) && report.counts().gaps > 0;
    Ok(match (report.fails && !args.exit_zero, incomplete) {
        (true, _) => Outcome::Findings,
        (false, true) => Outcome::Incomplete,
        (false, false) => Outcome::Passed,
    })
}
