//! Two roles, and what is worse about the second.

use super::*;
use crate::usage::Location;

/// A role whose statements are those of identity policies, each at the line of its position.
fn role(documents: &[&str]) -> WholeRole {
    let mut statements = Vec::new();
    for document in documents {
        let text = format!(r#"{{"Version": "2012-10-17", "Statement": [{document}]}}"#);
        for statement in Policy::from_json(&text).unwrap().statements {
            let line = u32::try_from(statements.len()).unwrap() + 1;
            let origin = GrantOrigin {
                kind: "inline",
                name: "policy".to_owned(),
                location: Location::new("template.yaml", line, 1),
                injected_by: None,
                condition: None,
            };
            statements.push(RoleStatement { statement, origin });
        }
    }
    WholeRole {
        arn: Some("arn:aws:iam::111122223333:role/app".to_owned()),
        statements,
        ..WholeRole::default()
    }
}

fn trusting(document: &str) -> WholeRole {
    let text = format!(r#"{{"Version": "2012-10-17", "Statement": [{document}]}}"#);
    WholeRole {
        trust: Some(Policy::read(&text, PolicyKind::Trust).unwrap()),
        ..role(&[])
    }
}

fn allow(actions: &str, resource: &str) -> String {
    let actions: Vec<String> = actions.split(' ').map(|action| format!("\"{action}\"")).collect();
    format!(
        r#"{{"Effect": "Allow", "Action": [{}], "Resource": "{resource}"}}"#,
        actions.join(", ")
    )
}

fn deny(actions: &str, resource: &str) -> String {
    allow(actions, resource).replace("Allow", "Deny")
}

/// Severity, kind and path of every risk.
fn found(old: &WholeRole, new: &WholeRole) -> Vec<String> {
    let risks = risks(Catalog::embedded(), Some(old), new);
    for risk in &risks {
        assert!(!risk.message.is_empty() && !risk.fix.is_empty(), "{risk:?}");
    }
    let shown = |risk: &Risk| {
        let path = risk.path.map(|(id, _)| format!(" {id}")).unwrap_or_default();
        format!("{} {}{path}", risk.severity.as_str(), risk.kind.as_str())
    };
    risks.iter().map(shown).collect()
}

fn change(old: &[&str], new: &[&str]) -> Vec<String> {
    found(&role(old), &role(new))
}

const PASS: &str = r#"{"Effect": "Allow", "Action": "iam:PassRole", "Resource": "*"}"#;

#[test]
fn nothing_changes_nothing() {
    let one = allow("s3:GetObject", "arn:aws:s3:::b/*");
    assert!(change(&[&one], &[&one]).is_empty());
    assert!(change(&[&one], &[]).is_empty());
    let named = one.replace("{\"Effect\"", "{\"Sid\": \"A\", \"Effect\"");
    assert!(change(&[&one], &[&named]).is_empty());
}

#[test]
fn the_statement_that_completes_a_chain_is_named() {
    let create = allow("lambda:CreateFunction", "*");
    let invoke = allow("lambda:InvokeFunction", "*");
    let (old, new) = (role(&[PASS, &create]), role(&[PASS, &create, &invoke]));
    let risks = risks(Catalog::embedded(), Some(&old), &new);
    let chain = risks
        .iter()
        .find(|risk| risk.kind == RiskKind::Escalation)
        .unwrap();
    assert_eq!(chain.path.unwrap().0, "lambda-001");
    assert_eq!(chain.severity, Severity::High);
    assert_eq!(chain.statements.keys().copied().collect::<Vec<_>>(), [2]);
    assert_eq!(chain.statements[&2].location.line, 3);
    assert_eq!(chain.witness.as_ref().unwrap().action, "lambda:InvokeFunction");
}

#[test]
fn a_chain_with_a_step_that_is_denied_is_not_complete() {
    let create = allow("lambda:CreateFunction", "*");
    let invoke = allow("lambda:InvokeFunction", "*");
    let no_pass = deny("iam:PassRole", "*");
    assert!(
        !change(&[PASS, &create, &no_pass], &[PASS, &create, &no_pass, &invoke])
            .iter()
            .any(|risk| risk.contains("lambda-001"))
    );
    let other = r#"{"Effect": "Allow", "Action": "iam:PassRole", "Resource": "*",
        "Condition": {"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}}}"#;
    assert!(
        !change(&[other, &create], &[other, &create, &invoke])
            .iter()
            .any(|risk| risk.contains("lambda-001"))
    );
    let lambda = other.replace("ec2", "lambda");
    assert!(
        change(&[&lambda, &create], &[&lambda, &create, &invoke])
            .iter()
            .any(|risk| risk.contains("lambda-001"))
    );
}

#[test]
fn passing_only_itself_completes_nothing() {
    let own = allow("iam:PassRole", "arn:aws:iam::111122223333:role/app");
    let rest = allow("lambda:CreateFunction lambda:InvokeFunction", "*");
    assert!(
        !change(&[&own], &[&own, &rest])
            .iter()
            .any(|risk| risk.contains("escalation"))
    );
    let other = allow("iam:PassRole", "arn:aws:iam::111122223333:role/admin");
    assert!(
        change(&[&other], &[&other, &rest])
            .iter()
            .any(|risk| risk.contains("escalation lambda-001"))
    );
}

#[test]
fn a_boundary_and_organisations_limit_chains() {
    let all = allow("iam:PassRole lambda:CreateFunction lambda:InvokeFunction", "*");
    let s3 = Policy::from_json(&format!(
        r#"{{"Version": "2012-10-17", "Statement": {}}}"#,
        allow("s3:*", "*")
    ))
    .unwrap();
    let bounded = WholeRole {
        boundary: Some(s3.clone()),
        ..role(&[&all])
    };
    assert!(found(&role(&[]), &bounded).is_empty());
    let organised = WholeRole {
        scps: vec![vec![s3]],
        ..role(&[&all])
    };
    assert!(found(&role(&[]), &organised).is_empty());
    let freed = found(&bounded, &role(&[&all]));
    assert!(
        freed.contains(&"critical dropped-guardrail".to_owned()),
        "{freed:?}"
    );
    assert!(
        freed.contains(&"high escalation lambda-001".to_owned()),
        "{freed:?}"
    );
    assert!(freed.contains(&"high pass-role".to_owned()), "{freed:?}");
}

#[test]
fn changing_itself_is_critical() {
    let own = allow("iam:PutRolePolicy", "arn:aws:iam::111122223333:role/app");
    assert_eq!(
        change(&[], &[&own]).first().map(String::as_str),
        Some("critical escalation iam-005")
    );
    let another = allow("iam:PutRolePolicy", "arn:aws:iam::111122223333:role/other");
    assert!(
        !change(&[], &[&another])
            .iter()
            .any(|risk| risk.starts_with("critical"))
    );
}

#[test]
fn an_administrator_is_told_once() {
    assert_eq!(change(&[], &[&allow("*", "*")]), ["critical administrator"]);
    assert_eq!(change(&[], &[&allow("iam:*", "*")]), ["critical administrator"]);
    let most = r#"{"Effect": "Allow", "NotAction": "s3:*", "Resource": "*"}"#;
    assert_eq!(change(&[], &[most]), ["critical administrator"]);
}

#[test]
fn grants_are_graded_by_what_they_can_do() {
    for (actions, resource, expected) in [
        ("dynamodb:DescribeTable", "*", "info read"),
        ("dynamodb:PutItem", "arn:aws:dynamodb:*:*:table/t", "low write"),
        ("sqs:TagQueue", "arn:aws:sqs:*:*:q", "low tagging"),
        ("s3:GetObject", "arn:aws:s3:::b/*", "medium exfiltration"),
        ("secretsmanager:GetSecretValue", "*", "medium"),
        ("s3:PutBucketPolicy", "arn:aws:s3:::b", "high exposure"),
        ("sqs:AddPermission", "arn:aws:sqs:*:*:q", "high exposure"),
        (
            "iam:PassRole",
            "arn:aws:iam::111122223333:role/x",
            "high pass-role",
        ),
        (
            "sts:AssumeRole",
            "arn:aws:iam::111122223333:role/x",
            "high assume-role",
        ),
        ("ecr:GetAuthorizationToken", "*", "high credentials"),
    ] {
        let risks = change(&[], &[&allow(actions, resource)]);
        assert!(
            risks.iter().any(|risk| risk.starts_with(expected)),
            "{actions}: {risks:?}"
        );
    }
}

#[test]
fn tags_that_decide_make_tagging_bad() {
    let by_tag = r#"{"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*",
        "Condition": {"StringEquals": {"aws:ResourceTag/team": "red"}}}"#;
    let tag = allow("sqs:TagQueue", "*");
    assert!(change(&[by_tag], &[by_tag, &tag]).contains(&"high tagging".to_owned()));
}

#[test]
fn wider_grants_are_told() {
    let (narrow, wide) = (
        allow("dynamodb:Query", "arn:aws:dynamodb:*:*:table/t"),
        allow("dynamodb:Query", "*"),
    );
    let risks = change(&[&narrow], &[&wide]);
    assert!(risks.contains(&"medium resource-widened".to_owned()), "{risks:?}");
    assert!(risks.contains(&"medium data-access".to_owned()), "{risks:?}");
    assert!(change(&[&wide], &[&narrow]).is_empty());
    let one = allow("dynamodb:Query", "arn:aws:dynamodb:*:*:table/t");
    let both = allow("dynamodb:Query", "arn:aws:dynamodb:*:*:table/*");
    assert_eq!(change(&[&both], &[&one, &both]), Vec::<String>::new());
    let service = change(&[], &[&allow("sqs:*", "arn:aws:sqs:*:*:q")]);
    assert!(
        service.contains(&"medium service-wildcard".to_owned()),
        "{service:?}"
    );
}

#[test]
fn a_condition_that_is_gone_is_told() {
    let free = allow("dynamodb:Query", "arn:aws:dynamodb:*:*:table/t");
    let held = free.replace(
        r#""Resource""#,
        r#""Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}, "Resource""#,
    );
    let risks = change(&[&held], &[&free]);
    assert!(
        risks.contains(&"medium condition-removed".to_owned()),
        "{risks:?}"
    );
    assert!(change(&[&free], &[&held]).is_empty());
}

#[test]
fn dropped_guardrails_are_told() {
    let all = allow("s3:GetObject", "*");
    let guard = deny("cloudtrail:StopLogging", "*");
    assert!(change(&[&all, &guard], &[&all]).contains(&"critical dropped-guardrail".to_owned()));
    let objects = deny("s3:DeleteObject", "arn:aws:s3:::b/*");
    assert_eq!(change(&[&all, &objects], &[&all]), ["medium dropped-guardrail"]);
    let wider = deny("cloudtrail:*", "*");
    assert!(change(&[&all, &guard], &[&all, &wider]).is_empty());
    let secret = deny("s3:GetObject", "arn:aws:s3:::secret/*");
    let freed = change(&[&all, &secret], &[&all]);
    assert!(freed.contains(&"medium exfiltration".to_owned()), "{freed:?}");
}

#[test]
fn trust_in_others_is_told() {
    let lambda = r#"{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}"#;
    let change = |old: &str, new: &str| found(&trusting(old), &trusting(new));
    assert!(change(lambda, lambda).is_empty());
    let of = |principal: &str| lambda.replace(r#"{"Service": "lambda.amazonaws.com"}"#, principal);
    for (principal, expected) in [
        (r#""*""#, "critical widened-trust"),
        (r#"{"AWS": "999988887777"}"#, "critical widened-trust"),
        (
            r#"{"AWS": "arn:aws:iam::111122223333:role/ci"}"#,
            "medium widened-trust",
        ),
        (r#"{"Service": "ec2.amazonaws.com"}"#, "low widened-trust"),
        (r#"{"Service": "sns.amazonaws.com"}"#, "medium widened-trust"),
        (
            r#"{"Federated": "arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com"}"#,
            "critical widened-trust",
        ),
    ] {
        let both = format!("{lambda}, {}", of(principal));
        assert_eq!(change(lambda, &both), [expected], "{principal}");
    }
    // As stack templates are read.
    for (principal, expected) in [
        (
            "arn:${AWS::Partition}:iam::999988887777:root",
            "critical `arn:aws:iam::999988887777:root` of another",
        ),
        (
            "arn:${AWS::Partition}:iam::999988887777:role/${AWS::StackName}-ci",
            "critical `arn:aws:iam::999988887777:role/${AWS::StackName}-ci` of another",
        ),
        (
            "arn:${AWS::Partition}:sts::999988887777:assumed-role/ci/run",
            "critical `arn:aws:sts::999988887777:assumed-role/ci/run` of another",
        ),
        (
            "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/ci",
            "medium `arn:aws:iam::${AWS::AccountId}:role/ci` of the role's own",
        ),
        (
            "${AWS::AccountId}",
            "medium `${AWS::AccountId}` of the role's own",
        ),
        (
            "arn:${AWS::Partition}:iam::${Trusted}:root",
            "high `arn:aws:iam::${Trusted}:root`, of an account that is not told",
        ),
        ("${Trusted}", "high `${Trusted}`, of an account that is not told"),
    ] {
        let mut new = trusting(&format!(
            "{lambda}, {}",
            of(&format!(r#"{{"AWS": "{principal}"}}"#))
        ));
        let mut old = trusting(lambda);
        (new.arn, old.arn) = (None, None);
        let told = |old: &WholeRole| -> Vec<String> {
            let risks = super::risks(Catalog::embedded(), Some(old), &new);
            risks
                .iter()
                .map(|risk| format!("{} {}", risk.severity.as_str(), risk.message))
                .collect()
        };
        let messages = told(&old);
        assert!(
            matches!(messages.as_slice(), [one] if one.starts_with(expected)),
            "{messages:?}"
        );
        assert_eq!(told(&new), [""; 0], "{principal}");
    }
    let tagging = lambda.replace(r#""sts:AssumeRole""#, r#"["sts:AssumeRole", "sts:TagSession"]"#);
    assert_eq!(change(lambda, &tagging), ["medium widened-trust"]);
}

#[test]
fn loosened_trust_is_told() {
    let vendor = |condition: &str| {
        format!(
            r#"{{"Effect": "Allow", "Principal": {{"AWS": "999988887777"}}, "Action": "sts:AssumeRole"{condition}}}"#
        )
    };
    let with_id = vendor(r#", "Condition": {"StringEquals": {"sts:ExternalId": "x1"}}"#);
    let risks = risks(
        Catalog::embedded(),
        Some(&trusting(&with_id)),
        &trusting(&vendor("")),
    );
    assert_eq!(risks.len(), 1);
    assert_eq!(risks[0].severity, Severity::Critical);
    assert!(risks[0].message.contains("external id"), "{}", risks[0].message);
    assert!(found(&trusting(&vendor("")), &trusting(&with_id)).is_empty());
    let github = |subject: &str| {
        format!(
            r#"{{"Effect": "Allow", "Principal": {{"Federated": "arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com"}},
            "Action": "sts:AssumeRoleWithWebIdentity", "Condition": {{
                "StringEquals": {{"token.actions.githubusercontent.com:aud": "sts.amazonaws.com"}},
                "StringLike": {{"token.actions.githubusercontent.com:sub": "{subject}"}}}}}}"#
        )
    };
    let (one, all) = (github("repo:a/b:ref:refs/heads/main"), github("repo:a/*"));
    let risks = super::risks(Catalog::embedded(), Some(&trusting(&one)), &trusting(&all));
    assert_eq!(risks.len(), 1, "{risks:?}");
    assert_eq!(risks[0].severity, Severity::Critical);
    assert!(risks[0].message.contains("subjects"), "{}", risks[0].message);
    assert!(found(&trusting(&all), &trusting(&one)).is_empty());
}

#[test]
fn a_managed_policy_that_aws_changed_is_its_own_class() {
    let arn = "arn:aws:iam::aws:policy/ReadOnlyAccess".to_owned();
    let at = |version: &str| WholeRole {
        managed: [(arn.clone(), version.to_owned())].into(),
        ..role(&[])
    };
    assert_eq!(found(&at("v1"), &at("v2")), ["info managed-version"]);
    assert!(found(&at("v1"), &at("v1")).is_empty());
}

#[test]
fn witnesses_are_allowed_by_the_new_role_only() {
    let olds = [
        vec![],
        vec![allow("s3:GetObject dynamodb:Query", "*")],
        vec![allow("iam:PassRole", "*"), deny("kms:*", "*")],
        vec![allow("*", "*"), deny("iam:*", "*")],
    ];
    let news = [
        vec![allow("s3:* lambda:*", "*")],
        vec![allow("iam:PassRole ec2:RunInstances kms:Decrypt", "*")],
        vec![r#"{"Effect": "Allow", "NotAction": "iam:*", "NotResource": "arn:aws:s3:::x/*"}"#.to_owned()],
    ];
    for old in &olds {
        for new in &news {
            let old = role(&old.iter().map(String::as_str).collect::<Vec<_>>());
            let new = role(&new.iter().map(String::as_str).collect::<Vec<_>>());
            for risk in risks(Catalog::embedded(), Some(&old), &new) {
                let Some(witness) = &risk.witness else { continue };
                if risk.kind == RiskKind::DroppedGuardrail {
                    continue;
                }
                let allowed =
                    |role: &WholeRole| search::View::of(role, &witness.action).allows(witness).is_some();
                assert!(allowed(&new) && !allowed(&old), "{risk:?}");
            }
        }
    }
}

#[test]
fn roles_with_wide_policies_of_aws_are_judged() {
    let catalog = Catalog::embedded();
    let of = |name: &str| {
        let document = catalog.managed_policy(name).unwrap().document_json;
        let statements = Policy::from_json(&document).unwrap().statements;
        let texts: Vec<String> = statements.iter().map(|own| own.to_json().to_string()).collect();
        role(&texts.iter().map(String::as_str).collect::<Vec<_>>())
    };
    for (name, path) in [
        ("AWSLambda_FullAccess", Some("lambda-001")),
        ("AmazonSageMakerFullAccess", None),
        ("PowerUserAccess", Some("lambda-003")),
    ] {
        let found = found(&role(&[]), &of(name));
        assert!(!found.is_empty(), "{name}");
        if let Some(path) = path {
            assert!(found.iter().any(|risk| risk.ends_with(path)), "{name}: {found:?}");
        }
    }
}
