//! A CloudTrail record, reduced to the fields that count.
//!
//! Every field can be missing in real trails. Fields: <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html>.

use std::borrow::Cow;
use std::marker::PhantomData;

use serde::Deserialize;

use super::json::{Parser as _, Raw, Sonic, Text};
use super::plain;
use super::slices::{Field, Slices, plain_text, unquoted};
use super::time::Time;

/// A record as it is written. `R` holds the request parameters, unread.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", bound(deserialize = "R: Deserialize<'de>, 'de: 'a"))]
pub(super) struct Record<'a, R> {
    #[serde(default, rename = "eventID", alias = "eventId")]
    pub(super) event_id: Text<'a>,
    #[serde(default, rename = "requestID")]
    pub(super) request_id: Text<'a>,
    #[serde(default)]
    pub(super) event_time: Text<'a>,
    #[serde(default)]
    pub(super) event_source: Text<'a>,
    #[serde(default)]
    pub(super) event_name: Text<'a>,
    #[serde(default)]
    pub(super) aws_region: Text<'a>,
    #[serde(default)]
    recipient_account_id: Text<'a>,
    #[serde(default)]
    pub(super) event_type: Text<'a>,
    #[serde(default)]
    pub(super) event_category: Text<'a>,
    #[serde(default)]
    pub(super) management_event: Text<'a>,
    #[serde(default)]
    pub(super) error_code: Text<'a>,
    #[serde(default)]
    pub(super) error_message: Text<'a>,
    #[serde(default)]
    pub(super) user_agent: Text<'a>,
    #[serde(default)]
    pub(super) user_identity: Option<Identity<'a>>,
    #[serde(default)]
    pub(super) resources: Option<Vec<Resource<'a>>>,
    #[serde(default)]
    pub(super) request_parameters: Option<R>,
}

/// Who made the call.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", bound(deserialize = "'de: 'a"))]
pub(super) struct Identity<'a> {
    #[serde(default, rename = "type")]
    pub(super) kind: Text<'a>,
    #[serde(default)]
    pub(super) arn: Text<'a>,
    #[serde(default)]
    pub(super) account_id: Text<'a>,
    #[serde(default)]
    pub(super) principal_id: Text<'a>,
    #[serde(default)]
    pub(super) access_key_id: Text<'a>,
    #[serde(default)]
    pub(super) invoked_by: Text<'a>,
    #[serde(default)]
    pub(super) session_context: Option<SessionContext<'a>>,
    #[serde(default)]
    pub(super) in_scope_of: Option<Scope<'a>>,
}

impl Identity<'_> {
    /// Everything that tells identities apart, always as many parts.
    pub(super) fn parts(&self) -> [&str; 11] {
        let issuer = self
            .session_context
            .as_ref()
            .and_then(|context| context.session_issuer.as_ref());
        let [role_id, role_arn, role_account] = issuer.map_or([""; 3], |issuer| {
            [&issuer.principal_id, &issuer.arn, &issuer.account_id].map(Text::as_str)
        });
        let [kind, function, version] = self.in_scope_of.as_ref().map_or([""; 3], |scope| {
            let (function, version) = (&scope.credentials_issued_to, &scope.credentials_issued_to_version);
            [&scope.issuer_type, function, version].map(Text::as_str)
        });
        [
            self.arn.as_str(),
            self.principal_id.as_str(),
            self.account_id.as_str(),
            self.access_key_id.as_str(),
            role_id,
            role_arn,
            role_account,
            kind,
            function,
            version,
            self.invoked_by.as_str(),
        ]
    }
}

/// The session of a role.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", bound(deserialize = "'de: 'a"))]
pub(super) struct SessionContext<'a> {
    #[serde(default)]
    pub(super) session_issuer: Option<Issuer<'a>>,
}

/// The role itself.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", bound(deserialize = "'de: 'a"))]
pub(super) struct Issuer<'a> {
    #[serde(default)]
    pub(super) principal_id: Text<'a>,
    #[serde(default)]
    pub(super) arn: Text<'a>,
    #[serde(default)]
    pub(super) account_id: Text<'a>,
}

/// Whom the credentials were made for; Lambda names the function and its version.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", bound(deserialize = "'de: 'a"))]
pub(super) struct Scope<'a> {
    #[serde(default)]
    pub(super) issuer_type: Text<'a>,
    #[serde(default)]
    pub(super) credentials_issued_to: Text<'a>,
    #[serde(default)]
    pub(super) credentials_issued_to_version: Text<'a>,
}

/// A resource of the call. Three spellings of the ARN are found, and the prefix that S3 writes for list calls.
#[derive(Debug, Default, Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
pub(super) struct Resource<'a> {
    #[serde(default, rename = "ARN")]
    upper: Text<'a>,
    #[serde(default, rename = "arn")]
    lower: Text<'a>,
    #[serde(default, rename = "Arn")]
    title: Text<'a>,
    #[serde(default, rename = "ARNPrefix")]
    prefix: Text<'a>,
    #[serde(default, rename = "type")]
    pub(super) kind: Text<'a>,
}

impl Resource<'_> {
    /// The ARN, and whether it is a prefix alone.
    pub(super) fn arn(&self) -> Option<(&str, bool)> {
        let whole = [&self.upper, &self.lower, &self.title]
            .into_iter()
            .find(|text| text.as_str().starts_with("arn:"));
        whole.map(|text| (text.as_str(), false)).or_else(|| {
            let prefix = self.prefix.as_str();
            prefix.starts_with("arn:").then_some((prefix, true))
        })
    }
}

/// Parameters as they are written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Written<'a>(&'a str);

impl Raw for Written<'_> {
    fn json(&self) -> &str {
        self.0
    }
}

/// The identity of slices, if there is one; `None` when it is unusual.
pub(super) fn identity<'a>(slices: &Slices<'a>) -> Option<Option<Identity<'a>>> {
    parsed(slices.json(Field::UserIdentity))
}

/// The resources of slices, in the same manner.
pub(super) fn resources<'a>(slices: &Slices<'a>) -> Option<Option<Vec<Resource<'a>>>> {
    parsed(slices.json(Field::Resources))
}

/// What the JSON of a member says; nothing when there is none.
fn parsed<'a, T: Deserialize<'a>>(json: &'a str) -> Option<Option<T>> {
    match json {
        "" | "null" => Some(None),
        json => plain::read(json, PhantomData)
            .ok()
            .or_else(|| Sonic::parse(json).ok()),
    }
}

impl<'a> Record<'a, Written<'a>> {
    /// The record of slices, without identity and resources; `None` when one of them is unusual.
    pub(super) fn of(slices: &Slices<'a>) -> Option<Self> {
        let plain = |field: Field| match slices.json(field) {
            "" | "null" => Some(""),
            word @ ("true" | "false") => Some(word),
            json => plain_text(json),
        };
        let mut record = Self::short(slices, plain)?;
        let text = |field: Field| plain(field).map(|text| Text(Cow::Borrowed(text)));
        record.event_id = text(Field::EventId)?;
        record.request_id = text(Field::RequestId)?;
        record.event_time = text(Field::EventTime)?;
        Some(record)
    }

    /// The same without ids and time, of slices that say of the call what others said of which [`of`](Self::of) made a record.
    pub(super) fn of_known(slices: &Slices<'a>) -> Option<Self> {
        Self::short(slices, |field| match (field, slices.json(field)) {
            (_, "" | "null") => Some(""),
            (_, word @ ("true" | "false")) => Some(word),
            (Field::ErrorMessage | Field::UserAgent, json) => plain_text(json),
            (_, json) => unquoted(json),
        })
    }

    fn short(slices: &Slices<'a>, plain: impl Fn(Field) -> Option<&'a str>) -> Option<Self> {
        let text = |field: Field| plain(field).map(|text| Text(Cow::Borrowed(text)));
        let parameters = slices.json(Field::RequestParameters);
        Some(Self {
            event_id: Text::default(),
            request_id: Text::default(),
            event_time: Text::default(),
            event_source: text(Field::EventSource)?,
            event_name: text(Field::EventName)?,
            aws_region: text(Field::AwsRegion)?,
            recipient_account_id: text(Field::RecipientAccountId)?,
            event_type: text(Field::EventType)?,
            event_category: text(Field::EventCategory)?,
            management_event: text(Field::ManagementEvent)?,
            error_code: text(Field::ErrorCode)?,
            error_message: text(Field::ErrorMessage)?,
            user_agent: text(Field::UserAgent)?,
            user_identity: None,
            resources: None,
            request_parameters: (!matches!(parameters, "" | "null")).then_some(Written(parameters)),
        })
    }

    /// Whether the record itself names the account whose trail holds it.
    pub(super) fn names_account(&self) -> bool {
        !self.recipient_account_id.as_str().is_empty()
    }
}

impl<R> Record<'_, R> {
    /// Whether it is a data event.
    pub(super) fn is_data_event(&self) -> bool {
        self.event_category.as_str() == "Data" || self.management_event.as_str().eq_ignore_ascii_case("false")
    }

    /// Whether it tells how an endpoint of a network saw a call.
    /// <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/logging-network-events-with-cloudtrail.html>
    pub(super) fn is_of_network(&self) -> bool {
        self.event_type.as_str() == "AwsVpceEvent" || self.event_category.as_str() == "NetworkActivity"
    }

    /// Whether it is one of what trails record beside management and data events, which says nothing of those.
    pub(super) fn is_beside(&self) -> bool {
        matches!(
            self.event_category.as_str(),
            "Aggregated" | "Insight" | "NetworkActivity"
        ) || matches!(
            self.event_type.as_str(),
            "AwsAggregatedEvent" | "AwsCloudTrailInsight" | "AwsVpceEvent"
        )
    }

    /// The account whose trail holds it; records of before 2014 tell the caller's alone.
    pub(super) fn account(&self) -> &str {
        let of_caller = || {
            self.user_identity
                .as_ref()
                .map_or("", |identity| identity.account_id.as_str())
        };
        match self.recipient_account_id.as_str() {
            "" => of_caller(),
            account => account,
        }
    }

    /// When it happened; `None` when that is not told in a known form.
    pub(super) fn time(&self) -> Option<Time> {
        Time::parse(self.event_time.as_str())
    }
}
