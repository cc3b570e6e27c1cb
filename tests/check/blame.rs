//! Of every incident: the codes that must be found, and the files that may be blamed for it.

use etcd_inspect::Severity;

use crate::incidents::{Judged, judged};

/// A part of a data directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Db,
    Wal,
    Snap,
    Layout,
}

impl Part {
    fn from_file_name(file: &str) -> Self {
        let base = file.rsplit('/').next().unwrap_or_default();
        if base.contains(".wal") {
            Self::Wal
        } else if base.ends_with(".snap") || base.ends_with(".snap.broken") {
            Self::Snap
        } else if base == "db" || base.ends_with(".snap.db") {
            Self::Db
        } else {
            Self::Layout
        }
    }

    /// What the recipes of a letter damage.
    fn damaged_by(id: &str) -> Self {
        match id.chars().next() {
            Some('W') => Self::Wal,
            Some('S') => Self::Snap,
            Some('D' | 'L') => Self::Db,
            _ => Self::Layout,
        }
    }
}

/// Codes that must be among those found, notes included.
const EXPECTED: &[(&str, &[&str])] = &[
    ("C00", &[]),
    ("C01", &[]),
    ("C02", &[]),
    ("W01", &["WAL-006"]),
    ("W03", &["WAL-006"]),
    ("W05", &["WAL-006"]),
    ("W07", &["WAL-007"]),
    ("W08", &["WAL-033"]),
    ("W09", &["WAL-033"]),
    ("W10", &["WAL-034"]),
    ("W11", &["WAL-009"]),
    ("W13", &["WAL-034"]),
    ("W15", &["WAL-002"]),
    ("W17", &["WAL-035"]),
    ("W19", &["DIR-003"]),
    ("W21", &["WAL-036"]),
    ("W23", &["WAL-006"]),
    ("W25", &["X-002"]),
    ("W27", &["WAL-013"]),
    ("W29", &["WAL-018", "WAL-021"]),
    ("W31", &["WAL-024"]),
    ("W33", &["DIR-005"]),
    ("W35", &["WAL-013"]),
    ("W36", &["WAL-033"]),
    ("W37", &["WAL-025"]),
    ("W39", &["SNAP-003"]),
    ("W41", &["WAL-033"]),
    ("W43", &["WAL-010"]),
    ("W45", &["WAL-006"]),
    ("W47", &["WAL-038"]),
    ("S01", &["SNAP-001"]),
    ("S03", &["SNAP-001"]),
    ("S05", &["SNAP-004"]),
    ("S07", &["SNAP-007"]),
    ("S09", &["SNAP-014"]),
    ("S11", &["SNAP-002"]),
    ("S13", &["DIR-006", "DIR-007"]),
    ("S14", &["SNAP-009"]),
    ("S15", &["DIR-007"]),
    ("S17", &["SNAP-015"]),
    ("D01", &["DIR-004"]),
    ("D03", &["BOLT-001"]),
    ("D05", &["BOLT-007"]),
    ("D07", &["BOLT-007"]),
    ("D09", &["BOLT-001"]),
    ("D11", &["BOLT-001"]),
    ("D13", &["BOLT-008"]),
    ("D20", &["X-006"]),
    ("D21", &["X-006"]),
    ("D23", &["BOLT-012"]),
    ("D25", &["BOLT-009"]),
    ("D27", &["BOLT-010"]),
    ("D28", &["MVCC-007", "X-007"]),
    ("D29", &["BOLT-011"]),
    ("D31", &["BOLT-008"]),
    ("D33", &["BOLT-011"]),
    ("D35", &["BOLT-014"]),
    ("D37", &["BOLT-013"]),
    ("D39", &[]),
    ("D41", &["META-014"]),
    ("D43", &["SNAP-013"]),
    ("D45", &["BOLT-009"]),
    ("D47", &["BOLT-008"]),
    ("D49", &["SNAP-009", "X-002"]),
    ("D53", &["BOLT-015"]),
    ("D55", &["BOLT-017"]),
    ("D57", &["MVCC-001"]),
    ("D59", &["BOLT-012"]),
    ("D60", &["BOLT-002"]),
    ("L01", &["X-010"]),
    ("L03", &["META-003"]),
    ("L05", &["META-002"]),
    ("L07", &["META-010"]),
    ("L09", &["META-010"]),
    ("L11", &["MVCC-004"]),
    ("L13", &["MVCC-007", "X-007"]),
    ("L14", &["X-007"]),
    ("L15", &["MVCC-010", "X-007"]),
    ("L17", &["MEM-005"]),
    ("L19", &["X-015"]),
    ("L21", &["META-006"]),
    ("L23", &["AUTH-002"]),
    ("L25", &["LEASE-001"]),
    ("F01", &["DIR-012"]),
    ("F03", &["DIR-004"]),
];

/// Errors about a file that the recipe did not touch, and why they are true.
const CROSS: &[(&str, &str, &str)] = &[
    (
        "W25",
        "X-002",
        "db and WAL name different members: neither can say which of them is the stranger",
    ),
    (
        "W25",
        "SNAP-005",
        "the voters of the .snap are not those of the foreign WAL",
    ),
    (
        "W19",
        "DIR-003",
        "the db that has no log; the log itself has no file left to be blamed",
    ),
    (
        "S14",
        "SNAP-009",
        "the recipe takes an older db: the db is what is damaged",
    ),
    (
        "F03",
        "SNAP-004",
        "the snapshot record of the WAL is where the missing .snap is known from",
    ),
];

#[test]
fn every_incident_is_in_the_table_of_expected_codes() {
    let mut ids: Vec<&str> = judged().iter().map(|one| one.id).collect();
    let mut known: Vec<&str> = EXPECTED.iter().map(|(id, _)| *id).collect();
    ids.sort_unstable();
    known.sort_unstable();
    assert_eq!(ids, known);
}

#[test]
fn every_incident_has_its_codes() {
    let missing: Vec<String> = judged()
        .iter()
        .flat_map(|one| {
            let expected = EXPECTED.iter().find(|(id, _)| *id == one.id).unwrap().1;
            let found = |code: &str| one.found.iter().any(|(found, _, _)| *found == code);
            let missing = expected.iter().filter(move |code| !found(code));
            missing.map(|code| format!("{} lacks {code}", one.id))
        })
        .collect();
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn no_healthy_file_is_blamed_for_what_another_has() {
    let blamed = |one: &Judged| -> Vec<String> {
        let damaged = Part::damaged_by(one.id);
        let wrong = one.found.iter().filter(|(code, severity, file)| {
            let part = Part::from_file_name(file);
            let allowed = CROSS
                .iter()
                .any(|(id, known, _)| (*id, *known) == (one.id, code));
            *severity == Severity::Error && part != damaged && part != Part::Layout && !allowed
        });
        wrong
            .map(|(code, _, file)| format!("{} {code} {file}", one.id))
            .collect()
    };
    let wrong: Vec<String> = judged().iter().flat_map(blamed).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn healthy_controls_have_neither_errors_nor_warnings() {
    for one in judged().iter().filter(|one| one.class == "CONTROL") {
        assert!(one.codes.is_empty(), "{} {:?}", one.id, one.codes);
    }
}
