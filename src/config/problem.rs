//! What is wrong with a `rolefit.toml`: each slip with its place, what would be right, and a code frame.

use std::fmt;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

/// One slip.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The bytes of the file that it is about.
    pub span: Range<usize>,
    /// What is wrong, one sentence.
    pub message: String,
    /// What would be right.
    pub help: Option<String>,
}

/// Everything that is wrong with a file, with its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems {
    /// The file as it is called.
    pub file: String,
    /// Its text.
    pub text: String,
    /// The slips, in the order of the file.
    pub problems: Vec<Problem>,
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = match self.problems.len() {
            1 => "1 error".to_owned(),
            count => format!("{count} errors"),
        };
        write!(f, "`{}` has {count}", self.file)?;
        let renderer = Renderer::plain();
        for problem in &self.problems {
            let end = problem.span.end.min(self.text.len());
            let start = problem.span.start.min(end);
            let annotation = AnnotationKind::Primary.span(start..end);
            let snippet = Snippet::source(&self.text)
                .path(&self.file)
                .annotation(annotation);
            let mut group = Group::with_title(Level::ERROR.primary_title(&problem.message)).element(snippet);
            if let Some(help) = &problem.help {
                group = group.element(Level::HELP.message(help));
            }
            write!(f, "\n\n{}", renderer.render(&[group]))?;
        }
        Ok(())
    }
}
