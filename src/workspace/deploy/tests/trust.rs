//! Who may assume a role, as stack templates and Terraform files say it.

use super::*;

const FUNCTION: &str = "Resources:
  F:
    Type: AWS::Lambda::Function
    Properties: {Runtime: provided.al2023, Role: !GetAtt R.Arn}
  R:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
";

/// The trust policy of the role `R` with this document, as JSON.
fn trust(document: &str) -> (Option<String>, Vec<String>) {
    let read = read_yaml(&format!("{FUNCTION}{document}"));
    let found = role(&read, "F").trust.clone();
    (
        found.map(|trust| format!("{} {}", trust.location.line, trust.policy.to_json_compact())),
        gaps(&read),
    )
}

#[test]
fn a_trust_policy_is_read_with_its_line() {
    let (trust, gaps) = trust(
        "        Version: 2012-10-17
        Statement:
          - Effect: Allow
            Principal: {Service: [!Sub 'lambda.${AWS::URLSuffix}', states.amazonaws.com]}
            Action: sts:AssumeRole
",
    );
    assert_eq!(
        trust.unwrap(),
        r#"9 {"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":["lambda.amazonaws.com","states.amazonaws.com"]},"Action":"sts:AssumeRole"}]}"#
    );
    assert!(gaps.is_empty(), "{gaps:?}");
}

#[test]
fn whatever_a_condition_may_let_in_counts() {
    let (trust, _) = trust(
        "        Statement:
          - Effect: Allow
            Principal: !If [Dev, {AWS: '123456789012'}, {Service: lambda.amazonaws.com}]
            Action: sts:AssumeRole
",
    );
    let trust = trust.unwrap();
    assert!(
        trust.contains("123456789012") && trust.contains("lambda.amazonaws.com"),
        "{trust}"
    );
}

#[test]
fn a_trust_policy_that_cannot_be_read_is_a_gap() {
    for document in ["        Statement: {Effect: Allow}\n", "        !Ref Document\n"] {
        let (trust, gaps) = trust(document);
        assert_eq!(trust, None, "{document}");
        assert!(
            gaps.iter().any(|gap| gap.starts_with("unreadable-trust-policy")),
            "{gaps:?}"
        );
    }
}

#[test]
fn terraform_says_it_as_text_or_as_a_document() {
    let read = |assume: &str| {
        let text = format!(
            r#"
resource "aws_lambda_function" "f" {{
  function_name = "f"
  runtime       = "provided.al2023"
  role          = aws_iam_role.f.arn
}}
data "aws_iam_policy_document" "assume" {{
  statement {{
    actions = ["sts:AssumeRole"]
    principals {{
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }}
  }}
}}
resource "aws_iam_role" "f" {{
  assume_role_policy = {assume}
}}
"#
        );
        let read = read_texts(&[("main.tf", &text)]);
        let role = read.functions[0].role.clone().unwrap();
        role.trust.map(|trust| trust.policy.to_json_compact())
    };
    let expected = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
    let statement =
        r#"Effect = "Allow", Principal = { Service = "lambda.amazonaws.com" }, Action = "sts:AssumeRole""#;
    for assume in [
        "data.aws_iam_policy_document.assume.json".to_owned(),
        format!("jsonencode({{ Version = \"2012-10-17\", Statement = [{{ {statement} }}] }})"),
    ] {
        assert_eq!(read(&assume).as_deref(), Some(expected), "{assume}");
    }
}
