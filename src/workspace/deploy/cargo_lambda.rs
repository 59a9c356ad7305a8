//! What `cargo lambda deploy` is told in Cargo manifests and `CargoLambda.toml`: names, variables and settings of the
//! functions that nothing else deploys.
//!
//! From weak to strong: `[deploy]` of `CargoLambda.toml`, `[workspace.metadata.lambda]`, `[package.metadata.lambda]`,
//! `[package.metadata.lambda.bin.<name>]`. <https://www.cargo-lambda.info/guide/configuration.html>

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::usage::{Gap, Location};
use crate::workspace::cargo::join;
use crate::workspace::model::{BinaryId, EnvValue, Function, Package, Workspace};

/// What cargo-lambda is told of the binaries of a workspace.
#[derive(Clone, Debug, Default)]
pub struct CargoLambda {
    /// Names under which binaries are deployed: function → binary, for [`super::super::link::Statements`].
    pub names: BTreeMap<String, String>,
    /// What could not be read.
    pub gaps: Vec<Gap>,
    settings: BTreeMap<(String, String), Settings>,
}

/// What is said of one binary.
#[derive(Clone, Debug, Default)]
struct Settings {
    name: Option<String>,
    env: BTreeMap<String, EnvValue>,
    role: Option<(String, Location)>,
    tracing: Option<(String, Location)>,
    vpc: Option<Location>,
    layers: Vec<(String, Location)>,
    runtime: Option<String>,
}

/// Reads the manifests of the packages and what stands above them.
pub fn read(root: &Path, packages: &[Package]) -> CargoLambda {
    let mut found = CargoLambda::default();
    let mut texts: BTreeMap<String, Option<String>> = BTreeMap::new();
    let mut broken = BTreeSet::new();
    for package in packages {
        let mut common = Settings::default();
        for dir in folders(&package.dir) {
            let file = join(&dir, "CargoLambda.toml");
            let text = text(root, &file, &mut texts);
            found.read_file(&file, text.as_deref(), &[], &mut broken, &mut common);
        }
        for dir in folders(&package.dir) {
            let file = join(&dir, "Cargo.toml");
            let text = text(root, &file, &mut texts);
            let path = ["workspace", "metadata", "lambda"];
            found.read_file(&file, text.as_deref(), &path, &mut broken, &mut common);
        }
        let file = join(&package.dir, "Cargo.toml");
        let text = text(root, &file, &mut texts);
        let path = ["package", "metadata", "lambda"];
        found.read_file(&file, text.as_deref(), &path, &mut broken, &mut common);
        for binary in &package.binaries {
            let mut own = common.clone();
            // One name is no name for several.
            if package.binaries.len() > 1 {
                own.name = None;
            }
            let path = ["package", "metadata", "lambda", "bin", binary.name.as_str()];
            found.read_file(&file, text.as_deref(), &path, &mut broken, &mut own);
            if let Some(name) = &own.name {
                found.names.insert(name.clone(), binary.name.clone());
            }
            let key = (package.dir.clone(), binary.name.clone());
            found.settings.insert(key, own);
        }
    }
    found
}

/// A folder and those around it, the outermost first.
fn folders(dir: &str) -> Vec<String> {
    let parts: Vec<&str> = dir.split('/').filter(|part| !part.is_empty()).collect();
    (0..=parts.len())
        .map(|length| parts.get(..length).unwrap_or_default().join("/"))
        .collect()
}

fn text(root: &Path, file: &str, texts: &mut BTreeMap<String, Option<String>>) -> Option<String> {
    texts
        .entry(file.to_owned())
        .or_insert_with(|| std::fs::read_to_string(root.join(file)).ok())
        .clone()
}

impl CargoLambda {
    /// Takes in what a table of a file says.
    fn read_file(
        &mut self,
        file: &str,
        text: Option<&str>,
        path: &[&str],
        broken: &mut BTreeSet<String>,
        settings: &mut Settings,
    ) {
        let Some(text) = text else { return };
        let reader = Reader { file, text };
        let parsed = match DeTable::parse(text) {
            Ok(parsed) => parsed,
            Err(error) => {
                // Manifests that cannot be parsed are gaps of the reader of packages.
                if path.is_empty() && broken.insert(file.to_owned()) {
                    let at = reader.location(error.span().map_or(0, |span| span.start));
                    let message = format!("it is not valid TOML: {}", error.message());
                    self.gaps.push(Gap::new("bad-manifest", message).at(at));
                }
                return;
            }
        };
        let table = path
            .iter()
            .try_fold(parsed.get_ref(), |table, key| match table.get(*key)?.get_ref() {
                DeValue::Table(inner) => Some(inner),
                _ => None,
            });
        let Some(table) = table else { return };
        reader.environment(table, settings);
        if let Some(DeValue::Table(deploy)) = table.get("deploy").map(Spanned::get_ref) {
            reader.deploy(deploy, settings);
        }
    }

    /// Tells functions that nothing else deploys what cargo-lambda is told of them.
    pub fn apply(&self, workspace: &mut Workspace) {
        let functions = workspace
            .functions
            .iter_mut()
            .filter(|function| function.stack.is_none());
        for function in functions {
            let Some(settings) = function.binary.as_ref().and_then(|binary| self.of(binary)) else {
                continue;
            };
            workspace.gaps.extend(settings.apply(function));
        }
        workspace.gaps.extend(self.gaps.iter().cloned());
    }

    fn of(&self, binary: &BinaryId) -> Option<&Settings> {
        self.settings
            .get(&(binary.package_dir.clone(), binary.binary.clone()))
    }
}

impl Settings {
    fn apply(&self, function: &mut Function) -> Option<Gap> {
        if let Some(name) = &self.name {
            name.clone_into(&mut function.deployed_name);
        }
        function.env.extend(self.env.clone());
        let runtime = &mut function.runtime_settings;
        runtime.tracing = self
            .tracing
            .as_ref()
            .filter(|(mode, _)| mode.eq_ignore_ascii_case("active"))
            .map(|(_, at)| at.clone());
        runtime.vpc.clone_from(&self.vpc);
        runtime.layers.clone_from(&self.layers);
        if self.runtime.is_some() {
            function.runtime.clone_from(&self.runtime);
        }
        let (role, at) = self.role.as_ref()?;
        let gap = Gap::new(
            "role-not-in-stack",
            format!("the role `{role}` is named in the manifest, but nothing here defines it"),
        );
        Some(gap.at(at.clone()).hint(
            "give its policies as a dump of the account, or compare with the live role (`--current aws`)",
        ))
    }
}

/// Places in one file.
struct Reader<'a> {
    file: &'a str,
    text: &'a str,
}

impl Reader<'_> {
    fn location(&self, offset: usize) -> Location {
        let before = self.text.get(..offset).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        let number = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
        Location::new(self.file, number(line), number(column))
    }

    /// `env = { NAME = "value" }`, which stands beside `deploy` and in it.
    fn environment(&self, table: &DeTable<'_>, settings: &mut Settings) {
        let Some(DeValue::Table(variables)) = table.get("env").map(Spanned::get_ref) else {
            return;
        };
        for (name, value) in variables {
            let DeValue::String(text) = value.get_ref() else {
                continue;
            };
            let value = EnvValue {
                text: text.to_string(),
                location: self.location(name.span().start),
            };
            settings.env.insert(name.get_ref().to_string(), value);
        }
    }

    fn deploy(&self, deploy: &DeTable<'_>, settings: &mut Settings) {
        self.environment(deploy, settings);
        for (key, value) in deploy {
            let at = self.location(key.span().start);
            let text = match value.get_ref() {
                DeValue::String(text) => Some(text.to_string()),
                _ => None,
            };
            match key.get_ref().as_ref() {
                "name" => settings.name = text.or(settings.name.take()),
                "role" | "iam_role" => settings.role = text.map(|text| (text, at)),
                "tracing" => settings.tracing = text.map(|text| (text, at)),
                "runtime" => settings.runtime = text,
                "subnet_ids" => settings.vpc = (!strings(value).is_empty()).then_some(at),
                "vpc" => {
                    if let DeValue::Table(vpc) = value.get_ref()
                        && vpc
                            .get("subnet_ids")
                            .is_some_and(|subnets| !strings(subnets).is_empty())
                    {
                        settings.vpc = Some(at);
                    }
                }
                "layer" | "layers" | "layer_arn" => {
                    settings.layers = strings(value)
                        .into_iter()
                        .map(|(layer, offset)| (layer, self.location(offset)))
                        .collect();
                }
                _ => {}
            }
        }
    }
}

/// A text, or the texts of a list, each with its offset.
fn strings(value: &Spanned<DeValue<'_>>) -> Vec<(String, usize)> {
    match value.get_ref() {
        DeValue::String(text) => vec![(text.to_string(), value.span().start)],
        DeValue::Array(items) => items.iter().flat_map(strings).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
mod tests {
    use super::*;
    use crate::workspace::deploy::Deployments;
    use crate::workspace::link::{Statements, link};
    use crate::workspace::model::Binary;

    fn package(dir: &str, binaries: &[&str]) -> Package {
        Package {
            name: dir.to_owned(),
            dir: dir.to_owned(),
            binaries: binaries
                .iter()
                .map(|name| Binary {
                    name: (*name).to_owned(),
                    entry: format!("{dir}/src/bin/{name}.rs"),
                })
                .collect(),
        }
    }

    /// The workspace of some files, with one package of two binaries and one of one.
    fn workspace(files: &[(&str, &str)]) -> Workspace {
        let root = tempfile::tempdir().unwrap();
        for (file, text) in files {
            let path = root.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let packages = [package("a", &["get", "put"]), package("b", &["only"])];
        let found = read(root.path(), &packages);
        let statements = Statements {
            cargo_metadata: found.names.clone(),
            ..Statements::default()
        };
        let mut workspace = link(Deployments::default(), &packages, &statements);
        found.apply(&mut workspace);
        workspace
    }

    #[test]
    fn settings_of_every_level_come_together() {
        let workspace = workspace(&[
            (
                "CargoLambda.toml",
                "[deploy]\ntracing = \"active\"\nenv = { A = \"1\" }\n",
            ),
            (
                "Cargo.toml",
                "[workspace]\nmembers = [\"a\", \"b\"]\n[workspace.metadata.lambda.env]\nA = \"2\"\nB = \"3\"\n",
            ),
            (
                "a/Cargo.toml",
                r#"[package]
name = "a"
[package.metadata.lambda.deploy]
memory = 512
name = "shared"
layers = ["arn:aws:lambda:eu-west-1:1:layer:x:1"]
env = { TABLE = "orders" }
[package.metadata.lambda.bin.put.deploy]
name = "put-order"
role = "arn:aws:iam::1:role/put"
subnet_ids = ["subnet-1"]
tracing = "passthrough"
env = { TABLE = "other" }
"#,
            ),
            ("b/Cargo.toml", "[package]\nname = \"b\"\n"),
        ]);
        let function = |name: &str| {
            workspace
                .functions
                .iter()
                .find(|known| known.name == name)
                .unwrap()
        };
        let (get, put, only) = (function("get"), function("put"), function("only"));
        let env = |function: &Function| -> Vec<String> {
            let shown =
                |(name, value): (&String, &EnvValue)| format!("{name}={} {}", value.text, value.location);
            function.env.iter().map(shown).collect()
        };
        assert_eq!(
            env(get),
            [
                "A=2 Cargo.toml:4",
                "B=3 Cargo.toml:5",
                "TABLE=orders a/Cargo.toml:7"
            ]
        );
        assert_eq!(env(put)[2], "TABLE=other a/Cargo.toml:13");
        assert_eq!(env(only), ["A=2 Cargo.toml:4", "B=3 Cargo.toml:5"]);
        assert_eq!(
            [get, put, only].map(|function| function.deployed_name.as_str()),
            ["get", "put-order", "only"]
        );
        assert!(get.runtime_settings.tracing.is_some() && put.runtime_settings.tracing.is_none());
        assert!(get.runtime_settings.vpc.is_none() && put.runtime_settings.vpc.is_some());
        assert_eq!(put.runtime_settings.layers.len(), 1);
        let gaps: Vec<&str> = workspace.gaps.iter().map(|gap| gap.code).collect();
        assert_eq!(gaps, ["role-not-in-stack"]);
    }

    #[test]
    fn bad_files_and_wrong_types_stop_nothing() {
        let workspace = workspace(&[
            ("CargoLambda.toml", "[deploy\n"),
            (
                "a/Cargo.toml",
                "[package.metadata.lambda]\ndeploy = 1\nenv = [1]\nbin = \"x\"\n",
            ),
            (
                "b/Cargo.toml",
                "[package.metadata.lambda.deploy]\nname = 1\nlayers = 2\nenv = { A = 1 }\nvpc = 3\n",
            ),
        ]);
        assert_eq!(workspace.functions.len(), 3);
        let gaps: Vec<String> = workspace
            .gaps
            .iter()
            .map(|gap| format!("{} {}", gap.code, gap.location.as_ref().unwrap()))
            .collect();
        assert_eq!(gaps, ["bad-manifest CargoLambda.toml:1"]);
    }
}
