//! What all screens share: the members, the ruler, the key that has the focus, jobs, messages.
//!
//! A screen asks here for everything that is not its own state. Nothing happens at once: wishes are collected and done by the
//! [`App`](crate::App) after the screen has answered.

mod derive;
mod side;
mod source;

use std::any::Any;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use etcd_inspect::check::Logged;
use etcd_inspect::kubernetes::mask::Mask;
use etcd_inspect::member::Member;
use etcd_inspect::mvcc::Version;
use etcd_inspect::text::escape::{self, Charset};
use etcd_inspect::text::shell;

pub(crate) use derive::word;
pub use side::Replayed;
pub(crate) use source::News;
pub use source::{Data, Part, Slot};

use crate::event::{Effect, Wake};
use crate::job::{JobId, Jobs, Monitor, Owner};
use crate::notes::{Kind, Note};
use crate::options::Options;
use crate::paint::Line;
use crate::ruler::Ruler;
use crate::salvage::Request;
use crate::screen::ScreenId;
use crate::target::{Target, Want};
use crate::theme::Role;

/// How long a secret stays revealed.
pub(crate) const REVEAL: Duration = Duration::from_secs(10);

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
    /// Whether the state after a start is shown.
    replay: bool,
    /// Version A of a difference: key and main revision.
    pub(crate) marked: Option<(Vec<u8>, i64)>,
}

/// What a screen asks of the app.
#[derive(Debug)]
pub(crate) enum Wish {
    /// Show this, wherever it is shown.
    Go(Target),
    /// The state before this key is worth coming back to.
    Visit,
    /// Tell the open screen that something has changed.
    Refresh,
    /// Show a text over the screen.
    Popup(String, Vec<Line>),
    /// Ask for a line of text, which the command of that name gets.
    Ask(&'static str),
    /// Try a pivot again that had to wait.
    Pivot(Want),
    /// Ask where to write a salvage of this evidence.
    Salvage(Request),
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
            replay: false,
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
        let (options, keyring) = (self.options.member.clone(), self.options.keyring.clone());
        let opened = slot.member.ready().copied();
        let opened = opened.ok_or_else(|| (slot.path.clone(), options));
        let label = slot.path.display().to_string();
        let work = move |monitor: &Monitor| source::read(number, opened, keyring, monitor);
        let job = self.jobs.start(Owner::Session, label, work);
        self.effects.push(Effect::Spawn(job));
    }

    /// Reads on what was stopped of the directory that is shown; `false`: nothing was.
    pub(crate) fn read_on(&mut self) -> bool {
        let number = self.current;
        let stopped = self.slots.get_mut(number).filter(|slot| {
            matches!(slot.member, Part::Failed(_)) || matches!(slot.data, Part::Failed(_))
        });
        let Some(slot) = stopped else { return false };
        if slot.member.ready().is_none() {
            slot.member = Part::Waiting;
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
    pub fn member(&self) -> Option<&'static Member> {
        self.slot()?.member.ready().copied()
    }

    /// Its index, once it is there.
    pub fn data(&self) -> Option<&Arc<Data>> {
        match self.replay {
            true => self.replayed()?.ready().map(|replayed| &replayed.data),
            false => self.stored(),
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
                .is_none_or(|key| newest.directory.position(key).is_some());
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
        match self.slot().map(|slot| (&slot.member, &slot.data)) {
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

    /// The path that is shown, as one word of a shell command.
    pub fn path(&self) -> String {
        let path = self
            .slot()
            .map(|slot| slot.path.to_string_lossy().into_owned());
        shell::word(&path.unwrap_or_default())
    }

    /// What only the log of this directory has; where it has not been read yet, that begins here, and screens are refreshed
    /// when it is there.
    pub fn logged(&mut self) -> Part<Option<&'static Logged>> {
        let (number, Some(member)) = (self.current, self.member()) else {
            return Part::Waiting;
        };
        let Some(slot) = self.slots.get_mut(number) else {
            return Part::Waiting;
        };
        if slot.logged.is_none() && slot.data.ready().is_some() {
            slot.logged = Some(Part::Waiting);
            let label = slot.path.display().to_string();
            let work = move |monitor: &Monitor| (number, source::read_log(member, monitor));
            let job = self.jobs.start(Owner::Session, label, work);
            self.effects.push(Effect::Spawn(job));
            return Part::Waiting;
        }
        slot.logged.clone().unwrap_or(Part::Waiting)
    }

    /// Does a pivot when the log has been read.
    pub(crate) fn wait_for_log(&mut self, want: Want) {
        self.waiting = Some(want);
        self.say(Role::Dim, "reading the log…");
    }

    /// Starts a job of a screen; its answers come to [`Screen::answer`](crate::Screen::answer). An empty label: one that
    /// takes no time worth showing.
    pub fn spawn<T: Any + Send>(
        &mut self,
        screen: ScreenId,
        label: impl Into<String>,
        work: impl FnOnce(&Monitor) -> T + Send + 'static,
    ) -> JobId {
        let job = self.jobs.start(Owner::Screen(screen), label.into(), work);
        let id = job.id;
        self.effects.push(Effect::Spawn(job));
        id
    }

    /// Asks a job to stop.
    pub fn cancel(&mut self, job: JobId) {
        self.jobs.cancel(job);
    }

    /// Says something in the message row.
    pub fn say(&mut self, role: Role, text: impl Into<String>) {
        self.message = Some((role, text.into()));
    }

    /// Shows a text over the screen until a key is pressed.
    pub fn popup(&mut self, title: impl Into<String>, lines: Vec<Line>) {
        self.wishes.push(Wish::Popup(title.into(), lines));
    }

    /// Goes to a target, on whichever screen shows it.
    pub fn go(&mut self, target: Target) {
        self.wishes.push(Wish::Go(target));
    }

    /// Marks the state before this key as one to come back to.
    pub fn visit(&mut self) {
        self.wishes.push(Wish::Visit);
    }

    /// Asks for a line of text that the command of that name gets.
    pub fn ask(&mut self, command: &'static str) {
        self.wishes.push(Wish::Ask(command));
    }

    /// Asks where to write a salvage.
    pub(crate) fn salvage(&mut self, request: Request) {
        self.wishes.push(Wish::Salvage(request));
    }

    /// Puts text into the clipboard.
    pub fn copy(&mut self, what: &'static str, text: String) {
        self.effects.push(Effect::Copy { what, text });
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
        let before = self.ruler.at();
        self.ruler.go(revision);
        if self.ruler.at() != before {
            self.wishes.push(Wish::Refresh);
            self.read_clock();
        }
    }

    /// The version of a key that is current at the revision of the ruler.
    pub fn version(&self, key: &[u8]) -> Option<Version<'static>> {
        let keyspace = self.rows()?.objects.keyspace();
        keyspace.get(key, self.ruler.at()).ok()?
    }

    /// The mask over values of a key; none while they are revealed.
    pub fn mask(&self, key: &[u8]) -> Option<&Mask> {
        (self.revealed.as_deref() != Some(key)).then_some(&self.options.mask)
    }

    /// Which characters may be drawn.
    pub fn charset(&self) -> Charset {
        Charset {
            ascii: self.options.ascii,
        }
    }

    /// Whether a key's secret is shown.
    pub fn is_revealed(&self, key: &[u8]) -> bool {
        self.revealed.as_deref() == Some(key)
    }

    /// Shows the secrets of one key for ten seconds.
    pub fn reveal(&mut self, key: &[u8]) {
        self.reveals += 1;
        self.revealed = Some(key.to_vec());
        self.effects
            .push(Effect::Wake(Wake::Hide(self.reveals), REVEAL));
        self.add_note(Note {
            kind: Kind::Note,
            written: jiff::Timestamp::now(),
            key: Some(key.to_vec()),
            revision: self.ruler.revision(),
            place: escape::bytes(key, Charset::default()).into_owned(),
            text: "its secret was shown".to_owned(),
        });
        self.say(Role::Warning, "secret shown for 10 seconds; noted");
        self.wishes.push(Wish::Refresh);
    }

    pub(crate) fn add_note(&mut self, note: Note) {
        let current = self.current;
        if let Some(slot) = self.slots.get_mut(current) {
            slot.notes.add(note);
        }
    }

    pub(crate) fn hide(&mut self, number: u64) {
        if number == self.reveals && self.revealed.take().is_some() {
            self.say(Role::Dim, "secret hidden again");
            self.wishes.push(Wish::Refresh);
        }
    }

    /// A task broke off: what it was to bring will not come.
    pub(crate) fn broke_off(&mut self, owner: Owner) {
        if owner != Owner::Session {
            return;
        }
        let why = || "reading it broke off: a bug of ours; :index tries again".to_owned();
        for slot in &mut self.slots {
            if matches!(slot.member, Part::Waiting) {
                slot.member = Part::Failed(why());
            }
            if matches!(slot.data, Part::Waiting) {
                slot.data = Part::Failed(why());
            }
            if matches!(slot.logged, Some(Part::Waiting)) {
                slot.logged = Some(Part::Failed(why()));
            }
        }
        self.wishes.push(Wish::Refresh);
    }

    /// What a job of the session tells.
    pub(crate) fn answer(&mut self, job: JobId, value: Box<dyn Any + Send>) {
        let value = match value.downcast::<Clock>() {
            Ok(clock) => {
                if self.clock == Some(job) {
                    self.ruler.time = Some((clock.0, clock.1));
                }
                return;
            }
            Err(value) => value,
        };
        let Ok(news) = value.downcast::<(usize, News)>() else {
            return;
        };
        let (number, news) = *news;
        let Some(slot) = self.slots.get_mut(number) else {
            return;
        };
        match news {
            News::Opened(member) => slot.member = member.map_or_else(Part::Failed, Part::Ready),
            News::Known(identity) => {
                let name = source::name_of(&identity, &slot.path);
                slot.identity = Some(identity);
                let evidence: Vec<_> = self.slots.iter().map(|slot| slot.path.clone()).collect();
                let state = self.options.state_dir.as_deref();
                if let Some(slot) = self.slots.get_mut(number) {
                    slot.notes.open(state, &name, &evidence);
                }
            }
            News::Newest(newest) => slot.newest = Some(newest),
            News::Indexed(data) => {
                slot.data = data.map_or_else(Part::Failed, Part::Ready);
                if slot.data.ready().is_some() {
                    slot.newest = None;
                }
            }
            News::Checked(report) => slot.report = Some(Arc::new(report)),
            News::Logged(logged) => {
                slot.logged = Some(logged.map_or_else(Part::Failed, Part::Ready));
                if let Some(want) = self.waiting.take() {
                    self.wishes.push(Wish::Pivot(want));
                }
            }
            News::Replayed(replayed) => {
                slot.replayed = Some(replayed.map_or_else(Part::Failed, Part::Ready));
                if number == self.current && self.replay {
                    self.say_side();
                }
            }
        }
        if number == self.current {
            self.arrive();
        }
    }

    /// Takes up what is known of the directory that is shown.
    pub(crate) fn arrive(&mut self) {
        self.want_side();
        if let Some(rows) = self.rows() {
            let keyspace = rows.objects.keyspace();
            let (first, last) = (
                keyspace.compact_revision().unwrap_or(1),
                keyspace.revision(),
            );
            self.ruler.reach(first, last);
        }
        if self.data().is_some() {
            let last = self.ruler.last;
            if let Some(revision) = self.options.revision.take() {
                self.ruler.go(Some(if revision < 0 {
                    last.saturating_add(revision)
                } else {
                    revision
                }));
            }
            self.mark();
            self.read_clock();
        }
        self.wishes.push(Wish::Refresh);
    }

    /// The marks of the key that has the focus.
    fn mark(&mut self) {
        let Some((data, key)) = self.data().zip(self.focus.as_ref()) else {
            self.ruler.marks.clear();
            return;
        };
        let records = data.objects.keyspace().records_of(key);
        self.ruler.marks = records
            .iter()
            .map(|version| (version.revision.main, version.tombstone))
            .collect();
    }

    /// Reads the time of the ruler's revision in the background: hundreds of objects are decoded for it.
    fn read_clock(&mut self) {
        let (Some(data), at) = (self.data().cloned(), self.ruler.at()) else {
            return;
        };
        let revision = self.ruler.revision();
        if self.ruler.time.is_some_and(|(known, _)| known == revision) {
            return;
        }
        if let Some(job) = self.clock.take() {
            self.jobs.cancel(job);
        }
        let work = move |monitor: &Monitor| {
            let time = if monitor.is_cancelled() {
                None
            } else {
                data.objects
                    .time_near(at.unwrap_or(revision))
                    .map(|mark| mark.time)
            };
            Clock(revision, time)
        };
        let job = self.jobs.start(Owner::Session, String::new(), work);
        self.clock = Some(job.id);
        self.effects.push(Effect::Spawn(job));
    }
}

/// The time at a revision.
struct Clock(i64, Option<jiff::Timestamp>);
