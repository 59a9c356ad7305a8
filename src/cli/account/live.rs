//! The live account: only the functions that the project is about are asked for, and every missing permission is told.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::{Account, Described};
use crate::aws::{self, AwsError, Denied, Listed};
use crate::cli::args::{Current, Project};
use crate::usage::{Gap, Location};
use crate::workspace::deploy::account::{Dumps, join};
use crate::workspace::link::link;
use crate::workspace::model::{Function, Role, Workspace};

/// What was asked already.
#[derive(Debug)]
pub struct Live {
    account: aws::Account,
    /// What the stacks call the functions that the account was seen to have.
    known: BTreeSet<String>,
    denied: BTreeSet<Denied>,
}

/// Lists the functions of the account, and reads the roles and surroundings of those that the project is about.
pub fn ask(project: &Project, described: &Described<'_>) -> anyhow::Result<Account> {
    let mut live = Live {
        account: aws::Account::connect()?,
        known: BTreeSet::new(),
        denied: BTreeSet::new(),
    };
    let listed = live.account.list_functions();
    let listed = live.unless_denied(listed)?.unwrap_or_default();
    let wanted = live.wanted(project, described, &listed);
    let mut roles: BTreeSet<&str> = BTreeSet::new();
    let mut dumps = Dumps::default();
    for function in listed.iter().filter(|function| wanted.contains(&function.name)) {
        function.add_to(&mut dumps);
        let read = live.account.read_mappings(&function.name, &mut dumps);
        live.unless_denied(read)?;
        let read = live
            .account
            .read_destinations(&function.name, &function.arn, &mut dumps);
        live.unless_denied(read)?;
        if roles.insert(&function.role) {
            let read = live.account.read_role(&function.role, &mut dumps);
            live.unless_denied(read)?;
        }
    }
    Ok(Account {
        functions: dumps.functions(described.managed),
        gaps: dumps.gaps().to_vec(),
        current: true,
        live: Some(live),
    })
}

impl Live {
    /// Notes a missing permission and goes on without; other errors end it all.
    fn unless_denied<T>(&mut self, result: Result<T, AwsError>) -> anyhow::Result<Option<T>> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(AwsError::Denied(denied)) => {
                self.denied.insert(denied);
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Names of the account's functions that a stack describes or that a binary fits, among those that were asked for.
    fn wanted(
        &mut self,
        project: &Project,
        described: &Described<'_>,
        listed: &[Listed],
    ) -> BTreeSet<String> {
        let mut dumps = Dumps::default();
        listed.iter().for_each(|function| function.add_to(&mut dumps));
        let mut deployments = described.deployments.clone();
        let functions = dumps.functions(described.managed);
        let joined = join(&mut deployments, functions, false, &|_, _| None);
        let known = joined.known.clone();
        let mut workspace = link(deployments, described.packages, described.statements);
        joined.tidy(&mut workspace);
        let asked = |name: &str| {
            let named = |asked: &String| asked.rsplit('#').next() == Some(name);
            project.functions.is_empty() || project.functions.iter().any(named)
        };
        let of_account = |function: &&Function| {
            let stack = function.stack.and_then(|stack| workspace.stacks.get(stack));
            stack.is_some_and(|stack| stack.kind == "account")
        };
        let mut wanted: BTreeSet<String> = workspace
            .functions
            .iter()
            .filter(of_account)
            .filter(|function| {
                let binary = function.binary.as_ref().map(|binary| binary.binary.as_str());
                asked(&function.name) || binary.is_some_and(asked)
            })
            .map(|function| function.deployed_name.clone())
            .collect();
        for (name, called) in known {
            let described = workspace
                .functions
                .iter()
                .find(|function| function.name == called);
            let binary = described.and_then(|function| function.binary.as_ref());
            if asked(&name) || asked(&called) || binary.is_some_and(|binary| asked(&binary.binary)) {
                wanted.insert(name);
            }
            self.known.insert(called);
        }
        wanted
    }
}

/// Reads the roles of the functions that the account was not seen to have, by the names that CloudFormation makes, or the
/// role that was named. Then tells what was denied.
pub fn read_other_roles(
    account: &mut Account,
    project: &Project,
    workspace: &mut Workspace,
    managed: &dyn Fn(&str) -> Option<String>,
) -> anyhow::Result<()> {
    if project.current != Current::Aws {
        return Ok(());
    }
    let mut live = match account.live.take() {
        Some(live) => live,
        None => Live {
            account: aws::Account::connect()?,
            known: BTreeSet::new(),
            denied: BTreeSet::new(),
        },
    };
    let mut gaps = Vec::new();
    for function in &mut workspace.functions {
        let of_account = function.location.file.starts_with("aws:");
        if of_account || live.known.contains(&function.name) {
            continue;
        }
        let role = live.role(project, function, managed)?;
        if let Some((role, unsettled)) = role {
            let shared_with = function.role.take().map(|role| role.shared_with);
            function.role = Some(Role {
                shared_with: shared_with.unwrap_or_default(),
                ..role
            });
            gaps.extend(unsettled);
        }
    }
    workspace.gaps.extend(gaps);
    workspace.gaps.extend(live.told()?);
    Ok(())
}

impl Live {
    fn role(
        &mut self,
        project: &Project,
        function: &Function,
        managed: &dyn Fn(&str) -> Option<String>,
    ) -> anyhow::Result<Option<(Role, Vec<Gap>)>> {
        let named = match (&project.role, &function.role) {
            (Some(name), _) => name.clone(),
            (None, Some(role)) => {
                let found = self.account.role_of(&role.id);
                match self.unless_denied(found)? {
                    Some(arn) => arn,
                    None => return Ok(None),
                }
            }
            (None, None) => return Ok(None),
        };
        let mut dumps = Dumps::default();
        let read = self.account.read_role(&named, &mut dumps);
        let arn = self.unless_denied(read)?;
        Ok(arn.and_then(|arn| dumps.role(&arn, managed)))
    }

    /// What was denied: a role that could not be read ends it all, anything else is a gap.
    fn told(self) -> anyhow::Result<Vec<Gap>> {
        let of_role = |denied: &Denied| denied.operation.starts_with("iam.");
        if self.denied.iter().any(of_role) {
            let mut text = "the credentials may not read all that is needed:".to_owned();
            for denied in &self.denied {
                let _ = write!(text, "\n  {denied}");
            }
            text.push_str("\nhint: add to the policy of whoever runs this:");
            let statements: BTreeSet<String> = self.denied.iter().map(Denied::statement).collect();
            for statement in statements {
                let _ = write!(text, "\n  {statement}");
            }
            anyhow::bail!(text);
        }
        let gap = |denied: &Denied| {
            Gap::new("denied-call", denied.to_string())
                .at(Location::new(format!("aws:{}", denied.action()), 1, 1))
                .hint(format!(
                    "add to the policy of whoever runs this: {}",
                    denied.statement()
                ))
        };
        Ok(self.denied.iter().map(gap).collect())
    }
}
