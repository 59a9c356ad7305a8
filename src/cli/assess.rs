//! The judgement of every function: bring the evidence together, synthesise, compare, judge.

use rayon::prelude::*;

use super::inputs::Inputs;
use super::now::today;
use super::{beyond, concern, guards, observed, owners, progress};
use crate::diff::{self, Diff, Silence, Verdict};
use crate::gate;
use crate::gate::creep;
use crate::iam::arn::ArnPattern;
use crate::report::{Assessed, Report};
use crate::synth::conditions::Evidence;
use crate::synth::{self, merge};
use crate::trail::{Class, Observation, Trail};
use crate::usage::{Because, BecauseKind, Confidence, Gap, Grant, Inputs as CallInputs, Usage};
use crate::workspace::model::Function;

/// Synthesises, compares and judges every function.
pub fn assess(inputs: &Inputs) -> Report<'_> {
    progress::phase("judging roles");
    let (functions, mut findings): (Vec<Assessed<'_>>, Vec<Vec<gate::Finding>>) = inputs
        .workspace
        .functions
        .par_iter()
        .map(|function| assess_function(inputs, function))
        .unzip();
    let gaps = inputs.common_gaps();
    findings.par_extend(functions.par_iter().map(|assessed| {
        let diff = assessed.function.role.is_some().then_some(&assessed.diff);
        let stack = inputs.stack_of(assessed.function);
        let mut managed = None;
        let guards = guards::of(
            inputs.catalog,
            &inputs.guards,
            assessed.function,
            stack,
            &mut managed,
        );
        gate::judge(
            inputs.catalog,
            gate::Case {
                function: assessed.function,
                diff,
                gaps: &assessed.gaps,
                account: stack.and_then(|stack| Some(stack.place.as_ref()?.account.as_str())),
                stack,
                owners: &owners::of(inputs, inputs.around(assessed.function), assessed.calls),
                guards: &guards,
                trust: approved_trust(inputs, assessed.function),
            },
        )
    }));
    let mut findings: Vec<gate::Finding> = findings.into_iter().flatten().collect();
    findings.extend(gaps.iter().map(|gap| gate::unsettled(gap, None)));
    findings.extend(creep(inputs, &functions));
    findings.extend(beyond::of_project(inputs, &today()));
    gate::relevel(&mut findings, &inputs.config.check.levels);
    let (inline, misunderstood) = beyond::inline_waivers(inputs, &findings);
    let waivers: Vec<gate::Waiver> = inputs.config.waivers.iter().cloned().chain(inline).collect();
    findings.extend(misunderstood);
    gate::waive(&mut findings, &waivers, &today(), inputs.chosen.is_empty());
    gate::sort(&mut findings);
    let fails = gate::fails(&findings, &inputs.config.check.threshold());
    Report {
        version: env!("CARGO_PKG_VERSION"),
        catalog: inputs.catalog.date().to_owned(),
        workspace: &inputs.workspace,
        functions,
        findings,
        gaps,
        fails,
        trail: inputs.trail.as_ref().map(Trail::summary),
        approved: inputs.approved.as_ref().map(|approved| approved.source.clone()),
    }
}

/// Who may be a function's role, as far as that was approved.
fn approved_trust<'a>(inputs: &'a Inputs, function: &Function) -> gate::trust::ApprovedTrust<'a> {
    match (&inputs.approved, &function.role) {
        (Some(approved), Some(role)) => {
            // What was approved of a role holds for every function that has it.
            let (_, place) = gate::lock::key(function, role);
            let mut same = approved.lock.functions.iter();
            let locked = same
                .find(|((_, other), _)| *other == place)
                .map(|(_, locked)| locked);
            gate::trust::ApprovedTrust::Policy(locked.and_then(|locked| locked.trust.as_ref()))
        }
        _ => gate::trust::ApprovedTrust::NotAsked,
    }
}

/// What roles grant beyond what was approved.
fn creep(inputs: &Inputs, functions: &[Assessed<'_>]) -> Vec<gate::Finding> {
    let Some(approved) = &inputs.approved else {
        return Vec::new();
    };
    let of: Vec<&Function> = functions.iter().map(|assessed| assessed.function).collect();
    let unmet: Vec<Vec<Grant>> = functions.iter().map(unmet).collect();
    let needs: Vec<&[Grant]> = unmet.iter().map(Vec::as_slice).collect();
    let mut findings = creep::findings(inputs.catalog, approved, &of, &needs);
    // When only some functions were asked for, the entries of the others are not stale.
    findings.retain(|finding| inputs.chosen.is_empty() || finding.function.is_some());
    findings
}

/// What a function needs and its role does not grant. The comparison knows the physical names of the stack's resources,
/// by which a grant can be met that containment alone would miss.
fn unmet(assessed: &Assessed<'_>) -> Vec<Grant> {
    let missing = |grant: &&Grant| {
        let rows = assessed
            .diff
            .rows
            .iter()
            .filter(|row| row.verdict == Verdict::Add);
        let mut same = rows.filter(|row| row.action.matches(&grant.action) && row.resource == grant.resource);
        same.next().is_some()
    };
    assessed.grants.iter().filter(missing).cloned().collect()
}

/// The gap of a call that nothing but an endpoint of a network saw.
fn no_resource(seen: &Usage) -> Gap {
    let message = format!(
        "a VPC endpoint saw `{}`, which neither the code nor another event shows: which resource was meant is not told",
        seen.operation
    );
    Gap::new("unknown-resource", message)
        .hint("record data events of the service (`rolefit observe plan` tells which), and read them")
}

/// The function with its findings that no comparison shows.
fn assess_function<'a>(inputs: &'a Inputs, function: &'a Function) -> (Assessed<'a>, Vec<gate::Finding>) {
    let calls = inputs.calls(function);
    let around = inputs.around(function);
    let observations: Vec<&Observation> = observations(inputs, function);
    let mut usages: Vec<Usage> = calls.iter().map(Usage::from).collect();
    usages.extend(observations.iter().filter_map(|observation| observation.usage()));
    // What an endpoint saw is evidence where nothing else shows the operation: it names no resource.
    let of_network = observations
        .iter()
        .filter_map(|observation| observation.at_endpoint());
    let is_new = |seen: &Usage| usages.iter().all(|usage| usage.operation != seen.operation);
    let of_network: Vec<Usage> = of_network.filter(is_new).collect();
    let of_endpoints: Vec<Gap> = of_network.iter().map(no_resource).collect();
    usages.extend(of_network);
    usages.extend(declared(inputs, function));
    let synthesis = synth::synthesise(inputs.catalog, around, &usages, calls);
    let mut gaps = inputs.gaps_of(function);
    gaps.extend(synthesis.gaps);
    gaps.extend(unexplained_polling(function, &observations));
    gaps.extend(of_endpoints);
    gaps.sort();
    gaps.dedup();
    let (recorded, _): (Vec<Usage>, Vec<Usage>) = usages
        .into_iter()
        .partition(|usage| usage.because.kind == BecauseKind::Trail);
    let evidence = Evidence {
        around,
        calls,
        recorded: &recorded,
        blind: concern::blinds(&gaps),
    };
    let wanted = beyond::wanted(inputs, synthesis.grants, evidence, observations.len());
    let diff = compare(inputs, function, &wanted.grants, &gaps);
    let observed = observed::of_rows(inputs, function.role.as_ref(), around, &diff, &observations);
    let grants = diff.settled(&wanted.grants);
    let mut findings = wanted.findings;
    let policy = merge::policy(&grants);
    findings.extend(beyond::length(function, &policy, inputs.config.synthesis.managed));
    let assessed = Assessed {
        function,
        calls,
        policy,
        grants,
        diff,
        observed,
        gaps,
    };
    (assessed, findings)
}

/// Polling that the trail saw although the stack names no event source for it: the role needs it all the same.
fn unexplained_polling(function: &Function, observations: &[&Observation]) -> Option<Gap> {
    let polled = observations
        .iter()
        .find(|observation| observation.class == Class::Poller)?;
    let known =
        function.triggers.iter().any(|trigger| trigger.polled) || function.runtime_settings.vpc.is_some();
    let message = format!(
        "the trail shows Lambda polling for `{}` ({} {}), but no event source of the stack explains it",
        function.name, polled.event_source, polled.event_name
    );
    let hint = "add the event source mapping to the stack template, or its permissions with `[[need]]`";
    (!known).then(|| {
        Gap::new("unexplained-polling", message)
            .at(function.location.clone())
            .hint(hint)
    })
}

fn compare(inputs: &Inputs, function: &Function, grants: &[crate::usage::Grant], gaps: &[Gap]) -> Diff {
    let Some(role) = &function.role else {
        return diff::all_missing(grants);
    };
    let silence = match inputs.entry(function) {
        Some(_) if concern::blinds(gaps) => Silence::MeansNothing,
        Some(_) if gaps.is_empty() => Silence::MeansUnneeded(Confidence::High),
        Some(_) => Silence::MeansUnneeded(Confidence::Medium),
        None => Silence::MeansNothing,
    };
    diff::compare(inputs.catalog, grants, role, silence)
}

/// The needs that `rolefit.toml` states for a function.
fn declared(inputs: &Inputs, function: &Function) -> Vec<Usage> {
    let fits = |glob: &str| ArnPattern::new(glob).covers(&ArnPattern::new(&function.name));
    inputs
        .config
        .needs
        .iter()
        .filter(|need| fits(&need.function))
        .map(|need| Usage {
            operation: need.operation.clone(),
            inputs: CallInputs::new(),
            arns: need.resource.iter().cloned().collect(),
            via_service: None,
            confidence: Confidence::High,
            because: Because {
                kind: BecauseKind::Config,
                operation: Some(need.operation.clone()),
                location: Some(need.location.clone()),
                note: need.reason.clone(),
            },
        })
        .collect()
}

/// What the trail holds of a function.
fn observations<'a>(inputs: &'a Inputs, function: &Function) -> Vec<&'a Observation> {
    let all = inputs.trail.iter().flat_map(|trail| &trail.observations);
    all.filter(|observation| observation.known.as_deref() == Some(function.name.as_str()))
        .collect()
}
