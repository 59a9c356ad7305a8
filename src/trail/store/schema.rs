//! The tables of the store, and how older stores become newer ones.

use rusqlite::{Connection, Transaction};

use super::StoreError;

/// `ROLF`: what tells a store from other SQLite files.
pub(super) const APPLICATION: i32 = 0x524f_4c46;

/// The version of the tables that this program writes.
pub(super) const VERSION: i32 = 3;

/// The tables of version 2; [`ROLES`] are those that came with version 3.
const TABLES: &str = "
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE source (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, watermark TEXT);
CREATE TABLE object (
    source INTEGER NOT NULL REFERENCES source, key TEXT NOT NULL, name TEXT NOT NULL, stamp TEXT NOT NULL,
    bytes INTEGER NOT NULL, kind TEXT NOT NULL, PRIMARY KEY (source, key)) WITHOUT ROWID;
CREATE INDEX object_name ON object (name);
CREATE TABLE gap (
    source INTEGER NOT NULL REFERENCES source, key TEXT NOT NULL, line INTEGER NOT NULL, code TEXT NOT NULL,
    message TEXT NOT NULL, hint TEXT NOT NULL, PRIMARY KEY (source, key, line, code, message)) WITHOUT ROWID;
CREATE TABLE tally (what TEXT PRIMARY KEY, count INTEGER NOT NULL, marks TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE learned (access_key TEXT NOT NULL, function TEXT NOT NULL, PRIMARY KEY (access_key, function)) WITHOUT ROWID;
CREATE TABLE session (
    id INTEGER PRIMARY KEY, account TEXT NOT NULL, role TEXT NOT NULL, role_id TEXT NOT NULL, function TEXT NOT NULL,
    session TEXT NOT NULL, access_key TEXT NOT NULL, UNIQUE (account, role, role_id, function, session, access_key));
CREATE TABLE usage (
    id INTEGER PRIMARY KEY, session INTEGER NOT NULL REFERENCES session, class TEXT NOT NULL, via TEXT NOT NULL,
    denied INTEGER NOT NULL, denied_action TEXT NOT NULL, denied_policy TEXT NOT NULL, denied_explicitly INTEGER NOT NULL,
    event_source TEXT NOT NULL, event_name TEXT NOT NULL, operation TEXT NOT NULL, region TEXT NOT NULL,
    data_event INTEGER NOT NULL, apart_by TEXT NOT NULL,
    count INTEGER NOT NULL, first TEXT, last TEXT, succeeded INTEGER NOT NULL, days TEXT NOT NULL, errors TEXT NOT NULL,
    versions TEXT NOT NULL, resources TEXT NOT NULL, denied_resources TEXT NOT NULL, inputs TEXT NOT NULL,
    samples TEXT NOT NULL, marks TEXT NOT NULL,
    UNIQUE (session, event_source, event_name, region, class, via, denied, denied_action, denied_policy,
        denied_explicitly, operation, data_event, apart_by));
CREATE TABLE day (
    account TEXT NOT NULL, region TEXT NOT NULL, data TEXT NOT NULL, day TEXT NOT NULL,
    PRIMARY KEY (account, region, data, day)) WITHOUT ROWID;
CREATE TABLE window (
    source TEXT NOT NULL, account TEXT NOT NULL, region TEXT NOT NULL, category TEXT NOT NULL, principal TEXT NOT NULL,
    from_time TEXT NOT NULL, to_time TEXT NOT NULL,
    PRIMARY KEY (source, account, region, category, principal, from_time, to_time)) WITHOUT ROWID;
CREATE TABLE trail (asked TEXT NOT NULL, settings TEXT NOT NULL, PRIMARY KEY (asked, settings)) WITHOUT ROWID;
CREATE TABLE digest (
    name TEXT PRIMARY KEY, account TEXT NOT NULL, region TEXT NOT NULL, from_time TEXT NOT NULL, to_time TEXT NOT NULL)
    WITHOUT ROWID;
CREATE TABLE listed (
    digest TEXT NOT NULL REFERENCES digest, name TEXT NOT NULL, sha256 TEXT NOT NULL, PRIMARY KEY (digest, name))
    WITHOUT ROWID;
";

/// What version 3 added: objects of which only the calls of some roles were read, and what exports of other stores say of
/// such ones.
const ROLES: &str = "
CREATE TABLE role_object (
    source INTEGER NOT NULL REFERENCES source, key TEXT NOT NULL, role TEXT NOT NULL, name TEXT NOT NULL,
    stamp TEXT NOT NULL, bytes INTEGER NOT NULL, kind TEXT NOT NULL, PRIMARY KEY (source, key, role)) WITHOUT ROWID;
CREATE TABLE only_roles (roles TEXT PRIMARY KEY) WITHOUT ROWID;
";

/// Views for people: the tables keep lists as JSON.
const VIEWS: &str = "
CREATE VIEW observed AS
    SELECT usage.id, account, role, function, session.session, class, denied, event_source, event_name, operation, region,
        count, first, last, succeeded
    FROM usage JOIN session ON session.id = usage.session;
CREATE VIEW resource AS
    SELECT usage.id, kind.key AS type, CASE text.type WHEN 'array' THEN json_extract(text.value, '$[0]')
        || iif(json_extract(text.value, '$[1]'), '*', '') || json_extract(text.value, '$[2]') ELSE text.value END AS arn
    FROM usage, json_each(usage.resources) AS kind,
        json_each(iif(json_type(kind.value) = 'array', kind.value, json_extract(kind.value, '$.texts'))) AS text;
CREATE VIEW input AS
    SELECT usage.id, member.key AS member, CASE text.type WHEN 'array' THEN json_extract(text.value, '$[0]')
        || iif(json_extract(text.value, '$[1]'), '*', '') || json_extract(text.value, '$[2]') ELSE text.value END AS value
    FROM usage, json_each(usage.inputs) AS member,
        json_each(iif(json_type(member.value, '$.values') = 'array', json_extract(member.value, '$.values'),
            json_extract(member.value, '$.values.texts'))) AS text;
CREATE VIEW sample AS
    SELECT usage.id, json_extract(value, '$[0]') AS time, json_extract(value, '$[1]') AS event_id
    FROM usage, json_each(usage.samples);
";

/// What version 2 added to version 1: gaps of objects, digests, and the views.
const FROM_1: &str = "
ALTER TABLE source ADD COLUMN watermark TEXT;
CREATE TABLE trail (asked TEXT NOT NULL, settings TEXT NOT NULL, PRIMARY KEY (asked, settings)) WITHOUT ROWID;
CREATE TABLE gap (
    source INTEGER NOT NULL REFERENCES source, key TEXT NOT NULL, line INTEGER NOT NULL, code TEXT NOT NULL,
    message TEXT NOT NULL, hint TEXT NOT NULL, PRIMARY KEY (source, key, line, code, message)) WITHOUT ROWID;
CREATE TABLE digest (
    name TEXT PRIMARY KEY, account TEXT NOT NULL, region TEXT NOT NULL, from_time TEXT NOT NULL, to_time TEXT NOT NULL)
    WITHOUT ROWID;
CREATE TABLE listed (
    digest TEXT NOT NULL REFERENCES digest, name TEXT NOT NULL, sha256 TEXT NOT NULL, PRIMARY KEY (digest, name))
    WITHOUT ROWID;
";

/// Makes the tables of a new store.
pub(super) fn create(transaction: &Transaction<'_>) -> Result<(), StoreError> {
    transaction.execute_batch(TABLES)?;
    transaction.execute_batch(ROLES)?;
    transaction.execute_batch(VIEWS)?;
    mark(transaction)
}

/// Brings an older store up to date; all of it or nothing.
pub(super) fn migrate(transaction: &Transaction<'_>, from: i32) -> Result<(), StoreError> {
    if from < 2 {
        transaction.execute_batch(FROM_1)?;
        transaction.execute_batch(VIEWS)?;
    }
    if from < 3 {
        transaction.execute_batch(ROLES)?;
    }
    mark(transaction)
}

fn mark(connection: &Connection) -> Result<(), StoreError> {
    connection.pragma_update(None, "application_id", APPLICATION)?;
    connection.pragma_update(None, "user_version", VERSION)?;
    Ok(())
}

/// The version of a store's tables; `None` if it is no store.
pub(super) fn version(connection: &Connection) -> Result<Option<i32>, StoreError> {
    let pragma = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
    let application = pragma("application_id")?;
    Ok((application == APPLICATION)
        .then(|| pragma("user_version"))
        .transpose()?)
}
