//! Whatever a `rolefit.toml` says, reading it ends without panic.

/// One run.
pub fn run(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = rolefit::config::parse("rolefit.toml", text);
    }
}
