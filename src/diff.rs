//! Required against current: which grants a role keeps, narrows, loses and lacks, and which line grants each.
//!
//! The role's statements become *cells*: one action pattern on one resource. Every required grant looks for the
//! narrowest cell that covers it; cells that no required grant needs are excess. `diff` knows nothing of synthesis: the
//! required side can be a hand-written policy too.

pub mod risk;

use std::collections::{BTreeMap, BTreeSet};

use crate::catalog::Catalog;
use crate::iam::action::{Action, ActionPattern};
use crate::iam::arn::ArnPattern;
use crate::iam::contain;
use crate::iam::policy::{Actions, Conditions, Effect, Policy, Resources, Statement};
use crate::usage::{Because, Confidence, Grant};
use crate::workspace::model::{GrantOrigin, Role, RoleStatement};

/// What becomes of a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// Needed and granted as it is.
    Keep,
    /// Needed, but granted on more resources or under fewer conditions than needed.
    Narrow,
    /// Granted and not needed.
    Remove,
    /// Needed and not granted.
    Add,
    /// Granted, and nothing that could see its use was there to see it.
    Unobserved,
}

impl Verdict {
    /// The word of the JSON interface.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Narrow => "narrow",
            Self::Remove => "remove",
            Self::Add => "add",
            Self::Unobserved => "unobserved",
        }
    }
}

/// Why a needed grant is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lack {
    /// The role never allows the action.
    Action,
    /// The role allows the action on other resources only.
    Resource(BTreeSet<ArnPattern>),
    /// The role allows it on the resource, but under conditions that the call never meets.
    Conditions(GrantOrigin),
    /// A statement denies it.
    Denied(GrantOrigin),
}

/// One line of the comparison.
#[derive(Clone, Debug)]
pub struct Row {
    /// The action, or the action pattern of a wildcard grant that is excess.
    pub action: ActionPattern,
    /// How many actions of the catalogue the row stands for; 1 for a plain action.
    pub actions: usize,
    /// The resource: the needed one for keep, narrow and add, the granted one otherwise.
    pub resource: ArnPattern,
    /// The conditions of the needed grant (keep, narrow, add) or of the granted one.
    pub conditions: Conditions,
    /// What the role grants today, for a narrowed row.
    pub today: BTreeSet<ArnPattern>,
    /// What becomes of it.
    pub verdict: Verdict,
    /// How sure that is.
    pub confidence: Confidence,
    /// Why it is needed; empty for excess.
    pub because: Vec<Because>,
    /// What grants it; empty for a missing one.
    pub granted_by: Vec<GrantOrigin>,
    /// Why it is missing.
    pub lack: Option<Lack>,
}

/// The comparison of one function's need with its role.
#[derive(Clone, Debug, Default)]
pub struct Diff {
    /// Rows sorted by service, resource, verdict and action.
    pub rows: Vec<Row>,
}

impl Diff {
    /// Rows of a verdict.
    pub fn with(&self, verdict: Verdict) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(move |row| row.verdict == verdict)
    }
}

impl Diff {
    /// The needed grants as the comparison settled them: where a need was vague, on what the role grants of it today.
    pub fn settled(&self, required: &[Grant]) -> Vec<Grant> {
        let vague = |row: &Row| {
            required
                .iter()
                .find(|grant| !grant.exact && row.action.matches(&grant.action))
        };
        let kept = self.rows.iter().filter(|row| row.verdict == Verdict::Keep);
        let narrowed: Vec<(&Grant, ArnPattern)> = kept
            .filter_map(|row| Some((vague(row)?, row.resource.clone())))
            .filter(|(grant, resource)| *resource != grant.resource && grant.resource.covers(resource))
            .collect();
        let mut settled = Vec::new();
        for grant in required {
            let own: Vec<Grant> = narrowed
                .iter()
                .filter(|(vague, _)| *vague == grant)
                .map(|(_, resource)| grant.clone().on(resource.clone()))
                .collect();
            if own.is_empty() {
                settled.push(grant.clone())
            } else {
                settled.extend(own)
            }
        }
        settled
    }
}

/// What the comparison may conclude from silence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Silence {
    /// The function's code was read: what it does not call is not needed.
    MeansUnneeded(Confidence),
    /// No code was read: silence proves nothing.
    MeansNothing,
}

/// One action pattern on one resource, as a statement of the role allows it.
struct Cell<'a> {
    pattern: &'a ActionPattern,
    resources: CellResource<'a>,
    statement: &'a RoleStatement,
}

enum CellResource<'a> {
    On(&'a ArnPattern),
    AllExcept(&'a [ArnPattern]),
}

/// Compares what is required with what the role grants.
pub fn compare(catalog: &Catalog, required: &[Grant], role: &Role, silence: Silence) -> Diff {
    let cells = cells(role);
    let mut used = BTreeSet::new();
    let mut supplied: BTreeMap<usize, BTreeSet<Action>> = BTreeMap::new();
    let mut rows: Vec<Row> = required
        .iter()
        .flat_map(|grant| required_rows(catalog, grant, role, &cells, &mut used, &mut supplied))
        .collect();
    rows.extend(excess_rows(catalog, &cells, &used, &supplied, silence));
    rows.sort_by(|a, b| sort_key(a).cmp(&sort_key(b)));
    Diff { rows }
}

/// Every required grant as a missing one: the comparison for a function that has no role yet.
pub fn all_missing(required: &[Grant]) -> Diff {
    Diff {
        rows: required
            .iter()
            .map(|grant| needed_row(grant, Verdict::Add))
            .collect(),
    }
}

fn sort_key(row: &Row) -> (String, &ArnPattern, Verdict, &ActionPattern) {
    let prefix = row
        .action
        .as_str()
        .split(':')
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase();
    (prefix, &row.resource, row.verdict, &row.action)
}

fn cells(role: &Role) -> Vec<Cell<'_>> {
    let mut cells = Vec::new();
    for statement in role
        .statements
        .iter()
        .filter(|s| s.statement.effect == Effect::Allow)
    {
        let (Actions::Only(patterns) | Actions::AllExcept(patterns)) = &statement.statement.actions;
        for pattern in patterns {
            match &statement.statement.resources {
                Resources::Only(resources) => cells.extend(resources.iter().map(|resource| Cell {
                    pattern,
                    resources: CellResource::On(resource),
                    statement,
                })),
                Resources::AllExcept(except) => {
                    cells.push(Cell {
                        pattern,
                        resources: CellResource::AllExcept(except),
                        statement,
                    });
                }
            }
        }
    }
    cells
}

impl Cell<'_> {
    fn allows_action(&self, action: &Action) -> bool {
        match &self.statement.statement.actions {
            Actions::Only(_) => self.pattern.matches(action),
            Actions::AllExcept(patterns) => !patterns.iter().any(|pattern| pattern.matches(action)),
        }
    }

    fn covers(&self, resource: &ArnPattern) -> bool {
        match &self.resources {
            CellResource::On(mine) => mine.covers(resource),
            CellResource::AllExcept(except) => !except.iter().any(|pattern| pattern.intersects(resource)),
        }
    }

    /// Whether it covers the needed resource, by its symbols or by the names that the template gives.
    fn covers_need(&self, grant: &Grant) -> bool {
        self.covers(&grant.resource)
            || grant
                .spelled_out
                .as_ref()
                .is_some_and(|resource| self.covers(resource))
    }

    fn intersects(&self, resource: &ArnPattern) -> bool {
        match &self.resources {
            CellResource::On(mine) => mine.intersects(resource),
            CellResource::AllExcept(except) => !except.iter().any(|pattern| pattern.covers(resource)),
        }
    }

    /// The resource as the report shows it.
    fn resource(&self) -> ArnPattern {
        match &self.resources {
            CellResource::On(resource) => (*resource).clone(),
            CellResource::AllExcept(except) => {
                let except: Vec<_> = except.iter().map(ArnPattern::as_str).collect();
                ArnPattern::new(format!("* except {}", except.join(", ")))
            }
        }
    }

    fn is_exactly(&self, grant: &Grant) -> bool {
        matches!(&self.resources, CellResource::On(resource) if **resource == grant.resource || resource.covers(&grant.resource) && grant.resource.covers(resource))
            && implies(self.conditions(), &grant.conditions)
    }

    fn conditions(&self) -> &Conditions {
        &self.statement.statement.conditions
    }

    /// Narrower cells first: exact ones, then those that are covered by more other patterns.
    fn width(&self) -> usize {
        match &self.resources {
            CellResource::On(resource) if resource.is_any() => usize::MAX,
            CellResource::On(resource) => {
                usize::MAX / 2 - resource.as_str().len() + 64 * resource.as_str().matches(['*', '?']).count()
            }
            CellResource::AllExcept(_) => usize::MAX - 1,
        }
    }
}

/// The rows that a required grant makes, and which cells it uses up.
fn required_rows(
    catalog: &Catalog,
    grant: &Grant,
    role: &Role,
    cells: &[Cell<'_>],
    used: &mut BTreeSet<usize>,
    supplied: &mut BTreeMap<usize, BTreeSet<Action>>,
) -> Vec<Row> {
    if let Some(origin) = denied_by(grant, role) {
        let mut row = needed_row(grant, Verdict::Add);
        row.lack = Some(Lack::Denied(origin.clone()));
        return vec![row];
    }
    let allowing: Vec<usize> = indices(cells, |cell| {
        cell.allows_action(&grant.action) && applies(catalog, &grant.action, cell)
    });
    let (covering, conditional): (Vec<usize>, Vec<usize>) = allowing
        .iter()
        .copied()
        .filter(|&i| at(cells, i, |cell| cell.covers_need(grant)))
        .filter(|&i| at(cells, i, |cell| meet(&grant.conditions, cell.conditions())))
        .partition(|&i| at(cells, i, |cell| implies(&grant.conditions, cell.conditions())));
    let mut take = |index: usize| {
        used.insert(index);
        supplied.entry(index).or_default().insert(grant.action.clone());
    };
    let exact: Vec<usize> = covering
        .iter()
        .copied()
        .filter(|&i| at(cells, i, |cell| cell.is_exactly(grant)))
        .collect();
    if !exact.is_empty() {
        exact.iter().copied().for_each(&mut take);
        return vec![granted_row(grant, Verdict::Keep, &exact, cells)];
    }
    let narrowest = covering
        .iter()
        .copied()
        .filter_map(|i| cells.get(i).map(|cell| (cell.width(), i)))
        .min();
    if let Some((width, _)) = narrowest {
        let best: Vec<usize> = covering
            .iter()
            .copied()
            .filter(|&i| at(cells, i, |cell| cell.width() == width))
            .collect();
        best.iter().copied().for_each(&mut take);
        return vec![granted_row(grant, Verdict::Narrow, &best, cells)];
    }
    if let Some(&first) = conditional.first() {
        // Whether the condition holds when the function calls is not known: the grant may be enough.
        conditional.iter().copied().for_each(&mut take);
        let mut row = granted_row(grant, Verdict::Keep, &conditional, cells);
        row.confidence = row.confidence.min(Confidence::Medium);
        if let Some(cell) = cells.get(first) {
            row.conditions = cell.conditions().clone();
        }
        return vec![row];
    }
    let touching: Vec<usize> = allowing
        .iter()
        .copied()
        .filter(|&i| {
            at(cells, i, |cell| {
                cell.intersects(&grant.resource) && same_type(catalog, grant, cell)
            })
        })
        .collect();
    if !grant.exact && !touching.is_empty() {
        // The need is wider than what is known: what the role grants of it is the best evidence for what is meant.
        return touching
            .into_iter()
            .filter_map(|index| {
                take(index);
                let cell = cells.get(index)?;
                let mut row = granted_row(grant, Verdict::Keep, &[index], cells);
                row.resource = cell.resource();
                row.confidence = Confidence::Low;
                Some(row)
            })
            .collect();
    }
    let mut row = needed_row(grant, Verdict::Add);
    let elsewhere: BTreeSet<ArnPattern> = allowing
        .iter()
        .filter_map(|&index| cells.get(index).map(Cell::resource))
        .collect();
    let excluded = allowing
        .iter()
        .filter_map(|&index| cells.get(index))
        .find(|cell| cell.covers_need(grant));
    row.lack = Some(match excluded {
        Some(cell) => Lack::Conditions(cell.statement.origin.clone()),
        None if elsewhere.is_empty() => Lack::Action,
        None => Lack::Resource(elsewhere),
    });
    vec![row]
}

/// Whether every request that meets the one set of conditions meets the other.
fn implies(one: &Conditions, other: &Conditions) -> bool {
    if other.is_empty() || one == other {
        return true;
    }
    let (new, old) = (under(one), under(other));
    contain::contain(&[new], &[old], &contain::Options::default()) == contain::Verdict::NoNewAccess
}

/// Whether some request meets both.
fn meet(one: &Conditions, other: &Conditions) -> bool {
    if one.is_empty() || other.is_empty() || one == other {
        return true;
    }
    let mut denied = under(one);
    let mut deny = under(other).statements;
    deny.iter_mut()
        .for_each(|statement| statement.effect = Effect::Deny);
    denied.statements.extend(deny);
    let all = [under(one)];
    contain::contain(&all, &[denied], &contain::Options::default()) != contain::Verdict::NoNewAccess
}

/// Everything, under conditions.
fn under(conditions: &Conditions) -> Policy {
    Policy::of(vec![Statement {
        sid: None,
        effect: Effect::Allow,
        principals: None,
        actions: Actions::Only(vec![ActionPattern::new("*")]),
        resources: Resources::Only(vec![ArnPattern::any()]),
        conditions: conditions.clone(),
    }])
}

fn indices(cells: &[Cell<'_>], keep: impl Fn(&Cell<'_>) -> bool) -> Vec<usize> {
    cells
        .iter()
        .enumerate()
        .filter(|(_, cell)| keep(cell))
        .map(|(index, _)| index)
        .collect()
}

fn at(cells: &[Cell<'_>], index: usize, holds: impl Fn(&Cell<'_>) -> bool) -> bool {
    cells.get(index).is_some_and(holds)
}

/// An unconditional Deny that meets the grant.
fn denied_by<'a>(grant: &Grant, role: &'a Role) -> Option<&'a GrantOrigin> {
    role.statements
        .iter()
        .filter(|s| s.statement.effect == Effect::Deny && s.statement.conditions.is_empty())
        .find(|s| {
            let action = match &s.statement.actions {
                Actions::Only(patterns) => patterns.iter().any(|pattern| pattern.matches(&grant.action)),
                Actions::AllExcept(patterns) => {
                    !patterns.iter().any(|pattern| pattern.matches(&grant.action))
                }
            };
            let resource = match &s.statement.resources {
                Resources::Only(resources) => resources
                    .iter()
                    .any(|resource| resource.intersects(&grant.resource)),
                Resources::AllExcept(except) => {
                    !except.iter().any(|resource| resource.covers(&grant.resource))
                }
            };
            action && resource
        })
        .map(|s| &s.origin)
}

fn needed_row(grant: &Grant, verdict: Verdict) -> Row {
    Row {
        action: ActionPattern::from(&grant.action),
        actions: 1,
        resource: grant.resource.clone(),
        conditions: grant.conditions.clone(),
        today: BTreeSet::new(),
        verdict,
        confidence: grant.confidence,
        because: grant.because().to_vec(),
        granted_by: Vec::new(),
        lack: (verdict == Verdict::Add).then_some(Lack::Action),
    }
}

fn granted_row(grant: &Grant, verdict: Verdict, by: &[usize], cells: &[Cell<'_>]) -> Row {
    let mut row = needed_row(grant, verdict);
    let by: Vec<&Cell<'_>> = by.iter().filter_map(|&index| cells.get(index)).collect();
    row.granted_by = origins(by.iter().copied());
    if verdict == Verdict::Narrow {
        row.today = by.iter().map(|cell| cell.resource()).collect();
    }
    row
}

fn origins<'a>(cells: impl Iterator<Item = &'a Cell<'a>>) -> Vec<GrantOrigin> {
    let origins: BTreeSet<GrantOrigin> = cells.map(|cell| cell.statement.origin.clone()).collect();
    origins.into_iter().collect()
}

/// Whether the cell grants anything of the action: a resource of a type that the action does not take grants nothing.
fn applies(catalog: &Catalog, action: &Action, cell: &Cell<'_>) -> bool {
    let CellResource::On(resource) = &cell.resources else {
        return true;
    };
    resource.is_any() || catalog.action(action).is_none_or(|entry| entry.takes(resource))
}

/// Whether the cell names a resource of the type that is needed: an index is no table, although `table/*` covers it.
fn same_type(catalog: &Catalog, grant: &Grant, cell: &Cell<'_>) -> bool {
    let CellResource::On(resource) = &cell.resources else {
        return true;
    };
    let of = |resource: &ArnPattern| {
        catalog
            .action(&grant.action)
            .and_then(|entry| entry.type_of(resource))
    };
    of(resource) == of(&grant.resource) || resource.covers(&grant.resource)
}

/// What the role grants and nothing needs.
fn excess_rows(
    catalog: &Catalog,
    cells: &[Cell<'_>],
    used: &BTreeSet<usize>,
    supplied: &BTreeMap<usize, BTreeSet<Action>>,
    silence: Silence,
) -> Vec<Row> {
    let mut rows: BTreeMap<(String, ArnPattern, Conditions), Row> = BTreeMap::new();
    let none = BTreeSet::new();
    for (index, cell) in cells.iter().enumerate() {
        let needed = supplied.get(&index).unwrap_or(&none);
        let Some((action, count)) = left_over(catalog, cell, needed, used.contains(&index)) else {
            continue;
        };
        let (verdict, confidence) = match silence {
            Silence::MeansUnneeded(confidence) => (Verdict::Remove, confidence),
            Silence::MeansNothing => (Verdict::Unobserved, Confidence::Low),
        };
        let conditions = cell.statement.statement.conditions.clone();
        let key = (
            action.as_str().to_ascii_lowercase(),
            cell.resource(),
            conditions.clone(),
        );
        let row = rows.entry(key).or_insert_with(|| Row {
            action,
            actions: count,
            resource: cell.resource(),
            conditions,
            today: BTreeSet::new(),
            verdict,
            confidence,
            because: Vec::new(),
            granted_by: Vec::new(),
            lack: None,
        });
        row.actions = row.actions.min(count);
        row.granted_by.push(cell.statement.origin.clone());
        row.granted_by.sort();
        row.granted_by.dedup();
    }
    rows.into_values().collect()
}

/// What a cell grants beyond the needed actions: the action or pattern and how many actions it stands for.
fn left_over(
    catalog: &Catalog,
    cell: &Cell<'_>,
    needed: &BTreeSet<Action>,
    used: bool,
) -> Option<(ActionPattern, usize)> {
    if let Actions::AllExcept(patterns) = &cell.statement.statement.actions {
        let excluded: usize = patterns.iter().map(|pattern| catalog.count(pattern)).sum();
        let count = catalog
            .count(&ActionPattern::new("*"))
            .saturating_sub(excluded + needed.len());
        let except: Vec<_> = patterns.iter().map(ActionPattern::as_str).collect();
        return Some((
            ActionPattern::new(format!("* except {}", except.join(", "))),
            count,
        ));
    }
    if !cell.pattern.has_wildcard() {
        let action = Action::parse(cell.pattern.as_str());
        let grants_something = action
            .as_ref()
            .is_none_or(|action| applies(catalog, action, cell));
        return (!used && grants_something).then(|| (cell.pattern.clone(), 1));
    }
    let count = catalog.count(cell.pattern).saturating_sub(needed.len());
    (count > 0 || !used).then(|| (cell.pattern.clone(), count.max(1)))
}

#[cfg(test)]
mod tests;
