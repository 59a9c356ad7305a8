//! `rolefit apply` and `rolefit rollback`: the only commands that change an account.

#[cfg(feature = "live")]
mod live;
#[cfg(feature = "live")]
mod saved;

use std::path::PathBuf;

use super::args::Reading;

#[cfg(feature = "live")]
pub use live::{apply, rollback};

/// Writes the policy of one function into its role in the account.
///
/// The role's inline policies become the one that the function needs; attached policies stay. What changes is shown
/// first, and what the role had is kept in `.rolefit/rollback`. A role is left as it is while something is open: a gap,
/// a function without a known binary, or a need that the role does not meet today.
#[derive(Debug, clap::Args)]
pub struct Apply {
    /// A package, a workspace, or a folder with many of each.
    #[arg(default_value = ".")]
    pub path: PathBuf,
    /// The function (logical id, `stack file#logical id`, deployed name or binary).
    #[arg(long, value_name = "NAME")]
    pub function: String,
    /// The role to write, by name or ARN; no other is touched.
    #[arg(long, value_name = "ROLE")]
    pub role: String,
    /// What a symbol of the stack is in the account: a physical id, or a parameter's value; may be repeated.
    #[arg(long, value_name = "NAME=VALUE")]
    pub set: Vec<String>,
    /// The same for all resources: what `aws cloudformation describe-stack-resources` prints.
    #[arg(long, value_name = "FILE")]
    pub set_from: Option<PathBuf>,
    /// Name of the inline policy.
    #[arg(long, value_name = "NAME", default_value = "rolefit")]
    pub policy_name: String,
    /// Write although something is open; the reason is kept with what the role had.
    #[arg(long, value_name = "REASON")]
    pub accept: Option<String>,
    /// Show what would be written, and write nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Write without asking.
    #[arg(long, short)]
    pub yes: bool,
    /// What is read beside the code and the stack templates.
    #[command(flatten)]
    pub reading: Reading,
}

/// Takes back the last `apply` of a role.
///
/// The role gets the inline policies that it had, from the newest file of `.rolefit/rollback`; once more goes one step
/// further back.
#[derive(Debug, clap::Args)]
pub struct Rollback {
    /// The folder that `apply` was given.
    #[arg(default_value = ".")]
    pub path: PathBuf,
    /// The role, by name or ARN; no other is touched.
    #[arg(long, value_name = "ROLE")]
    pub role: String,
    /// Also when the role's inline policies have changed since.
    #[arg(long)]
    pub force: bool,
    /// Show what would be put back, and write nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Write without asking.
    #[arg(long, short)]
    pub yes: bool,
}

#[cfg(not(feature = "live"))]
const WITHOUT_LIVE: &str = "this rolefit was built without the feature `live`, so it cannot change the account\n\
     hint: `rolefit generate` prints the policy";

/// Without the parts that ask AWS nothing can be written.
#[cfg(not(feature = "live"))]
pub fn apply(_: &Apply) -> anyhow::Result<super::Outcome> {
    anyhow::bail!(WITHOUT_LIVE)
}

/// Without the parts that ask AWS nothing can be written.
#[cfg(not(feature = "live"))]
pub fn rollback(_: &Rollback) -> anyhow::Result<super::Outcome> {
    anyhow::bail!(WITHOUT_LIVE)
}
