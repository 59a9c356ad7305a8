//! Trails that are read where they lie: statements for Amazon Athena and CloudTrail Lake, and the rows that they answer with.
//!
//! A query takes the calls that sessions of roles made, with every field that this reader looks at, so that the rows fold
//! into the same observations as the objects themselves. Calls of services and people stay where they are: what a trail holds
//! of them is not counted. The table has a column for `inScopeOf`, which names the function, and which the table of AWS's own
//! guide lacks. <https://docs.aws.amazon.com/athena/latest/ug/cloudtrail-logs.html>,
//! <https://docs.aws.amazon.com/athena/latest/ug/partition-projection.html>
//!
//! Usually the rows are sums: one for all calls of an hour that differ in nothing but id and second, with the ids and seconds
//! in a list. Nothing that a store keeps is lost by that, and answers get smaller ([`Shape`]).

mod answer;
mod lake;
mod table;

pub use lake::{LakeAsked, Scope, lake_query};
pub use table::{Columns, default_table, table, unfit};

pub use answer::lake_record;
pub(super) use answer::{is_answer, read, read_stream};

/// Columns of a row, and the fields of a record that they are; the same order in query and rows.
pub(super) const COLUMNS: [(&str, &str, &str); 24] = [
    ("eventid", "eventid", "eventID"),
    ("eventtime", "eventtime", "eventTime"),
    ("eventsource", "eventsource", "eventSource"),
    ("eventname", "eventname", "eventName"),
    ("awsregion", "awsregion", "awsRegion"),
    ("recipientaccountid", "recipientaccountid", "recipientAccountId"),
    ("eventtype", "eventtype", "eventType"),
    ("eventcategory", "eventcategory", "eventCategory"),
    ("errorcode", "errorcode", "errorCode"),
    ("errormessage", "errormessage", "errorMessage"),
    ("useragent", "useragent", "userAgent"),
    ("requestid", "requestid", "requestID"),
    ("identity_type", "useridentity.type", "userIdentity.type"),
    ("identity_arn", "useridentity.arn", "userIdentity.arn"),
    (
        "identity_account",
        "useridentity.accountid",
        "userIdentity.accountId",
    ),
    (
        "identity_principal",
        "useridentity.principalid",
        "userIdentity.principalId",
    ),
    (
        "identity_key",
        "useridentity.accesskeyid",
        "userIdentity.accessKeyId",
    ),
    ("invoked_by", "useridentity.invokedby", "userIdentity.invokedBy"),
    (
        "issuer_principal",
        "useridentity.sessioncontext.sessionissuer.principalid",
        "userIdentity.sessionContext.sessionIssuer.principalId",
    ),
    (
        "issuer_arn",
        "useridentity.sessioncontext.sessionissuer.arn",
        "userIdentity.sessionContext.sessionIssuer.arn",
    ),
    (
        "issuer_account",
        "useridentity.sessioncontext.sessionissuer.accountid",
        "userIdentity.sessionContext.sessionIssuer.accountId",
    ),
    (
        "scope_type",
        "useridentity.inscopeof.issuertype",
        "userIdentity.inScopeOf.issuerType",
    ),
    (
        "scope_function",
        "useridentity.inscopeof.credentialsissuedto",
        "userIdentity.inScopeOf.credentialsIssuedTo",
    ),
    (
        "scope_version",
        "useridentity.inscopeof.credentialsissuedtoversion",
        "userIdentity.inScopeOf.credentialsIssuedToVersion",
    ),
];

/// Columns that hold JSON.
pub(super) const RESOURCES: &str = "resources_json";
pub(super) const PARAMETERS: &str = "requestparameters";

/// Columns of a row that stands for several calls: what tells them apart (each the rest of the time, `/` and the id; blanks
/// between them), and the hour of all of them.
pub(super) const EVENTS: &str = "events";
pub(super) const HOUR: &str = "eventhour";
/// What each call has of its own.
const OWN: [&str; 3] = ["eventid", "eventtime", "requestid"];

/// The columns that several calls have in common.
pub(super) fn common() -> impl Iterator<Item = &'static (&'static str, &'static str, &'static str)> {
    COLUMNS.iter().filter(|(column, ..)| !OWN.contains(column))
}

/// Where trail objects lie.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Objects {
    /// Up to the accounts: `s3://bucket/prefix/AWSLogs/`, of an organization with its id behind.
    pub location: String,
    /// Twelve digits each.
    pub accounts: Vec<String>,
    /// Such as `eu-west-1`.
    pub regions: Vec<String>,
}

/// What is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// First day of the events, `2026-11-04`.
    pub since: String,
    /// Last day.
    pub until: String,
    /// ARNs of roles; all of them when empty.
    pub roles: Vec<String>,
    /// First and last day of the objects: an event can be delivered on the day after it. `None` for all that can hold the
    /// events.
    pub delivered: Option<(String, String)>,
    /// What a row is.
    pub shape: Shape,
}

/// What a row of an answer is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shape {
    /// All calls of an hour that differ in nothing but id and second.
    #[default]
    Sums,
    /// One call. Athena's rows have an end at 32 MB, which a sum reaches at some 200 like calls a second.
    Events,
}

/// Why no statement can be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AthenaError {
    /// A table's name that is none.
    #[error("`{0}` is no name of a table; give DATABASE.TABLE of letters, digits and `_`")]
    Table(String),
    /// A place that is no folder of a bucket.
    #[error("`{0}` is no place of trail objects; give `s3://BUCKET/PREFIX/AWSLogs/`")]
    Location(String),
    /// Accounts that are none.
    #[error("`{0}` is no account; an account has twelve digits")]
    Account(String),
    /// Regions that are none.
    #[error("`{0}` is no region, such as `eu-west-1`")]
    Region(String),
    /// Days that are none.
    #[error("`{0}` is no day, such as `2026-11-04`")]
    Day(String),
    /// An event data store that is none.
    #[error("`{0}` is no event data store; give its ARN, or the id at the end of it")]
    EventDataStore(String),
    /// Nothing is named.
    #[error("name at least one account and one region")]
    Nothing,
}

/// The statement that asks for the calls of roles in a span of days.
///
/// # Errors
/// Names that cannot stand in a statement.
pub fn query(name: &str, objects: &Objects, asked: &Asked) -> Result<String, AthenaError> {
    table::checked_table(name)?;
    table::checked_objects(objects)?;
    if objects.accounts.is_empty() || objects.regions.is_empty() {
        return Err(AthenaError::Nothing);
    }
    let (since, until) = (checked_day(&asked.since)?, checked_day(&asked.until)?);
    let (first, last) = match &asked.delivered {
        Some((first, last)) => (checked_day(first)?.to_owned(), checked_day(last)?.to_owned()),
        // Objects lie under the day on which they were delivered, which can be the next one.
        None => (since.to_owned(), day_after(until)),
    };
    let (columns, grouped) = columns(asked.shape);
    let begin = match asked.shape {
        Shape::Events => "SELECT DISTINCT",
        Shape::Sums => "SELECT",
    };
    let roles = of_roles(&asked.roles, "useridentity.sessioncontext.sessionissuer.arn");
    Ok(format!(
        "{begin}
{},
  json_format(CAST(resources AS JSON)) AS {RESOURCES},
  {PARAMETERS}
FROM {name}
WHERE account IN ({})
  AND region IN ({})
  AND day BETWEEN '{}' AND '{}'
  AND eventtime BETWEEN '{since}T00:00:00Z' AND '{until}T23:59:59Z'
  AND useridentity.type = 'AssumedRole'
  AND eventtype = 'AwsApiCall'{roles}{grouped}",
        columns.join(",\n"),
        list(&objects.accounts),
        list(&objects.regions),
        first.replace('-', "/"),
        last.replace('-', "/"),
    ))
}

/// What stands behind `SELECT` but for the last two columns, and the end of the statement.
fn columns(shape: Shape) -> (Vec<String>, String) {
    let named = |(column, path, _): &(&str, &str, &str)| match column == path {
        true => format!("  {column}"),
        false => format!("  {path} AS {column}"),
    };
    if shape == Shape::Events {
        return (COLUMNS.iter().map(named).collect(), String::new());
    }
    let mut columns = vec![
        // The beginning of a time is its hour, `2026-11-04T08`; the rest and the id are what calls differ in.
        format!(
            "  array_join(array_agg(DISTINCT substr(eventtime, 14) || '/' || coalesce(eventid, '')), ' ') AS {EVENTS}"
        ),
        format!("  substr(eventtime, 1, 13) AS {HOUR}"),
        // Calls without an id are told apart by the request.
        "  CASE WHEN coalesce(eventid, '') = '' THEN requestid END AS requestid".to_owned(),
    ];
    columns.extend(common().map(named));
    let places: Vec<String> = (2..=columns.len() + 2).map(|place| place.to_string()).collect();
    (columns, format!("\nGROUP BY {}", places.join(", ")))
}

/// The condition that takes the sessions of some roles alone.
fn of_roles(roles: &[String], path: &str) -> String {
    let quoted: Vec<String> = roles.iter().map(|role| role.replace('\'', "''")).collect();
    match quoted.as_slice() {
        [] => String::new(),
        quoted => format!("\n  AND {path} IN ({})", list(quoted)),
    }
}

fn list(values: &[String]) -> String {
    let quoted: Vec<String> = values.iter().map(|value| format!("'{value}'")).collect();
    quoted.join(", ")
}

fn checked_day(day: &str) -> Result<&str, AthenaError> {
    match day.len() == 10 && super::moment::seconds(&format!("{day}T00:00:00Z")).is_some() {
        true => Ok(day),
        false => Err(AthenaError::Day(day.to_owned())),
    }
}

fn day_after(day: &str) -> String {
    let next = super::moment::Day::parse(day).map(|day| day.plus(1).to_string());
    next.unwrap_or_else(|| day.to_owned())
}

#[cfg(test)]
mod tests;
