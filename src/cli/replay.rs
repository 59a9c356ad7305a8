//! `rolefit replay`: recorded requests put to a policy.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use clap::ValueEnum;

use super::args::{Format, Project};
use super::assess;
use super::inputs::{self, Inputs};
use super::{Outcome, say, show, show_json};
use crate::iam::policy::{Document, Policy, PolicyKind};
use crate::replay::{Side, SideStatement, replay};
use crate::report::replay::{
    ReplayGapV1, ReplaySummaryV1, ReplayTrailV1, ReplayV1, ReplayedFunctionV1, ReplayedV1,
};
use crate::report::text;
use crate::trail::{NamePattern, Observation, Trail};
use crate::usage::{Gap, Location};
use crate::workspace::model::{Function, Role};

/// Puts the requests that CloudTrail recorded of each function to a policy, and lists every one that it would refuse: the
/// proof before deployment. What the trail does not tell whole is listed as unknown, and neither passes nor fails.
#[derive(Debug, clap::Args)]
pub struct Replay {
    #[command(flatten)]
    pub project: Project,
    /// Which policies: what `rolefit generate` prints, what it would print without the trail, or the roles of today.
    #[arg(long, value_enum, default_value_t = Against::Generated)]
    pub against: Against,
    /// A policy document, in place of those of the functions.
    #[arg(long, value_name = "FILE", conflicts_with = "against")]
    pub policy: Option<PathBuf>,
    /// Only what was recorded on this day (or at this time) and later, such as `2026-11-04`.
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Only what was recorded to the end of this day, or to this time.
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// List the requests that pass, too.
    #[arg(long)]
    pub all: bool,
    /// Fail (exit 4) when it cannot be told of every request whether it passes.
    #[arg(long)]
    pub strict: bool,
    /// Output format.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// The policies that requests are put to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Against {
    /// What `rolefit generate` prints, from code and trail.
    Generated,
    /// The same from the code alone.
    Code,
    /// The roles of today.
    Current,
}

/// Replays what the trail saw.
pub fn run(args: &Replay) -> anyhow::Result<Outcome> {
    let window = Window::of(args)?;
    let mut inputs = inputs::read(&args.project)?;
    ensure!(
        inputs.trail.is_some(),
        "no trail is named: give `--usage`, or `[observe] usage` in rolefit.toml"
    );
    if inputs.workspace.functions.is_empty() {
        say("no function found");
        return Ok(Outcome::NothingToCheck);
    }
    let mut gaps = inputs.trail_gaps();
    let trail = match args.against {
        // What the trail saw must not be in the policies that it is to prove.
        Against::Code => {
            inputs.config.synthesis.need = crate::config::NeedPolicy::Code;
            inputs.trail.take()
        }
        _ => inputs.trail.clone(),
    }
    .unwrap_or_default();
    let sides = sides(args, &inputs, &mut gaps)?;
    let answer = answer(args, &inputs, &trail, &window, &sides, gaps);
    match args.format {
        Format::Text => show(&text::replay(&answer, args.all))?,
        Format::Json => show_json(&answer)?,
    }
    Ok(match answer.summary.result {
        "fail" => Outcome::Findings,
        "incomplete" if args.strict => Outcome::Incomplete,
        _ if answer.summary.requests + answer.summary.refused_then == 0 => Outcome::NothingToCheck,
        _ => Outcome::Passed,
    })
}

/// The time that is asked for; texts in the order of time.
struct Window {
    since: Option<String>,
    until: Option<String>,
}

impl Window {
    fn of(args: &Replay) -> anyhow::Result<Self> {
        let window = Self {
            since: args.since.as_deref().map(|text| time(text, false)).transpose()?,
            until: args.until.as_deref().map(|text| time(text, true)).transpose()?,
        };
        if let (Some(since), Some(until)) = (&window.since, &window.until) {
            ensure!(since <= until, "`--since` lies after `--until`");
        }
        Ok(window)
    }

    /// Whether some of the calls can lie in it.
    fn meets(&self, observation: &Observation) -> bool {
        let after = |since: &String| observation.last.is_empty() || observation.last >= *since;
        let before = |until: &String| observation.first.is_empty() || observation.first <= *until;
        self.since.as_ref().is_none_or(after) && self.until.as_ref().is_none_or(before)
    }
}

/// A day, or a time as CloudTrail writes it; a day that ends a window counts whole.
fn time(text: &str, end: bool) -> anyhow::Result<String> {
    let fits = |form: &str| {
        form.len() == text.len()
            && form.bytes().zip(text.bytes()).all(|(form, byte)| match form {
                b'0' => byte.is_ascii_digit(),
                form => form == byte,
            })
    };
    if fits("0000-00-00T00:00:00Z") {
        return Ok(text.to_owned());
    }
    ensure!(
        fits("0000-00-00"),
        "`{text}` is neither a day, such as `2026-11-04`, nor a time, such as `2026-11-04T08:30:00Z`"
    );
    Ok(format!("{text}{}", if end { "T23:59:59Z" } else { "T00:00:00Z" }))
}

/// The policies of each function, in the order of the project.
fn sides(args: &Replay, inputs: &Inputs, gaps: &mut Vec<Gap>) -> anyhow::Result<Vec<Option<Side>>> {
    let functions = &inputs.workspace.functions;
    if let Some(file) = &args.policy {
        let side = of_file(file)?;
        return Ok(functions.iter().map(|_| Some(side.clone())).collect());
    }
    if args.against == Against::Current {
        return Ok(functions
            .iter()
            .map(|function| {
                let Some(role) = &function.role else {
                    let message = format!("the role of `{}` is not known", function.name);
                    gaps.push(
                        Gap::new("unknown-role", message)
                            .at(function.location.clone())
                            .hint("read it from the account with `--current aws`, or from dumps with `--deploy`"),
                    );
                    return None;
                };
                Some(of_role(function, role, gaps))
            })
            .collect());
    }
    let report = assess::assess(inputs);
    Ok(report
        .functions
        .iter()
        .map(|assessed| Some(of_policy(&assessed.policy, "the generated policy", None)))
        .collect())
}

pub(super) fn of_policy(policy: &Policy, name: &str, lines: Option<(&str, &[u32])>) -> Side {
    let statements = policy.statements.iter().enumerate();
    Side {
        statements: statements
            .map(|(at, statement)| SideStatement {
                statement: statement.clone(),
                location: lines.and_then(|(file, lines)| Some(Location::new(file, *lines.get(at)?, 1))),
                policy: name.to_owned(),
                condition: None,
            })
            .collect(),
        unread: Vec::new(),
    }
}

fn of_file(file: &Path) -> anyhow::Result<Side> {
    let shown = file.display().to_string();
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read `{shown}`"))?;
    let document = Document::read(&text, PolicyKind::Identity).with_context(|| format!("`{shown}`"))?;
    let lines: Vec<u32> = document
        .statements
        .iter()
        .map(|position| u32::try_from(position.line).unwrap_or(u32::MAX))
        .collect();
    Ok(of_policy(&document.policy, &shown, Some((&shown, &lines))))
}

fn of_role(function: &Function, role: &Role, gaps: &mut Vec<Gap>) -> Side {
    if let Some(boundary) = &role.boundary {
        let message = format!(
            "the permissions boundary `{boundary}` of `{}` is not read: it may refuse what the role's policies allow",
            function.name
        );
        gaps.push(Gap::new("unread-boundary", message).at(role.location.clone()));
    }
    let statements = role.statements.iter().map(|own| SideStatement {
        statement: own.statement.clone(),
        location: Some(own.origin.location.clone()),
        policy: own.origin.name.clone(),
        condition: own.origin.condition.clone(),
    });
    Side {
        statements: statements.collect(),
        unread: Vec::new(),
    }
}

fn answer(
    args: &Replay,
    inputs: &Inputs,
    trail: &Trail,
    window: &Window,
    sides: &[Option<Side>],
    gaps: Vec<Gap>,
) -> ReplayV1 {
    let mut functions = Vec::new();
    let in_window: Vec<&Observation> = trail
        .observations
        .iter()
        .filter(|observation| window.meets(observation))
        .collect();
    for (function, side) in inputs.workspace.functions.iter().zip(sides) {
        let Some(side) = side else {
            continue;
        };
        let own: Vec<&Observation> = in_window
            .iter()
            .copied()
            .filter(|observation| observation.known.as_deref() == Some(function.name.as_str()))
            .collect();
        let side = complete(inputs, function, side, args);
        let answers = replay(inputs.catalog(), function, inputs.stack_of(function), &side, &own);
        functions.push(ReplayedFunctionV1 {
            name: function.name.clone(),
            role: function.role.as_ref().map(|role| role.id.clone()),
            requests: answers
                .into_iter()
                .map(|answer| ReplayedV1::of(answer, &side))
                .collect(),
        });
    }
    functions.extend(of_shared_roles(inputs, &in_window, sides));
    let denied_today = args.against == Against::Current && args.policy.is_none();
    let against = match (&args.policy, args.against) {
        (Some(file), _) => file.display().to_string(),
        (None, Against::Generated) => "generated".to_owned(),
        (None, Against::Code) => "code".to_owned(),
        (None, Against::Current) => "current".to_owned(),
    };
    ReplayV1 {
        schema: "rolefit-replay-v1",
        rolefit: env!("CARGO_PKG_VERSION"),
        catalog: inputs.catalog().date().to_owned(),
        against,
        trail: ReplayTrailV1 {
            events: trail.events,
            first: trail.first.clone(),
            last: trail.last.clone(),
            since: window.since.clone(),
            until: window.until.clone(),
        },
        summary: ReplaySummaryV1::of(&functions, gaps.len(), denied_today),
        functions,
        gaps: gaps.into_iter().map(gap).collect(),
    }
}

/// The side of a function, with what else its role may have.
fn complete(inputs: &Inputs, function: &Function, side: &Side, args: &Replay) -> Side {
    let mut side = side.clone();
    if args.against == Against::Current && args.policy.is_none() {
        let unread = inputs.gaps_of_role(function);
        side.unread = unread.into_iter().map(|gap| gap.message).collect();
    }
    side
}

/// Calls of a role that several functions share, of which nothing tells who made them: what all of the functions'
/// policies say of them.
fn of_shared_roles(
    inputs: &Inputs,
    observations: &[&Observation],
    sides: &[Option<Side>],
) -> Vec<ReplayedFunctionV1> {
    let mut by_role: BTreeMap<&str, Vec<&Observation>> = BTreeMap::new();
    for observation in observations {
        if observation.known.is_none() && observation.function.is_none() {
            by_role
                .entry(observation.role_name.as_str())
                .or_default()
                .push(observation);
        }
    }
    let mut found = Vec::new();
    for (role_name, own) in by_role {
        let mut sharing = inputs
            .workspace
            .functions
            .iter()
            .zip(sides)
            .filter(|(function, _)| {
                function.role.as_ref().is_some_and(|role| {
                    NamePattern::of_stack_text(&format!("${{{}}}", role.id)).matches(role_name)
                })
            });
        let Some((first, Some(first_side))) = sharing.next() else {
            continue;
        };
        let side = first_side.clone();
        let mut answers = replay(inputs.catalog(), first, inputs.stack_of(first), &side, &own);
        for (other, other_side) in sharing {
            let Some(other_side) = other_side else {
                continue;
            };
            let others = replay(inputs.catalog(), other, inputs.stack_of(other), other_side, &own);
            for answer in &mut answers {
                let same = others.iter().any(|other| {
                    other.action == answer.action
                        && other.resources == answer.resources
                        && other.events == answer.events
                        && other.verdict.as_str() == answer.verdict.as_str()
                });
                if !same {
                    let why =
                        "which of the functions of this role called is not known, and their policies differ";
                    answer.verdict = crate::replay::Verdict::CannotTell(why.to_owned());
                }
            }
        }
        found.push(ReplayedFunctionV1 {
            name: format!("role {role_name}"),
            role: first.role.as_ref().map(|role| role.id.clone()),
            requests: answers
                .into_iter()
                .map(|answer| ReplayedV1::of(answer, &side))
                .collect(),
        });
    }
    found
}

fn gap(gap: Gap) -> ReplayGapV1 {
    ReplayGapV1 {
        code: gap.code.to_owned(),
        message: gap.message,
        file: gap.location.as_ref().map(|location| location.file.clone()),
        line: gap.location.as_ref().map(|location| location.line),
    }
}
