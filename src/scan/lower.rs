//! From `syn` to plain data: items.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;

use rustc_hash::FxHashSet;
use thin_vec::ThinVec;

use super::cfg::CfgContext;
use super::files::{may_send, names_one_of};
use super::ir::{
    Attrs, Body, Expr, ExprId, ExprKind, FieldDef, FnItem, GenericParam, ImplItem, Item, ItemKind, MacroCall,
    Name, Pat, PatId, Path, Segment, Span, TraitItem, TypeRef, VariantDef,
};
use super::tokens::{from_stream, kept};

/// Lowers one file or one macro expansion.
pub struct Lowerer<'a> {
    file: u32,
    /// For expansions: the place of each line.
    origins: Option<&'a [Span]>,
    cfg: &'a CfgContext,
    names: FxHashSet<Name>,
    /// The text of the last identifier.
    text: String,
    /// The body being built.
    pub(super) body: BodyBuilder,
    /// Items that features keep out although they seem, or may be found, to call AWS.
    pub(super) off: Vec<Off>,
    /// Macros with the name of a plain one that the package defines itself.
    pub(super) defined: &'a BTreeSet<Name>,
    /// Names of the plain macros that were read at once.
    pub(super) plain_macros: BTreeSet<Name>,
    /// Generic parameters of the impls and traits around.
    outer: Vec<Name>,
}

/// No names.
static NO_NAMES: BTreeSet<Name> = BTreeSet::new();

/// An item that a feature keeps out.
pub struct Off {
    /// Where its attribute stands.
    pub span: Span,
    /// The module whose file has to be looked at, with its `#[path]`; `None` if the item itself seems to call AWS.
    pub module: Option<(Name, Option<Name>)>,
}

/// Where attributes start.
fn start_of(attrs: &[syn::Attribute]) -> proc_macro2::Span {
    attrs
        .first()
        .map_or_else(proc_macro2::Span::call_site, |attr| attr.pound_token.span)
}

/// A body under construction.
#[derive(Default)]
pub struct BodyBuilder {
    pub(super) exprs: Vec<Expr>,
    pub(super) pats: Vec<Pat>,
    pub(super) items: Vec<Item>,
    pub(super) has_macros: bool,
    pub(super) mut_refs: Vec<ExprId>,
}

impl<'a> Lowerer<'a> {
    /// A lowerer for `file`; `origins` if the text is an expansion.
    pub fn new(file: u32, origins: Option<&'a [Span]>, cfg: &'a CfgContext) -> Self {
        Self {
            file,
            origins,
            cfg,
            names: FxHashSet::default(),
            text: String::new(),
            body: BodyBuilder::default(),
            off: Vec::new(),
            defined: &NO_NAMES,
            plain_macros: BTreeSet::new(),
            outer: Vec::new(),
        }
    }

    /// Whether the text is that of a macro's expansion.
    pub(super) fn is_expansion(&self) -> bool {
        self.origins.is_some()
    }

    /// Notes an item that a feature keeps out, if it looks as if it called AWS.
    fn note_off(&mut self, item: &syn::Item, attrs: &[syn::Attribute]) {
        if let syn::Item::Mod(item) = item
            && item.content.is_none()
        {
            if self.origins.is_none() && self.cfg.off_by_feature(attrs) {
                let path = self.attrs(attrs).path;
                let module = Some((self.name(&item.ident), path));
                let span = self.span(start_of(attrs));
                self.off.push(Off { span, module });
            }
            return;
        }
        self.note_off_code(item, attrs);
    }

    /// The same for any piece of code.
    fn note_off_code(&mut self, code: &dyn quote::ToTokens, attrs: &[syn::Attribute]) {
        if self.origins.is_some() || !self.cfg.off_by_feature(attrs) {
            return;
        }
        let text = code.to_token_stream().to_string();
        if (text.contains("aws_sdk_") && may_send(&text))
            || text.contains(". send ()")
            || names_one_of(&text, &self.cfg.off_crates)
        {
            let span = self.span(start_of(attrs));
            self.off.push(Off { span, module: None });
        }
    }

    /// Whether a part of an item, with these attributes, is kept; if a feature keeps it out, that is noted.
    pub(super) fn keeps_part(&mut self, part: &dyn quote::ToTokens, attrs: &[syn::Attribute]) -> bool {
        let kept = self.keeps(attrs);
        if !kept {
            self.note_off_code(part, attrs);
        }
        kept
    }

    /// The plain name of an identifier.
    pub(super) fn name(&mut self, ident: &proc_macro2::Ident) -> Name {
        let mut text = std::mem::take(&mut self.text);
        text.clear();
        let _ = write!(text, "{ident}");
        let name = self.intern(text.strip_prefix("r#").unwrap_or(&text));
        self.text = text;
        name
    }

    /// A shared copy of `text`.
    pub(super) fn intern(&mut self, text: &str) -> Name {
        kept(text, &mut self.names)
    }

    /// The place of a `proc_macro2` span.
    pub(super) fn span(&self, span: proc_macro2::Span) -> Span {
        let start = span.start();
        match self.origins {
            Some(origins) => start
                .line
                .checked_sub(1)
                .and_then(|line| origins.get(line))
                .copied()
                .unwrap_or_default(),
            None => Span {
                file: self.file,
                line: u32::try_from(start.line).unwrap_or(u32::MAX),
                column: u32::try_from(start.column).unwrap_or(u32::MAX - 1) + 1,
            },
        }
    }

    /// Whether a node with these attributes is kept.
    pub(super) fn keeps(&self, attrs: &[syn::Attribute]) -> bool {
        self.cfg.keeps(attrs)
    }

    /// Lowers the items that are not conditioned away.
    pub fn items(&mut self, items: &[syn::Item]) -> Vec<Item> {
        let mut lowered = Vec::with_capacity(items.len());
        for item in items {
            self.item(item, &mut lowered);
        }
        lowered
    }

    /// Lowers one item into `out`; a `use` gives one entry per leaf.
    pub(super) fn item(&mut self, item: &syn::Item, out: &mut Vec<Item>) {
        let attrs = item_attrs(item);
        if !self.keeps(attrs) {
            self.note_off(item, attrs);
            return;
        }
        let lowered_attrs = self.attrs(attrs);
        let (ident, kind) = match item {
            syn::Item::Fn(item) => {
                let fn_item = self.fn_item(&item.sig, Some(&item.block), attrs);
                (Some(&item.sig.ident), ItemKind::Fn(Arc::new(fn_item)))
            }
            syn::Item::Const(item) => {
                let value = self.const_item(&item.ident, &item.ty, Some(&item.expr), attrs);
                (Some(&item.ident), ItemKind::Const(Arc::new(value)))
            }
            syn::Item::Static(item) => {
                let value = self.const_item(&item.ident, &item.ty, Some(&item.expr), attrs);
                (Some(&item.ident), ItemKind::Const(Arc::new(value)))
            }
            syn::Item::Struct(item) => {
                let tuple = matches!(item.fields, syn::Fields::Unnamed(_) | syn::Fields::Unit);
                let kind = ItemKind::Struct(self.generics(&item.generics), self.fields(&item.fields), tuple);
                (Some(&item.ident), kind)
            }
            syn::Item::Union(item) => {
                let fields = syn::Fields::Named(item.fields.clone());
                let kind = ItemKind::Struct(self.generics(&item.generics), self.fields(&fields), false);
                (Some(&item.ident), kind)
            }
            syn::Item::Enum(item) => {
                let mut variants = Vec::new();
                for variant in &item.variants {
                    if self.keeps(&variant.attrs) {
                        variants.push(VariantDef {
                            name: self.name(&variant.ident),
                            fields: self.fields(&variant.fields),
                        });
                    }
                }
                let kind = ItemKind::Enum(self.generics(&item.generics), variants);
                (Some(&item.ident), kind)
            }
            syn::Item::Trait(item) => (
                Some(&item.ident),
                ItemKind::Trait(Arc::new(self.trait_item(item))),
            ),
            syn::Item::Impl(item) => (None, ItemKind::Impl(Arc::new(self.impl_item(item)))),
            syn::Item::Type(item) => (
                Some(&item.ident),
                ItemKind::Alias(self.generics(&item.generics), self.type_ref(&item.ty)),
            ),
            syn::Item::Mod(item) => {
                let content = item.content.as_ref().map(|(_, items)| self.items(items));
                (Some(&item.ident), ItemKind::Mod(content))
            }
            syn::Item::Use(item) => {
                let mut prefix = Path {
                    global: item.leading_colon.is_some(),
                    ..Path::default()
                };
                self.use_tree(&item.tree, &mut prefix, &lowered_attrs, out);
                return;
            }
            syn::Item::ExternCrate(item) => {
                let source = self.name(&item.ident);
                let local = item.rename.as_ref().map_or(&item.ident, |(_, name)| name);
                (Some(local), ItemKind::ExternCrate(source))
            }
            syn::Item::Macro(item) => {
                let call = self.macro_call(&item.mac);
                match &item.ident {
                    Some(ident) if item.mac.path.is_ident("macro_rules") => {
                        (Some(ident), ItemKind::MacroRules(call.tokens))
                    }
                    _ => (None, ItemKind::Macro(call)),
                }
            }
            _ => return,
        };
        let (name, span) = match ident {
            Some(ident) => (self.name(ident), self.span(ident.span())),
            None => (self.intern(""), self.span(item_span(item))),
        };
        out.push(Item {
            name,
            span,
            attrs: lowered_attrs,
            kind,
        });
    }

    pub(super) fn use_tree(
        &mut self,
        tree: &syn::UseTree,
        prefix: &mut Path,
        attrs: &Attrs,
        out: &mut Vec<Item>,
    ) {
        match tree {
            syn::UseTree::Path(path) => {
                let name = self.name(&path.ident);
                prefix.segments.push(segment(name));
                self.use_tree(&path.tree, prefix, attrs, out);
                prefix.segments.pop();
            }
            syn::UseTree::Name(leaf) => {
                let name = self.name(&leaf.ident);
                self.use_leaf(&name.clone(), name, leaf.ident.span(), prefix, attrs, out);
            }
            syn::UseTree::Rename(leaf) => {
                let name = self.name(&leaf.ident);
                let alias = self.name(&leaf.rename);
                self.use_leaf(&name, alias, leaf.ident.span(), prefix, attrs, out);
            }
            syn::UseTree::Glob(glob) => {
                let span = self.span(syn::spanned::Spanned::span(glob));
                let alias = self.intern("*");
                out.push(Item {
                    name: self.intern(""),
                    span,
                    attrs: attrs.clone(),
                    kind: ItemKind::Use {
                        path: prefix.clone(),
                        alias,
                        glob: true,
                    },
                });
            }
            syn::UseTree::Group(group) => {
                for tree in &group.items {
                    self.use_tree(tree, prefix, attrs, out);
                }
            }
        }
    }

    pub(super) fn use_leaf(
        &mut self,
        name: &Name,
        alias: Name,
        span: proc_macro2::Span,
        prefix: &Path,
        attrs: &Attrs,
        out: &mut Vec<Item>,
    ) {
        let mut path = prefix.clone();
        let mut alias = alias;
        if &**name == "self" {
            // `use a::b::{self}` and `{self as c}`.
            if &*alias == "self"
                && let Some(last) = path.segments.last()
            {
                alias = last.name.clone();
            }
        } else {
            path.segments.push(segment(name.clone()));
        }
        out.push(Item {
            name: self.intern(""),
            span: self.span(span),
            attrs: attrs.clone(),
            kind: ItemKind::Use {
                path,
                alias,
                glob: false,
            },
        });
    }

    /// Lowers a fn's signature and body.
    pub(super) fn fn_item(
        &mut self,
        sig: &syn::Signature,
        block: Option<&syn::Block>,
        attrs: &[syn::Attribute],
    ) -> FnItem {
        let outer = std::mem::take(&mut self.body);
        let mut params = Vec::new();
        let mut param_types = Vec::new();
        let mut has_self = false;
        for input in &sig.inputs {
            match input {
                syn::FnArg::Receiver(receiver) => {
                    has_self = true;
                    let name = self.intern("self");
                    params.push(self.push_pat(Pat::Bind(name, None)));
                    param_types.push(match &receiver.kind {
                        syn::ReceiverKind::Typed(_, ty) => self.type_ref(ty),
                        _ => TypeRef::Path(Path::single(&self.intern("Self"))),
                    });
                }
                syn::FnArg::Typed(typed) => {
                    if !self.keeps(&typed.attrs) {
                        continue;
                    }
                    let pat = self.pat(&typed.pat);
                    params.push(pat);
                    param_types.push(self.type_ref(&typed.ty));
                }
            }
        }
        let body = block.map(|block| {
            let root = self.block(block, super::ir::BlockKind::Plain);
            self.finish_body(params, root)
        });
        let items = std::mem::take(&mut self.body.items);
        self.body = outer;
        let end_line = match (block, self.origins) {
            (Some(block), None) => self.span(block.brace_token.span.close()).line,
            _ => 0,
        };
        FnItem {
            name: self.name(&sig.ident),
            span: self.span(sig.ident.span()),
            generics: self.generics(&sig.generics),
            has_self,
            param_types,
            ret: match &sig.output {
                syn::ReturnType::Default => None,
                syn::ReturnType::Type(_, ty) => Some(self.type_ref(ty)),
            },
            body,
            items,
            attrs: self.attrs(attrs),
            end_line,
        }
    }

    /// Takes the body built so far.
    pub(super) fn finish_body(&mut self, params: Vec<PatId>, root: ExprId) -> Arc<Body> {
        let mut exprs = std::mem::take(&mut self.body.exprs);
        let mut pats = std::mem::take(&mut self.body.pats);
        // Bodies stay until the scan ends: what they grew for is given back.
        exprs.shrink_to_fit();
        pats.shrink_to_fit();
        Arc::new(Body {
            exprs,
            pats,
            params,
            root,
            has_macros: std::mem::take(&mut self.body.has_macros),
            mut_refs: std::mem::take(&mut self.body.mut_refs),
        })
    }

    pub(super) fn const_item(
        &mut self,
        ident: &proc_macro2::Ident,
        ty: &syn::Type,
        expr: Option<&syn::Expr>,
        attrs: &[syn::Attribute],
    ) -> FnItem {
        let outer = std::mem::take(&mut self.body);
        let body = expr.map(|expr| {
            let root = self.expr(expr);
            self.finish_body(Vec::new(), root)
        });
        let items = std::mem::take(&mut self.body.items);
        self.body = outer;
        FnItem {
            name: self.name(ident),
            span: self.span(ident.span()),
            generics: Vec::new(),
            has_self: false,
            param_types: Vec::new(),
            ret: Some(self.type_ref(ty)),
            body,
            items,
            attrs: self.attrs(attrs),
            end_line: 0,
        }
    }

    pub(super) fn trait_item(&mut self, item: &syn::ItemTrait) -> TraitItem {
        let generics = self.generics(&item.generics);
        let around = self.enter_generics(&generics);
        let mut lowered = TraitItem {
            generics,
            supertraits: self.bounds(item.supertraits.iter()),
            fns: Vec::new(),
            consts: Vec::new(),
            types: Vec::new(),
        };
        for member in &item.items {
            match member {
                syn::TraitItem::Fn(method) if self.keeps_part(method, &method.attrs) => {
                    let method = self.fn_item(&method.sig, method.default.as_ref(), &method.attrs);
                    lowered.fns.push(Arc::new(method));
                }
                syn::TraitItem::Const(constant) if self.keeps(&constant.attrs) => {
                    let default = constant.default.as_ref().map(|(_, expr)| expr);
                    let value = self.const_item(&constant.ident, &constant.ty, default, &constant.attrs);
                    lowered.consts.push(Arc::new(value));
                }
                syn::TraitItem::Type(ty) if self.keeps(&ty.attrs) => {
                    let name = self.name(&ty.ident);
                    let bounds = self.bounds(ty.bounds.iter());
                    lowered.types.push((name, bounds));
                }
                _ => {}
            }
        }
        self.outer.truncate(around);
        lowered
    }

    pub(super) fn impl_item(&mut self, item: &syn::ItemImpl) -> ImplItem {
        let generics = self.generics(&item.generics);
        let around = self.enter_generics(&generics);
        let mut lowered = ImplItem {
            generics,
            of_trait: item.trait_.as_ref().map(|(path, _)| self.path(path, None)),
            self_ty: self.type_ref(&item.self_ty),
            fns: Vec::new(),
            consts: Vec::new(),
            types: Vec::new(),
            macros: Vec::new(),
        };
        self.impl_members(&item.items, &mut lowered);
        self.outer.truncate(around);
        lowered
    }

    /// Notes the parameters of an impl or trait for its members; gives how many there were before.
    fn enter_generics(&mut self, generics: &[GenericParam]) -> usize {
        let before = self.outer.len();
        self.outer.extend(generics.iter().map(|param| param.name.clone()));
        before
    }

    /// Lowers members of an impl, written or expanded, into `lowered`.
    pub(super) fn impl_members(&mut self, items: &[syn::ImplItem], lowered: &mut ImplItem) {
        for member in items {
            match member {
                syn::ImplItem::Fn(method) if self.keeps_part(method, &method.attrs) => {
                    let method = self.fn_item(&method.sig, Some(&method.block), &method.attrs);
                    lowered.fns.push(Arc::new(method));
                }
                syn::ImplItem::Const(constant) if self.keeps(&constant.attrs) => {
                    let value = self.const_item(
                        &constant.ident,
                        &constant.ty,
                        Some(&constant.expr),
                        &constant.attrs,
                    );
                    lowered.consts.push(Arc::new(value));
                }
                syn::ImplItem::Type(ty) if self.keeps(&ty.attrs) => {
                    let name = self.name(&ty.ident);
                    let ty = self.type_ref(&ty.ty);
                    lowered.types.push((name, ty));
                }
                syn::ImplItem::Macro(mac) if self.keeps(&mac.attrs) => {
                    let call = self.macro_call(&mac.mac);
                    lowered.macros.push(call);
                }
                _ => {}
            }
        }
    }

    pub(super) fn fields(&mut self, fields: &syn::Fields) -> Vec<FieldDef> {
        let mut lowered = Vec::new();
        for (index, field) in fields.iter().enumerate() {
            if !self.keeps(&field.attrs) {
                continue;
            }
            let name = match &field.ident {
                Some(ident) => self.name(ident),
                None => self.intern(&index.to_string()),
            };
            lowered.push(FieldDef {
                name,
                ty: self.type_ref(&field.ty),
                attrs: self.attrs(&field.attrs),
            });
        }
        lowered
    }

    pub(super) fn generics(&mut self, generics: &syn::Generics) -> Vec<GenericParam> {
        let mut lowered: Vec<GenericParam> = Vec::new();
        for param in &generics.params {
            if let syn::GenericParam::Type(param) = param {
                let bounds = self.bounds(param.bounds.iter());
                lowered.push(GenericParam {
                    name: self.name(&param.ident),
                    bounds,
                });
            }
        }
        let predicates = generics.where_clause.iter().flat_map(|clause| &clause.predicates);
        for predicate in predicates {
            let syn::WherePredicate::Type(predicate) = predicate else {
                continue;
            };
            let syn::Type::Path(path) = &predicate.bounded_ty else {
                continue;
            };
            let Some(ident) = path.path.get_ident() else {
                continue;
            };
            let name = self.name(ident);
            let bounds = self.bounds(predicate.bounds.iter());
            match lowered.iter_mut().find(|param| param.name == name) {
                Some(param) => param.bounds.extend(bounds),
                // `where Self: Trait`, or a parameter of the surrounding impl; in impls that macros write, this is not known.
                None if &*name == "Self" || name.len() == 1 || self.outer.contains(&name) => {
                    lowered.push(GenericParam { name, bounds });
                }
                // `where State: FromRef<S>` says something of a type that is defined elsewhere.
                None => {}
            }
        }
        lowered
    }

    /// Trait bounds as paths.
    pub(super) fn bounds<'b>(
        &mut self,
        bounds: impl Iterator<Item = &'b syn::TypeParamBound>,
    ) -> ThinVec<Path> {
        bounds
            .filter_map(|bound| match bound {
                syn::TypeParamBound::Trait(bound) => Some(self.path(&bound.path, None)),
                _ => None,
            })
            .collect()
    }

    /// A macro invocation, its tokens kept for later.
    pub(super) fn macro_call(&mut self, mac: &syn::Macro) -> MacroCall {
        let span = mac
            .path
            .segments
            .last()
            .map(|last| self.span(last.ident.span()))
            .unwrap_or_default();
        let mut names = std::mem::take(&mut self.names);
        let tokens = from_stream(mac.tokens.clone(), &|span| self.span(span), &mut names);
        self.names = names;
        MacroCall {
            path: self.path(&mac.path, None),
            tokens: Arc::new(tokens),
            span,
        }
    }

    /// Adds a pattern to the body.
    pub(super) fn push_pat(&mut self, pat: Pat) -> PatId {
        let id = PatId(u32::try_from(self.body.pats.len()).unwrap_or(u32::MAX));
        self.body.pats.push(pat);
        id
    }

    /// Adds an expression to the body.
    pub(super) fn push_expr(&mut self, kind: ExprKind, span: Span) -> ExprId {
        let id = ExprId(u32::try_from(self.body.exprs.len()).unwrap_or(u32::MAX));
        self.body.exprs.push(Expr { kind, span });
        id
    }
}

/// A plain segment.
pub(super) fn segment(name: Name) -> Segment {
    Segment {
        name,
        args: ThinVec::new(),
        bindings: ThinVec::new(),
    }
}

pub(super) fn item_attrs(item: &syn::Item) -> &[syn::Attribute] {
    match item {
        syn::Item::Const(item) => &item.attrs,
        syn::Item::Enum(item) => &item.attrs,
        syn::Item::ExternCrate(item) => &item.attrs,
        syn::Item::Fn(item) => &item.attrs,
        syn::Item::Impl(item) => &item.attrs,
        syn::Item::Macro(item) => &item.attrs,
        syn::Item::Mod(item) => &item.attrs,
        syn::Item::Static(item) => &item.attrs,
        syn::Item::Struct(item) => &item.attrs,
        syn::Item::Trait(item) => &item.attrs,
        syn::Item::Type(item) => &item.attrs,
        syn::Item::Union(item) => &item.attrs,
        syn::Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

pub(super) fn item_span(item: &syn::Item) -> proc_macro2::Span {
    match item {
        syn::Item::Impl(item) => item.impl_token.span,
        syn::Item::Macro(item) => item
            .mac
            .path
            .segments
            .first()
            .map_or_else(proc_macro2::Span::call_site, |first| first.ident.span()),
        _ => proc_macro2::Span::call_site(),
    }
}
