//! Groups and cells that are being folded into, by number.

use std::collections::hash_map::Entry;
use std::hash::BuildHasher;

use rustc_hash::{FxBuildHasher, FxHashMap};

use super::classify::Class;
use super::fold::GroupKey;
use super::group::{ApartBy, Cell, Group, MAX_CELLS};
use super::identity::SessionNumber;
use super::operation::EventName;

/// What a [`GroupKey`] says, in numbers.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct OpenKey {
    pub(super) session: SessionNumber,
    pub(super) class: u32,
    pub(super) event: EventName,
    /// Which of the operations of that name.
    pub(super) choice: u8,
    pub(super) region: u32,
    pub(super) data_event: bool,
}

/// The number of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CellNumber(u32);

/// Groups that are being folded into.
#[derive(Default)]
pub(super) struct OpenGroups {
    numbers: FxHashMap<OpenKey, usize>,
    groups: Vec<OpenGroup>,
    /// Position of a group and a hash of what a cell is kept apart by → position of the cell in the group.
    marks: FxHashMap<(usize, u64), usize>,
    /// The cells of all groups; none has to be moved when there are more, or when they are told.
    cells: Vec<Option<Box<Cell>>>,
    /// Classes that say more than their kind.
    classes: FxHashMap<Class, u32>,
}

/// A group and the numbers of its cells, with what they are kept apart by.
struct OpenGroup {
    key: GroupKey,
    cells: Vec<(ApartBy, CellNumber)>,
    /// All cells beyond [`MAX_CELLS`].
    rest: Option<CellNumber>,
}

impl OpenGroups {
    pub(super) fn class(&mut self, class: &Class) -> u32 {
        if *class == Class::Call {
            return 0;
        }
        if let Some(number) = self.classes.get(class) {
            return *number;
        }
        let number = u32::try_from(self.classes.len() + 1).unwrap_or(u32::MAX);
        self.classes.insert(class.clone(), number);
        number
    }

    /// The cell of a number.
    #[inline]
    pub(super) fn cell_mut(&mut self, number: CellNumber) -> Option<&mut Cell> {
        self.cells.get_mut(number.0 as usize)?.as_deref_mut()
    }

    /// The number of the cell of calls of a group that name these resources; `None` when there are too many for numbers.
    pub(super) fn cell(
        &mut self,
        number: OpenKey,
        key: impl FnOnce() -> Option<GroupKey>,
        anchors: &[(&str, &str)],
    ) -> Option<CellNumber> {
        let groups = &mut self.groups;
        let position = match self.numbers.entry(number) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(new) => {
                // Room for a few more: there can be very many groups, and twice as much would be much.
                if groups.len() == groups.capacity() {
                    groups.reserve_exact(64 + groups.len() / 8);
                }
                groups.push(OpenGroup {
                    key: key()?,
                    cells: Vec::with_capacity(1),
                    rest: None,
                });
                *new.insert(groups.len() - 1)
            }
        };
        let group = groups.get_mut(position)?;
        let mark = (position, FxBuildHasher.hash_one(anchors));
        let marked = self.marks.get(&mark).and_then(|at| group.cells.get(*at));
        if let Some((_, cell)) = marked.filter(|cell| is_of(cell, anchors)) {
            return Some(*cell);
        }
        // Two with the same hash are next to impossible, and told apart nevertheless.
        if marked.is_some()
            && let Some((_, cell)) = group.cells.iter().find(|cell| is_of(cell, anchors))
        {
            return Some(*cell);
        }
        if group.cells.len() >= MAX_CELLS
            && let Some(rest) = group.rest
        {
            return Some(rest);
        }
        let next = CellNumber(u32::try_from(self.cells.len()).ok()?);
        self.cells.push(Some(Box::default()));
        if group.cells.len() >= MAX_CELLS {
            group.rest = Some(next);
        } else {
            let owned = anchors
                .iter()
                .map(|(path, value)| ((*path).to_owned(), (*value).to_owned()));
            self.marks.insert(mark, group.cells.len());
            group.cells.push((owned.collect(), next));
        }
        Some(next)
    }

    /// The groups, as others keep them.
    pub(super) fn close(self) -> impl Iterator<Item = (GroupKey, Group)> {
        let mut cells = self.cells;
        self.groups.into_iter().map(move |open| {
            let mut take = |number: CellNumber| {
                let cell = cells.get_mut(number.0 as usize);
                cell.and_then(Option::take).unwrap_or_default()
            };
            let named = open.cells.into_iter();
            let named = named.map(|(apart_by, number)| (apart_by, take(number))).collect();
            let mut group = Group::apart(named);
            if let Some(number) = open.rest {
                group.add(None, take(number));
            }
            (open.key, group)
        })
    }
}

/// Whether a cell is the one of calls that name these resources.
fn is_of((apart_by, _): &(ApartBy, CellNumber), anchors: &[(&str, &str)]) -> bool {
    let pairs = apart_by
        .iter()
        .map(|(path, value)| (path.as_str(), value.as_str()));
    pairs.eq(anchors.iter().copied())
}
