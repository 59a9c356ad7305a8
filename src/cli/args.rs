//! The command line as typed.

use std::path::{Path, PathBuf};

use clap::{Parser, Subcommand, ValueEnum};

use super::{progress, terminal};

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
        if let Some(threads) = self.threads {
            rayon::ThreadPoolBuilder::new()
                .num_threads(usize::from(threads))
                .stack_size(64 << 20)
                .build_global()?;
        }
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
#[derive(Debug, clap::Args)]
pub struct Settings {
    /// The configuration file (default: `rolefit.toml` or `.rolefit.toml` in PATH, or above it in its git repository).
    #[arg(long, value_name = "FILE", env = "ROLEFIT_CONFIG")]
    pub config: Option<PathBuf>,
    /// Read no configuration.
    #[arg(long, conflicts_with = "config")]
    pub no_config: bool,
    /// A newer catalogue file.
    #[arg(long, value_name = "FILE")]
    pub catalog: Option<PathBuf>,
    /// Cargo features.
    #[command(flatten)]
    pub features: Features,
    /// A folder with policy templates of your own; may be repeated.
    #[arg(long, value_name = "DIR")]
    pub templates: Vec<PathBuf>,
}

impl Settings {
    /// The project at `path`, with the functions that were asked for.
    pub fn project(&self, path: &Path, functions: Vec<String>) -> Project {
        Project {
            path: path.to_path_buf(),
            functions,
            config: self.config.clone(),
            no_config: self.no_config,
            catalog: self.catalog.clone(),
            templates: self.templates.clone(),
            features: self.features.clone(),
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
    Scan(Scan),
    /// The minimal policy of each function.
    Generate(Generate),
    /// What each function needs against what its role grants today.
    Diff(Diff),
    /// The gate: fails on missing permissions and permission creep.
    Check(Check),
    /// Approve the grants of today: write them to `rolefit.lock`.
    Lock(Lock),
    /// Write the policy of one function into its role in the account.
    Apply(Apply),
    /// Take back the last `apply` of a role.
    Rollback(Rollback),
    /// Whether NEW allows anything that OLD does not: a proof, or a request as witness.
    Compare(Compare),
    /// Why a function has, or has not, an action.
    Explain(Explain),
    /// Read CloudTrail into a usage store.
    ///
    /// A store is one file that grows from run to run. Objects that were read before are left out, and reading one twice
    /// changes nothing; so a run that was stopped or killed is simply started again. The store holds what roles and
    /// functions were seen to do, before it is attributed to the functions of a project: give it to `--usage` of other
    /// commands.
    Observe(super::observe::Observe),
    /// Recorded requests against a policy: which of them it would refuse.
    Replay(Replay),
    /// A request against policies: the decision, and the statement that decides.
    Simulate(Simulate),
    /// Write a commented `rolefit.toml` from what is found.
    Init(Init),
    /// What a rule means.
    Rule(Rule),
    /// The JSON schema of an output.
    Schema(Schema),
    /// What data is inside, how old, where an operation's actions come from.
    Catalog(super::catalog::Args),
    /// The policy templates: what no code shows, as data, and yours beside them.
    Templates(super::templates::Args),
    /// Completions for a shell.
    Completions(Completions),
    /// The manual pages.
    Man(Man),
}

#[derive(Debug, clap::Args)]
pub struct Scan {
    #[command(flatten)]
    pub project: Project,
    /// Output format.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// Also list the calls that no entry reaches, and examples as entries.
    #[arg(long)]
    pub all: bool,
}

#[derive(Debug, clap::Args)]
pub struct Generate {
    #[command(flatten)]
    pub project: Project,
    /// Output format.
    #[arg(long, value_enum, default_value_t = PolicyFormat::Json)]
    pub format: PolicyFormat,
    /// Write one file per function into this folder.
    #[arg(long, value_name = "DIR")]
    pub out_dir: Option<PathBuf>,
    /// Put the roles into the stack templates (YAML), keeping everything else as it is; shows what changes.
    #[arg(long, conflicts_with_all = ["out_dir", "account", "region", "partition"])]
    pub write: bool,
    /// Write nothing; exit with 1 if `--write` would change a template, or if files in `--out-dir` are not up to date.
    #[arg(long)]
    pub check: bool,
    /// With `--write`: also the roles of functions whose need is not known for sure.
    #[arg(long, requires = "write")]
    pub with_gaps: bool,
    /// Put this account in the place of the symbol.
    #[arg(long, value_name = "ACCOUNT")]
    pub account: Option<String>,
    /// Put this region in the place of the symbol.
    #[arg(long, value_name = "REGION")]
    pub region: Option<String>,
    /// Put this partition (`aws`, `aws-cn`, `aws-us-gov`) in the place of the symbol.
    #[arg(long, value_name = "PARTITION")]
    pub partition: Option<String>,
}

#[derive(Debug, clap::Args)]
pub struct Diff {
    #[command(flatten)]
    pub project: Project,
    #[command(flatten)]
    pub output: Output,
    /// Exit with 1 when there are differences.
    #[arg(long)]
    pub exit_code: bool,
}

#[derive(Debug, clap::Args)]
pub struct Check {
    #[command(flatten)]
    pub project: Project,
    #[command(flatten)]
    pub output: Output,
    /// Fail (exit 4) when the analysis is incomplete.
    #[arg(long)]
    pub strict: bool,
    /// Show notes too.
    #[arg(long, short)]
    pub verbose: bool,
    /// Compare with the roles at this git revision, such as `origin/main`, instead of `rolefit.lock`.
    #[arg(long, value_name = "REV", conflicts_with = "base_report")]
    pub base: Option<String>,
    /// Compare with the roles in an earlier `--format json` report instead of `rolefit.lock`.
    #[arg(long, value_name = "FILE")]
    pub base_report: Option<PathBuf>,
    /// Exit with 0 even if there are findings.
    #[arg(long)]
    pub exit_zero: bool,
    /// Rules that fail the build, such as `RF001` or `RF01*`; replaces the configured ones.
    #[arg(long, value_name = "RULE", value_delimiter = ',', value_parser = rules)]
    pub fail_on: Vec<String>,
    /// How bad a finding must be to fail the build; replaces the configured severity.
    #[arg(long, value_enum, value_name = "SEVERITY")]
    pub min_severity: Option<SeverityArg>,
    /// How sure a finding must be to fail the build; replaces the configured confidence.
    #[arg(long, value_enum, value_name = "CONFIDENCE")]
    pub min_confidence: Option<ConfidenceArg>,
}

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

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SeverityArg {
    Info,
    Low,
    Medium,
    High,
    Critical,
}

/// How sure a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ConfidenceArg {
    Low,
    Medium,
    High,
}

/// Writes a commented `rolefit.toml` from what is found: what has to be stated because it is not clear, and what could be.
#[derive(Debug, clap::Args)]
pub struct Init {
    /// A package, a workspace, or a folder with many of each; the file is written into it.
    #[arg(default_value = ".")]
    pub path: PathBuf,
    /// Print the file instead of writing it.
    #[arg(long)]
    pub print: bool,
    /// Write it even if there is one already.
    #[arg(long, conflicts_with = "print")]
    pub force: bool,
}

/// Writes `rolefit.lock`: one approved grant a line, sorted, to be committed and reviewed like code. From then on
/// `rolefit check` fails on whatever a role grants beyond it.
#[derive(Debug, clap::Args)]
pub struct Lock {
    /// Only these functions; the entries of the others stay as they are.
    pub functions: Vec<String>,
    /// A package, a workspace, or a folder with many of each; the lock lies in it.
    #[arg(long, default_value = ".", value_name = "PATH")]
    pub path: PathBuf,
    /// How the project is read.
    #[command(flatten)]
    pub settings: Settings,
}

/// Whether NEW allows anything that OLD does not: a proof, or a request as witness.
///
/// OLD and NEW are each a policy document, a dump of roles (`aws iam get-account-authorization-details`), a stack
/// template, or `-` for standard input. From a dump or template all identity policies of a role count together, role by
/// role; `--role` or `--function` picks one.
///
/// Exit code 0: no new access, proved. 1: new access. 4: not proved either way.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rolefit compare old.json new.json
  git show main:template.yaml | rolefit compare - template.yaml
  rolefit compare --kind trust old-trust.json new-trust.json
  rolefit compare role.json --not-granted forbidden.json
  rolefit compare --batch pairs.jsonl")]
pub struct Compare {
    /// What is allowed today.
    #[arg(required_unless_present = "batch")]
    pub old: Option<PathBuf>,
    /// What would be allowed.
    #[arg(required_unless_present_any = ["batch", "not_granted"])]
    pub new: Option<PathBuf>,
    /// What the policies are attached to.
    #[arg(long, value_enum, default_value_t = KindArg::Identity)]
    pub kind: KindArg,
    /// Which actions there are: any name (`open`, so that `sts:*` is more than today's actions), or those of the
    /// catalogue.
    #[arg(long, value_enum, default_value_t = UniverseArg::Open)]
    pub universe: UniverseArg,
    /// Only this role of a dump or template.
    #[arg(long, value_name = "NAME")]
    pub role: Option<String>,
    /// Only the role of this function of a template.
    #[arg(long, value_name = "NAME")]
    pub function: Option<String>,
    /// Instead of NEW: an access list, `[{"actions": [...], "resources": [...]}]`; does OLD grant any of it?
    #[arg(long, value_name = "FILE", conflicts_with = "new")]
    pub not_granted: Option<PathBuf>,
    /// Many questions: one `{"id", "kind", "old", "new"}` a line; prints one `{"id", "verdict", "witness"}` a line.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["old", "new", "not_granted"])]
    pub batch: Option<PathBuf>,
    /// Output format.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// A newer catalogue file.
    #[arg(long, value_name = "FILE")]
    pub catalog: Option<PathBuf>,
}

/// What policies are attached to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum KindArg {
    /// A user, group or role.
    Identity,
    /// A resource, such as a bucket.
    Resource,
    /// A role: who may assume it.
    Trust,
}

/// Which actions there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum UniverseArg {
    /// Any name.
    Open,
    /// Those of the catalogue.
    Catalog,
}

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

/// A request against policies: the decision, and the statement that decides.
///
/// Decides as IAM does, offline: a Deny anywhere wins; then every layer that is attached must allow. Policies are JSON
/// files, or managed policies of AWS by name or ARN. Nothing is assumed of the request's circumstances: a condition key
/// that is not given with --context is missing, as it would be for IAM. Exits with 0 when the request is allowed and
/// with 1 when it is denied.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  rolefit simulate --policy role.json --action s3:GetObject --resource arn:aws:s3:::bucket/key
  rolefit simulate --policy ReadOnlyAccess --boundary boundary.json --action dynamodb:Query \\
      --resource arn:aws:dynamodb:eu-west-1:123456789012:table/orders --context aws:SourceIp=203.0.113.7
  rolefit simulate --resource-policy trust.json --principal lambda.amazonaws.com \\
      --action sts:AssumeRole --resource arn:aws:iam::123456789012:role/app")]
pub struct Simulate {
    /// An identity policy of the caller; may be repeated.
    #[arg(long, value_name = "FILE")]
    pub policy: Vec<String>,
    /// The caller's permissions boundary.
    #[arg(long, value_name = "FILE")]
    pub boundary: Option<String>,
    /// A session policy; may be repeated.
    #[arg(long, value_name = "FILE")]
    pub session: Vec<String>,
    /// The service control policies of one level (root, organisational unit, account), separated by commas; repeat it
    /// for each level.
    #[arg(long, value_name = "FILES")]
    pub scp: Vec<String>,
    /// The resource control policies of one level, likewise.
    #[arg(long, value_name = "FILES")]
    pub rcp: Vec<String>,
    /// The resource's own policy: a bucket policy, key policy, or the trust policy of a role to assume.
    #[arg(long, value_name = "FILE")]
    pub resource_policy: Option<String>,
    /// The caller: the ARN of a user, role or session, a service such as `lambda.amazonaws.com`, or `anonymous`; some
    /// principal of the resource's account when left out.
    #[arg(long, value_name = "ARN")]
    pub principal: Option<String>,
    /// The action, such as `s3:GetObject`.
    #[arg(long, value_name = "ACTION", required_unless_present = "batch")]
    pub action: Option<String>,
    /// The ARN of the resource, or `*` for an action that takes none.
    #[arg(long, value_name = "ARN", required_unless_present = "batch")]
    pub resource: Option<String>,
    /// The account that owns the resource, where its ARN does not tell.
    #[arg(long, value_name = "ACCOUNT")]
    pub resource_account: Option<String>,
    /// A condition key of the request; repeat a key to give it several values.
    #[arg(long, value_name = "KEY=VALUE")]
    pub context: Vec<String>,
    /// Requests with their policies, one JSON object a line (`-` is standard input); prints one decision a line.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["policy", "boundary", "session", "scp", "rcp", "resource_policy", "principal", "action", "resource", "resource_account", "context"])]
    pub batch: Option<PathBuf>,
    /// Output format.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// Puts the requests that CloudTrail recorded of each function to a policy, and lists every one that it would refuse: the
/// proof before deployment. What the trail does not tell whole is listed as unknown, and neither passes nor fails.
#[derive(Debug, clap::Args)]
pub struct Replay {
    #[command(flatten)]
    pub project: Project,
    /// Which policies: what `rolefit generate` prints, what it would print without the trail, or the roles of today.
    #[arg(long, value_enum, default_value_t = ReplayAgainst::Generated)]
    pub against: ReplayAgainst,
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
pub enum ReplayAgainst {
    /// What `rolefit generate` prints, from code and trail.
    Generated,
    /// The same from the code alone.
    Code,
    /// The roles of today.
    Current,
}

#[derive(Debug, clap::Args)]
pub struct Rule {
    /// The rule, such as `RF001`; all rules when left out.
    pub id: Option<String>,
    /// Output format.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

#[derive(Debug, clap::Args)]
pub struct Schema {
    /// Which output.
    #[arg(value_enum)]
    pub output: SchemaOf,
}

#[derive(Debug, clap::Args)]
pub struct Completions {
    /// The shell.
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}

#[derive(Debug, clap::Args)]
pub struct Man {
    /// The command to print the page of, such as `catalog info`; `rolefit` itself when left out.
    pub command: Vec<String>,
    /// Write the pages of all commands into this folder instead.
    #[arg(short, long = "output", value_name = "DIR", conflicts_with = "command")]
    pub out: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Text,
    Json,
}

/// How a report is written, and where to.
#[derive(Clone, Debug, clap::Args)]
pub struct Output {
    /// Format of what is printed.
    #[arg(long, value_enum, default_value_t = ReportFormat::Text)]
    pub format: ReportFormat,
    /// Also write the report to a file in a format, such as `sarif=rolefit.sarif`; may be repeated.
    #[arg(short = 'o', long = "output", value_name = "FORMAT=FILE", value_parser = target)]
    pub targets: Vec<Target>,
}

/// A file to write in a format.
#[derive(Clone, Debug)]
pub struct Target {
    pub format: ReportFormat,
    pub file: PathBuf,
}

fn target(text: &str) -> Result<Target, String> {
    let (format, file) = text
        .split_once('=')
        .filter(|(_, file)| !file.is_empty())
        .ok_or("expected FORMAT=FILE, such as `html=rolefit.html`")?;
    Ok(Target {
        format: ReportFormat::from_str(format, true)
            .map_err(|_| format!("`{format}` is no format; formats: {}", ReportFormat::names()))?,
        file: PathBuf::from(file),
    })
}

/// The forms of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// For people at a terminal.
    Text,
    /// For programs: `rolefit schema report` prints the schema.
    #[value(alias = "json-v1")]
    Json,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// GitHub workflow commands: annotations of a pull request.
    Github,
    /// GitLab code quality.
    Gitlab,
    /// JUnit XML.
    Junit,
    /// A pull request's comment or a step summary.
    Markdown,
    /// One page that opens from disk.
    Html,
}

impl ReportFormat {
    fn names() -> String {
        let names: Vec<String> = Self::value_variants()
            .iter()
            .filter_map(|format| Some(format.to_possible_value()?.get_name().to_owned()))
            .collect();
        names.join(", ")
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PolicyFormat {
    /// Policy documents, an object of function name → document.
    Json,
    /// Role resources for a CloudFormation template.
    Cfn,
    /// The same as `cfn`, for SAM templates.
    Sam,
    /// Terraform or OpenTofu: policy documents as data sources, and roles.
    Terraform,
    /// The same in Terraform's JSON syntax.
    TerraformJson,
    /// AWS CDK: a construct a function, in TypeScript.
    Cdk,
    /// Entries for a `serverless.yml`.
    Serverless,
    /// The report of `diff --format json`.
    ReportJson,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SchemaOf {
    /// `rolefit scan --format json`.
    Scan,
    /// `rolefit diff --format json`.
    Report,
    /// `rolefit catalog info --format json`.
    Catalog,
    /// `rolefit catalog operation --format json`.
    Operation,
    /// `rolefit catalog action --format json`.
    Action,
    /// `rolefit catalog service --format json`.
    Service,
    /// `rolefit compare --format json`.
    Compare,
    /// `rolefit replay --format json`.
    Replay,
    /// `rolefit simulate --format json`.
    Simulate,
    /// `rolefit observe --format json`.
    Observe,
    /// `rolefit observe export`.
    Usage,
    /// `rolefit observe plan --format json`.
    Plan,
    /// One line of `rolefit simulate --batch`.
    SimulateBatch,
    /// `rolefit templates list --format json`.
    Templates,
    /// `rolefit rule --format json`.
    Rules,
    /// `rolefit.toml`, for editors.
    Config,
}

/// A choice of rules that fits one at least.
fn rules(text: &str) -> Result<String, String> {
    match crate::config::rule_glob(text) {
        None => Ok(text.to_owned()),
        Some((fault, None)) => Err(fault),
        Some((fault, Some(help))) => Err(format!("{fault}; {help}")),
    }
}
