#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::io::Read;

use serde_json::{Value, json};

use super::answer::{self, expected_header};
use super::*;

fn objects() -> Objects {
    Objects {
        location: "s3://logs/AWSLogs/o-abc/".to_owned(),
        accounts: vec!["111122223333".to_owned()],
        regions: vec!["eu-west-1".to_owned(), "us-east-1".to_owned()],
    }
}

fn asked(shape: Shape) -> Asked {
    Asked {
        since: "2026-10-01".to_owned(),
        until: "2026-10-31".to_owned(),
        shape,
        ..Asked::default()
    }
}

#[test]
fn statements_name_places_days_and_roles() {
    let table = table("rolefit.trail", &objects()).unwrap();
    assert!(table.contains("LOCATION 's3://logs/AWSLogs/o-abc/'"));
    assert!(table.contains("'s3://logs/AWSLogs/o-abc/${account}/CloudTrail/${region}/${day}/'"));
    assert!(table.contains("inscopeof:STRUCT<"));
    for shape in [Shape::Sums, Shape::Events] {
        let mut asked = asked(shape);
        asked.roles = vec!["arn:aws:iam::111122223333:role/o'hara".to_owned()];
        let text = query("rolefit.trail", &objects(), &asked).unwrap();
        assert!(
            text.contains("day BETWEEN '2026/10/01' AND '2026/11/01'"),
            "{text}"
        );
        assert!(text.contains("region IN ('eu-west-1', 'us-east-1')"));
        assert!(text.contains("IN ('arn:aws:iam::111122223333:role/o''hara')"));
        for column in expected_header(shape).into_iter().flatten() {
            assert!(text.contains(&column), "{column}");
        }
        // What a row of sums has in common are all columns but the list.
        assert_eq!(
            text.contains("\nGROUP BY 2, 3, 4, "),
            shape == Shape::Sums,
            "{text}"
        );
        let last = expected_header(Shape::Sums).len();
        assert_eq!(
            text.ends_with(&format!(", {last}")),
            shape == Shape::Sums,
            "{text}"
        );
        asked.delivered = Some(("2026-10-05".to_owned(), "2026-10-07".to_owned()));
        let text = query("rolefit.trail", &objects(), &asked).unwrap();
        assert!(text.contains("day BETWEEN '2026/10/05' AND '2026/10/07'"));
        assert!(text.contains("'2026-10-01T00:00:00Z' AND '2026-10-31T23:59:59Z'"));
    }
}

#[test]
fn what_cannot_stand_in_a_statement_is_refused() {
    let with = |change: &dyn Fn(&mut Objects)| {
        let mut objects = objects();
        change(&mut objects);
        query("a.b", &objects, &asked(Shape::Sums))
            .unwrap_err()
            .to_string()
    };
    assert!(with(&|objects| objects.location = "s3://x'; DROP".to_owned()).contains("no place"));
    assert!(with(&|objects| objects.accounts = vec!["1".to_owned()]).contains("twelve digits"));
    assert!(with(&|objects| objects.regions = vec!["x'y-1".to_owned()]).contains("no region"));
    assert!(with(&|objects| objects.regions.clear()).contains("at least one"));
    assert!(query("a b", &objects(), &asked(Shape::Sums)).is_err());
    let mut never = asked(Shape::Sums);
    never.since = "2026-13-01".to_owned();
    assert_eq!(
        query("a.b", &objects(), &never),
        Err(AthenaError::Day("2026-13-01".to_owned()))
    );
}

#[test]
fn a_table_of_another_place_or_with_less_will_not_do() {
    let columns = |identity: &str| -> Columns {
        let names = ["account", "region", "day", "eventid", "requestparameters"];
        let mut columns: Columns = names.map(|name| (name.to_owned(), "string".to_owned())).into();
        columns.insert("useridentity".to_owned(), identity.to_owned());
        columns.insert(
            "resources".to_owned(),
            "array<struct<arn:string,arnprefix:string>>".to_owned(),
        );
        columns
    };
    let whole = columns(
        "struct<invokedby:string,sessioncontext:struct<sessionissuer:struct<arn:string>>,\
         inscopeof:struct<credentialsissuedto:string,credentialsissuedtoversion:string>>",
    );
    let properties = |location: &str, kind: &str| {
        std::collections::BTreeMap::from([
            (
                "storage.location.template".to_owned(),
                format!("{location}${{account}}/CloudTrail/${{region}}/${{day}}"),
            ),
            ("projection.account.type".to_owned(), kind.to_owned()),
            ("projection.region.type".to_owned(), kind.to_owned()),
        ])
    };
    let place = "s3://logs/AWSLogs/";
    let fits = properties(place, "injected");
    assert_eq!(unfit(&whole, &fits, place), None);
    assert_eq!(unfit(&whole, &fits, "s3://logs/AWSLogs"), None);
    let why = |columns: &Columns, properties, place| unfit(columns, &properties, place).unwrap();
    assert!(why(&columns("struct<type:string>"), fits.clone(), place).contains("no `inscopeof`"));
    assert!(why(&whole, fits, "s3://other/AWSLogs/").contains("looks for objects at"));
    assert!(why(&whole, properties(place, "enum"), place).contains("some values alone"));
    assert!(default_table(place).starts_with("rolefit.trail_"));
    assert_eq!(default_table(place), default_table("s3://logs/AWSLogs"));
    assert_ne!(default_table(place), default_table("s3://logs/AWSLogs/o-abc/"));
}

/// An answer with these rows.
fn csv(shape: Shape, rows: &[String]) -> String {
    let header: Vec<String> = expected_header(shape)
        .into_iter()
        .flatten()
        .map(|column| format!("\"{column}\""))
        .collect();
    let mut lines = vec![header.join(",")];
    lines.extend(rows.iter().cloned());
    lines.join("\n") + "\n"
}

/// A row with some columns; all others are `NULL`.
fn row(shape: Shape, known: &[(&str, &str)]) -> String {
    let columns = expected_header(shape).into_iter().flatten();
    let fields: Vec<String> = columns
        .map(
            |column| match known.iter().find(|(name, _)| *name == column.as_str()) {
                Some((_, text)) => format!("\"{}\"", text.replace('"', "\"\"")),
                None => String::new(),
            },
        )
        .collect();
    fields.join(",")
}

type Found = Vec<(u32, Result<Value, String>)>;

fn read(text: &str) -> Found {
    let mut found = Found::new();
    answer::read(text, &mut |line, record| {
        let record = record.map(|record| serde_json::from_str(record).unwrap());
        found.push((line, record.map_err(str::to_owned)));
    });
    found
}

/// Gives a few bytes at a time.
struct Slow<'t>(&'t [u8]);

impl Read for Slow<'_> {
    fn read(&mut self, room: &mut [u8]) -> std::io::Result<usize> {
        let count = 5.min(room.len()).min(self.0.len());
        room[..count].copy_from_slice(&self.0[..count]);
        self.0 = &self.0[count..];
        Ok(count)
    }
}

#[test]
fn rows_become_records() {
    let whole = row(
        Shape::Events,
        &[
            ("eventid", "e-1"),
            ("eventname", "GetItem"),
            ("errormessage", "two\nlines, \"quoted\""),
            ("scope_function", "arn:f"),
            (
                "resources_json",
                r#"[{"arn":"arn:t","arnprefix":null,"type":"T"}]"#,
            ),
            ("requestparameters", r#"{"tableName":"orders"}"#),
        ],
    );
    let text = csv(Shape::Events, &[whole, "\"e-2\",\"cut\"".to_owned()]);
    assert!(is_answer(&text));
    let found = read(&text);
    assert_eq!(
        found[0].1.as_ref().unwrap(),
        &json!({
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

#[test]
fn a_sum_becomes_the_records_that_it_stands_for() {
    let sum = row(
        Shape::Sums,
        &[
            ("events", ":03:04Z/e-1 :59:00Z/e-2"),
            ("eventhour", "2026-11-04T08"),
            ("eventname", "GetItem"),
            ("requestparameters", r#"{"tableName":"orders"}"#),
        ],
    );
    let nameless = row(
        Shape::Sums,
        &[
            ("events", ":03:04Z/"),
            ("eventhour", "2026-11-04T09"),
            ("requestid", "r-1"),
            ("eventname", "Query"),
        ],
    );
    let broken = row(Shape::Sums, &[("events", "x")]);
    let text = csv(Shape::Sums, &[sum, nameless, broken]);
    assert!(is_answer(&text));
    let found = read(&text);
    let event = |id: &str, time: &str| {
        json!({"eventID": id, "eventTime": time, "eventName": "GetItem", "resources": null,
            "requestParameters": {"tableName": "orders"}})
    };
    assert_eq!(found[0], (2, Ok(event("e-1", "2026-11-04T08:03:04Z"))));
    assert_eq!(found[1], (2, Ok(event("e-2", "2026-11-04T08:59:00Z"))));
    let third = found[2].1.as_ref().unwrap();
    assert_eq!(
        (&third["eventID"], &third["requestID"]),
        (&json!(""), &json!("r-1"))
    );
    assert_eq!(third["eventTime"], "2026-11-04T09:03:04Z");
    assert_eq!(found[3], (4, Err("`x` is no time and id".to_owned())));
    assert_eq!(found.len(), 4);
}

#[test]
fn answers_of_any_size_are_read_like_small_ones() {
    let rows: Vec<String> = (0..50)
        .map(|at| {
            let message = format!("line {at}\n\"more\"");
            row(
                Shape::Events,
                &[("eventid", &format!("e-{at}")), ("errormessage", &message)],
            )
        })
        .collect();
    let text = csv(Shape::Events, &rows);
    let mut found = Found::new();
    let mut tell = |line: u32, record: Result<&str, &str>| {
        let record = record.map(|record| serde_json::from_str(record).unwrap());
        found.push((line, record.map_err(str::to_owned)));
    };
    let (begun, rest) = text.as_bytes().split_at(700);
    answer::read_stream(&mut Slow(rest), begun, &mut tell).unwrap();
    assert_eq!(found, read(&text));
    assert_eq!(found.len(), 50);
    // Every row has two lines.
    assert_eq!(found[49].0, 2 + 2 * 49);
}

#[test]
fn lake_has_the_same_columns() {
    let asked = |store: &str, scope| LakeAsked {
        store: store.to_owned(),
        from: "2026-11-04T00:00:00Z".to_owned(),
        to: "2026-11-05T00:00:00Z".to_owned(),
        roles: Vec::new(),
        scope,
    };
    let id = "12345678-abcd-4abc-8abc-1234567890ab";
    let arn = format!("arn:aws:cloudtrail:eu-west-1:111122223333:eventdatastore/{id}");
    let query = lake_query(&asked(&arn, Scope::AsRecorded)).unwrap();
    assert!(query.contains(&format!("FROM {id}\n")), "{query}");
    assert!(
        query.contains("eventtime >= timestamp '2026-11-04 00:00:00'"),
        "{query}"
    );
    for column in expected_header(Shape::Events).into_iter().flatten() {
        assert!(query.contains(&column), "{column}");
    }
    assert!(query.contains("useridentity.inscopeof.credentialsissuedto AS"));
    let query = lake_query(&asked(id, Scope::AsDescribed)).unwrap();
    assert!(query.contains("useridentity.inscopeof.credentiaisissuedto AS"));
    let query = lake_query(&asked(id, Scope::Absent)).unwrap();
    assert!(!query.contains("inscopeof"), "{query}");
    assert!(lake_query(&asked("orders; DROP", Scope::Absent)).is_err());
}

#[test]
fn nested_parameters_of_lake_are_unfolded() {
    let row = std::collections::BTreeMap::from(
        [
            ("eventid", "e-1"),
            ("eventname", "GetItem"),
            ("errorcode", "null"),
            ("resources_json", ""),
            (
                "requestparameters",
                r#"{"tableName":"orders","key":"{\"items\":[1]}","odd":"{x"}"#,
            ),
        ]
        .map(|(column, text)| (column.to_owned(), text.to_owned())),
    );
    let record: Value = serde_json::from_str(&lake_record(&row).unwrap()).unwrap();
    assert_eq!(
        record,
        json!({"eventID": "e-1", "eventName": "GetItem", "resources": null,
            "requestParameters": {"tableName": "orders", "key": {"items": [1]}, "odd": "{x"}})
    );
    assert!(lake_record(&std::collections::BTreeMap::new()).is_err());
}
