//! The words of a workspace: package, binary, stack, function, trigger, role.

use std::collections::BTreeMap;

use crate::iam::policy::{Policy, Statement};
use crate::usage::{Confidence, Gap, Location};

/// A Cargo package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// `package.name`.
    pub name: String,
    /// Folder of `Cargo.toml`, relative to the scanned root with `/`; empty for the root itself.
    pub dir: String,
    /// Its binaries, sorted by name.
    pub binaries: Vec<Binary>,
}

/// A binary target.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Binary {
    /// Target name.
    pub name: String,
    /// Its root file, relative to the scanned root with `/`.
    pub entry: String,
}

/// Names one binary of one package.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BinaryId {
    /// `package.name`.
    pub package: String,
    /// Folder of the package, relative to the scanned root; tells packages of the same name apart.
    pub package_dir: String,
    /// Target name.
    pub binary: String,
    /// Its root file.
    pub entry: String,
}

/// A text of a stack template in the manner of `Fn::Sub`: `${Name}` is a parameter, pseudo parameter or resource
/// (its `Ref`), `${Name.Attr}` an attribute, `${!opaque …}` something that cannot be told offline.
pub type StackText = String;

/// One deployment description: a SAM or CloudFormation template (others map to the same model).
#[derive(Clone, Debug, Default)]
pub struct Stack {
    /// The file, relative to the scanned root.
    pub file: String,
    /// `sam`, `cloudformation`, `cdk`, `serverless`, `terraform`, or `account` for what an account has.
    pub kind: &'static str,
    /// Where it is deployed, where that is told.
    pub place: Option<Place>,
    /// Parameters and their defaults.
    pub parameters: BTreeMap<String, Option<String>>,
    /// Resources by logical id.
    pub resources: BTreeMap<String, StackResource>,
    /// Policies beside the roles that can refuse what a role allows.
    pub guards: Vec<Guard>,
}

/// A policy beside the roles that can refuse what a role allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guard {
    /// What people call it, such as ``bucket policy `FilesPolicy` ``.
    pub name: String,
    /// Which requests it has a say in.
    pub kind: GuardKind,
    /// What it says, resources and principals as symbolic ARNs.
    pub policy: Policy,
    /// Where it stands.
    pub location: Location,
    /// The condition of the stack template that decides whether it is there.
    pub condition: Option<String>,
}

/// Which requests a guard has a say in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GuardKind {
    /// Those for resources of the same account, by their symbolic ARNs: it can deny.
    Resource(Vec<String>),
    /// Those for a key of KMS, by its symbolic ARN: it must allow.
    Key(String),
    /// Those of roles that have it as their permissions boundary, by its ARN, or for `None` of those it is stated for.
    Boundary(Option<String>),
    /// Those that go through a VPC endpoint.
    Endpoint {
        /// The service, by its name in that of the endpoint; empty for any.
        service: String,
        /// The VPC, where that is told.
        vpc: Option<StackText>,
    },
    /// All of the account; the statements of one level of the organisation.
    Organisation,
}

/// Where something is deployed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Such as `aws`.
    pub partition: String,
    /// Such as `eu-west-1`.
    pub region: String,
    /// Twelve digits.
    pub account: String,
}

/// A resource of a stack, with the one symbolic ARN by which every mention of it is known.
#[derive(Clone, Debug)]
pub struct StackResource {
    /// Logical id.
    pub id: String,
    /// CloudFormation type, such as `AWS::DynamoDB::Table`.
    pub type_name: String,
    /// Where it stands.
    pub location: Location,
    /// Its ARN with the logical id in place of the physical name, such as
    /// `arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/${OrdersTable}`.
    pub arn: Option<String>,
    /// The physical name the template gives it (`TableName`, `BucketName` …), as a stack text.
    pub physical_name: Option<StackText>,
    /// What `Ref` returns.
    pub ref_returns: RefValue,
    /// Customer key that encrypts it, if the template sets one, as a symbolic ARN.
    pub kms_key: Option<String>,
}

/// What `Ref` of a resource returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefValue {
    /// Its ARN.
    Arn,
    /// Its name.
    Name,
    /// A URL (SQS queues).
    Url,
    /// An identifier that is not the name.
    Id,
}

/// A value of an environment variable, as far as the template tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvValue {
    /// The value.
    pub text: StackText,
    /// Where it is set.
    pub location: Location,
}

/// A way a function is started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trigger {
    /// `sqs`, `dynamodb-stream`, `kinesis`, `s3`, `sns`, `eventbridge`, `schedule`, `http`, … (kebab case).
    pub kind: String,
    /// Symbolic ARN of what triggers: the queue, the stream, the bucket.
    pub source: Option<String>,
    /// The source's logical id or event name, for messages.
    pub name: String,
    /// Whether Lambda polls the source with the execution role (event source mapping).
    pub polled: bool,
    /// Where failed batches go, as a symbolic ARN.
    pub on_failure: Option<String>,
    /// What polling needs beside the source, as symbolic ARNs by name: secrets by the type of access (`BASIC_AUTH`,
    /// `SERVER_ROOT_CA_CERTIFICATE`, …; `AUTH` for any that logs in), `VPC_SUBNET`, `SchemaRegistryConfig`
    /// (its address), `GlueRegistryArn`, `GlueRegistryName`, `SCHEMA_REGISTRY_AUTH`, `TopicArn`, `GroupArn`, `FailureTopicArn`, `KmsKeyArn`,
    /// `SecretsManagerKmsKeyId`.
    pub details: BTreeMap<String, Vec<String>>,
    /// Where it stands.
    pub location: Location,
}

/// Settings of the function that make Lambda itself use the execution role.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuntimeSettings {
    /// Active tracing (X-Ray), and where it is set.
    pub tracing: Option<Location>,
    /// Attached to a VPC.
    pub vpc: Option<Location>,
    /// The VPCs of its subnets, as far as the stack tells all of them.
    pub networks: Vec<StackText>,
    /// Dead-letter target: symbolic ARN.
    pub dead_letter: Option<(String, Location)>,
    /// Destinations of asynchronous invocations: symbolic ARNs.
    pub destinations: Vec<(String, Location)>,
    /// EFS access points: symbolic ARNs.
    pub file_systems: Vec<(String, Location)>,
    /// Customer key of the environment: symbolic ARN.
    pub kms_key: Option<(String, Location)>,
    /// Layer ARNs.
    pub layers: Vec<(String, Location)>,
    /// Log group, when the function names its own: a name as stack text.
    pub log_group: Option<(String, Location)>,
    /// Logical id of a log group for this function in the same stack (then `CreateLogGroup` is not needed).
    pub log_group_in_stack: Option<String>,
    /// Durable execution.
    pub durable: Option<Location>,
}

/// A Lambda function, deployed by a stack or (without any deployment description) a binary of its own.
#[derive(Clone, Debug)]
pub struct Function {
    /// Name users know: logical id, else binary name. See `name_text` for what is deployed.
    pub name: String,
    /// A longer name that tells it apart from functions of other stacks, such as a construct path of CDK; `name` is that
    /// where the short one is not unique.
    pub full_name: Option<String>,
    /// The deployed function name as a stack text, such as `put-order-${Stage}` or `${PutOrderFunction}`.
    pub deployed_name: StackText,
    /// The binary it runs, when known.
    pub binary: Option<BinaryId>,
    /// Which rule linked it, such as `sam.BuildProperties.Binary`.
    pub linked_by: Option<String>,
    /// How sure the link is.
    pub link_confidence: Confidence,
    /// Index into `Workspace::stacks`.
    pub stack: Option<usize>,
    /// Where it is declared: the stack template's resource, or the binary's root file.
    pub location: Location,
    /// `provided.al2023`, `python3.12` …; `None` when not told.
    pub runtime: Option<String>,
    /// Whether it can be a Rust binary (`provided.*` runtime, or no deployment).
    pub may_be_rust: bool,
    /// Environment variables.
    pub env: BTreeMap<String, EnvValue>,
    /// What starts it.
    pub triggers: Vec<Trigger>,
    /// What Lambda does with its role on its own.
    pub runtime_settings: RuntimeSettings,
    /// The execution role it has today.
    pub role: Option<Role>,
    /// What the deployment says of its code; the evidence that links it to a binary.
    pub code: CodeClue,
}

/// What a deployment says of a function's code.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CodeClue {
    /// Folder or file of the code, relative to the scanned root with `/` (empty for the root itself); `None` when it lies
    /// in a bucket or registry, or is not told.
    pub path: Option<String>,
    /// `Metadata.BuildProperties.Binary` of SAM.
    pub binary: Option<String>,
    /// `Metadata.BuildMethod` of SAM; `serverless-rust` or `handler` where a handler names the binary.
    pub build_method: Option<String>,
    /// Folder of the Cargo package, relative to the scanned root, where the deployment names it (`manifestPath` of CDK).
    pub package_dir: Option<String>,
    /// The binary whose built file has the same bytes as the artefact, and how that was seen.
    pub built_binary: Option<(BinaryId, &'static str)>,
    /// The binary that the rule `build-<logical id>` of the Makefile builds or copies.
    pub makefile_binary: Option<String>,
    /// Hash of the deployed package, as Lambda tells it (SHA-256 in Base64).
    pub sha256: Option<String>,
    /// The handler, as `_HANDLER` tells it to the program.
    pub handler: Option<String>,
}

/// An execution role as it is today.
#[derive(Clone, Debug)]
pub struct Role {
    /// Logical id or name.
    pub id: String,
    /// The file that defines it.
    pub origin: String,
    /// Where it is defined.
    pub location: Location,
    /// Names of other functions that have the same role.
    pub shared_with: Vec<String>,
    /// Every statement it carries, with its origin.
    pub statements: Vec<RoleStatement>,
    /// Symbolic ARN or name of the permissions boundary.
    pub boundary: Option<String>,
    /// Who may assume it, where that is written; a role that a framework makes lets Lambda alone assume it.
    pub trust: Option<RoleTrust>,
}

/// The trust policy of a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleTrust {
    /// What it says.
    pub policy: Policy,
    /// Where it stands.
    pub location: Location,
}

/// A statement of a role and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleStatement {
    /// The statement, its resources as symbolic ARNs.
    pub statement: Statement,
    /// Where it comes from.
    pub origin: GrantOrigin,
}

/// What put a statement into a role.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct GrantOrigin {
    /// `inline`, `managed-policy`, `sam-policy-template`, `sam-connector`, `sam-injected`, `serverless-injected`.
    pub kind: &'static str,
    /// Name of the policy, policy template or connector.
    pub name: String,
    /// The line to edit.
    pub location: Location,
    /// For what SAM adds by itself: the property that makes it, such as `Tracing`.
    pub injected_by: Option<String>,
    /// A CloudFormation condition that decides whether the statement is there; unknown means it may be absent.
    pub condition: Option<String>,
}

/// Everything found under the scanned root.
#[derive(Clone, Debug, Default)]
pub struct Workspace {
    /// Cargo packages, sorted by folder.
    pub packages: Vec<Package>,
    /// Deployment descriptions, sorted by file.
    pub stacks: Vec<Stack>,
    /// Functions: the deployed ones in the order of their stacks, then binaries that nothing deploys.
    pub functions: Vec<Function>,
    /// What could not be settled.
    pub gaps: Vec<Gap>,
}
