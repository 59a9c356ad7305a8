//! The newest events of a cell: when they were and what they are called.

use std::cmp::Ordering;

use super::time::Time;

/// How many events are kept.
const MAX_SAMPLES: usize = 8;
/// How many are gathered before the newest of them are chosen, so that one more costs little.
const ROOM: usize = 12;

/// Where the digits of a UUID stand, four and four, and the dashes between them.
const DIGITS: [(usize, usize); 4] = [(0, 4), (9, 14), (19, 24), (28, 32)];
const DASHES: [usize; 4] = [8, 13, 18, 23];

/// The id of an event, in the order of its text. Nearly all are UUIDs, which take half the room of their text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum EventId {
    /// A UUID in small letters.
    Uuid([u8; 16]),
    /// Anything else.
    Text(Box<str>),
}

impl EventId {
    pub(super) fn of(text: &str) -> Self {
        Self::uuid(text).unwrap_or_else(|| Self::Text(text.into()))
    }

    /// The id that a UUID in small letters is.
    pub(super) fn uuid(text: &str) -> Option<Self> {
        let bytes: &[u8; 36] = text.as_bytes().try_into().ok()?;
        let four = |at: usize| bytes.get(at..)?.first_chunk::<4>().copied();
        let mut uuid = [0; 16];
        for (to, (left, right)) in uuid.as_chunks_mut::<4>().0.iter_mut().zip(DIGITS) {
            let ([a, b, c, d], [e, f, g, h]) = (four(left)?, four(right)?);
            *to = of_hex([a, b, c, d, e, f, g, h])?;
        }
        if !DASHES.iter().all(|at| bytes.get(*at) == Some(&b'-')) {
            return None;
        }
        Some(Self::Uuid(uuid))
    }
}

/// Four bytes of eight digits, if they are digits and small letters: all eight at once.
fn of_hex(digits: [u8; 8]) -> Option<[u8; 4]> {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let text = u64::from_le_bytes(digits);
    if text & (0x80 * EACH) != 0 {
        return None;
    }
    // A letter has the bit of 64 set, and its value is nine more than its last four bits.
    let value = (text & (0x0f * EACH)) + 9 * (text >> 6 & EACH);
    if value & (0xf0 * EACH) != 0 {
        return None;
    }
    // Written again, it must be what it was.
    let letter = (value + 6 * EACH) >> 4 & EACH;
    if value + 0x30 * EACH + 0x27 * letter != text {
        return None;
    }
    let pairs = value << 4 | value >> 8;
    let [a, _, b, _, c, _, d, _] = pairs.to_le_bytes();
    Some([a, b, c, d])
}

impl EventId {
    /// The id as it was written.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        self.write(&mut text);
        text
    }

    /// Writes the id as it was written behind `text`.
    pub(super) fn write(&self, text: &mut String) {
        match self {
            Self::Text(id) => text.push_str(id),
            Self::Uuid(uuid) => {
                let mut form = [b'-'; 36];
                let digit = |value: u8| value + if value < 10 { b'0' } else { b'a' - 10 };
                for (at, byte) in uuid.iter().enumerate() {
                    let dashes = at.clamp(2, 10) / 2 - 1;
                    if let Some([left, right]) =
                        form.get_mut(2 * at + dashes..).and_then(<[u8]>::first_chunk_mut)
                    {
                        (*left, *right) = (digit(byte >> 4), digit(byte & 0xf));
                    }
                }
                text.push_str(str::from_utf8(&form).unwrap_or_default());
            }
        }
    }
}

impl Ord for EventId {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Uuid(mine), Self::Uuid(other)) => mine.cmp(other),
            (Self::Text(mine), Self::Text(other)) => mine.cmp(other),
            _ => self.text().cmp(&other.text()),
        }
    }
}

impl PartialOrd for EventId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Time and id of the newest events.
#[derive(Clone, Debug, Default)]
pub(super) struct Samples {
    /// At most [`ROOM`]; the first `settled` are the newest of those that came before the others, in order.
    events: Vec<(Option<Time>, EventId)>,
    settled: usize,
}

impl PartialEq for Samples {
    fn eq(&self, other: &Self) -> bool {
        self.newest() == other.newest()
    }
}

impl Eq for Samples {}

impl Samples {
    /// Whether an event of this time may be one of the newest.
    #[inline]
    pub(super) fn wants(&self, time: Option<Time>) -> bool {
        let oldest = self.events.first().filter(|_| self.settled >= MAX_SAMPLES);
        oldest.is_none_or(|(oldest, _)| time >= *oldest)
    }

    /// Adds an event.
    #[inline]
    pub(super) fn add(&mut self, time: Option<Time>, id: EventId) {
        if !self.wants(time) {
            return;
        }
        if self.events.len() >= ROOM {
            choose(&mut self.events);
            self.settled = self.events.len();
        }
        if self.events.len() == self.events.capacity() {
            let more = if self.events.is_empty() {
                1
            } else {
                self.events.len()
            };
            self.events.reserve_exact(more.min(ROOM - self.events.len()));
        }
        self.events.push((time, id));
    }

    /// Takes in other samples.
    pub(super) fn merge(&mut self, other: Self) {
        if self.events.is_empty() {
            *self = other;
            return;
        }
        for (time, id) in other.events {
            self.add(time, id);
        }
    }

    /// The newest events, the oldest of them first.
    pub(super) fn newest(&self) -> Vec<(Option<Time>, EventId)> {
        let mut newest = self.events.clone();
        choose(&mut newest);
        newest
    }
}

impl FromIterator<(Option<Time>, EventId)> for Samples {
    fn from_iter<I: IntoIterator<Item = (Option<Time>, EventId)>>(events: I) -> Self {
        let mut samples = Self::default();
        for (time, id) in events {
            samples.add(time, id);
        }
        samples
    }
}

/// Leaves the newest events, in order and each once.
fn choose(events: &mut Vec<(Option<Time>, EventId)>) {
    events.sort_unstable();
    events.dedup();
    events.drain(..events.len().saturating_sub(MAX_SAMPLES));
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn ids_are_kept_as_they_are_written() {
        for (text, is_uuid) in [
            ("0b7c3f4e-52d1-4a86-9a3d-6d1f5e2a9c10", true),
            ("ffffffff-ffff-ffff-ffff-ffffffffffff", true),
            ("0B7C3F4E-52d1-4a86-9a3d-6d1f5e2a9c10", false),
            ("0b7c3f4e-52d1-4a86-9a3d-6d1f5e2a9cg0", false),
            ("0b7c3f4e-52d1-4a86-9a3d-6d1f5e2a9c:0", false),
            ("0b7c3f4e-52d1-4a86-9a3d-6d1f5e2a9c`0", false),
            ("0b7c3f4e-52d1-4a86-9a3d-6d1f5e2a9c\u{e9}", false),
            ("0b7c3f4e_52d1-4a86-9a3d-6d1f5e2a9c10", false),
            ("0b7c3f4e52d14a869a3d6d1f5e2a9c10", false),
            ("", false),
        ] {
            assert_eq!(EventId::uuid(text).is_some(), is_uuid, "{text}");
            assert_eq!(EventId::of(text).text(), text);
        }
    }

    #[test]
    fn every_byte_but_small_digits_is_refused() {
        for byte in 0..=255_u8 {
            let is_digit = byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
            for at in 0..8 {
                let mut digits = *b"01239abf";
                *digits.get_mut(at).unwrap() = byte;
                assert_eq!(of_hex(digits).is_some(), is_digit, "{byte} at {at}");
            }
        }
        assert_eq!(of_hex(*b"01239abf"), Some([0x01, 0x23, 0x9a, 0xbf]));
    }

    proptest! {
        #[test]
        fn the_newest_stay_in_whatever_order_they_come(
            events in proptest::collection::vec((proptest::option::of(0_u64..9), 0_u8..9, 0_u8..3), 0..60),
            at in 0_usize..60,
        ) {
            let events: Vec<(Option<Time>, EventId)> = events
                .iter()
                .map(|(time, id, kind)| {
                    let text = match kind {
                        0 => format!("0b7c3f4e-52d1-4a86-9a3d-6d1f5e2a9c1{id}"),
                        1 => format!("{id}"),
                        _ => format!("0b7c3f4e-52d1-4a86-9a3d-6d1f5e2a9cA{id}"),
                    };
                    (time.map(Time), EventId::of(&text))
                })
                .collect();
            let mut expected: Vec<(Option<Time>, String)> = events
                .iter()
                .map(|(time, id)| (*time, id.text()))
                .collect::<BTreeSet<_>>()
                .into_iter()
                .collect();
            expected.drain(..expected.len().saturating_sub(MAX_SAMPLES));
            let (left, right) = events.split_at(at.min(events.len()));
            let mut merged: Samples = right.iter().cloned().collect();
            merged.merge(left.iter().cloned().collect());
            let told: Vec<(Option<Time>, String)> =
                merged.newest().into_iter().map(|(time, id)| (time, id.text())).collect();
            prop_assert_eq!(told, expected);
        }
    }
}
