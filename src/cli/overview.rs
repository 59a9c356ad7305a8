//! `rolefit`: the overview.

use super::args::Project;
use super::{Outcome, assess, inputs, show};
use crate::report::text;

/// Shows what was found and what to run next.
pub fn run(project: &Project) -> anyhow::Result<Outcome> {
    let inputs = inputs::read(project)?;
    let report = assess::assess(&inputs);
    show(&text::overview(&report))?;
    Ok(if report.functions.is_empty() {
        Outcome::NothingToCheck
    } else {
        Outcome::Passed
    })
}
