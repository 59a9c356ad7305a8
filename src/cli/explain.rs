//! `rolefit explain`: the reasons behind an answer.

use std::collections::BTreeSet;

use super::args::{Current, Explain, Project};
use super::{Outcome, assess, say, show};
use crate::iam::action::{Action, ActionPattern};
use crate::report::text;

/// Explains an action of a function.
pub fn run(args: &Explain) -> anyhow::Result<Outcome> {
    let project = Project {
        path: args.path.clone(),
        functions: vec![args.function.clone()],
        usage: args.usage.clone(),
        config: args.config.clone(),
        no_config: args.no_config,
        catalog: args.catalog.clone(),
        templates: args.templates.clone(),
        deploy: Vec::new(),
        current: Current::Template,
        role: None,
        features: args.features.clone(),
    };
    let inputs = assess::read(&project)?;
    let report = assess::assess(&inputs);
    let action = ActionPattern::new(&args.action);
    let mut found = false;
    for assessed in &report.functions {
        if let Some(answer) = text::explain(
            &report,
            &text::Question {
                assessed,
                action: &action,
            },
        ) {
            show(&answer)?;
            found = true;
        }
    }
    if !found {
        say(&format!(
            "`{}` neither needs `{}` nor is it granted",
            args.function, args.action
        ));
        if let Some(named) =
            Action::parse(&args.action).filter(|named| inputs.catalog().action(named).is_none())
        {
            say(&format!(
                "`{named}` is no action in the catalogue of {}",
                inputs.catalog().date()
            ));
        }
        let rows = report.functions.iter().flat_map(|assessed| &assessed.diff.rows);
        let names: BTreeSet<String> = rows.map(|row| row.action.to_string()).collect();
        if !names.is_empty() {
            say(&format!(
                "it has or needs: {}",
                names.into_iter().collect::<Vec<_>>().join(", ")
            ));
        }
    }
    Ok(Outcome::Passed)
}
