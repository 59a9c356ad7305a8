//! AWS managed policies: the newest known version of each with its document, and the versions before it.

use super::Catalog;
use super::edits::{Edit, apply};
use super::stored::{ChunkRange, HistoryData, PolicyData};

/// A policy that AWS maintains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManagedPolicy {
    /// Its ARN in the partition `aws`, such as `arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole`.
    pub arn: String,
    /// Its name, such as `AWSLambdaBasicExecutionRole`.
    pub name: String,
    /// The version of the document, such as `v1`.
    pub version: String,
    /// When AWS made this version, `YYYY-MM-DD`; empty for an older one whose day is not known.
    pub updated: String,
    /// The policy document.
    pub document_json: String,
}

/// A version of a managed policy.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PolicyVersion {
    /// `1` for `v1`.
    pub number: u16,
    /// When AWS made it, `YYYY-MM-DD`, where it is known.
    pub created: Option<String>,
    /// Whether it is the one in force.
    pub in_force: bool,
}

/// What stands before path and name in the ARN of every AWS managed policy, whatever its partition.
const ACCOUNT_AND_TYPE: &str = ":iam::aws:policy";

impl Catalog {
    /// The managed policy with this ARN (in any partition, `${AWS::Partition}` included) or bare name, in force.
    pub fn managed_policy(&self, arn_or_name: &str) -> Option<ManagedPolicy> {
        let policy = self.policy(arn_or_name)?;
        Some(policy.with(
            policy.version,
            policy.updated.clone(),
            self.policy_document(policy)?,
        ))
    }

    /// A version of a managed policy, such as `v3`, by ARN or bare name. Versions that were in force only between two
    /// releases of the sources are not known.
    pub fn managed_policy_version(&self, arn_or_name: &str, version: &str) -> Option<ManagedPolicy> {
        let policy = self.policy(arn_or_name)?;
        let wanted: u16 = version.strip_prefix('v')?.parse().ok()?;
        if wanted == policy.version {
            return self.managed_policy(arn_or_name);
        }
        let history = self.history_of(&policy.name)?;
        let position = history
            .versions
            .iter()
            .position(|(number, _)| *number == wanted)?;
        let (_, created) = history.versions.get(position)?;
        let scripts = self.text_at(history.chunk, history.start, history.length)?;
        let scripts: Vec<Vec<Edit>> = postcard::from_bytes(&scripts).ok()?;
        let mut document = self.policy_document(policy)?;
        for script in scripts.get(..=position)? {
            document = apply(&document, script)?;
        }
        Some(policy.with(wanted, created.clone(), document))
    }

    /// The known versions of a managed policy, by ARN or bare name, oldest first; none of a policy that is not known.
    pub fn managed_policy_versions(&self, arn_or_name: &str) -> Vec<PolicyVersion> {
        let Some(policy) = self.policy(arn_or_name) else {
            return Vec::new();
        };
        let others = self
            .history_of(&policy.name)
            .map(|history| history.versions.as_slice());
        let mut versions: Vec<PolicyVersion> = others
            .unwrap_or_default()
            .iter()
            .map(|(number, created)| PolicyVersion {
                number: *number,
                created: Some(created.clone()).filter(|created| !created.is_empty()),
                in_force: false,
            })
            .collect();
        versions.push(PolicyVersion {
            number: policy.version,
            created: Some(policy.updated.clone()),
            in_force: true,
        });
        versions.sort();
        versions
    }

    /// Names of every AWS managed policy, sorted.
    pub fn managed_policy_names(&self) -> impl Iterator<Item = &str> {
        self.policies().iter().map(|policy| policy.name.as_str())
    }

    /// How many versions of managed policies are known, those in force included.
    pub fn managed_policy_version_count(&self) -> usize {
        let others: usize = self.history().iter().map(|policy| policy.versions.len()).sum();
        others + self.policies().len()
    }

    fn policy(&self, arn_or_name: &str) -> Option<&PolicyData> {
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
        same_path.then_some(policy)
    }

    fn policies(&self) -> &[PolicyData] {
        self.policies
            .get_or_init(|| self.file.chunk(self.file.index.policies).unwrap_or_default())
    }

    fn history(&self) -> &[HistoryData] {
        self.history
            .get_or_init(|| self.file.chunk(self.file.index.history).unwrap_or_default())
    }

    fn history_of(&self, name: &str) -> Option<&HistoryData> {
        let history = self.history();
        let position = history.binary_search_by(|policy| policy.name.as_str().cmp(name));
        history.get(position.ok()?)
    }

    fn policy_document(&self, policy: &PolicyData) -> Option<String> {
        String::from_utf8(self.text_at(policy.chunk, policy.start, policy.length)?).ok()
    }

    /// A part of a chunk of plain bytes.
    fn text_at(&self, chunk: ChunkRange, start: u32, length: u32) -> Option<Vec<u8>> {
        let plain = self.file.raw_chunk(chunk).ok()?;
        let start = start as usize;
        let part = plain.get(start..start.checked_add(length as usize)?)?;
        Some(part.to_vec())
    }
}

impl PolicyData {
    fn with(&self, version: u16, updated: String, document_json: String) -> ManagedPolicy {
        ManagedPolicy {
            arn: format!("arn:aws{ACCOUNT_AND_TYPE}{}{}", self.path, self.name),
            name: self.name.clone(),
            version: format!("v{version}"),
            updated,
            document_json,
        }
    }
}
