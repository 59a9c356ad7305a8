//! `[[source]]` of `rolefit.toml`: which stack templates count, and with which parameters.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use crate::catalog::nearest;
use crate::config::{Config, Source};
use crate::workspace::deploy::Deployments;
use crate::workspace::deploy::stages::Stage;
use crate::workspace::model::Stack;

/// The sets of parameters that stacks are deployed with; several of one stack are several stages of it.
pub fn stages(config: &Config, root: &Path) -> anyhow::Result<Vec<Stage>> {
    let mut stages: Vec<Stage> = Vec::new();
    for source in &config.sources {
        let values = parameters(source, config)?;
        if values.is_empty() {
            continue;
        }
        let path = inside(root, config, source)?;
        let name = stage_name(source, &values);
        let same = stages
            .iter()
            .filter(|known| known.path == path && known.name.split('~').next() == Some(name.as_str()))
            .count();
        let name = match same {
            0 => name,
            same => format!("{name}~{}", same + 1),
        };
        stages.push(Stage {
            path,
            name,
            parameters: values,
        });
    }
    Ok(stages)
}

/// What people call a set of parameters: the environment that it is read from, its stage, or all its values.
fn stage_name(source: &Source, values: &BTreeMap<String, String>) -> String {
    let environment = source.parameters_from.as_deref().and_then(|from| {
        let (file, environment) = from.split_once('#').unwrap_or((from, ""));
        let file = file.rsplit('/').next().unwrap_or(file);
        let name = if environment.is_empty() {
            file.split('.').next().unwrap_or(file)
        } else {
            environment
        };
        (!name.is_empty()).then(|| name.to_owned())
    });
    let stage = values.iter().find_map(|(name, value)| {
        let name = name.to_ascii_lowercase();
        let says = ["stage", "environment", "env"]
            .iter()
            .any(|end| name.ends_with(end));
        (says && !value.is_empty()).then(|| value.clone())
    });
    environment.or(stage).unwrap_or_else(|| {
        let all: Vec<&str> = values.values().map(String::as_str).collect();
        all.join("-")
    })
}

/// The kind of a source that is no stack but a dump of the account.
const DUMP: &str = "aws-dump";

fn is_dump(source: &&Source) -> bool {
    source.kind.as_deref() == Some(DUMP)
}

/// The dumps of the account that are named.
pub fn dumps(config: &Config) -> Vec<PathBuf> {
    let dumps = config.sources.iter().filter(is_dump);
    dumps.map(|source| config.path(&source.path)).collect()
}

/// Keeps the stacks that are named, if any are, and checks what is stated of them.
pub fn apply(deployments: &mut Deployments, config: &Config, root: &Path) -> anyhow::Result<()> {
    if config.sources.iter().all(|source| is_dump(&source)) {
        return Ok(());
    }
    let mut kept = BTreeSet::new();
    for source in config.sources.iter().filter(|source| !is_dump(source)) {
        let path = inside(root, config, source)?;
        let of_source: Vec<usize> = deployments
            .stacks
            .iter()
            .enumerate()
            .filter(|(_, stack)| is_of(stack, &path))
            .map(|(index, _)| index)
            .collect();
        let broken = |file: &str| file == path || file.starts_with(&format!("{path}/"));
        let unread = deployments.gaps.iter().any(|gap| {
            gap.location
                .as_ref()
                .is_some_and(|location| broken(&location.file))
        });
        if of_source.is_empty() && !unread {
            bail!(
                "{}: there is no stack template at `{}`{}",
                source.location,
                source.path,
                found(&deployments.stacks)
            );
        }
        for index in of_source {
            if let Some(stack) = deployments.stacks.get(index) {
                check_kind(source, stack)?;
                check_names(source, stack)?;
            }
            kept.insert(index);
        }
    }
    keep(deployments, &kept, config, root);
    Ok(())
}

/// A source's path relative to the scanned root.
fn inside(root: &Path, config: &Config, source: &Source) -> anyhow::Result<String> {
    let path = config.path(&source.path);
    let whole = path
        .canonicalize()
        .with_context(|| format!("{}: `{}` is not there", source.location, source.path))?;
    let root = root
        .canonicalize()
        .with_context(|| format!("`{}`", root.display()))?;
    let inner = whole.strip_prefix(&root).map_err(|_| {
        anyhow::anyhow!(
            "{}: `{}` lies outside of the scanned folder",
            source.location,
            source.path
        )
    })?;
    Ok(inner.to_string_lossy().replace('\\', "/"))
}

fn is_of(stack: &Stack, path: &str) -> bool {
    // A stage stands behind the file.
    let file = stack.file.split('#').next().unwrap_or_default();
    path.is_empty() || file == path || file.starts_with(&format!("{path}/"))
}

fn found(stacks: &[Stack]) -> String {
    let files: Vec<&str> = stacks.iter().map(|stack| stack.file.as_str()).take(8).collect();
    match files.is_empty() {
        true => "; none was found".to_owned(),
        false => format!("; found: {}", files.join(", ")),
    }
}

fn check_kind(source: &Source, stack: &Stack) -> anyhow::Result<()> {
    let Some(kind) = source.kind.as_deref() else {
        return Ok(());
    };
    // What CDK and the Serverless Framework put out is a template of CloudFormation.
    let fits = match kind {
        "cfn" => stack.kind == "cloudformation",
        "cdk" | "serverless" => stack.kind == kind || stack.kind == "cloudformation",
        kind => stack.kind == kind,
    };
    if !fits {
        bail!(
            "{}: `{}` is of the kind `{}`, not `{kind}`",
            source.location,
            stack.file,
            stack.kind
        );
    }
    Ok(())
}

/// Parameters that are stated for a stack that has none of that name are a mistake.
fn check_names(source: &Source, stack: &Stack) -> anyhow::Result<()> {
    // A service of the Serverless Framework has options and parameters that only its variables name.
    if stack.kind == "serverless" {
        return Ok(());
    }
    let names = stack
        .parameters
        .keys()
        .map(|name| name.strip_prefix("var.").unwrap_or(name));
    let names: Vec<&str> = names.collect();
    // A file of values may be for several stacks, so only what is stated here counts.
    for name in source.parameters.keys() {
        if !names.contains(&name.as_str()) {
            let near = nearest(name, names.iter().copied(), 1)
                .first()
                .map(|near| format!("; did you mean `{near}`?"))
                .unwrap_or_default();
            bail!(
                "{}: `{}` has no parameter `{name}`{near}",
                source.location,
                stack.file
            );
        }
    }
    Ok(())
}

/// The values of a source's parameters: those of the file, then those stated.
fn parameters(source: &Source, config: &Config) -> anyhow::Result<BTreeMap<String, String>> {
    let mut values = BTreeMap::new();
    if let Some(from) = &source.parameters_from {
        let (file, environment) = from.split_once('#').unwrap_or((from, "default"));
        let path = config.path(file);
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("{}: cannot read `{}`", source.location, path.display()))?;
        let read = match file.ends_with(".json") {
            true => of_json(&text),
            false => of_samconfig(&text, environment),
        };
        values = read.with_context(|| format!("{}: `{from}`", source.location))?;
    }
    values.extend(source.parameters.clone());
    Ok(values)
}

/// CloudFormation's list of `ParameterKey` and `ParameterValue`, or a plain map.
/// <https://docs.aws.amazon.com/cli/latest/reference/cloudformation/deploy/>
fn of_json(text: &str) -> anyhow::Result<BTreeMap<String, String>> {
    let value: serde_json::Value = serde_json::from_str(text)?;
    let map = value.get("Parameters").unwrap_or(&value);
    if let Some(map) = map.as_object() {
        let texts = map
            .iter()
            .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())));
        return Ok(texts.collect());
    }
    let items = value
        .as_array()
        .context("neither a list nor a map of parameters")?;
    let pair = |item: &serde_json::Value| {
        let name = item.get("ParameterKey")?.as_str()?;
        let value = item.get("ParameterValue")?.as_str()?;
        Some((name.to_owned(), value.to_owned()))
    };
    Ok(items.iter().filter_map(pair).collect())
}

/// `parameter_overrides` of an environment of a `samconfig.toml`.
/// <https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/serverless-sam-cli-config.html>
fn of_samconfig(text: &str, environment: &str) -> anyhow::Result<BTreeMap<String, String>> {
    let document: toml::Table = toml::from_str(text)?;
    let environments: Vec<&str> = document
        .iter()
        .filter(|(_, value)| value.is_table())
        .map(|(name, _)| name.as_str())
        .collect();
    let Some(own) = document.get(environment) else {
        bail!(
            "no environment `{environment}`; it has {}",
            environments.join(", ")
        );
    };
    let overrides = |command: &str| own.get(command)?.get("parameters")?.get("parameter_overrides");
    let overrides = overrides("deploy").or_else(|| overrides("global"));
    let words: Vec<String> = match overrides {
        Some(toml::Value::String(text)) => words(text),
        Some(toml::Value::Array(items)) => items
            .iter()
            .filter_map(|item| item.as_str().map(str::to_owned))
            .collect(),
        _ => Vec::new(),
    };
    let pair = |word: &String| {
        let (name, value) = word.split_once('=')?;
        Some((name.to_owned(), value.trim_matches(['"', '\'']).to_owned()))
    };
    Ok(words.iter().filter_map(pair).collect())
}

/// Words between blanks that do not stand in quotes.
fn words(text: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), String::new(), None);
    for c in text.chars() {
        match (quote, c) {
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if open == c => quote = None,
            (None, c) if c.is_whitespace() => words.push(std::mem::take(&mut word)),
            _ => word.push(c),
        }
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}

/// Leaves out stacks that are not named, with their functions and gaps.
fn keep(deployments: &mut Deployments, kept: &BTreeSet<usize>, config: &Config, root: &Path) {
    let moved: BTreeMap<usize, usize> = kept.iter().enumerate().map(|(new, old)| (*old, new)).collect();
    let paths: Vec<String> = config
        .sources
        .iter()
        .filter_map(|source| inside(root, config, source).ok())
        .collect();
    deployments.functions.retain_mut(|function| match function.stack {
        Some(stack) => match moved.get(&stack) {
            Some(new) => {
                function.stack = Some(*new);
                true
            }
            None => false,
        },
        None => true,
    });
    deployments.gaps.retain(|gap| {
        gap.location.as_ref().is_none_or(|location| {
            let folder = location.file.rsplit_once('/').map_or("", |(folder, _)| folder);
            paths.iter().any(|path| {
                path.is_empty()
                    || location.file == *path
                    || location.file.starts_with(&format!("{path}/"))
                    || path.rsplit_once('/').map_or("", |(folder, _)| folder) == folder
            })
        })
    });
    let mut index = 0;
    deployments.stacks.retain(|_| {
        index += 1;
        kept.contains(&(index - 1))
    });
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn shown(values: &BTreeMap<String, String>) -> String {
        let pairs: Vec<String> = values
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        pairs.join(" ")
    }

    #[test]
    fn values_come_from_samconfig() {
        let text = "version = 0.1\n[default.deploy.parameters]\nparameter_overrides = \"Stage=\\\"dev\\\" Name='a b'\"\n\
                    [prod.deploy.parameters]\nparameter_overrides = [\"Stage=prod\"]\n";
        assert_eq!(
            shown(&of_samconfig(text, "default").unwrap()),
            "Name=a b Stage=dev"
        );
        assert_eq!(shown(&of_samconfig(text, "prod").unwrap()), "Stage=prod");
        let error = of_samconfig(text, "live").unwrap_err().to_string();
        assert!(error.contains("default, prod"), "{error}");
    }

    #[test]
    fn values_come_from_json() {
        let list = r#"[{"ParameterKey": "Stage", "ParameterValue": "prod"}]"#;
        assert_eq!(shown(&of_json(list).unwrap()), "Stage=prod");
        assert_eq!(
            shown(&of_json(r#"{"Parameters": {"Stage": "prod"}}"#).unwrap()),
            "Stage=prod"
        );
        assert!(of_json("3").is_err());
    }
}
