//! The query for CloudTrail Lake: the same columns as Athena's, one row for each call.
//!
//! Lake takes no new customers since 2026-05-31. Its columns are described at
//! <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/query-supported-event-schemas.html>: `eventtime` is a
//! timestamp, `requestparameters` a map of texts, and `inscopeof` has no version of the function.

use super::{AthenaError, COLUMNS, PARAMETERS, RESOURCES, of_roles};

/// How an event data store names the function in `inscopeof`. AWS's page writes the field with an `i` where records have an
/// `l`; event data stores can be older than either.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// `credentialsissuedto`, as in records.
    AsRecorded,
    /// `credentiaisissuedto`, as on the page.
    AsDescribed,
    /// Not at all: functions are told by the names of sessions.
    Absent,
}

/// What is asked of an event data store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LakeAsked {
    /// The event data store: its ARN or id.
    pub store: String,
    /// Begin, `2026-11-04T00:00:00Z`.
    pub from: String,
    /// End, not itself part of the span.
    pub to: String,
    /// ARNs of roles; all of them when empty.
    pub roles: Vec<String>,
    /// How the function is named.
    pub scope: Scope,
}

/// The statement that asks for the calls of roles in a span of time.
///
/// # Errors
/// Names that cannot stand in a statement.
pub fn lake_query(asked: &LakeAsked) -> Result<String, AthenaError> {
    let store = id(&asked.store).ok_or_else(|| AthenaError::EventDataStore(asked.store.clone()))?;
    let column = |(column, path, _): &(&str, &str, &str)| match (*column, asked.scope) {
        ("eventtime", _) => "  date_format(eventtime, '%Y-%m-%dT%H:%i:%sZ') AS eventtime".to_owned(),
        ("scope_version", _) | ("scope_type" | "scope_function", Scope::Absent) => {
            format!("  CAST(NULL AS VARCHAR) AS {column}")
        }
        ("scope_function", Scope::AsDescribed) => {
            format!("  useridentity.inscopeof.credentiaisissuedto AS {column}")
        }
        _ if column == path => format!("  {column}"),
        _ => format!("  {path} AS {column}"),
    };
    let columns: Vec<String> = COLUMNS.iter().map(column).collect();
    let (from, to) = (time(&asked.from)?, time(&asked.to)?);
    let roles = of_roles(&asked.roles, "useridentity.sessioncontext.sessionissuer.arn");
    Ok(format!(
        "SELECT
{},
  json_format(CAST(resources AS JSON)) AS {RESOURCES},
  json_format(CAST({PARAMETERS} AS JSON)) AS {PARAMETERS}
FROM {store}
WHERE eventtime >= timestamp '{from}'
  AND eventtime < timestamp '{to}'
  AND useridentity.type = 'AssumedRole'
  AND eventtype = 'AwsApiCall'{roles}",
        columns.join(",\n"),
    ))
}

/// The id at the end of an ARN, or the id itself.
fn id(store: &str) -> Option<&str> {
    let id = store.rsplit('/').next().unwrap_or(store);
    let fits = id.len() == 36 && id.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    fits.then_some(id)
}

/// `2026-11-04 00:00:00`.
fn time(text: &str) -> Result<String, AthenaError> {
    let known = crate::trail::moment::utc(text).ok_or_else(|| AthenaError::Day(text.to_owned()))?;
    Ok(known.replace('T', " ").trim_end_matches('Z').to_owned())
}
