//! What a JSON value of a dump is: a listing, a page of one, a list of pages, or a single item.

use super::super::node::{Mark, Node, Value};
use super::Dumps;
use crate::usage::{Gap, Location};

/// Lists within lists, deeper than any listing has them.
const MOST_DEPTH: usize = 6;

/// Keys by which listings say that more pages follow.
const NEXT_PAGE: [&str; 3] = ["NextToken", "NextMarker", "Marker"];

/// Whether a text has what every dump has.
pub(super) fn looks_like_dump(text: &str) -> bool {
    [
        "\"RoleDetailList\"",
        "\"RolePolicyList\"",
        "\"FunctionArn\"",
        "\"EventSourceMappings\"",
        "\"logGroups\"",
        "\"SecretList\"",
        "\"TableArn\"",
        "\"QueueArn\"",
        "\"TopicArn\"",
        "\"StreamARN\"",
    ]
    .iter()
    .any(|key| text.contains(key))
}

impl Dumps {
    /// Puts every item where it belongs, and notes a listing whose last page is not there.
    pub(super) fn sort_in(&mut self, values: &[Node]) {
        let mut unfinished = None;
        for value in values {
            self.take(value, 0, &mut unfinished);
        }
        if let Some(at) = unfinished {
            let gap = Gap::new(
                "unfinished-dump",
                "this listing has further pages that are not here, so functions or roles are missing",
            );
            let gap =
                gap.hint("let the AWS CLI read every page: leave `--max-items` and `--no-paginate` out");
            self.gaps.push(gap.at(self.place(at)));
        }
    }

    /// A place in one of the files.
    pub(super) fn place(&self, at: Mark) -> Location {
        let file = self.files.get(usize::from(at.file)).cloned().unwrap_or_default();
        Location::new(file, at.line, at.column)
    }

    fn take(&mut self, value: &Node, depth: usize, unfinished: &mut Option<Mark>) {
        if let Value::List(items) = &value.value {
            if depth < MOST_DEPTH {
                items
                    .iter()
                    .for_each(|item| self.take(item, depth + 1, unfinished));
            }
            return;
        }
        let mut listing = false;
        for entry in value.entries() {
            let items = entry.value.items();
            listing |= match entry.key.as_str() {
                "RoleDetailList" => self.each(items, Self::keep_role),
                "Policies" => self.each(items, Self::policy),
                "Functions" => self.each(items, Self::function),
                "EventSourceMappings" => self.each(items, |own, item| own.mappings.push(item.clone())),
                "FunctionEventInvokeConfigs" => {
                    self.each(items, |own, item| own.invoke_configs.push(item.clone()))
                }
                "FunctionUrlConfigs" => self.each(items, |own, item| own.urls.push(item.clone())),
                "logGroups" => self.each(items, |own, item| own.log_groups.push(item.clone())),
                "SecretList" => self.each(items, |own, item| own.encrypted.push(item.clone())),
                "Table" | "Attributes" | "StreamDescriptionSummary" => {
                    self.each(items, |own, item| own.encrypted.push(item.clone()))
                }
                // What `aws lambda get-function` prints.
                "Configuration" if value.get("Code").is_some() => self.each(items, Self::function),
                _ => false,
            };
        }
        if listing {
            *unfinished = next_page(value);
        } else {
            self.single(value);
        }
    }

    fn each(&mut self, items: &[Node], mut put: impl FnMut(&mut Self, &Node)) -> bool {
        for item in items {
            put(self, item);
        }
        true
    }

    /// An item without a listing around it, as `--query` and the commands for one item give them.
    fn single(&mut self, value: &Node) {
        let has = |key: &str| value.get(key).is_some();
        if has("FunctionArn") && has("Role") {
            self.function(value);
        } else if has("RoleName") && has("Arn") && (has("RolePolicyList") || has("AttachedManagedPolicies")) {
            self.keep_role(value);
        } else if has("PolicyVersionList") {
            self.policy(value);
        } else if has("UUID") && has("FunctionArn") {
            self.mappings.push(value.clone());
        } else if has("logGroupName") {
            self.log_groups.push(value.clone());
        }
    }

    fn keep_role(&mut self, item: &Node) {
        self.keep(item, "Arn", "role", |own, arn, item| {
            own.roles.insert(arn, item);
        });
    }

    fn policy(&mut self, item: &Node) {
        self.keep(item, "Arn", "policy", |own, arn, item| {
            own.policies.insert(arn, item);
        });
    }

    fn function(&mut self, item: &Node) {
        // `--function-version ALL` lists published versions, too.
        let version = item.get("Version").and_then(Node::as_text).unwrap_or("$LATEST");
        if version != "$LATEST" {
            return;
        }
        self.keep(item, "FunctionArn", "function", |own, arn, item| {
            let same = |known: &Node| known.get("FunctionArn").and_then(Node::as_text) == Some(&arn);
            if item.get("FunctionName").and_then(Node::as_text).is_none() || super::place(&arn).is_none() {
                own.unreadable(&item, "function", "FunctionName");
            } else if !own.functions.iter().any(same) {
                own.functions.push(item);
            }
        });
    }

    fn keep(&mut self, item: &Node, key: &str, what: &str, put: impl FnOnce(&mut Self, String, Node)) {
        match item.get(key).and_then(Node::as_text) {
            Some(arn) => {
                let arn = arn.to_owned();
                put(self, arn, item.clone());
            }
            None => self.unreadable(item, what, key),
        }
    }

    fn unreadable(&mut self, item: &Node, what: &str, key: &str) {
        let message = format!("this {what} of the dump has no `{key}` that can be read, so it is left out");
        let gap = Gap::new("unreadable-dump", message);
        self.gaps.push(
            gap.at(self.place(item.at))
                .hint("write the dump again with `--output json`"),
        );
    }
}

/// Where a page says that another one follows.
fn next_page(page: &Node) -> Option<Mark> {
    let truncated = page.get("IsTruncated").and_then(Node::as_text);
    if truncated == Some("false") {
        return None;
    }
    NEXT_PAGE.iter().find_map(|key| {
        let entry = page.entry(key)?;
        let token = entry.value.as_text()?;
        (!token.is_empty()).then_some(entry.key_at)
    })
}
