//! Trails that are read where they lie: statements for Amazon Athena, and the rows that it answers with.
//!
//! The query takes the calls that sessions of roles made, with every field that this reader looks at, so that the rows fold
//! into the same observations as the objects themselves. Calls of services and people stay where they are: what a trail holds
//! of them is not counted. The table has a column for `inScopeOf`, which names the function, and which the table of AWS's own
//! guide lacks. <https://docs.aws.amazon.com/athena/latest/ug/cloudtrail-logs.html>,
//! <https://docs.aws.amazon.com/athena/latest/ug/partition-projection.html>

use serde_json::{Map, Value};

/// Columns of the answer, and the fields of a record that they are; the same order in query and rows.
const COLUMNS: [(&str, &str, &str); 24] = [
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
const RESOURCES: &str = "resources_json";
const PARAMETERS: &str = "requestparameters";

/// Where trail objects lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Objects {
    /// Up to the accounts: `s3://bucket/prefix/AWSLogs/`, of an organization with its id behind.
    pub location: String,
    /// Twelve digits each.
    pub accounts: Vec<String>,
    /// Such as `eu-west-1`.
    pub regions: Vec<String>,
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// First day, `2026-11-04`.
    pub since: String,
    /// Last day.
    pub until: String,
    /// ARNs of roles; all of them when empty.
    pub roles: Vec<String>,
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
    /// Nothing is named.
    #[error("name at least one account and one region")]
    Nothing,
}

/// The statement that makes the table. Its partitions follow from their names, so that none has to be loaded.
///
/// # Errors
/// Names that cannot stand in a statement.
pub fn table(name: &str, objects: &Objects, since: &str) -> Result<String, AthenaError> {
    checked_table(name)?;
    checked_objects(objects)?;
    let first = checked_day(since)?.replace('-', "/");
    let location = objects.location.trim_end_matches('/');
    let (accounts, regions) = (objects.accounts.join(","), objects.regions.join(","));
    Ok(format!(
        "CREATE EXTERNAL TABLE IF NOT EXISTS {name} (
  eventversion STRING,
  useridentity STRUCT<
    type:STRING, principalid:STRING, arn:STRING, accountid:STRING, invokedby:STRING, accesskeyid:STRING,
    sessioncontext:STRUCT<sessionissuer:STRUCT<type:STRING, principalid:STRING, arn:STRING, accountid:STRING>>,
    inscopeof:STRUCT<issuertype:STRING, credentialsissuedto:STRING, credentialsissuedtoversion:STRING>>,
  eventtime STRING,
  eventsource STRING,
  eventname STRING,
  awsregion STRING,
  useragent STRING,
  errorcode STRING,
  errormessage STRING,
  requestparameters STRING,
  requestid STRING,
  eventid STRING,
  resources ARRAY<STRUCT<arn:STRING, arnprefix:STRING, type:STRING>>,
  eventtype STRING,
  recipientaccountid STRING,
  eventcategory STRING)
PARTITIONED BY (account STRING, region STRING, day STRING)
ROW FORMAT SERDE 'org.apache.hive.hcatalog.data.JsonSerDe'
STORED AS INPUTFORMAT 'com.amazon.emr.cloudtrail.CloudTrailInputFormat'
OUTPUTFORMAT 'org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat'
LOCATION '{location}/'
TBLPROPERTIES (
  'projection.enabled' = 'true',
  'projection.account.type' = 'enum', 'projection.account.values' = '{accounts}',
  'projection.region.type' = 'enum', 'projection.region.values' = '{regions}',
  'projection.day.type' = 'date', 'projection.day.format' = 'yyyy/MM/dd', 'projection.day.range' = '{first},NOW',
  'projection.day.interval' = '1', 'projection.day.interval.unit' = 'DAYS',
  'storage.location.template' = '{location}/${{account}}/CloudTrail/${{region}}/${{day}}/')"
    ))
}

/// The statement that asks for the calls of roles in a span of days.
///
/// Objects lie under the day on which they were delivered, which can be the next one.
///
/// # Errors
/// Names that cannot stand in a statement.
pub fn query(name: &str, objects: &Objects, asked: &Asked) -> Result<String, AthenaError> {
    checked_table(name)?;
    checked_objects(objects)?;
    let (since, until) = (checked_day(&asked.since)?, checked_day(&asked.until)?);
    let columns: Vec<String> = COLUMNS
        .iter()
        .map(|(column, path, _)| match column == path {
            true => format!("  {column}"),
            false => format!("  {path} AS {column}"),
        })
        .collect();
    let list = |values: &[String]| {
        let quoted: Vec<String> = values.iter().map(|value| format!("'{value}'")).collect();
        quoted.join(", ")
    };
    let roles = match asked.roles.is_empty() {
        true => String::new(),
        false => {
            let quoted: Vec<String> = asked.roles.iter().map(|role| role.replace('\'', "''")).collect();
            format!(
                "\n  AND useridentity.sessioncontext.sessionissuer.arn IN ({})",
                list(&quoted)
            )
        }
    };
    Ok(format!(
        "SELECT DISTINCT
{},
  json_format(CAST(resources AS JSON)) AS {RESOURCES},
  {PARAMETERS}
FROM {name}
WHERE account IN ({})
  AND region IN ({})
  AND day BETWEEN '{}' AND '{}'
  AND eventtime BETWEEN '{since}T00:00:00Z' AND '{until}T23:59:59Z'
  AND useridentity.type = 'AssumedRole'
  AND eventtype = 'AwsApiCall'{roles}",
        columns.join(",\n"),
        list(&objects.accounts),
        list(&objects.regions),
        since.replace('-', "/"),
        day_after(until).replace('-', "/"),
    ))
}

fn checked_table(name: &str) -> Result<(), AthenaError> {
    let word = |word: &str| {
        !word.is_empty()
            && word
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    match name.split_once('.') {
        Some((database, table)) if word(database) && word(table) => Ok(()),
        _ => Err(AthenaError::Table(name.to_owned())),
    }
}

fn checked_objects(objects: &Objects) -> Result<(), AthenaError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./!*()=+@,:&".contains(&byte);
    let path = objects.location.strip_prefix("s3://").unwrap_or_default();
    if path.is_empty() || !path.bytes().all(plain) {
        return Err(AthenaError::Location(objects.location.clone()));
    }
    for account in &objects.accounts {
        if account.len() != 12 || !account.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(AthenaError::Account(account.clone()));
        }
    }
    for region in &objects.regions {
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if !region.contains('-') || !region.bytes().all(fits) {
            return Err(AthenaError::Region(region.clone()));
        }
    }
    match objects.accounts.is_empty() || objects.regions.is_empty() {
        true => Err(AthenaError::Nothing),
        false => Ok(()),
    }
}

fn checked_day(day: &str) -> Result<&str, AthenaError> {
    match day.len() == 10 && super::moment::seconds(&format!("{day}T00:00:00Z")).is_some() {
        true => Ok(day),
        false => Err(AthenaError::Day(day.to_owned())),
    }
}

fn day_after(day: &str) -> String {
    let next = super::moment::seconds(&format!("{day}T00:00:00Z")).map(|seconds| seconds + 86_400);
    let stamp = next.map(super::moment::of_seconds).unwrap_or_default();
    stamp.get(..10).unwrap_or(day).to_owned()
}

/// Whether a text begins like the answer to [`query`], as Athena writes it to its bucket.
pub(super) fn is_answer(text: &str) -> bool {
    let header = || Some(rows(text).next()?.1);
    text.starts_with("\"eventid\"") && header().is_some_and(|header| header == expected_header())
}

fn expected_header() -> Vec<Option<String>> {
    let columns = COLUMNS.iter().map(|(column, ..)| *column);
    columns
        .chain([RESOURCES, PARAMETERS])
        .map(|column| Some(column.to_owned()))
        .collect()
}

/// The records of an answer as JSON, each with its line; or what is wrong with the row.
pub(super) fn records(text: &str) -> impl Iterator<Item = (u32, Result<String, String>)> + '_ {
    rows(text).skip(1).map(|(line, row)| (line, record(row)))
}

/// A row as the record that it was.
fn record(row: Vec<Option<String>>) -> Result<String, String> {
    let wanted = COLUMNS.len() + 2;
    if row.len() != wanted {
        return Err(format!("the row has {} columns, not {wanted}", row.len()));
    }
    let mut fields = row.into_iter();
    let mut record = Map::new();
    for (_, _, path) in COLUMNS {
        if let Some(text) = fields.next().flatten() {
            set(&mut record, path, Value::String(text));
        }
    }
    let (resources, parameters) = (fields.next().flatten(), fields.next().flatten());
    let json = |text: Option<String>, what: &str| match text {
        None => Ok(Value::Null),
        Some(text) => serde_json::from_str(&text).map_err(|error| format!("{what}: {error}")),
    };
    let resources = match json(resources, "resources")? {
        Value::Array(all) => Value::Array(all.into_iter().map(resource).collect()),
        _ => Value::Null,
    };
    record.insert("resources".to_owned(), resources);
    record.insert(
        "requestParameters".to_owned(),
        json(parameters, "requestParameters")?,
    );
    Ok(Value::Object(record).to_string())
}

/// Puts a value at a dotted path.
fn set(record: &mut Map<String, Value>, path: &str, value: Value) {
    match path.split_once('.') {
        None => {
            record.insert(path.to_owned(), value);
        }
        Some((first, rest)) => {
            let inner = record
                .entry(first.to_owned())
                .or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(inner) = inner {
                set(inner, rest, value);
            }
        }
    }
}

/// A resource by the names of records; what is null was not there.
fn resource(value: Value) -> Value {
    let Value::Object(fields) = value else {
        return value;
    };
    let named = |name: String| match name.as_str() {
        "arnprefix" => "ARNPrefix".to_owned(),
        "arn" => "ARN".to_owned(),
        _ => name,
    };
    let present = fields.into_iter().filter(|(_, value)| !value.is_null());
    Value::Object(present.map(|(name, value)| (named(name), value)).collect())
}

/// The rows of a CSV text with their lines; an empty field without quotes is `NULL`.
fn rows(text: &str) -> impl Iterator<Item = (u32, Vec<Option<String>>)> + '_ {
    let mut rest = text;
    let mut line = 1_u32;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let begun = line;
        let mut row = Vec::new();
        loop {
            let (field, after) = field(rest);
            let read = rest.len() - after.len();
            let breaks = rest.get(..read).unwrap_or_default().matches('\n').count();
            line = line.saturating_add(u32::try_from(breaks).unwrap_or(u32::MAX));
            row.push(field);
            rest = after;
            if let Some(after) = rest.strip_prefix(',') {
                rest = after;
                continue;
            }
            rest = rest.strip_prefix('\r').unwrap_or(rest);
            rest = rest.strip_prefix('\n').unwrap_or(rest);
            line = line.saturating_add(1);
            return Some((begun, row));
        }
    })
}

/// The first field of a text, and what follows it. A quoted field that does not end reaches to the end of the text.
fn field(text: &str) -> (Option<String>, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([',', '\n', '\r']).unwrap_or(text.len());
        let (field, after) = text.split_at_checked(end).unwrap_or((text, ""));
        return ((!field.is_empty()).then(|| field.to_owned()), after);
    };
    let mut field = String::new();
    let mut rest = quoted;
    while let Some((before, after)) = rest.split_once('"') {
        field.push_str(before);
        match after.strip_prefix('"') {
            Some(more) => {
                field.push('"');
                rest = more;
            }
            None => {
                // What stands between the quote and the comma belongs to no field.
                let end = after.find([',', '\n', '\r']).unwrap_or(after.len());
                return (Some(field), after.get(end..).unwrap_or_default());
            }
        }
    }
    field.push_str(rest);
    (Some(field), "")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
mod tests {
    use super::*;

    fn objects() -> Objects {
        Objects {
            location: "s3://logs/AWSLogs/o-abc/".to_owned(),
            accounts: vec!["111122223333".to_owned()],
            regions: vec!["eu-west-1".to_owned(), "us-east-1".to_owned()],
        }
    }

    fn asked() -> Asked {
        Asked {
            since: "2026-10-01".to_owned(),
            until: "2026-10-31".to_owned(),
            roles: Vec::new(),
        }
    }

    #[test]
    fn statements_name_places_days_and_roles() {
        let table = table("rolefit.trail", &objects(), "2026-10-01").unwrap();
        assert!(table.contains("LOCATION 's3://logs/AWSLogs/o-abc/'"));
        assert!(table.contains("'s3://logs/AWSLogs/o-abc/${account}/CloudTrail/${region}/${day}/'"));
        assert!(table.contains("inscopeof:STRUCT<"));
        assert!(table.contains("'2026/10/01,NOW'"));
        let mut asked = asked();
        asked.roles = vec!["arn:aws:iam::111122223333:role/o'hara".to_owned()];
        let query = query("rolefit.trail", &objects(), &asked).unwrap();
        assert!(
            query.contains("day BETWEEN '2026/10/01' AND '2026/11/01'"),
            "{query}"
        );
        assert!(query.contains("region IN ('eu-west-1', 'us-east-1')"));
        assert!(query.contains("IN ('arn:aws:iam::111122223333:role/o''hara')"));
        for (column, ..) in COLUMNS {
            assert!(query.contains(column), "{column}");
        }
    }

    #[test]
    fn what_cannot_stand_in_a_statement_is_refused() {
        let with = |change: &dyn Fn(&mut Objects)| {
            let mut objects = objects();
            change(&mut objects);
            query("a.b", &objects, &asked()).unwrap_err().to_string()
        };
        assert!(with(&|objects| objects.location = "s3://x'; DROP".to_owned()).contains("no place"));
        assert!(with(&|objects| objects.accounts = vec!["1".to_owned()]).contains("twelve digits"));
        assert!(with(&|objects| objects.regions = vec!["x'y-1".to_owned()]).contains("no region"));
        assert!(with(&|objects| objects.regions.clear()).contains("at least one"));
        assert!(query("a b", &objects(), &asked()).is_err());
        let mut never = asked();
        never.since = "2026-13-01".to_owned();
        assert_eq!(
            query("a.b", &objects(), &never),
            Err(AthenaError::Day("2026-13-01".to_owned()))
        );
    }

    fn answer(rows: &[&str]) -> String {
        let header: Vec<String> = expected_header()
            .into_iter()
            .flatten()
            .map(|column| format!("\"{column}\""))
            .collect();
        let mut lines = vec![header.join(",")];
        lines.extend(rows.iter().map(|row| (*row).to_owned()));
        lines.join("\n") + "\n"
    }

    #[test]
    fn rows_become_records() {
        let mut row = vec!["\"e-1\"".to_owned()];
        row.extend((1..COLUMNS.len()).map(|at| match COLUMNS[at].0 {
            "eventname" => "\"GetItem\"".to_owned(),
            "errormessage" => "\"two\nlines, \"\"quoted\"\"\"".to_owned(),
            "scope_function" => "\"arn:f\"".to_owned(),
            _ => String::new(),
        }));
        row.push(r#""[{""arn"":""arn:t"",""arnprefix"":null,""type"":""T""}]""#.to_owned());
        row.push(r#""{""tableName"":""orders""}""#.to_owned());
        let text = answer(&[&row.join(","), "\"e-2\",\"cut\""]);
        assert!(is_answer(&text));
        let found: Vec<(u32, Result<String, String>)> = records(&text).collect();
        let record: Value = serde_json::from_str(found[0].1.as_ref().unwrap()).unwrap();
        assert_eq!(
            record,
            serde_json::json!({
                "eventID": "e-1", "eventName": "GetItem", "errorMessage": "two\nlines, \"quoted\"",
                "userIdentity": {"inScopeOf": {"credentialsIssuedTo": "arn:f"}},
                "resources": [{"ARN": "arn:t", "type": "T"}],
                "requestParameters": {"tableName": "orders"},
            })
        );
        assert_eq!(found[1], (4, Err("the row has 2 columns, not 26".to_owned())));
        assert!(!is_answer("\"eventid\",\"other\"\n"));
        assert!(!is_answer("eventid"));
    }
}
