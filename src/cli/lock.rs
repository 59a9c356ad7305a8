//! `rolefit lock`: takes down the grants of today as approved.

use std::path::PathBuf;

use super::args::Settings;
use super::replace::replace;
use super::{Outcome, approved, inputs, say, show};
use crate::gate::lock::{FILE_NAME, Lock};

/// Writes `rolefit.lock`: one approved grant a line, sorted, to be committed and reviewed like code. From then on
/// `rolefit check` fails on whatever a role grants beyond it.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only these functions; the entries of the others stay as they are.
    pub functions: Vec<String>,
    /// A package, a workspace, or a folder with many of each; the lock lies in it.
    #[arg(long, default_value = ".", value_name = "PATH")]
    pub path: PathBuf,
    /// How the project is read.
    #[command(flatten)]
    pub settings: Settings,
}

/// Writes the lock and says what it changes.
pub fn run(args: &Args) -> anyhow::Result<Outcome> {
    let project = args.settings.project(&args.path, args.functions.clone());
    let inputs = inputs::read_code(&project, false)?;
    if inputs.lacks_a_template() {
        anyhow::bail!(
            "a stack template could not be read, so the lock would not be complete; run `rolefit check`"
        );
    }
    let path = approved::lock_path(&args.path, &inputs.config);
    let present = approved::lock_text(&path)?;
    // A lock that cannot be read is only in the way when parts of it are to be kept.
    let before = match present.as_deref().map(|text| Lock::parse(FILE_NAME, text)) {
        Some(Err(error)) if !args.functions.is_empty() => return Err(error.into()),
        Some(Ok(lock)) => lock,
        _ => Lock::default(),
    };
    let today = Lock::of(inputs.catalog(), &inputs.workspace.functions);
    if today.functions.is_empty() {
        say("no function with a known role found: nothing to lock");
        return Ok(Outcome::NothingToCheck);
    }
    let after = if args.functions.is_empty() {
        today
    } else {
        let mut kept = before.clone();
        kept.functions
            .retain(|(name, _), _| !today.functions.keys().any(|(chosen, _)| chosen == name));
        kept.functions.extend(today.functions);
        kept
    };
    let text = after.to_toml(env!("CARGO_PKG_VERSION"), inputs.catalog().date());
    if present.as_deref() != Some(&text) {
        replace(&path, &text)?;
    }
    show(&summary(&before, &after))?;
    Ok(Outcome::Passed)
}

fn summary(before: &Lock, after: &Lock) -> String {
    let mut out = String::new();
    let changes = before.changes(after);
    for change in &changes {
        out.push_str(&format!("{}\n", change.function));
        out.extend(change.removed.iter().map(|line| format!("  - {line}\n")));
        out.extend(change.added.iter().map(|line| format!("  + {line}\n")));
    }
    let functions = after.functions.len();
    out.push_str(&match changes.len() {
        0 => format!("{FILE_NAME} is up to date: {functions} functions\n"),
        changed => {
            format!("{FILE_NAME} written: {functions} functions, {changed} changed; review and commit it\n")
        }
    });
    out
}
