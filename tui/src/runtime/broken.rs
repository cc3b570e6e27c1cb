//! What the terminal is left like when the browser itself breaks. Only here are there commands that break it.

#[expect(clippy::print_stderr, reason = "says why it has nothing to test")]
#[path = "../../../tests/tui/terminal/tmux.rs"]
mod tmux;

use std::path::PathBuf;

use tmux::{Running, Tmux};

/// Where a browser that is started by a test finds its evidence.
const EVIDENCE: &str = "ETCD_INSPECT_TEST_EVIDENCE";

/// The browser that the other tests start: this very program, within their window.
#[test]
#[expect(clippy::print_stderr, reason = "as the command line does")]
fn a_browser_within_the_window() {
    let Some(path) = std::env::var_os(EVIDENCE) else {
        return;
    };
    let end = super::run(
        vec![PathBuf::from(path)],
        crate::Options {
            screen: Some(1),
            ..crate::Options::default()
        },
    )
    .unwrap();
    for said in end.said {
        eprintln!("{said}");
    }
}

fn browse(tmux: &Tmux) -> Running {
    browse_with(tmux, "")
}

/// The browser with more in its environment.
fn browse_with(tmux: &Tmux, environment: &str) -> Running {
    let program = std::env::current_exe().unwrap();
    tmux.browse(&format!(
        "env {environment} {EVIDENCE}={} {} --exact runtime::broken::a_browser_within_the_window --nocapture",
        testkit::data_dir("etcd-3.5.30").display(),
        program.display()
    ))
}

fn command(tmux: &Tmux, line: &str) {
    tmux.type_in(&format!(":{line}"));
    tmux.keys(&["Enter"]);
}

#[test]
fn a_panic_gives_the_terminal_back_before_it_is_told() {
    let Some(tmux) = Tmux::start(100, 30) else {
        return;
    };
    let running = browse(&tmux);
    tmux.resize(80, 24);
    command(&tmux, "broken");
    assert_eq!(running.code(), 101, "as of any test that panics");
    tmux.assert_given_back();
    let said = running.stderr_text();
    assert!(said.contains("broken on purpose"), "{said}");
}

#[test]
fn a_task_that_panics_ends_alone_and_is_told_when_the_browser_is_left() {
    let Some(tmux) = Tmux::start(100, 30) else {
        return;
    };
    let running = browse(&tmux);
    command(&tmux, "broken-task");
    tmux.until_shows("a task broke off");
    tmux.keys(&["j"]);
    let seen = tmux.until("another picture", |seen| !seen.contains("a task broke off"));
    assert!(seen.contains("keys at this revision"), "{seen}");
    command(&tmux, "quit");
    assert_eq!(running.code(), 0);
    tmux.assert_given_back();
    let said = running.stderr_text();
    assert!(
        said.contains("a task broke off at tui/src/app/command.rs"),
        "{said}"
    );
    assert!(
        !said.contains("on purpose"),
        "a message may quote evidence: {said}"
    );
}

#[test]
fn a_signal_ends_even_a_browser_that_is_stuck() {
    let Some(tmux) = Tmux::start(100, 30) else {
        return;
    };
    let scratch = tempfile::tempdir().unwrap();
    let stuck = scratch.path().join("stuck");
    let running = browse_with(
        &tmux,
        &format!("ETCD_INSPECT_TEST_STUCK={}", stuck.display()),
    );
    command(&tmux, "stuck");
    tmux.until("a browser that is stuck", |_| stuck.exists());
    running.kill("-TERM");
    assert_eq!(running.code(), 143);
    tmux.assert_given_back();
}
