//! What is wrong with a deployment as a whole: binaries that nothing deploys, policies too long to attach.

use super::rules;
use super::{Finding, Level, Place};
use crate::diff::risk::Severity;
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

/// What can be done about a policy that does not fit where it is to be attached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// So many managed policies hold it.
    Several(usize),
    /// No role can hold it.
    None {
        /// What it would take.
        why: String,
        /// What is left to do.
        choices: String,
    },
}

/// A policy of so many characters that does not fit where it is to be attached (RF050): inline, or as one managed policy.
/// Where several managed policies hold it, which `rolefit generate` then makes, that is a note; where no role can hold it,
/// an error.
pub fn too_long(function: &Function, size: usize, managed: bool, remedy: Remedy) -> Finding {
    let (place, way) = match managed {
        true => (Attached::Managed, "one managed policy"),
        false => (Attached::InlineRole, "the inline policies of a role"),
    };
    let message = format!(
        "the policy that `{}` needs has up to {size} characters, and {way} may have {}",
        function.name,
        place.limit().default
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
    match remedy {
        Remedy::Several(several) => {
            finding.level = Level::Note;
            finding.weight = Severity::Info;
            finding.help = Some(format!(
                "`rolefit generate` splits it over {several} managed policies, which allow the same"
            ));
        }
        Remedy::None { why, choices } => {
            finding.notes.push(why);
            finding.help = Some(choices);
        }
    }
    finding
}
