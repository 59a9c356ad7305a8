//! What the readers of one stack template share: the template, its stack, the managed policies, and the gaps they find.

use super::node::{Mark, Node};
use super::template::Template;
use super::text::text;
use crate::usage::{Gap, Location};
use crate::workspace::model::Stack;

/// One template being read.
pub(crate) struct Reading<'a> {
    pub(crate) template: &'a Template,
    pub(crate) stack: &'a Stack,
    /// Name of an AWS managed policy → its document.
    pub(crate) managed: &'a dyn Fn(&str) -> Option<String>,
    pub(crate) gaps: Vec<Gap>,
}

impl<'a> Reading<'a> {
    pub(crate) fn new(
        template: &'a Template,
        stack: &'a Stack,
        managed: &'a dyn Fn(&str) -> Option<String>,
    ) -> Self {
        Self {
            template,
            stack,
            managed,
            gaps: Vec::new(),
        }
    }

    /// Notes a gap at a place, once.
    pub(crate) fn gap(&mut self, gap: Gap, at: Mark) {
        let gap = gap.at(self.template.location(at));
        if !self.gaps.contains(&gap) {
            self.gaps.push(gap);
        }
    }

    /// A place of the template.
    pub(crate) fn location(&self, at: Mark) -> Location {
        self.template.location(at)
    }

    /// The text of a value.
    pub(crate) fn text(&self, node: &Node) -> Option<String> {
        text(self.template, node)
    }

    /// The text of a value with every mention of a resource as its symbolic ARN.
    pub(crate) fn arn(&self, node: &Node) -> Option<String> {
        Some(self.stack.normalise_arn(&self.text(node)?))
    }

    /// The symbolic ARN of the resource a value names in whatever way, else what [`Self::arn`] gives.
    pub(crate) fn arn_of_named(&self, node: &Node) -> Option<String> {
        let text = self.text(node)?;
        let named = self
            .stack
            .resource_named(&text)
            .and_then(|resource| resource.arn.clone());
        Some(named.unwrap_or_else(|| self.stack.normalise_arn(&text)))
    }
}
