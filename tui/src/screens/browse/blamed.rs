//! Who wrote each line of the object that is shown, and with which revision: read beside the loop.

use std::any::Any;
use std::collections::HashMap;
use std::sync::Arc;

use etcd_inspect::answers::audit::Audited;
use etcd_inspect::answers::blame::{BlameLine, blame, path_text};
use etcd_inspect::answers::clocks::clock_near;
use etcd_inspect::answers::history::is_placed;
use etcd_inspect::check::Logged;
use etcd_inspect::dataset::{CarvedVersions, all_versions};
use etcd_inspect::export::yaml;
use etcd_inspect::kubernetes::mask::Mask;
use etcd_inspect::member::WhoSource;
use etcd_inspect::text::number;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::loaded::{Body, LoadedVersion};
use crate::job::{JobId, Monitor};
use crate::object::when_text;
use crate::screen::ScreenId;
use crate::session::{Data, Part, Session};

/// Who wrote a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LineWriter {
    pub(super) who: String,
    /// `1,202,270`; with `≤` if versions before it are lost.
    pub(super) revision: String,
    pub(super) when: String,
}

/// The writers of the lines of one version.
#[derive(Debug, Default)]
pub(super) struct Blamed {
    of: Option<BlameOf>,
    job: Option<JobId>,
    writers: HashMap<(String, usize), LineWriter>,
}

/// What the writers depend on.
#[derive(Clone, Debug, PartialEq, Eq)]
struct BlameOf {
    data: usize,
    key: Vec<u8>,
    revision: i64,
    is_logged: bool,
    is_carved: bool,
    is_audited: bool,
    is_revealed: bool,
}

/// What the job reads from.
struct Sources {
    data: Arc<Data>,
    logged: Option<Arc<Logged>>,
    carved: Option<Arc<CarvedVersions>>,
    audited: Option<Arc<Audited>>,
    mask: Option<Mask>,
}

struct ReadWriters(HashMap<(String, usize), LineWriter>);

impl Blamed {
    /// Begins to read the writers of what is shown, unless they are those already.
    pub(super) fn settle(&mut self, loaded: Option<&LoadedVersion>, session: &mut Session) {
        let Some(object) = loaded
            .filter(|loaded| loaded.is_object() && matches!(loaded.body, Body::Yaml(_)))
            .and_then(|loaded| loaded.object.as_ref())
        else {
            return;
        };
        let (key, revision) = (object.version.key.clone(), object.version.revision.main);
        let Some(data) = session.data().cloned() else {
            return;
        };
        let logged = match session.logged() {
            Part::Ready(logged) => logged,
            Part::Waiting | Part::Failed(_) => None,
        };
        let carved = session.slot().and_then(|slot| slot.carved.as_ref());
        let carved = carved.and_then(Part::ready).cloned();
        let audited = session.audited();
        let of = BlameOf {
            is_audited: audited.is_some(),
            data: Arc::as_ptr(&data).addr(),
            is_logged: logged.is_some(),
            is_carved: carved.is_some(),
            is_revealed: session.is_revealed(&key),
            key,
            revision,
        };
        if self.of.as_ref() == Some(&of) {
            return;
        }
        if let Some(job) = self.job.take() {
            session.cancel(job);
        }
        let is_same = self.of.as_ref().is_some_and(|known| known.key == of.key);
        if !is_same {
            self.writers.clear();
        }
        let sources = Sources {
            mask: session.mask(&of.key).cloned(),
            data,
            logged,
            carved,
            audited,
        };
        let (key, zone) = (of.key.clone(), session.options.zone.clone());
        self.of = Some(of);
        let work = move |_: &Monitor| ReadWriters(sources.read(&key, revision, &zone));
        self.job = Some(session.spawn(ScreenId::Browse, "", work));
    }

    /// Takes what its job gives; gives back what is not its.
    pub(super) fn answer(
        &mut self,
        job: JobId,
        value: Box<dyn Any + Send>,
    ) -> Option<Box<dyn Any + Send>> {
        let read = match value.downcast::<ReadWriters>() {
            Ok(read) => read,
            Err(value) => return Some(value),
        };
        if self.job == Some(job) {
            self.job = None;
            self.writers = read.0;
        }
        None
    }

    /// Who wrote a line; `number`: which one of its path.
    pub(super) fn writer(&self, line: &yaml::Line, number: usize) -> Option<&LineWriter> {
        self.writers.get(&(path_text(&line.path), number))
    }
}

impl Sources {
    fn read(
        &self,
        key: &[u8],
        revision: i64,
        zone: &TimeZone,
    ) -> HashMap<(String, usize), LineWriter> {
        let (data, logged) = (&self.data, self.logged.as_deref());
        let (keyspace, objects) = (data.keyspace(), data.objects());
        let carved = self.carved.as_deref();
        let all = all_versions(key, &keyspace, data.rebuilt(), logged, carved);
        let placed = all.iter().filter(|(origin, _)| is_placed(*origin));
        let mains = placed.map(|(_, version)| version.revision.main);
        let audited = self.audited.as_deref();
        let clock = clock_near(&objects, logged, mains, audited);
        let table = blame(
            &objects,
            &all,
            revision,
            &clock,
            self.mask.as_ref(),
            audited,
        );
        let Ok(table) = table else {
            return HashMap::new();
        };
        let mut writers = HashMap::with_capacity(table.rows.len());
        let mut before: Option<(String, usize)> = None;
        for row in &table.rows {
            let number = match &before {
                Some((path, number)) if *path == row.path => number.saturating_add(1),
                _ => 0,
            };
            before = Some((row.path.clone(), number));
            let mut writer = LineWriter::new(row, data.newest_time, zone);
            let request = row
                .who
                .as_ref()
                .filter(|who| who.source == WhoSource::Audit);
            let brief = request.and_then(|_| audited?.brief(row.revision));
            if let Some(brief) = brief {
                writer.who = brief;
            }
            writers.insert((row.path.clone(), number), writer);
        }
        writers
    }
}

impl LineWriter {
    fn new(row: &BlameLine, newest: Option<Timestamp>, zone: &TimeZone) -> Self {
        let who = row.who.as_ref().map(|who| who.shown());
        let revision = number::thousands(row.revision.into());
        let when = row.time.map(|write| when_text(write, newest, zone));
        Self {
            who: who.unwrap_or_default(),
            revision: match row.after {
                Some(_) => format!("≤{revision}"),
                None => revision,
            },
            when: when.unwrap_or_default(),
        }
    }
}
