//! A store is a set: order, repetition, threads and detours do not show in it.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests stop at what they did not expect"
)]

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::catalog::Catalog;
use crate::trail::{self, Batch, KnownFunction, Local, NamePattern, Reader, Trail, export};

const DATE: &str = "2026-11-17";

fn catalog() -> &'static Catalog {
    Catalog::embedded()
}

/// An event that depends on a few small numbers, so that events are often alike.
fn event(n: u32, who: u32, what: u32, thing: u32) -> Value {
    let (role, session) = match who % 5 {
        0 => ("fn-role", "fn".to_owned()),
        1 => ("fn-role", format!("other-{}", thing % 3)),
        2 => ("shared-role", "fn2".to_owned()),
        3 => ("Administrator", format!("person{}@example.com", thing % 2)),
        _ => ("batch-role", format!("i-{thing:04}")),
    };
    let scope = (who % 7 < 2).then(|| {
        json!({ "issuerType": "AWS::Lambda::Function",
            "credentialsIssuedTo": format!("arn:aws:lambda:eu-west-1:111122223333:function:{session}"),
            "credentialsIssuedToVersion": format!("arn:aws:lambda:eu-west-1:111122223333:function:{session}:{}", thing % 3) })
    });
    let (source, name, parameters, resources) = match what % 6 {
        0 => (
            "dynamodb",
            "GetItem",
            json!({ "tableName": format!("t{}", thing % 4) }),
            json!(null),
        ),
        1 => (
            "s3",
            "PutObject",
            json!({ "bucketName": format!("b{}", thing % 90), "key": format!("in/{n}.pdf") }),
            json!([{ "type": "AWS::S3::Object", "ARN": format!("arn:aws:s3:::b{}/in/{n}.pdf", thing % 90) }]),
        ),
        2 => (
            "s3",
            "ListObjects",
            json!({ "bucketName": "b", "list-type": "2" }),
            json!([{ "type": "AWS::S3::Object", "ARNPrefix": "arn:aws:s3:::b/in/" }]),
        ),
        3 => (
            "strange",
            "NeverHeardOf",
            json!({ "thing": format!("x{}", thing % 3) }),
            json!(null),
        ),
        4 => (
            "kms",
            "Decrypt",
            json!({ "encryptionContext": { "aws:s3:arn": "arn:aws:s3:::b" } }),
            json!(null),
        ),
        _ => (
            "sqs",
            "SendMessage",
            json!({ "queueUrl": "https://sqs.eu-west-1.amazonaws.com/111122223333/q" }),
            json!(null),
        ),
    };
    let denied = (what % 11 == 5).then_some("AccessDenied");
    json!({
        "eventVersion": "1.11", "eventType": "AwsApiCall",
        "eventCategory": if what.is_multiple_of(2) { "Data" } else { "Management" },
        "eventID": format!("00000000-0000-4000-8000-{n:012x}"),
        "eventTime": format!("2026-{:02}-{:02}T08:{:02}:00Z", 10 + n % 2, 1 + thing % 28, n % 60),
        "awsRegion": if n.is_multiple_of(3) { "us-east-1" } else { "eu-west-1" }, "recipientAccountId": "111122223333",
        "eventSource": format!("{source}.amazonaws.com"), "eventName": name,
        "errorCode": denied,
        "errorMessage": denied.map(|_| "User: u is not authorized to perform: dynamodb:GetItem on resource: arn:aws:dynamodb:eu-west-1:111122223333:table/t because no identity-based policy allows the dynamodb:GetItem action"),
        "userIdentity": {
            "type": if who % 9 == 8 { "IAMUser" } else { "AssumedRole" },
            "principalId": format!("AROA{role}:{session}"),
            "arn": format!("arn:aws:sts::111122223333:assumed-role/{role}/{session}"),
            "accountId": "111122223333", "accessKeyId": format!("ASIA{}", thing % 12),
            "invokedBy": (what % 6 == 4).then_some("AWS Internal"),
            "sessionContext": { "sessionIssuer": { "type": "Role", "principalId": format!("AROA{role}"),
                "arn": format!("arn:aws:iam::111122223333:role/{role}"), "accountId": "111122223333" } },
            "inScopeOf": scope,
        },
        "requestParameters": parameters, "resources": resources,
    })
}

fn events() -> impl Strategy<Value = Vec<Value>> {
    let one = (0_u32..4_000, 0_u32..40, 0_u32..40, 0_u32..100);
    proptest::collection::vec(one, 1..100)
        .prop_map(|all| {
            all.into_iter()
                .map(|(n, who, what, thing)| {
                    // An event id stands for one event.
                    event(n, who + n % 3, what + n % 5, (thing + n) % 100)
                })
                .collect::<Vec<Value>>()
        })
        .prop_map(distinct)
}

/// Events with the same id are the same event.
fn distinct(events: Vec<Value>) -> Vec<Value> {
    let mut seen = std::collections::HashMap::new();
    events
        .into_iter()
        .map(|event| seen.entry(event["eventID"].to_string()).or_insert(event).clone())
        .collect()
}

fn object(key: &str) -> ObjectId {
    ObjectId {
        source: "test".to_owned(),
        key: key.to_owned(),
        stamp: "1".to_owned(),
        bytes: 1,
    }
}

fn batch(objects: &[(String, &[Value])]) -> Batch {
    let mut reader = Reader::new(catalog());
    for (key, events) in objects {
        reader.text(object(key), &json!({ "Records": events }).to_string());
    }
    reader.batch()
}

/// A new store in a folder of its own.
fn new_store() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("usage.db");
    (folder, path)
}

/// The export of a store that these batches were committed to.
fn exported(batches: impl IntoIterator<Item = Batch>) -> String {
    let (_folder, path) = new_store();
    let mut store = Store::open(&path).unwrap();
    for batch in batches {
        store.commit(batch, DATE).unwrap();
    }
    store.export().unwrap()
}

/// The first lines in which two texts differ: whole exports are too long to read.
fn difference(a: &str, b: &str) -> String {
    let lines = a.lines().zip(b.lines()).filter(|(a, b)| a != b);
    let shown: Vec<String> = lines.take(3).map(|(a, b)| format!("- {a}\n+ {b}")).collect();
    format!(
        "{} and {} lines\n{}",
        a.lines().count(),
        b.lines().count(),
        shown.join("\n")
    )
}

fn functions() -> Vec<KnownFunction> {
    ["fn", "fn2"]
        .map(|name| KnownFunction {
            name: name.to_uppercase(),
            deployed: NamePattern::new(name),
            role: Some(NamePattern::new(if name == "fn" {
                "fn-role"
            } else {
                "shared-role"
            })),
        })
        .to_vec()
}

fn trail_of(path: &Path) -> Trail {
    let mut trail = trail::open(path, catalog(), &functions(), 2).unwrap();
    trail.objects = 0;
    trail
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn order_repetition_and_batches_do_not_show(
        events in events(),
        cuts in proptest::collection::vec(1_usize..40, 1..8),
        seed in 0_usize..1_000,
    ) {
        let whole = exported([batch(&[("all".to_owned(), &events)])]);
        // The same events in other objects, in another order, some of them twice.
        let mut shuffled = events.clone();
        shuffled.rotate_left(seed % events.len());
        shuffled.reverse();
        let mut batches = Vec::new();
        let mut rest = shuffled.as_slice();
        for (n, cut) in cuts.iter().cycle().enumerate() {
            if rest.is_empty() {
                break;
            }
            let (head, tail) = rest.split_at((*cut).min(rest.len()));
            batches.push(batch(&[(format!("{n}"), head)]));
            rest = tail;
        }
        let again: Vec<Batch> = batches.iter().step_by(2).cloned().collect();
        let pieces = exported(batches.iter().cloned().chain(again));
        prop_assert!(whole == pieces, "{}", difference(&whole, &pieces));
        let merged = exported([batches.into_iter().reduce(Batch::merge).unwrap()]);
        prop_assert!(whole == merged, "{}", difference(&whole, &merged));
    }

    #[test]
    fn joining_stores_is_a_union(events in events(), at in 0_usize..100, until in 0_usize..100) {
        let (at, until) = (at.min(events.len()), until.min(events.len()));
        let parts = [&events[..at], &events[at.min(until)..until.max(at)], &events[until..]];
        let folder = tempfile::tempdir().unwrap();
        let stores: Vec<PathBuf> = parts.iter().enumerate().map(|(n, part)| {
            let path = folder.path().join(format!("{n}.db"));
            let mut store = Store::open(&path).unwrap();
            store.commit(batch(&[(format!("{n}"), part)]), DATE).unwrap();
            store.close().unwrap();
            path
        }).collect();
        let joined = |order: &[usize], name: &str| {
            let mut store = Store::open(&folder.path().join(name)).unwrap();
            for n in order {
                store.absorb(&Store::open_to_read(&stores[*n]).unwrap()).unwrap();
            }
            store.export().unwrap()
        };
        let forwards = joined(&[0, 1, 2], "f.db");
        for (order, name) in [([2, 1, 0], "a"), ([1, 0, 2], "b")] {
            let other = joined(&order, name);
            prop_assert!(forwards == other, "{}", difference(&forwards, &other));
        }
        // A store of stores, and one of exports.
        let nested = {
            let mut store = Store::open(&folder.path().join("n.db")).unwrap();
            let inner = folder.path().join("inner.db");
            let mut one = Store::open(&inner).unwrap();
            one.absorb(&Store::open_to_read(&stores[1]).unwrap()).unwrap();
            one.absorb(&Store::open_to_read(&stores[2]).unwrap()).unwrap();
            store.absorb(&one).unwrap();
            let text = folder.path().join("0.json");
            fs::write(&text, Store::open_to_read(&stores[0]).unwrap().export().unwrap()).unwrap();
            let (batch, date) = export::batch(&text).unwrap();
            store.commit(batch, &date).unwrap();
            store.export().unwrap()
        };
        prop_assert!(forwards == nested, "{}", difference(&forwards, &nested));
        let all = exported([batch(&[("all".to_owned(), &events)])]);
        prop_assert!(forwards == all, "{}", difference(&forwards, &all));
    }

    #[test]
    fn folder_store_and_export_tell_the_same(events in events(), at in 0_usize..100) {
        let folder = tempfile::tempdir().unwrap();
        let (left, right) = events.split_at(at.min(events.len()));
        fs::create_dir(folder.path().join("trail")).unwrap();
        for (name, part) in [("a.json", left), ("b.json", right)] {
            fs::write(folder.path().join("trail").join(name), json!({ "Records": part }).to_string()).unwrap();
        }
        fs::write(folder.path().join("trail/c.json.gz"), b"\x1f\x8bdamaged").unwrap();
        let local = Local::list(&folder.path().join("trail"));
        let path = folder.path().join("usage.db");
        let mut store = Store::open(&path).unwrap();
        for object in &local.objects {
            store.commit(local.read(&[object], catalog(), 1, &|_| true), DATE).unwrap();
        }
        let text = folder.path().join("usage.json");
        fs::write(&text, store.export().unwrap()).unwrap();
        store.close().unwrap();
        let direct = trail_of(&folder.path().join("trail"));
        prop_assert_eq!(&direct, &trail_of(&path));
        prop_assert_eq!(&direct, &trail_of(&text));
        prop_assert_eq!(direct.gaps.len(), 1);
    }
}

/// Threads that make rows ready show in nothing, not even in the order of the rows; and a commit needs none of them: all may be
/// at other work.
#[test]
fn rows_come_in_order_whichever_threads_help() {
    use std::sync::atomic::{AtomicBool, Ordering};

    let events: Vec<Value> = (0..300).map(|n| event(n, n, n / 5, n % 100)).collect();
    let (some, all) = (
        batch(&[("some".to_owned(), &events[..200])]),
        batch(&[("all".to_owned(), &events)]),
    );
    let rows = |threads: usize, are_busy: bool| -> Vec<String> {
        let write = || {
            let (_folder, path) = new_store();
            let mut store = Store::open(&path).unwrap();
            store.commit(some.clone(), DATE).unwrap();
            store.commit(all.clone(), DATE).unwrap();
            let query = "SELECT usage.id || ' ' || session || event_source || event_name || apart_by || marks || samples FROM usage";
            let mut query = store.db.prepare(query).unwrap();
            query
                .query_map([], |row| row.get(0))
                .unwrap()
                .map(Result::unwrap)
                .collect()
        };
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        let is_over = AtomicBool::new(false);
        pool.scope(|scope| {
            // One thread writes, and these keep the others.
            for _ in (1..threads).filter(|_| are_busy) {
                scope.spawn(|_| {
                    while !is_over.load(Ordering::Relaxed) {
                        std::thread::yield_now();
                    }
                });
            }
            let rows = write();
            is_over.store(true, Ordering::Relaxed);
            rows
        })
    };
    let alone = rows(1, false);
    assert!(alone.len() > 100, "{}", alone.len());
    for (threads, are_busy) in [(2, false), (4, false), (2, true), (4, true)] {
        assert_eq!(
            rows(threads, are_busy),
            alone,
            "{threads} threads, busy: {are_busy}"
        );
    }
}

#[test]
fn sessions_with_many_keys_are_taken_together_in_any_order() {
    let events: Vec<Value> = (0..40)
        .map(|n| {
            let mut event = event(n, 11, 0, 0);
            event["userIdentity"]["accessKeyId"] = json!(format!("ASIA{n}"));
            event
        })
        .collect();
    let whole = exported([batch(&[("a".to_owned(), &events)])]);
    let singly = exported(
        events
            .iter()
            .rev()
            .map(|event| batch(&[("a".to_owned(), std::slice::from_ref(event))])),
    );
    assert!(whole == singly, "{}", difference(&whole, &singly));
    assert_eq!(whole.matches("\"access_key\":\"*\"").count(), 2, "{whole}");
}

#[test]
fn an_object_is_read_once_unless_it_changes() {
    let (_folder, path) = new_store();
    let mut store = Store::open(&path).unwrap();
    assert!(store.wants(&object("a")).unwrap());
    store
        .commit(batch(&[("a".to_owned(), &[event(1, 0, 0, 0)])]), DATE)
        .unwrap();
    assert!(!store.wants(&object("a")).unwrap());
    assert!(store.wants(&object("b")).unwrap());
    let changed = ObjectId {
        stamp: "2".to_owned(),
        ..object("a")
    };
    assert!(store.wants(&changed).unwrap());
    let elsewhere = ObjectId {
        source: "other".to_owned(),
        ..object("a")
    };
    assert!(store.wants(&elsewhere).unwrap());
}

#[test]
fn watermarks_go_on_and_go_back_when_stores_are_joined() {
    let (_folder, path) = new_store();
    let mut store = Store::open(&path).unwrap();
    let marked = |mark: &str| {
        let mut batch = Batch::default();
        batch.watermark("lookup", mark.to_owned());
        batch
    };
    store.commit(marked("2026-11-04"), DATE).unwrap();
    store.commit(marked("2026-11-02"), DATE).unwrap();
    assert_eq!(store.watermark("lookup").unwrap().as_deref(), Some("2026-11-04"));
    assert_eq!(store.watermark("elsewhere").unwrap(), None);
    let (_other_folder, other_path) = new_store();
    let mut other = Store::open(&other_path).unwrap();
    other.commit(marked("2026-11-03"), DATE).unwrap();
    store.absorb(&other).unwrap();
    assert_eq!(store.watermark("lookup").unwrap().as_deref(), Some("2026-11-03"));
}

#[test]
fn gaps_go_when_their_object_is_read_or_gone() {
    let (_folder, path) = new_store();
    let mut store = Store::open(&path).unwrap();
    let mut missed = Batch::default();
    for key in ["a", "b"] {
        missed.missed("test", key, crate::usage::Gap::new("trail-path-unreadable", key));
    }
    store.commit(missed, DATE).unwrap();
    assert_eq!(store.summary(catalog()).unwrap().gaps.len(), 2);
    store.commit(batch(&[("a".to_owned(), &[])]), DATE).unwrap();
    assert_eq!(store.summary(catalog()).unwrap().gaps[0].message, "b");
    store.forget_gaps("test", |key| key != "b").unwrap();
    assert_eq!(store.summary(catalog()).unwrap().gaps, []);
}

#[test]
fn a_newer_catalogue_names_calls_that_an_older_one_did_not_know() {
    let (_folder, path) = new_store();
    let mut store = Store::open(&path).unwrap();
    let call = event(1, 0, 0, 0);
    store.commit(batch(&[("a".to_owned(), &[call])]), DATE).unwrap();
    let named = trail_of(&path);
    store.db.execute(
        "UPDATE usage SET operation = '', apart_by = '[]', inputs = replace(inputs, 'TableName', '=tableName')", [],
    ).unwrap();
    let anew = trail_of(&path);
    assert_eq!(named.observations, anew.observations);
    assert_eq!(anew.unmapped.len(), 0);
}

#[test]
fn unknown_calls_keep_their_parameters_for_a_newer_catalogue() {
    let text = exported([batch(&[("a".to_owned(), &[event(1, 0, 3, 0)])])]);
    assert!(text.contains("\"=thing\":{\"values\":[\"x0\"]}"), "{text}");
}

mod files {
    use super::*;

    fn refused(path: &Path, words: &str) {
        let before = fs::read(path).unwrap();
        for error in [
            Store::open(path).map(drop).unwrap_err().to_string(),
            Store::open_to_read(path)
                .and_then(|store| store.export())
                .map(drop)
                .unwrap_err()
                .to_string(),
        ] {
            assert!(error.contains(words), "{error}");
        }
        assert_eq!(fs::read(path).unwrap(), before, "it is left as it was");
    }

    fn filled(path: &Path) {
        let mut store = Store::open(path).unwrap();
        let events: Vec<Value> = (0..200).map(|n| event(n, n, n, n)).collect();
        store.commit(batch(&[("a".to_owned(), &events)]), DATE).unwrap();
        store.close().unwrap();
    }

    #[test]
    fn other_files_are_refused_and_left_alone() {
        let (folder, path) = new_store();
        fs::write(&path, "no database").unwrap();
        refused(&path, "is not a usage store: it is no SQLite file");
        let foreign = folder.path().join("foreign.db");
        rusqlite::Connection::open(&foreign)
            .unwrap()
            .execute_batch("CREATE TABLE t (x)")
            .unwrap();
        refused(&foreign, "the SQLite file of another program");
        let error = Store::open_to_read(&folder.path().join("none.db"))
            .map(drop)
            .unwrap_err();
        assert!(error.to_string().contains("there is no store"), "{error}");
    }

    #[test]
    fn a_store_of_a_later_version_is_refused() {
        let (_folder, path) = new_store();
        filled(&path);
        rusqlite::Connection::open(&path)
            .unwrap()
            .pragma_update(None, "user_version", 99)
            .unwrap();
        refused(
            &path,
            "version 99 of the tables, and this rolefit knows up to 3: use a newer rolefit",
        );
    }

    #[test]
    fn a_damaged_store_is_refused() {
        let (_folder, path) = new_store();
        filled(&path);
        let mut bytes = fs::read(&path).unwrap();
        let half = bytes.len() / 2;
        bytes[100..half].fill(0x5a);
        fs::write(&path, &bytes).unwrap();
        let error = Store::open(&path).map(drop).unwrap_err().to_string();
        assert!(error.contains("is damaged"), "{error}");
        assert_eq!(fs::read(&path).unwrap(), bytes);
        // Of a cut file, too.
        filled(&path.with_extension("cut"));
        let cut = fs::read(path.with_extension("cut")).unwrap();
        fs::write(path.with_extension("cut"), &cut[..cut.len() / 2]).unwrap();
        let error = Store::open(&path.with_extension("cut"))
            .map(drop)
            .unwrap_err()
            .to_string();
        assert!(error.contains("is damaged"), "{error}");
    }

    #[test]
    fn an_empty_file_becomes_a_store() {
        let (_folder, path) = new_store();
        fs::write(&path, "").unwrap();
        assert!(
            Store::open_to_read(&path)
                .unwrap()
                .export()
                .unwrap()
                .contains("\"usage\": []")
        );
        filled(&path);
        assert!(is_store(&path));
    }

    #[test]
    fn a_store_that_cannot_be_written_is_read() {
        let (_folder, path) = new_store();
        filled(&path);
        let mut permissions = fs::metadata(&path).unwrap().permissions();
        permissions.set_readonly(true);
        fs::set_permissions(&path, permissions).unwrap();
        assert!(!Store::open_to_read(&path).unwrap().export().unwrap().is_empty());
    }

    #[test]
    fn a_store_of_version_1_is_brought_up_to_date() {
        let (_folder, path) = new_store();
        let old = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/trail/store-v1.sql");
        rusqlite::Connection::open(&path)
            .unwrap()
            .execute_batch(&fs::read_to_string(old).unwrap())
            .unwrap();
        // Reading alone changes nothing.
        let before = fs::read(&path).unwrap();
        let read = Store::open_to_read(&path).unwrap().export().unwrap();
        assert_eq!(fs::read(&path).unwrap(), before);
        let store = Store::open(&path).unwrap();
        assert_eq!(store.export().unwrap(), read);
        assert_eq!(schema::version(&store.db).unwrap(), Some(schema::VERSION));
        let rows: i64 = store
            .db
            .query_row("SELECT count(*) FROM observed", [], |row| row.get(0))
            .unwrap();
        assert_eq!(rows, 2);
        assert!(read.contains("\"first\": \"2026-11-04T08:30:00Z\""), "{read}");
        drop(store);
        assert_eq!(trail_of(&path).observations.len(), 1);
    }

    #[test]
    fn the_views_show_what_the_tables_hold() {
        let (_folder, path) = new_store();
        filled(&path);
        let store = Store::open_to_read(&path).unwrap();
        let column = |query: &str| -> Vec<String> {
            let mut statement = store.db.prepare(query).unwrap();
            let rows = statement.query_map([], |row| row.get(0)).unwrap();
            rows.collect::<Result<_, _>>().unwrap()
        };
        let arns = column("SELECT DISTINCT arn FROM resource ORDER BY arn");
        assert!(arns.contains(&"arn:aws:s3:::b/in/*".to_owned()), "{arns:?}");
        let tables = column("SELECT DISTINCT value FROM input WHERE member = 'TableName' ORDER BY value");
        assert_eq!(tables, ["t0", "t2"]);
        let ids = column("SELECT event_id FROM sample");
        assert!(ids.len() > 50);
        assert!(!column("SELECT role FROM observed WHERE denied").is_empty());
    }

    #[test]
    fn exports_of_other_versions_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("usage.json");
        let open = || {
            trail::open(&path, catalog(), &[], 1)
                .map(drop)
                .unwrap_err()
                .to_string()
        };
        fs::write(&path, "{\"schema\": \"rolefit-usage-v9\"}").unwrap();
        assert!(open().contains("its schema is `rolefit-usage-v9`"), "{}", open());
        fs::write(&path, "{\"schema\": \"rolefit-usage-v1\"").unwrap();
        assert!(
            open().contains("is not a usage export that can be read"),
            "{}",
            open()
        );
        fs::write(&path, "{\"schema\": \"rolefit-usage-v1\"}").unwrap();
        assert!(open().contains("missing field"), "{}", open());
    }
}

#[test]
fn a_store_that_was_half_written_can_be_read() {
    let home = TempDir::new().unwrap();
    let (written, killed) = (home.path().join("a.db"), home.path().join("b.db"));
    Store::open(&written).unwrap().close().unwrap();
    let db = rusqlite::Connection::open(&written).unwrap();
    // So small a cache that pages reach the file before the transaction ends.
    db.execute_batch("PRAGMA cache_size = 1; BEGIN IMMEDIATE; CREATE TABLE half (text TEXT);")
        .unwrap();
    for _ in 0..200 {
        db.execute("INSERT INTO half VALUES (?)", ["x".repeat(4_000)])
            .unwrap();
    }
    // What a process leaves behind that is killed here.
    for suffix in ["", "-journal"] {
        let name = |path: &Path| format!("{}{suffix}", path.display());
        fs::copy(name(&written), name(&killed)).unwrap();
    }
    let store = Store::open_to_read(&killed).unwrap();
    assert!(store.whole().is_ok());
}
