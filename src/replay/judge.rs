//! One request against every statement: allowed, refused, or what would have to be known to tell.

use super::Side;
use super::ask::{Asked, is_told};
use super::fit::{Fit, Symbols, fit_arn, loosened, symbols};
use super::place::{Likeness, Place};
use crate::iam::arn::ArnPattern;
use crate::iam::evaluate::{Layer, Voice, concerns, layer};
use crate::iam::policy::{Effect, Policy, Resources, Statement};
use crate::iam::request::Request;
use crate::workspace::model::Stack;

/// What is said of one request, before all of them are looked at together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Judged {
    /// The statement allows it.
    Allowed { by: usize },
    /// The statement allows it if the symbols stand for this.
    AllowedIf { by: usize, symbols: Symbols },
    /// The statement denies it, or none allows it.
    Refused { by: Option<usize> },
    /// It cannot be told.
    CannotTell(String),
}

/// Whether a statement applies to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Applies {
    Yes,
    If(Symbols),
    Maybe(String),
    No,
}

/// The statements of a side with the names of one deployment.
pub(super) struct Judge<'a> {
    side: &'a Side,
    statements: Vec<Statement>,
    stack: Option<&'a Stack>,
    place: &'a Place,
}

/// Stands for what the trail does not tell of a resource: one text that only `*` covers.
const UNTOLD: &str = "${untold}";

impl<'a> Judge<'a> {
    pub(super) fn new(side: &'a Side, stack: Option<&'a Stack>, place: &'a Place) -> Self {
        let settled = side
            .statements
            .iter()
            .map(|own| place.settle(&own.statement, stack));
        Self {
            side,
            statements: settled.collect(),
            stack,
            place,
        }
    }

    /// Decides one request.
    pub(super) fn judge(&self, asked: &Asked) -> Judged {
        let mut may_deny = None;
        for (at, statement) in self.of(Effect::Deny) {
            match self.applies(at, statement, asked) {
                Applies::Yes => return Judged::Refused { by: Some(at) },
                Applies::No => {}
                Applies::If(symbols) => {
                    let (symbol, value) = symbols.into_iter().next().unwrap_or_default();
                    may_deny = Some(format!("it is denied if `${{{symbol}}}` is `{value}`"));
                }
                Applies::Maybe(why) => may_deny = Some(format!("a statement may deny it: {why}")),
            }
        }
        let mut best: Option<(usize, Symbols)> = None;
        let mut maybe = None;
        for (at, statement) in self.of(Effect::Allow) {
            match self.applies(at, statement, asked) {
                Applies::Yes => {
                    best = Some((at, Symbols::new()));
                    break;
                }
                Applies::If(symbols) => {
                    if best.as_ref().is_none_or(|(_, best)| symbols.len() < best.len()) {
                        best = Some((at, symbols));
                    }
                }
                Applies::Maybe(why) => maybe = maybe.or(Some(why)),
                Applies::No => {}
            }
        }
        match (best, may_deny, maybe) {
            (Some(_), Some(why), _) => Judged::CannotTell(why),
            (Some((by, symbols)), None, _) if symbols.is_empty() => Judged::Allowed { by },
            (Some((by, symbols)), None, _) => Judged::AllowedIf { by, symbols },
            (None, _, Some(why)) => Judged::CannotTell(why),
            (None, _, None) => Judged::Refused { by: None },
        }
    }

    /// Statements that allow the action, though not this request.
    pub(super) fn nearest(&self, asked: &Asked) -> Vec<usize> {
        let speaks =
            |(at, statement): (usize, &Statement)| concerns(statement, &asked.request.action).then_some(at);
        self.of(Effect::Allow).filter_map(speaks).collect()
    }

    fn of(&self, effect: Effect) -> impl Iterator<Item = (usize, &Statement)> {
        let all = self.statements.iter().enumerate();
        all.filter(move |(_, statement)| statement.effect == effect)
    }

    fn applies(&self, at: usize, statement: &Statement, asked: &Asked) -> Applies {
        if !concerns(statement, &asked.request.action) {
            return Applies::No;
        }
        let unknown = match conditions(statement, &asked.request) {
            Ok(unknown) => unknown,
            Err(()) => return Applies::No,
        };
        let named = self.names(statement, asked);
        if named == Applies::No {
            return named;
        }
        let condition = self.side.statements.get(at).and_then(|own| own.condition.clone());
        match (unknown, condition) {
            (Some(key), _) => Applies::Maybe(format!(
                "it depends on the condition key `{key}`, which the trail does not tell"
            )),
            (None, Some(condition)) => Applies::Maybe(format!(
                "the statement is in the stack only under its condition `{condition}`"
            )),
            (None, None) => named,
        }
    }

    /// Whether the statement names the resource.
    fn names(&self, statement: &Statement, asked: &Asked) -> Applies {
        match &statement.resources {
            Resources::Only(entries) => {
                let each = entries.iter().map(|entry| self.entry(entry, asked));
                each.min_by_key(rank).unwrap_or(Applies::No)
            }
            Resources::AllExcept(entries) => {
                let each = entries.iter().map(|entry| self.entry(entry, asked));
                match each.min_by_key(rank) {
                    Some(Applies::Yes) => Applies::No,
                    Some(Applies::If(_) | Applies::Maybe(_)) => {
                        Applies::Maybe("whether `NotResource` leaves it out is not known".to_owned())
                    }
                    Some(Applies::No) | None => Applies::Yes,
                }
            }
        }
    }

    fn entry(&self, entry: &ArnPattern, asked: &Asked) -> Applies {
        if covers(entry, asked) {
            return Applies::Yes;
        }
        if asked.request.resource == "*" && asked.whole {
            return Applies::No;
        }
        let loose = ArnPattern::new(loosened(entry.as_str()));
        if !asked.whole {
            let may = loose.intersects(&ArnPattern::new(&asked.request.resource));
            return match may {
                true => Applies::Maybe(format!("the trail does not tell which `{}` it was", asked.shown)),
                false => Applies::No,
            };
        }
        match fit_arn(entry.as_str(), &asked.request.resource) {
            Fit::No => Applies::No,
            Fit::TooHard => Applies::Maybe(format!("`{entry}` is too hard to compare")),
            Fit::If(symbols) => self.likely(symbols),
        }
    }

    /// Symbols that names settle are no assumption; those that names speak against make it no fit.
    fn likely(&self, symbols: Symbols) -> Applies {
        let mut open = Symbols::new();
        for (symbol, value) in symbols {
            // A policy variable such as `${aws:PrincipalTag/team}`: the trail does not tell its value.
            let is_variable = symbol.contains(':') && !symbol.starts_with("AWS::");
            if is_variable {
                return Applies::Maybe(format!(
                    "it depends on the policy variable `${{{symbol}}}`, which the trail does not tell"
                ));
            }
            match self.place.likeness(&symbol, &value, self.stack) {
                Likeness::Recognised => {}
                Likeness::Possible => {
                    open.insert(symbol, value);
                }
                Likeness::Other => return Applies::No,
            }
        }
        match open.is_empty() {
            true => Applies::Yes,
            false => Applies::If(open),
        }
    }
}

/// The surer, the smaller.
fn rank(applies: &Applies) -> (u8, usize) {
    match applies {
        Applies::Yes => (0, 0),
        Applies::If(symbols) => (1, symbols.len()),
        Applies::Maybe(_) => (2, 0),
        Applies::No => (3, 0),
    }
}

/// Whether an entry names the resource for sure, as IAM decides it.
fn covers(entry: &ArnPattern, asked: &Asked) -> bool {
    let statement = Statement {
        resources: Resources::Only(vec![entry.clone()]),
        ..anything()
    };
    let mut request = asked.request.clone();
    if !asked.whole {
        request.resource = request.resource.replace('*', UNTOLD);
        if request.resource == UNTOLD {
            return entry.is_any();
        }
    }
    speaks(&statement, &request)
}

/// Whether the conditions hold as far as the trail tells; with a key that it does not tell.
fn conditions(statement: &Statement, request: &Request) -> Result<Option<String>, ()> {
    let mut told = Statement {
        conditions: statement.conditions.clone(),
        ..anything()
    };
    let mut unknown = None;
    for keys in told.conditions.values_mut() {
        keys.retain(|key, values| {
            let symbolic = values.iter().any(|value| !symbols(value).is_empty());
            let known = is_told(key, request) && !symbolic;
            if !known && unknown.is_none() {
                unknown = Some(key.clone());
            }
            known
        });
    }
    told.conditions.retain(|_, keys| !keys.is_empty());
    speaks(&told, request).then_some(unknown).ok_or(())
}

/// A statement that allows everything.
fn anything() -> Statement {
    Statement {
        sid: None,
        effect: Effect::Allow,
        principals: None,
        actions: crate::iam::policy::Actions::Only(vec![crate::iam::action::ActionPattern::new("*")]),
        resources: Resources::Only(vec![ArnPattern::any()]),
        conditions: crate::iam::policy::Conditions::new(),
    }
}

fn speaks(statement: &Statement, request: &Request) -> bool {
    let policy = Policy::of(vec![statement.clone()]);
    layer(request, Layer::Identity, &[policy]) != Voice::Silent
}
