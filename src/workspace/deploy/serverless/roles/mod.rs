//! The execution roles of a service: the one that functions share, those of single functions, and what the framework
//! itself puts into each.
//!
//! Three ways exist. *Shared*: one role with the statements of `provider` and what every function brings. *Plugin*:
//! `serverless-iam-roles-per-function` makes a role for each function with `iamRoleStatements`. *Own*: version 4 does so
//! itself (`provider.iam.role.mode: perFunction`, `functions.*.iam.role`). Each adds other things by itself.
//! <https://www.serverless.com/framework/docs/providers/aws/guide/iam>

mod added;

use super::super::node::{Mark, Node, Value};
use super::super::statements::INJECTED_BY;
use super::super::template::Resource;
use super::build::{Map, list, sub, text};
use super::events::resource;
use super::names;
use added::Added;

/// How a role comes to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Shared,
    Plugin,
    Own,
}

/// A function, as far as roles need it.
pub(super) struct Member<'a> {
    pub(super) name: &'a str,
    pub(super) at: Mark,
    pub(super) node: &'a Node,
    /// The name it is deployed under.
    pub(super) deployed: &'a str,
}

/// What all roles of a service rest on.
pub(super) struct Roles<'a> {
    pub(super) provider: &'a Node,
    /// `<service>-<stage>`.
    pub(super) prefix: &'a str,
    pub(super) plugin: bool,
    /// `custom.serverless-iam-roles-per-function`.
    pub(super) plugin_settings: Option<&'a Node>,
    /// Deployed name of a function of the service by its name.
    pub(super) deployed: &'a dyn Fn(&str) -> Option<String>,
    /// Settles names: parameters by their defaults.
    pub(super) settle: &'a dyn Fn(&str) -> String,
}

const VPC_POLICY: &str = "AWSLambdaVPCAccessExecutionRole";

impl Roles<'_> {
    /// `provider.iam.role` where it says how a role is made, not which one it is.
    fn settings(&self) -> Option<&Node> {
        self.provider
            .path(&["iam", "role"])
            .filter(|node| matches!(node.value, Value::Map(_)))
    }

    /// The role that functions have by the provider's word.
    fn existing(&self) -> Option<&Node> {
        let named = self
            .provider
            .path(&["iam", "role"])
            .filter(|node| !matches!(node.value, Value::Map(_)));
        named.or_else(|| self.provider.get("role"))
    }

    fn per_function(&self) -> bool {
        self.settings()
            .and_then(|settings| settings.get("mode"))
            .and_then(Node::as_text)
            == Some("perFunction")
    }

    /// How the role of a function is made; `None` where it is one that is named.
    fn mode(&self, function: &Node) -> Option<Mode> {
        if function.get("role").is_some() || self.existing().is_some() {
            return None;
        }
        let old = function.entry("iamRoleStatements").is_some();
        if self.plugin {
            return Some(if old { Mode::Plugin } else { Mode::Shared });
        }
        let own = function.path(&["iam", "role"]).is_some_and(|role| {
            role.entry("statements").is_some() || role.entry("managedPolicies").is_some()
        });
        Some(if own || old || self.per_function() {
            Mode::Own
        } else {
            Mode::Shared
        })
    }

    /// The value of the function's `Role`.
    pub(super) fn role_of(&self, member: &Member<'_>) -> Node {
        let named = member.node.get("role").or_else(|| self.existing());
        if let Some(named) = named {
            return match named.as_text() {
                Some(id) if !id.contains([':', '$']) => super::build::arn_of(id, named.at),
                _ => named.clone(),
            };
        }
        let id = match self.mode(member.node) {
            Some(Mode::Plugin | Mode::Own) => names::own_role(member.name),
            _ => names::SHARED_ROLE.to_owned(),
        };
        super::build::arn_of(&id, member.at)
    }

    /// The roles that the framework makes.
    pub(super) fn resources(&self, members: &[Member<'_>]) -> Vec<Resource> {
        let mut made = Vec::new();
        let shared = members
            .iter()
            .any(|member| self.mode(member.node) == Some(Mode::Shared));
        if shared {
            made.push(self.shared(members));
        }
        for member in members {
            if let Some(mode @ (Mode::Plugin | Mode::Own)) = self.mode(member.node) {
                made.push(self.own(member, mode));
            }
        }
        made
    }

    fn shared(&self, members: &[Member<'_>]) -> Resource {
        let at = self.place();
        let mut statements = self.shared_logs(members);
        statements.extend(self.stated());
        let in_vpc = self.provider.get("vpc").is_some()
            || members.iter().any(|member| member.node.get("vpc").is_some());
        let mut seen: Vec<(Vec<&str>, String)> = Vec::new();
        for member in members {
            let custom = member.node.get("role").is_some();
            for added in self.added(member, Mode::Shared) {
                let key = (added.actions.clone(), format!("{:?}", plain(&added.resources)));
                if (custom && added.because == "destinations") || seen.contains(&key) {
                    continue;
                }
                seen.push(key);
                statements.push(added.node());
            }
        }
        let mut policies = self.stated_policies();
        if in_vpc {
            policies.push(injected_policy(VPC_POLICY, "vpc", at));
        }
        self.role(names::SHARED_ROLE, at, statements, policies, None)
    }

    /// Where the shared role is written, as far as it is.
    fn place(&self) -> Mark {
        let written = self
            .provider
            .get("iam")
            .and_then(|iam| iam.entry("role"))
            .or_else(|| self.provider.entry("iamRoleStatements"))
            .or_else(|| self.provider.entry("iam"));
        written.map_or(self.provider.at, |entry| entry.key_at)
    }

    fn stated(&self) -> Vec<Node> {
        let new = self.settings().and_then(|role| role.get("statements"));
        let all = new.or_else(|| self.provider.get("iamRoleStatements"));
        all.map(|list| list.items().to_vec()).unwrap_or_default()
    }

    fn stated_policies(&self) -> Vec<Node> {
        let new = self.settings().and_then(|role| role.get("managedPolicies"));
        let all = new.or_else(|| self.provider.get("iamManagedPolicies"));
        all.map(|list| list.items().to_vec()).unwrap_or_default()
    }

    /// The shared role's logs: all groups that begin with service and stage, and those of functions with other names.
    fn shared_logs(&self, members: &[Member<'_>]) -> Vec<Node> {
        let at = self.place();
        let mut groups = Vec::new();
        let mut denied = Vec::new();
        let mut canonical = false;
        for member in members {
            let silent = is_true(member.node.get("disableLogs"));
            match (member.deployed.starts_with(self.prefix), silent) {
                (true, true) => denied.push(sub(log_group(member.deployed, ":*"), at)),
                (true, false) => canonical = true,
                (false, false) => groups.push(member.deployed.to_owned()),
                (false, true) => {}
            }
        }
        if canonical {
            groups.push(format!("{}*", self.prefix));
        }
        if groups.is_empty() {
            return Vec::new();
        }
        let each = |tail: &str| {
            groups
                .iter()
                .map(|group| sub(log_group(group, tail), at))
                .collect::<Vec<_>>()
        };
        let mut added = vec![
            Added {
                because: "functions",
                at,
                effect: "Allow",
                actions: vec!["logs:CreateLogStream", "logs:CreateLogGroup", "logs:TagResource"],
                resources: each(":*"),
            },
            Added {
                because: "functions",
                at,
                effect: "Allow",
                actions: vec!["logs:PutLogEvents"],
                resources: each(":*:*"),
            },
        ];
        if canonical && !denied.is_empty() {
            added.push(Added {
                because: "disableLogs",
                at,
                effect: "Deny",
                actions: vec!["logs:PutLogEvents"],
                resources: denied,
            });
        }
        added.into_iter().map(Added::node).collect()
    }

    fn own(&self, member: &Member<'_>, mode: Mode) -> Resource {
        let function = member.node;
        let settings = function.path(&["iam", "role"]);
        let mut statements = vec![
            Added {
                because: "functions",
                at: member.at,
                effect: "Allow",
                actions: vec!["logs:CreateLogStream", "logs:CreateLogGroup", "logs:PutLogEvents"],
                resources: vec![sub(log_group(&self.log_name(member), ":*:*"), member.at)],
            }
            .node(),
        ];
        if mode == Mode::Own && is_true(function.get("disableLogs")) {
            statements.push(
                Added {
                    because: "disableLogs",
                    at: member.at,
                    effect: "Deny",
                    actions: vec!["logs:PutLogEvents"],
                    resources: vec![sub(log_group(&self.log_name(member), ":*:*"), member.at)],
                }
                .node(),
            );
        }
        statements.extend(self.added(member, mode).into_iter().map(Added::node));
        if self.inherits(function, mode) {
            statements.extend(self.stated());
        }
        let own = settings
            .and_then(|role| role.get("statements"))
            .or_else(|| function.get("iamRoleStatements"));
        statements.extend(own.map(Node::items).unwrap_or_default().iter().cloned());
        let mut policies = Vec::new();
        if mode == Mode::Own && self.per_function() {
            policies.extend(self.stated_policies());
        }
        if not_empty(function.get("vpc")) || not_empty(self.provider.get("vpc")) {
            policies.push(injected_policy(VPC_POLICY, "vpc", member.at));
        }
        if mode == Mode::Own {
            if let Some(entry) = function.entry("durableConfig") {
                let name = "AWSLambdaBasicDurableExecutionRolePolicy";
                policies.push(injected_policy(name, "durableConfig", entry.key_at));
            }
            let more = settings.and_then(|role| role.get("managedPolicies"));
            policies.extend(more.map(Node::items).unwrap_or_default().iter().cloned());
        }
        let at = settings
            .and_then(|_| function.entry("iam"))
            .or_else(|| function.entry("iamRoleStatements"))
            .map_or(member.at, |entry| entry.key_at);
        self.role(
            &names::own_role(member.name),
            at,
            statements,
            policies,
            Some(function),
        )
    }

    fn log_name(&self, member: &Member<'_>) -> String {
        let stated = member
            .node
            .path(&["logs", "logGroup"])
            .or_else(|| self.provider.path(&["logs", "lambda", "logGroup"]));
        match stated.and_then(Node::as_text) {
            Some(group) => group.to_owned(),
            None => format!("/aws/lambda/{}", member.deployed),
        }
    }

    fn inherits(&self, function: &Node, mode: Mode) -> bool {
        let stated = function
            .path(&["iam", "inheritStatements"])
            .filter(|_| mode == Mode::Own)
            .or_else(|| function.get("iamRoleStatementsInherit"));
        let default = self
            .plugin_settings
            .and_then(|settings| settings.get("defaultInherit"));
        match (stated.or(default), mode) {
            (Some(stated), _) => is_true(Some(stated)),
            (None, Mode::Own) => self.per_function(),
            (None, _) => false,
        }
    }

    fn role(
        &self,
        id: &str,
        at: Mark,
        statements: Vec<Node>,
        policies: Vec<Node>,
        function: Option<&Node>,
    ) -> Resource {
        let mut document = Map::default();
        document.put("Statement", at, list(statements, at));
        let mut policy = Map::default();
        policy
            .put("PolicyName", at, text(format!("{}-lambda", self.prefix), at))
            .put("PolicyDocument", at, document.node(at));
        let mut properties = Map::default();
        properties.put("Policies", at, list(vec![policy.node(at)], at));
        if !policies.is_empty() {
            properties.put("ManagedPolicyArns", at, list(policies, at));
        }
        let name = function.and_then(|function| {
            function
                .path(&["iam", "role", "name"])
                .or_else(|| function.get("iamRoleStatementsName"))
        });
        let shared_name = self
            .settings()
            .and_then(|role| role.get("name"))
            .filter(|_| function.is_none());
        if let Some(name) = name.or(shared_name) {
            properties.put("RoleName", name.at, name.clone());
        }
        let boundary = function
            .and_then(|function| {
                function
                    .path(&["iam", "role", "permissionsBoundary"])
                    .or_else(|| function.get("iamPermissionsBoundary"))
            })
            .or_else(|| self.plugin_settings?.get("iamGlobalPermissionsBoundary"))
            .or_else(|| self.settings()?.get("permissionsBoundary"))
            .or_else(|| self.settings()?.get("permissionBoundary"))
            .or_else(|| self.provider.get("rolePermissionsBoundary"));
        if let Some(boundary) = boundary {
            properties.put("PermissionsBoundary", boundary.at, boundary.clone());
        }
        resource(id.to_owned(), "AWS::IAM::Role", at, properties.node(at), None)
    }
}

/// Where tracing is switched on, and how.
pub(super) fn tracing<'n>(function: &'n Node, provider: &'n Node) -> Option<(Mark, &'n Node)> {
    let own = function.entry("tracing");
    let common = provider
        .get("tracing")
        .and_then(|tracing| tracing.entry("lambda"));
    own.filter(|entry| !is_false(&entry.value))
        .or_else(|| common.filter(|entry| !is_false(&entry.value)))
        .map(|entry| (entry.key_at, &entry.value))
}

/// A managed policy of AWS that the framework attaches.
fn injected_policy(name: &str, because: &str, at: Mark) -> Node {
    let mut policy = Map::default();
    policy
        .put("ManagedPolicy", at, text(name, at))
        .put(INJECTED_BY, at, text(because, at));
    policy.node(at)
}

fn log_group(name: &str, tail: &str) -> String {
    let name = if name.starts_with('/') {
        name.to_owned()
    } else {
        format!("/aws/lambda/{name}")
    };
    format!("arn:${{AWS::Partition}}:logs:${{AWS::Region}}:${{AWS::AccountId}}:log-group:{name}{tail}")
}

fn plain(nodes: &[Node]) -> Vec<&Value> {
    nodes.iter().map(|node| &node.value).collect()
}

pub(super) fn is_true(node: Option<&Node>) -> bool {
    node.and_then(Node::as_text) == Some("true")
}

fn is_false(node: &Node) -> bool {
    node.as_text() == Some("false")
}

fn not_empty(node: Option<&Node>) -> bool {
    node.is_some_and(|node| node.is_function() || !node.entries().is_empty() || node.as_text().is_some())
}
