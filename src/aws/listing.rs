//! Which objects of a bucket belong to a trail: walks down to accounts and regions, and lists the wanted days alone.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::AwsError;
use super::bucket::{Bucket, Stored};
use super::error::explain;
use crate::trail::keys::{Kind, ObjectKey, is_account};
use crate::trail::moment::Day;

/// Objects of a listing that are worked on at a time: bounds the memory for keys.
const CHUNK: usize = 20_000;

/// What is wanted of a trail.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// These accounts; all, if empty.
    pub accounts: BTreeSet<String>,
    /// These regions; all, if empty.
    pub regions: BTreeSet<String>,
    /// Events from this day on.
    pub from: Option<Day>,
    /// Events to this day.
    pub to: Option<Day>,
    /// First and last day that were read completely before, by account and region: of those days nothing new is expected.
    pub read: BTreeMap<(String, String), (Day, Day)>,
    /// Whether logs alone are wanted: no digests, no network activity.
    pub logs_only: bool,
}

impl Wanted {
    /// Events are delivered on their day or on the next one.
    fn takes(&self, day: Day) -> bool {
        self.from.is_none_or(|from| day >= from) && self.to.is_none_or(|to| day <= to.plus(1))
    }

    /// The days of a region's folder, `…/ACCOUNT/CloudTrail/REGION/`, that were read before.
    fn read_of(&self, folder: &str) -> Option<(Day, Day)> {
        let mut parts = folder.trim_end_matches('/').rsplit('/');
        let region = parts.next()?.to_owned();
        let account = parts.nth(1)?.to_owned();
        self.read.get(&(account, region)).copied()
    }
}

/// A folder to list.
#[derive(Clone, Debug)]
enum Task {
    /// Look which folders are in it.
    Walk(String),
    /// List everything; of a region's folder from a day on, and only the wanted days.
    List {
        prefix: String,
        of_region: bool,
        begin: Option<Day>,
    },
}

/// A listing that goes on where it stopped.
#[derive(Debug)]
pub struct Listing<'b> {
    bucket: &'b Bucket<'b>,
    wanted: Wanted,
    tasks: VecDeque<Task>,
    /// Where the first task goes on.
    token: Option<String>,
    requests: u64,
}

/// Some objects of a listing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chunk {
    /// Logs and loose objects, sorted.
    pub objects: Vec<Stored>,
    /// Digests.
    pub digests: Vec<Stored>,
}

/// A page of a listing.
struct Page {
    objects: Vec<Stored>,
    folders: Vec<String>,
    next: Option<String>,
}

impl<'b> Listing<'b> {
    /// Begins at the bucket's place.
    pub fn new(bucket: &'b Bucket<'b>, wanted: Wanted) -> Self {
        let first = bucket.place.prefix.clone();
        Self {
            bucket,
            wanted,
            tasks: VecDeque::from([Task::Walk(first)]),
            token: None,
            requests: 0,
        }
    }

    /// How many requests were made so far.
    pub fn requests(&self) -> u64 {
        self.requests
    }

    /// The next objects; `None` at the end.
    ///
    /// # Errors
    /// When the bucket may not be listed or a call fails.
    pub fn next_chunk(&mut self) -> Result<Option<Chunk>, AwsError> {
        let mut chunk = Chunk::default();
        while let Some(task) = self.tasks.front().cloned() {
            match task {
                Task::Walk(prefix) => {
                    self.tasks.pop_front();
                    for task in self.walk(&prefix)?.into_iter().rev() {
                        self.tasks.push_front(task);
                    }
                }
                Task::List {
                    prefix,
                    of_region,
                    begin,
                } => {
                    self.list(&prefix, of_region, begin, &mut chunk)?;
                    if chunk.objects.len() + chunk.digests.len() >= CHUNK {
                        break;
                    }
                }
            }
        }
        let some = !chunk.objects.is_empty() || !chunk.digests.is_empty();
        Ok(some.then_some(chunk))
    }

    /// What to do about a folder: what is below `AWSLogs` is known by its place, what is above leads there.
    fn walk(&mut self, prefix: &str) -> Result<Vec<Task>, AwsError> {
        let whole = |prefix: &str| Task::List {
            prefix: prefix.to_owned(),
            of_region: false,
            begin: None,
        };
        let Some((_, inside)) = prefix.rsplit_once("AWSLogs/") else {
            return self.look_for_logs(prefix);
        };
        let mut parts: Vec<&str> = inside.split('/').filter(|part| !part.is_empty()).collect();
        if parts.first().is_some_and(|part| part.starts_with("o-")) {
            parts.remove(0);
        }
        // A prefix that ends within a name means everything that begins so.
        if !prefix.ends_with('/') {
            return Ok(vec![whole(prefix)]);
        }
        let accounts = self.wanted.accounts.clone();
        let wanted_account = |account: &str| accounts.is_empty() || accounts.contains(account);
        let regions = self.wanted.regions.clone();
        let wanted_region = |region: &str| regions.is_empty() || regions.contains(region);
        Ok(match parts.as_slice() {
            [] => {
                // An account's or an organization's folder; where accounts are named, they need not be looked for.
                let folders = self.folders(prefix)?;
                let take = |folder: &String| {
                    let name = last(folder);
                    name.starts_with("o-") || (is_account(name) && wanted_account(name))
                };
                folders.into_iter().filter(take).map(Task::Walk).collect()
            }
            [_account] => {
                let folders = self.folders(prefix)?;
                let take = |folder: &String| match Kind::of_folder(last(folder)) {
                    Some(Kind::Log) => true,
                    Some(Kind::Digest | Kind::NetworkActivity) => !self.wanted.logs_only,
                    _ => false,
                };
                folders.into_iter().filter(take).map(Task::Walk).collect()
            }
            [_account, _kind] => {
                let folders = self.folders(prefix)?;
                let mut tasks = Vec::new();
                for folder in folders.into_iter().filter(|folder| wanted_region(last(folder))) {
                    tasks.push(self.region(folder)?);
                }
                tasks
            }
            [_account, _kind, _region] => vec![self.region(prefix.to_owned())?],
            _ => vec![whole(prefix)],
        })
    }

    /// Lists a region's folder from the first wanted day on that was not read before.
    fn region(&mut self, prefix: String) -> Result<Task, AwsError> {
        let mut begin = self.wanted.from;
        if let Some((first, last)) = self.wanted.read_of(&prefix) {
            let whole = match self.wanted.from {
                Some(from) => first <= from,
                // Whether there is anything before those days tells the first key.
                None => {
                    let page = self.page(&prefix, None, None, None, Some(1))?;
                    let key = page.objects.first().map(|object| object.key.clone());
                    let key = key.as_deref().and_then(ObjectKey::parse);
                    key.is_some_and(|key| first <= key.day)
                }
            };
            if whole {
                begin = begin.max(Some(last.plus(1)));
            }
        }
        Ok(Task::List {
            prefix,
            of_region: true,
            begin,
        })
    }

    /// Above `AWSLogs`: it is here, or one folder deeper; else everything that is here is taken.
    fn look_for_logs(&mut self, prefix: &str) -> Result<Vec<Task>, AwsError> {
        let logs = |folders: &[String]| folders.iter().find(|folder| last(folder) == "AWSLogs").cloned();
        let here = self.folders(prefix)?;
        if let Some(found) = logs(&here) {
            return Ok(vec![Task::Walk(found)]);
        }
        let mut tasks = Vec::new();
        for folder in &here {
            if let Some(found) = logs(&self.folders(folder)?) {
                tasks.push(Task::Walk(found));
            }
        }
        if tasks.is_empty() {
            tasks.push(Task::List {
                prefix: prefix.to_owned(),
                of_region: false,
                begin: None,
            });
        }
        Ok(tasks)
    }

    /// Every folder right under a prefix.
    fn folders(&mut self, prefix: &str) -> Result<Vec<String>, AwsError> {
        let (mut folders, mut token) = (Vec::new(), None);
        loop {
            let page = self.page(prefix, Some("/"), None, token, None)?;
            folders.extend(page.folders);
            token = page.next;
            if token.is_none() {
                return Ok(folders);
            }
        }
    }

    /// One page more of a folder.
    fn list(
        &mut self,
        prefix: &str,
        of_region: bool,
        begin: Option<Day>,
        chunk: &mut Chunk,
    ) -> Result<(), AwsError> {
        // Days are in the order of their names, so that listing begins at the first one and ends behind the last.
        let after = begin.map(|day| format!("{prefix}{}", day.in_key()));
        let token = self.token.take();
        let page = self.page(prefix, None, after.as_deref(), token, None)?;
        let end = page
            .objects
            .last()
            .and_then(|object| ObjectKey::parse(&object.key))
            .map(|key| key.day);
        for object in page.objects {
            self.sort_in(object, chunk);
        }
        let past = of_region && end.is_some_and(|day| self.wanted.to.is_some_and(|to| day > to.plus(1)));
        match page.next.filter(|_| !past) {
            Some(next) => self.token = Some(next),
            None => {
                self.tasks.pop_front();
            }
        }
        Ok(())
    }

    fn sort_in(&self, object: Stored, chunk: &mut Chunk) {
        let unwanted = object.key.ends_with('/') || object.bytes == 0;
        match ObjectKey::parse(&object.key) {
            _ if unwanted => {}
            Some(key) => {
                let Wanted {
                    accounts, regions, ..
                } = &self.wanted;
                let of_account = accounts.is_empty() || accounts.contains(key.account);
                let of_region = regions.is_empty() || regions.contains(key.region);
                if !of_account || !of_region || !self.wanted.takes(key.day) {
                    return;
                }
                match key.kind {
                    Kind::Digest => chunk.digests.push(object),
                    Kind::Log | Kind::NetworkActivity => chunk.objects.push(object),
                    Kind::Aggregated | Kind::Insight => {}
                }
            }
            // Whatever people copied somewhere: its content tells what it is.
            None => chunk.objects.push(object),
        }
    }

    fn page(
        &mut self,
        prefix: &str,
        delimiter: Option<&str>,
        after: Option<&str>,
        token: Option<String>,
        most: Option<i32>,
    ) -> Result<Page, AwsError> {
        self.requests += 1;
        let bucket = self.bucket;
        let request = bucket
            .client
            .list_objects_v2()
            .bucket(&bucket.place.bucket)
            .prefix(prefix)
            .set_delimiter(delimiter.map(str::to_owned))
            .set_start_after(after.map(str::to_owned))
            .set_continuation_token(token)
            .set_max_keys(most)
            .set_request_payer(bucket.payer.clone());
        let answer = bucket
            .account
            .runtime
            .block_on(request.send())
            .map_err(|error| bucket.with_hints(explain("s3.ListObjectsV2", &bucket.arn())(error)))?;
        let objects = answer.contents().iter().filter_map(|object| {
            Some(Stored {
                key: object.key()?.to_owned(),
                etag: object.e_tag().unwrap_or_default().trim_matches('"').to_owned(),
                bytes: u64::try_from(object.size().unwrap_or(0)).unwrap_or(0),
            })
        });
        let folders = answer
            .common_prefixes()
            .iter()
            .filter_map(|folder| folder.prefix().map(str::to_owned));
        Ok(Page {
            objects: objects.collect(),
            folders: folders.collect(),
            next: answer
                .next_continuation_token()
                .filter(|_| answer.is_truncated() == Some(true))
                .map(str::to_owned),
        })
    }
}

/// The name of a folder, without those above it.
fn last(folder: &str) -> &str {
    folder.trim_end_matches('/').rsplit('/').next().unwrap_or(folder)
}
