//! Every incident of the test kit through every screen, with keys at random: nothing panics, every screen ends in time, and
//! no text of the evidence reaches the terminal unescaped.

use std::sync::mpsc;
use std::time::Duration;

use etcd_inspect::text::escape;
use etcd_inspect_tui::{Options, keys};
use testkit::incidents::{self, Incident};

use crate::browser::{Browser, path};

/// A wall against loops, not a measure of speed.
const HANG: Duration = Duration::from_secs(120);

/// Keys pressed on each screen.
const PRESSES: usize = 30;

/// Numbers that are the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        // Knuth's MMIX.
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % sides
    }
}

/// Sequences of the table that do not leave the screen.
fn presses() -> Vec<&'static str> {
    let all = keys::TABLE.iter().flat_map(|binding| binding.keys);
    all.filter(|keys| {
        let leaves = ["q", "ctrl-c", "ctrl-z", "[", "]", "-"].contains(keys);
        !leaves && keys.parse::<u8>().is_err()
    })
    .copied()
    .collect()
}

fn seen(incident: &Incident, browser: &mut Browser) {
    let hostile = |cell: &ratatui::buffer::Cell| cell.symbol().chars().any(escape::is_hostile);
    let buffer = browser.buffer();
    let strange = buffer.content.iter().find(|cell| hostile(cell));
    assert!(strange.is_none(), "{}: {strange:?}", incident.id);
}

fn walk(incident: &Incident) {
    let copy = incident.reproduce();
    let healthy = path(incident.base);
    let presses = presses();
    let mut dice = Dice(
        incident
            .id
            .bytes()
            .fold(7, |sum, byte| sum * 31 + u64::from(byte)),
    );
    let paths = vec![copy.data_dir(), healthy];
    let mut browser = Browser::open_paths(paths, (120, 36), Options::default());
    let screens = browser.app.session().tabs().len();
    assert_eq!(screens, 11, "{}", incident.id);
    for number in 0..screens {
        browser.press("esc esc esc");
        match number {
            // It has no digit.
            10 => _ = browser.command("members"),
            number => _ = browser.press(&number.to_string()),
        }
        seen(incident, &mut browser);
        for _ in 0..PRESSES {
            let sizes = [(120, 36), (80, 24), (60, 15), (40, 10), (1, 1)];
            match dice.roll(12) {
                0 => _ = browser.resize(sizes[dice.roll(sizes.len())]),
                1 => {
                    _ = browser
                        .press("/")
                        .type_in(["a", "!k", "~ey", "[0-9"][dice.roll(4)])
                        .press("enter")
                }
                _ => _ = browser.press(presses[dice.roll(presses.len())]),
            }
            seen(incident, &mut browser);
        }
        browser.resize((120, 36));
    }
    assert!(!browser.over, "{}: a key quit it", incident.id);
}

#[test]
fn every_screen_survives_every_incident() {
    // Names become relative before the first thread looks at them.
    let _ = path(incidents::CLEAN);
    for incident in incidents::all() {
        let (done, ended) = mpsc::channel();
        let worker = std::thread::spawn(move || {
            walk(&incident);
            let _ = done.send(());
        });
        match ended.recv_timeout(HANG) {
            Ok(()) => {}
            Err(mpsc::RecvTimeoutError::Timeout) => {
                panic!("{}: no end after {HANG:?}", incident.id)
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                let cause = worker
                    .join()
                    .expect_err("the worker ended without a result");
                let text = cause.downcast_ref::<String>().cloned();
                panic!("{}: {}", incident.id, text.unwrap_or_default());
            }
        }
    }
}
