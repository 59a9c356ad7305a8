//! Tests of the links between functions and binaries.

use super::*;

fn package(name: &str, dir: &str, binaries: &[&str]) -> Package {
    let binaries = binaries
        .iter()
        .map(|binary| Binary {
            name: (*binary).to_owned(),
            entry: format!("{dir}/src/bin/{binary}.rs"),
        })
        .collect();
    Package {
        name: name.to_owned(),
        dir: dir.to_owned(),
        binaries,
    }
}

fn function(name: &str, code: CodeClue) -> Function {
    Function {
        name: name.to_owned(),
        full_name: None,
        deployed_name: format!("${{{name}}}"),
        binary: None,
        stack: Some(0),
        location: Location::new("app/template.yaml", 7, 3),
        code,
        ..undeployed_function(&BinaryId {
            package: String::new(),
            package_dir: String::new(),
            binary: String::new(),
            entry: String::new(),
        })
    }
}

fn at(path: &str) -> CodeClue {
    CodeClue {
        path: Some(path.to_owned()),
        ..CodeClue::default()
    }
}

fn linked(functions: Vec<Function>, packages: &[Package], statements: &Statements) -> Workspace {
    let stack = Stack {
        file: "app/template.yaml".to_owned(),
        ..Stack::default()
    };
    let deployments = Deployments {
        stacks: vec![stack],
        functions,
        gaps: Vec::new(),
    };
    link(deployments, packages, statements)
}

/// `name: package_dir/binary by rule` of each function.
fn links(workspace: &Workspace) -> Vec<String> {
    workspace
        .functions
        .iter()
        .map(|function| {
            let binary = function.binary.as_ref().map_or("-".to_owned(), |binary| {
                format!("{}:{}", binary.package_dir, binary.binary)
            });
            let rule = function.linked_by.as_deref().unwrap_or("-");
            format!("{} {binary} {rule}", function.name)
        })
        .collect()
}

#[test]
fn each_rule_links_in_its_turn() {
    let packages = [
        package("app", "app", &["put-order", "get-order", "list"]),
        package("single", "single", &["worker"]),
        package("other", "other", &["put-order"]),
    ];
    let mut statements = Statements::default();
    statements
        .explicit
        .insert("Stated".to_owned(), "other/put-order".to_owned());
    statements
        .cargo_metadata
        .insert("Meta".to_owned(), "list".to_owned());
    let by_binary = CodeClue {
        binary: Some("put-order".to_owned()),
        ..at("app")
    };
    let functions = vec![
        function("Stated", by_binary.clone()),
        function("Built", by_binary),
        function("Copied", at("app/target/lambda/get-order")),
        function("Meta", at("app")),
        function("Lonely", at("single")),
        function("GetOrderFunction", CodeClue::default()),
    ];
    assert_eq!(
        links(&linked(functions, &packages, &statements)),
        [
            "Stated other:put-order rolefit.toml",
            "Built app:put-order sam.BuildProperties.Binary",
            "Copied app:get-order CodeUri target/lambda/<bin>",
            "Meta app:list cargo-lambda metadata",
            "Lonely single:worker only binary of package",
            "GetOrderFunction app:get-order name",
        ]
    );
}

#[test]
fn a_workspace_puts_its_binaries_above_its_packages() {
    let packages = [
        package("a", "svc/a", &["put"]),
        package("b", "svc/b", &["get"]),
        package("c", "elsewhere", &["put"]),
    ];
    let functions = vec![function("P", at("svc/target/lambda/put"))];
    let workspace = linked(functions, &packages, &Statements::default());
    assert_eq!(
        links(&workspace),
        [
            "P svc/a:put CodeUri target/lambda/<bin>",
            "get svc/b:get -",
            "put elsewhere:put -",
        ]
    );
}

#[test]
fn names_are_matched_without_affixes_if_one_binary_alone_fits() {
    let packages = [package("a", "app", &["put-order", "order", "send_mail", "x"])];
    let name = |logical: &str, deployed: &str| {
        let mut function = function(logical, CodeClue::default());
        deployed.clone_into(&mut function.deployed_name);
        let workspace = linked(vec![function], &packages, &Statements::default());
        links(&workspace).remove(0)
    };
    for (logical, deployed, binary) in [
        ("PutOrderFunction", "", "app:put-order name"),
        ("PutOrderFF1FB28E", "", "app:put-order name"),
        ("OrdersSendMailFn", "", "app:send_mail name"),
        ("F1", "shop-${Stage}-put-order", "app:put-order name"),
        ("F1", "send-mail-${Stage}", "app:send_mail name"),
        ("X", "", "- -"),
        ("Reorder", "", "- -"),
    ] {
        assert_eq!(name(logical, deployed), format!("{logical} {binary}"));
    }
}

#[test]
fn a_stated_function_that_is_not_there_is_a_gap() {
    let mut statements = Statements::default();
    statements.explicit.insert("Gone".to_owned(), "one".to_owned());
    let deployed = vec![function("Py", at("app"))];
    let workspace = linked(deployed, &[package("app", "app", &["one"])], &statements);
    let codes: Vec<_> = workspace.gaps.iter().map(|gap| gap.code).collect();
    assert_eq!(codes, ["unknown-stated-function"]);
}

#[test]
fn the_only_binary_below_the_code_is_taken() {
    let packages = [package("lib", "svc/lib", &[]), package("a", "svc/a", &["put"])];
    let workspace = linked(vec![function("P", at("svc"))], &packages, &Statements::default());
    assert_eq!(links(&workspace), ["P svc/a:put only binary below CodeUri"]);
}

#[test]
fn an_unlinked_function_is_a_gap_with_the_lines_to_paste() {
    let packages = [package("app", "app", &["one", "two"])];
    let mut python = function("Py", CodeClue::default());
    python.may_be_rust = false;
    let workspace = linked(
        vec![function("Front", at("app")), python],
        &packages,
        &Statements::default(),
    );
    let gaps: Vec<_> = workspace
        .gaps
        .iter()
        .map(|gap| (gap.code, gap.hint.as_deref().unwrap_or_default()))
        .collect();
    assert_eq!(
        gaps,
        [(
            UNLINKED_FUNCTION,
            "add to rolefit.toml (one of `one`, `two`):\n[[function]]\nname = \"Front\"\nbin = \"one\""
        )]
    );
}

#[test]
fn a_stated_link_to_nothing_is_not_replaced_by_a_guess() {
    let packages = [package("app", "app", &["one"])];
    let mut statements = Statements::default();
    statements.explicit.insert("One".to_owned(), "oen".to_owned());
    let workspace = linked(vec![function("One", at("app"))], &packages, &statements);
    assert_eq!(links(&workspace), ["One - -", "one app:one -"]);
    assert_eq!(
        workspace.gaps.first().map(|gap| gap.message.as_str()),
        Some("rolefit.toml links `One` to `oen`, which is no binary of this workspace")
    );
}

#[test]
fn a_handler_may_name_package_and_binary() {
    let packages = [
        package("shop", "shop", &["api", "jobs"]),
        package("other", "other", &["api"]),
    ];
    let handler = |stated: &str| CodeClue {
        build_method: Some("handler".to_owned()),
        binary: Some(stated.to_owned()),
        ..CodeClue::default()
    };
    let functions = vec![
        function("A", handler("shop.api")),
        function("B", handler("jobs")),
        function("C", handler("shop.none")),
        function("D", handler("index.handler")),
    ];
    let workspace = linked(functions, &packages, &Statements::default());
    assert_eq!(
        links(&workspace),
        [
            "A shop:api handler",
            "B shop:jobs handler",
            "C - -",
            "D - -",
            "api other:api -"
        ]
    );
}
