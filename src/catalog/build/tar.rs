//! Reads the files of an uncompressed tar archive, as npm packages hold them: short names, no links.

use std::collections::BTreeMap;
use std::io;

/// Length of a header, and the unit that contents are padded to.
const BLOCK: usize = 512;

/// Regular files by name.
pub(super) fn files(archive: &[u8]) -> io::Result<BTreeMap<String, Vec<u8>>> {
    let mut files = BTreeMap::new();
    let mut rest = archive;
    while let Some((header, after)) = rest.split_at_checked(BLOCK) {
        if header.iter().all(|&byte| byte == 0) {
            break;
        }
        let length = octal(header.get(124..136)).ok_or_else(damaged)?;
        let content = after.get(..length).ok_or_else(damaged)?;
        let name = header.get(..100).ok_or_else(damaged)?;
        if matches!(header.get(156), Some(b'0' | 0)) {
            files.insert(text(name).to_owned(), content.to_vec());
        }
        let padded = length.div_ceil(BLOCK).saturating_mul(BLOCK);
        rest = after.get(padded..).unwrap_or_default();
    }
    Ok(files)
}

/// The text before the first zero byte.
fn text(field: &[u8]) -> &str {
    let end = field.iter().position(|&byte| byte == 0);
    let field = field.get(..end.unwrap_or(field.len())).unwrap_or_default();
    std::str::from_utf8(field).unwrap_or_default()
}

fn octal(field: Option<&[u8]>) -> Option<usize> {
    usize::from_str_radix(text(field?).trim(), 8).ok()
}

fn damaged() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "not a tar archive")
}
