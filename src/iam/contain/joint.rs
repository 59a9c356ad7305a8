//! Runs many wildcard patterns together, to find every combination of patterns that one text can match at once.
//!
//! Each pattern is a row of positions in one long bit vector; reading a character moves all patterns by a shift and
//! two masks. A breadth-first walk over the reachable vectors meets every combination, each with a shortest text. The
//! alphabet at a vector is finite: the characters that some live position waits for, the colon, and one character that
//! stands for all others.

#![allow(
    clippy::indexing_slicing,
    reason = "the inner loop; every index is a bit position below the length the vectors are made with"
)]

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ops::ControlFlow;

use super::bits::Bits;
use super::budget::{Budget, OverBudget};
use super::template::lower;

/// A piece of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Token {
    /// This character.
    Char(char),
    /// Any one character.
    One,
    /// Any one character but a colon.
    OneInField,
    /// Any run.
    Star,
    /// Any run without a colon.
    StarInField,
}

/// Which texts there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Domain {
    /// The name of an action: not empty, no colon.
    Name,
    /// Any text.
    Text,
    /// What follows `arn:` in an ARN: at least four colons.
    AfterArn,
}

impl Domain {
    /// Colons that a text must have.
    fn colons(self) -> u8 {
        match self {
            Self::AfterArn => 4,
            _ => 0,
        }
    }
}

/// Patterns to run together; each belongs to a group, and what is asked is which groups match.
#[derive(Debug, Default)]
pub(super) struct Patterns {
    rows: Vec<(Vec<Token>, usize, bool)>,
}

impl Patterns {
    /// Adds a pattern; with `fold` its characters match in either case.
    pub(super) fn add(&mut self, tokens: Vec<Token>, group: usize, fold: bool) {
        self.rows.push((tokens, group, fold));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

/// Which texts are worth following.
pub(super) enum Wanted {
    /// All.
    All,
    /// Those that can still match one of these groups.
    AnyOf(Bits),
}

type Vector = Box<[u64]>;

/// The patterns as masks over one bit vector.
struct Joint {
    words: usize,
    groups: usize,
    /// Position → the character it waits for.
    waits: Vec<Option<(char, bool)>>,
    by_char: BTreeMap<char, Vector>,
    one: Vector,
    one_in_field: Vector,
    literal: Vector,
    loops: Vector,
    loops_in_field: Vector,
    start: Vector,
    /// Last positions and their groups.
    ends: Vec<(usize, usize)>,
    accepting: Vector,
    /// Last positions with an unbounded loop: the group matches whatever follows.
    tails: Vector,
    group_of: Vec<usize>,
    group_mask: Vec<Vector>,
    canonical_tail: Vec<Option<usize>>,
    wanted: Option<Vector>,
    other: char,
}

fn set(vector: &mut [u64], position: usize) {
    vector[position / 64] |= 1 << (position % 64);
}

fn ones(vector: &[u64]) -> impl Iterator<Item = usize> + '_ {
    vector.iter().enumerate().flat_map(|(index, word)| {
        let mut rest = *word;
        std::iter::from_fn(move || {
            (rest != 0).then(|| {
                let low = rest.trailing_zeros() as usize;
                rest &= rest - 1;
                index * 64 + low
            })
        })
    })
}

fn meets(one: &[u64], other: &[u64]) -> bool {
    one.iter().zip(other).any(|(a, b)| a & b != 0)
}

impl Joint {
    fn new(patterns: &Patterns, groups: usize, wanted: &Wanted) -> Self {
        let positions: usize = patterns
            .rows
            .iter()
            .map(|(tokens, ..)| 1 + tokens.iter().filter(|token| !token.is_star()).count())
            .sum();
        let words = positions.div_ceil(64).max(1);
        let empty = || vec![0_u64; words].into_boxed_slice();
        let mut joint = Self {
            words,
            groups,
            waits: vec![None; positions],
            by_char: BTreeMap::new(),
            one: empty(),
            one_in_field: empty(),
            literal: empty(),
            loops: empty(),
            loops_in_field: empty(),
            start: empty(),
            ends: Vec::new(),
            accepting: empty(),
            tails: empty(),
            group_of: vec![0; positions],
            group_mask: vec![empty(); groups],
            canonical_tail: vec![None; groups],
            wanted: None,
            other: 'x',
        };
        let mut position = 0;
        for (tokens, group, fold) in &patterns.rows {
            position = joint.row(position, tokens, *group, *fold);
        }
        if let Wanted::AnyOf(wanted) = wanted {
            let mut mask = empty();
            for group in wanted.iter() {
                mask.iter_mut()
                    .zip(&joint.group_mask[group])
                    .for_each(|(word, more)| *word |= more);
            }
            joint.wanted = Some(mask);
        }
        joint.other = joint.other_character();
        joint
    }

    /// Lays a pattern out from `position` on; returns the position after it.
    fn row(&mut self, mut position: usize, tokens: &[Token], group: usize, fold: bool) -> usize {
        set(&mut self.start, position);
        let words = self.words;
        for token in tokens {
            match token {
                Token::Star => set(&mut self.loops, position),
                Token::StarInField => set(&mut self.loops_in_field, position),
                Token::One => set(&mut self.one, position),
                Token::OneInField => set(&mut self.one_in_field, position),
                Token::Char(c) => {
                    set(&mut self.literal, position);
                    self.waits[position] = Some((*c, fold));
                    for c in spellings(*c, fold) {
                        let mask = self
                            .by_char
                            .entry(c)
                            .or_insert_with(|| vec![0; words].into_boxed_slice());
                        set(mask, position);
                    }
                }
            }
            self.group_of[position] = group;
            set(&mut self.group_mask[group], position);
            position += usize::from(!token.is_star());
        }
        self.group_of[position] = group;
        set(&mut self.group_mask[group], position);
        set(&mut self.accepting, position);
        self.ends.push((position, group));
        if self.loops[position / 64] >> (position % 64) & 1 == 1 {
            set(&mut self.tails, position);
            self.canonical_tail[group].get_or_insert(position);
        }
        position + 1
    }

    /// A character that no pattern waits for.
    fn other_character(&self) -> char {
        "xyzqwvkjnpa0123456789-_"
            .chars()
            .chain('b'..='z')
            .chain('\u{c0}'..='\u{ff}')
            .chain('\u{100}'..)
            .find(|c| !self.by_char.contains_key(c) && !self.by_char.contains_key(&lower(*c)))
            .unwrap_or('\u{fffd}')
    }

    /// The vector after reading `c`.
    fn step(&self, from: &[u64], c: char) -> Vector {
        let mut next = vec![0; self.words].into_boxed_slice();
        let by_char = self.by_char.get(&c);
        let mut carry = 0;
        for index in 0..self.words {
            let (mut moves, mut stays) = (self.one[index], self.loops[index]);
            if c != ':' {
                moves |= self.one_in_field[index];
                stays |= self.loops_in_field[index];
            }
            if let Some(mask) = by_char {
                moves |= mask[index];
            }
            let moved = from[index] & moves;
            next[index] = (moved << 1) | carry | (from[index] & stays);
            carry = moved >> 63;
        }
        self.settle(&mut next);
        next
    }

    /// A group that matches whatever follows needs no other position.
    fn settle(&self, vector: &mut [u64]) {
        if !meets(vector, &self.tails) {
            return;
        }
        let done: BTreeSet<usize> = ones(vector)
            .filter(|position| self.tails[position / 64] >> (position % 64) & 1 == 1)
            .map(|position| self.group_of[position])
            .collect();
        for group in done {
            vector
                .iter_mut()
                .zip(&self.group_mask[group])
                .for_each(|(word, mask)| *word &= !mask);
            if let Some(tail) = self.canonical_tail[group] {
                set(vector, tail);
            }
        }
    }

    fn matched(&self, vector: &[u64]) -> Bits {
        let mut groups = Bits::new(self.groups);
        if meets(vector, &self.accepting) {
            let ends = ones(vector).filter(|p| self.accepting[p / 64] >> (p % 64) & 1 == 1);
            ends.for_each(|position| groups.insert(self.group_of[position]));
        }
        groups
    }

    fn is_live(&self, vector: &[u64]) -> bool {
        self.wanted.as_ref().is_none_or(|wanted| meets(vector, wanted))
    }

    /// The characters that lead to different vectors from here.
    fn alphabet(&self, vector: &[u64], domain: Domain, out: &mut Vec<char>) {
        out.clear();
        for (index, (live, literal)) in vector.iter().zip(&self.literal).enumerate() {
            let mut rest = live & literal;
            while rest != 0 {
                let position = index * 64 + rest.trailing_zeros() as usize;
                rest &= rest - 1;
                if let Some((c, fold)) = self.waits[position] {
                    out.extend(spellings(c, fold));
                }
            }
        }
        // Plain characters first: the first shortest text is what people will read.
        out.retain(|c| *c != ':');
        out.sort_unstable();
        out.dedup();
        out.insert(0, self.other);
        if domain != Domain::Name {
            out.push(':');
        }
    }
}

impl Token {
    fn is_star(self) -> bool {
        matches!(self, Self::Star | Self::StarInField)
    }
}

/// How a character of a pattern can be spelled in a text.
fn spellings(c: char, fold: bool) -> impl Iterator<Item = char> {
    let upper = match fold {
        true => {
            let mut upper = c.to_uppercase();
            match (upper.next(), upper.next()) {
                (Some(one), None) if lower(one) == lower(c) => Some(one),
                _ => None,
            }
        }
        false => None,
    };
    let own = if fold { lower(c) } else { c };
    [Some(own), upper.filter(|upper| *upper != own)]
        .into_iter()
        .flatten()
}

/// A vector that was reached, and how.
struct Node {
    parent: usize,
    read: char,
    colons: u8,
    vector: Vector,
}

/// Meets every combination of matching groups once, each with a shortest text, until `visit` breaks.
///
/// # Errors
/// When the budget does not suffice.
pub(super) fn explore<B>(
    patterns: &Patterns,
    groups: usize,
    wanted: &Wanted,
    domain: Domain,
    budget: &mut Budget,
    mut visit: impl FnMut(&mut Budget, &Bits, String) -> ControlFlow<B>,
) -> Result<Option<B>, OverBudget> {
    let joint = Joint::new(patterns, groups, wanted);
    let mut start = joint.start.clone();
    joint.settle(&mut start);
    budget.spend(joint.words * 8)?;
    let mut nodes = vec![Node {
        parent: 0,
        read: '\0',
        colons: 0,
        vector: start,
    }];
    // The start is not among the known: a longer text that leads back to it counts where the empty one does not.
    let mut known: HashSet<(u8, Vector)> = HashSet::new();
    let mut met: BTreeSet<Bits> = BTreeSet::new();
    let mut alphabet = Vec::new();
    let mut at = 0;
    while at < nodes.len() {
        let node = &nodes[at];
        let vector = node.vector.clone();
        let colons = node.colons;
        if !joint.is_live(&vector) {
            at += 1;
            continue;
        }
        // The empty text is no name; elsewhere it comes last, since a reader expects a witness to say something.
        if colons >= domain.colons() && at > 0 {
            let groups = joint.matched(&vector);
            if met.insert(groups.clone())
                && let ControlFlow::Break(found) = visit(budget, &groups, spell(&nodes, at))
            {
                return Ok(Some(found));
            }
        }
        joint.alphabet(&vector, domain, &mut alphabet);
        budget.spend(joint.words * (4 + alphabet.len()) + 40 * alphabet.len())?;
        for c in &alphabet {
            let next = joint.step(&vector, *c);
            if !joint.is_live(&next) {
                continue;
            }
            let colons = (colons + u8::from(*c == ':')).min(domain.colons());
            let key = (colons, next);
            if known.contains(&key) {
                continue;
            }
            nodes.push(Node {
                parent: at,
                read: *c,
                colons,
                vector: key.1.clone(),
            });
            known.insert(key);
        }
        at += 1;
    }
    if domain == Domain::Text && joint.is_live(&nodes[0].vector) {
        let groups = joint.matched(&nodes[0].vector);
        if met.insert(groups.clone())
            && let ControlFlow::Break(found) = visit(budget, &groups, String::new())
        {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// The text that leads to a node.
fn spell(nodes: &[Node], mut at: usize) -> String {
    let mut reversed = Vec::new();
    while at != 0 {
        reversed.push(nodes[at].read);
        at = nodes[at].parent;
    }
    reversed.iter().rev().collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn tokens(text: &str) -> Vec<Token> {
        text.chars()
            .map(|c| match c {
                '*' => Token::Star,
                '?' => Token::One,
                '+' => Token::StarInField,
                c => Token::Char(c),
            })
            .collect()
    }

    fn combinations(texts: &[&str], domain: Domain) -> BTreeMap<Vec<usize>, String> {
        let mut patterns = Patterns::default();
        for (group, text) in texts.iter().enumerate() {
            patterns.add(tokens(text), group, false);
        }
        let mut found = BTreeMap::new();
        let mut budget = Budget::new(1 << 30);
        explore(
            &patterns,
            texts.len(),
            &Wanted::All,
            domain,
            &mut budget,
            |_, groups, text| {
                found.insert(groups.iter().collect::<Vec<_>>(), text);
                ControlFlow::<()>::Continue(())
            },
        )
        .unwrap();
        found
    }

    #[test]
    fn every_combination_is_met_with_a_shortest_text() {
        let found = combinations(&["a*", "*b", "a?b"], Domain::Text);
        let keys: Vec<_> = found.keys().cloned().collect();
        assert_eq!(keys, [vec![], vec![0], vec![0, 1], vec![0, 1, 2], vec![1]]);
        assert_eq!(found[&vec![0, 1]], "ab");
        assert_eq!(found[&vec![0, 1, 2]].len(), 3);
    }

    #[test]
    fn a_run_within_a_field_stops_at_a_colon() {
        let found = combinations(&["a:+:b", "a:*:b"], Domain::Text);
        assert!(found.contains_key(&vec![0, 1]));
        assert_eq!(found[&vec![1]], "a:::b");
        assert!(!found.contains_key(&vec![0]));
    }

    #[test]
    fn what_follows_arn_has_its_colons() {
        let found = combinations(&["*", "a:*"], Domain::AfterArn);
        assert_eq!(found[&vec![0]], "::::");
        assert_eq!(found[&vec![0, 1]], "a::::");
    }

    #[test]
    fn examples_are_of_characters_that_people_can_read() {
        let found = combinations(&["?", "x", "y"], Domain::Text);
        assert_eq!(found[&vec![0]], "z");
        let every: String = ('0'..='z').chain(['-']).collect();
        let texts: Vec<String> = std::iter::once("?".to_owned())
            .chain(every.chars().filter(|c| !"*?+".contains(*c)).map(String::from))
            .collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        assert_eq!(combinations(&texts, Domain::Text)[&vec![0]], "\u{c0}");
    }

    #[test]
    fn runs_may_be_stayed_in_and_left_at_once() {
        let found = combinations(&["*a*b", "a*a*b", "aab"], Domain::Text);
        assert_eq!(found[&vec![0, 1, 2]], "aab");
        assert_eq!(found[&vec![0, 1]].len(), 4);
        assert_eq!(found[&vec![0]], "ab");
    }

    #[test]
    fn patterns_longer_than_a_word_of_bits_are_read_on() {
        let long = "a".repeat(70);
        let found = combinations(&[&format!("{long}*"), &format!("*{long}b")], Domain::Text);
        assert_eq!(found[&vec![0]], long);
        assert_eq!(found[&vec![0, 1]], format!("{long}b"));
        assert_eq!(found[&vec![1]].len(), 72);
    }

    #[test]
    fn only_what_is_wanted_is_followed() {
        let mut patterns = Patterns::default();
        patterns.add(tokens("a*"), 0, true);
        patterns.add(tokens("b*"), 1, true);
        let mut found = Vec::new();
        explore(
            &patterns,
            2,
            &Wanted::AnyOf(Bits::of(2, [1])),
            Domain::Name,
            &mut Budget::new(1 << 20),
            |_, groups, text| {
                found.push((groups.iter().collect::<Vec<_>>(), text));
                ControlFlow::<()>::Continue(())
            },
        )
        .unwrap();
        assert_eq!(found, [(vec![1], "B".to_owned())]);
    }

    #[test]
    fn names_are_not_empty_and_have_no_colon() {
        let found = combinations(&["*", "?"], Domain::Name);
        assert_eq!(found[&vec![0, 1]].len(), 1);
        assert_eq!(found[&vec![0]].len(), 2);
        assert!(!found.contains_key(&vec![]));
    }
}
