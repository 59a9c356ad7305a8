//! Where the quotes and brackets of a JSON text stand, found 64 bytes at a time.
//!
//! The way of simdjson (Langdale and Lemire, *Parsing Gigabytes of JSON per Second*, 2019): compare blocks of bytes at once,
//! one bit for each byte, so that texts and nested values are passed over without a look at each byte.

use wide::u8x16;

/// How many bytes are looked at together.
const BLOCK: usize = 64;
/// Values that nest deeper are left to the parsers, which have limits of their own.
const MAX_DEPTH: u32 = 64;

/// The marks of a text, from its beginning on; places can only be asked for in their order.
pub(super) struct Marks<'t> {
    bytes: &'t [u8],
    /// Where the block at hand begins.
    start: usize,
    /// Quotes that begin or end a text, and brackets outside of texts: a bit each, the first byte is the lowest.
    quotes: u64,
    opens: u64,
    closes: u64,
    /// All ones when the block before ended within a text.
    within: u64,
    /// One when the block before ended with a backslash that escapes what follows.
    escapes: u64,
    /// Whether a text held a control character, as none may.
    is_spoilt: bool,
}

impl<'t> Marks<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let mut marks = Self {
            bytes: text.as_bytes(),
            start: 0,
            quotes: 0,
            opens: 0,
            closes: 0,
            within: 0,
            escapes: 0,
            is_spoilt: false,
        };
        marks.look();
        marks
    }

    /// Whether the blocks so far hold a text with a control character.
    pub(super) fn is_spoilt(&self) -> bool {
        self.is_spoilt
    }

    /// Looks at the block at hand.
    fn look(&mut self) {
        let rest = self.bytes.get(self.start..).unwrap_or_default();
        let mut last = [b' '; BLOCK];
        let block = rest.first_chunk::<BLOCK>().unwrap_or_else(|| {
            last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
            &last
        });
        let is_slash = |bytes: u8x16| bytes.simd_eq(u8x16::splat(b'\\'));
        let is_control = |bytes: u8x16| bytes.min(u8x16::splat(0x1f)).simd_eq(bytes);
        // `[` and `{` differ in one bit, and so do `]` and `}`.
        let is_like = |bytes: u8x16, byte: u8| (bytes | u8x16::splat(0x20)).simd_eq(u8x16::splat(byte));
        let mut quotes = bits(block, |bytes| bytes.simd_eq(u8x16::splat(b'"')));
        let opens = bits(block, |bytes| is_like(bytes, b'{'));
        let closes = bits(block, |bytes| is_like(bytes, b'}'));
        // Hardly any block has a backslash or a control character.
        let is_odd = has_odd(block);
        if self.escapes != 0 || is_odd {
            quotes &= !self.escaped(bits(block, is_slash));
        }
        let texts = running_parity(quotes) ^ self.within;
        self.within = 0_u64.wrapping_sub(texts >> 63);
        self.quotes = quotes;
        self.opens = opens & !texts;
        self.closes = closes & !texts;
        if is_odd {
            self.is_spoilt |= bits(block, is_control) & texts != 0;
        }
    }

    /// Which bytes stand behind a backslash that escapes, given where the backslashes are.
    fn escaped(&mut self, slashes: u64) -> u64 {
        const EVEN: u64 = 0x5555_5555_5555_5555;
        let slashes = slashes & !self.escapes;
        let behind = slashes << 1 | self.escapes;
        let odd_starts = slashes & !EVEN & !behind;
        let (ends, over) = odd_starts.overflowing_add(slashes);
        self.escapes = u64::from(over);
        (EVEN ^ (ends << 1)) & behind
    }

    fn next(&mut self) -> Option<()> {
        self.start += BLOCK;
        (self.start < self.bytes.len()).then(|| self.look())
    }

    /// Goes to the block that holds the byte `at`, and tells the bits from there on.
    fn go_to(&mut self, at: usize) -> Option<u64> {
        while at >= self.start + BLOCK {
            self.next()?;
        }
        Some(u64::MAX << at.checked_sub(self.start)?)
    }

    /// Where the first quote at or after `at` stands.
    #[inline]
    pub(super) fn quote(&mut self, at: usize) -> Option<usize> {
        let from = self.go_to(at)?;
        let mut found = self.quotes & from;
        while found == 0 {
            self.next()?;
            found = self.quotes;
        }
        Some(self.start + found.trailing_zeros() as usize)
    }

    /// Where the list or object closes that opens at `at`; `None` when it does not, or nests too deep.
    #[inline]
    pub(super) fn close(&mut self, at: usize) -> Option<usize> {
        let from = self.go_to(at)?;
        let (mut closes, mut both) = (self.closes, (self.opens | self.closes) & from);
        let mut depth = 0_u32;
        loop {
            while both != 0 {
                let at = both.trailing_zeros();
                // One less for a closing bracket, one more for an opening one.
                depth = depth.wrapping_add(1).wrapping_sub((closes >> at & 1) as u32 * 2);
                if depth == 0 {
                    return Some(self.start + at as usize);
                }
                if depth > MAX_DEPTH {
                    return None;
                }
                both &= both - 1;
            }
            self.next()?;
            (closes, both) = (self.closes, self.opens | self.closes);
        }
    }
}

/// For each bit whether an odd number of bits is set up to it.
fn running_parity(bits: u64) -> u64 {
    [1, 2, 4, 8, 16, 32]
        .iter()
        .fold(bits, |bits, by| bits ^ (bits << by))
}

/// A bit for each byte of which `is` tells that it is one, the first is the lowest.
#[inline]
fn bits(block: &[u8; BLOCK], is: impl Fn(u8x16) -> u8x16) -> u64 {
    let part =
        |bits: u64, part: &[u8; 16]| bits << 16 | u64::from(is(u8x16::new(*part)).to_bitmask() & 0xffff);
    block.as_chunks::<16>().0.iter().rev().fold(0, part)
}

/// Whether any byte is a backslash or a control character.
#[inline]
fn has_odd(block: &[u8; BLOCK]) -> bool {
    let parts = block.as_chunks::<16>().0.iter().map(|part| u8x16::new(*part));
    let (least, slashes) = parts.fold((u8x16::MAX, u8x16::splat(0)), |(least, slashes), part| {
        (least.min(part), slashes | part.simd_eq(u8x16::splat(b'\\')))
    });
    (least.min(u8x16::splat(0x1f)).simd_eq(least) | slashes).any()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The same, a byte at a time.
    fn slowly(text: &str) -> (Vec<usize>, Vec<(usize, usize)>) {
        let (mut quotes, mut pairs, mut open) = (Vec::new(), Vec::new(), Vec::new());
        let (mut quoted, mut escaped) = (false, false);
        for (at, byte) in text.bytes().enumerate() {
            let is_escaped = std::mem::take(&mut escaped);
            match byte {
                b'\\' => escaped = !is_escaped,
                b'"' if is_escaped => {}
                b'"' => {
                    quoted = !quoted;
                    quotes.push(at);
                }
                b'{' | b'[' if !quoted => open.push(at),
                b'}' | b']' if !quoted => pairs.extend(open.pop().map(|from| (from, at))),
                _ => {}
            }
        }
        pairs.sort_unstable();
        (quotes, pairs)
    }

    proptest! {
        #[test]
        fn marks_are_where_they_are_byte_by_byte(text in r#"[{]([a"\\{}\[\], ]|[a-z"]{9,70}){0,60}"#) {
            let (quotes, pairs) = slowly(&text);
            let mut marks = Marks::new(&text);
            let mut found = Vec::new();
            while let Some(at) = marks.quote(found.last().map_or(0, |at| at + 1)) {
                found.push(at);
            }
            prop_assert_eq!(found, quotes);
            for (from, to) in pairs {
                prop_assert_eq!(Marks::new(&text).close(from), Some(to));
            }
        }
    }

    #[test]
    fn control_characters_within_texts_are_told() {
        for (text, spoilt) in [("{\n\"a\":1}", false), ("{\"a\n\":1}", true)] {
            let mut marks = Marks::new(text);
            assert!(marks.close(0).is_some());
            assert_eq!(marks.is_spoilt(), spoilt, "{text:?}");
        }
    }
}
