//! Changes a stack template so that a function has its generated role, every other byte as it was.
//!
//! 1. Find the function, and the role it has today, by their keys.
//! 2. A role of its own in the same template keeps its place and its other properties; only what it allows is replaced.
//!    Any other function gets a new role after it, and `Role` in place of its `Policies`.
//! 3. Read the changed template back: unless the role then allows exactly what was generated, nothing is changed.
//!
//! [`yaml`] edits lines of block style, [`json`] spans of JSON.

mod json;
mod yaml;

use super::{Deployable, cloudformation};
use crate::iam::arn::ArnPattern;
use crate::iam::contain::{Options, Verdict, contain};
use crate::iam::policy::{Policy, Resources};
use crate::synth::size::Attachment;
use crate::workspace::deploy;
use crate::workspace::model::{Function, Role};

/// Why a template was left as it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotEdited {
    /// Its language.
    #[error(
        "only templates of SAM and CloudFormation are edited in place; `--format` prints the role in other languages"
    )]
    OtherLanguage,
    /// YAML that begins with a brace.
    #[error(
        "a template in YAML's flow style is not edited in place; `--format sam` prints the role to paste"
    )]
    FlowTemplate,
    /// A key that has two meanings.
    #[error("line {line}: `{key}` stands twice")]
    Twice {
        /// 1-based line.
        line: usize,
        /// The key.
        key: String,
    },
    /// A block that is not in block style.
    #[error(
        "line {line}: `{key}` is not written over several lines, one key each, so it cannot be edited in place"
    )]
    FlowStyle {
        /// 1-based line.
        line: usize,
        /// The key.
        key: String,
    },
    /// The function's key is not where it was read.
    #[error(
        "`{0}` was not found where it was read; the file changed meanwhile, or is written in a way that is not edited in place"
    )]
    NotFound(String),
    /// The function says who may assume the role that SAM makes for it.
    #[error(
        "line {line}: `AssumeRolePolicyDocument` says who may assume the role that SAM makes, which a new role would \
         not keep; give the function a role of its own (`AWS::IAM::Role`) with that trust policy, whose policies are \
         then edited"
    )]
    OwnTrust {
        /// 1-based line.
        line: usize,
    },
    /// What came out is not what was wanted.
    #[error(
        "after the change the role would not allow exactly what was generated ({0}); `--format sam` prints the role"
    )]
    NotTheSame(String),
}

/// The template with the generated role for the function.
///
/// `managed` gives the documents of AWS's managed policies.
///
/// # Errors
/// When the template cannot be changed with certainty; it is then to be left as it is.
pub fn edit(
    text: &str,
    deployable: &Deployable<'_>,
    managed: &dyn Fn(&str) -> Option<String>,
) -> Result<String, NotEdited> {
    let in_template = deployable
        .stack
        .is_some_and(|stack| matches!(stack.kind, "sam" | "cloudformation"));
    if !in_template {
        return Err(NotEdited::OtherLanguage);
    }
    // A byte order mark stays where it is.
    let (mark, own) = match text.strip_prefix('\u{feff}') {
        Some(own) => ("\u{feff}", own),
        None => ("", text),
    };
    let edited = match own.trim_start().starts_with('{') {
        true if json::is_json(own) => json::edit(own, deployable)?,
        true => return Err(NotEdited::FlowTemplate),
        false => yaml::edit(own, deployable)?,
    };
    let changed = format!("{mark}{edited}");
    verify(&changed, deployable, managed)?;
    Ok(changed)
}

/// The role that the template gives to this function alone as a resource of its own.
fn own_role(function: &Function) -> Option<&Role> {
    // A role that SAM makes is defined where its function is.
    let role = function.role.as_ref()?;
    let beside = role.location.file == function.location.file && role.location != function.location;
    (beside && role.shared_with.is_empty()).then_some(role)
}

/// The managed policies of a role that an earlier run made and this one makes anew, with their lines.
fn made_before(deployable: &Deployable<'_>, role: &str) -> Vec<(String, u32)> {
    let Attachment::Managed(policies) = &deployable.attachment else {
        return Vec::new();
    };
    let ids = (1..=policies.len()).map(|number| format!("{role}Policy{number}"));
    let known = |id: String| {
        let known = deployable.stack?.resources.get(&id)?;
        (known.type_name == "AWS::IAM::ManagedPolicy").then_some((id, known.location.line))
    };
    ids.filter_map(known).collect()
}

/// What SAM passes on to the role that it makes for a function, and its name there.
const KEPT: [(&str, &str); 3] = [
    ("AssumeRolePolicyDocument", "AssumeRolePolicyDocument"),
    ("PermissionsBoundary", "PermissionsBoundary"),
    ("RolePath", "Path"),
];

/// Whether SAM makes of the function what is deployed, so that `Globals` hold for it.
fn is_of_sam(deployable: &Deployable<'_>) -> bool {
    let declared = deployable
        .stack
        .and_then(|stack| stack.resources.get(&deployable.function.name));
    declared.is_none_or(|resource| resource.type_name.starts_with("AWS::Serverless::"))
}

/// A logical id for the new role that the template does not use yet, but for the one that SAM would have made.
fn free_id(deployable: &Deployable<'_>) -> String {
    let id = cloudformation::role_id(deployable);
    let taken = |id: &str| {
        let known = deployable.stack.and_then(|stack| stack.resources.get(id));
        // SAM's own role is known at the function's place.
        known.is_some_and(|known| known.location != deployable.function.location)
    };
    if taken(&id) {
        format!("{}ExecutionRole", deployable.camel_name())
    } else {
        id
    }
}

/// What the changed role would allow beyond what was generated.
const LEFT_OVER: &str = "left over";

/// The role of the function in the changed template must allow what was generated, no more and no less.
fn verify(
    changed: &str,
    deployable: &Deployable<'_>,
    managed: &dyn Fn(&str) -> Option<String>,
) -> Result<(), NotEdited> {
    let file = &deployable.function.location.file;
    let read = deploy::read_text(file, changed, managed);
    let role = read
        .functions
        .iter()
        .find(|function| function.name == deployable.function.name)
        .and_then(|function| function.role.as_ref())
        .ok_or_else(|| NotEdited::NotTheSame("the function would have no role".to_owned()))?;
    let is = [Policy::of(
        role.statements.iter().map(|one| one.statement.clone()).collect(),
    )];
    let wanted: Vec<Policy> = deployable
        .attachment
        .policies()
        .map(|policy| canonical(policy, deployable))
        .collect();
    let connected = role
        .statements
        .iter()
        .any(|one| one.origin.kind == "sam-connector");
    let differs = |new: &[Policy], old: &[Policy], what: &str| match contain(new, old, &Options::default()) {
        Verdict::NoNewAccess => None,
        Verdict::NewAccess(witness) => {
            let request = &witness.request;
            let why = match (connected, what) {
                (true, LEFT_OVER) => "; its connectors grant more than its code needs",
                _ => "",
            };
            Some(format!("{what}: {} on {}{why}", request.action, request.resource))
        }
        Verdict::Unproven { .. } => Some(format!("not proved, {what}")),
    };
    match differs(&is, &wanted, LEFT_OVER).or_else(|| differs(&wanted, &is, "missing")) {
        Some(difference) => Err(NotEdited::NotTheSame(difference)),
        None => Ok(()),
    }
}

/// The policy as it comes back from the template: physical names as their symbols.
fn canonical(policy: &Policy, deployable: &Deployable<'_>) -> Policy {
    let mut policy = policy.clone();
    let Some(stack) = deployable.stack else {
        return policy;
    };
    for statement in &mut policy.statements {
        if let Resources::Only(resources) = &mut statement.resources {
            for resource in resources {
                *resource = ArnPattern::new(stack.normalise_arn(resource.as_str()));
            }
        }
    }
    policy
}
