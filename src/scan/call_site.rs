//! From reached fns to call sites and gaps with places, paths and inputs.

use std::collections::{BTreeMap, BTreeSet};

use crate::usage::{CallSite, Confidence, Frame, Gap, Inputs, Location, OperationId};
use crate::workspace::model::BinaryId;

use super::EntryScan;
use super::build::location;
use super::expand::OpaqueMacro;
use super::facts::{LocalGap, Site, SiteKind};
use super::files::Files;
use super::ir::{ExprKind, Span};
use super::principal;
use super::reach::{AllFacts, Reach};
use super::value::Evaluator;
use super::world::{CrateId, FnId, World};

/// Everything that was read and inferred.
#[derive(Clone, Copy)]
pub struct Scanned<'x, 'a> {
    /// Definitions.
    pub world: &'x World<'a>,
    /// Facts by fn.
    pub facts: &'x AllFacts,
    /// Files, for places.
    pub files: &'x Files,
    /// Macros nobody could read.
    pub opaque: &'x [OpaqueMacro],
    /// Packages whose build scripts surely write no calls of AWS.
    pub harmless_builds: &'x BTreeSet<usize>,
    /// File and line of gaps that comments settle.
    pub settled: &'x BTreeSet<(String, u32)>,
    /// File and line of what calls nothing, say comments.
    pub nothing: &'x BTreeSet<(String, u32)>,
}

/// Calls of one entry from which the two halves of them are evaluated side by side.
const SITES_TO_SPLIT: usize = 8;

/// What the sites of an entry come to.
#[derive(Default)]
struct Calls {
    call_sites: Vec<CallSite>,
    gaps: Vec<Gap>,
    /// Calls under assumed roles.
    assumed: Vec<CallSite>,
    /// The same as texts, by the place where the role is assumed.
    of_roles: BTreeMap<Span, BTreeSet<String>>,
}

impl Calls {
    fn add(&mut self, more: Self) {
        self.call_sites.extend(more.call_sites);
        self.gaps.extend(more.gaps);
        self.assumed.extend(more.assumed);
        for (span, calls) in more.of_roles {
            self.of_roles.entry(span).or_default().extend(calls);
        }
    }
}

impl Scanned<'_, '_> {
    /// The call sites and gaps of one entry.
    pub fn entry(&self, binary: BinaryId, krate: CrateId, reach: &Reach) -> EntryScan {
        let reached = || reach.fns.keys().filter_map(|id| self.facts.get(id.0 as usize));
        let roles = reached().any(|facts| principal::has_roles(facts));
        let sites: Vec<(FnId, &Site)> = reach
            .fns
            .keys()
            .filter_map(|id| Some((*id, self.facts.get(id.0 as usize)?)))
            .flat_map(|(id, facts)| facts.sites.iter().map(move |site| (id, site)))
            .filter(|(_, site)| !self.is_said_to_be_nothing(site))
            .collect();
        let Calls {
            mut call_sites,
            mut gaps,
            assumed: mut assumed_calls,
            of_roles,
        } = match sites.split_at(sites.len() / 2) {
            // In halves whatever the number of threads, since what an evaluator knows already may tell in a result.
            (one, other) if sites.len() >= SITES_TO_SPLIT => {
                let (mut calls, more) = rayon::join(
                    || self.calls(reach, one, roles),
                    || self.calls(reach, other, roles),
                );
                calls.add(more);
                calls
            }
            _ => self.calls(reach, &sites, roles),
        };
        for facts in reached() {
            gaps.extend(facts.gaps.iter().map(|gap| {
                let calls = of_roles.get(&gap.span).filter(|_| gap.code == "assumed-role");
                match calls {
                    Some(calls) => self.assumed_gap(gap, calls),
                    None => self.local_gap(gap),
                }
            }));
        }
        self.weak_gaps(reach, &mut gaps);
        self.other_gaps(&binary, krate, reach, &mut gaps);
        gaps.retain(|gap| gap.code == "bad-comment" || !self.is_settled(gap));
        call_sites.sort_by(|a, b| (&a.location, a).cmp(&(&b.location, b)));
        call_sites.dedup();
        assumed_calls.sort_by(|a, b| (&a.location, a).cmp(&(&b.location, b)));
        assumed_calls.dedup();
        EntryScan {
            binary,
            call_sites,
            gaps,
            assumed: assumed_calls,
        }
    }

    /// The calls of some sites.
    fn calls(&self, reach: &Reach, sites: &[(FnId, &Site)], roles: bool) -> Calls {
        let mut calls = Calls::default();
        let mut evaluator = Evaluator::new(self, reach);
        let setters = evaluator.setters();
        for (id, site) in sites {
            let assumed = match roles {
                true => self.roles_of(&evaluator, *id, site),
                false => BTreeSet::new(),
            };
            if !assumed.is_empty() {
                let call = self.call_site(site, Vec::new(), Inputs::new());
                for span in assumed {
                    let of_role = calls.of_roles.entry(span).or_default();
                    of_role.insert(format!("{} ({})", call.operation, call.location));
                }
                calls.assumed.push(call);
                continue;
            }
            let via = self.via(reach, *id, site.span);
            let inputs = evaluator.inputs(*id, site, &setters);
            calls.call_sites.push(self.call_site(site, via, inputs));
            calls.gaps.extend(self.site_gap(site));
        }
        calls
    }

    /// The assumed roles that a call surely acts under; empty for the function's own.
    fn roles_of(&self, evaluator: &Evaluator<'_, '_>, id: FnId, site: &Site) -> BTreeSet<Span> {
        let body = self
            .facts
            .get(id.0 as usize)
            .and_then(|facts| facts.body.as_deref());
        let client = body.and_then(|body| match &body.expr(site.expr).kind {
            ExprKind::Method { receiver, args, .. } => match args.first() {
                // `input.send_with(&client)`.
                Some(client) if site.library.is_none() => Some(*client),
                _ => Some(*receiver),
            },
            ExprKind::Call { args, .. } => args.first().copied(),
            _ => None,
        });
        match client {
            Some(client) if site.library.is_none() => principal::assumed_roles(evaluator, id, client),
            _ => BTreeSet::new(),
        }
    }

    /// Calls that act under an assumed role are no need of the function's own.
    fn assumed_gap(&self, gap: &LocalGap, calls: &BTreeSet<String>) -> Gap {
        let calls: Vec<&str> = calls.iter().map(String::as_str).collect();
        Gap::new(
            "assumed-role",
            format!(
                "the role that is assumed here, not the function's own, needs {}",
                calls.join(", ")
            ),
        )
        .at(self.place(gap.span))
        .hint("see to it that the assumed role allows them; nothing is granted to the function for them")
    }

    /// Whether a comment settles a gap.
    fn is_settled(&self, gap: &Gap) -> bool {
        gap.location
            .as_ref()
            .is_some_and(|place| self.settled.contains(&(place.file.clone(), place.line)))
    }

    /// Every site of every fn, without paths and inputs.
    pub fn all_sites(&self) -> Vec<CallSite> {
        let mut sites: Vec<CallSite> = self
            .facts
            .iter()
            .flat_map(|facts| &facts.sites)
            .filter(|site| !self.is_said_to_be_nothing(site))
            .map(|site| self.call_site(site, Vec::new(), Inputs::new()))
            .collect();
        sites.sort_by(|a, b| (&a.location, a).cmp(&(&b.location, b)));
        sites.dedup();
        sites
    }

    fn place(&self, span: Span) -> Location {
        location(self.files, span)
    }

    fn call_site(&self, site: &Site, via: Vec<Frame>, inputs: Inputs) -> CallSite {
        let sdk = &self.world.sdks[site.sdk];
        let operation = sdk
            .service
            .and_then(|service| service.operation_of_method(&site.operation))
            .map_or_else(
                || {
                    let suffix = sdk.package.strip_prefix("aws-sdk-").unwrap_or(&sdk.package);
                    OperationId::new(suffix, pascal(&site.operation))
                },
                |operation| operation.id(),
            );
        CallSite {
            operation,
            crate_name: match (&site.library, &site.kind) {
                (Some(library), _) => library.to_string(),
                (None, SiteKind::Extension) => "parameters-and-secrets-extension".to_owned(),
                (None, _) => sdk.package.clone(),
            },
            method: site.method.to_string(),
            location: self.place(site.span),
            confidence: match site.kind {
                SiteKind::Typed | SiteKind::Library | SiteKind::Extension | SiteKind::Declared(_) => {
                    Confidence::High
                }
                SiteKind::Fingerprint => Confidence::Medium,
                SiteKind::NotInCatalogue => Confidence::Low,
            },
            via,
            inputs,
        }
    }

    /// Whether a comment says that a call is none, which only its shape speaks for.
    fn is_said_to_be_nothing(&self, site: &Site) -> bool {
        let place = || self.place(site.span);
        site.kind == SiteKind::Fingerprint && self.is_marked_nothing(&place())
    }

    fn is_marked_nothing(&self, place: &Location) -> bool {
        !self.nothing.is_empty() && self.nothing.contains(&(place.file.clone(), place.line))
    }

    fn site_gap(&self, site: &Site) -> Option<Gap> {
        let sdk = &self.world.sdks[site.sdk];
        let gap = match site.kind {
            SiteKind::Typed if self.is_marked_nothing(&self.place(site.span)) => Gap::new(
                "bad-comment",
                format!(
                    "`{}()` is surely an operation of `{}`, though the comment says `nothing`: it counts",
                    site.method, sdk.package
                ),
            )
            .hint("take the comment away"),
            SiteKind::Typed | SiteKind::Library | SiteKind::Extension | SiteKind::Declared(_) => return None,
            SiteKind::Fingerprint => Gap::new(
                "fingerprint-only",
                format!(
                    "`{}()` is taken for an operation of `{}` by the shape of its chain; the receiver's type is not known",
                    site.method, sdk.package
                ),
            )
            .hint("give the receiver a written type"),
            SiteKind::NotInCatalogue if sdk.service.is_none() => Gap::new(
                "unknown-service",
                format!("`{}` is not in the catalogue, so what `{}()` needs is not known", sdk.package, site.method),
            )
            .hint("use a newer catalogue, or declare the need in `rolefit.toml`"),
            SiteKind::NotInCatalogue => Gap::new(
                "unknown-operation",
                format!("`{}()` of `{}` is not in the catalogue", site.method, sdk.package),
            )
            .hint("use a newer catalogue, or declare the need in `rolefit.toml`"),
        };
        Some(gap.at(self.place(site.span)))
    }

    fn local_gap(&self, gap: &LocalGap) -> Gap {
        Gap {
            code: gap.code,
            message: gap.message.clone(),
            location: Some(self.place(gap.span)),
            hint: gap.hint.map(str::to_owned),
        }
    }

    /// The path from `main` to the call at `span` in `id`.
    fn via(&self, reach: &Reach, id: FnId, span: Span) -> Vec<Frame> {
        let steps = self.steps_to(reach, id).into_iter();
        steps
            .chain([(id, span)])
            .map(|(caller, span)| Frame {
                fn_name: self.world.display(caller),
                location: self.place(span),
            })
            .collect()
    }

    /// Sites that only calls on unknown receivers could reach.
    fn weak_gaps(&self, reach: &Reach, gaps: &mut Vec<Gap>) {
        for (id, call) in &reach.weak {
            let Some(facts) = self.facts.get(id.0 as usize) else {
                continue;
            };
            let target = match call.target == *id {
                true => "it".to_owned(),
                false => format!("`{}`", self.world.display(call.target)),
            };
            for site in &facts.sites {
                let found = self.call_site(site, Vec::new(), Inputs::new());
                gaps.push(
                    Gap::new(
                        "weak-edge",
                        format!(
                            "{} in `{}` ({}) is reached only if the call in `{}` means {target}",
                            found.operation,
                            self.world.display(*id),
                            found.location,
                            self.world.display(call.caller),
                        ),
                    )
                    .at(self.place(call.span))
                    .hint("give the receiver a written type, or say `// rolefit: nothing` above"),
                );
            }
        }
    }

    fn other_gaps(&self, binary: &BinaryId, krate: CrateId, reach: &Reach, gaps: &mut Vec<Gap>) {
        if reach.no_main {
            gaps.push(
                Gap::new(
                    "no-main",
                    format!(
                        "`{}` has no `main` that can be seen: all of its code counts as reachable",
                        binary.binary
                    ),
                )
                .at(Location::new(&binary.entry, 1, 1)),
            );
        }
        for (of_trait, name, caller, span) in &reach.without_impl {
            gaps.push(
                Gap::new(
                    "no-implementation",
                    format!(
                        "`{}` calls `{}::{name}`, but nothing that this binary constructs implements it",
                        self.world.display(*caller),
                        self.world.traits[*of_trait].name,
                    ),
                )
                .at(self.place(*span)),
            );
        }
        self.opaque_gaps(krate, gaps);
    }

    /// Macros that may hide calls: something in their tokens looks like an operation of the SDK crates in sight. Code
    /// that is put in by `include!` and not read is told once for each package that can name an SDK crate.
    fn opaque_gaps(&self, krate: CrateId, gaps: &mut Vec<Gap>) {
        let package = self.world.package_of(krate);
        let Some(data) = self.world.packages.get(package) else {
            return;
        };
        let mut included: BTreeMap<usize, Vec<Location>> = BTreeMap::new();
        for opaque in self.opaque {
            let owner = self
                .files
                .files
                .get(opaque.span.file as usize)
                .map(|file| file.package)
                .filter(|owner| data.closure.contains(owner));
            let Some((owner, owned)) = owner.and_then(|at| Some((at, self.world.packages.get(at)?))) else {
                continue;
            };
            if owned.sdks.is_empty() {
                continue;
            }
            if &*opaque.name == "include" {
                if self.harmless_builds.contains(&owner) {
                    continue;
                }
                included.entry(owner).or_default().push(self.place(opaque.span));
                continue;
            }
            let hidden = opaque.calls.iter().find(|name| {
                owned.sdks.iter().any(|sdk| {
                    self.world.sdks[*sdk]
                        .service
                        .is_some_and(|service| service.operation_of_method(name).is_some())
                })
            });
            if let Some(name) = hidden {
                gaps.push(
                    Gap::new(
                        "opaque-macro",
                        format!(
                            "`{}!` could not be read, and `{name}()` in it may be an operation",
                            opaque.name
                        ),
                    )
                    .at(self.place(opaque.span))
                    .hint("declare the need in `rolefit.toml`"),
                );
            }
        }
        for mut places in included.into_values() {
            places.sort();
            places.dedup();
            let more = match places.len() {
                0 | 1 => String::new(),
                several => format!(", nor are {} more in this package", several - 1),
            };
            let message = format!("code that `include!` brings in from a build script is not read{more}");
            let gap = Gap::new("generated-code", message).hint("declare what it calls in `rolefit.toml`");
            gaps.extend(places.into_iter().next().map(|place| gap.at(place)));
        }
    }
}

/// `put_item` as `PutItem`.
fn pascal(method: &str) -> String {
    method
        .split('_')
        .map(|word| {
            let mut chars = word.chars();
            chars
                .next()
                .map(|first| first.to_uppercase().collect::<String>() + chars.as_str())
                .unwrap_or_default()
        })
        .collect()
}
