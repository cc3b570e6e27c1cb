//! Ctrl-C: the first keeps what is known so far, the second ends at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::SIGINT;
use signal_hook::{SigId, flag, low_level};

/// Whether the user has asked to stop.
#[derive(Clone, Debug, Default)]
pub(crate) struct Interrupt {
    pressed: Arc<AtomicBool>,
    actions: Vec<SigId>,
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
        Ok(Self { pressed, actions })
    }

    /// Leaves SIGINT to someone else: to the browser, which has a terminal to give back first.
    pub(crate) fn let_go(&self) {
        for action in &self.actions {
            low_level::unregister(*action);
        }
    }

    /// Whether Ctrl-C was pressed.
    pub(crate) fn is_set(&self) -> bool {
        self.pressed.load(Ordering::Relaxed)
    }
}
