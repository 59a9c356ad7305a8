//! A group of calls that are alike: what is kept of them, resource by resource.

use std::collections::BTreeSet;

use super::distinct::{Distinct, OF_A_CELL};
use super::inputs::{self, Value};
use super::json::Raw;
use super::record::{Record, Resource};
use super::samples::{EventId, Samples};
use super::sketch::Sketch;
use super::sorted::{SortedMap, SortedSet};
use super::time::{Days, Span, Time};

/// How many sets of resource names of one group are kept apart.
pub(super) const MAX_CELLS: usize = 64;

/// Everything that is kept of calls that are alike.
#[derive(Clone, Debug)]
pub(super) struct Cell {
    pub(super) inputs: SortedMap<String, Seen>,
    /// ARNs by the type that the record gives them.
    pub(super) arns: SortedMap<String, Sketch>,
    pub(super) denied: Sketch,
    pub(super) versions: SortedSet<String>,
    pub(super) errors: BTreeSet<String>,
    pub(super) succeeded: bool,
    /// The different events.
    pub(super) events: Distinct,
    pub(super) span: Span,
    /// The days on which there were events.
    pub(super) days: Days,
    pub(super) samples: Samples,
}

impl Default for Cell {
    fn default() -> Self {
        Self {
            inputs: SortedMap::default(),
            arns: SortedMap::default(),
            denied: Sketch::default(),
            versions: SortedSet::default(),
            errors: BTreeSet::new(),
            succeeded: false,
            events: Distinct::new(OF_A_CELL),
            span: Span::default(),
            days: Days::default(),
            samples: Samples::default(),
        }
    }
}

/// The values of a member.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    pub(super) values: Sketch,
    /// Whether it was also set to something that the record hides.
    pub(super) hidden: bool,
}

impl Seen {
    fn see(&mut self, value: &Value<'_>) {
        match value {
            Value::Text(text) => self.values.insert(text, false),
            Value::Hidden => self.hidden = true,
        }
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.values.merge(other.values);
        self.hidden |= other.hidden;
    }
}

/// What calls of a cell have in common, and those of other cells of the group have not: paths and values of inputs.
pub(super) type ApartBy = Vec<(String, String)>;

/// A cell, and the names by which it is kept apart from others of its group.
pub(super) type NamedCell<'g> = (Option<&'g [(String, String)]>, &'g Cell);

/// The calls of a group, by the names of their resources; all in one cell when there are too many.
#[derive(Clone, Debug)]
pub(super) enum Group {
    Apart(SortedMap<ApartBy, Box<Cell>>),
    Together(Box<Cell>),
}

impl Default for Group {
    fn default() -> Self {
        Self::Apart(SortedMap::default())
    }
}

impl Group {
    /// Adds a cell of calls with these names of resources.
    fn add_named(&mut self, anchors: Vec<(String, String)>, cell: Box<Cell>) {
        let full =
            |cells: &SortedMap<ApartBy, Box<Cell>>| cells.len() >= MAX_CELLS && !cells.contains_key(&anchors);
        if let Self::Apart(cells) = self
            && full(cells)
        {
            *self = Self::Together(Box::new(together(std::mem::take(cells))));
        }
        match self {
            Self::Together(all) => all.merge(*cell),
            Self::Apart(cells) => cells.merge_one(anchors, cell, |mine, cell| mine.merge(*cell)),
        }
    }

    /// A group of cells that are kept apart by different names, at most [`MAX_CELLS`].
    pub(super) fn apart(cells: Vec<(ApartBy, Box<Cell>)>) -> Self {
        Self::Apart(SortedMap::of_different(cells))
    }

    pub(super) fn merge(&mut self, other: Self) {
        if matches!(self, Self::Apart(cells) if cells.len() == 0) {
            *self = other;
            return;
        }
        match other {
            Self::Apart(cells) => {
                for (anchors, cell) in cells {
                    self.add_named(anchors, cell);
                }
            }
            Self::Together(all) => {
                if let Self::Apart(cells) = self {
                    *self = Self::Together(Box::new(together(std::mem::take(cells))));
                }
                self.add_named(Vec::new(), all);
            }
        }
    }

    /// Adds a cell; `None` stands for calls that are not kept apart.
    pub(super) fn add(&mut self, apart_by: Option<Vec<(String, String)>>, cell: Box<Cell>) {
        match apart_by {
            Some(anchors) => self.add_named(anchors, cell),
            None => self.merge(Self::Together(cell)),
        }
    }

    /// The cells, with what they are kept apart by.
    pub(super) fn iter(&self) -> Vec<NamedCell<'_>> {
        match self {
            Self::Apart(cells) => cells
                .iter()
                .map(|(anchors, cell)| (Some(anchors.as_slice()), &**cell))
                .collect(),
            Self::Together(all) => vec![(None, all)],
        }
    }

    /// The cells, to be changed.
    pub(super) fn cells_mut(&mut self) -> Vec<&mut Cell> {
        match self {
            Self::Apart(cells) => cells.values_mut().map(|cell| &mut **cell).collect(),
            Self::Together(all) => vec![all],
        }
    }

    /// The cells.
    pub(super) fn cells(self) -> Vec<Cell> {
        match self {
            Self::Apart(cells) => cells.into_iter().map(|(_, cell)| *cell).collect(),
            Self::Together(all) => vec![*all],
        }
    }
}

fn together(cells: SortedMap<ApartBy, Box<Cell>>) -> Cell {
    let mut all = Cell::default();
    for (_, cell) in cells {
        all.merge(*cell);
    }
    all
}

impl Cell {
    /// Takes in what a record says of what came of the call.
    pub(super) fn see_record<R: Raw>(&mut self, record: &Record<'_, R>, denied: Option<&str>) {
        let code = record.error_code.as_str();
        if code.is_empty() {
            self.succeeded = true;
        } else if !self.errors.contains(code) {
            self.errors.insert(code.to_owned());
        }
        if let Some(resource) = denied {
            self.denied.insert(resource, false);
        }
        self.see_resources(record.resources.as_deref().unwrap_or_default());
    }

    /// Takes in the resources that a record lists.
    pub(super) fn see_resources(&mut self, resources: &[Resource<'_>]) {
        for resource in resources {
            if let Some((arn, open)) = resource.arn().filter(|(arn, _)| !inputs::is_redacted(arn)) {
                let kind = resource.kind.as_str();
                self.arns.update(
                    kind,
                    |arns| arns.insert(arn, open),
                    || (kind.to_owned(), Sketch::of(arn, open)),
                );
            }
        }
    }

    /// Takes in that there was an event, given the hash of its id.
    #[inline]
    pub(super) fn see_event(&mut self, hash: u64, time: Option<Time>, id: EventId) {
        self.events.insert(hash);
        if let Some(time) = time {
            let is_of_last_day = self.span.last.is_some_and(|last| last.is_same_day(time));
            self.span.widen(Some(time));
            if !is_of_last_day {
                self.days.insert(time);
            }
        }
        self.samples.add(time, id);
    }

    pub(super) fn see_version(&mut self, version: Option<&str>) {
        if let Some(version) = version {
            self.versions.add(version, || version.to_owned());
        }
    }

    pub(super) fn see_input(&mut self, path: &str, value: &Value<'_>) {
        self.inputs.update(
            path,
            |seen| seen.see(value),
            || {
                let mut seen = Seen::default();
                seen.see(value);
                (path.to_owned(), seen)
            },
        );
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.inputs.merge(other.inputs, Seen::merge);
        self.arns.merge(other.arns, Sketch::merge);
        self.denied.merge(other.denied);
        self.versions.merge(other.versions);
        self.errors.extend(other.errors);
        self.succeeded |= other.succeeded;
        self.events.merge(other.events);
        self.span.merge(other.span);
        self.days.merge(other.days);
        self.samples.merge(other.samples);
    }
}
