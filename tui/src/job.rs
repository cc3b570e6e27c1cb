//! Work beside the event loop: named, with progress, to be cancelled, its answers delivered as events.

use std::any::Any;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use etcd_inspect::progress::Progress;

use crate::screen::ScreenId;

/// Names a job of this run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobId(pub(crate) u64);

/// Who gets the answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// The session: opening and indexing.
    Session,
    /// A screen.
    Screen(ScreenId),
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
    },
    /// A part of the answer.
    Part(Box<dyn Any + Send>),
    /// The answer.
    Done(Box<dyn Any + Send>),
    /// The job ended without one: a bug.
    Broken,
}

/// How often progress is told.
const EVERY: Duration = Duration::from_millis(100);

type Tell = Arc<dyn Fn(Report) + Send + Sync>;

/// What a running job holds: where it tells of itself, and whether it is still wanted.
pub struct Monitor {
    id: JobId,
    owner: Owner,
    cancel: Arc<AtomicBool>,
    tell: Tell,
    done_bytes: AtomicU64,
    told: Mutex<(&'static str, u64, Instant)>,
}

impl Job {
    /// Runs it to its end on this thread; news go to `tell`.
    pub fn run(self, tell: Tell) {
        let monitor = Monitor {
            id: self.id,
            owner: self.owner,
            cancel: self.cancel,
            tell,
            done_bytes: AtomicU64::new(0),
            told: Mutex::new(("", 0, Instant::now())),
        };
        let work = self.work;
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| work(&monitor)));
        monitor.news(done.map_or(News::Broken, News::Done));
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

    /// Whether nobody waits for the answer any more.
    pub fn is_cancelled(&self) -> bool {
        self.cancel.load(Ordering::Relaxed)
    }
}

impl Progress for Monitor {
    fn begin(&self, phase: &'static str, total_bytes: u64) {
        self.done_bytes.store(0, Ordering::Relaxed);
        if let Ok(mut told) = self.told.lock() {
            *told = (phase, total_bytes, Instant::now());
        }
        self.news(News::Progress {
            phase,
            done_bytes: 0,
            total_bytes,
        });
    }

    fn advance(&self, bytes: u64) {
        let done_bytes = self
            .done_bytes
            .fetch_add(bytes, Ordering::Relaxed)
            .saturating_add(bytes);
        // Another thread is telling: it need not be told twice.
        if let Ok(mut told) = self.told.try_lock()
            && told.2.elapsed() >= EVERY
        {
            told.2 = Instant::now();
            self.news(News::Progress {
                phase: told.0,
                done_bytes,
                total_bytes: told.1,
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
    pub(crate) label: String,
    pub(crate) quiet: bool,
    pub(crate) phase: &'static str,
    pub(crate) done_bytes: u64,
    pub(crate) total_bytes: u64,
    cancel: Arc<AtomicBool>,
}

/// The jobs that run.
#[derive(Debug, Default)]
pub(crate) struct Jobs {
    next: u64,
    running: Vec<Running>,
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
        self.running.push(Running {
            id,
            quiet: label.is_empty(),
            label,
            phase: "",
            done_bytes: 0,
            total_bytes: 0,
            cancel: Arc::clone(&cancel),
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
        done_bytes: u64,
        total_bytes: u64,
    ) {
        if let Some(job) = self.running.iter_mut().find(|job| job.id == id) {
            (job.phase, job.done_bytes, job.total_bytes) = (phase, done_bytes, total_bytes);
        }
    }

    pub(crate) fn end(&mut self, id: JobId) {
        self.running.retain(|job| job.id != id);
    }

    pub(crate) fn cancel(&self, id: JobId) {
        self.running
            .iter()
            .filter(|job| job.id == id)
            .for_each(Running::stop);
    }

    /// Asks all that one can see to stop; how many.
    pub(crate) fn cancel_all(&self) -> usize {
        self.shown().map(Running::stop).count()
    }

    /// Those with a name, oldest first.
    pub(crate) fn shown(&self) -> impl Iterator<Item = &Running> {
        self.running.iter().filter(|job| !job.quiet)
    }
}

impl Running {
    fn stop(&self) {
        self.cancel.store(true, Ordering::Relaxed);
    }
}
