//! The days on which there were events, and numbers for names.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::trail::ledger::Stream;
use crate::trail::record::Record;
use crate::trail::time::{Days, Time};

/// Numbers for texts.
#[derive(Debug, Default)]
pub(super) struct Texts {
    numbers: FxHashMap<Arc<str>, u32>,
    texts: Vec<Arc<str>>,
}

impl Texts {
    pub(super) fn number(&mut self, text: &str) -> u32 {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let number = u32::try_from(self.texts.len()).unwrap_or(u32::MAX);
        let text: Arc<str> = text.into();
        self.texts.push(Arc::clone(&text));
        self.numbers.insert(text, number);
        number
    }

    /// The text of a number.
    pub(super) fn text(&self, number: u32) -> Option<Arc<str>> {
        self.texts.get(number as usize).cloned()
    }
}

/// The days on which there were events, by whomever.
#[derive(Debug, Default)]
pub(super) struct Streams {
    /// Account, region and, for data events, source → number.
    numbers: FxHashMap<(u32, u32, Option<u32>), u32>,
    /// The same in words, the days, and the time of an event of one of them.
    pub(super) days: Vec<(Stream, Days, Option<Time>)>,
}

impl Streams {
    /// The number of a record's stream.
    pub(super) fn number<R>(&mut self, record: &Record<'_, R>, region: u32, texts: &mut Texts) -> u32 {
        let source = record.is_data_event().then(|| record.event_source.as_str());
        let account = texts.number(record.account());
        let number = source.map(|source| texts.number(source));
        *self.numbers.entry((account, region, number)).or_insert_with(|| {
            let stream = Stream {
                account: record.account().to_owned(),
                region: record.aws_region.as_str().to_owned(),
                data: source.map(str::to_owned),
            };
            self.days.push((stream, Days::default(), None));
            u32::try_from(self.days.len() - 1).unwrap_or(u32::MAX)
        })
    }

    /// A stream held an event.
    #[inline]
    pub(super) fn see(&mut self, number: u32, time: Option<Time>) {
        if let (Some(time), Some((_, days, last))) = (time, self.days.get_mut(number as usize))
            && last.is_none_or(|last| !last.is_same_day(time))
        {
            days.insert(time);
            *last = Some(time);
        }
    }
}
