//! Usages → grants → policy: what each use needs, on which resource, with the reason for every action.
//!
//! 1. [`expand`]: an operation and its inputs → the actions AWS asks for (from the catalogue).
//! 2. [`bind`]: the inputs' values → resources, through the function's environment, triggers and stack.
//! 3. [`runtime`]: what Lambda itself does with the role (logs, event sources, VPC, tracing), from policy templates.
//! 4. [`merge`]: equal and covered grants joined, statements grouped, one canonical policy.
//! 5. [`emit`]: the policy as a role resource of a stack template; [`settle`]: with the names of the account.

pub mod adjust;
pub mod bind;
pub mod conditions;
pub mod emit;
mod env_member;
pub mod expand;
pub mod merge;
mod name;
pub mod recognise;
pub mod runtime;
pub mod settle;
pub mod size;

use crate::catalog::Catalog;
use crate::iam::arn::ArnPattern;
use crate::iam::policy::Policy;
use crate::usage::{BecauseKind, CallSite, Gap, Grant, Usage};

use crate::workspace::model::Stack;

pub use bind::Surroundings;

/// What a function needs.
#[derive(Clone, Debug, Default)]
pub struct Synthesis {
    /// Every grant, sorted by service, resource and action, each with its reasons.
    pub grants: Vec<Grant>,
    /// The policy that allows exactly the grants.
    pub policy: Policy,
    /// What could not be settled on the way.
    pub gaps: Vec<Gap>,
}

/// Synthesises the need of one function from everything that readers reported of it.
///
/// What the trail saw adds a grant only where no other evidence explains the call; else it adds its reason to the grant
/// that does.
pub fn synthesise(
    catalog: &Catalog,
    around: Surroundings<'_>,
    usages: &[Usage],
    calls: &[CallSite],
) -> Synthesis {
    let (observed, stated): (Vec<&Usage>, Vec<&Usage>) = usages
        .iter()
        .partition(|usage| usage.because.kind == BecauseKind::Trail);
    let (mut grants, mut gaps) = runtime::grants(around, calls);
    for usage in stated {
        let (more, unsettled) = expand::expand(catalog, around, usage);
        grants.extend(more);
        gaps.extend(unsettled);
    }
    let mut unexplained = Vec::new();
    for grant in observed
        .into_iter()
        .flat_map(|usage| expand::expand(catalog, around, usage).0)
    {
        let explains = |present: &&mut Grant| {
            present.action == grant.action
                && (present.resource.covers(&grant.resource)
                    // Records were too many to keep each: what is left of them is a pattern.
                    || (grant.resource.as_str().contains('*') && present.resource.intersects(&grant.resource))
                    || recognise::may_be(&present.resource, &grant.resource, around.stack))
        };
        match grants.iter_mut().find(explains) {
            Some(present) => present.also(grant.because()),
            None => unexplained.push(expand::generalised(grant)),
        }
    }
    grants.extend(unexplained);
    gaps.sort();
    gaps.dedup();
    if let Some(stack) = around.stack {
        settle(&mut grants, stack);
    }
    let mut grants = merge::normalise(grants);
    if let Some(stack) = around.stack {
        for grant in &mut grants {
            // The ARN of a parameter leaves out the slash that its name begins with.
            let spelled = stack
                .physical_arn(grant.resource.as_str())
                .replace(":parameter//", ":parameter/");
            let spelled = ArnPattern::new(spelled);
            grant.spelled_out = Some(spelled).filter(|spelled| *spelled != grant.resource);
        }
    }
    let policy = merge::policy(&grants);
    Synthesis { grants, policy, gaps }
}

/// Spells the grants of a function of an account as the account does.
fn settle(grants: &mut [Grant], stack: &Stack) {
    for grant in grants {
        grant.resource = ArnPattern::new(stack.settled(grant.resource.as_str()));
        let conditions = grant.conditions.values_mut();
        for value in conditions.flat_map(|keys| keys.values_mut()).flatten() {
            *value = stack.settled(value);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "tests")]
mod golden;

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]
mod tests;
