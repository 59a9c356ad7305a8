//! Everything the scanned packages define: crates, modules, fns, types, traits, impls, each under a number.

use std::collections::{BTreeMap, BTreeSet};
use std::marker::PhantomData;
use std::ops::{Index, IndexMut};
use std::sync::Arc;

use rustc_hash::FxHashMap;
use thin_vec::ThinVec;

use crate::catalog::Service;

use super::bounds::Given;
use super::ir::{Attrs, FieldDef, FnItem, GenericParam, ImplItem, Name, Path, Span, TraitItem, TypeRef};
use super::types::Ty;

/// A growing table; ids come only from its own [`Arena::push`].
#[derive(Debug)]
pub struct Arena<I, T> {
    items: Vec<T>,
    id: PhantomData<fn() -> I>,
}

impl<I, T> Default for Arena<I, T> {
    fn default() -> Self {
        Self {
            items: Vec::new(),
            id: PhantomData,
        }
    }
}

/// A number in an [`Arena`].
pub trait Id: Copy {
    /// From an index.
    fn from_index(index: usize) -> Self;
    /// To an index.
    fn index(self) -> usize;
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u32);
        impl Id for $name {
            fn from_index(index: usize) -> Self {
                Self(u32::try_from(index).unwrap_or(u32::MAX))
            }
            fn index(self) -> usize {
                self.0 as usize
            }
        }
    )* };
}

ids! {
    /// A crate: one target of a package.
    CrateId,
    /// A module.
    ModId,
    /// A fn, method or constant.
    FnId,
    /// A struct, union or enum.
    AdtId,
    /// A trait.
    TraitId,
    /// An impl.
    ImplId,
    /// A type alias.
    AliasId,
    /// A generic parameter.
    ParamId,
    /// An SDK crate.
    SdkId,
}

impl<I: Id, T> Arena<I, T> {
    /// Adds an item.
    pub fn push(&mut self, item: T) -> I {
        self.items.push(item);
        I::from_index(self.items.len() - 1)
    }

    /// All ids.
    pub fn ids(&self) -> impl Iterator<Item = I> + use<I, T> {
        (0..self.items.len()).map(I::from_index)
    }

    /// All items with their ids.
    pub fn iter(&self) -> impl Iterator<Item = (I, &T)> {
        self.items
            .iter()
            .enumerate()
            .map(|(index, item)| (I::from_index(index), item))
    }
}

impl<I: Id, T> Index<I> for Arena<I, T> {
    type Output = T;
    #[allow(
        clippy::indexing_slicing,
        reason = "ids are made by `push` of the same table and never outlive it"
    )]
    fn index(&self, id: I) -> &T {
        &self.items[id.index()]
    }
}

impl<I: Id, T> IndexMut<I> for Arena<I, T> {
    #[allow(
        clippy::indexing_slicing,
        reason = "ids are made by `push` of the same table and never outlive it"
    )]
    fn index_mut(&mut self, id: I) -> &mut T {
        &mut self.items[id.index()]
    }
}

/// What a name stands for.
#[derive(Clone, Debug, PartialEq)]
pub enum Def {
    /// A module.
    Module(ModId),
    /// A type.
    Adt(AdtId),
    /// A variant of an enum.
    Variant(AdtId, u32),
    /// A trait.
    Trait(TraitId),
    /// A type alias.
    Alias(AliasId),
    /// A fn or constant.
    Fn(FnId),
    /// Something in an SDK crate: the crate and the path inside.
    Sdk(SdkId, Arc<[Name]>),
    /// Something in another crate that is not scanned: the full path.
    External(Arc<[Name]>),
}

/// What a name stands for as a type (or module) and as a value.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// As a type, trait or module.
    pub ty: Option<Def>,
    /// As a value.
    pub val: Option<Def>,
    /// Whether it only came through a glob import.
    pub glob: bool,
}

/// An import that is still to be resolved, or a glob.
#[derive(Clone, Debug)]
pub struct Import {
    /// Path.
    pub path: Path,
    /// Local name.
    pub alias: Name,
    /// `*`.
    pub glob: bool,
    /// Whether nothing can be added to what it was resolved to.
    pub done: bool,
}

/// A module, or the items inside a fn.
#[derive(Debug)]
pub struct Module {
    /// Its crate.
    pub krate: CrateId,
    /// The module around it.
    pub parent: Option<ModId>,
    /// Whether it is the inside of a fn, which also sees the names around it.
    pub is_block: bool,
    /// Its names.
    pub names: FxHashMap<Name, Names>,
    /// Its imports.
    pub imports: Vec<Import>,
}

/// A crate.
#[derive(Debug)]
pub struct CrateData {
    /// Index of its package.
    pub package: usize,
    /// Its root module.
    pub root: ModId,
}

/// A package as the scanner sees it.
#[derive(Debug, Default)]
pub struct PackageData {
    /// What a crate name in its code stands for.
    pub externs: BTreeMap<String, Extern>,
    /// Its library, once it is loaded.
    pub lib: Option<CrateId>,
    /// SDK crates in its dependency closure, sorted.
    pub sdks: BTreeSet<SdkId>,
    /// Packages in its dependency closure, itself included.
    pub closure: BTreeSet<usize>,
}

/// What the name of a dependency stands for.
#[derive(Clone, Debug)]
pub enum Extern {
    /// An SDK crate.
    Sdk(SdkId),
    /// A package that is scanned.
    Package(usize),
    /// Anything else, with its real name.
    Other(Name),
}

/// An SDK crate.
#[derive(Debug)]
pub struct Sdk<'a> {
    /// `aws-sdk-dynamodb`.
    pub package: String,
    /// Its entry in the catalogue, if it is known.
    pub service: Option<Service<'a>>,
}

/// Generic parameters and `Self` around an item.
#[derive(Clone, Debug)]
pub struct Scope {
    /// The module in which names are looked up.
    pub module: ModId,
    /// Parameters by name, inner ones last.
    pub params: Vec<(Name, ParamId)>,
    /// `Self`.
    pub self_ty: Option<Ty>,
    /// The trait whose items these are.
    pub of_trait: Option<TraitId>,
}

/// A generic parameter and what its bounds mean.
#[derive(Debug)]
pub struct ParamData {
    /// Name.
    pub name: Name,
    /// Bounds as written.
    pub bounds: ThinVec<Path>,
    /// Our traits among the bounds.
    pub traits: Vec<TraitId>,
    /// What is written behind each of them.
    pub given: Vec<Given>,
    /// What it erases to: the item of an iterator, the target of `Into`, …
    pub erased: Option<Ty>,
    /// For `Fn` bounds: inputs and output.
    pub call: Option<(Vec<Ty>, Ty)>,
}

/// What a fn belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// A module or fn.
    Free,
    /// An impl.
    Impl(ImplId),
    /// A trait.
    Trait(TraitId),
}

/// A fn, method or constant.
#[derive(Debug)]
pub struct FnData {
    /// Crate.
    pub krate: CrateId,
    /// What it belongs to.
    pub owner: Owner,
    /// Where its names are looked up.
    pub scope: Arc<Scope>,
    /// The item.
    pub item: Arc<FnItem>,
    /// Whether it is a constant or static.
    pub is_const: bool,
    /// Types of the parameters.
    pub params: Vec<Ty>,
    /// How many of the generic parameters, the last ones, stand for `impl Trait`.
    pub anonymous: usize,
    /// Return type; for `impl Trait` what the body returns, as far as it is known.
    pub ret: Ty,
}

/// A struct, union or enum.
#[derive(Debug)]
pub struct Adt {
    /// Name.
    pub name: Name,
    /// Parameters and module.
    pub scope: Arc<Scope>,
    /// Its parameters, in order.
    pub params: Vec<ParamId>,
    /// One variant for structs.
    pub variants: Vec<Variant>,
    /// Whether it is an enum.
    pub is_enum: bool,
    /// Attributes.
    pub attrs: Attrs,
    /// Impls of this type.
    pub impls: Vec<ImplId>,
}

/// A variant, or the fields of a struct.
#[derive(Debug)]
pub struct Variant {
    /// Name.
    pub name: Name,
    /// Fields as written.
    pub fields: Vec<FieldDef>,
    /// Their types.
    pub types: Vec<Ty>,
}

impl Variant {
    /// Index of a field.
    pub fn field(&self, name: &str) -> Option<usize> {
        self.fields.iter().position(|field| &*field.name == name)
    }
}

/// A trait.
#[derive(Debug)]
pub struct TraitData {
    /// Name.
    pub name: Name,
    /// Parameters and module.
    pub scope: Arc<Scope>,
    /// The item.
    pub item: Arc<TraitItem>,
    /// Its fns.
    pub fns: BTreeMap<Name, FnId>,
    /// Supertraits.
    pub supertraits: Vec<TraitId>,
    /// Impls.
    pub impls: Vec<ImplId>,
}

/// An impl.
#[derive(Debug)]
pub struct ImplData {
    /// Crate.
    pub krate: CrateId,
    /// Parameters, module, `Self`.
    pub scope: Arc<Scope>,
    /// The item.
    pub item: Arc<ImplItem>,
    /// Our trait that it implements.
    pub of_trait: Option<TraitId>,
    /// Whether it implements a trait of another crate; its last name.
    pub external_trait: Option<Name>,
    /// Arguments of the trait.
    pub trait_args: Vec<Ty>,
    /// `Self`.
    pub self_ty: Ty,
    /// Its fns.
    pub fns: BTreeMap<Name, FnId>,
    /// Its associated types.
    pub types: BTreeMap<Name, Ty>,
    /// Whether an unknown attribute macro may make its type, and call its methods.
    pub unknown_macro: bool,
    /// Whether that macro surely calls none of them.
    pub registers: bool,
}

impl ImplData {
    /// Whether code that is not read may call any of its fns on a value: those of outside traits, and what a macro
    /// finds there.
    pub fn is_called_outside(&self) -> bool {
        self.external_trait.is_some() || (self.unknown_macro && !(self.registers && self.of_trait.is_some()))
    }
}

/// A type alias.
#[derive(Debug)]
pub struct Alias {
    /// Parameters and module.
    pub scope: Arc<Scope>,
    /// Its parameters.
    pub params: Vec<ParamId>,
    /// What it stands for.
    pub target: TypeRef,
}

/// All definitions.
#[derive(Debug, Default)]
pub struct World<'a> {
    /// Packages, as in the Cargo tree.
    pub packages: Vec<PackageData>,
    /// Crates.
    pub crates: Arena<CrateId, CrateData>,
    /// Modules.
    pub modules: Arena<ModId, Module>,
    /// Fns and constants.
    pub fns: Arena<FnId, FnData>,
    /// Types.
    pub adts: Arena<AdtId, Adt>,
    /// Traits.
    pub traits: Arena<TraitId, TraitData>,
    /// Impls.
    pub impls: Arena<ImplId, ImplData>,
    /// Type aliases.
    pub aliases: Arena<AliasId, Alias>,
    /// Generic parameters.
    pub params: Arena<ParamId, ParamData>,
    /// SDK crates.
    pub sdks: Arena<SdkId, Sdk<'a>>,
    /// Crates that call AWS for the application and that some package depends on, by their names in paths.
    pub wrapped: BTreeSet<String>,
    /// Associated consts and fns by trait or impl are in their owners; methods of impls by name, for look-ups on
    /// receivers of other crates' types.
    pub methods: FxHashMap<Name, Vec<FnId>>,
    /// Traits by the names of their fns.
    pub trait_fns: FxHashMap<Name, Vec<TraitId>>,
    /// Impls whose `Self` is not one of our types.
    pub foreign_impls: Vec<ImplId>,
    /// The same by the names of their fns and of those that their traits give.
    pub foreign_fns: FxHashMap<Name, Vec<ImplId>>,
}

impl World<'_> {
    /// Gives the memory back on a thread of the pool, and does not wait for it: it takes a while.
    pub fn discard(self) {
        let Self {
            fns,
            adts,
            impls,
            modules,
            ..
        } = self;
        rayon::spawn(move || drop((fns, adts, impls, modules)));
    }

    /// How a fn is called in reports: `handler`, `Store::put`.
    pub fn display(&self, id: FnId) -> String {
        let data = &self.fns[id];
        match data.owner {
            Owner::Free => data.item.name.to_string(),
            Owner::Trait(owner) => format!("{}::{}", self.traits[owner].name, data.item.name),
            Owner::Impl(owner) => {
                let name = self.type_name(&self.impls[owner].self_ty);
                match name.as_str() {
                    "" => data.item.name.to_string(),
                    name => format!("{name}::{}", data.item.name),
                }
            }
        }
    }

    fn type_name(&self, ty: &Ty) -> String {
        match ty {
            Ty::Adt(id, _) => self.adts[*id].name.to_string(),
            Ty::Client(_) => "Client".to_owned(),
            Ty::External(Some(name)) => name.to_string(),
            Ty::Param(id) => self.params[*id].name.to_string(),
            Ty::Dyn(traits) => traits
                .first()
                .map(|id| self.traits[*id].name.to_string())
                .unwrap_or_default(),
            _ => String::new(),
        }
    }

    /// The place where a fn's name stands.
    pub fn span(&self, id: FnId) -> Span {
        self.fns[id].item.span
    }

    /// The package of a crate.
    pub fn package_of(&self, krate: CrateId) -> usize {
        self.crates[krate].package
    }

    /// The SDK crate numbers that a crate may use.
    pub fn sdks_of(&self, krate: CrateId) -> Option<&BTreeSet<SdkId>> {
        self.packages
            .get(self.package_of(krate))
            .map(|package| &package.sdks)
    }

    /// Whether `from` can see items of `to`.
    pub fn sees(&self, from: CrateId, to: CrateId) -> bool {
        if from == to {
            return true;
        }
        let target = self.package_of(to);
        let lib = self.packages.get(target).and_then(|package| package.lib);
        lib == Some(to)
            && self
                .packages
                .get(self.package_of(from))
                .is_some_and(|package| package.closure.contains(&target))
    }

    /// Generic parameters as written, for those who make scopes.
    pub fn new_params(&mut self, generics: &[GenericParam]) -> Vec<(Name, ParamId)> {
        generics
            .iter()
            .map(|param| {
                let id = self.params.push(ParamData {
                    name: param.name.clone(),
                    bounds: param.bounds.clone(),
                    traits: Vec::new(),
                    given: Vec::new(),
                    erased: None,
                    call: None,
                });
                (param.name.clone(), id)
            })
            .collect()
    }
}
