//! The catalogue's names against the sources of published SDK crates, in both directions: methods, modules, builder
//! fields, waiters, paginators, structures and enumerations of inputs.
//!
//! `tests/oracles/sdk-crates` pins the crates, `tests/run` fetches their sources; nothing of them is compiled. What the
//! comparison found is in `result.tsv` there: no name of a crate may be unknown or spelled otherwise, while the
//! catalogue may know what came after a crate.

mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use rolefit::catalog::{Catalog, Member, Operation, Service, Shape};
use source::{Fields, Sdk};

const CRATES: &str = "tests/oracles/sdk-crates";

/// What came out for one crate.
#[derive(Default)]
struct Comparison {
    checked: BTreeMap<&'static str, usize>,
    /// What the crate has and the catalogue has not, or spells otherwise.
    mismatches: Vec<String>,
    /// What only the catalogue has.
    newer: BTreeSet<String>,
}

#[test]
#[ignore = "reads the sources of SDK crates, which `tests/run` fetches"]
fn names_are_those_of_the_published_crates() {
    let mut table = String::from(
        "crate\tversion\tmethods\tmembers\twaiters\tpaginators\tstructures\tfields\tenumerations\tvariants\trenamed variants\tmismatches\tonly in the catalogue\n",
    );
    let mut mismatches = Vec::new();
    let crates = crates();
    assert!(crates.len() >= 12);
    for (name, version, src) in &crates {
        let service = Catalog::embedded().service_of_crate(name).expect(name);
        let found = Comparison::of(service, &Sdk::read(src));
        assert!(found.checked["methods"] > 0, "{name} {version} was not read");
        let _ = write!(table, "{name}\t{version}");
        for what in [
            "methods",
            "members",
            "waiters",
            "paginators",
            "structures",
            "fields",
            "enumerations",
            "variants",
            "renamed",
        ] {
            let _ = write!(table, "\t{}", found.checked.get(what).unwrap_or(&0));
        }
        let newer: Vec<&str> = found.newer.iter().map(String::as_str).collect();
        let _ = writeln!(table, "\t{}\t{}", found.mismatches.len(), shown(version, &newer));
        mismatches.extend(
            found
                .mismatches
                .iter()
                .map(|line| format!("{name} {version}: {line}")),
        );
    }
    assert!(mismatches.is_empty(), "{}: {mismatches:#?}", mismatches.len());
    let file = Path::new(CRATES).join("result.tsv");
    if std::env::var_os("UPDATE_SDK_NAMES").is_some() {
        std::fs::write(&file, &table).unwrap();
    }
    let kept = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        kept == table,
        "{} is stale; renew it with\n\
         UPDATE_SDK_NAMES=1 cargo test --no-default-features --test it sdk_names -- --ignored\n{table}",
        file.display()
    );
}

/// The names for a crate of our days, the number for one from before 1.0, which lacks years.
fn shown(version: &str, newer: &[&str]) -> String {
    if version.starts_with("0.") || newer.len() > 40 {
        newer.len().to_string()
    } else {
        newer.join(" ")
    }
}

/// Name, version and `src` of every pinned SDK crate, sorted.
fn crates() -> Vec<(String, String, PathBuf)> {
    let output = Command::new("cargo")
        .args(["metadata", "--format-version", "1", "--locked", "--offline"])
        .args(["--manifest-path", &format!("{CRATES}/Cargo.toml")])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "the sources are not there; `cargo fetch --locked --manifest-path {CRATES}/Cargo.toml` fetches them\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut crates: Vec<_> = metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|package| {
            let text = |key: &str| package[key].as_str().unwrap().to_owned();
            let manifest = PathBuf::from(text("manifest_path"));
            (text("name"), text("version"), manifest.with_file_name("src"))
        })
        .filter(|(name, _, _)| name.starts_with("aws-sdk-"))
        .collect();
    crates.sort();
    crates
}

impl Comparison {
    fn of(service: Service<'_>, sdk: &Sdk) -> Self {
        let mut found = Self::default();
        found.methods(service, sdk);
        for (module, fields) in &sdk.inputs {
            if let Some(operation) = service.operation_of_method(module) {
                found.members(operation, fields, sdk);
            } else {
                found
                    .mismatches
                    .push(format!("no operation for the input of `{module}`"));
            }
        }
        found.waiters(service, sdk);
        for module in &sdk.paginators {
            found.expect(
                "paginators",
                service.operation_of_method(module).is_some(),
                || format!("no operation for the paginator of `{module}`"),
            );
        }
        for (name, fields) in &sdk.structures {
            // Only structures of inputs are in the catalogue.
            if let Some(shape) = service.shape(name) {
                found.structure(shape, fields, sdk);
            }
        }
        found
    }

    fn expect(&mut self, what: &'static str, holds: bool, otherwise: impl FnOnce() -> String) {
        *self.checked.entry(what).or_default() += 1;
        if !holds {
            self.mismatches.push(otherwise());
        }
    }

    fn methods(&mut self, service: Service<'_>, sdk: &Sdk) {
        for (method, module) in &sdk.methods {
            let operation = service.operation_of_method(method);
            let same = operation.is_some_and(|operation| operation.method() == *method);
            let in_module = module.is_empty() || module == method;
            self.expect("methods", same && in_module, || {
                format!(
                    "`Client::{method}` in `{module}` is {:?}",
                    operation.map(|found| found.id())
                )
            });
        }
        for name in &sdk.operations {
            if service.operation(name).is_none() {
                self.mismatches.push(format!("requests of `{name}`"));
            }
        }
        let absent = |operation: &Operation<'_>| !sdk.methods.contains_key(&operation.method());
        let newer = service.operations().filter(absent);
        self.newer
            .extend(newer.map(|operation| operation.name().to_owned()));
    }

    fn members(&mut self, operation: Operation<'_>, fields: &Fields, sdk: &Sdk) {
        let of = operation.name();
        for (field, kind) in fields {
            let member = operation.member_of_setter(field);
            let same = member.is_some_and(|member| member.setter() == *field.trim_start_matches("r#"));
            self.expect("members", same, || {
                format!(
                    "`{of}` has `{field}`, here {:?}",
                    member.map(|member| member.setter())
                )
            });
            self.variants(of, member, kind, sdk);
        }
        let absent = |member: &Member<'_>| !has_field(fields, &member.setter());
        let newer = operation.members().filter(absent);
        self.newer
            .extend(newer.map(|member| format!("{of}.{}", member.name())));
    }

    fn structure(&mut self, shape: Shape<'_>, fields: &Fields, sdk: &Sdk) {
        *self.checked.entry("structures").or_default() += 1;
        let of = shape.name();
        for (field, kind) in fields {
            let member = shape.member_of_setter(field);
            let same = member.is_some_and(|member| member.setter() == *field.trim_start_matches("r#"));
            self.expect("fields", same, || {
                format!(
                    "`{of}` has `{field}`, here {:?}",
                    member.map(|member| member.setter())
                )
            });
            self.variants(of, member, kind, sdk);
        }
        let absent = |member: &Member<'_>| !has_field(fields, &member.setter());
        let newer = shape.members().filter(absent);
        self.newer
            .extend(newer.map(|member| format!("{of}.{}", member.name())));
    }

    /// The variants of a field's enumeration.
    fn variants(&mut self, of: &str, member: Option<Member<'_>>, kind: &str, sdk: &Sdk) {
        let name = kind.rsplit("crate::types::").next().unwrap_or_default();
        let name = name.split('>').next().unwrap_or_default();
        let (Some(member), Some(variants)) = (member, sdk.enumerations.get(name)) else {
            return;
        };
        *self.checked.entry("enumerations").or_default() += 1;
        for (variant, text) in variants {
            let value = member.enum_value_of_variant(variant);
            if value.is_none() {
                // The SDK renames some variants; to the catalogue their value is open, which is safe.
                *self.checked.entry("renamed").or_default() += 1;
                continue;
            }
            self.expect("variants", value == Some(text.as_str()), || {
                format!(
                    "`{of}.{}`: `{name}::{variant}` is `{text}`, here {value:?}",
                    member.name()
                )
            });
        }
    }

    fn waiters(&mut self, service: Service<'_>, sdk: &Sdk) {
        for (waiter, module) in &sdk.waiters {
            let operation = service.operation_of_waiter(waiter);
            let same = operation.is_some_and(|operation| operation.method() == *module);
            self.expect("waiters", same, || {
                format!(
                    "`{waiter}` polls `{module}`, here {:?}",
                    operation.map(|found| found.id())
                )
            });
        }
    }
}

fn has_field(fields: &Fields, setter: &str) -> bool {
    fields.contains_key(setter) || fields.contains_key(&format!("r#{setter}"))
}
