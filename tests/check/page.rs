//! Tables of `tests/README.md`, compared with the code.

use std::fs;

/// Compares a table with what the page has between its marks; `UPDATE_TABLE=1` writes it there.
pub(crate) fn holds(name: &str, table: &str) {
    // Two tests write to one page.
    static LOCK: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _guard = LOCK.lock();
    let page = testkit::root().join("tests/README.md");
    let text = fs::read_to_string(&page).unwrap();
    let (begin, end) = (
        format!("<!-- {name} -->\n"),
        format!("<!-- end of {name} -->"),
    );
    let from = text
        .find(&begin)
        .unwrap_or_else(|| panic!("no {begin} in {}", page.display()))
        + begin.len();
    let to = from
        + text[from..]
            .find(&end)
            .unwrap_or_else(|| panic!("no {end}"));
    if std::env::var_os("UPDATE_TABLE").is_some() {
        fs::write(&page, format!("{}{table}{}", &text[..from], &text[to..])).unwrap();
        return;
    }
    assert!(
        &text[from..to] == table,
        "{} is out of date; UPDATE_TABLE=1 cargo test -p etcd-inspect-lib --test check writes it:\n{table}",
        page.display()
    );
}
