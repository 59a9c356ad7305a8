//! The values of one condition key that a set of clauses can tell apart.
//!
//! Of every key a request has no value, one value, or (where a set operator asks for it) several. Values fall into
//! finitely many classes: texts by the joint walk over all patterns, numbers, dates and addresses by the ends of the
//! listed ranges, `Bool` by its two values. A key that only one family of operators asks for is taken to hold values of
//! that family; where families mix, every combination is taken as possible.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::ops::ControlFlow;

use super::bits::Bits;
use super::budget::{Budget, OverBudget};
use super::clause::{Ask, Clause, Quantifier, Test};
use super::joint::{Domain, Patterns, Token, Wanted, explore};
use super::resource::push;
use super::scale::{Block, ONE, addresses, canonical_base64, date, date_text, number, number_text, samples};
use super::template::{Part, covers, fields, has_hole, parts};

/// More open truths than this at one value are not enumerated.
const MAX_OPEN: usize = 6;

/// More combinations of values of one key than this are not enumerated.
const MAX_ROWS: usize = 4096;

/// Stands for a value that no typed operator can read.
const NO_TYPE: &str = "x";

/// What a request holds for a key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum KeyValue {
    Absent,
    One(String),
    Many(Vec<String>),
}

/// A class of values: which clauses hold (by their position), and an example.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KeyAtom {
    pub(super) truth: Bits,
    pub(super) value: KeyValue,
}

/// A class of single values: which clauses list a match, and a value.
#[derive(Clone, Debug)]
struct Word {
    matched: Bits,
    /// Clauses of which nobody can tell.
    open: Bits,
    text: String,
}

/// Families of operators that agree on what a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Family {
    Text,
    Number,
    Date,
    Bool,
    Binary,
    Address,
}

/// The classes of values of one key, told apart by `clauses`, which all ask for it.
pub(super) fn atoms(clauses: &[&Clause], budget: &mut Budget) -> Result<Vec<KeyAtom>, OverBudget> {
    let asked = Asked::new(clauses);
    let words = asked.words(budget)?;
    let rows = asked.signed(&words)?;
    budget.spend(rows.len() * clauses.len() * 4)?;
    let mut out = Atoms::default();
    asked.absent(&mut out)?;
    if asked.single || !asked.sets {
        for (truth, text) in &rows {
            let truth = asked.with_null(truth.clone());
            out.add(truth, || KeyValue::One(text.clone()));
        }
    }
    if asked.sets {
        asked.many(&rows, budget, &mut out)?;
    }
    Ok(out.atoms)
}

/// Whether it is settled what these clauses, which all ask for one key, say of every value: they are of one family, and
/// each listed value can be read and has no hole.
pub(super) fn settled(clauses: &[&Clause]) -> bool {
    let readable = |clause: &&Clause| match &clause.ask {
        Ask::Null { .. } => true,
        Ask::Value { test, values, .. } => values.iter().all(|value| readable(*test, value)),
    };
    Asked::new(clauses).families.len() <= 1 && clauses.iter().all(readable)
}

fn readable(test: Test, listed: &str) -> bool {
    match test {
        Test::Text { .. } | Test::Arn => !has_hole(&value_parts(test, listed)),
        Test::Number(_) => number(listed).is_some(),
        Test::Date(_) => date(listed).is_some(),
        Test::Bool => is_bool(listed),
        Test::Binary => canonical_base64(listed).is_some(),
        Test::Address => Block::read(listed).is_some(),
        Test::Unknown => false,
    }
}

#[derive(Default)]
struct Atoms {
    met: BTreeSet<Bits>,
    atoms: Vec<KeyAtom>,
}

impl Atoms {
    fn add(&mut self, truth: Bits, value: impl FnOnce() -> KeyValue) {
        if self.met.insert(truth.clone()) {
            self.atoms.push(KeyAtom {
                truth,
                value: value(),
            });
        }
    }
}

struct Asked<'a> {
    clauses: &'a [&'a Clause],
    families: BTreeSet<Family>,
    single: bool,
    sets: bool,
}

impl<'a> Asked<'a> {
    fn new(clauses: &'a [&'a Clause]) -> Self {
        let mut families: BTreeSet<Family> = clauses.iter().filter_map(|clause| family(clause)).collect();
        if families.contains(&Family::Text) {
            // Beside text operators, `Bool` compares texts.
            families.remove(&Family::Bool);
        }
        let has = |wanted: fn(Quantifier) -> bool| {
            clauses
                .iter()
                .filter_map(|clause| clause.quantifier())
                .any(wanted)
        };
        Self {
            clauses,
            families,
            single: has(|quantifier| quantifier == Quantifier::Single),
            sets: has(|quantifier| quantifier != Quantifier::Single),
        }
    }

    fn none(&self) -> Bits {
        Bits::new(self.clauses.len())
    }

    /// Classes of single values over all families.
    fn words(&self, budget: &mut Budget) -> Result<Vec<Word>, OverBudget> {
        let mut words: Option<Vec<Word>> = None;
        for family in &self.families {
            let mut own = match family {
                Family::Text => self.texts(budget)?,
                typed => self.typed(*typed),
            };
            if self.families.len() > 1 && *family != Family::Text {
                // A value of no such kind matches nothing; whether it then satisfies `…Not…` is not settled.
                own.push(Word {
                    matched: self.none(),
                    open: self.negated_of(*family),
                    text: NO_TYPE.to_owned(),
                });
            }
            words = Some(match words {
                None => own,
                Some(before) => {
                    budget.spend(before.len() * own.len() * 8)?;
                    before
                        .iter()
                        .flat_map(|one| own.iter().map(move |other| one.joined(other)))
                        .collect()
                }
            });
        }
        let unknown = Bits::of(
            self.clauses.len(),
            self.positions(|clause| {
                matches!(
                    clause.ask,
                    Ask::Value {
                        test: Test::Unknown,
                        ..
                    }
                )
            }),
        );
        let plain = || {
            vec![Word {
                matched: self.none(),
                open: self.none(),
                text: "x".to_owned(),
            }]
        };
        let mut words = words.unwrap_or_else(plain);
        for word in &mut words {
            word.open = word.open.or(&unknown);
        }
        Ok(words)
    }

    fn positions(&self, wanted: impl Fn(&Clause) -> bool) -> impl Iterator<Item = usize> {
        let found: Vec<usize> = self
            .clauses
            .iter()
            .enumerate()
            .filter(|(_, clause)| wanted(clause))
            .map(|(position, _)| position)
            .collect();
        found.into_iter()
    }

    fn negated_of(&self, wanted: Family) -> Bits {
        let negated = |clause: &Clause| matches!(clause.ask, Ask::Value { negated: true, .. });
        Bits::of(
            self.clauses.len(),
            self.positions(|clause| family(clause) == Some(wanted) && negated(clause)),
        )
    }

    /// Clauses of a family with their test and values.
    fn listed(&self, wanted: Family) -> Vec<(usize, Test, &'a [String])> {
        self.clauses
            .iter()
            .enumerate()
            .filter(|(_, clause)| family(clause) == Some(wanted))
            .filter_map(|(position, clause)| match &clause.ask {
                Ask::Value { test, values, .. } => Some((position, *test, values.as_slice())),
                Ask::Null { .. } => None,
            })
            .collect()
    }

    fn texts(&self, budget: &mut Budget) -> Result<Vec<Word>, OverBudget> {
        let count = self.clauses.len();
        let mut patterns = Patterns::default();
        let mut open: BTreeMap<(Test, &str), (usize, Bits)> = BTreeMap::new();
        let mut listed = self.listed(Family::Text);
        listed.extend(self.listed(Family::Bool));
        for (position, test, values) in listed {
            for value in values {
                let fold = matches!(test, Test::Text { fold: true, .. } | Test::Bool);
                match tokens(test, value) {
                    Reading::Sure(tokens) => patterns.add(tokens, position, fold),
                    Reading::Never => {}
                    Reading::Maybe(tokens) => {
                        let group = count + open.len();
                        let entry = open.entry((test, value)).or_insert_with(|| {
                            patterns.add(tokens, group, fold);
                            (group, Bits::new(count))
                        });
                        entry.1.insert(position);
                    }
                }
            }
        }
        let mut words = Vec::new();
        let groups = count + open.len();
        let over = explore(
            &patterns,
            groups,
            &Wanted::All,
            Domain::Text,
            budget,
            |_, matched, text| {
                let sure = Bits::of(count, matched.iter());
                let open: Vec<_> = open
                    .iter()
                    .filter(|(_, (group, _))| matched.contains(*group))
                    .collect();
                match choices(&sure, &open) {
                    Some(choices) => {
                        words.extend(choices.into_iter().map(|matched| Word {
                            matched,
                            open: Bits::new(count),
                            text: text.clone(),
                        }));
                        ControlFlow::Continue(())
                    }
                    None => ControlFlow::Break(()),
                }
            },
        )?;
        match over {
            Some(()) => Err(OverBudget),
            None => Ok(words),
        }
    }

    fn typed(&self, wanted: Family) -> Vec<Word> {
        let listed = self.listed(wanted);
        let values = || {
            listed
                .iter()
                .flat_map(|(.., values)| values.iter().map(String::as_str))
        };
        let samples: Vec<String> = match wanted {
            Family::Number => {
                let listed = values().filter_map(number).collect();
                samples(&listed, ONE).into_iter().map(number_text).collect()
            }
            Family::Date => {
                let listed = values().filter_map(date).collect();
                samples(&listed, 1000).into_iter().map(date_text).collect()
            }
            Family::Address => {
                let blocks: Vec<Block> = values().filter_map(Block::read).collect();
                addresses(&blocks).iter().map(IpAddr::to_string).collect()
            }
            Family::Binary => {
                let known: BTreeSet<String> = values().filter_map(canonical_base64).collect();
                let fresh = ["cm9sZWZpdA==", "b3RoZXI=", "eA=="];
                let other = fresh
                    .iter()
                    .find(|text| !known.contains(**text))
                    .map(|text| (*text).to_owned());
                known.into_iter().chain(other).collect()
            }
            Family::Bool | Family::Text => vec!["true".to_owned(), "false".to_owned()],
        };
        samples
            .into_iter()
            .map(|text| {
                let mut word = Word {
                    matched: self.none(),
                    open: self.none(),
                    text,
                };
                for (position, test, values) in &listed {
                    for value in *values {
                        match holds(*test, value, &word.text) {
                            Some(true) => word.matched.insert(*position),
                            Some(false) => {}
                            None => word.open.insert(*position),
                        }
                    }
                }
                word.open = word.open.minus(&word.matched);
                word
            })
            .collect()
    }

    /// Which clauses hold of each value: matches, negated where the operator says so, open ones both ways.
    fn signed(&self, words: &[Word]) -> Result<Vec<(Bits, String)>, OverBudget> {
        let negated = Bits::of(
            self.clauses.len(),
            self.positions(|clause| matches!(clause.ask, Ask::Value { negated: true, .. })),
        );
        let values = Bits::of(
            self.clauses.len(),
            self.positions(|clause| matches!(clause.ask, Ask::Value { .. })),
        );
        let mut met = BTreeSet::new();
        let mut rows = Vec::new();
        for word in words {
            let flipped = word
                .matched
                .minus(&negated)
                .or(&negated.minus(&word.matched))
                .and(&values);
            for truth in both_ways(&flipped, &word.open)? {
                if met.insert(truth.clone()) {
                    rows.push((truth, word.text.clone()));
                }
            }
        }
        Ok(rows)
    }

    /// Adds the `Null` clauses that hold of a present key.
    fn with_null(&self, mut truth: Bits) -> Bits {
        for (position, clause) in self.clauses.iter().enumerate() {
            if matches!(clause.ask, Ask::Null { present: true, .. }) {
                truth.insert(position);
            }
        }
        truth
    }

    fn absent(&self, out: &mut Atoms) -> Result<(), OverBudget> {
        let mut truth = self.none();
        let mut open = self.none();
        for (position, clause) in self.clauses.iter().enumerate() {
            match clause.when_absent() {
                Some(true) => truth.insert(position),
                Some(false) => {}
                None => open.insert(position),
            }
        }
        for truth in both_ways(&truth, &open)? {
            out.add(truth, || KeyValue::Absent);
        }
        Ok(())
    }

    /// Several values at once. What counts of a set is which clauses hold of all its values and which of some.
    fn many(&self, rows: &[(Bits, String)], budget: &mut Budget, out: &mut Atoms) -> Result<(), OverBudget> {
        let quantified = |wanted: Quantifier| {
            Bits::of(
                self.clauses.len(),
                self.positions(|clause| clause.quantifier() == Some(wanted)),
            )
        };
        let (all, any) = (quantified(Quantifier::All), quantified(Quantifier::Any));
        let mut met: BTreeSet<Bits> = BTreeSet::new();
        let mut sets: Vec<(Bits, Vec<&str>)> = Vec::new();
        for (truth, text) in rows {
            let truth = truth.and(&all).or(&truth.and(&any));
            if met.insert(truth.clone()) {
                sets.push((truth, vec![text]));
            }
        }
        let seeds = sets.clone();
        let mut at = 0;
        while let Some((truth, texts)) = sets.get(at).cloned() {
            budget.spend(seeds.len() * (4 + self.clauses.len() / 16))?;
            for (seed, text) in &seeds {
                let joined = truth.and(seed).and(&all).or(&truth.or(seed).and(&any));
                if met.insert(joined.clone()) {
                    sets.push((joined, texts.iter().chain(text).copied().collect()));
                }
            }
            if sets.len() > MAX_ROWS {
                return Err(OverBudget);
            }
            at += 1;
        }
        for (truth, texts) in sets {
            let truth = self.with_null(truth);
            out.add(truth, || {
                let mut values: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
                if self.single && values.len() == 1 {
                    // One value would be a single value, too.
                    values.extend(values.clone());
                }
                KeyValue::Many(values)
            });
        }
        Ok(())
    }
}

impl Word {
    fn joined(&self, other: &Self) -> Self {
        Self {
            matched: self.matched.or(&other.matched),
            open: self.open.or(&other.open),
            text: match other.text == NO_TYPE {
                true => self.text.clone(),
                false => other.text.clone(),
            },
        }
    }
}

fn family(clause: &Clause) -> Option<Family> {
    let Ask::Value { test, .. } = &clause.ask else {
        return None;
    };
    Some(match test {
        Test::Text { .. } | Test::Arn => Family::Text,
        Test::Number(_) => Family::Number,
        Test::Date(_) => Family::Date,
        Test::Bool => Family::Bool,
        Test::Binary => Family::Binary,
        Test::Address => Family::Address,
        Test::Unknown => return None,
    })
}

/// The truths with every open one set either way.
fn both_ways(truth: &Bits, open: &Bits) -> Result<Vec<Bits>, OverBudget> {
    if open.len() > MAX_OPEN {
        return Err(OverBudget);
    }
    let mut all = vec![truth.clone()];
    for position in open.iter() {
        let flipped: Vec<Bits> = all
            .iter()
            .map(|truth| {
                let mut truth = truth.clone();
                match truth.contains(position) {
                    true => truth.remove(position),
                    false => truth.insert(position),
                }
                truth
            })
            .collect();
        all.extend(flipped);
    }
    Ok(all)
}

/// A test with its text, and the atom and bits that it may match.
type OpenTest<'a> = (&'a (Test, &'a str), &'a (usize, Bits));

/// Every way in which the open values can match, as far as one covering another leaves it open.
fn choices(sure: &Bits, open: &[OpenTest<'_>]) -> Option<Vec<Bits>> {
    if open.len() > MAX_OPEN {
        return None;
    }
    let read: Vec<Vec<Part>> = open
        .iter()
        .map(|((test, text), _)| value_parts(*test, text))
        .collect();
    let implies = |narrow: usize, wide: usize| match (open.get(narrow), open.get(wide)) {
        (Some(((one, _), _)), Some(((other, _), _))) if one == other => {
            match (read.get(narrow), read.get(wide)) {
                (Some(narrow), Some(wide)) => covers(wide, narrow),
                _ => false,
            }
        }
        _ => false,
    };
    let mut out = BTreeSet::new();
    for chosen in 0_u32..1 << open.len() {
        let is = |index: usize| chosen >> index & 1 == 1;
        let consistent = (0..open.len())
            .all(|narrow| !is(narrow) || (0..open.len()).all(|wide| is(wide) || !implies(narrow, wide)));
        if consistent {
            let matched = open.iter().enumerate().filter(|(index, _)| is(*index));
            out.insert(matched.fold(sure.clone(), |sum, (_, (_, (_, clauses)))| sum.or(clauses)));
        }
    }
    Some(out.into_iter().collect())
}

/// How a listed text value matches.
enum Reading {
    Sure(Vec<Token>),
    Never,
    Maybe(Vec<Token>),
}

fn value_parts(test: Test, value: &str) -> Vec<Part> {
    parts(value, matches!(test, Test::Text { like: true, .. } | Test::Arn))
}

fn tokens(test: Test, value: &str) -> Reading {
    let read = value_parts(test, value);
    let open = has_hole(&read);
    let mut out = Vec::new();
    if test == Test::Arn {
        let split = fields(&read, 6);
        if split.len() < 6 {
            // A symbol can be a whole ARN.
            return match open {
                true => Reading::Maybe(vec![Token::Star]),
                false => Reading::Never,
            };
        }
        for (index, field) in split.iter().enumerate() {
            if index > 0 {
                out.push(Token::Char(':'));
            }
            field.iter().for_each(|part| push(&mut out, part, index < 5));
        }
    } else {
        read.iter().for_each(|part| push(&mut out, part, false));
    }
    match open || (test == Test::Bool && !is_bool(value)) {
        true => Reading::Maybe(out),
        false => Reading::Sure(out),
    }
}

fn is_bool(value: &str) -> bool {
    value.eq_ignore_ascii_case("true") || value.eq_ignore_ascii_case("false")
}

/// Whether a listed value of a typed operator matches a value; `None` when the listed one has no meaning.
fn holds(test: Test, listed: &str, value: &str) -> Option<bool> {
    match test {
        Test::Number(comparison) => Some(comparison.holds(number(value)?, number(listed)?)),
        Test::Date(comparison) => Some(comparison.holds(date(value)?, date(listed)?)),
        Test::Bool => is_bool(listed).then(|| listed.eq_ignore_ascii_case(value)),
        Test::Binary => Some(canonical_base64(value)? == canonical_base64(listed)?),
        Test::Address => Some(Block::read(listed)?.holds(value.parse().ok()?)),
        Test::Text { .. } | Test::Arn | Test::Unknown => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_open_values_are_tried_and_no_more() {
        let texts: Vec<String> = (0..=MAX_OPEN).map(|index| format!("${{S{index}}}")).collect();
        let test = Test::Text {
            like: false,
            fold: false,
        };
        let tests: Vec<(Test, &str)> = texts.iter().map(|text| (test, text.as_str())).collect();
        let clauses: Vec<(usize, Bits)> = (0..texts.len())
            .map(|index| (index, Bits::of(texts.len(), [index])))
            .collect();
        let open: Vec<OpenTest<'_>> = tests.iter().zip(&clauses).collect();
        let none = Bits::new(texts.len());
        assert_eq!(choices(&none, &open), None);
        let fewer = open.get(1..).unwrap_or_default();
        assert_eq!(choices(&none, fewer).map(|all| all.len()), Some(1 << MAX_OPEN));
    }
}
