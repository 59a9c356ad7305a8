//! Policy templates (`policy-templates/`): what no code shows, as data: runtime needs, event sources, SAM's templates.
//!
//! A file is TOML, read strictly ([`parse`]): an unknown key is an error with its place and a suggestion. The built-in
//! ones are embedded ([`templates`]), a user's folders stand above them ([`TemplateSet`]). All carry their own tests
//! ([`Template::failed_tests`]) and can be looked through for what is wrong ([`Placed::complaints`]).
//! [`Template::instantiate`] puts values in the place of parameters; which values, and whether [`When`] holds, is for the
//! caller to say.

mod builtin;
mod connector;
mod format;
mod lint;
mod parse;
mod set;

use std::collections::BTreeMap;
use std::sync::OnceLock;

use crate::iam::action::ActionPattern;
use crate::iam::arn::ArnPattern;
use crate::iam::policy::{Actions, Effect, Resources, Statement};

pub use connector::{Connector, ConnectorStatement, Grants, connector};
pub use format::{
    ExpectedStatement, Kind, Origin, Param, Template, TemplateEffect, TemplateStatement, TemplateTest, When,
    WrapperCall, WrapperResource,
};
pub use parse::{OneOrMore, TemplateError, parse};
pub use set::{Placed, TemplateSet};

/// Values of parameters by name; a parameter with several values makes a resource of each.
pub type Arguments = BTreeMap<String, Vec<String>>;

/// The built-in templates, sorted by id.
pub fn templates() -> &'static [Template] {
    static TEMPLATES: OnceLock<Vec<Template>> = OnceLock::new();
    TEMPLATES.get_or_init(|| {
        // `tests::every_built_in_template_is_valid` keeps this from ever leaving one out.
        let mut all: Vec<Template> = builtin::FILES
            .iter()
            .filter_map(|(file, text)| parse(file, text).ok())
            .collect();
        all.sort_by(|one, other| one.id.cmp(&other.id));
        all
    })
}

/// The built-in template with that id.
pub fn template(id: &str) -> Option<&'static Template> {
    templates().iter().find(|template| template.id == id)
}

/// A required parameter without a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("policy template `{template}` needs a value for `{parameter}`")]
pub struct MissingParameter {
    /// Id of the template.
    pub template: String,
    /// The parameter.
    pub parameter: String,
}

impl Template {
    /// The statements with values in the place of parameters.
    ///
    /// Statements whose `if` does not hold, and those that need an optional parameter without a value, are left out.
    ///
    /// # Errors
    /// When a required parameter has no value.
    pub fn instantiate(&self, arguments: &Arguments) -> Result<Vec<Statement>, MissingParameter> {
        let mut known = standard_arguments();
        for (name, param) in &self.params {
            if let Some(default) = &param.default {
                let values = fill(default, &known);
                known.insert(name.clone(), values);
            }
        }
        let given = arguments.iter().filter(|(_, values)| !values.is_empty());
        known.extend(given.map(|(name, values)| (name.clone(), values.clone())));
        for (name, param) in &self.params {
            if !param.optional && !known.contains_key(name) {
                return Err(MissingParameter {
                    template: self.id.clone(),
                    parameter: name.clone(),
                });
            }
        }
        Ok(self
            .statements
            .iter()
            .filter(|statement| statement.applies(&known))
            .filter_map(|statement| statement.instantiate(self.effect, &known))
            .collect())
    }

    /// Descriptions of the tests of this template that fail: what came out otherwise than expected.
    pub fn failed_tests(&self) -> Vec<String> {
        let failures = self.tests.iter().enumerate().filter_map(|(index, test)| {
            let found = match self.instantiate(&test.arguments()) {
                Ok(statements) => statements,
                Err(error) => return Some(format!("{}: test {}: {error}", self.id, index + 1)),
            };
            let found: Vec<_> = found.iter().map(plain).collect();
            let expected: Vec<_> = test.expect.iter().map(ExpectedStatement::plain).collect();
            (found != expected).then(|| {
                format!(
                    "{}: test {}: expected but not made: {}; made but not expected: {}",
                    self.id,
                    index + 1,
                    only_in(&expected, &found),
                    only_in(&found, &expected)
                )
            })
        });
        failures.collect()
    }
}

impl TemplateTest {
    /// The values that the test gives.
    fn arguments(&self) -> Arguments {
        self.given
            .iter()
            .map(|(name, values)| (name.clone(), values.to_vec()))
            .collect()
    }
}

/// The statements that one list has and the other has not, in words.
fn only_in(one: &[Plain<'_>], other: &[Plain<'_>]) -> String {
    let missing = one.iter().filter(|statement| !other.contains(statement));
    let shown: Vec<String> = missing
        .map(|(actions, resources)| format!("{} on {}", actions.join(" "), resources.join(" ")))
        .collect();
    if shown.is_empty() {
        "nothing".to_owned()
    } else {
        shown.join("; ")
    }
}

/// What every template may use: the stack's own partition, region and account, and the function's name.
fn standard_arguments() -> Arguments {
    [
        ("partition", "${AWS::Partition}"),
        ("region", "${AWS::Region}"),
        ("account", "${AWS::AccountId}"),
        ("function.name", "${function.name}"),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), vec![value.to_owned()]))
    .collect()
}

/// Actions and resources of a statement, sorted.
type Plain<'a> = (Vec<&'a str>, Vec<&'a str>);

fn plain(statement: &Statement) -> Plain<'_> {
    let (Actions::Only(actions) | Actions::AllExcept(actions)) = &statement.actions;
    let (Resources::Only(resources) | Resources::AllExcept(resources)) = &statement.resources;
    let mut actions: Vec<&str> = actions.iter().map(ActionPattern::as_str).collect();
    let mut resources: Vec<&str> = resources.iter().map(ArnPattern::as_str).collect();
    actions.sort_unstable();
    resources.sort_unstable();
    (actions, resources)
}

impl ExpectedStatement {
    fn plain(&self) -> Plain<'_> {
        let mut actions: Vec<&str> = self.actions.iter().map(String::as_str).collect();
        let mut resources: Vec<&str> = self.resources.iter().map(String::as_str).collect();
        actions.sort_unstable();
        resources.sort_unstable();
        (actions, resources)
    }
}

impl TemplateStatement {
    fn applies(&self, known: &Arguments) -> bool {
        match self.only_if.as_deref() {
            None => true,
            Some(name) => match name.strip_prefix('!') {
                Some(name) => !known.contains_key(name),
                None => known.contains_key(name),
            },
        }
    }

    /// `None` when every resource needs an optional parameter without a value.
    fn instantiate(&self, effect: TemplateEffect, known: &Arguments) -> Option<Statement> {
        let resources: Vec<ArnPattern> = self
            .resources
            .iter()
            .flat_map(|text| fill(text, known))
            .map(ArnPattern::new)
            .collect();
        if resources.is_empty() {
            return None;
        }
        let conditions = self
            .condition
            .iter()
            .map(|(operator, keys)| {
                let keys = keys
                    .iter()
                    .map(|(key, values)| {
                        let values = values.to_vec();
                        let values = values.iter().flat_map(|value| fill(value, known)).collect();
                        (key.clone(), values)
                    })
                    .collect();
                (operator.clone(), keys)
            })
            .collect();
        Some(Statement {
            sid: self.sid.clone(),
            effect: match effect {
                TemplateEffect::Allow => Effect::Allow,
                TemplateEffect::Deny => Effect::Deny,
            },
            principals: None,
            actions: Actions::Only(self.actions.iter().map(ActionPattern::new).collect()),
            resources: Resources::Only(resources),
            conditions,
        })
    }
}

/// The text once for each combination of its parameters' values; none when one has no value. A `${…}` that is no
/// parameter (an IAM policy variable) stays.
fn fill(text: &str, known: &Arguments) -> Vec<String> {
    let mut filled = vec![String::new()];
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let (name, tail) = after.split_once('}').unwrap_or((after, ""));
        let values: Vec<String> = match known.get(name) {
            Some(values) => values.clone(),
            None if name.contains(':') => vec![format!("${{{name}}}")],
            None => return Vec::new(),
        };
        filled = filled
            .iter()
            .flat_map(|start| values.iter().map(move |value| format!("{start}{before}{value}")))
            .collect();
        rest = tail;
    }
    filled.iter().map(|start| format!("{start}{rest}")).collect()
}

#[cfg(test)]
#[path = "template/tests.rs"]
mod tests;
