//! Random keys and sizes: nothing makes the browser stumble.

use etcd_inspect_tui::{Event, keys};
use proptest::prelude::*;

use crate::browser::Browser;

fn presses() -> Vec<&'static str> {
    let mut all: Vec<&str> = keys::TABLE
        .iter()
        .flat_map(|binding| binding.keys)
        .flat_map(|keys| keys.split(' '))
        .collect();
    // Leaving is no fun.
    all.retain(|press| !matches!(*press, "q" | "ctrl-c" | "ctrl-z"));
    all.extend(["p", "o", "w", "backspace", "e", "a", "5", "0"]);
    all
}

#[derive(Clone, Debug)]
enum Step {
    Press(&'static str),
    Resize(u16, u16),
    Click(u16, u16),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => proptest::sample::select(presses()).prop_map(Step::Press),
        1 => (1u16..220, 1u16..70).prop_map(|(columns, rows)| Step::Resize(columns, rows)),
        1 => (1u16..8, 1u16..8).prop_map(|(columns, rows)| Step::Resize(columns, rows)),
        2 => (0u16..130, 0u16..40).prop_map(|(column, row)| Step::Click(column, row)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn no_keys_and_no_sizes_make_it_stumble(steps in proptest::collection::vec(step(), 1..60), kubernetes: bool) {
        let name = if kubernetes { "k8s-1.20-etcd35" } else { "etcd-3.5.30" };
        let mut browser = Browser::open(name, (100, 30));
        for step in steps {
            match step {
                Step::Press(name) => _ = browser.press(name),
                Step::Resize(columns, rows) => _ = browser.resize((columns, rows)),
                Step::Click(column, row) => {
                    use crossterm::event::{KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
                    let kind = if column % 3 == 0 { MouseEventKind::ScrollDown } else { MouseEventKind::Down(MouseButton::Left) };
                    browser.send(Event::Mouse(MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE }));
                }
            }
            let buffer = browser.buffer();
            let hostile = |cell: &ratatui::buffer::Cell| cell.symbol().chars().any(etcd_inspect::text::escape::is_hostile);
            prop_assert!(!buffer.content.iter().any(hostile));
        }
    }
}
