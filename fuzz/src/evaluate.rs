//! Whatever a request and a policy are, deciding does not panic; a Deny of everything denies, and the order of
//! statements does not matter. The input is action, resource, principal, a condition key and its value, each on a line
//! of its own, and then the policy.

use rolefit::iam::evaluate::{Decision, Layers, evaluate};
use rolefit::iam::policy::{Policy, PolicyKind};
use rolefit::iam::request::{ContextValue, Request};

/// One run.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let mut lines = text.splitn(6, '\n');
    let mut line = || lines.next().unwrap_or_default().to_owned();
    let (action, resource, principal, key, value) = (line(), line(), line(), line(), line());
    let document = line();
    let values = || value.split('\t').map(str::to_owned).collect::<Vec<_>>();
    let value = if value.contains('\t') {
        ContextValue::Many(values())
    } else {
        ContextValue::One(value.clone())
    };
    let request = Request {
        principal: (!principal.is_empty()).then_some(principal),
        action,
        resource,
        resource_account: None,
        context: [(key, value)].into(),
    };
    if let Ok(policy) = Policy::read(&document, PolicyKind::Resource) {
        let layers = Layers {
            resource: Some(&policy),
            ..Layers::default()
        };
        let _ = evaluate(&request, &layers);
    }
    let Ok(mut policy) = Policy::from_json(&document) else {
        return;
    };
    let decide = |policies: &[Policy]| {
        evaluate(
            &request,
            &Layers {
                identity: policies,
                ..Layers::default()
            },
        )
        .decision
    };
    let before = decide(std::slice::from_ref(&policy));
    policy.statements.reverse();
    assert_eq!(decide(std::slice::from_ref(&policy)), before);
    if request.principal.as_deref() == Some("anonymous") {
        return;
    }
    let everything = r#"{"Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}}"#;
    if let Ok(deny) = Policy::from_json(everything) {
        assert_eq!(decide(&[policy, deny]), Decision::ExplicitDeny);
    }
}
