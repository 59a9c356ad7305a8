//! The table over a trail's objects: its statement, its name, and whether a table that is there will do.
//!
//! Accounts and regions are `injected` partitions: whatever values a query names are looked for, so that one table serves
//! every account, region and day of a place. <https://docs.aws.amazon.com/athena/latest/ug/partition-projection-supported-types.html>

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

use super::{AthenaError, Objects};

/// The columns of a table, in lower case, with their types; partitions among them.
pub type Columns = BTreeMap<String, String>;

/// The first day of which CloudTrail can have written objects.
const FIRST_DAY: &str = "2013/11/01";

/// The table for a place that nobody gave a name for: another place has another one.
pub fn default_table(location: &str) -> String {
    let hash = Sha256::digest(format!("{}/", location.trim_end_matches('/')).as_bytes());
    let hash: String = hash.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    format!("rolefit.trail_{hash}")
}

/// The statement that makes the table. Its partitions follow from their names, so that none has to be loaded.
///
/// # Errors
/// Names that cannot stand in a statement.
pub fn table(name: &str, objects: &Objects) -> Result<String, AthenaError> {
    checked_table(name)?;
    checked_objects(objects)?;
    let location = objects.location.trim_end_matches('/');
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
  'projection.account.type' = 'injected',
  'projection.region.type' = 'injected',
  'projection.day.type' = 'date', 'projection.day.format' = 'yyyy/MM/dd', 'projection.day.range' = '{FIRST_DAY},NOW',
  'projection.day.interval' = '1', 'projection.day.interval.unit' = 'DAYS',
  'storage.location.template' = '{}')",
        template(location)
    ))
}

/// Where the table looks for a partition.
fn template(location: &str) -> String {
    let location = location.trim_end_matches('/');
    format!("{location}/${{account}}/CloudTrail/${{region}}/${{day}}/")
}

/// Why a table that is there will not do, if it will not: its columns, partitions and properties as the catalogue has them.
/// A table without `inScopeOf` would lose which function called, and one of another place gives another trail, both silently.
pub fn unfit(columns: &Columns, properties: &BTreeMap<String, String>, location: &str) -> Option<String> {
    for column in [
        "account",
        "region",
        "day",
        "eventid",
        "resources",
        "requestparameters",
    ] {
        if !columns.contains_key(column) {
            return Some(format!("it has no column `{column}`"));
        }
    }
    let identity = columns.get("useridentity").map_or("", String::as_str);
    for field in [
        "inscopeof",
        "credentialsissuedtoversion",
        "sessionissuer",
        "invokedby",
    ] {
        if !identity.to_ascii_lowercase().contains(field) {
            return Some(format!("its column `useridentity` has no `{field}`"));
        }
    }
    let resources = columns.get("resources").map_or("", String::as_str);
    if !resources.to_ascii_lowercase().contains("arnprefix") {
        return Some("its column `resources` has no `arnprefix`".to_owned());
    }
    let wanted = template(location);
    match properties.get("storage.location.template") {
        Some(found) if found.trim_end_matches('/') == wanted.trim_end_matches('/') => {}
        Some(found) => return Some(format!("it looks for objects at `{found}`, not at `{wanted}`")),
        None => return Some("its partitions do not follow from their names".to_owned()),
    }
    // A list of values leaves out what is not in it, without a word.
    for column in ["account", "region"] {
        let kind = properties.get(&format!("projection.{column}.type"));
        if kind.is_none_or(|kind| !kind.eq_ignore_ascii_case("injected")) {
            return Some(format!(
                "its partition `{column}` knows some values alone (it is not `injected`)"
            ));
        }
    }
    None
}

pub(super) fn checked_table(name: &str) -> Result<(), AthenaError> {
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

pub(super) fn checked_objects(objects: &Objects) -> Result<(), AthenaError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./!*()=+@,:&".contains(&byte);
    let path = objects.location.strip_prefix("s3://").unwrap_or_default();
    if path.is_empty() || !path.bytes().all(plain) {
        return Err(AthenaError::Location(objects.location.clone()));
    }
    for account in &objects.accounts {
        if !crate::trail::keys::is_account(account) {
            return Err(AthenaError::Account(account.clone()));
        }
    }
    for region in &objects.regions {
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if !region.contains('-') || !region.bytes().all(fits) {
            return Err(AthenaError::Region(region.clone()));
        }
    }
    Ok(())
}
