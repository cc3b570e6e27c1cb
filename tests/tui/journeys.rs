//! Keys, and where they lead.

use etcd_inspect_tui::{Event, Options, Wake};

use crate::browser::{Browser, path, seal};

const MEMBER: &str = "k8s-1.20-etcd35";
const WEB: &str = "deploy/web -n prod";

#[test]
fn back_goes_through_everything_visited_to_the_start() {
    let sealed = seal(MEMBER);
    let mut browser = Browser::open(MEMBER, (120, 36));
    let start = (browser.place(), browser.draw());
    browser.command(WEB);
    let object = browser.place();
    browser.press("H");
    let history = browser.place();
    assert_eq!(history.0, "History");
    browser.press("G k enter");
    assert!(browser.shows("diff v1 → v2"), "{}", browser.draw());
    let compared = browser.place();
    browser.press("g w");
    let entry = browser.place();
    assert_eq!(entry.0, "WAL", "{}", browser.draw());
    browser.press("[");
    assert_eq!(browser.place(), compared);
    browser.press("g r");
    let past = browser.place();
    assert_eq!(
        (past.0.as_str(), past.1.as_str()),
        ("Browse", object.1.as_str())
    );
    assert!(past.2 < object.2 && browser.shows("PAST"));
    browser.press("[ [");
    assert_eq!(browser.place().0, "History");
    browser.press("[");
    assert_eq!(browser.place(), object);
    browser.press("[");
    assert_eq!((browser.place(), browser.draw()), start);
    browser.press("] ] ] ]");
    assert_eq!(browser.place(), past);
    sealed.assert_unchanged();
}

#[test]
fn time_travel_keeps_the_object_and_steps_are_one_visit() {
    let mut browser = Browser::open(MEMBER, (120, 36));
    browser.command(WEB);
    let now = browser.place();
    browser.press(", , ,");
    let before = browser.place();
    assert_eq!((&before.0, &before.1), (&now.0, &now.1));
    assert!(before.2 < now.2);
    browser.press(".");
    assert!(browser.place().2 > before.2);
    browser.press("<");
    browser.press("T");
    assert_eq!(browser.place(), now);
    browser.press("[ [");
    assert_eq!(
        browser.place(),
        now,
        "T was one visit, the steps before it another"
    );
    browser.command("rev 2");
    assert!(
        browser.shows("does not exist at revision"),
        "{}",
        browser.draw()
    );
    assert_eq!(browser.place().1, now.1);
    browser.command("rev 99999999");
    assert!(
        browser.shows("revision 99999999 is not retained"),
        "{}",
        browser.draw()
    );
    browser.press("T");
    assert_eq!(browser.place(), now);
}

#[test]
fn a_time_leads_to_the_revision_of_that_time() {
    let mut browser = Browser::open(MEMBER, (120, 36));
    let now = browser.place();
    browser.command("at -30s");
    let past = browser.place();
    assert!(
        past.2 < now.2 && browser.shows("01:18:03Z"),
        "{}",
        browser.draw()
    );
    // Thirty seconds before the newest write is somewhere in that second. A time without a fraction is the end of its second.
    browser.press("T t").type_in("01:18:02").press("enter");
    let begins = browser.place().2;
    browser.press("T t").type_in("01:18:03").press("enter");
    let ends = browser.place().2;
    assert!(
        (begins..=ends).contains(&past.2) && begins < ends,
        "{begins}, {past:?}, {ends}"
    );
    browser.command("at noon");
    assert!(browser.shows("not a time"), "{}", browser.draw());
}

#[test]
fn a_pod_leads_to_its_owners() {
    let mut browser = Browser::open(MEMBER, (120, 36));
    browser
        .press("/")
        .type_in("pods/prod/web")
        .press("enter esc o");
    assert!(
        browser.place().1.contains("replicasets › prod › web"),
        "{:?}",
        browser.place()
    );
    browser.press("o");
    assert!(
        browser.place().1.ends_with("deployments › prod › web"),
        "{:?}",
        browser.place()
    );
    browser.press("o");
    assert!(browser.shows("no owner"), "{}", browser.draw());
}

#[test]
fn a_filter_finds_as_one_types_and_its_end_leaves_the_cursor_on_what_it_found() {
    let mut browser = Browser::open(MEMBER, (80, 24));
    browser.press("/").type_in("deployments/prod/w");
    assert!(browser.shows("1 keys"), "{}", browser.draw());
    browser.press("enter esc");
    assert!(
        browser.place().1.ends_with("deployments › prod › web"),
        "{:?}",
        browser.place()
    );
    assert!(!browser.shows("· 1 keys"));
}

#[test]
fn secrets_are_hidden_and_one_is_shown_for_a_while() {
    let mut browser = Browser::open(MEMBER, (160, 44));
    browser.command("secrets");
    browser.press("enter f");
    assert!(
        browser.place().1.contains("secrets"),
        "{:?}",
        browser.place()
    );
    assert!(browser.shows("••••"), "{}", browser.draw());
    browser.press("x");
    assert!(browser.shows("secret bytes are hidden"));
    browser.press("y X");
    assert!(
        !browser.shows("••••") && browser.shows("revealed"),
        "{}",
        browser.draw()
    );
    let hide = browser
        .wakes
        .iter()
        .rfind(|wake| matches!(wake, Wake::Hide(_)))
        .copied()
        .unwrap();
    browser.send(Event::Wake(hide));
    assert!(browser.shows("••••"), "{}", browser.draw());
}

#[test]
fn what_is_copied_can_be_pasted_into_a_shell() {
    let mut browser = Browser::open(MEMBER, (120, 36));
    browser.command(WEB).press("c c");
    assert_eq!(
        browser.copied.last().unwrap(),
        "etcd-inspect get deployments/web -n prod -o yaml -d k8s-1.20-etcd35"
    );
    browser.press(", d c c");
    assert!(
        browser.copied.last().unwrap().contains("--rev ")
            && browser.copied.last().unwrap().contains("--describe")
    );
    browser.press("c k");
    assert_eq!(
        browser.copied.last().unwrap(),
        "/registry/deployments/prod/web"
    );
    browser.press("T c v");
    assert!(
        browser
            .copied
            .last()
            .unwrap()
            .starts_with("kind: Deployment\n")
    );
    browser.press("c j");
    assert!(browser.copied.last().unwrap().starts_with("{\n"));
    browser.press("c o");
    assert!(browser.copied.last().unwrap().contains("member/snap/db@0x"));
}

#[test]
fn q_goes_back_and_quits_at_the_root_and_escape_never_quits() {
    let mut browser = Browser::open(MEMBER, (80, 24));
    browser.press("2 q");
    assert!(!browser.over);
    assert_eq!(browser.place().0, "Browse");
    browser.press("esc esc esc");
    assert!(!browser.over);
    browser.press("q");
    assert!(browser.over);
}

#[test]
fn a_second_control_c_quits_and_a_late_one_does_not() {
    let mut browser = Browser::open(MEMBER, (80, 24));
    browser.press("ctrl-c");
    let stop = browser.wakes.last().copied().unwrap();
    browser.send(Event::Wake(stop));
    browser.press("ctrl-c");
    assert!(!browser.over);
    browser.press("ctrl-c");
    assert!(browser.over);
}

#[test]
fn help_runs_the_key_that_was_looked_up() {
    let mut browser = Browser::open(MEMBER, (80, 24));
    browser.command(WEB).press("?").type_in("history of the");
    browser.press("enter");
    assert_eq!(browser.place().0, "History");
}

#[test]
fn commands_complete_and_wrong_ones_say_so() {
    let mut browser = Browser::open(MEMBER, (80, 24));
    browser.press(":").type_in("hist").press("tab");
    assert!(browser.shows(":history"), "{}", browser.draw());
    browser.press("esc").command("frobnicate");
    assert!(
        browser.shows("no command and no resource is called \"frobnicate\""),
        "{}",
        browser.draw()
    );
    browser.command("po");
    assert!(browser.place().1.contains("pods"), "{:?}", browser.place());
    browser.command("ns/kube-system");
    assert!(
        browser.place().1.ends_with("kube-system"),
        "{:?}",
        browser.place()
    );
}

#[test]
fn a_pivot_without_a_target_says_why() {
    let mut browser = Browser::open(MEMBER, (80, 24));
    browser.command("key /no/such/key");
    assert!(
        browser.shows("nothing of /no/such/key is stored"),
        "{}",
        browser.draw()
    );
}

#[test]
fn deleted_keys_are_shown_on_demand_and_their_last_version_is_one_step_away() {
    let mut browser = Browser::open(MEMBER, (120, 36));
    browser
        .command("key /registry/example.com/gadgets/")
        .press("A l j l }");
    assert!(browser.shows("✕ deleted"), "{}", browser.draw());
    assert!(
        browser.shows("does not exist at revision"),
        "{}",
        browser.draw()
    );
    browser.press(",");
    assert!(
        browser.shows("PAST") && browser.shows("kind: Gadget"),
        "{}",
        browser.draw()
    );
}

#[test]
fn a_keyspace_without_kubernetes_is_a_tree_of_prefixes() {
    let mut browser = Browser::open("etcd-3.5.30", (120, 36));
    assert!(browser.shows("all keys"), "{}", browser.draw());
    browser.press("j j j enter");
    assert_eq!(browser.place().0, "Browse");
}

#[test]
fn a_directory_that_cannot_be_opened_leaves_a_browser_that_says_so() {
    let mut browser =
        Browser::open_paths(vec!["/nowhere/at/all".into()], (80, 24), Options::default());
    assert!(browser.shows("/nowhere/at/all"), "{}", browser.draw());
    browser.press("j k enter 2 3 ? esc : esc , . < > T g p");
    assert!(!browser.over);
    browser.press("esc q q q q");
}

#[test]
fn ascii_draws_nothing_but_ascii_and_no_color_no_colour() {
    let options = Options {
        ascii: true,
        color: false,
        ..Options::default()
    };
    let mut browser = Browser::open_paths(vec![path(MEMBER)], (120, 36), options);
    for keys in ["", "?", "esc 2", "1 d", "3"] {
        browser.press(keys);
        assert!(browser.draw().is_ascii(), "{}", browser.draw());
    }
    let buffer = browser.buffer();
    assert!(
        buffer
            .content
            .iter()
            .all(|cell| cell.fg == ratatui::style::Color::Reset
                && cell.bg == ratatui::style::Color::Reset)
    );
}

#[test]
fn a_terminal_that_is_too_small_says_so_and_comes_back_as_it_was() {
    let mut browser = Browser::open(MEMBER, (120, 36));
    browser.command(WEB);
    let before = browser.draw();
    browser.resize((38, 9));
    assert!(browser.shows("too small: 38x9, need 40x10"));
    browser.press("j 2 enter").resize((120, 36));
    assert_eq!(browser.draw(), before);
    browser.resize((38, 9)).press("q");
    assert!(browser.over);
}

#[test]
fn what_is_copied_to_create_an_object_again_is_what_get_neat_prints_and_never_has_a_mask() {
    let mut browser = Browser::open(MEMBER, (120, 36));
    browser.command("deploy/web -n prod").press("c R");
    let copied = browser.copied.last().unwrap().clone();
    assert!(copied.starts_with("apiVersion: apps/v1\n"), "{copied}");
    for gone in ["uid:", "resourceVersion:", "status:", "managedFields:"] {
        assert!(!copied.contains(gone), "{gone} in {copied}");
    }
    // The same in the view that is called neat: least, status, full, neat.
    browser.press("T m m m c v");
    assert_eq!(browser.copied.last().unwrap(), &copied);
    assert!(browser.shows("neat:"), "{}", browser.draw());

    browser.command("secret/opaque -n prod");
    let before = browser.copied.len();
    for keys in ["c R", "c v", "c j"] {
        browser.press(keys);
        assert_eq!(browser.copied.len(), before, "{keys}: {:?}", browser.copied);
        let picture = browser.draw();
        assert!(picture.contains("not copied"), "{keys}: {picture}");
        assert!(picture.contains("hidden"), "{keys}: {picture}");
    }
    browser.press("X c R");
    let copied = browser.copied.last().unwrap();
    assert!(
        browser.copied.len() > before && copied.contains("data:"),
        "{copied}"
    );
    assert!(!copied.contains("••••"), "{copied}");
}

/// Keys that were pressed, typed letters counted each.
fn strokes(keys: &[&str]) -> usize {
    keys.iter()
        .map(|keys| match keys.strip_prefix('=') {
            Some(typed) => typed.chars().count(),
            None => keys.split_whitespace().count(),
        })
        .sum()
}

/// Presses keys; what begins with `=` is typed.
fn go(browser: &mut Browser, keys: &[&str]) {
    for part in keys {
        match part.strip_prefix('=') {
            Some(typed) => browser.type_in(typed),
            None => browser.press(part),
        };
    }
}

#[test]
fn a_string_in_old_versions_leads_to_the_line_that_has_it_in_sixteen_keys() {
    let keys = ["8 enter", "=w26", "enter enter"];
    assert!(strokes(&keys) <= 16, "{}", strokes(&keys));
    let mut browser = Browser::open(MEMBER, (120, 36));
    go(&mut browser, &keys);
    let picture = browser.draw();
    assert!(picture.contains("wave: w26"), "{picture}");
    assert!(picture.contains("/w26  1 of "), "{picture}");
}

#[test]
fn an_entry_of_the_log_leads_to_object_and_page_and_back_in_twelve_keys() {
    let keys = ["4 k k k k", "g k", "g p", "[ ["];
    assert!(strokes(&keys) <= 12, "{}", strokes(&keys));
    let mut browser = Browser::open(MEMBER, (120, 36));
    go(&mut browser, &keys[..1]);
    let entry = browser.place();
    assert_eq!(entry.0, "WAL");
    go(&mut browser, &keys[1..2]);
    assert_eq!(browser.place().0, "Browse", "{}", browser.draw());
    go(&mut browser, &keys[2..3]);
    assert_eq!(browser.place().0, "Pages", "{}", browser.draw());
    go(&mut browser, &keys[3..]);
    assert_eq!(browser.place(), entry);
}

#[test]
fn a_screen_reader_gets_one_pane_without_borders_and_a_line_for_each_action() {
    let options = Options {
        linear: true,
        ascii: true,
        mouse: false,
        ..Options::default()
    };
    let mut browser = Browser::open_paths(vec![path(MEMBER)], (120, 36), options);
    browser.command(WEB);
    let picture = browser.draw();
    assert!(picture.is_ascii(), "{picture}");
    for border in ["+--", "|  ", "| >"] {
        assert!(!picture.contains(border), "{border}: {picture}");
    }
    browser.press("tab j");
    assert!(
        browser.shows("Browse: registry > deployments > prod > web"),
        "{}",
        browser.draw()
    );
}

#[test]
fn plain_characters_draw_the_same_picture() {
    let plain = Options {
        ascii: true,
        ..Options::default()
    };
    let mut one = Browser::open(MEMBER, (120, 36));
    let mut other = Browser::open_paths(vec![path(MEMBER)], (120, 36), plain);
    for keys in [
        "1", "2", "3", "4", "5", "6", "7", "8", "1 d", "1 x", "?", "esc :",
    ] {
        let (wide, ascii) = (one.press(keys).draw(), other.press(keys).draw());
        assert!(ascii.is_ascii(), "{keys}: {ascii}");
        for (wide, ascii) in wide.lines().zip(ascii.lines()) {
            // What is of the evidence may be escaped, which takes more room: then only the frame is compared.
            if ascii.contains("\\u{") {
                assert!(!ascii.contains("\\u{25"), "{ascii}");
                continue;
            }
            let same = |c: char, a: char| c == a || !c.is_ascii();
            // A symbol that is a word or two characters moves what comes after it in its line.
            let moves = |c: char| "⏎⌫…±≥≤→←∅✓".contains(c);
            let until = match wide.chars().any(moves) {
                true => wide
                    .chars()
                    .take_while(|c| c.is_ascii() && *c != '+')
                    .count(),
                false => usize::MAX,
            };
            let pairs = wide.chars().zip(ascii.chars()).take(until);
            assert_eq!(
                wide.chars().count(),
                ascii.chars().count(),
                "{keys}\n{wide}\n{ascii}"
            );
            assert!(
                pairs.clone().all(|(c, a)| same(c, a)),
                "{keys}\n{wide}\n{ascii}"
            );
            assert!(
                pairs.clone().all(|(_, a)| a != '?' || wide.contains('?')),
                "{keys}\n{wide}\n{ascii}"
            );
        }
    }
}

#[test]
fn values_behind_a_mask_are_never_copied_in_any_form() {
    let mut browser = Browser::open(MEMBER, (120, 36));
    browser.command("secret/opaque -n prod");
    let before = browser.copied.len();
    for keys in ["c v", "c j", "m c v", "m c j", "c R", "2 c v", "c j"] {
        browser.press(keys);
        assert_eq!(browser.copied.len(), before, "{keys}: {:?}", browser.copied);
        assert!(browser.shows("not copied"), "{keys}: {}", browser.draw());
    }
}

#[test]
fn two_control_c_end_as_an_interrupt_does_and_q_does_not() {
    let mut browser = Browser::open(MEMBER, (80, 24));
    browser.press("ctrl-c ctrl-c");
    assert!(browser.over && browser.app.is_interrupted());
    let mut browser = Browser::open(MEMBER, (80, 24));
    browser.press("q");
    assert!(browser.over && !browser.app.is_interrupted());
}
