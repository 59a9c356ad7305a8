//! The containment cases of `tests/fixtures/contain`, each with its reason in words.
//!
//! A statement is written `Allow ACTIONS on RESOURCES to PRINCIPALS if CONDITIONS`: lists with commas, `not` in front for
//! `NotAction`, `NotResource`, `NotPrincipal`; principals as `TYPE=NAME|NAME`; conditions as `OPERATOR KEY VALUE|VALUE`,
//! joined by `and`.

use serde::Deserialize;

use rolefit::iam::action::ActionPattern;
use rolefit::iam::arn::ArnPattern;
use rolefit::iam::contain::{KnownActions, Options, Universe, contain};
use rolefit::iam::policy::{
    Actions, Conditions, Effect, Policy, PolicyKind, PrincipalSet, Principals, Resources, Statement,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cases {
    kind: Option<String>,
    case: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    why: String,
    new: Vec<String>,
    old: Vec<String>,
    verdict: String,
    known: Option<Vec<String>>,
}

/// Splits at commas outside of `${…}`.
fn list(text: &str) -> Vec<String> {
    let mut items = vec![String::new()];
    let mut depth = 0;
    for c in text.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                items.push(String::new());
                continue;
            }
            _ => {}
        }
        items.last_mut().unwrap().push(c);
    }
    items
}

/// Whether the list is negated, and the list.
fn negated(text: &str) -> (bool, Vec<String>) {
    match text.strip_prefix("not ") {
        Some(rest) => (true, list(rest)),
        None => (false, list(text)),
    }
}

fn statement(text: &str) -> Statement {
    let (head, conditions) = text
        .split_once(" if ")
        .map_or((text, None), |(head, rest)| (head, Some(rest)));
    let (head, principals) = head
        .split_once(" to ")
        .map_or((head, None), |(head, rest)| (head, Some(rest)));
    let (effect, rest) = head.split_once(' ').unwrap();
    let (actions, resources) = rest.split_once(" on ").unwrap();
    let (no_action, actions) = negated(actions);
    let (no_resource, resources) = negated(resources);
    let actions = actions.into_iter().map(ActionPattern::new).collect();
    let resources = resources.into_iter().map(ArnPattern::new).collect();
    let mut read = Conditions::new();
    for condition in conditions.into_iter().flat_map(|text| text.split(" and ")) {
        let mut words = condition.splitn(3, ' ');
        let (operator, key) = (words.next().unwrap(), words.next().unwrap());
        let values = words
            .next()
            .unwrap_or_default()
            .split('|')
            .map(str::to_owned)
            .collect();
        read.entry(operator.to_owned())
            .or_default()
            .insert(key.to_owned(), values);
    }
    Statement {
        sid: None,
        effect: match effect {
            "Allow" => Effect::Allow,
            "Deny" => Effect::Deny,
            other => panic!("{other} in {text}"),
        },
        principals: principals.map(|text| {
            let (no_principal, names) = negated(text);
            let mut set = PrincipalSet::new();
            for entry in names {
                let (kind, names) = entry.split_once('=').unwrap();
                set.insert(kind.to_owned(), names.split('|').map(str::to_owned).collect());
            }
            match no_principal {
                true => Principals::AllExcept(set),
                false => Principals::Only(set),
            }
        }),
        actions: match no_action {
            true => Actions::AllExcept(actions),
            false => Actions::Only(actions),
        },
        resources: match no_resource {
            true => Resources::AllExcept(resources),
            false => Resources::Only(resources),
        },
        conditions: read,
    }
}

fn policy(kind: PolicyKind, statements: &[String]) -> Policy {
    Policy {
        kind,
        ..Policy::of(statements.iter().map(|text| statement(text)).collect())
    }
}

#[test]
fn every_case_is_decided_as_its_reason_says() {
    let mut wrong = Vec::new();
    let mut count = 0;
    let mut files: Vec<_> = std::fs::read_dir("tests/fixtures/contain")
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    for file in files {
        let cases: Cases = toml::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        let kind = match cases.kind.as_deref() {
            None => PolicyKind::Identity,
            Some("resource") => PolicyKind::Resource,
            Some("trust") => PolicyKind::Trust,
            Some(other) => panic!("{other}"),
        };
        for case in cases.case {
            count += 1;
            let (new, old) = (policy(kind, &case.new), policy(kind, &case.old));
            let known = case
                .known
                .as_ref()
                .map(|known| KnownActions::new(known.iter().map(String::as_str)));
            for cancel in [true, false] {
                let options = Options {
                    universe: known.as_ref().map_or(Universe::Open, Universe::Known),
                    cancel,
                    ..Options::default()
                };
                let verdict = contain(std::slice::from_ref(&new), std::slice::from_ref(&old), &options);
                if verdict.as_str() != case.verdict {
                    wrong.push(format!(
                        "{}: {:?} in {:?} ({})\n  expected {}, found {verdict:?}, cancel {cancel}",
                        file.display(),
                        case.new,
                        case.old,
                        case.why,
                        case.verdict,
                    ));
                }
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {count} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(count >= 200, "{count} cases");
}
