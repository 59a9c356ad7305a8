//! Everything that a command looks at, read before any judgement: configuration, packages, stacks, code, trail.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::args::Project;
use super::{account, approved, concern, guards, progress, sources};
use crate::catalog::Catalog;
use crate::catalog::template::Template;
use crate::config::{self, Config, NeedPolicy, Sought};
use crate::gate::creep::Approved;
use crate::report::scan::Scanned;
use crate::scan::{self, Deployed, EntryScan, Scan, ScanOptions};
use crate::synth::{self, Surroundings};
use crate::trail::{self, KnownFunction, NamePattern, Trail};
use crate::usage::{CallSite, Gap};
use crate::workspace::cargo::{CargoPackage, CargoTree, TargetKind};
use crate::workspace::deploy::account::join;
use crate::workspace::link::{self, Statements};
use crate::workspace::model::{Binary, Function, Package, Stack, Workspace};
use crate::workspace::{artefacts, bounds, cargo, deploy, registry};

/// Everything that was read, before any judgement.
#[derive(Debug)]
pub struct Inputs {
    root: PathBuf,
    /// The folder that all of the project lies in.
    boundary: PathBuf,
    pub(super) catalog: &'static Catalog,
    /// The policy templates in force.
    templates: Vec<Template>,
    /// The team's configuration.
    pub config: Config,
    /// Packages, stacks, functions.
    pub workspace: Workspace,
    tree: CargoTree,
    scan: Scan,
    /// Scans of binaries that are built with features of their own, by function.
    own: BTreeMap<String, EntryScan>,
    /// What CloudTrail recorded, if a trail was named.
    pub trail: Option<Trail>,
    /// The functions that were asked for by name.
    pub(super) chosen: Vec<String>,
    /// The policies beside the roles that are stated.
    pub(super) guards: Vec<guards::Stated>,
    /// The grants that were approved, if there is a lock or a base.
    pub approved: Option<Approved>,
}

/// Reads the project and, if one is named, the trail.
pub fn read(project: &Project) -> anyhow::Result<Inputs> {
    let mut inputs = read_code(project, false)?;
    inputs.approved = approved::lock(&inputs.root, &inputs.config)?;
    let trail = match (&project.usage, &inputs.config.observe.usage) {
        (Some(path), _) => Some(path.clone()),
        (None, Some(path)) => Some(inputs.config.path(path)),
        (None, None) => None,
    };
    let by_trail = matches!(
        inputs.config.synthesis.need,
        NeedPolicy::Observed | NeedPolicy::CodeAndObserved
    );
    anyhow::ensure!(
        trail.is_some() || !by_trail,
        "`synthesis.need` asks for what was observed, and no trail is named: give `--usage`, or `[observe] usage`"
    );
    if let Some(path) = trail {
        anyhow::ensure!(path.exists(), "no trail at `{}`", path.display());
        progress::phase("reading CloudTrail");
        inputs.trail = Some(trail::open(
            &path,
            inputs.catalog,
            &known_functions(&inputs.workspace),
            rayon::current_num_threads(),
        )?);
        if let Some(trail) = &mut inputs.trail {
            trail.enough_days = inputs.config.observe.min_days;
        }
    }
    Ok(inputs)
}

/// Reads the project without the trail.
pub fn read_code(project: &Project, all: bool) -> anyhow::Result<Inputs> {
    let root = project.path.clone();
    anyhow::ensure!(root.is_dir(), "`{}` is not a folder", root.display());
    let sought = match (project.settings.no_config, &project.settings.config) {
        (true, _) => Sought::Nowhere,
        (false, Some(file)) => Sought::File(file),
        (false, None) => Sought::Found,
    };
    let config = config::read(&root, sought)?;
    let guards = guards::read(&config)?;
    let templates = super::templates::in_force(&config, &project.settings.templates)?;
    let catalog = catalog(project.settings.catalog.as_deref())?;
    progress::phase("reading packages and stack templates");
    let mut tree = cargo::read(&root);
    if project.settings.features.registry_sources || config.registry_sources {
        registry::add(
            &root,
            &mut tree,
            cargo_home().as_deref(),
            &scan::is_known_without_source,
        );
    }
    let managed = |name: &str| catalog.managed_policy(name).map(|policy| policy.document_json);
    let mut deployments = deploy::read_stages(&root, &managed, &sources::stages(&config, &root)?);
    sources::apply(&mut deployments, &config, &root)?;
    let below = manifest_folder(&root, &config)?;
    let packages: Vec<Package> = tree
        .packages
        .iter()
        .filter(|package| {
            !package.outside && below.as_deref().is_none_or(|below| lies_in(&package.dir, below))
        })
        .map(|package| self::package(package, all))
        .collect();
    artefacts::compare(&root, &mut deployments, &packages);
    let cargo_lambda = deploy::cargo_lambda::read(&root, &packages);
    let statements = Statements {
        explicit: config.links(),
        cargo_metadata: cargo_lambda.names.clone(),
    };
    let mut account = account::read(
        project,
        &account::Described {
            root: &root,
            dumps: sources::dumps(&config),
            packages: &packages,
            deployments: &deployments,
            statements: &statements,
            managed: &managed,
        },
    )?;
    deployments.gaps.append(&mut account.gaps);
    let of_account = std::mem::take(&mut account.functions);
    let joined = join(
        &mut deployments,
        of_account,
        account.current,
        &synth::recognise::recognise,
    );
    let mut workspace = link::link(deployments, &packages, &statements);
    joined.tidy(&mut workspace);
    cargo_lambda.apply(&mut workspace);
    let options = ScanOptions {
        threads: Some(rayon::current_num_threads()),
        examples: all,
        features: config
            .features
            .features
            .iter()
            .chain(&project.settings.features.features)
            .cloned()
            .collect(),
        all_features: config.features.all_features || project.settings.features.all_features,
        no_default_features: config.features.no_default_features
            || project.settings.features.no_default_features,
        deployed: deployed(&workspace),
    };
    progress::phase("scanning code");
    let scan = scan::scan(&root, &tree, catalog, &options);
    let own = with_own_features(&config, &workspace, &options, &|options| {
        scan::scan(&root, &tree, catalog, options)
    });
    let mut inputs = Inputs {
        boundary: bounds::boundary(&root),
        root,
        catalog,
        config,
        workspace,
        tree,
        scan,
        own,
        trail: None,
        templates: templates.into_templates(),
        chosen: project.functions.clone(),
        guards,
        approved: None,
    };
    let manifests = std::mem::take(&mut inputs.tree.gaps);
    inputs.workspace.gaps.extend(manifests);
    inputs.choose(&project.functions)?;
    account::read_other_roles(&mut account, project, &mut inputs.workspace, &managed)?;
    Ok(inputs)
}

/// The folder in which Cargo keeps what it fetched.
fn cargo_home() -> Option<PathBuf> {
    let stated = std::env::var_os("CARGO_HOME").filter(|home| !home.is_empty());
    stated
        .map(PathBuf::from)
        .or_else(|| std::env::home_dir().map(|home| home.join(".cargo")))
}

/// The folder of `workspace.manifest`, relative to the scanned root.
fn manifest_folder(root: &Path, config: &Config) -> anyhow::Result<Option<String>> {
    let Some(stated) = &config.manifest else {
        return Ok(None);
    };
    let (at, manifest) = (&stated.location, &stated.value);
    let path = config.path(manifest);
    anyhow::ensure!(path.is_file(), "{at}: there is no manifest `{manifest}`");
    let (whole, root) = (path.canonicalize()?, root.canonicalize()?);
    let inner = whole
        .parent()
        .and_then(|folder| folder.strip_prefix(&root).ok())
        .with_context(|| format!("{at}: `{manifest}` lies outside of the scanned folder"))?;
    Ok(Some(inner.to_string_lossy().replace('\\', "/")))
}

/// Whether a folder is another or lies in it; everything lies in the root.
fn lies_in(folder: &str, outer: &str) -> bool {
    outer.is_empty()
        || folder
            .strip_prefix(outer)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Reads the binaries of functions that are built with features of their own once more, with those.
fn with_own_features(
    config: &Config,
    workspace: &Workspace,
    options: &ScanOptions,
    scan: &dyn Fn(&ScanOptions) -> Scan,
) -> BTreeMap<String, EntryScan> {
    let mut own = BTreeMap::new();
    for settings in config.functions.iter().filter(|one| !one.features.is_empty()) {
        let is_meant = |function: &&Function| {
            function.name == settings.function || function.deployed_name == settings.function
        };
        let Some(function) = workspace.functions.iter().find(is_meant) else {
            continue;
        };
        let features = options.features.union(&settings.features).cloned().collect();
        let mut scanned = scan(&ScanOptions {
            features,
            ..options.clone()
        });
        let separated = scanned.separated.remove(&deployed_id(function));
        let mut entries = scanned.entries.into_iter();
        let entry =
            separated.or_else(|| entries.find(|entry| Some(&entry.binary) == function.binary.as_ref()));
        own.extend(entry.map(|entry| (function.name.clone(), entry)));
    }
    own
}

/// What tells a function from those of the same name in other templates.
fn deployed_id(function: &Function) -> String {
    format!("{}#{}", function.location, function.name)
}

/// The functions as the scanner needs to know them: what they run, and what is set in their environment.
fn deployed(workspace: &Workspace) -> Vec<Deployed> {
    let plain = |text: &str| (!text.contains("${")).then(|| text.to_owned());
    workspace
        .functions
        .iter()
        .filter(|function| function.stack.is_some())
        .filter_map(|function| {
            let set = function.env.iter();
            let mut variables: BTreeMap<String, String> = set
                .filter_map(|(name, value)| Some((name.clone(), plain(&value.text)?)))
                .collect();
            let handler = function.code.handler.as_deref().and_then(plain);
            variables.extend(handler.map(|handler| ("_HANDLER".to_owned(), handler)));
            Some(Deployed {
                id: deployed_id(function),
                name: function.name.clone(),
                file: function.location.file.clone(),
                binary: function.binary.clone()?,
                variables,
            })
        })
        .collect()
}

/// What links need to know of a package.
fn package(package: &CargoPackage, examples: bool) -> Package {
    let wanted = |kind| kind == TargetKind::Bin || (examples && kind == TargetKind::Example);
    let mut binaries: Vec<Binary> = package
        .targets
        .iter()
        .filter(|target| wanted(target.kind))
        .map(|target| Binary {
            name: target.name.clone(),
            entry: target.path.clone(),
        })
        .collect();
    binaries.sort();
    Package {
        name: package.name.clone(),
        dir: package.dir.clone(),
        binaries,
    }
}

pub(super) fn catalog(file: Option<&Path>) -> anyhow::Result<&'static Catalog> {
    let Some(file) = file else {
        return Ok(Catalog::embedded());
    };
    let bytes = std::fs::read(file).with_context(|| format!("cannot read `{}`", file.display()))?;
    let catalog = Catalog::from_bytes(bytes).with_context(|| format!("`{}`", file.display()))?;
    Ok(Box::leak(Box::new(catalog)))
}

/// Whether a function may be deployed under a name.
pub fn is_deployed_as(function: &Function, name: &str) -> bool {
    NamePattern::of_stack_text(&function.deployed_name).matches(name)
}

fn known_functions(workspace: &Workspace) -> Vec<KnownFunction> {
    let role = |function: &Function| {
        function
            .role
            .as_ref()
            .map(|role| NamePattern::of_stack_text(&format!("${{{}}}", role.id)))
    };
    workspace
        .functions
        .iter()
        .map(|function| KnownFunction {
            name: function.name.clone(),
            deployed: NamePattern::of_stack_text(&function.deployed_name),
            role: role(function),
        })
        .collect()
}

impl Inputs {
    /// The catalogue in use.
    pub fn catalog(&self) -> &'static Catalog {
        self.catalog
    }

    /// What a report about all of it is called: the name of the scanned folder.
    pub fn title(&self) -> String {
        let whole = self.root.canonicalize().unwrap_or_else(|_| self.root.clone());
        whole.file_name().map_or_else(
            || "rolefit".to_owned(),
            |name| name.to_string_lossy().into_owned(),
        )
    }

    /// The text of a file of the project, to be shown; `None` for what lies outside of it.
    pub fn source(&self, file: &str) -> Option<String> {
        let path = self.root.join(file);
        let shown = bounds::is_inside(&self.boundary, &path);
        shown.then(|| std::fs::read_to_string(path).ok()).flatten()
    }

    /// Keeps only the functions that were asked for.
    fn choose(&mut self, names: &[String]) -> anyhow::Result<()> {
        if names.is_empty() {
            return Ok(());
        }
        let named = |function: &Function, name: &str| {
            let in_stack = name
                .strip_prefix(&function.location.file)
                .and_then(|rest| rest.strip_prefix('#'));
            function.name == name
                || in_stack == Some(function.name.as_str())
                || function.deployed_name == name
                || function
                    .binary
                    .as_ref()
                    .is_some_and(|binary| binary.binary == name)
        };
        for name in names {
            if !self
                .workspace
                .functions
                .iter()
                .any(|function| named(function, name))
            {
                let known: Vec<&str> = self
                    .workspace
                    .functions
                    .iter()
                    .map(|function| function.name.as_str())
                    .collect();
                anyhow::bail!("no function `{name}`; found: {}", known.join(", "));
            }
        }
        self.workspace
            .functions
            .retain(|function| names.iter().any(|name| named(function, name)));
        Ok(())
    }

    /// Source files of the code that was read.
    pub fn code_files(&self) -> &[String] {
        &self.scan.files_read
    }

    /// The scanned folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn entry(&self, function: &Function) -> Option<&EntryScan> {
        if let Some(own) = self.own.get(&function.name) {
            return Some(own);
        }
        let binary = function.binary.as_ref()?;
        let separated = self.scan.separated.get(&deployed_id(function));
        separated.or_else(|| self.scan.entries.iter().find(|entry| entry.binary == *binary))
    }

    /// What the scan found, function by function.
    pub fn scanned<'a>(&'a self) -> Vec<Scanned<'a>> {
        let scanned = |function: &'a Function| Scanned {
            name: &function.name,
            binary: function.binary.as_ref(),
            calls: self.calls(function),
            gaps: self.gaps_of(function),
        };
        self.workspace.functions.iter().map(scanned).collect()
    }

    pub(super) fn calls(&self, function: &Function) -> &[CallSite] {
        self.entry(function).map_or(&[], |entry| &entry.call_sites)
    }

    /// Calls that no function reaches, sorted by place.
    pub fn unreached(&self) -> Vec<&CallSite> {
        self.scan.unreached()
    }

    /// What could not be settled of one function: on the way from its entry, and elsewhere in the project.
    pub(super) fn gaps_of(&self, function: &Function) -> Vec<Gap> {
        let own = self.entry(function).into_iter().flat_map(|entry| &entry.gaps);
        let all = self.workspace.gaps.iter().chain(&self.scan.gaps);
        let mut gaps: Vec<Gap> = own
            .chain(all.filter(|gap| concern::concerns(gap, function, &self.tree)))
            .cloned()
            .collect();
        gaps.sort();
        gaps.dedup();
        gaps
    }

    /// The stack that a function stands in.
    pub fn stack_of(&self, function: &Function) -> Option<&Stack> {
        function.stack.and_then(|index| self.workspace.stacks.get(index))
    }

    /// Where a function's values come from.
    pub(super) fn around<'a>(&'a self, function: &'a Function) -> Surroundings<'a> {
        Surroundings {
            function,
            stack: self.stack_of(function),
            templates: &self.templates,
        }
    }

    /// What could not be read of a function's role, so that it may allow more than its statements say.
    pub fn gaps_of_role(&self, function: &Function) -> Vec<Gap> {
        const OF_ROLES: [&str; 8] = [
            "unreadable-policy",
            "unresolved-policy",
            "unknown-managed-policy",
            "unknown-policy-template",
            "unknown-connector",
            "opaque-expression",
            "role-not-in-stack",
            "unread-module",
        ];
        let mut gaps = self.gaps_of(function);
        gaps.retain(|gap| OF_ROLES.contains(&gap.code));
        gaps
    }

    /// What could not be read of the trail.
    pub fn trail_gaps(&self) -> Vec<Gap> {
        let mut gaps: Vec<Gap> = self
            .trail
            .iter()
            .flat_map(|trail| trail.gaps.iter().cloned())
            .collect();
        gaps.extend(self.trail.as_ref().filter(|trail| trail.events == 0).map(|_| {
            Gap::new(
                "empty-trail",
                "the trail that was named holds no CloudTrail event",
            )
            .hint("give a folder of trail objects, or leave `--usage` out")
        }));
        gaps
    }

    /// Gaps that concern no single function. When only some functions were asked for, those of the trail are left.
    pub fn common_gaps(&self) -> Vec<Gap> {
        let of_some = |gap: &&Gap| {
            self.workspace
                .functions
                .iter()
                .any(|function| concern::concerns(gap, function, &self.tree))
        };
        let all = self.workspace.gaps.iter().chain(&self.scan.gaps);
        let mut gaps: Vec<Gap> = all
            .filter(|gap| self.chosen.is_empty() && !of_some(gap))
            .cloned()
            .collect();
        gaps.extend(self.trail_gaps());
        gaps.sort();
        gaps.dedup();
        gaps
    }

    /// Whether a stack template could not be read, so that its functions are not in the report.
    pub fn lacks_a_template(&self) -> bool {
        self.workspace
            .gaps
            .iter()
            .any(|gap| gap.code == "unreadable-stack-template")
    }
}
