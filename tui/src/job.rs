//! Work beside the event loop: named, with progress, to be cancelled, its answers delivered as events.

use std::any::Any;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use etcd_inspect::progress::Progress;
use etcd_inspect::text::number;

use crate::screen::ScreenId;

/// Names a job of this run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobId(pub(crate) u64);

/// Who gets the answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// The page of a report.
    Report,
    /// The session: opening and indexing.
    Session,
    /// A screen.
    Screen(ScreenId),
    /// The salvage, whichever screen is open.
    Salvage,
}

/// A job to be run.
pub struct Job {
    pub(crate) id: JobId,
    pub(crate) owner: Owner,
    pub(crate) cancel: Arc<AtomicBool>,
    pub(crate) work: Work,
}

type Work = Box<dyn FnOnce(&Monitor) -> Box<dyn Any + Send> + Send>;

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} for {:?}", self.id, self.owner)
    }
}

/// What a job tells.
pub struct Report {
    pub(crate) id: JobId,
    pub(crate) owner: Owner,
    pub(crate) news: News,
}

impl std::fmt::Debug for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "news of {:?}", self.id)
    }
}

pub(crate) enum News {
    /// So far.
    Progress {
        phase: &'static str,
        done_bytes: u64,
        total_bytes: u64,
        /// Since the phase began.
        elapsed: Duration,
    },
    /// A part of the answer.
    Part(Box<dyn Any + Send>),
    /// The answer, and whether the job has seen that it was to stop.
    Done(Box<dyn Any + Send>, bool),
    /// The job ended without one: a bug.
    Broken,
}

/// How often progress is reported.
const EVERY: Duration = Duration::from_millis(100);

type Tell = Arc<dyn Fn(Report) + Send + Sync>;

/// The state of a running job: where it reports progress, and whether it is still wanted.
pub struct Monitor {
    id: JobId,
    owner: Owner,
    cancel: Arc<AtomicBool>,
    /// Whether it was cancelled: then the answer is not whole.
    noticed: AtomicBool,
    tell: Tell,
    done_bytes: AtomicU64,
    phase: Mutex<Phase>,
}

/// What a job is at.
struct Phase {
    name: &'static str,
    total_bytes: u64,
    began: Instant,
    told: Instant,
}

impl Phase {
    fn new(name: &'static str, total_bytes: u64) -> Self {
        let now = Instant::now();
        Self {
            name,
            total_bytes,
            began: now,
            told: now,
        }
    }
}

impl Job {
    /// Runs it to its end on this thread; news go to `tell`.
    pub fn run(self, tell: Tell) {
        let monitor = Monitor {
            id: self.id,
            owner: self.owner,
            cancel: self.cancel,
            noticed: AtomicBool::new(false),
            tell,
            done_bytes: AtomicU64::new(0),
            phase: Mutex::new(Phase::new("", 0)),
        };
        let work = self.work;
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| work(&monitor)));
        let noticed = monitor.noticed.load(Ordering::Relaxed);
        monitor.news(done.map_or(News::Broken, |value| News::Done(value, noticed)));
    }
}

impl Monitor {
    fn news(&self, news: News) {
        (self.tell)(Report {
            id: self.id,
            owner: self.owner,
            news,
        });
    }

    /// Gives a part of the answer before the end.
    pub fn send<T: Any + Send>(&self, part: T) {
        self.news(News::Part(Box::new(part)));
    }

    /// Whether the job was cancelled.
    pub fn is_cancelled(&self) -> bool {
        let cancelled = self.cancel.load(Ordering::Relaxed);
        if cancelled {
            self.noticed.store(true, Ordering::Relaxed);
        }
        cancelled
    }

    /// The same for work that is not stopped half-way: what is kept of it for good must be whole.
    pub(crate) fn whole(&self) -> Whole<'_> {
        Whole(self)
    }
}

/// Tells how far it is, and does not stop.
pub(crate) struct Whole<'m>(&'m Monitor);

impl Progress for Whole<'_> {
    fn begin(&self, phase: &'static str, total_bytes: u64) {
        self.0.begin(phase, total_bytes);
    }

    fn advance(&self, bytes: u64) {
        self.0.advance(bytes);
    }
}

impl Progress for Monitor {
    fn begin(&self, phase: &'static str, total_bytes: u64) {
        self.done_bytes.store(0, Ordering::Relaxed);
        if let Ok(mut now) = self.phase.lock() {
            *now = Phase::new(phase, total_bytes);
        }
        self.news(News::Progress {
            phase,
            done_bytes: 0,
            total_bytes,
            elapsed: Duration::ZERO,
        });
    }

    fn advance(&self, bytes: u64) {
        let done_bytes = self
            .done_bytes
            .fetch_add(bytes, Ordering::Relaxed)
            .saturating_add(bytes);
        // Another thread is reporting: once is enough.
        if let Ok(mut phase) = self.phase.try_lock()
            && phase.told.elapsed() >= EVERY
        {
            phase.told = Instant::now();
            self.news(News::Progress {
                phase: phase.name,
                done_bytes,
                total_bytes: phase.total_bytes,
                elapsed: phase.began.elapsed(),
            });
        }
    }

    fn cancelled(&self) -> bool {
        self.is_cancelled()
    }
}

/// A job as the message row shows it.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) id: JobId,
    owner: Owner,
    pub(crate) label: String,
    pub(crate) quiet: bool,
    pub(crate) phase: &'static str,
    pub(crate) done_bytes: u64,
    pub(crate) total_bytes: u64,
    pub(crate) elapsed: Duration,
    cancel: Arc<AtomicBool>,
    /// Whether the user has stopped it.
    stopped: bool,
}

/// The jobs that run.
#[derive(Debug, Default)]
pub(crate) struct Jobs {
    next: u64,
    running: Vec<Running>,
    /// Those that the user has stopped and that were not started again: what is shown of them is not all.
    stopped: Vec<(Owner, String, String)>,
}

impl Jobs {
    pub(crate) fn start<T: Any + Send>(
        &mut self,
        owner: Owner,
        label: String,
        work: impl FnOnce(&Monitor) -> T + Send + 'static,
    ) -> Job {
        self.next += 1;
        let id = JobId(self.next);
        let cancel = Arc::new(AtomicBool::new(false));
        self.stopped
            .retain(|(of, known, _)| (*of, known) != (owner, &label));
        self.running.push(Running {
            id,
            owner,
            quiet: label.is_empty(),
            label,
            phase: "",
            done_bytes: 0,
            total_bytes: 0,
            elapsed: Duration::ZERO,
            cancel: Arc::clone(&cancel),
            stopped: false,
        });
        Job {
            id,
            owner,
            cancel,
            work: Box::new(move |monitor| Box::new(work(monitor))),
        }
    }

    pub(crate) fn progress(
        &mut self,
        id: JobId,
        phase: &'static str,
        (done_bytes, total_bytes): (u64, u64),
        elapsed: Duration,
    ) {
        if let Some(job) = self.running.iter_mut().find(|job| job.id == id) {
            (job.phase, job.elapsed) = (phase, elapsed);
            (job.done_bytes, job.total_bytes) = (done_bytes, total_bytes);
        }
    }

    /// `partial`: the job has seen that it was to stop.
    pub(crate) fn end(&mut self, id: JobId, partial: bool) {
        let Some(at) = self.running.iter().position(|job| job.id == id) else {
            return;
        };
        let job = self.running.remove(at);
        if job.stopped && partial {
            self.stopped
                .push((job.owner, job.label, job.phase.to_owned()));
        }
    }

    /// What was stopped of a screen's work last: its name, and what it was at.
    pub(crate) fn stopped(&self, screen: ScreenId) -> Option<(&str, &str)> {
        let of = |owner: &Owner| *owner == Owner::Screen(screen);
        let (_, label, phase) = self.stopped.iter().rfind(|(owner, _, _)| of(owner))?;
        Some((label, phase))
    }

    pub(crate) fn cancel(&self, id: JobId) {
        let this = self.running.iter().find(|job| job.id == id);
        if let Some(job) = this {
            job.cancel.store(true, Ordering::Relaxed);
        }
    }

    /// Stops for the user what one can see, of one owner or of all; how many.
    pub(crate) fn stop(&mut self, of: Option<Owner>) -> usize {
        let wanted = |job: &&mut Running| !job.quiet && of.is_none_or(|of| of == job.owner);
        let jobs = self.running.iter_mut().filter(wanted);
        jobs.map(|job| {
            job.stopped = true;
            job.cancel.store(true, Ordering::Relaxed);
        })
        .count()
    }

    /// Those with a name, oldest first.
    pub(crate) fn shown(&self) -> impl Iterator<Item = &Running> {
        self.running.iter().filter(|job| !job.quiet)
    }
}

impl Running {
    /// How far it is: `43% of 1.4 GB · 560 MB/s · 2 s left`; empty if nothing is counted.
    pub(crate) fn done(&self) -> String {
        let (done, total) = (self.done_bytes, self.total_bytes);
        let mut text = match (done, total) {
            (0, 0) => return String::new(),
            (done, 0) => number::size(done),
            (done, total) => format!(
                "{} of {}",
                number::percent(done.min(total), total),
                number::size(total)
            ),
        };
        let millis = u64::try_from(self.elapsed.as_millis()).unwrap_or(u64::MAX);
        if millis >= 500
            && let Some(rate) = done.saturating_mul(1000).checked_div(millis)
        {
            text += &format!(" · {}/s", number::size(rate));
            if let Some(left) = total
                .saturating_sub(done)
                .checked_div(rate)
                .filter(|_| total > 0)
            {
                text += &format!(" · {} s left", left.saturating_add(1));
            }
        }
        text
    }
}
