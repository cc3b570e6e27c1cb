//! What all screens share: the members, the ruler, the key that has the focus, jobs, messages.
//!
//! A screen asks here for everything that is not its own state. Nothing happens at once: wishes are collected and done by the
//! [`App`](crate::App) after the screen has answered.

mod audited;
mod carved;
mod counts;
mod derive;
mod joined;
mod neat;
mod news;
mod secrets;
mod side;
mod source;
mod wishes;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use etcd_inspect::answers::WrittenVersion;
use etcd_inspect::check::Logged;
use etcd_inspect::dataset::Dataset;
use etcd_inspect::member::Member;
use etcd_inspect::text::escape::Charset;
use etcd_inspect::{Advice, EvidenceOperand};

pub use counts::{Counts, ResourceCount};
pub use side::Replayed;
pub(crate) use source::SlotNews;
pub use source::{Data, Part, Slot};
pub(crate) use wishes::Wish;

use crate::event::Effect;
use crate::job::{JobId, Jobs, Monitor, Owner};
use crate::notes::Note;
use crate::options::Options;
use crate::paint::Line;
use crate::ruler::Ruler;
use crate::screen::ScreenId;
use crate::target::Want;
use crate::theme::Role;

/// What screens share.
#[derive(Debug)]
pub struct Session {
    /// How the browser was started.
    pub options: Options,
    /// The directories.
    pub slots: Vec<Slot>,
    /// Which of them the screens show.
    pub current: usize,
    /// Their revision.
    pub ruler: Ruler,
    /// The last message to the user.
    pub message: Option<(Role, String)>,
    /// Screens that this run has, in the order of their tabs.
    pub(crate) tabs: Vec<ScreenId>,
    pub(crate) jobs: Jobs,
    pub(crate) effects: Vec<Effect>,
    pub(crate) wishes: Vec<Wish>,
    focus: Option<Vec<u8>>,
    revealed: Option<Vec<u8>>,
    reveals: u64,
    clock: Option<JobId>,
    /// A pivot that waits for the log.
    waiting: Option<Want>,
    /// A revision below the compaction that waits for the log.
    returning: Option<i64>,
    /// Whether the state after a start is shown.
    replay: bool,
    /// What is looked for in the object that is shown next.
    pub(crate) sought: Option<String>,
    /// Version A of a difference: key and main revision.
    pub(crate) marked: Option<(Vec<u8>, i64)>,
}

impl Session {
    pub(crate) fn new(paths: Vec<PathBuf>, options: Options) -> Self {
        let mut session = Self {
            options,
            slots: paths.into_iter().map(Slot::new).collect(),
            current: 0,
            ruler: Ruler::default(),
            message: None,
            tabs: Vec::new(),
            jobs: Jobs::default(),
            effects: Vec::new(),
            wishes: Vec::new(),
            focus: None,
            revealed: None,
            reveals: 0,
            clock: None,
            waiting: None,
            returning: None,
            replay: false,
            sought: None,
            marked: None,
        };
        session.replay = session.options.replay;
        session.focus = session.options.key.clone();
        for number in 0..session.slots.len() {
            session.read(number);
        }
        session
    }

    fn read(&mut self, number: usize) {
        let Some(slot) = self.slots.get(number) else {
            return;
        };
        let mut options = self.options.member.clone();
        options.evidence.wal_dir = self.options.wal_dirs.get(number).cloned();
        let builder = Dataset::builder().options(options);
        let builder = builder.keyring(self.options.keyring.clone());
        let opened = slot.dataset.ready().cloned();
        let opened = opened.ok_or_else(|| (slot.path.clone(), builder));
        let label = slot.path.display().to_string();
        let work = move |monitor: &Monitor| source::read(number, opened, monitor);
        let job = self.jobs.start(Owner::Session, label, work);
        self.effects.push(Effect::Spawn(job));
    }

    /// Reads on what was stopped of the directory that is shown; `false`: nothing was.
    pub(crate) fn read_on(&mut self) -> bool {
        let number = self.current;
        let stopped = self.slots.get_mut(number).filter(|slot| {
            matches!(slot.dataset, Part::Failed(_)) || matches!(slot.data, Part::Failed(_))
        });
        let Some(slot) = stopped else { return false };
        if slot.dataset.ready().is_none() {
            slot.dataset = Part::Waiting;
        }
        slot.data = Part::Waiting;
        self.read(number);
        self.wishes.push(Wish::Refresh);
        true
    }

    /// The screens of this run, in the order of their tabs.
    pub fn tabs(&self) -> &[ScreenId] {
        &self.tabs
    }

    /// The directory that is shown.
    pub fn slot(&self) -> Option<&Slot> {
        self.slots.get(self.current)
    }

    /// Its handle, once it is open.
    pub fn dataset(&self) -> Option<&Dataset> {
        self.slot()?.dataset.ready()
    }

    /// The files that it reads.
    pub fn member(&self) -> Option<&Member> {
        self.dataset().map(Dataset::member)
    }

    /// Whether a dataset is the one that is shown.
    pub(crate) fn is_shown(&self, dataset: &Dataset) -> bool {
        self.dataset().is_some_and(|shown| shown.is_same(dataset))
    }

    /// Its index, once it is there.
    pub fn data(&self) -> Option<&Arc<Data>> {
        match self.replay {
            true => self.replayed()?.ready().map(|replayed| &replayed.data),
            false => self.below_compaction().or_else(|| self.stored()),
        }
    }

    /// The index, or until it is complete the newest revisions: rows to look at, of which counts are lower bounds. They know
    /// of no revision but the newest.
    pub fn rows(&self) -> Option<&Arc<Data>> {
        self.data().or_else(|| {
            let newest = self.slot()?.newest.as_ref().filter(|_| !self.replay)?;
            let key_is_there = self
                .options
                .key
                .as_ref()
                .is_none_or(|key| newest.directory().position(key).is_some());
            (self.options.revision.is_none() && key_is_there).then_some(newest)
        })
    }

    /// How much of the index is read, of how many bytes, while it is being read.
    pub(crate) fn indexed(&self) -> Option<(u64, u64)> {
        let label = self.slot()?.path.display().to_string();
        let job = self.jobs.shown().find(|job| job.label == label)?;
        (job.total_bytes > 0).then(|| (job.done_bytes.min(job.total_bytes), job.total_bytes))
    }

    /// Why there is no index: still being read, or what stopped it.
    pub fn why_no_data(&self) -> Line {
        match self.slot().map(|slot| (&slot.dataset, &slot.data)) {
            None => Line::piece(Role::Error, "no directory"),
            Some((Part::Failed(why), _) | (_, Part::Failed(why))) => {
                Line::piece(Role::Error, why.clone())
            }
            Some((Part::Waiting, _)) => Line::piece(Role::Dim, "opening…"),
            Some((_, Part::Ready(_))) => match self.replayed() {
                Some(Part::Failed(why)) => Line::piece(Role::Error, why.clone()),
                _ => Line::piece(Role::Dim, "replaying the log…"),
            },
            Some(_) => Line::piece(Role::Dim, "indexing…"),
        }
    }

    /// The path that is shown.
    pub fn evidence(&self) -> Option<&Path> {
        self.slot().map(|slot| slot.path.as_path())
    }

    /// The evidence that is shown, as our own verbs are given it again.
    pub fn operand(&self) -> EvidenceOperand<'_> {
        let wal_dir = self.options.wal_dirs.get(self.current);
        EvidenceOperand::from(self.evidence())
            .with_wal_dir(wal_dir.map(PathBuf::as_path))
            .with_flags(&self.options.flags)
    }

    /// The path that is shown, as one word of a shell command.
    pub fn path(&self) -> String {
        Advice::from("{path}").on(self.evidence())
    }

    /// What only the log of this directory has; where it has not been read yet, that begins here, and screens are refreshed
    /// when it is there.
    pub fn logged(&mut self) -> Part<Option<Arc<Logged>>> {
        let (number, Some(dataset)) = (self.current, self.dataset().cloned()) else {
            return Part::Waiting;
        };
        let Some(slot) = self.slots.get_mut(number) else {
            return Part::Waiting;
        };
        if slot.logged.is_none() && slot.data.ready().is_some() {
            slot.logged = Some(Part::Waiting);
            let label = slot.path.display().to_string();
            let work = move |monitor: &Monitor| (number, source::read_log(&dataset, monitor));
            let job = self.jobs.start(Owner::Session, label, work);
            self.effects.push(Effect::Spawn(job));
            return Part::Waiting;
        }
        slot.logged.clone().unwrap_or(Part::Waiting)
    }

    /// The log of this directory, if it was read already.
    pub(crate) fn log_if_read(&self) -> Option<Arc<Logged>> {
        match self.slot()?.logged.as_ref()? {
            Part::Ready(logged) => logged.clone(),
            Part::Waiting | Part::Failed(_) => None,
        }
    }

    /// Has a text looked for in the object that is shown next.
    pub(crate) fn seek(&mut self, text: &str) {
        self.sought = Some(text.to_owned());
    }

    /// The key that has the focus on all screens.
    pub fn focus(&self) -> Option<&[u8]> {
        self.focus.as_deref()
    }

    /// Gives another key the focus.
    pub fn set_focus(&mut self, key: Option<&[u8]>) {
        if self.focus() != key {
            self.focus = key.map(<[u8]>::to_vec);
            self.mark();
        }
    }

    /// Moves all screens in time; `None` is the newest revision.
    pub fn move_to(&mut self, revision: Option<i64>) {
        if revision.is_some_and(|revision| self.reaches_back(revision)) {
            return;
        }
        let before = self.ruler.at();
        self.ruler.go(revision);
        if self.ruler.at() != before {
            self.wishes.push(Wish::Refresh);
            self.read_clock();
        }
    }

    /// The version of a key that is current at the revision of the ruler.
    pub fn version(&self, key: &[u8]) -> Option<WrittenVersion> {
        let keyspace = self.rows()?.keyspace();
        let version = keyspace.get(key, self.ruler.at()).ok()??;
        Some(WrittenVersion::from(&version))
    }

    /// The revision at which that version was written.
    pub(crate) fn written_at(&self, key: &[u8]) -> Option<i64> {
        let keyspace = self.rows()?.keyspace();
        let version = keyspace.get(key, self.ruler.at()).ok()??;
        Some(version.revision.main)
    }

    /// Which characters may be drawn.
    pub fn charset(&self) -> Charset {
        Charset {
            ascii: self.options.ascii,
        }
    }

    pub(crate) fn add_note(&mut self, note: Note) {
        let current = self.current;
        if let Some(slot) = self.slots.get_mut(current) {
            slot.notes.add(note);
        }
    }
}
