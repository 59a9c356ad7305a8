//! Whatever a stack template says, reading it ends without panic and says the same twice.

use rolefit::catalog::Catalog;
use rolefit::workspace::deploy;

/// One run. The input is a template, in YAML or JSON.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let managed = |name: &str| {
        Catalog::embedded()
            .managed_policy(name)
            .map(|policy| policy.document_json)
    };
    let file = if text.trim_start().starts_with('{') {
        "template.json"
    } else {
        "template.yaml"
    };
    let one = deploy::read_text(file, text, &managed);
    let other = deploy::read_text(file, text, &managed);
    assert_eq!(format!("{one:?}"), format!("{other:?}"));
}
