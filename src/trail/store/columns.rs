//! The columns of a row of `usage` that say what is kept of its calls: [`CellRow`] with each list as JSON, written straight
//! from a cell, since a store of a gigabyte of records has tens of thousands.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::de::DeserializeOwned;

use super::StoreError;
use super::load::strange;
use super::row::{CellRow, write_marks};
use crate::trail::group::{ApartBy, Cell};
use crate::trail::samples::EventId;
use crate::trail::sketch::Sketch;
use crate::trail::time::Time;

/// Room for the texts of most rows.
const ROOM: usize = 1_024;
/// What is written in `apart_by` for calls that are not kept apart.
const TOGETHER: &str = "*";

/// The texts of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Text {
    ApartBy,
    /// Empty when no record tells.
    First,
    /// Empty when no record tells.
    Last,
    Days,
    Errors,
    Versions,
    Resources,
    DeniedResources,
    Inputs,
    Samples,
    Marks,
}

impl Text {
    /// All of them, in the order of the statements that write and read them.
    pub(super) const ALL: [Self; 11] = [
        Self::ApartBy,
        Self::First,
        Self::Last,
        Self::Days,
        Self::Errors,
        Self::Versions,
        Self::Resources,
        Self::DeniedResources,
        Self::Inputs,
        Self::Samples,
        Self::Marks,
    ];
}

/// What is kept of calls that are alike and concern the same resource, as it is stored. Equal columns are equal cells: JSON is
/// written in one way alone, with everything in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Columns {
    pub(super) count: u64,
    pub(super) succeeded: bool,
    /// All texts, one behind the other, and where each ends.
    texts: String,
    ends: [usize; Text::ALL.len()],
}

impl Columns {
    /// The columns of a cell; `apart_by` is `None` for calls that are not kept apart.
    pub(super) fn of(apart_by: Option<&[(String, String)]>, cell: &Cell) -> Self {
        let events = cell.events.in_order();
        let write = |text: Text, out: &mut Json| match text {
            Text::ApartBy => match apart_by {
                Some(apart_by) => out.names(apart_by),
                None => out.0.push_str(TOGETHER),
            },
            Text::First => out.time(cell.span.first),
            Text::Last => out.time(cell.span.last),
            Text::Days => out.map(cell.days.months(), |out, (month, days)| {
                out.around_text(|text| {
                    let _ = write!(text, "{:04}-{:02}", month / 12, month % 12 + 1);
                });
                out.value("");
                let _ = write!(out.0, "{days}");
            }),
            Text::Errors => out.list(&cell.errors, |out, code| out.text(code)),
            Text::Versions => out.list(cell.versions.iter(), |out, version| out.text(version)),
            Text::Resources => out.map(cell.arns.iter(), |out, (kind, arns)| {
                out.text(kind);
                out.value("");
                out.sketch(arns);
            }),
            Text::DeniedResources => out.sketch(&cell.denied),
            Text::Inputs => out.map(cell.inputs.iter(), |out, (path, seen)| {
                out.text(path);
                out.value("{\"values\":");
                out.sketch(&seen.values);
                let end = if seen.hidden { ",\"hidden\":true}" } else { "}" };
                out.0.push_str(end);
            }),
            Text::Samples => out.list(&cell.samples.newest(), |out, (time, id)| {
                out.0.push('[');
                match time {
                    Some(time) => out.around_text(|text| time.write(text)),
                    None => out.0.push_str("null"),
                }
                out.0.push(',');
                match id {
                    EventId::Uuid(_) => out.around_text(|text| id.write(text)),
                    EventId::Text(id) => out.text(id),
                }
                out.0.push(']');
            }),
            Text::Marks => write_marks(&events, &mut out.0),
        };
        Self::written(events.count().number, cell.succeeded, write)
    }

    /// The columns with these texts.
    pub(super) fn of_texts<'t>(count: u64, succeeded: bool, text: impl Fn(Text) -> &'t str) -> Self {
        Self::written(count, succeeded, |which, out| out.0.push_str(text(which)))
    }

    fn written(count: u64, succeeded: bool, write: impl Fn(Text, &mut Json)) -> Self {
        let mut out = Json(String::with_capacity(ROOM));
        let ends = Text::ALL.map(|text| {
            write(text, &mut out);
            out.0.len()
        });
        Self {
            count,
            succeeded,
            texts: out.0,
            ends,
        }
    }

    /// A text.
    pub(super) fn text(&self, which: Text) -> &str {
        let at = which as usize;
        let begin = at.checked_sub(1).and_then(|before| self.ends.get(before));
        let end = self.ends.get(at).copied().unwrap_or_default();
        self.texts
            .get(begin.copied().unwrap_or_default()..end)
            .unwrap_or_default()
    }

    /// The same as the table holds it: `None` for a time that no record tells.
    pub(super) fn value(&self, which: Text) -> Option<&str> {
        let is_time = matches!(which, Text::First | Text::Last);
        Some(self.text(which)).filter(|text| !(is_time && text.is_empty()))
    }

    /// What calls are kept apart by.
    fn apart_by(&self) -> Result<Option<ApartBy>, StoreError> {
        match self.text(Text::ApartBy) {
            TOGETHER => Ok(None),
            names => from_json(names).map(Some),
        }
    }

    /// The same as plain data.
    pub(super) fn row(&self) -> Result<CellRow, StoreError> {
        Ok(CellRow {
            apart_by: self.apart_by()?,
            count: self.count,
            first: self.value(Text::First).map(str::to_owned),
            last: self.value(Text::Last).map(str::to_owned),
            days: from_json::<BTreeMap<String, u32>>(self.text(Text::Days))?,
            succeeded: self.succeeded,
            errors: from_json(self.text(Text::Errors))?,
            versions: from_json(self.text(Text::Versions))?,
            resources: from_json(self.text(Text::Resources))?,
            denied_resources: from_json(self.text(Text::DeniedResources))?,
            inputs: from_json(self.text(Text::Inputs))?,
            samples: from_json(self.text(Text::Samples))?,
            marks: self.text(Text::Marks).to_owned(),
        })
    }
}

fn from_json<T: DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|_| strange("usage"))
}

/// JSON as it is written.
struct Json(String);

impl Json {
    fn time(&mut self, time: Option<Time>) {
        if let Some(time) = time {
            time.write(&mut self.0);
        }
    }

    fn names(&mut self, apart_by: &[(String, String)]) {
        self.list(apart_by, |out, (path, value)| {
            out.0.push('[');
            out.text(path);
            out.0.push(',');
            out.text(value);
            out.0.push(']');
        });
    }

    /// A list of what `write` writes.
    fn list<I: IntoIterator>(&mut self, items: I, write: impl Fn(&mut Self, I::Item)) {
        self.around('[', items, write, ']');
    }

    /// An object of members, each of which `write` writes: a text and a [`value`](Self::value).
    fn map<I: IntoIterator>(&mut self, members: I, write: impl Fn(&mut Self, I::Item)) {
        self.around('{', members, write, '}');
    }

    fn around<I: IntoIterator>(
        &mut self,
        open: char,
        items: I,
        write: impl Fn(&mut Self, I::Item),
        close: char,
    ) {
        self.0.push(open);
        for (at, item) in items.into_iter().enumerate() {
            if at > 0 {
                self.0.push(',');
            }
            write(self, item);
        }
        self.0.push(close);
    }

    /// The value of a member, or how it begins.
    fn value(&mut self, json: &str) {
        self.0.push(':');
        self.0.push_str(json);
    }

    fn text(&mut self, text: &str) {
        let is_special = |byte: u8| byte < 0x20 || byte == b'"' || byte == b'\\';
        // Without a way out, many bytes are looked at together.
        match text.bytes().fold(false, |found, byte| found | is_special(byte)) {
            false => self.plain(text),
            true => self.0.push_str(&serde_json::Value::from(text).to_string()),
        }
    }

    /// A text without anything that must be escaped.
    fn plain(&mut self, text: &str) {
        self.around_text(|out| out.push_str(text));
    }

    /// The same of what `write` writes.
    fn around_text(&mut self, write: impl FnOnce(&mut String)) {
        self.0.push('"');
        write(&mut self.0);
        self.0.push('"');
    }

    fn sketch(&mut self, sketch: &Sketch) {
        if let Some(texts) = sketch.all_whole() {
            return self.list(texts, Self::text);
        }
        let (level, entries) = sketch.parts();
        self.0.push_str("{\"level\":");
        self.0.push_str(&level.to_string());
        self.0.push_str(",\"texts\":");
        self.list(entries, |out, entry| {
            out.0.push('[');
            out.text(entry.text);
            out.0.push_str(if entry.open { ",true," } else { ",false," });
            out.text(entry.tail);
            out.0.push(']');
        });
        self.0.push('}');
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::catalog::Catalog;
    use crate::trail::Local;
    use crate::trail::inputs::Value;

    /// Cells of all kinds, with what they are kept apart by.
    fn cells() -> Vec<(Option<ApartBy>, Cell)> {
        let mut cells = Vec::new();
        for folder in ["docs/demo/orders/trail", "tests/fixtures/trail"] {
            let local = Local::list(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(folder));
            let wanted: Vec<_> = local.objects.iter().collect();
            let batch = local.read(&wanted, Catalog::embedded(), 1, &|_| true);
            for (_, group) in batch.fold.groups {
                let owned =
                    |(apart_by, cell): (Option<&[_]>, &Cell)| (apart_by.map(<[_]>::to_vec), cell.clone());
                cells.extend(group.iter().into_iter().map(owned));
            }
        }
        let mut odd = Cell::default();
        for text in ["a\"b", "a\\b", "a\nb\u{1}", "é\u{7f}", ""] {
            odd.see_input(text, &Value::Text(text));
            odd.see_version(Some(text));
            odd.denied.insert(text, true);
        }
        odd.see_input("Key", &Value::Hidden);
        for n in 0..100 {
            odd.see_input("Many", &Value::Text(&format!("a/{n}/b\"{n}.json")));
        }
        cells.push((Some(vec![("a\"".to_owned(), "\\".to_owned())]), odd));
        cells
    }

    #[test]
    fn columns_are_rows_in_json() {
        let cells = cells();
        assert!(cells.len() > 100, "{}", cells.len());
        for (apart_by, cell) in cells {
            let (columns, row) = (
                Columns::of(apart_by.as_deref(), &cell),
                CellRow::of(apart_by.as_deref(), &cell),
            );
            let apart_by = row.apart_by.as_ref().map_or_else(|| TOGETHER.to_owned(), text);
            assert_eq!((columns.count, columns.succeeded), (row.count, row.succeeded));
            assert_eq!(columns.value(Text::First), row.first.as_deref());
            assert_eq!(columns.value(Text::Last), row.last.as_deref());
            for (which, expected) in [
                (Text::ApartBy, apart_by),
                (Text::Days, text(&row.days)),
                (Text::Errors, text(&row.errors)),
                (Text::Versions, text(&row.versions)),
                (Text::Resources, text(&row.resources)),
                (Text::DeniedResources, text(&row.denied_resources)),
                (Text::Inputs, text(&row.inputs)),
                (Text::Samples, text(&row.samples)),
                (Text::Marks, row.marks.clone()),
            ] {
                assert_eq!(columns.text(which), expected);
            }
            let again = Columns::of_texts(columns.count, columns.succeeded, |which| columns.text(which));
            assert_eq!(again, columns);
            assert_eq!(columns.row().unwrap(), row);
        }
    }

    fn text(value: &impl serde::Serialize) -> String {
        serde_json::to_string(value).unwrap()
    }
}
