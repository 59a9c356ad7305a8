//! Tests of what `rolefit.toml` may say.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use super::*;

fn right(text: &str) -> Config {
    parse("rolefit.toml", text).unwrap_or_else(|error| panic!("{error}"))
}

/// The problems as `line: message (help)`.
fn wrong(text: &str) -> Vec<String> {
    let Err(ConfigError::Invalid(problems)) = parse("rolefit.toml", text) else {
        panic!("this is right: {text}");
    };
    problems
        .problems
        .iter()
        .map(|problem| {
            let line = text
                .get(..problem.span.start)
                .unwrap_or_default()
                .matches('\n')
                .count()
                + 1;
            let help = problem
                .help
                .as_deref()
                .map(|help| format!(" ({help})"))
                .unwrap_or_default();
            format!("{line}: {}{help}", problem.message)
        })
        .collect()
}

#[test]
fn states_links_needs_and_waivers() {
    let config = right(
        "version = 1\n[[function]]\nname = \"orders-prod\"\nbin = \"put-order\"\n\n[[need]]\nfunction = \"*\"\n\
         operation = \"s3.GetObject\"\nresource = \"arn:aws:s3:::b/*\"\nreason = \"layer\"\n\n[[ignore]]\nrule = \"RF003\"\n\
         reason = \"so\"\nexpires = 2027-03-31\n",
    );
    assert_eq!(config.functions.first().unwrap().location.line, 2);
    assert_eq!(
        config.needs.first().unwrap().operation.to_string(),
        "s3.GetObject"
    );
    assert_eq!(
        config.waivers.first().unwrap().expires.as_deref(),
        Some("2027-03-31")
    );
    assert!(config.check.fail_on.contains(&"RF01*".to_owned()));
}

#[test]
fn every_example_of_the_list_of_keys_is_right() {
    let mut text = String::from("version = 1\n");
    for section in keys::SECTIONS {
        text.push_str(&format!("\n{}\n", check::header(section)));
        for key in section.keys {
            text.push_str(&format!("{} = {}\n", key.name, key.example));
        }
    }
    let config = right(&text);
    // Nothing of it is the default, or lost.
    assert_eq!(config.manifest.unwrap().value, "app/Cargo.toml");
    assert_eq!(config.templates, ["iam/templates"]);
    let source = config.sources.first().unwrap();
    assert_eq!(
        (source.path.as_str(), source.kind.as_deref()),
        ("template.yaml", Some("sam"))
    );
    assert_eq!(source.parameters.get("Stage").unwrap(), "prod");
    assert_eq!(source.parameters_from.as_deref(), Some("samconfig.toml#prod"));
    assert_eq!(config.observe.min_days, Some(30));
    assert_eq!(config.observe.max_age, Some(14));
    assert_eq!(config.observe.data_events, ["s3", "dynamodb"]);
    assert_eq!(config.check.min_severity, Severity::Medium);
    assert_eq!(config.check.levels.get("RF030"), Some(&Level::Note));
    assert_eq!(config.check.lockfile.as_deref(), Some("rolefit.lock"));
    assert_eq!(
        config.waivers.first().unwrap().owner.as_deref(),
        Some("@acme/platform")
    );
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let said = wrong(
        "version = 1\n\n[check]\nfail_en = []\nfail_on = [\"RF0I*\", \"!RF022\"]\nmin_severity = \"hihg\"\nstrict = \"yes\"\n\
         levels = { RF001 = \"eror\", RF999 = \"note\" }\n\n[observ]\nusage = \"x\"\n\n[[need]]\nfunction = \"*\"\n\
         operation = \"s3.GetObjekt\"\n\n[[ignore]]\nrule = \"RF3\"\nreason = \"\"\nexpires = \"soon\"\n",
    );
    let expected = [
        "4: [check] has no key `fail_en` (did you mean `fail_on`?)",
        "5: there is no rule `RF0I*` (did you mean `RF001`? `rolefit rule` lists all)",
        "6: `hihg` is none of the values (did you mean `high`?",
        "7: `strict` is `true` or `false`",
        "8: `eror` is none of the values (did you mean `error`?",
        "8: there is no rule `RF999`",
        "10: there is no section `observ` (did you mean `observe`?)",
        "13: [[need]] lacks `reason`",
        "15: there is no operation `s3.GetObjekt` (did you mean `s3.GetObject`?)",
        "18: there is no rule `RF3`",
        "20: `expires` is a date",
    ];
    assert_eq!(said.len(), expected.len(), "{said:#?}");
    for (said, expected) in said.iter().zip(expected) {
        assert!(said.starts_with(expected), "{said}\n{expected}");
    }
}

#[test]
fn the_message_shows_the_line() {
    let error = parse("rolefit.toml", "version = 1\n\n[check]\nfail_en = []\n").unwrap_err();
    let text = error.to_string();
    for part in [
        "`rolefit.toml` has 1 error",
        "--> rolefit.toml:4:1",
        "4 | fail_en = []",
        "did you mean `fail_on`?",
    ] {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn slips_of_form_say_what_would_be_right() {
    for (text, expected) in [
        (
            "version = 2\n",
            "1: version 2 is not known (this rolefit reads `version = 1`)",
        ),
        (
            "[check]\n",
            "1: `version` is missing (begin the file with `version = 1`)",
        ),
        (
            "version = 1\n[ignore]\n",
            "2: `ignore` may stand several times (write it as `[[ignore]]`, once for each)",
        ),
        (
            "version = 1\n[[check]]\n",
            "2: `check` is a section (write it as `[check]`)",
        ),
        (
            "version = 1\nfail_on = []\n",
            "2: there is no section `fail_on` (`fail_on` is a key of [check])",
        ),
        (
            "version = 1\n[templates]\nfolders = []\n",
            "2: there is no section `templates` (folders with policy templates are `templates` in `[workspace]`)",
        ),
        (
            "version = 1\n[[function]]\nname = \"a\"\n[[function]]\nname = \"a\"\n",
            "4: `a` has several `[[function]]` (bring them together)",
        ),
    ] {
        assert_eq!(wrong(text), [expected], "{text}");
    }
}

#[test]
fn broken_syntax_is_told_with_its_line() {
    let said = wrong("version = 1\n[check\nstrict = true\nlevels = {\n");
    assert!(
        said.first().is_some_and(|first| first.starts_with("2: ")),
        "{said:?}"
    );
}

#[test]
fn a_file_above_is_found_as_far_as_the_repository_goes() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("a/b");
    std::fs::create_dir_all(&inner).unwrap();
    let text = "version = 1\n[observe]\nusage = \"trail\"\n";
    std::fs::write(folder.path().join(HIDDEN_FILE_NAME), text).unwrap();
    assert_eq!(read(&inner, Sought::Found).unwrap().file, None, "no repository");
    std::fs::create_dir(folder.path().join(".git")).unwrap();
    let config = read(&inner, Sought::Found).unwrap();
    assert_eq!(config.file.as_deref(), Some("../../.rolefit.toml"));
    assert!(config.path("trail").ends_with("trail"));
    assert_eq!(
        config.path("trail").parent().unwrap().canonicalize().unwrap(),
        folder.path().canonicalize().unwrap()
    );
    assert_eq!(read(&inner, Sought::Nowhere).unwrap().file, None);
    std::fs::create_dir(inner.join(".git")).unwrap();
    assert_eq!(
        read(&inner, Sought::Found).unwrap().file,
        None,
        "a repository of its own"
    );
}

#[test]
fn the_schema_takes_what_is_right_and_refuses_what_is_not() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    let value = |text: &str| {
        let value: toml::Value = toml::from_str(text).unwrap();
        serde_json::to_value(value).unwrap()
    };
    let good = "version = 1\n[check]\nfail_on = [\"RF01*\", \"!RF012\"]\nmin_severity = \"high\"\n\
                [[ignore]]\nrule = \"RF003\"\nreason = \"x\"\nexpires = \"2027-03-31\"\n";
    assert!(validator.is_valid(&value(good)));
    for bad in [
        "version = 2\n",
        "[check]\nstrict = true\n",
        "version = 1\n[check]\nfail_en = []\n",
        "version = 1\n[[ignore]]\nrule = \"RF003\"\n",
        "version = 1\n[[ignore]]\nrule = \"RF999\"\nreason = \"x\"\n",
    ] {
        assert!(!validator.is_valid(&value(bad)), "{bad}");
    }
}
