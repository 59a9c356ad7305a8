//! `rolefit templates`: the policy templates in force, listed, shown, tested, looked through.

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::{anyhow, bail};
use clap::Subcommand;
use schemars::JsonSchema;
use serde::Serialize;

use super::args::Format;
use super::{Outcome, say, show, show_json};
use crate::catalog::Catalog;
use crate::catalog::template::{Kind, Placed, TemplateError, TemplateSet};
use crate::config::{self, Config, Sought};

/// `rolefit templates`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
    /// A folder with policy templates of your own, which take the place of built-in ones by id; may be repeated.
    #[arg(long, global = true, value_name = "DIR")]
    templates: Vec<PathBuf>,
    /// The folder whose `rolefit.toml` names folders with templates.
    #[arg(long, global = true, value_name = "PATH", default_value = ".")]
    path: PathBuf,
    /// The configuration file (default: `rolefit.toml` in PATH).
    #[arg(long, global = true, value_name = "FILE", env = "ROLEFIT_CONFIG")]
    config: Option<PathBuf>,
    /// Read no configuration.
    #[arg(long, global = true, conflicts_with = "config")]
    no_config: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Every template: id, kind, what it is for, where it stands.
    List {
        /// Only those whose id begins so, such as `event-source/`.
        #[arg(default_value = "")]
        start: String,
        /// Output format.
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
    },
    /// The file of a template.
    Show {
        /// Its id, such as `event-source/sqs`.
        id: String,
    },
    /// Runs the tests that templates carry; exits with 1 when one fails.
    Test {
        /// Only those whose id begins so.
        #[arg(default_value = "")]
        start: String,
    },
    /// Says what is wrong with templates: sources, names, statements without a test; exits with 1 when something is.
    ///
    /// A template must say where its facts come from, have tests that make every statement, and name only actions,
    /// operations and resource types that exist.
    Lint {
        /// Only those whose id begins so.
        #[arg(default_value = "")]
        start: String,
    },
}

/// The policy templates.
#[derive(Debug, Serialize, JsonSchema)]
pub struct TemplatesV1 {
    /// Always `rolefit-templates-v1`.
    schema: &'static str,
    templates: Vec<TemplateV1>,
}

/// A policy template in the list.
#[derive(Debug, Serialize, JsonSchema)]
struct TemplateV1 {
    id: String,
    /// `runtime`, `baseline`, `grant`, `wrapper` or `guard`.
    kind: &'static str,
    title: String,
    /// Below `policy-templates/` for a built-in one, else its path.
    file: String,
    built_in: bool,
    /// The file whose template it takes the place of.
    instead_of: Option<String>,
    /// Page that says so.
    docs: Option<String>,
}

/// Runs a `templates` command.
pub fn run(args: &Args) -> anyhow::Result<Outcome> {
    let sought = match (args.no_config, &args.config) {
        (true, _) => Sought::Nowhere,
        (false, Some(file)) => Sought::File(file),
        (false, None) => Sought::Found,
    };
    let config = config::read(&args.path, sought)?;
    let set = in_force(&config, &args.templates)?;
    let chosen = |start: &str| -> anyhow::Result<Vec<&Placed>> {
        let chosen: Vec<&Placed> = set
            .iter()
            .filter(|placed| placed.template.id.starts_with(start))
            .collect();
        if chosen.is_empty() {
            bail!(
                "no policy template whose id begins with `{start}`{}",
                meant(&set, start)
            );
        }
        Ok(chosen)
    };
    match &args.command {
        Command::List { start, format } => list(&chosen(start)?, *format),
        Command::Show { id } => {
            let placed = set
                .get(id)
                .ok_or_else(|| anyhow!("no policy template `{id}`{}", meant(&set, id)))?;
            say(&place(placed));
            show(&placed.text)?;
            Ok(Outcome::Passed)
        }
        Command::Test { start } => test(&chosen(start)?),
        Command::Lint { start } => lint(&chosen(start)?),
    }
}

/// The built-in templates and, above them, those of the configured folders and of `more`.
///
/// # Errors
/// When a file in the folders is no policy template.
pub fn in_force(config: &Config, more: &[PathBuf]) -> anyhow::Result<TemplateSet> {
    let mut set = TemplateSet::built_in();
    let configured = config.templates.iter().map(|folder| config.path(folder));
    let errors: Vec<TemplateError> = configured
        .chain(more.iter().cloned())
        .flat_map(|folder| set.add_folder(&folder))
        .collect();
    if errors.is_empty() {
        return Ok(set);
    }
    let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
    bail!("policy templates cannot be read\n{}", lines.join("\n"))
}

fn list(chosen: &[&Placed], format: Format) -> anyhow::Result<Outcome> {
    if format == Format::Json {
        show_json(&TemplatesV1 {
            schema: "rolefit-templates-v1",
            templates: chosen.iter().map(|placed| TemplateV1::of(placed)).collect(),
        })?;
        return Ok(Outcome::Passed);
    }
    let width = chosen
        .iter()
        .map(|placed| placed.template.id.len())
        .max()
        .unwrap_or(0);
    let mut out = String::new();
    for placed in chosen {
        let template = &placed.template;
        let own = if placed.built_in {
            String::new()
        } else {
            format!("  {}", place(placed))
        };
        let _ = writeln!(
            out,
            "{:<width$}  {:<8}  {}{own}",
            template.id,
            word(template.kind),
            template.title
        );
    }
    show(&out)?;
    Ok(Outcome::Passed)
}

fn test(chosen: &[&Placed]) -> anyhow::Result<Outcome> {
    let count: usize = chosen.iter().map(|placed| placed.template.tests.len()).sum();
    let failures: Vec<String> = chosen
        .iter()
        .flat_map(|placed| placed.template.failed_tests())
        .collect();
    let summary = format!(
        "{count} tests of {} templates: {} passed, {} failed",
        chosen.len(),
        count - failures.len().min(count),
        failures.len()
    );
    finish(failures, &summary)
}

fn lint(chosen: &[&Placed]) -> anyhow::Result<Outcome> {
    let complaints: Vec<String> = chosen
        .iter()
        .flat_map(|placed| placed.complaints(Catalog::embedded()))
        .map(|complaint| complaint.to_string())
        .collect();
    let summary = match complaints.len() {
        0 => format!("{} templates, nothing wrong", chosen.len()),
        count => format!("{} templates, {count} complaints", chosen.len()),
    };
    finish(complaints, &summary)
}

/// Prints what is wrong and the summary.
fn finish(wrong: Vec<String>, summary: &str) -> anyhow::Result<Outcome> {
    let outcome = if wrong.is_empty() {
        Outcome::Passed
    } else {
        Outcome::Findings
    };
    let mut out = wrong.join("\n");
    if !wrong.is_empty() {
        out.push('\n');
    }
    let _ = writeln!(out, "{summary}");
    show(&out)?;
    Ok(outcome)
}

/// Where a template stands, and which it takes the place of.
fn place(placed: &Placed) -> String {
    let file = if placed.built_in {
        format!("policy-templates/{}", placed.file)
    } else {
        placed.file.clone()
    };
    match &placed.instead_of {
        Some(before) => format!("{file} instead of {before}"),
        None => file,
    }
}

/// What may have been meant by an id.
fn meant(set: &TemplateSet, id: &str) -> String {
    let near = set.similar(id);
    near.first()
        .map_or_else(String::new, |near| format!("\nhint: did you mean `{near}`?"))
}

fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Runtime => "runtime",
        Kind::Baseline => "baseline",
        Kind::Grant => "grant",
        Kind::Wrapper => "wrapper",
        Kind::Guard => "guard",
    }
}

impl TemplateV1 {
    fn of(placed: &Placed) -> Self {
        let template = &placed.template;
        Self {
            id: template.id.clone(),
            kind: word(template.kind),
            title: template.title.clone(),
            file: placed.file.clone(),
            built_in: placed.built_in,
            instead_of: placed.instead_of.clone(),
            docs: template.docs.clone(),
        }
    }
}
