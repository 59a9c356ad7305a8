//! The account as dumps tell it: functions, event source mappings and roles that the AWS CLI (or the SDK) listed.
//!
//! Phases: [`Dumps::add`] sorts what files hold ([`sections`]); [`lower`] writes each function, with its role and what
//! surrounds it, as the CloudFormation resources they are, for the one reader to read; [`join`] puts the account's
//! functions beside or in the place of those that stacks describe.
//!
//! ```sh
//! aws iam get-account-authorization-details --filter Role LocalManagedPolicy AWSManagedPolicy > .rolefit/roles.json
//! aws lambda list-functions > .rolefit/functions.json
//! aws lambda list-event-source-mappings > .rolefit/event-source-mappings.json
//! ```

mod artefact;
mod join;
mod lower;
mod sections;

pub use artefact::note as note_artefacts;
pub use join::{Joined, join};

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::discover::{decoded, relative};
use super::node::Node;
use super::parse::json_values;
use super::{Deployments, read_template};
use crate::usage::{Gap, Location};
use crate::workspace::model::{Function, Place, Role, RoleStatement, Stack};

/// Where dumps lie when nothing else is said, relative to the scanned root.
pub const FOLDER: &str = ".rolefit";

/// Larger files are not read.
const MAX_BYTES: u64 = 256 * 1024 * 1024;

/// What dumps hold, each item as it is written.
#[derive(Debug, Default)]
pub struct Dumps {
    /// Names of the files, by the number that places carry.
    files: Vec<String>,
    /// Roles by ARN.
    roles: BTreeMap<String, Node>,
    /// Managed policies by ARN, AWS's own among them where they were asked for.
    policies: BTreeMap<String, Node>,
    functions: Vec<Node>,
    mappings: Vec<Node>,
    invoke_configs: Vec<Node>,
    urls: Vec<Node>,
    log_groups: Vec<Node>,
    /// Tables, queues, topics, streams and secrets, for the keys that encrypt them.
    encrypted: Vec<Node>,
    gaps: Vec<Gap>,
}

/// Why an explicitly named dump cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum DumpError {
    /// The system says no.
    #[error("cannot read `{path}`: {source}")]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// There is nothing in it that is known.
    #[error(
        "`{path}` holds no dump of an account\nhint: write one with `aws iam get-account-authorization-details`, \
         `aws lambda list-functions` or `aws lambda list-event-source-mappings`"
    )]
    Nothing {
        /// The file or folder.
        path: PathBuf,
    },
}

/// A function of an account.
#[derive(Clone, Debug)]
pub struct Deployed {
    /// The function; its name is the deployed one.
    pub function: Function,
    /// What surrounds it.
    pub stack: Stack,
    /// What could not be settled of it.
    pub gaps: Vec<Gap>,
}

/// Reads the dumps in `.rolefit` under `root`, and those that were named.
///
/// # Errors
/// When a named file cannot be read or holds no dump; what lies in `.rolefit` and is none is passed over.
pub fn read(root: &Path, named: &[PathBuf]) -> Result<Dumps, DumpError> {
    let mut dumps = Dumps::default();
    for path in json_files(&root.join(FOLDER)).unwrap_or_default() {
        let file = relative(root, &path);
        match read_text(&path) {
            Ok(text) => dumps.add_found(&file, &text),
            Err(error) => dumps.gaps.push(
                Gap::new("unreadable-dump", format!("this file cannot be read: {error}"))
                    .at(Location::new(file, 1, 1)),
            ),
        }
    }
    for path in named {
        let failed = |source| DumpError::Read {
            path: path.clone(),
            source,
        };
        let before = dumps.count();
        let files = match path.is_dir() {
            true => json_files(path).map_err(failed)?,
            false => vec![path.clone()],
        };
        for file in files {
            let text = read_text(&file).map_err(failed)?;
            dumps.add(&relative(root, &file), &text);
        }
        if dumps.count() == before && dumps.gaps.is_empty() {
            return Err(DumpError::Nothing { path: path.clone() });
        }
    }
    Ok(dumps)
}

/// The JSON files of a folder, sorted.
fn json_files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|ending| ending == "json") && path.is_file())
        .collect();
    files.sort();
    Ok(files)
}

/// The text of a file.
fn read_text(path: &Path) -> std::io::Result<String> {
    use std::io::{Error, ErrorKind};
    if std::fs::metadata(path)?.len() > MAX_BYTES {
        return Err(Error::new(
            ErrorKind::FileTooLarge,
            "dumps of up to 256 MiB are read; leave AWS's own policies and users out, or split it",
        ));
    }
    decoded(&std::fs::read(path)?).map_err(|not_text| {
        let message = format!("line {} is not UTF-8", not_text.line);
        Error::new(ErrorKind::InvalidData, message)
    })
}

impl Dumps {
    /// Takes in the text of one dump: a listing, its pages one behind another or in a list, or single items.
    pub fn add(&mut self, file: &str, text: &str) {
        let number = u16::try_from(self.files.len()).unwrap_or(u16::MAX);
        self.files.push(file.to_owned());
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        match json_values(text, number) {
            Ok(values) => self.sort_in(&values),
            Err(error) => {
                let gap = Gap::new(
                    "unreadable-dump",
                    format!("this dump of the account cannot be read: {error}"),
                );
                let at = Location::new(file, error.at.line, error.at.column);
                self.gaps
                    .push(gap.at(at).hint("write it again with `--output json`"));
            }
        }
    }

    /// The same for a file that nobody named: it must look like a dump.
    fn add_found(&mut self, file: &str, text: &str) {
        if sections::looks_like_dump(text) {
            self.add(file, text);
        }
    }

    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.count() == 0 && self.gaps.is_empty()
    }

    fn count(&self) -> usize {
        self.roles.len()
            + self.policies.len()
            + self.functions.len()
            + self.mappings.len()
            + self.invoke_configs.len()
            + self.urls.len()
            + self.log_groups.len()
            + self.encrypted.len()
    }

    /// What could not be read.
    pub fn gaps(&self) -> &[Gap] {
        &self.gaps
    }

    /// The functions, sorted by name and place. `managed` is that of [`super::read`]; documents in the dumps win.
    pub fn functions(&self, managed: &dyn Fn(&str) -> Option<String>) -> Vec<Deployed> {
        let mut found: Vec<Deployed> = self
            .functions
            .iter()
            .filter_map(|node| self.deployed(node, managed))
            .collect();
        found.sort_by(|one, other| {
            let key = |each: &Deployed| (each.function.name.clone(), each.function.location.clone());
            key(one).cmp(&key(other))
        });
        note_sharing(&mut found);
        found
    }

    /// A role of the dumps without any function, and what could not be settled of it.
    pub fn role(&self, arn: &str, managed: &dyn Fn(&str) -> Option<String>) -> Option<(Role, Vec<Gap>)> {
        let mut place = place(arn)?;
        // An ARN of IAM tells no region.
        "${AWS::Region}".clone_into(&mut place.region);
        let lowered = lower::role(self, arn)?;
        let mut read = Deployments::default();
        read_template(&lowered.template, managed, &mut read);
        let (function, mut stack) = (read.functions.pop()?, read.stacks.pop()?);
        stack.place = Some(place);
        let mut role = function.role?;
        settle_role(&mut role, &stack);
        read.gaps.extend(lowered.gaps);
        Some((role, read.gaps))
    }

    fn deployed(&self, node: &Node, managed: &dyn Fn(&str) -> Option<String>) -> Option<Deployed> {
        let place = place(node.get("FunctionArn")?.as_text()?)?;
        let lowered = lower::function(self, node)?;
        let mut read = Deployments::default();
        read_template(&lowered.template, managed, &mut read);
        let (mut function, mut stack) = (read.functions.pop()?, read.stacks.pop()?);
        stack.place = Some(place);
        function.code.sha256 = node.get("CodeSha256").and_then(Node::as_text).map(str::to_owned);
        if let Some(role) = &mut function.role {
            settle_role(role, &stack);
        }
        read.gaps.extend(lowered.gaps);
        Some(Deployed {
            function,
            stack,
            gaps: read.gaps,
        })
    }
}

/// Brings a role back to what the account says of it.
fn settle_role(role: &mut Role, stack: &Stack) {
    role.id = lower::plain_name(&role.id).to_owned();
    role.boundary = role.boundary.as_deref().map(|arn| stack.settled(arn));
    role.statements
        .iter_mut()
        .for_each(|statement| settle(statement, stack));
}

/// Brings a statement back to what the account says: names and ids instead of symbols.
fn settle(statement: &mut RoleStatement, stack: &Stack) {
    use crate::iam::arn::ArnPattern;
    use crate::iam::policy::Resources;
    let (Resources::Only(arns) | Resources::AllExcept(arns)) = &mut statement.statement.resources;
    for arn in arns {
        *arn = ArnPattern::new(stack.settled(arn.as_str()));
    }
    let conditions = statement.statement.conditions.values_mut();
    for value in conditions.flat_map(|keys| keys.values_mut()).flatten() {
        *value = stack.settled(value);
    }
    let origin = &mut statement.origin;
    origin.name = lower::plain_name(&origin.name).to_owned();
}

/// Where something is deployed, from its ARN; roles are in every region.
fn place(arn: &str) -> Option<Place> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let ["arn", partition, "lambda" | "iam", region, account, _] = parts.as_slice() else {
        return None;
    };
    let (partition, region, account) = (*partition, *region, *account);
    Some(Place {
        partition: partition.to_owned(),
        region: region.to_owned(),
        account: account.to_owned(),
    })
}

/// Tells each role which other functions have it.
fn note_sharing(found: &mut [Deployed]) {
    let mut users: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let key = |each: &Deployed| {
        let role = each.function.role.as_ref()?;
        Some(format!("{} {}", role.location, role.id))
    };
    for each in found.iter() {
        if let Some(key) = key(each) {
            users.entry(key).or_default().push(each.function.name.clone());
        }
    }
    for each in found {
        let others = key(each).and_then(|key| users.get(&key));
        if let (Some(role), Some(others)) = (&mut each.function.role, others) {
            let own = &each.function.name;
            role.shared_with = others.iter().filter(|name| *name != own).cloned().collect();
        }
    }
}

/// Undoes RFC 3986 percent-encoding, which IAM's API puts around documents; text that is not encoded comes back as it is.
pub fn percent_decoded(text: &str) -> String {
    if text.trim_start().starts_with('{') {
        return text.to_owned();
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let code = after.get(..2).and_then(|code| std::str::from_utf8(code).ok());
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) if first == b'%' => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            _ => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
mod tests;
