//! `rolefit generate`: policies and roles, printed or written.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::args::Project;
use super::replace::replace;
use super::{Outcome, assess, complain, inputs, say, show, show_json, write};
use crate::iam::arn::ArnPattern;
use crate::iam::policy::limits::Place;
use crate::iam::policy::{Policy, Resources};
use crate::report::{Assessed, json};
use crate::synth::emit::{Deployable, cdk, cloudformation, serverless, terraform};
use crate::synth::size;

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

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
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

/// Prints or writes the minimal policy of each function.
pub fn run(args: &Generate) -> anyhow::Result<Outcome> {
    let inputs = inputs::read(&args.project)?;
    let report = assess::assess(&inputs);
    if report.functions.is_empty() {
        say("no functions found: neither a stack template nor a binary");
        return Ok(Outcome::NothingToCheck);
    }
    for assessed in &report.functions {
        for gap in &assessed.gaps {
            let place = gap
                .location
                .as_ref()
                .map(|location| format!(" ({location})"))
                .unwrap_or_default();
            say(&format!(
                "gap: {}: {}{place}",
                assessed.function.name, gap.message
            ));
        }
    }
    let data = format!(
        "rolefit {}, catalogue of {}",
        env!("CARGO_PKG_VERSION"),
        inputs.catalog().date()
    );
    if args.write {
        return write::run(args, &inputs, &report.functions, &data);
    }
    let wanted: Vec<Wanted<'_, '_>> = report
        .functions
        .iter()
        .map(|assessed| Wanted {
            assessed,
            key: key(assessed, &report.functions),
            policy: pinned(&assessed.policy, args),
        })
        .collect();
    match args.format {
        PolicyFormat::ReportJson => {
            show_json(&json::report(&report, inputs.catalog()))?;
            Ok(Outcome::Passed)
        }
        PolicyFormat::Json => documents(args, &wanted),
        format => deployables(args, format, &inputs, &wanted, &data),
    }
}

/// A function whose policy is wanted.
struct Wanted<'r, 'a> {
    assessed: &'r Assessed<'a>,
    key: String,
    policy: Policy,
}

/// The policy with the account, region and partition that the user gave in the place of their symbols.
fn pinned(policy: &Policy, args: &Generate) -> Policy {
    let given = [
        ("${AWS::AccountId}", &args.account),
        ("${AWS::Region}", &args.region),
        ("${AWS::Partition}", &args.partition),
    ];
    let fill = |text: &str| {
        given
            .iter()
            .fold(text.to_owned(), |text, (symbol, value)| match value {
                Some(value) => text.replace(symbol, value),
                None => text,
            })
    };
    let mut policy = policy.clone();
    for statement in &mut policy.statements {
        if let Resources::Only(resources) = &mut statement.resources {
            for resource in resources {
                *resource = ArnPattern::new(fill(resource.as_str()));
            }
        }
        for values in statement
            .conditions
            .values_mut()
            .flat_map(|keys| keys.values_mut())
        {
            for value in values {
                *value = fill(value);
            }
        }
    }
    policy
}

/// Prints or writes JSON documents: by function, or the bare document of the one function asked for.
fn documents(args: &Generate, wanted: &[Wanted<'_, '_>]) -> anyhow::Result<Outcome> {
    let most = Place::InlineRole.limit().default;
    for each in wanted.iter().filter(|each| size::size(&each.policy) > most) {
        say(&format!(
            "{}: more than the {most} characters that a role's inline policies may have; the other formats shorten or split \
             it without changing what it allows",
            each.key
        ));
    }
    if let Some(mut folder) = Folder::of(args) {
        for each in wanted {
            folder.put(&each.key, "json", &format!("{:#}\n", each.policy.to_json()))?;
        }
        return Ok(folder.outcome());
    }
    match (args.project.functions.as_slice(), wanted) {
        ([_], [only]) => show_json(&only.policy.to_json())?,
        _ => {
            let by_key: BTreeMap<&str, serde_json::Value> = wanted
                .iter()
                .map(|each| (each.key.as_str(), each.policy.to_json()))
                .collect();
            show_json(&by_key)?;
        }
    }
    Ok(Outcome::Passed)
}

/// Prints or writes roles in a language of deployment.
fn deployables(
    args: &Generate,
    format: PolicyFormat,
    inputs: &inputs::Inputs,
    wanted: &[Wanted<'_, '_>],
    data: &str,
) -> anyhow::Result<Outcome> {
    let mut made = Vec::new();
    for each in wanted {
        let function = each.assessed.function;
        let stack = function
            .stack
            .and_then(|index| inputs.workspace.stacks.get(index));
        match Deployable::new(function, stack, &each.policy, &each.assessed.grants, data) {
            Ok(deployable) => made.push((each.key.as_str(), function.stack, deployable)),
            // The others are printed all the same.
            Err(error) => complain(&format!("function `{}`: {error}", each.key)),
        }
    }
    let printed = match format {
        PolicyFormat::Terraform | PolicyFormat::TerraformJson => {
            terraform_files(args, format == PolicyFormat::TerraformJson, &made)
        }
        PolicyFormat::Cdk => each_or_all(args, "ts", cdk::IMPORTS, &made, |deployable| {
            format!("\n{}", cdk::construct(deployable))
        }),
        PolicyFormat::Serverless => each_or_all(args, "yml", "", &made, |deployable| {
            serverless::configuration([deployable])
        }),
        _ => each_or_all(args, "yaml", "", &made, cloudformation::role),
    }?;
    Ok(match made.len() == wanted.len() {
        true => printed,
        false => Outcome::Findings,
    })
}

type Made<'a, 'b> = (&'b str, Option<usize>, Deployable<'a>);

/// One file a function, or all printed: one document per stack, so that each can be pasted into its own template.
fn each_or_all(
    args: &Generate,
    ending: &str,
    heading: &str,
    made: &[Made<'_, '_>],
    text: impl Fn(&Deployable<'_>) -> String,
) -> anyhow::Result<Outcome> {
    if let Some(mut folder) = Folder::of(args) {
        for (key, _, deployable) in made {
            folder.put(key, ending, &format!("{heading}{}", text(deployable)))?;
        }
        return Ok(folder.outcome());
    }
    if ending == "yml" {
        show(&serverless::configuration(
            made.iter().map(|(_, _, deployable)| deployable),
        ))?;
        return Ok(Outcome::Passed);
    }
    let mut of_stack: BTreeMap<Option<usize>, String> = BTreeMap::new();
    for (_, stack, deployable) in made {
        let stack = (ending == "yaml").then_some(*stack).flatten();
        of_stack.entry(stack).or_default().push_str(&text(deployable));
    }
    let documents: Vec<String> = of_stack.into_values().collect();
    show(&format!("{heading}{}", documents.join("---\n")))?;
    Ok(Outcome::Passed)
}

/// Roles of Terraform, and beside them the data sources and variables that they share.
fn terraform_files(args: &Generate, in_json: bool, made: &[Made<'_, '_>]) -> anyhow::Result<Outcome> {
    let mut shared = terraform::Shared::default();
    let mut parts = Vec::new();
    for (key, _, deployable) in made {
        parts.push((
            *key,
            match in_json {
                true => format!("{:#}\n", terraform::json(deployable, &mut shared)),
                false => terraform::hcl(deployable, &mut shared),
            },
        ));
    }
    let common = match in_json {
        true => format!("{:#}\n", shared.json()),
        false => shared.hcl(),
    };
    let common = (shared != terraform::Shared::default()).then_some(("rolefit-shared", common));
    let files = common
        .iter()
        .chain(&parts)
        .map(|(key, text)| (*key, text.as_str()));
    let Some(mut folder) = Folder::of(args) else {
        let texts: Vec<&str> = files.map(|(_, text)| text).collect();
        match in_json {
            true => show_json(&merged(&texts)?)?,
            false => show(&texts.join("\n"))?,
        }
        return Ok(Outcome::Passed);
    };
    for (key, text) in files {
        folder.put(key, if in_json { "tf.json" } else { "tf" }, text)?;
    }
    Ok(folder.outcome())
}

/// Files of Terraform's JSON syntax as one.
fn merged(texts: &[&str]) -> anyhow::Result<serde_json::Value> {
    fn merge(into: &mut serde_json::Value, from: serde_json::Value) {
        match (into, from) {
            (serde_json::Value::Object(into), serde_json::Value::Object(from)) => {
                for (key, value) in from {
                    match into.get_mut(&key) {
                        Some(known) => merge(known, value),
                        None => {
                            into.insert(key, value);
                        }
                    }
                }
            }
            (into, from) => *into = from,
        }
    }
    let mut all = serde_json::json!({});
    for text in texts {
        merge(&mut all, serde_json::from_str(text)?);
    }
    Ok(all)
}

/// The folder that files go into; with `--check` they are compared instead.
struct Folder<'a> {
    path: &'a Path,
    check: bool,
    stale: bool,
}

impl<'a> Folder<'a> {
    fn of(args: &'a Generate) -> Option<Self> {
        Some(Self {
            path: args.out_dir.as_deref()?,
            check: args.check,
            stale: false,
        })
    }

    /// Writes one file, or says that it is not up to date.
    fn put(&mut self, key: &str, ending: &str, text: &str) -> anyhow::Result<()> {
        let name: String = key
            .chars()
            .map(|c| match c {
                c if c.is_ascii_alphanumeric() || "-_.".contains(c) => c,
                _ => '_',
            })
            .collect();
        let file = self.path.join(format!("{name}.{ending}"));
        if self.check {
            if std::fs::read_to_string(&file).ok().as_deref() != Some(text) {
                self.stale = true;
                say(&format!("not up to date: {}", file.display()));
            }
            return Ok(());
        }
        std::fs::create_dir_all(self.path)
            .with_context(|| format!("cannot create `{}`", self.path.display()))?;
        replace(&file, text)?;
        say(&format!("wrote {}", file.display()));
        Ok(())
    }

    fn outcome(self) -> Outcome {
        match self.stale {
            true => Outcome::Findings,
            false => Outcome::Passed,
        }
    }
}

/// The function's name; where several stacks have a function of that name, `stack file#name`.
fn key(assessed: &Assessed<'_>, functions: &[Assessed<'_>]) -> String {
    let name = &assessed.function.name;
    if functions
        .iter()
        .filter(|other| other.function.name == *name)
        .count()
        == 1
    {
        return name.clone();
    }
    format!("{}#{name}", assessed.function.location.file)
}
