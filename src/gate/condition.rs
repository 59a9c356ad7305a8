//! A condition that was asked for and would refuse a call, or may (RF044).

use std::collections::BTreeSet;

use super::rules;
use super::{Finding, Place};
use crate::usage::{Grant, Location};
use crate::workspace::model::Function;

/// The need stays without the condition on `key`; `reasons` say why, and where.
pub fn left_out(
    function: &Function,
    key: &str,
    grant: &Grant,
    reasons: &BTreeSet<(String, Option<Location>)>,
) -> Finding {
    let message = format!(
        "`{}` needs `{}` on `{}` without the condition `{key}`, which not every call is known to meet",
        function.name,
        grant.action,
        grant.resource.short()
    );
    let mut finding = Finding::new(&rules::CONDITION_LEFT_OUT, Some(&function.name), message);
    finding.confidence = grant.confidence;
    finding.actions.insert(grant.action.to_string());
    finding.resources.insert(grant.resource.to_string());
    finding
        .places
        .extend(reasons.iter().map(|(reason, location)| Place {
            location: location.as_ref().unwrap_or(&function.location).clone(),
            label: reason.clone(),
        }));
    finding
}
