//! Whatever files of Terraform, the Serverless Framework, CDK or the account say, reading them ends without panic.
//! The input is the file's name in the first line, then its text.

use rolefit::catalog::Catalog;
use rolefit::workspace::deploy;

use super::folder::Folder;

/// The names that readers look for.
const NAMES: [&str; 9] = [
    "main.tf",
    "terraform.tfvars",
    "plan.json",
    "terraform.tfstate",
    "serverless.yml",
    "cdk.json",
    "cdk.out/manifest.json",
    "template.yaml",
    "samconfig.toml",
];

/// One run.
pub fn run(data: &[u8]) {
    let end = data.iter().position(|&byte| byte == b'\n').unwrap_or(data.len());
    let (name, text) = data.split_at(end);
    let Some(name) = NAMES.iter().find(|known| known.as_bytes() == name) else {
        return;
    };
    let folder = Folder::new();
    folder.write(name, text.get(1..).unwrap_or_default());
    let managed = |name: &str| {
        Catalog::embedded()
            .managed_policy(name)
            .map(|policy| policy.document_json)
    };
    deploy::read(folder.path(), &managed);
}
