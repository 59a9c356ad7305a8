//! Every key of `rolefit.toml`: what it is for, what its values look like. From this one list come the checks, the JSON
//! schema, the page in the documentation and what `rolefit init` writes.

/// What the values of a key look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `true` or `false`.
    Flag,
    /// A whole number, not negative.
    Count,
    /// A text that is not empty.
    Text,
    /// A text that may be empty; whether it is, is judged elsewhere.
    AnyText,
    /// A list of texts.
    Texts,
    /// A table of texts.
    TextTable,
    /// A length of time in days, such as `14d`.
    Days,
    /// A date, such as `2027-03-31`.
    Date,
    /// One of a few words.
    Choice(&'static [&'static str]),
    /// A list of such words.
    Choices(&'static [&'static str]),
    /// The id of a rule.
    Rule,
    /// A list of rule ids with `*` at the end for several and `!` in front to leave out.
    RuleGlobs,
    /// A table of rule id → level.
    RuleLevels,
    /// An operation, such as `dynamodb.PutItem`.
    Operation,
    /// The twelve digits of an account.
    Account,
}

/// A key of a section.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// What its values look like.
    pub form: Form,
    /// Whether a section without it is incomplete.
    pub required: bool,
    /// What it is for, one or two sentences.
    pub doc: &'static str,
    /// A value as it is written.
    pub example: &'static str,
}

/// A section: a table, or one table for each of many things.
#[derive(Clone, Copy, Debug)]
pub struct Section {
    /// Its name.
    pub name: &'static str,
    /// Whether it is written `[[name]]` and may stand many times.
    pub repeated: bool,
    /// What it is for.
    pub doc: &'static str,
    /// Its keys, in the order of the documentation.
    pub keys: &'static [Key],
}

/// The words of severities, least first.
pub const SEVERITIES: &[&str] = &["info", "low", "medium", "high", "critical"];
/// The words of confidences, least first.
pub const CONFIDENCES: &[&str] = &["low", "medium", "high"];
/// The condition keys that needs can be limited by.
pub const CONDITIONS: &[&str] = &["s3:prefix"];
/// Condition keys that one would expect among them, and why they are not.
pub const NO_CONDITIONS: &[(&str, &str)] = &[(
    "dynamodb:LeadingKeys",
    "the code's key values are not known before it runs, and `ForAllValues` lets calls without keys (`Scan`) pass all \
     the same; write the condition into the role by hand, it is then compared like any other",
)];
/// The words of levels, least first.
pub const LEVELS: &[&str] = &["note", "warning", "error"];

const fn key(name: &'static str, form: Form, example: &'static str, doc: &'static str) -> Key {
    Key {
        name,
        form,
        required: false,
        doc,
        example,
    }
}

const fn required(name: &'static str, form: Form, example: &'static str, doc: &'static str) -> Key {
    Key {
        name,
        form,
        required: true,
        doc,
        example,
    }
}

/// Every section, in the order of the documentation. Beside them stands `version = 1`.
pub const SECTIONS: &[Section] = &[
    Section {
        name: "workspace",
        repeated: false,
        doc: "What belongs to the project. Paths here and everywhere are relative to this file.",
        keys: &[
            key(
                "manifest",
                Form::Text,
                "\"app/Cargo.toml\"",
                "Only binaries of packages in or below the folder of this manifest are functions. Code that they use \
                 from elsewhere is still read.",
            ),
            key(
                "templates",
                Form::Texts,
                "[\"iam/templates\"]",
                "Folders with policy templates of your own. They take the place of built-in ones by id, and a later \
                 folder goes before an earlier one.",
            ),
            key(
                "registry_sources",
                Form::Flag,
                "false",
                "Whether the source of crates that wrap AWS is read, too: from Cargo's home folder, or from `vendor`, in \
                 the versions of `Cargo.lock`.",
            ),
        ],
    },
    Section {
        name: "source",
        repeated: true,
        doc: "Where functions and their roles are defined. Without any, every stack template that is found counts; with \
              one, only those that are named.",
        keys: &[
            required(
                "path",
                Form::Text,
                "\"template.yaml\"",
                "The stack template, or a folder with some.",
            ),
            key(
                "kind",
                Form::Choice(&["sam", "cfn", "cdk", "serverless", "terraform", "aws-dump"]),
                "\"sam\"",
                "What it has to be; anything else found there is an error. An `aws-dump`, what the AWS CLI tells of the \
                 account, is read beside whatever else counts.",
            ),
            key(
                "parameters",
                Form::TextTable,
                "{ Stage = \"prod\" }",
                "Values of the stack's parameters, in place of their defaults, to recognise resources by name.",
            ),
            key(
                "parameters_from",
                Form::Text,
                "\"samconfig.toml#prod\"",
                "A file with values of parameters: `samconfig.toml#ENVIRONMENT`, or CloudFormation's JSON list of \
                 `ParameterKey` and `ParameterValue`. What `parameters` says goes before it.",
            ),
        ],
    },
    Section {
        name: "scan",
        repeated: false,
        doc: "With which Cargo features the code is read.",
        keys: &[
            key(
                "features",
                Form::Texts,
                "[\"tracing\"]",
                "Features to switch on in every package that has them.",
            ),
            key(
                "all_features",
                Form::Flag,
                "false",
                "Whether code behind any feature counts.",
            ),
            key(
                "no_default_features",
                Form::Flag,
                "false",
                "Whether default features are off.",
            ),
        ],
    },
    Section {
        name: "observe",
        repeated: false,
        doc: "What CloudTrail recorded.",
        keys: &[
            key(
                "usage",
                Form::Text,
                "\"trail\"",
                "CloudTrail objects to read when the command line names none with `--usage`.",
            ),
            key(
                "min_days",
                Form::Count,
                "30",
                "A trail that spans fewer days is reported (RF060). It is also the time without activity after which a \
                 function counts as unused (RF007).",
            ),
            key(
                "max_age",
                Form::Days,
                "\"14d\"",
                "A trail whose last event is older is reported (RF060).",
            ),
            key(
                "data_events",
                Form::Texts,
                "[\"s3\", \"dynamodb\"]",
                "Services whose data events the trail is meant to record; one of which it holds none is reported \
                 (RF060).",
            ),
        ],
    },
    Section {
        name: "synthesis",
        repeated: false,
        doc: "How the needed policy is made.",
        keys: &[
            key(
                "need",
                Form::Choice(&["code-or-observed", "code", "observed", "code-and-observed"]),
                "\"code-or-observed\"",
                "Which evidence makes a need: what the code can call or the trail has seen (the default); the code \
                 alone; the trail alone; or only what both show. The last leaves a call of the code out only where the \
                 trail records such calls. What is left out is reported (RF005, RF006). What Lambda itself needs and \
                 what `[[need]]` states always counts.",
            ),
            key(
                "resources",
                Form::Choice(&["exact", "type"]),
                "\"exact\"",
                "Whether a need is on the resource that the evidence names, or on every resource of its type in the \
                 account: less exact, for a first pass.",
            ),
            key(
                "allow_list_bucket_for_404",
                Form::Flag,
                "false",
                "Whether a function that reads objects also needs `s3:ListBucket` on the bucket: without it, S3 answers \
                 403 instead of 404 for an object that is not there. Off unless asked for, since with it the function may \
                 also read the names of all objects of the bucket.",
            ),
            key(
                "conditions",
                Form::Choices(CONDITIONS),
                "[\"s3:prefix\"]",
                "Conditions that limit a need further where every call of the code meets them: `s3:prefix`, to which \
                 beginnings of keys listing a bucket is limited. Where a call does not set it to something known, the \
                 condition is left out, with the reason (RF044). None unless asked for.",
            ),
            key(
                "attach",
                Form::Choice(&["inline", "managed"]),
                "\"inline\"",
                "How the policy will be attached, which decides how long it may be (RF050): inline, 10,240 characters, \
                 or managed, 6,144.",
            ),
        ],
    },
    Section {
        name: "check",
        repeated: false,
        doc: "When `rolefit check` fails.",
        keys: &[
            key(
                "fail_on",
                Form::RuleGlobs,
                "[\"RF004\", \"RF01*\", \"RF02*\", \"RF032\", \"RF09*\"]",
                "Rules whose findings fail the check: ids, `RF01*` for several, `!RF022` to leave one out. Findings of \
                 the level `note` never fail it. This list is the default.",
            ),
            key(
                "min_severity",
                Form::Choice(SEVERITIES),
                "\"medium\"",
                "Findings that are less bad do not fail the check. The default is `info`: any.",
            ),
            key(
                "min_confidence",
                Form::Choice(CONFIDENCES),
                "\"medium\"",
                "Findings that are less sure do not fail the check. The default is `low`: any.",
            ),
            key(
                "levels",
                Form::RuleLevels,
                "{ RF001 = \"error\", RF030 = \"note\" }",
                "The level at which findings of a rule are reported, in place of its own.",
            ),
            key(
                "lockfile",
                Form::Text,
                "\"rolefit.lock\"",
                "Where the approved grants are written.",
            ),
            key(
                "strict",
                Form::Flag,
                "false",
                "Whether a check that could not settle everything fails with exit code 4.",
            ),
        ],
    },
    Section {
        name: "function",
        repeated: true,
        doc: "What is particular about one function.",
        keys: &[
            required(
                "name",
                Form::Text,
                "\"PutOrderFunction\"",
                "Its logical id or deployed name.",
            ),
            key(
                "bin",
                Form::Text,
                "\"put-order\"",
                "The binary that it runs, or `package/binary`, where that is not clear.",
            ),
            key(
                "features",
                Form::Texts,
                "[\"tracing\"]",
                "Cargo features that its binary is built with, beside those of `[scan]`.",
            ),
        ],
    },
    Section {
        name: "need",
        repeated: true,
        doc: "Something that a function does and no reader can see.",
        keys: &[
            required(
                "function",
                Form::Text,
                "\"PutOrderFunction\"",
                "Its name; `*` stands for any text.",
            ),
            required("operation", Form::Operation, "\"s3.GetObject\"", "What it calls."),
            key(
                "resource",
                Form::Text,
                "\"arn:aws:s3:::labels/*\"",
                "On what: an ARN, or `${LogicalId}` of a resource of the stack.",
            ),
            key(
                "account",
                Form::Account,
                "\"444455556666\"",
                "The account that owns the resource, where its ARN does not tell: a bucket's. Another account's side is \
                 then told (RF043).",
            ),
            required("reason", Form::Text, "\"called by the layer\"", "Why."),
        ],
    },
    Section {
        name: "guard",
        repeated: true,
        doc: "A policy beside the roles that no stack template shows. A need that it refuses is reported (RF013).",
        keys: &[
            required(
                "path",
                Form::Text,
                "\"org/workloads\"",
                "The policy as JSON, or what `aws organizations describe-policy` prints of it; or a folder with all that \
                 are attached at one place.",
            ),
            required(
                "kind",
                Form::Choice(&["scp", "boundary", "vpc-endpoint"]),
                "\"scp\"",
                "What it is: the service control policies of one level of the organisation, of which a level without any \
                 `Allow` allows everything else; a permissions boundary; the policy of a VPC endpoint, for functions in \
                 a VPC.",
            ),
            key(
                "function",
                Form::Text,
                "\"Put*\"",
                "The functions it is for, by name; `*` stands for any text. All, unless it is said.",
            ),
            key(
                "service",
                Form::Text,
                "\"s3\"",
                "The service of a VPC endpoint, as its name ends. All, unless it is said.",
            ),
        ],
    },
    Section {
        name: "ignore",
        repeated: true,
        doc: "A waiver: findings that are accepted. It covers what all its keys fit.",
        keys: &[
            required("rule", Form::Rule, "\"RF003\"", "The rule."),
            key(
                "function",
                Form::Text,
                "\"get-*\"",
                "The function; `*` stands for any text.",
            ),
            key(
                "action",
                Form::Text,
                "\"ssm:DescribeParameters\"",
                "The action; wildcards as in policies. A finding about several actions is covered when each fits.",
            ),
            key(
                "resource",
                Form::Text,
                "\"*table/${OrdersTable}\"",
                "The resource as the report shows it; `*` stands for any text.",
            ),
            required(
                "reason",
                Form::AnyText,
                "\"the action takes no resource\"",
                "Why it is accepted. A waiver with an empty reason is an error (RF092).",
            ),
            key(
                "expires",
                Form::Date,
                "2027-03-31",
                "The last day on which it holds (RF091).",
            ),
            key(
                "owner",
                Form::Text,
                "\"@acme/platform\"",
                "Whom to ask; shown with the finding.",
            ),
        ],
    },
];

/// The section of a name.
pub fn section(name: &str) -> Option<&'static Section> {
    SECTIONS.iter().find(|section| section.name == name)
}
