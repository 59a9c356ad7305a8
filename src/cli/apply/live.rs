//! Writes a function's policy into its role, and takes it back.
//!
//! 1. Read the project and the role; what would be refused is told together, with the diff.
//! 2. Ask, unless told not to.
//! 3. Keep what the role had in a file, then write the new policy, then delete the other inline policies: at no moment
//!    does the role lack what the function needs.

use std::collections::BTreeMap;
use std::io::{IsTerminal as _, Write as _};

use anyhow::Context as _;
use serde_json::Value;
use similar::TextDiff;

use super::saved::{self, Change, Policies};
use super::{Apply, Rollback};
use crate::aws::{self, RoleInline};
use crate::cli::args::{Current, Project};
use crate::cli::replay::of_policy;
use crate::cli::{Outcome, assess, complain, inputs, say, show};
use crate::diff::Verdict;
use crate::iam::policy::Policy;
use crate::replay::{Recorded, Verdict as Replayed, replay};
use crate::report::Assessed;
use crate::synth::settle::settle;
use crate::synth::size::{Attachment, fit};
use crate::trail::Observation;

/// Writes the inline policy of one role.
pub fn apply(args: &Apply) -> anyhow::Result<Outcome> {
    let inputs = inputs::read(&project(args))?;
    let report = assess::assess(&inputs);
    let [assessed] = report.functions.as_slice() else {
        anyhow::bail!(
            "`{}` names {} functions; name one",
            args.function,
            report.functions.len()
        );
    };
    let name = aws::name_of(&args.role);
    let account = aws::Account::connect()?;
    let role = account.read_inline(name)?;
    only_of(&account, assessed, &role)?;
    let stack = assessed
        .function
        .stack
        .and_then(|index| inputs.workspace.stacks.get(index));
    let policy = settle(&assessed.policy, stack, &known(args, &account, &role)?)?;
    let Attachment::Inline(policy) = fit(&policy)? else {
        anyhow::bail!("the policy is too large for an inline policy; `rolefit generate` prints it in parts");
    };
    let before = parsed(&role)?;
    let after = Policies::from([(args.policy_name.clone(), policy.to_json())]);
    show(&difference(name, &before, &after))?;
    stays(assessed);
    if before == after {
        say(&format!(
            "up to date: {name} has this policy and no other inline policy"
        ));
        return Ok(Outcome::Passed);
    }
    let mut open = open_questions(assessed);
    open.extend(refused(&inputs, assessed));
    open.iter().for_each(|question| say(&format!("open: {question}")));
    if !open.is_empty() && args.accept.is_none() {
        complain(&format!(
            "{name} is left as it is: {} open; settle what is listed, or name the reason to write all the same (`--accept REASON`)",
            counted(open.len(), "question")
        ));
        return Ok(Outcome::Findings);
    }
    if args.dry_run {
        say("dry run: nothing was written");
        return Ok(Outcome::Passed);
    }
    if !confirmed(&format!("Write the inline policy of {}?", role.arn), args.yes)? {
        say("nothing was written");
        return Ok(Outcome::Passed);
    }
    let change = Change::new(
        &role.arn,
        &assessed.function.name,
        args.accept.clone(),
        before,
        after,
    );
    let kept = change.save(&args.path, name)?;
    write(&account, &role, &change.after).with_context(|| {
        format!(
            "what the role had is in `{}`; `rolefit rollback` puts it back",
            kept.display()
        )
    })?;
    say(&format!(
        "wrote {}; what it had is in `{}`, and `rolefit rollback --role {name}` puts it back",
        role.arn,
        kept.display()
    ));
    Ok(Outcome::Passed)
}

/// Puts back the inline policies that a role had before the last `apply`.
pub fn rollback(args: &Rollback) -> anyhow::Result<Outcome> {
    let name = aws::name_of(&args.role);
    let Some((path, change)) = saved::last(&args.path, name)? else {
        anyhow::bail!("`rolefit apply` has kept nothing of the role `{name}` here");
    };
    let account = aws::Account::connect()?;
    let role = account.read_inline(name)?;
    anyhow::ensure!(
        role.arn == change.role,
        "`{}` is about {}, and the account has {}",
        path.display(),
        change.role,
        role.arn
    );
    let now = parsed(&role)?;
    show(&difference(name, &now, &change.before))?;
    if now != change.after && !args.force {
        complain(&format!(
            "{name} is left as it is: its inline policies have changed since `{}`; `--force` replaces them all the same",
            path.display()
        ));
        return Ok(Outcome::Findings);
    }
    if args.dry_run {
        say("dry run: nothing was written");
        return Ok(Outcome::Passed);
    }
    if !confirmed(
        &format!("Put back the inline policies of {}?", role.arn),
        args.yes,
    )? {
        say("nothing was written");
        return Ok(Outcome::Passed);
    }
    write(&account, &role, &change.before)?;
    saved::put_aside(&path)?;
    say(&format!("{} has what it had before", role.arn));
    Ok(Outcome::Passed)
}

/// What to read: the one function, with the one role of the account as its current role.
fn project(args: &Apply) -> Project {
    Project {
        current: Current::Aws,
        role: Some(aws::name_of(&args.role).to_owned()),
        ..args.reading.project(&args.path, vec![args.function.clone()])
    }
}

/// A role that another function runs under is not written: it would lose what that one needs.
fn only_of(account: &aws::Account, assessed: &Assessed<'_>, role: &RoleInline) -> anyhow::Result<()> {
    let listed = account.list_functions()?;
    let others: Vec<&str> = listed
        .iter()
        .filter(|listed| listed.role == role.arn && !inputs::is_deployed_as(assessed.function, &listed.name))
        .map(|listed| listed.name.as_str())
        .collect();
    anyhow::ensure!(
        others.is_empty(),
        "{} is also the role of {}, which may need more than {}\nhint: give each function a role of its own",
        role.arn,
        others.join(", "),
        assessed.function.name
    );
    Ok(())
}

/// What fills the symbols: the role's own account, the region, and what the user states.
fn known(
    args: &Apply,
    account: &aws::Account,
    role: &RoleInline,
) -> anyhow::Result<BTreeMap<String, String>> {
    let mut known = BTreeMap::new();
    let mut put = |name: &str, value: Option<&str>| {
        known.extend(value.map(|value| (name.to_owned(), value.to_owned())));
    };
    let parts: Vec<&str> = role.arn.split(':').collect();
    put("AWS::Partition", parts.get(1).copied());
    put("AWS::AccountId", parts.get(4).copied());
    put("AWS::Region", account.region());
    if let Some(file) = &args.set_from {
        let text =
            std::fs::read_to_string(file).with_context(|| format!("cannot read `{}`", file.display()))?;
        let listing: Value = serde_json::from_str(&text).with_context(|| format!("`{}`", file.display()))?;
        let resources = listing
            .get("StackResources")
            .or_else(|| listing.get("StackResourceSummaries"));
        let resources = resources.and_then(Value::as_array).with_context(|| {
            format!(
                "`{}` is not what `aws cloudformation describe-stack-resources` prints",
                file.display()
            )
        })?;
        for resource in resources {
            let text = |key: &str| resource.get(key).and_then(Value::as_str);
            if let Some(logical) = text("LogicalResourceId") {
                put(logical, text("PhysicalResourceId"));
            }
            let stack = text("StackName").zip(text("StackId"));
            put("AWS::StackName", stack.map(|(name, _)| name));
            put("AWS::StackId", stack.map(|(_, id)| id));
        }
    }
    for set in &args.set {
        let (name, value) = set
            .split_once('=')
            .with_context(|| format!("`--set {set}` is not NAME=VALUE"))?;
        put(name, Some(value));
    }
    Ok(known)
}

fn parsed(role: &RoleInline) -> anyhow::Result<Policies> {
    let parse = |(name, document): (&String, &String)| {
        let document: Value = serde_json::from_str(document)
            .with_context(|| format!("the inline policy `{name}` of {} is no JSON", role.arn))?;
        Ok((name.clone(), document))
    };
    role.policies.iter().map(parse).collect()
}

/// The inline policies of a role, before and after.
fn difference(role: &str, before: &Policies, after: &Policies) -> String {
    let mut names: Vec<&String> = before.keys().chain(after.keys()).collect();
    names.sort();
    names.dedup();
    let text = |policies: &Policies, name: &String| {
        policies
            .get(name)
            .map(|document| format!("{:#}\n", canonical(document)))
            .unwrap_or_default()
    };
    let one = |name: &String| {
        let place = |side: &str, policies: &Policies| match policies.contains_key(name) {
            true => format!("{side}/{role}/{name}"),
            false => "/dev/null".to_owned(),
        };
        TextDiff::from_lines(text(before, name), text(after, name))
            .unified_diff()
            .header(&place("a", before), &place("b", after))
            .to_string()
    };
    names.into_iter().map(one).collect()
}

/// A document in the form in which rolefit prints policies, where it can be read.
fn canonical(document: &Value) -> Value {
    Policy::from_json(&document.to_string()).map_or_else(|_| document.clone(), |policy| policy.to_json())
}

/// Tells which attached policies go on granting.
fn stays(assessed: &Assessed<'_>) {
    let of_role = assessed.function.role.iter().flat_map(|role| &role.statements);
    let attached: std::collections::BTreeSet<&str> = of_role
        .filter(|statement| statement.origin.kind == "managed-policy")
        .map(|statement| statement.origin.name.as_str())
        .collect();
    if !attached.is_empty() {
        let attached: Vec<&str> = attached.into_iter().collect();
        say(&format!(
            "stays: {} attached; what it grants, the role goes on having until it is detached",
            attached.join(", ")
        ));
    }
}

/// What speaks against writing: what is not known of the need, and needs that the role does not meet today.
fn open_questions(assessed: &Assessed<'_>) -> Vec<String> {
    let mut open: Vec<String> = Vec::new();
    if assessed.function.binary.is_none() {
        open.push("the function is not linked to a binary, so what its code needs is not known".to_owned());
    }
    open.extend(assessed.gaps.iter().map(|gap| match &gap.location {
        Some(location) => format!("{} ({location})", gap.message),
        None => gap.message.clone(),
    }));
    let missing = assessed
        .diff
        .rows
        .iter()
        .filter(|row| row.verdict == Verdict::Add);
    open.extend(missing.map(|row| {
        format!(
            "{} on {} would be new: the role lacks it today",
            row.action, row.resource
        )
    }));
    open
}

/// What the trail saw the function do, and the policy would refuse; tells how much it saw.
fn refused(inputs: &inputs::Inputs, assessed: &Assessed<'_>) -> Vec<String> {
    let Some(trail) = &inputs.trail else {
        return Vec::new();
    };
    let function = assessed.function;
    let own: Vec<&Observation> = trail
        .observations
        .iter()
        .filter(|observation| observation.known.as_deref() == Some(function.name.as_str()))
        .collect();
    let side = of_policy(&assessed.policy, "the new policy", None);
    let answers = replay(inputs.catalog(), function, inputs.stack_of(function), &side, &own);
    let calls: u64 = answers.iter().map(|answer| answer.calls).sum();
    let passed = answers
        .iter()
        .filter(|answer| matches!(answer.recorded, Recorded::WentThrough));
    let refused: Vec<String> = passed
        .filter(|answer| matches!(answer.verdict, Replayed::Refused { .. }))
        .map(|answer| {
            let action = answer.action.as_deref().unwrap_or(&answer.event_name);
            format!(
                "the trail saw {action} on {} pass, which the new policy refuses (last: {})",
                answer.resources.join(", "),
                answer.last
            )
        })
        .collect();
    say(&format!(
        "replay: {calls} recorded calls of {}, {} of their kinds would be refused",
        function.name,
        refused.len()
    ));
    refused
}

/// The new policies first, then away with the others.
fn write(account: &aws::Account, role: &RoleInline, wanted: &Policies) -> anyhow::Result<()> {
    for (name, document) in wanted {
        account.put_inline(role, name, &document.to_string())?;
    }
    for name in role.policies.keys().filter(|name| !wanted.contains_key(*name)) {
        account.delete_inline(role, name)?;
    }
    Ok(())
}

/// Asks at the terminal; without one, only `--yes` counts.
fn confirmed(question: &str, yes: bool) -> anyhow::Result<bool> {
    if yes {
        return Ok(true);
    }
    anyhow::ensure!(
        std::io::stdin().is_terminal(),
        "nobody can be asked, as this is no terminal; `--yes` writes without asking, `--dry-run` only shows"
    );
    let mut out = anstream::stderr().lock();
    write!(out, "{question} [y/N] ")?;
    out.flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

fn counted(count: usize, what: &str) -> String {
    match count {
        1 => format!("one {what} is"),
        count => format!("{count} {what}s are"),
    }
}
