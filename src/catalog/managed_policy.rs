//! AWS managed policies: the newest known version of each, with its document.

use super::Catalog;
use super::stored::PolicyData;

/// A policy that AWS maintains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManagedPolicy {
    /// Its ARN in the partition `aws`, such as `arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole`.
    pub arn: String,
    /// Its name, such as `AWSLambdaBasicExecutionRole`.
    pub name: String,
    /// The version of the document, such as `v1`.
    pub version: String,
    /// When AWS made this version, `YYYY-MM-DD`.
    pub updated: String,
    /// The policy document.
    pub document_json: String,
}

/// What stands before path and name in the ARN of every AWS managed policy, whatever its partition.
const ACCOUNT_AND_TYPE: &str = ":iam::aws:policy";

impl Catalog {
    /// The managed policy with this ARN (in any partition, `${AWS::Partition}` included) or bare name.
    pub fn managed_policy(&self, arn_or_name: &str) -> Option<ManagedPolicy> {
        let path_and_name = arn_or_name
            .split_once(ACCOUNT_AND_TYPE)
            .map(|(_, path_and_name)| path_and_name);
        let name = arn_or_name.rsplit('/').next()?;
        let policies = self.policies();
        let position = policies
            .binary_search_by(|policy| policy.name.as_str().cmp(name))
            .ok()?;
        let policy = policies.get(position)?;
        let same_path =
            path_and_name.is_none_or(|path_and_name| path_and_name.strip_suffix(name) == Some(&policy.path));
        if !same_path {
            return None;
        }
        Some(ManagedPolicy {
            arn: format!("arn:aws{ACCOUNT_AND_TYPE}{}{name}", policy.path),
            name: name.to_owned(),
            version: format!("v{}", policy.version),
            updated: policy.updated.clone(),
            document_json: self.policy_document(policy)?,
        })
    }

    /// Names of every AWS managed policy, sorted.
    pub fn managed_policy_names(&self) -> impl Iterator<Item = &str> {
        self.policies().iter().map(|policy| policy.name.as_str())
    }

    fn policies(&self) -> &[PolicyData] {
        self.policies
            .get_or_init(|| self.file.chunk(self.file.index.policies).unwrap_or_default())
    }

    fn policy_document(&self, policy: &PolicyData) -> Option<String> {
        let plain = self.file.raw_chunk(policy.chunk).ok()?;
        let start = policy.start as usize;
        let document = plain.get(start..start.checked_add(policy.length as usize)?)?;
        String::from_utf8(document.to_vec()).ok()
    }
}
