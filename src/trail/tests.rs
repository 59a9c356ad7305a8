//! Behaviour of the reader as a whole.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests stop at what they did not expect"
)]

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::usage::ResourceHint;

/// A fixture's record cases.
fn fixture() -> Value {
    fixture_of("records.json")
}

fn fixture_of(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/trail")
        .join(name);
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// A record as a container of a kind holds it.
fn contained(record: &Value, kind: &str) -> String {
    let text = record.to_string();
    match kind {
        "trail object" => json!({ "Records": [record] }).to_string(),
        "history" => json!({ "Events": [{ "EventId": "x", "ReadOnly": "true", "EventTime": "2026-11-04T09:30:00+01:00", "Username": "fn", "Resources": [{ "ResourceType": "AWS::DynamoDB::Table", "ResourceName": "orders" }], "CloudTrailEvent": text }] }).to_string(),
        "history event" => json!({ "EventId": "x", "EventTime": 1.7e9, "CloudTrailEvent": text }).to_string(),
        "bus" => json!({ "version": "0", "source": "aws.dynamodb", "detail-type": "AWS API Call via CloudTrail", "detail": record }).to_string(),
        "subscription" => json!({ "messageType": "DATA_MESSAGE", "logEvents": [{ "id": "1", "timestamp": 1, "message": text }] }).to_string(),
        "log line" => json!({ "@timestamp": "2026-11-04 08:30:00.000", "@message": text }).to_string(),
        "list" => json!([record]).to_string(),
        "alone" => serde_json::to_string_pretty(record).unwrap(),
        "lines" => format!("{text}\n{text}\n"),
        other => panic!("{other}"),
    }
}

/// The function that the fixtures know.
fn the_function() -> Vec<KnownFunction> {
    vec![KnownFunction {
        name: "Fn".to_owned(),
        deployed: NamePattern::new("fn"),
        role: Some(NamePattern::new("fn-role")),
    }]
}

/// JSON merge patch: `null` removes.
fn merged(base: &Value, patch: &Value) -> Value {
    let (Value::Object(_), Value::Object(changes)) = (base, patch) else {
        return patch.clone();
    };
    let mut result = base.clone();
    for (key, change) in changes {
        let entry = result.as_object_mut().unwrap();
        if change.is_null() {
            entry.remove(key);
        } else {
            let old = entry.get(key).cloned().unwrap_or(Value::Null);
            let old = if change.is_object() && !old.is_object() {
                json!({})
            } else {
                old
            };
            entry.insert(key.clone(), merged(&old, change));
        }
    }
    result
}

/// A record like the fixture's base, with changes.
fn record(patch: &Value) -> Value {
    merged(&fixture()["base"], patch)
}

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A folder with these files.
fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    folder
}

fn read_folder(folder: &Path) -> Trail {
    read(folder, Catalog::embedded(), &the_function(), 2)
}

fn read_files(files: &[(&str, &[u8])]) -> Trail {
    read_folder(folder(files).path())
}

fn read_text(text: &str) -> Trail {
    read_files(&[("file", text.as_bytes())])
}

/// The words of a class in the fixtures.
fn class_words(class: &Class) -> String {
    match class {
        Class::Call => "call".to_owned(),
        Class::ForwardAccess { via } => format!("forward-access {via}"),
        Class::Platform(Platform::Environment) => "platform-environment".to_owned(),
        Class::Platform(Platform::Logs) => "platform-logs".to_owned(),
        Class::Platform(Platform::RoleCheck) => "platform-role-check".to_owned(),
        Class::Poller => "poller".to_owned(),
        Class::Network => "network".to_owned(),
        Class::Denied { caller, denial } => {
            let action = denial.action.as_ref().map_or("?", |action| action.as_str());
            format!("denied {} {action}", class_words(caller))
        }
    }
}

fn rung_word(rung: Rung) -> &'static str {
    match rung {
        Rung::Scope => "scope",
        Rung::Session => "session",
        Rung::AccessKey => "access-key",
        Rung::Role => "role",
    }
}

/// What a fixture can expect of an observation.
fn told(observation: &Observation) -> Value {
    let values = |hints: &Vec<ResourceHint>| -> Vec<Option<String>> {
        hints.iter().map(ResourceHint::value).collect()
    };
    let inputs: serde_json::Map<String, Value> = observation
        .inputs
        .iter()
        .map(|(path, hints)| (path.clone(), json!(values(hints))))
        .collect();
    json!({
        "class": class_words(&observation.class),
        "function": observation.function,
        "rung": rung_word(observation.rung),
        "operation": observation.operation.as_ref().map(ToString::to_string),
        "arns": observation.arns,
        "denied": observation.denied_resources,
        "inputs": inputs,
        "error_only": observation.error_only,
        "first": observation.first,
        "data_event": observation.data_event,
        "account": observation.account,
        "role_id": observation.role_id,
    })
}

#[test]
fn every_record_becomes_what_the_fixture_says() {
    check_fixture(&fixture());
}

#[test]
fn every_event_becomes_what_the_fixture_says() {
    let events = fixture_of("events.json");
    assert_eq!(events["base"], fixture()["base"]);
    assert!(events["cases"].as_array().unwrap().len() >= 200);
    check_fixture(&events);
}

/// What is known of records before must not show: an object that begins with something else is parsed record by record.
#[test]
fn records_that_repeat_are_read_as_if_each_were_alone() {
    let mut records = Vec::new();
    for round in 0..4 {
        for name in ["records.json", "events.json"] {
            let fixture = fixture_of(name);
            for case in fixture["cases"].as_array().unwrap() {
                let at = records.len();
                let own = json!({
                    "eventID": format!("{at:08x}-52d1-4a86-9a3d-6d1f5e2a9c10"),
                    "eventTime": format!("2026-11-{:02}T08:30:00Z", 1 + (at * 7 + round) % 28),
                });
                records.push(merged(&record(&case["set"]), &own));
            }
        }
    }
    let parsed = read_text(&json!({ "first": 1, "Records": records }).to_string());
    assert_eq!(parsed.gaps, []);
    assert!(parsed.observations.len() > 50 && parsed.skipped.len() > 5);
    let object = json!({ "Records": records }).to_string();
    assert!(read_text(&object) == parsed);
    let spread = serde_json::to_string_pretty(&json!({ "Records": records })).unwrap();
    assert!(read_text(&spread) == parsed);
}

fn check_fixture(fixture: &Value) {
    let mut wrong = Vec::new();
    for case in fixture["cases"].as_array().unwrap() {
        let kind = case["in"].as_str().unwrap_or("trail object");
        let trail = read_text(&contained(&record(&case["set"]), kind));
        assert_eq!(trail.gaps, [], "{}", case["name"]);
        match &case["expect"] {
            Value::String(reason) => {
                let skipped: Vec<&String> = trail.skipped.keys().collect();
                if skipped != [reason] || !trail.observations.is_empty() {
                    wrong.push(format!("{}: skipped {skipped:?}", case["name"]));
                }
            }
            Value::Object(expected) => {
                let Some(observation) = trail.observations.first() else {
                    wrong.push(format!("{}: nothing, {:?}", case["name"], trail.skipped));
                    continue;
                };
                let told = told(observation);
                for (key, value) in expected {
                    if told[key] != *value {
                        wrong.push(format!("{}: {key} is {}, not {value}", case["name"], told[key]));
                    }
                }
            }
            other => panic!("{other}"),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A record of its own: another id, and the number in the key of the item.
fn numbered(n: u32, patch: &Value) -> Value {
    let id = json!({ "eventID": format!("00000000-0000-4000-8000-{n:012x}") });
    merged(&record(&id), patch)
}

/// What two trails must have in common: everything but the number and places of files.
fn same(mut a: Trail, b: &Trail) -> bool {
    a.objects = b.objects;
    // A digest tells the region by its place.
    a.ledger.proofs.clone_from(&b.ledger.proofs);
    a == *b
}

mod containers {
    use super::*;

    /// The trail of one call, whatever it came in.
    fn check(what: &str, trail: &Trail) {
        let observations: Vec<Value> = trail.observations.iter().map(told).collect();
        assert_eq!(
            observations,
            [told(&read_text(&record(&json!({})).to_string()).observations[0])],
            "{what}"
        );
        assert_eq!(trail.gaps, [], "{what}");
        assert_eq!((trail.events, trail.objects), (1, 1), "{what}");
    }

    #[test]
    fn one_record_in_every_container() {
        let record = record(&json!({}));
        let text = record.to_string();
        check("a record alone", &read_text(&text));
        check(
            "pretty",
            &read_text(&serde_json::to_string_pretty(&record).unwrap()),
        );
        check("byte order mark", &read_text(&format!("\u{feff}{text}")));
        for (what, content) in [
            ("trail object", json!({ "Records": [record] })),
            ("list", json!([record])),
            ("list of objects", json!([{ "Records": [record] }])),
            (
                "event history",
                json!({ "Events": [{ "EventId": "x", "ReadOnly": "true", "EventTime": 1.7e9, "Username": "fn", "Resources": [{ "ResourceType": "t", "ResourceName": "n" }], "CloudTrailEvent": text }], "NextToken": "n" }),
            ),
            (
                "event of the history",
                json!({ "EventId": "x", "CloudTrailEvent": text }),
            ),
            (
                "event bus",
                json!({ "version": "0", "detail-type": "AWS API Call via CloudTrail", "detail": record }),
            ),
            (
                "subscription of a log group",
                json!({ "messageType": "DATA_MESSAGE", "logEvents": [{ "id": "1", "timestamp": 1, "message": text }] }),
            ),
            (
                "log query",
                json!({ "events": [{ "message": text, "logStreamName": "s" }] }),
            ),
            ("log line", json!({ "@timestamp": "t", "@message": text })),
        ] {
            check(what, &read_text(&content.to_string()));
            check(
                what,
                &read_files(&[("a.gz", &gz(content.to_string().as_bytes()))]),
            );
        }
    }

    #[test]
    fn many_records_in_a_row() {
        let texts: Vec<String> = (0..3).map(|n| numbered(n, &json!({})).to_string()).collect();
        let pretty: Vec<String> = (0..3)
            .map(|n| serde_json::to_string_pretty(&numbered(n, &json!({}))).unwrap())
            .collect();
        for content in [
            texts.join("\n"),
            texts.join(""),
            texts.join(",\n"),
            pretty.join("\n"),
            format!("[{}]", texts.join(",")),
        ] {
            let trail = read_text(&content);
            assert_eq!((trail.events, trail.gaps.len()), (3, 0), "{content}");
            assert_eq!(trail.observations[0].count, 3);
        }
        let export: Vec<String> = texts
            .iter()
            .map(|text| format!("2026-11-04T08:31:02.123Z {text}"))
            .collect();
        assert_eq!(read_text(&export.join("\n")).events, 3);
        let members = [gz(texts[0].as_bytes()), gz(b"\n"), gz(texts[1].as_bytes())].concat();
        assert_eq!(read_files(&[("all.gz", &members)]).events, 2);
    }

    #[test]
    fn what_holds_no_records_is_counted() {
        let digest =
            json!({ "awsAccountId": "1", "digestStartTime": "2026-11-04T00:00:00Z", "logFiles": [] });
        let trail = read_files(&[
            (
                "AWSLogs/1/CloudTrail-Digest/x.json.gz",
                &gz(digest.to_string().as_bytes()),
            ),
            ("make.py", b"print({})"),
            ("package.json", b"{\"name\": \"x\"}"),
            ("empty", b""),
        ]);
        assert_eq!(trail.gaps, []);
        assert_eq!(trail.skipped["digest"], 1);
        assert_eq!(trail.objects, 1);
        assert_eq!(trail.events, 0);
    }
}

mod damage {
    use super::*;

    fn codes(trail: &Trail) -> Vec<(&str, String, u32)> {
        trail
            .gaps
            .iter()
            .map(|gap| {
                let location = gap.location.clone().unwrap();
                (gap.code, location.file, location.line)
            })
            .collect()
    }

    #[test]
    fn a_damaged_object_costs_itself_alone() {
        let good = gz(json!({ "Records": [numbered(1, &json!({}))] })
            .to_string()
            .as_bytes());
        let trail = read_files(&[
            ("1.json.gz", &good),
            ("2.json.gz", &good[..good.len() / 2]),
            ("3.json.gz", b"\x1f\x8b\x08\x00garbage"),
            ("4.json.gz", b"not packed at all"),
        ]);
        assert_eq!(trail.events, 1);
        assert_eq!(
            codes(&trail),
            [
                ("trail-object-damaged", "2.json.gz".to_owned(), 1),
                ("trail-object-damaged", "3.json.gz".to_owned(), 1),
                ("trail-object-unknown", "4.json.gz".to_owned(), 1),
            ]
        );
    }

    #[test]
    fn what_a_cut_object_holds_up_to_its_end_counts() {
        let records: Vec<Value> = (0..400)
            .map(|n| {
                let noise = format!("{:x}", u64::from(n).wrapping_mul(0x9e37_79b9_7f4a_7c15));
                numbered(n, &json!({ "requestID": noise }))
            })
            .collect();
        let whole = gz(json!({ "Records": records }).to_string().as_bytes());
        let trail = read_files(&[("1.json.gz", &whole[..whole.len() * 3 / 4])]);
        assert!((200..400).contains(&trail.events), "{}", trail.events);
        assert_eq!(
            codes(&trail),
            [("trail-object-damaged", "1.json.gz".to_owned(), 1)]
        );
    }

    #[test]
    fn a_damaged_record_costs_itself_alone() {
        let text = json!({ "Records": [numbered(1, &json!({})), numbered(2, &json!({ "userIdentity": "x" })), numbered(3, &json!({}))] });
        let trail = read_text(&text.to_string());
        assert_eq!((trail.events, trail.gaps.len()), (2, 1));
    }

    #[test]
    fn a_cut_object_gives_the_records_before_the_cut() {
        let text =
            json!({ "Records": [numbered(1, &json!({})), numbered(2, &json!({})), numbered(3, &json!({}))] })
                .to_string();
        let trail = read_text(&text[..text.len() - 40]);
        assert_eq!((trail.events, trail.gaps.len()), (2, 1));
    }

    #[test]
    fn a_cut_line_does_not_take_the_next_one_along() {
        let lines: Vec<String> = (0..3).map(|n| numbered(n, &json!({})).to_string()).collect();
        let text = format!("{}\n{}\n{}\n", lines[0], &lines[1][..100], lines[2]);
        let trail = read_text(&text);
        assert_eq!(trail.events, 2);
        assert_eq!(codes(&trail), [("trail-record-unreadable", "file".to_owned(), 2)]);
    }

    #[test]
    fn a_ruined_file_does_not_flood_the_report() {
        let lines: Vec<String> = (0..1000).map(|n| format!("{{\"broken\": {n}")).collect();
        let trail = read_text(&lines.join("\n"));
        assert_eq!(trail.gaps.len(), 10);
        assert!(
            trail
                .gaps
                .iter()
                .any(|gap| gap.message.ends_with("; like 990 more in this file"))
        );
    }

    #[test]
    fn hostile_nesting_and_bad_text_do_no_harm() {
        let deep = "[".repeat(200_000);
        let trail = read_text(&format!("{{\"Records\":[{{\"requestParameters\":{deep}"));
        assert!(!trail.gaps.is_empty());
        let nested = format!("{}1{}", "{\"a\":".repeat(5_000), "}".repeat(5_000));
        let text = json!({ "Records": [record(&json!({}))] }).to_string();
        let trail = read_text(&text.replace(
            "\"orders\",\"key\"",
            &format!("\"orders\",\"x\":{nested},\"key\""),
        ));
        assert_eq!(trail.events, 1, "{:?}", trail.gaps);
        let mut bytes = text.into_bytes();
        let at = bytes.windows(6).position(|part| part == b"orders").unwrap();
        bytes[at] = 0xff;
        assert_eq!(read_files(&[("a.json", &bytes)]).events, 1);
    }

    #[test]
    fn a_path_that_is_not_there_is_a_gap() {
        let trail = read_folder(Path::new("/nowhere/at/all"));
        assert_eq!(trail.gaps[0].code, "trail-path-unreadable");
    }
}

mod attribution {
    use super::*;

    #[test]
    fn a_known_access_key_tells_the_function() {
        let stranger = json!({ "userIdentity": { "inScopeOf": null, "arn": "arn:aws:sts::111122223333:assumed-role/fn-role/other" } });
        let other_key = merged(
            &stranger,
            &json!({ "userIdentity": { "accessKeyId": "ASIAUNKNOWN" }, "eventName": "PutItem" }),
        );
        let scan = merged(&stranger, &json!({ "eventName": "Scan" }));
        let trail = read_text(
            &json!({ "Records": [numbered(1, &scan), numbered(2, &other_key), numbered(3, &json!({}))] })
                .to_string(),
        );
        let rungs: Vec<(&str, Rung)> = trail
            .observations
            .iter()
            .map(|seen| (seen.event_name.as_str(), seen.rung))
            .collect();
        assert_eq!(
            rungs,
            [
                ("PutItem", Rung::Role),
                ("GetItem", Rung::Scope),
                ("Scan", Rung::AccessKey)
            ]
        );
    }

    #[test]
    fn a_key_of_two_functions_tells_none() {
        let other = json!({ "userIdentity": { "inScopeOf": { "credentialsIssuedTo": "arn:aws:lambda:eu-west-1:111122223333:function:fn2" } } });
        let stranger = json!({ "eventName": "Scan", "userIdentity": { "inScopeOf": null, "arn": "arn:aws:sts::111122223333:assumed-role/fn-role/other" } });
        let trail = read_text(
            &json!({ "Records": [numbered(1, &json!({})), numbered(2, &other), numbered(3, &stranger)] })
                .to_string(),
        );
        let scan = trail
            .observations
            .iter()
            .find(|seen| seen.event_name == "Scan")
            .unwrap();
        assert_eq!((scan.function.clone(), scan.rung), (None, Rung::Role));
        let names: Vec<_> = trail
            .observations
            .iter()
            .map(|seen| (seen.function.as_deref(), seen.known.as_deref()))
            .collect();
        assert_eq!(
            names,
            [(None, None), (Some("fn"), Some("Fn")), (Some("fn2"), None)]
        );
    }

    #[test]
    fn a_role_that_nobody_told_is_learned_from_the_trail() {
        let functions = vec![KnownFunction {
            role: None,
            ..the_function().remove(0)
        }];
        let old = json!({ "eventName": "Scan", "userIdentity": { "inScopeOf": null } });
        let human = json!({ "eventName": "DeleteItem", "userIdentity": { "inScopeOf": null, "arn": "arn:aws:sts::111122223333:assumed-role/Administrator/fn", "sessionContext": null } });
        let text = json!({ "Records": [numbered(1, &old), numbered(2, &json!({})), numbered(3, &human)] })
            .to_string();
        let folder = folder(&[("a.json", text.as_bytes())]);
        let trail = read(folder.path(), Catalog::embedded(), &functions, 1);
        let rungs: Vec<(&str, Rung)> = trail
            .observations
            .iter()
            .map(|seen| (seen.event_name.as_str(), seen.rung))
            .collect();
        assert_eq!(rungs, [("GetItem", Rung::Scope), ("Scan", Rung::Session)]);
        assert_eq!(trail.skipped["other-role"], 1);
    }

    #[test]
    fn a_role_made_anew_is_another_role() {
        let anew = json!({ "userIdentity": { "sessionContext": { "sessionIssuer": { "principalId": "AROANEW" } } } });
        let trail =
            read_text(&json!({ "Records": [numbered(1, &json!({})), numbered(2, &anew)] }).to_string());
        assert_eq!(trail.observations.len(), 2);
    }

    #[test]
    fn versions_are_kept() {
        let trail = read_text(&record(&json!({})).to_string());
        assert_eq!(trail.observations[0].versions, BTreeSet::from(["7".to_owned()]));
    }
}

mod folding {
    use super::*;

    fn put(n: u32, bucket: &str, key: &str) -> Value {
        numbered(
            n,
            &json!({
                "eventSource": "s3.amazonaws.com",
                "eventName": "PutObject",
                "eventTime": format!("2026-11-04T08:{:02}:{:02}Z", n / 60 % 60, n % 60),
                "requestParameters": { "bucketName": bucket, "key": key, "Host": "h" },
                "resources": [
                    { "type": "AWS::S3::Object", "ARN": format!("arn:aws:s3:::{bucket}/{key}") },
                    { "type": "AWS::S3::Bucket", "ARN": format!("arn:aws:s3:::{bucket}") },
                ],
            }),
        )
    }

    #[test]
    fn buckets_are_kept_apart_and_keys_become_folders() {
        let records: Vec<Value> = (0..200)
            .map(|n| put(n, if n % 2 == 0 { "a" } else { "b" }, &format!("labels/{n}.pdf")))
            .collect();
        let trail = read_text(&json!({ "Records": records }).to_string());
        let seen: Vec<(Vec<&String>, u64)> = trail
            .observations
            .iter()
            .map(|seen| (seen.arns.iter().collect(), seen.count))
            .collect();
        assert_eq!(
            seen,
            [
                (
                    vec![
                        &"arn:aws:s3:::a".to_owned(),
                        &"arn:aws:s3:::a/labels/*.pdf".to_owned()
                    ],
                    100
                ),
                (
                    vec![
                        &"arn:aws:s3:::b".to_owned(),
                        &"arn:aws:s3:::b/labels/*.pdf".to_owned()
                    ],
                    100
                ),
            ]
        );
        let key = &trail.observations[0].inputs["Key"];
        assert_eq!(key[0].value().as_deref(), Some("labels/*.pdf"));
        assert_eq!(trail.observations[0].samples.len(), 8);
        assert!(
            trail.observations[0].samples[0].ends_with("c6"),
            "the newest, 198, first"
        );
    }

    #[test]
    fn very_many_resources_are_one_observation() {
        let records: Vec<Value> = (0..100).map(|n| put(n, &format!("bucket-{n}"), "k")).collect();
        let trail = read_text(&json!({ "Records": records }).to_string());
        assert_eq!(trail.observations.len(), 1);
        assert_eq!(trail.observations[0].count, 100);
        assert!(trail.observations[0].arns.contains("arn:aws:s3:::bucket-*"));
    }

    #[test]
    fn success_and_failure_are_told_apart() {
        let failed = json!({ "errorCode": "ThrottlingException" });
        let one = read_text(&json!({ "Records": [numbered(1, &failed)] }).to_string());
        assert!(one.observations[0].error_only);
        let both =
            read_text(&json!({ "Records": [numbered(1, &failed), numbered(2, &json!({}))] }).to_string());
        assert!(!both.observations[0].error_only);
        assert_eq!(
            both.observations[0].errors,
            BTreeSet::from(["ThrottlingException".to_owned()])
        );
    }

    #[test]
    fn calls_without_operation_are_kept_and_counted() {
        let strange =
            json!({ "eventSource": "s3.amazonaws.com", "eventName": "GetStorageLensDashboardDataInternal" });
        let trail =
            read_text(&json!({ "Records": [numbered(1, &strange), numbered(2, &strange)] }).to_string());
        let name = (
            "s3.amazonaws.com".to_owned(),
            "GetStorageLensDashboardDataInternal".to_owned(),
        );
        assert_eq!(trail.unmapped[&name], 2);
        assert_eq!(trail.observations.len(), 1);
    }

    #[test]
    fn events_without_id_are_told_apart_by_what_they_say() {
        let without = |time: &str| record(&json!({ "eventID": null, "eventTime": time }));
        let records = json!({ "Records": [without("2026-11-04T08:30:00Z"), without("2026-11-04T08:30:00Z"), without("2026-11-04T08:31:00Z")] });
        assert_eq!(read_text(&records.to_string()).observations[0].count, 2);
    }
}

mod demo {
    use super::*;

    fn functions() -> Vec<KnownFunction> {
        [
            "api",
            "place-order",
            "payments",
            "ship-worker",
            "stream-audit",
            "nightly-report",
        ]
        .iter()
        .map(|name| KnownFunction {
            name: (*name).to_owned(),
            deployed: NamePattern::of_stack_text(&format!("orders-${{Stage}}-{name}")),
            role: Some(NamePattern::of_stack_text(match *name {
                "api" => "${ApiFunctionRole}",
                "place-order" => "${PlaceOrderFunctionRole}",
                "ship-worker" => "${ShipWorkerFunctionRole}",
                "stream-audit" => "${StreamAuditFunctionRole}",
                _ => "${BackofficeRole}",
            })),
        })
        .collect()
    }

    fn path() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/demo/orders/trail")
    }

    fn read_demo(path: &Path, threads: usize) -> Trail {
        read(path, Catalog::embedded(), &functions(), threads)
    }

    /// `function: class operation` of what the code or a service for it did.
    fn calls(trail: &Trail) -> BTreeSet<String> {
        trail
            .observations
            .iter()
            .map(|seen| {
                let known = seen.known.as_deref().unwrap_or("?");
                let operation = seen
                    .operation
                    .as_ref()
                    .map_or("?".to_owned(), ToString::to_string);
                format!("{known}: {} {operation}", class_words(&seen.class))
            })
            .collect()
    }

    #[test]
    fn the_demo_is_read_as_its_expectation_says() {
        let trail = read_demo(&path(), 0);
        assert_eq!(trail.gaps, []);
        assert_eq!(trail.unmapped, BTreeMap::new());
        let expected = [
            "api: call dynamodb.GetItem",
            "api: call dynamodb.UpdateItem",
            "api: call s3.GetObject",
            "api: denied call dynamodb:Query dynamodb.Query",
            "api: platform-logs cloudwatchlogs.CreateLogStream",
            "nightly-report: call dynamodb.Query",
            "nightly-report: call s3.PutObject",
            "nightly-report: platform-logs cloudwatchlogs.CreateLogGroup",
            "nightly-report: platform-logs cloudwatchlogs.CreateLogStream",
            "payments: call dynamodb.UpdateItem",
            "payments: call s3.PutObject",
            "payments: call secretsmanager.GetSecretValue",
            "payments: call sqs.SendMessage",
            "payments: call ssm.GetParameter",
            "payments: platform-logs cloudwatchlogs.CreateLogGroup",
            "payments: platform-logs cloudwatchlogs.CreateLogStream",
            "place-order: call dynamodb.PutItem",
            "place-order: platform-logs cloudwatchlogs.CreateLogStream",
            "ship-worker: call dynamodb.UpdateItem",
            "ship-worker: call s3.GetObject",
            "ship-worker: call s3.GetObjectTagging",
            "ship-worker: call sqs.SendMessage",
            "ship-worker: platform-logs cloudwatchlogs.CreateLogGroup",
            "ship-worker: platform-logs cloudwatchlogs.CreateLogStream",
            "ship-worker: poller sqs.DeleteMessage",
            "ship-worker: poller sqs.ReceiveMessage",
            "stream-audit: call s3.PutObject",
            "stream-audit: forward-access s3.amazonaws.com kms.GenerateDataKey",
            "stream-audit: platform-logs cloudwatchlogs.CreateLogGroup",
            "stream-audit: platform-logs cloudwatchlogs.CreateLogStream",
            "stream-audit: poller dynamodbstreams.GetRecords",
        ];
        assert_eq!(calls(&trail), expected.map(str::to_owned).into());
        assert_eq!(trail.skipped["digest"], 1);
        assert_eq!(trail.skipped["other-principal"], 6, "the release");
        assert_eq!(trail.skipped["other-role"], 2, "the person");
        let sources: Vec<&String> = trail.data_event_sources.iter().collect();
        assert_eq!(
            sources,
            ["dynamodb.amazonaws.com", "s3.amazonaws.com", "sqs.amazonaws.com"]
        );
        assert!(trail.first.unwrap().starts_with("2026-11-04"));
        assert!(trail.last.unwrap().starts_with("2026-11-17"));
        let tagging = trail
            .observations
            .iter()
            .find(|seen| seen.event_name == "GetObjectTagging")
            .unwrap();
        assert!(tagging.last.starts_with("2026-11-06"));
        let query = trail
            .observations
            .iter()
            .find(|seen| seen.known.as_deref() == Some("nightly-report") && seen.event_name == "Query")
            .unwrap();
        assert_eq!((query.count, query.rung), (14, Rung::Scope));
        assert_eq!(query.inputs["IndexName"], [ResourceHint::literal("by-status")]);
    }

    #[test]
    fn threads_order_and_repetition_do_not_matter() {
        let once = read_demo(&path(), 1);
        assert!(same(read_demo(&path(), 4), &once));
        let twice = tempfile::tempdir().unwrap();
        let (objects, _) = files::list(&path());
        for (n, object) in objects.iter().enumerate() {
            fs::copy(
                &object.path,
                twice.path().join(format!("{:03}", objects.len() - n)),
            )
            .unwrap();
            fs::copy(&object.path, twice.path().join(format!("again-{n}"))).unwrap();
        }
        assert!(same(read_demo(twice.path(), 3), &once));
    }

    #[test]
    fn both_parsers_read_the_same() {
        #[derive(Default)]
        struct Debugged(Vec<String>);
        impl container::Sink for Debugged {
            fn record<R: json::Raw>(&mut self, record: &record::Record<'_, R>) {
                let parameters: Option<Value> = record
                    .request_parameters
                    .as_ref()
                    .map(|raw| serde_json::from_str(raw.json()).unwrap());
                self.0.push(format!(
                    "{:?} {:?} {:?} {:?} {:?} {parameters:?}",
                    record.event_id,
                    record.event_time,
                    record.user_identity,
                    record.resources,
                    record.error_message
                ));
            }
            fn skip(&mut self, what: &'static str, _text: &str) {
                self.0.push(what.to_owned());
            }
            fn unreadable(&mut self, line: u32, _why: &str) {
                self.0.push(format!("unreadable {line}"));
            }
        }
        let mut texts: Vec<String> = files::list(&path())
            .0
            .iter()
            .map(|object| {
                let bytes = fs::read(&object.path).unwrap();
                let mut inflater = inflate::Inflater::default();
                let unpacked = match inflate::is_gzip(&bytes) {
                    true => inflater.inflate(&bytes, inflate::MAX_WHOLE).unwrap().bytes,
                    false => &bytes,
                };
                String::from_utf8_lossy(unpacked).into_owned()
            })
            .collect();
        texts.extend(
            fixture()["cases"]
                .as_array()
                .unwrap()
                .iter()
                .map(|case| json!({ "Records": [record(&case["set"])] }).to_string()),
        );
        for text in texts {
            let (mut fast, mut reference) = (Debugged::default(), Debugged::default());
            container::read(&text, &mut fast);
            container::read_with_reference(&text, &mut reference);
            assert_eq!(fast.0, reference.0);
        }
    }
}

#[test]
fn a_change_of_selectors_is_read_out_of_the_trail() {
    let mut record = fixture()["base"].clone();
    record["eventSource"] = json!("cloudtrail.amazonaws.com");
    record["eventName"] = json!("PutEventSelectors");
    record["eventCategory"] = json!("Management");
    record["recipientAccountId"] = json!("111122223333");
    record["userIdentity"] = json!({"type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/eve"});
    record["requestParameters"] = json!({"trailName": "audit", "eventSelectors": [{"readWriteType": "WriteOnly", "includeManagementEvents": true}]});
    let refused = merged(
        &record,
        &json!({"errorCode": "AccessDenied", "eventTime": "2026-11-05T08:30:00Z"}),
    );
    let folder = TempDir::new().unwrap();
    let object = json!({"Records": [record, refused]}).to_string();
    fs::write(folder.path().join("1.json"), object).unwrap();
    let trail = read(folder.path(), Catalog::embedded(), &the_function(), 1);
    let told: Vec<&crate::trail::selectors::KnownTrail> = trail.ledger.trails.iter().collect();
    assert_eq!(told.len(), 1, "{told:#?}");
    assert_eq!(told[0].asked, "2026-11-04T08:30:00Z");
    assert_eq!(
        told[0].settings.arn,
        "arn:aws:cloudtrail:eu-west-1:111122223333:trail/audit"
    );
    assert_eq!(told[0].settings.event_selectors[0].read_write_type, "WriteOnly");
}

#[test]
fn what_an_endpoint_saw_says_nothing_of_what_the_trail_records() {
    let record = merged(
        &fixture()["base"],
        &json!({"eventType": "AwsVpceEvent", "eventCategory": "NetworkActivity", "requestParameters": null, "resources": null}),
    );
    let folder = TempDir::new().unwrap();
    fs::write(
        folder.path().join("1.json"),
        json!({"Records": [record]}).to_string(),
    )
    .unwrap();
    let trail = read(folder.path(), Catalog::embedded(), &the_function(), 1);
    assert_eq!(
        (trail.events, trail.first.clone(), trail.ledger.days.len()),
        (1, None, 0)
    );
    let [seen] = trail.observations.as_slice() else {
        panic!("{:#?}", trail.observations);
    };
    // It proves a call, and no resource.
    assert_eq!((seen.usage(), seen.attempt(), seen.called()), (None, None, None));
    let usage = seen.at_endpoint().unwrap();
    assert_eq!(Some(usage.operation), seen.operation);
    assert!(usage.arns.is_empty() && usage.inputs.is_empty());
}
