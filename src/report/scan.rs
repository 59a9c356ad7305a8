//! `rolefit-scan-v1` and its text: what each function's code can reach.

use schemars::JsonSchema;
use serde::Serialize;

use super::json::{GapV1, gap};
use crate::usage::{CallSite, Gap, ResourceHint};
use crate::workspace::model::BinaryId;

/// What the scan of one function found.
#[derive(Clone, Debug)]
pub struct Scanned<'a> {
    /// Name of the function, or of the binary when nothing deploys it.
    pub name: &'a str,
    /// The binary.
    pub binary: Option<&'a BinaryId>,
    /// The calls it can reach, sorted by place.
    pub calls: &'a [CallSite],
    /// What could not be settled.
    pub gaps: Vec<Gap>,
}

/// The whole scan.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ScanV1 {
    /// Always `rolefit-scan-v1`.
    pub schema: &'static str,
    /// Functions, in the order of their stacks.
    pub functions: Vec<FunctionV1>,
    /// With `--all`: calls that no function reaches; without call path and resource.
    pub unreached: Vec<OperationV1>,
    /// Gaps that concern no single function.
    pub gaps: Vec<GapV1>,
}

/// One function.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ScannedFunctionV1")]
pub struct FunctionV1 {
    /// Its name.
    pub name: String,
    /// Cargo package of the binary.
    pub package: Option<String>,
    /// The binary.
    pub bin: Option<String>,
    /// The binary's root file.
    pub entry: Option<String>,
    /// One entry per call and resource, sorted.
    pub operations: Vec<OperationV1>,
    /// What could not be settled.
    pub gaps: Vec<GapV1>,
}

/// One call on one resource.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct OperationV1 {
    /// File of the call.
    pub file: String,
    /// 1-based line.
    pub line: u32,
    /// `dynamodb.PutItem`.
    pub operation: String,
    /// The SDK crate, or the crate that wraps it.
    #[serde(rename = "crate")]
    pub crate_name: String,
    /// The Rust method.
    pub method: String,
    /// `high`, `medium` or `low`.
    pub confidence: &'static str,
    /// Call path from the entry.
    pub via: Vec<FrameV1>,
    /// What the call names; null where the operation has no resource.
    pub resource: Option<ResourceV1>,
}

/// One step of a call path.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct FrameV1 {
    /// The fn.
    #[serde(rename = "fn")]
    pub fn_name: String,
    /// File.
    pub file: String,
    /// 1-based line of the call in it.
    pub line: u32,
}

/// The value of the member that names the resource.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct ResourceV1 {
    /// The API member.
    pub member: String,
    /// `literal`, `env`, `pattern`, `event`, `template` or `unknown`.
    pub kind: &'static str,
    /// The literal, the variable (`CONFIG.table` for a member of its JSON), the pattern, the path; null when unknown.
    pub value: Option<String>,
}

/// The scan as the interface has it. `members` tells which members of an operation name its resource.
pub fn scan(
    functions: &[Scanned<'_>],
    unreached: &[&CallSite],
    gaps: &[Gap],
    members: &dyn Fn(&CallSite) -> Vec<String>,
) -> ScanV1 {
    ScanV1 {
        schema: "rolefit-scan-v1",
        functions: functions
            .iter()
            .map(|scanned| function(scanned, members))
            .collect(),
        unreached: unreached.iter().flat_map(|call| operations(call, &[])).collect(),
        gaps: gaps.iter().map(gap).collect(),
    }
}

fn function(scanned: &Scanned<'_>, members: &dyn Fn(&CallSite) -> Vec<String>) -> FunctionV1 {
    let mut operations: Vec<OperationV1> = scanned
        .calls
        .iter()
        .flat_map(|call| operations(call, &members(call)))
        .collect();
    operations.sort();
    operations.dedup();
    FunctionV1 {
        name: scanned.name.to_owned(),
        package: scanned.binary.map(|binary| binary.package.clone()),
        bin: scanned.binary.map(|binary| binary.binary.clone()),
        entry: scanned.binary.map(|binary| binary.entry.clone()),
        operations,
        gaps: scanned.gaps.iter().map(gap).collect(),
    }
}

/// One entry per resource that the call names.
fn operations(call: &CallSite, members: &[String]) -> Vec<OperationV1> {
    let entry = |resource: Option<ResourceV1>| OperationV1 {
        file: call.location.file.clone(),
        line: call.location.line,
        operation: call.operation.to_string(),
        crate_name: call.crate_name.clone(),
        method: call.method.clone(),
        confidence: call.confidence.as_str(),
        via: call
            .via
            .iter()
            .map(|frame| FrameV1 {
                fn_name: frame.fn_name.clone(),
                file: frame.location.file.clone(),
                line: frame.location.line,
            })
            .collect(),
        resource,
    };
    let resources = resources(call, members);
    if resources.is_empty() {
        return vec![entry(None)];
    }
    resources
        .into_iter()
        .map(|resource| entry(Some(resource)))
        .collect()
}

/// What a call names, member by member and value by value.
pub fn resources(call: &CallSite, members: &[String]) -> Vec<ResourceV1> {
    members.iter().flat_map(|member| values(call, member)).collect()
}

fn values(call: &CallSite, member: &str) -> Vec<ResourceV1> {
    let hints = call
        .inputs
        .get(member)
        .into_iter()
        .flatten()
        .filter(|hint| !hint.is_unset());
    let value = |hint: &ResourceHint| ResourceV1 {
        member: member.to_owned(),
        kind: hint.kind(),
        value: hint.value(),
    };
    let values: Vec<ResourceV1> = hints.map(value).collect();
    if values.is_empty() {
        vec![value(&ResourceHint::unknown("not set"))]
    } else {
        values
    }
}
