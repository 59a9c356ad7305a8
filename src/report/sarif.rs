//! SARIF 2.1.0 for code scanning: one result per finding, matched from run to run by its fingerprint.
//!
//! What GitHub asks of a file: <https://docs.github.com/en/code-security/code-scanning/integrating-with-code-scanning/sarif-support-for-code-scanning>.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Report;
use super::place::{anchor, region};
use crate::diff::risk::Severity;
use crate::gate::rules::{RULES, page};
use crate::gate::{Finding, Place, Rule};

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// The most results that GitHub takes from one run.
const MOST_RESULTS: usize = 25_000;

/// The findings as a SARIF log; `source` gives the text of a file of the scanned root.
pub fn sarif(report: &Report<'_>, source: &dyn Fn(&str) -> Option<String>) -> Value {
    let indices: BTreeMap<&str, usize> = RULES.iter().enumerate().map(|(at, rule)| (rule.id, at)).collect();
    let results: Vec<Value> = report
        .findings
        .iter()
        .take(MOST_RESULTS)
        .map(|finding| result(finding, &indices, report, source))
        .collect();
    json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "rolefit",
                "version": report.version,
                "semanticVersion": report.version,
                "informationUri": "https://docs.rs/rolefit",
                "rules": RULES.iter().map(|rule| self::rule(rule)).collect::<Vec<_>>(),
            }},
            "automationDetails": { "id": "rolefit/" },
            "columnKind": "unicodeCodePoints",
            "originalUriBaseIds": { "SRCROOT": { "description": { "text": "The scanned folder." } } },
            "invocations": [{ "executionSuccessful": true, "exitCode": i32::from(report.fails) }],
            "results": results,
        }],
    })
}

fn rule(rule: &Rule) -> Value {
    json!({
        "id": rule.id,
        "name": pascal_case(rule.name),
        "shortDescription": { "text": rule.summary },
        "fullDescription": { "text": rule.summary },
        "help": { "text": rule.help, "markdown": page(rule) },
        "helpUri": rule.page(),
        "defaultConfiguration": { "level": rule.level.as_str() },
        "properties": {
            "tags": ["security", "iam", "least-privilege"],
            "precision": "high",
            "security-severity": security_severity(rule.severity),
        },
    })
}

/// GitHub's scale: above 9 an alert is critical, from 7 on high, from 4 on medium.
fn security_severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "9.5",
        Severity::High => "8.0",
        Severity::Medium => "5.5",
        Severity::Low => "2.0",
        Severity::Info => "0.5",
    }
}

fn result(
    finding: &Finding,
    indices: &BTreeMap<&str, usize>,
    report: &Report<'_>,
    source: &dyn Fn(&str) -> Option<String>,
) -> Value {
    let primary = anchor(finding, report);
    let related: Vec<Value> = finding
        .places
        .iter()
        .skip(1)
        .enumerate()
        .map(|(index, place)| {
            let mut location = location(place, source);
            if let Some(members) = location.as_object_mut() {
                members.insert("id".to_owned(), json!(index + 1));
                if !place.label.is_empty() {
                    members.insert("message".to_owned(), json!({ "text": place.label }));
                }
            }
            location
        })
        .collect();
    let mut result = json!({
        "ruleId": finding.rule.id,
        "ruleIndex": indices.get(finding.rule.id),
        "level": finding.level.as_str(),
        "message": { "text": message(finding) },
        "locations": [location(&primary, source)],
        "partialFingerprints": {
            "rolefit/v1": finding.fingerprint(),
            "primaryLocationLineHash": format!("{}:1", finding.fingerprint()),
        },
        "properties": {
            "function": finding.function,
            "actions": finding.actions,
            "confidence": finding.confidence.as_str(),
        },
    });
    if let Some(members) = result.as_object_mut() {
        if !related.is_empty() {
            members.insert("relatedLocations".to_owned(), Value::Array(related));
        }
        if let Some(reason) = &finding.waived {
            let in_source = finding.waived_by.as_ref().is_some_and(|by| by.in_source);
            let kind = if in_source { "inSource" } else { "external" };
            let accepted = json!([{ "kind": kind, "justification": reason }]);
            members.insert("suppressions".to_owned(), accepted);
        }
    }
    result
}

/// The sentence, the notes and the advice; square brackets would be read as links.
fn message(finding: &Finding) -> String {
    let mut parts = vec![format!("{}.", finding.message)];
    parts.extend(finding.notes.iter().map(|note| format!("Note: {note}.")));
    parts.extend(finding.help.iter().map(|help| format!("Help: {help}")));
    parts.join("\n").replace('[', "\\[").replace(']', "\\]")
}

fn location(place: &Place, source: &dyn Fn(&str) -> Option<String>) -> Value {
    let region = region(place, source);
    json!({
        "physicalLocation": {
            "artifactLocation": { "uri": uri(&place.location.file), "uriBaseId": "SRCROOT" },
            "region": {
                "startLine": region.line,
                "startColumn": region.column,
                "endLine": region.line,
                "endColumn": region.end_column,
            },
        },
    })
}

/// A relative path as a URI reference: everything but unreserved characters and `/` percent-encoded.
fn uri(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'/') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// `unused-permission` as `UnusedPermission`.
fn pascal_case(name: &str) -> String {
    name.split('-')
        .map(|word| {
            let mut letters = word.chars();
            let first = letters.next().map(|c| c.to_ascii_uppercase());
            first.into_iter().chain(letters).collect::<String>()
        })
        .collect()
}
