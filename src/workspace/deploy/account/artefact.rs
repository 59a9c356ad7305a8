//! Which built artefact a deployed function runs: the hash of its code is that of a package that lies here.

use std::collections::BTreeMap;
use std::path::Path;

use base64::Engine as _;
use sha2::{Digest as _, Sha256};

use super::super::discover::relative;
use super::Deployed;

/// Where `cargo lambda build --output-format zip` puts a folder for each binary, below a package or workspace.
const OUTPUT: &str = "target/lambda";

/// Tells each function whose code is one of the packages under the folders where that package lies.
pub fn note(root: &Path, folders: &[String], found: &mut [Deployed]) {
    let mut known: BTreeMap<String, String> = BTreeMap::new();
    for folder in folders {
        let Ok(entries) = std::fs::read_dir(root.join(folder).join(OUTPUT)) else {
            continue;
        };
        for entry in entries.flatten() {
            let package = entry.path().join("bootstrap.zip");
            if let Some(bytes) = package.is_file().then(|| std::fs::read(&package).ok()).flatten() {
                known.insert(hash(&bytes), relative(root, &package));
            }
        }
    }
    for each in found {
        let code = &mut each.function.code;
        let path = code.sha256.as_ref().and_then(|hash| known.get(hash));
        if path.is_some() {
            code.path = path.cloned();
        }
    }
}

/// SHA-256 as Lambda tells it, <https://docs.aws.amazon.com/lambda/latest/api/API_FunctionConfiguration.html>.
fn hash(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(Sha256::digest(bytes))
}
