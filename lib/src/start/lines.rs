//! The lines of a preflight: what is in order, what has to be known, what must not be done.

use located::RaftIndex;

/// How one line of a preflight ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Level {
    /// In order.
    Pass,
    /// To be known before.
    Warn,
    /// Must not be done.
    Fail,
}

/// One line of a preflight.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Line {
    /// Whether it is in order.
    pub level: Level,
    /// The finding's code, or a word for the rule.
    pub code: String,
    /// One sentence.
    pub text: String,
}

impl Line {
    /// A line of that level about a code.
    pub(crate) fn new(level: Level, code: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            level,
            code: code.into(),
            text: text.into(),
        }
    }
}

/// Returns a number with its noun: `1 entry`, `2 entries`.
pub fn counted(count: u64, one: &str, many: &str) -> String {
    match count {
        1 => format!("1 {one}"),
        count => format!("{} {many}", located::text::number::thousands(count.into())),
    }
}

/// Returns whether no line failed.
pub fn is_go(lines: &[Line]) -> bool {
    lines.iter().all(|line| line.level != Level::Fail)
}

/// What it means that the next entries are skipped. `own`: how many of them etcd writes itself before the first one of a client.
pub(super) fn skipped(entries: u64, own: u64) -> String {
    let effect = match entries.saturating_sub(own) {
        0 => "no write of a client is among them".to_owned(),
        1 => "the next write times out and is never in the store".to_owned(),
        writes => format!("the next {writes} writes time out and are never in the store"),
    };
    let own = own.min(entries);
    format!(
        "etcd would skip the next {entries} entries, of which it writes {own} itself when it starts: {effect}"
    )
}

/// What becomes of a db without a log. `applied`: its consistent_index; `is_empty`: whether it has no key and no history.
pub(super) fn without_log(applied: RaftIndex, is_empty: bool) -> (Level, String) {
    match applied {
        RaftIndex(0) if is_empty => (
            Level::Warn,
            "no WAL, and nothing in the db: etcd starts as a new member with an empty store"
                .to_owned(),
        ),
        RaftIndex(0) => (
            Level::Fail,
            "no WAL: etcd starts as a new member on the old db".to_owned(),
        ),
        index => (
            Level::Fail,
            format!(
                "no WAL: etcd starts as a new member on the old db; entries up to {index} are skipped, so writes time out and are lost"
            ),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::skipped;

    /// Real etcd 3.5.16 on a log that ends 3 entries before its db: the no-op and its own attributes are skipped, then the first write of a
    /// client times out, and all later ones are kept.
    #[test]
    fn only_writes_of_clients_are_called_writes() {
        assert!(
            skipped(3, 2).contains("next 3 entries"),
            "{}",
            skipped(3, 2)
        );
        assert!(skipped(3, 2).contains("the next write times out"));
        assert!(skipped(166, 2).contains("the next 164 writes time out"));
        assert!(skipped(1, 2).contains("no write of a client is among them"));
    }
}
