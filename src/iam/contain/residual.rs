//! What one side allows beyond the other, in few lines that a reviewer can read.
//!
//! Each Allow of the new side is asked about by resource and by action: what of it is contained falls away, what is left
//! becomes a line, with the resources that the old side allows as exceptions and the conditions that the old side set.

use std::collections::{BTreeMap, BTreeSet};

use super::action::{ActionLists, KnownActions, Universe};
use super::unit::StatementRef;
use super::{OldSide, Options, Verdict, Witness, contain};
use crate::iam::action::ActionPattern;
use crate::iam::arn::ArnPattern;
use crate::iam::policy::{Actions, Conditions, Effect, Policy, Resources, Statement};

/// One resource pattern of a line.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ResidualResource {
    /// The pattern of the new side; for `NotResource` a `*`.
    pub pattern: String,
    /// Parts of it that are not new, because the old side allows them, or not meant, because of `NotResource`.
    pub except: Vec<String>,
}

/// Actions on resources that the new side allows and the old side does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResidualLine {
    /// The statement of the new side.
    pub statement: StatementRef,
    /// Its `Sid`.
    pub sid: Option<String>,
    /// Action patterns; with a list of known actions they name exactly the new ones among these.
    pub actions: Vec<String>,
    /// For `NotAction`: the actions that are not meant.
    pub other_than: Vec<String>,
    /// How many known actions these are; `None` without a list.
    pub known: Option<usize>,
    /// The resources.
    pub resources: Vec<ResidualResource>,
    /// The conditions of the new statement.
    pub conditions: Conditions,
    /// Conditions under which the old side allows the same.
    pub without: Conditions,
    /// A Deny of the old side that the new side does not have.
    pub lifted: Option<StatementRef>,
    /// One such request; `None` when it is not proved that there is one.
    pub witness: Option<Witness>,
    /// Why it is not proved either way.
    pub unproven: Option<String>,
}

/// What the new side allows beyond the old one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Residual {
    /// Lines in the order of the new side's statements.
    pub lines: Vec<ResidualLine>,
}

/// Everything about a finding but its actions; findings that agree in it become one line.
type Manner = (Vec<String>, Conditions, Option<StatementRef>, bool);

struct Finding {
    actions: BTreeSet<String>,
    known: Option<BTreeSet<String>>,
    resource: ResidualResource,
    witness: Option<Witness>,
    unproven: Option<String>,
}

/// Finds what `new` allows beyond `old`. With `known`, wildcards are resolved to the actions of the list.
pub fn residual(
    new: &[Policy],
    old: &[Policy],
    options: &Options<'_>,
    known: Option<&KnownActions>,
) -> Residual {
    let ask = Ask {
        denies: denies(new),
        old,
        options,
        known,
    };
    let mut residual = Residual::default();
    for (policy, document) in new.iter().enumerate() {
        for (index, statement) in document.statements.iter().enumerate() {
            if statement.effect == Effect::Allow {
                let place = StatementRef {
                    policy,
                    statement: index,
                };
                residual.lines.extend(ask.lines(document, statement, place));
            }
        }
    }
    residual
}

fn denies(policies: &[Policy]) -> Vec<Policy> {
    policies
        .iter()
        .map(|policy| Policy {
            statements: policy
                .statements
                .iter()
                .filter(|one| one.effect == Effect::Deny)
                .cloned()
                .collect(),
            ..policy.clone()
        })
        .filter(|policy| !policy.statements.is_empty())
        .collect()
}

struct Ask<'a> {
    denies: Vec<Policy>,
    old: &'a [Policy],
    options: &'a Options<'a>,
    known: Option<&'a KnownActions>,
}

impl Ask<'_> {
    /// Whether this statement alone, less what the new side denies, allows anything new.
    fn about(&self, document: &Policy, statement: &Statement) -> Verdict {
        self.against(document, statement, self.old, self.options)
    }

    /// How to ask about what known actions stand for: a pattern that names exactly these means no others.
    fn of_known(&self, known: Option<&BTreeSet<String>>) -> Options<'_> {
        match (self.known, known) {
            (Some(list), Some(actions)) if !actions.is_empty() => Options {
                universe: Universe::Known(list),
                ..*self.options
            },
            _ => *self.options,
        }
    }

    fn against(
        &self,
        document: &Policy,
        statement: &Statement,
        old: &[Policy],
        options: &Options<'_>,
    ) -> Verdict {
        let mut new = vec![Policy {
            statements: vec![statement.clone()],
            ..document.clone()
        }];
        new.extend(self.denies.iter().cloned());
        contain(&new, old, options)
    }

    fn lines(&self, document: &Policy, statement: &Statement, place: StatementRef) -> Vec<ResidualLine> {
        if self.about(document, statement) == Verdict::NoNewAccess {
            return Vec::new();
        }
        let mut found: BTreeMap<Manner, Vec<Finding>> = BTreeMap::new();
        for part in by_resource(statement) {
            if self.about(document, &part) == Verdict::NoNewAccess {
                continue;
            }
            for (part, known) in self.by_action(document, &part) {
                let verdict = self.about(document, &part);
                if verdict == Verdict::NoNewAccess {
                    continue;
                }
                let (manner, finding) = self.finding(document, &part, known, verdict);
                found.entry(manner).or_default().push(finding);
            }
        }
        let mut lines: Vec<ResidualLine> = found
            .into_iter()
            .flat_map(|(manner, findings)| self.merged(statement, place, manner, findings))
            .collect();
        lines.sort_by(|a, b| (&a.resources, &a.actions).cmp(&(&b.resources, &b.actions)));
        lines
    }

    /// The statement by its action patterns; wildcards by the known actions that agree in what the old side says of them.
    fn by_action(
        &self,
        document: &Policy,
        statement: &Statement,
    ) -> Vec<(Statement, Option<BTreeSet<String>>)> {
        let Actions::Only(patterns) = &statement.actions else {
            return vec![(statement.clone(), None)];
        };
        let with = |actions: &[String]| Statement {
            actions: Actions::Only(actions.iter().map(ActionPattern::new).collect()),
            ..statement.clone()
        };
        let mut parts = Vec::new();
        for pattern in patterns {
            let whole = with(&[pattern.as_str().to_owned()]);
            let known = self.known.filter(|_| pattern.has_wildcard());
            let Some(known) = known else {
                let own = self
                    .known
                    .map(|known| known.matching(pattern.as_str()).into_iter().collect());
                parts.push((whole, own));
                continue;
            };
            let named = known.matching(pattern.as_str());
            let mut new: BTreeMap<Option<StatementRef>, BTreeSet<String>> = BTreeMap::new();
            for group in self.grouped(&named) {
                let Some(one) = group.first() else { continue };
                let verdict = self.about(document, &with(std::slice::from_ref(one)));
                if verdict != Verdict::NoNewAccess {
                    new.entry(lifted(&verdict)).or_default().extend(group);
                }
            }
            if new.is_empty() {
                parts.push((whole.clone(), Some(BTreeSet::new())));
            }
            for actions in new.into_values() {
                let part = match actions.len() == named.len() {
                    true => whole.clone(),
                    false => with(&known.shortest(&actions)),
                };
                parts.push((part, Some(actions)));
            }
        }
        parts
    }

    fn grouped(&self, actions: &[String]) -> Vec<Vec<String>> {
        let mut lists = ActionLists::default();
        for statement in self
            .old
            .iter()
            .chain(&self.denies)
            .flat_map(|policy| &policy.statements)
        {
            let (Actions::Only(patterns) | Actions::AllExcept(patterns)) = &statement.actions;
            lists.add(patterns.iter().map(ActionPattern::as_str));
        }
        lists.grouped(actions)
    }

    fn finding(
        &self,
        document: &Policy,
        part: &Statement,
        known: Option<BTreeSet<String>>,
        verdict: Verdict,
    ) -> (Manner, Finding) {
        let (actions, other_than) = match &part.actions {
            Actions::Only(list) => (
                list.iter().map(|one| one.as_str().to_owned()).collect(),
                Vec::new(),
            ),
            Actions::AllExcept(list) => (
                BTreeSet::from(["*".to_owned()]),
                list.iter().map(|one| one.as_str().to_owned()).collect(),
            ),
        };
        let lifted = lifted(&verdict);
        let options = self.of_known(known.as_ref());
        let (witness, unproven) = match verdict {
            Verdict::NewAccess(witness) => (Some(*witness), None),
            Verdict::Unproven { reason } => (None, Some(reason)),
            Verdict::NoNewAccess => (None, None),
        };
        let resource = match &part.resources {
            Resources::Only(list) => {
                let pattern = list
                    .first()
                    .map(|one| one.as_str().to_owned())
                    .unwrap_or_default();
                ResidualResource {
                    except: self.exceptions(document, part, &pattern, &options),
                    pattern,
                }
            }
            Resources::AllExcept(list) => ResidualResource {
                pattern: "*".to_owned(),
                except: list.iter().map(|one| one.as_str().to_owned()).collect(),
            },
        };
        let manner = (
            other_than,
            self.without(document, part, &options),
            lifted,
            unproven.is_some(),
        );
        let finding = Finding {
            actions,
            known,
            resource,
            witness,
            unproven,
        };
        (manner, finding)
    }

    /// Patterns of the old side within `pattern` on which the part is not new.
    fn exceptions(
        &self,
        document: &Policy,
        part: &Statement,
        pattern: &str,
        options: &Options<'_>,
    ) -> Vec<String> {
        let whole = ArnPattern::new(pattern);
        let mut candidates: BTreeSet<&ArnPattern> = BTreeSet::new();
        for statement in self.old.iter().flat_map(|policy| &policy.statements) {
            if statement.effect == Effect::Allow
                && let Resources::Only(list) = &statement.resources
            {
                candidates.extend(list.iter().filter(|one| **one != whole && whole.covers(one)));
            }
        }
        let covered = |one: &&ArnPattern| {
            let narrowed = Statement {
                resources: Resources::Only(vec![(*one).clone()]),
                ..part.clone()
            };
            self.against(document, &narrowed, self.old, options) == Verdict::NoNewAccess
        };
        let found: Vec<&ArnPattern> = candidates.into_iter().filter(covered).collect();
        let widest = found
            .iter()
            .filter(|one| !found.iter().any(|other| other != *one && other.covers(one)));
        widest.map(|one| one.as_str().to_owned()).collect()
    }

    /// The conditions of an Allow of the old side that would cover the part without them.
    fn without(&self, document: &Policy, part: &Statement, options: &Options<'_>) -> Conditions {
        for (policy, of_old) in self.old.iter().enumerate() {
            for (index, statement) in of_old.statements.iter().enumerate() {
                let conditional = statement.effect == Effect::Allow && !statement.conditions.is_empty();
                if !conditional || statement.conditions == part.conditions || !share_actions(statement, part)
                {
                    continue;
                }
                let mut relaxed = self.old.to_vec();
                let slot = relaxed
                    .get_mut(policy)
                    .and_then(|policy| policy.statements.get_mut(index));
                if let Some(slot) = slot {
                    slot.conditions.clear();
                }
                if self.against(document, part, &relaxed, options) == Verdict::NoNewAccess {
                    return statement.conditions.clone();
                }
            }
        }
        Conditions::new()
    }

    /// One line for findings on the same actions, and one for findings on the same resource.
    fn merged(
        &self,
        statement: &Statement,
        place: StatementRef,
        (other_than, without, lifted, _): Manner,
        findings: Vec<Finding>,
    ) -> Vec<ResidualLine> {
        type Group = (
            BTreeSet<String>,
            Option<BTreeSet<String>>,
            Option<Witness>,
            Option<String>,
        );
        let mut by_resource: BTreeMap<ResidualResource, Group> = BTreeMap::new();
        for finding in findings {
            let entry = by_resource.entry(finding.resource).or_default();
            entry.0.extend(finding.actions);
            if let Some(known) = finding.known {
                entry.1.get_or_insert_default().extend(known);
            }
            entry.2 = entry.2.take().or(finding.witness);
            entry.3 = entry.3.take().or(finding.unproven);
        }
        let mut by_actions: BTreeMap<BTreeSet<String>, ResidualLine> = BTreeMap::new();
        for (resource, (actions, known, witness, unproven)) in by_resource {
            let line = by_actions.entry(actions.clone()).or_insert_with(|| ResidualLine {
                statement: place,
                sid: statement.sid.clone(),
                actions: actions.into_iter().collect(),
                other_than: other_than.clone(),
                known: known.map(|known| known.len()),
                resources: Vec::new(),
                conditions: statement.conditions.clone(),
                without: without.clone(),
                lifted,
                witness,
                unproven,
            });
            line.resources.push(resource);
        }
        by_actions.into_values().collect()
    }
}

/// The Deny of the old side that the witness meets.
fn lifted(verdict: &Verdict) -> Option<StatementRef> {
    match verdict {
        Verdict::NewAccess(witness) => match witness.old {
            OldSide::Denies(place) => Some(place),
            OldSide::Silent => None,
        },
        _ => None,
    }
}

/// Whether two statements have an action in common, told by their patterns; may err on the side of yes.
fn share_actions(one: &Statement, other: &Statement) -> bool {
    let (Actions::Only(mine), Actions::Only(theirs)) = (&one.actions, &other.actions) else {
        return true;
    };
    let prefix = |pattern: &ActionPattern| {
        let text = pattern.as_str().split(':').next().unwrap_or_default();
        (!text.contains(['*', '?'])).then(|| text.to_ascii_lowercase())
    };
    mine.iter().any(|mine| {
        theirs.iter().any(|theirs| match (prefix(mine), prefix(theirs)) {
            (Some(mine), Some(theirs)) => mine == theirs,
            _ => true,
        })
    })
}

/// The statement by its resources.
fn by_resource(statement: &Statement) -> Vec<Statement> {
    match &statement.resources {
        Resources::Only(list) => list
            .iter()
            .map(|one| Statement {
                resources: Resources::Only(vec![one.clone()]),
                ..statement.clone()
            })
            .collect(),
        Resources::AllExcept(_) => vec![statement.clone()],
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests;
