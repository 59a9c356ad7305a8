//! Plain data of a Rust file after parsing: what the resolver, the inference and the values need, and nothing else.
//!
//! `syn` types can neither leave their thread nor be kept in bulk, so that each file is lowered to these types right
//! after parsing. Every node keeps the place it comes from, through macro expansion too.

use std::sync::Arc;

use thin_vec::{ThinVec, thin_vec};

/// An identifier.
pub type Name = Arc<str>;

/// A place: index of the file, 1-based line and column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// Index into the table of files.
    pub file: u32,
    /// 1-based line.
    pub line: u32,
    /// 1-based column in characters.
    pub column: u32,
}

/// Index of an expression in its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExprId(pub u32);

/// Index of a pattern in its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PatId(pub u32);

/// A path, in a type, an expression or a pattern.
#[derive(Clone, Debug, Default)]
pub struct Path {
    /// Leading `::`.
    pub global: bool,
    /// `<T as Trait>::…`: the type, and how many segments belong to the trait.
    pub qself: Option<(Box<TypeRef>, usize)>,
    /// The segments.
    pub segments: ThinVec<Segment>,
}

/// One segment of a path.
#[derive(Clone, Debug)]
pub struct Segment {
    /// The identifier (raw identifiers without `r#`).
    pub name: Name,
    /// Type arguments.
    pub args: ThinVec<TypeRef>,
    /// `Item = T` bindings; `Fn(A) -> R` gives `Output = R`.
    pub bindings: ThinVec<(Name, TypeRef)>,
}

impl Path {
    /// A path of one plain segment.
    pub fn single(name: &Name) -> Self {
        Self {
            segments: thin_vec![Segment {
                name: name.clone(),
                args: ThinVec::new(),
                bindings: ThinVec::new(),
            }],
            ..Self::default()
        }
    }

    /// Whether the path is this one name.
    pub fn is_single(&self, name: &str) -> bool {
        matches!(self.segments.as_slice(), [only] if &*only.name == name)
    }

    /// The identifier, if the path is one plain identifier.
    pub fn as_name(&self) -> Option<&Name> {
        match self.segments.as_slice() {
            [only] if self.qself.is_none() && !self.global && only.args.is_empty() => Some(&only.name),
            _ => None,
        }
    }

    /// The last identifier.
    pub fn last_name(&self) -> &str {
        self.segments.last().map_or("", |last| &last.name)
    }
}

/// A type as written.
#[derive(Clone, Debug)]
pub enum TypeRef {
    /// A path with arguments.
    Path(Path),
    /// A reference, pointer, slice or array: erased to its element.
    Inner(Box<TypeRef>),
    /// A tuple.
    Tuple(ThinVec<TypeRef>),
    /// A function pointer, with what it returns.
    Fn(Box<TypeRef>),
    /// `dyn A + B`.
    Dyn(ThinVec<Path>),
    /// `impl A + B`.
    Impl(ThinVec<Path>),
    /// `_`, `!`, macros and everything else.
    Unknown,
}

/// A generic parameter and its bounds (inline and `where`).
#[derive(Clone, Debug)]
pub struct GenericParam {
    /// Its name.
    pub name: Name,
    /// Its trait bounds.
    pub bounds: ThinVec<Path>,
}

/// A token of a macro invocation or definition.
#[derive(Clone, Debug)]
pub enum Tok {
    /// Identifier, as written.
    Ident(Name, Span),
    /// Punctuation character; `true` if glued to the next.
    Punct(char, bool, Span),
    /// Literal text as written.
    Literal(Name, Span),
    /// `(…)`, `[…]`, `{…}`; `' '` for an invisible group.
    Group(char, Vec<Tok>, Span),
}

impl Tok {
    /// Where the token stands.
    pub fn span(&self) -> Span {
        match self {
            Self::Ident(_, span)
            | Self::Punct(_, _, span)
            | Self::Literal(_, span)
            | Self::Group(_, _, span) => *span,
        }
    }
}

/// An invocation of a macro, not yet expanded.
#[derive(Clone, Debug)]
pub struct MacroCall {
    /// The macro's path.
    pub path: Path,
    /// Its input.
    pub tokens: Arc<Vec<Tok>>,
    /// Where it is invoked.
    pub span: Span,
}

/// An expression.
#[derive(Clone, Debug)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Where; for method calls the method's name.
    pub span: Span,
}

/// The kinds of expressions.
#[derive(Clone, Debug)]
pub enum ExprKind {
    /// A string literal (byte strings too).
    Str(Name),
    /// `true`, `false`, a number or a character, as written.
    Lit(Name),
    /// A path: local variable, constant, fn, unit struct.
    Path(Path),
    /// `callee(args)`.
    Call {
        /// What is called.
        callee: ExprId,
        /// Arguments.
        args: ThinVec<ExprId>,
    },
    /// `receiver.method::<T>(args)`.
    Method {
        /// Receiver.
        receiver: ExprId,
        /// Name.
        method: Name,
        /// Type arguments.
        turbofish: ThinVec<TypeRef>,
        /// Arguments.
        args: ThinVec<ExprId>,
    },
    /// `base.name`, also tuple fields.
    Field {
        /// Value.
        base: ExprId,
        /// Field name or index.
        name: Name,
    },
    /// `Path { fields, ..base }`.
    Struct {
        /// The type or variant.
        path: Path,
        /// Fields.
        fields: ThinVec<(Name, ExprId)>,
        /// `..base`.
        base: Option<ExprId>,
    },
    /// A tuple.
    Tuple(ThinVec<ExprId>),
    /// An array or `vec![]`.
    Array(ThinVec<ExprId>),
    /// A closure.
    Closure {
        /// Parameters.
        params: ThinVec<(PatId, Option<TypeRef>)>,
        /// Written return type.
        ret: Option<Box<TypeRef>>,
        /// Body.
        body: ExprId,
    },
    /// A block, async block, unsafe block.
    Block {
        /// Statements.
        stmts: ThinVec<Stmt>,
        /// Value.
        tail: Option<ExprId>,
        /// What kind of block.
        kind: BlockKind,
    },
    /// `if`.
    If {
        /// Condition.
        cond: ExprId,
        /// Block.
        then: ExprId,
        /// Else block.
        els: Option<ExprId>,
    },
    /// `let pat = expr` in a condition.
    Let {
        /// Pattern.
        pat: PatId,
        /// Value.
        expr: ExprId,
    },
    /// `match`.
    Match {
        /// What is matched.
        scrutinee: ExprId,
        /// Arms: pattern, guard, value.
        arms: ThinVec<(PatId, Option<ExprId>, ExprId)>,
    },
    /// `loop` and `while`.
    Loop {
        /// `while` condition.
        cond: Option<ExprId>,
        /// Body.
        body: ExprId,
    },
    /// `for`.
    For {
        /// Pattern.
        pat: PatId,
        /// Iterated value.
        iter: ExprId,
        /// Body.
        body: ExprId,
    },
    /// `left = right`; `true` for compound operators such as `+=`.
    Assign {
        /// Place.
        left: ExprId,
        /// Value.
        right: ExprId,
        /// `+=` and the like.
        compound: bool,
    },
    /// `left + right`.
    Add(ExprId, ExprId),
    /// `left == right`; `false` for `!=`.
    Equal(ExprId, ExprId, bool),
    /// Any other operator, range …: a value that is neither a client nor a text.
    Opaque(ThinVec<ExprId>),
    /// `return`.
    Return(Option<ExprId>),
    /// `break`.
    Break(Option<ExprId>),
    /// `continue` and macros that never return.
    Never(ThinVec<ExprId>),
    /// `&x`, `*x`, `x?`, `x.await`, `(x)`: the same value to us.
    Same(ExprId),
    /// `x as T`.
    Cast(ExprId, Box<TypeRef>),
    /// `base[index]`.
    Index(ExprId, ExprId),
    /// `format!`: text pieces and holes in order.
    Format(ThinVec<FormatPiece>),
    /// `env!`, `option_env!`.
    CompileEnv(Name),
    /// A macro to expand.
    Macro(Box<MacroCall>),
    /// Several readings of macro tokens: every one is walked, none is the value for sure.
    AnyOf(ThinVec<ExprId>),
    /// Nothing usable.
    Missing,
}

/// Kinds of blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockKind {
    /// `{ … }`, `unsafe { … }`.
    Plain,
    /// `async { … }`: its `return`s are its own.
    Async,
    /// Statements of an expanded macro: no scope of their own, because macros may define variables for their caller.
    Splice,
}

/// One piece of a `format!`.
#[derive(Clone, Debug)]
pub enum FormatPiece {
    /// Literal text.
    Text(Name),
    /// A value shown without a changing format (`{}`, `{:?}` is not one).
    Value(ExprId),
    /// A value shown in some other form.
    Shown(ExprId),
}

/// A statement.
#[derive(Clone, Debug)]
pub enum Stmt {
    /// `let pat: ty = init else { … };`
    Let {
        /// Pattern.
        pat: PatId,
        /// Written type.
        ty: Option<TypeRef>,
        /// Initialiser.
        init: Option<ExprId>,
        /// `else` block.
        els: Option<ExprId>,
    },
    /// An expression.
    Expr(ExprId),
}

/// A pattern.
#[derive(Clone, Debug)]
pub enum Pat {
    /// A binding, with what follows `@`.
    Bind(Name, Option<PatId>),
    /// `Path(a, b)`; positions counted with `..` taken into account where possible (`None` behind a rest).
    TupleStruct(Path, ThinVec<(Option<usize>, PatId)>),
    /// `Path { field: pat }`.
    Struct(Path, ThinVec<(Name, PatId)>),
    /// `(a, b)`.
    Tuple(ThinVec<(Option<usize>, PatId)>),
    /// `[a, b]`.
    Slice(ThinVec<PatId>),
    /// `a | b`.
    Or(ThinVec<PatId>),
    /// `&p`, `(p)`, `p: T`.
    Same(PatId, Option<Box<TypeRef>>),
    /// `_`.
    Any,
    /// A text.
    Text(Name),
    /// Constants, other literals and everything else that binds nothing.
    Wild,
}

/// The body of a fn, constant or closure-free initialiser.
#[derive(Clone, Debug)]
pub struct Body {
    /// Expressions.
    pub exprs: Vec<Expr>,
    /// Patterns.
    pub pats: Vec<Pat>,
    /// Parameters in order; `self` is a binding called `self`.
    pub params: Vec<PatId>,
    /// The value.
    pub root: ExprId,
    /// Whether macros are left to expand.
    pub has_macros: bool,
    /// What `&mut` is taken of.
    pub mut_refs: Vec<ExprId>,
}

const MISSING_EXPR: &Expr = &Expr {
    kind: ExprKind::Missing,
    span: Span {
        file: 0,
        line: 0,
        column: 0,
    },
};
const WILD: &Pat = &Pat::Wild;

impl Body {
    /// The expression `id`.
    pub fn expr(&self, id: ExprId) -> &Expr {
        self.exprs.get(id.0 as usize).unwrap_or(MISSING_EXPR)
    }

    /// The pattern `id`.
    pub fn pat(&self, id: PatId) -> &Pat {
        self.pats.get(id.0 as usize).unwrap_or(WILD)
    }

    /// The expression behind references, `?`, `.await` and parentheses.
    pub fn peel(&self, mut id: ExprId) -> ExprId {
        while let ExprKind::Same(inner) = self.expr(id).kind {
            id = inner;
        }
        id
    }
}

/// The path of the struct literal that a JSON object in `json!` is read as: no type can have this name.
pub const JSON_OBJECT: &str = "json!";

/// Which attributes decide something.
#[derive(Clone, Debug, Default)]
pub struct Attrs {
    /// An attribute macro that we do not know may call what it stands on.
    pub unknown_macro: bool,
    /// Whether that macro only registers the type: it calls none of its methods (`#[typetag::serde]`).
    pub registers: bool,
    /// `#[serde(untagged)]`.
    pub serde_untagged: bool,
    /// Names in `#[derive(…)]` (last segments).
    pub derives: Vec<Name>,
    /// `#[deref]` on a field: the one that a derived `Deref` gives.
    pub derefs: bool,
    /// `#[macro_export]`, `#[macro_use]`.
    pub macro_export: bool,
    /// `#[serde(rename = "…")]`.
    pub serde_rename: Option<Name>,
    /// `#[serde(rename_all = "…")]`.
    pub serde_rename_all: Option<Name>,
    /// `#[serde(flatten)]`.
    pub serde_flatten: bool,
    /// Something of `#[serde(…)]` that takes the value from elsewhere than the name alone says (`alias`, `with`,
    /// `from`, `skip`).
    pub serde_own: bool,
    /// `#[arg(env = "X")]`, `#[clap(env)]` (the latter gives an empty text).
    pub clap_env: Option<Name>,
    /// The fn that `#[serde(default = "…")]` names.
    pub serde_default: Option<Name>,
    /// `default_value = "…"` of clap, `default` of others.
    pub default_value: Option<Name>,
    /// `#[no_mangle]` and the like do not matter; `#[path = "…"]`.
    pub path: Option<Name>,
}

/// An item.
#[derive(Clone, Debug)]
pub struct Item {
    /// Name; empty for impls and uses.
    pub name: Name,
    /// Where its name stands.
    pub span: Span,
    /// Its attributes.
    pub attrs: Attrs,
    /// What it is.
    pub kind: ItemKind,
}

/// The kinds of items.
#[derive(Clone, Debug)]
pub enum ItemKind {
    /// A fn.
    Fn(Arc<FnItem>),
    /// A const or static; the value is a fn without parameters.
    Const(Arc<FnItem>),
    /// A struct or union: generics, fields.
    Struct(Vec<GenericParam>, Vec<FieldDef>, bool),
    /// An enum: generics, variants.
    Enum(Vec<GenericParam>, Vec<VariantDef>),
    /// A trait.
    Trait(Arc<TraitItem>),
    /// An impl.
    Impl(Arc<ImplItem>),
    /// `type A<T> = B;`
    Alias(Vec<GenericParam>, TypeRef),
    /// A module; `None` if it is another file.
    Mod(Option<Vec<Item>>),
    /// One leaf of a `use`: path, name it gets, whether `*`.
    Use {
        /// Path.
        path: Path,
        /// Local name (`_` for none).
        alias: Name,
        /// Glob import.
        glob: bool,
    },
    /// `extern crate a as b`.
    ExternCrate(Name),
    /// `macro_rules!`.
    MacroRules(Arc<Vec<Tok>>),
    /// An item macro to expand.
    Macro(MacroCall),
    /// `include!`: the items of the file with this path, relative to the including file.
    Include(Name),
}

/// A field of a struct or variant.
#[derive(Clone, Debug)]
pub struct FieldDef {
    /// Name or index.
    pub name: Name,
    /// Type.
    pub ty: TypeRef,
    /// Attributes.
    pub attrs: Attrs,
}

/// A variant of an enum.
#[derive(Clone, Debug)]
pub struct VariantDef {
    /// Name.
    pub name: Name,
    /// Fields.
    pub fields: Vec<FieldDef>,
}

/// A fn, or the initialiser of a constant.
#[derive(Clone, Debug)]
pub struct FnItem {
    /// Its name.
    pub name: Name,
    /// Where its name stands.
    pub span: Span,
    /// Generic parameters.
    pub generics: Vec<GenericParam>,
    /// Whether it takes `self`.
    pub has_self: bool,
    /// Types of the parameters, `self` included (as `Self`).
    pub param_types: Vec<TypeRef>,
    /// Return type.
    pub ret: Option<TypeRef>,
    /// Body; `None` in traits without default.
    pub body: Option<Arc<Body>>,
    /// Items written inside the body.
    pub items: Vec<Item>,
    /// Attributes.
    pub attrs: Attrs,
    /// The line of its closing bracket; 0 where that is not written.
    pub end_line: u32,
}

/// A trait.
#[derive(Clone, Debug)]
pub struct TraitItem {
    /// Generic parameters.
    pub generics: Vec<GenericParam>,
    /// Supertraits.
    pub supertraits: ThinVec<Path>,
    /// Methods and associated fns.
    pub fns: Vec<Arc<FnItem>>,
    /// Associated consts with a default, as fns.
    pub consts: Vec<Arc<FnItem>>,
    /// Associated types with their bounds.
    pub types: Vec<(Name, ThinVec<Path>)>,
}

/// An impl.
#[derive(Clone, Debug)]
pub struct ImplItem {
    /// Generic parameters.
    pub generics: Vec<GenericParam>,
    /// The trait.
    pub of_trait: Option<Path>,
    /// The type.
    pub self_ty: TypeRef,
    /// Methods and associated fns.
    pub fns: Vec<Arc<FnItem>>,
    /// Associated consts.
    pub consts: Vec<Arc<FnItem>>,
    /// Associated types.
    pub types: Vec<(Name, TypeRef)>,
    /// Item macros inside.
    pub macros: Vec<MacroCall>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_are_small() {
        let bytes = (size_of::<Expr>(), size_of::<Pat>(), size_of::<Segment>());
        assert_eq!(bytes, (64, 48, 32));
    }
}
