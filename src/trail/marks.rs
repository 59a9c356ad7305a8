//! Where the quotes and brackets of a JSON text stand, found 64 bytes at a time.
//!
//! The way of simdjson (Langdale and Lemire, *Parsing Gigabytes of JSON per Second*, 2019): compare blocks of bytes at once,
//! one bit for each byte, so that texts and nested values are passed over without a look at each byte.

use fearless_simd::prelude::*;
use fearless_simd::{Level, dispatch, u8x64};

/// How many bytes are looked at together.
const BLOCK: usize = 64;
/// How many such blocks are looked at before they are asked for: what is found of them stays in the processor's cache.
const BLOCKS: usize = 64;
/// Values that nest deeper are left to the parsers, which have limits of their own.
const MAX_DEPTH: u32 = 64;

/// The marks of a text, from its beginning on; places can only be asked for in their order.
pub(super) struct Marks<'t> {
    bytes: &'t [u8],
    /// What the processor can.
    level: Level,
    /// What was found in the blocks that were looked at last, and which of them is at hand.
    blocks: [Block; BLOCKS],
    at_hand: usize,
    /// Where the block at hand begins.
    start: usize,
    state: State,
}

/// What stands in a block: a bit each, the first byte is the lowest.
#[derive(Clone, Copy, Default)]
struct Block {
    /// Quotes that begin or end a text.
    quotes: u64,
    /// Brackets outside of texts.
    opens: u64,
    closes: u64,
}

/// What a block leaves to the next one.
struct State {
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
            level: Level::new(),
            blocks: [Block::default(); BLOCKS],
            at_hand: 0,
            start: 0,
            state: State {
                within: 0,
                escapes: 0,
                is_spoilt: false,
            },
        };
        marks.look();
        marks
    }

    /// Whether the blocks so far, or some behind them, hold a text with a control character.
    pub(super) fn is_spoilt(&self) -> bool {
        self.state.is_spoilt
    }

    /// Looks at the next blocks.
    #[inline(never)]
    fn look(&mut self) {
        let rest = self.bytes.get(self.start..).unwrap_or_default();
        let (blocks, state) = (&mut self.blocks, &mut self.state);
        dispatch!(self.level, simd => look(simd, rest, blocks, state));
        self.at_hand = 0;
    }

    #[inline]
    fn block(&self) -> Block {
        self.blocks.get(self.at_hand).copied().unwrap_or_default()
    }

    #[inline]
    fn next(&mut self) -> Option<Block> {
        self.start += BLOCK;
        if self.start >= self.bytes.len() {
            return None;
        }
        self.at_hand += 1;
        if self.at_hand == BLOCKS {
            self.look();
        }
        Some(self.block())
    }

    /// Goes to the block that holds the byte `at`, and tells the bits from there on.
    #[inline]
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
        let mut found = self.block().quotes & from;
        while found == 0 {
            found = self.next()?.quotes;
        }
        Some(self.start + found.trailing_zeros() as usize)
    }

    /// Where the list or object closes that opens at `at`; `None` when it does not, or nests too deep.
    #[inline]
    pub(super) fn close(&mut self, at: usize) -> Option<usize> {
        let from = self.go_to(at)?;
        let Block {
            opens, mut closes, ..
        } = self.block();
        let mut both = (opens | closes) & from;
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
            let block = self.next()?;
            (closes, both) = (block.closes, block.opens | block.closes);
        }
    }
}

/// Looks at the first blocks of what is left of a text.
#[inline(always)]
fn look<S: Simd>(simd: S, rest: &[u8], blocks: &mut [Block; BLOCKS], state: &mut State) {
    let (whole, rest) = rest.as_chunks::<BLOCK>();
    let mut last = [b' '; BLOCK];
    last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
    let bytes = whole.iter().chain([&last]);
    for (block, bytes) in blocks.iter_mut().zip(bytes) {
        *block = state.look(simd, u8x64::simd_from(simd, *bytes));
    }
}

impl State {
    #[inline(always)]
    fn look<S: Simd>(&mut self, simd: S, bytes: u8x64<S>) -> Block {
        let all = |byte: u8| u8x64::splat(simd, byte);
        // `[` and `{` differ in one bit, and so do `]` and `}`.
        let folded = bytes | all(0x20);
        let mut quotes = bytes.simd_eq(all(b'"')).to_bitmask();
        let opens = folded.simd_eq(all(b'{')).to_bitmask();
        let closes = folded.simd_eq(all(b'}')).to_bitmask();
        // Hardly any block has a backslash or a control character.
        let (slashes, controls) = (bytes.simd_eq(all(b'\\')), bytes.simd_lt(all(0x20)));
        let is_odd = (slashes | controls).any_true();
        if self.escapes != 0 || is_odd {
            quotes &= !self.escaped(slashes.to_bitmask());
        }
        let texts = running_parity(quotes) ^ self.within;
        self.within = 0_u64.wrapping_sub(texts >> 63);
        if is_odd {
            self.is_spoilt |= controls.to_bitmask() & texts != 0;
        }
        Block {
            quotes,
            opens: opens & !texts,
            closes: closes & !texts,
        }
    }

    /// Which bytes stand behind a backslash that escapes, given where the backslashes are.
    #[inline]
    fn escaped(&mut self, slashes: u64) -> u64 {
        const EVEN: u64 = 0x5555_5555_5555_5555;
        let slashes = slashes & !self.escapes;
        let behind = slashes << 1 | self.escapes;
        let odd_starts = slashes & !EVEN & !behind;
        let (ends, over) = odd_starts.overflowing_add(slashes);
        self.escapes = u64::from(over);
        (EVEN ^ (ends << 1)) & behind
    }
}

/// For each bit whether an odd number of bits is set up to it.
#[inline(always)]
fn running_parity(bits: u64) -> u64 {
    [1, 2, 4, 8, 16, 32]
        .iter()
        .fold(bits, |bits, by| bits ^ (bits << by))
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
