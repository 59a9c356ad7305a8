//! Guesses which input members name an action's resources, where no hand-written file says it.
//!
//! A guess counts only if the member's name has the variable's or the type's own name in it (`TableName` and `tableArn`
//! for `${TableName}` of a `table`), or is a bare `Name`, `Id` or `Arn` in an operation on just that type
//! (`CreateStateMachine`) or in the structure that describes it (`DatabaseInput.Name`), or the end of the type's name in an
//! operation whose name has it whole (`GroupId` in `DeleteSecurityGroup`). A resource that no member names stays with an
//! unknown variable: every resource of the type.

use crate::catalog::action_entry::{ActionEntry, ResourceType, variables};
use crate::catalog::service::{ActionRule, Member, MemberKind, Operation};
use crate::catalog::{Catalog, naming};
use crate::iam::action::Action;

use super::condition::{Given, Truth};
use super::member_name::{Part, Words};
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
    let mut found: Vec<Found> = Vec::new();
    for kind in entry.resource_types() {
        let written = written(overlay, operation, &kind.full_name());
        if written.is_empty() {
            let guess = Guess::new(kind, operation);
            found.push(Found {
                is_required: kind.required(),
                is_named: guess.is_named(),
                is_written: false,
                is_left_out: guess.is_left_out(operation, given),
                resource: guess.resource(given),
            });
        } else {
            let named = written
                .into_iter()
                .filter_map(|resource| catalog.named_resource(operation, resource, given));
            found.extend(named.map(|resource| Found {
                is_required: kind.required(),
                is_named: true,
                is_written: true,
                is_left_out: false,
                resource,
            }));
        }
    }
    // A request without any of the optional resources has none at all: a policy on every one of them would deny it.
    if !found.is_empty() && found.iter().all(|found| found.is_left_out) {
        return Vec::new();
    }
    let wanted = wanted(&found, given);
    if wanted.is_empty() {
        return unnamed(entry);
    }
    if wanted.len() > MOST_TYPES {
        together(&wanted).unwrap_or(wanted)
    } else {
        wanted
    }
}

/// A resource of one of an action's types.
struct Found {
    is_required: bool,
    /// Whether a member names it.
    is_named: bool,
    /// Whether the hand-written file says how.
    is_written: bool,
    /// Whether it is optional, and the inputs leave it out.
    is_left_out: bool,
    resource: NeededResource,
}

/// The resources that count: required ones, and those whose members are or may be set.
fn wanted(found: &[Found], given: Given<'_>) -> Vec<NeededResource> {
    let any_written = found.iter().any(|found| found.is_written);
    found
        .iter()
        .filter(|found| {
            if found.is_required {
                // Written resources stand for alternatives that the reference lists as required.
                found.is_named || !any_written
            } else {
                found.is_named && may_be_set(&found.resource, given)
            }
        })
        .map(|found| found.resource.clone())
        .collect()
}

/// Whether a member that names a resource's own variable, the last that has one, is or may be set.
fn may_be_set(resource: &NeededResource, given: Given<'_>) -> bool {
    let own = resource
        .variables
        .iter()
        .rev()
        .find(|(_, source)| *source != Source::Unknown);
    match own {
        Some((_, Source::Input { path, .. })) => given.is_set(path) != Truth::No,
        Some(_) | None => true,
    }
}

/// Every resource of an action's types, as no member names one: of the required types, or of all if none is. An action
/// on `*` would be allowed as well, but would say less of what it is about.
fn unnamed(entry: ActionEntry<'_>) -> Vec<NeededResource> {
    let types: Vec<ResourceType<'_>> = entry.resource_types().collect();
    let any_required = types.iter().any(|kind| kind.required());
    let every: Vec<NeededResource> = types
        .iter()
        .filter(|kind| kind.required() || !any_required)
        .map(|kind| NeededResource {
            resource_type: kind.full_name(),
            format: kind.arn_format().to_owned(),
            variables: kind
                .variables()
                .map(|name| (name.to_owned(), Source::Unknown))
                .collect(),
        })
        .collect();
    if every.len() <= MOST_TYPES {
        return every;
    }
    let mut openings: Vec<NeededResource> = every
        .iter()
        .map(|resource| of_any_type(resource, &Source::Unknown))
        .collect();
    openings.sort();
    openings.dedup();
    openings
}

/// Any resource whose ARN opens as this one's does.
fn of_any_type(resource: &NeededResource, source: &Source) -> NeededResource {
    let opening: Vec<&str> = resource.format.splitn(6, ':').take(5).collect();
    let format = format!("{}:${{Resource}}", opening.join(":"));
    NeededResource {
        resource_type: "any".to_owned(),
        variables: variables(&format)
            .map(|name| (name.to_owned(), source.clone()))
            .collect(),
        format,
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
        .map(|resource| of_any_type(resource, &first))
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
        let names: Vec<&str> = resource_type.variables().collect();
        let kind = Kind::new(resource_type.name(), names.last().copied(), operation);
        let members = candidates(operation, &kind);
        let arns: Vec<Source> = members
            .iter()
            .filter(|member| kind.is_whole_arn(member))
            .map(|member| member.source(Form::Arn))
            .collect();
        let variables = names
            .iter()
            .enumerate()
            .map(|(position, name)| {
                let variable = Variable {
                    name,
                    words: Words::of(name),
                    is_last: position + 1 == names.len(),
                    is_only: names.len() == 1,
                };
                let named = kind.members_of(&variable, &members);
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

    /// Whether the type is optional, not what the operation's name speaks of, and named only by inputs that are not set.
    fn is_left_out(&self, operation: Operation<'_>, given: Given<'_>) -> bool {
        let is_unset = |source: &Source| match source {
            Source::Input { path, .. } => given.is_set(path) == Truth::No,
            Source::Default(_) | Source::Unknown => false,
        };
        !self.resource_type.required()
            && self.is_named()
            && !Words::of(self.resource_type.name()).is_in(operation)
            && self
                .variables
                .last()
                .is_some_and(|(_, sources)| sources.iter().all(is_unset))
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

/// A text in the input: a member, or one of a structure that describes the resource.
struct Candidate<'a> {
    member: Member<'a>,
    words: Words,
    /// The structure that it lies in, with a dot; empty for none.
    within: String,
}

impl Candidate<'_> {
    /// An input that names a resource; a list names one with each element.
    fn source(&self, form: Form) -> Source {
        match input(self.member, form) {
            Source::Input { path, form } => Source::Input {
                path: format!("{}{path}", self.within),
                form,
            },
            other => other,
        }
    }
}

/// The texts in an input, those of a structure that describes the resource last.
fn candidates<'a>(operation: Operation<'a>, kind: &Kind) -> Vec<Candidate<'a>> {
    let texts = |members: Vec<Member<'a>>, within: &str| -> Vec<Candidate<'a>> {
        members
            .into_iter()
            .filter(|member| member.is_text())
            .map(|member| Candidate {
                member,
                words: Words::of_member(member),
                within: within.to_owned(),
            })
            .collect()
    };
    let mut found = texts(operation.members().collect(), "");
    for member in operation.members() {
        let words = Words::of_member(member);
        let describes = words.describes(&kind.name) || words.describes(&kind.own);
        let mark = match member.kind() {
            MemberKind::List => "[]",
            MemberKind::Structure => "",
            MemberKind::Map | MemberKind::Scalar => continue,
        };
        if let Some(shape) = member.structure().filter(|_| describes) {
            let within = format!("{}{mark}.", member.name());
            found.extend(texts(shape.members().collect(), &within));
        }
    }
    found
}

/// A variable of an ARN.
struct Variable<'a> {
    name: &'a str,
    words: Words,
    is_last: bool,
    is_only: bool,
}

impl Variable<'_> {
    /// How a text names the variable: an ARN of what the resource lies in only tells a name. `None` when it does not.
    fn form(&self, candidate: &Candidate<'_>) -> Option<Form> {
        let takes_arn = candidate.member.takes_arn();
        match candidate.words.can_stand_for(&self.words) {
            true if !self.is_last => Some(Form::NameInArn),
            true if takes_arn => Some(Form::NameOrArn),
            true => Some(Form::Name),
            false => (self.is_last && takes_arn).then_some(Form::OnlyArn),
        }
    }
}

/// A resource type, as names of members refer to it.
struct Kind {
    name: Words,
    /// The type's own variable, the last one.
    own: Words,
    /// The operation acts on this type and on nothing else, as `CreateStateMachine` does on `stateMachine`.
    is_subject: bool,
    /// The operation's name speaks of this type.
    is_mentioned: bool,
    /// The operation writes this type, so that a member called by it alone is its content: `schema`, `policy`.
    is_written: bool,
}

/// Verbs of operations that write a resource's content.
const WRITING: [&str; 4] = ["Create", "Import", "Put", "Register"];

/// The most types that are listed one by one when one member holds the ARN of any of them, or none names them.
const MOST_TYPES: usize = 3;

impl Kind {
    fn new(name: &str, variable: Option<&str>, operation: Operation<'_>) -> Self {
        let name = Words::of(name);
        let own = Words::of(variable.unwrap_or_default());
        Self {
            is_subject: name.is_subject_of(operation),
            is_mentioned: name.is_in(operation),
            is_written: name.is_subject_of(operation)
                && WRITING.iter().any(|verb| operation.name().starts_with(verb)),
            name,
            own,
        }
    }

    /// Whether a text holds the ARN of a resource of the type, or of whatever the operation is about.
    fn is_whole_arn(&self, candidate: &Candidate<'_>) -> bool {
        let words = &candidate.words;
        let is_subjects = words.is_bare() && (self.is_subject || !candidate.within.is_empty());
        let is_shortened = self.is_mentioned && words.is_tail_of(&self.name);
        words.part == Part::Arn
            && (words.same_stem(&self.name)
                || words.same_stem(&self.own)
                || words.same_stem(&Words::of("Resource"))
                || is_subjects
                || is_shortened)
    }

    /// The texts that name a variable, those that tell the same part first; shortened names only where no other is.
    fn members_of(&self, variable: &Variable<'_>, candidates: &[Candidate<'_>]) -> Vec<Source> {
        let mut found: Vec<&Candidate<'_>> = candidates
            .iter()
            .filter(|candidate| self.is_variable(candidate, variable))
            .collect();
        if found.is_empty() && self.is_mentioned && variable.is_last {
            found.extend(
                candidates
                    .iter()
                    .filter(|candidate| self.is_shortened(candidate, variable)),
            );
        }
        // Beside a name that does not tell the id, a thing alone is another one: `Cells` in `UpdateCell`.
        if found
            .iter()
            .any(|candidate| !candidate.words.can_stand_for(&variable.words))
        {
            found.retain(|candidate| !candidate.words.is_thing);
        }
        found.sort_by_key(|candidate| {
            (
                candidate.words.is_thing,
                candidate.words.part != variable.words.part,
            )
        });
        found
            .into_iter()
            .filter_map(|candidate| Some(candidate.source(variable.form(candidate)?)))
            .collect()
    }

    fn is_variable(&self, candidate: &Candidate<'_>, variable: &Variable<'_>) -> bool {
        let (words, stem) = (&candidate.words, &variable.words);
        if words.part == Part::Arn {
            return false;
        }
        if naming::same_folded(candidate.member.name(), variable.name) {
            return true;
        }
        let is_types_name = stem.same_stem(&self.name);
        if words.is_bare() {
            let names_subject = self.is_subject || !candidate.within.is_empty();
            return names_subject && (variable.is_last || is_types_name);
        }
        if words.is_thing && self.is_written && words.same_stem(&self.name) && !candidate.member.takes_arn() {
            return false;
        }
        // A type's own name stands for its last variable only if no other part of the ARN is left to be named, or if
        // the variable is called by the type's name or the end of it.
        let is_own = variable.is_only
            || variable.is_last && is_types_name
            || words.part == stem.part && stem.is_tail_of(&self.name);
        words.same_stem(stem) || is_own && words.same_stem(&self.name)
    }

    /// Whether a text is called by the end of the type's name: `GroupId` in `DeleteSecurityGroup`.
    fn is_shortened(&self, candidate: &Candidate<'_>, variable: &Variable<'_>) -> bool {
        let words = &candidate.words;
        words.part != Part::Arn
            && !words.is_thing
            && candidate.within.is_empty()
            && (words.is_tail_of(&self.name) || words.is_tail_of(&variable.words))
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
    // Resources of the second version have no version in their paths.
    let path = path
        .strip_prefix("/v2/")
        .map_or_else(|| path.to_owned(), |rest| format!("/{rest}"));
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
