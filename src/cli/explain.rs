//! `rolefit explain`: the reasons behind an answer.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use super::args::{Project, Reading};
use super::{Outcome, assess, inputs, last_accessed, say, show};
use crate::catalog::Catalog;
use crate::iam::action::{Action, ActionPattern};
use crate::iam::arn::ArnPattern;
use crate::report::text::{self, About, Question};
use crate::report::{Assessed, Report};
use crate::synth::adjust;
use crate::trail::denial::{self, Denial};
use crate::usage::OperationId;

#[derive(Debug, clap::Args)]
pub struct Explain {
    /// The function; or a place, `FILE:LINE`, in its code or in the stack template.
    #[arg(required_unless_present = "denied", value_name = "FUNCTION|FILE:LINE")]
    pub subject: Option<String>,
    /// The action, such as `dynamodb:PutItem`; wildcards allowed; every action when left out.
    #[arg(default_value = "*")]
    pub action: String,
    /// Why the function does not need this action: what would make it necessary.
    #[arg(long, value_name = "ACTION", conflicts_with_all = ["denied", "action"])]
    pub why_not: Option<String>,
    /// The message of an `AccessDenied` error from a log (`-`: from standard input).
    #[arg(long, value_name = "MESSAGE", conflicts_with_all = ["subject", "action"])]
    pub denied: Option<String>,
    /// Also tell when the role with this ARN last used the action, as IAM remembers it in the live account.
    #[arg(long, value_name = "ARN", conflicts_with_all = ["denied", "why_not"])]
    pub last_accessed: Option<String>,
    /// A package, a workspace, or a folder with many of each.
    #[arg(long, default_value = ".", value_name = "PATH")]
    pub path: PathBuf,
    /// What is read beside the code and the stack templates.
    #[command(flatten)]
    pub reading: Reading,
}

/// Operations that are listed when nothing in the code comes near an action.
const OTHERS: usize = 6;

/// Explains an action of a function, a line, a refusal, or why an action is not needed.
pub fn run(args: &Explain) -> anyhow::Result<Outcome> {
    if let Some(message) = &args.denied {
        return denied(args, message);
    }
    let subject = args.subject.as_deref().unwrap_or_default();
    if let Some((file, line)) = place(args, subject) {
        return at_line(args, file, line);
    }
    if let Some(file) = without_line(args, subject) {
        bail!("`{file}` is a file: name a line of it, `{file}:LINE`");
    }
    let inputs = inputs::read(&project(args, vec![subject.to_owned()]))?;
    let report = assess::assess(&inputs);
    if let Some(action) = &args.why_not {
        let action = Action::parse(action)
            .with_context(|| format!("`{action}` is no action, such as `s3:PutObjectAcl`"))?;
        let action = spelled(action, inputs.catalog());
        for assessed in &report.functions {
            show(&why_not(&report, assessed, &action, inputs.catalog()))?;
        }
        return Ok(Outcome::Passed);
    }
    let action = ActionPattern::new(&args.action);
    let answers = answers(&report, About::Action(&action));
    if answers.is_empty() {
        say(&format!(
            "`{subject}` neither needs `{}` nor is it granted",
            args.action
        ));
        unknown_action(&args.action, inputs.catalog());
        let rows = report.functions.iter().flat_map(|assessed| &assessed.diff.rows);
        let names: BTreeSet<String> = rows.map(|row| row.action.to_string()).collect();
        if !names.is_empty() {
            say(&format!(
                "it has or needs: {}",
                names.into_iter().collect::<Vec<_>>().join(", ")
            ));
        }
    }
    show(&answers)?;
    if let Some(role) = &args.last_accessed {
        show(&last_accessed::remark(role, &action)?)?;
    }
    Ok(Outcome::Passed)
}

fn project(args: &Explain, functions: Vec<String>) -> Project {
    args.reading.project(&args.path, functions)
}

fn answers(report: &Report<'_>, about: About<'_>) -> String {
    report
        .functions
        .iter()
        .filter_map(|assessed| text::explain(report, &Question { assessed, about }))
        .collect()
}

/// The action in AWS's spelling; upper and lower case are the same to IAM.
fn spelled(action: Action, catalog: &Catalog) -> Action {
    let known = catalog.action(&action).map(|known| known.action());
    known.unwrap_or(action)
}

fn unknown_action(action: &str, catalog: &Catalog) {
    if let Some(named) = Action::parse(action).filter(|named| catalog.action(named).is_none()) {
        say(&format!(
            "`{named}` is no action in the catalogue of {}",
            catalog.date()
        ));
    }
}

/// A subject as a place: a file of the project, as typed or relative to it, and a line (a column may follow).
fn place<'a>(args: &Explain, subject: &'a str) -> Option<(&'a str, u32)> {
    let (file, line) = subject.split_once(':')?;
    let line = line.split(':').next()?.parse().ok()?;
    let root = args.path.to_str()?.trim_end_matches('/');
    let below = file.strip_prefix(root).map(|rest| rest.trim_start_matches('/'));
    let file = below.filter(|_| root != ".").unwrap_or(file);
    Some((file.trim_start_matches("./"), line))
}

/// The file that a subject names, if it names one and no line of it.
fn without_line<'a>(args: &Explain, subject: &'a str) -> Option<&'a str> {
    let file = subject.split(':').next().filter(|file| !file.is_empty())?;
    (args.path.join(file).is_file() || Path::new(file).is_file()).then_some(file)
}

/// The only file of the project that a path ends, where it is none by itself; an error if it ends several.
fn whole<'a>(inputs: &'a inputs::Inputs, file: &'a str) -> anyhow::Result<&'a str> {
    if inputs.source(file).is_some() {
        return Ok(file);
    }
    let end = format!("/{file}");
    let stacks = inputs.workspace.stacks.iter().map(|stack| stack.file.as_str());
    let known = inputs.code_files().iter().map(String::as_str).chain(stacks);
    let found: BTreeSet<&str> = known.filter(|known| known.ends_with(&end)).collect();
    match (found.len(), found.first()) {
        (1, Some(only)) => Ok(only),
        (0, _) => bail!("no file `{file}` in `{}`", inputs.root().display()),
        _ => {
            let found: Vec<&str> = found.into_iter().take(OTHERS).collect();
            bail!("`{file}` may be one of several: {}", found.join(", "))
        }
    }
}

/// What a line asks for and grants, function by function.
fn at_line(args: &Explain, file: &str, line: u32) -> anyhow::Result<Outcome> {
    let inputs = inputs::read(&project(args, Vec::new()))?;
    let file = whole(&inputs, file)?;
    let report = assess::assess(&inputs);
    let answers = answers(&report, About::Line { file, line });
    if !answers.is_empty() {
        show(&answers)?;
        return Ok(Outcome::Passed);
    }
    let Some(source) = inputs.source(file) else {
        bail!("no file `{file}` in `{}`", inputs.root().display());
    };
    let lines = u32::try_from(source.lines().count()).unwrap_or(u32::MAX);
    if line == 0 || line > lines {
        bail!("`{file}` has {lines} lines");
    }
    let mut near: Vec<u32> = Vec::new();
    for assessed in &report.functions {
        let calls = assessed.calls.iter().filter(|call| call.location.file == file);
        near.extend(calls.map(|call| call.location.line));
    }
    near.sort_unstable();
    near.dedup();
    say(&format!(
        "{file}:{line} neither asks for an action nor grants one"
    ));
    if !near.is_empty() {
        let near: Vec<String> = near.iter().map(u32::to_string).collect();
        say(&format!(
            "calls in this file are at the lines {}",
            near.join(", ")
        ));
    } else if file.ends_with(".rs") {
        say(
            "no function reaches a call in this file; `rolefit scan --all` also lists calls that nothing reaches",
        );
    }
    Ok(Outcome::Passed)
}

/// Why a function does not need an action: what its calls would have to do, and which operations need it.
/// Tells which reads of objects would be answered otherwise if the function had `s3:ListBucket`, and the key that adds it.
fn clearer_answer(out: &mut String, assessed: &Assessed<'_>, action: &Action) -> bool {
    if action.to_string() != "s3:ListBucket" {
        return false;
    }
    let reads = assessed
        .grants
        .iter()
        .filter(|grant| adjust::reads_objects(grant));
    let buckets: BTreeSet<String> = reads.map(|grant| grant.resource.short()).collect();
    for bucket in &buckets {
        let _ = writeln!(
            out,
            "  without it, S3 answers 403 instead of 404 when an object of {bucket} is not there; \
             `allow_list_bucket_for_404 = true` in `[synthesis]` of rolefit.toml adds it"
        );
    }
    !buckets.is_empty()
}

fn why_not(report: &Report<'_>, assessed: &Assessed<'_>, action: &Action, catalog: &Catalog) -> String {
    let name = &assessed.function.name;
    let pattern = ActionPattern::from(action);
    let needed = assessed
        .diff
        .rows
        .iter()
        .any(|row| !row.because.is_empty() && pattern == row.action);
    if needed {
        let about = About::Action(&pattern);
        let answer = text::explain(report, &Question { assessed, about }).unwrap_or_default();
        return format!("{name} does need {action}\n{answer}");
    }
    let mut out = format!("{name} does not need {action}\n");
    if catalog.action(action).is_none() {
        let _ = writeln!(out, "  it is no action in the catalogue of {}", catalog.date());
    }
    let conditional = |operation: &OperationId| {
        let need = catalog.every_need(operation)?;
        let rows = need.actions.into_iter().filter(|needed| needed.action == *action);
        let words: BTreeSet<String> = rows.filter_map(|needed| Some(needed.when?.words)).collect();
        (!words.is_empty()).then(|| words.into_iter().collect::<Vec<_>>().join(", or "))
    };
    let mut near = false;
    for call in assessed.calls {
        if let Some(when) = conditional(&call.operation) {
            near = true;
            let _ = writeln!(
                out,
                "  {}  {} needs it only when {when}",
                call.location, call.operation
            );
        }
    }
    near |= clearer_answer(&mut out, assessed, action);
    if !near {
        let operations = catalog.operations_of_action(&pattern);
        let shown: Vec<String> = operations.iter().take(OTHERS).map(ToString::to_string).collect();
        let more = match operations.len().saturating_sub(OTHERS) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let _ = match shown.as_slice() {
            [] => writeln!(out, "  no operation of the catalogue needs it"),
            shown => writeln!(
                out,
                "  operations that need it: {}{more}; its code reaches none of them ({} calls)",
                shown.join(", "),
                assessed.calls.len()
            ),
        };
    }
    for gap in &assessed.gaps {
        let place = gap
            .location
            .as_ref()
            .map(|at| format!("  {at}"))
            .unwrap_or_default();
        let _ = writeln!(out, "  not known for sure: {}{place}", gap.message);
    }
    for row in assessed.diff.rows.iter().filter(|row| row.action.matches(action)) {
        for origin in &row.granted_by {
            let _ = writeln!(
                out,
                "  granted all the same on {} by {}, {}",
                row.resource.short(),
                origin.name,
                origin.location
            );
        }
    }
    out
}

/// Explains the message of a refusal: who was refused, by what, whether the code needs it, and what to do.
fn denied(args: &Explain, message: &str) -> anyhow::Result<Outcome> {
    let message = match message {
        "-" => {
            let mut text = String::new();
            std::io::stdin().take(1 << 20).read_to_string(&mut text)?;
            text
        }
        message => message.to_owned(),
    };
    let (refusal, resource) = denial::parse(&message);
    let Some(action) = &refusal.action else {
        if message.contains("Encoded authorization failure") {
            bail!("the message is encoded; `aws sts decode-authorization-message` makes it readable");
        }
        bail!(
            "this message names no action; expected AWS's words: `User: … is not authorized to perform: service:Action \
             on resource: …`\nhint: where a log tells the operation alone, ask for its action: `rolefit explain FUNCTION \
             s3:GetObject`"
        );
    };
    let inputs = inputs::read(&project(args, Vec::new()))?;
    let action = &spelled(action.clone(), inputs.catalog());
    let report = assess::assess(&inputs);
    let resource = resource.map(ArnPattern::new);
    let session = denial::principal(&message).and_then(|arn| arn.split_once(":assumed-role/"));
    let session = session.and_then(|(_, rest)| rest.split_once('/'));
    let mut concerned: Vec<&Assessed<'_>> = report
        .functions
        .iter()
        .filter(|assessed| {
            session.is_some_and(|(_, session)| inputs::is_deployed_as(assessed.function, session))
        })
        .collect();
    let mut out = String::new();
    let on = resource
        .as_ref()
        .map(|resource| format!(" on {}", resource.short()))
        .unwrap_or_default();
    if let ([], Some((role, session))) = (concerned.as_slice(), session) {
        say(&format!(
            "no function here is deployed as `{session}` (role `{role}`); those that need the action follow"
        ));
    }
    if concerned.is_empty() {
        let pattern = ActionPattern::from(action);
        concerned = report
            .functions
            .iter()
            .filter(|assessed| {
                let mut rows = assessed.diff.rows.iter();
                rows.any(|row| row.action == pattern && !row.because.is_empty())
            })
            .collect();
    }
    if concerned.is_empty() {
        say(&format!("no function here needs `{action}`"));
        unknown_action(action.as_str(), inputs.catalog());
    }
    for assessed in concerned {
        let _ = writeln!(
            out,
            "{} was refused {action}{on}: {}",
            assessed.function.name,
            deciding(&refusal)
        );
        let _ = writeln!(out, "  {}", remedy(assessed, action, resource.as_ref(), &refusal));
        let pattern = ActionPattern::from(action);
        let about = About::Action(&pattern);
        match text::explain(&report, &Question { assessed, about }) {
            Some(answer) => out.push_str(&answer),
            None => out.push_str(&why_not(&report, assessed, action, inputs.catalog())),
        }
    }
    show(&out)?;
    Ok(Outcome::Passed)
}

/// What refused, in a few words.
fn deciding(refusal: &Denial) -> String {
    match (&refusal.policy, refusal.explicit) {
        (Some(policy), true) => format!("a statement of a {policy} denies it"),
        (Some(policy), false) => format!("no {policy} allows it"),
        (None, true) => "a statement denies it".to_owned(),
        (None, false) => "the message does not say by what".to_owned(),
    }
}

/// What to do about a refusal.
fn remedy(
    assessed: &Assessed<'_>,
    action: &Action,
    resource: Option<&ArnPattern>,
    refusal: &Denial,
) -> String {
    let name = &assessed.function.name;
    let by_role = refusal
        .policy
        .as_deref()
        .is_none_or(|policy| policy == "identity-based policy");
    if !by_role || (refusal.explicit && refusal.policy.is_none()) {
        let policy = refusal.policy.as_deref().unwrap_or("policy that denies it");
        return format!("no change of the role's own policies helps: the {policy} has to change");
    }
    let pattern = ActionPattern::from(action);
    let rows = || assessed.diff.rows.iter().filter(|row| row.action == pattern);
    if rows().any(|row| row.lack.is_some()) {
        return format!(
            "the role lacks it: `rolefit generate --function {name}` prints the statement to add"
        );
    }
    if rows().any(|row| !row.granted_by.is_empty()) {
        let on = resource.map_or_else(String::new, |resource| format!(" on `{resource}`"));
        return format!(
            "the role grants the action here: if that covers the call{on}, what is deployed is older than this template"
        );
    }
    format!(
        "no code of {name} that can be seen makes this call: a dependency, another language, or somebody else with the \
         role's credentials; `[[need]]` in rolefit.toml states a need that no reader can see"
    )
}
