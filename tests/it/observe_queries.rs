//! `rolefit observe` through Athena and CloudTrail Lake, played by a server that answers queries over the demo's trail.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};

use serde_json::{Value, json};

use crate::cloud::{self, Asked, Bucket, Reply, Request, operations, serve};

const TRAIL: &str = "docs/demo/orders/trail";
/// 2026-11-20T12:00:00Z: two days after the last event of the demo's trail.
const NOW: &str = "1795176000";
const SOURCE: &str = "athena:s3://audit-logs";

fn command(arguments: &[&str], endpoint: &str) -> Command {
    let mut command = cloud::rolefit(endpoint);
    command.args(arguments).env("SOURCE_DATE_EPOCH", NOW);
    command
}

fn observe(store: &Path, arguments: &[&str], endpoint: &str) -> Output {
    let store = store.to_str().unwrap();
    command(&[&["observe", "--store", store], arguments].concat(), endpoint)
        .output()
        .unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[track_caller]
fn passed(output: &Output) {
    assert_eq!(output.status.code(), Some(0), "{}", said(output));
}

/// What a store holds of the calls of roles: all but what counts the events of others, and the objects.
fn content(store: &Path) -> Value {
    let output = command(&["observe", "export", "--store", store.to_str().unwrap()], "")
        .output()
        .unwrap();
    passed(&output);
    let export: Value = serde_json::from_slice(&output.stdout).unwrap();
    json!([export["usage"], export["learned"]])
}

/// What the folder gives that the bucket is made of.
fn of_folder() -> Value {
    let home = tempfile::tempdir().unwrap();
    let store = home.path().join("usage.db");
    passed(&observe(&store, &["--from", &format!("{TRAIL}/AWSLogs")], ""));
    content(&store)
}

/// The queries that were asked over the trail.
fn queries(asked: &Asked) -> Vec<String> {
    operations(asked, "StartQueryExecution")
        .into_iter()
        .map(|request| request.json["QueryString"].as_str().unwrap().to_owned())
        .filter(|query| query.starts_with("SELECT"))
        .collect()
}

/// What stands between two marks.
fn between<'t>(text: &'t str, begin: &str, end: &str) -> &'t str {
    let (_, rest) = text
        .split_once(begin)
        .unwrap_or_else(|| panic!("no {begin}: {text}"));
    rest.split_once(end).unwrap().0
}

/// Names in lower case, as the table has them.
fn lower(value: &Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| (name.to_lowercase(), lower(value)))
            .collect(),
        Value::Array(items) => items.iter().map(lower).collect(),
        other => other.clone(),
    }
}

fn text(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// The value of a column of the query, for a record.
fn column(written: &str, record: &Value, inner: &Value) -> Option<String> {
    let (path, _) = written.split_once(" AS ").unwrap_or((written, ""));
    let time = record["eventTime"].as_str().unwrap();
    let id = record["eventID"].as_str().unwrap_or_default();
    match path {
        path if path.starts_with("substr(") => Some(time[..13].to_owned()),
        path if path.starts_with("CASE ") => text(record.get("requestID")).filter(|_| id.is_empty()),
        path if path.starts_with("json_format(CAST(resources") => text(inner.get("resources")),
        "requestparameters" => text(record.get("requestParameters")),
        path => text(path.split('.').try_fold(inner, |value, part| value.get(part))),
    }
}

/// Athena over a bucket: workgroup, catalogue, queries, and the answers in a bucket of their own.
struct Athena {
    trail: Bucket,
    group: Value,
    tables: Mutex<BTreeMap<String, Value>>,
    /// Queries by their tokens, so that none runs twice.
    started: Mutex<Vec<(String, String)>>,
    answers: Mutex<Bucket>,
}

impl Athena {
    fn new() -> Self {
        Self {
            trail: Bucket::of_folder(TRAIL, 1_000),
            group: json!({"Name": "primary", "State": "ENABLED", "Configuration":
                {"ResultConfiguration": {"OutputLocation": "s3://answers/athena/"}}}),
            tables: Mutex::default(),
            started: Mutex::default(),
            answers: Mutex::default(),
        }
    }

    fn with(settings: Value) -> Self {
        let mut athena = Self::new();
        for (name, value) in settings.as_object().unwrap() {
            athena.group["Configuration"][name] = value.clone();
        }
        athena
    }

    fn answer(&self, request: &Request) -> Reply {
        let asked = &request.json;
        let name = |member: &str| asked[member].as_str().unwrap_or_default().to_owned();
        match request.operation.as_str() {
            "GetObject" if request.bucket == "answers" => {
                self.answers.lock().unwrap().answer(request).unwrap()
            }
            "ListObjectsV2" => self.trail.answer(request).unwrap(),
            "GetWorkGroup" => Reply::json(&json!({"WorkGroup": self.group})),
            "GetTableMetadata" => {
                let table = format!("{}.{}", name("DatabaseName"), name("TableName"));
                match self.tables.lock().unwrap().get(&table) {
                    Some(found) => Reply::json(&json!({"TableMetadata": found})),
                    None => {
                        Reply::json_error("MetadataException", "EntityNotFoundException: Entity Not Found")
                    }
                }
            }
            "StartQueryExecution" => {
                let (token, statement) = (name("ClientRequestToken"), name("QueryString"));
                assert!(token.len() >= 32, "{token}");
                let mut started = self.started.lock().unwrap();
                let known = started.iter().position(|(known, _)| *known == token);
                let number = known.unwrap_or_else(|| {
                    self.execute(&statement, started.len());
                    started.push((token, statement));
                    started.len() - 1
                });
                Reply::json(&json!({"QueryExecutionId": format!("q-{number}")}))
            }
            "GetQueryExecution" => {
                let id = name("QueryExecutionId");
                Reply::json(
                    &json!({"QueryExecution": {"QueryExecutionId": id, "Status": {"State": "SUCCEEDED"},
                    "Statistics": {"DataScannedInBytes": 1_000_000},
                    "ResultConfiguration": {"OutputLocation": format!("s3://answers/{id}.csv")}}}),
                )
            }
            other => panic!("unexpected {other}"),
        }
    }

    fn execute(&self, statement: &str, number: usize) {
        if let Some(rest) = statement.strip_prefix("CREATE EXTERNAL TABLE IF NOT EXISTS ") {
            let name = rest.split(' ').next().unwrap().to_owned();
            let template = between(rest, "'storage.location.template' = '", "'");
            let column = |name: &str, kind: &str| json!({"Name": name, "Type": kind});
            let identity = between(rest, "useridentity ", "  eventtime ").to_lowercase();
            let found = json!({"Name": name, "Columns": [column("useridentity", &identity), column("eventid", "string"),
                    column("resources", "array<struct<arnprefix:string>>"), column("requestparameters", "string")],
                "PartitionKeys": [column("account", "string"), column("region", "string"), column("day", "string")],
                "Parameters": {"storage.location.template": template, "projection.account.type": "injected",
                    "projection.region.type": "injected"}});
            self.tables.lock().unwrap().insert(name, found);
        }
        if statement.starts_with("SELECT") {
            let mut answers = self.answers.lock().unwrap();
            let csv = self.select(statement).into_bytes();
            answers.objects.insert(format!("q-{number}.csv"), csv);
        }
    }

    /// What a query gives, read word by word out of its text.
    fn select(&self, query: &str) -> String {
        let days = between(query, "day BETWEEN '", "'\n")
            .split_once("' AND '")
            .unwrap();
        let times = between(query, "eventtime BETWEEN '", "'\n")
            .split_once("' AND '")
            .unwrap();
        let columns: Vec<&str> = query
            .lines()
            .skip(1)
            .take_while(|line| !line.starts_with("FROM"))
            .map(|line| line.trim().trim_end_matches(','))
            .collect();
        let sums = columns[0].starts_with("array_join(");
        let mut rows: BTreeMap<Vec<Option<String>>, BTreeSet<String>> = BTreeMap::new();
        for (key, bytes) in &self.trail.objects {
            let parts: Vec<&str> = key.split('/').collect();
            let [_, account, "CloudTrail", region, year, month, day, _] = parts[..] else {
                continue;
            };
            let day = format!("{year}/{month}/{day}");
            let wanted = query.contains(&format!("'{account}'")) && query.contains(&format!("'{region}'"));
            if !wanted || day.as_str() < days.0 || day.as_str() > days.1 {
                continue;
            }
            let mut object = String::new();
            flate2::read::GzDecoder::new(bytes.as_slice())
                .read_to_string(&mut object)
                .unwrap();
            let object: Value = serde_json::from_str(&object).unwrap();
            for record in object["Records"].as_array().unwrap() {
                let time = record["eventTime"].as_str().unwrap_or_default();
                let is_call =
                    record["userIdentity"]["type"] == "AssumedRole" && record["eventType"] == "AwsApiCall";
                if !is_call || time < times.0 || time > times.1 {
                    continue;
                }
                let inner = lower(record);
                let own = columns.iter().skip(usize::from(sums));
                let row = own.map(|written| column(written, record, &inner)).collect();
                let id = record["eventID"].as_str().unwrap_or_default();
                rows.entry(row)
                    .or_default()
                    .insert(format!("{}/{id}", &time[13..]));
            }
        }
        let header = columns.iter().map(|written| {
            let (path, name) = written.rsplit_once(" AS ").unwrap_or((written, written));
            Some(if name.is_empty() { path } else { name }.to_owned())
        });
        let mut csv = line(header);
        for (row, events) in rows {
            let events = Vec::from_iter(events).join(" ");
            csv += &line(sums.then_some(Some(events)).into_iter().chain(row));
        }
        csv
    }
}

fn line(fields: impl Iterator<Item = Option<String>>) -> String {
    let quoted = |field: Option<String>| match field {
        Some(text) => format!("\"{}\"", text.replace('"', "\"\"")),
        None => String::new(),
    };
    fields.map(quoted).collect::<Vec<String>>().join(",") + "\n"
}

#[test]
fn athena_gives_what_the_folder_gives_and_reads_nothing_twice() {
    let athena = Athena::with(json!({"BytesScannedCutoffPerQuery": 10_000_000,
        "ResultConfiguration": {"OutputLocation": "s3://answers/athena/"}}));
    let (endpoint, asked) = serve(move |request| athena.answer(request));
    let home = tempfile::tempdir().unwrap();
    let store = home.path().join("usage.db");
    let first = ["--from", SOURCE, "--since", "2026-11-04", "--until", "2026-11-09"];
    let output = observe(&store, &first, &endpoint);
    passed(&output);
    for expected in [
        "Athena scans 10.0 MB of 2026-11-04 to 2026-11-10 in 1 query: about 0.00 USD (5.00 USD a TB, 20",
        "making the table rolefit.trail_",
        "1 of 1 queries, 1.0 MB scanned",
    ] {
        assert!(said(&output).contains(expected), "{expected}: {}", said(&output));
    }
    assert_eq!(operations(&asked, "StartQueryExecution").len(), 3);
    let all = ["--from", SOURCE, "--since", "2026-11-04", "--until", "2026-11-18"];
    passed(&observe(&store, &all, &endpoint));
    let text = queries(&asked).pop().unwrap();
    assert!(
        text.contains("day BETWEEN '2026/11/10' AND '2026/11/19'"),
        "{text}"
    );
    assert!(text.contains("GROUP BY 2, 3"), "{text}");
    assert_eq!(content(&store), of_folder());
    // The table is there, and all days are closed but the last one.
    asked.lock().unwrap().clear();
    let output = observe(&store, &all, &endpoint);
    passed(&output);
    assert!(
        said(&output).contains("Athena has nothing new to read"),
        "{}",
        said(&output)
    );
    assert_eq!(operations(&asked, "StartQueryExecution").len(), 0);
    assert_eq!(content(&store), of_folder());
    let silence = command(&["observe", "export", "--store", store.to_str().unwrap()], "")
        .output()
        .unwrap();
    let export: Value = serde_json::from_slice(&silence.stdout).unwrap();
    let [window] = &export["windows"].as_array().unwrap()[..] else {
        panic!("{:#}", export["windows"]);
    };
    assert_eq!(window["source"], "athena:s3://audit-logs/AWSLogs/");
    assert_eq!(
        (&window["from"], &window["to"]),
        (&json!("2026-11-04T00:00:00Z"), &json!("2026-11-19T00:00:00Z"))
    );
}

#[test]
fn nothing_is_asked_that_may_cost_more_than_agreed() {
    let athena = Athena::new();
    let (endpoint, asked) = serve(move |request| athena.answer(request));
    let home = tempfile::tempdir().unwrap();
    let store = home.path().join("usage.db");
    let output = observe(&store, &["--from", SOURCE, "--max-cost", "0.00001"], &endpoint);
    assert_eq!(output.status.code(), Some(2));
    for expected in [
        "no more than 0.00 USD is agreed to: nothing was asked",
        "agree with `--max-cost 1`",
    ] {
        assert!(said(&output).contains(expected), "{expected}: {}", said(&output));
    }
    assert_eq!(operations(&asked, "StartQueryExecution").len(), 0);
    // The least that Athena counts is more than this workgroup lets a query scan.
    let athena = Athena::with(json!({"BytesScannedCutoffPerQuery": 100}));
    let (endpoint, asked) = serve(move |request| athena.answer(request));
    let output = observe(&store, &["--from", SOURCE], &endpoint);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        said(&output).contains("raise the workgroup's limit"),
        "{}",
        said(&output)
    );
    assert_eq!(operations(&asked, "StartQueryExecution").len(), 0);
    let athena = Athena::with(json!({"ResultConfiguration": {}}));
    let (endpoint, _) = serve(move |request| athena.answer(request));
    let output = observe(&store, &["--from", SOURCE], &endpoint);
    assert!(
        said(&output).contains("give `--output s3://BUCKET/FOLDER/`"),
        "{}",
        said(&output)
    );
    let athena = Athena::with(json!({"ManagedQueryResultsConfiguration": {"Enabled": true}}));
    let (endpoint, _) = serve(move |request| athena.answer(request));
    let output = observe(&store, &["--from", SOURCE], &endpoint);
    assert!(
        said(&output).contains("name another one with `--workgroup`"),
        "{}",
        said(&output)
    );
}

#[test]
fn queries_that_wait_throttle_and_break_off_come_to_their_end() {
    let athena = Athena::new();
    let count = AtomicUsize::new(0);
    let states = AtomicUsize::new(0);
    let bodies = AtomicUsize::new(0);
    let (endpoint, asked) = serve(move |request| {
        let mut reply = athena.answer(request);
        match request.operation.as_str() {
            "StartQueryExecution" if count.fetch_add(1, Ordering::SeqCst) == 0 => {
                Reply::json_error("TooManyRequestsException", "Rate exceeded")
            }
            "GetQueryExecution" => match states.fetch_add(1, Ordering::SeqCst) {
                0 => Reply::json_error("ThrottlingException", "Rate exceeded"),
                1 => Reply::json(&json!({"QueryExecution": {"Status": {"State": "QUEUED"}}})),
                2 => Reply::json(&json!({"QueryExecution": {"Status": {"State": "RUNNING"},
                    "Statistics": {"DataScannedInBytes": 5}}})),
                _ => reply,
            },
            "GetObject" if bodies.fetch_add(1, Ordering::SeqCst) < 2 => {
                reply.cut = Some(reply.body.len() / 2);
                reply
            }
            _ => reply,
        }
    });
    let home = tempfile::tempdir().unwrap();
    let store = home.path().join("usage.db");
    passed(&observe(&store, &["--from", SOURCE], &endpoint));
    assert_eq!(content(&store), of_folder());
    let fetched = operations(&asked, "GetObject");
    assert_eq!(fetched.len(), 3);
    // Each goes on where the one before it broke off.
    assert!(fetched[0].from == 0 && fetched[0].from < fetched[1].from && fetched[1].from < fetched[2].from);
}

/// A query that ends so, the first time that it is asked.
fn ending(state: Value, once: bool) -> (Arc<Athena>, impl Fn(&Request) -> Reply + Send + Sync + 'static) {
    let athena = Arc::new(Athena::new());
    let served = Arc::clone(&athena);
    let ended = Mutex::new(BTreeSet::new());
    let answer = move |request: &Request| {
        let id = request.json["QueryExecutionId"].as_str().unwrap_or_default();
        let number: Option<usize> = id.strip_prefix("q-").and_then(|id| id.parse().ok());
        let is_select = number.is_some_and(|number| {
            let started = served.started.lock().unwrap();
            started[number].1.starts_with("SELECT")
        });
        if request.operation == "GetQueryExecution" && is_select {
            let mut ended = ended.lock().unwrap();
            if !once || ended.is_empty() || ended.contains(id) {
                ended.insert(id.to_owned());
                return Reply::json(&json!({"QueryExecution": {"QueryExecutionId": id, "Status": state}}));
            }
        }
        served.answer(request)
    };
    (athena, answer)
}

#[test]
fn a_query_that_fails_says_why_and_what_helps() {
    for (reason, expected) in [
        (
            "Query timeout",
            "hint: what was read before is kept: the same command goes on there",
        ),
        (
            "HIVE_BAD_DATA: Error parsing a field",
            "hint: an object of 2026-11-04 to 2026-11-20 is damaged: read those days from the bucket",
        ),
        (
            "Insufficient permissions to execute the query. User: arn:aws:iam::111122223333:user/ci is not authorized to perform: \
             glue:GetTable on resource: arn:aws:glue:eu-west-1:111122223333:catalog because no identity-based policy allows \
             the glue:GetTable action",
            r#""Action": "glue:GetTable", "Resource": "arn:aws:glue:eu-west-1:111122223333:catalog""#,
        ),
    ] {
        let (_, answer) = ending(json!({"State": "FAILED", "StateChangeReason": reason}), false);
        let (endpoint, _) = serve(answer);
        let home = tempfile::tempdir().unwrap();
        let store = home.path().join("usage.db");
        let output = observe(&store, &["--from", SOURCE], &endpoint);
        assert_eq!(output.status.code(), Some(2), "{}", said(&output));
        assert!(said(&output).contains(expected), "{expected}: {}", said(&output));
    }
}

#[test]
fn sums_that_are_too_large_are_asked_for_call_by_call() {
    let reason = "GENERIC_INTERNAL_ERROR: Row or column exceeds 32 MB";
    let (_, answer) = ending(json!({"State": "FAILED", "StateChangeReason": reason}), true);
    let (endpoint, asked) = serve(answer);
    let home = tempfile::tempdir().unwrap();
    let store = home.path().join("usage.db");
    let output = observe(&store, &["--from", SOURCE], &endpoint);
    passed(&output);
    assert!(
        said(&output).contains("asking for a row for each call"),
        "{}",
        said(&output)
    );
    let texts = queries(&asked);
    assert!(texts[0].contains("GROUP BY") && texts[1].starts_with("SELECT DISTINCT\n"));
    assert_eq!(content(&store), of_folder());
}

#[test]
fn an_answer_of_an_earlier_run_that_failed_or_is_gone_is_asked_for_anew() {
    let (athena, answer) = ending(json!({"State": "CANCELLED"}), true);
    let (endpoint, asked) = serve(answer);
    let home = tempfile::tempdir().unwrap();
    let store = home.path().join("usage.db");
    let span = ["--from", SOURCE, "--until", "2026-11-10"];
    passed(&observe(&store, &span, &endpoint));
    assert_eq!(queries(&asked).len(), 2);
    assert_eq!(athena.started.lock().unwrap().len(), 4);
    let athena = Arc::new(Athena::new());
    let served = Arc::clone(&athena);
    let (endpoint, _) = serve(move |request| served.answer(request));
    let started = || athena.started.lock().unwrap().len();
    let read_into = |name: &str| {
        let other = home.path().join(name);
        passed(&observe(&other, &span, &endpoint));
        assert_eq!(content(&other), content(&store));
    };
    read_into("first.db");
    assert_eq!(started(), 3);
    // Another store asks the same: the query is not run again.
    read_into("second.db");
    assert_eq!(started(), 3);
    // Its answer has expired.
    athena.answers.lock().unwrap().objects.clear();
    read_into("third.db");
    assert_eq!(started(), 4);
}

#[test]
fn what_was_read_before_credentials_expire_is_kept() {
    let athena = Athena::with(json!({"BytesScannedCutoffPerQuery": 30_000}));
    let count = AtomicUsize::new(0);
    let (endpoint, asked) = serve(move |request| {
        if request.operation == "GetQueryExecution" && count.fetch_add(1, Ordering::SeqCst) == 3 {
            return Reply::json_error("ExpiredTokenException", "The security token is expired");
        }
        athena.answer(request)
    });
    let home = tempfile::tempdir().unwrap();
    let store = home.path().join("usage.db");
    let output = observe(&store, &["--from", SOURCE], &endpoint);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        said(&output).contains("the credentials have expired"),
        "{}",
        said(&output)
    );
    let first = queries(&asked);
    assert_eq!(first.len(), 2, "{first:#?}");
    passed(&observe(&store, &["--from", SOURCE], &endpoint));
    let second = queries(&asked).split_off(2);
    // The one that had begun is taken up again; the first one is not asked again.
    assert_eq!(second[0], first[1]);
    assert!(!second.contains(&first[0]));
    assert_eq!(content(&store), of_folder());
}

#[test]
fn a_table_of_somebody_else_is_not_trusted() {
    let athena = Athena::new();
    athena.tables.lock().unwrap().insert(
        "default.cloudtrail_logs".to_owned(),
        json!({"Name": "cloudtrail_logs", "Columns": [{"Name": "useridentity", "Type": "struct<type:string>"}]}),
    );
    let (endpoint, asked) = serve(move |request| athena.answer(request));
    let home = tempfile::tempdir().unwrap();
    let store = home.path().join("usage.db");
    let output = observe(
        &store,
        &["--from", SOURCE, "--table", "default.cloudtrail_logs"],
        &endpoint,
    );
    assert_eq!(output.status.code(), Some(2));
    assert!(
        said(&output).contains("the table default.cloudtrail_logs will not do: it has no column"),
        "{}",
        said(&output)
    );
    assert_eq!(operations(&asked, "StartQueryExecution").len(), 0);
}

#[test]
fn ctrl_c_stops_the_query() {
    let (seen, runs) = mpsc::channel();
    let seen = Mutex::new(seen);
    let athena = Athena::new();
    let (endpoint, asked) = serve(move |request| match request.operation.as_str() {
        "StopQueryExecution" => Reply::json(&json!({})),
        "GetQueryExecution" => {
            let _ = seen.lock().unwrap().send(());
            Reply::json(&json!({"QueryExecution": {"Status": {"State": "RUNNING"}}}))
        }
        _ => athena.answer(request),
    });
    let home = tempfile::tempdir().unwrap();
    let store = home.path().join("usage.db");
    let child = command(
        &["observe", "--store", store.to_str().unwrap(), "--from", SOURCE],
        &endpoint,
    )
    .stderr(Stdio::piped())
    .stdout(Stdio::null())
    .spawn()
    .unwrap();
    runs.recv().unwrap();
    let killed = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(killed.success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(4), "{}", said(&output));
    assert!(
        said(&output).contains("the same command goes on there"),
        "{}",
        said(&output)
    );
    assert_eq!(operations(&asked, "StopQueryExecution").len(), 1);
}

const LAKE: &str =
    "lake:arn:aws:cloudtrail:eu-west-1:111122223333:eventdatastore/12345678-abcd-4abc-8abc-1234567890ab";

/// CloudTrail Lake: 30 events a day, ten rows a page; parameters are maps of texts.
fn lake(request: &Request, texts: &Mutex<Vec<String>>) -> Reply {
    let asked = &request.json;
    let page = 10;
    match request.operation.as_str() {
        "StartQuery" => {
            let text = asked["QueryStatement"].as_str().unwrap().to_owned();
            if text.contains("credentialsissuedto AS") {
                return Reply::json_error(
                    "InvalidQueryStatementException",
                    "COLUMN_NOT_FOUND: Column 'useridentity.inscopeof.credentialsissuedto' cannot be resolved",
                );
            }
            let mut texts = texts.lock().unwrap();
            texts.push(text);
            Reply::json(&json!({"QueryId": format!("lake-{}", texts.len() - 1)}))
        }
        "DescribeQuery" => Reply::json(&json!({"QueryStatus": "FINISHED"})),
        "GetQueryResults" => {
            let number: usize = asked["QueryId"].as_str().unwrap()[5..].parse().unwrap();
            let text = texts.lock().unwrap()[number].clone();
            let day = between(&text, "eventtime >= timestamp '", " ").to_owned();
            let begin: usize = asked["NextToken"]
                .as_str()
                .map_or(0, |token| token.parse().unwrap());
            let rows: Vec<Value> = (begin..begin + page)
                .map(|at| {
                    let arn = "arn:aws:sts::111122223333:assumed-role/api-role/api";
                    json!([{"eventid": format!("{day}-{at}")}, {"eventtime": format!("{day}T08:00:{at:02}Z")},
                        {"eventsource": "dynamodb.amazonaws.com"}, {"eventname": "GetItem"}, {"awsregion": "eu-west-1"},
                        {"recipientaccountid": "111122223333"}, {"eventtype": "AwsApiCall"}, {"eventcategory": "Data"},
                        {"errorcode": "null"}, {"identity_type": "AssumedRole"}, {"identity_arn": arn},
                        {"identity_account": "111122223333"}, {"identity_principal": "AROA1:api"}, {"issuer_principal": "AROA1"},
                        {"issuer_arn": "arn:aws:iam::111122223333:role/api-role"}, {"issuer_account": "111122223333"},
                        {"scope_type": "AWS::Lambda::Function"},
                        {"scope_function": "arn:aws:lambda:eu-west-1:111122223333:function:api"},
                        {"requestparameters": "{\"tableName\":\"orders\",\"key\":\"{\\\"id\\\":\\\"1\\\"}\"}"},
                        {"resources_json": "[{\"arn\":\"arn:aws:dynamodb:eu-west-1:111122223333:table/orders\",\"arnprefix\":null,\
                            \"type\":\"AWS::DynamoDB::Table\",\"accountid\":\"111122223333\"}]"}])
                })
                .collect();
            let mut answer = json!({"QueryStatus": "FINISHED", "QueryResultRows": rows,
                "QueryStatistics": {"BytesScanned": 2_000_000_000_u64}});
            if begin + page < 30 {
                answer["NextToken"] = json!((begin + page).to_string());
            }
            Reply::json(&answer)
        }
        other => panic!("unexpected {other}"),
    }
}

#[test]
fn an_event_data_store_is_read_day_by_day_and_once() {
    let texts = Arc::new(Mutex::new(Vec::new()));
    let served = Arc::clone(&texts);
    let (endpoint, asked) = serve(move |request| lake(request, &served));
    let home = tempfile::tempdir().unwrap();
    let store = home.path().join("usage.db");
    let span = ["--from", LAKE, "--since", "2026-11-04", "--until", "2026-11-05"];
    let output = observe(&store, &span, &endpoint);
    passed(&output);
    assert!(
        said(&output).contains("60 events of 2 days, 4.0 GB scanned for about 0.02 USD"),
        "{}",
        said(&output)
    );
    assert_eq!(operations(&asked, "GetQueryResults").len(), 6);
    let usage = &content(&store)[0];
    assert_eq!(usage[0]["count"], 60, "{usage:#}");
    assert_eq!(usage[0]["function"], "api", "{usage:#}");
    asked.lock().unwrap().clear();
    passed(&observe(&store, &span, &endpoint));
    assert!(operations(&asked, "StartQuery").is_empty());
    // A day costs a cent: what all of them will cost, the first one tells.
    let longer = ["--from", LAKE, "--since", "2026-10-01", "--max-cost", "0.1"];
    let output = observe(&store, &longer, &endpoint);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        said(&output).contains("no more than 0.10 USD is agreed to; 1 days were read"),
        "{}",
        said(&output)
    );
}

#[test]
fn a_query_of_lake_that_runs_out_of_time_is_no_answer() {
    let texts = Mutex::new(Vec::new());
    let (endpoint, _) = serve(move |request| match request.operation.as_str() {
        "DescribeQuery" => Reply::json(&json!({"QueryStatus": "TIMED_OUT"})),
        _ => lake(request, &texts),
    });
    let home = tempfile::tempdir().unwrap();
    let store = home.path().join("usage.db");
    let output = observe(&store, &["--from", LAKE, "--since", "2026-11-19"], &endpoint);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        said(&output).contains("its rows are not all of them"),
        "{}",
        said(&output)
    );
    assert_eq!(content(&store)[0], json!([]));
    let output = observe(&store, &["--from", "lake:orders"], &endpoint);
    assert!(
        said(&output).contains("`orders` is no event data store"),
        "{}",
        said(&output)
    );
}
