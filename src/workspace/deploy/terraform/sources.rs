//! Where a called module comes from, and what is known of those that are not read.

/// Where a module comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// No call.
    None,
    /// A folder of the repository.
    Local(String),
    /// `terraform-aws-modules/lambda`, whose arguments say what it makes.
    Lambda,
    /// A module of a registry or repository that makes one resource.
    Resource(&'static Wrapper),
    /// A module that makes neither functions nor policies of roles.
    Harmless,
    /// Anything else.
    Remote(String),
}

/// A well-known module around one resource.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wrapper {
    name: &'static str,
    /// Terraform type of the resource.
    pub(super) kind: &'static str,
    /// Address of the resource in the module.
    pub(super) inner: &'static str,
    /// Outputs and the attributes they are.
    pub(super) outputs: &'static [(&'static str, &'static str)],
    /// The argument that names the resource.
    pub(super) named: &'static str,
}

/// Modules of <https://github.com/terraform-aws-modules> around one resource, from their `outputs.tf`.
const WRAPPERS: &[Wrapper] = &[
    Wrapper {
        name: "dynamodb-table",
        kind: "aws_dynamodb_table",
        inner: "aws_dynamodb_table.this[0]",
        outputs: &[
            ("dynamodb_table_arn", "arn"),
            ("dynamodb_table_id", "name"),
            ("dynamodb_table_stream_arn", "stream_arn"),
        ],
        named: "name",
    },
    Wrapper {
        name: "s3-bucket",
        kind: "aws_s3_bucket",
        inner: "aws_s3_bucket.this[0]",
        outputs: &[("s3_bucket_arn", "arn"), ("s3_bucket_id", "id")],
        named: "bucket",
    },
    Wrapper {
        name: "sqs",
        kind: "aws_sqs_queue",
        inner: "aws_sqs_queue.this[0]",
        outputs: &[
            ("queue_arn", "arn"),
            ("queue_id", "id"),
            ("queue_name", "name"),
            ("queue_url", "url"),
        ],
        named: "name",
    },
    Wrapper {
        name: "sns",
        kind: "aws_sns_topic",
        inner: "aws_sns_topic.this[0]",
        outputs: &[("topic_arn", "arn"), ("topic_id", "id"), ("topic_name", "name")],
        named: "name",
    },
    Wrapper {
        name: "kms",
        kind: "aws_kms_key",
        inner: "aws_kms_key.this[0]",
        outputs: &[("key_arn", "arn"), ("key_id", "key_id")],
        named: "",
    },
    Wrapper {
        name: "secrets-manager",
        kind: "aws_secretsmanager_secret",
        inner: "aws_secretsmanager_secret.this[0]",
        outputs: &[
            ("secret_arn", "arn"),
            ("secret_id", "id"),
            ("secret_name", "name"),
        ],
        named: "name",
    },
];

/// Modules of the same family that make networks, clusters and the like, and nothing for roles of functions.
const HARMLESS: &[&str] = &[
    "acm",
    "alb",
    "apigateway-v2",
    "autoscaling",
    "cloudfront",
    "cloudwatch",
    "ec2-instance",
    "ecr",
    "efs",
    "elasticache",
    "elb",
    "memory-db",
    "msk-kafka-cluster",
    "opensearch",
    "rds",
    "rds-aurora",
    "redshift",
    "route53",
    "security-group",
    "ssm-parameter",
    "transit-gateway",
    "vpc",
    "vpn-gateway",
    "wafv2",
];

/// What a `source` argument says.
pub(super) fn source_of(text: &str) -> Source {
    if text.starts_with("./") || text.starts_with("../") || text == "." || text == ".." {
        return Source::Local(text.to_owned());
    }
    let Some(name) = family_name(text) else {
        return Source::Remote(text.to_owned());
    };
    if name == "lambda" {
        return Source::Lambda;
    }
    if let Some(wrapper) = WRAPPERS.iter().find(|wrapper| wrapper.name == name) {
        return Source::Resource(wrapper);
    }
    if HARMLESS.contains(&name) {
        return Source::Harmless;
    }
    Source::Remote(text.to_owned())
}

/// The name of a module of the family, from its address in a registry or its repository. Modules inside a module
/// (`//modules/…`) are others.
fn family_name(text: &str) -> Option<&str> {
    let text = text.split('?').next().unwrap_or(text);
    if let Some((_, rest)) = text.split_once("terraform-aws-modules/terraform-aws-") {
        let name = rest.trim_end_matches('/').trim_end_matches(".git");
        return (!name.contains('/')).then_some(name);
    }
    let (_, rest) = text.split_once("terraform-aws-modules/")?;
    let name = rest.strip_suffix("/aws")?;
    (!name.contains('/')).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_are_known_by_their_source() {
        for (text, expected) in [
            ("terraform-aws-modules/lambda/aws", Source::Lambda),
            (
                "registry.terraform.io/terraform-aws-modules/lambda/aws",
                Source::Lambda,
            ),
            (
                "git::https://github.com/terraform-aws-modules/terraform-aws-lambda.git?ref=v8.1.0",
                Source::Lambda,
            ),
            ("terraform-aws-modules/vpc/aws", Source::Harmless),
            ("./modules/fn", Source::Local("./modules/fn".to_owned())),
            (
                "terraform-aws-modules/lambda/aws//modules/alias",
                Source::Remote("terraform-aws-modules/lambda/aws//modules/alias".to_owned()),
            ),
        ] {
            assert_eq!(source_of(text), expected, "{text}");
        }
    }
}
