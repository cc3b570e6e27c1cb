//! What each screen looks like on a real Kubernetes member, at 120x36, at 80x24 and at 200x60.
//!
//! Ages are relative to the newest time in the data, so that pictures do not depend on the day. After a wanted change:
//! `INSTA_UPDATE=always cargo test -p etcd-inspect-tui --test tui goldens`, and look at what git says.

use crate::browser::Browser;

const MEMBER: &str = "k8s-1.20-etcd35";

fn both(name: &str, keys: impl Fn(&mut Browser)) {
    for size in [(120, 36), (80, 24), (200, 60)] {
        let mut browser = Browser::open(MEMBER, size);
        keys(&mut browser);
        let picture = without_tabs(&browser.draw());
        insta::assert_snapshot!(format!("{name}_{}x{}", size.0, size.1), picture);
    }
}

/// The row of tabs is the same everywhere; it has a test of its own, so that a new screen changes no picture.
fn without_tabs(picture: &str) -> String {
    let mut rows: Vec<&str> = picture.lines().collect();
    rows[1] = "(tabs)";
    rows.join("\n")
}

#[test]
fn tabs_begin_with_home_and_say_that_one_is_in_the_past() {
    for size in [(120, 36), (80, 24)] {
        let mut browser = Browser::open(MEMBER, size);
        browser.command("rev 4000");
        let picture = browser.draw();
        let tabs = picture.lines().nth(1).unwrap().trim_matches('"').trim();
        assert!(
            tabs.starts_with("0")
                && tabs.contains("[1 Browse]")
                && tabs.ends_with("PAST · T latest"),
            "{tabs}"
        );
        // Lists has no digit, and no tab before it is open.
        let tabs_of_all = browser.app.session().tabs();
        for screen in &tabs_of_all[2..tabs_of_all.len() - 1] {
            assert!(
                tabs.contains(if size.0 < 110 {
                    screen.short()
                } else {
                    screen.title()
                }),
                "{tabs}"
            );
        }
    }
}

#[test]
fn browse_at_the_start() {
    both("browse", |_| {});
}

#[test]
fn browse_on_an_object() {
    both("browse_object", |browser| {
        _ = browser.command("deploy/web -n prod")
    });
}

#[test]
fn browse_with_a_summary() {
    both("browse_describe", |browser| {
        _ = browser.command("deploy/web -n prod").press("d f tab")
    });
}

#[test]
fn browse_with_bytes() {
    both("browse_hex", |browser| {
        _ = browser.command("deploy/web -n prod").press("x tab")
    });
}

#[test]
fn browse_in_the_past() {
    both("browse_past", |browser| {
        _ = browser.command("deploy/web -n prod").press(", , , ,")
    });
}

#[test]
fn browse_with_a_filter() {
    both("browse_filter", |browser| {
        _ = browser.press("/").type_in("web").press("enter j j")
    });
}

#[test]
fn history_with_a_difference() {
    both("history", |browser| {
        _ = browser.command("deploy/web -n prod").press("H j")
    });
}

#[test]
fn history_side_by_side_in_full() {
    both("history_side", |browser| {
        _ = browser
            .command("deploy/web -n prod")
            .press("H j D j j | tab f")
    });
}

#[test]
fn search_with_hits() {
    both("search", |browser| {
        _ = browser.command("search nginx").press("j j")
    });
}

#[test]
fn help() {
    both("help", |browser| _ = browser.press("?").type_in("copy"));
}
