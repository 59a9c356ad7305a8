//! `rolefit observe` from the outside: the same store whatever happens to the process that writes it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

const TRAIL: &str = "docs/demo/orders/trail";

fn rolefit(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rolefit"))
        .args(arguments)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Runs `observe` and checks the exit code.
fn observe(from: &Path, store: &Path, code: i32) -> Output {
    let output = rolefit(&[
        "observe",
        "--from",
        from.to_str().unwrap(),
        "--store",
        store.to_str().unwrap(),
    ]);
    assert_eq!(output.status.code(), Some(code), "{}", text(&output.stderr));
    output
}

fn export(store: &Path) -> String {
    let output = rolefit(&["observe", "export", "--store", store.to_str().unwrap()]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

/// A trail of `objects` files with `events` events each; some files say the same as others.
fn made_trail(folder: &Path, objects: u32, events: u32) {
    for object in 0..objects {
        let of_object = object - object % 5 / 4;
        let records: Vec<Value> = (0..events)
            .map(|event| made_event(of_object * events + event))
            .collect();
        let path = folder.join(format!("AWSLogs/{object:04}.json"));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, json!({ "Records": records }).to_string()).unwrap();
    }
}

fn made_event(n: u32) -> Value {
    let function = format!("fn-{}", n % 7);
    json!({
        "eventVersion": "1.11", "eventType": "AwsApiCall", "eventCategory": "Data", "eventSource": "dynamodb.amazonaws.com",
        "eventName": if n.is_multiple_of(3) { "PutItem" } else { "GetItem" },
        "eventID": format!("00000000-0000-4000-8000-{n:012x}"), "recipientAccountId": "111122223333",
        "eventTime": format!("2026-11-{:02}T{:02}:{:02}:00Z", 1 + n % 20, n % 24, n % 60), "awsRegion": "eu-west-1",
        "userIdentity": {
            "type": "AssumedRole", "principalId": format!("AROAFN{}:{function}", n % 7), "accountId": "111122223333",
            "arn": format!("arn:aws:sts::111122223333:assumed-role/{function}-role/{function}"),
            "accessKeyId": format!("ASIA{}", n % 100),
        },
        "requestParameters": { "tableName": format!("table-{}", n % 13), "key": { "id": "HIDDEN_DUE_TO_SECURITY_REASONS" } },
        "resources": [{ "type": "AWS::DynamoDB::Table", "ARN": format!("arn:aws:dynamodb:eu-west-1:111122223333:table/table-{}", n % 13) }],
    })
}

struct Place {
    _folder: tempfile::TempDir,
    trail: PathBuf,
    store: PathBuf,
}

fn place() -> Place {
    let folder = tempfile::tempdir().unwrap();
    let (trail, store) = (folder.path().join("trail"), folder.path().join("stores/usage.db"));
    Place {
        _folder: folder,
        trail,
        store,
    }
}

/// The export of an undisturbed run.
fn undisturbed(trail: &Path) -> String {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("usage.db");
    observe(trail, &store, 0);
    export(&store)
}

#[test]
fn folder_store_and_export_generate_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let (store, file) = (folder.path().join("usage.db"), folder.path().join("usage.json"));
    observe(Path::new(TRAIL), &store, 0);
    fs::write(&file, export(&store)).unwrap();
    let inputs = [TRAIL, store.to_str().unwrap(), file.to_str().unwrap()];
    for command in [
        vec!["generate"],
        vec!["diff", "--format", "json"],
        vec!["check", "--format", "json", "--exit-zero"],
    ] {
        let outputs: Vec<String> = inputs
            .iter()
            .map(|usage| {
                text(&rolefit(&[&command[..], &["docs/demo/orders", "--usage", usage]].concat()).stdout)
            })
            .collect();
        assert!(outputs[0].len() > 1_000, "{}", outputs[0]);
        assert_eq!(outputs[0], outputs[1], "{command:?} with a store");
        assert_eq!(outputs[0], outputs[2], "{command:?} with an export");
    }
}

#[test]
fn a_second_run_reads_only_what_is_new() {
    let place = place();
    made_trail(&place.trail, 6, 3);
    let json = |code| {
        let output = rolefit(&[
            "observe",
            "--format",
            "json",
            "--from",
            place.trail.to_str().unwrap(),
            "--store",
            place.store.to_str().unwrap(),
        ]);
        assert_eq!(output.status.code(), Some(code), "{}", text(&output.stderr));
        serde_json::from_slice::<Value>(&output.stdout).unwrap()
    };
    let first = json(0);
    assert_eq!(
        (&first["new_objects"], &first["objects"], &first["events"]),
        (&json!(6), &json!(6), &json!(15))
    );
    let second = json(0);
    assert_eq!(
        (&second["new_objects"], &second["events"]),
        (&json!(0), &json!(15))
    );
    made_trail(&place.trail, 8, 3);
    fs::write(place.trail.join("broken.json.gz"), b"\x1f\x8bno").unwrap();
    let third = json(0);
    assert_eq!(third["gaps"][0]["code"], "trail-object-damaged");
    assert!(third["events"].as_u64().unwrap() > 15);
    // A damaged file that is gone is forgotten.
    fs::remove_file(place.trail.join("broken.json.gz")).unwrap();
    assert_eq!(json(0)["gaps"], json!([]));
}

#[test]
fn nothing_to_read_and_wrong_input_have_codes_of_their_own() {
    let place = place();
    fs::create_dir(&place.trail).unwrap();
    observe(&place.trail, &place.store, 3);
    let missing = observe(&place.trail.join("none"), &place.store, 2);
    assert!(
        text(&missing.stderr).contains("no trail at"),
        "{}",
        text(&missing.stderr)
    );
    fs::write(place.trail.join("text"), "no store").unwrap();
    let foreign = observe(&place.trail, &place.trail.join("text"), 2);
    assert!(
        text(&foreign.stderr).contains("is not a usage store"),
        "{}",
        text(&foreign.stderr)
    );
    assert_eq!(fs::read_to_string(place.trail.join("text")).unwrap(), "no store");
}

#[test]
fn stores_of_parts_join_to_the_store_of_the_whole() {
    let place = place();
    made_trail(&place.trail, 10, 4);
    let whole = undisturbed(&place.trail);
    let parts: Vec<String> = ["0000", "0005"]
        .map(|from| {
            let part = place.trail.with_file_name(format!("part-{from}"));
            fs::create_dir(&part).unwrap();
            for n in 0..10 {
                let name = format!("{n:04}.json");
                if (from == "0000") == (n < 5) {
                    fs::copy(place.trail.join("AWSLogs").join(&name), part.join(&name)).unwrap();
                }
            }
            let store = place.trail.with_file_name(format!("{from}.db"));
            observe(&part, &store, 0);
            store.to_str().unwrap().to_owned()
        })
        .into();
    let merge = |order: [&str; 2]| {
        let store = place.trail.with_file_name(format!(
            "{}.joined",
            order[0].len() + usize::from(order[0] < order[1])
        ));
        let output = rolefit(&[
            "observe",
            "merge",
            "--store",
            store.to_str().unwrap(),
            order[0],
            order[1],
        ]);
        assert!(output.status.success(), "{}", text(&output.stderr));
        export(&store)
    };
    assert_eq!(whole, merge([&parts[0], &parts[1]]));
    assert_eq!(whole, merge([&parts[1], &parts[0]]));
}

/// Numbers that look random and are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// Starts reading the trail of a place, of `roles` alone if there are any.
fn spawned(place: &Place, roles: &[&str]) -> std::process::Child {
    Command::new(env!("CARGO_BIN_EXE_rolefit"))
        .args([
            "observe",
            "--from",
            place.trail.to_str().unwrap(),
            "--store",
            place.store.to_str().unwrap(),
        ])
        .args(roles.iter().flat_map(|role| ["--role", role]))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Stops a run `wanted` times at moments that are spread over the time that a
/// whole run takes on this machine; what got to its end begins anew.
///
/// `stop` ends a run and says whether it was still at work.
fn stopped_at_random(
    place: &Place,
    roles: &[&str],
    seed: u64,
    wanted: usize,
    stop: impl Fn(std::process::Child) -> bool,
) {
    let begun = std::time::Instant::now();
    assert!(spawned(place, roles).wait().unwrap().success());
    let whole_run = u64::try_from(begun.elapsed().as_micros()).unwrap();
    fs::remove_file(&place.store).unwrap();
    let mut numbers = Numbers(seed);
    let mut stopped = 0;
    for _ in 0..20 * wanted {
        let child = spawned(place, roles);
        std::thread::sleep(Duration::from_micros(numbers.below(whole_run)));
        let at_work = stop(child);
        // Whatever was committed can be read at once.
        if place.store.is_file() {
            let so_far = rolefit(&["observe", "export", "--store", place.store.to_str().unwrap()]);
            assert!(so_far.status.success(), "{}", text(&so_far.stderr));
        }
        stopped += usize::from(at_work);
        if stopped == wanted {
            return;
        }
        if !at_work {
            fs::remove_file(&place.store).unwrap();
        }
    }
    panic!("stopped {stopped} of {wanted} times only");
}

/// How many threads a run had at most.
#[cfg(target_os = "linux")]
fn most_threads(place: &Place, asked: &str) -> usize {
    let mut child = Command::new(env!("CARGO_BIN_EXE_rolefit"))
        .args([
            "observe",
            "--threads",
            asked,
            "--from",
            place.trail.to_str().unwrap(),
        ])
        .args(["--store", place.store.to_str().unwrap()])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let tasks = format!("/proc/{}/task", child.id());
    let mut most = 0;
    while child.try_wait().unwrap().is_none() {
        most = most.max(fs::read_dir(&tasks).map_or(0, Iterator::count));
    }
    fs::remove_file(&place.store).unwrap();
    most
}

/// A thread of its own reads, and one is there for all else.
#[cfg(target_os = "linux")]
#[test]
fn as_many_threads_read_as_were_asked_for() {
    let place = place();
    made_trail(&place.trail, 160, 20);
    let (one, three) = (most_threads(&place, "1"), most_threads(&place, "3"));
    assert_eq!(three, one + 2 * 2);
}

/// Kills a run; says whether it was still at work.
fn killed(mut child: std::process::Child) -> bool {
    // `kill` of the standard library is SIGKILL.
    child.kill().unwrap();
    !child.wait().unwrap().success()
}

#[test]
fn a_run_for_one_role_that_is_killed_loses_nothing() {
    let place = place();
    made_trail(&place.trail, 160, 20);
    let roles = ["fn-3-role"];
    let read = || {
        assert!(spawned(&place, &roles).wait().unwrap().success());
        export(&place.store)
    };
    let undisturbed = read();
    assert!(undisturbed.contains("\"role\":\"fn-3-role\""));
    fs::remove_file(&place.store).unwrap();
    stopped_at_random(&place, &roles, 20_261_123, 4, killed);
    assert_eq!(read(), undisturbed);
}

#[test]
fn a_run_that_is_killed_again_and_again_loses_nothing() {
    let place = place();
    made_trail(&place.trail, 160, 20);
    let whole = undisturbed(&place.trail);
    stopped_at_random(&place, &[], 20_261_104, 8, killed);
    observe(&place.trail, &place.store, 0);
    assert_eq!(export(&place.store), whole);
    let left: Vec<PathBuf> = fs::read_dir(place.store.parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert_eq!(left, [place.store], "one file is left");
}

#[cfg(unix)]
#[test]
fn an_interrupted_run_stops_after_the_batch_and_goes_on_later() {
    let place = place();
    made_trail(&place.trail, 160, 20);
    let whole = undisturbed(&place.trail);
    stopped_at_random(&place, &[], 20_261_122, 3, |child| {
        Command::new("kill")
            .args(["-INT", &child.id().to_string()])
            .status()
            .unwrap();
        let output = child.wait_with_output().unwrap();
        let said = text(&output.stderr);
        if output.status.code() == Some(4) {
            assert!(
                said.contains("objects are left; the same command goes on there"),
                "{said}"
            );
        }
        // A signal before the program listens ends it, which is as good.
        !output.status.success()
    });
    observe(&place.trail, &place.store, 0);
    assert_eq!(export(&place.store), whole);
}

#[cfg(unix)]
#[test]
fn a_full_disk_is_told_and_what_was_committed_stays() {
    let place = place();
    made_trail(&place.trail, 160, 20);
    let whole = undisturbed(&place.trail);
    for limit in ["100", "160", "260"] {
        let command = format!(
            "ulimit -f {limit}; exec {} observe --from {} --store {}",
            env!("CARGO_BIN_EXE_rolefit"),
            place.trail.display(),
            place.store.display()
        );
        let output = Command::new("sh").args(["-c", &command]).output().unwrap();
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{limit}: {said}");
        assert!(
            said.contains("cannot be written") && said.contains("what was committed before is safe"),
            "{said}"
        );
        let so_far = rolefit(&["observe", "export", "--store", place.store.to_str().unwrap()]);
        assert!(so_far.status.success(), "{}", text(&so_far.stderr));
    }
    observe(&place.trail, &place.store, 0);
    assert_eq!(export(&place.store), whole);
}

#[test]
fn one_role_read_alone_is_told_as_the_whole_trail_tells_it() {
    let place = place();
    made_trail(&place.trail, 12, 40);
    let whole = undisturbed(&place.trail);
    let trail = place.trail.to_str().unwrap();
    let store = place.store.to_str().unwrap();
    let observe = |roles: &[&str]| -> Value {
        let mut arguments = vec!["observe", "--from", trail, "--store", store, "--format", "json"];
        arguments.extend(roles.iter().flat_map(|role| ["--role", role]));
        let output = rolefit(&arguments);
        assert!(output.status.success(), "{}", text(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let rows = |export: &str, role: &str| -> Vec<String> {
        let role = format!("\"role\":\"{role}\"");
        let lines = export.lines().filter(|line| line.contains(&role));
        lines.map(|line| line.trim_end_matches(',').to_owned()).collect()
    };
    let told = observe(&["fn-3-role"]);
    assert_eq!((&told["new_objects"], &told["roles"]), (&json!(12), &json!(1)));
    assert_eq!(told["only_roles"], json!(["fn-3-role"]));
    let part = export(&place.store);
    assert!(rows(&part, "fn-3-role").len() > 10);
    assert_eq!(rows(&part, "fn-3-role"), rows(&whole, "fn-3-role"));
    assert!(rows(&part, "fn-4-role").is_empty());
    // Another role, by its ARN: the objects are read again, and the first one's calls stay.
    let other = "arn:aws:iam::111122223333:role/fn-4-role";
    assert_eq!(observe(&[other])["new_objects"], json!(12));
    assert_eq!(observe(&["fn-3-role", other])["new_objects"], json!(0));
    let part = export(&place.store);
    assert_eq!(rows(&part, "fn-3-role"), rows(&whole, "fn-3-role"));
    assert_eq!(rows(&part, "fn-4-role"), rows(&whole, "fn-4-role"));
    // Then everything: nothing is left of it.
    let told = observe(&[]);
    assert_eq!(
        (&told["new_objects"], &told["only_roles"]),
        (&json!(12), &Value::Null)
    );
    assert_eq!(export(&place.store), whole);
    assert_eq!(observe(&["fn-5-role"])["new_objects"], json!(0));
}

#[test]
fn what_cannot_be_read_for_a_role_is_said_beforehand() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("usage.db");
    for (from, role, said) in [
        (TRAIL, "a role", "`a role` is no role"),
        ("lookup", "orders", "`--function NAME`"),
        (
            "lake:x",
            "orders",
            "`--role arn:aws:iam::111122223333:role/orders`",
        ),
    ] {
        let output = rolefit(&[
            "observe",
            "--from",
            from,
            "--role",
            role,
            "--store",
            store.to_str().unwrap(),
        ]);
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(error.contains(said), "{error}");
        assert!(!store.exists());
    }
}
