//! What is wrong with a deployment as a whole: binaries that nothing deploys, policies too long to attach.

use super::rules;
use super::{Finding, Place};
use crate::iam::policy::Policy;
use crate::iam::policy::limits::Place as Attached;
use crate::workspace::model::Function;

/// A binary beside a stack that no function of it runs (RF042).
pub fn undeployed(function: &Function) -> Option<Finding> {
    let binary = function.binary.as_ref().filter(|_| function.stack.is_none())?;
    let message = format!("no function of a stack runs the binary `{}`", binary.binary);
    let mut finding = Finding::new(&rules::UNDEPLOYED_BINARY, Some(&function.name), message);
    finding.places.push(Place {
        location: function.location.clone(),
        label: format!("binary `{}` of package `{}`", binary.binary, binary.package),
    });
    Some(finding)
}

/// A policy that is too long to attach (RF050): inline, or as a managed policy.
pub fn too_long(function: &Function, policy: &Policy, managed: bool) -> Option<Finding> {
    let (attached, way) = match managed {
        true => (Attached::Managed, "a managed policy"),
        false => (Attached::InlineRole, "the inline policies of a role"),
    };
    let document = policy.to_json_compact();
    let (size, most) = (attached.size(&document), attached.limit().default);
    (size > most).then(|| {
        let message = format!(
            "the policy that `{}` needs has {size} characters, and {way} may have {most}",
            function.name
        );
        let mut finding = Finding::new(&rules::POLICY_TOO_LONG, Some(&function.name), message);
        let at = function
            .role
            .as_ref()
            .map_or(&function.location, |role| &role.location);
        finding.places.push(Place {
            location: at.clone(),
            label: format!("the role of `{}`", function.name),
        });
        finding.notes.extend(
            attached
                .exceeded([document.as_str()])
                .map(|said| format!("AWS will answer: {said}")),
        );
        finding
    })
}
