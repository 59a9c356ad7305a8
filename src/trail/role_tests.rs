//! A reading for some roles against a whole reading: of these roles they tell the same.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests stop at what they did not expect"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;

const ROLES: [&str; 3] = ["fn-role", "fn-role-2", "orders"];

/// The records of both fixtures, each with every role in turn, and ids and days of their own.
fn records() -> Vec<Value> {
    let mut records: Vec<Value> = Vec::new();
    for name in ["records.json", "events.json"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/fixtures/trail")
            .join(name);
        let fixture: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
        for case in fixture["cases"].as_array().unwrap() {
            for role in ROLES {
                let mut record = fixture["base"].clone();
                patch(&mut record, &case["set"]);
                let at = records.len();
                let own = json!({
                    "eventID": format!("{at:08x}-52d1-4a86-9a3d-6d1f5e2a9c10"),
                    "eventTime": format!("2026-11-{:02}T08:30:00Z", 1 + at % 28),
                });
                patch(&mut record, &own);
                let identity = record["userIdentity"].to_string();
                let identity = identity.replace("fn-role", role);
                record["userIdentity"] = serde_json::from_str(&identity).unwrap();
                records.push(record);
            }
        }
    }
    records
}

/// JSON merge patch: `null` removes.
fn patch(to: &mut Value, changes: &Value) {
    let Value::Object(changes) = changes else {
        *to = changes.clone();
        return;
    };
    if !to.is_object() {
        *to = json!({});
    }
    for (key, change) in changes {
        match change {
            Value::Null => drop(to.as_object_mut().unwrap().remove(key)),
            change => patch(&mut to[key], change),
        }
    }
}

fn functions() -> Vec<KnownFunction> {
    let function = |name: &str, deployed: &str, role: &str| KnownFunction {
        name: name.to_owned(),
        deployed: NamePattern::new(deployed),
        role: Some(NamePattern::new(role)),
    };
    vec![
        function("Fn", "fn", "fn-role"),
        function("Orders", "fn", "orders"),
    ]
}

fn roles(names: &[&str]) -> Option<Roles> {
    Roles::new(names.iter().map(|name| RoleName::parse(name).unwrap()).collect())
}

/// How a folder holds records: trail objects of any size, as they are written and written anew, and other containers.
fn folder(records: &[Value]) -> TempDir {
    let folder = TempDir::new().unwrap();
    let mut at = 0;
    let mut write = |text: String| {
        at += 1;
        fs::write(folder.path().join(format!("{at}.json")), text).unwrap();
    };
    for (n, some) in records.chunks(7).enumerate() {
        let object = json!({ "Records": some });
        match n % 7 {
            0 => write(serde_json::to_string_pretty(&object).unwrap()),
            // Every slash escaped; and a letter of the name.
            1 => write(object.to_string().replace('/', "\\/")),
            2 => write(object.to_string().replace("fn-role", "fn-r\\u006fle")),
            3 => write(some.iter().map(|record| format!("{record}\n")).collect()),
            4 => write(json!({ "first": 1, "Records": some }).to_string()),
            5 => {
                let events = some
                    .iter()
                    .map(|record| json!({ "CloudTrailEvent": record.to_string() }));
                write(json!({ "Events": events.collect::<Vec<_>>() }).to_string());
            }
            _ => write(object.to_string()),
        }
    }
    // Objects of one role, and one that is cut.
    for record in records.iter().take(30) {
        write(json!({ "Records": [record] }).to_string());
    }
    let mut cut = json!({ "Records": records }).to_string();
    cut.truncate(cut.len() * 2 / 3);
    write(cut);
    folder
}

fn read_for(path: &Path, names: &[&str], threads: usize) -> Trail {
    let local = Local::list(path).for_roles(roles(names));
    read_local(&local, Catalog::embedded(), &functions(), threads)
}

fn of<'t>(trail: &'t Trail, names: &[&str]) -> Vec<&'t Observation> {
    let observations = trail.observations.iter();
    observations
        .filter(|observation| names.contains(&observation.role_name.as_str()))
        .collect()
}

#[test]
fn a_reading_for_roles_tells_what_a_whole_one_tells_of_them() {
    let folder = folder(&records());
    let whole = read_for(folder.path(), &[], 1);
    assert_eq!(whole.ledger.only_roles, None);
    for names in [&ROLES[..1], &ROLES[1..2], &ROLES[2..], &ROLES[..2], &ROLES] {
        let part = read_for(folder.path(), names, 2);
        assert!(
            part.observations.len() > 50 || names == ["fn-role-2"],
            "{names:?}"
        );
        let all: Vec<&Observation> = part.observations.iter().collect();
        assert_eq!(all, of(&whole, names), "{names:?}");
        assert_eq!(part.objects, whole.objects);
        assert_eq!(part.gaps, whole.gaps);
        // Where there were events is never more than there was, and no account or region is missing.
        assert!(part.first >= whole.first && part.last <= whole.last);
        for (stream, days) in &part.ledger.days {
            assert!(days.is_subset(&whole.ledger.days[stream]), "{stream:?}");
        }
        let shown: BTreeSet<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let only = part.ledger.only_roles.unwrap();
        assert_eq!(
            only.iter().map(ToString::to_string).collect::<BTreeSet<_>>(),
            shown
        );
    }
}

#[test]
fn a_role_of_one_account_is_not_that_of_another() {
    let mut records = records();
    records.truncate(3);
    let other = json!({ "Records": [records[0]] })
        .to_string()
        .replace("111122223333", "444455556666");
    let folder = folder(&records);
    fs::write(folder.path().join("other.json"), other).unwrap();
    let accounts = |names: &[&str]| -> BTreeSet<String> {
        let trail = read_for(folder.path(), names, 1);
        trail.observations.into_iter().map(|seen| seen.account).collect()
    };
    assert_eq!(accounts(&["fn-role"]).len(), 2);
    let arn = "arn:aws:iam::444455556666:role/x/fn-role";
    assert_eq!(accounts(&[arn]), BTreeSet::from(["444455556666".to_owned()]));
}

#[test]
fn what_trails_were_told_is_read_whoever_told_it() {
    let mut record = records()[0].clone();
    record["eventSource"] = json!("cloudtrail.amazonaws.com");
    record["eventName"] = json!("StopLogging");
    record["userIdentity"] = json!({"type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/eve"});
    record["requestParameters"] = json!({"name": "audit"});
    let folder = TempDir::new().unwrap();
    fs::write(
        folder.path().join("1.json"),
        json!({ "Records": [record] }).to_string(),
    )
    .unwrap();
    for names in [&[][..], &["fn-role"]] {
        let trail = read_for(folder.path(), names, 1);
        let told: Vec<&selectors::KnownTrail> = trail.ledger.trails.iter().collect();
        assert_eq!(told.len(), 1, "{names:?}");
        assert!(told[0].settings.stop_logging_time.is_some());
    }
}

fn read_into(store: &mut Store, path: &Path, names: &[&str]) -> usize {
    let roles = roles(names);
    let local = Local::list(path).for_roles(roles.clone());
    let wants = |object: &&LocalObject| store.wants_for(&object.id, roles.as_ref()).unwrap();
    let wanted: Vec<&LocalObject> = local.objects.iter().filter(wants).collect();
    let batch = local.read(&wanted, Catalog::embedded(), 1, &|_| true);
    store.commit(batch, "2026-11-17").unwrap();
    wanted.len()
}

#[test]
fn a_store_knows_for_which_roles_it_was_read() {
    let folder = folder(&records());
    let files = fs::read_dir(folder.path()).unwrap().count();
    let at = TempDir::new().unwrap();
    let path = at.path().join("usage.db");
    let open = |path: &Path| super::open(path, Catalog::embedded(), &functions(), 1).unwrap();
    let only = |path: &Path| -> Option<Vec<String>> {
        let roles = open(path).ledger.only_roles?;
        Some(roles.iter().map(ToString::to_string).collect())
    };
    let mut store = Store::open(&path).unwrap();
    assert_eq!(read_into(&mut store, folder.path(), &["orders"]), files);
    assert_eq!(read_into(&mut store, folder.path(), &["orders"]), 0);
    assert_eq!(only(&path), Some(vec!["orders".to_owned()]));
    let part = read_for(folder.path(), &["orders"], 1);
    assert_eq!(open(&path).observations, part.observations);
    assert_eq!(open(&path).objects, part.objects);

    // An export says so, too, and whoever takes it in.
    let export = at.path().join("usage.json");
    fs::write(&export, store.export().unwrap()).unwrap();
    assert_eq!(only(&export), Some(vec!["orders".to_owned()]));
    let merged = at.path().join("merged.db");
    let mut other = Store::open(&merged).unwrap();
    let (batch, catalog) = export::batch(&export).unwrap();
    other.commit(batch, &catalog).unwrap();
    assert_eq!(only(&merged), Some(vec!["orders".to_owned()]));
    other.absorb(&Store::open_to_read(&path).unwrap()).unwrap();
    assert_eq!(other.export().unwrap(), store.export().unwrap());

    // Another role needs another reading; silence counts for both then.
    assert!(read_into(&mut store, folder.path(), &["orders", "fn-role"]) > 0);
    assert_eq!(only(&path), Some(vec!["fn-role".to_owned(), "orders".to_owned()]));
    let silence = |role: &str| {
        let operation = crate::usage::OperationId::new("dynamodb", "CreateTable");
        open(&path).coverage_of(&operation, None, Some(role)).level
    };
    assert_eq!(silence("orders"), crate::usage::Coverage::Partial);
    assert_eq!(silence("another"), crate::usage::Coverage::None);

    // And everything, to be read as a whole: nothing is left of it then.
    assert!(read_into(&mut store, folder.path(), &[]) > 0);
    assert_eq!(read_into(&mut store, folder.path(), &["fn-role-2"]), 0);
    assert_eq!(only(&path), None);
    let whole = at.path().join("whole.db");
    let mut fresh = Store::open(&whole).unwrap();
    read_into(&mut fresh, folder.path(), &[]);
    assert_eq!(store.export().unwrap(), fresh.export().unwrap());
}
