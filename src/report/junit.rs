//! JUnit XML: one suite per function, one case per rule, so that any CI shows which function fails which rule.

use std::collections::BTreeSet;

use quick_junit::{NonSuccessKind, Report as Document, TestCase, TestCaseStatus, TestSuite};

use super::Report;
use crate::gate::rules::RULES;
use crate::gate::{Finding, Level};

/// The suites; findings at error level are failures, the others are told in the output of a passed case.
///
/// # Errors
/// When the document cannot be written as XML.
pub fn junit(report: &Report<'_>) -> Result<String, quick_junit::SerializeError> {
    let mut document = Document::new("rolefit");
    for assessed in &report.functions {
        document.add_test_suite(suite(
            &assessed.function.name,
            Some(&assessed.function.name),
            report,
        ));
    }
    let common = |finding: &&Finding| finding.function.is_none();
    if report.findings.iter().any(|finding| common(&finding)) {
        document.add_test_suite(suite("project", None, report));
    }
    Ok(without_count_of_skipped(&document.to_string()?))
}

/// The schema that Jenkins reads by has no `skipped` on the outermost element.
fn without_count_of_skipped(document: &str) -> String {
    let Some((head, rest)) = document.split_once("<testsuites ") else {
        return document.to_owned();
    };
    let (attributes, rest) = rest.split_once('>').unwrap_or((rest, ""));
    let kept: Vec<&str> = attributes
        .split_inclusive("\" ")
        .filter(|one| !one.starts_with("skipped="))
        .collect();
    format!("{head}<testsuites {}>{rest}", kept.concat())
}

fn suite(name: &str, function: Option<&str>, report: &Report<'_>) -> TestSuite {
    let mut suite = TestSuite::new(name);
    for rule in RULES {
        let findings: Vec<&Finding> = report
            .findings
            .iter()
            .filter(|finding| finding.function.as_deref() == function && finding.rule == *rule)
            .collect();
        let (waived, open): (Vec<&Finding>, Vec<&Finding>) =
            findings.into_iter().partition(|finding| finding.waived.is_some());
        let failing = open.iter().any(|finding| finding.level == Level::Error);
        let mut status = match (failing, open.is_empty(), waived.is_empty()) {
            (true, ..) => TestCaseStatus::non_success(NonSuccessKind::Failure),
            (false, true, false) => TestCaseStatus::skipped(),
            _ => TestCaseStatus::success(),
        };
        match &mut status {
            TestCaseStatus::Skipped { .. } => {
                let reasons: BTreeSet<&str> = waived
                    .iter()
                    .filter_map(|finding| finding.waived.as_deref())
                    .collect();
                let reasons: Vec<&str> = reasons.into_iter().collect();
                // As text: not every schema knows a `message` here.
                status.set_description(format!("waived: {}", reasons.join("; ")));
            }
            TestCaseStatus::NonSuccess { .. } => {
                status.set_message(rule.summary);
                status.set_type(rule.id);
                status.set_description(lines(&open));
            }
            TestCaseStatus::Success { .. } => {}
        }
        let mut case = TestCase::new(format!("{} {}", rule.id, rule.name), status);
        case.set_classname(name);
        if !failing && !open.is_empty() {
            case.set_system_out(lines(&open));
        }
        suite.add_test_case(case);
    }
    suite
}

fn lines(findings: &[&Finding]) -> String {
    let line = |finding: &&Finding| {
        let place = finding.places.first();
        let at = place
            .map(|place| format!("{}: ", place.location))
            .unwrap_or_default();
        format!("{at}{}: {}", finding.level, finding.message)
    };
    findings.iter().map(line).collect::<Vec<_>>().join("\n")
}
