//! What an operation needs: given the inputs that are set, the actions it requires and how its inputs name the
//! resources.
//!
//! The hand-written file of the service comes first ([`overlay`]); what it does not say, the rules say: which actions
//! was settled when the catalogue was built, which members name the resource is [`resource_rule`]'s guess from names,
//! and [`pass_role`] finds roles that are handed over.

mod condition;
mod form;
mod member_name;
mod overlay;
mod pass_role;
mod resource_rule;
mod returned;

use std::collections::BTreeSet;

use crate::iam::action::Action;
use crate::iam::policy::Conditions;
use crate::usage::{Inputs, OperationId};

use super::action_entry::variables;
use super::service::{ActionRule, Operation};
use super::{Catalog, Service, naming};
use condition::{Condition, Given, Truth};
use overlay::{NeedRow, OperationRow, Overlay, Resource};

pub use form::Form;
pub use returned::Returned;

/// What an operation needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    /// The operation.
    pub operation: OperationId,
    /// How its actions are known.
    pub provenance: Provenance,
    /// The actions it needs, most important first; none when IAM takes no part.
    pub actions: Vec<NeededAction>,
    /// What else a reader should know.
    pub notes: Vec<Note>,
}

/// An action that an operation needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NeededAction {
    /// The action.
    pub action: Action,
    /// Every resource that it is needed on; none when it takes no resource and only `*` allows it.
    pub resources: Vec<NeededResource>,
    /// The condition on the inputs that makes it needed; `None` when it always is.
    pub when: Option<When>,
    /// Conditions that the statement can carry, such as `iam:PassedToService`.
    pub conditions: Conditions,
    /// Needed not by the call itself but by what the service does with it.
    pub dependent: bool,
    /// Why it is not sure that this is the action; `None` when it is.
    pub unverified: Option<String>,
    /// Documentation that says so.
    pub docs: Option<String>,
}

/// A resource that an action is needed on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NeededResource {
    /// Its type, such as `dynamodb:table`.
    pub resource_type: String,
    /// Its ARN with `${Variable}`s, such as `arn:${Partition}:dynamodb:${Region}:${Account}:table/${TableName}`.
    pub format: String,
    /// Where each variable but partition, region and account comes from, in the order of the format. When the form of
    /// one takes ARNs and its input is an ARN, that ARN stands for the format up to and including the variable; it is
    /// the whole resource when every variable comes from this input.
    pub variables: Vec<(String, Source)>,
}

/// Where a variable of an ARN comes from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// An input.
    Input {
        /// Its path in [`Inputs`], such as `TransactItems[].Put.TableName`.
        path: String,
        /// How the text names the resource.
        form: Form,
    },
    /// This text, as the input is not set.
    Default(String),
    /// No input names it.
    Unknown,
}

/// A condition on inputs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct When {
    /// In words: `VersionId is not set`.
    pub words: String,
    /// As data: `!VersionId`.
    pub input: String,
    /// Whether the inputs leave open if it holds.
    pub uncertain: bool,
}

/// Something a reader should know about a need.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Note {
    /// AWS lists this action as one that the operation can also need; it is not granted.
    CanAlsoNeed(Action),
    /// The inputs may hold a role that is passed on, in this member; nothing is granted for it.
    MayPassRole(String),
    /// Words.
    Text(String),
}

/// How the actions of an operation are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Provenance {
    /// Written by hand, with a link to AWS's documentation.
    Overlay,
    /// The action has the operation's name.
    SameName,
    /// The action is the HTTP method (API Gateway).
    VerbRule,
    /// The action's entry links to the operation's page.
    Link,
    /// The operation's documentation names the action.
    Prose,
    /// The action's name is like the operation's.
    Likeness,
    /// The operation is sent without a signature: no action.
    Unsigned,
    /// Nothing says which action; the operation's own name is assumed.
    Unresolved,
}

impl Provenance {
    /// The word of the machine interfaces: `overlay`, `same-name`, …
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Overlay => "overlay",
            Self::SameName => "same-name",
            Self::VerbRule => "verb-rule",
            Self::Link => "link",
            Self::Prose => "prose",
            Self::Likeness => "likeness",
            Self::Unsigned => "unsigned",
            Self::Unresolved => "unresolved",
        }
    }
}

/// Access that a service passes on to another service with the caller's credentials, such as S3 to KMS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForwardedAccess {
    /// The actions on the other service's resource.
    pub actions: Vec<Action>,
    /// The value of `kms:ViaService`, with `${Region}`: `s3.${Region}.amazonaws.com`.
    pub via_service: String,
    /// Documentation that says so.
    pub docs: String,
}

impl Catalog {
    /// What `operation` needs when `inputs` are set; `None` for an operation that the catalogue does not know.
    ///
    /// Conditions on inputs are decided as far as the inputs are known; what may hold counts as holding, and says so.
    /// The path `*` in `inputs` stands for inputs that could not be seen.
    pub fn need(&self, operation: &OperationId, inputs: &Inputs) -> Option<Need> {
        let found = self.service(&operation.service)?.operation(&operation.name)?;
        let required: Vec<&str> = found
            .members()
            .filter(|member| member.required())
            .map(|member| member.name())
            .collect();
        let given = Given::Inputs {
            inputs,
            required: &required,
        };
        let mut need = self.need_given(found, given);
        if need.actions.is_empty() && need.provenance == Provenance::Overlay {
            // Inputs that fit no case were not seen in full; better every case than none.
            let every = self.need_given(found, Given::Anything);
            if !every.actions.is_empty() {
                need = every;
                need.notes.push(Note::Text(
                    "the inputs that decide what is needed are not known".to_owned(),
                ));
            }
        }
        Some(need)
    }

    /// Everything that `operation` can need, each with its condition on inputs; `None` for one that is not known.
    pub fn every_need(&self, operation: &OperationId) -> Option<Need> {
        let found = self.service(&operation.service)?.operation(&operation.name)?;
        Some(self.need_given(found, Given::Anything))
    }

    /// How the actions of an operation are known.
    pub fn provenance(&self, operation: Operation<'_>) -> Provenance {
        let overlay = Overlay::of(overlay_of(operation.service()));
        provenance(operation, overlay.operation(operation.name(), Given::Anything))
    }

    /// What the service passes on to another when this operation touches encrypted data: needed only if the resource
    /// has a customer managed key.
    pub fn forwarded_access(&self, operation: &OperationId, inputs: &Inputs) -> Vec<ForwardedAccess> {
        let given = Given::Inputs {
            inputs,
            required: &[],
        };
        Overlay::of(&operation.service)
            .forwarded(&operation.name)
            .filter(|row| {
                row.when
                    .as_ref()
                    .is_none_or(|when| when.holds(given) != Truth::No)
            })
            .map(|row| ForwardedAccess {
                actions: row.actions.clone(),
                via_service: format!("{}.${{Region}}.amazonaws.com", row.via),
                docs: row.docs.clone(),
            })
            .collect()
    }

    fn need_given(&self, operation: Operation<'_>, given: Given<'_>) -> Need {
        let overlay = Overlay::of(overlay_of(operation.service()));
        let row = overlay.operation(operation.name(), given);
        let mut need = Need {
            operation: operation.id(),
            provenance: provenance(operation, row),
            actions: Vec::new(),
            notes: notes(row),
        };
        for row in self.rows(operation, row) {
            need.actions.extend(self.needed(operation, overlay, &row, given));
        }
        let docs = row.map(|row| row.docs.clone());
        for action in &mut need.actions {
            action.docs = docs
                .clone()
                .or_else(|| self.action(&action.action).and_then(|entry| entry.docs()));
        }
        pass_role::add(&mut need, operation, given);
        self.add_dependents(&mut need);
        need
    }

    /// The rows of an operation: from the overlay, else from the rules.
    fn rows(&self, operation: Operation<'_>, row: Option<&OperationRow>) -> Vec<NeedRow> {
        if let Some(needs) = row.and_then(|row| row.needs.as_ref()) {
            return needs.clone();
        }
        let mut rows: Vec<NeedRow> = self
            .actions_by_rule(operation)
            .into_iter()
            .map(|action| {
                let unverified = self.doubt(operation, &action);
                NeedRow::plain(action, unverified)
            })
            .collect();
        if operation.discovers_endpoint() {
            let discover = Action::new(operation.service().iam_prefix(), "DescribeEndpoints");
            rows.extend(self.action(&discover).map(|_| NeedRow::plain(discover, None)));
        }
        rows.extend(row.into_iter().flat_map(|row| row.also.iter().cloned()));
        rows
    }

    fn actions_by_rule(&self, operation: Operation<'_>) -> Vec<Action> {
        let same_name = || Action::new(operation.service().iam_prefix(), operation.name());
        match operation.rule() {
            ActionRule::Unsigned => Vec::new(),
            // In AWS's spelling, which can differ in case.
            ActionRule::SameName => vec![
                self.action(&same_name())
                    .map_or_else(same_name, |entry| entry.action()),
            ],
            ActionRule::Unresolved => vec![same_name()],
            ActionRule::Prose => {
                let named: Vec<Action> = operation.actions().collect();
                let any_alike = named.iter().any(|action| alike(action.name(), operation.name()));
                let own = (!any_alike).then(same_name);
                own.into_iter().chain(named).collect()
            }
            _ => operation.actions().collect(),
        }
    }

    /// Why it is not sure that an operation needs an action that a rule found; `None` when it is.
    fn doubt(&self, operation: Operation<'_>, action: &Action) -> Option<&'static str> {
        match operation.rule() {
            ActionRule::Unresolved => Some("no source names the action of this operation"),
            ActionRule::Likeness => Some("the action is known by its likeness only"),
            ActionRule::Prose if self.action(action).is_none() => Some(
                "the reference has no action of the operation's name, and its documentation names another",
            ),
            ActionRule::Prose if !alike(action.name(), operation.name()) => {
                Some("the operation's documentation names it, but it may be for something else")
            }
            _ => None,
        }
    }

    /// The needed action of a row, unless its condition does not hold.
    fn needed(
        &self,
        operation: Operation<'_>,
        overlay: &Overlay,
        row: &NeedRow,
        given: Given<'_>,
    ) -> Option<NeededAction> {
        let truth = row.when.as_ref().map_or(Truth::Yes, |when| when.holds(given));
        if truth == Truth::No {
            return None;
        }
        let resources: Vec<NeededResource> = match &row.on {
            Some(ids) => ids
                .iter()
                .filter_map(|id| overlay.resource(id))
                .filter_map(|resource| self.named_resource(operation, resource, given))
                .collect(),
            None => resource_rule::resources(self, operation, overlay, &row.action, given),
        };
        // Every named resource had a condition of its own, and none held.
        let named_in_vain = resources.is_empty() && row.on.as_ref().is_some_and(|ids| !ids.is_empty());
        (!named_in_vain).then(|| NeededAction {
            action: row.action.clone(),
            resources: without_duplicates(resources),
            when: row.when.as_ref().map(|when| When::new(when, truth)),
            conditions: conditions(&row.conditions, operation.name()),
            dependent: row.dependent,
            unverified: row.unverified.clone(),
            docs: None,
        })
    }

    /// A resource of the overlay, unless its condition does not hold.
    fn named_resource(
        &self,
        operation: Operation<'_>,
        resource: &Resource,
        given: Given<'_>,
    ) -> Option<NeededResource> {
        if let Some(when) = &resource.when
            && when.holds(given) == Truth::No
        {
            return None;
        }
        let format = match &resource.format {
            Some(format) => format.clone(),
            None => self.format_of(&resource.kind)?,
        };
        let variables = variables(&format)
            .map(|name| {
                // One resource serves operations whose members have different names.
                let sources: Vec<Source> = resource
                    .variables
                    .get(name)
                    .into_iter()
                    .flatten()
                    .filter(|source| resource_rule::has_source(operation, source))
                    .cloned()
                    .collect();
                (name.to_owned(), choose(&sources, given))
            })
            .collect();
        Some(NeededResource {
            resource_type: resource.kind.clone(),
            variables,
            format,
        })
    }

    /// The ARN format of a type written `prefix:type`.
    fn format_of(&self, kind: &str) -> Option<String> {
        let (prefix, name) = kind.split_once(':')?;
        let resource_type = self.prefix(prefix)?.resource_type(name)?;
        Some(resource_type.arn_format().to_owned())
    }

    /// Notes the dependent actions that AWS lists and that are not needed already.
    fn add_dependents(&self, need: &mut Need) {
        let needed: BTreeSet<&Action> = need.actions.iter().map(|needed| &needed.action).collect();
        let dependents: BTreeSet<Action> = need
            .actions
            .iter()
            .filter(|needed| !needed.dependent)
            .filter_map(|needed| self.action(&needed.action))
            .flat_map(|entry| entry.dependents().collect::<Vec<_>>())
            .filter(|action| !needed.contains(action))
            .collect();
        need.notes.extend(dependents.into_iter().map(Note::CanAlsoNeed));
    }
}

impl NeedRow {
    fn plain(action: Action, unverified: Option<&str>) -> Self {
        Self {
            action,
            on: None,
            when: None,
            conditions: Conditions::new(),
            dependent: false,
            unverified: unverified.map(str::to_owned),
        }
    }
}

impl When {
    fn new(condition: &Condition, truth: Truth) -> Self {
        Self {
            words: condition.words(),
            input: condition.text.clone(),
            uncertain: truth == Truth::Maybe,
        }
    }
}

/// The service whose file tells of `service`: two crates can speak to one service.
fn overlay_of(service: Service<'_>) -> &str {
    match service.suffix() {
        "cloudwatchevents" => "eventbridge",
        "docdb" | "neptune" => "rds",
        suffix => suffix,
    }
}

fn provenance(operation: Operation<'_>, row: Option<&OperationRow>) -> Provenance {
    if row.is_some_and(|row| row.needs.is_some() || !row.also.is_empty()) {
        return Provenance::Overlay;
    }
    match operation.rule() {
        ActionRule::SameName => Provenance::SameName,
        ActionRule::Verb => Provenance::VerbRule,
        ActionRule::Link => Provenance::Link,
        ActionRule::Prose => Provenance::Prose,
        ActionRule::Likeness => Provenance::Likeness,
        ActionRule::Unsigned => Provenance::Unsigned,
        ActionRule::Unresolved => Provenance::Unresolved,
    }
}

/// Whether an action's name is like an operation's: at least half of all words are in both, and one is not the verb.
fn alike(action: &str, operation: &str) -> bool {
    let words = |name: &str| -> BTreeSet<String> {
        let words = naming::snake_case(name);
        words
            .split('_')
            .map(|word| word.strip_suffix('s').unwrap_or(word).to_owned())
            .collect()
    };
    let (own, other) = (words(action), words(operation));
    let verb = naming::snake_case(operation)
        .split('_')
        .next()
        .map(str::to_owned)
        .unwrap_or_default();
    let shared = own.intersection(&other).count();
    let has_noun = own.intersection(&other).any(|word| *word != verb);
    has_noun && 2 * shared >= own.union(&other).count()
}

fn notes(row: Option<&OperationRow>) -> Vec<Note> {
    row.into_iter()
        .flat_map(|row| row.notes.iter().cloned().map(Note::Text))
        .collect()
}

/// The source that counts: the first whose member is set, else the first whose member may be, else the default, else
/// the first member all the same, as the reader may have missed it.
fn choose(sources: &[Source], given: Given<'_>) -> Source {
    let with = |truth: Truth| {
        sources
            .iter()
            .find(|source| matches!(source, Source::Input { path, .. } if given.is_set(path) == truth))
    };
    let default = || sources.iter().find(|source| matches!(source, Source::Default(_)));
    with(Truth::Yes)
        .or_else(|| with(Truth::Maybe))
        .or_else(default)
        .or_else(|| sources.first())
        .cloned()
        .unwrap_or(Source::Unknown)
}

/// The conditions of a row, with the operation's name for `${Operation}`.
fn conditions(written: &Conditions, operation: &str) -> Conditions {
    let mut conditions = written.clone();
    for value in conditions
        .values_mut()
        .flat_map(|keys| keys.values_mut())
        .flatten()
    {
        *value = value.replace("${Operation}", operation);
    }
    conditions
}

fn without_duplicates(resources: Vec<NeededResource>) -> Vec<NeededResource> {
    let mut seen = BTreeSet::new();
    resources
        .into_iter()
        .filter(|resource| seen.insert(resource.clone()))
        .collect()
}

#[cfg(test)]
mod tests;
