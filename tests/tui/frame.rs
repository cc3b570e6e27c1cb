//! What surrounds the screens: the index on its way, tasks, exports, notes, looks.

use etcd_inspect_tui::App;

use crate::browser::Browser;

const MEMBER: &str = "k8s-1.20-etcd35";

fn first_rows(app: &App) -> bool {
    app.session().rows().is_some()
}

#[test]
fn rows_are_there_before_the_index_and_stay_under_the_cursor_when_it_comes() {
    for size in [(120, 36), (80, 24)] {
        let mut browser = Browser::until(MEMBER, size, first_rows);
        let early = browser.draw();
        assert!(early.contains("newest writes so far"), "{early}");
        assert!(early.contains('≥'), "{early}");
        browser.press("j j j enter j j");
        let (row, place) = (cursor_row(&mut browser), browser.place());
        assert!(place.1.len() > "registry".len(), "{place:?}");
        browser.command("rev 4000");
        assert!(browser.shows(" indexing… "), "{}", browser.draw());
        browser.deliver();
        assert_eq!((cursor_row(&mut browser), browser.place()), (row, place));
        let whole = browser.draw();
        assert!(!whole.contains('≥'), "{whole}");
        assert!(whole.contains("keys at this revision"), "{whole}");
        browser.command("rev 4000");
        assert!(browser.shows("PAST"));
    }
}

/// Where on the screen the cursor is, and what is written there of the name.
fn cursor_row(browser: &mut Browser) -> (usize, String) {
    let picture = browser.draw();
    let row = picture
        .lines()
        .enumerate()
        .find(|(_, row)| row.contains("│>"));
    let (y, row) = row.unwrap_or_else(|| panic!("no cursor\n{picture}"));
    let name = row.split_whitespace().take(3).collect::<Vec<_>>().join(" ");
    (y, name.chars().take(20).collect())
}

#[test]
fn a_key_that_is_not_among_the_newest_is_not_said_to_be_missing() {
    let mut browser = Browser::until(MEMBER, (100, 30), first_rows);
    browser.command("key /registry/nothing/such");
    assert!(
        browser.shows("the index is not complete"),
        "{}",
        browser.draw()
    );
    browser.press("esc").deliver();
    browser.command("key /registry/nothing/such");
    assert!(browser.shows("is stored"), "{}", browser.draw());
}
