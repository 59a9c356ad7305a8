//! A report in the form that was asked for: printed, and written to files.

use anyhow::Context as _;

use super::args::{Output, ReportFormat};
use super::inputs::Inputs;
use super::show;
use crate::report::{self, Report, json};

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
