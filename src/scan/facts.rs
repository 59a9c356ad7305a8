//! What is known of one fn after inference: types, calls, SDK sites, constructed types, where variables get values.

use std::collections::BTreeSet;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::usage::ResourceHint;

use super::ir::{Body, ExprId, Name, Span};
use super::types::Ty;
use super::world::{AdtId, FnId, ParamId, SdkId, TraitId};

/// What a call or mention goes to.
#[derive(Clone, Debug, PartialEq)]
pub enum Callee {
    /// This fn.
    Fn(FnId),
    /// A method of a trait, on whatever types reachable code constructs.
    Virtual(TraitId, Name),
    /// Something outside the scanned code.
    External(Arc<[Name]>),
    /// Something in an SDK crate: the type and the associated fn.
    Sdk(Ty, Name),
    /// A method of this name with so many arguments on a receiver nobody knows: never granted from.
    Weak(Name, usize),
    /// A tuple struct or variant constructor.
    Constructor(AdtId, u32),
}

/// A call or mention inside a fn.
#[derive(Clone, Debug)]
pub struct Edge {
    /// Where it goes.
    pub callee: Callee,
    /// Where it stands.
    pub span: Span,
    /// The expression.
    pub expr: ExprId,
    /// The generic parameter that is the receiver's type, for methods of traits.
    pub on: Option<ParamId>,
}

/// How a site was recognised.
#[derive(Clone, Debug, PartialEq)]
pub enum SiteKind {
    /// The receiver's type is known.
    Typed,
    /// The chain of setters fits one operation only.
    Fingerprint,
    /// The client is known, its crate or this operation is not in the catalogue.
    NotInCatalogue,
    /// A constructor of a library that calls AWS by itself.
    Library,
    /// A `// rolefit:` comment says so, with these members.
    Declared(Vec<(Name, ResourceHint)>),
    /// A request to the Parameters and Secrets extension.
    Extension,
}

/// A place where an operation is called.
#[derive(Clone, Debug)]
pub struct Site {
    /// The expression.
    pub expr: ExprId,
    /// The method's name.
    pub span: Span,
    /// The SDK crate.
    pub sdk: SdkId,
    /// The operation's method.
    pub operation: Name,
    /// The method as written (a waiter's, for instance).
    pub method: Name,
    /// How it was recognised.
    pub kind: SiteKind,
    /// The crate that calls it, where that is not the code that is read.
    pub library: Option<Name>,
    /// Inputs given by other means than setters: API member, value.
    pub given: Vec<(Name, ExprId)>,
}

/// A step from a value to a part of it.
#[derive(Clone, Debug, PartialEq)]
pub enum Proj {
    /// Position in a tuple.
    Tuple(usize),
    /// A field of a struct.
    Field(Name),
    /// A field of a variant of one of our enums.
    Variant(AdtId, u32, Name),
}

/// Where a variable gets a value from.
#[derive(Clone, Debug)]
pub enum Source {
    /// A parameter of the fn.
    Param(usize, Vec<Proj>),
    /// An expression.
    Expr(ExprId, Vec<Proj>),
    /// A parameter of a closure.
    ClosureParam(ExprId, usize, Vec<Proj>),
    /// `push`, `insert`, `extend`: one more element.
    Element(Vec<ExprId>),
    /// `entry`: one more key of a map.
    Entry(ExprId),
    /// `push_str`: more text behind; `true` if it surely happens, once.
    Appended(ExprId, bool),
    /// Something that other code writes into it.
    Filled,
}

/// A local variable.
#[derive(Clone, Debug)]
pub struct Local {
    /// Type.
    pub ty: Ty,
    /// Values.
    pub sources: Vec<Source>,
    /// How many scopes are open where it is bound.
    pub depth: usize,
}

/// A value handed to a call.
#[derive(Clone, Copy, Debug)]
pub struct Passed {
    /// The call or method call.
    pub call: ExprId,
    /// Position among the arguments.
    pub index: usize,
}

/// A gap found inside a fn.
#[derive(Clone, Debug)]
pub struct LocalGap {
    /// Code.
    pub code: &'static str,
    /// Where.
    pub span: Span,
    /// Message.
    pub message: String,
    /// Advice.
    pub hint: Option<&'static str>,
}

/// Everything known of one fn.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Its body.
    pub body: Option<Arc<Body>>,
    /// Type of each expression.
    pub types: Vec<Ty>,
    /// Variables.
    pub locals: Vec<Local>,
    /// Which variable a path expression names.
    pub local_of: FxHashMap<ExprId, u32>,
    /// What calls and paths go to.
    pub targets: FxHashMap<ExprId, Vec<Callee>>,
    /// Calls and mentions, in order.
    pub edges: Vec<Edge>,
    /// What calls and constructors put in the place of generic parameters.
    pub actuals: Vec<(ParamId, Ty)>,
    /// Fns that are taken as values.
    pub fn_values: Vec<FnId>,
    /// SDK calls.
    pub sites: Vec<Site>,
    /// Struct and variant literals.
    pub literals: Vec<(AdtId, u32, ExprId)>,
    /// Types constructed.
    pub constructed: BTreeSet<AdtId>,
    /// Types named.
    pub mentioned: BTreeSet<AdtId>,
    /// Assignments to fields.
    pub assigns: Vec<(AdtId, Name, ExprId)>,
    /// Assignments to a field of this name on values of unknown type.
    pub loose_assigns: Vec<(Name, ExprId)>,
    /// Fields that other code writes into.
    pub filled_fields: Vec<(AdtId, Name)>,
    /// Values put into statics: `TABLE.set(x)`.
    pub static_values: Vec<(FnId, ExprId)>,
    /// Values the fn returns, apart from its last expression.
    pub returns: Vec<ExprId>,
    /// Values that closures and async blocks return early.
    pub inner_returns: FxHashMap<ExprId, Vec<ExprId>>,
    /// Method calls on builders that set a member.
    pub setters: Vec<ExprId>,
    /// Inputs that wrapper crates are given for their later calls: crate, member, value.
    pub wrapper_sets: Vec<(Name, Name, ExprId)>,
    /// The method called on an expression, seen through `?` and `.await`.
    pub next: FxHashMap<ExprId, ExprId>,
    /// Arguments: the call they go to.
    pub passed: FxHashMap<ExprId, Passed>,
    /// Gaps.
    pub gaps: Vec<LocalGap>,
}

impl Facts {
    /// The type of an expression.
    pub fn ty(&self, id: ExprId) -> &Ty {
        const UNKNOWN: &Ty = &Ty::Unknown;
        self.types.get(id.0 as usize).unwrap_or(UNKNOWN)
    }

    /// What a call or path goes to.
    pub fn targets(&self, id: ExprId) -> &[Callee] {
        self.targets.get(&id).map_or(&[], Vec::as_slice)
    }

    /// The variable behind a path expression.
    pub fn local(&self, id: ExprId) -> Option<&Local> {
        self.locals.get(*self.local_of.get(&id)? as usize)
    }
}
