//! The browser in a real terminal, within tmux: what is seen, what resizing does, and what is left afterwards.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test may stop at its first failure, and says why it has nothing to test"
)]

mod tmux;

use std::path::Path;
use std::time::{Duration, Instant};

use tmux::{PATIENCE, Running, Tmux};

fn browse(tmux: &Tmux, path: &Path) -> Running {
    let command = format!(
        "{} tui --screen 1 {}",
        env!("CARGO_BIN_EXE_etcd-inspect"),
        path.display()
    );
    tmux.browse(&command)
}

#[test]
fn keys_resizes_and_leaving_in_a_real_terminal() {
    let Some(tmux) = Tmux::start(200, 60) else {
        return;
    };
    let dir = testkit::data_dir("k8s-1.20-etcd35");
    let sealed = testkit::Seal::read(&dir);
    let running = browse(&tmux, &dir);
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
    assert_eq!((running.code(), running.stderr_text().as_str()), (0, ""));
    sealed.assert_unchanged();
}

#[test]
fn a_signal_gives_the_terminal_back_and_is_told() {
    let Some(tmux) = Tmux::start(100, 30) else {
        return;
    };
    let dir = testkit::data_dir("etcd-3.5.30");
    for (signal, code) in [("TERM", 143), ("HUP", 129), ("INT", 130)] {
        let running = browse(&tmux, &dir);
        running.kill(&format!("-{signal}"));
        assert_eq!(running.code(), code);
        tmux.assert_given_back();
        let said = running.stderr_text();
        assert!(said.contains(&format!("ended by SIG{signal}")), "{said}");
    }
}

#[test]
fn a_terminal_that_goes_away_is_no_crash() {
    let Some(tmux) = Tmux::start(100, 30) else {
        return;
    };
    let crashes = tempfile::tempdir().unwrap();
    let pid = crashes.path().join("pid");
    tmux.type_in(&format!(
        "TMPDIR={} sh -c 'echo $$ > {}; exec {} tui --screen 1 {}'",
        crashes.path().display(),
        pid.display(),
        env!("CARGO_BIN_EXE_etcd-inspect"),
        testkit::data_dir("etcd-3.5.30").display()
    ));
    tmux.keys(&["Enter"]);
    tmux.until_shows("keys at this revision");
    let proc = Path::new("/proc").join(std::fs::read_to_string(&pid).unwrap().trim());
    drop(tmux);
    let start = Instant::now();
    while proc.exists() {
        assert!(start.elapsed() < PATIENCE, "it goes on without a terminal");
        std::thread::sleep(Duration::from_millis(50));
    }
    let left = std::fs::read_dir(crashes.path()).unwrap();
    let left = left.map(|file| file.unwrap().file_name());
    assert_eq!(left.collect::<Vec<_>>(), ["pid"]);
}

#[test]
fn a_second_control_c_ends_as_an_interrupt_does() {
    let Some(tmux) = Tmux::start(100, 30) else {
        return;
    };
    let running = browse(&tmux, &testkit::data_dir("etcd-3.5.30"));
    tmux.keys(&["C-c", "C-c"]);
    assert_eq!(running.code(), 130);
    tmux.assert_given_back();
}

#[test]
fn a_copy_within_tmux_is_in_its_buffer_and_says_so() {
    let Some(tmux) = Tmux::start(120, 36) else {
        return;
    };
    let dir = testkit::data_dir("etcd-3.5.30");
    browse(&tmux, &dir);
    tmux.keys(&["c", "p"]);
    let seen = tmux.until("the message", |seen| seen.contains("sent path"));
    assert!(seen.contains("tmux load-buffer -w"), "{seen}");
    assert_eq!(tmux.run(&["show-buffer"]), dir.display().to_string());
}

#[test]
fn signals_that_come_together_give_the_terminal_back_too() {
    let Some(tmux) = Tmux::start(100, 30) else {
        return;
    };
    let running = browse(&tmux, &testkit::data_dir("etcd-3.5.30"));
    running.kill("-INT");
    running.kill("-INT");
    assert_eq!(running.code(), 130);
    tmux.assert_given_back();
}

#[test]
fn a_suspended_browser_and_a_printed_view_leave_the_normal_screen_and_come_back() {
    let Some(tmux) = Tmux::start(100, 30) else {
        return;
    };
    browse(&tmux, &testkit::data_dir("etcd-3.5.30"));
    tmux.keys(&["p"]);
    let printed = tmux.until_shows("any key returns to the browser");
    assert!(printed.contains("keys at this revision"), "{printed}");
    tmux.keys(&["x"]);
    tmux.until("the browser", |seen| {
        seen.contains("READ-ONLY") && !seen.contains("any key returns")
    });
    tmux.keys(&["C-z"]);
    tmux.assert_given_back();
    tmux.type_in("fg");
    tmux.keys(&["Enter"]);
    tmux.until_shows("READ-ONLY");
    tmux.keys(&["?"]);
    tmux.until_shows("type to filter");
    tmux.keys(&["Escape"]);
    tmux.until("no help", |seen| !seen.contains("type to filter"));
    tmux.type_in(":quit");
    tmux.keys(&["Enter"]);
    tmux.assert_given_back();
}

#[test]
fn a_copy_over_ssh_reaches_the_clipboard_of_the_terminal_and_says_route_and_bytes() {
    let Some(tmux) = Tmux::start(120, 36) else {
        return;
    };
    tmux.run(&["set-option", "-g", "set-clipboard", "on"]);
    let dir = testkit::data_dir("etcd-3.5.30");
    let command = format!(
        "env -u TMUX SSH_TTY=/dev/pts/9 {} tui --screen 1 {}",
        env!("CARGO_BIN_EXE_etcd-inspect"),
        dir.display()
    );
    tmux.browse(&command);
    tmux.keys(&["c", "p"]);
    let path = dir.display().to_string();
    let seen = tmux.until("the message", |seen| seen.contains("sent path"));
    let bytes = format!("{} B", path.len());
    assert!(seen.contains(&bytes), "{bytes}\n{seen}");
    assert!(
        seen.contains("OSC 52") && seen.contains("your own terminal"),
        "{seen}"
    );
    assert_eq!(tmux.run(&["show-buffer"]), path);
}
