//! Bytes of a file to text: gunzip, one member or many, up to a limit.

use std::io::{self, BufRead, Read};

use flate2::bufread::MultiGzDecoder;
use libdeflater::Decompressor;
use memchr::memmem;

/// The most bytes that are unpacked as a whole: more than CloudTrail writes into one object. What is larger is read in
/// pieces ([`super::stream`]).
pub(super) const MAX_WHOLE: usize = 64 << 20;
/// Beyond [`MAX_WHOLE`]: the most bytes of all, and how many times its own size a file may unpack to. Records shrink to a
/// tenth or a twentieth; what shrinks more was made to fill disks and memories.
const MAX_STREAM: u64 = 64 << 30;
const MAX_RATIO: u64 = 250;

/// How much room is kept from object to object.
const KEPT_ROOM: usize = 32 << 20;

/// Why the bytes of an object cannot be had.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum InflateError {
    #[error("it is not a whole gzip file")]
    Damaged,
    #[error("it unpacks to more than {} MiB", MAX_WHOLE >> 20)]
    TooLarge,
    #[error("it unpacks to more than {MAX_RATIO} times its size, as no trail does")]
    Bomb,
}

/// What a gzip file holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unpacked<'r> {
    pub(super) bytes: &'r [u8],
    /// Whether the file ends too early. What was read up to there is good.
    pub(super) is_cut: bool,
}

/// Whether the bytes begin like a gzip file.
pub(super) fn is_gzip(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0x1f, 0x8b])
}

/// Unpacks one object after the other, into the same room.
pub(super) struct Inflater {
    decompressor: Decompressor,
    raw: Vec<u8>,
}

impl Default for Inflater {
    fn default() -> Self {
        Self {
            decompressor: Decompressor::new(),
            raw: Vec::new(),
        }
    }
}

impl Inflater {
    /// Unpacks a gzip file.
    pub(super) fn inflate(&mut self, packed: &[u8], limit: usize) -> Result<Unpacked<'_>, InflateError> {
        let size = stated_size(packed).ok_or(InflateError::Damaged)?;
        if size <= limit && plausible(size, packed.len()) && !may_have_members(packed) {
            self.make_room(size);
            let room = self.raw.get_mut(..size).unwrap_or_default();
            if self.decompressor.gzip_decompress(packed, room) == Ok(size) {
                let bytes = self.raw.get(..size).unwrap_or_default();
                return Ok(Unpacked { bytes, is_cut: false });
            }
        }
        let (raw, is_cut) = inflate_members(packed, limit)?;
        self.raw = raw;
        let bytes = self.raw.as_slice();
        Ok(Unpacked { bytes, is_cut })
    }

    /// Room is kept from object to object, unless it was a very large one's.
    fn make_room(&mut self, size: usize) {
        if self.raw.len() > KEPT_ROOM && size < KEPT_ROOM {
            self.raw = Vec::new();
        }
        if self.raw.len() < size {
            self.raw.resize(size, 0);
        }
    }
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
    let rest = packed.get(18..).unwrap_or_default();
    memmem::find_iter(rest, &[0x1f, 0x8b, 8]).any(|at| rest.get(at + 3).is_some_and(|flags| *flags < 0x20))
}

/// Unpacks member by member, more slowly; tells whether the file ends too early.
fn inflate_members(packed: &[u8], limit: usize) -> Result<(Vec<u8>, bool), InflateError> {
    let mut raw = Vec::new();
    let mut reader = MultiGzDecoder::new(packed).take(limit as u64 + 1);
    let outcome = reader.read_to_end(&mut raw);
    if raw.len() > limit {
        return Err(InflateError::TooLarge);
    }
    match outcome {
        Ok(_) => Ok((raw, false)),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof && !raw.is_empty() => Ok((raw, true)),
        Err(_) => Err(InflateError::Damaged),
    }
}

/// A very large gzip file of `size` bytes, to be read in pieces; fails where it turns out to be a bomb.
pub(super) fn unpack_slowly(packed: impl BufRead, size: u64) -> impl Read {
    let limit = size.saturating_mul(MAX_RATIO).clamp(MAX_WHOLE as u64, MAX_STREAM);
    Limited {
        reader: MultiGzDecoder::new(packed),
        left: limit,
    }
}

/// Fails instead of ending at its limit.
struct Limited<R> {
    reader: R,
    left: u64,
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(room)?;
        match self.left.checked_sub(read as u64) {
            Some(left) => self.left = left,
            None => return Err(io::Error::other(InflateError::Bomb)),
        }
        Ok(read)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
mod tests {
    use super::*;
    use std::io::Write;

    fn inflate(packed: &[u8], limit: usize) -> Result<(Vec<u8>, bool), InflateError> {
        let mut inflater = Inflater::default();
        let unpacked = inflater.inflate(packed, limit)?;
        Ok((unpacked.bytes.to_vec(), unpacked.is_cut))
    }

    fn whole(text: &str) -> Result<(Vec<u8>, bool), InflateError> {
        Ok((text.as_bytes().to_vec(), false))
    }

    fn gz(text: &str) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn one_member_and_many() {
        assert_eq!(inflate(&gz("one"), MAX_WHOLE), whole("one"));
        let both = [gz("one"), gz("two")].concat();
        assert_eq!(inflate(&both, MAX_WHOLE), whole("onetwo"));
        assert_eq!(inflate(&gz(""), MAX_WHOLE), whole(""));
    }

    #[test]
    fn damage_is_told() {
        let text: String = (0..2_000).map(|n| format!("{n} ")).collect();
        let whole = gz(&text);
        for end in [0, 1, 10] {
            assert_eq!(
                inflate(&whole[..end], MAX_WHOLE),
                Err(InflateError::Damaged),
                "{end}"
            );
        }
        for end in [whole.len() / 2, whole.len() - 1] {
            let (raw, is_cut) = inflate(&whole[..end], MAX_WHOLE).unwrap();
            assert!(
                is_cut && !raw.is_empty() && text.as_bytes().starts_with(&raw),
                "{end}"
            );
        }
        let mut flipped = whole.clone();
        flipped[20] ^= 0xff;
        assert_eq!(inflate(&flipped, MAX_WHOLE), Err(InflateError::Damaged));
    }

    #[test]
    fn a_bomb_stops_at_the_limit() {
        let bomb = gz(&"0".repeat(1 << 20));
        assert_eq!(inflate(&bomb, 1 << 10), Err(InflateError::TooLarge));
        let mut slow = Limited {
            reader: MultiGzDecoder::new(bomb.as_slice()),
            left: 1 << 10,
        };
        let error = slow.read_to_end(&mut Vec::new()).unwrap_err();
        assert!(error.to_string().contains("times its size"), "{error}");
        let mut liar = gz("small");
        let at = liar.len() - 4;
        liar[at..].copy_from_slice(&[0xff; 4]);
        assert_eq!(inflate(&liar, MAX_WHOLE), Err(InflateError::Damaged));
    }
}
