//! One approved grant as a line that people can review and that reads back as the same statement.
//!
//! `dynamodb:PutItem    table/${Orders}    if {"Bool":{"aws:SecureTransport":["true"]}}`: an action, a resource, and the
//! conditions where there are any. A resource that does not begin with `arn:` lies in the stack's own account and region
//! and belongs to the action's service. `* except a, b` stands for `NotAction` and `NotResource`.

use crate::iam::action::ActionPattern;
use crate::iam::arn::ArnPattern;
use crate::iam::policy::{Actions, Conditions, Effect, Resources, Statement};

const BETWEEN: &str = "    ";
const EXCEPT: &str = "* except ";
const IF: &str = "if ";

/// The lines of a statement, one per action and resource.
pub(super) fn lines(statement: &Statement) -> Vec<String> {
    let condition = if statement.conditions.is_empty() {
        String::new()
    } else {
        let json = serde_json::to_string(&statement.conditions).unwrap_or_default();
        format!("{BETWEEN}{IF}{json}")
    };
    let actions: Vec<(String, Option<&str>)> = match &statement.actions {
        Actions::Only(list) => list
            .iter()
            .map(|action| (action.to_string(), service(action.as_str())))
            .collect(),
        Actions::AllExcept(list) => {
            let names: Vec<&str> = list.iter().map(ActionPattern::as_str).collect();
            vec![(format!("{EXCEPT}{}", names.join(", ")), None)]
        }
    };
    let mut lines = Vec::new();
    for (action, service) in &actions {
        let resources: Vec<String> = match &statement.resources {
            Resources::Only(list) => list.iter().map(|resource| shorten(resource, *service)).collect(),
            Resources::AllExcept(list) => {
                let names: Vec<&str> = list.iter().map(ArnPattern::as_str).collect();
                vec![format!("{EXCEPT}{}", names.join(", "))]
            }
        };
        lines.extend(
            resources
                .iter()
                .map(|resource| format!("{action}{BETWEEN}{resource}{condition}")),
        );
    }
    lines
}

/// The statement that a line stands for; the error says what is wrong with it.
pub(super) fn statement(line: &str, effect: Effect) -> Result<Statement, String> {
    let (action, rest) = line
        .split_once(BETWEEN)
        .ok_or("expected an action, four blanks, and a resource")?;
    let (resource, condition) = match rest.split_once(&format!("{BETWEEN}{IF}")) {
        Some((resource, json)) => (resource, Some(json)),
        None => (rest, None),
    };
    let conditions: Conditions = match condition {
        Some(json) => {
            serde_json::from_str(json).map_err(|error| format!("the conditions are not JSON: {error}"))?
        }
        None => Conditions::new(),
    };
    let names = |text: &str| -> Vec<String> { text.split(", ").map(str::to_owned).collect() };
    let actions = match action.strip_prefix(EXCEPT) {
        Some(list) => Actions::AllExcept(names(list).into_iter().map(ActionPattern::new).collect()),
        None => Actions::Only(vec![ActionPattern::new(action)]),
    };
    let resources = match resource.strip_prefix(EXCEPT) {
        Some(list) => Resources::AllExcept(names(list).into_iter().map(ArnPattern::new).collect()),
        None => Resources::Only(vec![lengthen(resource, service(action))?]),
    };
    Ok(Statement {
        sid: None,
        effect,
        principals: None,
        actions,
        resources,
        conditions,
    })
}

/// The service of an action that names one.
fn service(action: &str) -> Option<&str> {
    let (service, _) = action.split_once(':')?;
    (!service.contains(['*', '?'])).then_some(service)
}

/// What stands before a resource of the stack's own account.
fn own(service: &str) -> String {
    match service {
        "s3" => "arn:${AWS::Partition}:s3:::".to_owned(),
        _ => format!("arn:${{AWS::Partition}}:{service}:${{AWS::Region}}:${{AWS::AccountId}}:"),
    }
}

fn shorten(resource: &ArnPattern, service: Option<&str>) -> String {
    let whole = resource.as_str();
    let short = service.and_then(|service| whole.strip_prefix(&own(service)));
    match short {
        Some(short) if !plain(short) => short.to_owned(),
        _ => whole.to_owned(),
    }
}

/// Whether a text stands for itself, not for a resource of the stack's own account.
fn plain(text: &str) -> bool {
    text == "*" || text.is_empty() || text.starts_with("arn:") || text.starts_with("* ")
}

fn lengthen(text: &str, service: Option<&str>) -> Result<ArnPattern, String> {
    match service {
        _ if plain(text) => Ok(ArnPattern::new(text)),
        Some(service) => Ok(ArnPattern::new(format!("{}{text}", own(service)))),
        None => Err(format!("`{text}` is no ARN, and the action names no service")),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::iam::policy::Policy;

    #[test]
    fn a_statement_reads_back_from_its_lines() {
        for (text, expected) in [
            (
                r#"{"Effect":"Allow","Action":["dynamodb:PutItem","s3:Get*"],"Resource":["arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/${Orders}","arn:${AWS::Partition}:s3:::${Docs}/in/*"]}"#,
                vec![
                    "dynamodb:PutItem    table/${Orders}",
                    "dynamodb:PutItem    arn:${AWS::Partition}:s3:::${Docs}/in/*",
                    "s3:Get*    arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/${Orders}",
                    "s3:Get*    ${Docs}/in/*",
                ],
            ),
            (
                r#"{"Effect":"Allow","NotAction":["iam:*","sts:*"],"NotResource":["arn:aws:s3:::a","arn:aws:s3:::b"]}"#,
                vec!["* except iam:*, sts:*    * except arn:aws:s3:::a, arn:aws:s3:::b"],
            ),
            (
                r#"{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"true"}}}"#,
                vec![r#"*    *    if {"Bool":{"aws:SecureTransport":["true"]}}"#],
            ),
            (
                r#"{"Effect":"Allow","Action":"s3:ListBucket","Resource":"arn:${AWS::Partition}:s3:::*"}"#,
                vec!["s3:ListBucket    arn:${AWS::Partition}:s3:::*"],
            ),
        ] {
            let document = format!(r#"{{"Version":"2012-10-17","Statement":[{text}]}}"#);
            let policy = Policy::from_json(&document).unwrap();
            let lines = lines(policy.statements.first().unwrap());
            assert_eq!(lines, expected);
            for line in &lines {
                let again = statement(line, Effect::Allow).unwrap();
                assert_eq!(super::lines(&again), std::slice::from_ref(line));
            }
        }
    }

    #[test]
    fn a_wrong_line_says_what_is_missing() {
        for (line, expected) in [
            ("s3:GetObject", "expected an action, four blanks, and a resource"),
            (
                "*    table/x",
                "`table/x` is no ARN, and the action names no service",
            ),
        ] {
            assert_eq!(statement(line, Effect::Allow).unwrap_err(), expected);
        }
        assert!(
            statement("a:b    *    if {", Effect::Allow)
                .unwrap_err()
                .starts_with("the conditions are not JSON")
        );
    }
}
