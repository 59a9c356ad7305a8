//! Inference of one fn: a walk over its body that gives every expression an erased type and notes what it meets.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::facts::{Callee, Edge, Facts, Passed, Proj, Source};
use super::ir::{BlockKind, Body, ExprId, ExprKind, FormatPiece, Name, PatId, Path, Span, Stmt, TypeRef};
use super::types::Ty;
use super::variables::Variables;
use super::world::{AdtId, CrateId, FnId, ParamId, Scope, World};
use super::written::{How, Write};

/// Infers one fn.
pub struct Infer<'w, 'a> {
    pub(super) world: &'w World<'a>,
    pub(super) krate: CrateId,
    pub(super) scope: &'w Scope,
    pub(super) body: &'w Body,
    pub(super) facts: Facts,
    pub(super) variables: Variables,
    /// The type of texts, made once.
    text: Ty,
    /// Types that the first pass found for variables.
    pub(super) prior: Vec<Ty>,
    /// Closures and async blocks around, innermost last.
    inner: Vec<ExprId>,
    /// Variables that were read before their type was known.
    pub(super) read_early: BTreeSet<u32>,
    /// Values whose type is a parameter that nothing fixes.
    pub(super) unfixed: BTreeSet<ExprId>,
    /// Writes by another way than a variable's name.
    pub(super) writes: Vec<Write>,
}

/// Everything about a fn; empty for fns without a body.
pub fn infer(world: &World<'_>, id: FnId) -> Facts {
    let data = &world.fns[id];
    let Some(body) = &data.item.body else {
        return Facts::default();
    };
    let mut prior = Vec::new();
    for round in 0..3 {
        let mut infer = Infer {
            world,
            krate: data.krate,
            scope: &data.scope,
            body,
            facts: Facts {
                body: Some(body.clone()),
                types: vec![Ty::Unknown; body.exprs.len()],
                ..Facts::default()
            },
            variables: Variables::default(),
            text: Ty::External(Some(Arc::from("String"))),
            prior,
            inner: Vec::new(),
            read_early: BTreeSet::new(),
            unfixed: BTreeSet::new(),
            writes: Vec::new(),
        };
        infer.chains();
        for (index, pat) in body.params.iter().enumerate() {
            let ty = data.params.get(index).cloned().unwrap_or_default();
            infer.mention(&ty);
            infer.bind(*pat, &ty, &Source::Param(index, Vec::new()));
        }
        infer.mention(&data.ret);
        let _ = infer.expr(body.root);
        infer.note_filled();
        infer.note_written();
        if round == 2 || !infer.refined() {
            return infer.facts;
        }
        prior = infer.facts.locals.into_iter().map(|local| local.ty).collect();
    }
    Facts::default()
}

impl Infer<'_, '_> {
    /// Whether the type of a variable became known only after it was read.
    pub(super) fn refined(&self) -> bool {
        self.read_early.iter().any(|index| {
            let local = self.facts.locals.get(*index as usize);
            local.is_some_and(|local| local.ty.is_interesting())
        })
    }

    /// Variables handed on as `&mut`: other code may write into them.
    pub(super) fn note_filled(&mut self) {
        let body = self.body;
        for inner in &body.mut_refs {
            let inner = body.peel(*inner);
            if !self.facts.passed.contains_key(&inner) {
                continue;
            }
            if let ExprKind::Field { base, name } = &body.expr(inner).kind
                && let Ty::Adt(id, _) = self.facts.ty(*base)
                && !self.facts.ty(inner).is_interesting()
            {
                self.facts.filled_fields.push((*id, name.clone()));
            }
            let index = self.facts.local_of.get(&inner).copied();
            if let Some(local) = index.and_then(|at| self.facts.locals.get_mut(at as usize))
                && !local.ty.is_interesting()
            {
                local.sources.push(Source::Filled);
            }
        }
    }

    /// Notes which method is called on which expression.
    pub(super) fn chains(&mut self) {
        let body = self.body;
        for (index, expr) in body.exprs.iter().enumerate() {
            if let ExprKind::Method { receiver, .. } = &expr.kind {
                let method = ExprId(u32::try_from(index).unwrap_or(u32::MAX));
                let mut at = *receiver;
                self.facts.next.insert(at, method);
                while let ExprKind::Same(inner) = body.expr(at).kind {
                    at = inner;
                    self.facts.next.insert(at, method);
                }
            }
        }
    }

    pub(super) fn resolve(&self, ty: &TypeRef) -> Ty {
        self.world.resolve_type(self.scope, ty, 0)
    }

    /// Notes that reachable code names a type.
    pub(super) fn mention(&mut self, ty: &Ty) {
        match ty {
            Ty::Adt(id, args) => {
                self.facts.mentioned.insert(*id);
                for arg in args.iter() {
                    self.mention(arg);
                }
            }
            Ty::Tuple(parts) => {
                for part in parts.iter() {
                    self.mention(part);
                }
            }
            Ty::Closure(ret) => self.mention(ret),
            _ => {}
        }
    }

    /// Infers an expression.
    pub(super) fn expr(&mut self, id: ExprId) -> Ty {
        let ty = self.expr_type(id);
        if let Some(slot) = self.facts.types.get_mut(id.0 as usize) {
            *slot = ty.clone();
        }
        ty
    }

    /// How many scopes are open.
    pub(super) fn depth(&self) -> usize {
        self.variables.depth()
    }

    pub(super) fn exprs(&mut self, ids: &[ExprId]) -> Vec<Ty> {
        ids.iter().map(|id| self.expr(*id)).collect()
    }

    pub(super) fn expr_type(&mut self, id: ExprId) -> Ty {
        let body = self.body;
        let expr = body.expr(id);
        match &expr.kind {
            ExprKind::Str(text) => {
                self.extension_text(id, text, expr.span);
                self.text.clone()
            }
            ExprKind::Lit(_) | ExprKind::CompileEnv(_) => self.text.clone(),
            ExprKind::Missing | ExprKind::Macro(_) => Ty::Unknown,
            ExprKind::Path(path) => self.path_expr(id, path, expr.span),
            ExprKind::Call { callee, args } => self.call(id, *callee, args, expr.span),
            ExprKind::Method {
                receiver,
                method,
                turbofish,
                args,
            } => self.method_call(id, *receiver, method, turbofish, args, expr.span),
            ExprKind::Field { base, name } => {
                let base = self.expr(*base);
                let ty = self.field_type(&base, name, 0);
                self.note_unfixed_field(id, &base, &ty);
                ty
            }
            ExprKind::Struct { path, fields, base } => self.struct_expr(id, path, fields, *base),
            ExprKind::Tuple(parts) if parts.is_empty() => Ty::EXTERNAL,
            ExprKind::Tuple(parts) => Ty::Tuple(self.exprs(parts).into()),
            ExprKind::Array(parts) => {
                let types = self.exprs(parts);
                first_known(types)
            }
            ExprKind::Closure { params, ret, body } => self.closure(id, params, ret.as_deref(), *body, &[]),
            ExprKind::Block { stmts, tail, kind } => self.block(id, stmts, *tail, *kind),
            ExprKind::If { cond, then, els } => {
                self.variables.open();
                self.expr(*cond);
                let then = self.expr(*then);
                self.variables.close();
                let els = els.map(|els| self.expr(els));
                first_known([Some(then), els].into_iter().flatten())
            }
            ExprKind::Let { pat, expr } => {
                let ty = self.expr(*expr);
                self.bind(*pat, &ty, &Source::Expr(*expr, Vec::new()));
                Ty::EXTERNAL
            }
            ExprKind::Match { scrutinee, arms } => {
                let ty = self.expr(*scrutinee);
                let mut types = Vec::new();
                for (pat, guard, value) in arms {
                    self.variables.open();
                    self.bind(*pat, &ty, &Source::Expr(*scrutinee, Vec::new()));
                    if let Some(guard) = guard {
                        self.expr(*guard);
                    }
                    types.push(self.expr(*value));
                    self.variables.close();
                }
                first_known(types)
            }
            ExprKind::Loop { cond, body } => {
                self.variables.open();
                if let Some(cond) = cond {
                    self.expr(*cond);
                }
                self.expr(*body);
                self.variables.close();
                // What a `break` carries is not told apart from the loop's other breaks.
                self.loop_value(*body)
            }
            ExprKind::For { pat, iter, body } => {
                let ty = self.expr(*iter);
                let ty = self.world.items_of(&ty).unwrap_or(ty);
                self.variables.open();
                self.bind(*pat, &ty, &Source::Expr(*iter, Vec::new()));
                self.expr(*body);
                self.variables.close();
                Ty::EXTERNAL
            }
            ExprKind::Assign {
                left,
                right,
                compound,
            } => {
                let value = self.expr(*right);
                self.expr(*left);
                self.assign(*left, *right, &value, *compound);
                Ty::EXTERNAL
            }
            ExprKind::Add(left, right) => {
                let ty = self.expr(*left);
                self.expr(*right);
                if ty.is_interesting() { Ty::Unknown } else { ty }
            }
            ExprKind::Equal(left, right, _) => {
                self.expr(*left);
                self.expr(*right);
                Ty::EXTERNAL
            }
            ExprKind::Opaque(parts) | ExprKind::Never(parts) => {
                self.exprs(parts);
                if matches!(expr.kind, ExprKind::Never(_)) {
                    Ty::Unknown
                } else {
                    Ty::EXTERNAL
                }
            }
            ExprKind::AnyOf(parts) => {
                let types = self.exprs(parts);
                match types.as_slice() {
                    [only] => only.clone(),
                    _ => Ty::Unknown,
                }
            }
            ExprKind::Return(value) => {
                if let Some(value) = value {
                    self.expr(*value);
                    match self.inner.last() {
                        Some(inner) => self.facts.inner_returns.entry(*inner).or_default().push(*value),
                        None => self.facts.returns.push(*value),
                    }
                }
                Ty::Unknown
            }
            ExprKind::Break(value) => {
                if let Some(value) = value {
                    self.expr(*value);
                }
                Ty::Unknown
            }
            ExprKind::Same(inner) => self.expr(*inner),
            ExprKind::Cast(inner, ty) => {
                let from = self.expr(*inner);
                let to = self.resolve(ty);
                if to.is_interesting() { to } else { from }
            }
            ExprKind::Index(base, index) => {
                self.expr(*index);
                self.expr(*base)
            }
            ExprKind::Format(pieces) => {
                self.extension_format(id, pieces, expr.span);
                for piece in pieces {
                    if let FormatPiece::Value(id) | FormatPiece::Shown(id) = piece {
                        self.expr(*id);
                    }
                }
                self.text.clone()
            }
        }
    }

    /// The first known type of a `break` value in a loop body.
    pub(super) fn loop_value(&self, body_id: ExprId) -> Ty {
        let body = self.body;
        let ExprKind::Block { stmts, tail, .. } = &body.expr(body_id).kind else {
            return Ty::EXTERNAL;
        };
        let mut todo: Vec<ExprId> = stmts
            .iter()
            .filter_map(|stmt| match stmt {
                Stmt::Expr(id) => Some(*id),
                Stmt::Let { init, .. } => *init,
            })
            .chain(*tail)
            .collect();
        let mut seen = 0;
        while let Some(id) = todo.pop() {
            seen += 1;
            if seen > 500 {
                break;
            }
            match &body.expr(id).kind {
                ExprKind::Break(Some(value)) => {
                    let ty = self.facts.ty(*value);
                    if ty.is_interesting() {
                        return ty.clone();
                    }
                }
                ExprKind::If { then, els, .. } => {
                    todo.push(*then);
                    todo.extend(*els);
                }
                ExprKind::Match { arms, .. } => todo.extend(arms.iter().map(|arm| arm.2)),
                ExprKind::Block { stmts, tail, .. } => {
                    todo.extend(*tail);
                    todo.extend(stmts.iter().filter_map(|stmt| match stmt {
                        Stmt::Expr(id) => Some(*id),
                        Stmt::Let { .. } => None,
                    }));
                }
                _ => {}
            }
        }
        Ty::Unknown
    }

    pub(super) fn block(&mut self, id: ExprId, stmts: &[Stmt], tail: Option<ExprId>, kind: BlockKind) -> Ty {
        if kind != BlockKind::Splice {
            self.variables.open();
        }
        if kind == BlockKind::Async {
            self.inner.push(id);
        }
        for stmt in stmts {
            match stmt {
                Stmt::Let { pat, ty, init, els } => {
                    let written = ty.as_ref().map(|ty| self.resolve(ty));
                    let found = init.map(|init| self.expr(init));
                    if let Some(els) = els {
                        self.expr(*els);
                    }
                    let ty = match (written, found) {
                        (Some(written), found) => {
                            self.mention(&written);
                            match found {
                                Some(found) if !written.is_interesting() || !concrete(&written) => {
                                    if found.is_interesting() { found } else { written }
                                }
                                _ => written,
                            }
                        }
                        (None, found) => found.unwrap_or_default(),
                    };
                    match init {
                        Some(init) => self.bind(*pat, &ty, &Source::Expr(*init, Vec::new())),
                        None => self.bind_empty(*pat, &ty),
                    }
                }
                Stmt::Expr(id) => {
                    self.expr(*id);
                }
            }
        }
        let mut ty = tail.map_or(Ty::EXTERNAL, |tail| self.expr(tail));
        if kind == BlockKind::Async {
            self.inner.pop();
            if !ty.is_interesting() {
                let returns = self.facts.inner_returns.get(&id).cloned();
                for value in returns.into_iter().flatten() {
                    let found = self.facts.ty(value);
                    if found.is_interesting() {
                        ty = found.clone();
                        break;
                    }
                }
            }
        }
        if kind != BlockKind::Splice {
            self.variables.close();
        }
        ty
    }

    /// A closure; `given` are types of its parameters that the context knows.
    pub(super) fn closure(
        &mut self,
        id: ExprId,
        params: &[(PatId, Option<TypeRef>)],
        ret: Option<&TypeRef>,
        body: ExprId,
        given: &[Ty],
    ) -> Ty {
        self.variables.open();
        self.inner.push(id);
        for (index, (pat, written)) in params.iter().enumerate() {
            let written = written.as_ref().map(|ty| self.resolve(ty));
            let given = given.get(index).cloned().unwrap_or_default();
            let ty = match written {
                Some(written) if written.is_interesting() || given.is_unknown() => {
                    self.mention(&written);
                    written
                }
                _ => given,
            };
            self.bind(*pat, &ty, &Source::ClosureParam(id, index, Vec::new()));
        }
        let mut found = self.expr(body);
        self.inner.pop();
        self.variables.close();
        if !found.is_interesting() {
            let returns = self.facts.inner_returns.get(&id).cloned();
            for value in returns.into_iter().flatten() {
                let ty = self.facts.ty(value);
                if ty.is_interesting() {
                    found = ty.clone();
                    break;
                }
            }
        }
        let written = ret.map(|ret| self.resolve(ret));
        let result = match written {
            Some(written) if written.is_interesting() && concrete(&written) => written,
            _ => found,
        };
        let ty = Ty::Closure(Arc::new(result));
        if let Some(slot) = self.facts.types.get_mut(id.0 as usize) {
            *slot = ty.clone();
        }
        ty
    }

    pub(super) fn assign(&mut self, left: ExprId, right: ExprId, value: &Ty, compound: bool) {
        let place = self.body.peel(left);
        let body = self.body;
        let is_name = place == left && matches!(body.expr(place).kind, ExprKind::Path(_));
        let is_field = matches!(&body.expr(place).kind, ExprKind::Field { base, .. } if matches!(self.facts.ty(*base), Ty::Adt(..)));
        if !is_name && !is_field {
            self.writes.push(Write {
                place: left,
                value: (!compound).then_some(right),
                how: How::Assigned,
            });
        }
        match &body.expr(place).kind {
            ExprKind::Path(_) => {
                let depth = self.depth();
                if let Some(index) = self.facts.local_of.get(&place).copied()
                    && let Some(local) = self.facts.locals.get_mut(index as usize)
                {
                    if !local.ty.is_interesting() && value.is_interesting() {
                        local.ty = value.clone();
                    }
                    local.sources.push(if compound {
                        Source::Appended(right, depth == local.depth)
                    } else {
                        Source::Expr(right, Vec::new())
                    });
                }
            }
            ExprKind::Field { base, name } => match self.facts.ty(*base).clone() {
                Ty::Adt(id, _) if compound => self.facts.filled_fields.push((id, name.clone())),
                Ty::Adt(id, _) => self.facts.assigns.push((id, name.clone(), right)),
                _ => self.facts.loose_assigns.push((name.clone(), right)),
            },
            ExprKind::Tuple(parts) => {
                for (index, part) in parts.iter().enumerate() {
                    let ty = match value {
                        Ty::Tuple(types) => types.get(index).cloned().unwrap_or_default(),
                        _ => Ty::Unknown,
                    };
                    let at = self.body.peel(*part);
                    if let Some(local) = self
                        .facts
                        .local_of
                        .get(&at)
                        .copied()
                        .and_then(|index| self.facts.locals.get_mut(index as usize))
                    {
                        if !local.ty.is_interesting() && ty.is_interesting() {
                            local.ty = ty;
                        }
                        local.sources.push(Source::Expr(right, vec![Proj::Tuple(index)]));
                    } else {
                        self.writes.push(Write {
                            place: *part,
                            value: None,
                            how: How::Assigned,
                        });
                    }
                }
            }
            _ => {}
        }
    }

    pub(super) fn struct_expr(
        &mut self,
        id: ExprId,
        path: &Path,
        fields: &[(Name, ExprId)],
        base: Option<ExprId>,
    ) -> Ty {
        let mut types = Vec::new();
        for (name, value) in fields {
            types.push((name.clone(), self.expr(*value)));
        }
        let base = base.map(|base| self.expr(base));
        let Some((adt, variant)) = self.pattern_target(path) else {
            return self.wrapped_literal(id, path, fields).unwrap_or_default();
        };
        self.facts.constructed.insert(adt);
        self.facts.literals.push((adt, variant, id));
        let data = &self.world.adts[adt];
        let mut map = BTreeMap::new();
        if let Some(variant) = data.variants.get(variant as usize) {
            for (name, ty) in &types {
                let declared = variant.field(name).and_then(|i| variant.types.get(i));
                if let Some(declared) = declared {
                    self.world.unify(declared, ty, &mut map, 0);
                }
            }
        }
        if let Some(Ty::Adt(_, args)) = base {
            for (param, arg) in data.params.iter().zip(args.iter()) {
                map.entry(*param).or_insert_with(|| arg.clone());
            }
        }
        let args: Arc<[Ty]> = data
            .params
            .iter()
            .map(|param| map.get(param).cloned().unwrap_or_default())
            .collect();
        self.note_type_args(adt, &args);
        Ty::Adt(adt, args)
    }

    /// Notes what a value of a type is made with.
    pub(super) fn note_type_args(&mut self, adt: AdtId, args: &[Ty]) {
        for (index, param) in self.world.adts[adt].params.iter().enumerate() {
            let arg = args.get(index).cloned().unwrap_or_default();
            self.facts.actuals.push((*param, arg));
        }
    }

    /// The variable `name`, innermost first.
    pub(super) fn lookup(&self, name: &Name) -> Option<u32> {
        self.variables.get(name)
    }

    /// The type of a variable that is read here.
    pub(super) fn read_local(&mut self, index: u32) -> Ty {
        let local = self.facts.locals.get(index as usize);
        let ty = local.map(|local| local.ty.clone()).unwrap_or_default();
        if !ty.is_interesting() {
            self.read_early.insert(index);
        }
        ty
    }

    pub(super) fn edge(&mut self, expr: ExprId, span: Span, callee: Callee) {
        self.edge_on(expr, span, callee, None);
    }

    /// The same for a method call on a value whose type is the generic parameter `on`.
    pub(super) fn edge_on(&mut self, expr: ExprId, span: Span, callee: Callee, on: Option<ParamId>) {
        let targets = self.facts.targets.entry(expr).or_default();
        if !targets.contains(&callee) {
            targets.push(callee.clone());
        }
        if !matches!(callee, Callee::External(_) | Callee::Sdk(..)) {
            self.facts.edges.push(Edge {
                callee,
                span,
                expr,
                on,
            });
        }
    }

    /// Notes which call the arguments go to.
    pub(super) fn note_passed(&mut self, call: ExprId, args: &[ExprId]) {
        for (index, arg) in args.iter().enumerate() {
            let passed = Passed { call, index };
            self.facts.passed.insert(*arg, passed);
            self.facts.passed.insert(self.body.peel(*arg), passed);
        }
    }
}

/// The first type that says something, else the first that is known at all.
pub(super) fn first_known(types: impl IntoIterator<Item = Ty>) -> Ty {
    let mut fallback = Ty::Unknown;
    for ty in types {
        if ty.is_interesting() {
            return ty;
        }
        if fallback.is_unknown() {
            fallback = ty;
        }
    }
    fallback
}

/// Whether a written type leaves nothing open.
pub(super) fn concrete(ty: &Ty) -> bool {
    match ty {
        // A `dyn` variable may be given values of other types later: what it is first given does not settle it.
        Ty::Unknown => false,
        Ty::Adt(_, args) => args.iter().all(concrete),
        Ty::Tuple(parts) => parts.iter().all(concrete),
        Ty::Closure(ret) => concrete(ret),
        _ => true,
    }
}
