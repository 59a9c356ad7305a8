//! The format of a policy template: what its TOML may hold. `policy-templates/README.md` explains it for writers.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::parse::{OneOrMore, one_or_more};

/// A policy template.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
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
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord, JsonSchema)]
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
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, JsonSchema)]
pub enum TemplateEffect {
    /// `Allow`.
    #[default]
    Allow,
    /// `Deny`.
    Deny,
}

/// The managed policy that a template was made from.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, JsonSchema)]
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
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct When {
    /// Pattern of the function's name.
    pub function: Option<String>,
    /// Pattern of the runtime.
    pub runtime: Option<String>,
    /// Kinds of the trigger, one of which must be there (`sqs`, `dynamodb-stream`, …).
    #[serde(default, deserialize_with = "one_or_more")]
    #[schemars(with = "OneOrMore")]
    pub event_source: Vec<String>,
    /// Properties that the event source must have set, such as `SchemaRegistryConfig`.
    #[serde(default, deserialize_with = "one_or_more")]
    #[schemars(with = "OneOrMore")]
    pub event_source_has: Vec<String>,
    /// Properties that the event source must not have.
    #[serde(default, deserialize_with = "one_or_more")]
    #[schemars(with = "OneOrMore")]
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
    #[serde(default, deserialize_with = "one_or_more")]
    #[schemars(with = "OneOrMore")]
    pub uses_crate: Vec<String>,
    /// Operations, one of which the function must call, such as `apigatewaymanagement.PostToConnection`.
    #[serde(default, deserialize_with = "one_or_more")]
    #[schemars(with = "OneOrMore")]
    pub calls: Vec<String>,
    /// Only when the user asks for it.
    #[serde(default)]
    pub opt_in: bool,
    /// Tags of the function.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

/// A parameter.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, JsonSchema)]
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
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TemplateStatement {
    /// Only when this parameter is known (`!name`: only when it is not).
    #[serde(rename = "if")]
    pub only_if: Option<String>,
    /// `Sid`.
    pub sid: Option<String>,
    /// Actions.
    #[serde(deserialize_with = "one_or_more")]
    #[schemars(with = "OneOrMore")]
    pub actions: Vec<String>,
    /// Resources.
    #[serde(deserialize_with = "one_or_more")]
    #[schemars(with = "OneOrMore")]
    pub resources: Vec<String>,
    /// Operator → condition key → values.
    #[serde(default)]
    pub condition: BTreeMap<String, BTreeMap<String, OneOrMore>>,
    /// Why it is needed; required for kind `baseline`.
    pub reason: Option<String>,
}

/// A test that a template carries.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TemplateTest {
    /// Values of the parameters.
    #[serde(default)]
    pub given: BTreeMap<String, OneOrMore>,
    /// The statements that must come out, in order.
    pub expect: Vec<ExpectedStatement>,
}

/// A statement that a test expects.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExpectedStatement {
    /// Actions, in any order.
    #[serde(deserialize_with = "one_or_more")]
    #[schemars(with = "OneOrMore")]
    pub actions: Vec<String>,
    /// Resources, in any order.
    #[serde(deserialize_with = "one_or_more")]
    #[schemars(with = "OneOrMore")]
    pub resources: Vec<String>,
}

/// A call of a wrapper crate.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, JsonSchema)]
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
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, JsonSchema)]
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
