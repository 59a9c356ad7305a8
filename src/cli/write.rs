//! `rolefit generate --write`: puts the generated roles into the stack templates, keeping everything else as it is.

use std::collections::BTreeMap;

use anyhow::Context as _;
use similar::TextDiff;

use super::generate::Generate;
use super::replace::replace;
use super::{Outcome, inputs, say, show};
use crate::diff::Verdict;
use crate::report::Assessed;
use crate::synth::emit::{Deployable, in_place};
use crate::workspace::deploy;

/// Changes the templates, or with `--check` only says whether they would change.
///
/// A function is left alone, with a message, when its need is not known for sure (gaps; `--with-gaps` overrides that) or
/// when its role is defined elsewhere.
pub fn run(
    args: &Generate,
    inputs: &inputs::Inputs,
    functions: &[Assessed<'_>],
    data: &str,
) -> anyhow::Result<Outcome> {
    let mut of_file: BTreeMap<&str, Vec<&Assessed<'_>>> = BTreeMap::new();
    for assessed in functions {
        match unfit(args, assessed) {
            Some(reason) => say(&format!("left: {}: {reason}", assessed.function.name)),
            None if is_exact(assessed) => {}
            None => of_file
                .entry(&assessed.function.location.file)
                .or_default()
                .push(assessed),
        }
    }
    let mut changes = 0;
    for (file, wanted) in of_file {
        let path = inputs.root().join(file);
        let before =
            std::fs::read_to_string(&path).with_context(|| format!("cannot read `{}`", path.display()))?;
        let mut after = before.clone();
        for assessed in wanted {
            match with_role(&after, file, assessed, inputs, data) {
                Ok(changed) => after = changed,
                Err(reason) => say(&format!("left: {}: {reason}", assessed.function.name)),
            }
        }
        if after == before {
            continue;
        }
        changes += 1;
        show(&unified(file, &before, &after))?;
        if !args.check {
            replace(&path, &after)?;
            say(&format!("wrote {}", path.display()));
        }
    }
    Ok(match (changes, args.check) {
        (0, _) => {
            say("up to date: no role is to change");
            Outcome::Passed
        }
        (_, true) => Outcome::Findings,
        (_, false) => Outcome::Passed,
    })
}

/// Why the role of a function is not to be written.
fn unfit(args: &Generate, assessed: &Assessed<'_>) -> Option<String> {
    let function = assessed.function;
    if function.stack.is_none() {
        return Some("no stack template declares it".to_owned());
    }
    if function.binary.is_none() {
        return Some("it is not linked to a binary, so what its code needs is not known".to_owned());
    }
    if function.role.is_none() {
        return Some("its role is defined elsewhere".to_owned());
    }
    match assessed.gaps.as_slice() {
        [first, ..] if !args.with_gaps => Some(format!(
            "{} (`--with-gaps` writes the role all the same)",
            first.message
        )),
        _ => None,
    }
}

/// Whether the role grants what is needed and nothing else.
fn is_exact(assessed: &Assessed<'_>) -> bool {
    let kept = |verdict| matches!(verdict, Verdict::Keep | Verdict::Unobserved);
    assessed.diff.rows.iter().all(|row| kept(row.verdict))
}

/// The template with the role of one function. Each change moves lines, so the function is read anew.
fn with_role(
    text: &str,
    file: &str,
    assessed: &Assessed<'_>,
    inputs: &inputs::Inputs,
    data: &str,
) -> Result<String, String> {
    let name = &assessed.function.name;
    let managed = |policy: &str| {
        inputs
            .catalog()
            .managed_policy(policy)
            .map(|policy| policy.document_json)
    };
    let read = deploy::read_text(file, text, &managed);
    let Some(function) = read.functions.iter().find(|function| function.name == *name) else {
        return Err("it is not found in the template on its own".to_owned());
    };
    let stack = function.stack.and_then(|index| read.stacks.get(index));
    let deployable = match Deployable::new(function, stack, &assessed.policy, &assessed.grants, data) {
        Ok(deployable) => deployable,
        Err(error) => return Err(error.to_string()),
    };
    in_place::edit(text, &deployable, &managed).map_err(|reason| reason.to_string())
}

fn unified(file: &str, before: &str, after: &str) -> String {
    TextDiff::from_lines(before, after)
        .unified_diff()
        .context_radius(3)
        .header(&format!("a/{file}"), &format!("b/{file}"))
        .to_string()
}
