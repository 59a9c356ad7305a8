//! Checks a parsed `rolefit.toml` against the list of keys and finds everything that is wrong with it.

use std::ops::Range;

use serde_spanned::Spanned;
use toml::de::{DeTable, DeValue};

use super::keys::{Form, Key, LEVELS, NO_CONDITIONS, SECTIONS, Section, section};
use super::problem::Problem;
use crate::catalog::Catalog;
use crate::gate::rules;
use crate::usage::OperationId;

/// What is wrong with a value, and what would be right.
type Fault = Option<(String, Option<String>)>;

/// Everything that is wrong with a document whose text is `text`, in the order of the file.
pub fn problems(text: &str, document: &Spanned<DeTable<'_>>) -> Vec<Problem> {
    let mut check = Check {
        text,
        problems: Vec::new(),
    };
    check.document(document.get_ref());
    check.problems.sort_by_key(|problem| problem.span.start);
    check.problems
}

struct Check<'t> {
    text: &'t str,
    problems: Vec<Problem>,
}

impl Check<'_> {
    fn note(&mut self, span: Range<usize>, message: String, help: Option<String>) {
        self.problems.push(Problem { span, message, help });
    }

    fn document(&mut self, document: &DeTable<'_>) {
        if !document.iter().any(|(key, _)| key.get_ref() == "version") {
            let first = self.text.lines().next().unwrap_or_default().len();
            self.note(
                0..first.max(1),
                "`version` is missing".to_owned(),
                Some("begin the file with `version = 1`".to_owned()),
            );
        }
        for (key, value) in document {
            let name = key.get_ref().as_ref();
            match section(name) {
                _ if name == "version" => self.version(value),
                Some(section) if section.repeated => self.repeated(section, value),
                Some(section) => self.single(section, value),
                None => self.unknown_section(name, key.span()),
            }
        }
    }

    fn version(&mut self, value: &Spanned<DeValue<'_>>) {
        let known = matches!(value.get_ref(), DeValue::Integer(number) if number.as_str() == "1");
        if !known {
            let written = self.text.get(value.span()).unwrap_or_default();
            self.note(
                value.span(),
                format!("version {written} is not known"),
                Some("this rolefit reads `version = 1`".to_owned()),
            );
        }
    }

    fn unknown_section(&mut self, name: &str, span: Range<usize>) {
        let known = SECTIONS.iter().map(|section| section.name);
        let owner = SECTIONS
            .iter()
            .find(|section| section.keys.iter().any(|key| key.name == name));
        let help = match (name, owner) {
            ("templates", _) => "folders with policy templates are `templates` in `[workspace]`".to_owned(),
            (_, Some(owner)) => format!("`{name}` is a key of {}", header(owner)),
            (_, None) => meant(name, known.chain(["version"]), "sections"),
        };
        self.note(span, format!("there is no section `{name}`"), Some(help));
    }

    fn single(&mut self, section: &'static Section, value: &Spanned<DeValue<'_>>) {
        match value.get_ref() {
            DeValue::Table(table) => self.section(section, table, value.span()),
            _ => self.note(
                value.span(),
                format!("`{}` is a section", section.name),
                Some(format!("write it as `[{}]`", section.name)),
            ),
        }
    }

    fn repeated(&mut self, section: &'static Section, value: &Spanned<DeValue<'_>>) {
        let written_once = || Some(format!("write it as `{}`, once for each", header(section)));
        match value.get_ref() {
            DeValue::Array(items) => {
                for item in items.iter() {
                    match item.get_ref() {
                        DeValue::Table(table) => self.section(section, table, item.span()),
                        _ => self.note(
                            item.span(),
                            format!("an item of `{}` is a table", section.name),
                            written_once(),
                        ),
                    }
                }
            }
            _ => self.note(
                value.span(),
                format!("`{}` may stand several times", section.name),
                written_once(),
            ),
        }
    }

    fn section(&mut self, section: &'static Section, table: &DeTable<'_>, span: Range<usize>) {
        for (name, value) in table {
            match section.keys.iter().find(|key| key.name == name.get_ref()) {
                Some(key) => self.value(key, value),
                None => {
                    let names = section.keys.iter().map(|key| key.name);
                    self.note(
                        name.span(),
                        format!("{} has no key `{}`", header(section), name.get_ref()),
                        Some(meant(name.get_ref(), names, "keys")),
                    );
                }
            }
        }
        for key in section.keys.iter().filter(|key| key.required) {
            if !table.iter().any(|(name, _)| name.get_ref() == key.name) {
                let head = self.first_line(&span);
                self.note(
                    head,
                    format!("{} lacks `{}`", header(section), key.name),
                    Some(format!("add `{} = {}`", key.name, key.example)),
                );
            }
        }
    }

    fn first_line(&self, span: &Range<usize>) -> Range<usize> {
        let rest = self.text.get(span.start..).unwrap_or_default();
        let length = rest.lines().next().unwrap_or_default().trim_end().len();
        span.start..span.start + length.max(1)
    }

    fn value(&mut self, key: &Key, value: &Spanned<DeValue<'_>>) {
        let span = value.span();
        let fault: Fault = match (key.form, value.get_ref()) {
            (Form::Flag, DeValue::Boolean(_)) | (Form::AnyText, DeValue::String(_)) => None,
            (Form::Count, DeValue::Integer(number)) if number.as_str().parse::<u32>().is_ok() => None,
            (Form::Text, DeValue::String(text)) => text
                .trim()
                .is_empty()
                .then(|| (format!("`{}` is empty", key.name), None)),
            (Form::Texts, DeValue::Array(items)) => return self.texts(key, items.iter(), &|_| None),
            (Form::RuleGlobs, DeValue::Array(items)) => return self.texts(key, items.iter(), &rule_glob),
            (Form::Choices(words), DeValue::Array(items)) => {
                return self.texts(key, items.iter(), &|text| choices(words, text));
            }
            (Form::TextTable, DeValue::Table(table)) => return self.text_table(key, table),
            (Form::RuleLevels, DeValue::Table(table)) => return self.levels(table),
            (Form::Days, DeValue::String(text)) if days(text).is_some() => None,
            (Form::Date, DeValue::Datetime(date)) if date.date.is_some() && date.time.is_none() => None,
            (Form::Date, DeValue::String(text)) if is_date(text) => None,
            (Form::Choice(words), DeValue::String(text)) => choice(words, text),
            (Form::Rule, DeValue::String(text)) => rule(text),
            (Form::Operation, DeValue::String(text)) => operation(text),
            (Form::Account, DeValue::String(text)) if is_account(text) => None,
            _ => Some((
                format!("`{}` is {}", key.name, article(key.form)),
                Some(format!("such as `{} = {}`", key.name, key.example)),
            )),
        };
        if let Some((message, help)) = fault {
            self.note(span, message, help);
        }
    }

    fn texts<'v>(
        &mut self,
        key: &Key,
        items: impl Iterator<Item = &'v Spanned<DeValue<'v>>>,
        fault: &dyn Fn(&str) -> Fault,
    ) {
        for item in items {
            match item.get_ref() {
                DeValue::String(text) if !text.trim().is_empty() => {
                    if let Some((message, help)) = fault(text) {
                        self.note(item.span(), message, help);
                    }
                }
                _ => self.note(
                    item.span(),
                    format!("`{}` is {}", key.name, article(key.form)),
                    Some(format!("such as `{} = {}`", key.name, key.example)),
                ),
            }
        }
    }

    fn text_table(&mut self, key: &Key, table: &DeTable<'_>) {
        for (_, value) in table {
            if !matches!(value.get_ref(), DeValue::String(_)) {
                let written = self.text.get(value.span()).unwrap_or_default();
                let help = Some(format!("write it as a text: `\"{written}\"`"));
                self.note(
                    value.span(),
                    format!("`{}` is {}", key.name, article(key.form)),
                    help,
                );
            }
        }
    }

    fn levels(&mut self, table: &DeTable<'_>) {
        for (name, value) in table {
            if let Some((message, help)) = rule(name.get_ref()) {
                self.note(name.span(), message, help);
            }
            match value.get_ref() {
                DeValue::String(level) => {
                    if let Some((message, help)) = choice(LEVELS, level) {
                        self.note(value.span(), message, help);
                    }
                }
                _ => self.note(value.span(), "a level is a word".to_owned(), Some(one_of(LEVELS))),
            }
        }
    }
}

/// How a section is written.
pub fn header(section: &Section) -> String {
    match section.repeated {
        true => format!("[[{}]]", section.name),
        false => format!("[{}]", section.name),
    }
}

/// A length of time in days: `14d`, `2w`.
pub fn days(text: &str) -> Option<u32> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let number: u32 = number.parse().ok()?;
    match unit {
        "d" => Some(number),
        "w" => number.checked_mul(7),
        _ => None,
    }
}

/// Whether a text is a day, such as `2027-03-31`.
fn is_date(text: &str) -> bool {
    text.parse::<toml::value::Datetime>()
        .is_ok_and(|date| date.date.is_some() && date.time.is_none())
}

fn choice(words: &[&str], text: &str) -> Fault {
    if words.contains(&text) {
        return None;
    }
    let help = crate::catalog::nearest(text, words.iter().copied(), 1)
        .first()
        .map(|near| format!("did you mean `{near}`? {}", one_of(words)))
        .unwrap_or_else(|| one_of(words));
    Some((format!("`{text}` is none of the values"), Some(help)))
}

/// What is wrong with one of several words.
fn choices(words: &[&str], text: &str) -> Fault {
    let named = |(key, _): &&(&str, &str)| key.eq_ignore_ascii_case(text);
    match NO_CONDITIONS.iter().find(named) {
        Some((key, why)) => Some((
            format!("`{key}` is no condition that can be made"),
            Some((*why).to_owned()),
        )),
        None => choice(words, text),
    }
}

fn one_of(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    format!("it is one of {}", quoted.join(", "))
}

fn rule(id: &str) -> Fault {
    if rules::rule(id).is_some() {
        return None;
    }
    let by_name = rules::RULES
        .iter()
        .find(|rule| rule.name == id)
        .map(|rule| rule.id);
    let ids = rules::RULES.iter().map(|rule| rule.id);
    let near = by_name.or_else(|| crate::catalog::nearest(id, ids, 1).first().copied());
    let help = match near {
        Some(near) => format!("did you mean `{near}`? `rolefit rule` lists all"),
        None => "`rolefit rule` lists all".to_owned(),
    };
    Some((format!("there is no rule `{id}`"), Some(help)))
}

/// What is wrong with a choice of rules, such as `RF01*` or `!RF022`, and what was probably meant.
pub fn rule_glob(glob: &str) -> Option<(String, Option<String>)> {
    let plain = glob.strip_prefix('!').unwrap_or(glob);
    let globs = [plain.to_owned()];
    if rules::RULES.iter().any(|one| rules::chosen(one, &globs)) {
        return None;
    }
    rule(plain).or_else(|| Some((format!("`{glob}` fits no rule"), None)))
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn operation(text: &str) -> Fault {
    let Some(id) = OperationId::parse(text) else {
        return Some((
            format!("`{text}` is no operation"),
            Some("write the SDK crate's name and the API's: `dynamodb.PutItem`".to_owned()),
        ));
    };
    let catalog = Catalog::embedded();
    let known = catalog
        .service(&id.service)
        .is_some_and(|service| service.operation(&id.name).is_some());
    if known {
        return None;
    }
    // A newer catalogue may know it, so only what looks like a slip is one.
    let near = catalog.similar_operations(text);
    near.first().map(|near| {
        (
            format!("there is no operation `{text}`"),
            Some(format!("did you mean `{near}`?")),
        )
    })
}

fn meant<'k>(word: &str, known: impl Iterator<Item = &'k str> + Clone, what: &str) -> String {
    match crate::catalog::nearest(word, known.clone(), 1).first() {
        Some(near) => format!("did you mean `{near}`?"),
        None => {
            let all: Vec<String> = known.map(|name| format!("`{name}`")).collect();
            format!("{what} are {}", all.join(", "))
        }
    }
}

/// What a value has to be, in words.
pub fn article(form: Form) -> &'static str {
    match form {
        Form::Flag => "`true` or `false`",
        Form::Count => "a whole number",
        Form::Text | Form::AnyText => "a text",
        Form::Texts => "a list of texts",
        Form::TextTable => "a table of texts",
        Form::Days => "a number of days",
        Form::Date => "a date",
        Form::Choice(_) => "a word",
        Form::Choices(_) => "a list of words",
        Form::Rule => "the id of a rule",
        Form::RuleGlobs => "a list of rules",
        Form::RuleLevels => "a table of rules and levels",
        Form::Operation => "an operation",
        Form::Account => "the twelve digits of an account",
    }
}
