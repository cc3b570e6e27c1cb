//! The sentence about an answer that the log alone gives, because the db cannot be read.

use located::text::number::thousands;

use crate::check::Logged;
use crate::member::Member;
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
    let (first, last) = logged.revisions()?;
    let (committed, end) = (commit(&wal, 0), log.last_index());
    let is_whole = log.gaps.is_empty() && log.damages.is_empty();
    let of_last = logged.index_of(last).filter(|_| !is_whole);
    let number = |number: u64| thousands(number.into());
    let mut text = format!(
        "the log alone answers, from its first entry on: revs {}–{}, raft entries 1–{}",
        thousands(first.into()),
        thousands(last.into()),
        number(of_last.unwrap_or(committed))
    );
    let mut missing = Vec::new();
    if committed < end {
        missing.push(format!(
            "entries {}–{} are not known to be committed and are left out",
            number(committed.saturating_add(1)),
            number(end)
        ));
    }
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
    for lack in &missing {
        text.push_str("; ");
        text.push_str(lack);
    }
    Some(LogReach {
        text,
        may_lack_writes: !missing.is_empty(),
    })
}
