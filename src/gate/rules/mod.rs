//! The rules a role can break: stable id, name, level, what it means and what to do.

mod page;

use std::fmt;

use crate::diff::risk::Severity;

pub use page::{index, page};

/// How a finding is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Worth knowing.
    Note,
    /// Should be looked at.
    Warning,
    /// Breaks something, or opens something.
    Error,
}

impl Level {
    /// The level of a word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Note, Self::Warning, Self::Error]
            .into_iter()
            .find(|level| level.as_str() == word)
    }

    /// `note`, `warning` or `error`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A rule.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rule {
    /// Stable id, such as `RF001`.
    pub id: &'static str,
    /// Name in kebab case.
    pub name: &'static str,
    /// Level when nothing else is configured.
    pub level: Level,
    /// How bad a finding is, unless it says so itself.
    pub severity: Severity,
    /// What it means, one sentence.
    pub summary: &'static str,
    /// What to do about it, one sentence.
    pub help: &'static str,
    /// The rest of its page, in Markdown: what it means, an example, how to fix it, when it is wrong.
    pub text: &'static str,
}

impl Rule {
    /// Whether it is about permissions that grew beyond what was approved.
    pub fn is_growth(&self) -> bool {
        self.id.starts_with("RF02") && *self != STALE_LOCK
    }

    /// The address of the rule's page, in the files of the released version.
    pub fn page(&self) -> String {
        format!(
            "https://docs.rs/crate/rolefit/{}/source/docs/rules/{}.md",
            env!("CARGO_PKG_VERSION"),
            self.id
        )
    }
}

macro_rules! rules {
    ($($constant:ident = $id:literal $name:literal $level:ident $severity:ident: $summary:literal; $help:literal;)*) => {
        $(#[doc = $summary] pub static $constant: Rule = Rule {
            id: $id,
            name: $name,
            level: Level::$level,
            severity: Severity::$severity,
            summary: $summary,
            help: $help,
            text: include_str!(concat!($id, ".md")),
        };)*
        /// Every rule, sorted by id.
        pub static RULES: &[&Rule] = &[$(&$constant),*];
    };
}

rules! {
    UNUSED_PERMISSION = "RF001" "unused-permission" Warning Medium:
        "The role grants actions that neither the function's code nor its observed activity needs.";
        "Remove them, or record an exception with a reason in rolefit.toml.";
    ACTION_WILDCARD = "RF002" "action-wildcard" Warning Medium:
        "The role grants an action wildcard that is wider than the need.";
        "Name the needed actions one by one.";
    RESOURCE_TOO_BROAD = "RF003" "resource-too-broad" Warning Medium:
        "The role grants a needed action on more resources than the function uses.";
        "Name the resource; `rolefit generate` prints the statement.";
    ESCALATION = "RF004" "privilege-escalation" Error High:
        "The role grants an unneeded action that lets the function's code raise its own privileges.";
        "Remove it, or accept it with a reason and an expiry date.";
    OBSERVED_ONLY = "RF005" "observed-only" Warning Medium:
        "CloudTrail recorded a call that no code of the function explains; the grant is kept unless configured otherwise.";
        "Find out who makes the call: a dependency, a layer, or somebody else with the role's credentials.";
    NEVER_OBSERVED = "RF006" "never-observed" Note Info:
        "The code can make a call that the trail would show and never did.";
        "If the code is dead, remove it; a rare path is a good reason to keep it.";
    UNUSED_FUNCTION = "RF007" "unused-function" Note Info:
        "The function made no call in all the time that the trail spans.";
        "If nothing uses it any more, remove it together with its role.";
    MISSING_PERMISSION = "RF010" "missing-permission" Error High:
        "The code needs a permission that the role does not grant: the call will be refused.";
        "Add the statement that `rolefit generate` prints.";
    MISSING_RUNTIME_PERMISSION = "RF011" "missing-runtime-permission" Error High:
        "Lambda itself needs a permission that the role does not grant (event source, tracing, VPC, dead-letter queue).";
        "Add the statement that `rolefit generate` prints.";
    WRONG_RESOURCE = "RF012" "wrong-resource" Error High:
        "The role grants the right action on the wrong resource.";
        "Add the resource, such as `/index/*` of a table or `/*` of a bucket.";
    REFUSED_ELSEWHERE = "RF013" "refused-elsewhere" Error High:
        "A policy beside the role refuses what the function needs: of the resource, a VPC endpoint, a boundary, the organisation.";
        "Change that policy; no statement of the role can help.";
    NEW_GRANT = "RF020" "new-grant" Error Medium:
        "The role grants something that nobody approved: it is not in rolefit.lock, or not in the base revision.";
        "Remove it, or approve it with `rolefit lock` and commit the file.";
    WIDENED_GRANT = "RF021" "widened-grant" Error Medium:
        "An approved grant has become wider: more resources, a dropped condition, a dropped deny or boundary.";
        "Undo it, or approve it with `rolefit lock` and commit the file.";
    NEW_NEED = "RF022" "new-need" Warning Medium:
        "The code needs a permission that was neither approved nor granted before.";
        "Grant it, and approve it with `rolefit lock`.";
    MANAGED_VERSION = "RF023" "managed-policy-changed" Warning Medium:
        "AWS changed an attached managed policy since it was approved; an error if the new version grants more.";
        "Read what changed, then approve it with `rolefit lock`; or replace the managed policy by exact statements.";
    WIDENED_TRUST = "RF024" "widened-trust" Error High:
        "The trust policy lets somebody other than Lambda be the function's role, and nobody approved that.";
        "Let `lambda.amazonaws.com` alone assume the role, or approve the others with `rolefit lock`.";
    STALE_LOCK = "RF025" "stale-lock" Note Info:
        "rolefit.lock approves something that no role grants any more.";
        "Run `rolefit lock` and commit the file.";
    SHARED_ROLE = "RF030" "shared-role" Warning Medium:
        "Several functions share one role, so each has the permissions of all.";
        "Give every function its own role.";
    INJECTED_EXCESS = "RF031" "injected-excess" Note Low:
        "The framework adds permissions that the function does not need.";
        "Define the role as an `AWS::IAM::Role` of your own and set it on the function: `Role` with SAM, `role` with the Serverless Framework.";
    IGNORED_POLICIES = "RF032" "ignored-policies" Error High:
        "SAM ignores `Policies` of a function that has a `Role`.";
        "Move the policies to the role.";
    UNRESOLVED_CALL = "RF040" "unresolved" Warning Medium:
        "Something in the code or the stack template could not be settled, so the need may be incomplete.";
        "See the gap's own advice; `[[need]]` in rolefit.toml states what no reader can see.";
    UNLINKED_FUNCTION = "RF041" "unlinked-function" Warning Medium:
        "The binary that a deployed function runs is not known.";
        "Link it with `[[function]]` in rolefit.toml.";
    UNDEPLOYED_BINARY = "RF042" "undeployed-binary" Note Info:
        "A binary stands beside a stack, and no function of it runs the binary.";
        "If a function runs it, link them with `[[function]]` in rolefit.toml; a tool for people needs nothing.";
    OTHER_ACCOUNT = "RF043" "other-account" Note Info:
        "The function needs a resource of another account, which that account has to allow too.";
        "Give the statement to whoever owns the account; a role of one side alone is not enough.";
    CONDITION_LEFT_OUT = "RF044" "condition-left-out" Note Info:
        "A condition that `[synthesis] conditions` asks for is left out, since some call may not meet it.";
        "Set the input in the call that the finding names, or accept the wider need.";
    POLICY_TOO_LONG = "RF050" "policy-too-long" Error High:
        "The policy that the function needs is longer than AWS lets one attach.";
        "Attach it as managed policies, or split the function.";
    SHORT_TRAIL = "RF060" "short-trail" Note Info:
        "The trail is older or shorter than it is meant to be, or lacks data events that it is meant to hold.";
        "Read newer objects, or record more; what the trail does not record, its silence does not tell.";
    UNUSED_WAIVER = "RF090" "unused-waiver" Warning Low:
        "A waiver matches no finding.";
        "Delete it.";
    EXPIRED_WAIVER = "RF091" "expired-waiver" Error Medium:
        "A waiver has expired, or will within 14 days (then a note).";
        "Fix the finding, or renew the waiver with a new date.";
    UNEXPLAINED_WAIVER = "RF092" "unexplained-waiver" Error Medium:
        "A waiver has no reason, so it does not hold.";
        "Say why the finding is accepted.";
}

/// The rule of an id, ignoring case.
pub fn rule(id: &str) -> Option<&'static Rule> {
    RULES
        .iter()
        .copied()
        .find(|rule| rule.id.eq_ignore_ascii_case(id))
}

/// Whether a rule is chosen by a list of globs (`RF01*`), in which a later `!RF012` takes out again.
pub fn chosen(rule: &Rule, globs: &[String]) -> bool {
    globs
        .iter()
        .fold(false, |chosen, glob| match glob.strip_prefix('!') {
            Some(excluded) => chosen && !fits(excluded, rule.id),
            None => chosen || fits(glob, rule.id),
        })
}

fn fits(glob: &str, id: &str) -> bool {
    match glob.strip_suffix('*') {
        Some(start) => id.starts_with(start),
        None => id == glob,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_sorted_and_unique() {
        assert!(RULES.windows(2).all(|pair| matches!(pair, [a, b] if a.id < b.id)));
    }

    #[test]
    fn every_page_has_its_parts() {
        for rule in RULES {
            for part in [
                "## What it means",
                "## Example",
                "## How to fix it",
                "## When it is wrong",
            ] {
                assert!(rule.text.contains(part), "{} lacks {part}", rule.id);
            }
        }
    }

    #[test]
    fn globs_choose_and_exclude() {
        let globs = ["RF01*".to_owned(), "!RF012".to_owned()];
        assert!(chosen(&MISSING_PERMISSION, &globs));
        assert!(!chosen(&WRONG_RESOURCE, &globs));
        assert!(!chosen(&UNUSED_PERMISSION, &globs));
    }
}
