//! A line on stderr that says what a long run is at: only at a terminal, only when it takes long, gone when results come.

use std::borrow::Cow;
use std::io::{IsTerminal as _, Write as _};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// How long a run is left alone.
const PATIENCE: Duration = Duration::from_millis(500);
/// Between two looks at what is going on.
const BEAT: Duration = Duration::from_millis(120);

struct State {
    begun: Instant,
    phase: Cow<'static, str>,
    shown: bool,
    /// Set once results are printed; nothing is shown after that.
    done: bool,
}

static STATE: Mutex<Option<State>> = Mutex::new(None);

/// Shows progress from now on, if a terminal listens.
pub fn allow() {
    if !std::io::stderr().is_terminal() {
        return;
    }
    with(|state| {
        *state = Some(State {
            begun: Instant::now(),
            phase: Cow::Borrowed(""),
            shown: false,
            done: false,
        });
    });
    std::thread::spawn(|| {
        std::thread::sleep(PATIENCE);
        while tell() {
            std::thread::sleep(BEAT);
        }
    });
}

/// Says what is done now, in a few words.
pub fn phase(words: impl Into<Cow<'static, str>>) {
    with(|state| {
        if let Some(state) = state {
            state.phase = words.into();
        }
    });
}

/// Takes the line away: something else is printed.
pub fn done() {
    with(|state| {
        if let Some(state) = state {
            if std::mem::take(&mut state.shown) {
                let _ = write!(std::io::stderr(), "\r\x1b[K");
            }
            state.done = true;
        }
    });
}

/// Writes the line; whether there may be another one.
fn tell() -> bool {
    let mut more = false;
    with(|state| {
        let Some(state) = state.as_mut().filter(|state| !state.done) else {
            return;
        };
        more = true;
        if !state.phase.is_empty() {
            let seconds = state.begun.elapsed().as_secs_f32();
            let mut stderr = std::io::stderr();
            let _ = write!(stderr, "\r\x1b[K{} … {seconds:.1} s", state.phase);
            let _ = stderr.flush();
            state.shown = true;
        }
    });
    more
}

fn with(change: impl FnOnce(&mut Option<State>)) {
    // A panic elsewhere while the state was held changes nothing about a line of progress.
    let mut state = STATE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    change(&mut state);
}
