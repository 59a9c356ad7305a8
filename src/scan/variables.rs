//! The variables in sight while a body is walked, innermost last.

use super::ir::Name;

/// Variables by name, in the order in which they are bound. Names are few: going back through them is faster than any
/// table.
#[derive(Debug)]
pub(super) struct Variables {
    bound: Vec<(Name, u32)>,
    /// Where each open scope begins.
    scopes: Vec<usize>,
}

impl Default for Variables {
    fn default() -> Self {
        Self {
            bound: Vec::new(),
            scopes: vec![0],
        }
    }
}

impl Variables {
    /// Opens a scope.
    pub(super) fn open(&mut self) {
        self.scopes.push(self.bound.len());
    }

    /// Closes the innermost scope and forgets its variables.
    pub(super) fn close(&mut self) {
        if let Some(start) = self.scopes.pop() {
            self.bound.truncate(start);
        }
    }

    /// How many scopes are open.
    pub(super) fn depth(&self) -> usize {
        self.scopes.len()
    }

    /// Binds a variable in the innermost scope.
    pub(super) fn bind(&mut self, name: &Name, index: u32) {
        self.bound.push((name.clone(), index));
    }

    /// The variable that a name means.
    pub(super) fn get(&self, name: &str) -> Option<u32> {
        let found = self.bound.iter().rev().find(|(bound, _)| &**bound == name);
        found.map(|(_, index)| *index)
    }

    /// How many variables are bound.
    pub(super) fn count(&self) -> usize {
        self.bound.len()
    }

    /// Variables bound since there were `count`, that have the name of one bound before in the same scope: they become
    /// that one. Gives the pairs, the newer one first.
    pub(super) fn unite(&mut self, count: usize) -> Vec<(u32, u32)> {
        let start = self.scopes.last().copied().unwrap_or_default();
        let count = count.min(self.bound.len());
        let (older, newer) = self.bound.split_at_mut(count);
        let older = older.get(start..).unwrap_or_default();
        let mut pairs = Vec::new();
        for (name, index) in newer {
            let known = older.iter().rev().find(|(known, _)| known == name);
            if let Some((_, known)) = known
                && known != index
            {
                pairs.push((*index, *known));
                *index = *known;
            }
        }
        pairs
    }
}
