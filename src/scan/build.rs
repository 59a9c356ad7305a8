//! Filling the [`World`]: module trees of every crate, then types, bounds, impls and signatures.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::files::{Files, candidates, folder};
use super::ir::{FnItem, Item, ItemKind, Name, Span};
use super::types::Ty;
use super::world::{
    Adt, Alias, CrateData, CrateId, Def, FnData, FnId, ImplData, Import, ModId, Module, Owner, ParamId,
    Scope, TraitData, TraitId, Variant, World,
};

/// Nested modules, or fns in fns, beyond which items are not read.
const MAX_MODULE_DEPTH: usize = 64;

/// Puts crates into a world.
pub struct Builder<'w, 'a> {
    /// The world.
    pub world: &'w mut World<'a>,
    /// The files.
    pub files: &'w Files,
}

struct Place {
    krate: CrateId,
    module: ModId,
    file: u32,
    base: String,
    package: usize,
    params: Vec<(Name, ParamId)>,
    depth: usize,
}

impl Builder<'_, '_> {
    /// Adds the crate with this root file.
    pub fn add_crate(&mut self, package: usize, root_file: u32) -> CrateId {
        let krate = self.world.crates.push(CrateData {
            package,
            root: ModId(0),
        });
        let root = self.new_module(krate, None, false);
        self.world.crates[krate].root = root;
        let mut visited = BTreeSet::new();
        self.file_module(krate, root, root_file, package, 0, true, &mut visited);
        krate
    }

    fn new_module(&mut self, krate: CrateId, parent: Option<ModId>, is_block: bool) -> ModId {
        self.world.modules.push(Module {
            krate,
            parent,
            is_block,
            names: FxHashMap::default(),
            imports: Vec::new(),
        })
    }

    #[allow(
        clippy::too_many_arguments,
        reason = "one recursive walk with its whole state"
    )]
    fn file_module(
        &mut self,
        krate: CrateId,
        module: ModId,
        file: u32,
        package: usize,
        depth: usize,
        is_root: bool,
        visited: &mut BTreeSet<u32>,
    ) {
        // The same file twice in one crate, below itself: a cycle.
        if depth > MAX_MODULE_DEPTH || !visited.insert(file) {
            return;
        }
        let files = self.files;
        let Some(source) = files.files.get(file as usize) else {
            return;
        };
        let base = if is_root {
            source
                .path
                .rsplit_once('/')
                .map_or(String::new(), |(dir, _)| dir.to_owned())
        } else {
            super::files::module_base(&source.path)
        };
        let place = Place {
            krate,
            module,
            file,
            base,
            package,
            params: Vec::new(),
            depth,
        };
        self.items(&source.items, &place, visited);
        visited.remove(&file);
    }

    fn items(&mut self, items: &[Item], place: &Place, visited: &mut BTreeSet<u32>) {
        if place.depth > MAX_MODULE_DEPTH {
            return;
        }
        for item in items {
            self.item(item, place, visited);
        }
    }

    fn item(&mut self, item: &Item, place: &Place, visited: &mut BTreeSet<u32>) {
        match &item.kind {
            ItemKind::Fn(fn_item) => {
                let id = self.add_fn(fn_item, place, Owner::Free, None, false, visited);
                self.define(place.module, &item.name, None, Some(Def::Fn(id)));
            }
            ItemKind::Const(fn_item) => {
                let id = self.add_fn(fn_item, place, Owner::Free, None, true, visited);
                self.define(place.module, &item.name, None, Some(Def::Fn(id)));
            }
            ItemKind::Struct(generics, fields, tuple) => {
                let variant = Variant {
                    name: item.name.clone(),
                    fields: fields.clone(),
                    types: Vec::new(),
                };
                let id = self.add_adt(item, generics, vec![variant], false, place);
                let value = tuple.then_some(Def::Adt(id));
                self.define(place.module, &item.name, Some(Def::Adt(id)), value);
            }
            ItemKind::Enum(generics, variants) => {
                let variants = variants
                    .iter()
                    .map(|variant| Variant {
                        name: variant.name.clone(),
                        fields: variant.fields.clone(),
                        types: Vec::new(),
                    })
                    .collect();
                let id = self.add_adt(item, generics, variants, true, place);
                self.define(place.module, &item.name, Some(Def::Adt(id)), None);
            }
            ItemKind::Alias(generics, target) => {
                let params = self.world.new_params(generics);
                let scope = self.scope(place, &params, None, None);
                let id = self.world.aliases.push(Alias {
                    scope,
                    params: params.iter().map(|(_, id)| *id).collect(),
                    target: target.clone(),
                });
                // An alias of a tuple struct is no constructor, but its associated fns go by the type.
                self.define(place.module, &item.name, Some(Def::Alias(id)), None);
            }
            ItemKind::Trait(trait_item) => self.add_trait(item, trait_item, place, visited),
            ItemKind::Impl(impl_item) => {
                let params = self.world.new_params(&impl_item.generics);
                let scope = self.scope(place, &params, None, None);
                let id = self.world.impls.push(ImplData {
                    krate: place.krate,
                    scope,
                    item: impl_item.clone(),
                    of_trait: None,
                    external_trait: None,
                    trait_args: Vec::new(),
                    self_ty: Ty::Unknown,
                    fns: BTreeMap::new(),
                    types: BTreeMap::new(),
                    unknown_macro: item.attrs.unknown_macro,
                    registers: item.attrs.registers,
                });
                let mut fns = BTreeMap::new();
                let members = impl_item.fns.iter().map(|item| (item, false));
                let consts = impl_item.consts.iter().map(|item| (item, true));
                for (fn_item, is_const) in members.chain(consts) {
                    let owner = Owner::Impl(id);
                    let fn_id = self.add_fn(fn_item, place, owner, Some(&params), is_const, visited);
                    fns.insert(fn_item.name.clone(), fn_id);
                }
                self.world.impls[id].fns = fns;
            }
            ItemKind::Mod(content) => self.add_module(item, content.as_deref(), place, visited),
            ItemKind::Use { path, alias, glob } => {
                self.world.modules[place.module].imports.push(Import {
                    path: path.clone(),
                    alias: alias.clone(),
                    glob: *glob,
                    done: false,
                });
            }
            ItemKind::ExternCrate(source) => {
                if let Some(def) = self.world.extern_crate(place.module, source) {
                    self.define(place.module, &item.name, Some(def), None);
                }
            }
            ItemKind::Include(path) => self.include(path, place, visited),
            ItemKind::MacroRules(_) | ItemKind::Macro(_) => {}
        }
    }

    fn define(&mut self, module: ModId, name: &Name, ty: Option<Def>, val: Option<Def>) {
        let names = self.world.modules[module].names.entry(name.clone()).or_default();
        if ty.is_some() && (names.ty.is_none() || names.glob) {
            names.ty = ty;
        }
        if val.is_some() && (names.val.is_none() || names.glob) {
            names.val = val;
        }
        names.glob = false;
    }

    fn add_module(
        &mut self,
        item: &Item,
        content: Option<&[Item]>,
        place: &Place,
        visited: &mut BTreeSet<u32>,
    ) {
        let module = self.new_module(place.krate, Some(place.module), false);
        self.define(place.module, &item.name, Some(Def::Module(module)), None);
        match content {
            Some(items) => {
                let base = match &item.attrs.path {
                    Some(path) => crate::workspace::cargo::join(&place.base, path),
                    None => crate::workspace::cargo::join(&place.base, &item.name),
                };
                let inner = Place {
                    krate: place.krate,
                    module,
                    file: place.file,
                    base,
                    package: place.package,
                    params: Vec::new(),
                    depth: place.depth + 1,
                };
                self.items(items, &inner, visited);
            }
            None => {
                let path = self
                    .files
                    .files
                    .get(place.file as usize)
                    .map(|file| file.path.clone())
                    .unwrap_or_default();
                let found = candidates(item, &place.base, &path)
                    .iter()
                    .find_map(|path| self.files.find(place.package, path));
                if let Some(file) = found {
                    let depth = place.depth + 1;
                    self.file_module(place.krate, module, file, place.package, depth, false, visited);
                }
            }
        }
    }

    /// The items of an included file, as if they stood here.
    fn include(&mut self, path: &str, place: &Place, visited: &mut BTreeSet<u32>) {
        let files = self.files;
        let Some(source) = files.files.get(place.file as usize) else {
            return;
        };
        let path = crate::workspace::cargo::join(folder(&source.path), path);
        let Some(file) = files.find(place.package, &path) else {
            return;
        };
        let Some(included) = files.files.get(file as usize) else {
            return;
        };
        if place.depth > MAX_MODULE_DEPTH || !visited.insert(file) {
            return;
        }
        let inner = Place {
            krate: place.krate,
            module: place.module,
            file,
            base: included.base.clone(),
            package: place.package,
            params: place.params.clone(),
            depth: place.depth + 1,
        };
        self.items(&included.items, &inner, visited);
        visited.remove(&file);
    }

    fn scope(
        &self,
        place: &Place,
        params: &[(Name, ParamId)],
        self_ty: Option<Ty>,
        of_trait: Option<TraitId>,
    ) -> Arc<Scope> {
        let mut all = place.params.clone();
        all.extend(params.iter().cloned());
        Arc::new(Scope {
            module: place.module,
            params: all,
            self_ty,
            of_trait,
        })
    }

    fn add_adt(
        &mut self,
        item: &Item,
        generics: &[super::ir::GenericParam],
        variants: Vec<Variant>,
        is_enum: bool,
        place: &Place,
    ) -> super::world::AdtId {
        let params = self.world.new_params(generics);
        let scope = self.scope(place, &params, None, None);
        self.world.adts.push(Adt {
            name: item.name.clone(),
            scope,
            params: params.iter().map(|(_, id)| *id).collect(),
            variants,
            is_enum,
            attrs: item.attrs.clone(),
            impls: Vec::new(),
        })
    }

    fn add_trait(
        &mut self,
        item: &Item,
        trait_item: &Arc<super::ir::TraitItem>,
        place: &Place,
        visited: &mut BTreeSet<u32>,
    ) {
        let params = self.world.new_params(&trait_item.generics);
        let scope = self.scope(place, &params, None, None);
        let id = self.world.traits.push(TraitData {
            name: item.name.clone(),
            scope,
            item: trait_item.clone(),
            fns: BTreeMap::new(),
            supertraits: Vec::new(),
            impls: Vec::new(),
        });
        self.define(place.module, &item.name, Some(Def::Trait(id)), None);
        let mut fns = BTreeMap::new();
        let members = trait_item.fns.iter().map(|item| (item, false));
        let consts = trait_item.consts.iter().map(|item| (item, true));
        for (fn_item, is_const) in members.chain(consts) {
            let owner = Owner::Trait(id);
            let fn_id = self.add_fn(fn_item, place, owner, Some(&params), is_const, visited);
            fns.insert(fn_item.name.clone(), fn_id);
        }
        self.world.traits[id].fns = fns;
    }

    fn add_fn(
        &mut self,
        item: &Arc<FnItem>,
        place: &Place,
        owner: Owner,
        outer: Option<&[(Name, ParamId)]>,
        is_const: bool,
        visited: &mut BTreeSet<u32>,
    ) -> FnId {
        let mut params = outer.map(<[_]>::to_vec).unwrap_or_default();
        params.extend(self.world.new_params(&item.generics));
        let mut module = place.module;
        if !item.items.is_empty() {
            module = self.new_module(place.krate, Some(place.module), true);
        }
        let inner = Place {
            krate: place.krate,
            module,
            file: place.file,
            base: place.base.clone(),
            package: place.package,
            params: place.params.clone(),
            depth: place.depth + 1,
        };
        let scope = self.scope(&inner, &params, None, None);
        let id = self.world.fns.push(FnData {
            krate: place.krate,
            owner,
            scope,
            item: item.clone(),
            is_const,
            params: Vec::new(),
            anonymous: 0,
            ret: Ty::Unknown,
        });
        if !item.items.is_empty() {
            self.items(&item.items, &inner, visited);
        }
        id
    }
}

/// Where a span lies, for reports.
pub fn location(files: &Files, span: Span) -> crate::usage::Location {
    let path = files
        .files
        .get(span.file as usize)
        .map(|file| file.path.clone())
        .unwrap_or_default();
    crate::usage::Location::new(path, span.line.max(1), span.column.max(1))
}
