//! What the terminal is like, and what its owner wants of it.

use std::io::IsTerminal as _;
use std::sync::atomic::{AtomicBool, Ordering};

use anstream::ColorChoice;

static QUIET: AtomicBool = AtomicBool::new(false);

/// Keeps remarks from being printed.
pub fn keep_quiet(quiet: bool) {
    QUIET.store(quiet, Ordering::Relaxed);
}

/// Whether only results and errors are wanted.
pub fn is_quiet() -> bool {
    QUIET.load(Ordering::Relaxed)
}

/// What the environment asks for. `NO_COLOR`, `CLICOLOR` and `CLICOLOR_FORCE` are looked at when printing;
/// `FORCE_COLOR` is another word for the last one: <https://force-color.org>.
pub fn wanted_colour() -> ColorChoice {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    match set("FORCE_COLOR") {
        _ if set("NO_COLOR").is_some() => ColorChoice::Never,
        Some(value) if value == "0" || value == "false" => ColorChoice::Never,
        Some(_) => ColorChoice::Always,
        None => ColorChoice::Auto,
    }
}

/// Characters that fit into a line of the terminal; `None` where none listens.
pub fn width() -> Option<usize> {
    if !std::io::stdout().is_terminal() {
        return None;
    }
    let (terminal_size::Width(width), _) = terminal_size::terminal_size()?;
    // Narrower than this, code frames say nothing any more.
    Some(usize::from(width).max(60))
}

/// Whether the terminal makes links of OSC 8 sequences.
pub fn takes_links() -> bool {
    std::io::stdout().is_terminal() && supports_hyperlinks::on(supports_hyperlinks::Stream::Stdout)
}
