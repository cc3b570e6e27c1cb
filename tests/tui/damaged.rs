//! Damage never empties a screen: db cut, both metas bad, no db. What is shown instead says where it is from.

use etcd_inspect_tui::Options;
use testkit::incidents;

use crate::browser::Browser;

/// An incident, at a path that is the same everywhere.
fn damaged(id: &str, test: &str, size: (u16, u16)) -> (Browser, impl Sized) {
    let incident = incidents::incident(id).reproduce();
    crate::browser::path("etcd-3.5.30");
    let link = std::path::PathBuf::from(format!("incident-{id}-{test}"));
    let _ = std::fs::remove_file(&link);
    std::os::unix::fs::symlink(incident.data_dir(), &link).unwrap();
    let browser = Browser::open_paths(vec![link], size, Options::default());
    (browser, incident)
}

fn without_name(picture: &str) -> String {
    let mut rows: Vec<&str> = picture.lines().collect();
    rows[0] = "(identity)";
    rows[1] = "(tabs)";
    rows.join("\n")
}

const SIZES: [(u16, u16); 3] = [(80, 24), (120, 36), (200, 60)];

#[test]
fn keys_come_from_the_log_or_from_carved_records_if_the_db_is_lost() {
    for (id, name) in [("D01", "no_db"), ("D09", "both_metas"), ("D07", "cut")] {
        for size in SIZES {
            let (mut browser, _incident) = damaged(id, "keys", size);
            let picture = without_name(&browser.draw());
            insta::assert_snapshot!(format!("lost_{name}_{}x{}", size.0, size.1), picture);
            if id == "D07" {
                continue;
            }
            assert!(picture.contains("rebuilt, db lost · "), "{id}: {picture}");
            browser.press("j l j l j");
            let object = browser.draw();
            assert!(
                object.contains(" W ") || object.contains(" C "),
                "{id}: {object}"
            );
            browser.press("c k");
            assert!(!browser.copied.is_empty(), "{id}: {}", browser.draw());
        }
    }
}

#[test]
fn every_screen_says_what_is_left_of_a_lost_db() {
    for (id, name) in [("D01", "no_db"), ("D09", "both_metas"), ("D07", "cut")] {
        for size in SIZES {
            let (mut browser, _incident) = damaged(id, "screens", size);
            browser.press("j l j l j");
            for screen in 2..=8 {
                browser.press(&screen.to_string());
                if screen == 8 {
                    browser.command("search things");
                }
                let picture = without_name(&browser.draw());
                insta::assert_snapshot!(
                    format!("lost_{name}_screen{screen}_{}x{}", size.0, size.1),
                    picture
                );
            }
        }
    }
}

#[test]
fn pages_show_what_their_headers_say_if_no_tree_is_known() {
    for size in SIZES {
        let (mut browser, _incident) = damaged("D09", "pages", size);
        browser.press("5 j j");
        let picture = without_name(&browser.draw());
        assert!(picture.contains("no tree is known"), "{picture}");
        assert!(picture.contains("leaf?"), "{picture}");
        assert!(picture.contains('?'), "{picture}");
        insta::assert_snapshot!(format!("pages_both_metas_{}x{}", size.0, size.1), picture);
    }
}

#[test]
fn a_search_finds_what_is_left() {
    let (mut browser, _incident) = damaged("D09", "search", (120, 36));
    browser.press("j l j l j");
    let key = browser.app.session().focus().map(<[u8]>::to_vec);
    let key = String::from_utf8(key.unwrap()).unwrap();
    let part: String = key
        .chars()
        .rev()
        .take(6)
        .collect::<Vec<_>>()
        .into_iter()
        .rev()
        .collect();
    browser.command(&format!("search {part}"));
    assert!(browser.shows(&part), "{}", browser.draw());
    assert!(!browser.shows("no index"), "{}", browser.draw());
}
