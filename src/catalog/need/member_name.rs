//! What names of input members, ARN variables and resource types have in common, word by word.
//!
//! A name is a stem and a part: `InstanceIds` is the id of an `instance`, `DatabaseName` the name of a `database`,
//! `clusters` whatever tells a `cluster`. A member stands for a variable only if their stems agree, or the type's own name
//! bridges them, and never a name for an id: the service makes ids up.

use crate::catalog::naming;
use crate::catalog::service::{Member, MemberKind, Operation};

/// What of a thing a name tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Arn,
    Id,
    Name,
    /// `Identifier`, or nothing but the thing itself.
    Any,
}

/// A name in words: `SecurityGroupIds` is `security group` and [`Part::Id`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Words {
    stem: Vec<String>,
    pub(super) part: Part,
    /// No part is told: `cluster`, `schema`.
    pub(super) is_thing: bool,
}

/// What says nothing of what is named: `GroupFriendlyName`, `RoleNameWithPath`.
const FILLERS: [&str; 2] = ["_friendly", "_with_path"];

impl Words {
    /// A member's name; the elements of a list have it in the singular.
    pub(super) fn of_member(member: Member<'_>) -> Self {
        Self::new(member.name(), member.kind() == MemberKind::List)
    }

    /// The name of a variable or type.
    pub(super) fn of(name: &str) -> Self {
        Self::new(name, false)
    }

    fn new(name: &str, is_list: bool) -> Self {
        let snake = naming::snake_case(&name.replace(['-', '.', ' '], "_"));
        let snake = FILLERS
            .iter()
            .fold(snake, |snake, filler| snake.replace(filler, ""));
        let mut stem: Vec<String> = snake
            .split('_')
            .filter(|word| !word.is_empty())
            .map(str::to_owned)
            .collect();
        let part = match stem.last().map(String::as_str) {
            Some("arn" | "arns") => Some(Part::Arn),
            Some("id" | "ids") => Some(Part::Id),
            Some("name" | "names") => Some(Part::Name),
            Some("identifier" | "identifiers") => Some(Part::Any),
            _ => None,
        };
        if part.is_some() {
            stem.pop();
        } else if is_list && let Some(last) = stem.last_mut() {
            *last = singular(last);
        }
        Self {
            stem,
            part: part.unwrap_or(Part::Any),
            is_thing: part.is_none(),
        }
    }

    /// The stem without word boundaries, which AWS sets as it likes (`statemachine`, `StateMachine`).
    fn joined(&self) -> String {
        self.stem.concat()
    }

    /// Whether both are about the same thing.
    pub(super) fn same_stem(&self, other: &Self) -> bool {
        !self.stem.is_empty() && self.joined() == other.joined()
    }

    /// Whether nothing but the part is there: `Name`, `Id`, `Arns`.
    pub(super) fn is_bare(&self) -> bool {
        self.stem.is_empty()
    }

    /// Whether the stem is the last words, but not all, of another: `group` of `security group`.
    pub(super) fn is_tail_of(&self, other: &Self) -> bool {
        !self.stem.is_empty() && self.stem.len() < other.stem.len() && other.stem.ends_with(&self.stem)
    }

    /// Whether a value that is this part can stand for `variable`'s part. An id is no name that someone chose, so a name
    /// does not tell it; what AWS calls a name in an ARN often is the id.
    pub(super) fn can_stand_for(&self, variable: &Self) -> bool {
        self.part != Part::Arn && (self.part != Part::Name || variable.part != Part::Id)
    }

    /// Whether the operation's name speaks of this thing.
    pub(super) fn is_in(&self, operation: Operation<'_>) -> bool {
        let joined = self.joined();
        !joined.is_empty() && operation.name().to_ascii_lowercase().contains(&joined)
    }

    /// Whether the operation is about this thing and nothing else, as `CreateStateMachine` and `BatchGetProjects` are.
    pub(super) fn is_subject_of(&self, operation: Operation<'_>) -> bool {
        let joined = self.joined();
        let snake = naming::snake_case(operation.name());
        let words: Vec<&str> = snake.split('_').collect();
        let after_verb = match words.as_slice() {
            ["batch", _, rest @ ..] | [_, rest @ ..] => rest.concat(),
            [] => return false,
        };
        !joined.is_empty() && (after_verb == joined || singular(&after_verb) == joined)
    }

    /// Whether a structure with this name describes the thing: `DatabaseInput` describes a `database`.
    pub(super) fn describes(&self, thing: &Self) -> bool {
        let (own, thing) = (self.joined(), thing.joined());
        !thing.is_empty()
            && own
                .strip_prefix(thing.as_str())
                .is_some_and(|rest| DESCRIPTIONS.contains(&rest))
    }
}

/// What follows a thing's name in that of the structure that describes it.
const DESCRIPTIONS: [&str; 7] = [
    "",
    "config",
    "configuration",
    "definition",
    "input",
    "spec",
    "specification",
];

fn singular(word: &str) -> String {
    if let Some(stem) = word.strip_suffix("ies") {
        return format!("{stem}y");
    }
    match word.strip_suffix('s') {
        Some(stem) if !stem.ends_with('s') => stem.to_owned(),
        _ => word.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_a_stem_and_a_part() {
        for (name, stem, part) in [
            ("InstanceIds", "instance", Part::Id),
            ("DBClusterIdentifier", "dbcluster", Part::Any),
            ("TargetGroupARNs", "targetgroup", Part::Arn),
            ("GroupFriendlyName", "group", Part::Name),
            ("RoleNameWithPath", "role", Part::Name),
            ("security-group", "securitygroup", Part::Any),
        ] {
            let words = Words::of(name);
            assert_eq!((words.joined().as_str(), words.part), (stem, part), "{name}");
        }
        assert_eq!(Words::new("clusters", true).joined(), "cluster");
        assert_eq!(Words::new("Policies", true).joined(), "policy");
        assert_eq!(Words::new("Address", true).joined(), "address");
    }

    #[test]
    fn a_name_does_not_tell_an_id() {
        let stands = |member: &str, variable: &str| Words::of(member).can_stand_for(&Words::of(variable));
        assert!(stands("GroupId", "SecurityGroupId"));
        assert!(stands("DBClusterIdentifier", "DbClusterInstanceName"));
        assert!(stands("PoolId", "PoolName"));
        assert!(!stands("PoolName", "PoolId"));
    }
}
