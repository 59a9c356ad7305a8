//! Actions and resource types, as the Service Authorization Reference lists them.

use std::fmt;

use crate::iam::action::{Action, ActionPattern};
use crate::iam::arn::ArnPattern;

use super::Catalog;
use super::stored::{ActionData, PrefixData, PrefixEntry, ResourceTypeData};

/// Where the pages of the Service Authorization Reference are.
const REFERENCE: &str = "https://docs.aws.amazon.com/service-authorization/latest/reference/";

/// What AWS says an action does to what it touches, least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AccessLevel {
    /// Lists resources.
    List,
    /// Reads content.
    Read,
    /// Creates, changes or deletes.
    Write,
    /// Changes tags only.
    Tagging,
    /// Grants or changes permissions.
    PermissionsManagement,
}

impl AccessLevel {
    /// AWS's words: `List`, `Read`, `Write`, `Tagging`, `Permissions management`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::List => "List",
            Self::Read => "Read",
            Self::Write => "Write",
            Self::Tagging => "Tagging",
            Self::PermissionsManagement => "Permissions management",
        }
    }

    fn from_stored(level: u8) -> Self {
        match level {
            0 => Self::List,
            1 => Self::Read,
            3 => Self::Tagging,
            4 => Self::PermissionsManagement,
            _ => Self::Write,
        }
    }
}

impl fmt::Display for AccessLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The actions of one IAM prefix.
#[derive(Clone, Copy, Debug)]
pub(super) struct Prefix<'a> {
    pub(super) entry: &'a PrefixEntry,
    pub(super) data: &'a PrefixData,
}

/// An action in the catalogue.
#[derive(Clone, Copy, Debug)]
pub struct ActionEntry<'a> {
    prefix: Prefix<'a>,
    data: &'a ActionData,
}

/// A resource type that an action can be allowed on.
#[derive(Clone, Copy, Debug)]
pub struct ResourceType<'a> {
    prefix: Prefix<'a>,
    data: &'a ResourceTypeData,
    required: bool,
}

impl<'a> Prefix<'a> {
    /// The action with this name, ignoring case.
    pub(super) fn action(self, name: &str) -> Option<ActionEntry<'a>> {
        let name = name.to_ascii_lowercase();
        let texts = &self.data.texts;
        let position = self
            .data
            .actions
            .binary_search_by(|data| texts.get(data.name).to_ascii_lowercase().cmp(&name))
            .ok()?;
        Some(ActionEntry {
            prefix: self,
            data: self.data.actions.get(position)?,
        })
    }

    /// Every action, sorted by name ignoring case.
    pub(super) fn actions(self) -> impl Iterator<Item = ActionEntry<'a>> {
        self.data
            .actions
            .iter()
            .map(move |data| ActionEntry { prefix: self, data })
    }

    /// The resource type with this name.
    pub(super) fn resource_type(self, name: &str) -> Option<ResourceType<'a>> {
        let data = self
            .data
            .resource_types
            .iter()
            .find(|data| self.data.texts.get(data.name) == name)?;
        Some(ResourceType {
            prefix: self,
            data,
            required: false,
        })
    }
}

impl<'a> ActionEntry<'a> {
    /// The action, in AWS's spelling.
    pub fn action(&self) -> Action {
        Action::new(&self.prefix.entry.prefix, self.name())
    }

    /// Its name without the prefix.
    pub fn name(&self) -> &'a str {
        self.prefix.data.texts.get(self.data.name)
    }

    /// Its access level.
    pub fn access_level(&self) -> AccessLevel {
        AccessLevel::from_stored(self.data.level)
    }

    /// The resource types that it can be allowed on, in the order of the reference.
    pub fn resource_types(&self) -> impl Iterator<Item = ResourceType<'a>> + use<'a> {
        let prefix = self.prefix;
        self.data
            .resources
            .iter()
            .filter_map(move |&(position, required)| {
                Some(ResourceType {
                    prefix,
                    data: prefix.data.resource_types.get(position as usize)?,
                    required,
                })
            })
    }

    /// Whether it takes no resource, so that only `*` allows it.
    pub fn wildcard_only(&self) -> bool {
        self.data.resources.is_empty()
    }

    /// Whether a statement on `resource` can allow it: the resource is, or covers, one of a type that it takes. A
    /// resource of a more special type of the same service (`bucket/key`, `table/t/index/i`) is not one of the general
    /// type (`bucket`, `table/t`), although its ARN looks like one. Only `*` allows an action that takes no resource.
    pub fn takes(&self, resource: &ArnPattern) -> bool {
        if resource.is_any() {
            return true;
        }
        let own: Vec<ArnPattern> = self.resource_types().map(|own| own.pattern()).collect();
        own.iter()
            .filter(|pattern| pattern.intersects(resource))
            .any(|pattern| {
                let special = |data: &ResourceTypeData| {
                    let other = pattern_of(self.prefix.data.texts.get(data.arn));
                    other != *pattern
                        && !own.contains(&other)
                        && pattern.covers(&other)
                        && other.covers(resource)
                };
                !self.prefix.data.resource_types.iter().any(special)
            })
    }

    /// The most special of its service's resource types that a resource is of, by the type's ARN pattern.
    pub fn type_of(&self, resource: &ArnPattern) -> Option<ArnPattern> {
        let types = self.prefix.data.resource_types.iter();
        types
            .map(|data| pattern_of(self.prefix.data.texts.get(data.arn)))
            .filter(|pattern| pattern.covers(resource))
            .max_by_key(|pattern| pattern.as_str().len())
    }

    /// Whether it only grants a permission: no operation has its name.
    pub fn is_permission_only(&self) -> bool {
        self.data.permission_only
    }

    /// The condition keys that it can be limited by, beside those of its resource types.
    pub fn condition_keys(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let texts = &self.prefix.data.texts;
        self.data.condition_keys.iter().map(move |&key| texts.get(key))
    }

    /// Actions that AWS says it can also need; which of them, and when, the reference does not say.
    pub fn dependents(&self) -> impl Iterator<Item = Action> + use<'a> {
        let texts = &self.prefix.data.texts;
        self.data
            .dependents
            .iter()
            .filter_map(move |&action| Action::parse(texts.get(action)))
    }

    /// The page that lists it.
    pub fn docs(&self) -> Option<String> {
        let page = &self.prefix.entry.page;
        (!page.is_empty()).then(|| format!("{REFERENCE}{page}"))
    }
}

impl<'a> ResourceType<'a> {
    /// Its name in the reference, such as `table`.
    pub fn name(&self) -> &'a str {
        self.prefix.data.texts.get(self.data.name)
    }

    /// Its name with the prefix of the reference page it stands on, such as `dynamodb:table`.
    pub fn full_name(&self) -> String {
        format!("{}:{}", self.prefix.entry.prefix, self.name())
    }

    /// Its ARN, such as `arn:${Partition}:dynamodb:${Region}:${Account}:table/${TableName}`.
    pub fn arn_format(&self) -> &'a str {
        self.prefix.data.texts.get(self.data.arn)
    }

    /// Its ARN with `*` for every variable.
    pub fn pattern(&self) -> ArnPattern {
        pattern_of(self.arn_format())
    }

    /// The variables of its ARN but partition, region and account, in order.
    pub fn variables(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        variables(self.arn_format())
    }

    /// Whether the reference marks it as required for the action. It does not mean "all of these": several required
    /// types can be alternatives.
    pub fn required(&self) -> bool {
        self.required
    }

    /// The condition keys of the resource.
    pub fn condition_keys(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let texts = &self.prefix.data.texts;
        self.data.condition_keys.iter().map(move |&key| texts.get(key))
    }
}

/// An ARN format with `*` for every variable.
fn pattern_of(format: &str) -> ArnPattern {
    let mut text = String::new();
    let mut rest = format;
    while let Some((before, after)) = rest.split_once("${") {
        text.push_str(before);
        text.push('*');
        rest = after.split_once('}').map_or("", |(_, after)| after);
    }
    text.push_str(rest);
    ArnPattern::new(text)
}

/// The `${Variable}`s of an ARN format but partition, region and account, in order.
pub(super) fn variables(format: &str) -> impl Iterator<Item = &str> {
    format
        .split("${")
        .skip(1)
        .filter_map(|rest| rest.split_once('}').map(|(name, _)| name))
        .filter(|name| !matches!(*name, "Partition" | "Region" | "Account"))
}

impl Catalog {
    /// What the reference says of an action, ignoring case.
    pub fn action(&self, action: &Action) -> Option<ActionEntry<'_>> {
        self.prefix(action.prefix())?.action(action.name())
    }

    /// The actions of an IAM prefix, sorted by name ignoring case; none for a prefix that is not known.
    pub fn actions_of_prefix(&self, prefix: &str) -> impl Iterator<Item = ActionEntry<'_>> {
        self.prefix(&prefix.to_ascii_lowercase())
            .into_iter()
            .flat_map(Prefix::actions)
    }

    /// The actions that a pattern matches, sorted by prefix and name. `*` matches some 22,000: use [`Self::count`] when
    /// only the number matters.
    pub fn matching<'a>(&'a self, pattern: &'a ActionPattern) -> impl Iterator<Item = ActionEntry<'a>> + 'a {
        let all_of_prefix = is_all_of_prefix(pattern);
        self.prefixes_matching(pattern)
            .filter_map(|position| self.prefix_at(position))
            .flat_map(Prefix::actions)
            .filter(move |entry| all_of_prefix || pattern.matches(&entry.action()))
    }

    /// The actions that a pattern matches.
    pub fn expand(&self, pattern: &ActionPattern) -> Vec<Action> {
        self.matching(pattern).map(|entry| entry.action()).collect()
    }

    /// How many actions a pattern matches, without listing them where a whole prefix is meant.
    pub fn count(&self, pattern: &ActionPattern) -> usize {
        if is_all_of_prefix(pattern) {
            self.prefixes_matching(pattern)
                .filter_map(|position| self.file.index.prefixes.get(position))
                .map(|entry| entry.action_count as usize)
                .sum()
        } else {
            self.matching(pattern).count()
        }
    }

    /// Whether the reference has a resource type, written `prefix:type`.
    pub fn has_resource_type(&self, full_name: &str) -> bool {
        let parts = full_name.split_once(':');
        parts.is_some_and(|(prefix, name)| {
            self.prefix(prefix)
                .is_some_and(|prefix| prefix.resource_type(name).is_some())
        })
    }

    /// Every IAM prefix with actions, sorted.
    pub fn prefixes(&self) -> impl Iterator<Item = &str> {
        self.file.index.prefixes.iter().map(|entry| entry.prefix.as_str())
    }

    /// Positions of the prefixes that a pattern can match.
    fn prefixes_matching(&self, pattern: &ActionPattern) -> impl Iterator<Item = usize> {
        let text = pattern.as_str();
        let wanted = match text.split_once(':') {
            _ if text == "*" => None,
            Some((prefix, _)) if prefix.contains(['*', '?']) => None,
            Some((prefix, _)) => Some(prefix.to_ascii_lowercase()),
            // Without a colon only wildcards can reach over it.
            None => None,
        };
        self.file
            .index
            .prefixes
            .iter()
            .enumerate()
            .filter(move |(_, entry)| wanted.as_ref().is_none_or(|prefix| *prefix == entry.prefix))
            .map(|(position, _)| position)
    }
}

/// Whether a pattern is `*` or `prefix:*` without further wildcards, so that no name needs a look.
fn is_all_of_prefix(pattern: &ActionPattern) -> bool {
    let text = pattern.as_str();
    text == "*"
        || text
            .strip_suffix(":*")
            .is_some_and(|prefix| !prefix.contains(['*', '?']))
}
