//! Every file in `policy-templates/operations/` speaks of actions, operations and members that exist.

use std::collections::BTreeSet;
use std::path::Path;

use crate::catalog::action_entry::variables;
use crate::catalog::need::Returned;
use crate::catalog::need::Source;
use crate::catalog::need::condition::Condition;
use crate::catalog::need::overlay::{FILES, NeedRow, OperationRow, Overlay, Resource};
use crate::catalog::{Catalog, MemberKind, Operation, Service, Shape};

/// What is wrong in a file, line by line.
struct Check<'a> {
    catalog: &'a Catalog,
    service: Service<'a>,
    overlay: Overlay,
    wrong: Vec<String>,
}

#[test]
fn every_file_is_registered() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("policy-templates/operations");
    let mut found: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.starts_with('_'))
        .map(|name| name.strip_suffix(".toml").unwrap().to_owned())
        .collect();
    found.sort();
    let registered: Vec<&str> = FILES.iter().map(|(suffix, _)| *suffix).collect();
    assert_eq!(found, registered);
}

#[test]
fn every_file_speaks_of_what_exists() {
    let catalog = Catalog::embedded();
    let mut wrong = Vec::new();
    for (suffix, text) in FILES {
        let overlay = Overlay::parse(text).unwrap_or_else(|reason| panic!("{suffix}: {reason}"));
        let service = catalog
            .service(suffix)
            .unwrap_or_else(|| panic!("{suffix} is no service"));
        let mut check = Check {
            catalog,
            service,
            overlay,
            wrong: Vec::new(),
        };
        check.resources();
        check.operations();
        check.forwarded();
        check.returned();
        wrong.extend(check.wrong.iter().map(|line| format!("{suffix}: {line}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

impl Check<'_> {
    fn expect(&mut self, holds: bool, line: impl FnOnce() -> String) {
        if !holds {
            self.wrong.push(line());
        }
    }

    fn resources(&mut self) {
        let mut ids = BTreeSet::new();
        let resources = std::mem::take(&mut self.overlay.resources);
        for resource in &resources {
            let id = &resource.id;
            self.expect(ids.insert(id), || format!("resource `{id}` stands twice"));
            let format = resource
                .format
                .clone()
                .or_else(|| self.catalog.format_of(&resource.kind));
            let Some(format) = format else {
                self.wrong.push(format!("`{id}`: no type `{}`", resource.kind));
                continue;
            };
            let names: BTreeSet<&str> = variables(&format).collect();
            for (variable, sources) in &resource.variables {
                self.expect(names.contains(variable.as_str()), || {
                    format!("`{id}`: `{variable}` is not in `{format}`")
                });
                for path in paths(sources) {
                    let known = self.service.operations().any(|op| has_path(op, path));
                    self.expect(known, || format!("`{id}`: no operation has `{path}`"));
                }
            }
        }
        self.overlay.resources = resources;
    }

    fn operations(&mut self) {
        let rows: Vec<(String, OperationRow)> = self
            .overlay
            .operations()
            .map(|(name, row)| (name.to_owned(), row.clone()))
            .collect();
        for (name, row) in rows {
            let Some(operation) = self.service.operation(&name) else {
                self.wrong.push(format!("no operation `{name}`"));
                continue;
            };
            self.expect(row.docs.starts_with("https://docs.aws.amazon.com/"), || {
                format!("{name}: `{}` is no documentation", row.docs)
            });
            for need in row.needs.iter().flatten().chain(&row.also) {
                self.need(operation, need);
            }
        }
    }

    fn need(&mut self, operation: Operation<'_>, need: &NeedRow) {
        let (name, action) = (operation.name().to_owned(), &need.action);
        let known = self.catalog.action(action);
        self.expect(known.is_some() || need.unverified.is_some(), || {
            format!("{name}: no action `{action}`")
        });
        if let Some(known) = known {
            self.expect(known.action() == *action, || {
                format!("{name}: `{action}` is spelled {}", known.action())
            });
        }
        if let Some(when) = &need.when {
            self.condition(operation, when);
        }
        for id in need.on.iter().flatten() {
            let Some(resource) = self.overlay.resource(id) else {
                self.wrong.push(format!("{name}: no resource `{id}`"));
                continue;
            };
            let unnamed = unnamed_variable(operation, resource).map(str::to_owned);
            self.expect(unnamed.is_none(), || {
                format!("{name}: no input gives {unnamed:?} of `{id}`")
            });
        }
    }

    fn condition(&mut self, operation: Operation<'_>, condition: &Condition) {
        for path in condition.paths() {
            let known = match path.strip_suffix('*') {
                Some(opening) => operation
                    .members()
                    .any(|member| member.name().starts_with(opening)),
                None => has_path(operation, path),
            };
            self.expect(known, || format!("{} has no `{path}`", operation.name()));
        }
    }

    fn forwarded(&mut self) {
        let mut lines = Vec::new();
        for row in self.overlay.all_forwarded() {
            for name in &row.operations {
                match self.service.operation(name) {
                    None => lines.push(format!("forwarded: no operation `{name}`")),
                    Some(operation) => lines.extend(
                        row.when
                            .iter()
                            .flat_map(Condition::paths)
                            .filter(|path| !has_path(operation, path))
                            .map(|path| format!("forwarded: {name} has no `{path}`")),
                    ),
                }
            }
            for action in &row.actions {
                if self.catalog.action(action).is_none() {
                    lines.push(format!("forwarded: no action `{action}`"));
                }
            }
        }
        self.wrong.extend(lines);
    }

    fn returned(&mut self) {
        let mut lines = Vec::new();
        for row in self.overlay.returned() {
            if !row.docs.starts_with("https://docs.aws.amazon.com/") {
                lines.push(format!("returned: `{}` is no documentation", row.docs));
            }
            for name in &row.operations {
                let Some(operation) = self.service.operation(name) else {
                    lines.push(format!("returned: no operation `{name}`"));
                    continue;
                };
                let inputs = row.is.iter().flatten().filter_map(|part| match part {
                    Returned::Input(input) => Some(input),
                    _ => None,
                });
                lines.extend(
                    inputs
                        .filter(|input| !has_path(operation, input))
                        .map(|input| format!("returned: {name} has no `{input}`")),
                );
            }
        }
        self.wrong.extend(lines);
    }
}

/// A variable that the operation has no input for, although the resource says which it should be.
fn unnamed_variable<'r>(operation: Operation<'_>, resource: &'r Resource) -> Option<&'r str> {
    resource
        .variables
        .iter()
        .find(|(_, sources)| {
            let has_default = sources.iter().any(|s| matches!(s, Source::Default(_)));
            !sources.is_empty() && !has_default && !paths(sources).any(|path| has_path(operation, path))
        })
        .map(|(name, _)| name.as_str())
}

fn paths(sources: &[Source]) -> impl Iterator<Item = &str> {
    sources.iter().filter_map(|source| match source {
        Source::Input { path, .. } => Some(path.as_str()),
        _ => None,
    })
}

/// Whether the operation's input has a member at this path.
fn has_path(operation: Operation<'_>, path: &str) -> bool {
    operation.input().is_some_and(|input| shape_has_path(input, path))
}

fn shape_has_path(shape: Shape<'_>, path: &str) -> bool {
    let (step, rest) = path.split_once('.').unwrap_or((path, ""));
    let name = step.trim_end_matches(['[', ']', '{', '}']);
    let Some(member) = shape.member(name) else {
        return false;
    };
    let written = step.get(name.len()..).unwrap_or_default();
    let fits = match member.kind() {
        MemberKind::List => written == "[]",
        MemberKind::Map => written == "{}",
        MemberKind::Scalar | MemberKind::Structure => written.is_empty(),
    };
    match rest {
        // A condition can ask for a whole list or map.
        "" => fits || written.is_empty(),
        rest => {
            fits && member
                .structure()
                .is_some_and(|inner| shape_has_path(inner, rest))
        }
    }
}
