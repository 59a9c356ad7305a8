//! The live account, played by a server on the loopback interface that answers as IAM and Lambda do.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Output;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::cloud;

/// A request: the operation, and the parameters that it was asked with.
pub(super) struct Request {
    pub(super) operation: String,
    parameters: Vec<(String, String)>,
}

impl Request {
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        let found = self.parameters.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// Status and body.
pub(super) type Reply = (u16, String);

/// An account that answers.
pub(super) trait Answers: Fn(&Request) -> Reply + Send + Sync + 'static {}
impl<F: Fn(&Request) -> Reply + Send + Sync + 'static> Answers for F {}

/// Answers every request until the test ends; gives the address, and the operations that were asked for so far.
pub(super) fn serve(answer: impl Answers) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let answer = Arc::new(answer);
    let asked = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&asked);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (answer, noted) = (Arc::clone(&answer), Arc::clone(&noted));
            std::thread::spawn(move || {
                let _ = converse(&stream, &*answer, &noted);
            });
        }
    });
    (address, asked)
}

fn converse(stream: &TcpStream, answer: &impl Answers, asked: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    loop {
        let (mut length, mut line) = (0, String::new());
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let target = line.split(' ').nth(1).unwrap_or_default().to_owned();
        while !line.trim().is_empty() {
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or(0);
            }
            line.clear();
            reader.read_line(&mut line)?;
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let request = understood(&target, &String::from_utf8_lossy(&body));
        asked.lock().unwrap().push(request.operation.clone());
        let (status, text) = answer(&request);
        let kind = if text.starts_with('{') {
            "application/json"
        } else {
            "text/xml"
        };
        let code = serde_json::from_str::<Value>(&text)
            .ok()
            .and_then(|json| Some(json["Code"].as_str()?.to_owned()));
        let error = code.map_or(String::new(), |code| format!("x-amzn-errortype: {code}\r\n"));
        let mut stream = stream;
        write!(
            stream,
            "HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\n{error}content-length: {}\r\n\r\n{text}",
            text.len()
        )?;
    }
}

/// IAM is asked by a form, Lambda by paths.
fn understood(target: &str, body: &str) -> Request {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let form = if path == "/" { body } else { query };
    let mut parameters: Vec<(String, String)> = form
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.replace("%3A", ":").replace("%2F", "/")))
        .collect();
    let operation = if path.contains("/event-source-mappings") {
        "ListEventSourceMappings".to_owned()
    } else if let Some((_, rest)) = path.split_once("/2019-09-25/functions/") {
        let name = rest.split('/').next().unwrap_or_default().to_owned();
        parameters.push(("FunctionName".to_owned(), name));
        "ListFunctionEventInvokeConfigs".to_owned()
    } else if path.contains("/functions") {
        "ListFunctions".to_owned()
    } else {
        let action = parameters.iter().find(|(name, _)| name == "Action");
        action.map(|(_, action)| action.clone()).unwrap_or_default()
    };
    Request {
        operation,
        parameters,
    }
}

pub(super) fn xml(operation: &str, result: &str) -> Reply {
    let text =
        format!("<{operation}Response><{operation}Result>{result}</{operation}Result></{operation}Response>");
    (200, text)
}

/// An error as the service of the operation writes it.
fn refused(request: &Request, status: u16, code: &str, message: &str) -> Reply {
    let text = if request.operation.contains("Function") || request.operation.contains("Mapping") {
        json!({"Code": code, "Message": message}).to_string()
    } else {
        format!(
            "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"
        )
    };
    (status, text)
}

fn document(action: &str, resource: &str) -> String {
    let text = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": resource}]});
    let encoded = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.to_string().bytes().map(encoded).collect()
}

fn function(name: &str, role: &str) -> Value {
    json!({
        "FunctionName": name, "FunctionArn": format!("arn:aws:lambda:eu-west-1:111122223333:function:{name}"),
        "Role": format!("arn:aws:iam::111122223333:role/{role}"), "Runtime": "provided.al2023", "Version": "$LATEST",
        "Environment": {"Variables": {"TABLE_NAME": "orders-dev", "SENDER": "/dev/sender"}},
    })
}

/// An account with the application of `same-app`, and one function more: every listing has two pages.
fn account(request: &Request) -> Reply {
    let second = ["Marker", "NextMarker"]
        .iter()
        .any(|name| request.parameter(name).is_some());
    let role = request.parameter("RoleName").unwrap_or_default();
    let page = |one: &str, two: &str| match second {
        false => format!("<IsTruncated>true</IsTruncated><Marker>more</Marker>{one}"),
        true => format!("<IsTruncated>false</IsTruncated>{two}"),
    };
    let paged = |key: &str, one: Value, two: Value| match second {
        false => (200, json!({key: [one], "NextMarker": "more"}).to_string()),
        true => (200, json!({key: [two]}).to_string()),
    };
    match request.operation.as_str() {
        "ListFunctions" => paged(
            "Functions",
            function("put-order-dev", "put"),
            function("payroll", "payroll"),
        ),
        "ListEventSourceMappings" => {
            let name = request.parameter("FunctionName").unwrap();
            let mapping = |source: &str| {
                json!({"UUID": source, "EventSourceArn": format!("arn:aws:sqs:eu-west-1:111122223333:{source}"),
                    "FunctionArn": format!("arn:aws:lambda:eu-west-1:111122223333:function:{name}"), "State": "Enabled"})
            };
            paged("EventSourceMappings", mapping("inbox"), mapping("urgent"))
        }
        "ListFunctionEventInvokeConfigs" => (200, json!({"FunctionEventInvokeConfigs": []}).to_string()),
        "ListRoles" => xml("ListRoles", &page("<Roles></Roles>", "<Roles></Roles>")),
        "GetRole" => xml(
            "GetRole",
            &format!(
                "<Role><RoleName>{role}</RoleName><RoleId>AROA1</RoleId><Path>/</Path><Arn>arn:aws:iam::111122223333:role/{role}</Arn>\
                 <CreateDate>2026-01-01T00:00:00Z</CreateDate></Role>"
            ),
        ),
        "ListRolePolicies" => xml(
            "ListRolePolicies",
            &page(
                "<PolicyNames><member>one</member></PolicyNames>",
                "<PolicyNames><member>two</member></PolicyNames>",
            ),
        ),
        "GetRolePolicy" => {
            let document = match request.parameter("PolicyName") {
                Some("one") => document(
                    "dynamodb:PutItem",
                    "arn:aws:dynamodb:eu-west-1:111122223333:table/orders-dev",
                ),
                _ => document("sns:Publish", "*"),
            };
            xml(
                "GetRolePolicy",
                &format!(
                    "<RoleName>r</RoleName><PolicyName>p</PolicyName><PolicyDocument>{document}</PolicyDocument>"
                ),
            )
        }
        "ListAttachedRolePolicies" => {
            let member = |name: &str| {
                format!(
                    "<AttachedPolicies><member><PolicyName>{name}</PolicyName><PolicyArn>arn:aws:iam::111122223333:policy/{name}</PolicyArn>\
                     </member></AttachedPolicies>"
                )
            };
            xml(
                "ListAttachedRolePolicies",
                &page(&member("logs"), &member("queues")),
            )
        }
        "GetPolicy" => xml(
            "GetPolicy",
            "<Policy><DefaultVersionId>v3</DefaultVersionId></Policy>",
        ),
        "GetPolicyVersion" => {
            assert_eq!(request.parameter("VersionId"), Some("v3"));
            let queues = request.parameter("PolicyArn").unwrap().ends_with("/queues");
            let action = if queues {
                "sqs:ReceiveMessage"
            } else {
                "logs:PutLogEvents"
            };
            let document = document(action, "*");
            xml(
                "GetPolicyVersion",
                &format!(
                    "<PolicyVersion><VersionId>v3</VersionId><Document>{document}</Document></PolicyVersion>"
                ),
            )
        }
        other => panic!("unexpected operation `{other}`"),
    }
}

/// The report on a folder, with the account at an address as the current one.
fn rolefit(folder: &Path, arguments: &[&str], endpoint: &str) -> Output {
    cloud::rolefit(endpoint)
        .args(["diff", "--current", "aws", "--format", "json"])
        .args(arguments)
        .arg(folder)
        .output()
        .unwrap()
}

fn report(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)))
}

/// `action verdict` of the rows of a function.
fn verdicts(function: &Value) -> Vec<String> {
    let rows = function["grants"].as_array().unwrap().iter();
    rows.map(|row| {
        format!(
            "{} {}",
            row["action"].as_str().unwrap(),
            row["verdict"].as_str().unwrap()
        )
    })
    .collect()
}

const APP: &str = "tests/fixtures/deploy/same-app/app";

#[test]
fn functions_of_the_account_are_read_page_by_page() {
    let (endpoint, asked) = serve(account);
    let report = report(&rolefit(Path::new(APP), &[], &endpoint));
    let functions: Vec<&Value> = report["functions"].as_array().unwrap().iter().collect();
    let put = functions
        .iter()
        .find(|function| function["name"] == "put-order-dev")
        .unwrap();
    assert_eq!(
        (&put["bin"], &put["role"]["id"]),
        (&json!("put-order"), &json!("put"))
    );
    let rows = verdicts(put);
    for expected in [
        "dynamodb:PutItem keep",
        "logs:PutLogEvents narrow",
        "sns:Publish remove",
        "sqs:ReceiveMessage narrow",
        "ssm:GetParameter add",
    ] {
        assert!(rows.contains(&expected.to_owned()), "{expected}: {rows:#?}");
    }
    let queues: Vec<&str> = put["grants"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| row["action"] == "sqs:DeleteMessage")
        .map(|row| row["resource"].as_str().unwrap())
        .collect();
    assert_eq!(
        queues,
        [
            "arn:aws:sqs:eu-west-1:111122223333:inbox",
            "arn:aws:sqs:eu-west-1:111122223333:urgent"
        ]
    );
    // Roles of what the project has nothing to do with are left alone.
    assert!(functions.iter().all(|function| function["name"] != "payroll"));
    let asked = asked.lock().unwrap();
    assert_eq!(
        asked.iter().filter(|operation| *operation == "GetRole").count(),
        1
    );
    assert_eq!(
        asked
            .iter()
            .filter(|operation| *operation == "ListFunctions")
            .count(),
        2
    );
}

#[test]
fn throttled_calls_are_made_again() {
    let count = AtomicUsize::new(0);
    let (endpoint, asked) = serve(move |request: &Request| {
        if count.fetch_add(1, Ordering::SeqCst).is_multiple_of(3) {
            let code = if request.operation == "ListFunctions" {
                "TooManyRequestsException"
            } else {
                "Throttling"
            };
            let status = if request.operation == "ListFunctions" {
                429
            } else {
                400
            };
            return refused(request, status, code, "Rate exceeded");
        }
        account(request)
    });
    let output = rolefit(Path::new(APP), &["--function", "put-order"], &endpoint);
    let report = report(&output);
    assert_eq!(report["functions"][0]["role"]["id"], "put");
    assert!(asked.lock().unwrap().len() > 12);
}

#[test]
fn a_denied_role_ends_with_the_statements_to_add() {
    let (endpoint, _) = serve(|request: &Request| match request.operation.as_str() {
        "GetRole" => refused(
            request,
            403,
            "AccessDenied",
            "User: arn:aws:iam::111122223333:user/ci is not authorized",
        ),
        "ListEventSourceMappings" => refused(request, 403, "AccessDeniedException", "not for ci"),
        _ => account(request),
    });
    let output = rolefit(Path::new(APP), &[], &endpoint);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    for expected in [
        "iam.GetRole on `arn:aws:iam::111122223333:role/put`: User: arn:aws:iam::111122223333:user/ci is not authorized",
        "lambda.ListEventSourceMappings on `*`: not for ci",
        r#"{"Effect": "Allow", "Action": "iam:GetRole", "Resource": "arn:aws:iam::111122223333:role/put"}"#,
        r#"{"Effect": "Allow", "Action": "lambda:ListEventSourceMappings", "Resource": "*"}"#,
    ] {
        assert!(said.contains(expected), "{expected}\n{said}");
    }
}

#[test]
fn other_denied_calls_are_gaps_and_the_rest_goes_on() {
    let (endpoint, _) = serve(|request: &Request| match request.operation.as_str() {
        "ListFunctionEventInvokeConfigs" => refused(request, 403, "AccessDeniedException", "not for ci"),
        _ => account(request),
    });
    let report = report(&rolefit(Path::new(APP), &[], &endpoint));
    assert_eq!(report["functions"].as_array().unwrap().len(), 2);
    let findings = report["findings"].to_string();
    assert!(
        findings.contains("may not call lambda.ListFunctionEventInvokeConfigs"),
        "{findings}"
    );
}

#[test]
fn credentials_that_are_too_old_are_told() {
    let (endpoint, _) = serve(|request: &Request| {
        refused(
            request,
            403,
            "ExpiredTokenException",
            "The security token included in the request is expired",
        )
    });
    let output = rolefit(Path::new(APP), &[], &endpoint);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        said.contains("lambda.ListFunctions failed: the credentials have expired"),
        "{said}"
    );
    assert!(said.contains("hint: log in again"), "{said}");
}

/// IAM with one role, `shop-ApiFunctionRole-1X2Y3Z`, and Lambda without functions.
fn only_a_role(request: &Request) -> Reply {
    let role = "<RoleName>shop-ApiFunctionRole-1X2Y3Z</RoleName><RoleId>AROA1</RoleId><Path>/</Path>\
                <Arn>arn:aws:iam::111122223333:role/shop-ApiFunctionRole-1X2Y3Z</Arn><CreateDate>2026-01-01T00:00:00Z</CreateDate>";
    match request.operation.as_str() {
        "ListFunctions" => (200, json!({"Functions": []}).to_string()),
        "ListRoles" => xml(
            "ListRoles",
            &format!("<IsTruncated>false</IsTruncated><Roles><member>{role}</member></Roles>"),
        ),
        _ => account(request),
    }
}

#[test]
fn the_role_of_the_account_takes_the_place_of_the_templates() {
    let (endpoint, _) = serve(only_a_role);
    let output = rolefit(
        Path::new("docs/demo/orders"),
        &["--function", "ApiFunction"],
        &endpoint,
    );
    let report = report(&output);
    let function = &report["functions"][0];
    assert_eq!(function["role"]["id"], "shop-ApiFunctionRole-1X2Y3Z");
    let rows = verdicts(function);
    for expected in [
        "sns:Publish remove",
        "logs:PutLogEvents narrow",
        "dynamodb:GetItem add",
    ] {
        assert!(rows.contains(&expected.to_owned()), "{expected}: {rows:#?}");
    }
}
