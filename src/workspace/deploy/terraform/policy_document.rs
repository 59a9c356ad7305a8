//! `data.aws_iam_policy_document`: its blocks as a policy document, each statement at its own line.
//!
//! <https://registry.terraform.io/providers/hashicorp/aws/latest/docs/data-sources/iam_policy_document>

use std::rc::Rc;

use super::super::node::Mark;
use super::scope::Evaluator;
use super::value::{Kind, Pair, Val, from_json};

/// The document that the data source makes.
pub(super) fn evaluate(evaluator: &mut Evaluator<'_, '_>, instance: usize, at: Mark) -> Val {
    let Some(config) = evaluator.configuration(instance) else {
        return Val::opaque("policy document", at);
    };
    from_arguments(&config)
}

/// The document that arguments of the data source (or values of a plan) make.
pub(super) fn from_arguments(config: &Val) -> Val {
    let mut statements: Vec<Val> = Vec::new();
    for name in ["source_json", "source_policy_documents"] {
        for document in config.get(name).map(Val::items).unwrap_or_default() {
            statements.extend(document_statements(document));
        }
    }
    for block in config.get("statement").map(Val::items).unwrap_or_default() {
        put(&mut statements, statement(block));
    }
    for name in ["override_policy_documents", "override_json"] {
        for document in config.get(name).map(Val::items).unwrap_or_default() {
            for statement in document_statements(document) {
                put(&mut statements, statement);
            }
        }
    }
    let at = config.at;
    let document = vec![
        pair("Version", Val::text("2012-10-17", at)),
        pair("Statement", Val::list(statements, at)),
    ];
    Val::new(Kind::Json(Rc::new(Val::map(document, at))), at)
}

/// Adds a statement; one of the same `Sid` goes before it.
fn put(statements: &mut Vec<Val>, statement: Val) {
    let sid = sid(&statement);
    let same = sid.and_then(|sid| {
        statements
            .iter()
            .position(|known| self::sid(known).as_ref() == Some(&sid))
    });
    match same.and_then(|index| statements.get_mut(index)) {
        Some(known) => *known = statement,
        None => statements.push(statement),
    }
}

fn sid(statement: &Val) -> Option<String> {
    statement.get("Sid")?.as_text().filter(|sid| !sid.is_empty())
}

/// The statements of a document. One that cannot be read stands for a statement that cannot, which is a gap where it is
/// used.
fn document_statements(document: &Val) -> Vec<Val> {
    let parsed = match &document.kind {
        Kind::Json(inner) => Some(inner.as_ref().clone()),
        Kind::Text(text) if text.trim().is_empty() => return Vec::new(),
        Kind::Text(text) => from_json(text, document.at).ok(),
        Kind::Null => return Vec::new(),
        Kind::Choice(choice) => {
            let mut both = document_statements(&choice.then);
            both.extend(document_statements(&choice.otherwise));
            return both;
        }
        _ => None,
    };
    match parsed {
        Some(parsed) => parsed
            .get("Statement")
            .map(|list| list.items().to_vec())
            .unwrap_or_default(),
        None => vec![document.clone()],
    }
}

fn pair(key: &str, value: Val) -> Pair {
    Pair {
        key: key.to_owned(),
        key_at: value.at,
        value,
    }
}

fn statement(block: &Val) -> Val {
    let at = block.at;
    let mut pairs = Vec::new();
    let effect = block.get("effect").cloned();
    pairs.push(pair("Effect", effect.unwrap_or_else(|| Val::text("Allow", at))));
    for (argument, element) in [
        ("sid", "Sid"),
        ("actions", "Action"),
        ("not_actions", "NotAction"),
        ("resources", "Resource"),
        ("not_resources", "NotResource"),
    ] {
        let value = block.get(argument).filter(|value| !is_empty(value));
        pairs.extend(value.map(|value| pair(element, variables(value))));
    }
    for (blocks, element) in [("principals", "Principal"), ("not_principals", "NotPrincipal")] {
        let principals = principals(block, blocks, at);
        pairs.extend(principals.map(|principals| pair(element, principals)));
    }
    let conditions = conditions(block, at);
    pairs.extend(conditions.map(|conditions| pair("Condition", conditions)));
    Val::map(pairs, at)
}

fn is_empty(value: &Val) -> bool {
    match &value.kind {
        Kind::List(items) => items.is_empty(),
        Kind::Text(text) => text.is_empty(),
        _ => false,
    }
}

/// `&{aws:username}` is how the data source writes a policy variable.
fn variables(value: &Val) -> Val {
    match &value.kind {
        Kind::Text(text) => Val::text(text.replace("&{", "${"), value.at),
        Kind::List(items) => Val::list(items.iter().map(variables).collect(), value.at),
        _ => value.clone(),
    }
}

/// `principals { type, identifiers }` blocks as a `Principal`; the identifiers of one type come together.
fn principals(block: &Val, name: &str, at: Mark) -> Option<Val> {
    let mut kinds: Vec<Pair> = Vec::new();
    for principal in block.get(name).map(Val::items).unwrap_or_default() {
        let Some(kind) = principal.get("type").and_then(Val::as_text) else {
            continue;
        };
        let own = principal.get("identifiers").map(variables);
        let own = own.unwrap_or_else(|| Val::list(Vec::new(), principal.at));
        if kind == "*" {
            return Some(Val::text("*", principal.at));
        }
        match kinds.iter_mut().find(|known| known.key == kind) {
            Some(known) => {
                let both = known.value.items().iter().chain(own.items()).cloned().collect();
                known.value = Val::list(both, at);
            }
            None => kinds.push(Pair {
                key: kind,
                key_at: principal.at,
                value: own,
            }),
        }
    }
    (!kinds.is_empty()).then(|| Val::map(kinds, at))
}

/// `condition { test, variable, values }` blocks as a `Condition`; the values of one key come together.
fn conditions(block: &Val, at: Mark) -> Option<Val> {
    let mut tests: Vec<Pair> = Vec::new();
    for name in ["condition", "conditions"] {
        let written = block.get(name);
        let blocks: Vec<Val> = match written.map(|value| (&value.kind, value)) {
            // A map of them, as the Lambda module takes it.
            Some((Kind::Map(pairs), value)) if value.get("test").is_none() => {
                pairs.iter().map(|pair| pair.value.clone()).collect()
            }
            Some((_, value)) => value.items().to_vec(),
            None => Vec::new(),
        };
        for condition in blocks {
            let text = |name| condition.get(name).and_then(Val::as_text);
            let (Some(test), Some(variable)) = (text("test"), text("variable")) else {
                continue;
            };
            let values = condition.get("values").map(variables);
            let values = values.unwrap_or_else(|| Val::list(Vec::new(), condition.at));
            add(&mut tests, &test, &variable, values, condition.at);
        }
    }
    (!tests.is_empty()).then(|| Val::map(tests, at))
}

fn add(tests: &mut Vec<Pair>, test: &str, variable: &str, values: Val, at: Mark) {
    let index = match tests.iter().position(|pair| pair.key == test) {
        Some(index) => index,
        None => {
            tests.push(Pair {
                key: test.to_owned(),
                key_at: at,
                value: Val::map(Vec::new(), at),
            });
            tests.len() - 1
        }
    };
    let Some(pair) = tests.get_mut(index) else { return };
    let mut keys = pair.value.pairs().to_vec();
    match keys.iter_mut().find(|key| key.key == variable) {
        Some(key) => {
            let both = key.value.items().iter().chain(values.items()).cloned().collect();
            key.value = Val::list(both, at);
        }
        None => keys.push(Pair {
            key: variable.to_owned(),
            key_at: at,
            value: values,
        }),
    }
    pair.value = Val::map(keys, at);
}

/// A statement that the Lambda module makes of an entry of `policy_statements`.
pub(super) fn module_statement(key: &str, entry: &Val) -> Val {
    let made = statement(entry);
    if made.get("Sid").is_some() {
        return made;
    }
    let sid: String = key.chars().filter(char::is_ascii_alphanumeric).collect();
    let mut pairs = made.pairs().to_vec();
    if !sid.is_empty() && sid.parse::<u64>().is_err() {
        pairs.push(pair("Sid", Val::text(sid, entry.at)));
    }
    Val::map(pairs, made.at)
}
