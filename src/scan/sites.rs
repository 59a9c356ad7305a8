//! Recognising SDK operations: by the receiver's type, else by the fingerprint of the chain that follows.

use std::sync::Arc;

use crate::catalog::Operation;

use super::facts::{LocalGap, Site, SiteKind, Source};
use super::infer::Infer;
use super::ir::{ExprId, ExprKind, Name, Span};
use super::known_names::is_common;
use super::outside_types::is_of_other_service;
use super::types::Ty;
use super::world::SdkId;

/// Methods that end a chain of setters.
fn is_terminal(name: &str, args: usize) -> bool {
    match name {
        "send" | "into_paginator" | "customize" | "as_input" => args == 0,
        "presigned" | "wait" | "send_with" => args == 1,
        _ => false,
    }
}

impl<'a> Infer<'_, 'a> {
    /// The operation behind a method of a client.
    pub(super) fn operation(&self, sdk: SdkId, method: &str) -> Option<Operation<'a>> {
        self.world.sdks[sdk].service?.operation_of_method(method)
    }

    /// The operation that a waiter polls, as a method name.
    fn waiter(&self, sdk: SdkId, method: &str) -> Option<Name> {
        if !method.starts_with("wait_until_") {
            return None;
        }
        let operation = self.world.sdks[sdk].service?.operation_of_waiter(method)?;
        Some(Arc::from(operation.method()))
    }

    pub(super) fn typed_site(&mut self, expr: ExprId, span: Span, sdk: SdkId, method: &Name) {
        self.site(expr, span, sdk, method, method, SiteKind::Typed);
    }

    fn site(
        &mut self,
        expr: ExprId,
        span: Span,
        sdk: SdkId,
        operation: &Name,
        method: &Name,
        kind: SiteKind,
    ) {
        let known = self
            .facts
            .sites
            .iter()
            .any(|site| site.expr == expr && site.sdk == sdk && site.operation == *operation);
        if !known {
            self.facts.sites.push(Site {
                expr,
                span,
                sdk,
                operation: operation.clone(),
                method: method.clone(),
                kind,
                library: None,
                given: Vec::new(),
            });
        }
    }

    /// A method of an SDK type; `None` if the SDK has no such method there.
    pub(super) fn sdk_method(
        &mut self,
        id: ExprId,
        _receiver: ExprId,
        ty: &Ty,
        method: &Name,
        args: &[ExprId],
        span: Span,
    ) -> Option<Ty> {
        match ty {
            Ty::Client(sdk) => self.client_method(id, *sdk, method, args, span),
            Ty::Fluent(sdk, op) => self.builder_method(id, *sdk, op, method, args),
            Ty::Input(sdk, op) => {
                if matches!(&**method, "send_with" | "make_operation") && !args.is_empty() {
                    self.exprs(args);
                    self.site(id, span, *sdk, op, op, SiteKind::Typed);
                    return Some(Ty::Response(*sdk, op.clone()));
                }
                let operation = self.operation(*sdk, op);
                if operation.is_some_and(|found| found.has_setter(method)) && !args.is_empty() {
                    self.exprs(args);
                    self.facts.setters.push(id);
                    return Some(ty.clone());
                }
                None
            }
            Ty::Wrapper(krate) => self.wrapped_method(id, krate, method, args, span),
            Ty::SdkType(sdk, name) => {
                let shape = self.world.sdks[*sdk].service?.shape(name)?;
                shape.member_of_setter(method)?;
                if args.is_empty() {
                    // A getter.
                    return Some(Ty::EXTERNAL);
                }
                self.exprs(args);
                self.facts.setters.push(id);
                Some(ty.clone())
            }
            _ => None,
        }
    }

    fn client_method(
        &mut self,
        id: ExprId,
        sdk: SdkId,
        method: &Name,
        args: &[ExprId],
        span: Span,
    ) -> Option<Ty> {
        if !args.is_empty() {
            return None;
        }
        if self.operation(sdk, method).is_some() {
            self.typed_site(id, span, sdk, method);
            return Some(Ty::Fluent(sdk, method.clone()));
        }
        if let Some(polled) = self.waiter(sdk, method) {
            self.site(id, span, sdk, &polled, method, SiteKind::Typed);
            return Some(Ty::Fluent(sdk, polled));
        }
        let extension = self.world.find_method(&Ty::Client(sdk), method, self.krate, 0);
        if !extension.is_empty() {
            return None;
        }
        // A method that only hands the client on is followed by the operation.
        let chain = self.chain(id);
        let ends = chain.iter().any(|(name, args)| is_terminal(name, *args));
        let operation_follows = chain.iter().any(|(name, args)| {
            *args == 0 && (self.operation(sdk, name).is_some() || self.waiter(sdk, name).is_some())
        });
        if ends && !operation_follows && !is_common(method) {
            self.site(id, span, sdk, method, method, SiteKind::NotInCatalogue);
            return Some(Ty::Fluent(sdk, method.clone()));
        }
        None
    }

    fn builder_method(
        &mut self,
        id: ExprId,
        sdk: SdkId,
        op: &Name,
        method: &Name,
        args: &[ExprId],
    ) -> Option<Ty> {
        let builder = Ty::Fluent(sdk, op.clone());
        let operation = self.operation(sdk, op);
        if !args.is_empty() && operation.is_none_or(|found| found.has_setter(method)) {
            if operation.is_none() && matches!(&**method, "presigned" | "wait" | "map" | "then") {
                return None;
            }
            self.exprs(args);
            self.facts.setters.push(id);
            return Some(builder);
        }
        match (&**method, args.len()) {
            ("send", _) => {
                self.exprs(args);
                Some(Ty::Response(sdk, op.clone()))
            }
            ("wait", 1) => {
                self.exprs(args);
                Some(Ty::Response(sdk, op.clone()))
            }
            ("presigned", 1) => {
                self.exprs(args);
                Some(Ty::External(Some(Arc::from("PresignedRequest"))))
            }
            ("into_paginator" | "items" | "customize", 0) => Some(builder),
            (name, 0) if name.starts_with("get_") => Some(Ty::EXTERNAL),
            _ => None,
        }
    }

    /// `Type::name(args)` on an SDK type.
    pub(super) fn sdk_call(&mut self, id: ExprId, ty: &Ty, name: &Name, args: &[ExprId], span: Span) -> Ty {
        self.exprs(args);
        match ty {
            Ty::Client(sdk) => {
                if self.operation(*sdk, name).is_some() {
                    self.typed_site(id, span, *sdk, name);
                    return Ty::Fluent(*sdk, name.clone());
                }
                if let Some(polled) = self.waiter(*sdk, name) {
                    self.site(id, span, *sdk, &polled, name, SiteKind::Typed);
                    return Ty::Fluent(*sdk, polled);
                }
                ty.clone()
            }
            Ty::SdkType(..) | Ty::Input(..) | Ty::Fluent(..) | Ty::Wrapper(_) => ty.clone(),
            _ => Ty::EXTERNAL,
        }
    }

    /// The methods that follow a call, with their number of arguments.
    fn chain(&self, id: ExprId) -> Vec<(Name, usize)> {
        let mut chain = Vec::new();
        let mut at = id;
        while let Some(next) = self.facts.next.get(&at) {
            if let ExprKind::Method { method, args, .. } = &self.body.expr(*next).kind {
                chain.push((method.clone(), args.len()));
            }
            at = *next;
            if chain.len() > 500 {
                break;
            }
        }
        chain
    }

    /// The operation that a call with an unknown receiver must be, judged by every link of the chain behind it. Only
    /// SDK crates that the package depends on are tried; the name alone is never enough.
    pub(super) fn fingerprint(
        &mut self,
        id: ExprId,
        receiver_ty: &Ty,
        method: &Name,
        args: &[ExprId],
        span: Span,
    ) -> Option<Ty> {
        if !args.is_empty() {
            return None;
        }
        let sdks = self.world.sdks_of(self.krate)?;
        let mut fitting: Vec<(u32, SdkId, Name)> = Vec::new();
        let mut named = Vec::new();
        let chain = self.chain(id);
        for sdk in sdks {
            let waiter = self.waiter(*sdk, method);
            let Some(operation) = self
                .operation(*sdk, method)
                .or_else(|| waiter.as_ref().and_then(|op| self.operation(*sdk, op)))
            else {
                continue;
            };
            named.push(operation.id().to_string());
            if let Some(score) = score(&operation, &chain) {
                let name = waiter.unwrap_or_else(|| method.clone());
                fitting.push((score, *sdk, name));
            }
        }
        let best = fitting.iter().map(|(score, ..)| *score).max()?;
        if best == 0 {
            // What is called on a type of ours without more behind it is the type's own.
            if !is_of_other_service(receiver_ty) && !matches!(receiver_ty, Ty::Adt(..)) {
                self.weak(method, span, &named);
            }
            return None;
        }
        fitting.retain(|(score, ..)| *score == best);
        if let [(_, sdk, operation)] = fitting.as_slice() {
            let (sdk, operation) = (*sdk, operation.clone());
            self.site(id, span, sdk, &operation, method, SiteKind::Fingerprint);
            return Some(Ty::Fluent(sdk, operation));
        }
        let candidates: Vec<String> = fitting
            .iter()
            .filter_map(|(_, sdk, op)| Some(self.operation(*sdk, op)?.id().to_string()))
            .collect();
        self.facts.gaps.push(LocalGap {
            code: "ambiguous-operation",
            span,
            message: format!(
                "`{method}()` is called on a receiver of unknown type and fits {}",
                candidates.join(", ")
            ),
            hint: Some("give the receiver a written type"),
        });
        None
    }

    /// The name of an operation, no arguments, nothing behind it: told, never granted.
    fn weak(&mut self, method: &Name, span: Span, named: &[String]) {
        let own = self.world.methods.contains_key(method);
        if own || !method.contains('_') || named.is_empty() || method.starts_with("get_id") {
            return;
        }
        self.facts.gaps.push(LocalGap {
            code: "unresolved-receiver",
            span,
            message: format!(
                "`{method}()` is called on a receiver of unknown type; it may be {}",
                named.join(" or ")
            ),
            hint: Some("give the receiver a written type, or say `// rolefit: nothing` above"),
        });
    }

    /// The end of what may be an SDK call, on a receiver that nobody knows.
    pub(super) fn note_unresolved_send(
        &mut self,
        receiver: ExprId,
        method: &Name,
        args: &[ExprId],
        span: Span,
    ) {
        let ends = matches!(
            (&**method, args.len()),
            ("send" | "into_paginator", 0) | ("presigned", 1)
        );
        let has_sdk = self
            .world
            .sdks_of(self.krate)
            .is_some_and(|sdks| !sdks.is_empty());
        if !ends || !has_sdk {
            return;
        }
        // A chain that begins in this body with a call of other code was judged there.
        let mut at = self.body.peel(receiver);
        while let ExprKind::Method { receiver, .. } = &self.body.expr(at).kind {
            at = self.body.peel(*receiver);
        }
        let told = self
            .facts
            .gaps
            .iter()
            .any(|gap| gap.span.line == span.line && gap.code == "ambiguous-operation");
        if told || matches!(self.body.expr(at).kind, ExprKind::Call { .. }) {
            return;
        }
        self.facts.gaps.push(LocalGap {
            code: "unresolved-send",
            span,
            message: format!("`.{method}()` is called on a value of unknown type; it may end an SDK call"),
            hint: Some("give the value a written type, or say `// rolefit: nothing` above"),
        });
    }

    /// A client handed to code that is not read: what is called with it there is not known.
    pub(super) fn note_escape(&mut self, path: &[Name], types: &[Ty], span: Span) {
        let Some(first) = path.first() else { return };
        let keeper = path.len().checked_sub(2).and_then(|at| path.get(at));
        if harmless(first) || keeper.is_some_and(|name| only_keeps(name)) {
            return;
        }
        for ty in types {
            let Ty::Client(sdk) = ty else { continue };
            self.facts.gaps.push(LocalGap {
                code: "client-escapes",
                span,
                message: format!(
                    "a client of `{}` is handed to `{}`, which is not read",
                    self.world.sdks[*sdk].package,
                    path.iter().map(|name| &**name).collect::<Vec<_>>().join("::")
                ),
                hint: Some("declare what it calls in `rolefit.toml`"),
            });
        }
    }

    /// `.credentials_provider(…)`: what is built from it acts as whoever the credentials belong to.
    pub(super) fn note_credentials(&mut self, method: &Name, args: &[ExprId], span: Span) {
        let ([given], "credentials_provider" | "set_credentials_provider") = (args, &**method) else {
            return;
        };
        let has_sdk = self
            .world
            .sdks_of(self.krate)
            .is_some_and(|sdks| !sdks.is_empty());
        if !has_sdk || self.own_credentials(*given, 0) {
            return;
        }
        self.facts.gaps.push(LocalGap {
            code: "assumed-role",
            span,
            message: "clients built from this configuration act under other credentials, perhaps not the function's \
                      role; their calls are still counted as the function's own"
                .to_owned(),
            hint: Some("the other principal needs what they call, if it is not the function's role"),
        });
    }

    /// Whether credentials are surely the function's own (none, those of another configuration, those of the
    /// environment), or come from a provider that has its gap where it is made.
    fn own_credentials(&self, expr: ExprId, depth: usize) -> bool {
        if depth > 12 {
            return false;
        }
        let own = |expr: &ExprId| self.own_credentials(*expr, depth + 1);
        match &self.body.expr(expr).kind {
            ExprKind::Same(inner) => own(inner),
            ExprKind::Method {
                receiver,
                method,
                args,
                ..
            } => (&**method == "credentials_provider" && args.is_empty()) || own(receiver),
            ExprKind::Call { callee, args } => own(callee) || matches!(args.as_slice(), [only] if own(only)),
            ExprKind::Path(path) => match self.facts.local(expr) {
                Some(local) => {
                    !local.sources.is_empty()
                        && local.sources.iter().all(|source| match source {
                            Source::Expr(value, _) => own(value),
                            _ => false,
                        })
                }
                None => path.segments.iter().any(|segment| {
                    matches!(
                        &*segment.name,
                        "None"
                            | "default_provider"
                            | "DefaultCredentialsChain"
                            | "EnvironmentVariableCredentialsProvider"
                            | "EcsCredentialsProvider"
                            | "AssumeRoleProvider"
                            | "AssumeRoleProviderBuilder"
                    )
                }),
            },
            _ => false,
        }
    }
}

/// Types that only keep a value, whatever crate they are of: what is called on it later is seen.
fn only_keeps(name: &str) -> bool {
    matches!(
        name,
        "AsyncOnce"
            | "AsyncOnceCell"
            | "AsyncCell"
            | "AsyncLazy"
            | "Lazy"
            | "LazyCell"
            | "LazyLock"
            | "OnceBox"
            | "OnceCell"
            | "OnceLock"
            | "SetOnce"
            | "SyncLazy"
            | "SyncOnceCell"
    )
}

/// Crates that keep or hand on a client but never call AWS with it.
fn harmless(name: &str) -> bool {
    matches!(
        name,
        "std"
            | "core"
            | "alloc"
            | "tokio"
            | "futures"
            | "futures_util"
            | "lambda_runtime"
            | "lambda_http"
            | "axum"
            | "actix_web"
            | "poem"
            | "rocket"
            | "warp"
            | "tower"
            | "tower_http"
            | "once_cell"
            | "lazy_static"
            | "parking_lot"
            | "dashmap"
            | "arc_swap"
            | "tracing"
            | "http"
            | "hyper"
            | "async_trait"
            | "async_stream"
            | "async_graphql"
            | "tokio_stream"
            | "rayon"
            | "itertools"
            | "either"
            | "anyhow"
            | "serde"
            | "serde_json"
            | "salvo"
            | "tonic"
            | "async_once_cell"
            | "async_once"
            | "moka"
            | "crossbeam"
            | "flume"
            | "backoff"
            | "backon"
            | "tokio_retry"
            | "mockall"
            | "bytes"
            | "derive_more"
    )
}

/// How well a chain fits an operation: `None` if a link is neither setter nor terminal.
fn score(operation: &Operation<'_>, chain: &[(Name, usize)]) -> Option<u32> {
    let mut score = 0;
    for (name, args) in chain {
        if is_terminal(name, *args) {
            // `.send()` alone proves little.
            return Some(score + if &**name == "send" { 1 } else { 2 });
        }
        if *args == 0 || !operation.has_setter(name) {
            return None;
        }
        score += 2;
    }
    Some(score)
}
