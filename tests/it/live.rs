//! The live account, played by a server on the loopback interface that answers as IAM does.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Command;

/// Answers every request with what `answer` makes of its form body, until the test ends.
fn serve(answer: fn(&str) -> String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let _ = converse(&stream, answer);
            });
        }
    });
    address
}

fn converse(stream: &TcpStream, answer: fn(&str) -> String) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    loop {
        let mut length = 0;
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        while !line.trim().is_empty() {
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or(0);
            }
            line.clear();
            reader.read_line(&mut line)?;
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let text = answer(&String::from_utf8_lossy(&body));
        let mut stream = stream;
        write!(
            stream,
            "HTTP/1.1 200 OK\r\ncontent-type: text/xml\r\ncontent-length: {}\r\n\r\n{text}",
            text.len()
        )?;
    }
}

/// IAM with one role, `shop-ApiFunctionRole-1X2Y3Z`, that has an inline and a managed policy.
fn iam(body: &str) -> String {
    let action = body
        .split('&')
        .find_map(|pair| pair.strip_prefix("Action="))
        .unwrap_or_default();
    let role = "<RoleName>shop-ApiFunctionRole-1X2Y3Z</RoleName><RoleId>AROA1</RoleId><Path>/</Path>\
                <Arn>arn:aws:iam::111122223333:role/shop-ApiFunctionRole-1X2Y3Z</Arn><CreateDate>2026-01-01T00:00:00Z</CreateDate>";
    let result = match action {
        "ListRoles" => format!("<IsTruncated>false</IsTruncated><Roles><member>{role}</member></Roles>"),
        "GetRole" => format!("<Role>{role}</Role>"),
        "ListRolePolicies" => "<IsTruncated>false</IsTruncated><PolicyNames><member>own</member></PolicyNames>".to_owned(),
        "GetRolePolicy" => "<RoleName>r</RoleName><PolicyName>own</PolicyName><PolicyDocument>%7B%22Version%22%3A%222012-10-17%22%2C\
             %22Statement%22%3A%5B%7B%22Effect%22%3A%22Allow%22%2C%22Action%22%3A%22sns%3APublish%22%2C%22Resource%22%3A%22*%22%7D%5D%7D</PolicyDocument>".to_owned(),
        "ListAttachedRolePolicies" => "<IsTruncated>false</IsTruncated><AttachedPolicies><member><PolicyName>logs</PolicyName>\
             <PolicyArn>arn:aws:iam::111122223333:policy/logs</PolicyArn></member></AttachedPolicies>".to_owned(),
        "GetPolicy" => "<Policy><DefaultVersionId>v3</DefaultVersionId></Policy>".to_owned(),
        "GetPolicyVersion" => "<PolicyVersion><VersionId>v3</VersionId><Document>%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22\
             %3A%7B%22Effect%22%3A%22Allow%22%2C%22Action%22%3A%5B%22logs%3ACreateLogStream%22%2C%22logs%3APutLogEvents%22%5D%2C\
             %22Resource%22%3A%22*%22%7D%7D</Document></PolicyVersion>".to_owned(),
        other => panic!("unexpected action `{other}`"),
    };
    format!("<{action}Response><{action}Result>{result}</{action}Result></{action}Response>")
}

#[test]
fn the_role_of_the_account_takes_the_place_of_the_templates() {
    let endpoint = serve(iam);
    let output = Command::new(env!("CARGO_BIN_EXE_rolefit"))
        .args([
            "diff",
            "docs/demo/orders",
            "--function",
            "ApiFunction",
            "--current",
            "aws",
            "--format",
            "json",
        ])
        .env("AWS_ENDPOINT_URL", endpoint)
        .env("AWS_REGION", "eu-west-1")
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .output()
        .unwrap();
    let report: serde_json::Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    let function = &report["functions"][0];
    assert_eq!(function["role"]["id"], "shop-ApiFunctionRole-1X2Y3Z");
    let verdict = |action: &str| {
        let rows = function["grants"].as_array().unwrap().iter();
        rows.filter(|row| row["action"] == action)
            .map(|row| row["verdict"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(verdict("sns:Publish"), ["remove"]);
    assert_eq!(verdict("logs:PutLogEvents"), ["narrow"]);
    assert_eq!(verdict("dynamodb:GetItem"), ["add"]);
}
