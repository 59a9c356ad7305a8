//! Bytes of a file to text: gunzip, one member or many, up to a limit.

use std::io::Read;

use libdeflater::Decompressor;

/// The most bytes that one object may unpack to: far above what CloudTrail writes (tens of megabytes), low enough that a
/// few threads fit into memory.
pub(super) const MAX_RAW: usize = 512 << 20;

/// Why the bytes of an object cannot be had.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum InflateError {
    #[error("it is not a whole gzip file")]
    Damaged,
    #[error("it unpacks to more than {} MiB", MAX_RAW >> 20)]
    TooLarge,
}

/// Whether the bytes begin like a gzip file.
pub(super) fn is_gzip(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0x1f, 0x8b])
}

/// Unpacks a gzip file.
pub(super) fn inflate(packed: &[u8], limit: usize) -> Result<Vec<u8>, InflateError> {
    let size = stated_size(packed).ok_or(InflateError::Damaged)?;
    if size <= limit && plausible(size, packed.len()) && !may_have_members(packed) {
        let mut raw = vec![0; size];
        if Decompressor::new().gzip_decompress(packed, &mut raw) == Ok(size) {
            return Ok(raw);
        }
    }
    inflate_members(packed, limit)
}

/// The raw size modulo 2³² that the last four bytes state, for the last member.
fn stated_size(packed: &[u8]) -> Option<usize> {
    let bytes: [u8; 4] = packed.last_chunk().copied()?;
    usize::try_from(u32::from_le_bytes(bytes)).ok()
}

/// Deflate packs at most 1032 to 1, so a larger size is a lie that must not be believed with memory.
fn plausible(size: usize, packed: usize) -> bool {
    size / 1032 <= packed
}

/// Whether another member may begin within: `cat *.gz` makes such files, and the stated size is the last member's alone.
fn may_have_members(packed: &[u8]) -> bool {
    packed
        .get(18..)
        .unwrap_or_default()
        .windows(4)
        .any(|bytes| matches!(bytes, [0x1f, 0x8b, 8, flags] if *flags < 0x20))
}

/// Unpacks member by member, more slowly.
fn inflate_members(packed: &[u8], limit: usize) -> Result<Vec<u8>, InflateError> {
    let mut raw = Vec::new();
    let mut reader = flate2::bufread::MultiGzDecoder::new(packed).take(limit as u64 + 1);
    reader.read_to_end(&mut raw).map_err(|_| InflateError::Damaged)?;
    if raw.len() > limit {
        return Err(InflateError::TooLarge);
    }
    Ok(raw)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
mod tests {
    use super::*;
    use std::io::Write;

    fn gz(text: &str) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn one_member_and_many() {
        assert_eq!(inflate(&gz("one"), MAX_RAW).unwrap(), b"one");
        let both = [gz("one"), gz("two")].concat();
        assert_eq!(inflate(&both, MAX_RAW).unwrap(), b"onetwo");
        assert_eq!(inflate(&gz(""), MAX_RAW).unwrap(), b"");
    }

    #[test]
    fn damage_is_told() {
        let whole = gz(&"some text ".repeat(200));
        for end in [0, 1, 10, whole.len() / 2, whole.len() - 1] {
            assert_eq!(
                inflate(&whole[..end], MAX_RAW),
                Err(InflateError::Damaged),
                "{end}"
            );
        }
        let mut flipped = whole.clone();
        flipped[20] ^= 0xff;
        assert_eq!(inflate(&flipped, MAX_RAW), Err(InflateError::Damaged));
    }

    #[test]
    fn a_bomb_stops_at_the_limit() {
        let bomb = gz(&"0".repeat(1 << 20));
        assert_eq!(inflate(&bomb, 1 << 10), Err(InflateError::TooLarge));
        let mut liar = gz("small");
        let at = liar.len() - 4;
        liar[at..].copy_from_slice(&[0xff; 4]);
        assert_eq!(inflate(&liar, MAX_RAW), Err(InflateError::Damaged));
    }
}
