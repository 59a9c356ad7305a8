//! `rolefit schema`: the JSON schema of each output.

use clap::ValueEnum;

use super::{Outcome, catalog, show_json, templates};
use crate::report::{compare, json, scan, simulate};

#[derive(Debug, clap::Args)]
pub struct Schema {
    /// Which output.
    #[arg(value_enum)]
    pub output: Of,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Of {
    /// `rolefit scan --format json`.
    Scan,
    /// `rolefit diff --format json`.
    Report,
    /// `rolefit catalog info --format json`.
    Catalog,
    /// `rolefit catalog operation --format json`.
    Operation,
    /// `rolefit catalog action --format json`.
    Action,
    /// `rolefit catalog service --format json`.
    Service,
    /// `rolefit compare --format json`.
    Compare,
    /// `rolefit replay --format json`.
    Replay,
    /// `rolefit simulate --format json`.
    Simulate,
    /// `rolefit observe --format json`.
    Observe,
    /// `rolefit observe export`.
    Usage,
    /// `rolefit observe plan --format json`.
    Plan,
    /// One line of `rolefit simulate --batch`.
    SimulateBatch,
    /// `rolefit templates list --format json`.
    Templates,
    /// `rolefit rule --format json`.
    Rules,
    /// `rolefit.toml`, for editors.
    Config,
}

/// Prints the JSON schema of an output.
pub fn run(args: &Schema) -> anyhow::Result<Outcome> {
    let schema = match args.output {
        Of::Scan => schemars::schema_for!(scan::ScanV1),
        Of::Report => schemars::schema_for!(json::ReportV1),
        Of::Catalog => schemars::schema_for!(catalog::CatalogV1),
        Of::Operation => schemars::schema_for!(catalog::OperationV1),
        Of::Action => schemars::schema_for!(catalog::ActionV1),
        Of::Compare => schemars::schema_for!(compare::CompareV1),
        Of::Service => schemars::schema_for!(catalog::ServiceV1),
        Of::Plan => schemars::schema_for!(crate::report::plan::PlanV1),
        Of::Replay => schemars::schema_for!(crate::report::replay::ReplayV1),
        Of::Simulate => schemars::schema_for!(simulate::SimulateV1),
        Of::SimulateBatch => schemars::schema_for!(simulate::AnswerV1),
        Of::Templates => schemars::schema_for!(templates::TemplatesV1),
        Of::Observe => schemars::schema_for!(super::observe::ObserveV1),
        Of::Usage => schemars::schema_for!(crate::trail::export::UsageV1),
        Of::Rules => schemars::schema_for!(super::rule::RulesV1),
        Of::Config => {
            show_json(&crate::config::schema())?;
            return Ok(Outcome::Passed);
        }
    };
    show_json(&schema)?;
    Ok(Outcome::Passed)
}
