//! `rolefit check`: the gate.

use std::path::PathBuf;

use clap::ValueEnum;

use super::args::Project;
use super::render::{self, Output, ReportFormat};
use super::{Outcome, approved, assess, complain, inputs, say, sources, terminal};
use crate::config::Config;
use crate::diff::risk::Severity;
use crate::gate::{self, Threshold};
use crate::report::text;
use crate::usage::Confidence;

#[derive(Debug, clap::Args)]
pub struct Check {
    #[command(flatten)]
    pub project: Project,
    #[command(flatten)]
    pub output: Output,
    /// Fail (exit 4) when the analysis is incomplete.
    #[arg(long)]
    pub strict: bool,
    /// Show notes too.
    #[arg(long, short)]
    pub verbose: bool,
    /// Compare with the roles at this git revision, such as `origin/main`, instead of `rolefit.lock`.
    #[arg(long, value_name = "REV", conflicts_with = "base_report")]
    pub base: Option<String>,
    /// Compare with the roles in an earlier `--format json` report instead of `rolefit.lock`.
    #[arg(long, value_name = "FILE")]
    pub base_report: Option<PathBuf>,
    /// Exit with 0 even if there are findings.
    #[arg(long)]
    pub exit_zero: bool,
    /// Rules that fail the build, such as `RF001` or `RF01*`; replaces the configured ones.
    #[arg(long, value_name = "RULE", value_delimiter = ',', value_parser = rules)]
    pub fail_on: Vec<String>,
    /// How bad a finding must be to fail the build; replaces the configured severity.
    #[arg(long, value_enum, value_name = "SEVERITY")]
    pub min_severity: Option<SeverityArg>,
    /// How sure a finding must be to fail the build; replaces the configured confidence.
    #[arg(long, value_enum, value_name = "CONFIDENCE")]
    pub min_confidence: Option<ConfidenceArg>,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SeverityArg {
    Info,
    Low,
    Medium,
    High,
    Critical,
}

/// How sure a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ConfidenceArg {
    Low,
    Medium,
    High,
}

/// A choice of rules that fits one at least.
fn rules(text: &str) -> Result<String, String> {
    match crate::config::rule_glob(text) {
        None => Ok(text.to_owned()),
        Some((fault, None)) => Err(fault),
        Some((fault, Some(help))) => Err(format!("{fault}; {help}")),
    }
}

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
