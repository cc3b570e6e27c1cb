//! What surrounds the screens: the index on its way, tasks, exports, notes, looks.

use etcd_inspect_tui::{App, Options};

use crate::browser::{Browser, path, seal};

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

#[test]
fn an_index_that_is_stopped_leaves_its_rows_and_can_be_read_on() {
    let mut browser = Browser::idle(MEMBER, (120, 36));
    assert!(browser.shows("opening…"), "{}", browser.draw());
    browser.press("ctrl-c").work();
    let stopped = browser.draw();
    assert!(stopped.contains("no index"), "{stopped}");
    assert!(stopped.contains(":index reads on"), "{stopped}");
    assert!(stopped.contains("newest writes so far"), "{stopped}");
    browser.press("2");
    assert!(browser.shows(":index reads on"), "{}", browser.draw());
    browser.command("index");
    assert!(browser.shows("index 100%"), "{}", browser.draw());
    browser.press("1");
    let whole = browser.draw();
    assert!(
        !whole.contains('≥') && !whole.contains("reads on"),
        "{whole}"
    );
}

#[test]
fn a_task_that_is_stopped_says_what_is_not_complete_until_it_is_read_again() {
    for key in ["esc", "ctrl-c"] {
        let mut browser = Browser::open(MEMBER, (120, 36));
        browser.idle = true;
        browser.press("3");
        assert!(
            browser.shows("timeline · Ctrl-C stops"),
            "{}",
            browser.draw()
        );
        browser.press(key).work();
        assert_eq!(
            browser.place().0,
            "Timeline",
            "{key} stops and does not leave"
        );
        browser.press("j");
        assert!(
            browser.shows("timeline is not complete; R reads it again"),
            "{}",
            browser.draw()
        );
        browser.press("1");
        assert!(!browser.shows("not complete"), "{}", browser.draw());
        browser.press("3 R j");
        assert!(!browser.shows("not complete"), "{}", browser.draw());
    }
}

/// A browser with directories of its own for exports and notes.
fn with_dirs(name: &str, dirs: &tempfile::TempDir) -> Browser {
    let options = Options {
        export_dir: dirs.path().join("out"),
        state_dir: Some(dirs.path().join("state")),
        ..Options::default()
    };
    std::fs::create_dir_all(dirs.path().join("out")).unwrap();
    Browser::open_paths(vec![path(name)], (120, 36), options)
}

fn written(dirs: &tempfile::TempDir) -> Vec<(String, String)> {
    let mut files: Vec<_> = std::fs::read_dir(dirs.path().join("out"))
        .unwrap()
        .map(|file| {
            let file = file.unwrap();
            let text = std::fs::read_to_string(file.path()).unwrap();
            (file.file_name().into_string().unwrap(), text)
        })
        .collect();
    files.sort();
    files
}

#[test]
fn objects_views_and_reports_are_exported_under_names_that_stay_in_the_directory() {
    let sealed = seal(MEMBER);
    let dirs = tempfile::tempdir().unwrap();
    let mut browser = with_dirs(MEMBER, &dirs);
    browser.command("deploy/web -n prod").press("e e");
    assert!(
        browser.shows("registry-deployments-prod-web-"),
        "{}",
        browser.draw()
    );
    browser.press("enter");
    assert!(browser.shows("wrote "), "{}", browser.draw());
    browser.press("e e enter");
    assert!(browser.shows("exists already"), "{}", browser.draw());
    for name in ["../up.yaml", "/tmp/etcd-inspect-up.yaml", "a/b.yaml"] {
        browser.command(&format!("export-object {name}"));
        assert!(browser.shows("a file name is wanted"), "{}", browser.draw());
    }
    browser.press("e m");
    assert!(browser.shows("nothing is marked"), "{}", browser.draw());
    browser
        .press("M , M a")
        .type_in("scaled by hand?")
        .press("enter");
    assert!(browser.shows("2 marked · 1 note"), "{}", browser.draw());
    browser.press("e m enter e r enter e v enter");
    let files = written(&dirs);
    let names: Vec<_> = files.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names.len(), 4, "{names:?}");
    let text = |start: &str| {
        &files
            .iter()
            .find(|(name, _)| name.starts_with(start))
            .unwrap()
            .1
    };
    assert!(
        text("registry-").contains("kind: Deployment"),
        "{}",
        text("registry-")
    );
    assert_eq!(text("marked").matches("kind: Deployment").count(), 2);
    assert!(
        text("incident").contains("scaled by hand?") && text("incident").contains("<html"),
        "er is the page of the verb report"
    );
    let rows = text("browse");
    assert!(
        rows.starts_with("KEY,REV,CREATED,VERSION,SIZE,STATE\n"),
        "{rows}"
    );
    assert!(rows.contains("/registry/deployments/prod/web,"), "{rows}");
    sealed.assert_unchanged();
}

#[test]
fn all_rows_of_the_table_of_a_kind_and_of_a_list_are_exported() {
    let dirs = tempfile::tempdir().unwrap();
    let mut browser = with_dirs(MEMBER, &dirs);
    browser.command("po -A").press("e v enter");
    browser.command("certs").press("e v enter");
    let files = written(&dirs);
    assert_eq!(files.len(), 2, "{files:?}");
    let table = &files
        .iter()
        .find(|(name, _)| name.starts_with("browse"))
        .unwrap()
        .1;
    let pods = browser.app.session().stored().unwrap();
    let pods = pods.keyspace().live(
        &etcd_inspect::answers::KeyRange::prefix(b"/registry/pods/"),
        None,
    );
    assert!(
        table.starts_with("NAMESPACE,NAME,READY,STATUS,RESTARTS,AGE,"),
        "{table}"
    );
    assert_eq!(table.lines().count(), 1 + pods.unwrap().len(), "{table}");
    let list = &files
        .iter()
        .find(|(name, _)| !name.starts_with("browse"))
        .unwrap()
        .1;
    assert!(list.contains("CN=jane"), "{list}");
}

#[test]
fn a_mask_is_never_written_as_a_value() {
    let dirs = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(dirs.path().join("out")).unwrap();
    let mut browser = with_dirs(MEMBER, &dirs);
    browser.command("secret/opaque -n team-a").press("e e");
    let shown = browser.draw();
    assert!(shown.contains("not copied or written: "), "{shown}");
    assert!(shown.contains("X shows them"), "{shown}");
    assert!(written(&dirs).is_empty());
    browser.press("X e e enter");
    let (_, text) = written(&dirs).remove(0);
    assert!(
        text.contains("kind: Secret") && !text.contains("••••"),
        "{text}"
    );
    // Of marked ones those that are hidden are named, and left out.
    let dirs = tempfile::tempdir().unwrap();
    let mut browser = with_dirs(MEMBER, &dirs);
    browser
        .command("secret/opaque -n team-a")
        .press("M e m enter");
    let (_, text) = written(&dirs).remove(0);
    assert!(text.contains("# left out: "), "{text}");
    assert!(!text.contains("••••"), "{text}");
}

#[test]
fn a_search_that_is_asked_for_while_the_index_is_read_begins_when_it_is_there() {
    let mut browser = Browser::until(MEMBER, (120, 36), first_rows);
    browser.command("search wave");
    let early = browser.draw();
    assert!(early.contains("as soon as the index is there"), "{early}");
    browser.deliver();
    let late = browser.draw();
    assert!(late.contains("metadata.labels.wave"), "{late}");
    // The keys that were written last come first.
    let revisions: Vec<i64> = late
        .lines()
        .filter_map(|line| line.split("live ").nth(1))
        .filter_map(|rest| rest.split_whitespace().next())
        .filter_map(|number| number.replace(',', "").parse().ok())
        .collect();
    assert!(revisions.len() > 1, "{late}");
    assert!(revisions.is_sorted_by(|a, b| a >= b), "{revisions:?}");
}

#[test]
fn nothing_is_exported_into_the_evidence() {
    let sealed = seal(MEMBER);
    let options = Options {
        export_dir: testkit::data_dir(MEMBER).join("member"),
        ..Options::default()
    };
    let mut browser = Browser::open_paths(vec![path(MEMBER)], (120, 36), options);
    browser.press("e v enter");
    assert!(browser.shows("holds evidence"), "{}", browser.draw());
    sealed.assert_unchanged();
}

#[test]
fn notes_and_marks_are_found_again_and_a_revealed_secret_is_noted() {
    let dirs = tempfile::tempdir().unwrap();
    let mut browser = with_dirs(MEMBER, &dirs);
    browser.command("deploy/web -n prod").press("M");
    assert!(browser.shows("marked as evidence"), "{}", browser.draw());
    browser.press("M");
    assert!(browser.shows("no longer marked"), "{}", browser.draw());
    browser.press("M a").type_in("who?").press("enter");
    browser.command("secrets").press("l j l j X");
    drop(browser);
    let mut again = with_dirs(MEMBER, &dirs);
    assert!(again.shows("1 marked · 2 notes"), "{}", again.draw());
    again.command("notes");
    let listed = again.draw();
    assert!(
        listed.contains("who?") && listed.contains("its secret was shown"),
        "{listed}"
    );
    let mut other = with_dirs("etcd-3.5.30", &dirs);
    assert!(!other.shows(" note"), "{}", other.draw());
}

#[test]
fn what_is_shown_is_printed_on_the_normal_screen() {
    let mut browser = Browser::open(MEMBER, (80, 24));
    browser.command("check").press("p");
    let printed = browser.copied.last().unwrap();
    assert!(printed.starts_with("Check · revision 4,271"), "{printed}");
}

#[test]
fn themes_change_colours_and_never_the_text() {
    use etcd_inspect_tui::Theme;
    let mut seen = std::collections::HashSet::new();
    let mut text = None;
    for theme in [
        Theme::Terminal,
        Theme::Dark,
        Theme::Light,
        Theme::ColorBlind,
        Theme::Mono,
    ] {
        let options = Options {
            theme,
            ..Options::default()
        };
        let mut browser = Browser::open_paths(vec![path(MEMBER)], (100, 30), options);
        let colors: Vec<_> = browser
            .buffer()
            .content
            .iter()
            .map(|cell| cell.fg)
            .collect();
        if theme == Theme::Mono {
            assert!(
                colors
                    .iter()
                    .all(|color| *color == ratatui::style::Color::Reset)
            );
        }
        assert!(seen.insert(colors), "{theme:?} looks like another one");
        let picture = browser.draw();
        assert_eq!(*text.get_or_insert(picture.clone()), picture);
    }
}

#[test]
fn the_command_line_completes_resources_namespaces_names_and_keys() {
    let mut browser = Browser::open(MEMBER, (120, 36));
    for (typed, becomes) in [
        ("deploy", "deployments"),
        ("deploy pr", "deploy prod"),
        ("deploy -n pr", "deploy -n prod"),
        ("deploy prod we", "deploy prod web"),
        (
            "key /registry/deployments/pr",
            "key /registry/deployments/prod/",
        ),
        (
            "key /registry/deployments/prod/we",
            "key /registry/deployments/prod/web",
        ),
        ("minions/", "minions/"),
        ("rev l", "rev latest"),
        ("ch", "check"),
    ] {
        browser.press(":").type_in(typed).press("tab");
        let row = browser.draw().lines().rev().nth(1).unwrap().to_owned();
        assert!(row.contains(&format!(":{becomes}")), "{typed}: {row}");
        browser.press("esc");
    }
    browser
        .press(":")
        .type_in("deploy prod we")
        .press("tab enter");
    assert!(
        browser.place().1.ends_with("prod › web"),
        "{:?}",
        browser.place()
    );
}

#[test]
fn every_row_of_the_help_is_found_by_its_words_and_enter_runs_it() {
    for (words, screen) in [("history of", "History"), ("screen 3", "Timeline")] {
        let mut browser = Browser::open(MEMBER, (120, 36));
        browser
            .command("deploy/web -n prod")
            .press("?")
            .type_in(words);
        let help = browser.draw();
        browser.press("enter");
        assert_eq!(browser.place().0, screen, "{words}\n{help}");
    }
}
