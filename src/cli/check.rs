//! `rolefit check`: the gate.

use super::args::{Check, ConfidenceArg, ReportFormat, SeverityArg};
use super::{Outcome, approved, assess, complain, inputs, render, say, sources, terminal};
use crate::config::Config;
use crate::diff::risk::Severity;
use crate::gate::{self, Threshold};
use crate::report::text;
use crate::usage::Confidence;

/// Judges every function's role and says whether the build may go on.
pub fn run(args: &Check) -> anyhow::Result<Outcome> {
    let mut inputs = inputs::read(&args.project)?;
    match (&args.base, &args.base_report) {
        (Some(revision), _) => {
            let stages = sources::stages(&inputs.config, inputs.root())?;
            let base = approved::revision(inputs.root(), revision, inputs.catalog(), &stages)?;
            inputs.approved = Some(base);
        }
        (None, Some(report)) => inputs.approved = Some(approved::report(report)?),
        (None, None) => {}
    }
    let inputs = inputs;
    let mut report = assess::assess(&inputs);
    report.fails = gate::fails(&report.findings, &threshold(args, &inputs.config));
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
    let incomplete = (args.strict || inputs.config.check.strict) && report.counts().gaps > 0;
    Ok(match (report.fails && !args.exit_zero, incomplete) {
        (true, _) => Outcome::Findings,
        (false, true) => Outcome::Incomplete,
        (false, false) => Outcome::Passed,
    })
}

/// When findings fail the check: as configured, but for what the command line says.
fn threshold(args: &Check, config: &Config) -> Threshold {
    let configured = config.check.threshold();
    Threshold {
        fail_on: match args.fail_on.as_slice() {
            [] => configured.fail_on,
            rules => rules.to_vec(),
        },
        min_severity: match args.min_severity {
            Some(SeverityArg::Info) => Severity::Info,
            Some(SeverityArg::Low) => Severity::Low,
            Some(SeverityArg::Medium) => Severity::Medium,
            Some(SeverityArg::High) => Severity::High,
            Some(SeverityArg::Critical) => Severity::Critical,
            None => configured.min_severity,
        },
        min_confidence: match args.min_confidence {
            Some(ConfidenceArg::Low) => Confidence::Low,
            Some(ConfidenceArg::Medium) => Confidence::Medium,
            Some(ConfidenceArg::High) => Confidence::High,
            None => configured.min_confidence,
        },
    }
}
