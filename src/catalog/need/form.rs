//! The forms in which inputs name resources.

/// How the text of an input names a resource, or one part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Form {
    /// The value of the variable as it is.
    Name,
    /// The value of the variable, or the whole ARN.
    NameOrArn,
    /// A name, or an ARN of which only the name counts: what stands after its last `/` or `:`.
    NameInArn,
    /// The whole ARN.
    Arn,
    /// The whole ARN, or a name that does not tell it.
    OnlyArn,
    /// The ARN of a version or alias; the resource is what stands before its last `:`.
    QualifiedArn,
    /// The ARN of an execution, or the ARN of its state machine with `:*` after it: every execution of that one.
    Execution,
    /// An account's id, or the ARN of something in the account.
    Account,
    /// The ARN of an IAM role, or its name with path.
    Role,
    /// An S3 bucket's name, or the ARN or alias of an access point.
    Bucket,
    /// An S3 object's key. Where it is not known, every object of the bucket.
    ObjectKey,
    /// The bucket in S3's `bucket/key?versionId=…` (percent-encoded), or an access point's ARN before `/object/`.
    CopySourceBucket,
    /// The key in S3's `bucket/key?versionId=…` (percent-encoded).
    CopySourceKey,
    /// The bucket in `s3://bucket/key`.
    S3UriBucket,
    /// The key in `s3://bucket/key`.
    S3UriKey,
    /// Every key that starts like the one in `s3://bucket/prefix`, or every key of `s3://bucket`.
    S3UriPrefix,
    /// The beginning of an object's key: every key that starts so. Where it is not known, every object of the bucket.
    KeyPrefix,
    /// An id that the service made up (seven lower-case letters and digits), or a name that does not tell it.
    MadeUpId,
    /// A queue's URL: the last part of its path is the name, the part before it the account.
    QueueUrl,
    /// A secret's name or ARN. The ARN of a secret ends in a hyphen and six characters that the name does not tell:
    /// `-??????` in a policy.
    Secret,
    /// A parameter's name or ARN, perhaps with a version or label after a colon, which is no part of the resource. The
    /// ARN has no slash between `parameter` and a name that starts with one.
    Parameter,
    /// A parameter path such as `/app/prod/`: what the resource of [`Form::Parameter`] would be; a slash at the end stays.
    ParameterPath,
    /// The secret behind a parameter called `/aws/reference/secretsmanager/…`.
    ReferencedSecret,
    /// A KMS key's id or ARN, or an alias (`alias/…`) or its ARN. An alias is no resource of key operations: the key's
    /// ARN, or every key with a condition on `kms:ResourceAliases`.
    Key,
    /// A KMS alias with its prefix `alias/`, which the ARN's format has too.
    KeyAlias,
    /// A Lambda function: name, `name:qualifier`, partial ARN (`account:function:name`) or ARN.
    Function,
    /// A Lambda layer: name, or ARN without version.
    Layer,
    /// The ARN of a version of a Lambda layer.
    LayerVersion,
    /// A log group's name or ARN (with or without `:*`).
    LogGroup,
    /// A model's id or ARN.
    Model,
    /// The id of an inference profile, `us.anthropic.claude-…`: the model's id is what stands after the first dot.
    ProfileModel,
    /// An id that only exists at run time, such as a connection's. Where it is not known, every one.
    RunTimeId,
    /// The table that a PartiQL statement names.
    StatementTable,
    /// The index that a PartiQL statement names (`"table"."index"`).
    StatementIndex,
}

/// The forms and their names in the files.
const NAMES: [(&str, Form); 34] = [
    ("name", Form::Name),
    ("name-or-arn", Form::NameOrArn),
    ("name-in-arn", Form::NameInArn),
    ("arn", Form::Arn),
    ("only-arn", Form::OnlyArn),
    ("qualified-arn", Form::QualifiedArn),
    ("execution", Form::Execution),
    ("account", Form::Account),
    ("role", Form::Role),
    ("bucket", Form::Bucket),
    ("object-key", Form::ObjectKey),
    ("copy-source-bucket", Form::CopySourceBucket),
    ("copy-source-key", Form::CopySourceKey),
    ("s3-uri-bucket", Form::S3UriBucket),
    ("s3-uri-key", Form::S3UriKey),
    ("s3-uri-prefix", Form::S3UriPrefix),
    ("key-prefix", Form::KeyPrefix),
    ("made-up-id", Form::MadeUpId),
    ("queue-url", Form::QueueUrl),
    ("secret", Form::Secret),
    ("parameter", Form::Parameter),
    ("parameter-path", Form::ParameterPath),
    ("referenced-secret", Form::ReferencedSecret),
    ("key", Form::Key),
    ("key-alias", Form::KeyAlias),
    ("function", Form::Function),
    ("layer", Form::Layer),
    ("layer-version", Form::LayerVersion),
    ("log-group", Form::LogGroup),
    ("model", Form::Model),
    ("profile-model", Form::ProfileModel),
    ("run-time-id", Form::RunTimeId),
    ("statement-table", Form::StatementTable),
    ("statement-index", Form::StatementIndex),
];

impl Form {
    /// The form with this name in the files.
    pub(super) fn parse(name: &str) -> Option<Self> {
        NAMES
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, form)| *form)
    }

    /// Its name in the files and in machine interfaces, such as `name-or-arn`.
    pub fn as_str(self) -> &'static str {
        NAMES
            .iter()
            .find(|(_, form)| *form == self)
            .map_or("name", |(name, _)| name)
    }
}
