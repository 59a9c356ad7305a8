//! `rolefit-plan-v1`: what is not recorded, the event selectors that would record it, and their cost.

use schemars::JsonSchema;
use serde::Serialize;

use crate::catalog::Recording;
use crate::plan::{Finding, Plan};

/// The answer of `rolefit observe plan`.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct PlanV1 {
    /// Always `rolefit-plan-v1`.
    pub schema: &'static str,
    /// Version of rolefit.
    pub rolefit: &'static str,
    /// What was asked: names of the trails whose settings were given, `trail` for what a trail holds, or nothing.
    pub judged_by: Vec<String>,
    /// How many functions were looked at.
    pub functions: usize,
    /// Every operation of every function, sorted by function and operation.
    pub operations: Vec<PlannedV1>,
    /// The selectors, as `aws cloudtrail put-event-selectors --advanced-event-selectors` takes them; none if nothing is to
    /// be done.
    pub selectors: Vec<serde_json::Value>,
    /// The trail that they extend; `null` for a trail of their own. They take the place of all that it has.
    pub extends: Option<String>,
    /// How many of the selectors, the first ones, the trail has already.
    pub kept: usize,
    /// What has to be filled in before they are used, such as `${AWS::AccountId}`.
    pub fill_in: Vec<String>,
    /// What they cost.
    pub cost: PlanCostV1,
    /// What else is to be known.
    pub notes: Vec<String>,
    /// The commands that put them to use.
    pub commands: Vec<String>,
}

/// One operation of one function.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "PlannedOperationV1")]
pub struct PlannedV1 {
    /// The function.
    pub function: String,
    /// The operation.
    pub operation: String,
    /// `management-event`, `data-event` or `never`.
    pub recording: &'static str,
    /// Whether a trail shows it: `yes`, `partly`, `no`, or `never` where no selector can.
    pub seen: &'static str,
    /// Why.
    pub reason: String,
    /// Events in 30 days.
    pub events: Option<f64>,
    /// `observed`, or `given`: runs of the function times calls in its code.
    pub basis: Option<&'static str>,
}

/// What selectors cost, in US dollars of us-east-1.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct PlanCostV1 {
    /// Events in 30 days, of the operations of which that is known.
    pub events: Option<f64>,
    /// What they cost.
    pub usd: Option<f64>,
    /// Operations of functions of which nothing tells how often they are called.
    pub unknown: usize,
    /// The price of 100,000 data events.
    pub usd_per_100k: f64,
    /// The day of the price.
    pub as_of: &'static str,
    /// The page that tells it.
    pub docs: &'static str,
}

impl PlanV1 {
    /// The plan for programs.
    pub fn of(
        plan: &Plan,
        functions: usize,
        judged_by: Vec<String>,
        extends: Option<String>,
        commands: Vec<String>,
    ) -> Self {
        let selectors = plan.selectors.iter();
        Self {
            schema: "rolefit-plan-v1",
            rolefit: env!("CARGO_PKG_VERSION"),
            judged_by,
            functions,
            operations: plan.findings.iter().map(planned).collect(),
            selectors: selectors
                .filter_map(|selector| serde_json::to_value(selector).ok())
                .collect(),
            extends,
            kept: plan.kept,
            fill_in: plan.fill_in.iter().cloned().collect(),
            cost: PlanCostV1 {
                events: plan.cost.events,
                usd: plan.cost.usd,
                unknown: plan.cost.unknown,
                usd_per_100k: plan.cost.usd_per_100k,
                as_of: plan.cost.as_of,
                docs: plan.cost.docs,
            },
            notes: plan.notes.clone(),
            commands,
        }
    }
}

fn planned(one: &Finding) -> PlannedV1 {
    PlannedV1 {
        function: one.wanted.function.clone(),
        operation: one.wanted.operation.to_string(),
        recording: Recording::of(&one.wanted.operation).as_str(),
        seen: one.seen.as_str(),
        reason: one.reason.clone(),
        events: one.volume.as_ref().map(|volume| volume.events.round()),
        basis: one.volume.as_ref().map(|volume| volume.basis),
    }
}
