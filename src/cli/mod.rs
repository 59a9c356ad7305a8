//! Arguments in, exit code out; the only module that prints.

mod account;
mod apply;
mod approved;
pub(crate) mod args;
pub(crate) mod assess;
mod athena;
mod beyond;
mod catalog;
mod check;
mod compare;
mod concern;
mod diff;
mod explain;
mod generate;
mod guards;
mod help;
mod init;
pub(crate) mod inputs;
mod last_accessed;
mod lock;
mod manual;
mod interrupt;
mod now;
mod observe;
mod observe_live;
mod observe_queue;
#[cfg(feature = "live")]
mod observe_queries;
mod observed;
mod overview;
mod owners;
mod plan;
mod progress;
mod render;
mod replace;
mod replay;
mod rule;
mod scan;
mod schema;
mod simulate;
mod sources;
mod templates;
mod terminal;
mod write;

use std::io::Write as _;
use std::process::ExitCode;

use clap::FromArgMatches as _;

use args::{Args, Command};

/// How a run ended; the same for every output format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing to complain about.
    Passed,
    /// Findings at or above the threshold.
    Findings,
    /// Wrong usage, configuration or input.
    Unusable,
    /// No functions found.
    NothingToCheck,
    /// Nothing failed, but the analysis is incomplete and `--strict` was asked for.
    Incomplete,
}

impl Outcome {
    /// The exit code.
    pub fn code(self) -> u8 {
        match self {
            Self::Passed => 0,
            Self::Findings => 1,
            Self::Unusable => 2,
            Self::NothingToCheck => 3,
            Self::Incomplete => 4,
        }
    }
}

/// Runs the command line.
pub fn run() -> ExitCode {
    let parsed = help::command()
        .try_get_matches()
        .and_then(|matches| Args::from_arg_matches(&matches));
    let args = match parsed {
        Ok(args) => args,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() {
                Outcome::Unusable.code()
            } else {
                0
            });
        }
    };
    let outcome = dispatch(&args).unwrap_or_else(|error| {
        complain(&format!("{error:#}"));
        Outcome::Unusable
    });
    ExitCode::from(outcome.code())
}

fn dispatch(args: &Args) -> anyhow::Result<Outcome> {
    args.global.apply()?;
    match &args.command {
        None => overview::run(&args.project),
        Some(Command::Scan(scan)) => scan::run(scan),
        Some(Command::Generate(generate)) => generate::run(generate),
        Some(Command::Diff(diff)) => diff::run(diff),
        Some(Command::Check(check)) => check::run(check),
        Some(Command::Apply(args)) => apply::apply(args),
        Some(Command::Rollback(args)) => apply::rollback(args),
        Some(Command::Lock(args)) => lock::run(args),
        Some(Command::Explain(explain)) => explain::run(explain),
        Some(Command::Observe(observe)) => observe::run(observe),
        Some(Command::Simulate(simulate)) => simulate::run(simulate),
        Some(Command::Init(init)) => init::run(init),
        Some(Command::Replay(replay)) => replay::run(replay),
        Some(Command::Rule(rule)) => rule::run(rule),
        Some(Command::Schema(schema)) => schema::run(schema),
        Some(Command::Compare(compare)) => compare::run(compare),
        Some(Command::Catalog(command)) => catalog::run(command),
        Some(Command::Templates(command)) => templates::run(command),
        Some(Command::Completions(args)) => manual::completions(args),
        Some(Command::Man(args)) => manual::man(args),
    }
}

/// Prints a result to stdout. A closed pipe is the reader's choice, not an error.
fn show(text: &str) -> anyhow::Result<()> {
    progress::done();
    let mut out = anstream::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// Prints JSON to stdout.
fn show_json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    let mut text = serde_json::to_string_pretty(value)?;
    text.push('\n');
    show(&text)
}

/// Prints a remark to stderr, unless only results and errors are wanted.
fn say(text: &str) {
    progress::done();
    if !terminal::is_quiet() {
        let _ = writeln!(anstream::stderr().lock(), "{text}");
    }
}

/// Prints an error to stderr.
fn complain(text: &str) {
    progress::done();
    let _ = writeln!(anstream::stderr().lock(), "error: {text}");
}
