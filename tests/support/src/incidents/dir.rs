//! Controls, and damage to the directory itself.

use std::fs;
use std::path::Path;

use super::wal::segmented;
use super::{CLEAN, Incident, KILLED, Starts};
use crate::damage::noise;
use crate::places::wal;

pub(super) const CONTROLS: &[Incident] = &[
    Incident {
        id: "C00",
        class: "CONTROL",
        reaction: "STARTS",
        starts: Starts::Yes,
        base: CLEAN,
        what: "no mutation",
        apply: |_| (),
    },
    Incident {
        id: "C01",
        class: "CONTROL",
        reaction: "STARTS",
        starts: Starts::Yes,
        base: KILLED,
        what: "no mutation (SIGKILL, backend lags WAL)",
        apply: |_| (),
    },
    Incident {
        id: "C02",
        class: "CONTROL",
        reaction: "STARTS",
        starts: Starts::Yes,
        base: KILLED,
        what: "no mutation (SIGKILL, replay crosses several WAL segments)",
        apply: |dir| drop(segmented(dir)),
    },
];

pub(super) const CASES: &[Incident] = &[
    Incident {
        id: "F01",
        class: "DIR-EXTRA-FILES",
        reaction: "HEALS-WITH-LOG",
        starts: Starts::Yes,
        base: CLEAN,
        what: "stray files: data-dir/lost+found, member/wal/core.123, member/snap/backup.db",
        apply: |dir| {
            fs::create_dir(dir.join("lost+found")).expect("made");
            fs::write(dir.join("member/wal/core.123"), noise(1, 5000)).expect("written");
            fs::write(dir.join("member/snap/backup.db"), noise(2, 5000)).expect("written");
        },
    },
    Incident {
        id: "F03",
        class: "DIR-SNAP-MISSING",
        reaction: "REFUSES",
        starts: Starts::No,
        base: CLEAN,
        what: "whole member/snap directory moved away, first WAL segment already purged",
        apply: |dir| {
            segmented(dir);
            fs::remove_file(&wal::segments(dir)[0]).expect("removed");
            fs::remove_dir_all(dir.join("member/snap")).expect("removed");
        },
    },
];

/// The whole folder gone, made or renamed by path.
pub(super) fn copy_file(from: &Path, to: &Path) {
    crate::sparse::copy(from, to)
        .unwrap_or_else(|error| panic!("{} to {}: {error}", from.display(), to.display()));
}
