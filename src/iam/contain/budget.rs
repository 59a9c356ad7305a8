//! A counter that bounds the work of one question, so that an answer never depends on the speed of the machine.

/// The work was more than the budget allows; the question stays open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OverBudget;

/// Steps that are left. A step is about a nanosecond of work, but is never measured as time.
#[derive(Debug)]
pub(super) struct Budget {
    left: u64,
}

impl Budget {
    pub(super) fn new(steps: u64) -> Self {
        Self { left: steps }
    }

    /// Takes `steps`.
    pub(super) fn spend(&mut self, steps: usize) -> Result<(), OverBudget> {
        match self.left.checked_sub(steps as u64) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => {
                self.left = 0;
                Err(OverBudget)
            }
        }
    }
}
