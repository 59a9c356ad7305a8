//! Expansion of macros in items and bodies: local `macro_rules!`, the well-known macros, and for all others every
//! reading of their tokens as expressions.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::cfg::CfgContext;
use super::ir::{
    Attrs, Body, Expr, ExprId, ExprKind, FnItem, ImplItem, Item, ItemKind, MacroCall, Name, Span, Tok,
    TraitItem,
};
use super::lower::{BodyBuilder, Lowerer};
use super::macro_rules::{Rule, crate_marker, expand, parse_rules};
use super::token_slices::{called_names, written_text};
use super::tokens::Placed;

/// Depth of macros that expand to macros.
pub(super) const MAX_DEPTH: usize = 24;
/// Tokens that the macros of one body or one item list may produce.
const TOKEN_BUDGET: usize = 1_000_000;

/// Every `macro_rules!` of the scanned packages by name.
#[derive(Debug, Default)]
pub struct MacroTable {
    by_name: BTreeMap<Name, Vec<Definition>>,
}

/// A macro.
#[derive(Clone, Debug)]
struct Definition {
    /// The package that defines it.
    package: usize,
    /// As written.
    tokens: Arc<Vec<Tok>>,
    rules: Arc<Vec<Rule>>,
}

impl MacroTable {
    /// Whether `package` sees a macro of this name, which it or one of `visible` defines.
    pub fn defines(&self, name: &str, package: usize, visible: &[usize]) -> bool {
        let found = self.by_name.get(name).into_iter().flatten();
        found
            .map(|definition| definition.package)
            .any(|owner| owner == package || visible.contains(&owner))
    }

    /// Takes over the rules of an older table for macros that are still the same.
    fn rules(older: &Self, name: &Name, tokens: &Arc<Vec<Tok>>) -> Arc<Vec<Rule>> {
        let known = older.by_name.get(name).into_iter().flatten();
        known
            .filter(|definition| Arc::ptr_eq(&definition.tokens, tokens))
            .map(|definition| definition.rules.clone())
            .next()
            .unwrap_or_else(|| Arc::new(parse_rules(tokens)))
    }

    /// Adds the macros defined in `items` of `package`, those in fns and modules too. `older` is a table of the same
    /// packages.
    pub fn collect(&mut self, package: usize, items: &[Item], older: &Self) {
        for item in items {
            match &item.kind {
                ItemKind::MacroRules(tokens) => {
                    let definition = Definition {
                        package,
                        tokens: tokens.clone(),
                        rules: Self::rules(older, &item.name, tokens),
                    };
                    self.by_name
                        .entry(item.name.clone())
                        .or_default()
                        .push(definition);
                }
                ItemKind::Mod(Some(items)) => self.collect(package, items, older),
                ItemKind::Fn(item) => self.collect(package, &item.items, older),
                ItemKind::Impl(item) => {
                    for method in &item.fns {
                        self.collect(package, &method.items, older);
                    }
                }
                _ => {}
            }
        }
    }

    /// Definitions of `name` that `package` can see: its own first, then those of the packages it depends on.
    fn find(&self, name: &str, package: usize, visible: &[usize]) -> Vec<Definition> {
        let Some(found) = self.by_name.get(name) else {
            return Vec::new();
        };
        let own = found.iter().filter(|found| found.package == package);
        let others = found
            .iter()
            .filter(|found| found.package != package && visible.contains(&found.package));
        own.chain(others).cloned().collect()
    }
}

/// An invocation whose tokens nobody could read.
#[derive(Clone, Debug)]
pub struct OpaqueMacro {
    /// Its name.
    pub name: Name,
    /// Where it is invoked.
    pub span: Span,
    /// Identifiers that are followed by `()`, and thus may be calls of operations.
    pub calls: Vec<Name>,
}

/// Items of one module beyond which item macros are left alone.
const MAX_ITEMS: usize = 20_000;

/// What the expanders of all files share.
pub struct Ground<'a> {
    /// Packages that each package depends on.
    pub visible: &'a [Vec<usize>],
    /// Conditions of each package.
    pub cfgs: &'a [CfgContext],
    /// Those of a package that has none.
    pub default: CfgContext,
}

impl Ground<'_> {
    /// An expander for the file of this index.
    pub fn expander<'e>(&'e self, file: usize, package: usize, table: &'e MacroTable) -> Expander<'e> {
        Expander::new(
            package,
            self.visible.get(package).map_or(&[], Vec::as_slice),
            u32::try_from(file).unwrap_or(u32::MAX),
            self.cfgs.get(package).unwrap_or(&self.default),
            table,
        )
    }
}

/// Expands the macros of one file.
pub struct Expander<'a> {
    /// Package of the file.
    pub package: usize,
    /// Packages it depends on.
    pub visible: &'a [usize],
    /// Index of the file.
    pub file: u32,
    /// Conditions.
    pub cfg: &'a CfgContext,
    /// Known macros.
    pub table: &'a MacroTable,
    /// Invocations that stay unread.
    pub opaque: Vec<OpaqueMacro>,
    /// The invocation whose tokens are being read, for `opaque`.
    pub(super) reading: Option<(Name, Span)>,
    budget: usize,
}

impl<'a> Expander<'a> {
    /// An expander for `file` of `package`.
    pub fn new(
        package: usize,
        visible: &'a [usize],
        file: u32,
        cfg: &'a CfgContext,
        table: &'a MacroTable,
    ) -> Self {
        Self {
            package,
            visible,
            file,
            cfg,
            table,
            opaque: Vec::new(),
            reading: None,
            budget: TOKEN_BUDGET,
        }
    }

    /// Expands one level of item macros; `true` if anything changed.
    pub fn item_macros(&mut self, items: &mut Vec<Item>) -> bool {
        let mut changed = false;
        if items.len() > MAX_ITEMS {
            return false;
        }
        let mut out = Vec::with_capacity(items.len());
        for mut item in std::mem::take(items) {
            match &mut item.kind {
                ItemKind::Macro(call) => {
                    let call = call.clone();
                    match self.expand_items(&call) {
                        Some(expanded) => {
                            changed = true;
                            out.extend(expanded);
                        }
                        None => self.note_opaque(&call),
                    }
                    continue;
                }
                ItemKind::Mod(Some(inner)) => changed |= self.item_macros(inner),
                ItemKind::Impl(implementation) if !implementation.macros.is_empty() => {
                    let implementation = Arc::make_mut(implementation);
                    self.impl_macros(implementation);
                    changed = true;
                }
                _ => {}
            }
            out.push(item);
        }
        *items = out;
        changed
    }

    fn impl_macros(&mut self, implementation: &mut ImplItem) {
        for call in std::mem::take(&mut implementation.macros) {
            let mut done = false;
            if let Some(tokens) = self.local(&call) {
                let placed = Placed::in_impl(&tokens);
                if let Ok(parsed) = syn::parse2::<syn::ItemImpl>(placed.stream) {
                    let mut lowerer = Lowerer::new(self.file, Some(&placed.origins), self.cfg);
                    lowerer.impl_members(&parsed.items, implementation);
                    done = true;
                }
            }
            if !done {
                self.note_opaque(&call);
            }
        }
    }

    /// The items that an item macro stands for.
    fn expand_items(&mut self, call: &MacroCall) -> Option<Vec<Item>> {
        if let Some(tokens) = self.local(call) {
            return self.parse_items(&tokens);
        }
        match call.path.last_name() {
            "lazy_static" => {
                let tokens: Vec<Tok> = call
                    .tokens
                    .iter()
                    .filter(|tok| !matches!(tok, Tok::Ident(word, _) if &**word == "ref"))
                    .cloned()
                    .collect();
                self.parse_items(&tokens)
            }
            "thread_local" => {
                let mut tokens = (*call.tokens).clone();
                if !matches!(tokens.last(), Some(Tok::Punct(';', ..))) {
                    tokens.push(Tok::Punct(';', false, call.span));
                }
                self.parse_items(&tokens)
            }
            "cfg_if" => {
                // Every branch is kept: which one is built cannot be told.
                let mut items = Vec::new();
                for tok in call.tokens.iter() {
                    if let Tok::Group('{', inner, _) = tok {
                        items.extend(self.parse_items(inner)?);
                    }
                }
                Some(items)
            }
            "include" => {
                let path: Name = Arc::from(written_text(&call.tokens, 0)?);
                Some(vec![Item {
                    name: Arc::from(""),
                    span: call.span,
                    attrs: Attrs::default(),
                    kind: ItemKind::Include(path),
                }])
            }
            _ => self.parse_items(&call.tokens),
        }
    }

    fn parse_items(&mut self, tokens: &[Tok]) -> Option<Vec<Item>> {
        let placed = Placed::new(tokens);
        let parsed = syn::parse2::<syn::File>(placed.stream).ok()?;
        let mut lowerer = Lowerer::new(self.file, Some(&placed.origins), self.cfg);
        Some(lowerer.items(&parsed.items))
    }

    /// The expansion by a local `macro_rules!`, if there is one that fits.
    fn local(&mut self, call: &MacroCall) -> Option<Vec<Tok>> {
        let table = self.table;
        for found in table.find(call.path.last_name(), self.package, self.visible) {
            let marker = crate_marker(found.package);
            if let Some(tokens) = expand(&found.rules, &call.tokens, &marker, &mut self.budget) {
                return Some(tokens);
            }
        }
        None
    }

    /// Notes calls in tokens that do not parse, without those inside groups, which are read on their own.
    pub(super) fn note_unread(&mut self, tokens: &[Tok]) {
        let calls: Vec<Name> = tokens
            .windows(2)
            .filter_map(|pair| match pair {
                [Tok::Ident(name, _), Tok::Group('(', inner, _)] if inner.is_empty() => Some(name.clone()),
                _ => None,
            })
            .collect();
        if let (false, Some((name, span))) = (calls.is_empty(), self.reading.clone()) {
            self.opaque.push(OpaqueMacro { name, span, calls });
        }
    }

    pub(super) fn note_opaque(&mut self, call: &MacroCall) {
        let mut calls = Vec::new();
        called_names(&call.tokens, &mut calls);
        self.opaque.push(OpaqueMacro {
            name: Arc::from(call.path.last_name()),
            span: call.span,
            calls,
        });
    }

    /// Expands the macros in every body of `items`.
    pub fn bodies(&mut self, items: &mut [Item], depth: usize) {
        if depth > MAX_DEPTH {
            return;
        }
        for item in items.iter_mut() {
            match &mut item.kind {
                ItemKind::Fn(item) | ItemKind::Const(item) => self.fn_bodies(item, depth),
                ItemKind::Mod(Some(items)) => self.bodies(items, depth + 1),
                ItemKind::Impl(item) => {
                    let ImplItem { fns, consts, .. } = Arc::make_mut(item);
                    for method in fns.iter_mut().chain(consts) {
                        self.fn_bodies(method, depth);
                    }
                }
                ItemKind::Trait(item) => {
                    let TraitItem { fns, consts, .. } = Arc::make_mut(item);
                    for method in fns.iter_mut().chain(consts) {
                        self.fn_bodies(method, depth);
                    }
                }
                _ => {}
            }
        }
    }

    fn fn_bodies(&mut self, item: &mut Arc<FnItem>, depth: usize) {
        let wants = item.body.as_ref().is_some_and(|body| body.has_macros);
        if !wants && item.items.is_empty() {
            return;
        }
        let item = Arc::make_mut(item);
        if let (true, Some(body)) = (wants, &mut item.body) {
            let mut builder = BodyBuilder::default();
            self.budget = TOKEN_BUDGET;
            self.body(Arc::make_mut(body), &mut builder);
            item.items.append(&mut builder.items);
        }
        if !item.items.is_empty() {
            let mut rounds = 0;
            while self.item_macros(&mut item.items) && rounds < MAX_DEPTH {
                rounds += 1;
            }
            self.bodies(&mut item.items, depth + 1);
        }
    }

    /// Replaces each macro of the body by what it stands for, until none is left.
    fn body(&mut self, body: &mut Body, builder: &mut BodyBuilder) {
        builder.exprs = std::mem::take(&mut body.exprs);
        builder.pats = std::mem::take(&mut body.pats);
        let mut levels: BTreeMap<u32, usize> = BTreeMap::new();
        let mut at = 0_usize;
        while let Some(expr) = builder.exprs.get(at) {
            if let ExprKind::Macro(call) = &expr.kind {
                let call = call.clone();
                let index = u32::try_from(at).unwrap_or(u32::MAX);
                let level = levels.get(&index).copied().unwrap_or(0);
                let before = builder.exprs.len();
                let kind = if level < MAX_DEPTH && before < 2_000_000 {
                    self.expression(&call, builder)
                } else {
                    self.note_opaque(&call);
                    ExprKind::Missing
                };
                for new in before..builder.exprs.len() {
                    if builder
                        .exprs
                        .get(new)
                        .is_some_and(|expr| matches!(expr.kind, ExprKind::Macro(_)))
                    {
                        levels.insert(u32::try_from(new).unwrap_or(u32::MAX), level + 1);
                    }
                }
                if let Some(expr) = builder.exprs.get_mut(at) {
                    expr.kind = kind;
                }
            }
            at += 1;
        }
        body.exprs = std::mem::take(&mut builder.exprs);
        body.pats = std::mem::take(&mut builder.pats);
        body.mut_refs.append(&mut builder.mut_refs);
        body.has_macros = false;
    }

    fn expression(&mut self, call: &MacroCall, builder: &mut BodyBuilder) -> ExprKind {
        self.reading = Some((Arc::from(call.path.last_name()), call.span));
        if let Some(tokens) = self.local(call) {
            return match self.parse_stmts(&tokens, builder) {
                Some(kind) => kind,
                None => {
                    let ids = self.every_reading(&tokens, builder, 0);
                    ExprKind::AnyOf(ids)
                }
            };
        }
        if let Some(kind) = self.well_known(call, builder) {
            return kind;
        }
        let ids = self.every_reading(&call.tokens, builder, 0);
        ExprKind::AnyOf(ids)
    }
}

/// Adds an expression.
pub(super) fn push(builder: &mut BodyBuilder, kind: ExprKind, span: Span) -> ExprId {
    let id = ExprId(u32::try_from(builder.exprs.len()).unwrap_or(u32::MAX));
    builder.exprs.push(Expr { kind, span });
    id
}
