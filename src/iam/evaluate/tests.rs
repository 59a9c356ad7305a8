//! Properties of the decision: what never matters, and what can only go one way.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::iam::action::ActionPattern;
use crate::iam::arn::ArnPattern;
use crate::iam::policy::{Actions, Conditions, Resources, Statement};
use crate::iam::request::ContextValue;

#[test]
fn nothing_allows_by_itself() {
    let outcome = evaluate(&Request::default(), &Layers::default());
    assert_eq!(outcome.decision, Decision::ImplicitDeny);
    assert_eq!(outcome.because, Deciding::Silence(Layer::Resource, None));
}

#[test]
fn an_operator_that_no_reader_lets_through_is_no_way_in() {
    let conditions = Conditions::from([(
        "StringMatches".to_owned(),
        [("a:b".to_owned(), vec!["c".to_owned()])].into(),
    )]);
    let statement = |effect: Effect| Statement {
        effect,
        conditions: conditions.clone(),
        ..everything()
    };
    let decide = |statements: Vec<Statement>| {
        let policies = [Policy::of(statements)];
        let layers = Layers {
            identity: &policies,
            ..Layers::default()
        };
        evaluate(
            &Request {
                action: "a:b".to_owned(),
                ..Request::default()
            },
            &layers,
        )
        .decision
    };
    assert_eq!(decide(vec![statement(Effect::Allow)]), Decision::ImplicitDeny);
    assert_eq!(
        decide(vec![everything(), statement(Effect::Deny)]),
        Decision::ExplicitDeny
    );
}

fn everything() -> Statement {
    Statement {
        sid: None,
        effect: Effect::Allow,
        principals: None,
        actions: Actions::Only(vec![ActionPattern::new("*")]),
        resources: Resources::Only(vec![ArnPattern::any()]),
        conditions: Conditions::new(),
    }
}

/// Statements over so few names that requests often meet them.
fn statement() -> impl Strategy<Value = Statement> {
    let conditions = proptest::collection::btree_map(
        prop_oneof![
            Just("StringEquals"),
            Just("StringNotEqualsIfExists"),
            Just("ForAnyValue:StringLike"),
            Just("Null")
        ]
        .prop_map(str::to_owned),
        proptest::collection::btree_map("x:[kK]", vec("[ab*]|true|[$][{]x:k[}]", 0..3), 0..2),
        0..2,
    );
    (
        proptest::option::of("[AB]"),
        any::<bool>(),
        any::<bool>(),
        vec("[*]|a:[AB*]|b:[*]", 1..3),
        any::<bool>(),
        vec("[*]|arn:aws:s3:::[ab*]/[ab*?]|arn:aws:s3:::b/[$][{]x:k[}]", 1..3),
        conditions,
    )
        .prop_map(|(sid, allow, only, actions, only_these, resources, conditions)| {
            let actions = actions.into_iter().map(ActionPattern::new).collect();
            let resources = resources.into_iter().map(ArnPattern::new).collect();
            Statement {
                sid,
                effect: if allow { Effect::Allow } else { Effect::Deny },
                principals: None,
                actions: if only {
                    Actions::Only(actions)
                } else {
                    Actions::AllExcept(actions)
                },
                resources: match only_these {
                    true => Resources::Only(resources),
                    false => Resources::AllExcept(resources),
                },
                conditions,
            }
        })
}

fn request() -> impl Strategy<Value = Request> {
    let value = prop_oneof![
        "[ab*]".prop_map(ContextValue::One),
        vec("[ab]", 0..3).prop_map(ContextValue::Many)
    ];
    (
        "[ab]:[ABC]",
        "[*]|arn:aws:s3:::[ab]/[ab]",
        proptest::option::of(value),
    )
        .prop_map(|(action, resource, value)| Request {
            action,
            resource,
            context: value.map(|value| ("x:k".to_owned(), value)).into_iter().collect(),
            ..Request::default()
        })
}

/// The decision with the statements as identity policy, and with them as boundary.
fn decide(request: &Request, statements: &[Statement]) -> (Decision, Decision) {
    let (own, all) = (
        [Policy::of(statements.to_vec())],
        [Policy::of(vec![everything()])],
    );
    let as_identity = Layers {
        identity: &own,
        ..Layers::default()
    };
    let as_boundary = Layers {
        identity: &all,
        boundary: &own,
        ..Layers::default()
    };
    (
        evaluate(request, &as_identity).decision,
        evaluate(request, &as_boundary).decision,
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn order_and_sid_never_matter(request in request(), mut statements in vec(statement(), 0..5)) {
        let before = decide(&request, &statements);
        statements.reverse();
        for (index, statement) in statements.iter_mut().enumerate() {
            statement.sid = Some(format!("S{index}"));
        }
        prop_assert_eq!(decide(&request, &statements), before);
    }

    #[test]
    fn how_statements_are_spread_over_policies_never_matters(
        request in request(),
        statements in vec(statement(), 0..5),
        at in 0_usize..5,
    ) {
        let together = decide(&request, &statements).0;
        let (one, other) = statements.split_at(at.min(statements.len()));
        let apart = [Policy::of(one.to_vec()), Policy::of(other.to_vec())];
        let layers = Layers { identity: &apart, ..Layers::default() };
        prop_assert_eq!(evaluate(&request, &layers).decision, together);
    }

    #[test]
    fn one_more_deny_never_allows(request in request(), statements in vec(statement(), 0..5), more in statement()) {
        let before = decide(&request, &statements);
        let denying = Statement { effect: Effect::Deny, ..more };
        let after = decide(&request, &[statements, vec![denying]].concat());
        prop_assert!(before.0 == Decision::Allowed || after.0 != Decision::Allowed);
        prop_assert!(before.1 == Decision::Allowed || after.1 != Decision::Allowed);
    }

    #[test]
    fn one_more_allow_never_denies(request in request(), statements in vec(statement(), 0..5), more in statement()) {
        let before = decide(&request, &statements);
        let allowing = Statement { effect: Effect::Allow, ..more };
        let after = decide(&request, &[statements, vec![allowing]].concat());
        prop_assert!(before.0 != Decision::Allowed || after.0 == Decision::Allowed);
        prop_assert!(before.1 != Decision::Allowed || after.1 == Decision::Allowed);
        prop_assert_eq!(before.0 == Decision::ExplicitDeny, after.0 == Decision::ExplicitDeny);
    }

    #[test]
    fn a_layer_by_itself_says_what_the_whole_says(request in request(), statements in vec(statement(), 0..5)) {
        let policies = [Policy::of(statements.clone())];
        let alone = match layer(&request, Layer::Identity, &policies) {
            Voice::Denies(_) => Decision::ExplicitDeny,
            Voice::Allows(_) => Decision::Allowed,
            Voice::Silent => Decision::ImplicitDeny,
        };
        prop_assert_eq!(alone, decide(&request, &statements).0);
    }

    #[test]
    fn no_text_makes_the_decision_panic(
        action in any::<String>(),
        resource in any::<String>(),
        principal in any::<Option<String>>(),
        pattern in any::<String>(),
        value in any::<String>(),
    ) {
        let conditions = crate::iam::operator::COMPARISONS
            .iter()
            .map(|(name, _)| ((*name).to_owned(), [("a:b".to_owned(), vec![pattern.clone()])].into()))
            .collect();
        let statement = Statement {
            actions: Actions::AllExcept(vec![ActionPattern::new(&pattern)]),
            resources: Resources::AllExcept(vec![ArnPattern::new(&pattern)]),
            conditions,
            ..everything()
        };
        let context = [("a:b".to_owned(), ContextValue::One(value))].into();
        let request = Request { principal, action, resource, resource_account: None, context };
        let policies = [Policy::of(vec![statement])];
        let _ = evaluate(&request, &Layers { identity: &policies, ..Layers::default() });
    }
}
