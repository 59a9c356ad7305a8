//! What was made of pieces of records before, by the pieces themselves.
//!
//! Records repeat what others said, byte for byte: who called, what, with which parameters. A piece is looked up as it is
//! written; only one that was not seen is parsed. All pieces of a record that count name the cell that it was folded into: a
//! record like it adds its time and id there, and nothing else. Everything is bounded: what comes again keeps its place, what
//! comes once makes room.
//!
//! Pieces are known by fingerprints of more than 75 bits under a secret that each run draws for itself, so that nobody can write
//! records of which two are taken for one, and chance would need some 10¹⁸ records for it.

use std::hash::{BuildHasher as _, RandomState};

use memchr::memmem::Finder;

use super::group_table::CellNumber;
use super::identity::MannerNumber;
use super::inputs::{Input, Value};
use super::operation::EventName;
use super::slices::{Field, Slices};

/// Parameters that are longer are not remembered.
const MAX_LENGTH: usize = 4_096;

/// A hash that stands for what was hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Fingerprint(u64, u64);

/// Makes fingerprints.
#[derive(Debug)]
struct Secret([u64; 4]);

impl Default for Secret {
    fn default() -> Self {
        let random = RandomState::new();
        Self([1_u8, 2, 3, 4].map(|n| random.hash_one(n)))
    }
}

impl Secret {
    /// The fingerprint of some parts in a row, told apart from all other parts in a row, behind `before`.
    #[inline]
    fn of(&self, before: Fingerprint, parts: &[&str]) -> Fingerprint {
        let [k0, k1, k2, k3] = self.0;
        let Fingerprint(mut a, mut b) = before;
        let mut take = |x: u64, y: u64| {
            a = product(x ^ a, y ^ k0);
            b = product(x ^ k1, y ^ b);
        };
        for part in parts {
            let (blocks, rest) = part.as_bytes().as_chunks::<32>();
            // Half of each block goes another way, since every step waits for the one before.
            let (mut c, mut d) = (k0, k1);
            for block in blocks {
                if let [one, other] = block.as_chunks::<16>().0 {
                    let ((x, y), (z, w)) = (words(one), words(other));
                    take(x, y);
                    c = product(z ^ c, w ^ k2);
                    d = product(z ^ k3, w ^ d);
                }
            }
            if !blocks.is_empty() {
                take(c, d);
            }
            let (block, rest) = rest.as_chunks::<16>();
            for block in block {
                let (x, y) = words(block);
                take(x, y);
            }
            let (x, y) = ends(rest);
            take(x, y ^ k2 ^ (part.len() as u64).rotate_left(32));
        }
        Fingerprint(product(a ^ k3, b ^ k2), product(a ^ k1, b ^ k3))
    }
}

/// Bytes as two numbers.
#[inline]
fn words(bytes: &[u8; 16]) -> (u64, u64) {
    let both = u128::from_le_bytes(*bytes);
    (both as u64, (both >> 64) as u64)
}

/// Fewer than 16 bytes as two numbers, which tell them apart from others of the same length.
#[inline]
fn ends(bytes: &[u8]) -> (u64, u64) {
    if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        return (u64::from_le_bytes(*first), u64::from_le_bytes(*last));
    }
    if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        return (
            u64::from(u32::from_le_bytes(*first)),
            u64::from(u32::from_le_bytes(*last)),
        );
    }
    let join = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
    (bytes.iter().fold(0, join), 0)
}

/// Both halves of a product.
#[inline]
fn product(x: u64, y: u64) -> u64 {
    let product = u128::from(x) * u128::from(y);
    product as u64 ^ (product >> 64) as u64
}

/// What was made of pieces of one kind: half a fingerprint and a value, two at the place that the other half tells. What comes
/// again moves to the front of its place; what comes once soon makes room.
#[derive(Debug)]
struct Pieces<V, const PLACES: usize>(Vec<Place<V>>);

type Place<V> = [(u64, Option<V>); 2];

impl<V, const PLACES: usize> Default for Pieces<V, PLACES> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<V: Copy, const PLACES: usize> Pieces<V, PLACES> {
    #[inline]
    fn find(&mut self, piece: Fingerprint) -> Option<V> {
        let [again, once] = self.0.get_mut(piece.0 as usize % PLACES)?;
        if again.0 == piece.1 {
            return again.1;
        }
        if once.0 != piece.1 {
            return None;
        }
        std::mem::swap(again, once);
        again.1
    }

    fn add(&mut self, piece: Fingerprint, value: V) {
        if self.0.is_empty() {
            self.0 = vec![[(0, None); 2]; PLACES];
        }
        if let Some([_, once]) = self.0.get_mut(piece.0 as usize % PLACES) {
            *once = (piece.1, Some(value));
        }
    }
}

/// What is known of an identity: in which manner it calls, or why nothing counts that it does.
pub(super) type KnownIdentity = Result<MannerNumber, &'static str>;

/// What is known of a call: everything short that a record says of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct KnownCall {
    /// Why it is none of an API call, if so.
    pub(super) skip: Option<&'static str>,
    /// The number of its account, region and kind; none for events that say nothing of those.
    pub(super) stream: Option<u32>,
    /// The number of its source and name.
    pub(super) event: EventName,
    /// Whether what it counts as hangs on parameters that are no inputs, as for KMS.
    pub(super) is_of_kms: bool,
}

/// Finds when the session of an identity began.
#[derive(Debug)]
struct Began {
    finder: Finder<'static>,
    /// Where it stood in the last identity of each length: others are mostly built the same.
    places: Vec<u16>,
}

impl Default for Began {
    fn default() -> Self {
        Self {
            finder: Finder::new("\"creationDate\":\""),
            places: vec![0; 1 << 10],
        }
    }
}

impl Began {
    /// An identity without the time at which its session began, which counts for nothing and mostly is the only thing new.
    fn around<'t>(&mut self, json: &'t str) -> [&'t str; 2] {
        const LENGTH: usize = "2026-11-04T08:30:00Z".len();
        let mut split = || {
            let (before, rest) = json.split_at_checked(self.find(json)?)?;
            let (date, after) = rest.split_at_checked(LENGTH)?;
            let is_of_date = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'-' | b'T' | b':' | b'Z');
            date.bytes().all(is_of_date).then_some([before, after])
        };
        split().unwrap_or([json, ""])
    }

    /// Where the time stands.
    fn find(&mut self, json: &str) -> Option<usize> {
        let needle = self.finder.needle();
        let mut last = self.places.get_mut(json.len());
        if let Some(place) = &last {
            let place = usize::from(**place);
            if json.as_bytes().get(place..place + needle.len()) == Some(needle) {
                return Some(place + needle.len());
            }
        }
        let found = self.finder.find(json.as_bytes())?;
        if let (Some(place), Ok(found)) = (&mut last, u16::try_from(found)) {
            **place = found;
        }
        Some(found + needle.len())
    }
}

/// What was made of records before.
#[derive(Debug, Default)]
pub(super) struct Memo {
    secret: Secret,
    began: Began,
    identities: Pieces<KnownIdentity, { 1 << 14 }>,
    calls: Pieces<KnownCall, { 1 << 12 }>,
    records: Pieces<CellNumber, { 1 << 15 }>,
    named: Pieces<CellNumber, { 1 << 14 }>,
}

impl Memo {
    /// What a record says of the call in few words, and what is known of it.
    #[inline]
    pub(super) fn call(&mut self, record: &Slices<'_>) -> (Fingerprint, Option<KnownCall>) {
        use Field::{AwsRegion, ErrorCode, EventCategory, EventName, EventSource};
        use Field::{EventType, ManagementEvent, RecipientAccountId};
        let call = record.row(EventSource, &[EventName, AwsRegion]);
        let kind = record.row(EventType, &[ManagementEvent, RecipientAccountId, EventCategory]);
        // Two long texts cost less than seven short ones.
        let piece = match (call, kind) {
            (Some(call), Some(kind)) => {
                let parts = [call, kind, record.json(ErrorCode)];
                self.secret.of(Fingerprint(0, 0), &parts)
            }
            _ => {
                let call = [EventSource, EventName, AwsRegion, ErrorCode];
                let kind = [EventType, ManagementEvent, RecipientAccountId, EventCategory];
                let parts = [call, kind].map(|fields| fields.map(|field| record.json(field)));
                self.secret.of(Fingerprint(1, 0), parts.as_flattened())
            }
        };
        (piece, self.calls.find(piece))
    }

    pub(super) fn learn_call(&mut self, piece: Fingerprint, call: KnownCall) {
        self.calls.add(piece, call);
    }

    /// The identity of a record, and what is known of it.
    #[inline]
    pub(super) fn identity(&mut self, record: &Slices<'_>) -> (Fingerprint, Option<KnownIdentity>) {
        let parts = self.began.around(record.json(Field::UserIdentity));
        let piece = self.secret.of(Fingerprint(0, 0), &parts);
        (piece, self.identities.find(piece))
    }

    pub(super) fn learn_identity(&mut self, piece: Fingerprint, identity: KnownIdentity) {
        self.identities.add(piece, identity);
    }

    /// Everything of a record that decides where it is folded; `None` when that is too much.
    #[inline]
    pub(super) fn record(
        &mut self,
        record: &Slices<'_>,
        call: Fingerprint,
        manner: MannerNumber,
    ) -> Option<(Fingerprint, Option<CellNumber>)> {
        let parts = [
            Field::UserAgent,
            Field::ErrorMessage,
            Field::RequestParameters,
            Field::Resources,
        ];
        let parts = parts.map(|field| record.json(field));
        if parts.iter().any(|part| part.len() > MAX_LENGTH) {
            return None;
        }
        let before = Fingerprint(call.0 ^ u64::from(manner.0), call.1);
        let piece = self.secret.of(before, &parts);
        Some((piece, self.records.find(piece)))
    }

    /// Remembers the cell that a record was folded into.
    pub(super) fn learn_record(&mut self, piece: Fingerprint, cell: CellNumber) {
        self.records.add(piece, cell);
    }

    /// Who made a call and what came of it; `nth` tells which of the operations of its name it is.
    pub(super) fn reply(
        &self,
        record: &Slices<'_>,
        call: Fingerprint,
        manner: MannerNumber,
        nth: u8,
    ) -> Fingerprint {
        let parts = [Field::UserAgent, Field::ErrorMessage].map(|field| record.json(field));
        let number = u64::from(manner.0) | u64::from(nth) << 32;
        self.secret.of(Fingerprint(call.0 ^ number, !call.1), &parts)
    }

    /// A [reply](Self::reply) with the inputs in place of the parameters: two requests may differ in nothing that names or chooses anything.
    pub(super) fn inputs<'i>(
        &mut self,
        record: &Slices<'_>,
        reply: Fingerprint,
        inputs: impl Iterator<Item = Input<'i>>,
    ) -> (Fingerprint, Option<CellNumber>) {
        let before = self.secret.of(reply, &[record.json(Field::Resources)]);
        let piece = inputs.fold(before, |piece, (path, value)| match value {
            Value::Text(text) => self.secret.of(piece, &[path, text]),
            Value::Hidden => self.secret.of(piece, &[path]),
        });
        (piece, self.records.find(piece))
    }

    /// A reply with nothing but the names that calls are [kept apart](super::inputs::is_anchor) by.
    pub(super) fn named<'i>(
        &mut self,
        reply: Fingerprint,
        anchors: impl Iterator<Item = (&'i str, &'i str)>,
    ) -> (Fingerprint, Option<CellNumber>) {
        let piece = anchors.fold(reply, |piece, (path, text)| self.secret.of(piece, &[path, text]));
        (piece, self.named.find(piece))
    }

    /// Remembers the cell that calls with these names are folded into.
    pub(super) fn learn_named(&mut self, piece: Fingerprint, cell: CellNumber) {
        self.named.add(piece, cell);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOTHING: Fingerprint = Fingerprint(0, 0);

    proptest! {
        #[test]
        fn fingerprints_tell_parts_apart(
            one in proptest::collection::vec("[ab]{0,20}", 0..4),
            other in proptest::collection::vec("[ab]{0,20}", 0..4),
        ) {
            let secret = Secret::default();
            let of = |parts: &[String]| {
                let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
                secret.of(NOTHING, &parts)
            };
            prop_assert_eq!(of(&one) == of(&other), one == other);
        }
    }

    #[test]
    fn short_parts_are_told_apart() {
        let secret = Secret::default();
        let texts = [
            "",
            "\0",
            "a",
            "\0a",
            "a\0",
            "ab",
            "abc",
            "abcd",
            "abcde",
            "abcdeabc",
            "abcdeabcd",
        ];
        for one in texts {
            for other in texts {
                let same = secret.of(NOTHING, &[one]) == secret.of(NOTHING, &[other]);
                assert_eq!(same, one == other, "{one:?} {other:?}");
            }
        }
        assert_ne!(secret.of(NOTHING, &["a"]), secret.of(Fingerprint(1, 0), &["a"]));
        assert_ne!(secret.of(NOTHING, &["a"]), Secret::default().of(NOTHING, &["a"]));
    }

    #[test]
    fn what_comes_again_is_kept() {
        let mut pieces = Pieces::<u64, 16>::default();
        let piece = |n: u64| Fingerprint(n, n + 1);
        for n in 0..1_000 {
            pieces.add(piece(n), n);
            assert_eq!(pieces.find(piece(n)), Some(n));
            assert_eq!(pieces.find(Fingerprint(n, u64::MAX)), None);
            // Those that come again are left by ones that come once.
            if n >= 16 {
                pieces.add(piece(n + 16), 0);
                assert_eq!(pieces.find(piece(n)), Some(n));
            }
        }
        assert_eq!(pieces.0.len(), 16);
    }

    #[test]
    fn identities_that_differ_in_when_they_began_are_one() {
        let identity =
            |date: &str| format!(r#"{{"arn":"a","attributes":{{"creationDate":"{date}"}},"b":1}}"#);
        let mut began = Began::default();
        let (one, other) = (identity("2026-11-04T08:30:00Z"), identity("2026-12-04T08:30:01Z"));
        assert_eq!(began.around(&one), began.around(&other));
        let odd = identity("2026-11-04T08:30:\\\"Z");
        assert_eq!(began.around(&odd), [odd.as_str(), ""]);
        assert_eq!(began.around("{}"), ["{}", ""]);
    }
}
