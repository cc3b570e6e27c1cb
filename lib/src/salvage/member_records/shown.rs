//! A log of which entries are lost, and no db that has what they did: what later entries show of them is used.

use super::super::demands::ShownOfHole;
use super::super::extra::Extra;
use super::super::settled::KnownRecords;
use super::super::timeline::{LogReplay, LostEntries, ReplayFrom, ReplayUntil, timeline};
use super::MemberRecords;
use super::hole_sizes::HoleSizes;
use crate::member::Wal;
use crate::recover::{Base, State};

/// How often the log is applied at most, each time with one more thing known of lost entries.
const MAX_RUNS: usize = 64;

/// Applies entries on a base that has the effect of none of them, as [`timeline`] does, and counts lost ones by what later ones demand.
pub(super) fn timeline_by_later_entries<'a>(
    wal: &Wal<'a>,
    extra: &'a Extra<'a>,
    base: &dyn Base,
    state: &State,
    span: (ReplayFrom, ReplayUntil),
    mut holes: HoleSizes,
) -> LogReplay<'a> {
    holes.ask_later_entries();
    let apply = |holes: &HoleSizes| {
        let known = KnownRecords::default();
        timeline(wal, extra, base, state.clone(), span, known, holes)
    };
    let mut line = apply(&holes);
    for _ in 0..MAX_RUNS {
        if line.lost.is_empty() || !holes.correct_by_demands(&line) {
            break;
        }
        line = apply(&holes);
    }
    for (lost, hole) in line.lost.iter_mut().zip(&line.demands.holes) {
        lost.shown = hole.is_counted();
    }
    line
}

impl MemberRecords<'_> {
    /// What is lost, and what later entries show of it.
    pub(super) fn take_lost(&mut self, line: &LogReplay<'_>, lost: &[LostEntries]) {
        let listed = lost.iter().map(|lost| Self::lost_entries(line, lost));
        self.lost.extend(listed);
        self.take_lost_revisions(lost.iter());
        self.take_shown(line);
        self.note_undecodable(line);
    }

    /// What later entries show of lost ones: the keys that these wrote, and leases.
    pub(super) fn take_shown(&mut self, line: &LogReplay<'_>) {
        for (key, revision) in line.demands.written() {
            self.damaged_writes.push((key.to_vec(), revision, None));
        }
        let leases = line.demands.leases.len() as u64;
        if leases > 0 {
            self.notes.push(format!(
                "the log has no grant of {}, which later entries use: {} given the longest time to live that was granted before",
                crate::start::counted(leases, "lease", "leases"),
                if leases == 1 { "it is" } else { "they are" }
            ));
        }
    }

    /// Revisions of lost entries, of which a later compaction leaves no gap that shows them.
    pub(super) fn take_lost_revisions<'l>(&mut self, lost: impl Iterator<Item = &'l LostEntries>) {
        for entries in lost {
            let (first, last) = entries.revisions;
            if first <= last {
                self.lost_ranges.push((first, last));
            }
            if !entries.shown {
                let known = self.uncounted_from.unwrap_or(first);
                self.uncounted_from = Some(known.min(first));
            }
        }
    }
}

/// The key that lost entries wrote, if they made one revision and it is known.
pub(super) fn only_key<'l>(line: &'l LogReplay<'_>, lost: &LostEntries) -> Option<&'l [u8]> {
    let (first, last) = lost.revisions;
    let mut holes = line.demands.holes.iter();
    let hole: &ShownOfHole = holes.find(|hole| hole.first == lost.first)?;
    let (key, revision) = hole.writes.first()?;
    (first == last && *revision == first).then_some(key.as_slice())
}
