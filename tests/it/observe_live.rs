//! `rolefit observe` on buckets and on the event history, against servers on the loopback interface.

use std::path::Path;
use std::process::Output;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::cloud::{self, Bucket, History, Reply, Request, operations, serve};

const TRAIL: &str = "docs/demo/orders/trail";
/// 2026-11-20T12:00:00Z: two days after the last event of the demo's trail.
const NOW: &str = "1795176000";

fn rolefit(arguments: &[&str], endpoint: &str) -> Output {
    rolefit_at(NOW, arguments, endpoint)
}

fn rolefit_at(now: &str, arguments: &[&str], endpoint: &str) -> Output {
    cloud::rolefit(endpoint)
        .args(arguments)
        .env("SOURCE_DATE_EPOCH", now)
        .output()
        .unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Reads into a store; gives what was printed as JSON.
fn observe(store: &Path, arguments: &[&str], endpoint: &str) -> Value {
    let store = store.to_str().unwrap();
    let output = rolefit(
        &[&["observe", "--store", store, "--format", "json"], arguments].concat(),
        endpoint,
    );
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", said(&output)))
}

/// The export of a store, without the spans that were read, which tell where from.
fn export(store: &Path) -> Value {
    let output = rolefit(&["observe", "export", "--store", store.to_str().unwrap()], "");
    let mut export: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", said(&output)));
    export.as_object_mut().unwrap().remove("windows");
    export
}

/// The spans that were read.
fn windows(store: &Path) -> Value {
    let output = rolefit(&["observe", "export", "--store", store.to_str().unwrap()], "");
    let export: Value = serde_json::from_slice(&output.stdout).unwrap();
    export["windows"].clone()
}

/// What the folder gives that the buckets are made of.
fn of_folder() -> Value {
    let home = tempfile::tempdir().unwrap();
    let store = home.path().join("usage.db");
    let folder = format!("{TRAIL}/AWSLogs");
    observe(&store, &["--from", &folder], "");
    export(&store)
}

#[test]
fn a_bucket_gives_what_the_folder_gives_and_is_read_once() {
    let bucket = Mutex::new(Bucket::of_folder(TRAIL, 10));
    let last = bucket.lock().unwrap().objects.pop_last().unwrap();
    let shared = std::sync::Arc::new(bucket);
    let served = std::sync::Arc::clone(&shared);
    let (endpoint, asked) = serve(move |request| served.lock().unwrap().answer(request).unwrap());
    let home = tempfile::tempdir().unwrap();
    let store = home.path().join("usage.db");
    let first = observe(&store, &["--from", "s3://audit-logs"], &endpoint);
    assert_eq!(first["new_objects"], 67, "{first:#}");
    assert!(
        operations(&asked, "ListObjectsV2")
            .iter()
            .all(|request| request.bucket == "audit-logs")
    );
    asked.lock().unwrap().clear();
    let (key, bytes) = last;
    let key = key.replace("/2026/11/17/", "/2026/11/18/");
    shared.lock().unwrap().objects.insert(key.clone(), bytes);
    let second = observe(&store, &["--from", "s3://audit-logs/AWSLogs/"], &endpoint);
    assert_eq!(second["new_objects"], 1, "{second:#}");
    let fetched: Vec<String> = operations(&asked, "GetObject")
        .into_iter()
        .map(|request| request.key)
        .collect();
    assert_eq!(fetched, [key]);
    // Days that were read whole two days before are not even listed.
    let prefix = "AWSLogs/111122223333/CloudTrail/eu-west-1/";
    let listed = operations(&asked, "ListObjectsV2");
    let of_region = listed
        .iter()
        .rfind(|request| request.parameter("prefix") == prefix)
        .unwrap();
    assert_eq!(of_region.parameter("start-after"), format!("{prefix}2026/11/18"));
    assert_eq!(export(&store), of_folder());
}

#[test]
fn only_the_wanted_days_accounts_and_regions_are_listed() {
    let mut bucket = Bucket::of_folder(TRAIL, 1_000);
    let (key, bytes) = bucket.objects.pop_last().unwrap();
    for other in ["us-east-1", "eu-central-1"] {
        bucket
            .objects
            .insert(key.replace("eu-west-1", other), bytes.clone());
    }
    bucket
        .objects
        .insert(key.replace("111122223333", "444455556666"), bytes.clone());
    bucket.objects.insert(
        key.replace("AWSLogs/111122223333/CloudTrail/", "AWSLogs/111122223333/Config/"),
        bytes,
    );
    let days: Vec<String> = bucket
        .objects
        .keys()
        .map(|key| key.split('/').rev().nth(1).unwrap().to_owned())
        .collect();
    let (endpoint, asked) = serve(move |request| bucket.answer(request).unwrap());
    let home = tempfile::tempdir().unwrap();
    let store = home.path().join("usage.db");
    let arguments = [
        "--from",
        "s3://audit-logs/",
        "--since",
        "2026-11-06",
        "--until",
        "2026-11-08",
        "--account",
        "111122223333",
        "--region",
        "eu-west-1",
    ];
    let read = observe(&store, &arguments, &endpoint);
    let fetched = operations(&asked, "GetObject");
    assert!(!fetched.is_empty() && fetched.len() < days.len() / 2, "{read:#}");
    for request in &fetched {
        assert!(
            request.key.contains("/111122223333/CloudTrail"),
            "{}",
            request.key
        );
        assert!(request.key.contains("/eu-west-1/2026/11/0"), "{}", request.key);
        let day: u32 = request.key.split('/').rev().nth(1).unwrap().parse().unwrap();
        // Events of the last day are delivered on the next one, too.
        assert!((6..=9).contains(&day), "{}", request.key);
    }
    for request in operations(&asked, "ListObjectsV2") {
        let prefix = request.parameter("prefix");
        assert!(
            !prefix.contains("us-east-1") && !prefix.contains("Config") && !prefix.contains("4444"),
            "{prefix}"
        );
        if prefix.ends_with("CloudTrail/eu-west-1/") {
            assert_eq!(request.parameter("start-after"), format!("{prefix}2026/11/06"));
        }
    }
}

#[test]
fn throttled_and_broken_answers_are_asked_for_again() {
    let bucket = Bucket::of_folder(TRAIL, 1_000);
    let count = AtomicUsize::new(0);
    let (endpoint, asked) = serve(move |request| {
        let mut reply = bucket.answer(request).unwrap();
        match (request.operation.as_str(), count.fetch_add(1, Ordering::SeqCst)) {
            ("GetObject", 11 | 13) => Reply::xml_error(503, "SlowDown", "Please reduce your request rate."),
            ("GetObject", 10 | 17 | 23) => {
                reply.cut = Some(reply.body.len() / 2);
                reply
            }
            ("ListObjectsV2", 1) => {
                Reply::xml_error(500, "InternalError", "We encountered an internal error.")
            }
            _ => reply,
        }
    });
    let home = tempfile::tempdir().unwrap();
    let store = home.path().join("usage.db");
    observe(&store, &["--from", "s3://audit-logs"], &endpoint);
    assert_eq!(operations(&asked, "GetObject").len(), 68 + 5);
    assert_eq!(export(&store), of_folder());
}

#[test]
fn objects_that_cannot_be_had_are_gaps_until_they_can() {
    let bucket = Bucket::of_folder(TRAIL, 1_000);
    let keys: Vec<String> = bucket
        .objects
        .keys()
        .filter(|key| key.contains("/CloudTrail/"))
        .cloned()
        .collect();
    let (refused, encrypted, gone) = (keys[1].clone(), keys[2].clone(), keys[3].clone());
    let broken = std::sync::Arc::new(AtomicBool::new(true));
    let now_broken = std::sync::Arc::clone(&broken);
    let names = [refused.clone(), encrypted.clone(), gone.clone()];
    let (endpoint, asked) = serve(move |request| {
        let is = |key: &String| {
            request.operation == "GetObject" && request.key == *key && now_broken.load(Ordering::SeqCst)
        };
        if is(&names[0]) {
            return Reply::xml_error(403, "AccessDenied", "Access Denied");
        } else if is(&names[1]) {
            let message = "User: arn:aws:iam::111122223333:user/ci is not authorized to perform: kms:Decrypt on resource: \
                           arn:aws:kms:eu-west-1:111122223333:key/1234abcd because no identity-based policy allows the \
                           kms:Decrypt action";
            return Reply::xml_error(403, "AccessDenied", message);
        } else if is(&names[2]) {
            return Reply::xml_error(404, "NoSuchKey", "The specified key does not exist.");
        }
        bucket.answer(request).unwrap()
    });
    let home = tempfile::tempdir().unwrap();
    let store = home.path().join("usage.db");
    let first = observe(&store, &["--from", "s3://audit-logs"], &endpoint);
    assert_eq!(first["new_objects"], 65);
    let gaps = export(&store)["gaps"].to_string();
    for (key, expected) in [
        (&refused, "--requester-pays"),
        (&refused, r#"\"Action\": \"s3:GetObject\""#),
        (
            &encrypted,
            r#"\"Action\": \"kms:Decrypt\", \"Resource\": \"arn:aws:kms:eu-west-1:111122223333:key/1234abcd\""#,
        ),
        (&gone, "lifecycle"),
    ] {
        assert!(
            gaps.contains(key.as_str()) && gaps.contains(expected),
            "{expected}: {gaps}"
        );
    }
    assert_eq!(first["gaps"].as_array().unwrap().len(), 3);
    // What is not whole is not counted as read.
    assert_eq!(windows(&store), json!([]));
    broken.store(false, Ordering::SeqCst);
    asked.lock().unwrap().clear();
    let second = observe(&store, &["--from", "s3://audit-logs"], &endpoint);
    assert_eq!(operations(&asked, "GetObject").len(), 3);
    assert_eq!(second["gaps"], json!([]));
    let window = json!({"source": "s3://audit-logs", "account": "111122223333", "region": "eu-west-1", "category": "",
        "principal": "", "from": "2026-11-04T00:00:00Z", "to": "2026-11-20T11:40:00Z"});
    assert_eq!(windows(&store), json!([window]));
    assert_eq!(export(&store), of_folder());
}

#[test]
fn a_bucket_that_may_not_be_read_ends_with_the_statement_to_add() {
    let bucket = Bucket::of_folder(TRAIL, 1_000);
    let (endpoint, _) = serve(move |request| match request.operation.as_str() {
        "GetObject" => Reply::xml_error(403, "AccessDenied", "Access Denied"),
        _ => bucket.answer(request).unwrap(),
    });
    let home = tempfile::tempdir().unwrap();
    let store = home.path().join("usage.db");
    let arguments = [
        "observe",
        "--from",
        "s3://audit-logs",
        "--store",
        store.to_str().unwrap(),
    ];
    let output = rolefit(&arguments, &endpoint);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        said(&output).contains(r#""Action": "s3:GetObject", "Resource": "arn:aws:s3:::audit-logs/"#),
        "{}",
        said(&output)
    );
    let (endpoint, _) = serve(|_| {
        Reply::xml_error(
            403,
            "AccessDenied",
            "User: arn:aws:iam::111122223333:user/ci is not authorized to perform: s3:ListBucket on resource: \
             \"arn:aws:s3:::audit-logs\" because no identity-based policy allows the s3:ListBucket action",
        )
    });
    let output = rolefit(&arguments, &endpoint);
    assert_eq!(output.status.code(), Some(2));
    let expected = r#"{"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::audit-logs"}"#;
    assert!(said(&output).contains(expected), "{}", said(&output));
    let (endpoint, _) =
        serve(|_| Reply::xml_error(404, "NoSuchBucket", "The specified bucket does not exist"));
    let output = rolefit(&arguments, &endpoint);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        said(&output).contains("The specified bucket does not exist"),
        "{}",
        said(&output)
    );
}

#[test]
fn a_bucket_of_another_region_is_found_there() {
    let bucket = Bucket::of_folder(TRAIL, 1_000);
    let (endpoint, asked) = serve(move |request| {
        if request.region() != "ap-south-1" {
            let mut reply = Reply::xml_error(
                301,
                "PermanentRedirect",
                "The bucket must be addressed elsewhere.",
            );
            reply
                .headers
                .push(("x-amz-bucket-region", "ap-south-1".to_owned()));
            return reply;
        }
        bucket.answer(request).unwrap()
    });
    let home = tempfile::tempdir().unwrap();
    let store = home.path().join("usage.db");
    let read = observe(
        &store,
        &["--from", "s3://audit-logs", "--requester-pays"],
        &endpoint,
    );
    assert_eq!(read["new_objects"], 68);
    let asked = asked.lock().unwrap();
    assert!(
        asked
            .iter()
            .skip(1)
            .all(|request| request.region() == "ap-south-1")
    );
    assert!(asked.iter().all(|request| request.payer));
}

#[test]
fn objects_are_held_against_the_hashes_of_digests() {
    let mut bucket = Bucket::of_folder(TRAIL, 1_000);
    let logs: Vec<String> = bucket
        .objects
        .keys()
        .filter(|key| key.contains("/CloudTrail/"))
        .cloned()
        .collect();
    let listed =
        |key: &String, hash: &str| json!({"s3Object": key, "hashValue": hash, "hashAlgorithm": "SHA-256"});
    let digest = json!({
        "awsAccountId": "111122223333", "digestStartTime": "2026-11-18T00:00:00Z", "digestEndTime": "2026-11-18T01:00:00Z",
        "logFiles": [listed(&logs[0], &"0".repeat(64)), listed(&"AWSLogs/111122223333/CloudTrail/eu-west-1/2026/11/18/gone.json.gz".to_owned(), "00")],
    });
    let key = "AWSLogs/111122223333/CloudTrail-Digest/eu-west-1/2026/11/18/\
               111122223333_CloudTrail-Digest_eu-west-1_audit_eu-west-1_20261118T010000Z.json.gz";
    bucket
        .objects
        .insert(key.to_owned(), digest.to_string().into_bytes());
    let (endpoint, _) = serve(move |request| bucket.answer(request).unwrap());
    let home = tempfile::tempdir().unwrap();
    let store = home.path().join("usage.db");
    let read = observe(&store, &["--from", "s3://audit-logs"], &endpoint);
    let gaps = read["gaps"].as_array().unwrap();
    assert_eq!(gaps.len(), 1, "{gaps:#?}");
    assert_eq!(gaps[0]["code"], "trail-object-altered");
    assert_eq!(gaps[0]["file"], logs[0].as_str());
    assert_eq!(read["coverage"][0]["missing"], 1, "{read:#}");
}

/// An event of a function, with a time.
fn event(function: &str, second: i64, number: usize) -> (i64, String, Value) {
    let time = 1_795_176_000 - second;
    let arn = format!("arn:aws:sts::111122223333:assumed-role/{function}-role/{function}");
    let record = json!({
        "eventVersion": "1.11", "eventID": format!("{function}-{number:04}"), "eventType": "AwsApiCall",
        "eventTime": stamp(time), "eventSource": "ssm.amazonaws.com", "eventName": "GetParameter",
        "awsRegion": "eu-west-1", "eventCategory": "Management", "managementEvent": true,
        "userIdentity": {"type": "AssumedRole", "principalId": format!("AROA1:{function}"), "arn": arn, "accountId": "111122223333",
            "sessionContext": {"sessionIssuer": {"type": "Role", "principalId": "AROA1", "accountId": "111122223333",
                "arn": format!("arn:aws:iam::111122223333:role/{function}-role")}},
            "inScopeOf": {"issuerType": "AWS::Lambda::Function",
                "credentialsIssuedTo": format!("arn:aws:lambda:eu-west-1:111122223333:function:{function}")}},
        "requestParameters": {"name": "/orders/sender"}, "recipientAccountId": "111122223333",
    });
    (time, function.to_owned(), record)
}

/// A time near the end of November 2026.
fn stamp(second: i64) -> String {
    let day = second / 86_400 - 20_757;
    let second = second % 86_400;
    format!(
        "2026-11-{day:02}T{:02}:{:02}:{:02}Z",
        second / 3_600,
        second / 60 % 60,
        second % 60
    )
}

/// Two functions: one with 120 events, one with 3.
fn history() -> History {
    let many = (0..120).map(|at| event("put-order", 3_600 + 600 * i64::try_from(at).unwrap(), at));
    let few = (0..3).map(|at| event("refund", 7_200 + 60 * i64::try_from(at).unwrap(), at));
    History {
        events: many.chain(few).collect(),
    }
}

fn lookup(history: &History, request: &Request) -> Reply {
    let listed = || {
        let function = |name: &str| {
            json!({"FunctionName": name, "FunctionArn": format!("arn:aws:lambda:eu-west-1:111122223333:function:{name}"),
                "Role": format!("arn:aws:iam::111122223333:role/{name}-role")})
        };
        (request.operation == "ListFunctions")
            .then(|| Reply::json(&json!({"Functions": [function("put-order"), function("refund")]})))
    };
    history
        .answer(request)
        .or_else(|| cloud::identity(request))
        .or_else(listed)
        .unwrap_or_else(|| panic!("unexpected {request:?}"))
}

#[test]
fn the_event_history_is_read_page_by_page_and_once() {
    let (endpoint, asked) = serve(|request| lookup(&history(), request));
    let home = tempfile::tempdir().unwrap();
    let store = home.path().join("usage.db");
    let arguments = ["observe", "--from", "lookup", "--store", store.to_str().unwrap()];
    let output = rolefit(&arguments, &endpoint);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    for expected in [
        "eu-west-1: about ",
        "at two requests a second",
        "4 pages of the event history, which holds management events alone, for 2 functions",
        "add `--region us-east-1`",
    ] {
        assert!(said(&output).contains(expected), "{expected}: {}", said(&output));
    }
    let requests = operations(&asked, "LookupEvents");
    // Every page after the first one of a function may ask for the oldest second again.
    assert_eq!(requests.len(), 4, "{requests:#?}");
    for request in &requests {
        let attributes = request.json["LookupAttributes"].as_array().unwrap();
        assert_eq!(attributes.len(), 1);
        assert_eq!(attributes[0]["AttributeKey"], "Username");
    }
    let first = export(&store);
    let counts: Vec<u64> = first["usage"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["count"].as_u64().unwrap())
        .collect();
    assert_eq!(counts, [120, 3]);
    asked.lock().unwrap().clear();
    let output = rolefit(&arguments, &endpoint);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    for request in operations(&asked, "LookupEvents") {
        // Only the last 15 minutes, whose events may have been late.
        assert_eq!(
            request.json["StartTime"].as_f64(),
            Some(1_795_176_000.0 - 900.0),
            "{}",
            request.json
        );
    }
    assert_eq!(export(&store), first);
}

#[test]
fn throttling_and_stale_tokens_of_the_event_history_are_borne() {
    let count = AtomicUsize::new(0);
    let (endpoint, asked) = serve(move |request| {
        if request.operation == "LookupEvents" {
            match count.fetch_add(1, Ordering::SeqCst) {
                0 => return Reply::json_error("ThrottlingException", "Rate exceeded"),
                2 | 4 => {
                    assert!(count.load(Ordering::SeqCst) == 3 || request.json["NextToken"].is_string());
                    return Reply::json_error("InvalidNextTokenException", "The token is expired");
                }
                _ => {}
            }
        }
        lookup(&history(), request)
    });
    let home = tempfile::tempdir().unwrap();
    let store = home.path().join("usage.db");
    let read = observe(
        &store,
        &["--from", "lookup", "--function", "put-order"],
        &endpoint,
    );
    assert_eq!(read["events"], 120, "{read:#}");
    assert!(operations(&asked, "LookupEvents").len() >= 6);
}

#[test]
fn what_was_read_before_credentials_expire_is_kept() {
    let count = AtomicUsize::new(0);
    let (endpoint, _) = serve(move |request| {
        if request.operation == "LookupEvents" && count.fetch_add(1, Ordering::SeqCst) == 2 {
            return Reply::json_error(
                "ExpiredTokenException",
                "The security token included in the request is expired",
            );
        }
        lookup(&history(), request)
    });
    let home = tempfile::tempdir().unwrap();
    let store = home.path().join("usage.db");
    let arguments = [
        "observe",
        "--from",
        "lookup",
        "--function",
        "put-order",
        "--store",
        store.to_str().unwrap(),
    ];
    let output = rolefit(&arguments, &endpoint);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        said(&output).contains("the credentials have expired"),
        "{}",
        said(&output)
    );
    let kept = export(&store)["usage"][0]["count"].as_u64().unwrap();
    assert!((50..120).contains(&kept), "{kept}");
    let output = rolefit(&arguments, &endpoint);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert_eq!(export(&store)["usage"][0]["count"], 120);
}

#[test]
fn what_trails_were_told_to_record_decides_what_silence_means() {
    let trail = "arn:aws:cloudtrail:eu-west-1:111122223333:trail/audit";
    let (endpoint, asked) = serve(move |request| {
        Reply::json(&match request.operation.as_str() {
            "DescribeTrails" => {
                json!({"trailList": [{"Name": "audit", "TrailARN": trail, "HomeRegion": "eu-west-1",
                "S3BucketName": "audit-logs", "IsMultiRegionTrail": true, "HasCustomEventSelectors": true}]})
            }
            "GetTrailStatus" => {
                json!({"IsLogging": false, "StartLoggingTime": 1_790_000_000, "StopLoggingTime": 1_795_000_000,
                "LatestDeliveryError": "NoSuchBucket"})
            }
            "GetEventSelectors" => json!({"TrailARN": trail, "EventSelectors": [{"ReadWriteType": "All",
                "IncludeManagementEvents": true, "ExcludeManagementEventSources": ["kms.amazonaws.com"],
                "DataResources": [{"Type": "AWS::S3::Object", "Values": ["arn:aws:s3:::shop/"]}]}]}),
            other => panic!("unexpected {other}"),
        })
    });
    let home = tempfile::tempdir().unwrap();
    let store = home.path().join("usage.db");
    let arguments = ["observe", "--from", "trails", "--store", store.to_str().unwrap()];
    let output = rolefit(&arguments, &endpoint);
    for expected in [
        "the trail audit is switched off",
        "cannot deliver to its bucket: NoSuchBucket",
    ] {
        assert!(said(&output).contains(expected), "{expected}: {}", said(&output));
    }
    assert_eq!(asked.lock().unwrap().len(), 3);
    let trails = export(&store)["trails"].clone();
    assert_eq!(trails[0]["asked"], "2026-11-20T12:00:00Z");
    assert_eq!(trails[0]["StopLoggingTime"], "2026-11-18T11:06:40Z");
    assert_eq!(
        trails[0]["EventSelectors"][0]["DataResources"][0]["Values"],
        json!(["arn:aws:s3:::shop/"])
    );
    let (endpoint, _) = serve(|_| Reply::json_error("AccessDeniedException", "not for ci"));
    let output = rolefit(&arguments, &endpoint);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        said(&output).contains(r#""Action": "cloudtrail:DescribeTrails""#),
        "{}",
        said(&output)
    );
}

#[test]
fn what_iam_remembers_is_a_remark() {
    let looks = AtomicUsize::new(0);
    let (endpoint, asked) = serve(move |request| {
        let job = "<JobStatus>COMPLETED</JobStatus><JobCreationDate>2026-11-20T12:00:00Z</JobCreationDate>";
        let answer = match (request.operation.as_str(), looks.fetch_add(1, Ordering::SeqCst)) {
            ("GenerateServiceLastAccessedDetails", _) => {
                assert_eq!(request.parameter("Granularity"), "ACTION_LEVEL");
                "<JobId>42</JobId>".to_owned()
            }
            (_, 1) => {
                "<JobStatus>IN_PROGRESS</JobStatus><JobCreationDate>2026-11-20T12:00:00Z</JobCreationDate>\
                       <ServicesLastAccessed/>"
                    .to_owned()
            }
            _ => format!(
                "{job}<ServicesLastAccessed><member><ServiceName>DynamoDB</ServiceName>\
                 <ServiceNamespace>dynamodb</ServiceNamespace><LastAuthenticated>2026-11-03T08:00:00Z</LastAuthenticated>\
                 <LastAuthenticatedRegion>eu-west-1</LastAuthenticatedRegion><TrackedActionsLastAccessed>\
                 <member><ActionName>DeleteTable</ActionName></member>\
                 <member><ActionName>DescribeTable</ActionName><LastAccessedTime>2026-11-02T08:00:00Z</LastAccessedTime>\
                 <LastAccessedRegion>eu-west-1</LastAccessedRegion></member></TrackedActionsLastAccessed></member>\
                 </ServicesLastAccessed>"
            ),
        };
        let name = &request.operation;
        Reply::ok(format!(
            "<{name}Response><{name}Result>{answer}</{name}Result></{name}Response>"
        ))
    });
    let role = "arn:aws:iam::111122223333:role/api";
    let explained = |action: &str| {
        let arguments = [
            "explain",
            "ApiFunction",
            action,
            "--path",
            "docs/demo/orders",
            "--last-accessed",
            role,
        ];
        let output = rolefit(&arguments, &endpoint);
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        String::from_utf8(output.stdout).unwrap()
    };
    let text = explained("dynamodb:PutItem");
    assert!(text.contains("IAM does not track dynamodb:PutItem; anything of dynamodb: last tried 2026-11-03T08:00:00Z in eu-west-1"), "{text}");
    let text = explained("dynamodb:De*");
    assert!(
        text.contains("dynamodb:DescribeTable  last tried 2026-11-02T08:00:00Z in eu-west-1"),
        "{text}"
    );
    assert!(text.contains("dynamodb:DeleteTable  not tried"), "{text}");
    assert!(asked.lock().unwrap().len() >= 5);
}

#[test]
fn what_is_no_source_is_told() {
    for (from, expected) in [
        ("nowhere", "give a file, a folder, `s3://bucket/prefix`, `lookup`"),
        ("s3://", "write `s3://bucket/prefix`"),
    ] {
        let output = rolefit(&["observe", "--from", from, "--store", "/nowhere/usage.db"], "");
        assert_eq!(output.status.code(), Some(2));
        assert!(said(&output).contains(expected), "{}", said(&output));
    }
}
