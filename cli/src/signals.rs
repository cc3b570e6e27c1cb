//! Signals: the first Ctrl-C keeps what is known so far, the second ends at once, and no end leaves an unfinished file.

use std::ffi::c_int;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use etcd_inspect::salvage::remove_unfinished;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::iterator::{Handle, Signals};
use signal_hook::{flag, low_level};

/// Whether the user has asked to stop.
#[derive(Clone, Debug, Default)]
pub(crate) struct Interrupt {
    pressed: Arc<AtomicBool>,
    /// Whether SIGTERM and SIGHUP ask to stop, as Ctrl-C does.
    is_patient: Arc<AtomicBool>,
    signals: Option<Handle>,
    /// The signal that asked to end, other than Ctrl-C; 0 for none.
    ended_by: Arc<AtomicUsize>,
}

impl Interrupt {
    /// Begins to listen.
    pub(crate) fn listen() -> std::io::Result<Self> {
        // `nohup` has a hangup ignored.
        let mut ends = vec![SIGINT, SIGTERM];
        ends.extend((!is_ignored(SIGHUP)).then_some(SIGHUP));
        let mut signals = Signals::new(ends)?;
        let interrupt = Self {
            signals: Some(signals.handle()),
            ..Self::default()
        };
        let heard = interrupt.clone();
        std::thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || signals.forever().for_each(|signal| heard.take(signal)))?;
        // A file that may not grow (`ulimit -f`) is an error of the write.
        flag::register(SIGXFSZ, Arc::default())?;
        Ok(interrupt)
    }

    /// Asks to stop, or ends at once: at a second signal, and at one that nothing waits for.
    fn take(&self, signal: c_int) {
        let is_interrupt = signal == SIGINT;
        if !is_interrupt {
            let number = usize::try_from(signal).unwrap_or(0);
            self.ended_by.store(number, Ordering::Relaxed);
        }
        let is_asked = is_interrupt || self.is_patient.load(Ordering::Relaxed);
        if !is_asked || self.pressed.swap(true, Ordering::Relaxed) {
            remove_unfinished();
            low_level::exit(signal.saturating_add(128));
        }
    }

    /// The flag that the first Ctrl-C sets, for what cannot ask [`Interrupt`].
    pub(crate) fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.pressed)
    }

    /// Leaves signals to someone else: to the browser, which has a terminal to give back first.
    pub(crate) fn let_go(&self) {
        if let Some(signals) = &self.signals {
            signals.close();
        }
    }

    /// From now on SIGTERM and SIGHUP ask to stop, as Ctrl-C does, and end nothing at once.
    pub(crate) fn be_patient(&self) {
        self.is_patient.store(true, Ordering::Relaxed);
    }

    /// The signal that asked to end: SIGINT if it was no other.
    pub(crate) fn number(&self) -> u8 {
        match u8::try_from(self.ended_by.load(Ordering::Relaxed)) {
            Ok(0) | Err(_) => u8::try_from(SIGINT).unwrap_or_default(),
            Ok(number) => number,
        }
    }

    /// Takes the wish to end as fulfilled: what went on until then was the whole answer.
    pub(crate) fn is_the_end(&self) {
        self.pressed.store(false, Ordering::Relaxed);
    }

    /// Whether Ctrl-C was pressed.
    pub(crate) fn is_set(&self) -> bool {
        self.pressed.load(Ordering::Relaxed)
    }
}

/// Whether whoever started this process has a signal ignored: `SigIgn` of proc(5), a mask in hex.
fn is_ignored(signal: c_int) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    let bit = u32::try_from(signal.saturating_sub(1)).unwrap_or(u32::MAX);
    mask.and_then(|mask| mask.checked_shr(bit)).unwrap_or(0) & 1 == 1
}
