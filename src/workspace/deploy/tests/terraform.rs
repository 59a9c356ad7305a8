//! Terraform: what is read of the fixtures, beside each in `expected.txt`, and what becomes of bad input.

use std::fmt::Write as _;

use super::*;
use crate::workspace::model::RuntimeSettings;

/// The model as text, for people to check.
pub(super) fn shown(deployments: &Deployments) -> String {
    let mut text = String::new();
    for function in &deployments.functions {
        writeln!(text, "function {} ({})", function.name, function.location).unwrap();
        writeln!(text, "  deployed as {}", function.deployed_name).unwrap();
        if let Some(runtime) = &function.runtime {
            writeln!(text, "  runtime {runtime}").unwrap();
        }
        if let Some(path) = &function.code.path {
            writeln!(text, "  code {path}").unwrap();
        }
        for (name, value) in &function.env {
            writeln!(text, "  env {name} = {} ({})", value.text, value.location).unwrap();
        }
        for trigger in &function.triggers {
            let polled = if trigger.polled { " polled" } else { "" };
            let source = trigger.source.as_deref().unwrap_or("?");
            writeln!(
                text,
                "  trigger {}{polled} {source} ({})",
                trigger.kind, trigger.location
            )
            .unwrap();
        }
        settings(&function.runtime_settings, &mut text);
        if let Some(role) = &function.role {
            writeln!(text, "  role {} ({})", role.id, role.location).unwrap();
            if let Some(boundary) = &role.boundary {
                writeln!(text, "    boundary {boundary}").unwrap();
            }
            for name in &role.shared_with {
                writeln!(text, "    shared with {name}").unwrap();
            }
            for statement in &role.statements {
                let origin = &statement.origin;
                let condition = origin
                    .condition
                    .as_ref()
                    .map_or(String::new(), |text| format!(" [{text}]"));
                writeln!(
                    text,
                    "    {} {} ({}){condition}",
                    origin.kind, origin.name, origin.location
                )
                .unwrap();
                writeln!(text, "      {}", statement.statement.to_json()).unwrap();
            }
        }
    }
    for gap in &deployments.gaps {
        let place = gap.location.as_ref().map_or(String::new(), ToString::to_string);
        writeln!(text, "gap {} ({place}): {}", gap.code, gap.message).unwrap();
    }
    text
}

fn settings(settings: &RuntimeSettings, text: &mut String) {
    let mut line =
        |what: &str, location: &crate::usage::Location| writeln!(text, "  {what} ({location})").unwrap();
    if let Some(location) = &settings.tracing {
        line("tracing", location);
    }
    if let Some(location) = &settings.vpc {
        line("vpc", location);
    }
    if let Some(location) = &settings.durable {
        line("durable", location);
    }
    for (name, list) in [
        ("dead letter", settings.dead_letter.as_slice()),
        ("destination", &settings.destinations),
        ("file system", &settings.file_systems),
        ("key", settings.kms_key.as_slice()),
        ("layer", &settings.layers),
        ("log group", settings.log_group.as_slice()),
    ] {
        for (value, location) in list {
            line(&format!("{name} {value}"), location);
        }
    }
    if let Some(group) = &settings.log_group_in_stack {
        writeln!(text, "  log group in stack {group}").unwrap();
    }
}

#[test]
fn fixtures_are_read_as_the_text_beside_them_says() {
    let folder = fixtures().join("terraform");
    let mut seen = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let case = entry.unwrap().path();
        if !case.is_dir() {
            continue;
        }
        let made = shown(&read(&case, &managed));
        let file = case.join("expected.txt");
        if std::env::var_os("RENEW_FIXTURES").is_some() {
            std::fs::write(&file, &made).unwrap();
        }
        let expected = std::fs::read_to_string(&file).unwrap_or_default();
        assert_eq!(made, expected, "{}", case.display());
        seen += 1;
    }
    assert!(seen >= 5, "{seen}");
}

/// What a root with one file of Terraform gives.
fn read_hcl(text: &str) -> Deployments {
    read_texts(&[("main.tf", text)])
}

const FUNCTION: &str = r#"
resource "aws_lambda_function" "f" {
  function_name = "f"
  runtime       = "provided.al2023"
  role          = aws_iam_role.f.arn
}

resource "aws_iam_role" "f" {
  name               = "f"
  assume_role_policy = "{}"
}
"#;

/// Gaps of the function's file with `text` behind it, as `code line`.
fn gaps_with(text: &str) -> Vec<String> {
    gaps(&read_hcl(&format!("{FUNCTION}{text}")))
}

#[test]
fn a_role_with_the_name_of_its_function_is_found_by_name() {
    let deployments = read_hcl(&format!(
        "{FUNCTION}{}",
        r#"
resource "aws_iam_role_policy_attachment" "f" {
  role       = "f"
  policy_arn = "arn:aws:iam::aws:policy/AWSLambdaExecute"
}
resource "aws_lambda_permission" "f" {
  function_name = "f"
  principal     = "sns.amazonaws.com"
}
"#
    ));
    let name = "aws_lambda_function.f";
    assert_eq!(role(&deployments, name).statements.len(), 1);
    assert_eq!(function(&deployments, name).triggers.len(), 1);
}

#[test]
fn cycles_are_gaps_and_the_rest_is_read() {
    let found = gaps_with(
        r#"
locals {
  a = local.b
  b = local.a
}
resource "aws_iam_role_policy" "f" {
  role   = aws_iam_role.f.id
  policy = jsonencode({ Statement = [{ Effect = "Allow", Action = "s3:GetObject", Resource = local.a }] })
}
"#,
    );
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found.iter().any(|gap| gap.starts_with("cyclic-reference")));
    assert!(found.iter().any(|gap| gap.starts_with("opaque-expression")));
    for source in ["./", "../x", "."] {
        let deployments = read_texts(&[(
            "x/main.tf",
            &format!("{FUNCTION}module \"again\" {{\n  source = \"{source}\"\n}}\n"),
        )]);
        assert_eq!(deployments.functions.len(), 1, "{source}");
        assert!(
            gaps(&deployments)
                .iter()
                .any(|gap| gap.starts_with("cyclic-reference"))
        );
    }
}

#[test]
fn modules_in_a_ring_are_read_once() {
    let module = |other: &str| format!("{FUNCTION}module \"m\" {{\n  source = \"../{other}\"\n}}\n");
    let deployments = read_texts(&[("a/main.tf", &module("b")), ("b/main.tf", &module("a"))]);
    assert!(!deployments.functions.is_empty());
    assert!(
        gaps(&deployments)
            .iter()
            .any(|gap| gap.starts_with("cyclic-reference"))
    );
}

#[test]
fn a_module_that_is_not_there_is_a_gap() {
    let found = gaps_with("module \"m\" {\n  source = \"./nowhere\"\n}\n");
    assert_eq!(found, ["unread-module 12"]);
}

#[test]
fn for_each_that_only_a_plan_tells_is_a_gap_with_one_instance() {
    let deployments = read_hcl(
        r#"
variable "names" { type = set(string) }
resource "aws_lambda_function" "f" {
  for_each      = var.names
  function_name = each.key
  runtime       = "provided.al2023"
  role          = aws_iam_role.f.arn
}
resource "aws_iam_role" "f" {}
resource "aws_iam_role_policy" "f" {
  count = var.no ? 1 : 0
  role   = aws_iam_role.f.id
  policy = jsonencode({ Statement = [{ Effect = "Allow", Action = "s3:GetObject", Resource = "*" }] })
}
variable "no" { type = bool }
"#,
    );
    let name = "aws_lambda_function.f";
    assert_eq!(gaps(&deployments), ["unexpanded-template 4"]);
    let statement = &role(&deployments, name).statements[0];
    assert_eq!(
        statement.origin.condition.as_deref(),
        Some("count of aws_iam_role_policy.f = var.no ? 1 : 0")
    );
}

#[test]
fn conditions_keep_both_sides() {
    let deployments = read_hcl(&format!(
        "{FUNCTION}{}",
        r#"
variable "stage" {}
resource "aws_iam_role_policy" "f" {
  role   = aws_iam_role.f.id
  policy = jsonencode({
    Statement = concat(
      [{ Effect = "Allow", Action = "s3:GetObject", Resource = "arn:aws:s3:::a/*" }],
      var.stage == "prod" ? [{ Effect = "Allow", Action = "s3:PutObject", Resource = "*" }] : [],
    )
  })
}
"#
    ));
    let conditions: Vec<Option<&str>> = role(&deployments, "aws_lambda_function.f")
        .statements
        .iter()
        .map(|statement| statement.origin.condition.as_deref())
        .collect();
    assert_eq!(conditions, [None, Some("var.stage == prod")]);
}

#[test]
fn bad_files_are_gaps_and_the_others_are_read() {
    let deep = format!("locals {{ a = {}1{} }}", "[".repeat(5000), "]".repeat(5000));
    let nots = format!("locals {{ a = {}true }}", "!".repeat(50_000));
    let chain = format!("locals {{ a = {} 1 }}", "true ? 1 :".repeat(5000));
    let sums = format!("locals {{ a = 1 {} }}", "+ 1".repeat(20_000));
    let huge = format!("# {}", "x".repeat(2 * 1024 * 1024));
    let deep_json = format!("{{\"locals\": {}1{}}}", "[".repeat(50_000), "]".repeat(50_000));
    for (name, text) in [
        ("a.tf", "resource \"aws_lambda_function\" {"),
        ("b.tf", deep.as_str()),
        ("c.tf", &nots),
        ("d.tf", &chain),
        ("e.tf", &sums),
        ("f.tf", &huge),
        ("g.tf", "a = \"${"),
        ("h.tf.json", "{\"resource\": "),
        ("i.tf.json", &deep_json),
        (
            "plan.json",
            "{\"format_version\": \"1.0\", \"terraform_version\": \"1\", ",
        ),
    ] {
        let deployments = read_texts(&[("main.tf", FUNCTION), (name, text)]);
        assert_eq!(deployments.functions.len(), 1, "{name}");
        let codes: Vec<&str> = deployments.gaps.iter().map(|gap| gap.code).collect();
        assert_eq!(codes, ["unreadable-stack-template"], "{name}");
        assert_eq!(deployments.gaps[0].location.as_ref().unwrap().file, name);
    }
}

#[test]
fn values_that_grow_without_end_stop() {
    let mut text = String::from("locals {\n  t0 = \"xxxxxxxx\"\n  l0 = [1, 2]\n");
    for index in 1..60 {
        let before = index - 1;
        text.push_str(&format!(
            "  t{index} = \"${{local.t{before}}}${{local.t{before}}}\"\n"
        ));
        text.push_str(&format!("  l{index} = [local.l{before}, local.l{before}]\n"));
    }
    text.push_str("}\n");
    for last in [
        "local.t59",
        "flatten(local.l59)",
        "jsonencode(local.l59)",
        "local.l59",
        "setproduct(range(1000), range(1000), range(1000))",
    ] {
        let statement = format!(
            "resource \"aws_iam_role_policy\" \"f\" {{\n role = aws_iam_role.f.id\n policy = jsonencode({{ Statement = [{{ Effect = \"Allow\", Action = \"s3:GetObject\", Resource = {last} }}] }})\n}}\n"
        );
        let deployments = read_hcl(&format!("{FUNCTION}{text}{statement}"));
        assert_eq!(deployments.functions.len(), 1, "{last}");
    }
    let mut chain = String::from("locals {\n  a0 = 1\n");
    for index in 1..3000 {
        chain.push_str(&format!("  a{index} = local.a{}\n", index - 1));
    }
    chain.push_str("}\nresource \"aws_sqs_queue\" \"q\" {\n  name = local.a2999\n}\n");
    assert_eq!(read_hcl(&format!("{FUNCTION}{chain}")).functions.len(), 1);
}

#[test]
fn wrong_types_never_panic() {
    let arguments = [
        "1",
        "null",
        "true",
        "[]",
        "{}",
        "\"\"",
        "[1]",
        "\"${x}\"",
        "each.key",
        "local.none",
        "var.none.x[0]",
        "module.none.x",
        "data.aws_region.none.name",
        "aws_iam_role.f",
        "aws_iam_role.f[*].arn",
        "jsonencode(null)",
        "jsondecode(\"{\")",
        "file(\"/etc/passwd\")",
        "file(\"../../x\")",
        "templatefile(\"main.tf\", {})",
        "format(\"%s\")",
        "element([], 1)",
        "slice([1], 5, 2)",
        "one([1, 2])",
        "substr(\"a\", -1, 5)",
        "range(1e18)",
        "merge(1, [])",
        "lookup({}, \"a\")",
        "1 / 0",
        "!1",
        "-\"a\"",
        "[for x in 1 : x]",
        "{for k, v in {} : k => v}",
        "concat(1)",
        "zipmap([1], [])",
        "replace(\"a\", \"\", \"b\")",
        "split(\"\", \"ab\")",
        "join(1, 2)",
    ];
    for argument in arguments {
        let text = format!(
            r#"
resource "aws_lambda_function" "g" {{
  function_name = {argument}
  role          = {argument}
  filename      = {argument}
  layers        = {argument}
  environment {{
    variables = {argument}
  }}
  tracing_config {{
    mode = {argument}
  }}
}}
resource "aws_iam_role_policy" "g" {{
  role   = aws_iam_role.f.id
  policy = {argument}
}}
resource "aws_iam_role_policy" "h" {{
  count  = {argument}
  role   = {argument}
  policy = jsonencode({{ Statement = {argument} }})
}}
resource "aws_iam_role_policy_attachment" "h" {{
  for_each   = {argument}
  role       = aws_iam_role.f.name
  policy_arn = {argument}
}}
module "m" {{
  source = {argument}
}}
"#
        );
        let deployments = read_hcl(&format!("{FUNCTION}{text}"));
        assert_eq!(deployments.functions.len(), 2, "{argument}");
    }
}
