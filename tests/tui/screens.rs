//! What all screens with rows share: the filter, the way back, the other side of the evidence; and where Search and Compare lead.

use etcd_inspect_tui::Options;

use crate::browser::{Browser, path};

const MEMBER: &str = "k8s-1.20-etcd35";

fn members(names: &[&str], size: (u16, u16)) -> Browser {
    let paths = names.iter().map(|name| path(name)).collect();
    Browser::open_paths(paths, size, Options::default())
}

#[test]
fn the_filter_shows_as_one_types_on_every_screen_with_rows() {
    let mut browser = members(&["k8s-1.20-cluster3/m1", "diverged-3.5.30/m1"], (120, 36));
    browser.command("key /registry/configmaps/");
    for (screen, text) in [
        ("3", "lease"),
        ("4", "txn"),
        ("5", "free"),
        ("6", "secrets"),
        ("7", "zzz-nothing"),
        ("9", "m1"),
    ] {
        browser.press(screen).draw();
        let before = browser.draw();
        browser.press("/").type_in(text);
        assert!(
            browser.shows(&format!("/{text} ")),
            "{screen}: {}",
            browser.draw()
        );
        browser.press("enter");
        let filtered = browser.draw();
        assert_ne!(before, filtered, "{screen}");
        // Esc shows all again, on the same screen.
        let screen_before = browser.place().0;
        browser.press("esc");
        assert_eq!(browser.place().0, screen_before);
        assert!(!browser.shows(&format!("/{text} ")), "{screen}");
    }
}

#[test]
fn a_filter_is_there_again_on_the_way_back() {
    let mut browser = Browser::open(MEMBER, (120, 36));
    browser.command("wal");
    browser
        .press("/")
        .type_in("configmaps/prod")
        .press("enter j");
    let (before, picture) = (browser.place(), browser.draw());
    browser.press("g k");
    assert_eq!(browser.place().0, "Browse");
    browser.press("[");
    assert_eq!(browser.place(), before);
    assert_eq!(browser.draw(), picture);
    browser.press("esc");
    assert_eq!(browser.place(), before, "the row stays under the cursor");
}

#[test]
fn what_only_the_log_has_is_found_and_leads_to_its_entry() {
    let mut browser = Browser::open("etcd-3.5.30-killed", (120, 36));
    browser
        .command("search .")
        .press("/")
        .type_in("^WAL")
        .press("enter");
    let picture = browser.draw();
    assert!(picture.contains("only there"), "{picture}");
    browser.press("enter");
    let (screen, crumbs, _) = browser.place();
    assert_eq!(screen, "WAL", "{crumbs}");
    assert!(crumbs.contains("index "), "{crumbs}");
    browser.press("[");
    assert_eq!(browser.place().0, "Search");
}

#[test]
fn slash_on_search_asks_first_and_filters_hits_then() {
    let mut browser = Browser::open(MEMBER, (120, 36));
    browser.press("8 /").type_in("web").press("enter");
    assert!(browser.shows("search web"), "{}", browser.draw());
    browser.press("/").type_in("deployments").press("enter");
    assert!(browser.shows("/deployments"), "{}", browser.draw());
    browser.press("c c");
    let copied = browser.copied.last().unwrap();
    assert_eq!(
        copied,
        "etcd-inspect search -i web --in keys,values,history,wal -d k8s-1.20-etcd35"
    );
}

#[test]
fn a_text_of_the_evidence_that_looks_like_a_flag_or_a_template_is_copied_as_one_word() {
    for (text, expected) in [
        (
            "{path} {rev}",
            "-i '{path} {rev}' --in keys,values,history,wal -d k8s-1.20-etcd35",
        ),
        (
            "-x {key}",
            "-i --in keys,values,history,wal -d k8s-1.20-etcd35 -- '-x {key}'",
        ),
        (
            "it's",
            "-i 'it'\\''s' --in keys,values,history,wal -d k8s-1.20-etcd35",
        ),
    ] {
        let mut browser = Browser::open(MEMBER, (120, 36));
        browser.press("8 /").type_in(text).press("enter");
        browser.press("c c");
        let copied = browser.copied.last().unwrap();
        assert_eq!(*copied, format!("etcd-inspect search {expected}"));
    }
}

#[test]
fn the_state_after_a_start_is_the_other_side_of_the_same_screens() {
    let mut browser = Browser::open("etcd-3.5.30-killed", (120, 36));
    let db = browser.place().2;
    browser.command("replay");
    let replayed = browser.place().2;
    assert!(replayed > db, "{db} {replayed}");
    assert!(browser.shows("AS AFTER A START"), "{}", browser.draw());
    browser.command("rev -1").press("c c");
    assert!(browser.copied.last().unwrap().ends_with("--replay"));
    browser.press("[ [");
    assert_eq!(browser.place().2, db);
    assert!(!browser.shows("AS AFTER A START"));
}

#[test]
fn it_can_begin_with_the_state_after_a_start() {
    let options = Options {
        replay: true,
        ..Options::default()
    };
    let browser = Browser::open_paths(vec![path("etcd-3.5.30-killed")], (80, 24), options);
    let stored = browser.app.session().stored().unwrap();
    assert!(browser.place().2 > stored.keyspace().revision());
}

#[test]
fn compare_says_for_each_purpose_whether_it_may_be_done() {
    let mut browser = members(
        &[
            "k8s-1.20-cluster3/m1",
            "k8s-1.20-cluster3/m2",
            "k8s-1.20-cluster3/m3",
        ],
        (120, 36),
    );
    browser.press("9");
    for (word, purpose) in [
        ("start", "start"),
        ("force", "force-new-cluster"),
        ("restore", "restore"),
        ("upgrade", "upgrade"),
    ] {
        let picture = browser.draw();
        assert!(picture.contains(&format!("[{word}]")), "{picture}");
        let word = if word == "force" { "WARN" } else { "GO" };
        assert!(picture.contains(word), "{picture}");
        browser.press("c c");
        let copied = browser.copied.last().unwrap();
        assert!(copied.ends_with(&format!("--for {purpose}")), "{copied}");
        browser.press("v");
    }
    assert!(browser.shows("[start]"));
}

#[test]
fn copies_that_differ_show_in_which_keys_and_what_each_holds() {
    let incident = testkit::incidents::incident("D20");
    let healthy = path(incident.base);
    let copy = incident.reproduce();
    for size in [(120, 36), (80, 24)] {
        let paths = vec![healthy.clone(), copy.data_dir()];
        let mut browser = Browser::open_paths(paths, size, Options::default());
        browser.press("9 }");
        let picture = browser.draw();
        assert!(picture.contains("key differs"), "{picture}");
        assert!(picture.contains("mod_revision"), "{picture}");
        browser.press("g g tab g g");
        assert!(browser.shows("may I start?"), "{}", browser.draw());
    }
}

#[test]
fn the_splitter_can_be_dragged_and_the_wheel_turns_where_it_points() {
    use crossterm::event::{KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
    use etcd_inspect_tui::Event;
    let mut browser = Browser::open(MEMBER, (160, 36));
    browser.command("wal").draw();
    let mut mouse = |kind, column, row| {
        browser.send(Event::Mouse(MouseEvent {
            kind,
            column,
            row,
            modifiers: KeyModifiers::NONE,
        }));
        browser.draw()
    };
    let before = mouse(MouseEventKind::Moved, 1, 1);
    let edge = before.lines().nth(5).unwrap().replace('"', "");
    let edge = edge.chars().skip(2).position(|c| c == '│').unwrap() as u16 + 2;
    mouse(MouseEventKind::Down(MouseButton::Left), edge, 10);
    let after = mouse(MouseEventKind::Drag(MouseButton::Left), 40, 10);
    mouse(MouseEventKind::Up(MouseButton::Left), 40, 10);
    assert_ne!(before, after);
    let row = after.lines().nth(5).unwrap().replace('"', "");
    let now = row.chars().skip(2).position(|c| c == '│').unwrap() + 2;
    assert!((38..=42).contains(&now), "{now}");
}

#[test]
fn a_secret_that_was_found_is_shown_for_ten_seconds_on_demand() {
    let mut browser = Browser::open(MEMBER, (120, 36));
    browser.command("search kube-system");
    browser.press("/").type_in("secrets/").press("enter");
    let hidden = browser.draw();
    assert!(hidden.contains("secrets/"), "{hidden}");
    browser.press("X");
    let shown = browser.draw();
    assert_ne!(hidden, shown);
    let hide = browser.wakes.last().copied().unwrap();
    browser.send(etcd_inspect_tui::Event::Wake(hide));
    assert!(browser.shows("secret hidden again"));
}

#[test]
fn arguments_of_commands_are_completed_from_the_data() {
    let mut browser = Browser::open(MEMBER, (80, 24));
    browser.press(":").type_in("cm -n kube-s").press("tab");
    assert!(browser.shows(":cm -n kube-system"), "{}", browser.draw());
    browser
        .press("esc")
        .press(":")
        .type_in("deploy/we")
        .press("tab");
    assert!(browser.shows(":deploy/web"), "{}", browser.draw());
}

#[test]
fn long_lines_are_wrapped_on_demand() {
    let mut browser = Browser::open(MEMBER, (80, 24));
    browser
        .command("deploy/web -n prod")
        .press("enter f")
        .resize((40, 24));
    let cut = browser.draw();
    browser.press("w");
    assert_ne!(cut, browser.draw());
    browser.press("G G").draw();
    browser.press("esc").command("wal").press("enter");
    let cut = browser.draw();
    browser.press("w");
    assert_ne!(cut, browser.draw());
}

#[test]
fn version_a_is_marked_in_browse_and_the_difference_is_one_key_away() {
    let mut browser = Browser::open(MEMBER, (120, 36));
    browser.command("deploy/web -n prod").press("D");
    assert!(browser.shows("A is the version of"), "{}", browser.draw());
    browser.press(", , D");
    assert_eq!(browser.place().0, "History");
    assert!(browser.shows("→ v83"), "{}", browser.draw());
    browser.press("c v");
    assert!(!browser.copied.last().unwrap().is_empty());
}

#[test]
fn a_facet_shows_the_rows_that_have_it() {
    let mut browser = Browser::open(MEMBER, (120, 36));
    browser.command("wal").press("F");
    assert!(browser.shows("only rows with"), "{}", browser.draw());
    browser.press("enter");
    assert!(browser.shows(" of 4,335"), "{}", browser.draw());
    browser.command("timeline").press("F");
    assert!(browser.shows("no column") || browser.shows("means nothing"));
}

fn golden(name: &str, browser: &mut Browser) {
    let picture = browser.draw();
    let mut rows: Vec<&str> = picture.lines().collect();
    rows[1] = "(tabs)";
    let name = format!("{name}_{}x{}", browser.size.0, browser.size.1);
    insta::assert_snapshot!(name, rows.join("\n"));
}

#[test]
fn search_of_the_log_and_the_state_after_a_start_look_so() {
    for size in [(120, 36), (80, 24)] {
        let mut browser = Browser::open("etcd-3.5.30-killed", size);
        browser
            .command("search k1")
            .press("/")
            .type_in("wal")
            .press("enter j");
        golden("search_log", &mut browser);
        let mut browser = Browser::open("etcd-3.5.30-killed", size);
        browser.press("S j j");
        golden("replayed", &mut browser);
    }
}

#[test]
fn verdicts_look_so() {
    for size in [(120, 36), (80, 24)] {
        let mut browser = members(
            &[
                "k8s-1.20-cluster3/m1",
                "k8s-1.20-cluster3/m2",
                "k8s-1.20-cluster3/m3",
            ],
            size,
        );
        browser.press("9 v j");
        golden("compare_force", &mut browser);
    }
}
