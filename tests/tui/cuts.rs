//! What has no room says so: rows below the edge, columns, texts of the help; and a picture of plain characters keeps its meanings.

use etcd_inspect_tui::Options;

use crate::browser::{Browser, path};

const MEMBER: &str = "k8s-1.20-etcd35";
const COMPACTED: &str = "mid-compaction-3.5.30";

#[test]
fn lists_that_are_cut_say_which_rows_are_shown_and_which_columns_have_no_room() {
    let mut browser = Browser::open(MEMBER, (80, 24));
    browser.command("po -n prod");
    assert!(
        browser.shows("1–6 of 16 · no room for VER SIZE HISTORY LAST-WRITE~ BY"),
        "{}",
        browser.draw()
    );
    // The preview, too.
    assert!(browser.shows("1–7 of 192"), "{}", browser.draw());
    browser.press("G");
    assert!(browser.shows("11–16 of 16 · "), "{}", browser.draw());
    // The order by a column that is not shown is possible, and named so.
    browser.press("s");
    let picture = browser.draw();
    let of = |heading: &str| {
        let mut lines = picture.lines();
        let line = lines.find(|line| line.contains(&format!("  {heading} ")));
        line.unwrap().to_owned()
    };
    assert!(of("VER").contains("no room: not shown"), "{picture}");
    assert!(!of("READY").contains("no room"), "{picture}");
    browser.press("esc");
    for (keys, shown) in [
        ("0", "1–16 of "),
        ("\\", ""),
        ("3", "1–5 of 55"),
        ("4", " of 4,3"),
        ("?", " of "),
    ] {
        browser.press(keys);
        if keys == "\\" {
            continue;
        }
        let edges: Vec<String> = browser
            .draw()
            .lines()
            .filter(|line| line.contains('┘'))
            .map(str::to_owned)
            .collect();
        assert!(
            edges.iter().any(|edge| edge.contains(shown)),
            "{keys} {edges:?}"
        );
        if keys == "?" {
            browser.press("esc");
        }
    }
}

#[test]
fn a_list_that_is_whole_has_nothing_on_its_edge_and_wide_terminals_show_who() {
    let mut browser = Browser::open(MEMBER, (200, 60));
    browser.command("po -n prod");
    let picture = browser.draw();
    let list = picture
        .lines()
        .find(|line| line.contains("NAMESPACE  NAME"));
    assert!(list.unwrap().contains("LAST-WRITE~  BY"), "{picture}");
    assert!(!picture.contains("no room"), "{picture}");
    assert!(!picture.contains("–16 of 16"), "{picture}");
}

#[test]
fn no_text_of_the_help_is_cut_and_every_row_has_a_command_line_or_says_that_there_is_none() {
    for (width, height) in [(80, 24), (120, 36), (200, 60)] {
        let mut browser = Browser::open(MEMBER, (width, height));
        browser.press("4 ?");
        let mut text = String::new();
        for _ in 0..12 {
            let picture = browser.draw();
            let lines = picture.lines().map(|line| line.trim_matches('"'));
            for line in lines.filter(|line| line.starts_with('│')) {
                text.push_str(line.trim_matches(['│', ' ']));
                text.push(' ');
            }
            browser.press("pgdn");
        }
        let text: Vec<&str> = text.split_whitespace().collect();
        let text = text.join(" ");
        for whole in [
            "the other side: the db as it is, or as etcd has it after a start (replay)",
            "etcd-inspect status --replay k8s-1.20-etcd35",
            "print what is shown on the normal screen; any key returns",
            "etcd-inspect get KEY -o yaml --reveal -d k8s-1.20-etcd35",
            "screen 4: WAL",
            "down (in the browser only)",
        ] {
            assert!(text.contains(whole), "{width}: {whole}\n{text}");
        }
    }
}

#[test]
fn plain_characters_are_no_keys_and_do_not_join_two_meanings() {
    let plain = Options {
        ascii: true,
        ..Options::default()
    };
    let mut browser = Browser::open_paths(vec![path(MEMBER)], (120, 36), plain);
    browser.press("3");
    let picture = browser.draw();
    let row = |name: &str| {
        let mut lines = picture.lines();
        lines.find(|line| line.contains(name)).unwrap().to_owned()
    };
    // The API server left with the last write: a deletion in the last cell.
    let deletes = row("deletes   ");
    let bars = deletes.split_whitespace().nth(2).unwrap();
    assert!(bars.ends_with('_') && bars.starts_with('.'), "{deletes}");
    assert!(picture.contains("Enter Browse then"), "{picture}");
    assert!(!picture.contains("$ "), "{picture}");
    // "About" is for times; what was cut or goes on has another mark.
    browser.press("0");
    let home = browser.draw();
    assert!(home.contains("certs..."), "{home}");
    assert!(home.contains("~01:18:33Z"), "{home}");
}

#[test]
fn below_the_compaction_the_ruler_and_the_timeline_have_what_the_log_has() {
    let mut browser = Browser::open(COMPACTED, (120, 36));
    browser.press("3");
    let picture = browser.draw();
    // `timeline --all` and `changes --all --last 0` count 3,000 writes, of which the db has 1,811.
    let line = |name: &str| {
        let mut lines = picture.lines();
        lines.find(|line| line.contains(name)).unwrap().to_owned()
    };
    assert!(line("writes   ").contains("3,000│"), "{picture}");
    assert!(line("raft term").contains("2──"), "{picture}");
    // `get /hot/00 --rev 500`: version 20, revision 492.
    browser.press("1").command("500");
    browser.command("key /hot/00");
    let picture = browser.draw();
    assert!(picture.contains("@500 "), "{picture}");
    assert!(picture.contains("/hot/00 · v20 of 120"), "{picture}");
    // Back above it, the db answers as before.
    browser.press("T");
    assert!(!browser.shows("@500"), "{}", browser.draw());
    // What no source has is refused, with what there is.
    browser.command("rev 4000");
    assert!(
        browser.shows("revision 4000 is not retained: db and log have 1 to 3,001"),
        "{}",
        browser.draw()
    );
}

#[test]
fn a_filter_without_a_hit_names_the_key_that_looks_at_deleted_ones() {
    let mut browser = Browser::open(MEMBER, (120, 36));
    browser.press("/ /").type_in("tmp-r8fmk");
    browser.press("enter");
    assert!(
        browser.shows("no key matches; A also looks at those that were deleted"),
        "{}",
        browser.draw()
    );
    browser.press("A");
    assert!(!browser.shows("no key matches"), "{}", browser.draw());
}

#[test]
fn an_exported_table_has_bytes_seconds_and_full_times_and_a_column_for_each_fact() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options {
        export_dir: dir.path().to_path_buf(),
        ..Options::default()
    };
    let mut browser = Browser::open_paths(vec![path(MEMBER)], (120, 36), options);
    browser.command("po -n prod");
    browser.press("A e v ctrl-u").type_in("pods.csv");
    browser.press("enter");
    let text = std::fs::read_to_string(dir.path().join("pods.csv")).unwrap();
    let mut rows = csv::Reader::from_reader(text.as_bytes());
    let heads = rows.headers().unwrap().clone();
    let at = |name: &str| heads.iter().position(|head| head == name).unwrap();
    let (mut live, mut deleted) = (0, 0);
    for row in rows.records() {
        let row = row.unwrap();
        assert_eq!(row.len(), heads.len(), "{text}");
        let number = |name: &str| row[at(name)].parse::<u64>().unwrap();
        assert!(number("SIZE") > 1_000 && number("REV") > 1, "{row:?}");
        let written: jiff::Timestamp = row[at("LAST-WRITE~")].parse().unwrap();
        assert_eq!(written.to_string().get(..10), Some("2026-11-21"));
        match &row[at("STATE")] {
            "live" => {
                live += 1;
                // The file is 78 seconds long.
                assert!(number("AGE") < 78, "{row:?}");
                assert_eq!(&row[at("DELETED-REV")], "");
            }
            "deleted" => {
                deleted += 1;
                let at: jiff::Timestamp = row[at("DELETED-AT~")].parse().unwrap();
                assert!(at >= written, "{row:?}");
            }
            other => panic!("{other}"),
        }
    }
    assert_eq!((live, deleted), (16, 22));
}
