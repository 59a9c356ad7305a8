//! Crates outside the workspace that wrap AWS: their source is read where that is asked, and else they are named.

use std::path::Path;
use std::process::Command;

const LOCK: &str = r#"version = 4

[[package]]
name = "app"
version = "0.1.0"
dependencies = ["aws-sdk-s3", "orders-kit", "tidy"]

[[package]]
name = "aws-sdk-dynamodb"
version = "1.0.0"
source = "registry+https://github.com/rust-lang/crates.io-index"

[[package]]
name = "aws-sdk-s3"
version = "1.0.0"
source = "registry+https://github.com/rust-lang/crates.io-index"

[[package]]
name = "orders-kit"
version = "1.2.3"
source = "registry+https://github.com/rust-lang/crates.io-index"
dependencies = ["orders-store 2.0.1"]

[[package]]
name = "orders-store"
version = "1.9.0"
source = "registry+https://github.com/rust-lang/crates.io-index"
dependencies = ["aws-sdk-s3"]

[[package]]
name = "orders-store"
version = "2.0.1"
source = "registry+https://github.com/rust-lang/crates.io-index"
dependencies = ["aws-sdk-dynamodb"]

[[package]]
name = "tidy"
version = "1.0.0"
source = "registry+https://github.com/rust-lang/crates.io-index"
"#;
const KIT: &str = "[package]\nname = \"orders-kit\"\nversion = \"1.2.3\"\nedition = \"2021\"\n\
                   [dependencies.orders-store]\nversion = \"2\"\n";
const KIT_CODE: &str = "pub use orders_store::Store;\n\
                        pub async fn close(store: &Store, id: &str) { store.remove(id).await }\n\
                        pub async fn never(store: &Store) { store.list().await }\n";
const STORE: &str = "[package]\nname = \"orders-store\"\nversion = \"2.0.1\"\nedition = \"2021\"\n\
                     [lib]\nname = \"orders_store\"\npath = \"source/lib.rs\"\n\
                     [dependencies.aws-sdk-dynamodb]\nversion = \"1\"\n";
const STORE_CODE: &str = "pub struct Store { client: aws_sdk_dynamodb::Client, table: String }
impl Store {
    pub fn new(config: &aws_sdk_dynamodb::Config, table: &str) -> Self {
        Self { client: aws_sdk_dynamodb::Client::new(config), table: table.to_owned() }
    }
    pub async fn remove(&self, id: &str) {
        self.client.delete_item().table_name(&self.table).send().await;
    }
    pub async fn list(&self) {
        self.client.scan().table_name(&self.table).send().await;
    }
}
";
const MAIN: &str = "async fn main() {
    let store = orders_kit::Store::new(&config, \"orders\");
    orders_kit::close(&store, \"1\").await;
}
";
const INDEX: &str = "registry/src/index.crates.io-0123456789abcdef";

fn write(folder: &Path, file: &str, text: &str) {
    let path = folder.join(file);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

fn app(settings: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    write(
        at,
        "Cargo.toml",
        "[package]\nname = \"app\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\
         [dependencies]\naws-sdk-s3 = \"1\"\norders-kit = \"1\"\ntidy = \"1\"\n",
    );
    write(at, "Cargo.lock", LOCK);
    write(at, "src/main.rs", MAIN);
    write(at, "rolefit.toml", settings);
    folder
}

fn home() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    write(at, &format!("{INDEX}/orders-kit-1.2.3/Cargo.toml"), KIT);
    write(at, &format!("{INDEX}/orders-kit-1.2.3/src/lib.rs"), KIT_CODE);
    write(at, &format!("{INDEX}/orders-store-2.0.1/Cargo.toml"), STORE);
    write(
        at,
        &format!("{INDEX}/orders-store-2.0.1/source/lib.rs"),
        STORE_CODE,
    );
    // A binary of the crate is no function.
    write(
        at,
        &format!("{INDEX}/orders-store-2.0.1/src/main.rs"),
        "fn main() { broken",
    );
    folder
}

fn scan(app: &Path, home: &Path, arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_rolefit"))
        .args(["scan", app.to_str().unwrap(), "--format", "json"])
        .args(arguments)
        .env("CARGO_HOME", home)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(!text.contains(home.to_str().unwrap()), "{text}");
    text
}

const CONFIG: &str = "version = 1\n";

#[test]
fn what_a_crate_of_the_registry_calls_counts_where_it_is_reached() {
    let (app, home) = (app(CONFIG), home());
    let found = scan(app.path(), home.path(), &["--registry-sources"]);
    assert!(found.contains("\"orders-store-2.0.1/source/lib.rs\""), "{found}");
    let value: serde_json::Value = serde_json::from_str(&found).unwrap();
    let calls = operations(&value);
    assert_eq!(calls, ["dynamodb.DeleteItem"], "{found}");
    assert!(found.contains("orders"), "{found}");
    assert!(!found.contains("unmodelled-dependency"), "{found}");
    assert!(!found.contains("unparsable-file"), "{found}");
}

#[test]
fn the_configuration_may_ask_for_it() {
    let home = home();
    let by_file = app("version = 1\n[workspace]\nregistry_sources = true\n");
    let found = scan(by_file.path(), home.path(), &[]);
    assert_eq!(
        operations(&serde_json::from_str(&found).unwrap()),
        ["dynamodb.DeleteItem"]
    );
}

#[test]
fn unasked_the_gap_names_the_crate_and_the_flag() {
    let (app, home) = (app(CONFIG), home());
    let found = shown(app.path(), home.path(), &[]);
    assert!(found.contains("`orders-store` is not read"), "{found}");
    assert!(found.contains("--registry-sources"), "{found}");
    assert!(!found.contains("DeleteItem"), "{found}");
}

#[test]
fn a_source_that_is_not_there_is_a_gap_that_says_how_to_get_it() {
    let (app, home) = (app(CONFIG), home());
    let index = home.path().join(INDEX);
    std::fs::remove_dir_all(index.join("orders-kit-1.2.3")).unwrap();
    let found = shown(app.path(), home.path(), &["--registry-sources"]);
    assert!(found.contains("`orders-kit` is not read"), "{found}");
    assert!(found.contains("cargo fetch"), "{found}");
    let home = self::home();
    std::fs::remove_dir_all(home.path().join(INDEX).join("orders-store-2.0.1")).unwrap();
    let found = scan(app.path(), home.path(), &["--registry-sources"]);
    assert!(found.contains("`orders-store` is not read"), "{found}");
    assert!(found.contains("version 2.0.1"), "{found}");
}

#[test]
fn a_vendored_crate_is_read_where_it_lies_and_its_binary_is_no_function() {
    let (app, home) = (app(CONFIG), tempfile::tempdir().unwrap());
    let at = app.path();
    write(at, "vendor/orders-kit/Cargo.toml", KIT);
    write(at, "vendor/orders-kit/src/lib.rs", KIT_CODE);
    write(at, "vendor/orders-store/Cargo.toml", STORE);
    write(at, "vendor/orders-store/source/lib.rs", STORE_CODE);
    write(at, "vendor/orders-store/src/main.rs", "fn main() {}");
    let found = scan(at, home.path(), &["--registry-sources"]);
    assert!(found.contains("\"vendor/orders-store/source/lib.rs\""), "{found}");
    assert_eq!(
        operations(&serde_json::from_str(&found).unwrap()),
        ["dynamodb.DeleteItem"]
    );
    assert!(!found.contains("unmodelled-dependency"), "{found}");
}

#[test]
fn without_a_lock_file_it_says_that_nothing_is_known() {
    let (app, home) = (app(CONFIG), home());
    std::fs::remove_file(app.path().join("Cargo.lock")).unwrap();
    let found = scan(app.path(), home.path(), &["--registry-sources"]);
    assert!(found.contains("there is no `Cargo.lock`"), "{found}");
}

/// What people are told, hints included.
fn shown(app: &Path, home: &Path, arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_rolefit"))
        .args(["scan", app.to_str().unwrap(), "--format", "text"])
        .args(arguments)
        .env("CARGO_HOME", home)
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// Operations of all functions.
fn operations(found: &serde_json::Value) -> Vec<String> {
    let mut operations = Vec::new();
    let functions = found["functions"].as_array().unwrap();
    for function in functions {
        for call in function["operations"].as_array().unwrap() {
            operations.push(call["operation"].as_str().unwrap().to_owned());
        }
    }
    operations
}
