//! Draws how far the library is: on a terminal's stderr, after 300 ms.

use std::io::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use etcd_inspect::progress::Progress;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::global::ProgressMode;
use crate::signals::Interrupt;

/// Shorter work is not worth a flicker.
const PATIENCE: Duration = Duration::from_millis(300);

/// Between two JSON lines.
const INTERVAL: Duration = Duration::from_millis(500);

/// Listens to the library.
#[derive(Debug)]
pub(crate) struct Meter {
    mode: Drawn,
    interrupt: Interrupt,
    done: AtomicU64,
    /// `done` at which somebody looks at the clock again, so that most calls cost one addition.
    next_look: AtomicU64,
    state: Mutex<State>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Drawn {
    Nothing,
    Bar,
    Json,
}

#[derive(Debug)]
struct State {
    phase: &'static str,
    total: u64,
    begun: Instant,
    said: Option<Instant>,
    bar: Option<ProgressBar>,
}

const LOOK_EVERY: u64 = 4 << 20;

impl Meter {
    /// `watched`: stderr is a terminal and `--quiet` was not given.
    pub(crate) fn new(mode: ProgressMode, watched: bool, interrupt: Interrupt) -> Self {
        Self {
            mode: match mode {
                ProgressMode::Auto if watched => Drawn::Bar,
                ProgressMode::Json => Drawn::Json,
                ProgressMode::Auto | ProgressMode::Never => Drawn::Nothing,
            },
            interrupt,
            done: AtomicU64::new(0),
            next_look: AtomicU64::new(0),
            state: Mutex::new(State {
                phase: "",
                total: 0,
                begun: Instant::now(),
                said: None,
                bar: None,
            }),
        }
    }

    /// Takes the bar away before something else is printed.
    pub(crate) fn clear(&self) {
        if self.mode == Drawn::Bar
            && let Ok(mut state) = self.state.lock()
            && let Some(bar) = state.bar.take()
        {
            bar.finish_and_clear();
        }
    }

    fn draw(&self, state: &mut State, done: u64) {
        if state.begun.elapsed() < PATIENCE {
            return;
        }
        match self.mode {
            Drawn::Nothing => {}
            Drawn::Bar => {
                let (phase, total) = (state.phase, state.total);
                let bar = state.bar.get_or_insert_with(|| new_bar(phase, total));
                bar.set_position(done);
            }
            Drawn::Json => {
                if state.said.is_none_or(|said| said.elapsed() >= INTERVAL) {
                    state.said = Some(Instant::now());
                    let line = serde_json::json!({"progress": {
                        "phase": state.phase, "done_bytes": done, "total_bytes": state.total,
                        "elapsed_s": state.begun.elapsed().as_secs_f32(),
                    }});
                    // Progress that cannot be written is not worth stopping for.
                    let _ = writeln!(std::io::stderr(), "{line}");
                }
            }
        }
    }
}

impl Progress for Meter {
    fn begin(&self, phase: &'static str, total_bytes: u64) {
        self.clear();
        self.done.store(0, Ordering::Relaxed);
        self.next_look.store(LOOK_EVERY, Ordering::Relaxed);
        if let Ok(mut state) = self.state.lock() {
            state.phase = phase;
            state.total = total_bytes;
            state.begun = Instant::now();
            state.said = None;
        }
    }

    fn advance(&self, bytes: u64) {
        let done = self
            .done
            .fetch_add(bytes, Ordering::Relaxed)
            .saturating_add(bytes);
        if self.mode == Drawn::Nothing || done < self.next_look.load(Ordering::Relaxed) {
            return;
        }
        self.next_look
            .store(done.saturating_add(LOOK_EVERY), Ordering::Relaxed);
        // Another thread that draws already draws for this one too.
        if let Ok(mut state) = self.state.try_lock() {
            self.draw(&mut state, done);
        }
    }

    fn cancelled(&self) -> bool {
        self.interrupt.is_set()
    }
}

fn new_bar(phase: &'static str, total: u64) -> ProgressBar {
    let (template, bar) = if total == 0 {
        (
            "{msg} {bytes} {bytes_per_sec} {elapsed}",
            ProgressBar::no_length(),
        )
    } else {
        (
            "{msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}",
            ProgressBar::new(total),
        )
    };
    bar.set_draw_target(ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.set_message(phase);
    bar
}
