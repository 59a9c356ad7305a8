//! When listing is limited by prefixes, and when it is left as it is.

use super::*;
use crate::catalog::template::templates;
use crate::iam::action::Action;
use crate::iam::arn::ArnPattern;
use crate::usage::{Confidence, Inputs, OperationId};
use crate::workspace::deploy;

const TEMPLATE: &str = "\
Transform: AWS::Serverless-2016-10-31
Resources:
  Docs: { Type: AWS::S3::Bucket }
  Api: { Type: AWS::Serverless::Function, Properties: { Runtime: provided.al2023, Handler: bootstrap, Environment: \
                        { Variables: { AREA: !Ref Docs } } } }
";

fn operation(name: &str) -> OperationId {
    OperationId::parse(name).unwrap()
}

fn env(variable: &str) -> Piece {
    Piece::Env {
        variable: variable.to_owned(),
        default: None,
    }
}

fn text(text: &str) -> Piece {
    Piece::Literal(text.to_owned())
}

/// A call of ListObjectsV2 in a line, with the values that its prefix may have; none at all where it sets none.
fn call(line: u32, prefixes: &[&[Piece]]) -> CallSite {
    let hints = prefixes.iter().map(|pieces| ResourceHint {
        pieces: pieces.to_vec(),
        origin: None,
    });
    let mut inputs = Inputs::default();
    if !prefixes.is_empty() {
        inputs.insert(INPUT.to_owned(), hints.collect());
    }
    CallSite {
        operation: operation("s3.ListObjectsV2"),
        crate_name: "aws-sdk-s3".to_owned(),
        method: "list_objects_v2".to_owned(),
        location: Location::new("src/main.rs", line, 1),
        confidence: Confidence::High,
        via: Vec::new(),
        inputs,
    }
}

fn reason(kind: BecauseKind, line: Option<u32>) -> Because {
    Because {
        kind,
        operation: Some(operation("s3.ListObjectsV2")),
        location: line.map(|line| Location::new("src/main.rs", line, 1)),
        note: "as configured".to_owned(),
    }
}

/// What the trail saw with a prefix.
fn recorded(prefix: &[Piece]) -> Usage {
    let hint = ResourceHint {
        pieces: prefix.to_vec(),
        origin: None,
    };
    Usage {
        operation: operation("s3.ListObjectsV2"),
        inputs: [(INPUT.to_owned(), vec![hint])].into_iter().collect(),
        arns: Vec::new(),
        via_service: None,
        confidence: Confidence::High,
        because: reason(BecauseKind::Trail, None),
    }
}

/// The prefixes that listing is limited to and the note of that, or why it is not.
fn limited(
    calls: &[CallSite],
    seen: &[Usage],
    more: &[Because],
    blind: bool,
) -> Result<(Vec<String>, String), Vec<String>> {
    let read = deploy::read_text("template.yaml", TEMPLATE, &|_| None);
    let evidence = Evidence {
        around: Surroundings {
            function: read.functions.first().unwrap(),
            stack: read.stacks.first(),
            templates: templates(),
        },
        calls,
        recorded: seen,
        blind,
    };
    let lines = calls
        .iter()
        .map(|call| reason(BecauseKind::Code, Some(call.location.line)));
    let trail = seen.iter().map(|_| reason(BecauseKind::Trail, None));
    let mut reasons: Vec<Because> = lines.chain(trail).chain(more.iter().cloned()).collect();
    let mut grant = Grant::new(
        Action::new("s3", "ListBucket"),
        ArnPattern::new("arn:aws:s3:::docs"),
        Confidence::High,
        reasons.remove(0),
    );
    grant.also(&reasons);
    let other = Grant::new(
        Action::new("s3", "GetObject"),
        ArnPattern::new("arn:aws:s3:::docs/*"),
        Confidence::High,
        reason(BecauseKind::Code, Some(90)),
    );
    let asked = Because {
        operation: None,
        location: None,
        note: "asked for".to_owned(),
        kind: BecauseKind::Config,
    };
    let (grants, left_out) = on_prefixes(Catalog::embedded(), vec![grant, other], evidence, &asked);
    assert_eq!(grants.len(), 2);
    let grant = grants
        .iter()
        .find(|grant| grant.action.name() == "ListBucket")
        .unwrap();
    match left_out.first() {
        Some(left_out) => {
            assert!(grant.conditions.is_empty());
            Err(left_out
                .reasons
                .iter()
                .map(|(reason, _)| reason.clone())
                .collect())
        }
        None => {
            let values = grant.conditions.get("StringLike").and_then(|keys| keys.get(KEY));
            let note = grant
                .because()
                .iter()
                .find(|because| because.note.starts_with("asked"));
            Ok((
                values.cloned().unwrap_or_default(),
                note.map(|because| because.note.clone()).unwrap_or_default(),
            ))
        }
    }
}

#[test]
fn prefixes_of_every_call_are_the_condition() {
    let calls = [
        call(3, &[&[text("in/")]]),
        call(
            5,
            &[
                &[text("out/"), Piece::Hole("of the request".to_owned())],
                &[env("AREA"), text("/")],
            ],
        ),
    ];
    let (values, note) = limited(&calls, &[], &[], false).unwrap();
    assert_eq!(values, ["${Docs}/", "in/", "out/*"]);
    assert_eq!(
        note,
        "asked for; every call sets Prefix: `${Docs}/` at src/main.rs:5, `in/` at src/main.rs:3, `out/*` at src/main.rs:5"
    );
}

#[test]
fn two_unknown_parts_in_a_row_are_one() {
    let unknown = || Piece::Hole("of the request".to_owned());
    let calls = [call(3, &[&[text("a/"), unknown(), unknown(), text("/b")]])];
    assert_eq!(limited(&calls, &[], &[], false).unwrap().0, ["a/*/b"]);
}

#[test]
fn a_call_that_may_list_everything_leaves_the_need_as_it_is() {
    let fine = || call(3, &[&[text("in/")]]);
    for (other, why) in [
        (call(5, &[]), "s3.ListObjectsV2 does not set Prefix"),
        (
            call(5, &[&[text("in/")], &ResourceHint::unset().pieces]),
            "s3.ListObjectsV2 does not always set Prefix",
        ),
        (call(5, &[&[text("")]]), "Prefix is empty, which lists everything"),
        (
            call(5, &[&[Piece::Hole("of the request".to_owned())]]),
            "the value of Prefix is not known (of the request)",
        ),
        (
            call(5, &[&[text("a*b")]]),
            "Prefix holds a sign that conditions read otherwise: `a*b`",
        ),
        (
            call(5, &[&[text("a${b}")]]),
            "Prefix holds a sign that conditions read otherwise: `a${b}`",
        ),
    ] {
        assert_eq!(
            limited(&[fine(), other], &[], &[], false),
            Err(vec![why.to_owned()])
        );
    }
    assert_eq!(
        limited(&[fine()], &[], &[], true),
        Err(vec![
            "code that could not be read may list without one".to_owned()
        ])
    );
    assert_eq!(
        limited(&[fine()], &[], &[reason(BecauseKind::Config, None)], false),
        Err(vec![
            "what is needed beside the code's calls has none: as configured".to_owned()
        ])
    );
    assert_eq!(
        limited(&[fine()], &[], &[reason(BecauseKind::Code, Some(77))], false),
        Err(vec!["the call is not found again".to_owned()])
    );
}

#[test]
fn what_the_trail_saw_has_to_be_the_codes_own_calls() {
    let calls = [call(3, &[&[text("in/")], &[env("AREA"), text("/")]])];
    for own in [&[text("in/")][..], &[text("docs-prod/")]] {
        assert!(limited(&calls, &[recorded(own)], &[], false).is_ok(), "{own:?}");
    }
    for (other, shown) in [
        (&[text("out")][..], "out"),
        (&[text("in/"), Piece::Hole("too many".to_owned())], "in/*"),
    ] {
        assert_eq!(
            limited(&calls, &[recorded(other)], &[], false),
            Err(vec![format!(
                "the trail saw s3.ListObjectsV2 with Prefix `{shown}`"
            )])
        );
    }
    let unexplained = Because {
        operation: Some(operation("s3.ListObjects")),
        ..reason(BecauseKind::Trail, None)
    };
    assert_eq!(
        limited(&calls, &[], &[unexplained], false),
        Err(vec![
            "the trail saw s3.ListObjects, which no code explains".to_owned()
        ])
    );
}
