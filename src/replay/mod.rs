//! Puts requests that were recorded to policies, and tells which of them the policies would refuse.
//!
//! 1. [`ask`]: what the trail saw → requests: actions by the catalogue, the recorded resources, the known context.
//! 2. [`place`]: the policies' symbols → the names of the deployment that was recorded, as far as names tell.
//! 3. [`judge`]: each request against each statement, through [`crate::iam::evaluate`].
//!
//! What is not known is said: a request whose resource the trail does not tell, a condition on something that CloudTrail
//! does not record, a symbol that nothing settles. Such a request is neither passed nor refused.

mod ask;
mod fit;
mod judge;
mod place;
#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use crate::catalog::Catalog;
use crate::iam::policy::Statement;
use crate::trail::denial::Denial;
use crate::trail::{Class, Observation, Platform};
use crate::usage::{Location, OperationId};
use crate::workspace::model::{Function, Stack};

use ask::Asked;
use judge::{Judge, Judged};
use place::Place;

/// The policies that requests are put to: all that one function's role carries.
#[derive(Clone, Debug, Default)]
pub struct Side {
    /// Every statement.
    pub statements: Vec<SideStatement>,
    /// Why the role may allow more than the statements say; a refusal is not sure then.
    pub unread: Vec<String>,
}

/// A statement and where it stands.
#[derive(Clone, Debug)]
pub struct SideStatement {
    /// The statement; resources may be symbolic.
    pub statement: Statement,
    /// The place to edit.
    pub location: Option<Location>,
    /// The policy's name, or its file.
    pub policy: String,
    /// A condition of the stack that decides whether the statement is there.
    pub condition: Option<String>,
}

/// What came of calls when they were recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// Some went through.
    WentThrough,
    /// All failed, though not for lack of permission.
    Failed,
    /// They were refused, for the reason that AWS gives.
    Refused(Denial),
}

impl Recorded {
    /// `went-through`, `failed` or `refused`.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::WentThrough => "went-through",
            Self::Failed => "failed",
            Self::Refused(_) => "refused",
        }
    }
}

/// What the policies say of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// They allow it.
    Allowed {
        /// The position of the statement that does.
        by: usize,
        /// What has to be so: `${AuditKey}` is the key that was recorded.
        assuming: Vec<String>,
    },
    /// They do not.
    Refused {
        /// The position of the statement that denies it; `None` where none allows it.
        by: Option<usize>,
        /// Positions of statements that allow the action elsewhere or otherwise.
        nearest: Vec<usize>,
    },
    /// It cannot be told, for this reason.
    CannotTell(String),
}

impl Verdict {
    /// `allowed`, `refused` or `cannot-tell`.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Allowed { .. } => "allowed",
            Self::Refused { .. } => "refused",
            Self::CannotTell(_) => "cannot-tell",
        }
    }
}

/// Requests of one kind with what the policies say of them: one action of one observation, and all its resources of
/// which the same is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The name under which the function was recorded.
    pub deployed: Option<String>,
    /// The operation; `None` when the catalogue knows none.
    pub operation: Option<OperationId>,
    /// As recorded, such as `dynamodb.amazonaws.com`.
    pub event_source: String,
    /// As recorded, such as `PutItem`.
    pub event_name: String,
    /// `function`, `forward-access`, `lambda` or `event-source`: who made the call with the role.
    pub caller: &'static str,
    /// The action that was judged; `None` when it is not known.
    pub action: Option<String>,
    /// The resources, sorted; `*` for an action that takes none, and as part of one that the trail does not tell whole.
    pub resources: Vec<String>,
    /// The region of the calls.
    pub region: String,
    /// What is known of the circumstances, by condition key.
    pub context: BTreeMap<String, Vec<String>>,
    /// How many calls the observation is made of.
    pub calls: u64,
    /// Whether that is an estimate.
    pub estimated: bool,
    /// Time of the first.
    pub first: String,
    /// Time of the last.
    pub last: String,
    /// Ids of some of the events.
    pub events: Vec<String>,
    /// What came of the calls.
    pub recorded: Recorded,
    /// For refused calls: whether the action that AWS names is one that the catalogue expects of the operation.
    pub expected: Option<bool>,
    /// What the policies say.
    pub verdict: Verdict,
}

/// Puts what the trail saw of a function to policies.
pub fn replay(
    catalog: &Catalog,
    function: &Function,
    stack: Option<&Stack>,
    side: &Side,
    observations: &[&Observation],
) -> Vec<Answer> {
    let mut by_place: BTreeMap<(&str, Option<&str>), Vec<&Observation>> = BTreeMap::new();
    // What an endpoint of a network saw names no resource, and is there once more where the trail records the call.
    let of_network = |class: &Class| match class {
        Class::Denied { caller, .. } => **caller == Class::Network,
        class => *class == Class::Network,
    };
    for observation in observations
        .iter()
        .filter(|observation| !of_network(&observation.class))
    {
        let key = (observation.account.as_str(), observation.function.as_deref());
        by_place.entry(key).or_default().push(observation);
    }
    let mut answers = Vec::new();
    for of_place in by_place.into_values() {
        let place = Place::of(function, stack, &of_place);
        let judge = Judge::new(side, stack, &place);
        let judged: Vec<(&Observation, Question, Judged)> = of_place
            .iter()
            .flat_map(|observation| questions(catalog, function, &place, observation))
            .map(|(observation, question)| {
                let judged = question.judge(&judge);
                (observation, question, judged)
            })
            .collect();
        let bound = bound(judged.iter().map(|(.., judged)| judged));
        answers.extend(answers_of(judged, &bound, side, &judge));
    }
    answers.sort_by(|a, b| key(a).cmp(&key(b)));
    answers
}

fn key(answer: &Answer) -> impl Ord + '_ {
    let of = |answer: &Answer| {
        let order = match answer.verdict {
            Verdict::Refused { .. } => 0,
            Verdict::CannotTell(_) => 1,
            Verdict::Allowed { .. } => 2,
        };
        let late = matches!(answer.recorded, Recorded::Refused(_));
        (late, order)
    };
    (
        of(answer),
        answer.action.as_deref(),
        answer.resources.as_slice(),
        answer.caller,
        answer.deployed.as_deref(),
        answer.region.as_str(),
        answer.event_name.as_str(),
        answer.first.as_str(),
        answer.events.as_slice(),
    )
}

/// One request, or why there is none.
struct Question {
    asked: Result<Asked, String>,
    expected: Option<bool>,
}

impl Question {
    fn judge(&self, judge: &Judge<'_>) -> Judged {
        match &self.asked {
            Ok(asked) => judge.judge(asked),
            Err(why) => Judged::CannotTell(why.clone()),
        }
    }
}

fn questions<'o>(
    catalog: &Catalog,
    function: &Function,
    place: &Place,
    observation: &'o Observation,
) -> Vec<(&'o Observation, Question)> {
    let found = match ask::ask(catalog, function, place, observation) {
        Ok(found) => found,
        Err(why) => {
            let question = Question {
                asked: Err(why),
                expected: None,
            };
            return vec![(observation, question)];
        }
    };
    let expected = found.expected;
    let each = found.requests.into_iter().map(|asked| Question {
        asked: Ok(asked),
        expected,
    });
    each.map(|question| (observation, question)).collect()
}

/// Symbol → what it has to be for requests to be allowed.
type Bound = BTreeMap<String, BTreeSet<String>>;

fn bound<'j>(judged: impl Iterator<Item = &'j Judged>) -> Bound {
    let mut bound = Bound::new();
    for one in judged {
        if let Judged::AllowedIf { symbols, .. } = one {
            for (symbol, value) in symbols {
                bound.entry(symbol.clone()).or_default().insert(value.clone());
            }
        }
    }
    bound
}

/// Requests of the same observation and action of which the same is said become one answer.
fn answers_of(
    judged: Vec<(&Observation, Question, Judged)>,
    bound: &Bound,
    side: &Side,
    judge: &Judge<'_>,
) -> Vec<Answer> {
    let mut answers: Vec<(&Observation, Answer)> = Vec::new();
    for (observation, question, judged) in judged {
        let verdict = verdict(judged, bound, &question, side, judge, observation);
        let answer = answer(observation, question, verdict);
        let same = answers.iter_mut().rev().find(|(other, present)| {
            std::ptr::eq(*other, observation)
                && present.action == answer.action
                && present.verdict == answer.verdict
                && present.context == answer.context
        });
        match same {
            Some((_, present)) => {
                present.resources.extend(answer.resources);
                present.resources.sort();
                present.resources.dedup();
            }
            None => answers.push((observation, answer)),
        }
    }
    answers.into_iter().map(|(_, answer)| answer).collect()
}

fn verdict(
    judged: Judged,
    bound: &Bound,
    question: &Question,
    side: &Side,
    judge: &Judge<'_>,
    observation: &Observation,
) -> Verdict {
    match judged {
        Judged::Allowed { by } => Verdict::Allowed {
            by,
            assuming: Vec::new(),
        },
        Judged::AllowedIf { by, symbols } => {
            let torn = symbols
                .keys()
                .find(|symbol| bound.get(*symbol).is_some_and(|values| values.len() > 1));
            let said = |(symbol, value): (&String, &String)| format!("`${{{symbol}}}` is `{value}`");
            match torn {
                Some(symbol) => Verdict::CannotTell(format!(
                    "it passes if `${{{symbol}}}` is this one; other requests need it to be another"
                )),
                None => Verdict::Allowed {
                    by,
                    assuming: symbols.iter().map(said).collect(),
                },
            }
        }
        Judged::CannotTell(why) => Verdict::CannotTell(why),
        Judged::Refused { by } => {
            let asked = question.asked.as_ref().ok();
            let unsure = asked.and_then(|asked| asked.only_if.clone());
            if by.is_none() {
                if let Some(why) = side.unread.first() {
                    return Verdict::CannotTell(why.clone());
                }
                if let Some(why) = unsure {
                    return Verdict::CannotTell(why);
                }
                if observation.class == Class::Platform(Platform::Environment) {
                    let why = "Lambda decrypts the environment: the role needs the right only where a customer key encrypts it";
                    return Verdict::CannotTell(why.to_owned());
                }
            }
            Verdict::Refused {
                by,
                nearest: asked.map(|asked| judge.nearest(asked)).unwrap_or_default(),
            }
        }
    }
}

fn answer(observation: &Observation, question: Question, verdict: Verdict) -> Answer {
    let (action, resources, context) = match question.asked {
        Ok(asked) => (
            Some(asked.request.action.clone()),
            vec![asked.shown],
            ask::shown(&asked.request.context),
        ),
        Err(_) => (None, Vec::new(), BTreeMap::new()),
    };
    let caller = match &observation.class {
        Class::Denied { caller, .. } => caller_of(caller),
        class => caller_of(class),
    };
    let recorded = match &observation.class {
        Class::Denied { denial, .. } => Recorded::Refused(denial.clone()),
        _ if observation.error_only => Recorded::Failed,
        _ => Recorded::WentThrough,
    };
    Answer {
        deployed: observation.function.clone(),
        operation: observation.operation.clone(),
        event_source: observation.event_source.clone(),
        event_name: observation.event_name.clone(),
        caller,
        action,
        resources,
        region: observation.region.clone(),
        context,
        calls: observation.count,
        estimated: observation.estimated,
        first: observation.first.clone(),
        last: observation.last.clone(),
        events: observation.samples.clone(),
        recorded,
        expected: question.expected,
        verdict,
    }
}

fn caller_of(class: &Class) -> &'static str {
    match class {
        Class::Call | Class::Network | Class::Denied { .. } => "function",
        Class::ForwardAccess { .. } => "forward-access",
        Class::Platform(_) => "lambda",
        Class::Poller => "event-source",
    }
}
