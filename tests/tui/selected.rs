//! What a key acts on: what is seen under the cursor, never what was there before.

use etcd_inspect_tui::Options;

use crate::browser::{Browser, path};

const MEMBER: &str = "k8s-1.20-etcd35";
const SIZE: (u16, u16) = (120, 36);

/// Keys that act on what is under the cursor.
const ON_ROW: [&str; 12] = [
    "c R", "c v", "c c", "c k", "e e", "c o", "H", "M", "a", "g p", "g k", ",",
];

/// Neither a note nor a mark is in the list of them.
fn assert_nothing_noted(browser: &mut Browser) {
    browser.command("notes");
    let picture = browser.draw();
    assert!(picture.contains("nothing yet: a notes"), "{picture}");
    browser.press("esc");
}

#[test]
fn without_a_hit_of_the_filter_no_key_acts_on_the_object_of_before() {
    for line in [
        "deploy/web -n prod",
        "po -A",
        "wal",
        "history",
        "check",
        "search nginx",
    ] {
        let mut browser = Browser::open(MEMBER, SIZE);
        browser.command("deploy/web -n prod").command(line);
        browser.press("/").type_in("l5bm4nosuch").press("enter");
        let place = browser.place();
        for keys in ON_ROW {
            browser.press(keys);
            let picture = browser.draw();
            assert!(
                browser.copied.is_empty(),
                "{line} {keys}: {:?}",
                browser.copied
            );
            assert_eq!(browser.place().0, place.0, "{line} {keys}:\n{picture}");
            assert!(
                picture.contains("no row is selected: no row has /l5bm4nosuch"),
                "{line} {keys}:\n{picture}"
            );
        }
        browser.command("note who?").command("export-object x.yaml");
        assert!(
            browser.shows("no row is selected"),
            "{line}:\n{}",
            browser.draw()
        );
        assert_nothing_noted(&mut browser);
    }
}

#[test]
fn the_row_of_before_is_selected_again_when_the_filter_ends() {
    let mut browser = Browser::open(MEMBER, SIZE);
    browser.command("po -A").press("j j j");
    let before = browser.place();
    browser.press("/").type_in("nosuch").press("enter esc");
    assert_eq!(browser.place(), before, "{}", browser.draw());
}

#[test]
fn what_is_typed_after_a_slash_on_home_filters_all_keys_and_runs_no_key() {
    for text in ["k2mzr", "MaX", "l5bm4"] {
        let options = Options {
            screen: Some(0),
            ..Options::default()
        };
        let mut browser = Browser::open_paths(vec![path(MEMBER)], SIZE, options);
        browser.press("/").type_in(text).press("enter");
        let picture = browser.draw();
        assert_eq!(browser.place().0, "Browse", "{picture}");
        assert!(picture.contains(&format!("filter {text}")), "{picture}");
        assert_nothing_noted(&mut browser);
    }
}

#[test]
fn what_is_typed_into_a_filter_before_there_are_rows_runs_no_key() {
    let mut browser = Browser::idle(MEMBER, SIZE);
    browser.press("/").type_in("5q4");
    let picture = browser.draw();
    assert!(!browser.over, "{picture}");
    assert_eq!(browser.place().0, "Browse", "{picture}");
    assert!(
        picture.contains("there are no rows to filter yet"),
        "{picture}"
    );
}

#[test]
fn a_secret_is_noted_as_shown_only_if_one_was_hidden() {
    let key = Some(b"/registry/deployments/prod/web".to_vec());
    for screen in 0..=9 {
        let options = Options {
            screen: Some(screen),
            key: key.clone(),
            ..Options::default()
        };
        let mut browser = Browser::open_paths(vec![path(MEMBER)], SIZE, options);
        browser.press("X");
        let picture = browser.draw();
        // On WAL, Pages and Search the cursor is on rows of their own.
        assert_nothing_noted(&mut browser);
        assert!(!picture.contains("secret shown"), "{picture}");
    }
}

#[test]
fn what_was_copied_is_named() {
    let mut browser = Browser::open(MEMBER, SIZE);
    browser.command("deploy/web -n prod").press("c R");
    assert!(
        browser
            .named
            .last()
            .is_some_and(|named| named == "re-creatable YAML of deployments/prod/web"),
        "{:?}",
        browser.named
    );
    browser.press("c c");
    assert!(
        browser
            .named
            .last()
            .is_some_and(|named| named.starts_with("command etcd-inspect get deployments/web")),
        "{:?}",
        browser.named
    );
}
