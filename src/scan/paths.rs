//! Names: what a path means in a module. Imports are resolved to a fixpoint once, so that a look-up is one walk and
//! glob cycles cannot blow up.

use std::sync::{Arc, LazyLock};

use rayon::prelude::*;
use rustc_hash::FxHashMap;

use super::ir::{Name, Path, Segment};
use super::macro_rules::marked_package;
use super::world::{CrateId, Def, Extern, ModId, Names, World};

/// Rounds after which imports that are still open stay open.
const MAX_ROUNDS: usize = 40;
/// Names that one module may take over through globs.
const MAX_GLOB_NAMES: usize = 50_000;

/// What imports of one module bring in.
#[derive(Default)]
struct Found {
    /// Names, in the order of the imports.
    names: Vec<(Name, Names)>,
    /// Imports to which nothing can be added, by index.
    done: Vec<usize>,
}

impl World<'_> {
    /// Resolves every import, globs too: in rounds, each of which sees what the one before has found, so that the order of
    /// modules and threads means nothing.
    pub fn resolve_imports(&mut self) {
        let has_open = |world: &Self, module: ModId| {
            let mut imports = world.modules[module].imports.iter();
            imports.any(|import| !import.done)
        };
        let mut open: Vec<ModId> = self.modules.ids().collect();
        for _ in 0..MAX_ROUNDS {
            open.retain(|module| has_open(self, *module));
            let shared: &Self = self;
            let found: Vec<Found> = open
                .par_iter()
                .map(|module| shared.look_up_imports(*module))
                .collect();
            let mut changed = false;
            for (module, found) in open.iter().zip(found) {
                changed |= self.take_in(*module, found);
            }
            if !changed {
                break;
            }
        }
    }

    /// What the open imports of a module bring in, as far as is known.
    fn look_up_imports(&self, module: ModId) -> Found {
        let mut found = Found::default();
        for (index, import) in self.modules[module].imports.iter().enumerate() {
            if import.done {
                continue;
            }
            if import.glob {
                self.look_up_glob(module, &import.path, &mut found);
                continue;
            }
            let (ty, val, settled) = self.look_up_import(module, &import.path, &import.alias);
            // What lies in other crates is all there; modules of ours may still get names.
            if settled
                || matches!(ty, Some(Def::External(_) | Def::Sdk(..)))
                || (ty.is_some() && val.is_some())
            {
                found.done.push(index);
            }
            if &*import.alias != "_" && (ty.is_some() || val.is_some()) {
                let names = Names { ty, val, glob: false };
                found.names.push((import.alias.clone(), names));
            }
        }
        found
    }

    /// What one import means as a type and as a value, and whether no other import can add to that.
    fn look_up_import(&self, module: ModId, path: &Path, alias: &Name) -> (Option<Def>, Option<Def>, bool) {
        let Some((last, [first, between @ ..])) = path.segments.split_last() else {
            let ty = self.resolve_names(module, path, true, Some(alias));
            let val = self.resolve_names(module, path, false, Some(alias));
            return (ty, val, false);
        };
        let start = match path.global {
            true => self.extern_crate(module, &first.name),
            false => self.resolve_first(module, &first.name, true, false, Some(alias)),
        };
        let step = |def: Option<Def>, segment: &Segment| self.step(&def?, &segment.name, true);
        let Some(owner) = between.iter().fold(start, step) else {
            return (None, None, false);
        };
        let ty = self.step(&owner, &last.name, true);
        let val = self.step(&owner, &last.name, false);
        let settled = match owner {
            Def::Module(owner) => self.is_settled(owner, &last.name),
            _ => false,
        };
        (ty, val, settled)
    }

    /// Whether a module has a name of its own that none of its open imports can add to.
    fn is_settled(&self, module: ModId, name: &Name) -> bool {
        let data = &self.modules[module];
        let own = data.names.get(name).is_some_and(|names| !names.glob);
        own && !(data.imports.iter()).any(|import| !import.done && (import.glob || import.alias == *name))
    }

    /// Puts what imports bring in into their module; whether that is news.
    fn take_in(&mut self, module: ModId, found: Found) -> bool {
        let data = &mut self.modules[module];
        for index in found.done {
            if let Some(import) = data.imports.get_mut(index) {
                import.done = true;
            }
        }
        let mut changed = false;
        for (name, found) in found.names {
            let names = data.names.entry(name).or_insert(Names {
                glob: found.glob,
                ..Names::default()
            });
            for (slot, value) in [(&mut names.ty, found.ty), (&mut names.val, found.val)] {
                let Some(value) = value else { continue };
                let gives_way = slot.is_none() || (names.glob && !found.glob);
                if gives_way && slot.as_ref() != Some(&value) {
                    *slot = Some(value);
                    changed = true;
                }
            }
            names.glob &= found.glob;
        }
        changed
    }

    fn look_up_glob(&self, module: ModId, path: &Path, found: &mut Found) {
        match self.resolve_path(module, path, true) {
            Some(Def::Module(source)) if source != module => {
                if self.modules[source].names.len() > MAX_GLOB_NAMES {
                    return;
                }
                let held = &self.modules[module].names;
                let lacks = |name: &Name, found: &Names| match held.get(name) {
                    None => true,
                    Some(known) => {
                        (known.ty.is_none() && found.ty.is_some())
                            || (known.val.is_none() && found.val.is_some())
                    }
                };
                // Each name goes its own way, so that their order does not matter.
                let names = self.modules[source].names.iter();
                let lacking = names.filter(|(name, names)| lacks(name, names));
                found.names.extend(lacking.map(|(name, names)| {
                    let names = Names {
                        glob: true,
                        ..names.clone()
                    };
                    (name.clone(), names)
                }));
            }
            Some(Def::Adt(id)) if self.adts[id].is_enum => {
                for (index, variant) in self.adts[id].variants.iter().enumerate() {
                    let def = Def::Variant(id, u32::try_from(index).unwrap_or(0));
                    let names = Names {
                        ty: Some(def.clone()),
                        val: Some(def),
                        glob: true,
                    };
                    found.names.push((variant.name.clone(), names));
                }
            }
            Some(Def::Sdk(sdk, inner)) if inner.is_empty() => {
                // `use aws_sdk_s3::*`: the names that count.
                for name in ["Client", "types", "operation", "config", "primitives", "model"] {
                    let name: Name = Arc::from(name);
                    let names = Names {
                        ty: Some(Def::Sdk(sdk, [name.clone()].into())),
                        val: None,
                        glob: true,
                    };
                    found.names.push((name, names));
                }
            }
            _ => {}
        }
    }

    /// The definition a path names, as a type (`types`) or as a value. `None` if it cannot be told.
    pub fn resolve_path(&self, module: ModId, path: &Path, types: bool) -> Option<Def> {
        self.resolve_names(module, path, types, None)
    }

    /// `skip`: an import that is being resolved must not find itself for its first segment.
    fn resolve_names(&self, module: ModId, path: &Path, types: bool, skip: Option<&Name>) -> Option<Def> {
        let (first, rest) = path.segments.split_first()?;
        let first = &first.name;
        let last_only = rest.is_empty();
        let mut def = if path.global {
            self.extern_crate(module, first)?
        } else {
            self.resolve_first(module, first, types, last_only, skip)?
        };
        for (index, segment) in rest.iter().enumerate() {
            let last = index + 1 == rest.len();
            def = self.step(&def, &segment.name, types || !last)?;
        }
        Some(def)
    }

    /// One step down a path.
    pub fn step(&self, def: &Def, name: &Name, types: bool) -> Option<Def> {
        match def {
            Def::Module(module) => match &**name {
                "self" => Some(def.clone()),
                "super" => self.up(*module).map(Def::Module),
                _ => self.in_module(*module, name, types),
            },
            Def::Adt(id) => {
                let index = self.adts[*id]
                    .variants
                    .iter()
                    .position(|variant| self.adts[*id].is_enum && variant.name == *name)?;
                Some(Def::Variant(*id, u32::try_from(index).ok()?))
            }
            Def::Alias(id) => {
                // `type A = A::B` asks for itself.
                let _guard = AliasGuard::enter()?;
                let alias = &self.aliases[*id];
                match self.resolve_type(&alias.scope, &alias.target, 0) {
                    super::types::Ty::Adt(id, _) => self.step(&Def::Adt(id), name, types),
                    _ => None,
                }
            }
            Def::Sdk(sdk, path) => {
                let mut path = path.to_vec();
                path.push((*name).clone());
                Some(Def::Sdk(*sdk, path.into()))
            }
            Def::External(path) => {
                let mut path = path.to_vec();
                path.push((*name).clone());
                Some(Def::External(path.into()))
            }
            Def::Variant(..) | Def::Trait(_) | Def::Fn(_) => None,
        }
    }

    /// A name inside a module.
    fn in_module(&self, module: ModId, name: &Name, types: bool) -> Option<Def> {
        let names = self.modules[module].names.get(name)?;
        if types {
            names.ty.clone()
        } else {
            names.val.clone()
        }
    }

    /// The module that `self::` means: blocks are not modules.
    fn real_module(&self, mut module: ModId) -> ModId {
        for _ in 0..200 {
            match self.modules[module].parent {
                Some(parent) if self.modules[module].is_block => module = parent,
                _ => break,
            }
        }
        module
    }

    fn up(&self, module: ModId) -> Option<ModId> {
        let module = self.real_module(module);
        self.modules[module].parent.map(|parent| self.real_module(parent))
    }

    fn resolve_first(
        &self,
        module: ModId,
        name: &Name,
        types: bool,
        last_only: bool,
        skip: Option<&Name>,
    ) -> Option<Def> {
        let krate = self.modules[module].krate;
        match &**name {
            "crate" => return Some(Def::Module(self.crates[krate].root)),
            "self" => return Some(Def::Module(self.real_module(module))),
            "super" => return self.up(module).map(Def::Module),
            _ => {}
        }
        if let Some(package) = marked_package(name) {
            return self.marked_crate(krate, package);
        }
        let want_types = types || !last_only;
        // `pub use aws_sdk_lambda;` names itself: the outer meaning is the crate.
        let names_itself = skip.is_some_and(|alias| alias == name);
        let mut at = Some(module);
        while let Some(current) = at {
            if !(names_itself && current == module)
                && let Some(def) = self.in_module(current, name, want_types)
            {
                return Some(def);
            }
            let data = &self.modules[current];
            at = data.parent.filter(|_| data.is_block);
        }
        if want_types && let Some(def) = self.extern_crate(module, name) {
            return Some(def);
        }
        prelude(name)
    }

    /// The crate that `$crate` means.
    fn marked_crate(&self, krate: CrateId, package: usize) -> Option<Def> {
        let lib = self.packages.get(package).and_then(|data| data.lib);
        let chosen = if self.package_of(krate) == package && lib != Some(krate) {
            // A binary's own macro: its own crate, unless it is empty of names and the library has them.
            Some(krate)
        } else {
            lib
        };
        chosen.map(|id| Def::Module(self.crates[id].root))
    }

    /// A dependency, or one of the standard crates.
    pub fn extern_crate(&self, module: ModId, name: &Name) -> Option<Def> {
        let krate = self.modules[module].krate;
        let package = self.packages.get(self.package_of(krate))?;
        match package.externs.get(&**name) {
            Some(Extern::Sdk(sdk)) => Some(Def::Sdk(*sdk, [].into())),
            Some(Extern::Package(index)) => match self.packages.get(*index).and_then(|p| p.lib) {
                Some(lib) => Some(Def::Module(self.crates[lib].root)),
                None => Some(Def::External([name.clone()].into())),
            },
            Some(Extern::Other(name)) => Some(Def::External([name.clone()].into())),
            None if matches!(&**name, "std" | "core" | "alloc") => Some(Def::External([name.clone()].into())),
            None => None,
        }
    }
}

thread_local! {
    /// How many aliases are being looked through in this thread.
    static ALIASES: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// Counts nested looks through aliases, which resolve paths that may lead back to them.
struct AliasGuard;

impl AliasGuard {
    fn enter() -> Option<Self> {
        ALIASES.with(|count| {
            (count.get() < 20).then(|| {
                count.set(count.get() + 1);
                Self
            })
        })
    }
}

impl Drop for AliasGuard {
    fn drop(&mut self) {
        ALIASES.with(|count| count.set(count.get().saturating_sub(1)));
    }
}

/// Names that every module sees.
const PRELUDE: &[&str] = &[
    "Some",
    "None",
    "Ok",
    "Err",
    "Option",
    "Result",
    "Vec",
    "String",
    "Box",
    "ToString",
    "str",
    "Default",
    "From",
    "Into",
    "Iterator",
    "Clone",
    "Drop",
    "drop",
    "ToOwned",
    "AsRef",
    "IntoIterator",
    "Fn",
    "FnMut",
    "FnOnce",
    "TryFrom",
    "TryInto",
    "u8",
    "u16",
    "u32",
    "u64",
    "u128",
    "usize",
    "i8",
    "i16",
    "i32",
    "i64",
    "i128",
    "isize",
    "f32",
    "f64",
    "bool",
    "char",
    "Send",
    "Sync",
    "Sized",
    "Copy",
];

/// Their paths, made once: nothing is looked up more often.
static PRELUDE_PATHS: LazyLock<FxHashMap<&str, Arc<[Name]>>> = LazyLock::new(|| {
    let path = |name: &str| -> Arc<[Name]> { [Arc::from("std"), Arc::from(name)].into() };
    PRELUDE.iter().map(|name| (*name, path(name))).collect()
});

fn prelude(name: &str) -> Option<Def> {
    PRELUDE_PATHS.get(name).cloned().map(Def::External)
}
