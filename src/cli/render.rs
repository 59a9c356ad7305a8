//! A report in the form that was asked for: printed, and written to files.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::ValueEnum;

use super::inputs::Inputs;
use super::show;
use crate::report::{self, Report, json};

/// How a report is written, and where to.
#[derive(Clone, Debug, clap::Args)]
pub struct Output {
    /// Format of what is printed.
    #[arg(long, value_enum, default_value_t = ReportFormat::Text)]
    pub format: ReportFormat,
    /// Also write the report to a file in a format, such as `sarif=rolefit.sarif`; may be repeated.
    #[arg(short = 'o', long = "output", value_name = "FORMAT=FILE", value_parser = target)]
    pub targets: Vec<Target>,
}

/// A file to write in a format.
#[derive(Clone, Debug)]
pub struct Target {
    pub format: ReportFormat,
    pub file: PathBuf,
}

fn target(text: &str) -> Result<Target, String> {
    let (format, file) = text
        .split_once('=')
        .filter(|(_, file)| !file.is_empty())
        .ok_or("expected FORMAT=FILE, such as `html=rolefit.html`")?;
    Ok(Target {
        format: ReportFormat::from_str(format, true)
            .map_err(|_| format!("`{format}` is no format; formats: {}", ReportFormat::names()))?,
        file: PathBuf::from(file),
    })
}

/// The forms of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// For people at a terminal.
    Text,
    /// For programs: `rolefit schema report` prints the schema.
    #[value(alias = "json-v1")]
    Json,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// GitHub workflow commands: annotations of a pull request.
    Github,
    /// GitLab code quality.
    Gitlab,
    /// JUnit XML.
    Junit,
    /// A pull request's comment or a step summary.
    Markdown,
    /// One page that opens from disk.
    Html,
}

impl ReportFormat {
    fn names() -> String {
        let names: Vec<String> = Self::value_variants()
            .iter()
            .filter_map(|format| Some(format.to_possible_value()?.get_name().to_owned()))
            .collect();
        names.join(", ")
    }
}

/// Prints the report and writes the files of `--output`. `text` is the form for people, with styles if it is told so.
pub fn write(
    output: &Output,
    inputs: &Inputs,
    report: &Report<'_>,
    text: &dyn Fn(bool) -> String,
) -> anyhow::Result<()> {
    for target in &output.targets {
        let content = match target.format {
            ReportFormat::Text => anstream::adapter::strip_str(&text(false)).to_string(),
            format => form(format, inputs, report)?,
        };
        std::fs::write(&target.file, content)
            .with_context(|| format!("cannot write `{}`", target.file.display()))?;
    }
    let printed = match output.format {
        ReportFormat::Text => text(!matches!(
            anstream::AutoStream::choice(&std::io::stdout()),
            anstream::ColorChoice::Never
        )),
        format => form(format, inputs, report)?,
    };
    show(&printed)
}

fn form(format: ReportFormat, inputs: &Inputs, report: &Report<'_>) -> anyhow::Result<String> {
    let source = |file: &str| inputs.source(file);
    Ok(match format {
        ReportFormat::Text => String::new(),
        ReportFormat::Json => pretty(&json::report(report, inputs.catalog()))?,
        ReportFormat::Sarif => pretty(&report::sarif(report, &source))?,
        ReportFormat::Github => report::github(report),
        ReportFormat::Gitlab => pretty(&report::gitlab(report))?,
        ReportFormat::Junit => report::junit(report)?,
        ReportFormat::Markdown => report::markdown(report),
        ReportFormat::Html => report::html(report, inputs.catalog(), &inputs.title())?,
    })
}

fn pretty(value: &impl serde::Serialize) -> anyhow::Result<String> {
    let mut text = serde_json::to_string_pretty(value)?;
    text.push('\n');
    Ok(text)
}
