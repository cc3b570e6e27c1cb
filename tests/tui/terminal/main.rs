//! The browser in a real terminal, within tmux: what is seen, what resizing does, and what is left behind.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test may stop where it stands, and says why it has nothing to test"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How long a loaded machine may take for anything.
const PATIENCE: Duration = Duration::from_secs(60);

/// A tmux server of its own with one window; gone with the value.
struct Tmux {
    socket: String,
    dir: tempfile::TempDir,
}

impl Tmux {
    fn start(columns: u16, rows: u16) -> Option<Self> {
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

    fn run(&self, args: &[&str]) -> String {
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

    fn seen(&self) -> String {
        self.run(&["capture-pane", "-p"])
    }

    fn keys(&self, keys: &[&str]) {
        self.run(&[&["send-keys"], keys].concat());
    }

    fn type_in(&self, text: &str) {
        self.run(&["send-keys", "-l", text]);
    }

    fn resize(&self, columns: u16, rows: u16) {
        self.run(&[
            "resize-window",
            "-x",
            &columns.to_string(),
            "-y",
            &rows.to_string(),
        ]);
    }

    /// Waits until the picture is as wanted.
    fn until(&self, what: &str, wanted: impl Fn(&str) -> bool) -> String {
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

    fn until_shows(&self, text: &str) -> String {
        self.until(text, |seen| seen.contains(text))
    }

    /// Starts the browser; gives the file that its process id is in.
    fn browse(&self, path: &Path) -> PathBuf {
        let pid = self.dir.path().join("pid");
        let line = format!(
            "sh -c 'echo $$ > {}; exec {} tui {}'",
            pid.display(),
            env!("CARGO_BIN_EXE_etcd-inspect"),
            path.display()
        );
        self.type_in(&line);
        self.keys(&["Enter"]);
        self.until("the first rows", |seen| {
            seen.contains("keys at this revision") && seen.contains("index 100%")
        });
        pid
    }

    /// The terminal is as a shell wants it.
    fn assert_given_back(&self) {
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

#[test]
fn keys_resizes_and_leaving_in_a_real_terminal() {
    let Some(tmux) = Tmux::start(200, 60) else {
        return;
    };
    let dir = testkit::data_dir("k8s-1.20-etcd35");
    let sealed = testkit::Seal::of(&dir);
    tmux.browse(&dir);
    tmux.keys(&["/"]);
    tmux.type_in("deployments/prod/web");
    tmux.until_shows("· 1 keys");
    tmux.keys(&["Enter", "Escape"]);
    tmux.until_shows("deployments › prod › web");
    tmux.keys(&[",", ","]);
    tmux.until_shows("IN THE PAST");
    tmux.resize(80, 24);
    tmux.until("80 columns", |seen| {
        seen.contains("PAST · T latest") && seen.contains("2His")
    });
    tmux.resize(38, 9);
    tmux.until_shows("too small: 38x9");
    tmux.resize(120, 36);
    tmux.until("120 columns", |seen| {
        seen.contains("IN THE PAST") && seen.contains("deployments › prod › web")
    });
    tmux.keys(&["T"]);
    tmux.until("the newest revision", |seen| !seen.contains("IN THE PAST"));
    tmux.keys(&["?"]);
    tmux.until_shows("type to filter");
    tmux.keys(&["Escape"]);
    tmux.until("no help", |seen| !seen.contains("type to filter"));
    tmux.type_in(":quit");
    tmux.keys(&["Enter"]);
    tmux.assert_given_back();
    sealed.assert_unchanged();
}

#[test]
fn a_signal_gives_the_terminal_back() {
    let Some(tmux) = Tmux::start(100, 30) else {
        return;
    };
    let dir = testkit::data_dir("etcd-3.5.30");
    for signal in ["-TERM", "-HUP"] {
        let file = tmux.browse(&dir);
        let pid = std::fs::read_to_string(file).unwrap();
        let killed = Command::new("kill")
            .args([signal, pid.trim()])
            .status()
            .unwrap();
        assert!(killed.success());
        tmux.assert_given_back();
    }
}
