//! GitLab's code quality report: <https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format>.

use serde_json::{Value, json};

use super::Report;
use super::place::anchor;
use crate::gate::Level;

/// One entry per finding that is not waived.
pub fn gitlab(report: &Report<'_>) -> Value {
    report
        .findings
        .iter()
        .filter(|finding| finding.waived.is_none())
        .map(|finding| {
            let place = anchor(finding, report);
            json!({
                "description": finding.message,
                "check_name": finding.rule.id,
                "fingerprint": finding.fingerprint(),
                "severity": match finding.level {
                    Level::Error => "critical",
                    Level::Warning => "major",
                    Level::Note => "info",
                },
                "location": {
                    "path": place.location.file,
                    "lines": { "begin": place.location.line },
                },
            })
        })
        .collect()
}
