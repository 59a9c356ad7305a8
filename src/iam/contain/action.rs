//! Classes of actions: which sets of action lists one action can match at once, each with an action as example.
//!
//! An action is `prefix:name`; both parts ignore case. Every pattern is split at the colon, so that the name patterns
//! of each prefix are explored on their own. In the open universe any name is an action, known or not; in a known
//! universe only the listed actions are, and those that a policy spells out.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use super::bits::Bits;
use super::budget::{Budget, OverBudget};
use super::joint::{Domain, Patterns, Token, Wanted, explore};

/// Which actions there are.
#[derive(Clone, Copy, Debug, Default)]
pub enum Universe<'a> {
    /// Every `prefix:name`, also those that AWS has yet to invent: `sts:*` is more than today's list.
    #[default]
    Open,
    /// These actions (`prefix:Name`), and those that a policy spells out without wildcard.
    Known(&'a KnownActions),
}

/// A list of actions, arranged for look-up by prefix.
#[derive(Clone, Debug, Default)]
pub struct KnownActions {
    /// Prefix in lower case → names as AWS spells them with their lower case, sorted.
    by_prefix: BTreeMap<String, Vec<(String, String)>>,
}

impl KnownActions {
    /// Arranges actions given as `prefix:Name`; texts of another form are left out.
    pub fn new<'a>(actions: impl IntoIterator<Item = &'a str>) -> Self {
        let mut by_prefix: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
        for (prefix, name) in actions.into_iter().filter_map(|action| action.split_once(':')) {
            let entry = by_prefix.entry(prefix.to_ascii_lowercase()).or_default();
            entry.push((name.to_ascii_lowercase(), name.to_owned()));
        }
        for names in by_prefix.values_mut() {
            names.sort();
            names.dedup_by(|a, b| a.0 == b.0);
        }
        Self { by_prefix }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.by_prefix.is_empty()
    }

    /// The actions that a pattern names.
    pub fn matching(&self, pattern: &str) -> Vec<String> {
        let mut found = BTreeSet::new();
        for (prefix, name) in split(pattern) {
            let prefixes: Vec<&String> = match is_wild(&prefix) {
                true => self
                    .by_prefix
                    .keys()
                    .filter(|known| glob_matches(&prefix, &known.chars().collect::<Vec<_>>()))
                    .collect(),
                false => {
                    let prefix: String = prefix.into_iter().collect();
                    self.by_prefix
                        .get_key_value(&prefix)
                        .map(|(known, _)| known)
                        .into_iter()
                        .collect()
                }
            };
            for known in prefixes {
                let hits = self.names(known).iter();
                let hits = hits.filter(|(lower, _)| glob_matches(&name, &lower.chars().collect::<Vec<_>>()));
                found.extend(hits.map(|(_, spelled)| format!("{known}:{spelled}")));
            }
        }
        found.into_iter().collect()
    }

    /// The fewest patterns that name these actions and no other known one; a wildcard stands only at the end of a word
    /// (`Get*`, `GetObject*`), for names that share it.
    pub fn shortest(&self, actions: &BTreeSet<String>) -> Vec<String> {
        let mut by_prefix: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        let mut out = Vec::new();
        for action in actions {
            match action.split_once(':') {
                Some((prefix, name)) => {
                    by_prefix.entry(prefix).or_default().insert(name);
                }
                None => out.push(action.clone()),
            }
        }
        for (prefix, wanted) in by_prefix {
            let known = self.names(prefix);
            let known: BTreeSet<&str> = known.iter().map(|(_, name)| name.as_str()).collect();
            let mut names = Vec::new();
            shorten("", &known, &wanted, &mut names);
            names.extend(wanted.difference(&known).map(|name| (*name).to_owned()));
            out.extend(names.into_iter().map(|name| format!("{prefix}:{name}")));
        }
        out
    }

    fn names(&self, prefix: &str) -> &[(String, String)] {
        self.by_prefix.get(prefix).map_or(&[], Vec::as_slice)
    }
}

/// Patterns for the wanted names that begin with `stem`, which ends a word.
fn shorten(stem: &str, known: &BTreeSet<&str>, wanted: &BTreeSet<&str>, out: &mut Vec<String>) {
    let here: Vec<&str> = known
        .iter()
        .copied()
        .filter(|name| name.starts_with(stem))
        .collect();
    let wanted_here: Vec<&str> = here
        .iter()
        .copied()
        .filter(|name| wanted.contains(name))
        .collect();
    match wanted_here.as_slice() {
        [] => {}
        [one] => out.push((*one).to_owned()),
        several if several.len() == here.len() => out.push(format!("{stem}*")),
        several => {
            if let Some(whole) = several.iter().find(|name| **name == stem) {
                out.push((*whole).to_owned());
            }
            let longer: BTreeSet<&str> = several
                .iter()
                .filter_map(|name| next_word(name, stem.len()))
                .collect();
            let mut done: Option<&str> = None;
            for stem in longer {
                // `GetItem` has seen to `GetItems`, too.
                if done.is_none_or(|done| !stem.starts_with(done)) {
                    shorten(stem, known, wanted, out);
                    done = Some(stem);
                }
            }
        }
    }
}

/// The name up to the end of the word that begins at `from`.
fn next_word(name: &str, from: usize) -> Option<&str> {
    let rest = name.get(from..).filter(|rest| !rest.is_empty())?;
    let ends = |(before, after): (char, (usize, char))| {
        (after.1.is_ascii_uppercase() && !before.is_ascii_uppercase()).then_some(after.0)
    };
    let end = rest.chars().zip(rest.char_indices().skip(1)).find_map(ends);
    name.get(..from + end.unwrap_or(rest.len()))
}

/// One side of the colon of a pattern, in lower case.
type Glob = Vec<char>;

/// The action patterns of all statements, split by prefix.
#[derive(Debug, Default)]
pub(super) struct ActionLists {
    lists: usize,
    /// Prefix without wildcard → name without wildcard → lists.
    spelled: BTreeMap<String, BTreeMap<String, Vec<usize>>>,
    /// Prefix without wildcard → name patterns and their lists.
    named: BTreeMap<String, BTreeSet<(Glob, usize)>>,
    /// Prefix pattern, name pattern, list.
    everywhere: BTreeSet<(Glob, Glob, usize)>,
}

/// A set of action lists that one action matches, and such an action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ActionClass {
    pub(super) lists: Bits,
    pub(super) action: String,
}

impl ActionLists {
    /// Adds a list of patterns; returns its number.
    pub(super) fn add<'a>(&mut self, patterns: impl IntoIterator<Item = &'a str>) -> usize {
        let list = self.lists;
        self.lists += 1;
        for pattern in patterns {
            for (prefix, name) in split(pattern) {
                self.insert(prefix, name, list);
            }
        }
        list
    }

    pub(super) fn len(&self) -> usize {
        self.lists
    }

    /// A known action that matches the same lists as this one: itself, else the first of its prefix, else of any.
    pub(super) fn known_like(&self, action: &str, known: &KnownActions) -> Option<String> {
        let lowered = action.to_ascii_lowercase();
        let (prefix, name) = lowered.split_once(':')?;
        let lists = self.row(prefix).lists(name);
        let others = known
            .by_prefix
            .keys()
            .map(String::as_str)
            .filter(|other| *other != prefix);
        for prefix in std::iter::once(prefix).chain(others) {
            let row = self.row(prefix);
            let names = known.names(prefix);
            let itself = names.iter().filter(|(lower, _)| lower == name);
            let mut like = itself.chain(names).filter(|(lower, _)| row.lists(lower) == lists);
            if let Some((_, spelled)) = like.next() {
                return Some(format!("{prefix}:{spelled}"));
            }
        }
        None
    }

    /// Actions grouped by the lists that they match.
    pub(super) fn grouped(&self, actions: &[String]) -> Vec<Vec<String>> {
        let mut rows: BTreeMap<String, PrefixRow<'_>> = BTreeMap::new();
        let mut groups: BTreeMap<Bits, Vec<String>> = BTreeMap::new();
        for action in actions {
            let lowered = action.to_ascii_lowercase();
            let Some((prefix, name)) = lowered.split_once(':') else {
                continue;
            };
            let row = rows.entry(prefix.to_owned()).or_insert_with(|| self.row(prefix));
            groups.entry(row.lists(name)).or_default().push(action.clone());
        }
        groups.into_values().collect()
    }

    fn insert(&mut self, prefix: Glob, name: Glob, list: usize) {
        if is_wild(&prefix) {
            self.everywhere.insert((prefix, name, list));
            return;
        }
        let prefix: String = prefix.into_iter().collect();
        if is_wild(&name) {
            self.named.entry(prefix).or_default().insert((name, list));
        } else if !name.is_empty() {
            let names = self.spelled.entry(prefix).or_default();
            let lists = names.entry(name.into_iter().collect()).or_default();
            if !lists.contains(&list) {
                lists.push(list);
            }
        }
    }

    /// Calls `visit` for every class of actions that matches one of `wanted` (all, if `None`), until it breaks. A class
    /// may be met more than once.
    pub(super) fn classes<B>(
        &self,
        universe: Universe<'_>,
        wanted: Option<&Bits>,
        budget: &mut Budget,
        visit: &mut dyn FnMut(&mut Budget, ActionClass) -> ControlFlow<B>,
    ) -> Result<Option<B>, OverBudget> {
        let mut met = BTreeSet::new();
        let mut once = |budget: &mut Budget, class: ActionClass| {
            let worth = wanted.is_none_or(|wanted| class.lists.intersects(wanted));
            match worth && met.insert(class.lists.clone()) {
                true => visit(budget, class),
                false => ControlFlow::Continue(()),
            }
        };
        for prefix in self.prefixes(universe, budget)? {
            let found = match universe {
                Universe::Open => self.open_names(&prefix, wanted, budget, &mut once)?,
                Universe::Known(known) => self.known_names(&prefix, known, budget, &mut once)?,
            };
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// Prefixes that between them stand for all.
    fn prefixes(&self, universe: Universe<'_>, budget: &mut Budget) -> Result<Vec<String>, OverBudget> {
        let mut prefixes: BTreeSet<String> = self.spelled.keys().chain(self.named.keys()).cloned().collect();
        let mut globs: BTreeSet<&Glob> = self.everywhere.iter().map(|(prefix, ..)| prefix).collect();
        globs.retain(|glob| glob.iter().any(|c| *c != '*'));
        let plain = globs.is_empty();
        if let Universe::Known(known) = universe {
            let names_differ = self
                .everywhere
                .iter()
                .any(|(_, name, _)| name.iter().any(|c| *c != '*'));
            if plain && !names_differ {
                prefixes.extend(
                    known
                        .by_prefix
                        .keys()
                        .find(|prefix| !prefixes.contains(*prefix))
                        .cloned(),
                );
            } else {
                prefixes.extend(known.by_prefix.keys().cloned());
            }
            return Ok(prefixes.into_iter().collect());
        }
        if plain {
            let other = (0..).map(other_prefix).find(|other| !prefixes.contains(other));
            prefixes.extend(other);
            return Ok(prefixes.into_iter().collect());
        }
        let mut patterns = Patterns::default();
        let mut groups = 0;
        for glob in globs {
            patterns.add(tokens(glob), groups, false);
            groups += 1;
        }
        for prefix in &prefixes {
            patterns.add(prefix.chars().map(Token::Char).collect(), groups, false);
        }
        let spelled = groups;
        explore(
            &patterns,
            groups + 1,
            &Wanted::All,
            Domain::Name,
            budget,
            |_, matched, text| {
                if !matched.contains(spelled) {
                    prefixes.insert(text);
                }
                ControlFlow::<()>::Continue(())
            },
        )?;
        Ok(prefixes.into_iter().collect())
    }

    fn row(&self, prefix: &str) -> PrefixRow<'_> {
        let mut wild: BTreeSet<(&[char], usize)> = BTreeSet::new();
        if let Some(named) = self.named.get(prefix) {
            wild.extend(named.iter().map(|(name, list)| (name.as_slice(), *list)));
        }
        let here: Vec<char> = prefix.chars().collect();
        for (glob, name, list) in &self.everywhere {
            if glob_matches(glob, &here) {
                wild.insert((name, *list));
            }
        }
        PrefixRow {
            lists: self.lists,
            spelled: self.spelled.get(prefix),
            wild: wild.into_iter().collect(),
        }
    }

    fn known_names<B>(
        &self,
        prefix: &str,
        known: &KnownActions,
        budget: &mut Budget,
        visit: &mut dyn FnMut(&mut Budget, ActionClass) -> ControlFlow<B>,
    ) -> Result<Option<B>, OverBudget> {
        let row = self.row(prefix);
        let spelled = row.spelled.into_iter().flat_map(|names| names.keys());
        let names = known.names(prefix);
        let unlisted = spelled.filter(|name| names.binary_search_by(|(lower, _)| lower.cmp(name)).is_err());
        let listed = names.iter().map(|(lower, name)| (lower.as_str(), name.as_str()));
        for (lower, name) in listed.chain(unlisted.map(|name| (name.as_str(), name.as_str()))) {
            budget.spend(8 * (1 + row.wild.len()))?;
            let class = ActionClass {
                lists: row.lists(lower),
                action: format!("{prefix}:{name}"),
            };
            if let ControlFlow::Break(found) = visit(budget, class) {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    fn open_names<B>(
        &self,
        prefix: &str,
        wanted: Option<&Bits>,
        budget: &mut Budget,
        visit: &mut dyn FnMut(&mut Budget, ActionClass) -> ControlFlow<B>,
    ) -> Result<Option<B>, OverBudget> {
        let row = self.row(prefix);
        let mut patterns = Patterns::default();
        for (name, list) in &row.wild {
            patterns.add(tokens(name), *list, false);
        }
        let excluded = self.lists;
        for name in row.spelled.into_iter().flat_map(|names| names.keys()) {
            let lists = row.lists(name);
            budget.spend(8 * (1 + row.wild.len()))?;
            // A spelled name is a class of its own; only where a pattern could meet it must the walk know it.
            if wanted.is_none() || row.meets_pattern(name) {
                patterns.add(name.chars().map(Token::Char).collect(), excluded, false);
            }
            let action = format!("{prefix}:{name}");
            if let ControlFlow::Break(found) = visit(budget, ActionClass { lists, action }) {
                return Ok(Some(found));
            }
        }
        if patterns.is_empty() && wanted.is_some() {
            return Ok(None);
        }
        let groups = self.lists + 1;
        let live = match wanted {
            None => Wanted::All,
            Some(wanted) => Wanted::AnyOf(Bits::of(groups, wanted.iter())),
        };
        explore(
            &patterns,
            groups,
            &live,
            Domain::Name,
            budget,
            |budget, matched, name| {
                if matched.contains(excluded) {
                    return ControlFlow::Continue(());
                }
                let class = ActionClass {
                    lists: Bits::of(self.lists, matched.iter()),
                    action: format!("{prefix}:{name}"),
                };
                visit(budget, class)
            },
        )
    }
}

/// The patterns that concern one prefix.
struct PrefixRow<'a> {
    lists: usize,
    spelled: Option<&'a BTreeMap<String, Vec<usize>>>,
    wild: Vec<(&'a [char], usize)>,
}

impl PrefixRow<'_> {
    fn lists(&self, name: &str) -> Bits {
        let spelled = self
            .spelled
            .and_then(|names| names.get(name))
            .into_iter()
            .flatten()
            .copied();
        let letters: Vec<char> = name.chars().collect();
        let wild = self
            .wild
            .iter()
            .filter(|(glob, _)| glob_matches(glob, &letters))
            .map(|(_, list)| *list);
        Bits::of(self.lists, spelled.chain(wild))
    }

    fn meets_pattern(&self, name: &str) -> bool {
        let letters: Vec<char> = name.chars().collect();
        self.wild.iter().any(|(glob, _)| glob_matches(glob, &letters))
    }
}

/// The prefix of a service that does not exist.
fn other_prefix(number: usize) -> String {
    match number {
        0 => "newservice".to_owned(),
        number => format!("newservice{number}"),
    }
}

/// Prefix and name of a pattern; a `*` (or `?`) may stand for the colon too, then there are several readings.
fn split(pattern: &str) -> Vec<(Glob, Glob)> {
    let lowered: Vec<char> = pattern.chars().map(|c| c.to_ascii_lowercase()).collect();
    let colons: Vec<usize> = indices(&lowered, |c| c == ':');
    match colons.as_slice() {
        [at] => vec![halves(&lowered, *at, *at + 1)],
        [] => indices(&lowered, |c| c == '*' || c == '?')
            .into_iter()
            .map(|at| match lowered.get(at) {
                Some('*') => halves(&lowered, at + 1, at),
                _ => halves(&lowered, at, at + 1),
            })
            .collect(),
        _ => Vec::new(),
    }
}

fn halves(text: &[char], end: usize, begin: usize) -> (Glob, Glob) {
    (
        text.get(..end).unwrap_or_default().to_vec(),
        text.get(begin..).unwrap_or_default().to_vec(),
    )
}

fn indices(text: &[char], wanted: impl Fn(char) -> bool) -> Vec<usize> {
    let hits = text.iter().enumerate().filter(|(_, c)| wanted(**c));
    hits.map(|(index, _)| index).collect()
}

fn is_wild(glob: &[char]) -> bool {
    glob.iter().any(|c| matches!(c, '*' | '?'))
}

fn tokens(glob: &[char]) -> Vec<Token> {
    let token = |c: &char| match c {
        '*' => Token::Star,
        '?' => Token::One,
        c => Token::Char(*c),
    };
    glob.iter().map(token).collect()
}

fn glob_matches(glob: &[char], text: &[char]) -> bool {
    let (mut g, mut t) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while let Some(c) = text.get(t) {
        match glob.get(g) {
            Some('*') => {
                retry = Some((g + 1, t));
                g += 1;
            }
            Some(mine) if *mine == '?' || mine == c => (g, t) = (g + 1, t + 1),
            _ => match retry {
                Some((after_star, from)) => {
                    g = after_star;
                    t = from + 1;
                    retry = Some((after_star, t));
                }
                None => return false,
            },
        }
    }
    glob.iter().skip(g).all(|c| *c == '*')
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn classes(lists: &[&[&str]], universe: Universe<'_>) -> BTreeMap<Vec<usize>, String> {
        let mut all = ActionLists::default();
        for list in lists {
            all.add(list.iter().copied());
        }
        let mut found = BTreeMap::new();
        all.classes::<()>(universe, None, &mut Budget::new(1 << 30), &mut |_, class| {
            found.insert(class.lists.iter().collect::<Vec<_>>(), class.action);
            ControlFlow::Continue(())
        })
        .unwrap();
        found
    }

    #[test]
    fn open_classes_go_beyond_what_is_spelled_out() {
        let found = classes(&[&["sts:*"], &["sts:AssumeRole"], &["*"]], Universe::Open);
        let keys: Vec<_> = found.keys().cloned().collect();
        assert_eq!(keys, [vec![0, 1, 2], vec![0, 2], vec![2]]);
        assert_eq!(found.get(&vec![0, 1, 2]).unwrap(), "sts:assumerole");
    }

    #[test]
    fn known_classes_are_those_of_the_list() {
        let known = KnownActions::new(["sts:AssumeRole", "sts:TagSession"]);
        let found = classes(
            &[&["sts:*"], &["sts:assumerole", "sts:tagsession"]],
            Universe::Known(&known),
        );
        assert_eq!(found, BTreeMap::from([(vec![0, 1], "sts:AssumeRole".to_owned())]));
    }

    #[test]
    fn actions_are_named_by_the_fewest_patterns() {
        let known = KnownActions::new([
            "s3:GetBucket",
            "s3:GetObject",
            "s3:GetObjectAcl",
            "s3:GetObjectTagging",
            "s3:Item",
            "s3:Items",
            "s3:ListDBs",
            "s3:ListDBTags",
            "s3:ListDatasets",
            "s3:PutObject",
        ]);
        for (wanted, expected) in [
            (vec!["s3:GetObject"], vec!["s3:GetObject"]),
            (
                vec!["s3:GetObject", "s3:GetObjectAcl", "s3:GetObjectTagging"],
                vec!["s3:GetObject*"],
            ),
            (
                vec!["s3:GetObjectAcl", "s3:GetObjectTagging"],
                vec!["s3:GetObjectAcl", "s3:GetObjectTagging"],
            ),
            (
                vec![
                    "s3:GetBucket",
                    "s3:GetObject",
                    "s3:GetObjectAcl",
                    "s3:GetObjectTagging",
                ],
                vec!["s3:Get*"],
            ),
            // A wildcard within a run of capitals would break a word.
            (
                vec!["s3:ListDBs", "s3:ListDBTags"],
                vec!["s3:ListDBTags", "s3:ListDBs"],
            ),
            (vec!["s3:Item", "s3:Items"], vec!["s3:Item*"]),
            (
                vec!["s3:GetObject", "s3:Unknown", "ec2:Other", "odd"],
                vec!["odd", "ec2:Other", "s3:GetObject", "s3:Unknown"],
            ),
        ] {
            let wanted = wanted.into_iter().map(str::to_owned).collect();
            assert_eq!(known.shortest(&wanted), expected, "{wanted:?}");
        }
    }

    #[test]
    fn a_known_action_stands_for_one_that_matches_the_same() {
        let known = KnownActions::new([
            "s3:GetObject",
            "s3:ListObjects",
            "s3:PutObject",
            "sqs:SendMessage",
        ]);
        let mut lists = ActionLists::default();
        lists.add(["s3:*"]);
        lists.add(["s3:Put*", "sqs:*"]);
        for (action, expected) in [
            ("s3:listobjects", Some("s3:ListObjects")),
            ("s3:x", Some("s3:GetObject")),
            ("s3:putx", Some("s3:PutObject")),
            ("sqs:x", Some("sqs:SendMessage")),
            ("ec2:x", None),
        ] {
            assert_eq!(lists.known_like(action, &known).as_deref(), expected, "{action}");
        }
    }

    #[test]
    fn prefixes_may_hold_wildcards() {
        let found = classes(&[&["s*:Get*"], &["s3:*"], &["sq?:GetQ"]], Universe::Open);
        let keys: BTreeSet<_> = found.keys().cloned().collect();
        for wanted in [vec![], vec![0], vec![0, 1], vec![0, 2], vec![1]] {
            assert!(keys.contains(&wanted), "{wanted:?} in {keys:?}");
        }
    }
}
