//! The columns of a row of `usage` that say what is kept of its calls: [`CellRow`] with each list as JSON, written straight
//! from a cell, since a store of a gigabyte of records has tens of thousands.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;

use super::StoreError;
use super::load::strange;
use super::row::{CellRow, marks};
use crate::trail::group::{ApartBy, Cell};
use crate::trail::samples::EventId;
use crate::trail::sketch::Sketch;
use crate::trail::time::Time;

/// Room for most columns.
const ROOM: usize = 256;
/// What is written in `apart_by` for calls that are not kept apart.
const TOGETHER: &str = "*";

/// What is kept of calls that are alike and concern the same resource, as it is stored. Equal columns are equal cells: JSON is
/// written in one way alone, with everything in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Columns {
    pub(super) apart_by: String,
    pub(super) count: u64,
    pub(super) first: Option<String>,
    pub(super) last: Option<String>,
    pub(super) days: String,
    pub(super) succeeded: bool,
    pub(super) errors: String,
    pub(super) versions: String,
    pub(super) resources: String,
    pub(super) denied_resources: String,
    pub(super) inputs: String,
    pub(super) samples: String,
    pub(super) marks: String,
}

impl Columns {
    /// The columns of a cell; `apart_by` is `None` for calls that are not kept apart.
    pub(super) fn of(apart_by: Option<&[(String, String)]>, cell: &Cell) -> Self {
        let events = cell.events.in_order();
        Self {
            apart_by: apart_by.map_or_else(|| TOGETHER.to_owned(), names),
            count: events.count().number,
            first: cell.span.first.map(Time::text),
            last: cell.span.last.map(Time::text),
            days: json(|out| {
                out.map(cell.days.months(), |out, (month, days)| {
                    out.plain(&format!("{:04}-{:02}", month / 12, month % 12 + 1));
                    out.value(&days.to_string());
                });
            }),
            succeeded: cell.succeeded,
            errors: json(|out| out.list(&cell.errors, |out, code| out.text(code))),
            versions: json(|out| out.list(cell.versions.iter(), |out, version| out.text(version))),
            resources: json(|out| {
                out.map(cell.arns.iter(), |out, (kind, arns)| {
                    out.text(kind);
                    out.value("");
                    out.sketch(arns);
                });
            }),
            denied_resources: json(|out| out.sketch(&cell.denied)),
            inputs: json(|out| {
                out.map(cell.inputs.iter(), |out, (path, seen)| {
                    out.text(path);
                    out.value("{\"values\":");
                    out.sketch(&seen.values);
                    out.0
                        .push_str(if seen.hidden { ",\"hidden\":true}" } else { "}" });
                });
            }),
            samples: json(|out| {
                out.list(&cell.samples.newest(), |out, (time, id)| {
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
                });
            }),
            marks: marks(&events),
        }
    }

    /// What calls are kept apart by.
    pub(super) fn apart_by(&self) -> Result<Option<ApartBy>, StoreError> {
        match self.apart_by.as_str() {
            TOGETHER => Ok(None),
            names => from_json(names).map(Some),
        }
    }

    /// The same as plain data.
    pub(super) fn row(self) -> Result<CellRow, StoreError> {
        Ok(CellRow {
            apart_by: self.apart_by()?,
            count: self.count,
            first: self.first,
            last: self.last,
            days: from_json::<BTreeMap<String, u32>>(&self.days)?,
            succeeded: self.succeeded,
            errors: from_json(&self.errors)?,
            versions: from_json(&self.versions)?,
            resources: from_json(&self.resources)?,
            denied_resources: from_json(&self.denied_resources)?,
            inputs: from_json(&self.inputs)?,
            samples: from_json(&self.samples)?,
            marks: self.marks,
        })
    }
}

fn names(apart_by: &[(String, String)]) -> String {
    json(|out| {
        out.list(apart_by, |out, (path, value)| {
            out.0.push('[');
            out.text(path);
            out.0.push(',');
            out.text(value);
            out.0.push(']');
        });
    })
}

fn from_json<T: DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|_| strange("usage"))
}

fn json(write: impl FnOnce(&mut Json)) -> String {
    let mut out = Json(String::with_capacity(ROOM));
    write(&mut out);
    out.0
}

/// JSON as it is written.
struct Json(String);

impl Json {
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
            let expected = Columns {
                apart_by: row.apart_by.as_ref().map_or_else(|| TOGETHER.to_owned(), text),
                count: row.count,
                first: row.first.clone(),
                last: row.last.clone(),
                days: text(&row.days),
                succeeded: row.succeeded,
                errors: text(&row.errors),
                versions: text(&row.versions),
                resources: text(&row.resources),
                denied_resources: text(&row.denied_resources),
                inputs: text(&row.inputs),
                samples: text(&row.samples),
                marks: row.marks.clone(),
            };
            assert_eq!(columns, expected);
            assert_eq!(columns.row().unwrap(), row);
        }
    }

    fn text(value: &impl serde::Serialize) -> String {
        serde_json::to_string(value).unwrap()
    }
}
