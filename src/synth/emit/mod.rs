//! A policy in the language it is deployed with, symbols as references of that language, with the reason of each
//! statement as a comment.
//!
//! [`cloudformation`] (also SAM), [`serverless`], [`terraform`] (HCL and JSON) and [`cdk`] (TypeScript) each print one
//! role with its trust policy from a [`Deployable`]; [`in_place`] puts it into the stack template itself.

pub mod cdk;
pub mod cloudformation;
pub mod in_place;
pub mod serverless;
pub mod terraform;

use crate::iam::policy::{Actions, Policy, Resources, Statement};
use crate::synth::size::{self, Attachment};
use crate::usage::{Because, BecauseKind, Grant};
use crate::workspace::model::{Function, Stack, StackResource};

/// Characters of a reason; `explain` has the whole of it.
const LONGEST_REASON: usize = 120;

/// Who assumes the role.
const LAMBDA: &str = "lambda.amazonaws.com";

/// What is printed: a function, its policy as it is attached, and where the symbols come from.
#[derive(Clone, Debug)]
pub struct Deployable<'a> {
    /// The function.
    pub function: &'a Function,
    /// The deployment that declares it.
    pub stack: Option<&'a Stack>,
    /// Inline, or as managed policies where that is too large.
    pub attachment: Attachment,
    /// The grants of the policy, for their reasons.
    pub grants: &'a [Grant],
    /// First line of the comment above the role: versions and size.
    pub heading: String,
}

impl<'a> Deployable<'a> {
    /// The policy of a function, attached as its size asks for.
    ///
    /// # Errors
    /// When a role cannot hold the policy in any way that does not widen it.
    pub fn new(
        function: &'a Function,
        stack: Option<&'a Stack>,
        policy: &Policy,
        grants: &'a [Grant],
        data: &str,
    ) -> Result<Self, size::TooLarge> {
        let attachment = size::fit(policy)?;
        let actions: usize = grants
            .iter()
            .map(|grant| &grant.action)
            .collect::<std::collections::BTreeSet<_>>()
            .len();
        let heading = format!(
            "{data}: {} statements, {actions} actions, at most {} of {} characters",
            attachment
                .policies()
                .map(|policy| policy.statements.len())
                .sum::<usize>(),
            attachment.size(),
            attachment.limit(),
        );
        Ok(Self {
            function,
            stack,
            attachment,
            grants,
            heading,
        })
    }

    /// The function's name in letters and digits, each word with a capital.
    fn camel_name(&self) -> String {
        let own = own_name(&self.function.name);
        let name: String = words(own).map(capital).collect();
        match name.chars().next() {
            Some(first) if first.is_ascii_digit() => format!("Function{name}"),
            Some(_) => name,
            None => "Function".to_owned(),
        }
    }

    /// The function's name in lower case with `_` between words.
    fn snake_name(&self) -> String {
        let name = snake(own_name(&self.function.name));
        match name.chars().next() {
            Some(first) if first.is_ascii_digit() => format!("function_{name}"),
            Some(_) => name,
            None => "function".to_owned(),
        }
    }

    /// The place that asks for most actions of the statement, on one line, and how many more there are. Code goes before
    /// anything else.
    fn reason(&self, statement: &Statement) -> String {
        let allowed = |grant: &&Grant| match (&statement.actions, &statement.resources) {
            (Actions::Only(actions), Resources::Only(resources)) => {
                actions.iter().any(|action| action.matches(&grant.action))
                    && resources.contains(&grant.resource)
                    && statement.conditions == grant.conditions
            }
            _ => false,
        };
        let mut told: Vec<(BecauseKind, String, usize)> = Vec::new();
        for because in self.grants.iter().filter(allowed).flat_map(Grant::because) {
            let sentence = one_line(&self.sentence(because));
            match told
                .iter_mut()
                .find(|(kind, known, _)| (*kind, &**known) == (because.kind, sentence.as_str()))
            {
                Some((.., count)) => *count += 1,
                None => told.push((because.kind, sentence, 1)),
            }
        }
        // Those of the same weight stay in the order of the actions; what confirms the code's own calls is none more.
        told.sort_by_key(|(kind, _, count)| (*kind, std::cmp::Reverse(*count)));
        let Some((first, sentence, _)) = told.first() else {
            return String::new();
        };
        let text = match sentence.char_indices().nth(LONGEST_REASON) {
            Some((end, _)) => format!("{}…", sentence.get(..end).unwrap_or_default()),
            None => sentence.clone(),
        };
        match told
            .iter()
            .filter(|(kind, ..)| kind == first)
            .count()
            .saturating_sub(1)
        {
            0 => text,
            more => format!("{text}, and {more} more"),
        }
    }

    /// A reason in a few words. A place in the template itself has no line: the next change would move it.
    fn sentence(&self, because: &Because) -> String {
        match (&because.location, &because.operation) {
            (Some(location), Some(operation)) => format!("{location} {operation}"),
            (Some(location), None) if location.file != self.function.location.file => {
                format!("{location} {}", because.note)
            }
            // How its resource was found is for `explain` to tell.
            (None, Some(operation)) => {
                format!(
                    "{operation}, {}",
                    because.note.split("; ").next().unwrap_or_default()
                )
            }
            (_, None) => because.note.clone(),
        }
    }

    /// The resource of the stack that a resource text is or lies in, and what follows its ARN.
    fn resource_in<'t>(&self, text: &'t str) -> Option<(&'a StackResource, &'t str)> {
        self.stack?.resources.values().find_map(|named| {
            let rest = text.strip_prefix(named.arn.as_deref()?)?;
            (rest.is_empty() || rest.starts_with(['/', ':'])).then_some((named, rest))
        })
    }

    /// Whether Terraform declares the function, so that its symbols are addresses.
    fn is_terraform(&self) -> bool {
        self.stack.is_some_and(|stack| stack.kind == "terraform")
    }
}

/// Text that cannot end a comment.
fn one_line(text: &str) -> String {
    text.chars()
        .map(|c| {
            if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') {
                ' '
            } else {
                c
            }
        })
        .collect()
}

/// The last step of a Terraform address that a person named: `put_order` of `module.api.aws_lambda_function.put_order[0]`,
/// the module's name of `module.put_order.aws_lambda_function.this[0]`; other names as they are.
fn own_name(name: &str) -> &str {
    let Some((before, last)) = name.rsplit_once("aws_lambda_function.") else {
        return name;
    };
    let last = last.split('[').next().unwrap_or(last);
    let module = before
        .trim_end_matches('.')
        .rsplit_once("module.")
        .map(|(_, module)| module.split('[').next().unwrap_or(module));
    match (last, module) {
        ("this" | "main" | "lambda" | "function", Some(module)) => module,
        _ => last,
    }
}

/// The words of a name: runs of letters and digits.
fn words(name: &str) -> impl Iterator<Item = &str> {
    name.split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
}

fn capital(word: &str) -> String {
    let mut chars = word.chars();
    chars
        .next()
        .map(|first| first.to_ascii_uppercase().to_string() + chars.as_str())
        .unwrap_or_default()
}

/// Whether a symbol is a variable of IAM, such as `aws:username` or the `*` that stands for itself.
pub(super) fn is_policy_variable(symbol: &str) -> bool {
    let prefix = symbol
        .split_once(':')
        .map(|(prefix, _)| prefix)
        // Those of the Serverless Framework, which fills them in.
        .filter(|prefix| !matches!(*prefix, "env" | "opt" | "param" | "sls"));
    matches!(symbol, "*" | "?" | "$")
        || prefix.is_some_and(|prefix| {
            prefix != "AWS" && prefix.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        })
}

/// A name in lower case with `_` between its words, those of `OrdersTable` included.
fn snake(name: &str) -> String {
    let mut out = String::new();
    for word in words(name) {
        let mut lower = false;
        for (index, c) in word.char_indices() {
            if (index == 0 && !out.is_empty()) || (c.is_ascii_uppercase() && lower) {
                out.push('_');
            }
            lower = !c.is_ascii_uppercase();
            out.push(c.to_ascii_lowercase());
        }
    }
    out
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]
mod tests;
