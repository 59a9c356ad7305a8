//! `rolefit apply` and `rollback`, against an account with one role, played by a server on the loopback interface.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::process::{Output, Stdio};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::cloud;
use super::folder::copy;
use super::live::{Reply, Request, serve, xml};

const ROLE: &str = "shop-PlaceOrderRole-1X2Y";
const ARN: &str = "arn:aws:iam::111122223333:role/shop-PlaceOrderRole-1X2Y";
const BUS: &str = "arn:aws:events:eu-west-1:111122223333:event-bus/orders-live";
const TABLE: &str = "arn:aws:dynamodb:eu-west-1:111122223333:table/orders-live";
/// Everything that `place-order` needs, and more.
const WIDE: &str =
    r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}"#;

/// The inline policies of the role.
type Inline = Arc<Mutex<BTreeMap<String, String>>>;

/// A form's value as it was before it was sent.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let hex = std::str::from_utf8(tail.get(..2).unwrap_or_default()).unwrap();
        match (first, u8::from_str_radix(hex, 16)) {
            (b'%', Ok(byte)) => {
                bytes.push(byte);
                rest = &tail[2..];
                continue;
            }
            (b'+', _) => bytes.push(b' '),
            (byte, _) => bytes.push(*byte),
        }
        rest = tail;
    }
    String::from_utf8(bytes).unwrap()
}

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

fn account(inline: &Inline, functions: &[(&str, &str)], request: &Request) -> Reply {
    let parameter = |name: &str| decoded(request.parameter(name).unwrap_or_default());
    let mut policies = inline.lock().unwrap();
    let operation = request.operation.as_str();
    if operation != "ListFunctions" {
        assert_eq!(parameter("RoleName"), ROLE, "{operation}");
    }
    match operation {
        "ListFunctions" => {
            let function = |(name, role): &(&str, &str)| {
                json!({"FunctionName": name, "FunctionArn": format!("arn:aws:lambda:eu-west-1:111122223333:function:{name}"),
                    "Role": format!("arn:aws:iam::111122223333:role/{role}")})
            };
            let functions: Vec<Value> = functions.iter().map(function).collect();
            (200, json!({"Functions": functions}).to_string())
        }
        "GetRole" => xml(
            operation,
            &format!(
                "<Role><RoleName>{ROLE}</RoleName><RoleId>AROA1</RoleId><Path>/</Path><Arn>{ARN}</Arn>\
                 <CreateDate>2026-01-01T00:00:00Z</CreateDate></Role>"
            ),
        ),
        "ListRolePolicies" => {
            let names: String = policies
                .keys()
                .map(|name| format!("<member>{name}</member>"))
                .collect();
            xml(
                operation,
                &format!("<IsTruncated>false</IsTruncated><PolicyNames>{names}</PolicyNames>"),
            )
        }
        "GetRolePolicy" => {
            let name = parameter("PolicyName");
            let document = encoded(&policies[&name]);
            xml(
                operation,
                &format!(
                    "<RoleName>{ROLE}</RoleName><PolicyName>{name}</PolicyName><PolicyDocument>{document}</PolicyDocument>"
                ),
            )
        }
        "ListAttachedRolePolicies" => xml(
            operation,
            "<IsTruncated>false</IsTruncated><AttachedPolicies></AttachedPolicies>",
        ),
        "PutRolePolicy" => {
            policies.insert(parameter("PolicyName"), parameter("PolicyDocument"));
            xml(operation, "")
        }
        "DeleteRolePolicy" => {
            policies.remove(&parameter("PolicyName")).unwrap();
            xml(operation, "")
        }
        other => panic!("unexpected operation `{other}`"),
    }
}

/// The demo, and an account in which the role has some inline policies.
struct Scene {
    folder: tempfile::TempDir,
    endpoint: String,
    asked: Arc<Mutex<Vec<String>>>,
    inline: Inline,
}

impl Scene {
    fn new(inline: &[(&str, &str)]) -> Self {
        Self::with_functions(inline, &[("orders-live-place-order", ROLE)])
    }

    fn with_functions(inline: &[(&str, &str)], functions: &'static [(&'static str, &'static str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        copy(Path::new("docs/demo/orders"), folder.path());
        let inline = inline
            .iter()
            .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
        let inline: Inline = Arc::new(Mutex::new(inline.collect()));
        let state = Arc::clone(&inline);
        let (endpoint, asked) = serve(move |request: &Request| account(&state, functions, request));
        Self {
            folder,
            endpoint,
            asked,
            inline,
        }
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut child = cloud::rolefit(&self.endpoint)
            .args(arguments)
            .current_dir(self.folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // An answer that nobody asked for at a terminal counts for nothing.
        let _ = child.stdin.take().unwrap().write_all(b"y\n");
        child.wait_with_output().unwrap()
    }

    fn apply(&self, more: &[&str]) -> Output {
        let arguments = [
            "apply",
            "--function",
            "place-order",
            "--role",
            ROLE,
            "--set",
            "Stage=live",
        ];
        self.run(&[&arguments[..], more].concat())
    }

    fn writes(&self) -> Vec<String> {
        let asked = self.asked.lock().unwrap();
        let changes = |name: &&String| name.starts_with("Put") || name.starts_with("Delete");
        asked.iter().filter(changes).cloned().collect()
    }

    fn kept(&self) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(self.folder.path().join(".rolefit/rollback")) else {
            return Vec::new();
        };
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn the_policy_is_written_with_the_names_of_the_account_and_taken_back() {
    let scene = Scene::new(&[("old", WIDE)]);
    let output = scene.apply(&["--yes"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(
        shown.contains(&format!("--- a/{ROLE}/old\n+++ /dev/null")),
        "{shown}"
    );
    assert!(shown.contains(&format!("+++ b/{ROLE}/rolefit")), "{shown}");

    let inline = scene.inline.lock().unwrap().clone();
    assert_eq!(inline.keys().collect::<Vec<_>>(), ["rolefit"]);
    let document: Value = serde_json::from_str(&inline["rolefit"]).unwrap();
    let resources = document["Statement"].to_string();
    assert!(
        resources.contains(BUS) && resources.contains(TABLE),
        "{resources}"
    );
    assert!(!resources.contains("${"), "{resources}");
    // The new policy is there before the old one goes.
    assert_eq!(scene.writes(), ["PutRolePolicy", "DeleteRolePolicy"]);
    assert_eq!(scene.kept(), [format!("{ROLE}.1.json")]);

    let again = scene.apply(&["--yes"]);
    assert_eq!(again.status.code(), Some(0), "{}", said(&again));
    assert!(said(&again).contains("up to date"), "{}", said(&again));
    assert_eq!(scene.writes().len(), 2);

    let back = scene.run(&["rollback", "--role", ARN, "--yes"]);
    assert_eq!(back.status.code(), Some(0), "{}", said(&back));
    let inline = scene.inline.lock().unwrap().clone();
    let before: Value = serde_json::from_str(WIDE).unwrap();
    assert_eq!(inline.keys().collect::<Vec<_>>(), ["old"]);
    assert_eq!(serde_json::from_str::<Value>(&inline["old"]).unwrap(), before);
    assert_eq!(scene.kept(), [format!("{ROLE}.1.json.undone")]);
    let none = scene.run(&["rollback", "--role", ROLE, "--yes"]);
    assert_eq!(none.status.code(), Some(2), "{}", said(&none));
}

#[test]
fn a_dry_run_and_a_run_without_a_terminal_write_nothing() {
    let scene = Scene::new(&[("old", WIDE)]);
    let dry = scene.apply(&["--dry-run"]);
    assert_eq!(dry.status.code(), Some(0), "{}", said(&dry));
    assert!(!dry.stdout.is_empty() && said(&dry).contains("nothing was written"));
    let unasked = scene.apply(&[]);
    assert_eq!(unasked.status.code(), Some(2), "{}", said(&unasked));
    assert!(said(&unasked).contains("--yes"), "{}", said(&unasked));
    assert_eq!(scene.writes(), [""; 0]);
    assert_eq!(scene.kept(), [""; 0]);
}

#[test]
fn what_is_open_keeps_a_role_from_being_written_unless_a_reason_is_named() {
    let narrow = r#"{"Statement": {"Effect": "Allow", "NotAction": "events:*", "Resource": "*"}}"#;
    let scene = Scene::new(&[("rolefit", narrow)]);
    let refused = scene.apply(&["--yes"]);
    assert_eq!(refused.status.code(), Some(1), "{}", said(&refused));
    assert!(
        said(&refused).contains("open: events:PutEvents on "),
        "{}",
        said(&refused)
    );
    assert_eq!(scene.writes(), [""; 0]);

    let output = scene.apply(&["--yes", "--accept", "reviewed in #12"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert_eq!(scene.writes(), ["PutRolePolicy"]);
    let kept = scene
        .folder
        .path()
        .join(".rolefit/rollback")
        .join(format!("{ROLE}.1.json"));
    let kept: Value = serde_json::from_str(&std::fs::read_to_string(kept).unwrap()).unwrap();
    assert_eq!(kept["reason"], "reviewed in #12");
}

#[test]
fn a_name_that_is_not_known_is_asked_for() {
    let scene = Scene::new(&[("old", WIDE)]);
    let output = scene.run(&["apply", "--function", "place-order", "--role", ROLE, "--yes"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        said(&output).contains("not known in the account: `${Stage}`"),
        "{}",
        said(&output)
    );
    assert_eq!(scene.writes(), [""; 0]);

    let listing = json!({"StackResources": [
        {"StackName": "shop", "StackId": "arn:x", "LogicalResourceId": "OrdersTable", "PhysicalResourceId": "orders-live"},
        {"StackName": "shop", "StackId": "arn:x", "LogicalResourceId": "OrderEvents", "PhysicalResourceId": "orders-live"},
        {"StackName": "shop", "StackId": "arn:x", "LogicalResourceId": "PlaceOrderFunction", "PhysicalResourceId": "orders-live-place-order"},
    ]});
    let file = scene.folder.path().join("resources.json");
    std::fs::write(&file, listing.to_string()).unwrap();
    let from = ["--set-from", file.to_str().unwrap()];
    let output = scene.run(
        &[
            &["apply", "--function", "place-order", "--role", ROLE, "--dry-run"][..],
            &from,
        ]
        .concat(),
    );
    // The log group is known by the parameter alone.
    assert!(said(&output).contains("`${Stage}`"), "{}", said(&output));
    let output = scene.apply(&[&from[..], &["--dry-run"]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
}

#[test]
fn a_role_that_another_function_runs_under_is_never_written() {
    const BOTH: &[(&str, &str)] = &[("orders-live-place-order", ROLE), ("payroll", ROLE)];
    let scene = Scene::with_functions(&[("old", WIDE)], BOTH);
    let output = scene.apply(&["--yes", "--accept", "I know better"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        said(&output).contains("is also the role of payroll"),
        "{}",
        said(&output)
    );
    assert_eq!(scene.writes(), [""; 0]);
}

#[test]
fn a_role_that_has_changed_since_is_not_rolled_back() {
    let scene = Scene::new(&[("old", WIDE)]);
    assert_eq!(scene.apply(&["--yes"]).status.code(), Some(0));
    scene
        .inline
        .lock()
        .unwrap()
        .insert("by-hand".to_owned(), WIDE.to_owned());
    let output = scene.run(&["rollback", "--role", ROLE, "--yes"]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("have changed since"), "{}", said(&output));
    let forced = scene.run(&["rollback", "--role", ROLE, "--yes", "--force"]);
    assert_eq!(forced.status.code(), Some(0), "{}", said(&forced));
    let inline = scene.inline.lock().unwrap();
    assert_eq!(inline.keys().collect::<Vec<_>>(), ["old"]);
}
