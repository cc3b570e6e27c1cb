//! The terminal: taken over at the start, given back as it was however the process ends.

use std::io::{self, BufWriter, Stdout, Write};
use std::mem::{self, ManuallyDrop};
use std::panic;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, Once};
use std::thread::{self, ThreadId};

use crossterm::cursor::{Hide, MoveTo, Show};
use crossterm::event::{
    DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture,
};
use crossterm::terminal::{
    self, BeginSynchronizedUpdate, Clear, ClearType, EndSynchronizedUpdate, EnterAlternateScreen,
    LeaveAlternateScreen,
};
use crossterm::{execute, queue};
use ratatui::backend::CrosstermBackend;

use crate::app::App;

/// Whether the terminal is ours at the moment.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// Whether the browser has a screen of its own.
static ALTERNATE: AtomicBool = AtomicBool::new(true);

/// The thread that draws, while there is one.
static DRAWS: Mutex<Option<ThreadId>> = Mutex::new(None);

/// Where other threads have panicked: the browser lives on, and says so when it has left the screen.
static BROKEN: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Bytes of a frame that are written at once: more than a full redraw of a large terminal.
const FRAME_BYTES: usize = 1 << 17;

type Screen = ratatui::Terminal<CrosstermBackend<BufWriter<Stdout>>>;

/// The terminal while the browser has it.
pub(super) struct Terminal {
    /// Never dropped with a terminal that is gone: its drop prints that it could not show the cursor, and panics where stderr
    /// is gone too.
    inner: ManuallyDrop<Screen>,
    mouse: bool,
    /// Whether the normal screen is shown.
    printed: bool,
}

impl Terminal {
    /// Takes the terminal over. Asks it nothing: an answer over ssh would be waited for.
    /// `alternate`: on a screen of its own, which is gone afterwards.
    pub(super) fn open(mouse: bool, alternate: bool) -> io::Result<Self> {
        ALTERNATE.store(alternate, Ordering::SeqCst);
        restore_on_panic();
        if let Ok(mut draws) = DRAWS.lock() {
            *draws = Some(thread::current().id());
        }
        take(mouse)?;
        match ratatui::Terminal::new(CrosstermBackend::new(out())) {
            Ok(inner) => Ok(Self {
                inner: ManuallyDrop::new(inner),
                mouse,
                printed: false,
            }),
            Err(error) => {
                give_back();
                Err(error)
            }
        }
    }

    pub(super) fn size(&self) -> io::Result<(u16, u16)> {
        self.inner.size().map(|size| (size.width, size.height))
    }

    /// One frame, shown at once by terminals that can.
    pub(super) fn draw(&mut self, app: &mut App) -> io::Result<()> {
        queue!(self.inner.backend_mut(), BeginSynchronizedUpdate)?;
        self.inner.draw(|frame| {
            let cursor = app.draw(frame.buffer_mut());
            if let Some(cursor) = cursor {
                frame.set_cursor_position(cursor);
            }
        })?;
        execute!(self.inner.backend_mut(), EndSynchronizedUpdate)
    }

    pub(super) fn mouse(&mut self, on: bool) -> io::Result<()> {
        self.mouse = on;
        if on {
            execute!(io::stdout(), EnableMouseCapture)
        } else {
            execute!(io::stdout(), DisableMouseCapture)
        }
    }

    /// Writes an escape sequence of our own.
    pub(super) fn write(&mut self, text: &str) -> io::Result<()> {
        let out = self.inner.backend_mut();
        out.write_all(text.as_bytes())?;
        io::Write::flush(out)
    }

    /// Shows text on the normal screen, where it stays, until [`Terminal::back`].
    pub(super) fn print(&mut self, text: &str) -> io::Result<()> {
        let mut out = io::stdout();
        execute!(out, LeaveAlternateScreen, DisableMouseCapture)?;
        for line in text.lines().chain(["-- any key returns to the browser --"]) {
            write!(out, "{line}\r\n")?;
        }
        out.flush()?;
        self.printed = true;
        Ok(())
    }

    /// Returns from the normal screen; `false`: it was not there.
    pub(super) fn back(&mut self) -> io::Result<bool> {
        if !mem::take(&mut self.printed) {
            return Ok(false);
        }
        execute!(io::stdout(), EnterAlternateScreen, Hide)?;
        self.mouse(self.mouse)?;
        self.forget()?;
        Ok(true)
    }

    /// Whether the browser is on the screen.
    pub(super) fn is_seen(&self) -> bool {
        !self.printed
    }

    /// Stops the process; goes on when it is continued.
    pub(super) fn suspend(&mut self) -> io::Result<()> {
        give_back();
        signal_hook::low_level::raise(signal_hook::consts::SIGTSTP)?;
        take(self.mouse)?;
        self.forget()
    }

    /// Lets the next frame be drawn whole. `clear` of ratatui asks the terminal where its cursor is, and the answer would be
    /// taken for keys by the thread that reads them.
    fn forget(&mut self) -> io::Result<()> {
        let fresh = ManuallyDrop::new(ratatui::Terminal::new(CrosstermBackend::new(out()))?);
        self.inner.show_cursor()?;
        drop(ManuallyDrop::into_inner(mem::replace(
            &mut self.inner,
            fresh,
        )));
        execute!(self.inner.backend_mut(), Clear(ClearType::All))
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        give_back();
        if let Ok(mut draws) = DRAWS.lock() {
            *draws = None;
        }
    }
}

fn out() -> BufWriter<Stdout> {
    BufWriter::with_capacity(FRAME_BYTES, io::stdout())
}

/// Where tasks have panicked since the last time this was asked.
pub(super) fn broken() -> Vec<String> {
    BROKEN
        .lock()
        .map(|mut broken| mem::take(&mut *broken))
        .unwrap_or_default()
}

fn take(mouse: bool) -> io::Result<()> {
    terminal::enable_raw_mode()?;
    TAKEN.store(true, Ordering::SeqCst);
    let mut out = io::stdout();
    let screen = match ALTERNATE.load(Ordering::SeqCst) {
        true => execute!(out, EnterAlternateScreen),
        false => execute!(out, Clear(ClearType::All)),
    };
    let taken = screen.and_then(|()| execute!(out, EnableBracketedPaste, Hide, MoveTo(0, 0)));
    let taken = if mouse {
        taken.and_then(|()| execute!(out, EnableMouseCapture))
    } else {
        taken
    };
    if taken.is_err() {
        give_back();
    }
    taken
}

/// Cooked mode, main screen, cursor, mouse off; once, and whatever of it fails the rest is done.
pub(super) fn give_back() {
    if TAKEN.swap(false, Ordering::SeqCst) {
        let mut out = io::stdout();
        let _ = execute!(
            out,
            EndSynchronizedUpdate,
            DisableMouseCapture,
            DisableBracketedPaste,
            Show
        );
        if ALTERNATE.load(Ordering::SeqCst) {
            let _ = execute!(out, LeaveAlternateScreen);
        }
        let _ = terminal::disable_raw_mode();
    }
}

/// A panic's message must not be written into raw mode and the alternate screen. That of the thread that draws ends the
/// browser: the terminal is restored before it is reported. That of a task ends the task: it is reported later, and only its place,
/// for the message may quote evidence.
fn restore_on_panic() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let draws = DRAWS.lock().ok().and_then(|draws| *draws);
            if draws.is_some_and(|draws| draws != thread::current().id()) {
                let place = info.location().map(ToString::to_string);
                if let Ok(mut broken) = BROKEN.lock() {
                    broken.push(place.unwrap_or_default());
                }
                return;
            }
            give_back();
            before(info);
        }));
    });
}
