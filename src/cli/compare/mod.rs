//! `rolefit compare`: does NEW allow anything that OLD does not?

mod batch;
mod sides;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::ValueEnum;
use serde::Deserialize;

use super::args::Format;
use super::{Outcome, inputs, show, show_json};
use crate::catalog::Catalog;
use crate::iam::action::ActionPattern;
use crate::iam::arn::ArnPattern;
use crate::iam::contain::{KnownActions, Options, Universe, Verdict, contain, residual};
use crate::iam::policy::{Actions, Effect, Policy, PolicyKind, Principals, Resources, Statement};
use crate::report::compare::{AddedV1, CompareV1, WitnessV1, reason};
use crate::report::text;
use sides::{Input, Policies, Reader, read_text};

/// Whether NEW allows anything that OLD does not: a proof, or a request as witness.
///
/// OLD and NEW are each a policy document, a dump of roles (`aws iam get-account-authorization-details`), a stack
/// template, or `-` for standard input. From a dump or template all identity policies of a role count together, role by
/// role; `--role` or `--function` picks one.
///
/// Exit code 0: no new access, proved. 1: new access. 4: not proved either way.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rolefit compare old.json new.json
  git show main:template.yaml | rolefit compare - template.yaml
  rolefit compare --kind trust old-trust.json new-trust.json
  rolefit compare role.json --not-granted forbidden.json
  rolefit compare --batch pairs.jsonl")]
pub struct Compare {
    /// What is allowed today.
    #[arg(required_unless_present = "batch")]
    pub old: Option<PathBuf>,
    /// What would be allowed.
    #[arg(required_unless_present_any = ["batch", "not_granted"])]
    pub new: Option<PathBuf>,
    /// What the policies are attached to.
    #[arg(long, value_enum, default_value_t = KindArg::Identity)]
    pub kind: KindArg,
    /// Which actions there are: any name (`open`, so that `sts:*` is more than today's actions), or those of the
    /// catalogue.
    #[arg(long, value_enum, default_value_t = UniverseArg::Open)]
    pub universe: UniverseArg,
    /// Only this role of a dump or template.
    #[arg(long, value_name = "NAME")]
    pub role: Option<String>,
    /// Only the role of this function of a template.
    #[arg(long, value_name = "NAME")]
    pub function: Option<String>,
    /// Instead of NEW: an access list, `[{"actions": [...], "resources": [...]}]`; does OLD grant any of it?
    #[arg(long, value_name = "FILE", conflicts_with = "new")]
    pub not_granted: Option<PathBuf>,
    /// Many questions: one `{"id", "kind", "old", "new"}` a line; prints one `{"id", "verdict", "witness"}` a line.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["old", "new", "not_granted"])]
    pub batch: Option<PathBuf>,
    /// Output format.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// A newer catalogue file.
    #[arg(long, value_name = "FILE")]
    pub catalog: Option<PathBuf>,
}

/// What policies are attached to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum KindArg {
    /// A user, group or role.
    Identity,
    /// A resource, such as a bucket.
    Resource,
    /// A role: who may assume it.
    Trust,
}

/// Which actions there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum UniverseArg {
    /// Any name.
    Open,
    /// Those of the catalogue.
    Catalog,
}

/// More conditions of a stack than this are not enumerated.
const MAX_STACK_CONDITIONS: usize = 6;

/// Answers one question, or a file of them.
pub fn run(args: &Compare) -> anyhow::Result<Outcome> {
    let catalog = inputs::catalog(args.catalog.as_deref())?;
    if let Some(file) = &args.batch {
        return batch::run(file, args, catalog);
    }
    let old_path = args.old.as_ref().context("OLD is missing")?;
    let reader = Reader {
        kind: kind(args.kind),
        catalog,
    };
    let old = reader.read(old_path)?;
    let (new_name, not_granted) = match (&args.new, &args.not_granted) {
        (Some(new), None) => (new, false),
        (None, Some(list)) => (list, true),
        _ => bail!("give NEW, or `--not-granted FILE`"),
    };
    let pairs = match not_granted {
        true => {
            // Granting any of the list is: allowing more than everything but the list.
            let list = access_list(&read_text(new_name)?, kind(args.kind))?;
            let list = Policies::one(new_name.display().to_string(), list);
            paired(Input::Policy(list), old, args)?
        }
        false => paired(old, reader.read(new_name)?, args)?,
    };
    let known = known(catalog);
    let answer = answer(&pairs, args, &known, !not_granted)?;
    let outcome = outcome(answer.verdict);
    match args.format {
        Format::Json => show_json(&answer)?,
        Format::Text => {
            let (old, new) = (old_path.display().to_string(), new_name.display().to_string());
            show(&text::compare(
                &answer,
                &text::CompareQuestion {
                    old: &old,
                    new: &new,
                    not_granted,
                },
            ))?;
        }
    }
    Ok(outcome)
}

fn outcome(verdict: &str) -> Outcome {
    match verdict {
        "no-new-access" => Outcome::Passed,
        "new-access" => Outcome::Findings,
        _ => Outcome::Incomplete,
    }
}

fn kind(kind: KindArg) -> PolicyKind {
    match kind {
        KindArg::Identity => PolicyKind::Identity,
        KindArg::Resource => PolicyKind::Resource,
        KindArg::Trust => PolicyKind::Trust,
    }
}

/// Every action of the catalogue.
fn known(catalog: &Catalog) -> KnownActions {
    let actions: Vec<String> = catalog
        .prefixes()
        .flat_map(|prefix| catalog.actions_of_prefix(prefix))
        .map(|entry| entry.action().as_str().to_owned())
        .collect();
    KnownActions::new(actions.iter().map(String::as_str))
}

fn options<'a>(args: &Compare, known: &'a KnownActions) -> Options<'a> {
    Options {
        universe: match args.universe {
            UniverseArg::Open => Universe::Open,
            UniverseArg::Catalog => Universe::Known(known),
        },
        names: (!known.is_empty()).then_some(known),
        ..Options::default()
    }
}

/// One role, or one policy, against another.
struct Pair {
    role: Option<String>,
    old: Policies,
    new: Policies,
}

/// Which policies to compare with which.
fn paired(old: Input, new: Input, args: &Compare) -> anyhow::Result<Vec<Pair>> {
    let (old, new) = (chosen(old, args)?, chosen(new, args)?);
    Ok(match (old, new) {
        (Input::Policy(old), Input::Policy(new)) => vec![Pair { role: None, old, new }],
        (Input::Policy(old), Input::Roles(roles)) => {
            let roles = roles.into_iter();
            roles
                .map(|(role, side)| Pair {
                    role: Some(role),
                    old: old.clone(),
                    new: side.policies,
                })
                .collect()
        }
        (Input::Roles(roles), Input::Policy(new)) => {
            let roles = roles.into_iter();
            roles
                .map(|(role, side)| Pair {
                    role: Some(role),
                    old: side.policies,
                    new: new.clone(),
                })
                .collect()
        }
        (Input::Roles(mut old), Input::Roles(new)) => match (
            old.len(),
            new.len(),
            args.role.is_some() || args.function.is_some(),
        ) {
            (1, 1, true) => {
                let old = std::mem::take(&mut old).into_values().next().unwrap_or_default();
                let new = new.into_iter();
                new.map(|(role, side)| Pair {
                    role: Some(role),
                    old: old.policies.clone(),
                    new: side.policies,
                })
                .collect()
            }
            _ => {
                let new = new.into_iter();
                new.map(|(role, side)| {
                    let old = old.remove(&role).unwrap_or_default().policies;
                    Pair {
                        role: Some(role),
                        old,
                        new: side.policies,
                    }
                })
                .collect()
            }
        },
    })
}

/// Only the role that was asked for.
fn chosen(input: Input, args: &Compare) -> anyhow::Result<Input> {
    let Input::Roles(mut roles) = input else {
        return Ok(input);
    };
    let all: Vec<String> = roles.keys().cloned().collect();
    if let Some(role) = &args.role {
        roles.retain(|name, _| name == role);
    }
    if let Some(function) = &args.function {
        roles.retain(|_, side| side.functions.contains(function));
    }
    if roles.is_empty() {
        bail!("no such role; there are {}", all.join(", "));
    }
    Ok(Input::Roles(roles))
}

/// The worst verdict over all pairs, its witness, and everything that is new.
fn answer(pairs: &[Pair], args: &Compare, known: &KnownActions, lines: bool) -> anyhow::Result<CompareV1> {
    let options = options(args, known);
    let mut worst: Option<(usize, CompareV1)> = None;
    let mut added: Vec<AddedV1> = Vec::new();
    for pair in pairs {
        let role = pair.role.as_deref();
        let mut met = BTreeSet::new();
        for holding in stack_conditions(pair)? {
            let (old, new) = (pair.old.when(&holding), pair.new.when(&holding));
            let verdict = contain(&new, &old, &options);
            let rank = match &verdict {
                Verdict::NoNewAccess => 0,
                Verdict::Unproven { .. } => 1,
                Verdict::NewAccess(_) => 2,
            };
            if worst.as_ref().is_none_or(|(before, _)| rank > *before) {
                let witness = match &verdict {
                    Verdict::NewAccess(witness) => Some(WitnessV1::new(witness, role, &pair.new, &pair.old)),
                    _ => None,
                };
                let shown = CompareV1 {
                    schema: "rolefit-compare-v1",
                    verdict: verdict.as_str(),
                    witness,
                    reason: reason(&verdict),
                    added: Vec::new(),
                };
                worst = Some((rank, shown));
            }
            if rank > 0 && lines {
                for line in residual(&new, &old, &options, Some(known)).lines {
                    let line = AddedV1::new(&line, role, &pair.new, &pair.old);
                    if met.insert(format!(
                        "{:?}",
                        (&line.statement, &line.actions, &line.resources, &line.without)
                    )) {
                        added.push(line);
                    }
                }
            }
        }
    }
    let (_, mut answer) = worst.context("there is nothing to compare")?;
    answer.added = added;
    Ok(answer)
}

/// Every combination of the stack's conditions that statements of the pair depend on.
fn stack_conditions(pair: &Pair) -> anyhow::Result<Vec<BTreeSet<&str>>> {
    let mut names = pair.old.stack_conditions();
    names.extend(pair.new.stack_conditions());
    if names.len() > MAX_STACK_CONDITIONS {
        bail!(
            "the statements depend on more than {MAX_STACK_CONDITIONS} conditions of the stack: {}",
            names.into_iter().collect::<Vec<_>>().join(", ")
        );
    }
    let names: Vec<&str> = names.into_iter().collect();
    let combinations = (0..1_usize << names.len()).map(|bits| {
        let held = names
            .iter()
            .enumerate()
            .filter(|(index, _)| bits >> index & 1 == 1);
        held.map(|(_, name)| *name).collect()
    });
    Ok(combinations.collect())
}

/// An entry of an access list.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Access {
    #[serde(default)]
    actions: Vec<String>,
    #[serde(default)]
    resources: Vec<String>,
}

/// A policy that allows everything but the list.
fn access_list(text: &str, kind: PolicyKind) -> anyhow::Result<Policy> {
    let list: Vec<Access> = serde_json::from_str(text)
        .context("an access list is `[{\"actions\": [...], \"resources\": [...]}]`")?;
    if list
        .iter()
        .any(|access| access.actions.is_empty() && access.resources.is_empty())
    {
        bail!("an entry of the access list names neither actions nor resources");
    }
    let everyone = || match kind {
        PolicyKind::Identity => None,
        _ => Some(Principals::Only(BTreeMap::from([(
            "*".to_owned(),
            vec!["*".to_owned()],
        )]))),
    };
    let statement = |effect, actions: Vec<String>, resources: Vec<String>| Statement {
        sid: None,
        effect,
        principals: everyone(),
        actions: Actions::Only(or_all(actions).into_iter().map(ActionPattern::new).collect()),
        resources: Resources::Only(or_all(resources).into_iter().map(ArnPattern::new).collect()),
        conditions: BTreeMap::new(),
    };
    let mut statements = vec![statement(Effect::Allow, Vec::new(), Vec::new())];
    statements.extend(
        list.into_iter()
            .map(|access| statement(Effect::Deny, access.actions, access.resources)),
    );
    Ok(Policy {
        kind,
        ..Policy::of(statements)
    })
}

fn or_all(list: Vec<String>) -> Vec<String> {
    match list.is_empty() {
        true => vec!["*".to_owned()],
        false => list,
    }
}
