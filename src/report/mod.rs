//! What we tell: one [`Report`], rendered as text, JSON and other formats.

mod github;
mod gitlab;
mod html;
pub mod compare;
pub mod json;
mod junit;
mod markdown;
mod place;
mod sarif;
pub mod plan;
pub mod replay;
pub mod scan;
pub mod simulate;
pub mod text;

pub use github::github;
pub use gitlab::gitlab;
pub use html::html;
pub use junit::junit;
pub use markdown::markdown;
pub use sarif::sarif;

use crate::diff::{Diff, Row, Verdict};
use crate::gate::Finding;
use crate::iam::policy::Policy;
use crate::usage::{CallSite, Gap, Grant, Observed};
use crate::workspace::model::{Function, Workspace};

/// Everything a renderer may show.
#[derive(Debug)]
pub struct Report<'a> {
    /// Version of rolefit.
    pub version: &'static str,
    /// Date of the catalogue.
    pub catalog: String,
    /// What was found.
    pub workspace: &'a Workspace,
    /// One entry per function, in the order of the workspace.
    pub functions: Vec<Assessed<'a>>,
    /// Everything that is wrong, most serious first; waived findings are marked.
    pub findings: Vec<Finding>,
    /// Gaps that concern no single function.
    pub gaps: Vec<Gap>,
    /// Whether the gate fails.
    pub fails: bool,
    /// What the trail showed, in words; `None` without a trail.
    pub trail: Option<String>,
    /// What creep was judged against, such as `rolefit.lock`; `None` when there is neither a lock nor a base.
    pub approved: Option<String>,
}

/// One function, assessed.
#[derive(Debug)]
pub struct Assessed<'a> {
    /// The function.
    pub function: &'a Function,
    /// The SDK calls its code can reach.
    pub calls: &'a [CallSite],
    /// What it needs.
    pub grants: Vec<Grant>,
    /// The policy that allows exactly that.
    pub policy: Policy,
    /// The comparison with its role; all rows are missing ones when `function.role` is `None`.
    pub diff: Diff,
    /// What the trail saw of each row of `diff`, in the same order; `None` without a trail.
    pub observed: Vec<Option<Observed>>,
    /// What could not be settled.
    pub gaps: Vec<Gap>,
}

/// How many grants of each verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Granted today.
    pub granted: usize,
    /// Needed.
    pub needed: usize,
    /// Needed and not granted.
    pub missing: usize,
    /// Granted and not needed.
    pub excess: usize,
    /// Needed on less than is granted.
    pub narrowed: usize,
    /// Granted as needed.
    pub kept: usize,
    /// Not settled.
    pub gaps: usize,
}

impl std::ops::Add for Counts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            granted: self.granted + other.granted,
            needed: self.needed + other.needed,
            missing: self.missing + other.missing,
            excess: self.excess + other.excess,
            narrowed: self.narrowed + other.narrowed,
            kept: self.kept + other.kept,
            gaps: self.gaps + other.gaps,
        }
    }
}

impl Assessed<'_> {
    /// The counts; a function without a known role grants and lacks nothing. A wildcard counts all actions it stands for.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts {
            gaps: self.gaps.len(),
            ..Counts::default()
        };
        if self.function.role.is_none() {
            counts.needed = self.grants.len();
            return counts;
        }
        for row in &self.diff.rows {
            match row.verdict {
                Verdict::Keep => counts.kept += 1,
                Verdict::Narrow => counts.narrowed += 1,
                Verdict::Add => counts.missing += 1,
                Verdict::Remove => counts.excess += row.actions,
                Verdict::Unobserved => counts.granted += row.actions,
            }
        }
        counts.granted += counts.kept + counts.narrowed + counts.excess;
        counts.needed = counts.kept + counts.narrowed + counts.missing;
        counts
    }

    /// The rows with what the trail saw of them.
    pub fn rows(&self) -> impl Iterator<Item = (&Row, Option<&Observed>)> {
        let observed = self
            .observed
            .iter()
            .map(Option::as_ref)
            .chain(std::iter::repeat(None));
        self.diff.rows.iter().zip(observed)
    }
}

impl Report<'_> {
    /// The counts of all functions.
    pub fn counts(&self) -> Counts {
        let of_functions = self
            .functions
            .iter()
            .map(Assessed::counts)
            .fold(Counts::default(), std::ops::Add::add);
        Counts {
            gaps: of_functions.gaps + self.gaps.len(),
            ..of_functions
        }
    }
}
