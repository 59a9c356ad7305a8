//! What is judged beyond the comparison of need and role: what the team wants of the need, what the trail is silent
//! about, binaries without a function, waivers in comments.

use std::collections::BTreeSet;

use rayon::prelude::*;

use super::inputs::Inputs;
use super::observed;
use crate::config::{Config, NeedPolicy};
use crate::gate::deployment::Remedy;
use crate::gate::trail::{Activity, Expected, Window};
use crate::gate::{self, Finding, Waiver};
use crate::iam::policy::Policy;
use crate::synth::adjust;
use crate::synth::conditions::{self, Evidence};
use crate::synth::size::{self, Attachment};
use crate::trail::Trail;
use crate::usage::{Because, BecauseKind, Coverage, Grant, Location};
use crate::workspace::model::Function;

/// The need as the team wants it, and what there is to say about what was left out or never seen.
pub struct Wanted {
    /// What the role has to grant.
    pub grants: Vec<Grant>,
    /// Findings about the evidence.
    pub findings: Vec<Finding>,
}

/// Applies `[synthesis]` to the grants of a function; `observations` is how many kinds of calls the trail saw of it.
pub fn wanted(inputs: &Inputs, grants: Vec<Grant>, evidence: Evidence<'_>, observations: usize) -> Wanted {
    let options = inputs.config.synthesis;
    let function = evidence.around.function;
    let unseen = |grant: &Grant| match options.need {
        NeedPolicy::CodeOrObserved | NeedPolicy::Code => false,
        NeedPolicy::Observed => true,
        NeedPolicy::CodeAndObserved => {
            let trail = inputs.trail.as_ref();
            trail.is_some_and(|trail| shows(trail, function, grant))
        }
    };
    let observed = matches!(options.need, NeedPolicy::CodeOrObserved | NeedPolicy::Observed);
    let sorted = adjust::by_evidence(grants, observed, &unseen);
    let mut findings = Vec::new();
    if let Some(trail) = &inputs.trail {
        findings.extend(silence(inputs, trail, function, &sorted, observations));
    }
    let mut grants = sorted.kept;
    if let Some(line) = options.list_bucket_for_404 {
        let why =
            "`synthesis.allow_list_bucket_for_404`: so that S3 answers 404 for objects that are not there";
        grants = adjust::with_listing(grants, &asked_for(&inputs.config, line, why));
    }
    if options.whole_types {
        grants = adjust::on_whole_types(inputs.catalog(), grants);
    }
    if let Some(line) = options.prefix_conditions {
        let because = asked_for(
            &inputs.config,
            line,
            "`synthesis.conditions` asks for `s3:prefix`",
        );
        let (limited, left_out) = conditions::on_prefixes(inputs.catalog(), grants, evidence, &because);
        findings.extend(
            left_out
                .into_iter()
                .map(|left| gate::condition::left_out(function, "s3:prefix", &left.grant, &left.reasons)),
        );
        grants = limited;
    }
    Wanted { grants, findings }
}

/// What there is to say about the length of a policy that is attached inline, or as a managed one.
pub fn length(function: &Function, policy: &Policy, managed: bool) -> Option<Finding> {
    let fitted = match managed {
        true => size::managed(policy).map(Attachment::Managed),
        false => size::fit(policy),
    };
    let remedy = match fitted {
        Ok(Attachment::Inline(_)) => return None,
        Ok(Attachment::Managed(parts)) if managed && parts.len() <= 1 => return None,
        Ok(Attachment::Managed(parts)) => Remedy::Several(parts.len()),
        Err(error) => Remedy::None {
            why: error.to_string().lines().next().unwrap_or_default().to_owned(),
            choices: size::CHOICES.to_owned(),
        },
    };
    Some(gate::deployment::too_long(
        function,
        size::size(policy),
        managed,
        remedy,
    ))
}

/// A choice in `rolefit.toml` as a reason.
fn asked_for(config: &Config, line: u32, why: &str) -> Because {
    Because {
        kind: BecauseKind::Config,
        operation: None,
        location: config.file.as_ref().map(|file| Location::new(file, line, 1)),
        note: why.to_owned(),
    }
}

/// What was left out, and what the trail is silent about.
fn silence(
    inputs: &Inputs,
    trail: &Trail,
    function: &Function,
    sorted: &adjust::Sorted,
    observations: usize,
) -> Vec<Finding> {
    let recorded = |grant: &Grant| recorded(trail, function, grant);
    let mut findings = gate::trail::left_out(function, &sorted.unexplained.iter().collect::<Vec<_>>());
    findings.extend(gate::trail::never_seen(
        function,
        &sorted.unseen.iter().collect::<Vec<_>>(),
        true,
        &recorded,
    ));
    let window = window(trail);
    let silent: Vec<&Grant> = sorted
        .kept
        .iter()
        .filter(|grant| adjust::rests_on(grant, BecauseKind::Code) && shows(trail, function, grant))
        .collect();
    let activity = Activity {
        observations,
        would_show: sorted.kept.iter().any(|grant| shows(trail, function, grant)),
    };
    let min_days = inputs.config.observe.min_days;
    match gate::trail::unused(function, activity, &window, min_days) {
        Some(unused) => findings.push(unused),
        // A trail that knows nothing of a function says nothing of its calls.
        None if observations > 0 => {
            findings.extend(gate::trail::never_seen(function, &silent, false, &recorded))
        }
        None => {}
    }
    findings
}

/// Whether the trail records the calls that a grant is for.
fn shows(trail: &Trail, function: &Function, grant: &Grant) -> bool {
    let operations = grant
        .because()
        .iter()
        .filter_map(|because| because.operation.as_ref());
    observed::is_read_for(trail, function.role.as_ref())
        && operations.into_iter().any(|operation| {
            let silence = trail.coverage_where_read(operation, Some(grant.resource.as_str()), None);
            silence.level >= Coverage::Partial
        })
}

/// What the trail records of the calls that a grant is for: what its silence is worth.
fn recorded(trail: &Trail, function: &Function, grant: &Grant) -> BTreeSet<String> {
    if !observed::is_read_for(trail, function.role.as_ref()) {
        return BTreeSet::new();
    }
    let operations = grant
        .because()
        .iter()
        .filter_map(|because| because.operation.as_ref());
    operations
        .map(|operation| trail.coverage_where_read(operation, Some(grant.resource.as_str()), None))
        .filter(|silence| silence.level >= Coverage::Partial)
        .map(|silence| silence.reason)
        .collect()
}

fn window(trail: &Trail) -> Window<'_> {
    Window {
        first: trail.first.as_deref(),
        last: trail.last.as_deref(),
        data_event_sources: trail.data_event_sources.iter().map(String::as_str).collect(),
    }
}

/// Findings about the project as a whole: a trail that is too short, binaries that nothing deploys.
pub fn of_project(inputs: &Inputs, today: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let observe = &inputs.config.observe;
    if let Some(trail) = &inputs.trail {
        let expected = Expected {
            min_days: observe.min_days,
            max_age: observe.max_age,
            data_events: &observe.data_events,
        };
        let place = inputs.config.file.as_ref().map(|file| Location::new(file, 1, 1));
        findings.extend(gate::trail::short_trail(
            &window(trail),
            expected,
            today,
            place.as_ref(),
        ));
    }
    if !inputs.workspace.stacks.is_empty() {
        let functions = inputs.workspace.functions.iter();
        findings.extend(functions.filter_map(gate::deployment::undeployed));
    }
    findings
}

/// The waivers in comments of the files that were read, and the comments that cannot be understood.
pub fn inline_waivers(inputs: &Inputs, findings: &[Finding]) -> (Vec<Waiver>, Vec<Finding>) {
    let places = findings
        .iter()
        .flat_map(|finding| &finding.places)
        .map(|place| place.location.file.as_str());
    let stacks = inputs.workspace.stacks.iter().flat_map(|stack| {
        let resources = stack
            .resources
            .values()
            .map(|resource| resource.location.file.as_str());
        resources.chain([stack.file.as_str()])
    });
    let code = inputs.code_files().iter().map(String::as_str);
    let files: BTreeSet<&str> = places.chain(stacks).chain(code).collect();
    let files: Vec<&str> = files.into_iter().collect();
    let read: Vec<(Vec<Waiver>, Vec<Finding>)> = files
        .par_iter()
        .filter_map(|file| Some(gate::inline::waivers(file, &inputs.source(file)?)))
        .collect();
    let (mut waivers, mut wrong) = (Vec::new(), Vec::new());
    for (own, misunderstood) in read {
        waivers.extend(own);
        wrong.extend(misunderstood);
    }
    (waivers, wrong)
}
