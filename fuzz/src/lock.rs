//! Whatever a `rolefit.lock` says, reading it ends without panic; what was read is written and read again as the same.

use rolefit::gate::lock::Lock;

/// One run.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let Ok(lock) = Lock::parse("rolefit.lock", text) else {
        return;
    };
    let written = lock.to_toml("0.0.0", "2026-11-17");
    match Lock::parse("rolefit.lock", &written) {
        Ok(again) => assert_eq!(again.to_toml("0.0.0", "2026-11-17"), written),
        Err(error) => panic!("{error}\n{written}"),
    }
}
