//! The command line as typed: the commands, and the options that several of them have.

use std::path::{Path, PathBuf};

use clap::{Parser, Subcommand, ValueEnum};

use super::{
    apply, catalog, check, compare, diff, explain, generate, init, lock, manual, observe, progress, replay,
    rule, scan, schema, simulate, templates, terminal,
};

/// Least-privilege IAM policies for serverless functions written in Rust.
///
/// Without a command: an overview of the functions found, their roles, and what to run next.
#[derive(Debug, Parser)]
#[command(
    name = "rolefit",
    version,
    args_conflicts_with_subcommands = true,
    max_term_width = 100
)]
pub struct Args {
    #[command(flatten)]
    pub project: Project,
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// Heading of the options that every command has.
const EVERYWHERE: &str = "Everywhere";

/// Options of every command.
#[derive(Debug, clap::Args)]
pub struct Global {
    /// When to use colour.
    ///
    /// `auto` colours at a terminal; NO_COLOR, FORCE_COLOR and CLICOLOR_FORCE are heeded.
    #[arg(long, global = true, value_enum, default_value_t = Colour::Auto, hide_possible_values = true, value_name = "auto|always|never", help_heading = EVERYWHERE)]
    pub color: Colour,
    /// Threads to use, at most 256 (default, or 0: one per core).
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(0..=256), help_heading = EVERYWHERE)]
    pub threads: Option<u16>,
    /// Only results and errors: no remarks, no progress; of `check`, only what fails.
    #[arg(long, short, global = true, help_heading = EVERYWHERE)]
    pub quiet: bool,
    /// No progress line at the terminal, which else appears when a run takes long.
    #[arg(long, global = true, help_heading = EVERYWHERE)]
    pub no_progress: bool,
}

impl Global {
    /// Applies the options that hold for the whole process.
    pub fn apply(&self) -> anyhow::Result<()> {
        match self.color {
            Colour::Auto => terminal::wanted_colour(),
            Colour::Always => anstream::ColorChoice::Always,
            Colour::Never => anstream::ColorChoice::Never,
        }
        .write_global();
        terminal::keep_quiet(self.quiet);
        if !self.quiet && !self.no_progress {
            progress::allow();
        }
        // Parsed code and policies can be deep. 0 threads stands for one per core.
        rayon::ThreadPoolBuilder::new()
            .num_threads(usize::from(self.threads.unwrap_or(0)))
            .stack_size(64 << 20)
            .build_global()?;
        Ok(())
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Colour {
    Auto,
    Always,
    Never,
}

/// What to look at.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Project {
    /// A package, a workspace, or a folder with many of each.
    #[arg(default_value = ".")]
    pub path: PathBuf,
    /// Only this function (logical id, `stack file#logical id`, deployed name or binary); may be repeated.
    #[arg(long = "function", value_name = "NAME")]
    pub functions: Vec<String>,
    /// CloudTrail: a store or export of `rolefit observe`, a folder of trail objects, or one of them.
    #[arg(long, value_name = "PATH")]
    pub usage: Option<PathBuf>,
    /// How it is read.
    #[command(flatten)]
    pub settings: Settings,
    /// Dumps of the account, a file or a folder, beside those in `.rolefit`; may be repeated.
    ///
    /// What `aws iam get-account-authorization-details`, `aws lambda list-functions` and `aws lambda
    /// list-event-source-mappings` print. Functions that no stack describes are read from them.
    #[arg(long, value_name = "PATH")]
    pub deploy: Vec<PathBuf>,
    /// Where the current roles are read from: the stack template, dumps of the account, or the live account.
    #[arg(long, value_enum, default_value_t = Current::Template)]
    pub current: Current,
    /// With `--current aws`: the name of the role, when the stack does not tell.
    #[arg(long, value_name = "NAME", requires = "current")]
    pub role: Option<String>,
}

/// How a project is read.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Settings {
    /// The configuration file (default: `rolefit.toml` or `.rolefit.toml` in PATH, or above it in its git repository).
    #[arg(long, value_name = "FILE", env = "ROLEFIT_CONFIG")]
    pub config: Option<PathBuf>,
    /// Read no configuration.
    #[arg(long, conflicts_with = "config")]
    pub no_config: bool,
    /// Cargo features.
    #[command(flatten)]
    pub features: Features,
    /// A newer catalogue file, made by `rolefit catalog build`.
    #[arg(long, value_name = "FILE")]
    pub catalog: Option<PathBuf>,
    /// A folder with policy templates of your own, which take the place of built-in ones by id; may be repeated.
    #[arg(long, value_name = "DIR")]
    pub templates: Vec<PathBuf>,
}

impl Settings {
    /// The project at `path`, with the functions that were asked for.
    pub fn project(&self, path: &Path, functions: Vec<String>) -> Project {
        Project {
            path: path.to_path_buf(),
            functions,
            settings: self.clone(),
            ..Project::default()
        }
    }
}

/// What a command about one function reads beside the code and the stack templates.
#[derive(Debug, clap::Args)]
pub struct Reading {
    /// CloudTrail: a store or export of `rolefit observe`, a folder of trail objects, or one of them.
    #[arg(long, value_name = "PATH")]
    pub usage: Option<PathBuf>,
    /// How the project is read.
    #[command(flatten)]
    pub settings: Settings,
}

impl Reading {
    /// The project at `path`, with the functions that were asked for.
    pub fn project(&self, path: &Path, functions: Vec<String>) -> Project {
        Project {
            usage: self.usage.clone(),
            ..self.settings.project(path, functions)
        }
    }
}

/// Which code is read: the Cargo features it is built with, and whose.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Features {
    /// Features to switch on, beside the default ones.
    #[arg(
        long,
        value_name = "FEATURES",
        value_delimiter = ',',
        help_heading = "Cargo features"
    )]
    pub features: Vec<String>,
    /// Read code behind any feature.
    #[arg(long, help_heading = "Cargo features")]
    pub all_features: bool,
    /// Leave default features off.
    #[arg(long, help_heading = "Cargo features")]
    pub no_default_features: bool,
    /// Read the source of crates that wrap AWS, too, as Cargo keeps it on this machine (`cargo fetch`).
    #[arg(long)]
    pub registry_sources: bool,
}

/// Where the current roles are read from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Current {
    /// The stack template.
    #[default]
    Template,
    /// The dumps of the account.
    Dump,
    /// The account that the environment's credentials belong to.
    Aws,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// The AWS operations each function can reach, with call path and resource.
    Scan(scan::Scan),
    /// The minimal policy of each function.
    Generate(generate::Generate),
    /// What each function needs against what its role grants today.
    Diff(diff::Diff),
    /// The gate: fails on missing permissions and permission creep.
    Check(check::Check),
    /// Approve the grants of today: write them to `rolefit.lock`.
    Lock(lock::Args),
    /// Write the policy of one function into its role in the account.
    Apply(apply::Apply),
    /// Take back the last `apply` of a role.
    Rollback(apply::Rollback),
    /// Whether NEW allows anything that OLD does not: a proof, or a request as witness.
    Compare(compare::Compare),
    /// Why a function has, or has not, an action.
    Explain(explain::Explain),
    /// Read CloudTrail into a usage store.
    ///
    /// A store is one file that grows from run to run. Objects that were read before are left out, and reading one twice
    /// changes nothing; so a run that was stopped or killed is simply started again. The store holds what roles and
    /// functions were seen to do, before it is attributed to the functions of a project: give it to `--usage` of other
    /// commands.
    Observe(observe::Observe),
    /// Recorded requests against a policy: which of them it would refuse.
    Replay(replay::Replay),
    /// A request against policies: the decision, and the statement that decides.
    Simulate(simulate::Simulate),
    /// Write a commented `rolefit.toml` from what is found.
    Init(init::Init),
    /// What a rule means.
    Rule(rule::Args),
    /// The JSON schema of an output.
    Schema(schema::Schema),
    /// What data is inside, how old, where an operation's actions come from.
    Catalog(catalog::Args),
    /// The policy templates: what no code shows, as data, and yours beside them.
    Templates(templates::Args),
    /// Completions for a shell.
    Completions(manual::Completions),
    /// The manual pages.
    Man(manual::Man),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Text,
    Json,
}
