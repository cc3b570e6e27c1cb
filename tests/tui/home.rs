//! Home and the lists: what they say of whole, damaged and compacted evidence, and where their lines lead.

use etcd_inspect_tui::Options;

use crate::browser::{Browser, link, path, seal};

const MEMBER: &str = "k8s-1.20-etcd35";
const SIZES: [(u16, u16); 3] = [(80, 24), (120, 36), (200, 60)];

fn at_home(path: std::path::PathBuf) -> Browser {
    let options = Options {
        screen: Some(0),
        ..Options::default()
    };
    Browser::open_paths(vec![path], (120, 36), options)
}

/// Pictures of all sizes.
fn goldens(name: &str, browser: &mut Browser) {
    for size in SIZES {
        browser.resize(size);
        // Drawn once before: how much is shown depends on the height.
        browser.draw();
        browser.press("down up");
        let picture = browser.draw();
        let mut rows: Vec<&str> = picture.lines().collect();
        rows[1] = "(tabs)";
        insta::assert_snapshot!(format!("{name}_{}x{}", size.0, size.1), rows.join("\n"));
    }
}

#[test]
fn home_of_a_whole_member() {
    goldens("home", &mut at_home(path(MEMBER)));
}

/// Evidence that an incident made, under a name that is the same each time.
fn reproduced(incident: &str) -> (std::path::PathBuf, testkit::Copy) {
    let copy = testkit::incidents::incident(incident).reproduce();
    (link(incident, &copy.data_dir()), copy)
}

#[test]
fn home_of_damaged_members() {
    for (incident, name) in [
        ("D07", "home_cut"),
        ("D09", "home_metas"),
        ("D01", "home_without_db"),
    ] {
        let (path, copy) = reproduced(incident);
        let sealed = testkit::Seal::read(&copy);
        goldens(name, &mut at_home(path));
        sealed.assert_unchanged();
    }
}

#[test]
fn home_of_a_compacted_member() {
    goldens("home_compacted", &mut at_home(path("etcd-3.5.30")));
}

#[test]
fn lists_of_a_whole_member() {
    let mut browser = Browser::open(MEMBER, (80, 24));
    for (word, name) in [
        ("certs", "lists_certs"),
        ("members", "lists_members"),
        ("etcd-leases", "lists_leases"),
        ("auth", "lists_auth"),
    ] {
        goldens(name, browser.command(word));
    }
    goldens(
        "lists_users",
        Browser::open("auth-3.5.16", (80, 24)).command("users"),
    );
}

#[test]
fn lists_of_damaged_members_say_what_is_not_known() {
    let (path, copy) = reproduced("D09");
    let mut browser = Browser::open_paths(vec![path], (120, 36), Options::default());
    for word in ["members", "etcd-leases", "auth"] {
        let picture = browser.command(word).draw();
        assert!(
            picture.contains("checksum error") || picture.contains("db lost: rebuilt"),
            "{picture}"
        );
    }
    drop(copy);
}

#[test]
fn the_first_screen_is_home_and_its_first_frame_waits_for_nothing() {
    let app = etcd_inspect_tui::App::new(vec![path(MEMBER)], Options::default(), (80, 24));
    assert_eq!(app.screen_id(), etcd_inspect_tui::ScreenId::Home);
    let with_key = Options {
        key: Some(b"/registry/deployments/prod/web".to_vec()),
        ..Options::default()
    };
    let app = etcd_inspect_tui::App::new(vec![path(MEMBER)], with_key, (80, 24));
    assert_eq!(app.screen_id(), etcd_inspect_tui::ScreenId::Browse);
}

#[test]
fn lines_of_home_lead_to_what_they_are_about_and_back() {
    let sealed = seal(MEMBER);
    let mut browser = at_home(path(MEMBER));
    browser.draw();
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..24 {
        let line = browser.place().1;
        browser.press("enter");
        let place = browser.place().0;
        if place != "Home" {
            seen.insert(place);
            browser.press("[");
            assert_eq!(
                ("Home".to_owned(), line),
                (browser.place().0, browser.place().1)
            );
        }
        browser.press("j");
    }
    let seen: Vec<&str> = seen.iter().map(String::as_str).collect();
    assert_eq!(
        seen,
        [
            "Browse", "Check", "History", "Lists", "Pages", "Space", "Timeline", "WAL"
        ]
    );
    sealed.assert_unchanged();
}

#[test]
fn a_certificate_leads_to_the_secret_that_has_it() {
    let mut browser = Browser::open(MEMBER, (120, 36));
    browser.command("certs").press("j j enter");
    assert!(
        browser.place().1.contains("secrets › prod › tls"),
        "{}",
        browser.draw()
    );
}

#[test]
fn each_screen_says_which_side_it_shows() {
    let options = Options {
        screen: Some(0),
        ..Options::default()
    };
    let mut browser = Browser::open_paths(vec![path("etcd-3.5.30-killed")], (120, 36), options);
    browser.command("replay");
    for (screen, follows) in [
        (0, false),
        (1, true),
        (3, true),
        (4, false),
        (5, false),
        (7, false),
    ] {
        browser.press(&screen.to_string());
        let says = match follows {
            true => "AS AFTER A START",
            // The longest that does not cover the tabs.
            false => "AS STORED HERE",
        };
        let short = !follows && browser.shows("AS STORED HERE");
        assert!(short || browser.shows(says), "{screen}: {}", browser.draw());
    }
}

#[test]
fn home_in_the_past_says_that_it_is_of_now_and_a_cut_home_says_so() {
    let mut browser = at_home(path(MEMBER));
    assert!(!browser.shows("of now"), "{}", browser.draw());
    browser.command("rev 100");
    assert!(
        browser.shows("of now, not of rev 100"),
        "{}",
        browser.draw()
    );
    browser.resize((80, 20));
    browser.draw();
    browser.press("down up");
    assert!(browser.shows("─ 1–12 of "), "{}", browser.draw());
    browser.resize((200, 60));
    browser.draw();
    assert!(!browser.shows("─ 1–"), "{}", browser.draw());
}
