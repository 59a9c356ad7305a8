//! `rolefit generate` and `rolefit schema`: documents for people and programs to use.

use std::collections::BTreeMap;

use anyhow::Context as _;

use super::args::{Generate, PolicyFormat, Schema, SchemaOf};
use super::{Outcome, assess, catalog, say, show, show_json, templates};
use crate::report::{Assessed, compare, json, scan, simulate};
use crate::synth::emit;

/// Prints or writes the minimal policy of each function.
pub fn run(args: &Generate) -> anyhow::Result<Outcome> {
    let inputs = assess::read(&args.project)?;
    let report = assess::assess(&inputs);
    if report.functions.is_empty() {
        say("no functions found: neither a stack template nor a binary");
        return Ok(Outcome::NothingToCheck);
    }
    for assessed in &report.functions {
        for gap in &assessed.gaps {
            let place = gap
                .location
                .as_ref()
                .map(|location| format!(" ({location})"))
                .unwrap_or_default();
            say(&format!(
                "gap: {}: {}{place}",
                assessed.function.name, gap.message
            ));
        }
    }
    let role = |assessed: &Assessed<'_>| {
        let stack = assessed
            .function
            .stack
            .and_then(|index| inputs.workspace.stacks.get(index));
        emit::cloudformation_role(assessed.function, stack, &assessed.policy, &assessed.grants)
    };
    if let Some(folder) = &args.out_dir {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot create `{}`", folder.display()))?;
        for assessed in &report.functions {
            let (ending, text) = match args.format {
                PolicyFormat::Cfn | PolicyFormat::Sam => ("yaml", role(assessed)),
                _ => ("json", format!("{:#}\n", assessed.policy.to_json())),
            };
            let name: String = key(assessed, &report.functions)
                .chars()
                .map(|c| {
                    if c.is_ascii_alphanumeric() || "-_.".contains(c) {
                        c
                    } else {
                        '_'
                    }
                })
                .collect();
            let file = folder.join(format!("{name}.{ending}"));
            std::fs::write(&file, text).with_context(|| format!("cannot write `{}`", file.display()))?;
            say(&format!("wrote {}", file.display()));
        }
        return Ok(Outcome::Passed);
    }
    match args.format {
        PolicyFormat::ReportJson => show_json(&json::report(&report, inputs.catalog()))?,
        PolicyFormat::Cfn | PolicyFormat::Sam => show(&roles(&report.functions, &role))?,
        PolicyFormat::Json => match (args.project.functions.as_slice(), report.functions.as_slice()) {
            ([_], [only]) => show_json(&only.policy.to_json())?,
            _ => show_json(&documents(&report.functions))?,
        },
    }
    Ok(Outcome::Passed)
}

/// One YAML document per stack, so that each can be pasted into its own template.
fn roles(functions: &[Assessed<'_>], role: &dyn Fn(&Assessed<'_>) -> String) -> String {
    let mut of_stack: BTreeMap<Option<usize>, String> = BTreeMap::new();
    for assessed in functions {
        of_stack
            .entry(assessed.function.stack)
            .or_default()
            .push_str(&role(assessed));
    }
    let documents: Vec<String> = of_stack.into_values().collect();
    documents.join("---\n")
}

/// Function name → document; where several stacks have a function of that name, `stack file#name`.
fn documents(functions: &[Assessed<'_>]) -> BTreeMap<String, serde_json::Value> {
    functions
        .iter()
        .map(|assessed| (key(assessed, functions), assessed.policy.to_json()))
        .collect()
}

fn key(assessed: &Assessed<'_>, functions: &[Assessed<'_>]) -> String {
    let name = &assessed.function.name;
    if functions
        .iter()
        .filter(|other| other.function.name == *name)
        .count()
        == 1
    {
        return name.clone();
    }
    format!("{}#{name}", assessed.function.location.file)
}

/// Prints the JSON schema of an output.
pub fn schema(args: &Schema) -> anyhow::Result<Outcome> {
    let schema = match args.output {
        SchemaOf::Scan => schemars::schema_for!(scan::ScanV1),
        SchemaOf::Report => schemars::schema_for!(json::ReportV1),
        SchemaOf::Catalog => schemars::schema_for!(catalog::CatalogV1),
        SchemaOf::Operation => schemars::schema_for!(catalog::OperationV1),
        SchemaOf::Action => schemars::schema_for!(catalog::ActionV1),
        SchemaOf::Compare => schemars::schema_for!(compare::CompareV1),
        SchemaOf::Service => schemars::schema_for!(catalog::ServiceV1),
        SchemaOf::Simulate => schemars::schema_for!(simulate::SimulateV1),
        SchemaOf::SimulateBatch => schemars::schema_for!(simulate::AnswerV1),
        SchemaOf::Templates => schemars::schema_for!(templates::TemplatesV1),
        SchemaOf::Rules => schemars::schema_for!(super::rule::RulesV1),
        SchemaOf::Config => {
            show_json(&crate::config::schema())?;
            return Ok(Outcome::Passed);
        }
    };
    show_json(&schema)?;
    Ok(Outcome::Passed)
}
