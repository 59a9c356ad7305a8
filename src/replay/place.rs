//! Where the recorded function is deployed, and which names its stack's symbols have there.

use std::collections::BTreeMap;

use super::fit::{Fit, Symbols, fit, symbols};
use crate::iam::arn::ArnPattern;
use crate::iam::policy::{Resources, Statement};
use crate::synth::recognise;
use crate::trail::{Class, Observation, Platform};
use crate::workspace::model::{Function, RefValue, Stack};

/// One deployment of a function, as the trail shows it.
#[derive(Clone, Debug, Default)]
pub(super) struct Place {
    partition: Option<String>,
    region: Option<String>,
    account: String,
    /// The stack's name, where names that CloudFormation made tell it.
    stack_name: Option<String>,
    /// Parameters of the stack, as far as recorded names tell them.
    known: Symbols,
}

/// How sure it is that a symbol stands for a recorded text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Likeness {
    /// Names say so.
    Recognised,
    /// Nothing speaks against it.
    Possible,
    /// Names speak against it.
    Other,
}

impl Place {
    /// Reads the deployment off observations of one account and deployed name.
    pub(super) fn of(function: &Function, stack: Option<&Stack>, observations: &[&Observation]) -> Self {
        let mut place = Self {
            region: home(observations),
            account: observations
                .first()
                .map(|observation| observation.account.clone())
                .unwrap_or_default(),
            ..Self::default()
        };
        if let Some(stated) = stack.and_then(|stack| stack.place.as_ref()) {
            place.partition = Some(stated.partition.clone());
            place.region = Some(stated.region.clone());
        }
        for observation in observations {
            if let Some(name) = &observation.function {
                place.learn(&function.deployed_name, name);
            }
            if let Some(role) = &function.role {
                place.learn(&format!("${{{}}}", role.id), &observation.role_name);
            }
        }
        if let Some(name) = place.stack_name.clone() {
            place.known.insert("AWS::StackName".to_owned(), name);
        }
        place
    }

    /// Learns from a name that the stack writes with one symbol: a parameter, or an id in a name that CloudFormation made.
    fn learn(&mut self, written: &str, recorded: &str) {
        let found = symbols(written);
        let [symbol] = found.as_slice() else {
            return;
        };
        if written == format!("${{{symbol}}}") {
            let end = recorded.find(&format!("-{symbol}-"));
            if let Some(name) = end.and_then(|end| recorded.get(..end)) {
                self.stack_name.get_or_insert_with(|| name.to_owned());
            }
        } else if let Fit::If(found) = fit(written, recorded) {
            for (symbol, value) in found {
                self.known.entry(symbol).or_insert(value);
            }
        }
    }

    /// The function's region, where it is known.
    pub(super) fn region(&self) -> Option<&str> {
        self.region.as_deref()
    }

    /// The partition of a region.
    pub(super) fn partition(&self, region: &str) -> &str {
        match &self.partition {
            Some(partition) => partition,
            None if region.starts_with("cn-") => "aws-cn",
            None if region.starts_with("us-gov-") => "aws-us-gov",
            None => "aws",
        }
    }

    /// A text with the account, and the region of a recorded call, in place of their symbols.
    pub(super) fn spelled(&self, text: &str, region: &str) -> String {
        text.replace("${AWS::Partition}", self.partition(region))
            .replace("${AWS::Region}", region)
            .replace("${AWS::AccountId}", &self.account)
    }

    /// A text of a policy with what is known in place of symbols.
    fn filled(&self, text: &str) -> String {
        let region = self.region().unwrap_or("${AWS::Region}");
        let suffix = if region.starts_with("cn-") {
            "amazonaws.com.cn"
        } else {
            "amazonaws.com"
        };
        let text = self.spelled(text, region).replace("${AWS::URLSuffix}", suffix);
        self.known.iter().fold(text, |text, (symbol, value)| {
            text.replace(&format!("${{{symbol}}}"), value)
        })
    }

    /// A resource as the policy names it here: by the names that the template gives, and by the stack's symbol where
    /// those names are made at deployment.
    pub(super) fn named(&self, resource: &str, stack: Option<&Stack>) -> String {
        match stack {
            // The ARN of a parameter leaves out the slash that its name begins with.
            Some(stack) => self
                .filled(&stack.physical_arn(resource))
                .replace(":parameter//", ":parameter/"),
            None => self.filled(resource),
        }
    }

    /// A statement with the names of this deployment.
    pub(super) fn settle(&self, statement: &Statement, stack: Option<&Stack>) -> Statement {
        let mut settled = statement.clone();
        let (Resources::Only(resources) | Resources::AllExcept(resources)) = &mut settled.resources;
        for resource in resources {
            *resource = ArnPattern::new(self.named(resource.as_str(), stack));
        }
        let conditions = settled.conditions.values_mut();
        for value in conditions.flat_map(|keys| keys.values_mut()).flatten() {
            *value = self.named(value, stack);
        }
        settled
    }

    /// Whether a symbol that is left in a policy can stand for a recorded text.
    pub(super) fn likeness(&self, symbol: &str, value: &str, stack: Option<&Stack>) -> Likeness {
        let resource = stack.and_then(|stack| stack.resources.get(symbol));
        let Some(resource) = resource else {
            return Likeness::Possible;
        };
        if resource.ref_returns == RefValue::Id && resource.physical_name.is_none() {
            return Likeness::Possible;
        }
        if !recognise::deployed_name_fits(value, resource) {
            return Likeness::Other;
        }
        let (value, id) = (value.to_ascii_lowercase(), symbol.to_ascii_lowercase());
        match &self.stack_name {
            // Secrets and some others are named without the stack.
            _ if value.starts_with(&id) => Likeness::Recognised,
            Some(stack) if value.starts_with(&format!("{}-", stack.to_ascii_lowercase())) => {
                Likeness::Recognised
            }
            Some(_) => Likeness::Other,
            None => Likeness::Possible,
        }
    }
}

/// The region where the function runs: that of Lambda's own calls, else the one of most calls.
fn home(observations: &[&Observation]) -> Option<String> {
    let mut votes: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for observation in observations {
        let own = matches!(
            observation.class,
            Class::Poller | Class::Platform(Platform::Logs | Platform::Environment)
        );
        let (sure, all) = votes.entry(observation.region.as_str()).or_default();
        *sure += if own { observation.count } else { 0 };
        *all += observation.count;
    }
    votes
        .into_iter()
        .filter(|(region, _)| !region.is_empty())
        .max_by_key(|(region, votes)| (*votes, std::cmp::Reverse(*region)))
        .map(|(region, _)| region.to_owned())
}
