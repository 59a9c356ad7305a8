//! The hand-written knowledge of operations in `policy-templates/operations/`: one file per service, read when needed.
//!
//! ```toml
//! [[resource]]                       # how inputs name a resource
//! id = "table"
//! type = "dynamodb:table"            # type in the Service Authorization Reference; gives the ARN's format
//! variables = { TableName = "TableName as name-or-arn" }
//!
//! [[operation]]
//! names = ["Query", "Scan"]
//! docs = "https://…"
//! needs = [ … ]                      # instead of what the rules find; `also` adds to it
//! ```
//! `[[instead]]` holds when inputs speak to another part of the service: the needs of the listed operations, then.
//! `[[returned]]` says what a response names ([`super::returned`]).
//!
//! A resource serves every operation of the service whose action is allowed on its type and whose input has its
//! members; `on` in a need names resources outright, `on = "*"` none. Texts of `when` are conditions of
//! [`super::condition`]; texts of `variables` are `Member as form else default`, or a list of such, of which the first
//! whose member is set counts.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde::Deserialize;

use super::condition::{Condition, Given, Truth};
use super::returned::{ReturnedRow, ReturnedText};
use super::{Form, Source};
use crate::iam::action::Action;
use crate::iam::policy::Conditions;

/// Declares the files, sorted.
macro_rules! files {
    ($($suffix:literal),* $(,)?) => {
        &[$(($suffix, include_str!(concat!("../../../policy-templates/operations/", $suffix, ".toml")))),*]
    };
}

/// Every file by service.
pub(super) const FILES: &[(&str, &str)] = files![
    "apigatewaymanagement",
    "appconfig",
    "appconfigdata",
    "appsync",
    "athena",
    "autoscaling",
    "batch",
    "bedrock",
    "bedrockagent",
    "bedrockagentruntime",
    "bedrockruntime",
    "budgets",
    "cloudformation",
    "cloudfront",
    "cloudwatch",
    "cloudwatchlogs",
    "cognitoidentityprovider",
    "comprehend",
    "config",
    "dynamodb",
    "dynamodbstreams",
    "ec2",
    "ecr",
    "ecrpublic",
    "ecs",
    "eventbridge",
    "firehose",
    "glue",
    "iam",
    "iot",
    "iotdataplane",
    "iotjobsdataplane",
    "kinesis",
    "kms",
    "lambda",
    "location",
    "mediaconvert",
    "personalizeruntime",
    "pinpointsmsvoicev2",
    "pipes",
    "polly",
    "rds",
    "rdsdata",
    "redshiftdata",
    "rekognition",
    "s3",
    "s3control",
    "sagemakerruntime",
    "scheduler",
    "secretsmanager",
    "ses",
    "sesv2",
    "sfn",
    "sns",
    "sqs",
    "ssm",
    "sts",
    "textract",
    "timestreamquery",
    "timestreamwrite",
    "transcribe",
    "translate",
    "xray",
];

/// Knowledge of one service.
#[derive(Debug, Default)]
pub(super) struct Overlay {
    pub(super) resources: Vec<Resource>,
    operations: BTreeMap<String, OperationRow>,
    instead: Vec<InsteadRow>,
    forwarded: Vec<ForwardedRow>,
    returned: Vec<ReturnedRow>,
}

/// A way in which inputs name a resource.
#[derive(Debug)]
pub(super) struct Resource {
    pub(super) id: String,
    /// `prefix:type`.
    pub(super) kind: String,
    /// ARN format, when it is not the type's.
    pub(super) format: Option<String>,
    pub(super) variables: BTreeMap<String, Vec<Source>>,
    pub(super) when: Option<Condition>,
    /// Used only where a need names it.
    pub(super) only_named: bool,
}

/// What an operation needs.
#[derive(Clone, Debug)]
pub(super) struct OperationRow {
    pub(super) docs: String,
    /// Instead of what the rules find.
    pub(super) needs: Option<Vec<NeedRow>>,
    /// Beside it.
    pub(super) also: Vec<NeedRow>,
    pub(super) notes: Vec<String>,
}

/// An action that is needed.
#[derive(Clone, Debug)]
pub(super) struct NeedRow {
    pub(super) action: Action,
    /// Ids of resources; `None` for those of the action's types.
    pub(super) on: Option<Vec<String>>,
    pub(super) when: Option<Condition>,
    pub(super) conditions: Conditions,
    pub(super) dependent: bool,
    pub(super) unverified: Option<String>,
}

/// What operations need when their inputs speak to another part of the service, such as S3's directory buckets.
#[derive(Debug)]
pub(super) struct InsteadRow {
    pub(super) operations: Vec<String>,
    pub(super) when: Condition,
    pub(super) row: OperationRow,
}

/// Access that a service passes on to another with the caller's credentials.
#[derive(Debug)]
pub(super) struct ForwardedRow {
    pub(super) operations: Vec<String>,
    pub(super) actions: Vec<Action>,
    pub(super) via: String,
    pub(super) when: Option<Condition>,
    pub(super) docs: String,
}

impl Overlay {
    /// The knowledge of a service, empty when there is none. A file that cannot be read counts as none; tests read all.
    pub(super) fn of(service: &str) -> &'static Self {
        static OVERLAYS: OnceLock<BTreeMap<&str, OnceLock<Overlay>>> = OnceLock::new();
        static NONE: OnceLock<Overlay> = OnceLock::new();
        let overlays = OVERLAYS.get_or_init(|| {
            FILES
                .iter()
                .map(|(suffix, _)| (*suffix, OnceLock::new()))
                .collect()
        });
        let text = FILES.iter().find(|(suffix, _)| *suffix == service);
        match (overlays.get(service), text) {
            (Some(overlay), Some((_, text))) => overlay.get_or_init(|| Self::parse(text).unwrap_or_default()),
            _ => NONE.get_or_init(Self::default),
        }
    }

    /// Reads a file; the error says what is wrong.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let file: FileText = toml::from_str(text).map_err(|error| error.to_string())?;
        let mut overlay = Self::default();
        for resource in file.resource {
            overlay.resources.push(resource.read()?);
        }
        for operation in file.operation {
            let (names, row) = operation.read()?;
            for name in names {
                if overlay.operations.insert(name.clone(), row.clone()).is_some() {
                    return Err(format!("operation `{name}` stands twice"));
                }
            }
        }
        for instead in file.instead {
            overlay.instead.push(instead.read()?);
        }
        for forwarded in file.forwarded {
            overlay.forwarded.push(forwarded.read()?);
        }
        for returned in file.returned {
            overlay.returned.push(returned.read()?);
        }
        Ok(overlay)
    }

    /// What is written of an operation with these inputs.
    pub(super) fn operation(&self, name: &str, given: Given<'_>) -> Option<&OperationRow> {
        let instead = self.instead.iter().find(|instead| {
            instead.operations.iter().any(|operation| operation == name)
                && instead.when.holds(given) == Truth::Yes
        });
        instead
            .map(|instead| &instead.row)
            .or_else(|| self.operations.get(name))
    }

    /// Every operation that something is written of.
    #[cfg(test)]
    pub(super) fn operations(&self) -> impl Iterator<Item = (&str, &OperationRow)> {
        self.operations.iter().map(|(name, row)| (name.as_str(), row))
    }

    /// The resource with this id.
    pub(super) fn resource(&self, id: &str) -> Option<&Resource> {
        self.resources.iter().find(|resource| resource.id == id)
    }

    /// What the service passes on for an operation.
    pub(super) fn forwarded(&self, operation: &str) -> impl Iterator<Item = &ForwardedRow> {
        self.forwarded
            .iter()
            .filter(move |row| row.operations.iter().any(|name| name == operation))
    }

    /// What members of responses are.
    pub(super) fn returned(&self) -> &[ReturnedRow] {
        &self.returned
    }

    /// Every row of forwarded access.
    #[cfg(test)]
    pub(super) fn all_forwarded(&self) -> &[ForwardedRow] {
        &self.forwarded
    }
}

/// A file as written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileText {
    #[serde(default)]
    resource: Vec<ResourceText>,
    #[serde(default)]
    operation: Vec<OperationText>,
    #[serde(default)]
    instead: Vec<InsteadText>,
    #[serde(default)]
    forwarded: Vec<ForwardedText>,
    #[serde(default)]
    returned: Vec<ReturnedText>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ResourceText {
    id: String,
    r#type: String,
    format: Option<String>,
    #[serde(default)]
    variables: BTreeMap<String, OneOrMany>,
    when: Option<String>,
    #[serde(default)]
    only_named: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OperationText {
    names: Vec<String>,
    docs: String,
    needs: Option<Vec<NeedText>>,
    #[serde(default)]
    also: Vec<NeedText>,
    #[serde(default)]
    notes: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct InsteadText {
    operations: Vec<String>,
    when: String,
    docs: String,
    needs: Vec<NeedText>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NeedText {
    action: String,
    on: Option<OneOrMany>,
    when: Option<String>,
    #[serde(default)]
    condition: Conditions,
    #[serde(default)]
    dependent: bool,
    unverified: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ForwardedText {
    operations: Vec<String>,
    actions: Vec<String>,
    via: String,
    when: Option<String>,
    docs: String,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    pub(super) fn into_vec(self) -> Vec<String> {
        match self {
            Self::One(text) => vec![text],
            Self::Many(texts) => texts,
        }
    }
}

impl ResourceText {
    fn read(self) -> Result<Resource, String> {
        let variables = self
            .variables
            .into_iter()
            .map(|(name, sources)| Ok((name, read_sources(sources.into_vec())?)))
            .collect::<Result<_, String>>()?;
        Ok(Resource {
            id: self.id,
            kind: self.r#type,
            format: self.format,
            variables,
            when: read_condition(self.when)?,
            only_named: self.only_named,
        })
    }
}

impl OperationText {
    fn read(self) -> Result<(Vec<String>, OperationRow), String> {
        let read = |rows: Vec<NeedText>| rows.into_iter().map(NeedText::read).collect();
        let row = OperationRow {
            docs: self.docs,
            needs: self.needs.map(read).transpose()?,
            also: read(self.also)?,
            notes: self.notes,
        };
        Ok((self.names, row))
    }
}

impl InsteadText {
    fn read(self) -> Result<InsteadRow, String> {
        let row = OperationText {
            names: self.operations,
            docs: self.docs,
            needs: Some(self.needs),
            also: Vec::new(),
            notes: Vec::new(),
        };
        let (operations, row) = row.read()?;
        let when = Condition::parse(&self.when)
            .ok_or_else(|| format!("`{}` is no condition on inputs", self.when))?;
        Ok(InsteadRow {
            operations,
            when,
            row,
        })
    }
}

impl NeedText {
    fn read(self) -> Result<NeedRow, String> {
        let on = self.on.map(OneOrMany::into_vec);
        Ok(NeedRow {
            action: read_action(&self.action)?,
            // `*` is no resource at all.
            on: on.map(|ids| ids.into_iter().filter(|id| id != "*").collect()),
            when: read_condition(self.when)?,
            conditions: self.condition,
            dependent: self.dependent,
            unverified: self.unverified,
        })
    }
}

impl ForwardedText {
    fn read(self) -> Result<ForwardedRow, String> {
        Ok(ForwardedRow {
            operations: self.operations,
            actions: self
                .actions
                .iter()
                .map(|action| read_action(action))
                .collect::<Result<_, _>>()?,
            via: self.via,
            when: read_condition(self.when)?,
            docs: self.docs,
        })
    }
}

fn read_action(text: &str) -> Result<Action, String> {
    Action::parse(text).ok_or_else(|| format!("`{text}` is no action"))
}

fn read_condition(text: Option<String>) -> Result<Option<Condition>, String> {
    text.map(|text| Condition::parse(&text).ok_or_else(|| format!("`{text}` is no condition on inputs")))
        .transpose()
}

/// Reads `Member as form`, at the end of the list `else default`; a default alone is `else default`.
fn read_sources(texts: Vec<String>) -> Result<Vec<Source>, String> {
    let mut sources = Vec::new();
    for text in texts {
        let (member, default) = match text.split_once("else ") {
            Some((member, default)) => (member.trim(), Some(default.trim())),
            None => (text.trim(), None),
        };
        if !member.is_empty() {
            let (path, form) = member.split_once(" as ").unwrap_or((member, "name"));
            let form = Form::parse(form.trim())
                .ok_or_else(|| format!("`{form}` is no form of naming a resource"))?;
            sources.push(Source::Input {
                path: path.trim().to_owned(),
                form,
            });
        }
        sources.extend(default.map(|default| Source::Default(default.to_owned())));
    }
    Ok(sources)
}
