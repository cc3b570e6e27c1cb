//! The loop: waits on one channel, updates, draws. Nothing runs while nothing happens.

mod clipboard;
mod inputs;
mod terminal;
mod wakes;

#[cfg(test)]
mod broken;

use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use crate::app::App;
use crate::event::{Effect, Event};
use crate::job::{Job, Report};
use crate::options::Options;
use crate::theme::Role;
use terminal::Terminal;
use wakes::Wakes;

/// How the browser ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// Why.
    pub why: Ended,
    /// What is printed on the screen that comes back, a line each.
    pub said: Vec<String>,
}

/// Why the browser ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The user left.
    Left,
    /// That signal asked for it.
    Signal(i32),
    /// The terminal is gone.
    Gone,
    /// A second Ctrl-C.
    Interrupted,
}

/// Opens the browser on the terminal of this process until the user leaves it.
///
/// # Errors
/// Where the terminal cannot be set up or written to; it is restored in any case.
pub fn run(paths: Vec<PathBuf>, options: Options) -> io::Result<End> {
    let (events, received) = channel();
    let mut terminal = Terminal::open(options.mouse, !options.linear)?;
    let size = terminal.size()?;
    let (remote, tmux) = (options.remote, options.tmux);
    let mut app = App::new(paths, options, size);
    terminal.draw(&mut app)?;
    inputs::listen(&events)?;
    let mut outside = Outside {
        events,
        wakes: Wakes::default(),
        remote,
        tmux,
    };
    let effects = app.start();
    outside.perform(effects, &mut app, &mut terminal)?;
    let mut ended = Ended::Left;
    while !app.is_over() {
        let Some(event) = outside.next(&received) else {
            break;
        };
        // Whatever has come meanwhile is taken in before the next frame: a key held down never runs ahead of the picture.
        let mut next = Some(event);
        while let Some(event) = next {
            if let Event::Terminate(signal) = &event {
                ended = signal.map_or(Ended::Gone, Ended::Signal);
            }
            // The key that returns from the normal screen means nothing else.
            if matches!(event, Event::Key(_)) && terminal.back()? {
                next = received.try_recv().ok();
                continue;
            }
            let effects = app.update(event);
            outside.perform(effects, &mut app, &mut terminal)?;
            next = received.try_recv().ok();
        }
        if !app.is_over() {
            let effects = app.settle();
            outside.perform(effects, &mut app, &mut terminal)?;
            if terminal.is_seen() {
                terminal.draw(&mut app)?;
            }
        }
    }
    drop(terminal);
    if app.is_interrupted() {
        ended = Ended::Interrupted;
    }
    let tasks = terminal::broken().into_iter();
    let said =
        tasks.map(|place| format!("a task broke off at {place}: a bug of ours, please report it"));
    Ok(End {
        why: ended,
        said: said.chain(app.farewell()).collect(),
    })
}

/// What effects need.
struct Outside {
    events: Sender<Event>,
    wakes: Wakes,
    remote: bool,
    tmux: bool,
}

impl Outside {
    /// The next event: blocks until there is one.
    fn next(&mut self, received: &Receiver<Event>) -> Option<Event> {
        loop {
            let Some(due) = self.wakes.next() else {
                return received.recv().ok();
            };
            match received.recv_timeout(due.saturating_duration_since(Instant::now())) {
                Ok(event) => return Some(event),
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => {
                    if let Some(wake) = self.wakes.take_due() {
                        return Some(Event::Wake(wake));
                    }
                }
            }
        }
    }

    fn perform(
        &mut self,
        effects: Vec<Effect>,
        app: &mut App,
        terminal: &mut Terminal,
    ) -> io::Result<()> {
        for effect in effects {
            match effect {
                Effect::Spawn(job) => spawn(job, &self.events),
                Effect::Wake(wake, after) => self.wakes.add(wake, after),
                Effect::Mouse(on) => terminal.mouse(on)?,
                Effect::Copy { what, text } => {
                    let said = clipboard::copy(terminal, &text, &what, self.remote, self.tmux);
                    app.say(Role::Good, said);
                }
                Effect::Print(text) => terminal.print(&text)?,
                Effect::Suspend => terminal.suspend()?,
                Effect::Quit => {}
            }
        }
        Ok(())
    }
}

/// Runs a job on a thread of its own. Where there can be none it is lost, and so is the browser's use: then it runs here.
fn spawn(job: Job, events: &Sender<Event>) {
    let events = events.clone();
    let tell = Arc::new(move |report: Report| {
        // After the end the channel is closed.
        let _ = events.send(Event::Job(report));
    });
    let waiting = Arc::new(Mutex::new(Some(job)));
    let work = {
        let (waiting, tell) = (Arc::clone(&waiting), Arc::clone(&tell) as Arc<_>);
        move || {
            let job = waiting.lock().ok().and_then(|mut job| job.take());
            if let Some(job) = job {
                job.run(tell);
            }
        }
    };
    if std::thread::Builder::new()
        .name("job".to_owned())
        .spawn(work.clone())
        .is_err()
    {
        work();
    }
}
