//! Random keys, text, clicks and sizes on every screen: nothing makes the browser stumble, write to the evidence, or write
//! anywhere but into the chosen directory.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crossterm::event::{KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use etcd_inspect_tui::{Event, Options, keys};
use proptest::prelude::*;

use crate::browser::{Browser, path};

fn presses() -> Vec<&'static str> {
    let mut all: Vec<&str> = keys::TABLE
        .iter()
        .flat_map(|binding| binding.keys)
        .flat_map(|keys| keys.split(' '))
        .collect();
    // Leaving is no fun.
    all.retain(|press| !matches!(*press, "q" | "ctrl-c" | "ctrl-z"));
    all.extend(["o", "w", "u", "backspace", "0", "ctrl-x"]);
    all
}

/// Lines for a prompt, right and wrong ones.
const LINES: &[&str] = &[
    "rev 3",
    "rev -5",
    "rev 99999999999999999999",
    "at 03:10",
    "page 7",
    "page -1",
    "wal 4000",
    "finding 1",
    "search kube",
    "salvage x.db",
    "search [",
    "key /registry/pods/",
    "key \\xff\\x00",
    "po kube-system",
    "deploy/web -n prod",
    "note é\u{202e}x",
    "notes",
    "index",
    "export-object ../../up.yaml",
    "export-object o.yaml",
    "export-view /tmp/up.txt",
    "export-report r.md",
    "prev",
    "nonsense",
];

#[derive(Clone, Debug)]
enum Step {
    Press(&'static str),
    Line(&'static str),
    Filter(&'static str),
    Paste(String),
    Resize(u16, u16),
    Mouse(MouseEventKind, u16, u16),
}

fn step() -> impl Strategy<Value = Step> {
    let mouse = proptest::sample::select(vec![
        MouseEventKind::ScrollDown,
        MouseEventKind::ScrollUp,
        MouseEventKind::Down(MouseButton::Left),
        MouseEventKind::Drag(MouseButton::Left),
    ]);
    let filters = vec!["web", "!web", "(", "é", ""];
    prop_oneof![
        30 => proptest::sample::select(presses()).prop_map(Step::Press),
        4 => proptest::sample::select(LINES).prop_map(Step::Line),
        1 => proptest::sample::select(filters).prop_map(Step::Filter),
        1 => any::<String>().prop_map(Step::Paste),
        3 => (1u16..220, 1u16..70).prop_map(|(columns, rows)| Step::Resize(columns, rows)),
        2 => (1u16..8, 1u16..8).prop_map(|(columns, rows)| Step::Resize(columns, rows)),
        4 => (mouse, 0u16..130, 0u16..40).prop_map(|(kind, column, row)| Step::Mouse(kind, column, row)),
    ]
}

const SETS: [&[&str]; 3] = [
    &["k8s-1.20-etcd35"],
    &["etcd-3.5.30"],
    &["k8s-1.20-cluster3/m1", "k8s-1.20-cluster3/m2"],
];

/// Every file below a directory with its size and time: what a write would change.
fn files(dir: &Path) -> Vec<(PathBuf, u64, SystemTime)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let meta = std::fs::symlink_metadata(&path).unwrap();
        found.push((path.clone(), meta.len(), meta.modified().unwrap()));
        if meta.is_dir() {
            found.extend(files(&path));
        }
    }
    found.sort();
    found
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 30, failure_persistence: None, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn no_keys_and_no_sizes_make_it_stumble(
        steps in proptest::collection::vec(step(), 1..60),
        set in 0usize..3,
        screen in 1u8..=9,
        ascii: bool,
    ) {
        let names = SETS[set];
        let before: Vec<_> = names.iter().flat_map(|name| files(&testkit::data_dir(name))).collect();
        let dirs = tempfile::tempdir().unwrap();
        let out = dirs.path().join("out");
        std::fs::create_dir(&out).unwrap();
        let options = Options {
            ascii,
            screen: Some(screen),
            export_dir: out,
            state_dir: Some(dirs.path().join("state")),
            ..Options::default()
        };
        let paths = names.iter().map(|name| path(name)).collect();
        let mut browser = Browser::open_paths(paths, (100, 30), options);
        for step in steps {
            match step {
                Step::Press(name) => _ = browser.press(name),
                Step::Line(line) => _ = browser.press("esc").command(line),
                Step::Filter(text) => _ = browser.press("/").type_in(text).press("enter"),
                Step::Paste(text) => browser.send(Event::Paste(text)),
                Step::Resize(columns, rows) => _ = browser.resize((columns, rows)),
                Step::Mouse(kind, column, row) => {
                    let event = MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE };
                    browser.send(Event::Mouse(event));
                }
            }
            let buffer = browser.buffer();
            let hostile = |cell: &ratatui::buffer::Cell| cell.symbol().chars().any(etcd_inspect::text::escape::is_hostile);
            prop_assert!(!buffer.content.iter().any(hostile));
            prop_assert!(!ascii || buffer.content.iter().all(|cell| cell.symbol().is_ascii()));
        }
        let after: Vec<_> = names.iter().flat_map(|name| files(&testkit::data_dir(name))).collect();
        prop_assert_eq!(before, after);
        let outside: Vec<_> = std::fs::read_dir(dirs.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        prop_assert!(outside.iter().all(|name| name == "out" || name == "state"), "{outside:?}");
    }
}
