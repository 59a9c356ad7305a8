//! Guesses which input members name an action's resources, where no hand-written file says it.
//!
//! A guess counts only if the member's name has the variable's or the type's own name in it (`TableName` and `tableArn`
//! for `${TableName}` of a `table`), or is a bare `Name`, `Id` or `Arn` in an operation on just that type
//! (`CreateStateMachine`). A resource that no member names stays with an unknown variable: every resource of the type.

use crate::catalog::action_entry::{ResourceType, variables};
use crate::catalog::service::{ActionRule, Member, MemberKind, Operation};
use crate::catalog::{Catalog, naming};
use crate::iam::action::Action;

use super::condition::{Given, Truth};
use super::overlay::{Overlay, Resource};
use super::{Form, NeededResource, Source, choose};

/// The resources that `action` is needed on when `operation` is sent; none for `*`.
pub(super) fn resources(
    catalog: &Catalog,
    operation: Operation<'_>,
    overlay: &Overlay,
    action: &Action,
    given: Given<'_>,
) -> Vec<NeededResource> {
    if operation.rule() == ActionRule::Verb {
        let path = operation.http_path();
        return path
            .map(|path| path_resource(operation, path, given))
            .into_iter()
            .collect();
    }
    let Some(entry) = catalog.action(action) else {
        return Vec::new();
    };
    let types: Vec<ResourceType<'_>> = entry.resource_types().collect();
    let (told, untold): (Vec<_>, Vec<_>) = types
        .into_iter()
        .map(|kind| (written(overlay, operation, &kind.full_name()), kind))
        .partition(|(resources, _)| !resources.is_empty());
    let written: Vec<NeededResource> = told
        .iter()
        .flat_map(|(resources, _)| resources)
        .filter_map(|resource| catalog.named_resource(operation, resource, given))
        .collect();
    let guesses: Vec<Guess<'_>> = untold
        .into_iter()
        .map(|(_, kind)| Guess::new(kind, operation))
        .collect();
    let guessed = guesses
        .iter()
        .filter(|guess| {
            if guess.resource_type.required() {
                // Written resources stand for alternatives that the reference lists as required.
                written.is_empty() || guess.is_named()
            } else {
                guess.is_named() && guess.is_set(given)
            }
        })
        .map(|guess| guess.resource(given));
    let found: Vec<NeededResource> = written.iter().cloned().chain(guessed).collect();
    if found.len() > MOST_TYPES {
        together(&found).unwrap_or(found)
    } else {
        found
    }
}

/// One ARN of any type, where one member holds the ARN of whichever it is; `None` when the types differ in more.
fn together(found: &[NeededResource]) -> Option<Vec<NeededResource>> {
    let first = found.first()?.variables.last()?.1.clone();
    let is_whole = matches!(first, Source::Input { form: Form::Arn, .. });
    let is_shared = |resource: &NeededResource| {
        let opening: String = resource.format.splitn(6, ':').take(5).collect();
        variables(&opening).next().is_none() && resource.variables.iter().all(|(_, source)| *source == first)
    };
    if !is_whole || !found.iter().all(is_shared) {
        return None;
    }
    let mut together: Vec<NeededResource> = found
        .iter()
        .map(|resource| {
            let opening: Vec<&str> = resource.format.splitn(6, ':').take(5).collect();
            NeededResource {
                resource_type: "any".to_owned(),
                format: format!("{}:${{Resource}}", opening.join(":")),
                variables: vec![("Resource".to_owned(), first.clone())],
            }
        })
        .collect();
    together.sort();
    together.dedup();
    Some(together)
}

/// The resources of the file that have this type and whose members the operation has.
fn written<'o>(overlay: &'o Overlay, operation: Operation<'_>, kind: &str) -> Vec<&'o Resource> {
    let mut found: Vec<&Resource> = Vec::new();
    for resource in &overlay.resources {
        let fits = resource.kind == kind
            && !resource.only_named
            && resource
                .variables
                .values()
                .all(|sources| sources.iter().any(|source| has_source(operation, source)));
        // Of several ways to name the same ARN, the first that fits counts.
        if fits && found.iter().all(|known| known.format != resource.format) {
            found.push(resource);
        }
    }
    found
}

/// Whether an operation has the member that a source starts from.
pub(super) fn has_source(operation: Operation<'_>, source: &Source) -> bool {
    match source {
        Source::Input { path, .. } => {
            let head = path.split(['.', '[', '{']).next().unwrap_or(path);
            operation.members().any(|member| member.name() == head)
        }
        Source::Default(_) => true,
        Source::Unknown => false,
    }
}

/// The members that may name a resource type.
struct Guess<'a> {
    resource_type: ResourceType<'a>,
    variables: Vec<(&'a str, Vec<Source>)>,
}

impl<'a> Guess<'a> {
    fn new(resource_type: ResourceType<'a>, operation: Operation<'_>) -> Self {
        let kind = Kind::new(resource_type.name(), operation);
        let arns: Vec<Source> = operation
            .members()
            .filter(|member| member.is_text() && kind.is_whole_arn(*member))
            .map(|member| input(member, Form::Arn))
            .collect();
        let names: Vec<&str> = resource_type.variables().collect();
        let variables = names
            .iter()
            .enumerate()
            .map(|(position, name)| {
                let is_last = position + 1 == names.len();
                let is_only = names.len() == 1;
                let named = operation
                    .members()
                    .filter(|member| member.is_text() && kind.is_variable(*member, name, is_last, is_only))
                    .map(|member| input(member, kind.form(member, is_last)));
                (*name, arns.iter().cloned().chain(named).collect())
            })
            .collect();
        Self {
            resource_type,
            variables,
        }
    }

    /// Whether a member names the type's own variable, the last one.
    fn is_named(&self) -> bool {
        self.variables
            .last()
            .is_some_and(|(_, sources)| !sources.is_empty())
    }

    /// Whether such a member is, or may be, set.
    fn is_set(&self, given: Given<'_>) -> bool {
        self.variables
            .last()
            .into_iter()
            .flat_map(|(_, sources)| sources)
            .any(|source| matches!(source, Source::Input { path, .. } if given.is_set(path) != Truth::No))
    }

    fn resource(&self, given: Given<'_>) -> NeededResource {
        NeededResource {
            resource_type: self.resource_type.full_name(),
            format: self.resource_type.arn_format().to_owned(),
            variables: self
                .variables
                .iter()
                .map(|(name, sources)| ((*name).to_owned(), choose(sources, given)))
                .collect(),
        }
    }
}

/// A resource type, as names of members refer to it.
struct Kind<'a> {
    name: &'a str,
    /// The operation acts on this type and on nothing else, as `CreateStateMachine` does on `stateMachine`.
    is_subject: bool,
}

/// The most types that are listed one by one when one member holds the ARN of any of them.
const MOST_TYPES: usize = 3;
/// What follows a type's or variable's own name in a member's.
const ENDINGS: [&str; 5] = ["", "Name", "Id", "Identifier", "Names"];
/// Members that hold the ARN of whatever the operation is about.
const ANY_ARN: [&str; 2] = ["ResourceArn", "ResourceArns"];
/// Members that name an operation's subject.
const BARE: [&str; 3] = ["Name", "Id", "Identifier"];

impl<'a> Kind<'a> {
    fn new(name: &'a str, operation: Operation<'_>) -> Self {
        // The name after the verb, without the plural of batch operations.
        let subject = operation
            .name()
            .find(|c: char| c.is_ascii_uppercase() && !operation.name().starts_with(c))
            .and_then(|start| operation.name().get(start..))
            .unwrap_or_default();
        Self {
            is_subject: naming::same_folded(subject, name),
            name,
        }
    }

    fn is_whole_arn(&self, member: Member<'_>) -> bool {
        let name = member.name();
        naming::same_folded(name, &format!("{}Arn", self.name))
            || naming::same_folded(name, &format!("{}Arns", self.name))
            || ANY_ARN.iter().any(|any| naming::same_folded(name, any))
            || self.is_subject && naming::same_folded(name, "Arn")
    }

    fn is_variable(&self, member: Member<'_>, variable: &str, is_last: bool, is_only: bool) -> bool {
        let stem = ENDINGS
            .iter()
            .filter_map(|ending| variable.strip_suffix(ending))
            .min_by_key(|stem| stem.len())
            .filter(|stem| !stem.is_empty())
            .unwrap_or(variable);
        let refers_to = |own: &str| {
            ENDINGS
                .iter()
                .any(|ending| naming::same_folded(member.name(), &format!("{own}{ending}")))
        };
        // A type's own name stands for its last variable only if no other part of the ARN is left to be named.
        let is_own = is_only || is_last && naming::same_folded(stem, self.name);
        let is_bare = BARE.iter().any(|bare| naming::same_folded(member.name(), bare));
        refers_to(stem)
            || naming::same_folded(member.name(), variable)
            || is_own && refers_to(self.name)
            || is_last && self.is_subject && is_bare
    }

    /// How a member names the variable: an ARN of what the resource lies in only tells a name.
    fn form(&self, member: Member<'_>, is_last: bool) -> Form {
        match (is_last, member.takes_arn()) {
            (false, _) => Form::NameInArn,
            (true, true) => Form::NameOrArn,
            (true, false) => Form::Name,
        }
    }
}

/// An input that names a resource; a list names one with each element.
fn input(member: Member<'_>, form: Form) -> Source {
    let path = match member.kind() {
        MemberKind::List => format!("{}[]", member.name()),
        _ => member.name().to_owned(),
    };
    Source::Input { path, form }
}

/// API Gateway's resources are the paths of its API: `/restapis/{restapi_id}` with members in place of the braces.
fn path_resource(operation: Operation<'_>, path: &str, given: Given<'_>) -> NeededResource {
    let mut format = "arn:${Partition}:apigateway:${Region}::".to_owned();
    let mut variables = Vec::new();
    let path = path.split('?').next().unwrap_or(path);
    for (position, part) in path.split('{').enumerate() {
        let rest = match part.split_once('}') {
            Some((label, rest)) if position > 0 => {
                let label = label.trim_end_matches('+');
                let member = operation
                    .members()
                    .find(|member| naming::same_folded(member.name(), label));
                let name = member.map_or(label, |member| member.name());
                format.push_str(&format!("${{{name}}}"));
                let sources: Vec<Source> = member
                    .into_iter()
                    .map(|member| input(member, Form::Name))
                    .collect();
                variables.push((name.to_owned(), choose(&sources, given)));
                rest
            }
            _ => part,
        };
        format.push_str(rest);
    }
    NeededResource {
        resource_type: "apigateway:path".to_owned(),
        format,
        variables,
    }
}
