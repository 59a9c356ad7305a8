//! Every key of `rolefit.toml` has the effect that its documentation tells, every rule of the gate fires, and `init` writes a
//! file that holds.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use crate::folder::copy;

const MAIN: &str = r#"
use aws_sdk_s3::Client;

#[tokio::main]
async fn main() {
    let client = Client::new(&aws_config::load_from_env().await);
    client.get_object().bucket("in-prod").key("a.json").send().await;
    #[cfg(feature = "audit")]
    client.put_object().bucket("audit").key("b").send().await;
}
"#;

const TEMPLATE: &str = r#"AWSTemplateFormatVersion: '2010-09-09'
Parameters:
  Stage: {Type: String, Default: dev}
Resources:
  Inbox:
    Type: AWS::S3::Bucket
    Properties: {BucketName: !Sub 'in-${Stage}'}
  Worker:
    Type: AWS::Lambda::Function
    Properties:
      FunctionName: worker
      Runtime: provided.al2023
      Handler: bootstrap
      Code: target/lambda/worker
      Role: !GetAtt WorkerRole.Arn
  WorkerRole:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Version: '2012-10-17'
        Statement:
          - {Effect: Allow, Principal: {Service: lambda.amazonaws.com}, Action: sts:AssumeRole}
      Policies:
        - PolicyName: own
          PolicyDocument:
            Version: '2012-10-17'
            Statement:
              - Sid: Objects
                Effect: Allow
                Action: s3:GetObject
                Resource: arn:aws:s3:::in-*/*
              - Sid: Logs
                Effect: Allow
                Action: [logs:CreateLogGroup, logs:CreateLogStream, logs:PutLogEvents]
                Resource: !Sub 'arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:/aws/lambda/worker:*'
              - Sid: Queue
                Effect: Allow
                Action: [sqs:SendMessage, sqs:DeleteQueue]
                Resource: arn:aws:sqs:eu-west-1:111122223333:old
"#;

/// A project with one function, in a folder of its own.
struct Project(tempfile::TempDir);

impl Project {
    fn new() -> Self {
        let project = Self(tempfile::tempdir().unwrap());
        project.package("", "worker", MAIN);
        project.write("template.yaml", TEMPLATE);
        project
    }

    /// A copy of the demo, whose trail spans 14 days to 2026-11-18.
    fn demo() -> Self {
        let project = Self(tempfile::tempdir().unwrap());
        copy(Path::new("docs/demo/orders"), project.0.path());
        project
    }

    fn write(&self, file: &str, text: &str) {
        let path = self.0.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn package(&self, dir: &str, name: &str, main: &str) {
        let manifest = format!(
            "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[features]\naudit = []\n[dependencies]\n\
             aws-config = \"1\"\naws-sdk-s3 = \"1\"\ntokio = \"1\"\n"
        );
        self.write(&format!("{dir}Cargo.toml"), &manifest);
        self.write(&format!("{dir}src/main.rs"), main);
    }

    /// The configuration, without its first line.
    fn config(&self, text: &str) -> &Self {
        self.write("rolefit.toml", &format!("version = 1\n{text}"));
        self
    }

    fn run(&self, args: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_rolefit"))
            .args(args)
            .current_dir(self.0.path())
            .env("SOURCE_DATE_EPOCH", "1795219200")
            .env("NO_COLOR", "1")
            .env_remove("ROLEFIT_CONFIG")
            .output()
            .unwrap()
    }

    fn report(&self) -> Value {
        let output = self.run(&["check", "--format", "json"]);
        serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)))
    }

    /// Exit code of `check`, and what it said to stderr.
    fn check(&self, args: &[&str]) -> (i32, String) {
        let output = self.run(&[&["check"], args].concat());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code().unwrap(), said)
    }

    /// What the functions need, as `action resource`.
    fn needs(&self) -> BTreeSet<String> {
        needs(&self.report())
    }

    /// The findings as `rule level message`.
    fn findings(&self) -> Vec<String> {
        findings(&self.report())
    }
}

fn needs(report: &Value) -> BTreeSet<String> {
    let functions = report["functions"].as_array().unwrap().iter();
    functions
        .flat_map(|function| function["grants"].as_array().unwrap())
        .filter(|grant| ["keep", "narrow", "add"].contains(&grant["verdict"].as_str().unwrap()))
        .map(|grant| {
            format!(
                "{} {}",
                grant["action"].as_str().unwrap(),
                grant["resource"].as_str().unwrap()
            )
        })
        .collect()
}

fn findings(report: &Value) -> Vec<String> {
    let text = |finding: &Value, key: &str| finding[key].as_str().unwrap_or_default().to_owned();
    report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|finding| finding["suppressed"].is_null())
        .map(|finding| {
            format!(
                "{} {} {}",
                text(finding, "rule"),
                text(finding, "level"),
                text(finding, "message")
            )
        })
        .collect()
}

fn has(findings: &[String], start: &str) -> bool {
    findings.iter().any(|finding| finding.starts_with(start))
}

#[test]
fn workspace_manifest_leaves_out_what_lies_elsewhere() {
    let project = Project::new();
    project.package("tools/migrate/", "migrate", MAIN);
    assert!(has(
        &project.findings(),
        "RF042 note no function of a stack runs the binary `migrate`"
    ));
    project.package("app/", "worker", MAIN);
    std::fs::remove_file(project.0.path().join("Cargo.toml")).unwrap();
    project.config("[workspace]\nmanifest = \"app/Cargo.toml\"\n");
    assert!(!has(&project.findings(), "RF042"));
    project.config("[workspace]\nmanifest = \"ap/Cargo.toml\"\n");
    let (code, said) = project.check(&[]);
    assert_eq!(code, 2);
    assert!(
        said.contains("rolefit.toml:3: there is no manifest `ap/Cargo.toml`"),
        "{said}"
    );
}

#[test]
fn workspace_templates_are_policy_templates_of_ones_own() {
    let project = Project::new();
    let built_in = project.run(&["templates", "show", "event-source/sqs"]).stdout;
    project.write("iam/sqs.toml", &String::from_utf8(built_in).unwrap());
    project.config("[workspace]\ntemplates = [\"iam\"]\n");
    let list = project
        .run(&["templates", "list", "event-source/sqs", "--format", "json"])
        .stdout;
    let list: Value = serde_json::from_slice(&list).unwrap();
    assert_eq!(list["templates"][0]["built_in"], false);
}

#[test]
fn sources_choose_the_stacks_and_give_them_parameters() {
    let project = Project::new();
    project.write("old/template.yaml", &TEMPLATE.replace("Worker", "Former"));
    let functions = |project: &Project| project.report()["functions"].as_array().unwrap().len();
    assert_eq!(functions(&project), 2);
    let literal = "s3:GetObject arn:${AWS::Partition}:s3:::in-prod/a.json";
    assert!(project.needs().contains(literal), "{:?}", project.needs());
    let symbol = "s3:GetObject arn:${AWS::Partition}:s3:::${Inbox}/a.json";
    project.write(
        "samconfig.toml",
        "version = 0.1\n[prod.deploy.parameters]\nparameter_overrides = \"Stage=prod Other=x\"\n",
    );
    for values in [
        "parameters = { Stage = \"prod\" }",
        "parameters_from = \"samconfig.toml#prod\"",
        "kind = \"cfn\"\nparameters_from = \"samconfig.toml#prod\"",
    ] {
        project.config(&format!("[[source]]\npath = \"template.yaml\"\n{values}\n"));
        assert_eq!(functions(&project), 1);
        assert!(
            project.needs().contains(symbol),
            "{values}: {:?}",
            project.needs()
        );
    }
    for (source, expected) in [
        ("path = \"templat.yaml\"", "`templat.yaml` is not there"),
        (
            "path = \"src\"",
            "there is no stack template at `src`; found: old/template.yaml, template.yaml",
        ),
        (
            "path = \"template.yaml\"\nkind = \"sam\"",
            "is of the kind `cloudformation`, not `sam`",
        ),
        (
            "path = \"template.yaml\"\nparameters = { Stag = \"prod\" }",
            "has no parameter `Stag`; did you mean `Stage`?",
        ),
        (
            "path = \"template.yaml\"\nparameters_from = \"samconfig.toml#live\"",
            "no environment `live`; it has prod",
        ),
    ] {
        let (code, said) = project.config(&format!("[[source]]\n{source}\n")).check(&[]);
        assert_eq!(code, 2, "{source}");
        assert!(
            said.contains(expected) && said.contains("rolefit.toml:2"),
            "{said}"
        );
    }
}

#[test]
fn features_are_those_that_are_stated() {
    let project = Project::new();
    let audits = |project: &Project| {
        project
            .needs()
            .iter()
            .any(|need| need.starts_with("s3:PutObject"))
    };
    assert!(!audits(&project));
    for config in [
        "[scan]\nfeatures = [\"audit\"]\n",
        "[scan]\nall_features = true\n",
        "[[function]]\nname = \"Worker\"\nfeatures = [\"audit\"]\n",
    ] {
        assert!(audits(project.config(config)), "{config}");
    }
    let manifest = std::fs::read_to_string(project.0.path().join("Cargo.toml")).unwrap();
    project.write(
        "Cargo.toml",
        &manifest.replace("audit = []", "audit = []\ndefault = [\"audit\"]"),
    );
    assert!(audits(project.config("")));
    assert!(!audits(project.config("[scan]\nno_default_features = true\n")));
}

#[test]
fn a_function_is_linked_to_the_binary_that_is_stated() {
    let project = Project::new();
    project.package("other/", "other", "fn main() {}");
    let linked = |project: &Project| {
        project.report()["functions"][0]["bin"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(linked(&project), "worker");
    project.config("[[function]]\nname = \"Worker\"\nbin = \"other\"\n");
    assert_eq!(linked(&project), "other");
}

#[test]
fn the_trail_is_measured_by_what_it_is_meant_to_be() {
    let project = Project::demo();
    let trail = "[observe]\nusage = \"trail\"\n";
    let said = |more: &str| project.config(&format!("{trail}{more}")).findings();
    assert!(!has(&said(""), "RF060"));
    assert!(!has(&said("min_days = 10\nmax_age = \"7d\"\n"), "RF060"));
    assert!(has(
        &said("min_days = 30\n"),
        "RF060 note the trail spans 13 days, fewer than 30"
    ));
    assert!(has(
        &said("max_age = \"1d\"\n"),
        "RF060 note the trail's last event is"
    ));
    assert!(has(
        &said("data_events = [\"sns\"]\n"),
        "RF060 note the trail holds no data events of `sns`"
    ));
    assert!(!has(&said("data_events = [\"dynamodb\"]\n"), "RF060"));
    project.config("");
    assert!(!has(&project.findings(), "RF005"), "no trail");
}

#[test]
fn a_function_that_nothing_uses_and_calls_that_were_never_seen_are_noted() {
    let project = Project::demo();
    let template = std::fs::read_to_string(project.0.path().join("template.yaml")).unwrap();
    assert!(
        has(&project.findings(), "RF006 note"),
        "{:#?}",
        project.findings()
    );
    assert!(!has(&project.findings(), "RF007"));
    project.config("[observe]\nusage = \"trail\"\n");
    let output = project.run(&["check", "-v"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let worth = "the trail holds data events of the service from 2026-11-04 to 2026-11-17";
    assert!(said.contains(worth), "what silence is worth: {said}");
    // The same code under another name: nothing in the trail is about it.
    let renamed = template.replace("PlaceOrderFunction", "FormerFunction");
    project.write("template.yaml", &renamed);
    project.config("[observe]\nusage = \"trail\"\nmin_days = 10\n");
    let said = project.findings();
    assert!(
        has(&said, "RF007 note `FormerFunction` made no call in the 13 days"),
        "{said:#?}"
    );
    project.config("[observe]\nusage = \"trail\"\n");
    assert!(
        !has(&project.findings(), "RF007"),
        "13 days are too few by default"
    );
}

#[test]
fn the_need_rests_on_the_evidence_that_is_stated() {
    let project = Project::demo();
    let with = |need: &str| {
        project.config(&format!(
            "[observe]\nusage = \"trail\"\n[synthesis]\nneed = \"{need}\"\n"
        ));
        let report = project.report();
        (needs(&report), findings(&report))
    };
    let (all, _) = with("code-or-observed");
    let (code, said) = with("code");
    let gone: Vec<&String> = all.difference(&code).collect();
    assert!(
        gone.len() == 1 && gone[0].starts_with("s3:GetObjectTagging"),
        "{gone:?}"
    );
    assert!(
        said.iter()
            .any(|one| one.starts_with("RF005") && one.ends_with("the policy leaves it out"))
    );
    let (observed, _) = with("observed");
    let (both, said) = with("code-and-observed");
    assert!(observed.is_subset(&all) && observed.len() < all.len());
    assert!(both.is_subset(&code) && both.len() < code.len());
    assert!(
        observed
            .iter()
            .any(|need| need.starts_with("s3:GetObjectTagging"))
    );
    assert!(has(&said, "RF006"), "{said:#?}");
    project.config("[synthesis]\nneed = \"observed\"\n");
    let (code, said) = project.check(&[]);
    assert_eq!(code, 2);
    assert!(said.contains("no trail is named"), "{said}");
}

#[test]
fn resources_may_be_whole_types_and_buckets_listed() {
    let project = Project::new();
    let lists = |project: &Project| {
        let needs = project.needs();
        needs
            .iter()
            .any(|need| need == "s3:ListBucket arn:${AWS::Partition}:s3:::in-prod")
    };
    assert!(!lists(&project));
    project.config("[synthesis]\nallow_list_bucket_for_404 = false\n");
    assert!(!lists(&project));
    project.config("[synthesis]\nallow_list_bucket_for_404 = true\n");
    assert!(lists(&project));
    project.config("[synthesis]\nresources = \"type\"\n");
    let policy = project.report()["functions"][0]["policy"].to_string();
    assert!(!policy.contains("in-prod"), "{policy}");
}

/// 404 instead of 403 is one choice for all commands, and its reason is told.
#[test]
fn listing_for_a_clear_answer_is_explained() {
    let project = Project::new();
    let said = |args: &[&str]| String::from_utf8(project.run(args).stdout).unwrap();
    let why_not = said(&["explain", "Worker", "--why-not", "s3:ListBucket"]);
    assert!(
        why_not.contains("403 instead of 404") && why_not.contains("allow_list_bucket_for_404"),
        "{why_not}"
    );
    assert!(!said(&["generate"]).contains("s3:ListBucket"));
    project.config("[synthesis]\nneed = \"code\"\nallow_list_bucket_for_404 = true\n");
    let why = said(&["explain", "Worker", "s3:ListBucket"]);
    for part in [
        "`synthesis.allow_list_bucket_for_404`",
        "s3.GetObject at src/main.rs:7",
        "rolefit.toml:4",
    ] {
        assert!(why.contains(part), "{part}: {why}");
    }
    assert!(said(&["generate"]).contains("s3:ListBucket"));
    assert!(said(&["diff"]).contains("+ ListBucket"));
    assert!(said(&["check"]).contains("needs `s3:ListBucket` on `s3:in-prod`"));
}

/// A role that lists the bucket by the name that the template gives it grants what the choice asks for.
#[test]
fn a_listed_bucket_is_known_by_its_name() {
    let project = Project::new();
    project.package("", "worker", &MAIN.replace("in-prod", "in-dev"));
    let with = "Action: s3:ListBucket\n                Resource: arn:aws:s3:::in-dev\n              - Sid: Read\n                \
                Effect: Allow\n                Action: s3:GetObject\n";
    project.write("template.yaml", &TEMPLATE.replace("Action: s3:GetObject\n", with));
    project.config("[synthesis]\nallow_list_bucket_for_404 = true\n");
    let report = project.report();
    let grants = report["functions"][0]["grants"].as_array().unwrap();
    let verdicts: Vec<&str> = grants
        .iter()
        .filter(|grant| grant["action"] == "s3:ListBucket")
        .map(|grant| grant["verdict"].as_str().unwrap())
        .collect();
    assert_eq!(verdicts, ["keep"], "{grants:#?}");
}

#[test]
fn a_policy_is_too_long_for_one_place_and_not_for_another() {
    let project = Project::new();
    let calls: String = (0..120)
        .map(|index| {
            format!(
                "client.get_object().bucket(\"bucket-{index:02}-{}\").key(\"k\").send().await;\n",
                "x".repeat(20)
            )
        })
        .collect();
    project.package("", "worker", &MAIN.replace("#[cfg", &format!("{calls}#[cfg")));
    assert!(!has(&project.findings(), "RF050"));
    project.config("[synthesis]\nattach = \"managed\"\n");
    let said = project.findings();
    assert!(
        has(&said, "RF050 note the policy that `Worker` needs has up to"),
        "{said:#?}"
    );
}

#[test]
fn what_fails_the_check_is_what_is_stated() {
    let project = Project::new();
    let code = |config: &str, args: &[&str]| project.config(config).check(args).0;
    assert_eq!(code("", &[]), 0);
    assert_eq!(code("[check]\nfail_on = [\"RF00*\"]\n", &[]), 1);
    assert_eq!(
        code("[check]\nfail_on = [\"RF00*\", \"!RF001\", \"!RF003\"]\n", &[]),
        0
    );
    let on = "[check]\nfail_on = [\"RF001\"]\n";
    // It deletes a queue: high.
    assert_eq!(code(&format!("{on}min_severity = \"high\"\n"), &[]), 1);
    assert_eq!(code(&format!("{on}min_severity = \"critical\"\n"), &[]), 0);
    assert_eq!(
        code(
            &format!("{on}min_severity = \"critical\"\n"),
            &["--min-severity", "high"]
        ),
        1
    );
    assert_eq!(code(on, &["--min-severity", "critical"]), 0);
    // What a feature may bring in makes what is not needed less sure.
    assert_eq!(code(&format!("{on}min_confidence = \"high\"\n"), &[]), 0);
    let all = "[scan]\nfeatures = [\"audit\"]\n";
    assert_eq!(code(&format!("{all}{on}min_confidence = \"high\"\n"), &[]), 1);
    // A file that does not parse makes what is not needed less sure.
    project.write("src/odd.rs", "pub fn f(a: &dyn std::any::Any) {}");
    assert_eq!(code(&format!("{on}levels = {{ RF001 = \"note\" }}\n"), &[]), 0);
    let said = project
        .config("[check]\nlevels = { RF001 = \"error\" }\n")
        .findings();
    assert!(has(&said, "RF001 error"), "{said:#?}");
}

#[test]
fn less_sure_findings_need_not_fail() {
    let project = Project::new();
    // A gap in the code: what seems unneeded may be needed after all.
    project.package(
        "",
        "worker",
        &MAIN.replace(
            "#[cfg",
            "let other = make(); other.send_message().queue_url(\"q\").send().await;\n#[cfg",
        ),
    );
    let on = "[check]\nfail_on = [\"RF001\"]\n";
    let report = project.config(on).report();
    let confidence: Vec<&str> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|finding| finding["rule"] == "RF001")
        .filter_map(|finding| finding["confidence"].as_str())
        .collect();
    assert_eq!(confidence, ["medium"], "{report:#}");
    assert_eq!(project.check(&[]).0, 1);
    assert_eq!(project.check(&["--min-confidence", "high"]).0, 0);
    assert_eq!(
        project
            .config(&format!("{on}min_confidence = \"high\"\n"))
            .check(&[])
            .0,
        0
    );
    assert_eq!(
        project
            .config("[check]\nfail_on = []\nstrict = true\n")
            .check(&[])
            .0,
        4
    );
    assert_eq!(project.config("[check]\nfail_on = []\n").check(&[]).0, 0);
}

#[test]
fn the_lock_lies_where_it_is_stated() {
    let project = Project::new();
    project.config("[check]\nlockfile = \"iam/approved.lock\"\n");
    project.write("iam/README", "");
    assert_eq!(project.run(&["lock"]).status.code(), Some(0));
    assert!(project.0.path().join("iam/approved.lock").is_file());
    assert_eq!(project.check(&[]).0, 0);
    project.write("template.yaml", &TEMPLATE.replace("sqs:DeleteQueue", "sqs:*"));
    let said = project.findings();
    assert!(
        has(&said, "RF020 error") && said.concat().contains("not in iam/approved.lock"),
        "{said:#?}"
    );
}

#[test]
fn a_new_need_of_the_code_is_told_beside_the_lock() {
    let project = Project::new();
    assert_eq!(project.run(&["lock"]).status.code(), Some(0));
    assert!(!has(&project.findings(), "RF022 "));
    project.package("", "worker", &MAIN.replace("#[cfg(feature = \"audit\")]", ""));
    let said = project.findings();
    assert!(
        has(
            &said,
            "RF022 warning `Worker` now needs `s3:PutObject` on `s3:audit/b`"
        ),
        "{said:#?}"
    );
}

#[test]
fn a_declared_need_is_a_need() {
    let project = Project::new();
    project.config(
        "[[need]]\nfunction = \"Work*\"\noperation = \"sqs.SendMessage\"\nresource = \
         \"arn:aws:sqs:eu-west-1:111122223333:old\"\nreason = \"the layer\"\n",
    );
    assert!(
        project
            .needs()
            .contains("sqs:SendMessage arn:${AWS::Partition}:sqs:eu-west-1:111122223333:old")
    );
}

#[test]
fn waivers_hold_for_what_they_name() {
    let project = Project::new();
    let waived = |keys: &str| {
        let config = format!("[[ignore]]\nrule = \"RF001\"\nreason = \"soon gone\"\n{keys}");
        let report = project.config(&config).report();
        let all = report["findings"].as_array().unwrap().clone();
        all.iter().find(|finding| finding["rule"] == "RF001").unwrap()["suppressed"]
            .as_str()
            .map(str::to_owned)
    };
    assert_eq!(waived("").as_deref(), Some("soon gone"));
    assert_eq!(
        waived("owner = \"@acme/iam\"\n").as_deref(),
        Some("soon gone (@acme/iam)")
    );
    for fits in [
        "function = \"W*r\"",
        "action = \"sqs:*\"",
        "resource = \"*:old\"",
        "expires = 2027-01-01",
    ] {
        assert!(waived(fits).is_some(), "{fits}");
    }
    for other in [
        "function = \"X*\"",
        "action = \"sqs:Send*\"",
        "resource = \"*:new\"",
        "expires = 2026-01-01",
    ] {
        assert!(waived(other).is_none(), "{other}");
    }
    let said = project
        .config("[[ignore]]\nrule = \"RF001\"\nreason = \" \"\n")
        .findings();
    assert!(
        has(&said, "RF092 error the waiver of RF001 has no reason"),
        "{said:#?}"
    );
    let said = project
        .config("[[ignore]]\nrule = \"RF001\"\nreason = \"x\"\nexpires = 2026-11-25\n")
        .findings();
    assert!(has(&said, "RF091 note the waiver of RF001 ends in"), "{said:#?}");
    let said = project
        .config("[[ignore]]\nrule = \"RF030\"\nreason = \"x\"\n")
        .findings();
    assert!(
        has(&said, "RF090 warning the waiver of RF030 matches no finding"),
        "{said:#?}"
    );
    // Not when only a part was looked at.
    let part = project
        .run(&["check", "--function", "Worker", "--format", "json"])
        .stdout;
    assert!(!String::from_utf8(part).unwrap().contains("RF090"));
}

#[test]
fn comments_at_the_place_are_waivers() {
    let project = Project::new();
    let rules = |template: &str| -> Vec<String> {
        project.write("template.yaml", template);
        let findings = project.findings();
        findings.iter().map(|one| one[..5].to_owned()).collect()
    };
    let before = rules(TEMPLATE);
    assert!(
        before.contains(&"RF001".to_owned()) && before.contains(&"RF003".to_owned()),
        "{before:?}"
    );
    let above = TEMPLATE.replace(
        "              - Sid: Queue",
        "              # rolefit: ignore[RF001] moving\n              - Sid: Queue",
    );
    assert!(!rules(&above).contains(&"RF001".to_owned()));
    let behind = TEMPLATE.replace(
        "- Sid: Objects",
        "- Sid: Objects  # rolefit: ignore[RF003] by design",
    );
    assert!(!rules(&behind).contains(&"RF003".to_owned()));
    let silent = TEMPLATE.replace("- Sid: Objects", "- Sid: Objects  # rolefit: ignore[RF003]");
    let said = rules(&silent);
    assert!(
        said.contains(&"RF003".to_owned()) && said.contains(&"RF092".to_owned()),
        "{said:?}"
    );
    let idle = TEMPLATE.replace("Resources:", "Resources:  # rolefit: ignore[RF030] nothing here");
    assert!(rules(&idle).contains(&"RF090".to_owned()));
    // SARIF tells that the waiver stands in the source.
    project.write("template.yaml", &above);
    let sarif: Value = serde_json::from_slice(&project.run(&["check", "--format", "sarif"]).stdout).unwrap();
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    let unused = results.iter().find(|result| result["ruleId"] == "RF001").unwrap();
    assert_eq!(unused["suppressions"][0]["kind"], "inSource");
    assert_eq!(unused["suppressions"][0]["justification"], "moving");
}

#[test]
fn comments_in_rust_waive_what_could_not_be_settled() {
    let project = Project::new();
    project.config("[scan]\nfeatures = [\"audit\"]\n");
    let odd = "let other = make(); other.send_message().queue_url(\"q\").send().await;\n";
    let main = |comment: &str| MAIN.replace("#[cfg", &format!("{comment}{odd}#[cfg"));
    project.package("", "worker", &main(""));
    assert!(has(&project.findings(), "RF040"), "{:#?}", project.findings());
    project.package(
        "",
        "worker",
        &main("// rolefit: ignore[RF040] a stand-in of our own\n"),
    );
    let said = project.findings();
    assert!(!has(&said, "RF040") && !has(&said, "RF09"), "{said:#?}");
}

#[test]
fn comments_in_terraform_are_waivers() {
    let project = Project(tempfile::tempdir().unwrap());
    project.package("", "worker", MAIN);
    let main = |comment: &str| {
        format!(
            r#"
resource "aws_lambda_function" "worker" {{
  function_name = "worker"
  runtime       = "provided.al2023"
  filename      = "target/lambda/worker/bootstrap.zip"
  role          = aws_iam_role.worker.arn
}}
resource "aws_iam_role" "worker" {{
  assume_role_policy = jsonencode({{
    Version = "2012-10-17"
    Statement = [{{ Effect = "Allow", Principal = {{ AWS = "*" }}, Action = "sts:AssumeRole" }}]
  }})
}}
{comment}
resource "aws_iam_role_policy" "worker" {{
  role = aws_iam_role.worker.name
  policy = jsonencode({{
    Version = "2012-10-17"
    Statement = [
      {comment}
      {{ Effect = "Allow", Action = ["sqs:DeleteQueue"], Resource = ["*"] }},
    ]
  }})
}}
"#
        )
    };
    project.write("main.tf", &main(""));
    let said = project.findings();
    assert!(has(&said, "RF001") && has(&said, "RF024 error"), "{said:#?}");
    project.write("main.tf", &main("// rolefit: ignore[RF001] agreed"));
    assert!(!has(&project.findings(), "RF001"), "{:#?}", project.findings());
}

#[test]
fn the_configuration_may_be_named_or_left_out() {
    let project = Project::new();
    project.write("other.toml", "version = 1\n[check]\nfail_on = [\"RF001\"]\n");
    assert_eq!(project.check(&[]).0, 0);
    assert_eq!(project.check(&["--config", "other.toml"]).0, 1);
    project.config("[check]\nfail_on = [\"RF001\"]\n");
    assert_eq!(project.check(&[]).0, 1);
    assert_eq!(project.check(&["--no-config"]).0, 0);
    project.config("[chek]\n");
    let (code, said) = project.check(&[]);
    assert_eq!(code, 2);
    assert!(
        said.contains("--> rolefit.toml:2:2") && said.contains("did you mean `check`?"),
        "{said}"
    );
    let inner = project.run(&["check", "src"]);
    assert_eq!(
        inner.status.code(),
        Some(3),
        "without a repository nothing above is looked at"
    );
}

#[test]
fn init_writes_what_check_can_use() {
    for project in [Project::new(), Project::demo()] {
        let _ = std::fs::remove_file(project.0.path().join("rolefit.toml"));
        let before = project.run(&["check", "--no-config"]).status.code();
        let printed = project.run(&["init", "--print"]);
        assert_eq!(printed.status.code(), Some(0));
        assert!(!project.0.path().join("rolefit.toml").exists());
        assert_eq!(project.run(&["init"]).status.code(), Some(0));
        let written = std::fs::read(project.0.path().join("rolefit.toml")).unwrap();
        assert_eq!(written, printed.stdout);
        assert_eq!(project.run(&["check"]).status.code(), before);
        let again = project.run(&["init"]);
        assert_eq!(again.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&again.stderr).contains("`--force`"));
        project.config("# mine\n");
        assert_eq!(project.run(&["init", "--force"]).status.code(), Some(0));
        assert_eq!(
            std::fs::read(project.0.path().join("rolefit.toml")).unwrap(),
            written
        );
    }
    let empty = Project(tempfile::tempdir().unwrap());
    assert_eq!(empty.run(&["init"]).status.code(), Some(3));
    assert!(!empty.0.path().join("rolefit.toml").exists());
}

#[test]
fn init_names_what_is_not_clear() {
    let project = Project::new();
    project.package("tools/", "tool", "fn main() {}");
    project.write(
        "template.yaml",
        &TEMPLATE
            .replace("Code: target/lambda/worker", "Code: build/function.zip")
            .replace("FunctionName: worker", "FunctionName: front")
            .replace("  Worker:", "  Front:"),
    );
    let text = String::from_utf8(project.run(&["init", "--print"]).stdout).unwrap();
    let lines: Vec<&str> = text
        .lines()
        .skip_while(|line| !line.starts_with("# [[function]]"))
        .take(3)
        .collect();
    assert_eq!(lines.first(), Some(&"# [[function]]"), "{text}");
    assert_eq!(lines[1], "# name = \"Front\"");
    assert!(
        lines[2].contains("tool/tool") && lines[2].contains("worker/worker"),
        "{text}"
    );
    // Taken at its word, it is a configuration that links the function.
    let stated: String = lines
        .iter()
        .map(|line| format!("{}\n", line.trim_start_matches("# ")))
        .collect();
    project.config(&stated);
    let linked = project.report()["functions"][0]["linked_by"].clone();
    assert_eq!(linked, "rolefit.toml");
}
