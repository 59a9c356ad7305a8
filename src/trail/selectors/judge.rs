//! Whether trails record a call: of which category it is, which resources it names, who makes it, where.

use super::matching::{Truth, starts};
use super::{AdvancedSelector, BasicSelector, TrailSettings};
use crate::catalog::{Catalog, Recording};
use crate::usage::OperationId;

/// A call that trails may record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    operation: OperationId,
    recording: Recording,
    event_source: String,
    event_name: String,
    /// ARN of the resource, with `*` and `${…}` for what is not known of it.
    resource: String,
    /// `assumed-role` ARN of the caller, likewise.
    caller: String,
    region: Option<String>,
}

/// Whether a call is recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// By the trail that is named.
    Yes(String),
    /// It depends on what is not known, in words for the reader.
    Partly(String),
    /// By none, with the reason.
    No(String),
}

impl Call {
    /// A call of `operation` on any resource, by anyone, anywhere.
    pub fn new(catalog: &Catalog, operation: &OperationId) -> Self {
        let known = catalog
            .service(&operation.service)
            .and_then(|service| service.operation(&operation.name));
        let (event_source, event_name) = known.map_or_else(
            || ("*".to_owned(), operation.name.clone()),
            |operation| catalog.event_of(operation),
        );
        Self {
            operation: operation.clone(),
            recording: Recording::of(operation),
            event_source,
            event_name,
            resource: "*".to_owned(),
            caller: "*".to_owned(),
            region: None,
        }
    }

    /// On the resource with this ARN, in which `*` and `${…}` stand for what is not known; partition, region and account by
    /// their names in stack templates (`${AWS::AccountId}`) are those of the trail.
    #[must_use]
    pub fn on(mut self, arn: &str) -> Self {
        self.resource = match self.operation.service.as_str() {
            // Events of tables name the table, whatever index is asked.
            "dynamodb" => arn.split("/index/").next().unwrap_or_default().to_owned(),
            // Calls on the whole bucket are recorded as calls on objects with the bucket's beginning.
            "s3" if arn != "*" && !arn.contains('/') && !arn.ends_with('*') => format!("{arn}/*"),
            _ => arn.to_owned(),
        };
        self
    }

    /// By the role of this name.
    #[must_use]
    pub fn by_role(mut self, name: &str) -> Self {
        self.caller = format!("arn:*:sts::*:assumed-role/{}/*", without_symbols(name));
        self
    }

    /// In this region.
    #[must_use]
    pub fn in_region(mut self, region: &str) -> Self {
        self.region = (!region.contains(['*', '$'])).then(|| region.to_owned());
        self
    }

    /// Whether the event says `readOnly`: told by the name, since no source lists it; `Maybe` for the names that do not tell.
    fn reads(&self) -> Truth {
        const READS: [&str; 9] = [
            "BatchGet",
            "Describe",
            "Get",
            "Head",
            "List",
            "Lookup",
            "Query",
            "Scan",
            "TransactGet",
        ];
        const UNSURE: [&str; 12] = [
            "Assume",
            "BatchExecute",
            "Converse",
            "Decrypt",
            "Encrypt",
            "Execute",
            "Generate",
            "Receive",
            "ReEncrypt",
            "Select",
            "Sign",
            "Verify",
        ];
        let begins = |names: &[&str]| names.iter().any(|name| self.event_name.starts_with(name));
        if begins(&UNSURE) || self.event_name.starts_with("GetSession") || self.operation.service == "kms" {
            Truth::Maybe
        } else {
            Truth::from(begins(&READS))
        }
    }
}

/// Whether one of the trails records the call; the best answer counts.
pub fn recorded(trails: &[TrailSettings], call: &Call) -> Recorded {
    let mut best = Recorded::No("no trail is known".to_owned());
    for trail in trails {
        let answer = trail.recorded(call);
        match (&best, &answer) {
            (_, Recorded::Yes(_)) => return answer,
            (Recorded::No(_), _) => best = answer,
            _ => {}
        }
    }
    best
}

impl TrailSettings {
    /// Whether this trail records the call, by its settings of now. Times are told by [`TrailSettings::interval`].
    pub fn recorded(&self, call: &Call) -> Recorded {
        let shown = self.shown();
        let operation = &call.operation;
        if call.recording == Recording::Never {
            return Recorded::No(format!("CloudTrail does not record {operation}"));
        }
        if let Some(why) = self.elsewhere(call) {
            return Recorded::No(why);
        }
        let taken = match (
            self.event_selectors.as_slice(),
            self.advanced_event_selectors.as_slice(),
        ) {
            ([], []) if self.has_custom_event_selectors == Some(false) => {
                self.basic(&BasicSelector::default(), call)
            }
            ([], []) => {
                return Recorded::Partly(format!(
                    "what the trail {shown} records is not told: its event selectors are missing"
                ));
            }
            (basic, []) => max(basic.iter().map(|selector| self.basic(selector, call))),
            (_, advanced) => max(advanced.iter().map(|selector| self.advanced(selector, call))),
        };
        let kind = match call.recording {
            Recording::Management => "management events",
            _ => "data events",
        };
        match taken {
            Truth::Yes => Recorded::Yes(shown.to_owned()),
            Truth::Maybe => Recorded::Partly(format!(
                "the event selectors of {shown} take some {kind}, and whether {operation} on this resource is among them cannot be told"
            )),
            Truth::No => Recorded::No(format!(
                "the event selectors of {shown} leave {operation} out, which makes {kind}"
            )),
        }
    }

    /// Why a call is out of the trail's reach, whatever its selectors are.
    fn elsewhere(&self, call: &Call) -> Option<String> {
        const GLOBAL: [&str; 4] = ["cloudfront", "iam", "organizations", "route53"];
        let shown = self.shown();
        if GLOBAL.contains(&call.operation.service.as_str()) {
            let left_out = self.include_global_service_events == Some(false);
            return left_out.then(|| format!("the trail {shown} leaves global services out"));
        }
        let (Some(region), Some(home)) = (&call.region, &self.home_region) else {
            return None;
        };
        let other = self.is_multi_region_trail == Some(false) && region != home;
        other.then(|| format!("the trail {shown} records {home} alone"))
    }

    fn basic(&self, selector: &BasicSelector, call: &Call) -> Truth {
        let wanted = match selector.read_write_type.as_str() {
            "ReadOnly" => call.reads(),
            "WriteOnly" => call.reads().not(),
            _ => Truth::Yes,
        };
        let taken = match call.recording {
            Recording::Never => Truth::No,
            Recording::Management => {
                let excluded = selector
                    .exclude_management_event_sources
                    .contains(&call.event_source);
                Truth::from(selector.include_management_events && !excluded)
            }
            Recording::Data { .. } => max(selector.data_resources.iter().map(|of| {
                let kind = kind_of(call, &of.r#type);
                kind.min(max(of
                    .values
                    .iter()
                    .map(|value| self.of_basic(call, &of.r#type, value))))
            })),
        };
        wanted.min(taken)
    }

    /// Whether a value of a basic selector takes the call's resource: ARNs of functions and tables are meant whole, those of
    /// objects as beginnings, and what ends at the service means all.
    fn of_basic(&self, call: &Call, kind: &str, value: &str) -> Truth {
        let resource = self.resource(call, value);
        let all = value.matches(':').count() <= 2 || value.trim_end_matches(':').matches(':').count() <= 2;
        if kind == "AWS::S3::Object" || all {
            let begin = if all { value.trim_end_matches(':') } else { value };
            starts(&resource, begin)
        } else {
            super::matching::is(&resource, value)
        }
    }

    fn advanced(&self, selector: &AdvancedSelector, call: &Call) -> Truth {
        let category = match call.recording {
            Recording::Management => "Management",
            _ => "Data",
        };
        let fits = selector.field_selectors.iter().map(|field| {
            let first = [&field.equals, &field.starts_with, &field.ends_with]
                .into_iter()
                .chain([&field.not_equals, &field.not_starts_with, &field.not_ends_with])
                .flatten()
                .next();
            let example = first.map_or("", String::as_str);
            match field.field.as_str() {
                "eventCategory" => field.fits(category),
                "eventSource" => field.fits(&call.event_source),
                "eventName" => field.fits(&call.event_name),
                "eventType" => field.fits("AwsApiCall"),
                "readOnly" => {
                    let (reads, writes) = (field.fits("true"), field.fits("false"));
                    let told = reads.min(call.reads()).max(writes.min(call.reads().not()));
                    told.max(reads.min(writes))
                }
                "resources.type" => max(field.equals.iter().map(|kind| kind_of(call, kind))),
                "resources.ARN" => field.fits(&self.resource(call, example)),
                "userIdentity.arn" => field.fits(&self.caller(call, example)),
                // Functions use no credentials of the console.
                "sessionCredentialFromConsole" => {
                    field.fits("false").max(Truth::from(field.equals.is_empty()))
                }
                _ => Truth::Maybe,
            }
        });
        fits.min().unwrap_or(Truth::No)
    }

    /// The call's resource as the trail's account sees it; the partition is that of the selector.
    fn resource(&self, call: &Call, example: &str) -> String {
        let region = call.region.as_deref().unwrap_or("*");
        let account = self.own_account().unwrap_or("*");
        let known = call
            .resource
            .replace("${AWS::Region}", region)
            .replace("${AWS::AccountId}", account);
        in_partition_of(
            &without_symbols(&known.replace("${AWS::Partition}", "*")),
            example,
        )
    }

    fn caller(&self, call: &Call, example: &str) -> String {
        let account = self.own_account().unwrap_or("*");
        in_partition_of(
            &call.caller.replacen("sts::*", &format!("sts::{account}"), 1),
            example,
        )
    }

    /// The account of everything that the trail records; none for a trail of an organization.
    fn own_account(&self) -> Option<&str> {
        self.account()
            .filter(|_| self.is_organization_trail != Some(true))
    }
}

/// The ARN with the partition of an example in the place of an unknown one.
fn in_partition_of(arn: &str, example: &str) -> String {
    let partition = example
        .split(':')
        .nth(1)
        .filter(|partition| !partition.is_empty());
    match (arn.strip_prefix("arn:*:"), partition) {
        (Some(rest), Some(partition)) => format!("arn:{partition}:{rest}"),
        _ => arn.to_owned(),
    }
}

/// Whether the call's event names a resource of a type: always of the first one that the catalogue lists, of the others at
/// times.
fn kind_of(call: &Call, kind: &str) -> Truth {
    let kinds = Recording::resource_types(&call.operation);
    match kinds.iter().position(|known| known == kind) {
        Some(0) => Truth::Yes,
        Some(_) => Truth::Maybe,
        // No page lists the types of this service: it may be any of them.
        None if kinds.is_empty() => Truth::Maybe,
        None => Truth::No,
    }
}

fn max(truths: impl Iterator<Item = Truth>) -> Truth {
    truths.max().unwrap_or(Truth::No)
}

/// `${Symbol}` becomes `*`.
fn without_symbols(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        out.push_str(before);
        out.push('*');
        rest = after.split_once('}').map_or("", |(_, rest)| rest);
    }
    out.push_str(rest);
    out
}
