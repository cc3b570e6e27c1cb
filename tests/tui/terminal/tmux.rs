//! A terminal that a test can look at: a tmux server of its own with one window.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How long a loaded machine may take for anything.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A tmux server of its own with one window; gone with the value.
pub struct Tmux {
    socket: String,
    dir: tempfile::TempDir,
}

impl Tmux {
    pub fn start(columns: u16, rows: u16) -> Option<Self> {
        let there = Command::new("tmux")
            .arg("-V")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        if !there.is_ok_and(|status| status.success()) {
            eprintln!("tmux is not installed: nothing was tested (.ci/run installs it)");
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("tmux").display().to_string();
        let tmux = Self { socket, dir };
        let (columns, rows) = (columns.to_string(), rows.to_string());
        tmux.run(&[
            "-f",
            "/dev/null",
            "new-session",
            "-d",
            "-x",
            &columns,
            "-y",
            &rows,
            "env",
            "PS1=ready$ ",
            "LC_ALL=C.UTF-8",
            "sh",
        ]);
        tmux.run(&["set-option", "-g", "window-size", "manual"]);
        Some(tmux)
    }

    pub fn run(&self, args: &[&str]) -> String {
        let out = Command::new("tmux")
            .args(["-u", "-S", &self.socket])
            .args(args)
            .env_remove("TMUX")
            .output()
            .unwrap();
        assert!(
            out.status.success(),
            "tmux {args:?}: {}",
            String::from_utf8_lossy(&out.stderr)
        );
        String::from_utf8_lossy(&out.stdout).into_owned()
    }

    pub fn seen(&self) -> String {
        self.run(&["capture-pane", "-p"])
    }

    pub fn keys(&self, keys: &[&str]) {
        self.run(&[&["send-keys"], keys].concat());
    }

    pub fn type_in(&self, text: &str) {
        self.run(&["send-keys", "-l", text]);
    }

    pub fn resize(&self, columns: u16, rows: u16) {
        self.run(&[
            "resize-window",
            "-x",
            &columns.to_string(),
            "-y",
            &rows.to_string(),
        ]);
    }

    /// Waits until the picture is as wanted.
    pub fn until(&self, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        let start = Instant::now();
        loop {
            let seen = self.seen();
            if wanted(&seen) {
                return seen;
            }
            assert!(start.elapsed() < PATIENCE, "never saw {what}:\n{seen}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    pub fn until_shows(&self, text: &str) -> String {
        self.until(text, |seen| seen.contains(text))
    }

    /// Starts a browser by a command line, its standard error in a file beside the screen, and waits for its rows.
    pub fn browse(&self, command: &str) -> Running {
        let file = |name: &str| self.dir.path().join(name);
        let running = Running {
            pid: file("pid"),
            stderr: file("stderr"),
            code: file("code"),
        };
        let line = format!(
            "sh -c 'echo $$ > {}; exec {command}' 2> {}; echo $? > {}",
            running.pid.display(),
            running.stderr.display(),
            running.code.display()
        );
        let _ = std::fs::remove_file(&running.code);
        self.type_in(&line);
        self.keys(&["Enter"]);
        self.until("the first rows", |seen| {
            seen.contains("keys at this revision") && seen.contains("index 100%")
        });
        running
    }

    /// The terminal is as a shell wants it.
    pub fn assert_given_back(&self) {
        self.until("the shell", |seen| seen.trim_end().ends_with("ready$"));
        let flags = self.run(&[
            "display-message",
            "-p",
            "#{alternate_on} #{cursor_flag} #{mouse_any_flag}",
        ]);
        assert_eq!(
            flags.trim(),
            "0 1 0",
            "alternate screen off, cursor on, mouse off"
        );
        self.run(&["clear-history"]);
        self.type_in("clear; stty -a; echo end-of-stty");
        self.keys(&["Enter"]);
        let seen = self.until("stty", |seen| {
            seen.lines().any(|line| line.trim() == "end-of-stty")
        });
        for flag in ["icanon", "echo", "isig", "opost", "icrnl"] {
            assert!(
                seen.split([' ', ';', '\n']).any(|word| word == flag),
                "{flag} is off:\n{seen}"
            );
        }
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        let _ = Command::new("tmux")
            .args(["-S", &self.socket, "kill-server"])
            .stderr(Stdio::null())
            .status();
    }
}

/// A browser within the window.
pub struct Running {
    pid: PathBuf,
    stderr: PathBuf,
    code: PathBuf,
}

impl Running {
    /// Sends it a signal.
    pub fn kill(&self, signal: &str) {
        let pid = std::fs::read_to_string(&self.pid).unwrap();
        // A second one may come too late.
        let _ = Command::new("kill")
            .args([signal, pid.trim()])
            .stderr(Stdio::null())
            .status()
            .unwrap();
    }

    /// What the shell says that it ended with.
    pub fn code(&self) -> i32 {
        let start = Instant::now();
        loop {
            let code = std::fs::read_to_string(&self.code).unwrap_or_default();
            if let Ok(code) = code.trim().parse() {
                return code;
            }
            assert!(start.elapsed() < PATIENCE, "it never ended");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// What it left on standard error.
    pub fn stderr_text(&self) -> String {
        std::fs::read_to_string(&self.stderr).unwrap()
    }
}
