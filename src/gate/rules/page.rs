//! The page of a rule: what `rolefit rule` prints and the documentation holds.

use std::fmt::Write as _;

use super::{RULES, Rule};

/// The page of a rule, in Markdown.
pub fn page(rule: &Rule) -> String {
    let mut out = format!(
        "# {}: {}\n\n{}\n\n| level | severity | fails the check by default |\n| --- | --- | --- |\n| {} | {} | {} |\n\n",
        rule.id,
        rule.name,
        rule.summary,
        rule.level,
        rule.severity.as_str(),
        if fails(rule) { "yes" } else { "no" },
    );
    out.push_str(rule.text.trim());
    out.push_str("\n\n");
    out.push_str(&waiving(rule));
    out
}

/// Whether findings of a rule fail the check when nothing is configured: see `check.fail_on`.
fn fails(rule: &Rule) -> bool {
    let standard = crate::gate::FAIL_ON.map(str::to_owned);
    rule.level > super::Level::Note && super::chosen(rule, &standard)
}

/// How to waive a finding of the rule.
fn waiving(rule: &Rule) -> String {
    if rule.id.starts_with("RF09") {
        return "## How to waive it\n\nNot at all: it is about a waiver.\n".to_owned();
    }
    let inline = match rule.id {
        "RF040" => "// rolefit: ignore[RF040] the plugin calls nothing of AWS".to_owned(),
        id => format!("# rolefit: ignore[{id}] agreed with the security team"),
    };
    format!(
        "## How to waive it\n\nIn `rolefit.toml`, for a function, an action or a resource, for a time:\n\n```toml\n[[ignore]]\nrule = \"{}\"\n\
         function = \"put-order\"\nreason = \"agreed with the security team\"\nexpires = 2027-03-31\n```\n\nor in a comment on the line that the \
         finding points at, or above it:\n\n```text\n{inline}\n```\n",
        rule.id
    )
}

/// The list of all rules, in Markdown.
pub fn index() -> String {
    let mut out = String::from(
        "# Rules\n\n<!-- Made from the list in `src/gate/rules`; a test keeps it so. -->\n\nWhat `rolefit check` judges. `rolefit rule RF001` prints \
         a rule's page; level, severity and confidence are told apart: the level says how a finding is shown, the severity how bad it is, the \
         confidence how sure.\n\n| rule | name | level | severity | what it means |\n| --- | --- | --- | --- | --- |\n",
    );
    for rule in RULES {
        let _ = writeln!(
            out,
            "| [{id}]({id}.md) | {} | {} | {} | {} |",
            rule.name,
            rule.level,
            rule.severity.as_str(),
            rule.summary,
            id = rule.id
        );
    }
    out
}
