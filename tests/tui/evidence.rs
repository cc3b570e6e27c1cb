//! WAL, Pages, Space, Check, Timeline and Compare: what they look like, and where their keys lead.

use etcd_inspect_tui::Options;

use crate::browser::{Browser, path, seal};

const MEMBER: &str = "k8s-1.20-etcd35";
const MEMBERS: [&str; 3] = [
    "k8s-1.20-cluster3/m1",
    "k8s-1.20-cluster3/m2",
    "k8s-1.20-cluster3/m3",
];

fn members(names: &[&str], size: (u16, u16)) -> Browser {
    let paths = names.iter().map(|name| path(name)).collect();
    Browser::open_paths(paths, size, Options::default())
}

fn damaged(incident: &str, size: (u16, u16)) -> (Browser, testkit::Copy) {
    let copy = testkit::incidents::incident(incident).reproduce();
    // Where the fixtures' names are relative, so that both kinds can be opened in any order.
    let _ = path(MEMBER);
    let browser = Browser::open_paths(vec![copy.data_dir()], size, Options::default());
    (browser, copy)
}

fn golden(name: &str, browser: &mut Browser) {
    let picture = browser.draw();
    let mut rows: Vec<&str> = picture.lines().collect();
    rows[1] = "(tabs)";
    let name = format!("{name}_{}x{}", browser.size.0, browser.size.1);
    insta::assert_snapshot!(name, rows.join("\n"));
}

fn both(name: &str, keys: impl Fn(&mut Browser)) {
    for size in [(120, 36), (80, 24)] {
        let mut browser = Browser::open(MEMBER, size);
        // Drawn once, as people see it before they press anything.
        browser.draw();
        keys(&mut browser);
        golden(name, &mut browser);
    }
}

#[test]
fn wal() {
    both("wal", |browser| _ = browser.command("wal").press("k k k"));
}

#[test]
fn wal_with_a_filter_and_bytes() {
    both("wal_hex", |browser| {
        _ = browser
            .command("wal")
            .press("/")
            .type_in("configmaps/prod")
            .press("enter j x")
    });
}

#[test]
fn pages() {
    both("pages", |browser| {
        _ = browser.command("page 6").press("tab } }")
    });
}

#[test]
fn pages_as_trees() {
    both("pages_tree", |browser| {
        _ = browser.command("pages").press("s j j j j j j j j")
    });
}

#[test]
fn space() {
    both("space", |browser| _ = browser.command("space").press("j"));
}

#[test]
fn space_within_a_resource() {
    both("space_in", |browser| {
        _ = browser.command("space").press("j enter v v")
    });
}

#[test]
fn check() {
    both("check", |browser| _ = browser.command("check"));
}

#[test]
fn timeline() {
    both("timeline", |browser| {
        browser.command("timeline").draw();
        browser.press("j j j j { { { h").draw();
    });
}

#[test]
fn timeline_closer() {
    both("timeline_zoom", |browser| {
        browser.command("timeline").draw();
        browser
            .press("j j j { { { { { { { { { { { { { { { { { { { { z z")
            .draw();
    });
}

#[test]
fn compare() {
    for size in [(120, 36), (80, 24)] {
        let mut browser = members(&MEMBERS, size);
        browser.command("compare").press("j");
        golden("compare", &mut browser);
    }
}

#[test]
fn an_entry_leads_to_its_key_its_revision_and_back() {
    let sealed = seal(MEMBER);
    let mut browser = Browser::open(MEMBER, (120, 36));
    let start = browser.place();
    browser.command("wal 4330");
    assert_eq!(browser.place().1, "WAL › term 2 › index 4330");
    browser.press("g r");
    let (screen, crumbs, revision) = browser.place();
    assert_eq!((screen.as_str(), revision), ("Browse", 4271), "{crumbs}");
    browser.press("[");
    assert_eq!(browser.place().1, "WAL › term 2 › index 4330");
    browser.press("[");
    assert_eq!(browser.place(), start);
    sealed.assert_unchanged();
}

#[test]
fn an_index_that_the_log_does_not_have_says_where_it_begins_and_ends() {
    let mut browser = Browser::open(MEMBER, (80, 24));
    browser.command("wal");
    browser.command("wal 999999");
    assert!(
        browser.shows("is not in the WAL: it ends with 4333"),
        "{}",
        browser.draw()
    );
}

#[test]
fn cc_of_each_screen_is_a_command_line_for_what_is_shown() {
    let mut browser = Browser::open(MEMBER, (120, 36));
    for (command, keys) in [
        ("wal 4330", ""),
        ("page 4", ""),
        ("page 4", "x"),
        ("space", ""),
        ("space", "enter"),
        ("check", ""),
        ("timeline", ""),
    ] {
        browser.command(command).draw();
        browser.press(keys).press("c c");
    }
    insta::assert_snapshot!("commands", browser.copied.join("\n"));
}

#[test]
fn a_page_leads_to_the_revision_of_the_record_under_the_cursor() {
    let mut browser = Browser::open(MEMBER, (120, 36));
    browser.command("page 4").press("tab G k");
    assert!(browser.place().1.ends_with(".value") || browser.place().1.ends_with(".key"));
    browser.press("enter");
    assert_eq!(browser.place().0, "Browse");
    browser.press("g p");
    let (screen, crumbs, _) = browser.place();
    assert_eq!(screen, "Pages");
    assert!(crumbs.contains("page 4"), "{crumbs}");
}

#[test]
fn a_page_that_is_not_there_is_refused_in_words() {
    let mut browser = Browser::open(MEMBER, (80, 24));
    browser.command("pages").command("page 999999");
    assert!(browser.shows("is not in the file"), "{}", browser.draw());
}

#[test]
fn the_parts_of_the_file_add_up_to_it_whatever_is_measured() {
    let db = testkit::data_dir(MEMBER).join("member/snap/db");
    let size = std::fs::metadata(db).unwrap().len().to_string();
    let mut browser = Browser::open(MEMBER, (120, 36));
    browser.command("space");
    for _ in 0..4 {
        let picture = browser.press("v").draw().replace(',', "");
        assert!(picture.contains(&format!("all rows {size} B")), "{picture}");
        assert!(picture.contains("= the file"));
    }
}

#[test]
fn a_torn_log_is_marked_and_leads_to_the_finding_and_back() {
    let (mut browser, _copy) = damaged("W05", (160, 44));
    browser.command("wal").draw();
    browser.press("g g }");
    let picture = browser.draw();
    assert!(picture.contains('✕'), "{picture}");
    browser.command("check");
    let finding = browser.draw();
    assert!(
        finding.contains("ERROR") && finding.contains("WAL-"),
        "{finding}"
    );
    assert!(finding.contains("What to do next"), "{finding}");
}

#[test]
fn the_timeline_opens_browse_at_that_revision() {
    let mut browser = Browser::open(MEMBER, (120, 36));
    browser.command("timeline").draw();
    browser.press("{ { {").draw();
    browser.press("enter");
    let (screen, _, revision) = browser.place();
    assert_eq!(screen, "Browse");
    assert!(revision < 4271 && browser.shows("PAST"));
    browser.press("g t");
    assert_eq!(browser.place().0, "Timeline");
}

#[test]
fn compare_is_there_for_several_directories_only_and_opens_one_of_them() {
    let mut browser = members(&MEMBERS, (80, 24));
    browser.command("compare").press("j enter");
    assert_eq!(browser.app.session().current, 1);
    let mut alone = Browser::open(MEMBER, (80, 24));
    assert!(!alone.shows("9Cmp"));
    alone.press("9");
    assert_eq!(alone.place().0, "Browse");
}

#[test]
fn copies_of_different_clusters_show_the_keys_that_differ() {
    let mut browser = members(&["etcd-3.5.30", "lagging-3.5.30"], (120, 36));
    browser.command("compare").press("}").draw();
    let picture = browser.draw();
    assert!(
        picture.contains("key differs") || picture.contains("finding"),
        "{picture}"
    );
}

#[test]
fn every_screen_can_be_drawn_at_any_size_and_in_ascii() {
    for ascii in [false, true] {
        let options = Options {
            ascii,
            ..Options::default()
        };
        let paths = MEMBERS.iter().map(|name| path(name)).collect();
        let mut browser = Browser::open_paths(paths, (80, 24), options);
        for screen in ["3", "4", "5", "6", "7", "9"] {
            for size in [
                (80, 24),
                (1, 1),
                (40, 10),
                (38, 9),
                (60, 15),
                (110, 12),
                (200, 60),
            ] {
                browser.resize(size);
                browser.press(screen).draw();
                for keys in [
                    "j", "tab", "j", "f", "h", "l", "x", "s", "v", "z", "Z", "f", "tab",
                ] {
                    browser.press(keys);
                    let picture = browser.draw();
                    assert!(!ascii || picture.is_ascii(), "{picture}");
                }
            }
        }
    }
}
