//! What is kept of calls that are alike, as plain data: the form of the store's rows and of `usage.json`.
//!
//! Rows come before attribution: they say which role session called, not which function, and what CloudTrail called the
//! event. A newer catalogue or another list of functions is applied when rows are read.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::iam::action::Action;
use crate::trail::attribute::{RoleKey, Session, Who};
use crate::trail::classify::{Class, Platform};
use crate::trail::denial::Denial;
use crate::trail::distinct::{Distinct, OF_A_CELL};
use crate::trail::fold::GroupKey;
use crate::trail::group::{Cell, Seen};
use crate::trail::samples::{EventId, Samples};
use crate::trail::sketch::Sketch;
use crate::trail::time::{Days, Span, Time};
use crate::usage::OperationId;

/// Who called: a session of a role.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct SessionRow {
    /// The account of the role.
    pub account: String,
    /// The role's name, without its path.
    pub role: String,
    /// The role's unique id, `AROA…`.
    pub role_id: String,
    /// The function that the records name; null for records that name none.
    pub function: Option<String>,
    /// The session's name; empty where `function` is known, or where it can be no function's.
    pub session: String,
    /// A hash of the session's access key; `*` where a session had very many.
    pub access_key: String,
}

/// What was called, and by whom.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct CallRow {
    /// `call`, `forward-access`, `environment`, `logs`, `role-check`, `poller` or `network`.
    pub class: String,
    /// For forward access the service that called.
    pub via: String,
    /// Whether the calls were refused.
    pub denied: bool,
    /// For refused calls the action that AWS names; empty if it names none.
    pub denied_action: String,
    /// For refused calls the kind of policy that AWS names; empty if it names none.
    pub denied_policy: String,
    /// For refused calls whether a statement denied them.
    pub denied_explicitly: bool,
    /// As recorded, such as `dynamodb.amazonaws.com`.
    pub event_source: String,
    /// As recorded, such as `UpdateFunctionCode20150331v2`.
    pub event_name: String,
    /// The operation that the catalogue knew for it when the event was read; empty for none.
    pub operation: String,
    /// The region of the calls.
    pub region: String,
    /// Whether these are data events.
    pub data_event: bool,
}

/// A set of texts; see [`Sketch`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum TextsRow {
    /// The texts, all of them.
    Exact(BTreeSet<String>),
    /// Texts that were too many, or of which only the beginning is recorded.
    Cut {
        /// At which depth they are cut: 9 is not at all, 0 leaves the common beginning.
        level: u8,
        /// The beginning, whether more follows, and what all of them end with.
        texts: BTreeSet<(String, bool, String)>,
    },
}

/// The values of one member of the inputs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SeenRow {
    /// The values.
    pub values: TextsRow,
    /// Whether it was also set to something that the record hides.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hidden: bool,
}

/// What is kept of calls that are alike and concern the same resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CellRow {
    /// The names of the resource by which these calls are kept apart; null where there were too many.
    pub apart_by: Option<Vec<(String, String)>>,
    /// How many different events; an estimate beyond 255.
    pub count: u64,
    /// Time of the first one; null if no record tells.
    pub first: Option<String>,
    /// Time of the last one.
    pub last: Option<String>,
    /// The days with events, by month, a bit for each day: `2026-11` → 1 for the first day, 2 for the second, 4 …
    pub days: BTreeMap<String, u32>,
    /// Whether any call succeeded.
    pub succeeded: bool,
    /// The error codes seen.
    pub errors: BTreeSet<String>,
    /// The versions of the function.
    pub versions: BTreeSet<String>,
    /// The ARNs that the records name, by the type they give.
    pub resources: BTreeMap<String, TextsRow>,
    /// The resources that AWS names in refusals.
    pub denied_resources: TextsRow,
    /// The inputs, by the API's member names.
    pub inputs: BTreeMap<String, SeenRow>,
    /// Time and id of the newest events.
    pub samples: BTreeSet<(Option<String>, String)>,
    /// The smallest hashes of the events' ids, in base64: what makes counts of several runs one count.
    pub marks: String,
}

/// The mark of a session of which no keys are told apart.
pub const ANY_KEY: &str = "*";

impl SessionRow {
    pub(in crate::trail) fn of(session: &Session) -> Self {
        let (function, name, access_key) = match &session.who {
            Who::Function(function) => (Some(function.clone()), "", ""),
            Who::Session { name, access_key } => (None, name.as_str(), access_key.as_str()),
        };
        Self {
            account: session.role.account.clone(),
            role: session.role.name.clone(),
            role_id: session.role.id.clone(),
            function,
            session: name.to_owned(),
            access_key: access_key.to_owned(),
        }
    }

    pub(in crate::trail) fn session(&self) -> Session {
        let who = match &self.function {
            Some(function) if !function.is_empty() => Who::Function(function.clone()),
            _ => Who::Session {
                name: self.session.clone(),
                access_key: self.access_key.clone(),
            },
        };
        Session {
            role: RoleKey {
                account: self.account.clone(),
                name: self.role.clone(),
                id: self.role_id.clone(),
            },
            who,
        }
    }
}

impl CallRow {
    pub(in crate::trail) fn of(key: &GroupKey) -> Self {
        let (caller, denial) = match &key.class {
            Class::Denied { caller, denial } => (caller.as_ref(), Some(denial)),
            class => (class, None),
        };
        let (class, via) = match caller {
            Class::ForwardAccess { via } => ("forward-access", via.as_str()),
            Class::Platform(Platform::Environment) => ("environment", ""),
            Class::Platform(Platform::Logs) => ("logs", ""),
            Class::Platform(Platform::RoleCheck) => ("role-check", ""),
            Class::Poller => ("poller", ""),
            Class::Network => ("network", ""),
            Class::Call | Class::Denied { .. } => ("call", ""),
        };
        let action = denial.and_then(|denial| denial.action.as_ref());
        Self {
            class: class.to_owned(),
            via: via.to_owned(),
            denied: denial.is_some(),
            denied_action: action.map_or("", Action::as_str).to_owned(),
            denied_policy: denial
                .and_then(|denial| denial.policy.clone())
                .unwrap_or_default(),
            denied_explicitly: denial.is_some_and(|denial| denial.explicit),
            event_source: key.event_source.to_string(),
            event_name: key.event_name.to_string(),
            operation: key
                .operation
                .as_ref()
                .map_or_else(String::new, ToString::to_string),
            region: key.region.to_string(),
            data_event: key.data_event,
        }
    }

    /// The key of the group; `None` for a row that this version cannot understand.
    pub(in crate::trail) fn key(&self, session: Arc<Session>) -> Option<GroupKey> {
        let caller = match self.class.as_str() {
            "call" => Class::Call,
            "forward-access" => Class::ForwardAccess {
                via: self.via.clone(),
            },
            "environment" => Class::Platform(Platform::Environment),
            "logs" => Class::Platform(Platform::Logs),
            "role-check" => Class::Platform(Platform::RoleCheck),
            "poller" => Class::Poller,
            "network" => Class::Network,
            _ => return None,
        };
        let class = if self.denied {
            Class::Denied {
                caller: Box::new(caller),
                denial: Denial {
                    action: Action::parse(&self.denied_action),
                    policy: (!self.denied_policy.is_empty()).then(|| self.denied_policy.clone()),
                    explicit: self.denied_explicitly,
                },
            }
        } else {
            caller
        };
        let operation = match self.operation.as_str() {
            "" => None,
            text => Some(Arc::new(OperationId::parse(text)?)),
        };
        Some(GroupKey {
            session,
            class,
            event_source: self.event_source.as_str().into(),
            event_name: self.event_name.as_str().into(),
            operation,
            region: self.region.as_str().into(),
            data_event: self.data_event,
        })
    }
}

impl TextsRow {
    fn of(sketch: &Sketch) -> Self {
        if let Some(texts) = sketch.all_whole() {
            return Self::Exact(texts.map(str::to_owned).collect());
        }
        let (level, entries) = sketch.parts();
        let texts = entries.map(|entry| (entry.text.to_owned(), entry.open, entry.tail.to_owned()));
        Self::Cut {
            level,
            texts: texts.collect(),
        }
    }

    fn sketch(&self) -> Sketch {
        match self {
            Self::Exact(texts) => Sketch::of_parts(
                Sketch::exact(),
                texts.iter().map(|text| (text.clone(), false, String::new())),
            ),
            Self::Cut { level, texts } => Sketch::of_parts(*level, texts.iter().cloned()),
        }
    }
}

impl CellRow {
    pub(in crate::trail) fn of(apart_by: Option<&[(String, String)]>, cell: &Cell) -> Self {
        Self {
            apart_by: apart_by.map(<[_]>::to_vec),
            count: cell.events.count().number,
            first: cell.span.first.map(|time| time.to_string()),
            last: cell.span.last.map(|time| time.to_string()),
            days: cell
                .days
                .months()
                .map(|(month, days)| (format!("{:04}-{:02}", month / 12, month % 12 + 1), days))
                .collect(),
            succeeded: cell.succeeded,
            errors: cell.errors.clone(),
            versions: cell.versions.iter().cloned().collect(),
            resources: cell
                .arns
                .iter()
                .map(|(kind, sketch)| (kind.clone(), TextsRow::of(sketch)))
                .collect(),
            denied_resources: TextsRow::of(&cell.denied),
            inputs: cell
                .inputs
                .iter()
                .map(|(path, seen)| {
                    let values = TextsRow::of(&seen.values);
                    (
                        path.clone(),
                        SeenRow {
                            values,
                            hidden: seen.hidden,
                        },
                    )
                })
                .collect(),
            samples: cell
                .samples
                .newest()
                .iter()
                .map(|(time, id)| (time.map(|time| time.to_string()), id.text()))
                .collect(),
            marks: marks(&cell.events),
        }
    }

    /// The cell; `None` if it is not as [`of`](Self::of) writes it.
    pub(in crate::trail) fn cell(&self) -> Option<Cell> {
        let time = |text: &Option<String>| match text {
            Some(text) => Time::parse(text).map(Some),
            None => Some(None),
        };
        let months: Option<Vec<(u16, u32)>> = self
            .days
            .iter()
            .map(|(month, days)| {
                let (year, month) = month.split_once('-')?;
                let month: u16 = month.parse().ok().filter(|month| (1..=12).contains(month))?;
                let year: u16 = year.parse().ok().filter(|year| *year < 5_000)?;
                Some((year * 12 + month - 1, *days))
            })
            .collect();
        let samples: Option<Samples> = self
            .samples
            .iter()
            .map(|(at, id)| Some((time(at)?, EventId::of(id))))
            .collect();
        Some(Cell {
            inputs: self
                .inputs
                .iter()
                .map(|(path, seen)| {
                    let values = seen.values.sketch();
                    (
                        path.clone(),
                        Seen {
                            values,
                            hidden: seen.hidden,
                        },
                    )
                })
                .collect(),
            arns: self
                .resources
                .iter()
                .map(|(kind, texts)| (kind.clone(), texts.sketch()))
                .collect(),
            denied: self.denied_resources.sketch(),
            versions: self.versions.iter().cloned().collect(),
            errors: self.errors.clone(),
            succeeded: self.succeeded,
            events: of_marks(OF_A_CELL, &self.marks)?,
            span: Span {
                first: time(&self.first)?,
                last: time(&self.last)?,
            },
            days: Days::of_months(months?),
            samples: samples?,
        })
    }
}

/// The hashes of a set of events as text.
pub(super) fn marks(events: &Distinct) -> String {
    let mut text = String::new();
    write_marks(events, &mut text);
    text
}

/// The same behind other text.
pub(super) fn write_marks(events: &Distinct, text: &mut String) {
    // A number of hashes whose bytes, three of which are four letters, leave nothing over.
    const MANY: usize = 255;
    for hashes in events.kept().chunks(MANY) {
        let mut bytes = [[0; 8]; MANY];
        for (bytes, hash) in bytes.iter_mut().zip(hashes) {
            *bytes = hash.to_be_bytes();
        }
        let bytes = bytes.get(..hashes.len()).unwrap_or_default();
        STANDARD_NO_PAD.encode_string(bytes.as_flattened(), text);
    }
}

/// A set of events by its hashes; `None` if they are none.
pub(super) fn of_marks(limit: usize, text: &str) -> Option<Distinct> {
    let bytes = STANDARD_NO_PAD.decode(text).ok()?;
    let (hashes, rest) = bytes.as_chunks::<8>();
    let hashes = hashes.iter().map(|bytes| u64::from_be_bytes(*bytes));
    rest.is_empty().then(|| Distinct::of(limit, hashes))
}
