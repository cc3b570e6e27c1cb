//! Damage to the write-ahead log.

use std::fs;
use std::path::Path;

use super::dir::copy_file;
use super::{CLEAN, Incident, KILLED, Starts};
use crate::damage::{flip_bit, noise, overwrite, truncate, zero};
use crate::places::proto;
use crate::places::wal::{
    CRC, ENTRY, Entry, Frame, Log, METADATA, SNAPSHOT, STATE, entry, hard_state, segments, split,
};

/// A log of five segments: two wholly before the newest snapshot, one across it, and two that must be replayed.
pub(super) fn segmented(dir: &Path) -> Log {
    let log = Log::read(dir);
    let newest = log.snapshots().last().expect("a snapshot record").0;
    let last = log.entries().last().expect("an entry").index;
    let step = (last - newest) / 4;
    assert!(
        newest > 10 && step > 0,
        "a snapshot with entries before and after it"
    );
    split(
        dir,
        &[newest / 3, 2 * newest / 3, newest + step, newest + 3 * step],
    );
    Log::read(dir)
}

/// An entry with a payload worth damaging, in a segment, about the middle.
fn middle(log: &Log, segment: usize) -> Entry {
    let entries: Vec<Entry> = log
        .entries()
        .into_iter()
        .filter(|entry| entry.segment == segment && entry.data.len() > 40)
        .collect();
    entries[entries.len() / 2].clone()
}

/// The entry so many before the last.
fn before_end(log: &Log, count: usize) -> Entry {
    let entries = log.entries();
    entries[entries.len() - 1 - count.min(entries.len() / 2)].clone()
}

/// Offset of the payload of an entry, in its file.
fn payload(log: &Log, entry: &Entry) -> usize {
    let data = &log.segments[entry.segment].frames[entry.frame].data;
    data.end - entry.data.len().min(20)
}

fn length_word(log: &Log, entry: &Entry) -> usize {
    log.segments[entry.segment].frames[entry.frame].at
}

const fn case(
    id: &'static str,
    class: &'static str,
    reaction: &'static str,
    starts: Starts,
    what: &'static str,
    apply: fn(&Path),
) -> Incident {
    Incident {
        id,
        class,
        reaction,
        starts,
        base: KILLED,
        what,
        apply,
    }
}

pub(super) const CASES: &[Incident] = &[
    case(
        "W01",
        "WAL-CRC-OLDSEG",
        "REFUSES",
        Starts::No,
        "flip 1 byte of an entry payload in the FIRST of several WAL segments (long before the newest snapshot)",
        |dir| {
            let log = segmented(dir);
            flip_bit(&log.segments[0].path, payload(&log, &middle(&log, 0)), 3);
        },
    ),
    case(
        "W03",
        "WAL-CRC-MIDSEG",
        "REFUSES",
        Starts::No,
        "flip 1 byte of an entry payload in a MIDDLE WAL segment that must be replayed",
        |dir| {
            let log = segmented(dir);
            flip_bit(&log.segments[3].path, payload(&log, &middle(&log, 3)), 3);
        },
    ),
    case(
        "W05",
        "WAL-CRC-TAIL",
        "REFUSES",
        Starts::No,
        "flip 1 byte of the very last entry record",
        |dir| {
            let log = Log::read(dir);
            flip_bit(
                &log.segments[0].path,
                payload(&log, &before_end(&log, 0)),
                3,
            );
        },
    ),
    case(
        "W07",
        "WAL-TORN-TAIL",
        "SILENT-WRONG-DATA",
        Starts::Yes,
        "zero everything from a sector boundary inside one of the last entry records on (torn sector, prealloc kept)",
        |dir| {
            let log = Log::read(dir);
            let file = &log.segments[0];
            let boundary = |frame: &Frame| (frame.at + 8).div_ceil(512) * 512;
            let torn = log
                .entries()
                .into_iter()
                .rev()
                .map(|entry| &file.frames[entry.frame])
                .find(|frame| boundary(frame) + 16 < frame.end)
                .expect("an entry across sectors");
            zero(&file.path, boundary(torn)..file.end());
        },
    ),
    case(
        "W08",
        "WAL-ZERO-SECTOR",
        "SILENT-WRONG-DATA",
        Starts::Yes,
        "zero one 512-byte sector in an entry, more entries after it",
        |dir| {
            let log = Log::read(dir);
            let file = &log.segments[0];
            let written = |frame: &Frame| {
                ((frame.at + 8).div_ceil(512)..frame.end / 512)
                    .map(|sector| sector * 512)
                    .find(|at| file.bytes[*at..at + 512].iter().all(|byte| *byte != 0))
            };
            let sector = log
                .entries()
                .iter()
                .rev()
                .skip(20)
                .find_map(|entry| written(&file.frames[entry.frame]))
                .expect("an entry of several sectors");
            zero(&file.path, sector..sector + 512);
        },
    ),
    case(
        "W09",
        "WAL-LEN-CORRUPT",
        "SILENT-WRONG-DATA",
        Starts::Yes,
        "set a high byte of the frame LENGTH of an entry before the end of the last segment (max entry size limit exceeded)",
        |dir| {
            let log = Log::read(dir);
            overwrite(
                &log.segments[0].path,
                length_word(&log, &before_end(&log, 60)) + 5,
                &[0x7F],
            );
        },
    ),
    case(
        "W10",
        "WAL-LEN-ZERO",
        "SILENT-WRONG-DATA",
        Starts::Yes,
        "zero the frame LENGTH of an entry before the end of the last segment",
        |dir| {
            let log = Log::read(dir);
            let at = length_word(&log, &before_end(&log, 60));
            zero(&log.segments[0].path, at..at + 8);
        },
    ),
    case(
        "W11",
        "WAL-LEN-CORRUPT",
        "REFUSES",
        Starts::No,
        "set a high byte of the frame LENGTH of an entry in a MIDDLE segment that must be replayed",
        |dir| {
            let log = segmented(dir);
            overwrite(
                &log.segments[3].path,
                length_word(&log, &middle(&log, 3)) + 5,
                &[0x7F],
            );
        },
    ),
    case(
        "W13",
        "WAL-LEN-ZERO",
        "REFUSES",
        Starts::No,
        "zero the frame LENGTH of an entry in a MIDDLE segment that must be replayed",
        |dir| {
            let log = segmented(dir);
            let at = length_word(&log, &middle(&log, 3));
            zero(&log.segments[3].path, at..at + 8);
        },
    ),
    case(
        "W15",
        "WAL-MISSING-OLD",
        "REFUSES",
        Starts::No,
        "delete a MIDDLE WAL segment before the newest snapshot",
        |dir| {
            fs::remove_file(&segmented(dir).segments[1].path).expect("removed");
        },
    ),
    case(
        "W17",
        "WAL-MISSING-TAIL",
        "SILENT-WRONG-DATA",
        Starts::Yes,
        "delete the LAST WAL segment (backend lags)",
        |dir| {
            fs::remove_file(&segmented(dir).segments[4].path).expect("removed");
        },
    ),
    Incident {
        base: CLEAN,
        ..case(
            "W19",
            "WAL-ALL-GONE",
            "SILENT-SWALLOWS-WRITES",
            Starts::WritesBlocked,
            "delete every WAL segment, keep snap/ and db",
            |dir| {
                fs::remove_dir_all(dir.join("member/wal")).expect("removed");
            },
        )
    },
    case(
        "W21",
        "WAL-EMPTY-TAIL",
        "SILENT-WRONG-DATA",
        Starts::Yes,
        "truncate the LAST WAL segment to 0 bytes",
        |dir| {
            truncate(&segmented(dir).segments[4].path, 0);
        },
    ),
    case(
        "W23",
        "WAL-CRC-REC",
        "REFUSES",
        Starts::No,
        "flip a bit in the value of the leading CRC record of a MIDDLE segment",
        |dir| {
            let log = segmented(dir);
            let head = &log.segments[3].frames[0];
            assert_eq!(head.kind, CRC);
            flip_bit(&log.segments[3].path, head.record + 4, 2);
        },
    ),
    Incident {
        base: CLEAN,
        ..case(
            "W25",
            "WAL-FOREIGN",
            "HANGS",
            Starts::Hangs,
            "replace member/wal by the WAL of a DIFFERENT member/cluster, keep snap/ and db",
            |dir| {
                for path in segments(dir) {
                    fs::remove_file(path).expect("removed");
                }
                for path in segments(&crate::data_dir("etcd-3.5.16")) {
                    copy_file(
                        &path,
                        &dir.join("member/wal")
                            .join(path.file_name().expect("a name")),
                    );
                }
            },
        )
    },
    case(
        "W27",
        "WAL-UNKNOWN-TYPE",
        "REFUSES",
        Starts::No,
        "append a record of unknown type 9 to the log (valid CRC)",
        |dir| {
            Log::read(dir).rewrite(|_, records| records.push((9, b"unknown".to_vec())));
        },
    ),
    case(
        "W29",
        "WAL-HS-COMMIT-BACK",
        "HEALS-WITH-LOG",
        Starts::Yes,
        "append a HardState whose commit went BACK below the newest snapshot (valid CRC)",
        |dir| {
            let log = Log::read(dir);
            let (term, vote, _) = log.hard_state();
            let back = log.snapshots().last().expect("a snapshot").0 - 5;
            log.rewrite(|_, records| records.push((STATE, hard_state(term, vote, back))));
        },
    ),
    Incident {
        base: CLEAN,
        ..case(
            "W31",
            "WAL-TAIL-GARBAGE",
            "SILENT-HARMLESS",
            Starts::Yes,
            "write 4 KiB of random bytes 64 KiB past the end of the log (inside the preallocated zeros)",
            |dir| {
                let log = Log::read(dir);
                overwrite(
                    &log.segments[0].path,
                    log.segments[0].end() + 65536,
                    &noise(31, 4096),
                );
            },
        )
    },
    Incident {
        base: CLEAN,
        ..case(
            "W33",
            "WAL-RESIDUE",
            "HEALS-WITH-LOG",
            Starts::Yes,
            "leave a 0-byte 0.tmp and an old \"*.wal.broken\" next to the WAL",
            |dir| {
                fs::write(dir.join("member/wal/0.tmp"), b"").expect("written");
                let first = &segments(dir)[0];
                copy_file(first, &first.with_extension("wal.broken"));
            },
        )
    },
    case(
        "W35",
        "WAL-PROTO-DAMAGE",
        "REFUSES",
        Starts::No,
        "flip the protobuf tag of a WAL record in the middle of the last segment",
        |dir| {
            let log = Log::read(dir);
            let entry = before_end(&log, 40);
            flip_bit(
                &log.segments[0].path,
                log.segments[0].frames[entry.frame].record,
                5,
            );
        },
    ),
    case(
        "W36",
        "WAL-CRC-TORN-LOOKALIKE",
        "SILENT-WRONG-DATA",
        Starts::Yes,
        "flip 1 bit in an entry whose value holds more than 1023 zero bytes: etcd takes it for a torn write and drops everything after it",
        |dir| {
            let log = Log::read(dir);
            let zeros = |entry: &Entry| entry.data.split(|byte| *byte != 0).count() > 1100;
            let hit = log
                .entries()
                .into_iter()
                .rev()
                .skip(20)
                .find(zeros)
                .expect("an entry with zeros");
            flip_bit(&log.segments[0].path, payload(&log, &hit), 1);
        },
    ),
    case(
        "W37",
        "WAL-ENTRY-PAYLOAD",
        "REFUSES",
        Starts::No,
        "replace the InternalRaftRequest bytes of one entry by garbage, CRC re-computed (bad RAM before CRC)",
        |dir| {
            let log = Log::read(dir);
            let hit = before_end(&log, 20);
            let garbage = [vec![0x0F; 4], noise(37, hit.data.len().max(8))].concat();
            log.rewrite(|_, records| {
                records[hit.frame].1 = entry(0, hit.term, hit.index, &garbage)
            });
        },
    ),
    case(
        "W39",
        "WAL-SNAPREC-LOST",
        "SILENT-HARMLESS",
        Starts::Yes,
        "drop the newest snapshot record from the WAL (CRC re-computed); its .snap file is now an orphan",
        |dir| {
            Log::read(dir).rewrite(|_, records| {
                let newest = records
                    .iter()
                    .rposition(|(kind, _)| *kind == SNAPSHOT)
                    .expect("a snapshot record");
                records.remove(newest);
            });
        },
    ),
    Incident {
        base: CLEAN,
        ..case(
            "W41",
            "WAL-LEN-CORRUPT",
            "SILENT-SWALLOWS-WRITES",
            Starts::WritesBlocked,
            "normal life (db committed up to date): frame LENGTH damaged 30 entries before the end => log repaired to end BEFORE the db's consistent_index",
            |dir| {
                let log = Log::read(dir);
                overwrite(
                    &log.segments[0].path,
                    length_word(&log, &before_end(&log, 30)) + 5,
                    &[0x7F],
                );
            },
        )
    },
    case(
        "W43",
        "WAL-DUP-SEGMENT",
        "REFUSES",
        Starts::No,
        "a copy of a middle segment left in the WAL dir under a wrong sequence number",
        |dir| {
            let log = segmented(dir);
            let name = log.segments[3]
                .path
                .file_name()
                .expect("a name")
                .to_string_lossy()
                .replacen("0000000000000003-", "0000000000000005-", 1);
            copy_file(&log.segments[3].path, &dir.join("member/wal").join(name));
        },
    ),
    case(
        "W45",
        "WAL-BITFLIP-HARDSTATE",
        "REFUSES",
        Starts::No,
        "flip 1 bit in a HardState record in the middle of the last segment",
        |dir| {
            let log = Log::read(dir);
            let file = &log.segments[0];
            let states: Vec<_> = file
                .frames
                .iter()
                .filter(|frame| frame.kind == STATE)
                .collect();
            flip_bit(&file.path, states[states.len() / 2].data.end - 1, 0);
        },
    ),
    case(
        "W47",
        "WAL-CONFCHANGE-FOREIGN",
        "REFUSES",
        Starts::No,
        "a ConfChange entry removing the local member is appended and committed (valid CRC)",
        |dir| {
            let log = Log::read(dir);
            let metadata = log.segments[0]
                .records()
                .into_iter()
                .find(|(kind, _)| *kind == METADATA)
                .expect("metadata")
                .1;
            let (term, vote, _) = log.hard_state();
            let next = log.entries().last().expect("an entry").index + 1;
            let mut change = Vec::new();
            proto::put_number(&mut change, 1, 77);
            proto::put_number(&mut change, 2, 1);
            proto::put_number(&mut change, 3, proto::number(&metadata, 1));
            log.rewrite(|_, records| {
                records.push((ENTRY, entry(1, term, next, &change)));
                records.push((STATE, hard_state(term, vote, next)));
            });
        },
    ),
];
