//! Who else may be the role: principals that a trust policy lets in beyond Lambda, or beyond those that were approved.

use super::rules::{self, Level};
use super::{Finding, Place};
use crate::catalog::Catalog;
use crate::diff::risk::{self, RiskKind, Severity, WholeRole};
use crate::iam::policy::{Policy, PolicyKind, Principals};
use crate::workspace::model::{Function, Role};

/// What a function's role has to say, and what frameworks write when they make it. The second service runs functions at
/// the edge. <https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/lambda-edge-permissions.html>
const LAMBDA_ALONE: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":["lambda.amazonaws.com","edgelambda.amazonaws.com"]},"Action":"sts:AssumeRole"}]}"#;

/// Whether a trust policy names nobody but Lambda.
pub fn is_lambda_alone(trust: &Policy) -> bool {
    let of_lambda = |name: &String| {
        let name = name.replace("${AWS::URLSuffix}", "amazonaws.com");
        name == "lambda.amazonaws.com" || name == "edgelambda.amazonaws.com"
    };
    trust
        .statements
        .iter()
        .all(|statement| match &statement.principals {
            Some(Principals::Only(set)) => set
                .iter()
                .all(|(kind, names)| kind == "Service" && names.iter().all(of_lambda)),
            Some(Principals::AllExcept(_)) | None => false,
        })
}

/// What was approved of who may be the role.
#[derive(Clone, Copy, Debug, Default)]
pub enum ApprovedTrust<'a> {
    /// Neither a lock nor a base: nothing was approved, but nobody was asked either.
    #[default]
    NotAsked,
    /// This; Lambda alone when nothing is stated.
    Policy(Option<&'a Policy>),
}

/// One finding for each kind of principal that may be the role and was not approved.
pub fn findings(
    catalog: &Catalog,
    function: &Function,
    role: &Role,
    approved: ApprovedTrust<'_>,
) -> Vec<Finding> {
    let Some(trust) = &role.trust else {
        return Vec::new();
    };
    if is_lambda_alone(&trust.policy) {
        return Vec::new();
    }
    let before = match approved {
        ApprovedTrust::Policy(Some(policy)) => Some(policy.clone()),
        _ => Policy::read(LAMBDA_ALONE, PolicyKind::Trust).ok(),
    };
    let arn = WholeRole::of(catalog, role).arn;
    let side = |trust: Option<Policy>| WholeRole {
        arn: arn.clone(),
        trust,
        ..WholeRole::default()
    };
    let (old, new) = (side(before), side(Some(trust.policy.clone())));
    let risks = risk::risks(catalog, Some(&old), &new);
    risks
        .into_iter()
        .filter(|risk| risk.kind == RiskKind::WidenedTrust)
        .map(|risk| {
            let message = format!(
                "the role of `{}` lets more than Lambda in: {}",
                function.name, risk.message
            );
            let mut finding = Finding::new(&rules::WIDENED_TRUST, Some(&function.name), message);
            finding.level = match (risk.severity, approved) {
                (Severity::Critical | Severity::High, _) => Level::Error,
                (_, ApprovedTrust::Policy(_)) => Level::Warning,
                (_, ApprovedTrust::NotAsked) => Level::Note,
            };
            finding.severity = Some(risk.severity);
            finding.weight = risk.severity;
            finding.actions = risk.actions;
            finding.places.push(Place {
                location: trust.location.clone(),
                label: format!("who may assume role `{}`", role.id),
            });
            finding.help = Some(match approved {
                ApprovedTrust::Policy(_) => format!(
                    "{}; or approve it with `rolefit lock {}`",
                    risk.fix, function.name
                ),
                ApprovedTrust::NotAsked => {
                    "let `lambda.amazonaws.com` alone assume it, and give the others a role of \
                                            their own"
                        .to_owned()
                }
            });
            finding
        })
        .collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::workspace::deploy;

    /// `level severity` of every finding of a role with these principals, against what was approved.
    fn judged(principals: &str, approved: Option<&str>) -> Vec<String> {
        let template = format!(
            "Resources:\n  F:\n    Type: AWS::Lambda::Function\n    Properties:\n      Runtime: provided.al2023\n      Role: \
             !GetAtt R.Arn\n  R:\n    Type: AWS::IAM::Role\n    Properties:\n      AssumeRolePolicyDocument:\n        \
             Version: '2012-10-17'\n        Statement:\n          - Effect: Allow\n            Principal: {principals}\n            \
             Action: sts:AssumeRole\n"
        );
        let read = deploy::read_text("template.yaml", &template, &|_| None);
        let function = read.functions.first().unwrap();
        let policy = approved.map(|principals| {
            let text = format!(
                r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Principal":{principals},"Action":"sts:AssumeRole"}}}}"#
            );
            Policy::read(&text, PolicyKind::Trust).unwrap()
        });
        let approved = match &policy {
            Some(policy) => ApprovedTrust::Policy(Some(policy)),
            None => ApprovedTrust::NotAsked,
        };
        let role = function.role.as_ref().unwrap();
        findings(Catalog::embedded(), function, role, approved)
            .iter()
            .map(|finding| format!("{} {}", finding.level, finding.severity.unwrap().as_str()))
            .collect()
    }

    #[test]
    fn lambda_alone_is_no_finding() {
        assert!(judged("{Service: lambda.amazonaws.com}", None).is_empty());
        assert!(
            judged(
                "{Service: [lambda.amazonaws.com, edgelambda.amazonaws.com]}",
                None
            )
            .is_empty()
        );
    }

    #[test]
    fn strangers_are_errors_and_other_services_are_notes() {
        assert_eq!(judged("'*'", None), ["error critical"]);
        assert_eq!(judged("{AWS: '210987654321'}", None), ["error critical"]);
        assert_eq!(
            judged("{Service: [lambda.amazonaws.com, states.amazonaws.com]}", None),
            ["note medium"]
        );
    }

    #[test]
    fn what_was_approved_is_no_finding_and_the_rest_is() {
        let approved = r#"{"Service":["lambda.amazonaws.com","states.amazonaws.com"]}"#;
        assert!(
            judged(
                "{Service: [lambda.amazonaws.com, states.amazonaws.com]}",
                Some(approved)
            )
            .is_empty()
        );
        assert_eq!(
            judged(
                "{Service: [lambda.amazonaws.com, states.amazonaws.com, ec2.amazonaws.com]}",
                Some(approved)
            ),
            ["warning low"]
        );
    }
}
