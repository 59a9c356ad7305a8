//! Reads names off the generated source of a published SDK crate: methods, inputs, waiters, structures, enumerations.
//!
//! The code is generated and formatted the same way throughout, so that text is enough: a parser would take minutes for
//! EC2 alone. Crates from before 0.25 have one `client.rs` and one `input.rs`; later ones a file for each operation.

use std::collections::BTreeMap;
use std::path::Path;

/// Names of fields, with their types as written.
pub type Fields = BTreeMap<String, String>;

/// What a crate has.
#[derive(Default)]
pub struct Sdk {
    /// Methods of `Client`, and the module of each one's builder; empty where there are no modules.
    pub methods: BTreeMap<String, String>,
    /// API names that requests are marked with.
    pub operations: Vec<String>,
    /// Fields of each input builder, by the module of the operation.
    pub inputs: BTreeMap<String, Fields>,
    /// Waiters, and the module of the operation that each polls.
    pub waiters: BTreeMap<String, String>,
    /// Modules of operations that have a paginator.
    pub paginators: Vec<String>,
    /// Fields of the builders of structures, by the structure's name.
    pub structures: BTreeMap<String, Fields>,
    /// Variants of enumerations and their texts, by the enumeration's name.
    pub enumerations: BTreeMap<String, BTreeMap<String, String>>,
}

impl Sdk {
    /// Reads a crate's `src` folder.
    pub fn read(src: &Path) -> Self {
        let mut sdk = Self::default();
        let client = code(&src.join("client.rs"));
        sdk.read_methods(&client);
        sdk.read_waiters(&client, src);
        for file in files(&src.join("client")) {
            sdk.read_methods(&code(&file));
        }
        if src.join("input.rs").is_file() {
            sdk.read_one_file_of_inputs(&code(&src.join("input.rs")));
        }
        for file in files(&src.join("operation")) {
            sdk.read_operation(&file);
        }
        for file in files(&src.join("types")) {
            sdk.read_type(&code(&file));
        }
        sdk
    }

    fn read_methods(&mut self, code: &str) {
        for function in code.split("pub fn ").skip(1) {
            let head = function.split('{').next().unwrap_or_default();
            let head: String = head.split_whitespace().collect::<Vec<_>>().join(" ");
            let Some((name, returned)) = head
                .split_once('(')
                .and_then(|(name, rest)| Some((name, rest.split_once("-> ")?.1.trim())))
            else {
                continue;
            };
            if let Some(path) = returned.strip_prefix("crate::operation::") {
                let module = path
                    .strip_suffix("FluentBuilder")
                    .and_then(|path| path.split("::").next());
                self.methods
                    .extend(module.map(|module| (name.to_owned(), module.to_owned())));
            } else if returned.starts_with("fluent_builders::") {
                self.methods.insert(name.to_owned(), String::new());
            }
        }
    }

    fn read_waiters(&mut self, client: &str, src: &Path) {
        for function in client.split("fn wait_until_").skip(1) {
            let name = function.split('(').next().unwrap_or_default();
            let waiter = code(&src.join("waiters").join(format!("{name}.rs")));
            let operation = waiter
                .split("crate::operation::")
                .nth(1)
                .and_then(|rest| rest.split("::").next())
                .unwrap_or_default();
            self.waiters
                .insert(format!("wait_until_{name}"), operation.to_owned());
        }
    }

    /// `operation/put_item.rs` and the folder of that name.
    fn read_operation(&mut self, file: &Path) {
        let module = file.file_stem().unwrap().to_str().unwrap().to_owned();
        self.operations.extend(marks(&code(file)));
        let folder = file.with_extension("");
        if folder.join("paginator.rs").is_file() {
            self.paginators.push(module.clone());
        }
        let input = code(&folder.join(format!("_{module}_input.rs")));
        let builder = input
            .split("pub struct ")
            .filter_map(|part| part.split_once("InputBuilder {"))
            .find(|(name, _)| !name.contains(char::is_whitespace));
        if let Some((_, body)) = builder {
            self.inputs.insert(module, fields(body));
        }
    }

    /// `input.rs`: a module for each input, such as `get_item_input`.
    fn read_one_file_of_inputs(&mut self, code: &str) {
        self.operations.extend(marks(code));
        for part in code.split("pub mod ").skip(1) {
            let (Some((module, _)), Some((_, body))) = (
                part.split_once("_input {"),
                part.split_once("pub struct Builder {"),
            ) else {
                continue;
            };
            self.inputs.insert(module.to_owned(), fields(body));
        }
    }

    fn read_type(&mut self, code: &str) {
        for part in code.split("pub struct ").skip(1) {
            if let Some((name, body)) = part.split_once("Builder {")
                && !name.contains(char::is_whitespace)
            {
                self.structures.insert(name.to_owned(), fields(body));
            }
        }
        let Some((_, body)) = code.split_once("pub fn as_str(&self) -> &str {") else {
            return;
        };
        let body = body.split("\n    }").next().unwrap_or_default();
        for arm in body.lines() {
            let (Some((path, text)), Some(text_end)) = (arm.split_once(" => \""), arm.rfind('"')) else {
                continue;
            };
            let Some((name, variant)) = path.trim().split_once("::") else {
                continue;
            };
            let text = &text[..text.len() - (arm.len() - text_end)];
            let variants = self.enumerations.entry(name.to_owned()).or_default();
            variants.insert(variant.to_owned(), text.to_owned());
        }
    }
}

/// Names in `Metadata::new("PutItem", …)`.
fn marks(code: &str) -> impl Iterator<Item = String> {
    code.split("Metadata::new(")
        .skip(1)
        .filter_map(|rest| Some(rest.split('"').nth(1)?.to_owned()))
}

/// Fields up to the end of a structure. Types can hold braces nowhere.
fn fields(body: &str) -> Fields {
    let body = body.split('}').next().unwrap_or_default();
    body.split("pub(crate) ")
        .skip(1)
        .filter_map(|field| {
            let (name, kind) = field.split_once(':')?;
            Some((name.trim().to_owned(), kind.split_whitespace().collect()))
        })
        .collect()
}

/// A file without its comments; empty when it is not there.
fn code(file: &Path) -> String {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

/// The Rust files of a folder, sorted.
fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "rs"))
        .collect();
    files.sort();
    files
}
