//! From `syn` to plain data: expressions, statements, patterns, types and paths.

use thin_vec::{ThinVec, thin_vec};

use super::ir::{BlockKind, ExprId, ExprKind, ItemKind, Pat, PatId, Path, Segment, Span, Stmt, TypeRef};
use super::lower::Lowerer;

impl Lowerer<'_> {
    /// Lowers an expression into the current body.
    pub(super) fn expr(&mut self, expr: &syn::Expr) -> ExprId {
        let (kind, span) = self.expr_kind(expr);
        self.push_expr(kind, span)
    }

    fn exprs<'e>(&mut self, exprs: impl IntoIterator<Item = &'e syn::Expr>) -> ThinVec<ExprId> {
        exprs.into_iter().map(|expr| self.expr(expr)).collect()
    }

    fn expr_kind(&mut self, expr: &syn::Expr) -> (ExprKind, Span) {
        use syn::Expr;
        let kind = match expr {
            Expr::Lit(lit) => return self.literal(&lit.lit),
            Expr::Path(path) => {
                let span = path.path.segments.last().map(|s| s.ident.span());
                let kind = ExprKind::Path(self.path(&path.path, path.qself.as_ref()));
                return (kind, span.map(|s| self.span(s)).unwrap_or_default());
            }
            Expr::Call(call) => {
                let callee = self.expr(&call.func);
                let args = self.exprs(&call.args);
                let span = self.body.exprs.get(callee.0 as usize).map(|e| e.span);
                return (ExprKind::Call { callee, args }, span.unwrap_or_default());
            }
            Expr::MethodCall(call) => return self.method_call(call),
            Expr::Field(field) => {
                let base = self.expr(&field.base);
                let (name, span) = self.member(&field.member);
                return (ExprKind::Field { base, name }, span);
            }
            Expr::Struct(expr) => self.struct_expr(expr),
            Expr::Tuple(tuple) => ExprKind::Tuple(self.exprs(&tuple.elems)),
            Expr::Array(array) => ExprKind::Array(self.exprs(&array.elems)),
            Expr::Repeat(repeat) => ExprKind::Array(thin_vec![self.expr(&repeat.expr)]),
            Expr::Closure(closure) => self.closure(closure),
            Expr::Block(block) => return self.block_kind(&block.block, BlockKind::Plain),
            Expr::Unsafe(block) => return self.block_kind(&block.block, BlockKind::Plain),
            Expr::Const(block) => return self.block_kind(&block.block, BlockKind::Plain),
            Expr::Async(block) => return self.block_kind(&block.block, BlockKind::Async),
            Expr::TryBlock(block) => return self.block_kind(&block.block, BlockKind::Async),
            Expr::If(expr) => ExprKind::If {
                cond: self.expr(&expr.cond),
                then: self.block(&expr.then_branch, BlockKind::Plain),
                els: expr.else_branch.as_ref().map(|(_, els)| self.expr(els)),
            },
            Expr::Let(expr) => {
                let value = self.expr(&expr.expr);
                ExprKind::Let {
                    pat: self.pat(&expr.pat),
                    expr: value,
                }
            }
            Expr::Match(expr) => self.match_expr(expr),
            Expr::Loop(expr) => ExprKind::Loop {
                cond: None,
                body: self.block(&expr.body, BlockKind::Plain),
            },
            Expr::While(expr) => ExprKind::Loop {
                cond: Some(self.expr(&expr.cond)),
                body: self.block(&expr.body, BlockKind::Plain),
            },
            Expr::ForLoop(expr) => {
                let iter = self.expr(&expr.expr);
                ExprKind::For {
                    pat: self.pat(&expr.pat),
                    iter,
                    body: self.block(&expr.body, BlockKind::Plain),
                }
            }
            Expr::Assign(expr) => {
                let right = self.expr(&expr.right);
                ExprKind::Assign {
                    left: self.expr(&expr.left),
                    right,
                    compound: false,
                }
            }
            Expr::Binary(expr) => self.binary(expr),
            Expr::Return(expr) => ExprKind::Return(expr.expr.as_ref().map(|e| self.expr(e))),
            Expr::Break(expr) => ExprKind::Break(expr.expr.as_ref().map(|e| self.expr(e))),
            Expr::Continue(_) => ExprKind::Never(ThinVec::new()),
            Expr::Yield(expr) => ExprKind::Opaque(expr.expr.iter().map(|expr| self.expr(expr)).collect()),
            Expr::Reference(expr) => {
                let inner = self.expr(&expr.expr);
                if expr.mutability.is_some() {
                    self.body.mut_refs.push(inner);
                }
                ExprKind::Same(inner)
            }
            Expr::RawAddr(expr) => ExprKind::Same(self.expr(&expr.expr)),
            Expr::Paren(expr) => ExprKind::Same(self.expr(&expr.expr)),
            Expr::Group(expr) => ExprKind::Same(self.expr(&expr.expr)),
            Expr::Try(expr) => ExprKind::Same(self.expr(&expr.expr)),
            Expr::Await(expr) => ExprKind::Same(self.expr(&expr.base)),
            Expr::Unary(expr) => {
                let inner = self.expr(&expr.expr);
                if matches!(expr.op, syn::UnOp::Deref(_)) {
                    ExprKind::Same(inner)
                } else {
                    ExprKind::Opaque(thin_vec![inner])
                }
            }
            Expr::Cast(expr) => {
                let inner = self.expr(&expr.expr);
                ExprKind::Cast(inner, Box::new(self.type_ref(&expr.ty)))
            }
            Expr::Index(expr) => {
                let base = self.expr(&expr.expr);
                ExprKind::Index(base, self.expr(&expr.index))
            }
            Expr::Range(expr) => {
                let mut parts = ThinVec::new();
                for part in expr.start.iter().chain(expr.end.iter()) {
                    parts.push(self.expr(part));
                }
                ExprKind::Opaque(parts)
            }
            Expr::Macro(expr) => return self.macro_kind(&expr.mac),
            _ => ExprKind::Missing,
        };
        (kind, self.span(first_token(expr)))
    }

    fn macro_kind(&mut self, mac: &syn::Macro) -> (ExprKind, Span) {
        if let Some(kind) = self.plain_macro(mac) {
            let name = mac.path.segments.last().map(|last| last.ident.span());
            return (kind, name.map(|name| self.span(name)).unwrap_or_default());
        }
        let call = self.macro_call(mac);
        let span = call.span;
        self.body.has_macros = true;
        (ExprKind::Macro(Box::new(call)), span)
    }

    fn literal(&mut self, lit: &syn::Lit) -> (ExprKind, Span) {
        let span = self.span(lit.span());
        let kind = match lit {
            syn::Lit::Str(text) => ExprKind::Str(self.intern(&text.value())),
            syn::Lit::ByteStr(text) => ExprKind::Str(self.intern(&String::from_utf8_lossy(&text.value()))),
            syn::Lit::Bool(value) => ExprKind::Lit(self.intern(if value.value { "true" } else { "false" })),
            syn::Lit::Int(value) => ExprKind::Lit(self.intern(value.base10_digits())),
            syn::Lit::Float(value) => ExprKind::Lit(self.intern(value.base10_digits())),
            syn::Lit::Char(value) => ExprKind::Str(self.intern(&value.value().to_string())),
            _ => ExprKind::Missing,
        };
        (kind, span)
    }

    fn method_call(&mut self, call: &syn::ExprMethodCall) -> (ExprKind, Span) {
        let receiver = self.expr(&call.receiver);
        let mut turbofish = ThinVec::new();
        for arg in call.turbofish.iter().flat_map(|fish| &fish.args) {
            if let syn::GenericArgument::Type(ty) = arg {
                turbofish.push(self.type_ref(ty));
            }
        }
        let args = self.exprs(&call.args);
        let kind = ExprKind::Method {
            receiver,
            method: self.name(&call.method),
            turbofish,
            args,
        };
        (kind, self.span(call.method.span()))
    }

    fn struct_expr(&mut self, expr: &syn::ExprStruct) -> ExprKind {
        let mut fields = ThinVec::new();
        for field in &expr.fields {
            if self.keeps_part(field, &field.attrs) {
                let (name, _) = self.member(&field.member);
                let value = self.expr(&field.expr);
                fields.push((name, value));
            }
        }
        ExprKind::Struct {
            path: self.path(&expr.path, expr.qself.as_ref()),
            fields,
            base: expr.rest.as_ref().map(|rest| self.expr(rest)),
        }
    }

    fn closure(&mut self, closure: &syn::ExprClosure) -> ExprKind {
        let mut params = ThinVec::new();
        for input in &closure.inputs {
            match input {
                syn::Pat::Type(typed) => {
                    let pat = self.pat(&typed.pat);
                    let ty = self.type_ref(&typed.ty);
                    params.push((pat, Some(ty)));
                }
                pat => {
                    let pat = self.pat(pat);
                    params.push((pat, None));
                }
            }
        }
        ExprKind::Closure {
            params,
            ret: match &closure.output {
                syn::ReturnType::Default => None,
                syn::ReturnType::Type(_, ty) => Some(Box::new(self.type_ref(ty))),
            },
            body: self.expr(&closure.body),
        }
    }

    fn match_expr(&mut self, expr: &syn::ExprMatch) -> ExprKind {
        let scrutinee = self.expr(&expr.expr);
        let mut arms = ThinVec::new();
        for arm in &expr.arms {
            if !self.keeps_part(arm, &arm.attrs) {
                continue;
            }
            let (pat, guard) = match &arm.pat {
                syn::Pat::Guard(guarded) => {
                    let pat = self.pat(&guarded.pat);
                    (pat, Some(self.expr(&guarded.guard)))
                }
                pat => (self.pat(pat), None),
            };
            let body = self.expr(&arm.body);
            arms.push((pat, guard, body));
        }
        ExprKind::Match { scrutinee, arms }
    }

    fn binary(&mut self, expr: &syn::ExprBinary) -> ExprKind {
        let left = self.expr(&expr.left);
        let right = self.expr(&expr.right);
        match expr.op {
            syn::BinOp::Add(_) => ExprKind::Add(left, right),
            syn::BinOp::Eq(_) => ExprKind::Equal(left, right, true),
            syn::BinOp::Ne(_) => ExprKind::Equal(left, right, false),
            syn::BinOp::And(_) | syn::BinOp::Or(_) => ExprKind::Opaque(thin_vec![left, right]),
            syn::BinOp::AddAssign(_) => ExprKind::Assign {
                left,
                right,
                compound: true,
            },
            syn::BinOp::SubAssign(_)
            | syn::BinOp::MulAssign(_)
            | syn::BinOp::DivAssign(_)
            | syn::BinOp::RemAssign(_)
            | syn::BinOp::BitXorAssign(_)
            | syn::BinOp::BitAndAssign(_)
            | syn::BinOp::BitOrAssign(_)
            | syn::BinOp::ShlAssign(_)
            | syn::BinOp::ShrAssign(_) => {
                let span = self.span(syn::spanned::Spanned::span(&expr.op));
                let right = self.push_expr(ExprKind::Opaque(thin_vec![right]), span);
                ExprKind::Assign {
                    left,
                    right,
                    compound: false,
                }
            }
            _ => ExprKind::Opaque(thin_vec![left, right]),
        }
    }

    /// Lowers a block into the current body.
    pub(super) fn block(&mut self, block: &syn::Block, kind: BlockKind) -> ExprId {
        let (kind, span) = self.block_kind(block, kind);
        self.push_expr(kind, span)
    }

    fn block_kind(&mut self, block: &syn::Block, kind: BlockKind) -> (ExprKind, Span) {
        let span = self.span(block.brace_token.span.open());
        (self.stmts(&block.stmts, kind), span)
    }

    /// Lowers statements; the last one without `;` is the value.
    pub(super) fn stmts(&mut self, stmts: &[syn::Stmt], kind: BlockKind) -> ExprKind {
        let mut lowered = ThinVec::new();
        let mut tail = None;
        for (index, stmt) in stmts.iter().enumerate() {
            let last = index + 1 == stmts.len();
            match stmt {
                syn::Stmt::Local(local) => {
                    if !self.keeps_part(local, &local.attrs) {
                        continue;
                    }
                    let init = local.init.as_ref().map(|init| self.expr(&init.expr));
                    let els = local
                        .init
                        .as_ref()
                        .and_then(|init| init.diverge.as_ref())
                        .map(|(_, els)| self.expr(els));
                    let (pat, ty) = match &local.pat {
                        syn::Pat::Type(typed) => {
                            let pat = self.pat(&typed.pat);
                            (pat, Some(self.type_ref(&typed.ty)))
                        }
                        pat => (self.pat(pat), None),
                    };
                    lowered.push(Stmt::Let { pat, ty, init, els });
                }
                syn::Stmt::Item(item) => {
                    let mut items = Vec::new();
                    self.item(item, &mut items);
                    // An item macro in a body is a statement as far as we are concerned.
                    for item in items {
                        if let ItemKind::Macro(call) = item.kind {
                            self.body.has_macros = true;
                            let span = call.span;
                            let id = self.push_expr(ExprKind::Macro(Box::new(call)), span);
                            lowered.push(Stmt::Expr(id));
                        } else {
                            self.body.items.push(item);
                        }
                    }
                }
                syn::Stmt::Expr(expr, semi) => {
                    if !self.keeps_part(expr, expr_attrs(expr)) {
                        continue;
                    }
                    let id = self.expr(expr);
                    if last && semi.is_none() {
                        tail = Some(id);
                    } else {
                        lowered.push(Stmt::Expr(id));
                    }
                }
                syn::Stmt::Macro(mac) => {
                    if !self.keeps_part(mac, &mac.attrs) {
                        continue;
                    }
                    let (kind, span) = self.macro_kind(&mac.mac);
                    let id = self.push_expr(kind, span);
                    if last && mac.semi_token.is_none() {
                        tail = Some(id);
                    } else {
                        lowered.push(Stmt::Expr(id));
                    }
                }
            }
        }
        ExprKind::Block {
            stmts: lowered,
            tail,
            kind,
        }
    }

    fn member(&mut self, member: &syn::Member) -> (super::ir::Name, Span) {
        match member {
            syn::Member::Named(ident) => (self.name(ident), self.span(ident.span())),
            syn::Member::Unnamed(index) => (self.intern(&index.index.to_string()), self.span(index.span)),
        }
    }

    /// Lowers a pattern.
    pub(super) fn pat(&mut self, pat: &syn::Pat) -> PatId {
        let lowered = match pat {
            syn::Pat::Ident(ident) => {
                let sub = ident.subpat.as_ref().map(|(_, sub)| self.pat(sub));
                Pat::Bind(self.name(&ident.ident), sub)
            }
            syn::Pat::TupleStruct(pat) => {
                let elems = self.positions(pat.elems.iter());
                Pat::TupleStruct(self.path(&pat.path, pat.qself.as_ref()), elems)
            }
            syn::Pat::Struct(pat) => {
                let mut fields = ThinVec::new();
                for field in &pat.fields {
                    let (name, _) = self.member(&field.member);
                    let sub = self.pat(&field.pat);
                    fields.push((name, sub));
                }
                Pat::Struct(self.path(&pat.path, pat.qself.as_ref()), fields)
            }
            syn::Pat::Tuple(pat) => Pat::Tuple(self.positions(pat.elems.iter())),
            syn::Pat::Slice(pat) => Pat::Slice(pat.elems.iter().map(|elem| self.pat(elem)).collect()),
            syn::Pat::Or(pat) => Pat::Or(pat.cases.iter().map(|case| self.pat(case)).collect()),
            syn::Pat::Paren(pat) => return self.pat(&pat.pat),
            syn::Pat::Reference(pat) => return self.pat(&pat.pat),
            syn::Pat::Guard(pat) => return self.pat(&pat.pat),
            syn::Pat::Type(pat) => {
                let inner = self.pat(&pat.pat);
                Pat::Same(inner, Some(Box::new(self.type_ref(&pat.ty))))
            }
            syn::Pat::Lit(syn::PatLit {
                lit: syn::Lit::Str(text),
                ..
            }) => Pat::Text(self.intern(&text.value())),
            syn::Pat::Wild(_) => Pat::Any,
            _ => Pat::Wild,
        };
        self.push_pat(lowered)
    }

    fn positions<'p>(
        &mut self,
        elems: impl Iterator<Item = &'p syn::Pat>,
    ) -> ThinVec<(Option<usize>, PatId)> {
        let mut lowered = ThinVec::new();
        let mut behind_rest = false;
        for (index, elem) in elems.enumerate() {
            if matches!(elem, syn::Pat::Rest(_)) {
                behind_rest = true;
                continue;
            }
            let pat = self.pat(elem);
            lowered.push(((!behind_rest).then_some(index), pat));
        }
        lowered
    }

    /// Lowers a type.
    pub(super) fn type_ref(&mut self, ty: &syn::Type) -> TypeRef {
        match ty {
            syn::Type::Path(path) => TypeRef::Path(self.path(&path.path, path.qself.as_ref())),
            syn::Type::Reference(ty) => TypeRef::Inner(Box::new(self.type_ref(&ty.elem))),
            syn::Type::Ptr(ty) => TypeRef::Inner(Box::new(self.type_ref(&ty.elem))),
            syn::Type::Slice(ty) => TypeRef::Inner(Box::new(self.type_ref(&ty.elem))),
            syn::Type::Array(ty) => TypeRef::Inner(Box::new(self.type_ref(&ty.elem))),
            syn::Type::Paren(ty) => self.type_ref(&ty.elem),
            syn::Type::Group(ty) => self.type_ref(&ty.elem),
            syn::Type::Tuple(ty) => TypeRef::Tuple(ty.elems.iter().map(|elem| self.type_ref(elem)).collect()),
            syn::Type::FnPtr(ty) => {
                let ret = match &ty.output {
                    syn::ReturnType::Default => TypeRef::Tuple(ThinVec::new()),
                    syn::ReturnType::Type(_, ty) => self.type_ref(ty),
                };
                TypeRef::Fn(Box::new(ret))
            }
            syn::Type::TraitObject(ty) => TypeRef::Dyn(self.bounds(ty.bounds.iter())),
            syn::Type::ImplTrait(ty) => TypeRef::Impl(self.bounds(ty.bounds.iter())),
            _ => TypeRef::Unknown,
        }
    }

    /// Lowers a path.
    pub(super) fn path(&mut self, path: &syn::Path, qself: Option<&syn::QSelf>) -> Path {
        let segments = path
            .segments
            .iter()
            .map(|segment| {
                let mut lowered = Segment {
                    name: self.name(&segment.ident),
                    args: ThinVec::new(),
                    bindings: ThinVec::new(),
                };
                self.path_arguments(&segment.arguments, &mut lowered);
                lowered
            })
            .collect();
        Path {
            global: path.leading_colon.is_some(),
            qself: qself.map(|qself| (Box::new(self.type_ref(&qself.ty)), qself.position)),
            segments,
        }
    }

    fn path_arguments(&mut self, arguments: &syn::PathArguments, lowered: &mut Segment) {
        match arguments {
            syn::PathArguments::None => {}
            syn::PathArguments::AngleBracketed(arguments) => {
                for argument in &arguments.args {
                    match argument {
                        syn::GenericArgument::Type(ty) => lowered.args.push(self.type_ref(ty)),
                        syn::GenericArgument::AssocType(assoc) => {
                            let name = self.name(&assoc.ident);
                            let ty = self.type_ref(&assoc.ty);
                            lowered.bindings.push((name, ty));
                        }
                        _ => {}
                    }
                }
            }
            syn::PathArguments::Parenthesized(arguments) => {
                let inputs = arguments.inputs.iter();
                lowered.args = inputs.map(|arg| self.type_ref(&arg.ty)).collect();
                let output = match &arguments.output {
                    syn::ReturnType::Default => TypeRef::Tuple(ThinVec::new()),
                    syn::ReturnType::Type(_, ty) => self.type_ref(ty),
                };
                let name = self.intern("Output");
                lowered.bindings.push((name, output));
            }
        }
    }
}

/// A token of the expression that is found without walking it: the general way costs as much as the expression is long,
/// at every level.
fn first_token(expr: &syn::Expr) -> proc_macro2::Span {
    use syn::Expr;
    match expr {
        Expr::Struct(expr) => expr
            .path
            .segments
            .first()
            .map_or_else(proc_macro2::Span::call_site, |first| first.ident.span()),
        Expr::Tuple(expr) => expr.paren_token.span.open(),
        Expr::Array(expr) => expr.bracket_token.span.open(),
        Expr::Repeat(expr) => expr.bracket_token.span.open(),
        Expr::Closure(expr) => expr.inputs_begin.span,
        Expr::If(expr) => expr.if_token.span,
        Expr::Let(expr) => expr.let_token.span,
        Expr::Match(expr) => expr.match_token.span,
        Expr::Loop(expr) => expr.loop_token.span,
        Expr::While(expr) => expr.while_token.span,
        Expr::ForLoop(expr) => expr.for_token.span,
        Expr::Assign(expr) => expr.eq_token.span,
        Expr::Return(expr) => expr.return_token.span,
        Expr::Break(expr) => expr.break_token.span,
        Expr::Index(expr) => expr.bracket_token.span.open(),
        Expr::Cast(expr) => expr.as_token.span,
        Expr::Reference(expr) => expr.and_token.span,
        Expr::Binary(expr) => match &expr.op {
            syn::BinOp::Add(op) => op.span,
            syn::BinOp::AddAssign(op) => op
                .spans
                .first()
                .copied()
                .unwrap_or_else(proc_macro2::Span::call_site),
            _ => proc_macro2::Span::call_site(),
        },
        _ => proc_macro2::Span::call_site(),
    }
}

fn expr_attrs(expr: &syn::Expr) -> &[syn::Attribute] {
    match expr {
        syn::Expr::Block(expr) => &expr.attrs,
        syn::Expr::Call(expr) => &expr.attrs,
        syn::Expr::MethodCall(expr) => &expr.attrs,
        syn::Expr::If(expr) => &expr.attrs,
        syn::Expr::Match(expr) => &expr.attrs,
        syn::Expr::Await(expr) => &expr.attrs,
        syn::Expr::Try(expr) => &expr.attrs,
        syn::Expr::Macro(expr) => &expr.attrs,
        syn::Expr::Assign(expr) => &expr.attrs,
        syn::Expr::Return(expr) => &expr.attrs,
        _ => &[],
    }
}
