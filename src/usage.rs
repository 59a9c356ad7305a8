//! What a reader reports: which operation is used, on which resource as far as the evidence tells, and how we know.

use std::collections::BTreeMap;
use std::fmt;

use crate::iam::action::Action;
use crate::iam::arn::ArnPattern;
use crate::iam::policy::Conditions;

/// A place in a file. Paths are relative to the scanned root and use `/`; line and column are 1-based.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Location {
    /// Path relative to the scanned root, with `/`.
    pub file: String,
    /// 1-based line.
    pub line: u32,
    /// 1-based column, counted in characters.
    pub column: u32,
}

impl Location {
    /// A place in `file`.
    pub fn new(file: impl Into<String>, line: u32, column: u32) -> Self {
        Self {
            file: file.into(),
            line,
            column,
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// An API operation: the suffix of its SDK crate and the API name, written `dynamodb.PutItem`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OperationId {
    /// The SDK crate's name without `aws-sdk-`, such as `dynamodb` or `eventbridge`.
    pub service: String,
    /// The API's name, such as `PutItem`.
    pub name: String,
}

impl OperationId {
    /// The operation `name` of the SDK crate `aws-sdk-<service>`.
    pub fn new(service: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            service: service.into(),
            name: name.into(),
        }
    }

    /// Reads `service.Name`.
    pub fn parse(text: &str) -> Option<Self> {
        let (service, name) = text.split_once('.')?;
        (!service.is_empty() && !name.is_empty()).then(|| Self::new(service, name))
    }
}

impl fmt::Display for OperationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.service, self.name)
    }
}

/// One piece of a text whose parts may be known only at run time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Piece {
    /// Text written in the code.
    Literal(String),
    /// The value of an environment variable; `default` is what the code uses when it is not set.
    Env {
        /// Name of the variable.
        variable: String,
        /// The literal the code falls back to, if it has one.
        default: Option<String>,
    },
    /// A member of the JSON that an environment variable holds.
    EnvMember {
        /// Name of the variable.
        variable: String,
        /// Keys and list positions from the outermost value inwards; at least one.
        path: Vec<String>,
        /// The literal that the code has there when the variable is not set, if any.
        default: Option<String>,
        /// The literal that the code falls back to when the JSON has no such member, if any.
        absent: Option<String>,
    },
    /// A field of the payload that triggered the function, such as `s3.bucket.name`.
    Event {
        /// Dotted path in the payload, as far as it is known.
        path: String,
    },
    /// Not known; the reason says why, in words for the reader.
    Hole(String),
}

/// What the evidence says of a value that names a resource: pieces in order, `orders-` + `$STAGE` for instance.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceHint {
    /// The pieces; neighbouring literals are joined. None at all means [`ResourceHint::unset`].
    pub pieces: Vec<Piece>,
    /// Where the value comes from in the code (the `env::var` call, the literal), for `explain`.
    pub origin: Option<Location>,
}

impl ResourceHint {
    /// A value written in the code.
    pub fn literal(text: impl Into<String>) -> Self {
        Self {
            pieces: vec![Piece::Literal(text.into())],
            origin: None,
        }
    }

    /// The value of an environment variable.
    pub fn env(variable: impl Into<String>) -> Self {
        Self {
            pieces: vec![Piece::Env {
                variable: variable.into(),
                default: None,
            }],
            origin: None,
        }
    }

    /// A value nobody could settle, with the reason.
    pub fn unknown(reason: impl Into<String>) -> Self {
        Self {
            pieces: vec![Piece::Hole(reason.into())],
            origin: None,
        }
    }

    /// No value: on some path the member is not set. It stands beside the values that the member has on the others.
    pub fn unset() -> Self {
        Self {
            pieces: Vec::new(),
            origin: None,
        }
    }

    /// Whether this says that the member may not be set.
    pub fn is_unset(&self) -> bool {
        self.pieces.is_empty()
    }

    /// `literal`, `env`, `pattern`, `event` or `unknown`: the word of the JSON interface.
    pub fn kind(&self) -> &'static str {
        match self.pieces.as_slice() {
            [Piece::Literal(_)] => "literal",
            [Piece::Env { .. } | Piece::EnvMember { .. }] => "env",
            [Piece::Event { .. }] => "event",
            [Piece::Hole(_)] | [] => "unknown",
            pieces
                if pieces
                    .iter()
                    .all(|piece| matches!(piece, Piece::Hole(_) | Piece::Event { .. })) =>
            {
                "unknown"
            }
            _ => "pattern",
        }
    }

    /// The text of the JSON interface: the literal, the variable's name (`CONFIG.table` for a member of its JSON), the pattern with `*` for each part not
    /// written in the code; `None` when nothing is known.
    pub fn value(&self) -> Option<String> {
        match (self.kind(), self.pieces.as_slice()) {
            ("unknown", _) => None,
            (_, [Piece::Literal(text)]) => Some(text.clone()),
            (_, [Piece::Env { variable, .. }]) => Some(variable.clone()),
            (_, [Piece::EnvMember { variable, path, .. }]) => Some(format!("{variable}.{}", path.join("."))),
            (_, [Piece::Event { path }]) => Some(path.clone()),
            (_, pieces) => Some(
                pieces
                    .iter()
                    .map(|piece| match piece {
                        Piece::Literal(text) => text.as_str(),
                        _ => "*",
                    })
                    .collect(),
            ),
        }
    }
}

/// The inputs that are set: API member path → the values it can have.
///
/// Paths use the API's member names (`TableName`), with `.` into structures, `[]` into lists and `{}` for the keys of
/// maps: `TransactItems[].Put.TableName`, `Entries[].EventBusName`, `RequestItems{}`. A member that is set to something
/// that cannot be told has a hint of kind `unknown`. A member that is not set is not there; one that is set on some
/// paths only has a [`ResourceHint::unset`] among its hints. Booleans and enumeration
/// values appear as literals of their API spelling (`true`, `public-read`).
pub type Inputs = BTreeMap<String, Vec<ResourceHint>>;

/// How sure a reader is that the call is what it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Confidence {
    /// A guess that is never granted.
    Low,
    /// Recognised by its shape (setters and terminal fit one operation), the receiver's type is not known.
    Medium,
    /// Proved by types, or recorded.
    High,
}

impl Confidence {
    /// The confidence of a word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Low, Self::Medium, Self::High]
            .into_iter()
            .find(|confidence| confidence.as_str() == word)
    }

    /// `high`, `medium` or `low`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// One step of the call path from a function's entry to a call site: the caller and the line of its call.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Frame {
    /// Name of the Rust fn that makes the call, such as `handler` or `Store::put`.
    pub fn_name: String,
    /// Where in that fn the next step is called.
    pub location: Location,
}

/// A place in code where an SDK operation is sent.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CallSite {
    /// What is called.
    pub operation: OperationId,
    /// The SDK crate, such as `aws-sdk-dynamodb`, or the crate that wraps it.
    pub crate_name: String,
    /// The Rust method, such as `put_item`.
    pub method: String,
    /// The method's name in the call.
    pub location: Location,
    /// How the call was recognised.
    pub confidence: Confidence,
    /// Shortest call path from the entry (`main`) to the fn that holds the call; the last frame's location is the call.
    pub via: Vec<Frame>,
    /// The inputs that the code sets.
    pub inputs: Inputs,
}

/// Something a reader could not settle. Nothing is ever dropped without one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Gap {
    /// Stable code in kebab case, such as `unresolved-receiver`; each has a page in the documentation.
    pub code: &'static str,
    /// What is not known and why, in words for the reader.
    pub message: String,
    /// Where.
    pub location: Option<Location>,
    /// What the reader can do about it.
    pub hint: Option<String>,
}

impl Gap {
    /// A gap without a place.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            location: None,
            hint: None,
        }
    }

    /// The same gap, at a place.
    pub fn at(self, location: Location) -> Self {
        Self {
            location: Some(location),
            ..self
        }
    }

    /// The same gap, with advice.
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self {
            hint: Some(hint.into()),
            ..self
        }
    }
}

/// Why a grant is needed. Every grant carries at least one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Because {
    /// What kind of evidence.
    pub kind: BecauseKind,
    /// The operation, for code and trail.
    pub operation: Option<OperationId>,
    /// The place: the call, the event source in the stack template, the line of `rolefit.toml`.
    pub location: Option<Location>,
    /// One sentence for the reader: how the resource was found, which condition on the inputs applied, how often seen.
    pub note: String,
}

/// The kinds of evidence, by the words of the JSON interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BecauseKind {
    /// A call in the source.
    Code,
    /// A recorded call.
    Trail,
    /// An event source that Lambda polls with the role.
    Trigger,
    /// Something Lambda itself does with the role.
    Runtime,
    /// A policy template of the organisation.
    Template,
    /// A `[[need]]` of `rolefit.toml`.
    Config,
}

impl BecauseKind {
    /// The word of the JSON interface.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::Trail => "trail",
            Self::Trigger => "trigger",
            Self::Runtime => "runtime",
            Self::Template => "template",
            Self::Config => "config",
        }
    }
}

/// One action on one resource, and every reason for it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Grant {
    /// What is allowed.
    pub action: Action,
    /// On what.
    pub resource: ArnPattern,
    /// Under which conditions.
    pub conditions: Conditions,
    /// How sure the evidence is.
    pub confidence: Confidence,
    /// Whether the resource is exactly what the evidence names; `false` when a part is a stated widening.
    pub exact: bool,
    /// The resource with the names that the stack template gives in place of its symbols, where that is another text.
    pub spelled_out: Option<ArnPattern>,
    because: Vec<Because>,
}

impl Grant {
    /// A grant; it cannot be made without a reason.
    pub fn new(action: Action, resource: ArnPattern, confidence: Confidence, because: Because) -> Self {
        Self {
            action,
            resource,
            conditions: Conditions::new(),
            confidence,
            exact: true,
            spelled_out: None,
            because: vec![because],
        }
    }

    /// The same grant on another resource, for the same reasons.
    pub fn on(self, resource: ArnPattern) -> Self {
        Self { resource, ..self }
    }

    /// Every reason, the first being the strongest.
    pub fn because(&self) -> &[Because] {
        &self.because
    }

    /// Adds reasons that confirm the grant as it is.
    pub fn also(&mut self, because: &[Because]) {
        self.because.extend_from_slice(because);
        self.because.sort();
        self.because.dedup();
    }

    /// Takes in the reasons of an equal grant.
    pub fn merge(&mut self, other: Self) {
        self.confidence = self.confidence.max(other.confidence);
        self.exact |= other.exact;
        self.also(&other.because);
    }
}

/// One need as a reader reports it: an operation, on what, and how we know.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Usage {
    /// What is used.
    pub operation: OperationId,
    /// The inputs that are set, as far as the reader saw them.
    pub inputs: Inputs,
    /// Resources named by ARN in the evidence itself; they go before what the inputs say.
    pub arns: Vec<String>,
    /// The service that made the call with the function's credentials (forward access session), such as
    /// `s3.eu-west-1.amazonaws.com`.
    pub via_service: Option<String>,
    /// How sure the reader is.
    pub confidence: Confidence,
    /// How we know.
    pub because: Because,
}

impl From<&CallSite> for Usage {
    fn from(call: &CallSite) -> Self {
        Self {
            operation: call.operation.clone(),
            inputs: call.inputs.clone(),
            arns: Vec::new(),
            via_service: None,
            confidence: call.confidence,
            because: Because {
                kind: BecauseKind::Code,
                operation: Some(call.operation.clone()),
                location: Some(call.location.clone()),
                note: String::new(),
            },
        }
    }
}

/// What the trail saw of one grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observed {
    /// How many calls.
    pub count: u64,
    /// Whether `count` or `refused` is an estimate.
    pub estimated: bool,
    /// Time of the first, RFC 3339.
    pub first: Option<String>,
    /// Time of the last, RFC 3339.
    pub last: Option<String>,
    /// How many calls were refused for lack of permission; they are not in `count`.
    pub refused: u64,
    /// What silence would mean.
    pub coverage: Coverage,
}

impl Observed {
    /// What stands before a count in texts: `about ` where it is an estimate.
    pub fn about(&self) -> &'static str {
        if self.estimated { "about " } else { "" }
    }
}

/// Whether the trail could have shown a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Coverage {
    /// It does not record such calls: silence means nothing.
    None,
    /// It records them, but for too short a time or not everywhere.
    Partial,
    /// It would have shown every call.
    Full,
}

impl Coverage {
    /// `none`, `partial` or `full`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Partial => "partial",
            Self::Full => "full",
        }
    }
}
