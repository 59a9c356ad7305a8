//! Containment: does one set of policies allow anything that another does not? A proof, or a request as witness.
//!
//! `new ⊆ old` fails exactly when there is a request with `NA ∧ ¬ND ∧ (¬OA ∨ OD)`: allowed and not denied by the new
//! side, and not allowed or denied by the old one. Callers, actions, resources and values of condition keys fall into
//! finitely many classes that the texts of both sides tell apart; the engine looks at one request of each combination
//! that can matter. Nothing is sampled, and work is bounded by a counter, so that the same question has the same answer
//! on every machine.
//!
//! Phases: what both sides say alike cancels ([`unit`]); callers ([`principal`]) and actions ([`action`]) say which
//! units concern a request; resources ([`resource`]) say which apply; conditions ([`clause`], [`key`]) are covered in
//! [`search`]; below them the joint walk over wildcard patterns ([`joint`]). What is found is put to
//! [`super::evaluate`], which shares no matching code with this module ([`confirm`]).
//! `docs/semantics.md` says what is decided and what is not.

mod action;
mod bits;
mod budget;
mod clause;
mod confirm;
mod joint;
mod key;
mod principal;
mod residual;
mod resource;
mod scale;
mod search;
mod template;
mod unit;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use super::policy::{Effect, Policy};
use super::request::Request;
use budget::Budget;
use confirm::Court;
use search::Search;
use unit::{Side, units};

pub use action::{KnownActions, Universe};
pub use residual::{Residual, ResidualLine, ResidualResource, residual};
pub use unit::StatementRef;

/// How to ask.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a> {
    /// Which actions there are.
    pub universe: Universe<'a>,
    /// Work that may be spent, in steps of about a nanosecond.
    pub budget: u64,
    /// Whether what both sides say alike is cancelled first. Without it the whole proof is carried out; the answer is
    /// the same unless the budget runs out.
    pub cancel: bool,
    /// Real actions, to name one in the witness where it makes no difference; they do not change the verdict.
    pub names: Option<&'a KnownActions>,
}

impl Default for Options<'_> {
    fn default() -> Self {
        Self {
            universe: Universe::Open,
            budget: 200_000_000,
            cancel: true,
            names: None,
        }
    }
}

/// Why the old side does not allow the witness.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum OldSide {
    /// No statement allows it.
    Silent,
    /// This statement denies it.
    Denies(StatementRef),
}

/// A request that the new side allows and the old side does not, confirmed by [`super::evaluate`] on both sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Witness {
    /// The request.
    pub request: Request,
    /// The statement of the new side that allows it.
    pub allowed_by: StatementRef,
    /// What the old side says.
    pub old: OldSide,
    /// What the symbols of the stack (`${OrdersTable}`) were taken to be.
    pub symbols: BTreeMap<String, String>,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Proved: every request that the new side allows, the old side allows too.
    NoNewAccess,
    /// The new side allows more: this request.
    NewAccess(Box<Witness>),
    /// Not decided.
    Unproven {
        /// Why not.
        reason: String,
    },
}

impl Verdict {
    /// The word of the machine interfaces.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::NoNewAccess => "no-new-access",
            Self::NewAccess(_) => "new-access",
            Self::Unproven { .. } => "unproven",
        }
    }
}

/// Candidates that may fail to be confirmed before the search gives up.
const MAX_DOUBTS: usize = 64;

/// Whether `new` allows anything that `old` does not. Both are all the policies of one layer: the identity policies of a
/// role, or the policy of a resource, or the trust policy of a role. Their kind is that of the first policy.
pub fn contain(new: &[Policy], old: &[Policy], options: &Options<'_>) -> Verdict {
    let kind = new
        .iter()
        .chain(old)
        .map(|policy| policy.kind)
        .next()
        .unwrap_or_default();
    let units = units(new, old, options.cancel);
    if let Some(reason) = undecidable(&units) {
        return Verdict::Unproven { reason };
    }
    let adds = |unit: &unit::Unit| unit.frame.side == Side::New && unit.frame.effect == Effect::Allow;
    if !units.iter().any(adds) {
        return Verdict::NoNewAccess;
    }
    let court = Court::new(new, old, kind);
    let mut budget = Budget::new(options.budget);
    let mut doubt: Option<String> = None;
    let mut doubts = 0;
    let mut search = Search::new(&units, kind, options.universe);
    let found = search.run(&mut budget, &mut |candidate| match court.confirm(candidate) {
        Some(witness) => ControlFlow::Break(Some((witness, candidate.clone()))),
        None => {
            doubts += 1;
            if doubt.is_none() || candidate.sure {
                doubt = Some(doubtful(candidate));
            }
            match doubts >= MAX_DOUBTS {
                true => ControlFlow::Break(None),
                false => ControlFlow::Continue(()),
            }
        }
    });
    match (found, doubt) {
        (Ok(Some(Some((witness, candidate)))), _) => {
            let named = options
                .names
                .and_then(|names| search.known_like(&candidate.action, names));
            let renamed = named.and_then(|action| court.confirm(&search::Candidate { action, ..candidate }));
            Verdict::NewAccess(Box::new(renamed.unwrap_or(witness)))
        }
        (_, Some(reason)) => Verdict::Unproven { reason },
        (Ok(_), None) => match open_principals(&units) {
            Some(reason) => Verdict::Unproven { reason },
            None => Verdict::NoNewAccess,
        },
        (Err(_), None) => Verdict::Unproven {
            reason: "the policies are too intricate: the budget of the proof ran out".to_owned(),
        },
    }
}

fn doubtful(candidate: &search::Candidate<'_>) -> String {
    let what = format!("`{}` on `{}`", candidate.action, candidate.resource);
    match candidate.sure {
        true => format!("containment and evaluation disagree about {what}; please report this as a bug"),
        false => format!(
            "whether the old side covers {what} depends on what a `${{…}}`, a short ARN, a `NotPrincipal` or a condition's value stands for"
        ),
    }
}

/// What the engine does not decide at all.
fn undecidable(units: &[unit::Unit]) -> Option<String> {
    let principals = || units.iter().filter_map(|unit| unit.frame.principals.as_ref());
    if principals().any(principal::has_wildcard) {
        return Some(
            "a principal has a wildcard in its name, which the policy language does not settle".to_owned(),
        );
    }
    if units
        .iter()
        .any(|unit| unit.actions.iter().any(|action| action.contains("${")))
    {
        return Some("which action a name with `${…}` stands for depends on the deployment".to_owned());
    }
    principals()
        .any(principal::is_open_form)
        .then(|| "what kind of principal a name with `${…}` stands for depends on the deployment".to_owned())
}

/// Symbols in principals are taken to be different from every other principal, which proves nothing where the old side
/// denies.
fn open_principals(units: &[unit::Unit]) -> Option<String> {
    let symbolic = units
        .iter()
        .filter_map(|unit| unit.frame.principals.as_ref())
        .any(principal::has_symbol);
    let denies = units
        .iter()
        .any(|unit| unit.frame.side == Side::Old && unit.frame.effect == Effect::Deny);
    (symbolic && denies).then(|| "the old side denies, and a principal depends on the deployment".to_owned())
}
