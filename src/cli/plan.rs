//! `rolefit observe plan`: what to record to see more.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use anyhow::{Context as _, bail};

use super::args::{Format, Project};
use super::assess;
use super::inputs::{self, Inputs};
use super::{Outcome, say, show, show_json};
use crate::plan::{Known, Plan as Planned, Wanted, Wishes, plan};
use crate::report::plan::PlanV1;
use crate::report::{Assessed, text};
use crate::trail::selectors::{self, TrailSettings};
use crate::usage::{BecauseKind, OperationId};
use crate::workspace::model::Function;

/// Which calls of the code no trail shows, the cheapest event selectors that would show them, and what they cost.
///
/// Whether a call is seen is told by the settings of trails, given here or kept in a store (`rolefit observe --from trails`),
/// else by what a trail holds (`--usage`), else by what trails record unless they are told otherwise. The selectors are for a trail of their own: it changes no
/// other one, and it costs what it records.
#[derive(Debug, clap::Args)]
pub struct Plan {
    #[command(flatten)]
    pub project: Project,
    /// What `aws cloudtrail describe-trails` and `get-event-selectors` print, one behind the other; may be repeated.
    #[arg(long, value_name = "FILE")]
    pub trail_settings: Vec<PathBuf>,
    /// Extend this trail of the settings, in place of a trail of its own.
    #[arg(long, value_name = "TRAIL")]
    pub extend: Option<String>,
    /// Record every call of the functions on resources of a kind, so that calls that no code explains are seen too.
    #[arg(long)]
    pub all_operations: bool,
    /// How often a function runs in a month (`PutOrder=250000`), or each (`250000`); for the cost; may be repeated.
    #[arg(long, value_name = "[NAME=]N")]
    pub runs: Vec<String>,
    /// The account of the functions, twelve digits, where nothing else tells.
    #[arg(long, value_name = "ACCOUNT")]
    pub account: Option<String>,
    /// The name of the stack, where nothing else tells.
    #[arg(long, value_name = "NAME")]
    pub stack_name: Option<String>,
    /// Write the selectors to this file, for `--advanced-event-selectors file://FILE`.
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Output format.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// Plans what to record.
pub fn run(args: &Plan) -> anyhow::Result<Outcome> {
    let mut settings = settings(args)?;
    let wishes = Wishes {
        all_operations: args.all_operations,
        extend: args.extend.clone(),
        runs: runs(&args.runs)?,
    };
    let inputs = inputs::read(&args.project)?;
    if let (true, Some(trail)) = (settings.is_empty(), &inputs.trail) {
        let known = selectors::newest(&trail.ledger.trails);
        settings.extend(known.into_iter().map(|(trail, _)| trail));
    }
    let report = assess::assess(&inputs);
    if report.functions.is_empty() {
        say("no function found");
        return Ok(Outcome::NothingToCheck);
    }
    let wanted: Vec<Wanted> = report
        .functions
        .iter()
        .flat_map(|assessed| wanted(args, &inputs, assessed, &settings))
        .collect();
    let known = Known {
        settings: &settings,
        trail: inputs.trail.as_ref(),
    };
    let planned = plan(inputs.catalog(), wanted, known, &wishes).map_err(anyhow::Error::msg)?;
    let mut judged_by: Vec<String> = settings
        .iter()
        .map(|trail| format!("the settings of the trail {}", trail.shown()))
        .collect();
    if settings.is_empty() {
        judged_by.extend(inputs.trail.as_ref().map(|_| "what the trail holds".to_owned()));
    }
    let answer = PlanV1::of(
        &planned,
        report.functions.len(),
        judged_by,
        args.extend.clone(),
        commands(args, &planned),
    );
    if let Some(file) = &args.output {
        let text = serde_json::to_string_pretty(&answer.selectors)? + "\n";
        std::fs::write(file, text).with_context(|| format!("cannot write `{}`", file.display()))?;
    }
    match args.format {
        Format::Text => show(&text::plan(&answer))?,
        Format::Json => show_json(&answer)?,
    }
    Ok(Outcome::Passed)
}

/// What trails were told to record.
fn settings(args: &Plan) -> anyhow::Result<Vec<TrailSettings>> {
    let mut text = String::new();
    for file in &args.trail_settings {
        let shown = file.display();
        text += &std::fs::read_to_string(file).with_context(|| format!("cannot read `{shown}`"))?;
        text.push('\n');
    }
    match (args.trail_settings.is_empty(), selectors::parse(&text)) {
        (true, _) => Ok(Vec::new()),
        (false, Some(settings)) => Ok(settings),
        (false, None) => bail!(
            "no settings of a trail are in what was given\nhint: give what `aws cloudtrail get-event-selectors --trail-name \
             NAME` prints"
        ),
    }
}

fn runs(given: &[String]) -> anyhow::Result<BTreeMap<String, u64>> {
    let mut runs = BTreeMap::new();
    for one in given {
        let (name, count) = one.split_once('=').unwrap_or(("*", one));
        let count = count
            .parse()
            .with_context(|| format!("`{one}` is neither a number nor NAME=NUMBER"))?;
        runs.insert(name.to_owned(), count);
    }
    Ok(runs)
}

/// The operations of a function, each with what it is called on.
fn wanted(args: &Plan, inputs: &Inputs, assessed: &Assessed<'_>, settings: &[TrailSettings]) -> Vec<Wanted> {
    let function = assessed.function;
    let sessions = Sessions::of(args, inputs, function, settings);
    let mut found: BTreeMap<&OperationId, Wanted> = BTreeMap::new();
    let of = |operation: &OperationId| Wanted {
        function: function.name.clone(),
        operation: operation.clone(),
        resources: BTreeSet::new(),
        callers: sessions.callers.clone(),
        role: sessions.role.clone(),
        calls: 0,
    };
    for call in assessed.calls {
        found
            .entry(&call.operation)
            .or_insert_with(|| of(&call.operation))
            .calls += 1;
    }
    for grant in &assessed.grants {
        for because in grant.because() {
            let Some(operation) = &because.operation else {
                continue;
            };
            if !matches!(because.kind, BecauseKind::Code | BecauseKind::Config) {
                continue;
            }
            let wanted = found.entry(operation).or_insert_with(|| of(operation));
            // What a service does for the call, such as decrypting, is recorded elsewhere.
            let own = grant.resource.service().is_none_or(|service| {
                let prefix = inputs
                    .catalog()
                    .service(&operation.service)
                    .map(|service| service.iam_prefix());
                prefix.is_none_or(|prefix| prefix == service)
            });
            if own {
                wanted.resources.insert(grant.resource.as_str().to_owned());
            }
        }
    }
    found.into_values().collect()
}

/// The sessions in which a function calls.
struct Sessions {
    callers: BTreeSet<String>,
    role: Option<String>,
}

impl Sessions {
    fn of(args: &Plan, inputs: &Inputs, function: &Function, settings: &[TrailSettings]) -> Self {
        let stack = inputs.stack_of(function);
        let seen: Vec<_> = inputs
            .trail
            .iter()
            .flat_map(|trail| &trail.observations)
            .filter(|observation| observation.known.as_deref() == Some(function.name.as_str()))
            .collect();
        let place = stack.and_then(|stack| stack.place.as_ref());
        let account = [
            args.account.clone(),
            place.map(|place| place.account.clone()),
            seen.first().map(|observation| observation.account.clone()),
            settings
                .iter()
                .find_map(|trail| trail.account().map(str::to_owned)),
        ];
        let account = account
            .into_iter()
            .flatten()
            .find(|account| !account.is_empty())
            .unwrap_or_else(|| "${AWS::AccountId}".to_owned());
        let partition = place
            .map(|place| place.partition.clone())
            .or_else(|| {
                settings
                    .iter()
                    .find_map(|trail| trail.arn.split(':').nth(1))
                    .map(str::to_owned)
            })
            .filter(|partition| !partition.is_empty())
            .unwrap_or_else(|| "aws".to_owned());
        let mut names: BTreeSet<String> = seen
            .iter()
            .map(|observation| format!("{}/", observation.role_name))
            .collect();
        if names.is_empty() {
            names.extend(deployed_role(args, inputs, function));
        }
        let role = names.first().map(|name| match name.strip_suffix('/') {
            Some(whole) => whole.to_owned(),
            None => format!("{name}*"),
        });
        Self {
            callers: names
                .into_iter()
                .map(|name| format!("arn:{partition}:sts::{account}:assumed-role/{name}"))
                .collect(),
            role,
        }
    }
}

/// The name of the role, whole with a slash behind it, or the beginning that CloudFormation gives it.
fn deployed_role(args: &Plan, inputs: &Inputs, function: &Function) -> Option<String> {
    /// Longer names are cut somewhere: <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-name.html>.
    const SURE: usize = 50;
    let role = function.role.as_ref()?;
    let stack = inputs.stack_of(function)?;
    let named = |name: &str| match &args.stack_name {
        Some(stack) => name.replace("${AWS::StackName}", stack),
        None => name.to_owned(),
    };
    match stack
        .resources
        .get(&role.id)
        .and_then(|resource| resource.physical_name.clone())
    {
        Some(name) => Some(format!("{}/", named(&name))),
        None if stack.kind == "account" => Some(format!("{}/", role.id)),
        None if matches!(stack.kind, "sam" | "cloudformation" | "cdk") => {
            let name = named(&format!("${{AWS::StackName}}-{}-", role.id));
            match name.len() > SURE && !name.contains("${") {
                true => args
                    .stack_name
                    .as_ref()
                    .map(|stack| stack.chars().take(20).collect()),
                false => Some(name),
            }
        }
        None => None,
    }
}

/// The commands that put the selectors to use.
fn commands(args: &Plan, planned: &Planned) -> Vec<String> {
    if planned.selectors.is_empty() {
        return Vec::new();
    }
    let file = args
        .output
        .as_ref()
        .map_or_else(|| "selectors.json".to_owned(), |file| file.display().to_string());
    let put = |trail: &str| {
        format!(
            "aws cloudtrail put-event-selectors --trail-name {trail} --advanced-event-selectors file://{file}"
        )
    };
    match &args.extend {
        Some(trail) => vec![put(trail)],
        None => vec![
            "aws cloudtrail create-trail --name rolefit-calls --s3-bucket-name BUCKET --is-multi-region-trail".to_owned(),
            put("rolefit-calls"),
            "aws cloudtrail start-logging --name rolefit-calls".to_owned(),
        ],
    }
}
