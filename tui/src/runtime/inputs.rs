//! Threads that wait for the terminal and for signals, and turn both into events.

use std::io;
use std::sync::mpsc::Sender;
use std::thread;

use signal_hook::consts::{SIGCONT, SIGHUP, SIGTERM};
use signal_hook::iterator::Signals;

use crate::event::Event;

/// Begins to listen to both.
pub(super) fn listen(events: &Sender<Event>) -> io::Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGHUP, SIGCONT])?;
    let to = events.clone();
    thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            for signal in signals.forever() {
                let event = if signal == SIGCONT {
                    Event::Continued
                } else {
                    Event::Terminate
                };
                if to.send(event).is_err() {
                    break;
                }
            }
        })?;
    let to = events.clone();
    thread::Builder::new()
        .name("terminal".to_owned())
        .spawn(move || {
            loop {
                let event = match crossterm::event::read() {
                    Ok(crossterm::event::Event::Key(key)) => Event::Key(key),
                    Ok(crossterm::event::Event::Mouse(mouse)) => Event::Mouse(mouse),
                    Ok(crossterm::event::Event::Paste(text)) => Event::Paste(text),
                    Ok(crossterm::event::Event::Resize(columns, rows)) => {
                        Event::Resize(columns, rows)
                    }
                    Ok(_) => continue,
                    // The terminal is gone.
                    Err(_) => Event::Terminate,
                };
                let last = matches!(event, Event::Terminate);
                if to.send(event).is_err() || last {
                    break;
                }
            }
        })?;
    Ok(())
}
