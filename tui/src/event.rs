//! What comes in, and what goes out: the loop in between is [`App::update`](crate::App::update).

use std::time::Duration;

use crossterm::event::{KeyEvent, MouseEvent};

use crate::job::{Job, Report};

/// Something happened.
#[derive(Debug)]
pub enum Event {
    /// A key was pressed.
    Key(KeyEvent),
    /// The mouse moved, clicked or scrolled.
    Mouse(MouseEvent),
    /// Text was pasted.
    Paste(String),
    /// The terminal has another size, columns and rows.
    Resize(u16, u16),
    /// A job has news.
    Job(Report),
    /// A time that was asked for has come.
    Wake(Wake),
    /// The process shall end: a signal, or the terminal is gone.
    Terminate(Option<i32>),
    /// The process goes on after it was stopped.
    Continued,
}

/// What a time is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// To hide the revealed secret again; the number tells a later reveal from an earlier one.
    Hide(u64),
    /// To show what a begun chord can become.
    Chord(u64),
    /// After this a second Ctrl-C no longer quits.
    Stop(u64),
}

/// Something to be done outside of the state.
#[derive(Debug)]
pub enum Effect {
    /// Run a job and deliver its news.
    Spawn(Job),
    /// Put text into the clipboard; the name is for the message.
    Copy {
        /// `YAML`, `key`.
        what: String,
        /// The text.
        text: String,
    },
    /// Send [`Event::Wake`] after a while.
    Wake(Wake, Duration),
    /// Take mouse events, or leave them to the terminal.
    Mouse(bool),
    /// Print text on the normal screen until a key is pressed.
    Print(String),
    /// Stop the process until it is continued.
    Suspend,
    /// End.
    Quit,
}
