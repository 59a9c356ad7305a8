//! The account's functions beside those that stacks describe: which is which, and which role counts.

use std::collections::{BTreeMap, BTreeSet};

use super::super::Deployments;
use super::super::text::{TextPiece, pieces};
use super::Deployed;
use crate::iam::arn::ArnPattern;
use crate::iam::policy::Resources;
use crate::usage::{Gap, Location};
use crate::workspace::link::UNLINKED_FUNCTION;
use crate::workspace::model::{Function, RoleStatement, Stack, Workspace};

/// Characters of a logical id that CloudFormation surely leaves in the name that it makes of it.
const WHOLE_ID: usize = 20;

/// A mention of a resource by its name in the account → the stack's symbol for it, where that can be told.
pub type Symbolic<'a> = &'a dyn Fn(&str, &Stack) -> Option<String>;

/// What is left to do once functions are linked to binaries.
#[derive(Debug, Default)]
pub struct Joined {
    /// Gaps of the account's functions, by the function's place.
    gaps: BTreeMap<Location, Vec<Gap>>,
    /// Places of those that a stack describes, which stay whether they are linked or not.
    described: BTreeSet<Location>,
    /// Functions that a stack describes: deployed name → what the stack calls it.
    pub known: BTreeMap<String, String>,
}

/// Puts the account's functions into the deployments.
///
/// Those that no stack describes are added. Of the others the stack's description counts, unless `current` asks for the
/// roles of the account: then a function that is deployed once gets the role of the account, and one that is deployed
/// several times (in stages, say) gives way to those.
pub fn join(
    deployments: &mut Deployments,
    account: Vec<Deployed>,
    current: bool,
    symbolic: Symbolic<'_>,
) -> Joined {
    let mut joined = Joined::default();
    let mut of_stack: BTreeMap<usize, Vec<Deployed>> = BTreeMap::new();
    for deployed in account {
        match described(deployments, &deployed) {
            Some(index) => {
                let called = deployments
                    .functions
                    .get(index)
                    .map(|function| function.name.clone());
                let name = deployed.function.deployed_name.clone();
                joined.known.insert(name, called.unwrap_or_default());
                of_stack.entry(index).or_default().push(deployed);
            }
            None => joined.add(deployments, deployed),
        }
    }
    if !current {
        return joined;
    }
    let mut replaced = BTreeSet::new();
    for (index, several) in of_stack {
        let Some(function) = deployments.functions.get_mut(index) else {
            continue;
        };
        if let [only] = several.as_slice() {
            let stack = function.stack.and_then(|stack| deployments.stacks.get(stack));
            take_role(function, stack, only, symbolic);
            deployments.gaps.extend(only.gaps.iter().cloned());
            continue;
        }
        let code = function.code.clone();
        let may_be_rust = function.may_be_rust;
        replaced.insert(index);
        for mut deployed in several {
            joined.described.insert(deployed.function.location.clone());
            deployed.function.code.clone_from(&code);
            deployed.function.may_be_rust = may_be_rust;
            joined.add(deployments, deployed);
        }
    }
    let mut index = 0;
    deployments.functions.retain(|_| {
        index += 1;
        !replaced.contains(&(index - 1))
    });
    joined
}

impl Joined {
    fn add(&mut self, deployments: &mut Deployments, deployed: Deployed) {
        let mut function = deployed.function;
        function.stack = Some(deployments.stacks.len());
        self.gaps.insert(function.location.clone(), deployed.gaps);
        deployments.functions.push(function);
        deployments.stacks.push(deployed.stack);
    }

    /// Leaves out what has nothing to do with the code: an account has many functions. Those that may be Rust and are
    /// linked to nothing are told in one gap.
    pub fn tidy(self, workspace: &mut Workspace) {
        let mut strangers: Vec<String> = Vec::new();
        let mut left_out = BTreeSet::new();
        workspace.functions.retain(|function| {
            let ours = !self.gaps.contains_key(&function.location)
                || function.binary.is_some()
                || self.described.contains(&function.location);
            if !ours {
                left_out.insert(function.location.clone());
                strangers.extend(function.may_be_rust.then(|| function.name.clone()));
            }
            ours
        });
        let of_left_out = |gap: &Gap| {
            gap.code == UNLINKED_FUNCTION && gap.location.as_ref().is_some_and(|at| left_out.contains(at))
        };
        workspace.gaps.retain(|gap| !of_left_out(gap));
        for (place, gaps) in self.gaps {
            if !left_out.contains(&place) {
                workspace.gaps.extend(gaps);
            }
        }
        let Some(first) = left_out.first().filter(|_| !strangers.is_empty()) else {
            return;
        };
        let names: Vec<String> = strangers.iter().take(8).map(|name| format!("`{name}`")).collect();
        let more = if strangers.len() > 8 { ", …" } else { "" };
        let message = format!(
            "the account has {} that could be built from Rust and fit no binary here: {}{more}",
            match strangers.len() {
                1 => "a function".to_owned(),
                count => format!("{count} functions"),
            },
            names.join(", ")
        );
        let example = strangers.first().map_or("NAME", String::as_str);
        let gap = Gap::new(UNLINKED_FUNCTION, message)
            .at(Location::new(first.file.clone(), 1, 1))
            .hint(format!(
                "if one belongs to this code, add to rolefit.toml:\n[[function]]\nname = \"{example}\"\nbin = \"BINARY\""
            ));
        workspace.gaps.push(gap);
    }
}

/// The function of a stack that a function of the account is: the one whose name fits best.
fn described(deployments: &Deployments, deployed: &Deployed) -> Option<usize> {
    let name = &deployed.function.deployed_name;
    let fitting = deployments
        .functions
        .iter()
        .enumerate()
        .filter_map(|(index, function)| {
            let stack = deployments.stacks.get(function.stack?)?;
            (stack.kind != "account").then_some(())?;
            Some((fit(function, stack, name)?, index))
        });
    let fitting: Vec<(usize, usize)> = fitting.collect();
    let best = fitting.iter().map(|(fit, _)| *fit).max()?;
    let mut best = fitting.into_iter().filter(|(fit, _)| *fit == best);
    let (_, index) = best.next()?;
    best.next().is_none().then_some(index)
}

/// How many characters of a deployed name a stack's function tells; `None` if it tells another name.
fn fit(function: &Function, stack: &Stack, name: &str) -> Option<usize> {
    let text = &function.deployed_name;
    if stack.with_defaults(text) == name {
        return Some(usize::MAX);
    }
    let made_up = format!("${{{}}}", function.name);
    if *text == made_up {
        let id = function.name.get(..WHOLE_ID).unwrap_or(&function.name);
        return name.contains(&format!("-{id}")).then_some(id.len());
    }
    let (mut pattern, mut told) = (String::new(), 0);
    for piece in pieces(text) {
        match piece {
            TextPiece::Plain(plain) => {
                told += plain.len();
                pattern.push_str(plain);
            }
            TextPiece::Symbol(_) => pattern.push_str("?*"),
        }
    }
    let fits = told > 2 && ArnPattern::new(pattern).covers(&ArnPattern::new(name));
    fits.then_some(told)
}

/// Puts the account's role in the place of the stack's, its resources by the stack's symbols.
fn take_role(function: &mut Function, stack: Option<&Stack>, deployed: &Deployed, symbolic: Symbolic<'_>) {
    let Some(mut role) = deployed.function.role.clone() else {
        return;
    };
    if let Some(stack) = stack {
        for RoleStatement { statement, .. } in &mut role.statements {
            let (Resources::Only(arns) | Resources::AllExcept(arns)) = &mut statement.resources;
            for arn in arns {
                let known = stack.normalise_arn(arn.as_str());
                let known = symbolic(arn.as_str(), stack).unwrap_or(known);
                *arn = ArnPattern::new(known);
            }
        }
    }
    role.shared_with = function
        .role
        .take()
        .map_or_else(|| role.shared_with.clone(), |role| role.shared_with);
    function.role = Some(role);
}
