//! The table of `docs/catalogue.md` that says how the actions of each operation are known, for the services that
//! serverless code uses most; and that none of their operations is unresolved without a reason.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use rolefit::catalog::{Catalog, Provenance};

/// Services and the SDK crates that speak to them.
const SERVICES: [(&str, &[&str]); 43] = [
    ("S3", &["s3"]),
    ("DynamoDB and its streams", &["dynamodb", "dynamodbstreams"]),
    ("SQS", &["sqs"]),
    ("SNS", &["sns"]),
    ("EventBridge", &["eventbridge"]),
    ("EventBridge Scheduler", &["scheduler"]),
    ("EventBridge Pipes", &["pipes"]),
    ("Lambda", &["lambda"]),
    ("Step Functions", &["sfn"]),
    ("Kinesis", &["kinesis"]),
    ("Firehose", &["firehose"]),
    ("Secrets Manager", &["secretsmanager"]),
    ("Systems Manager", &["ssm"]),
    ("KMS", &["kms"]),
    ("STS", &["sts"]),
    ("IAM", &["iam"]),
    ("CloudWatch", &["cloudwatch"]),
    ("CloudWatch Logs", &["cloudwatchlogs"]),
    ("X-Ray", &["xray"]),
    ("Cognito", &["cognitoidentity", "cognitoidentityprovider"]),
    ("SES", &["ses", "sesv2"]),
    ("API Gateway management", &["apigatewaymanagement"]),
    ("AppConfig", &["appconfig", "appconfigdata"]),
    ("AppSync", &["appsync"]),
    ("Athena", &["athena"]),
    ("Glue", &["glue"]),
    (
        "Bedrock",
        &["bedrock", "bedrockagent", "bedrockagentruntime", "bedrockruntime"],
    ),
    ("Rekognition", &["rekognition"]),
    ("Textract", &["textract"]),
    ("Transcribe", &["transcribe", "transcribestreaming"]),
    ("Comprehend", &["comprehend"]),
    ("Translate", &["translate"]),
    ("Polly", &["polly"]),
    ("ECS", &["ecs"]),
    ("ECR", &["ecr"]),
    ("EC2", &["ec2"]),
    ("RDS Data", &["rdsdata"]),
    ("Redshift Data", &["redshiftdata"]),
    ("Timestream", &["timestreamquery", "timestreamwrite"]),
    ("Location", &["location"]),
    ("OpenSearch", &["opensearch"]),
    ("IoT data", &["iotdataplane"]),
    ("all services", &[]),
];

const DOCUMENT: &str = "docs/catalogue.md";
const START: &str =
    "<!-- coverage: written by `UPDATE_COVERAGE=1 cargo test --no-default-features --test it coverage` -->\n";
const END: &str = "<!-- end of coverage -->\n";
/// Operations that nothing resolves, and why.
const UNRESOLVED: &str = "policy-templates/operations/_unresolved.toml";

#[derive(Default)]
struct Counts {
    operations: usize,
    same_name: usize,
    by_hand: usize,
    rule: usize,
    unsigned: usize,
    unresolved: usize,
}

impl Counts {
    fn of(suffixes: &[&str]) -> Self {
        let catalog = Catalog::embedded();
        let mut counts = Self::default();
        let services = catalog
            .services()
            .filter(|service| suffixes.is_empty() || suffixes.contains(&service.suffix()));
        for operation in services.flat_map(|service| service.operations()) {
            counts.operations += 1;
            *match catalog.provenance(operation) {
                Provenance::SameName => &mut counts.same_name,
                Provenance::Overlay => &mut counts.by_hand,
                Provenance::VerbRule | Provenance::Link | Provenance::Prose | Provenance::Likeness => {
                    &mut counts.rule
                }
                Provenance::Unsigned => &mut counts.unsigned,
                Provenance::Unresolved => &mut counts.unresolved,
            } += 1;
        }
        counts
    }
}

fn table() -> String {
    let mut out = String::from(
        "| service | crates | operations | same name | by hand | other rules | unsigned | unresolved |\n\
         | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |\n",
    );
    for (title, suffixes) in SERVICES {
        let counts = Counts::of(suffixes);
        let crates: Vec<String> = suffixes.iter().map(|suffix| format!("`{suffix}`")).collect();
        let _ = writeln!(
            out,
            "| {title} | {} | {} | {} | {} | {} | {} | {} |",
            crates.join(", "),
            counts.operations,
            counts.same_name,
            counts.by_hand,
            counts.rule,
            counts.unsigned,
            counts.unresolved
        );
    }
    out
}

#[test]
fn the_table_of_coverage_is_up_to_date() {
    let document = std::fs::read_to_string(DOCUMENT).unwrap();
    let (before, rest) = document.split_once(START).expect("the table's first line");
    let (kept, after) = rest.split_once(END).expect("the line after the table");
    let made = table();
    if std::env::var_os("UPDATE_COVERAGE").is_some() {
        std::fs::write(DOCUMENT, format!("{before}{START}{made}{END}{after}")).unwrap();
        return;
    }
    assert!(
        kept == made,
        "the table in {DOCUMENT} is stale; renew it with\n\
         UPDATE_COVERAGE=1 cargo test --no-default-features --test it coverage\n{made}"
    );
}

#[test]
fn no_operation_is_unresolved_without_a_reason() {
    let catalog = Catalog::embedded();
    let text = std::fs::read_to_string(UNRESOLVED).unwrap();
    let file: BTreeMap<String, Vec<BTreeMap<String, String>>> = toml::from_str(&text).unwrap();
    let named: BTreeSet<String> = file
        .values()
        .flatten()
        .map(|row| {
            assert!(!row["reason"].is_empty(), "{row:?}");
            row["operation"].clone()
        })
        .collect();
    let found: BTreeSet<String> = SERVICES
        .iter()
        .flat_map(|(_, suffixes)| *suffixes)
        .flat_map(|suffix| catalog.service(suffix).expect(suffix).operations())
        .filter(|operation| catalog.provenance(*operation) == Provenance::Unresolved)
        .map(|operation| operation.id().to_string())
        .collect();
    let unnamed: Vec<_> = found.difference(&named).collect();
    assert!(
        unnamed.is_empty(),
        "nothing says which action they need; say so in {UNRESOLVED}: {unnamed:#?}"
    );
    let settled: Vec<String> = named
        .difference(&found)
        .map(|name| format!("\"{name}\""))
        .collect();
    if std::env::var_os("UPDATE_COVERAGE").is_some() {
        let open = |row: &&str| !settled.iter().any(|name| row.contains(name));
        let kept: Vec<&str> = text.trim_end().split("\n\n").filter(open).collect();
        std::fs::write(UNRESOLVED, kept.join("\n\n") + "\n").unwrap();
        return;
    }
    assert!(
        settled.is_empty(),
        "they are resolved, or gone; take them out of {UNRESOLVED} (or set UPDATE_COVERAGE=1): {settled:#?}"
    );
}
