//! Creep: what roles grant beyond what was approved, decided by proof, so that a rewrite that grants the same passes and a
//! pattern widened by one character fails.

use std::collections::{BTreeMap, BTreeSet};

use super::lock::{Lock, LockedFunction, LockedPolicy, key, managed_names};
use super::missing::quoted;
use super::rules::{self, Level, Rule};
use super::{Finding, Place};
use crate::catalog::Catalog;
use crate::diff::risk::{self, Risk, RiskKind, Severity, WholeRole};
use crate::iam::action::ActionPattern;
use crate::iam::arn::ArnPattern;
use crate::iam::contain::{self, Verdict, Witness};
use crate::iam::policy::{Actions, Effect, Policy, Resources, Statement};
use crate::usage::{Confidence, Grant};
use crate::workspace::model::{Function, GrantOrigin, Role, RoleStatement};

/// What was approved, and what it is called in messages.
#[derive(Clone, Debug)]
pub struct Approved {
    /// The grants.
    pub lock: Lock,
    /// `rolefit.lock`, or the revision or report that stands in for it.
    pub source: String,
    /// Whether it is a lock that has to be kept up to date.
    pub is_lock: bool,
}

/// Findings about every function that has a role; `needs` are what each function needs, by its place in `functions`.
pub fn findings(
    catalog: &Catalog,
    approved: &Approved,
    functions: &[&Function],
    needs: &[&[Grant]],
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut seen = BTreeSet::new();
    let needs = needs.iter().copied().chain(std::iter::repeat(&[] as &[Grant]));
    for (function, needs) in functions.iter().zip(needs) {
        let Some(role) = &function.role else { continue };
        let key = key(function, role);
        match approved.lock.functions.get(&key) {
            Some(locked) => findings.extend(
                Comparison {
                    catalog,
                    approved,
                    function,
                    role,
                    locked,
                }
                .findings(needs),
            ),
            None => {
                let mut new = [unknown_function(approved, function, role)];
                let mut risks = risk::risks(catalog, None, &WholeRole::of(catalog, role));
                // All of the role is new: whatever it lets happen belongs to the one finding.
                let place = new.first().and_then(|finding| finding.places.first()).cloned();
                for origin in risks.iter_mut().flat_map(|risk| risk.statements.values_mut()) {
                    if let Some(place) = &place {
                        origin.location = place.location.clone();
                    }
                }
                rate(&mut new, &risks);
                findings.extend(new);
            }
        }
        seen.insert(key);
    }
    if approved.is_lock {
        findings.extend(stale(approved, &seen));
    }
    findings
}

/// A function, or a function with this role, that was never approved.
fn unknown_function(approved: &Approved, function: &Function, role: &Role) -> Finding {
    let elsewhere = approved
        .lock
        .functions
        .keys()
        .find(|(name, _)| *name == function.name);
    let message = match elsewhere {
        Some((_, old)) => format!(
            "`{}` has the role `{}`, where {} has `{old}`: nothing of it is approved",
            function.name, role.id, approved.source
        ),
        None => format!(
            "`{}` is new: no grant of its role `{}` is in {}",
            function.name, role.id, approved.source
        ),
    };
    let mut finding = Finding::new(&rules::NEW_GRANT, Some(&function.name), message);
    finding.places.push(Place {
        location: function.location.clone(),
        label: format!("function `{}`", function.name),
    });
    finding.help = Some(approval(approved, &function.name));
    finding
}

fn approval(approved: &Approved, function: &str) -> String {
    match approved.is_lock {
        true => format!("remove it, or approve it with `rolefit lock {function}` and commit rolefit.lock"),
        false => "remove it, or let the change of permissions be approved with this change".to_owned(),
    }
}

/// Entries of the lock whose function is gone.
fn stale(approved: &Approved, seen: &BTreeSet<(String, String)>) -> Vec<Finding> {
    let gone = approved
        .lock
        .functions
        .iter()
        .filter(|(key, _)| !seen.contains(*key));
    gone.map(|((name, role), locked)| {
        let message = format!(
            "{} holds grants of `{name}` with the role `{role}`, which is gone",
            approved.source
        );
        let mut finding = Finding::new(&rules::STALE_LOCK, None, message);
        finding.places.push(Place {
            location: locked.location.clone(),
            label: "approved here".to_owned(),
        });
        finding
    })
    .collect()
}

/// Says of every finding how bad it is: by the risks that the statement it points at brings about, and those that no
/// statement of the new role does, such as a dropped deny.
fn rate(findings: &mut [Finding], risks: &[Risk]) {
    for finding in findings {
        let at = finding.places.first().map(|place| &place.location);
        let brings = |risk: &&Risk| {
            risk.kind == RiskKind::DroppedGuardrail
                || risk
                    .statements
                    .values()
                    .any(|origin| Some(&origin.location) == at)
        };
        let own: Vec<&Risk> = risks.iter().filter(brings).collect();
        finding.severity = own.iter().map(|risk| risk.severity).max();
        finding.weight = finding.severity.unwrap_or(finding.weight);
        let worth_telling = own.iter().filter(|risk| risk.severity > Severity::Low).take(3);
        finding
            .notes
            .extend(worth_telling.map(|risk| format!("risk {}: {}", risk.severity.as_str(), risk.message)));
    }
}

struct Comparison<'a> {
    catalog: &'a Catalog,
    approved: &'a Approved,
    function: &'a Function,
    role: &'a Role,
    locked: &'a LockedFunction,
}

impl Comparison<'_> {
    fn findings(&self, needs: &[Grant]) -> Vec<Finding> {
        let (old, mut findings) = match self.locked.statements(self.catalog) {
            Ok(statements) => (Policy::of(statements), Vec::new()),
            Err(policy) => return vec![self.unknown_version(policy)],
        };
        findings.extend(self.boundary());
        findings.extend(self.managed_versions());
        let mut grown = self.new_grants(&old);
        if !grown.is_empty() {
            rate(
                &mut grown,
                &risk::risks(
                    self.catalog,
                    Some(&self.before(&old)),
                    &WholeRole::of(self.catalog, self.role),
                ),
            );
        }
        findings.extend(grown);
        findings.extend(self.new_needs(&old, needs));
        findings.extend(self.no_longer_granted(&old));
        findings
    }

    /// The role as it was approved.
    fn before(&self, old: &Policy) -> WholeRole {
        let now = WholeRole::of(self.catalog, self.role);
        let origin = GrantOrigin {
            kind: "inline",
            name: self.approved.source.clone(),
            location: self.locked.location.clone(),
            injected_by: None,
            condition: None,
        };
        let statements = old.statements.iter().map(|statement| RoleStatement {
            statement: statement.clone(),
            origin: origin.clone(),
        });
        let same_boundary = self.locked.boundary == self.role.boundary;
        WholeRole {
            arn: now.arn,
            statements: statements.collect(),
            boundary: now.boundary.filter(|_| same_boundary),
            trust: now.trust,
            ..WholeRole::default()
        }
    }

    fn finding(&self, rule: &'static Rule, message: String, origin: Option<&GrantOrigin>) -> Finding {
        let mut finding = Finding::new(rule, Some(&self.function.name), message);
        finding.places.push(match origin {
            Some(origin) => Place {
                location: origin.location.clone(),
                label: format!("granted by {}", origin.name),
            },
            None => Place {
                location: self.role.location.clone(),
                label: format!("role `{}`", self.role.id),
            },
        });
        finding.help = Some(approval(self.approved, &self.function.name));
        finding
    }

    fn unknown_version(&self, policy: &LockedPolicy) -> Finding {
        let message = format!(
            "`{}` {} is in {}, but this catalogue does not hold that document, so nothing can be compared with it",
            policy.name, policy.version, self.approved.source
        );
        let mut finding = self.finding(&rules::NEW_GRANT, message, None);
        finding.help = Some("use the catalogue that wrote the lock, or write the lock anew".to_owned());
        finding
    }

    fn boundary(&self) -> Option<Finding> {
        let before = self.locked.boundary.as_ref()?;
        if self.role.boundary.as_ref() == Some(before) {
            return None;
        }
        let now = match &self.role.boundary {
            Some(boundary) => format!("is now `{boundary}`"),
            None => "is gone".to_owned(),
        };
        let message = format!(
            "the permissions boundary `{before}` of `{}` {now}",
            self.function.name
        );
        Some(self.finding(&rules::WIDENED_GRANT, message, None))
    }

    /// AWS's policies that changed since they were approved.
    fn managed_versions(&self) -> Vec<Finding> {
        let attached = managed_names(self.catalog, self.role);
        let locked = self
            .locked
            .managed
            .iter()
            .filter(|policy| attached.contains(policy.name.as_str()));
        locked.filter_map(|policy| self.managed_version(policy)).collect()
    }

    fn managed_version(&self, before: &LockedPolicy) -> Option<Finding> {
        let now = LockedPolicy::of(self.catalog, &before.name)?;
        if now.version == before.version && now.digest == before.digest {
            return None;
        }
        let (old, new) = (before.document(self.catalog)?, now.document(self.catalog)?);
        let verdict = contain::contain(&[new], &[old], &contain::Options::default());
        let more = match &verdict {
            Verdict::NoNewAccess => "grants nothing new",
            Verdict::NewAccess(_) => "grants more",
            Verdict::Unproven { .. } => "may grant more",
        };
        let message = format!(
            "AWS changed `{}` from {} to {}, which {more}",
            before.name, before.version, now.version
        );
        let origin = self
            .role
            .statements
            .iter()
            .map(|one| &one.origin)
            .find(|origin| origin.name == before.name);
        let mut finding = self.finding(&rules::MANAGED_VERSION, message, origin);
        if verdict != Verdict::NoNewAccess {
            finding.level = Level::Error;
        }
        finding.notes.extend(explain(&verdict));
        Some(finding)
    }

    /// What the role's own statements grant beyond what was approved, one finding per statement's origin and rule.
    fn new_grants(&self, old: &Policy) -> Vec<Finding> {
        let names: BTreeSet<&str> = self
            .locked
            .managed
            .iter()
            .map(|policy| policy.name.as_str())
            .collect();
        let attached = managed_names(self.catalog, self.role);
        let judged_by_version = |one: &&RoleStatement| {
            let name = one.origin.name.as_str();
            names.contains(name) && attached.contains(name)
        };
        let denies: Vec<Statement> = with_effect(self.role, Effect::Deny)
            .map(|one| one.statement.clone())
            .collect();
        let mut beyond: BTreeMap<(&'static Rule, &GrantOrigin), Vec<Beyond>> = BTreeMap::new();
        for one in with_effect(self.role, Effect::Allow).filter(|one| !judged_by_version(one)) {
            if beyond_old(&one.statement, &denies, old) == Verdict::NoNewAccess {
                continue;
            }
            for cell in cells(&one.statement) {
                let verdict = beyond_old(&cell, &denies, old);
                if verdict != Verdict::NoNewAccess {
                    let rule = self.rule(&cell);
                    beyond
                        .entry((rule, &one.origin))
                        .or_default()
                        .push(Beyond { cell, verdict });
                }
            }
        }
        beyond
            .into_iter()
            .map(|((rule, origin), cells)| self.grown(rule, origin, &cells))
            .collect()
    }

    /// Whether the action was approved already, on less or under more conditions.
    fn rule(&self, cell: &Statement) -> &'static Rule {
        let (Actions::Only(actions) | Actions::AllExcept(actions)) = &cell.actions;
        let approved = self.locked.grants.iter().any(|grant| match &grant.actions {
            Actions::Only(list) => list.iter().any(|known| actions.contains(known)),
            Actions::AllExcept(_) => true,
        });
        if approved {
            &rules::WIDENED_GRANT
        } else {
            &rules::NEW_GRANT
        }
    }

    fn grown(&self, rule: &'static Rule, origin: &GrantOrigin, beyond: &[Beyond]) -> Finding {
        let actions: BTreeSet<String> = beyond.iter().map(|one| actions(&one.cell)).collect();
        let resources: BTreeSet<String> = beyond.iter().map(|one| resources(&one.cell)).collect();
        let shown: Vec<&str> = actions.iter().map(String::as_str).take(12).collect();
        let more = match actions.len().saturating_sub(shown.len()) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let on: Vec<&str> = resources.iter().map(String::as_str).take(4).collect();
        let message = format!(
            "`{}` {} {}{more} on {}, not in {}",
            self.function.name,
            if rule == &rules::NEW_GRANT {
                "gained"
            } else {
                "is granted more of"
            },
            quoted(&shown),
            quoted(&on),
            self.approved.source
        );
        let mut finding = self.finding(rule, message, Some(origin));
        finding.actions = actions;
        finding.resources = beyond.iter().flat_map(|one| whole_resources(&one.cell)).collect();
        if beyond
            .iter()
            .all(|one| matches!(one.verdict, Verdict::Unproven { .. }))
        {
            finding.confidence = Confidence::Medium;
        }
        if let Some(first) = beyond.first() {
            finding.notes.extend(explain(&first.verdict));
        }
        finding
    }

    /// Needs of the code that were never approved and that the role does not grant either.
    fn new_needs(&self, old: &Policy, needs: &[Grant]) -> Vec<Finding> {
        let today = Policy::of(
            self.role
                .statements
                .iter()
                .map(|one| one.statement.clone())
                .collect(),
        );
        let unmet = |grant: &&Grant| {
            let need = [Policy::of(vec![needed(grant)])];
            let options = contain::Options::default();
            grant.exact
                && [old, &today].iter().all(|side| {
                    contain::contain(&need, std::slice::from_ref(*side), &options) != Verdict::NoNewAccess
                })
        };
        needs
            .iter()
            .filter(unmet)
            .map(|grant| {
                let message = format!(
                    "`{}` now needs `{}` on `{}`, which is not in {}",
                    self.function.name,
                    grant.action,
                    grant.resource.short(),
                    self.approved.source
                );
                let mut finding = self.finding(&rules::NEW_NEED, message, None);
                finding.actions.insert(grant.action.to_string());
                finding.resources.insert(grant.resource.to_string());
                let code = grant
                    .because()
                    .iter()
                    .filter_map(|because| because.location.clone());
                finding.places.extend(code.map(|location| Place {
                    location,
                    label: "asked for here".to_owned(),
                }));
                finding
            })
            .collect()
    }

    /// Approved and no longer granted: the lock can be made smaller.
    fn no_longer_granted(&self, old: &Policy) -> Option<Finding> {
        if !self.approved.is_lock {
            return None;
        }
        let today = Policy::of(
            self.role
                .statements
                .iter()
                .map(|one| one.statement.clone())
                .collect(),
        );
        let denies: Vec<Statement> = old
            .statements
            .iter()
            .filter(|one| one.effect == Effect::Deny)
            .cloned()
            .collect();
        let gone: BTreeSet<String> = self
            .locked
            .grants
            .iter()
            .filter(|grant| matches!(beyond_old(grant, &denies, &today), Verdict::NewAccess(_)))
            .map(actions)
            .collect();
        let names: Vec<&str> = gone.iter().map(String::as_str).take(12).collect();
        (!gone.is_empty()).then(|| {
            let message = format!(
                "{} approves {} for `{}`, which its role grants no longer",
                self.approved.source,
                quoted(&names),
                self.function.name
            );
            let mut finding = Finding::new(&rules::STALE_LOCK, Some(&self.function.name), message);
            finding.places.push(Place {
                location: self.locked.location.clone(),
                label: "approved here".to_owned(),
            });
            finding.actions.clone_from(&gone);
            finding.help = Some(format!("`rolefit lock {}` takes it out", self.function.name));
            finding
        })
    }
}

/// One action pattern on one resource that goes beyond what was approved.
struct Beyond {
    cell: Statement,
    verdict: Verdict,
}

fn with_effect(role: &Role, effect: Effect) -> impl Iterator<Item = &RoleStatement> {
    role.statements
        .iter()
        .filter(move |one| one.statement.effect == effect)
}

/// Whether the statement, as far as the denies leave it, allows more than the old side.
fn beyond_old(statement: &Statement, denies: &[Statement], old: &Policy) -> Verdict {
    let mut statements = vec![statement.clone()];
    statements.extend(denies.iter().cloned());
    let new = [Policy::of(statements)];
    contain::contain(&new, std::slice::from_ref(old), &contain::Options::default())
}

/// The statement as one statement per action and resource.
fn cells(statement: &Statement) -> Vec<Statement> {
    let actions: Vec<Actions> = match &statement.actions {
        Actions::Only(list) => list.iter().map(|one| Actions::Only(vec![one.clone()])).collect(),
        all => vec![all.clone()],
    };
    let resources: Vec<Resources> = match &statement.resources {
        Resources::Only(list) => list
            .iter()
            .map(|one| Resources::Only(vec![one.clone()]))
            .collect(),
        all => vec![all.clone()],
    };
    let cell = |actions: &Actions, resources: &Resources| Statement {
        actions: actions.clone(),
        resources: resources.clone(),
        ..statement.clone()
    };
    actions
        .iter()
        .flat_map(|actions| resources.iter().map(move |resources| cell(actions, resources)))
        .collect()
}

fn actions(cell: &Statement) -> String {
    match &cell.actions {
        Actions::Only(list) => join(list.iter().map(ActionPattern::as_str)),
        Actions::AllExcept(list) => format!("* except {}", join(list.iter().map(ActionPattern::as_str))),
    }
}

fn resources(cell: &Statement) -> String {
    match &cell.resources {
        Resources::Only(list) => list.iter().map(ArnPattern::short).collect::<Vec<_>>().join(", "),
        Resources::AllExcept(list) => format!("* except {}", join(list.iter().map(ArnPattern::as_str))),
    }
}

/// The resources of a cell, written out.
fn whole_resources(cell: &Statement) -> Vec<String> {
    let (Resources::Only(list) | Resources::AllExcept(list)) = &cell.resources;
    list.iter().map(ToString::to_string).collect()
}

fn join<'a>(items: impl Iterator<Item = &'a str>) -> String {
    items.collect::<Vec<_>>().join(", ")
}

fn needed(grant: &Grant) -> Statement {
    Statement {
        sid: None,
        effect: Effect::Allow,
        principals: None,
        actions: Actions::Only(vec![ActionPattern::from(&grant.action)]),
        resources: Resources::Only(vec![grant.resource.clone()]),
        conditions: grant.conditions.clone(),
    }
}

/// The witness, or why nothing is proved.
fn explain(verdict: &Verdict) -> Option<String> {
    match verdict {
        Verdict::NoNewAccess => None,
        Verdict::NewAccess(witness) => Some(format!("newly allowed, for one: {}", request(witness))),
        Verdict::Unproven { reason } => Some(format!("could not be proved: {reason}")),
    }
}

fn request(witness: &Witness) -> String {
    let request = &witness.request;
    let context: Vec<String> = request
        .context
        .iter()
        .map(|(key, value)| match value {
            crate::iam::request::ContextValue::One(value) => format!("{key} = {value}"),
            crate::iam::request::ContextValue::Many(values) => format!("{key} = {}", values.join(", ")),
        })
        .collect();
    let with = match context.is_empty() {
        true => String::new(),
        false => format!(" with {}", context.join("; ")),
    };
    format!("`{}` on `{}`{with}", request.action, request.resource)
}
