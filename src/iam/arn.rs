//! ARNs and the patterns of a statement's `Resource`, with `${Symbol}` parts that a stack fills in at deployment.

use std::fmt;

/// A resource as a statement names it: `*`, or an ARN whose parts may hold wildcards and `${Symbol}`s.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ArnPattern(String);

/// Fields of an ARN; the sixth takes the rest of the text, colons included.
const FIELDS: usize = 6;

impl ArnPattern {
    /// Wraps the text of a resource.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// `*`: every resource.
    pub fn any() -> Self {
        Self("*".to_owned())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is `*` alone.
    pub fn is_any(&self) -> bool {
        self.0 == "*"
    }

    /// The six fields of an ARN: `arn`, partition, service, region, account, resource. Colons inside a `${Symbol}` do
    /// not separate. `None` for a text with fewer fields.
    pub fn fields(&self) -> Option<[&str; FIELDS]> {
        fields(&self.0)
    }

    /// The six fields, a short ARN filled up with `*` as IAM does for identity policies.
    fn padded(&self) -> Option<[&str; FIELDS]> {
        if !self.0.starts_with("arn:") {
            return None;
        }
        let mut fields = ["*"; FIELDS];
        let mut rest = self.0.as_str();
        for (index, field) in fields.iter_mut().enumerate() {
            match split_at_colon(rest) {
                Some((head, after)) if index + 1 < FIELDS => {
                    *field = head;
                    rest = after;
                }
                _ => {
                    *field = rest;
                    break;
                }
            }
        }
        Some(fields)
    }

    /// The service field of the ARN, such as `dynamodb`.
    pub fn service(&self) -> Option<&str> {
        self.fields().map(|[_, _, service, ..]| service)
    }

    /// The part after the fifth colon, such as `table/${OrdersTable}`; the whole text when it is no ARN.
    pub fn resource_part(&self) -> &str {
        self.fields().map_or(self.as_str(), |[.., resource]| resource)
    }

    /// The resource as people say it: `table/Orders` for the ARN of a table of the same account and region, with the
    /// symbols bare; the whole text for anything else.
    pub fn short(&self) -> String {
        let Some([_, partition, service, region, account, own]) = self.fields() else {
            return self.0.clone();
        };
        let usual = |field: &str| field.is_empty() || field.starts_with("${AWS::") || field == "*";
        if !((partition == "aws" || usual(partition)) && usual(region) && usual(account)) {
            return self.0.clone();
        }
        let plain = short_part(&tokens(own));
        match service {
            "s3" | "sqs" | "sns" => format!("{service}:{plain}"),
            _ => plain,
        }
    }

    /// Whether every resource that `other` names is named by `self` too.
    ///
    /// Fields are compared one by one: a wildcard in one of the first five never crosses a colon. A `${Symbol}` stands
    /// for one unknown text: only the same symbol or a `*` covers it. In the partition, region and account fields a
    /// pseudo parameter (`${AWS::Region}`) and a literal count as equal: a stack that spells out its own region or
    /// account is deployed there.
    pub fn covers(&self, other: &Self) -> bool {
        self.relate(other, covers_tokens)
    }

    /// Whether some resource is named by both, with the same reading of symbols as [`ArnPattern::covers`].
    pub fn intersects(&self, other: &Self) -> bool {
        self.is_any() || other.is_any() || self.relate(other, intersects_tokens)
    }

    fn relate(&self, other: &Self, related: fn(&[Token<'_>], &[Token<'_>]) -> bool) -> bool {
        if self.is_any() || self == other {
            return true;
        }
        if other.is_any() {
            return false;
        }
        let (Some(mine), Some(theirs)) = (self.padded(), other.padded()) else {
            return related(&tokens(&self.0), &tokens(&other.0));
        };
        mine.iter()
            .zip(theirs)
            .enumerate()
            .all(|(index, (mine, theirs))| {
                (matches!(index, 1 | 3 | 4) && pseudo_and_literal(mine, theirs))
                    || related(&tokens(mine), &tokens(theirs))
            })
    }
}

impl fmt::Display for ArnPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether a `${Symbol}` stands in the text.
pub(crate) fn has_symbol(text: &str) -> bool {
    text.split_once("${").is_some_and(|(_, rest)| rest.contains('}'))
}

/// The fields of a text, as [`ArnPattern::fields`] has them.
pub(crate) fn fields(text: &str) -> Option<[&str; FIELDS]> {
    let mut fields = Vec::with_capacity(FIELDS);
    let mut rest = text;
    while fields.len() + 1 < FIELDS {
        let (field, after) = split_at_colon(rest)?;
        fields.push(field);
        rest = after;
    }
    fields.push(rest);
    fields.try_into().ok()
}

/// Splits at the first colon that is not inside `${…}`.
fn split_at_colon(text: &str) -> Option<(&str, &str)> {
    let mut depth = 0_usize;
    let mut previous = '\0';
    for (index, c) in text.char_indices() {
        match c {
            '{' if previous == '$' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ':' if depth == 0 => return Some((text.get(..index)?, text.get(index + 1..)?)),
            _ => {}
        }
        previous = c;
    }
    None
}

/// One is a pseudo parameter, the other a text without wildcard.
fn pseudo_and_literal(one: &str, other: &str) -> bool {
    let pseudo = |text: &str| text.starts_with("${AWS::") && text.ends_with('}');
    let literal = |text: &str| !text.is_empty() && !text.contains(['*', '?', '$']);
    (pseudo(one) && literal(other)) || (literal(one) && pseudo(other))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token<'a> {
    Char(char),
    Symbol(&'a str),
    Star,
    One,
}

/// The text with a stack's own symbol bare where it is a whole part between slashes or colons.
fn short_part(tokens: &[Token<'_>]) -> String {
    let edge = |token: Option<&Token<'_>>| matches!(token, None | Some(Token::Char('/' | ':')));
    let mut out = String::new();
    for (index, token) in tokens.iter().enumerate() {
        let whole =
            edge(index.checked_sub(1).and_then(|before| tokens.get(before))) && edge(tokens.get(index + 1));
        match token {
            Token::Char(c) => out.push(*c),
            Token::Star => out.push('*'),
            Token::One => out.push('?'),
            Token::Symbol(symbol)
                if whole && !symbol.starts_with("${AWS::") && !symbol.starts_with("${!") =>
            {
                out.push_str(symbol.trim_start_matches("${").trim_end_matches('}'));
            }
            Token::Symbol(symbol) => out.push_str(symbol),
        }
    }
    out
}

fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if rest.starts_with("${")
            && let Some(end) = rest.find('}')
            && let (Some(symbol), Some(after)) = (rest.get(..=end), rest.get(end + 1..))
        {
            tokens.push(Token::Symbol(symbol));
            rest = after;
            continue;
        }
        tokens.push(match c {
            '*' => Token::Star,
            '?' => Token::One,
            c => Token::Char(c),
        });
        rest = rest.get(c.len_utf8()..).unwrap_or_default();
    }
    tokens
}

/// Whether the pattern covers the other one: the other's wildcards and symbols are letters that only a `*` (or the same
/// symbol, or `?` for `?`) absorbs.
fn covers_tokens(pattern: &[Token<'_>], other: &[Token<'_>]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while let Some(letter) = other.get(t) {
        let fits = match (pattern.get(p), letter) {
            (Some(Token::Star), _) => {
                retry = Some((p + 1, t));
                p += 1;
                continue;
            }
            (Some(Token::One), Token::Char(_) | Token::One) => true,
            (Some(mine), theirs) => mine == theirs && *mine != Token::Star,
            (None, _) => false,
        };
        if fits {
            p += 1;
            t += 1;
        } else if let Some((after_star, from)) = retry {
            p = after_star;
            t = from + 1;
            retry = Some((after_star, t));
        } else {
            return false;
        }
    }
    pattern.iter().skip(p).all(|token| *token == Token::Star)
}

/// Whether some text fits both. Symbols stand for any text here, as two of them may name the same resource only when
/// they are the same symbol: a symbol meets a wildcard or itself.
fn intersects_tokens(one: &[Token<'_>], other: &[Token<'_>]) -> bool {
    let width = other.len() + 1;
    let mut reach = vec![false; width];
    let Some(first) = reach.first_mut() else {
        return false;
    };
    *first = true;
    close_over_stars(&mut reach, other);
    for token in one {
        let mut next = vec![false; width];
        for (index, _) in reach.iter().enumerate().filter(|(_, reached)| **reached) {
            step(*token, index, other, &mut next);
        }
        close_over_stars(&mut next, other);
        reach = next;
    }
    reach.last().copied().unwrap_or(false)
}

/// Positions reachable from `index` in `other` when `token` is read.
fn step(token: Token<'_>, index: usize, other: &[Token<'_>], next: &mut [bool]) {
    let mut mark = |position: usize| {
        if let Some(slot) = next.get_mut(position) {
            *slot = true;
        }
    };
    if token == Token::Star {
        (index..=other.len()).for_each(mark);
        return;
    }
    match other.get(index) {
        Some(Token::Star) => mark(index),
        Some(Token::One) if !matches!(token, Token::Symbol(_)) => mark(index + 1),
        Some(theirs) if *theirs == token => mark(index + 1),
        Some(Token::Char(_)) if token == Token::One => mark(index + 1),
        _ => {}
    }
}

/// A `*` of the other pattern may be empty.
fn close_over_stars(reach: &mut [bool], other: &[Token<'_>]) {
    for (index, token) in other.iter().enumerate() {
        if *token == Token::Star
            && reach.get(index).copied().unwrap_or(false)
            && let Some(slot) = reach.get_mut(index + 1)
        {
            *slot = true;
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    fn arn(text: &str) -> ArnPattern {
        ArnPattern::new(text)
    }

    const TABLE: &str = "arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/${Orders}";

    #[test]
    fn covering() {
        for (wide, narrow, expected) in [
            ("*", TABLE, true),
            (TABLE, "*", false),
            (TABLE, TABLE, true),
            ("arn:aws:dynamodb:*:*:table/*", TABLE, true),
            (
                "arn:aws:dynamodb:eu-west-1:111122223333:table/${Orders}",
                TABLE,
                true,
            ),
            (
                "arn:aws:dynamodb:eu-west-1:111122223333:table/orders",
                TABLE,
                false,
            ),
            (
                TABLE,
                "arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/${Orders}/index/*",
                false,
            ),
            ("arn:aws:s3:::b/*", "arn:aws:s3:::b/in/*", true),
            ("arn:aws:s3:::b/in/*", "arn:aws:s3:::b/*", false),
            ("arn:aws:s3:::*", "arn:aws:s3:::b", true),
            ("arn:aws:s3:::b?", "arn:aws:s3:::b*", false),
            (
                "arn:aws:ecs:*:*:task-definition/A:*",
                "arn:aws:ecs:r:a:task-definition/B:1",
                false,
            ),
            (
                "arn:aws:ecs:r:a:task-definition/A:1",
                "arn:aws:ecs:r:a:task-definition/A:2",
                false,
            ),
            ("arn:aws:sqs:*:q", "arn:aws:sqs:eu-west-1:1:q", false),
            ("arn:aws:sqs", "arn:aws:sqs:eu-west-1:1:q", true),
            ("arn:aws:sqs", "arn:aws:sns:eu-west-1:1:q", false),
            ("arn:aws:s3:::${A}?", "arn:aws:s3:::${A}b", true),
            ("arn:aws:s3:::${A}", "arn:aws:s3:::${B}", false),
            ("arn:aws:s3:::?", "arn:aws:s3:::${B}", false),
            ("bucket*", "bucket/a", true),
            ("bucket", "bucket/a", false),
        ] {
            assert_eq!(arn(wide).covers(&arn(narrow)), expected, "{wide} over {narrow}");
        }
    }

    #[test]
    fn intersecting() {
        for (one, other, expected) in [
            ("arn:aws:s3:::a*", "arn:aws:s3:::*b", true),
            ("arn:aws:s3:::a/*", "arn:aws:s3:::b/*", false),
            ("arn:aws:s3:::*", "arn:aws:s3:::${Bucket}", true),
            ("arn:aws:s3:::${A}", "arn:aws:s3:::${B}", false),
            (
                "arn:aws:ecs:*:*:task-definition/A:*",
                "arn:aws:ecs:*:*:task-definition/B:*",
                false,
            ),
        ] {
            assert_eq!(arn(one).intersects(&arn(other)), expected, "{one} with {other}");
            assert_eq!(arn(other).intersects(&arn(one)), expected, "{other} with {one}");
        }
    }

    #[test]
    fn a_pseudo_parameter_and_a_literal_count_as_equal_where_a_stack_is_deployed() {
        let with = |partition: &str, service: &str, region: &str, account: &str| {
            arn(&format!("arn:{partition}:{service}:{region}:{account}:q"))
        };
        let plain = with("aws", "sqs", "eu-west-1", "111122223333");
        for (other, expected) in [
            (
                with("${AWS::Partition}", "sqs", "eu-west-1", "111122223333"),
                true,
            ),
            (with("aws", "sqs", "${AWS::Region}", "111122223333"), true),
            (with("aws", "sqs", "eu-west-1", "${AWS::AccountId}"), true),
            (with("aws", "${AWS::Service}", "eu-west-1", "111122223333"), false),
            (with("aws", "sqs", "${Region}", "111122223333"), false),
            (with("aws", "sqs", "x${AWS::Region}", "111122223333"), false),
            (with("aws", "sqs", "${AWS::Region}-x", "111122223333"), false),
        ] {
            assert_eq!(plain.covers(&other), expected, "{other}");
            assert_eq!(other.covers(&plain), expected, "{other}");
        }
        let here = with("aws", "sqs", "${AWS::Region}", "1");
        for open in ["", "*", "eu-*", "eu-west-?", "${Region}"] {
            assert!(!here.covers(&with("aws", "sqs", open, "1")), "{open}");
        }
    }

    /// Every text of up to `longest` of the letters.
    pub(in crate::iam) fn texts(letters: &str, longest: usize) -> Vec<String> {
        let mut all = vec![String::new()];
        let mut last = all.clone();
        for _ in 0..longest {
            last = last
                .iter()
                .flat_map(|text| letters.chars().map(move |c| format!("{text}{c}")))
                .collect();
            all.extend(last.iter().cloned());
        }
        all
    }

    /// Whether the text is one of those that the pattern stands for, as the words say it.
    pub(in crate::iam) fn stands_for(pattern: &str, text: &str) -> bool {
        let mut letters = pattern.chars();
        let mut rest = text.chars();
        match letters.next() {
            None => text.is_empty(),
            Some('*') => {
                stands_for(letters.as_str(), text)
                    || rest.next().is_some() && stands_for(pattern, rest.as_str())
            }
            Some(letter) => {
                rest.next().is_some_and(|c| letter == '?' || letter == c)
                    && stands_for(letters.as_str(), rest.as_str())
            }
        }
    }

    #[test]
    fn short_patterns_are_related_as_the_texts_that_they_stand_for() {
        let names = texts("ab", 6);
        let patterns: Vec<_> = texts("ab*?", 3)
            .into_iter()
            .map(|pattern| {
                let matched: Vec<bool> = names.iter().map(|name| stands_for(&pattern, name)).collect();
                (arn(&format!("arn:aws:s3:::{pattern}")), matched)
            })
            .collect();
        for (one, mine) in &patterns {
            for (other, theirs) in &patterns {
                let common = mine.iter().zip(theirs).any(|(mine, theirs)| *mine && *theirs);
                assert_eq!(one.intersects(other), common, "{one} with {other}");
                let all = mine.iter().zip(theirs).all(|(mine, theirs)| *mine || !theirs);
                // Wildcards are compared letter by letter, which never finds too much.
                assert!(all || !one.covers(other), "{one} over {other}");
                if !other.as_str().contains(['*', '?']) {
                    assert_eq!(one.covers(other), all, "{one} over {other}");
                }
            }
        }
    }

    #[test]
    fn resources_are_shown_as_people_say_them() {
        for (text, shown) in [
            (
                "arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/${Orders}/index/*",
                "table/Orders/index/*",
            ),
            ("arn:${AWS::Partition}:s3:::${Bucket}/in/*", "s3:Bucket/in/*"),
            (
                "arn:aws:sqs:eu-west-1:111122223333:q",
                "arn:aws:sqs:eu-west-1:111122223333:q",
            ),
            ("*", "*"),
            ("arn:aws:sns:*::${AWS::StackName}-t?", "sns:${AWS::StackName}-t?"),
            ("arn:aws:logs:*:*:log-group:x${A}:${B}", "log-group:x${A}:B"),
            ("arn:aws:s3:eu-west-1::b", "arn:aws:s3:eu-west-1::b"),
            ("arn:aws:s3::1:b", "arn:aws:s3::1:b"),
            ("arn:aws-cn:s3:::b", "arn:aws-cn:s3:::b"),
            (
                "arn:aws:iam::aws:policy/x-${AWS::Region}",
                "arn:aws:iam::aws:policy/x-${AWS::Region}",
            ),
        ] {
            assert_eq!(arn(text).short(), shown);
        }
    }

    #[test]
    fn colons_in_symbols_do_not_separate() {
        assert_eq!(arn(TABLE).service(), Some("dynamodb"));
        assert_eq!(arn(TABLE).resource_part(), "table/${Orders}");
        assert_eq!(arn("arn:aws:s3:::a}b:c").resource_part(), "a}b:c");
        assert_eq!(arn("no-arn").resource_part(), "no-arn");
        assert_eq!(arn("a:b:c:d:e").fields(), None);
        let open = arn("arn:aws:sqs:${a{b:c}:1:q");
        assert_eq!(open.fields().map(|fields| fields[3]), Some("${a{b:c}"));
    }
}
