//! Threads that wait for the terminal and for signals, and turn both into events.

use std::io;
use std::sync::mpsc::Sender;
use std::thread;
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::terminal::give_back;
use crate::event::Event;

/// So long the loop may take to end the browser after a signal; then it is ended from here.
const GRACE: Duration = Duration::from_secs(2);

/// Begins to listen to both. From here on Ctrl-C is a key, and SIGINT a signal like others.
pub(super) fn listen(events: &Sender<Event>) -> io::Result<()> {
    let signals = Signals::new([SIGTERM, SIGHUP, SIGINT, SIGCONT])?;
    let to = events.clone();
    thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || watch(signals, &to))?;
    let to = events.clone();
    thread::Builder::new()
        .name("terminal".to_owned())
        .spawn(move || {
            // However this thread ends: without it no one could leave.
            let gone = Gone(to);
            while let Ok(event) = crossterm::event::read() {
                let event = match event {
                    crossterm::event::Event::Key(key) => Event::Key(key),
                    crossterm::event::Event::Mouse(mouse) => Event::Mouse(mouse),
                    crossterm::event::Event::Paste(text) => Event::Paste(text),
                    crossterm::event::Event::Resize(columns, rows) => Event::Resize(columns, rows),
                    _ => continue,
                };
                if gone.0.send(event).is_err() {
                    break;
                }
            }
        })?;
    Ok(())
}

/// Tells that no key will come any more.
struct Gone(Sender<Event>);

impl Drop for Gone {
    fn drop(&mut self) {
        // After the end the channel is closed.
        let _ = self.0.send(Event::Terminate(None));
    }
}

/// The first signal asks the loop to end. A second one, or a loop that does not answer, ends the process from here, with the
/// terminal given back all the same.
fn watch(mut signals: Signals, events: &Sender<Event>) {
    let mut first = None;
    for signal in signals.forever() {
        if signal != SIGCONT {
            first = Some(signal);
            break;
        }
        if events.send(Event::Continued).is_err() {
            return;
        }
    }
    let Some(first) = first else { return };
    let _ = events.send(Event::Terminate(Some(first)));
    let asked = Instant::now();
    while asked.elapsed() < GRACE && !signals.pending().any(|signal| signal != SIGCONT) {
        thread::sleep(Duration::from_millis(20));
    }
    give_back();
    signal_hook::low_level::exit(128 + first);
}
