//! Decides a request: which policies speak of it, and what comes out when their layers are put together.
//!
//! [`evaluate`] is the whole decision of AWS for one request; [`layer`] is what the policies of one layer say by
//! themselves. Nothing here knows AWS's actions, and nothing is shared with [`crate::iam::arn`] or
//! [`crate::iam::action`] but texts: the matching is this module's own, so that it can contradict the others.
//!
//! Phases: who calls ([`principal`]) → which statements apply ([`statement`]: action, [`resource`], [`condition`], with
//! [`text`] below all) → what each layer says → the decision.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html>

mod condition;
mod principal;
mod resource;
pub(crate) mod scalar;
mod statement;
mod text;

use super::policy::{Effect, Policy, PolicyKind, Statement};
use super::request::Request;
use principal::{Caller, Directness, is_account};
use statement::Reader;

/// Everything that is attached around a request.
#[derive(Clone, Copy, Debug, Default)]
pub struct Layers<'a> {
    /// Policies of the caller: managed and inline, its groups' included.
    pub identity: &'a [Policy],
    /// The permissions boundary; none when empty.
    pub boundary: &'a [Policy],
    /// Policies passed with the session; none when empty.
    pub session: &'a [Policy],
    /// Service control policies, a list for each level (root, organisational units, account) of the caller's account.
    pub scp: &'a [Vec<Policy>],
    /// Resource control policies, likewise, of the resource's account. `RCPFullAWSAccess`, which is always attached, may
    /// be left out.
    pub rcp: &'a [Vec<Policy>],
    /// The resource's own policy; its [`PolicyKind::Trust`] makes it a trust policy.
    pub resource: Option<&'a Policy>,
}

/// What comes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Decision {
    /// It goes through.
    Allowed,
    /// Nothing allows it.
    ImplicitDeny,
    /// A statement denies it.
    ExplicitDeny,
}

impl Decision {
    /// The word of the machine interfaces: `allowed`, `implicit-deny`, `explicit-deny`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::ImplicitDeny => "implicit-deny",
            Self::ExplicitDeny => "explicit-deny",
        }
    }
}

/// Where policies are attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Layer {
    /// Service control policies.
    Scp,
    /// Resource control policies.
    Rcp,
    /// The resource's own policy.
    Resource,
    /// The caller's policies.
    Identity,
    /// The permissions boundary.
    Boundary,
    /// Session policies.
    Session,
}

impl Layer {
    /// The word of the machine interfaces, such as `identity`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Scp => "scp",
            Self::Rcp => "rcp",
            Self::Resource => "resource-policy",
            Self::Identity => "identity",
            Self::Boundary => "boundary",
            Self::Session => "session",
        }
    }
}

/// Names one statement of one layer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StatementRef {
    /// The layer.
    pub layer: Layer,
    /// The level, from 0, of an organisation's layer.
    pub level: Option<usize>,
    /// Which policy of the layer (or level), from 0.
    pub policy: usize,
    /// Which statement of the policy, from 0.
    pub statement: usize,
    /// Its `Sid`.
    pub sid: Option<String>,
}

/// What the policies of one layer say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Voice {
    /// A statement denies.
    Denies(StatementRef),
    /// A statement allows, and none denies.
    Allows(StatementRef),
    /// No statement applies.
    Silent,
}

/// What decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deciding {
    /// This statement allows, or denies.
    Statement(StatementRef),
    /// This layer would have had to allow; with the level for an organisation's layer.
    Silence(Layer, Option<usize>),
    /// The caller is its account's root user, whom nothing limits.
    RootUser,
}

/// The decision and how it came about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The decision.
    pub decision: Decision,
    /// What decided it.
    pub because: Deciding,
    /// What every layer that is attached says, in the order of [`Layer`]; one entry a level for organisations.
    pub voices: Vec<(Layer, Option<usize>, Voice)>,
}

/// What one layer's policies say of a request by themselves, as if nothing else were attached: no other account's
/// consent, no key policy and no boundary is asked for. Principals count where statements name them. With several
/// statements that decide alike, the first is given.
pub fn layer(request: &Request, layer: Layer, policies: &[Policy]) -> Voice {
    let of_caller = !matches!(layer, Layer::Resource | Layer::Rcp);
    let caller = Caller::of(request.principal.as_deref(), of_caller);
    listen(
        &Reader {
            request,
            caller: &caller,
            bounded: false,
        },
        layer,
        None,
        policies,
    )
    .voice
}

/// Whether a statement's `Action` or `NotAction` speaks of an action, whatever the rest of it says.
pub fn concerns(statement: &Statement, action: &str) -> bool {
    statement::acts(&statement.actions, action)
}

/// Decides a request.
///
/// A caller and a resource of different accounts need the consent of both sides. The resource's account is
/// [`Request::resource_account`] or what its ARN says; when neither tells, it is the caller's. A request without a
/// principal is anonymous, unless there are identity policies: then it is made by a principal of the resource's account
/// that no policy names. A KMS key or a role to assume must allow by its own policy; without one nothing is allowed.
pub fn evaluate(request: &Request, layers: &Layers<'_>) -> Outcome {
    let caller = Caller::of(request.principal.as_deref(), !layers.identity.is_empty());
    let reader = Reader {
        request,
        caller: &caller,
        bounded: !layers.boundary.is_empty(),
    };
    let heard = Heard::all(&reader, layers);
    let voices = heard.voices();
    let denied = voices.iter().find_map(|(_, _, voice)| match voice {
        Voice::Denies(statement) => Some(statement.clone()),
        _ => None,
    });
    let (decision, because) = match denied {
        Some(statement) => (Decision::ExplicitDeny, Deciding::Statement(statement)),
        None => match consent(&reader, layers, &heard) {
            Ok(because) => (Decision::Allowed, because),
            Err((layer, level)) => (Decision::ImplicitDeny, Deciding::Silence(layer, level)),
        },
    };
    Outcome {
        decision,
        because,
        voices,
    }
}

/// One layer's say, with how directly its allowing statements speak of the caller.
struct Said {
    voice: Voice,
    /// The most direct allowing statement of a resource policy.
    allowed: Option<(Directness, StatementRef)>,
    /// Whether any statement has the effect `Allow`, applying or not.
    can_allow: bool,
}

impl Said {
    fn allows(&self) -> bool {
        matches!(self.voice, Voice::Allows(_))
    }
}

/// What everything that is attached says.
struct Heard {
    scp: Vec<Said>,
    rcp: Vec<Said>,
    resource: Option<Said>,
    identity: Option<Said>,
    boundary: Option<Said>,
    session: Option<Said>,
}

impl Heard {
    fn all(reader: &Reader<'_>, layers: &Layers<'_>) -> Self {
        let levels = |layer: Layer, levels: &[Vec<Policy>], apply: bool| -> Vec<Said> {
            let applying = levels.iter().enumerate().filter(|_| apply);
            applying
                .map(|(level, policies)| listen(reader, layer, Some(level), policies))
                .collect()
        };
        let own = reader.caller.has_identity();
        let one = |layer: Layer, policies: &[Policy]| {
            (own && !policies.is_empty()).then(|| listen(reader, layer, None, policies))
        };
        let organised = !reader.caller.is_service_linked();
        Self {
            scp: levels(Layer::Scp, layers.scp, organised && own),
            rcp: levels(Layer::Rcp, layers.rcp, organised),
            resource: layers
                .resource
                .map(|policy| listen(reader, Layer::Resource, None, std::slice::from_ref(policy))),
            identity: one(Layer::Identity, layers.identity),
            boundary: one(Layer::Boundary, layers.boundary),
            session: one(Layer::Session, layers.session),
        }
    }

    fn voices(&self) -> Vec<(Layer, Option<usize>, Voice)> {
        let levels = |layer: Layer, said: &[Said]| -> Vec<(Layer, Option<usize>, Voice)> {
            let numbered = said.iter().enumerate();
            numbered
                .map(|(level, said)| (layer, Some(level), said.voice.clone()))
                .collect()
        };
        let mut voices = levels(Layer::Scp, &self.scp);
        voices.extend(levels(Layer::Rcp, &self.rcp));
        for (layer, said) in [
            (Layer::Resource, &self.resource),
            (Layer::Identity, &self.identity),
            (Layer::Boundary, &self.boundary),
            (Layer::Session, &self.session),
        ] {
            voices.extend(said.iter().map(|said| (layer, None, said.voice.clone())));
        }
        voices
    }
}

/// Reads the statements of one layer.
fn listen(reader: &Reader<'_>, layer: Layer, level: Option<usize>, policies: &[Policy]) -> Said {
    let mut denied = None;
    let mut allowed: Option<(Directness, StatementRef)> = None;
    let mut can_allow = false;
    let statements = policies.iter().enumerate().flat_map(|(policy, document)| {
        document
            .statements
            .iter()
            .enumerate()
            .map(move |(index, statement)| (policy, index, statement))
    });
    for (policy, index, statement) in statements {
        can_allow |= statement.effect == Effect::Allow;
        let Some(directness) = reader.applies(statement, layer) else {
            continue;
        };
        let reference = StatementRef {
            layer,
            level,
            policy,
            statement: index,
            sid: statement.sid.clone(),
        };
        match statement.effect {
            Effect::Deny => {
                denied.get_or_insert(reference);
            }
            Effect::Allow if allowed.as_ref().is_none_or(|(best, _)| directness > *best) => {
                allowed = Some((directness, reference));
            }
            Effect::Allow => {}
        }
    }
    let voice = match (denied, &allowed) {
        (Some(statement), _) => Voice::Denies(statement),
        (None, Some((_, statement))) => Voice::Allows(statement.clone()),
        (None, None) => Voice::Silent,
    };
    Said {
        voice,
        allowed,
        can_allow,
    }
}

/// A layer that would have had to allow.
type Lacking = (Layer, Option<usize>);

/// Whether everything that must allow does, once it is known that nothing denies.
fn consent(reader: &Reader<'_>, layers: &Layers<'_>, heard: &Heard) -> Result<Deciding, Lacking> {
    for (level, said) in heard.scp.iter().enumerate() {
        if !said.allows() {
            return Err((Layer::Scp, Some(level)));
        }
    }
    for (level, said) in heard.rcp.iter().enumerate() {
        if said.can_allow && !said.allows() {
            return Err((Layer::Rcp, Some(level)));
        }
    }
    let resource = heard.resource.as_ref().and_then(|said| said.allowed.clone());
    if !reader.caller.has_identity() {
        let (directness, statement) = resource.ok_or((Layer::Resource, None))?;
        return match directness {
            Directness::Account => Err((Layer::Identity, None)),
            _ => Ok(Deciding::Statement(statement)),
        };
    }
    if crosses_accounts(reader) {
        let (_, statement) = resource.ok_or((Layer::Resource, None))?;
        identity(reader, heard)?;
        limits(reader, heard)?;
        return Ok(Deciding::Statement(statement));
    }
    let own_consent_needed = rules_alone(reader.request, layers);
    match resource {
        Some((Directness::Itself, statement)) => Ok(Deciding::Statement(statement)),
        Some((Directness::Role, statement)) => limits(reader, heard).map(|()| Deciding::Statement(statement)),
        None if own_consent_needed => Err((Layer::Resource, None)),
        Some((Directness::Account, _)) | None => {
            let because = identity(reader, heard)?;
            limits(reader, heard)?;
            Ok(because)
        }
    }
}

/// The caller's own policies allow.
fn identity(reader: &Reader<'_>, heard: &Heard) -> Result<Deciding, Lacking> {
    match &heard.identity {
        Some(Said {
            voice: Voice::Allows(statement),
            ..
        }) => Ok(Deciding::Statement(statement.clone())),
        _ if reader.caller.is_root() => Ok(Deciding::RootUser),
        _ => Err((Layer::Identity, None)),
    }
}

/// Boundary and session policies allow, where they are set.
fn limits(reader: &Reader<'_>, heard: &Heard) -> Result<(), Lacking> {
    for (layer, said) in [
        (Layer::Boundary, &heard.boundary),
        (Layer::Session, &heard.session),
    ] {
        if said.as_ref().is_some_and(|said| !said.allows()) {
            return Err((layer, None));
        }
    }
    if reader.caller.needs_session_policy() && heard.session.is_none() {
        return Err((Layer::Session, None));
    }
    Ok(())
}

fn crosses_accounts(reader: &Reader<'_>) -> bool {
    let Some(caller) = reader.caller.account() else {
        return false;
    };
    owner(reader.request).is_some_and(|owner| owner != caller)
}

/// The account that owns the resource, as far as the request tells.
fn owner(request: &Request) -> Option<&str> {
    if let Some(account) = &request.resource_account {
        return Some(account);
    }
    request
        .resource
        .split(':')
        .nth(4)
        .filter(|field| is_account(field))
}

/// Whether the resource's own policy must allow, even for callers of its account: trust policies and the policies of
/// KMS keys.
/// <https://docs.aws.amazon.com/kms/latest/developerguide/key-policies.html>
fn rules_alone(request: &Request, layers: &Layers<'_>) -> bool {
    let mut fields = request.resource.splitn(6, ':').skip(2);
    let (service, own) = (
        fields.next().unwrap_or_default(),
        fields.nth(2).unwrap_or_default(),
    );
    let action = request.action.to_ascii_lowercase();
    let is_trust = layers
        .resource
        .is_some_and(|policy| policy.kind == PolicyKind::Trust);
    let assumes = action.starts_with("sts:") && service == "iam" && own.starts_with("role/");
    let uses_key = action.starts_with("kms:") && service == "kms" && own.starts_with("key/");
    is_trust || assumes || uses_key
}

#[cfg(test)]
mod tests;
