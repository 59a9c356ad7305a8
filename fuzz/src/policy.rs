//! Whatever a text is, reading it does not panic; and what is read prints as something that reads the same.

use rolefit::iam::policy::{Document, Policy, PolicyKind};

/// One run.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    for kind in [PolicyKind::Identity, PolicyKind::Resource, PolicyKind::Trust] {
        match Document::read(text, kind) {
            Ok(document) => {
                assert_eq!(document.statements.len(), document.policy.statements.len());
                let printed = document.policy.to_json_pretty();
                assert_eq!(Policy::read(&printed, kind), Ok(document.policy));
            }
            Err(error) => {
                assert!(error.at.line > 0 && error.at.column > 0);
                assert!(!error.to_string().is_empty() && !error.iam_says().is_empty());
            }
        }
    }
}
