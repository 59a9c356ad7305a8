//! What the text of an input says of a resource: a name, a whole ARN, or nothing that a policy can use.

use crate::catalog::Form;
use crate::workspace::model::{Stack, StackResource};

/// The value of one ARN variable.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Value {
    /// The text in place of the variable.
    Name(String),
    /// A whole ARN of the base resource.
    Arn(String),
    /// Not known, with the reason.
    Unknown(String),
}

pub(super) const NO_ALIAS: &str =
    "a key alias is no resource of key operations; the key behind it is not known";

/// Reads a value in the form its member takes, where a resource of `service` is asked for.
pub(super) fn interpret(text: &str, form: Form, stack: Option<&Stack>, service: &str) -> Value {
    let text = inner_arn(text);
    let name = match form {
        Form::ObjectKey | Form::RunTimeId => return Value::Name(text.to_owned()),
        Form::NameInArn => return name_in_arn(text, stack),
        Form::Account => return Value::Name(account(text)),
        Form::Execution => return execution(text, stack, service),
        Form::ProfileModel => {
            return Value::Name(text.split_once('.').map_or(text, |(_, model)| model).to_owned());
        }
        Form::QualifiedArn if text.starts_with("arn:") => unqualified(text).to_owned(),
        Form::LogGroup => text.trim_end_matches(":*").to_owned(),
        Form::Name if !text.starts_with("arn:") => return Value::Name(text.to_owned()),
        Form::CopySourceKey => return Value::Name(copy_source(text).1),
        Form::StatementTable => return statement_part(text, 0),
        Form::StatementIndex => return statement_part(text, 1),
        Form::CopySourceBucket => copy_source(text).0,
        Form::KeyPrefix => return Value::Name(every_key_from(text)),
        Form::S3UriPrefix => {
            return Value::Name(every_key_from(s3_uri(text).map_or("", |(_, key)| key)));
        }
        Form::S3UriKey => {
            let key = s3_uri(text).map(|(_, key)| key).filter(|key| !key.is_empty());
            return Value::Name(key.unwrap_or("*").to_owned());
        }
        Form::S3UriBucket => match s3_uri(text) {
            Some((bucket, _)) => bucket.to_owned(),
            None => return Value::Unknown(format!("`{text}` is no `s3://` address of an object")),
        },
        _ => text.to_owned(),
    };
    if let Some(resource) = stack.and_then(|stack| resource_of(&name, stack, service)) {
        if form == Form::Key && resource.type_name == "AWS::KMS::Alias" {
            return Value::Unknown(NO_ALIAS.to_owned());
        }
        if let Some(arn) = &resource.arn {
            return Value::Arn(arn.clone());
        }
    }
    let name = match form {
        Form::Parameter => without_selector(&name).to_owned(),
        Form::Secret => whole_secret(name),
        Form::Key => any_key(name),
        _ => name,
    };
    if name.starts_with("arn:") {
        return Value::Arn(stack.map_or_else(|| name.clone(), |stack| stack.normalise_arn(&name)));
    }
    if is_one_symbol(&name) {
        // A parameter of the stack: its name is the only hint at what its value is.
        let parameter = stack.is_some();
        let says_arn = name.to_ascii_lowercase().trim_end_matches('}').ends_with("arn");
        if is_arn_form(form) || says_arn || (form == Form::Role && parameter) {
            return Value::Arn(name);
        }
        if form == Form::QueueUrl && parameter {
            return Value::Unknown(format!(
                "`{name}` holds the URL, which does not tell the queue's ARN in the stack"
            ));
        }
    }
    match form {
        Form::QueueUrl => queue(&name),
        Form::Secret => Value::Name(format!("{name}-??????")),
        Form::Parameter => Value::Name(name.trim_start_matches('/').to_owned()),
        Form::ParameterPath => Value::Name(name.trim_start_matches('/').to_owned()),
        Form::ReferencedSecret => referenced_secret(&name),
        Form::Function => function(&name),
        Form::KeyAlias => Value::Name(name.trim_start_matches("alias/").to_owned()),
        Form::Role => Value::Name(name.trim_start_matches('/').to_owned()),
        Form::OnlyArn => Value::Unknown(format!("the name `{name}` does not tell the ARN")),
        Form::MadeUpId if !is_one_symbol(&name) && !is_made_up(&name) => {
            Value::Unknown(format!("the name `{name}` does not tell the id"))
        }
        Form::Key if name.starts_with("alias/") => Value::Unknown(NO_ALIAS.to_owned()),
        _ => Value::Name(name),
    }
}

/// The resource of the stack that a text stands for. A function and a table can have the same name: where the text only
/// names the resource, it has to be one of the service that is asked for.
fn resource_of<'s>(text: &str, stack: &'s Stack, service: &str) -> Option<&'s StackResource> {
    let refers = |resource: &StackResource| {
        text.starts_with(&format!("${{{}}}", resource.id))
            || text.starts_with(&format!("${{{}.", resource.id))
    };
    let mut fitting = stack.resources_named(text).into_iter().filter(|resource| {
        refers(resource)
            || text.starts_with("arn:")
            || resource
                .arn
                .as_deref()
                .is_none_or(|arn| service_of(arn) == service)
    });
    fitting.next().filter(|_| fitting.next().is_none())
}

/// The service that an ARN, or a format of ARNs, names: `dynamodb`.
pub(super) fn service_of(arn: &str) -> &str {
    let rest = arn.strip_prefix("arn:").unwrap_or(arn);
    let rest = match rest.strip_prefix("${") {
        Some(symbol) => symbol.split_once('}').map_or(symbol, |(_, rest)| rest),
        None => rest,
    };
    rest.split(':').nth(1).unwrap_or_default()
}

/// Forms of parts that may well be known at run time only: every one of them is meant then, and that is no gap.
pub(super) fn is_open(form: Form) -> bool {
    matches!(form, Form::ObjectKey | Form::KeyPrefix | Form::RunTimeId)
}

/// The name of what an ARN names, where the ARN of something in it is asked for; a name stays as it is.
fn name_in_arn(text: &str, stack: Option<&Stack>) -> Value {
    let arn = if text.starts_with("arn:") {
        Some(text.to_owned())
    } else if text.ends_with(".Arn}") {
        stack
            .and_then(|stack| stack.resource_named(text))
            .and_then(|resource| resource.arn.clone())
    } else {
        return Value::Name(text.to_owned());
    };
    let last = arn.as_deref().and_then(|arn| {
        // Not inside a symbol such as `${AWS::Region}`.
        let end = arn
            .rfind(['/', ':'])
            .filter(|&end| !arn.ends_with('}') || arn.rfind("${") > Some(end));
        arn.get(end? + 1..)
    });
    match last {
        Some(name) => Value::Name(name.to_owned()),
        None => Value::Unknown(format!("the ARN `{text}` does not tell a name")),
    }
}

/// The ARN before a version or alias: without its last part.
fn unqualified(arn: &str) -> &str {
    // The colons inside `${AWS::Region}` separate nothing.
    let qualified = arn.replace("${AWS::", "${").split(':').count() > 7;
    arn.rsplit_once(':')
        .filter(|_| qualified)
        .map_or(arn, |(base, _)| base)
}

/// A whole ARN that was put where an ARN has a name: `arn:…:table/arn:aws:dynamodb:…:table/orders/stream/*`.
fn inner_arn(text: &str) -> &str {
    let at = text
        .starts_with("arn:")
        .then(|| text.rfind("/arn:").or_else(|| text.rfind(":arn:")));
    at.flatten().and_then(|at| text.get(at + 1..)).unwrap_or(text)
}

/// The executions of a state machine whose ARN stands before `:*`; the ARN of an execution stays as it is.
fn execution(text: &str, stack: Option<&Stack>, service: &str) -> Value {
    let machine = text.strip_suffix(":*");
    let arn = match machine {
        Some(machine) if !machine.starts_with("arn:") => stack
            .and_then(|stack| resource_of(machine, stack, service))
            .and_then(|resource| resource.arn.clone())
            .map(|arn| format!("{arn}:*")),
        _ => None,
    };
    let arn = arn.as_deref().unwrap_or(text);
    match arn.split_once(":stateMachine:") {
        Some((opening, rest)) => {
            // A version or alias is no part of it.
            let name = rest.trim_end_matches(":*").split(':').next().unwrap_or_default();
            Value::Arn(format!("{opening}:execution:{name}:*"))
        }
        None if arn.starts_with("arn:") => {
            Value::Arn(stack.map_or_else(|| arn.to_owned(), |stack| stack.normalise_arn(arn)))
        }
        None if machine.is_none() && is_one_symbol(arn) => Value::Arn(arn.to_owned()),
        None => Value::Unknown(format!(
            "`{}` does not tell the state machine of the execution",
            machine.unwrap_or(text)
        )),
    }
}

/// The account's id in an ARN, or the text itself.
fn account(text: &str) -> String {
    text.strip_prefix("arn:")
        .and_then(|rest| rest.split(':').nth(3))
        .unwrap_or(text)
        .to_owned()
}

/// Forms whose texts are whole ARNs.
fn is_arn_form(form: Form) -> bool {
    matches!(form, Form::Arn | Form::OnlyArn | Form::LayerVersion)
}

/// A parameter of the stack, or a variable to fill in, and nothing else.
fn is_one_symbol(text: &str) -> bool {
    text.starts_with("${") && text.ends_with('}') && text.matches("${").count() == 1
}

/// Bucket and key of S3's `bucket/key?versionId=…`.
fn copy_source(text: &str) -> (String, String) {
    let text = text
        .trim_start_matches('/')
        .split("?versionId=")
        .next()
        .unwrap_or_default();
    match text.split_once('/') {
        Some((bucket, key)) => (bucket.to_owned(), key.replace("%2F", "/").replace("%20", " ")),
        None => (text.to_owned(), "*".to_owned()),
    }
}

/// Bucket and key of `s3://bucket/key`; the key can be empty.
fn s3_uri(text: &str) -> Option<(&str, &str)> {
    let rest = text.strip_prefix("s3://")?;
    let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
    (!bucket.is_empty()).then_some((bucket, key))
}

/// A pattern for every key that starts with `prefix`.
fn every_key_from(prefix: &str) -> String {
    format!("{}*", prefix.trim_end_matches('*'))
}

/// Whether a text is an id that the service made up: a name that someone chose seldom looks so.
fn is_made_up(text: &str) -> bool {
    text.len() == 7
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
        && text.chars().any(|c| c.is_ascii_digit())
}

/// The table (0) or index (1) that a PartiQL statement names after `FROM`, `INTO` or `UPDATE`.
fn statement_part(statement: &str, part: usize) -> Value {
    let words: Vec<&str> = statement.split_whitespace().collect();
    let named = words
        .iter()
        .zip(words.iter().skip(1))
        .find_map(|(keyword, name)| {
            ["from", "into", "update"]
                .iter()
                .any(|known| keyword.eq_ignore_ascii_case(known))
                .then_some(*name)
        });
    let parts = named.map(|name| {
        name.split('.')
            .map(|part| part.trim_matches(['"', '\'', ',', ';', '(', ')']).to_owned())
    });
    match parts
        .and_then(|mut parts| parts.nth(part))
        .filter(|name| !name.is_empty())
    {
        Some(name) => Value::Name(name),
        None => Value::Unknown("the PartiQL statement is not known".to_owned()),
    }
}

/// The region in the host of a queue's URL, which has had several forms.
fn queue_region(host: &str) -> Option<&str> {
    let parts: Vec<&str> = host.split('.').collect();
    match parts.as_slice() {
        ["sqs" | "sqs-fips", region, ..] | [region, "queue", "amazonaws", ..] => Some(region),
        ["queue", "amazonaws", "com"] => Some("us-east-1"),
        _ => None,
    }
}

/// The queue behind a URL such as `https://sqs.eu-west-1.amazonaws.com/111122223333/orders`, in the region and account
/// that the URL tells.
fn queue(url: &str) -> Value {
    let parts: Vec<&str> = url.split('/').collect();
    match parts.as_slice() {
        ["https:" | "http:", "", host, account, name] if queue_region(host).is_some() => {
            let region = queue_region(host).unwrap_or_default();
            let domain = if host.ends_with(".cn") {
                "aws-cn"
            } else {
                "${AWS::Partition}"
            };
            Value::Arn(format!("arn:{domain}:sqs:{region}:{account}:{name}"))
        }
        _ if is_one_symbol(url) => Value::Name(url.to_owned()),
        _ => Value::Name(url.rsplit('/').next().unwrap_or(url).to_owned()),
    }
}

/// `name` and `name:alias` are what stands after `function:` in the ARN; `account:function:name` tells the account, too.
fn function(text: &str) -> Value {
    match text.rsplit_once(":function:") {
        Some((account, name)) => Value::Arn(format!(
            "arn:${{AWS::Partition}}:lambda:${{AWS::Region}}:{account}:function:{name}"
        )),
        None => Value::Name(text.trim_start_matches("function:").to_owned()),
    }
}

/// A parameter's name or ARN without the version or label after it.
fn without_selector(text: &str) -> &str {
    let named = text.rsplit_once(':').filter(|(name, selector)| {
        // Neither the colons of an ARN nor those inside `${AWS::Region}`.
        let in_arn = name.starts_with("arn:") && !name.contains(":parameter");
        !in_arn && !name.ends_with(':') && !selector.contains(['/', '}'])
    });
    named.map_or(text, |(name, _)| name)
}

/// An alias's ARN is no resource of key operations, but tells region and account of the key.
fn any_key(text: String) -> String {
    match text.split_once(":alias/") {
        Some((opening, _)) if text.starts_with("arn:") => format!("{opening}:key/*"),
        _ => text,
    }
}

/// An ARN of a secret may leave out the six characters at its end; a policy may not.
fn whole_secret(text: String) -> String {
    let is_whole = |name: &str| {
        let ending = name.rsplit_once('-').map(|(_, ending)| ending);
        name.ends_with(['}', '*', '?'])
            || ending.is_some_and(|end| end.len() == 6 && end.chars().all(|c| c.is_ascii_alphanumeric()))
    };
    match text.split_once(":secret:") {
        Some((_, name)) if !is_whole(name) => format!("{text}-??????"),
        _ => text,
    }
}

/// `/aws/reference/secretsmanager/name:version` → the secret.
fn referenced_secret(text: &str) -> Value {
    match without_selector(text).strip_prefix("/aws/reference/secretsmanager/") {
        Some(name) => Value::Name(format!("{name}-??????")),
        None => Value::Unknown(format!("`{text}` tells no secret")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str, form: Form) -> String {
        match interpret(text, form, None, "") {
            Value::Name(name) => name,
            Value::Arn(arn) => format!("arn {arn}"),
            Value::Unknown(_) => "?".to_owned(),
        }
    }

    #[test]
    fn the_service_is_the_third_part_of_an_arn() {
        for (arn, service) in [
            (
                "arn:${AWS::Partition}:dynamodb:${AWS::Region}:a:table/x",
                "dynamodb",
            ),
            ("arn:${Partition}:s3:::${BucketName}", "s3"),
            ("arn:aws:sqs:r:a:q", "sqs"),
            ("*", ""),
        ] {
            assert_eq!(service_of(arn), service, "{arn}");
        }
    }

    #[test]
    fn each_form_has_its_own_way_to_name_a_resource() {
        for (text, form, expected) in [
            ("orders", Form::NameOrArn, "orders"),
            ("arn:aws:sns:r:a:t", Form::Name, "arn arn:aws:sns:r:a:t"),
            ("${TOPIC_ARN}", Form::Arn, "arn ${TOPIC_ARN}"),
            (
                "https://sqs.eu-west-1.amazonaws.com/111122223333/inbox",
                Form::QueueUrl,
                "arn arn:${AWS::Partition}:sqs:eu-west-1:111122223333:inbox",
            ),
            ("db/password", Form::Secret, "db/password-??????"),
            ("/app/prod/key", Form::Parameter, "app/prod/key"),
            (
                "111122223333:function:resize",
                Form::Function,
                "arn arn:${AWS::Partition}:lambda:${AWS::Region}:111122223333:function:resize",
            ),
            ("resize:live", Form::Function, "resize:live"),
            (
                "arn:aws:states:r:a:stateMachine:pack:live:*",
                Form::Execution,
                "arn arn:aws:states:r:a:execution:pack:*",
            ),
            (
                "arn:aws:states:r:a:execution:pack:1",
                Form::Execution,
                "arn arn:aws:states:r:a:execution:pack:1",
            ),
            ("${FLOW}:*", Form::Execution, "?"),
            (
                "arn:aws:dynamodb:r:a:table/arn:aws:dynamodb:s:b:table/t/stream/*",
                Form::Arn,
                "arn arn:aws:dynamodb:s:b:table/t/stream/*",
            ),
            ("${EXECUTION}", Form::Execution, "arn ${EXECUTION}"),
            ("alias/app", Form::Key, "?"),
            ("in/photo.jpg", Form::ObjectKey, "in/photo.jpg"),
            (
                "photos/in/a%20b.jpg?versionId=1",
                Form::CopySourceKey,
                "in/a b.jpg",
            ),
            ("photos/in/a.jpg", Form::CopySourceBucket, "photos"),
            ("s3://calls/in/a.wav", Form::S3UriBucket, "calls"),
            ("s3://calls/in/a.wav", Form::S3UriKey, "in/a.wav"),
            ("s3://results", Form::S3UriBucket, "results"),
            ("s3://results/", Form::S3UriPrefix, "*"),
            ("s3://results/athena/", Form::S3UriPrefix, "athena/*"),
            ("speech/", Form::KeyPrefix, "speech/*"),
            ("k3x9a2b", Form::MadeUpId, "k3x9a2b"),
            ("${Application}", Form::MadeUpId, "${Application}"),
            ("OrderService", Form::MadeUpId, "?"),
            ("service", Form::MadeUpId, "?"),
            (
                "https://s3.eu-west-1.amazonaws.com/calls/a.wav",
                Form::S3UriBucket,
                "?",
            ),
            (
                "SELECT * FROM \"orders\".\"by-customer\" WHERE id = ?",
                Form::StatementTable,
                "orders",
            ),
            (
                "SELECT * FROM \"orders\".\"by-customer\" WHERE id = ?",
                Form::StatementIndex,
                "by-customer",
            ),
            (
                "insert into orders value {'id': ?}",
                Form::StatementTable,
                "orders",
            ),
            ("EXISTS(...)", Form::StatementTable, "?"),
        ] {
            assert_eq!(name(text, form), expected, "{text} as {}", form.as_str());
        }
    }

    const TEMPLATE: &str = "Parameters:\n  QueueUrl: { Type: String }\nResources:\n  Flow: { Type: \
                            AWS::StepFunctions::StateMachine, Properties: { StateMachineName: pack } }\n  Key: { Type: \
                            AWS::KMS::Key }\n  Alias: { Type: AWS::KMS::Alias, Properties: { AliasName: alias/app } }\n  \
                            Token: { Type: AWS::SecretsManager::Secret }\n";

    #[test]
    fn a_stack_tells_more_of_a_name() {
        let read = crate::workspace::deploy::read_text("template.yaml", TEMPLATE, &|_| None);
        let opening = "${AWS::Region}:${AWS::AccountId}";
        let flow = format!("arn arn:${{AWS::Partition}}:states:{opening}:execution:${{Flow}}:*");
        let key = format!("arn arn:${{AWS::Partition}}:kms:{opening}:key/${{Key}}");
        let token = format!("arn arn:${{AWS::Partition}}:secretsmanager:{opening}:secret:${{Token}}");
        for (text, form, service, expected) in [
            ("${Flow}:*", Form::Execution, "states", flow.as_str()),
            ("${Flow.Arn}:*", Form::Execution, "states", &flow),
            ("${Other}:*", Form::Execution, "states", "?"),
            (
                "arn:aws:states:r:a:stateMachine:pack:*",
                Form::Execution,
                "states",
                "arn arn:aws:states:r:a:execution:pack:*",
            ),
            ("${Key}", Form::Key, "kms", &key),
            ("${Key.Arn}", Form::Key, "kms", &key),
            ("${Alias}", Form::Key, "kms", "?"),
            ("${Token}", Form::Secret, "secretsmanager", &token),
            // A URL in a parameter does not tell the ARN; one in a variable may.
            ("${QueueUrl}", Form::QueueUrl, "sqs", "?"),
            ("${QueueName}", Form::Name, "sqs", "${QueueName}"),
        ] {
            let found = match interpret(text, form, read.stacks.first(), service) {
                Value::Name(name) => name,
                Value::Arn(arn) => format!("arn {arn}"),
                Value::Unknown(_) => "?".to_owned(),
            };
            assert_eq!(found, expected, "{text} as {}", form.as_str());
        }
        assert_eq!(name("${QUEUE_URL}", Form::QueueUrl), "${QUEUE_URL}");
    }

    #[test]
    fn parts_of_arns_are_read() {
        for (arn, base) in [
            (
                "arn:aws:states:eu-west-1:1:stateMachine:ship:live",
                "arn:aws:states:eu-west-1:1:stateMachine:ship",
            ),
            (
                "arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}:stateMachine:ship",
                "arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}:stateMachine:ship",
            ),
        ] {
            assert_eq!(unqualified(arn), base);
        }
        for (text, name) in [
            ("arn:aws:events:eu-west-1:1:event-bus/orders", "orders"),
            ("orders", "orders"),
            ("${Bus}", "${Bus}"),
            ("arn:aws:events:eu-west-1:1:event-bus/${Bus}", "${Bus}"),
        ] {
            assert_eq!(name_in_arn(text, None), Value::Name(name.to_owned()), "{text}");
        }
        assert_eq!(account("arn:aws:iam::123456789012:root"), "123456789012");
        assert_eq!(account("123456789012"), "123456789012");
    }
}
