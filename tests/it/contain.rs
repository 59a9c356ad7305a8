//! Containment against evaluation: no request that was left out, no witness that does not hold.

#![allow(clippy::print_stdout, reason = "figures of a run by hand")]

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, TestRunner};
use std::cell::Cell;
use std::collections::BTreeMap;

use rolefit::iam::action::ActionPattern;
use rolefit::iam::arn::ArnPattern;
use rolefit::iam::contain::{Options, Verdict, contain};
use rolefit::iam::evaluate::{Layer, Voice, layer};
use rolefit::iam::minimise::{equivalent, minimise};
use rolefit::iam::policy::{
    Actions, Conditions, Effect, Policy, PolicyKind, PrincipalSet, Principals, Resources, Statement,
};
use rolefit::iam::request::{ContextValue, Request};

const ACTIONS: &[&str] = &[
    "*",
    "s3:*",
    "s3:Get*",
    "s3:GetObject",
    "s3:*Object",
    "S3:getobject",
    "s3:?etObject",
    "s3:PutObject",
    "sts:*",
    "sts:TagSession",
    "s*:Get*",
    "*:*Object",
];
const RESOURCES: &[&str] = &[
    "*",
    "arn:aws:s3:::b",
    "arn:aws:s3:::b/*",
    "arn:aws:s3:::b/a*",
    "arn:aws:s3:::b/*a",
    "arn:aws:s3:::b/a?a",
    "arn:aws:s3:::*",
    "arn:aws:*:*:*:*",
    "arn:*:s3:*:*:b/*",
    "arn:aws:sqs:*:111122223333:q*",
    "arn:aws:sqs:eu-west-1:*:q",
    "arn:aws:ecs:*:*:task/A:*",
    "arn:aws:ecs:*:*:*:*",
    "arn:aws:s3:::b/${*}",
];
const OPEN_RESOURCES: &[&str] = &[
    "arn:aws:s3:::b/${aws:username}",
    "arn:aws:s3:::b/${aws:username}/*",
    "arn:aws:s3:::b/${aws:PrincipalTag/team, 'a'}",
    "arn:aws:s3:::${Bucket}/*",
    "arn:aws:s3:::${Bucket}/a*",
    "arn:aws:sqs:${AWS::Region}:*:q",
    "arn:aws:s3",
    "arn:aws:sqs:*:q*",
];
/// Request resources of the small universe.
const ASKED: &[&str] = &[
    "*",
    "arn:aws:s3:::b",
    "arn:aws:s3:::b/",
    "arn:aws:s3:::b/a",
    "arn:aws:s3:::b/axa",
    "arn:aws:s3:::b/a/a",
    "arn:aws:s3:::b/x",
    "arn:aws:s3:::b/*",
    "arn:aws:s3:::x/a",
    "arn:aws:s3:eu-west-1::b/a",
    "arn:x:s3:::b/a",
    "arn:aws:sqs:eu-west-1:111122223333:q",
    "arn:aws:sqs:eu-west-1:1:q",
    "arn:aws:sqs:x:111122223333:qq",
    "arn:aws:ecs:r:1:task/A:1",
    "arn:aws:ecs:r:1:task/B:task/A:1",
    "arn:aws:ecs:task/A:1:1",
];
const ASKED_ACTIONS: &[&str] = &[
    "s3:GetObject",
    "s3:PutObject",
    "s3:GetX",
    "s3:XObject",
    "s3:setObject",
    "sts:TagSession",
    "sts:X",
    "sqs:GetObject",
    "sx:Getx",
    "new:X",
];

/// Key → operators with values that make sense there.
const TEXT_VALUES: &[&str] = &["a", "b", "A", "a*", "*", "?", "a?", "", "true", "${aws:username}"];
const TEXT_OPERATORS: &[&str] = &[
    "StringEquals",
    "StringNotEquals",
    "StringEqualsIgnoreCase",
    "StringNotEqualsIgnoreCase",
    "StringLike",
    "StringNotLike",
];
const ARN_VALUES: &[&str] = &[
    "arn:aws:s3:::a*",
    "arn:aws:s3:::ab",
    "arn:*:s3:::*",
    "arn:aws:sqs:*:*:q:x",
    "a",
    "arn:aws:*:*:*:q:*",
];
const NUMBERS: &[&str] = &["5", "10", "5.5", "-1"];
const DATES: &[&str] = &["2020-01-01T00:00:00Z", "2021-06-01", "1600000000"];
const BLOCKS: &[&str] = &[
    "10.0.0.0/8",
    "10.1.0.0/16",
    "10.1.2.3",
    "2001:db8::/32",
    "0.0.0.0/0",
];

fn asked_values(key: &str) -> &'static [&'static str] {
    match key {
        "t:text" => &["a", "b", "A", "ab", "x", "", "bob", "xx"],
        "t:list" => &["a", "b", "ab", "x"],
        "t:arn" => &[
            "arn:aws:s3:::a",
            "arn:aws:s3:::ab",
            "arn:x:s3:::b",
            "arn:aws:sqs:r:1:q:x",
            "arn:aws:sqs:r:1:q:y",
            "arn:aws:sqs:r:q:x",
            "a",
        ],
        "t:number" => &["4", "5", "5.2", "5.5", "7", "10", "11", "-2"],
        "t:date" => &[
            "2019-01-01T00:00:00Z",
            "2020-01-01T00:00:00Z",
            "2020-05-01T00:00:00Z",
            "2020-12-01T00:00:00Z",
            "2021-06-01T00:00:00Z",
            "2022-01-01T00:00:00Z",
        ],
        "t:bool" => &["true", "false"],
        "t:address" => &[
            "10.1.2.3",
            "10.1.2.4",
            "10.2.0.0",
            "11.0.0.0",
            "9.0.0.0",
            "2001:db8::1",
            "::1",
        ],
        "t:binary" => &["QQ==", "Qg=="],
        _ => &["a", "bob", "x"],
    }
}

fn condition() -> impl Strategy<Value = (String, String, Vec<String>)> {
    fn of(
        key: &'static str,
        operators: &'static [&'static str],
        values: &'static [&'static str],
    ) -> BoxedStrategy<(String, String, Vec<String>)> {
        (select(operators), vec(select(values), 1..3), any::<bool>())
            .prop_map(move |(operator, values, if_exists)| {
                let suffix = if if_exists { "IfExists" } else { "" };
                let values = values.into_iter().map(str::to_owned).collect();
                (format!("{operator}{suffix}"), key.to_owned(), values)
            })
            .boxed()
    }
    let list = (
        select(&["ForAllValues:", "ForAnyValue:"][..]),
        of("t:list", TEXT_OPERATORS, &TEXT_VALUES[..6]),
    )
        .prop_map(|(quantifier, (operator, key, values))| (format!("{quantifier}{operator}"), key, values));
    let null = (
        select(&["t:text", "t:list", "t:number", "t:bool"][..]),
        select(&["true", "false"][..]),
    )
        .prop_map(|(key, value)| ("Null".to_owned(), key.to_owned(), vec![value.to_owned()]));
    prop_oneof![
        3 => of("t:text", TEXT_OPERATORS, &TEXT_VALUES[..9]),
        2 => list,
        1 => null,
        1 => of("t:arn", &["ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike"], ARN_VALUES),
        1 => of("t:number", &["NumericEquals", "NumericNotEquals", "NumericLessThan", "NumericLessThanEquals",
            "NumericGreaterThan", "NumericGreaterThanEquals"], NUMBERS),
        1 => of("t:date", &["DateEquals", "DateNotEquals", "DateLessThan", "DateLessThanEquals", "DateGreaterThan",
            "DateGreaterThanEquals"], DATES),
        1 => of("t:bool", &["Bool"], &["true", "false", "TRUE"]),
        1 => of("t:address", &["IpAddress", "NotIpAddress"], BLOCKS),
        1 => of("t:binary", &["BinaryEquals"], &["QQ==", "Qg=="]),
    ]
}

fn conditions() -> impl Strategy<Value = Conditions> {
    vec(condition(), 0..3).prop_map(|list| {
        let mut conditions = Conditions::new();
        for (operator, key, values) in list {
            conditions.entry(operator).or_default().insert(key, values);
        }
        conditions
    })
}

fn statement(resources: &'static [&'static str]) -> impl Strategy<Value = Statement> {
    (
        prop_oneof![3 => Just(Effect::Allow), 1 => Just(Effect::Deny)],
        prop_oneof![6 => Just(true), 1 => Just(false)],
        vec(select(ACTIONS), 1..3),
        prop_oneof![6 => Just(true), 1 => Just(false)],
        vec(select(resources), 1..3),
        prop_oneof![2 => Just(Conditions::new()), 3 => conditions()],
    )
        .prop_map(|(effect, only, actions, only_these, resources, conditions)| {
            let actions = actions.into_iter().map(ActionPattern::new).collect();
            let resources = resources.into_iter().map(ArnPattern::new).collect();
            Statement {
                sid: None,
                effect,
                principals: None,
                actions: if only {
                    Actions::Only(actions)
                } else {
                    Actions::AllExcept(actions)
                },
                resources: if only_these {
                    Resources::Only(resources)
                } else {
                    Resources::AllExcept(resources)
                },
                conditions,
            }
        })
}

/// A pair of policies; half of the time the second is the first with something changed, so that containment is close.
fn pair(resources: &'static [&'static str]) -> impl Strategy<Value = (Policy, Policy)> {
    let policy = move || vec(statement(resources), 1..4);
    (
        policy(),
        policy(),
        any::<bool>(),
        vec(any::<prop::sample::Index>(), 0..3),
        statement(resources),
    )
        .prop_map(|(one, other, related, drops, extra)| {
            if !related {
                return (Policy::of(one), Policy::of(other));
            }
            let mut changed = one.clone();
            for index in drops {
                let at = index.index(changed.len());
                match at % 3 {
                    0 => changed[at].conditions.clear(),
                    1 => changed.push(extra.clone()),
                    _ => {
                        changed.remove(at);
                        changed.push(extra.clone());
                    }
                }
            }
            (Policy::of(one), Policy::of(changed))
        })
}

fn allows(kind: PolicyKind, policy: &Policy, request: &Request) -> bool {
    let place = match kind {
        PolicyKind::Identity => Layer::Identity,
        _ => Layer::Resource,
    };
    matches!(
        layer(request, place, std::slice::from_ref(policy)),
        Voice::Allows(_)
    )
}

/// The policy with its symbols replaced, in some of the ways in which a stack could do it.
fn deployed(policy: &Policy, turn: usize) -> Policy {
    let (bucket, region) = [("b", "eu-west-1"), ("x", "x"), ("b", "x")][turn % 3];
    let mut policy = policy.clone();
    for statement in &mut policy.statements {
        let (Resources::Only(list) | Resources::AllExcept(list)) = &mut statement.resources;
        for resource in list {
            let text = resource.as_str().replace("${Bucket}", bucket);
            *resource = ArnPattern::new(text.replace("${AWS::Region}", region));
        }
    }
    policy
}

fn keys(policies: [&Policy; 2]) -> Vec<String> {
    let mut keys: Vec<String> = policies
        .iter()
        .flat_map(|policy| &policy.statements)
        .flat_map(|statement| {
            statement
                .conditions
                .values()
                .flat_map(|keys| keys.keys().cloned())
        })
        .collect();
    keys.sort();
    keys.dedup();
    keys
}

fn requests(new: &Policy, old: &Policy) -> impl Strategy<Value = Vec<Request>> + use<> {
    let keys = keys([new, old]);
    let text = new.to_json_compact() + &old.to_json_compact();
    let mut used: Vec<String> = keys;
    for (mention, key) in [
        ("aws:username", "aws:username"),
        ("PrincipalTag", "aws:PrincipalTag/team"),
    ] {
        if text.contains(mention) {
            used.push(key.to_owned());
        }
    }
    let context = used
        .iter()
        .map(|key| {
            let values = asked_values(key);
            let many = key == "t:list";
            let value = vec(select(values), 1..4).prop_map(move |values| match many {
                true => ContextValue::Many(values.iter().map(|value| (*value).to_owned()).collect()),
                false => ContextValue::One(values[0].to_owned()),
            });
            prop::option::weighted(0.8, value).boxed()
        })
        .collect::<Vec<_>>();
    let one = (select(ASKED_ACTIONS), select(ASKED), context);
    vec(one, 120).prop_map(move |list| {
        list.into_iter()
            .map(|(action, resource, values)| {
                let context: BTreeMap<String, ContextValue> = used
                    .iter()
                    .cloned()
                    .zip(values)
                    .filter_map(|(key, value)| Some((key, value?)))
                    .collect();
                Request {
                    principal: Some("arn:aws:sts::111122223333:assumed-role/r/s".to_owned()),
                    action: action.to_owned(),
                    resource: resource.to_owned(),
                    resource_account: None,
                    context,
                }
            })
            .collect()
    })
}

#[derive(Default)]
struct Tally {
    contained: Cell<u32>,
    more: Cell<u32>,
    unproven: Cell<u32>,
}

fn add(count: &Cell<u32>) {
    count.set(count.get() + 1);
}

fn check(resources: &'static [&'static str], cases: u32, decided: bool) {
    let tally = Tally::default();
    let mut runner = TestRunner::new(Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    });
    let pairs = pair(resources).prop_flat_map(|(new, old)| {
        let requests = requests(&new, &old);
        (Just(new), Just(old), requests)
    });
    runner
        .run(&pairs, |(new, old, requests)| {
            let shown = || format!("new {}\nold {}", new.to_json_compact(), old.to_json_compact());
            let verdict = contain(
                std::slice::from_ref(&new),
                std::slice::from_ref(&old),
                &Options::default(),
            );
            let whole = Options {
                cancel: false,
                ..Options::default()
            };
            let uncancelled = contain(std::slice::from_ref(&new), std::slice::from_ref(&old), &whole);
            if decided {
                prop_assert_eq!(
                    verdict.as_str(),
                    uncancelled.as_str(),
                    "cancelling changes the answer: {}",
                    shown()
                );
            }
            match &verdict {
                Verdict::NoNewAccess => {
                    add(&tally.contained);
                    let deployments: Vec<_> = (0..3)
                        .map(|turn| (deployed(&new, turn), deployed(&old, turn)))
                        .collect();
                    for (turn, request) in requests.iter().enumerate() {
                        let (new, old) = &deployments[turn % 3];
                        let more = allows(PolicyKind::Identity, new, request)
                            && !allows(PolicyKind::Identity, old, request);
                        prop_assert!(!more, "missed {request:?}\n{}", shown());
                    }
                }
                Verdict::NewAccess(witness) => {
                    add(&tally.more);
                    if witness.symbols.is_empty() {
                        prop_assert!(
                            allows(PolicyKind::Identity, &new, &witness.request),
                            "{}",
                            shown()
                        );
                        prop_assert!(
                            !allows(PolicyKind::Identity, &old, &witness.request),
                            "{}",
                            shown()
                        );
                    }
                }
                Verdict::Unproven { reason } => {
                    add(&tally.unproven);
                    prop_assert!(!decided, "{reason}\n{}", shown());
                }
            }
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{error}"));
    println!(
        "{} contained, {} more, {} unproven",
        tally.contained.get(),
        tally.more.get(),
        tally.unproven.get()
    );
}

/// `ROLEFIT_CONTAIN_PAIRS` asks for more pairs than the usual run.
fn cases(usual: u32) -> u32 {
    let asked = std::env::var("ROLEFIT_CONTAIN_PAIRS").ok();
    asked
        .and_then(|text| text.parse::<u32>().ok())
        .map_or(usual, |all| all / 5000 * usual)
}

#[test]
fn nothing_is_missed_in_small_universes() {
    check(RESOURCES, cases(3500), true);
}

#[test]
fn nothing_is_missed_where_texts_have_holes() {
    static BOTH: std::sync::OnceLock<Vec<&'static str>> = std::sync::OnceLock::new();
    let both = BOTH.get_or_init(|| {
        RESOURCES
            .iter()
            .chain(OPEN_RESOURCES)
            .chain(OPEN_RESOURCES)
            .copied()
            .collect()
    });
    check(both, cases(1000), false);
}

const NAMED: &[(&str, &str)] = &[
    ("*", "*"),
    ("AWS", "111122223333"),
    ("AWS", "arn:aws:iam::444455556666:root"),
    ("AWS", "arn:aws:iam::111122223333:role/path/r"),
    ("AWS", "arn:aws:sts::111122223333:assumed-role/r/s"),
    ("AWS", "arn:aws:iam::111122223333:user/bob"),
    ("Service", "sns.amazonaws.com"),
    ("Federated", "accounts.google.com"),
];
const CALLERS: &[Option<&str>] = &[
    None,
    Some("arn:aws:iam::111122223333:user/bob"),
    Some("arn:aws:iam::111122223333:user/eve"),
    Some("arn:aws:iam::111122223333:role/path/r"),
    Some("arn:aws:sts::111122223333:assumed-role/r/s"),
    Some("arn:aws:sts::111122223333:assumed-role/r/t"),
    Some("arn:aws:sts::111122223333:assumed-role/q/s"),
    Some("arn:aws:iam::444455556666:user/bob"),
    Some("arn:aws:iam::123412341234:user/bob"),
    Some("sns.amazonaws.com"),
    Some("sqs.amazonaws.com"),
    Some("accounts.google.com"),
];

fn with_principals() -> impl Strategy<Value = Policy> {
    let principals = (prop::bool::weighted(0.15), vec(select(NAMED), 1..3)).prop_map(|(except, names)| {
        let mut set = PrincipalSet::new();
        for (kind, name) in names {
            set.entry(kind.to_owned()).or_default().push(name.to_owned());
        }
        // `"Principal": "*"` stands alone.
        if set.contains_key("*") {
            set.retain(|kind, _| kind == "*");
        }
        (except, set)
    });
    vec((statement(&RESOURCES[..4]), principals), 1..4).prop_map(|statements| Policy {
        kind: PolicyKind::Resource,
        ..Policy::of(
            statements
                .into_iter()
                .map(|(statement, (except, set))| Statement {
                    conditions: Conditions::new(),
                    principals: Some(match except && statement.effect == Effect::Deny {
                        true => Principals::AllExcept(set),
                        false => Principals::Only(set),
                    }),
                    ..statement
                })
                .collect(),
        )
    })
}

#[test]
fn nothing_is_missed_of_any_caller() {
    let mut runner = TestRunner::new(Config {
        cases: cases(500),
        failure_persistence: None,
        ..Config::default()
    });
    runner
        .run(&(with_principals(), with_principals()), |(new, old)| {
            let shown = || format!("new {}\nold {}", new.to_json_compact(), old.to_json_compact());
            match contain(
                std::slice::from_ref(&new),
                std::slice::from_ref(&old),
                &Options::default(),
            ) {
                Verdict::NewAccess(_) => {}
                // What a `NotPrincipal` with an incomplete list excepts is not settled.
                Verdict::Unproven { reason } => prop_assert!(
                    reason.contains("NotPrincipal") && shown().contains("NotPrincipal"),
                    "{reason}\n{}",
                    shown()
                ),
                Verdict::NoNewAccess => {
                    for (caller, action, resource) in CALLERS.iter().flat_map(|caller| {
                        let each = ["s3:GetObject", "s3:PutObject", "sts:TagSession", "new:X"].iter();
                        each.flat_map(move |action| {
                            ASKED.iter().map(move |resource| (caller, action, resource))
                        })
                    }) {
                        let request = Request {
                            principal: caller.map(str::to_owned),
                            action: (*action).to_owned(),
                            resource: (*resource).to_owned(),
                            ..Request::default()
                        };
                        let more = allows(PolicyKind::Resource, &new, &request)
                            && !allows(PolicyKind::Resource, &old, &request);
                        prop_assert!(!more, "missed {request:?}\n{}", shown());
                    }
                }
            }
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn a_minimised_policy_is_equivalent_and_never_larger() {
    let mut runner = TestRunner::new(Config {
        cases: cases(150),
        failure_persistence: None,
        ..Config::default()
    });
    runner
        .run(&vec(statement(RESOURCES), 1..5), |statements| {
            let policy = Policy::of(statements);
            let smaller = minimise(&policy);
            prop_assert!(equivalent(&policy, &smaller), "{}", policy.to_json_compact());
            prop_assert!(smaller.size_without_whitespace() <= policy.size_without_whitespace());
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{error}"));
}
