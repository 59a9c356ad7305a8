//! `rolefit rule`: what rules there are, and what each means.

use std::fmt::Write as _;

use anyhow::{Context as _, bail};
use schemars::JsonSchema;
use serde::Serialize;

use super::args::Format;
use super::{Outcome, show, show_json};
use crate::catalog::nearest;
use crate::gate::rules::{self, Rule};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The rule, such as `RF001`; all rules when left out.
    pub id: Option<String>,
    /// Output format.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// The rules.
#[derive(Debug, Serialize, JsonSchema)]
pub struct RulesV1 {
    /// Always `rolefit-rules-v1`.
    schema: &'static str,
    rules: Vec<RuleV1>,
}

/// A rule.
#[derive(Debug, Serialize, JsonSchema)]
struct RuleV1 {
    /// Stable id, such as `RF001`.
    id: &'static str,
    /// Name in kebab case.
    name: &'static str,
    /// `note`, `warning` or `error`, when nothing else is configured.
    level: &'static str,
    /// `info`, `low`, `medium`, `high` or `critical`, unless a finding says so itself.
    severity: &'static str,
    /// What it means.
    summary: &'static str,
    /// What to do about it.
    help: &'static str,
    /// Its page, in Markdown.
    page: String,
}

/// Shows what a rule means, or all rules.
pub fn run(args: &Args) -> anyhow::Result<Outcome> {
    let chosen: Vec<&'static Rule> = match &args.id {
        None => rules::RULES.to_vec(),
        Some(id) => vec![named(id)?],
    };
    match (args.format, &args.id, chosen.as_slice()) {
        (Format::Json, ..) => show_json(&RulesV1 {
            schema: "rolefit-rules-v1",
            rules: chosen.iter().map(|rule| described(rule)).collect(),
        })?,
        (Format::Text, Some(_), [rule]) => show(&rules::page(rule))?,
        (Format::Text, ..) => show(&list(&chosen))?,
    }
    Ok(Outcome::Passed)
}

/// The rule of an id or a name.
fn named(text: &str) -> anyhow::Result<&'static Rule> {
    if text.trim().is_empty() {
        bail!("a rule id is empty");
    }
    let by_name = || rules::RULES.iter().copied().find(|rule| rule.name == text);
    rules::rule(text).or_else(by_name).with_context(|| {
        let known = rules::RULES.iter().flat_map(|rule| [rule.id, rule.name]);
        let near = nearest(text, known, 1)
            .first()
            .map(|near| format!("; did you mean `{near}`?"))
            .unwrap_or_default();
        format!("no rule `{text}`{near} `rolefit rule` lists them")
    })
}

fn list(rules: &[&Rule]) -> String {
    let mut out = String::new();
    for rule in rules {
        let _ = writeln!(
            out,
            "{}  {:<26} {:<8} {:<8} {}",
            rule.id,
            rule.name,
            rule.level.as_str(),
            rule.severity.as_str(),
            rule.summary
        );
    }
    out
}

fn described(rule: &Rule) -> RuleV1 {
    RuleV1 {
        id: rule.id,
        name: rule.name,
        level: rule.level.as_str(),
        severity: rule.severity.as_str(),
        summary: rule.summary,
        help: rule.help,
        page: rules::page(rule),
    }
}
