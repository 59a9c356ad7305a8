//! Policy templates (`policy-templates/`): what no code shows, as data: runtime needs, event sources, SAM's templates.
//!
//! A file is TOML, read strictly ([`parse`]): an unknown key is an error with its place and a suggestion. The built-in
//! ones are embedded ([`templates`]) and carry their own tests ([`Template::failed_tests`]). [`Template::instantiate`]
//! puts values in the place of parameters; which values, and whether [`When`] holds, is for the caller to say.

mod builtin;
mod connector;
mod parse;

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde::Deserialize;

use crate::iam::action::ActionPattern;
use crate::iam::arn::ArnPattern;
use crate::iam::policy::{Actions, Effect, Resources, Statement};

pub use connector::{Connector, ConnectorStatement, Grants, connector};
pub use parse::{TemplateError, parse};

/// Values of parameters by name; a parameter with several values makes a resource of each.
pub type Arguments = BTreeMap<String, Vec<String>>;

/// A policy template.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Template {
    /// Version of the format, 1.
    pub schema: u32,
    /// Its name, such as `event-source/sqs`.
    pub id: String,
    /// What it is for.
    pub kind: Kind,
    /// What it is, in a few words.
    pub title: String,
    /// Page of AWS that says so.
    pub docs: Option<String>,
    /// Whether its statements allow or deny; `Allow` if not written.
    #[serde(default)]
    pub effect: TemplateEffect,
    /// The managed policy it was made from.
    pub origin: Option<Origin>,
    /// When it applies; every key that is set must hold.
    #[serde(default)]
    pub when: When,
    /// Its parameters.
    #[serde(default)]
    pub params: BTreeMap<String, Param>,
    /// Its statements.
    #[serde(default, rename = "statement")]
    pub statements: Vec<TemplateStatement>,
    /// Its tests.
    #[serde(default, rename = "test")]
    pub tests: Vec<TemplateTest>,
    /// Kind `wrapper`: the crate whose calls use the SDK.
    #[serde(rename = "crate")]
    pub crate_name: Option<String>,
    /// Kind `wrapper`: versions of the crate it was checked with.
    pub versions: Option<String>,
    /// Kind `wrapper`: what its calls do.
    #[serde(default, rename = "call")]
    pub calls: Vec<WrapperCall>,
}

/// What a template is for.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// What Lambda itself does with the execution role.
    Runtime,
    /// What every function gets.
    Baseline,
    /// A grant that a stack template names, such as a SAM policy template.
    Grant,
    /// A crate that calls the SDK for its user.
    Wrapper,
    /// A denial that protects.
    Guard,
}

/// [`Effect`] as a template writes it.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
pub enum TemplateEffect {
    /// `Allow`.
    #[default]
    Allow,
    /// `Deny`.
    Deny,
}

/// The managed policy that a template was made from.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// Name of the AWS managed policy.
    pub managed_policy: String,
    /// Its version, such as `v1`.
    pub version: Option<String>,
    /// What was left out of it.
    pub minus: Option<String>,
    /// What was added to it.
    pub plus: Option<String>,
}

/// When a template applies. A key that is not set does not count; patterns use `*` and `?`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct When {
    /// Pattern of the function's name.
    pub function: Option<String>,
    /// Pattern of the runtime.
    pub runtime: Option<String>,
    /// Kinds of the trigger, one of which must be there (`sqs`, `dynamodb-stream`, …).
    #[serde(default, deserialize_with = "parse::one_or_more")]
    pub event_source: Vec<String>,
    /// Properties that the event source must have set, such as `SchemaRegistryConfig`.
    #[serde(default, deserialize_with = "parse::one_or_more")]
    pub event_source_has: Vec<String>,
    /// Properties that the event source must not have.
    #[serde(default, deserialize_with = "parse::one_or_more")]
    pub event_source_lacks: Vec<String>,
    /// Attached to a VPC.
    pub vpc: Option<bool>,
    /// Active tracing.
    pub tracing: Option<bool>,
    /// Durable execution.
    pub durable: Option<bool>,
    /// A customer key for the environment.
    pub kms_key: Option<bool>,
    /// Whether the function's log group is in the same stack.
    pub log_group_in_stack: Option<bool>,
    /// Pattern of the dead-letter target's ARN.
    pub dead_letter: Option<String>,
    /// Pattern of a destination's ARN, of the function or of an event source.
    pub destination: Option<String>,
    /// Pattern of a file system's (or access point's) ARN.
    pub file_system: Option<String>,
    /// Pattern of a layer's ARN.
    pub layer: Option<String>,
    /// Crates, one of which the function must use.
    #[serde(default, deserialize_with = "parse::one_or_more")]
    pub uses_crate: Vec<String>,
    /// Operations, one of which the function must call, such as `apigatewaymanagement.PostToConnection`.
    #[serde(default, deserialize_with = "parse::one_or_more")]
    pub calls: Vec<String>,
    /// Only when the user asks for it.
    #[serde(default)]
    pub opt_in: bool,
    /// Tags of the function.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

/// A parameter.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Param {
    /// `<service>:<resource type>` of AWS's action data, when the value is an ARN.
    pub arn: Option<String>,
    /// Where the value comes from, such as `esm.EventSourceArn`; see `policy-templates/README.md`.
    pub from: Option<String>,
    /// Whether statements that need it are left out when it is not known.
    #[serde(default)]
    pub optional: bool,
    /// Used when it is not known.
    pub default: Option<String>,
    /// What it is, where the name does not say.
    pub title: Option<String>,
}

/// A statement with `${parameter}` in its texts. `${partition}`, `${region}`, `${account}` and `${function.name}` are
/// always known.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct TemplateStatement {
    /// Only when this parameter is known (`!name`: only when it is not).
    #[serde(rename = "if")]
    pub only_if: Option<String>,
    /// `Sid`.
    pub sid: Option<String>,
    /// Actions.
    #[serde(deserialize_with = "parse::one_or_more")]
    pub actions: Vec<String>,
    /// Resources.
    #[serde(deserialize_with = "parse::one_or_more")]
    pub resources: Vec<String>,
    /// Operator → condition key → values.
    #[serde(default)]
    pub condition: BTreeMap<String, BTreeMap<String, parse::OneOrMore>>,
    /// Why it is needed; required for kind `baseline`.
    pub reason: Option<String>,
}

/// A test that a template carries.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct TemplateTest {
    /// Values of the parameters.
    #[serde(default)]
    pub given: BTreeMap<String, parse::OneOrMore>,
    /// The statements that must come out, in order.
    pub expect: Vec<ExpectedStatement>,
}

/// A statement that a test expects.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct ExpectedStatement {
    /// Actions, in any order.
    #[serde(deserialize_with = "parse::one_or_more")]
    pub actions: Vec<String>,
    /// Resources, in any order.
    #[serde(deserialize_with = "parse::one_or_more")]
    pub resources: Vec<String>,
}

/// A call of a wrapper crate.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct WrapperCall {
    /// Path of the function or method.
    pub path: String,
    /// Operations it can send.
    pub operations: Vec<String>,
    /// Where the call names the resource.
    pub resource: Option<WrapperResource>,
}

/// Which argument of a wrapper's call names the resource.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct WrapperResource {
    /// Index of the argument, without the receiver.
    pub arg: usize,
    /// `<service>:<resource type>`.
    pub arn: String,
    /// `arn`, `name`.
    #[serde(default)]
    pub accepts: Vec<String>,
}

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

    /// Descriptions of the tests of this template that fail.
    pub fn failed_tests(&self) -> Vec<String> {
        let failures = self.tests.iter().enumerate().filter_map(|(index, test)| {
            let arguments = test
                .given
                .iter()
                .map(|(name, values)| (name.clone(), values.to_vec()))
                .collect();
            let found = match self.instantiate(&arguments) {
                Ok(statements) => statements,
                Err(error) => return Some(format!("{}: test {index}: {error}", self.id)),
            };
            let found: Vec<_> = found.iter().map(plain).collect();
            let expected: Vec<_> = test.expect.iter().map(ExpectedStatement::plain).collect();
            (found != expected).then(|| {
                format!(
                    "{}: test {index}: expected {expected:?}, found {found:?}",
                    self.id
                )
            })
        });
        failures.collect()
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
fn plain(statement: &Statement) -> (Vec<&str>, Vec<&str>) {
    let (Actions::Only(actions) | Actions::AllExcept(actions)) = &statement.actions;
    let (Resources::Only(resources) | Resources::AllExcept(resources)) = &statement.resources;
    let mut actions: Vec<&str> = actions.iter().map(ActionPattern::as_str).collect();
    let mut resources: Vec<&str> = resources.iter().map(ArnPattern::as_str).collect();
    actions.sort_unstable();
    resources.sort_unstable();
    (actions, resources)
}

impl ExpectedStatement {
    fn plain(&self) -> (Vec<&str>, Vec<&str>) {
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
