//! The sentence about an answer that the log alone gives, because the db cannot be read.

use located::{RaftIndex, text::number::thousands};

use crate::check::Logged;
use crate::member::{Member, Wal};
use crate::recover::commit;

/// How far the log reaches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogReach {
    /// The sentence about it.
    pub text: String,
    /// Whether writes may be missing: records are damaged or lost, or not known to be committed.
    pub may_lack_writes: bool,
}

/// Returns what entries and revisions the answer is from, and what may be missing. `None` without a log.
pub fn log_reach(member: &Member, logged: &Logged) -> Option<LogReach> {
    let wal = member.wal()?;
    let log = wal.log();
    let number = |number: RaftIndex| thousands(number.into());
    let (committed, end) = (commit(&wal, RaftIndex(0)), log.last_index());
    let is_whole = log.gaps.is_empty() && log.damages.is_empty();
    let mut missing = Vec::new();
    if committed < end {
        missing.push(format!(
            "entries {}–{} are not known to be committed and are left out",
            number(committed.next()),
            number(end)
        ));
    }
    let Some((first, last)) = logged.revisions() else {
        return Some(without_revisions(&wal, is_whole, missing));
    };
    let of_last = logged.index_of(last).filter(|_| !is_whole);
    let text = format!(
        "the log alone answers, from its first entry on: revs {}–{}, raft entries 1–{}",
        thousands(first.into()),
        thousands(last.into()),
        number(of_last.unwrap_or(committed))
    );
    if let Some(index) = logged.stopped() {
        missing.push(format!(
            "from entry {} on no revision is known",
            number(index)
        ));
    }
    if !is_whole {
        missing.push(
            "entries after them are missing or damaged: of later writes no revision is known"
                .to_owned(),
        );
    }
    Some(LogReach {
        may_lack_writes: !missing.is_empty(),
        text: with_rest(text, &missing),
    })
}

/// The store was not empty before the first entry, and is lost: the log has writes, but no state of the store.
fn without_revisions(wal: &Wal<'_>, is_whole: bool, mut missing: Vec<String>) -> LogReach {
    let first = wal
        .log()
        .surviving()
        .next()
        .map_or(RaftIndex(0), |first| first.index);
    let text = format!(
        "the log alone answers, and the store before its entry {} is lost with the db: what is certain are the writes, each with its entry and without a revision; one with ? may not have happened; keys that no entry names are unknown",
        thousands(first.into())
    );
    if !is_whole {
        missing.push("entries of it are missing or damaged".to_owned());
    }
    LogReach {
        text: with_rest(text, &missing),
        may_lack_writes: true,
    }
}

fn with_rest(mut text: String, missing: &[String]) -> String {
    for lack in missing {
        text.push_str("; ");
        text.push_str(lack);
    }
    text
}
