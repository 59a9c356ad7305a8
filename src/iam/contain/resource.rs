//! Resource patterns: what a statement's `Resource` names, and which resources are told apart by several of them.
//!
//! The domain is `*` (for actions that take no resource) and `arn:` with five more fields, the first four of them
//! without a colon. Fields are matched one by one: a wildcard never crosses one of the first five colons. A pattern with
//! fewer fields has more than one reading, and one with a hole (`${…}`) depends on what fills it: of such a pattern there
//! is a part that it surely names (`sure`) and a part that it may name (`maybe`).

use super::joint::Token;
use super::template::{Part, covers, fields, has_hole, parts};
use crate::iam::policy::PolicyKind;

/// Fields of an ARN.
const FIELDS: usize = 6;

/// Readings of a short pattern are not enumerated beyond this number; it may then name everything.
const MAX_READINGS: usize = 64;

type Fields = [Vec<Part>; FIELDS];

/// A resource pattern, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ResourcePattern {
    /// The text of the policy.
    pub(super) text: String,
    /// Names the resource `*`.
    pub(super) any: bool,
    /// What it names for sure, as patterns of what follows `arn:`.
    pub(super) sure: Vec<Vec<Token>>,
    /// What it may name beyond that; `None` when nothing is open.
    pub(super) maybe: Option<Vec<Vec<Token>>>,
    /// Whether it may name `*` too, when that is open.
    pub(super) maybe_any: bool,
    /// The six fields, when the text has them all.
    fields: Option<Fields>,
}

impl ResourcePattern {
    /// Reads a pattern of a policy of this kind.
    pub(super) fn read(text: &str, kind: PolicyKind) -> Self {
        let whole = parts(text, true);
        let mut read = Self {
            text: text.to_owned(),
            any: false,
            sure: Vec::new(),
            maybe: None,
            maybe_any: false,
            fields: None,
        };
        if !whole.is_empty() && whole.iter().all(|part| *part == Part::Star) {
            read.any = true;
            read.sure = vec![vec![Token::Star]];
            return read;
        }
        let split = fields(&whole, FIELDS);
        match <[&[Part]; FIELDS]>::try_from(split) {
            Ok(six) => read.whole_arn(six.map(<[Part]>::to_vec)),
            Err(short) => read.short_arn(&whole, &short, kind),
        }
        read
    }

    fn whole_arn(&mut self, six: Fields) {
        let arn = [Part::Char('a'), Part::Char('r'), Part::Char('n')];
        let [first, ..] = &six;
        let form = tokens(&six);
        if has_hole(first) {
            self.maybe = Some(vec![form]);
        } else if super::template::matches(first, "arn", false) {
            match six.iter().any(|field| has_hole(field)) {
                true => self.maybe = Some(vec![form]),
                false => self.sure = vec![form],
            }
        }
        if *first == arn {
            self.fields = Some(six);
        }
    }

    /// A pattern with fewer than six fields: IAM fills it up with `*`, other documents of AWS let a `*` cross colons.
    fn short_arn(&mut self, whole: &[Part], short: &[&[Part]], kind: PolicyKind) {
        let literal_arn = [Part::Char('a'), Part::Char('r'), Part::Char('n')];
        let starts_as_arn = short.first().is_some_and(|first| *first == literal_arn);
        if !starts_as_arn && !matches!(whole.first(), Some(Part::Hole(_))) {
            self.everything_maybe();
            return;
        }
        let crossing = Crossing::readings(whole);
        let Some(crossing) = crossing else {
            self.everything_maybe();
            return;
        };
        let mut filled: Fields = std::array::from_fn(|_| vec![Part::Star]);
        for (slot, field) in filled.iter_mut().zip(short) {
            *slot = field.to_vec();
        }
        let padded = tokens(&filled);
        let open = has_hole(whole) || !starts_as_arn;
        let ends_in_star = matches!(whole.last(), Some(Part::Star));
        let wild = whole.iter().any(|part| matches!(part, Part::Star | Part::One));
        let surely_padded = !open
            && match kind {
                PolicyKind::Resource => wild && (crossing.is_empty() || ends_in_star),
                _ => crossing.is_empty() || ends_in_star,
            };
        let mut readings: Vec<Vec<Token>> = crossing.iter().map(tokens).collect();
        match surely_padded {
            true => self.sure = vec![padded],
            false if starts_as_arn => readings.push(padded),
            false => {}
        }
        readings.retain(|reading| !self.sure.contains(reading));
        self.maybe = (!readings.is_empty()).then_some(readings);
    }

    fn everything_maybe(&mut self) {
        self.maybe = Some(vec![vec![Token::Star]]);
        self.maybe_any = true;
    }

    /// Whether it names all that `other` names, whatever fills the holes of both.
    pub(super) fn covers(&self, other: &Self) -> bool {
        if self.any || self.text == other.text {
            return true;
        }
        match (&self.fields, &other.fields) {
            (Some(mine), Some(theirs)) => mine.iter().zip(theirs).all(|(mine, theirs)| covers(mine, theirs)),
            _ => false,
        }
    }
}

/// What follows `arn:` as one row of tokens.
fn tokens(six: &Fields) -> Vec<Token> {
    let mut out = Vec::new();
    for (index, field) in six.iter().enumerate().skip(1) {
        if index > 1 {
            out.push(Token::Char(':'));
        }
        let in_field = index + 1 < FIELDS;
        for part in field {
            push(&mut out, part, in_field);
        }
    }
    out
}

/// Appends a part; a hole is any text that can fill it.
pub(super) fn push(out: &mut Vec<Token>, part: &Part, in_field: bool) {
    let (one, star) = match in_field {
        true => (Token::OneInField, Token::StarInField),
        false => (Token::One, Token::Star),
    };
    match part {
        Part::Char(c) => out.push(Token::Char(*c)),
        Part::One => out.push(one),
        Part::Star => out.push(star),
        Part::Hole(hole) => {
            if !hole.may_be_empty() {
                out.push(one);
            }
            out.push(star);
        }
    }
}

/// Enumerates where the five colons of an ARN can lie in a pattern whose wildcards cross colons.
struct Crossing {
    found: Vec<Fields>,
}

impl Crossing {
    /// Every reading as six fields; `None` when there are too many.
    fn readings(whole: &[Part]) -> Option<Vec<Fields>> {
        let mut crossing = Self { found: Vec::new() };
        crossing.walk(whole, vec![Vec::new()]).then(|| {
            crossing.found.retain(|[first, ..]| {
                matches!(first.as_slice(), [Part::Hole(_) | Part::Star, ..])
                    || super::template::matches(first, "arn", false)
            });
            crossing.found
        })
    }

    fn walk(&mut self, rest: &[Part], done: Vec<Vec<Part>>) -> bool {
        if done.len() == FIELDS {
            let mut six = done;
            if let Some(last) = six.last_mut() {
                last.extend(rest.iter().cloned());
            }
            if let Ok(six) = six.try_into() {
                self.found.push(six);
            }
            return self.found.len() <= MAX_READINGS;
        }
        let Some((part, after)) = rest.split_first() else {
            return true;
        };
        match part {
            Part::Char(':') => self.walk(after, crossed(done, 1, None)),
            Part::Star | Part::Hole(_) => (0..=FIELDS - done.len())
                .all(|times| self.walk(after, crossed(done.clone(), times, Some(&Part::Star)))),
            Part::One => {
                self.walk(after, crossed(done.clone(), 1, None))
                    && self.walk(after, crossed(done, 0, Some(part)))
            }
            Part::Char(_) => self.walk(after, crossed(done, 0, Some(part))),
        }
    }
}

/// Appends `edge` to the last field, then begins that many fields, each with `edge`.
fn crossed(mut done: Vec<Vec<Part>>, times: usize, edge: Option<&Part>) -> Vec<Vec<Part>> {
    if let Some(last) = done.last_mut() {
        last.extend(edge.cloned());
    }
    done.extend((0..times).map(|_| edge.cloned().into_iter().collect()));
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> ResourcePattern {
        ResourcePattern::read(text, PolicyKind::Identity)
    }

    fn shown(forms: &[Vec<Token>]) -> Vec<String> {
        let one = |token: &Token| match token {
            Token::Char(c) => *c,
            Token::One => '?',
            Token::OneInField => '!',
            Token::Star => '*',
            Token::StarInField => '+',
        };
        forms.iter().map(|form| form.iter().map(one).collect()).collect()
    }

    #[test]
    fn fields_are_matched_one_by_one() {
        assert_eq!(shown(&read("arn:aws:s3:*::b/*:x").sure), ["aws:s3:+::b/*:x"]);
        assert_eq!(shown(&read("*").sure), ["*"]);
        assert!(read("**").any);
    }

    #[test]
    fn a_short_arn_is_filled_up() {
        assert_eq!(shown(&read("arn:aws:s3").sure), ["aws:s3:+:+:*"]);
        assert_eq!(read("arn:aws:s3").maybe, None);
    }

    #[test]
    fn a_short_arn_with_wildcards_has_several_readings() {
        let short = read("arn:aws:dynamodb:*:table/p-*");
        assert_eq!(shown(&short.sure), ["aws:dynamodb:+:table/p-+:*"]);
        let maybe = shown(&short.maybe.unwrap_or_default());
        assert!(
            maybe.contains(&"aws:dynamodb:+:+:table/p-*".to_owned()),
            "{maybe:?}"
        );
        assert!(
            maybe.contains(&"aws:dynamodb:+:+:*:table/p-*".to_owned()),
            "{maybe:?}"
        );
    }

    #[test]
    fn a_symbol_can_be_a_whole_arn() {
        let queue = read("${Queue.Arn}/x");
        assert!(queue.sure.is_empty());
        assert_eq!(shown(&queue.maybe.unwrap_or_default()), ["+:+:+:+:*/x"]);
    }

    #[test]
    fn covering_is_by_field() {
        assert!(read("arn:aws:s3:::*").covers(&read("arn:aws:s3:::${B}/x")));
        assert!(!read("arn:aws:s3:::${A}").covers(&read("arn:aws:s3:::${B}")));
        assert!(read("arn:${AWS::Partition}:s3:::${A}*").covers(&read("arn:${AWS::Partition}:s3:::${A}/*")));
    }
}
