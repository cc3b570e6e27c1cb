//! Ctrl-C: the first keeps what is known so far, the second ends at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::{SigId, flag, low_level};

/// Whether the user has asked to stop.
#[derive(Clone, Debug, Default)]
pub(crate) struct Interrupt {
    pressed: Arc<AtomicBool>,
    actions: Vec<SigId>,
    /// The signal that asked to end, other than Ctrl-C; 0 for none.
    ended_by: Arc<AtomicUsize>,
}

impl Interrupt {
    /// Begins to listen.
    pub(crate) fn listen() -> std::io::Result<Self> {
        let pressed = Arc::new(AtomicBool::new(false));
        // Order matters: the shutdown is armed by the flag that the first Ctrl-C sets after it was looked at.
        let actions = vec![
            flag::register_conditional_shutdown(SIGINT, 130, pressed.clone())?,
            flag::register(SIGINT, pressed.clone())?,
        ];
        Ok(Self {
            pressed,
            actions,
            ended_by: Arc::default(),
        })
    }

    /// The flag that the first Ctrl-C sets, for what cannot ask [`Interrupt`].
    pub(crate) fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.pressed)
    }

    /// Leaves SIGINT to someone else: to the browser, which has a terminal to give back first.
    pub(crate) fn let_go(&self) {
        for action in &self.actions {
            low_level::unregister(*action);
        }
    }

    /// While a file is written, SIGTERM and SIGHUP end as Ctrl-C does, so that no unfinished file stays, and a file that may not
    /// grow (`ulimit -f`) is an error of the write.
    pub(crate) fn while_writing(&self) -> std::io::Result<()> {
        for signal in [SIGTERM, SIGHUP] {
            let number = usize::try_from(signal).unwrap_or(0);
            let code = signal.saturating_add(128);
            flag::register_conditional_shutdown(signal, code, self.pressed.clone())?;
            flag::register_usize(signal, self.ended_by.clone(), number)?;
            flag::register(signal, self.pressed.clone())?;
        }
        flag::register(SIGXFSZ, Arc::default())?;
        Ok(())
    }

    /// The signal other than Ctrl-C that asked to end.
    pub(crate) fn ended_by(&self) -> Option<u8> {
        let signal = u8::try_from(self.ended_by.load(Ordering::Relaxed)).ok()?;
        (signal != 0).then_some(signal)
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
