//! A browser that is driven by a test: effects are done at once, on this thread, in order.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, Once, PoisonError};

use etcd_inspect_tui::{App, Effect, Event, Job, Options, Report, Wake, keys};
use ratatui::Terminal;
use ratatui::backend::TestBackend;

/// A directory of the fixtures by a relative name, so that pictures show the same path everywhere.
pub fn path(name: &str) -> PathBuf {
    link(name, &testkit::data_dir(name))
}

/// A directory under a relative name.
pub fn link(name: &str, target: &Path) -> PathBuf {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let dir = testkit::root().join("target/tui-fixtures");
        std::fs::create_dir_all(&dir).unwrap();
        std::env::set_current_dir(dir).unwrap();
    });
    // One thread at a time makes links; another process has another name for its own.
    static LINKING: Mutex<()> = Mutex::new(());
    let _linking = LINKING.lock().unwrap_or_else(PoisonError::into_inner);
    let link = PathBuf::from(name.replace('/', "-"));
    if std::fs::read_link(&link).ok().as_deref() != Some(target) {
        let fresh = PathBuf::from(format!("{}.{}", link.display(), std::process::id()));
        std::os::unix::fs::symlink(target, &fresh).unwrap();
        std::fs::rename(&fresh, &link).unwrap();
    }
    link
}

/// Tests begin in Browse if they name no screen: Home has tests of its own.
fn in_browse(options: Options) -> Options {
    Options {
        screen: options.screen.or(Some(1)),
        ..options
    }
}

/// The browser and what it asked of the outside.
pub struct Browser {
    pub app: App,
    pub size: (u16, u16),
    pub copied: Vec<String>,
    /// What the message of each copy names.
    pub named: Vec<String>,
    pub wakes: Vec<Wake>,
    pub over: bool,
    /// News of jobs from this moment on wait for [`Browser::deliver`].
    hold_from: Option<fn(&App) -> bool>,
    held: Vec<Report>,
    /// Tasks wait for [`Browser::work`].
    pub idle: bool,
    tasks: Vec<Job>,
}

impl Browser {
    /// On a fixture, everything read.
    pub fn open(name: &str, size: (u16, u16)) -> Self {
        Self::open_paths(vec![path(name)], size, Options::default())
    }

    pub fn open_paths(paths: Vec<PathBuf>, size: (u16, u16), options: Options) -> Self {
        Self::held(paths, size, options, None)
    }

    /// On a fixture whose jobs have got so far that their news made something so.
    pub fn until(name: &str, size: (u16, u16), so: fn(&App) -> bool) -> Self {
        Self::held(vec![path(name)], size, Options::default(), Some(so))
    }

    /// On a fixture of which nothing has been read yet.
    pub fn idle(name: &str, size: (u16, u16)) -> Self {
        let app = App::new(vec![path(name)], in_browse(Options::default()), size);
        let mut browser = Self {
            idle: true,
            ..Self::around(app, size, None)
        };
        let effects = browser.app.start();
        browser.perform(effects);
        browser
    }

    fn held(
        paths: Vec<PathBuf>,
        size: (u16, u16),
        options: Options,
        hold_from: Option<fn(&App) -> bool>,
    ) -> Self {
        let app = App::new(paths, in_browse(options), size);
        let mut browser = Self::around(app, size, hold_from);
        let effects = browser.app.start();
        browser.perform(effects);
        browser
    }

    fn around(app: App, size: (u16, u16), hold_from: Option<fn(&App) -> bool>) -> Self {
        Self {
            app,
            size,
            copied: Vec::new(),
            named: Vec::new(),
            wakes: Vec::new(),
            over: false,
            hold_from,
            held: Vec::new(),
            idle: false,
            tasks: Vec::new(),
        }
    }

    /// Does what was asked for until nothing more is.
    fn perform(&mut self, effects: Vec<Effect>) {
        let mut effects = std::collections::VecDeque::from(effects);
        loop {
            let Some(effect) = effects.pop_front() else {
                let more = self.app.settle();
                if more.is_empty() {
                    return;
                }
                effects.extend(more);
                continue;
            };
            match effect {
                Effect::Spawn(job) if self.idle => self.tasks.push(job),
                Effect::Spawn(job) => {
                    let told = Arc::new(Mutex::new(Vec::new()));
                    let tell = Arc::clone(&told);
                    job.run(Arc::new(move |report| tell.lock().unwrap().push(report)));
                    let told = std::mem::take(&mut *told.lock().unwrap());
                    for report in told {
                        if self.hold_from.is_some_and(|so| so(&self.app)) {
                            self.held.push(report);
                        } else {
                            effects.extend(self.app.update(Event::Job(report)));
                        }
                    }
                }
                Effect::Copy { what, text } => {
                    self.named.push(what);
                    self.copied.push(text);
                }
                Effect::Wake(wake, _) => self.wakes.push(wake),
                Effect::Quit => self.over = true,
                Effect::Print(text) => self.copied.push(text),
                Effect::Mouse(_) | Effect::Suspend => {}
            }
        }
    }

    /// Does the tasks that waited, and those that they lead to.
    pub fn work(&mut self) -> &mut Self {
        self.idle = false;
        let tasks = std::mem::take(&mut self.tasks);
        self.perform(tasks.into_iter().map(Effect::Spawn).collect());
        self
    }

    /// Gives the app the news that waited.
    pub fn deliver(&mut self) -> &mut Self {
        self.hold_from = None;
        for report in std::mem::take(&mut self.held) {
            self.send(Event::Job(report));
        }
        self
    }

    pub fn send(&mut self, event: Event) {
        let effects = self.app.update(event);
        self.perform(effects);
    }

    /// Presses keys by their names, parted by spaces.
    pub fn press(&mut self, presses: &str) -> &mut Self {
        for name in presses.split_whitespace() {
            let key = keys::parse(name).unwrap_or_else(|| panic!("no key {name}"));
            self.send(Event::Key(key));
        }
        self
    }

    /// Types text.
    pub fn type_in(&mut self, text: &str) -> &mut Self {
        for c in text.chars() {
            let name = if c == ' ' {
                "space".to_owned()
            } else {
                c.to_string()
            };
            self.send(Event::Key(keys::parse(&name).unwrap()));
        }
        self
    }

    /// Runs a line of `:`.
    pub fn command(&mut self, line: &str) -> &mut Self {
        self.press(":").type_in(line).press("enter")
    }

    pub fn resize(&mut self, size: (u16, u16)) -> &mut Self {
        self.size = size;
        self.send(Event::Resize(size.0, size.1));
        self
    }

    /// The picture.
    pub fn draw(&mut self) -> String {
        let mut terminal = Terminal::new(TestBackend::new(self.size.0, self.size.1)).unwrap();
        terminal
            .draw(|frame| _ = self.app.draw(frame.buffer_mut()))
            .unwrap();
        terminal.backend().to_string()
    }

    /// The cells with their looks, for what is not in the text.
    pub fn buffer(&mut self) -> ratatui::buffer::Buffer {
        let mut terminal = Terminal::new(TestBackend::new(self.size.0, self.size.1)).unwrap();
        terminal
            .draw(|frame| _ = self.app.draw(frame.buffer_mut()))
            .unwrap();
        terminal.backend().buffer().clone()
    }

    /// Whether the picture has a text in it.
    pub fn shows(&mut self, text: &str) -> bool {
        self.draw().contains(text)
    }

    /// Where one is: screen, crumbs, revision.
    pub fn place(&self) -> (String, String, i64) {
        let screen = self.app.screen_id().title().to_owned();
        (
            screen,
            self.app.crumbs().join(" › "),
            self.app.session().ruler.revision(),
        )
    }
}

/// The evidence of a fixture, sealed.
pub fn seal(name: &str) -> testkit::Seal {
    testkit::Seal::read(Path::new(&testkit::data_dir(name)))
}
